//! Accounts of every kind as trees.

use std::path::Path;

use crate::fixture::{MIGRATED_AT, Pair, SERVER_NAME, tool};
use crate::{asked, json};

/// Compares with the file of that name, or writes it under `UPDATE=1`.
#[track_caller]
fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/pg_account/snapshots")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}; UPDATE=1 rewrites it");
}

/// What is on stdout, and the verdict behind it.
fn tree(pair: &Pair, account: &str, code: i32) -> String {
    let run = asked(pair, &["account", account, "-q"], "");
    run.answered(code, &[]);
    let text = format!("{}\n{}exit status {code}\n", run.stdout, run.stderr);
    // The verdict is a line of its own wherever it is no terminal that shows it.
    let long: Vec<&str> = (run.stdout)
        .lines()
        .filter(|line| line.chars().count() > 80)
        .collect();
    assert!(long.is_empty(), "more than 80 columns: {long:#?}");
    text
}

#[tokio::test]
async fn accounts_of_every_kind_before_a_migration() {
    let pair = Pair::new("account_kinds").await;
    let before = pair.states();
    for account in [
        "alice",
        "bob",
        "admin",
        "bridge_user",
        "irc_net:channel:demo.example",
        "deactivated",
        "guest",
        "unapproved",
        "ldap_hash",
        "many_links",
        "hidden_devices",
        "odd_addresses",
        "odd_text",
        "impossible_times",
        "empty_strings",
        "deviceless",
        "dehydrated",
        "twin_access",
    ] {
        let name = account.split(':').next().unwrap();
        compare(name, &tree(&pair, account, 0));
    }
    assert_eq!(pair.states(), before, "a look changes nothing");
}

#[tokio::test]
async fn an_account_that_does_not_exist() {
    let pair = Pair::new("account_unknown").await;
    compare("unknown", &tree(&pair, "@Alice:demo.example", 1));
    // Nobody's rows are shown, and whose they would be.
    compare("orphaned", &tree(&pair, "ghost_alice", 1));
    asked(&pair, &["account", "nobody"], "")
        .answered(1, &["Synapse has no account `@nobody:demo.example`"]);
    asked(&pair, &["account", "@alice:elsewhere.example"], "").answered(1, &[]);
    let report = json(&pair, &["account", "ALICE"], "");
    assert_eq!(report["exists"], false);
    assert_eq!(
        report["similar"],
        serde_json::json!(["@alice:demo.example"])
    );
    assert_eq!(report["verdict"]["exit"], 1);
}

#[tokio::test]
async fn an_account_that_stands_in_the_way() {
    let pair = Pair::new("account_rejected").await;
    pair.source.psql(
        "INSERT INTO user_external_ids VALUES ('oauth-delegated', 'x', '@alice:demo.example');
         INSERT INTO users (name, creation_ts) VALUES ('@eve:other.example', 1600000000)",
    );
    compare("rejected_link", &tree(&pair, "alice", 10));
    compare("rejected_account", &tree(&pair, "@eve:other.example", 10));
    let report = json(&pair, &["account", "alice"], "");
    let links = report["source"].as_array().unwrap();
    let links = links
        .iter()
        .find(|table| table["table"] == "user_external_ids");
    let row = &links.unwrap()["rows"][0];
    assert_eq!(row["ends"][0]["fate"], "rejected");
    assert_eq!(row["ends"][0]["reason"]["reason"], "delegated_before");
}

/// The account's rows in MAS, by table.
fn held_by_mas(pair: &Pair, username: &str) -> u64 {
    let count = pair.target.psql(&format!(
        "WITH u AS (SELECT user_id FROM users WHERE username = '{username}'),
              s AS (SELECT compat_session_id FROM compat_sessions JOIN u USING (user_id))
         SELECT (SELECT count(*) FROM u)
              + (SELECT count(*) FROM user_passwords JOIN u USING (user_id))
              + (SELECT count(*) FROM user_emails JOIN u USING (user_id))
              + (SELECT count(*) FROM user_unsupported_third_party_ids JOIN u USING (user_id))
              + (SELECT count(*) FROM upstream_oauth_links JOIN u USING (user_id))
              + (SELECT count(*) FROM s)
              + (SELECT count(*) FROM compat_access_tokens JOIN s USING (compat_session_id))
              + (SELECT count(*) FROM compat_refresh_tokens JOIN s USING (compat_session_id))"
    ));
    count.trim().parse().unwrap()
}

#[tokio::test]
async fn what_is_shown_is_what_a_migration_writes() {
    let pair = Pair::new("account_after").await;
    pair.run(&["migrate"]).answered(0, &[]);
    // Every kind of account there is, and some ordinary ones.
    let names = pair.source.psql(
        "SELECT name FROM users WHERE name IS NOT NULL AND name !~ '^@user[0-9]+:'
         UNION ALL (SELECT name FROM users WHERE name ~ '^@user[0-9]+:' ORDER BY name LIMIT 10)",
    );
    let mut rows_of_all = 0;
    for name in names.lines() {
        let run = asked(&pair, &["account", name, "--format", "json"], "");
        run.answered(0, &[]);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let tables = report["target"].as_array().unwrap();
        let rows = tables
            .iter()
            .flat_map(|table| table["rows"].as_array().unwrap());
        let mut shown = 0;
        for row in rows {
            assert_eq!(row["held"], "same", "{name}: {row}");
            shown += 1;
        }
        let username = name[1..].split(':').next().unwrap();
        let is_bridged = shown == 0;
        assert!(
            is_bridged || shown == held_by_mas(&pair, username),
            "{name}"
        );
        rows_of_all += shown;
    }
    assert!(
        names.lines().count() >= 60 && rows_of_all > 200,
        "{rows_of_all}"
    );
    compare("alice_migrated", &tree(&pair, "alice", 0));
    compare("bridge_user_migrated", &tree(&pair, "bridge_user", 0));
}

#[tokio::test]
async fn what_has_changed_since_the_migration_is_told_by_column() {
    let pair = Pair::new("account_changed").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target.psql(
        "UPDATE compat_sessions SET human_name = 'new', last_active_at = now()
         WHERE device_id = 'LAPTOP' AND user_id = (SELECT user_id FROM users WHERE username = 'alice');
         DELETE FROM user_emails WHERE user_id = (SELECT user_id FROM users WHERE username = 'alice')",
    );
    compare("alice_changed", &tree(&pair, "alice", 0));
    // The moment of the migration comes from its report too; without it, rows that hold it are others.
    let name = pair.path("report.json");
    let base = |arguments: &[&str]| {
        crate::fixture::run(
            tool(arguments)
                .args(["--synapse-config", &pair.path("homeserver.yaml")])
                .args(["--config", &pair.path("mas.yaml")]),
        )
    };
    base(&["account", "odd_text", "--report", &name]).answered(0, &["migrated: 3 rows"]);
    base(&["account", "odd_text"]).answered(
        0,
        &[
            "MAS holds 2 of 3 rows",
            "found with its report alone: `--report`",
        ],
    );
    base(&[
        "account",
        "odd_text",
        "--report",
        &name,
        "--migrated-at",
        MIGRATED_AT,
    ])
    .answered(2, &[]);
}

#[tokio::test]
async fn personal_values_are_shown_where_they_are_asked_for_and_secrets_never() {
    let pair = Pair::new("account_values").await;
    let shown = |arguments: &[&str]| {
        // Not judged by the fixture, to which an e-mail address is a secret.
        let output = tool(arguments)
            .args(["--synapse-config", &pair.path("homeserver.yaml")])
            .args(["--config", &pair.path("mas.yaml")])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let address = pair.source.psql(&format!(
        "SELECT address FROM user_threepids WHERE user_id = '@alice:{SERVER_NAME}'"
    ));
    let secrets = pair.source.psql(&format!(
        "SELECT token FROM access_tokens WHERE user_id = '@alice:{SERVER_NAME}'
         UNION ALL SELECT password_hash FROM users WHERE name = '@alice:{SERVER_NAME}'"
    ));
    assert!(secrets.lines().count() > 3);
    for format in ["human", "short", "json"] {
        let hidden = shown(&["account", "alice", "--format", format]);
        assert!(!hidden.contains(address.trim()), "{hidden}");
        let text = shown(&[
            "account",
            "alice",
            "--format",
            format,
            "--show-values",
            "-vv",
        ]);
        assert!(text.contains(address.trim()), "{text}");
        for secret in secrets.lines() {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn databases_that_cannot_be_read_are_told_as_check_tells_them() {
    let pair = Pair::new("account_unreadable").await;
    let uri = format!(
        "postgresql:///{}?host={}&port={}&user={}",
        pair.source.name,
        crate::harness::cluster().socket_directory().display(),
        mapwright::pg::throwaway::PORT,
        mapwright::pg::throwaway::SUPERUSER,
    );
    let swapped = ["account", "alice", "--mas-database-uri", &uri];
    asked(&pair, &swapped, "").answered(10, &["error[same_database]", "nothing can be told"]);
    let report = json(&pair, &swapped, "");
    assert_eq!(report["findings"][0]["id"], "same_database");
    assert_eq!(report["verdict"]["exit"], 10);
    asked(&pair, &["account"], "").answered(2, &["required"]);
}
