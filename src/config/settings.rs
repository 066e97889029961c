//! Everything an operator's command needs to know before it connects, resolved once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::endpoint;
use super::environment::Environment;
use super::given::Given;
use super::mas::MasConfig;
use super::provider_id::ProviderId;
use super::synapse::{SynapseConfig, SynapseDatabase};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::pg::{Endpoint, Origin, Secret, Sourced};

/// What the command line said about settings.
#[derive(Clone, Debug, Default)]
pub struct CommandLine {
    /// `--synapse-config`, each time it was given.
    pub synapse_config: Vec<PathBuf>,
    /// `--config` or `--mas-config`, each time it was given.
    pub mas_config: Vec<PathBuf>,
    /// `--synapse-database-uri`: a URI or `keyword=value` pairs, instead of Synapse's `database`.
    pub synapse_database_uri: Option<Sourced<Secret>>,
    /// `--mas-database-uri`: the same instead of MAS's `database`.
    pub mas_database_uri: Option<Sourced<Secret>>,
    /// `--upstream-provider-mapping`, each time it was given.
    pub upstream_provider_mapping: Vec<String>,
    /// Whether the databases are needed.
    pub connections: Connections,
}

/// Whether the configurations have to say where their databases are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connections {
    /// They have, unless the command line does.
    #[default]
    Needed,
    /// Nothing is connected to: neither what is said of the databases nor any file that is named
    /// there is looked at.
    NotNeeded,
}

/// Settings of a run, without contradictions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Synapse's configuration.
    pub synapse: SynapseConfig,
    /// MAS's configuration.
    pub mas: MasConfig,
    /// The homeserver's name.
    pub server_name: Sourced<String>,
    /// Where the accounts come from; `None` if that is SQLite, which is a finding, or if nothing is
    /// connected to.
    pub source: Option<Endpoint>,
    /// Where they go; `None` if nothing is connected to.
    pub target: Option<Endpoint>,
    /// What `user_external_ids` calls a provider → the provider in MAS.
    pub providers: BTreeMap<String, Sourced<ProviderId>>,
    /// Names that MAS's configuration gives to several providers, with all of them, unless the
    /// command line decides between them.
    pub duplicate_providers: BTreeMap<String, Vec<Sourced<ProviderId>>>,
    /// Warnings met on the way.
    pub warnings: Vec<Diagnostic>,
}

impl Settings {
    /// Reads both configurations and finds both endpoints and the provider map.
    ///
    /// # Errors
    /// E0601 to E0612: every problem of both sides together, sorted.
    pub fn resolve(
        command_line: &CommandLine,
        environment: &Environment,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Diagnostics::new();
        let mas = keep(
            MasConfig::read(
                &command_line.mas_config,
                "`--config`",
                command_line.connections,
                environment,
            ),
            &mut problems,
        );
        let (synapse, server_name, source) = synapse_side(command_line, environment, &mut problems);
        let target = target(command_line, mas.as_ref(), environment, &mut problems);
        let mapping = command_line_mapping(&command_line.upstream_provider_mapping, &mut problems);
        let has_errors = problems.has_errors();
        match (synapse, mas, server_name) {
            (Some(synapse), Some(mas), Some(server_name)) if !has_errors => {
                let (providers, duplicate_providers) = provider_map(&mas, mapping);
                Ok(Self {
                    synapse,
                    mas,
                    server_name,
                    source,
                    target,
                    providers,
                    duplicate_providers,
                    warnings: problems.into_sorted(),
                })
            }
            _ => Err(problems.into_sorted()),
        }
    }
}

impl Settings {
    /// The names of [`Settings::providers`] whose provider MAS's configuration switches off: MAS
    /// takes that over when it starts, whatever its database says now.
    pub fn disabled_providers(&self) -> impl Iterator<Item = &str> {
        self.providers
            .iter()
            .filter(|(_, id)| {
                self.mas
                    .providers
                    .iter()
                    .any(|provider| provider.id.value == id.value && !provider.enabled.value)
            })
            .map(|(name, _)| name.as_str())
    }
}

/// Synapse's side alone, for what does not ask about MAS.
#[derive(Clone, Debug)]
pub struct SynapseSettings {
    /// Synapse's configuration.
    pub synapse: SynapseConfig,
    /// The homeserver's name.
    pub server_name: Sourced<String>,
    /// Where the accounts are; `None` if that is SQLite, which is a finding.
    pub source: Option<Endpoint>,
    /// Warnings met on the way.
    pub warnings: Vec<Diagnostic>,
}

impl SynapseSettings {
    /// Reads Synapse's configuration and finds its database; what the command line says of MAS is
    /// not looked at.
    ///
    /// # Errors
    /// E0601 to E0612: every problem of the side together, sorted.
    pub fn resolve(
        command_line: &CommandLine,
        environment: &Environment,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Diagnostics::new();
        let side = synapse_side(command_line, environment, &mut problems);
        let has_errors = problems.has_errors();
        match side {
            (Some(synapse), Some(server_name), source) if !has_errors => Ok(Self {
                synapse,
                server_name,
                source,
                warnings: problems.into_sorted(),
            }),
            _ => Err(problems.into_sorted()),
        }
    }
}

/// Synapse's configuration, its name and its database, as far as they can be had.
fn synapse_side(
    command_line: &CommandLine,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> (
    Option<SynapseConfig>,
    Option<Sourced<String>>,
    Option<Endpoint>,
) {
    let synapse = if command_line.synapse_config.is_empty() {
        problems.push(
            Diagnostic::error(codes::E0604, "no configuration file of Synapse is named")
                .help("name it: `--synapse-config homeserver.yaml`"),
        );
        None
    } else {
        let paths = &command_line.synapse_config;
        let read = SynapseConfig::read(paths, "`--synapse-config`", environment);
        keep(read, problems)
    };
    let server_name = synapse.as_ref().and_then(|synapse| {
        if synapse.server_name.is_none() {
            problems.push(
                Diagnostic::error(
                    codes::E0604,
                    "Synapse's configuration does not say the `server_name`",
                )
                .note(format!("read: {}", synapse.files.join(", "))),
            );
        }
        synapse.server_name.clone()
    });
    let source = source(command_line, synapse.as_ref(), environment, problems);
    (synapse, server_name, source)
}

/// The endpoint that a URI or `keyword=value` pairs lead to; `name` is what messages call it.
///
/// # Errors
/// Every problem of the text, sorted.
pub fn endpoint_of(
    name: &'static str,
    text: &Sourced<Secret>,
    environment: &Environment,
) -> Result<Endpoint, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new();
    let mut given = Given::new(name);
    given.add_string(text, &mut problems);
    match endpoint::resolve(given, environment, &mut problems) {
        Some(endpoint) if !problems.has_errors() => Ok(endpoint),
        _ => Err(problems.into_sorted()),
    }
}

fn keep<T>(result: Result<T, Diagnostics>, problems: &mut Diagnostics) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

fn source(
    command_line: &CommandLine,
    synapse: Option<&SynapseConfig>,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Option<Endpoint> {
    if command_line.connections == Connections::NotNeeded {
        return None;
    }
    let mut given = Given::new("Synapse");
    match (
        &command_line.synapse_database_uri,
        synapse.map(|synapse| &synapse.database),
    ) {
        (Some(text), _) => {
            given.add_string(text, problems);
        }
        (None, Some(Some(SynapseDatabase::Postgres { arguments, .. }))) => {
            given.keywords.clone_from(arguments);
        }
        (None, Some(Some(SynapseDatabase::Sqlite { .. })) | None) => return None,
        (None, Some(None)) => {
            let files = synapse.map(|synapse| synapse.files.join(", "));
            problems.push(
                Diagnostic::error(codes::E0604, "Synapse's configuration names no database")
                    .note(format!("read: {}", files.unwrap_or_default()))
                    .help("add the file that has the `database` section, or give `--synapse-database-uri`"),
            );
            return None;
        }
    }
    endpoint::resolve(given, environment, problems)
}

fn target(
    command_line: &CommandLine,
    mas: Option<&MasConfig>,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Option<Endpoint> {
    if command_line.connections == Connections::NotNeeded {
        return None;
    }
    let given = match (&command_line.mas_database_uri, mas) {
        (Some(text), _) => {
            let mut given = Given::new("MAS");
            given.add_string(text, problems);
            given
        }
        (None, Some(mas)) => mas.database.clone(),
        (None, None) => return None,
    };
    endpoint::resolve(given, environment, problems)
}

type Providers = BTreeMap<String, Sourced<ProviderId>>;
type Duplicates = BTreeMap<String, Vec<Sourced<ProviderId>>>;

/// `<synapse id>:<ULID or UUID>`; the last colon divides, because the first part may hold some.
fn command_line_mapping(texts: &[String], problems: &mut Diagnostics) -> Providers {
    let flag = "--upstream-provider-mapping";
    let mut providers = Providers::new();
    for text in texts {
        let parts = text
            .rsplit_once(':')
            .filter(|(name, _)| !name.is_empty())
            .and_then(|(name, id)| Some((name, ProviderId::parse(id)?)));
        let Some((name, id)) = parts else {
            problems.push(
                Diagnostic::error(codes::E0610, format!("`{text}` is no provider mapping"))
                    .note(format!("it is the value of `{flag}`"))
                    .help("write `<synapse id>:<ULID or UUID>`, such as `oidc-keycloak:01H8PKNWKKRPCBW4YGH1RWV279`"),
            );
            continue;
        };
        let origin = Origin::Flag(flag.to_owned());
        let before = providers.insert(name.to_owned(), Sourced::new(id, origin));
        if before.is_some_and(|before| before.value != id) {
            problems.push(Diagnostic::error(
                codes::E0605,
                format!("`{flag}` maps `{name}` to two providers"),
            ));
        }
    }
    providers
}

/// The map of MAS's configuration with that of the command line above it.
fn provider_map(mas: &MasConfig, command_line: Providers) -> (Providers, Duplicates) {
    let mut all = Duplicates::new();
    for provider in &mas.providers {
        if let Some(name) = &provider.synapse_idp_id {
            all.entry(name.value.clone())
                .or_default()
                .push(provider.id.clone());
        }
    }
    let mut providers: Providers = all
        .iter()
        .filter_map(|(name, ids)| Some((name.clone(), ids.first()?.clone())))
        .collect();
    all.retain(|name, ids| ids.len() > 1 && !command_line.contains_key(name));
    providers.extend(command_line);
    (providers, all)
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::*;

    const SYNAPSE: &str =
        "server_name: hs.example\ndatabase: {name: psycopg2, args: {user: s, host: sh}}\n";
    const MAS: &str =
        "matrix: {homeserver: hs.example}\ndatabase: {uri: 'postgresql://m@mh/mas'}\n";
    const ULID: &str = "01H8PKNWKKRPCBW4YGH1RWV279";
    const OTHER_ULID: &str = "01H8PKNWKKRPCBW4YGH1RWV27A";

    fn command_line() -> CommandLine {
        CommandLine {
            synapse_config: vec!["/s.yaml".into()],
            mas_config: vec!["/m.yaml".into()],
            ..CommandLine::default()
        }
    }

    fn uri(flag: &str, text: &str) -> Sourced<Secret> {
        Sourced::new(Secret::new(text), Origin::Flag(flag.to_owned()))
    }

    fn resolve(
        command_line: &CommandLine,
        synapse: &str,
        mas: &str,
    ) -> Result<Settings, Vec<String>> {
        let environment = environment(&[], &[("/s.yaml", synapse), ("/m.yaml", mas)]);
        Settings::resolve(command_line, &environment).map_err(|problems| {
            problems
                .into_iter()
                .map(|problem| format!("{} {}", problem.code, problem.message))
                .collect()
        })
    }

    #[test]
    fn both_sides_are_found() {
        let settings = resolve(&command_line(), SYNAPSE, MAS).unwrap();
        assert_eq!(settings.server_name.value, "hs.example");
        let source = settings.source.unwrap();
        assert_eq!(
            source.one_line(),
            "host sh, port 5432, database `s`, user `s`, sslmode prefer"
        );
        assert_eq!(
            settings.target.unwrap().one_line(),
            "host mh, port 5432, database `mas`, user `m`, sslmode prefer"
        );
        assert!(settings.warnings.is_empty());
    }

    #[test]
    fn the_command_line_replaces_a_whole_database_section() {
        let line = CommandLine {
            synapse_database_uri: Some(uri(
                "--synapse-database-uri",
                "postgresql:///one?host=/run",
            )),
            mas_database_uri: Some(uri("--mas-database-uri", "host=x user=y dbname=two")),
            ..command_line()
        };
        let settings = resolve(&line, "server_name: x\n", MAS).unwrap();
        let source = settings.source.unwrap();
        assert_eq!(
            source.one_line(),
            "host /run, port 5432, database `one`, user `tester`"
        );
        assert_eq!(
            source.database.origin.to_string(),
            "`--synapse-database-uri`"
        );
        assert_eq!(settings.target.unwrap().user.value, "y");
        // It also stands in for SQLite.
        let sqlite = "server_name: x\ndatabase: {name: sqlite3}\n";
        assert!(resolve(&line, sqlite, MAS).unwrap().source.is_some());
    }

    #[test]
    fn synapse_s_side_needs_nothing_of_mas() {
        let environment = environment(&[], &[("/s.yaml", SYNAPSE), ("/none.yaml", "x: 1\n")]);
        let line = CommandLine {
            mas_config: vec!["/missing.yaml".into()],
            ..command_line()
        };
        let side = SynapseSettings::resolve(&line, &environment).unwrap();
        assert_eq!(side.server_name.value, "hs.example");
        assert_eq!(side.source.unwrap().database.value, "s");
        let line = CommandLine {
            synapse_config: vec!["/none.yaml".into()],
            ..line
        };
        let problems = SynapseSettings::resolve(&line, &environment).unwrap_err();
        let messages: Vec<&str> = problems.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "Synapse's configuration does not say the `server_name`",
                "Synapse's configuration names no database",
            ]
        );
    }

    #[test]
    fn sqlite_is_left_to_the_findings() {
        let settings = resolve(
            &command_line(),
            "server_name: x\ndatabase: {name: sqlite3}\n",
            MAS,
        )
        .unwrap();
        assert!(settings.source.is_none());
    }

    #[test]
    fn problems_of_both_sides_come_together() {
        let line = CommandLine {
            synapse_config: vec!["/no.yaml".into(), "/nor.yaml".into()],
            mas_config: vec!["/none.yaml".into()],
            upstream_provider_mapping: vec!["x".to_owned()],
            ..CommandLine::default()
        };
        let problems = resolve(&line, "", "").unwrap_err();
        assert_eq!(
            problems,
            [
                "E0601 the configuration file `/none.yaml` cannot be read",
                "E0601 the configuration file `/no.yaml` cannot be read",
                "E0601 the configuration file `/nor.yaml` cannot be read",
                "E0610 `x` is no provider mapping",
            ]
        );
        assert_eq!(
            resolve(
                &CommandLine {
                    synapse_config: Vec::new(),
                    ..command_line()
                },
                "",
                MAS
            )
            .unwrap_err(),
            ["E0604 no configuration file of Synapse is named"]
        );
        assert_eq!(
            resolve(&command_line(), "", MAS).unwrap_err(),
            [
                "E0604 Synapse's configuration does not say the `server_name`",
                "E0604 Synapse's configuration names no database",
            ]
        );
    }

    #[test]
    fn the_provider_map_is_mas_s_with_the_command_line_above() {
        let mas = format!(
            "{MAS}upstream_oauth2: {{providers: [{{id: {ULID}, synapse_idp_id: oidc-a}}, {{id: {OTHER_ULID}, synapse_idp_id: oidc-b}}, {{id: {OTHER_ULID}}}]}}\n"
        );
        let line = CommandLine {
            upstream_provider_mapping: vec![
                format!("oidc-b:{ULID}"),
                format!("ldap:main:{OTHER_ULID}"),
            ],
            ..command_line()
        };
        let settings = resolve(&line, SYNAPSE, &mas).unwrap();
        let map: Vec<String> = settings
            .providers
            .iter()
            .map(|(name, id)| format!("{name} {} {}", id.value, id.origin))
            .collect();
        assert_eq!(
            map,
            [
                format!("ldap:main {OTHER_ULID} `--upstream-provider-mapping`"),
                format!("oidc-a {ULID} `upstream_oauth2.providers[0].id` in /m.yaml:3"),
                format!("oidc-b {ULID} `--upstream-provider-mapping`"),
            ]
        );
        assert!(settings.duplicate_providers.is_empty());
    }

    #[test]
    fn a_name_with_two_providers_is_recorded_unless_the_command_line_decides() {
        let mas = format!(
            "{MAS}upstream_oauth2: {{providers: [{{id: {ULID}, synapse_idp_id: oidc-a}}, {{id: {OTHER_ULID}, synapse_idp_id: oidc-a}}]}}\n"
        );
        let settings = resolve(&command_line(), SYNAPSE, &mas).unwrap();
        assert_eq!(settings.duplicate_providers["oidc-a"].len(), 2);
        let line = CommandLine {
            upstream_provider_mapping: vec![format!("oidc-a:{OTHER_ULID}")],
            ..command_line()
        };
        let settings = resolve(&line, SYNAPSE, &mas).unwrap();
        assert!(settings.duplicate_providers.is_empty());
        assert_eq!(settings.providers["oidc-a"].value.to_string(), OTHER_ULID);
    }

    #[test]
    fn a_mapping_on_the_command_line_must_be_clear() {
        for (mappings, expected) in [
            (
                vec![format!("a:{ULID}"), format!("a:{OTHER_ULID}")],
                "E0605",
            ),
            (vec!["a:keycloak".to_owned()], "E0610"),
            (vec![format!(":{ULID}")], "E0610"),
            (vec![ULID.to_owned()], "E0610"),
        ] {
            let line = CommandLine {
                upstream_provider_mapping: mappings,
                ..command_line()
            };
            let problems = resolve(&line, SYNAPSE, MAS).unwrap_err();
            assert_eq!(problems.len(), 1);
            assert!(problems[0].starts_with(expected), "{problems:?}");
        }
    }

    #[test]
    fn no_debug_form_shows_a_secret() {
        let line = CommandLine {
            mas_database_uri: Some(uri("--mas-database-uri", "postgresql://u:hunter2@h")),
            ..command_line()
        };
        assert!(!format!("{line:?}").contains("hunter2"));
        let settings = resolve(&line, SYNAPSE, MAS).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
