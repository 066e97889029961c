//! `verify --live`: what use may change is told and nothing more; what must stay the same in both
//! databases is found, each kind by itself.

use std::collections::BTreeMap;

use mapwright::cli::finding_pages::pages;
use serde_json::Value;

use crate::fixture::{MIGRATED_AT, Pair, Run, run, tool};
use crate::harness::Database;

/// A finding, and what brings it about.
struct Case {
    id: &'static str,
    /// Run on Synapse's database.
    synapse: &'static str,
    /// Run on MAS's database.
    mas: &'static str,
    /// The tables that it changes.
    tables: &'static [&'static str],
    count: u64,
    /// The beginning of a key that is named.
    such_as: &'static str,
}

const CASES: [Case; 10] = [
    Case {
        id: "account_only_in_synapse",
        // Its device has no session either, which follows from that.
        synapse: "INSERT INTO users (name, creation_ts, admin, is_guest, deactivated)
                  VALUES ('@late:demo.example', 1790000000, 0, 0, 0);
                  INSERT INTO devices (user_id, device_id) VALUES ('@late:demo.example', 'ITS')",
        mas: "",
        tables: &["users", "devices"],
        count: 1,
        such_as: "\"late\"",
    },
    Case {
        id: "account_only_in_mas",
        synapse: "",
        mas: "INSERT INTO users (user_id, username, created_at) VALUES (gen_random_uuid(), 'late', now());
              INSERT INTO compat_sessions (compat_session_id, user_id, device_id, created_at)
              SELECT gen_random_uuid(), user_id, 'ITS', now() FROM users WHERE username = 'late'",
        tables: &["users", "compat_sessions"],
        count: 1,
        such_as: "\"late\"",
    },
    Case {
        id: "account_deactivated_in_mas_only",
        synapse: "",
        mas: "UPDATE users SET deactivated_at = now() WHERE username IN ('alice', 'bob');
              UPDATE compat_sessions SET finished_at = now()
              WHERE user_id IN (SELECT user_id FROM users WHERE username IN ('alice', 'bob'))",
        tables: &["users", "compat_sessions"],
        count: 2,
        such_as: "\"bob\"",
    },
    Case {
        id: "account_deactivated_in_synapse_only",
        synapse: "UPDATE users SET deactivated = 1 WHERE name = '@alice:demo.example';
                  DELETE FROM devices WHERE user_id = '@alice:demo.example'",
        mas: "",
        tables: &["users", "devices"],
        count: 1,
        such_as: "\"alice\"",
    },
    Case {
        id: "password_not_in_mas",
        synapse: "",
        mas: "DELETE FROM user_passwords WHERE user_id = (SELECT user_id FROM users WHERE username = 'alice')",
        tables: &["user_passwords"],
        count: 1,
        such_as: "\"alice\"",
    },
    Case {
        id: "password_differs",
        synapse: "",
        mas: "UPDATE user_passwords AS p SET hashed_password = o.hashed_password FROM user_passwords AS o
              WHERE p.user_id = (SELECT user_id FROM users WHERE username = 'alice')
                AND o.user_id = (SELECT user_id FROM users WHERE username = 'bob')",
        tables: &["user_passwords"],
        count: 1,
        such_as: "\"alice\"",
    },
    Case {
        id: "link_of_another_account",
        synapse: "",
        mas: "UPDATE upstream_oauth_links SET user_id = (SELECT user_id FROM users WHERE username = 'bob')
              WHERE ctid = (SELECT min(l.ctid) FROM upstream_oauth_links AS l JOIN users AS u USING (user_id)
                            WHERE u.deactivated_at IS NULL AND u.username <> 'bob')",
        tables: &["upstream_oauth_links"],
        count: 1,
        such_as: "\"",
    },
    Case {
        id: "link_not_in_mas",
        synapse: "",
        mas: "DELETE FROM upstream_oauth_links
              WHERE ctid = (SELECT min(l.ctid) FROM upstream_oauth_links AS l JOIN users AS u USING (user_id)
                            WHERE u.deactivated_at IS NULL)",
        tables: &["upstream_oauth_links"],
        count: 1,
        such_as: "\"",
    },
    Case {
        id: "device_without_session",
        synapse: "",
        mas: "UPDATE compat_sessions SET finished_at = now()
              WHERE device_id = 'PHONE' AND user_id = (SELECT user_id FROM users WHERE username = 'alice')",
        tables: &["compat_sessions"],
        count: 1,
        such_as: "\"PHONE\" of \"alice\"",
    },
    Case {
        id: "session_device_not_in_synapse",
        synapse: "DELETE FROM devices WHERE user_id = '@alice:demo.example'",
        mas: "",
        tables: &["devices"],
        count: 2,
        such_as: "\"PHONE\" of \"alice\"",
    },
];

/// Findings that have a test of their own.
const OTHERS: [&str; 3] = [
    "no_accounts_to_compare",
    "not_all_compared",
    "links_not_compared",
];

fn live(pair: &Pair, more: &[&str]) -> Run {
    run(tool(&["verify", "--live", "--settle", "0s"])
        .args(["--synapse-config", &pair.path("homeserver.yaml")])
        .args(["--config", &pair.path("mas.yaml")])
        .args(["--migrated-at", MIGRATED_AT])
        .args(more))
}

/// The report on stdout.
fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

/// What use has changed, by the name of its reason.
fn since(report: &Value) -> BTreeMap<String, u64> {
    let all = report["live"]["since"].as_array().unwrap();
    all.iter()
        .map(|one| {
            (
                one["id"].as_str().unwrap().to_owned(),
                one["count"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn after_a_migration_both_agree_and_nothing_has_changed() {
    let pair = Pair::new("live_same").await;
    pair.run(&["migrate"]).answered(0, &["committed"]);
    let before = pair.states();
    let run = pair.after(&["verify", "--live", "--format", "json"]);
    run.answered(0, &["Synapse and MAS agree on"]);
    let report = json(&run);
    assert!(since(&report).is_empty());
    assert_eq!(report["findings"].as_array().unwrap().len(), 0);
    for compared in report["live"]["compared"].as_array().unwrap() {
        assert_eq!(compared["synapse"], compared["mas"], "{compared}");
        assert!(compared["mas"].as_u64().unwrap() > 10, "{compared}");
    }
    pair.after(&["verify", "--live"])
        .answered(0, &["use has changed nothing since 2026-05-01T02:00:00Z"]);
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn each_kind_of_disagreement_is_found_by_itself() {
    let pair = Pair::new("live_cases").await;
    pair.run(&["migrate"]).answered(0, &[]);
    for case in CASES {
        let changed = |database: &Database, sql: &str| {
            if sql.is_empty() {
                return;
            }
            for table in case.tables {
                database.psql(&format!(
                    "CREATE TABLE saved_{table} AS SELECT * FROM {table}"
                ));
            }
            database.psql(sql);
        };
        let back = |database: &Database, sql: &str| {
            if sql.is_empty() {
                return;
            }
            for table in case.tables {
                database.psql(&format!(
                    "SET session_replication_role = replica; DELETE FROM {table};
                     INSERT INTO {table} SELECT * FROM saved_{table}; DROP TABLE saved_{table}"
                ));
            }
        };
        changed(&pair.source, case.synapse);
        changed(&pair.target, case.mas);
        let run = live(&pair, &["--format", "json"]);
        run.answered(
            1,
            &[&format!(
                "Synapse and MAS do not agree: {} {}",
                case.count, case.id
            )],
        );
        let report = json(&run);
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{}: {findings:#?}", case.id);
        assert_eq!(findings[0]["id"], case.id);
        assert_eq!(findings[0]["count"], case.count, "{}", case.id);
        let named = findings[0]["samples"].as_array().unwrap();
        assert!(
            named
                .iter()
                .any(|key| key.as_str().unwrap().starts_with(case.such_as)),
            "{}: {named:?}",
            case.id
        );
        // A warning can be accepted for as many as there are, an error cannot.
        let accepted = live(&pair, &["--accept", &format!("{}={}", case.id, case.count)]);
        if findings[0]["severity"] == "warning" {
            accepted.answered(0, &["but for what is accepted"]);
            live(&pair, &["--accept", &format!("{}=0", case.id)]).answered(1, &["accepted for 0"]);
        } else {
            accepted.answered(2, &["is an error"]);
        }
        back(&pair.source, case.synapse);
        back(&pair.target, case.mas);
    }
    live(&pair, &[]).answered(0, &["agree on"]);
}

#[test]
fn every_page_about_two_databases_in_use_has_a_case() {
    let told: Vec<&str> = pages()
        .filter(|page| page.rows.contains("verify --live"))
        .map(|page| page.id)
        .collect();
    let proven = CASES.map(|case| case.id);
    for id in told.iter().chain(&proven).chain(&OTHERS) {
        let is_proven = proven.contains(id) || OTHERS.contains(id);
        assert!(is_proven && told.contains(id), "{id}");
    }
}

/// Accounts, sessions and devices as use brings them about: what MAS writes, and what it has told
/// Synapse of it.
const USE_IN_MAS: &str = "
    INSERT INTO oauth2_clients (oauth2_client_id, redirect_uris, grant_type_authorization_code,
        grant_type_refresh_token, grant_type_client_credentials, grant_type_device_code)
        VALUES ('00000000-0000-0000-0000-000000000001', '{}', true, true, true, true);
    INSERT INTO users (user_id, username, created_at) VALUES
        ('00000000-0000-0000-0000-000000000002', 'newby', now()),
        ('00000000-0000-0000-0000-000000000003', 'gone', now());
    UPDATE users SET deactivated_at = now(), locked_at = now() WHERE username = 'gone';
    INSERT INTO user_emails SELECT gen_random_uuid(), user_id, 'n@example.com', now() FROM users WHERE username = 'newby';
    INSERT INTO user_passwords (user_password_id, user_id, hashed_password, created_at, version, upgraded_from_id)
        SELECT gen_random_uuid(), user_id, '$argon2id$', now(), 2, user_password_id
        FROM user_passwords JOIN users USING (user_id) WHERE username IN ('alice', 'bob');
    INSERT INTO upstream_oauth_links (upstream_oauth_link_id, upstream_oauth_provider_id, user_id, subject, created_at)
        SELECT gen_random_uuid(), upstream_oauth_provider_id, '00000000-0000-0000-0000-000000000002', 'new', now()
        FROM upstream_oauth_providers LIMIT 1;
    INSERT INTO upstream_oauth_links (upstream_oauth_link_id, upstream_oauth_provider_id, user_id, subject, created_at)
        SELECT gen_random_uuid(), upstream_oauth_provider_id, NULL, 'nobody yet', now()
        FROM upstream_oauth_providers LIMIT 1;
    INSERT INTO oauth2_sessions (oauth2_session_id, oauth2_client_id, created_at, finished_at, user_id, scope_list)
        SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', now(), finished_at, user_id, scope_list::text[]
        FROM (VALUES
            ('newby', NULL::timestamptz, '{openid,urn:matrix:client:api:*,urn:matrix:client:device:STABLE}'),
            ('newby', NULL, '{urn:matrix:org.matrix.msc2967.client:device:OLDER,openid}'),
            ('newby', NULL, '{openid,urn:matrix:client:device:TWICE}'),
            ('newby', NULL, '{openid,urn:matrix:client:device:TWICE}'),
            ('alice', NULL, '{openid,urn:matrix:client:device:PHONE}'),
            ('newby', NULL, '{openid}'),
            ('newby', NULL, '{}'),
            ('newby', now(), '{openid,urn:matrix:client:device:ENDED}')
        ) AS s (username, finished_at, scope_list) JOIN users USING (username);
    INSERT INTO oauth2_sessions (oauth2_session_id, oauth2_client_id, created_at, user_id, scope_list)
        SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', now(), user_id, '{urn:matrix:client:device:BEGUN}'
        FROM users WHERE username = 'newby';
    UPDATE oauth2_sessions SET last_active_at = now() WHERE NOT 'urn:matrix:client:device:BEGUN' = ANY (scope_list);
    INSERT INTO oauth2_sessions (oauth2_session_id, oauth2_client_id, created_at, scope_list)
        VALUES (gen_random_uuid(), '00000000-0000-0000-0000-000000000001', now(), '{urn:mas:admin}');
    INSERT INTO personal_sessions (personal_session_id, owner_user_id, actor_user_id, human_name, scope_list, created_at, revoked_at)
        SELECT gen_random_uuid(), user_id, user_id, 'bot', scope_list::text[], now(), revoked_at
        FROM (VALUES
            ('bob', '{urn:matrix:client:device:BOT}', NULL::timestamptz),
            ('bob', '{urn:matrix:client:device:BOT}', NULL),
            ('bob', '{openid}', NULL),
            ('bob', '{urn:matrix:client:device:REVOKED}', now())
        ) AS s (username, scope_list, revoked_at) JOIN users USING (username);
    UPDATE personal_sessions SET last_active_at = now();
    DELETE FROM upstream_oauth_links USING users
        WHERE users.user_id = upstream_oauth_links.user_id AND deactivated_at < now();
    INSERT INTO compat_sessions (compat_session_id, user_id, device_id, created_at)
        SELECT gen_random_uuid(), user_id, 'AGAIN', now() FROM users, generate_series(1, 2) WHERE username = 'bob';
    UPDATE compat_sessions SET finished_at = now()
        WHERE device_id = 'LAPTOP' AND user_id = (SELECT user_id FROM users WHERE username = 'alice')";

const USE_IN_SYNAPSE: &str = "
    INSERT INTO users (name, creation_ts, admin, is_guest, deactivated) VALUES
        ('@newby:demo.example', 1790000000, 0, 0, 0), ('@gone:demo.example', 1790000000, 0, 0, 1);
    INSERT INTO devices (user_id, device_id) VALUES
        ('@newby:demo.example', 'STABLE'), ('@newby:demo.example', 'OLDER'), ('@newby:demo.example', 'TWICE'),
        ('@bob:demo.example', 'BOT'), ('@bob:demo.example', 'AGAIN');
    DELETE FROM devices WHERE user_id = '@alice:demo.example' AND device_id = 'LAPTOP';
    INSERT INTO user_external_ids (auth_provider, external_id, user_id) VALUES
        ('oauth-delegated', 'x', '@newby:demo.example')";

#[tokio::test]
async fn what_use_changes_is_counted_and_is_no_disagreement() {
    let pair = Pair::new("live_use").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target.psql(USE_IN_MAS);
    pair.source.psql(USE_IN_SYNAPSE);
    let run = live(&pair, &["--format", "json"]);
    run.answered(0, &["Synapse and MAS agree on"]);
    let report = json(&run);
    assert_eq!(report["live"]["links_not_compared"], 0);
    assert_eq!(
        since(&report),
        [
            ("account_made_since", 2),
            ("account_deactivated_since", 1),
            ("account_locked_since", 1),
            ("password_set_since", 2),
            ("email_added_since", 1),
            ("link_made_since", 1),
            ("session_begun_since", 2),
            ("session_ended_since", 1),
            ("client_session_begun_since", 9),
            ("client_session_ended_since", 1),
            ("personal_session_begun_since", 4),
        ]
        .into_iter()
        .map(|(id, count)| (id.to_owned(), count))
        .collect()
    );
    live(&pair, &[]).answered(0, &["2 accounts registered in MAS"]);
    // Nobody may think that this is what a migration would have made.
    pair.after(&["verify"]).answered(10, &["delegated_before"]);
}

#[tokio::test]
async fn a_difference_that_settles_is_none() {
    let pair = Pair::new("live_settles").await;
    pair.run(&["migrate"]).answered(0, &[]);
    let sign_in = |device: &str| {
        pair.target.psql(&format!(
            "INSERT INTO compat_sessions (compat_session_id, user_id, device_id, created_at)
             SELECT gen_random_uuid(), user_id, '{device}', now() FROM users WHERE username = 'alice'"
        ));
    };
    sign_in("SOON");
    let mut running = pair.start_after(&["verify", "--live", "--settle", "6s"]);
    running.wait_for("Something differs");
    // MAS tells Synapse of it, and the next has signed in, whom the first look did not see.
    pair.source
        .psql("INSERT INTO devices (user_id, device_id) VALUES ('@alice:demo.example', 'SOON')");
    sign_in("NEXT");
    pair.end(running).answered(0, &["agree on"]);
    live(&pair, &[]).answered(1, &["session_device_not_in_synapse", "NEXT"]);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_hides_no_other() {
    let pair = Pair::new("live_unreadable").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target
        .psql("UPDATE users SET created_at = 'infinity' WHERE username = 'alice'");
    let run = live(&pair, &["--format", "json"]);
    run.answered(1, &[]);
    let report = json(&run);
    let found: Vec<(&str, u64)> = (report["findings"].as_array().unwrap().iter())
        .map(|finding| {
            (
                finding["id"].as_str().unwrap(),
                finding["count"].as_u64().unwrap(),
            )
        })
        .collect();
    assert!(found.contains(&("value_out_of_range", 1)), "{found:?}");
    assert!(found.contains(&("account_only_in_synapse", 1)), "{found:?}");
}

#[tokio::test]
async fn jobs_that_mas_has_still_to_do_are_named_beside_a_difference() {
    let pair = Pair::new("live_jobs").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target.psql(
        "INSERT INTO users (user_id, username, created_at) VALUES (gen_random_uuid(), 'late', now());
         INSERT INTO queue_jobs (queue_job_id, queue_name, status, created_at, attempt) VALUES
            (gen_random_uuid(), 'provision-user', 'available', now(), 0),
            (gen_random_uuid(), 'sync-devices', 'failed', now(), 3),
            (gen_random_uuid(), 'sync-devices', 'failed', now() - interval '90 days', 3),
            (gen_random_uuid(), 'send-email', 'failed', now(), 0)",
    );
    live(&pair, &[]).answered(
        1,
        &[
            "1 provision-user, 1 sync-devices (failed)",
            "account_only_in_mas",
        ],
    );
}

#[tokio::test]
async fn a_few_differences_among_many_are_counted_to_the_last() {
    let pair = Pair::new("live_many").await;
    pair.run(&["migrate"]).answered(0, &[]);
    let accounts = "generate_series(1, 60000) AS n";
    pair.source.psql(&format!(
        "INSERT INTO users (name, creation_ts) SELECT '@many' || n || ':demo.example', 1 FROM {accounts};
         INSERT INTO devices (user_id, device_id) SELECT '@many' || n || ':demo.example', 'D' FROM {accounts}"
    ));
    pair.target.psql(&format!(
        "INSERT INTO users (user_id, username, created_at) SELECT gen_random_uuid(), 'many' || n, now() FROM {accounts};
         INSERT INTO compat_sessions (compat_session_id, user_id, device_id, created_at)
         SELECT gen_random_uuid(), user_id, 'D', now() FROM users WHERE username LIKE 'many%' AND username NOT LIKE 'many%77'"
    ));
    // What one side alone can have takes no room: cross-signing keys, passwords set in MAS.
    pair.source.psql(&format!(
        "INSERT INTO devices (user_id, device_id, hidden) SELECT '@many' || n || ':demo.example', 'KEYS', true FROM {accounts}"
    ));
    pair.target.psql(
        "INSERT INTO user_passwords (user_password_id, user_id, hashed_password, created_at, version)
         SELECT gen_random_uuid(), user_id, '$argon2id$', now(), 2 FROM users WHERE username LIKE 'many%'",
    );
    live(&pair, &[]).answered(1, &["do not agree: 600 device_without_session"]);
    // More than can be held: it is said so, and cannot be accepted away.
    pair.target
        .psql("UPDATE compat_sessions SET finished_at = now()");
    let run = live(&pair, &["--format", "json"]);
    run.answered(1, &["1 not_all_compared"]);
    assert_eq!(json(&run)["live"]["compared"][3]["more"], true);
}

#[tokio::test]
async fn what_cannot_be_compared_is_no_agreement() {
    let pair = Pair::new("live_nothing").await;
    // Nothing has been migrated yet.
    live(&pair, &[]).answered(10, &["no_accounts_to_compare", "not compared"]);
    pair.run(&["migrate"]).answered(0, &[]);
    let synapse = pair.read("homeserver.yaml");
    pair.write(
        "homeserver.yaml",
        &synapse.replace("demo.example", "other.example"),
    );
    live(&pair, &[]).answered(10, &["homeserver_mismatch", "not compared"]);
    pair.write("homeserver.yaml", &synapse);
    // MAS's configuration no longer says which of its providers are Synapse's.
    let mas = pair.read("mas.yaml");
    pair.write("mas.yaml", &mas.replace("synapse_idp_id", "brand_name"));
    live(&pair, &[]).answered(1, &["links_not_compared"]);
    live(&pair, &["--accept", "links_not_compared"]).answered(0, &["but for what is accepted"]);
    pair.write("mas.yaml", &mas);
    live(&pair, &[]).answered(0, &[]);
    run(
        tool(&["verify", "--live", "--migrated-at", "2099-01-01T00:00:00Z"])
            .args(["--synapse-config", &pair.path("homeserver.yaml")])
            .args(["--config", &pair.path("mas.yaml")]),
    )
    .answered(2, &["yet to come"]);
}

#[tokio::test]
async fn what_stands_in_the_way_is_told() {
    let pair = Pair::new("live_hindered").await;
    pair.run(&["migrate"]).answered(0, &[]);
    pair.target.psql("DROP TABLE personal_sessions CASCADE");
    live(&pair, &[]).answered(10, &["target_personal_sessions_missing", "not compared"]);
    let without = run(tool(&["verify", "--live"])
        .args(["--synapse-config", &pair.path("homeserver.yaml")])
        .args(["--config", &pair.path("mas.yaml")]));
    without.answered(2, &["--report <FILE>"]);
    for flags in [
        &["--set", "orphans=error"][..],
        &["--max-rejects", "1"],
        &["--mapping", "x.map"],
    ] {
        live(&pair, flags).answered(2, &["cannot be used with"]);
    }
    run(tool(&["verify", "--accept", "orphan"])
        .args(["--synapse-config", &pair.path("homeserver.yaml")])
        .args(["--migrated-at", MIGRATED_AT]))
    .answered(2, &["--live"]);
}
