//! The rows of one partition key, in place of a pass over the whole source.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio_postgres::Client;

use super::copy_stream::CopyStream;
use super::scan::ScanQuery;
use crate::diagnostics::Diagnostic;
use crate::pg::PgError;
use crate::pg::query;
use crate::run::RowSource;

/// The rows that share one partition key, held in memory. They are all of one partition, so that
/// they are in order whatever order they came in.
pub struct PartitionRows {
    scans: Vec<VecDeque<Vec<Bytes>>>,
}

impl PartitionRows {
    /// Reads them one scan after the other in the transaction of `client`.
    pub(super) async fn read(
        client: &Client,
        schema: &str,
        scans: &[ScanQuery],
        wanted: &[usize],
        key: &str,
    ) -> Result<Self, PgError> {
        let mut all = Vec::new();
        for (number, scan) in scans.iter().enumerate() {
            let mut rows = VecDeque::new();
            if wanted.contains(&number) {
                let (table, columns) = (&scan.table, &scan.columns);
                let statement = query::copy_out_partition(schema, table, columns, &scan.key, key);
                let mut stream = CopyStream::open(client, table, &statement).await?;
                while let Some(more) = stream.next_rows().await? {
                    rows.push_back(more);
                }
            }
            all.push(rows);
        }
        Ok(Self { scans: all })
    }

    /// Whether there is no row at all.
    pub fn is_empty(&self) -> bool {
        self.scans.iter().all(VecDeque::is_empty)
    }
}

impl RowSource for PartitionRows {
    async fn next_rows(&mut self, scan: usize) -> Result<Option<Vec<Bytes>>, Box<Diagnostic>> {
        Ok(self.scans.get_mut(scan).and_then(VecDeque::pop_front))
    }
}
