//! The forms and options of identity providers.

use super::*;

/// The scalars of the only provider of what is made, as `key: value` lines.
pub(super) fn provider(rest: &str) -> Vec<String> {
    let synapse = minimal(&format!(
        "oidc_providers:\n- {{idp_id: k, issuer: 'https://i', client_id: c, {rest}}}\n"
    ));
    let document: serde_yaml::Value = serde_yaml::from_str(made(&synapse).text.reveal()).unwrap();
    let provider = document
        .get("upstream_oauth2")
        .and_then(|section| section.get("providers"))
        .and_then(|providers| providers.get(0))
        .unwrap_or_else(|| panic!("{rest}"));
    let mut lines = Vec::new();
    scalars(provider, "", &mut lines);
    lines
}

fn scalars(value: &serde_yaml::Value, path: &str, lines: &mut Vec<String>) {
    match value {
        serde_yaml::Value::Mapping(map) => {
            for (key, value) in map {
                let key = key.as_str().unwrap();
                let path = if path.is_empty() {
                    key.to_owned()
                } else {
                    format!("{path}.{key}")
                };
                scalars(value, &path, lines);
            }
        }
        serde_yaml::Value::String(text) => lines.push(format!("{path}: {text}")),
        serde_yaml::Value::Bool(value) => lines.push(format!("{path}: {value}")),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn options_of_providers() {
    const MAP: &str = "user_mapping_provider: {config: ";
    let cases: [(&str, &[&str], &[&str]); 32] = [
        (
            "client_secret: s",
            &[
                "client_secret: s",
                "token_endpoint_auth_method: client_secret_basic",
            ],
            &["client_secret_file"],
        ),
        (
            "client_secret_path: /x",
            &[
                "client_secret_file: /x",
                "token_endpoint_auth_method: client_secret_basic",
            ],
            &["client_secret:"],
        ),
        (
            "client_secret: s, client_auth_method: client_secret_post",
            &["token_endpoint_auth_method: client_secret_post"],
            &[],
        ),
        // MAS does not start with a secret that its method has no use for.
        (
            "client_secret: s, client_auth_method: none",
            &["token_endpoint_auth_method: none"],
            &["client_secret"],
        ),
        (
            "discover: true",
            &["token_endpoint_auth_method: none", "discovery_mode: oidc"],
            &["client_secret"],
        ),
        (
            "client_auth_method: client_secret_post",
            &["token_endpoint_auth_method: none"],
            &["client_secret"],
        ),
        (
            "skip_verification: true",
            &["discovery_mode: insecure"],
            &[],
        ),
        (
            "skip_verification: true, discover: false",
            &["discovery_mode: disabled"],
            &[],
        ),
        (
            "x: 1",
            &[
                "scope: openid",
                "fetch_userinfo: false",
                "synapse_idp_id: oidc-k",
            ],
            &["pkce_method", "human_name"],
        ),
        (
            "scopes: [a, b]",
            &["scope: a b", "fetch_userinfo: true"],
            &[],
        ),
        (
            "scopes: [a, openid], user_profile_method: auto",
            &["scope: a openid", "fetch_userinfo: false"],
            &[],
        ),
        (
            "user_profile_method: userinfo_endpoint",
            &["scope: openid", "fetch_userinfo: true"],
            &[],
        ),
        ("pkce_method: never", &["pkce_method: never"], &[]),
        ("pkce_method: odd", &[], &["pkce_method"]),
        ("jwks_uri: 'https://j'", &["jwks_uri: https://j"], &[]),
        (
            "additional_authorization_parameters: {response_mode: FORM_POST}",
            &["response_mode: form_post"],
            &["additional_authorization_parameters"],
        ),
        (
            "additional_authorization_parameters: {response_mode: fragment, a: '1'}",
            &["additional_authorization_parameters.a: 1"],
            &["response_mode"],
        ),
        (
            "forward_login_hint: true",
            &["forward_login_hint: true"],
            &[],
        ),
        (
            "passthrough_authorization_parameters: [login_hint, x]",
            &["forward_login_hint: true"],
            &[],
        ),
        (
            "backchannel_logout_enabled: true",
            &["on_backchannel_logout: logout_all"],
            &[],
        ),
        (
            "backchannel_logout_enabled: false",
            &["on_backchannel_logout: do_nothing"],
            &[],
        ),
        (
            "backchannel_logout_ignore_sub: true",
            &["on_backchannel_logout: do_nothing"],
            &[],
        ),
        (
            "idp_brand: apple, idp_name: N",
            &["brand_name: apple", "human_name: N"],
            &[],
        ),
        (
            "id_token_signing_alg_values_supported: [ES256, RS256]",
            &["id_token_signed_response_alg: RS256"],
            &[],
        ),
        (
            "id_token_signing_alg_values_supported: [ES256, ES384]",
            &["id_token_signed_response_alg: ES256"],
            &[],
        ),
        (
            "allow_existing_users: true",
            &["claims_imports.localpart.action: ignore"],
            &[
                "claims_imports.localpart.on_conflict",
                "claims_imports.localpart.template",
            ],
        ),
        (
            "MAP {subject_claim: x}}",
            &["claims_imports.subject.template: {{ user.x }}"],
            &[],
        ),
        (
            "MAP {subject_claim: x, subject_template: '{{ user.y }}'}}",
            &["claims_imports.subject.template: {{ user.y }}"],
            &[],
        ),
        (
            "MAP {localpart_template: L, display_name_template: D, email_template: E}}",
            &[
                "claims_imports.localpart.action: require",
                "claims_imports.localpart.template: L",
                "claims_imports.displayname.action: force",
                "claims_imports.displayname.template: D",
                "claims_imports.email.action: force",
                "claims_imports.email.template: E",
            ],
            &["claims_imports.localpart.on_conflict"],
        ),
        (
            "MAP {localpart_template: L, display_name_template: D, email_template: E, confirm_localpart: true}}",
            &[
                "claims_imports.localpart.action: suggest",
                "claims_imports.displayname.action: suggest",
                "claims_imports.email.action: suggest",
            ],
            &[],
        ),
        // MAS does not start with `suggest` and `on_conflict` together.
        (
            "allow_existing_users: true, MAP {localpart_template: L, confirm_localpart: true}}",
            &[
                "claims_imports.localpart.action: require",
                "claims_imports.localpart.on_conflict: add",
            ],
            &[],
        ),
        (
            "user_mapping_provider: {module: my.Own, config: {localpart_template: L}}",
            &[],
            &["claims_imports"],
        ),
    ];
    for (rest, there, not_there) in cases {
        let lines = provider(&rest.replace("MAP ", MAP));
        for line in there {
            assert!(
                lines.iter().any(|found| found == line),
                "{rest}: {line}: {lines:#?}"
            );
        }
        for key in not_there {
            assert!(
                !lines.iter().any(|found| found.starts_with(key)),
                "{rest}: {key}: {lines:#?}"
            );
        }
    }
    let former = "user_mapping_provider: {module: synapse.handlers.oidc_handler.JinjaOidcMappingProvider, config: {localpart_template: L}}";
    assert!(provider(former).contains(&"claims_imports.localpart.template: L".to_owned()));
}

#[test]
fn forms_of_providers() {
    let ids = |synapse: &str| -> Vec<String> {
        let found = made(&minimal(synapse));
        let (settings, _) = settings(&minimal(synapse), found.text.reveal());
        let ids = settings.mas.providers.iter();
        ids.map(|provider| provider.synapse_idp_id.clone().unwrap().value)
            .collect()
    };
    let both = "issuer: 'https://i', client_id: c";
    assert_eq!(
        ids(&format!("oidc_config: {{enabled: true, {both}}}")),
        ["oidc"]
    );
    assert_eq!(
        ids(&format!("oidc_config: {{{both}}}")),
        Vec::<String>::new()
    );
    assert_eq!(ids("oidc_config:\noidc_providers:"), Vec::<String>::new());
    assert_eq!(
        ids(&format!(
            "oidc_providers: [{{idp_id: b, {both}}}, {{idp_id: oidc, {both}}}]"
        )),
        ["oidc-b", "oidc"]
    );
    assert_eq!(ids(&format!("oidc_providers: [{{{both}}}]")), ["oidc"]);
    assert_eq!(
        ids("oidc_providers: [{idp_id: b, client_id: c}]"),
        Vec::<String>::new()
    );
}
