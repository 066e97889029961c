//! `migrate`: everything, or nothing.

use std::path::PathBuf;
use std::time::Instant;

use crate::cli::args::{MigrateArgs, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::accept::{Accepted, Standing};
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::migration::{End, Migration, interrupted};
use crate::cli::operator::next_steps::{self, Invocation, RehearsedBy};
use crate::cli::operator::preflight::{Purpose, Schemas, look};
use crate::cli::operator::report::{self, Frame, Verdict};
use crate::cli::operator::{Job, Outcome, findings, table};
use crate::cli::printer::{Printer, Style};
use crate::config::DataFacts;
use crate::diagnostics::{Finding, FindingSeverity};

use super::check::{describe, with_report};

/// Moves the rows, or says why not.
///
/// # Errors
/// What made it impossible; the target is as it was then, unless the outcome of COMMIT is unknown.
pub async fn run(args: &MigrateArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let sides = &args.sides;
    let mut job = Job::new(sides, printer)?;
    job.accepted = Accepted::read(&args.findings, &job.compiled.plan)?;
    let mut inputs = sides.inputs();
    inputs.extend(args.findings.accept_file.iter().map(PathBuf::as_path));
    report::writable(&args.report, &inputs)?;
    let started_at = jiff::Timestamp::now();
    let mut frame = Frame {
        command: "migrate",
        dry_run: args.dry_run,
        started_at,
        sides: [None, None],
    };
    let mut interrupts = Interrupts::listen();
    let mut outcome = Outcome::default();
    let ended = Box::pin(attempt(
        &job,
        args,
        &mut frame,
        &mut outcome,
        &mut interrupts,
        printer,
    ))
    .await;
    findings::sort(&mut outcome.findings);
    let end = match ended {
        Ok(end) => end,
        Err(mut failure) => {
            let Some(status) = interrupts.received() else {
                return Err(with_report(&job, &args.report, &frame, failure, printer));
            };
            let text = if failure.status == ExitStatus::OutcomeUnknown {
                "interrupted while COMMIT was under way; its outcome is unknown"
            } else {
                failure.status = status;
                // What broke because of the interruption is no news.
                failure.diagnostics.clear();
                "interrupted; everything was rolled back, nothing was changed"
            };
            let failure = with_report(&job, &args.report, &frame, failure, printer);
            printer.diagnostics(&failure.files, &failure.diagnostics);
            printer.always(text);
            return Err(Failure::new(failure.status, Vec::new()));
        }
    };
    show(&job, &outcome, printer);
    let (status, text, style) = match end {
        End::Committed => (
            ExitStatus::Done,
            format!(
                "migrated: {} in the target, committed",
                table::rows_that(total(&outcome), "is", "are")
            ),
            Style::Good,
        ),
        End::RolledBack => (
            ExitStatus::Done,
            format!(
                "dry run: {} written and rolled back, nothing was changed",
                table::rows_that(total(&outcome), "was", "were")
            ),
            Style::Good,
        ),
        End::Refused => (
            ExitStatus::Findings,
            if findings::any_error(&outcome.findings) {
                "not migrated: the errors above must be mended first; nothing was changed"
            } else {
                "not migrated: warnings that are not accepted are denied (--deny-warnings); nothing was changed"
            }
            .to_owned(),
            Style::Error,
        ),
    };
    let verdict = Verdict {
        exit: status.code(),
        committed: end == End::Committed,
        text: text.clone(),
        problems: Vec::new(),
    };
    let mut report = report::report(&job, &outcome, &frame, verdict);
    let invocation = Invocation {
        sides,
        findings: &args.findings,
        reports: &args.report,
    };
    report.next_steps = match end {
        End::Committed => next_steps::after_commit(&job, &invocation),
        End::RolledBack => next_steps::before(&job, &invocation, RehearsedBy::DryRun),
        End::Refused => Vec::new(),
    };
    if !report.next_steps.is_empty() {
        printer.say(&next_steps::render(&report.next_steps, args.proxy));
    }
    if printer.format == OutputFormat::Json {
        printer.data(&report::json(&report));
    }
    printer.always(&printer.styled(style, &text));
    if let Err(failure) = report::write(&args.report, &report) {
        // What was committed stays; only its report is missing.
        printer.diagnostics(&failure.files, &failure.diagnostics);
    }
    Ok(status)
}

fn total(outcome: &Outcome) -> u64 {
    outcome.written.iter().sum()
}

async fn attempt(
    job: &Job,
    args: &MigrateArgs,
    frame: &mut Frame,
    outcome: &mut Outcome,
    interrupts: &mut Interrupts,
    printer: &Printer,
) -> Result<End, Failure> {
    describe(job, printer);
    let Some(source) = &job.settings.source else {
        outcome.findings = job.settings.config_findings(DataFacts {
            has_bcrypt_hash: true,
        });
        return Ok(End::Refused);
    };
    let schemas = Schemas {
        source: &args.sides.source_schema,
        target: &args.sides.target_schema,
    };
    let begun = Instant::now();
    let looked = tokio::select! {
        looked = look(job, source, schemas, Purpose::Migrate) => looked?,
        _ = interrupts.wait() => return Err(interrupted()),
    };
    frame.sides.clone_from(&looked.sides);
    outcome
        .phases
        .push(("look at both databases".to_owned(), begun.elapsed()));
    // What the configurations forbid is known before a row is read; what hangs on the rows is asked
    // again when they are.
    outcome.findings.clone_from(&looked.findings);
    outcome
        .findings
        .extend(job.settings.config_findings(DataFacts {
            has_bcrypt_hash: false,
        }));
    if job.accepted.standing(&outcome.findings) == Standing::Blocked || !looked.readable {
        return Ok(End::Refused);
    }
    let migration = Migration {
        job,
        args,
        source,
        schemas,
        printer,
    };
    Box::pin(migration.run(looked, outcome, interrupts)).await
}

fn show(job: &Job, outcome: &Outcome, printer: &Printer) {
    printer.say("");
    if let Some(run) = &outcome.run {
        printer.say(&table::ledger(run));
    }
    let errors: Vec<Finding> = outcome
        .findings
        .iter()
        .filter(|finding| finding.severity == FindingSeverity::Error)
        .cloned()
        .collect();
    if !errors.is_empty() {
        let text = findings::render(&errors, outcome.run.as_ref(), &job.accepted, printer);
        // One empty line after it, not two.
        printer.always(text.trim_end_matches('\n'));
        printer.say("");
    }
    let warnings = findings::brief(&outcome.findings, &job.accepted, printer);
    if !warnings.is_empty() {
        printer.say(&warnings);
    }
    if outcome.written.iter().any(|rows| *rows > 0) {
        printer.say(&table::digests(
            &job.program.plan,
            &outcome.written,
            &outcome.digests,
        ));
        printer.say(&table::phases(&outcome.phases));
    }
}
