//! `config generate` and `config lint`: MAS's configuration made of Synapse's, and compared with it.

use serde::Serialize;

use crate::base::{Files, counted};
use crate::cli::args::{ConfigCommand, ConfigGenerateArgs, ConfigLintArgs, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::finding_pages::group;
use crate::cli::operator::accept::Accepted;
use crate::cli::operator::findings;
use crate::cli::output_file::{IfThere, OutputFile};
use crate::cli::printer::{Printer, Style};
use crate::config::{
    CommandLine, Connections, Environment, PLACEHOLDERS, Settings, SystemSource, generate, lint,
};
use crate::diagnostics::{Finding, FindingSeverity};

/// The version of both answers in JSON; raised with every change that a reader could notice.
const SCHEMA_VERSION: u32 = 1;

/// Runs one of the commands.
///
/// # Errors
/// Settings that cannot be understood, and a file that cannot be written.
pub fn run(command: &ConfigCommand, printer: &Printer) -> Result<ExitStatus, Failure> {
    match command {
        ConfigCommand::Generate(args) => run_generate(args, printer),
        ConfigCommand::Lint(args) => run_lint(args, printer),
    }
}

/// What a command found, as JSON.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema_version: u32,
    mapwright: &'static str,
    command: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fill_in: Option<&'a [&'static str]>,
    findings: Vec<Found<'a>>,
    verdict: Verdict<'a>,
}

/// A finding, and what it is about.
#[derive(Debug, Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    group: &'static str,
}

impl<'a> Found<'a> {
    fn all(findings: &'a [Finding]) -> Vec<Self> {
        findings
            .iter()
            .map(|finding| Self {
                finding,
                group: group(&finding.id).title(),
            })
            .collect()
    }
}

/// Brings together what is about one thing: each heading stands once, and below it the order stays.
fn by_group(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| (finding.severity, group(&finding.id)));
}

#[derive(Debug, Serialize)]
struct Verdict<'a> {
    exit: u8,
    text: &'a str,
}

impl Answer<'_> {
    fn json(&self) -> String {
        // Numbers, texts and lists of them: nothing that could fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn run_generate(args: &ConfigGenerateArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let if_there = if args.force {
        IfThere::Replace
    } else {
        IfThere::Refuse
    };
    let output = args
        .output
        .as_deref()
        .map(|path| OutputFile::prepare(path, if_there))
        .transpose()?;
    let mut generated = generate(
        &args.synapse_config,
        &Environment::system(),
        &mut SystemSource::default(),
    )
    .map_err(|problems| Failure::new(ExitStatus::Usage, problems))?;
    by_group(&mut generated.findings);
    match &output {
        Some(output) => output.write(generated.text.reveal())?,
        None => printer.data(generated.text.reveal()),
    }
    let written = args.output.as_ref().map(|path| path.display().to_string());
    let text = format!(
        "{}; {}; fill in {}",
        match &written {
            Some(path) => format!("written: {path}"),
            None => "written to stdout".to_owned(),
        },
        match generated.findings.len() as u64 {
            0 => "no warnings".to_owned(),
            count => format!("{} to read", counted(count, "warning")),
        },
        generated.fill_in.join(", ")
    );
    if printer.format == OutputFormat::Json {
        let answer = Answer {
            schema_version: SCHEMA_VERSION,
            mapwright: env!("CARGO_PKG_VERSION"),
            command: "config generate",
            output: written.clone(),
            fill_in: Some(&generated.fill_in),
            findings: Found::all(&generated.findings),
            verdict: Verdict {
                exit: ExitStatus::Done.code(),
                text: &text,
            },
        };
        // Where stdout carries the configuration, the answer goes beside it.
        match written {
            Some(_) => printer.data(&answer.json()),
            None => printer.record(&serde_json::to_string(&answer).unwrap_or_default()),
        }
        return Ok(ExitStatus::Done);
    }
    say(&generated.findings, printer);
    findings::print_verdict(Style::Good, &text, printer);
    Ok(ExitStatus::Done)
}

fn run_lint(args: &ConfigLintArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let environment = Environment::system();
    let line = CommandLine {
        synapse_config: args.synapse_config.clone(),
        mas_config: args.config.clone(),
        connections: Connections::NotNeeded,
        ..CommandLine::default()
    };
    let usage = |problems| Failure::new(ExitStatus::Usage, problems);
    let settings = Settings::resolve(&line, &environment).map_err(usage)?;
    let mut found = lint(&settings, &environment).map_err(usage)?;
    by_group(&mut found);
    let errors = found
        .iter()
        .filter(|finding| finding.severity == FindingSeverity::Error)
        .count() as u64;
    let warnings = found.len() as u64 - errors;
    let (status, style) = match (errors, warnings) {
        (0, 0) => (ExitStatus::Done, Style::Good),
        (0, _) => (ExitStatus::Warnings, Style::Warning),
        _ => (ExitStatus::Findings, Style::Error),
    };
    let text = came_to(&found, errors, warnings);
    if printer.format == OutputFormat::Json {
        printer.data(
            &Answer {
                schema_version: SCHEMA_VERSION,
                mapwright: env!("CARGO_PKG_VERSION"),
                command: "config lint",
                output: None,
                fill_in: None,
                findings: Found::all(&found),
                verdict: Verdict {
                    exit: status.code(),
                    text: &text,
                },
            }
            .json(),
        );
    } else {
        say(&found, printer);
    }
    printer.diagnostics(&Files::new(), &settings.warnings);
    findings::print_verdict(style, &text, printer);
    Ok(status)
}

/// What a comparison of both configurations comes to.
fn came_to(found: &[Finding], errors: u64, warnings: u64) -> String {
    let unfilled = found.iter().find(|finding| finding.id == PLACEHOLDERS);
    let differences = warnings - u64::from(unfilled.is_some());
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(format!(
            "{} that would stop a migration",
            counted(errors, "error")
        ));
    }
    if differences > 0 {
        parts.push(format!("{} in meaning", counted(differences, "difference")));
    }
    if let Some(unfilled) = unfilled {
        parts.push(format!("{} to fill in", counted(unfilled.count, "value")));
    }
    if parts.is_empty() {
        "the same: MAS's configuration means what Synapse's does".to_owned()
    } else {
        parts.join(", ")
    }
}

fn say(found: &[Finding], printer: &Printer) {
    if !found.is_empty() {
        printer.say(findings::render(found, None, &Accepted::default(), printer).trim_end());
    }
}
