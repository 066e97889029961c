//! `check`: would a migration succeed, and what would it leave out?

use std::path::{Path, PathBuf};

use crate::cli::args::{CheckArgs, OutputFormat, Proxy};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::accept::{Acceptance, Accepted, Standing};
use crate::cli::operator::connected;
use crate::cli::operator::events::Events;
use crate::cli::operator::files;
use crate::cli::operator::grants;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::lockout::Lockout;
use crate::cli::operator::next_steps::{self, Invocation, RehearsedBy};
use crate::cli::operator::preflight::{LOOK, Looked, Purpose, Schemas, look};
use crate::cli::operator::progress::Audience;
use crate::cli::operator::rehearsal::REHEARSE;
use crate::cli::operator::reject_list::RejectList;
use crate::cli::operator::report::{self, Frame, Verdict};
use crate::cli::operator::{Job, Outcome, findings, rehearsal, rejects, table};
use crate::cli::printer::{Printer, Style};
use crate::config::{BcryptHashes, DataFacts};
use crate::diagnostics::{Finding, FindingSeverity, codes};
use crate::pg::source::may_lock;

/// Looks at everything and says what it found.
///
/// # Errors
/// What makes looking impossible: settings, connections, a database that breaks.
pub async fn run(args: &CheckArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    if let Some(id) = &args.explain_finding {
        return super::explain::finding(id, printer);
    }
    if let Some(side) = args.grants.grants {
        return grants::print(args, side, printer).await;
    }
    let inputs = inputs(args);
    let events = Events::begin(args.events.as_deref(), &inputs, "check", false, printer)?;
    let audience = Audience {
        printer,
        events: &events,
    };
    let ended = Box::pin(told(args, inputs, &audience)).await;
    events.end(&ended, printer);
    ended
}

/// The files that are read.
fn inputs(args: &CheckArgs) -> Vec<&Path> {
    let mut inputs = args.sides.inputs();
    inputs.extend(args.findings.accept_file.iter().map(PathBuf::as_path));
    inputs
}

async fn told(
    args: &CheckArgs,
    mut inputs: Vec<&Path>,
    audience: &Audience<'_>,
) -> Result<ExitStatus, Failure> {
    let Audience { printer, events } = *audience;
    let sides = &args.sides;
    let started_at = jiff::Timestamp::now();
    let mut job = Job::new(sides, printer)?;
    job.accepted = Accepted::read(&args.findings, &job.compiled.plan)?;
    job.allow_rejects(args.rejects.max_rejects.unwrap_or_default());
    events.mapping(&job);
    inputs.extend(args.events.as_deref());
    files::writable(&args.report, &inputs)?;
    // A file may be renewed from itself.
    let mut others = sides.inputs();
    others.extend(args.events.as_deref());
    files::writable(&args.write_accept_file, &others)?;
    if let Some(path) = &args.write_accept_file {
        job.accepted.keep_notes(path)?;
    }
    let list = match &args.lockout_csv {
        Some(path) => {
            files::apart(path, &inputs)?;
            Some(Lockout::begin(path)?)
        }
        None => None,
    };
    inputs.extend(args.report.iter().map(PathBuf::as_path));
    let outputs = [&args.write_accept_file, &args.lockout_csv];
    inputs.extend(outputs.into_iter().flatten().map(PathBuf::as_path));
    let rejects = RejectList::begin(args.rejects.rejects.as_deref(), &inputs, &job, printer)?;
    let mut frame = Frame {
        command: "check",
        dry_run: false,
        started_at,
        sides: [None, None],
    };
    let mut interrupts = Interrupts::listen();
    let looked = tokio::select! {
        looked = look_at_all(&job, args, list, &rejects, &mut frame, audience) => looked,
        status = interrupts.wait() => {
            let failure = Failure::new(status, Vec::new());
            let failure = with_report(&job, &args.report, &frame, failure, printer);
            printer.always("interrupted; nothing was changed");
            return Err(failure);
        }
    };
    let mut outcome = match looked {
        Ok(outcome) => outcome,
        Err(failure) => {
            return Err(with_report(&job, &args.report, &frame, failure, printer));
        }
    };
    findings::sort(&mut outcome.findings);
    job.accepted = job.accepted_after(outcome.run.as_ref());
    let status = match job.accepted.standing(&outcome.findings) {
        Standing::Blocked => ExitStatus::Findings,
        Standing::Warnings => ExitStatus::Warnings,
        Standing::Clean => ExitStatus::Done,
    };
    let text = verdict(&job, &outcome, status);
    show(&job, &outcome, printer);
    if let Some(path) = &args.write_accept_file {
        if outcome.run.is_some() {
            job.accepted.write_file(path, &outcome.findings)?;
        } else {
            // A list without the findings about rows would look as if there were none.
            printer.always("no list of warnings is written: the rows could not be rehearsed");
        }
    }
    let verdict = Verdict {
        exit: status.code(),
        committed: false,
        text: text.clone(),
        problems: Vec::new(),
    };
    let mut report = report::report(&job, &outcome, &frame, verdict);
    if status != ExitStatus::Findings {
        let invocation = Invocation {
            sides,
            findings: &args.findings,
            max_rejects: args.rejects.max_rejects.as_ref().map(ToString::to_string),
            reports: &args.report,
        };
        report.next_steps = next_steps::before(&job, &invocation, RehearsedBy::Check);
        printer.say(&next_steps::render(&report.next_steps, Proxy::default()));
    }
    events.conclude(&report);
    files::write(&args.report, &report)?;
    if printer.format == OutputFormat::Json {
        printer.data(&report::json(&report));
    }
    let style = match status {
        ExitStatus::Done => Style::Good,
        ExitStatus::Findings => Style::Error,
        _ => Style::Warning,
    };
    findings::print_verdict(style, &text, printer);
    Ok(status)
}

async fn look_at_all(
    job: &Job,
    args: &CheckArgs,
    list: Option<Lockout>,
    rejects: &RejectList,
    frame: &mut Frame,
    audience: &Audience<'_>,
) -> Result<Outcome, Failure> {
    let Audience { printer, events } = *audience;
    let sides = &args.sides;
    let mut outcome = Outcome::default();
    describe(job, printer);
    let Some(source) = &job.settings.source else {
        // SQLite: the configuration alone can be judged.
        outcome.findings = job.settings.config_findings(DataFacts {
            bcrypt_hashes: BcryptHashes::Perhaps,
        });
        return Ok(outcome);
    };
    let schemas = Schemas {
        source: &sides.source_schema,
        target: &sides.target_schema,
    };
    let step = events.step(LOOK);
    let mut looked = look(job, source, schemas, Purpose::Migrate).await?;
    frame.sides.clone_from(&looked.sides);
    outcome.phases.push(step.end());
    events.databases(&looked.sides);
    connected::tell(job, source, &looked, printer);
    connected::who_may_write(&looked, printer);
    if looked.readable {
        lock_rights(job, &mut looked, schemas).await?;
        let step = events.step(REHEARSE);
        let rehearsed =
            rehearsal::rehearse(job, source, schemas, &mut looked, list, rejects, audience).await?;
        outcome.run = Some(rehearsed.report);
        outcome.forecast = rehearsed.forecast;
        outcome.links = rehearsed.links;
        outcome.phases.push(step.end());
    } else {
        if list.is_some() {
            printer.always("no list of accounts is written: the rows could not be rehearsed");
        }
        looked
            .findings
            .extend(job.settings.config_findings(DataFacts {
                bcrypt_hashes: BcryptHashes::Perhaps,
            }));
    }
    outcome.findings = looked.findings;
    Ok(outcome)
}

/// Whether a real run could lock the source's tables, which a check does not need.
async fn lock_rights(job: &Job, looked: &mut Looked, schemas: Schemas<'_>) -> Result<(), Failure> {
    let asked = may_lock(&looked.source.client, schemas.source, &job.source_tables()).await;
    match asked {
        Err(error) if error.diagnostic.code == codes::E0652 => {
            let grants: Vec<&str> = (error.diagnostic.notes.iter())
                .map(String::as_str)
                .filter(|note| note.starts_with("GRANT "))
                .collect();
            looked.findings.push(Finding {
                id: "source_lock_not_granted".to_owned(),
                severity: FindingSeverity::Warning,
                count: 1,
                samples: Vec::new(),
                meaning: format!(
                    "{}; `migrate` does so, to keep writers out",
                    error.diagnostic.message
                ),
                remedy: error.diagnostic.help.join("; "),
                sql: Some(grants.join(" ")).filter(|grants| !grants.is_empty()),
            });
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Says where both sides lead, and where each setting came from.
pub(super) fn describe(job: &Job, printer: &Printer) {
    if let Some(source) = &job.settings.source {
        printer.say(&source.describe());
    }
    printer.say(&job.settings.target.describe());
    printer.say("");
    printer.warnings(&crate::base::Files::new(), &job.settings.warnings);
}

fn show(job: &Job, outcome: &Outcome, printer: &Printer) {
    let run = outcome.run.as_ref();
    if let Some(run) = run {
        printer.say(&table::ledger(run));
    }
    if let Some(forecast) = &outcome.forecast {
        printer.say(&table::accounts(&forecast.accounts, &outcome.links));
        printer.say(&table::sign_in(&forecast.sign_in));
    }
    // What a reason of the mapping says, its findings say; of the others the place must be told.
    let places = match run {
        Some(run) if !job.leaves_out(run) => rejects::builtin(&job.program.plan, run),
        Some(_) | None => Vec::new(),
    };
    let files = &job.compiled.files;
    let findings = &outcome.findings;
    findings::print_with_places(findings, &places, files, run, &job.accepted, printer);
    for line in job.accepted.idle(&outcome.findings, run.is_some()) {
        printer.say(&findings::wrap(&line, ""));
    }
}

fn verdict(job: &Job, outcome: &Outcome, status: ExitStatus) -> String {
    let accepted = &job.accepted;
    let count = |wanted: &dyn Fn(&Finding) -> bool| {
        outcome
            .findings
            .iter()
            .filter(|found| wanted(found))
            .count() as u64
    };
    let errors = count(&|finding| accepted.blocks(finding));
    let left_out = count(&|finding| accepted.acceptance(finding) == Acceptance::LeftOut);
    let known = count(&|finding| accepted.acceptance(finding) == Acceptance::Accepted);
    let warnings = outcome.findings.len() as u64 - errors - left_out - known;
    let rehearsed = match &outcome.run {
        Some(run) => format!(
            "{} rehearsed",
            table::rows_that(run.read.iter().sum(), "was", "were")
        ),
        None => "the rows were not rehearsed".to_owned(),
    };
    let rehearsed = match &outcome.run {
        Some(run) if left_out > 0 => format!("{}; {rehearsed}", table::left_out(run, "would be")),
        Some(run) if run.rejected > 0 && !job.reject_limit.is_none() => {
            format!("{}; {rehearsed}", job.reject_limit.exceeded(run.rejected))
        }
        Some(_) | None => rehearsed,
    };
    match (errors, warnings) {
        (0, 0) if left_out > 0 && known == 0 => {
            format!("ready to migrate: {rehearsed}, nothing was changed")
        }
        (0, 0) if known > 0 => format!(
            "ready to migrate: {}, accepted; {rehearsed}, nothing was changed",
            table::counted(known, "warning")
        ),
        (0, 0) => format!("ready to migrate: no findings; {rehearsed}, nothing was changed"),
        (0, warnings) if status == ExitStatus::Findings => format!(
            "not ready to migrate: {} not accepted (--deny-warnings); {rehearsed}, nothing was changed",
            table::counted(warnings, "warning")
        ),
        (0, warnings) => format!(
            "ready to migrate, {} to read; {rehearsed}, nothing was changed",
            table::counted(warnings, "warning")
        ),
        (errors, warnings) => format!(
            "not ready to migrate: {} to mend, {}; {rehearsed}, nothing was changed",
            table::counted(errors, "error"),
            table::counted(warnings, "warning")
        ),
    }
}

/// Gives out the report of a command that failed, to its files and for programs to stdout; the failure
/// stays the answer.
pub(super) fn with_report(
    job: &Job,
    paths: &[PathBuf],
    frame: &Frame,
    failure: Failure,
    printer: &Printer,
) -> Failure {
    let json = printer.format == OutputFormat::Json;
    if paths.is_empty() && !json {
        return failure;
    }
    let verdict = Verdict::of(&failure);
    let report = report::report(job, &Outcome::default(), frame, verdict);
    if json {
        printer.data(&report::json(&report));
    }
    if let Err(mut unwritten) = files::write(paths, &report) {
        unwritten.status = failure.status;
        unwritten.diagnostics.splice(0..0, failure.diagnostics);
        return unwritten;
    }
    failure
}
