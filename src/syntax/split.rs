//! Finds the items of a file before the grammar sees them, so that a bad one does not hide the
//! others: PEG parsing stops at the first error.
//!
//! An item begins where a line's first word is an item's keyword and either stands at the line's
//! start or outside all braces. Inside text, comments and backquotes nothing begins. A line that
//! stands alone between items and begins none is a chunk of its own, so that a misspelt keyword
//! or a comment of another language does not spoil the item before it.

use std::ops::Range;

use crate::diagnostics::suggest;

/// What parts words.
pub(super) const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The words items begin with.
pub(super) const ITEM_WORDS: &[&str] = &[
    "mapping",
    "source",
    "target",
    "param",
    "reason",
    "broadcast",
    "view",
    "map",
];

/// A file cut into its parts, as byte ranges of its text.
pub(super) struct Parts {
    /// The `//!` lines (and blanks, comments) before the first item.
    pub(super) header: Range<usize>,
    /// The items, each with the doc comments before it.
    pub(super) items: Vec<Range<usize>>,
}

/// Cuts `text` from byte `from` on, where a line begins, into header and items.
pub(super) fn split(text: &str, from: usize) -> Parts {
    let mut starts: Vec<usize> = Vec::new();
    let mut docs_start: Option<usize> = None;
    let mut depth = 0usize;
    let mut in_text = false;
    // Whether the item before may be over: a blank line or a closing brace came last.
    let mut paused = true;
    // The texts of a reason are plain: braces in them are braces.
    let mut plain = false;
    let mut offset = from;
    for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        if !in_text {
            let trimmed = line.trim_start_matches(BLANKS);
            let indent = line.len() - trimmed.len();
            if trimmed.starts_with("///") && !trimmed.starts_with("////") {
                if indent == 0 || depth == 0 {
                    docs_start.get_or_insert(start);
                }
                continue;
            }
            let is_item = (indent == 0 || depth == 0) && begins_item(trimmed)
                || indent == 0 && depth == 0 && ITEM_WORDS.contains(&without_comment(trimmed));
            let stray = indent == 0 && depth == 0 && is_stray(trimmed, paused);
            if is_item {
                starts.push(docs_start.take().unwrap_or(start));
                depth = 0;
                plain = trimmed.starts_with("reason");
            } else if stray && !starts.is_empty() {
                starts.push(docs_start.take().unwrap_or(start));
            } else if !trimmed.is_empty() && !trimmed.starts_with("//") {
                if depth == 0 && !starts.is_empty() && docs_start.is_some() {
                    // Documentation before something that is no item: a chunk of its own, so that
                    // the grammar says what is wrong with it.
                    starts.extend(docs_start);
                }
                if starts.is_empty() && depth == 0 {
                    starts.push(docs_start.unwrap_or(start));
                }
                docs_start = None;
            }
        }
        let nested = if plain {
            None
        } else {
            scan_nested(line, depth, in_text)
        };
        (depth, in_text) = nested.unwrap_or_else(|| scan_line(line, depth, in_text));
        let closes = without_comment(line).ends_with('}');
        paused = line.trim().is_empty() || depth == 0 && closes;
    }
    starts.extend(docs_start);
    let first = starts.first().copied().unwrap_or(text.len());
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let items = starts
        .iter()
        .copied()
        .zip(ends)
        .map(|(start, end)| start..end)
        .collect();
    Parts {
        header: from..first,
        items,
    }
}

/// The first line from byte `from` up to `end`, but not the line `from` lies in, that begins an item
/// at its very start.
pub(super) fn next_item(text: &str, from: usize, end: usize) -> Option<usize> {
    let mut line_start = from;
    loop {
        line_start += text.get(line_start..end)?.find('\n')? + 1;
        if begins_item(text.get(line_start..end)?) {
            return Some(line_start);
        }
    }
}

/// Whether a line's first word is an item's keyword followed by a name.
fn begins_item(line: &str) -> bool {
    head(line).is_some_and(|(word, _)| ITEM_WORDS.contains(&word))
}

/// The first two words of a line, where the second may be a name.
fn head(line: &str) -> Option<(&str, &str)> {
    let (word, rest) = line.split_at(word_end(line));
    let next = rest.trim_start_matches([' ', '\t']);
    let is_name = next.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '`');
    let name = next.get(..word_end(next)).unwrap_or_default();
    (!word.is_empty() && next.len() < rest.len() && is_name).then_some((word, name))
}

fn word_end(line: &str) -> usize {
    line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(line.len())
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or_default().trim()
}

/// Whether a line outside all braces belongs to no item: a brace too many, documentation of the file
/// behind its head, a comment of another language, a misspelt keyword, or a word after a pause that
/// goes on with nothing.
fn is_stray(line: &str, paused: bool) -> bool {
    const GOES_ON: &[&str] = &[
        "and", "as", "else", "from", "group", "help", "join", "left", "limit", "on", "or", "sql",
        "when", "where",
    ];
    const SIGNS: &[&str] = &["}", "//!", "#", "--", "/*", "<!--"];
    let word = line.get(..word_end(line)).unwrap_or_default();
    let sign = SIGNS.iter().any(|sign| line.starts_with(sign));
    let goes_on = GOES_ON.contains(&word);
    let misspelt = !goes_on
        && head(line).is_some_and(|(word, _)| {
            word.len() > 2 && suggest::nearest(word, ITEM_WORDS.iter().copied()).is_some()
        });
    let comment = line.starts_with("//");
    let alone = !line.is_empty() && !comment && !goes_on && !line.starts_with(['{', '"', '(']);
    sign || misspelt || paused && alone
}

/// Keywords and names of the items in a chunk that could not be read; a text that is not closed can
/// take in several, and several can stand on one line. What is no keyword is taken for a misspelt one.
pub(super) fn heads(chunk: &str) -> Vec<(String, String)> {
    let lines = chunk.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    let mut found: Vec<(String, String)> = Vec::new();
    for (number, line) in lines.enumerate() {
        let is_item = begins_item(line) || ITEM_WORDS.contains(&without_comment(line));
        if !is_item && number > 0 {
            continue;
        }
        let mut words = line
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .peekable();
        let mut first = true;
        while let Some(word) = words.next() {
            if first || ITEM_WORDS.contains(&word) {
                let name = words.peek().copied().unwrap_or_default();
                found.push((word.to_owned(), name.to_owned()));
            }
            first = false;
        }
    }
    found
}

/// Depth of braces and whether a text is open after `line`, where a `{…}` in a text may hold further
/// texts; `None` if one of those is still open: then a brace or quote is missing, and it is better to
/// take the line without its nesting than to lose the items behind it.
fn scan_nested(line: &str, mut depth: usize, mut in_text: bool) -> Option<(usize, bool)> {
    let mut chars = line.chars().peekable();
    let mut in_name = false;
    // The depths at which the `{` of the texts around were met.
    let mut around: Vec<usize> = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_text => {
                chars.next();
            }
            '"' if !in_name => in_text = !in_text,
            '{' if in_text => {
                around.push(depth);
                in_text = false;
            }
            '}' if !in_text && !in_name && around.last() == Some(&depth) => {
                around.pop();
                in_text = true;
            }
            '`' if !in_text => in_name = !in_name,
            '/' if !in_text && !in_name && chars.peek() == Some(&'/') => break,
            '{' if !in_name => depth += 1,
            '}' if !in_text && !in_name => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    around.is_empty().then_some((depth, in_text))
}

/// Depth of braces and whether a text is open after `line`.
fn scan_line(line: &str, mut depth: usize, mut in_text: bool) -> (usize, bool) {
    let mut chars = line.chars().peekable();
    let mut in_name = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_text => {
                chars.next();
            }
            '"' if !in_name => in_text = !in_text,
            '`' if !in_text => in_name = !in_name,
            '/' if !in_text && !in_name && chars.peek() == Some(&'/') => break,
            '{' if !in_text && !in_name => depth += 1,
            '}' if !in_text && !in_name => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (depth, in_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<&str> {
        split(text, 0)
            .items
            .into_iter()
            .map(|range| text[range].trim())
            .collect()
    }

    #[test]
    fn items_keep_their_documentation() {
        let text = "//! file\n\n/// one\nmapping a\nview v from t {\n  // }\n  x = \"}\"\n}\n/// two\nmap m from v { }\n";
        assert_eq!(split(text, 0).header, 0..10);
        assert_eq!(
            items(text),
            [
                "/// one\nmapping a",
                "view v from t {\n  // }\n  x = \"}\"\n}",
                "/// two\nmap m from v { }"
            ]
        );
    }

    #[test]
    fn a_missing_brace_does_not_swallow_the_next_item() {
        assert_eq!(
            items("view v from t {\n  x = 1\nmap m from v {\n}\n"),
            ["view v from t {\n  x = 1", "map m from v {\n}"]
        );
    }

    #[test]
    fn text_over_several_lines_begins_nothing() {
        let text = "reason r warn \"a\nmap b from c\n\"\nmapping x";
        assert_eq!(
            items(text),
            ["reason r warn \"a\nmap b from c\n\"", "mapping x"]
        );
    }

    #[test]
    fn what_stands_between_items_spoils_none() {
        assert_eq!(
            items("mapping a\n\nveiw v from t {\n  x = 1\n}\nmap m from v {\n}\n}\n//! late\n"),
            [
                "mapping a",
                "veiw v from t {\n  x = 1\n}",
                "map m from v {\n}",
                "}",
                "//! late"
            ]
        );
        assert_eq!(
            items("map\nm\nfrom v\n\njoin w on a\n\n{\n}\n\nsource\n"),
            ["map\nm\nfrom v\n\njoin w on a\n\n{\n}", "source"]
        );
    }

    #[test]
    fn texts_inside_texts_begin_and_end_nothing() {
        let nested = r#"view v from t {
  x = "a{replace(t.c, "//", "\"{f("}")}")}b"
}"#;
        assert_eq!(
            items(&format!("{nested}\nmap m from v {{\n}}")),
            [nested, "map m from v {\n}"]
        );
    }

    #[test]
    fn what_cannot_go_on_spoils_nothing_either() {
        for junk in [
            "# c",
            "-- c",
            "/* c */",
            "MAP m FROM t",
            "mapp m from t {\n}",
        ] {
            assert_eq!(
                items(&format!("reason r warn \"x\"\n{junk}\nmap m from t {{\n}}")),
                ["reason r warn \"x\"", junk, "map m from t {\n}"]
            );
        }
        let long = "map m\nfrom v\nleft join w\non a == b\n{\n}";
        assert_eq!(items(long), [long]);
    }

    #[test]
    fn the_next_item_stands_at_a_line_s_start() {
        let text = "map a from \"b\n  map c from d\nmapping\nmap e from f";
        assert_eq!(next_item(text, 11, text.len()), text.find("map e"));
        assert_eq!(next_item(text, 11, 20), None);
    }

    #[test]
    fn every_item_of_an_unread_chunk_is_named() {
        let heads = heads("reason a warn \"x\nmap b from c {\ntarget\n");
        let names: Vec<_> = heads
            .iter()
            .map(|(word, name)| format!("{word} {name}"))
            .collect();
        assert_eq!(names, ["reason a", "map b", "target "]);
        assert_eq!(
            super::heads("veiw v from t {\n x = 1\n}"),
            [("veiw".to_owned(), "v".to_owned())]
        );
        assert_eq!(super::heads("mapping m source s target t").len(), 3);
    }

    #[test]
    fn braces_in_the_text_of_a_reason_are_braces() {
        let reason = "reason r warn \"a { b\"\n    sql \"} {\"";
        assert_eq!(
            items(&format!("{reason}\nmapping x")),
            [reason, "mapping x"]
        );
    }

    #[test]
    fn an_open_brace_in_a_text_does_not_swallow_the_next_item() {
        assert_eq!(
            items("view v from t {\n  x = \"a{b\"\n}\nmap m from v {\n}"),
            ["view v from t {\n  x = \"a{b\"\n}", "map m from v {\n}"]
        );
    }

    #[test]
    fn what_comes_before_the_first_item_is_a_chunk_of_its_own() {
        assert_eq!(
            items("//! d\nnonsense\nmapping x"),
            ["nonsense", "mapping x"]
        );
    }
}
