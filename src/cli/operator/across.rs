//! What only several accounts together show, or the databases as they are this moment: questions of
//! their own, each one SQL file, asked in read-only transactions. They give counts and a few keys of
//! accounts, never a value of theirs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio_postgres::Client;

use crate::base::ident::{literal, qualified};
use crate::cli::failure::Failure;
use crate::config::{ProviderLinks, Settings, missing_providers, provider_findings};
use crate::diagnostics::{Finding, FindingSeverity};
use crate::pg::{PgError, other_sessions, references};

use super::table::thousands;

/// The reason about links whose provider MAS does not know.
const MISSING_PROVIDER: &str = "missing_provider";

/// What the questions to the source read.
pub const SOURCE_TABLES: [&str; 4] = ["users", "user_threepids", "user_external_ids", "devices"];

/// What the questions to the target read.
pub const TARGET_TABLES: [&str; 1] = ["queue_workers"];

/// Puts the tables of a schema where a query names them in braces.
pub fn in_schema(query: &str, schema: &str) -> String {
    [
        "users",
        "user_threepids",
        "user_external_ids",
        "devices",
        "queue_jobs",
        "queue_workers",
        "access_tokens",
        "refresh_tokens",
        "user_passwords",
        "compat_sessions",
        "compat_access_tokens",
        "compat_refresh_tokens",
    ]
    .iter()
    .fold(query.to_owned(), |query, table| {
        let name = qualified(schema, table);
        query
            .replace(&format!("{{{table}}}"), &name)
            .replace(&format!("{{{table}_literal}}"), &literal(&name))
    })
}

/// When accounts were last seen: keys in, keys and milliseconds out.
pub(super) fn last_seen_query(schema: &str) -> String {
    in_schema(include_str!("queries/last_seen.sql"), schema)
}

/// What the source's accounts show together.
#[derive(Debug, Default)]
pub struct Across {
    /// How many links name each provider, the most frequent first.
    pub links: Vec<ProviderLinks>,
    /// Findings.
    pub findings: Vec<Finding>,
}

/// Asks the source, in the transaction that `client` is in.
///
/// # Errors
/// A question that the server refuses.
pub async fn source(settings: &Settings, client: &Client, schema: &str) -> Result<Across, Failure> {
    let mut findings = Vec::new();
    let query = in_schema(
        include_str!("queries/localparts_differ_by_case.sql"),
        schema,
    );
    let names = references::counted(client, &query, "which user IDs differ by case").await?;
    findings.extend(warning(
        "localparts_differ_by_case",
        names,
        "the names of several accounts differ only by case; MAS finds an account by its exact name first, and by another case only if there is no other",
        "tell these people to write their name exactly, or deactivate the account that nobody uses",
        Some("SELECT lower(name), array_agg(name) FROM users WHERE appservice_id IS NULL GROUP BY lower(name) HAVING count(*) > 1"),
    ));
    let query = in_schema(include_str!("queries/emails_differ_by_case.sql"), schema);
    let emails = references::counted(client, &query, "which addresses differ by case").await?;
    findings.extend(warning(
        "emails_differ_by_case",
        emails,
        "the account has an e-mail address that differs only by case from another account's: it is open which of them a password reset would reach",
        "let one of the accounts give up the address in Synapse",
        Some("SELECT array_agg(user_id) FROM user_threepids WHERE medium = 'email' GROUP BY lower(address) HAVING count(DISTINCT user_id) > 1"),
    ));
    let links = provider_links(client, schema).await?;
    findings.extend(provider_findings(settings, &links));
    Ok(Across { links, findings })
}

/// How many links name each provider, the most frequent first.
///
/// # Errors
/// A question that the server refuses.
pub async fn provider_links(client: &Client, schema: &str) -> Result<Vec<ProviderLinks>, PgError> {
    let query = in_schema(include_str!("queries/provider_links.sql"), schema);
    let counted = references::numbers(client, &query, "which providers the links name").await?;
    Ok(counted
        .into_iter()
        .map(|(provider, links)| ProviderLinks {
            provider,
            links: links.unsigned_abs(),
        })
        .collect())
}

/// Adds to findings about rows what the whole of the rows says to them.
pub fn complete(settings: &Settings, links: &[ProviderLinks], findings: &mut [Finding]) {
    let missing = missing_providers(settings, links);
    if missing.is_empty() {
        return;
    }
    for finding in findings {
        if finding.id == MISSING_PROVIDER {
            finding.meaning = format!("{}: {}", finding.meaning, missing.join(", "));
        }
    }
}

/// Who makes MAS's tables, and the rows that a migration refers to.
pub fn complete_empty_target(findings: &mut [Finding]) {
    for finding in findings {
        if finding.id == "target_database_empty" {
            finding.remedy = "check the name of the database and the schema; if they are right, let MAS make its tables with `mas-cli database migrate` and write its providers with `mas-cli config sync`".to_owned();
        }
    }
}

/// Whether MAS is running: its workers, and sessions that may write.
///
/// # Errors
/// A question that the server refuses.
pub async fn target(client: &Client, schema: &str) -> Result<Vec<Finding>, PgError> {
    let mut findings = Vec::new();
    if has_workers(client, schema).await? {
        let query = in_schema(include_str!("queries/mas_workers.sql"), schema);
        let found = references::counted(client, &query, "which workers are alive").await?;
        findings.extend(error(
            "mas_running",
            found,
            "MAS is running: a worker has reported to its database within the last two minutes and not signed off",
            "stop MAS on every machine; one that was killed rather than stopped counts as running for two minutes",
        ));
    }
    let query = in_schema(include_str!("queries/writing_sessions.sql"), schema);
    let writing: BTreeSet<i64> = references::numbers(client, &query, "which sessions may write")
        .await?
        .into_iter()
        .map(|(_, pid)| pid)
        .collect();
    if !writing.is_empty() {
        let sessions: Vec<String> = other_sessions(client, &[])
            .await?
            .iter()
            .filter(|session| {
                session
                    .pid
                    .is_some_and(|pid| writing.contains(&i64::from(pid)))
            })
            .map(ToString::to_string)
            .collect();
        let count = sessions.len() as u64;
        findings.extend(error(
            "target_sessions",
            (count, sessions.into_iter().take(5).collect()),
            "other sessions that may write are connected to MAS's database: most likely MAS itself",
            "stop MAS and close other programs that are connected as a role that may write",
        ));
    }
    Ok(findings)
}

/// Whether MAS keeps a list of its workers.
async fn has_workers(client: &Client, schema: &str) -> Result<bool, PgError> {
    let workers = qualified(schema, "queue_workers");
    let there = format!(
        "SELECT count(*) FROM pg_catalog.to_regclass({}) AS t WHERE t IS NOT NULL",
        literal(&workers)
    );
    Ok(references::number(client, &there, "whether there are workers").await? > 0)
}

/// The workers of MAS that are alive or were there after a moment, in phrases: since then MAS has run,
/// whatever its other tables show.
///
/// # Errors
/// A question that the server refuses.
pub async fn workers_since(
    client: &Client,
    schema: &str,
    since: Timestamp,
) -> Result<Vec<String>, PgError> {
    if !has_workers(client, schema).await? {
        return Ok(Vec::new());
    }
    let query = in_schema(include_str!("queries/mas_workers_since.sql"), schema)
        .replace("{since}", &literal(&since.to_string()));
    let (count, samples) =
        references::counted(client, &query, "which workers there were since").await?;
    let mut phrases: Vec<String> = samples
        .iter()
        .map(|worker| format!("MAS has been started since the run began: worker {worker}"))
        .collect();
    let more = count.saturating_sub(phrases.len() as u64);
    if more > 0 {
        phrases.push(format!("… and {} more workers of MAS", thousands(more)));
    }
    Ok(phrases)
}

/// A warning if anything was counted.
fn warning(
    id: &str,
    (count, samples): (u64, Vec<String>),
    meaning: &str,
    remedy: &str,
    sql: Option<&str>,
) -> Option<Finding> {
    (count > 0).then(|| Finding {
        id: id.to_owned(),
        severity: FindingSeverity::Warning,
        count,
        samples,
        meaning: meaning.to_owned(),
        remedy: remedy.to_owned(),
        sql: sql.map(str::to_owned),
    })
}

/// An error if anything was counted.
fn error(id: &str, found: (u64, Vec<String>), meaning: &str, remedy: &str) -> Option<Finding> {
    warning(id, found, meaning, remedy, None).map(|finding| Finding {
        severity: FindingSeverity::Error,
        ..finding
    })
}

/// The links by provider in a line, for people.
pub fn links_line(links: &[ProviderLinks]) -> String {
    let shown: Vec<String> = links
        .iter()
        .take(8)
        .map(|used| format!("{} {}", used.provider, thousands(used.links)))
        .collect();
    let more = if links.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}
