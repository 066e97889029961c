//! Whether a live database has what a mapping needs.
//!
//! Each difference is told twice: as a [`Finding`] for reports and as a [`Diagnostic`] for people,
//! with the column and the rule that needs it. Differences that the mapping does not touch are not
//! here; [`compare`](super::compare) prints them all.

use std::collections::BTreeSet;

use super::compatible::{unreadable_as, unwritable_to};
use super::needs::{
    ColumnAccess, ColumnNeed, ForeignKeyNeed, KeyNeed, KnownConstraints, Needs, Side, TableNeeds,
};
use super::{Catalog, Column, Key, Table};
use crate::diagnostics::{Code, Diagnostic, Finding, FindingSeverity, codes};

/// One respect in which a live database is not what a mapping needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// For reports.
    pub finding: Finding,
    /// For people.
    pub diagnostic: Diagnostic,
}

/// Compares a live database with what a mapping needs of it.
///
/// `live` holds at least those of the needed tables that exist. Errors (E0640 to E0647) are
/// differences with which the mapping cannot run or its proofs do not hold; warnings (W0640) are
/// constraints that rows were not proven to satisfy, so that only writing them shows. In the order
/// of the tables; empty if the database will do.
pub fn differences(needs: &Needs, live: &Catalog) -> Vec<Difference> {
    let mut found = Vec::new();
    for (name, need) in &needs.tables {
        let at = Place {
            side: needs.side,
            table: name,
        };
        match live.tables.get(name) {
            Some(table) => in_table(&at, need, table, &mut found),
            None => found.push(at.error(
                codes::E0640,
                "missing",
                name,
                format!("the {} database has no table `{name}`", needs.side),
                &need.needed_by,
                missing_help(needs.side),
            )),
        }
    }
    found
}

fn missing_help(side: Side) -> &'static str {
    match side {
        Side::Source => "check that this is the right database and schema, in a supported version",
        Side::Target => {
            "check that this is the right database and schema, with its migrations applied, in a \
             supported version"
        }
    }
}

/// Where a difference is.
struct Place<'a> {
    side: Side,
    table: &'a str,
}

impl Place<'_> {
    fn error(
        &self,
        code: Code,
        what: &str,
        object: &str,
        message: String,
        needed_by: &[String],
        help: impl Into<String>,
    ) -> Difference {
        let diagnostic = Diagnostic::error(code, message);
        self.difference(what, object, diagnostic, needed_by, help.into())
    }

    fn warning(
        &self,
        what: &str,
        object: &str,
        message: String,
        needed_by: &[String],
        help: impl Into<String>,
    ) -> Difference {
        let diagnostic = Diagnostic::warning(codes::W0640, message);
        self.difference(what, object, diagnostic, needed_by, help.into())
    }

    fn difference(
        &self,
        what: &str,
        object: &str,
        mut diagnostic: Diagnostic,
        needed_by: &[String],
        help: String,
    ) -> Difference {
        if !needed_by.is_empty() {
            let rules: Vec<_> = needed_by.iter().map(|rule| format!("`{rule}`")).collect();
            diagnostic = diagnostic.note(format!("needed by {}", rules.join(", ")));
        }
        let mut id = format!("{}_{}_{object}_{what}", self.side, self.table);
        if object == self.table {
            id = format!("{}_{object}_{what}", self.side);
        }
        let id = (id.chars())
            .map(|c| match c.to_ascii_lowercase() {
                c if c.is_ascii_alphanumeric() => c,
                _ => '_',
            })
            .collect();
        let mut meaning = diagnostic.message.clone();
        for note in &diagnostic.notes {
            meaning += &format!("; {note}");
        }
        let finding = Finding {
            id,
            severity: match diagnostic.severity {
                crate::diagnostics::Severity::Warning => FindingSeverity::Warning,
                crate::diagnostics::Severity::Error | crate::diagnostics::Severity::Bug => {
                    FindingSeverity::Error
                }
            },
            count: 1,
            samples: vec![if object == self.table {
                object.to_owned()
            } else {
                format!("{}.{object}", self.table)
            }],
            meaning,
            remedy: help.clone(),
            sql: None,
        };
        Difference {
            finding,
            diagnostic: diagnostic.help(help),
        }
    }
}

fn in_table(at: &Place<'_>, need: &TableNeeds, table: &Table, found: &mut Vec<Difference>) {
    for (name, need) in &need.columns {
        match table.column(name) {
            Some(column) => in_column(at, need, column, found),
            None => found.push(at.error(
                codes::E0641,
                "missing",
                name,
                format!(
                    "the {} table `{}` has no column `{name}`",
                    at.side, at.table
                ),
                &need.needed_by,
                missing_help(at.side),
            )),
        }
    }
    for key in &need.keys {
        key_holds(at, key, table, found);
    }
    for key in &need.foreign_keys {
        foreign_key_holds(at, key, table, found);
    }
    if let Some(known) = &need.written {
        unset_columns(at, need, table, found);
        unknown_constraints(at, need, known, table, found);
    }
}

fn in_column(at: &Place<'_>, need: &ColumnNeed, live: &Column, found: &mut Vec<Difference>) {
    let name = format!("{}.{}", at.table, live.name);
    let written = match need.access {
        ColumnAccess::ReadNullable | ColumnAccess::ReadRequired => false,
        ColumnAccess::WrittenNullable | ColumnAccess::WrittenRequired => true,
    };
    if written && live.generated {
        found.push(at.error(
            codes::E0646,
            "generated",
            &live.name,
            format!("the target column `{name}` is generated by the database, but a rule sets it"),
            &need.needed_by,
            "take the rule out of the mapping, or make the column an ordinary one",
        ));
    }
    let unfit = if written {
        unwritable_to(&need.ty, &live.ty)
    } else {
        unreadable_as(&need.ty, &live.ty)
    };
    if let Some(why) = unfit {
        let mut difference = at.error(
            codes::E0642,
            "type",
            &live.name,
            format!(
                "the {} column `{name}` has the type `{}`, expected `{}`",
                at.side, live.ty, need.ty
            ),
            &need.needed_by,
            "use a mapping that was compiled for this schema, or a supported version",
        );
        difference.finding.meaning += &format!("; {why}");
        difference.diagnostic.notes.push(why);
        found.push(difference);
    }
    let nullness = match need.access {
        ColumnAccess::ReadRequired if live.nullable => {
            Some("can be null, but the mapping rests on it being `NOT NULL`")
        }
        ColumnAccess::WrittenNullable if !live.nullable => {
            Some("is `NOT NULL`, but a rule can leave it null")
        }
        ColumnAccess::ReadNullable
        | ColumnAccess::ReadRequired
        | ColumnAccess::WrittenNullable
        | ColumnAccess::WrittenRequired => None,
    };
    if let Some(said) = nullness {
        found.push(at.error(
            codes::E0643,
            "nullness",
            &live.name,
            format!("the {} column `{name}` {said}", at.side),
            &need.needed_by,
            "compile the mapping against this database's own catalog to see which rules to change",
        ));
    }
}

/// New columns that must be set and that no rule sets.
fn unset_columns(at: &Place<'_>, need: &TableNeeds, table: &Table, found: &mut Vec<Difference>) {
    for column in &table.columns {
        let must_be_set = !column.nullable && column.default.is_none() && !column.generated;
        if must_be_set && !need.columns.contains_key(&column.name) {
            found.push(at.error(
                codes::E0644,
                "not_set",
                &column.name,
                format!(
                    "the target column `{}.{}` is `NOT NULL` without a default, but no rule sets it",
                    at.table, column.name
                ),
                &need.needed_by,
                "use a mapping for this version of the schema, or add a rule for the column",
            ));
        }
    }
}

fn key_holds(at: &Place<'_>, need: &KeyNeed, table: &Table, found: &mut Vec<Difference>) {
    let wanted: BTreeSet<_> = need.columns.iter().collect();
    let serves = |key: &&Key| key.columns.iter().all(|column| wanted.contains(column));
    if (table.keys.iter()).any(|key| serves(&key) && !key.deferrable) {
        return;
    }
    let why = if let Some(key) = table.keys.iter().find(serves) {
        Some(format!(
            "the key `{}` is deferrable: duplicates may exist until a transaction ends",
            key.name
        ))
    } else {
        (table.indexes.iter())
            .filter(|index| index.unique)
            .find(|index| {
                let plain = |key: &String| {
                    (need.columns.iter())
                        .any(|column| key == column || *key == format!("\"{column}\""))
                };
                !index.keys.is_empty() && index.keys.iter().all(plain)
            })
            .map(|index| {
                if index.invalid {
                    format!("the unique index `{}` is invalid", index.name)
                } else {
                    format!("the unique index `{}` holds for some rows only", index.name)
                }
            })
    };
    let columns = listed(&need.columns);
    let mut difference = at.error(
        codes::E0645,
        "not_unique",
        &need.columns.join("_"),
        format!(
            "the {} table `{}` has no valid unique key over {columns}",
            at.side, at.table
        ),
        &need.needed_by,
        "restore the unique constraint of the original schema and run `check` again",
    );
    if let Some(why) = why {
        difference.finding.meaning += &format!("; {why}");
        difference.diagnostic.notes.push(why);
    }
    found.push(difference);
}

fn foreign_key_holds(
    at: &Place<'_>,
    need: &ForeignKeyNeed,
    table: &Table,
    found: &mut Vec<Difference>,
) {
    let pairs = |columns: &[String], references: &[String]| -> BTreeSet<(String, String)> {
        columns
            .iter()
            .cloned()
            .zip(references.iter().cloned())
            .collect()
    };
    let wanted = pairs(&need.columns, &need.references);
    let mut same = (table.foreign_keys.iter())
        .filter(|key| key.table == need.table && pairs(&key.columns, &key.references) == wanted);
    let why = match same.next() {
        Some(key) if key.not_valid => Some(format!(
            "the foreign key `{}` is not valid: older rows may break it",
            key.name
        )),
        Some(key) if key.deferrable => Some(format!(
            "the foreign key `{}` is deferrable: rows may break it until a transaction ends",
            key.name
        )),
        Some(_) => return,
        None => None,
    };
    let mut difference = at.error(
        codes::E0647,
        "no_reference",
        &need.columns.join("_"),
        format!(
            "the {} table `{}` has no valid foreign key from {} to {} of `{}`",
            at.side,
            at.table,
            listed(&need.columns),
            listed(&need.references),
            need.table
        ),
        &need.needed_by,
        "restore the foreign key of the original schema and run `check` again",
    );
    if let Some(why) = why {
        difference.finding.meaning += &format!("; {why}");
        difference.diagnostic.notes.push(why);
    }
    found.push(difference);
}

/// Constraints of a table rows are written to that the compiler did not know.
fn unknown_constraints(
    at: &Place<'_>,
    need: &TableNeeds,
    known: &KnownConstraints,
    table: &Table,
    found: &mut Vec<Difference>,
) {
    let set = |columns: &[String]| columns.iter().cloned().collect::<BTreeSet<_>>();
    let mut unknown = Vec::new();
    for key in &table.keys {
        let proven = |known: &Vec<String>| set(known).is_subset(&set(&key.columns));
        if !known.keys.iter().any(proven) {
            let columns = listed(&key.columns);
            unknown.push((&key.name, format!("the unique key over {columns}")));
        }
    }
    for index in table.indexes.iter().filter(|index| index.unique) {
        if !known.unique_indexes.contains(&index.name) {
            unknown.push((&index.name, "the unique index".to_owned()));
        }
    }
    for key in &table.foreign_keys {
        let same = |(columns, table, references): &(Vec<String>, String, Vec<String>)| {
            *columns == key.columns && *table == key.table && *references == key.references
        };
        if !known.foreign_keys.iter().any(same) {
            let columns = listed(&key.columns);
            let said = format!("the foreign key from {columns} to `{}`", key.table);
            unknown.push((&key.name, said));
        }
    }
    for check in &table.checks {
        if !known.checks.contains(&check.name) {
            unknown.push((&check.name, "the check constraint".to_owned()));
        }
    }
    for (name, said) in unknown {
        found.push(at.warning(
            "unknown",
            name,
            format!(
                "the target table `{}` has a constraint that the mapping does not know: {said}, \
                 named `{name}`",
                at.table
            ),
            &need.needed_by,
            "make a dry run, which writes the rows and rolls back: it shows whether they satisfy it",
        ));
    }
}

fn listed(columns: &[String]) -> String {
    let columns: Vec<_> = columns.iter().map(|name| format!("`{name}`")).collect();
    columns.join(", ")
}
