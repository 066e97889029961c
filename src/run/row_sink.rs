//! Where rows go: batches of encoded rows, one target table each.

use std::future::Future;

use bytes::Bytes;

use crate::diagnostics::Diagnostic;

/// Complete rows for one target table.
#[derive(Clone, Debug)]
pub struct RowBatch {
    /// How many rows.
    pub rows: u64,
    /// The rows, one after the other, as tuples of PostgreSQL's binary COPY format (a 16-bit count
    /// of fields, then length and bytes of each field), without the format's header and trailer.
    pub data: Bytes,
}

/// A writer of a plan's target tables.
///
/// Batches of different tables take turns; the batches of one table come in the order of its rows.
/// Each batch holds whole rows with exactly the plan's columns for that table, in its order.
pub trait RowSink: Send {
    /// Takes a batch for target number `target` (its place in the plan's list of targets). When it
    /// returns, the batch need not be durable, but a failure of it must be reported by a later
    /// call at the latest.
    ///
    /// # Errors
    /// A diagnostic of the hundred 06: which table, what PostgreSQL said.
    fn write(
        &mut self,
        target: usize,
        batch: RowBatch,
    ) -> impl Future<Output = Result<(), Box<Diagnostic>>> + Send;
}

/// A sink that takes everything and keeps nothing: for rehearsals.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl RowSink for NoSink {
    async fn write(&mut self, _target: usize, _batch: RowBatch) -> Result<(), Box<Diagnostic>> {
        Ok(())
    }
}
