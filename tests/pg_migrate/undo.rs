//! `undo`: what a run wrote goes again, and nothing else.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use mapwright::pg::throwaway::PORT;
use serde_json::Value;

use crate::fixture::{Directory, Pair, mas, run};
use crate::harness;

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
    // The report says so, to whoever comes with it a second time.
    let report: Value = serde_json::from_str(&pair.read("report.json")).unwrap();
    assert!(report["undone_at"].is_string(), "{report}");
    assert_eq!(report["verdict"]["committed"], true);
    for command in ["undo", "verify"] {
        pair.after(&[command])
            .answered(2, &["E0616", "was taken back at 20"]);
    }
    // A copy of it that does not know finds nothing.
    let copy = pair.read("report.json").replace("undone_at", "unknown");
    let marked = pair.read("report.json");
    pair.write("report.json", &copy);
    pair.after(&["undo"])
        .answered(10, &["E0678", "the tables of the run are empty"]);
    // Another run may take its place.
    pair.write("report.json", &marked);
    run(&mut pair.command(&["migrate"])).answered(0, &["committed"]);
    pair.after(&["verify"]).answered(0, &["verified"]);
    run(&mut pair.command(&["migrate"])).answered(2, &["E0613", "that was committed"]);
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

#[tokio::test]
async fn a_mas_that_was_started_in_between_is_known_by_its_workers() {
    let pair = Pair::new("undo_workers").await;
    // One that was there before the run, and one that signed off then.
    pair.target.psql(
        "INSERT INTO queue_workers VALUES
            (gen_random_uuid(), now() - interval '9 days', now() - interval '8 days', NULL),
            (gen_random_uuid(), now() - interval '9 days', now() - interval '1 hour', now() - interval '1 hour')",
    );
    pair.run(&["migrate"]).answered(0, &[]);
    pair.after(&["undo", "--dry-run"])
        .answered(0, &["would be removed"]);
    for (worker, said) in [
        ("now(), now(), NULL", ", alive"),
        // The clock of MAS's machine is another; it lives.
        (
            "now() - interval '1 hour', now() - interval '1 minute', NULL",
            ", alive",
        ),
        ("now(), now(), now()", "worker `"),
        // It was there before, and came back.
        ("now() - interval '9 days', now(), now()", "worker `"),
    ] {
        pair.target.psql(&format!(
            "INSERT INTO queue_workers VALUES ('00000000-0000-0000-0000-000000000007', {worker})"
        ));
        let before = pair.states();
        let refused = pair.after(&["undo"]);
        refused.answered(
            10,
            &["E0678", "MAS has been started since the run began: worker `00000000-0000-0000-0000-000000000007`, registered at 20", said],
        );
        assert_eq!(refused.stderr.contains("alive"), said == ", alive");
        assert_eq!(refused.stderr.matches("since the run began").count(), 1);
        assert_eq!(pair.states(), before);
        pair.after(&["undo", "--force", "--dry-run"]).answered(
            0,
            &["lost with it:", "MAS has been started", "would be removed"],
        );
        pair.target.psql(
            "DELETE FROM queue_workers WHERE queue_worker_id = '00000000-0000-0000-0000-000000000007'",
        );
    }
    // An older MAS keeps no such list.
    pair.target.psql("DROP TABLE queue_workers CASCADE");
    pair.after(&["undo"]).answered(0, &["undone"]);
}

/// Everything a hostile database may have tied to the tables of a run: circles, a table that refers to
/// itself and takes rows along, and a session of the run that refers to a session that came later.
const CIRCLES: &str = "
    INSERT INTO user_sessions (user_session_id, user_id, created_at)
        SELECT '00000000-0000-0000-0000-000000000001', user_id, now() FROM users WHERE username = 'alice';
    UPDATE compat_sessions SET user_session_id = '00000000-0000-0000-0000-000000000001'
        WHERE compat_session_id = (SELECT max(compat_session_id::text)::uuid FROM compat_sessions);
    CREATE TABLE note (id int PRIMARY KEY, user_id uuid REFERENCES users,
        reply_to int REFERENCES note ON DELETE CASCADE);
    INSERT INTO note SELECT 1, user_id FROM users WHERE username = 'alice';
    INSERT INTO note VALUES (2, NULL, 1), (3, NULL, 2), (4, NULL, NULL), (5, NULL, 4);
    CREATE TABLE club (id int PRIMARY KEY, founder uuid REFERENCES users, room int);
    CREATE TABLE room (id int PRIMARY KEY, club int REFERENCES club);
    ALTER TABLE club ADD FOREIGN KEY (room) REFERENCES room;
    INSERT INTO room VALUES (1), (2), (3);
    INSERT INTO club SELECT 1, user_id, 1 FROM users WHERE username = 'bob';
    INSERT INTO club VALUES (2, NULL, 2), (3, NULL, 3);
    UPDATE room SET club = 1 WHERE id = 2;
    UPDATE room SET club = 3 WHERE id = 3;
    CREATE TABLE part (id int, user_id uuid REFERENCES users) PARTITION BY LIST (id);
    CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1, 2);
    INSERT INTO part SELECT 1, user_id FROM users WHERE username = 'bob';
    INSERT INTO part VALUES (2, NULL)";

#[tokio::test]
async fn rows_go_in_whatever_circles_they_hang() {
    let pair = Pair::new("undo_circles").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target.psql(CIRCLES);
    let before = pair.target.sorted_rows();
    let told = [
        "rows of `compat_sessions` were changed",
        "`public.user_sessions` has rows that refer to rows of the run: 1",
        "`public.note` has rows that refer to rows of the run: 3",
        // A club and the room that is its, the club that is in that room.
        "`public.club` has rows that refer to rows of the run: 2",
        "`public.room` has rows that refer to rows of the run: 1",
        "`public.part_1` has rows that refer to rows of the run: 1",
    ];
    pair.after(&["undo"]).answered(10, &told);
    pair.after(&["undo", "--force", "--dry-run"])
        .answered(0, &told)
        .answered(
            0,
            &["1,109 rows, and 8 of other tables that refer to them, would be removed"],
        );
    assert_eq!(pair.target.sorted_rows(), before);
    pair.after(&["undo", "--force"])
        .answered(0, &told)
        .answered(0, &["undone: 1,109 rows, and 8 of other tables"]);
    let left = "SELECT (SELECT string_agg(id::text, ',' ORDER BY id) FROM note),
        (SELECT string_agg(id::text, ',' ORDER BY id) FROM club),
        (SELECT string_agg(id::text, ',' ORDER BY id) FROM room),
        (SELECT string_agg(id::text, ',' ORDER BY id) FROM part),
        (SELECT count(*) FROM users), (SELECT count(*) FROM compat_sessions)";
    assert_eq!(pair.target.psql(left).trim(), "4,5|3|1,3|2|0|0");
}

#[tokio::test]
async fn references_that_would_be_forgotten_are_a_loss() {
    let pair = Pair::new("undo_forgets").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target.psql(
        "INSERT INTO compat_sso_logins (compat_sso_login_id, redirect_uri, login_token, compat_session_id, created_at)
            SELECT '00000000-0000-0000-0000-000000000009', 'x', 'y', compat_session_id, now()
            FROM compat_sessions LIMIT 1",
    );
    let told =
        "`public.compat_sso_logins` has rows that would stay and forget what they refer to: 1";
    let before = pair.target.sorted_rows();
    pair.after(&["undo"]).answered(10, &["E0678", told]);
    assert_eq!(pair.target.sorted_rows(), before);
    // What is lost is said however quiet it shall be.
    pair.after(&["undo", "--force", "-q"])
        .answered(0, &["lost with it:", told]);
    let left = "SELECT count(*), count(compat_session_id) FROM compat_sso_logins";
    assert_eq!(pair.target.psql(left).trim(), "1|0");
}

#[tokio::test]
async fn rows_of_a_table_that_inherits_are_not_the_runs() {
    let pair = Pair::new("undo_inherits").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target.psql(
        "CREATE TABLE older_emails () INHERITS (user_emails);
         INSERT INTO older_emails (user_email_id, user_id, email, created_at)
            SELECT gen_random_uuid(), user_id, 'old@x.org', now() FROM users LIMIT 1;
         INSERT INTO user_sessions (user_session_id, user_id, created_at)
            SELECT gen_random_uuid(), user_id, now() FROM users LIMIT 1",
    );
    // Who reads the table sees that row as well.
    pair.after(&["verify"])
        .answered(1, &["user_emails: 1 too many"]);
    pair.after(&["undo"])
        .answered(10, &["`user_emails` holds", "rows, the run wrote"]);
    pair.after(&["undo", "--force"])
        .answered(0, &["undone: 1,109 rows, and 1 of other tables"]);
    assert_eq!(rows(&pair, "older_emails"), "1");
    assert_eq!(rows(&pair, "ONLY user_emails"), "0");
}

#[tokio::test]
async fn what_keeps_rows_from_going_is_named_and_found_out() {
    let pair = Pair::new("undo_triggers").await;
    pair.run(&["migrate"]).answered(0, &[]);
    let session = "INSERT INTO user_sessions (user_session_id, user_id, created_at)
        SELECT gen_random_uuid(), user_id, now() FROM users LIMIT 1";
    pair.target.psql(&format!(
        "{session};
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER keeper BEFORE DELETE ON user_passwords FOR EACH ROW EXECUTE FUNCTION keep()"
    ));
    let before = pair.target.sorted_rows();
    pair.after(&["undo"]).answered(
        10,
        &["trigger `keeper` of `public.user_passwords` would run"],
    );
    for dry in [&["undo", "--force"][..], &["undo", "--force", "--dry-run"]] {
        pair.after(dry).answered(4, &["error[E06"]);
        assert_eq!(pair.target.sorted_rows(), before);
    }
    // One of a table that nothing refers to: PostgreSQL itself has nothing against its rows.
    pair.target.psql(
        "DROP TRIGGER keeper ON user_passwords;
         ALTER TABLE user_emails DROP CONSTRAINT user_emails_user_id_fkey;
         CREATE TRIGGER keeper BEFORE DELETE ON user_emails FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    for dry in [&["undo", "--force"][..], &["undo", "--force", "--dry-run"]] {
        pair.after(dry).answered(
            4,
            &[
                "E0670",
                "rows of `public.user_emails` are still there",
                "trigger `keeper` of `public.user_emails` runs",
            ],
        );
        assert_eq!(pair.target.sorted_rows(), before);
    }
    pair.target.psql(
        "DROP TRIGGER keeper ON user_emails;
         CREATE RULE keep_them AS ON DELETE TO user_emails DO INSTEAD NOTHING",
    );
    pair.after(&["undo", "--force"])
        .answered(10, &["E0664", "has the rule `keep_them` for DELETE"]);
    assert_eq!(pair.target.sorted_rows(), before);
    pair.target.psql("DROP RULE keep_them ON user_emails");
    pair.after(&["undo", "--force"]).answered(0, &["undone"]);
}

#[tokio::test]
async fn columns_that_the_mapping_does_not_set_are_looked_at_too() {
    let pair = Pair::new("undo_unset").await;
    pair.target.psql(
        "ALTER TABLE users ADD COLUMN colour text;
         ALTER TABLE users ADD COLUMN level numeric(4,1) NOT NULL DEFAULT 0;
         ALTER TABLE users ADD COLUMN settings json DEFAULT '{}';
         ALTER TABLE users ADD COLUMN made timestamptz DEFAULT now();
         ALTER TABLE users ADD COLUMN doubled numeric GENERATED ALWAYS AS (level * 2) STORED",
    );
    pair.run(&["migrate"]).answered(0, &[]);
    let not_compared = "not compared, because the database makes their values: `users` (made)";
    pair.after(&["verify"])
        .answered(0, &["verified", not_compared]);
    pair.after(&["undo", "--dry-run"])
        .answered(0, &["would be removed", not_compared]);
    for (change, column) in [
        ("colour = 'red'", "colour"),
        ("level = 1.5", "level"),
        ("settings = '{\"a\": 1}'", "settings"),
    ] {
        let saved = "CREATE TABLE saved AS SELECT * FROM users WHERE username IN ('alice', 'bob')";
        pair.target.psql(&format!(
            "{saved}; UPDATE users SET {change} WHERE username IN ('alice', 'bob')"
        ));
        let run = pair.after(&["verify", "--format", "json"]);
        run.answered(1, &["1 of 8 tables differ"]);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(report["differences"][0]["table"], "users");
        assert_eq!(report["differences"][0]["unset"][0][0], column);
        assert_eq!(report["differences"][0]["unset"][0][1], 2);
        assert_eq!(report["not_compared"][0]["column"], "made");
        pair.after(&["verify"]).answered(
            1,
            &[&format!(
                "users: `{column}`, which the mapping does not set, holds another value than its default in 2 rows"
            )],
        );
        pair.after(&["undo"]).answered(
            10,
            &[&format!(
                "`users.{column}` was changed: 2 rows hold another"
            )],
        );
        let column_back = format!(
            "UPDATE users SET {column} = saved.{column} FROM saved WHERE saved.user_id = users.user_id;
             DROP TABLE saved"
        );
        pair.target.psql(&column_back);
    }
    pair.after(&["undo"]).answered(0, &["undone: 1,109 rows"]);
}

#[tokio::test]
async fn the_report_of_a_run_that_committed_is_not_replaced() {
    let pair = Pair::new("undo_report").await;
    pair.run(&["migrate"]).answered(0, &[]);
    let report = std::fs::read_to_string(pair.path("report.json")).unwrap();
    for again in [
        &["migrate"][..],
        &["migrate", "--dry-run"],
        &["check"],
        &["check", "--write-accept-file", &pair.path("report.json")],
        &["check", "--lockout-csv", &pair.path("report.json")],
    ] {
        let mut command = pair.command(again);
        let run = crate::fixture::run(&mut command);
        run.answered(
            2,
            &[
                "E0613",
                "would replace the report of a migration that was committed",
                "it was written at 20",
            ],
        );
        let now = std::fs::read_to_string(pair.path("report.json")).unwrap();
        assert_eq!(now, report, "{again:?}");
    }
    pair.after(&["undo"]).answered(0, &["undone"]);
}

#[tokio::test]
async fn a_program_is_told_what_went() {
    let pair = Pair::new("undo_json").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.after(&["undo", "--migrated-at", "2026-05-01T02:00:00Z"])
        .answered(2, &["E0615", "means nothing to `undo`"]);
    pair.target
        .psql("UPDATE users SET locked_at = now() WHERE username = 'bob'");
    let run = pair.after(&["undo", "--force", "--format", "json"]);
    run.answered(0, &[]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["command"], "undo");
    assert_eq!(report["verdict"]["committed"], true);
    assert_eq!(report["losses"][0], "rows of `users` were changed");
    assert_eq!(report["removed"][0]["table"], "users");
    assert_eq!(report["removed"][0]["rows"], 198);
    assert_eq!(report["removed_dependents"], 0);
}

/// Passes bytes on in one direction; holds a COMMIT back until it is told to let it go.
fn pass(mut from: UnixStream, mut to: UnixStream, gate: Option<(Sender<()>, Receiver<()>)>) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let some = &bytes[..length];
        if let Some((seen, go)) = &gate
            && some.windows(7).any(|bytes| bytes == b"COMMIT\0")
        {
            seen.send(()).unwrap();
            go.recv().unwrap();
        }
        if to.write_all(some).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[tokio::test]
async fn a_signal_during_commit_does_not_hide_how_it_ended() {
    let pair = Pair::new("undo_commit").await;
    pair.run(&["migrate"]).answered(0, &[]);
    let directory = Directory::new();
    let name = format!(".s.PGSQL.{PORT}");
    let listener = UnixListener::bind(directory.path().join(&name)).unwrap();
    let server = harness::cluster().socket_directory().join(&name);
    let (seen, commit_seen) = channel();
    let (go, may_go) = channel();
    // Only one of the connections commits; the gate goes to the second, which is that of the undo.
    let mut gates = vec![Some((seen, may_go)), None];
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, there) = (client.unwrap(), UnixStream::connect(&server).unwrap());
            let (back, client_back) = (there.try_clone().unwrap(), client.try_clone().unwrap());
            let gate = gates.pop().flatten();
            std::thread::spawn(move || pass(client, there, gate));
            std::thread::spawn(move || pass(back, client_back, None));
        }
    });
    let direct = format!(
        "socket: {}",
        harness::cluster().socket_directory().display()
    );
    let proxied = format!("socket: {}", directory.path().display());
    pair.write(
        "mas.yaml",
        &mas(&pair.target.name).replace(&direct, &proxied),
    );
    let running = pair.start_after(&["undo"]);
    commit_seen.recv().unwrap();
    running.signal("INT");
    running.wait_for_signals();
    go.send(()).unwrap();
    pair.end(running)
        .answered(0, &["undone: 1,109 rows were removed"]);
    assert_eq!(rows(&pair, "users"), "0");
}
