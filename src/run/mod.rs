//! Running a plan: ordered rows in, partitions evaluated, batches of rows out.
//!
//! Knows the traits [`RowSource`] and [`RowSink`] alone; what is behind them is not its business.
//! Nothing here reads a mapping's text.

mod across;
mod block;
mod buffers;
pub mod difference;
pub mod digest;
mod ledger;
pub mod memory;
mod merge;
pub mod narrow;
mod output;
mod partition;
mod report;
mod row_sink;
mod row_source;
mod stored;
pub mod trace;

use bumpalo::Bump;
use bytes::Bytes;

use crate::diagnostics::{Diagnostic, codes};
use crate::eval::Program;
use crate::plan::Relation;

pub use across::AcrossReference;
use block::Table;
pub use ledger::{MapLedger, ReasonCount, ReasonReport, Reject, SAMPLES};
pub use merge::Limits;
use merge::Merge;
pub use output::OutsideReference;
pub use partition::PartitionOutcome;
use partition::{Cells, Partition, Results, Wanted};
pub use report::RunReport;
pub use row_sink::{NoSink, RowBatch, RowSink};
pub use row_source::{RowSource, Rows};

/// How many full batches may wait for the sink.
const WAITING: usize = 2;

/// Hears how far a run is.
pub trait Observer: Send {
    /// So many rows of that scan were read since the last call.
    fn read(&mut self, scan: usize, rows: u64) {
        let _ = (scan, rows);
    }

    /// A partition is done. A key whose rows lie in tables of several passes comes once a pass.
    fn partition(&mut self, outcome: &PartitionOutcome<'_>) {
        let _ = outcome;
    }

    /// Whether [`Observer::rejected`] is to hear of every rejected row; asked once a run.
    fn wants_rejects(&self) -> bool {
        false
    }

    /// A row was rejected; told once its partition is done.
    fn rejected(&mut self, reject: &Reject) {
        let _ = reject;
    }

    /// A batch was given to the sink.
    fn wrote(&mut self, target: usize, rows: u64, bytes: usize) {
        let _ = (target, rows, bytes);
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Everything a run needs besides its source and sink.
#[derive(Debug)]
pub struct Inputs<'p> {
    /// The plan with its parameters.
    pub program: &'p Program,
    /// The rows of each broadcast relation, as tuples of the binary COPY format.
    pub broadcasts: Vec<Vec<Bytes>>,
    /// What may be held in memory.
    pub limits: Limits,
}

/// Runs a plan: every row of every scan through its programs, the results to the sink.
///
/// Once more rows were rejected than [`Limits::rejects`] allows, nothing more is given to the sink,
/// but the run goes on, so that the report holds every problem. The caller decides by
/// [`RunReport::rejected`] what becomes of the target. What the sink was given holds no rejected row,
/// and none that refers to one of its partition.
///
/// # Errors
/// What stops a run at once: the source or the sink fails, rows come out of order, a partition is
/// too large, a row cannot be read, or the ledger does not add up (E0901).
pub async fn run<S: RowSource, K: RowSink>(
    inputs: Inputs<'_>,
    source: &mut S,
    sink: &mut K,
    observer: &mut impl Observer,
) -> Result<RunReport, Box<Diagnostic>> {
    let mut results = Results::new(inputs.program);
    let program = inputs.program;
    let read = drive(inputs, source, sink, observer, &mut results).await?;
    reported(program, read, results)
}

/// What a run found, if its ledger adds up.
fn reported(
    program: &Program,
    read: Vec<u64>,
    results: Results<'_>,
) -> Result<RunReport, Box<Diagnostic>> {
    let report = RunReport::new(program, read, results);
    if let Some(map) = report.maps.iter().find(|map| !map.adds_up()) {
        let diagnostic = Diagnostic::error(
            codes::E0901,
            format!("the ledger of map `{}` does not add up", map.map),
        )
        .note(format!(
            "{} rows drove it, {} were written; the others' reasons give another sum",
            map.read, map.written
        ))
        .help("this is a defect of mapwright: please report it with the mapping");
        return Err(Box::new(diagnostic));
    }
    Ok(report)
}

/// Where a row of a target comes from: the map, and the key of the row that drove it (empty where
/// every column of it must not be shown).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOrigin {
    /// The map.
    pub map: String,
    /// Its number in the plan.
    pub frame: usize,
    /// The source table at its root.
    pub table: String,
    /// The key.
    pub key: String,
}

/// Runs a plan up to row number `row` (from 1) of the target number `target`, for what a sink can
/// say of a row is its place alone. `source` must give the rows that it gave before.
///
/// # Errors
/// As [`run`].
pub async fn find_row<S: RowSource>(
    inputs: Inputs<'_>,
    source: &mut S,
    target: usize,
    row: u64,
) -> Result<Option<RowOrigin>, Box<Diagnostic>> {
    let mut results = Results::new(inputs.program);
    results.wanted = Some(Wanted {
        target,
        row,
        found: None,
    });
    results.output.keep_rows();
    drive(inputs, source, &mut NoSink, &mut Silent, &mut results).await?;
    Ok(results.wanted.and_then(|wanted| wanted.found))
}

/// Runs a plan; gives the rows read of each scan.
async fn drive<S: RowSource, K: RowSink>(
    inputs: Inputs<'_>,
    source: &mut S,
    sink: &mut K,
    observer: &mut impl Observer,
    results: &mut Results<'_>,
) -> Result<Vec<u64>, Box<Diagnostic>> {
    let plan = &inputs.program.plan;
    let tables = broadcast_tables(&inputs)?;
    let broadcasts: Vec<Cells<'_>> = plan
        .broadcasts
        .iter()
        .zip(&tables)
        .map(|(broadcast, table)| Cells::of_broadcast(broadcast, table))
        .collect();
    let mut read = vec![0u64; plan.scans.len()];
    let allowed = inputs.limits.rejects;
    results.lists_rejects = observer.wants_rejects();
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<(usize, RowBatch)>(WAITING);
    let produce = async {
        // The batches of a run end when the sender is dropped.
        let sender = sender;
        for pass in &plan.passes {
            let mut merge = Merge::new(plan, pass, source, inputs.limits);
            let mut block = merge.block();
            let mut arena = Bump::new();
            let mut batches = Vec::new();
            while merge.fill(&mut block).await? {
                arena.reset();
                let mut partition =
                    Partition::new(inputs.program, pass, &block, &arena, &broadcasts, results);
                for index in 0..block.len() {
                    partition.work(index);
                    observer.partition(&partition.outcome(&pass.scans));
                    for reject in partition.rejects() {
                        observer.rejected(&reject);
                    }
                }
                if results.is_found() {
                    return Ok(());
                }
                results.output.batches(false, &mut batches);
                for (target, batch) in batches.drain(..) {
                    if results.rejected > allowed {
                        continue;
                    }
                    let (rows, bytes) = (batch.rows, batch.data.len());
                    // A sink that failed has closed the channel; its own error is the one to report.
                    if sender.send((target, batch)).await.is_err() {
                        return Ok(());
                    }
                    observer.wrote(target, rows, bytes);
                }
                for (number, scan) in pass.scans.iter().enumerate() {
                    let now = merge.read.get(number).copied().unwrap_or(0);
                    if let Some(before) = read.get_mut(*scan)
                        && now > *before
                    {
                        observer.read(*scan, now - *before);
                        *before = now;
                    }
                }
                tokio::task::yield_now().await;
            }
        }
        let mut batches = Vec::new();
        results.output.batches(true, &mut batches);
        for (target, batch) in batches {
            if results.rejected > allowed {
                continue;
            }
            let (rows, bytes) = (batch.rows, batch.data.len());
            if sender.send((target, batch)).await.is_err() {
                return Ok(());
            }
            observer.wrote(target, rows, bytes);
        }
        Ok::<(), Box<Diagnostic>>(())
    };
    let consume = async {
        // Owned here, so that a failure closes the channel and wakes the producer.
        let mut receiver = std::pin::pin!(async move {
            while let Some((target, batch)) = receiver.recv().await {
                sink.write(target, batch).await?;
            }
            Ok::<(), Box<Diagnostic>>(())
        });
        receiver.as_mut().await
    };
    let (produced, consumed) = tokio::join!(produce, consume);
    consumed?;
    produced?;
    Ok(read)
}

/// The broadcast relations as tables.
fn broadcast_tables(inputs: &Inputs<'_>) -> Result<Vec<Table>, Box<Diagnostic>> {
    let plan = &inputs.program.plan;
    let mut tables = Vec::new();
    for (broadcast, rows) in plan.broadcasts.iter().zip(
        inputs
            .broadcasts
            .iter()
            .map(Some)
            .chain(std::iter::repeat(None)),
    ) {
        let mut table = Table::new(broadcast.columns.len());
        for row in rows.into_iter().flatten() {
            if let Err(why) = table.push(row) {
                let message = format!("a row of `{}` cannot be read: it {why}", broadcast.table);
                return Err(Box::new(Diagnostic::error(codes::E0504, message)));
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

/// The relation that drives a map, as a table's name; for the ledger.
fn root_table(program: &Program, frame: usize) -> String {
    let plan = &program.plan;
    let scan = plan.root_scan(frame).and_then(|scan| plan.scans.get(scan));
    if let Some(scan) = scan {
        return scan.table.clone();
    }
    let relation = plan
        .frames
        .get(frame)
        .and_then(|frame| frame.slots.first())
        .map(|slot| slot.relation);
    match relation {
        Some(Relation::Broadcast(broadcast)) => plan
            .broadcasts
            .get(broadcast)
            .map_or_else(String::new, |b| b.table.clone()),
        Some(Relation::Scan(_) | Relation::Frame(_)) | None => String::new(),
    }
}
