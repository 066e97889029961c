//! One pass over the source: an ordered stream for each scan.

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio_postgres::Client;

use super::copy_stream::CopyStream;
use super::error;
use crate::base::ident::literal;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::PgError;
use crate::pg::connector::Connect;
use crate::pg::query::{self, KeyOrder};
use crate::pg::settings;
use crate::run::RowSource;

/// One ordered SELECT of a source table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanQuery {
    /// The table.
    pub table: String,
    /// The columns to read, in this order.
    pub columns: Vec<String>,
    /// The column of the partition key; it need not be among `columns`.
    pub key: String,
    /// Whether the key is a text, whose order a collation decides.
    pub key_is_text: bool,
}

/// The streams of one pass, each on a connection of its own that has imported the snapshot.
pub struct PgScans {
    scans: Vec<Scan>,
}

struct Scan {
    stream: CopyStream,
    /// Held so that the connection stays open while its stream is read.
    _client: Client,
}

impl PgScans {
    pub(super) async fn begin<C: Connect>(
        connect: &C,
        leader: &Client,
        schema: &str,
        snapshot: &str,
        queries: &[ScanQuery],
    ) -> Result<Self, PgError> {
        let orders = key_orders(leader, schema, queries).await?;
        let scans = try_join_all(
            queries
                .iter()
                .zip(orders)
                .map(|(query, order)| Scan::begin(connect, schema, snapshot, query, order)),
        )
        .await?;
        Ok(Self { scans })
    }
}

impl Scan {
    async fn begin<C: Connect>(
        connect: &C,
        schema: &str,
        snapshot: &str,
        query: &ScanQuery,
        order: KeyOrder,
    ) -> Result<Self, PgError> {
        let client = connect.connect().await?;
        settings::source(&client, schema)
            .await
            .map_err(|error| error::reading(&query.table, &error))?;
        client
            .batch_execute(&format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
                literal(snapshot)
            ))
            .await
            .map_err(|error| error::reading(&query.table, &error))?;
        let statement =
            query::copy_out_ordered(schema, &query.table, &query.columns, &query.key, order);
        let stream = CopyStream::open(&client, &query.table, &statement).await?;
        Ok(Self {
            stream,
            _client: client,
        })
    }
}

impl RowSource for PgScans {
    async fn next_rows(&mut self, scan: usize) -> Result<Option<Vec<Bytes>>, Box<Diagnostic>> {
        let Some(scan) = self.scans.get_mut(scan) else {
            return Err(Box::new(Diagnostic::error(
                codes::E0900,
                format!("there is no scan number {scan} in this pass"),
            )));
        };
        scan.stream
            .next_rows()
            .await
            .map_err(|error| error.diagnostic)
    }
}

/// Which of the keys must be told to be ordered by bytes.
async fn key_orders(
    leader: &Client,
    schema: &str,
    queries: &[ScanQuery],
) -> Result<Vec<KeyOrder>, PgError> {
    let tables: Vec<&str> = queries.iter().map(|query| query.table.as_str()).collect();
    let keys: Vec<&str> = queries.iter().map(|query| query.key.as_str()).collect();
    let rows = leader
        .query(
            include_str!("../sql/key_collations.sql"),
            &[&schema, &tables, &keys],
        )
        .await
        .map_err(|error| error::request("the collations of its keys were read", &error))?;
    let mut orders = vec![KeyOrder::Plain; queries.len()];
    for row in rows {
        let read = || Ok((row.try_get::<_, i64>("place")?, row.try_get("by_bytes")?));
        let (place, by_bytes): (i64, bool) = read()
            .map_err(|error| error::request("the collations of its keys were read", &error))?;
        let place = usize::try_from(place - 1).unwrap_or(usize::MAX);
        if let (Some(order), Some(query)) = (orders.get_mut(place), queries.get(place))
            && query.key_is_text
            && !by_bytes
        {
            *order = KeyOrder::CollateC;
        }
    }
    Ok(orders)
}
