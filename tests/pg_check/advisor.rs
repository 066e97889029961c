//! `advisor`: that its numbers are those of the rows, in Synapse before and in MAS afterwards.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::case::clean;
use crate::fixture::{Pair, Run, SOURCE_PASSWORD, run, tool};

/// What MAS holds of each kind after a migration.
const AFTERWARDS: &str = "
    SELECT (SELECT count(*) FROM users WHERE can_request_admin),
           (SELECT count(*) FROM users WHERE is_guest),
           (SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT FROM user_emails e WHERE e.user_id = u.user_id)),
           (SELECT count(*) FROM user_passwords),
           (SELECT count(*) FROM compat_sessions WHERE device_id IS NULL),
           (SELECT count(*) FROM user_unsupported_third_party_ids),
           (SELECT count(*) FROM users),
           (SELECT count(*) FROM user_emails),
           (SELECT count(*) FROM compat_sessions),
           (SELECT count(*) FROM compat_access_tokens),
           (SELECT count(*) FROM compat_refresh_tokens)";

/// The lines that tell these.
const LINES: [&str; 11] = [
    "administrators",
    "guests",
    "without_email",
    "passwords",
    "tokens_without_device",
    "other_third_party_ids",
    "accounts",
    "emails",
    "sessions",
    "access_tokens",
    "refresh_tokens",
];

fn advisor(pair: &Pair, arguments: &[&str]) -> Run {
    run(tool(&["advisor"])
        .args(["--synapse-config", &pair.path("homeserver.yaml")])
        .args(arguments))
}

fn lines(pair: &Pair) -> Vec<Value> {
    let run = advisor(pair, &["--format", "json"]);
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["schema_version"], 1);
    assert_eq!(answer["command"], "advisor");
    assert_eq!(answer["verdict"]["exit"].as_i64(), run.code.map(i64::from));
    answer["lines"].as_array().unwrap().clone()
}

/// The lines about one thing.
fn about<'a>(lines: &'a [Value], id: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["id"] == id).collect()
}

fn number(lines: &[Value], id: &str) -> u64 {
    match about(lines, id).as_slice() {
        [] => 0,
        [line] => line["count"].as_u64().unwrap(),
        more => panic!("{more:#?}"),
    }
}

#[tokio::test]
async fn its_numbers_are_what_the_migration_writes() {
    let pair = Pair::new("advisor").await;
    // MAS has no say in it: nothing of it need be there.
    let before = pair.states();
    let lines = lines(&pair);
    assert_eq!(pair.states(), before);
    pair.run(&["migrate"]).answered(0, &["committed"]);
    let there = pair.target.psql(AFTERWARDS);
    let told: Vec<String> = LINES
        .iter()
        .map(|id| number(&lines, id).to_string())
        .collect();
    assert_eq!(there.trim(), told.join("|"), "{LINES:?}");
    for id in LINES {
        assert_ne!(number(&lines, id), 0, "the population has no {id}");
    }
    // Each provider with its links, whoever they are of.
    let links = pair
        .source
        .psql("SELECT auth_provider, count(*) FROM user_external_ids GROUP BY 1 ORDER BY 2 DESC, auth_provider COLLATE \"C\"");
    let told: Vec<String> = about(&lines, "provider_in_use")
        .iter()
        .map(|line| {
            let text = line["text"].as_str().unwrap();
            let name = text.split('`').nth(1).unwrap();
            format!("{name}|{}", line["count"])
        })
        .collect();
    assert_eq!(told, links.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_the_check_finds_in_the_rows_it_says_too() {
    let pair = Pair::new("advisor_rows").await;
    let lines = lines(&pair);
    let check = pair.run(&["check"]);
    let counts: BTreeMap<String, u64> = check.json()["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|reason| reason["severity"] != "quiet")
        .map(|reason| {
            let name = reason["reason"].as_str().unwrap().to_owned();
            (name, reason["rows"].as_u64().unwrap())
        })
        .collect();
    assert!(counts.len() > 10, "{counts:?}");
    for (reason, rows) in &counts {
        let told = match reason.as_str() {
            "guest" => number(&lines, "guests"),
            "phone_number_kept_apart" => number(&lines, "other_third_party_ids"),
            _ => number(&lines, reason),
        };
        assert_eq!(told, *rows, "{reason}");
    }
}

#[tokio::test]
async fn an_orderly_synapse_gets_warn_lines_and_no_error() {
    let pair = clean("advisor_clean").await;
    let run = advisor(&pair, &[]);
    run.answered(11, &["0 ERROR, 4 WARN; every row was looked at"]);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "WARN  Synapse signs people in with the OpenID Connect provider `oidc-dex` (https://sso.example) → give MAS a provider with `synapse_idp_id: oidc-dex`, as `config generate` writes it",
            "WARN  2 accounts have no e-mail address: MAS cannot send them a new password → `check --lockout-csv FILE` lists those that could not sign in at all",
            "WARN  1 account keeps its password → MAS needs the password scheme version 1 `bcrypt`, with Synapse's pepper as `secret` and `unicode_normalization: true`",
            "WARN  1 link leads to the provider `oidc-dex` → give MAS a provider with `synapse_idp_id: oidc-dex`, or name one by `--upstream-provider-mapping oidc-dex:ULID`",
        ]
    );
    assert!(
        lines[4..].iter().all(|line| line.starts_with("INFO  ")),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn what_stops_a_migration_is_an_error() {
    let pair = clean("advisor_errors").await;
    pair.source.psql(
        "INSERT INTO users (name, creation_ts) VALUES ('@eve:other.example', 1600000000);
         INSERT INTO user_external_ids VALUES ('oauth-delegated', 'x', '@ada:demo.example')",
    );
    let text = std::fs::read_to_string(pair.path("homeserver.yaml")).unwrap();
    let switches = "allow_guest_access: true\nenable_3pid_changes: yes\n\
        login_via_existing_session: {enabled: true}\nenable_registration: true\n\
        enable_registration_captcha: true\nuser_consent: {version: 1}\ncas_config: {server_url: x}\n\
        saml2_config: {sp_config: {x: 1}}\njwt_config: {enabled: true, secret: x}\n";
    let synapse = text.replace(
        "password_config:\n",
        "password_config:\n  localdb_enabled: false\n",
    );
    pair.write("homeserver.yaml", &format!("{synapse}{switches}"));
    let run = advisor(&pair, &[]);
    run.answered(10, &["5 ERROR, 11 WARN"]);
    let lines = lines(&pair);
    let of = |level: &str| -> Vec<&str> {
        lines
            .iter()
            .filter(|line| line["level"] == level)
            .map(|line| line["id"].as_str().unwrap())
            .collect()
    };
    let mut errors = of("ERROR");
    errors.sort_unstable();
    assert_eq!(
        errors,
        [
            "delegated_before",
            "foreign_user",
            "guest_access_enabled",
            "login_via_existing_session_enabled",
            "threepid_changes_enabled",
        ]
    );
    let mut warnings = of("WARN");
    warnings.sort_unstable();
    assert_eq!(
        warnings,
        [
            "captcha",
            "cas_enabled",
            "jwt_enabled",
            "oidc_provider",
            "passwords",
            "passwords_elsewhere",
            "provider_in_use",
            "registration",
            "saml_enabled",
            "user_consent",
            "without_email",
        ]
    );
}

#[tokio::test]
async fn it_needs_a_synapse_on_postgresql_and_says_so() {
    let pair = clean("advisor_sides").await;
    // Not Synapse's database but MAS's.
    let uri = format!(
        "host={} port={} user=postgres dbname={}",
        crate::harness::cluster().socket_directory().display(),
        mapwright::pg::throwaway::PORT,
        pair.target.name
    );
    let run = advisor(&pair, &["--source-database-uri", &uri]);
    run.answered(10, &["the rows were not looked at"]);
    assert!(run.stdout.starts_with("ERROR "), "{}", run.stdout);
    assert!(!run.stdout.contains("account"), "{}", run.stdout);
    pair.write(
        "homeserver.yaml",
        "server_name: demo.example\ndatabase: {name: sqlite3}\n",
    );
    let run = advisor(&pair, &[]);
    run.answered(10, &["1 ERROR, 0 WARN"]);
    assert!(run.stdout.contains("SQLite"), "{}", run.stdout);
    let run = advisor(&pair, &["--synapse-config", &pair.path("none.yaml")]);
    run.answered(2, &["E0601", "none.yaml"]);
    // Secrets are looked for in every output by the fixture; the password of the file is one.
    assert!(!run.stderr.contains(SOURCE_PASSWORD));
}
