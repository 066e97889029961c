//! What a run wrote and reported, and what must hold after every run whatever its rows were.

use std::collections::{BTreeMap, BTreeSet};

use mapwright::catalog::KeyKind;
use mapwright::run::memory::NamedRow;
use mapwright::types::{OwnedValue, SeverityValue};

use super::fixture::{Cell, Report, Synapse, catalogs};

/// The tables that a migration fills.
pub(crate) const TARGETS: [&str; 8] = [
    "users",
    "user_passwords",
    "user_emails",
    "user_unsupported_third_party_ids",
    "upstream_oauth_links",
    "compat_sessions",
    "compat_access_tokens",
    "compat_refresh_tokens",
];

/// What came of a run.
pub(crate) struct Outcome {
    synapse: Synapse,
    pub(crate) report: Report,
    tables: BTreeMap<String, Vec<NamedRow>>,
    /// The rows of each target as they would go over the wire.
    pub(crate) bytes: BTreeMap<usize, Vec<u8>>,
}

/// A row of MAS.
#[derive(Clone, Copy)]
pub(crate) struct Written<'o> {
    table: &'o str,
    row: &'o NamedRow,
}

impl<'o> Written<'o> {
    pub(crate) fn get(&self, column: &str) -> &'o OwnedValue {
        let Some(value) = self.row.get(column) else {
            panic!("`{}.{column}` is not written", self.table)
        };
        value
    }

    /// Asserts the value of a column.
    pub(crate) fn has(self, column: &str, value: impl Cell) -> Self {
        assert_eq!(*self.get(column), value.cell(), "{}.{column}", self.table);
        self
    }

    /// Asserts that columns are NULL.
    pub(crate) fn nulls<const N: usize>(self, columns: [&str; N]) -> Self {
        columns
            .iter()
            .fold(self, |row, column| row.has(column, OwnedValue::Null))
    }

    pub(crate) fn text(&self, column: &str) -> &'o str {
        match self.get(column) {
            OwnedValue::Text(text) => text,
            other => panic!("{}.{column} is {other:?}", self.table),
        }
    }

    /// The 128 bits of an ID.
    pub(crate) fn bits(&self, column: &str) -> u128 {
        match self.get(column) {
            OwnedValue::Uuid(bytes) => u128::from_be_bytes(*bytes),
            other => panic!("{}.{column} is {other:?}", self.table),
        }
    }

    /// The milliseconds that MAS reads out of an ID.
    pub(crate) fn id_time(&self, column: &str) -> i64 {
        i64::try_from(self.bits(column) >> 80).unwrap()
    }
}

impl Outcome {
    pub(crate) fn new(
        synapse: Synapse,
        report: Report,
        tables: BTreeMap<String, Vec<NamedRow>>,
        bytes: BTreeMap<usize, Vec<u8>>,
    ) -> Self {
        Self {
            synapse,
            report,
            tables,
            bytes,
        }
    }

    pub(crate) fn rows(&self, table: &'static str) -> Vec<Written<'_>> {
        self.tables[table]
            .iter()
            .map(|row| Written { table, row })
            .collect()
    }

    /// The only row of a table.
    #[track_caller]
    pub(crate) fn only(&self, table: &'static str) -> Written<'_> {
        match self.rows(table).as_slice() {
            [row] => *row,
            rows => panic!("`{table}` has {} rows", rows.len()),
        }
    }

    /// The only row of a table with that value.
    #[track_caller]
    pub(crate) fn row(&self, table: &'static str, column: &str, value: impl Cell) -> Written<'_> {
        let value = value.cell();
        let mut rows = self.rows(table);
        rows.retain(|row| *row.get(column) == value);
        match rows.as_slice() {
            [row] => *row,
            rows => panic!("`{table}` has {} rows of {value:?}", rows.len()),
        }
    }

    /// Asserts that tables have no rows.
    #[track_caller]
    pub(crate) fn empty<const N: usize>(&self, tables: [&'static str; N]) {
        for table in tables {
            let rows = self.tables[table].len();
            assert_eq!(rows, 0, "`{table}` has {rows} rows");
        }
    }

    /// The texts of a column, sorted.
    pub(crate) fn texts(&self, table: &'static str, column: &str) -> Vec<&str> {
        let mut texts: Vec<&str> = self
            .rows(table)
            .iter()
            .map(|row| row.text(column))
            .collect();
        texts.sort_unstable();
        texts
    }

    /// Asserts everything that was counted under a reason, as `quiet|warn|error REASON ROWS`.
    #[track_caller]
    pub(crate) fn counted<const N: usize>(&self, expected: [&str; N]) {
        let found: BTreeSet<String> = self
            .report
            .reasons
            .iter()
            .filter(|reason| reason.rows > 0)
            .map(|reason| {
                let severity = match reason.severity {
                    SeverityValue::Error => "error",
                    SeverityValue::Warn => "warn",
                    SeverityValue::Quiet => "quiet",
                };
                format!("{severity} {} {}", reason.reason, reason.rows)
            })
            .collect();
        let expected: BTreeSet<String> = expected.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(found, expected);
    }

    /// Asserts what became of the rows that drove a map, as `FATE ROWS`: `written`, a reason, a
    /// reason behind `rejected`, or the owner's reason behind `owner`.
    #[track_caller]
    pub(crate) fn ledger<const N: usize>(&self, map: &str, expected: [&str; N]) {
        let maps = &self.report.maps;
        let Some(ledger) = maps.iter().find(|ledger| ledger.map == map) else {
            panic!("no map `{map}`")
        };
        let mut found = BTreeSet::new();
        if ledger.written > 0 {
            found.insert(format!("written {}", ledger.written));
        }
        for (word, counts) in [("", &ledger.skipped), ("rejected ", &ledger.rejected)] {
            for count in counts {
                found.insert(match &count.owner {
                    None => format!("{word}{} {}", count.reason, count.rows),
                    Some(owner) => {
                        assert_eq!(count.reason, "owner_not_migrated");
                        format!("{word}owner {owner} {}", count.rows)
                    }
                });
            }
        }
        let expected: BTreeSet<String> = expected.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(found, expected, "{map}");
    }

    /// The keys of the first rows that a reason applied to.
    pub(crate) fn samples(&self, reason: &str) -> Vec<&str> {
        let reports = &self.report.reasons;
        let report = reports.iter().find(|report| report.reason == reason);
        report.map_or_else(Vec::new, |report| {
            report.samples.iter().map(String::as_str).collect()
        })
    }

    /// What holds after every run.
    pub(crate) fn holds_what_always_holds(&self) {
        self.ledgers_add_up();
        self.identifiers_carry_the_time();
        self.constraints_hold();
        self.nothing_secret_is_shown();
    }

    /// X9, counted anew: every row of the table at a map's root has exactly one fate.
    fn ledgers_add_up(&self) {
        for ledger in &self.report.maps {
            let rows = self.synapse.count(&ledger.table) as u64;
            assert_eq!(ledger.read, rows, "{}", ledger.map);
            let ended = ledger.skipped.iter().chain(&ledger.rejected);
            let ended: u64 = ended.map(|count| count.rows).sum();
            assert_eq!(ledger.written + ended, rows, "{}", ledger.map);
        }
        let written: usize = self.tables.values().map(Vec::len).sum();
        if self.report.rejected > 0 {
            assert_eq!(
                written, 0,
                "a run with rejects must give nothing to the sink"
            );
        } else {
            assert_eq!(self.report.written.iter().sum::<u64>(), written as u64);
        }
    }

    /// I1, for every row of every table.
    fn identifiers_carry_the_time(&self) {
        let mut ids = BTreeSet::new();
        for table in TARGETS {
            let key = catalogs()[1].tables[table].primary_key().unwrap();
            let [id] = key.columns.as_slice() else {
                continue;
            };
            for row in self.rows(table) {
                let OwnedValue::Timestamp(created_at) = row.get("created_at") else {
                    panic!("{table}.created_at")
                };
                assert_eq!(
                    row.id_time(id),
                    created_at.div_euclid(1_000),
                    "{table}.{id}"
                );
                assert!(ids.insert(row.bits(id)), "{table}.{id} is not unique");
            }
        }
    }

    /// The constraints of MAS's schema.
    fn constraints_hold(&self) {
        let catalog = &catalogs()[1];
        for table in TARGETS {
            let definition = &catalog.tables[table];
            let values = |table: &str, columns: &[String]| -> Vec<Vec<OwnedValue>> {
                let row = |row: &NamedRow| {
                    let cells = columns
                        .iter()
                        .map(|column| row.get(column).unwrap_or(&OwnedValue::Null).clone());
                    cells.collect::<Vec<_>>()
                };
                let rows = self.tables.get(table).into_iter().flatten().map(row);
                rows.filter(|cells| !cells.contains(&OwnedValue::Null))
                    .collect()
            };
            for row in self.rows(table) {
                for column in &definition.columns {
                    let value = row.row.get(&column.name);
                    let filled = value.is_some_and(|value| *value != OwnedValue::Null);
                    let may_be_left =
                        column.nullable || (column.default.is_some() && value.is_none());
                    assert!(filled || may_be_left, "{table}.{}", column.name);
                }
            }
            for key in &definition.keys {
                assert!(matches!(key.kind, KeyKind::Primary | KeyKind::Unique));
                let found = values(table, &key.columns);
                for (number, value) in found.iter().enumerate() {
                    assert!(!found[..number].contains(value), "{table}: {}", key.name);
                }
            }
            for foreign in &definition.foreign_keys {
                let known: Vec<Vec<OwnedValue>> = if foreign.table == "upstream_oauth_providers" {
                    let ids = self.synapse.known_providers.iter();
                    ids.map(|id| vec![OwnedValue::Uuid(*id)]).collect()
                } else {
                    values(&foreign.table, &foreign.references)
                };
                for value in values(table, &foreign.columns) {
                    assert!(known.contains(&value), "{table}: {}", foreign.name);
                }
            }
        }
    }

    /// No token, hash, address or subject is among the samples.
    fn nothing_secret_is_shown(&self) {
        let samples = self
            .report
            .reasons
            .iter()
            .flat_map(|reason| &reason.samples);
        let rejects = self.report.rejects.iter();
        let shown: Vec<&String> = samples
            .chain(rejects.flat_map(|reject| [&reject.key, &reject.why]))
            .collect();
        for row in &self.synapse.rows {
            let table = &catalogs()[0].tables[row.table];
            for column in table.columns.iter().filter(|column| column.sensitive) {
                let Some(OwnedValue::Text(secret)) = row.cells.get(&column.name) else {
                    continue;
                };
                let leaks =
                    secret.len() > 3 && shown.iter().any(|text| text.contains(secret.as_str()));
                assert!(!leaks, "{}.{} is shown", row.table, column.name);
            }
        }
    }
}
