//! Reference pages that are made from the program's own registries: the page in `docs/reference/` must
//! equal what is made (`UPDATE=1 cargo test --test generated` rewrites it).

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt::Write;
use std::path::Path;

use mapwright::diagnostics::codes::REGISTRY;
use mapwright::functions::{Function, GROUPS};

fn check(page: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/reference")
        .join(page);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "docs/reference/{page} is not what the program says; `UPDATE=1 cargo test --test generated` writes it"
    );
}

const MADE: &str = "<!-- Made by `UPDATE=1 cargo test --test generated`. -->\n";

#[test]
fn the_page_of_functions_is_the_registry() {
    let mut page = format!(
        "# Functions\n\n{MADE}\n\
         Functions are pure: the same arguments give the same result, in every run. Arguments are never\n\
         null; `??` or a test makes a nullable value required. A call that can fail says by `else` what\n\
         happens then, and the examples leave that out.\n"
    );
    for (group, functions) in GROUPS {
        let _ = write!(page, "\n## {group}\n");
        for function in *functions {
            describe(&mut page, function);
        }
    }
    page.push_str(LANGUAGE);
    check("functions.md", &page);
}

fn describe(page: &mut String, function: &Function) {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, parameter.ty.ty()))
        .collect();
    let _ = write!(
        page,
        "\n### `{}({}) → {}`\n\n{}",
        function.name,
        parameters.join(", "),
        function.returns.to_type(),
        function.doc
    );
    if let Some(fails) = function.fails {
        let _ = write!(page, " Fails {fails}.");
    }
    if let Some(parameter) = function
        .injective_in
        .and_then(|at| function.parameters.get(at))
    {
        let _ = write!(
            page,
            " Keeps values apart: other values of `{}` give other results.",
            parameter.name
        );
    }
    page.push_str("\n\n");
    for (call, gives) in function.examples {
        let gives = match *gives {
            "fails" => "fails".to_owned(),
            value => format!("`{value}`"),
        };
        let _ = writeln!(page, "- `{call}` → {gives}");
    }
}

/// The functions that are part of the language: their forms are no plain lists of parameters.
const LANGUAGE: &str = "
## Part of the language

### `ulid(time: timestamp, key…) for TABLE → uuid`

An identifier whose first 48 bits are the time in milliseconds and whose other 80 are a hash of the
table's name and the key, the same in every run and release. Inside an `into` the table is known and
`for TABLE` can be left out. Other keys, another order of them, other types or another table give
another identifier.

### `matches(text: text, \"pattern\") → bool`

Whether the regular expression, a constant, is found in the text. `^` and `$` tie it to the ends. A brace
in it is written `\\{` or `\\}`, a backslash `\\\\`.

### `min(value)`, `max(value)`, `count()`, `count(value)`, `first(value by key desc, …)`

Values over the rows of a group, in a view with `group by`. `min` and `max` pass over nulls; `count()`
counts rows and `count(value)` the values that are not null; `first` takes the value of the row that comes
first in the given order.
";

#[test]
fn the_index_of_codes_is_the_registry() {
    let mut page = format!(
        "# Errors and warnings\n\n{MADE}\n\
         Every message carries a code, and `mapwright explain CODE` prints the code's page. A code keeps its\n\
         meaning for ever. `E` are errors, `W` warnings.\n"
    );
    let groups = [
        ("00", "Syntax"),
        ("01", "Names"),
        ("02", "Types"),
        ("03", "Coverage"),
        ("04", "Planning"),
        ("05", "Rows"),
        ("06", "Settings, connections, databases"),
        ("09", "Defects of mapwright"),
    ];
    let mut listed = 0;
    for (hundred, title) in groups {
        let _ = write!(page, "\n## {title}\n\n| code | title |\n|---|---|\n");
        for info in REGISTRY {
            let code = info.code.as_str();
            if &code[1..3] == hundred {
                listed += 1;
                let _ = writeln!(page, "| [{code}](../errors/{code}.md) | {} |", info.title);
            }
        }
    }
    assert_eq!(listed, REGISTRY.len(), "a code is in no group");
    check("errors.md", &page);
}
