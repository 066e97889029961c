//! One account: its rows through the mapping as in a migration, and what MAS holds of them already.
//!
//! What becomes of the rows is the executor's word ([`trace`]); here the rows are fetched, compared
//! with the target, and told.

mod report;
mod shown;
mod token;
mod tree;

use bytes::Bytes;

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::config::DataFacts;
use crate::diagnostics::{Diagnostic, Finding, FindingSeverity, codes};
use crate::eval::decode;
use crate::pg::database::snapshot;
use crate::pg::lookup::{RawCells, ask, find_rows};
use crate::pg::source::{PgSource, SourceLock, SourceOptions};
use crate::pg::{Endpoint, Secret, references};
use crate::run::Inputs;
use crate::run::trace::{Trace, TracedRow, WrittenRow, trace};
use crate::types::Value;

use super::across::in_schema;
use super::preflight::{Looked, Purpose, Schemas, look};
use super::{Job, connector, findings, rehearsal};

pub use report::{AccountReport, FateReport, report};
pub use shown::{Personal, hash_shape};
pub use token::{TokenPlace, TokenReport, find_token, tell_token};
pub use tree::render;

/// The source's table whose rows are the accounts.
const ACCOUNTS: &str = "users";

/// Both databases, each in a snapshot.
pub struct Databases<'j> {
    job: &'j Job,
    schemas: Schemas<'j>,
    looked: Looked,
    reader: PgSource,
    broadcasts: Vec<Vec<Bytes>>,
}

/// What looking for both databases gave.
pub enum Opened<'j> {
    /// They can be read.
    Ready(Box<Databases<'j>>),
    /// These errors stand in the way.
    InTheWay(Vec<Finding>),
}

/// An account's rows and what becomes of them.
#[derive(Debug)]
pub struct Seen {
    /// The user ID that was asked for.
    pub user_id: String,
    /// Its rows.
    pub trace: Trace,
    /// For each row that is written, what the target holds under its key.
    pub held: Vec<Held>,
    /// Whether the target has accounts at all.
    pub target_has_accounts: bool,
    /// Accounts that differ by case alone; looked for only if there is no such account.
    pub similar: Vec<String>,
}

/// What the target holds in place of a row that the mapping makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// No row of that key.
    Missing,
    /// The very row.
    Same,
    /// A row of that key with other values in these columns.
    Differs(Vec<String>),
}

/// A user ID as it was written on the command line: its parts that are missing are added.
pub fn user_id(written: &str, server_name: &str) -> String {
    let name = written.strip_prefix('@').unwrap_or(written);
    if name.contains(':') {
        format!("@{name}")
    } else {
        format!("@{name}:{server_name}")
    }
}

/// The name behind the `:` of user IDs.
///
/// # Errors
/// E0615 for a mapping of other products, of whose accounts nothing is known.
pub fn server_name(job: &Job, command: &str) -> Result<String, Failure> {
    match &job.settings.products {
        Some(products) => Ok(products.server_name.value.clone()),
        None => {
            let plan = &job.program.plan;
            let diagnostic = Diagnostic::error(
                codes::E0615,
                format!(
                    "`{command}` means nothing for mapping `{}`, which is not of Synapse and MAS",
                    plan.mapping
                ),
            )
            .help("leave out `--mapping`, or give a mapping from `synapse` to `mas`");
            Err(Failure::one(ExitStatus::Usage, diagnostic))
        }
    }
}

impl<'j> Databases<'j> {
    /// Connects to both and looks whether they are what the mapping needs. Reads only.
    ///
    /// # Errors
    /// What makes connecting or looking impossible.
    pub async fn open(job: &'j Job, schemas: Schemas<'j>) -> Result<Opened<'j>, Failure> {
        let Some(source) = &job.settings.source else {
            let found = job.settings.config_findings(DataFacts::default());
            return Ok(Opened::InTheWay(errors(found)));
        };
        let looked = look(job, source, schemas, Purpose::Compare).await?;
        if findings::any_error(&looked.findings) || !looked.readable {
            return Ok(Opened::InTheWay(errors(looked.findings)));
        }
        let reader = reader(job, source, schemas, &looked).await?;
        snapshot(&looked.target.client).await?;
        let broadcasts =
            rehearsal::broadcasts(job, &reader, &looked.target.client, schemas).await?;
        Ok(Opened::Ready(Box::new(Self {
            job,
            schemas,
            looked,
            reader,
            broadcasts,
        })))
    }

    /// The rows of an account, what becomes of each, and what the target holds of them.
    ///
    /// # Errors
    /// A question that a server refuses; a row that cannot be read; a mapping whose rows do not hang
    /// on accounts.
    pub async fn see(&self, user_id: &str) -> Result<Seen, Failure> {
        let plan = &self.job.program.plan;
        let is_accounts = |scan: &usize| {
            let scan = plan.scans.get(*scan);
            scan.is_some_and(|scan| scan.table == ACCOUNTS)
        };
        let pass = plan
            .passes
            .iter()
            .find(|pass| pass.scans.iter().any(is_accounts));
        let Some(pass) = pass else {
            let diagnostic = Diagnostic::error(
                codes::E0615,
                format!("mapping `{}` does not read `{ACCOUNTS}`", plan.mapping),
            );
            return Err(Failure::one(ExitStatus::Usage, diagnostic));
        };
        let queries = self.job.scan_queries();
        let mut rows = self
            .reader
            .partition(&queries, &pass.scans, user_id)
            .await?;
        let inputs = Inputs {
            program: &self.job.program,
            broadcasts: self.broadcasts.clone(),
            limits: self.job.limits,
        };
        let trace = trace(inputs, &mut rows)
            .await
            .map_err(|diagnostic| Failure::one(ExitStatus::Unexpected, *diagnostic))?;
        let held = self.held(&trace).await?;
        let exists = trace.rows.iter().any(|row| is_accounts(&row.scan));
        let similar = if exists {
            Vec::new()
        } else {
            self.similar(user_id).await?
        };
        let query = in_schema(
            include_str!("../queries/mas_holds_rows.sql"),
            self.schemas.target,
        );
        let accounts =
            references::number(self.target(), &query, "whether MAS has accounts").await?;
        Ok(Seen {
            user_id: user_id.to_owned(),
            trace,
            held,
            target_has_accounts: accounts > 0,
            similar,
        })
    }

    /// Looks for each written row under its key in the target.
    async fn held(&self, trace: &Trace) -> Result<Vec<Held>, Failure> {
        let plan = &self.job.program.plan;
        let mut held = vec![Held::Missing; trace.written.len()];
        for (number, target) in plan.targets.iter().enumerate() {
            let rows: Vec<(usize, &WrittenRow)> = trace
                .written
                .iter()
                .enumerate()
                .filter(|(_, row)| row.target == number)
                .collect();
            if rows.is_empty() || target.key.is_empty() {
                continue;
            }
            let names: Vec<String> = target
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect();
            let key: Vec<&str> = target
                .key
                .iter()
                .filter_map(|column| names.get(*column).map(String::as_str))
                .collect();
            let keys = rows.iter().map(|(_, row)| key_of(&target.key, &row.cells));
            let found = find_rows(
                self.target(),
                self.schemas.target,
                &target.table,
                &names,
                &key,
                keys.collect(),
            )
            .await?;
            for ((place, row), found) in rows.into_iter().zip(found) {
                if let (Some(held), Some(found)) = (held.get_mut(place), found) {
                    *held = compared(&names, &row.cells, &found);
                }
            }
        }
        Ok(held)
    }

    async fn similar(&self, user_id: &str) -> Result<Vec<String>, Failure> {
        let query = in_schema(
            include_str!("../queries/similar_accounts.sql"),
            self.schemas.source,
        );
        let what = "which accounts have a similar name";
        let rows = ask(self.reader.leader(), &query, &Secret::new(user_id), what).await?;
        let names = rows.into_iter().flatten().flatten();
        Ok(names.map(|name| name.reveal().to_owned()).collect())
    }

    /// The session of the target.
    pub fn target(&self) -> &tokio_postgres::Client {
        &self.looked.target.client
    }

    /// The session of the source.
    pub fn source(&self) -> &tokio_postgres::Client {
        self.reader.leader()
    }

    /// Where the tables are.
    pub fn schemas(&self) -> Schemas<'j> {
        self.schemas
    }

    /// Lets go of the source.
    ///
    /// # Errors
    /// E0655 if the connection broke.
    pub async fn close(self) -> Result<(), Failure> {
        Ok(self.reader.release().await?)
    }
}

impl Seen {
    /// The row of the account itself.
    pub fn account_row(&self, job: &Job) -> Option<&TracedRow> {
        let scans = &job.program.plan.scans;
        self.trace.rows.iter().find(|row| {
            scans
                .get(row.scan)
                .is_some_and(|scan| scan.table == ACCOUNTS)
        })
    }

    /// The numbers of the rows that are written to a table.
    pub fn written_to(&self, job: &Job, table: &str) -> Vec<usize> {
        let targets = &job.program.plan.targets;
        let number = targets.iter().position(|target| target.table == table);
        let rows = self.trace.written.iter().enumerate();
        rows.filter(|(_, row)| Some(row.target) == number)
            .map(|(place, _)| place)
            .collect()
    }

    /// The value of a column in a written row.
    pub fn written_value(&self, job: &Job, row: usize, column: &str) -> Option<Value<'_>> {
        let row = self.trace.written.get(row)?;
        let target = job.program.plan.targets.get(row.target)?;
        let mut columns = target.columns.iter().zip(&row.cells);
        let (column, cell) = columns.find(|(known, _)| known.name == column)?;
        decode(&column.pg_type, cell.as_deref()).ok()
    }
}

async fn reader(
    job: &Job,
    source: &Endpoint,
    schemas: Schemas<'_>,
    looked: &Looked,
) -> Result<PgSource, Failure> {
    let options = SourceOptions {
        own_sessions: vec![looked.source.facts.backend_pid],
        ..SourceOptions::new(schemas.source, SourceLock::Shared)
    };
    Ok(PgSource::open(&connector(source), &options, &job.source_tables()).await?)
}

fn errors(mut found: Vec<Finding>) -> Vec<Finding> {
    found.retain(|finding| finding.severity == FindingSeverity::Error);
    findings::sort(&mut found);
    found
}

/// The cells of a row's key.
fn key_of(key: &[usize], cells: &[Option<Bytes>]) -> RawCells {
    key.iter()
        .map(|column| cells.get(*column).cloned().flatten())
        .collect()
}

fn compared(names: &[String], made: &[Option<Bytes>], found: &[Option<Bytes>]) -> Held {
    let differing: Vec<String> = names
        .iter()
        .zip(made.iter().zip(found))
        .filter(|(_, (made, found))| made != found)
        .map(|(name, _)| name.clone())
        .collect();
    if differing.is_empty() {
        Held::Same
    } else {
        Held::Differs(differing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_may_lack_what_goes_without_saying() {
        for written in ["ada", "@ada", "ada:hs:8448", "@ada:hs:8448"] {
            assert_eq!(user_id(written, "hs:8448"), "@ada:hs:8448");
        }
        assert_eq!(user_id("@ada:else", "hs"), "@ada:else");
    }

    #[test]
    fn rows_are_compared_column_by_column() {
        let names = ["a".to_owned(), "b".to_owned()];
        let cell = |text: &'static str| Some(Bytes::from(text));
        let made = [cell("1"), None];
        assert_eq!(compared(&names, &made, &made), Held::Same);
        let other = [cell("1"), cell("")];
        assert_eq!(
            compared(&names, &made, &other),
            Held::Differs(vec!["b".to_owned()])
        );
    }
}
