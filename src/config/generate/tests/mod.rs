//! What is made of a Synapse configuration.

mod providers;

use std::collections::BTreeSet;

use super::super::environment::testing::environment;
use super::super::findings::{BcryptHashes, DataFacts, config_findings};
use super::super::intended::WARNINGS;
use super::super::lint::lint;
use super::super::settings::{CommandLine, Settings};
use super::*;
use providers::provider;

const EXAMPLE: &str = include_str!("../example.homeserver.yaml");

/// Files that the example names.
const SECRETS: [(&str, &str); 2] = [
    ("/run/secrets/recaptcha", "hunter3\n"),
    ("/run/secrets/github", "hunter5"),
];

/// Bytes that count up, and keys that are none.
#[derive(Default)]
struct Counting(u8);

impl Randomness for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }

    fn key(&mut self, kind: KeyKind) -> Result<Secret, NoRandomness> {
        Ok(Secret::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{kind:?}\n-----END PRIVATE KEY-----\n"
        )))
    }

    fn now_millis(&self) -> u64 {
        1_700_000_000_000
    }
}

/// No bytes at all.
struct Dry;

impl Randomness for Dry {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), NoRandomness> {
        Err(NoRandomness)
    }

    fn key(&mut self, _: KeyKind) -> Result<Secret, NoRandomness> {
        Err(NoRandomness)
    }

    fn now_millis(&self) -> u64 {
        0
    }
}

fn world(synapse: &str, mas: &str) -> Environment {
    let mut files = vec![("homeserver.yaml", synapse), ("mas.yaml", mas)];
    files.extend(SECRETS);
    environment(&[], &files)
}

fn made(synapse: &str) -> Generated {
    let paths = [PathBuf::from("homeserver.yaml")];
    generate(&paths, &world(synapse, ""), &mut Counting::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// With what every configuration has.
fn minimal(synapse: &str) -> String {
    format!("server_name: hs\ndatabase: {{name: psycopg2}}\n{synapse}")
}

fn settings(synapse: &str, mas: &str) -> (Settings, Environment) {
    let world = world(synapse, mas);
    let line = CommandLine {
        synapse_config: vec!["homeserver.yaml".into()],
        mas_config: vec!["mas.yaml".into()],
        ..CommandLine::default()
    };
    let settings =
        Settings::resolve(&line, &world).unwrap_or_else(|problems| panic!("{problems:?}"));
    (settings, world)
}

#[test]
fn the_example() {
    let found = made(EXAMPLE);
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/config/generate/example.mas.yaml"
    );
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, found.text.reveal()).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == found.text.reveal(),
        "what is made is another text than example.mas.yaml; UPDATE=1 writes it:\n{}",
        found.text.reveal()
    );
    let ids: Vec<&str> = found
        .findings
        .iter()
        .map(|finding| finding.id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "registration_requires_3pid",
            "provider_client_secret_jwt_key"
        ]
    );
    assert_eq!(found.fill_in, ["http.public_base", "database", "email"]);
    assert_eq!(made(EXAMPLE).text, found.text, "made twice");
}

#[test]
fn no_secret_is_anywhere_but_in_the_text() {
    let found = made(EXAMPLE);
    let text = found.text.reveal();
    for secret in ["hunter2", "hunter3", "hunter4", "aHVudGVyNg=="] {
        assert!(text.contains(secret), "{secret}");
    }
    // Synapse's own password, and the secret that stays in its file.
    for secret in ["hunter1", "hunter5"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let shown = format!("{found:?}");
    assert!(
        !shown.contains("hunter") && !shown.contains("aHVud"),
        "{shown}"
    );
}

#[test]
fn what_is_made_passes_our_own_checks() {
    let all = DataFacts {
        bcrypt_hashes: BcryptHashes::Some(2),
    };
    for synapse in [
        EXAMPLE,
        &minimal(""),
        &minimal("password_config: {enabled: false}"),
        &minimal("password_config: {enabled: only_for_reauth, pepper: hunter2}"),
        &minimal("password_config: {localdb_enabled: false}"),
        &minimal("enable_registration: true"),
    ] {
        let found = made(synapse);
        // As an operator leaves it.
        let filled_in = found.text.reveal().replace("\"FILL IN\"", "hunter8");
        let (settings, world) = settings(synapse, &filled_in);
        let ids: Vec<String> = config_findings(&settings, all)
            .into_iter()
            .map(|finding| finding.id)
            // Synapse's own: it lets people register, and has no words for what MAS does.
            .filter(|id| id != "registration_enabled")
            // Passwords that only a module checks work in MAS neither way.
            .filter(|id| id != "mas_passwords_disabled" || !synapse.contains("localdb"))
            .collect();
        assert_eq!(ids, Vec::<String>::new(), "{synapse}");
        let differences = lint(&settings, &world).unwrap();
        assert_eq!(differences, [], "{synapse}");
    }
    let mut providers: Vec<String> = settings(EXAMPLE, made(EXAMPLE).text.reveal())
        .0
        .providers
        .into_keys()
        .collect();
    providers.sort();
    assert_eq!(providers, ["oidc", "oidc-apple", "oidc-dex", "oidc-github"]);
}

#[test]
fn the_secret_that_synapse_has_is_taken_over() {
    let inline = "matrix_authentication_service: {enabled: false, secret: hunter6}";
    let text = made(&minimal(inline)).text;
    let text = text.reveal();
    let line = "secret: hunter6  # `matrix_authentication_service.secret` in homeserver.yaml:";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("fresh random; Synapse's"), "{text}");
    let file = "matrix_authentication_service: {secret_path: /run/shared}";
    let text = made(&minimal(file)).text;
    let text = text.reveal();
    assert!(
        text.contains("  secret_file: \"/run/shared\"  # "),
        "{text}"
    );
    assert!(!text.contains("fresh random; Synapse's"), "{text}");
    // Without any, it is Synapse that has to be told.
    let text = made(&minimal("matrix_authentication_service: {}")).text;
    assert!(text.reveal().contains("fresh random; Synapse's"));
}

#[test]
fn passwords_are_recovered_where_synapse_sends_mail() {
    for (synapse, recovered, by_email) in [
        ("email: {notif_from: a@x}", true, true),
        ("", false, true),
        (
            "email: {notif_from: a@x}\npassword_config: {enabled: false}",
            false,
            false,
        ),
        ("password_config: {localdb_enabled: false}", false, false),
    ] {
        let text = made(&minimal(synapse)).text;
        let has = |line: &str| text.reveal().contains(line);
        assert_eq!(
            has("  password_recovery_enabled: true"),
            recovered,
            "{synapse}"
        );
        assert_eq!(
            has("  login_with_email_allowed: true"),
            by_email,
            "{synapse}"
        );
        assert!(!has("password_recovery_enabled: false") && !has("allowed: false"));
    }
}

/// The paths of all keys of a document; items of lists without their number.
fn keys(value: &serde_yaml::Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        serde_yaml::Value::Mapping(map) => {
            for (key, value) in map {
                let path = format!("{path}.{}", key.as_str().unwrap());
                keys(value, &path, into);
                into.insert(path);
            }
        }
        serde_yaml::Value::Sequence(items) => {
            for item in items {
                keys(item, &format!("{path}[]"), into);
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_is_one_that_mas_knows() {
    const KNOWN: &str = "\
            http: public_base listeners[].name listeners[].resources[].name listeners[].binds[].address \
                listeners[].binds[].host listeners[].binds[].port
            database: host port username password database
            matrix: kind homeserver endpoint secret secret_file
            secrets: encryption keys[].kid keys[].key
            passwords: enabled schemes[].version schemes[].algorithm schemes[].cost schemes[].secret \
                schemes[].unicode_normalization
            account: password_registration_enabled password_registration_email_required \
                password_registration_token_required password_recovery_enabled \
                login_with_email_allowed email_change_allowed displayname_change_allowed
            captcha: service site_key secret_key
            email: transport mode hostname port username password from reply_to
            upstream_oauth2.providers[]: id synapse_idp_id human_name brand_name issuer client_id \
                client_secret client_secret_file token_endpoint_auth_method sign_in_with_apple.team_id \
                sign_in_with_apple.key_id sign_in_with_apple.private_key \
                sign_in_with_apple.private_key_file id_token_signed_response_alg scope discovery_mode \
                authorization_endpoint token_endpoint userinfo_endpoint jwks_uri pkce_method \
                fetch_userinfo response_mode additional_authorization_parameters.acr_values \
                forward_login_hint on_backchannel_logout claims_imports.subject.template \
                claims_imports.localpart.action claims_imports.localpart.template \
                claims_imports.localpart.on_conflict claims_imports.displayname.action \
                claims_imports.displayname.template claims_imports.email.action \
                claims_imports.email.template";
    let mut known = BTreeSet::new();
    for line in KNOWN.lines() {
        let (section, names) = line.trim().split_once(": ").unwrap();
        for name in names.split_whitespace() {
            let path = format!(".{section}.{name}");
            for (at, _) in path.match_indices('.').skip(1) {
                known.insert(path[..at].replace("[]", ""));
            }
            known.insert(path.replace("[]", ""));
        }
    }
    let document: serde_yaml::Value = serde_yaml::from_str(made(EXAMPLE).text.reveal()).unwrap();
    let mut found = BTreeSet::new();
    keys(&document, "", &mut found);
    let unknown: Vec<String> = found
        .iter()
        .map(|key| key.replace("[]", ""))
        .filter(|key| !known.contains(key))
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
    assert!(found.len() > 60, "{}", found.len());
    // Nor does any table name a key that is not in the list.
    for option in super::super::option_reference() {
        let path = format!(".{}", option.mas.replace("[]", ""));
        assert!(known.contains(&path), "{path}");
    }
}

/// Each warning with a setting that brings it forth, and one close by that does not.
const PROVOKED: &[(&str, &str, &str)] = &[
    (
        "account_validity",
        "account_validity: {enabled: true, period: 6w}",
        "account_validity: {period: 6w}",
    ),
    (
        "allowed_3pids",
        "allowed_local_3pids: [{medium: email}]",
        "allowed_local_3pids: []",
    ),
    (
        "captcha_incomplete",
        "enable_registration_captcha: true\nrecaptcha_public_key: x",
        "recaptcha_public_key: x",
    ),
    ("cas_enabled", "cas_config: {server_url: x}", "cas_config:"),
    (
        "consent_without_terms",
        "user_consent: {version: 1}",
        "user_consent:",
    ),
    (
        "email_tls_optional",
        "email: {smtp_host: x}",
        "email: {smtp_host: x, require_transport_security: true}",
    ),
    (
        "email_tls_name",
        "email: {smtp_host: x, force_tls: true, tlsname: y}",
        "email: {smtp_host: x, force_tls: true, tlsname: x}",
    ),
    (
        "login_via_existing_session_enabled",
        "login_via_existing_session: {enabled: yes}",
        "login_via_existing_session: {enabled: no}",
    ),
    (
        "guest_access_enabled",
        "allow_guest_access: on",
        "allow_guest_access: off",
    ),
    (
        "jwt_enabled",
        "jwt_config: {enabled: true}",
        "jwt_config: {secret: x}",
    ),
    (
        "localdb_disabled",
        "password_config: {localdb_enabled: false}",
        "password_config: {enabled: false, localdb_enabled: false}",
    ),
    (
        "password_modules",
        "password_providers: [{module: a.B}]",
        "password_providers: []",
    ),
    (
        "password_policy",
        "password_config: {policy: {enabled: true}}",
        "password_config: {policy: {minimum_length: 3}}",
    ),
    (
        "phone_delegate",
        "account_threepid_delegates: {msisdn: 'https://x'}",
        "account_threepid_delegates:",
    ),
    (
        "profile_updates",
        "sso: {update_profile_information: true}",
        "sso: {client_whitelist: []}",
    ),
    (
        "passwords_only_for_reauth",
        "password_config: {enabled: only_for_reauth}",
        "password_config: {enabled: true}",
    ),
    (
        "registration_requires_3pid",
        "registrations_require_3pid: [msisdn]",
        "registrations_require_3pid: []",
    ),
    (
        "registration_shared_secret",
        "registration_shared_secret: hunter2",
        "registration_shared_secret:",
    ),
    (
        "registration_tokens",
        "registration_requires_token: true",
        "registration_requires_token: false",
    ),
    (
        "saml_enabled",
        "saml2_config: {sp_config: {x: 1}}",
        "saml2_config: {enabled: false, sp_config: {x: 1}}",
    ),
    (
        "session_lifetime",
        "session_lifetime: 24h",
        "session_lifetime:",
    ),
    (
        "third_party_modules",
        "modules: [{module: a.B}]",
        "modules: []",
    ),
    (
        "token_lifetimes",
        "refresh_token_lifetime: 24h",
        "refresh_token_lifetime:",
    ),
    (
        "provider_id_token_algorithms",
        "P id_token_signing_alg_values_supported: [ES256]",
        "P id_token_signing_alg_values_supported: []",
    ),
    (
        "provider_attribute_requirements",
        "P attribute_requirements: [{attribute: a}]",
        "P attribute_requirements: []",
    ),
    (
        "provider_backchannel_ignore_sub",
        "P backchannel_logout_enabled: true, backchannel_logout_ignore_sub: true",
        "P backchannel_logout_ignore_sub: true",
    ),
    (
        "provider_client_secret_jwt_key",
        "P client_secret_jwt_key: {key: hunter2, jwt_header: {alg: ES256}}",
        "P client_secret_jwt_key:",
    ),
    (
        "provider_confirm_with_existing_users",
        "P allow_existing_users: true, user_mapping_provider: {config: {localpart_template: L, confirm_localpart: true}}",
        "P user_mapping_provider: {config: {localpart_template: L, confirm_localpart: true}}",
    ),
    (
        "provider_custom_mapping",
        "P user_mapping_provider: {module: a.B}",
        "P user_mapping_provider: {module: synapse.handlers.oidc.JinjaOidcMappingProvider}",
    ),
    (
        "provider_registration_off",
        "P enable_registration: false",
        "P enable_registration: true",
    ),
    (
        "provider_extra_attributes",
        "P user_mapping_provider: {config: {extra_attributes: {a: b}}}",
        "P user_mapping_provider: {config: {extra_attributes: {}}}",
    ),
    ("provider_icon", "P idp_icon: 'mxc://a/b'", "P idp_icon:"),
    (
        "provider_incomplete",
        "oidc_providers: [{idp_id: k, issuer: 'https://i'}]",
        "P idp_name: N",
    ),
    (
        "provider_passthrough_parameters",
        "P passthrough_authorization_parameters: [ui_locales]",
        "P passthrough_authorization_parameters: [login_hint]",
    ),
    (
        "provider_picture",
        "P user_mapping_provider: {config: {picture_claim: p}}",
        "P user_mapping_provider: {config: {picture_claim: ''}}",
    ),
    (
        "provider_redirect_uri",
        "P redirect_uri: 'https://x'",
        "P redirect_uri:",
    ),
    (
        "provider_response_mode",
        "P additional_authorization_parameters: {response_mode: fragment}",
        "P additional_authorization_parameters: {response_mode: query}",
    ),
    (
        "provider_secret_file_line_break",
        "P client_secret_path: /run/secrets/recaptcha",
        "P client_secret_path: /run/secrets/github",
    ),
    (
        "synapse_on_sqlite",
        "database: {name: sqlite3, args: {database: /x.db}}",
        "database: {name: psycopg2, args: {database: x}}",
    ),
    (
        "provider_secret_file_unreadable",
        "P client_secret_path: /run/secrets/missing",
        "P client_secret_path: /run/secrets/github",
    ),
    (
        "provider_secret_missing",
        "P client_auth_method: client_secret_basic",
        "P client_auth_method: none",
    ),
    (
        "provider_template_filter",
        "P user_mapping_provider: {config: {localpart_template: '{{ user.email|localpart_from_email }}'}}",
        "P user_mapping_provider: {config: {localpart_template: '{{ user.email|lower }}'}}",
    ),
    (
        "provider_unknown_value",
        "P pkce_method: sometimes",
        "P pkce_method: auto",
    ),
];

#[test]
fn each_warning_comes_when_it_should_and_only_then() {
    let warned = |text: &str| -> Vec<String> {
        let synapse = match text.strip_prefix("P ") {
            Some(rest) => minimal(&format!(
                "oidc_providers:\n- {{idp_id: k, issuer: 'https://i', client_id: c, {rest}}}\n"
            )),
            None => minimal(text),
        };
        let found = made(&synapse);
        for finding in &found.findings {
            assert!(!format!("{finding:?}").contains("hunter"), "{finding:?}");
            assert_eq!(finding.samples.len(), 1);
            assert!(
                finding.samples[0].contains(" in homeserver.yaml:"),
                "{finding:?}"
            );
        }
        found
            .findings
            .into_iter()
            .map(|finding| finding.id)
            .collect()
    };
    for (id, with, without) in PROVOKED {
        assert_eq!(warned(with), [*id], "{with}");
        assert_eq!(warned(without), Vec::<String>::new(), "{without}");
    }
    let provoked: BTreeSet<&str> = PROVOKED.iter().map(|(id, _, _)| *id).collect();
    let all: BTreeSet<&str> = WARNINGS.iter().map(|warning| warning.id).collect();
    assert_eq!(provoked, all);
}

#[test]
fn warnings_come_in_order_of_place_and_once_each() {
    let first = "server_name: hs\nsession_lifetime: 1h\noidc_providers:\n- {idp_id: a, issuer: i, client_id: c, idp_icon: x}\n- {idp_id: b, issuer: i, client_id: c, idp_icon: x}\nallow_guest_access: true\n";
    let second = "database: {name: psycopg2}\nmodules: [{module: m}]\n";
    let world = environment(&[], &[("b.yaml", first), ("a.yaml", second)]);
    let paths = [PathBuf::from("b.yaml"), PathBuf::from("a.yaml")];
    let found = generate(&paths, &world, &mut Counting::default()).unwrap();
    let list: Vec<(&str, u64)> = found
        .findings
        .iter()
        .map(|finding| (finding.id.as_str(), finding.count))
        .collect();
    assert_eq!(
        list,
        [
            ("session_lifetime", 1),
            ("provider_icon", 2),
            ("guest_access_enabled", 1),
            ("third_party_modules", 1)
        ]
    );
    assert!(found.findings[1].samples[1].starts_with("oidc-b: "));
}

#[test]
fn a_key_for_another_provider_than_apple_is_left_to_the_operator() {
    let lines = provider(
        "client_secret_jwt_key: {key: k, jwt_header: {alg: ES256, kid: K}, jwt_payload: {iss: T}}",
    );
    assert!(lines.contains(&"token_endpoint_auth_method: none".to_owned()));
    assert!(!lines.iter().any(|line| line.contains("apple")));
}

#[test]
fn what_cannot_be_made() {
    let paths = [PathBuf::from("homeserver.yaml")];
    let problems = generate(
        &paths,
        &world("public_baseurl: x", ""),
        &mut Counting::default(),
    );
    assert_eq!(problems.unwrap_err()[0].code, codes::E0604);
    let problems = generate(&paths, &world(EXAMPLE, ""), &mut Dry).unwrap_err();
    assert_eq!(problems[0].code, codes::E0617);
    let wrong = minimal("oidc_providers: [{issuer: i, client_id: c, scopes: 5}]");
    let problems = generate(&paths, &world(&wrong, ""), &mut Counting::default()).unwrap_err();
    assert_eq!(problems[0].code, codes::E0603);
}

#[test]
fn names_of_files_cannot_end_a_comment() {
    let name = "a\nsecrets: {}\u{2028}.yaml";
    let world = environment(&[], &[(name, "server_name: hs\n")]);
    let found = generate(&[name.into()], &world, &mut Counting::default()).unwrap();
    let plain = environment(&[], &[("b.yaml", "server_name: hs\n")]);
    let other = generate(&["b.yaml".into()], &plain, &mut Counting::default()).unwrap();
    let parsed = |text: &Secret| serde_yaml::from_str::<serde_yaml::Value>(text.reveal()).unwrap();
    assert_eq!(parsed(&found.text), parsed(&other.text));
}

#[test]
fn the_guess_of_an_address_is_made_of_a_name_alone() {
    for (name, base) in [
        ("example.com", "https://auth.example.com/"),
        ("example.com:8448", "https://auth.example.com/"),
        ("192.0.2.1", "https://auth.example.com/"),
        ("'[2001:db8::1]'", "https://auth.example.com/"),
        ("hs", "https://auth.example.com/"),
        ("m.example.org", "https://auth.m.example.org/"),
    ] {
        let text = made(&format!("server_name: {name}"));
        let line = format!("public_base: \"{base}\"");
        assert!(text.text.reveal().contains(&line), "{name}");
    }
}

#[test]
fn the_relay_is_carried_over() {
    let all = "email: {smtp_host: mail.example.com, smtp_port: 587, smtp_user: u, smtp_pass: hunter9, require_transport_security: true, notif_from: '%(app)s: mail <m@example.com>', app_name: Ours}";
    for (synapse, expected) in [
        (
            all,
            "  transport: smtp  # `email` in homeserver.yaml:3
  mode: starttls  # `email.require_transport_security` in homeserver.yaml:3
  hostname: mail.example.com  # `email.smtp_host` in homeserver.yaml:3
  port: 587  # `email.smtp_port` in homeserver.yaml:3
  username: u  # `email.smtp_user` in homeserver.yaml:3
  password: hunter9  # `email.smtp_pass` in homeserver.yaml:3
  from: \"\\\"Ours: mail\\\" <m@example.com>\"  # `email.notif_from` in homeserver.yaml:3
  reply_to: \"\\\"Ours: mail\\\" <m@example.com>\"  # `email.notif_from` in homeserver.yaml:3; Synapse sets none, and MAS's default is of no use
",
        ),
        (
            "email: {force_tls: true, smtp_pass: hunter9}",
            "  transport: smtp  # `email` in homeserver.yaml:3
  mode: tls  # `email.force_tls` in homeserver.yaml:3
  hostname: localhost  # Synapse's default
  port: 465  # Synapse's default
",
        ),
        (
            "email: {enable_tls: false, smtp_host: far, smtp_port: '2525'}",
            "  transport: smtp  # `email` in homeserver.yaml:3
  mode: plain  # `email.enable_tls` in homeserver.yaml:3
  hostname: far  # `email.smtp_host` in homeserver.yaml:3
  port: 2525  # `email.smtp_port` in homeserver.yaml:3
",
        ),
        (
            "email: {smtp_host: far}",
            "  transport: smtp  # `email` in homeserver.yaml:3
  mode: starttls  # Synapse's default
  hostname: far  # `email.smtp_host` in homeserver.yaml:3
  port: 25  # Synapse's default
",
        ),
        (
            "email: {smtp_user: u}",
            "  transport: smtp  # `email` in homeserver.yaml:3
  mode: plain  # Synapse's default
  hostname: localhost  # Synapse's default
  port: 25  # Synapse's default
  username: u  # `email.smtp_user` in homeserver.yaml:3
  password: \"FILL IN\"  # `email.smtp_user` in homeserver.yaml:3; FILL IN: Synapse has a user and no password
",
        ),
    ] {
        let found = made(&minimal(synapse));
        let (_, text) = found.text.reveal().split_once("\nemail:\n").unwrap();
        let text = text.split("\n\n").next().unwrap();
        assert_eq!(text.trim_end(), expected.trim_end(), "{synapse}");
        assert_eq!(found.fill_in, ["http.public_base", "database"]);
        // A relay of MAS's own is no difference.
        let mas = found.text.reveal().replace("\"FILL IN\"", "hunter8");
        let mas = mas.replace("transport: smtp", "transport: blackhole");
        let (settings, world) = settings(&minimal(synapse), &mas);
        assert_eq!(lint(&settings, &world).unwrap(), [], "{synapse}");
    }
    assert_eq!(
        made(&minimal("email:")).fill_in,
        ["http.public_base", "database", "email"]
    );
    let wrong = world(&minimal("email: {smtp_port: 99999}"), "");
    let paths = [PathBuf::from("homeserver.yaml")];
    let problems = generate(&paths, &wrong, &mut Counting::default()).unwrap_err();
    assert!(
        problems[0]
            .message
            .contains("`email.smtp_port` must lie between 1 and 65535")
    );
}
