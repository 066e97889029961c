//! What a migration needs to know of Synapse's `homeserver.yaml`.
//!
//! Takes the files as Synapse does: YAML 1.1, several files and directories, of which a later one
//! replaces whole top-level keys, and Python's idea of what is true. Only the keys named here are
//! looked at; everything else may be whatever it likes.

use std::path::PathBuf;

use super::delegation::Delegation;
use super::environment::Environment;
use super::files;
use super::given::Keyword;
use super::raw::{Node, Schema, Tree, Value};
use super::section::At;
use super::synapse_database::database;
use crate::diagnostics::Diagnostics;
use crate::pg::{Origin, Secret, Sourced};

/// Synapse's database as its configuration names it.
#[derive(Clone, Debug)]
pub enum SynapseDatabase {
    /// PostgreSQL, with the settings that go to libpq.
    Postgres {
        /// Where the section stands.
        origin: Origin,
        /// `args` without the pool's settings.
        arguments: Vec<Keyword>,
    },
    /// SQLite, which cannot be migrated from.
    Sqlite {
        /// Where it is named.
        origin: Origin,
    },
}

/// Who may log in with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordLogin {
    /// Everybody who has one.
    Enabled,
    /// Nobody; but a log-in by other means can be confirmed with one.
    OnlyForReauthentication,
    /// Nobody.
    Disabled,
}

/// An identity provider that Synapse signs users in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynapseProvider {
    /// What `user_external_ids` calls it: `oidc` or `oidc-<idp_id>`.
    pub id: Sourced<String>,
    /// Its name for people.
    pub name: Option<Sourced<String>>,
    /// Its issuer.
    pub issuer: Option<Sourced<String>>,
    /// Synapse's client ID there.
    pub client_id: Option<Sourced<String>>,
}

/// The settings that a migration reads.
#[derive(Clone, Debug)]
pub struct SynapseConfig {
    /// The files, in the order they were read.
    pub files: Vec<String>,
    /// The server's name in user IDs.
    pub server_name: Option<Sourced<String>>,
    /// Where clients reach it.
    pub public_baseurl: Option<Sourced<String>>,
    /// The database that holds the accounts.
    pub database: Option<SynapseDatabase>,
    /// `password_config.enabled`.
    pub password_login: Sourced<PasswordLogin>,
    /// `password_config.localdb_enabled`: whether Synapse looks at its own hashes.
    pub localdb_enabled: Sourced<bool>,
    /// `password_config.pepper`; an empty one is none.
    pub pepper: Option<Sourced<Secret>>,
    /// `bcrypt_rounds`.
    pub bcrypt_rounds: Sourced<u32>,
    /// OpenID Connect providers, the legacy section's last.
    pub oidc_providers: Vec<SynapseProvider>,
    /// SAML, where it is on.
    pub saml2: Option<Origin>,
    /// CAS, where it is on.
    pub cas: Option<Origin>,
    /// JSON web tokens as log-in, where they are on.
    pub jwt: Option<Origin>,
    /// Third-party password modules, LDAP's among them: their names.
    pub password_providers: Vec<Sourced<String>>,
    /// Third-party modules of the newer kind: their names. Some of them check log-ins.
    pub modules: Vec<Sourced<String>>,
    /// `allow_guest_access`.
    pub allow_guest_access: Sourced<bool>,
    /// `enable_registration`.
    pub enable_registration: Sourced<bool>,
    /// `enable_registration_captcha`.
    pub enable_registration_captcha: Sourced<bool>,
    /// `enable_3pid_changes`, if it is set.
    pub enable_3pid_changes: Option<Sourced<bool>>,
    /// `login_via_existing_session.enabled`.
    pub login_via_existing_session: Sourced<bool>,
    /// `user_consent`, where there is such a section.
    pub user_consent: Option<Origin>,
    /// Whether Synapse already leaves log-ins to MAS.
    pub delegated: Option<Origin>,
    /// What it says of MAS, whether that is switched on or not.
    pub delegation: Option<Delegation>,
    /// All of it, for what only some commands look at.
    pub(super) tree: Tree,
}

impl SynapseConfig {
    /// Reads the files and directories in `paths`, which `flag` named.
    ///
    /// # Errors
    /// E0601 to E0607: all problems of all files together.
    pub fn read(
        paths: &[PathBuf],
        flag: &str,
        environment: &Environment,
    ) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let paths = files::expand(paths, flag, environment, &mut problems);
        let trees: Vec<Node> = paths
            .iter()
            .filter_map(|path| files::read(path, flag, Schema::Python, environment, &mut problems))
            .collect();
        if problems.has_errors() {
            return Err(problems);
        }
        let names = paths.iter().map(|path| path.display().to_string());
        let config = Self::from_tree(merge(trees), names.collect(), environment, &mut problems);
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(config)
    }

    fn from_tree(
        tree: Node,
        files: Vec<String>,
        environment: &Environment,
        problems: &mut Diagnostics,
    ) -> Self {
        let tree = Tree::new(tree);
        let kept = tree.clone();
        let top = At::top(tree.node(), Schema::Python);
        let off = || Sourced::default_value(false);
        let oidc_providers = provider_sections(&top, problems)
            .iter()
            .map(|section| provider(section, problems))
            .collect();
        let password = top.section("password_config", problems);
        let password = password.as_ref();
        Self {
            files,
            server_name: top.text("server_name", problems),
            public_baseurl: top.text("public_baseurl", problems),
            database: database(&top, problems),
            password_login: password_login(password),
            localdb_enabled: password
                .and_then(|section| section.switch("localdb_enabled", problems))
                .unwrap_or(Sourced::default_value(true)),
            pepper: password
                .and_then(|section| section.secret("pepper", problems))
                .filter(|pepper| !pepper.value.reveal().is_empty()),
            bcrypt_rounds: top
                .integer("bcrypt_rounds", 4..=31, problems)
                .map_or(Sourced::default_value(12), |rounds| {
                    rounds.map(|rounds| u32::try_from(rounds).unwrap_or(12))
                }),
            oidc_providers,
            saml2: enabled_section(&top, "saml2_config", true, problems)
                .filter(|section| {
                    let is_set = |key| section.get(key).is_some_and(|value| value.is_truthy());
                    is_set("sp_config") || is_set("config_path")
                })
                .map(|section| section.origin()),
            cas: enabled_section(&top, "cas_config", true, problems)
                .map(|section| section.origin()),
            jwt: enabled_section(&top, "jwt_config", false, problems)
                .map(|section| section.origin()),
            password_providers: password_providers(&top, problems),
            modules: module_names(&top, "modules", problems),
            allow_guest_access: top.switch_or("allow_guest_access", off(), problems),
            enable_registration: registration(&top),
            enable_registration_captcha: top.switch_or(
                "enable_registration_captcha",
                off(),
                problems,
            ),
            enable_3pid_changes: top.switch("enable_3pid_changes", problems),
            login_via_existing_session: top
                .section("login_via_existing_session", problems)
                .and_then(|section| section.switch("enabled", problems))
                .unwrap_or(off()),
            user_consent: top.get("user_consent").map(|section| section.origin()),
            delegated: delegated(&top, problems),
            delegation: Delegation::read(&top, environment, problems),
            tree: kept,
        }
    }
}

/// The sections of all OpenID Connect providers that are on, the legacy one last.
pub(super) fn provider_sections<'a>(top: &At<'a>, problems: &mut Diagnostics) -> Vec<At<'a>> {
    let mut sections = top.sections("oidc_providers", problems);
    sections.extend(enabled_section(top, "oidc_config", false, problems));
    sections
}

/// A later file's key replaces an earlier one's, whole.
fn merge(trees: Vec<Node>) -> Node {
    let mut merged = Node::empty_map("");
    for tree in trees {
        let (Value::Map(into), Value::Map(from)) = (&mut merged.value, tree.value) else {
            continue;
        };
        for (name, node) in from {
            into.retain(|(known, _)| *known != name);
            into.push((name, node));
        }
    }
    merged
}

/// The section at `key` if it is there and its `enabled`, or else `default`, says so.
pub(super) fn enabled_section<'a>(
    top: &At<'a>,
    key: &str,
    default: bool,
    problems: &mut Diagnostics,
) -> Option<At<'a>> {
    let section = top.section(key, problems)?;
    let enabled = section.switch_or("enabled", Sourced::default_value(default), problems);
    enabled.value.then_some(section)
}

/// What Synapse makes of a provider's section.
pub(super) fn provider(section: &At<'_>, problems: &mut Diagnostics) -> SynapseProvider {
    let id = match section.text("idp_id", problems) {
        Some(id) if id.value == "oidc" => id,
        Some(id) => id.map(|id| format!("oidc-{id}")),
        None => Sourced::new("oidc".to_owned(), section.origin()),
    };
    SynapseProvider {
        id,
        name: section.text("idp_name", problems),
        issuer: section.text("issuer", problems),
        client_id: section.text("client_id", problems),
    }
}

fn password_login(section: Option<&At<'_>>) -> Sourced<PasswordLogin> {
    let Some(enabled) = section.and_then(|section| section.get_even_null("enabled")) else {
        return Sourced::default_value(PasswordLogin::Enabled);
    };
    let mut ignored = Diagnostics::new();
    let word = enabled.as_text(&mut ignored).map(|text| text.value);
    let login = if !enabled.is_truthy() {
        PasswordLogin::Disabled
    } else if word.as_deref() == Some("only_for_reauth") {
        PasswordLogin::OnlyForReauthentication
    } else {
        PasswordLogin::Enabled
    };
    Sourced::new(login, enabled.origin())
}

/// Unlike the other switches this one understands the words of truth in quotes.
fn registration(top: &At<'_>) -> Sourced<bool> {
    let Some(value) = top.get_even_null("enable_registration") else {
        return Sourced::default_value(false);
    };
    let mut ignored = Diagnostics::new();
    let on = match value.as_text(&mut ignored) {
        Some(text) => matches!(
            text.value.to_lowercase().as_str(),
            "y" | "yes" | "t" | "true" | "on" | "1"
        ),
        None => value.is_truthy(),
    };
    Sourced::new(on, value.origin())
}

fn module_names(top: &At<'_>, key: &str, problems: &mut Diagnostics) -> Vec<Sourced<String>> {
    top.sections(key, problems)
        .iter()
        .filter_map(|section| section.text("module", problems))
        .collect()
}

fn password_providers(top: &At<'_>, problems: &mut Diagnostics) -> Vec<Sourced<String>> {
    let mut names = module_names(top, "password_providers", problems);
    if let Some(section) = enabled_section(top, "ldap_config", false, problems) {
        names.push(Sourced::new("ldap_config".to_owned(), section.origin()));
    }
    names
}

fn delegated(top: &At<'_>, problems: &mut Diagnostics) -> Option<Origin> {
    let stable = enabled_section(top, "matrix_authentication_service", false, problems);
    let section = match stable {
        Some(section) => Some(section),
        None => top
            .section("experimental_features", problems)
            .and_then(|section| enabled_section(&section, "msc3861", false, problems)),
    };
    section.map(|section| section.origin())
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::*;
    use crate::diagnostics::{Diagnostic, codes};

    fn read(files: &[(&str, &str)], paths: &[&str]) -> Result<SynapseConfig, Vec<Diagnostic>> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        SynapseConfig::read(&paths, "`--synapse-config`", &environment(&[], files))
            .map_err(Diagnostics::into_sorted)
    }

    fn one(text: &str) -> SynapseConfig {
        read(&[("/h.yaml", text)], &["/h.yaml"]).unwrap()
    }

    fn wrong(text: &str) -> Vec<String> {
        read(&[("/h.yaml", text)], &["/h.yaml"])
            .unwrap_err()
            .into_iter()
            .map(|problem| format!("{} {}", problem.code, problem.message))
            .collect()
    }

    fn arguments(config: &SynapseConfig) -> Vec<String> {
        match &config.database {
            Some(SynapseDatabase::Postgres { arguments, .. }) => arguments
                .iter()
                .map(|keyword| format!("{}={}", keyword.name, keyword.value.value.reveal()))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn later_files_replace_whole_top_level_keys() {
        let files = [
            (
                "/a.yaml",
                "server_name: a\ndatabase: {name: psycopg2, args: {host: one, user: u}}\n",
            ),
            (
                "/conf.d/20.yaml",
                "database: {name: psycopg2, args: {host: three}}\n",
            ),
            (
                "/conf.d/10.yaml",
                "database: {name: sqlite3}\nallow_guest_access: yes\n",
            ),
            ("/conf.d/30.yml", "server_name: ignored\n"),
            ("/conf.d/README", "- not YAML we read"),
        ];
        let config = read(&files, &["/a.yaml", "/conf.d"]).unwrap();
        assert_eq!(
            config.files,
            ["/a.yaml", "/conf.d/10.yaml", "/conf.d/20.yaml"]
        );
        assert_eq!(arguments(&config), ["host=three"]);
        assert!(config.allow_guest_access.value);
        assert_eq!(
            config.server_name.unwrap().origin.to_string(),
            "`server_name` in /a.yaml:1"
        );
        // A later null takes away what was there.
        let files = [
            ("/a.yaml", "database: {name: sqlite3}"),
            ("/b.yaml", "database:"),
        ];
        assert!(
            read(&files, &["/a.yaml", "/b.yaml"])
                .unwrap()
                .database
                .is_none()
        );
    }

    #[test]
    fn all_missing_files_are_reported_together() {
        let problems =
            read(&[("/dir/x.txt", "")], &["/no.yaml", "/dir", "/none.yaml"]).unwrap_err();
        let messages: Vec<&str> = problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        assert_eq!(
            messages,
            [
                "the configuration file `/no.yaml` cannot be read",
                "the directory `/dir` has no configuration file",
                "the configuration file `/none.yaml` cannot be read",
            ]
        );
        assert!(problems.iter().all(|problem| problem.code == codes::E0601));
        assert!(
            problems[0]
                .notes
                .iter()
                .any(|note| note.contains("`--synapse-config`"))
        );
    }

    #[test]
    fn null_sections_are_absent() {
        let config = one(
            "server_name: x\npassword_config:\noidc_providers:\noidc_config:\nsaml2_config:\n\
                          cas_config:\njwt_config:\nuser_consent:\ndatabase:\nmodules:\npassword_providers:\n\
                          login_via_existing_session:\nexperimental_features:\npublic_baseurl:\n",
        );
        assert_eq!(config.password_login.value, PasswordLogin::Enabled);
        assert!(config.oidc_providers.is_empty() && config.modules.is_empty());
        assert!(config.saml2.is_none() && config.cas.is_none() && config.jwt.is_none());
        assert!(config.user_consent.is_none() && config.delegated.is_none());
        assert!(config.database.is_none() && config.public_baseurl.is_none());
        assert!(!config.login_via_existing_session.value);
        assert_eq!(config.bcrypt_rounds.value, 12);
    }

    #[test]
    fn an_empty_file_is_allowed() {
        assert!(one("").server_name.is_none());
        assert!(one("# nothing\n").enable_3pid_changes.is_none());
    }

    #[test]
    fn words_of_yaml_1_1_are_booleans() {
        let config =
            one("allow_guest_access: no\nenable_registration: off\nenable_3pid_changes: Yes\n");
        assert!(!config.allow_guest_access.value);
        assert!(!config.enable_registration.value);
        assert!(config.enable_3pid_changes.unwrap().value);
        assert!(one("allow_guest_access: on").allow_guest_access.value);
        assert!(one("enable_registration: 'yes'").enable_registration.value);
        assert!(!one("enable_registration: 'no'").enable_registration.value);
    }

    #[test]
    fn password_config() {
        for (text, expected) in [
            ("", PasswordLogin::Enabled),
            ("password_config: {enabled: true}", PasswordLogin::Enabled),
            ("password_config: {enabled: off}", PasswordLogin::Disabled),
            ("password_config: {enabled: }", PasswordLogin::Disabled),
            (
                "password_config: {enabled: only_for_reauth}",
                PasswordLogin::OnlyForReauthentication,
            ),
            ("password_config: {pepper: x}", PasswordLogin::Enabled),
        ] {
            assert_eq!(one(text).password_login.value, expected, "{text}");
        }
        assert!(one("").localdb_enabled.value);
        assert!(
            !one("password_config: {localdb_enabled: no}")
                .localdb_enabled
                .value
        );
        let pepper = |text| {
            one(text)
                .pepper
                .map(|pepper| pepper.value.reveal().to_owned())
        };
        assert_eq!(pepper("password_config: {pepper: ''}"), None);
        assert_eq!(
            pepper("password_config: {pepper: 'no'}").as_deref(),
            Some("no")
        );
        assert_eq!(
            pepper("password_config: {pepper: 0x10}").as_deref(),
            Some("16")
        );
    }

    #[test]
    fn a_pepper_that_is_no_text_is_an_error_that_does_not_show_it() {
        let problems = read(
            &[("/h.yaml", "password_config: {pepper: 2024-01-02}")],
            &["/h.yaml"],
        )
        .unwrap_err();
        assert_eq!(
            problems[0].message,
            "`password_config.pepper` must be text, found a date"
        );
        assert!(!format!("{problems:?}").contains("2024"));
    }

    #[test]
    fn databases() {
        let config = one(
            "database:\n  name: psycopg2\n  args:\n    user: u\n    password: 1234\n    port: 5433\n    cp_min: 5\n    cp_max: 10\n    sslmode:\n",
        );
        assert_eq!(arguments(&config), ["user=u", "password=1234", "port=5433"]);
        assert!(matches!(
            one("database: {name: sqlite3, args: {database: /x}}").database,
            Some(SynapseDatabase::Sqlite { .. })
        ));
        assert_eq!(
            wrong("database: {name: mysql}"),
            ["E0607 `database.name` is no database engine of Synapse"]
        );
        assert_eq!(
            wrong("database: {args: {}}"),
            ["E0604 `database` has no `name`"]
        );
        assert_eq!(
            wrong("database: [x]"),
            ["E0603 `database` must be a map, found a list"]
        );
    }

    #[test]
    fn sharded_databases_are_looked_through_for_the_main_store() {
        let config = one(
            "databases:\n  state: {name: psycopg2, data_stores: [state], args: {host: s}}\n  \
             main: {name: psycopg2, data_stores: [main], args: {host: m}}\n",
        );
        assert_eq!(arguments(&config), ["host=m"]);
        assert_eq!(
            arguments(&one("databases: {all: {name: psycopg2, args: {host: a}}}")),
            ["host=a"]
        );
        assert_eq!(
            wrong("databases: {s: {name: psycopg2, data_stores: [state]}}"),
            ["E0604 `databases` has no database for the data store `main`"]
        );
        assert_eq!(
            wrong("databases: {a: {name: psycopg2}, b: {name: psycopg2}}"),
            [
                "E0605 `databases` gives the data store `main` to two databases, `databases.a` and `databases.b`"
            ]
        );
        assert_eq!(
            wrong("database: {name: psycopg2}\ndatabases: {a: {name: psycopg2}}"),
            ["E0605 `databases` and `database` are both there"]
        );
    }

    #[test]
    fn oidc_providers_get_the_ids_that_the_data_has() {
        let config = one(
            "oidc_providers:\n- {idp_id: keycloak, idp_name: K, issuer: https://k/, client_id: c}\n- {idp_id: oidc}\n- {issuer: https://x}\n\
             oidc_config: {enabled: true, issuer: https://legacy}\n",
        );
        let ids: Vec<&str> = config
            .oidc_providers
            .iter()
            .map(|provider| provider.id.value.as_str())
            .collect();
        assert_eq!(ids, ["oidc-keycloak", "oidc", "oidc", "oidc"]);
        assert_eq!(
            config.oidc_providers[0].issuer.as_ref().unwrap().value,
            "https://k/"
        );
        assert!(
            one("oidc_config: {issuer: https://legacy}")
                .oidc_providers
                .is_empty()
        );
        assert!(
            one("oidc_config: {enabled: no, issuer: https://legacy}")
                .oidc_providers
                .is_empty()
        );
    }

    #[test]
    fn saml_and_cas_are_on_by_presence_and_jwt_is_not() {
        assert!(one("saml2_config: {sp_config: {x: 1}}").saml2.is_some());
        assert!(one("saml2_config: {config_path: /x}").saml2.is_some());
        assert!(
            one("saml2_config: {user_mapping_provider: {x: 1}}")
                .saml2
                .is_none()
        );
        assert!(
            one("saml2_config: {enabled: false, config_path: /x}")
                .saml2
                .is_none()
        );
        assert!(one("cas_config: {server_url: x}").cas.is_some());
        assert!(
            one("cas_config: {enabled: no, server_url: x}")
                .cas
                .is_none()
        );
        assert!(one("jwt_config: {secret: x}").jwt.is_none());
        assert!(one("jwt_config: {enabled: on, secret: x}").jwt.is_some());
    }

    #[test]
    fn modules_are_listed() {
        let config = one(
            "password_providers: [{module: ldap_auth_provider.Ldap, config: {}}]\nmodules: [{module: a.B}]\nldap_config: {enabled: true}\n",
        );
        let names = |modules: &[Sourced<String>]| -> Vec<String> {
            modules.iter().map(|module| module.value.clone()).collect()
        };
        assert_eq!(
            names(&config.password_providers),
            ["ldap_auth_provider.Ldap", "ldap_config"]
        );
        assert_eq!(names(&config.modules), ["a.B"]);
    }

    #[test]
    fn delegation_to_mas_is_noticed() {
        assert!(
            one("matrix_authentication_service: {enabled: true}")
                .delegated
                .is_some()
        );
        assert!(
            one("matrix_authentication_service: {endpoint: x}")
                .delegated
                .is_none()
        );
        assert!(
            one("experimental_features: {msc3861: {enabled: true}}")
                .delegated
                .is_some()
        );
        assert!(
            one("experimental_features: {msc3861: {}}")
                .delegated
                .is_none()
        );
    }

    #[test]
    fn no_debug_form_shows_a_secret() {
        let config = one(
            "password_config: {pepper: hunter2}\ndatabase: {name: psycopg2, args: {password: hunter2}}\n",
        );
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
