//! What becomes of every single row: for the few rows of one partition, not for a whole source.
//!
//! The rows go through the very same executor as in a run, so that what is told is what a run does.

use bytes::Bytes;

use crate::diagnostics::Diagnostic;

use super::digest::cells;
use super::partition::Results;
use super::row_source::RowSource;
use super::{Inputs, NoSink, RunReport, Silent, drive, reported};

/// The rows that were read, what they became, and what is written for them.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The rows, by the plan's scans and in the order of their keys.
    pub rows: Vec<TracedRow>,
    /// The rows of targets, in the order in which they were made.
    pub written: Vec<WrittenRow>,
    /// The counts of the run.
    pub report: RunReport,
}

/// A row of a source table.
///
/// `Debug` shows no value of it.
#[derive(Clone)]
pub struct TracedRow {
    /// The scan's number in the plan.
    pub scan: usize,
    /// Its key, without values that must not be shown.
    pub key: String,
    /// Its cells in PostgreSQL's binary form, `None` for NULL, in the order of the scan's columns.
    pub cells: Vec<Option<Bytes>>,
    /// How it ended in each map that it drives, itself or through views; a row that is only looked
    /// up has none.
    pub ends: Vec<RowEnd>,
    /// The reasons that applied to it, those that ended it among them, as often as they did.
    pub notes: Vec<RowNote>,
}

/// How a row ended in a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowEnd {
    /// The map's number in the plan.
    pub frame: usize,
    /// How.
    pub fate: RowFate,
}

/// What a map made of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowFate {
    /// These rows, by their numbers in [`Trace::written`].
    Written(Vec<usize>),
    /// None: left out, or rejected where the reason's severity is error.
    Ended {
        /// The reason's number in the plan.
        reason: usize,
        /// Whether it is not this row's reason but that of the row it belongs to.
        owner: bool,
    },
}

/// A reason that applied to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowNote {
    /// The view or map where it did.
    pub frame: usize,
    /// The reason's number in the plan.
    pub reason: usize,
    /// What was wrong with the value; empty where a clause says it.
    pub why: &'static str,
}

/// A row of a target.
///
/// `Debug` shows no value of it.
#[derive(Clone)]
pub struct WrittenRow {
    /// The target's number in the plan.
    pub target: usize,
    /// Its cells in PostgreSQL's binary form, `None` for NULL, in the order of the target's columns.
    pub cells: Vec<Option<Bytes>>,
}

impl std::fmt::Debug for TracedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracedRow")
            .field("scan", &self.scan)
            .field("ends", &self.ends)
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WrittenRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WrittenRow")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Trace {
    /// Adds a row of a target; gives its number.
    pub(super) fn write(&mut self, target: usize, tuple: &Bytes) -> usize {
        self.written.push(WrittenRow {
            target,
            cells: cells(tuple)
                .map(|cell| cell.map(Bytes::copy_from_slice))
                .collect(),
        });
        self.written.len() - 1
    }
}

/// What is noted while a partition is worked on, and what came of those before.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) trace: Trace,
    /// The row of a scan that a reason applied to, and the reason.
    pub(super) events: Vec<(Option<(usize, u32)>, RowNote)>,
    /// Frame, row and target of each row that was made, and its tuple.
    pub(super) written: Vec<(usize, u32, usize, Bytes)>,
}

/// Runs a plan over the rows of `source`, which are few, and tells what becomes of each. Nothing is
/// written anywhere; that a row is rejected does not end it.
///
/// # Errors
/// As [`run`](super::run).
pub async fn trace<S: RowSource>(
    inputs: Inputs<'_>,
    source: &mut S,
) -> Result<Trace, Box<Diagnostic>> {
    let program = inputs.program;
    let mut results = Results::new(program);
    results.recorder = Some(Recorder::default());
    let read = drive(inputs, source, &mut NoSink, &mut Silent, &mut results).await?;
    let recorder = results.recorder.take().unwrap_or_default();
    let report = reported(program, read, results)?;
    Ok(Trace {
        report,
        ..recorder.trace
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::eval::Program;
    use crate::plan::samples::planned;
    use crate::run::Limits;
    use crate::run::memory::{MemorySource, NamedRow};
    use crate::types::OwnedValue;

    fn row<const N: usize>(cells: [(&str, OwnedValue); N]) -> NamedRow {
        let cells = cells.map(|(name, value)| (name.to_owned(), value));
        cells.into_iter().collect()
    }

    fn text(text: &str) -> OwnedValue {
        OwnedValue::Text(text.to_owned())
    }

    fn person(id: i64, name: &str) -> NamedRow {
        row([
            ("id", OwnedValue::Int(id)),
            ("name", text(name)),
            ("joined", OwnedValue::Int(0)),
            ("active", OwnedValue::Bool(true)),
        ])
    }

    fn pet(id: i64, owner: i64, name: &str) -> NamedRow {
        row([
            ("id", OwnedValue::Int(id)),
            ("owner", OwnedValue::Int(owner)),
            ("name", text(name)),
        ])
    }

    /// People and their pets, each with every way to end.
    const MAPPING: &str = r#"
reason nameless warn "has no name"
reason odd warn "is odd"
reason forbidden error "is forbidden"
reason stray quiet "belongs to nobody"
view person from people as p {
    skip nameless when p.name == ""
    warn odd when p.name == "odd"
    id   = p.id
    name = p.name
    key  = ulid(from_unix_seconds(p.joined) else fail forbidden, p.id) for accounts
}
map persons from person as p {
    into log_lines { line = p.name }
    into log_lines when p.name == "twice" { line = "again" }
}
map animals from pets as a join person as p on p.id == a.owner else skip stray {
    fail forbidden when a.name == "wolf"
    into log_lines { line = a.name }
}
"#;

    /// For each row its table, key, ends and notes; then the number of rows that are written.
    fn told(people: Vec<NamedRow>, pets: Vec<NamedRow>) -> (Vec<String>, usize) {
        let plan = planned(MAPPING).unwrap();
        let program = Program::new(plan, BTreeMap::new()).unwrap();
        let plan = &program.plan;
        let tables = BTreeMap::from([("people".to_owned(), people), ("pets".to_owned(), pets)]);
        let mut source = MemorySource::new(plan, &tables).unwrap();
        let inputs = Inputs {
            program: &program,
            broadcasts: Vec::new(),
            limits: Limits::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let found = runtime
            .unwrap()
            .block_on(trace(inputs, &mut source))
            .unwrap();
        let reason = |number: usize| plan.reasons[number].name.as_str();
        let lines = found.rows.iter().map(|row| {
            let ends = row.ends.iter().map(|end| {
                let fate = match &end.fate {
                    RowFate::Written(rows) => format!("{} rows", rows.len()),
                    RowFate::Ended { reason: why, owner } => format!("{} {owner}", reason(*why)),
                };
                format!("{}: {fate}", plan.frames[end.frame].name)
            });
            let notes = row.notes.iter().map(|note| reason(note.reason));
            format!(
                "{} {} | {} | {}",
                plan.scans[row.scan].table,
                row.key,
                ends.collect::<Vec<_>>().join(", "),
                notes.collect::<Vec<_>>().join(", ")
            )
        });
        (lines.collect(), found.written.len())
    }

    #[test]
    fn every_row_is_told_with_what_became_of_it() {
        let people = vec![person(1, "odd"), person(2, ""), person(3, "twice")];
        let pets = vec![
            pet(12, 1, "wolf"),
            pet(11, 1, "cat"),
            pet(13, 2, "dog"),
            pet(14, 9, "fox"),
        ];
        let (lines, written) = told(people, pets);
        assert_eq!(
            lines,
            [
                "people 1 | persons: 1 rows | odd",
                "pets 1 id=11 | animals: 1 rows | ",
                "pets 1 id=12 | animals: forbidden false | forbidden",
                "people 2 | persons: nameless false | nameless",
                "pets 2 id=13 | animals: nameless true | ",
                "people 3 | persons: 2 rows | ",
                "pets 9 id=14 | animals: stray false | stray",
            ]
        );
        // What a run would no longer give to its sink after a rejected row is told all the same.
        assert_eq!(written, 4);
    }

    #[test]
    fn debug_shows_no_value() {
        let cells = vec![Some(Bytes::from_static(b"hunter2"))];
        let row = WrittenRow {
            target: 0,
            cells: cells.clone(),
        };
        let read = TracedRow {
            scan: 0,
            key: "hunter2".to_owned(),
            cells,
            ends: Vec::new(),
            notes: Vec::new(),
        };
        assert!(!format!("{row:?}{read:?}").contains("hunter2"));
        assert!(!format!("{row:?}{read:?}").contains("104"));
    }
}
