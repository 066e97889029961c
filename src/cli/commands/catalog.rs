//! `catalog`: the tables of one side as data.

use std::path::Path;

use crate::base::Files;
use crate::catalog::diff::differences;
use crate::catalog::{Catalog, compare, ddl, snapshot};
use crate::cli::args::{CatalogCommand, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::mapping::{self, Compiled};
use crate::cli::operator::accept::Accepted;
use crate::cli::operator::findings;
use crate::cli::printer::{Printer, Style};
use crate::cli::uri;
use crate::config::{Environment, endpoint_of};
use crate::diagnostics::{Diagnostic, FindingSeverity, codes};
use crate::pg::database::read_only;
use crate::pg::introspect::{introspect, schema_version};
use crate::pg::{Connection, connect};
use crate::plan::needs::needs;

/// What a database does not know of itself.
const UNMARKED: &str = "\
# No column is marked as sensitive yet, because a database does not know it. Add `sensitive: true` to
# those whose values must never be shown in messages and reports: tokens, hashes, addresses, as in
#     - {name: email, type: text, sensitive: true}
";

/// Runs the command.
///
/// # Errors
/// An unknown catalog, a database that cannot be reached or read.
pub async fn run(command: &CatalogCommand, printer: &Printer) -> Result<ExitStatus, Failure> {
    match command {
        CatalogCommand::List => {
            let lines = snapshot::SHIPPED.iter().map(|shipped| {
                let title = snapshot::shipped(shipped.name)
                    .map_or_else(|_| String::new(), |catalog| catalog.title);
                format!("{} {}  {title}\n", shipped.name, shipped.version)
            });
            printer.data(&lines.collect::<String>());
        }
        CatalogCommand::Show { name, table } => {
            let mut catalog = find(name)?;
            if let Some(table) = table {
                if !catalog.tables.contains_key(table) {
                    let names = catalog.tables.keys().map(String::as_str);
                    let mut diagnostic = Diagnostic::error(
                        codes::E0615,
                        format!("catalog `{name}` has no table `{table}`"),
                    );
                    if let Some(help) = crate::diagnostics::suggest::help(table, names) {
                        diagnostic = diagnostic.help(help);
                    }
                    return Err(Failure::one(ExitStatus::Usage, diagnostic));
                }
                catalog.tables.retain(|known, _| known == table);
            }
            printer.data(&snapshot::to_yaml(&catalog));
        }
        CatalogCommand::Ddl { name, schema } => printer.data(&ddl(&find(name)?, schema.as_deref())),
        CatalogCommand::Dump {
            database_uri,
            name,
            schema,
            tables,
        } => {
            let connection = reach(database_uri).await?;
            let only = (!tables.is_empty()).then_some(tables.as_slice());
            let mut live = introspect(&connection.client, schema, only).await?;
            let missing: Vec<String> = tables
                .iter()
                .filter(|table| !live.tables.contains_key(*table))
                .map(|table| format!("`{table}`"))
                .collect();
            if !missing.is_empty() || live.tables.is_empty() {
                let message = if missing.is_empty() {
                    format!("the database has no tables in schema `{schema}`")
                } else {
                    format!("schema `{schema}` has no table {}", missing.join(", "))
                };
                let diagnostic = Diagnostic::error(codes::E0640, message).help(
                    "look for the right names with `\\dt *.*` in psql; names are case-sensitive",
                );
                return Err(Failure::one(ExitStatus::Usage, diagnostic));
            }
            live.title = format!("{name} (read off schema {schema})");
            if let Ok(known) = snapshot::shipped(name) {
                live.adopt(&known);
                if let Some(version) = &known.identity.version
                    && live.tables.contains_key(&version.table)
                    && let Some(found) = schema_version(&connection.client, schema, version).await?
                {
                    live.version = found.to_string();
                }
            }
            live.catalog.clone_from(name);
            let any_sensitive = live
                .tables
                .values()
                .flat_map(|table| &table.columns)
                .any(|column| column.sensitive);
            if !any_sensitive {
                printer.data(UNMARKED);
                printer.say(UNMARKED.replace("# ", "").trim_end());
            }
            printer.data(&snapshot::to_yaml(&live));
        }
        CatalogCommand::Diff {
            database_uri,
            name,
            schema,
            mapping,
            catalogs,
            all,
        } => {
            let compiled = mapping::load(mapping.as_deref(), catalogs)?;
            return diff(database_uri, name, schema, &compiled, *all, printer).await;
        }
    }
    Ok(ExitStatus::Done)
}

async fn diff(
    uri: &str,
    name: &str,
    schema: &str,
    compiled: &Compiled,
    all: bool,
    printer: &Printer,
) -> Result<ExitStatus, Failure> {
    let (source, target) = needs(&compiled.plan, &compiled.source, &compiled.target);
    let (needed, expected) = if compiled.plan.source.name == name {
        (source, &compiled.source)
    } else if compiled.plan.target.name == name {
        (target, &compiled.target)
    } else {
        let diagnostic = Diagnostic::error(
            codes::E0615,
            format!(
                "mapping `{}` does not use a catalog `{name}`",
                compiled.plan.mapping
            ),
        )
        .help(format!(
            "name `{}` or `{}`",
            compiled.plan.source.name, compiled.plan.target.name
        ));
        return Err(Failure::one(ExitStatus::Usage, diagnostic));
    };
    let connection = reach(uri).await?;
    let names: Vec<String> = if all {
        expected.tables.keys().cloned().collect()
    } else {
        needed.tables.keys().cloned().collect()
    };
    let live = introspect(&connection.client, schema, Some(&names)).await?;
    if all {
        printer.data(&compare(expected, &live));
    }
    let mut found: Vec<_> = differences(&needed, &live)
        .into_iter()
        .map(|difference| difference.finding)
        .collect();
    findings::sort(&mut found);
    if printer.format == OutputFormat::Json {
        let mut text = serde_json::to_string_pretty(&found).unwrap_or_default();
        text.push('\n');
        printer.data(&text);
    } else {
        printer.say(findings::render(&found, None, &Accepted::default(), printer).trim_end());
    }
    let broken = found
        .iter()
        .any(|finding| finding.severity == FindingSeverity::Error);
    let verdict = match (broken, found.is_empty()) {
        (true, _) => printer.styled(Style::Error, "the mapping cannot work on this database"),
        (false, true) => printer.styled(
            Style::Good,
            "the database has everything that the mapping needs",
        ),
        (false, false) => printer.styled(Style::Warning, "the mapping can work on this database"),
    };
    printer.always(&verdict);
    Ok(match (broken, found.is_empty()) {
        (true, _) => ExitStatus::Findings,
        (false, true) => ExitStatus::Done,
        (false, false) => ExitStatus::Warnings,
    })
}

/// A shipped catalog, or one from a file.
fn find(name: &str) -> Result<Catalog, Failure> {
    let path = Path::new(name);
    if path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
    {
        let mut files = Files::new();
        let id = files.add(name, mapping::read(path)?);
        let read = snapshot::from_yaml(&files, id);
        return read.map_err(|problems| Failure {
            status: ExitStatus::Usage,
            diagnostics: problems.into_sorted(),
            files,
        });
    }
    snapshot::shipped(name)
        .map_err(|problems| Failure::new(ExitStatus::Usage, problems.into_sorted()))
}

/// A session that reads only.
async fn reach(uri: &str) -> Result<Connection, Failure> {
    let given = uri::given(uri, "--database-uri", "MAPWRIGHT_DATABASE_URI");
    let endpoint = endpoint_of("live", &given, &Environment::system())
        .map_err(|problems| Failure::new(ExitStatus::Usage, problems))?;
    let connection = connect(&endpoint).await?;
    read_only(&connection.client).await?;
    Ok(connection)
}
