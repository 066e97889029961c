//! Whatever makes a run fail, both databases are as they were: schema, rows, file sizes, statistics.

use mapwright::cli::population::PopulationOptions;

use crate::fixture::{MANY, PROVIDER_IDS, Pair, harness_psql, wait_until};

#[tokio::test]
async fn rows_that_cannot_be_migrated() {
    let pair = Pair::of(
        "blocking",
        crate::fixture::FEW,
        PopulationOptions {
            blocking_rows: true,
        },
    )
    .await;
    let before = pair.states();
    for command in [&["check"][..], &["migrate", "--dry-run"], &["migrate"]] {
        let run = pair.run(command);
        run.answered(
            10,
            &[
                "error[foreign_user] 3 times",
                "@stranger:another.example",
                "error[delegated_before]",
                "error[missing_provider]",
                "nothing was changed",
            ],
        );
        assert_eq!(run.json()["verdict"]["committed"], false);
        assert_eq!(pair.states(), before);
    }
}

#[tokio::test]
async fn two_providers_made_one() {
    let pair = Pair::new("two_in_one").await;
    let before = pair.states();
    let one = format!("oidc-keycloak:{}", PROVIDER_IDS[1].0);
    let flag = ["--upstream-provider-mapping", &one];
    let foreseen = pair.run(&["check", flag[0], flag[1]]);
    foreseen.answered(10, &["error[duplicate_", "nothing was changed"]);
    let refused = pair.run(&["migrate", flag[0], flag[1]]);
    refused.answered(
        10,
        &[
            "error[unique_key_violated]",
            "upstream_oauth_links",
            "nothing was changed",
        ],
    );
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn a_unique_index_that_nobody_knew() {
    let pair = Pair::new("rogue").await;
    pair.target.psql("CREATE UNIQUE INDEX rogue ON user_emails (created_at, user_id, (length(email) > 0)) WHERE false");
    pair.target
        .psql("CREATE UNIQUE INDEX one_of_each ON users (is_guest, can_request_admin)");
    let before = pair.states();
    for command in [&["migrate", "--dry-run"][..], &["migrate"]] {
        let run = pair.run(command);
        run.answered(
            10,
            &[
                "error[unique_key_violated]",
                "one_of_each",
                "nothing was changed",
            ],
        );
        assert_eq!(run.json()["findings"][0]["id"], "unique_key_violated");
        assert_eq!(pair.states(), before);
    }
}

/// Ends a session of a database by the server's own hand, once a query of it begins so.
fn terminate(database: &str, query: &str) {
    let who =
        format!("FROM pg_stat_activity WHERE datname = '{database}' AND query ILIKE '{query}%'");
    wait_until(query, || {
        harness_psql(&format!("SELECT count(pg_terminate_backend(pid)) {who}")) != "0"
    });
}

#[tokio::test]
async fn the_targets_session_killed_while_rows_are_copied() {
    let pair = Pair::of("terminated", MANY, PopulationOptions::default()).await;
    let before = pair.states();
    let mut running = pair.start(&["migrate"]);
    running.wait_for("[ 4/10] copy rows");
    terminate(&pair.target.name, "COPY");
    let run = pair.end(running);
    run.answered(4, &["nothing was changed"]);
    assert_eq!(run.json()["verdict"]["exit"], 4);
    pair.wait_until_left();
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn the_sources_session_killed_while_rows_are_copied() {
    let pair = Pair::of("source_terminated", MANY, PopulationOptions::default()).await;
    let before = pair.states();
    let mut running = pair.start(&["migrate"]);
    running.wait_for("[ 4/10] copy rows");
    terminate(&pair.source.name, "COPY");
    pair.end(running).answered(4, &["nothing was changed"]);
    pair.wait_until_left();
    assert_eq!(pair.states(), before);
}
