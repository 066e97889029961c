//! Where both databases are: of the pair that the program ships with, both products' configurations
//! say it; of every other pair, a URI each.

use crate::cli::args::SideArgs;
use crate::cli::uri;
use crate::config::{
    CommandLine, Connections, DataFacts, Environment, Settings, config_findings, endpoint_of,
    search_path_unused,
};
use crate::diagnostics::{Diagnostic, Finding, codes};
use crate::pg::{Endpoint, Secret, Sourced};
use crate::plan::Plan;

/// Both databases.
#[derive(Debug)]
pub struct Sides {
    /// Where rows are read; none if that is no PostgreSQL, which is a finding.
    pub source: Option<Endpoint>,
    /// Where rows are written.
    pub target: Endpoint,
    /// Warnings met on the way.
    pub warnings: Vec<Diagnostic>,
    /// Both products' configurations, where the mapping is of the shipped pair.
    pub products: Option<Settings>,
}

impl Sides {
    /// Finds both databases of a mapping.
    ///
    /// # Errors
    /// Every problem of settings at once.
    pub fn find(args: &SideArgs, plan: &Plan) -> Result<Self, Vec<Diagnostic>> {
        let environment = Environment::system();
        let mut sides = if is_shipped_pair(plan) {
            products(args, &environment)?
        } else {
            named(args, plan, &environment)?
        };
        let source = sides.source.as_ref();
        let unused = [
            source.and_then(|source| {
                search_path_unused(source, &args.source_schema, "--source-schema")
            }),
            search_path_unused(&sides.target, &args.target_schema, "--target-schema"),
        ];
        sides.warnings.extend(unused.into_iter().flatten());
        Ok(sides)
    }

    /// What the products' configurations say about a migration; nothing for another pair.
    pub fn config_findings(&self, facts: DataFacts) -> Vec<Finding> {
        self.products
            .as_ref()
            .map(|settings| config_findings(settings, facts))
            .unwrap_or_default()
    }
}

/// Both databases of a pair that the program does not know: a URI each.
fn named(
    args: &SideArgs,
    plan: &Plan,
    environment: &Environment,
) -> Result<Sides, Vec<Diagnostic>> {
    let mut problems = foreign_flags(args, plan);
    let mut side = |given: Option<Sourced<Secret>>, name: &'static str| match given {
        Some(given) => endpoint_of(name, &given, environment)
            .map_err(|found| problems.extend(found))
            .ok(),
        None => {
            problems.push(
                Diagnostic::error(codes::E0604, format!("the {name} database is not named"))
                    .note(format!(
                        "mapping `{}` moves rows from `{}` to `{}`, whose configurations mapwright does not read",
                        plan.mapping, plan.source.name, plan.target.name
                    ))
                    .help(format!(
                        "name it: `--{name}-database-uri postgresql://user@host/database`"
                    )),
            );
            None
        }
    };
    let source = side(source_uri(args, "--source-database-uri"), "source");
    let target = side(target_uri(args, "--target-database-uri"), "target");
    match (source, target) {
        (Some(source), Some(target)) if problems.is_empty() => Ok(Sides {
            source: Some(source),
            target,
            warnings: Vec::new(),
            products: None,
        }),
        _ => Err(problems),
    }
}

/// Whether a mapping is of the pair whose configurations are known.
fn is_shipped_pair(plan: &Plan) -> bool {
    plan.source.name == "synapse" && plan.target.name == "mas"
}

fn products(args: &SideArgs, environment: &Environment) -> Result<Sides, Vec<Diagnostic>> {
    let command_line = CommandLine {
        synapse_config: args.synapse_config.clone(),
        mas_config: args.config.clone(),
        synapse_database_uri: source_uri(args, "--synapse-database-uri"),
        mas_database_uri: target_uri(args, "--mas-database-uri"),
        upstream_provider_mapping: args.upstream_provider_mapping.clone(),
        connections: Connections::Needed,
    };
    let settings = Settings::resolve(&command_line, environment)?;
    let Some(target) = settings.target.clone() else {
        return Err(vec![Diagnostic::error(
            codes::E0604,
            "MAS's configuration names no database",
        )]);
    };
    Ok(Sides {
        source: settings.source.clone(),
        target,
        warnings: settings.warnings.clone(),
        products: Some(settings),
    })
}

fn source_uri(args: &SideArgs, flag: &str) -> Option<Sourced<Secret>> {
    let given = args.source_database_uri.as_deref();
    given
        .map(|text| uri::given(text, flag, "MAPWRIGHT_SOURCE_DATABASE_URI"))
        .or_else(|| uri::from_variable("MAPWRIGHT_SYNAPSE_DATABASE_URI"))
}

fn target_uri(args: &SideArgs, flag: &str) -> Option<Sourced<Secret>> {
    let given = args.target_database_uri.as_deref();
    given
        .map(|text| uri::given(text, flag, "MAPWRIGHT_TARGET_DATABASE_URI"))
        .or_else(|| uri::from_variable("MAPWRIGHT_MAS_DATABASE_URI"))
}

/// Flags that mean something for the shipped pair alone.
fn foreign_flags(args: &SideArgs, plan: &Plan) -> Vec<Diagnostic> {
    let given = [
        ("--synapse-config", !args.synapse_config.is_empty()),
        ("--config", !args.config.is_empty()),
        (
            "--upstream-provider-mapping",
            !args.upstream_provider_mapping.is_empty(),
        ),
        (
            "--ignore-missing-auth-providers",
            args.ignore_missing_auth_providers,
        ),
    ];
    given
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(flag, _)| {
            Diagnostic::error(
                codes::E0615,
                format!(
                    "`{flag}` means nothing for mapping `{}`, which is not of Synapse and MAS",
                    plan.mapping
                ),
            )
            .help("leave it out; parameters of the mapping are set by `--set NAME=VALUE`")
        })
        .collect()
}
