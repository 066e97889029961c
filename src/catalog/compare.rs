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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Files;
    use crate::catalog::snapshot::from_yaml;

    fn catalog(text: &str) -> Catalog {
        let mut files = Files::new();
        let head = "catalog: a\nversion: b\ntitle: c\n";
        let file = files.add("test.yaml", format!("{head}{text}"));
        from_yaml(&files, file).unwrap_or_else(|found| panic!("{found:#?}"))
    }

    #[test]
    fn every_kind_of_difference_is_printed() {
        let expected = catalog(
            "extensions: [pg_trgm]
enums: {gone: [a], mood: [a, b]}
tables:
  lost: {columns: [{name: a, type: text}]}
  same: {columns: [{name: a, type: text, sensitive: true}, {name: b, type: text}]}
  t:
    columns: [{name: a, type: text}, {name: b, type: integer}, {name: c, type: text}]
    keys: [{name: k, kind: unique, columns: [a]}]
    indexes: [{name: i, keys: [b]}]
",
        );
        let live = catalog(
            "enums: {mood: [b, a]}
tables:
  more: {columns: [{name: a, type: text}]}
  same: {columns: [{name: b, type: text}, {name: a, type: text}]}
  t:
    columns: [{name: a, type: text}, {name: b, type: bigint, nullable: true}, {name: d, type: text}]
    keys: [{name: k, kind: unique, columns: [a], index: true}]
    foreign_keys: [{name: f, columns: [a], table: t, references: [a]}]
    checks: [{name: q, expression: (b > 0)}]
    indexes: [{name: i, keys: [b], invalid: true}]
",
        );
        let printed = r#"- extension pg_trgm
- type gone
~ type mood
    expected: a, b
    found:    b, a
- table lost
table t
  ~ column b
      expected: "b" integer NOT NULL
      found:    "b" bigint
  - column c: "c" text NOT NULL
  ~ key k
      expected: CONSTRAINT "k" UNIQUE ("a")
      found:    CREATE UNIQUE INDEX "k" ON "t" ("a")
  ~ index i
      expected: CREATE INDEX "i" ON "t" USING "btree" (b)
      found:    CREATE INDEX "i" ON "t" USING "btree" (b) (invalid)
  + column d: "d" text NOT NULL
  + foreign key f: CONSTRAINT "f" FOREIGN KEY ("a") REFERENCES "t" ("a")
  + check q: CONSTRAINT "q" CHECK ((b > 0))
"#;
        assert_eq!(compare(&expected, &live), printed);
        assert_eq!(compare(&expected, &expected), "");
    }
}
