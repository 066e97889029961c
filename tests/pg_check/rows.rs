//! Findings about rows.

use crate::case::{Case, prove};

/// The warning that an account without a password or link cannot but bring.
const NO_WAY: &[&str] = &["no_way_to_sign_in"];

pub(crate) const CASES: &[Case] = &[
    // Accounts.
    Case::error("foreign_user")
        .source("INSERT INTO users (name, creation_ts) VALUES ('@eve:other.example', 1600000000)"),
    Case::warning("nameless_user")
        .source("INSERT INTO users (name, creation_ts) VALUES (NULL, 1600000000)"),
    Case::warning("orphan").count(5).source(
        "INSERT INTO user_threepids VALUES ('@ghost:demo.example', 'email', 'ghost@mail.example', 1, 1600000000000);
         INSERT INTO user_external_ids VALUES ('oidc-dex', 'ghost', '@ghost:demo.example');
         INSERT INTO devices (user_id, device_id) VALUES ('@ghost:demo.example', 'G');
         INSERT INTO refresh_tokens (id, user_id, device_id, token) VALUES (9, '@ghost:demo.example', 'G', 'syr_0g');
         INSERT INTO access_tokens (id, user_id, device_id, token) VALUES (9, '@ghost:demo.example', 'G', 'syt_0g')",
    ),
    Case::warning("bridge_user_with_colon").source(
        "INSERT INTO users (name, creation_ts, appservice_id) VALUES ('@irc_net:chan:demo.example', 1600000000, 'irc')",
    ),
    Case::warning("localparts_differ_by_case").count(3).source(
        "INSERT INTO users (name, creation_ts, password_hash)
         SELECT n, creation_ts, password_hash FROM users, (VALUES ('@Ada:demo.example'), ('@ADA:demo.example'), ('@Zoe:demo.example')) AS v (n)
         WHERE name = '@ada:demo.example'",
    ),
    Case::warning("emails_differ_by_case").count(2).source(
        "INSERT INTO user_threepids VALUES ('@bob:demo.example', 'email', 'Ada@Mail.example', 1, 1600000000000),
            ('@bob:demo.example', 'email', 'Bob@Mail.example', 1, 1600000000000),
            ('@bob:demo.example', 'email', 'bob@mail.example', 1, 1600000000000)",
    ),
    Case::warning("no_creation_time")
        .count(2)
        .source("UPDATE users SET creation_ts = nullif(0, length(name) - 17) WHERE name IN ('@ada:demo.example', '@bob:demo.example')"),
    Case::warning("creation_time_in_millis")
        .source("UPDATE users SET creation_ts = 1600000000000 WHERE name = '@ada:demo.example'"),
    Case::warning("impossible_time").source("UPDATE devices SET last_seen = -1 WHERE device_id = 'ADA'"),
    Case::warning("unapproved_user").source("UPDATE users SET approved = false WHERE name = '@ada:demo.example'"),
    Case::warning("expired_validity").source(
        "INSERT INTO account_validity (user_id, expiration_ts_ms, email_sent) VALUES ('@ada:demo.example', 1000, false)",
    ),
    Case::warning("guest").source("UPDATE users SET is_guest = 1 WHERE name = '@ada:demo.example'"),
    Case::warning("phone_number_kept_apart").source(
        "INSERT INTO user_threepids VALUES ('@ada:demo.example', 'msisdn', '447000000000', 1, 1600000000000)",
    ),
    Case::warning("long_email").source(
        "INSERT INTO user_threepids VALUES ('@ada:demo.example', 'email', repeat('a', 250) || '@mail.example', 1, 1600000000000)",
    ),
    // Passwords and single sign-on.
    Case::warning("no_way_to_sign_in")
        .count(2)
        .source("UPDATE users SET password_hash = ''; DELETE FROM user_external_ids"),
    Case::warning("password_not_bcrypt")
        .also(NO_WAY)
        .source("UPDATE users SET password_hash = '{SSHA}x' WHERE name = '@ada:demo.example'"),
    Case::error("delegated_before")
        .source("INSERT INTO user_external_ids VALUES ('oauth-delegated', 'x', '@ada:demo.example')"),
    Case::error("missing_provider")
        .source("INSERT INTO user_external_ids VALUES ('oidc-dxe', 'x', '@ada:demo.example')"),
    Case::warning("missing_provider")
        .source("INSERT INTO user_external_ids VALUES ('oidc-dxe', 'x', '@ada:demo.example')")
        .with(&["--ignore-missing-auth-providers"]),
    Case::error("provider_not_synced").target("DELETE FROM upstream_oauth_providers"),
    Case::warning("link_of_disabled_provider")
        .also(&["mas_provider_disabled"])
        .source("UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE name = '@ada:demo.example') WHERE name = '@bob:demo.example'")
        .mas(&[("synapse_idp_id: oidc-dex,", "synapse_idp_id: oidc-dex, enabled: false,")]),
    // Devices and tokens.
    Case::warning("has_dehydrated_device").source(
        "INSERT INTO devices (user_id, device_id) VALUES ('@ada:demo.example', 'DEHYDRATED');
         INSERT INTO dehydrated_devices VALUES ('@ada:demo.example', 'DEHYDRATED', '{}')",
    ),
    Case::warning("unparsable_ip").source("UPDATE devices SET ip = 'somewhere' WHERE device_id = 'ADA'"),
    Case::warning("token_without_device").source(
        "INSERT INTO access_tokens (id, user_id, device_id, token, last_validated) VALUES (9, '@ada:demo.example', 'GONE', 'syt_0x', 1750000000000)",
    ),
    Case::warning("token_of_skipped_device").source(
        "INSERT INTO devices (user_id, device_id, hidden) VALUES ('@ada:demo.example', 'HIDDEN', true);
         INSERT INTO access_tokens (id, user_id, device_id, token, last_validated) VALUES (9, '@ada:demo.example', 'HIDDEN', 'syt_0x', 1750000000000)",
    ),
    Case::warning("broken_pair")
        .also(&["refresh_token_alone"])
        .source("UPDATE refresh_tokens SET device_id = 'ELSEWHERE'"),
    Case::warning("older_of_pair").source(
        "INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, refresh_token_id) VALUES (9, '@bob:demo.example', 'BOB', 'syt_0x', 1750000000000, 1)",
    ),
    Case::warning("refresh_token_alone").source("DELETE FROM access_tokens WHERE id = 2"),
    Case::warning("token_not_accepted").source("UPDATE access_tokens SET token = 'home-made' WHERE id = 1"),
    Case::warning("token_expired").source("UPDATE access_tokens SET valid_until_ms = 1750000000000 WHERE id = 1"),
    Case::warning("deviceless_token_of_admin").source(
        "UPDATE users SET admin = 1 WHERE name = '@ada:demo.example';
         INSERT INTO access_tokens (id, user_id, token, last_validated) VALUES (9, '@ada:demo.example', 'syt_0x', 1750000000000)",
    ),
    Case::warning("empty_device_id").source(
        "INSERT INTO access_tokens (id, user_id, device_id, token, last_validated) VALUES (9, '@ada:demo.example', '', 'syt_0x', 1750000000000)",
    ),
    // What only a mapping of one's own brings about.
    Case::error("arithmetic_overflow").count(3).mapping(&[(
        "let creation = u.creation_ts ?? 0",
        "let creation = (u.creation_ts ?? 0) * 9223372036854775807",
    )]),
    Case::error("value_out_of_range").also(&["dangling_reference"]).mapping(&[(
        "version          = 1\n",
        "version          = length(hash) * 100000000\n",
    )]),
    Case::warning("unproven_upstream_oauth_links_subject_unique")
        .mapping(&[("= x.external_id\n", "= \"to {x.external_id}\"\n")])
        .synapse(&[("  - {idp_id: dex,", "  - {idp_id: two}\n  - {idp_id: dex,")])
        .with(&["--upstream-provider-mapping", "oidc-two:01JSHPZHAXC50QBKH67MH33TNG"]),
    // The e-mail address, the device, and the token whose session the device would have been.
    Case::error("dangling_reference").count(3).also(&["value_out_of_range"]).mapping(&[(
        "version          = 1\n",
        "version          = length(hash) * 100000000\n",
    )]),
    Case::error("dangling_user_passwords_user_id_fkey").mapping(&[(
        "user_password_id = ulid(a.created_at, a.mxid)\n        user_id          = a.id",
        "user_password_id = ulid(a.created_at, a.mxid)\n        user_id          = ulid(a.created_at, \"else\") for users",
    )]),
    Case::error("duplicate_upstream_oauth_links_subject_unique")
        .source("INSERT INTO user_external_ids VALUES ('oidc-two', 'bob-at-dex', '@ada:demo.example')")
        .synapse(&[("  - {idp_id: dex,", "  - {idp_id: two}\n  - {idp_id: dex,")])
        .with(&["--upstream-provider-mapping", "oidc-two:01JSHPZHAXC50QBKH67MH33TNG"]),
];

#[tokio::test]
async fn accounts() {
    prove(&CASES[..14]).await;
}

#[tokio::test]
async fn signing_in() {
    prove(&CASES[14..21]).await;
}

#[tokio::test]
async fn devices_and_tokens() {
    prove(&CASES[21..32]).await;
}

#[tokio::test]
async fn mappings_of_ones_own() {
    prove(&CASES[32..]).await;
}
