//! What `config generate` warns of: settings of Synapse that have no counterpart in MAS, or none
//! that means quite the same. As data, so that the reference page is made of it.

/// A warning.
#[derive(Debug)]
pub(in crate::config) struct Warning {
    /// Stable name; where `check` finds the same thing, it has the same name there.
    pub(in crate::config) id: &'static str,
    /// The key of Synapse's configuration; of a provider if the id begins with `provider_`.
    pub(in crate::config) synapse: &'static str,
    /// What it means, one sentence.
    pub(in crate::config) meaning: &'static str,
    /// What to do, one sentence.
    pub(in crate::config) remedy: &'static str,
}

macro_rules! warnings {
    ($($name:ident $id:literal, $synapse:literal, $meaning:literal, $remedy:literal;)*) => {
        $(pub(super) static $name: Warning = Warning {
            id: $id,
            synapse: $synapse,
            meaning: $meaning,
            remedy: $remedy,
        };)*

        /// All warnings, by name of what they are about.
        pub(in crate::config) static WARNINGS: &[&Warning] = &[$(&$name,)*];
    };
}

warnings! {
    ACCOUNT_VALIDITY "account_validity",
        "account_validity",
        "accounts expire in Synapse; MAS knows no such date",
        "lock accounts that have expired before the migration, and those that expire later by MAS's own means";
    ALLOWED_THREEPIDS "allowed_3pids",
        "allowed_local_3pids",
        "Synapse accepts only some e-mail addresses; what is generated accepts all",
        "say in MAS's `policy` which addresses may be used";
    CAPTCHA_INCOMPLETE "captcha_incomplete",
        "recaptcha_public_key, recaptcha_private_key",
        "Synapse protects registration with a CAPTCHA, but not both of its keys can be read: MAS's `captcha` is left out",
        "set `captcha` in MAS's configuration by hand";
    CAS "cas_enabled",
        "cas_config",
        "Synapse lets people log in with CAS, which MAS cannot do",
        "put an OpenID Connect provider in front of it, and add that to `upstream_oauth2.providers` with `synapse_idp_id: cas`; subjects must stay the same";
    CONSENT "consent_without_terms",
        "user_consent",
        "Synapse asks for consent to its terms; MAS only shows a link to them",
        "set `branding.tos_uri` in MAS's configuration";
    EMAIL_TLS_OPTIONAL "email_tls_optional",
        "email.require_transport_security",
        "Synapse takes TLS where the relay offers it; MAS demands it or goes without: what is generated demands it (`starttls`), unless the relay is on the same machine (`plain`)",
        "set `email.mode` to what the relay offers: `starttls`, `tls` or `plain`";
    EMAIL_TLS_NAME "email_tls_name",
        "email.tlsname",
        "the certificate of the relay has another name than `smtp_host`; MAS cannot be told such a name",
        "set `email.hostname` to the name in the certificate, if the relay is reached by it";
    EXISTING_SESSION "login_via_existing_session_enabled",
        "login_via_existing_session.enabled",
        "Synapse lets sessions log in further devices, which it cannot do together with MAS",
        "set `login_via_existing_session.enabled: false` in Synapse's configuration when MAS is switched on";
    GUESTS "guest_access_enabled",
        "allow_guest_access",
        "Synapse lets guests in, which it cannot do together with MAS",
        "set `allow_guest_access: false` in Synapse's configuration when MAS is switched on";
    JWT "jwt_enabled",
        "jwt_config.enabled",
        "Synapse lets people log in with JSON web tokens, which MAS cannot do",
        "give those who use them another way to log in";
    LOCALDB "localdb_disabled",
        "password_config.localdb_enabled",
        "Synapse does not look at its own password hashes, so passwords are off in what is generated: with them on, old hashes would open accounts again",
        "set `passwords.enabled: true` if people shall log in to MAS with passwords";
    PASSWORD_MODULES "password_modules",
        "password_providers, ldap_config",
        "third-party modules check passwords for Synapse; MAS has no such modules",
        "put an OpenID Connect provider in front of what they ask, or let people set a password in MAS";
    PASSWORD_POLICY "password_policy",
        "password_config.policy",
        "Synapse has rules for new passwords; MAS has a score from 0 to 4 instead",
        "set `passwords.minimum_complexity` in MAS's configuration";
    PHONE_NUMBERS "phone_delegate",
        "account_threepid_delegates.msisdn",
        "Synapse lets people confirm phone numbers; MAS knows none, and keeps those there are in a table apart",
        "tell people that phone numbers no longer work for logging in";
    PROFILE_UPDATES "profile_updates",
        "sso.update_profile_information",
        "Synapse takes over display names at every log-in through a provider; MAS only when an account is made",
        "nothing, unless names must follow the provider: then change them by MAS's admin API";
    REAUTHENTICATION "passwords_only_for_reauth",
        "password_config.enabled: only_for_reauth",
        "passwords confirm what people do in Synapse, but log nobody in; MAS knows only on and off, and is generated with off",
        "set `passwords.enabled: true` if people may log in with a password as well";
    REGISTRATION_THREEPIDS "registration_requires_3pid",
        "registrations_require_3pid",
        "Synapse demands third-party IDs of those who register; MAS can demand an e-mail address alone, which it needs `email` for",
        "see to `account.password_registration_email_required` and `email` in MAS's configuration";
    REGISTRATION_SECRET "registration_shared_secret",
        "registration_shared_secret, registration_shared_secret_path",
        "scripts can make accounts in Synapse by a shared secret; together with MAS they cannot",
        "let them use MAS's admin API, or `mas-cli manage register-user`";
    REGISTRATION_TOKENS "registration_tokens",
        "registration_requires_token",
        "Synapse demands a token of those who register; its tokens are not migrated",
        "make new tokens in MAS, with its admin API";
    SAML "saml_enabled",
        "saml2_config",
        "Synapse lets people log in with SAML, which MAS cannot do",
        "put an OpenID Connect provider in front of it, and add that to `upstream_oauth2.providers` with `synapse_idp_id: saml`; subjects must stay the same";
    SQLITE "synapse_on_sqlite",
        "database.name",
        "Synapse keeps its data in SQLite: accounts can be migrated from PostgreSQL alone, which is what MAS stores its own in, too",
        "move Synapse to PostgreSQL first, with its own `synapse_port_db` (docs/problems/synapse-on-sqlite.md); what is generated stays as it is";
    SESSION_LIFETIME "session_lifetime",
        "session_lifetime",
        "sessions end in Synapse after a fixed time; in MAS they do not",
        "see `experimental.inactive_session_expiration` of MAS, which ends sessions that nobody uses";
    MODULES "third_party_modules",
        "modules",
        "Synapse runs third-party modules; those that take part in log-in or registration will no longer be asked",
        "see what each of them does, and replace in MAS what concerns log-in or registration";
    TOKEN_LIFETIMES "token_lifetimes",
        "refreshable_access_token_lifetime, nonrefreshable_access_token_lifetime, refresh_token_lifetime",
        "Synapse has lifetimes for tokens; MAS has its own",
        "see `experimental.access_token_ttl` and `experimental.compat_token_ttl` of MAS";
    PROVIDER_ALGORITHMS "provider_id_token_algorithms",
        "id_token_signing_alg_values_supported",
        "Synapse accepts ID tokens with any of a list of signatures; MAS with one",
        "see that `id_token_signed_response_alg` is what the provider signs with";
    PROVIDER_ATTRIBUTES "provider_attribute_requirements",
        "attribute_requirements",
        "Synapse lets in only people with certain attributes; MAS lets in everybody whom the provider sends",
        "restrict who may use the client at the provider, or say it in MAS's `policy`";
    PROVIDER_IGNORE_SUB "provider_backchannel_ignore_sub",
        "backchannel_logout_ignore_sub",
        "Synapse does not compare `sub` when a provider logs somebody out; MAS does, with the `sub` of the ID token",
        "nothing, unless the provider puts another `sub` into its logout tokens than into its ID tokens";
    PROVIDER_SECRET_KEY "provider_client_secret_jwt_key",
        "client_secret_jwt_key",
        "Synapse makes its client secret with a key; MAS can do so for Apple alone",
        "for Apple, see whether `sign_in_with_apple` is right; else set `token_endpoint_auth_method` and what belongs to it by hand";
    PROVIDER_CONFIRM "provider_confirm_with_existing_users",
        "confirm_localpart, allow_existing_users",
        "Synapse links people to accounts that exist and lets others confirm their user name; MAS cannot do both, and is generated to link",
        "set `claims_imports.localpart.action: suggest` and remove `on_conflict` if confirming matters more";
    PROVIDER_MAPPING "provider_custom_mapping",
        "user_mapping_provider.module",
        "a module of one's own makes user names and subjects of what the provider says; MAS has templates alone",
        "write `claims_imports` by hand; `subject.template` must give the subjects that Synapse's `user_external_ids` holds";
    PROVIDER_REGISTRATION "provider_registration_off",
        "enable_registration",
        "Synapse makes no accounts for people whom a provider sends; MAS does",
        "restrict who may use the client at the provider, or set `registration_token_required: true` on the provider where MAS knows it";
    PROVIDER_EXTRA "provider_extra_attributes",
        "user_mapping_provider.config.extra_attributes",
        "Synapse hands further attributes to clients at log-in; MAS does not",
        "nothing, unless a client reads them";
    PROVIDER_ICON "provider_icon",
        "idp_icon",
        "the provider has an icon in Synapse; MAS has pictures for some brands",
        "set `brand_name` to a brand that MAS knows, or add one to MAS's templates";
    PROVIDER_INCOMPLETE "provider_incomplete",
        "client_id, issuer",
        "a provider has no `client_id` or no `issuer`, without which neither Synapse nor MAS starts: it is left out",
        "complete it in Synapse's configuration and generate again";
    PROVIDER_PASSTHROUGH "provider_passthrough_parameters",
        "passthrough_authorization_parameters",
        "Synapse hands parameters on to the provider; of these MAS knows `login_hint` in all versions",
        "for each other one add NAME: \"{{ params.NAME }}\" to `additional_authorization_parameters`, where MAS knows such templates";
    PROVIDER_PICTURE "provider_picture",
        "user_mapping_provider.config.picture_template, picture_claim",
        "Synapse takes over pictures from the provider; MAS does not",
        "tell people to set their picture in their client";
    PROVIDER_REDIRECT "provider_redirect_uri",
        "redirect_uri",
        "the provider sends people back to an address that was set by hand; MAS's own is fixed",
        "allow at the provider the address that stands beside the provider in what is generated";
    PROVIDER_RESPONSE_MODE "provider_response_mode",
        "additional_authorization_parameters.response_mode",
        "MAS knows `query` and `form_post` as form of a provider's answers; another one is left out",
        "see that the provider can answer in one of the two";
    PROVIDER_SECRET_FILE "provider_secret_file_line_break",
        "client_secret_path",
        "the file with the client secret ends with a line break, which Synapse leaves out and MAS may not",
        "write the secret alone into a file for MAS: `printf %s`";
    PROVIDER_SECRET_FILE_UNREADABLE "provider_secret_file_unreadable",
        "client_secret_path",
        "the file with the client secret cannot be read here: neither whether it is there nor what is in it was looked at",
        "put the file where MAS runs, readable for MAS, or correct `client_secret_file`; if it is missing on Synapse's machine too, Synapse does not start with it";
    PROVIDER_SECRET_MISSING "provider_secret_missing",
        "client_auth_method",
        "a provider's log-in method needs a secret, and there is none: Synapse does not start with it, and MAS is generated with `none`",
        "add the secret to Synapse's configuration and generate again";
    PROVIDER_FILTER "provider_template_filter",
        "user_mapping_provider.config.*_template",
        "a template uses a filter that Synapse has and MAS does not: it is carried over as it is, and log-ins fail",
        "rewrite it: `X|localpart_from_email` is `X.split('@')[0]`";
    PROVIDER_WORD "provider_unknown_value",
        "client_auth_method, pkce_method, user_profile_method",
        "an option has a value that Synapse does not know: MAS's default stands in what is generated",
        "mend it in Synapse's configuration and generate again";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once_and_sentences_have_one_style() {
        let mut ids: Vec<&str> = WARNINGS.iter().map(|warning| warning.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), WARNINGS.len());
        for warning in WARNINGS {
            for text in [warning.meaning, warning.remedy] {
                assert!(!text.ends_with('.'), "{text}");
                let capital = text.starts_with(char::is_uppercase);
                assert!(
                    !capital || text.starts_with("Synapse") || text.starts_with("MAS"),
                    "{text}"
                );
            }
        }
    }
}
