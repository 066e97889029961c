//! The fate of single tokens.

use serde_json::Value;

use crate::fixture::{Pair, SERVER_NAME};
use crate::{asked, json};

/// A token of Synapse's.
fn token(pair: &Pair, query: &str) -> String {
    let token = pair
        .source
        .psql(&format!("SELECT token FROM {query} LIMIT 1"));
    assert!(!token.trim().is_empty(), "{query}");
    token.trim().to_owned()
}

/// Asks for a token without naming its account; the answer must be that status and say all of that.
#[track_caller]
fn told(pair: &Pair, token: &str, code: i32, words: &[&str]) -> Value {
    let run = asked(pair, &["account", "--token-stdin"], &format!("{token}\n"));
    run.answered(code, words);
    assert!(!run.stdout.contains(token) && !run.stderr.contains(token));
    let report = json(pair, &["account", "--token-stdin"], token);
    assert!(!report.to_string().contains(token));
    assert_eq!(report["verdict"]["exit"], code);
    report["token"].clone()
}

#[tokio::test]
async fn tokens_of_every_kind_before_a_migration() {
    let pair = Pair::new("token_kinds").await;
    let of = |localpart: &str| format!("user_id = '@{localpart}:{SERVER_NAME}'");

    let live = token(
        &pair,
        &format!(
            "access_tokens WHERE {} AND device_id = 'PHONE' AND refresh_token_id IS NULL",
            of("alice")
        ),
    );
    let report = told(
        &pair,
        &live,
        0,
        &[
            "an access token of `@alice:demo.example` and comes along",
            "of device `PHONE`",
        ],
    );
    assert_eq!(report["known_to"], "synapse");
    assert_eq!(report["fate"], "written");
    assert_eq!(report["device"], "PHONE");
    assert_eq!(report["into"][0]["table"], "compat_access_tokens");

    // A pair, and one that was refreshed.
    let living = format!(
        "refresh_tokens WHERE {} AND next_token_id IS NULL",
        of("bob")
    );
    let report = told(
        &pair,
        &token(&pair, &living),
        0,
        &["a refresh token of `@bob:demo.example` and comes along"],
    );
    assert_eq!(report["into"][0]["table"], "compat_refresh_tokens");
    let access = format!(
        "access_tokens WHERE {} AND refresh_token_id = (SELECT id FROM {living})",
        of("bob")
    );
    told(
        &pair,
        &token(&pair, &access),
        0,
        &[
            "an access token of `@bob:demo.example` and comes along",
            "of device `PHONE`",
        ],
    );
    for table in ["refresh_tokens", "access_tokens"] {
        let column = if table == "refresh_tokens" {
            "id"
        } else {
            "refresh_token_id"
        };
        let old = format!(
            "{table} WHERE {} AND {column} IN (SELECT id FROM refresh_tokens WHERE next_token_id IS NOT NULL)",
            of("bob")
        );
        let report = told(
            &pair,
            &token(&pair, &old),
            0,
            &["is left out: superseded_pair"],
        );
        assert_eq!(report["fate"], "skipped");
        assert_eq!(report["reasons"][0], "superseded_pair");
    }

    let puppet = token(&pair, "access_tokens WHERE puppets_user_id IS NOT NULL");
    told(&pair, &puppet, 0, &["is left out: puppet_token"]);
    let deactivated = token(&pair, &format!("access_tokens WHERE {}", of("deactivated")));
    told(
        &pair,
        &deactivated,
        0,
        &["is left out: of_deactivated_user"],
    );
    let bridge = token(&pair, &format!("access_tokens WHERE {}", of("bridge_user")));
    let report = told(
        &pair,
        &bridge,
        0,
        &["is left out with its account: bridge_user"],
    );
    assert_eq!(report["fate"], "skipped_with_owner");

    let expired = token(
        &pair,
        &format!(
            "access_tokens WHERE {} AND valid_until_ms < 1700000000000",
            of("expired_tokens")
        ),
    );
    told(
        &pair,
        &expired,
        0,
        &["and comes along", "but the token has expired already"],
    );
    let foreign = token(
        &pair,
        &format!(
            "access_tokens WHERE {} AND token !~ '^(syt_|MD)'",
            of("foreign_tokens")
        ),
    );
    told(
        &pair,
        &foreign,
        0,
        &[
            "and comes along",
            "but MAS accepts only tokens that begin with",
        ],
    );
    let deviceless = token(
        &pair,
        &format!(
            "access_tokens WHERE {} AND device_id IS NULL",
            of("deviceless")
        ),
    );
    let report = told(
        &pair,
        &deviceless,
        0,
        &["and comes along", ", which has no device"],
    );
    assert_eq!(
        report["into"].as_array().unwrap().len(),
        2,
        "its session is its own"
    );
    assert!(report["session"].is_string());

    // Of an account that there is not.
    let orphan = token(
        &pair,
        "access_tokens AS t WHERE NOT EXISTS (SELECT FROM users WHERE name = t.user_id)",
    );
    told(&pair, &orphan, 0, &["is left out: orphan"]);

    let report = told(
        &pair,
        "syt_nobody_has_this",
        1,
        &["neither Synapse nor MAS knows it"],
    );
    assert_eq!(report["known_to"], "neither");
    assert_eq!(report["fate"], Value::Null);
}

#[tokio::test]
async fn a_token_that_stops_a_migration_answers_as_its_account() {
    let pair = Pair::new("token_rejected").await;
    pair.source.psql(&format!(
        "INSERT INTO users (name, creation_ts) VALUES ('@stranger:another.example', 1600000000);
         INSERT INTO devices (user_id, device_id, hidden) VALUES ('@stranger:another.example', 'D', false);
         INSERT INTO access_tokens (id, user_id, device_id, token)
            VALUES (900001, '@stranger:another.example', 'D', 'syt_stranger');
         INSERT INTO user_external_ids (auth_provider, external_id, user_id)
            VALUES ('oauth-delegated', 'blocking', '@alice:{SERVER_NAME}')"
    ));
    let stops = "1 row is rejected: a migration would not begin";
    asked(&pair, &["account", "@stranger:another.example"], "")
        .answered(10, &["a migration would not begin"]);
    let report = told(
        &pair,
        "syt_stranger",
        10,
        &[
            "is left out with its account, which is rejected: foreign_user",
            "a migration would not begin",
        ],
    );
    assert_eq!(report["fate"], "skipped_with_owner");
    // One that would come along, were it not for another row of its account.
    let alice = token(
        &pair,
        &format!(
            "access_tokens WHERE user_id = '@alice:{SERVER_NAME}' AND device_id = 'PHONE' AND refresh_token_id IS NULL"
        ),
    );
    asked(&pair, &["account", "alice"], "").answered(10, &[stops]);
    let report = told(&pair, &alice, 10, &["and comes along", stops]);
    assert_eq!(report["fate"], "written");
    asked(&pair, &["account", "bob", "--token-stdin"], &alice)
        .answered(10, &["the token is not one of `@bob:demo.example`", stops]);
    // One of an account that there is not, where such rows are errors.
    let orphan = token(
        &pair,
        "access_tokens AS t WHERE NOT EXISTS (SELECT FROM users WHERE name = t.user_id)",
    );
    asked(
        &pair,
        &["account", "--token-stdin", "--set", "orphans=error"],
        &orphan,
    )
    .answered(10, &["is rejected: orphan"]);
}

#[tokio::test]
async fn a_token_with_an_account_beside_it() {
    let pair = Pair::new("token_account").await;
    let alice = token(
        &pair,
        &format!("access_tokens WHERE user_id = '@alice:{SERVER_NAME}'"),
    );
    let run = asked(&pair, &["account", "alice", "--token-stdin"], &alice);
    run.answered(0, &["the token: it is an access token"]);
    assert!(run.stdout.contains("├─ MAS gets") && run.stdout.contains("└─ the token"));
    let run = asked(&pair, &["account", "bob", "--token-stdin"], &alice);
    run.answered(0, &["the token is not one of `@bob:demo.example`: it is an access token of `@alice:demo.example`"]);
    assert!(run.stdout.starts_with("@bob:demo.example\n"));
    asked(
        &pair,
        &["account", "bob", "--token-stdin"],
        "syt_nobody_has_this",
    )
    .answered(1, &[]);
    asked(&pair, &["account", "nobody", "--token-stdin"], &alice).answered(1, &[]);
}

#[tokio::test]
async fn tokens_after_a_migration() {
    let pair = Pair::new("token_after").await;
    pair.run(&["migrate"]).answered(0, &[]);
    let alice = format!(
        "user_id = '@alice:{SERVER_NAME}' AND device_id = 'PHONE' AND refresh_token_id IS NULL"
    );
    let access = token(&pair, &format!("access_tokens WHERE {alice}"));
    told(
        &pair,
        &access,
        0,
        &["and comes along", "MAS holds it already"],
    );
    // Synapse has forgotten it.
    pair.source
        .psql(&format!("DELETE FROM access_tokens WHERE {alice}"));
    let report = told(
        &pair,
        &access,
        0,
        &[
            "Synapse does not know it; MAS holds it as an access token of its account `alice`",
            "of device `PHONE`, and is alive there",
        ],
    );
    assert_eq!(report["known_to"], "mas");
    assert_eq!(report["into"][0]["table"], "compat_access_tokens");
    pair.target
        .psql("UPDATE compat_sessions SET finished_at = now()");
    let report = told(
        &pair,
        &access,
        0,
        &["and is dead there: its session has ended"],
    );
    assert_eq!(report["reasons"][0], "its session has ended");
    let bob =
        format!("refresh_tokens WHERE user_id = '@bob:{SERVER_NAME}' AND next_token_id IS NULL");
    let refresh = token(&pair, &bob);
    pair.source.psql(&format!("DELETE FROM {bob}"));
    told(
        &pair,
        &refresh,
        0,
        &["MAS holds it as a refresh token of its account `bob`"],
    );
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_any_connection() {
    let pair = Pair::new("token_none").await;
    asked(&pair, &["account", "--token-stdin"], "").answered(2, &["stdin gave no token"]);
    asked(&pair, &["account", "--token-stdin"], "\n").answered(2, &["stdin gave no token"]);
    asked(&pair, &["account", "--token-stdin"], "a\0b").answered(2, &["zero byte"]);
    // What a server would take for a part of SQL is a text like any other.
    let odd = "' OR true; --\u{1b}[2J";
    told(&pair, odd, 1, &["neither Synapse nor MAS knows it"]);
}
