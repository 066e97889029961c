//! Passwords, and why they are not accepted.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use mapwright::cli::population::{NAMED_ACCOUNTS, PEPPER};
use serde_json::Value;

use crate::fixture::{Pair, Run};
use crate::{asked, edit, json};

const ALICE: &str = NAMED_ACCOUNTS[0].password;

/// Tries a password of an account; it must be in no output.
fn tried(pair: &Pair, account: &str, password: &str, more: &[&str]) -> (Run, Value) {
    let arguments = [&["verify-password", account], more].concat();
    let run = asked(pair, &arguments, &format!("{password}\n"));
    let report = json(pair, &arguments, password);
    for text in [&run.stdout, &run.stderr, &report.to_string()] {
        assert!(!text.contains(password), "{text}");
    }
    assert_eq!(
        Some(report["verdict"]["exit"].as_i64().unwrap()),
        run.code.map(i64::from)
    );
    (run, report)
}

/// Gives an account of Synapse the hash of such an input, made fast.
fn set_hash(pair: &Pair, localpart: &str, input: &str) {
    let hash = bcrypt::hash(input, 4).unwrap();
    set(pair, localpart, &hash);
}

fn set(pair: &Pair, localpart: &str, hash: &str) {
    pair.source.psql(&format!(
        "UPDATE users SET password_hash = '{hash}' WHERE name = '@{localpart}:demo.example'"
    ));
}

/// What a side said: whether it accepts, and why not.
fn side<'r>(report: &'r Value, side: &str) -> (&'r Value, &'r str) {
    (
        &report[side]["accepted"],
        report[side]["why"].as_str().unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_password_that_fits_on_both_sides() {
    let pair = Pair::new("password_fits").await;
    let before = pair.states();
    let (run, report) = tried(&pair, "alice", ALICE, &[]);
    run.answered(0, &["the password is accepted"]);
    assert_eq!(
        run.stdout,
        "hash: bcrypt, cost 6, version 1 in MAS\nSynapse: accepted\nMAS: accepted\n"
    );
    assert_eq!(report["synapse"], serde_json::json!({"accepted": true}));
    assert_eq!(report["mas"], serde_json::json!({"accepted": true}));
    assert_eq!(
        (&report["account"], &report["version"]),
        (&"@alice:demo.example".into(), &1.into())
    );
    let (run, _) = tried(&pair, "alice", "wrong", &["--password-stdin"]);
    run.answered(1, &["the password is not accepted"]);
    assert!(run.stdout.contains("most likely it is another password"));
    let (_, report) = tried(&pair, "alice", &format!("{ALICE} "), &[]);
    assert_eq!(
        side(&report, "synapse").1,
        "it fits without the blanks at its ends"
    );
    assert_eq!(pair.states(), before, "a look changes nothing");
}

#[tokio::test]
async fn what_mas_does_otherwise_is_named() {
    let pair = Pair::new("password_scheme").await;
    let scheme = format!("algorithm: bcrypt, secret: {PEPPER}, unicode_normalization: true");
    let with = |to: &str| edit(&pair, "mas.yaml", &scheme, to);
    let original = std::fs::read_to_string(pair.path("mas.yaml")).unwrap();
    let restore = || pair.write("mas.yaml", &original);
    // A ligature that normalising takes apart.
    let ligature = "\u{fb01}sch";
    set_hash(&pair, "bob", &format!("fisch{PEPPER}"));
    tried(&pair, "bob", ligature, &[]).0.answered(0, &[]);

    for (to, account, password, why) in [
        (
            "algorithm: bcrypt, secret: else, unicode_normalization: true",
            "alice",
            ALICE,
            "it fits with Synapse's pepper",
        ),
        (
            "algorithm: bcrypt, unicode_normalization: true",
            "alice",
            ALICE,
            "it fits with Synapse's pepper",
        ),
        (
            &format!("algorithm: bcrypt, secret: {PEPPER}"),
            "bob",
            ligature,
            "it fits once it is normalised",
        ),
        (
            "algorithm: bcrypt, secret: else",
            "bob",
            ligature,
            "it fits with Synapse's pepper and normalised",
        ),
        (
            "algorithm: argon2id",
            "alice",
            ALICE,
            "is not bcrypt, but all migrated hashes are",
        ),
    ] {
        with(to);
        let (run, report) = tried(&pair, account, password, &[]);
        run.answered(1, &["accepted by Synapse, and will not be by MAS"]);
        assert_eq!(side(&report, "synapse"), (&true.into(), ""));
        let (accepted, told) = side(&report, "mas");
        assert_eq!(accepted, false);
        assert!(told.contains(why), "{told}");
        restore();
    }
    edit(&pair, "mas.yaml", "version: 1,", "version: 3,");
    let (_, report) = tried(&pair, "alice", ALICE, &[]);
    assert!(
        side(&report, "mas")
            .1
            .contains("no password scheme of version 1")
    );
    restore();
    edit(
        &pair,
        "mas.yaml",
        "passwords:\n",
        "passwords:\n  enabled: false\n",
    );
    let (_, report) = tried(&pair, "alice", ALICE, &[]);
    assert!(side(&report, "mas").1.contains("switched off"));
    restore();
    // An ASCII password needs no normalising.
    with(&format!("algorithm: bcrypt, secret: {PEPPER}"));
    tried(&pair, "alice", ALICE, &[]).0.answered(0, &[]);
}

#[tokio::test]
async fn what_synapse_does_otherwise_is_named() {
    let pair = Pair::new("password_synapse").await;
    // Made before there was a pepper, and by something that does not normalise.
    set_hash(&pair, "alice", "old one");
    let (run, report) = tried(&pair, "alice", "old one", &[]);
    run.answered(1, &[]);
    assert!(
        side(&report, "synapse")
            .1
            .contains("older than Synapse's pepper")
    );
    set_hash(&pair, "alice", &format!("\u{fb01}sch{PEPPER}"));
    let (_, report) = tried(&pair, "alice", "\u{fb01}sch", &[]);
    assert!(side(&report, "synapse").1.contains("as it was typed"));
    // MAS has the pepper that the hash was made with; Synapse's configuration has another.
    set_hash(&pair, "alice", &format!("swordfish{PEPPER}"));
    edit(
        &pair,
        "homeserver.yaml",
        &format!("pepper: {PEPPER}"),
        "pepper: typo",
    );
    let (run, report) = tried(&pair, "alice", "swordfish", &[]);
    run.answered(1, &["not accepted by Synapse, though MAS would accept it"]);
    assert!(
        side(&report, "synapse")
            .1
            .contains("it fits with the secret of MAS's scheme")
    );
    edit(
        &pair,
        "homeserver.yaml",
        "pepper: typo",
        &format!("pepper: {PEPPER}\n  enabled: false"),
    );
    let (run, report) = tried(&pair, "alice", "swordfish", &[]);
    run.answered(0, &[]);
    assert!(
        report["notes"][0]
            .as_str()
            .unwrap()
            .contains("does not let people log in")
    );
}

#[tokio::test]
async fn bcrypt_takes_72_bytes() {
    let pair = Pair::new("password_long").await;
    let long = "x".repeat(72);
    set_hash(&pair, "alice", &long);
    // Whatever comes behind them, the peppers too.
    edit(
        &pair,
        "mas.yaml",
        &format!("secret: {PEPPER}"),
        "secret: else",
    );
    let (run, report) = tried(&pair, "alice", &format!("{long}yz"), &[]);
    run.answered(0, &[]);
    assert_eq!(
        report["notes"][0],
        "bcrypt takes 72 bytes, and the password has 74: its end is not looked at, by Synapse neither: whoever knows the beginning gets in"
    );
    let (run, report) = tried(&pair, "alice", &long, &[]);
    run.answered(0, &[]);
    assert!(
        report["notes"][0]
            .as_str()
            .unwrap()
            .contains("the pepper behind it is not looked at")
    );
    let (run, report) = tried(&pair, "alice", &"x".repeat(71), &[]);
    run.answered(1, &[]);
    assert!(
        report["notes"][0]
            .as_str()
            .unwrap()
            .contains("the end of the pepper")
    );
}

#[tokio::test]
async fn accounts_without_a_hash_that_could_fit() {
    let pair = Pair::new("password_none").await;
    set(&pair, "bob", "");
    for (account, synapse, mas) in [
        (
            "bob",
            "Synapse holds no password",
            "there is no password to migrate",
        ),
        ("ldap_hash", "no bcrypt hash", "MAS could not verify it"),
        (
            "bridge_user",
            "Synapse holds no password",
            "the account is not migrated: the account belongs to an application service",
        ),
    ] {
        let (run, report) = tried(&pair, account, "some password", &[]);
        run.answered(1, &["the password is not accepted"]);
        assert!(side(&report, "synapse").1.contains(synapse), "{report}");
        assert!(side(&report, "mas").1.contains(mas), "{report}");
    }
    set_hash(&pair, "deactivated", &format!("some password{PEPPER}"));
    set_hash(&pair, "locked", &format!("some password{PEPPER}"));
    for account in ["deactivated", "locked"] {
        let (run, report) = tried(&pair, account, "some password", &[]);
        run.answered(0, &[]);
        let note = format!("the account is {account}: nobody gets in, whatever the password");
        assert_eq!(report["notes"][0], note);
    }
    let (run, report) = tried(&pair, "ALICE", "some password", &[]);
    run.answered(
        1,
        &["Synapse has no account `@ALICE:demo.example`; another case: `@alice:demo.example`"],
    );
    assert_eq!(report["synapse"], Value::Null);
    asked(&pair, &["verify-password", "alice"], "").answered(2, &["stdin gave no password"]);
}

#[tokio::test]
async fn the_hash_that_mas_holds() {
    let pair = Pair::new("password_mas").await;
    let (run, _) = tried(&pair, "alice", ALICE, &["--side", "mas"]);
    run.answered(1, &["MAS has no account `@alice:demo.example`"]);
    pair.run(&["migrate"]).answered(0, &[]);
    let (run, report) = tried(&pair, "alice", ALICE, &["--side", "mas"]);
    run.answered(0, &["the password is accepted"]);
    assert_eq!(
        (&report["side"], &report["synapse"]),
        (&"mas".into(), &Value::Null)
    );
    tried(&pair, "alice", "wrong", &["--side", "mas"])
        .0
        .answered(1, &[]);
    // An account that Synapse never had.
    pair.target.psql(
        "INSERT INTO users (user_id, username, created_at, can_request_admin, is_guest)
         VALUES ('0196636f-c55d-6141-75ce-263d2231eaaf', 'newcomer', now(), false, false)",
    );
    let (run, report) = tried(&pair, "newcomer", "some password", &["--side", "mas"]);
    run.answered(1, &[]);
    assert_eq!(
        side(&report, "mas").1,
        "MAS holds no password of the account"
    );
    // MAS has made the hash anew when somebody signed in.
    pair.target.psql(
        "INSERT INTO user_passwords (user_password_id, user_id, hashed_password, version, created_at)
         SELECT '0196636f-c55d-6141-75ce-263d2231eab0', user_id, '$argon2id$v=19$x', 2, '2030-01-01'
         FROM users WHERE username = 'alice';
         UPDATE users SET locked_at = now() WHERE username = 'alice'",
    );
    let (run, report) = tried(&pair, "alice", ALICE, &["--side", "mas"]);
    run.answered(10, &["whether the password is accepted cannot be told"]);
    assert_eq!(side(&report, "mas").0, &Value::Null);
    assert!(side(&report, "mas").1.contains("MAS has made it anew"));
    assert_eq!(
        report["notes"][0],
        "the account is locked: nobody gets in, whatever the password"
    );
}

/// What a terminal shows, as `script` of util-linux makes one, when the question for a password is
/// answered by these bytes: with the exit status, and then how the terminal is set.
fn typed(pair: &Pair, bytes: &[u8]) -> String {
    // Ctrl-C goes to the shell as well, which has to outlive it.
    let command = format!(
        "trap : INT; {} verify-password alice --synapse-config {} --config {}; \
         echo status $?; stty -a",
        env!("CARGO_BIN_EXE_mapwright"),
        pair.path("homeserver.yaml"),
        pair.path("mas.yaml"),
    );
    let mut script = Command::new("script")
        .args([
            "--quiet",
            "--echo",
            "always",
            "--command",
            &command,
            "/dev/null",
        ])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = script.stdout.take().unwrap();
    let mut seen = Vec::new();
    let mut byte = [0u8; 1];
    while !seen.ends_with(b"password: ") {
        assert_eq!(
            out.read(&mut byte).unwrap(),
            1,
            "{}",
            String::from_utf8_lossy(&seen)
        );
        seen.push(byte[0]);
    }
    let mut typing = script.stdin.take().unwrap();
    typing.write_all(bytes).unwrap();
    out.read_to_end(&mut seen).unwrap();
    drop(typing);
    script.wait().unwrap();
    let seen = String::from_utf8_lossy(&seen).replace('\r', "");
    // The terminal shows what is typed again, however the question ended.
    assert!(
        seen.contains(" echo ") && !seen.contains("-echo "),
        "{seen}"
    );
    seen
}

#[tokio::test]
async fn a_terminal_does_not_show_what_is_typed() {
    let pair = Pair::new("password_typed").await;
    let seen = typed(&pair, format!("{ALICE}\n").as_bytes());
    assert!(!seen.contains(ALICE), "{seen}");
    assert!(seen.contains("\nstatus 0\n"), "{seen}");
    assert!(seen.contains("MAS: accepted"), "{seen}");
}

#[tokio::test]
async fn an_interrupted_question_leaves_the_terminal_as_it_was() {
    let pair = Pair::new("password_interrupted").await;
    // What Ctrl-C sends, in the middle of a word.
    let seen = typed(&pair, b"half\x03");
    assert!(!seen.contains("half"), "{seen}");
    assert!(seen.contains("\nstatus 130\n"), "{seen}");
}
