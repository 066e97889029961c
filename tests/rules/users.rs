//! U: accounts and passwords.

use mapwright::types::SeverityValue;

use super::fixture::*;

#[test]
fn u1_an_account_becomes_a_user_named_by_its_localpart() {
    let outcome = synapse([user(ADA), user(BOB)]).migrate();
    assert_eq!(outcome.texts("users", "username"), ["ada", "bob"]);
    outcome.ledger("accounts", ["written 2"]);
    outcome.counted([]);
}

#[test]
fn u1_upper_case_is_kept() {
    let outcome = synapse([user("@OldTimer:hs.example")]).migrate();
    outcome.only("users").has("username", "OldTimer");
}

#[test]
fn u1_an_account_of_an_application_service_becomes_no_user() {
    let outcome = synapse([bridge(ADA), user(BOB)]).migrate();
    outcome.only("users").has("username", "bob");
}

#[test]
fn u2_a_bridge_account_and_all_that_hangs_on_it_are_skipped_and_counted() {
    let outcome = synapse([
        bridge(ADA).with("password_hash", BCRYPT),
        email(ADA, "ada@mail.example"),
        threepid(ADA, "msisdn", "44700"),
        link(ADA, "oidc-forge", "subject"),
        device(ADA, "PHONE"),
        device(ADA, "KEYS").with("hidden", true),
        token(1, ADA).on("PHONE"),
        token(2, ADA),
        refresh_token(7, ADA, "PHONE"),
        token(3, ADA).on("PHONE").paired(7),
    ])
    .provider("oidc-forge", [9; 16])
    .migrate();
    outcome.empty(super::outcome::TARGETS);
    outcome.ledger("accounts", ["bridge_user 1"]);
    outcome.ledger("third_party_ids", ["owner bridge_user 2"]);
    outcome.ledger("upstream_links", ["owner bridge_user 1"]);
    outcome.ledger("sessions", ["owner bridge_user 2"]);
    outcome.ledger("access_tokens_and_sessions", ["owner bridge_user 3"]);
    outcome.ledger("refresh_tokens_of_pairs", ["owner bridge_user 1"]);
    outcome.counted(["quiet bridge_user 1"]);
}

#[test]
fn u2_a_bridge_account_with_a_colon_in_its_localpart_is_skipped_with_a_warning() {
    for (name, server) in [
        ("@irc_net:chan:hs.example", "hs.example"),
        ("@irc_net:chan:hs.example:8448", "hs.example:8448"),
        ("@irc_net:#a:b:c:hs.example", "hs.example"),
        ("@irc_net:hs.example:hs.example", "hs.example"),
        ("@:chan:hs.example", "hs.example"),
        ("@irc_net::hs.example", "hs.example"),
    ] {
        let outcome = synapse([bridge(name), token(1, name), device(name, "X")])
            .server_name(server)
            .migrate();
        outcome.counted(["warn bridge_user_with_colon 1"]);
        outcome.ledger("accounts", ["bridge_user_with_colon 1"]);
        outcome.ledger("sessions", ["owner bridge_user_with_colon 1"]);
        assert_eq!(outcome.samples("bridge_user_with_colon"), [name]);
        outcome.empty(["users"]);
    }
}

#[test]
fn u2_the_colons_of_the_server_name_are_none_of_the_localpart() {
    for (name, server) in [
        ("@irc_chan:hs.example", "hs.example"),
        ("@irc_chan:hs.example:8448", "hs.example:8448"),
        ("@irc_chan:[::1]:8448", "[::1]:8448"),
    ] {
        let outcome = synapse([bridge(name)]).server_name(server).migrate();
        outcome.counted(["quiet bridge_user 1"]);
    }
}

#[test]
fn u2_an_odd_name_of_a_bridge_is_never_an_error() {
    for name in [
        "irc_bot",
        "",
        "@irc",
        "irc:hs.example",
        "@irc:elsewhere.org",
        // No localpart of this server holds this colon.
        "@irc:chan:elsewhere.org",
    ] {
        let outcome = synapse([bridge(name)]).migrate();
        outcome.counted(["quiet bridge_user 1"]);
        outcome.ledger("accounts", ["bridge_user 1"]);
    }
}

#[test]
fn u2_a_colon_in_the_name_of_somebody_elses_account_is_no_bridge() {
    // Without `appservice_id` it is U6.
    let outcome = synapse([user("@irc_net:chan:hs.example")]).migrate();
    outcome.counted(["error foreign_user 1"]);
}

#[test]
fn u3_times_and_flags_of_an_ordinary_account() {
    synapse([user(ADA)])
        .migrate()
        .only("users")
        .has("created_at", seconds(CREATED))
        .has("can_request_admin", false)
        .has("is_guest", false)
        .nulls(["locked_at", "deactivated_at"]);
}

#[test]
fn u3_locked_and_deactivated_are_independent() {
    for (locked, gone) in [(false, 0), (false, 1), (true, 0), (true, 1), (true, 2)] {
        let account = user(ADA).with("locked", locked).with("deactivated", gone);
        let outcome = synapse([account]).migrate();
        let row = outcome.only("users");
        if locked {
            row.has("locked_at", seconds(CREATED));
        } else {
            row.nulls(["locked_at"]);
        }
        if gone == 0 {
            row.nulls(["deactivated_at"]);
        } else {
            row.has("deactivated_at", seconds(CREATED));
        }
    }
}

#[test]
fn u3_every_number_but_zero_makes_an_administrator() {
    for (admin, expected) in [(0, false), (1, true), (2, true), (-1, true), (32_767, true)] {
        let outcome = synapse([user(ADA).with("admin", admin)]).migrate();
        outcome.only("users").has("can_request_admin", expected);
        if expected {
            outcome.counted(["quiet administrator 1"]);
        } else {
            outcome.counted([]);
        }
    }
}

#[test]
fn u3_guests_are_migrated_as_rows() {
    for number in [1, 2] {
        let outcome = synapse([user(ADA).with("is_guest", number)]).migrate();
        outcome.only("users").has("is_guest", true);
        outcome.ledger("accounts", ["written 1"]);
    }
}

#[test]
fn u4_a_bcrypt_hash_becomes_a_password_of_version_one() {
    for hash in [
        BCRYPT.to_owned(),
        BCRYPT.replace("$2b$", "$2a$"),
        BCRYPT.replace("$12$", "$04$"),
    ] {
        let outcome = synapse([user(ADA).with("password_hash", hash.as_str())]).migrate();
        let owner = outcome.only("users").get("user_id").clone();
        outcome
            .only("user_passwords")
            .has("user_id", owner)
            .has("hashed_password", hash)
            .has("version", 1)
            .has("created_at", seconds(CREATED))
            .nulls(["upgraded_from_id"]);
        outcome.counted([]);
    }
}

#[test]
fn u4_no_hash_makes_no_password() {
    let outcome = synapse([user(ADA).null("password_hash")]).migrate();
    outcome.only("users");
    outcome.empty(["user_passwords"]);
    outcome.counted([]);
}

#[test]
fn u4_locked_guest_and_deactivated_accounts_keep_their_password() {
    for account in [user(ADA).with("locked", true), deactivated(ADA), guest(ADA)] {
        let outcome = synapse([account.with("password_hash", BCRYPT)]).migrate();
        outcome
            .only("user_passwords")
            .has("hashed_password", BCRYPT);
    }
}

#[test]
fn u5_unapproved_user_is_locked() {
    let outcome = synapse([user(ADA).with("approved", false)]).migrate();
    outcome.only("users").has("locked_at", seconds(CREATED));
    outcome.counted(["warn unapproved_user 1"]);
    outcome.ledger("accounts", ["written 1"]);
    assert_eq!(outcome.samples("unapproved_user"), [ADA]);
}

#[test]
fn u5_null_means_approved() {
    for account in [user(ADA).null("approved"), user(ADA).with("approved", true)] {
        let outcome = synapse([account]).migrate();
        outcome.only("users").nulls(["locked_at"]);
        outcome.counted([]);
    }
}

#[test]
fn u5_how_much_an_unapproved_account_matters_is_a_parameter() {
    let waiting = || synapse([user(ADA).with("approved", false), device(ADA, "PHONE")]);
    let strict = waiting().severity("unapproved_users", SeverityValue::Error);
    let outcome = strict.migrate();
    outcome.counted(["error unapproved_user 1"]);
    outcome.ledger("accounts", ["rejected unapproved_user 1"]);
    outcome.ledger("sessions", ["owner unapproved_user 1"]);
    let silent = waiting().severity("unapproved_users", SeverityValue::Quiet);
    let outcome = silent.migrate();
    outcome.counted(["quiet unapproved_user 1"]);
    outcome.only("users").has("locked_at", seconds(CREATED));
}

#[test]
fn u5_suspended_and_shadow_banned_change_nothing() {
    let plain = synapse([user(ADA)]).migrate();
    let enforced = user(ADA)
        .with("suspended", true)
        .with("shadow_banned", true);
    let outcome = synapse([enforced]).migrate();
    assert_eq!(outcome.bytes, plain.bytes);
    outcome.counted([]);
}

#[test]
fn u5_a_validity_that_has_run_out_is_worth_a_warning() {
    for (end, expected) in [(NOW - 1, true), (NOW + 1, false)] {
        let outcome = synapse([user(ADA), validity(ADA, end)]).migrate();
        outcome.only("users").nulls(["locked_at", "deactivated_at"]);
        if expected {
            outcome.counted(["warn expired_validity 1"]);
        } else {
            outcome.counted([]);
        }
    }
}

#[test]
fn u6_an_account_that_is_not_of_this_server_is_an_error() {
    for name in [
        "@ada:elsewhere.org",
        "ada:hs.example",
        "@ada",
        "ada",
        "",
        "@",
        "hs.example",
        "x@ada:hs.example",
    ] {
        let outcome = synapse([user(name), user(BOB)]).migrate();
        outcome.counted(["error foreign_user 1"]);
        outcome.ledger("accounts", ["written 1", "rejected foreign_user 1"]);
        let shown = if name.is_empty() { "name=\"\"" } else { name };
        assert_eq!(outcome.samples("foreign_user"), [shown]);
        // Nothing at all may be written, not even of others.
        outcome.empty(super::outcome::TARGETS);
    }
}

#[test]
fn u6_all_such_accounts_are_found_in_one_run() {
    let rows = (0..40).map(|n| user(&format!("@user{n}:elsewhere.org")));
    let outcome = synapse(rows).migrate();
    outcome.counted(["error foreign_user 40"]);
    assert_eq!(outcome.report.rejected, 40);
}

#[test]
fn u6_an_account_of_this_server_is_none() {
    let outcome = synapse([user(ADA)]).migrate();
    assert_eq!(outcome.report.rejected, 0);
    outcome.counted([]);
}
