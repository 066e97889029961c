//! A catalog read off a live database.
//!
//! A handful of queries serve all tables together. Everything is read from `pg_catalog`, so that a
//! role without a right to the tables can look too. Names of constraints and indexes are sorted by
//! their bytes: the same schema gives the same catalog on every server.

use std::collections::BTreeMap;

use tokio_postgres::{Error, GenericClient, Row};

use super::{PgError, PgErrorKind, server_error};
use crate::base::ident::{identifier, qualified};
use crate::catalog::{
    BY_DEFAULT_IDENTITY, Catalog, Check, Column, ForeignKey, Identity, Index, Key, KeyKind, Table,
    VersionColumn,
};
use crate::diagnostics::{Diagnostic, codes};

/// Reads the tables of a schema: all of them, or those of the names given that exist.
///
/// The catalog is called after the schema, knows no version and no identity, and marks nothing
/// `sensitive`: see [`Catalog::adopt`]. It is closed: foreign keys to tables that were not read are
/// left out. A key that is invalid stands among the indexes, marked so. Views and foreign tables
/// are no tables. The session's search path is changed on the way and put back.
///
/// # Errors
/// E0649 if PostgreSQL refuses a query or the connection breaks.
pub async fn introspect<C: GenericClient>(
    client: &C,
    schema: &str,
    tables: Option<&[String]>,
) -> Result<Catalog, PgError> {
    let row = client
        .query_one(include_str!("sql/introspect_search_path.sql"), &[&schema])
        .await
        .map_err(|error| unreadable(schema, &error))?;
    let path: String = get(&row, 0).map_err(|error| unreadable(schema, &error))?;
    let extensions = get(&row, 1).map_err(|error| unreadable(schema, &error))?;
    let read = read(client, schema, tables, extensions).await;
    let restored = client
        .query_one("SELECT set_config('search_path', $1, false)", &[&path])
        .await;
    // In a transaction that failed, the path cannot be put back but goes back by itself.
    let catalog = read.map_err(|error| unreadable(schema, &error))?;
    restored.map_err(|error| unreadable(schema, &error))?;
    Ok(catalog)
}

/// The schema version that a database notes: the highest value of the column, `None` for an empty
/// table. The table and its column exist.
///
/// # Errors
/// E0649 if PostgreSQL refuses the query, for want of the right to read the table for example.
pub async fn schema_version<C: GenericClient>(
    client: &C,
    schema: &str,
    version: &VersionColumn,
) -> Result<Option<i64>, PgError> {
    let query = format!(
        "SELECT max({})::bigint FROM {}",
        identifier(&version.column),
        qualified(schema, &version.table)
    );
    let row = client
        .query_one(&query, &[])
        .await
        .map_err(|error| unreadable(schema, &error))?;
    get(&row, 0).map_err(|error| unreadable(schema, &error))
}

/// The schema versions that a database notes as begun but not carried through; none where it notes no
/// such thing. The table and its columns exist.
///
/// # Errors
/// As [`schema_version`].
pub async fn unfinished_versions<C: GenericClient>(
    client: &C,
    schema: &str,
    version: &VersionColumn,
) -> Result<Vec<i64>, PgError> {
    let Some(done) = &version.done else {
        return Ok(Vec::new());
    };
    let column = identifier(&version.column);
    let query = format!(
        "SELECT {column}::bigint FROM {} WHERE {} IS NOT TRUE ORDER BY {column}",
        qualified(schema, &version.table),
        identifier(done)
    );
    let rows = client
        .query(&query, &[])
        .await
        .map_err(|error| unreadable(schema, &error))?;
    rows.iter()
        .map(|row| get(row, 0))
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(schema, &error))
}

async fn read<C: GenericClient>(
    client: &C,
    schema: &str,
    tables: Option<&[String]>,
    extensions: Vec<String>,
) -> Result<Catalog, Error> {
    let arguments: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&schema, &tables];
    let mut catalog = Catalog {
        catalog: schema.to_owned(),
        version: "unknown".to_owned(),
        title: format!("read off schema {schema}"),
        identity: Identity::default(),
        extensions: (extensions.into_iter())
            .filter(|name| name != "plpgsql")
            .collect(),
        enums: BTreeMap::new(),
        tables: BTreeMap::new(),
    };
    let columns = include_str!("sql/introspect_columns.sql");
    for row in &client.query(columns, &arguments).await? {
        let table = catalog.tables.entry(get(row, 0)?).or_default();
        table.inherited = get(row, 7)?;
        if let Some(name) = get::<Option<String>>(row, 1)? {
            table.columns.push(column(row, name)?);
        }
    }
    let enums = include_str!("sql/introspect_enums.sql");
    for row in &client.query(enums, &arguments).await? {
        catalog.enums.insert(get(row, 0)?, get(row, 1)?);
    }
    let constraints = include_str!("sql/introspect_constraints.sql");
    for row in &client.query(constraints, &arguments).await? {
        if let Some(table) = catalog.tables.get_mut(get::<&str>(row, 0)?) {
            add_constraint(table, row)?;
        }
    }
    let indexes = include_str!("sql/introspect_indexes.sql");
    for row in &client.query(indexes, &arguments).await? {
        if let Some(table) = catalog.tables.get_mut(get::<&str>(row, 0)?) {
            add_index(table, row)?;
        }
    }
    let names: Vec<String> = catalog.tables.keys().cloned().collect();
    for table in catalog.tables.values_mut() {
        (table.foreign_keys).retain(|key| names.binary_search(&key.table).is_ok());
        (table.keys).sort_by(|a, b| {
            let order = |key: &Key| (key.kind != KeyKind::Primary, key.name.clone());
            order(a).cmp(&order(b))
        });
        table.foreign_keys.sort_by(|a, b| a.name.cmp(&b.name));
        table.checks.sort_by(|a, b| a.name.cmp(&b.name));
        table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(catalog)
}

fn column(row: &Row, name: String) -> Result<Column, Error> {
    let identity: &str = get(row, 5)?;
    let generated: &str = get(row, 6)?;
    let expression: Option<String> = get(row, 4)?;
    Ok(Column {
        name,
        ty: get(row, 2)?,
        nullable: !get::<bool>(row, 3)?,
        default: match identity {
            "d" => Some(BY_DEFAULT_IDENTITY.to_owned()),
            _ => expression,
        },
        generated: identity == "a" || !generated.is_empty(),
        sensitive: false,
    })
}

fn add_constraint(table: &mut Table, row: &Row) -> Result<(), Error> {
    let name: String = get(row, 1)?;
    let kind: &str = get(row, 2)?;
    let columns: Vec<String> = get(row, 3)?;
    let valid: bool = get(row, 5)?;
    match kind {
        "f" => {
            // A table of another schema is one that was not read.
            if let Some(other) = get::<Option<String>>(row, 7)? {
                table.foreign_keys.push(ForeignKey {
                    name,
                    columns,
                    table: other,
                    references: get(row, 8)?,
                    on_delete: action(get(row, 9)?),
                    on_update: action(get(row, 10)?),
                    deferrable: get(row, 4)?,
                    not_valid: !valid,
                });
            }
        }
        "c" => table.checks.push(Check {
            name,
            expression: get::<Option<String>>(row, 11)?.unwrap_or_default(),
            not_valid: !valid,
        }),
        _ if valid => table.keys.push(Key {
            name,
            kind: match kind {
                "p" => KeyKind::Primary,
                _ => KeyKind::Unique,
            },
            columns,
            deferrable: get(row, 4)?,
            nulls_not_distinct: get(row, 6)?,
            index: false,
        }),
        _ => table.indexes.push(Index {
            name,
            method: "btree".to_owned(),
            keys: columns.iter().map(|column| identifier(column)).collect(),
            include: Vec::new(),
            condition: None,
            unique: true,
            invalid: true,
        }),
    }
    Ok(())
}

fn action(letter: &str) -> String {
    match letter {
        "r" => "restrict",
        "c" => "cascade",
        "n" => "set null",
        "d" => "set default",
        _ => "no action",
    }
    .to_owned()
}

fn add_index(table: &mut Table, row: &Row) -> Result<(), Error> {
    let name: String = get(row, 1)?;
    let unique: bool = get(row, 3)?;
    let valid: bool = get(row, 4)?;
    let immediate: bool = get(row, 5)?;
    let nulls_not_distinct: bool = get(row, 6)?;
    let plain: bool = get(row, 7)?;
    if unique && valid && plain {
        table.keys.push(Key {
            name,
            kind: KeyKind::Unique,
            columns: get(row, 9)?,
            deferrable: !immediate,
            nulls_not_distinct,
            index: true,
        });
    } else {
        table.indexes.push(Index {
            name,
            method: get(row, 2)?,
            keys: get(row, 8)?,
            include: get(row, 10)?,
            condition: get(row, 11)?,
            unique,
            invalid: !valid,
        });
    }
    Ok(())
}

pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    at: usize,
) -> Result<T, Error> {
    row.try_get(at)
}

pub(super) fn unreadable(schema: &str, error: &Error) -> PgError {
    failed(
        format!("the tables of the schema `{schema}` cannot be read off the database"),
        error,
    )
}

/// Queries on the catalogs meet no values of rows, so what the server says can be shown.
pub(super) fn failed(message: String, error: &Error) -> PgError {
    let diagnostic = Diagnostic::error(codes::E0649, message);
    match error.as_db_error() {
        Some(db) => {
            let code = db.code().code();
            let diagnostic = diagnostic.note(format!(
                "PostgreSQL says (SQLSTATE {code}): {}",
                db.message().replace(['\n', '\r'], " ")
            ));
            if code == "55P03" {
                // Somebody keeps even readers out.
                PgError::new(
                    PgErrorKind::CouldNotStart,
                    diagnostic.help("end what holds a lock on the table, then try again"),
                )
            } else if let Some(help) = server_error::hidden_rows(error) {
                PgError::new(PgErrorKind::CouldNotStart, diagnostic.help(help))
            } else if code == "42501" {
                PgError::new(
                    PgErrorKind::CouldNotStart,
                    diagnostic.help("grant the role the right to read (`check --grants` prints every statement that is needed), or connect as the owner"),
                )
            } else {
                PgError::new(PgErrorKind::Unexpected, diagnostic)
            }
        }
        None => PgError::new(
            PgErrorKind::Unexpected,
            diagnostic
                .note(error.to_string().replace(['\n', '\r'], " "))
                .help("look at the server's log; if the server is well, run the command again"),
        ),
    }
}
