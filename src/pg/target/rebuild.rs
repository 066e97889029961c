//! After the rows: everything that was dropped is put back and proven to be as it was.

use std::time::Instant;

use tokio_postgres::Client;

use super::commit::TransactionId;
use super::digest::StructureDigest;
use super::error;
use super::phase::{Phase, RebuiltKind, TargetEvent};
use super::query;
use super::sequences;
use super::sink::Written;
use super::steps::Steps;
use super::structure::{ForeignKey, Index, Structure};
use crate::base::ident::qualified;
use crate::pg::PgError;
use crate::pg::query as pg_query;
use crate::pg::relation::Relation;

/// Takes the phases from the end of [`Phase::Copy`] to [`Phase::Count`].
pub(super) async fn complete(
    client: &Client,
    steps: &mut Steps,
    structure: &Structure,
    digest: &StructureDigest,
    written: &Written,
) -> Result<TransactionId, PgError> {
    let completed = take_phases(client, steps, structure, digest, written).await;
    match completed {
        // The server's own error would only say that a statement was cancelled.
        Err(_) if steps.is_stopped() => Err(error::interrupted()),
        completed => completed,
    }
}

async fn take_phases(
    client: &Client,
    steps: &mut Steps,
    structure: &Structure,
    digest: &StructureDigest,
    written: &Written,
) -> Result<TransactionId, PgError> {
    steps.end()?;
    steps.start(Phase::RebuildIndexes)?;
    let indexes = in_building_order(structure, written);
    for (place, index) in (1..).zip(&indexes) {
        let rows = rows_of(structure, written, &index.table);
        rebuild_index(client, steps, index, rows, (place, indexes.len())).await?;
    }
    // The indexes know the greatest values.
    sequences::move_behind(client, &structure.sequences)
        .await
        .map_err(|error| error::phase(Phase::RebuildIndexes, &error))?;
    steps.end()?;

    steps.start(Phase::RebuildForeignKeys)?;
    let keys = &structure.foreign_keys;
    for (place, key) in (1..).zip(keys) {
        let rows = rows_of(structure, written, &key.table);
        rebuild_foreign_key(client, steps, key, rows, (place, keys.len())).await?;
    }
    steps.end()?;

    steps.start(Phase::CompareStructure)?;
    let now = StructureDigest::read(client, &structure.touched)
        .await
        .map_err(|error| error::phase(Phase::CompareStructure, &error))?;
    let differences = digest.differences(&now);
    if !differences.is_empty() {
        return Err(error::structure_differs(&differences));
    }
    steps.end()?;

    steps.start(Phase::Analyze)?;
    if !structure.written.is_empty() {
        client
            .batch_execute(&pg_query::analyze(&structure.written))
            .await
            .map_err(|error| error::phase(Phase::Analyze, &error))?;
    }
    steps.end()?;

    steps.start(Phase::Count)?;
    for (table, rows) in structure.written.iter().zip(written.rows()) {
        let found = count(client, table)
            .await
            .map_err(|error| error::phase(Phase::Count, &error))?;
        if found != *rows {
            return Err(error::counts_differ(table, *rows, found));
        }
    }
    let transaction_id = TransactionId::of(client)
        .await
        .map_err(|error| error::phase(Phase::Count, &error))?;
    steps.end()?;
    Ok(transaction_id)
}

/// How many rows of a table were written; `None` for a table that is not.
fn rows_of(structure: &Structure, written: &Written, table: &Relation) -> Option<u64> {
    let mut tables = structure.written.iter().zip(written.rows());
    tables
        .find(|(known, _)| *known == table)
        .map(|(_, rows)| *rows)
}

/// Biggest tables first. Within one, indexes that foreign keys rest on come before others, so that
/// a key finds the same one again where two would do.
fn in_building_order<'a>(structure: &'a Structure, written: &Written) -> Vec<&'a Index> {
    let carries_key = |index: &Index| {
        structure
            .foreign_keys
            .iter()
            .any(|key| key.index_oid == index.oid)
    };
    let mut indexes: Vec<&Index> = structure.indexes.iter().collect();
    indexes.sort_by_key(|index| {
        (
            std::cmp::Reverse(rows_of(structure, written, &index.table).unwrap_or(0)),
            index.table.oid,
            !carries_key(index),
            index.oid,
        )
    });
    indexes
}

async fn rebuild_index(
    client: &Client,
    steps: &mut Steps,
    index: &Index,
    rows: Option<u64>,
    (place, of): (usize, usize),
) -> Result<(), PgError> {
    steps.tell(&TargetEvent::Rebuilding {
        kind: RebuiltKind::Index,
        name: index.name.clone(),
        table: index.table.to_string(),
        rows,
        place,
        of,
    })?;
    let since = Instant::now();
    let failed = |error| error::rebuild_index(index, &error);
    client
        .batch_execute(&query::create_index(index))
        .await
        .map_err(failed)?;
    let rest = query::finish_index(index);
    if !rest.is_empty() {
        client.batch_execute(&rest).await.map_err(failed)?;
    }
    let took = since.elapsed();
    let bytes = index_size(client, index).await.map_err(failed)?;
    steps.tell(&TargetEvent::Rebuilt {
        kind: RebuiltKind::Index,
        name: index.name.clone(),
        took,
        bytes,
    })
}

async fn rebuild_foreign_key(
    client: &Client,
    steps: &mut Steps,
    key: &ForeignKey,
    rows: Option<u64>,
    (place, of): (usize, usize),
) -> Result<(), PgError> {
    steps.tell(&TargetEvent::Rebuilding {
        kind: RebuiltKind::ForeignKey,
        name: key.name.clone(),
        table: key.table.to_string(),
        rows,
        place,
        of,
    })?;
    let since = Instant::now();
    client
        .batch_execute(&query::create_foreign_key(key))
        .await
        .map_err(|error| error::rebuild_foreign_key(key, &error))?;
    steps.tell(&TargetEvent::Rebuilt {
        kind: RebuiltKind::ForeignKey,
        name: key.name.clone(),
        took: since.elapsed(),
        bytes: None,
    })
}

/// The size of an index, in bytes.
async fn index_size(client: &Client, index: &Index) -> Result<Option<u64>, tokio_postgres::Error> {
    let name = qualified(&index.table.schema, &index.name);
    let row = client
        .query_one("SELECT pg_relation_size(to_regclass($1))", &[&name])
        .await?;
    let bytes: Option<i64> = row.try_get(0)?;
    Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
}

async fn count(client: &Client, table: &Relation) -> Result<u64, tokio_postgres::Error> {
    let row = client.query_one(&pg_query::count(table), &[]).await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default())
}
