//! MAS's options as data: what each is called, what it comes from in Synapse's configuration, what
//! MAS does without it, and what it means if the two sides differ.
//!
//! `generate` writes no other options, and `lint` compares by the same lists.

use super::option::{Default, Kind, MasOption};

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
pub(super) static MATRIX_SECRET: MasOption = MasOption::new(
    "matrix.secret",
    Kind::Secret,
    Default::None,
    "`matrix_authentication_service.secret`, if it is set; else 32 fresh random bytes, which Synapse must be told",
);
pub(super) static MATRIX_SECRET_FILE: MasOption = MasOption::new(
    "matrix.secret_file",
    Kind::Text,
    Default::None,
    "`matrix_authentication_service.secret_path`",
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
pub(super) static PASSWORD_RECOVERY: MasOption = MasOption::new(
    "account.password_recovery_enabled",
    Kind::Switch,
    Default::Switch(false),
    "on where passwords are on and there is a section `email`, through which Synapse lets people set a new password",
)
.differing(
    "password_recovery_differs",
    "Synapse lets people who forgot their password set a new one by e-mail, MAS does not",
);
pub(super) static EMAIL_LOGIN: MasOption = MasOption::new(
    "account.login_with_email_allowed",
    Kind::Switch,
    Default::Switch(false),
    "on where passwords are on: Synapse takes an e-mail address in place of a user name",
)
.differing(
    "email_login_differs",
    "Synapse lets people log in with their e-mail address and password, MAS wants the user name",
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

pub(super) static EMAIL_TRANSPORT: MasOption = MasOption::new(
    "email.transport",
    Kind::Text,
    Default::None,
    "`smtp` if there is a section `email`; else `blackhole`, to be filled in",
);
pub(super) static EMAIL_MODE: MasOption = MasOption::new(
    "email.mode",
    Kind::Text,
    Default::None,
    "`tls` if `email.force_tls` is on, `plain` if `email.enable_tls` is off, else `starttls`; of a relay on the same machine `plain`, unless `email.require_transport_security` is on",
);
pub(super) static EMAIL_HOSTNAME: MasOption = MasOption::new(
    "email.hostname",
    Kind::Text,
    Default::None,
    "`email.smtp_host`, else `localhost`",
);
pub(super) static EMAIL_PORT: MasOption = MasOption::new(
    "email.port",
    Kind::Number,
    Default::None,
    "`email.smtp_port`, else 465 if `email.force_tls` is on, else 25",
);
pub(super) static EMAIL_USERNAME: MasOption = MasOption::new(
    "email.username",
    Kind::Text,
    Default::None,
    "`email.smtp_user`",
);
pub(super) static EMAIL_PASSWORD: MasOption = MasOption::new(
    "email.password",
    Kind::Secret,
    Default::None,
    "`email.smtp_pass`, where there is a user",
);
pub(super) static EMAIL_FROM: MasOption = MasOption::new(
    "email.from",
    Kind::Text,
    Default::None,
    "`email.notif_from`, with `email.app_name` in it",
);
pub(super) static EMAIL_REPLY_TO: MasOption = MasOption::new(
    "email.reply_to",
    Kind::Text,
    Default::None,
    "as `email.from`",
);

/// The options outside of providers and password schemes, in the order in which they are written.
pub(in crate::config) static OPTIONS: &[&MasOption] = &[
    &MATRIX_KIND,
    &MATRIX_HOMESERVER,
    &MATRIX_ENDPOINT,
    &MATRIX_SECRET,
    &MATRIX_SECRET_FILE,
    &PASSWORDS_ENABLED,
    &REGISTRATION,
    &REGISTRATION_EMAIL,
    &REGISTRATION_TOKEN,
    &PASSWORD_RECOVERY,
    &EMAIL_LOGIN,
    &EMAIL_CHANGE,
    &DISPLAYNAME_CHANGE,
    &CAPTCHA_SERVICE,
    &CAPTCHA_SITE_KEY,
    &CAPTCHA_SECRET_KEY,
    &EMAIL_TRANSPORT,
    &EMAIL_MODE,
    &EMAIL_HOSTNAME,
    &EMAIL_PORT,
    &EMAIL_USERNAME,
    &EMAIL_PASSWORD,
    &EMAIL_FROM,
    &EMAIL_REPLY_TO,
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
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_are_listed_once() {
        for list in [OPTIONS, PROVIDER_OPTIONS] {
            let keys: BTreeSet<&str> = list.iter().map(|option| option.key).collect();
            assert_eq!(keys.len(), list.len());
        }
    }
}
