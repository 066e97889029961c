//! What MAS's configuration should say of a provider, given Synapse's section for it.

use std::collections::BTreeMap;
use std::path::Path;

use super::option::{self, OptionValue, PROVIDER_OPTIONS};
use super::warning::{self, Warning};
use super::{Note, Setting, Settings};
use crate::config::environment::Environment;
use crate::config::section::At;
use crate::config::synapse;
use crate::diagnostics::Diagnostics;
use crate::pg::{Origin, Secret, Sourced};

/// The mapping provider that Synapse ships with, by its present and its former name.
const JINJA: [&str; 2] = [
    "synapse.handlers.oidc.JinjaOidcMappingProvider",
    "synapse.handlers.oidc_handler.JinjaOidcMappingProvider",
];

/// Filters of Jinja, or of Synapse, that MAS's templates do not have.
const FOREIGN_FILTERS: [&str; 5] = [
    "localpart_from_email",
    "center",
    "forceescape",
    "urlize",
    "xmlattr",
];

/// What MAS's configuration should say of a provider.
#[derive(Debug)]
pub(in crate::config) struct IntendedProvider {
    /// What Synapse calls it.
    pub(in crate::config) id: String,
    /// Where Synapse's section begins.
    pub(in crate::config) origin: Origin,
    /// Its options, in the order of [`PROVIDER_OPTIONS`].
    pub(in crate::config) settings: Vec<Setting>,
    /// The secret that Synapse uses, as far as it can be known.
    pub(in crate::config) secrecy: Secrecy,
    /// Whether the provider ends sessions by back-channel logout.
    pub(in crate::config) backchannel_logout: bool,
    /// Whether a module of the operator's own makes subjects and names.
    pub(in crate::config) custom_mapping: bool,
}

/// The secret of a client.
#[derive(Debug)]
pub(in crate::config) enum Secrecy {
    /// There is none.
    None,
    /// It is known.
    Known(Sourced<Secret>),
    /// It stands in a file that cannot be read here.
    File,
    /// It is made with a key.
    Key,
}

/// What MAS should know of the provider in `section`; nothing if it is incomplete, which is noted.
pub(super) fn intended(
    section: &At<'_>,
    environment: &Environment,
    problems: &mut Diagnostics,
    notes: &mut Vec<Note>,
) -> Option<IntendedProvider> {
    let known = synapse::provider(section, problems);
    let mut builder = Builder {
        section,
        environment,
        id: known.id.value.clone(),
        settings: Settings::default(),
        notes,
        confirms: false,
        backchannel_logout: false,
    };
    if known.client_id.is_none() || known.issuer.is_none() {
        builder.note(&warning::PROVIDER_INCOMPLETE, &section.origin());
        return None;
    }
    let settings = &mut builder.settings;
    settings.text(&option::SYNAPSE_IDP_ID, Some(known.id));
    settings.text(&option::HUMAN_NAME, known.name);
    settings.text(&option::ISSUER, known.issuer.clone());
    settings.text(&option::CLIENT_ID, known.client_id);
    settings.text(&option::BRAND_NAME, section.text("idp_brand", problems));
    for endpoint in [
        &option::AUTHORIZATION_ENDPOINT,
        &option::TOKEN_ENDPOINT,
        &option::USERINFO_ENDPOINT,
        &option::JWKS_URI,
    ] {
        settings.text(endpoint, section.text(endpoint.key, problems));
    }
    let secrecy = builder.secret(known.issuer.as_ref(), problems);
    builder.tokens(problems);
    builder.requests(problems);
    builder.logout(problems);
    builder.unmatched(problems);
    let custom_mapping = builder.claims(problems);
    Some(IntendedProvider {
        id: builder.id,
        origin: section.origin(),
        settings: builder.settings.sorted(PROVIDER_OPTIONS),
        secrecy,
        backchannel_logout: builder.backchannel_logout,
        custom_mapping,
    })
}

struct Builder<'a> {
    section: &'a At<'a>,
    environment: &'a Environment,
    id: String,
    settings: Settings,
    notes: &'a mut Vec<Note>,
    confirms: bool,
    backchannel_logout: bool,
}

impl Builder<'_> {
    fn note(&mut self, warning: &'static Warning, origin: &Origin) {
        self.notes.push(Note {
            warning,
            provider: Some(self.id.clone()),
            origin: origin.clone(),
        });
    }

    fn note_if_set(&mut self, warning: &'static Warning, section: &At<'_>, key: &str) {
        if let Some(value) = section.get(key).filter(At::is_truthy) {
            self.note(warning, &value.origin());
        }
    }

    fn switch(&self, key: &str, default: bool, problems: &mut Diagnostics) -> Sourced<bool> {
        self.section
            .switch_or(key, Sourced::default_value(default), problems)
    }

    /// One word of several; another one is noted and counts as missing.
    fn word(
        &mut self,
        key: &str,
        words: &[&str],
        problems: &mut Diagnostics,
    ) -> Option<Sourced<String>> {
        let word = self.section.text(key, problems)?;
        if words.contains(&word.value.as_str()) {
            return Some(word);
        }
        self.note(&warning::PROVIDER_WORD, &word.origin);
        None
    }

    fn secret(&mut self, issuer: Option<&Sourced<String>>, problems: &mut Diagnostics) -> Secrecy {
        let method = self.word(
            "client_auth_method",
            &["client_secret_basic", "client_secret_post", "none"],
            problems,
        );
        let secret = self.section.secret("client_secret", problems);
        let path = self.section.text("client_secret_path", problems);
        let key = self.section.section("client_secret_jwt_key", problems);
        if method.as_ref().is_some_and(|method| method.value == "none") {
            // MAS refuses a secret that is not used.
            self.settings.text(&option::AUTH_METHOD, method);
            return Secrecy::None;
        }
        let basic =
            |origin: &Origin| Sourced::new("client_secret_basic".to_owned(), origin.clone());
        if let Some(secret) = secret {
            let method = method.unwrap_or_else(|| basic(&Origin::default_value()));
            self.settings.text(&option::AUTH_METHOD, Some(method));
            self.settings.secret(&option::CLIENT_SECRET, secret.clone());
            return Secrecy::Known(secret);
        }
        if let Some(path) = path {
            let method = method.unwrap_or_else(|| basic(&Origin::default_value()));
            self.settings.text(&option::AUTH_METHOD, Some(method));
            self.settings.add(
                Setting::new(
                    &option::CLIENT_SECRET_FILE,
                    OptionValue::Text(path.value.clone()),
                    path.origin.clone(),
                )
                .remarked("MAS must be able to read this file"),
            );
            let Ok(text) = self.environment.files().read(Path::new(&path.value)) else {
                return Secrecy::File;
            };
            if text.ends_with('\n') {
                self.note(&warning::PROVIDER_SECRET_FILE, &path.origin);
            }
            return Secrecy::Known(path.map(|_| Secret::new(text.trim_end_matches('\n'))));
        }
        if let Some(key) = key {
            self.note(&warning::PROVIDER_SECRET_KEY, &key.origin());
            if !self.apple(&key, issuer, problems) {
                self.settings.add(
                    Setting::new(
                        &option::AUTH_METHOD,
                        OptionValue::Text("none".to_owned()),
                        key.origin(),
                    )
                    .remarked("fill in: MAS cannot make a secret with this key"),
                );
            }
            return Secrecy::Key;
        }
        let origin = Origin::Default("there is no secret".to_owned());
        if let Some(method) = &method {
            self.note(&warning::PROVIDER_SECRET_MISSING, &method.origin);
        }
        self.settings.word(&option::AUTH_METHOD, "none", &origin);
        Secrecy::None
    }

    /// Whether the key is one for Apple, which MAS knows how to use.
    fn apple(
        &mut self,
        key: &At<'_>,
        issuer: Option<&Sourced<String>>,
        problems: &mut Diagnostics,
    ) -> bool {
        let is_apple = issuer.is_some_and(|issuer| {
            issuer.value.trim_end_matches('/') == "https://appleid.apple.com"
        });
        let mut part = |section: &str, name: &str| {
            key.section(section, problems)
                .and_then(|section| section.text(name, problems))
        };
        let (team, key_id) = (part("jwt_payload", "iss"), part("jwt_header", "kid"));
        let file = key.text("key_file", problems);
        let inline = key.secret("key", problems);
        let (Some(team), Some(key_id), true) = (team, key_id, is_apple) else {
            return false;
        };
        match (file, inline) {
            (Some(file), _) => self.settings.text(&option::APPLE_KEY_FILE, Some(file)),
            (None, Some(inline)) => self.settings.secret(&option::APPLE_KEY, inline),
            (None, None) => return false,
        }
        self.settings.text(&option::APPLE_TEAM, Some(team));
        self.settings.text(&option::APPLE_KEY_ID, Some(key_id));
        self.settings
            .word(&option::AUTH_METHOD, "sign_in_with_apple", &key.origin());
        true
    }

    /// How tokens and claims are got.
    fn tokens(&mut self, problems: &mut Diagnostics) {
        let list = self
            .section
            .items("id_token_signing_alg_values_supported", problems);
        let algorithms: Vec<Sourced<String>> = list
            .iter()
            .filter_map(|algorithm| algorithm.as_text(problems))
            .collect();
        let usual = algorithms
            .iter()
            .find(|algorithm| algorithm.value == "RS256");
        if let Some(algorithm) = usual.or(algorithms.first()) {
            self.note(&warning::PROVIDER_ALGORITHMS, &algorithm.origin);
            self.settings
                .text(&option::ID_TOKEN_ALGORITHM, Some(algorithm.clone()));
        }
        let list = self.section.items("scopes", problems);
        let scopes: Vec<Sourced<String>> = list
            .iter()
            .filter_map(|scope| scope.as_text(problems))
            .collect();
        let scope = match self.section.get("scopes") {
            Some(list) if !scopes.is_empty() => {
                let words: Vec<&str> = scopes.iter().map(|scope| scope.value.as_str()).collect();
                Sourced::new(words.join(" "), list.origin())
            }
            _ => Sourced::default_value("openid".to_owned()),
        };
        let openid = scope.value.split(' ').any(|scope| scope == "openid");
        let scope_origin = scope.origin.clone();
        self.settings.text(&option::SCOPE, Some(scope));
        let discover = self.switch("discover", true, problems);
        let skip = self.switch("skip_verification", false, problems);
        match (discover.value, skip.value) {
            (false, _) => self
                .settings
                .word(&option::DISCOVERY, "disabled", &discover.origin),
            (true, true) => self
                .settings
                .word(&option::DISCOVERY, "insecure", &skip.origin),
            (true, false) => self
                .settings
                .word(&option::DISCOVERY, "oidc", &discover.origin),
        }
        let pkce = self.word("pkce_method", &["auto", "always", "never"], problems);
        self.settings.text(&option::PKCE, pkce);
        let method = self.word(
            "user_profile_method",
            &["auto", "userinfo_endpoint"],
            problems,
        );
        let fetch = match method {
            Some(method) if method.value == "userinfo_endpoint" => {
                Sourced::new(true, method.origin)
            }
            _ if !openid => Sourced::new(true, scope_origin),
            Some(method) => Sourced::new(false, method.origin),
            None => Sourced::default_value(false),
        };
        self.settings.switch(&option::FETCH_USERINFO, fetch);
    }

    /// What goes along when people are sent to the provider.
    fn requests(&mut self, problems: &mut Diagnostics) {
        let additional = self
            .section
            .section("additional_authorization_parameters", problems);
        let mut texts = BTreeMap::new();
        if let Some(section) = &additional {
            for (name, value) in section.entries() {
                let Some(text) = value.as_text(problems) else {
                    continue;
                };
                if name != "response_mode" {
                    texts.insert(name.to_owned(), text.value);
                    continue;
                }
                let mode = text.value.to_ascii_lowercase();
                if mode == "query" || mode == "form_post" {
                    self.settings
                        .word(&option::RESPONSE_MODE, &mode, &text.origin);
                } else {
                    self.note(&warning::PROVIDER_RESPONSE_MODE, &text.origin);
                }
            }
            if !texts.is_empty() {
                self.settings.add(Setting::new(
                    &option::PARAMETERS,
                    OptionValue::Texts(texts),
                    section.origin(),
                ));
            }
        }
        let mut hint = self.section.switch("forward_login_hint", problems);
        let mut other = None;
        for passed in self
            .section
            .items("passthrough_authorization_parameters", problems)
        {
            match passed.as_text(problems) {
                Some(name) if name.value == "login_hint" => {
                    hint = Some(Sourced::new(true, name.origin));
                }
                Some(name) => other = other.or(Some(name.origin)),
                None => {}
            }
        }
        if let Some(origin) = other {
            self.note(&warning::PROVIDER_PASSTHROUGH, &origin);
        }
        if let Some(hint) = hint {
            self.settings.switch(&option::LOGIN_HINT, hint);
        }
    }

    fn logout(&mut self, problems: &mut Diagnostics) {
        let logout = self.switch("backchannel_logout_enabled", false, problems);
        let word = if logout.value {
            "logout_all"
        } else {
            "do_nothing"
        };
        self.settings
            .word(&option::BACKCHANNEL_LOGOUT, word, &logout.origin);
        self.backchannel_logout = logout.value;
        if logout.value {
            let section = self.section;
            self.note_if_set(
                &warning::PROVIDER_IGNORE_SUB,
                section,
                "backchannel_logout_ignore_sub",
            );
        }
    }

    fn unmatched(&mut self, problems: &mut Diagnostics) {
        let registration = self.switch("enable_registration", true, problems);
        if !registration.value {
            self.note(&warning::PROVIDER_REGISTRATION, &registration.origin);
        }
        let section = self.section;
        for (warning, key) in [
            (&warning::PROVIDER_ATTRIBUTES, "attribute_requirements"),
            (&warning::PROVIDER_ICON, "idp_icon"),
            (&warning::PROVIDER_REDIRECT, "redirect_uri"),
        ] {
            self.note_if_set(warning, section, key);
        }
    }

    /// What becomes of what the provider says about people; whether a module of the operator's own
    /// decides that.
    fn claims(&mut self, problems: &mut Diagnostics) -> bool {
        let mapping = self.section.section("user_mapping_provider", problems);
        let module = mapping
            .as_ref()
            .and_then(|mapping| mapping.text("module", problems))
            .filter(|module| !JINJA.contains(&module.value.as_str()));
        if let Some(module) = module {
            self.note(&warning::PROVIDER_MAPPING, &module.origin);
            return true;
        }
        let config = mapping.and_then(|mapping| mapping.section("config", problems));
        let text = |key: &str, problems: &mut Diagnostics| {
            config
                .as_ref()
                .and_then(|config| config.text(key, problems))
        };
        let subject = text("subject_template", problems)
            .filter(|template| !template.value.is_empty())
            .or_else(|| {
                text("subject_claim", problems)
                    .map(|claim| claim.map(|claim| format!("{{{{ user.{claim} }}}}")))
            })
            .unwrap_or_else(|| Sourced::default_value("{{ user.sub }}".to_owned()));
        let confirm = config
            .as_ref()
            .and_then(|config| config.switch("confirm_localpart", problems))
            .filter(|confirm| confirm.value);
        self.confirms = confirm.is_some();
        let localpart = text("localpart_template", problems);
        let displayname = text("display_name_template", problems);
        let email = text("email_template", problems);
        let templates = [
            Some(&subject),
            localpart.as_ref(),
            displayname.as_ref(),
            email.as_ref(),
        ];
        for template in templates.into_iter().flatten() {
            if uses_foreign_filter(&template.value) {
                self.note(&warning::PROVIDER_FILTER, &template.origin);
            }
        }
        self.settings.text(&option::SUBJECT, Some(subject));
        self.localpart(localpart, confirm.as_ref(), problems);
        let action = if self.confirms { "suggest" } else { "force" };
        for (template, option, action_option) in [
            (
                displayname,
                &option::DISPLAYNAME,
                &option::DISPLAYNAME_ACTION,
            ),
            (email, &option::EMAIL, &option::EMAIL_ACTION),
        ] {
            match template {
                Some(template) => {
                    self.settings.word(action_option, action, &template.origin);
                    self.settings.text(option, Some(template));
                }
                None => {
                    let origin = Origin::default_value();
                    self.settings.word(action_option, "ignore", &origin);
                }
            }
        }
        if let Some(config) = &config {
            for (warning, key) in [
                (&warning::PROVIDER_PICTURE, "picture_template"),
                (&warning::PROVIDER_PICTURE, "picture_claim"),
                (&warning::PROVIDER_EXTRA, "extra_attributes"),
            ] {
                self.note_if_set(warning, config, key);
            }
        }
        false
    }

    fn localpart(
        &mut self,
        template: Option<Sourced<String>>,
        confirm: Option<&Sourced<bool>>,
        problems: &mut Diagnostics,
    ) {
        let existing = self.switch("allow_existing_users", false, problems);
        let Some(template) = template else {
            // Synapse asks for a user name then, and finds nobody by it.
            self.settings.add(
                Setting::new(
                    &option::LOCALPART_ACTION,
                    OptionValue::Text("ignore".to_owned()),
                    Origin::default_value(),
                )
                .remarked("there is no `localpart_template`: people choose a user name"),
            );
            return;
        };
        let (action, origin) = match confirm {
            // MAS does not start with `suggest` and `on_conflict: add` together.
            Some(confirm) if existing.value => {
                self.note(&warning::PROVIDER_CONFIRM, &confirm.origin);
                ("require", &template.origin)
            }
            Some(confirm) => ("suggest", &confirm.origin),
            None => ("require", &template.origin),
        };
        self.settings
            .word(&option::LOCALPART_ACTION, action, origin);
        self.settings.add(
            Setting::new(
                &option::LOCALPART,
                OptionValue::Text(template.value),
                template.origin,
            )
            .remarked("Synapse also writes the result in small letters, and escapes what no user name has"),
        );
        if existing.value {
            self.settings
                .word(&option::ON_CONFLICT, "add", &existing.origin);
        }
    }
}

/// Whether one of the filters stands behind a bar in the template.
fn uses_foreign_filter(template: &str) -> bool {
    template.split('|').skip(1).any(|part| {
        let name: String = part
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        FOREIGN_FILTERS.contains(&name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_told_from_other_words() {
        assert!(uses_foreign_filter(
            "{{ user.email | localpart_from_email }}"
        ));
        assert!(uses_foreign_filter("{{ user.x|lower|center(80) }}"));
        assert!(!uses_foreign_filter(
            "{{ user.center }}|{{ user.name|lower }}"
        ));
        assert!(!uses_foreign_filter("{{ user.localpart_from_email }}"));
    }
}
