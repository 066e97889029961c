//! `verify`: what it finds, and what it keeps quiet about.

use mapwright::pg::database::read_only;
use mapwright::pg::throwaway::SUPERUSER;
use serde_json::Value;

use crate::fixture::{Pair, harness_psql, homeserver, mas};

/// Each target table with its key and a column whose value can be changed.
const TABLES: [(&str, &str, &str); 8] = [
    ("users", "user_id", "username = username || 'x'"),
    (
        "user_passwords",
        "user_password_id",
        "hashed_password = hashed_password || 'x'",
    ),
    ("user_emails", "user_email_id", "email = 'x' || email"),
    (
        "user_unsupported_third_party_ids",
        "user_id",
        "created_at = created_at + interval '1 microsecond'",
    ),
    (
        "upstream_oauth_links",
        "upstream_oauth_link_id",
        "subject = subject || 'x'",
    ),
    (
        "compat_sessions",
        "compat_session_id",
        "is_synapse_admin = NOT is_synapse_admin",
    ),
    (
        "compat_access_tokens",
        "compat_access_token_id",
        "access_token = access_token || 'x'",
    ),
    (
        "compat_refresh_tokens",
        "compat_refresh_token_id",
        "refresh_token = refresh_token || 'x'",
    ),
];

/// Changes the target without its keys and triggers, as nobody should; the last row of a table is
/// one that nothing else is made of.
fn spoil(pair: &Pair, sql: &str) {
    pair.target
        .psql(&format!("SET session_replication_role = replica; {sql}"));
}

#[tokio::test]
async fn a_target_as_it_was_written_is_verified() {
    let pair = Pair::new("verify_same").await;
    pair.run(&["migrate", "--verify"])
        .answered(0, &["committed"]);
    let before = pair.states();
    let run = pair.after(&["verify"]);
    run.answered(
        0,
        &["are as the mapping makes them, and there are no others"],
    );
    assert_eq!(pair.states(), before);
    // The moment alone will do too, and another moment gives other rows.
    let at = |moment: &str| {
        crate::fixture::run(
            crate::fixture::tool(&["verify", "--migrated-at", moment])
                .args(["--synapse-config", &pair.path("homeserver.yaml")])
                .args(["--config", &pair.path("mas.yaml")]),
        )
    };
    at(crate::fixture::MIGRATED_AT).answered(0, &[]);
    at("2026-05-01T02:00:01Z").answered(1, &["users: 4 missing, 4 too many"]);
}

#[tokio::test]
async fn whatever_differs_is_found_in_each_of_the_eight_tables() {
    let pair = Pair::new("verify_differs").await;
    pair.run(&["migrate"]).answered(0, &[]);
    for (table, key, change) in TABLES {
        let whole = format!("CREATE TABLE saved AS SELECT * FROM {table}");
        let back = format!(
            "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved; DROP TABLE saved"
        );
        let pick = format!("(SELECT ctid FROM {table} ORDER BY {key} LIMIT 1)");
        for (spoiled, kind, count) in [
            (
                format!("DELETE FROM {table} WHERE ctid = {pick}"),
                "missing",
                1,
            ),
            (
                format!("UPDATE {table} SET {change} WHERE ctid = {pick}"),
                "changed",
                1,
            ),
            (
                format!(
                    "CREATE TABLE more AS SELECT * FROM {table} WHERE ctid = {pick};
                     UPDATE more SET {key} = gen_random_uuid();
                     INSERT INTO {table} SELECT * FROM more; DROP TABLE more"
                ),
                "surplus",
                1,
            ),
        ] {
            // Keys that the spoiled rows would break stand in the way of nothing here.
            spoil(
                &pair,
                &format!("{whole}; {}", without_keys(table, &spoiled)),
            );
            let run = pair.after(&["verify", "--format", "json"]);
            run.answered(1, &["1 of 8 tables differ"]);
            let report: Value = serde_json::from_str(&run.stdout).unwrap();
            let found = report["differences"].as_array().unwrap();
            assert_eq!(found.len(), 1, "{spoiled}: {found:?}");
            assert_eq!(found[0]["table"], table);
            assert_eq!(found[0][kind], count, "{spoiled}: {found:?}");
            assert_eq!(found[0]["since"], "target");
            assert_eq!(found[0]["samples"].as_array().unwrap().len(), 1);
            spoil(&pair, &back);
        }
    }
    pair.after(&["verify"]).answered(0, &["verified"]);
}

/// The statement as it is: unique keys other than the primary one hold for the rows it makes, or are
/// dropped first.
fn without_keys(table: &str, sql: &str) -> String {
    format!(
        "DO $$ DECLARE it record; BEGIN
            FOR it IN SELECT conname FROM pg_constraint
                WHERE conrelid = '{table}'::regclass AND contype = 'u'
            LOOP EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I CASCADE', it.conname); END LOOP;
            FOR it IN SELECT indexrelid::regclass AS name FROM pg_index
                WHERE indrelid = '{table}'::regclass AND indisunique AND NOT indisprimary
            LOOP EXECUTE format('DROP INDEX %s', it.name); END LOOP;
        END $$; {sql}"
    )
}

#[tokio::test]
async fn it_says_which_side_has_changed() {
    let pair = Pair::new("verify_since").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.source
        .psql("UPDATE user_threepids SET added_at = added_at + 1 WHERE user_id LIKE '@alice:%'");
    let since = "(the source or the mapping has changed since the migration)";
    pair.after(&["verify"])
        .answered(1, &[&format!("user_emails: 1 missing, 1 too many {since}")]);
    pair.target.psql("DELETE FROM compat_refresh_tokens");
    pair.after(&["verify"]).answered(
        1,
        &[
            "missing (the target has changed since the migration)",
            "2 of 8 tables differ",
        ],
    );
}

#[tokio::test]
async fn a_meddler_that_changes_rows_is_found_before_they_are_committed() {
    let pair = Pair::new("verify_trigger").await;
    pair.target.psql(
        "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS
            $$ BEGIN UPDATE user_emails SET created_at = created_at - interval '1 day'; END $$;
         CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE INDEX')
            EXECUTE FUNCTION meddle()",
    );
    let before = pair.states();
    let run = pair.run(&["migrate", "--verify"]);
    run.answered(
        1,
        &[
            "E0677",
            "1 of 8 tables differ",
            "user_emails",
            "changed in `created_at`",
        ],
    );
    assert_eq!(run.json()["verdict"]["committed"], false);
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn only_the_report_of_a_run_that_committed_will_do() {
    let pair = Pair::new("verify_report").await;
    pair.after(&["verify"])
        .answered(2, &["E0613", "cannot be read"]);
    pair.run(&["migrate", "--dry-run"]).answered(0, &[]);
    pair.after(&["verify"]).answered(2, &["E0616", "dry run"]);
    pair.write("report.json", "{}");
    pair.after(&["verify"])
        .answered(2, &["E0616", "missing field"]);
}

#[tokio::test]
async fn rows_that_a_policy_hides_are_an_error() {
    let pair = Pair::new("verify_policy").await;
    pair.run(&["migrate"]).answered(0, &[]);
    harness_psql("CREATE ROLE verify_reader LOGIN");
    pair.target.psql(
        "GRANT USAGE ON SCHEMA public TO verify_reader;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO verify_reader",
    );
    let user = format!("username: {SUPERUSER}");
    pair.write(
        "mas.yaml",
        &mas(&pair.target.name).replace(&user, "username: verify_reader"),
    );
    pair.after(&["verify"])
        .answered(0, &["there are no others"]);
    // A row too many that this role does not get to see.
    pair.target.psql(
        "INSERT INTO user_emails (user_email_id, user_id, email, created_at)
            SELECT gen_random_uuid(), user_id, 'hidden@x.org', now() FROM users WHERE username = 'alice';
         ALTER TABLE user_emails ENABLE ROW LEVEL SECURITY;
         CREATE POLICY seen ON user_emails USING (email <> 'hidden@x.org')",
    );
    pair.after(&["verify"])
        .answered(3, &["E0655", "`user_emails`", "row security hides rows"]);
    pair.target.psql("ALTER ROLE verify_reader BYPASSRLS");
    pair.after(&["verify"])
        .answered(1, &["user_emails: 1 too many"]);
}

#[tokio::test]
async fn settings_of_a_role_change_nothing() {
    let pair = Pair::new("verify_settings").await;
    harness_psql(
        "CREATE ROLE picky LOGIN SUPERUSER;
         ALTER ROLE picky SET quote_all_identifiers = on;
         ALTER ROLE picky SET idle_session_timeout = '1h';
         ALTER ROLE picky SET statement_timeout = '5s';
         ALTER ROLE picky SET default_transaction_isolation = 'serializable';
         ALTER ROLE picky SET \"TimeZone\" = 'Asia/Kathmandu';
         ALTER ROLE picky SET \"DateStyle\" = 'German'",
    );
    let mut config = pair.target.config();
    let (client, connection) = config
        .user("picky")
        .connect(tokio_postgres::NoTls)
        .await
        .unwrap();
    let driven = tokio::spawn(connection);
    read_only(&client).await.unwrap();
    for (name, value) in [
        ("idle_session_timeout", "0"),
        ("statement_timeout", "0"),
        ("row_security", "off"),
        ("quote_all_identifiers", "off"),
        ("default_transaction_read_only", "on"),
        ("default_transaction_isolation", "read committed"),
        ("TimeZone", "UTC"),
    ] {
        let row = client
            .query_one(&format!("SHOW {name}"), &[])
            .await
            .unwrap();
        assert_eq!(row.get::<_, String>(0), value, "{name}");
    }
    // A session of somebody else would be taken for MAS.
    drop(client);
    driven.await.unwrap().unwrap();
    pair.wait_until_left();
    let plain = pair.run(&["check"]);
    pair.write("homeserver.yaml", &homeserver(&pair.source.name, "picky"));
    let user = format!("username: {SUPERUSER}");
    pair.write(
        "mas.yaml",
        &mas(&pair.target.name).replace(&user, "username: picky"),
    );
    let picky = pair.run(&["check"]);
    assert_eq!(picky.code, plain.code, "{}", picky.stderr);
    assert_eq!(picky.json()["findings"], plain.json()["findings"]);
    pair.run(&["migrate"]).answered(0, &["committed"]);
    pair.after(&["verify"]).answered(0, &["verified"]);
    pair.after(&["undo"]).answered(0, &["undone"]);
}
