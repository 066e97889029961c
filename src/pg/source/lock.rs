//! The leader's part: the right server, the right to lock, the locks, the snapshot.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::SourceLock;
use super::error;
use crate::pg::PgError;
use crate::pg::connector::Connect;
use crate::pg::lock::{self, Attempt, LockFailure};
use crate::pg::patience::Patience;
use crate::pg::query::{self, TableLock};
use crate::pg::relation::Relation;
use crate::pg::session::{self, Session};

/// Rows that no serialisable order of the writers' transactions could have shown do not occur in
/// such a transaction, whatever the locks.
const BEGIN_SERIALIZABLE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE";

/// Waits for nobody, for a look beside a service that runs.
const BEGIN_BESIDE_WRITERS: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How often those who keep the snapshot back are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When they are looked at first: most snapshots are there long before.
const FIRST_LOOK: Duration = Duration::from_millis(200);

/// The server is a primary and its texts are UTF-8; answers the leader's process number.
pub(super) async fn check_server(leader: &Client) -> Result<i32, PgError> {
    let failed = |error| error::request("its server was looked at", &error);
    let row = leader
        .query_one(
            "SELECT pg_is_in_recovery(), current_setting('server_encoding'), pg_backend_pid()",
            &[],
        )
        .await
        .map_err(failed)?;
    if row.try_get(0).map_err(failed)? {
        return Err(error::standby());
    }
    let encoding: String = row.try_get(1).map_err(failed)?;
    if encoding != "UTF8" {
        return Err(error::encoding("source", &encoding));
    }
    row.try_get(2).map_err(failed)
}

/// The role may read the tables, and lock them if that is asked for.
pub(super) async fn check_privileges(
    leader: &Client,
    relations: &[Relation],
    lock: SourceLock,
) -> Result<(), PgError> {
    let failed = |error| error::request("its privileges were read", &error);
    let rows = leader
        .query(
            include_str!("../sql/source_privileges.sql"),
            &[&crate::pg::relation::oids(relations)],
        )
        .await
        .map_err(failed)?;
    let mut unreadable = Vec::new();
    let mut unlockable = Vec::new();
    let mut role = String::new();
    let mut lock_privilege = String::new();
    let mut in_schema = true;
    for (row, relation) in rows.iter().zip(relations) {
        role = row.try_get("role").map_err(failed)?;
        lock_privilege = row.try_get("lock_privilege").map_err(failed)?;
        in_schema &= row.try_get::<_, bool>("in_schema").map_err(failed)?;
        if !row.try_get::<_, bool>("may_read").map_err(failed)? {
            unreadable.push(relation.clone());
        }
        if !row.try_get::<_, bool>("may_lock").map_err(failed)? {
            unlockable.push(relation.clone());
        }
    }
    let names = |relations: &[Relation]| -> Vec<String> {
        relations
            .iter()
            .map(|relation| relation.name.clone())
            .collect()
    };
    if !in_schema || !unreadable.is_empty() {
        let mut grants = Vec::new();
        if let (false, Some(first)) = (in_schema, relations.first()) {
            grants.push(query::grant_on_schema("USAGE", &first.schema, &role));
        }
        if !unreadable.is_empty() {
            grants.push(query::grant("SELECT", &unreadable, &role));
        }
        let tables = if unreadable.is_empty() {
            names(relations)
        } else {
            names(&unreadable)
        };
        return Err(error::may_not_read(&role, &tables, grants));
    }
    match lock {
        SourceLock::Exclusive if !unlockable.is_empty() => Err(error::may_not_lock(
            &role,
            &names(&unlockable),
            vec![query::grant(&lock_privilege, &unlockable, &role)],
        )),
        SourceLock::Exclusive | SourceLock::Shared | SourceLock::NoLock => Ok(()),
    }
}

/// Begins the leader's transaction with its locks; it has no snapshot yet.
pub(super) async fn begin_and_lock(
    leader: &Client,
    relations: &[Relation],
    lock: SourceLock,
    patience: &Patience,
) -> Result<(), PgError> {
    let (begin, mode) = match lock {
        SourceLock::Exclusive => (BEGIN_SERIALIZABLE, TableLock::Exclusive),
        SourceLock::NoLock => (BEGIN_SERIALIZABLE, TableLock::AccessShare),
        SourceLock::Shared => (BEGIN_BESIDE_WRITERS, TableLock::AccessShare),
    };
    let attempt = Attempt::beginning_with(begin);
    lock::lock_all(
        leader,
        attempt,
        relations,
        mode,
        patience,
        "tables of the source",
    )
    .await
    .map_err(|failure| match failure {
        LockFailure::Held(sessions, waited) => error::locked(&sessions, waited),
        LockFailure::Server(error) => error::request("its tables were locked", &error),
    })
}

/// Takes the snapshot and lets other connections import it. `lock_timeout` does not end the wait
/// for serializable transactions, `statement_timeout` does.
pub(super) async fn export_snapshot<C: Connect>(
    connect: &C,
    leader: &Client,
    leader_pid: i32,
    patience: Duration,
) -> Result<String, PgError> {
    let failed = |error| error::request("its snapshot was taken", &error);
    leader
        .batch_execute(&format!(
            "SET LOCAL statement_timeout = {}",
            patience.as_millis().clamp(1, 2_147_483_647)
        ))
        .await
        .map_err(failed)?;
    let mut blockers = Vec::new();
    let exported = tokio::select! {
        biased;
        exported = leader.query_one("SELECT pg_export_snapshot()", &[]) => exported,
        never = watch_blockers(connect, leader_pid, &mut blockers) => match never {},
    };
    match exported {
        Ok(row) => {
            let snapshot = row.try_get(0).map_err(failed)?;
            leader
                .batch_execute("SET LOCAL statement_timeout = 0")
                .await
                .map_err(failed)?;
            Ok(snapshot)
        }
        Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
            Err(error::no_safe_snapshot(patience.as_secs(), &blockers))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Keeps `blockers` up to date with those who keep the snapshot back, for as long as it is polled.
/// It is only there for a better message: where it cannot look, it is silent.
async fn watch_blockers<C: Connect>(
    connect: &C,
    leader_pid: i32,
    blockers: &mut Vec<Session>,
) -> Infallible {
    sleep(FIRST_LOOK).await;
    let watcher = connect.connect().await.ok();
    loop {
        if let Some(client) = &watcher
            && let Ok(found) = session::snapshot_blockers(client, leader_pid).await
            && !found.is_empty()
        {
            *blockers = found;
        }
        sleep(LOOK_EVERY).await;
    }
}
