//! Whether two existing configurations mean the same: MAS's is compared with what it should be, given
//! Synapse's.
//!
//! Only what a change of a configuration can mend is found here. What has no counterpart in MAS at
//! all is left to `generate` and `check`. Secrets are compared and never shown.

use super::environment::Environment;
use super::findings::{DataFacts, config_findings, warning};
use super::intended::{
    AUTH_METHOD, CLIENT_SECRET, CLIENT_SECRET_FILE, DISPLAYNAME_ACTION, EMAIL_ACTION, Intended,
    IntendedProvider, LOCALPART_ACTION, LOGIN_HINT, MasOption, OPTIONS, OptionValue, PARAMETERS,
    PROVIDER_OPTIONS, Secrecy, Setting, intended,
};
use super::mas::PasswordAlgorithm;
use super::mas_database::text_or_file;
use super::raw::Schema;
use super::section::At;
use super::settings::Settings;
use super::synapse::PasswordLogin;
use crate::diagnostics::{Diagnostic, Diagnostics, Finding, FindingSeverity, suggest};
use crate::pg::{Origin, Sourced};

/// Warnings of `check` that are about how the two configurations differ.
const OF_BOTH: [&str; 7] = [
    "password_normalization_off",
    "only_password_scheme_v1",
    "captcha_missing",
    "consent_without_terms",
    "provider_issuer_differs",
    "provider_client_id_differs",
    "mas_provider_disabled",
];

/// A template with which MAS hands on a login hint, as `forward_login_hint` does.
const LOGIN_HINT_TEMPLATE: &str = "{{params.login_hint}}";

/// Everything in which MAS's configuration differs in meaning from what Synapse's demands: what
/// `check` calls errors first, then by what it is about.
///
/// # Errors
/// E0603 to E0612: options of either side that cannot be understood, all of them.
pub fn lint(
    settings: &Settings,
    environment: &Environment,
) -> Result<Vec<Finding>, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new();
    let intended = match intended(&settings.synapse, environment) {
        Ok(intended) => Some(intended),
        Err(found) => {
            problems.extend(found);
            None
        }
    };
    let top = At::top(settings.mas.tree.node(), Schema::Core);
    let sections = top
        .section("upstream_oauth2", &mut problems)
        .map(|section| section.sections("providers", &mut problems))
        .unwrap_or_default();
    let actual: Vec<ActualProvider<'_>> = sections
        .iter()
        .map(|section| ActualProvider::new(section, &mut problems))
        .collect();
    let mut differences = Differences::default();
    if let Some(intended) = &intended {
        outside_of_providers(intended, &top, settings, &mut differences, &mut problems);
        for provider in &intended.providers {
            let same = actual
                .iter()
                .find(|actual| actual.synapse_idp_id() == Some(provider.id.as_str()));
            if let Some(actual) = same {
                compare(
                    provider,
                    actual,
                    environment,
                    &mut differences,
                    &mut problems,
                );
            }
        }
    }
    if problems.has_errors() {
        return Err(problems.into_sorted());
    }
    let data = DataFacts {
        // Whether there are hashes only the data knows; without log-ins by password none are needed.
        has_bcrypt_hash: settings.synapse.password_login.value != PasswordLogin::Disabled,
    };
    let mut findings: Vec<Finding> = config_findings(settings, data)
        .into_iter()
        .filter(|finding| {
            finding.severity == FindingSeverity::Error || OF_BOTH.contains(&finding.id.as_str())
        })
        .collect();
    if let Some(intended) = &intended {
        findings.extend(unknown_providers(intended, &actual, settings));
    }
    findings.extend(differences.found);
    findings.sort_by_key(|finding| finding.severity);
    Ok(findings)
}

/// Findings, one for each id, each with its samples.
#[derive(Default)]
struct Differences {
    found: Vec<Finding>,
}

impl Differences {
    fn add(&mut self, id: &str, sample: String, meaning: &str, remedy: &str) {
        match self.found.iter_mut().find(|finding| finding.id == id) {
            Some(known) => {
                known.count += 1;
                if known.samples.len() < 5 {
                    known.samples.push(sample);
                }
            }
            None => self.found.push(warning(id, vec![sample], meaning, remedy)),
        }
    }

    /// Compares one option, unless one of the sides says nothing about it.
    fn option(
        &mut self,
        option: &MasOption,
        whose: &str,
        ours: Option<&Sourced<OptionValue>>,
        theirs: Option<&Sourced<OptionValue>>,
    ) {
        let Some(difference) = option.difference else {
            return;
        };
        let default = option.default_value().map(Sourced::default_value);
        let Some(ours) = ours.or(default.as_ref()) else {
            return;
        };
        let theirs = theirs.or(default.as_ref());
        if theirs.is_some_and(|theirs| option.same(&ours.value, &theirs.value)) {
            return;
        }
        let other = theirs.map(|theirs| &theirs.value);
        let theirs = match theirs {
            Some(theirs) => shown(theirs, &ours.value),
            None => "nothing".to_owned(),
        };
        let ours = shown(ours, other.unwrap_or(&ours.value));
        let key = option.key;
        let sample = format!("{whose}`{key}`: {ours} by Synapse, {theirs} in MAS");
        let remedy = "make MAS's configuration say the same, unless the difference is meant";
        self.add(difference.id, sample, difference.meaning, remedy);
    }
}

/// A value and its place; of secrets the place alone, of parameters the names of those in which it
/// differs from the other side's.
fn shown(value: &Sourced<OptionValue>, other: &OptionValue) -> String {
    let text = match &value.value {
        OptionValue::Switch(value) => value.to_string(),
        OptionValue::Text(text) => format!("`{text}`"),
        OptionValue::Secret(_) => return format!("what stands at {}", value.origin),
        OptionValue::Texts(texts) => {
            let same = |name: &str, text: &str| match other {
                OptionValue::Texts(other) => other.get(name).is_some_and(|other| other == text),
                OptionValue::Switch(_) | OptionValue::Text(_) | OptionValue::Secret(_) => false,
            };
            let names: Vec<String> = texts
                .iter()
                .filter(|(name, text)| !same(name, text))
                .map(|(name, _)| format!("another `{name}`"))
                .collect();
            if names.is_empty() {
                "nothing more".to_owned()
            } else {
                names.join(", ")
            }
        }
    };
    match &value.origin {
        Origin::Default(what) if what.is_empty() => format!("{text} (default)"),
        origin => format!("{text} ({origin})"),
    }
}

fn outside_of_providers(
    intended: &Intended,
    top: &At<'_>,
    settings: &Settings,
    differences: &mut Differences,
    problems: &mut Diagnostics,
) {
    for option in OPTIONS.iter().filter(|option| option.difference.is_some()) {
        // Without a CAPTCHA in MAS there is one finding for all of it.
        if option.key.starts_with("captcha.") && settings.mas.captcha.is_none() {
            continue;
        }
        let ours = sourced(&intended.settings, option);
        // What Synapse does not say, MAS may decide.
        if ours.is_some() {
            let theirs = option.read(top, problems);
            differences.option(option, "", ours.as_ref(), theirs.as_ref());
        }
    }
    cost(intended, top, settings, differences, problems);
}

/// The cost matters to hashes that are made with it: those of the highest version.
fn cost(
    intended: &Intended,
    top: &At<'_>,
    settings: &Settings,
    differences: &mut Differences,
    problems: &mut Diagnostics,
) {
    let Some(passwords) = top.section("passwords", problems) else {
        return;
    };
    let schemes = passwords.sections("schemes", problems);
    for (section, scheme) in schemes.iter().zip(&settings.mas.password_schemes) {
        if scheme.version.value != 1 || scheme.algorithm != PasswordAlgorithm::Bcrypt {
            continue;
        }
        let cost = section
            .integer("cost", 0..=i128::from(u32::MAX), problems)
            .unwrap_or(Sourced::default_value(12));
        let ours = &intended.scheme.cost;
        if cost.value != i128::from(ours.value) {
            differences.add(
                "password_cost_differs",
                format!(
                    "`cost` of version 1: {} by Synapse ({}), {} in MAS ({})",
                    ours.value, ours.origin, cost.value, cost.origin
                ),
                "MAS's password scheme of version 1 has another cost than Synapse: hashes made with it take another time to guess; those that are there keep theirs",
                "set `cost` of version 1 of `passwords.schemes` to Synapse's `bcrypt_rounds`, unless the difference is meant",
            );
        }
    }
}

fn sourced(settings: &[Setting], option: &MasOption) -> Option<Sourced<OptionValue>> {
    settings
        .iter()
        .find(|setting| setting.option.key == option.key)
        .map(|setting| Sourced::new(setting.value.clone(), setting.origin.clone()))
}

/// A provider of MAS's configuration.
struct ActualProvider<'a> {
    section: At<'a>,
    values: Vec<(&'static MasOption, Sourced<OptionValue>)>,
}

impl<'a> ActualProvider<'a> {
    fn new(section: &At<'a>, problems: &mut Diagnostics) -> Self {
        let mut values: Vec<(&'static MasOption, Sourced<OptionValue>)> = PROVIDER_OPTIONS
            .iter()
            .filter_map(|option| Some((*option, option.read(section, problems)?)))
            .collect();
        login_hint(&mut values);
        Self {
            section: section.clone(),
            values,
        }
    }

    fn get(&self, option: &MasOption) -> Option<&Sourced<OptionValue>> {
        self.values
            .iter()
            .find(|(known, _)| known.key == option.key)
            .map(|(_, value)| value)
    }

    fn synapse_idp_id(&self) -> Option<&str> {
        self.values
            .iter()
            .find_map(|(option, value)| match &value.value {
                OptionValue::Text(text) if option.key == "synapse_idp_id" => Some(text.as_str()),
                _ => None,
            })
    }
}

/// The newer way to hand on a login hint, as a parameter, means what the older switch means.
fn login_hint(values: &mut Vec<(&'static MasOption, Sourced<OptionValue>)>) {
    let mut found = None;
    for (option, value) in values.iter_mut() {
        if let OptionValue::Texts(texts) = &mut value.value {
            let is_template = texts.get("login_hint").is_some_and(|text| {
                text.split_whitespace().collect::<String>() == LOGIN_HINT_TEMPLATE
            });
            if option.key == PARAMETERS.key && is_template {
                texts.remove("login_hint");
                found = Some(value.origin.clone());
            }
        }
    }
    if let Some(origin) = found {
        values.retain(|(option, _)| option.key != LOGIN_HINT.key);
        values.push((&LOGIN_HINT, Sourced::new(OptionValue::Switch(true), origin)));
    }
}

fn compare(
    ours: &IntendedProvider,
    theirs: &ActualProvider<'_>,
    environment: &Environment,
    differences: &mut Differences,
    problems: &mut Diagnostics,
) {
    let whose = format!("{}: ", ours.id);
    let apple = sourced(&ours.settings, &AUTH_METHOD)
        .is_some_and(|method| method.value == OptionValue::Text("sign_in_with_apple".to_owned()));
    for option in PROVIDER_OPTIONS {
        let claims = option.key.starts_with("claims_imports.");
        // Nobody but the operator knows what should stand there.
        if claims && ours.custom_mapping {
            continue;
        }
        let by_key = matches!(ours.secrecy, Secrecy::Key) && !apple;
        if by_key && option.key == AUTH_METHOD.key {
            continue;
        }
        if claims && is_ignored(ours, option) {
            continue;
        }
        let wanted = sourced(&ours.settings, option);
        differences.option(option, &whose, wanted.as_ref(), theirs.get(option));
    }
    client_secret(ours, theirs, environment, differences, problems);
}

/// Whether a template belongs to a claim that is not taken over, so that it says nothing.
fn is_ignored(ours: &IntendedProvider, option: &MasOption) -> bool {
    let actions = [&LOCALPART_ACTION, &DISPLAYNAME_ACTION, &EMAIL_ACTION];
    actions.iter().any(|action| {
        let Some(claim) = action.key.strip_suffix("action") else {
            return false;
        };
        let ignored = sourced(&ours.settings, action)
            .is_some_and(|action| action.value == OptionValue::Text("ignore".to_owned()));
        ignored && option.key != action.key && option.key.starts_with(claim)
    })
}

fn client_secret(
    ours: &IntendedProvider,
    theirs: &ActualProvider<'_>,
    environment: &Environment,
    differences: &mut Differences,
    problems: &mut Diagnostics,
) {
    let (origin, wanted) = match &ours.secrecy {
        Secrecy::Known(secret) => (&secret.origin, secret.value.reveal()),
        Secrecy::None | Secrecy::File | Secrecy::Key => return,
    };
    let there = theirs
        .get(&CLIENT_SECRET)
        .or(theirs.get(&CLIENT_SECRET_FILE));
    let what = match there {
        None => "is missing".to_owned(),
        Some(place) => {
            let section = &theirs.section;
            let secret = text_or_file(
                section,
                CLIENT_SECRET.key,
                CLIENT_SECRET_FILE.key,
                environment,
                problems,
            );
            let Some(secret) = secret else {
                return;
            };
            let found = secret.value.reveal();
            if found == wanted {
                return;
            }
            if found.trim() == wanted.trim() {
                format!(
                    "differs by blanks or line breaks at its ends only ({})",
                    place.origin
                )
            } else {
                format!("is another one ({})", place.origin)
            }
        }
    };
    differences.add(
        "provider_client_secret_differs",
        format!("{}: Synapse's stands at {origin}; MAS's {what}", ours.id),
        "MAS has another secret for a provider than Synapse: one of them cannot log in there",
        "make the secrets the same, character by character, unless MAS is a client of its own there",
    );
}

/// Providers that only one of the sides knows.
fn unknown_providers(
    intended: &Intended,
    actual: &[ActualProvider<'_>],
    settings: &Settings,
) -> Vec<Finding> {
    // Once MAS is on, Synapse does not start with providers: they are gone from its configuration.
    if settings.synapse.delegated.is_some() {
        return Vec::new();
    }
    let named: Vec<&str> = actual
        .iter()
        .filter_map(ActualProvider::synapse_idp_id)
        .collect();
    let known: Vec<&str> = settings
        .synapse
        .oidc_providers
        .iter()
        .map(|provider| provider.id.value.as_str())
        .collect();
    let mut found = Differences::default();
    for provider in &intended.providers {
        if named.contains(&provider.id.as_str()) {
            continue;
        }
        let near = suggest::nearest(&provider.id, named.iter().copied())
            .map_or(String::new(), |near| format!("; near: `{near}`"));
        found.add(
            "provider_missing",
            format!("{}: {}{near}", provider.id, provider.origin),
            "no provider of MAS's configuration has this `synapse_idp_id`: people who log in to Synapse with the provider cannot log in to MAS with it",
            "add the provider, or correct `synapse_idp_id`; `config generate` writes all of it",
        );
    }
    for provider in actual {
        let Some(id) = provider.synapse_idp_id() else {
            continue;
        };
        // SAML and CAS have names of their own, behind whatever stands in front of them.
        if known.contains(&id) || matches!(id, "saml" | "cas") {
            continue;
        }
        let near = suggest::nearest(id, known.iter().copied())
            .map_or(String::new(), |near| format!("; near: `{near}`"));
        found.add(
            "provider_unknown",
            format!("{id}: {}{near}", provider.section.origin()),
            "a `synapse_idp_id` of MAS's configuration is the name of no provider of Synapse's",
            "correct it, unless links of a provider that Synapse no longer has shall be migrated",
        );
    }
    found.found
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::super::settings::CommandLine;
    use super::*;

    const SYNAPSE: &str = include_str!("generate/example.homeserver.yaml");
    const MAS: &str = include_str!("generate/example.mas.yaml");

    fn found(synapse: &str, mas: &str) -> Vec<Finding> {
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
                "oidc-dex: `pkce_method`: `always` (`oidc_providers[0].pkce_method` in /s:24) by Synapse, `never` (`upstream_oauth2.providers[0].pkce_method` in /m:130) in MAS"
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
        let switched = "server_name: example.com\ndatabase: {name: psycopg2}\npassword_config: {pepper: \"hunter2 #'\\\"\\\\\"}\nbcrypt_rounds: 11\nenable_set_displayname: false\nenable_registration: true\nregistrations_require_3pid: [email]\nmatrix_authentication_service: {enabled: true}\n";
        assert_eq!(self::found(switched, MAS), []);
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
}
