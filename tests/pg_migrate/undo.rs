//! `undo`: what a run wrote goes again, and nothing else.

use crate::fixture::Pair;

/// What MAS would write after a while: a browser session of a migrated user with a session of a
/// client and its token; and a session of a client that belongs to nobody.
const MAS_HAS_RUN: &str = "
    INSERT INTO oauth2_clients (oauth2_client_id, grant_type_authorization_code, grant_type_refresh_token)
        VALUES ('00000000-0000-0000-0000-00000000000c', true, true);
    INSERT INTO user_sessions (user_session_id, user_id, created_at)
        SELECT '00000000-0000-0000-0000-000000000001', user_id, now() FROM users WHERE username = 'alice';
    INSERT INTO oauth2_sessions (oauth2_session_id, user_session_id, oauth2_client_id, created_at, scope_list) VALUES
        ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001',
         '00000000-0000-0000-0000-00000000000c', now(), '{}'),
        ('00000000-0000-0000-0000-000000000003', NULL, '00000000-0000-0000-0000-00000000000c', now(), '{}');
    INSERT INTO oauth2_access_tokens (oauth2_access_token_id, oauth2_session_id, access_token, created_at) VALUES
        ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-000000000002', 'mat_one', now()),
        ('00000000-0000-0000-0000-000000000005', '00000000-0000-0000-0000-000000000003', 'mat_two', now());
    UPDATE users SET locked_at = now() WHERE username = 'bob'";

fn rows(pair: &Pair, table: &str) -> String {
    let rows = pair.target.psql(&format!("SELECT count(*) FROM {table}"));
    rows.trim().to_owned()
}

#[tokio::test]
async fn what_a_run_wrote_goes_and_can_be_written_again() {
    let pair = Pair::new("undo").await;
    let source = pair.source.state();
    let before = pair.target.state();
    pair.run(&["migrate"]).answered(0, &["committed"]);
    let migrated = pair.states();
    pair.after(&["undo", "--dry-run"])
        .answered(0, &["dry run: 1,109 rows would be removed"]);
    assert_eq!(pair.states(), migrated);
    pair.after(&["undo"])
        .answered(0, &["undone: 1,109 rows were removed"]);
    assert_eq!(pair.source.state(), source);
    let after = pair.target.state();
    assert_eq!((after.schema, after.data), (before.schema, before.data));
    assert_eq!(rows(&pair, "upstream_oauth_providers"), "3");
    // A second time there is nothing that the run wrote.
    pair.after(&["undo"])
        .answered(10, &["E0678", "`users` holds 0 rows, the run wrote 198"]);
    pair.run(&["migrate"]).answered(0, &["committed"]);
    pair.after(&["verify"]).answered(0, &["verified"]);
}

#[tokio::test]
async fn what_happened_since_is_not_thrown_away_unasked() {
    let pair = Pair::new("undo_since").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target.psql(MAS_HAS_RUN);
    let before = pair.states();
    let told = [
        "rows of `users` were changed",
        "`public.user_sessions` has rows that refer to rows of the run: 1",
        "`public.oauth2_sessions` has rows that refer to rows of the run: 1",
        "`public.oauth2_access_tokens` has rows that refer to rows of the run: 1",
    ];
    pair.after(&["undo"]).answered(10, &told);
    pair.after(&["undo", "--force", "--dry-run"])
        .answered(0, &told);
    assert_eq!(pair.states(), before);
    pair.after(&["undo", "--force"]).answered(0, &told);
    for table in [
        "users",
        "compat_sessions",
        "compat_refresh_tokens",
        "user_sessions",
    ] {
        assert_eq!(rows(&pair, table), "0", "{table}");
    }
    // What refers to nothing of the run stays.
    let left = pair
        .target
        .psql("SELECT access_token FROM oauth2_access_tokens JOIN oauth2_sessions USING (oauth2_session_id)");
    assert_eq!(left.trim(), "mat_two");
    assert_eq!(rows(&pair, "oauth2_clients"), "1");
}

#[tokio::test]
async fn a_running_mas_keeps_its_rows() {
    let pair = Pair::new("undo_running").await;
    pair.run(&["migrate"]).answered(0, &[]);
    let mas = pair.target.connect().await;
    mas.batch_execute("SET application_name = 'mas'")
        .await
        .unwrap();
    let before = pair.states();
    pair.after(&["undo"]).answered(
        10,
        &["E0678", "somebody is connected to the target", "`mas`"],
    );
    mas.batch_execute("BEGIN; SELECT FROM users").await.unwrap();
    pair.after(&["undo", "--force"])
        .answered(3, &["E0661", "mas"]);
    mas.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(pair.states(), before);
}
