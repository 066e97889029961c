//! Texts, comments and brackets, as far as they can be told without the grammar: for messages about
//! what the grammar does not take, and for the ends of spans.

use super::split::BLANKS;

/// What is open before a position.
pub(super) struct Open {
    /// Where the text begins that the position lies in.
    pub(super) text: Option<usize>,
    /// Where the text begins in whose expression the position lies.
    pub(super) around: Option<usize>,
    /// Brackets that are not closed, with their places.
    pub(super) brackets: Vec<(char, usize)>,
    /// Where the last word or sign before the position ends, blanks and plain comments left out.
    pub(super) end: usize,
    /// The text that was closed last before the position.
    pub(super) closed: Option<std::ops::Range<usize>>,
}

impl Open {
    /// Reads the text up to `position` the way the grammar does, as far as texts, comments and
    /// brackets go; brackets in a text are those of its expressions.
    pub(super) fn before(text: &str, position: usize) -> Open {
        let mut brackets: Vec<(char, usize)> = Vec::new();
        let mut quotes: Vec<(usize, usize)> = Vec::new();
        let mut chars = text
            .get(..position)
            .unwrap_or_default()
            .char_indices()
            .peekable();
        let mut end = 0;
        let mut closed = None;
        let rest = |at: usize| text.get(at..position).unwrap_or_default();
        while let Some((at, c)) = chars.next() {
            let comment = rest(at).starts_with("//")
                && (!rest(at).starts_with("///") || rest(at).starts_with("////"))
                && !rest(at).starts_with("//!");
            let in_text = quotes
                .last()
                .is_some_and(|(_, depth)| *depth == brackets.len());
            match c {
                '\\' if in_text => {
                    chars.next();
                }
                '"' if in_text => {
                    closed = quotes.pop().map(|(begin, _)| begin..at + 1);
                }
                '{' if in_text => brackets.push((c, at)),
                _ if in_text => {}
                '"' => quotes.push((at, brackets.len())),
                '`' => while chars.next().is_some_and(|(_, c)| c != '`' && c != '\n') {},
                '/' if chars.peek().is_some_and(|(_, c)| *c == '/') => {
                    let line = rest(at).lines().next().unwrap_or_default();
                    if !comment {
                        end = at + line.trim_end().len();
                    }
                    while chars.next().is_some_and(|(_, c)| c != '\n') {}
                    continue;
                }
                '{' | '(' | '[' => brackets.push((c, at)),
                '}' | ')' | ']' => {
                    brackets.pop();
                }
                _ => {}
            }
            if !BLANKS.contains(&c) {
                end = chars.peek().map_or(position, |(next, _)| *next);
            }
        }
        let text = quotes
            .last()
            .filter(|(_, depth)| *depth == brackets.len())
            .map(|(at, _)| *at);
        let around = quotes.last().map(|(at, _)| *at).filter(|_| text.is_none());
        Open {
            text,
            around,
            brackets,
            end,
            closed,
        }
    }
}

/// The position after blanks and comments, where the reader looks.
pub(super) fn skip_blank(text: &str, mut position: usize) -> usize {
    while !text.is_char_boundary(position) {
        position -= 1;
    }
    if Open::before(text, position).text.is_some() {
        return position;
    }
    loop {
        let rest = text.get(position..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches(BLANKS).len();
        position += blank;
        let rest = text.get(position..).unwrap_or_default();
        let is_doc = rest.starts_with("//!") || rest.starts_with("///");
        if rest.starts_with("//") && (!is_doc || rest.starts_with("////")) {
            position += rest.find('\n').unwrap_or(rest.len());
        } else {
            return position;
        }
    }
}

/// The word or sign at the start of `rest`.
pub(super) fn first_token(rest: &str) -> &str {
    let word = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let length = if word > 0 {
        word
    } else if rest.starts_with('"') {
        rest.get(1..)
            .and_then(|tail| tail.find(['"', '\n']))
            .map_or(rest.len().min(1), |end| {
                let closed = rest.as_bytes().get(end + 1) == Some(&b'"');
                if closed { end + 2 } else { 1 }
            })
    } else {
        [
            "///", "//!", "/*", "--", "<>", "==", "!=", "<=", ">=", "??", "=>", "->", "&&", "||",
        ]
        .iter()
        .find(|sign| rest.starts_with(**sign))
        .map_or_else(
            || rest.chars().next().map_or(0, char::len_utf8),
            |sign| sign.len(),
        )
    };
    rest.get(..length).unwrap_or(rest)
}

/// The length of `text` without the blanks and comments at its end.
pub(super) fn trimmed_length(text: &str) -> usize {
    let trimmed = text.trim_end();
    if trimmed.contains("//") {
        Open::before(trimmed, trimmed.len()).end
    } else {
        trimmed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_nothing() {
        assert_eq!(trimmed_length("f(x) // as said\n  "), 4);
        assert_eq!(trimmed_length("\"http://x\" "), 10);
        assert_eq!(trimmed_length("\"{f(\"//\")}//\"//\""), 13);
        assert_eq!(trimmed_length("a /// doc\n"), 9);
        assert_eq!(trimmed_length("a //// no doc\n"), 1);
    }

    #[test]
    fn brackets_and_texts_are_open_until_they_are_closed() {
        let open = Open::before("a { (b) [ `{` \"\\\" { x", 21);
        assert_eq!(
            open.brackets.iter().map(|(c, _)| *c).collect::<String>(),
            "{[{"
        );
        assert!(
            open.text.is_none(),
            "an expression inside a text is no text"
        );
        assert_eq!(Open::before("x = \"a {b} c", 12).text, Some(4));
        assert_eq!(Open::before("x = \"a {\"b\"} c\"", 16).text, None);
    }

    #[test]
    fn tokens_are_words_signs_and_texts() {
        for (text, token) in [
            ("ab_1-c", "ab_1"),
            ("??x", "??"),
            ("\"a b\" c", "\"a b\""),
            ("\"a b", "\""),
            ("//! x", "//!"),
            ("“x", "“"),
            ("", ""),
        ] {
            assert_eq!(first_token(text), token);
        }
    }
}
