//! X: what real servers hold besides what they should.

use std::collections::BTreeSet;

use mapwright::plan::ReasonSeverity;
use mapwright::types::SeverityValue;

use super::fixture::*;
use super::outcome::TARGETS;

const NOBODY: &str = "@nobody:hs.example";

/// A row of every dependent table whose account is not there.
fn orphans() -> Vec<Row> {
    vec![
        user(ADA),
        email(NOBODY, "nobody@mail.example"),
        link(NOBODY, "oidc", "subject"),
        device(NOBODY, "PHONE"),
        device(NOBODY, "KEYS").with("hidden", true),
        token(1, NOBODY).on("PHONE"),
        token(2, NOBODY),
        token(3, NOBODY).on("PHONE").paired(7),
        refresh_token(7, NOBODY, "PHONE"),
        validity(NOBODY, 1),
        dehydrated(NOBODY, "SHELVED"),
    ]
}

const DEPENDENTS: [(&str, u64); 5] = [
    ("third_party_ids", 1),
    ("upstream_links", 1),
    ("sessions", 2),
    ("access_tokens_and_sessions", 3),
    ("refresh_tokens_of_pairs", 1),
];

#[test]
fn x1_rows_of_no_account_are_skipped_and_counted() {
    let outcome = synapse(orphans()).migrate();
    outcome.only("users").has("username", "ada");
    for table in TARGETS.iter().filter(|table| **table != "users") {
        outcome.empty([table]);
    }
    for (map, rows) in DEPENDENTS {
        outcome.ledger(map, [format!("orphan {rows}").as_str()]);
    }
    outcome.counted(["warn orphan 8"]);
    assert_eq!(outcome.samples("orphan").len(), 5);
}

#[test]
fn x1_what_orphans_are_is_a_parameter() {
    let strict = synapse(orphans())
        .severity("orphans", SeverityValue::Error)
        .migrate();
    strict.counted(["error orphan 8"]);
    for (map, rows) in DEPENDENTS {
        strict.ledger(map, [format!("rejected orphan {rows}").as_str()]);
    }
    let silent = synapse(orphans())
        .severity("orphans", SeverityValue::Quiet)
        .migrate();
    silent.counted(["quiet orphan 8"]);
    silent.only("users");
}

#[test]
fn x1_the_account_is_found_by_its_exact_name() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        device("@Ada:hs.example", "PHONE"),
        device("@ada:hs.example ", "PHONE"),
    ])
    .migrate();
    outcome.only("compat_sessions");
    outcome.ledger("sessions", ["written 1", "orphan 2"]);
}

#[test]
fn x2_a_device_of_which_nothing_is_known_gets_its_session() {
    let bare = device(ADA, "PHONE").null("hidden");
    let outcome = synapse([user(ADA), bare]).migrate();
    outcome.only("compat_sessions").has("device_id", "PHONE");
    outcome.counted([]);
}

#[test]
fn x2_an_account_without_creation_time_gets_the_clock_of_the_run() {
    let account = user(ADA)
        .null("creation_ts")
        .with("locked", true)
        .with("password_hash", BCRYPT);
    let outcome = synapse([account, link(ADA, "oidc", "subject")])
        .provider("oidc", [1; 16])
        .migrate();
    outcome
        .only("users")
        .has("created_at", millis(NOW))
        .has("locked_at", millis(NOW));
    outcome
        .only("user_passwords")
        .has("created_at", millis(NOW));
    outcome
        .only("upstream_oauth_links")
        .has("created_at", millis(NOW));
    outcome.counted(["warn no_creation_time 1", "quiet locked_user 1"]);
}

#[test]
fn x2_an_account_without_name_is_skipped_with_a_warning() {
    let outcome = synapse([
        user(ADA),
        user(ADA).null("name"),
        bridge(ADA).null("name"),
        device(ADA, "PHONE"),
    ])
    .migrate();
    outcome.only("users");
    outcome.only("compat_sessions");
    outcome.ledger("accounts", ["written 1", "nameless_user 2"]);
    outcome.counted(["warn nameless_user 2"]);
}

#[test]
fn x3_an_empty_password_hash_is_not_a_password() {
    let outcome = synapse([user(ADA).with("password_hash", "")]).migrate();
    outcome.only("users");
    outcome.empty(["user_passwords"]);
    outcome.counted([]);
}

#[test]
fn x3_an_empty_device_id_of_a_token_is_none() {
    // Even beside a device whose ID is empty.
    for rows in [vec![], vec![device(ADA, "")]] {
        let devices = rows.len();
        let mut rows = rows;
        rows.extend([
            user(ADA),
            token(1, ADA)
                .on("")
                .with("last_validated", 1_650_000_000_000),
        ]);
        let outcome = synapse(rows).migrate();
        let token = outcome.only("compat_access_tokens");
        let session = token.get("compat_session_id").clone();
        outcome
            .row("compat_sessions", "compat_session_id", session)
            .has("created_at", millis(1_650_000_000_000))
            .nulls(["device_id"]);
        assert_eq!(outcome.rows("compat_sessions").len(), 1 + devices);
        if devices == 1 {
            // The token is not the device's, and says nothing of its age.
            outcome
                .row("compat_sessions", "device_id", "")
                .has("created_at", millis(NOW));
        }
        outcome.counted(["warn empty_device_id 1"]);
    }
}

#[test]
fn x3_a_blank_device_id_is_not_empty() {
    let outcome = synapse([user(ADA), device(ADA, " "), token(1, ADA).on(" ")]).migrate();
    outcome.only("compat_sessions").has("device_id", " ");
    outcome.only("compat_access_tokens");
    outcome.counted([]);
}

#[test]
fn x4_one_mailbox_in_different_case_is_kept_for_both() {
    let outcome = synapse([
        user(ADA),
        user(BOB),
        email(ADA, "info@mail.example"),
        email(BOB, "Info@mail.example"),
    ])
    .migrate();
    assert_eq!(
        outcome.texts("user_emails", "email"),
        ["Info@mail.example", "info@mail.example"]
    );
}

#[test]
fn x4_long_addresses_are_kept_and_counted() {
    for (length, counted) in [(255, false), (256, true), (5_000, true)] {
        let tail = "@mail.example";
        // Characters count, not bytes.
        let address = "ä".repeat(length - tail.len()) + tail;
        let outcome = synapse([user(ADA), email(ADA, &address)]).migrate();
        outcome.only("user_emails").has("email", address);
        if counted {
            outcome.counted(["warn long_email 1"]);
        } else {
            outcome.counted([]);
        }
    }
}

#[test]
fn x4_any_unicode_passes_unchanged() {
    for text in [
        "",
        " ",
        "Ada's \u{1F4F1} — 手机",
        "e\u{301} is not \u{e9}",
        "\u{202e}reversed",
        "\u{1}\u{7f}\u{85}\u{feff}",
        "line\nbreak\ttab\r",
        "\u{10ffff}\u{fffd}",
        "'; DROP TABLE users; --",
    ] {
        let known = device(ADA, "PHONE")
            .with("display_name", text)
            .with("user_agent", text);
        let outcome = synapse([user(ADA), known, email(ADA, text)]).migrate();
        outcome
            .only("compat_sessions")
            .has("human_name", text)
            .has("user_agent", text);
        outcome.only("user_emails").has("email", text);
        outcome.counted([]);
    }
}

#[test]
fn x4_a_user_agent_of_kilobytes_passes_unchanged() {
    let long = "Mozilla/5.0 ".repeat(20_000);
    let known = device(ADA, "PHONE").with("user_agent", long.as_str());
    let outcome = synapse([user(ADA), known]).migrate();
    outcome.only("compat_sessions").has("user_agent", long);
}

#[test]
fn x5_names_that_differ_by_case_alone_stay_two_users() {
    let upper = "@ADA:hs.example";
    let outcome = synapse([
        user(ADA).with("password_hash", BCRYPT),
        user(upper),
        device(ADA, "PHONE"),
        device(upper, "LAPTOP"),
    ])
    .migrate();
    assert_eq!(outcome.texts("users", "username"), ["ADA", "ada"]);
    for (name, device) in [("ada", "PHONE"), ("ADA", "LAPTOP")] {
        let owner = outcome.row("users", "username", name).get("user_id");
        outcome
            .row("compat_sessions", "device_id", device)
            .has("user_id", owner.clone());
    }
}

#[test]
fn x5_each_row_finds_the_account_of_its_own_case() {
    let upper = "@ADA:hs.example";
    let outcome = synapse([
        bridge(upper),
        user(ADA),
        device(upper, "X"),
        device(ADA, "Y"),
    ])
    .migrate();
    outcome.only("compat_sessions").has("device_id", "Y");
    outcome.ledger("sessions", ["written 1", "owner bridge_user 1"]);
}

/// Times that cannot be, in milliseconds.
const IMPOSSIBLE_MILLIS: [i64; 7] = [
    0,
    -1,
    i64::MIN,
    // 2101-01-01T00:00:00Z, and what a ULID's 48 bits and PostgreSQL hold.
    4_133_980_800_000,
    1 << 48,
    9_223_372_036_854_775,
    i64::MAX,
];

/// Times at the edges of what can be, in milliseconds.
const POSSIBLE_MILLIS: [i64; 3] = [1, NOW + 86_400_000, 4_133_980_799_999];

#[test]
fn x6_an_impossible_creation_time_becomes_the_clock_of_the_run() {
    for time in [
        0,
        -1,
        i64::MIN,
        i64::MAX,
        // 2101-01-01T00:00:00Z in seconds.
        4_133_980_800,
        // A ULID's last millisecond, as seconds.
        1 << 48,
    ] {
        let outcome = synapse([user(ADA).with("creation_ts", time)]).migrate();
        outcome.only("users").has("created_at", millis(NOW));
        outcome.counted(["warn no_creation_time 1"]);
        outcome.ledger("accounts", ["written 1"]);
    }
}

#[test]
fn x6_a_possible_creation_time_is_kept() {
    for time in [1, NOW / 1_000 + 1, 4_133_980_799] {
        let outcome = synapse([user(ADA).with("creation_ts", time)]).migrate();
        outcome.only("users").has("created_at", seconds(time));
        outcome.counted([]);
    }
}

#[test]
fn x6_an_impossible_last_validation_is_as_if_null() {
    for time in IMPOSSIBLE_MILLIS {
        let outcome = synapse([
            user(ADA),
            device(ADA, "PHONE"),
            token(1, ADA).on("PHONE").with("last_validated", time),
            token(2, ADA)
                .on("PHONE")
                .with("last_validated", 1_650_000_000_000),
            token(3, ADA).with("last_validated", time),
        ])
        .migrate();
        for token in ["syt_1", "syt_3"] {
            outcome
                .row("compat_access_tokens", "access_token", token)
                .has("created_at", millis(NOW));
        }
        // Nor does it count for the device's age.
        outcome
            .row("compat_sessions", "device_id", "PHONE")
            .has("created_at", millis(1_650_000_000_000));
        outcome.counted(["warn impossible_time 2"]);
    }
}

#[test]
fn x6_a_device_with_impossible_times_alone_is_of_the_run() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        token(1, ADA).on("PHONE").with("last_validated", 0),
        token(2, ADA).on("PHONE").with("last_validated", i64::MIN),
    ])
    .migrate();
    outcome
        .only("compat_sessions")
        .has("created_at", millis(NOW));
    outcome.counted(["warn impossible_time 2"]);
}

#[test]
fn x6_impossible_last_seen_and_expiry_become_null() {
    for time in IMPOSSIBLE_MILLIS {
        let outcome = synapse([
            user(ADA),
            device(ADA, "PHONE").with("last_seen", time),
            token(1, ADA).on("PHONE").with("valid_until_ms", time),
        ])
        .migrate();
        outcome.only("compat_sessions").nulls(["last_active_at"]);
        outcome.only("compat_access_tokens").nulls(["expires_at"]);
        outcome.counted(["warn impossible_time 2"]);
    }
}

#[test]
fn x6_an_impossible_time_of_adding_becomes_the_accounts_creation() {
    for time in IMPOSSIBLE_MILLIS {
        let outcome = synapse([
            user(ADA),
            email(ADA, "ada@mail.example").with("added_at", time),
            threepid(ADA, "msisdn", "44700").with("added_at", time),
        ])
        .migrate();
        outcome
            .only("user_emails")
            .has("created_at", seconds(CREATED));
        outcome
            .only("user_unsupported_third_party_ids")
            .has("created_at", seconds(CREATED));
        outcome.counted(["warn impossible_time 2", "warn phone_number_kept_apart 1"]);
    }
}

#[test]
fn x6_possible_times_are_kept_to_the_millisecond() {
    for time in POSSIBLE_MILLIS {
        let outcome = synapse([
            user(ADA),
            email(ADA, "ada@mail.example").with("added_at", time),
            device(ADA, "PHONE").with("last_seen", time),
            token(1, ADA)
                .on("PHONE")
                .with("last_validated", time)
                .with("valid_until_ms", 4_133_980_799_999),
        ])
        .migrate();
        outcome.only("user_emails").has("created_at", millis(time));
        outcome
            .only("compat_sessions")
            .has("last_active_at", millis(time))
            .has("created_at", millis(time));
        outcome
            .only("compat_access_tokens")
            .has("created_at", millis(time))
            .has("expires_at", millis(4_133_980_799_999));
        outcome.counted([]);
    }
}

#[test]
fn x7_hashes_that_are_not_bcrypt_are_left_out_and_counted() {
    let longer = format!("{BCRYPT}x");
    let shorter = &BCRYPT[..59];
    for hash in [
        "{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=",
        "x",
        &BCRYPT.replacen('$', "x", 1),
        &format!("x{BCRYPT}"),
        &BCRYPT.replace("$2b$", "$2x$"),
        &BCRYPT.replace("$2b$", "$2$"),
        &BCRYPT.replace("$2b$", "$2B$"),
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        &longer,
        shorter,
        " ",
    ] {
        let outcome = synapse([user(ADA).with("password_hash", hash)]).migrate();
        outcome.only("users");
        outcome.empty(["user_passwords"]);
        outcome.counted(["warn password_not_bcrypt 1"]);
        outcome.ledger("accounts", ["written 1"]);
        assert_eq!(outcome.samples("password_not_bcrypt"), [ADA]);
    }
}

#[test]
fn x7_the_three_forms_of_bcrypt_are_migrated() {
    for form in ["$2a$", "$2b$", "$2y$"] {
        let hash = BCRYPT.replace("$2b$", form);
        let outcome = synapse([user(ADA).with("password_hash", hash.as_str())]).migrate();
        outcome.only("user_passwords").has("hashed_password", hash);
        outcome.counted([]);
    }
}

#[test]
fn x8_a_creation_time_in_milliseconds_is_taken_as_such() {
    // From 2014-01-01T00:00:00Z to the moment of the run.
    for time in [1_388_534_400_000, 1_600_000_000_123, NOW - 1, NOW] {
        let outcome = synapse([user(ADA).with("creation_ts", time)]).migrate();
        outcome.only("users").has("created_at", millis(time));
        outcome.counted(["warn creation_time_in_millis 1"]);
    }
}

#[test]
fn x8_other_large_numbers_are_impossible_times() {
    for time in [1_388_534_399_999, NOW + 1, 4_133_980_799_999] {
        let outcome = synapse([user(ADA).with("creation_ts", time)]).migrate();
        outcome.only("users").has("created_at", millis(NOW));
        outcome.counted(["warn no_creation_time 1"]);
    }
}

#[test]
fn x8_a_creation_time_in_seconds_is_left_alone() {
    for time in [1_388_534_400, CREATED, 4_133_980_799] {
        let outcome = synapse([user(ADA).with("creation_ts", time)]).migrate();
        outcome.only("users").has("created_at", seconds(time));
        outcome.counted([]);
    }
}

#[test]
fn x9_what_is_quiet_and_nothing_else_is() {
    let quiet: BTreeSet<&str> = plan()
        .reasons
        .iter()
        .filter(|reason| reason.severity == ReasonSeverity::Fixed(SeverityValue::Quiet))
        .map(|reason| reason.name.as_str())
        .collect();
    let expected = [
        "hidden_device",
        "guest_device",
        "dehydrated_device",
        "superseded_pair",
        "puppet_token",
        "bridge_user",
        "of_deactivated_user",
        "of_guest",
        // Of accounts that are migrated: they end nothing and are only counted.
        "administrator",
        "deactivated_user",
        "locked_user",
        // The language's own: counted under the owner's reason besides.
        "owner_not_migrated",
    ];
    assert_eq!(quiet, BTreeSet::from(expected));
}

#[test]
fn x9_every_row_has_one_fate_where_all_of_them_meet() {
    let outcome = synapse([
        user(ADA).with("password_hash", BCRYPT),
        deactivated(BOB),
        guest("@guest:hs.example"),
        bridge("@irc_a:hs.example"),
        bridge("@irc_a:b:hs.example"),
        user(ADA).null("name"),
        email(ADA, "ada@mail.example"),
        threepid(BOB, "msisdn", "1"),
        email("@irc_a:hs.example", "irc@mail.example"),
        email(NOBODY, "nobody@mail.example"),
        link(ADA, "oidc", "one"),
        link(ADA, "gone", "two"),
        device(ADA, "PHONE").with("ip", "garbage"),
        device(ADA, "KEYS").with("hidden", true),
        device(ADA, "guest_device"),
        device(ADA, "SHELVED"),
        dehydrated(ADA, "SHELVED"),
        device(BOB, "PHONE"),
        device("@guest:hs.example", "guest_device"),
        device("@irc_a:b:hs.example", "PHONE"),
        device(NOBODY, "PHONE"),
        token(1, ADA).on("PHONE"),
        token(2, ADA),
        token(3, ADA).with("puppets_user_id", BOB),
        token(4, ADA).on("GONE"),
        token(5, ADA).on("KEYS"),
        token(6, ADA).on("PHONE").paired(99),
        token(7, BOB).on("PHONE"),
        token(8, "@guest:hs.example").on("guest_device"),
        token(9, NOBODY),
        refresh_token(70, ADA, "PHONE").followed_by(80),
        refresh_token(80, ADA, "PHONE"),
        refresh_token(90, ADA, "PHONE"),
        token(70, ADA).on("PHONE").paired(70),
        token(79, ADA).on("PHONE").paired(80),
        token(80, ADA).on("PHONE").paired(80).with("used", true),
    ])
    .provider("oidc", [1; 16])
    .severity("missing_providers", SeverityValue::Warn)
    .migrate();
    outcome.ledger(
        "accounts",
        [
            "written 3",
            "bridge_user 1",
            "bridge_user_with_colon 1",
            "nameless_user 1",
        ],
    );
    outcome.ledger(
        "third_party_ids",
        ["written 2", "owner bridge_user 1", "orphan 1"],
    );
    outcome.ledger("upstream_links", ["written 1", "missing_provider 1"]);
    outcome.ledger(
        "sessions",
        [
            "written 1",
            "hidden_device 1",
            "guest_device 2",
            "dehydrated_device 1",
            "of_deactivated_user 1",
            "owner bridge_user_with_colon 1",
            "orphan 1",
        ],
    );
    outcome.ledger(
        "access_tokens_and_sessions",
        [
            "written 3",
            "puppet_token 1",
            "token_without_device 1",
            "token_of_skipped_device 1",
            "broken_pair 1",
            "of_deactivated_user 1",
            "of_guest 1",
            "orphan 1",
            "superseded_pair 1",
            "older_of_pair 1",
        ],
    );
    outcome.ledger(
        "refresh_tokens_of_pairs",
        ["written 1", "superseded_pair 1", "refresh_token_alone 1"],
    );
}

#[test]
fn x10_rows_of_a_skipped_account_are_counted_under_its_reason() {
    let outcome = synapse([
        bridge(ADA),
        device(ADA, "PHONE"),
        token(1, ADA).on("PHONE"),
        token(2, ADA),
    ])
    .migrate();
    outcome.counted(["quiet bridge_user 1"]);
    let report = &outcome.report.reasons[0];
    assert_eq!((report.rows, report.dependents), (1, 3));
}

#[test]
fn x10_rows_of_a_rejected_account_are_counted_under_its_reason() {
    let stranger = "@ada:elsewhere.org";
    let outcome = synapse([
        user(stranger),
        email(stranger, "ada@mail.example"),
        link(stranger, "oidc", "subject"),
        device(stranger, "PHONE"),
        token(1, stranger).on("PHONE"),
        token(2, stranger),
        refresh_token(7, stranger, "PHONE"),
        token(3, stranger).on("PHONE").paired(7),
    ])
    .provider("oidc", [1; 16])
    .migrate();
    outcome.counted(["error foreign_user 1"]);
    outcome.ledger("accounts", ["rejected foreign_user 1"]);
    outcome.ledger("third_party_ids", ["owner foreign_user 1"]);
    outcome.ledger("upstream_links", ["owner foreign_user 1"]);
    outcome.ledger("sessions", ["owner foreign_user 1"]);
    outcome.ledger("access_tokens_and_sessions", ["owner foreign_user 3"]);
    outcome.ledger("refresh_tokens_of_pairs", ["owner foreign_user 1"]);
}

#[test]
fn x10_a_row_whose_account_is_not_there_is_an_orphan() {
    let outcome = synapse([bridge(ADA), device(ADA, "PHONE"), device(NOBODY, "PHONE")]).migrate();
    outcome.ledger("sessions", ["owner bridge_user 1", "orphan 1"]);
    outcome.counted(["quiet bridge_user 1", "warn orphan 1"]);
}
