//! The sequences that number rows of the written tables: afterwards they stand behind the rows.
//!
//! `setval` and `nextval` outlive a rollback, `ALTER SEQUENCE … RESTART` does not: it gives the
//! sequence a new file that the rollback removes, and from then on `nextval` counts there too. So
//! each sequence is restarted where it stands before any row is written, and moved behind the rows
//! after the last one.

use tokio_postgres::{Client, Error};

use crate::base::ident::{identifier, qualified};
use crate::pg::relation::{self, Relation};

/// A sequence and the columns that draw from it.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    schema: String,
    name: String,
    increment: i64,
    smallest: i64,
    largest: i64,
    /// Whether the role may restart it.
    owned: bool,
    owner: String,
    columns: Vec<(Relation, String)>,
}

impl Sequence {
    fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }
}

/// Reads them.
///
/// # Errors
/// What the server said.
pub(super) async fn read(client: &Client, written: &[Relation]) -> Result<Vec<Sequence>, Error> {
    let rows = client
        .query(
            include_str!("../sql/sequences.sql"),
            &[&relation::oids(written)],
        )
        .await?;
    let mut found: Vec<Sequence> = Vec::new();
    for row in &rows {
        let table: u32 = row.try_get("table_oid")?;
        let Some(table) = written.iter().find(|relation| relation.oid == table) else {
            continue;
        };
        let column = (table.clone(), row.try_get("column")?);
        let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
        match found.last_mut() {
            Some(last) if last.schema == schema && last.name == name => last.columns.push(column),
            _ => found.push(Sequence {
                schema,
                name,
                increment: row.try_get("increment")?,
                smallest: row.try_get("smallest")?,
                largest: row.try_get("largest")?,
                owned: row.try_get("owned")?,
                owner: row.try_get("owner")?,
                columns: vec![column],
            }),
        }
    }
    Ok(found)
}

/// Why a sequence cannot be moved behind the rows, one entry a reason.
pub(super) fn obstacles(sequences: &[Sequence]) -> Vec<String> {
    sequences
        .iter()
        .filter(|sequence| !sequence.owned)
        .flat_map(|sequence| {
            sequence.columns.iter().map(|(table, column)| {
                format!(
                    "sequence `{}.{}` numbers `{table}.{column}` and belongs to `{}`: it could not be set",
                    sequence.schema, sequence.name, sequence.owner
                )
            })
        })
        .collect()
}

/// Makes what becomes of the sequences part of the transaction.
///
/// # Errors
/// What the server said.
pub(super) async fn take(client: &Client, sequences: &[Sequence]) -> Result<(), Error> {
    for sequence in sequences {
        if let Some(next) = next(client, sequence).await? {
            restart(client, sequence, next).await?;
        }
    }
    Ok(())
}

/// Moves each sequence behind the values that its columns hold; never back.
///
/// # Errors
/// What the server said.
pub(super) async fn move_behind(client: &Client, sequences: &[Sequence]) -> Result<(), Error> {
    for sequence in sequences {
        let Some(next) = next(client, sequence).await? else {
            continue;
        };
        let Some(last) = furthest(client, sequence).await? else {
            continue;
        };
        let behind = last
            .checked_add(sequence.increment)
            .unwrap_or(last)
            .clamp(sequence.smallest, sequence.largest);
        let further = if sequence.increment > 0 {
            behind > next
        } else {
            behind < next
        };
        if further {
            restart(client, sequence, behind).await?;
        }
    }
    Ok(())
}

/// The value that the sequence gives next; `None` where it is used up.
async fn next(client: &Client, sequence: &Sequence) -> Result<Option<i64>, Error> {
    let query = format!("SELECT last_value, is_called FROM {}", sequence.sql());
    let row = client.query_one(&query, &[]).await?;
    let last: i64 = row.try_get(0)?;
    let next = if row.try_get(1)? {
        last.checked_add(sequence.increment)
    } else {
        Some(last)
    };
    Ok(next.filter(|next| (sequence.smallest..=sequence.largest).contains(next)))
}

/// The value of the columns that lies furthest in the sequence's direction.
async fn furthest(client: &Client, sequence: &Sequence) -> Result<Option<i64>, Error> {
    let extreme = if sequence.increment > 0 { "max" } else { "min" };
    let parts: Vec<String> = sequence
        .columns
        .iter()
        .map(|(table, column)| {
            format!(
                "SELECT {extreme}({})::int8 AS value FROM ONLY {}",
                identifier(column),
                table.sql()
            )
        })
        .collect();
    let query = format!(
        "SELECT {extreme}(value) FROM ({}) AS of_each",
        parts.join(" UNION ALL ")
    );
    client.query_one(&query, &[]).await?.try_get(0)
}

async fn restart(client: &Client, sequence: &Sequence, next: i64) -> Result<(), Error> {
    let statement = format!("ALTER SEQUENCE {} RESTART WITH {next}", sequence.sql());
    client.batch_execute(&statement).await
}
