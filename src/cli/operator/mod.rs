//! What `check` and `migrate` have in common: both sides found, connected to and looked at.

pub mod accept;
pub mod across;
pub mod advice;
pub mod building;
pub mod connected;
pub mod events;
pub mod files;
pub mod findings;
pub mod forecast;
pub mod grants;
pub mod interrupt;
pub mod live;
pub mod lockout;
pub mod migration;
pub mod next_steps;
pub mod one_account;
pub mod page;
pub mod password;
pub mod past_run;
pub mod preflight;
pub mod progress;
pub mod rehearsal;
pub mod reject_limit;
pub mod reject_list;
pub mod rejects;
pub mod remaining;
pub mod report;
pub mod sides;
pub mod sql_text;
pub mod table;
pub mod unproven;
pub mod verification;
pub mod waiting;
pub mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::diagnostics::{Diagnostic, Finding, codes};
use crate::eval::Program;
use crate::pg::source::ScanQuery;
use crate::pg::target::TargetTable;
use crate::pg::{Endpoint, PgError, connect};
use crate::plan::Plan;
use crate::run::digest::RowsDigest;
use crate::run::{Limits, RunReport};
use crate::types::{OwnedValue, SeverityValue, Ty};

use reject_limit::RejectLimit;
use sides::Sides;

use super::args::SideArgs;
use super::exit::ExitStatus;
use super::failure::Failure;
use super::mapping::{self, Compiled};
use super::printer::Printer;

/// Everything that is known before a connection is made.
#[derive(Debug)]
pub struct Job {
    /// The mapping.
    pub compiled: Compiled,
    /// The mapping with its parameters.
    pub program: Program,
    /// Both databases, and what is known of their products.
    pub settings: Sides,
    /// The clock of the run.
    pub migrated_at: Timestamp,
    /// What may be held in memory.
    pub limits: Limits,
    /// The warnings that are accepted.
    pub accepted: accept::Accepted,
    /// How many rejected rows may be left out.
    pub reject_limit: RejectLimit,
}

impl Job {
    /// Compiles the mapping, reads both configurations and the parameters.
    ///
    /// # Errors
    /// Mapping errors, or every problem with settings, before any connection.
    pub fn new(args: &SideArgs, printer: &Printer) -> Result<Self, Failure> {
        let compiled = mapping::load(args.mapping.as_deref(), &args.catalogs)?;
        // What is not proven is a finding, in the same words whatever the mapping is.
        let warnings: Vec<Diagnostic> = compiled
            .warnings
            .iter()
            .filter(|warning| warning.code != codes::W0401)
            .cloned()
            .collect();
        printer.warnings(&compiled.files, &warnings);
        let mut problems = Vec::new();
        let migrated_at = match &args.migrated_at {
            None => Timestamp::now(),
            Some(text) => moment(text).unwrap_or_else(|problem| {
                problems.push(problem);
                Timestamp::UNIX_EPOCH
            }),
        };
        let settings = match Sides::find(args, &compiled.plan) {
            Ok(settings) => settings,
            Err(found) => {
                problems.extend(found);
                return Err(Failure::new(ExitStatus::Usage, problems));
            }
        };
        if !problems.is_empty() {
            return Err(Failure::new(ExitStatus::Usage, problems));
        }
        let known = params(&settings, migrated_at, args.ignore_missing_auth_providers);
        let program = mapping::program(compiled.plan.clone(), known, &args.set)?;
        let limits = Limits {
            partition: args.max_partition_memory.saturating_mul(1024 * 1024),
            ..Limits::default()
        };
        Ok(Self {
            compiled,
            program,
            settings,
            migrated_at,
            limits,
            accepted: accept::Accepted::default(),
            reject_limit: RejectLimit::default(),
        })
    }

    /// Allows rejected rows to be left out.
    pub fn allow_rejects(&mut self, limit: RejectLimit) {
        self.reject_limit = limit;
        self.limits.rejects = limit.certain_after();
    }

    /// Whether a run rejected rows, and no more than may be left out.
    pub fn leaves_out(&self, run: &RunReport) -> bool {
        let read = run.read.iter().sum();
        run.rejected > 0 && self.reject_limit.allows(run.rejected, read)
    }

    /// What is accepted, once it is known which rows are left out.
    pub fn accepted_after(&self, run: Option<&RunReport>) -> accept::Accepted {
        let mut accepted = self.accepted.clone();
        if let Some(run) = run.filter(|run| self.leaves_out(run)) {
            accepted.leave_out(run);
        }
        accepted
    }

    /// The scans as queries.
    pub fn scan_queries(&self) -> Vec<ScanQuery> {
        scan_queries(&self.program.plan)
    }

    /// The targets as tables.
    pub fn target_tables(&self) -> Vec<TargetTable> {
        target_tables(&self.program.plan)
    }

    /// The names of the scanned tables.
    pub fn source_tables(&self) -> Vec<&str> {
        self.program
            .plan
            .scans
            .iter()
            .map(|scan| scan.table.as_str())
            .collect()
    }
}

/// The scans of a plan as queries.
pub fn scan_queries(plan: &Plan) -> Vec<ScanQuery> {
    plan.scans
        .iter()
        .map(|scan| {
            let key = scan.columns.get(scan.key);
            ScanQuery {
                table: scan.table.clone(),
                columns: scan
                    .columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect(),
                key: key.map_or_else(String::new, |column| column.name.clone()),
                key_is_text: key.is_some_and(|column| column.pg_type.ty() == Ty::Text),
            }
        })
        .collect()
}

/// The targets of a plan as tables.
pub fn target_tables(plan: &Plan) -> Vec<TargetTable> {
    plan.targets
        .iter()
        .map(|target| TargetTable {
            table: target.table.clone(),
            columns: target
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
        })
        .collect()
}

/// The clock of a run, between 1970 and 2100: it stands in rows, and other times are taken for
/// mistakes there.
fn moment(text: &str) -> Result<Timestamp, Diagnostic> {
    let problem = |what: &str| {
        Diagnostic::error(codes::E0615, format!("`--migrated-at {text}` {what}"))
            .help("write a form such as `2026-05-01T02:00:00Z`")
    };
    let moment: Timestamp = text.parse().map_err(|_| problem("is no moment"))?;
    /// 2100-01-01, in seconds.
    const END: i64 = 4_102_444_800;
    if moment.as_second() <= 0 || moment.as_second() >= END {
        return Err(problem("does not lie between 1970 and 2100"));
    }
    Ok(moment)
}

/// The parameters that configurations and flags decide; a mapping without one of them ignores it.
pub(super) fn params(
    settings: &Sides,
    migrated_at: Timestamp,
    ignore_missing: bool,
) -> BTreeMap<String, OwnedValue> {
    let mut known = BTreeMap::from([(
        "migrated_at".to_owned(),
        OwnedValue::Timestamp(migrated_at.as_microsecond()),
    )]);
    let Some(products) = &settings.products else {
        return known;
    };
    let providers = products
        .providers
        .iter()
        .map(|(name, id)| (name.clone(), OwnedValue::Uuid(id.value.to_bytes())))
        .collect();
    known.insert(
        "server_name".to_owned(),
        OwnedValue::Text(products.server_name.value.clone()),
    );
    known.insert("providers".to_owned(), OwnedValue::Map(providers));
    let disabled = products
        .disabled_providers()
        .map(|name| (name.to_owned(), OwnedValue::Bool(true)))
        .collect();
    known.insert("disabled_providers".to_owned(), OwnedValue::Map(disabled));
    if ignore_missing {
        known.insert(
            "missing_providers".to_owned(),
            OwnedValue::Severity(SeverityValue::Warn),
        );
    }
    known
}

/// Makes connections to one side, for readers and writers that need several.
pub fn connector(endpoint: &Endpoint) -> impl crate::pg::Connect + Clone + use<> {
    let endpoint = std::sync::Arc::new(endpoint.clone());
    move || {
        let endpoint = std::sync::Arc::clone(&endpoint);
        async move { connect(&endpoint).await.map(|connection| connection.client) }
    }
}

/// What a command found, on its way to the verdict.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Findings about configurations, databases and rows.
    pub findings: Vec<Finding>,
    /// What every row's way through the mapping gave, once it was gone.
    pub run: Option<RunReport>,
    /// How long each step took.
    pub phases: Vec<(String, Duration)>,
    /// Rows counted in the target at the end, by target.
    pub written: Vec<u64>,
    /// Who will be able to sign in, once every row was looked at.
    pub forecast: Option<forecast::Forecast>,
    /// How many links name each provider.
    pub links: Vec<crate::config::ProviderLinks>,
    /// Digests of the rows that were written, by target; empty where none were.
    pub digests: Vec<RowsDigest>,
    /// Where the mapping rejected the rows for which a run was refused.
    pub rejected: Vec<Diagnostic>,
}

impl Outcome {
    /// What was written is gone again.
    pub fn nothing_written(&mut self) {
        self.written.iter_mut().for_each(|rows| *rows = 0);
        self.digests.clear();
    }
}

/// An error of the database layer that is a finding, because it says what a database is like.
pub fn is_finding(error: &PgError) -> bool {
    error.kind == crate::pg::PgErrorKind::Unsuitable
}
