//! How deep an item is nested, told before the grammar reads it: the parser and everything behind it
//! go one level down the stack for each level of the text, and a stack has an end.

use std::ops::Range;

use crate::base::{FileId, Span};
use crate::diagnostics::{Diagnostic, codes};

/// How many brackets, `if`s, `match`es and `else`s may stand inside each other.
pub(super) const MAX_NESTING: usize = 100;

/// The diagnostic for what is nested too deep.
pub(super) fn too_deep(place: Span) -> Diagnostic {
    Diagnostic::error(codes::E0003, "expression is nested too deep")
        .primary(place, format!("the level number {} begins here", MAX_NESTING + 1))
        .note(format!(
            "at most {MAX_NESTING} brackets, `if`, `match`, `else` and `not` can stand inside each other; lists such as `a and b and c` or `if … else if … else …` can be of any length"
        ))
        .help("name the inner parts by `let`, or by fields of a view")
}

/// Reports the place in a chunk, which starts `base` bytes into the file, where the nesting is too
/// deep for the parser.
pub(super) fn check(file: FileId, base: usize, chunk: &str) -> Option<Diagnostic> {
    let mut lines = chunk.lines().map(str::trim_start);
    let head = lines.find(|line| !line.is_empty() && !line.starts_with("//"));
    if head.is_some_and(|head| head.starts_with("reason")) {
        // The braces in its texts are braces.
        return None;
    }
    let place = deepest(chunk)?;
    Some(too_deep(Span::new(
        file,
        base + place.start,
        base + place.end,
    )))
}

/// A bracket that is open, or the chunk itself.
#[derive(Default)]
struct Level {
    /// Whether a text goes on behind it.
    in_text: bool,
    /// Words inside it that take in what stands behind them.
    words: usize,
    /// How many `if`s still wait for their `else`.
    waiting: usize,
    /// How many `match`es still wait for their `{`.
    matches: usize,
}

/// Where the nesting passes the limit.
fn deepest(chunk: &str) -> Option<Range<usize>> {
    let mut levels = vec![Level::default()];
    let mut depth = 0usize;
    let mut in_text = false;
    let mut after_else = false;
    let mut rest = chunk;
    while let Some(c) = rest.chars().next() {
        let at = chunk.len() - rest.len();
        let mut length = c.len_utf8();
        let was_after_else = std::mem::take(&mut after_else);
        let level = levels.last_mut()?;
        match c {
            '\\' if in_text => {
                length += rest.chars().nth(1).map_or(0, char::len_utf8);
            }
            '"' => in_text = !in_text,
            '{' | '(' | '[' if c == '{' || !in_text => {
                if c == '{' && level.matches > 0 {
                    // From here on the arms are the level.
                    level.matches -= 1;
                    level.words -= 1;
                    depth -= 1;
                }
                depth += 1;
                levels.push(Level {
                    in_text,
                    ..Level::default()
                });
                in_text = false;
            }
            _ if in_text => {}
            '}' | ')' | ']' => {
                if levels.len() > 1
                    && let Some(closed) = levels.pop()
                {
                    depth = depth.saturating_sub(1 + closed.words);
                    in_text = closed.in_text;
                }
            }
            '`' => {
                let name = rest.get(1..).unwrap_or_default();
                length += name.find(['`', '\n']).map_or(name.len(), |end| end + 1);
            }
            '/' if rest.starts_with("//") => {
                length = rest.find('\n').unwrap_or(rest.len());
                after_else = was_after_else;
            }
            ',' => forget(level, &mut depth),
            '=' | '!' | '<' | '>' => {
                let sign = rest.len() - rest.trim_start_matches(['=', '!', '<', '>']).len();
                length = sign;
                if matches!(rest.get(..sign), Some("=" | "=>")) {
                    forget(level, &mut depth);
                }
            }
            '_' | 'a'..='z' | 'A'..='Z' | '0'..='9' => {
                length = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                match rest.get(..length).unwrap_or_default() {
                    "if" => {
                        if !was_after_else {
                            level.words += 1;
                            depth += 1;
                        }
                        level.waiting += 1;
                    }
                    // The arm of a `match`.
                    "else" if behind(rest, length).starts_with("=>") => {}
                    "else" => {
                        after_else = true;
                        if level.waiting > 0 {
                            level.waiting -= 1;
                        } else {
                            level.words += 1;
                            depth += 1;
                        }
                    }
                    "match" => {
                        level.matches += 1;
                        level.words += 1;
                        depth += 1;
                    }
                    "when" | "where" | "on" | "by" | "into" | "join" => forget(level, &mut depth),
                    _ => {}
                }
            }
            c if c.is_whitespace() => after_else = was_after_else,
            _ => {}
        }
        if depth > MAX_NESTING {
            return Some(at..at + length);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    None
}

fn behind(rest: &str, length: usize) -> &str {
    rest.get(length..).unwrap_or_default().trim_start()
}

/// An expression has ended: what was open in it is not any more.
fn forget(level: &mut Level, depth: &mut usize) {
    *depth = depth.saturating_sub(level.words);
    level.words = 0;
    level.waiting = 0;
    level.matches = 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(text: &str) -> bool {
        deepest(text).is_some()
    }

    #[test]
    fn what_stands_inside_each_other_is_counted() {
        for (open, close, levels_each) in [
            ("(", ")", 1),
            ("f(", ")", 1),
            ("[", "]", 1),
            ("\"{", "}\"", 1),
            ("if a then (", ") else 1", 2),
            ("if a then b else (", ")", 2),
            ("if a then ", " else 1", 1),
            ("f(x) else ", "", 1),
            ("match x { 1 => ", ", else => 2 }", 1),
            ("match ", " { 1 => 1, else => 2 }", 1),
        ] {
            let nested = |levels| format!("{}x{}", open.repeat(levels), close.repeat(levels));
            assert!(!deep(&nested(MAX_NESTING / levels_each)), "{open}");
            assert!(deep(&nested(MAX_NESTING / levels_each + 1)), "{open}");
        }
    }

    #[test]
    fn what_stands_beside_each_other_is_not() {
        for text in [
            "(a) + ",
            "x = if a then b else c\n",
            "if a then b else // or\n",
            "skip r when if a then b else c\n",
            "if a then b else c, ",
            "\"{a} \\{ ( [ if else\" ",
            "x = f(y) else 1\n",
            "1 => match a { 1 => 2, else => 3 },\n",
            "a and not b or ",
        ] {
            assert!(!deep(&text.repeat(1000)), "{text}");
        }
        assert!(!deep(&"`(((` // (((\n".repeat(100)));
    }
}
