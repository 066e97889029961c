//! Comparing the two databases while both are in use: what each says of the accounts, in words that
//! both share, made by two bundled mappings onto the tables of the catalog `accounts`.
//!
//! As the services go on working meanwhile, a difference counts only if it is still there a moment
//! later. Why this is a comparison of its own: `docs/dev/decisions/0012-verify-live.md`.

mod disagreement;
mod told;

use std::time::Duration;

use crate::catalog::diff::differences;
use crate::catalog::needs::Side;
use crate::cli::failure::Failure;
use crate::cli::mapping::{self, Bundled, Compiled};
use crate::cli::printer::Printer;
use crate::diagnostics::Finding;
use crate::eval::Program;
use crate::pg::introspect::introspect;
use crate::pg::source::{PgSource, SourceLock, SourceOptions};
use crate::pg::{Endpoint, PgError, references};
use crate::plan::needs::needs;
use crate::run::difference::Differences;
use crate::run::digest::DigestSink;
use crate::run::narrow::{Found, Look, Made};
use crate::run::{RowSink, RunReport};

use super::across::in_schema;
use super::preflight::{Looked, Schemas};
use super::verification::Pass;
use super::{Job, connector, params};

use disagreement::Disagreement;
pub use told::{LiveReport, findings, nothing_to_compare, render, report};

/// One side's half of a comparison.
struct Half<'l> {
    what: &'static str,
    compiled: Compiled,
    program: Program,
    endpoint: &'l Endpoint,
    schema: &'l str,
}

/// Both halves.
pub struct Live<'l> {
    job: &'l Job,
    schemas: Schemas<'l>,
    synapse: Half<'l>,
    mas: Half<'l>,
}

/// What a comparison gave.
#[derive(Debug)]
pub struct Compared {
    /// What became of Synapse's rows.
    pub synapse: RunReport,
    /// What became of MAS's rows.
    pub mas: RunReport,
    /// What one of them alone has.
    disagreement: Disagreement,
    /// MAS's jobs that are not done, by queue; asked only where something differs, and `None` where the
    /// role may not ask.
    pub jobs: Option<Vec<(String, i64)>>,
}

impl<'l> Live<'l> {
    /// Both mappings with their parameters.
    ///
    /// # Errors
    /// A provider map that does not fit.
    pub fn new(job: &'l Job, source: &'l Endpoint, schemas: Schemas<'l>) -> Result<Self, Failure> {
        let half = |which, what, endpoint, schema| {
            let compiled = mapping::bundled(which)?;
            let known = params(&job.settings, job.migrated_at, false);
            let program = mapping::program(compiled.plan.clone(), known, &[])?;
            Ok::<_, Failure>(Half {
                what,
                compiled,
                program,
                endpoint,
                schema,
            })
        };
        Ok(Self {
            job,
            schemas,
            synapse: half(
                Bundled::AccountsInSynapse,
                "reading Synapse",
                source,
                schemas.source,
            )?,
            mas: half(
                Bundled::AccountsInMas,
                "reading MAS",
                &job.settings.target,
                schemas.target,
            )?,
        })
    }

    /// What the two databases lack of that which is compared.
    ///
    /// # Errors
    /// A question that a server refuses.
    pub async fn lacks(&self, looked: &Looked) -> Result<Vec<Finding>, PgError> {
        let mut found = self
            .synapse
            .lacks(&looked.source.client, Side::Source)
            .await?;
        found.extend(self.mas.lacks(&looked.target.client, Side::Target).await?);
        Ok(found)
    }

    /// Compares both, and where they differ once more after `settle`: what one service does, it tells
    /// the other within seconds. Where that is no time at all, the first look counts.
    ///
    /// # Errors
    /// What makes reading impossible.
    pub async fn compare(
        &self,
        looked: &Looked,
        settle: Duration,
        printer: &Printer,
    ) -> Result<Compared, Failure> {
        let own = [
            looked.source.facts.backend_pid,
            looked.target.facts.backend_pid,
        ];
        let plan = &self.synapse.program.plan;
        let (mut synapse, mut mas, mut found) = Box::pin(self.look(own, None, printer)).await?;
        // What only MAS can have comes from use: there is nothing to wait for.
        let disagree = |found: &Option<Differences<'_>>| {
            let found = found.as_ref().map(|found| Disagreement::of(plan, found));
            found.filter(Disagreement::matters)
        };
        if disagree(&found).is_some() && !settle.is_zero() {
            printer
                .say("Something differs; looking again in a moment, as the services may be at it.");
            tokio::time::sleep(settle).await;
            let first = found.take();
            (synapse, mas, found) = Box::pin(self.look(own, first.as_ref(), printer)).await?;
        }
        let jobs = match disagree(&found) {
            Some(_) => self.jobs(looked).await.ok(),
            None => Some(Vec::new()),
        };
        let disagreement = found
            .as_ref()
            .map(|found| Disagreement::of(plan, found))
            .unwrap_or_default();
        Ok(Compared {
            synapse,
            mas,
            disagreement,
            jobs,
        })
    }

    /// One look at both, each in a snapshot of the same moment; `earlier` is what an earlier look
    /// found.
    async fn look<'s>(
        &'s self,
        own: [i32; 2],
        earlier: Option<&Differences<'_>>,
        printer: &Printer,
    ) -> Result<(RunReport, RunReport, Option<Differences<'s>>), Failure> {
        let [source_pid, target_pid] = own;
        let (synapse, mas) =
            tokio::try_join!(self.synapse.open(source_pid), self.mas.open(target_pid))?;
        let plan = &self.synapse.program.plan;
        let mut made = DigestSink::new(plan);
        let mut held = DigestSink::new(plan);
        let from_synapse = self
            .make(&self.synapse, &synapse, &mut made, printer)
            .await?;
        let from_mas = self.make(&self.mas, &mas, &mut held, printer).await?;
        let mut differences = match Look::at(plan, &made.tables, &held.tables) {
            None => None,
            Some(Look::Rows(differences)) => Some(differences),
            Some(Look::Narrow(mut narrowed)) => {
                let (made, found) = (&self.synapse, &self.mas);
                self.make(made, &synapse, &mut Made(&mut narrowed), printer)
                    .await?;
                self.make(found, &mas, &mut Found(&mut narrowed), printer)
                    .await?;
                Some(narrowed.rows())
            }
        };
        if let Some(differences) = &mut differences {
            self.make(&self.synapse, &synapse, &mut Made(differences), printer)
                .await?;
            self.make(&self.mas, &mas, &mut Found(differences), printer)
                .await?;
            if let Some(earlier) = earlier {
                differences.keep_only_since(earlier);
            }
        }
        synapse.release().await?;
        mas.release().await?;
        Ok((from_synapse, from_mas, differences))
    }

    /// Every row of one side through its mapping, into `sink`.
    async fn make<K: RowSink>(
        &self,
        half: &Half<'_>,
        reader: &PgSource,
        sink: &mut K,
        printer: &Printer,
    ) -> Result<RunReport, Failure> {
        let pass = Pass {
            program: &half.program,
            source: half.endpoint,
            reader,
            broadcasts: Vec::new(),
            limits: self.job.limits,
            what: half.what,
        };
        pass.into_sink(sink, printer).await
    }

    /// What MAS has still to do, or could not.
    async fn jobs(&self, looked: &Looked) -> Result<Vec<(String, i64)>, PgError> {
        let query = in_schema(include_str!("../queries/mas_jobs.sql"), self.schemas.target);
        references::numbers(&looked.target.client, &query, "MAS's jobs").await
    }
}

impl Half<'_> {
    async fn lacks(
        &self,
        client: &tokio_postgres::Client,
        side: Side,
    ) -> Result<Vec<Finding>, PgError> {
        let (mut needs, _) = needs(
            &self.compiled.plan,
            &self.compiled.source,
            &self.compiled.target,
        );
        needs.side = side;
        let names: Vec<String> = needs.tables.keys().cloned().collect();
        let live = introspect(client, self.schema, Some(&names)).await?;
        let found = differences(&needs, &live);
        Ok(found
            .into_iter()
            .map(|difference| difference.finding)
            .collect())
    }

    async fn open(&self, own_session: i32) -> Result<PgSource, PgError> {
        let options = SourceOptions {
            own_sessions: vec![own_session],
            ..SourceOptions::new(self.schema, SourceLock::Shared)
        };
        let tables: Vec<&str> = self
            .program
            .plan
            .scans
            .iter()
            .map(|scan| scan.table.as_str())
            .collect();
        let opened = PgSource::open(&connector(self.endpoint), &options, &tables).await;
        opened.map_err(|mut error| {
            let note = format!("that was while {}", self.what);
            error.diagnostic = Box::new(error.diagnostic.note(note));
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_make_the_same_columns_of_the_same_tables() {
        let tables = |which| -> Vec<(String, Vec<String>, Vec<usize>)> {
            let plan = mapping::bundled(which).unwrap().plan;
            let columns = |target: &crate::plan::Target| {
                target
                    .columns
                    .iter()
                    .map(|column| format!("{}: {}", column.name, column.pg_type))
                    .collect()
            };
            plan.targets
                .iter()
                .map(|target| (target.table.clone(), columns(target), target.key.clone()))
                .collect()
        };
        let synapse = tables(Bundled::AccountsInSynapse);
        assert_eq!(synapse, tables(Bundled::AccountsInMas));
        assert_eq!(synapse.len(), 7);
    }
}
