//! Locks of the target: one run at a time, nobody else at the tables.

use tokio_postgres::Client;

use super::error;
use super::structure;
use crate::pg::PgError;
use crate::pg::lock::{self, Attempt, LockFailure};
use crate::pg::query::TableLock;
use crate::pg::relation::Relation;
use crate::pg::session::{self, Session};

/// The key of the advisory lock, the bytes of `mapwrigh`. It belongs to the database, and is held
/// for the length of the transaction.
pub const ADVISORY_LOCK_KEY: i64 = 0x6d61_7077_7269_6768;

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

/// Makes this the only run.
pub(super) async fn lock_out_other_runs(client: &Client) -> Result<(), PgError> {
    let failed = |error| error::request("the advisory lock was taken", &error);
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
    Err(error::second_run(lock_holder(client).await?.as_ref()))
}

/// Locks the written tables and every table with a foreign key from or to one of them.
pub(super) async fn lock_tables(client: &Client, written: &[Relation]) -> Result<(), PgError> {
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
        )
        .await
        .map_err(|failure| match failure {
            LockFailure::Held(sessions) => error::locked(&sessions),
            LockFailure::Server(error) => failed(error),
        })?;
        locked = wanted;
    }
    Err(error::locked(&[]))
}
