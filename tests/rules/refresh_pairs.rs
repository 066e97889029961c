//! R: pairs of a refresh token and an access token.

use super::fixture::*;
use super::outcome::Outcome;

/// An account with one device and one pair on it: refresh token 7, access token 1.
fn one_pair() -> Vec<Row> {
    vec![
        user(ADA),
        device(ADA, "PHONE"),
        refresh_token(7, ADA, "PHONE"),
        token(1, ADA).on("PHONE").paired(7),
    ]
}

/// An account whose first pair (7, 1) was refreshed to the second (8, 2), in this state of use.
fn refreshed(used: Option<bool>) -> Vec<Row> {
    let successor = token(2, ADA).on("PHONE").paired(8);
    vec![
        user(ADA),
        device(ADA, "PHONE"),
        refresh_token(7, ADA, "PHONE").followed_by(8),
        token(1, ADA).on("PHONE").paired(7),
        refresh_token(8, ADA, "PHONE"),
        match used {
            None => successor.null("used"),
            Some(used) => successor.with("used", used),
        },
    ]
}

#[track_caller]
fn lives(outcome: &Outcome, access: &[&str], refresh: &[&str]) {
    let table = "compat_access_tokens";
    assert_eq!(outcome.texts(table, "access_token"), access);
    let table = "compat_refresh_tokens";
    assert_eq!(outcome.texts(table, "refresh_token"), refresh);
}

#[test]
fn r1_a_pair_on_a_migrated_device_is_written() {
    let outcome = synapse(one_pair()).migrate();
    let session = outcome
        .only("compat_sessions")
        .get("compat_session_id")
        .clone();
    let access = outcome
        .only("compat_access_tokens")
        .has("access_token", "syt_1")
        .has("compat_session_id", session.clone());
    outcome
        .only("compat_refresh_tokens")
        .has("refresh_token", "syr_7")
        .has("compat_session_id", session)
        .has(
            "compat_access_token_id",
            access.get("compat_access_token_id").clone(),
        );
    outcome.ledger("refresh_tokens_of_pairs", ["written 1"]);
    outcome.ledger("access_tokens_and_sessions", ["written 1"]);
    outcome.counted([]);
}

#[test]
fn r1_tokens_of_different_devices_are_no_pair() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        device(ADA, "LAPTOP"),
        refresh_token(7, ADA, "PHONE"),
        token(1, ADA).on("LAPTOP").paired(7),
    ])
    .migrate();
    lives(&outcome, &[], &[]);
    outcome.ledger("access_tokens_and_sessions", ["broken_pair 1"]);
    outcome.ledger("refresh_tokens_of_pairs", ["refresh_token_alone 1"]);
    outcome.counted(["warn broken_pair 1", "warn refresh_token_alone 1"]);
}

#[test]
fn r1_tokens_of_different_accounts_are_no_pair() {
    let outcome = synapse([
        user(ADA),
        user(BOB),
        device(ADA, "PHONE"),
        device(BOB, "PHONE"),
        refresh_token(7, ADA, "PHONE"),
        token(1, BOB).on("PHONE").paired(7),
    ])
    .migrate();
    lives(&outcome, &[], &[]);
    outcome.counted(["warn broken_pair 1", "warn refresh_token_alone 1"]);
}

#[test]
fn r1_a_pair_whose_device_is_not_migrated_is_skipped() {
    for (rows, access, refresh) in [
        // Hidden: the device is there, but no login.
        (
            vec![device(ADA, "PHONE").with("hidden", true)],
            "token_of_skipped_device 1",
            "token_of_skipped_device 1",
        ),
        (
            vec![device(ADA, "PHONE"), dehydrated(ADA, "PHONE")],
            "token_of_skipped_device 1",
            "token_of_skipped_device 1",
        ),
        // Vanished.
        (vec![], "token_without_device 1", "token_without_device 1"),
    ] {
        let mut rows = rows;
        rows.extend([
            user(ADA),
            refresh_token(7, ADA, "PHONE"),
            token(1, ADA).on("PHONE").paired(7),
        ]);
        let outcome = synapse(rows).migrate();
        lives(&outcome, &[], &[]);
        outcome.ledger("access_tokens_and_sessions", [access]);
        outcome.ledger("refresh_tokens_of_pairs", [refresh]);
    }
}

#[test]
fn r1_tokens_of_no_device_are_no_pair() {
    // An empty device ID is none, even beside a device whose ID is empty.
    for devices in [vec![], vec![device(ADA, "")]] {
        let mut rows = devices;
        rows.extend([
            user(ADA),
            refresh_token(7, ADA, ""),
            token(1, ADA).on("").paired(7),
        ]);
        let outcome = synapse(rows).migrate();
        lives(&outcome, &[], &[]);
        outcome.counted(["warn broken_pair 1", "warn refresh_token_alone 1"]);
    }
}

#[test]
fn r1_a_pair_that_puppets_somebody_is_not_written() {
    let mut rows = one_pair();
    rows[3] = rows[3].clone().with("puppets_user_id", BOB);
    let outcome = synapse(rows).migrate();
    lives(&outcome, &[], &[]);
    outcome.ledger("access_tokens_and_sessions", ["puppet_token 1"]);
    outcome.ledger("refresh_tokens_of_pairs", ["refresh_token_alone 1"]);
}

#[test]
fn r1_deactivated_accounts_guests_and_bridges_bring_none() {
    for (account, fate) in [
        (deactivated(ADA), "of_deactivated_user 1"),
        (guest(ADA), "of_guest 1"),
        (bridge(ADA), "owner bridge_user 1"),
    ] {
        let mut rows = one_pair();
        rows[0] = account;
        let outcome = synapse(rows).migrate();
        lives(&outcome, &[], &[]);
        outcome.empty(["compat_sessions"]);
        outcome.ledger("access_tokens_and_sessions", [fate]);
        outcome.ledger("refresh_tokens_of_pairs", [fate]);
    }
}

#[test]
fn r2_a_pair_whose_successor_is_in_use_is_skipped_quietly() {
    let outcome = synapse(refreshed(Some(true))).migrate();
    lives(&outcome, &["syt_2"], &["syr_8"]);
    outcome.ledger(
        "access_tokens_and_sessions",
        ["written 1", "superseded_pair 1"],
    );
    outcome.ledger(
        "refresh_tokens_of_pairs",
        ["written 1", "superseded_pair 1"],
    );
    outcome.counted(["quiet superseded_pair 2"]);
}

#[test]
fn r2_while_the_successor_is_unused_both_pairs_live() {
    for used in [None, Some(false)] {
        let outcome = synapse(refreshed(used)).migrate();
        lives(&outcome, &["syt_1", "syt_2"], &["syr_7", "syr_8"]);
        outcome.counted([]);
    }
}

#[test]
fn r2_whether_the_pair_itself_is_used_does_not_matter() {
    let mut rows = refreshed(Some(false));
    rows[3] = rows[3].clone().with("used", true);
    let outcome = synapse(rows).migrate();
    lives(&outcome, &["syt_1", "syt_2"], &["syr_7", "syr_8"]);
}

#[test]
fn r2_a_successor_of_another_account_says_nothing() {
    let outcome = synapse([
        user(ADA),
        user(BOB),
        device(ADA, "PHONE"),
        device(BOB, "PHONE"),
        refresh_token(7, ADA, "PHONE").followed_by(8),
        token(1, ADA).on("PHONE").paired(7),
        refresh_token(8, BOB, "PHONE"),
        token(2, BOB).on("PHONE").paired(8).with("used", true),
    ])
    .migrate();
    lives(&outcome, &["syt_1", "syt_2"], &["syr_7", "syr_8"]);
    outcome.counted([]);
}

#[test]
fn r2_a_successor_without_access_token_supersedes_nothing() {
    let mut rows = one_pair();
    rows[2] = rows[2].clone().followed_by(8);
    rows.push(refresh_token(8, ADA, "PHONE"));
    let outcome = synapse(rows).migrate();
    lives(&outcome, &["syt_1"], &["syr_7"]);
    outcome.counted(["warn refresh_token_alone 1"]);
}

#[test]
fn r2_of_a_chain_the_last_used_pair_and_what_follows_it_live() {
    let mut rows = vec![user(ADA), device(ADA, "PHONE")];
    for n in 1..=5 {
        let refresh = refresh_token(n, ADA, "PHONE");
        rows.push(if n < 5 {
            refresh.followed_by(n + 1)
        } else {
            refresh
        });
        rows.push(token(n, ADA).on("PHONE").paired(n).with("used", n <= 3));
    }
    let outcome = synapse(rows).migrate();
    // 1 and 2 have used successors; 3 is used itself, its successor 4 is not.
    lives(
        &outcome,
        &["syt_3", "syt_4", "syt_5"],
        &["syr_3", "syr_4", "syr_5"],
    );
    outcome.counted(["quiet superseded_pair 4"]);
}

#[test]
fn r3_both_rows_are_of_the_access_tokens_time() {
    let mut rows = one_pair();
    rows[2] = rows[2]
        .clone()
        .with("expiry_ts", NOW - 1)
        .with("ultimate_session_expiry_ts", NOW - 1);
    rows[3] = rows[3]
        .clone()
        .with("last_validated", 1_650_000_000_001)
        .with("valid_until_ms", NOW + 300_000);
    let outcome = synapse(rows).migrate();
    outcome
        .only("compat_access_tokens")
        .has("created_at", millis(1_650_000_000_001))
        .has("expires_at", millis(NOW + 300_000));
    outcome
        .only("compat_refresh_tokens")
        .has("created_at", millis(1_650_000_000_001))
        .nulls(["consumed_at"]);
    // The refresh token's own end has no counterpart, and nobody needs to be told.
    outcome.counted([]);
}

#[test]
fn r3_without_a_time_both_rows_are_of_the_run() {
    let outcome = synapse(one_pair()).migrate();
    outcome
        .only("compat_access_tokens")
        .has("created_at", millis(NOW))
        .nulls(["expires_at"]);
    outcome
        .only("compat_refresh_tokens")
        .has("created_at", millis(NOW))
        .nulls(["consumed_at"]);
}

#[test]
fn r4_a_refresh_token_without_access_token_is_skipped() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        refresh_token(7, ADA, "PHONE"),
        token(1, ADA).on("PHONE"),
    ])
    .migrate();
    lives(&outcome, &["syt_1"], &[]);
    outcome.ledger("refresh_tokens_of_pairs", ["refresh_token_alone 1"]);
    outcome.counted(["warn refresh_token_alone 1"]);
}

#[test]
fn r4_of_two_access_tokens_the_newest_pairs_and_the_refresh_token_is_written_once() {
    // The newest is the one of the highest ID, whatever was validated last.
    for (first, second) in [(1, 2), (2, 1)] {
        let outcome = synapse([
            user(ADA),
            device(ADA, "PHONE"),
            refresh_token(7, ADA, "PHONE"),
            token(first, ADA)
                .on("PHONE")
                .paired(7)
                .with("last_validated", 1_650_000_000_000 - first),
            token(second, ADA)
                .on("PHONE")
                .paired(7)
                .with("last_validated", 1_650_000_000_000 - second),
        ])
        .migrate();
        lives(&outcome, &["syt_2"], &["syr_7"]);
        let access = outcome.only("compat_access_tokens");
        outcome.only("compat_refresh_tokens").has(
            "compat_access_token_id",
            access.get("compat_access_token_id").clone(),
        );
        outcome.ledger(
            "access_tokens_and_sessions",
            ["written 1", "older_of_pair 1"],
        );
        outcome.counted(["warn older_of_pair 1"]);
    }
}

#[test]
fn r4_only_tokens_that_could_pair_compete() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        device(ADA, "LAPTOP"),
        refresh_token(7, ADA, "PHONE"),
        token(1, ADA).on("PHONE").paired(7),
        token(2, ADA).on("LAPTOP").paired(7),
        token(3, ADA)
            .on("PHONE")
            .paired(7)
            .with("puppets_user_id", BOB),
        token(4, ADA).paired(7),
    ])
    .migrate();
    lives(&outcome, &["syt_1"], &["syr_7"]);
    outcome.ledger(
        "access_tokens_and_sessions",
        ["written 1", "broken_pair 2", "puppet_token 1"],
    );
}

#[test]
fn r4_one_access_token_for_each_refresh_token_leaves_nothing_behind() {
    let outcome = synapse([
        user(ADA),
        device(ADA, "PHONE"),
        refresh_token(7, ADA, "PHONE"),
        refresh_token(8, ADA, "PHONE"),
        token(1, ADA).on("PHONE").paired(8),
        token(2, ADA).on("PHONE").paired(7),
    ])
    .migrate();
    lives(&outcome, &["syt_1", "syt_2"], &["syr_7", "syr_8"]);
    outcome.counted([]);
}

/// What a pair depends on, in every combination.
#[derive(Clone, Copy, Debug)]
struct Case {
    owner: fn(&str) -> Row,
    device: &'static str,
    access_tokens: i64,
    successor: &'static str,
}

impl Case {
    fn rows(self) -> Vec<Row> {
        let mut rows = vec![(self.owner)(ADA), user(BOB), device(BOB, "PHONE")];
        match self.device {
            "live" => rows.push(device(ADA, "PHONE")),
            "hidden" => rows.push(device(ADA, "PHONE").with("hidden", true)),
            "dehydrated" => rows.extend([device(ADA, "PHONE"), dehydrated(ADA, "PHONE")]),
            "other" => rows.extend([device(ADA, "PHONE"), device(ADA, "LAPTOP")]),
            "vanished" => {}
            other => panic!("{other}"),
        }
        let on = if self.device == "other" {
            "LAPTOP"
        } else {
            "PHONE"
        };
        for n in 0..self.access_tokens {
            rows.push(token(n, ADA).on(on).paired(70));
        }
        let pair = refresh_token(70, ADA, "PHONE");
        rows.push(if self.successor == "none" {
            pair
        } else {
            pair.followed_by(80)
        });
        let owner = if self.successor == "another's" {
            BOB
        } else {
            ADA
        };
        if self.successor != "none" {
            rows.push(refresh_token(80, owner, "PHONE"));
            let successor = token(8, owner).on("PHONE").paired(80);
            rows.push(match self.successor {
                "null" => successor.null("used"),
                "unused" => successor.with("used", false),
                _ => successor.with("used", true),
            });
        }
        rows
    }

    /// The tokens that must live, by the rules.
    fn expected(self) -> (Vec<String>, Vec<String>) {
        let (mut access, mut refresh) = (Vec::new(), Vec::new());
        let may_sign_in = (self.owner)(ADA).cells == user(ADA).cells;
        let same_device = self.device == "live";
        if may_sign_in && same_device && self.access_tokens > 0 && self.successor != "used" {
            access.push(format!("syt_{}", self.access_tokens - 1));
            refresh.push("syr_70".to_owned());
        }
        // The successor is a pair of its own, on a device that both "live" and "other" have.
        let successor_lives = match self.successor {
            "none" => false,
            "another's" => true,
            _ => may_sign_in && ["live", "other"].contains(&self.device),
        };
        if successor_lives {
            access.push("syt_8".to_owned());
            refresh.push("syr_80".to_owned());
        }
        (access, refresh)
    }
}

#[test]
fn r2_r4_every_combination_of_owner_device_access_tokens_and_successor() {
    let mut cases = 0;
    let owners: [fn(&str) -> Row; 4] = [user, deactivated, guest, bridge];
    for owner in owners {
        for device in ["live", "hidden", "dehydrated", "other", "vanished"] {
            for access_tokens in 0..=3 {
                for successor in ["none", "null", "unused", "used", "another's"] {
                    let case = Case {
                        owner,
                        device,
                        access_tokens,
                        successor,
                    };
                    let outcome = synapse(case.rows()).migrate();
                    let (access, refresh) = case.expected();
                    let found = outcome.texts("compat_access_tokens", "access_token");
                    assert_eq!(found, access, "{case:?}");
                    let found = outcome.texts("compat_refresh_tokens", "refresh_token");
                    assert_eq!(found, refresh, "{case:?}");
                    assert_eq!(outcome.report.rejected, 0, "{case:?}");
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 4 * 5 * 4 * 5);
}
