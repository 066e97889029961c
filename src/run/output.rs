//! Rows on their way out: encoded per target table, cut into batches, their references noted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::eval::{Unencodable, encode};
use crate::plan::{Plan, ReferenceScope, ReferenceTo, TargetColumn};
use crate::types::{PgType, Ty, Value};

use super::block::int;
use super::row_sink::RowBatch;

/// How many bytes make a batch: smaller ones cost PostgreSQL up to twice the time.
const BATCH_SIZE: usize = 1024 * 1024;
/// How many values are kept of a reference to a table that is not written; with more, the rest is
/// left to the constraint itself.
const OUTSIDE_LIMIT: usize = 100_000;
/// How many bytes may be held of a reference that leaves its partition; with more, it is left to the
/// constraint itself.
const ACROSS_LIMIT: usize = 64 * 1024 * 1024;
/// What a held value takes beside its bytes, about.
const HELD: usize = 48;
/// How many values without partner are kept as samples.
const SAMPLES: usize = 5;

/// What leaves the evaluation of a pass.
pub(super) struct Output<'p> {
    plan: &'p Plan,
    buffers: Vec<Buffer>,
    /// Where the fields of the row being written stand in its buffer.
    fields: Vec<Option<Range<usize>>>,
    /// Bytes of the keys of the partition's references.
    keys: Vec<u8>,
    references: Vec<References>,
    outside: Vec<Outside>,
    across: Vec<Across>,
    /// Frame, row and target of each row written in the partition, where one may be rejected later.
    rows: Vec<(u32, u32, usize)>,
    /// Whether a reference is checked inside the partition.
    checks_rows: bool,
}

#[derive(Default)]
struct Buffer {
    data: BytesMut,
    rows: u64,
    total: u64,
}

/// Both ends of a foreign key inside a partition.
#[derive(Default)]
struct References {
    from: Vec<(Range<usize>, u32, u32)>,
    to: Vec<Range<usize>>,
}

/// Values that refer to a table which must hold them already.
#[derive(Default)]
struct Outside {
    values: BTreeSet<Vec<u8>>,
    complete: bool,
}

/// Values of a foreign key that leaves its partition, by what became of them so far.
#[derive(Default)]
struct Across {
    /// Referred to or not, a row has it.
    there: HashSet<Box<[u8]>>,
    /// Referred to by so many rows, and no row has it yet.
    open: HashMap<Box<[u8]>, u64>,
    size: usize,
    given_up: bool,
}

impl Across {
    fn refer(&mut self, value: &[u8]) {
        if self.given_up || self.there.contains(value) {
            return;
        }
        match self.open.get_mut(value) {
            Some(rows) => *rows += 1,
            None => {
                self.open.insert(value.into(), 1);
                self.hold(value.len());
            }
        }
    }

    fn have(&mut self, value: &[u8]) {
        if self.given_up {
            return;
        }
        if self.open.remove(value).is_some() {
            self.size -= value.len() + HELD;
        }
        if self.there.insert(value.into()) {
            self.hold(value.len());
        }
    }

    fn hold(&mut self, length: usize) {
        self.size += length + HELD;
        if self.size > ACROSS_LIMIT {
            *self = Self {
                given_up: true,
                ..Self::default()
            };
        }
    }

    /// The rows and first values that no row fulfils; `None` where that was not followed to the end.
    fn end(self) -> Option<(u64, u64, Vec<Vec<u8>>)> {
        if self.given_up {
            return None;
        }
        let open: BTreeMap<Box<[u8]>, u64> = self.open.into_iter().collect();
        let samples = open.keys().take(SAMPLES).map(|value| value.to_vec());
        Some((open.values().sum(), open.len() as u64, samples.collect()))
    }
}

/// Where the output stood before a row, to take the row back.
pub(super) struct Mark {
    buffers: Vec<(usize, u64)>,
    references: Vec<(usize, usize)>,
    rows: usize,
}

/// What became of a foreign key whose rows may refer to rows of other partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcrossReference {
    /// The foreign key's number in the plan.
    pub reference: usize,
    /// How many rows refer to none that is written; `None` where there were too many values to hold,
    /// or only the database can compare them.
    pub rows: Option<u64>,
    /// How many distinct values these hold.
    pub values: u64,
    /// The first of the values, in PostgreSQL's binary form with integers as `bigint`; empty where a
    /// foreign key has several columns.
    pub samples: Vec<Vec<u8>>,
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
            fields: Vec::new(),
            keys: Vec::new(),
            references: plan
                .references
                .iter()
                .map(|_| References::default())
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
            checks_rows: plan.references.iter().any(|reference| {
                matches!(
                    reference.to,
                    ReferenceTo::Target {
                        scope: ReferenceScope::Partition,
                        ..
                    }
                )
            }),
        }
    }

    pub(super) fn mark(&self, mark: &mut Mark) {
        mark.buffers.clear();
        mark.buffers.extend(
            self.buffers
                .iter()
                .map(|buffer| (buffer.data.len(), buffer.rows)),
        );
        mark.references.clear();
        mark.references.extend(
            self.references
                .iter()
                .map(|reference| (reference.from.len(), reference.to.len())),
        );
        mark.rows = self.rows.len();
    }

    /// Takes back everything since the mark.
    pub(super) fn reset(&mut self, mark: &Mark) {
        for (buffer, (length, rows)) in self.buffers.iter_mut().zip(&mark.buffers) {
            buffer.data.truncate(*length);
            buffer.total -= buffer.rows - rows;
            buffer.rows = *rows;
        }
        for (reference, (from, to)) in self.references.iter_mut().zip(&mark.references) {
            reference.from.truncate(*from);
            reference.to.truncate(*to);
        }
        self.rows.truncate(mark.rows);
    }

    /// Begins a row.
    pub(super) fn begin(&mut self, target: usize) {
        self.fields.clear();
        let columns = self
            .plan
            .targets
            .get(target)
            .map_or(0, |target| target.columns.len());
        if let Some(buffer) = self.buffers.get_mut(target) {
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
            .push((!value.is_null()).then(|| start..buffer.data.len()));
        Ok(())
    }

    /// Ends a row: counts it, and notes what it refers to and what refers to it.
    pub(super) fn end(&mut self, target: usize, frame: u32, row: u32) {
        let Self {
            plan,
            buffers,
            fields,
            keys,
            references,
            rows,
            checks_rows,
            ..
        } = self;
        let Some(buffer) = buffers.get_mut(target) else {
            return;
        };
        buffer.rows += 1;
        buffer.total += 1;
        if *checks_rows {
            rows.push((frame, row, target));
        }
        let types = |number: usize| {
            let target = plan.targets.get(number);
            target.map_or(&[][..], |target| &target.columns)
        };
        for (reference, noted) in plan.references.iter().zip(references) {
            match &reference.to {
                ReferenceTo::Target {
                    scope: ReferenceScope::Database(_),
                    ..
                } => {}
                ReferenceTo::Target {
                    target: to,
                    columns,
                    ..
                } => {
                    if reference.from == target
                        && let Some(range) = key(
                            &reference.from_columns,
                            types(target),
                            fields,
                            &buffer.data,
                            keys,
                        )
                    {
                        noted.from.push((range, frame, row));
                    }
                    if *to == target
                        && let Some(range) = key(columns, types(target), fields, &buffer.data, keys)
                    {
                        noted.to.push(range);
                    }
                }
                ReferenceTo::Table { .. } => {
                    if reference.from == target
                        && let Some(range) =
                            key(&reference.from_columns, &[], fields, &buffer.data, keys)
                    {
                        noted.from.push((range, frame, row));
                    }
                }
            }
        }
    }

    /// Counts the rows that a row of a map was written to as not written after all.
    pub(super) fn reject(&mut self, frame: u32, row: u32) {
        for (_, _, target) in self
            .rows
            .iter()
            .filter(|(of, number, _)| (*of, *number) == (frame, row))
        {
            if let Some(buffer) = self.buffers.get_mut(*target) {
                buffer.total -= 1;
            }
        }
    }

    /// Closes a partition: calls `dangling` for each row whose reference no row of the partition
    /// fulfils (number of the foreign key, frame, row).
    pub(super) fn close_partition(&mut self, mut dangling: impl FnMut(usize, u32, u32)) {
        let Self {
            plan,
            keys,
            references,
            outside,
            across,
            ..
        } = self;
        let bytes = |range: &Range<usize>| keys.get(range.clone()).unwrap_or_default();
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
                } => {
                    let few = noted.to.len() <= 16;
                    let many: HashSet<&[u8]> = if few {
                        HashSet::new()
                    } else {
                        noted.to.iter().map(bytes).collect()
                    };
                    for (range, frame, row) in &noted.from {
                        let wanted = bytes(range);
                        let found = if few {
                            noted.to.iter().any(|to| bytes(to) == wanted)
                        } else {
                            many.contains(wanted)
                        };
                        if !found {
                            dangling(number, *frame, *row);
                        }
                    }
                }
                ReferenceTo::Target { .. } => {
                    let Some(across) = across.get_mut(number) else {
                        continue;
                    };
                    noted.to.iter().for_each(|range| across.have(bytes(range)));
                    for (range, _, _) in &noted.from {
                        across.refer(bytes(range));
                    }
                }
                ReferenceTo::Table { .. } => {
                    let Some(outside) = outside.get_mut(number) else {
                        continue;
                    };
                    for (range, _, _) in &noted.from {
                        let wanted = bytes(range).get(KEY_PART..).unwrap_or_default();
                        if outside.values.contains(wanted) {
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

    /// Forgets which rows the partition wrote.
    pub(super) fn forget_rows(&mut self) {
        self.rows.clear();
    }

    /// The batches that are full; all of them when `last`.
    pub(super) fn batches(&mut self, last: bool, out: &mut Vec<(usize, RowBatch)>) {
        for (target, buffer) in self.buffers.iter_mut().enumerate() {
            if buffer.rows > 0 && (last || buffer.data.len() >= BATCH_SIZE) {
                let data = std::mem::take(&mut buffer.data).freeze();
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

impl Mark {
    pub(super) fn new() -> Self {
        Self {
            buffers: Vec::new(),
            references: Vec::new(),
            rows: 0,
        }
    }
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
