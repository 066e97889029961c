//! Who will be able to sign in: the forecast, its list, and that the database agrees afterwards.

use std::os::unix::fs::PermissionsExt;

use crate::case::{clean, finding};
use crate::fixture::Pair;

/// Counts in MAS's database what the forecast foretold of it.
const AFTERWARDS: &str = "
    SELECT count(*) FILTER (WHERE usable AND has_password),
           count(*) FILTER (WHERE usable AND NOT has_password AND has_link),
           count(*) FILTER (WHERE usable AND NOT has_password AND NOT has_link),
           count(*) FILTER (WHERE deactivated_at IS NOT NULL),
           count(*) FILTER (WHERE is_guest AND deactivated_at IS NULL),
           count(*) FILTER (WHERE locked_at IS NOT NULL AND NOT is_guest AND deactivated_at IS NULL),
           count(*), count(*) FILTER (WHERE NOT has_email), count(*) FILTER (WHERE can_request_admin)
    FROM (
        SELECT u.*, locked_at IS NULL AND deactivated_at IS NULL AND NOT is_guest AS usable,
               EXISTS (SELECT FROM user_passwords p WHERE p.user_id = u.user_id) AS has_password,
               EXISTS (SELECT FROM upstream_oauth_links l WHERE l.user_id = u.user_id) AS has_link,
               EXISTS (SELECT FROM user_emails e WHERE e.user_id = u.user_id) AS has_email
        FROM users u
    ) AS u";

#[tokio::test]
async fn what_was_foretold_is_what_the_target_holds() {
    let pair = Pair::new("forecast").await;
    let list = pair.path("lockout.csv");
    let check = pair.run(&["check", "--lockout-csv", &list]);
    check.answered(
        11,
        &[
            "signing in afterwards",
            "with a password",
            "links by provider:",
        ],
    );
    let migrated = pair.run(&["migrate"]);
    migrated.answered(0, &["committed"]);
    for part in ["sign_in", "accounts"] {
        assert_eq!(check.json()[part], migrated.json()[part], "{part}");
    }
    let report = check.json();
    let (sign_in, accounts) = (&report["sign_in"], &report["accounts"]);
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let lockout = number(&sign_in["sessions_only"]) + number(&sign_in["nothing"]);
    let foretold = [
        number(&sign_in["password"]),
        number(&sign_in["link"]),
        lockout,
        number(&sign_in["deactivated"]),
        number(&sign_in["guests"]),
        number(&sign_in["locked"]),
        number(&accounts["migrated"]),
        number(&accounts["without_email"]),
        number(&accounts["administrators"]),
    ];
    let foretold: Vec<String> = foretold.iter().map(u64::to_string).collect();
    assert_eq!(pair.target.psql(AFTERWARDS).trim(), foretold.join("|"));
    let causes = sign_in["causes"].as_array().unwrap();
    let sum: u64 = causes.iter().map(|cause| number(&cause["accounts"])).sum();
    assert_eq!(sum, lockout);
    assert_eq!(
        number(&finding(&check, "no_way_to_sign_in")["count"]),
        lockout
    );
    for (field, table) in [
        ("access_tokens", "compat_access_tokens"),
        ("refresh_tokens", "compat_refresh_tokens"),
        ("emails", "user_emails"),
        ("other_third_party_ids", "user_unsupported_third_party_ids"),
        ("with_password", "user_passwords"),
    ] {
        let there = pair.target.psql(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(accounts[field].to_string(), there.trim(), "{field}");
    }
    let links: u64 = accounts["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|provider| number(&provider["links"]))
        .sum();
    let there = pair.source.psql("SELECT count(*) FROM user_external_ids");
    assert_eq!(links.to_string(), there.trim());

    // The list names each of them, in order, with when it was last seen.
    let text = std::fs::read_to_string(&list).unwrap();
    let mut lines = text.split("\r\n");
    assert_eq!(
        lines.next(),
        Some("user_id,cause,signed_in,has_email,last_seen")
    );
    let names: Vec<&str> = lines
        .filter(|line| !line.is_empty())
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(names.len() as u64, lockout);
    assert!(names.is_sorted());
    let locked_out = pair.target.psql(
        "SELECT '@' || username || ':demo.example' FROM users u
         WHERE locked_at IS NULL AND deactivated_at IS NULL AND NOT is_guest
           AND NOT EXISTS (SELECT FROM user_passwords p WHERE p.user_id = u.user_id)
           AND NOT EXISTS (SELECT FROM upstream_oauth_links l WHERE l.user_id = u.user_id)
         ORDER BY 1",
    );
    let mut expected: Vec<&str> = locked_out.lines().collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn the_list_is_its_owners_alone_and_well_formed() {
    let pair = clean("list").await;
    pair.source.psql(
        "UPDATE users SET password_hash = NULL;
         INSERT INTO users (name, creation_ts) VALUES ('@odd,\"name\":demo.example', 1600000000)",
    );
    let list = pair.path("list.csv");
    pair.write("list.csv", "what was there before");
    let run = pair.run(&["check", "--lockout-csv", &list]);
    run.answered(11, &["2 accounts are in the list"]);
    assert_eq!(
        std::fs::read_to_string(&list).unwrap(),
        "user_id,cause,signed_in,has_email,last_seen\r\n\
         @ada:demo.example,nothing_in_synapse,yes,yes,2025-06-15T15:06:40Z\r\n\
         \"@odd,\"\"name\"\":demo.example\",nothing_in_synapse,no,no,\r\n"
    );
    let mode = std::fs::metadata(&list).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let files = std::fs::read_dir(std::path::Path::new(&list).parent().unwrap()).unwrap();
    for file in files {
        let name = file.unwrap().file_name();
        assert!(!name.to_string_lossy().ends_with(".tmp"), "{name:?}");
    }
    // Nothing of it where there is nobody to list.
    let pair = clean("empty_list").await;
    let list = pair.path("list.csv");
    pair.run(&["check", "--lockout-csv", &list])
        .answered(0, &["0 accounts are in the list"]);
    // A list that cannot be finished leaves the one that was there.
    pair.write("list.csv", "what was there before");
    pair.run(&["check", "--lockout-csv", &list, "--mas-schema", "none"])
        .answered(10, &["no list of accounts is written"]);
    assert_eq!(
        std::fs::read_to_string(&list).unwrap(),
        "what was there before"
    );
    // Devices stay what they are, and what is named like a part of the list is nobody's business.
    pair.run(&["check", "--lockout-csv", "/dev/null"])
        .answered(2, &["E0613", "is no regular file"]);
    let mode = std::fs::metadata("/dev/null").unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    pair.write("list.csv.part", "somebody's");
    pair.run(&["check", "--lockout-csv", &list])
        .answered(0, &[]);
    let others = std::fs::read_to_string(pair.path("list.csv.part")).unwrap();
    assert_eq!(others, "somebody's");
    // One that cannot be written is told before the rows are read.
    pair.run(&["check", "--lockout-csv", &pair.path("no/list.csv")])
        .answered(2, &["E0613", "no/list.csv"]);
}

#[tokio::test]
async fn each_cause_is_told_apart() {
    let pair = clean("causes").await;
    pair.source.psql(
        "INSERT INTO users (name, creation_ts, password_hash) VALUES
            ('@ldap:demo.example', 1600000000, '{SSHA}x'), ('@saml:demo.example', 1600000000, NULL),
            ('@none:demo.example', 1600000000, NULL);
         INSERT INTO user_external_ids VALUES ('saml', 'x', '@saml:demo.example')",
    );
    let text = std::fs::read_to_string(pair.path("mas.yaml")).unwrap();
    let off = text
        .replace("passwords:\n", "passwords:\n  enabled: false\n")
        .replace(
            "synapse_idp_id: oidc-dex,",
            "synapse_idp_id: oidc-dex, enabled: false,",
        );
    pair.write("mas.yaml", &off);
    let run = pair.run(&["check", "--ignore-missing-auth-providers"]);
    let causes: Vec<(String, u64)> = run.json()["sign_in"]["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| {
            let name = cause["cause"].as_str().unwrap().to_owned();
            (name, cause["accounts"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        "passwords_disabled",
        "provider_disabled",
        "provider_missing",
        "password_not_bcrypt",
        "nothing_in_synapse",
    ];
    assert_eq!(causes, expected.map(|cause| (cause.to_owned(), 1)));
    assert_eq!(run.json()["sign_in"]["sessions_only"], 2);
}
