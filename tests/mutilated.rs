//! Damaged mappings: whatever is cut out of a text or put into it, the compiler neither panics nor
//! stays silent about what it left out, and every message has the form that messages have.

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "harness/catalogs.rs"]
mod catalogs;

use std::collections::BTreeSet;

use mapwright::base::Files;
use mapwright::catalog::Catalog;
use mapwright::compile::compile;
use mapwright::diagnostics::{Diagnostic, Diagnostics, Severity};

const TEXT: &str = include_str!("ui/syntax/valid-everything.map");

/// Signs and words that are put in: some of the language, some of none.
const STRAY: &[&str] = &[
    "{", "}", "(", ")", "[", "]", "\"", "`", "//", "///", "//!", "\\", "=", "==", ",", ";", ".",
    "?", "??", "é", "'", "\n", "else", "when", "map", "from", "x ", "0", "9z", "t\"", "\u{0}",
];

/// Every so many places are damaged; all of them, by 1, take a minute.
const STEP: usize = 11;

fn compiled(catalogs: &[Catalog], text: &str) -> (bool, Vec<Diagnostic>) {
    let mut files = Files::new();
    let id = files.add("m.map", text);
    let mut found = Diagnostics::new();
    let plan = compile(&files, id, catalogs, &mut found);
    (plan.is_some(), found.into_sorted())
}

/// What is wrong with the form of a message.
fn malformed(text: &str, diagnostic: &Diagnostic) -> Option<&'static str> {
    let labels = &diagnostic.labels;
    let lines = labels
        .iter()
        .map(|label| &label.message)
        .chain(&diagnostic.notes)
        .chain(&diagnostic.help)
        .chain([&diagnostic.message]);
    let begins = diagnostic.message.chars().next()?;
    if begins.is_uppercase() || diagnostic.message.ends_with('.') {
        Some("is no lowercase sentence without a full stop")
    } else if lines.clone().any(|line| line.contains('\n')) {
        Some("has a line break")
    } else if lines.clone().any(String::is_empty) {
        Some("has an empty part")
    } else if diagnostic.message.chars().count() > 160 {
        Some("is long")
    } else if lines
        .clone()
        .any(|line| line.replace("did you mean", "").contains(" you"))
    {
        Some("speaks to the reader")
    } else if labels.iter().filter(|label| label.primary).count() != 1 {
        Some("has not one place")
    } else if labels
        .iter()
        .any(|label| text.get(label.span.range()).is_none())
    {
        Some("points outside the text")
    } else if diagnostic.help.len() > 2 {
        Some("has more than two helps")
    } else {
        None
    }
}

fn check(catalogs: &[Catalog], text: &str, what: &str, seen: &mut BTreeSet<String>) {
    let (planned, found) = compiled(catalogs, text);
    let failed = found.iter().any(|one| one.severity != Severity::Warning);
    assert_eq!(
        planned, !failed,
        "{what}: a plan exactly where there is no error"
    );
    for diagnostic in &found {
        if let Some(why) = malformed(text, diagnostic) {
            panic!(
                "{what}: {} {:?} {why}\n{diagnostic:?}",
                diagnostic.code, diagnostic.message
            );
        }
        seen.insert(diagnostic.message.clone());
    }
}

#[test]
fn messages_about_damaged_texts_have_their_form() {
    let catalogs: Vec<_> = ["tiny_source", "tiny_target"].map(catalogs::read).into();
    assert!(compiled(&catalogs, TEXT).1.is_empty());
    let mut seen = BTreeSet::new();
    let bounds: Vec<usize> = TEXT.char_indices().map(|(at, _)| at).collect();
    for (number, at) in bounds.iter().copied().enumerate().step_by(STEP) {
        let (before, after) = TEXT.split_at(at);
        let stray = STRAY[number / STEP % STRAY.len()];
        // Each place is damaged in one of three ways.
        let (text, what) = match number / STEP % 3 {
            0 => (before.to_owned(), "cut".to_owned()),
            1 => {
                let next = bounds.get(number + 1).copied().unwrap_or(TEXT.len());
                (
                    format!("{before}{}", &TEXT[next..]),
                    "a letter less".to_owned(),
                )
            }
            _ => (format!("{before}{stray}{after}"), format!("with {stray:?}")),
        };
        check(&catalogs, &text, &format!("{what} at {at}"), &mut seen);
    }
    assert!(seen.len() > 60, "only {} messages were seen", seen.len());
}

#[test]
fn a_missing_word_is_one_error_and_no_cascade() {
    let catalogs: Vec<_> = ["tiny_source", "tiny_target"].map(catalogs::read).into();
    let (mut words, mut step) = (0, 0);
    let mut rest = TEXT;
    let mut total = 0;
    while let Some(start) = rest.find(char::is_alphabetic) {
        let begin = TEXT.len() - rest.len() + start;
        let length = TEXT[begin..]
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(TEXT.len() - begin);
        rest = &TEXT[begin + length..];
        step += 1;
        if step % 2 == 0 {
            continue;
        }
        let without = format!("{}{rest}", &TEXT[..begin]);
        let (_, found) = compiled(&catalogs, &without);
        words += 1;
        total += found.len();
        assert!(
            found.len() <= 6,
            "{} messages for one missing word `{}`: {:#?}",
            found.len(),
            &TEXT[begin..begin + length],
            found.iter().map(|one| &one.message).collect::<Vec<_>>()
        );
    }
    assert!(
        words > 150 && total <= words * 5 / 4,
        "{total} messages for {words} words"
    );
}
