//! What MAS's configuration should say, given Synapse's: one function, used by whoever writes such a
//! configuration and by whoever compares an existing one.
//!
//! Nothing random is here, and no text of a configuration: that is `generate`'s.

mod claims;
mod email;
mod option;
mod options;
mod provider;
mod warning;

pub(super) use option::{MasOption, OptionValue};
pub(super) use options::{
    AUTH_METHOD, CLIENT_SECRET, CLIENT_SECRET_FILE, DISPLAYNAME_ACTION, EMAIL_ACTION,
    LOCALPART_ACTION, LOGIN_HINT, OPTIONS, PARAMETERS, PROVIDER_OPTIONS,
};
pub(super) use provider::{IntendedProvider, Secrecy};
pub(super) use warning::{WARNINGS, Warning};

use std::path::Path;

use super::delegation::SharedText;
use super::environment::Environment;
use super::raw::Schema;
use super::section::At;
use super::synapse::{
    PasswordLogin, SynapseConfig, SynapseDatabase, enabled_section, provider_sections,
};
use crate::diagnostics::Diagnostics;
use crate::pg::{Origin, Secret, Sourced};

/// What MAS's configuration should say.
#[derive(Debug)]
pub(super) struct Intended {
    /// Options outside of providers and password schemes, in the order of [`OPTIONS`].
    pub(super) settings: Vec<Setting>,
    /// The scheme of version 1.
    pub(super) scheme: IntendedScheme,
    /// The providers, in Synapse's order.
    pub(super) providers: Vec<IntendedProvider>,
    /// What has no counterpart, in order of place.
    pub(super) notes: Vec<Note>,
}

/// What one option should be, and why.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The option.
    pub(super) option: &'static MasOption,
    /// Its value.
    pub(super) value: OptionValue,
    /// What the value comes from.
    pub(super) origin: Origin,
    /// What else people should know of it.
    pub(super) remark: Option<&'static str>,
}

/// MAS's password scheme of version 1, which checks what Synapse has hashed.
#[derive(Debug)]
pub(super) struct IntendedScheme {
    /// The cost of bcrypt.
    pub(super) cost: Sourced<u32>,
    /// The pepper.
    pub(super) secret: Option<Sourced<Secret>>,
}

/// One thing that has no counterpart.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// What is wrong with it.
    pub(super) warning: &'static Warning,
    /// What Synapse calls the provider, if it is about one.
    pub(super) provider: Option<String>,
    /// Where it stands in Synapse's configuration.
    pub(super) origin: Origin,
}

impl Setting {
    /// A setting without a remark.
    pub(super) fn new(option: &'static MasOption, value: OptionValue, origin: Origin) -> Self {
        Self {
            option,
            value,
            origin,
            remark: None,
        }
    }

    fn remarked(self, remark: &'static str) -> Self {
        Self {
            remark: Some(remark),
            ..self
        }
    }
}

/// Collects settings, and puts them into the order of a list of options.
#[derive(Debug, Default)]
pub(super) struct Settings {
    settings: Vec<Setting>,
}

impl Settings {
    fn add(&mut self, setting: Setting) {
        self.settings.push(setting);
    }

    fn text(&mut self, option: &'static MasOption, text: Option<Sourced<String>>) {
        if let Some(text) = text {
            self.add(Setting::new(
                option,
                OptionValue::Text(text.value),
                text.origin,
            ));
        }
    }

    fn word(&mut self, option: &'static MasOption, word: &str, origin: &Origin) {
        let value = OptionValue::Text(word.to_owned());
        self.add(Setting::new(option, value, origin.clone()));
    }

    fn switch(&mut self, option: &'static MasOption, switch: Sourced<bool>) {
        self.add(Setting::new(
            option,
            OptionValue::Switch(switch.value),
            switch.origin,
        ));
    }

    fn secret(&mut self, option: &'static MasOption, secret: Sourced<Secret>) {
        self.add(Setting::new(
            option,
            OptionValue::Secret(secret.value),
            secret.origin,
        ));
    }

    fn sorted(mut self, options: &[&'static MasOption]) -> Vec<Setting> {
        self.settings.sort_by_key(|setting| {
            options
                .iter()
                .position(|option| option.key == setting.option.key)
        });
        self.settings
    }
}

/// What MAS's configuration should say so that people log in as they do with Synapse.
///
/// # Errors
/// E0603 to E0607: options of Synapse whose kind of value cannot be understood, all of them.
pub(super) fn intended(
    synapse: &SynapseConfig,
    environment: &Environment,
) -> Result<Intended, Diagnostics> {
    let mut problems = Diagnostics::new();
    let top = At::top(synapse.tree.node(), Schema::Python);
    let mut builder = Builder {
        synapse,
        environment,
        top,
        settings: Settings::default(),
        notes: Vec::new(),
    };
    builder.matrix();
    builder.passwords();
    builder.account(&mut problems);
    builder.captcha(&mut problems);
    builder.email(&mut problems);
    builder.unmatched(&mut problems);
    let sections = provider_sections(&builder.top, &mut problems);
    let mut providers = Vec::new();
    for section in &sections {
        let found = provider::intended(section, environment, &mut problems, &mut builder.notes);
        providers.extend(found);
    }
    if problems.has_errors() {
        return Err(problems);
    }
    let mut notes = builder.notes;
    notes.sort_by_key(|note| place(&note.origin, &synapse.files));
    Ok(Intended {
        settings: builder.settings.sorted(OPTIONS),
        scheme: IntendedScheme {
            cost: synapse.bcrypt_rounds.clone(),
            secret: synapse.pepper.clone(),
        },
        providers,
        notes,
    })
}

/// Where an origin stands among the files, for sorting.
fn place(origin: &Origin, files: &[String]) -> (usize, u32) {
    match origin {
        Origin::File { file, line, .. } => (
            files.iter().position(|known| known == file).unwrap_or(0),
            *line,
        ),
        Origin::Flag(_)
        | Origin::Variable(_)
        | Origin::PasswordFile { .. }
        | Origin::Service { .. }
        | Origin::Default(_) => (usize::MAX, 0),
    }
}

struct Builder<'a> {
    synapse: &'a SynapseConfig,
    environment: &'a Environment,
    top: At<'a>,
    settings: Settings,
    notes: Vec<Note>,
}

impl Builder<'_> {
    fn note(&mut self, warning: &'static Warning, origin: &Origin) {
        self.notes.push(Note {
            warning,
            provider: None,
            origin: origin.clone(),
        });
    }

    /// Notes a setting if it is there and Python takes it for true.
    fn note_if_set(&mut self, warning: &'static Warning, section: Option<&At<'_>>, key: &str) {
        let value = section.and_then(|section| section.get(key));
        if let Some(value) = value.filter(At::is_truthy) {
            self.note(warning, &value.origin());
        }
    }

    fn matrix(&mut self) {
        let default = Origin::default_value();
        self.settings
            .word(&options::MATRIX_KIND, "synapse", &default);
        let server_name = self.synapse.server_name.clone();
        self.settings.text(&options::MATRIX_HOMESERVER, server_name);
        match self.synapse.public_baseurl.clone() {
            Some(url) => self.settings.text(&options::MATRIX_ENDPOINT, Some(url)),
            None => self.settings.add(
                Setting::new(
                    &options::MATRIX_ENDPOINT,
                    OptionValue::Text("http://localhost:8008/".to_owned()),
                    default,
                )
                .remarked("where MAS reaches Synapse; Synapse has no `public_baseurl`"),
            ),
        }
        let delegation = self.synapse.delegation.as_ref();
        match delegation.and_then(|delegation| delegation.secret.clone()) {
            Some(SharedText::Inline(secret)) => self.settings.add(
                Setting::new(
                    &options::MATRIX_SECRET,
                    OptionValue::Secret(secret.value),
                    secret.origin,
                )
                .remarked("the two must stay the same"),
            ),
            Some(SharedText::File { path, .. }) => self.settings.add(
                Setting::new(
                    &options::MATRIX_SECRET_FILE,
                    OptionValue::Text(path.value),
                    path.origin,
                )
                .remarked("MAS must be able to read this file"),
            ),
            None => {}
        }
    }

    fn passwords(&mut self) {
        let login = &self.synapse.password_login;
        let local = &self.synapse.localdb_enabled;
        let (on, origin) = match login.value {
            PasswordLogin::Disabled => (false, &login.origin),
            PasswordLogin::OnlyForReauthentication => {
                self.note(&warning::REAUTHENTICATION, &login.origin.clone());
                (false, &login.origin)
            }
            PasswordLogin::Enabled if !local.value => {
                self.note(&warning::LOCALDB, &local.origin.clone());
                (false, &local.origin)
            }
            PasswordLogin::Enabled => (true, &login.origin),
        };
        let switch = Sourced::new(on, origin.clone());
        self.settings.switch(&options::PASSWORDS_ENABLED, switch);
        // Both go with passwords: without them they mean nothing.
        if !on {
            return;
        }
        let section = self.top.get("email").filter(At::is_truthy);
        if let Some(email) = section {
            let recovery = Sourced::new(true, email.origin());
            self.settings.switch(&options::PASSWORD_RECOVERY, recovery);
        }
        let by_email = OptionValue::Switch(true);
        let setting = Setting::new(&options::EMAIL_LOGIN, by_email, Origin::default_value());
        self.settings
            .add(setting.remarked("as in Synapse, where that cannot be switched off"));
    }

    fn account(&mut self, problems: &mut Diagnostics) {
        let registration = self.synapse.enable_registration.clone();
        let required = self.top.items("registrations_require_3pid", problems);
        let required_origin = self
            .top
            .get("registrations_require_3pid")
            .map(|required| required.origin());
        if let (Some(origin), false) = (&required_origin, required.is_empty()) {
            self.note(&warning::REGISTRATION_THREEPIDS, origin);
        }
        let token = self.top.switch("registration_requires_token", problems);
        if let Some(token) = token.as_ref().filter(|token| token.value) {
            self.note(&warning::REGISTRATION_TOKENS, &token.origin);
        }
        if registration.value {
            let email = required
                .iter()
                .filter_map(|medium| medium.as_text(problems))
                .any(|medium| medium.value == "email");
            self.settings.switch(
                &options::REGISTRATION_EMAIL,
                Sourced::new(email, required_origin.unwrap_or_else(Origin::default_value)),
            );
            self.settings.switch(
                &options::REGISTRATION_TOKEN,
                token.unwrap_or(Sourced::default_value(false)),
            );
        }
        self.settings.switch(&options::REGISTRATION, registration);
        if let Some(changes) = self.synapse.enable_3pid_changes.clone() {
            self.settings.switch(&options::EMAIL_CHANGE, changes);
        }
        let names = self.top.switch_or(
            "enable_set_displayname",
            Sourced::default_value(true),
            problems,
        );
        self.settings.switch(&options::DISPLAYNAME_CHANGE, names);
    }

    fn captcha(&mut self, problems: &mut Diagnostics) {
        let captcha = &self.synapse.enable_registration_captcha;
        if !captcha.value {
            return;
        }
        let public = self.text_or_path("recaptcha_public_key", problems);
        let private = self.text_or_path("recaptcha_private_key", problems);
        let origin = captcha.origin.clone();
        match (public, private) {
            (Some(public), Some(private)) => {
                self.settings
                    .word(&options::CAPTCHA_SERVICE, "recaptcha_v2", &origin);
                self.settings.text(&options::CAPTCHA_SITE_KEY, Some(public));
                self.settings
                    .secret(&options::CAPTCHA_SECRET_KEY, private.map(Secret::new));
            }
            _ => self.note(&warning::CAPTCHA_INCOMPLETE, &origin),
        }
    }

    /// A text that may stand in a file named by `KEY_path`; nothing if that cannot be read.
    fn text_or_path(&self, key: &str, problems: &mut Diagnostics) -> Option<Sourced<String>> {
        if let Some(text) = self.top.text(key, problems) {
            return Some(text);
        }
        let path = self.top.text(&format!("{key}_path"), problems)?;
        let text = self.environment.files().read(Path::new(&path.value)).ok()?;
        Some(path.map(|_| text.trim().to_owned()))
    }

    /// What has no counterpart at all.
    fn unmatched(&mut self, problems: &mut Diagnostics) {
        let synapse = self.synapse;
        for (warning, origin) in [
            (&warning::CAS, &synapse.cas),
            (&warning::SAML, &synapse.saml2),
            (&warning::JWT, &synapse.jwt),
            (&warning::CONSENT, &synapse.user_consent),
        ] {
            if let Some(origin) = origin {
                self.note(warning, origin);
            }
        }
        for switch in [
            (&warning::GUESTS, &synapse.allow_guest_access),
            (
                &warning::EXISTING_SESSION,
                &synapse.login_via_existing_session,
            ),
        ] {
            if switch.1.value {
                self.note(switch.0, &switch.1.origin);
            }
        }
        for module in &synapse.password_providers {
            self.note(&warning::PASSWORD_MODULES, &module.origin);
        }
        for module in &synapse.modules {
            self.note(&warning::MODULES, &module.origin);
        }
        if let Some(SynapseDatabase::Sqlite { origin }) = &synapse.database {
            self.note(&warning::SQLITE, origin);
        }
        let top = self.top.clone();
        for (warning, key) in [
            (&warning::ALLOWED_THREEPIDS, "allowed_local_3pids"),
            (&warning::REGISTRATION_SECRET, "registration_shared_secret"),
            (
                &warning::REGISTRATION_SECRET,
                "registration_shared_secret_path",
            ),
            (&warning::SESSION_LIFETIME, "session_lifetime"),
            (
                &warning::TOKEN_LIFETIMES,
                "refreshable_access_token_lifetime",
            ),
            (
                &warning::TOKEN_LIFETIMES,
                "nonrefreshable_access_token_lifetime",
            ),
            (&warning::TOKEN_LIFETIMES, "refresh_token_lifetime"),
        ] {
            self.note_if_set(warning, Some(&top), key);
        }
        if let Some(section) = enabled_section(&top, "account_validity", false, problems) {
            self.note(&warning::ACCOUNT_VALIDITY, &section.origin());
        }
        let delegates = top.section("account_threepid_delegates", problems);
        self.note_if_set(&warning::PHONE_NUMBERS, delegates.as_ref(), "msisdn");
        let sso = top.section("sso", problems);
        self.note_if_set(
            &warning::PROFILE_UPDATES,
            sso.as_ref(),
            "update_profile_information",
        );
        let policy = top
            .section("password_config", problems)
            .and_then(|section| enabled_section(&section, "policy", false, problems));
        if let Some(policy) = policy {
            self.note(&warning::PASSWORD_POLICY, &policy.origin());
        }
    }
}
