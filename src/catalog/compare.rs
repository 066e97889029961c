//! Everything that differs between two catalogs, for people to read.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::ddl::{
    check_clause, column_clause, foreign_key_clause, index_statement, key_clause, unique_index,
};
use super::{Catalog, Index, Table};

/// Lines that say how `live` differs from `expected`: `+` what it has more, `-` what it lacks, `~`
/// what is otherwise (first as expected, then as it is). Tables that only `live` has are not
/// told; names, titles and marks that no database holds are not compared, nor is the order of
/// columns. Empty if nothing differs.
pub fn compare(expected: &Catalog, live: &Catalog) -> String {
    let mut out = String::new();
    for extension in &expected.extensions {
        if !live.extensions.contains(extension) {
            line(&mut out, format_args!("- extension {extension}"));
        }
    }
    for (name, labels) in &expected.enums {
        match live.enums.get(name) {
            None => line(&mut out, format_args!("- type {name}")),
            Some(live) if live != labels => {
                line(&mut out, format_args!("~ type {name}"));
                line(
                    &mut out,
                    format_args!("    expected: {}", labels.join(", ")),
                );
                line(&mut out, format_args!("    found:    {}", live.join(", ")));
            }
            Some(_) => {}
        }
    }
    for (name, expected) in &expected.tables {
        let Some(live) = live.tables.get(name) else {
            line(&mut out, format_args!("- table {name}"));
            continue;
        };
        let expected = parts(name, expected);
        let live = parts(name, live);
        if expected == live {
            continue;
        }
        line(&mut out, format_args!("table {name}"));
        for (part, clause) in &expected {
            match live.get(part) {
                None => line(&mut out, format_args!("  - {}: {clause}", part.label())),
                Some(found) if found != clause => {
                    line(&mut out, format_args!("  ~ {}", part.label()));
                    line(&mut out, format_args!("      expected: {clause}"));
                    line(&mut out, format_args!("      found:    {found}"));
                }
                Some(_) => {}
            }
        }
        for (part, clause) in &live {
            if !expected.contains_key(part) {
                line(&mut out, format_args!("  + {}: {clause}", part.label()));
            }
        }
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // INVARIANT: writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A part of a table, by which both sides are matched; sorted as they are printed.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Column(&'a str),
    Key(&'a str),
    ForeignKey(&'a str),
    Check(&'a str),
    Index(&'a str),
}

impl Part<'_> {
    fn label(&self) -> String {
        match self {
            Self::Column(name) => format!("column {name}"),
            Self::Key(name) => format!("key {name}"),
            Self::ForeignKey(name) => format!("foreign key {name}"),
            Self::Check(name) => format!("check {name}"),
            Self::Index(name) => format!("index {name}"),
        }
    }
}

/// The parts of a table, each with the SQL that makes it.
fn parts<'a>(name: &str, table: &'a Table) -> BTreeMap<Part<'a>, String> {
    let columns =
        (table.columns.iter()).map(|column| (Part::Column(&column.name), column_clause(column)));
    let keys = (table.keys.iter()).map(|key| {
        let clause = if key.index {
            unique_index(name, key)
        } else {
            key_clause(key)
        };
        (Part::Key(&key.name), clause)
    });
    let foreign_keys = (table.foreign_keys.iter())
        .map(|key| (Part::ForeignKey(&key.name), foreign_key_clause(key)));
    let checks = (table.checks.iter()).map(|check| (Part::Check(&check.name), check_clause(check)));
    let index = |index: &Index| {
        let mark = if index.invalid { " (invalid)" } else { "" };
        index_statement(name, index) + mark
    };
    let indexes = (table.indexes.iter()).map(|entry| (Part::Index(&entry.name), index(entry)));
    columns
        .chain(keys)
        .chain(foreign_keys)
        .chain(checks)
        .chain(indexes)
        .collect()
}
