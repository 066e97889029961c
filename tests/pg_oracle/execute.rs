//! A case through the compiler and the executor, over rows in memory.

use std::collections::BTreeMap;

use mapwright::base::Files;
use mapwright::compile::compile;
use mapwright::diagnostics::{Diagnostics, Severity};
use mapwright::eval::Program;
use mapwright::run::memory::{MemorySink, MemorySource, NamedRow};
use mapwright::run::{Inputs, Limits, Silent, run};
use mapwright::types::OwnedValue;

use crate::case::Case;
use crate::text;

/// The texts of a row's values, in the order of the target's columns.
pub(crate) type Row = Vec<Option<String>>;

/// What became of a case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The rows of each target, sorted; none where a row was rejected, since a run keeps nothing then.
    pub(crate) rows: Option<BTreeMap<String, Vec<Row>>>,
    /// How many rows each target would get.
    pub(crate) written: BTreeMap<String, u64>,
    /// By block and code: the reason's name, behind `>` where it is the owner's, behind `!` where the
    /// row was rejected.
    pub(crate) ledger: BTreeMap<(String, String), u64>,
    /// By reason: how many rows it applied to.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// Whether a row was rejected, of a map or of a view.
    pub(crate) rejects: bool,
}

/// Why the compiler takes a case for wrong: codes and messages.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) codes: Vec<String>,
    pub(crate) messages: Vec<String>,
}

/// Compiles a case.
pub(crate) fn compiled(case: &Case) -> Result<Program, Rejected> {
    let mut files = Files::new();
    let id = files.add("oracle.map", text::mapping(case));
    let mut diagnostics = Diagnostics::new();
    let plan = compile(&files, id, &text::catalogs(case), &mut diagnostics);
    let Some(plan) = plan else {
        let errors: Vec<_> = diagnostics
            .into_sorted()
            .into_iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .collect();
        return Err(Rejected {
            codes: errors.iter().map(|error| error.code.to_string()).collect(),
            messages: errors
                .iter()
                .map(|error| {
                    let place = error.labels.first().map(|label| {
                        let (start, end) = (label.span.start as usize, label.span.end as usize);
                        files
                            .text(id)
                            .get(start..end)
                            .unwrap_or_default()
                            .to_owned()
                    });
                    format!("{} at {place:?}", error.message)
                })
                .collect(),
        });
    };
    Ok(Program::new(plan, text::params(case)).expect("the parameters fit"))
}

/// Runs a case's program over its rows.
pub(crate) async fn execute(program: &Program, case: &Case) -> Outcome {
    let plan = &program.plan;
    let tables: BTreeMap<String, Vec<NamedRow>> = case
        .tables
        .iter()
        .map(|table| {
            let rows = table.rows.iter().map(|row| {
                let cells = table.columns.iter().zip(row);
                cells
                    .map(|(column, value)| (column.name.clone(), text::owned(value)))
                    .collect()
            });
            (table.name.clone(), rows.collect())
        })
        .collect();
    let mut source = MemorySource::new(plan, &tables).expect("the rows fit their columns");
    let mut sink = MemorySink::new(plan);
    let inputs = Inputs {
        program,
        broadcasts: Vec::new(),
        limits: Limits::default(),
    };
    let report = run(inputs, &mut source, &mut sink, &mut Silent)
        .await
        .unwrap_or_else(|error| panic!("the run stopped: {}", error.message));
    for (scan, read) in plan.scans.iter().zip(&report.read) {
        assert_eq!(
            tables[&scan.table].len() as u64,
            *read,
            "rows read of {}",
            scan.table
        );
    }
    let mut outcome = Outcome::default();
    for (target, written) in plan.targets.iter().zip(&report.written) {
        outcome.written.insert(target.table.clone(), *written);
    }
    outcome.rejects = report.rejected > 0;
    if report.rejected == 0 {
        let mut rows = BTreeMap::new();
        for (name, written) in &sink.tables {
            let number: usize = name[1..].parse().unwrap();
            let mut texts: Vec<Row> = written
                .iter()
                .map(|row| {
                    let columns = &case.targets[number].columns;
                    columns
                        .iter()
                        .map(|column| value(&row[&column.name]))
                        .collect()
                })
                .collect();
            texts.sort();
            rows.insert(name.clone(), texts);
        }
        outcome.rows = Some(rows);
    }
    for map in &report.maps {
        let mut count = |code: String, rows: u64| {
            if rows > 0 {
                outcome.ledger.insert((map.map.clone(), code), rows);
            }
        };
        count("written".to_owned(), map.written);
        for skipped in &map.skipped {
            match &skipped.owner {
                Some(owner) => count(format!(">{owner}"), skipped.rows),
                None => count(skipped.reason.clone(), skipped.rows),
            }
        }
        for rejected in &map.rejected {
            count(format!("!{}", rejected.reason), rejected.rows);
        }
    }
    for reason in &report.reasons {
        outcome.reasons.insert(reason.reason.clone(), reason.rows);
    }
    outcome
}

/// The text that PostgreSQL prints of a value; of moments the microseconds since 1970.
fn value(value: &OwnedValue) -> Option<String> {
    Some(match value {
        OwnedValue::Null => return None,
        OwnedValue::Bool(value) => value.to_string(),
        OwnedValue::Int(value) | OwnedValue::Timestamp(value) => value.to_string(),
        OwnedValue::Text(value) => value.clone(),
        OwnedValue::Bytes(bytes) => text::hex(bytes),
        OwnedValue::Uuid(bytes) => {
            let digits = text::hex(bytes);
            format!(
                "{}-{}-{}-{}-{}",
                &digits[..8],
                &digits[8..12],
                &digits[12..16],
                &digits[16..20],
                &digits[20..]
            )
        }
        other => panic!("no column of the oracle holds {other:?}"),
    })
}
