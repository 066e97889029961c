//! Findings about the two configurations.

use crate::case::{Case, clean, prove};

/// A second provider of MAS, which its database does not know.
const SECOND: &str = "  - {id: 01JSHPZHAXC50QBKH67MH33TNH, synapse_idp_id: oidc-dex, issuer: \"https://sso.example\", client_id: test}";

pub(crate) const CASES: &[Case] = &[
    Case::error("synapse_on_sqlite").synapse(&[("name: psycopg2", "name: sqlite3")]),
    Case::error("homeserver_mismatch")
        .mas(&[("homeserver: demo.example", "homeserver: other.example")]),
    Case::error("guest_access_enabled").synapse(&[("", "allow_guest_access: yes")]),
    Case::error("threepid_changes_enabled").synapse(&[("", "enable_3pid_changes: true")]),
    Case::error("login_via_existing_session_enabled")
        .synapse(&[("", "login_via_existing_session: {enabled: true}")]),
    Case::error("duplicate_synapse_idp_id").mas(&[("", SECOND)]),
    Case::warning("registration_enabled").synapse(&[("", "enable_registration: true")]),
    Case::warning("consent_without_terms").synapse(&[("", "user_consent: {version: '1'}")]),
    Case::warning("captcha_missing").synapse(&[("", "enable_registration_captcha: true")]),
    Case::warning("cas_enabled").synapse(&[("", "cas_config: {server_url: 'https://cas'}")]),
    Case::warning("saml_enabled").synapse(&[("", "saml2_config: {sp_config: {a: b}}")]),
    Case::warning("jwt_enabled").synapse(&[("", "jwt_config: {enabled: true}")]),
    Case::warning("password_modules").synapse(&[(
        "",
        "password_providers: [{module: ldap_auth_provider.LdapAuthProvider}]",
    )]),
    Case::warning("third_party_modules").synapse(&[("", "modules: [{module: a.B}]")]),
    Case::warning("mas_passwords_disabled")
        .also(&["no_way_to_sign_in"])
        .mas(&[("passwords:\n", "passwords:\n  enabled: false\n")]),
    Case::warning("passwords_off_in_synapse")
        .synapse(&[("  pepper:", "  localdb_enabled: false\n  pepper:")]),
    Case::warning("matrix_secret_differs").synapse(&[(
        "",
        "matrix_authentication_service: {secret: hunter2-of-another}",
    )]),
    Case::warning("mas_endpoint_unknown").synapse(&[(
        "",
        "matrix_authentication_service: {endpoint: 'http://wrong.example/'}",
    )]),
    // The cluster of the tests asks nobody for a password.
    Case::warning("mas_placeholders").mas(&[("hunter2-of-the-target", "FILL IN")]),
    Case::error("no_password_scheme_v1").mas(&[("{version: 1,", "{version: 3,")]),
    Case::error("password_scheme_v1_not_bcrypt").mas(&[("algorithm: bcrypt", "algorithm: pbkdf2")]),
    Case::error("password_secret_mismatch").mas(&[("secret: demo-pepper,", "")]),
    Case::warning("password_normalization_off").mas(&[(", unicode_normalization: true", "")]),
    Case::warning("only_password_scheme_v1")
        .mas(&[("  - {version: 2, algorithm: argon2id}\n", "")]),
    Case::warning("provider_issuer_differs").synapse(&[(
        "issuer: \"https://sso.example\"",
        "issuer: \"https://sso.other\"",
    )]),
    Case::warning("provider_client_id_differs")
        .synapse(&[("client_id: test", "client_id: another")]),
    Case::warning("mas_provider_disabled")
        .also(&["link_of_disabled_provider", "no_way_to_sign_in"])
        .mas(&[(
            "synapse_idp_id: oidc-dex,",
            "synapse_idp_id: oidc-dex, enabled: false,",
        )]),
    Case::warning("unknown_synapse_idp_id").with(&[
        "--upstream-provider-mapping",
        "oidc-dxe:01JSHPZHAXC50QBKH67MH33TNG",
    ]),
    Case::warning("provider_not_in_synapse").synapse(&[("{idp_id: dex,", "{idp_id: other,")]),
];

#[tokio::test]
async fn settings_of_synapse() {
    prove(&CASES[..14]).await;
}

#[tokio::test]
async fn settings_of_mas() {
    prove(&CASES[14..]).await;
}

#[tokio::test]
async fn what_is_not_filled_in_is_told_where_it_keeps_from_connecting() {
    let pair = clean("not_filled_in").await;
    let mas = pair.read("mas.yaml");
    let mas = mas.replace("hunter2-of-the-target", "FILL IN");
    pair.write(
        "mas.yaml",
        &mas.replace("username: postgres", "username: nobody_here"),
    );
    let run = pair.run(&["check"]);
    run.answered(3, &["has no role `nobody_here`", "`database.password` in "]);
    assert!(
        run.stderr.contains(" still says `FILL IN`"),
        "{}",
        run.stderr
    );
}
