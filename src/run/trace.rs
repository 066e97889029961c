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
