//! What pest says about a text that does not fit, turned into a diagnostic.

use crate::base::{FileId, Span, is_hidden};
use crate::diagnostics::{Diagnostic, codes};

use super::grammar::Rule;
use super::place::{KEYWORD, Place};
use super::scan::Open;
use super::split::BLANKS;

/// The diagnostic for `error`, found in a chunk that starts `base` bytes into the file; with it, where
/// in the chunk a text begins that has no end, if that is what is wrong.
pub(super) fn syntax_error(
    file: FileId,
    base: usize,
    text: &str,
    error: &pest::error::Error<Rule>,
) -> (Diagnostic, Option<usize>) {
    let place = Place::new(text, error);
    let open = Open::before(text, place.position);
    let span = |start: usize, end: usize| Span::new(file, base + start, base + end);
    match unclosed_text(&place, &open) {
        Some(quote) => (endless(text, quote, &span), Some(quote)),
        None => (misfit(&place, &open, &span), None),
    }
}

/// Where the text begins that has no end in its line, if that is why the place does not fit.
fn unclosed_text(place: &Place<'_>, open: &Open) -> Option<usize> {
    let text = place.text;
    let line_of = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    };
    if let Some(quote) = open.text.or(open.around) {
        let behind = line_of(quote + 1).replace("\\\"", "");
        let inside = text.get(quote..place.position).unwrap_or_default();
        let ends = behind.contains('"') && !inside.contains('\n');
        return (!ends).then_some(quote);
    }
    // A text over several lines, and a word right behind it: its end is the beginning of another.
    let closed = open
        .closed
        .clone()
        .filter(|closed| closed.end == open.end)?;
    let several = text.get(closed.clone())?.contains('\n');
    (several && closed.end == place.position && !place.found.is_empty()).then_some(closed.start)
}

/// A text that has no end.
fn endless(text: &str, quote: usize, span: &dyn Fn(usize, usize) -> Span) -> Diagnostic {
    let line = text.get(quote..).unwrap_or_default().lines().next();
    let length = line.unwrap_or_default().trim_end().len();
    Diagnostic::error(codes::E0001, "text is not closed")
        .primary(span(quote, quote + length), "begins here and has no end")
        .help("add `\"` at its end")
}

fn misfit(place: &Place<'_>, open: &Open, span: &dyn Fn(usize, usize) -> Span) -> Diagnostic {
    let text = place.text;
    let here = span(place.position, place.position + place.found.len());
    if let Some(quote) = open.text {
        return in_text(place, quote, span);
    }
    if let Some(odd) = odd_character(place.found, here) {
        return odd;
    }
    if let Some(doc) = place.idle_documentation() {
        let place = span(doc.start, doc.end);
        if let Some(diagnostic) = misplaced_documentation("///", place) {
            return diagnostic;
        }
    }
    if let Some(misplaced) = misplaced_documentation(place.found, here) {
        return misplaced;
    }
    if let Some(operator) = place.dangling_operator() {
        let end = operator + place.token_length(operator);
        let sign = text.get(operator..end).unwrap_or_default();
        return Diagnostic::error(
            codes::E0001,
            format!("expected an expression behind `{sign}`, found the next rule"),
        )
        .primary(span(operator, end), "an operand is missing behind it");
    }
    if let Some((at, word, meant)) = place.misspelt_line() {
        return Diagnostic::error(
            codes::E0001,
            format!("expected a line of the view, found `{word}`"),
        )
        .primary(span(at, at + word.len()), "expected a line of the view")
        .help(format!("did you mean `{meant}`?"));
    }
    if let Some((bracket, at)) = place.unclosed(open) {
        let closer = if bracket == '(' { ")" } else { "]" };
        let found = found(place);
        let last = text.get(..open.end).unwrap_or_default();
        let start = last.char_indices().next_back().map_or(0, |(at, _)| at);
        return Diagnostic::error(codes::E0001, format!("expected `{closer}`, found {found}"))
            .primary(
                span(start, open.end),
                format!("expected `{closer}` behind this"),
            )
            .secondary(span(at, at + 1), format!("this `{bracket}` is not closed"));
    }
    let expected = place.expected(open);
    let wanted = match place.meant() {
        Some(meant) => format!("`{meant}`"),
        None => phrase(&expected),
    };
    let found = found(place);
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
    let behind = !goes_on && gap.contains('\n') && place.near_word().is_none();
    if place.found.is_empty() || behind {
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
    let begins = span(quote, quote + 1);
    let end = place.position + place.found.len();
    if place.found == "}" {
        return Diagnostic::error(codes::E0001, "expected text, found `}`")
            .primary(span(place.position, end), "closes nothing")
            .secondary(begins, "the text begins here")
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

/// A character that is neither a sign nor a letter nor a blank of the language.
fn odd_character(found: &str, here: Span) -> Option<Diagnostic> {
    let c = found.chars().next()?;
    let name = match c {
        '\0' => Some("a byte of zero"),
        '\u{b}' => Some("vertical tab"),
        '\u{c}' => Some("form feed"),
        '\u{1b}' => Some("escape"),
        '\u{a0}' | '\u{202f}' => Some("no-break space"),
        '\u{ad}' => Some("soft hyphen"),
        '\u{200b}' => Some("zero-width space"),
        '\u{2028}' => Some("line separator"),
        '\u{2029}' => Some("paragraph separator"),
        '\u{feff}' => Some("byte order mark"),
        _ => None,
    };
    let odd_blank = c.is_whitespace() && !BLANKS.contains(&c);
    if !is_hidden(c) && !odd_blank {
        return None;
    }
    let number = u32::from(c);
    let named = name.map_or_else(String::new, |name| format!(" ({name})"));
    let help = if c.is_whitespace() {
        "write a plain space in its place"
    } else {
        "remove it"
    };
    let message = format!("unexpected character U+{number:04X}{named}");
    let diagnostic = Diagnostic::error(codes::E0001, message).primary(here, "this character");
    Some(
        diagnostic
            .note("words are parted by spaces, tabs and line ends alone")
            .help(help),
    )
}

/// What stands at the place, for a message.
fn found(place: &Place<'_>) -> String {
    if place.found.is_empty() {
        "the end of the item".to_owned()
    } else {
        format!("`{}`", shorten(place.found))
    }
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
