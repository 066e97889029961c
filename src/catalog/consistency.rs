//! What must hold inside a catalog: names refer to something, keys and counts fit.

use std::collections::BTreeSet;

use super::{Catalog, Column, KeyKind, Table};
use crate::types::{PgType, Ty};

/// Every contradiction in a catalog, each as a sentence without a capital and a full stop, in the
/// order of the tables. Empty for a catalog that a database could have.
pub(super) fn contradictions(catalog: &Catalog) -> Vec<String> {
    let mut found = Vec::new();
    let identity = &catalog.identity;
    for table in &identity.tables {
        if !catalog.tables.contains_key(table) {
            found.push(format!(
                "`identity` names the table `{table}`, which it does not have"
            ));
        }
    }
    if let Some(version) = &identity.version {
        let column = (catalog.tables.get(&version.table))
            .and_then(|table| table.column(&version.column))
            .filter(|column| matches!(column.ty.as_str(), "smallint" | "integer" | "bigint"));
        if column.is_none() {
            found.push(format!(
                "`identity` reads the version from `{}.{}`, which is no column of an integer type",
                version.table, version.column
            ));
        }
    }
    if let Some(supported) = &identity.supported {
        if supported.oldest > supported.newest {
            found.push("the oldest supported version is newer than the newest".to_owned());
        }
        if identity.version.is_none() {
            found.push("`identity` has supported versions but no column to read one".to_owned());
        }
    }
    for (name, table) in &catalog.tables {
        in_table(catalog, name, table, &mut found);
    }
    found
}

fn in_table(catalog: &Catalog, name: &str, table: &Table, found: &mut Vec<String>) {
    for column in repeated(table.columns.iter().map(|column| column.name.as_str())) {
        found.push(format!("`{name}` has two columns named `{column}`"));
    }
    let constraints = (table.keys.iter().map(|key| key.name.as_str()))
        .chain(table.foreign_keys.iter().map(|key| key.name.as_str()))
        .chain(table.checks.iter().map(|check| check.name.as_str()));
    for constraint in repeated(constraints) {
        found.push(format!("`{name}` has two constraints named `{constraint}`"));
    }
    for index in repeated(table.indexes.iter().map(|index| index.name.as_str())) {
        found.push(format!("`{name}` has two indexes named `{index}`"));
    }
    let primary: Vec<_> = (table.keys.iter())
        .filter(|key| key.kind == KeyKind::Primary)
        .collect();
    if primary.len() > 1 {
        found.push(format!("`{name}` has more than one primary key"));
    }
    for key in &table.keys {
        for column in columns(table, name, &key.name, &key.columns, found) {
            if key.kind == KeyKind::Primary && column.nullable {
                found.push(format!(
                    "`{name}.{}` is nullable and part of the primary key",
                    column.name
                ));
            }
        }
    }
    for key in &table.foreign_keys {
        let own = columns(table, name, &key.name, &key.columns, found);
        let Some(other) = catalog.tables.get(&key.table) else {
            found.push(format!(
                "the foreign key `{}` of `{name}` refers to the table `{}`, which it does not have",
                key.name, key.table
            ));
            continue;
        };
        let referenced = columns(other, &key.table, &key.name, &key.references, found);
        if key.columns.len() != key.references.len() {
            found.push(format!(
                "the foreign key `{}` of `{name}` has {} columns and refers to {}",
                key.name,
                key.columns.len(),
                key.references.len()
            ));
        }
        for (own, referenced) in own.iter().zip(&referenced) {
            if !comparable(&own.ty, &referenced.ty) {
                found.push(format!(
                    "the foreign key `{}` joins `{name}.{}`, a `{}`, with `{}.{}`, a `{}`",
                    key.name, own.name, own.ty, key.table, referenced.name, referenced.ty
                ));
            }
        }
        let target: BTreeSet<_> = key.references.iter().collect();
        let unique =
            (other.keys.iter()).any(|key| key.columns.iter().collect::<BTreeSet<_>>() == target);
        if !unique {
            found.push(format!(
                "the foreign key `{}` of `{name}` refers to columns of `{}` that are no key",
                key.name, key.table
            ));
        }
    }
    for index in &table.indexes {
        columns(table, name, &index.name, &index.include, found);
        if index.keys.is_empty() {
            found.push(format!(
                "the index `{}` of `{name}` has no keys",
                index.name
            ));
        }
    }
}

/// The columns that a constraint or index lists; each name that is none is a contradiction.
fn columns<'a>(
    table: &'a Table,
    name: &str,
    constraint: &str,
    listed: &[String],
    found: &mut Vec<String>,
) -> Vec<&'a Column> {
    let mut columns = Vec::new();
    for listed in listed {
        match table.column(listed) {
            Some(column) => columns.push(column),
            None => found.push(format!(
                "`{constraint}` names the column `{name}.{listed}`, which does not exist"
            )),
        }
    }
    columns
}

/// Whether PostgreSQL may have an operator that compares the two types, as a foreign key needs it:
/// integers of two widths, texts with and without a limit; of types not known here, anything.
fn comparable(left: &str, right: &str) -> bool {
    let (left, right) = (PgType::parse(left).ty(), PgType::parse(right).ty());
    left == right || matches!((left, right), (Ty::Other(_), _) | (_, Ty::Other(_)))
}

/// The names that stand there more than once, each once, in order.
fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

#[cfg(test)]
mod tests {
    use crate::base::Files;
    use crate::catalog::snapshot::from_yaml;
    use crate::diagnostics::codes;

    fn found(text: &str) -> Vec<String> {
        let mut files = Files::new();
        let head = "catalog: a\nversion: b\ntitle: c\n";
        let file = files.add("test.yaml", format!("{head}{text}"));
        match from_yaml(&files, file) {
            Ok(_) => Vec::new(),
            Err(problems) => (problems.into_sorted().into_iter())
                .map(|problem| {
                    assert_eq!(problem.code, codes::E0621, "{problem:?}");
                    problem.message
                })
                .collect(),
        }
    }

    #[test]
    fn a_foreign_key_may_join_integers_of_two_widths() {
        let narrow = TWO.replace("name: a_id, type: bigint", "name: a_id, type: smallint");
        assert_ne!(narrow, TWO);
        assert_eq!(found(&narrow), Vec::<String>::new());
    }

    const TWO: &str = "
tables:
  a:
    columns: [{name: id, type: bigint}, {name: t, type: text, nullable: true}]
    keys: [{name: a_pkey, kind: primary, columns: [id]}]
  b:
    columns: [{name: a_id, type: bigint, nullable: true}]
    foreign_keys: [{name: b_fk, columns: [a_id], table: a, references: [id]}]
";

    #[test]
    fn a_sound_catalog_has_none() {
        assert_eq!(found(TWO), Vec::<String>::new());
    }

    #[test]
    fn each_contradiction_is_found() {
        let cases = [
            ("references: [id]", "references: [t]", "that are no key"),
            (
                "references: [id]",
                "references: [x]",
                "`a.x`, which does not exist",
            ),
            ("table: a,", "table: z,", "refers to the table `z`"),
            (
                "columns: [a_id]",
                "columns: [a_id, a_id]",
                "has 2 columns and refers to 1",
            ),
            (
                "name: a_id, type: bigint",
                "name: a_id, type: text",
                "a `text`, with `a.id`, a `bigint`",
            ),
            (
                "kind: primary, columns: [id]",
                "kind: primary, columns: [t]",
                "nullable and part of the primary key",
            ),
            ("name: t, type", "name: id, type", "two columns named `id`"),
            (
                "[{name: a_pkey, kind: primary, columns: [id]}]",
                "[{name: k, kind: primary, columns: [id]}, {name: k, kind: unique, columns: [id]}]",
                "two constraints named `k`",
            ),
            (
                "[{name: a_pkey, kind: primary, columns: [id]}]",
                "[{name: k, kind: primary, columns: [id]}, {name: l, kind: primary, columns: [id]}]",
                "more than one primary key",
            ),
            (
                "tables:\n",
                "identity: {tables: [q]}\ntables:\n",
                "names the table `q`",
            ),
            (
                "tables:\n",
                "identity: {version: {table: a, column: t}}\ntables:\n",
                "`a.t`, which is no column of an integer type",
            ),
            (
                "tables:\n",
                "identity: {version: {table: a, column: id}, supported: {oldest: 2, newest: 1}}\ntables:\n",
                "newer than the newest",
            ),
            (
                "tables:\n",
                "identity: {supported: {oldest: 1, newest: 2}}\ntables:\n",
                "no column to read one",
            ),
            (
                "    keys: [{name: a_pkey",
                "    indexes: [{name: i, keys: []}, {name: i, keys: [t], include: [w]}]\n    keys: [{name: a_pkey",
                "two indexes named `i`",
            ),
            (
                "    keys: [{name: a_pkey",
                "    indexes: [{name: i, keys: []}]\n    keys: [{name: a_pkey",
                "has no keys",
            ),
        ];
        for (old, new, expected) in cases {
            assert!(TWO.contains(old), "{old}");
            let found = found(&TWO.replacen(old, new, 1));
            assert!(
                found.iter().any(|said| said.contains(expected)),
                "{new}: {found:?}"
            );
        }
    }
}
