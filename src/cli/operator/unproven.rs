//! What neither the compiler nor a rehearsal can show of the rows that a mapping writes: keys that do
//! not follow from the source's, and check constraints, whose SQL only the database understands.

use crate::diagnostics::{Finding, FindingSeverity};
use crate::plan::KeyVerdict;

use super::Job;

/// One finding for each key and constraint.
pub fn unproven(job: &Job) -> Vec<Finding> {
    let plan = &job.program.plan;
    let mut findings = Vec::new();
    for proof in &plan.keys {
        let (KeyVerdict::Unproven(why), Some(target)) =
            (&proof.verdict, plan.targets.get(proof.target))
        else {
            continue;
        };
        findings.push(warning(
            Finding::id_about("unproven_", &proof.name),
            format!(
                "key `{}` of `{}` ({}) does not follow from the source's keys: {why}",
                proof.name,
                target.table,
                proof.columns.join(", ")
            ),
            "look whether the source has two rows that give one value; they would end the migration when the key is built again, and change nothing",
        ));
    }
    for target in &plan.targets {
        let Some(table) = job.compiled.target.tables.get(&target.table) else {
            continue;
        };
        for check in &table.checks {
            let columns = check.columns(table);
            let written = target
                .columns
                .iter()
                .any(|column| columns.contains(&column.name.as_str()));
            if written {
                findings.push(warning(
                    Finding::id_about("unproven_", &check.name),
                    format!(
                        "check constraint `{}` of `{}` may not hold for every row: CHECK {}",
                        check.name, target.table, check.expression
                    ),
                    "look whether the source has rows that break it; one would end the migration while it is written, and change nothing",
                ));
            }
        }
    }
    findings
}

fn warning(id: String, meaning: String, remedy: &str) -> Finding {
    Finding {
        id,
        severity: FindingSeverity::Warning,
        count: 1,
        samples: Vec::new(),
        meaning,
        remedy: remedy.to_owned(),
        sql: None,
    }
}
