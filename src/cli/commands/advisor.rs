//! `advisor`: what a migration of this Synapse will meet, from Synapse's side alone.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::Files;
use crate::cli::args::{AdvisorArgs, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::mapping::{self, Compiled};
use crate::cli::operator::advice::{self, Advice, Level, Numbers};
use crate::cli::operator::events::Events;
use crate::cli::operator::forecast::Forecast;
use crate::cli::operator::preflight::look_at_source;
use crate::cli::operator::progress::{Audience, Progress};
use crate::cli::operator::rehearsal::{REHEARSE, scanned};
use crate::cli::operator::reject_list::RejectList;
use crate::cli::operator::watch::Watch;
use crate::cli::operator::{across, connector, findings, rejects, scan_queries};
use crate::cli::printer::{Printer, Style};
use crate::cli::uri;
use crate::config::{CommandLine, Environment, SynapseSettings, synapse_findings};
use crate::diagnostics::{Diagnostic, Finding};
use crate::pg::source::{PgSource, SourceLock, SourceOptions};
use crate::pg::{Endpoint, connect};
use crate::plan::Side;
use crate::run::{Inputs, Limits, NoSink, run as run_plan};
use crate::types::{OwnedValue, SeverityValue};

/// The version of the answer in JSON; raised with every change that a reader could notice.
const SCHEMA_VERSION: u32 = 1;

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema_version: u32,
    mapwright: &'static str,
    command: &'static str,
    lines: &'a [Advice],
    verdict: Verdict<'a>,
}

#[derive(Debug, Serialize)]
struct Verdict<'a> {
    exit: u8,
    text: &'a str,
}

/// Looks at Synapse and says what it found.
///
/// # Errors
/// What makes looking impossible: settings, a connection, a database that breaks.
pub async fn run(args: &AdvisorArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let given = args.source_database_uri.as_deref();
    let given = given
        .map(|text| {
            uri::given(
                text,
                "--synapse-database-uri",
                "MAPWRIGHT_SOURCE_DATABASE_URI",
            )
        })
        .or_else(|| uri::from_variable("MAPWRIGHT_SYNAPSE_DATABASE_URI"));
    let line = CommandLine {
        synapse_config: args.synapse_config.clone(),
        synapse_database_uri: given,
        ..CommandLine::default()
    };
    let settings = SynapseSettings::resolve(&line, &Environment::system())
        .map_err(|problems| Failure::new(ExitStatus::Usage, problems))?;
    let compiled = mapping::load(None, &[])?;
    let has_source = line.synapse_database_uri.is_some();
    let mut findings = synapse_findings(&settings.synapse, has_source);
    let mut rehearsal = None;
    if let Some(source) = &settings.source {
        printer.say(&source.describe());
        printer.say("");
        printer.warnings(&crate::base::Files::new(), &settings.warnings);
        rehearsal = rehearsed(args, &settings, compiled, source, &mut findings, printer).await?;
    }
    let (numbers, places) = rehearsal.unzip();
    let lines = advice::advice(&settings.synapse, &findings, numbers.as_ref());
    Ok(tell(&lines, places.as_ref(), printer))
}

/// Where in the mapping rows were rejected.
type Places = (Files, Vec<Diagnostic>);

/// Sends every row through the mapping, into nothing, as if MAS knew no provider at all; gives `None` if
/// the database does not have what that takes, and adds what was found.
async fn rehearsed(
    args: &AdvisorArgs,
    settings: &SynapseSettings,
    compiled: Compiled,
    source: &Endpoint,
    findings: &mut Vec<Finding>,
    printer: &Printer,
) -> Result<Option<(Numbers, Places)>, Failure> {
    let connection = connect(source).await?;
    let seen = look_at_source(&connection, &compiled, &args.source_schema).await?;
    findings.extend(seen.findings);
    if !seen.readable {
        return Ok(None);
    }
    let known = BTreeMap::from([
        (
            "server_name".to_owned(),
            OwnedValue::Text(settings.server_name.value.clone()),
        ),
        (
            "migrated_at".to_owned(),
            OwnedValue::Timestamp(jiff::Timestamp::now().as_microsecond()),
        ),
        // No provider is known: the links are told by another line.
        (
            "missing_providers".to_owned(),
            OwnedValue::Severity(SeverityValue::Quiet),
        ),
    ]);
    let Compiled { files, plan, .. } = compiled;
    let program = mapping::program(plan, known, &[])?;
    let plan = &program.plan;
    let connect = connector(source);
    let options = SourceOptions {
        own_sessions: vec![connection.facts.backend_pid],
        ..SourceOptions::new(args.source_schema.as_str(), SourceLock::Shared)
    };
    let tables: Vec<&str> = plan.scans.iter().map(|scan| scan.table.as_str()).collect();
    let reader = PgSource::open(&connect, &options, &tables).await?;
    let mut broadcasts = Vec::new();
    for broadcast in &plan.broadcasts {
        broadcasts.push(match broadcast.side {
            Side::Source => {
                let columns: Vec<String> = (broadcast.columns.iter())
                    .map(|column| column.name.clone())
                    .collect();
                reader
                    .load(&broadcast.table, &columns, broadcast.limit)
                    .await?
            }
            // What MAS holds is not asked for, and no link gets so far.
            Side::Target => Vec::new(),
        });
    }
    let mut scans = reader.scan(&connect, &scan_queries(plan)).await?;
    let audience = Audience {
        printer,
        events: &Events::default(),
    };
    let rows = scanned(plan, &reader).await?;
    let progress = Progress::new(&audience, "rehearsing", REHEARSE, rows);
    let mut watch = Watch {
        progress: progress.clone(),
        // Whether MAS asks for passwords changes none of the numbers that are told.
        forecast: Forecast::new(&program, true),
        rejects: RejectList::default(),
    };
    let inputs = Inputs {
        program: &program,
        broadcasts,
        limits: Limits {
            partition: args.max_partition_memory.saturating_mul(1024 * 1024),
            ..Limits::default()
        },
    };
    let mut sink = NoSink;
    let pass = run_plan(inputs, &mut scans, &mut sink, &mut watch);
    let outcome = progress.beside(pass).await;
    watch.finish();
    let report = outcome.map_err(|diagnostic| Failure::one(ExitStatus::Unexpected, *diagnostic))?;
    let links = across::provider_links(reader.leader(), &args.source_schema).await?;
    reader.release().await?;
    let places = (files, rejects::builtin(plan, &report));
    findings.extend(report.findings(&program));
    let accounts = watch.forecast.map(|forecast| forecast.accounts);
    let accounts = accounts.unwrap_or_default();
    Ok(Some((Numbers::of(plan, &report, accounts, links), places)))
}

/// `places` are there if the rows were looked at.
fn tell(lines: &[Advice], places: Option<&Places>, printer: &Printer) -> ExitStatus {
    let count = |level| lines.iter().filter(|line| line.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warn));
    let (status, style) = match (errors, warnings) {
        (0, 0) => (ExitStatus::Done, Style::Good),
        (0, _) => (ExitStatus::Warnings, Style::Warning),
        _ => (ExitStatus::Findings, Style::Error),
    };
    let rows = if places.is_some() {
        "every row was looked at"
    } else {
        "the rows were not looked at"
    };
    let text = format!(
        "{errors} ERROR, {warnings} WARN; {rows}, nothing was changed; `mapwright check` says what MAS has to do with it"
    );
    if printer.format == OutputFormat::Json {
        let answer = Answer {
            schema_version: SCHEMA_VERSION,
            mapwright: env!("CARGO_PKG_VERSION"),
            command: "advisor",
            lines,
            verdict: Verdict {
                exit: status.code(),
                text: &text,
            },
        };
        // Numbers, texts and lists of them: nothing that could fail.
        let json = serde_json::to_string_pretty(&answer).unwrap_or_default();
        printer.data(&format!("{json}\n"));
    } else {
        // A program reads a line for each; people see where each begins.
        let shown = |line: &Advice| {
            let line = line.line();
            if printer.data_on_terminal() {
                findings::wrap_below(&line, "      ")
            } else {
                line
            }
        };
        let text: String = lines.iter().map(|line| shown(line) + "\n").collect();
        printer.data(&text);
    }
    if let Some((files, places)) = places {
        findings::print_places(places, files, printer);
    }
    findings::print_verdict(style, &text, printer);
    status
}
