//! Tables of a live database, found by name.

use std::fmt;

use tokio_postgres::{Client, Error};

use crate::base::ident::qualified;

/// A table: its number in the catalog, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Relation {
    /// `pg_class.oid`.
    pub(crate) oid: u32,
    /// The PostgreSQL schema it is in.
    pub(crate) schema: String,
    /// Its name in there.
    pub(crate) name: String,
}

impl Relation {
    /// Its name in a statement.
    pub(crate) fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }
}

impl fmt::Display for Relation {
    /// Its name in a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// The numbers of some relations.
pub(crate) fn oids(relations: &[Relation]) -> Vec<u32> {
    relations.iter().map(|relation| relation.oid).collect()
}

/// What a look for tables found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Those that are there, in the order asked for.
    pub(crate) relations: Vec<Relation>,
    /// Names of those that are not.
    pub(crate) missing: Vec<String>,
}

/// Looks for tables of one schema.
///
/// # Errors
/// What the server said.
pub(crate) async fn find(client: &Client, schema: &str, tables: &[&str]) -> Result<Found, Error> {
    let rows = client
        .query(include_str!("sql/find_tables.sql"), &[&schema, &tables])
        .await?;
    let mut found = Found {
        relations: Vec::with_capacity(tables.len()),
        missing: Vec::new(),
    };
    for row in rows {
        let name: String = row.try_get("name")?;
        match row.try_get::<_, Option<u32>>("oid")? {
            Some(oid) => found.relations.push(Relation {
                oid,
                schema: schema.to_owned(),
                name,
            }),
            None => found.missing.push(name),
        }
    }
    Ok(found)
}
