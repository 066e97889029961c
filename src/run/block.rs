//! Rows as they came, gathered by partition.

use std::ops::Range;

use bytes::Bytes;

use crate::plan::KeyKind;

/// A cell's place in its row; `None` is NULL.
type Cell = Option<(u32, u32)>;

/// The rows of one scan in a block.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Bytes>,
    cells: Vec<Cell>,
    width: usize,
}

impl Table {
    /// No rows of so many columns.
    pub(super) fn new(width: usize) -> Self {
        Self {
            rows: Vec::new(),
            cells: Vec::new(),
            width,
        }
    }

    /// Adds a tuple of PostgreSQL's binary COPY format; gives its size, or what is wrong with it.
    pub(super) fn push(&mut self, row: Bytes) -> Result<usize, &'static str> {
        let size = row.len();
        split(&row, self.width, &mut self.cells)?;
        self.rows.push(row);
        Ok(size)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.cells.clear();
    }

    /// The bytes of a cell; `None` for NULL.
    #[inline]
    pub(super) fn cell(&self, row: u32, column: usize) -> Option<&[u8]> {
        let (start, length) = (*self.cells.get(row as usize * self.width + column)?)?;
        self.rows
            .get(row as usize)?
            .get(start as usize..(start + length) as usize)
    }
}

/// Finds the cells of a tuple.
fn split(row: &[u8], width: usize, cells: &mut Vec<Cell>) -> Result<(), &'static str> {
    const BROKEN: &str = "is no tuple of the binary COPY format";
    let (count, _) = row.split_first_chunk::<2>().ok_or(BROKEN)?;
    if usize::from(u16::from_be_bytes(*count)) != width {
        return Err("has another number of columns than was asked for");
    }
    let before = cells.len();
    let mut at = 2usize;
    for _ in 0..width {
        let length = row
            .get(at..)
            .and_then(|rest| rest.first_chunk::<4>())
            .map(|bytes| i32::from_be_bytes(*bytes));
        let end = match length {
            Some(-1) => {
                cells.push(None);
                Some(at + 4)
            }
            Some(length) => match u32::try_from(length) {
                Ok(bytes) if at + 4 + bytes as usize <= row.len() => {
                    let start = u32::try_from(at + 4).map_err(|_| BROKEN)?;
                    cells.push(Some((start, bytes)));
                    Some(at + 4 + bytes as usize)
                }
                _ => None,
            },
            None => None,
        };
        let Some(end) = end else {
            cells.truncate(before);
            return Err(BROKEN);
        };
        at = end;
    }
    Ok(())
}

/// The key of one column of a tuple, without taking the tuple apart.
pub(super) fn key_of(row: &[u8], column: usize) -> Option<Option<&[u8]>> {
    let mut rest = row.get(2..)?;
    for at in 0..=column {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        let bytes = usize::try_from(length.max(0)).ok()?;
        if at == column {
            return Some(if length < 0 {
                None
            } else {
                Some(after.get(..bytes)?)
            });
        }
        rest = after.get(bytes..)?;
    }
    None
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
        table.push(row).unwrap();
        assert_eq!(table.cell(0, 0), Some(&b"ab"[..]));
        assert_eq!(table.cell(0, 1), None);
        assert_eq!(table.cell(0, 2), Some(&b""[..]));
    }

    #[test]
    fn broken_tuples_are_refused() {
        let mut table = Table::new(1);
        let row = tuple(&[Some(b"abc")]);
        assert!(table.push(row.slice(..row.len() - 1)).is_err());
        assert!(table.push(tuple(&[None, None])).is_err());
        assert!(
            table
                .push(Bytes::from_static(&[0, 1, 255, 255, 255, 254]))
                .is_err()
        );
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
