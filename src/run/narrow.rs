//! Between the digests and the rows: where the buckets that differ hold more rows than can be held, both
//! sides are summed once more in much finer ones, so that few equal rows are held beside those that
//! differ.

use std::hash::{DefaultHasher, Hasher};

use crate::diagnostics::Diagnostic;
use crate::plan::Plan;

use super::difference::{Differences, HELD_ROWS};
use super::digest::{BUCKETS, TableDigest, key_hash, tuples};
use super::row_sink::{RowBatch, RowSink};
use super::stored::{comparable, documents};

/// In how many buckets the rows of a table are summed then: 3 MiB a table that differs, and of a
/// million rows four in each.
const FINE: usize = 1 << 18;

/// Something that takes what the mapping makes, and what the tables hold.
pub trait BothSides: Send {
    /// A row that the mapping makes.
    fn made(&mut self, target: usize, tuple: &[u8]);

    /// A row that a table holds.
    fn found(&mut self, target: usize, tuple: &[u8]);
}

/// A sink for what the mapping makes.
#[derive(Debug)]
pub struct Made<'d, B>(
    /// Who takes the rows.
    pub &'d mut B,
);

impl<B: BothSides> RowSink for Made<'_, B> {
    async fn write(&mut self, target: usize, batch: RowBatch) -> Result<(), Box<Diagnostic>> {
        for tuple in tuples(&batch.data) {
            self.0.made(target, tuple);
        }
        Ok(())
    }
}

/// A sink for what would be read of the tables, where another mapping makes it: its plan has the same
/// targets with the same columns.
#[derive(Debug)]
pub struct Found<'d, B>(
    /// Who takes the rows.
    pub &'d mut B,
);

impl<B: BothSides> RowSink for Found<'_, B> {
    async fn write(&mut self, target: usize, batch: RowBatch) -> Result<(), Box<Diagnostic>> {
        for tuple in tuples(&batch.data) {
            self.0.found(target, tuple);
        }
        Ok(())
    }
}

/// What is to be looked at next, given the digests of both sides.
#[derive(Debug)]
pub enum Look<'p> {
    /// The rows of the buckets that differ.
    Rows(Differences<'p>),
    /// They are too many: first finer buckets.
    Narrow(Narrowed<'p>),
}

impl<'p> Look<'p> {
    /// Compares the digests of a plan's targets; `None` if none differs.
    pub fn at(plan: &'p Plan, made: &[TableDigest], found: &[TableDigest]) -> Option<Self> {
        let mut rows = 0u64;
        let tables: Vec<Vec<bool>> = (made.iter().zip(found))
            .map(|(made, found)| {
                let mut wanted = Vec::new();
                for (bucket, of_bucket) in made.differing(found) {
                    rows = rows.saturating_add(of_bucket);
                    wanted.resize(BUCKETS, false);
                    if let Some(wanted) = wanted.get_mut(bucket) {
                        *wanted = true;
                    }
                }
                wanted
            })
            .collect();
        if tables.iter().all(Vec::is_empty) {
            return None;
        }
        Some(if rows <= HELD_ROWS {
            let tables = tables.into_iter().map(|wanted| (wanted, false));
            Self::Rows(Differences::in_buckets(plan, tables.collect()))
        } else {
            Self::Narrow(Narrowed {
                plan,
                tables: tables.into_iter().map(Sums::in_buckets).collect(),
            })
        })
    }
}

/// Sums of both sides in fine buckets: those in which rows differ are not zero.
#[derive(Debug)]
pub struct Narrowed<'p> {
    plan: &'p Plan,
    tables: Vec<Sums>,
}

/// The sums of one table; empty where it does not differ.
#[derive(Debug, Default)]
struct Sums {
    wanted: Vec<bool>,
    sums: Vec<u64>,
    rows: Vec<u32>,
}

impl Sums {
    fn in_buckets(wanted: Vec<bool>) -> Self {
        let size = if wanted.is_empty() { 0 } else { FINE };
        Self {
            wanted,
            sums: vec![0; size],
            rows: vec![0; size],
        }
    }

    /// The fine buckets whose rows differ and can be held, and whether there are more.
    fn differing(&self, mut room: u64) -> (Vec<bool>, bool) {
        let mut more = false;
        let mut chosen = Vec::new();
        for (bucket, (sum, rows)) in self.sums.iter().zip(&self.rows).enumerate() {
            if *sum == 0 {
                continue;
            }
            chosen.resize(FINE, false);
            match room.checked_sub(u64::from(*rows)) {
                Some(left) => {
                    room = left;
                    if let Some(chosen) = chosen.get_mut(bucket) {
                        *chosen = true;
                    }
                }
                None => more = true,
            }
        }
        (chosen, more)
    }
}

impl<'p> Narrowed<'p> {
    fn add(&mut self, target: usize, tuple: &[u8], signed: impl Fn(u64) -> u64) {
        let (Some(table), Some(of_plan)) =
            (self.tables.get_mut(target), self.plan.targets.get(target))
        else {
            return;
        };
        if table.wanted.is_empty() {
            return;
        }
        let tuple = &*comparable(&documents(of_plan), tuple);
        let hash = key_hash(&of_plan.key, tuple);
        if table.wanted.get(bucket(hash, BUCKETS)) != Some(&true) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(tuple);
        let bucket = bucket(hash, FINE);
        if let (Some(sum), Some(rows)) = (table.sums.get_mut(bucket), table.rows.get_mut(bucket)) {
            *sum = sum.wrapping_add(signed(hasher.finish()));
            *rows = rows.saturating_add(1);
        }
    }

    /// What is to be looked at next: the rows of the fine buckets that differ, as many as can be held.
    /// Each table that differs gets the same room, so that none hides another.
    pub fn rows(self) -> Differences<'p> {
        let differing = (self.tables.iter()).filter(|table| !table.wanted.is_empty());
        let room = HELD_ROWS / u64::try_from(differing.count().max(1)).unwrap_or(1);
        let tables = self.tables.iter().map(|table| table.differing(room));
        Differences::in_buckets(self.plan, tables.collect())
    }
}

impl BothSides for Narrowed<'_> {
    fn made(&mut self, target: usize, tuple: &[u8]) {
        self.add(target, tuple, |hash| hash);
    }

    fn found(&mut self, target: usize, tuple: &[u8]) {
        self.add(target, tuple, u64::wrapping_neg);
    }
}

/// The bucket of a hash, of so many.
pub(super) fn bucket(hash: u64, buckets: usize) -> usize {
    let buckets = u64::try_from(buckets).unwrap_or(u64::MAX).max(1);
    usize::try_from(hash % buckets).unwrap_or_default()
}
