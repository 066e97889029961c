//! Columns that rows which were written do not set: what the database put there, and whether it is
//! there still.

use tokio_postgres::{Client, Error};

use super::{TargetTable, error};
use crate::base::ident::identifier;
use crate::pg::PgError;
use crate::pg::relation::{self, Relation};

/// A column that is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsetColumn {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// How many rows hold another value than a new row gets; `None` where that cannot be told, because
    /// new rows do not all get the same (a number that is counted up, a moment).
    pub differing: Option<u64>,
}

/// Looks at the columns of `tables` that none of their rules sets, generated ones left out: they follow
/// from others. The tables exist; each is read once if it has such columns.
///
/// # Errors
/// E0673 if the look fails.
pub async fn unset_columns(
    client: &Client,
    schema: &str,
    tables: &[TargetTable],
) -> Result<Vec<UnsetColumn>, PgError> {
    let looked = async {
        let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
        let found = relation::find(client, schema, &names).await?;
        let rows = client
            .query(
                include_str!("../sql/unset_columns.sql"),
                &[&relation::oids(&found.relations)],
            )
            .await?;
        let mut columns = Vec::new();
        for relation in &found.relations {
            let Some(table) = tables.iter().find(|table| table.table == relation.name) else {
                continue;
            };
            let mut unset = Vec::new();
            for row in &rows {
                let column: String = row.try_get("column")?;
                if row.try_get::<_, u32>("table")? != relation.oid
                    || table.columns.contains(&column)
                {
                    continue;
                }
                unset.push(Unset {
                    column,
                    ty: row.try_get("type")?,
                    expression: row.try_get("expression")?,
                    same_for_all: row.try_get("same_for_all")?,
                });
            }
            columns.extend(counted(client, relation, unset).await?);
        }
        Ok(columns)
    };
    looked.await.map_err(|error: Error| {
        error::request("columns that are not written were looked at", &error)
    })
}

/// A column with the value it gets by itself.
struct Unset {
    column: String,
    ty: String,
    expression: Option<String>,
    same_for_all: bool,
}

impl Unset {
    /// Whether a row holds something else. Compared as texts, because not every type knows equality.
    fn differs(&self) -> Option<String> {
        let column = identifier(&self.column);
        match &self.expression {
            _ if !self.same_for_all => None,
            None => Some(format!("{column} IS NOT NULL")),
            Some(expression) => Some(format!(
                "{column}::text IS DISTINCT FROM CAST(({expression}) AS {})::text",
                self.ty
            )),
        }
    }
}

async fn counted(
    client: &Client,
    relation: &Relation,
    unset: Vec<Unset>,
) -> Result<Vec<UnsetColumn>, Error> {
    let counts: Vec<String> = unset
        .iter()
        .filter_map(Unset::differs)
        .map(|differs| format!("count(*) FILTER (WHERE {differs})"))
        .collect();
    let row = if counts.is_empty() {
        None
    } else {
        let query = format!("SELECT {} FROM {}", counts.join(", "), relation.sql());
        Some(client.query_one(&query, &[]).await?)
    };
    let mut place = 0;
    unset
        .into_iter()
        .map(|column| {
            let differing = match &row {
                Some(row) if column.same_for_all => {
                    let rows: i64 = row.try_get(place)?;
                    place += 1;
                    Some(rows.unsigned_abs())
                }
                _ => None,
            };
            Ok(UnsetColumn {
                table: relation.name.clone(),
                column: column.column,
                differing,
            })
        })
        .collect()
}
