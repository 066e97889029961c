//! What pest says about a text that does not fit, turned into a diagnostic.

use crate::base::{FileId, Span};
use crate::diagnostics::{Diagnostic, codes};

use super::grammar::Rule;
use super::place::{KEYWORD, Place};
use super::scan::Open;

/// The diagnostic for `error`, found in a chunk that starts `base` bytes into the file.
pub(super) fn syntax_error(
    file: FileId,
    base: usize,
    text: &str,
    error: &pest::error::Error<Rule>,
) -> Diagnostic {
    let place = Place::new(text, error);
    let span = |start: usize, end: usize| Span::new(file, base + start, base + end);
    let here = span(place.position, place.position + place.found.len());
    let open = Open::before(text, place.position);
    if let Some(quote) = open.text {
        return in_text(&place, quote, &span);
    }
    if let Some(misplaced) = misplaced_documentation(place.found, here) {
        return misplaced;
    }
    if let Some(operator) = place.dangling_operator() {
        let end = operator + place.token_length(operator);
        return Diagnostic::error(codes::E0001, "expected an expression, found the next line")
            .primary(span(operator, end), "an expression is missing behind it");
    }
    let expected = place.expected(&open);
    let wanted = match place.meant() {
        Some(meant) => format!("`{meant}`"),
        None => phrase(&expected),
    };
    let found = if place.found.is_empty() {
        "the end of the item".to_owned()
    } else {
        format!("`{}`", shorten(place.found))
    };
    if wanted.is_empty() {
        let diagnostic = Diagnostic::error(codes::E0001, format!("unexpected {found}"));
        return place.advice(diagnostic.primary(here, "not expected here"));
    }
    let mut diagnostic =
        Diagnostic::error(codes::E0001, format!("expected {wanted}, found {found}"));
    // What is missing at the end of a line is missing there, not where the next one begins.
    let gap = text.get(open.end..place.position).unwrap_or_default();
    let goes_on = ["let", "///", "mapping", "join", KEYWORD]
        .iter()
        .any(|token| place.expects(token));
    if place.found.is_empty() || (!goes_on && gap.contains('\n')) {
        let last = text.get(..open.end).unwrap_or_default();
        let start = last.char_indices().next_back().map_or(0, |(at, _)| at);
        diagnostic = diagnostic.primary(
            span(start, open.end),
            format!("expected {wanted} behind this"),
        );
        if let Some((bracket, at)) = open.brackets.last().filter(|_| place.found.is_empty()) {
            diagnostic = diagnostic.secondary(
                span(*at, at + bracket.len_utf8()),
                format!("this `{bracket}` is not closed"),
            );
        }
    } else {
        diagnostic = diagnostic.primary(here, format!("expected {wanted}"));
    }
    place.advice(diagnostic)
}

/// Documentation where there is nothing to document.
fn misplaced_documentation(found: &str, here: Span) -> Option<Diagnostic> {
    let (message, label, help) = match found {
        "///" => (
            "doc comment where nothing can be documented",
            "documents nothing",
            "it stands on lines of its own before an item, a line of a block or a rule; a plain comment begins with `//`",
        ),
        "//!" => (
            "documentation of the file behind its first item",
            "belongs at the top of the file",
            "move it up, or begin it with `///` where it documents what follows",
        ),
        _ => return None,
    };
    let diagnostic = Diagnostic::error(codes::E0001, message).primary(here, label);
    Some(diagnostic.help(help))
}

/// An error inside a text that begins at `quote`.
fn in_text(place: &Place<'_>, quote: usize, span: &dyn Fn(usize, usize) -> Span) -> Diagnostic {
    let inside = place.text.get(quote..place.position).unwrap_or_default();
    if place.found.is_empty() || inside.contains('\n') {
        let line = inside.lines().next().unwrap_or_default().trim_end();
        return Diagnostic::error(codes::E0001, "text is not closed")
            .primary(
                span(quote, quote + line.len()),
                "begins here and has no end",
            )
            .help("add `\"` at its end");
    }
    let end = place.position + place.found.len();
    if place.found == "}" {
        return Diagnostic::error(codes::E0001, "expected text, found `}`")
            .primary(span(place.position, end), "closes nothing")
            .help("a brace that is text is written `\\}`");
    }
    let escaped = inside.ends_with('\\');
    let character = place.found.chars().next().map_or(0, char::len_utf8);
    let start = place.position - usize::from(escaped);
    let end = place.position + character;
    let what = place.text.get(start..end).unwrap_or_default();
    Diagnostic::error(codes::E0001, format!("no escape `{what}`"))
        .primary(span(start, end), "unknown escape")
        .note("escapes are `\\\"`, `\\\\`, `\\n`, `\\r`, `\\t`, `\\{`, `\\}` and `\\u{…}` with 1 to 6 digits")
        .help("a backslash itself is written `\\\\`")
}

fn shorten(token: &str) -> String {
    let mut short: String = token
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(30)
        .collect();
    if short.len() < token.len() {
        short.push('…');
    }
    short
}

/// `a, b or c`.
fn phrase(nouns: &[String]) -> String {
    match nouns {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
