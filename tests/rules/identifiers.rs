//! I: identifiers.

use super::fixture::*;
use super::outcome::Outcome;

/// One row of every kind that gets an ID, each with a time of its own.
fn one_of_each() -> Outcome {
    synapse([
        user(ADA).with("password_hash", BCRYPT),
        email(ADA, "ada@mail.example").with("added_at", 1_600_000_001_111),
        link(ADA, "oidc-forge", "subject"),
        device(ADA, "PHONE"),
        token(1, ADA)
            .on("PHONE")
            .with("last_validated", 1_600_000_003_333),
        token(2, ADA).with("last_validated", 1_600_000_004_444),
        refresh_token(7, ADA, "PHONE"),
        token(3, ADA)
            .on("PHONE")
            .paired(7)
            .with("last_validated", 1_600_000_005_555),
    ])
    .provider("oidc-forge", [9; 16])
    .migrate()
}

#[test]
fn i1_the_first_48_bits_of_every_id_are_its_rows_creation_time() {
    let outcome = one_of_each();
    let account = CREATED * 1_000;
    let time = |table, key| outcome.only(table).id_time(key);
    assert_eq!(time("users", "user_id"), account);
    assert_eq!(time("user_passwords", "user_password_id"), account);
    assert_eq!(time("user_emails", "user_email_id"), 1_600_000_001_111);
    assert_eq!(
        time("upstream_oauth_links", "upstream_oauth_link_id"),
        account
    );
    assert_eq!(
        time("compat_refresh_tokens", "compat_refresh_token_id"),
        1_600_000_005_555
    );
    let tokens = [
        ("syt_1", 1_600_000_003_333),
        ("syt_2", 1_600_000_004_444),
        ("syt_3", 1_600_000_005_555),
    ];
    for (token, millis) in tokens {
        let row = outcome.row("compat_access_tokens", "access_token", token);
        assert_eq!(row.id_time("compat_access_token_id"), millis);
    }
    let sessions: Vec<i64> = outcome
        .rows("compat_sessions")
        .iter()
        .map(|row| row.id_time("compat_session_id"))
        .collect();
    assert_eq!(sessions, [1_600_000_003_333, 1_600_000_004_444]);
}

#[test]
fn i1_ids_of_rows_made_in_the_same_millisecond_differ() {
    // Everything that Synapse has no time for gets the clock of the run, and all accounts are of
    // the same second: the other 80 bits alone tell these rows apart.
    let names: Vec<String> = (0..50).map(|n| format!("@user{n}:{SERVER}")).collect();
    let rows = names.iter().zip(0..).flat_map(|(name, n)| {
        [
            user(name).with("password_hash", BCRYPT),
            device(name, "SAME"),
            token(2 * n, name).on("SAME"),
            token(2 * n + 1, name),
        ]
    });
    let outcome = synapse(rows).migrate();
    let mut ids: Vec<u128> = Vec::new();
    for (table, key, rows) in [
        ("users", "user_id", 50),
        ("user_passwords", "user_password_id", 50),
        ("compat_sessions", "compat_session_id", 100),
        ("compat_access_tokens", "compat_access_token_id", 100),
    ] {
        let found = outcome.rows(table);
        assert_eq!(found.len(), rows);
        ids.extend(found.iter().map(|row| row.bits(key)));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 300);
}

#[test]
fn i1_the_other_80_bits_do_not_depend_on_the_run() {
    let ids = |outcome: &Outcome| outcome.only("users").bits("user_id");
    assert_eq!(ids(&one_of_each()), ids(&one_of_each()));
    let later = synapse([user(ADA)]).set("migrated_at", millis(NOW + 1));
    assert_eq!(ids(&one_of_each()), ids(&later.migrate()));
}

#[test]
fn i2_the_localpart_ends_at_the_first_colon() {
    let outcome = synapse([user("@ada:hs.example:8448")])
        .server_name("hs.example:8448")
        .migrate();
    outcome.only("users").has("username", "ada");
    outcome.counted([]);
}

#[test]
fn i2_the_port_is_part_of_the_server_name() {
    for (name, server) in [
        ("@ada:hs.example:8448", "hs.example"),
        ("@ada:hs.example", "hs.example:8448"),
        ("@ada:hs.example:8449", "hs.example:8448"),
    ] {
        let outcome = synapse([user(name)]).server_name(server).migrate();
        outcome.counted(["error foreign_user 1"]);
        outcome.empty(["users"]);
    }
}

#[test]
fn i2_the_server_name_is_compared_exactly() {
    for name in [
        "@ada:HS.example",
        "@ada:hs.example ",
        "@ada:xhs.example",
        "@ada:hs.example.",
        "@ada:hsXexample",
        "@ada:more:hs.example",
    ] {
        let outcome = synapse([user(name)]).migrate();
        outcome.counted(["error foreign_user 1"]);
    }
}

#[test]
fn i2_localparts_of_any_shape_are_taken_as_they_are() {
    for localpart in [
        "ada.l",
        "a=40b",
        "Ada Lovelace",
        "@ada",
        "ädä",
        "_x/+-",
        "1",
    ] {
        let outcome = synapse([user(&format!("@{localpart}:{SERVER}"))]).migrate();
        outcome.only("users").has("username", localpart);
        outcome.counted([]);
    }
}
