//! What a run found: the ledger of each map, each reason's count, rows per table.

use crate::diagnostics::{Finding, FindingSeverity};
use crate::eval::Program;
use crate::plan::builtin;
use crate::types::SeverityValue;

use super::across::AcrossReference;
use super::ledger::{FrameCounts, MapLedger, ReasonCount, ReasonReport, Reject};
use super::output::OutsideReference;
use super::partition::Results;

/// The result of a pass over all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunReport {
    /// Rows read of each scan, by its number in the plan.
    pub read: Vec<u64>,
    /// Rows made for each target, by its number in the plan (given to the sink unless rows were
    /// rejected).
    pub written: Vec<u64>,
    /// What became of the rows of each map.
    pub maps: Vec<MapLedger>,
    /// Each reason that applied to a row.
    pub reasons: Vec<ReasonReport>,
    /// How many rows were rejected.
    pub rejected: u64,
    /// The first of them.
    pub rejects: Vec<Reject>,
    /// For each foreign key of the plan, by its number, how many rows refer to one that is not
    /// written.
    pub dangling: Vec<(usize, u64)>,
    /// Values that must be in tables which the plan does not write.
    pub outside: Vec<OutsideReference>,
    /// What became of foreign keys whose rows may refer to rows of other partitions.
    pub across: Vec<AcrossReference>,
}

impl RunReport {
    pub(super) fn new(program: &Program, read: Vec<u64>, results: Results<'_>) -> Self {
        let plan = &program.plan;
        let maps = plan
            .frames
            .iter()
            .zip(&results.frames)
            .enumerate()
            .filter(|(_, (frame, _))| frame.is_map)
            .map(|(number, (frame, counts))| ledger(program, number, &frame.name, counts))
            .collect();
        let reasons = results
            .reasons
            .iter()
            .enumerate()
            .filter(|(_, counts)| counts.rows > 0)
            .map(|(number, counts)| ReasonReport {
                reason: plan
                    .reasons
                    .get(number)
                    .map_or_else(String::new, |reason| reason.name.clone()),
                severity: program.severity(number),
                rows: counts.rows,
                dependents: counts.dependents,
                samples: counts
                    .samples
                    .iter()
                    .filter(|key| !key.is_empty())
                    .cloned()
                    .collect(),
            })
            .collect();
        let dangling = results
            .dangling
            .iter()
            .enumerate()
            .filter(|(_, (_, rows))| *rows > 0)
            .map(|(reference, (_, rows))| (reference, *rows))
            .collect();
        let written = results.output.totals();
        let (outside, across) = results.output.references();
        Self {
            read,
            written,
            maps,
            reasons,
            rejected: results.rejected,
            rejects: results.rejects,
            dangling,
            outside,
            across,
        }
    }

    /// How many rows were left out because they belong to rows that were rejected.
    pub fn rejected_dependents(&self) -> u64 {
        self.reasons
            .iter()
            .filter(|report| report.severity == SeverityValue::Error)
            .map(|report| report.dependents)
            .sum()
    }

    /// The reasons of severity `error` and `warn` as findings, the graver and the more frequent
    /// first.
    pub fn findings(&self, program: &Program) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .reasons
            .iter()
            .filter_map(|report| {
                let severity = match report.severity {
                    SeverityValue::Error => FindingSeverity::Error,
                    SeverityValue::Warn => FindingSeverity::Warning,
                    SeverityValue::Quiet => return None,
                };
                let reason = program
                    .plan
                    .reasons
                    .iter()
                    .find(|reason| reason.name == report.reason)?;
                let mut meaning = reason.meaning.clone();
                if report.dependents > 0 {
                    let (rows, are) = if report.dependents == 1 {
                        ("row that belongs", "is")
                    } else {
                        ("rows that belong", "are")
                    };
                    meaning = format!(
                        "{meaning}; {} {rows} to them {are} left out too",
                        report.dependents
                    );
                }
                if report.samples.is_empty() {
                    meaning.push_str(
                        " (the keys of these rows are not shown: their columns are sensitive)",
                    );
                }
                Some(Finding {
                    id: report.reason.clone(),
                    severity,
                    count: report.rows,
                    samples: report.samples.clone(),
                    meaning,
                    remedy: reason.help.clone(),
                    sql: reason.sql.clone(),
                })
            })
            .collect();
        findings.sort_by(|left, right| {
            (left.severity, std::cmp::Reverse(left.count), &left.id).cmp(&(
                right.severity,
                std::cmp::Reverse(right.count),
                &right.id,
            ))
        });
        findings
    }
}

fn ledger(program: &Program, number: usize, name: &str, counts: &FrameCounts) -> MapLedger {
    let reason = |index: usize| {
        program
            .plan
            .reasons
            .get(index)
            .map_or_else(String::new, |reason| reason.name.clone())
    };
    let mut ledger = MapLedger {
        map: name.to_owned(),
        table: super::root_table(program, number),
        read: counts.read,
        written: counts.written,
        ..MapLedger::default()
    };
    for (index, rows) in counts
        .ended
        .iter()
        .enumerate()
        .filter(|(_, rows)| **rows > 0)
    {
        let count = ReasonCount {
            reason: reason(index),
            owner: None,
            rows: *rows,
        };
        if program.severity(index) == SeverityValue::Error {
            ledger.rejected.push(count);
        } else {
            ledger.skipped.push(count);
        }
    }
    for (index, rows) in counts
        .owner
        .iter()
        .enumerate()
        .filter(|(_, rows)| **rows > 0)
    {
        let owner = Some(reason(index));
        ledger.skipped.push(ReasonCount {
            reason: reason(builtin::OWNER_NOT_MIGRATED),
            owner,
            rows: *rows,
        });
    }
    ledger
}
