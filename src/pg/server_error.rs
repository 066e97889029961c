//! What a server said, as notes that are fit to be shown.
//!
//! PostgreSQL's detail, context and, for errors about data, its message too hold values of rows
//! (`Key (email)=(…) already exists`). Of those errors only the SQLSTATE and the names of table,
//! column and constraint are passed on.

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity};

/// Classes of SQLSTATE whose messages speak of the server and its objects, never of values.
const CLASSES_WITHOUT_VALUES: &[&str] = &[
    "08", "0A", "25", "26", "28", "2B", "2D", "34", "3B", "3D", "3F", "40", "42", "53", "54", "55",
    "57", "58",
];

/// What is known of a failed request, one entry a line, without a value of any row.
pub(crate) fn notes(error: &Error) -> Vec<String> {
    let Some(db) = error.as_db_error() else {
        return vec![chain(error)];
    };
    let code = db.code().code();
    let mut notes = Vec::new();
    if CLASSES_WITHOUT_VALUES
        .iter()
        .any(|class| code.starts_with(class))
    {
        notes.push(format!(
            "PostgreSQL says (SQLSTATE {code}): {}",
            db.message().replace(['\n', '\r'], " ")
        ));
    } else {
        notes.push(format!(
            "PostgreSQL says SQLSTATE {code}: {}",
            condition(db)
        ));
    }
    if let Some(table) = db.table() {
        notes.push(format!("table: `{table}`"));
    }
    if let Some(column) = db.column() {
        notes.push(format!("column: `{column}`"));
    }
    if let Some(constraint) = db.constraint() {
        notes.push(format!("constraint: `{constraint}`"));
    }
    notes
}

/// What to do where the server refused to leave out rows: its policies hide them from the role, and
/// a read without them would be taken for the whole table.
pub(crate) fn hidden_rows(error: &Error) -> Option<&'static str> {
    let db = error.as_db_error()?;
    // The name of the server's own function: its messages may be in another language.
    (db.routine() == Some("check_enable_rls")).then_some(
        "row security hides rows of the table from this role: connect as a role with BYPASSRLS, or as the owner of the table if it does not FORCE ROW LEVEL SECURITY",
    )
}

/// Whether the connection is gone, or goes with this error.
pub(crate) fn is_connection_lost(error: &Error) -> bool {
    match error.as_db_error() {
        None => true,
        Some(db) => match db.parsed_severity() {
            Some(Severity::Fatal | Severity::Panic) => true,
            Some(_) => false,
            None => !matches!(db.severity(), "ERROR"),
        },
    }
}

/// The column that a COPY failed in and the row of the batch, as far as the context names them:
/// only what stands in `columns` is believed, the rest of the context may be a value.
pub(crate) fn copy_position<'a>(
    error: &Error,
    columns: &'a [String],
) -> (Option<u64>, Option<&'a str>) {
    let Some(context) = error.as_db_error().and_then(DbError::where_) else {
        return (None, None);
    };
    let Some((_, after_line)) = context.split_once(", line ") else {
        return (None, None);
    };
    let digits: String = after_line
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let column = after_line
        .strip_prefix(digits.as_str())
        .and_then(|rest| rest.strip_prefix(", column "))
        .and_then(|rest| {
            columns
                .iter()
                .filter(|column| {
                    rest.strip_prefix(column.as_str())
                        .is_some_and(|end| end.is_empty() || end.starts_with([':', '\n']))
                })
                .max_by_key(|column| column.len())
        });
    (digits.parse().ok(), column.map(String::as_str))
}

/// An error that came from no server, with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// A name for a SQLSTATE of the classes about data.
fn condition(db: &DbError) -> &'static str {
    match db.code().code() {
        "22001" => "a text is longer than its column allows",
        "22003" => "a number is out of range",
        "22007" | "22008" => "a time is out of range or malformed",
        "22021" => "a text is not valid in the server's encoding",
        "22030" | "22032" | "22P02" | "22P03" => "a value does not have its type's form",
        "22P04" => "the COPY data is malformed",
        "22P05" => "a character has no equivalent in the server's encoding",
        "23502" => "a required column is null",
        "23503" => "a foreign key is violated",
        "23505" => "a unique key is violated",
        "23514" => "a check constraint is violated",
        "23P01" => "an exclusion constraint is violated",
        code if code.starts_with("22") => "a value is not acceptable",
        code if code.starts_with("23") => "a constraint is violated",
        code if code.starts_with("XX") => "an internal error of the server, see its log",
        _ => "see the server's log",
    }
}
