//! What is unique, and why: the right sides of joins, and the keys of the target's tables.
//!
//! A proof follows a value back to the columns it was made of. A column, a field, an injective call
//! of one and `ulid` over a key let the columns be told from the value again; if those columns hold
//! a key of the table that drives the rows, no two rows give the same value.

use std::collections::BTreeSet;

use crate::catalog::{BY_DEFAULT_IDENTITY, Catalog, Column, Key, Table};
use crate::check::ir::{self, Expr, JoinKind, Relation};
use crate::types::OwnedValue;

use super::determined::names_of;
use super::forms::{Form, Pairs, can_be_equal, forms};
use super::{KeyProof, KeyVerdict, RestsOn};

/// What a proof rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grounds {
    pub(super) keys: BTreeSet<RestsOn>,
    pub(super) one_to_one: BTreeSet<usize>,
    /// What else, such as a view's grouping.
    pub(super) others: BTreeSet<String>,
}

impl Grounds {
    /// The grounds as a sentence.
    pub(super) fn describe(&self) -> String {
        let keys = self.keys.iter().map(|key| {
            format!(
                "key `{}` of `{}` ({})",
                key.key,
                key.table,
                key.columns.join(", ")
            )
        });
        keys.chain(self.others.iter().cloned())
            .collect::<Vec<_>>()
            .join(" and ")
    }

    fn verdict(self) -> KeyVerdict {
        KeyVerdict::Proven {
            rests_on: self.keys.into_iter().collect(),
            one_to_one: self.one_to_one.into_iter().collect(),
            others: self.others.into_iter().collect(),
        }
    }
}

/// The attributes of a relation that can be told from values: columns of a table, locals of a view.
pub(super) type Attributes = BTreeSet<usize>;

/// Reads proofs off a mapping and the catalogs.
pub(super) struct Prover<'m> {
    pub(super) mapping: &'m ir::Mapping,
    pub(super) source: &'m Catalog,
    pub(super) target: &'m Catalog,
}

impl<'m> Prover<'m> {
    /// Why a relation has at most one row for given values of the equalities, if so.
    pub(super) fn join_is_unique(
        &self,
        frame: usize,
        slot: usize,
        on: &ir::Condition,
    ) -> Option<Grounds> {
        let relation = self.mapping.frames.get(frame)?.slots.get(slot)?.relation;
        let mut grounds = Grounds::default();
        let mut attributes = Attributes::new();
        for (_, right) in &on.equalities {
            attributes.extend(self.slot_attributes(frame, slot, right, &mut grounds));
        }
        self.unique(relation, &attributes, &mut grounds)
            .then_some(grounds)
    }

    /// Whether a relation has at most one row for given values of the attributes.
    pub(super) fn unique(
        &self,
        relation: Relation,
        attributes: &Attributes,
        grounds: &mut Grounds,
    ) -> bool {
        match relation {
            Relation::Scan(index) => {
                let Some(scan) = self.mapping.scans.get(index) else {
                    return false;
                };
                let names = names_of(&scan.columns, attributes);
                table_key(
                    &scan.table,
                    self.source.tables.get(&scan.table),
                    &names,
                    grounds,
                )
            }
            Relation::Broadcast(index) => {
                let Some(broadcast) = self.mapping.broadcasts.get(index) else {
                    return false;
                };
                let catalog = if broadcast.side == ir::Side::Source {
                    self.source
                } else {
                    self.target
                };
                let names = names_of(&broadcast.columns, attributes);
                table_key(
                    &broadcast.table,
                    catalog.tables.get(&broadcast.table),
                    &names,
                    grounds,
                )
            }
            Relation::Frame(index) => self.view_is_unique(index, attributes, grounds),
        }
    }

    fn view_is_unique(&self, index: usize, attributes: &Attributes, grounds: &mut Grounds) -> bool {
        let Some(frame) = self.mapping.frames.get(index) else {
            return false;
        };
        let values: Vec<&Expr> = attributes
            .iter()
            .filter_map(|local| frame.locals.get(*local))
            .map(|local| &local.value)
            .collect();
        let mut aside = grounds.clone();
        let unique = if frame.group.is_empty() {
            self.tell_the_row(index, &values, &mut aside)
        } else {
            aside
                .others
                .insert(format!("the grouping of `{}`", frame.name));
            self.tell_the_group(index, &values, &mut aside)
        };
        if unique {
            *grounds = aside;
        }
        unique
    }

    /// What is known of each key of the written tables.
    pub(super) fn target_keys(&self) -> Vec<KeyProof> {
        let mut proofs = Vec::new();
        for (index, target) in self.mapping.targets.iter().enumerate() {
            let keys = self
                .target
                .tables
                .get(&target.table)
                .map(|table| table.keys.as_slice())
                .unwrap_or_default();
            for key in keys {
                proofs.push(KeyProof {
                    target: index,
                    name: key.name.clone(),
                    columns: key.columns.clone(),
                    verdict: self.target_key(index, key),
                });
            }
        }
        proofs
    }

    fn target_key(&self, target: usize, key: &Key) -> KeyVerdict {
        let unknown = || KeyVerdict::Unproven(String::new());
        let Some(definition) = self.mapping.targets.get(target) else {
            return unknown();
        };
        let Some(table) = self.target.tables.get(&definition.table) else {
            return unknown();
        };
        let mut grounds = Grounds::default();
        let mut positions = Vec::new();
        for name in &key.columns {
            if let Some(at) = (definition.columns.iter()).position(|column| column.name == *name) {
                positions.push(at);
                continue;
            }
            match table.column(name).map(left_out) {
                Some(LeftOut::Null) if !key.nulls_not_distinct => {
                    grounds.others.insert(format!("`{name}` being null"));
                    return grounds.verdict();
                }
                Some(LeftOut::Distinct) => {
                    grounds
                        .others
                        .insert(format!("`{name}`, which the database fills"));
                    return grounds.verdict();
                }
                Some(LeftOut::Null | LeftOut::Same) => {}
                Some(LeftOut::Computed) | None => {
                    return KeyVerdict::Unproven(format!("`{name}` is left to the database"));
                }
            }
        }
        let mut writers: Vec<Writer<'_>> = Vec::new();
        for (number, frame) in self.mapping.frames.iter().enumerate() {
            for into in frame.intos.iter().filter(|into| into.target == target) {
                let values: Vec<&Expr> = positions
                    .iter()
                    .filter_map(|position| into.rules.get(*position))
                    .map(|rule| &rule.value)
                    .collect();
                let mut forms: Vec<Vec<Form>> = values
                    .iter()
                    .map(|value| forms(self.mapping, number, value))
                    .collect();
                if key.nulls_not_distinct {
                    for (value, forms) in values.iter().zip(&mut forms) {
                        if value.ty.is_nullable() {
                            forms.push(Form::Constant(OwnedValue::Null));
                        }
                    }
                } else if forms.iter().any(Vec::is_empty) {
                    // Nulls are equal to nothing, so rows with one cannot collide.
                    continue;
                }
                writers.push(Writer {
                    number,
                    into,
                    values,
                    forms,
                });
            }
        }
        if writers.is_empty() {
            grounds.others.insert("being null".to_owned());
        }
        for writer in &writers {
            let values: Vec<&Expr> = writer
                .values
                .iter()
                .filter(|value| !key.nulls_not_distinct || !value.ty.is_nullable())
                .copied()
                .collect();
            if !self.tell_the_row(writer.number, &values, &mut grounds) {
                let frame = self.mapping.frames.get(writer.number);
                let name = frame.map_or("", |frame| frame.name.as_str());
                let many = frame.is_some_and(|frame| {
                    (frame.joins.iter()).any(|join| join.kind == JoinKind::Many)
                });
                return KeyVerdict::Unproven(if many {
                    format!(
                        "map `{name}` writes several rows for one (`join many`), and the values hold no key of each"
                    )
                } else {
                    format!("the values of map `{name}` hold no key of its rows")
                });
            }
        }
        for (at, left) in writers.iter().enumerate() {
            for right in writers.iter().skip(at + 1) {
                if !disjoint(left, right) {
                    let name = |number: usize| {
                        self.mapping
                            .frames
                            .get(number)
                            .map_or("", |frame| frame.name.as_str())
                    };
                    let (left, right) = (name(left.number), name(right.number));
                    return KeyVerdict::Unproven(if left == right {
                        format!("two `into`s of map `{left}` may write the same value")
                    } else {
                        format!("maps `{left}` and `{right}` may write the same value")
                    });
                }
            }
        }
        grounds.verdict()
    }
}

/// An `into` that writes a key.
struct Writer<'m> {
    number: usize,
    into: &'m ir::Into,
    values: Vec<&'m Expr>,
    /// What forms each of the values can have.
    forms: Vec<Vec<Form>>,
}

/// Whether two `into`s of one table never give the same key.
fn disjoint(left: &Writer<'_>, right: &Writer<'_>) -> bool {
    let exclusive = left.number == right.number
        && matches!(
            (&left.into.condition, &right.into.condition),
            (ir::IntoCondition::When(_), ir::IntoCondition::Otherwise)
                | (ir::IntoCondition::Otherwise, ir::IntoCondition::When(_))
        );
    exclusive
        || left.forms.iter().zip(&right.forms).any(|(left, right)| {
            left.iter().all(|left| {
                right
                    .iter()
                    .all(|right| !can_be_equal(left, right, &mut Pairs::new()))
            })
        })
}

/// What a column holds that no rule sets.
enum LeftOut {
    Null,
    /// Another value in each row.
    Distinct,
    /// The same value in every row.
    Same,
    /// What only the database knows.
    Computed,
}

fn left_out(column: &Column) -> LeftOut {
    match &column.default {
        None if column.generated => LeftOut::Distinct,
        None => LeftOut::Null,
        Some(_) if column.generated => LeftOut::Computed,
        Some(default) => {
            let distinct = ["nextval(", "gen_random_uuid()", "uuid_generate_v4()"];
            if default == BY_DEFAULT_IDENTITY
                || distinct.iter().any(|call| default.starts_with(call))
            {
                LeftOut::Distinct
            } else if default.contains('(') {
                LeftOut::Computed
            } else {
                LeftOut::Same
            }
        }
    }
}

/// Whether the columns hold a key of the table that a proof can rest on.
fn table_key(
    name: &str,
    table: Option<&Table>,
    columns: &BTreeSet<&str>,
    grounds: &mut Grounds,
) -> bool {
    let keys = table.map(|table| table.keys.as_slice()).unwrap_or_default();
    let found = keys.iter().find(|key| {
        !key.deferrable
            && key
                .columns
                .iter()
                .all(|column| columns.contains(column.as_str()))
    });
    if let Some(key) = found {
        grounds.keys.insert(RestsOn {
            table: name.to_owned(),
            key: key.name.clone(),
            columns: key.columns.clone(),
        });
    }
    found.is_some()
}

#[cfg(test)]
mod tests {
    use crate::plan::KeyVerdict;
    use crate::plan::samples::planned;

    const REASONS: &str = "reason orphan warn \"orphan\"\nreason odd warn \"odd\"\n";

    /// Why the first join is unique; the errors where it is not.
    fn join(blocks: &str) -> Result<String, Vec<String>> {
        planned(&format!("{REASONS}map used from people as p {{ skip orphan when p.id == 0 skip odd when p.id == 1 into log_lines {{ line = p.name }} }}\n{blocks}")).map(|plan| {
            let joins = plan.frames.iter().flat_map(|frame| &frame.joins);
            joins.last().unwrap().unique_by.clone()
        })
    }

    fn joined(right: &str, on: &str) -> Result<String, Vec<String>> {
        join(&format!(
            "map a from pets as q left join {right} on {on} {{ into log_lines {{ line = if r is null then q.name else \"x\" }} }}"
        ))
    }

    #[test]
    fn a_join_is_unique_by_a_key_of_its_table() {
        assert_eq!(
            joined("people as r", "r.id == q.owner").unwrap(),
            "key `people_pkey` of `people` (id)"
        );
        assert_eq!(
            joined("pets as r", "r.owner == q.owner and r.name == q.name").unwrap(),
            "key `pets_owner_name_key` of `pets` (owner, name)"
        );
        for (right, on) in [
            ("pets as r", "r.owner == q.owner"),
            (
                "visits as r",
                "r.person == q.owner and r.pet == q.id and r.at == q.id",
            ),
            ("people as r", "lower(r.name) == q.name"),
        ] {
            let found = joined(right, on).unwrap_err();
            assert!(
                found
                    .iter()
                    .any(|message| message == "E0402 join of `r` may find several rows"),
                "{on}: {found:?}"
            );
        }
    }

    #[test]
    fn a_join_is_unique_by_what_keeps_a_key_apart() {
        assert!(
            joined(
                "people as r",
                "hex(utf8(r.name)) == q.name and r.id == q.owner"
            )
            .is_ok()
        );
        assert!(joined("people as r", "r.name == q.name").is_ok());
        assert!(
            joined("people as r", "hex(utf8(r.name)) == q.name")
                .unwrap_err()
                .iter()
                .all(|message| !message.starts_with("E0402"))
        );
    }

    #[test]
    fn a_joined_view_is_unique_by_its_driver_or_its_groups() {
        let view = |view: &str, on: &str| {
            join(&format!(
                "{view}\nmap a from pets as q left join v as r on {on} {{ into log_lines {{ line = if r is null then q.name else \"x\" }} }}"
            ))
        };
        assert_eq!(
            view("view v from people as p { n = p.id }", "r.n == q.owner").unwrap(),
            "key `people_pkey` of `people` (id)"
        );
        let grouped = "view v from visits as x group by x.person, x.pet { n = x.person pet = x.pet last = max(x.at) }";
        assert_eq!(
            view(grouped, "r.n == q.owner and r.pet == q.id").unwrap(),
            "the grouping of `v`"
        );
        let several = |found: Result<String, Vec<String>>| {
            found
                .unwrap_err()
                .contains(&"E0402 join of `r` may find several rows".to_owned())
        };
        assert!(several(view(grouped, "r.n == q.owner")));
        assert!(several(view(
            "view v from people as p join many visits as x on x.person == p.id { n = p.id }",
            "r.n == q.owner"
        )));
        assert!(several(view(
            "view v from visits as x { n = x.person }",
            "r.n == q.owner"
        )));
    }

    /// What is known of `accounts_pkey` and `accounts_username_key`, by maps that write accounts with
    /// a key and a name.
    fn accounts(maps: &[(&str, &str, &str)]) -> [Result<Vec<String>, String>; 2] {
        let mut text = REASONS.to_owned();
        text.push_str("param labels: map<text, text> = {}\nmap used from people as p { skip orphan when p.id == 0 skip odd when p.name in labels into log_lines { line = p.name } }\n");
        for (number, (from, key, name)) in maps.iter().enumerate() {
            text.push_str(&format!(
                "map m{number} from {from} {{ into accounts {{ account_id = {key} username = {name} created_at = t\"2024-01-01T00:00:00Z\" }} }}\n"
            ));
        }
        let plan = planned(&text).unwrap_or_else(|messages| panic!("{messages:?}\n{text}"));
        ["accounts_pkey", "accounts_username_key"].map(|name| {
            let proof = plan.keys.iter().find(|proof| proof.name == name).unwrap();
            match &proof.verdict {
                KeyVerdict::Proven {
                    rests_on,
                    one_to_one,
                    ..
                } => Ok(rests_on
                    .iter()
                    .map(|key| key.key.clone())
                    .chain(one_to_one.iter().map(|param| format!("param {param}")))
                    .collect()),
                KeyVerdict::Unproven(why) => Err(why.clone()),
            }
        })
    }

    fn ulid(key: &str) -> String {
        format!("ulid(t\"2024-01-01T00:00:00Z\", {key})")
    }

    fn proven(keys: &[&str]) -> Result<Vec<String>, String> {
        Ok(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    #[test]
    fn keys_of_the_target_follow_from_those_of_the_source() {
        let people = |key: &str, name: &str| accounts(&[("people as p", &ulid(key), name)]);
        let [pkey, name] = people("p.id", "p.name");
        assert_eq!(pkey, proven(&["people_pkey"]));
        assert_eq!(name, proven(&["people_name_key"]));
        assert_eq!(
            people("\"p\", p.name", "p.name")[0],
            proven(&["people_name_key"])
        );
        assert_eq!(
            people("p.id", "hex(sha256(utf8(p.name)))")[1],
            proven(&["people_name_key"])
        );
        assert_eq!(people("p.id", "\"u-{p.id}\"")[1], proven(&["people_pkey"]));
        assert_eq!(
            people("p.id", "matrix_localpart(p.name, \"hs\") else skip odd")[1],
            proven(&["people_name_key"])
        );
        assert_eq!(
            people("p.id", "labels[p.name] else skip odd")[1],
            proven(&["people_name_key", "param 0"])
        );
    }

    #[test]
    fn what_can_fold_two_values_into_one_proves_nothing() {
        let why = Err("the values of map `m0` hold no key of its rows".to_owned());
        for name in [
            "lower(p.name)",
            "matrix_localpart(p.name, p.name) else skip odd",
            "matrix_localpart(p.name, \"hs\") else p.name",
            "p.country ?? p.name",
            "\"{p.name}{p.id}\"",
            "if p.active then p.name else \"x\"",
            "\"x\"",
        ] {
            assert_eq!(
                accounts(&[("people as p", &ulid("p.id"), name)])[1],
                why,
                "{name}"
            );
        }
        assert_eq!(
            accounts(&[("people as p", &ulid("p.joined"), "p.name")])[0],
            why
        );
        assert_eq!(
            accounts(&[(
                "people as p join many visits as v on v.person == p.id else skip odd",
                &ulid("p.id"),
                "p.name"
            )])[0],
            Err("map `m0` writes several rows for one (`join many`), and the values hold no key of each".to_owned())
        );
    }

    #[test]
    fn a_joined_value_counts_for_what_it_is_joined_by() {
        let from = "people as p join people as b on b.id == p.id else skip orphan";
        assert_eq!(
            accounts(&[(from, &ulid("b.id"), "p.name")])[0],
            proven(&["people_pkey"])
        );
        let from = "pets as q join people as p on p.id == q.owner else skip orphan";
        assert_eq!(
            accounts(&[(from, &ulid("p.id"), "p.name")])[0],
            Err("the values of map `m0` hold no key of its rows".to_owned()),
            "two pets can have one owner"
        );
    }

    #[test]
    fn two_writers_are_kept_apart_by_the_shape_of_their_identifiers() {
        let pkey = |left: &str, right: &str| {
            let [pkey, _] = accounts(&[
                ("people as p", &ulid(left), "p.name"),
                ("pets as q", &ulid(right), "q.name"),
            ]);
            pkey.is_ok()
        };
        assert!(pkey("p.id", "\"pet\", q.id"), "other lengths");
        assert!(pkey("\"a\", p.id", "\"b\", q.id"), "other constants");
        assert!(pkey("p.name", "q.id"), "other kinds");
        assert!(
            pkey("\"a\", p.id", "q.id, q.owner"),
            "a constant of another kind"
        );
        assert!(!pkey("p.id", "q.id"));
        assert!(!pkey("\"a\", p.id", "\"a\", q.id"));
        assert!(
            !pkey("\"a\", p.id", "q.name, q.id"),
            "a name can be the constant"
        );
    }

    #[test]
    fn otherwise_excludes_the_one_condition_before_it() {
        let plan = planned(&format!(
            "{REASONS}map m from people as p {{
                skip orphan when p.id == 0 skip odd when p.id == 1
                into accounts when p.active {{ account_id = {0} username = p.name created_at = t\"2024-01-01T00:00:00Z\" }}
                into accounts otherwise {{ account_id = {0} username = p.name created_at = t\"2024-01-01T00:00:00Z\" }}
            }}",
            ulid("p.id")
        ))
        .unwrap();
        assert!(
            plan.keys
                .iter()
                .all(|proof| matches!(proof.verdict, KeyVerdict::Proven { .. }))
        );
    }
}
