//! The source: locks that keep writers out, one snapshot, ordered streams of its tables.
//!
//! [`PgSource`] holds the locks and the snapshot on a connection of its own, the leader, until it
//! is released: that is for the caller to do once the target's COMMIT has been answered. A
//! [`PgScans`] is one pass over some tables in that snapshot, each on a connection of its own.
//! Nothing is ever written: every session is read-only by default, every transaction read-only.
//!
//! Why the locks are as they are: `docs/dev/decisions/0003-source-locks.md`.

mod copy_stream;
mod error;
mod lock;
mod partition;
mod scan;
mod writers;

use std::time::Duration;

use bytes::Bytes;
use tokio_postgres::Client;

use super::PgError;
use super::connector::Connect;
use super::patience::Patience;
use super::query;
use super::relation;
use super::session::{self, Session};
use super::settings;
use copy_stream::CopyStream;
pub(crate) use error::{encoding, missing_tables};
pub use partition::PartitionRows;
pub use scan::{PgScans, ScanQuery};
pub use writers::AllowedSession;
use writers::Writers;

/// How other sessions are kept from changing the source while it is read. A real run, with locks or
/// without, does not begin beside sessions that may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceLock {
    /// Nobody writes: `EXCLUSIVE` locks, refused at once if somebody does. For a real run.
    Exclusive,
    /// Others may write, the snapshot does not see it: `ACCESS SHARE` locks, which only keep the
    /// tables' structure. For looking, beside a service that runs.
    Shared,
    /// As `Shared`, but for a real run whose role may not lock.
    NoLock,
}

/// What a source is opened with.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// The PostgreSQL schema of the tables.
    pub schema: String,
    /// What is kept out.
    pub lock: SourceLock,
    /// Process numbers of the caller's other connections to the source, which are not to be taken
    /// for somebody else's.
    pub own_sessions: Vec<i32>,
    /// Sessions of others that a real run goes on beside, as long as they change none of the tables.
    pub allowed_sessions: Vec<AllowedSession>,
    /// How long serializable transactions of the server may keep the snapshot back.
    pub snapshot_wait: Duration,
    /// How long whoever uses the tables, or may, is waited for.
    pub patience: Patience,
}

impl SourceOptions {
    /// Options with half a minute of patience for the snapshot, and none for locks.
    pub fn new(schema: impl Into<String>, lock: SourceLock) -> Self {
        Self {
            schema: schema.into(),
            lock,
            own_sessions: Vec::new(),
            allowed_sessions: Vec::new(),
            snapshot_wait: Duration::from_secs(30),
            patience: Patience::default(),
        }
    }
}

/// A source whose tables are locked as asked and whose snapshot is taken.
///
/// Dropped without [`release`](Self::release), it ends with its connection, just as well.
pub struct PgSource {
    leader: Client,
    schema: String,
    snapshot: String,
    writers: Writers,
    beside: Vec<Session>,
}

impl PgSource {
    /// Locks `tables` and takes the snapshot, in this order, so that nothing is written between.
    ///
    /// # Errors
    /// E0650 standby, E0651 encoding, E0652 privileges, E0653 in use, E0654 no snapshot in time,
    /// E0655 whatever else the server says, E0674 tables that are not there.
    pub async fn open<C: Connect>(
        connect: &C,
        options: &SourceOptions,
        tables: &[&str],
    ) -> Result<Self, PgError> {
        let leader = connect.connect().await?;
        settings::source(&leader, &options.schema)
            .await
            .map_err(|error| error::request("its session was set up", &error))?;
        let leader_pid = lock::check_server(&leader).await?;
        let found = relation::find(&leader, &options.schema, tables)
            .await
            .map_err(|error| error::request("its tables were looked for", &error))?;
        if !found.missing.is_empty() {
            return Err(missing_tables("source", &options.schema, &found.missing));
        }
        lock::check_privileges(&leader, &found.relations, options.lock).await?;
        let tables = &found.relations;
        let writers = Writers::new(tables, options);
        let (snapshot, beside) = match options.lock {
            SourceLock::Exclusive | SourceLock::NoLock => {
                writers
                    .lock_alone(connect, &leader, leader_pid, tables, options)
                    .await?
            }
            SourceLock::Shared => {
                lock::begin_and_lock(&leader, tables, options.lock, &options.patience).await?;
                let wait = options.snapshot_wait;
                let snapshot = lock::export_snapshot(connect, &leader, leader_pid, wait).await?;
                (snapshot, Vec::new())
            }
        };
        Ok(Self {
            leader,
            schema: options.schema.clone(),
            snapshot,
            writers,
            beside,
        })
    }

    /// The sessions that may write and were allowed, as they were when the snapshot was taken.
    pub fn sessions_beside(&self) -> &[Session] {
        &self.beside
    }

    /// Looks once more, before what was read is relied on: nobody who may write has come since, and the
    /// connection with the locks is still there. Whoever came and changes nothing yet is waited for with
    /// `patience`.
    ///
    /// # Errors
    /// E0653 who came, E0676 if the sessions cannot be looked at.
    pub async fn nobody_came(&self, patience: &Patience) -> Result<(), PgError> {
        self.writers.nobody_came(&self.leader, patience).await
    }

    /// The connection that holds locks and snapshot, for further reading in the same snapshot.
    /// Its transaction must not be ended.
    pub fn leader(&self) -> &Client {
        &self.leader
    }

    /// Begins a pass: one connection and one stream for each scan, all in the snapshot.
    ///
    /// # Errors
    /// E0655 if a connection or a stream cannot be had.
    pub async fn scan<C: Connect>(
        &self,
        connect: &C,
        scans: &[ScanQuery],
    ) -> Result<PgScans, PgError> {
        PgScans::begin(connect, &self.leader, &self.schema, &self.snapshot, scans).await
    }

    /// The rows of each scan that have that partition key, given as text; of the scans that
    /// are not among `wanted`, by their numbers, none.
    ///
    /// # Errors
    /// E0655.
    pub async fn partition(
        &self,
        scans: &[ScanQuery],
        wanted: &[usize],
        key: &str,
    ) -> Result<PartitionRows, PgError> {
        PartitionRows::read(&self.leader, &self.schema, scans, wanted, key).await
    }

    /// Reads a small table whole, see [`load`].
    ///
    /// # Errors
    /// As [`load`].
    pub async fn load(
        &self,
        table: &str,
        columns: &[String],
        limit: u64,
    ) -> Result<Vec<Bytes>, PgError> {
        load(&self.leader, &self.schema, table, columns, limit).await
    }

    /// About how many rows tables have, for telling how far a pass is; `None` where the server does not
    /// know. It may be off by much.
    ///
    /// # Errors
    /// E0655.
    pub async fn estimated_rows(&self, tables: &[&str]) -> Result<Vec<Option<u64>>, PgError> {
        let estimated = async {
            let statement = include_str!("../sql/estimated_rows.sql");
            let rows = self
                .leader
                .query(statement, &[&self.schema, &tables])
                .await?;
            rows.iter()
                .map(|row| row.try_get::<_, Option<i64>>(0))
                .map(|rows| Ok(rows?.and_then(|rows| u64::try_from(rows).ok())))
                .collect::<Result<Vec<_>, tokio_postgres::Error>>()
        };
        estimated
            .await
            .map_err(|error| error::request("its rows were estimated", &error))
    }

    /// Lets go of the locks. Streams that are still open end with an error.
    ///
    /// # Errors
    /// E0655 if the connection broke; the locks are gone then too.
    pub async fn release(self) -> Result<(), PgError> {
        self.leader
            .batch_execute("ROLLBACK")
            .await
            .map_err(|error| error::request("its locks were released", &error))
    }
}

/// Whether a real run's locks could be taken as far as privileges go, for a look beforehand.
///
/// # Errors
/// E0652 with the `GRANT` that is lacking, E0674 tables that are not there, E0655 whatever else the
/// server says.
pub async fn may_lock(client: &Client, schema: &str, tables: &[&str]) -> Result<(), PgError> {
    let found = relation::find(client, schema, tables)
        .await
        .map_err(|error| error::request("its tables were looked for", &error))?;
    if !found.missing.is_empty() {
        return Err(missing_tables("source", schema, &found.missing));
    }
    lock::check_privileges(client, &found.relations, SourceLock::Exclusive).await
}

/// The sessions of others that may write to some tables: those that a real run would not begin beside.
/// Tables that are not there are left out. `own` are process numbers of the caller.
///
/// # Errors
/// E0676 if the sessions cannot be looked at, E0655 if the tables cannot.
pub async fn writing_sessions(
    client: &Client,
    schema: &str,
    tables: &[&str],
    own: &[i32],
) -> Result<Vec<Session>, PgError> {
    let found = relation::find(client, schema, tables)
        .await
        .map_err(|error| error::request("its tables were looked for", &error))?;
    session::writing_sessions(client, &relation::oids(&found.relations), own).await
}

/// The rows of a table, one after the other, in no order.
pub struct TableRows {
    stream: CopyStream,
}

impl TableRows {
    /// Begins to read columns of a table in the transaction of `client`, which can do nothing else
    /// until the last row was read.
    ///
    /// # Errors
    /// E0655.
    pub async fn read(
        client: &Client,
        schema: &str,
        table: &str,
        columns: &[String],
    ) -> Result<Self, PgError> {
        let statement = query::copy_out(schema, table, columns);
        let stream = CopyStream::open(client, table, &statement).await?;
        Ok(Self { stream })
    }

    /// Some rows, as tuples of the binary COPY format; `None` after the last.
    ///
    /// # Errors
    /// E0655.
    pub async fn next_rows(&mut self) -> Result<Option<Vec<Bytes>>, PgError> {
        self.stream.next_rows().await
    }
}

/// Reads a small table whole: its rows as tuples of the binary COPY format, in the order of their
/// bytes, so that it is the same in every run.
///
/// # Errors
/// E0656 if there are more than `limit` rows, E0655 whatever else the server says.
pub async fn load(
    client: &Client,
    schema: &str,
    table: &str,
    columns: &[String],
    limit: u64,
) -> Result<Vec<Bytes>, PgError> {
    let statement = query::copy_out_limited(schema, table, columns, limit.saturating_add(1));
    let mut stream = CopyStream::open(client, table, &statement).await?;
    let mut rows = Vec::new();
    while let Some(more) = stream.next_rows().await? {
        rows.extend(more);
    }
    if u64::try_from(rows.len()).unwrap_or(u64::MAX) > limit {
        return Err(error::too_large(table, limit));
    }
    // A short slice would keep the whole buffer it was read in.
    let mut rows: Vec<Bytes> = rows.iter().map(|row| Bytes::copy_from_slice(row)).collect();
    rows.sort_unstable();
    Ok(rows)
}
