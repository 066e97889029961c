//! Whether the role connected as may read some tables of the target, asked before the first of them is
//! read: so all statements that are lacking are named at once. The source's come with its locks.

use tokio_postgres::{Client, Error};

use super::structure;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::grants::unasked;
use crate::pg::query;
use crate::pg::relation::{self, Relation, oids};
use crate::pg::{PgError, PgErrorKind};

/// Which tables can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All of them.
    All,
    /// Not those that the role has to own, and does not: what else it needs is told with that.
    NotUntilOwned,
}

/// Looks whether the role may read those of `tables` that are there, for a run that writes `written`.
/// Reads the server's catalog alone.
///
/// # Errors
/// E0662 with the `GRANT` statements that are lacking, E0649 if the catalog cannot be asked.
pub async fn may_read(
    client: &Client,
    schema: &str,
    tables: &[&str],
    written: &[&str],
) -> Result<Readable, PgError> {
    let lacking = Lacking::of(client, schema, tables, written)
        .await
        .map_err(unasked)?;
    if !lacking.in_schema || !lacking.tables.is_empty() {
        return Err(lacking.error());
    }
    Ok(lacking.readable)
}

/// What a role may not read.
struct Lacking {
    role: String,
    schema: String,
    in_schema: bool,
    tables: Vec<Relation>,
    readable: Readable,
}

impl Lacking {
    async fn of(
        client: &Client,
        schema: &str,
        tables: &[&str],
        written: &[&str],
    ) -> Result<Self, Error> {
        let found = relation::find(client, schema, tables).await?.relations;
        let written = relation::find(client, schema, written).await?.relations;
        let altered = structure::touched(client, &written).await?;
        let rows = client
            .query(include_str!("../sql/read_rights.sql"), &[&oids(&found)])
            .await?;
        let mut lacking = Self {
            role: String::new(),
            schema: schema.to_owned(),
            in_schema: true,
            tables: Vec::new(),
            readable: Readable::All,
        };
        for (row, relation) in rows.iter().zip(found) {
            lacking.role = row.try_get("role")?;
            lacking.in_schema &= row.try_get::<_, bool>("in_schema")?;
            if row.try_get("may_read")? {
                continue;
            }
            if altered.contains(&relation) && !row.try_get::<_, bool>("owned")? {
                lacking.readable = Readable::NotUntilOwned;
            } else {
                lacking.tables.push(relation);
            }
        }
        Ok(lacking)
    }

    fn error(&self) -> PgError {
        let mut grants = Vec::new();
        if !self.in_schema {
            grants.push(query::grant_on_schema("USAGE", &self.schema, &self.role));
        }
        let what = if self.tables.is_empty() {
            format!("the tables of schema `{}`", self.schema)
        } else {
            grants.push(query::grant("SELECT", &self.tables, &self.role));
            let names = self.tables.iter().map(|table| format!("`{}`", table.name));
            names.collect::<Vec<_>>().join(", ")
        };
        let mut diagnostic = Diagnostic::error(
            codes::E0662,
            format!("role `{}` may not read {what} of the target", self.role),
        );
        for grant in grants {
            diagnostic = diagnostic.note(grant);
        }
        PgError::new(
            PgErrorKind::CouldNotStart,
            diagnostic
                .help("run these statements as the owner of the tables, or connect as the role that owns them")
                .help("`check --grants=target` prints everything that the role needs"),
        )
    }
}
