//! D: devices become sessions.

use mapwright::types::{Inet, OwnedValue};

use super::fixture::*;

fn inet(text: &str) -> OwnedValue {
    OwnedValue::Inet(Inet::host(text.parse().unwrap()))
}

#[test]
fn d1_each_device_becomes_a_session() {
    let outcome = synapse([
        user(ADA),
        user(BOB),
        device(ADA, "PHONE"),
        device(ADA, "LAPTOP").null("hidden"),
        device(BOB, "PHONE"),
    ])
    .migrate();
    let ada = outcome.row("users", "username", "ada").get("user_id");
    let bob = outcome.row("users", "username", "bob").get("user_id");
    let mut sessions = outcome.rows("compat_sessions");
    sessions.retain(|row| row.get("user_id") == ada);
    let devices: Vec<&str> = sessions.iter().map(|row| row.text("device_id")).collect();
    assert_eq!(devices, ["LAPTOP", "PHONE"]);
    outcome.row("compat_sessions", "user_id", bob.clone());
    outcome.ledger("sessions", ["written 3"]);
    outcome.counted([]);
}

#[test]
fn d1_hidden_devices_and_the_guest_device_get_none() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "KEYS").with("hidden", true),
        device(ADA, "guest_device"),
    ])
    .migrate();
    outcome.empty(["compat_sessions"]);
    outcome.ledger("sessions", ["hidden_device 1", "guest_device 1"]);
    outcome.counted(["quiet hidden_device 1", "quiet guest_device 1"]);
}

#[test]
fn d1_deactivated_accounts_guests_and_bridges_get_none() {
    for (account, fate, counted) in [
        (
            deactivated(ADA),
            "of_deactivated_user 1",
            vec!["quiet of_deactivated_user 1", "quiet deactivated_user 1"],
        ),
        (
            guest(ADA),
            "of_guest 1",
            vec!["quiet of_guest 1", "warn guest 1"],
        ),
        (
            bridge(ADA),
            "owner bridge_user 1",
            vec!["quiet bridge_user 1"],
        ),
    ] {
        let outcome = synapse([account, device(ADA, "PHONE")]).migrate();
        outcome.empty(["compat_sessions"]);
        outcome.ledger("sessions", [fate]);
        match counted.as_slice() {
            [one] => outcome.counted([*one]),
            [one, two] => outcome.counted([*one, *two]),
            _ => unreachable!(),
        }
    }
}

#[test]
fn d2_a_session_carries_what_synapse_knows_of_the_device() {
    let known = device(ADA, "PHONE")
        .with("display_name", "Ada's phone")
        .with("last_seen", 1_700_000_000_321)
        .with("ip", "192.0.2.7")
        .with("user_agent", "Element/1.6");
    let outcome = synapse([user(ADA), known]).migrate();
    let owner = outcome.only("users").get("user_id").clone();
    outcome
        .only("compat_sessions")
        .has("user_id", owner)
        .has("device_id", "PHONE")
        .has("human_name", "Ada's phone")
        .has("is_synapse_admin", false)
        .has("last_active_at", millis(1_700_000_000_321))
        .has("last_active_ip", inet("192.0.2.7"))
        .has("user_agent", "Element/1.6")
        .nulls(["finished_at", "user_session_id"]);
    outcome.counted([]);
}

#[test]
fn d2_the_session_of_an_administrator_may_administrate() {
    for (admin, expected) in [(0, false), (1, true), (2, true)] {
        let outcome = synapse([user(ADA).with("admin", admin), device(ADA, "PHONE")]).migrate();
        outcome
            .only("compat_sessions")
            .has("is_synapse_admin", expected);
    }
}

#[test]
fn d2_what_synapse_does_not_know_stays_unknown() {
    synapse([user(ADA), device(ADA, "PHONE")])
        .migrate()
        .only("compat_sessions")
        .nulls([
            "human_name",
            "last_active_at",
            "last_active_ip",
            "user_agent",
            "finished_at",
            "user_session_id",
        ]);
}

#[test]
fn d3_addresses_of_both_families_are_kept() {
    for (text, address) in [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
    ] {
        let outcome = synapse([user(ADA), device(ADA, "PHONE").with("ip", text)]).migrate();
        outcome
            .only("compat_sessions")
            .has("last_active_ip", inet(address));
        outcome.counted([]);
    }
}

#[test]
fn d3_a_dash_means_unknown() {
    let outcome = synapse([user(ADA), device(ADA, "PHONE").with("ip", "-")]).migrate();
    outcome.only("compat_sessions").nulls(["last_active_ip"]);
    outcome.counted([]);
}

#[test]
fn d3_anything_else_is_left_out_with_a_warning() {
    for text in [
        "",
        "--",
        "localhost",
        "192.0.2.7:8448",
        "192.0.2",
        "256.0.0.1",
        "192.0.2.7, 10.0.0.1",
        " 192.0.2.7",
        "fe80::1%eth0",
        "[2001:db8::1]",
        "2001:db8:::1",
    ] {
        let outcome = synapse([user(ADA), device(ADA, "PHONE").with("ip", text)]).migrate();
        outcome.only("compat_sessions").nulls(["last_active_ip"]);
        outcome.counted(["warn unparsable_ip 1"]);
        outcome.ledger("sessions", ["written 1"]);
    }
}

#[test]
fn d4_a_session_is_as_old_as_its_oldest_token() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        device(ADA, "LAPTOP"),
        token(1, ADA)
            .on("PHONE")
            .with("last_validated", 1_650_000_000_002),
        token(2, ADA)
            .on("PHONE")
            .with("last_validated", 1_650_000_000_001),
        token(3, ADA).on("PHONE"),
        refresh_token(7, ADA, "LAPTOP"),
        token(4, ADA)
            .on("LAPTOP")
            .paired(7)
            .with("last_validated", 1_640_000_000_000),
        token(5, ADA).with("last_validated", 1_600_000_000_000),
    ])
    .migrate();
    outcome
        .row("compat_sessions", "device_id", "PHONE")
        .has("created_at", millis(1_650_000_000_001));
    outcome
        .row("compat_sessions", "device_id", "LAPTOP")
        .has("created_at", millis(1_640_000_000_000));
}

#[test]
fn d4_tokens_that_are_not_migrated_say_nothing() {
    let outcome = synapse([
        user(ADA),
        user(BOB),
        device(ADA, "PHONE"),
        device(BOB, "PHONE"),
        // Another's device of the same name.
        token(1, BOB)
            .on("PHONE")
            .with("last_validated", 1_500_000_000_000),
        token(2, ADA)
            .on("PHONE")
            .with("puppets_user_id", BOB)
            .with("last_validated", 1_500_000_000_001),
        // Superseded: its successor is in use.
        refresh_token(7, ADA, "PHONE").followed_by(8),
        refresh_token(8, ADA, "PHONE"),
        token(3, ADA)
            .on("PHONE")
            .paired(7)
            .with("last_validated", 1_500_000_000_002),
        token(4, ADA)
            .on("PHONE")
            .paired(8)
            .with("used", true)
            .with("last_validated", 1_660_000_000_000),
        // Names a refresh token that is gone.
        token(5, ADA)
            .on("PHONE")
            .paired(99)
            .with("last_validated", 1_500_000_000_003),
        token(6, ADA)
            .on("PHONE")
            .with("last_validated", 1_670_000_000_000),
    ])
    .migrate();
    let ada = outcome.row("users", "username", "ada").get("user_id");
    outcome
        .row("compat_sessions", "user_id", ada.clone())
        .has("created_at", millis(1_660_000_000_000));
}

#[test]
fn d4_with_no_time_it_is_the_clock_of_the_run() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        device(ADA, "LAPTOP"),
        token(1, ADA).on("LAPTOP"),
    ])
    .migrate();
    for device in ["PHONE", "LAPTOP"] {
        outcome
            .row("compat_sessions", "device_id", device)
            .has("created_at", millis(NOW));
    }
    outcome.counted([]);
}

#[test]
fn d5_no_live_device_of_somebody_who_may_sign_in_is_left_out() {
    for account in [
        user(ADA),
        user(ADA).with("locked", true),
        user(ADA).with("approved", false),
        user(ADA).with("admin", 1),
        user(ADA).null("creation_ts"),
    ] {
        let devices = ["", " ", "PHONE", "phone", "Guest_device", "ÄÖ", "x:y/z"];
        let mut rows = vec![account];
        rows.extend(devices.map(|id| device(ADA, id)));
        let outcome = synapse(rows).migrate();
        let mut expected = devices.to_vec();
        expected.sort_unstable();
        assert_eq!(outcome.texts("compat_sessions", "device_id"), expected);
        outcome.ledger("sessions", ["written 7"]);
    }
}

#[test]
fn d5_a_dehydrated_device_gets_no_session_but_its_account_a_warning() {
    let outcome = synapse([
        user(ADA),
        user(BOB),
        device(ADA, "SHELVED"),
        device(ADA, "PHONE"),
        device(BOB, "SHELVED"),
        dehydrated(ADA, "SHELVED"),
    ])
    .migrate();
    let ada = outcome.row("users", "username", "ada").get("user_id");
    outcome
        .row("compat_sessions", "user_id", ada.clone())
        .has("device_id", "PHONE");
    outcome.row("compat_sessions", "device_id", "SHELVED");
    outcome.counted(["quiet dehydrated_device 1", "warn has_dehydrated_device 1"]);
    outcome.ledger("sessions", ["written 2", "dehydrated_device 1"]);
}

#[test]
fn d5_without_dehydrated_devices_there_is_no_warning() {
    let outcome = synapse([user(ADA), device(ADA, "PHONE")]).migrate();
    outcome.only("compat_sessions");
    outcome.counted([]);
}
