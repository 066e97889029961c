//! The walls of the house: what may use what, how long a file may be, where printing and product
//! knowledge live, and that codes, pages and cases belong together.

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "harness/catalogs.rs"]
mod catalogs;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mapwright::base::Files;
use mapwright::catalog::snapshot::SHIPPED;
use mapwright::compile::compile;
use mapwright::diagnostics::Diagnostics;
use mapwright::diagnostics::codes::REGISTRY;
use mapwright::diagnostics::render::{Colour, Format, render};

/// The modules from the ground up: each may use those before it.
const LAYERS: &[&str] = &[
    "base",
    "diagnostics",
    "types",
    "catalog",
    "functions",
    "syntax",
    "check",
    "plan",
    "eval",
    "run",
    "compile",
    "pg",
    "config",
    "cli",
];

/// Lines of a file without its tests: from the first number on it should be split, from the second
/// it must be.
const LINES: (usize, usize) = (400, 700);

/// A Rust file of `src/`.
struct Source {
    /// Its path below `src/`.
    path: String,
    /// Its text up to the tests at its end.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, "rs", &mut files);
    files
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            Source {
                path: file.strip_prefix(&root).unwrap().display().to_string(),
                code: code.to_owned(),
            }
        })
        .collect()
}

fn walk(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, extension, files);
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
}

/// Lines that are code: comments say what they like.
fn code_lines(code: &str) -> impl Iterator<Item = &str> {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn modules_use_only_those_below_them() {
    let layer = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let (mut problems, mut seen) = (Vec::new(), 0);
    for source in sources() {
        let module = source.path.split(['/', '.']).next().unwrap();
        if matches!(module, "lib" | "main") {
            continue;
        }
        let own = layer(module).unwrap_or_else(|| panic!("`{module}` is in no layer"));
        for line in code_lines(&source.code) {
            for (at, _) in line.match_indices("crate::") {
                let used = line[at + "crate::".len()..]
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap();
                seen += 1;
                if layer(used).is_none_or(|used| used > own) {
                    problems.push(format!("src/{}: `{module}` uses `{used}`", source.path));
                }
            }
        }
    }
    assert!(seen > 100, "only {seen} uses were found");
    assert_none(problems);
}

#[test]
#[expect(clippy::print_stdout, reason = "a warning that fails nothing")]
fn files_are_short() {
    let mut problems = Vec::new();
    for source in sources() {
        let lines = source.code.lines().count();
        if lines > LINES.0 {
            println!("src/{}: {lines} lines", source.path);
        }
        if lines > LINES.1 {
            problems.push(format!("src/{}: {lines} lines", source.path));
        }
    }
    assert_none(problems);
}

#[test]
fn one_file_alone_prints() {
    let words = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    let problems = sources()
        .iter()
        .filter(|source| source.path != "cli/printer.rs")
        .flat_map(|source| {
            code_lines(&source.code)
                .filter(|line| words.iter().any(|word| line.contains(word)))
                .map(|line| format!("src/{}: {}", source.path, line.trim()))
        })
        .collect();
    assert_none(problems);
}

/// Tables of the shipped catalogs whose names say which product they belong to: names of two words
/// or more, which nobody writes by accident.
fn telling_tables() -> BTreeSet<String> {
    SHIPPED
        .iter()
        .flat_map(|shipped| {
            let mut files = Files::new();
            let id = files.add(shipped.file, shipped.text);
            mapwright::catalog::snapshot::from_yaml(&files, id)
                .unwrap()
                .tables
        })
        .map(|(name, _)| name)
        // Any product could have a `schema_version`.
        .filter(|name| name.contains('_') && name != "schema_version")
        .collect()
}

#[test]
fn products_are_known_to_their_configuration_and_the_commands_alone() {
    let tables = telling_tables();
    assert!(tables.contains("access_tokens") && tables.contains("compat_sessions"));
    let mut problems = Vec::new();
    for source in sources() {
        if source.path.starts_with("config/") || source.path.starts_with("cli/") {
            continue;
        }
        for line in code_lines(&source.code) {
            for word in line.split(|c: char| !c.is_alphanumeric() && c != '_') {
                if tables.contains(word) {
                    problems.push(format!("src/{}: `{word}`", source.path));
                }
            }
        }
    }
    assert_none(problems);
}

#[test]
fn each_code_has_a_page_and_each_page_a_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&root.join("docs/errors"), "md", &mut files);
    let pages: BTreeSet<String> = files
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let codes: BTreeSet<String> = REGISTRY.iter().map(|info| info.code.to_string()).collect();
    assert_eq!(codes.len(), REGISTRY.len(), "a code is registered twice");
    assert_eq!(codes, pages);
    let order: Vec<(&str, &str)> = REGISTRY
        .iter()
        .map(|info| (&info.code.as_str()[1..], &info.code.as_str()[..1]))
        .collect();
    assert!(
        order.is_sorted(),
        "the registry is in the order of its numbers"
    );
}

/// The hundreds of the codes that a mapping's text can bring about.
const COMPILER_HUNDREDS: [&str; 5] = ["00", "01", "02", "03", "04"];

#[test]
fn each_code_of_the_compiler_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut files = Vec::new();
    walk(&root, "map", &mut files);
    let mut cases: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        if let Some((code, _)) = name.split_once('-')
            && REGISTRY.iter().any(|info| info.code.as_str() == code)
        {
            assert!(
                text.lines()
                    .any(|line| line.contains("//~") && line.contains(code)),
                "{name} is not annotated with its code"
            );
            *cases.entry(code.to_owned()).or_default() += 1;
        }
        assert!(
            file.with_extension("stderr").exists(),
            "{name} has no `.stderr`"
        );
    }
    let mut expectations = Vec::new();
    walk(&root, "stderr", &mut expectations);
    for file in expectations {
        assert!(
            file.with_extension("map").exists(),
            "{} has no case",
            file.display()
        );
    }
    let missing = REGISTRY
        .iter()
        .map(|info| info.code.as_str())
        .filter(|code| COMPILER_HUNDREDS.contains(&&code[1..3]) && !cases.contains_key(*code))
        .map(|code| format!("no case of {code} in tests/ui"))
        .collect();
    assert_none(missing);
}

#[test]
fn shipped_mappings_compile_without_a_warning() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let mut mappings = Vec::new();
    walk(&root, "map", &mut mappings);
    assert!(!mappings.is_empty());
    let catalogs: Vec<_> = ["accounts", "synapse", "mas"].map(catalogs::read).into();
    for path in mappings {
        let mut files = Files::new();
        let id = files.add(
            path.file_name().unwrap().to_str().unwrap(),
            std::fs::read_to_string(&path).unwrap(),
        );
        let mut found = Diagnostics::new();
        let plan = compile(&files, id, &catalogs, &mut found);
        let found = found.into_sorted();
        let shown = render(&files, &found, Format::Human, Colour::Never, usize::MAX);
        assert!(plan.is_some() && found.is_empty(), "{shown}");
    }
}
