//! The pages of findings about the two configurations.

use super::{Group, Page};

const NOT_STARTED: &str = "`migrate` refuses before it reads a row";

pub(super) const PAGES: &[Page] = &[
    Page::error(Group::Configuration, "synapse_on_sqlite")
        .means(
            "Synapse keeps its data in SQLite, which cannot be migrated from",
            "move Synapse to PostgreSQL first, with its own `synapse_port_db`",
        )
        .concerns("everybody on the server", NOT_STARTED),
    Page::error(Group::Configuration, "homeserver_mismatch")
        .means(
            "`matrix.homeserver` of MAS's configuration is not Synapse's `server_name`: MAS would make accounts of another server",
            "set `matrix.homeserver` to the `server_name`, letter for letter",
        )
        .concerns("everybody on the server", NOT_STARTED),
    Page::error(Group::Configuration, "guest_access_enabled")
        .means(
            "Synapse lets guests in, and does not start so once MAS is on",
            "set `allow_guest_access: false` in Synapse's configuration",
        )
        .concerns("guests, who can no longer come in", NOT_STARTED),
    Page::error(Group::Configuration, "threepid_changes_enabled")
        .means(
            "Synapse lets people change their e-mail addresses, and does not start so once MAS is on",
            "remove `enable_3pid_changes` from Synapse's configuration, or set it to `false`",
        )
        .concerns("nobody: addresses are changed in MAS from then on", NOT_STARTED),
    Page::error(Group::Configuration, "login_via_existing_session_enabled")
        .means(
            "Synapse lets sessions log in further devices, and does not start so once MAS is on",
            "set `login_via_existing_session.enabled: false` in Synapse's configuration",
        )
        .concerns("nobody: MAS signs in further devices by QR code in its own way", NOT_STARTED),
    Page::error(Group::Configuration, "duplicate_synapse_idp_id")
        .means(
            "several providers of MAS's configuration have the same `synapse_idp_id`, so it is open which one the links belong to",
            "keep it on one of them, or decide with `--upstream-provider-mapping`",
        )
        .concerns("accounts with a link to that provider", NOT_STARTED),
    Page::warning(Group::Configuration, "matrix_secret_differs")
        .means(
            "Synapse's configuration has a section `matrix_authentication_service`, whose secret is not `matrix.secret` of MAS: Synapse accepts no token of MAS's, and MAS can make no account in Synapse",
            "make the two the same, character by character; `config generate` takes over the one that Synapse has",
        )
        .concerns(
            "everybody on the server, once both are started",
            "no row hangs on it; the secret can be corrected afterwards too",
        ),
    Page::warning(Group::Configuration, "mas_endpoint_unknown")
        .means(
            "`matrix_authentication_service.endpoint` of Synapse is neither `http.public_base` of MAS nor has the port of one of its listeners with `discovery` and `oauth`: if nothing forwards that address, Synapse finds no MAS and lets nobody in",
            "correct it, unless a proxy, a container's port or a service of Kubernetes forwards that address to MAS: then accept this",
        )
        .concerns(
            "everybody on the server, once both are started",
            "no row hangs on it; the address can be corrected afterwards too",
        ),
    Page::warning(Group::Configuration, "mas_placeholders")
        .means(
            "MAS's configuration still says `FILL IN` where `config generate` could not know what to write, such as the password of its database",
            "fill in each of these values before MAS is started",
        )
        .concerns(
            "everybody on the server: MAS cannot reach its database, or sends no e-mail",
            "no row hangs on it; a password of the database that is not filled in keeps `check` and `migrate` from connecting",
        ),
    Page::warning(Group::Configuration, "registration_enabled")
        .means(
            "Synapse lets people register; from now on MAS decides about that",
            "set `account.password_registration_enabled` in MAS's configuration as it shall be",
        )
        .concerns("people who want an account", "no row hangs on it"),
    Page::warning(Group::Configuration, "consent_without_terms")
        .means(
            "Synapse asks for consent to its terms (`user_consent`); MAS has no terms to show",
            "set `branding.tos_uri` in MAS's configuration",
        )
        .concerns(
            "people who register later; who agreed to which terms stays in Synapse",
            "no row hangs on it",
        ),
    Page::warning(Group::Configuration, "captcha_missing")
        .means(
            "Synapse protects registration with a CAPTCHA; MAS does not",
            "set `captcha` in MAS's configuration if people may register there",
        )
        .concerns("whoever has to deal with made-up accounts", "no row hangs on it"),
    Page::warning(Group::SignIn, "cas_enabled")
        .means(
            "Synapse lets people log in with CAS, which MAS cannot do",
            "put an OpenID Connect provider in front of it, and map its accounts with `--upstream-provider-mapping cas:ULID`; subjects must stay the same",
        )
        .concerns("accounts with a link of provider `cas`", "links follow the provider that `cas` is mapped to; without one they are `missing_provider`"),
    Page::warning(Group::SignIn, "saml_enabled")
        .means(
            "Synapse lets people log in with SAML, which MAS cannot do",
            "put an OpenID Connect provider in front of it, and map its accounts with `--upstream-provider-mapping saml:ULID`; subjects must stay the same",
        )
        .concerns("accounts with a link of provider `saml`", "links follow the provider that `saml` is mapped to; without one they are `missing_provider`"),
    Page::warning(Group::SignIn, "jwt_enabled")
        .means(
            "Synapse lets people log in with JSON web tokens, which MAS cannot do",
            "give those who use them another way to log in",
        )
        .concerns("accounts that log in so: no row tells which", "sessions that exist go on"),
    Page::warning(Group::SignIn, "password_modules")
        .means(
            "third-party modules (LDAP's, for example) check passwords for Synapse; MAS has no such modules",
            "put an OpenID Connect provider in front of what they ask, or let people set a password in MAS",
        )
        .concerns("accounts whose password is not in Synapse's database", "sessions that exist go on; see `no_way_to_sign_in`"),
    Page::warning(Group::SignIn, "third_party_modules")
        .means(
            "Synapse runs third-party modules; those that take part in log-in or registration will no longer be asked",
            "see what each of them does, and replace in MAS what concerns log-in or registration",
        )
        .concerns("depends on the module", "no row hangs on it"),
    Page::warning(Group::SignIn, "mas_passwords_disabled")
        .means(
            "MAS has passwords switched off: those who log in to Synapse with one will not get in with it",
            "set `passwords.enabled: true` in MAS's configuration, unless that is meant",
        )
        .concerns("accounts that have a password", "the hashes are migrated all the same, and work once passwords are switched on"),
    Page::warning(Group::SignIn, "passwords_off_in_synapse")
        .means(
            "nobody logs in to Synapse with a password of its database (`password_config.enabled` or `password_config.localdb_enabled` is off, or passwords only confirm), but the database holds hashes, and MAS has passwords switched on: each of them, however old, would open its account again",
            "set `passwords.enabled: false` in MAS's configuration, or leave the hashes out with a mapping of one's own that skips them",
        )
        .concerns(
            "accounts that have a password, and whoever knows an old one",
            "the hashes are migrated; with passwords switched off in MAS they open nothing",
        ),
    Page::error(Group::SignIn, "no_password_scheme_v1")
        .means(
            "MAS's configuration has no password scheme of version 1, which is the version of all migrated hashes",
            "add a scheme to `passwords.schemes`: `version: 1`, `algorithm: bcrypt`, `unicode_normalization: true`, and Synapse's pepper, if it has one, as `secret`",
        )
        .concerns("accounts that have a password; without any there is no such finding", "nothing is written"),
    Page::error(Group::SignIn, "password_scheme_v1_not_bcrypt")
        .means(
            "MAS's password scheme of version 1 is not bcrypt, but all migrated hashes are, and have that version",
            "make version 1 of `passwords.schemes` `algorithm: bcrypt`, and give the other algorithm a higher version",
        )
        .concerns("accounts that have a password; without any there is no such finding", "nothing is written"),
    Page::error(Group::SignIn, "password_secret_mismatch")
        .means(
            "the `secret` of MAS's password scheme of version 1 is not Synapse's pepper (an empty one is none): no migrated password would work",
            "make it equal to `password_config.pepper` of Synapse, character by character",
        )
        .concerns("accounts that have a password; without any there is no such finding", "nothing is written"),
    Page::warning(Group::SignIn, "password_normalization_off")
        .means(
            "MAS's password scheme of version 1 does not normalise passwords (NFKC), but Synapse does",
            "set `unicode_normalization: true` on version 1 of `passwords.schemes`",
        )
        .concerns("people whose password has characters outside ASCII that normalising changes", "the hashes are migrated; those passwords do not work until the setting is made"),
    Page::warning(Group::SignIn, "only_password_scheme_v1")
        .means(
            "MAS has no newer password scheme than version 1, so that hashes stay bcrypt for ever",
            "add `version: 2` with `algorithm: argon2id` to `passwords.schemes`: hashes are then renewed at log-in",
        )
        .concerns("nobody notices", "the hashes are migrated as they are"),
    Page::warning(Group::SignIn, "provider_issuer_differs")
        .means(
            "a provider has another `issuer` in MAS's configuration than in Synapse's",
            "make `issuer` the same on both sides, unless it is one provider under two names",
        )
        .concerns("accounts with a link to that provider", "links are migrated; they would lead to accounts of another provider"),
    Page::warning(Group::SignIn, "provider_client_id_differs")
        .means(
            "a provider has another `client_id` in MAS's configuration than in Synapse's: some providers then give people other subjects",
            "use the same client on both sides, or make sure that subjects do not depend on it",
        )
        .concerns("accounts with a link to that provider", "links are migrated; they lead nowhere if the subjects change"),
    Page::warning(Group::SignIn, "mas_provider_disabled")
        .means(
            "a provider with a `synapse_idp_id` is switched off in MAS's configuration",
            "set `enabled: true` on the provider in MAS's configuration, unless that is meant",
        )
        .concerns("accounts with a link to that provider: `link_of_disabled_provider` counts them", "links are migrated, and work once the provider is switched on"),
    Page::warning(Group::SignIn, "unknown_synapse_idp_id")
        .means(
            "a `synapse_idp_id` of MAS's configuration, or a name given to `--upstream-provider-mapping`, is known neither to the links in Synapse's database nor to Synapse's configuration: perhaps a slip of the pen",
            "correct it; Synapse writes `oidc-` and the `idp_id`, and `oidc` for the section `oidc_config` or a provider without `idp_id`",
        )
        .sql("SELECT auth_provider, count(*) FROM user_external_ids GROUP BY auth_provider")
        .concerns("nobody yet, if the provider is new", "no link follows that name"),
    Page::warning(Group::SignIn, "provider_not_in_synapse")
        .means(
            "links in Synapse's database name a provider that Synapse's configuration does not list (any more); the database decides, so they are migrated all the same",
            "see whether the provider was taken out of the configuration on purpose, or the wrong file was named",
        )
        .sql("SELECT auth_provider, count(*) FROM user_external_ids GROUP BY auth_provider")
        .concerns("accounts with a link to that provider", "links are migrated to the provider that the name is mapped to; Synapse with MAS switched on never lists any, and is not asked"),
];
