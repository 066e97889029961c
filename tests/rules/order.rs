//! The same rows give the same bytes, in whatever order and portions they come.

use super::fixture::*;
use super::outcome::Outcome;

/// Accounts with much of everything, so that partitions have rows whose order could matter.
fn population() -> Vec<Row> {
    let mut rows = Vec::new();
    for n in 0..12_i64 {
        let name = format!("@user{n}:{SERVER}");
        let name = name.as_str();
        rows.push(match n % 6 {
            4 => deactivated(name),
            5 => bridge(name),
            _ => user(name).with("password_hash", BCRYPT),
        });
        for k in 0..5 {
            let number = n * 5 + k;
            rows.push(email(name, &format!("{number}@mail.example")));
            rows.push(threepid(name, "msisdn", &number.to_string()));
            rows.push(link(name, "oidc", &number.to_string()));
            rows.push(device(name, &format!("D{k}")).with("hidden", k == 4));
            rows.push(token(1_000 + number, name).with("last_validated", NOW - number));
            let of_device = token(2_000 + number, name).on(&format!("D{k}"));
            rows.push(of_device.with("last_validated", NOW - 1_000 - number));
            rows.push(refresh_token(3_000 + number, name, &format!("D{k}")));
            for copy in 0..3 {
                rows.push(
                    token(10_000 + number * 10 + copy, name)
                        .on(&format!("D{k}"))
                        .paired(3_000 + number)
                        .with("last_validated", 1_700_000_000_000),
                );
            }
        }
    }
    rows.push(device("@nobody:hs.example", "X"));
    rows
}

fn migrate(rows: Vec<Row>) -> Synapse {
    synapse(rows).provider("oidc", [1; 16])
}

/// A permutation that depends on nothing but `seed`.
fn shuffled(mut rows: Vec<Row>, seed: u64) -> Vec<Row> {
    let mut state = seed;
    for last in (1..rows.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from((state >> 33) % (last as u64 + 1)).unwrap();
        rows.swap(last, other);
    }
    rows
}

#[track_caller]
fn same(left: &Outcome, right: &Outcome) {
    assert_eq!(left.bytes, right.bytes);
    assert_eq!(left.report, right.report);
}

#[test]
fn the_population_exercises_every_table() {
    let outcome = migrate(population()).migrate();
    assert_eq!(outcome.bytes.len(), 8);
    assert!(outcome.bytes.values().all(|bytes| !bytes.is_empty()));
    outcome.ledger("accounts", ["written 10", "bridge_user 2"]);
    // Three access tokens name the refresh token of each device: two of them are older.
    let written = 8 * (5 + 4 + 4);
    outcome.ledger(
        "access_tokens_and_sessions",
        [
            format!("written {written}").as_str(),
            "token_of_skipped_device 32",
            "older_of_pair 64",
            "of_deactivated_user 50",
            "owner bridge_user 50",
        ],
    );
}

#[test]
fn the_physical_order_of_rows_does_not_matter() {
    let expected = migrate(population()).migrate();
    for seed in 1..=10 {
        same(&migrate(shuffled(population(), seed)).migrate(), &expected);
    }
    let backwards = population().into_iter().rev().collect();
    same(&migrate(backwards).migrate(), &expected);
}

#[test]
fn the_portions_in_which_rows_come_do_not_matter() {
    let expected = migrate(population()).migrate();
    for rows in [1, 2, 7, 100, 100_000] {
        let outcome = migrate(population()).rows_per_call(rows).migrate();
        same(&outcome, &expected);
    }
}

#[test]
fn a_row_more_or_less_changes_nothing_for_others() {
    let mut rows = population();
    rows.push(user("@zoe:hs.example"));
    rows.push(device("@zoe:hs.example", "PHONE"));
    let outcome = migrate(rows).migrate();
    let before = migrate(population()).migrate();
    for (target, bytes) in &before.bytes {
        assert!(outcome.bytes[target].starts_with(bytes));
    }
}
