//! T: e-mail addresses, phone numbers and what else is bound to an account.

use super::fixture::*;

#[test]
fn t1_an_email_address_is_kept_with_the_time_it_was_added() {
    let outcome = synapse([
        user(ADA),
        email(ADA, "Ada@Mail.example").with("added_at", 1_650_000_000_789),
    ])
    .migrate();
    let owner = outcome.only("users").get("user_id").clone();
    outcome
        .only("user_emails")
        .has("user_id", owner)
        .has("email", "Ada@Mail.example")
        .has("created_at", millis(1_650_000_000_789));
    outcome.empty(["user_unsupported_third_party_ids"]);
    outcome.ledger("third_party_ids", ["written 1"]);
    outcome.counted([]);
}

#[test]
fn t1_any_other_medium_is_kept_apart() {
    for medium in ["msisdn", "pager", "EMAIL", "email ", ""] {
        let outcome = synapse([
            user(ADA),
            threepid(ADA, medium, "447700900000").with("added_at", 1_650_000_000_789),
        ])
        .migrate();
        let owner = outcome.only("users").get("user_id").clone();
        outcome
            .only("user_unsupported_third_party_ids")
            .has("user_id", owner)
            .has("medium", medium)
            .has("address", "447700900000")
            .has("created_at", millis(1_650_000_000_789));
        outcome.empty(["user_emails"]);
        outcome.counted(["warn phone_number_kept_apart 1"]);
    }
}

#[test]
fn t1_several_of_one_account_are_all_kept() {
    let outcome = synapse([
        user(ADA),
        email(ADA, "one@mail.example"),
        email(ADA, "two@mail.example"),
        threepid(ADA, "msisdn", "1"),
        threepid(ADA, "msisdn", "2"),
    ])
    .migrate();
    assert_eq!(
        outcome.texts("user_emails", "email"),
        ["one@mail.example", "two@mail.example"]
    );
    assert_eq!(
        outcome.texts("user_unsupported_third_party_ids", "address"),
        ["1", "2"]
    );
    outcome.ledger("third_party_ids", ["written 4"]);
}

#[test]
fn t1_deactivated_accounts_and_guests_keep_theirs() {
    for account in [
        deactivated(ADA),
        guest(ADA),
        guest(ADA).with("deactivated", 1),
    ] {
        let outcome = synapse([
            account,
            email(ADA, "ada@mail.example"),
            threepid(ADA, "msisdn", "44700"),
        ])
        .migrate();
        outcome.only("user_emails").has("email", "ada@mail.example");
        outcome
            .only("user_unsupported_third_party_ids")
            .has("address", "44700");
    }
}

#[test]
fn t1_nothing_of_a_bridge_account_is_kept() {
    let outcome = synapse([bridge(ADA), email(ADA, "ada@mail.example")]).migrate();
    outcome.empty(["user_emails"]);
    outcome.ledger("third_party_ids", ["owner bridge_user 1"]);
}
