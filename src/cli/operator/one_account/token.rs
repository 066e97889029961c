//! The fate of a single token. The token itself is only ever a parameter of a question.

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::eval::decode;
use crate::functions::uuid_text;
use crate::pg::Secret;
use crate::pg::lookup::ask;
use crate::run::trace::{RowFate, TracedRow};
use crate::types::{SeverityValue, Value};

use super::super::Job;
use super::super::across::in_schema;
use super::report::{FateReport, RowName, reason_note, row_name};
use super::shown::Personal;
use super::{Databases, Held, Seen};

/// What becomes of a token.
#[derive(Debug, Serialize)]
pub struct TokenReport {
    /// Where it is.
    pub known_to: KnownTo,
    /// The table of that database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The account that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What becomes of it in the migration; null if Synapse does not know it.
    pub fate: Option<FateReport>,
    /// Why, where it is not written; and what else is to be said.
    pub reasons: Vec<String>,
    /// The rows it becomes.
    pub into: Vec<RowName>,
    /// The session of MAS that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The device of that session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// All of that in words.
    pub text: String,
}

/// Which database knows a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownTo {
    /// Synapse's.
    Synapse,
    /// MAS's, and not Synapse's.
    Mas,
    /// Neither.
    Neither,
}

/// Where a token is kept.
#[derive(Debug)]
pub enum TokenPlace {
    /// In Synapse's database.
    Synapse {
        /// The table.
        table: String,
        /// The row's number.
        id: i64,
        /// The account.
        owner: String,
    },
    /// In MAS's database alone.
    Mas(TokenReport),
    /// In neither.
    Nowhere(TokenReport),
}

impl TokenPlace {
    /// The account that the token belongs to in Synapse.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Synapse { owner, .. } => Some(owner),
            Self::Mas(_) | Self::Nowhere(_) => None,
        }
    }
}

/// Looks for a token in Synapse's database, then in MAS's.
///
/// # Errors
/// A question that a server refuses.
pub async fn find_token(databases: &Databases<'_>, token: &Secret) -> Result<TokenPlace, Failure> {
    let schemas = databases.schemas();
    let what = "where a token is kept";
    let query = in_schema(include_str!("../queries/synapse_token.sql"), schemas.source);
    let rows = ask(databases.source(), &query, token, what).await?;
    if let Some([Some(table), Some(id), Some(owner)]) = rows.first().map(Vec::as_slice)
        && let Ok(id) = id.reveal().parse()
    {
        return Ok(TokenPlace::Synapse {
            table: table.reveal().to_owned(),
            id,
            owner: owner.reveal().to_owned(),
        });
    }
    let query = in_schema(include_str!("../queries/mas_token.sql"), schemas.target);
    let rows = ask(databases.target(), &query, token, what).await?;
    let text = |cell: Option<&Option<Secret>>| cell?.as_ref().map(|text| text.reveal().to_owned());
    let Some(row) = rows.first() else {
        return Ok(TokenPlace::Nowhere(TokenReport {
            known_to: KnownTo::Neither,
            text: "neither Synapse nor MAS knows it".to_owned(),
            ..TokenReport::empty()
        }));
    };
    let (table, key) = (text(row.first()), text(row.get(1)));
    let (session, device) = (text(row.get(2)), text(row.get(3)));
    let (owner, dead) = (text(row.get(4)), text(row.get(5)));
    let kind = kind_of(table.as_deref().unwrap_or_default());
    let state = dead.as_ref().map_or_else(
        || "and is alive there".to_owned(),
        |why| format!("and is dead there: {why}"),
    );
    let text = format!(
        "Synapse does not know it; MAS holds it as {kind} of its account `{}`, in the session {}{}, {state}",
        owner.as_deref().unwrap_or_default(),
        session.as_deref().unwrap_or_default(),
        of_device(device.as_deref()),
    );
    Ok(TokenPlace::Mas(TokenReport {
        known_to: KnownTo::Mas,
        into: table
            .iter()
            .cloned()
            .zip(key)
            .map(|(table, key)| RowName { table, key })
            .collect(),
        table,
        owner,
        reasons: dead.into_iter().collect(),
        session,
        device,
        text,
        ..TokenReport::empty()
    }))
}

/// What becomes of a token that Synapse holds in row number `id` of `table`, which is among the rows
/// of the account that was looked at.
pub fn tell_token(job: &Job, seen: &Seen, table: &str, id: i64) -> TokenReport {
    let kind = kind_of(table);
    let report = TokenReport {
        known_to: KnownTo::Synapse,
        table: Some(table.to_owned()),
        owner: Some(seen.user_id.clone()),
        ..TokenReport::empty()
    };
    let row = seen
        .trace
        .rows
        .iter()
        .find(|row| is_row(job, row, table, id));
    let Some(row) = row.filter(|row| !row.ends.is_empty()) else {
        return TokenReport {
            text: format!("Synapse knows it as {kind}; the mapping has no use for it"),
            ..report
        };
    };
    let held = row.ends.iter().find_map(|end| match &end.fate {
        RowFate::Written(rows) => Some(rows),
        RowFate::Ended { .. } => None,
    });
    match held {
        Some(rows) => migrated(job, seen, row, rows, kind, report),
        None => left_out(job, row, kind, report),
    }
}

fn migrated(
    job: &Job,
    seen: &Seen,
    row: &TracedRow,
    rows: &[usize],
    kind: &str,
    report: TokenReport,
) -> TokenReport {
    let plan = &job.program.plan;
    let into: Vec<RowName> = rows
        .iter()
        .filter_map(|row| row_name(plan, seen, *row, Personal::Hidden))
        .collect();
    let session = rows
        .iter()
        .find_map(|row| cell(job, seen, *row, "compat_session_id"));
    let device = session.as_ref().and_then(|session| {
        let sessions = seen.written_to(job, "compat_sessions");
        let of = |row: usize, column| cell(job, seen, row, column);
        sessions
            .into_iter()
            .find(|row| of(*row, "compat_session_id").as_ref() == Some(session))
            .and_then(|row| of(row, "device_id"))
    });
    let notes: Vec<String> = row
        .notes
        .iter()
        .map(|note| reason_note(job, note.reason, note.why))
        .filter(|note| note.severity != SeverityValue::Quiet)
        .map(|note| note.meaning)
        .collect();
    let there = rows
        .iter()
        .all(|row| seen.held.get(*row).is_some_and(|held| *held == Held::Same));
    let mut text = format!(
        "it is {kind} of `{}` and comes along, in the session {}{}",
        seen.user_id,
        session.as_deref().unwrap_or_default(),
        of_device(device.as_deref()),
    );
    if there {
        text.push_str("; MAS holds it already");
    }
    for note in &notes {
        text.push_str("; but ");
        text.push_str(note);
    }
    TokenReport {
        fate: Some(FateReport::Written),
        reasons: notes,
        into,
        session,
        device,
        text,
        ..report
    }
}

fn left_out(job: &Job, row: &TracedRow, kind: &str, report: TokenReport) -> TokenReport {
    let ended = row.ends.iter().find_map(|end| match end.fate {
        RowFate::Ended { reason, owner } => Some((reason_note(job, reason, ""), owner)),
        RowFate::Written(_) => None,
    });
    let Some((reason, owner)) = ended else {
        return report;
    };
    let (fate, words) = match (owner, reason.severity) {
        (true, SeverityValue::Error) => (
            FateReport::SkippedWithOwner,
            "is left out with its account, which is rejected",
        ),
        (true, SeverityValue::Warn | SeverityValue::Quiet) => {
            (FateReport::SkippedWithOwner, "is left out with its account")
        }
        (false, SeverityValue::Error) => (FateReport::Rejected, "is rejected"),
        (false, SeverityValue::Warn | SeverityValue::Quiet) => (FateReport::Skipped, "is left out"),
    };
    TokenReport {
        fate: Some(fate),
        text: format!(
            "it is {kind} of `{}` and {words}: {}: {}",
            report.owner.as_deref().unwrap_or_default(),
            reason.reason,
            reason.meaning
        ),
        reasons: vec![reason.reason],
        ..report
    }
}

impl TokenReport {
    fn empty() -> Self {
        Self {
            known_to: KnownTo::Neither,
            table: None,
            owner: None,
            fate: None,
            reasons: Vec::new(),
            into: Vec::new(),
            session: None,
            device: None,
            text: String::new(),
        }
    }
}

fn kind_of(table: &str) -> &'static str {
    if table.ends_with("refresh_tokens") {
        "a refresh token"
    } else {
        "an access token"
    }
}

fn of_device(device: Option<&str>) -> String {
    device.map_or_else(
        || ", which has no device".to_owned(),
        |device| format!(" of device `{device}`"),
    )
}

/// Whether a row is the one of that number.
fn is_row(job: &Job, row: &TracedRow, table: &str, id: i64) -> bool {
    let scan = job.program.plan.scans.get(row.scan);
    let Some(scan) = scan.filter(|scan| scan.table == table) else {
        return false;
    };
    scan.columns.iter().zip(&row.cells).any(|(column, cell)| {
        column.name == "id" && decode(&column.pg_type, cell.as_deref()) == Ok(Value::Int(id))
    })
}

/// The value of a written row in a column, as text.
fn cell(job: &Job, seen: &Seen, row: usize, column: &str) -> Option<String> {
    match seen.written_value(job, row, column)? {
        Value::Uuid(bytes) => Some(uuid_text(&bytes)),
        Value::Text(text) => Some(text.to_owned()),
        _ => None,
    }
}
