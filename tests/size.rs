//! Large expressions: lists of operands have no bound, nesting has one and says so. Tests run on
//! threads with a small stack, so whatever goes down it once an operand ends the process here.

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "harness/catalogs.rs"]
mod catalogs;

use std::collections::BTreeMap;

use mapwright::base::Files;
use mapwright::compile::compile;
use mapwright::diagnostics::Diagnostics;
use mapwright::eval::Program;
use mapwright::plan::Plan;
use mapwright::plan::display::explain;
use mapwright::plan::needs::needs;
use mapwright::run::memory::{MemorySink, MemorySource};
use mapwright::run::{Inputs, Limits, Silent, run};
use mapwright::types::OwnedValue;

/// More operands than a stack of two megabytes has room for, were each a step down.
const MANY: usize = 6_000;
/// A condition that holds for the row.
const ALWAYS: &str = "p.id == 7";

/// The plan of a mapping that writes `number` where `when` holds, or the messages about it.
fn compiled(number: &str, when: &str) -> Result<Plan, Vec<String>> {
    let catalogs: Vec<_> = ["tiny_source", "tiny_target"].map(catalogs::read).into();
    let text = format!(
        "mapping m\nsource tiny_source\ntarget tiny_target\n\
         reason other quiet \"another\"\n\
         map lines from people as p {{\n\
             skip other when not ({when})\n\
             into log_lines {{ line = p.name number = {number} }}\n\
         }}\n"
    );
    let mut files = Files::new();
    let id = files.add("m.map", text);
    let mut found = Diagnostics::new();
    let plan = compile(&files, id, &catalogs, &mut found);
    let found = found.into_sorted();
    match plan {
        Some(plan) => {
            assert!(found.is_empty(), "{:?}", found.first());
            let (reads, _) = needs(&plan, &catalogs[0], &catalogs[1]);
            assert!(reads.tables["people"].columns.contains_key("id"));
            assert!(explain(&plan, &files).contains("into log_lines"));
            Ok(plan)
        }
        None => Err(found
            .into_iter()
            .map(|one| format!("{} {}", one.code, one.message))
            .collect()),
    }
}

/// What is written for a row whose `id` is 7 and whose `age` is null.
fn written(number: &str, when: &str) -> Option<OwnedValue> {
    let plan = compiled(number, when).unwrap_or_else(|messages| panic!("{messages:?}"));
    let row = BTreeMap::from([
        ("id".to_owned(), OwnedValue::Int(7)),
        ("name".to_owned(), OwnedValue::Text("a".to_owned())),
    ]);
    let tables = BTreeMap::from([("people".to_owned(), vec![row])]);
    let mut source = MemorySource::new(&plan, &tables).unwrap();
    let mut sink = MemorySink::new(&plan);
    let program = Program::new(plan, BTreeMap::new()).unwrap();
    let inputs = Inputs {
        program: &program,
        broadcasts: Vec::new(),
        limits: Limits::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(run(inputs, &mut source, &mut sink, &mut Silent))
        .unwrap();
    sink.tables["log_lines"]
        .first()
        .map(|row| row["number"].clone())
}

fn list(operator: &str, operand: impl Fn(usize) -> String) -> String {
    let operands: Vec<String> = (0..MANY).map(operand).collect();
    operands.join(operator)
}

#[test]
fn conditions_can_be_of_any_length() {
    let or = |offset| list(" or ", |at| format!("p.id == {}", at + offset));
    assert_eq!(written("1", &or(0)), Some(OwnedValue::Int(1)));
    assert_eq!(written("1", &or(8)), None);
    let and = |offset| list(" and ", |at| format!("p.id != {}", at + offset));
    assert_eq!(written("1", &and(8)), Some(OwnedValue::Int(1)));
    assert_eq!(written("1", &and(0)), None);
    let both = list(" or ", |at| format!("p.id == {at} and not p.id != {at}"));
    assert_eq!(written("1", &both), Some(OwnedValue::Int(1)));
}

#[test]
fn a_long_condition_narrows_what_follows_in_it() {
    let others = list(" and ", |at| format!("p.id != {at}"));
    let checked = format!("p.age is not null and {others} and p.age == 1");
    assert_eq!(written("1", &checked), None);
    let unchecked = checked.replace(" and ", " or ");
    assert_eq!(
        compiled("1", &unchecked).unwrap_err(),
        ["E0202 comparison: expected a value, found `int?`, which may be null"]
    );
}

#[test]
fn arithmetic_can_be_of_any_length_and_goes_from_the_left() {
    let sum = list(" + ", |_| "p.id".to_owned());
    assert_eq!(
        written(&sum, ALWAYS),
        Some(OwnedValue::Int(7 * i64::try_from(MANY).unwrap()))
    );
    for (number, gives) in [
        ("100 - p.id - 3", 90),
        ("100 - (p.id - 3)", 96),
        ("p.id * 10 / 7 % 4", 2),
        ("9223372036854775807 - p.id + p.id", i64::MAX),
        ("2 * p.id + 3 * p.id - -1", 36),
    ] {
        assert_eq!(
            written(number, "p.id == 7"),
            Some(OwnedValue::Int(gives)),
            "{number}"
        );
    }
    // The sum of the last two would fit; from the left it does not.
    assert_eq!(written("9223372036854775807 + p.id - p.id", ALWAYS), None);
}

#[test]
fn defaults_and_branches_can_be_of_any_length() {
    let defaults = list(" ?? ", |_| "p.age".to_owned());
    assert_eq!(
        written(&format!("{defaults} ?? p.id"), ALWAYS),
        Some(OwnedValue::Int(7))
    );
    assert_eq!(written(&defaults, "p.id == 7"), Some(OwnedValue::Null));
    let branches = list(" else ", |at| format!("if p.id == {at} then {at} * 2"));
    assert_eq!(
        written(&format!("{branches} else -1"), ALWAYS),
        Some(OwnedValue::Int(14))
    );
    let none = list(" else ", |at| format!("if p.id == {} then 0", at + 8));
    assert_eq!(
        written(&format!("{none} else -1"), ALWAYS),
        Some(OwnedValue::Int(-1))
    );
}

#[test]
fn nesting_has_a_bound_that_is_told() {
    for (open, close, levels_each) in [
        ("(", ")", 1),
        ("-(", ")", 2),
        ("0 + (", ")", 1),
        ("if p.id == 1 then 2 else (", ")", 2),
        ("if p.id == 1 then (", ") else 2", 2),
        ("if p.id == (", ") then 1 else 2", 3),
        ("match p.id { 1 => 2, else => ", " }", 1),
        ("match ", " { 1 => 2, else => 3 }", 1),
        ("length(\"{", "}\")", 2),
        ("parse_int(\"1\") else ", "", 1),
        ("p.age ?? (", ")", 1),
        ("(1 + ", " * 2)", 1),
    ] {
        let nested = |levels: usize| format!("{}p.id{}", open.repeat(levels), close.repeat(levels));
        // Three levels are the braces of the map and of its `into`, and the expression itself.
        let found = compiled(&nested(97 / levels_each), ALWAYS);
        assert!(found.is_ok(), "{open} {found:?}");
        for levels in [101, 500, 20_000] {
            assert_eq!(
                compiled(&nested(levels), ALWAYS).unwrap_err(),
                ["E0003 expression is nested too deep"],
                "{open} {levels}"
            );
        }
    }
}

#[test]
fn signs_and_comparisons_that_take_each_other_in_have_a_bound() {
    let many = |sign: &str| sign.repeat(20_000);
    for (number, when) in [
        (format!("{}p.id", many("- ")), ALWAYS.to_owned()),
        ("1".to_owned(), format!("{}true", many("not "))),
        ("1".to_owned(), format!("p.id{}", many(" is null"))),
        ("1".to_owned(), format!("true{}", many(" == true"))),
        ("1".to_owned(), format!("true{}", many(" == not true"))),
    ] {
        assert_eq!(
            compiled(&number, &when).unwrap_err(),
            ["E0003 expression is nested too deep"]
        );
    }
}
