//! YAML with comments, written so that every reader of YAML 1.1 and 1.2 understands it alike.

use std::fmt::Write;

/// A value to be written.
#[derive(Debug)]
pub(super) enum Yaml {
    /// A scalar, already in the form in which it is written.
    Scalar(String),
    /// Text of several lines.
    Block(String),
    /// Keys and values.
    Map(Vec<Entry>),
    /// Values, each with the comment above it.
    List(Vec<(Vec<String>, Yaml)>),
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Entry {
    /// Lines of comment above it.
    pub(super) above: Vec<String>,
    /// The key.
    pub(super) key: String,
    /// The value.
    pub(super) value: Yaml,
    /// A comment behind it.
    pub(super) beside: Option<String>,
}

impl Entry {
    /// A key with its value, without comments.
    pub(super) fn new(key: &str, value: Yaml) -> Self {
        Self {
            above: Vec::new(),
            key: key.to_owned(),
            value,
            beside: None,
        }
    }

    /// The same with lines of comment above.
    pub(super) fn above(self, lines: &[&str]) -> Self {
        Self {
            above: lines.iter().map(|line| (*line).to_owned()).collect(),
            ..self
        }
    }

    /// The same with a comment behind.
    pub(super) fn beside(self, comment: impl Into<String>) -> Self {
        Self {
            beside: Some(comment.into()),
            ..self
        }
    }
}

/// Text as a scalar: plain where no reader could take it for anything else, else in quotes.
pub(super) fn text(text: &str) -> Yaml {
    Yaml::Scalar(scalar(text))
}

/// A boolean or a number as a scalar.
pub(super) fn bare(value: impl std::fmt::Display) -> Yaml {
    Yaml::Scalar(value.to_string())
}

/// Puts an entry below the levels that the dots of its key name; they are made where they lack.
pub(super) fn insert(entries: &mut Vec<Entry>, path: &str, entry: Entry) {
    let Some((head, rest)) = path.split_once('.') else {
        entries.push(entry);
        return;
    };
    let known = entries
        .iter()
        .position(|known| known.key == head && matches!(known.value, Yaml::Map(_)));
    let at = known.unwrap_or_else(|| {
        entries.push(Entry::new(head, Yaml::Map(Vec::new())));
        entries.len() - 1
    });
    if let Some(Entry {
        value: Yaml::Map(below),
        ..
    }) = entries.get_mut(at)
    {
        insert(below, rest, entry);
    }
}

/// The text of a document; sections are set apart by blank lines.
pub(super) fn document(head: &[String], sections: &[Entry]) -> String {
    let mut out = String::new();
    comment(&mut out, 0, head);
    for section in sections {
        out.push('\n');
        entry(&mut out, 0, section);
    }
    out
}

fn entry(out: &mut String, indent: usize, entry: &Entry) {
    comment(out, indent, &entry.above);
    let pad = " ".repeat(indent);
    let _ = write!(out, "{pad}{}:", scalar(&entry.key));
    value(out, indent, &entry.value, entry.beside.as_deref());
}

/// What follows a key's colon, up to the end of the line or lines.
fn value(out: &mut String, indent: usize, value: &Yaml, beside: Option<&str>) {
    let beside = beside.map_or(String::new(), |comment| format!("  # {}", line(comment)));
    match value {
        Yaml::Scalar(scalar) => {
            let _ = writeln!(out, " {scalar}{beside}");
        }
        Yaml::Block(text) => {
            let _ = writeln!(out, " |{beside}");
            let pad = " ".repeat(indent + 2);
            for line in text.lines() {
                let _ = writeln!(out, "{pad}{line}");
            }
        }
        Yaml::Map(entries) if entries.is_empty() => {
            let _ = writeln!(out, " {{}}{beside}");
        }
        Yaml::List(items) if items.is_empty() => {
            let _ = writeln!(out, " []{beside}");
        }
        Yaml::Map(entries) => {
            let _ = writeln!(out, "{beside}");
            for below in entries {
                entry(out, indent + 2, below);
            }
        }
        Yaml::List(items) => {
            let _ = writeln!(out, "{beside}");
            for (above, item) in items {
                comment(out, indent + 2, above);
                list_item(out, indent + 2, item);
            }
        }
    }
}

fn list_item(out: &mut String, indent: usize, item: &Yaml) {
    let pad = " ".repeat(indent);
    match item {
        Yaml::Map(entries) => {
            // The first key stands behind the dash, its comment above the dash.
            let mut inside = String::new();
            for (at, below) in entries.iter().enumerate() {
                if at == 0 {
                    comment(out, indent, &below.above);
                    let mut first = String::new();
                    let _ = write!(first, "{}:", scalar(&below.key));
                    value(
                        &mut first,
                        indent + 2,
                        &below.value,
                        below.beside.as_deref(),
                    );
                    let _ = write!(inside, "{pad}- {first}");
                } else {
                    entry(&mut inside, indent + 2, below);
                }
            }
            out.push_str(&inside);
        }
        Yaml::Scalar(_) | Yaml::Block(_) | Yaml::List(_) => {
            let _ = write!(out, "{pad}-");
            value(out, indent, item, None);
        }
    }
}

fn comment(out: &mut String, indent: usize, lines: &[String]) {
    let pad = " ".repeat(indent);
    for text in lines {
        let text = line(text);
        let _ = if text.is_empty() {
            writeln!(out, "{pad}#")
        } else {
            writeln!(out, "{pad}# {text}")
        };
    }
}

/// A comment must not end its line: names of files may hold anything.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| if printable(c) { c } else { '?' })
        .collect()
}

/// Whether a reader takes the character for itself, and not for a line break or a mistake.
fn printable(c: char) -> bool {
    !(c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        ))
}

fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    // Words that are no text to some reader.
    let special = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
    ];
    if plain && !special.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if printable(c) => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::raw::{Node, Scalar, Schema, Value, read};

    fn back(node: &Node, key: &str) -> String {
        let Value::Map(entries) = &node.value else {
            panic!("no map");
        };
        let (_, value) = entries.iter().find(|(name, _)| name == key).unwrap();
        match &value.value {
            Value::Scalar(Scalar::Text(text)) => text.clone(),
            _ => panic!("no text"),
        }
    }

    #[test]
    fn every_text_comes_back_as_it_was_in_every_schema() {
        let all: String = (0..0x3000)
            .filter_map(char::from_u32)
            .chain(['\u{feff}', '\u{fffe}', '\u{ffff}', '😀'])
            .collect();
        let texts = [
            "",
            " ",
            "no",
            "Off",
            "NULL",
            "~",
            "1",
            "1e3",
            "0x1F",
            ".5",
            "01ARZ3",
            "2024-01-01",
            "a: b",
            "a #b",
            "- a",
            "*a",
            "&a",
            "!a",
            "{a}",
            "[a]",
            "a,b",
            "'",
            "\"",
            "\\n",
            "%a",
            "@a",
            "`a`",
            "|",
            ">",
            "a\nb\n",
            "\ta",
            "a ",
            "=",
            "<<",
            "{{ user.sub }}",
            "https://x/?a=b&c",
            "pass word",
            "nan",
            ".nan",
            all.as_str(),
        ];
        for given in texts {
            let written = document(&[], &[Entry::new("k", text(given))]);
            for schema in [Schema::Core, Schema::Python] {
                let node = read("f", &written, schema)
                    .unwrap_or_else(|problem| panic!("{problem:?}: {written}"));
                assert_eq!(back(&node, "k"), given, "{written}");
            }
            let judge: serde_yaml::Value = serde_yaml::from_str(&written).unwrap();
            assert_eq!(judge.get("k").unwrap().as_str(), Some(given), "{written}");
        }
    }

    #[test]
    fn the_form() {
        let mut below = Vec::new();
        insert(&mut below, "a.b", Entry::new("b", bare(1)).beside("one"));
        insert(
            &mut below,
            "a.c",
            Entry::new("c", Yaml::Block("x\ny\n".to_owned())),
        );
        let item = Yaml::Map(vec![
            Entry::new("first", text("x")).above(&["said\nabove"]),
            Entry::new("second", Yaml::List(Vec::new())),
        ]);
        let list = Yaml::List(vec![
            (vec!["item".to_owned()], item),
            (Vec::new(), text("1")),
        ]);
        let sections = [
            Entry::new("top", Yaml::Map(below)).above(&["about", "", "top"]),
            Entry::new("list", list),
            Entry::new("none", Yaml::Map(Vec::new())),
        ];
        assert_eq!(
            document(&["head".to_owned()], &sections),
            "# head\n\n# about\n#\n# top\ntop:\n  a:\n    b: 1  # one\n    c: |\n      x\n      y\n\nlist:\n  # item\n  # said?above\n  - first: x\n    second: []\n  - \"1\"\n\nnone: {}\n"
        );
    }
}
