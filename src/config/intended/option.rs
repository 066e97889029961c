//! MAS's options as data: what each is called, what it comes from in Synapse's configuration, what
//! MAS does without it, and what it means if the two sides differ.
//!
//! `generate` writes no other options, and `lint` compares by the same lists.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::section::At;
use crate::diagnostics::Diagnostics;
use crate::pg::{Secret, Sourced};

/// One of MAS's options.
#[derive(Debug)]
pub(in crate::config) struct MasOption {
    /// Its key, below its section; dots between the levels.
    pub(in crate::config) key: &'static str,
    /// What its values are.
    pub(in crate::config) kind: Kind,
    /// What MAS does without it.
    pub(in crate::config) default: Default,
    /// What it comes from, in Markdown.
    pub(in crate::config) synapse: &'static str,
    /// What it means if the sides differ; nothing for what may differ, or is compared elsewhere.
    pub(in crate::config) difference: Option<Difference>,
}

/// What it means if the sides differ.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Difference {
    /// The finding's id; several options may share one.
    pub(in crate::config) id: &'static str,
    /// One sentence.
    pub(in crate::config) meaning: &'static str,
}

/// What the values of an option are, and when two of them mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    /// `true` or `false`.
    Switch,
    /// Text, of which every character counts.
    Text,
    /// A URL: a slash at its end says nothing.
    Url,
    /// Words in any order.
    Words,
    /// A Jinja template: blanks around expressions say nothing.
    Template,
    /// Text that is never shown.
    Secret,
    /// Names and texts.
    Texts,
}

/// What MAS does without an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Default {
    /// Nothing that could be compared.
    None,
    /// The same as with this switch.
    Switch(bool),
    /// The same as with this text.
    Text(&'static str),
    /// The same as with an empty map.
    Empty,
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum OptionValue {
    /// Of [`Kind::Switch`].
    Switch(bool),
    /// Of every kind of text that may be shown.
    Text(String),
    /// Of [`Kind::Secret`].
    Secret(Secret),
    /// Of [`Kind::Texts`].
    Texts(BTreeMap<String, String>),
}

impl MasOption {
    const fn new(key: &'static str, kind: Kind, default: Default, synapse: &'static str) -> Self {
        Self {
            key,
            kind,
            default,
            synapse,
            difference: None,
        }
    }

    const fn differing(self, id: &'static str, meaning: &'static str) -> Self {
        Self {
            difference: Some(Difference { id, meaning }),
            ..self
        }
    }

    /// What MAS does without it, as a value.
    pub(in crate::config) fn default_value(&self) -> Option<OptionValue> {
        match self.default {
            Default::None => None,
            Default::Switch(value) => Some(OptionValue::Switch(value)),
            Default::Text(text) => Some(OptionValue::Text(text.to_owned())),
            Default::Empty => Some(OptionValue::Texts(BTreeMap::new())),
        }
    }

    /// Its value in `section` of MAS's configuration.
    pub(in crate::config) fn read(
        &self,
        section: &At<'_>,
        problems: &mut Diagnostics,
    ) -> Option<Sourced<OptionValue>> {
        let mut section = section.clone();
        let mut key = self.key;
        while let Some((head, rest)) = key.split_once('.') {
            section = section.section(head, problems)?;
            key = rest;
        }
        match self.kind {
            Kind::Switch => Some(section.switch(key, problems)?.map(OptionValue::Switch)),
            Kind::Text | Kind::Url | Kind::Words | Kind::Template => {
                Some(section.text(key, problems)?.map(OptionValue::Text))
            }
            Kind::Secret => Some(section.secret(key, problems)?.map(OptionValue::Secret)),
            Kind::Texts => {
                let map = section.section(key, problems)?;
                let mut texts = BTreeMap::new();
                for (name, value) in map.entries() {
                    if let Some(text) = value.as_text(problems) {
                        texts.insert(name.to_owned(), text.value);
                    }
                }
                Some(Sourced::new(OptionValue::Texts(texts), map.origin()))
            }
        }
    }

    /// Whether two of its values mean the same.
    pub(in crate::config) fn same(&self, left: &OptionValue, right: &OptionValue) -> bool {
        match (self.kind, left, right) {
            (Kind::Url, OptionValue::Text(left), OptionValue::Text(right)) => {
                left.trim_end_matches('/') == right.trim_end_matches('/')
            }
            (Kind::Words, OptionValue::Text(left), OptionValue::Text(right)) => {
                let words = |text: &'_ str| -> BTreeSet<String> {
                    text.split_whitespace().map(str::to_owned).collect()
                };
                words(left) == words(right)
            }
            (Kind::Template, OptionValue::Text(left), OptionValue::Text(right)) => {
                plain_template(left) == plain_template(right)
            }
            (
                Kind::Switch
                | Kind::Text
                | Kind::Secret
                | Kind::Texts
                | Kind::Url
                | Kind::Words
                | Kind::Template,
                left,
                right,
            ) => left == right,
        }
    }
}

/// A template without the blanks that say nothing: those just inside of an expression, and those
/// at both ends, which both products cut off.
fn plain_template(text: &str) -> String {
    let mut plain = String::new();
    for (at, part) in text.trim().split("{{").enumerate() {
        if at == 0 {
            plain.push_str(part);
            continue;
        }
        plain.push_str("{{");
        match part.split_once("}}") {
            Some((inside, after)) => {
                plain.push_str(inside.trim());
                plain.push_str("}}");
                plain.push_str(after);
            }
            None => plain.push_str(part),
        }
    }
    plain
}

pub(super) static MATRIX_KIND: MasOption =
    MasOption::new("matrix.kind", Kind::Text, Default::None, "always `synapse`");
pub(super) static MATRIX_HOMESERVER: MasOption = MasOption::new(
    "matrix.homeserver",
    Kind::Text,
    Default::None,
    "`server_name`",
);
pub(super) static MATRIX_ENDPOINT: MasOption = MasOption::new(
    "matrix.endpoint",
    Kind::Url,
    Default::None,
    "`public_baseurl`, else MAS's default `http://localhost:8008/`",
);
pub(super) static PASSWORDS_ENABLED: MasOption = MasOption::new(
    "passwords.enabled",
    Kind::Switch,
    Default::Switch(true),
    "`password_config.enabled`; off as well for `only_for_reauth`, and where `password_config.localdb_enabled` is false",
)
.differing(
    "passwords_enabled_differs",
    "one side lets people log in with a password, the other does not",
);
pub(super) static REGISTRATION: MasOption = MasOption::new(
    "account.password_registration_enabled",
    Kind::Switch,
    Default::Switch(false),
    "`enable_registration`",
)
.differing(
    "registration_differs",
    "one side lets people register with a password, the other does not",
);
pub(super) static REGISTRATION_EMAIL: MasOption = MasOption::new(
    "account.password_registration_email_required",
    Kind::Switch,
    Default::Switch(true),
    "where `enable_registration` is on: whether `registrations_require_3pid` has `email`",
)
.differing(
    "registration_email_differs",
    "one side demands an e-mail address of those who register, the other does not",
);
pub(super) static REGISTRATION_TOKEN: MasOption = MasOption::new(
    "account.password_registration_token_required",
    Kind::Switch,
    Default::Switch(false),
    "where `enable_registration` is on: `registration_requires_token`",
)
.differing(
    "registration_token_differs",
    "one side demands a token of those who register, the other does not",
);
pub(super) static EMAIL_CHANGE: MasOption = MasOption::new(
    "account.email_change_allowed",
    Kind::Switch,
    Default::Switch(true),
    "`enable_3pid_changes`, if it is set",
)
.differing(
    "email_change_differs",
    "one side lets people change their e-mail addresses, the other does not",
);
pub(super) static DISPLAYNAME_CHANGE: MasOption = MasOption::new(
    "account.displayname_change_allowed",
    Kind::Switch,
    Default::Switch(true),
    "`enable_set_displayname`",
)
.differing(
    "displayname_change_differs",
    "one side lets people change their display names, the other does not",
);

const CAPTCHA_DIFFERS: &str =
    "registration is protected by another CAPTCHA in MAS than in Synapse, or with other keys";

pub(super) static CAPTCHA_SERVICE: MasOption = MasOption::new(
    "captcha.service",
    Kind::Text,
    Default::None,
    "`recaptcha_v2` where `enable_registration_captcha` is on",
)
.differing("captcha_differs", CAPTCHA_DIFFERS);
pub(super) static CAPTCHA_SITE_KEY: MasOption = MasOption::new(
    "captcha.site_key",
    Kind::Text,
    Default::None,
    "`recaptcha_public_key`, or what the file `recaptcha_public_key_path` holds",
)
.differing("captcha_differs", CAPTCHA_DIFFERS);
pub(super) static CAPTCHA_SECRET_KEY: MasOption = MasOption::new(
    "captcha.secret_key",
    Kind::Secret,
    Default::None,
    "`recaptcha_private_key`, or what the file `recaptcha_private_key_path` holds",
)
.differing("captcha_differs", CAPTCHA_DIFFERS);

/// The options outside of providers and password schemes, in the order in which they are written.
pub(in crate::config) static OPTIONS: &[&MasOption] = &[
    &MATRIX_KIND,
    &MATRIX_HOMESERVER,
    &MATRIX_ENDPOINT,
    &PASSWORDS_ENABLED,
    &REGISTRATION,
    &REGISTRATION_EMAIL,
    &REGISTRATION_TOKEN,
    &EMAIL_CHANGE,
    &DISPLAYNAME_CHANGE,
    &CAPTCHA_SERVICE,
    &CAPTCHA_SITE_KEY,
    &CAPTCHA_SECRET_KEY,
];

pub(super) static SYNAPSE_IDP_ID: MasOption = MasOption::new(
    "synapse_idp_id",
    Kind::Text,
    Default::None,
    "`oidc-` and `idp_id`; `oidc` for `oidc_config`, without `idp_id`, or if it is `oidc`",
);
pub(super) static HUMAN_NAME: MasOption =
    MasOption::new("human_name", Kind::Text, Default::None, "`idp_name`");
pub(super) static BRAND_NAME: MasOption =
    MasOption::new("brand_name", Kind::Text, Default::None, "`idp_brand`");
pub(super) static ISSUER: MasOption =
    MasOption::new("issuer", Kind::Url, Default::None, "`issuer`");
pub(super) static CLIENT_ID: MasOption =
    MasOption::new("client_id", Kind::Text, Default::None, "`client_id`");
pub(in crate::config) static CLIENT_SECRET: MasOption = MasOption::new(
    "client_secret",
    Kind::Secret,
    Default::None,
    "`client_secret`, unless the method is `none`",
);
pub(in crate::config) static CLIENT_SECRET_FILE: MasOption = MasOption::new(
    "client_secret_file",
    Kind::Text,
    Default::None,
    "`client_secret_path`",
);
pub(in crate::config) static AUTH_METHOD: MasOption = MasOption::new(
    "token_endpoint_auth_method",
    Kind::Text,
    Default::None,
    "`client_auth_method`, else `client_secret_basic` with a secret and `none` without",
)
.differing(
    "provider_auth_method_differs",
    "MAS proves to a provider who it is in another way than Synapse: log-ins fail where the provider does not allow both",
);
pub(super) static APPLE_TEAM: MasOption = MasOption::new(
    "sign_in_with_apple.team_id",
    Kind::Text,
    Default::None,
    "for Apple: `client_secret_jwt_key.jwt_payload.iss`",
);
pub(super) static APPLE_KEY_ID: MasOption = MasOption::new(
    "sign_in_with_apple.key_id",
    Kind::Text,
    Default::None,
    "for Apple: `client_secret_jwt_key.jwt_header.kid`",
);
pub(super) static APPLE_KEY: MasOption = MasOption::new(
    "sign_in_with_apple.private_key",
    Kind::Secret,
    Default::None,
    "for Apple: `client_secret_jwt_key.key`",
);
pub(super) static APPLE_KEY_FILE: MasOption = MasOption::new(
    "sign_in_with_apple.private_key_file",
    Kind::Text,
    Default::None,
    "for Apple: `client_secret_jwt_key.key_file`",
);
pub(super) static ID_TOKEN_ALGORITHM: MasOption = MasOption::new(
    "id_token_signed_response_alg",
    Kind::Text,
    Default::None,
    "if `id_token_signing_alg_values_supported` is set: `RS256` if that is among them, else the first of them",
)
.differing(
    "provider_id_token_algorithm_differs",
    "MAS expects ID tokens with another signature than Synapse: it refuses those that the provider sends",
);
pub(super) static SCOPE: MasOption = MasOption::new(
    "scope",
    Kind::Words,
    Default::Text("openid"),
    "`scopes`, joined; `openid` without",
)
.differing(
    "provider_scope_differs",
    "MAS asks a provider for other scopes than Synapse: claims that templates need may be missing",
);
pub(super) static DISCOVERY: MasOption = MasOption::new(
    "discovery_mode",
    Kind::Text,
    Default::Text("oidc"),
    "`disabled` if `discover` is false, `insecure` if `skip_verification` is on, else `oidc`",
)
.differing(
    "provider_discovery_differs",
    "MAS finds a provider's endpoints in another way than Synapse",
);

const ENDPOINT_DIFFERS: &str = "MAS asks a provider at another address than Synapse";

pub(super) static AUTHORIZATION_ENDPOINT: MasOption = MasOption::new(
    "authorization_endpoint",
    Kind::Text,
    Default::None,
    "`authorization_endpoint`",
)
.differing("provider_endpoint_differs", ENDPOINT_DIFFERS);
pub(super) static TOKEN_ENDPOINT: MasOption = MasOption::new(
    "token_endpoint",
    Kind::Text,
    Default::None,
    "`token_endpoint`",
)
.differing("provider_endpoint_differs", ENDPOINT_DIFFERS);
pub(super) static USERINFO_ENDPOINT: MasOption = MasOption::new(
    "userinfo_endpoint",
    Kind::Text,
    Default::None,
    "`userinfo_endpoint`",
)
.differing("provider_endpoint_differs", ENDPOINT_DIFFERS);
pub(super) static JWKS_URI: MasOption =
    MasOption::new("jwks_uri", Kind::Text, Default::None, "`jwks_uri`")
        .differing("provider_endpoint_differs", ENDPOINT_DIFFERS);
pub(super) static PKCE: MasOption = MasOption::new(
    "pkce_method",
    Kind::Text,
    Default::Text("auto"),
    "`pkce_method`",
)
.differing(
    "provider_pkce_differs",
    "one side uses PKCE with a provider where the other would not",
);
pub(super) static FETCH_USERINFO: MasOption = MasOption::new(
    "fetch_userinfo",
    Kind::Switch,
    Default::Switch(false),
    "on if `user_profile_method` is `userinfo_endpoint`, or `auto` without the scope `openid`",
)
.differing(
    "provider_userinfo_differs",
    "one side takes claims from a provider's userinfo endpoint, the other from the ID token alone: claims may be missing",
);
pub(super) static RESPONSE_MODE: MasOption = MasOption::new(
    "response_mode",
    Kind::Text,
    Default::Text("query"),
    "`response_mode` of `additional_authorization_parameters`",
)
.differing(
    "provider_response_mode_differs",
    "MAS wants a provider's answers in another form than Synapse",
);
pub(in crate::config) static PARAMETERS: MasOption = MasOption::new(
    "additional_authorization_parameters",
    Kind::Texts,
    Default::Empty,
    "`additional_authorization_parameters` without `response_mode`",
)
.differing(
    "provider_parameters_differ",
    "MAS sends people to a provider with other parameters than Synapse",
);
pub(in crate::config) static LOGIN_HINT: MasOption = MasOption::new(
    "forward_login_hint",
    Kind::Switch,
    Default::Switch(false),
    "`forward_login_hint`, or `login_hint` in `passthrough_authorization_parameters`",
)
.differing(
    "provider_login_hint_differs",
    "one side tells a provider who wants to log in, the other does not",
);
pub(super) static BACKCHANNEL_LOGOUT: MasOption = MasOption::new(
    "on_backchannel_logout",
    Kind::Text,
    Default::Text("do_nothing"),
    "`logout_all` if `backchannel_logout_enabled` is on, else `do_nothing`",
)
.differing(
    "provider_backchannel_logout_differs",
    "one side ends more sessions than the other when a provider says that somebody has logged out",
);
pub(super) static SUBJECT: MasOption = MasOption::new(
    "claims_imports.subject.template",
    Kind::Template,
    Default::Text("{{ user.sub }}"),
    "`subject_template`, else `{{ user.X }}` of `subject_claim: X`, else `{{ user.sub }}`",
)
.differing(
    "provider_subject_differs",
    "MAS tells people of a provider apart by another claim than Synapse: migrated links lead nowhere",
);

const LOCALPART_DIFFERS: &str = "new people of a provider get other user names in MAS than in Synapse, or are asked where the other side does not ask";

pub(in crate::config) static LOCALPART_ACTION: MasOption = MasOption::new(
    "claims_imports.localpart.action",
    Kind::Text,
    Default::Text("ignore"),
    "with `localpart_template`: `require`, or `suggest` if `confirm_localpart` is on; else `ignore`",
)
.differing("provider_localpart_differs", LOCALPART_DIFFERS);
pub(super) static LOCALPART: MasOption = MasOption::new(
    "claims_imports.localpart.template",
    Kind::Template,
    Default::Text("{{ user.preferred_username }}"),
    "`localpart_template`",
)
.differing("provider_localpart_differs", LOCALPART_DIFFERS);
pub(super) static ON_CONFLICT: MasOption = MasOption::new(
    "claims_imports.localpart.on_conflict",
    Kind::Text,
    Default::Text("fail"),
    "`add` if `allow_existing_users` is on, else `fail`",
)
.differing(
    "provider_existing_users_differs",
    "one side links people of a provider to accounts that exist already, the other refuses them",
);

const DISPLAYNAME_DIFFERS: &str =
    "new people of a provider get another display name in MAS than in Synapse";

pub(in crate::config) static DISPLAYNAME_ACTION: MasOption = MasOption::new(
    "claims_imports.displayname.action",
    Kind::Text,
    Default::Text("ignore"),
    "with `display_name_template`: `force`, or `suggest` if `confirm_localpart` is on; else `ignore`",
)
.differing("provider_displayname_differs", DISPLAYNAME_DIFFERS);
pub(super) static DISPLAYNAME: MasOption = MasOption::new(
    "claims_imports.displayname.template",
    Kind::Template,
    Default::Text("{{ user.name }}"),
    "`display_name_template`",
)
.differing("provider_displayname_differs", DISPLAYNAME_DIFFERS);

const EMAIL_DIFFERS: &str =
    "new people of a provider get another e-mail address in MAS than in Synapse";

pub(in crate::config) static EMAIL_ACTION: MasOption = MasOption::new(
    "claims_imports.email.action",
    Kind::Text,
    Default::Text("ignore"),
    "with `email_template`: `force`, or `suggest` if `confirm_localpart` is on; else `ignore`",
)
.differing("provider_email_differs", EMAIL_DIFFERS);
pub(super) static EMAIL: MasOption = MasOption::new(
    "claims_imports.email.template",
    Kind::Template,
    Default::Text("{{ user.email }}"),
    "`email_template`",
)
.differing("provider_email_differs", EMAIL_DIFFERS);

/// The options of a provider, in the order in which they are written.
pub(in crate::config) static PROVIDER_OPTIONS: &[&MasOption] = &[
    &SYNAPSE_IDP_ID,
    &HUMAN_NAME,
    &BRAND_NAME,
    &ISSUER,
    &CLIENT_ID,
    &CLIENT_SECRET,
    &CLIENT_SECRET_FILE,
    &AUTH_METHOD,
    &APPLE_TEAM,
    &APPLE_KEY_ID,
    &APPLE_KEY,
    &APPLE_KEY_FILE,
    &ID_TOKEN_ALGORITHM,
    &SCOPE,
    &DISCOVERY,
    &AUTHORIZATION_ENDPOINT,
    &TOKEN_ENDPOINT,
    &USERINFO_ENDPOINT,
    &JWKS_URI,
    &PKCE,
    &FETCH_USERINFO,
    &RESPONSE_MODE,
    &PARAMETERS,
    &LOGIN_HINT,
    &BACKCHANNEL_LOGOUT,
    &SUBJECT,
    &LOCALPART_ACTION,
    &LOCALPART,
    &ON_CONFLICT,
    &DISPLAYNAME_ACTION,
    &DISPLAYNAME,
    &EMAIL_ACTION,
    &EMAIL,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> OptionValue {
        OptionValue::Text(text.to_owned())
    }

    #[test]
    fn blanks_in_templates_and_the_order_of_scopes_say_nothing() {
        for (option, left, right, same) in [
            (&SUBJECT, "{{user.sub}}", " {{ user.sub }}\n", true),
            (&SUBJECT, "{{ user.sub }}", "{{ user.id }}", false),
            (&LOCALPART, "a {{ x }}b", "a {{x}}b", true),
            (&LOCALPART, "a {{ x }}b", "a {{ x }} b", false),
            (&LOCALPART, "{{ x", "{{x", false),
            (&SCOPE, "openid email", "email  openid", true),
            (&SCOPE, "openid", "openid email", false),
            (&ISSUER, "https://x/", "https://x", true),
            (&TOKEN_ENDPOINT, "https://x/", "https://x", false),
        ] {
            assert_eq!(
                option.same(&text(left), &text(right)),
                same,
                "{left}|{right}"
            );
        }
    }

    #[test]
    fn keys_are_listed_once() {
        for list in [OPTIONS, PROVIDER_OPTIONS] {
            let keys: BTreeSet<&str> = list.iter().map(|option| option.key).collect();
            assert_eq!(keys.len(), list.len());
        }
    }
}
