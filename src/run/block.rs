//! Rows as they came, gathered by partition.

use std::ops::Range;

use crate::plan::KeyKind;

/// A cell's place in its row; `None` is NULL.
type Cell = Option<(u32, u32)>;

/// How much room a table keeps for the next block: what one large partition took is given back.
const KEPT: usize = 1024 * 1024;

/// The rows of one scan in a block. Their bytes are copied together, so that the buffers that they
/// were read into are free for the next ones at once.
#[derive(Debug, Default)]
pub(super) struct Table {
    bytes: Vec<u8>,
    /// Where each row begins.
    rows: Vec<usize>,
    cells: Vec<Cell>,
    width: usize,
}

impl Table {
    /// No rows of so many columns.
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// Adds a tuple of PostgreSQL's binary COPY format, or says what is wrong with it.
    pub(super) fn push(&mut self, row: &[u8]) -> Result<(), &'static str> {
        let end = split(row, self.width, &mut self.cells)?;
        self.rows.push(self.bytes.len());
        self.bytes.extend_from_slice(row.get(..end).unwrap_or(row));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.rows.clear();
        self.rows.shrink_to(KEPT / size_of::<usize>());
        self.cells.clear();
        self.cells.shrink_to(KEPT / size_of::<Cell>());
    }

    /// The cells of a row, each `None` for NULL.
    pub(super) fn row(&self, row: u32) -> impl Iterator<Item = Option<&[u8]>> {
        let first = row as usize * self.width;
        let cells = self.cells.get(first..first + self.width);
        let start = self.rows.get(row as usize).copied().unwrap_or_default();
        let bytes = self.bytes.get(start..).unwrap_or_default();
        cells.unwrap_or_default().iter().map(|cell| {
            let (start, length) = (*cell)?;
            bytes.get(start as usize..(start + length) as usize)
        })
    }

    /// The bytes of a cell; `None` for NULL.
    pub(super) fn cell(&self, row: u32, column: usize) -> Option<&[u8]> {
        let (start, length) = (*self.cells.get(row as usize * self.width + column)?)?;
        let start = self.rows.get(row as usize)? + start as usize;
        self.bytes.get(start..start + length as usize)
    }
}

/// Finds the cells of a tuple, and where it ends.
fn split(row: &[u8], width: usize, cells: &mut Vec<Cell>) -> Result<usize, &'static str> {
    const BROKEN: &str = "is no tuple of the binary COPY format";
    let (count, _) = row.split_first_chunk::<2>().ok_or(BROKEN)?;
    if usize::from(u16::from_be_bytes(*count)) != width {
        return Err("has another number of columns than was asked for");
    }
    let before = cells.len();
    let mut at = 2usize;
    for _ in 0..width {
        let Some(cell) = cell_at(row, at) else {
            cells.truncate(before);
            return Err(BROKEN);
        };
        at += 4 + cell.map_or(0, |(_, length)| length as usize);
        cells.push(cell);
    }
    Ok(at)
}

/// The cell whose length stands at a place of a tuple; `None` where there is none.
fn cell_at(row: &[u8], at: usize) -> Option<Cell> {
    let (length, rest) = row.get(at..)?.split_first_chunk::<4>()?;
    let length = i32::from_be_bytes(*length);
    if length == -1 {
        return Some(None);
    }
    let length = u32::try_from(length).ok()?;
    (length as usize <= rest.len()).then_some(())?;
    Some(Some((u32::try_from(at + 4).ok()?, length)))
}

/// The place of one column of a tuple, without taking the tuple apart; `None` inside for NULL.
pub(super) fn key_place(row: &[u8], column: usize) -> Option<Option<Range<usize>>> {
    let mut at = 2usize;
    for _ in 0..column {
        let (length, _) = row.get(at..)?.split_first_chunk::<4>()?;
        at += 4 + usize::try_from(i32::from_be_bytes(*length).max(0)).ok()?;
    }
    let (length, rest) = row.get(at..)?.split_first_chunk::<4>()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Ok(length) if length <= rest.len() => Some(Some(at + 4..at + 4 + length)),
        Ok(_) => None,
        Err(_) => Some(None),
    }
}

/// The key of one column of a tuple.
pub(super) fn key_of(row: &[u8], column: usize) -> Option<Option<&[u8]>> {
    match key_place(row, column)? {
        Some(place) => row.get(place).map(Some),
        None => Some(None),
    }
}

/// Compares two partition keys; NULL is last.
pub(super) fn compare_keys(
    kind: KeyKind,
    left: Option<&[u8]>,
    right: Option<&[u8]>,
) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    match (left, right) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => match kind {
            KeyKind::Text | KeyKind::Uuid => left.cmp(right),
            KeyKind::Int => int(left).cmp(&int(right)),
        },
    }
}

/// An integer of 2, 4 or 8 bytes.
pub(super) fn int(bytes: &[u8]) -> i64 {
    let sign = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    bytes.iter().fold(if sign { -1 } else { 0 }, |value, byte| {
        (value << 8) | i64::from(*byte)
    })
}

/// Whole partitions of a pass.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The rows of each of the pass's scans.
    pub(super) tables: Vec<Table>,
    /// For each partition the rows of each scan: as many ranges a partition as there are scans.
    pub(super) ranges: Vec<Range<u32>>,
    /// Whether the key of the last partition is NULL; no other's can be.
    pub(super) last_is_null: bool,
    /// The bytes of all rows.
    pub(super) size: usize,
}

impl Block {
    /// How many partitions.
    pub(super) fn len(&self) -> usize {
        self.ranges.len() / self.tables.len().max(1)
    }

    /// The rows of a partition, by scan.
    pub(super) fn partition(&self, index: usize) -> &[Range<u32>] {
        let width = self.tables.len();
        self.ranges
            .get(index * width..(index + 1) * width)
            .unwrap_or_default()
    }

    /// How many rows of a scan are there.
    pub(super) fn rows_of(&self, scan: usize) -> u32 {
        let rows = self.tables.get(scan).map_or(0, Table::len);
        u32::try_from(rows).unwrap_or(u32::MAX)
    }

    pub(super) fn clear(&mut self) {
        self.tables.iter_mut().for_each(Table::clear);
        self.ranges.clear();
        self.last_is_null = false;
        self.size = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use bytes::Bytes;

    fn tuple(cells: &[Option<&[u8]>]) -> Bytes {
        let mut row = Vec::new();
        row.extend(u16::try_from(cells.len()).unwrap().to_be_bytes());
        for cell in cells {
            match cell {
                None => row.extend((-1i32).to_be_bytes()),
                Some(bytes) => {
                    row.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
                    row.extend(*bytes);
                }
            }
        }
        Bytes::from(row)
    }

    #[test]
    fn tuples_are_taken_apart() {
        let mut table = Table::new(3);
        let row = tuple(&[Some(b"ab"), None, Some(b"")]);
        assert_eq!(key_of(&row, 0), Some(Some(&b"ab"[..])));
        assert_eq!(key_of(&row, 1), Some(None));
        assert_eq!(key_of(&row, 2), Some(Some(&b""[..])));
        assert_eq!(key_of(&row, 3), None);
        table.push(&row).unwrap();
        assert_eq!(table.cell(0, 0), Some(&b"ab"[..]));
        assert_eq!(table.cell(0, 1), None);
        assert_eq!(table.cell(0, 2), Some(&b""[..]));
    }

    #[test]
    fn broken_tuples_are_refused() {
        let mut table = Table::new(1);
        let row = tuple(&[Some(b"abc")]);
        assert!(table.push(&row[..row.len() - 1]).is_err());
        assert!(table.push(&tuple(&[None, None])).is_err());
        assert!(table.push(&[0, 1, 255, 255, 255, 254]).is_err());
        assert_eq!(table.len(), 0);
        assert!(table.cells.is_empty());
    }

    #[test]
    fn keys_compare_as_their_type() {
        let bytes = |number: i64| number.to_be_bytes();
        assert!(compare_keys(KeyKind::Int, Some(&bytes(-1)), Some(&bytes(1))).is_lt());
        assert!(compare_keys(KeyKind::Int, Some(&(-1i16).to_be_bytes()), Some(&bytes(-1))).is_eq());
        assert!(compare_keys(KeyKind::Text, Some(b"Z"), Some(b"a")).is_lt());
        assert!(compare_keys(KeyKind::Text, None, Some(b"z")).is_gt());
        assert!(compare_keys(KeyKind::Text, None, None).is_eq());
    }
}
