//! The target's one transaction: rows into empty tables, everything or nothing.
//!
//! ```text
//! TargetTransaction::begin   locks, looks, drops what slows COPY, truncates
//!   .sink()  → PgSink        batches of all tables, taking turns        → Written
//!   .complete(Written)       puts everything back, compares, counts     → CompleteTarget
//!     .end(Ending, …)        COMMIT, or for a dry run ROLLBACK          → TransactionId
//! ```
//! Each step takes the one before by value, so none can be left out; each that fails has awaited
//! the rollback when it answers. [`TargetTransaction::rollback`] is for failures elsewhere. The
//! steps are the [`Phase`]s, of which an observer hears.

mod commit;
mod dependents;
mod digest;
mod emptiness;
mod error;
mod grants;
mod lock;
mod phase;
mod preflight;
mod privileges;
mod query;
mod read_rights;
mod rebuild;
mod sequences;
mod sink;
mod steps;
mod structure;
mod undo;
mod unset;

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use super::PgError;
use super::connector::Connect;
use super::patience::Patience;
use super::query as pg_query;
use super::relation;
use super::settings;
use super::source;
pub use commit::{CompleteTarget, Ending, TransactionId};
use digest::StructureDigest;
pub use emptiness::{NotEmpty, emptiness};
pub use grants::target_grants;
pub use lock::{ADVISORY_LOCK_KEY, lock_holder, wait_for_other_runs};
pub use phase::{Phase, RebuiltKind, TargetEvent, TargetObserver};
pub use preflight::{preflight, surprises};
pub use read_rights::{Readable, may_read};
pub use sink::{PgSink, RefusedRow, Written};
pub use steps::Canceller;
use steps::Steps;
pub use structure::Kept;
use structure::Structure;
pub use undo::{DependentRows, Fate, Removed, Undo};
pub use unset::{UnsetColumn, unset_columns};

/// A table to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTable {
    /// Its name.
    pub table: String,
    /// The columns that rows give, in the order they give them.
    pub columns: Vec<String>,
}

/// What a target transaction is begun with.
#[derive(Clone, Debug)]
pub struct TargetOptions {
    /// The PostgreSQL schema of the tables.
    pub schema: String,
    /// Memory for each index that is rebuilt, in bytes. The server's own setting stands if it is
    /// larger.
    pub maintenance_memory: u64,
    /// How long the server is asked for the outcome when the connection breaks during COMMIT.
    pub commit_patience: Duration,
    /// How long another run, and whoever uses the tables, is waited for.
    pub patience: Patience,
}

impl TargetOptions {
    /// 64 MiB for an index, because more was measured to be no faster; half a minute for the
    /// outcome.
    pub fn new(schema: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            maintenance_memory: 64 << 20,
            commit_patience: Duration::from_secs(30),
            patience: Patience::default(),
        }
    }
}

/// A transaction that is ready for rows: its tables are locked, empty and stripped.
pub struct TargetTransaction {
    client: Arc<Client>,
    steps: Steps,
    structure: Structure,
    digest: StructureDigest,
    columns: Vec<Vec<String>>,
    backend_pid: i32,
    commit_patience: Duration,
}

impl TargetTransaction {
    /// Takes the phases up to and with [`Phase::Strip`], and begins [`Phase::Copy`].
    ///
    /// # Errors
    /// E0651 encoding, E0660 second run, E0661 in use, E0662 privileges, E0663 not empty, E0664
    /// unsuitable tables, E0674 missing tables, E0673 whatever else the server says, and what the
    /// observer answers. Nothing is left behind.
    pub async fn begin<C: Connect>(
        connect: &C,
        options: &TargetOptions,
        tables: &[TargetTable],
        observer: TargetObserver,
    ) -> Result<Self, PgError> {
        let client = connect.connect().await?;
        let mut steps = Steps::new(observer);
        let prepared = prepare(&client, options, tables, &mut steps).await;
        match prepared {
            Ok(Prepared {
                structure,
                digest,
                backend_pid,
            }) => Ok(Self {
                client: Arc::new(client),
                steps,
                structure,
                digest,
                columns: tables.iter().map(|table| table.columns.clone()).collect(),
                backend_pid,
                commit_patience: options.commit_patience,
            }),
            Err(error) => {
                commit::roll_back(&client, &mut steps).await;
                Err(error)
            }
        }
    }

    /// The connection, for reading in the transaction. Its transaction must not be ended.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Process number of its backend.
    pub fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    /// What stops this transaction from outside.
    pub fn canceller(&self) -> Canceller {
        self.steps.canceller(self.backend_pid)
    }

    /// Indexes and foreign keys that stay in place during the COPY.
    pub fn kept(&self) -> &[Kept] {
        &self.structure.kept
    }

    /// The way in for rows; targets are numbered as the tables were given.
    ///
    /// # Errors
    /// E0673 if a COPY cannot be prepared; the caller rolls back then.
    pub async fn sink(&mut self) -> Result<PgSink, PgError> {
        PgSink::open(&self.client, &self.structure.written, &self.columns).await
    }

    /// Takes the phases from [`Phase::RebuildIndexes`] to [`Phase::Count`].
    ///
    /// # Errors
    /// E0666 unique key violated, E0667 foreign key violated, E0668 rebuilding, E0669 structure,
    /// E0670 counts, E0673 whatever else the server says, E0675 interrupted, and what the observer
    /// answers. The transaction has been rolled back then.
    pub async fn complete(mut self, written: Written) -> Result<CompleteTarget, PgError> {
        let completed = rebuild::complete(
            &self.client,
            &mut self.steps,
            &self.structure,
            &self.digest,
            &written,
        )
        .await;
        match completed {
            Ok(transaction_id) => Ok(CompleteTarget {
                client: self.client,
                steps: self.steps,
                transaction_id,
                commit_patience: self.commit_patience,
            }),
            Err(error) => {
                commit::roll_back(&self.client, &mut self.steps).await;
                Err(error)
            }
        }
    }

    /// Ends the transaction without a trace. If the connection is gone, the server does it.
    pub async fn rollback(mut self) {
        commit::roll_back(&self.client, &mut self.steps).await;
    }
}

struct Prepared {
    structure: Structure,
    digest: StructureDigest,
    backend_pid: i32,
}

async fn prepare(
    client: &Client,
    options: &TargetOptions,
    tables: &[TargetTable],
    steps: &mut Steps,
) -> Result<Prepared, PgError> {
    steps.start(Phase::Lock)?;
    let failed = |error| error::phase(Phase::Lock, &error);
    settings::target(client, &options.schema)
        .await
        .map_err(failed)?;
    let backend_pid = check_server(client).await?;
    // Checks that may be put off until COMMIT are made at once: a dry run must meet them too.
    client
        .batch_execute(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET CONSTRAINTS ALL IMMEDIATE",
        )
        .await
        .map_err(failed)?;
    lock::lock_out_other_runs(client, &options.patience).await?;
    let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
    let found = relation::find(client, &options.schema, &names)
        .await
        .map_err(failed)?;
    if !found.missing.is_empty() {
        return Err(source::missing_tables(
            "target",
            &options.schema,
            &found.missing,
        ));
    }
    let written = found.relations;
    lock::lock_tables(client, &written, &options.patience).await?;
    steps.end()?;

    steps.start(Phase::Inspect)?;
    let failed = |error| error::phase(Phase::Inspect, &error);
    let columns: Vec<Vec<String>> = tables.iter().map(|table| table.columns.clone()).collect();
    let mut problems = preflight::unfit(client, &written, &columns)
        .await?
        .into_iter();
    if let Some(problem) = problems.next() {
        return Err(problem);
    }
    let not_empty = emptiness::not_empty(client, &written)
        .await
        .map_err(failed)?;
    if !not_empty.is_empty() {
        return Err(error::not_empty(&not_empty));
    }
    let structure = structure::read(client, &written).await.map_err(failed)?;
    let digest = StructureDigest::read(client, &structure.touched)
        .await
        .map_err(failed)?;
    steps.end()?;

    steps.start(Phase::Strip)?;
    strip(client, options, &structure)
        .await
        .map_err(|error| error::phase(Phase::Strip, &error))?;
    steps.end()?;
    steps.start(Phase::Copy)?;
    Ok(Prepared {
        structure,
        digest,
        backend_pid,
    })
}

async fn check_server(client: &Client) -> Result<i32, PgError> {
    let failed = |error| error::request("its server was looked at", &error);
    let row = client
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
        return Err(source::encoding("target", &encoding));
    }
    row.try_get(2).map_err(failed)
}

/// Drops what is dropped, empties what is empty already: rows that are copied into a table that
/// was truncated in the same transaction leave nothing behind if it is rolled back, and may be
/// written frozen.
async fn strip(
    client: &Client,
    options: &TargetOptions,
    structure: &Structure,
) -> Result<(), tokio_postgres::Error> {
    let memory = i64::try_from(options.maintenance_memory).unwrap_or(i64::MAX);
    client
        .query_one(
            include_str!("../sql/raise_maintenance_memory.sql"),
            &[&memory],
        )
        .await?;
    let statements: Vec<String> = structure
        .foreign_keys
        .iter()
        .map(query::drop_foreign_key)
        .chain(structure.indexes.iter().map(query::drop_index))
        .collect();
    client.batch_execute(&statements.join("; ")).await?;
    sequences::take(client, &structure.sequences).await?;
    if !structure.written.is_empty() {
        client
            .batch_execute(&pg_query::truncate(&structure.written))
            .await?;
    }
    Ok(())
}
