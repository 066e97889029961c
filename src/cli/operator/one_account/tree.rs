//! The document about an account as a tree for people, 80 columns wide.

use crate::types::SeverityValue;

use super::report::{
    AccountReport, EndReport, FateReport, HeldReport, ReasonNote, SourceRow, TargetRow,
};

/// The width that lines keep to where their words allow.
const WIDTH: usize = 80;

/// How much of a value is shown.
const VALUE: usize = 60;

/// A line and what hangs below it.
struct Node {
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn new(text: impl Into<String>, children: Vec<Node>) -> Self {
        Self {
            text: text.into(),
            children,
        }
    }

    fn leaf(text: impl Into<String>) -> Self {
        Self::new(text, Vec::new())
    }
}

/// The tree.
pub fn render(report: &AccountReport) -> String {
    let mut parts = Vec::new();
    let name = match &report.account {
        Some(account) => account.clone(),
        None => "a token of no account".to_owned(),
    };
    if !report.source.is_empty() {
        let account = report.account.as_deref().unwrap_or_default();
        let tables = report.source.iter().map(|table| {
            let whole = if table.table == super::ACCOUNTS {
                "the account"
            } else {
                "a row of the account"
            };
            let rows = table.rows.iter().map(|row| source_row(row, account, whole));
            Node::new(table.table.clone(), rows.collect())
        });
        parts.push(Node::new("Synapse holds", tables.collect()));
    }
    if !report.target.is_empty() {
        let tables = report.target.iter().map(|table| {
            let rows = table.rows.iter().map(target_row).collect();
            Node::new(table.table.clone(), rows)
        });
        parts.push(Node::new("MAS gets", tables.collect()));
    }
    if let Some(token) = &report.token {
        parts.push(Node::new("the token", vec![Node::leaf(token.text.clone())]));
    }
    let mut text = String::new();
    draw(&Node::new(name, parts), "", "", &mut text);
    text
}

/// `whole` is what a row is called whose key is the account's alone.
fn source_row(row: &SourceRow, account: &str, whole: &str) -> Node {
    let mut parts = Vec::new();
    let values: Vec<String> = row
        .values
        .iter()
        // What is off or none is not worth a word.
        .filter(|(_, value)| !matches!(value.as_str(), "0" | "false"))
        .map(|(name, value)| together(&format!("{name}: {}", shortened(value))))
        .collect();
    if !values.is_empty() {
        parts.push(Node::leaf(values.join("\u{a0}· ")));
    }
    parts.extend(row.notes.iter().map(note));
    if row.ends.is_empty() {
        parts.push(Node::leaf("only looked up: becomes no row of its own"));
    }
    parts.extend(row.ends.iter().map(end));
    // Every key begins with the account, which stands above.
    let rest = row.key.strip_prefix(account).map(str::trim_start);
    let key = match rest.unwrap_or(&row.key) {
        "" if row.key.is_empty() => "a row whose key is not shown",
        "" => whole,
        rest => rest,
    };
    Node::new(key, parts)
}

fn note(note: &ReasonNote) -> Node {
    let word = match note.severity {
        SeverityValue::Error => "error",
        SeverityValue::Warn => "warning",
        SeverityValue::Quiet => "noted",
    };
    Node::leaf(format!("{word}: {}", reason(note)))
}

fn reason(note: &ReasonNote) -> String {
    let why = if note.why.is_empty() {
        String::new()
    } else {
        format!(" (a value {})", note.why)
    };
    format!("{}: {}{why}", note.reason, note.meaning)
}

fn end(end: &EndReport) -> Node {
    let why = end.reason.as_ref().map_or_else(String::new, reason);
    let map = &end.map;
    Node::leaf(match end.fate {
        FateReport::Written => {
            let rows: Vec<String> = end
                .into
                .iter()
                .map(|row| together(&format!("{} {}", row.table, row.key)))
                .collect();
            format!("`{map}` → {}", rows.join(", "))
        }
        FateReport::Skipped => format!("`{map}`: left out: {why}"),
        FateReport::SkippedWithOwner => {
            format!("`{map}`: left out with what it belongs to: {why}")
        }
        FateReport::Rejected => format!("`{map}`: rejected: {why}"),
    })
}

/// A text whose words are to stay on one line.
fn together(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

fn target_row(row: &TargetRow) -> Node {
    let held = match row.held {
        HeldReport::Missing => "not there".to_owned(),
        HeldReport::Same => "there".to_owned(),
        HeldReport::Differs => format!("there, but differs in `{}`", row.columns.join("`, `")),
    };
    Node::leaf(format!("{}: {held}", row.key))
}

/// The beginning of a long value.
fn shortened(value: &str) -> String {
    if value.chars().count() <= VALUE {
        return value.to_owned();
    }
    let beginning: String = value.chars().take(VALUE).collect();
    format!("{beginning}…")
}

/// Draws a node: `first` stands before its first line, `rest` before all others.
fn draw(node: &Node, first: &str, rest: &str, out: &mut String) {
    let below = if node.children.is_empty() { "" } else { "│ " };
    let room = WIDTH.saturating_sub(rest.chars().count() + below.chars().count());
    for (number, line) in lines(&node.text, room).into_iter().enumerate() {
        let before = if number == 0 { first } else { rest };
        let gap = if number == 0 { "" } else { below };
        let line = line.replace('\u{a0}', " ");
        out.push_str(&format!("{before}{gap}{line}\n"));
    }
    let last = node.children.len().saturating_sub(1);
    for (number, child) in node.children.iter().enumerate() {
        let (branch, next) = if number == last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        draw(
            child,
            &format!("{rest}{branch}"),
            &format!("{rest}{next}"),
            out,
        );
    }
}

/// A text in lines of so many characters, broken at blanks.
fn lines(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let words = text.split(' ').flat_map(|word| {
        // What is too long for a line is not kept together.
        let is_long = word.chars().count() > room;
        word.split(move |c| is_long && c == '\u{a0}')
    });
    for word in words.filter(|word| !word.is_empty()) {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_keeps_to_its_width_and_its_branches() {
        let long = "word ".repeat(30);
        let tree = Node::new(
            "root",
            vec![
                Node::new(long.clone(), vec![Node::leaf("leaf")]),
                Node::new("second", vec![Node::leaf(long)]),
            ],
        );
        let mut text = String::new();
        draw(&tree, "", "", &mut text);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(lines("ab\u{a0}cd", 4), ["ab", "cd"]);
        assert_eq!(lines("a b\u{a0}c", 4), ["a", "b\u{a0}c"]);
        insta::assert_snapshot!(text, @r"
        root
        ├─ word word word word word word word word word word word word word word word
        │  │ word word word word word word word word word word word word word word word
        │  └─ leaf
        └─ second
           └─ word word word word word word word word word word word word word word word
              word word word word word word word word word word word word word word word
        ");
    }

    #[test]
    fn long_values_are_cut() {
        let value = shortened(&"ä".repeat(100));
        assert_eq!(value.chars().count(), VALUE + 1);
        assert_eq!(shortened("short"), "short");
    }
}
