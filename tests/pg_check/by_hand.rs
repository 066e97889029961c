//! Findings that take more than a change of rows or settings: other databases, roles, sessions.

use std::collections::BTreeSet;
use std::fs;

use mapwright::pg::throwaway::{Cluster, PORT, SUPERUSER};

use crate::case::{clean, finding, ids};
use crate::fixture::{Pair, harness_psql, make_tables, tool, wait_until};
use crate::harness::{self, Database};

/// The findings that are proven here.
pub(crate) const IDS: &[&str] = &[
    "same_database",
    "source_database_swapped",
    "target_database_swapped",
    "source_database_empty",
    "target_database_empty",
    "source_encoding_not_utf8",
    "target_encoding_not_utf8",
    "source_is_standby",
    "source_lock_not_granted",
    "target_sessions",
    "target_in_use",
    "target_privileges",
    "unique_key_violated",
    "foreign_key_violated",
];

/// Checks, and looks that these findings and no others are there.
#[track_caller]
fn says(pair: &Pair, code: i32, expected: &[&str]) {
    let run = pair.run(&["check"]);
    assert_eq!(
        ids(&run),
        BTreeSet::from_iter(expected.iter().copied()),
        "{}",
        run.stderr
    );
    run.answered(code, &[]);
}

#[tokio::test]
async fn one_database_for_both() {
    let pair = clean("same").await;
    let text = fs::read_to_string(pair.path("mas.yaml")).unwrap();
    pair.write(
        "mas.yaml",
        &text.replace(&pair.target.name, &pair.source.name),
    );
    says(&pair, 10, &["same_database"]);
}

#[tokio::test]
async fn databases_that_are_swapped_or_empty() {
    let pair = clean("swapped").await;
    let (synapse, mas) = (
        fs::read_to_string(pair.path("homeserver.yaml")).unwrap(),
        fs::read_to_string(pair.path("mas.yaml")).unwrap(),
    );
    let write = |source: &str, target: &str| {
        pair.write(
            "homeserver.yaml",
            &synapse.replace(&pair.source.name, source),
        );
        pair.write("mas.yaml", &mas.replace(&pair.target.name, target));
    };
    write(&pair.target.name, &pair.source.name);
    says(
        &pair,
        10,
        &["source_database_swapped", "target_database_swapped"],
    );
    let (one, two) = (
        harness::fresh_database("empty").await,
        harness::fresh_database("empty").await,
    );
    write(&one.name, &two.name);
    says(
        &pair,
        10,
        &["source_database_empty", "target_database_empty"],
    );
    write(&pair.source.name, &pair.target.name);
    says(&pair, 0, &[]);
}

/// A database of another encoding.
fn latin(name: &str) -> Database {
    harness_psql(&format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'"
    ));
    Database {
        name: name.to_owned(),
    }
}

#[tokio::test]
async fn encodings_other_than_utf8() {
    let pair = clean("encoding").await;
    let source = latin("latin_source");
    make_tables(&source, "synapse");
    source.psql(include_str!("clean.sql"));
    let pair = Pair {
        source,
        target: pair.target,
        directory: pair.directory,
    };
    let text = fs::read_to_string(pair.path("homeserver.yaml")).unwrap();
    let (before, after) = text.split_once("dbname: ").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    pair.write(
        "homeserver.yaml",
        &format!("{before}dbname: latin_source\n{after}"),
    );
    says(&pair, 10, &["source_encoding_not_utf8"]);

    let pair = clean("encoding").await;
    let target = latin("latin_target");
    make_tables(&target, "mas");
    target.psql(include_str!("../../src/cli/population/mas.sql"));
    let text = fs::read_to_string(pair.path("mas.yaml")).unwrap();
    pair.write("mas.yaml", &text.replace(&pair.target.name, "latin_target"));
    says(&pair, 10, &["target_encoding_not_utf8"]);
}

#[tokio::test]
async fn a_source_that_is_a_standby() {
    let pair = clean("standby").await;
    let cluster: Cluster = harness::own_cluster();
    let database = |name: &str, sql: &str| {
        let output = std::process::Command::new(cluster.binaries().program("psql"))
            .env("PGHOST", cluster.socket_directory())
            .env("PGPORT", PORT.to_string())
            .env("PGUSER", SUPERUSER)
            .args(["-d", name, "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .output()
            .unwrap();
        harness::succeeded("psql", &output)
    };
    let ddl = crate::fixture::run(&mut tool(&["catalog", "ddl", "synapse"])).stdout;
    database("postgres", "CREATE DATABASE synapse TEMPLATE template0");
    database("synapse", &format!("{ddl}\n{}", include_str!("clean.sql")));
    let text = fs::read_to_string(pair.path("homeserver.yaml")).unwrap();
    let theirs = text
        .replace(
            &harness::cluster().socket_directory().display().to_string(),
            &cluster.socket_directory().display().to_string(),
        )
        .replace(&pair.source.name, "synapse");
    pair.write("homeserver.yaml", &theirs);
    says(&pair, 0, &[]);
    // From now on it replays the log of another that it will never find.
    let data = database("postgres", "SHOW data_directory");
    database("postgres", "CHECKPOINT");
    cluster.crash().unwrap();
    let signal = std::path::Path::new(data.trim()).join("standby.signal");
    fs::write(signal, "").unwrap();
    cluster.relaunch().unwrap();
    let run = pair.run(&["check"]);
    run.answered(10, &["error[source_is_standby]"]);
    assert_eq!(
        ids(&run),
        BTreeSet::from(["source_is_standby"]),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn a_role_that_may_read_but_not_lock() {
    let pair = clean("reader").await;
    pair.source.psql(
        "CREATE ROLE check_reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO check_reader",
    );
    let text = fs::read_to_string(pair.path("homeserver.yaml")).unwrap();
    let theirs = text.replace(&format!("user: {SUPERUSER}"), "user: check_reader");
    pair.write("homeserver.yaml", &theirs);
    says(&pair, 11, &["source_lock_not_granted"]);
    let run = pair.run(&["check"]);
    let sql = finding(&run, "source_lock_not_granted")["sql"].to_string();
    assert!(sql.contains("GRANT UPDATE ON"), "{sql}");
    pair.source
        .psql("GRANT UPDATE ON ALL TABLES IN SCHEMA public TO check_reader");
    says(&pair, 0, &[]);
}

#[tokio::test]
async fn sessions_of_the_target() {
    let pair = clean("sessions").await;
    let session = pair.target.connect().await;
    session
        .batch_execute("SET application_name = 'a live MAS'")
        .await
        .unwrap();
    let run = pair.run(&["check"]);
    run.answered(10, &["error[target_sessions]", "a live MAS"]);
    assert_eq!(ids(&run), BTreeSet::from(["target_sessions"]));
    pair.run(&["migrate"]).answered(
        10,
        &[
            "error[target_sessions]",
            "a live MAS",
            "nothing was changed",
        ],
    );
    // One that may only read, such as a monitor's, is in nobody's way.
    pair.target.psql("CREATE ROLE check_monitor LOGIN");
    drop(session);
    let mut config = pair.target.config();
    config.user("check_monitor");
    let (monitor, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let open = tokio::spawn(connection);
    wait_until("the other session is gone", || {
        harness_psql(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'",
            pair.target.name
        )) == "1"
    });
    says(&pair, 0, &[]);
    drop(monitor);
    open.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_target_whose_tables_are_locked() {
    let pair = clean("locked").await;
    let session = pair.target.connect().await;
    session
        .batch_execute("BEGIN; LOCK TABLE compat_sso_logins IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let run = pair.run(&["check"]);
    run.answered(10, &[]);
    assert_eq!(
        ids(&run),
        BTreeSet::from(["target_in_use", "target_sessions"]),
        "{}",
        run.stderr
    );
    // A table that the mapping itself needs cannot even be looked at.
    session
        .batch_execute("ROLLBACK; BEGIN; LOCK TABLE compat_sessions IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    pair.run(&["check"])
        .answered(3, &["end what holds a lock on the table"]);
}

#[tokio::test]
async fn a_role_that_does_not_own_the_target() {
    let pair = clean("owner").await;
    pair.target.psql(
        "CREATE ROLE check_writer LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO check_writer",
    );
    let text = fs::read_to_string(pair.path("mas.yaml")).unwrap();
    let theirs = text.replace(&format!("username: {SUPERUSER}"), "username: check_writer");
    pair.write("mas.yaml", &theirs);
    says(&pair, 10, &["target_privileges"]);
}

#[tokio::test]
async fn keys_that_only_writing_shows() {
    let pair = clean("unique").await;
    pair.target
        .psql("CREATE UNIQUE INDEX odd ON users (lower(left(username, 0)))");
    let run = pair.run(&["migrate", "--dry-run"]);
    run.answered(10, &["error[unique_key_violated]", "nothing was changed"]);

    let pair = clean("foreign").await;
    pair.target.psql(
        "CREATE TABLE elsewhere (name text PRIMARY KEY);
         ALTER TABLE users ADD CONSTRAINT odd FOREIGN KEY (username) REFERENCES elsewhere",
    );
    let run = pair.run(&["migrate", "--dry-run"]);
    run.answered(10, &["error[foreign_key_violated]", "nothing was changed"]);
    // Neither is said of the same pair without the key.
    let pair = clean("neither").await;
    pair.run(&["migrate", "--dry-run"]).answered(0, &[]);
}
