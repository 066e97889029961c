//! A synthetic population for `demo` and the tests: a Synapse-shaped database filled with every kind
//! of row that real servers have, the dirty ones too, and as many ordinary accounts as one likes.
//!
//! The rows are made by PostgreSQL from the SQL beside this file, in which each kind has a name. They
//! are the same for the same number of accounts; nothing in them is random or of the day.

use tokio_postgres::{Client, Error, Transaction};

use crate::diagnostics::{Diagnostic, codes};
use crate::pg::{PgError, PgErrorKind};

/// The fewest accounts that hold every kind of row once.
pub const FEWEST_USERS: u64 = 50;

/// What Synapse's `password_config.pepper` has to be for the passwords below.
pub const PEPPER: &str = "demo-pepper";

/// The providers that the population's links name, as Synapse writes them: each needs a provider with
/// this `synapse_idp_id` in MAS.
pub const PROVIDERS: [&str; 3] = ["oidc", "oidc-dex", "oidc-keycloak"];

/// An account whose password is known, to show that it still opens the door afterwards.
#[derive(Clone, Copy, Debug)]
pub struct NamedAccount {
    /// Its localpart.
    pub localpart: &'static str,
    /// What its owner types.
    pub password: &'static str,
    /// bcrypt of the password and [`PEPPER`].
    hash: &'static str,
}

/// The accounts whose passwords are known: those of the first three slots.
pub const NAMED_ACCOUNTS: [NamedAccount; 3] = [
    NamedAccount {
        localpart: "alice",
        password: "correct horse battery staple",
        hash: "$2b$06$OyNQUV1J2QCAqOsINkqM.e6R3A.XNM.TXfg9A.ffB/EeeMsNHvVue",
    },
    NamedAccount {
        localpart: "bob",
        password: "tr0ub4dor and 3",
        hash: "$2b$06$obpvM2R2vuyyR1QLbc2Vo.pg.CHhWlswjI.qUSyvd89bmyYNXbDSy",
    },
    NamedAccount {
        localpart: "admin",
        password: "let the admin in",
        hash: "$2b$06$L5xtKnr2Jsvk0NRxXm380.JEmT0WbwDKFbGHDyU7jkIflEAXoR22G",
    },
];

/// What else the population is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PopulationOptions {
    /// Rows that stop a migration: accounts of another server or without a server, a link over a
    /// provider that nobody knows, one that an earlier delegation left behind.
    pub blocking_rows: bool,
}

/// How many rows there are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopulationSummary {
    /// Rows by table, in the order in which a reader would tell of them.
    pub tables: Vec<(String, u64)>,
}

impl PopulationSummary {
    /// The rows of one table; 0 for one that is not counted.
    pub fn rows(&self, table: &str) -> u64 {
        self.tables
            .iter()
            .find(|(name, _)| name == table)
            .map_or(0, |(_, rows)| *rows)
    }

    /// The rows of all tables.
    pub fn total(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// Fills the empty, Synapse-shaped database that `client` is connected to with `users` accounts of
/// `server_name` and what belongs to them, in one transaction, and gathers the statistics. (An account
/// without a name and the rows of [`PopulationOptions::blocking_rows`] are not among the `users`.)
///
/// # Errors
/// E0684 for fewer than [`FEWEST_USERS`], and if the database refuses; then nothing of it is there.
pub async fn fill(
    client: &mut Client,
    users: u64,
    server_name: &str,
    options: PopulationOptions,
) -> Result<PopulationSummary, PgError> {
    if users < FEWEST_USERS {
        return Err(too_few(users));
    }
    fill_in_one_transaction(client, users, server_name, options)
        .await
        .map_err(|error| refused(&error))
}

async fn fill_in_one_transaction(
    client: &mut Client,
    users: u64,
    server_name: &str,
    options: PopulationOptions,
) -> Result<PopulationSummary, Error> {
    let transaction = client.transaction().await?;
    set(&transaction, "users", &users.to_string()).await?;
    set(&transaction, "server_name", server_name).await?;
    for account in NAMED_ACCOUNTS {
        let name = format!("hash_{}", account.localpart);
        set(&transaction, &name, account.hash).await?;
    }
    let parts = [
        include_str!("accounts.sql"),
        include_str!("identities.sql"),
        include_str!("sessions.sql"),
    ];
    for part in parts {
        transaction.batch_execute(part).await?;
    }
    if options.blocking_rows {
        transaction
            .batch_execute(include_str!("blocking.sql"))
            .await?;
    }
    let rows = transaction.query(include_str!("count.sql"), &[]).await?;
    let tables = rows
        .iter()
        .map(|row| {
            let count: i64 = row.try_get(1)?;
            Ok((row.try_get(0)?, count.unsigned_abs()))
        })
        .collect::<Result<_, Error>>()?;
    transaction.commit().await?;
    client.batch_execute("ANALYZE").await?;
    Ok(PopulationSummary { tables })
}

/// Gives the SQL a value, for as long as the transaction lasts.
async fn set(transaction: &Transaction<'_>, name: &str, value: &str) -> Result<(), Error> {
    let name = format!("mapwright.{name}");
    transaction
        .execute("SELECT set_config($1, $2, true)", &[&name, &value])
        .await
        .map(drop)
}

fn too_few(users: u64) -> PgError {
    PgError::new(
        PgErrorKind::CouldNotStart,
        Diagnostic::error(
            codes::E0684,
            format!("a population of {users} is too small to hold every kind of account"),
        )
        .help(format!("ask for {FEWEST_USERS} users or more")),
    )
}

fn refused(error: &Error) -> PgError {
    let reason = match error.as_db_error() {
        // Its detail would show a row's values.
        Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        None => error.to_string(),
    };
    PgError::new(
        PgErrorKind::Unexpected,
        Diagnostic::error(
            codes::E0684,
            "the synthetic population could not be filled in",
        )
        .note(reason)
        .help(
            "fill it into a new database, made from the Synapse catalog that mapwright ships with",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_accounts_passwords_are_those_of_their_hashes() {
        for account in NAMED_ACCOUNTS {
            let peppered = format!("{}{PEPPER}", account.password);
            assert!(bcrypt::verify(&peppered, account.hash).unwrap());
            assert!(!bcrypt::verify(account.password, account.hash).unwrap());
        }
    }

    #[test]
    fn fewer_accounts_than_kinds_are_refused_with_the_number_that_will_do() {
        let error = too_few(49);
        assert_eq!(error.diagnostic.help, ["ask for 50 users or more"]);
    }
}
