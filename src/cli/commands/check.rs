//! `check`: would a migration succeed, and what would it leave out?

use std::path::PathBuf;

use crate::cli::args::{CheckArgs, OutputFormat, Proxy};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::accept::{Acceptance, Accepted, Standing};
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::lockout::Lockout;
use crate::cli::operator::next_steps::{self, Invocation, RehearsedBy};
use crate::cli::operator::preflight::{Looked, Purpose, Schemas, look};
use crate::cli::operator::report::{self, Frame, Verdict};
use crate::cli::operator::{Job, Outcome, findings, rehearsal, rejects, table};
use crate::cli::printer::{Printer, Style};
use crate::config::DataFacts;
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
    let sides = &args.sides;
    let started_at = jiff::Timestamp::now();
    let mut job = Job::new(sides, printer)?;
    job.accepted = Accepted::read(&args.findings, &job.compiled.plan)?;
    let mut inputs = sides.inputs();
    inputs.extend(args.findings.accept_file.iter().map(PathBuf::as_path));
    report::writable(&args.report, &inputs)?;
    // A file may be renewed from itself.
    report::writable(&args.write_accept_file, &sides.inputs())?;
    let list = match &args.lockout_csv {
        Some(path) => {
            report::apart(path, &inputs)?;
            Some(Lockout::begin(path)?)
        }
        None => None,
    };
    let mut frame = Frame {
        command: "check",
        dry_run: false,
        started_at,
        sides: [None, None],
    };
    let mut interrupts = Interrupts::listen();
    let looked = tokio::select! {
        looked = look_at_all(&job, args, list, &mut frame, printer) => looked,
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
    let status = match job.accepted.standing(&outcome.findings) {
        Standing::Blocked => ExitStatus::Findings,
        Standing::Warnings => ExitStatus::Warnings,
        Standing::Clean => ExitStatus::Done,
    };
    let text = verdict(&outcome, &job.accepted, status);
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
            reports: &args.report,
        };
        report.next_steps = next_steps::before(&job, &invocation, RehearsedBy::Check);
        printer.say(&next_steps::render(&report.next_steps, Proxy::default()));
    }
    report::write(&args.report, &report)?;
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
    list: Option<Lockout>,
    frame: &mut Frame,
    printer: &Printer,
) -> Result<Outcome, Failure> {
    let sides = &args.sides;
    let mut outcome = Outcome::default();
    describe(job, printer);
    let Some(source) = &job.settings.source else {
        // SQLite: the configuration alone can be judged.
        outcome.findings = job.settings.config_findings(DataFacts {
            has_bcrypt_hash: true,
        });
        return Ok(outcome);
    };
    let schemas = Schemas {
        source: &sides.source_schema,
        target: &sides.target_schema,
    };
    let begun = std::time::Instant::now();
    let mut looked = look(job, source, schemas, Purpose::Migrate).await?;
    frame.sides.clone_from(&looked.sides);
    outcome
        .phases
        .push(("look at both databases".to_owned(), begun.elapsed()));
    if looked.readable {
        lock_rights(job, &mut looked, schemas).await?;
        let begun = std::time::Instant::now();
        let rehearsed =
            rehearsal::rehearse(job, source, schemas, &mut looked, list, printer).await?;
        outcome.run = Some(rehearsed.report);
        outcome.forecast = rehearsed.forecast;
        outcome.links = rehearsed.links;
        outcome
            .phases
            .push(("rehearse every row".to_owned(), begun.elapsed()));
    } else {
        if list.is_some() {
            printer.always("no list of accounts is written: the rows could not be rehearsed");
        }
        looked
            .findings
            .extend(job.settings.config_findings(DataFacts {
                has_bcrypt_hash: true,
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
        // What a reason of the mapping says, its findings say; of the others the place must be told.
        printer.diagnostics(
            &job.compiled.files,
            &rejects::builtin(&job.program.plan, run),
        );
    }
    if let Some(forecast) = &outcome.forecast {
        printer.say(&table::accounts(&forecast.accounts, &outcome.links));
        printer.say(&table::sign_in(&forecast.sign_in));
    }
    findings::print(&outcome.findings, run, &job.accepted, printer);
    for line in job.accepted.idle(&outcome.findings, run.is_some()) {
        printer.say(&findings::wrap(&line, ""));
    }
}

fn verdict(outcome: &Outcome, accepted: &Accepted, status: ExitStatus) -> String {
    let count = |wanted: &dyn Fn(&Finding) -> bool| {
        outcome
            .findings
            .iter()
            .filter(|found| wanted(found))
            .count()
    };
    let errors = count(&|finding| finding.severity == FindingSeverity::Error);
    let known = count(&|finding| accepted.acceptance(finding) == Acceptance::Accepted);
    let warnings = outcome.findings.len() - errors - known;
    let rehearsed = match &outcome.run {
        Some(run) => format!(
            "{} rehearsed",
            table::rows_that(run.read.iter().sum(), "was", "were")
        ),
        None => "the rows were not rehearsed".to_owned(),
    };
    match (errors, warnings) {
        (0, 0) if known > 0 => format!(
            "ready to migrate: {}, accepted; {rehearsed}, nothing was changed",
            plural(known, "warning")
        ),
        (0, 0) => format!("ready to migrate: no findings; {rehearsed}, nothing was changed"),
        (0, warnings) if status == ExitStatus::Findings => format!(
            "not ready to migrate: {} not accepted (--deny-warnings); {rehearsed}, nothing was changed",
            plural(warnings, "warning")
        ),
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
    if let Err(mut unwritten) = report::write(paths, &report) {
        unwritten.status = failure.status;
        unwritten.diagnostics.splice(0..0, failure.diagnostics);
        return unwritten;
    }
    failure
}
