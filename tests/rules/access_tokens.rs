//! A: access tokens without a refresh token.

use mapwright::types::OwnedValue;

use super::fixture::*;

/// A macaroon's first field is `location`: `001clocation example.com`.
const MACAROON: &str = "MDAxY2xvY2F0aW9uIGV4YW1wbGUuY29tCg";

#[test]
fn a1_a_token_of_a_device_is_written() {
    let outcome = synapse([user(ADA), device(ADA, "PHONE"), token(1, ADA).on("PHONE")]).migrate();
    let session = outcome
        .only("compat_sessions")
        .get("compat_session_id")
        .clone();
    outcome
        .only("compat_access_tokens")
        .has("access_token", "syt_1")
        .has("compat_session_id", session);
    outcome.ledger("access_tokens_and_sessions", ["written 1"]);
    outcome.counted([]);
}

#[test]
fn a1_a_token_that_puppets_somebody_is_not() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        token(1, ADA).on("PHONE").with("puppets_user_id", BOB),
        token(2, ADA).with("puppets_user_id", BOB),
    ])
    .migrate();
    outcome.empty(["compat_access_tokens"]);
    outcome.only("compat_sessions").has("device_id", "PHONE");
    outcome.ledger("access_tokens_and_sessions", ["puppet_token 2"]);
    outcome.counted(["quiet puppet_token 2"]);
}

#[test]
fn a1_deactivated_accounts_guests_and_bridges_bring_none() {
    for (account, fate) in [
        (deactivated(ADA), "of_deactivated_user 2"),
        (guest(ADA), "of_guest 2"),
        (bridge(ADA), "owner bridge_user 2"),
    ] {
        let outcome = synapse([
            account,
            device(ADA, "PHONE"),
            token(1, ADA).on("PHONE"),
            token(2, ADA),
        ])
        .migrate();
        outcome.empty(["compat_sessions", "compat_access_tokens"]);
        outcome.ledger("access_tokens_and_sessions", [fate]);
    }
}

#[test]
fn a1_a_token_that_names_a_refresh_token_is_never_taken_for_one_without() {
    // Neither the missing refresh token nor the missing device makes it an ordinary token.
    for odd in [
        token(1, ADA).on("PHONE").paired(99),
        token(1, ADA).paired(99),
        token(1, ADA).paired(7),
        token(1, ADA).on("").paired(7),
        token(1, ADA).on("").paired(8),
    ] {
        let outcome = synapse([
            user(ADA),
            device(ADA, "PHONE"),
            refresh_token(7, ADA, "PHONE"),
            refresh_token(8, ADA, ""),
            odd,
        ])
        .migrate();
        outcome.empty(["compat_access_tokens", "compat_refresh_tokens"]);
        outcome.ledger("access_tokens_and_sessions", ["broken_pair 1"]);
        outcome.only("compat_sessions").has("device_id", "PHONE");
    }
}

#[test]
fn a2_tokens_of_one_device_share_its_session() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        token(1, ADA).on("PHONE"),
        token(2, ADA).on("PHONE"),
    ])
    .migrate();
    let session = outcome.only("compat_sessions").get("compat_session_id");
    for token in ["syt_1", "syt_2"] {
        outcome
            .row("compat_access_tokens", "access_token", token)
            .has("compat_session_id", session.clone());
    }
}

#[test]
fn a2_a_token_whose_device_has_vanished_is_skipped_and_counted() {
    let outcome = synapse([
        user(ADA),
        user(BOB),
        device(BOB, "GONE"),
        device(ADA, "gone"),
        token(1, ADA).on("GONE"),
    ])
    .migrate();
    outcome.empty(["compat_access_tokens"]);
    outcome.ledger("access_tokens_and_sessions", ["token_without_device 1"]);
    outcome.counted(["warn token_without_device 1"]);
}

#[test]
fn a2_a_token_whose_device_is_no_login_is_skipped_and_counted() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "KEYS").with("hidden", true),
        device(ADA, "guest_device"),
        device(ADA, "SHELVED"),
        dehydrated(ADA, "SHELVED"),
        token(1, ADA).on("KEYS"),
        token(2, ADA).on("guest_device"),
        token(3, ADA).on("SHELVED"),
    ])
    .migrate();
    outcome.empty(["compat_access_tokens", "compat_sessions"]);
    outcome.ledger("access_tokens_and_sessions", ["token_of_skipped_device 3"]);
    outcome.counted([
        "warn token_of_skipped_device 3",
        "warn has_dehydrated_device 1",
        "quiet hidden_device 1",
        "quiet guest_device 1",
        "quiet dehydrated_device 1",
    ]);
}

#[test]
fn a3_a_token_without_device_gets_a_session_of_its_own() {
    let outcome = synapse([
        user(ADA).with("admin", 0),
        token(1, ADA).with("last_validated", 1_650_000_000_001),
    ])
    .migrate();
    let owner = outcome.only("users").get("user_id").clone();
    let session = outcome
        .only("compat_sessions")
        .has("user_id", owner)
        .has("created_at", millis(1_650_000_000_001))
        .has("is_synapse_admin", false)
        .nulls([
            "device_id",
            "human_name",
            "last_active_at",
            "last_active_ip",
            "user_agent",
            "finished_at",
            "user_session_id",
        ]);
    outcome
        .only("compat_access_tokens")
        .has("created_at", millis(1_650_000_000_001))
        .has(
            "compat_session_id",
            session.get("compat_session_id").clone(),
        );
    outcome.counted([]);
}

#[test]
fn a3_every_such_token_gets_another_session() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        token(1, ADA),
        token(2, ADA),
        token(3, ADA).on("PHONE"),
    ])
    .migrate();
    assert_eq!(outcome.rows("compat_sessions").len(), 3);
    let mut sessions: Vec<u128> = outcome
        .rows("compat_access_tokens")
        .iter()
        .map(|row| row.bits("compat_session_id"))
        .collect();
    sessions.sort_unstable();
    sessions.dedup();
    assert_eq!(sessions.len(), 3);
}

#[test]
fn a3_the_own_session_of_an_administrators_token_may_not_administrate() {
    let outcome = synapse([user(ADA).with("admin", 1), token(1, ADA)]).migrate();
    outcome
        .only("compat_sessions")
        .has("is_synapse_admin", false);
}

#[test]
fn a3_a_token_with_a_device_gets_no_session_of_its_own() {
    let outcome = synapse([user(ADA), device(ADA, "PHONE"), token(1, ADA).on("PHONE")]).migrate();
    outcome.only("compat_sessions").has("device_id", "PHONE");
}

#[test]
fn a4_a_token_is_as_old_as_its_last_validation_and_ends_when_it_did() {
    let outcome = synapse([
        user(ADA),
        token(1, ADA)
            .with("last_validated", 1_650_000_000_001)
            .with("valid_until_ms", NOW + 60_000),
    ])
    .migrate();
    outcome
        .only("compat_access_tokens")
        .has("created_at", millis(1_650_000_000_001))
        .has("expires_at", millis(NOW + 60_000));
    outcome.counted([]);
}

#[test]
fn a4_without_these_it_is_of_the_run_and_without_end() {
    let outcome = synapse([user(ADA), token(1, ADA)]).migrate();
    outcome
        .only("compat_access_tokens")
        .has("created_at", millis(NOW))
        .nulls(["expires_at"]);
}

#[test]
fn a4_expired_tokens_come_along() {
    let outcome = synapse([user(ADA), token(1, ADA).with("valid_until_ms", NOW - 1)]).migrate();
    outcome
        .only("compat_access_tokens")
        .has("expires_at", millis(NOW - 1));
    outcome.ledger("access_tokens_and_sessions", ["written 1"]);
    outcome.counted(["warn token_expired 1"]);
}

#[test]
fn a5_tokens_that_mas_accepts_are_not_counted() {
    let padded = format!("{MACAROON}==");
    for text in ["syt_YWRh_abc_1", "syt_", MACAROON, padded.as_str()] {
        let outcome = synapse([user(ADA), token(1, ADA).with("token", text)]).migrate();
        outcome
            .only("compat_access_tokens")
            .has("access_token", text);
        outcome.counted([]);
    }
}

#[test]
fn a5_other_tokens_come_along_and_are_counted() {
    for text in [
        "secret-bot-token",
        "SYT_abc",
        "mct_abc",
        "syr_abc",
        // Base64 of something else, and `location` one byte too late.
        "MDAxY2lkZW50aWZpZXIga2V5IGdlbgo",
        "MDAwMWNsb2NhdGlvbiBleGFtcGxlLmNvbQo",
        "",
    ] {
        let outcome = synapse([user(ADA), token(1, ADA).with("token", text)]).migrate();
        outcome
            .only("compat_access_tokens")
            .has("access_token", text);
        outcome.counted(["warn token_not_accepted 1"]);
    }
}

#[test]
fn a5_refresh_tokens_begin_otherwise() {
    for (text, accepted) in [("syr_abc", true), ("syt_abc", false), (MACAROON, false)] {
        let outcome = synapse([
            user(ADA),
            device(ADA, "PHONE"),
            refresh_token(7, ADA, "PHONE").with("token", text),
            token(1, ADA).on("PHONE").paired(7),
        ])
        .migrate();
        outcome
            .only("compat_refresh_tokens")
            .has("refresh_token", text);
        if accepted {
            outcome.counted([]);
        } else {
            outcome.counted(["warn token_not_accepted 1"]);
        }
    }
}

#[test]
fn a6_whom_it_concerns_is_counted() {
    let outcome = synapse([
        user(ADA).with("admin", 1),
        user(BOB),
        device(ADA, "PHONE"),
        token(1, ADA),
        token(2, ADA).on(""),
        token(3, ADA).on("PHONE"),
        token(4, BOB),
    ])
    .migrate();
    outcome.counted([
        "warn deviceless_token_of_admin 2",
        "warn empty_device_id 1",
        "quiet administrator 1",
    ]);
    assert_eq!(outcome.samples("deviceless_token_of_admin").len(), 2);
}

#[test]
fn a6_the_parameter_keeps_the_right() {
    let outcome = synapse([
        user(ADA).with("admin", 1),
        user(BOB),
        token(1, ADA),
        token(2, BOB),
    ])
    .set("keep_admin_on_deviceless_tokens", true)
    .migrate();
    for (name, expected) in [("ada", true), ("bob", false)] {
        let owner = outcome.row("users", "username", name).get("user_id");
        outcome
            .row("compat_sessions", "user_id", owner.clone())
            .has("is_synapse_admin", expected)
            .has("device_id", OwnedValue::Null);
    }
    outcome.counted(["quiet administrator 1"]);
}

#[test]
fn a6_the_parameter_is_off_unless_set() {
    let outcome = synapse([user(ADA).with("admin", 1), token(1, ADA)]).migrate();
    let off = synapse([user(ADA).with("admin", 1), token(1, ADA)])
        .set("keep_admin_on_deviceless_tokens", false)
        .migrate();
    assert_eq!(outcome.bytes, off.bytes);
    off.only("compat_sessions").has("is_synapse_admin", false);
}
