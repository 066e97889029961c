//! Exit statuses: the same for every command, each with one meaning.

use std::process::ExitCode;

use crate::pg::PgErrorKind;

/// What the process answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done.
    Done,
    /// The mapping has errors.
    MappingErrors,
    /// `verify`: the target is not what the mapping makes.
    Differs,
    /// `account`: there is no such account, or neither database knows the token.
    NotFound,
    /// `verify-password`: the password is not accepted.
    NotAccepted,
    /// Usage or settings: an unknown flag, a file missing or malformed. Nothing was connected to.
    Usage,
    /// Could not start: connecting, authentication, permission, TLS, a lock held, a second run.
    CouldNotStart,
    /// An unexpected failure of a database; rolled back, nothing was changed.
    Unexpected,
    /// Nobody knows what became of COMMIT.
    OutcomeUnknown,
    /// Findings of severity error; nothing was changed.
    Findings,
    /// `check`: warnings only.
    Warnings,
    /// Interrupted by SIGINT; rolled back, nothing was changed.
    Interrupted,
    /// Ended by SIGTERM; rolled back, nothing was changed.
    Terminated,
}

impl ExitStatus {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            ExitStatus::Done => 0,
            ExitStatus::MappingErrors
            | ExitStatus::Differs
            | ExitStatus::NotFound
            | ExitStatus::NotAccepted => 1,
            ExitStatus::Usage => 2,
            ExitStatus::CouldNotStart => 3,
            ExitStatus::Unexpected => 4,
            ExitStatus::OutcomeUnknown => 5,
            ExitStatus::Findings => 10,
            ExitStatus::Warnings => 11,
            ExitStatus::Interrupted => 130,
            ExitStatus::Terminated => 143,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        ExitCode::from(status.code())
    }
}

impl From<PgErrorKind> for ExitStatus {
    fn from(kind: PgErrorKind) -> Self {
        match kind {
            PgErrorKind::Settings => ExitStatus::Usage,
            PgErrorKind::CouldNotStart => ExitStatus::CouldNotStart,
            PgErrorKind::Unsuitable | PgErrorKind::RowsRefused => ExitStatus::Findings,
            PgErrorKind::Unexpected => ExitStatus::Unexpected,
            PgErrorKind::OutcomeUnknown => ExitStatus::OutcomeUnknown,
        }
    }
}
