//! That every rule has its tests, by the names of the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const RULES: &str = include_str!("rules.txt");

/// The IDs of all rules.
fn rules() -> Vec<&'static str> {
    let lines = RULES.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (id, summary) = line.split_once(' ').expect("an ID and a summary");
            assert!(summary.ends_with('.'), "{line}");
            id
        })
        .collect()
}

/// The names of the test functions in the Rust files under a directory: functions that stand under
/// an attribute whose last word is `test`.
fn tests_under(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_under(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut under_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    under_test = true;
                } else if let Some(name) = line
                    .trim_start_matches("pub(crate) ")
                    .trim_start_matches("async ")
                    .strip_prefix("fn ")
                {
                    if under_test {
                        let name = name.split('(').next().unwrap_or(name);
                        found.push(name.to_owned());
                    }
                    under_test = false;
                }
            }
        }
    }
}

/// How many of the tests are of each rule. A name may begin with several: `r2_r4_…`.
fn count(tests: &[String]) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<&'static str, usize> =
        rules().into_iter().map(|rule| (rule, 0)).collect();
    for test in tests {
        for word in test.split('_') {
            match counts
                .iter_mut()
                .find(|(rule, _)| rule.to_lowercase() == word)
            {
                Some((_, count)) => *count += 1,
                None => break,
            }
        }
    }
    counts
}

fn tests_directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

#[test]
fn every_rule_has_tests() {
    let mut tests = Vec::new();
    tests_under(&tests_directory().join("rules"), &mut tests);
    let lacking: Vec<&str> = count(&tests)
        .into_iter()
        .filter(|(rule, count)| !rule.starts_with('B') && *count < 2)
        .map(|(rule, _)| rule)
        .collect();
    assert!(
        lacking.is_empty(),
        "rules with fewer than two tests in tests/rules/: {lacking:?}"
    );
}

#[test]
fn every_rule_about_databases_has_tests() {
    let mut tests = Vec::new();
    tests_under(&tests_directory(), &mut tests);
    let lacking: Vec<&str> = count(&tests)
        .into_iter()
        .filter(|(rule, count)| rule.starts_with('B') && *count < 1)
        .map(|(rule, _)| rule)
        .collect();
    assert!(
        lacking.is_empty(),
        "rules without a test `fn b‹n›_…` under tests/: {lacking:?}"
    );
}

#[test]
fn every_rule_is_listed_once() {
    let mut rules = rules();
    assert_eq!(rules.len(), 43);
    rules.sort_unstable();
    rules.dedup();
    assert_eq!(rules.len(), 43);
}

#[test]
fn a_rule_without_tests_is_noticed() {
    let names = ["u5_a", "u5_b", "x1_a", "x10_a", "r2_r4_a", "l2", "xu5_a"];
    let counts = count(&names.map(str::to_owned));
    for (rule, expected) in [
        ("U5", 2),
        ("X1", 1),
        ("X10", 1),
        ("R2", 1),
        ("R4", 1),
        ("L2", 1),
        ("U6", 0),
    ] {
        assert_eq!(counts[rule], expected, "{rule}");
    }
}
