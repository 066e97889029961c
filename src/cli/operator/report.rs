//! The report: one JSON document that says what a command did. Its schema is documented in
//! `docs/reference/report.md`; no secret is in it.

use serde::Serialize;

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::finding_pages::group;
use crate::cli::uri;
use crate::diagnostics::{Diagnostic, Finding};
use crate::pg::{EndpointSummary, ServerFacts};
use crate::plan::Plan;
use crate::run::difference::TableDifference;
use crate::run::{MapLedger, ReasonReport};

use super::accept::Acceptance;
use super::forecast::{Accounts, SignIn};
use super::live::LiveReport;
use super::next_steps::Step;
use super::{Job, Outcome, findings};

/// The version of the report's schema; raised with every change that a reader could notice.
pub const SCHEMA_VERSION: u32 = 1;

/// A report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The version of this schema.
    pub schema_version: u32,
    /// The version of mapwright.
    pub mapwright: &'static str,
    /// `check` or `migrate`.
    pub command: &'static str,
    /// Whether everything was rolled back on purpose.
    pub dry_run: bool,
    /// The mapping and what it was compiled against.
    pub mapping: MappingReport,
    /// When the command began.
    pub started_at: String,
    /// When it ended.
    pub finished_at: String,
    /// The clock of the run: stands where the source knows no time.
    pub migrated_at: String,
    /// The two databases; null for one that was not reached.
    pub source: Option<SideReport>,
    /// The other one.
    pub target: Option<SideReport>,
    /// How long each step took.
    pub phases: Vec<PhaseReport>,
    /// Rows read of each source table.
    pub read: Vec<TableReport>,
    /// Rows made for each target table; of `verify`, the rows it holds.
    pub written: Vec<TableReport>,
    /// Of `verify`: the tables that are not as the mapping makes them; null where none was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differences: Option<Vec<TableDifference>>,
    /// Of `verify`: columns that were not compared, because the mapping does not set them and the
    /// database makes their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<NotCompared>,
    /// Of `verify --live`: what both databases hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveReport>,
    /// What became of the rows of each map; `read` is the sum of the others.
    pub maps: Vec<MapReport>,
    /// Each reason that applied to a row, the quiet ones too.
    pub reasons: Vec<ReasonReport>,
    /// Rows that were rejected; null where no row was looked at.
    pub rejects: Option<RejectsReport>,
    /// What people should know.
    pub findings: Vec<FindingReport>,
    /// The accounts in numbers, once every row was looked at.
    pub accounts: Option<AccountsReport>,
    /// Who will be able to sign in, once every row was looked at.
    pub sign_in: Option<SignIn>,
    /// What is to be done next; empty if that is up to what stands in the way.
    pub next_steps: Vec<Step>,
    /// How it ended.
    pub verdict: Verdict,
}

/// What became of the rows of a map, and where they went.
#[derive(Debug, Serialize)]
pub struct MapReport {
    /// The rows.
    #[serde(flatten)]
    pub ledger: MapLedger,
    /// The target tables that the map can write to.
    pub targets: Vec<String>,
}

/// The mapping of a report.
#[derive(Debug, Serialize)]
pub struct MappingReport {
    /// Its name.
    pub name: String,
    /// The source's catalog and version.
    pub source: String,
    /// The target's catalog and version.
    pub target: String,
}

/// One database.
#[derive(Clone, Debug, Serialize)]
pub struct SideReport {
    /// How it was reached and where each setting came from, without secrets.
    pub endpoint: EndpointSummary,
    /// The server's version.
    pub server_version: String,
    /// The version of the product's schema, where it notes one.
    pub schema_version: Option<i64>,
    /// Whether the connection was encrypted.
    pub tls: bool,
    /// Of the source, where a migration is about to be: the sessions of others that may write to its
    /// tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writing_sessions: Option<Vec<String>>,
}

impl SideReport {
    /// A side that was connected to.
    pub fn new(endpoint: EndpointSummary, facts: &ServerFacts) -> Self {
        Self {
            endpoint,
            server_version: facts.version.clone(),
            schema_version: None,
            tls: facts.tls.is_some(),
            writing_sessions: None,
        }
    }
}

/// A step.
#[derive(Debug, Serialize)]
pub struct PhaseReport {
    /// What was done.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
}

/// Rows of a table.
#[derive(Debug, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: String,
    /// How many.
    pub rows: u64,
    /// The digest of rows that were written: equal for equal rows, in whatever order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Rejected rows.
#[derive(Debug, Serialize)]
pub struct RejectsReport {
    /// How many.
    pub rejected: u64,
    /// How many others were left out because they belong to these.
    pub dependents: u64,
    /// `--max-rejects`.
    pub limit: String,
    /// Whether there are some, and no more than that: then they are left out, and do not stop a run.
    pub left_out: bool,
}

/// A column that was not compared.
#[derive(Debug, Serialize)]
pub struct NotCompared {
    /// Its table.
    pub table: String,
    /// The column.
    pub column: String,
}

/// A finding, and what becomes of it.
#[derive(Debug, Serialize)]
pub struct FindingReport {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// What it is about.
    pub group: &'static str,
    /// Whether it was accepted.
    pub acceptance: Acceptance,
    /// For how many; null too for any number.
    pub accepted_count: Option<u64>,
    /// The source tables whose rows were left out for it.
    pub tables: Vec<TableReport>,
}

/// The accounts in numbers.
#[derive(Debug, Serialize)]
pub struct AccountsReport {
    /// The numbers.
    #[serde(flatten)]
    pub numbers: Accounts,
    /// How many links name each provider, whether or not they come along.
    pub providers: Vec<ProviderReport>,
}

/// A provider of the source.
#[derive(Debug, Serialize)]
pub struct ProviderReport {
    /// What the source calls it.
    pub provider: String,
    /// How many links name it.
    pub links: u64,
    /// The provider of MAS that stands for it.
    pub mas_provider: Option<String>,
}

/// The end.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The exit status.
    pub exit: u8,
    /// Whether the target holds the rows now.
    pub committed: bool,
    /// One sentence.
    pub text: String,
    /// Why, where something failed.
    pub problems: Vec<ProblemReport>,
}

impl Verdict {
    /// The end of a command that failed.
    pub fn of(failure: &Failure) -> Self {
        let text = match failure.status {
            ExitStatus::OutcomeUnknown => "failed; whether the target was changed is unknown",
            ExitStatus::Interrupted | ExitStatus::Terminated => "interrupted; nothing was changed",
            _ => "failed; nothing was changed",
        };
        Self {
            exit: failure.status.code(),
            committed: false,
            text: text.to_owned(),
            problems: failure.diagnostics.iter().map(Into::into).collect(),
        }
    }
}

/// A diagnostic of a report.
#[derive(Debug, Serialize)]
pub struct ProblemReport {
    /// Its code.
    pub code: String,
    /// What it says.
    pub message: String,
    /// Context.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Vec<String>,
}

impl From<&Diagnostic> for ProblemReport {
    fn from(diagnostic: &Diagnostic) -> Self {
        let diagnostic = uri::without_passwords(diagnostic);
        Self {
            code: diagnostic.code.as_str().to_owned(),
            message: diagnostic.message,
            notes: diagnostic.notes,
            help: diagnostic.help,
        }
    }
}

/// What a report is made of besides the job and its outcome.
#[derive(Debug)]
pub struct Frame {
    /// `check` or `migrate`.
    pub command: &'static str,
    /// Whether everything was rolled back on purpose.
    pub dry_run: bool,
    /// When the command began.
    pub started_at: jiff::Timestamp,
    /// The databases.
    pub sides: [Option<SideReport>; 2],
}

/// The mapping of a job.
pub fn mapping(job: &Job) -> MappingReport {
    let plan = &job.program.plan;
    MappingReport {
        name: plan.mapping.clone(),
        source: format!("{} {}", plan.source.name, plan.source.version),
        target: format!("{} {}", plan.target.name, plan.target.version),
    }
}

/// Puts a report together.
pub fn report(job: &Job, outcome: &Outcome, frame: &Frame, verdict: Verdict) -> Report {
    let plan = &job.program.plan;
    let run = outcome.run.as_ref();
    let mapping = mapping(job);
    let rows = |names: Vec<&str>, rows: &[u64]| -> Vec<TableReport> {
        names
            .iter()
            .zip(rows)
            .map(|(table, rows)| TableReport {
                table: (*table).to_owned(),
                rows: *rows,
                digest: None,
            })
            .collect()
    };
    let mut written = rows(
        plan.targets
            .iter()
            .map(|target| target.table.as_str())
            .collect(),
        run.map_or(&[], |run| &run.written),
    );
    for (table, digest) in written.iter_mut().zip(&outcome.digests) {
        table.rows = digest.rows;
        table.digest = Some(digest.to_string());
    }
    let [source, target] = &frame.sides;
    Report {
        schema_version: SCHEMA_VERSION,
        mapwright: env!("CARGO_PKG_VERSION"),
        command: frame.command,
        dry_run: frame.dry_run,
        mapping,
        started_at: frame.started_at.to_string(),
        finished_at: jiff::Timestamp::now().to_string(),
        migrated_at: job.migrated_at.to_string(),
        source: source.clone(),
        target: target.clone(),
        phases: outcome
            .phases
            .iter()
            .map(|(name, took)| PhaseReport {
                name: name.clone(),
                seconds: took.as_secs_f64(),
            })
            .collect(),
        read: rows(
            plan.scans.iter().map(|scan| scan.table.as_str()).collect(),
            run.map_or(&[], |run| &run.read),
        ),
        written,
        differences: None,
        not_compared: Vec::new(),
        live: None,
        maps: run
            .map(|run| run.maps.as_slice())
            .unwrap_or_default()
            .iter()
            .map(|ledger| MapReport {
                ledger: ledger.clone(),
                targets: targets_of(plan, &ledger.map),
            })
            .collect(),
        reasons: run.map(|run| run.reasons.clone()).unwrap_or_default(),
        rejects: run.map(|run| RejectsReport {
            rejected: run.rejected,
            dependents: run.rejected_dependents(),
            limit: job.reject_limit.to_string(),
            left_out: job.leaves_out(run),
        }),
        findings: outcome
            .findings
            .iter()
            .map(|finding| FindingReport {
                finding: finding.clone(),
                group: group(&finding.id).title(),
                acceptance: job.accepted.acceptance(finding),
                accepted_count: job.accepted.accepted_count(finding),
                tables: findings::tables(finding, run),
            })
            .collect(),
        accounts: outcome.forecast.as_ref().map(|forecast| AccountsReport {
            numbers: forecast.accounts.clone(),
            providers: outcome
                .links
                .iter()
                .map(|used| ProviderReport {
                    provider: used.provider.clone(),
                    links: used.links,
                    mas_provider: job
                        .settings
                        .products
                        .as_ref()
                        .and_then(|products| products.providers.get(&used.provider))
                        .map(|id| id.value.to_string()),
                })
                .collect(),
        }),
        sign_in: outcome
            .forecast
            .as_ref()
            .map(|forecast| forecast.sign_in.clone()),
        next_steps: Vec::new(),
        verdict,
    }
}

/// The tables that a map of that name can write to, each once.
fn targets_of(plan: &Plan, map: &str) -> Vec<String> {
    let mut tables: Vec<String> = Vec::new();
    let frames = plan
        .frames
        .iter()
        .filter(|frame| frame.is_map && frame.name == map);
    for into in frames.flat_map(|frame| &frame.intos) {
        if let Some(target) = plan.targets.get(into.target)
            && !tables.contains(&target.table)
        {
            tables.push(target.table.clone());
        }
    }
    tables
}

/// The report as text.
pub fn json(report: &Report) -> String {
    // Numbers, texts and lists of them: nothing that could fail.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
