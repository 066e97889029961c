//! References between target tables: inside a partition a row without partner is rejected, and ends
//! once; across partitions what is open at the end of the run is told, and nothing that is not.
//!
//! Test files may stop at once on what they did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "harness/mappings.rs"]
mod mappings;

use std::collections::BTreeMap;

use mappings::row;
use mapwright::base::Files;
use mapwright::catalog::snapshot::shipped;
use mapwright::compile::compile;
use mapwright::diagnostics::Diagnostics;
use mapwright::plan::{Plan, ReferenceScope, ReferenceTo};
use mapwright::run::RunReport;
use mapwright::types::OwnedValue;

const SOURCE: &str = r#"
catalog: src
version: "1"
title: source
tables:
  p:
    columns:
      - {name: id, type: bigint}
      - {name: boss, type: integer, nullable: true}
    keys: [{name: p_pkey, kind: primary, columns: [id]}]
  c:
    columns:
      - {name: id, type: bigint}
      - {name: p, type: bigint}
      - {name: q, type: bigint, nullable: true}
    keys: [{name: c_pkey, kind: primary, columns: [id]}]
"#;
const TARGET: &str = r#"
catalog: dst
version: "1"
title: target
tables:
  parent:
    columns:
      - {name: id, type: bigint}
      - {name: boss, type: integer, nullable: true}
    keys: [{name: parent_pkey, kind: primary, columns: [id]}]
    foreign_keys:
      - {name: parent_boss, columns: [boss], table: parent, references: [id]}
  child:
    columns:
      - {name: id, type: bigint}
      - {name: a, type: integer}
      - {name: b, type: bigint, nullable: true}
    keys: [{name: child_pkey, kind: primary, columns: [id]}]
    foreign_keys:
      - {name: child_a, columns: [a], table: parent, references: [id]}
      - {name: child_b, columns: [b], table: parent, references: [id]}
  price:
    columns:
      - {name: at, type: "numeric(10,2)"}
    keys: [{name: price_key, kind: unique, columns: [at]}]
  sale:
    columns:
      - {name: at, type: "numeric(10,2)"}
    foreign_keys:
      - {name: sale_at, columns: [at], table: price, references: [at]}
"#;

fn plan(blocks: &str) -> Plan {
    between(SOURCE, blocks)
}

/// The plan of a mapping from another source.
fn between(source: &str, blocks: &str) -> Plan {
    let text = format!("mapping m\nsource src\ntarget dst\n{blocks}");
    mappings::compiled([source, TARGET], &text).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn report(
    blocks: &str,
    people: &[(i64, Option<i64>)],
    children: &[(i64, i64, Option<i64>)],
) -> RunReport {
    let int = OwnedValue::Int;
    let maybe = |value: Option<i64>| value.map_or(OwnedValue::Null, int);
    let people = people
        .iter()
        .map(|(id, boss)| row([("id", int(*id)), ("boss", maybe(*boss))]));
    let children = children
        .iter()
        .map(|(id, p, q)| row([("id", int(*id)), ("p", int(*p)), ("q", maybe(*q))]));
    let tables = [("p", people.collect()), ("c", children.collect())];
    mappings::report(plan(blocks), tables)
}

fn scopes(plan: &Plan) -> BTreeMap<&str, &ReferenceScope> {
    plan.references
        .iter()
        .filter_map(|reference| match &reference.to {
            ReferenceTo::Target { scope, .. } => Some((reference.name.as_str(), scope)),
            ReferenceTo::Table { .. } => None,
        })
        .collect()
}

const TREE: &str = "map tree from p as x { into parent { id = x.id boss = x.boss } }";

#[test]
fn a_tree_is_followed_over_the_whole_run() {
    assert!(matches!(
        scopes(&plan(TREE))["parent_boss"],
        ReferenceScope::Run(_)
    ));
    // The head of the tree comes last; `boss` is narrower than what it refers to.
    let whole = report(
        TREE,
        &[
            (1, Some(3)),
            (2, Some(1)),
            (3, None),
            (4, Some(4)),
            (-5, Some(-5)),
        ],
        &[],
    );
    assert_eq!(whole.rejected, 0);
    assert_eq!(whole.across.len(), 1);
    assert_eq!((whole.across[0].rows, whole.across[0].values), (Some(0), 0));
    assert_eq!(whole.maps[0].written, 5);

    let torn = report(
        TREE,
        &[(1, Some(9)), (2, Some(9)), (3, Some(-7)), (4, Some(1))],
        &[],
    );
    let across = &torn.across[0];
    assert_eq!((across.rows, across.values), (Some(3), 2));
    assert_eq!(
        across.samples,
        [9i64.to_be_bytes().to_vec(), (-7i64).to_be_bytes().to_vec()]
    );
}

#[test]
fn parents_of_another_pass_are_followed_too() {
    let maps = "map parents from p as x { into parent { id = x.id boss = null } }
        map children from c as x { into child { id = x.id a = x.p b = x.q } }";
    let found = report(
        maps,
        &[(1, None), (2, None)],
        &[(7, 1, None), (8, 2, Some(3)), (9, 2, Some(1))],
    );
    let rows: Vec<Option<u64>> = found.across.iter().map(|across| across.rows).collect();
    assert_eq!(rows, [Some(0), Some(1)]);
    assert_eq!(found.rejected, 0);
    assert_eq!(found.reasons, []);
}

#[test]
fn a_row_with_open_references_ends_once() {
    let maps = "reason odd quiet \"odd\"
        map parents from p as x { skip odd when x.boss is not null into parent { id = x.id boss = null } }
        map children from c as x left join p as y on y.id == x.p {
            into child { id = x.id a = x.p b = x.p }
            into parent when x.q is not null { id = x.id boss = null }
        }";
    let scope = plan(maps);
    assert!(
        matches!(scopes(&scope)["child_a"], ReferenceScope::Run(_)),
        "the second map writes parents by another key"
    );
    let maps = maps.replace(
        "into parent when x.q is not null { id = x.id boss = null }",
        "",
    );
    let planned = plan(&maps);
    assert_eq!(scopes(&planned)["child_a"], &ReferenceScope::Partition);
    assert_eq!(scopes(&planned)["child_b"], &ReferenceScope::Partition);
    let found = report(
        &maps,
        &[(1, None), (2, Some(1))],
        &[(7, 1, None), (8, 2, None), (9, 2, None), (10, 3, None)],
    );
    assert_eq!(found.rejected, 3);
    let children = &found.maps[1];
    assert_eq!((children.read, children.written), (4, 1));
    assert_eq!(children.rejected.len(), 1);
    assert_eq!(
        (
            children.rejected[0].reason.as_str(),
            children.rejected[0].rows
        ),
        ("dangling_reference", 3)
    );
    let reason = &found
        .reasons
        .iter()
        .find(|reason| reason.reason == "dangling_reference")
        .unwrap();
    assert_eq!(reason.rows, 3);
    assert_eq!(reason.samples, ["2 id=8", "2 id=9", "3 id=10"]);
    // Both references of each row are open, and what was made for such a row does not count.
    assert_eq!(
        found
            .dangling
            .iter()
            .map(|(_, rows)| *rows)
            .collect::<Vec<_>>(),
        [3, 3]
    );
    let child = planned
        .targets
        .iter()
        .position(|target| target.table == "child")
        .unwrap();
    assert_eq!(found.written[child], 1);
}

#[test]
fn what_only_postgresql_compares_is_left_to_it() {
    // Columns of such types can only be copied, and neither table of the source has one.
    let source = SOURCE.replace(
        "{name: q, type: bigint, nullable: true}",
        "{name: q, type: \"numeric(10,2)\"}",
    );
    let plan = between(
        &source,
        "map m from c as x { into price { at = x.q } into sale { at = x.q } }",
    );
    assert!(matches!(
        scopes(&plan)["sale_at"],
        ReferenceScope::Database(_)
    ));
}

#[test]
fn every_reference_of_the_bundled_mapping_is_checked_in_its_partition() {
    let mut files = Files::new();
    let id = files.add(
        "synapse-to-mas.map",
        include_str!("../mappings/synapse-to-mas.map"),
    );
    let catalogs = [shipped("synapse").unwrap(), shipped("mas").unwrap()];
    let mut found = Diagnostics::new();
    let plan = compile(&files, id, &catalogs, &mut found).unwrap();
    let scopes = scopes(&plan);
    assert_eq!(scopes.len(), 9, "{scopes:?}");
    for (name, scope) in scopes {
        assert_eq!(scope, &ReferenceScope::Partition, "{name}");
    }
}

#[test]
fn a_row_that_comes_under_one_reason_twice_is_one_sample() {
    let maps = "
        reason odd warn \"is odd\"
        map parents from p {
            warn odd when p.id == 1
            warn odd when (p.boss ?? 0) == 1
            into parent { id = p.id boss = null }
        }";
    let found = report(maps, &[(1, Some(1)), (2, Some(1)), (3, None)], &[]);
    let reason = &found.reasons[0];
    assert_eq!((reason.reason.as_str(), reason.rows), ("odd", 3));
    assert_eq!(reason.samples, ["1", "2"]);
}
