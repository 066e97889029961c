//! What can go wrong between us and a server, sorted by what the caller has to say about it.

use crate::diagnostics::Diagnostic;

/// What kind of failure it was: decides the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PgErrorKind {
    /// A file that the settings name cannot be used; no session was opened.
    Settings,
    /// Nothing was begun: connecting, authentication, TLS, permission, a lock held by somebody.
    CouldNotStart,
    /// The database is not what the run needs (wrong schema, not empty, not a primary …).
    Unsuitable,
    /// A unique or foreign key of the target does not hold for the rows that were written; rolled back.
    RowsRefused,
    /// Something broke under way; the transaction was rolled back or dies with its connection.
    Unexpected,
    /// The connection broke while COMMIT was under way and nobody could say what became of it.
    OutcomeUnknown,
}

/// A failure of the database layer.
#[derive(Clone, Debug)]
pub struct PgError {
    /// Decides the exit status.
    pub kind: PgErrorKind,
    /// What, where, why, what to do. Never holds row values or secrets.
    pub diagnostic: Box<Diagnostic>,
}

impl PgError {
    /// Joins a kind and its explanation.
    pub fn new(kind: PgErrorKind, diagnostic: Diagnostic) -> Self {
        Self {
            kind,
            diagnostic: Box::new(diagnostic),
        }
    }
}
