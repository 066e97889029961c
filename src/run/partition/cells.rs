//! The rows of a table with their cells decoded: once, however often each is read.

use std::cmp::Ordering;
use std::ops::Range;

use crate::eval::{Unencodable, decode};
use crate::plan::{Broadcast, Scan, ScanColumn};
use crate::types::{Ty, Value};

use super::super::block::{Table, int};

/// What a cell holds, or why it holds no value of the language.
type Cell<'b> = Result<Value<'b>, Unencodable>;

/// Some rows of a table.
pub(in crate::run) struct Cells<'b> {
    table: Option<&'b Table>,
    columns: &'b [ScanColumn],
    /// Which rows of the table, in the order of their row key.
    rows: Vec<u32>,
    /// The cells, row by row.
    cells: Vec<Cell<'b>>,
}

impl<'b> Cells<'b> {
    /// No rows yet; of a scan that another pass reads there will be none.
    pub(super) fn of_scan(scan: &'b Scan, table: Option<&'b Table>) -> Self {
        Self {
            table,
            columns: &scan.columns,
            rows: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// All rows of a broadcast relation, as they came.
    pub(in crate::run) fn of_broadcast(broadcast: &'b Broadcast, table: &'b Table) -> Self {
        let mut cells = Self {
            table: Some(table),
            columns: &broadcast.columns,
            rows: (0..).take(table.len()).collect(),
            cells: Vec::new(),
        };
        cells.decode();
        cells
    }

    /// Holds these rows of the scan from now on.
    pub(super) fn load(&mut self, scan: &Scan, range: Range<u32>) {
        self.rows.clear();
        self.rows.extend(range);
        if let Some(table) = self.table
            && self.rows.len() > 1
        {
            self.rows
                .sort_by(|left, right| compare_rows(scan, table, *left, *right));
        }
        self.cells.clear();
        self.decode();
    }

    fn decode(&mut self) {
        let Some(table) = self.table else { return };
        for row in &self.rows {
            for (cell, column) in table.row(*row).zip(self.columns) {
                self.cells.push(decode(&column.pg_type, cell));
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What a cell holds; null where there is no such cell.
    #[inline]
    pub(super) fn value(&self, row: u32, column: usize) -> Result<&Value<'b>, Unencodable> {
        match self.cells.get(row as usize * self.columns.len() + column) {
            Some(cell) => cell.as_ref().map_err(|why| *why),
            None => Ok(&Value::Null),
        }
    }

    /// The bytes of a cell as they came; `None` for NULL.
    pub(super) fn raw(&self, row: u32, column: usize) -> Option<&'b [u8]> {
        self.table?.cell(*self.rows.get(row as usize)?, column)
    }
}

fn compare_rows(scan: &Scan, table: &Table, left: u32, right: u32) -> Ordering {
    for column in &scan.row_key {
        let (left, right) = (table.cell(left, *column), table.cell(right, *column));
        let is_number = scan
            .columns
            .get(*column)
            .is_some_and(|column| column.pg_type.ty() == Ty::Int);
        let order = if is_number {
            left.map(int).cmp(&right.map(int))
        } else {
            left.cmp(&right)
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}
