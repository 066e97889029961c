//! Everything an operator's command needs to know before it connects, resolved once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::endpoint::{self, Given};
use super::environment::Environment;
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
    pub synapse_database_uri: Option<Secret>,
    /// `--mas-database-uri`: the same instead of MAS's `database`.
    pub mas_database_uri: Option<Secret>,
    /// `--upstream-provider-mapping`, each time it was given.
    pub upstream_provider_mapping: Vec<String>,
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
    /// Where the accounts come from; `None` if that is SQLite, which is a finding.
    pub source: Option<Endpoint>,
    /// Where they go.
    pub target: Endpoint,
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
            MasConfig::read(&command_line.mas_config, "`--config`", environment),
            &mut problems,
        );
        let synapse = if command_line.synapse_config.is_empty() {
            problems.push(
                Diagnostic::error(codes::E0604, "no configuration file of Synapse is named")
                    .help("name it: `--synapse-config homeserver.yaml`"),
            );
            None
        } else {
            let paths = &command_line.synapse_config;
            let read = SynapseConfig::read(paths, "`--synapse-config`", environment);
            keep(read, &mut problems)
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
        let source = source(command_line, synapse.as_ref(), environment, &mut problems);
        let target = target(command_line, mas.as_ref(), environment, &mut problems);
        let mapping = command_line_mapping(&command_line.upstream_provider_mapping, &mut problems);
        let has_errors = problems.has_errors();
        match (synapse, mas, server_name, target) {
            (Some(synapse), Some(mas), Some(server_name), Some(target)) if !has_errors => {
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

fn keep<T>(result: Result<T, Diagnostics>, problems: &mut Diagnostics) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

fn source(
    command_line: &CommandLine,
    synapse: Option<&SynapseConfig>,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Option<Endpoint> {
    let mut given = Given::new("Synapse");
    match (
        &command_line.synapse_database_uri,
        synapse.map(|synapse| &synapse.database),
    ) {
        (Some(text), _) => {
            let origin = Origin::Flag("--synapse-database-uri".to_owned());
            given.add_string(&Sourced::new(text.clone(), origin), problems);
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
    let given = match (&command_line.mas_database_uri, mas) {
        (Some(text), _) => {
            let mut given = Given::new("MAS");
            let origin = Origin::Flag("--mas-database-uri".to_owned());
            given.add_string(&Sourced::new(text.clone(), origin), problems);
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
