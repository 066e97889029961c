//! What one role may do in a database and with some tables of it, read off the server's catalog.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Error};

use super::relation::{self, Relation};

/// The schemas that tables are in, each once.
pub(super) fn schemas(tables: &[Relation]) -> Vec<String> {
    let names: BTreeSet<&String> = tables.iter().map(|table| &table.schema).collect();
    names.into_iter().cloned().collect()
}

/// What a schema is used for.
#[derive(Clone, Copy, Debug)]
pub(super) enum SchemaUse {
    /// To reach its tables.
    Reach,
    /// To make indexes there, too.
    Make,
}

/// What one role may do with a table, and whose it is.
#[derive(Debug)]
pub(super) struct OnTable {
    pub(super) table: Relation,
    pub(super) owner: String,
    pub(super) owner_is_superuser: bool,
    pub(super) owned: bool,
    pub(super) privileges: Vec<String>,
    pub(super) closed_tablespaces: Vec<String>,
}

/// What one role may do.
#[derive(Debug)]
pub(super) struct Rights {
    pub(super) exists: bool,
    pub(super) inherits: bool,
    pub(super) server_version: i32,
    pub(super) database: String,
    pub(super) connects: bool,
    pub(super) used_schemas: Vec<String>,
    pub(super) created_in_schemas: Vec<String>,
    pub(super) owns_database: bool,
    pub(super) owned_schemas: Vec<String>,
    pub(super) tables: Vec<OnTable>,
}

impl Rights {
    /// Asks the catalog; of a role that is not there, what everybody may.
    ///
    /// # Errors
    /// What the server said.
    pub(super) async fn of(
        client: &Client,
        role: &str,
        tables: &[Relation],
    ) -> Result<Self, Error> {
        let database = include_str!("sql/role_on_database.sql");
        let row = client
            .query_one(database, &[&role, &schemas(tables)])
            .await?;
        let of_tables = client
            .query(
                include_str!("sql/role_on_tables.sql"),
                &[&role, &relation::oids(tables)],
            )
            .await?;
        let of_tables = of_tables.iter().zip(tables).map(|(row, table)| {
            Ok(OnTable {
                table: table.clone(),
                owner: row.try_get("owner")?,
                owner_is_superuser: row.try_get("owner_is_superuser")?,
                owned: row.try_get("owned")?,
                privileges: row.try_get("privileges")?,
                closed_tablespaces: row.try_get("closed_tablespaces")?,
            })
        });
        Ok(Self {
            exists: row.try_get("is_there")?,
            inherits: row.try_get("inherits")?,
            server_version: row.try_get("server_version")?,
            database: row.try_get("database")?,
            connects: row.try_get("connects")?,
            used_schemas: row.try_get("used_schemas")?,
            created_in_schemas: row.try_get("created_in_schemas")?,
            owns_database: row.try_get("owns_database")?,
            owned_schemas: row.try_get("owned_schemas")?,
            tables: of_tables.collect::<Result<_, Error>>()?,
        })
    }

    /// Whether it has a privilege on a table.
    pub(super) fn may(&self, privilege: &str, table: &Relation) -> bool {
        self.tables
            .iter()
            .any(|on| on.table == *table && on.privileges.iter().any(|has| has == privilege))
    }

    /// Whether it may use a schema so.
    pub(super) fn may_in(&self, schema: &String, wanted: SchemaUse) -> bool {
        self.used_schemas.contains(schema)
            && match wanted {
                SchemaUse::Reach => true,
                SchemaUse::Make => self.created_in_schemas.contains(schema),
            }
    }

    /// The tablespaces of indexes of the first tables in which it may make none.
    pub(super) fn closed(&self, tables: usize) -> BTreeSet<&String> {
        let tables = self.tables.iter().take(tables);
        tables.flat_map(|on| &on.closed_tablespaces).collect()
    }
}
