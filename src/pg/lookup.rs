//! Single rows by their keys, and single values by a question: what is asked for goes to the server
//! as parameters, which no message and no log of ours shows.

use std::error::Error as StdError;
use std::fmt;

use bytes::{Bytes, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row};

use super::PgError;
use super::introspect::failed;
use super::origin::Secret;
use super::query;

/// A cell in PostgreSQL's binary form, whatever its type. `Debug` does not show it.
struct Raw(Option<Bytes>);

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raw(hidden)")
    }
}

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(Bytes::copy_from_slice(raw))))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match &self.0 {
            None => Ok(IsNull::Yes),
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The cells of a row in PostgreSQL's binary form, `None` for NULL.
pub type RawCells = Vec<Option<Bytes>>;

/// Looks for rows of a table by a key: for each of `keys`, whose cells are those of the columns
/// `key`, the row that has it, with its `columns` in that order. `keys` must be of the columns' own
/// types. Reads only.
///
/// # Errors
/// E0649 if PostgreSQL refuses the query or the connection breaks.
pub async fn find_rows(
    client: &Client,
    schema: &str,
    table: &str,
    columns: &[String],
    key: &[&str],
    keys: Vec<RawCells>,
) -> Result<Vec<Option<RawCells>>, PgError> {
    let looking = |error| {
        failed(
            format!("the rows of `{table}` cannot be looked for"),
            &error,
        )
    };
    let query = query::select_by_key(schema, table, columns, key);
    let statement = client.prepare(&query).await.map_err(looking)?;
    let mut found = Vec::new();
    for wanted in keys {
        let wanted: Vec<Raw> = wanted.into_iter().map(Raw).collect();
        let parameters: Vec<&(dyn ToSql + Sync)> = wanted
            .iter()
            .map(|cell| cell as &(dyn ToSql + Sync))
            .collect();
        let row = client
            .query_opt(&statement, &parameters)
            .await
            .map_err(looking)?;
        found.push(match row {
            None => None,
            Some(row) => Some(cells(&row).map_err(looking)?),
        });
    }
    Ok(found)
}

fn cells(row: &Row) -> Result<RawCells, tokio_postgres::Error> {
    (0..row.len())
        .map(|column| row.try_get::<_, Raw>(column).map(|raw| raw.0))
        .collect()
}

/// What a query that has one text as its parameter gives, as texts; `what` says for messages what it
/// asks. Neither the text nor the answer is shown or logged. Reads only.
///
/// # Errors
/// E0649 if PostgreSQL refuses the query or the connection breaks.
pub async fn ask(
    client: &Client,
    query: &str,
    parameter: &Secret,
    what: &str,
) -> Result<Vec<Vec<Option<Secret>>>, PgError> {
    let asked = |error| failed(format!("{what} cannot be asked"), &error);
    let parameter = Raw(Some(Bytes::copy_from_slice(parameter.reveal().as_bytes())));
    let rows = client.query(query, &[&parameter]).await.map_err(asked)?;
    rows.iter()
        .map(|row| {
            (0..row.len())
                .map(|column| {
                    let text: Option<String> = row.try_get(column).map_err(asked)?;
                    Ok(text.map(Secret::new))
                })
                .collect()
        })
        .collect()
}
