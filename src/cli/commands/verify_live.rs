//! `verify --live`: do both databases still agree on what they must, while both are in use?

use crate::cli::args::{OutputFormat, VerifyArgs};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::accept::{Acceptance, Accepted};
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::live::{self, Live, LiveReport};
use crate::cli::operator::one_account::server_name;
use crate::cli::operator::past_run::PastRun;
use crate::cli::operator::preflight::{Purpose, Schemas, look};
use crate::cli::operator::report::{self, Frame, Verdict};
use crate::cli::operator::table::thousands;
use crate::cli::operator::{Job, Outcome, findings};
use crate::cli::printer::{Printer, Style};
use crate::config::DataFacts;
use crate::diagnostics::{Diagnostic, codes};

use super::check::describe;

/// Compares what must be the same in both databases whatever use has changed.
///
/// # Errors
/// What makes looking impossible: settings, connections, a database that breaks.
pub async fn run(args: &VerifyArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let mut sides = args.sides.clone();
    if let Some(path) = &args.report {
        sides.migrated_at = Some(PastRun::read(path)?.migrated_at.to_string());
    }
    let started_at = jiff::Timestamp::now();
    let mut job = Job::new(&sides, printer)?;
    server_name(&job, "verify --live")?;
    if job.migrated_at > started_at {
        let diagnostic = Diagnostic::error(
            codes::E0615,
            format!(
                "the migration cannot have been at {}, which is yet to come",
                job.migrated_at
            ),
        )
        .help("give the moment that stands in its report as `migrated_at`");
        return Err(Failure::one(ExitStatus::Usage, diagnostic));
    }
    job.accepted = Accepted::read(&args.findings, &job.program.plan)?;
    let mut frame = Frame {
        command: "verify",
        dry_run: false,
        started_at,
        sides: [None, None],
    };
    let mut interrupts = Interrupts::listen();
    let compared = tokio::select! {
        compared = compare(&job, args, &mut frame, printer) => compared,
        status = interrupts.wait() => {
            printer.always("interrupted; nothing was changed");
            return Err(Failure::new(status, Vec::new()));
        }
    };
    let (mut outcome, live) = compared?;
    findings::sort(&mut outcome.findings);
    let (status, text, style) = verdict(&job, &outcome, live.as_ref());
    if let Some(live) = &live {
        printer.say(&live::render(live, job.migrated_at));
    }
    findings::print(&outcome.findings, None, &job.accepted, printer);
    if printer.format == OutputFormat::Json {
        let verdict = Verdict {
            exit: status.code(),
            committed: false,
            text: text.clone(),
            problems: Vec::new(),
        };
        let mut report = report::report(&job, &outcome, &frame, verdict);
        report.live = live;
        printer.data(&report::json(&report));
    }
    findings::print_verdict(style, &text, printer);
    Ok(status)
}

/// What was found, and the numbers where both could be compared.
async fn compare(
    job: &Job,
    args: &VerifyArgs,
    frame: &mut Frame,
    printer: &Printer,
) -> Result<(Outcome, Option<LiveReport>), Failure> {
    let mut outcome = Outcome::default();
    describe(job, printer);
    let Some(source) = &job.settings.source else {
        outcome.findings = job.settings.config_findings(DataFacts::default());
        return Ok((outcome, None));
    };
    let schemas = Schemas {
        source: &args.sides.source_schema,
        target: &args.sides.target_schema,
    };
    // Of the two configurations only this matters: accounts are compared by their names.
    outcome.findings = job.settings.config_findings(DataFacts::default());
    outcome
        .findings
        .retain(|finding| finding.id == "homeserver_mismatch");
    if !outcome.findings.is_empty() {
        return Ok((outcome, None));
    }
    let mut looked = look(job, source, schemas, Purpose::Compare).await?;
    frame.sides.clone_from(&looked.sides);
    let live = Live::new(job, source, schemas)?;
    if looked.readable {
        // What the migration needs as well has been told already.
        for finding in live.lacks(&looked).await? {
            if !looked.findings.iter().any(|known| known.id == finding.id) {
                looked.findings.push(finding);
            }
        }
    }
    outcome.findings = std::mem::take(&mut looked.findings);
    if findings::any_error(&outcome.findings) || !looked.readable {
        return Ok((outcome, None));
    }
    // What else there is to say of the databases was said by `check`, and hinders no comparison.
    outcome.findings.clear();
    let compared = Box::pin(live.compare(&looked, args.settle, printer)).await?;
    let report = live::report(&live, &compared);
    if let Some(nothing) = live::nothing_to_compare(&report) {
        outcome.findings = vec![nothing];
        return Ok((outcome, None));
    }
    outcome.findings = live::findings(&live, &compared, &report);
    Ok((outcome, Some(report)))
}

fn verdict(job: &Job, outcome: &Outcome, live: Option<&LiveReport>) -> (ExitStatus, String, Style) {
    let Some(live) = live else {
        return (
            ExitStatus::Findings,
            "not compared: the errors above stand in the way; nothing was changed".to_owned(),
            Style::Error,
        );
    };
    let open: Vec<String> = (outcome.findings.iter())
        .filter(|finding| job.accepted.acceptance(finding) != Acceptance::Accepted)
        .map(|finding| format!("{} {}", thousands(finding.count), finding.id))
        .collect();
    if !open.is_empty() {
        let text = format!("Synapse and MAS do not agree: {}", open.join(", "));
        return (ExitStatus::Differs, text, Style::Error);
    }
    let held: Vec<String> = (live.compared.iter())
        .map(|compared| format!("{} {}", thousands(compared.synapse), compared.what))
        .collect();
    let accepted = if outcome.findings.is_empty() {
        ""
    } else {
        ", but for what is accepted"
    };
    let text = format!("Synapse and MAS agree on {}{accepted}", held.join(", "));
    (ExitStatus::Done, text, Style::Good)
}
