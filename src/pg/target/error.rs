//! What can be wrong with the target, in words.

use tokio_postgres::error::SqlState;

use super::emptiness::NotEmpty;
use super::phase::Phase;
use super::structure::{ForeignKey, Index, Kept};
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::relation::Relation;
use crate::pg::server_error;
use crate::pg::session::Session;
use crate::pg::{PgError, PgErrorKind};

/// Another run is writing to this database.
pub(super) fn second_run(holder: Option<&Session>, waited: Option<String>) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0660,
        "another run is writing to the target database",
    );
    diagnostic = match holder {
        Some(session) => diagnostic.note(session.to_string()),
        None => diagnostic.note("it has ended since"),
    };
    diagnostic.notes.extend(waited);
    PgError::new(
        PgErrorKind::CouldNotStart,
        diagnostic.help("wait for it to end, or end it; what it wrote is undone then"),
    )
}

/// Somebody uses the tables.
pub(super) fn locked(sessions: &[Session], waited: Option<String>) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0661,
        "tables of the target are in use by other sessions",
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
        diagnostic.help("stop the service that uses the target, then run again"),
    )
}

/// The role may not drop keys and put them back.
pub(super) fn may_not_alter(role: &str, lacking: &[String]) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0662,
        format!("role `{role}` may not alter the tables of the target"),
    );
    for entry in lacking {
        diagnostic = diagnostic.note(entry.clone());
    }
    PgError::new(
        PgErrorKind::CouldNotStart,
        diagnostic.help(
            "connect as the role that owns the tables, the one that the target's own service uses; or grant it what `check --grants` prints",
        ),
    )
}

/// There are rows already.
pub(super) fn not_empty(tables: &[NotEmpty]) -> PgError {
    let mut diagnostic = Diagnostic::error(codes::E0663, "the target already holds rows");
    for table in tables {
        diagnostic = diagnostic.note(table.to_string());
    }
    PgError::new(
        PgErrorKind::Unsuitable,
        diagnostic.help("rows are only written into empty tables: use a fresh database; `mapwright undo --report FILE` removes what a migration wrote; other rows have to be removed by hand, if nothing of them is needed"),
    )
}

/// Columns of the plan are not there.
pub(super) fn missing_columns(missing: &[(Relation, String)]) -> PgError {
    let shown: Vec<String> = missing
        .iter()
        .map(|(table, column)| format!("`{column}` in table `{table}`"))
        .collect();
    PgError::new(
        PgErrorKind::Unsuitable,
        Diagnostic::error(
            codes::E0674,
            format!("the target database has no column {}", shown.join(", ")),
        )
        .help("compare the version of the target's schema with those that the mapping is made for"),
    )
}

/// The tables cannot be filled as if their rows had been inserted one by one.
pub(super) fn unsuitable(reasons: &[String]) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0664,
        "tables of the target are not made the way a run needs them",
    );
    for reason in reasons {
        diagnostic = diagnostic.note(reason.clone());
    }
    PgError::new(
        PgErrorKind::Unsuitable,
        diagnostic.help("undo these changes to the schema, or put them off until after the run"),
    )
}

/// Rows cannot be removed as if each of them were deleted.
pub(super) fn unsuitable_for_undo(reasons: &[String]) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0664,
        "tables of the target are not made the way an undo needs them",
    );
    for reason in reasons {
        diagnostic = diagnostic.note(reason.clone());
    }
    PgError::new(
        PgErrorKind::Unsuitable,
        diagnostic.help("undo these changes to the schema, or switch the rules off meanwhile"),
    )
}

/// Rows that were removed are still there.
pub(super) fn rows_left(table: &str, rows: u64, triggers: &[String]) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0670,
        format!("{rows} rows of {table} are still there after they were removed"),
    )
    .note("everything was rolled back");
    for trigger in triggers {
        diagnostic = diagnostic.note(format!("{trigger} runs when rows are removed"));
    }
    PgError::new(
        PgErrorKind::Unexpected,
        diagnostic.help("switch off what keeps rows from being removed, then try again"),
    )
}

/// Foreign keys that forbid to truncate and cannot be dropped either.
pub(super) fn keys_in_the_way(keys: &[Kept]) -> PgError {
    let reasons: Vec<String> = keys
        .iter()
        .map(|key| {
            format!(
                "foreign key `{}` of `{}` cannot be dropped and put back as it is: {}",
                key.name, key.table, key.reason
            )
        })
        .collect();
    unsuitable(&reasons)
}

/// The server is a standby.
pub(super) fn standby() -> PgError {
    PgError::new(
        PgErrorKind::Unsuitable,
        Diagnostic::error(codes::E0664, "the target is a standby server")
            .help("connect to the primary server of the target"),
    )
}

/// A request failed for no reason of its own.
pub(super) fn request(doing: &str, error: &tokio_postgres::Error) -> PgError {
    with_notes(
        Diagnostic::error(codes::E0673, format!("the target failed while {doing}")),
        error,
    )
}

/// A phase failed for no reason of its own.
pub(super) fn phase(phase: Phase, error: &tokio_postgres::Error) -> PgError {
    with_notes(
        Diagnostic::error(
            codes::E0673,
            format!("the target failed in phase {}: {phase}", phase.number()),
        ),
        error,
    )
}

/// The run was told to stop.
pub(super) fn interrupted() -> PgError {
    PgError::new(
        PgErrorKind::Unexpected,
        Diagnostic::error(codes::E0675, "the run was interrupted"),
    )
}

/// A batch was not taken, because of the row with this number in its table if one is given.
pub(super) fn copy(
    table: &Relation,
    columns: &[String],
    row: Option<u64>,
    error: &tokio_postgres::Error,
) -> PgError {
    let (_, column) = server_error::copy_position(error, columns);
    let refused = is_about_a_row(error);
    let constraint = error
        .as_db_error()
        .and_then(|db| db.constraint())
        .map(|name| format!("`{name}`"));
    let mut diagnostic = match (refused, constraint) {
        (true, Some(name)) => Diagnostic::error(
            codes::E0679,
            format!("a row for `{table}` violates its constraint {name}"),
        ),
        (true, None) => Diagnostic::error(codes::E0679, format!("a row for `{table}` is refused")),
        (false, _) => Diagnostic::error(codes::E0665, format!("writing to `{table}` failed")),
    };
    if let Some(row) = row {
        diagnostic = diagnostic.note(format!("at row {row} of the table"));
    }
    if let Some(column) = column {
        diagnostic = diagnostic.note(format!("in column `{column}`"));
    }
    let mut error = with_notes(diagnostic, error);
    if refused {
        error.kind = PgErrorKind::RowsRefused;
        error.diagnostic.help.push(
            "leave such rows out by `skip … when`, or make a value that the table takes".to_owned(),
        );
    }
    error
}

/// Whether the server did not like a row: its values or what they would break. A malformed COPY or
/// field is our own fault.
fn is_about_a_row(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        let code = code.code();
        (code.starts_with("22") || code.starts_with("23")) && !matches!(code, "22P03" | "22P04")
    })
}

/// The server took another number of rows than were sent.
pub(super) fn batch_count(table: &Relation, sent: u64, taken: u64) -> PgError {
    PgError::new(
        PgErrorKind::Unexpected,
        Diagnostic::error(
            codes::E0670,
            format!("a batch of {sent} rows for `{table}` was taken as {taken} rows"),
        ),
    )
}

/// An index could not be made anew.
pub(super) fn rebuild_index(index: &Index, error: &tokio_postgres::Error) -> PgError {
    if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
        let what = match &index.key {
            Some(key) if key.is_primary => "primary key",
            Some(_) => "unique constraint",
            None => "unique index",
        };
        return PgError::new(
            PgErrorKind::RowsRefused,
            Diagnostic::error(
                codes::E0666,
                format!("rows for `{}` violate its {what} `{}`", index.table, index.name),
            )
            .note("two rows that were written are equal in its columns; their values are not shown")
            .help("look for equal values in the source columns that these target columns are made from"),
        );
    }
    with_notes(
        Diagnostic::error(
            codes::E0668,
            format!(
                "index `{}` of `{}` could not be rebuilt",
                index.name, index.table
            ),
        ),
        error,
    )
}

/// A foreign key could not be made anew.
pub(super) fn rebuild_foreign_key(key: &ForeignKey, error: &tokio_postgres::Error) -> PgError {
    if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) {
        return PgError::new(
            PgErrorKind::RowsRefused,
            Diagnostic::error(
                codes::E0667,
                format!(
                    "rows for `{}` violate its foreign key `{}`",
                    key.table, key.name
                ),
            )
            .note(format!(
                "a row points to a row of `{}` that is not there; its values are not shown",
                key.referenced
            ))
            .help("a mapping that writes a reference must skip rows whose owner it skips"),
        );
    }
    with_notes(
        Diagnostic::error(
            codes::E0668,
            format!(
                "foreign key `{}` of `{}` could not be rebuilt",
                key.name, key.table
            ),
        ),
        error,
    )
}

/// The structure is not what it was.
pub(super) fn structure_differs(differences: &[String]) -> PgError {
    /// More would not help to find the reason.
    const SHOWN: usize = 20;
    let mut diagnostic = Diagnostic::error(
        codes::E0669,
        "the target's structure could not be restored exactly",
    );
    for difference in differences.iter().take(SHOWN) {
        diagnostic = diagnostic.note(difference.clone());
    }
    if let Some(more) = differences
        .len()
        .checked_sub(SHOWN)
        .filter(|more| *more > 0)
    {
        diagnostic = diagnostic.note(format!("… and {more} more"));
    }
    PgError::new(PgErrorKind::Unexpected, diagnostic)
}

/// There are more or fewer rows than were written.
pub(super) fn counts_differ(table: &Relation, written: u64, found: u64) -> PgError {
    PgError::new(
        PgErrorKind::Unexpected,
        Diagnostic::error(
            codes::E0670,
            format!("`{table}` holds {found} rows, expected the {written} that were written"),
        ),
    )
}

/// The server did not commit, and said so.
pub(super) fn not_committed(error: Option<&tokio_postgres::Error>) -> PgError {
    let diagnostic = Diagnostic::error(
        codes::E0672,
        "the server rolled the transaction back instead of committing it",
    );
    match error {
        Some(error) => with_notes(diagnostic, error),
        None => PgError::new(
            PgErrorKind::Unexpected,
            diagnostic
                .note("the connection broke during COMMIT; asked later, the server said so")
                .help("look in the log of the target's server for why; then run again"),
        ),
    }
}

/// Nobody could say whether the server committed.
pub(super) fn outcome_unknown(transaction_id: &str, seconds: u64) -> PgError {
    PgError::new(
        PgErrorKind::OutcomeUnknown,
        Diagnostic::error(
            codes::E0671,
            "the connection broke while the target was committing, and whether it did is not known",
        )
        .note(format!(
            "the server could not be asked for {seconds} s; the transaction is {transaction_id}"
        ))
        .help(format!(
            "once the server answers, run `SELECT pg_xact_status('{transaction_id}')` in the target database: `committed` means all rows are there, `aborted` or no such transaction that nothing was changed; while it says `in progress`, ask again"
        )),
    )
}

fn with_notes(mut diagnostic: Diagnostic, error: &tokio_postgres::Error) -> PgError {
    for note in server_error::notes(error) {
        diagnostic = diagnostic.note(note);
    }
    if let Some(help) = server_error::hidden_rows(error) {
        return PgError::new(PgErrorKind::CouldNotStart, diagnostic.help(help));
    }
    if server_error::is_connection_lost(error) {
        diagnostic = diagnostic
            .help("look in the log of the target's server for why it ended the connection");
    }
    PgError::new(PgErrorKind::Unexpected, diagnostic)
}
