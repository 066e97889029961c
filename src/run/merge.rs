//! Ordered streams merged into partitions.

use std::cmp::Ordering;

use bytes::Bytes;

use crate::diagnostics::{Diagnostic, codes};
use crate::plan::{Pass, Plan};

use super::block::{Block, Table, compare_keys, key_of};
use super::row_source::{RowSource, Rows};

/// How many bytes of rows make a block; a partition is never cut.
const BLOCK_SIZE: usize = 128 * 1024;

/// Limits of what is held in memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes the rows of one partition may take.
    pub partition: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            partition: 512 * 1024 * 1024,
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
    /// Rows read of each scan of the pass.
    pub(super) read: Vec<u64>,
}

struct Stream {
    scan: usize,
    key: usize,
    rows: std::vec::IntoIter<Bytes>,
    head: Option<Bytes>,
    done: bool,
}

impl Stream {
    fn head_key(&self) -> Option<Option<&[u8]>> {
        key_of(self.head.as_ref()?, self.key)
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
                done: false,
            })
            .collect();
        Self {
            plan,
            pass,
            source,
            streams,
            limits,
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
        while block.size < BLOCK_SIZE && !block.last_is_null {
            for index in 0..self.streams.len() {
                self.peek(index).await?;
            }
            let Some(key) = self.smallest() else { break };
            let before = block.size;
            for index in 0..self.streams.len() {
                let start = u32::try_from(block.tables.get(index).map_or(0, Table::len))
                    .unwrap_or(u32::MAX);
                while self.head_is(index, key.as_deref()) {
                    self.take(index, block)?;
                    if block.size - before > self.limits.partition {
                        return Err(Box::new(self.too_large(index, key.as_deref())));
                    }
                    self.advance(index).await?;
                }
                let end = u32::try_from(block.tables.get(index).map_or(0, Table::len))
                    .unwrap_or(u32::MAX);
                block.ranges.push(start..end);
            }
            block.last_is_null = key.is_none();
        }
        Ok(!block.ranges.is_empty())
    }

    /// Makes sure that a stream's head is its next row, if it has one.
    async fn peek(&mut self, index: usize) -> Result<(), Box<Diagnostic>> {
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(());
        };
        while stream.head.is_none() && !stream.done {
            match stream.rows.next() {
                Some(row) => stream.head = Some(row),
                None => match self.source.next_rows(stream.scan).await? {
                    Some(rows) => stream.rows = rows.into_iter(),
                    None => stream.done = true,
                },
            }
        }
        let broken = stream.head.is_some() && stream.head_key().is_none();
        if broken {
            return Err(Box::new(
                self.unreadable(index, "is no tuple of the binary COPY format"),
            ));
        }
        Ok(())
    }

    /// The smallest key of all heads; `None` when no stream has one. It is copied, since the heads
    /// move on.
    fn smallest(&self) -> Option<Option<Bytes>> {
        let mut best: Option<(Option<&[u8]>, &Bytes)> = None;
        for stream in &self.streams {
            let (Some(key), Some(row)) = (stream.head_key(), stream.head.as_ref()) else {
                continue;
            };
            let smaller = best
                .is_none_or(|(least, _)| compare_keys(self.pass.key, key, least) == Ordering::Less);
            if smaller {
                best = Some((key, row));
            }
        }
        best.map(|(key, row)| key.map(|key| row.slice_ref(key)))
    }

    fn head_is(&self, index: usize, key: Option<&[u8]>) -> bool {
        let head = self.streams.get(index).and_then(Stream::head_key);
        head.is_some_and(|head| compare_keys(self.pass.key, head, key) == Ordering::Equal)
    }

    /// Moves a stream's head into the block.
    fn take(&mut self, index: usize, block: &mut Block) -> Result<(), Box<Diagnostic>> {
        let row = self
            .streams
            .get_mut(index)
            .and_then(|stream| stream.head.clone());
        if let (Some(row), Some(table)) = (row, block.tables.get_mut(index)) {
            match table.push(row) {
                Ok(size) => block.size += size,
                Err(why) => return Err(Box::new(self.unreadable(index, why))),
            }
        }
        if let Some(count) = self.read.get_mut(index) {
            *count += 1;
        }
        Ok(())
    }

    /// Replaces a stream's head by its next row, and sees that the order holds.
    async fn advance(&mut self, index: usize) -> Result<(), Box<Diagnostic>> {
        let before = self
            .streams
            .get_mut(index)
            .and_then(|stream| stream.head.take());
        self.peek(index).await?;
        let Some(stream) = self.streams.get(index) else {
            return Ok(());
        };
        let last = before.as_ref().and_then(|row| key_of(row, stream.key));
        if let (Some(last), Some(next)) = (last, stream.head_key())
            && compare_keys(self.pass.key, next, last) == Ordering::Less
        {
            return Err(Box::new(self.out_of_order(index)));
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

    fn too_large(&self, index: usize, key: Option<&[u8]>) -> Diagnostic {
        let (table, name) = self.names(index);
        let limit = self.limits.partition / (1024 * 1024);
        Diagnostic::error(
            codes::E0503,
            format!("the rows of one `{name}` take more than {limit} MiB"),
        )
        .note(format!(
            "reached while reading `{table}` for the key `{}`",
            shown_key(self.pass.key, key)
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
