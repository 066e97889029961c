//! Why a command did not do what it was asked: an exit status and its explanation.

use crate::base::Files;
use crate::diagnostics::Diagnostic;
use crate::pg::PgError;

use super::exit::ExitStatus;

/// The end of a command that failed.
#[derive(Debug)]
pub struct Failure {
    /// What the process answers with.
    pub status: ExitStatus,
    /// Why; with the files that the places lie in.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that places lie in.
    pub files: Files,
}

impl Failure {
    /// A failure without places.
    pub fn new(status: ExitStatus, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            status,
            diagnostics,
            files: Files::new(),
        }
    }

    /// A failure for one reason.
    pub fn one(status: ExitStatus, diagnostic: Diagnostic) -> Self {
        Self::new(status, vec![diagnostic])
    }

    /// Several failures of the database layer as one: the gravest kind decides.
    pub fn all(errors: Vec<PgError>) -> Self {
        let status = errors
            .first()
            .map_or(ExitStatus::Unexpected, |error| error.kind.into());
        Self::new(
            status,
            errors.into_iter().map(|error| *error.diagnostic).collect(),
        )
    }
}

impl From<PgError> for Failure {
    fn from(error: PgError) -> Self {
        Self::one(error.kind.into(), *error.diagnostic)
    }
}

impl From<Box<PgError>> for Failure {
    fn from(error: Box<PgError>) -> Self {
        Self::from(*error)
    }
}
