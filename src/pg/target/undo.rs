//! Taking back what a run wrote: its tables are emptied again, in one transaction.

use std::time::Duration;

use tokio_postgres::Client;

use super::commit::{self, TransactionId};
use super::dependents::{Dependents, Table};
use super::{
    TargetTable, check_server, error, lock, pg_query, privileges, relation, settings, source,
};
use crate::pg::PgError;
use crate::pg::connector::Connect;
use crate::pg::lock::{self as table_locks, Attempt, LockFailure};
use crate::pg::patience::Patience;
use crate::pg::query::TableLock;
use crate::pg::relation::Relation;

/// How long to ask what became of a COMMIT whose answer was lost.
const COMMIT_PATIENCE: Duration = Duration::from_secs(60);

/// How often the tables around are looked for again after they were locked: somebody may have added a
/// foreign key in between.
const LOOKS: usize = 4;

/// What becomes of rows that refer to what is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They go too.
    Removed,
    /// They stay, and their reference becomes NULL or its column's default.
    Detached,
}

/// Rows of a table that hang on what is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependentRows {
    /// The table, with its schema.
    pub table: String,
    /// How many of its rows.
    pub rows: u64,
    /// What becomes of them.
    pub fate: Fate,
}

/// What was taken back, as long as it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// How many rows of each of the run's tables, in the order in which these were given.
    pub written: Vec<u64>,
    /// How many rows of other tables that hung on them.
    pub dependents: u64,
}

/// A transaction that holds the tables of a run, and everything that refers to them, locked against
/// all others.
pub struct Undo {
    client: Client,
    dependents: Dependents,
    /// Rows of the tables around.
    hanging: Vec<DependentRows>,
    /// Whether the tables around hold no row at all.
    alone: bool,
    transaction_id: TransactionId,
}

impl Undo {
    /// Begins the transaction and locks the tables. Nothing is changed yet.
    ///
    /// # Errors
    /// E0660 another run, E0661 tables in use, E0662 privileges, E0664 standby, or rules in the place of
    /// deleting, E0674 missing tables, E0673 whatever else the server says.
    pub async fn begin<C: Connect>(
        connect: &C,
        schema: &str,
        tables: &[TargetTable],
    ) -> Result<Self, PgError> {
        let client = connect.connect().await?;
        let failed = |error| error::request("its tables were locked", &error);
        settings::target(&client, schema).await.map_err(failed)?;
        check_server(&client).await?;
        // Checks that may be put off until COMMIT are made at once: a dry run must meet them too.
        client
            .batch_execute(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET CONSTRAINTS ALL IMMEDIATE",
            )
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
        lock::lock_tables(&client, &found.relations, &patience).await?;
        let dependents = lock_around(&client, &found.relations, &patience).await?;
        let transaction_id = TransactionId::of(&client).await.map_err(failed)?;
        let counted = |error| error::request("rows were counted", &error);
        let mut alone = true;
        for table in &dependents.others {
            let query = format!("SELECT EXISTS (SELECT FROM {})", table.sql());
            let row = client.query_one(&query, &[]).await.map_err(counted)?;
            alone &= !row.try_get::<_, bool>(0).map_err(counted)?;
        }
        let mut hanging = Vec::new();
        if !alone {
            no_rules(&dependents)?;
            let census = client.query(&dependents.census(), &[]).await;
            for row in census.map_err(counted)? {
                let rows: i64 = row.try_get("rows").map_err(counted)?;
                let goes: bool = row.try_get("goes").map_err(counted)?;
                hanging.push(DependentRows {
                    table: row.try_get("name").map_err(counted)?,
                    rows: rows.unsigned_abs(),
                    fate: if goes { Fate::Removed } else { Fate::Detached },
                });
            }
        }
        Ok(Self {
            client,
            dependents,
            hanging,
            alone,
            transaction_id,
        })
    }

    /// The connection, for reading in the transaction. Its transaction must not be ended.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The rows of other tables that would go too or forget what they refer to; tables without any are
    /// left out.
    pub fn dependents(&self) -> &[DependentRows] {
        &self.hanging
    }

    /// Triggers that removing sets off, and that may do or keep from being done what nobody can tell
    /// beforehand: each as a phrase.
    pub fn triggers(&self) -> Vec<String> {
        let mut phrases = Vec::new();
        for table in self.tables() {
            for trigger in self.triggers_of(table) {
                phrases.push(format!("trigger `{trigger}` of `{}`", table.relation));
            }
        }
        phrases
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        let emptied = self.dependents.emptied.iter();
        emptied.chain(&self.dependents.others)
    }

    fn triggers_of<'t>(&self, table: &'t Table) -> &'t [String] {
        if self.alone {
            &table.truncate_triggers
        } else {
            &table.delete_triggers
        }
    }

    /// Empties the tables of the run, and takes the rows that hang on theirs; looks whether they are
    /// gone. The transaction stays open.
    ///
    /// # Errors
    /// E0670 if rows are still there, E0673 whatever else the server says. The transaction has been
    /// rolled back then.
    pub async fn remove(&self) -> Result<Removed, PgError> {
        let removed = self.remove_rows().await;
        if removed.is_err() {
            self.rollback().await;
        }
        removed
    }

    async fn remove_rows(&self) -> Result<Removed, PgError> {
        let failed = |error| error::request("rows were removed", &error);
        let count = |row: &tokio_postgres::Row, place: usize| -> Result<u64, PgError> {
            let rows: i64 = row.try_get(place).map_err(failed)?;
            Ok(rows.unsigned_abs())
        };
        let mut removed = Removed {
            written: Vec::new(),
            dependents: 0,
        };
        if self.alone {
            for table in &self.dependents.emptied {
                removed.written.push(self.rows_left(table).await?);
            }
            // Emptying empty tables with them is what makes this possible, and fast.
            let truncate = self.dependents.truncation();
            self.client.batch_execute(&truncate).await.map_err(failed)?;
        } else {
            let delete = self.dependents.removal();
            let row = self.client.query_one(&delete, &[]).await.map_err(failed)?;
            removed.dependents = count(&row, 0)?;
            for place in 1..=self.dependents.emptied.len() {
                removed.written.push(count(&row, place)?);
            }
        }
        for table in &self.dependents.emptied {
            let left = self.rows_left(table).await?;
            if left > 0 {
                let what = format!("`{}`", table.relation);
                return Err(error::rows_left(&what, left, &self.triggers()));
            }
        }
        let doomed = self
            .hanging
            .iter()
            .filter(|rows| rows.fate == Fate::Removed);
        let doomed: u64 = doomed.map(|rows| rows.rows).sum();
        if doomed != removed.dependents {
            let left = doomed.abs_diff(removed.dependents);
            let what = "tables that refer to those of the run";
            return Err(error::rows_left(what, left, &self.triggers()));
        }
        Ok(removed)
    }

    async fn rows_left(&self, table: &Table) -> Result<u64, PgError> {
        let failed = |error| error::request("rows were counted", &error);
        let query = pg_query::count(&table.relation);
        let row = self.client.query_one(&query, &[]).await.map_err(failed)?;
        let rows: i64 = row.try_get(0).map_err(failed)?;
        Ok(rows.unsigned_abs())
    }

    /// Makes it last. To be waited for to its end: dropped on the way, nobody knows how it ended.
    ///
    /// # Errors
    /// E0672 if the server did not commit, E0671 if nobody knows; but for E0671 nothing is changed then.
    pub async fn commit<C: Connect>(self, connect: &C) -> Result<(), PgError> {
        commit::commit(&self.client, &self.transaction_id, connect, COMMIT_PATIENCE).await
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

/// Locks the tables around, until no others have come to be there meanwhile.
async fn lock_around(
    client: &Client,
    emptied: &[Relation],
    patience: &Patience,
) -> Result<Dependents, PgError> {
    let failed = |error| error::request("its tables were locked", &error);
    let mut locked: Option<Vec<Relation>> = None;
    for _ in 0..LOOKS {
        let dependents = Dependents::of(client, emptied).await.map_err(failed)?;
        let wanted = dependents.other_relations();
        if locked.as_ref() == Some(&wanted) {
            return Ok(dependents);
        }
        privileges::check(client, &wanted).await?;
        table_locks::lock_all(
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
        locked = Some(wanted);
    }
    Err(error::locked(&[], None))
}

/// A rule decides what becomes of a DELETE, in the place of the rows that it names.
fn no_rules(dependents: &Dependents) -> Result<(), PgError> {
    let tables = dependents.emptied.iter().chain(&dependents.others);
    let reasons: Vec<String> = tables
        .flat_map(|table| {
            let rules = table.delete_rules.iter();
            rules.map(|rule| {
                format!(
                    "`{}` has the rule `{rule}` for DELETE, so that its rows may stay",
                    table.relation
                )
            })
        })
        .collect();
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(error::unsuitable_for_undo(&reasons))
    }
}
