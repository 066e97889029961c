//! Whether tables are empty.

use std::fmt;

use tokio_postgres::{Client, Error};

use super::error;
use crate::pg::PgError;
use crate::pg::lock::{self, Attempt, LockFailure};
use crate::pg::patience::Patience;
use crate::pg::query::{self, TableLock};
use crate::pg::relation::{self, Relation};
use crate::pg::source::missing_tables;

/// Rows are counted up to here: more does not change what has to be done about them.
const COUNTED: u64 = 1000;

/// A table that holds rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEmpty {
    /// The table, with its schema.
    pub table: String,
    /// How many rows, up to 1,000; `None` if there are more.
    pub rows: Option<u64>,
}

impl fmt::Display for NotEmpty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows {
            Some(1) => write!(f, "`{}` holds 1 row", self.table),
            Some(rows) => write!(f, "`{}` holds {rows} rows", self.table),
            None => write!(f, "`{}` holds more than {COUNTED} rows", self.table),
        }
    }
}

/// Those of `tables` that are not empty. Takes no lock that keeps anybody out, and waits for none.
/// The client must not be in a transaction.
///
/// # Errors
/// E0674 if one of them is not there, E0661 if somebody keeps readers out of one, E0673 whatever
/// else the server says.
pub async fn emptiness(
    client: &Client,
    schema: &str,
    tables: &[&str],
) -> Result<Vec<NotEmpty>, PgError> {
    let failed = |error| error::request("its rows were looked for", &error);
    let found = relation::find(client, schema, tables)
        .await
        .map_err(failed)?;
    if !found.missing.is_empty() {
        return Err(missing_tables("target", schema, &found.missing));
    }
    begin_look(client, &found.relations).await?;
    let tables = not_empty(client, &found.relations).await;
    end_look(client).await?;
    tables.map_err(failed)
}

/// Begins a transaction in which `relations` can be read without waiting for anybody.
pub(super) async fn begin_look(client: &Client, relations: &[Relation]) -> Result<(), PgError> {
    lock::lock_all(
        client,
        Attempt::beginning_with("BEGIN READ ONLY"),
        relations,
        TableLock::AccessShare,
        &Patience::default(),
        "tables of the target",
    )
    .await
    .map_err(|failure| match failure {
        LockFailure::Held(sessions, waited) => error::locked(&sessions, waited),
        LockFailure::Server(error) => error::request("its tables were looked at", &error),
    })
}

/// Ends it.
pub(super) async fn end_look(client: &Client) -> Result<(), PgError> {
    client
        .batch_execute("ROLLBACK")
        .await
        .map_err(|error| error::request("its tables were looked at", &error))
}

/// Those of `relations` that are not empty.
pub(super) async fn not_empty(
    client: &Client,
    relations: &[Relation],
) -> Result<Vec<NotEmpty>, Error> {
    let mut tables = Vec::new();
    for relation in relations {
        let row = client
            .query_one(&query::count_up_to(relation, COUNTED + 1), &[])
            .await?;
        let rows = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        if rows > 0 {
            tables.push(NotEmpty {
                table: relation.to_string(),
                rows: (rows <= COUNTED).then_some(rows),
            });
        }
    }
    Ok(tables)
}
