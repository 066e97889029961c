//! Findings about the databases as they are.

use crate::case::{Case, prove};

pub(crate) const CASES: &[Case] = &[
    Case::error("source_database_not_recognised").source("DROP TABLE user_external_ids"),
    Case::error("target_database_not_recognised").target("DROP TABLE compat_sessions CASCADE"),
    Case::error("source_database_version_too_old").source("UPDATE schema_version SET version = 79"),
    Case::error("target_database_version_too_old")
        .target("UPDATE _sqlx_migrations SET version = 20240101000000"),
    Case::warning("source_database_version_not_tested")
        .source("UPDATE schema_version SET version = 1000"),
    Case::warning("target_database_version_not_tested")
        .target("UPDATE _sqlx_migrations SET version = 20990101000000"),
    Case::error("source_database_version_not_noted").source("DELETE FROM schema_version"),
    Case::error("target_database_version_not_noted").target("DELETE FROM _sqlx_migrations"),
    Case::error("source_devices_ip_missing").source("ALTER TABLE devices DROP COLUMN ip"),
    Case::error("source_dehydrated_devices_missing").source("DROP TABLE dehydrated_devices"),
    Case::error("target_users_locked_at_missing").target("ALTER TABLE users DROP COLUMN locked_at"),
    Case::error("source_devices_last_seen_type")
        .source("ALTER TABLE devices ALTER COLUMN last_seen TYPE text"),
    Case::error("target_compat_sessions_human_name_type")
        .target("ALTER TABLE compat_sessions ALTER COLUMN human_name TYPE bytea USING NULL"),
    Case::error("source_user_threepids_medium_nullness")
        .source("ALTER TABLE user_threepids ALTER COLUMN medium DROP NOT NULL"),
    Case::error("target_compat_sessions_device_id_nullness")
        .target("ALTER TABLE compat_sessions ALTER COLUMN device_id SET NOT NULL"),
    Case::error("source_access_tokens_token_not_unique")
        .source("ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_token_key"),
    Case::error("target_users_locked_at_generated").target(
        "ALTER TABLE users DROP COLUMN locked_at;
         ALTER TABLE users ADD COLUMN locked_at timestamptz GENERATED ALWAYS AS (created_at) STORED",
    ),
    Case::error("target_users_shoe_size_not_set")
        .target("ALTER TABLE users ADD COLUMN shoe_size int NOT NULL"),
    Case::warning("target_users_odd_unknown")
        .target("ALTER TABLE users ADD CONSTRAINT odd CHECK (length(username) < 200)"),
    Case::error("mas_running").target(
        "INSERT INTO queue_workers VALUES (gen_random_uuid(), now(), now(), NULL),
            (gen_random_uuid(), now(), now(), now()),
            (gen_random_uuid(), now(), now() - interval '1 hour', NULL)",
    ),
    Case::error("target_not_empty").target(
        "INSERT INTO users (user_id, username, created_at, can_request_admin, is_guest)
         VALUES (gen_random_uuid(), 'early', now(), false, false)",
    ),
    Case::error("target_unsuitable").target(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f()",
    ),
    Case::warning("target_surprises").target(
        "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER odd ON ddl_command_end EXECUTE FUNCTION f()",
    ),
    Case::error("missing_in_upstream_oauth_providers")
        .target("DELETE FROM upstream_oauth_providers")
        .mapping(&[("    fail provider_not_synced when not exists (mas_provider as p on p.upstream_oauth_provider_id == provider)\n", ""),
            ("broadcast mas_provider from target.upstream_oauth_providers limit 10000\n", ""),
            ("/// The providers that MAS's database knows.\n", "")]),
];

#[tokio::test]
async fn what_the_databases_are() {
    prove(&CASES[..8]).await;
}

#[tokio::test]
async fn what_their_tables_are() {
    prove(&CASES[8..19]).await;
}

#[tokio::test]
async fn whether_the_target_is_ready() {
    prove(&CASES[19..]).await;
}
