//! Whether rows that others refer to are there.

use std::collections::HashMap;

use tokio_postgres::{Client, Error, Row};

use crate::base::ident::{identifier, qualified};
use crate::types::PgType;

use super::PgError;
use super::introspect::failed;

/// Those of `values`, as text, that no row of `table` has in `column`. Reads only.
///
/// # Errors
/// E0649 if PostgreSQL refuses the query or the connection breaks.
pub async fn missing(
    client: &Client,
    schema: &str,
    table: &str,
    column: &str,
    ty: &PgType,
    values: &[String],
) -> Result<Vec<String>, PgError> {
    let query = format!(
        "SELECT wanted FROM unnest($1::text[]) AS wanted WHERE NOT EXISTS (SELECT FROM {} AS there WHERE there.{} = wanted::{ty})",
        qualified(schema, table),
        identifier(column),
    );
    let rows = client.query(&query, &[&values]).await;
    let rows = rows.map_err(|error| {
        failed(
            format!("the rows of `{table}` cannot be looked for"),
            &error,
        )
    })?;
    rows.iter()
        .map(|row| {
            row.try_get(0)
                .map_err(|error| failed(format!("the rows of `{table}` cannot be read"), &error))
        })
        .collect()
}

/// The number a query gives. Reads only.
///
/// # Errors
/// E0649 if PostgreSQL refuses the query or the connection breaks; `what` says what it was for.
pub async fn number(client: &Client, query: &str, what: &str) -> Result<i64, PgError> {
    let row = client
        .query_one(query, &[])
        .await
        .and_then(|row| row.try_get(0));
    row.map_err(|error| failed(format!("{what} cannot be asked"), &error))
}

/// What a query gives in its one row: a number, and texts. Reads only.
///
/// # Errors
/// E0649 if PostgreSQL refuses the query or the connection breaks; `what` says what it was for.
pub async fn counted(
    client: &Client,
    query: &str,
    what: &str,
) -> Result<(u64, Vec<String>), PgError> {
    let asked = async {
        let row = client.query_one(query, &[]).await?;
        let count: i64 = row.try_get(0)?;
        Ok((count.unsigned_abs(), row.try_get(1)?))
    };
    asked
        .await
        .map_err(|error| failed(format!("{what} cannot be asked"), &error))
}

/// The texts and numbers that a query gives. Reads only.
///
/// # Errors
/// E0649 if PostgreSQL refuses the query or the connection breaks; `what` says what it was for.
pub async fn numbers(
    client: &Client,
    query: &str,
    what: &str,
) -> Result<Vec<(String, i64)>, PgError> {
    let rows = client.query(query, &[]).await;
    pairs(rows, what)
}

/// As [`numbers`], for the texts in `keys`, which are the query's only parameter.
///
/// # Errors
/// As [`numbers`].
pub async fn numbers_of(
    client: &Client,
    query: &str,
    keys: &[&str],
    what: &str,
) -> Result<HashMap<String, i64>, PgError> {
    let rows = client.query(query, &[&keys]).await;
    Ok(pairs(rows, what)?.into_iter().collect())
}

fn pairs(rows: Result<Vec<Row>, Error>, what: &str) -> Result<Vec<(String, i64)>, PgError> {
    rows.and_then(|rows| {
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    })
    .map_err(|error| failed(format!("{what} cannot be asked"), &error))
}
