//! Settings of our sessions, so that nobody's `ALTER ROLE … SET` changes what a run does.

use tokio_postgres::{Client, Error};

use crate::base::ident::identifier;

/// For every session: no time limit of the server may end a run that is under way.
const COMMON: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("jit", "off"),
    ("standard_conforming_strings", "on"),
    // A policy that would hide rows is an error, not a silent filter.
    ("row_security", "off"),
];

/// For sessions of the source.
const SOURCE: &[(&str, &str)] = &[("default_transaction_read_only", "on")];

/// For the session of the target's transaction.
const TARGET: &[(&str, &str)] = &[
    ("default_transaction_read_only", "off"),
    ("synchronous_commit", "on"),
    ("default_tablespace", ""),
];

/// Prepares a session that only reads tables of `schema`.
///
/// # Errors
/// What the server said.
pub(crate) async fn source(client: &Client, schema: &str) -> Result<(), Error> {
    apply(client, schema, SOURCE).await
}

/// Prepares the session that writes tables of `schema`.
///
/// # Errors
/// What the server said.
pub(crate) async fn target(client: &Client, schema: &str) -> Result<(), Error> {
    apply(client, schema, TARGET).await?;
    // So that a server that is busy with an index notices that the program has died. Servers that
    // do not know it (before 14) or cannot do it (some systems) go without.
    match client
        .batch_execute("SET client_connection_check_interval = '2s'")
        .await
    {
        Err(error) if error.as_db_error().is_none() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn apply(client: &Client, schema: &str, own: &[(&str, &str)]) -> Result<(), Error> {
    let search_path = format!("pg_catalog, {}, pg_temp", identifier(schema));
    let (names, values): (Vec<&str>, Vec<&str>) = COMMON
        .iter()
        .chain(own)
        .copied()
        .chain([("search_path", search_path.as_str())])
        .unzip();
    client
        .query(include_str!("sql/session_settings.sql"), &[&names, &values])
        .await?;
    Ok(())
}
