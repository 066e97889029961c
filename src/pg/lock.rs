//! Locks on tables, without waiting for people unless told to.
//!
//! A lock is asked for with `NOWAIT`, a few times within a second, because a session that has just ended
//! may take a moment to be gone; and on, for as long as there is patience for it. The server's own clean-up (autovacuum) is the one holder
//! that is waited for: it gives way as soon as somebody stands in line behind it, and right after
//! a large change it is likely to be at work.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::patience::{Patience, Wait};
use super::query::{self, LockWait, TableLock};
use super::relation::{self, Relation};
use super::session::{self, Session};

/// How long autovacuum has to give way: it does after `deadlock_timeout`, one second unless set.
const AUTOVACUUM_PATIENCE: &str = "SET LOCAL lock_timeout = '10s'";

/// The sessions of the server are looked at anew from here on.
pub(crate) const FORGET_SESSIONS: &str = "SELECT pg_catalog.pg_stat_clear_snapshot()";

/// How often a lock is asked for at least.
const TRIES: usize = 5;

/// The time between two tries, in which nobody has to stand in line behind us.
const PAUSE: Duration = Duration::from_millis(200);

/// Why there is no lock.
#[derive(Debug)]
pub(crate) enum LockFailure {
    /// Others hold it; the list is empty if they had gone when it was made. And how long they were
    /// waited for, as a note.
    Held(Vec<Session>, Option<String>),
    /// The request itself failed.
    Server(Error),
}

impl From<Error> for LockFailure {
    fn from(error: Error) -> Self {
        LockFailure::Server(error)
    }
}

/// What surrounds one try to lock, so that a refused one can be undone and its reason looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Before the lock.
    pub(crate) begin: &'static str,
    /// After it was refused.
    pub(crate) undo: &'static str,
    /// After it was got.
    pub(crate) keep: &'static str,
}

impl Attempt {
    /// Inside a transaction that goes on.
    pub(crate) const IN_TRANSACTION: Attempt = Attempt {
        begin: "SAVEPOINT before_locks",
        undo: "ROLLBACK TO SAVEPOINT before_locks; RELEASE SAVEPOINT before_locks",
        keep: "RELEASE SAVEPOINT before_locks",
    };

    /// In a transaction of its own, begun with `begin`, which is kept if the lock is got. Its
    /// snapshot is not taken by looking for those who are in the way.
    pub(crate) const fn beginning_with(begin: &'static str) -> Attempt {
        Attempt {
            begin,
            undo: "ROLLBACK",
            keep: "",
        }
    }
}

/// Locks `relations`, all or none; `what` they are in words, such as `tables of the source`.
///
/// # Errors
/// Who holds a lock, or what the server said.
pub(crate) async fn lock_all(
    client: &Client,
    attempt: Attempt,
    relations: &[Relation],
    mode: TableLock,
    patience: &Patience,
    what: &'static str,
) -> Result<(), LockFailure> {
    let patience = patience.begin(what);
    let mut tries = 0;
    let oids = relation::oids(relations);
    let mut wait = LockWait::NoWait;
    loop {
        tries += 1;
        client.batch_execute(attempt.begin).await?;
        let Err(error) = lock(client, relations, mode, wait).await else {
            client.batch_execute(attempt.keep).await?;
            return Ok(());
        };
        client.batch_execute(attempt.undo).await?;
        if error.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) {
            return Err(LockFailure::Server(error));
        }
        // Sessions are remembered for the length of a transaction otherwise.
        client.batch_execute(FORGET_SESSIONS).await?;
        let holders = session::lock_holders(client, Some(&oids), mode.conflicts()).await?;
        let clean_up_only = !holders.is_empty() && holders.iter().all(Session::is_autovacuum);
        wait = match (clean_up_only, wait) {
            (true, LockWait::NoWait) => LockWait::UntilTimeout,
            // It does not give way, it has to keep the server's numbers from running out.
            (true, LockWait::UntilTimeout) if !patience.goes_on(&holders) => {
                return Err(held(holders, &patience));
            }
            (false, _) if tries >= TRIES && !patience.goes_on(&holders) => {
                return Err(held(holders, &patience));
            }
            (_, _) => {
                sleep(PAUSE).await;
                LockWait::NoWait
            }
        };
    }
}

fn held(holders: Vec<Session>, waited: &Wait<'_>) -> LockFailure {
    LockFailure::Held(holders, waited.note())
}

/// One request for a lock on tables.
async fn lock(
    client: &Client,
    relations: &[Relation],
    mode: TableLock,
    wait: LockWait,
) -> Result<(), Error> {
    if relations.is_empty() {
        return Ok(());
    }
    let statement = query::lock(relations, mode, wait);
    match wait {
        LockWait::NoWait => client.batch_execute(&statement).await,
        LockWait::UntilTimeout => {
            client
                .batch_execute(&format!(
                    "{AUTOVACUUM_PATIENCE}; {statement}; SET LOCAL lock_timeout = 0"
                ))
                .await
        }
    }
}
