//! Settings of our sessions, so that nobody's `ALTER ROLE … SET` changes what a run does.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Error, GenericClient};

use crate::base::ident::identifier;

/// For every session: no time limit of the server may end a run that is under way, and what the
/// server prints or takes a word for is the same for every role.
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
    ("quote_all_identifiers", "off"),
    ("transform_null_equals", "off"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_deferrable", "off"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
];

/// For sessions of the source.
const SOURCE: &[(&str, &str)] = &[("default_transaction_read_only", "on")];

/// For sessions that look at a database beside others: nobody is kept waiting behind them for long.
const LOOKING: &[(&str, &str)] = &[
    ("default_transaction_read_only", "on"),
    ("lock_timeout", "10s"),
];

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
    apply(client, SOURCE, Some(schema)).await
}

/// Prepares a session that looks at a database, whatever its tables are; its search path stays.
///
/// # Errors
/// What the server said.
pub(crate) async fn looking<C: GenericClient>(client: &C) -> Result<(), Error> {
    apply(client, LOOKING, None).await
}

/// Prepares the session that writes tables of `schema`.
///
/// # Errors
/// What the server said.
pub(crate) async fn target(client: &Client, schema: &str) -> Result<(), Error> {
    apply(client, TARGET, Some(schema)).await?;
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

/// What stands later in the lists wins.
async fn apply<C: GenericClient>(
    client: &C,
    own: &[(&str, &str)],
    schema: Option<&str>,
) -> Result<(), Error> {
    let search_path = schema.map(|schema| format!("pg_catalog, {}, pg_temp", identifier(schema)));
    let mut settings: BTreeMap<&str, &str> = COMMON.iter().chain(own).copied().collect();
    if let Some(search_path) = &search_path {
        settings.insert("search_path", search_path);
    }
    let (names, values): (Vec<&str>, Vec<&str>) = settings.into_iter().unzip();
    client
        .query(include_str!("sql/session_settings.sql"), &[&names, &values])
        .await?;
    Ok(())
}
