//! `undo`: takes back what a migration wrote.

use crate::cli::args::UndoArgs;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::past_run::PastRun;
use crate::cli::operator::verification::held_by;
use crate::cli::operator::{Job, connector, table};
use crate::cli::printer::{Printer, Style};
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::target::Undo;
use crate::pg::{connect, other_sessions};

/// Empties the tables of a run, if they hold what it wrote and nothing hangs on it.
///
/// # Errors
/// What stands in the way; nothing was changed then, unless the outcome of COMMIT is unknown.
pub async fn run(args: &UndoArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let past = PastRun::read(&args.report)?;
    let mut sides = args.sides.clone();
    sides.migrated_at = Some(past.migrated_at.to_string());
    let job = Job::new(&sides, printer)?;
    printer.say(&job.settings.target.describe());
    let mut interrupts = Interrupts::listen();
    tokio::select! {
        ended = undo(&job, args, &past, printer) => ended,
        status = interrupts.wait() => {
            printer.always("interrupted; unless COMMIT was under way, nothing was changed");
            Err(Failure::new(status, Vec::new()))
        }
    }
}

async fn undo(
    job: &Job,
    args: &UndoArgs,
    past: &PastRun,
    printer: &Printer,
) -> Result<ExitStatus, Failure> {
    let schema = &args.sides.target_schema;
    let plan = &job.program.plan;
    let looking = connect(&job.settings.target).await?;
    let others = other_sessions(&looking.client, &[looking.facts.backend_pid]).await?;
    drop(looking);
    let target = connector(&job.settings.target);
    let undo = Undo::begin(&target, schema, &job.target_tables()).await?;
    let held = held_by(undo.client(), plan, schema).await?;
    let mut losses: Vec<String> = others
        .iter()
        .map(|session| format!("somebody is connected to the target: {session}"))
        .collect();
    let mut rows = 0;
    for (target, held) in plan.targets.iter().zip(&held) {
        let held = held.whole();
        rows += held.rows;
        let then = past.written.iter().find(|past| past.table == target.table);
        let Some(then) = then else {
            losses.push(format!("the run did not write `{}`", target.table));
            continue;
        };
        if then.rows != held.rows {
            losses.push(format!(
                "`{}` holds {} rows, the run wrote {}",
                target.table,
                table::thousands(held.rows),
                table::thousands(then.rows)
            ));
        } else if then.digest.as_deref() != Some(held.to_string().as_str()) {
            losses.push(format!("rows of `{}` were changed", target.table));
        }
    }
    for dependent in undo.dependents().await? {
        losses.push(format!(
            "`{}` has rows that refer to rows of the run: {}",
            dependent.table,
            table::thousands(dependent.rows)
        ));
    }
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
        printer.say("lost with it:");
        for loss in &losses {
            printer.say(&format!("  {loss}"));
        }
    }
    let rows = table::thousands(rows);
    if args.dry_run {
        undo.rollback().await;
        printer.always(&printer.styled(
            Style::Good,
            &format!("dry run: {rows} rows would be removed; nothing was changed"),
        ));
        return Ok(ExitStatus::Done);
    }
    undo.empty(&target).await?;
    printer.always(&printer.styled(
        Style::Good,
        &format!("undone: {rows} rows were removed, the tables of the run are empty again"),
    ));
    Ok(ExitStatus::Done)
}
