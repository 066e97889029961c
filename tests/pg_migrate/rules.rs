//! The rules about the two databases, B1 to B5, each at the built program.

use mapwright::cli::population::PopulationOptions;

use crate::fixture::{MIGRATED_AT, Pair, harness_psql, homeserver};

/// The target without the rows that a run writes: as [`crate::harness::State`], schema alone.
fn schema(pair: &Pair) -> String {
    pair.target.pg_dump(&["--schema-only"])
}

#[tokio::test]
async fn b1_the_source_is_the_same_after_every_command() {
    let pair = Pair::new("b1_same").await;
    let source = pair.source.state();
    pair.run(&["check"]).answered(11, &["ready to migrate"]);
    assert_eq!(pair.source.state(), source);
    pair.run(&["migrate", "--dry-run"])
        .answered(0, &["rolled back, nothing was changed"]);
    assert_eq!(pair.source.state(), source);
    pair.run(&["migrate"]).answered(0, &["committed"]);
    assert_eq!(pair.source.state(), source);
}

// A session ends while the program runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_a_live_source_can_be_looked_at_but_not_migrated() {
    let pair = Pair::new("b1_live").await;
    let writer = pair.source.connect().await;
    writer
        .batch_execute(
            "SET application_name = 'a live Synapse'; COMMIT; BEGIN;
             LOCK TABLE devices IN ROW EXCLUSIVE MODE",
        )
        .await
        .unwrap();
    let before = pair.states();
    pair.run(&["check"]).answered(11, &["ready to migrate"]);
    pair.run(&["migrate", "--dry-run"])
        .answered(0, &["nothing was changed"]);
    let refused = pair.run(&["migrate"]);
    refused.answered(
        3,
        &[
            "E0653",
            "a live Synapse",
            "RowExclusiveLock",
            "devices",
            "nothing was changed",
        ],
    );
    assert_eq!(refused.json()["verdict"]["exit"], 3);
    assert_eq!(pair.states(), before);
    // Who is idle goes on writing as soon as the run is over.
    writer.batch_execute("ROLLBACK").await.unwrap();
    pair.run(&["migrate"])
        .answered(3, &["E0653", "a live Synapse", "idle"]);
    assert_eq!(pair.states(), before);
    drop(writer);
    pair.run(&["migrate"]).answered(0, &["committed"]);
}

#[tokio::test]
async fn b1_a_role_that_may_only_read_is_told_what_to_grant() {
    let pair = Pair::new("b1_reader").await;
    let role = format!("reader_of_{}", pair.source.name);
    pair.source.psql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    pair.write("homeserver.yaml", &homeserver(&pair.source.name, &role));
    let before = pair.states();
    pair.run(&["check"]).answered(11, &["ready to migrate"]);
    pair.run(&["migrate", "--dry-run"]).answered(0, &[]);
    pair.run(&["migrate"]).answered(
        3,
        &[
            "E0652",
            "GRANT UPDATE ON",
            &role,
            "--no-source-lock",
            "nothing was changed",
        ],
    );
    assert_eq!(pair.states(), before);
    // Without locks as with them: whoever may write keeps it from beginning.
    let other = pair.source.connect().await;
    other
        .batch_execute("SET application_name = 'somebody else'")
        .await
        .unwrap();
    pair.run(&["migrate", "--no-source-lock"])
        .answered(3, &["E0653", "somebody else", "nothing was changed"]);
    assert_eq!(pair.states(), before);
    harness_psql(&format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{}'",
        pair.source.name
    ));
    pair.run(&["migrate", "--no-source-lock"])
        .answered(0, &["committed"]);
    assert_eq!(pair.source.state(), before.0);
}

#[tokio::test]
async fn b2_an_empty_target_gets_no_tables() {
    let pair = Pair::new("b2").await;
    let empty = crate::harness::fresh_database("b2_empty").await;
    let pair = Pair::between(pair.source, empty);
    let before = pair.states();
    for command in [&["check"][..], &["migrate", "--dry-run"], &["migrate"]] {
        let run = pair.run(command);
        run.answered(
            10,
            &[
                "target_database_empty",
                "`mas-cli database migrate`",
                "`mas-cli config sync`",
                "nothing was changed",
            ],
        );
        assert_eq!(run.json()["findings"][0]["id"], "target_database_empty");
        assert_eq!(pair.states(), before);
    }
}

#[tokio::test]
async fn b3_a_target_with_rows_is_refused() {
    let pair = Pair::new("b3_rows").await;
    pair.target.psql(
        "INSERT INTO users (user_id, username, created_at, can_request_admin, is_guest)
         VALUES ('0196636f-c55d-6141-75ce-263d2231eaaf', 'early', now(), false, false)",
    );
    let before = pair.states();
    for command in [&["check"][..], &["migrate", "--dry-run"], &["migrate"]] {
        pair.run(command).answered(
            10,
            &["target_not_empty", "holds 1 row", "nothing was changed"],
        );
        assert_eq!(pair.states(), before);
    }
}

#[tokio::test]
async fn b3_the_second_migration_is_refused() {
    let pair = Pair::new("b3_second").await;
    pair.run(&["migrate"]).answered(0, &["committed"]);
    let before = pair.states();
    pair.run(&["migrate"])
        .answered(10, &["target_not_empty", "nothing was changed"]);
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn b3_two_runs_at_once_are_impossible() {
    let pair = Pair::of("b3_two", crate::fixture::MANY, PopulationOptions::default()).await;
    let mut first = pair.start(&["migrate"]);
    first.wait_for("[ 4/10] copy rows");
    // The first is kept where it is, so that the second surely meets it.
    first.signal("STOP");
    for command in [&["migrate"][..], &["migrate", "--dry-run"]] {
        let second = pair.run(command);
        second.answered(3, &["nothing was changed"]);
        assert!(
            second.stderr.contains("E0660") || second.stderr.contains("E0653"),
            "{}",
            second.stderr
        );
    }
    first.signal("CONT");
    pair.end(first).answered(0, &["committed"]);
}

#[tokio::test]
async fn b3_a_target_in_use_is_refused() {
    let pair = Pair::new("b3_in_use").await;
    let session = pair.target.connect().await;
    session
        .batch_execute(
            "SET application_name = 'a live MAS'; BEGIN;
             LOCK TABLE compat_sessions IN ROW EXCLUSIVE MODE",
        )
        .await
        .unwrap();
    let before = pair.states();
    for command in [&["migrate"][..], &["migrate", "--dry-run"]] {
        pair.run(command).answered(
            10,
            &[
                "error[target_sessions]",
                "a live MAS",
                "nothing was changed",
            ],
        );
        assert_eq!(pair.states(), before);
    }
}

#[tokio::test]
async fn b4_a_dry_run_goes_all_the_way_and_leaves_nothing() {
    let pair = Pair::new("b4").await;
    let before = pair.states();
    let dry = pair.run(&["migrate", "--dry-run"]);
    dry.answered(
        0,
        &[
            "[10/10] end the transaction",
            "written and rolled back, nothing was changed",
        ],
    );
    assert_eq!(pair.states(), before);
    let wet = pair.run(&["migrate"]);
    wet.answered(0, &["[10/10] end the transaction", "committed"]);
    assert_eq!(dry.json()["written"], wet.json()["written"]);
    assert_eq!(dry.json()["maps"], wet.json()["maps"]);
    assert_ne!(pair.target.state().data, before.1.data);
}

#[tokio::test]
async fn b4_the_same_moment_gives_the_same_rows_in_every_target() {
    let first = Pair::new("b4_first").await;
    let second = Pair::new("b4_second").await;
    for pair in [&first, &second] {
        let run = pair.run(&["migrate"]);
        run.answered(0, &["committed"]);
        assert_eq!(run.json()["migrated_at"], MIGRATED_AT);
    }
    let dump = ["--data-only", "--inserts"];
    // The order of the rows too.
    assert_eq!(first.target.pg_dump(&dump), second.target.pg_dump(&dump));
}

#[tokio::test]
async fn b5_every_constraint_and_index_is_there_again() {
    let pair = Pair::new("b5").await;
    let before = schema(&pair);
    assert!(before.contains("ADD CONSTRAINT") && before.contains("CREATE UNIQUE INDEX"));
    pair.run(&["migrate"]).answered(0, &["committed"]);
    assert_eq!(schema(&pair), before);
    let unfit = pair.target.psql(
        "SELECT (SELECT count(*) FROM pg_index WHERE NOT indisvalid OR NOT indisready),
                (SELECT count(*) FROM pg_constraint WHERE NOT convalidated)",
    );
    assert_eq!(unfit.trim(), "0|0");
    // An index that lost its uniqueness would let this through; a foreign key, that.
    for rogue in [
        "INSERT INTO users SELECT (u).* FROM (SELECT u FROM users u LIMIT 1) s",
        "UPDATE compat_sessions SET user_id = gen_random_uuid()",
    ] {
        let client = pair.target.connect().await;
        let refused = client.batch_execute(rogue).await.unwrap_err();
        assert!(
            refused.code().unwrap().code().starts_with("23"),
            "{refused:?}"
        );
    }
}
