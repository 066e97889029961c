//! Ordered streams merged into partitions.

use std::cmp::Ordering;
use std::ops::Range;

use bytes::Bytes;

use crate::diagnostics::{Diagnostic, codes};
use crate::plan::{Pass, Plan};

use super::block::{Block, Table, compare_keys, key_place};
use super::row_source::{RowSource, Rows};

/// How many bytes of rows make a block; a partition is never cut.
const BLOCK_SIZE: usize = 128 * 1024;

/// Limits of a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes the rows of one partition may take.
    pub partition: usize,
    /// The most rows that may be rejected before nothing more is given to the sink.
    pub rejects: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            partition: 512 * 1024 * 1024,
            rejects: 0,
        }
    }
}

/// The streams of a pass, each with the rows that were fetched and not yet used.
pub(super) struct Merge<'p, S> {
    plan: &'p Plan,
    pass: &'p Pass,
    source: &'p mut S,
    streams: Vec<Stream>,
    limits: Limits,
    begun: bool,
    /// The key of the partition under way; empty where it is NULL.
    key: Vec<u8>,
    key_is_null: bool,
    /// Rows read of each scan of the pass.
    pub(super) read: Vec<u64>,
}

struct Stream {
    scan: usize,
    key: usize,
    rows: std::vec::IntoIter<Bytes>,
    /// The next row; none after the last.
    head: Option<Head>,
}

/// A row that is next in its stream.
struct Head {
    row: Bytes,
    /// Where its key stands; none where it is NULL.
    key: Option<Range<usize>>,
}

impl Head {
    fn key(&self) -> Option<&[u8]> {
        self.row.get(self.key.clone()?)
    }
}

impl<'p, S: RowSource> Merge<'p, S> {
    pub(super) fn new(plan: &'p Plan, pass: &'p Pass, source: &'p mut S, limits: Limits) -> Self {
        let streams = pass
            .scans
            .iter()
            .map(|scan| Stream {
                scan: *scan,
                key: plan.scans.get(*scan).map_or(0, |scan| scan.key),
                rows: Rows::new().into_iter(),
                head: None,
            })
            .collect();
        Self {
            plan,
            pass,
            source,
            streams,
            limits,
            begun: false,
            key: Vec::new(),
            key_is_null: false,
            read: vec![0; pass.scans.len()],
        }
    }

    /// An empty block of this pass.
    pub(super) fn block(&self) -> Block {
        let width = |scan: &usize| {
            self.plan
                .scans
                .get(*scan)
                .map_or(0, |scan| scan.columns.len())
        };
        Block {
            tables: self
                .pass
                .scans
                .iter()
                .map(|scan| Table::new(width(scan)))
                .collect(),
            ..Block::default()
        }
    }

    /// Fills the block with the next partitions; false when there are none left.
    ///
    /// # Errors
    /// What the source reports; rows out of order (E0502); a partition beyond the limit (E0503); a
    /// tuple that is none (E0504).
    pub(super) async fn fill(&mut self, block: &mut Block) -> Result<bool, Box<Diagnostic>> {
        block.clear();
        if !self.begun {
            self.begun = true;
            for index in 0..self.streams.len() {
                self.advance(index).await?;
            }
        }
        while block.size < BLOCK_SIZE && !block.last_is_null && self.take_smallest_key() {
            let before = block.size;
            for index in 0..self.streams.len() {
                let start = block.rows_of(index);
                let mut taken = false;
                loop {
                    match self.compare_head(index) {
                        Some(Ordering::Equal) => self.take(index, block)?,
                        Some(Ordering::Less) if taken => {
                            return Err(Box::new(self.out_of_order(index)));
                        }
                        _ => break,
                    }
                    taken = true;
                    if block.size - before > self.limits.partition {
                        return Err(Box::new(self.too_large(index)));
                    }
                    self.advance(index).await?;
                }
                block.ranges.push(start..block.rows_of(index));
            }
            block.last_is_null = self.key_is_null;
        }
        Ok(!block.ranges.is_empty())
    }

    /// Makes a stream's next row its head.
    async fn advance(&mut self, index: usize) -> Result<(), Box<Diagnostic>> {
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(());
        };
        stream.head = None;
        let row = loop {
            if let Some(row) = stream.rows.next() {
                break row;
            }
            match self.source.next_rows(stream.scan).await? {
                Some(rows) => stream.rows = rows.into_iter(),
                None => return Ok(()),
            }
        };
        match key_place(&row, stream.key) {
            Some(key) => stream.head = Some(Head { row, key }),
            None => {
                return Err(Box::new(
                    self.unreadable(index, "is no tuple of the binary COPY format"),
                ));
            }
        }
        Ok(())
    }

    /// Begins the partition of the smallest key of all heads; false when no stream has one. The key
    /// is copied, since the heads move on.
    fn take_smallest_key(&mut self) -> bool {
        let heads = self
            .streams
            .iter()
            .filter_map(|stream| stream.head.as_ref());
        let keys = heads.map(Head::key);
        let kind = self.pass.key;
        let Some(smallest) = keys.min_by(|left, right| compare_keys(kind, *left, *right)) else {
            return false;
        };
        self.key.clear();
        self.key.extend_from_slice(smallest.unwrap_or_default());
        self.key_is_null = smallest.is_none();
        true
    }

    /// The key of the partition under way.
    fn key(&self) -> Option<&[u8]> {
        (!self.key_is_null).then_some(self.key.as_slice())
    }

    /// How a stream's head stands to the partition under way.
    fn compare_head(&self, index: usize) -> Option<Ordering> {
        let head = self.streams.get(index)?.head.as_ref()?;
        Some(compare_keys(self.pass.key, head.key(), self.key()))
    }

    /// Copies a stream's head into the block.
    fn take(&mut self, index: usize, block: &mut Block) -> Result<(), Box<Diagnostic>> {
        let head = self
            .streams
            .get(index)
            .and_then(|stream| stream.head.as_ref());
        if let (Some(head), Some(table)) = (head, block.tables.get_mut(index)) {
            table
                .push(&head.row)
                .map_err(|why| Box::new(self.unreadable(index, why)))?;
            block.size += head.row.len();
        }
        if let Some(count) = self.read.get_mut(index) {
            *count += 1;
        }
        Ok(())
    }

    fn names(&self, index: usize) -> (&str, &str) {
        let scan = self
            .pass
            .scans
            .get(index)
            .and_then(|scan| self.plan.scans.get(*scan));
        scan.map_or(("", ""), |scan| {
            (
                &scan.table,
                scan.columns.get(scan.key).map_or("", |column| &column.name),
            )
        })
    }

    fn out_of_order(&self, index: usize) -> Diagnostic {
        let (table, key) = self.names(index);
        Diagnostic::error(codes::E0502, format!("rows of `{table}` do not come in the order of `{key}`"))
            .note("rows are read in the byte order of the partition key; a row came after one with a greater key")
            .help(format!("an index on `{table}` may be damaged or sorted by another collation version: `REINDEX TABLE {table}`, then try again"))
    }

    fn too_large(&self, index: usize) -> Diagnostic {
        let (table, name) = self.names(index);
        let limit = self.limits.partition / (1024 * 1024);
        Diagnostic::error(
            codes::E0503,
            format!("the rows of one `{name}` take more than {limit} MiB"),
        )
        .note(format!(
            "reached while reading `{table}` for the key `{}`",
            shown_key(self.pass.key, self.key())
        ))
        .help("give more memory to a partition: `--max-partition-memory`")
    }

    fn unreadable(&self, index: usize, why: &str) -> Diagnostic {
        let (table, _) = self.names(index);
        Diagnostic::error(
            codes::E0504,
            format!("a row of `{table}` cannot be read: it {why}"),
        )
    }
}

/// A partition key for people.
pub(super) fn shown_key(kind: crate::plan::KeyKind, key: Option<&[u8]>) -> String {
    use crate::plan::KeyKind;
    match (key, kind) {
        (None, _) => "null".to_owned(),
        (Some(key), KeyKind::Text) => String::from_utf8_lossy(key).into_owned(),
        (Some(key), KeyKind::Int) => super::block::int(key).to_string(),
        (Some(key), KeyKind::Uuid) => key
            .try_into()
            .map_or_else(|_| String::new(), |key| crate::functions::uuid_text(&key)),
    }
}
