//! What the two configurations alone tell an operator before a migration.
//!
//! Findings about rows and live databases are made elsewhere; here nothing is connected to. The ids
//! are stable: `--accept` names them. No text shows a pepper or any other secret.

use super::delegation;
use super::mas::MasProvider;
use super::password_findings::{password_schemes, passwords_come_back};
use super::settings::Settings;
use super::synapse::{SynapseConfig, SynapseDatabase, SynapseProvider};
use crate::diagnostics::{Finding, FindingSeverity};
use crate::pg::{Origin, Sourced};

/// The finding about values of MAS's configuration that were to be filled in.
pub const PLACEHOLDERS: &str = "mas_placeholders";

/// What the findings need to know of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataFacts {
    /// The bcrypt hashes to migrate; without any the password schemes do not matter.
    pub bcrypt_hashes: BcryptHashes,
}

/// How many bcrypt hashes there are to migrate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BcryptHashes {
    /// None.
    #[default]
    None,
    /// There may be some: the rows were not read.
    Perhaps,
    /// So many, at least one.
    Some(u64),
}

impl BcryptHashes {
    /// As many as there are.
    pub fn counted(count: u64) -> Self {
        match count {
            0 => Self::None,
            count => Self::Some(count),
        }
    }
}

/// All findings that need only the two configurations, errors first.
pub fn config_findings(settings: &Settings, data: DataFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(sqlite(&settings.synapse, settings.source.is_some()));
    findings.extend(homeserver(settings));
    findings.extend(refused_switches(&settings.synapse));
    findings.extend(duplicate_providers(settings));
    if data.bcrypt_hashes != BcryptHashes::None {
        findings.extend(password_schemes(settings));
    }
    if let BcryptHashes::Some(count) = data.bcrypt_hashes {
        findings.extend(passwords_come_back(settings, count));
    }
    findings.extend(delegation::findings(settings));
    findings.extend(placeholders(settings));
    findings.extend(registration(settings));
    findings.extend(other_logins(&settings.synapse));
    findings.extend(providers(settings));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// The findings that need only Synapse's configuration, errors first. `has_source` is whether the
/// command line leads to a database that stands in for the configured one.
pub fn synapse_findings(synapse: &SynapseConfig, has_source: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(sqlite(synapse, has_source));
    findings.extend(refused_switches(synapse));
    findings.extend(other_logins(synapse));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn finding(
    severity: FindingSeverity,
    id: &str,
    samples: Vec<String>,
    meaning: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        count: u64::try_from(samples.len().max(1)).unwrap_or(u64::MAX),
        samples: samples.into_iter().take(5).collect(),
        meaning: meaning.into(),
        remedy: remedy.into(),
        sql: None,
    }
}

/// A finding that blocks the run; counts its samples.
pub(super) fn error(
    id: &str,
    samples: Vec<String>,
    meaning: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    finding(FindingSeverity::Error, id, samples, meaning, remedy)
}

/// A finding that does not block the run; counts its samples.
pub(super) fn warning(
    id: &str,
    samples: Vec<String>,
    meaning: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    finding(FindingSeverity::Warning, id, samples, meaning, remedy)
}

/// The one place a finding is about, as its sample.
pub(super) fn place(origin: &Origin) -> Vec<String> {
    vec![origin.to_string()]
}

fn sqlite(synapse: &SynapseConfig, has_source: bool) -> Option<Finding> {
    match &synapse.database {
        Some(SynapseDatabase::Sqlite { origin }) if !has_source => Some(error(
            "synapse_on_sqlite",
            place(origin),
            "Synapse keeps its data in SQLite, which cannot be migrated from",
            "move Synapse to PostgreSQL first, with its own `synapse_port_db`",
        )),
        Some(SynapseDatabase::Sqlite { .. } | SynapseDatabase::Postgres { .. }) | None => None,
    }
}

fn homeserver(settings: &Settings) -> Option<Finding> {
    let server_name = &settings.server_name;
    let remedy = format!(
        "set `matrix.homeserver` in MAS's configuration to `{}`",
        server_name.value
    );
    match &settings.mas.homeserver {
        Some(homeserver) if homeserver.value == server_name.value => None,
        Some(homeserver) => Some(Finding {
            count: 1,
            ..error(
                "homeserver_mismatch",
                vec![
                    homeserver.origin.to_string(),
                    server_name.origin.to_string(),
                ],
                format!(
                    "MAS is configured for the homeserver `{}`, Synapse is `{}`",
                    homeserver.value, server_name.value
                ),
                remedy,
            )
        }),
        None => Some(error(
            "homeserver_mismatch",
            place(&server_name.origin),
            "MAS's configuration does not name its homeserver",
            remedy,
        )),
    }
}

/// Switches with which Synapse refuses to start once MAS is on.
fn refused_switches(synapse: &SynapseConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |id, switch: &Sourced<bool>, meaning: &str, remedy: &str| {
        if switch.value {
            findings.push(error(id, place(&switch.origin), meaning, remedy));
        }
    };
    add(
        "guest_access_enabled",
        &synapse.allow_guest_access,
        "Synapse lets guests in, which it cannot do together with MAS",
        "set `allow_guest_access: false` in Synapse's configuration",
    );
    if let Some(changes) = &synapse.enable_3pid_changes {
        add(
            "threepid_changes_enabled",
            changes,
            "Synapse lets people change their e-mail addresses, which MAS takes over",
            "remove `enable_3pid_changes` from Synapse's configuration, or set it to `false`",
        );
    }
    add(
        "login_via_existing_session_enabled",
        &synapse.login_via_existing_session,
        "Synapse lets sessions log in further devices, which it cannot do together with MAS",
        "set `login_via_existing_session.enabled: false` in Synapse's configuration",
    );
    findings
}

fn duplicate_providers(settings: &Settings) -> Option<Finding> {
    let duplicates = &settings.duplicate_providers;
    if duplicates.is_empty() {
        return None;
    }
    let samples = duplicates
        .iter()
        .map(|(name, ids)| {
            let ids: Vec<String> = ids.iter().map(|id| id.value.to_string()).collect();
            format!("{name}: {}", ids.join(", "))
        })
        .collect();
    Some(error(
        "duplicate_synapse_idp_id",
        samples,
        "several providers of MAS have the same `synapse_idp_id`, so it is open which one the links belong to",
        "keep it on one of them, or decide with `--upstream-provider-mapping`",
    ))
}

fn placeholders(settings: &Settings) -> Option<Finding> {
    let places = &settings.mas.placeholders;
    (!places.is_empty()).then(|| {
        warning(
            PLACEHOLDERS,
            places.iter().map(ToString::to_string).collect(),
            "MAS's configuration still says `FILL IN` where `config generate` could not know what to write",
            "fill in each of these values before MAS is started",
        )
    })
}

fn registration(settings: &Settings) -> Vec<Finding> {
    let (synapse, mas) = (&settings.synapse, &settings.mas);
    let mut findings = Vec::new();
    if synapse.enable_registration.value {
        let there = if mas.password_registration_enabled.value {
            "on"
        } else {
            "off"
        };
        findings.push(warning(
            "registration_enabled",
            place(&synapse.enable_registration.origin),
            format!("Synapse lets people register; from now on MAS decides, where registration with a password is {there}"),
            "set `account.password_registration_enabled` in MAS's configuration as it shall be",
        ));
    }
    if let (Some(origin), None) = (&synapse.user_consent, &mas.tos_uri) {
        findings.push(warning(
            "consent_without_terms",
            place(origin),
            "Synapse asks for consent to its terms; MAS has no terms to show",
            "set `branding.tos_uri` in MAS's configuration",
        ));
    }
    if synapse.enable_registration_captcha.value && mas.captcha.is_none() {
        findings.push(warning(
            "captcha_missing",
            place(&synapse.enable_registration_captcha.origin),
            "Synapse protects registration with a CAPTCHA; MAS does not",
            "set `captcha` in MAS's configuration if people may register there",
        ));
    }
    findings
}

/// Ways to log in that MAS does not have.
fn other_logins(synapse: &SynapseConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |id, origin: &Option<Origin>, what: &str, remedy: &str| {
        if let Some(origin) = origin {
            let meaning = format!("Synapse lets people log in with {what}, which MAS cannot do");
            findings.push(warning(id, place(origin), meaning, remedy));
        }
    };
    let by_oidc = "put an OpenID Connect provider in front of it, and map its accounts with `--upstream-provider-mapping`; subjects must stay the same";
    add("cas_enabled", &synapse.cas, "CAS", by_oidc);
    add("saml_enabled", &synapse.saml2, "SAML", by_oidc);
    add(
        "jwt_enabled",
        &synapse.jwt,
        "JSON web tokens",
        "give those who use them another way to log in",
    );
    let names = |modules: &[Sourced<String>]| -> Vec<String> {
        modules
            .iter()
            .map(|module| format!("{}: {}", module.value, module.origin))
            .collect()
    };
    if !synapse.password_providers.is_empty() {
        findings.push(warning(
            "password_modules",
            names(&synapse.password_providers),
            "third-party modules check passwords for Synapse; MAS has no such modules",
            "put an OpenID Connect provider in front of what they ask, or let people set a password in MAS",
        ));
    }
    if !synapse.modules.is_empty() {
        findings.push(warning(
            "third_party_modules",
            names(&synapse.modules),
            "Synapse runs third-party modules; those that take part in log-in or registration will no longer be asked",
            "see what each of them does, and replace in MAS what concerns log-in or registration",
        ));
    }
    findings
}

/// Providers that both sides configure under one name should be the same.
fn providers(settings: &Settings) -> Vec<Finding> {
    let mut issuers = Vec::new();
    let mut clients = Vec::new();
    let mut disabled = Vec::new();
    for provider in &settings.mas.providers {
        let Some(name) = &provider.synapse_idp_id else {
            continue;
        };
        if !provider.enabled.value {
            disabled.push(format!("{}: {}", name.value, provider.enabled.origin));
        }
        let same = |known: &&SynapseProvider| known.id.value == name.value;
        if let Some(known) = settings.synapse.oidc_providers.iter().find(same) {
            issuers.extend(difference(known, provider, Part::Issuer));
            clients.extend(difference(known, provider, Part::ClientId));
        }
    }
    let mut findings = Vec::new();
    if !issuers.is_empty() {
        findings.push(warning(
            "provider_issuer_differs",
            issuers,
            "a provider has another `issuer` in MAS's configuration than in Synapse's: links would lead to accounts of another provider",
            "make `issuer` the same on both sides, unless it is one provider under two names",
        ));
    }
    if !clients.is_empty() {
        findings.push(warning(
            "provider_client_id_differs",
            clients,
            "a provider has another `client_id` in MAS's configuration than in Synapse's: some providers then give people other subjects, and links lead nowhere",
            "use the same client on both sides, or make sure that subjects do not depend on it",
        ));
    }
    if !disabled.is_empty() {
        findings.push(warning(
            "mas_provider_disabled",
            disabled,
            "a provider that links are mapped to is switched off in MAS: nobody can log in with it",
            "set `enabled: true` on the provider in MAS's configuration, unless that is meant",
        ));
    }
    findings
}

#[derive(Clone, Copy)]
enum Part {
    Issuer,
    ClientId,
}

fn difference(ours: &SynapseProvider, theirs: &MasProvider, part: Part) -> Option<String> {
    let (ours_value, theirs_value) = match part {
        Part::Issuer => (ours.issuer.as_ref()?, theirs.issuer.as_ref()?),
        Part::ClientId => (ours.client_id.as_ref()?, theirs.client_id.as_ref()?),
    };
    let plain = |text: &str| match part {
        // Whether an issuer ends with a slash says nothing about who it is.
        Part::Issuer => text.trim_end_matches('/').to_owned(),
        Part::ClientId => text.to_owned(),
    };
    if plain(&ours_value.value) == plain(&theirs_value.value) {
        return None;
    }
    Some(format!(
        "{}: `{}` in Synapse, `{}` in MAS",
        ours.id.value, ours_value.value, theirs_value.value
    ))
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::super::settings::CommandLine;
    use super::*;

    const PEPPER: &str = "hunter2";

    fn findings(synapse: &str, mas: &str, data: DataFacts) -> Vec<Finding> {
        let synapse = if synapse.contains("database:") {
            format!("server_name: hs\n{synapse}")
        } else {
            format!("server_name: hs\ndatabase: {{name: psycopg2}}\n{synapse}")
        };
        let mas = if mas.contains("matrix:") {
            mas.to_owned()
        } else {
            format!("matrix: {{homeserver: hs}}\n{mas}")
        };
        let environment = environment(&[], &[("/s", &synapse), ("/m", &mas)]);
        let line = CommandLine {
            synapse_config: vec!["/s".into()],
            mas_config: vec!["/m".into()],
            ..CommandLine::default()
        };
        let settings = Settings::resolve(&line, &environment)
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        let found = config_findings(&settings, data);
        for finding in &found {
            assert!(!format!("{finding:?}").contains(PEPPER));
            assert!(finding.count > 0);
            for text in [&finding.meaning, &finding.remedy] {
                assert!(
                    !text.ends_with('.') && !text.starts_with(|c: char| c.is_uppercase())
                        || text.starts_with("Synapse")
                        || text.starts_with("MAS"),
                    "{text}"
                );
            }
        }
        found
    }

    /// `E id` and `W id` of each finding.
    fn ids(synapse: &str, mas: &str) -> Vec<String> {
        short(&findings(synapse, mas, DataFacts::default()))
    }

    fn ids_with_hashes(synapse: &str, mas: &str) -> Vec<String> {
        short(&findings(
            synapse,
            mas,
            DataFacts {
                bcrypt_hashes: BcryptHashes::Perhaps,
            },
        ))
    }

    fn short(findings: &[Finding]) -> Vec<String> {
        findings
            .iter()
            .map(|finding| match finding.severity {
                FindingSeverity::Error => format!("E {}", finding.id),
                FindingSeverity::Warning => format!("W {}", finding.id),
            })
            .collect()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn hashes_that_open_nothing_in_synapse_would_open_accounts_in_mas() {
        let found = |synapse: &str, mas: &str, bcrypt_hashes| {
            findings(synapse, mas, DataFacts { bcrypt_hashes })
                .into_iter()
                .filter(|finding| finding.id == "passwords_off_in_synapse")
                .map(|finding| (finding.count, finding.samples, finding.meaning))
                .next()
        };
        let all = BcryptHashes::Some(7);
        for (synapse, key, why) in [
            (
                "{localdb_enabled: false}",
                "localdb_enabled",
                "does not look at its own",
            ),
            ("{enabled: false}", "enabled", "nobody logs in"),
            ("{enabled: only_for_reauth}", "enabled", "log nobody in"),
        ] {
            let synapse = format!("password_config: {synapse}");
            let (count, samples, meaning) = found(&synapse, "", all).unwrap();
            assert_eq!(count, 7);
            assert_eq!(samples, [format!("`password_config.{key}` in /s:3")]);
            assert!(meaning.contains(why), "{meaning}");
            assert_eq!(found(&synapse, "passwords: {enabled: false}", all), None);
            for hashes in [BcryptHashes::None, BcryptHashes::Perhaps] {
                assert_eq!(found(&synapse, "", hashes), None);
            }
            // Synapse has to have them off then.
            let on = format!("{synapse}\nmatrix_authentication_service: {{enabled: true}}");
            assert_eq!(found(&on, "", all), None);
        }
        assert_eq!(found("", "", all), None);
    }

    /// Both schemes as they should be, with a pepper.
    fn schemes(first: &str) -> String {
        format!(
            "passwords: {{schemes: [{{version: 1, {first}}}, {{version: 2, algorithm: argon2id}}]}}\n"
        )
    }

    #[test]
    fn two_configurations_that_fit_give_no_finding() {
        let mas = schemes("algorithm: bcrypt, unicode_normalization: true, secret: hunter2");
        assert_eq!(
            ids_with_hashes("password_config: {pepper: hunter2}", &mas),
            NONE
        );
        assert_eq!(ids("", ""), NONE);
    }

    #[test]
    fn the_homeserver_must_be_the_same() {
        assert_eq!(
            ids("", "matrix: {homeserver: other}"),
            ["E homeserver_mismatch"]
        );
        assert_eq!(
            ids("", "matrix: {homeserver: 'hs:8448'}"),
            ["E homeserver_mismatch"]
        );
        assert_eq!(ids("", "matrix: {}"), ["E homeserver_mismatch"]);
    }

    #[test]
    fn sqlite() {
        assert_eq!(
            ids("database: {name: sqlite3}", ""),
            ["E synapse_on_sqlite"]
        );
    }

    #[test]
    fn switches_that_synapse_refuses_together_with_mas() {
        assert_eq!(
            ids("allow_guest_access: yes", ""),
            ["E guest_access_enabled"]
        );
        assert_eq!(ids("allow_guest_access: no", ""), NONE);
        assert_eq!(
            ids("enable_3pid_changes: true", ""),
            ["E threepid_changes_enabled"]
        );
        assert_eq!(ids("enable_3pid_changes: false", ""), NONE);
        assert_eq!(
            ids("login_via_existing_session: {enabled: true}", ""),
            ["E login_via_existing_session_enabled"]
        );
        assert_eq!(
            ids("login_via_existing_session: {require_ui_auth: true}", ""),
            NONE
        );
    }

    #[test]
    fn one_synapse_idp_id_for_two_providers() {
        let mas = "upstream_oauth2: {providers: [{id: 01H8PKNWKKRPCBW4YGH1RWV279, synapse_idp_id: oidc}, {id: 01H8PKNWKKRPCBW4YGH1RWV27A, synapse_idp_id: oidc}]}";
        let found = findings("", mas, DataFacts::default());
        assert_eq!(short(&found), ["E duplicate_synapse_idp_id"]);
        assert_eq!(
            found[0].samples,
            ["oidc: 01H8PKNWKKRPCBW4YGH1RWV279, 01H8PKNWKKRPCBW4YGH1RWV27A"]
        );
    }

    #[test]
    fn password_schemes_matter_only_where_there_are_hashes() {
        assert_eq!(
            ids_with_hashes("", "passwords: {schemes: []}"),
            ["E no_password_scheme_v1"]
        );
        assert_eq!(ids("", "passwords: {schemes: []}"), NONE);
        assert_eq!(ids_with_hashes("", ""), ["E password_scheme_v1_not_bcrypt"]);
        let two = "passwords: {schemes: [{version: 2, algorithm: bcrypt}]}";
        assert_eq!(ids_with_hashes("", two), ["E no_password_scheme_v1"]);
        let mas = schemes("algorithm: bcrypt, secret: other");
        assert_eq!(ids("password_config: {pepper: hunter2}", &mas), NONE);
    }

    #[test]
    fn the_secret_must_be_the_pepper() {
        let with = |secret: &str| {
            schemes(&format!(
                "algorithm: bcrypt, unicode_normalization: true{secret}"
            ))
        };
        let peppered = "password_config: {pepper: hunter2}";
        for (synapse, secret, what) in [
            (peppered, ", secret: other", Some("is another one")),
            (peppered, "", Some("is missing")),
            (peppered, ", secret: ''", Some("is missing")),
            ("", ", secret: other", Some("is set, but Synapse has none")),
            (
                peppered,
                ", secret: \"hunter2\\n\"",
                Some("blanks or line breaks"),
            ),
            (peppered, ", secret: hunter2", None),
            ("password_config: {pepper: ''}", "", None),
            ("", ", secret: ''", None),
        ] {
            let found = findings(
                synapse,
                &with(secret),
                DataFacts {
                    bcrypt_hashes: BcryptHashes::Perhaps,
                },
            );
            match what {
                None => assert_eq!(short(&found), NONE, "{secret}"),
                Some(what) => {
                    assert_eq!(short(&found), ["E password_secret_mismatch"], "{secret}");
                    assert!(found[0].meaning.contains(what), "{}", found[0].meaning);
                    assert_eq!(found[0].count, 1);
                }
            }
        }
    }

    #[test]
    fn schemes_that_work_but_could_be_better() {
        assert_eq!(
            ids_with_hashes("", &schemes("algorithm: bcrypt")),
            ["W password_normalization_off"]
        );
        let one =
            "passwords: {schemes: [{version: 1, algorithm: bcrypt, unicode_normalization: true}]}";
        assert_eq!(ids_with_hashes("", one), ["W only_password_scheme_v1"]);
        let off = "passwords: {enabled: false, schemes: [{version: 1, algorithm: bcrypt, unicode_normalization: true}, {version: 2, algorithm: argon2id}]}";
        assert_eq!(ids_with_hashes("", off), ["W mas_passwords_disabled"]);
        assert_eq!(
            ids_with_hashes("password_config: {enabled: false}", off),
            NONE
        );
    }

    #[test]
    fn registration() {
        assert_eq!(
            ids("enable_registration: on", ""),
            ["W registration_enabled"]
        );
        assert_eq!(
            ids("user_consent: {version: 1}", ""),
            ["W consent_without_terms"]
        );
        assert_eq!(
            ids(
                "user_consent: {version: 1}",
                "branding: {tos_uri: 'https://x'}"
            ),
            NONE
        );
        assert_eq!(
            ids("enable_registration_captcha: true", ""),
            ["W captcha_missing"]
        );
        assert_eq!(
            ids(
                "enable_registration_captcha: true",
                "captcha: {service: recaptcha_v2}"
            ),
            NONE
        );
    }

    #[test]
    fn log_ins_that_mas_does_not_have() {
        assert_eq!(ids("cas_config: {server_url: x}", ""), ["W cas_enabled"]);
        assert_eq!(
            ids("saml2_config: {sp_config: {x: 1}}", ""),
            ["W saml_enabled"]
        );
        assert_eq!(ids("jwt_config: {enabled: true}", ""), ["W jwt_enabled"]);
        assert_eq!(
            ids("password_providers: [{module: a.B}]", ""),
            ["W password_modules"]
        );
        assert_eq!(
            ids("modules: [{module: a.B}]", ""),
            ["W third_party_modules"]
        );
    }

    #[test]
    fn one_provider_on_both_sides() {
        let synapse = "oidc_providers: [{idp_id: k, issuer: 'https://k', client_id: c}]";
        let mas = |rest: &str| {
            format!(
                "upstream_oauth2: {{providers: [{{id: 01H8PKNWKKRPCBW4YGH1RWV279, synapse_idp_id: oidc-k, {rest}}}]}}"
            )
        };
        assert_eq!(
            ids(synapse, &mas("issuer: 'https://k/', client_id: c")),
            NONE
        );
        assert_eq!(
            ids(synapse, &mas("issuer: 'https://other', client_id: c")),
            ["W provider_issuer_differs"]
        );
        assert_eq!(
            ids(synapse, &mas("issuer: 'https://k', client_id: d")),
            ["W provider_client_id_differs"]
        );
        assert_eq!(
            ids(synapse, &mas("enabled: false")),
            ["W mas_provider_disabled"]
        );
        assert_eq!(ids("", &mas("issuer: 'https://other'")), NONE);
    }

    #[test]
    fn what_is_not_filled_in() {
        let mas = "database: {password: FILL IN}\nemail: {from: ' FILL IN '}\nupstream_oauth2: {providers: [{id: 01H8PKNWKKRPCBW4YGH1RWV279, client_secret: 'FILL IN'}]}";
        let found = findings("", mas, DataFacts::default());
        assert_eq!(short(&found), ["W mas_placeholders"]);
        assert_eq!(found[0].count, 3);
        assert!(
            found[0].samples[2].starts_with("`upstream_oauth2.providers[0].client_secret` in /m:"),
            "{:?}",
            found[0].samples
        );
        // A comment is no value, and neither is a key.
        assert_eq!(
            ids("", "database: {host: localhost} # FILL IN\n'FILL IN': x"),
            NONE
        );
    }

    #[test]
    fn errors_come_first() {
        let found = ids("enable_registration: true\nallow_guest_access: true", "");
        assert_eq!(found, ["E guest_access_enabled", "W registration_enabled"]);
    }
}
