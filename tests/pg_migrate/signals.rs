//! The program is asked to end, or is ended, in each phase: both databases are as they were.

use std::time::{Duration, Instant};

use mapwright::cli::population::PopulationOptions;

use crate::fixture::{FEW, MANY, Pair};

/// Makes every statement of that kind in the target take long, so that a signal meets it.
fn slow(pair: &Pair, tag: &str) {
    pair.target.psql(&format!(
        "CREATE FUNCTION public.dawdle() RETURNS event_trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_sleep(40); END';
         CREATE EVENT TRIGGER dawdle ON ddl_command_end WHEN TAG IN ('{tag}')
             EXECUTE FUNCTION public.dawdle()"
    ));
}

async fn ended_in(
    name: &str,
    users: u64,
    slowed: Option<&str>,
    phase: &str,
    signal: &str,
    code: i32,
) {
    let pair = Pair::of(name, users, PopulationOptions::default()).await;
    if let Some(tag) = slowed {
        slow(&pair, tag);
    }
    let before = pair.states();
    let mut running = pair.start(&["migrate"]);
    running.wait_for(phase);
    let sent = Instant::now();
    running.signal(signal);
    let run = pair.end(running);
    run.answered(code, &["interrupted", "nothing was changed"]);
    assert!(!run.stderr.contains("committed"), "{}", run.stderr);
    assert!(
        sent.elapsed() < Duration::from_secs(30),
        "the statement was waited for"
    );
    let verdict = &run.json()["verdict"];
    assert_eq!(verdict["exit"], code);
    assert_eq!(verdict["committed"], false);
    pair.wait_until_left();
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn interrupted_while_keys_are_dropped() {
    ended_in("int_3", MANY, None, "[ 3/10]", "INT", 130).await;
}

#[tokio::test]
async fn interrupted_while_rows_are_copied() {
    ended_in("int_4", MANY, None, "[ 4/10] copy rows", "INT", 130).await;
}

#[tokio::test]
async fn terminated_while_rows_are_copied() {
    ended_in("term_4", MANY, None, "[ 4/10] copy rows", "TERM", 143).await;
}

#[tokio::test]
async fn interrupted_while_indexes_are_rebuilt() {
    ended_in(
        "int_5",
        FEW,
        Some("CREATE INDEX"),
        "[ 5/10] rebuild indexes",
        "INT",
        130,
    )
    .await;
}

#[tokio::test]
async fn terminated_while_indexes_are_rebuilt() {
    ended_in(
        "term_5",
        FEW,
        Some("CREATE INDEX"),
        "[ 5/10] rebuild indexes",
        "TERM",
        143,
    )
    .await;
}

#[tokio::test]
async fn interrupted_while_the_structure_is_compared() {
    ended_in("int_7", MANY, None, "[ 7/10] compare", "INT", 130).await;
}

async fn killed_in(name: &str, users: u64, slowed: Option<&str>, phase: &str) {
    let pair = Pair::of(name, users, PopulationOptions::default()).await;
    if let Some(tag) = slowed {
        slow(&pair, tag);
    }
    let before = pair.states();
    let mut running = pair.start(&["migrate"]);
    running.wait_for(phase);
    running.signal("KILL");
    let run = pair.end(running);
    assert_eq!(run.code, None, "{}", run.stderr);
    if slowed.is_some() {
        // Without its client the server would finish the statement first.
        crate::fixture::harness_psql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            pair.target.name
        ));
    }
    pair.wait_until_left();
    assert_eq!(pair.states(), before);
    if slowed.is_none() {
        // Nothing has to be cleaned up either: the next run succeeds.
        pair.run(&["migrate"]).answered(0, &["committed"]);
    }
}

#[tokio::test]
async fn killed_while_rows_are_copied() {
    killed_in("kill_4", MANY, None, "[ 4/10] copy rows").await;
}

#[tokio::test]
async fn killed_while_indexes_are_rebuilt() {
    killed_in(
        "kill_5",
        FEW,
        Some("CREATE INDEX"),
        "[ 5/10] rebuild indexes",
    )
    .await;
}

#[tokio::test]
async fn a_check_and_a_dry_run_can_be_interrupted_too() {
    let pair = Pair::of("int_dry", MANY, PopulationOptions::default()).await;
    let before = pair.states();
    let mut running = pair.start(&["migrate", "--dry-run"]);
    running.wait_for("[ 4/10] copy rows");
    running.signal("INT");
    pair.end(running).answered(130, &["nothing was changed"]);
    let mut running = pair.start(&["check"]);
    running.wait_for("");
    running.signal("TERM");
    pair.end(running)
        .answered(143, &["interrupted; nothing was changed"]);
    pair.wait_until_left();
    assert_eq!(pair.states(), before);
}
