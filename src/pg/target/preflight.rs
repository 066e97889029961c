//! Everything that would make a run impossible, found without taking a lock: for a check beside a
//! service that is running.

use tokio_postgres::Client;

use super::TargetTable;
use super::emptiness;
use super::error;
use super::lock;
use super::privileges;
use super::structure;
use crate::pg::relation::{self, Relation};
use crate::pg::source::missing_tables;
use crate::pg::{PgError, PgErrorKind};

/// All reasons for which a run would be refused now, other than locks of sessions that only read or
/// write rows: E0651 encoding, E0660 another run, E0661 tables that not even a reader gets at, E0662
/// privileges, E0663 not empty, E0664 unsuitable, E0674 missing tables and columns. Writes nothing
/// and waits for nobody. The client must not be in a transaction.
///
/// # Errors
/// E0673 if the look itself fails.
pub async fn preflight(
    client: &Client,
    schema: &str,
    tables: &[TargetTable],
) -> Result<Vec<PgError>, PgError> {
    let failed = |error| error::request("it was looked at", &error);
    let mut problems = Vec::new();
    match super::check_server(client).await {
        Err(error) if error.kind == PgErrorKind::Unsuitable => problems.push(error),
        other => drop(other?),
    }
    let other_run = lock::lock_holder(client).await?;
    if let Some(holder) = &other_run {
        problems.push(error::second_run(Some(holder), None));
    }
    let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
    let found = relation::find(client, schema, &names)
        .await
        .map_err(failed)?;
    if !found.missing.is_empty() {
        problems.push(missing_tables("target", schema, &found.missing));
    }
    let written = found.relations;
    let touched = structure::touched(client, &written).await.map_err(failed)?;
    match privileges::check(client, &touched).await {
        Err(error) if error.kind == PgErrorKind::CouldNotStart => problems.push(error),
        other => {
            other?;
            // The tables of another run are locked, there is nothing more to be seen.
            if other_run.is_none() {
                problems.extend(look_inside(client, tables, &written, &touched).await?);
            }
        }
    }
    Ok(problems)
}

/// Things of the database that no catalog describes and that may refuse or change rows while they are
/// written: event triggers, exclusion constraints, foreign keys over columns that have defaults. Each
/// as a phrase, such as "event trigger `audit` on `ddl_command_end`". The tables exist.
///
/// # Errors
/// E0673 if the look itself fails.
pub async fn surprises(
    client: &Client,
    schema: &str,
    tables: &[TargetTable],
) -> Result<Vec<String>, PgError> {
    let looked = async {
        let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
        let found = relation::find(client, schema, &names).await?;
        let oids = relation::oids(&found.relations);
        let rows = client
            .query(include_str!("../sql/what_may_refuse_rows.sql"), &[&oids])
            .await?;
        rows.iter()
            .map(|row| {
                let (kind, name): (&str, &str) = (row.try_get("kind")?, row.try_get("name")?);
                let place: &str = row.try_get("place")?;
                Ok(format!("{kind} `{name}` on `{place}`"))
            })
            .collect::<Result<Vec<String>, tokio_postgres::Error>>()
    };
    looked
        .await
        .map_err(|error| error::request("it was looked at", &error))
}

/// What is wrong with tables that the role owns. Even to print an index's definition the server may
/// lock its table, so the locks come first, and are not waited for.
async fn look_inside(
    client: &Client,
    tables: &[TargetTable],
    written: &[Relation],
    touched: &[Relation],
) -> Result<Vec<PgError>, PgError> {
    match emptiness::begin_look(client, touched).await {
        Err(error) if error.kind == PgErrorKind::CouldNotStart => return Ok(vec![error]),
        other => other?,
    }
    let columns: Vec<Vec<String>> = written
        .iter()
        .filter_map(|relation| tables.iter().find(|table| table.table == relation.name))
        .map(|table| table.columns.clone())
        .collect();
    let looked = async {
        let mut problems = unfit(client, written, &columns).await?;
        let not_empty = emptiness::not_empty(client, written)
            .await
            .map_err(|error| error::request("its rows were looked for", &error))?;
        if !not_empty.is_empty() {
            problems.push(error::not_empty(&not_empty));
        }
        Ok(problems)
    };
    let looked = looked.await;
    emptiness::end_look(client).await?;
    looked
}

/// What is wrong with the tables' structure: columns, and whatever rows cannot be copied into.
pub(super) async fn unfit(
    client: &Client,
    written: &[Relation],
    columns: &[Vec<String>],
) -> Result<Vec<PgError>, PgError> {
    let failed = |error| error::request("its tables were looked at", &error);
    let mut problems = Vec::new();
    let missing = structure::missing_columns(client, written, columns)
        .await
        .map_err(failed)?;
    if !missing.is_empty() {
        problems.push(error::missing_columns(&missing));
    }
    let reasons = structure::unsuitable(client, written)
        .await
        .map_err(failed)?;
    if !reasons.is_empty() {
        problems.push(error::unsuitable(&reasons));
    }
    let structure = structure::read(client, written).await.map_err(failed)?;
    if !structure.in_the_way.is_empty() {
        problems.push(error::keys_in_the_way(&structure.in_the_way));
    }
    Ok(problems)
}
