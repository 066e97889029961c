//! What a migration needs to know of Synapse's `homeserver.yaml`.
//!
//! Takes the files as Synapse does: YAML 1.1, several files and directories, of which a later one
//! replaces whole top-level keys, and Python's idea of what is true. Only the keys named here are
//! looked at; everything else may be whatever it likes.

use std::path::PathBuf;

use super::endpoint::Keyword;
use super::environment::Environment;
use super::files;
use super::raw::{Node, Schema, Value};
use super::section::At;
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
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
        let config = Self::from_tree(&merge(trees), names.collect(), &mut problems);
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(config)
    }

    fn from_tree(tree: &Node, files: Vec<String>, problems: &mut Diagnostics) -> Self {
        let top = At::top(tree, Schema::Python);
        let off = || Sourced::default_value(false);
        let mut oidc_providers: Vec<SynapseProvider> = top
            .sections("oidc_providers", problems)
            .iter()
            .map(|section| provider(section, problems))
            .collect();
        if let Some(section) = enabled_section(&top, "oidc_config", false, problems) {
            oidc_providers.push(provider(&section, problems));
        }
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
        }
    }
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
fn enabled_section<'a>(
    top: &At<'a>,
    key: &str,
    default: bool,
    problems: &mut Diagnostics,
) -> Option<At<'a>> {
    let section = top.section(key, problems)?;
    let enabled = section.switch_or("enabled", Sourced::default_value(default), problems);
    enabled.value.then_some(section)
}

fn provider(section: &At<'_>, problems: &mut Diagnostics) -> SynapseProvider {
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

/// The database that holds the accounts: `database`, or that of `databases` which holds the data
/// store `main`.
fn database(top: &At<'_>, problems: &mut Diagnostics) -> Option<SynapseDatabase> {
    let single = top.section("database", problems);
    let Some(several) = top.section("databases", problems) else {
        return one_database(&single?, problems);
    };
    if let Some(single) = single {
        problems.push(
            several
                .problem(codes::E0605, "and `database` are both there")
                .note(format!("`database` comes from: {}", single.origin()))
                .help("keep one of them, as Synapse demands"),
        );
        return None;
    }
    let mut main = Vec::new();
    for (_, section) in several.entries() {
        if !section.is_map() {
            problems.push(section.problem(codes::E0603, "must be a map"));
            continue;
        }
        let stores = section.items("data_stores", problems);
        let holds_main = stores.is_empty()
            || stores.iter().any(|store| {
                store
                    .as_text(problems)
                    .is_some_and(|store| store.value == "main")
            });
        if holds_main {
            main.push(section);
        }
    }
    match main.as_slice() {
        [section] => one_database(section, problems),
        [] => {
            problems.push(
                several
                    .problem(codes::E0604, "has no database for the data store `main`")
                    .help(
                        "list `main` in the `data_stores` of the database that holds the accounts",
                    ),
            );
            None
        }
        [first, second, ..] => {
            problems.push(several.problem(
                codes::E0605,
                &format!(
                    "gives the data store `main` to two databases, `{}` and `{}`",
                    first.path(),
                    second.path()
                ),
            ));
            None
        }
    }
}

fn one_database(section: &At<'_>, problems: &mut Diagnostics) -> Option<SynapseDatabase> {
    let Some(name) = section.text("name", problems) else {
        if section.get("name").is_none() {
            problems.push(
                section
                    .problem(codes::E0604, "has no `name`")
                    .help("write `name: psycopg2` for PostgreSQL"),
            );
        }
        return None;
    };
    match name.value.as_str() {
        "sqlite3" => Some(SynapseDatabase::Sqlite {
            origin: name.origin,
        }),
        "psycopg2" => Some(SynapseDatabase::Postgres {
            origin: section.origin(),
            arguments: arguments(section, problems),
        }),
        _ => {
            problems.push(
                Diagnostic::error(
                    codes::E0607,
                    format!("`{}.name` is no database engine of Synapse", section.path()),
                )
                .note(format!("it comes from: {}", name.origin))
                .help("write `psycopg2` for PostgreSQL (`sqlite3` cannot be migrated from)"),
            );
            None
        }
    }
}

fn arguments(section: &At<'_>, problems: &mut Diagnostics) -> Vec<Keyword> {
    let Some(args) = section.section("args", problems) else {
        return Vec::new();
    };
    let mut keywords = Vec::new();
    for (name, value) in args.entries() {
        // Pool settings are Synapse's own; a null argument is none for psycopg2.
        if name.starts_with("cp_") || args.get(name).is_none() {
            continue;
        }
        if let Some(text) = value.as_text(problems) {
            keywords.push(Keyword {
                name: name.to_owned(),
                value: text.map(Secret::new),
            });
        }
    }
    keywords
}
