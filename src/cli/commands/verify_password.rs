//! `verify-password`: will a password be accepted after the migration?

use serde::Serialize;

use crate::cli::args::{OutputFormat, PasswordSide, VerifyPasswordArgs};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::across::in_schema;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::one_account::{
    Databases, Opened, Seen, hash_shape, server_name, user_id,
};
use crate::cli::operator::password::{Answer, MIGRATED_VERSION, Recipe, by_mas, by_synapse};
use crate::cli::operator::preflight::Schemas;
use crate::cli::operator::{Job, findings};
use crate::cli::printer::{Printer, Style};
use crate::cli::terminal::{Asking, secret_line};
use crate::config::{PasswordLogin, Settings};
use crate::diagnostics::Finding;
use crate::eval::decode;
use crate::pg::Secret;
use crate::pg::lookup::ask;
use crate::run::trace::RowFate;
use crate::types::Value;

use super::check::describe;

/// The version of the document; raised with every change that a reader could notice.
const SCHEMA_VERSION: u32 = 1;

/// What was found out about a password.
#[derive(Debug, Serialize)]
struct PasswordReport {
    schema_version: u32,
    mapwright: &'static str,
    command: &'static str,
    account: String,
    /// Whose hash was tried.
    side: PasswordSide,
    /// What the hash is; null where there is none.
    hash: Option<String>,
    /// The version that MAS keeps it under.
    version: Option<u16>,
    /// Whether Synapse accepts it; null where it was not asked.
    synapse: Option<AnswerReport>,
    /// Whether MAS accepts it; null where there is no such account.
    mas: Option<AnswerReport>,
    /// What else should be known.
    notes: Vec<String>,
    /// Errors that kept the databases from being read.
    findings: Vec<Finding>,
    verdict: PasswordVerdict,
}

#[derive(Debug, Serialize)]
struct PasswordVerdict {
    exit: u8,
    text: String,
}

#[derive(Clone, Debug, Serialize)]
struct AnswerReport {
    /// Null where it cannot be told.
    accepted: Option<bool>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<&Answer> for AnswerReport {
    fn from(answer: &Answer) -> Self {
        let (accepted, why) = match answer {
            Answer::Accepted => (Some(true), None),
            Answer::Refused(why) => (Some(false), Some(why.clone())),
            Answer::Unknown(why) => (None, Some(why.clone())),
        };
        Self { accepted, why }
    }
}

/// What is known of the account before its password is tried.
#[derive(Debug, Default)]
struct Known {
    exists: bool,
    similar: Vec<String>,
    /// Synapse's hash; none for the other side.
    synapse_hash: Option<Secret>,
    /// The hash that MAS gets or has, and its version.
    mas_hash: Option<(Secret, u16)>,
    /// Why MAS gets none.
    left_out: Option<String>,
    notes: Vec<String>,
}

/// Asks for a password and says whether it is accepted.
///
/// # Errors
/// What makes trying impossible: settings, connections, a database that breaks.
pub async fn run(args: &VerifyPasswordArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let job = Job::new(&args.sides, printer)?;
    let server_name = server_name(&job, "verify-password")?;
    let account = user_id(&args.account, &server_name);
    let mut interrupts = Interrupts::listen();
    let asking = if args.password_stdin {
        Asking::Silently
    } else {
        Asking::Aloud
    };
    // Before any connection: nobody's session waits while somebody types.
    let password = secret_line("password", asking, &mut interrupts, printer).await?;
    describe(&job, printer);
    let tried = tokio::select! {
        tried = look_and_try(&job, args, &account, &password) => tried,
        status = interrupts.wait() => {
            printer.always("interrupted; nothing was changed");
            return Err(Failure::new(status, Vec::new()));
        }
    };
    let (report, status) = tried?;
    findings::print(&report.findings, None, &job.accepted, printer);
    if printer.format == OutputFormat::Json {
        let text = serde_json::to_string_pretty(&report).unwrap_or_default();
        printer.data(&format!("{text}\n"));
    } else {
        printer.data(&lines(&report));
    }
    let style = match status {
        ExitStatus::Done => Style::Good,
        ExitStatus::Findings => Style::Warning,
        _ => Style::Error,
    };
    findings::print_verdict(style, &report.verdict.text, printer);
    Ok(status)
}

async fn look_and_try(
    job: &Job,
    args: &VerifyPasswordArgs,
    account: &str,
    password: &Secret,
) -> Result<(PasswordReport, ExitStatus), Failure> {
    let mut report = PasswordReport {
        schema_version: SCHEMA_VERSION,
        mapwright: env!("CARGO_PKG_VERSION"),
        command: "verify-password",
        account: account.to_owned(),
        side: args.side,
        hash: None,
        version: None,
        synapse: None,
        mas: None,
        notes: Vec::new(),
        findings: Vec::new(),
        verdict: PasswordVerdict {
            exit: 0,
            text: String::new(),
        },
    };
    let schemas = Schemas {
        source: &args.sides.source_schema,
        target: &args.sides.target_schema,
    };
    let databases = match Box::pin(Databases::open(job, schemas)).await? {
        Opened::Ready(databases) => databases,
        Opened::InTheWay(found) => {
            report.findings = found;
            let text = "cannot be told: the errors above stand in the way";
            return Ok(ending(report, ExitStatus::Findings, text));
        }
    };
    let seen = databases.see(account).await?;
    let known = match args.side {
        PasswordSide::Synapse => in_synapse(job, &seen),
        PasswordSide::Mas => in_mas(job, &databases, &seen).await?,
    };
    databases.close().await?;
    let (Some(settings), true) = (&job.settings.products, known.exists) else {
        let product = match args.side {
            PasswordSide::Synapse => "Synapse",
            PasswordSide::Mas => "MAS",
        };
        let mut text = format!("{product} has no account `{account}`");
        if !known.similar.is_empty() {
            text.push_str(&format!("; another case: `{}`", known.similar.join("`, `")));
        }
        return Ok(ending(report, ExitStatus::NotFound, &text));
    };
    let shape = match args.side {
        PasswordSide::Synapse => known.synapse_hash.as_ref(),
        PasswordSide::Mas => known.mas_hash.as_ref().map(|(hash, _)| hash),
    };
    report.hash = shape.map(|hash| hash_shape(hash.reveal()));
    report.version = known.mas_hash.as_ref().map(|(_, version)| *version);
    let asked = (settings.clone(), args.side, password.clone());
    let (answers, mut notes) = apart(move || {
        let (settings, side, password) = asked;
        let answers = try_password(&settings, side, &known, &password);
        let cut = Recipe::of_synapse(&settings).cut(&password);
        (
            answers,
            known.notes.into_iter().chain(cut).collect::<Vec<_>>(),
        )
    })
    .await?;
    if args.side == PasswordSide::Synapse {
        notes.extend(login_off(settings));
    }
    report.notes = notes;
    report.synapse = answers.0.as_ref().map(AnswerReport::from);
    report.mas = Some(AnswerReport::from(&answers.1));
    let (status, text) = verdict(answers.0.as_ref(), &answers.1);
    Ok(ending(report, status, text))
}

/// Runs what takes long on a thread of its own, which nobody waits for at the end.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(work()).ok());
    receiver
        .await
        .map_err(|_| Failure::new(ExitStatus::Unexpected, Vec::new()))
}

fn try_password(
    settings: &Settings,
    side: PasswordSide,
    known: &Known,
    password: &Secret,
) -> (Option<Answer>, Answer) {
    let synapse = (side == PasswordSide::Synapse).then(|| {
        let hash = known.synapse_hash.as_ref().map(Secret::reveal);
        by_synapse(settings, hash, password)
    });
    let mas = match (&known.mas_hash, &known.left_out) {
        (Some((hash, version)), _) => by_mas(settings, Some(hash.reveal()), *version, password),
        (None, Some(why)) => Answer::Refused(why.clone()),
        (None, None) => by_mas(settings, None, MIGRATED_VERSION, password),
    };
    (synapse, mas)
}

fn ending(
    mut report: PasswordReport,
    status: ExitStatus,
    text: &str,
) -> (PasswordReport, ExitStatus) {
    report.verdict = PasswordVerdict {
        exit: status.code(),
        text: text.to_owned(),
    };
    (report, status)
}

fn verdict(synapse: Option<&Answer>, mas: &Answer) -> (ExitStatus, &'static str) {
    match (synapse, mas) {
        (None | Some(Answer::Accepted), Answer::Accepted) => {
            (ExitStatus::Done, "the password is accepted")
        }
        (_, Answer::Unknown(_)) | (Some(Answer::Unknown(_)), _) => (
            ExitStatus::Findings,
            "whether the password is accepted cannot be told",
        ),
        (Some(Answer::Accepted), Answer::Refused(_)) => (
            ExitStatus::NotAccepted,
            "the password is accepted by Synapse, and will not be by MAS",
        ),
        (Some(Answer::Refused(_)), Answer::Accepted) => (
            ExitStatus::NotAccepted,
            "the password is not accepted by Synapse, though MAS would accept it",
        ),
        (None | Some(Answer::Refused(_)), Answer::Refused(_)) => {
            (ExitStatus::NotAccepted, "the password is not accepted")
        }
    }
}

/// Synapse's hash, and the one that the mapping makes of it.
fn in_synapse(job: &Job, seen: &Seen) -> Known {
    let plan = &job.program.plan;
    let Some(row) = seen.account_row(job) else {
        return Known {
            similar: seen.similar.clone(),
            ..Known::default()
        };
    };
    let columns = plan.scans.get(row.scan).map(|scan| &scan.columns);
    let hash = columns
        .into_iter()
        .flatten()
        .zip(&row.cells)
        .find_map(|(column, cell)| {
            let value = decode(&column.pg_type, cell.as_deref());
            match value {
                Ok(Value::Text(hash)) if column.name == "password_hash" => Some(Secret::new(hash)),
                _ => None,
            }
        });
    let left_out = row.ends.iter().find_map(|end| match end.fate {
        RowFate::Ended { reason, .. } => plan.reasons.get(reason),
        RowFate::Written(_) => None,
    });
    Known {
        exists: true,
        mas_hash: migrated_hash(job, seen),
        left_out: Some(match (left_out, &hash) {
            (Some(reason), _) => format!("the account is not migrated: {}", reason.meaning),
            (None, Some(hash)) if !hash.reveal().is_empty() => {
                "the hash is not migrated, because MAS could not verify it".to_owned()
            }
            (None, _) => "there is no password to migrate".to_owned(),
        }),
        synapse_hash: hash,
        notes: keeps_out(job, seen).into_iter().collect(),
        ..Known::default()
    }
}

/// The value of a column in the first row that is written to a table.
fn written<'s>(job: &Job, seen: &'s Seen, table: &str, column: &str) -> Option<Value<'s>> {
    let row = *seen.written_to(job, table).first()?;
    seen.written_value(job, row, column)
}

fn migrated_hash(job: &Job, seen: &Seen) -> Option<(Secret, u16)> {
    let hash = written(job, seen, "user_passwords", "hashed_password")?;
    let version = written(job, seen, "user_passwords", "version")?;
    match (hash, version) {
        (Value::Text(hash), Value::Int(version)) => {
            Some((Secret::new(hash), u16::try_from(version).ok()?))
        }
        _ => None,
    }
}

/// What keeps people out whose password fits.
fn keeps_out(job: &Job, seen: &Seen) -> Option<String> {
    let is_set = |column| written(job, seen, "users", column).is_some_and(|value| !value.is_null());
    let state = if is_set("deactivated_at") {
        "deactivated"
    } else if is_set("locked_at") {
        "locked"
    } else {
        return None;
    };
    Some(format!(
        "the account is {state}: nobody gets in, whatever the password"
    ))
}

/// The hash that MAS holds.
async fn in_mas(job: &Job, databases: &Databases<'_>, seen: &Seen) -> Result<Known, Failure> {
    // An account that was made in MAS after the migration is in no row of Synapse.
    let name = match written(job, seen, "users", "username") {
        Some(Value::Text(name)) => name.to_owned(),
        _ => {
            let name = seen.user_id.trim_start_matches('@');
            name.split_once(':')
                .map_or(name, |(name, _)| name)
                .to_owned()
        }
    };
    let query = in_schema(
        include_str!("../operator/queries/mas_password.sql"),
        databases.schemas().target,
    );
    let what = "which password MAS holds";
    let rows = ask(databases.target(), &query, &Secret::new(name), what).await?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(Known::default());
    };
    let mut cells = row.into_iter();
    let (hash, version) = (cells.next().flatten(), cells.next().flatten());
    let state = cells.next().flatten();
    let version = version.and_then(|version| version.reveal().parse().ok());
    Ok(Known {
        exists: true,
        mas_hash: hash.zip(version),
        notes: state
            .map(|state| {
                format!(
                    "the account is {}: nobody gets in, whatever the password",
                    state.reveal()
                )
            })
            .into_iter()
            .collect(),
        ..Known::default()
    })
}

/// What Synapse's configuration says against passwords.
fn login_off(settings: &Settings) -> Option<String> {
    let off = settings.synapse.password_login.value != PasswordLogin::Enabled
        || !settings.synapse.localdb_enabled.value;
    off.then(|| {
        "Synapse's configuration does not let people log in with passwords of its database (`password_config`)".to_owned()
    })
}

/// The answers for people.
fn lines(report: &PasswordReport) -> String {
    let mut lines = Vec::new();
    if let Some(hash) = &report.hash {
        let version = report
            .version
            .map_or_else(String::new, |version| format!(", version {version} in MAS"));
        lines.push(format!("hash: {hash}{version}"));
    }
    for (product, answer) in [("Synapse", &report.synapse), ("MAS", &report.mas)] {
        let Some(answer) = answer else { continue };
        let word = match answer.accepted {
            Some(true) => "accepted",
            Some(false) => "not accepted",
            None => "cannot be told",
        };
        let why = answer
            .why
            .as_ref()
            .map_or_else(String::new, |why| format!(": {why}"));
        lines.push(format!("{product}: {word}{why}"));
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    lines
        .iter()
        .map(|line| format!("{}\n", findings::wrap(line, "")))
        .collect()
}
