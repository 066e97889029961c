//! The foreign keys of the written tables: where the rows that they point to can be looked for.
//!
//! A reference can be checked inside each partition if no row of another one could fulfil it: for
//! every map that writes the referring columns and every map that writes those referred to, equal
//! values follow from an equal partition key, or from one row of the source, which lies in one
//! partition.

use std::collections::BTreeSet;

use crate::base::Span;
use crate::catalog::{Catalog, ForeignKey};
use crate::check::ir;
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::types::OwnedValue;

use super::forms::{Form, Pairs, can_be_equal, forms};
use super::partition::{self, Alignment};
use super::{Reference, ReferenceScope, ReferenceTo, Relation, Side};

/// More ways through the branches of a key are not followed.
const WAYS: usize = 64;

/// Finds the foreign keys of written tables whose columns are all written.
pub(super) fn references(
    mapping: &ir::Mapping,
    source: &Catalog,
    target: &Catalog,
    alignment: &Alignment,
) -> Vec<Reference> {
    let scopes = Scopes {
        mapping,
        source,
        alignment,
    };
    let mut found = Vec::new();
    for (from, key, from_columns) in written_keys(mapping, target) {
        let to = mapping
            .targets
            .iter()
            .position(|target| target.table == key.table)
            .and_then(|to| Some((to, positions(mapping, to, &key.references)?)));
        let to = match to {
            Some((to, columns)) => ReferenceTo::Target {
                target: to,
                scope: scopes.scope((from, &from_columns), (to, &columns)),
                columns,
            },
            None => ReferenceTo::Table {
                table: key.table.clone(),
                columns: key.references.clone(),
            },
        };
        found.push(Reference {
            name: key.name.clone(),
            from,
            from_columns,
            to,
        });
    }
    found
}

/// Warns of references to tables that the mapping does not write and never looks into: whoever
/// removes a map wants to know what hung on it.
pub(super) fn warn_of_unwritten(
    mapping: &ir::Mapping,
    target: &Catalog,
    diagnostics: &mut Diagnostics,
) {
    for (from, key, columns) in written_keys(mapping, target) {
        let known = mapping.targets.iter().any(|other| other.table == key.table)
            || mapping
                .broadcasts
                .iter()
                .any(|broadcast| broadcast.side == Side::Target && broadcast.table == key.table);
        if known {
            continue;
        }
        let Some((span, table)) = first_reference(mapping, from, &columns) else {
            continue;
        };
        let to = &key.table;
        diagnostics.push(
            Diagnostic::warning(
                codes::W0402,
                format!("rows of `{table}` refer to `{to}`, which the mapping does not write"),
            )
            .primary(span, format!("must be found in `{to}`"))
            .note(format!(
                "foreign key `{}` of `{table}` ({}) refers to `{to}` ({})",
                key.name,
                key.columns.join(", "),
                key.references.join(", ")
            ))
            .help(format!("write `{to}` too, set the column to `null` if it may be, or, if `{to}` holds rows already, name it: `broadcast NAME from target.{to}`")),
        );
    }
}

/// Where a written column of a foreign key first gets a value other than null, and its table.
fn first_reference<'m>(
    mapping: &'m ir::Mapping,
    from: usize,
    columns: &[usize],
) -> Option<(Span, &'m str)> {
    let table = mapping.targets.get(from)?.table.as_str();
    let rules = mapping
        .frames
        .iter()
        .flat_map(|frame| &frame.intos)
        .filter(|into| into.target == from)
        .filter_map(|into| {
            let rules: Vec<&ir::Rule> = columns
                .iter()
                .filter_map(|column| into.rules.get(*column))
                .collect();
            let null = rules
                .iter()
                .any(|rule| matches!(rule.value.kind, ir::ExprKind::Literal(OwnedValue::Null)));
            rules.first().filter(|_| !null).map(|rule| rule.span)
        });
    rules
        .min_by_key(|span| span.start)
        .map(|span| (span, table))
}

/// Each foreign key whose columns are all written: its table and the numbers of its columns there.
fn written_keys<'c>(
    mapping: &ir::Mapping,
    target: &'c Catalog,
) -> Vec<(usize, &'c ForeignKey, Vec<usize>)> {
    let mut found = Vec::new();
    for (from, written) in mapping.targets.iter().enumerate() {
        let keys = target
            .tables
            .get(&written.table)
            .map(|table| table.foreign_keys.as_slice())
            .unwrap_or_default();
        for key in keys {
            if let Some(columns) = positions(mapping, from, &key.columns) {
                found.push((from, key, columns));
            }
        }
    }
    found
}

fn positions(mapping: &ir::Mapping, target: usize, names: &[String]) -> Option<Vec<usize>> {
    let columns = &mapping.targets.get(target)?.columns;
    names
        .iter()
        .map(|name| columns.iter().position(|column| column.name == *name))
        .collect()
}

struct Scopes<'m> {
    mapping: &'m ir::Mapping,
    source: &'m Catalog,
    alignment: &'m Alignment,
}

/// An `into` that writes a key, and the forms that its columns can have.
struct Writer<'m> {
    frame: usize,
    name: &'m str,
    ways: Vec<Vec<Form>>,
}

impl<'m> Scopes<'m> {
    /// Where the rows that a foreign key points to can be.
    fn scope(&self, from: (usize, &[usize]), to: (usize, &[usize])) -> ReferenceScope {
        let column_type = |(target, columns): (usize, &[usize]), place: usize| {
            let column = self.mapping.targets.get(target)?;
            column
                .columns
                .get(*columns.get(place)?)
                .map(|column| &column.pg_type)
        };
        for place in 0..from.1.len() {
            let types = (column_type(from, place), column_type(to, place));
            let (Some(left), Some(right)) = types else {
                continue;
            };
            if !left.is_compared_by_value(right) {
                return ReferenceScope::Database(format!(
                    "whether values of `{left}` and `{right}` are equal is for PostgreSQL to say"
                ));
            }
        }
        let (referring, referred) = (self.writers(from), self.writers(to));
        for left in &referring {
            for right in &referred {
                if let Some(why) = self.leaves_the_partition(left, right) {
                    return ReferenceScope::Run(why);
                }
            }
        }
        ReferenceScope::Partition
    }

    fn writers(&self, (target, columns): (usize, &[usize])) -> Vec<Writer<'m>> {
        let mut found = Vec::new();
        for (frame, block) in self.mapping.frames.iter().enumerate() {
            for into in block.intos.iter().filter(|into| into.target == target) {
                let mut ways: Vec<Vec<Form>> = vec![Vec::new()];
                for rule in columns.iter().filter_map(|column| into.rules.get(*column)) {
                    let mut choices = forms(self.mapping, frame, &rule.value);
                    if choices.len().saturating_mul(ways.len()) > WAYS {
                        choices = vec![Form::Unknown];
                    }
                    ways = ways
                        .iter()
                        .flat_map(|way| {
                            choices.iter().map(|form| {
                                let mut longer = way.clone();
                                longer.push(form.clone());
                                longer
                            })
                        })
                        .collect();
                }
                found.push(Writer {
                    frame,
                    name: &block.name,
                    ways,
                });
            }
        }
        found
    }

    /// Why a row of `left` may point to one of `right` in another partition; `None` if it cannot.
    fn leaves_the_partition(&self, left: &Writer<'_>, right: &Writer<'_>) -> Option<String> {
        let pass = |writer: &Writer<'_>| {
            let root = partition::root(self.mapping, Relation::Frame(writer.frame))?;
            self.alignment.component.get(root)
        };
        for from in &left.ways {
            for to in &right.ways {
                let mut pairs = Pairs::new();
                let possible = from
                    .iter()
                    .zip(to)
                    .all(|(from, to)| can_be_equal(from, to, &mut pairs));
                if !possible || self.meet(&pairs) {
                    continue;
                }
                return Some(if pass(left) == pass(right) {
                    format!(
                        "a row of map `{}` may refer to one of map `{}` that has another partition key",
                        left.name, right.name
                    )
                } else {
                    format!(
                        "a row of map `{}` may refer to one of map `{}`, which is of another pass",
                        left.name, right.name
                    )
                });
            }
        }
        None
    }

    /// Whether rows for which these columns are equal are of one partition: their keys are equal, or
    /// they hold the same row of the source.
    fn meet(&self, pairs: &Pairs) -> bool {
        let component = |scan: usize| self.alignment.component.get(scan);
        let is_key = |scan: usize, column: usize| self.alignment.keys.get(scan) == Some(&column);
        let mut same: BTreeSet<(&[usize], &[usize], usize, usize)> = BTreeSet::new();
        for (lefts, rights) in pairs {
            for left in lefts {
                for right in rights {
                    if component(left.scan) == component(right.scan)
                        && is_key(left.scan, left.column)
                        && is_key(right.scan, right.column)
                    {
                        return true;
                    }
                    if (left.scan, left.column) == (right.scan, right.column) {
                        same.insert((&left.row, &right.row, left.scan, left.column));
                    }
                }
            }
        }
        same.iter().any(|(left, right, scan, _)| {
            let columns: BTreeSet<&str> = same
                .iter()
                .filter(|other| (&other.0, &other.1, &other.2) == (left, right, scan))
                .filter_map(|other| {
                    let scan = self.mapping.scans.get(other.2)?;
                    Some(scan.columns.get(other.3)?.name.as_str())
                })
                .collect();
            let table = self
                .mapping
                .scans
                .get(*scan)
                .and_then(|scan| self.source.tables.get(&scan.table));
            table.into_iter().flat_map(|table| &table.keys).any(|key| {
                !key.deferrable
                    && key
                        .columns
                        .iter()
                        .all(|column| columns.contains(column.as_str()))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::samples::planned;
    use crate::plan::{ReferenceScope, ReferenceTo};

    const START: &str = "t\"2024-01-01T00:00:00Z\"";

    /// Where the account of an animal can be, by the `from` of both maps and their values.
    fn scope(accounts: (&str, &str), animals: (&str, &str)) -> ReferenceScope {
        let (from, key) = accounts;
        let (other_from, value) = animals;
        let plan = planned(&format!(
            "reason orphan warn \"\"\nreason odd warn \"\"
             param labels: map<text, text> = {{}}
             map used from visits as v {{ skip odd when (v.note ?? \"\") in labels skip orphan when v.at == 0 into log_lines {{ line = \"x\" }} }}
             view pet from pets as q {{ id = q.id owner = q.owner name = q.name account = ulid({START}, q.owner) for accounts }}
             view person from people as p {{ id = p.id boss = p.boss name = p.name account = ulid({START}, p.id) for accounts }}
             map m from {from} {{ into accounts {{ account_id = {key} username = \"x\" created_at = {START} }} }}
             map n from {other_from} {{ into animals {{ animal_id = ulid({START}, 1) account_id = {value} name = \"x\" }} }}"
        ))
        .unwrap_or_else(|found| panic!("{found:#?}"));
        let reference = &plan.references[0];
        assert_eq!(reference.name, "animals_account_id_fkey");
        match &reference.to {
            ReferenceTo::Target { scope, .. } => scope.clone(),
            ReferenceTo::Table { .. } => panic!("`accounts` is written"),
        }
    }

    fn ulid(key: &str) -> String {
        format!("ulid({START}, {key}) for accounts")
    }

    fn inside(accounts: (&str, &str), animals: (&str, &str)) -> bool {
        scope(accounts, animals) == ReferenceScope::Partition
    }

    const JOINED: &str = "pets as q join people as o on o.id == q.owner else skip orphan";

    #[test]
    fn a_reference_over_the_partition_key_stays_in_the_partition() {
        let people = ("people as p", &*ulid("p.id"));
        assert!(inside(people, (JOINED, &ulid("q.owner"))));
        assert!(inside(people, (JOINED, &ulid("o.id"))));
        assert!(inside(
            ("person as p", "p.account"),
            (
                "pet as q join person as p on p.id == q.owner else skip orphan",
                "p.account"
            )
        ));
        assert!(inside(
            ("person as p", "p.account"),
            (
                "pet as q join person as p on p.id == q.owner else skip orphan",
                "q.account"
            )
        ));
        assert!(inside(
            ("people as p", &ulid("\"p\", p.id")),
            (JOINED, &ulid("\"p\", q.owner"))
        ));
        assert!(inside(
            ("people as p", &ulid("\"{p.id}\"")),
            (JOINED, &ulid("\"{q.owner}\""))
        ));
        assert!(inside(
            (
                "people as p",
                &ulid("from_unix_seconds(p.id) else skip odd")
            ),
            (JOINED, &ulid("from_unix_seconds(q.owner) else skip odd"))
        ));
    }

    #[test]
    fn a_reference_over_a_key_of_one_row_stays_in_its_partition() {
        // Read by owner, and yet the identifier of a pet leads to its row.
        let maps = (JOINED, &*ulid("q.id"));
        assert!(inside(maps, maps));
        // Two columns that are a key together, of one row.
        let maps = (JOINED, &*ulid("q.name, q.owner"));
        assert!(inside(maps, maps));
    }

    #[test]
    fn values_that_are_never_equal_do_not_count() {
        let joined = format!(
            "if q.kind is null then {} else {}",
            ulid("q.id, q.owner"),
            ulid("q.owner")
        );
        assert!(inside(("people as p", &ulid("p.id")), (JOINED, &joined)));
        assert!(inside(
            ("people as p", &ulid("\"a\", p.boss ?? 0")),
            (JOINED, &ulid("\"b\", q.id"))
        ));
    }

    #[test]
    fn every_other_reference_may_leave_its_partition() {
        let why = |accounts: (&str, &str), animals: (&str, &str)| match scope(accounts, animals) {
            ReferenceScope::Run(why) => why,
            other => panic!("{other:?}"),
        };
        let people = ("people as p", &*ulid("p.id"));
        assert_eq!(
            why(people, ("pets as q", &ulid("q.owner"))),
            "a row of map `n` may refer to one of map `m`, which is of another pass"
        );
        let key = "a row of map `n` may refer to one of map `m` that has another partition key";
        for value in [
            ulid("q.id"),
            ulid("o.boss ?? 0"),
            ulid("o.name"),
            // Not the same place, and not the same shape.
            format!("{} ", ulid("q.owner + 1")),
            format!(
                "if q.kind is null then {} else {}",
                ulid("q.id"),
                ulid("q.owner")
            ),
        ] {
            let expected = if value.contains("o.name") {
                None
            } else {
                Some(key)
            };
            match scope(people, (JOINED, &value)) {
                ReferenceScope::Run(found) => assert_eq!(Some(found.as_str()), expected, "{value}"),
                // A text is never the key of an identifier made of a number.
                found => assert_eq!(
                    (found, expected),
                    (ReferenceScope::Partition, None),
                    "{value}"
                ),
            }
        }
        assert_eq!(
            why(
                ("people as p", &ulid("p.boss ?? 0")),
                (JOINED, &ulid("q.owner"))
            ),
            key
        );
        // Columns of two rows of one table are no key of a row.
        let two = "pets as q join many pets as r on r.owner == q.owner else skip orphan";
        let maps = (two, &*ulid("q.name, r.id, r.owner + 0"));
        assert!(inside(maps, maps), "`r.id` is a key by itself");
    }
}
