//! `verify`: does the target hold what the mapping makes?

use crate::cli::args::{OutputFormat, VerifyArgs};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::connected;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::past_run::PastRun;
use crate::cli::operator::preflight::{Purpose, Schemas, look};
use crate::cli::operator::reject_limit::RejectLimit;
use crate::cli::operator::report::{self, Frame, NotCompared, Verdict};
use crate::cli::operator::verification::{self, Comparison};
use crate::cli::operator::{Job, Outcome, findings, rehearsal, table};
use crate::cli::printer::{Printer, Style};
use crate::config::DataFacts;
use crate::diagnostics::FindingSeverity;
use crate::pg::database::snapshot;
use crate::pg::source::{PgSource, SourceLock, SourceOptions};
use crate::pg::target::{UnsetColumn, unset_columns};
use crate::run::difference::TableDifference;
use crate::run::digest::{DigestSink, TableDigest};

use super::check::describe;

/// Makes every row anew and compares it with what is there.
///
/// # Errors
/// What makes looking impossible: settings, connections, a database that breaks.
pub async fn run(args: &VerifyArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let mut sides = args.sides.clone();
    let past = args.report.as_deref().map(PastRun::read).transpose()?;
    if let Some(past) = &past {
        sides.migrated_at = Some(past.migrated_at.to_string());
    }
    let started_at = jiff::Timestamp::now();
    let mut job = Job::new(&sides, printer)?;
    job.allow_rejects(match &past {
        Some(past) => RejectLimit::Rows(past.left_out),
        None => args.max_rejects.unwrap_or_default(),
    });
    let mut frame = Frame {
        command: "verify",
        dry_run: false,
        started_at,
        sides: [None, None],
    };
    let mut interrupts = Interrupts::listen();
    let compared = tokio::select! {
        compared = compare(&job, args, past.as_ref(), &mut frame, printer) => compared,
        status = interrupts.wait() => {
            printer.always("interrupted; nothing was changed");
            return Err(Failure::new(status, Vec::new()));
        }
    };
    let Compared {
        mut outcome,
        differences,
        unset,
    } = compared?;
    findings::sort(&mut outcome.findings);
    let (status, text, style) = verdict(&outcome, differences.as_deref());
    if let Some(differences) = &differences {
        printer.say(&table::digests(
            &job.program.plan,
            &outcome.written,
            &outcome.digests,
        ));
        if !differences.is_empty() {
            printer.say(&verification::render(differences));
        }
        if let Some(text) = verification::not_compared(&unset) {
            printer.say(&text);
        }
    } else {
        findings::print(
            &outcome.findings,
            outcome.run.as_ref(),
            &job.accepted,
            printer,
        );
    }
    if printer.format == OutputFormat::Json {
        let verdict = Verdict {
            exit: status.code(),
            committed: false,
            text: text.clone(),
            problems: Vec::new(),
        };
        let mut report = report::report(&job, &outcome, &frame, verdict);
        report.differences = differences;
        report.not_compared = unset
            .into_iter()
            .filter(|column| column.differing.is_none())
            .map(|column| NotCompared {
                table: column.table,
                column: column.column,
            })
            .collect();
        printer.data(&report::json(&report));
    }
    findings::print_verdict(style, &text, printer);
    Ok(status)
}

/// What comparing gave.
#[derive(Default)]
struct Compared {
    /// What was found.
    outcome: Outcome,
    /// The tables that differ; none where they could not be compared.
    differences: Option<Vec<TableDifference>>,
    /// The columns that the mapping does not set.
    unset: Vec<UnsetColumn>,
}

impl From<Outcome> for Compared {
    /// Nothing could be compared.
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            ..Self::default()
        }
    }
}

async fn compare(
    job: &Job,
    args: &VerifyArgs,
    past: Option<&PastRun>,
    frame: &mut Frame,
    printer: &Printer,
) -> Result<Compared, Failure> {
    let mut outcome = Outcome::default();
    describe(job, printer);
    let Some(source) = &job.settings.source else {
        outcome.findings = job.settings.config_findings(DataFacts::default());
        return Ok(outcome.into());
    };
    let schemas = Schemas {
        source: &args.sides.source_schema,
        target: &args.sides.target_schema,
    };
    let looked = look(job, source, schemas, Purpose::Compare).await?;
    frame.sides.clone_from(&looked.sides);
    connected::tell(job, source, &looked, printer);
    if findings::any_error(&looked.findings) || !looked.readable {
        outcome.findings = looked.findings;
        return Ok(outcome.into());
    }
    let connect = crate::cli::operator::connector(source);
    let options = SourceOptions {
        own_sessions: vec![looked.source.facts.backend_pid],
        ..SourceOptions::new(schemas.source, SourceLock::Shared)
    };
    let reader = PgSource::open(&connect, &options, &job.source_tables()).await?;
    let target = &looked.target.client;
    snapshot(target).await?;
    let broadcasts = rehearsal::broadcasts(job, &reader, target, schemas).await?;
    let comparison = Comparison {
        job,
        source,
        reader: &reader,
        target,
        schemas,
        broadcasts,
    };
    let mut made = DigestSink::new(&job.program.plan);
    let run = comparison
        .make(&mut made, "making every row anew", printer)
        .await?;
    if run.rejected > 0 && !job.leaves_out(&run) {
        outcome.findings = run.findings(&job.program);
        outcome
            .findings
            .retain(|finding| finding.severity == FindingSeverity::Error);
        outcome.run = Some(run);
        return Ok(outcome.into());
    }
    let held = comparison.held().await?;
    let mut differences = comparison.differences(&made.tables, &held, printer).await?;
    if let Some(past) = past {
        for difference in &mut differences {
            let plan = &job.program.plan;
            let number = plan
                .targets
                .iter()
                .position(|target| target.table == difference.table);
            let digest = |tables: &[TableDigest]| {
                let table = number.and_then(|number| tables.get(number));
                table.map(|table| table.whole().to_string())
            };
            difference.since = past.since(&difference.table, digest(&made.tables), digest(&held));
        }
    }
    let unset = unset_columns(target, schemas.target, &job.target_tables()).await?;
    verification::add_unset(&mut differences, &unset, &job.program.plan);
    outcome.run = Some(run);
    outcome.digests = held.iter().map(|table| table.whole()).collect();
    outcome.written = outcome.digests.iter().map(|digest| digest.rows).collect();
    drop(comparison);
    reader.release().await?;
    Ok(Compared {
        outcome,
        differences: Some(differences),
        unset,
    })
}

fn verdict(
    outcome: &Outcome,
    differences: Option<&[TableDifference]>,
) -> (ExitStatus, String, Style) {
    match differences {
        None => (
            ExitStatus::Findings,
            "not verified: the errors above stand in the way; nothing was changed".to_owned(),
            Style::Error,
        ),
        Some([]) => (
            ExitStatus::Done,
            format!(
                "verified: {} rows of the target are as the mapping makes them, and there are no others{}",
                table::thousands(outcome.written.iter().sum()),
                match outcome.run.as_ref().filter(|run| run.rejected > 0) {
                    Some(run) => format!("; {}", table::left_out(run, "were")),
                    None => String::new(),
                }
            ),
            Style::Good,
        ),
        Some(differences) => (
            ExitStatus::Differs,
            format!(
                "not as the mapping makes it: {} of {} tables differ; nothing was changed",
                differences.len(),
                outcome.written.len()
            ),
            Style::Error,
        ),
    }
}
