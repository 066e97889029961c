//! Comparing what the mapping makes with what the target holds, both as digests first; only where
//! those differ rows are looked at, in a second pass over the same snapshots.

use std::fmt::Write;

use bytes::Bytes;
use tokio_postgres::Client;

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::eval::Program;
use crate::pg::Endpoint;
use crate::pg::source::{PgSource, TableRows};
use crate::pg::target::UnsetColumn;
use crate::plan::Plan;
use crate::run::difference::{RowDifference, Since, TableDifference};
use crate::run::digest::TableDigest;
use crate::run::narrow::{BothSides, Look, Made};
use crate::run::{Inputs, Limits, Observer, RowSink, RunReport, run};

use super::events::Events;
use super::preflight::Schemas;
use super::progress::{Audience, Progress};
use super::rehearsal::scanned;
use super::table::thousands;
use super::{Job, connector, scan_queries};

/// The two sides of a comparison: snapshots that stay the same until its end.
pub struct Comparison<'c> {
    /// What is compared.
    pub job: &'c Job,
    /// Where the source is.
    pub source: &'c Endpoint,
    /// The source's snapshot.
    pub reader: &'c PgSource,
    /// A transaction of the target whose view does not change.
    pub target: &'c Client,
    /// Where the tables are.
    pub schemas: Schemas<'c>,
    /// Rows of the broadcast relations.
    pub broadcasts: Vec<Vec<Bytes>>,
}

impl Comparison<'_> {
    /// Every row through the mapping once more, into `sink`.
    ///
    /// # Errors
    /// What makes reading impossible.
    pub async fn make<K: RowSink>(
        &self,
        sink: &mut K,
        what: &'static str,
        printer: &Printer,
    ) -> Result<RunReport, Failure> {
        let pass = Pass {
            program: &self.job.program,
            source: self.source,
            reader: self.reader,
            broadcasts: self.broadcasts.clone(),
            limits: self.job.limits,
            what,
        };
        pass.into_sink(sink, printer).await
    }

    /// The digests of what the target holds.
    ///
    /// # Errors
    /// What makes reading impossible.
    pub async fn held(&self) -> Result<Vec<TableDigest>, Failure> {
        held_by(self.target, &self.job.program.plan, self.schemas.target).await
    }

    /// The rows in which both differ, given the digests of both; none if the digests are equal.
    ///
    /// # Errors
    /// What makes reading impossible.
    pub async fn differences(
        &self,
        made: &[TableDigest],
        held: &[TableDigest],
        printer: &Printer,
    ) -> Result<Vec<TableDifference>, Failure> {
        let plan = &self.job.program.plan;
        let Some(look) = Look::at(plan, made, held) else {
            return Ok(Vec::new());
        };
        let what = "looking for what differs";
        let mut differences = match look {
            Look::Rows(differences) => differences,
            Look::Narrow(mut narrowed) => {
                self.make(&mut Made(&mut narrowed), what, printer).await?;
                read(self.target, plan, self.schemas.target, |target, row| {
                    narrowed.found(target, row);
                })
                .await?;
                narrowed.rows()
            }
        };
        self.make(&mut Made(&mut differences), what, printer)
            .await?;
        read(self.target, plan, self.schemas.target, |target, row| {
            differences.found(target, row);
        })
        .await?;
        Ok(differences.finish())
    }
}

/// One pass over all rows of a side, for a comparison: nothing is written.
pub struct Pass<'p> {
    /// What becomes of the rows.
    pub program: &'p Program,
    /// Where they are.
    pub source: &'p Endpoint,
    /// The snapshot they are read in.
    pub reader: &'p PgSource,
    /// Rows of the broadcast relations.
    pub broadcasts: Vec<Vec<Bytes>>,
    /// What may be held in memory. Whether there are too many rejected rows is for the caller to say.
    pub limits: Limits,
    /// What people are told meanwhile.
    pub what: &'static str,
}

impl Pass<'_> {
    /// Every row through the mapping, into `sink`.
    ///
    /// # Errors
    /// What makes reading impossible.
    pub async fn into_sink<K: RowSink>(
        self,
        sink: &mut K,
        printer: &Printer,
    ) -> Result<RunReport, Failure> {
        let plan = &self.program.plan;
        let connect = connector(self.source);
        let mut scans = self.reader.scan(&connect, &scan_queries(plan)).await?;
        let audience = Audience {
            printer,
            events: &Events::default(),
        };
        let tables = scanned(plan, self.reader).await?;
        let told = Progress::new(&audience, self.what, self.what, tables);
        let mut progress = Reading(told.clone());
        let inputs = Inputs {
            program: self.program,
            broadcasts: self.broadcasts,
            limits: Limits {
                rejects: u64::MAX,
                ..self.limits
            },
        };
        let outcome = told
            .beside(run(inputs, &mut scans, sink, &mut progress))
            .await;
        told.finish();
        outcome.map_err(|diagnostic| Failure::one(ExitStatus::Unexpected, *diagnostic))
    }
}

/// Tells what is read alone: nothing is written in a comparison.
struct Reading(Progress);

impl Observer for Reading {
    fn read(&mut self, scan: usize, rows: u64) {
        self.0.read(scan, rows);
    }
}

/// The digests of what the tables of a plan's targets hold.
///
/// # Errors
/// What makes reading impossible.
pub async fn held_by(
    client: &Client,
    plan: &Plan,
    schema: &str,
) -> Result<Vec<TableDigest>, Failure> {
    let mut held = TableDigest::of_targets(plan);
    read(client, plan, schema, |target, row| {
        if let Some(table) = held.get_mut(target) {
            table.add(row);
        }
    })
    .await?;
    Ok(held)
}

/// Every row of the tables of a plan's targets, once.
async fn read(
    client: &Client,
    plan: &Plan,
    schema: &str,
    mut each: impl FnMut(usize, &[u8]),
) -> Result<(), Failure> {
    for (number, target) in plan.targets.iter().enumerate() {
        let columns: Vec<String> = target
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
        let mut rows = TableRows::read(client, schema, &target.table, &columns).await?;
        while let Some(some) = rows.next_rows().await? {
            for row in some {
                each(number, &row);
            }
        }
    }
    Ok(())
}

/// The columns that no mapping sets and that hold what the database put there, each time something
/// else: nobody can tell whether they were changed. One line for people; none where there are none.
pub fn not_compared(unset: &[UnsetColumn]) -> Option<String> {
    let mut tables: Vec<(&str, Vec<&str>)> = Vec::new();
    for column in unset.iter().filter(|column| column.differing.is_none()) {
        match tables.last_mut() {
            Some((table, columns)) if *table == column.table => columns.push(&column.column),
            _ => tables.push((&column.table, vec![&column.column])),
        }
    }
    let named: Vec<String> = tables
        .iter()
        .map(|(table, columns)| format!("`{table}` ({})", columns.join(", ")))
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "not compared, because the database makes their values: {}",
            named.join(", ")
        )
    })
}

/// Adds the columns that the mapping does not set and that do not hold their default.
pub fn add_unset(differences: &mut Vec<TableDifference>, unset: &[UnsetColumn], plan: &Plan) {
    for column in unset {
        let Some(rows @ 1..) = column.differing else {
            continue;
        };
        let known = differences
            .iter()
            .position(|difference| difference.table == column.table);
        let place = known.unwrap_or_else(|| {
            differences.push(TableDifference {
                table: column.table.clone(),
                ..TableDifference::default()
            });
            differences.len() - 1
        });
        if let Some(difference) = differences.get_mut(place) {
            difference.unset.push((column.column.clone(), rows));
        }
    }
    let order = |table: &str| plan.targets.iter().position(|target| target.table == table);
    differences.sort_by_key(|difference| order(&difference.table));
}

/// What differs, for people: a line for each table, a line for each row that is named.
pub fn render(differences: &[TableDifference]) -> String {
    let mut text = String::new();
    for table in differences {
        let more = if table.more { " or more" } else { "" };
        let counts: Vec<String> = [
            (table.missing, "missing"),
            (table.surplus, "too many"),
            (table.changed, "changed"),
        ]
        .into_iter()
        .filter(|(rows, _)| *rows > 0)
        .map(|(rows, what)| format!("{}{more} {what}", thousands(rows)))
        .collect();
        // Writing into a String cannot fail.
        let since = match table.since {
            None => "",
            Some(Since::Target) => " (the target has changed since the migration)",
            Some(Since::Source) => " (the source or the mapping has changed since the migration)",
            Some(Since::Both) => " (both sides have changed since the migration)",
        };
        if !counts.is_empty() {
            let _ = writeln!(text, "{}: {}{since}", table.table, counts.join(", "));
        }
        for (column, rows) in &table.unset {
            let _ = writeln!(
                text,
                "{}: `{column}`, which the mapping does not set, holds another value than its default in {} rows",
                table.table,
                thousands(*rows)
            );
        }
        for (key, difference) in &table.samples {
            let how = match difference {
                RowDifference::Missing => "missing".to_owned(),
                RowDifference::Surplus => "too many".to_owned(),
                RowDifference::Changed(columns) => {
                    format!("changed in `{}`", columns.join("`, `"))
                }
            };
            let _ = writeln!(text, "    {key}  {how}");
        }
    }
    text
}
