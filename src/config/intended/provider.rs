//! What MAS's configuration should say of a provider, given Synapse's section for it.

use std::collections::BTreeMap;
use std::path::Path;

use super::option::OptionValue;
use super::options::{self, PROVIDER_OPTIONS};
use super::warning::{self, Warning};
use super::{Note, Setting, Settings};
use crate::config::environment::Environment;
use crate::config::section::At;
use crate::config::synapse;
use crate::diagnostics::Diagnostics;
use crate::pg::{Origin, Secret, Sourced};

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
    /// It stands in this file, which cannot be read here.
    File(Sourced<String>),
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
        backchannel_logout: false,
    };
    if known.client_id.is_none() || known.issuer.is_none() {
        builder.note(&warning::PROVIDER_INCOMPLETE, &section.origin());
        return None;
    }
    let settings = &mut builder.settings;
    settings.text(&options::SYNAPSE_IDP_ID, Some(known.id));
    settings.text(&options::HUMAN_NAME, known.name);
    settings.text(&options::ISSUER, known.issuer.clone());
    settings.text(&options::CLIENT_ID, known.client_id);
    settings.text(&options::BRAND_NAME, section.text("idp_brand", problems));
    for endpoint in [
        &options::AUTHORIZATION_ENDPOINT,
        &options::TOKEN_ENDPOINT,
        &options::USERINFO_ENDPOINT,
        &options::JWKS_URI,
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

/// What is known of a provider so far.
pub(super) struct Builder<'a> {
    pub(super) section: &'a At<'a>,
    environment: &'a Environment,
    id: String,
    pub(super) settings: Settings,
    notes: &'a mut Vec<Note>,
    backchannel_logout: bool,
}

impl Builder<'_> {
    /// Notes that something at `origin` has no counterpart.
    pub(super) fn note(&mut self, warning: &'static Warning, origin: &Origin) {
        self.notes.push(Note {
            warning,
            provider: Some(self.id.clone()),
            origin: origin.clone(),
        });
    }

    /// Notes a setting if it is there and Python takes it for true.
    pub(super) fn note_if_set(&mut self, warning: &'static Warning, section: &At<'_>, key: &str) {
        if let Some(value) = section.get(key).filter(At::is_truthy) {
            self.note(warning, &value.origin());
        }
    }

    /// A switch of the provider.
    pub(super) fn switch(
        &self,
        key: &str,
        default: bool,
        problems: &mut Diagnostics,
    ) -> Sourced<bool> {
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
            self.settings.text(&options::AUTH_METHOD, method);
            return Secrecy::None;
        }
        let basic =
            |origin: &Origin| Sourced::new("client_secret_basic".to_owned(), origin.clone());
        if let Some(secret) = secret {
            let method = method.unwrap_or_else(|| basic(&Origin::default_value()));
            self.settings.text(&options::AUTH_METHOD, Some(method));
            self.settings
                .secret(&options::CLIENT_SECRET, secret.clone());
            return Secrecy::Known(secret);
        }
        if let Some(path) = path {
            let method = method.unwrap_or_else(|| basic(&Origin::default_value()));
            self.settings.text(&options::AUTH_METHOD, Some(method));
            self.settings.add(
                Setting::new(
                    &options::CLIENT_SECRET_FILE,
                    OptionValue::Text(path.value.clone()),
                    path.origin.clone(),
                )
                .remarked("MAS must be able to read this file"),
            );
            let Ok(text) = self.environment.files().read(Path::new(&path.value)) else {
                self.note(&warning::PROVIDER_SECRET_FILE_UNREADABLE, &path.origin);
                return Secrecy::File(path);
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
                        &options::AUTH_METHOD,
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
        self.settings.word(&options::AUTH_METHOD, "none", &origin);
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
            (Some(file), _) => self.settings.text(&options::APPLE_KEY_FILE, Some(file)),
            (None, Some(inline)) => self.settings.secret(&options::APPLE_KEY, inline),
            (None, None) => return false,
        }
        self.settings.text(&options::APPLE_TEAM, Some(team));
        self.settings.text(&options::APPLE_KEY_ID, Some(key_id));
        self.settings
            .word(&options::AUTH_METHOD, "sign_in_with_apple", &key.origin());
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
                .text(&options::ID_TOKEN_ALGORITHM, Some(algorithm.clone()));
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
        self.settings.text(&options::SCOPE, Some(scope));
        let discover = self.switch("discover", true, problems);
        let skip = self.switch("skip_verification", false, problems);
        match (discover.value, skip.value) {
            (false, _) => self
                .settings
                .word(&options::DISCOVERY, "disabled", &discover.origin),
            (true, true) => self
                .settings
                .word(&options::DISCOVERY, "insecure", &skip.origin),
            (true, false) => self
                .settings
                .word(&options::DISCOVERY, "oidc", &discover.origin),
        }
        let pkce = self.word("pkce_method", &["auto", "always", "never"], problems);
        self.settings.text(&options::PKCE, pkce);
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
        self.settings.switch(&options::FETCH_USERINFO, fetch);
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
                        .word(&options::RESPONSE_MODE, &mode, &text.origin);
                } else {
                    self.note(&warning::PROVIDER_RESPONSE_MODE, &text.origin);
                }
            }
            if !texts.is_empty() {
                self.settings.add(Setting::new(
                    &options::PARAMETERS,
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
            self.settings.switch(&options::LOGIN_HINT, hint);
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
            .word(&options::BACKCHANNEL_LOGOUT, word, &logout.origin);
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
}
