//! What a server and the database connected to are, and how the database sorts.

use std::collections::BTreeMap;

use tokio_postgres::{Error, GenericClient};

use super::PgError;
use super::introspect::{failed, get, unreadable};
use super::settings;

/// What a server and the database connected to are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// `server_version_num`: 150018 for 15.18.
    pub server_version_num: i32,
    /// The version as the server prints it.
    pub server_version: String,
    /// The database's encoding, such as `UTF8`.
    pub encoding: String,
    /// Whether the server is a standby, which follows another and takes no writes and few locks.
    pub standby: bool,
    /// The database's name.
    pub database: String,
    /// The database's number in its cluster.
    pub database_oid: u32,
    /// The cluster's number, the same on a primary and its standbys; `None` where the role may not
    /// ask for it.
    pub system_identifier: Option<i64>,
}

impl DatabaseFacts {
    /// Whether both are one database, or one is a copy that follows the other; `None` if it cannot
    /// be told.
    pub fn same_database(&self, other: &Self) -> Option<bool> {
        if self.database_oid != other.database_oid {
            return Some(false);
        }
        Some(self.system_identifier? == other.system_identifier?)
    }
}

/// Asks what the server and the database connected to are.
///
/// # Errors
/// E0649 if PostgreSQL refuses a query or the connection breaks.
pub async fn database_facts<C: GenericClient>(client: &C) -> Result<DatabaseFacts, PgError> {
    read_facts(client).await.map_err(|error| {
        let message = "what the server is cannot be read off its catalog";
        failed(message.to_owned(), &error)
    })
}

/// Makes a session unable to write, whatever is asked of it, free of time limits while it idles, and
/// the same for every role: rows that a policy would hide are an error.
///
/// # Errors
/// E0649 if PostgreSQL refuses or the connection breaks.
pub async fn read_only<C: GenericClient>(client: &C) -> Result<(), PgError> {
    let done = settings::looking(client).await;
    done.map_err(|error| failed("the session cannot be made read-only".to_owned(), &error))
}

/// Begins a read-only transaction whose view of the database stays the same until its end, however
/// long it takes. The session is [`read_only`] already.
///
/// # Errors
/// E0649 if PostgreSQL refuses or the connection breaks.
pub async fn snapshot<C: GenericClient>(client: &C) -> Result<(), PgError> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let done = client.batch_execute(begin).await;
    done.map_err(|error| failed("a snapshot cannot be taken".to_owned(), &error))
}

/// What `ORDER BY` on a column means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnOrder {
    /// The type has an order of its own (numbers, UUIDs, times).
    NotText,
    /// By the bytes of the UTF-8 text, so that an index on the column serves a plain `ORDER BY`.
    Bytes,
    /// By the rules of a language; the collation's name.
    Language(String),
}

/// The order of the columns given as pairs of table and column; what does not exist is left out.
///
/// # Errors
/// E0649 if PostgreSQL refuses the query or the connection breaks.
pub async fn column_orders<C: GenericClient>(
    client: &C,
    schema: &str,
    columns: &[(String, String)],
) -> Result<BTreeMap<(String, String), ColumnOrder>, PgError> {
    let (tables, names): (Vec<&str>, Vec<&str>) = (columns
        .iter()
        .map(|(table, column)| (table.as_str(), column.as_str())))
    .unzip();
    let rows = client
        .query(
            include_str!("sql/introspect_collations.sql"),
            &[&schema, &tables, &names],
        )
        .await
        .map_err(|error| unreadable(schema, &error))?;
    (rows.iter())
        .map(|row| {
            let collatable: bool = get(row, 2)?;
            let name: Option<String> = get(row, 3)?;
            let provider: Option<String> = get(row, 4)?;
            let locale: Option<String> = get(row, 5)?;
            let order = if collatable {
                text_order(name, provider.as_deref(), locale)
            } else {
                ColumnOrder::NotText
            };
            Ok(((get(row, 0)?, get(row, 1)?), order))
        })
        .collect::<Result<_, Error>>()
        .map_err(|error| unreadable(schema, &error))
}

/// `C` and `C.UTF-8` go by code points in the C library and built in alike, and UTF-8 keeps that
/// order; every collation of ICU, even its root, goes by rules of its own.
fn text_order(name: Option<String>, provider: Option<&str>, locale: Option<String>) -> ColumnOrder {
    let by_code_points = locale.as_deref().is_some_and(|locale| {
        matches!(
            locale.to_ascii_lowercase().as_str(),
            "c" | "posix" | "c.utf-8" | "c.utf8" | "pg_unicode_fast"
        )
    });
    if provider != Some("i") && by_code_points {
        return ColumnOrder::Bytes;
    }
    let default = name.as_deref() == Some("default");
    let shown = if default { locale } else { name.or(locale) };
    ColumnOrder::Language(shown.unwrap_or_else(|| "unknown".to_owned()))
}

async fn read_facts<C: GenericClient>(client: &C) -> Result<DatabaseFacts, Error> {
    let row = client
        .query_one(include_str!("sql/introspect_server.sql"), &[])
        .await?;
    // Asking without the right would end a transaction, so the right is asked for first.
    let system_identifier = if get(&row, 6)? {
        let query = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
        Some(get(&client.query_one(query, &[]).await?, 0)?)
    } else {
        None
    };
    Ok(DatabaseFacts {
        server_version_num: get(&row, 0)?,
        server_version: get(&row, 1)?,
        encoding: get(&row, 2)?,
        standby: get(&row, 3)?,
        database: get(&row, 4)?,
        database_oid: get(&row, 5)?,
        system_identifier,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(name: &str, provider: &str, locale: Option<&str>) -> ColumnOrder {
        text_order(
            Some(name.to_owned()),
            Some(provider),
            locale.map(str::to_owned),
        )
    }

    #[test]
    fn only_code_point_collations_are_byte_order() {
        for (provider, locale) in [
            ("c", "C"),
            ("c", "POSIX"),
            ("c", "C.UTF-8"),
            ("c", "C.utf8"),
            ("b", "C"),
            ("b", "C.UTF-8"),
        ] {
            assert_eq!(order("default", provider, Some(locale)), ColumnOrder::Bytes);
        }
        let language = |name: &str| ColumnOrder::Language(name.to_owned());
        let english = Some("en_GB.UTF-8");
        assert_eq!(order("default", "c", english), language("en_GB.UTF-8"));
        assert_eq!(order("und-x-icu", "i", Some("und")), language("und-x-icu"));
        assert_eq!(order("odd", "i", Some("C")), language("odd"));
        assert_eq!(order("default", "c", None), language("unknown"));
    }

    #[test]
    fn one_database_is_known_by_cluster_and_number() {
        let facts = DatabaseFacts {
            server_version_num: 150_018,
            server_version: "15.18".to_owned(),
            encoding: "UTF8".to_owned(),
            standby: false,
            database: "a".to_owned(),
            database_oid: 5,
            system_identifier: Some(7),
        };
        let other_cluster = DatabaseFacts {
            system_identifier: Some(8),
            ..facts.clone()
        };
        let other_database = DatabaseFacts {
            database_oid: 6,
            system_identifier: None,
            ..facts.clone()
        };
        let unknown = DatabaseFacts {
            system_identifier: None,
            ..facts.clone()
        };
        assert_eq!(facts.same_database(&facts), Some(true));
        assert_eq!(facts.same_database(&other_cluster), Some(false));
        assert_eq!(facts.same_database(&other_database), Some(false));
        assert_eq!(facts.same_database(&unknown), None);
    }
}
