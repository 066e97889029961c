//! Throwaway clusters: they answer, and they go, whatever ends their owner.

// A test stops at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod harness;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mapwright::pg::throwaway::{Cluster, ClusterOptions};
use tokio_postgres::NoTls;

/// Set in a process that plays the owner of a cluster, for another to kill.
const ROLE: &str = "MAPWRIGHT_TEST_OWNS_A_CLUSTER";

/// Long enough for a busy machine; nothing waits that long when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "still not so: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn server_of(directory: &Path) -> String {
    let pid_file = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    pid_file.lines().next().unwrap().to_owned()
}

fn runs(pid: &str) -> bool {
    let status = Command::new("kill").args(["-0", pid]).status();
    // A zombie that nobody reaps in a container still takes signals, but is no server.
    status
        .unwrap_or_else(|error| panic!("kill: {error}"))
        .success()
        && fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_or(true, |stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_cluster_answers_and_goes_when_dropped() {
    let cluster = harness::own_cluster();
    let (client, connection) = cluster.config("postgres").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let row = client
        .query_one(
            "SELECT current_user::text, current_setting('listen_addresses'),
                    current_setting('server_encoding'), inet_server_addr() IS NULL",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "postgres");
    assert_eq!(row.get::<_, &str>(1), "");
    assert_eq!(row.get::<_, &str>(2), "UTF8");
    assert!(row.get::<_, bool>(3), "reached over a socket");

    let directory = cluster.socket_directory().to_owned();
    let server = server_of(&directory);
    assert!(runs(&server));
    drop(cluster);
    assert!(!directory.exists());
    eventually("the server has ended", || !runs(&server));
}

#[tokio::test]
async fn a_crashed_server_comes_back_with_what_was_committed() {
    let cluster = harness::own_cluster();
    let connect = || async {
        let (client, connection) = cluster.config("postgres").connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    };
    let client = connect().await;
    client
        .batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    client
        .batch_execute("BEGIN; INSERT INTO t VALUES (2)")
        .await
        .unwrap();
    cluster.crash().unwrap();
    assert!(client.batch_execute("COMMIT").await.is_err());
    cluster.relaunch().unwrap();
    let row = connect()
        .await
        .query_one("SELECT sum(n) FROM t", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
}

#[test]
fn a_setting_that_the_server_refuses_is_reported_and_leaves_nothing() {
    let options = ClusterOptions::default().setting("shared_buffers", "many");
    let error = Cluster::start(&harness::server_binaries(), &options).unwrap_err();
    let text = error.diagnostic.notes.join("\n");
    assert_eq!(error.diagnostic.code.as_str(), "E0681");
    assert!(text.contains("shared_buffers"), "{text}");
    assert_eq!(
        directories_of(std::process::id(), &text),
        Vec::<PathBuf>::new()
    );
}

/// The directories of this process's clusters whose log is part of `text`.
fn directories_of(process: u32, text: &str) -> Vec<PathBuf> {
    let prefix = format!("mapwright-{process}-");
    fs::read_dir(std::env::temp_dir())
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .filter(|path| {
            fs::read_to_string(path.join("log")).is_ok_and(|log| text.contains(log.trim()))
        })
        .collect()
}

#[test]
fn a_kept_cluster_runs_until_its_command_ends_it() {
    let cluster = harness::own_cluster();
    let directory = cluster.socket_directory().to_owned();
    let server = server_of(&directory);
    let command = cluster.keep().unwrap();
    assert!(runs(&server));
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(output.status.success(), "{command}");
    assert!(!directory.exists());
    eventually("the server has ended", || !runs(&server));
}

/// A process that owns a cluster (this test, once more), the cluster's directory and its server.
fn other_owner(test: &str) -> (Child, PathBuf, String) {
    // Whatever a script runs in its background ignores interrupts, and so do its children: the owner is
    // to be one that a signal ends.
    let mut owner = Command::new("env")
        .arg("--default-signal=INT,TERM")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let directory = BufReader::new(owner.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("directory ")
                .map(|(_, path)| PathBuf::from(path))
        })
        .expect("the owner names its directory");
    let server = server_of(&directory);
    (owner, directory, server)
}

/// What the other process does.
fn own_a_cluster_until_killed() -> ! {
    use std::io::Write as _;
    let cluster = harness::own_cluster();
    let mut stdout = std::io::stdout();
    writeln!(
        stdout,
        "\ndirectory {}",
        cluster.socket_directory().display()
    )
    .unwrap();
    stdout.flush().unwrap();
    loop {
        std::thread::sleep(PATIENCE);
    }
}

fn goes_with_its_owner(test: &str, signal: &str) {
    if std::env::var_os(ROLE).is_some() {
        own_a_cluster_until_killed();
    }
    let (mut owner, directory, server) = other_owner(test);
    assert!(runs(&server));
    let status = Command::new("kill")
        .args(["-s", signal, &owner.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    assert!(!owner.wait().unwrap().success());
    eventually("the directory is gone", || !directory.exists());
    eventually("the server has ended", || !runs(&server));
}

#[test]
fn a_cluster_goes_when_its_owner_is_killed() {
    goes_with_its_owner("a_cluster_goes_when_its_owner_is_killed", "KILL");
}

#[test]
fn a_cluster_goes_when_its_owner_is_terminated() {
    goes_with_its_owner("a_cluster_goes_when_its_owner_is_terminated", "TERM");
}

#[test]
fn a_cluster_goes_when_its_owner_is_interrupted() {
    goes_with_its_owner("a_cluster_goes_when_its_owner_is_interrupted", "INT");
}

#[tokio::test]
async fn the_state_of_a_database_shows_what_a_rolled_back_transaction_leaves() {
    let database = harness::fresh_database("state").await;
    let client = database.connect().await;
    client
        .batch_execute(
            "CREATE TABLE t (n int PRIMARY KEY, s text); INSERT INTO t VALUES (1, 'one')",
        )
        .await
        .unwrap();
    let before = database.state();
    assert_eq!(database.state(), before, "looking changes nothing");
    client
        .batch_execute("BEGIN; INSERT INTO t SELECT generate_series(2, 10000); ROLLBACK")
        .await
        .unwrap();
    let after = database.state();
    assert_eq!(after.data, before.data);
    assert_eq!(after.schema, before.schema);
    assert_ne!(after.footprint, before.footprint, "dead rows take room");

    let copy = harness::copy_of(&database, "copy").await;
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert_eq!(copy.sorted_rows(), before.data);
}
