//! `account`: what Synapse holds of one account, and what becomes of it in MAS.

use crate::cli::args::{AccountArgs, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::one_account::{
    AccountReport, Databases, FateReport, Opened, Personal, TokenPlace, find_token, render, report,
    server_name, tell_token, user_id,
};
use crate::cli::operator::past_run::PastRun;
use crate::cli::operator::preflight::Schemas;
use crate::cli::operator::{Job, findings};
use crate::cli::printer::{Printer, Style};
use crate::cli::terminal::{Asking, secret_line};
use crate::pg::Secret;

use super::check::describe;

/// Shows an account, the fate of a token, or both.
///
/// # Errors
/// What makes looking impossible: settings, connections, a database that breaks.
pub async fn run(args: &AccountArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let mut sides = args.sides.clone();
    if let Some(path) = &args.report {
        sides.migrated_at = Some(PastRun::read(path)?.migrated_at.to_string());
    }
    let job = Job::new(&sides, printer)?;
    let server_name = server_name(&job, "account")?;
    let mut interrupts = Interrupts::listen();
    let token = if args.token_stdin {
        let line = secret_line("token", Asking::Aloud, &mut interrupts, printer).await?;
        Some(line)
    } else {
        None
    };
    let wanted = args
        .account
        .as_ref()
        .map(|name| user_id(name, &server_name));
    describe(&job, printer);
    let looked = tokio::select! {
        looked = look_at(&job, args, wanted, token.as_ref()) => looked,
        status = interrupts.wait() => {
            printer.always("interrupted; nothing was changed");
            return Err(Failure::new(status, Vec::new()));
        }
    };
    let (mut report, status) = looked?;
    if sides.migrated_at.is_none() && report.is_partly_there && report.token.is_none() {
        report.verdict.text.push_str(
            " (rows that hold the moment of the migration are found with its report alone: `--report`)",
        );
    }
    findings::print(&report.findings, None, &job.accepted, printer);
    if printer.format == OutputFormat::Json {
        printer.data(&json(&report));
    } else if !report.source.is_empty() || report.token.is_some() {
        printer.data(&render(&report));
    }
    let style = match status {
        ExitStatus::Done => Style::Good,
        ExitStatus::Findings => Style::Error,
        _ => Style::Warning,
    };
    findings::print_verdict(style, &report.verdict.text, printer);
    Ok(status)
}

async fn look_at(
    job: &Job,
    args: &AccountArgs,
    wanted: Option<String>,
    token: Option<&Secret>,
) -> Result<(AccountReport, ExitStatus), Failure> {
    let schemas = Schemas {
        source: &args.sides.source_schema,
        target: &args.sides.target_schema,
    };
    let databases = match Box::pin(Databases::open(job, schemas)).await? {
        Opened::Ready(databases) => databases,
        Opened::InTheWay(found) => {
            let report = AccountReport::in_the_way(job, found);
            return Ok((report, ExitStatus::Findings));
        }
    };
    let place = match token {
        Some(token) => Some(find_token(&databases, token).await?),
        None => None,
    };
    let personal = if args.show_values {
        Personal::Shown
    } else {
        Personal::Hidden
    };
    let owner = place
        .as_ref()
        .and_then(TokenPlace::owner)
        .map(str::to_owned);
    let (mut told, mut status) = match wanted.clone().or_else(|| owner.clone()) {
        Some(account) => report(job, &databases.see(&account).await?, personal),
        None => (AccountReport::new(job), ExitStatus::Done),
    };
    if let Some(place) = place {
        let is_known = !matches!(place, TokenPlace::Nowhere(_));
        let (token, rejected) = match place {
            TokenPlace::Mas(token) | TokenPlace::Nowhere(token) => (token, None),
            TokenPlace::Synapse { table, id, owner } => {
                let seen = databases.see(&owner).await?;
                let of_owner = report(job, &seen, personal);
                let rejected = (of_owner.1 == ExitStatus::Findings).then_some(of_owner.0.verdict);
                (tell_token(job, &seen, &table, id), rejected)
            }
        };
        let mut verdict = match (&wanted, &token.owner) {
            (Some(wanted), Some(owner)) if owner != wanted && told.exists => {
                format!("the token is not one of `{wanted}`: {}", token.text)
            }
            _ => format!("the token: {}", token.text),
        };
        // What stops a migration of the token's account stops that of the token.
        let stops = rejected.is_some()
            || token.fate == Some(FateReport::Rejected)
            || status == ExitStatus::Findings;
        if let Some(rejected) = &rejected {
            verdict = format!("{verdict}; {}", rejected.text);
        }
        status = match status {
            _ if !is_known => ExitStatus::NotFound,
            _ if stops => ExitStatus::Findings,
            // That a token's account does not exist is not asked.
            _ if wanted.is_none() => ExitStatus::Done,
            status => status,
        };
        told.token = Some(token);
        told = told.ending(status, verdict);
    }
    databases.close().await?;
    Ok((told, status))
}

fn json(report: &AccountReport) -> String {
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    format!("{text}\n")
}
