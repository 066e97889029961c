//! What a comparison of two databases in use found, for people and for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::finding_pages::{Weight, Words, page};
use crate::cli::operator::findings::wrap;
use crate::cli::operator::table::thousands;
use crate::diagnostics::{Finding, FindingSeverity};
use crate::run::RunReport;
use crate::run::difference::{RowDifference, TableDifference};

use super::{Compared, Live};

/// How the names of reasons end that count what use has changed.
const SINCE: &str = "_since";
/// The reason of links that are not compared.
const NOT_MAPPED: &str = "provider_not_mapped";

/// Which finding a kind of difference in a table is. Where there is none, use brings it about: links
/// and passwords that MAS alone holds.
const FINDINGS: [(&str, Kind, &str); 7] = [
    ("accounts", Kind::Missing, "account_only_in_synapse"),
    ("accounts", Kind::Surplus, "account_only_in_mas"),
    ("accounts", Kind::Changed, "account_deactivated_on_one_side"),
    ("passwords", Kind::Missing, "password_not_in_mas"),
    ("links", Kind::Missing, "link_not_in_mas"),
    ("devices", Kind::Missing, "device_without_session"),
    ("devices", Kind::Surplus, "session_device_not_in_synapse"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    Surplus,
    Changed,
}

impl Kind {
    fn of(difference: &RowDifference) -> Self {
        match difference {
            RowDifference::Missing => Self::Missing,
            RowDifference::Surplus => Self::Surplus,
            RowDifference::Changed(_) => Self::Changed,
        }
    }
}

/// The comparison as a part of the report.
#[derive(Debug, Serialize)]
pub struct LiveReport {
    /// What was compared.
    pub compared: Vec<ComparedReport>,
    /// What use has changed since the migration.
    pub since: Vec<SinceReport>,
    /// Links in Synapse that were not compared, because MAS's configuration does not map their
    /// provider.
    pub links_not_compared: u64,
    /// Jobs of MAS that are not done, by queue; asked only where something differs.
    pub jobs: Vec<JobsReport>,
}

/// Rows of one kind.
#[derive(Debug, Serialize)]
pub struct ComparedReport {
    /// The kind, a table of the catalog `accounts`.
    pub what: String,
    /// How many Synapse holds.
    pub synapse: u64,
    /// How many MAS holds.
    pub mas: u64,
    /// How many only Synapse holds.
    pub only_synapse: u64,
    /// How many only MAS holds.
    pub only_mas: u64,
    /// How many both hold, but not in the same way.
    pub different: u64,
    /// Whether there may be more differences than were counted.
    pub more: bool,
}

/// Something that use has changed.
#[derive(Debug, Serialize)]
pub struct SinceReport {
    /// The name of its reason in the mapping `accounts_in_mas`.
    pub id: String,
    /// What it is.
    pub meaning: String,
    /// How many.
    pub count: u64,
}

/// Jobs of MAS.
#[derive(Debug, Serialize)]
pub struct JobsReport {
    /// The queue.
    pub queue: String,
    /// How many.
    pub count: i64,
}

/// Puts the part of the report together.
pub fn report(live: &Live<'_>, compared: &Compared) -> LiveReport {
    let plan = &live.synapse.program.plan;
    let rows = |report: &RunReport, number: usize| report.written.get(number).copied();
    let of_tables = plan.targets.iter().enumerate().map(|(number, target)| {
        let none = TableDifference::default();
        let difference = (compared.differences.iter())
            .find(|difference| difference.table == target.table)
            .unwrap_or(&none);
        ComparedReport {
            what: target.table.clone(),
            synapse: rows(&compared.synapse, number).unwrap_or_default(),
            mas: rows(&compared.mas, number).unwrap_or_default(),
            only_synapse: difference.missing,
            only_mas: difference.surplus,
            different: difference.changed,
            more: difference.more,
        }
    });
    let reasons = &live.mas.program.plan.reasons;
    let since = compared.mas.reasons.iter().filter_map(|counted| {
        let reason = reasons
            .iter()
            .find(|reason| reason.name == counted.reason && reason.name.ends_with(SINCE))?;
        Some(SinceReport {
            id: reason.name.clone(),
            meaning: reason.meaning.clone(),
            count: counted.rows,
        })
    });
    let not_mapped = (compared.synapse.reasons.iter()).find(|counted| counted.reason == NOT_MAPPED);
    LiveReport {
        compared: of_tables.collect(),
        since: since.collect(),
        links_not_compared: not_mapped.map_or(0, |counted| counted.rows),
        jobs: (compared.jobs.iter())
            .map(|(queue, count)| JobsReport {
                queue: queue.clone(),
                count: *count,
            })
            .collect(),
    }
}

/// What must be the same and is not; and rows that could not be read.
pub fn findings(live: &Live<'_>, compared: &Compared) -> Vec<Finding> {
    let mut found: Vec<Finding> = (compared.differences.iter()).flat_map(of_table).collect();
    for (half, report) in [
        (&live.synapse, &compared.synapse),
        (&live.mas, &compared.mas),
    ] {
        let errors = report.findings(&half.program).into_iter();
        found.extend(errors.filter(|finding| finding.severity == FindingSeverity::Error));
    }
    found
}

fn of_table(difference: &TableDifference) -> Vec<Finding> {
    let kinds = FINDINGS
        .iter()
        .filter(|(table, ..)| *table == difference.table);
    kinds
        .filter_map(|(_, kind, id)| {
            let count = match kind {
                Kind::Missing => difference.missing,
                Kind::Surplus => difference.surplus,
                Kind::Changed => difference.changed,
            };
            let page = page(id).filter(|_| count > 0)?;
            let Words::Own {
                meaning,
                remedy,
                sql,
            } = page.words
            else {
                return None;
            };
            let samples = difference.samples.iter();
            let mut meaning = meaning.to_owned();
            if difference.more {
                meaning.push_str(" (so many were counted, and there may be more)");
            }
            Some(Finding {
                id: (*id).to_owned(),
                severity: match page.weight {
                    Weight::Error => FindingSeverity::Error,
                    Weight::Warning | Weight::OfReason => FindingSeverity::Warning,
                },
                count,
                samples: samples
                    .filter(|(_, how)| Kind::of(how) == *kind)
                    .map(|(key, _)| key.clone())
                    .collect(),
                meaning,
                remedy: remedy.to_owned(),
                sql: sql.map(str::to_owned),
            })
        })
        .collect()
}

/// The numbers for people: what both hold, and what use has changed since that moment.
pub fn render(report: &LiveReport, since: jiff::Timestamp) -> String {
    let mut text = format!(
        "{:<34} {:>11} {:>11}\n",
        "what both databases hold", "in Synapse", "in MAS"
    );
    // Writing into a String cannot fail.
    for compared in &report.compared {
        let _ = writeln!(
            text,
            "  {:<32} {:>11} {:>11}",
            compared.what,
            thousands(compared.synapse),
            thousands(compared.mas)
        );
    }
    if report.links_not_compared > 0 {
        let words = format!(
            "not compared: {} in Synapse whose provider has no `synapse_idp_id` in MAS's configuration",
            match report.links_not_compared {
                1 => "1 link".to_owned(),
                links => format!("{} links", thousands(links)),
            }
        );
        let _ = writeln!(text, "{}", wrap(&words, "  "));
    }
    if report.since.is_empty() {
        let _ = writeln!(text, "\nuse has changed nothing since {since}");
    } else {
        let _ = writeln!(text, "\nwhat use has changed since {since}");
        for change in &report.since {
            let lines = wrap(&change.meaning, "             ");
            let count = thousands(change.count);
            let _ = writeln!(text, "{count:>11}  {}", lines.trim_start());
        }
    }
    if !report.jobs.is_empty() {
        let jobs: Vec<String> = (report.jobs.iter())
            .map(|jobs| format!("{} {}", jobs.count, jobs.queue))
            .collect();
        let words = format!(
            "MAS has jobs that are not done, which may be why something differs: {}",
            jobs.join(", ")
        );
        let _ = write!(text, "\n{}\n", wrap(&words, ""));
    }
    text
}
