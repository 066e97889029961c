//! The synthetic population holds every kind of row that the rules of the migration speak of, at its
//! smallest size and at any other, and is the same every time.

// A test stops at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod harness;

use std::path::Path;

use harness::Database;
use mapwright::cli::population::{
    self, FEWEST_USERS, NAMED_ACCOUNTS, PopulationOptions, PopulationSummary,
};

const SERVER: &str = "demo.example:8448";

async fn filled(users: u64, options: PopulationOptions) -> (Database, PopulationSummary) {
    let database = harness::fresh_database("population").await;
    let ddl = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pg_population/synapse-shaped.sql");
    database.psql_file(&ddl);
    let mut client = database.connect().await;
    let summary = population::fill(&mut client, users, SERVER, options)
        .await
        .unwrap();
    (database, summary)
}

/// A condition that at least one row of the population has to meet, named after the rules it serves.
const KINDS: &[(&str, &str)] = &[
    ("u1_upper_case", "users WHERE name = '@OldTimer:demo.example:8448'"),
    ("u2_bridge", "users WHERE appservice_id IS NOT NULL"),
    ("u2_bridge_with_colon", "users WHERE appservice_id IS NOT NULL AND name LIKE '@irc_net:channel:%'"),
    ("u2_bridge_has_device", "users u JOIN devices d ON d.user_id = u.name WHERE appservice_id IS NOT NULL"),
    ("u2_bridge_has_mail", "users u JOIN user_threepids d ON d.user_id = u.name WHERE appservice_id IS NOT NULL"),
    ("u2_bridge_has_link", "users u JOIN user_external_ids d ON d.user_id = u.name WHERE appservice_id IS NOT NULL"),
    ("u3_locked", "users WHERE locked AND deactivated = 0"),
    ("u3_deactivated", "users WHERE deactivated = 1 AND NOT locked"),
    ("u3_both", "users WHERE deactivated = 1 AND locked"),
    ("u3_admin", "users WHERE admin = 1"),
    ("u3_guest", "users WHERE is_guest = 1"),
    ("u4_bcrypt", r"users WHERE password_hash ~ '^\$2b\$12\$[./A-Za-z0-9]{53}$'"),
    ("u4_no_password", "users WHERE password_hash IS NULL"),
    ("u5_unapproved", "users WHERE NOT approved"),
    ("u5_approval_null", "users WHERE approved IS NULL"),
    ("u5_suspended", "users WHERE suspended"),
    ("u5_shadow_banned", "users WHERE shadow_banned"),
    ("u5_expired", "account_validity v JOIN users u ON u.name = v.user_id WHERE expiration_ts_ms < 1700000000000"),
    ("t1_email", "user_threepids WHERE medium = 'email'"),
    ("t1_phone", "user_threepids WHERE medium = 'msisdn'"),
    ("t1_other_medium", "user_threepids WHERE medium NOT IN ('email', 'msisdn')"),
    ("t1_deactivated_keep", "users u JOIN user_threepids t ON t.user_id = u.name WHERE deactivated = 1"),
    ("t1_guests_keep", "users u JOIN user_threepids t ON t.user_id = u.name WHERE is_guest = 1"),
    ("l1_several_providers", "(SELECT FROM user_external_ids GROUP BY user_id HAVING count(DISTINCT auth_provider) = 3) s"),
    ("l1_same_provider_twice", "(SELECT FROM user_external_ids GROUP BY user_id, auth_provider HAVING count(*) = 2) s"),
    ("d1_hidden", "devices WHERE hidden"),
    ("d1_hidden_null", "devices WHERE hidden IS NULL"),
    ("d1_guest_device", "devices WHERE device_id = 'guest_device'"),
    ("d1_deactivated", "users u JOIN devices d ON d.user_id = u.name WHERE deactivated = 1"),
    ("d3_dash", "devices WHERE ip = '-'"),
    ("d3_garbage", "devices WHERE ip = 'behind a proxy'"),
    ("d3_with_port", "devices WHERE ip = '10.0.0.1:8448'"),
    ("d3_v6", "devices WHERE ip LIKE 'fe80::%'"),
    ("d4_device_without_time", "devices d WHERE NOT hidden AND NOT EXISTS (SELECT FROM access_tokens a
        WHERE (a.user_id, a.device_id) = (d.user_id, d.device_id) AND a.last_validated IS NOT NULL)"),
    ("d4_oldest_of_several", "(SELECT FROM access_tokens WHERE last_validated > 0 GROUP BY user_id, device_id
        HAVING count(DISTINCT last_validated) > 1) s"),
    ("d5_dehydrated", "dehydrated_devices x JOIN devices d USING (user_id, device_id)"),
    ("a1_plain", "access_tokens WHERE puppets_user_id IS NULL AND refresh_token_id IS NULL"),
    ("a1_puppet", "access_tokens WHERE puppets_user_id IS NOT NULL"),
    ("a1_deactivated", "users u JOIN access_tokens a ON a.user_id = u.name WHERE deactivated = 1"),
    ("a1_guest", "users u JOIN access_tokens a ON a.user_id = u.name WHERE is_guest = 1"),
    ("a2_vanished_device", "access_tokens a JOIN users u ON u.name = a.user_id WHERE refresh_token_id IS NULL
        AND device_id <> '' AND NOT EXISTS (SELECT FROM devices d WHERE (a.user_id, a.device_id) = (d.user_id, d.device_id))"),
    ("a2_hidden_device", "access_tokens a JOIN devices d USING (user_id, device_id) WHERE hidden AND refresh_token_id IS NULL"),
    ("a3_deviceless", "access_tokens WHERE device_id IS NULL AND puppets_user_id IS NULL"),
    ("a4_never_validated", "access_tokens WHERE last_validated IS NULL AND device_id IS NOT NULL"),
    ("a4_expired", "access_tokens WHERE valid_until_ms BETWEEN 1 AND 1600000000000"),
    ("a5_unknown_form", "access_tokens WHERE token LIKE 'not_a_synapse_token_%'"),
    ("a5_macaroon", "access_tokens WHERE token NOT LIKE 'syt%' AND token !~ '[^-_A-Za-z0-9]'
        AND substr(decode(rpad(translate(token, '-_', '+/'), (length(token) + 3) / 4 * 4, '='), 'base64'), 5, 9) = 'location '"),
    ("a6_admins_deviceless", "access_tokens a JOIN users u ON u.name = a.user_id WHERE device_id IS NULL AND admin = 1 AND puppets_user_id IS NULL"),
    ("r1_pair", "access_tokens a JOIN refresh_tokens r ON r.id = a.refresh_token_id
        WHERE (a.user_id, a.device_id) = (r.user_id, r.device_id) AND r.next_token_id IS NULL"),
    ("r1_other_device", "access_tokens a JOIN refresh_tokens r ON r.id = a.refresh_token_id AND a.user_id = r.user_id WHERE a.device_id <> r.device_id"),
    ("r1_other_user", "access_tokens a JOIN refresh_tokens r ON r.id = a.refresh_token_id WHERE a.user_id <> r.user_id"),
    ("r1_device_gone", "refresh_tokens r JOIN users u ON u.name = r.user_id WHERE NOT EXISTS (SELECT FROM devices d WHERE (r.user_id, r.device_id) = (d.user_id, d.device_id))"),
    ("r2_superseded", "refresh_tokens r JOIN access_tokens n ON n.refresh_token_id = r.next_token_id WHERE n.used"),
    ("r2_successor_unused", "refresh_tokens r JOIN access_tokens n ON n.refresh_token_id = r.next_token_id WHERE NOT n.used"),
    ("r2_successor_null", "refresh_tokens r JOIN access_tokens n ON n.refresh_token_id = r.next_token_id WHERE n.used IS NULL"),
    ("r2_successor_of_another", "refresh_tokens r JOIN refresh_tokens n ON n.id = r.next_token_id WHERE n.user_id <> r.user_id"),
    ("r2_successor_without_access", "refresh_tokens r JOIN refresh_tokens n ON n.id = r.next_token_id
        WHERE NOT EXISTS (SELECT FROM access_tokens a WHERE a.refresh_token_id = n.id)"),
    ("r4_without_access", "refresh_tokens r WHERE next_token_id IS NULL AND NOT EXISTS (SELECT FROM access_tokens a WHERE a.refresh_token_id = r.id)"),
    ("r4_two_access_tokens", "(SELECT FROM access_tokens WHERE refresh_token_id IS NOT NULL GROUP BY refresh_token_id HAVING count(*) = 2) s"),
    ("x1_orphan_mail", "user_threepids WHERE user_id NOT IN (SELECT name FROM users WHERE name IS NOT NULL)"),
    ("x1_orphan_link", "user_external_ids WHERE user_id NOT IN (SELECT name FROM users WHERE name IS NOT NULL)"),
    ("x1_orphan_device", "devices WHERE user_id NOT IN (SELECT name FROM users WHERE name IS NOT NULL)"),
    ("x1_orphan_dehydrated", "dehydrated_devices WHERE user_id NOT IN (SELECT name FROM users WHERE name IS NOT NULL)"),
    ("x1_orphan_validity", "account_validity WHERE user_id NOT IN (SELECT name FROM users WHERE name IS NOT NULL)"),
    ("x1_orphan_token", "access_tokens WHERE refresh_token_id IS NULL AND device_id IS NOT NULL AND user_id NOT IN (SELECT name FROM users WHERE name IS NOT NULL)"),
    ("x1_orphan_deviceless", "access_tokens WHERE device_id IS NULL AND user_id NOT IN (SELECT name FROM users WHERE name IS NOT NULL)"),
    ("x1_orphan_pair", "refresh_tokens WHERE user_id NOT IN (SELECT name FROM users WHERE name IS NOT NULL)"),
    ("x2_all_null", "devices WHERE num_nulls(display_name, last_seen, ip, user_agent, hidden) = 5"),
    ("x2_creation_null", "users WHERE creation_ts IS NULL"),
    ("x2_nameless", "users WHERE name IS NULL"),
    ("x3_empty_device", "access_tokens WHERE device_id = ''"),
    ("x3_empty_hash", "users WHERE password_hash = ''"),
    ("x4_mailbox_case", "(SELECT FROM user_threepids GROUP BY lower(address) HAVING count(DISTINCT user_id) > 1 AND count(DISTINCT address) > 1) s"),
    ("x4_long_mail", "user_threepids WHERE length(address) > 255"),
    ("x4_unicode", "devices WHERE display_name ~ E'\\U0001F4F1' AND display_name ~ E'\\t' AND display_name ~ E'\\n'"),
    ("x4_long_agent", "devices WHERE length(user_agent) > 4096"),
    ("x5_case_twins", "(SELECT FROM users GROUP BY lower(name) HAVING count(*) = 2) s"),
    ("x6_creation_zero", "users WHERE creation_ts = 0"),
    ("x6_creation_negative", "users WHERE creation_ts < 0"),
    ("x6_creation_absurd", "users WHERE creation_ts > 10000000000000"),
    ("x6_validated_zero", "access_tokens WHERE last_validated = 0"),
    ("x6_validated_negative", "access_tokens WHERE last_validated < 0"),
    ("x6_validated_absurd", "access_tokens WHERE last_validated > 4102444800000"),
    ("x6_validated_absurd_beside_good", "access_tokens a JOIN access_tokens b USING (user_id, device_id) WHERE a.last_validated = 0 AND b.last_validated > 1"),
    ("x6_seen_absurd", "devices WHERE last_seen > 4102444800000"),
    ("x6_seen_zero", "devices WHERE last_seen = 0"),
    ("x6_expiry_absurd", "access_tokens WHERE valid_until_ms > 4102444800000"),
    ("x6_added_zero", "user_threepids WHERE added_at = 0"),
    ("x6_added_absurd", "user_threepids WHERE added_at > 4102444800000 AND medium <> 'email'"),
    ("x7_ldap", "users WHERE password_hash LIKE '{SSHA}%'"),
    ("x7_crossed_out", "users WHERE password_hash LIKE 'x$2b$%'"),
    ("x7_2a", r"users WHERE password_hash ~ '^\$2a\$.{56}$'"),
    ("x7_2y", r"users WHERE password_hash ~ '^\$2y\$.{56}$'"),
    ("x8_milliseconds", "users WHERE creation_ts BETWEEN 1400000000000 AND 1760000000000"),
    ("no_way_in", "users u WHERE password_hash IS NULL AND NOT EXISTS (SELECT FROM user_external_ids l WHERE l.user_id = u.name)"),
];

/// The kinds of which there is no row.
fn missing(database: &Database) -> Vec<&'static str> {
    let query: Vec<String> = KINDS
        .iter()
        .map(|(name, rows)| format!("SELECT '{name}' WHERE NOT EXISTS (SELECT FROM {rows})"))
        .collect();
    let found = database.psql(&query.join("\nUNION ALL\n"));
    KINDS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| found.lines().any(|line| line == *name))
        .collect()
}

#[tokio::test]
async fn the_smallest_population_holds_every_kind_of_row() {
    let (database, summary) = filled(FEWEST_USERS, PopulationOptions::default()).await;
    assert_eq!(missing(&database), Vec::<&str>::new());
    // The nameless one is beyond the number that was asked for.
    assert_eq!(summary.rows("users"), FEWEST_USERS + 1);
    assert_eq!(
        database.psql("SELECT version FROM schema_version").trim(),
        "94"
    );
}

#[tokio::test]
async fn kinds_are_missed_where_they_are_not() {
    let database = harness::fresh_database("empty").await;
    let ddl = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pg_population/synapse-shaped.sql");
    database.psql_file(&ddl);
    assert_eq!(missing(&database).len(), KINDS.len());
}

#[tokio::test]
async fn a_population_grows_with_its_number_and_stays_the_same() {
    let (larger, summary) = filled(2030, PopulationOptions::default()).await;
    assert_eq!(missing(&larger), Vec::<&str>::new());
    assert_eq!(summary.rows("users"), 2030 + 3, "a nameless one a thousand");
    let per_user = |table: &str| summary.rows(table) as f64 / 2030.0;
    assert!((1.2..1.8).contains(&per_user("devices")), "{summary:?}");
    assert!(
        (1.4..2.2).contains(&per_user("access_tokens")),
        "{summary:?}"
    );
    let (again, _) = filled(2030, PopulationOptions::default()).await;
    assert_eq!(again.sorted_rows(), larger.sorted_rows());
}

#[tokio::test]
async fn nothing_blocks_a_migration_unless_asked_for() {
    const BLOCKING: &str = "SELECT
        (SELECT count(*) FROM users WHERE name !~ '^@[^:]+(:[^:]+)?:demo[.]example:8448$'),
        (SELECT count(*) FROM user_external_ids WHERE auth_provider = 'oauth-delegated'),
        (SELECT count(*) FROM user_external_ids WHERE auth_provider NOT IN
            ('oidc', 'oidc-dex', 'oidc-keycloak', 'oauth-delegated'))";
    let (database, _) = filled(60, PopulationOptions::default()).await;
    assert_eq!(database.psql(BLOCKING).trim(), "0|0|0");
    let blocking_rows = true;
    let (database, _) = filled(60, PopulationOptions { blocking_rows }).await;
    assert_eq!(database.psql(BLOCKING).trim(), "3|1|1");
    assert_eq!(population::PROVIDERS, ["oidc", "oidc-dex", "oidc-keycloak"]);
}

#[tokio::test]
async fn named_accounts_are_there_with_their_hashes() {
    let (database, _) = filled(FEWEST_USERS, PopulationOptions::default()).await;
    for account in NAMED_ACCOUNTS {
        let hash = database.psql(&format!(
            "SELECT password_hash FROM users WHERE name = '@{}:{SERVER}'",
            account.localpart
        ));
        let typed = format!("{}{}", account.password, population::PEPPER);
        assert!(bcrypt::verify(typed, hash.trim()).unwrap());
    }
}

#[tokio::test]
async fn a_refused_population_leaves_nothing_and_shows_no_values() {
    let (database, _) = filled(FEWEST_USERS, PopulationOptions::default()).await;
    let before = database.sorted_rows();
    let mut client = database.connect().await;
    let error = population::fill(&mut client, 60, SERVER, PopulationOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.diagnostic.code.as_str(), "E0684");
    let note = error.diagnostic.notes.join("\n");
    assert!(note.contains("users_name_key"), "{note}");
    assert!(!note.contains("alice"), "{note}");
    assert_eq!(database.sorted_rows(), before);
}
