//! The end of the transaction: the one place that commits.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Error};

use super::error;
use super::phase::Phase;
use super::steps::Steps;
use crate::pg::PgError;
use crate::pg::connector::Connect;
use crate::pg::server_error;

/// How a complete transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The rows stay.
    Commit,
    /// A dry run: nothing stays.
    RollBack,
}

/// The number by which the server knows a transaction: what `pg_xact_status` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionId(String);

impl TransactionId {
    pub(super) async fn of(client: &Client) -> Result<Self, Error> {
        let row = client
            .query_one("SELECT pg_current_xact_id()::text", &[])
            .await?;
        Ok(Self(row.try_get(0)?))
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A transaction in which everything is done but its end.
pub struct CompleteTarget {
    pub(super) client: Arc<Client>,
    pub(super) steps: Steps,
    pub(super) transaction_id: TransactionId,
    pub(super) commit_patience: Duration,
}

impl CompleteTarget {
    /// The connection, for reading what was written before it is decided on.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Ends the transaction. `connect` serves to ask for the outcome if the connection breaks
    /// while COMMIT is under way. What the observer answers at the very end is not heard: by then
    /// it is done.
    ///
    /// # Errors
    /// E0672 if the server did not commit, E0671 if nobody knows; E0675 and what the observer
    /// answers to the beginning of [`Phase::End`], after a rollback.
    pub async fn end<C: Connect>(
        mut self,
        ending: Ending,
        connect: &C,
    ) -> Result<TransactionId, PgError> {
        if let Err(error) = self.steps.start(Phase::End) {
            roll_back(&self.client, &mut self.steps).await;
            return Err(error);
        }
        self.steps.over();
        match ending {
            Ending::Commit => {
                commit(
                    &self.client,
                    &self.transaction_id,
                    connect,
                    self.commit_patience,
                )
                .await?;
            }
            Ending::RollBack => roll_back(&self.client, &mut self.steps).await,
        }
        let _too_late_to_stop = self.steps.end();
        Ok(self.transaction_id)
    }
}

/// Ends the transaction without a trace. A failure to say so is no failure to do so: the server
/// rolls back what is left open when the connection ends.
pub(super) async fn roll_back(client: &Client, steps: &mut Steps) {
    steps.over();
    if let Err(error) = client.batch_execute("ROLLBACK").await {
        tracing::debug!(
            "the connection ended before ROLLBACK was answered: {:?}",
            server_error::notes(&error)
        );
    }
}

/// What the server says of a transaction.
enum Outcome {
    Committed,
    RolledBack,
    Unknown,
}

pub(super) async fn commit<C: Connect>(
    client: &Client,
    transaction_id: &TransactionId,
    connect: &C,
    patience: Duration,
) -> Result<(), PgError> {
    if let Err(error) = client.batch_execute("COMMIT").await
        && !server_error::is_connection_lost(&error)
    {
        return Err(error::not_committed(Some(&error)));
    }
    // A COMMIT of a transaction that has failed is answered like any other, so the answer alone
    // proves nothing.
    let outcome = match status(client, transaction_id).await {
        Ok(outcome @ (Outcome::Committed | Outcome::RolledBack)) => outcome,
        Ok(Outcome::Unknown) | Err(_) => ask_again(transaction_id, connect, patience).await,
    };
    match outcome {
        Outcome::Committed => Ok(()),
        Outcome::RolledBack => Err(error::not_committed(None)),
        Outcome::Unknown => Err(error::outcome_unknown(
            &transaction_id.0,
            patience.as_secs(),
        )),
    }
}

/// Asks on new connections until there is an answer or no more patience.
async fn ask_again<C: Connect>(
    transaction_id: &TransactionId,
    connect: &C,
    patience: Duration,
) -> Outcome {
    /// Between two questions.
    const PAUSE: Duration = Duration::from_millis(250);
    let since = Instant::now();
    loop {
        let left = patience.saturating_sub(since.elapsed());
        let asked = timeout(left, async {
            let client = connect.connect().await.ok()?;
            status(&client, transaction_id).await.ok()
        })
        .await;
        match asked {
            Ok(Some(outcome @ (Outcome::Committed | Outcome::RolledBack))) => return outcome,
            Ok(Some(Outcome::Unknown) | None) => {}
            Err(_) => return Outcome::Unknown,
        }
        if since.elapsed() + PAUSE >= patience {
            return Outcome::Unknown;
        }
        sleep(PAUSE).await;
    }
}

async fn status(client: &Client, transaction_id: &TransactionId) -> Result<Outcome, Error> {
    let row = client
        .query_one(
            "SELECT pg_xact_status($1::text::xid8)",
            &[&transaction_id.0],
        )
        .await?;
    Ok(match row.try_get::<_, Option<&str>>(0)? {
        Some("committed") => Outcome::Committed,
        Some("aborted") => Outcome::RolledBack,
        // Still in progress: its backend has not noticed yet that the connection is gone.
        Some(_) | None => Outcome::Unknown,
    })
}
