//! Other sessions of a database: who is connected, who holds a lock.
//!
//! What a session is doing (its query) is not read: it can hold values.

use std::fmt;

use tokio_postgres::{Client, Error, Row};

use super::lock::FORGET_SESSIONS;
use super::query::ROW_CHANGING_MODES;
use super::server_error;
use super::{PgError, PgErrorKind};
use crate::diagnostics::{Diagnostic, codes};

/// A session of the server, as far as the role may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Process number of its backend; `None` for a prepared transaction.
    pub pid: Option<i32>,
    /// What it calls itself; empty if it does not, or if that is hidden from the role.
    pub application_name: String,
    /// Its role, if it has one.
    pub user: Option<String>,
    /// Where it connected from; `None` for a UNIX socket or a process of the server.
    pub client_address: Option<String>,
    /// When it connected; hidden from roles that may not see it.
    pub connected_since: Option<String>,
    /// `active`, `idle`, `idle in transaction` …; hidden from roles that may not see it.
    pub state: Option<String>,
    /// `client backend`, `autovacuum worker` …; hidden from roles that may not see it.
    pub backend_type: Option<String>,
    /// The locks that are in the way, as `holds RowExclusiveLock on books`; empty in a plain list.
    pub locks: Vec<String>,
    /// Name of the prepared transaction, if it is one.
    pub prepared: Option<String>,
}

impl Session {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            pid: row.try_get("pid")?,
            application_name: row
                .try_get::<_, Option<String>>("application_name")?
                .unwrap_or_default(),
            user: row.try_get("user")?,
            client_address: row.try_get("client_address")?,
            connected_since: row.try_get("connected_since")?,
            state: row.try_get("state")?,
            backend_type: row.try_get("backend_type")?,
            locks: row.try_get("locks")?,
            prepared: row.try_get("prepared")?,
        })
    }

    /// Whether it is the server's own clean-up, which yields to whoever waits for its lock.
    pub(crate) fn is_autovacuum(&self) -> bool {
        self.backend_type.as_deref() == Some("autovacuum worker")
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, &self.prepared) {
            (Some(pid), _) => write!(f, "process {pid}")?,
            (None, Some(name)) => write!(f, "prepared transaction `{name}`")?,
            (None, None) => f.write_str("a prepared transaction")?,
        }
        if !self.application_name.is_empty() {
            write!(f, ", application `{}`", printable(&self.application_name))?;
        } else if let Some(backend_type) = &self.backend_type
            && backend_type != "client backend"
        {
            write!(f, ", {backend_type}")?;
        }
        if let Some(user) = &self.user {
            write!(f, ", user `{}`", printable(user))?;
        }
        if let Some(address) = &self.client_address {
            write!(f, ", from {address}")?;
        }
        if let Some(since) = &self.connected_since {
            write!(f, ", connected since {since}")?;
        }
        if let Some(state) = &self.state {
            write!(f, ", {state}")?;
        }
        if !self.locks.is_empty() {
            write!(f, ": {}", self.locks.join(", "))?;
        }
        Ok(())
    }
}

/// A name that somebody else chose, on one line.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The sessions of clients that are connected to the database of `client`, except that one and
/// those whose process numbers are in `own`.
///
/// # Errors
/// E0676 if they cannot be looked at.
pub async fn other_sessions(client: &Client, own: &[i32]) -> Result<Vec<Session>, PgError> {
    let looked = async {
        let rows = client
            .query(include_str!("sql/other_sessions.sql"), &[&own])
            .await?;
        rows.iter()
            .map(Session::from_row)
            .collect::<Result<Vec<Session>, Error>>()
    };
    looked.await.map_err(|error| unseen(&error))
}

/// The sessions that may change rows of `tables`, except that of `client`, those whose process numbers
/// are in `own`, and those that only read whatever their role may do: replication, `pg_dump`, this
/// program. Their locks are those under which rows of the tables are changed.
///
/// # Errors
/// E0676 if they cannot be looked at.
pub(crate) async fn writing_sessions(
    client: &Client,
    tables: &[u32],
    own: &[i32],
) -> Result<Vec<Session>, PgError> {
    let looked = async {
        // Sessions are remembered for the length of a transaction otherwise.
        client.batch_execute(FORGET_SESSIONS).await?;
        let statement = include_str!("sql/writing_sessions.sql");
        let rows = client
            .query(statement, &[&own, &tables, &ROW_CHANGING_MODES])
            .await?;
        rows.iter()
            .map(Session::from_row)
            .collect::<Result<Vec<Session>, Error>>()
    };
    looked.await.map_err(|error| unseen(&error))
}

/// The sessions could not be looked at.
fn unseen(error: &Error) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0676,
        "the sessions of the database could not be looked at",
    );
    for note in server_error::notes(error) {
        diagnostic = diagnostic.note(note);
    }
    PgError::new(PgErrorKind::Unexpected, diagnostic)
}

/// The sessions that hold or wait for a lock in one of `modes` on one of `relations`, or on any table
/// of the database.
///
/// # Errors
/// What the server said.
pub(crate) async fn lock_holders(
    client: &Client,
    relations: Option<&[u32]>,
    modes: &[&str],
) -> Result<Vec<Session>, Error> {
    let rows = client
        .query(include_str!("sql/lock_holders.sql"), &[&relations, &modes])
        .await?;
    rows.iter().map(Session::from_row).collect()
}

/// The sessions that hold `ACCESS EXCLUSIVE` locks on tables of this database, which keep even
/// readers out.
///
/// # Errors
/// E0676.
pub async fn who_keeps_readers_out(client: &Client) -> Result<Vec<Session>, PgError> {
    lock_holders(client, None, &["AccessExclusiveLock"])
        .await
        .map_err(|error| unseen(&error))
}

/// The session that holds an advisory lock on `key` of this database.
///
/// # Errors
/// What the server said.
pub(crate) async fn advisory_lock_holder(
    client: &Client,
    key: i64,
) -> Result<Option<Session>, Error> {
    let row = client
        .query_opt(include_str!("sql/advisory_lock_holder.sql"), &[&key])
        .await?;
    row.as_ref().map(Session::from_row).transpose()
}

/// The sessions whose serializable transactions keep back a deferrable snapshot of `waiting`.
///
/// # Errors
/// What the server said.
pub(crate) async fn snapshot_blockers(
    client: &Client,
    waiting: i32,
) -> Result<Vec<Session>, Error> {
    let rows = client
        .query(include_str!("sql/snapshot_blockers.sql"), &[&waiting])
        .await?;
    rows.iter().map(Session::from_row).collect()
}
