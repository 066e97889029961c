//! Locks of the target: one run at a time, nobody else at the tables.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::Client;

use super::error;
use super::structure;
use crate::pg::PgError;
use crate::pg::lock::{self, Attempt, FORGET_SESSIONS, LockFailure};
use crate::pg::patience::Patience;
use crate::pg::query::TableLock;
use crate::pg::relation::Relation;
use crate::pg::session::{self, Session};

/// The key of the advisory lock, the bytes of `mapwrigh`. It belongs to the database, and is held
/// for the length of the transaction.
pub const ADVISORY_LOCK_KEY: i64 = 0x6d61_7077_7269_6768;

/// What is waited for, in words.
const ANOTHER_RUN: &str = "another run to end";

/// The time between two looks whether another run has ended.
const PAUSE: Duration = Duration::from_millis(500);

/// How often the tables tied by foreign keys are looked for again after they were locked: somebody
/// may have added a key in between.
const LOOKS: usize = 4;

/// The session of the run that is writing to this database, if there is one. Takes no lock.
///
/// # Errors
/// E0673 if the look fails.
pub async fn lock_holder(client: &Client) -> Result<Option<Session>, PgError> {
    session::advisory_lock_holder(client, ADVISORY_LOCK_KEY)
        .await
        .map_err(|error| error::request("another run was looked for", &error))
}

/// Waits until no other run writes to this database, for as long as there is patience for it. Takes no
/// lock: another one may begin at once.
///
/// # Errors
/// E0660 if one still does, E0673 if the look fails.
pub async fn wait_for_other_runs(client: &Client, patience: &Patience) -> Result<(), PgError> {
    let patience = patience.begin(ANOTHER_RUN);
    let mut waited = false;
    while let Some(holder) = lock_holder(client).await? {
        waited = true;
        if !patience.goes_on(std::slice::from_ref(&holder)) {
            return Err(error::second_run(Some(&holder), patience.note()));
        }
        sleep(PAUSE).await;
    }
    if waited {
        // Its sessions end a moment after its transaction, and would be taken for somebody else's.
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Makes this the only run.
pub(super) async fn lock_out_other_runs(
    client: &Client,
    patience: &Patience,
) -> Result<(), PgError> {
    let failed = |error| error::request("the advisory lock was taken", &error);
    let patience = patience.begin(ANOTHER_RUN);
    loop {
        let row = client
            .query_one(
                "SELECT pg_try_advisory_xact_lock($1)",
                &[&ADVISORY_LOCK_KEY],
            )
            .await
            .map_err(failed)?;
        if row.try_get(0).map_err(failed)? {
            return Ok(());
        }
        client
            .batch_execute(FORGET_SESSIONS)
            .await
            .map_err(failed)?;
        let holder = lock_holder(client).await?;
        if !patience.goes_on(holder.as_slice()) {
            return Err(error::second_run(holder.as_ref(), patience.note()));
        }
        sleep(PAUSE).await;
    }
}

/// Locks the written tables and every table with a foreign key from or to one of them.
pub(super) async fn lock_tables(
    client: &Client,
    written: &[Relation],
    patience: &Patience,
) -> Result<(), PgError> {
    let failed = |error| error::request("its tables were locked", &error);
    let mut locked = Vec::new();
    for _ in 0..LOOKS {
        let wanted = structure::touched(client, written).await.map_err(failed)?;
        if wanted == locked {
            return Ok(());
        }
        super::privileges::check(client, &wanted).await?;
        lock::lock_all(
            client,
            Attempt::IN_TRANSACTION,
            &wanted,
            TableLock::AccessExclusive,
            patience,
            "tables of the target",
        )
        .await
        .map_err(|failure| match failure {
            LockFailure::Held(sessions, waited) => error::locked(&sessions, waited),
            LockFailure::Server(error) => failed(error),
        })?;
        locked = wanted;
    }
    Err(error::locked(&[], None))
}
