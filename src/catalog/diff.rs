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
use super::told::finding;
use super::{Catalog, Column, ForeignKey, Key, KeyKind, Table};
use crate::base::ident::identifier;
use crate::diagnostics::{Diagnostic, Finding, codes};

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
            None => {
                let message = format!("the {} database has no table `{name}`", needs.side);
                let diagnostic = Diagnostic::error(codes::E0640, message);
                let diagnostic = diagnostic.help(missing_help(needs.side));
                found.push(at.tell("missing", None, &need.needed_by, diagnostic));
            }
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
    /// A difference about a column or constraint of the table, or about the table itself.
    /// `diagnostic` comes with its reasons and its help; who needs the object is added here.
    fn tell(
        &self,
        what: &str,
        object: Option<&str>,
        needed_by: &[String],
        mut diagnostic: Diagnostic,
    ) -> Difference {
        if !needed_by.is_empty() {
            let note = format!("needed by {}", listed(needed_by));
            diagnostic.notes.insert(0, note);
        }
        let Self { side, table } = self;
        let (id, sample) = match object {
            None => (format!("{side}_{table}_{what}"), (*table).to_owned()),
            Some(object) => (
                format!("{side}_{table}_{object}_{what}"),
                format!("{table}.{object}"),
            ),
        };
        Difference {
            finding: finding(&id, vec![sample], &diagnostic),
            diagnostic,
        }
    }
}

fn in_table(at: &Place<'_>, need: &TableNeeds, table: &Table, found: &mut Vec<Difference>) {
    for (name, need) in &need.columns {
        match table.column(name) {
            Some(column) => in_column(at, need, column, found),
            None => {
                let message = format!(
                    "the {} table `{}` has no column `{name}`",
                    at.side, at.table
                );
                let diagnostic = Diagnostic::error(codes::E0641, message);
                let diagnostic = diagnostic.help(missing_help(at.side));
                found.push(at.tell("missing", Some(name), &need.needed_by, diagnostic));
            }
        }
    }
    for key in &need.keys {
        found.extend(key_is_missing(at, key, table));
    }
    for key in &need.foreign_keys {
        found.extend(foreign_key_is_missing(at, key, table));
    }
    if let Some(known) = &need.written {
        unset_columns(at, need, table, found);
        unknown_constraints(at, need, known, table, found);
    }
}

fn in_column(at: &Place<'_>, need: &ColumnNeed, live: &Column, found: &mut Vec<Difference>) {
    let name = format!("{} column `{}.{}`", at.side, at.table, live.name);
    let mut tell = |what: &str, diagnostic: Diagnostic| {
        found.push(at.tell(what, Some(&live.name), &need.needed_by, diagnostic));
    };
    let written = match need.access {
        ColumnAccess::ReadNullable | ColumnAccess::ReadRequired => false,
        ColumnAccess::WrittenNullable | ColumnAccess::WrittenRequired => true,
    };
    if written && live.generated {
        let message = format!("the {name} is generated by the database, but a rule sets it");
        let help = "take the rule out of the mapping, or make the column an ordinary one";
        tell(
            "generated",
            Diagnostic::error(codes::E0646, message).help(help),
        );
    }
    let unfit = if written {
        unwritable_to(&need.ty, &live.ty)
    } else {
        unreadable_as(&need.ty, &live.ty)
    };
    if let Some(why) = unfit {
        let message = format!(
            "the {name} has the type `{}`, expected `{}`",
            live.ty, need.ty
        );
        let help = "use a mapping that was compiled for this schema, or a supported version";
        tell(
            "type",
            Diagnostic::error(codes::E0642, message)
                .note(why)
                .help(help),
        );
    }
    let nullness = match need.access {
        ColumnAccess::ReadRequired if live.nullable => {
            "can be null, but the mapping rests on it being `NOT NULL`"
        }
        ColumnAccess::WrittenNullable if !live.nullable => {
            "is `NOT NULL`, but a rule can leave it null"
        }
        ColumnAccess::ReadNullable
        | ColumnAccess::ReadRequired
        | ColumnAccess::WrittenNullable
        | ColumnAccess::WrittenRequired => return,
    };
    let message = format!("the {name} {nullness}");
    let help =
        "compile the mapping against this database's own catalog to see which rules to change";
    tell(
        "nullness",
        Diagnostic::error(codes::E0643, message).help(help),
    );
}

/// New columns that must be set and that no rule sets.
fn unset_columns(at: &Place<'_>, need: &TableNeeds, table: &Table, found: &mut Vec<Difference>) {
    for column in &table.columns {
        let must_be_set = !column.nullable && column.default.is_none() && !column.generated;
        if must_be_set && !need.columns.contains_key(&column.name) {
            let message = format!(
                "the target column `{}.{}` is `NOT NULL` without a default, but no rule sets it",
                at.table, column.name
            );
            let help = "use a mapping for this version of the schema, or add a rule for the column";
            let diagnostic = Diagnostic::error(codes::E0644, message).help(help);
            found.push(at.tell("not_set", Some(&column.name), &need.needed_by, diagnostic));
        }
    }
}

fn key_is_missing(at: &Place<'_>, need: &KeyNeed, table: &Table) -> Option<Difference> {
    let serves = |key: &&Key| {
        let needed = |column| need.columns.contains(column);
        key.columns.iter().all(needed)
    };
    if !table.inherited && (table.keys.iter()).any(|key| serves(&key) && !key.deferrable) {
        return None;
    }
    let message = format!(
        "the {} table `{}` has no valid unique key over {}",
        at.side,
        at.table,
        listed(&need.columns)
    );
    let mut diagnostic = Diagnostic::error(codes::E0645, message)
        .help("restore the unique constraint of the original schema and run `check` again");
    if let Some(key) = table.keys.iter().find(serves) {
        diagnostic = diagnostic.note(if key.deferrable {
            format!(
                "the key `{}` is deferrable: duplicates may exist until a transaction ends",
                key.name
            )
        } else {
            inherited_note(&key.name)
        });
    }
    // An expression is no column, so what is left is invalid or has a condition.
    let plain = |key: &String| {
        (need.columns.iter()).any(|column| key == column || *key == identifier(column))
    };
    let unfit = (table.indexes.iter())
        .find(|index| index.unique && !index.keys.is_empty() && index.keys.iter().all(plain));
    if let Some(index) = unfit {
        let why = if index.invalid {
            "is invalid"
        } else {
            "holds for some rows only"
        };
        diagnostic = diagnostic.note(format!("the unique index `{}` {why}", index.name));
    }
    let object = need.columns.join("_");
    Some(at.tell("not_unique", Some(&object), &need.needed_by, diagnostic))
}

/// Why a key that is there proves nothing.
fn inherited_note(key: &str) -> String {
    format!(
        "other tables inherit from it: `{key}` does not hold for their rows, which are read with it"
    )
}

fn foreign_key_is_missing(
    at: &Place<'_>,
    need: &ForeignKeyNeed,
    table: &Table,
) -> Option<Difference> {
    let pairs = |columns: &[String], references: &[String]| -> BTreeSet<(String, String)> {
        (columns.iter().cloned())
            .zip(references.iter().cloned())
            .collect()
    };
    let wanted = pairs(&need.columns, &need.references);
    let same = |key: &&ForeignKey| {
        key.table == need.table && pairs(&key.columns, &key.references) == wanted
    };
    let holds = |key: &ForeignKey| !key.not_valid && !table.inherited;
    if (table.foreign_keys.iter()).any(|key| same(&key) && holds(key)) {
        return None;
    }
    let message = format!(
        "the {} table `{}` has no valid foreign key from {} to {} of `{}`",
        at.side,
        at.table,
        listed(&need.columns),
        listed(&need.references),
        need.table
    );
    let mut diagnostic = Diagnostic::error(codes::E0647, message)
        .help("restore the foreign key of the original schema and run `check` again");
    if let Some(key) = table.foreign_keys.iter().find(same) {
        diagnostic = diagnostic.note(if key.not_valid {
            format!(
                "the foreign key `{}` is not valid: older rows may break it",
                key.name
            )
        } else {
            inherited_note(&key.name)
        });
    }
    let object = need.columns.join("_");
    Some(at.tell("no_reference", Some(&object), &need.needed_by, diagnostic))
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
        // Rows that differ in some columns differ in more of them. Where NULLs count as equal that
        // follows only from a key that lets no two NULLs in either.
        let proven = |known: &Key| {
            let nulls = !key.nulls_not_distinct
                || known.nulls_not_distinct
                || known.kind == KeyKind::Primary;
            nulls && set(&known.columns).is_subset(&set(&key.columns))
        };
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
        let message = format!(
            "the target table `{}` has a constraint that the mapping does not know: {said}, named \
             `{name}`",
            at.table
        );
        let diagnostic = Diagnostic::warning(codes::W0640, message).help(
            "make a dry run, which writes the rows and rolls back: it shows whether they satisfy it",
        );
        found.push(at.tell("unknown", Some(name), &need.needed_by, diagnostic));
    }
}

/// Names in quotes; a phrase that has some already stays as it is.
fn listed(names: &[String]) -> String {
    let quoted = |name: &String| {
        if name.contains('`') {
            name.clone()
        } else {
            format!("`{name}`")
        }
    };
    let names: Vec<_> = names.iter().map(quoted).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
