//! Where the rows of two multisets differ: the last look, at the buckets whose digests do.
//!
//! Rows of those buckets alone are held, and not more than a limit: what is told of the rest is
//! that there is more.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use crate::eval::decode;
use crate::plan::{Plan, Target};
use crate::types::Value;

use super::digest::{cells, key_hash};
use super::narrow::{BothSides, bucket};
use super::stored::{comparable, documents};

/// How many rows of differing buckets are held at a time, of all tables together.
pub(super) const HELD_ROWS: u64 = 50_000;

/// How many differing rows of a table are named, of each kind.
const SAMPLES: usize = 5;

/// How a row differs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowDifference {
    /// The mapping makes it, the table does not hold it.
    Missing,
    /// The table holds it, the mapping does not make it.
    Surplus,
    /// Both have a row of that key, with other values in these columns.
    Changed(Vec<String>),
}

/// What is different in one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TableDifference {
    /// The table.
    pub table: String,
    /// Rows that the table lacks.
    pub missing: u64,
    /// Rows that the table has too many.
    pub surplus: u64,
    /// Rows with another value in some column.
    pub changed: u64,
    /// Whether there may be more than was counted.
    pub more: bool,
    /// Columns that the mapping does not set, with the number of rows in which they hold another value
    /// than the one that the database gives to new rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<(String, u64)>,
    /// Which side is no longer as it was, where that is known.
    pub since: Option<Since>,
    /// Keys of some, with how they differ. Values that must not be shown are not in them.
    pub samples: Vec<(String, RowDifference)>,
}

/// Which side has changed since a run whose digest is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Since {
    /// The table no longer holds what was written.
    Target,
    /// The table holds what was written; now other rows come out.
    Source,
    /// Both.
    Both,
}

/// Hashes of the cells of one row, in the order of the columns.
type Cells = Box<[u64]>;

/// The rows of one key that have no partner on the other side.
#[derive(Debug, Default)]
struct Unpaired {
    /// Made by the mapping, not found yet.
    made: Vec<Cells>,
    /// Found, but not made.
    found: Vec<Cells>,
}

impl Unpaired {
    fn is_same(&self, other: &Self) -> bool {
        let sorted = |rows: &[Cells]| {
            let mut rows = rows.to_vec();
            rows.sort_unstable();
            rows
        };
        sorted(&self.made) == sorted(&other.made) && sorted(&self.found) == sorted(&other.found)
    }
}

/// Which side has rows of a key that the other has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the mapping makes.
    Made,
    /// What the tables hold.
    Found,
    /// Both, but other ones.
    Both,
}

/// The rows of one table that are looked at.
#[derive(Debug, Default)]
struct Suspects {
    buckets: Vec<bool>,
    rows: BTreeMap<Box<[u8]>, Unpaired>,
    more: bool,
}

/// Looks for the rows in which tables differ: first takes what the mapping makes, as a sink, then
/// what the tables hold.
#[derive(Debug)]
pub struct Differences<'p> {
    plan: &'p Plan,
    tables: Vec<Suspects>,
    held: u64,
}

impl<'p> Differences<'p> {
    /// Looks at the rows of some buckets: for each target of a plan those that are wanted of all (none
    /// at all where it does not differ), and whether there are more that differ.
    pub(super) fn in_buckets(plan: &'p Plan, tables: Vec<(Vec<bool>, bool)>) -> Self {
        let tables = tables.into_iter().map(|(buckets, more)| Suspects {
            buckets,
            more,
            ..Suspects::default()
        });
        Self {
            plan,
            tables: tables.collect(),
            held: 0,
        }
    }

    /// Keeps of the differences those that an earlier look found as well: under the same key the very
    /// same rows.
    pub fn keep_only_since(&mut self, earlier: &Differences<'_>) {
        for (table, before) in self.tables.iter_mut().zip(&earlier.tables) {
            // What was not looked at then may have been there.
            if before.more {
                continue;
            }
            table.rows.retain(|key, now| {
                let before = before.rows.get(key);
                before.is_some_and(|before| now.is_same(before))
            });
        }
    }

    /// The keys of rows of a target that have no partner on the other side, by the side that has them:
    /// their cells, in the order of the columns.
    pub fn unpaired(&self, target: usize) -> impl Iterator<Item = (Side, Vec<Option<&[u8]>>)> {
        let rows = self.tables.get(target).into_iter();
        rows.flat_map(|table| &table.rows).flat_map(|(key, rows)| {
            let side = match (rows.made.is_empty(), rows.found.is_empty()) {
                (true, true) => None,
                (false, true) => Some(Side::Made),
                (true, false) => Some(Side::Found),
                (false, false) => Some(Side::Both),
            };
            side.map(|side| (side, cells(key).collect()))
        })
    }

    /// Whether more rows of a target may differ than were held.
    pub fn more(&self, target: usize) -> bool {
        self.tables.get(target).is_some_and(|table| table.more)
    }

    /// What was found, for each table that differs.
    pub fn finish(self) -> Vec<TableDifference> {
        let targets = self.plan.targets.iter();
        targets
            .zip(self.tables)
            .map(|(target, suspects)| told(target, suspects))
            .filter(|difference| {
                difference.more || difference.missing + difference.surplus + difference.changed > 0
            })
            .collect()
    }
}

impl BothSides for Differences<'_> {
    fn made(&mut self, target: usize, tuple: &[u8]) {
        let Some((key, cells, table)) = suspect(self.plan, &mut self.tables, target, tuple) else {
            return;
        };
        if self.held >= HELD_ROWS {
            table.more = true;
            return;
        }
        self.held += 1;
        table.rows.entry(key).or_default().made.push(cells);
    }

    fn found(&mut self, target: usize, tuple: &[u8]) {
        let Some((key, cells, table)) = suspect(self.plan, &mut self.tables, target, tuple) else {
            return;
        };
        if let Some(unpaired) = table.rows.get_mut(&key)
            && let Some(place) = unpaired.made.iter().position(|other| *other == cells)
        {
            unpaired.made.swap_remove(place);
            self.held = self.held.saturating_sub(1);
            return;
        }
        if self.held >= HELD_ROWS {
            table.more = true;
            return;
        }
        self.held += 1;
        table.rows.entry(key).or_default().found.push(cells);
    }
}

/// Key and cells of a row that is looked at.
fn suspect<'t>(
    plan: &Plan,
    tables: &'t mut [Suspects],
    target: usize,
    tuple: &[u8],
) -> Option<(Box<[u8]>, Cells, &'t mut Suspects)> {
    let key = &plan.targets.get(target)?.key;
    let tuple = comparable(&documents(plan.targets.get(target)?), tuple);
    let tuple = &*tuple;
    let table = tables.get_mut(target)?;
    if table.buckets.is_empty() {
        return None;
    }
    let wanted = bucket(key_hash(key, tuple), table.buckets.len());
    if table.buckets.get(wanted) != Some(&true) {
        return None;
    }
    let hashes = cells(tuple).map(|cell| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(u8::from(cell.is_some()));
        hasher.write(cell.unwrap_or_default());
        hasher.finish()
    });
    Some((key_of(key, tuple), hashes.collect(), table))
}

/// The cells of a row's key as a tuple; the whole row where there is no key.
fn key_of(key: &[usize], tuple: &[u8]) -> Box<[u8]> {
    if key.is_empty() {
        return tuple.into();
    }
    let mut bytes = Vec::new();
    for (_, cell) in cells(tuple)
        .enumerate()
        .filter(|(column, _)| key.contains(column))
    {
        let length = cell.map_or(-1, |cell| i32::try_from(cell.len()).unwrap_or(i32::MAX));
        bytes.extend(length.to_be_bytes());
        bytes.extend(cell.unwrap_or_default());
    }
    let count = u16::try_from(key.len()).unwrap_or_default();
    [&count.to_be_bytes()[..], &bytes].concat().into()
}

/// Sorts the rows of a table that found no partner.
fn told(target: &Target, suspects: Suspects) -> TableDifference {
    let mut difference = TableDifference {
        table: target.table.clone(),
        more: suspects.more,
        ..TableDifference::default()
    };
    let mut named = [0usize; 3];
    for (key, Unpaired { made, found }) in suspects.rows {
        let changed = made.len().min(found.len());
        let kinds = made
            .iter()
            .zip(&found)
            .map(|(made, found)| RowDifference::Changed(columns(target, made, found)))
            .chain((changed..made.len()).map(|_| RowDifference::Missing))
            .chain((changed..found.len()).map(|_| RowDifference::Surplus));
        for kind in kinds {
            let (count, number) = match kind {
                RowDifference::Missing => (&mut difference.missing, 0),
                RowDifference::Surplus => (&mut difference.surplus, 1),
                RowDifference::Changed(_) => (&mut difference.changed, 2),
            };
            *count += 1;
            if let Some(named) = named.get_mut(number)
                && *named < SAMPLES
            {
                *named += 1;
                difference.samples.push((shown(target, &key), kind));
            }
        }
    }
    difference
}

/// The columns in which two rows differ.
fn columns(target: &Target, made: &[u64], found: &[u64]) -> Vec<String> {
    let cells = made.iter().zip(found);
    target
        .columns
        .iter()
        .zip(cells)
        .filter(|(_, (made, found))| made != found)
        .map(|(column, _)| column.name.clone())
        .collect()
}

/// A text that is no longer than people read.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(100) {
        None => text.into(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()).into(),
    }
}

/// A key for people, without what must not be shown.
fn shown(target: &Target, key: &[u8]) -> String {
    let all: Vec<usize> = (0..target.columns.len()).collect();
    let columns = if target.key.is_empty() {
        &all
    } else {
        &target.key
    };
    let mut columns = columns.clone();
    columns.sort_unstable();
    let parts = columns.iter().zip(cells(key)).filter_map(|(column, cell)| {
        let column = target.columns.get(*column)?;
        if column.sensitive {
            return None;
        }
        let value = match decode(&column.pg_type, cell) {
            Ok(Value::Text(text)) => format!("{:?}", shortened(text)),
            Ok(Value::Int(number)) => number.to_string(),
            Ok(Value::Uuid(bytes)) => crate::functions::uuid_text(&bytes),
            Ok(Value::Bool(truth)) => truth.to_string(),
            Ok(Value::Null) => "null".to_owned(),
            _ => return None,
        };
        Some(if target.key.len() == 1 {
            value
        } else {
            format!("{}={value}", column.name)
        })
    });
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::digest::TableDigest;
    use super::super::digest::tests::tuple;
    use super::super::narrow::Look;
    use super::*;
    use crate::plan::samples::planned;

    fn digests(plan: &Plan, rows: &[Vec<u8>]) -> Vec<TableDigest> {
        let mut tables = TableDigest::of_targets(plan);
        for row in rows {
            tables[0].add(row);
        }
        tables
    }

    fn fed<B: BothSides>(look: &mut B, made: &[Vec<u8>], found: &[Vec<u8>]) {
        for row in made {
            look.made(0, row);
        }
        for row in found {
            look.found(0, row);
        }
    }

    fn compare(plan: &Plan, made: &[Vec<u8>], found: &[Vec<u8>]) -> Option<Vec<TableDifference>> {
        let mut rows = match Look::at(plan, &digests(plan, made), &digests(plan, found))? {
            Look::Rows(rows) => rows,
            Look::Narrow(mut narrowed) => {
                fed(&mut narrowed, made, found);
                narrowed.rows()
            }
        };
        fed(&mut rows, made, found);
        Some(rows.finish())
    }

    /// One target of two columns, the first of which is its key.
    fn keyed() -> Plan {
        let mut plan =
            planned("map a from people as p { into log_lines { line = p.name } }").unwrap();
        let mut second = plan.targets[0].columns[0].clone();
        second.name = "note".to_owned();
        plan.targets[0].columns.push(second);
        plan.targets[0].key = vec![0];
        plan
    }

    fn row(key: &str, note: &str) -> Vec<u8> {
        tuple(&[Some(key), Some(note)])
    }

    #[test]
    fn equal_rows_in_any_order_need_no_second_look() {
        let rows = [row("a", "1"), row("b", "2"), row("b", "2")];
        let mut turned = rows.clone();
        turned.reverse();
        assert_eq!(compare(&keyed(), &rows, &turned), None);
    }

    #[test]
    fn missing_surplus_and_changed_rows_are_told_apart() {
        let made = [row("a", "1"), row("b", "2"), row("c", "3")];
        let found = [row("b", "2"), row("c", "4"), row("d", "5")];
        let [table] = compare(&keyed(), &made, &found)
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!((table.missing, table.surplus, table.changed), (1, 1, 1));
        assert!(!table.more);
        assert_eq!(
            table.samples,
            [
                ("\"a\"".to_owned(), RowDifference::Missing),
                (
                    "\"c\"".to_owned(),
                    RowDifference::Changed(vec!["note".to_owned()])
                ),
                ("\"d\"".to_owned(), RowDifference::Surplus),
            ]
        );
    }

    #[test]
    fn a_row_that_occurs_twice_is_not_a_row_that_occurs_once() {
        let (one, two) = ([row("a", "1")], [row("a", "1"), row("a", "1")]);
        let table = compare(&keyed(), &one, &two).unwrap();
        assert_eq!((table[0].missing, table[0].surplus), (0, 1));
        let table = compare(&keyed(), &two, &one).unwrap();
        assert_eq!((table[0].missing, table[0].surplus), (1, 0));
    }

    #[test]
    fn rows_without_key_are_missing_or_surplus_as_a_whole() {
        let mut plan = keyed();
        plan.targets[0].key.clear();
        let table = compare(&plan, &[row("a", "1")], &[row("a", "2")]).unwrap();
        assert_eq!(
            table[0].samples,
            [
                ("line=\"a\" note=\"1\"".to_owned(), RowDifference::Missing),
                ("line=\"a\" note=\"2\"".to_owned(), RowDifference::Surplus),
            ]
        );
    }

    #[test]
    fn what_must_not_be_shown_is_not() {
        let mut plan = keyed();
        plan.targets[0].key.clear();
        plan.targets[0].columns[1].sensitive = true;
        let table = compare(&plan, &[row("a", "secret")], &[]).unwrap();
        assert_eq!(table[0].samples[0].0, "line=\"a\"");
    }

    #[test]
    fn a_few_among_many_equal_rows_are_counted_to_the_last() {
        let rows = |count: u64| (0..count).map(|n| row(&n.to_string(), "x"));
        let made: Vec<Vec<u8>> = rows(HELD_ROWS * 2).collect();
        // Enough of them that every bucket of the digests differs.
        let found: Vec<Vec<u8>> = rows(HELD_ROWS * 2)
            .enumerate()
            .filter(|(n, _)| n % 50 != 0)
            .map(|(_, row)| row)
            .collect();
        let [table] = compare(&keyed(), &made, &found)
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(
            (table.missing, table.surplus, table.more),
            (2_000, 0, false)
        );
    }

    #[test]
    fn memory_is_bounded_and_the_rest_is_said_to_be_there() {
        let made: Vec<Vec<u8>> = (0..HELD_ROWS * 2)
            .map(|n| row(&n.to_string(), "x"))
            .collect();
        let plan = keyed();
        let Some(Look::Narrow(mut narrowed)) =
            Look::at(&plan, &digests(&plan, &made), &digests(&plan, &[]))
        else {
            panic!("so many rows are not held");
        };
        fed(&mut narrowed, &made, &[]);
        let mut differences = narrowed.rows();
        fed(&mut differences, &made, &[]);
        assert!(differences.held <= HELD_ROWS);
        let [table] = differences.finish().try_into().unwrap();
        assert!(table.more);
        assert!(table.missing > HELD_ROWS / 2 && table.missing <= HELD_ROWS);
        assert_eq!(table.samples.len(), SAMPLES);
    }

    #[test]
    fn what_was_otherwise_a_moment_ago_is_no_difference_yet() {
        let plan = keyed();
        let looked = |made: &[Vec<u8>], found: &[Vec<u8>]| {
            let Some(Look::Rows(mut rows)) =
                Look::at(&plan, &digests(&plan, made), &digests(&plan, found))
            else {
                panic!("they differ");
            };
            fed(&mut rows, made, found);
            rows
        };
        let (a, b) = (row("a", "1"), row("b", "1"));
        let earlier = looked(&[a.clone(), b.clone()], &[]);
        // One is there now, but not as it should be; the other is missing still.
        let mut now = looked(&[a, b], &[row("a", "2")]);
        now.keep_only_since(&earlier);
        let found: Vec<_> = now.unpaired(0).map(|(side, _)| side).collect();
        assert_eq!(found, [Side::Made]);
        let [table] = now.finish().try_into().unwrap();
        assert_eq!((table.missing, table.changed), (1, 0));
        assert_eq!(table.samples[0].0, "\"b\"");
    }
}
