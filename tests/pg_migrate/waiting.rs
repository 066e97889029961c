//! `--wait-lock`: whoever is in the way is waited for, and named meanwhile.
//!
//! Several threads: sessions work, and end, while the program runs.

use std::fs;
use std::time::Duration;

use mapwright::pg::target::ADVISORY_LOCK_KEY;
use serde_json::Value;

use crate::fixture::{Pair, harness_psql};

const SOURCE_LOCK: &str = "SET application_name = 'a live Synapse'; BEGIN;
    LOCK TABLE devices IN ROW EXCLUSIVE MODE";
const TARGET_LOCK: &str = "SET application_name = 'a live MAS'; BEGIN;
    LOCK TABLE users IN ROW SHARE MODE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_in_use_is_waited_for() {
    let pair = Pair::new("wait_source").await;
    let writer = pair.source.connect().await;
    writer.batch_execute(SOURCE_LOCK).await.unwrap();
    let events = pair.path("events.jsonl");
    let mut running = pair.start(&["migrate", "--wait-lock", "5m", "--events", &events]);
    running.wait_for("waiting for other sessions of the source to end, ");
    running.wait_for("        process ");
    drop(writer);
    pair.end(running).answered(
        0,
        &[
            "application `a live Synapse`",
            "RowExclusiveLock on",
            "committed",
        ],
    );
    let text = fs::read_to_string(&events).unwrap();
    let waiting: Value = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|event| event["event"] == "waiting")
        .unwrap();
    assert_eq!(waiting["what"], "other sessions of the source to end");
    let session = waiting["sessions"][0].as_str().unwrap();
    assert!(session.contains("a live Synapse"), "{session}");
    let left = waiting["seconds_left"].as_f64().unwrap();
    assert!(left > 250.0 && left <= 300.0, "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_without_a_session_is_waited_for() {
    let pair = Pair::new("wait_prepared").await;
    pair.source
        .psql("BEGIN; LOCK TABLE devices IN ROW EXCLUSIVE MODE; PREPARE TRANSACTION 'left over'");
    pair.run(&["migrate"]).answered(
        3,
        &["E0653", "are in use", "prepared transaction `left over`"],
    );
    let mut running = pair.start(&["migrate", "--wait-lock", "5m"]);
    running.wait_for("waiting for tables of the source, ");
    running.wait_for("        prepared transaction `left over`");
    pair.source.psql("ROLLBACK PREPARED 'left over'");
    pair.end(running).answered(0, &["committed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_in_use_is_waited_for() {
    let pair = Pair::new("wait_target").await;
    // Nobody is to be found at the look; the session comes after it.
    let mut running = {
        let writer = pair.source.connect().await;
        writer.batch_execute(SOURCE_LOCK).await.unwrap();
        let mut running = pair.start(&["migrate", "--wait-lock", "5m"]);
        running.wait_for("waiting for other sessions of the source to end, ");
        let mas = pair.target.connect().await;
        mas.batch_execute(TARGET_LOCK).await.unwrap();
        drop(writer);
        running.wait_for("waiting for tables of the target, ");
        running.wait_for("        process ");
        mas.batch_execute("ROLLBACK").await.unwrap();
        running
    };
    running.wait_for("[10/10]");
    pair.end(running)
        .answered(0, &["application `a live MAS`", "committed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_run_is_waited_for_before_and_after_the_look() {
    let pair = Pair::new("wait_run").await;
    let other = pair.target.connect().await;
    let lock = format!(
        "SET application_name = 'another mapwright'; BEGIN; SELECT pg_advisory_xact_lock({ADVISORY_LOCK_KEY})"
    );
    other.batch_execute(&lock).await.unwrap();
    pair.run(&["migrate"])
        .answered(3, &["E0660", "another mapwright", "nothing was changed"]);
    let mut running = pair.start(&["migrate", "--wait-lock", "5m"]);
    running.wait_for("waiting for another run to end, ");
    running.wait_for("        process ");
    // Between the look and the lock yet another one begins.
    let writer = pair.source.connect().await;
    writer.batch_execute(SOURCE_LOCK).await.unwrap();
    // The other one is gone, with its session.
    harness_psql(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'
            AND application_name = 'another mapwright'",
        pair.target.name
    ));
    running.wait_for("waiting for other sessions of the source to end, ");
    let third = pair.target.connect().await;
    third.batch_execute(&lock).await.unwrap();
    drop(writer);
    running.wait_for("[ 1/10]");
    running.wait_for("waiting for another run to end, ");
    third.batch_execute("ROLLBACK").await.unwrap();
    pair.end(running)
        .answered(0, &["another mapwright", "committed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patience_comes_to_an_end() {
    let pair = Pair::new("wait_end").await;
    let writer = pair.source.connect().await;
    writer.batch_execute(SOURCE_LOCK).await.unwrap();
    let before = pair.states();
    pair.run(&["migrate", "--wait-lock", "2s"]).answered(
        3,
        &[
            "waiting for other sessions of the source to end",
            "E0653",
            "a live Synapse",
            "waited for 2 s",
            "nothing was changed",
        ],
    );
    let at_once = pair.run(&["migrate"]);
    at_once.answered(3, &["E0653"]);
    assert!(!at_once.stderr.contains("waited for"), "{}", at_once.stderr);
    assert_eq!(pair.states(), before);
    for wrong in ["30", "soon", "-5s", "2000h"] {
        let refused = pair.run(&["migrate", &format!("--wait-lock={wrong}")]);
        refused.answered(2, &["--wait-lock"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_can_be_interrupted() {
    let pair = Pair::new("wait_int").await;
    let before = pair.states();
    let writer = pair.source.connect().await;
    writer.batch_execute(SOURCE_LOCK).await.unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let begun = std::time::Instant::now();
        let mut running = pair.start(&["migrate", "--wait-lock", "10m"]);
        running.wait_for("waiting for other sessions of the source to end, ");
        running.signal(signal);
        pair.end(running).answered(code, &["nothing was changed"]);
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
    writer.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(pair.states(), before);
}
