//! The rehearsal: every row through the mapping, into nothing; and what only the whole of the rows
//! can tell.

use bytes::Bytes;
use tokio_postgres::Client;

use crate::cli::failure::Failure;
use crate::config::{BcryptHashes, DataFacts, ProviderLinks};
use crate::diagnostics::{Finding, FindingSeverity};
use crate::eval::{decode, query};
use crate::pg::source::{PgSource, SourceLock, SourceOptions, load};
use crate::pg::{Endpoint, references};
use crate::plan::{Plan, ReferenceScope, ReferenceTo, Side};
use crate::run::{Inputs, NoSink, OutsideReference, RunReport, run};
use crate::types::{PgType, Value};

use super::across::{self, Across};
use super::forecast::Forecast;
use super::lockout::Lockout;
use super::preflight::{Looked, Schemas};
use super::progress::{Audience, Progress};
use super::reject_list::RejectList;
use super::remaining::TableRows;
use super::table::counted_as;
use super::watch::Watch;
use super::{Job, connector};

/// The step of a rehearsal.
pub const REHEARSE: &str = "rehearse every row";

/// What a rehearsal gave beside its findings.
#[derive(Debug)]
pub struct Rehearsed {
    /// What became of the rows.
    pub report: RunReport,
    /// Who will be able to sign in.
    pub forecast: Option<Forecast>,
    /// How many links name each provider.
    pub links: Vec<ProviderLinks>,
}

/// Runs every row of the source through the mapping and writes nothing; adds what it found. The
/// accounts that nobody can sign in to go into `list`, rejected rows into `rejects`.
///
/// # Errors
/// What makes reading impossible, or writing the list.
pub async fn rehearse(
    job: &Job,
    source: &Endpoint,
    schemas: Schemas<'_>,
    looked: &mut Looked,
    list: Option<Lockout>,
    rejects: &RejectList,
    audience: &Audience<'_>,
) -> Result<Rehearsed, Failure> {
    let printer = audience.printer;
    let connect = connector(source);
    let options = SourceOptions {
        own_sessions: vec![looked.source.facts.backend_pid],
        ..SourceOptions::new(schemas.source, SourceLock::Shared)
    };
    let reader = PgSource::open(&connect, &options, &job.source_tables()).await?;
    let broadcasts = broadcasts(job, &reader, &looked.target.client, schemas).await?;
    let mut scans = reader.scan(&connect, &job.scan_queries()).await?;
    let tables = scanned(&job.program.plan, &reader).await?;
    let progress = Progress::new(audience, "rehearsing", REHEARSE, tables);
    let mut watch = watch(job, progress.clone(), rejects);
    let lists = list.is_some();
    if let (Some(forecast), Some(list)) = (&mut watch.forecast, list) {
        forecast.list(list);
    }
    let inputs = Inputs {
        program: &job.program,
        broadcasts,
        limits: job.limits,
    };
    // The leader has nothing to do while the rows go by.
    let mut sink = NoSink;
    let pass = progress.beside(run(inputs, &mut scans, &mut sink, &mut watch));
    let (outcome, across) = tokio::join!(pass, across_accounts(job, &reader, schemas));
    watch.finish();
    rejects.finish()?;
    let report = outcome.map_err(|diagnostic| {
        Failure::one(crate::cli::exit::ExitStatus::Unexpected, *diagnostic)
    })?;
    looked
        .findings
        .extend(duplicates(job, reader.leader(), schemas.source).await?);
    let Across { links, findings } = across?;
    looked.findings.extend(findings);
    let mut forecast = watch.forecast;
    if let Some(list) = forecast.as_mut().and_then(Forecast::take_list) {
        let accounts = list.finish(reader.leader(), schemas.source).await?;
        printer.say(&format!(
            "{} in the list of those that nobody can sign in to",
            counted_as(accounts, "account is", "accounts are")
        ));
    } else if lists {
        printer.always("no list of accounts is written: the mapping does not make MAS's accounts");
    }
    reader.release().await?;
    looked
        .findings
        .extend(rows(job, &report, forecast.as_ref(), &links));
    looked
        .findings
        .extend(outside(job, &looked.target.client, schemas.target, &report.outside).await?);
    Ok(Rehearsed {
        report,
        forecast,
        links,
    })
}

/// What accounts show together, where the source has such.
///
/// # Errors
/// A question that the server refuses.
pub async fn across_accounts(
    job: &Job,
    reader: &PgSource,
    schemas: Schemas<'_>,
) -> Result<Across, Failure> {
    match &job.settings.products {
        Some(products) => across::source(products, reader.leader(), schemas.source).await,
        None => Ok(Across::default()),
    }
}

/// The tables of a pass, with about how many rows each has.
///
/// # Errors
/// A source that breaks.
pub async fn scanned(plan: &Plan, reader: &PgSource) -> Result<Vec<TableRows>, Failure> {
    let tables: Vec<&str> = plan.scans.iter().map(|scan| scan.table.as_str()).collect();
    let estimates = reader.estimated_rows(&tables).await?;
    let tables = tables.into_iter().zip(estimates);
    let tables = tables.map(|(table, estimate)| TableRows {
        table: table.to_owned(),
        read: 0,
        estimate,
    });
    Ok(tables.collect())
}

/// What watches a pass over the rows.
pub fn watch(job: &Job, progress: Progress, rejects: &RejectList) -> Watch {
    Watch {
        rejects: rejects.clone(),
        progress,
        forecast: job
            .settings
            .products
            .as_ref()
            .and_then(|products| Forecast::new(&job.program, products.mas.passwords_enabled.value)),
    }
}

/// The rows of the tables that are held whole.
///
/// # Errors
/// A table beyond its limit, or one that cannot be read.
pub async fn broadcasts(
    job: &Job,
    source: &PgSource,
    target: &Client,
    schemas: Schemas<'_>,
) -> Result<Vec<Vec<Bytes>>, Failure> {
    let mut all = Vec::new();
    for broadcast in &job.program.plan.broadcasts {
        let columns: Vec<String> = broadcast
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
        all.push(match broadcast.side {
            Side::Source => {
                source
                    .load(&broadcast.table, &columns, broadcast.limit)
                    .await?
            }
            Side::Target => {
                load(
                    target,
                    schemas.target,
                    &broadcast.table,
                    &columns,
                    broadcast.limit,
                )
                .await?
            }
        });
    }
    Ok(all)
}

/// What the rows themselves tell, and what the configurations say to it.
pub fn rows(
    job: &Job,
    report: &RunReport,
    forecast: Option<&Forecast>,
    links: &[ProviderLinks],
) -> Vec<Finding> {
    let plan = &job.program.plan;
    let passwords = plan
        .targets
        .iter()
        .position(|target| target.table == "user_passwords");
    let hashes = passwords.and_then(|target| report.written.get(target));
    let mut findings = job.settings.config_findings(DataFacts {
        bcrypt_hashes: BcryptHashes::counted(hashes.copied().unwrap_or_default()),
    });
    findings.extend(report.findings(&job.program));
    findings.extend(open_references(job, report));
    findings.extend(forecast.and_then(Forecast::finding));
    if let Some(products) = &job.settings.products {
        across::complete(products, links, &mut findings);
    }
    findings
}

/// References that leave their partition: rows that refer to none that is written, and references
/// that could not be followed.
fn open_references(job: &Job, report: &RunReport) -> Vec<Finding> {
    let plan = &job.program.plan;
    let mut findings = Vec::new();
    for across in &report.across {
        let Some(reference) = plan.references.get(across.reference) else {
            continue;
        };
        let ReferenceTo::Target {
            target,
            columns,
            scope,
        } = &reference.to
        else {
            continue;
        };
        let (Some(from), Some(to)) = (plan.targets.get(reference.from), plan.targets.get(*target))
        else {
            continue;
        };
        let key = format!(
            "foreign key `{}` of `{}` to `{}`",
            reference.name, from.table, to.table
        );
        let column = columns.first().and_then(|column| to.columns.get(*column));
        match across.rows {
            Some(0) => {}
            Some(rows) => findings.push(Finding {
                id: Finding::id_about("dangling_", &reference.name),
                severity: FindingSeverity::Error,
                count: rows,
                samples: column
                    .filter(|column| !column.sensitive)
                    .into_iter()
                    .flat_map(|column| {
                        across
                            .samples
                            .iter()
                            .filter_map(|bytes| value_text(&wide(&column.pg_type), bytes))
                    })
                    .collect(),
                meaning: format!("{key}: rows refer to rows that the mapping does not write"),
                remedy: format!(
                    "write these rows of `{}` too, leave out the rows that refer to them, or write `null` in place of the reference",
                    to.table
                ),
                sql: None,
            }),
            None => findings.push(Finding {
                id: Finding::id_about("unchecked_", &reference.name),
                severity: FindingSeverity::Warning,
                count: 1,
                samples: Vec::new(),
                meaning: match scope {
                    ReferenceScope::Database(why) => {
                        format!("{key} was not followed: {why}")
                    }
                    ReferenceScope::Run(_) | ReferenceScope::Partition => {
                        format!("{key} was not followed: it has too many values to hold")
                    }
                },
                remedy: "a row without partner would end the migration when the foreign key is built again, and change nothing".to_owned(),
                sql: None,
            }),
        }
    }
    findings
}

/// The type in which a value of a reference is kept.
fn wide(ty: &PgType) -> PgType {
    match ty {
        PgType::Int2 | PgType::Int4 => PgType::Int8,
        other => other.clone(),
    }
}

/// A value of a key as text, where it is of a type that is shown.
fn value_text(ty: &PgType, bytes: &[u8]) -> Option<String> {
    match decode(ty, Some(bytes)) {
        Ok(Value::Text(text)) => Some(text.to_owned()),
        Ok(Value::Int(number)) => Some(number.to_string()),
        Ok(Value::Uuid(bytes)) => Some(crate::functions::uuid_text(&bytes)),
        _ => None,
    }
}

/// Rows of tables which the mapping does not write, but that written rows would refer to, and which
/// are not there.
async fn outside(
    job: &Job,
    target: &Client,
    schema: &str,
    references: &[OutsideReference],
) -> Result<Vec<Finding>, Failure> {
    let plan = &job.program.plan;
    let mut findings = Vec::new();
    for outside in references {
        let Some(reference) = plan.references.get(outside.reference) else {
            continue;
        };
        let ReferenceTo::Table { table, columns } = &reference.to else {
            continue;
        };
        let from = plan.targets.get(reference.from);
        let column = reference
            .from_columns
            .first()
            .and_then(|index| from.and_then(|from| from.columns.get(*index)));
        let (Some(from), Some(column), [to]) = (from, column, columns.as_slice()) else {
            continue;
        };
        let values: Vec<String> = outside
            .values
            .iter()
            .filter_map(|bytes| value_text(&column.pg_type, bytes))
            .collect();
        let missing =
            references::missing(target, schema, table, to, &column.pg_type, &values).await?;
        if missing.is_empty() {
            continue;
        }
        let samples = if column.sensitive {
            Vec::new()
        } else {
            missing.iter().take(5).cloned().collect()
        };
        findings.push(Finding {
            id: format!("missing_in_{table}"),
            severity: FindingSeverity::Error,
            count: missing.len() as u64,
            samples,
            meaning: format!(
                "rows of `{}` would refer to rows of `{table}` that are not there",
                from.table
            ),
            remedy: format!("make the rows of `{table}` first"),
            sql: None,
        });
    }
    Ok(findings)
}

/// Keys of the target whose proof needs a look-up table to be one-to-one, where it is not: then the
/// source is asked.
async fn duplicates(job: &Job, source: &Client, schema: &str) -> Result<Vec<Finding>, Failure> {
    let plan = &job.program.plan;
    let mut findings = Vec::new();
    for proof in &plan.keys {
        let open = query::open_maps(&job.program, proof);
        if open.is_empty() {
            continue;
        }
        let table = plan
            .targets
            .get(proof.target)
            .map_or("", |target| target.table.as_str());
        let key = format!("key `{}` of `{table}`", proof.name);
        let Some(sql) = query::duplicates(&job.program, proof, schema) else {
            findings.push(Finding {
                id: format!("unproven_{}", proof.name),
                severity: FindingSeverity::Warning,
                count: 1,
                samples: Vec::new(),
                meaning: format!("whether {key} will hold cannot be shown, because `{}` gives one value for several keys", open.join("`, `")),
                remedy: "a violation would end the migration at its end, and change nothing".to_owned(),
                sql: None,
            });
            continue;
        };
        let count =
            references::number(source, &sql, "whether keys of the target would repeat").await?;
        if count > 0 {
            findings.push(Finding {
                id: format!("duplicate_{}", proof.name),
                severity: FindingSeverity::Error,
                count: count.unsigned_abs(),
                samples: Vec::new(),
                meaning: format!("several rows would get the same value of {key}, because `{}` gives one value for several keys", open.join("`, `")),
                remedy: "give each key a value of its own, or remove the duplicates in the source".to_owned(),
                sql: Some(sql),
            });
        }
    }
    Ok(findings)
}
