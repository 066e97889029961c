//! The library of functions: every example of the reference is run through the compiler and the
//! executor, and every function is tried with the odd values of its parameters' types.

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "harness/catalogs.rs"]
mod catalogs;

use std::collections::{BTreeMap, HashSet};

use bumpalo::Bump;
use mapwright::base::Files;
use mapwright::compile::compile;
use mapwright::diagnostics::Diagnostics;
use mapwright::diagnostics::render::{Colour, Format, render};
use mapwright::eval::Program;
use mapwright::functions::{self, EvalError, Function, Kind};
use mapwright::run::memory::{MemorySink, MemorySource};
use mapwright::run::{Inputs, Limits, Silent, run};
use mapwright::types::{Inet, OwnedValue, Value};

/// What an example came to: the row was written with the word, or ended under the reason.
#[derive(Debug, PartialEq)]
enum Outcome {
    AsSaid,
    Other,
    Failed,
}

#[test]
fn every_example_gives_what_it_says() {
    let catalogs: Vec<_> = ["tiny_source", "tiny_target"].map(catalogs::read).into();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut problems = Vec::new();
    for function in functions::all() {
        assert!(
            !function.examples.is_empty(),
            "`{}` has no example",
            function.name
        );
        let fails = function.examples.iter().any(|(_, gives)| *gives == "fails");
        assert_eq!(
            fails,
            function.fails.is_some(),
            "`{}` shows a failure exactly if it can fail",
            function.name
        );
        for (call, gives) in function.examples {
            assert!(
                call.contains(&format!("{}(", function.name)),
                "`{call}` is no example of `{}`",
                function.name
            );
            let (outcome, text) = runtime.block_on(outcome(&catalogs, call, gives));
            let wanted = if *gives == "fails" {
                Outcome::Failed
            } else {
                Outcome::AsSaid
            };
            if outcome != wanted {
                problems.push(format!("{call} gives {gives}: {outcome:?}\n{text}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Runs a mapping whose rule is the example over one row.
async fn outcome(
    catalogs: &[mapwright::catalog::Catalog],
    call: &str,
    gives: &str,
) -> (Outcome, String) {
    let test = match gives {
        "null" => "value is null".to_owned(),
        "fails" => "p.id == 0".to_owned(),
        _ => format!("value is not null and value == {gives}"),
    };
    let handled = with_handlers(call);
    // The reason is in use either way.
    let clause = if handled == call {
        "skip failed when p.id == 0\n"
    } else {
        ""
    };
    let text = format!(
        "mapping example\nsource tiny_source\ntarget tiny_target\n\
         reason failed warn \"a call failed\"\n\
         map lines from people as p {{\n\
             {clause}\
             let value = if p.id == 1 then ({handled}) else null\n\
             into log_lines {{ line = if {test} then \"as said\" else \"other\" number = if value is null then 1 else 0 }}\n\
         }}\n"
    );
    let mut files = Files::new();
    let id = files.add("example.map", text.as_str());
    let mut found = Diagnostics::new();
    let plan = compile(&files, id, catalogs, &mut found);
    let found = found.into_sorted();
    let shown = render(&files, &found, Format::Human, Colour::Never, usize::MAX);
    assert!(plan.is_some() && found.is_empty(), "{text}\n{shown}");
    let plan = plan.unwrap();
    let row = BTreeMap::from([("id".to_owned(), OwnedValue::Int(1))]);
    let tables = BTreeMap::from([("people".to_owned(), vec![row])]);
    let mut source = MemorySource::new(&plan, &tables).unwrap();
    let mut sink = MemorySink::new(&plan);
    let program = Program::new(plan, BTreeMap::new()).unwrap();
    let inputs = Inputs {
        program: &program,
        broadcasts: Vec::new(),
        limits: Limits::default(),
    };
    let report = run(inputs, &mut source, &mut sink, &mut Silent)
        .await
        .unwrap();
    let rows = &sink.tables["log_lines"];
    let outcome = match rows.as_slice() {
        [] => {
            assert_eq!(report.reasons[0].reason, "failed");
            Outcome::Failed
        }
        [row] if row["line"] == OwnedValue::Text("as said".to_owned()) => Outcome::AsSaid,
        _ => Outcome::Other,
    };
    (outcome, text)
}

/// The call with ` else skip failed` behind every call that can fail: examples leave it out.
fn with_handlers(call: &str) -> String {
    let mut out = String::new();
    // For each open parenthesis, whether it belongs to a call that can fail.
    let mut open: Vec<bool> = Vec::new();
    let mut word = String::new();
    let mut chars = call.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        match c {
            '"' => {
                while let Some(c) = chars.next() {
                    out.push(c);
                    match c {
                        '\\' => out.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '(' => open.push(functions::find(&word).is_some_and(|found| found.fails.is_some())),
            ')' => {
                let can_fail = open.pop().unwrap();
                out.push_str(if can_fail { " else skip failed" } else { "" });
            }
            _ => {}
        }
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
        } else {
            word.clear();
        }
    }
    out
}

const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "ä",
    "İSTANBUL",
    "ﬀ",
    "e\u{301}",
    "👩‍👩‍👧",
    "@",
    ":",
    "@:",
    "@a:b",
    "@a:b:1",
    "-",
    "0",
    "-9223372036854775808",
    "9223372036854775808",
    "::1",
    "10.0.0.1",
    "10.0.0.1/8",
    "00000000-0000-0000-0000-000000000000",
    "ffffffffffffffffffffffffffffffff",
    "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "2024-02-29T23:59:60Z",
    "{\"a\": 1}",
    "$2b$12$",
    "ääääääääääääääääääääääää",
    "\u{10ffff}",
];
const INTS: &[i64] = &[
    i64::MIN,
    i64::MIN + 1,
    -1,
    0,
    1,
    2,
    4_133_980_799,
    4_133_980_800,
    1_700_000_000_123,
    i64::MAX,
];
const DOCUMENTS: &[&str] = &[
    "null",
    "true",
    "1",
    "1.5",
    "1e400",
    "-9223372036854775809",
    "\"a\"",
    "[]",
    "[{\"a\": 1}]",
    "{}",
    "{\"\": \"\"}",
    "{\"a\": null}",
    "{\"a\": 9223372036854775808}",
    "{\"a\": \"\\ud800\"}",
    "{\"a\": 1, \"a\": \"b\"}",
];

/// Arrays of text in PostgreSQL's binary form.
const ARRAYS: &[&[u8]] = &[
    // None at all, and one dimension of none.
    b"\0\0\0\0\0\0\0\0\0\0\0\x19",
    b"\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\0\0\0\0\x01",
    // `{a,NULL,""}`
    b"\0\0\0\x01\0\0\0\x01\0\0\0\x19\0\0\0\x03\0\0\0\x01\0\0\0\x01a\xff\xff\xff\xff\0\0\0\0",
    // `{{a},{b}}`
    b"\0\0\0\x02\0\0\0\0\0\0\0\x19\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01a\0\0\0\x01b",
];

fn odd_values(kind: Kind) -> Vec<Value<'static>> {
    match kind {
        Kind::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Kind::Int => INTS.iter().map(|number| Value::Int(*number)).collect(),
        Kind::Text => TEXTS.iter().map(|text| Value::Text(text)).collect(),
        Kind::Bytes => vec![
            Value::Bytes(b""),
            Value::Bytes(b"\0"),
            Value::Bytes(b"\0\0"),
            Value::Bytes(&[255; 100]),
        ],
        Kind::Timestamp => INTS
            .iter()
            .map(|micros| Value::Timestamp(*micros))
            .collect(),
        Kind::Duration => INTS.iter().map(|micros| Value::Duration(*micros)).collect(),
        Kind::Uuid => vec![Value::Uuid([0; 16]), Value::Uuid([255; 16])],
        Kind::Inet => {
            let address = |text: &str| text.parse().unwrap();
            vec![
                Value::Inet(Inet::host(address("0.0.0.0"))),
                Value::Inet(Inet {
                    address: address("10.0.0.0"),
                    prefix: 0,
                }),
                Value::Inet(Inet::host(address("::"))),
                Value::Inet(Inet::host(address("::ffff:10.0.0.0"))),
            ]
        }
        Kind::Json => DOCUMENTS.iter().map(|text| Value::Json(text)).collect(),
        Kind::TextArray => ARRAYS.iter().map(|bytes| Value::Raw(bytes)).collect(),
    }
}

/// Every combination of odd values of a function's parameters.
fn calls(function: &Function) -> Vec<Vec<Value<'static>>> {
    let mut calls: Vec<Vec<Value<'static>>> = vec![Vec::new()];
    for parameter in function.parameters {
        calls = calls
            .iter()
            .flat_map(|call| {
                odd_values(parameter.ty)
                    .into_iter()
                    .map(move |value| call.iter().copied().chain([value]).collect())
            })
            .collect();
    }
    calls
}

/// Whether a value is of the type that a function says it gives.
fn is_of(value: &Value<'_>, kind: Kind) -> bool {
    match kind {
        Kind::Bool => matches!(value, Value::Bool(_)),
        Kind::Int => matches!(value, Value::Int(_)),
        Kind::Text => matches!(value, Value::Text(_)),
        Kind::Bytes => matches!(value, Value::Bytes(_)),
        Kind::Timestamp => matches!(value, Value::Timestamp(_)),
        Kind::Duration => matches!(value, Value::Duration(_)),
        Kind::Uuid => matches!(value, Value::Uuid(_)),
        Kind::Inet => matches!(value, Value::Inet(_)),
        Kind::Json => matches!(value, Value::Json(_)),
        Kind::TextArray => matches!(value, Value::Raw(_)),
    }
}

#[test]
fn functions_give_what_they_declare_for_odd_values_too() {
    let (mut count, mut failures) = (0, 0);
    for function in functions::all() {
        let (kind, nullable) = match function.returns {
            functions::Returns::Required(kind) => (kind, false),
            functions::Returns::Nullable(kind) => (kind, true),
        };
        for call in calls(function) {
            let arena = Bump::new();
            count += 1;
            match (function.body)(&call, &arena) {
                Ok(Value::Null) => assert!(nullable, "`{}` gives null", function.name),
                Ok(value) => assert!(is_of(&value, kind), "`{}` gives {value:?}", function.name),
                Err(why) => {
                    failures += 1;
                    assert!(why != EvalError::DEFECT, "`{}` has a defect", function.name);
                    assert!(
                        function.fails.is_some(),
                        "`{}` {}, but cannot fail",
                        function.name,
                        why.why
                    );
                }
            }
            assert!(
                (function.body)(&call, &arena) == (function.body)(&call, &arena),
                "`{}` gives two results",
                function.name
            );
        }
    }
    assert!(
        count > 10_000 && failures > 1_000,
        "{count} calls, {failures} failures"
    );
}

#[test]
fn functions_that_keep_values_apart_do_so() {
    let mut seen = 0;
    for function in functions::all() {
        let Some(at) = function.injective_in else {
            continue;
        };
        seen += 1;
        // The results of each choice of the other arguments, by the argument that must be told.
        let mut results: Vec<(Vec<Value<'static>>, HashSet<String>)> = Vec::new();
        for call in calls(function) {
            let arena = Bump::new();
            let Ok(value) = (function.body)(&call, &arena) else {
                continue;
            };
            let shown = format!("{:?}", value.to_owned_value());
            let mut others = call;
            others.remove(at);
            let known = match results.iter().position(|(known, _)| *known == others) {
                Some(index) => index,
                None => {
                    results.push((others, HashSet::new()));
                    results.len() - 1
                }
            };
            assert!(
                results[known].1.insert(shown),
                "`{}` gives one result for two arguments",
                function.name
            );
        }
    }
    assert!(seen >= 6, "only {seen} functions keep values apart");
}

#[test]
fn names_and_texts_of_functions_are_in_order() {
    let mut names = HashSet::new();
    for function in functions::all() {
        assert!(
            names.insert(function.name),
            "`{}` is there twice",
            function.name
        );
        assert!(function.parameters.len() <= functions::MAX_ARGUMENTS);
        assert!(
            function.doc.ends_with('.') && !function.doc.contains('\n'),
            "`{}` is described by sentences",
            function.name
        );
        if let Some(fails) = function.fails {
            assert!(
                (fails.starts_with("where ") || fails.starts_with("for ")) && !fails.ends_with('.'),
                "`{}` fails {fails}",
                function.name
            );
        }
        assert_eq!(
            functions::find(function.name).map(|found| found.name),
            Some(function.name)
        );
    }
}
