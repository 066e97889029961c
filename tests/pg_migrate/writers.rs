//! Sessions that may write to the source: a real run neither begins beside them nor commits.
//!
//! Several threads: sessions work, and end, while the program runs.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Client;

use crate::fixture::{Pair, Running, harness_psql, homeserver, wait_until};

/// A row that is of no account's, so that it changes nothing about whether a run succeeds.
const WRITE: &str = "INSERT INTO access_tokens (id, user_id, device_id, token)
    SELECT max(id) + 1, '@nobody:demo.example', NULL, 'syt_written_' || max(id) FROM access_tokens";

/// A session on the source that calls itself so.
async fn session(pair: &Pair, application: &str) -> Client {
    let client = pair.source.connect().await;
    client
        .batch_execute(&format!("SET application_name = '{application}'"))
        .await
        .unwrap();
    client
}

/// A session on the source as a new role that has been granted `rights`.
async fn session_as(pair: &Pair, name: &str, rights: &str) -> Client {
    let role = role(pair, name, rights);
    let mut config = pair.source.config();
    let (client, connection) = config
        .user(&role)
        .application_name(name)
        .connect(tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(async move {
        // It ends with its client.
        let _ = connection.await;
    });
    client
}

fn role(pair: &Pair, name: &str, rights: &str) -> String {
    let role = format!("{name}_of_{}", pair.source.name);
    let rights = rights.replace("WHO", &role);
    pair.source
        .psql(&format!("CREATE ROLE {role} LOGIN; {rights}"));
    role
}

fn tokens(pair: &Pair) -> u64 {
    let count = pair.source.psql("SELECT count(*) FROM access_tokens");
    count.trim().parse().unwrap()
}

/// A run that has locked the source and waits for MAS's tables; what is dropped to let it go on.
async fn half_way(pair: &Pair, flags: &[&str]) -> (Running, Client) {
    let before = session(pair, "before the run").await;
    let mut arguments = vec!["migrate", "--wait-lock", "5m"];
    arguments.extend(flags);
    let mut running = pair.start(&arguments);
    running.wait_for("waiting for other sessions of the source to end, ");
    let mas = pair.target.connect().await;
    mas.batch_execute("BEGIN; LOCK TABLE users IN ROW SHARE MODE")
        .await
        .unwrap();
    drop(before);
    running.wait_for("waiting for tables of the target, ");
    (running, mas)
}

/// Waits until a session of that name waits for a lock.
fn wait_until_blocked(pair: &Pair, application: &str) {
    wait_until("the writer waits for the run's lock", || {
        harness_psql(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'
                AND application_name = '{application}' AND wait_event_type = 'Lock'",
            pair.source.name
        )) == "1"
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_sessions_are_named_and_keep_a_run_from_beginning() {
    let pair = Pair::new("writers_idle").await;
    let sessions = [
        session(&pair, "synapse").await,
        session(&pair, "synapse").await,
        session(&pair, "synapse worker").await,
    ];
    let before = pair.states();
    let refused = pair.run(&["migrate"]);
    refused.answered(
        3,
        &[
            "E0653",
            "other sessions that may write are connected to the source",
            "application `synapse`, user `postgres`, connected since 20",
            "application `synapse worker`",
            " UTC, idle",
            "--wait-lock 5m",
            "--allow-source-session application=NAME",
            "nothing was changed",
        ],
    );
    assert_eq!(refused.stderr.matches("application `synapse`").count(), 2);
    let notes = refused.json()["verdict"]["problems"][0]["notes"].to_string();
    assert_eq!(notes.matches("application `synapse").count(), 3);
    assert_eq!(pair.states(), before);
    // Beside a live service they are as they should be: told, and no finding.
    for command in [&["check"][..], &["migrate", "--dry-run"]] {
        let told = pair.run(command);
        let code = if command == ["check"] { 11 } else { 0 };
        told.answered(
            code,
            &["Synapse: 3 other sessions that may write to its tables are connected"],
        );
        let listed = &told.json()["source"]["writing_sessions"];
        assert_eq!(listed.as_array().unwrap().len(), 3, "{listed}");
        let findings = told.json()["findings"].to_string();
        assert!(!findings.contains("synapse worker"), "{findings}");
    }
    drop(sessions);
    let done = pair.run(&["migrate"]);
    done.answered(0, &["committed"]);
    assert_eq!(
        done.json()["source"]["writing_sessions"],
        Value::Array(vec![])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_writes_again_and_again_is_noticed() {
    let pair = Pair::new("writers_loop").await;
    let writer = session(&pair, "writes and writes").await;
    let writing = tokio::spawn(async move {
        for _ in 0..20_000 {
            writer.batch_execute(WRITE).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let begun = tokens(&pair);
    wait_until("it writes", || tokens(&pair) > begun);
    let target = pair.target.state();
    pair.run(&["migrate"])
        .answered(3, &["E0653", "writes and writes", "nothing was changed"]);
    assert_eq!(pair.target.state(), target);
    // It was in nobody's way.
    let then = tokens(&pair);
    wait_until("it goes on", || tokens(&pair) > then);
    writing.abort();
    let _ = writing.await;
    pair.run(&["migrate", "--wait-lock", "1m"])
        .answered(0, &["committed"]);
    pair.after(&["verify"]).answered(0, &["verified"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_write_is_in_nobodys_way() {
    let pair = Pair::new("writers_readers").await;
    let _reader = session_as(
        &pair,
        "reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO WHO",
    )
    .await;
    let _monitor = session_as(&pair, "monitor", "GRANT pg_monitor TO WHO").await;
    // It may write, and reads in a read-only transaction.
    let _backup = session(&pair, "pg_dump").await;
    let run = pair.run(&["migrate"]);
    run.answered(0, &["committed"]);
    assert_eq!(
        run.json()["source"]["writing_sessions"],
        Value::Array(vec![])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_write_counts() {
    let pair = Pair::new("writers_ways").await;
    let owner = role(&pair, "owner", "GRANT INSERT ON devices TO WHO");
    for (name, rights) in [
        ("deleter", "GRANT DELETE ON users TO WHO".to_owned()),
        ("emptier", "GRANT TRUNCATE ON users TO WHO".to_owned()),
        (
            "of_column",
            "GRANT UPDATE (name) ON users TO WHO".to_owned(),
        ),
        // It has the right only once it becomes the other role.
        (
            "member",
            format!("ALTER ROLE WHO NOINHERIT; GRANT {owner} TO WHO"),
        ),
        ("everywhere", "GRANT pg_write_all_data TO WHO".to_owned()),
    ] {
        let client = session_as(&pair, name, &rights).await;
        pair.run(&["migrate"])
            .answered(3, &["E0653", &format!("application `{name}`")]);
        drop(client);
    }
    // A table that is not read is no matter.
    pair.source.psql("CREATE TABLE elsewhere (id int)");
    let _other = session_as(&pair, "other", "GRANT ALL ON elsewhere TO WHO").await;
    pair.run(&["migrate"]).answered(0, &["committed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_see_much_sees_enough() {
    let pair = Pair::new("writers_hidden").await;
    let role = role(
        &pair,
        "mapper",
        "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO WHO",
    );
    pair.write("homeserver.yaml", &homeserver(&pair.source.name, &role));
    let synapse = session(&pair, "synapse").await;
    let _monitor = session_as(&pair, "monitor", "GRANT pg_monitor TO WHO").await;
    let refused = pair.run(&["migrate"]);
    refused.answered(
        3,
        &[
            "E0653",
            "application `synapse`, user `postgres`",
            "a role without `pg_read_all_stats` does not see",
        ],
    );
    assert!(!refused.stderr.contains("`monitor`"), "{}", refused.stderr);
    drop(synapse);
    pair.run(&["migrate"]).answered(0, &["committed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_an_operator_knows_are_allowed() {
    let pair = Pair::new("writers_allowed").await;
    let exporter = session(&pair, "exporter").await;
    let other = session_as(&pair, "other", "GRANT INSERT ON users TO WHO").await;
    let user = format!("user=other_of_{}", pair.source.name);
    let application = "application=exporter";
    let before = pair.states();
    for (allowed, named, unnamed) in [
        (application, "`other`", "`exporter`"),
        (user.as_str(), "`exporter`", "`other`"),
    ] {
        let refused = pair.run(&["migrate", "--allow-source-session", allowed]);
        refused.answered(3, &["E0653", &format!("application {named}")]);
        let notes = refused.json()["verdict"]["problems"][0]["notes"].to_string();
        assert!(
            !notes.contains(&format!("application {unnamed}")),
            "{notes}"
        );
    }
    let flags = [
        "migrate",
        "--allow-source-session",
        application,
        "--allow-source-session",
        &user,
    ];
    // Whoever has changed something is not what it was allowed as.
    exporter
        .batch_execute(&format!("BEGIN; {WRITE}"))
        .await
        .unwrap();
    pair.run(&flags).answered(
        3,
        &[
            "E0653",
            "`exporter`",
            "holds RowExclusiveLock on access_tokens",
        ],
    );
    exporter.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(pair.states(), before);
    for wrong in ["exporter", "application=", "pid=7"] {
        pair.run(&["migrate", "--allow-source-session", wrong])
            .answered(2, &["--allow-source-session"]);
    }
    let done = pair.run(&flags);
    done.answered(
        0,
        &[
            "going on beside a session that may write to the source",
            "application `exporter`",
            "application `other`",
            "committed",
        ],
    );
    drop((exporter, other));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_comes_meanwhile_keeps_a_run_from_committing() {
    let pair = Pair::new("writers_meanwhile").await;
    let before = pair.target.state();
    for allowed in [
        &[][..],
        &["--allow-source-session", "application=too early"],
    ] {
        let (running, mas) = half_way(&pair, allowed).await;
        let writer = session(&pair, "too early").await;
        let begun = tokens(&pair);
        let write = tokio::spawn(async move { writer.batch_execute(WRITE).await });
        wait_until_blocked(&pair, "too early");
        drop(mas);
        let refused = pair.end(running);
        refused.answered(
            3,
            &[
                "[10/10]",
                "E0653",
                "have connected to the source while it was read",
                "`too early`",
                "waits for RowExclusiveLock on access_tokens",
                "nothing was changed",
            ],
        );
        assert_eq!(refused.json()["verdict"]["committed"], false);
        write.await.unwrap().unwrap();
        assert_eq!(tokens(&pair), begun + 1);
        pair.wait_until_left();
        assert_eq!(pair.target.state(), before);
    }
    pair.run(&["migrate"]).answered(0, &["committed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_only_looks_meanwhile_is_waited_for() {
    let pair = Pair::new("writers_looks").await;
    let before = pair.target.state();
    let (mut running, mas) = half_way(&pair, &["--verify"]).await;
    let looks = session(&pair, "only looks").await;
    drop(mas);
    running.wait_for("waiting for other sessions of the source to end, ");
    running.signal("INT");
    pair.end(running)
        .answered(130, &["`only looks`", "nothing was changed"]);
    drop(looks);
    pair.wait_until_left();
    assert_eq!(pair.target.state(), before);

    let (mut running, mas) = half_way(&pair, &[]).await;
    let looks = session(&pair, "only looks").await;
    drop(mas);
    running.wait_for("waiting for other sessions of the source to end, ");
    running.wait_for("        process ");
    drop(looks);
    pair.end(running)
        .answered(0, &["`only looks`", "committed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_locks_the_sessions_are_looked_at_all_the_same() {
    let pair = Pair::new("writers_unlocked").await;
    let role = role(
        &pair,
        "reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO WHO",
    );
    pair.write("homeserver.yaml", &homeserver(&pair.source.name, &role));
    let (running, mas) = half_way(&pair, &["--no-source-lock"]).await;
    let writer = session(&pair, "too early").await;
    pair.source.psql(WRITE);
    writer
        .batch_execute(&format!("BEGIN; {WRITE}"))
        .await
        .unwrap();
    drop(mas);
    pair.end(running)
        .answered(3, &["E0653", "`too early`", "holds RowExclusiveLock"]);
    assert_eq!(pair.target.psql("SELECT count(*) FROM users").trim(), "0");
}
