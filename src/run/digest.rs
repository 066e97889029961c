//! Digests of the rows of target tables: what the mapping makes and what a table holds, compared
//! without holding either.
//!
//! A digest is the number of rows and the sum of their hashes, so the order of rows does not matter
//! and equal rows count as often as they occur. Rows are summed in buckets by their key: where two
//! digests differ, the buckets tell where to look ([`difference`](super::difference)).

use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use sha2::{Digest as _, Sha256};

use crate::diagnostics::Diagnostic;
use crate::plan::Plan;

use super::narrow::bucket;
use super::row_sink::{RowBatch, RowSink};
use super::stored::{comparable, documents};

/// In how many buckets the rows of a table are summed: 48 KiB a table, and of a million rows a
/// thousand in each.
pub const BUCKETS: usize = 1024;

/// The digest of a multiset of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowsDigest {
    /// How many rows.
    pub rows: u64,
    /// The sum of the first 128 bits of each row's SHA-256, modulo 2^128.
    sum: u128,
}

impl RowsDigest {
    fn add(&mut self, tuple: &[u8]) {
        let hash = Sha256::digest(tuple);
        let half = hash.first_chunk::<16>().copied().unwrap_or_default();
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(half));
    }

    fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            sum: self.sum.wrapping_add(other.sum),
        }
    }
}

/// 32 hexadecimal digits; the number of rows is not among them.
impl fmt::Display for RowsDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

/// The digest of one table, in buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDigest {
    key: Vec<usize>,
    /// Columns that are put into a form that both sides share.
    documents: Vec<usize>,
    buckets: Vec<RowsDigest>,
}

impl TableDigest {
    /// Of no rows yet; `key` are the columns that tell its rows apart, empty for all of them.
    pub fn new(key: Vec<usize>) -> Self {
        Self {
            key,
            documents: Vec::new(),
            buckets: vec![RowsDigest::default(); BUCKETS],
        }
    }

    /// Of no rows yet, for each target of a plan.
    pub fn of_targets(plan: &Plan) -> Vec<Self> {
        let targets = plan.targets.iter();
        targets
            .map(|target| Self {
                documents: documents(target),
                ..Self::new(target.key.clone())
            })
            .collect()
    }

    /// Adds a row, a tuple of the binary COPY format.
    pub fn add(&mut self, tuple: &[u8]) {
        let tuple = comparable(&self.documents, tuple);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(&self.key, &tuple)) {
            bucket.add(&tuple);
        }
    }

    /// The digest of all its rows.
    pub fn whole(&self) -> RowsDigest {
        let buckets = self.buckets.iter();
        buckets.fold(RowsDigest::default(), |sum, bucket| sum.plus(*bucket))
    }

    /// The buckets in which two tables differ, with the number of rows there in both together.
    pub fn differing(&self, other: &Self) -> Vec<(usize, u64)> {
        self.buckets
            .iter()
            .zip(&other.buckets)
            .enumerate()
            .filter(|(_, (ours, theirs))| ours != theirs)
            .map(|(bucket, (ours, theirs))| (bucket, ours.rows + theirs.rows))
            .collect()
    }
}

/// A sink that keeps nothing of the rows but their digests.
#[derive(Clone, Debug)]
pub struct DigestSink {
    /// One for each target of the plan.
    pub tables: Vec<TableDigest>,
}

impl DigestSink {
    /// A sink for a plan's targets.
    pub fn new(plan: &Plan) -> Self {
        Self {
            tables: TableDigest::of_targets(plan),
        }
    }
}

impl RowSink for DigestSink {
    async fn write(&mut self, target: usize, batch: RowBatch) -> Result<(), Box<Diagnostic>> {
        if let Some(table) = self.tables.get_mut(target) {
            for tuple in tuples(&batch.data) {
                table.add(tuple);
            }
        }
        Ok(())
    }
}

/// A sink that hands every batch to two.
#[derive(Debug)]
pub struct Both<'s, A, B>(
    /// The one whose failure ends the run first.
    pub &'s mut A,
    /// The other.
    pub &'s mut B,
);

impl<A: RowSink, B: RowSink> RowSink for Both<'_, A, B> {
    async fn write(&mut self, target: usize, batch: RowBatch) -> Result<(), Box<Diagnostic>> {
        self.0.write(target, batch.clone()).await?;
        self.1.write(target, batch).await
    }
}

/// The bucket of a row.
fn bucket_of(key: &[usize], tuple: &[u8]) -> usize {
    bucket(key_hash(key, tuple), BUCKETS)
}

/// What decides about the bucket of a row: the hash of its key, or of all of it.
pub(super) fn key_hash(key: &[usize], tuple: &[u8]) -> u64 {
    // Its keys are fixed: the same row falls into the same bucket in every run.
    let mut hasher = DefaultHasher::new();
    if key.is_empty() {
        hasher.write(tuple);
    } else {
        for (column, cell) in cells(tuple).enumerate() {
            if key.contains(&column) {
                hasher.write(cell.unwrap_or_default());
            }
        }
    }
    hasher.finish()
}

/// The tuples of a batch. Ends early where the bytes are none, which the runner's own never are.
pub(super) fn tuples(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = 2 + cells_with_ends(data).last().map_or(0, |(_, end)| end);
        let (tuple, rest) = data.split_at_checked(length)?;
        data = rest;
        (!tuple.is_empty()).then_some(tuple)
    })
}

/// The cells of a tuple; `None` for NULL.
pub(super) fn cells(tuple: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    cells_with_ends(tuple).map(|(cell, _)| cell)
}

/// The cells of the tuple that data begins with, and where each ends, counted from its first.
fn cells_with_ends(data: &[u8]) -> impl Iterator<Item = (Option<&[u8]>, usize)> {
    let (count, mut rest) = data
        .split_first_chunk::<2>()
        .map_or((0, data), |(count, rest)| {
            (u16::from_be_bytes(*count), rest)
        });
    let whole = rest.len();
    (0..count).map_while(move |_| {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        let (cell, after) = match usize::try_from(length) {
            Err(_) => (None, after),
            Ok(length) => {
                let (cell, after) = after.split_at_checked(length)?;
                (Some(cell), after)
            }
        };
        rest = after;
        Some((cell, whole - rest.len()))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tuple of texts.
    pub(crate) fn tuple(cells: &[Option<&str>]) -> Vec<u8> {
        let mut bytes = u16::try_from(cells.len()).unwrap().to_be_bytes().to_vec();
        for cell in cells {
            match cell {
                None => bytes.extend((-1i32).to_be_bytes()),
                Some(text) => {
                    bytes.extend(i32::try_from(text.len()).unwrap().to_be_bytes());
                    bytes.extend(text.bytes());
                }
            }
        }
        bytes
    }

    fn digest(rows: &[Vec<u8>]) -> TableDigest {
        let mut table = TableDigest::new(vec![0]);
        for row in rows {
            table.add(row);
        }
        table
    }

    #[test]
    fn batches_come_apart_into_their_tuples() {
        let rows = [
            tuple(&[Some("a"), None, Some("")]),
            tuple(&[]),
            tuple(&[Some("longer than the others")]),
        ];
        let data = rows.concat();
        assert_eq!(tuples(&data).collect::<Vec<_>>(), rows);
        let found: Vec<_> = cells(&rows[0]).collect();
        assert_eq!(found, [Some(&b"a"[..]), None, Some(b"")]);
        assert_eq!(tuples(&[]).count(), 0);
    }

    #[test]
    fn order_does_not_matter_but_number_does() {
        let (a, b) = (tuple(&[Some("a")]), tuple(&[Some("b")]));
        let one = digest(&[a.clone(), b.clone(), a.clone()]);
        assert_eq!(one, digest(&[a.clone(), a.clone(), b.clone()]));
        assert_ne!(one.whole(), digest(&[a.clone(), b.clone()]).whole());
        assert_ne!(one.whole(), digest(&[a.clone(), b.clone(), b]).whole());
        assert_eq!(one.whole().rows, 3);
        assert_eq!(digest(&[]).whole().to_string(), "0".repeat(32));
    }

    #[test]
    fn null_is_not_the_empty_text_and_cells_do_not_run_together() {
        let distinct = [
            tuple(&[Some("k"), None]),
            tuple(&[Some("k"), Some("")]),
            tuple(&[Some("k"), Some("ab"), Some("c")]),
            tuple(&[Some("k"), Some("a"), Some("bc")]),
        ];
        for (number, row) in distinct.iter().enumerate() {
            for other in &distinct[number + 1..] {
                let (ours, theirs) = (
                    digest(std::slice::from_ref(row)),
                    digest(std::slice::from_ref(other)),
                );
                assert_ne!(ours.whole(), theirs.whole());
            }
        }
    }

    #[test]
    fn a_changed_row_stays_in_the_bucket_of_its_key() {
        let rows: Vec<Vec<u8>> = (0..5000)
            .map(|n| tuple(&[Some(&n.to_string()), Some("v")]))
            .collect();
        let ours = digest(&rows);
        let mut changed = rows.clone();
        changed[17] = tuple(&[Some("17"), Some("w")]);
        let differing = ours.differing(&digest(&changed));
        assert_eq!(differing.len(), 1);
        assert_eq!(differing[0].0, bucket_of(&[0], &rows[17]));
        assert!(differing[0].1 < 40, "rows are spread: {differing:?}");
        assert_eq!(ours.differing(&ours), []);
    }
}
