//! `--rejects` and `--max-rejects`: rejected rows are listed one by one, and left out up to a limit.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mapwright::cli::population::PopulationOptions;
use serde_json::Value;

use crate::fixture::{FEW, Pair, run, tool};

/// A source with five rows that are rejected: two kinds of accounts, two links.
async fn blocked(name: &str) -> Pair {
    let options = PopulationOptions {
        blocking_rows: true,
    };
    Pair::of(name, FEW, options).await
}

/// The lines of the list.
fn list(pair: &Pair) -> Vec<Value> {
    let text = fs::read_to_string(pair.path("rejects.jsonl")).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn told(list: &[Value]) -> Vec<String> {
    let told = list.iter().map(|line| {
        assert!(
            line["place"]["file"]
                .as_str()
                .unwrap()
                .starts_with("synapse-to-mas.map"),
            "{line}"
        );
        assert!(line["place"]["line"].as_u64().unwrap() > 1, "{line}");
        assert!(line["place"]["column"].as_u64().unwrap() >= 1, "{line}");
        format!("{} {} {}", line["table"], line["key"], line["reason"]).replace('"', "")
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

#[tokio::test]
async fn up_to_the_limit_they_are_left_out_and_the_rest_is_committed() {
    let pair = blocked("left_out").await;
    let before = pair.states();
    let rejects = pair.path("rejects.jsonl");
    let with = |words: &[&str], limit: &str| {
        let limit = ["--rejects", &rejects, "--max-rejects", limit];
        pair.run(&[words, &limit].concat())
    };
    // Whoever did not allow them gets the list too.
    pair.run(&["check", "--rejects", &rejects])
        .answered(10, &["not ready to migrate"]);
    let listed = list(&pair);
    assert_eq!(
        told(&listed),
        [
            "user_external_ids @alice:demo.example auth_provider=oauth-delegated delegated_before",
            "user_external_ids @alice:demo.example auth_provider=oidc-nobody-knows missing_provider",
            "users @no_server foreign_user",
            "users @stranger:another.example foreign_user",
            "users no_sigil foreign_user",
        ]
    );
    let mode = fs::metadata(&rejects).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let too_few = with(&["check"], "4");
    too_few.answered(10, &["5 rows were rejected, --max-rejects allows 4 rows"]);
    assert_eq!(too_few.json()["rejects"]["left_out"], false);
    let enough = with(&["check"], "5");
    enough.answered(
        11,
        &["5 REJECTED ROWS would be left out", "ready to migrate"],
    );
    with(&["migrate"], "4").answered(
        10,
        &["not migrated: 5 rows were rejected, --max-rejects allows 4 rows; nothing was changed"],
    );
    assert_eq!(list(&pair), listed);
    assert_eq!(pair.states(), before);
    with(&["migrate", "--dry-run"], "5")
        .answered(0, &["nothing was changed; 5 REJECTED ROWS were left out"]);
    assert_eq!(pair.source.state(), before.0);
    let migrated = with(&["migrate", "--verify"], "5");
    migrated.answered(
        0,
        &["in the target, committed; 5 REJECTED ROWS were left out"],
    );
    assert_eq!(list(&pair), listed);
    let report = migrated.json();
    assert_eq!(report["rejects"]["rejected"], 5);
    assert_eq!(report["rejects"]["limit"], "5");
    assert_eq!(report["rejects"]["left_out"], true);
    assert_eq!(report["verdict"]["committed"], true);
    for map in report["maps"].as_array().unwrap() {
        let sum = |list: &str| -> u64 {
            let counts = map[list].as_array().unwrap().iter();
            counts.map(|count| count["rows"].as_u64().unwrap()).sum()
        };
        let written = map["written"].as_u64().unwrap();
        assert_eq!(
            map["read"].as_u64().unwrap(),
            written + sum("skipped") + sum("rejected")
        );
    }
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(
            finding["severity"] == "error",
            finding["acceptance"] == "left_out",
            "{finding}"
        );
    }
    let there = pair.target.psql("SELECT count(*) FROM users");
    let written = report["written"].as_array().unwrap().iter();
    let users = written
        .clone()
        .find(|table| table["table"] == "users")
        .unwrap();
    assert_eq!(users["rows"].to_string(), there.trim());
    // The proof afterwards knows of them by the report.
    pair.after(&["verify"])
        .answered(0, &["verified", "5 REJECTED ROWS were left out"]);
    let by_hand = |limit: &str| {
        let mut command = tool(&["verify", "--migrated-at", crate::fixture::MIGRATED_AT]);
        run(command
            .args(["--synapse-config", &pair.path("homeserver.yaml")])
            .args(["--config", &pair.path("mas.yaml")])
            .args(["--max-rejects", limit]))
    };
    by_hand("4").answered(10, &["not verified"]);
    by_hand("5").answered(0, &["verified"]);
    pair.after(&["undo"]).answered(0, &["undone"]);
    let after = pair.states();
    assert_eq!((after.0, after.1.data), (before.0, before.1.data));
}

#[tokio::test]
async fn a_share_is_one_of_the_rows_that_are_read() {
    let pair = blocked("left_out_share").await;
    let rejects = pair.path("rejects.jsonl");
    let with = |limit: &str| pair.run(&["check", "--rejects", &rejects, "--max-rejects", limit]);
    let report = with("100%").json();
    let read = report["read"].as_array().unwrap().iter();
    let read: u64 = read.map(|table| table["rows"].as_u64().unwrap()).sum();
    // The least share of three decimals that five rows are.
    let least = (5.0 / read as f64 * 100_000.0).ceil() as u64;
    let share = |thousandths: u64| format!("{}.{:03}%", thousandths / 1000, thousandths % 1000);
    with(&share(least)).answered(11, &["5 REJECTED ROWS would be left out"]);
    with(&share(least - 1)).answered(10, &["5 rows were rejected", "of the rows read"]);
}

#[tokio::test]
async fn what_the_target_refuses_is_listed_and_cannot_be_left_out() {
    let pair = Pair::new("left_out_refused").await;
    pair.target
        .psql("ALTER TABLE users ADD CONSTRAINT nobody_called_alice CHECK (username <> 'alice')");
    let before = pair.states();
    let rejects = pair.path("rejects.jsonl");
    let limit = ["--rejects", &rejects, "--max-rejects", "50%"];
    let refused = pair.run(&[&["migrate"][..], &limit].concat());
    refused.answered(
        10,
        &[
            "E0679",
            "one that the target refuses ends the transaction",
            "nothing was changed",
        ],
    );
    assert_eq!(pair.states(), before);
    let listed = list(&pair);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["key"], "@alice:demo.example");
    assert_eq!(listed[0]["target"], "users");
    assert_eq!(listed[0]["sqlstate"], "23514");
    assert_eq!(listed[0]["reason"], Value::Null);
    assert_eq!(listed[0]["table"], "users");
    assert!(listed[0]["place"]["line"].as_u64().unwrap() > 1);
}

#[tokio::test]
async fn a_key_of_the_target_that_does_not_hold_is_listed_without_its_rows() {
    let pair = Pair::new("left_out_key").await;
    pair.target
        .psql("CREATE UNIQUE INDEX one_admin ON users (can_request_admin)");
    let before = pair.states();
    let rejects = pair.path("rejects.jsonl");
    pair.run(&["migrate", "--rejects", &rejects])
        .answered(10, &["unique_key_violated"]);
    assert_eq!(pair.states(), before);
    let listed = list(&pair);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["sqlstate"], "23505");
    assert_eq!(listed[0]["key"], Value::Null);
    assert!(listed[0]["why"].as_str().unwrap().contains("one_admin"));
}

#[tokio::test]
async fn a_list_that_cannot_be_written_leaves_nothing_out() {
    let pair = blocked("left_out_full").await;
    let before = pair.states();
    for words in [&["check"][..], &["migrate"], &["migrate", "--dry-run"]] {
        let full = ["--rejects", "/dev/full", "--max-rejects", "5"];
        pair.run(&[words, &full].concat()).answered(
            2,
            &[
                "E0613",
                "`/dev/full` cannot be written",
                "whose rejected rows cannot all be listed",
            ],
        );
    }
    let nowhere = pair.path("no/such/rejects.jsonl");
    pair.run(&["migrate", "--rejects", &nowhere])
        .answered(2, &["E0613", "no/such"]);
    assert_eq!(pair.states(), before);
    // With nothing to list there is nothing to lack.
    let pair = Pair::new("left_out_none").await;
    pair.run(&["migrate", "--rejects", "/dev/full"])
        .answered(0, &["committed"]);
}

#[tokio::test]
async fn the_list_replaces_no_other_file() {
    let pair = Pair::new("left_out_place").await;
    for name in ["homeserver.yaml", "mas.yaml", "report.json"] {
        let path = pair.path(name);
        let before = fs::read_to_string(&path).unwrap_or_default();
        for command in ["check", "migrate"] {
            pair.run(&[command, "--rejects", &path]).answered(
                2,
                &["E0613", "would replace another file of the command", name],
            );
        }
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), before);
    }
    pair.run(&["check", "--rejects", "-"])
        .answered(2, &["E0613", "`--rejects -` names no file"]);
    // Rows that are left out must be in a list.
    pair.run(&["migrate", "--max-rejects", "5"])
        .answered(2, &["--rejects"]);
    pair.run(&["migrate", "--rejects", "x", "--max-rejects", "many"])
        .answered(2, &["expected a number of rows such as `25`"]);
}
