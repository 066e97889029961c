//! `undo`: takes back what a migration wrote.

use serde::Serialize;

use crate::cli::args::{OutputFormat, UndoArgs};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::across::workers_since;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::past_run::PastRun;
use crate::cli::operator::report::{SCHEMA_VERSION, TableReport, Verdict};
use crate::cli::operator::verification::{held_by, not_compared};
use crate::cli::operator::{Job, connector, findings, table};
use crate::cli::printer::{Printer, Style};
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::database::read_only;
use crate::pg::target::{Fate, Undo, unset_columns};
use crate::pg::{connect, other_sessions};

/// What programs read on stdout.
#[derive(Debug, Serialize)]
struct UndoReport<'r> {
    schema_version: u32,
    mapwright: &'static str,
    command: &'static str,
    dry_run: bool,
    /// When the migration was that is taken back.
    migrated_at: String,
    /// Rows of the run's tables that went.
    removed: &'r [TableReport],
    /// Rows of other tables that went with them.
    removed_dependents: u64,
    /// What was not as the run left it, a phrase each.
    losses: &'r [String],
    verdict: Verdict,
}

/// A transaction in which everything is done but its end.
struct Ready {
    undo: Undo,
    removed: Vec<TableReport>,
    removed_dependents: u64,
    losses: Vec<String>,
}

/// Empties the tables of a run, if they hold what it wrote and nothing hangs on it.
///
/// # Errors
/// What stands in the way; nothing was changed then, unless the outcome of COMMIT is unknown.
pub async fn run(args: &UndoArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    if args.sides.migrated_at.is_some() {
        let diagnostic = Diagnostic::error(codes::E0615, "`--migrated-at` means nothing to `undo`")
            .note("the report that `--report` names knows the moment of the migration")
            .help("leave it out");
        return Err(Failure::one(ExitStatus::Usage, diagnostic));
    }
    let past = PastRun::read(&args.report)?;
    let mut sides = args.sides.clone();
    sides.migrated_at = Some(past.migrated_at.to_string());
    let job = Job::new(&sides, printer)?;
    past.is_of(&args.report, &job.program.plan)?;
    printer.say(&job.settings.target.describe());
    let mut interrupts = Interrupts::listen();
    let ready = tokio::select! {
        ready = prepare(&job, args, &past, printer) => ready?,
        status = interrupts.wait() => {
            // The connection went with the future, and the transaction with the connection.
            printer.always("interrupted; everything was rolled back, nothing was changed");
            return Err(Failure::new(status, Vec::new()));
        }
    };
    if args.dry_run {
        ready.undo.rollback().await;
    } else {
        // From here on nothing breaks it off: whoever asked for it is told how it ended.
        let ended = ready.undo.commit(&connector(&job.settings.target)).await;
        if let Err(error) = ended {
            let mut failure = Failure::from(error);
            if let Some(status) = interrupts.received()
                && failure.status != ExitStatus::OutcomeUnknown
            {
                failure.status = status;
            }
            return Err(failure);
        }
    }
    let marked = if args.dry_run {
        Ok(())
    } else {
        PastRun::mark_undone(&args.report, jiff::Timestamp::now())
    };
    let rows: u64 = ready.removed.iter().map(|table| table.rows).sum();
    let were = if rows == 1 && ready.removed_dependents == 0 {
        "was"
    } else {
        "were"
    };
    let mut rows = table::counted(rows, "row");
    if ready.removed_dependents > 0 {
        let others = table::thousands(ready.removed_dependents);
        rows = format!("{rows}, and {others} of other tables that refer to them,");
    }
    let text = if args.dry_run {
        format!("dry run: {rows} would be removed; nothing was changed")
    } else {
        format!("undone: {rows} {were} removed, the tables of the run are empty again")
    };
    if printer.format == OutputFormat::Json {
        let report = UndoReport {
            schema_version: SCHEMA_VERSION,
            mapwright: env!("CARGO_PKG_VERSION"),
            command: "undo",
            dry_run: args.dry_run,
            migrated_at: past.migrated_at.to_string(),
            removed: &ready.removed,
            removed_dependents: ready.removed_dependents,
            losses: &ready.losses,
            verdict: Verdict {
                exit: ExitStatus::Done.code(),
                committed: !args.dry_run,
                text: text.clone(),
                problems: Vec::new(),
            },
        };
        // Numbers, texts and lists of them: nothing that could fail.
        let json = serde_json::to_string_pretty(&report).unwrap_or_default();
        printer.data(&format!("{json}\n"));
    }
    if let Err(error) = marked {
        printer.always(&format!(
            "the report could not be marked as taken back ({error}): move it away before `migrate` is to write one of its name"
        ));
    }
    findings::print_verdict(Style::Good, &text, printer);
    Ok(ExitStatus::Done)
}

/// Does all of it but the end, if nothing speaks against it or it is forced.
async fn prepare(
    job: &Job,
    args: &UndoArgs,
    past: &PastRun,
    printer: &Printer,
) -> Result<Ready, Failure> {
    let schema = &args.sides.target_schema;
    let looking = connect(&job.settings.target).await?;
    read_only(&looking.client).await?;
    let others = other_sessions(&looking.client, &[looking.facts.backend_pid]).await?;
    drop(looking);
    let target = connector(&job.settings.target);
    let undo = Undo::begin(&target, schema, &job.target_tables()).await?;
    let mut losses: Vec<String> = others
        .iter()
        .map(|session| format!("somebody is connected to the target: {session}"))
        .collect();
    if job.settings.products.is_some() {
        losses.extend(workers_since(undo.client(), schema, past.started_at).await?);
    }
    losses.extend(changes(&undo, job, past, schema, printer).await?);
    losses.extend(hanging(&undo));
    if !losses.is_empty() && !args.force {
        undo.rollback().await;
        let mut diagnostic =
            Diagnostic::error(codes::E0678, "the target is no longer as the run left it");
        for loss in losses {
            diagnostic = diagnostic.note(loss);
        }
        let diagnostic =
            diagnostic.help("stop MAS; `undo --force` removes all of these rows, for good");
        return Err(Failure::one(ExitStatus::Findings, diagnostic));
    }
    if !losses.is_empty() {
        printer.always("lost with it:");
        for loss in &losses {
            printer.always(&format!("  {loss}"));
        }
    }
    let removed = undo.remove().await?;
    let targets = job.program.plan.targets.iter();
    Ok(Ready {
        undo,
        removed: targets
            .zip(&removed.written)
            .map(|(target, rows)| TableReport {
                table: target.table.clone(),
                rows: *rows,
                digest: None,
            })
            .collect(),
        removed_dependents: removed.dependents,
        losses,
    })
}

/// What is not as the run wrote it in the tables of the run.
async fn changes(
    undo: &Undo,
    job: &Job,
    past: &PastRun,
    schema: &str,
    printer: &Printer,
) -> Result<Vec<String>, Failure> {
    let plan = &job.program.plan;
    let mut losses = Vec::new();
    let held = held_by(undo.client(), plan, schema).await?;
    let wrote = past.written.iter().any(|table| table.rows > 0);
    if wrote && held.iter().all(|table| table.whole().rows == 0) {
        let diagnostic = Diagnostic::error(
            codes::E0678,
            "there is nothing to take back: the tables of the run are empty",
        )
        .help(
            "see whether this is the right database and the right report; a run is taken back once",
        );
        return Err(Failure::one(ExitStatus::Findings, diagnostic));
    }
    for (target, held) in plan.targets.iter().zip(&held) {
        let held = held.whole();
        let then = past.written.iter().find(|past| past.table == target.table);
        let Some(then) = then else { continue };
        if then.rows != held.rows {
            losses.push(format!(
                "`{}` holds {}, the run wrote {}",
                target.table,
                table::counted(held.rows, "row"),
                table::thousands(then.rows)
            ));
        } else if then.digest.as_deref() != Some(held.to_string().as_str()) {
            losses.push(format!("rows of `{}` were changed", target.table));
        }
    }
    let unset = unset_columns(undo.client(), schema, &job.target_tables()).await?;
    for column in &unset {
        if let Some(rows @ 1..) = column.differing {
            losses.push(format!(
                "`{}.{}` was changed: {} another value than the default",
                column.table,
                column.column,
                table::rows_that(rows, "holds", "hold")
            ));
        }
    }
    if let Some(text) = not_compared(&unset) {
        printer.say(&text);
    }
    Ok(losses)
}

/// What happens to other tables.
fn hanging(undo: &Undo) -> Vec<String> {
    let mut losses: Vec<String> = undo
        .dependents()
        .iter()
        .map(|dependent| {
            let rows = table::thousands(dependent.rows);
            match dependent.fate {
                Fate::Removed => format!(
                    "`{}` has rows that refer to rows of the run: {rows}",
                    dependent.table
                ),
                Fate::Detached => format!(
                    "`{}` has rows that would stay and forget what they refer to: {rows}",
                    dependent.table
                ),
            }
        })
        .collect();
    for trigger in undo.triggers() {
        losses.push(format!("{trigger} would run, whatever it does"));
    }
    losses
}
