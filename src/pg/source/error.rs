//! What can be wrong with the source, in words.

use tokio_postgres::error::SqlState;

use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes;
use crate::pg::server_error;
use crate::pg::session::Session;
use crate::pg::{PgError, PgErrorKind};

/// The server replays another one's log: locks cannot be taken there.
pub(super) fn standby() -> PgError {
    PgError::new(
        PgErrorKind::Unsuitable,
        Diagnostic::error(codes::E0650, "the source is a standby server")
            .note(
                "a standby cannot lock tables against writers, and its snapshots may be cancelled",
            )
            .help("connect to the primary server of the source"),
    )
}

/// Bytes of texts mean something else there.
pub(crate) fn encoding(side: &str, found: &str) -> PgError {
    PgError::new(
        PgErrorKind::Unsuitable,
        Diagnostic::error(
            codes::E0651,
            format!("the {side} database has the encoding `{found}`, expected `UTF8`"),
        )
        .note("texts are passed on as the bytes that the server stores")
        .help("restore the database into one created with `ENCODING 'UTF8'`"),
    )
}

/// A table of the plan is not there.
pub(crate) fn missing_tables(side: &str, schema: &str, missing: &[String]) -> PgError {
    let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    PgError::new(
        PgErrorKind::Unsuitable,
        Diagnostic::error(
            codes::E0674,
            format!(
                "the {side} database has no table {} in schema `{schema}`",
                names.join(", ")
            ),
        )
        .help("compare the connection settings of both sides: the databases may be swapped, or the schema another one"),
    )
}

/// The role may not read a table.
pub(super) fn may_not_read(role: &str, tables: &[String], grants: Vec<String>) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0652,
        format!("role `{role}` may not read {} of the source", list(tables)),
    );
    for grant in grants {
        diagnostic = diagnostic.note(grant);
    }
    PgError::new(
        PgErrorKind::CouldNotStart,
        diagnostic.help("run these statements as the owner of the tables"),
    )
}

/// The role may read the tables, but not keep writers out.
pub(super) fn may_not_lock(role: &str, tables: &[String], grants: Vec<String>) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0652,
        format!(
            "role `{role}` may not lock {} of the source against writers",
            list(tables)
        ),
    )
    .note("PostgreSQL lets only a role that may write to a table (from 17 on, maintain it) lock it; nothing is written to the source");
    for grant in grants {
        diagnostic = diagnostic.note(grant);
    }
    PgError::new(
        PgErrorKind::CouldNotStart,
        diagnostic
            .help("run these statements as the owner of the tables, and revoke the privilege afterwards")
            .help("or stop every writer and use `--no-source-lock`: then the sessions of the source are looked at instead"),
    )
}

fn list(tables: &[String]) -> String {
    let names: Vec<String> = tables.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Somebody uses the tables.
pub(super) fn locked(sessions: &[Session], waited: Option<String>) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0653,
        "tables of the source are in use by other sessions",
    );
    if sessions.is_empty() {
        diagnostic = diagnostic.note("whoever held the lock has let go of it since");
    }
    for session in sessions {
        diagnostic = diagnostic.note(session.to_string());
    }
    diagnostic.notes.extend(waited);
    PgError::new(
        PgErrorKind::CouldNotStart,
        diagnostic.help(
            "stop the service that uses the source, and whatever else writes to it, then run again",
        ),
    )
}

/// How many sessions a message names.
const NAMED: usize = 20;

/// Somebody may write, though nobody does at the moment.
pub(super) fn others_may_write(sessions: &[Session], waited: Option<String>) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0653,
        "other sessions that may write are connected to the source",
    );
    diagnostic.notes = named(sessions);
    diagnostic
        .notes
        .push("what they write after the tables were read would be in the source alone".to_owned());
    diagnostic.notes.extend(waited);
    PgError::new(PgErrorKind::CouldNotStart, what_to_do(diagnostic))
}

/// Somebody has come who may write, before what was read could be relied on.
pub(super) fn others_came(sessions: &[Session], waited: Option<String>) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0653,
        "other sessions that may write have connected to the source while it was read",
    );
    diagnostic.notes = named(sessions);
    diagnostic
        .notes
        .push("what they write from now on would be in the source alone".to_owned());
    diagnostic.notes.extend(waited);
    PgError::new(PgErrorKind::CouldNotStart, what_to_do(diagnostic))
}

fn what_to_do(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .help("stop the service that uses the source with all its workers, a connection pooler that keeps sessions for it, and whatever else may write, then run again; `--wait-lock 5m` waits for them")
        .help("beside a session that is known not to write, such as a monitor's, go on by `--allow-source-session application=NAME`")
}

/// A note for each session, up to a number, and one about what cannot be seen.
fn named(sessions: &[Session]) -> Vec<String> {
    let mut notes: Vec<String> = sessions
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    if sessions.len() > NAMED {
        notes.push(format!("… and {} more", sessions.len() - NAMED));
    }
    if sessions
        .iter()
        .any(|session| session.backend_type.is_none() && session.pid.is_some())
    {
        notes.push(
            "a role without `pg_read_all_stats` does not see from where others are connected, since when, and whether they are idle"
                .to_owned(),
        );
    }
    notes
}

/// A serializable transaction somewhere in the cluster did not end in time.
pub(super) fn no_safe_snapshot(seconds: u64, blockers: &[Session]) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0654,
        format!("no consistent snapshot of the source within {seconds} s"),
    )
    .note("a serializable transaction that may write has to end first, in whatever database of the server it runs");
    for session in blockers {
        diagnostic = diagnostic.note(session.to_string());
    }
    PgError::new(
        PgErrorKind::CouldNotStart,
        diagnostic.help("end that transaction, then run again"),
    )
}

/// A request before the first row failed.
pub(super) fn request(doing: &str, error: &tokio_postgres::Error) -> PgError {
    let mut diagnostic =
        Diagnostic::error(codes::E0655, format!("the source failed while {doing}"));
    for note in server_error::notes(error) {
        diagnostic = diagnostic.note(note);
    }
    if let Some(help) = server_error::hidden_rows(error) {
        return PgError::new(PgErrorKind::CouldNotStart, diagnostic.help(help));
    }
    PgError::new(PgErrorKind::Unexpected, diagnostic)
}

/// Reading a table broke off.
pub(super) fn reading(table: &str, error: &tokio_postgres::Error) -> PgError {
    let mut diagnostic = Diagnostic::error(codes::E0655, format!("reading table `{table}` failed"));
    for note in server_error::notes(error) {
        diagnostic = diagnostic.note(note);
    }
    if let Some(help) = server_error::hidden_rows(error) {
        return PgError::new(PgErrorKind::CouldNotStart, diagnostic.help(help));
    }
    if server_error::is_connection_lost(error) {
        diagnostic =
            diagnostic.help("look in the log of its server for why it ended the connection");
    }
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return PgError::new(
            PgErrorKind::CouldNotStart,
            diagnostic.help("grant the role what `check --grants` prints"),
        );
    }
    PgError::new(PgErrorKind::Unexpected, diagnostic)
}

/// What came was not a stream of binary tuples.
pub(super) fn stream(table: &str, problem: &str) -> PgError {
    PgError::new(
        PgErrorKind::Unexpected,
        Diagnostic::error(codes::E0655, format!("reading table `{table}` failed"))
            .note(format!("the COPY stream is malformed: {problem}"))
            .help("connect to the server itself, not through a proxy that rewrites the protocol"),
    )
}

/// A relation that is to be held whole is too large for that.
pub(super) fn too_large(table: &str, limit: u64) -> PgError {
    PgError::new(
        PgErrorKind::Unsuitable,
        Diagnostic::error(
            codes::E0656,
            format!("table `{table}` has more than {limit} rows, too many to be held whole"),
        )
        .note(
            "the mapping uses it as a broadcast relation, which is kept in memory during the run",
        ),
    )
}
