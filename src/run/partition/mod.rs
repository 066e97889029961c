//! The rows of one partition: joined, grouped, evaluated, written.
//!
//! Each frame of the pass is built in the plan's order, so that what a frame reads is there before
//! it. Values of locals are computed when first asked for and kept.

mod build;
mod events;
mod find;
mod values;
mod write;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash};
use std::ops::Range;

use bumpalo::Bump;

use crate::eval::{self, Place, Program, Stop};
use crate::plan::{Frame, Relation};
use crate::types::{Ty, Value};

use super::block::{Block, Table, int};
use super::ledger::{FrameCounts, ReasonCounts, Reject};
use super::output::{Mark, Output};
use find::Index;

/// The binding of a slot without row.
const NONE: u32 = u32::MAX;
/// Relations with more rows than this are searched through an index.
const SCAN_LIMIT: usize = 8;
/// How many rejects are kept for diagnostics.
const REJECTS: usize = 20;

/// What a run counts and writes; outlives the partitions.
pub(super) struct Results<'p> {
    pub(super) output: Output<'p>,
    pub(super) frames: Vec<FrameCounts>,
    pub(super) reasons: Vec<ReasonCounts>,
    pub(super) rejects: Vec<Reject>,
    pub(super) rejected: u64,
    pub(super) dangling: Vec<(usize, u64)>,
    mark: Mark,
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
            output: Output::new(plan),
            frames: plan.frames.iter().map(|_| counts()).collect(),
            reasons: vec![ReasonCounts::default(); reasons],
            rejects: Vec::new(),
            rejected: 0,
            dangling: plan.references.iter().map(|_| (0, 0)).collect(),
            mark: Mark::new(),
            broadcast_indexes: HashMap::new(),
        }
    }
}

/// What became of a row of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowFate {
    Live,
    /// No row of the view (`where`, a join without `else`).
    Absent,
    /// Ended for a reason; the owner's, where `owner`.
    Ended {
        reason: usize,
        owner: bool,
    },
}

/// A value that is computed at most once.
#[derive(Clone, Copy)]
enum Memo<'b> {
    Empty,
    Ready(Value<'b>),
    /// Rare, so that it takes no room in the others.
    Ended(&'b Stop),
}

/// The rows of a frame.
#[derive(Default)]
struct FrameRows<'b> {
    /// For each single row the rows its slots are bound to.
    bindings: Vec<u32>,
    members: Vec<RowFate>,
    /// For grouped frames: the single rows of each group.
    groups: Vec<Vec<u32>>,
    /// The locals of each row: of groups where the frame is grouped.
    memo: Vec<Memo<'b>>,
    /// How many locals a row has.
    locals: usize,
    grouped: bool,
}

impl FrameRows<'_> {
    fn new(frame: &Frame) -> Self {
        Self {
            locals: frame.locals.len(),
            grouped: !frame.group.is_empty(),
            ..Self::default()
        }
    }

    /// How many rows others see.
    fn len(&self) -> usize {
        if self.grouped {
            self.groups.len()
        } else {
            self.members.len()
        }
    }

    /// The single row that stands for a row: the first of a group.
    fn first_member(&self, row: u32) -> u32 {
        if !self.grouped {
            return row;
        }
        let group = self.groups.get(row as usize);
        group
            .and_then(|group| group.first())
            .copied()
            .unwrap_or(NONE)
    }
}

/// The partition being worked on.
pub(super) struct Partition<'b, 'r, 'p> {
    program: &'b Program,
    block: &'b Block,
    arena: &'b Bump,
    broadcasts: &'b [Table],
    /// The number of each scan among the block's tables.
    tables: &'b [Option<usize>],
    results: &'r mut Results<'p>,
    ranges: &'b [Range<u32>],
    null_key: bool,
    /// For each table of the block the rows of the partition, in the order of their row key.
    sorted: Vec<Vec<u32>>,
    frames: Vec<FrameRows<'b>>,
    indexes: HashMap<usize, Index>,
    found: Vec<u32>,
}

impl<'b, 'r, 'p> Partition<'b, 'r, 'p> {
    pub(super) fn new(
        program: &'b Program,
        block: &'b Block,
        arena: &'b Bump,
        broadcasts: &'b [Table],
        tables: &'b [Option<usize>],
        results: &'r mut Results<'p>,
    ) -> Self {
        Self {
            program,
            block,
            arena,
            broadcasts,
            tables,
            results,
            ranges: &[],
            null_key: false,
            sorted: block.tables.iter().map(|_| Vec::new()).collect(),
            frames: program.plan.frames.iter().map(FrameRows::new).collect(),
            indexes: HashMap::new(),
            found: Vec::new(),
        }
    }

    /// Works on partition number `index` of the block: builds the frames, writes the maps.
    pub(super) fn work(&mut self, index: usize, frames: &'b [usize], scans: &'b [usize]) {
        self.ranges = self.block.partition(index);
        self.null_key = self.block.last_is_null && index + 1 == self.block.len();
        self.indexes.clear();
        self.sort(scans);
        for frame in frames {
            self.build(*frame);
        }
        let mut rejects = Vec::new();
        self.results
            .output
            .close_partition(|reference, frame, row| rejects.push((reference, frame, row)));
        for (reference, frame, row) in rejects {
            self.dangling(reference, frame as usize, row);
        }
    }

    /// Puts the rows of each scan in the order of their row key.
    fn sort(&mut self, scans: &[usize]) {
        let plan = &self.program.plan;
        for (number, scan) in scans.iter().enumerate() {
            let (Some(range), Some(sorted)) =
                (self.ranges.get(number), self.sorted.get_mut(number))
            else {
                continue;
            };
            sorted.clear();
            sorted.extend(range.clone());
            let (Some(scan), Some(table)) = (plan.scans.get(*scan), self.block.tables.get(number))
            else {
                continue;
            };
            if sorted.len() > 1 {
                sorted.sort_by(|left, right| {
                    scan.row_key
                        .iter()
                        .map(|column| {
                            let (left, right) =
                                (table.cell(*left, *column), table.cell(*right, *column));
                            let number = scan
                                .columns
                                .get(*column)
                                .is_some_and(|column| column.pg_type.ty() == Ty::Int);
                            if number {
                                left.map(int).cmp(&right.map(int))
                            } else {
                                left.cmp(&right)
                            }
                        })
                        .find(|order| order.is_ne())
                        .unwrap_or(std::cmp::Ordering::Equal)
                });
            }
        }
    }

    fn plan_frame(&self, frame: usize) -> Option<&'b Frame> {
        self.program.plan.frames.get(frame)
    }

    /// How many rows a relation has in the partition.
    fn count(&self, relation: Relation) -> usize {
        match relation {
            Relation::Scan(scan) => {
                let table = self.tables.get(scan).copied().flatten();
                table
                    .and_then(|table| self.sorted.get(table))
                    .map_or(0, Vec::len)
            }
            Relation::Broadcast(broadcast) => self.broadcasts.get(broadcast).map_or(0, Table::len),
            Relation::Frame(frame) => self.frames.get(frame).map_or(0, FrameRows::len),
        }
    }

    /// What became of a row of a relation.
    fn fate(&self, relation: Relation, row: u32) -> RowFate {
        match relation {
            Relation::Scan(_) | Relation::Broadcast(_) => RowFate::Live,
            Relation::Frame(frame) => match self.frames.get(frame) {
                Some(rows) if rows.grouped => RowFate::Live,
                Some(rows) => rows
                    .members
                    .get(row as usize)
                    .copied()
                    .unwrap_or(RowFate::Absent),
                None => RowFate::Absent,
            },
        }
    }

    fn member_fate(&self, frame: usize, member: u32) -> RowFate {
        let rows = self.frames.get(frame);
        rows.and_then(|rows| rows.members.get(member as usize))
            .copied()
            .unwrap_or(RowFate::Absent)
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

    fn cell(&self, scan: usize, row: u32, column: usize) -> Option<&'b [u8]> {
        let number = self.tables.get(scan).copied().flatten()?;
        let row = *self.sorted.get(number)?.get(row as usize)?;
        self.block.tables.get(number)?.cell(row, column)
    }

    fn binding(&self, number: usize, frame: &Frame, member: u32, slot: usize) -> Option<u32> {
        let row = *self
            .frames
            .get(number)?
            .bindings
            .get(member as usize * frame.slots.len() + slot)?;
        (row != NONE).then_some(row)
    }

    /// The row a slot is bound to.
    fn row_of(&self, at: Place, slot: usize) -> Option<(Relation, u32)> {
        let frame = self.plan_frame(at.frame)?;
        let relation = frame.slots.get(slot)?.relation;
        let row = match at.bound {
            Some((bound, row)) if bound == slot => row,
            _ => self.binding(at.frame, frame, at.member, slot)?,
        };
        Some((relation, row))
    }

    /// The bytes of a column; `None` for NULL or a slot without row.
    fn raw(&self, at: Place, slot: usize, column: usize) -> Option<&'b [u8]> {
        match self.row_of(at, slot)? {
            (Relation::Scan(scan), row) => self.cell(scan, row, column),
            (Relation::Broadcast(broadcast), row) => {
                self.broadcasts.get(broadcast)?.cell(row, column)
            }
            (Relation::Frame(_), _) => None,
        }
    }

    /// The single row that stands for a row of a frame: the first of a group.
    fn first_member(&self, frame: usize, row: u32) -> u32 {
        self.frames
            .get(frame)
            .map_or(NONE, |rows| rows.first_member(row))
    }

    /// A local of a row of a frame, computed when first asked for.
    fn value_of(&mut self, frame: usize, row: u32, local: usize) -> Result<Value<'b>, Stop> {
        let Some(rows) = self.frames.get(frame) else {
            return Ok(Value::Null);
        };
        let slot = row as usize * rows.locals + local;
        match rows.memo.get(slot) {
            Some(Memo::Ready(value)) => return Ok(*value),
            Some(Memo::Ended(stop)) => return Err(**stop),
            Some(Memo::Empty) | None => {}
        }
        let member = rows.first_member(row);
        let Some(node) = self
            .plan_frame(frame)
            .and_then(|frame| frame.locals.get(local))
            .map(|local| local.value)
        else {
            return Ok(Value::Null);
        };
        let at = Place {
            frame,
            row,
            member,
            bound: None,
        };
        let result = eval::evaluate(self.program, self, at, node);
        let memo = match result {
            Ok(value) => Memo::Ready(value),
            Err(stop) => Memo::Ended(self.arena.alloc(Stop {
                counted: true,
                ..stop
            })),
        };
        if let Some(cell) = self
            .frames
            .get_mut(frame)
            .and_then(|rows| rows.memo.get_mut(slot))
        {
            *cell = memo;
        }
        result
    }
}

fn hash(value: &Value<'_>, into: &mut DefaultHasher) {
    match value {
        Value::Null => 0u8.hash(into),
        Value::Bool(value) => value.hash(into),
        Value::Int(value) | Value::Timestamp(value) | Value::Duration(value) => value.hash(into),
        Value::Text(value) | Value::Json(value) => value.hash(into),
        Value::Bytes(value) | Value::Raw(value) => value.hash(into),
        Value::Uuid(value) => value.hash(into),
        Value::Inet(value) => value.hash(into),
    }
}
