//! Rows on their way out: encoded per target table, cut into batches, their references noted.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use bytes::BufMut;

use crate::eval::{Unencodable, encode};
use crate::plan::{Plan, Reference, ReferenceScope, ReferenceTo, TargetColumn};
use crate::types::{PgType, Ty, Value};

use super::across::{Across, AcrossReference};
use super::block::int;
use super::buffers::{BATCH_SIZE, Buffers};
use super::row_sink::RowBatch;

/// How many values are kept of a reference to a table that is not written; with more, the rest is
/// left to the constraint itself.
const OUTSIDE_LIMIT: usize = 100_000;

/// What leaves the evaluation of a pass.
pub(super) struct Output<'p> {
    plan: &'p Plan,
    buffers: Vec<Buffer>,
    memory: Buffers,
    /// Where the fields of the row being written stand in its buffer.
    fields: Vec<Option<Range<usize>>>,
    /// Bytes of the keys of the partition's references.
    keys: Vec<u8>,
    references: Vec<References>,
    /// For each target the foreign keys that its rows are subject to or referred to by.
    touching: Vec<Vec<usize>>,
    outside: Vec<Outside>,
    across: Vec<Across>,
    /// Each row written in the partition, where one may be rejected later.
    rows: Vec<WrittenRow>,
    /// Whether these are kept: a reference is checked inside the partition, or a row is looked for.
    keeps_rows: bool,
    /// Where the row of a target that is being written begins in its buffer.
    row_start: usize,
    /// What was done since the row of the map was begun.
    steps: Vec<Step>,
}

#[derive(Default)]
struct Buffer {
    data: Vec<u8>,
    rows: u64,
    total: u64,
}

/// A row of a target.
struct WrittenRow {
    /// The frame that it was made of, and the row of that.
    of: (u32, u32),
    target: usize,
    /// Where it begins in the target's buffer; it ends where the next one begins.
    start: usize,
}

/// Both ends of a foreign key inside a partition: where the bytes of the key stand, the frame and the
/// row that it belongs to.
#[derive(Default)]
struct References {
    from: Vec<(Range<usize>, u32, u32)>,
    to: Vec<(Range<usize>, u32, u32)>,
}

/// Values that refer to a table which must hold them already.
#[derive(Default)]
struct Outside {
    values: BTreeSet<Vec<u8>>,
    complete: bool,
}

/// One thing that writing a row has done, to take it back.
enum Step {
    /// Bytes were added to a target's buffer, which had so many before.
    Bytes {
        target: usize,
        before: usize,
    },
    /// A row of a target was counted.
    Row {
        target: usize,
    },
    /// The row was noted as one that refers, or that can be referred to, by that foreign key.
    From(usize),
    To(usize),
}

/// Values of a foreign key to a table that the plan does not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideReference {
    /// The foreign key's number in the plan.
    pub reference: usize,
    /// The distinct values, in PostgreSQL's binary form (of a single column).
    pub values: Vec<Vec<u8>>,
    /// Whether these are all.
    pub complete: bool,
}

impl<'p> Output<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            buffers: plan.targets.iter().map(|_| Buffer::default()).collect(),
            memory: Buffers::default(),
            fields: Vec::new(),
            keys: Vec::new(),
            references: plan
                .references
                .iter()
                .map(|_| References::default())
                .collect(),
            touching: (0..plan.targets.len())
                .map(|target| touching(plan, target))
                .collect(),
            outside: plan
                .references
                .iter()
                .map(|_| Outside {
                    values: BTreeSet::new(),
                    complete: true,
                })
                .collect(),
            across: plan.references.iter().map(|_| Across::default()).collect(),
            rows: Vec::new(),
            keeps_rows: plan.references.iter().any(|reference| {
                matches!(
                    reference.to,
                    ReferenceTo::Target {
                        scope: ReferenceScope::Partition,
                        ..
                    }
                )
            }),
            row_start: 0,
            steps: Vec::new(),
        }
    }

    /// Keeps the rows of each partition, for [`Output::row_of_partition`].
    pub(super) fn keep_rows(&mut self) {
        self.keeps_rows = true;
    }

    /// Begins a row of a map, which is written to some targets or none.
    pub(super) fn begin(&mut self) {
        self.steps.clear();
    }

    /// Takes back the row of the map.
    pub(super) fn take_back(&mut self) {
        while let Some(step) = self.steps.pop() {
            match step {
                Step::Bytes { target, before } => {
                    if let Some(buffer) = self.buffers.get_mut(target) {
                        buffer.data.truncate(before);
                    }
                }
                Step::Row { target } => {
                    if let Some(buffer) = self.buffers.get_mut(target) {
                        buffer.rows -= 1;
                        buffer.total -= 1;
                    }
                    if self.keeps_rows {
                        self.rows.pop();
                    }
                }
                Step::From(reference) => {
                    let noted = self.references.get_mut(reference);
                    noted.and_then(|noted| noted.from.pop());
                }
                Step::To(reference) => {
                    let noted = self.references.get_mut(reference);
                    noted.and_then(|noted| noted.to.pop());
                }
            }
        }
    }

    /// Begins a row of a target.
    pub(super) fn begin_row(&mut self, target: usize) {
        self.fields.clear();
        let columns = self
            .plan
            .targets
            .get(target)
            .map_or(0, |target| target.columns.len());
        if let Some(buffer) = self.buffers.get_mut(target) {
            if buffer.data.capacity() == 0 {
                buffer.data = self.memory.take();
            }
            let before = buffer.data.len();
            self.row_start = before;
            self.steps.push(Step::Bytes { target, before });
            buffer
                .data
                .put_u16(u16::try_from(columns).unwrap_or(u16::MAX));
        }
    }

    /// Adds the bytes of a field as they stand.
    pub(super) fn copy(&mut self, target: usize, cell: Option<&[u8]>) -> Result<(), Unencodable> {
        let Some(buffer) = self.buffers.get_mut(target) else {
            return Ok(());
        };
        match cell {
            None => {
                buffer.data.put_i32(-1);
                self.fields.push(None);
            }
            Some(bytes) => {
                let length = i32::try_from(bytes.len())
                    .map_err(|_| Unencodable("is longer than PostgreSQL allows"))?;
                buffer.data.reserve(bytes.len() + 4);
                buffer.data.put_i32(length);
                let start = buffer.data.len();
                buffer.data.put_slice(bytes);
                self.fields.push(Some(start..buffer.data.len()));
            }
        }
        Ok(())
    }

    /// Adds the value of a field.
    pub(super) fn value(
        &mut self,
        target: usize,
        ty: &PgType,
        value: Value<'_>,
    ) -> Result<(), Unencodable> {
        let Some(buffer) = self.buffers.get_mut(target) else {
            return Ok(());
        };
        let start = buffer.data.len() + 4;
        encode(ty, value, &mut buffer.data)?;
        self.fields
            .push((!value.is_null()).then_some(start..buffer.data.len()));
        Ok(())
    }

    /// Ends a row of a target: counts it, and notes what it refers to and what refers to it.
    pub(super) fn end_row(&mut self, target: usize, frame: u32, row: u32) {
        let Self {
            plan,
            buffers,
            fields,
            keys,
            references,
            touching,
            rows,
            keeps_rows,
            row_start,
            steps,
            ..
        } = self;
        let Some(buffer) = buffers.get_mut(target) else {
            return;
        };
        steps.push(Step::Row { target });
        buffer.rows += 1;
        buffer.total += 1;
        if *keeps_rows {
            rows.push(WrittenRow {
                of: (frame, row),
                target,
                start: *row_start,
            });
        }
        let columns_of = || {
            let target = plan.targets.get(target);
            target.map_or(&[][..], |target| &target.columns)
        };
        for number in touching.get(target).into_iter().flatten() {
            let (Some(reference), Some(noted)) =
                (plan.references.get(*number), references.get_mut(*number))
            else {
                continue;
            };
            let types = match reference.to {
                ReferenceTo::Target { .. } => columns_of(),
                ReferenceTo::Table { .. } => &[],
            };
            if reference.from == target
                && let Some(range) = key(&reference.from_columns, types, fields, &buffer.data, keys)
            {
                noted.from.push((range, frame, row));
                steps.push(Step::From(*number));
            }
            if let ReferenceTo::Target {
                target: to,
                columns,
                ..
            } = &reference.to
                && *to == target
                && let Some(range) = key(columns, types, fields, &buffer.data, keys)
            {
                noted.to.push((range, frame, row));
                steps.push(Step::To(*number));
            }
        }
    }

    /// The row of that target that was ended last, while its batch has not been taken.
    pub(super) fn last_row(&self, target: usize) -> &[u8] {
        let start = self.steps.iter().rev().find_map(|step| match step {
            Step::Bytes { target: of, before } if *of == target => Some(*before),
            _ => None,
        });
        let buffer = self.buffers.get(target);
        buffer
            .zip(start)
            .and_then(|(buffer, start)| buffer.data.get(start..))
            .unwrap_or_default()
    }

    /// Closes a partition: takes back each row whose reference no row of the partition fulfils, then
    /// those that refer to these, and so on; calls `dangling` for each reference that is open (number
    /// of the foreign key, frame, row).
    pub(super) fn close_partition(&mut self, mut dangling: impl FnMut(usize, u32, u32)) {
        let mut gone = HashSet::new();
        while self.find_dangling(&mut gone, &mut dangling) {}
        if !gone.is_empty() {
            self.remove(&gone);
        }
        let Self {
            plan,
            keys,
            references,
            outside,
            across,
            ..
        } = self;
        let bytes = |range: &Range<usize>| keys.get(range.clone()).unwrap_or_default();
        let stays = |of: &(u32, u32)| gone.is_empty() || !gone.contains(of);
        for (number, (reference, noted)) in plan
            .references
            .iter()
            .zip(references.iter_mut())
            .enumerate()
        {
            match &reference.to {
                ReferenceTo::Target {
                    scope: ReferenceScope::Partition,
                    ..
                } => {}
                ReferenceTo::Target { .. } => {
                    let Some(across) = across.get_mut(number) else {
                        continue;
                    };
                    for (range, frame, row) in &noted.to {
                        if stays(&(*frame, *row)) {
                            across.have(bytes(range));
                        }
                    }
                    for (range, frame, row) in &noted.from {
                        if stays(&(*frame, *row)) {
                            across.refer(bytes(range));
                        }
                    }
                }
                ReferenceTo::Table { .. } => {
                    let Some(outside) = outside.get_mut(number) else {
                        continue;
                    };
                    for (range, frame, row) in &noted.from {
                        let wanted = bytes(range).get(KEY_PART..).unwrap_or_default();
                        if !stays(&(*frame, *row)) || outside.values.contains(wanted) {
                            continue;
                        }
                        if outside.values.len() < OUTSIDE_LIMIT && reference.from_columns.len() == 1
                        {
                            outside.values.insert(wanted.to_vec());
                        } else {
                            outside.complete = false;
                        }
                    }
                }
            }
            noted.from.clear();
            noted.to.clear();
        }
        keys.clear();
    }

    /// Adds the rows to `gone` whose references inside the partition are open once those in it are
    /// not there; says whether there were any.
    fn find_dangling(
        &self,
        gone: &mut HashSet<(u32, u32)>,
        dangling: &mut impl FnMut(usize, u32, u32),
    ) -> bool {
        let bytes = |range: &Range<usize>| self.keys.get(range.clone()).unwrap_or_default();
        let stays = |of: &(u32, u32)| gone.is_empty() || !gone.contains(of);
        let mut found = Vec::new();
        for (number, (reference, noted)) in self
            .plan
            .references
            .iter()
            .zip(&self.references)
            .enumerate()
        {
            let ReferenceTo::Target {
                scope: ReferenceScope::Partition,
                ..
            } = &reference.to
            else {
                continue;
            };
            let mut to = noted
                .to
                .iter()
                .filter(|(_, frame, row)| stays(&(*frame, *row)))
                .map(|(range, _, _)| bytes(range));
            let few = noted.to.len() <= 16;
            let many: HashSet<&[u8]> = if few {
                HashSet::new()
            } else {
                to.by_ref().collect()
            };
            for (range, frame, row) in &noted.from {
                if !stays(&(*frame, *row)) {
                    continue;
                }
                let wanted = bytes(range);
                let fulfilled = if few {
                    to.clone().any(|to| to == wanted)
                } else {
                    many.contains(wanted)
                };
                if !fulfilled {
                    dangling(number, *frame, *row);
                    found.push((*frame, *row));
                }
            }
        }
        let any = !found.is_empty();
        gone.extend(found);
        any
    }

    /// Takes the rows out of the buffers that were made of these.
    fn remove(&mut self, gone: &HashSet<(u32, u32)>) {
        for (target, buffer) in self.buffers.iter_mut().enumerate() {
            let rows: Vec<&WrittenRow> = (self.rows.iter())
                .filter(|row| row.target == target)
                .collect();
            let ends = rows.iter().skip(1).map(|row| row.start);
            let ends = ends.chain([buffer.data.len()]);
            // What is kept moves to the front, in its order.
            let mut kept = rows.first().map_or(buffer.data.len(), |row| row.start);
            for (row, end) in rows.iter().zip(ends) {
                if gone.contains(&row.of) {
                    buffer.rows -= 1;
                    buffer.total -= 1;
                } else {
                    buffer.data.copy_within(row.start..end, kept);
                    kept += end - row.start;
                }
            }
            buffer.data.truncate(kept);
        }
        // Where those begin that are kept is of no more use.
        self.rows.retain(|row| !gone.contains(&row.of));
    }

    /// Frame and row that row number `row` (from 1) of a target was made of, if the partition that
    /// was just closed wrote it. Rows must be kept.
    pub(super) fn row_of_partition(&self, target: usize, row: u64) -> Option<(u32, u32)> {
        let rows: Vec<&WrittenRow> = (self.rows.iter())
            .filter(|row| row.target == target)
            .collect();
        let before = self.total(target) - rows.len() as u64;
        let place = usize::try_from(row.checked_sub(before + 1)?).ok()?;
        rows.get(place).map(|row| row.of)
    }

    /// Forgets which rows the partition wrote.
    pub(super) fn forget_rows(&mut self) {
        self.rows.clear();
    }

    /// The batches that are full; all of them when `last`.
    pub(super) fn batches(&mut self, last: bool, out: &mut Vec<(usize, RowBatch)>) {
        for (target, buffer) in self.buffers.iter_mut().enumerate() {
            if buffer.rows > 0 && (last || buffer.data.len() >= BATCH_SIZE) {
                let data = self.memory.give(std::mem::take(&mut buffer.data));
                out.push((
                    target,
                    RowBatch {
                        rows: std::mem::take(&mut buffer.rows),
                        data,
                    },
                ));
            }
        }
    }

    /// Rows written so far to one target.
    pub(super) fn total(&self, target: usize) -> u64 {
        self.buffers.get(target).map_or(0, |buffer| buffer.total)
    }

    /// As [`Output::totals`], into a vector that is there already.
    pub(super) fn totals_into(&self, totals: &mut Vec<u64>) {
        totals.clear();
        totals.extend(self.buffers.iter().map(|buffer| buffer.total));
    }

    /// Rows written so far, by target.
    pub(super) fn totals(&self) -> Vec<u64> {
        self.buffers.iter().map(|buffer| buffer.total).collect()
    }

    /// The values that refer to tables which are not written, and what became of the references
    /// that leave their partition.
    pub(super) fn references(self) -> (Vec<OutsideReference>, Vec<AcrossReference>) {
        let outside = self
            .outside
            .into_iter()
            .enumerate()
            .filter(|(_, outside)| !outside.values.is_empty() || !outside.complete)
            .map(|(reference, outside)| OutsideReference {
                reference,
                values: outside.values.into_iter().collect(),
                complete: outside.complete,
            })
            .collect();
        let across = self
            .plan
            .references
            .iter()
            .zip(self.across)
            .enumerate()
            .filter_map(|(number, (reference, across))| {
                let ReferenceTo::Target { scope, .. } = &reference.to else {
                    return None;
                };
                let found = match scope {
                    ReferenceScope::Partition => return None,
                    ReferenceScope::Run(_) => across.end(),
                    ReferenceScope::Database(_) => None,
                };
                let (rows, values, samples) = match found {
                    Some((rows, values, samples)) => (Some(rows), values, samples),
                    None => (None, 0, Vec::new()),
                };
                let single = reference.from_columns.len() == 1;
                Some(AcrossReference {
                    reference: number,
                    rows,
                    values,
                    samples: samples
                        .into_iter()
                        .filter(|_| single)
                        .filter_map(|key| key.get(KEY_PART..).map(<[u8]>::to_vec))
                        .collect(),
                })
            })
            .collect();
        (outside, across)
    }
}

fn touching(plan: &Plan, target: usize) -> Vec<usize> {
    let touches = |reference: &Reference| match &reference.to {
        ReferenceTo::Target {
            scope: ReferenceScope::Database(_),
            ..
        } => false,
        ReferenceTo::Target { target: to, .. } => reference.from == target || *to == target,
        ReferenceTo::Table { .. } => reference.from == target,
    };
    (0..)
        .zip(&plan.references)
        .filter(|(_, reference)| touches(reference))
        .map(|(number, _)| number)
        .collect()
}

/// The bytes that stand before each part of a key: its length.
const KEY_PART: usize = 4;

/// Appends the key made of some fields; `None` where one of them is null (such a key refers to
/// nothing). Integers are brought to one width where the columns are given, so that those of columns
/// of two widths can be compared.
fn key(
    columns: &[usize],
    types: &[TargetColumn],
    fields: &[Option<Range<usize>>],
    data: &[u8],
    keys: &mut Vec<u8>,
) -> Option<Range<usize>> {
    let start = keys.len();
    for column in columns {
        let field = fields
            .get(*column)
            .cloned()
            .flatten()
            .and_then(|range| data.get(range));
        let Some(field) = field else {
            keys.truncate(start);
            return None;
        };
        let wide;
        let field = match types.get(*column) {
            Some(column) if column.pg_type.ty() == Ty::Int => {
                wide = int(field).to_be_bytes();
                &wide[..]
            }
            _ => field,
        };
        keys.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        keys.extend(field);
    }
    Some(start..keys.len())
}
