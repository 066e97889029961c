//! What pest says about a text that does not fit, turned into a diagnostic.

use pest::error::{ErrorVariant, InputLocation};

use crate::base::{FileId, Span};
use crate::diagnostics::{Diagnostic, codes};

use super::grammar::{Rule, noun};

/// The diagnostic for `error`, found in a chunk that starts `base` bytes into the file.
pub(super) fn syntax_error(
    file: FileId,
    base: usize,
    text: &str,
    error: &pest::error::Error<Rule>,
) -> Diagnostic {
    let (position, mut expected) = furthest(error);
    let position = skip_blank(text, position.min(text.len()));
    let rest = text.get(position..).unwrap_or_default();
    let found = first_token(rest);
    let span = Span::new(file, base + position, base + position + found.len());
    expected.sort();
    expected.dedup();
    let wanted = phrase(&expected);
    let what = if found.is_empty() {
        "the end of the item".to_owned()
    } else {
        format!("`{}`", shorten(found))
    };
    let message = if wanted.is_empty() {
        format!("unexpected {what}")
    } else {
        format!("expected {wanted}, found {what}")
    };
    let label = if wanted.is_empty() {
        "not expected here".to_owned()
    } else {
        format!("expected {wanted}")
    };
    let mut diagnostic = Diagnostic::error(codes::E0001, message).primary(span, label);
    if found == "=" && expected.iter().any(|noun| noun == "an operator") {
        diagnostic = diagnostic.help("values are compared with `==`");
    }
    if let Some(help) = word_help(found) {
        diagnostic = diagnostic.help(help);
    }
    diagnostic
}

/// The furthest position that parsing reached and what would have been right there.
fn furthest(error: &pest::error::Error<Rule>) -> (usize, Vec<String>) {
    if let Some(attempts) = error.parse_attempts() {
        let mut expected: Vec<String> = Vec::new();
        for token in attempts.expected_tokens() {
            let text = token.to_string();
            if let Some(noun) = token_noun(&text) {
                expected.push(noun);
            }
        }
        for stack in attempts.call_stacks() {
            let rule = stack.deepest.get_rule().copied().or(stack.parent);
            if let Some(noun) = rule.and_then(noun) {
                expected.push(noun.to_owned());
            }
        }
        return (attempts.max_position, expected);
    }
    let position = match error.location {
        InputLocation::Pos(position) | InputLocation::Span((position, _)) => position,
    };
    let expected = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives
            .iter()
            .filter_map(|rule| noun(*rule))
            .map(str::to_owned)
            .collect(),
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    (position, expected)
}

/// What a token pest expected is called; `None` for blanks and parts of words.
fn token_noun(token: &str) -> Option<String> {
    let sign = !token.is_empty() && token.chars().all(|c| c.is_ascii_punctuation());
    let operator = [
        "==", "!=", "<=", ">=", "<", ">", "??", "+", "-", "*", "/", "%", "//", "///", "////",
        "//!", "_", "`", "\"", "\\",
    ];
    (sign && !operator.contains(&token)).then(|| format!("`{token}`"))
}

/// The position after blanks and comments, where the reader looks.
fn skip_blank(text: &str, mut position: usize) -> usize {
    while !text.is_char_boundary(position) {
        position -= 1;
    }
    loop {
        let rest = text.get(position..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        position += blank;
        let rest = text.get(position..).unwrap_or_default();
        if rest.starts_with("//") && !rest.starts_with("///") && !rest.starts_with("//!") {
            position += rest.find('\n').unwrap_or(rest.len());
        } else {
            return position;
        }
    }
}

/// The word or sign at the start of `rest`.
fn first_token(rest: &str) -> &str {
    let word = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let length = if word > 0 {
        word
    } else if rest.starts_with('"') {
        rest.get(1..)
            .and_then(|tail| tail.find(['"', '\n']))
            .map_or(rest.len().min(1), |end| end + 2)
    } else {
        ["==", "!=", "<=", ">=", "??", "=>", "->", "&&", "||"]
            .iter()
            .find(|sign| rest.starts_with(**sign))
            .map_or_else(
                || rest.chars().next().map_or(0, char::len_utf8),
                |sign| sign.len(),
            )
    };
    rest.get(..length).unwrap_or(rest)
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

/// Advice on signs of other languages.
fn word_help(found: &str) -> Option<&'static str> {
    Some(match found {
        "&&" => "conditions are joined with `and`",
        "||" => "conditions are joined with `or`",
        "!" => "a condition is turned around with `not`",
        "'" => "text stands in double quotes",
        ";" => "lines need no sign at their end",
        "null" => "compare with null by `is null` or `is not null`",
        _ => return None,
    })
}
