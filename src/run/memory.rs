//! Rows in memory: a source made of values, a sink that keeps values. The very same executor runs
//! over them, so that a plan can be tried without a database.

use std::collections::{BTreeMap, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};

use crate::diagnostics::{Diagnostic, codes};
use crate::eval::{decode, encode};
use crate::plan::{Plan, ScanColumn};
use crate::types::{OwnedValue, PgType, Value};

use super::block::{Table, compare_keys, key_of};
use super::row_sink::{RowBatch, RowSink};
use super::row_source::{RowSource, Rows};

/// A row as names and values; what is not named is null.
pub type NamedRow = BTreeMap<String, OwnedValue>;

/// Rows of source tables, by table.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    scans: Vec<VecDeque<Bytes>>,
    /// How many rows a call gives.
    batch: usize,
}

impl MemorySource {
    /// The rows of each table in the form the plan's scans want, in the order of the partition key.
    ///
    /// # Errors
    /// A value that does not fit its column (E0504), or a column that does not exist.
    pub fn new(
        plan: &Plan,
        tables: &BTreeMap<String, Vec<NamedRow>>,
    ) -> Result<Self, Box<Diagnostic>> {
        let mut scans = Vec::new();
        for scan in &plan.scans {
            let key = plan.passes.iter().find(|pass| {
                pass.scans.iter().any(|number| {
                    plan.scans
                        .get(*number)
                        .is_some_and(|other| std::ptr::eq(other, scan))
                })
            });
            let kind = key.map_or(crate::plan::KeyKind::Text, |pass| pass.key);
            let rows = tables
                .get(&scan.table)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let mut encoded = rows
                .iter()
                .map(|row| tuple(&scan.table, &scan.columns, row))
                .collect::<Result<Vec<_>, _>>()?;
            encoded.sort_by(|left, right| {
                compare_keys(
                    kind,
                    key_of(left, scan.key).flatten(),
                    key_of(right, scan.key).flatten(),
                )
            });
            scans.push(encoded.into());
        }
        Ok(Self { scans, batch: 3 })
    }
}

/// The rows of a table as tuples of the binary COPY format.
///
/// # Errors
/// A value that does not fit its column (E0504).
pub fn tuple(
    table: &str,
    columns: &[ScanColumn],
    row: &NamedRow,
) -> Result<Bytes, Box<Diagnostic>> {
    let mut bytes = BytesMut::new();
    bytes.put_u16(u16::try_from(columns.len()).unwrap_or(u16::MAX));
    for column in columns {
        let value = row
            .get(&column.name)
            .map_or(Value::Null, OwnedValue::as_value);
        if let Err(why) = encode(&column.pg_type, value, &mut bytes) {
            let message = format!("value of `{table}.{}` {}", column.name, why.0);
            return Err(Box::new(Diagnostic::error(codes::E0504, message)));
        }
    }
    Ok(bytes.freeze())
}

impl RowSource for MemorySource {
    async fn next_rows(&mut self, scan: usize) -> Result<Option<Rows>, Box<Diagnostic>> {
        let batch = self.batch;
        let Some(rows) = self.scans.get_mut(scan).filter(|rows| !rows.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(rows.drain(..batch.min(rows.len())).collect()))
    }
}

/// Written rows, by table.
#[derive(Clone, Debug, Default)]
pub struct MemorySink {
    targets: Vec<(String, Vec<(String, PgType)>)>,
    /// The rows in the order they were written.
    pub tables: BTreeMap<String, Vec<NamedRow>>,
}

impl MemorySink {
    /// Empty tables for a plan's targets.
    pub fn new(plan: &Plan) -> Self {
        let targets: Vec<_> = plan
            .targets
            .iter()
            .map(|target| {
                let columns = target
                    .columns
                    .iter()
                    .map(|column| (column.name.clone(), column.pg_type.clone()));
                (target.table.clone(), columns.collect())
            })
            .collect();
        let tables = targets
            .iter()
            .map(|(table, _)| (table.clone(), Vec::new()))
            .collect();
        Self { targets, tables }
    }
}

impl RowSink for MemorySink {
    async fn write(&mut self, target: usize, batch: RowBatch) -> Result<(), Box<Diagnostic>> {
        let Some((name, columns)) = self.targets.get(target) else {
            return Ok(());
        };
        let rows = self.tables.entry(name.clone()).or_default();
        let mut rest = batch.data;
        for _ in 0..batch.rows {
            let mut table = Table::new(columns.len());
            let broken = |why: &str| {
                Box::new(Diagnostic::error(
                    codes::E0504,
                    format!("row for `{name}` {why}"),
                ))
            };
            table.push(&rest).map_err(broken)?;
            let mut row = NamedRow::new();
            let mut used = 2;
            for (index, (column, ty)) in columns.iter().enumerate() {
                let cell = table.cell(0, index);
                used += 4 + cell.map_or(0, <[u8]>::len);
                let value = decode(ty, cell).map_err(|why| broken(why.0))?;
                row.insert(column.clone(), value.to_owned_value());
            }
            rows.push(row);
            rest = rest.slice(used..);
        }
        if !rest.is_empty() {
            let message = format!("batch for `{name}` holds more bytes than rows");
            return Err(Box::new(Diagnostic::error(codes::E0504, message)));
        }
        Ok(())
    }
}
