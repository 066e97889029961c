//! The way in for rows: one COPY a batch, sent by a task of its own, so that evaluating and
//! writing overlap.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, CopyInSink, Statement};

use super::error;
use super::phase::Phase;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::query;
use crate::pg::relation::Relation;
use crate::pg::server_error;
use crate::pg::{PgError, PgErrorKind};
use crate::run::{RowBatch, RowSink};

/// Batches that wait while one is sent. More would only hold memory: the server is the slower side.
const WAITING: usize = 1;

/// Bytes that are handed to the connection at a time: its buffer grows to about this size.
const PIECE: usize = 64 * 1024;

/// How many rows each table was given; only a sink that was finished has one.
#[derive(Debug)]
pub struct Written {
    rows: Vec<u64>,
}

impl Written {
    /// Rows, by target number.
    pub fn rows(&self) -> &[u64] {
        &self.rows
    }
}

/// Takes batches for the tables of a target transaction.
pub struct PgSink {
    batches: Option<mpsc::Sender<(usize, RowBatch)>>,
    writer: Option<JoinHandle<Result<Vec<u64>, Refused>>>,
    refused_row: Option<RefusedRow>,
}

/// A row that the server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Its target.
    pub target: usize,
    /// Its number, from 1, among the rows of that target.
    pub row: u64,
    /// What the server called it.
    pub sqlstate: Option<String>,
}

/// Why writing ended, and the row it ended at.
struct Refused {
    error: PgError,
    row: Option<RefusedRow>,
}

impl From<PgError> for Refused {
    fn from(error: PgError) -> Self {
        Self { error, row: None }
    }
}

impl PgSink {
    pub(super) async fn open(
        client: &Arc<Client>,
        tables: &[Relation],
        columns: &[Vec<String>],
    ) -> Result<Self, PgError> {
        let mut targets = Vec::with_capacity(tables.len());
        for (table, columns) in tables.iter().zip(columns) {
            let statement = client
                .prepare(&query::copy_in(table, columns))
                .await
                .map_err(|error| error::phase(Phase::Copy, &error))?;
            targets.push(Target {
                table: table.clone(),
                columns: columns.clone(),
                statement,
                rows: 0,
            });
        }
        let (sender, batches) = mpsc::channel(WAITING);
        Ok(Self {
            batches: Some(sender),
            writer: Some(tokio::spawn(write_all(
                Arc::clone(client),
                targets,
                batches,
            ))),
            refused_row: None,
        })
    }

    /// Waits until every batch has been taken.
    ///
    /// # Errors
    /// E0665, E0670 or E0679, unless a write has already answered it; then E0900, a defect of the
    /// caller.
    pub async fn finish(&mut self) -> Result<Written, PgError> {
        self.batches = None;
        self.outcome().await.map(|rows| Written { rows })
    }

    /// The row that the server refused, if it did and said which.
    pub fn refused_row(&self) -> Option<&RefusedRow> {
        self.refused_row.as_ref()
    }

    /// What became of the writer.
    async fn outcome(&mut self) -> Result<Vec<u64>, PgError> {
        let Some(writer) = self.writer.take() else {
            return Err(defect("the writer had failed before"));
        };
        let ended = writer
            .await
            .unwrap_or_else(|_| Err(defect("the writer was ended from outside").into()));
        ended.map_err(|refused| {
            self.refused_row = refused.row;
            refused.error
        })
    }
}

impl Drop for PgSink {
    /// Without `finish`, what is under way is given up.
    fn drop(&mut self) {
        if let Some(writer) = &self.writer {
            writer.abort();
        }
    }
}

impl RowSink for PgSink {
    async fn write(&mut self, target: usize, batch: RowBatch) -> Result<(), Box<Diagnostic>> {
        if let Some(batches) = &self.batches
            && batches.send((target, batch)).await.is_ok()
        {
            return Ok(());
        }
        // The writer only ends by itself when something failed.
        self.batches = None;
        match self.outcome().await {
            Ok(_) => Err(defect("the writer ended before the last batch").diagnostic),
            Err(error) => Err(error.diagnostic),
        }
    }
}

fn defect(what: &str) -> PgError {
    PgError::new(
        PgErrorKind::Unexpected,
        Diagnostic::error(codes::E0900, format!("rows could not be written: {what}")),
    )
}

struct Target {
    table: Relation,
    columns: Vec<String>,
    statement: Statement,
    rows: u64,
}

async fn write_all(
    client: Arc<Client>,
    mut targets: Vec<Target>,
    mut batches: mpsc::Receiver<(usize, RowBatch)>,
) -> Result<Vec<u64>, Refused> {
    while let Some((number, batch)) = batches.recv().await {
        let Some(target) = targets.get_mut(number) else {
            return Err(defect("a batch is for a target that is not there").into());
        };
        if batch.rows == 0 {
            continue;
        }
        let taken = match copy(&client, &target.statement, batch.data).await {
            Ok(taken) => taken,
            Err(error) => {
                let (line, _) = server_error::copy_position(&error, &target.columns);
                let row = line.map(|line| target.rows + line);
                return Err(Refused {
                    error: error::copy(&target.table, &target.columns, row, &error),
                    row: row.map(|row| RefusedRow {
                        target: number,
                        row,
                        sqlstate: error.code().map(|code| code.code().to_owned()),
                    }),
                });
            }
        };
        if taken != batch.rows {
            return Err(error::batch_count(&target.table, batch.rows, taken).into());
        }
        target.rows += taken;
    }
    Ok(targets.iter().map(|target| target.rows).collect())
}

/// One COPY: header, tuples as they are, trailer.
async fn copy(
    client: &Client,
    statement: &Statement,
    mut data: Bytes,
) -> Result<u64, tokio_postgres::Error> {
    let sink: CopyInSink<Bytes> = client.copy_in(statement).await?;
    let mut sink = Box::pin(sink);
    sink.feed(Bytes::from_static(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"))
        .await?;
    while !data.is_empty() {
        sink.feed(data.split_to(data.len().min(PIECE))).await?;
    }
    let mut trailer = BytesMut::with_capacity(2);
    trailer.put_i16(-1);
    sink.feed(trailer.freeze()).await?;
    sink.as_mut().finish().await
}
