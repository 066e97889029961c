//! Rejected rows that a run may leave out: what the sink gets holds none of them, none that refers to
//! one, and everything else, in order; each is told once; the ledger adds up.
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
use mapwright::eval::Program;
use mapwright::plan::Plan;
use mapwright::run::memory::{MemorySink, MemorySource, NamedRow};
use mapwright::run::{Inputs, Limits, NoSink, Observer, Reject, RunReport, find_row, run};
use mapwright::types::OwnedValue;

const SOURCE: &str = r#"
catalog: src
version: "1"
title: source
tables:
  p:
    columns: [{name: id, type: bigint}, {name: bad, type: boolean}]
    keys: [{name: p_pkey, kind: primary, columns: [id]}]
  c:
    columns: [{name: id, type: bigint}, {name: p, type: bigint}]
    keys: [{name: c_pkey, kind: primary, columns: [id]}]
  g:
    columns: [{name: id, type: bigint}, {name: p, type: bigint}, {name: c, type: bigint}]
    keys: [{name: g_pkey, kind: primary, columns: [id]}]
"#;
const TARGET: &str = r#"
catalog: dst
version: "1"
title: target
tables:
  parent:
    columns: [{name: id, type: bigint}, {name: told, type: text}]
    keys: [{name: parent_pkey, kind: primary, columns: [id]}]
  child:
    columns: [{name: parent, type: bigint}, {name: id, type: bigint}]
    keys: [{name: child_pkey, kind: primary, columns: [parent, id]}]
    foreign_keys:
      - {name: child_parent, columns: [parent], table: parent, references: [id]}
  grandchild:
    columns: [{name: parent, type: bigint}, {name: child, type: bigint}, {name: id, type: bigint}]
    keys: [{name: grandchild_pkey, kind: primary, columns: [id]}]
    foreign_keys:
      - {name: grandchild_child, columns: [parent, child], table: child, references: [parent, id]}
"#;
/// The grandchildren come first, so that what they refer to is judged after them. The joins make all of
/// them one partition.
const FAMILY: &str = r#"
    reason bad error "is bad" help "be good"
    map grandchildren from g left join p as x on x.id == g.p {
        into grandchild { parent = g.p child = g.c id = g.id }
    }
    map children from c left join p as x on x.id == c.p { into child { parent = c.p id = c.id } }
    map parents from p {
        fail bad when p.bad
        into parent { id = p.id told = "number {p.id}" }
    }
"#;

fn plan(blocks: &str) -> Plan {
    let text = format!("mapping m\nsource src\ntarget dst\n{blocks}");
    mappings::compiled([SOURCE, TARGET], &text).unwrap_or_else(|found| panic!("{found:#?}"))
}

/// Remembers what it hears of rejected rows.
#[derive(Default)]
struct Listener(Vec<Reject>);

impl Observer for Listener {
    fn wants_rejects(&self) -> bool {
        true
    }

    fn rejected(&mut self, reject: &Reject) {
        self.0.push(reject.clone());
    }
}

struct Ran {
    report: RunReport,
    tables: BTreeMap<String, Vec<NamedRow>>,
    heard: Vec<Reject>,
}

impl Ran {
    fn ids(&self, table: &str) -> Vec<i64> {
        let rows = self.tables[table].iter();
        rows.map(|row| match row["id"] {
            OwnedValue::Int(id) => id,
            _ => panic!("no number"),
        })
        .collect()
    }

    fn heard(&self) -> Vec<(&str, &str, &str)> {
        let heard = self.heard.iter();
        heard
            .map(|reject| {
                (
                    reject.table.as_str(),
                    reject.block.as_str(),
                    reject.key.as_str(),
                )
            })
            .collect()
    }
}

fn source(program: &Program, family: &Family) -> MemorySource {
    let int = OwnedValue::Int;
    let tables = [
        (
            "p",
            family
                .parents
                .iter()
                .map(|(id, bad)| row([("id", int(*id)), ("bad", OwnedValue::Bool(*bad))]))
                .collect(),
        ),
        (
            "c",
            family
                .children
                .iter()
                .map(|(id, p)| row([("id", int(*id)), ("p", int(*p))]))
                .collect(),
        ),
        (
            "g",
            (family.grandchildren.iter())
                .map(|(id, p, c)| row([("id", int(*id)), ("p", int(*p)), ("c", int(*c))]))
                .collect(),
        ),
    ]
    .map(|(name, rows): (_, Vec<NamedRow>)| (name.to_owned(), rows));
    MemorySource::new(&program.plan, &tables.into()).unwrap()
}

struct Family {
    /// ID, and whether it is bad.
    parents: Vec<(i64, bool)>,
    /// ID, parent.
    children: Vec<(i64, i64)>,
    /// ID, parent, child.
    grandchildren: Vec<(i64, i64, i64)>,
}

fn ran(family: &Family, rejects: u64) -> Ran {
    let program = Program::new(plan(FAMILY), BTreeMap::new()).unwrap();
    let mut sink = MemorySink::new(&program.plan);
    let mut listener = Listener::default();
    let mut source = source(&program, family);
    let report = wait(run(
        inputs(&program, rejects),
        &mut source,
        &mut sink,
        &mut listener,
    ))
    .unwrap();
    Ran {
        report,
        tables: sink.tables,
        heard: listener.0,
    }
}

fn inputs(program: &Program, rejects: u64) -> Inputs<'_> {
    Inputs {
        program,
        broadcasts: Vec::new(),
        limits: Limits {
            rejects,
            ..Limits::default()
        },
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn family() -> Family {
    Family {
        parents: vec![(1, false), (2, true), (3, false), (4, false)],
        children: vec![(10, 1), (20, 2), (21, 2), (30, 3), (90, 9)],
        grandchildren: vec![
            (100, 1, 10),
            (200, 2, 20),
            (300, 3, 30),
            (301, 3, 99),
            (302, 3, 30),
        ],
    }
}

#[test]
fn the_sink_gets_what_is_left_and_in_order() {
    let ran = ran(&family(), u64::MAX);
    assert_eq!(ran.ids("parent"), [1, 3, 4]);
    assert_eq!(ran.ids("child"), [10, 30]);
    assert_eq!(ran.ids("grandchild"), [100, 300, 302]);
    assert_eq!(
        ran.tables["parent"][1]["told"],
        OwnedValue::Text("number 3".to_owned())
    );
    let report = &ran.report;
    let mut written: Vec<u64> = report.written.clone();
    written.sort_unstable();
    assert_eq!(written, [2, 3, 3]);
    for map in &report.maps {
        assert!(map.adds_up(), "{map:?}");
    }
    // Bad parent, its two children, the orphan of nobody, two grandchildren: one for want of a child
    // that is left out itself.
    assert_eq!(report.rejected, 6);
    let mut heard = ran.heard();
    heard.sort_unstable();
    assert_eq!(
        heard,
        [
            ("c", "children", "2 id=20"),
            ("c", "children", "2 id=21"),
            ("c", "children", "9 id=90"),
            ("g", "grandchildren", "2 id=200"),
            ("g", "grandchildren", "3 id=301"),
            ("p", "parents", "2"),
        ]
    );
}

#[test]
fn more_than_allowed_and_nothing_more_is_given() {
    // All of it fits into one batch, which is given at the end.
    for (rejects, parents) in [(5, vec![]), (6, vec![1, 3, 4])] {
        let ran = ran(&family(), rejects);
        assert_eq!(ran.ids("parent"), parents, "{rejects}");
        assert_eq!(ran.report.rejected, 6);
    }
}

#[test]
fn many_rows_of_a_partition_are_searched_the_same_way() {
    // More than are compared one by one; every third grandchild wants a child that is not there.
    let children: Vec<(i64, i64)> = (0..40).map(|id| (id, 1)).collect();
    let grandchildren = (0..60).map(|id| (id, 1, if id % 3 == 0 { 1000 } else { id % 40 }));
    let ran = ran(
        &Family {
            parents: vec![(1, false)],
            children,
            grandchildren: grandchildren.collect(),
        },
        u64::MAX,
    );
    assert_eq!(ran.report.rejected, 20);
    assert_eq!(ran.ids("child").len(), 40);
    let expected: Vec<i64> = (0..60).filter(|id| id % 3 != 0).collect();
    assert_eq!(ran.ids("grandchild"), expected);
}

#[test]
fn a_row_is_found_by_its_place_among_those_that_are_left() {
    let program = Program::new(plan(FAMILY), BTreeMap::new()).unwrap();
    let number = |table: &str| {
        let targets = program.plan.targets.iter();
        targets
            .map(|target| target.table.as_str())
            .position(|name| name == table)
            .unwrap()
    };
    for (table, row, map, key) in [
        ("grandchild", 1, "grandchildren", "1 id=100"),
        ("grandchild", 2, "grandchildren", "3 id=300"),
        // Before 302 a row of the same partition is taken back.
        ("grandchild", 3, "grandchildren", "3 id=302"),
        ("parent", 2, "parents", "3"),
        ("child", 2, "children", "3 id=30"),
    ] {
        let mut source = source(&program, &family());
        let found = wait(find_row(
            inputs(&program, 0),
            &mut source,
            number(table),
            row,
        ))
        .unwrap();
        let found = found.unwrap_or_else(|| panic!("{table} {row}"));
        assert_eq!(
            (found.map.as_str(), found.key.as_str()),
            (map, key),
            "{table} {row}"
        );
    }
    let mut source = source(&program, &family());
    let beyond = wait(find_row(
        inputs(&program, 0),
        &mut source,
        number("child"),
        3,
    ))
    .unwrap();
    assert_eq!(beyond, None);
}

#[test]
fn nobody_is_told_who_does_not_ask() {
    struct Deaf;
    impl Observer for Deaf {
        fn rejected(&mut self, reject: &Reject) {
            panic!("{reject:?}");
        }
    }
    let program = Program::new(plan(FAMILY), BTreeMap::new()).unwrap();
    let mut source = source(&program, &family());
    let report = wait(run(
        inputs(&program, 0),
        &mut source,
        &mut NoSink,
        &mut Deaf,
    ))
    .unwrap();
    assert_eq!(report.rejected, 6);
}
