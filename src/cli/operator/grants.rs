//! `check --grants`: the statements that give both sides' roles what a migration needs of them, as a
//! script of SQL or, for programs, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::catalog::Catalog;
use crate::cli::args::{CheckArgs, GrantSide, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::pg::database::read_only;
use crate::pg::grants::{Grants, source_grants};
use crate::pg::target::target_grants;
use crate::pg::{Connection, Endpoint, connect};
use crate::plan::Side;

use super::findings::wrap;
use super::preflight::Purpose;
use super::{Job, across};

/// What programs are given. A side that was not asked for, or is no PostgreSQL, is none.
#[derive(Debug, Serialize)]
struct Document {
    version: u32,
    source: Option<Grants>,
    target: Option<Grants>,
}

/// Prints the statements for the sides asked for. Changes nothing, looks at no row.
///
/// # Errors
/// Settings, connections, tables that are not there.
pub async fn print(
    args: &CheckArgs,
    wanted: GrantSide,
    printer: &Printer,
) -> Result<ExitStatus, Failure> {
    let job = Job::new(&args.sides, printer)?;
    let mut document = Document {
        version: 1,
        source: None,
        target: None,
    };
    if wanted != GrantSide::Target {
        match &job.settings.source {
            Some(endpoint) => document.source = Some(source(&job, args, endpoint).await?),
            None => printer.always("the source is no PostgreSQL: there is nothing to grant"),
        }
    }
    if wanted != GrantSide::Source {
        document.target = Some(target(&job, args).await?);
    }
    let text = if printer.format == OutputFormat::Json {
        serde_json::to_string_pretty(&document).map(|json| json + "\n")
    } else {
        Ok(script(&document))
    };
    printer.data(&text.unwrap_or_default());
    for (side, grants) in [("source", &document.source), ("target", &document.target)] {
        if let Some(grants) = grants {
            let has = if grants.complete() {
                "has all it needs"
            } else {
                "lacks some of it"
            };
            let line = format!(
                "{side}: role `{}` in database `{}` {has}",
                grants.role, grants.database
            );
            printer.say(&wrap(&line, ""));
        }
    }
    Ok(ExitStatus::Done)
}

async fn looking(endpoint: &Endpoint) -> Result<Connection, Failure> {
    let connection = connect(endpoint).await?;
    read_only(&connection.client).await?;
    Ok(connection)
}

async fn source(job: &Job, args: &CheckArgs, endpoint: &Endpoint) -> Result<Grants, Failure> {
    let mut read = also_read(job, Side::Source, &job.compiled.source);
    if job.settings.products.is_some() {
        read.extend(across::SOURCE_TABLES);
    }
    let tables = job.source_tables();
    let connection = looking(endpoint).await?;
    let grants = source_grants(
        &connection.client,
        &args.sides.source_schema,
        args.grants.source_role.as_deref(),
        &tables,
        &read,
    );
    Ok(grants.await?)
}

async fn target(job: &Job, args: &CheckArgs) -> Result<Grants, Failure> {
    let read = read_of_target(job, Purpose::Migrate);
    let tables = job.target_tables();
    let written: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
    let connection = looking(&job.settings.target).await?;
    let grants = target_grants(
        &connection.client,
        &args.sides.target_schema,
        args.grants.target_role.as_deref(),
        &written,
        &read,
    );
    Ok(grants.await?)
}

/// The tables of the target that are read. Those that are written must be owned, which is another
/// question.
pub(super) fn read_of_target(job: &Job, purpose: Purpose) -> Vec<&str> {
    let mut read = also_read(job, Side::Target, &job.compiled.target);
    if job.settings.products.is_some() {
        read.extend(across::TARGET_TABLES);
    }
    if purpose == Purpose::Compare {
        let targets = &job.program.plan.targets;
        read.extend(targets.iter().map(|target| target.table.as_str()));
    }
    read
}

/// What is read of one side besides the tables that rows are taken from or written to: the note of
/// the schema's version, and the relations held whole.
fn also_read<'j>(job: &'j Job, side: Side, catalog: &'j Catalog) -> Vec<&'j str> {
    let version = catalog.identity.version.iter();
    let broadcasts = job.program.plan.broadcasts.iter();
    version
        .map(|version| version.table.as_str())
        .chain(
            broadcasts
                .filter(|broadcast| broadcast.side == side)
                .map(|broadcast| broadcast.table.as_str()),
        )
        .collect()
}

/// Both sides as SQL with comments.
fn script(document: &Document) -> String {
    let mut parts = Vec::new();
    for (side, grants) in [("source", &document.source), ("target", &document.target)] {
        if let Some(grants) = grants {
            parts.push(side_script(side, grants));
        }
    }
    parts.join("\n")
}

fn side_script(side: &str, grants: &Grants) -> String {
    let comment = |text: &str| wrap(text, "-- ") + "\n";
    let mut text = comment(&format!(
        "{side}: role `{}` in database `{}`; to be run there as the owner of the tables or as a superuser",
        grants.role, grants.database
    ));
    for for_undo_only in [false, true] {
        let mut tables: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for owned in &grants.owns {
            if owned.for_undo_only == for_undo_only {
                tables.entry(&owned.owner).or_default().push(&owned.table);
            }
        }
        let what = if for_undo_only {
            "for `undo` alone, too"
        } else {
            "the role must own these, or be a member of the role that does"
        };
        for (owner, tables) in tables {
            text += "--\n";
            text += &comment(&format!("owned by `{owner}` ({what}):"));
            text += &wrap(&tables.join(", "), "--   ");
            text += "\n";
        }
    }
    if grants.statements.is_empty() {
        text += "-- There is nothing to grant.\n";
    }
    for statement in &grants.statements {
        let held = if statement.held {
            " (held already)"
        } else {
            ""
        };
        text += &format!(
            "\n{}{}\n",
            comment(&format!("{}{held}", statement.purpose)),
            statement.sql
        );
    }
    text
}
