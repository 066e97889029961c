//! What two configurations say apart.

use super::super::environment::testing::environment;
use super::super::settings::{CommandLine, Connections};
use super::*;

const SYNAPSE: &str = include_str!("../generate/example.homeserver.yaml");
const MAS: &str = include_str!("../generate/example.mas.yaml");

fn found(synapse: &str, mas: &str) -> Vec<Finding> {
    // As an operator leaves it.
    let mas = mas.replace("\"FILL IN\"", "hunter8");
    found_as_it_is(synapse, &mas)
}

fn found_as_it_is(synapse: &str, mas: &str) -> Vec<Finding> {
    let files = [
        ("/s", synapse),
        ("/m", mas),
        ("/run/secrets/recaptcha", "hunter3"),
        ("/run/secrets/github", "hunter5"),
        ("/run/secrets/other", "hunter7"),
    ];
    let world = environment(&[], &files);
    let line = CommandLine {
        synapse_config: vec!["/s".into()],
        mas_config: vec!["/m".into()],
        connections: Connections::NotNeeded,
        ..CommandLine::default()
    };
    let settings =
        Settings::resolve(&line, &world).unwrap_or_else(|problems| panic!("{problems:?}"));
    let found = lint(&settings, &world).unwrap_or_else(|problems| panic!("{problems:?}"));
    for finding in &found {
        let text = format!("{finding:?}");
        assert!(
            !text.contains("hunter") && !text.contains("aHVud"),
            "{text}"
        );
        assert!(!finding.meaning.ends_with('.') && !finding.remedy.ends_with('.'));
    }
    found
}

/// The findings if one text of MAS's configuration is another.
fn changed(from: &str, to: &str) -> Vec<Finding> {
    assert!(MAS.contains(from), "{from}");
    found(SYNAPSE, &MAS.replacen(from, to, 1))
}

fn ids(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.id.as_str()).collect()
}

#[test]
fn a_pair_that_fits_differs_in_nothing() {
    assert_eq!(found(SYNAPSE, MAS), []);
}

#[test]
fn what_was_made_and_not_filled_in_is_found() {
    let found = found_as_it_is(SYNAPSE, MAS);
    assert_eq!(ids(&found), ["mas_placeholders"]);
    assert_eq!(found[0].samples, ["`database.password` in /m:37"]);
}

#[test]
fn synapse_s_database_is_not_asked_for() {
    let (before, rest) = SYNAPSE.split_once("database:\n").unwrap();
    let (_, after) = rest.split_once("password_config:").unwrap();
    let without = format!("{before}password_config:{after}");
    assert!(!without.contains("database"), "{without}");
    assert_eq!(found(&without, MAS), []);
}

#[test]
fn each_difference_has_its_name() {
    for (from, to, id) in [
        (
            "enabled: true",
            "enabled: false",
            "passwords_enabled_differs",
        ),
        ("cost: 11", "cost: 12", "password_cost_differs"),
        (
            "password_registration_enabled: true",
            "password_registration_enabled: false",
            "registration_differs",
        ),
        (
            "email_required: true",
            "email_required: false",
            "registration_email_differs",
        ),
        (
            "token_required: false",
            "token_required: true",
            "registration_token_differs",
        ),
        (
            "login_with_email_allowed: true",
            "login_with_email_allowed: false",
            "email_login_differs",
        ),
        (
            "login_with_email_allowed: true",
            "x: true",
            "email_login_differs",
        ),
        (
            "email_change_allowed: false",
            "email_change_allowed: true",
            "email_change_differs",
        ),
        (
            "displayname_change_allowed: false",
            "displayname_change_allowed: true",
            "displayname_change_differs",
        ),
        ("recaptcha_v2", "hcaptcha", "captcha_differs"),
        (
            "secret_key: hunter3",
            "secret_key: hunter8",
            "captcha_differs",
        ),
        ("synapse_idp_id: oidc-dex", "x: 1", "provider_missing"),
        (
            "client_secret: hunter4",
            "client_secret: hunter8",
            "provider_client_secret_differs",
        ),
        (
            "/run/secrets/github",
            "/run/secrets/other",
            "provider_client_secret_differs",
        ),
        (
            "client_secret_post",
            "client_secret_basic",
            "provider_auth_method_differs",
        ),
        (
            "sign_in_with_apple  #",
            "client_secret_jwt  #",
            "provider_auth_method_differs",
        ),
        ("openid profile email", "openid", "provider_scope_differs"),
        (
            "discovery_mode: disabled",
            "discovery_mode: oidc",
            "provider_discovery_differs",
        ),
        (
            "discovery_mode: insecure",
            "discovery_mode: oidc",
            "provider_discovery_differs",
        ),
        (
            "access_token\"",
            "access_tokens\"",
            "provider_endpoint_differs",
        ),
        (
            "pkce_method: always",
            "pkce_method: never",
            "provider_pkce_differs",
        ),
        (
            "fetch_userinfo: true",
            "fetch_userinfo: false",
            "provider_userinfo_differs",
        ),
        ("form_post", "query", "provider_response_mode_differs"),
        (
            "acr_values: \"2fa\"",
            "acr_values: \"3fa\"",
            "provider_parameters_differ",
        ),
        (
            "forward_login_hint: true",
            "forward_login_hint: false",
            "provider_login_hint_differs",
        ),
        (
            "logout_all",
            "logout_browser_only",
            "provider_backchannel_logout_differs",
        ),
        (
            "do_nothing",
            "logout_all",
            "provider_backchannel_logout_differs",
        ),
        (
            "\"{{ user.id }}\"",
            "\"{{ user.sub }}\"",
            "provider_subject_differs",
        ),
        (
            "action: suggest",
            "action: require",
            "provider_localpart_differs",
        ),
        (
            "{{ user.login }}",
            "{{ user.name }}",
            "provider_localpart_differs",
        ),
        (
            "on_conflict: add",
            "on_conflict: fail",
            "provider_existing_users_differs",
        ),
        (
            "{{ user.name|capitalize }}",
            "{{ user.name }}",
            "provider_displayname_differs",
        ),
        (
            "{{ user.email }}",
            "{{ user.mail }}",
            "provider_email_differs",
        ),
        (
            "https://example.com/dex",
            "https://example.org/dex",
            "provider_issuer_differs",
        ),
        (
            "client_id: octocat",
            "client_id: cat",
            "provider_client_id_differs",
        ),
        (
            "unicode_normalization: true",
            "unicode_normalization: false",
            "password_normalization_off",
        ),
    ] {
        let found = changed(from, to);
        assert_eq!(ids(&found), [id], "{from} → {to}");
        assert_eq!(found[0].severity, FindingSeverity::Warning);
        assert_eq!(
            (found[0].count, found[0].samples.len()),
            (1, 1),
            "{found:?}"
        );
    }
}

#[test]
fn what_check_calls_errors_comes_first() {
    let both = MAS
        .replacen("homeserver: example.com", "homeserver: other", 1)
        .replacen("cost: 11", "cost: 12", 1)
        .replacen("\"hunter2 ", "\"hunter9 ", 1);
    let found = found(SYNAPSE, &both);
    let list: Vec<(FindingSeverity, &str)> = found
        .iter()
        .map(|finding| (finding.severity, finding.id.as_str()))
        .collect();
    assert_eq!(
        list,
        [
            (FindingSeverity::Error, "homeserver_mismatch"),
            (FindingSeverity::Error, "password_secret_mismatch"),
            (FindingSeverity::Warning, "password_cost_differs"),
        ]
    );
}

#[test]
fn samples_name_both_places_and_values_that_are_no_secrets() {
    assert_eq!(
        changed("pkce_method: always", "pkce_method: never")[0].samples,
        [
            "oidc-dex: `pkce_method`: `always` (`oidc_providers[0].pkce_method` in /s:24) by Synapse, `never` (`upstream_oauth2.providers[0].pkce_method` in /m:132) in MAS"
        ]
    );
    // What is not there is what MAS does without it.
    let sample = &changed("on_conflict: add", "x: y")[0].samples[0];
    assert!(
        sample.ends_with("by Synapse, `fail` (default) in MAS"),
        "{sample}"
    );
    let sample = &changed("acr_values: \"2fa\"", "acr_values: hunter9")[0].samples[0];
    assert!(sample.contains("another `acr_values`"), "{sample}");
    let found = changed("/run/secrets/github", "/run/secrets/other");
    assert!(found[0].samples[0].contains("is another one"), "{found:?}");
    let found = changed("client_secret: hunter4", "client_secret: \"hunter4\\n\"");
    assert!(
        found[0].samples[0].contains("at its ends only"),
        "{found:?}"
    );
    let found = changed("client_secret: hunter4", "x: y");
    assert!(
        found[0].samples[0].ends_with("MAS's is missing"),
        "{found:?}"
    );
}

#[test]
fn what_means_the_same_is_no_difference() {
    for (from, to) in [
        ("openid profile email", "email  openid profile"),
        ("\"{{ user.id }}\"", "\"{{user.id}}\""),
        (
            "issuer: \"https://github.com/\"",
            "issuer: \"https://github.com\"",
        ),
        ("do_nothing", "do_nothing"),
        ("forward_login_hint: true", "x: y"),
        (
            "acr_values: \"2fa\"",
            "login_hint: \"{{ params.login_hint }}\"\n        acr_values: \"2fa\"",
        ),
        ("human_name: \"My Dex server\"", "human_name: Dex"),
        ("brand_name: gitlab", "x: y"),
        (
            "endpoint: \"https://matrix.example.com/\"",
            "endpoint: http://synapse:8008/",
        ),
        (
            "client_secret_file: \"/run/secrets/github\"",
            "client_secret: hunter5",
        ),
        ("action: ignore", "template: nobody"),
    ] {
        let found = changed(from, to);
        let expected: &[&str] = if from.starts_with("forward") {
            &["provider_login_hint_differs"]
        } else {
            &[]
        };
        assert_eq!(ids(&found), expected, "{from} → {to}: {found:?}");
    }
}

#[test]
fn a_name_that_only_one_side_has() {
    let found = changed("synapse_idp_id: oidc-github", "synapse_idp_id: oidc-gihtub");
    assert_eq!(ids(&found), ["provider_missing", "provider_unknown"]);
    assert!(
        found[0].samples[0].ends_with("near: `oidc-gihtub`"),
        "{found:?}"
    );
    assert!(
        found[1].samples[0].ends_with("near: `oidc-github`"),
        "{found:?}"
    );
    // A provider stands in front of what once was SAML.
    assert_eq!(
        changed("synapse_idp_id: oidc  #", "synapse_idp_id: saml  #").len(),
        1
    );
    // Once MAS is on, providers are gone from Synapse's configuration.
    let switched = "server_name: example.com\ndatabase: {name: psycopg2}\npassword_config: {pepper: \"hunter2 #'\\\"\\\\\"}\nbcrypt_rounds: 11\nenable_set_displayname: false\nenable_registration: true\nregistrations_require_3pid: [email]\nmatrix_authentication_service: {enabled: true, secret: SHARED}\n"
        .replace("SHARED", SHARED);
    assert_eq!(self::found(&switched, MAS), []);
    // Nor can it have passwords on.
    let off = switched.replace("{pepper", "{enabled: false, pepper");
    assert_eq!(self::found(&off, MAS), []);
}

/// `matrix.secret` of the example.
const SHARED: &str = "'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'";

#[test]
fn what_synapse_says_of_mas_is_compared() {
    let with = |section: &str| format!("{SYNAPSE}matrix_authentication_service: {{{section}}}\n");
    let right = format!("enabled: true, endpoint: 'http://localhost:8080/', secret: {SHARED}");
    assert_eq!(found(&with(&right), MAS), []);
    let wrong = "enabled: true, endpoint: 'http://wrong.example/', secret: hunter9";
    assert_eq!(
        ids(&found(&with(wrong), MAS)),
        ["matrix_secret_differs", "mas_endpoint_unknown"]
    );
    let absent = "enabled: true, secret_path: /none";
    assert_eq!(
        ids(&found(&with(absent), MAS)),
        ["matrix_secret_not_compared"]
    );
}

#[test]
fn a_new_password_by_email_is_compared_where_synapse_sends_mail() {
    let mail = format!("{SYNAPSE}email: {{notif_from: a@example.com}}\n");
    assert_eq!(ids(&found(&mail, MAS)), ["password_recovery_differs"]);
    let on = MAS.replacen("account:", "account:\n  password_recovery_enabled: true", 1);
    assert_eq!(found(&mail, &on), []);
    // Without mail Synapse says nothing of it.
    assert_eq!(found(SYNAPSE, &on), []);
}

#[test]
fn files_that_cannot_be_read_hide_nothing_else() {
    // None of them is of a database that is connected to.
    let database = MAS
        .replacen("password: \"FILL IN\"", "password_file: /none", 1)
        .replacen(
            "  host: localhost",
            "  ssl_ca_file: /none\n  host: localhost",
            1,
        );
    assert_eq!(found(SYNAPSE, &database), []);
    let synapse = SYNAPSE.replacen("host: db.example.com", "host: h, sslrootcert: /none", 1);
    assert_eq!(found(&synapse, MAS), []);

    let both = MAS
        .replacen("/run/secrets/github", "/run/secrets/gone", 1)
        .replacen("cost: 11", "cost: 12", 1);
    let found_both = found(SYNAPSE, &both);
    assert_eq!(
        ids(&found_both),
        [
            "password_cost_differs",
            "provider_client_secret_not_compared"
        ]
    );
    assert_eq!(
        found_both[1].samples,
        [
            "oidc-github: `/run/secrets/gone`, named by `upstream_oauth2.providers[1].client_secret_file` in /m:160"
        ]
    );
    let synapse = SYNAPSE.replacen("/run/secrets/github", "/run/secrets/gone", 1);
    let found_synapse = found(&synapse, MAS);
    assert_eq!(ids(&found_synapse), ["provider_client_secret_not_compared"]);
    assert!(found_synapse[0].samples[0].contains("client_secret_path"));
    // One file cannot be another than itself.
    let mas = MAS.replacen("/run/secrets/github", "/run/secrets/gone", 1);
    assert_eq!(found(&synapse, &mas), []);
}

#[test]
fn captchas_that_lack_are_one_finding() {
    let start = MAS.find("\ncaptcha:").unwrap();
    let end = start + MAS[start..].find("\n\n").unwrap();
    let without = format!("{}{}", &MAS[..start], &MAS[end..]);
    assert_eq!(ids(&found(SYNAPSE, &without)), ["captcha_missing"]);
}

#[test]
fn claims_of_a_module_of_ones_own_are_not_judged() {
    let synapse = SYNAPSE.replacen(
        "user_mapping_provider:",
        "user_mapping_provider:\n      module: my.Own",
        1,
    );
    assert_eq!(found(&synapse, MAS), []);
}

#[test]
fn options_of_the_wrong_kind_are_errors() {
    let mas = MAS.replacen("fetch_userinfo: true", "fetch_userinfo: often", 1);
    let world = environment(&[], &[("/s", SYNAPSE), ("/m", &mas)]);
    let line = CommandLine {
        synapse_config: vec!["/s".into()],
        mas_config: vec!["/m".into()],
        connections: Connections::NotNeeded,
        ..CommandLine::default()
    };
    let settings = Settings::resolve(&line, &world).unwrap();
    let problems = lint(&settings, &world).unwrap_err();
    assert!(
        problems
            .iter()
            .any(|problem| problem.message.contains("fetch_userinfo"))
    );
    assert!(
        problems
            .iter()
            .all(|problem| problem.code != crate::diagnostics::codes::E0601)
    );
}
