//! The rows of one partition: joined, grouped, evaluated, written.
//!
//! Each frame of the pass is built in the plan's order, so that what a frame reads is there before
//! it. Values of locals are computed when first asked for and kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use bumpalo::Bump;

use crate::eval::{self, Place, Program, Rows, Stop, decode, equal, order};
use crate::plan::{
    AggregateOp, ClauseKind, Frame, IntoCondition, JoinKind, Lookup, NodeId, Relation, Rule,
    builtin,
};
use crate::types::{SeverityValue, Ty, Value};

use super::block::{Block, Table, int};
use super::ledger::{FrameCounts, ReasonCounts, Reject, SAMPLES};
use super::output::{Mark, Output};

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
    broadcast_indexes: HashMap<usize, HashMap<u64, Vec<u32>>>,
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
    Ended(Stop),
}

/// The rows of a frame.
#[derive(Default)]
struct FrameRows<'b> {
    /// For each single row the rows its slots are bound to.
    bindings: Vec<u32>,
    members: Vec<RowFate>,
    /// For grouped frames: the single rows of each group.
    groups: Vec<Vec<u32>>,
    /// The fate of each row: of groups where the frame is grouped.
    memo: Vec<Memo<'b>>,
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
    indexes: HashMap<usize, HashMap<u64, Vec<u32>>>,
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
            frames: program
                .plan
                .frames
                .iter()
                .map(|_| FrameRows::default())
                .collect(),
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
        let (frames, rejects) = (&self.frames, &mut Vec::new());
        let _ = frames;
        self.results
            .output
            .close_partition(|reference, frame, row| rejects.push((reference, frame, row)));
        for (reference, frame, row) in rejects.drain(..) {
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
            Relation::Frame(frame) => {
                let grouped = self
                    .plan_frame(frame)
                    .is_some_and(|frame| !frame.group.is_empty());
                self.frames.get(frame).map_or(0, |rows| {
                    if grouped {
                        rows.groups.len()
                    } else {
                        rows.members.len()
                    }
                })
            }
        }
    }

    /// What became of a row of a relation.
    fn fate(&self, relation: Relation, row: u32) -> RowFate {
        match relation {
            Relation::Scan(_) | Relation::Broadcast(_) => RowFate::Live,
            Relation::Frame(frame) => {
                let grouped = self
                    .plan_frame(frame)
                    .is_some_and(|frame| !frame.group.is_empty());
                if grouped {
                    return RowFate::Live;
                }
                let rows = self.frames.get(frame);
                rows.and_then(|rows| rows.members.get(row as usize))
                    .copied()
                    .unwrap_or(RowFate::Absent)
            }
        }
    }

    fn build(&mut self, number: usize) {
        let Some(frame) = self.plan_frame(number) else {
            return;
        };
        let Some(driver) = frame.slots.first().map(|slot| slot.relation) else {
            return;
        };
        if let Some(rows) = self.frames.get_mut(number) {
            rows.bindings.clear();
            rows.members.clear();
            rows.groups.clear();
            rows.memo.clear();
        }
        for row in 0..u32::try_from(self.count(driver)).unwrap_or(NONE) {
            let inherited = self.fate(driver, row);
            if inherited == RowFate::Absent {
                continue;
            }
            let first = self.add_row(number, frame, row, inherited);
            if inherited != RowFate::Live {
                continue;
            }
            for join in &frame.joins {
                let end = self.frames.get(number).map_or(0, |rows| rows.members.len());
                for member in first..u32::try_from(end).unwrap_or(NONE) {
                    self.join(number, frame, member, join);
                }
            }
        }
        let count = self.frames.get(number).map_or(0, |rows| rows.members.len());
        for member in 0..u32::try_from(count).unwrap_or(NONE) {
            if self.member_fate(number, member) == RowFate::Live
                && let Err(stop) = self.clauses(number, frame, member)
            {
                self.end_row(number, member, stop);
            }
        }
        if !frame.group.is_empty() {
            self.group(number, frame);
        }
        if frame.is_map {
            self.write(number, frame);
        }
    }

    fn add_row(&mut self, number: usize, frame: &Frame, driver: u32, fate: RowFate) -> u32 {
        let Some(rows) = self.frames.get_mut(number) else {
            return NONE;
        };
        let member = u32::try_from(rows.members.len()).unwrap_or(NONE);
        rows.bindings.push(driver);
        rows.bindings
            .resize(rows.bindings.len() + frame.slots.len() - 1, NONE);
        rows.members.push(fate);
        if frame.group.is_empty() {
            rows.memo
                .resize(rows.memo.len() + frame.locals.len(), Memo::Empty);
        }
        member
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

    fn bind(&mut self, number: usize, frame: &Frame, member: u32, slot: usize, row: u32) {
        let at = member as usize * frame.slots.len() + slot;
        if let Some(binding) = self
            .frames
            .get_mut(number)
            .and_then(|rows| rows.bindings.get_mut(at))
        {
            *binding = row;
        }
    }

    /// Joins a relation to one row; further partners of `join many` become rows of their own.
    fn join(&mut self, number: usize, frame: &'b Frame, member: u32, join: &'b crate::plan::Join) {
        if self.member_fate(number, member) != RowFate::Live {
            return;
        }
        let at = Place {
            frame: number,
            row: member,
            member,
            bound: None,
        };
        let mut found = std::mem::take(&mut self.found);
        let outcome = self.find(at, &join.lookup, &mut found);
        match outcome {
            Err(stop) => self.end_row(number, member, stop),
            Ok(dead) => self.bind_partners(number, frame, member, join, &found, dead),
        }
        self.found = found;
    }

    fn bind_partners(
        &mut self,
        number: usize,
        frame: &'b Frame,
        member: u32,
        join: &'b crate::plan::Join,
        found: &[u32],
        dead: Option<usize>,
    ) {
        let slot = join.lookup.slot;
        match (found, join.kind) {
            ([row], _) => self.bind(number, frame, member, slot, *row),
            ([], JoinKind::Left) => {}
            ([], JoinKind::Inner | JoinKind::Many) => {
                let stop = |reason| Stop {
                    reason,
                    node: NodeId::MAX,
                    why: "",
                    counted: false,
                    owner: false,
                };
                match (dead, join.skipped, join.otherwise) {
                    (Some(_), Some(fate), _) | (None, _, Some(fate)) => {
                        self.end_row(number, member, stop(fate.reason))
                    }
                    (Some(owner), None, _) => self.end_row(
                        number,
                        member,
                        Stop {
                            owner: true,
                            ..stop(owner)
                        },
                    ),
                    (None, _, None) => self.set_fate(number, member, RowFate::Absent),
                }
            }
            (rows, JoinKind::Many) => {
                let width = frame.slots.len();
                let start = member as usize * width;
                let template: Vec<u32> = self
                    .frames
                    .get(number)
                    .and_then(|rows| rows.bindings.get(start..start + width))
                    .unwrap_or_default()
                    .to_vec();
                for (place, row) in rows.iter().enumerate() {
                    let target = if place == 0 {
                        member
                    } else {
                        let driver = template.first().copied().unwrap_or(NONE);
                        let added = self.add_row(number, frame, driver, RowFate::Live);
                        for (slot, row) in template.iter().enumerate() {
                            self.bind(number, frame, added, slot, *row);
                        }
                        added
                    };
                    self.bind(number, frame, target, slot, *row);
                }
            }
            (_, JoinKind::Inner | JoinKind::Left) => {
                let why = "finds several rows where one was proven";
                let stop = Stop {
                    reason: builtin::DUPLICATE_KEY,
                    node: NodeId::MAX,
                    why,
                    counted: false,
                    owner: false,
                };
                self.end_row(number, member, stop);
            }
        }
    }

    /// The rows a look-up finds; and where there are none, the reason of one that would have fitted
    /// but ended itself.
    fn find(
        &mut self,
        at: Place,
        lookup: &'b Lookup,
        found: &mut Vec<u32>,
    ) -> Result<Option<usize>, Stop> {
        found.clear();
        if lookup.aligned && self.null_key {
            return Ok(None);
        }
        let Some(relation) = self
            .plan_frame(at.frame)
            .and_then(|frame| frame.slots.get(lookup.slot))
            .map(|slot| slot.relation)
        else {
            return Ok(None);
        };
        let mut left = bumpalo::collections::Vec::with_capacity_in(lookup.left.len(), self.arena);
        for node in &lookup.left {
            let value = eval::evaluate(self.program, self, at, *node)?;
            if value.is_null() {
                return Ok(None);
            }
            left.push(value);
        }
        let mut dead = None;
        let count = self.count(relation);
        if count <= SCAN_LIMIT || left.is_empty() {
            for row in 0..u32::try_from(count).unwrap_or(NONE) {
                self.consider(at, lookup, relation, &left, row, found, &mut dead)?;
            }
        } else {
            let candidates = self.candidates(at, lookup, relation, &left);
            for row in candidates {
                self.consider(at, lookup, relation, &left, row, found, &mut dead)?;
            }
        }
        Ok(if found.is_empty() { dead } else { None })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of `find`, which owns all of these"
    )]
    fn consider(
        &mut self,
        at: Place,
        lookup: &'b Lookup,
        relation: Relation,
        left: &[Value<'b>],
        row: u32,
        found: &mut Vec<u32>,
        dead: &mut Option<usize>,
    ) -> Result<(), Stop> {
        let fate = self.fate(relation, row);
        if fate == RowFate::Absent {
            return Ok(());
        }
        let bound = Place {
            bound: Some((lookup.slot, row)),
            ..at
        };
        for (value, node) in left.iter().zip(&lookup.right) {
            // A row whose own value failed has ended for it, and fits nothing.
            let fits = eval::evaluate(self.program, self, bound, *node)
                .is_ok_and(|right| equal(value, &right));
            if !fits {
                return Ok(());
            }
        }
        if let Some(residual) = lookup.residual
            && eval::evaluate(self.program, self, bound, residual)? != Value::Bool(true)
        {
            return Ok(());
        }
        match fate {
            RowFate::Live => found.push(row),
            RowFate::Ended { reason, .. } => *dead = Some(dead.unwrap_or(reason)),
            RowFate::Absent => {}
        }
        Ok(())
    }

    /// The rows of a large relation whose values may be equal, by hash.
    fn candidates(
        &mut self,
        at: Place,
        lookup: &'b Lookup,
        relation: Relation,
        left: &[Value<'b>],
    ) -> Vec<u32> {
        let id = std::ptr::from_ref(lookup).addr();
        let is_broadcast = matches!(relation, Relation::Broadcast(_));
        let known = if is_broadcast {
            self.results.broadcast_indexes.contains_key(&id)
        } else {
            self.indexes.contains_key(&id)
        };
        if !known {
            let mut index: HashMap<u64, Vec<u32>> = HashMap::new();
            for row in 0..u32::try_from(self.count(relation)).unwrap_or(NONE) {
                let bound = Place {
                    bound: Some((lookup.slot, row)),
                    ..at
                };
                let mut hasher = DefaultHasher::new();
                let mut complete = true;
                for node in &lookup.right {
                    match eval::evaluate(self.program, self, bound, *node) {
                        Ok(value) if !value.is_null() => hash(&value, &mut hasher),
                        _ => complete = false,
                    }
                }
                if complete {
                    index.entry(hasher.finish()).or_default().push(row);
                }
            }
            let indexes = if is_broadcast {
                &mut self.results.broadcast_indexes
            } else {
                &mut self.indexes
            };
            indexes.insert(id, index);
        }
        let mut hasher = DefaultHasher::new();
        left.iter().for_each(|value| hash(value, &mut hasher));
        let indexes = if is_broadcast {
            &self.results.broadcast_indexes
        } else {
            &self.indexes
        };
        indexes
            .get(&id)
            .and_then(|index| index.get(&hasher.finish()))
            .cloned()
            .unwrap_or_default()
    }

    /// `where`, then the clauses in order.
    fn clauses(&mut self, number: usize, frame: &'b Frame, member: u32) -> Result<(), Stop> {
        let at = Place {
            frame: number,
            row: member,
            member,
            bound: None,
        };
        if let Some(filter) = frame.filter
            && eval::evaluate(self.program, self, at, filter)? != Value::Bool(true)
        {
            self.set_fate(number, member, RowFate::Absent);
            return Ok(());
        }
        for clause in &frame.clauses {
            if eval::evaluate(self.program, self, at, clause.when)? != Value::Bool(true) {
                continue;
            }
            match clause.kind {
                ClauseKind::Warn => self.warn(at, clause.reason, clause.when)?,
                ClauseKind::Skip | ClauseKind::Fail => {
                    return Err(Stop {
                        reason: clause.reason,
                        node: clause.when,
                        why: "",
                        counted: false,
                        owner: false,
                    });
                }
            }
        }
        Ok(())
    }

    /// Gathers the live rows of a grouped frame by their keys; nulls are equal here.
    fn group(&mut self, number: usize, frame: &'b Frame) {
        let count = self.frames.get(number).map_or(0, |rows| rows.members.len());
        let mut keys: Vec<Vec<Value<'b>>> = Vec::new();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
        for member in 0..u32::try_from(count).unwrap_or(NONE) {
            if self.member_fate(number, member) != RowFate::Live {
                continue;
            }
            let at = Place {
                frame: number,
                row: NONE,
                member,
                bound: None,
            };
            let key: Result<Vec<Value<'b>>, Stop> = frame
                .group
                .iter()
                .map(|node| eval::evaluate(self.program, self, at, *node))
                .collect();
            let key = match key {
                Ok(key) => key,
                Err(stop) => {
                    self.end_row(number, member, stop);
                    continue;
                }
            };
            let mut hasher = DefaultHasher::new();
            key.iter().for_each(|value| hash(value, &mut hasher));
            let bucket = by_hash.entry(hasher.finish()).or_default();
            let known = bucket
                .iter()
                .copied()
                .find(|group| keys.get(*group) == Some(&key));
            match known.and_then(|group| groups.get_mut(group)) {
                Some(group) => group.push(member),
                None => {
                    bucket.push(groups.len());
                    groups.push(vec![member]);
                    keys.push(key);
                }
            }
        }
        if let Some(rows) = self.frames.get_mut(number) {
            rows.memo
                .resize(groups.len() * frame.locals.len(), Memo::Empty);
            rows.groups = groups;
        }
    }

    /// Ends a row: counts it under its reason unless that was done where the value failed.
    fn end_row(&mut self, frame: usize, member: u32, stop: Stop) {
        if !stop.counted && !stop.owner {
            self.event(frame, member, stop);
        }
        self.set_fate(
            frame,
            member,
            RowFate::Ended {
                reason: stop.reason,
                owner: stop.owner,
            },
        );
    }

    /// Counts a row under a reason, and keeps its key as a sample.
    fn event(&mut self, frame: usize, member: u32, stop: Stop) {
        let severity = self.program.severity(stop.reason);
        let is_error = severity == SeverityValue::Error;
        let wanted = self
            .results
            .reasons
            .get(stop.reason)
            .is_some_and(|counts| counts.samples.len() < SAMPLES)
            && severity != SeverityValue::Quiet;
        let keep = is_error && self.results.rejects.len() < REJECTS;
        let key = if wanted || keep {
            self.row_key(frame, member)
        } else {
            String::new()
        };
        if is_error {
            self.results.rejected += 1;
        }
        if keep {
            self.results.rejects.push(Reject {
                reason: stop.reason,
                node: (stop.node != NodeId::MAX).then_some(stop.node),
                why: stop.why.to_owned(),
                block: self
                    .plan_frame(frame)
                    .map_or_else(String::new, |frame| frame.name.clone()),
                key: key.clone(),
            });
        }
        if let Some(counts) = self.results.reasons.get_mut(stop.reason) {
            counts.rows += 1;
            if wanted {
                counts.samples.push(key);
            }
        }
    }

    fn dangling(&mut self, reference: usize, frame: usize, row: u32) {
        if let Some(count) = self.results.dangling.get_mut(reference) {
            count.1 += 1;
        }
        let stop = Stop {
            reason: builtin::DANGLING_REFERENCE,
            node: NodeId::MAX,
            why: "refers to a row that is not written",
            counted: false,
            owner: false,
        };
        self.event(frame, row, stop);
    }

    /// The key of the source row at the root of a frame's row, without values that must not be
    /// shown.
    fn row_key(&self, frame: usize, member: u32) -> String {
        let plan = &self.program.plan;
        let Some(block) = self.plan_frame(frame) else {
            return String::new();
        };
        let driver = self.binding(frame, block, member, 0);
        let (scan, row) = match (block.slots.first().map(|slot| slot.relation), driver) {
            (Some(Relation::Scan(scan)), Some(row)) => (scan, row),
            (Some(Relation::Frame(inner)), Some(row)) => {
                return self.row_key(inner, self.first_member(inner, row));
            }
            _ => return String::new(),
        };
        let Some(scan_plan) = plan.scans.get(scan) else {
            return String::new();
        };
        let mut text = String::new();
        let others = scan_plan
            .row_key
            .iter()
            .filter(|column| **column != scan_plan.key);
        for column in std::iter::once(&scan_plan.key).chain(others) {
            let Some(definition) = scan_plan.columns.get(*column) else {
                continue;
            };
            if definition.sensitive {
                continue;
            }
            let shown = match decode(&definition.pg_type, self.cell(scan, row, *column)) {
                Ok(Value::Text(text)) => text.to_owned(),
                Ok(Value::Int(number)) => number.to_string(),
                Ok(Value::Uuid(bytes)) => crate::functions::uuid_text(&bytes),
                Ok(Value::Null) => "null".to_owned(),
                _ => continue,
            };
            if text.is_empty() {
                text = shown;
            } else {
                text = format!("{text} {}={shown}", definition.name);
            }
        }
        text
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
        let grouped = self
            .plan_frame(frame)
            .is_some_and(|frame| !frame.group.is_empty());
        if !grouped {
            return row;
        }
        let group = self
            .frames
            .get(frame)
            .and_then(|rows| rows.groups.get(row as usize));
        group
            .and_then(|group| group.first())
            .copied()
            .unwrap_or(NONE)
    }

    fn memo_at(&self, frame: usize, row: u32, local: usize) -> usize {
        row as usize * self.plan_frame(frame).map_or(0, |frame| frame.locals.len()) + local
    }

    /// A local of a row of a frame, computed when first asked for.
    fn value_of(&mut self, frame: usize, row: u32, local: usize) -> Result<Value<'b>, Stop> {
        let slot = self.memo_at(frame, row, local);
        match self.frames.get(frame).and_then(|rows| rows.memo.get(slot)) {
            Some(Memo::Ready(value)) => return Ok(*value),
            Some(Memo::Ended(stop)) => return Err(*stop),
            Some(Memo::Empty) | None => {}
        }
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
            member: self.first_member(frame, row),
            bound: None,
        };
        let result = eval::evaluate(self.program, self, at, node);
        let memo = match result {
            Ok(value) => Memo::Ready(value),
            Err(stop) => Memo::Ended(Stop {
                counted: true,
                ..stop
            }),
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

    /// Writes the live rows of a map and counts what became of all.
    fn write(&mut self, number: usize, frame: &'b Frame) {
        let count = self.frames.get(number).map_or(0, |rows| rows.members.len());
        for member in 0..u32::try_from(count).unwrap_or(NONE) {
            if self.member_fate(number, member) == RowFate::Live {
                let mut mark = std::mem::replace(&mut self.results.mark, Mark::new());
                self.results.output.mark(&mut mark);
                if let Err(stop) = self.write_row(number, frame, member) {
                    self.results.output.reset(&mark);
                    self.end_row(number, member, stop);
                }
                self.results.mark = mark;
            }
            let fate = self.member_fate(number, member);
            let Some(counts) = self.results.frames.get_mut(number) else {
                continue;
            };
            match fate {
                RowFate::Absent => continue,
                RowFate::Live => counts.written += 1,
                RowFate::Ended { reason, owner } => {
                    let by_reason = if owner {
                        &mut counts.owner
                    } else {
                        &mut counts.ended
                    };
                    if let Some(count) = by_reason.get_mut(reason) {
                        *count += 1;
                    }
                    if owner && let Some(counts) = self.results.reasons.get_mut(reason) {
                        counts.dependents += 1;
                    }
                }
            }
            counts.read += 1;
        }
    }

    fn write_row(&mut self, number: usize, frame: &'b Frame, member: u32) -> Result<(), Stop> {
        let at = Place {
            frame: number,
            row: member,
            member,
            bound: None,
        };
        let mut matched = false;
        for into in &frame.intos {
            if let IntoCondition::When(when) = into.condition {
                if eval::evaluate(self.program, self, at, when)? != Value::Bool(true) {
                    continue;
                }
                matched = true;
                self.write_into(at, into)?;
            } else if into.condition == IntoCondition::Always {
                self.write_into(at, into)?;
            }
        }
        if matched {
            return Ok(());
        }
        for into in &frame.intos {
            if into.condition == IntoCondition::Otherwise {
                self.write_into(at, into)?;
            }
        }
        match frame.otherwise {
            Some(fate) => Err(Stop {
                reason: fate.reason,
                node: NodeId::MAX,
                why: "",
                counted: false,
                owner: false,
            }),
            None => Ok(()),
        }
    }

    fn write_into(&mut self, at: Place, into: &'b crate::plan::Into) -> Result<(), Stop> {
        let Some(target) = self.program.plan.targets.get(into.target) else {
            return Ok(());
        };
        self.results.output.begin(into.target);
        for (rule, column) in into.rules.iter().zip(&target.columns) {
            let (node, written) = match *rule {
                Rule::Copy { slot, column, node } => (
                    node,
                    self.results
                        .output
                        .copy(into.target, self.raw(at, slot, column)),
                ),
                Rule::Value(node) => {
                    let value = eval::evaluate(self.program, self, at, node)?;
                    (
                        node,
                        self.results
                            .output
                            .value(into.target, &column.pg_type, value),
                    )
                }
            };
            if let Err(why) = written {
                return Err(Stop {
                    reason: builtin::VALUE_OUT_OF_RANGE,
                    node,
                    why: why.0,
                    counted: false,
                    owner: false,
                });
            }
        }
        self.results.output.end(
            into.target,
            u32::try_from(at.frame).unwrap_or(NONE),
            at.member,
        );
        Ok(())
    }
}

impl<'b> Rows<'b> for Partition<'b, '_, '_> {
    fn arena(&self) -> &'b Bump {
        self.arena
    }

    fn column(&mut self, at: Place, slot: usize, column: usize) -> Result<Value<'b>, &'static str> {
        let Some((relation, row)) = self.row_of(at, slot) else {
            return Ok(Value::Null);
        };
        let plan = &self.program.plan;
        let (definition, cell) = match relation {
            Relation::Scan(scan) => (
                plan.scans
                    .get(scan)
                    .and_then(|scan| scan.columns.get(column)),
                self.cell(scan, row, column),
            ),
            Relation::Broadcast(broadcast) => (
                plan.broadcasts
                    .get(broadcast)
                    .and_then(|broadcast| broadcast.columns.get(column)),
                self.broadcasts
                    .get(broadcast)
                    .and_then(|table| table.cell(row, column)),
            ),
            Relation::Frame(_) => (None, None),
        };
        match definition {
            Some(definition) => decode(&definition.pg_type, cell).map_err(|why| why.0),
            None => Ok(Value::Null),
        }
    }

    fn field(&mut self, at: Place, slot: usize, local: usize) -> Result<Value<'b>, Stop> {
        let Some((Relation::Frame(frame), row)) = self.row_of(at, slot) else {
            return Ok(Value::Null);
        };
        self.value_of(frame, row, local).map_err(|stop| {
            if !stop.counted && !stop.owner {
                let member = self.first_member(frame, row);
                self.event(frame, member, stop);
            }
            // The driver's own value is the row's; a joined row's belongs to its owner.
            Stop {
                counted: true,
                owner: stop.owner || slot != 0,
                ..stop
            }
        })
    }

    fn local(&mut self, at: Place, local: usize) -> Result<Value<'b>, Stop> {
        self.value_of(at.frame, at.row, local)
    }

    fn present(&self, at: Place, slot: usize) -> bool {
        self.row_of(at, slot).is_some()
    }

    fn exists(&mut self, at: Place, _node: NodeId, lookup: &'b Lookup) -> Result<bool, Stop> {
        let mut found = Vec::new();
        self.find(at, lookup, &mut found)?;
        Ok(!found.is_empty())
    }

    fn aggregate(
        &mut self,
        at: Place,
        op: AggregateOp,
        value: Option<NodeId>,
        orders: &'b [(NodeId, bool)],
    ) -> Result<Value<'b>, Stop> {
        let group = self
            .frames
            .get(at.frame)
            .and_then(|rows| rows.groups.get(at.row as usize));
        let members: &'b [u32] = self
            .arena
            .alloc_slice_copy(group.map(Vec::as_slice).unwrap_or_default());
        let Some(node) = value else {
            return Ok(Value::Int(i64::try_from(members.len()).unwrap_or(i64::MAX)));
        };
        let mut best: Option<(Value<'b>, Vec<Value<'b>>)> = None;
        let mut count = 0;
        for member in members {
            let place = Place {
                member: *member,
                ..at
            };
            let value = eval::evaluate(self.program, self, place, node)?;
            let mut keys = Vec::with_capacity(orders.len());
            for (key, _) in orders {
                keys.push(eval::evaluate(self.program, self, place, *key)?);
            }
            if op != AggregateOp::First && value.is_null() {
                continue;
            }
            count += 1;
            let better = match (&best, op) {
                (None, _) => true,
                (Some((known, _)), AggregateOp::Min) => order(&value, known).is_lt(),
                (Some((known, _)), AggregateOp::Max) => order(&value, known).is_gt(),
                (Some((_, known)), AggregateOp::First) => before(&keys, known, orders),
                (Some(_), AggregateOp::Count) => false,
            };
            if better {
                best = Some((value, keys));
            }
        }
        Ok(match op {
            AggregateOp::Count => Value::Int(count),
            AggregateOp::Min | AggregateOp::Max | AggregateOp::First => {
                best.map_or(Value::Null, |(value, _)| value)
            }
        })
    }

    fn warn(&mut self, at: Place, reason: usize, node: NodeId) -> Result<(), Stop> {
        let stop = Stop {
            reason,
            node,
            why: "",
            counted: false,
            owner: false,
        };
        if self.program.severity(reason) == SeverityValue::Error {
            return Err(stop);
        }
        self.event(at.frame, at.member, stop);
        Ok(())
    }
}

/// Whether a row comes before another in the order of `first`; nulls are last in either direction.
fn before(keys: &[Value<'_>], known: &[Value<'_>], orders: &[(NodeId, bool)]) -> bool {
    for ((left, right), (_, descending)) in keys.iter().zip(known).zip(orders) {
        let forward = order(left, right);
        let ordered = if *descending && !left.is_null() && !right.is_null() {
            forward.reverse()
        } else {
            forward
        };
        if ordered.is_ne() {
            return ordered.is_lt();
        }
    }
    false
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
