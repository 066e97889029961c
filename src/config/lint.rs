//! Whether two existing configurations mean the same: MAS's is compared with what it should be, given
//! Synapse's.
//!
//! Only what a change of a configuration can mend is found here. What has no counterpart in MAS at
//! all is left to `generate` and `check`. Secrets are compared and never shown.

use std::path::Path;

use super::delegation;
use super::environment::Environment;
use super::findings::{BcryptHashes, DataFacts, PLACEHOLDERS, config_findings, warning};
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
use crate::pg::{Origin, Secret, Sourced};

/// Warnings of `check` that are about how the two configurations differ, and about what was not filled
/// in.
const OF_BOTH: [&str; 10] = [
    PLACEHOLDERS,
    "matrix_secret_differs",
    "mas_endpoint_unknown",
    "password_normalization_off",
    "only_password_scheme_v1",
    "captcha_missing",
    "consent_without_terms",
    "provider_issuer_differs",
    "provider_client_id_differs",
    "mas_provider_disabled",
];

/// Options that Synapse says nothing about any more once it leaves log-ins to MAS.
const OFF_ONCE_DELEGATED: [&str; 3] = [
    "passwords.enabled",
    "account.password_registration_enabled",
    "account.email_change_allowed",
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
        bcrypt_hashes: match settings.synapse.password_login.value {
            PasswordLogin::Disabled => BcryptHashes::None,
            PasswordLogin::Enabled | PasswordLogin::OnlyForReauthentication => {
                BcryptHashes::Perhaps
            }
        },
    };
    let mut findings: Vec<Finding> = config_findings(settings, data)
        .into_iter()
        .filter(|finding| {
            finding.severity == FindingSeverity::Error || OF_BOTH.contains(&finding.id.as_str())
        })
        .collect();
    findings.extend(delegation::not_compared(settings));
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
        OptionValue::Number(number) => number.to_string(),
        OptionValue::Text(text) => format!("`{text}`"),
        OptionValue::Secret(_) => return format!("what stands at {}", value.origin),
        OptionValue::Texts(texts) => {
            let same = |name: &str, text: &str| match other {
                OptionValue::Texts(other) => other.get(name).is_some_and(|other| other == text),
                OptionValue::Switch(_)
                | OptionValue::Text(_)
                | OptionValue::Number(_)
                | OptionValue::Secret(_) => false,
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
        // Once MAS is on, Synapse does not start unless these are off: MAS alone decides.
        if settings.synapse.delegated.is_some() && OFF_ONCE_DELEGATED.contains(&option.key) {
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

    /// The file that the client secret stands in.
    fn secret_file(&self) -> Option<Sourced<String>> {
        let file = self.get(&CLIENT_SECRET_FILE)?;
        match &file.value {
            OptionValue::Text(path) => Some(Sourced::new(path.clone(), file.origin.clone())),
            OptionValue::Switch(_)
            | OptionValue::Number(_)
            | OptionValue::Secret(_)
            | OptionValue::Texts(_) => None,
        }
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
    let there = theirs
        .get(&CLIENT_SECRET)
        .or(theirs.get(&CLIENT_SECRET_FILE));
    let (origin, wanted) = match (&ours.secrecy, there) {
        (Secrecy::Known(secret), _) => (&secret.origin, secret.value.reveal()),
        (Secrecy::File(path), Some(_)) => {
            if !same_file(path, theirs) {
                not_compared(&ours.id, path, differences);
            }
            return;
        }
        (Secrecy::File(_), None) | (Secrecy::None | Secrecy::Key, _) => return,
    };
    let what = match there {
        None => "is missing".to_owned(),
        Some(place) => {
            let section = &theirs.section;
            let secret = match theirs.secret_file() {
                // Where both are named it is MAS that refuses.
                Some(path) if theirs.get(&CLIENT_SECRET).is_none() => {
                    match environment.files().read(Path::new(&path.value)) {
                        Ok(text) => Some(Secret::new(text)),
                        Err(_) => return not_compared(&ours.id, &path, differences),
                    }
                }
                _ => text_or_file(
                    section,
                    CLIENT_SECRET.key,
                    CLIENT_SECRET_FILE.key,
                    environment,
                    problems,
                )
                .map(|secret| secret.value),
            };
            let Some(secret) = secret else {
                return;
            };
            let found = secret.reveal();
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

/// Whether MAS reads its secret of the very file that Synapse reads.
fn same_file(path: &Sourced<String>, theirs: &ActualProvider<'_>) -> bool {
    theirs
        .secret_file()
        .is_some_and(|other| other.value == path.value)
}

/// A file with a secret that cannot be read here: no reason to say nothing of all the rest.
fn not_compared(provider: &str, path: &Sourced<String>, differences: &mut Differences) {
    differences.add(
        "provider_client_secret_not_compared",
        format!("{provider}: `{}`, named by {}", path.value, path.origin),
        "whether both sides have the same secret for a provider was not compared: a file with it cannot be read here",
        "compare again where both files can be read",
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
mod tests;
