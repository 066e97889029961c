//! A look at both databases before anything is begun: what they are, whether they have what the
//! mapping needs, whether the target is ready. Reads only.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::catalog::diff::differences;
use crate::catalog::identify::{Kind, identify};
use crate::catalog::needs::{Needs, Side};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::mapping::Compiled;
use crate::diagnostics::{Finding, FindingSeverity};
use crate::pg::database::{DatabaseFacts, database_facts, read_only};
use crate::pg::introspect::{introspect, schema_version, unfinished_versions};
use crate::pg::source::writing_sessions;
use crate::pg::target::{
    Readable, may_read, preflight as target_preflight, surprises, wait_for_other_runs,
};
use crate::pg::who_keeps_readers_out;
use crate::pg::{Connection, Patience, PgError, connect};
use crate::plan::needs::needs;

use super::grants::read_of_target;
use super::report::SideReport;
use super::unproven::unproven;
use super::{Job, across, findings, target_tables};

/// Both connections, and what the look at them gave.
#[derive(Debug)]
pub struct Looked {
    /// A session of the source, read-only.
    pub source: Connection,
    /// A session of the target, read-only.
    pub target: Connection,
    /// Both sides for the report.
    pub sides: [Option<SideReport>; 2],
    /// What speaks against a run, or should be known.
    pub findings: Vec<Finding>,
    /// Whether both databases have what it takes to read every row.
    pub readable: bool,
}

/// The step of the look.
pub const LOOK: &str = "look at both databases";

/// The names of the PostgreSQL schemas of both sides.
#[derive(Clone, Copy, Debug)]
pub struct Schemas<'a> {
    /// Of the source's tables.
    pub source: &'a str,
    /// Of the target's tables.
    pub target: &'a str,
}

/// What the look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A migration: the target must be empty and writable.
    Migrate,
    /// A comparison: the target is only read.
    Compare,
}

/// Connects to both sides and looks at them. `source` is where the job's settings lead.
///
/// # Errors
/// What made connecting impossible, of both sides; a database that breaks while it is looked at.
pub async fn look(
    job: &Job,
    source: &crate::pg::Endpoint,
    schemas: Schemas<'_>,
    purpose: Purpose,
) -> Result<Looked, Failure> {
    look_in_time(job, source, schemas, purpose, &Patience::default()).await
}

/// As [`look`], but with patience for another run that is under way.
///
/// # Errors
/// As [`look`].
pub async fn look_in_time(
    job: &Job,
    source: &crate::pg::Endpoint,
    schemas: Schemas<'_>,
    purpose: Purpose,
    patience: &Patience,
) -> Result<Looked, Failure> {
    let (source, target) = tokio::join!(connect(source), connect(&job.settings.target));
    let (source, target) = match (source, target) {
        (Ok(source), Ok(target)) => (source, target),
        (source, target) => {
            let target = target.map_err(|error| not_filled_in(job, error));
            return Err(Failure::all(
                [source.err(), target.err()].into_iter().flatten().collect(),
            ));
        }
    };
    for client in [&source.client, &target.client] {
        read_only(client).await?;
    }
    // Asked before anything else: a run under way keeps its tables locked, and every look at them
    // would wait for it.
    wait_for_other_runs(&target.client, patience).await?;
    let mut looked = Looked {
        sides: [
            job.settings
                .source
                .as_ref()
                .map(|endpoint| SideReport::new(endpoint.summary(), &source.facts)),
            Some(SideReport::new(
                job.settings.target.summary(),
                &target.facts,
            )),
        ],
        source,
        target,
        findings: Vec::new(),
        readable: true,
    };
    if let Err(mut failure) = compare(job, schemas, purpose, &mut looked).await {
        if failure.status == ExitStatus::CouldNotStart {
            name_lock_holders(&looked, &mut failure).await?;
        }
        return Err(failure);
    }
    Ok(looked)
}

/// The target could not be reached, and its configuration is not complete: that may be why.
fn not_filled_in(job: &Job, mut error: PgError) -> PgError {
    let products = job.settings.products.iter();
    let places = products.flat_map(|products| &products.mas.placeholders);
    let notes = places.map(|place| format!("{place} still says `FILL IN`"));
    error.diagnostic.notes.extend(notes);
    error
}

/// A look that could not be had may have been in somebody's way: who that is is said too.
async fn name_lock_holders(looked: &Looked, failure: &mut Failure) -> Result<(), Failure> {
    let mut sessions = Vec::new();
    for side in [&looked.source, &looked.target] {
        sessions.extend(who_keeps_readers_out(&side.client).await?);
    }
    if let Some(diagnostic) = failure.diagnostics.first_mut() {
        let notes = sessions.iter().map(ToString::to_string);
        diagnostic.notes.extend(notes);
    }
    Ok(())
}

async fn compare(
    job: &Job,
    schemas: Schemas<'_>,
    purpose: Purpose,
    looked: &mut Looked,
) -> Result<(), Failure> {
    let (source_facts, target_facts) = (
        database_facts(&looked.source.client).await?,
        database_facts(&looked.target.client).await?,
    );
    same_database(&source_facts, &target_facts, looked);
    if !looked.readable {
        // Whatever else could be said of one of them is said of the wrong one.
        return Ok(());
    }
    let unreadable = [
        encoding(&source_facts, "source"),
        encoding(&target_facts, "target"),
        standby(&source_facts),
    ];
    for finding in unreadable.into_iter().flatten() {
        looked.readable = false;
        looked.findings.push(finding);
    }
    let plan = &job.program.plan;
    let (source_needs, target_needs) = needs(plan, &job.compiled.source, &job.compiled.target);
    let (own, other) = (&job.compiled.source, &job.compiled.target);
    let written: Vec<&str> = match purpose {
        Purpose::Migrate => plan.targets.iter().map(|it| it.table.as_str()).collect(),
        Purpose::Compare => Vec::new(),
    };
    let read = read_of_target(job, purpose);
    let target = &looked.target.client;
    let readable = may_read(target, schemas.target, &read, &written).await?;
    let source_ok = side(
        looked,
        Side::Source,
        own,
        other,
        &source_needs,
        schemas.source,
    )
    .await?;
    let target_ok = side(
        looked,
        Side::Target,
        other,
        own,
        &target_needs,
        schemas.target,
    )
    .await?;
    looked.readable &= source_ok && target_ok && readable == Readable::All;
    if job.settings.products.is_some() {
        across::complete_empty_target(&mut looked.findings);
    }
    if purpose == Purpose::Migrate {
        looked.findings.extend(unproven(job));
    }
    if source_ok && purpose == Purpose::Migrate {
        // No finding: beside a live service they are as they should be.
        let Connection { client, facts, .. } = &looked.source;
        let own = [facts.backend_pid];
        let found = writing_sessions(client, schemas.source, &job.source_tables(), &own).await?;
        if let [Some(source), _] = &mut looked.sides {
            source.writing_sessions = Some(found.iter().map(ToString::to_string).collect());
        }
    }
    if target_ok && purpose == Purpose::Migrate {
        let problems =
            target_preflight(&looked.target.client, schemas.target, &target_tables(plan)).await?;
        for finding in problems.iter().map(findings::from_pg) {
            // The encoding was looked at already.
            if !looked.findings.iter().any(|known| known.id == finding.id) {
                looked.findings.push(finding);
            }
        }
        if job.settings.products.is_some() {
            let running = across::target(&looked.target.client, schemas.target).await?;
            looked.findings.extend(running);
        }
        let surprises =
            surprises(&looked.target.client, schemas.target, &target_tables(plan)).await?;
        if !surprises.is_empty() {
            looked.findings.push(Finding {
                severity: FindingSeverity::Warning,
                count: surprises.len() as u64,
                samples: surprises.into_iter().take(5).collect(),
                ..error(
                    "target_surprises",
                    "the target database holds things that the catalog does not describe and that may refuse or change rows while they are written".to_owned(),
                    "switch them off for the migration, or try it by `migrate --dry-run --verify`".to_owned(),
                )
            });
        }
    }
    Ok(())
}

fn same_database(source: &DatabaseFacts, target: &DatabaseFacts, looked: &mut Looked) {
    if source.same_database(target) == Some(true) {
        looked.readable = false;
        looked.findings.push(error(
            "same_database",
            format!(
                "source and target are the same database, `{}`",
                source.database
            ),
            "give each product a database of its own, and name both".to_owned(),
        ));
    }
}

/// An encoding in which rows can neither be read nor written as they are.
fn encoding(facts: &DatabaseFacts, side: &str) -> Option<Finding> {
    (facts.encoding != "UTF8").then(|| {
        error(
            &format!("{side}_encoding_not_utf8"),
            format!("the {side} database has the encoding {}, and only UTF8 can be read and written as it is", facts.encoding),
            "copy the database into one with the encoding UTF8".to_owned(),
        )
    })
}

/// A source that is a standby.
fn standby(facts: &DatabaseFacts) -> Option<Finding> {
    facts.standby.then(|| {
        error(
            "source_is_standby",
            "the source server is a standby, which cannot be locked against changes".to_owned(),
            "connect to the primary".to_owned(),
        )
    })
}

/// What a look at one database gave.
#[derive(Debug, Default)]
pub struct OneSide {
    /// What speaks against a run, or should be known.
    pub findings: Vec<Finding>,
    /// The version of the product's schema, where it notes one.
    pub version: Option<i64>,
    /// Whether its rows can be read.
    pub readable: bool,
}

/// Looks at the source alone, for what never meets a target: whether it is the database that the
/// mapping was compiled for, and whether its rows can be read.
///
/// # Errors
/// A question that the server refuses.
pub async fn look_at_source(
    connection: &Connection,
    compiled: &Compiled,
    schema: &str,
) -> Result<OneSide, PgError> {
    read_only(&connection.client).await?;
    let facts = database_facts(&connection.client).await?;
    let (own, other) = (&compiled.source, &compiled.target);
    let (needs, _) = needs(&compiled.plan, own, other);
    let mut seen = one_side(connection, Side::Source, own, other, &needs, schema).await?;
    for finding in [encoding(&facts, "source"), standby(&facts)] {
        seen.readable &= finding.is_none();
        seen.findings.extend(finding);
    }
    Ok(seen)
}

/// Looks whether one side is what the mapping was compiled for; says whether its rows can be read.
async fn side(
    looked: &mut Looked,
    side: Side,
    own: &Catalog,
    other: &Catalog,
    needs: &Needs,
    schema: &str,
) -> Result<bool, PgError> {
    let connection = if side == Side::Source {
        &looked.source
    } else {
        &looked.target
    };
    let seen = one_side(connection, side, own, other, needs, schema).await?;
    let index = usize::from(side == Side::Target);
    if let Some(report) = looked.sides.get_mut(index).and_then(Option::as_mut) {
        report.schema_version = seen.version;
    }
    looked.findings.extend(seen.findings);
    Ok(seen.readable)
}

async fn one_side(
    connection: &Connection,
    side: Side,
    own: &Catalog,
    other: &Catalog,
    needs: &Needs,
    schema: &str,
) -> Result<OneSide, PgError> {
    let mut seen = OneSide::default();
    let tables: BTreeSet<&String> = needs
        .tables
        .keys()
        .chain(&own.identity.tables)
        .chain(&other.identity.tables)
        .collect();
    let names: Vec<String> = tables.into_iter().cloned().collect();
    let live = introspect(&connection.client, schema, Some(&names)).await?;
    let mut unfinished = Vec::new();
    if let Some(version) = &own.identity.version
        && live.tables.contains_key(&version.table)
    {
        unfinished = unfinished_versions(&connection.client, schema, version).await?;
        seen.version = schema_version(&connection.client, schema, version).await?;
    }
    let identified = identify(&live, seen.version, own, other);
    let known = identified.kind == Kind::Expected;
    if let Some((finding, _)) = identified.problem(side, own, other) {
        seen.findings.push(finding);
    }
    if !known {
        // Whatever else differs follows from that.
        return Ok(seen);
    }
    if !unfinished.is_empty() {
        let side = if side == Side::Source {
            "source"
        } else {
            "target"
        };
        let versions = unfinished.iter().map(ToString::to_string);
        seen.findings.push(Finding {
            count: unfinished.len() as u64,
            samples: versions.take(5).collect(),
            ..error(
                &format!("{side}_schema_unfinished"),
                format!("a change of the {side} database's schema was begun and not carried through"),
                "let the product that the database belongs to finish it, or begin with a fresh database".to_owned(),
            )
        });
    }
    let found = differences(needs, &live);
    seen.readable = !found
        .iter()
        .any(|difference| difference.finding.severity == FindingSeverity::Error);
    let differences = found.into_iter().map(|difference| difference.finding);
    seen.findings.extend(differences);
    Ok(seen)
}

/// A finding of severity error about a database.
fn error(id: &str, meaning: String, remedy: String) -> Finding {
    Finding {
        id: id.to_owned(),
        severity: FindingSeverity::Error,
        count: 1,
        samples: Vec::new(),
        meaning,
        remedy,
        sql: None,
    }
}
