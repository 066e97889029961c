//! The transaction of a migration: one pass over the source into the target, the questions beside it,
//! and its end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use crate::cli::args::MigrateArgs;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::source::{PgSource, SourceLock, SourceOptions};
use crate::pg::target::{
    Ending, Phase, TargetEvent, TargetObserver, TargetOptions, TargetTransaction, Written,
};
use crate::pg::{Connect, Endpoint, Patience, PgError, PgErrorKind};
use crate::run::digest::{Both, DigestSink, TableDigest};
use crate::run::{Inputs, RunReport, find_row, run as run_plan};

use super::accept::Standing;
use super::across::Across;
use super::building::Building;
use super::connected;
use super::forecast::Forecast;
use super::interrupt::Interrupts;
use super::preflight::{Looked, Schemas};
use super::progress::{Audience, Progress};
use super::reject_list::RejectList;
use super::verification::{self, Comparison};
use super::{Job, Outcome, connector, findings, rehearsal, rejects};

/// How a run ended that was not broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything is in the target.
    Committed,
    /// Everything was written, and taken back as asked.
    RolledBack,
    /// Findings that nobody accepted stand against it; nothing was written.
    Refused,
}

/// What a pass left.
struct Passed {
    report: RunReport,
    written: Written,
    /// Of the rows that were given to the target.
    digests: Vec<TableDigest>,
    broadcasts: Vec<Vec<Bytes>>,
    forecast: Option<Forecast>,
}

/// Why the end of a transaction was not reached.
enum Ended {
    Pg(PgError),
    Failed(Failure),
}

impl From<PgError> for Ended {
    fn from(error: PgError) -> Self {
        Ended::Pg(error)
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Ended::Failed(failure)
    }
}

/// The failure of a run that was asked to end.
pub fn interrupted() -> Failure {
    Failure::new(ExitStatus::Interrupted, Vec::new())
}

/// What a migration works with.
pub struct Migration<'j> {
    /// The compiled mapping and its settings.
    pub job: &'j Job,
    /// How it was asked for.
    pub args: &'j MigrateArgs,
    /// Where the source is.
    pub source: &'j Endpoint,
    /// The schemas of both sides.
    pub schemas: Schemas<'j>,
    /// Where rejected rows are listed.
    pub rejects: &'j RejectList,
    /// How long whoever is in the way is waited for.
    pub patience: Patience,
    /// Who hears how far it is.
    pub audience: &'j Audience<'j>,
}

impl Migration<'_> {
    /// Locks the source, writes its rows into the target and ends the transaction.
    ///
    /// # Errors
    /// What made it impossible; everything is rolled back then, unless the outcome of COMMIT is
    /// unknown.
    pub async fn run(
        &self,
        looked: Looked,
        outcome: &mut Outcome,
        interrupts: &mut Interrupts,
    ) -> Result<End, Failure> {
        let source_connect = connector(self.source);
        let target_connect = connector(&self.job.settings.target);
        let lock = match (self.args.dry_run, self.args.no_source_lock) {
            (true, _) => SourceLock::Shared,
            (false, true) => SourceLock::NoLock,
            (false, false) => SourceLock::Exclusive,
        };
        let options = SourceOptions {
            own_sessions: vec![looked.source.facts.backend_pid],
            allowed_sessions: self.args.allow_source_session.clone(),
            patience: self.patience.clone(),
            ..SourceOptions::new(self.schemas.source, lock)
        };
        let tables = self.job.source_tables();
        let step = self
            .audience
            .events
            .step("lock the source and take its snapshot");
        let reader = tokio::select! {
            reader = PgSource::open(&source_connect, &options, &tables) => reader?,
            _ = interrupts.wait() => return Err(interrupted()),
        };
        connected::beside(reader.sessions_beside(), self.audience.printer);
        outcome.phases.push(step.end());
        let ended = Box::pin(self.write(
            &looked,
            &reader,
            &source_connect,
            &target_connect,
            outcome,
            interrupts,
        ))
        .await;
        // The locks were held until the target's COMMIT answered.
        let released = reader.release().await;
        let end = ended?;
        if let Err(error) = released {
            tracing::debug!("releasing the source: {}", error.diagnostic.message);
        }
        Ok(end)
    }

    async fn write(
        &self,
        looked: &Looked,
        reader: &PgSource,
        source_connect: &impl Connect,
        target_connect: &impl Connect,
        outcome: &mut Outcome,
        interrupts: &mut Interrupts,
    ) -> Result<End, Failure> {
        let times: Arc<Mutex<Vec<(String, Duration)>>> = Arc::default();
        let options = TargetOptions {
            patience: self.patience.clone(),
            ..TargetOptions::new(self.schemas.target)
        };
        let building = Building::new(self.audience);
        let observer = self.observer(&times, building.clone(), interrupts.clone());
        let targets = self.job.target_tables();
        // Dropped half-way, it ends with its connection.
        let mut transaction = tokio::select! {
            begun = TargetTransaction::begin(target_connect, &options, &targets, observer) => begun?,
            _ = interrupts.wait() => return Err(interrupted()),
        };
        let canceller = transaction.canceller();
        let passed = tokio::select! {
            passed = self.pass_and_ask(reader, source_connect, &mut transaction) => passed,
            _ = interrupts.wait() => Err(interrupted()),
        };
        let (
            Passed {
                report,
                written,
                digests,
                broadcasts,
                forecast,
            },
            across,
        ) = match passed {
            Ok(passed) => passed,
            Err(failure) => {
                transaction.rollback().await;
                return Err(failure);
            }
        };
        outcome
            .findings
            .retain(|finding| looked.findings.iter().any(|known| known.id == finding.id));
        outcome.links = across.links;
        outcome.findings.extend(across.findings);
        outcome.findings.extend(rehearsal::rows(
            self.job,
            &report,
            forecast.as_ref(),
            &outcome.links,
        ));
        outcome.forecast = forecast;
        outcome.written.clone_from(&report.written);
        outcome.digests = digests.iter().map(|table| table.whole()).collect();
        let accepted = self.job.accepted_after(Some(&report));
        let too_many = report.rejected > 0 && !self.job.leaves_out(&report);
        let refused = too_many || accepted.standing(&outcome.findings) == Standing::Blocked;
        let rejected = rejects::all(&self.job.program.plan, &report);
        outcome.run = Some(report);
        // Rows are left out only if each of them is listed.
        let listed = self.rejects.finish();
        if refused || listed.is_err() {
            transaction.rollback().await;
            outcome.nothing_written();
            if let Err(failure) = listed {
                let files = &self.job.compiled.files;
                self.audience.printer.diagnostics(files, &rejected);
                return Err(failure);
            }
            outcome.rejected = rejected;
            return Ok(End::Refused);
        }
        let mut read_back = None;
        let mut while_waiting = interrupts.clone();
        let ended = {
            let finish = async {
                let complete = transaction.complete(written).await?;
                if self.args.verify {
                    let comparison = Comparison {
                        job: self.job,
                        source: self.source,
                        reader,
                        target: complete.client(),
                        schemas: self.schemas,
                        broadcasts,
                    };
                    let step = self.audience.events.step("read the rows back");
                    let same = self.read_back(&comparison, &digests).await;
                    drop(comparison);
                    if let Err(failure) = same {
                        complete.end(Ending::RollBack, target_connect).await?;
                        return Err(failure.into());
                    }
                    read_back = Some(step.end());
                }
                let ending = if self.args.dry_run {
                    Ending::RollBack
                } else {
                    let alone = tokio::select! {
                        alone = reader.nobody_came(&self.patience) => alone.map_err(Ended::from),
                        _ = while_waiting.wait() => Err(interrupted().into()),
                    };
                    if let Err(ended) = alone {
                        complete.end(Ending::RollBack, target_connect).await?;
                        return Err(ended);
                    }
                    Ending::Commit
                };
                complete.end(ending, target_connect).await?;
                Ok::<(), Ended>(())
            };
            let mut finish = std::pin::pin!(finish);
            tokio::select! {
                ended = &mut finish => ended,
                never = building.tell_on() => match never {},
                _ = interrupts.wait() => {
                    // The transaction answers the cancellation itself, once it is rolled back.
                    let (ended, ()) = tokio::join!(finish, canceller.cancel(target_connect));
                    ended
                }
            }
        };
        if let Ok(times) = times.lock() {
            outcome.phases.extend(times.iter().cloned());
        }
        outcome.phases.extend(read_back);
        match ended {
            Ok(()) if self.args.dry_run => Ok(End::RolledBack),
            Ok(()) => Ok(End::Committed),
            Err(Ended::Pg(error))
                if matches!(
                    error.kind,
                    PgErrorKind::Unsuitable | PgErrorKind::RowsRefused
                ) =>
            {
                self.rejects.key_violated(&error);
                self.rejects.finish()?;
                outcome.findings.push(findings::from_pg(&error));
                outcome.nothing_written();
                Ok(End::Refused)
            }
            Err(Ended::Pg(error)) => Err(error.into()),
            Err(Ended::Failed(failure)) => Err(failure),
        }
    }

    /// The pass, and meanwhile the questions that are asked of the whole source: the connection that
    /// holds its locks has nothing else to do.
    async fn pass_and_ask(
        &self,
        reader: &PgSource,
        source_connect: &impl Connect,
        transaction: &mut TargetTransaction,
    ) -> Result<(Passed, Across), Failure> {
        let asked = rehearsal::across_accounts(self.job, reader, self.schemas);
        let (passed, across) = tokio::join!(self.pass(reader, source_connect, transaction), asked);
        Ok((passed?, across?))
    }

    /// Every row through the mapping into the transaction.
    async fn pass(
        &self,
        reader: &PgSource,
        source_connect: &impl Connect,
        transaction: &mut TargetTransaction,
    ) -> Result<Passed, Failure> {
        let job = self.job;
        // The transaction has locked them all: only it can read the tables that refer to each other.
        let broadcasts =
            rehearsal::broadcasts(job, reader, transaction.client(), self.schemas).await?;
        let mut scans = reader.scan(source_connect, &job.scan_queries()).await?;
        let mut sink = transaction.sink().await?;
        let tables = rehearsal::scanned(&job.program.plan, reader).await?;
        let progress = Progress::new(self.audience, "migrating", Phase::Copy.name(), tables);
        let mut watch = rehearsal::watch(job, progress.clone(), self.rejects);
        let inputs = Inputs {
            program: &job.program,
            broadcasts: broadcasts.clone(),
            limits: job.limits,
        };
        let mut digests = DigestSink::new(&job.program.plan);
        let mut both = Both(&mut sink, &mut digests);
        let pass = run_plan(inputs, &mut scans, &mut both, &mut watch);
        let outcome = progress.beside(pass).await;
        watch.finish();
        let finished = match outcome {
            Ok(report) => match sink.finish().await {
                Ok(written) => Ok((report, written)),
                Err(error) => Err(Failure::from(error)),
            },
            Err(diagnostic) => {
                let refused = diagnostic.code == codes::E0679;
                let status = if refused {
                    ExitStatus::Findings
                } else {
                    ExitStatus::Unexpected
                };
                Err(Failure::one(status, *diagnostic))
            }
        };
        let (report, written) = match (finished, sink.refused_row()) {
            (Ok(done), _) => done,
            (Err(failure), None) => return Err(failure),
            (Err(mut failure), Some(row)) => {
                if let (false, Some(diagnostic)) =
                    (job.reject_limit.is_none(), failure.diagnostics.first_mut())
                {
                    diagnostic.notes.push(
                        "`--max-rejects` leaves out rows that the mapping rejects; one that the target refuses ends the transaction"
                            .to_owned(),
                    );
                }
                let inputs = Inputs {
                    program: &job.program,
                    broadcasts,
                    limits: job.limits,
                };
                let mut scans = reader.scan(source_connect, &job.scan_queries()).await?;
                let origin = find_row(inputs, &mut scans, row.target, row.row).await;
                let origin = origin.ok().flatten();
                self.rejects
                    .refused(row.target, origin.as_ref(), row.sqlstate.as_deref());
                if let (Some(origin), Some(diagnostic)) = (origin, failure.diagnostics.first_mut())
                {
                    diagnostic.notes.push(format!(
                        "written by map `{}`; {}",
                        origin.map,
                        findings::source_key(&origin.key)
                    ));
                }
                if let Err(unlisted) = self.rejects.finish() {
                    failure.diagnostics.extend(unlisted.diagnostics);
                }
                return Err(failure);
            }
        };
        Ok(Passed {
            report,
            written,
            digests: digests.tables,
            broadcasts,
            forecast: watch.forecast,
        })
    }

    /// Compares the rows that the target holds with the digests of those that were written.
    async fn read_back(
        &self,
        comparison: &Comparison<'_>,
        written: &[TableDigest],
    ) -> Result<(), Failure> {
        self.audience.printer.say("        reading the rows back");
        let held = comparison.held().await?;
        let differences = comparison
            .differences(written, &held, self.audience.printer)
            .await?;
        if differences.is_empty() {
            return Ok(());
        }
        let mut diagnostic = Diagnostic::error(
            codes::E0677,
            format!(
                "the target does not hold the rows that were written: {} of {} tables differ",
                differences.len(),
                written.len()
            ),
        );
        for line in verification::render(&differences).lines() {
            diagnostic = diagnostic.note(line.trim_start().to_owned());
        }
        let diagnostic = diagnostic
            .help("look for event triggers (`\\dy` in psql) and for extensions that change rows");
        Err(Failure::one(ExitStatus::Differs, diagnostic))
    }

    /// Says each phase as it begins, and notes how long it took. A phase does not begin once the
    /// process was asked to end.
    fn observer(
        &self,
        times: &Arc<Mutex<Vec<(String, Duration)>>>,
        building: Building,
        interrupts: Interrupts,
    ) -> TargetObserver {
        let events = self.audience.events.clone();
        let printer = self.audience.printer.clone();
        let times = Arc::clone(times);
        let last = Phase::ALL.len();
        Box::new(move |event| {
            match event {
                TargetEvent::Started(phase) => {
                    printer.say(&format!("[{:>2}/{last}] {}", phase.number(), phase.name()));
                    events.started(phase.name());
                    if interrupts.received().is_some() {
                        let diagnostic = Diagnostic::error(codes::E0675, "interrupted");
                        return Err(PgError::new(PgErrorKind::Unexpected, diagnostic));
                    }
                }
                TargetEvent::Ended(phase, took) => {
                    events.ended(phase.name(), *took);
                    if let Ok(mut times) = times.lock() {
                        times.push((phase.name().to_owned(), *took));
                    }
                }
                TargetEvent::Rebuilding { .. } | TargetEvent::Rebuilt { .. } => {
                    building.hear(event);
                }
            }
            Ok(())
        })
    }
}
