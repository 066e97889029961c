//! `migrate`: everything, or nothing.

use std::path::{Path, PathBuf};

use crate::cli::args::{MigrateArgs, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::accept::{Accepted, Standing};
use crate::cli::operator::connected;
use crate::cli::operator::events::Events;
use crate::cli::operator::files;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::migration::{End, Migration, interrupted};
use crate::cli::operator::next_steps::{self, Invocation, RehearsedBy};
use crate::cli::operator::preflight::{LOOK, Purpose, Schemas, look_in_time};
use crate::cli::operator::progress::Audience;
use crate::cli::operator::reject_list::RejectList;
use crate::cli::operator::report::{self, Frame, Verdict};
use crate::cli::operator::waiting::patience;
use crate::cli::operator::{Job, Outcome, findings, table};
use crate::cli::printer::{Printer, Style};
use crate::config::{BcryptHashes, DataFacts};
use crate::diagnostics::{Finding, FindingSeverity};

use super::check::{describe, with_report};

/// Moves the rows, or says why not.
///
/// # Errors
/// What made it impossible; the target is as it was then, unless the outcome of COMMIT is unknown.
pub async fn run(args: &MigrateArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let mut inputs = args.sides.inputs();
    inputs.extend(args.findings.accept_file.iter().map(PathBuf::as_path));
    let path = args.events.as_deref();
    let events = Events::begin(path, &inputs, "migrate", args.dry_run, printer)?;
    let audience = Audience {
        printer,
        events: &events,
    };
    let ended = Box::pin(told(args, inputs, &audience)).await;
    events.end(&ended, printer);
    ended
}

async fn told(
    args: &MigrateArgs,
    mut inputs: Vec<&Path>,
    audience: &Audience<'_>,
) -> Result<ExitStatus, Failure> {
    let Audience { printer, events } = *audience;
    let sides = &args.sides;
    let mut job = Job::new(sides, printer)?;
    job.accepted = Accepted::read(&args.findings, &job.compiled.plan)?;
    job.allow_rejects(args.rejects.max_rejects.unwrap_or_default());
    events.mapping(&job);
    inputs.extend(args.events.as_deref());
    files::writable(&args.report, &inputs)?;
    inputs.extend(args.report.iter().map(PathBuf::as_path));
    let rejects = RejectList::begin(args.rejects.rejects.as_deref(), &inputs, &job, printer)?;
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
        &rejects,
        &mut frame,
        &mut outcome,
        &mut interrupts,
        audience,
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
    job.accepted = job.accepted_after(outcome.run.as_ref());
    show(&job, &outcome, printer);
    // Whoever reads only the last line learns that it was not everything.
    let left_out = match &outcome.run {
        Some(run) if job.leaves_out(run) => format!("; {}", table::left_out(run, "were")),
        Some(_) | None => String::new(),
    };
    let well = if left_out.is_empty() {
        Style::Good
    } else {
        Style::Warning
    };
    let (status, text, style) = match end {
        End::Committed => (
            ExitStatus::Done,
            format!(
                "migrated: {} in the target, committed{left_out}",
                table::rows_that(total(&outcome), "is", "are")
            ),
            well,
        ),
        End::RolledBack => (
            ExitStatus::Done,
            format!(
                "dry run: {} written and rolled back, nothing was changed{left_out}",
                table::rows_that(total(&outcome), "was", "were")
            ),
            well,
        ),
        End::Refused => (ExitStatus::Findings, refusal(&job, &outcome), Style::Error),
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
        max_rejects: args.rejects.max_rejects.as_ref().map(ToString::to_string),
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
    events.conclude(&report);
    if printer.format == OutputFormat::Json {
        printer.data(&report::json(&report));
    }
    findings::print_verdict(style, &text, printer);
    if let Err(failure) = files::write(&args.report, &report) {
        // What was committed stays; only its report is missing.
        printer.diagnostics(&failure.files, &failure.diagnostics);
    }
    Ok(status)
}

/// Why nothing was migrated.
fn refusal(job: &Job, outcome: &Outcome) -> String {
    let rejected = outcome
        .run
        .as_ref()
        .filter(|run| run.rejected > 0 && !job.leaves_out(run) && !job.reject_limit.is_none());
    let why = if let Some(run) = rejected {
        job.reject_limit.exceeded(run.rejected)
    } else if outcome
        .findings
        .iter()
        .any(|finding| job.accepted.blocks(finding))
    {
        "the errors above must be mended first".to_owned()
    } else {
        "warnings that are not accepted are denied (--deny-warnings)".to_owned()
    };
    format!("not migrated: {why}; nothing was changed")
}

fn total(outcome: &Outcome) -> u64 {
    outcome.written.iter().sum()
}

async fn attempt(
    job: &Job,
    args: &MigrateArgs,
    rejects: &RejectList,
    frame: &mut Frame,
    outcome: &mut Outcome,
    interrupts: &mut Interrupts,
    audience: &Audience<'_>,
) -> Result<End, Failure> {
    let Audience { printer, events } = *audience;
    describe(job, printer);
    let Some(source) = &job.settings.source else {
        outcome.findings = job.settings.config_findings(DataFacts {
            bcrypt_hashes: BcryptHashes::Perhaps,
        });
        return Ok(End::Refused);
    };
    let schemas = Schemas {
        source: &args.sides.source_schema,
        target: &args.sides.target_schema,
    };
    let patience = patience(args.wait_lock, audience);
    let step = events.step(LOOK);
    let looked = tokio::select! {
        looked = look_in_time(job, source, schemas, Purpose::Migrate, &patience) => looked?,
        _ = interrupts.wait() => return Err(interrupted()),
    };
    frame.sides.clone_from(&looked.sides);
    outcome.phases.push(step.end());
    events.databases(&looked.sides);
    connected::tell(job, source, &looked, printer);
    if args.dry_run {
        connected::who_may_write(&looked, printer);
    }
    // What the configurations forbid is known before a row is read; what hangs on the rows is asked
    // again when they are.
    outcome.findings.clone_from(&looked.findings);
    outcome
        .findings
        .extend(job.settings.config_findings(DataFacts {
            bcrypt_hashes: BcryptHashes::None,
        }));
    if job.accepted.standing(&outcome.findings) == Standing::Blocked || !looked.readable {
        return Ok(End::Refused);
    }
    let migration = Migration {
        job,
        args,
        source,
        schemas,
        rejects,
        patience,
        audience,
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
    findings::print_places(&outcome.rejected, &job.compiled.files, printer);
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
