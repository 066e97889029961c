//! The rows of one partition: joined, grouped, evaluated, written.
//!
//! Each frame of the pass is built in the plan's order, so that what a frame reads is there before
//! it. Values of locals are computed when first asked for and kept.

mod build;
mod cells;
mod events;
mod find;
mod frame_rows;
mod group;
mod outcome;
mod traced;
mod values;
mod write;

use std::collections::HashMap;

use bumpalo::Bump;

use crate::eval::{self, Place, Program, Stop};
use crate::plan::{Frame, Pass, Relation};
use crate::types::Value;

use super::RowOrigin;
use super::block::Block;
use super::ledger::{FrameCounts, ReasonCounts, Reject};
use super::output::Output;
use super::trace::Recorder;
pub(super) use cells::Cells;
use find::Index;
use frame_rows::{CopyOf, FrameRows, Memo, RowFate};
use outcome::Noted;
pub use outcome::PartitionOutcome;

/// The binding of a slot without row.
const NONE: u32 = u32::MAX;
/// Relations with more rows than this are searched through an index.
const SCAN_LIMIT: usize = 8;
/// How many rejects are kept for diagnostics.
const REJECTS: usize = 20;

/// A written row whose origin is looked for.
pub(super) struct Wanted {
    pub(super) target: usize,
    /// Its number among the rows of the target, from 1.
    pub(super) row: u64,
    pub(super) found: Option<RowOrigin>,
}

/// What a run counts and writes; outlives the partitions.
pub(super) struct Results<'p> {
    pub(super) wanted: Option<Wanted>,
    /// Writes down what becomes of every single row, where that is asked for.
    pub(super) recorder: Option<Recorder>,
    pub(super) output: Output<'p>,
    pub(super) frames: Vec<FrameCounts>,
    pub(super) reasons: Vec<ReasonCounts>,
    pub(super) rejects: Vec<Reject>,
    /// Those of the last partition, where all are listed.
    listed: Vec<Reject>,
    pub(super) lists_rejects: bool,
    pub(super) rejected: u64,
    pub(super) dangling: Vec<(usize, u64)>,
    noted: Noted,
    /// Indexes of broadcast relations, by look-up.
    broadcast_indexes: HashMap<usize, Index>,
}

impl<'p> Results<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        let plan = &program.plan;
        let reasons = plan.reasons.len();
        let counts = || FrameCounts {
            ended: vec![0; reasons],
            owner: vec![0; reasons],
            ..FrameCounts::default()
        };
        Self {
            wanted: None,
            recorder: None,
            output: Output::new(plan),
            frames: plan.frames.iter().map(|_| counts()).collect(),
            reasons: vec![ReasonCounts::default(); reasons],
            rejects: Vec::new(),
            listed: Vec::new(),
            lists_rejects: false,
            rejected: 0,
            dangling: plan.references.iter().map(|_| (0, 0)).collect(),
            noted: Noted::default(),
            broadcast_indexes: HashMap::new(),
        }
    }

    /// Whether the row that is looked for was written.
    pub(super) fn is_found(&self) -> bool {
        self.wanted
            .as_ref()
            .is_some_and(|wanted| wanted.found.is_some())
    }
}

/// The partition being worked on.
pub(super) struct Partition<'b, 'r, 'p> {
    program: &'b Program,
    block: &'b Block,
    arena: &'b Bump,
    pass: &'b Pass,
    results: &'r mut Results<'p>,
    null_key: bool,
    /// The rows of each scan of the plan; none of those that other passes read.
    scans: Vec<Cells<'b>>,
    broadcasts: &'b [Cells<'b>],
    frames: Vec<FrameRows<'b>>,
    indexes: HashMap<usize, Index>,
    /// What look-ups under way have found, those within others last.
    found: Vec<u32>,
    /// What the columns of look-ups under way must be equal to, likewise.
    wanted: Vec<Value<'b>>,
}

impl<'b, 'r, 'p> Partition<'b, 'r, 'p> {
    pub(super) fn new(
        program: &'b Program,
        pass: &'b Pass,
        block: &'b Block,
        arena: &'b Bump,
        broadcasts: &'b [Cells<'b>],
        results: &'r mut Results<'p>,
    ) -> Self {
        let plan = &program.plan;
        let table = |scan: usize| {
            let number = pass.scans.iter().position(|read| *read == scan)?;
            block.tables.get(number)
        };
        let scans = plan.scans.iter().enumerate();
        let frames = plan.frames.iter().map(|frame| FrameRows::new(plan, frame));
        Self {
            program,
            block,
            arena,
            pass,
            results,
            null_key: false,
            scans: scans
                .map(|(number, scan)| Cells::of_scan(scan, table(number)))
                .collect(),
            broadcasts,
            frames: frames.collect(),
            indexes: HashMap::new(),
            found: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Works on partition number `index` of the block: builds the frames, writes the maps.
    pub(super) fn work(&mut self, index: usize) {
        self.null_key = self.block.last_is_null && index + 1 == self.block.len();
        self.indexes.clear();
        self.note_start();
        let ranges = self.block.partition(index);
        for (scan, range) in self.pass.scans.iter().zip(ranges) {
            if let (Some(plan), Some(cells)) = (
                self.program.plan.scans.get(*scan),
                self.scans.get_mut(*scan),
            ) {
                cells.load(plan, range.clone());
            }
        }
        for frame in &self.pass.frames {
            self.build(*frame);
        }
        let mut rejects = Vec::new();
        self.results
            .output
            .close_partition(|reference, frame, row| rejects.push((reference, frame, row)));
        for (reference, frame, row) in rejects {
            self.dangling(reference, frame as usize, row);
        }
        self.note_wanted();
        self.results.output.forget_rows();
        self.record_ends();
    }

    /// The rows that were rejected since the last call, where all are listed.
    pub(super) fn rejects(&mut self) -> impl Iterator<Item = Reject> + '_ {
        self.results.listed.drain(..)
    }

    fn plan_frame(&self, frame: usize) -> Option<&'b Frame> {
        self.program.plan.frames.get(frame)
    }

    /// The rows of a table; none of a view.
    fn cells(&self, relation: Relation) -> Option<&Cells<'b>> {
        match relation {
            Relation::Scan(scan) => self.scans.get(scan),
            Relation::Broadcast(broadcast) => self.broadcasts.get(broadcast),
            Relation::Frame(_) => None,
        }
    }

    /// How many rows a relation has in the partition.
    fn count(&self, relation: Relation) -> u32 {
        let count = match relation {
            Relation::Frame(frame) => self.frames.get(frame).map_or(0, FrameRows::len),
            table => self.cells(table).map_or(0, Cells::len),
        };
        u32::try_from(count).unwrap_or(NONE)
    }

    /// What became of a row of a relation.
    fn fate(&self, relation: Relation, row: u32) -> RowFate {
        match relation {
            Relation::Scan(_) | Relation::Broadcast(_) => RowFate::Live,
            Relation::Frame(frame) => match self.frames.get(frame) {
                Some(rows) if rows.grouped => RowFate::Live,
                Some(rows) => rows.fate(row),
                None => RowFate::Absent,
            },
        }
    }

    /// How many single rows a frame has so far.
    fn member_count(&self, frame: usize) -> u32 {
        self.frames.get(frame).map_or(0, FrameRows::member_count)
    }

    fn member_fate(&self, frame: usize, member: u32) -> RowFate {
        let rows = self.frames.get(frame);
        rows.map_or(RowFate::Absent, |rows| rows.fate(member))
    }

    fn set_fate(&mut self, frame: usize, member: u32, fate: RowFate) {
        if let Some(slot) = self
            .frames
            .get_mut(frame)
            .and_then(|rows| rows.members.get_mut(member as usize))
        {
            *slot = fate;
        }
    }

    /// The row a slot is bound to.
    fn row_of(&self, at: &Place, slot: usize) -> Option<(Relation, u32)> {
        let rows = self.frames.get(at.frame)?;
        let relation = *rows.relations.get(slot)?;
        let row = match at.bound {
            Some((bound, row)) if bound == slot => row,
            _ => rows.binding(at.member, slot)?,
        };
        Some((relation, row))
    }

    /// The bytes of a column; `None` for NULL or a slot without row.
    fn raw(&self, at: &Place, slot: usize, column: usize) -> Option<&'b [u8]> {
        let (relation, row) = self.row_of(at, slot)?;
        self.cells(relation)?.raw(row, column)
    }

    /// The single row that stands for a row of a frame: the first of a group.
    fn first_member(&self, frame: usize, row: u32) -> u32 {
        self.frames
            .get(frame)
            .map_or(NONE, |rows| rows.first_member(row))
    }

    /// A local of a row of a frame, computed when first asked for.
    #[inline]
    fn value_of(&mut self, frame: usize, row: u32, local: usize) -> Result<Value<'b>, &'b Stop> {
        match self.known(frame, row, local) {
            Some(value) => Ok(*value),
            None => self.remembered(frame, row, local),
        }
    }

    /// A local that is computed already, or a copy of such a value; `None` also where it fails.
    #[inline]
    fn known(&self, mut frame: usize, mut row: u32, mut local: usize) -> Option<&Value<'b>> {
        loop {
            let rows = self.frames.get(frame)?;
            match *rows.locals.get(local)? {
                CopyOf::Nothing => return rows.memo(row, local),
                CopyOf::Cell { slot, column } => {
                    let Some(bound) = rows.binding(rows.first_member(row), slot) else {
                        return Some(&Value::Null);
                    };
                    let cells = self.cells(*rows.relations.get(slot)?)?;
                    return cells.value(bound, column).ok();
                }
                CopyOf::Field {
                    slot,
                    frame: inner,
                    local: its,
                } => {
                    let Some(bound) = rows.binding(rows.first_member(row), slot) else {
                        return Some(&Value::Null);
                    };
                    (frame, row, local) = (inner, bound, its);
                }
            }
        }
    }

    /// A local as it was computed the first time, which may be now: so that what fails is counted
    /// once.
    #[inline(never)]
    fn remembered(&mut self, frame: usize, row: u32, local: usize) -> Result<Value<'b>, &'b Stop> {
        let rows = self.frames.get(frame);
        match rows.and_then(|rows| rows.memo.get(rows.memo_at(row, local))) {
            Some(Memo::Ready(value)) => return Ok(*value),
            Some(Memo::Ended(stop)) => return Err(stop),
            Some(Memo::Empty) | None => {}
        }
        let plan = self.plan_frame(frame);
        let Some(value) = plan.and_then(|frame| frame.locals.get(local)) else {
            return Ok(Value::Null);
        };
        let at = Place {
            frame,
            row,
            member: self.first_member(frame, row),
            bound: None,
        };
        let result = eval::evaluate(self.program, self, &at, value.value);
        let memo = match result {
            Ok(value) => Memo::Ready(value),
            Err(stop) => Memo::Ended(self.arena.alloc(Stop {
                counted: true,
                ..*stop
            })),
        };
        if let Some(rows) = self.frames.get_mut(frame) {
            let at = rows.memo_at(row, local);
            if let Some(kept) = rows.memo.get_mut(at) {
                *kept = memo;
            }
        }
        result
    }
}
