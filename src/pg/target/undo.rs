//! Taking back what a run wrote: its tables are emptied again, in one transaction.

use std::time::Duration;

use tokio_postgres::Client;

use super::commit::{self, TransactionId};
use super::dependents::Dependents;
use super::{TargetTable, check_server, error, lock, pg_query, relation, settings, source};
use crate::pg::PgError;
use crate::pg::connector::Connect;
use crate::pg::lock::{self as table_locks, Attempt, LockFailure};
use crate::pg::patience::Patience;
use crate::pg::query::TableLock;
use crate::pg::relation::Relation;

/// How long to ask what became of a COMMIT whose answer was lost.
const COMMIT_PATIENCE: Duration = Duration::from_secs(60);

/// Rows of a table that hang on what is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependentRows {
    /// The table, with its schema.
    pub table: String,
    /// How many of its rows would go too.
    pub rows: u64,
}

/// A transaction that holds the tables of a run, and everything that refers to them, locked against
/// all others.
pub struct Undo {
    client: Client,
    written: Vec<Relation>,
    dependents: Dependents,
    transaction_id: TransactionId,
}

impl Undo {
    /// Begins the transaction and locks the tables. Nothing is changed yet.
    ///
    /// # Errors
    /// E0660 another run, E0661 tables in use, E0662 privileges, E0664 standby, E0674 missing tables,
    /// E0673 whatever else the server says.
    pub async fn begin<C: Connect>(
        connect: &C,
        schema: &str,
        tables: &[TargetTable],
    ) -> Result<Self, PgError> {
        let client = connect.connect().await?;
        let failed = |error| error::request("its tables were locked", &error);
        settings::target(&client, schema).await.map_err(failed)?;
        check_server(&client).await?;
        client
            .batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            .await
            .map_err(failed)?;
        let patience = Patience::default();
        lock::lock_out_other_runs(&client, &patience).await?;
        let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
        let found = relation::find(&client, schema, &names)
            .await
            .map_err(failed)?;
        if !found.missing.is_empty() {
            return Err(source::missing_tables("target", schema, &found.missing));
        }
        let written = found.relations;
        lock::lock_tables(&client, &written, &patience).await?;
        let dependents = Dependents::of(&client, &written).await.map_err(failed)?;
        let others: Vec<Relation> = dependents.tables().cloned().collect();
        table_locks::lock_all(
            &client,
            Attempt::IN_TRANSACTION,
            &others,
            TableLock::AccessExclusive,
            &patience,
            "tables of the target",
        )
        .await
        .map_err(|failure| match failure {
            LockFailure::Held(sessions, waited) => error::locked(&sessions, waited),
            LockFailure::Server(error) => failed(error),
        })?;
        let transaction_id = TransactionId::of(&client).await.map_err(failed)?;
        Ok(Self {
            client,
            written,
            dependents,
            transaction_id,
        })
    }

    /// The connection, for reading in the transaction. Its transaction must not be ended.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The rows of other tables that would go too; tables without any are left out.
    ///
    /// # Errors
    /// E0673.
    pub async fn dependents(&self) -> Result<Vec<DependentRows>, PgError> {
        let mut found = Vec::new();
        for table in self.dependents.tables() {
            let rows = self.count(table, &self.dependents.condition(table)).await?;
            if rows > 0 {
                found.push(DependentRows {
                    table: table.to_string(),
                    rows,
                });
            }
        }
        Ok(found)
    }

    async fn count(&self, table: &Relation, condition: &str) -> Result<u64, PgError> {
        let failed = |error| error::request("rows were counted", &error);
        let query = format!(
            "SELECT count(*) FROM {} AS t WHERE {condition}",
            table.sql()
        );
        let row = self.client.query_one(&query, &[]).await.map_err(failed)?;
        let rows: i64 = row.try_get(0).map_err(failed)?;
        Ok(rows.unsigned_abs())
    }

    /// Empties the tables of the run, and takes the rows that hang on theirs. Commits.
    ///
    /// # Errors
    /// E0672 if the server did not commit, E0671 if nobody knows, E0673 whatever else the server says;
    /// but for E0671 nothing is changed then.
    pub async fn empty<C: Connect>(self, connect: &C) -> Result<(), PgError> {
        let emptied = self.remove().await;
        if let Err(error) = emptied {
            self.rollback().await;
            return Err(error);
        }
        commit::commit(&self.client, &self.transaction_id, connect, COMMIT_PATIENCE).await
    }

    async fn remove(&self) -> Result<(), PgError> {
        let failed = |error| error::request("rows were removed", &error);
        let others: Vec<&Relation> = self.dependents.tables().collect();
        let mut all_empty = true;
        for table in &others {
            all_empty &= self.count(table, "true").await? == 0;
        }
        if all_empty {
            // Emptying empty tables with them is what makes this possible, and fast.
            let all: Vec<Relation> = self
                .written
                .iter()
                .chain(others.iter().copied())
                .cloned()
                .collect();
            let truncate = pg_query::truncate(&all);
            return self.client.batch_execute(&truncate).await.map_err(failed);
        }
        for table in others {
            let delete = format!(
                "DELETE FROM {} AS t WHERE {}",
                table.sql(),
                self.dependents.condition(table)
            );
            self.client.batch_execute(&delete).await.map_err(failed)?;
        }
        for table in self.dependents.emptied() {
            let delete = format!("DELETE FROM {}", table.sql());
            self.client.batch_execute(&delete).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Ends the transaction without a trace.
    pub async fn rollback(&self) {
        if let Err(error) = self.client.batch_execute("ROLLBACK").await {
            tracing::debug!(
                "the connection ended before ROLLBACK was answered: {:?}",
                crate::pg::server_error::notes(&error)
            );
        }
    }
}
