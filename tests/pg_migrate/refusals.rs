//! Exit statuses and words for everything that is wrong before the first row.

use std::fs;

use crate::fixture::{Pair, harness_psql, homeserver, mas, run, tool};
use crate::harness;

#[tokio::test]
async fn a_configuration_that_is_not_there() {
    let pair = Pair::new("no_file").await;
    fs::remove_file(pair.path("homeserver.yaml")).unwrap();
    pair.run(&["check"])
        .answered(2, &["E0601", "homeserver.yaml"]);
    pair.run(&["migrate"])
        .answered(2, &["E0601", "homeserver.yaml"]);
}

#[tokio::test]
async fn a_configuration_that_is_no_yaml() {
    let pair = Pair::new("no_yaml").await;
    pair.write("mas.yaml", "database: [unclosed\nsecret: {");
    pair.run(&["check"]).answered(2, &["E0602", "mas.yaml"]);
    pair.run(&["migrate"]).answered(2, &["E0602", "mas.yaml"]);
}

#[tokio::test]
async fn both_configurations_are_judged_at_once() {
    let pair = Pair::new("two_problems").await;
    pair.write("homeserver.yaml", "database: {name: psycopg2}");
    pair.write("mas.yaml", "matrix: [unclosed");
    pair.run(&["check"])
        .answered(2, &["homeserver.yaml", "mas.yaml"]);
}

#[tokio::test]
async fn a_wrong_password() {
    let pair = Pair::new("password").await;
    let role = format!("guarded_{}", pair.source.name);
    pair.source.psql(&format!(
        "CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'another'"
    ));
    let path = harness_psql("SHOW hba_file");
    let rest = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("local all {role} scram-sha-256\n{rest}")).unwrap();
    harness_psql("SELECT pg_reload_conf()");
    // A session that the server starts after the reload reads the new file.
    crate::fixture::wait_until("the server has read its rules", || {
        harness_psql(
            "SELECT pg_conf_load_time() > now() - interval '1 hour' AND EXISTS (
            SELECT FROM pg_hba_file_rules WHERE user_name::text LIKE '%guarded%')",
        ) == "t"
    });
    pair.write("homeserver.yaml", &homeserver(&pair.source.name, &role));
    let before = pair.states();
    let refused = pair.run(&["migrate"]);
    refused.answered(3, &["password", &role, "nothing was changed"]);
    assert_eq!(refused.json()["verdict"]["exit"], 3);
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn nobody_listens() {
    let pair = Pair::new("closed").await;
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let uri = format!("postgresql://somebody:hunter2-of-the-target@127.0.0.1:{port}/mas");
    for command in ["check", "migrate"] {
        pair.run(&[command, "--mas-database-uri", &uri]).answered(
            3,
            &[
                &format!("`127.0.0.1`, port {port}"),
                "the port is set by: `--mas-database-uri`",
                "nothing was changed",
            ],
        );
    }
    // What stands in the environment is said to come from there.
    let mut command = pair.command(&["check"]);
    run(command.env("MAPWRIGHT_TARGET_DATABASE_URI", &uri)).answered(
        3,
        &["the port is set by: environment variable `MAPWRIGHT_TARGET_DATABASE_URI`"],
    );
    run(tool(&["catalog", "dump", "--name", "mas"]).env("MAPWRIGHT_DATABASE_URI", &uri)).answered(
        3,
        &["the port is set by: environment variable `MAPWRIGHT_DATABASE_URI`"],
    );
}

#[tokio::test]
async fn no_such_database_on_either_side() {
    let pair = Pair::new("no_database").await;
    pair.write("homeserver.yaml", &homeserver("nowhere", "postgres"));
    pair.write("mas.yaml", &mas("nirgends"));
    pair.run(&["check"])
        .answered(3, &["nowhere", "nirgends", "nothing was changed"]);
}

#[tokio::test]
async fn a_synapse_on_sqlite() {
    let pair = Pair::new("sqlite").await;
    pair.write(
        "homeserver.yaml",
        "server_name: demo.example\ndatabase:\n  name: sqlite3\n  args:\n    database: /data/homeserver.db\n",
    );
    let before = pair.states();
    for command in ["check", "migrate"] {
        let run = pair.run(&[command]);
        run.answered(10, &["SQLite", "nothing was changed"]);
        assert_eq!(run.json()["source"], serde_json::Value::Null);
    }
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn swapped_databases() {
    let pair = Pair::new("swapped").await;
    let pair = Pair::between(pair.target, pair.source);
    let before = pair.states();
    for command in ["check", "migrate"] {
        pair.run(&[command]).answered(
            10,
            &[
                "source_database_swapped",
                "target_database_swapped",
                "swap the settings",
                "nothing was changed",
            ],
        );
    }
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn one_database_for_both() {
    let pair = Pair::new("same").await;
    pair.write("mas.yaml", &mas(&pair.source.name));
    let before = pair.states();
    for command in ["check", "migrate"] {
        let run = pair.run(&[command]);
        run.answered(10, &["error[same_database]", "nothing was changed"]);
        assert!(!run.stderr.contains("swap"), "{}", run.stderr);
    }
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn a_provider_that_mas_does_not_know() {
    let pair = Pair::new("provider").await;
    let before = pair.states();
    let text = mas(&pair.target.name).replace("synapse_idp_id: oidc-dex,", "");
    pair.write("mas.yaml", &text);
    for command in ["check", "migrate"] {
        pair.run(&[command]).answered(
            10,
            &[
                "error[missing_provider]",
                "--ignore-missing-auth-providers",
                "nothing was changed",
            ],
        );
        assert_eq!(pair.states(), before);
    }
    let run = pair.run(&["migrate", "--ignore-missing-auth-providers"]);
    run.answered(0, &["missing_provider", "committed"]);
    let left_out = pair.source.psql(
        "SELECT count(*) FROM user_external_ids AS x JOIN users AS u ON u.name = x.user_id
         WHERE auth_provider = 'oidc-dex' AND appservice_id IS NULL",
    );
    let all = pair.source.psql(
        "SELECT count(*) FROM user_external_ids AS x JOIN users AS u ON u.name = x.user_id
         WHERE appservice_id IS NULL",
    );
    let number = |text: &str| text.trim().parse::<u64>().unwrap();
    assert!(number(&left_out) > 0);
    let links = pair
        .target
        .psql("SELECT count(*) FROM upstream_oauth_links");
    assert_eq!(number(&links), number(&all) - number(&left_out));
}

#[tokio::test]
async fn a_provider_that_was_not_synced() {
    let pair = Pair::new("not_synced").await;
    pair.target
        .psql("DELETE FROM upstream_oauth_providers WHERE human_name = 'oidc-dex'");
    let before = pair.states();
    for command in ["check", "migrate"] {
        pair.run(&[command]).answered(
            10,
            &[
                "error[provider_not_synced]",
                "mas-cli config sync",
                "nothing was changed",
            ],
        );
        assert_eq!(pair.states(), before);
    }
}

#[tokio::test]
async fn usage() {
    let pair = Pair::new("usage").await;
    pair.run(&["check", "--set", "nonsense"])
        .answered(2, &["`--set` takes `name=value`"]);
    pair.run(&["check", "--set", "orphan=error"])
        .answered(2, &["has no parameter `orphan`", "did you mean `orphans`"]);
    pair.run(&["migrate", "--set", "orphans=perhaps"])
        .answered(2, &["`--set orphans=…`", "`error`, `warn` or `quiet`"]);
    pair.run(&["migrate", "--upstream-provider-mapping", "oidc"])
        .answered(2, &["--upstream-provider-mapping"]);
    pair.run(&["migrate", "--frobnicate"])
        .answered(2, &["unexpected argument '--frobnicate'"]);
    run(&mut tool(&["check"])).answered(2, &["--synapse-config"]);
    run(&mut tool(&["nonsense"])).answered(2, &["unrecognized subcommand"]);
    run(&mut tool(&["explain", "E9999"])).answered(2, &["E9999"]);
}

#[tokio::test]
async fn a_moment_that_is_none() {
    let pair = Pair::new("moment").await;
    let mut command = tool(&["check", "--migrated-at", "yesterday"]);
    command.args([
        "--synapse-config",
        &pair.path("homeserver.yaml"),
        "--config",
        &pair.path("mas.yaml"),
    ]);
    run(&mut command).answered(2, &["`--migrated-at yesterday`", "2026-05-01T02:00:00Z"]);
}

#[tokio::test]
async fn a_parameter_can_make_an_error_of_a_warning() {
    let pair = Pair::new("severity").await;
    let before = pair.states();
    pair.run(&["check", "--set", "orphans=error"])
        .answered(10, &["error[orphan]", "nothing was changed"]);
    pair.run(&["migrate", "--set", "orphans=error"])
        .answered(10, &["error[orphan]", "nothing was changed"]);
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn a_schema_of_another_name_is_asked_for() {
    let pair = Pair::new("schemas").await;
    pair.source
        .psql("ALTER SCHEMA public RENAME TO synapse; CREATE SCHEMA public");
    pair.target
        .psql("ALTER SCHEMA public RENAME TO mas; CREATE SCHEMA public");
    pair.run(&["check"])
        .answered(10, &["source_database_empty", "target_database_empty"]);
    pair.run(&[
        "migrate",
        "--synapse-schema",
        "synapse",
        "--mas-schema",
        "mas",
    ])
    .answered(0, &["committed"]);
    assert_ne!(
        pair.target.psql("SELECT count(*) FROM mas.users").trim(),
        "0"
    );
}

#[tokio::test]
async fn an_empty_synapse_database() {
    let pair = Pair::new("empty_source").await;
    let empty = harness::fresh_database("empty_source").await;
    let pair = Pair::between(empty, pair.target);
    let before = pair.states();
    for command in ["check", "migrate"] {
        pair.run(&[command])
            .answered(10, &["source_database_empty", "nothing was changed"]);
    }
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn a_change_of_the_schema_that_was_not_carried_through() {
    let pair = Pair::new("unfinished").await;
    pair.target
        .psql("UPDATE _sqlx_migrations SET success = false");
    for command in ["check", "migrate"] {
        pair.run(&[command]).answered(
            10,
            &["error[target_schema_unfinished]", "not carried through"],
        );
    }
}

#[tokio::test]
async fn what_may_refuse_rows_is_said_before_they_are_written() {
    let pair = Pair::new("surprises").await;
    pair.target.psql(
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
         CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION watch();
         ALTER TABLE users ADD CONSTRAINT apart EXCLUDE USING btree (username WITH =)",
    );
    pair.run(&["check"]).answered(
        11,
        &[
            "warning[target_surprises] 2 times",
            "event trigger `watch` on `sql_drop`, exclusion constraint `apart` on `users`",
        ],
    );
    pair.run(&["migrate", "--dry-run", "--verify"])
        .answered(0, &[]);
}

#[tokio::test]
async fn a_table_that_nobody_may_read_at_the_moment() {
    // The program waits for ten seconds, so both look at the same time, each at a pair of its own.
    let of_target = Pair::new("kept_out_target").await;
    let of_source = Pair::new("kept_out_source").await;
    let mut held = Vec::new();
    for (pair, side, table) in [
        (&of_target, &of_target.target, "upstream_oauth_providers"),
        (&of_source, &of_source.source, "devices"),
    ] {
        let holder = side.connect().await;
        let lock = format!(
            "SET application_name = 'the holder'; BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
        );
        holder.batch_execute(&lock).await.unwrap();
        held.push((holder, pair, pair.start(&["check"]), table));
    }
    for (_holder, pair, running, table) in held {
        pair.end(running)
            .answered(3, &["the holder", "AccessExclusiveLock", table]);
    }
}

#[tokio::test]
async fn a_moment_outside_the_times_that_rows_can_have() {
    let pair = Pair::new("far").await;
    for moment in ["2300-01-01T00:00:00Z", "1969-12-31T23:59:59Z"] {
        let run = run(tool(&["check", "--migrated-at", moment])
            .args(["--synapse-config", &pair.path("homeserver.yaml")])
            .args(["--config", &pair.path("mas.yaml")]));
        run.answered(2, &["E0615", "between 1970 and 2100"]);
    }
}

#[tokio::test]
async fn many_rows_rejected_for_one_reason_are_one_message() {
    let pair = Pair::new("crowd").await;
    pair.source.psql(
        "INSERT INTO users (name, creation_ts, admin, is_guest, deactivated)
         SELECT '@n' || n || ':other.example', 1700000000, 0, 0, 0 FROM generate_series(1, 300) AS n",
    );
    let run = pair.run(&["migrate"]);
    run.answered(10, &["error[foreign_user] 300 times"]);
    // First what is wrong, then where.
    let places = [
        "error[foreign_user]",
        "where the mapping",
        "error[E0501]",
        "warnings, ",
    ];
    let places = places.map(|words| run.stderr.find(words));
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?}\n{}",
        run.stderr
    );
    assert_eq!(
        run.stderr.matches("error[E0501]").count(),
        1,
        "{}",
        run.stderr
    );
    let short = pair.run(&["migrate", "--format", "short"]);
    short.answered(
        10,
        &["rows rejected by reason `foreign_user` in `account`: @n100:other.example …"],
    );
}
