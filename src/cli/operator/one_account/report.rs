//! What is known of an account as one document: for programs as it is, for people as a tree of it.
//! Its form is documented in `docs/reference/account.md`.

use serde::{Serialize, Serializer};

use crate::cli::exit::ExitStatus;
use crate::diagnostics::Finding;
use crate::plan::Plan;
use crate::run::trace::{RowFate, RowNote, TracedRow};
use crate::types::SeverityValue;

use super::super::Job;
use super::super::table::rows_that;
use super::shown::{Personal, target_key, values};
use super::token::TokenReport;
use super::{Held, Seen};

/// The version of the document; raised with every change that a reader could notice.
const SCHEMA_VERSION: u32 = 1;

/// What is known of an account.
#[derive(Debug, Serialize)]
pub struct AccountReport {
    /// The version of this form.
    pub schema_version: u32,
    /// The version of mapwright.
    pub mapwright: &'static str,
    /// `account`.
    pub command: &'static str,
    /// The clock of the rows: stands where Synapse knows no time.
    pub migrated_at: String,
    /// The user ID; null where a token is asked for that is nobody's.
    pub account: Option<String>,
    /// Whether Synapse has the account.
    pub exists: bool,
    /// Accounts that differ from one that does not exist by case alone.
    pub similar: Vec<String>,
    /// The rows that Synapse holds, by table.
    pub source: Vec<SourceTable>,
    /// The rows that MAS gets, by table.
    pub target: Vec<TargetTable>,
    /// The fate of the token that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenReport>,
    /// Errors that kept the databases from being read.
    pub findings: Vec<Finding>,
    /// What it comes to.
    pub verdict: AccountVerdict,
    /// Whether MAS has accounts, but not all of these rows.
    #[serde(skip)]
    pub is_partly_there: bool,
}

/// What an account comes to.
#[derive(Debug, Serialize)]
pub struct AccountVerdict {
    /// The exit status.
    pub exit: u8,
    /// In a sentence.
    pub text: String,
}

/// Rows of a source table.
#[derive(Debug, Serialize)]
pub struct SourceTable {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: Vec<SourceRow>,
}

/// A row of a source table.
#[derive(Debug, Serialize)]
pub struct SourceRow {
    /// Its key.
    pub key: String,
    /// Its other values, as far as they are shown.
    #[serde(serialize_with = "as_map")]
    pub values: Vec<(String, String)>,
    /// What each map made of it; empty for a row that is only looked up.
    pub ends: Vec<EndReport>,
    /// Other reasons that applied to it.
    pub notes: Vec<ReasonNote>,
}

/// What a map made of a row.
#[derive(Debug, Serialize)]
pub struct EndReport {
    /// The map.
    pub map: String,
    /// What.
    pub fate: FateReport,
    /// Why, where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonNote>,
    /// The rows it becomes.
    pub into: Vec<RowName>,
}

/// How a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FateReport {
    /// It becomes rows of MAS.
    Written,
    /// It is left out.
    Skipped,
    /// It is left out because what it belongs to is.
    SkippedWithOwner,
    /// It is rejected, and with it the migration.
    Rejected,
}

/// A reason that applied to a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonNote {
    /// The reason.
    pub reason: String,
    /// How much it matters.
    pub severity: SeverityValue,
    /// What it means.
    pub meaning: String,
    /// What was wrong with a value.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub why: &'static str,
}

/// A row of a target table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowName {
    /// The table.
    pub table: String,
    /// Its key.
    pub key: String,
}

/// Rows of a target table.
#[derive(Debug, Serialize)]
pub struct TargetTable {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: Vec<TargetRow>,
}

/// A row that MAS gets.
#[derive(Debug, Serialize)]
pub struct TargetRow {
    /// Its key.
    pub key: String,
    /// What MAS holds under its key.
    pub held: HeldReport,
    /// The columns in which that differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// What MAS holds in place of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldReport {
    /// Nothing.
    Missing,
    /// The very row.
    Same,
    /// Another.
    Differs,
}

fn as_map<S: Serializer>(values: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.iter().map(|(name, value)| (name, value)))
}

impl AccountReport {
    /// A document about nothing yet.
    pub fn new(job: &Job) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            mapwright: env!("CARGO_PKG_VERSION"),
            command: "account",
            migrated_at: job.migrated_at.to_string(),
            account: None,
            exists: false,
            similar: Vec::new(),
            source: Vec::new(),
            target: Vec::new(),
            token: None,
            findings: Vec::new(),
            verdict: AccountVerdict {
                exit: 0,
                text: String::new(),
            },
            is_partly_there: false,
        }
    }

    /// What keeps the databases from being read.
    pub fn in_the_way(job: &Job, findings: Vec<Finding>) -> Self {
        Self {
            findings,
            ..Self::new(job)
        }
        .ending(
            ExitStatus::Findings,
            "nothing can be told: the errors above stand in the way",
        )
    }

    /// The document with its verdict.
    #[must_use]
    pub fn ending(mut self, status: ExitStatus, text: impl Into<String>) -> Self {
        self.verdict = AccountVerdict {
            exit: status.code(),
            text: text.into(),
        };
        self
    }
}

/// The document about an account, and the exit status.
pub fn report(job: &Job, seen: &Seen, personal: Personal) -> (AccountReport, ExitStatus) {
    let plan = &job.program.plan;
    let mut report = AccountReport::new(job);
    report.account = Some(seen.user_id.clone());
    report.exists = seen.account_row(job).is_some();
    report.similar.clone_from(&seen.similar);
    for (number, scan) in plan.scans.iter().enumerate() {
        let rows: Vec<SourceRow> = seen
            .trace
            .rows
            .iter()
            .filter(|row| row.scan == number)
            .map(|row| SourceRow {
                key: row.key.clone(),
                values: values(scan, row, personal),
                ends: ends(job, seen, row, personal),
                notes: notes(job, row),
            })
            .collect();
        if !rows.is_empty() {
            report.source.push(SourceTable {
                table: scan.table.clone(),
                rows,
            });
        }
    }
    for (number, target) in plan.targets.iter().enumerate() {
        let written = seen.trace.written.iter().zip(&seen.held);
        let rows: Vec<TargetRow> = written
            .filter(|(row, _)| row.target == number)
            .map(|(row, held)| {
                let (held, columns) = match held {
                    Held::Missing => (HeldReport::Missing, Vec::new()),
                    Held::Same => (HeldReport::Same, Vec::new()),
                    Held::Differs(columns) => (HeldReport::Differs, columns.clone()),
                };
                TargetRow {
                    key: target_key(target, row, personal),
                    held,
                    columns,
                }
            })
            .collect();
        if !rows.is_empty() {
            report.target.push(TargetTable {
                table: target.table.clone(),
                rows,
            });
        }
    }
    report.is_partly_there =
        seen.target_has_accounts && seen.held.iter().any(|held| *held != Held::Same);
    let (status, text) = verdict(seen, &report);
    (report.ending(status, text), status)
}

fn ends(job: &Job, seen: &Seen, row: &TracedRow, personal: Personal) -> Vec<EndReport> {
    let plan = &job.program.plan;
    row.ends
        .iter()
        .map(|end| {
            let map = frame_name(plan, end.frame);
            match &end.fate {
                RowFate::Written(rows) => EndReport {
                    map,
                    fate: FateReport::Written,
                    reason: None,
                    into: rows
                        .iter()
                        .filter_map(|row| row_name(plan, seen, *row, personal))
                        .collect(),
                },
                RowFate::Ended { reason, owner } => {
                    let why = row.notes.iter().find(|note| note.reason == *reason);
                    let note = reason_note(job, *reason, why.map_or("", |note| note.why));
                    EndReport {
                        map,
                        fate: match (owner, note.severity) {
                            (true, _) => FateReport::SkippedWithOwner,
                            (false, SeverityValue::Error) => FateReport::Rejected,
                            (false, SeverityValue::Warn | SeverityValue::Quiet) => {
                                FateReport::Skipped
                            }
                        },
                        reason: Some(note),
                        into: Vec::new(),
                    }
                }
            }
        })
        .collect()
}

/// The reasons that applied without ending the row, each once.
fn notes(job: &Job, row: &TracedRow) -> Vec<ReasonNote> {
    let ended = |note: &RowNote| {
        row.ends.iter().any(|end| match end.fate {
            RowFate::Ended { reason, .. } => reason == note.reason,
            RowFate::Written(_) => false,
        })
    };
    let mut notes: Vec<ReasonNote> = Vec::new();
    for note in row.notes.iter().filter(|note| !ended(note)) {
        let note = reason_note(job, note.reason, note.why);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

pub(super) fn reason_note(job: &Job, reason: usize, why: &'static str) -> ReasonNote {
    let program = &job.program;
    let known = program.plan.reasons.get(reason);
    ReasonNote {
        reason: known.map_or_else(String::new, |reason| reason.name.clone()),
        severity: program.severity(reason),
        meaning: known.map_or_else(String::new, |reason| reason.meaning.clone()),
        why,
    }
}

fn frame_name(plan: &Plan, frame: usize) -> String {
    let frame = plan.frames.get(frame);
    frame.map_or_else(String::new, |frame| frame.name.clone())
}

/// The name of a row that is written, by its number.
pub(super) fn row_name(
    plan: &Plan,
    seen: &Seen,
    row: usize,
    personal: Personal,
) -> Option<RowName> {
    let row = seen.trace.written.get(row)?;
    let target = plan.targets.get(row.target)?;
    Some(RowName {
        table: target.table.clone(),
        key: target_key(target, row, personal),
    })
}

fn verdict(seen: &Seen, report: &AccountReport) -> (ExitStatus, String) {
    let rows = || report.source.iter().flat_map(|table| &table.rows);
    let ends = || rows().flat_map(|row| &row.ends);
    if !report.exists {
        let mut text = format!("Synapse has no account `{}`", seen.user_id);
        let orphans = rows().count() as u64;
        if orphans > 0 {
            text.push_str(&format!(
                ", though {} it",
                rows_that(orphans, "names", "name")
            ));
        }
        if !seen.similar.is_empty() {
            text.push_str(&format!("; another case: `{}`", seen.similar.join("`, `")));
        }
        return (ExitStatus::NotFound, text);
    }
    let rejected = ends()
        .filter(|end| end.fate == FateReport::Rejected)
        .count() as u64;
    if rejected > 0 {
        let text = format!(
            "{} rejected: a migration would not begin, unless `--max-rejects` leaves {} out",
            rows_that(rejected, "is", "are"),
            if rejected == 1 { "it" } else { "them" }
        );
        return (ExitStatus::Findings, text);
    }
    let count = |wanted: fn(&Held) -> bool| seen.held.iter().filter(|held| wanted(held)).count();
    let same = count(|held| matches!(held, Held::Same)) as u64;
    let differ = count(|held| matches!(held, Held::Differs(_))) as u64;
    let missing = count(|held| matches!(held, Held::Missing)) as u64;
    let all = seen.held.len() as u64;
    let text = if all == 0 {
        let ended = ends().find_map(|end| end.reason.as_ref());
        match ended {
            Some(reason) => format!("MAS gets nothing of it: {}", reason.meaning),
            None => "MAS gets nothing of it".to_owned(),
        }
    } else if same == all {
        format!(
            "migrated: {} in MAS as the mapping makes them",
            rows_that(all, "is", "are")
        )
    } else if !seen.target_has_accounts {
        format!(
            "not migrated yet: MAS gets {} of it",
            rows_that(all, "", "").trim_end()
        )
    } else {
        format!(
            "MAS holds {same} of {} as the mapping makes them; {missing} missing, {differ} different",
            rows_that(all, "", "").trim_end()
        )
    };
    (ExitStatus::Done, text)
}
