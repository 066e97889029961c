//! One throwaway PostgreSQL for each test binary, a fresh database for each test, and texts that two
//! states of a database can be compared by.
//!
//! ```ignore
//! mod harness;
//! let database = harness::fresh_database("dry_run").await;
//! let client = database.connect().await;
//! let before = database.state();
//! // … what must leave no trace …
//! assert_eq!(database.state(), before);
//! ```
//!
//! Missing PostgreSQL programs fail every test that needs them: none is skipped.

// Each test binary uses a part of this module; the compiler sees one binary at a time.
#![allow(dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mapwright::pg::throwaway::{Cluster, ClusterOptions, PORT, SUPERUSER, ServerBinaries};
use tokio_postgres::{Client, NoTls};

/// The options of the tests' clusters: nothing works in the background, so that what a test sees in
/// the statistics it has caused itself.
pub fn cluster_options() -> ClusterOptions {
    ClusterOptions {
        template_cache: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        ..ClusterOptions::default()
    }
    .setting("autovacuum", "off")
    .setting("max_connections", "200")
    .setting("max_prepared_transactions", "10")
}

/// The server programs of the tests: those of `$PG_BINDIR`, or what is found.
pub fn server_binaries() -> ServerBinaries {
    ServerBinaries::find(None).unwrap_or_else(|error| {
        panic!(
            "these tests need a PostgreSQL server: {}; {}",
            error.diagnostic.message,
            error.diagnostic.help.join("; ")
        )
    })
}

/// A cluster of the caller's own, for tests that crash it. It goes when it is dropped.
pub fn own_cluster() -> Cluster {
    started(&cluster_options())
}

/// The cluster that all tests of this binary share. It goes with the process, even after a panic or a
/// `kill -9`, because its watchdog outlives both.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| started(&cluster_options()))
}

fn started(options: &ClusterOptions) -> Cluster {
    Cluster::start(&server_binaries(), options).unwrap_or_else(|error| {
        panic!(
            "{}\n{}",
            error.diagnostic.message,
            error.diagnostic.notes.join("\n")
        )
    })
}

/// A new, empty database in the shared cluster; `name` is for people who look at a failure.
pub async fn fresh_database(name: &str) -> Database {
    create_database(name, "template0").await
}

/// A new database with all that `template` holds. Connections to `template` are cut: PostgreSQL
/// copies only a database that nobody uses.
pub async fn copy_of(template: &Database, name: &str) -> Database {
    connect_to("postgres")
        .await
        .execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = $1",
            &[&template.name],
        )
        .await
        .unwrap();
    create_database(name, &template.name).await
}

async fn create_database(name: &str, template: &str) -> Database {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let database = Database {
        name: format!("{name}_{number}"),
    };
    let client = connect_to("postgres").await;
    client
        .batch_execute(&format!(
            "CREATE DATABASE \"{}\" TEMPLATE \"{template}\"",
            database.name
        ))
        .await
        .unwrap();
    database
}

async fn connect_to(database: &str) -> Client {
    let (client, connection) = cluster().config(database).connect(NoTls).await.unwrap();
    tokio::spawn(async move {
        // A test that cuts the connection sees that on its client.
        let _ = connection.await;
    });
    client
}

/// A database of the shared cluster.
#[derive(Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
}

impl Database {
    /// A connection as the superuser.
    pub async fn connect(&self) -> Client {
        connect_to(&self.name).await
    }

    /// How to connect to it.
    pub fn config(&self) -> tokio_postgres::Config {
        cluster().config(&self.name)
    }

    /// Its URI, for configuration files and command lines.
    pub fn uri(&self) -> String {
        cluster().uri(&self.name)
    }

    /// Runs SQL and gives the rows as psql prints them with `-At`.
    pub fn psql(&self, sql: &str) -> String {
        self.client_program("psql", &["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql])
    }

    /// Runs a file of SQL.
    pub fn psql_file(&self, path: &Path) -> String {
        let path = path.to_str().unwrap();
        self.client_program("psql", &["-XqAt", "-v", "ON_ERROR_STOP=1", "-f", path])
    }

    /// The database as `pg_dump` writes it, with `arguments` such as `--schema-only`.
    pub fn pg_dump(&self, arguments: &[&str]) -> String {
        self.client_program("pg_dump", arguments)
            .lines()
            // Newer versions protect psql by a random word, different in every dump.
            .filter(|line| !line.starts_with(r"\restrict") && !line.starts_with(r"\unrestrict"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Everything by which a rollback is proven: schema, data, and what is left of writing.
    pub fn state(&self) -> State {
        State {
            schema: self.pg_dump(&["--schema-only"]),
            // Rows in an order of their own: a table that was rewritten may hand them out in another.
            data: self.sorted_rows(),
            footprint: self.footprint(),
        }
    }

    /// All rows of all tables outside PostgreSQL's own schemas, sorted, as text.
    pub fn sorted_rows(&self) -> String {
        let tables = self.psql(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
        );
        // One psql for all tables: a state is taken often.
        let queries: Vec<String> = tables
            .lines()
            .map(|table| {
                format!(
                    "SELECT '{table}'; SELECT t::text FROM {table} AS t ORDER BY t::text COLLATE \"C\""
                )
            })
            .collect();
        self.psql(&queries.join(";\n"))
    }

    /// What `pg_class` says of every relation outside PostgreSQL's own schemas, its size on disk, and
    /// whether there are statistics of its columns. A transaction that was rolled back and left dead
    /// rows, pages or statistics behind shows here.
    pub fn footprint(&self) -> String {
        self.psql(
            "SELECT n.nspname, c.relname, c.relkind, c.relpages, c.reltuples, c.relallvisible,
                    c.relhasindex, c.relchecks, c.relfilenode,
                    CASE WHEN c.relkind IN ('r', 'i', 't', 'S') THEN pg_relation_size(c.oid) END,
                    (SELECT count(*) FROM pg_statistic s WHERE s.starelid = c.oid)
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
               AND (c.relkind <> 't' AND n.nspname <> 'pg_toast')
             ORDER BY 1, 2",
        )
    }

    fn client_program(&self, program: &str, arguments: &[&str]) -> String {
        let cluster = cluster();
        let output = Command::new(cluster.binaries().program(program))
            .env("PGHOST", cluster.socket_directory())
            .env("PGPORT", PORT.to_string())
            .env("PGUSER", SUPERUSER)
            .env("PGDATABASE", &self.name)
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        succeeded(program, &output)
    }
}

/// One state of a database; two are compared field by field with `assert_eq!`.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// `pg_dump --schema-only`.
    pub schema: String,
    /// All rows, sorted.
    pub data: String,
    /// Sizes, file numbers and statistics of all relations.
    pub footprint: String,
}

/// What a program wrote to its standard output, once it has ended well.
pub fn succeeded(name: &str, output: &Output) -> String {
    assert!(
        output.status.success(),
        "{name}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}
