//! Whether rows that others refer to are there.

use tokio_postgres::Client;

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
