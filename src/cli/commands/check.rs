//! `check`: would a migration succeed, and what would it leave out?

use crate::cli::args::{CheckArgs, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::preflight::{Purpose, Schemas, look};
use crate::cli::operator::report::{self, Frame, Verdict};
use crate::cli::operator::{Job, Outcome, findings, rehearsal, table};
use crate::cli::printer::{Printer, Style};
use crate::config::{DataFacts, config_findings};
use crate::diagnostics::Finding;

/// Looks at everything and says what it found.
///
/// # Errors
/// What makes looking impossible: settings, connections, a database that breaks.
pub async fn run(args: &CheckArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let sides = &args.sides;
    let started_at = jiff::Timestamp::now();
    let job = Job::new(sides, printer)?;
    report::writable(args.report.as_deref(), &sides.inputs())?;
    let mut frame = Frame {
        command: "check",
        dry_run: false,
        started_at,
        sides: [None, None],
    };
    let mut interrupts = Interrupts::listen();
    let looked = tokio::select! {
        looked = look_at_all(&job, args, &mut frame, printer) => looked,
        status = interrupts.wait() => {
            let failure = Failure::new(status, Vec::new());
            let failure = with_report(&job, args.report.as_deref(), &frame, failure, printer);
            printer.always("interrupted; nothing was changed");
            return Err(failure);
        }
    };
    let mut outcome = match looked {
        Ok(outcome) => outcome,
        Err(failure) => {
            return Err(with_report(
                &job,
                args.report.as_deref(),
                &frame,
                failure,
                printer,
            ));
        }
    };
    sort(&mut outcome.findings);
    let status = if findings::any_error(&outcome.findings) {
        ExitStatus::Findings
    } else if outcome.findings.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Warnings
    };
    let text = verdict(&outcome);
    show(&outcome, printer);
    let verdict = Verdict {
        exit: status.code(),
        committed: false,
        text: text.clone(),
        problems: Vec::new(),
    };
    let report = report::report(&job, &outcome, &frame, verdict);
    if let Some(path) = &args.report {
        report::write(path, &report)?;
    }
    if printer.format == OutputFormat::Json {
        printer.data(&report::json(&report));
    }
    let style = match status {
        ExitStatus::Done => Style::Good,
        ExitStatus::Findings => Style::Error,
        _ => Style::Warning,
    };
    printer.always(&printer.styled(style, &text));
    Ok(status)
}

async fn look_at_all(
    job: &Job,
    args: &CheckArgs,
    frame: &mut Frame,
    printer: &Printer,
) -> Result<Outcome, Failure> {
    let sides = &args.sides;
    let mut outcome = Outcome::default();
    describe(job, printer);
    let Some(source) = &job.settings.source else {
        // SQLite: the configuration alone can be judged.
        outcome.findings = config_findings(
            &job.settings,
            DataFacts {
                has_bcrypt_hash: true,
            },
        );
        return Ok(outcome);
    };
    let schemas = Schemas {
        source: &sides.synapse_schema,
        target: &sides.mas_schema,
    };
    let begun = std::time::Instant::now();
    let mut looked = look(job, source, schemas, Purpose::Migrate).await?;
    frame.sides.clone_from(&looked.sides);
    outcome
        .phases
        .push(("look at both databases".to_owned(), begun.elapsed()));
    if looked.readable {
        let begun = std::time::Instant::now();
        outcome.run = Some(rehearsal::rehearse(job, source, schemas, &mut looked, printer).await?);
        outcome
            .phases
            .push(("rehearse every row".to_owned(), begun.elapsed()));
    } else {
        looked.findings.extend(config_findings(
            &job.settings,
            DataFacts {
                has_bcrypt_hash: true,
            },
        ));
    }
    outcome.findings = looked.findings;
    Ok(outcome)
}

/// Says where both sides lead, and where each setting came from.
pub(super) fn describe(job: &Job, printer: &Printer) {
    if let Some(source) = &job.settings.source {
        printer.say(&source.describe());
    }
    printer.say(&job.settings.target.describe());
    printer.say("");
    printer.diagnostics(&crate::base::Files::new(), &job.settings.warnings);
}

/// Errors first, then by how many rows they concern.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|left, right| {
        let key = |finding: &Finding| {
            (
                finding.severity,
                std::cmp::Reverse(finding.count),
                finding.id.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
}

fn show(outcome: &Outcome, printer: &Printer) {
    if let Some(run) = &outcome.run {
        printer.say(&table::ledger(run));
    }
    printer.say(findings::render(&outcome.findings, printer).trim_end());
}

fn verdict(outcome: &Outcome) -> String {
    let errors = outcome
        .findings
        .iter()
        .filter(|finding| finding.severity == crate::diagnostics::FindingSeverity::Error)
        .count();
    let warnings = outcome.findings.len() - errors;
    let rehearsed = match &outcome.run {
        Some(run) => format!(
            "{} rows were rehearsed",
            table::thousands(run.read.iter().sum())
        ),
        None => "the rows were not rehearsed".to_owned(),
    };
    match (errors, warnings) {
        (0, 0) => format!("ready to migrate: no findings; {rehearsed}, nothing was changed"),
        (0, warnings) => format!(
            "ready to migrate, {} to read; {rehearsed}, nothing was changed",
            plural(warnings, "warning")
        ),
        (errors, warnings) => format!(
            "not ready to migrate: {} to mend, {}; {rehearsed}, nothing was changed",
            plural(errors, "error"),
            plural(warnings, "warning")
        ),
    }
}

fn plural(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// Gives out the report of a command that failed, to its file and for programs to stdout; the failure
/// stays the answer.
pub(super) fn with_report(
    job: &Job,
    path: Option<&std::path::Path>,
    frame: &Frame,
    failure: Failure,
    printer: &Printer,
) -> Failure {
    let json = printer.format == OutputFormat::Json;
    if path.is_none() && !json {
        return failure;
    }
    let text = match failure.status {
        ExitStatus::OutcomeUnknown => "failed; whether the target was changed is unknown",
        ExitStatus::Interrupted | ExitStatus::Terminated => "interrupted; nothing was changed",
        _ => "failed; nothing was changed",
    };
    let verdict = Verdict {
        exit: failure.status.code(),
        committed: false,
        text: text.to_owned(),
        problems: failure.diagnostics.iter().map(Into::into).collect(),
    };
    let report = report::report(job, &Outcome::default(), frame, verdict);
    if json {
        printer.data(&report::json(&report));
    }
    if let Some(path) = path
        && let Err(mut unwritten) = report::write(path, &report)
    {
        unwritten.status = failure.status;
        unwritten.diagnostics.splice(0..0, failure.diagnostics);
        return unwritten;
    }
    failure
}
