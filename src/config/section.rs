//! Looking settings up in a tree: by key, with the type wanted, every problem recorded with its place.

use std::sync::Arc;

use super::raw::{Node, Place, Scalar, Schema, Value};
use crate::diagnostics::{Code, Diagnostic, Diagnostics, codes};
use crate::pg::{Origin, Secret, Sourced};

/// A value of the tree, the path of keys that leads to it, and how strictly it is read.
#[derive(Clone)]
pub(super) struct At<'a> {
    node: &'a Node,
    path: String,
    schema: Schema,
}

impl<'a> At<'a> {
    /// The top of a tree.
    pub(super) fn top(node: &'a Node, schema: Schema) -> Self {
        Self {
            node,
            path: String::new(),
            schema,
        }
    }

    /// The path of keys, such as `database.args.host`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Where the value came from.
    pub(super) fn origin(&self) -> Origin {
        match &self.node.place {
            Place::File { file, line, .. } => Origin::File {
                file: file.to_string(),
                line: *line,
                key: self.path.clone(),
            },
            Place::Variable(name) => Origin::Variable(name.to_string()),
        }
    }

    /// A problem with this value: `message` follows the key's name.
    pub(super) fn problem(&self, code: Code, message: &str) -> Diagnostic {
        Diagnostic::error(code, format!("`{}` {message}", self.path))
            .note(format!("at {}", self.node.place))
    }

    fn wrong_kind(&self, expected: &str) -> Diagnostic {
        let found = match &self.node.value {
            Value::Scalar(Scalar::Null) => "nothing",
            Value::Scalar(Scalar::Bool(_)) => "a boolean",
            Value::Scalar(Scalar::Integer(_)) => "a number",
            Value::Scalar(Scalar::Text(_)) => "text",
            Value::Scalar(Scalar::Other(what)) => what,
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        let problem = self.problem(codes::E0603, &format!("must be {expected}, found {found}"));
        if expected == "text" && matches!(self.node.value, Value::Scalar(_)) {
            problem.help("put the value in quotes")
        } else {
            problem
        }
    }

    fn child(&self, key: &str) -> Option<At<'a>> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let (_, node) = entries.iter().find(|(name, _)| name == key)?;
        Some(self.below(key, node))
    }

    fn below(&self, key: &str, node: &'a Arc<Node>) -> At<'a> {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        At {
            node,
            path,
            schema: self.schema,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Scalar(Scalar::Null))
    }

    /// Python's idea of truth.
    pub(super) fn is_truthy(&self) -> bool {
        match &self.node.value {
            Value::Scalar(Scalar::Null) => false,
            Value::Scalar(Scalar::Bool(value)) => *value,
            Value::Scalar(Scalar::Integer(value)) => *value != 0,
            Value::Scalar(Scalar::Text(text)) => !text.is_empty(),
            Value::Scalar(Scalar::Other(_)) => true,
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
        }
    }

    /// Whether a section or list counts as absent.
    fn is_absent(&self) -> bool {
        self.is_null() || (self.schema == Schema::Python && !self.is_truthy())
    }

    /// The value of `key`, unless it is missing or null.
    pub(super) fn get(&self, key: &str) -> Option<At<'a>> {
        self.child(key).filter(|child| !child.is_null())
    }

    /// The value of `key` even if it is null.
    pub(super) fn get_even_null(&self, key: &str) -> Option<At<'a>> {
        self.child(key)
    }

    /// The map at `key`; nothing if it is missing or null (for Python: or empty or false).
    pub(super) fn section(&self, key: &str, problems: &mut Diagnostics) -> Option<At<'a>> {
        let child = self.child(key).filter(|child| !child.is_absent())?;
        if child.is_map() {
            return Some(child);
        }
        problems.push(child.wrong_kind("a map"));
        None
    }

    /// Whether the value is a map.
    pub(super) fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }

    /// Whether the value is a text with `words` in it.
    pub(super) fn holds(&self, words: &str) -> bool {
        matches!(&self.node.value, Value::Scalar(Scalar::Text(text)) if text.contains(words))
    }

    /// The values of a map and the items of a list.
    pub(super) fn children(&self) -> Vec<At<'a>> {
        match &self.node.value {
            Value::Map(_) => self.entries().into_iter().map(|(_, value)| value).collect(),
            Value::List(_) => self.list(),
            Value::Scalar(_) => Vec::new(),
        }
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Vec<(&'a str, At<'a>)> {
        match &self.node.value {
            Value::Map(entries) => entries
                .iter()
                .map(|(name, node)| (name.as_str(), self.below(name, node)))
                .collect(),
            Value::Scalar(_) | Value::List(_) => Vec::new(),
        }
    }

    /// The items of the list at `key`, of whatever kind; none if it is missing or null.
    pub(super) fn items(&self, key: &str, problems: &mut Diagnostics) -> Vec<At<'a>> {
        let Some(child) = self.child(key).filter(|child| !child.is_absent()) else {
            return Vec::new();
        };
        if !matches!(child.node.value, Value::List(_)) {
            problems.push(child.wrong_kind("a list"));
        }
        child.list()
    }

    /// The items of a list.
    fn list(&self) -> Vec<At<'a>> {
        let Value::List(items) = &self.node.value else {
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(index, node)| At {
                node,
                path: format!("{}[{index}]", self.path),
                schema: self.schema,
            })
            .collect()
    }

    /// The maps in the list at `key`.
    pub(super) fn sections(&self, key: &str, problems: &mut Diagnostics) -> Vec<At<'a>> {
        let mut maps = self.items(key, problems);
        maps.retain(|item| {
            if !item.is_map() {
                problems.push(item.wrong_kind("a map"));
            }
            item.is_map()
        });
        maps
    }

    /// The text at `key`. Python's numbers and booleans become the text that Python makes of them.
    pub(super) fn text(&self, key: &str, problems: &mut Diagnostics) -> Option<Sourced<String>> {
        self.get(key)?.as_text(problems)
    }

    /// This value as text, as [`At::text`].
    pub(super) fn as_text(&self, problems: &mut Diagnostics) -> Option<Sourced<String>> {
        let text = match &self.node.value {
            Value::Scalar(Scalar::Text(text)) => Some(text.clone()),
            Value::Scalar(Scalar::Integer(number)) if self.schema == Schema::Python => {
                Some(number.to_string())
            }
            Value::Scalar(Scalar::Bool(value)) if self.schema == Schema::Python => {
                Some(if *value { "True" } else { "False" }.to_owned())
            }
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
        };
        if text.is_none() {
            problems.push(self.wrong_kind("text"));
        }
        text.map(|text| Sourced::new(text, self.origin()))
    }

    /// The text at `key`, hidden from now on.
    pub(super) fn secret(&self, key: &str, problems: &mut Diagnostics) -> Option<Sourced<Secret>> {
        self.text(key, problems).map(|text| text.map(Secret::new))
    }

    /// The switch at `key`: for Python whatever counts as true (null does not), else a boolean.
    pub(super) fn switch(&self, key: &str, problems: &mut Diagnostics) -> Option<Sourced<bool>> {
        let child = match self.schema {
            Schema::Python => self.child(key)?,
            Schema::Core => self.get(key)?,
        };
        let value = match (&child.node.value, self.schema) {
            (_, Schema::Python) => child.is_truthy(),
            (Value::Scalar(Scalar::Bool(value)), Schema::Core) => *value,
            (_, Schema::Core) => {
                problems.push(child.wrong_kind("`true` or `false`"));
                return None;
            }
        };
        Some(Sourced::new(value, child.origin()))
    }

    /// The switch at `key`, or `default` if it is missing.
    pub(super) fn switch_or(
        &self,
        key: &str,
        default: Sourced<bool>,
        problems: &mut Diagnostics,
    ) -> Sourced<bool> {
        self.switch(key, problems).unwrap_or(default)
    }

    /// The whole number at `key`, which must lie in `range`. Python's text of digits is one too.
    pub(super) fn integer(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<i128>,
        problems: &mut Diagnostics,
    ) -> Option<Sourced<i128>> {
        let child = self.get(key)?;
        let number = match &child.node.value {
            Value::Scalar(Scalar::Integer(number)) => Some(*number),
            // An environment variable holds text, whatever it means.
            Value::Scalar(Scalar::Text(text))
                if self.schema == Schema::Python
                    || matches!(child.node.place, Place::Variable(_)) =>
            {
                text.trim().parse().ok()
            }
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
        };
        match number {
            None => problems.push(child.wrong_kind("a whole number")),
            Some(number) if !range.contains(&number) => problems.push(child.problem(
                codes::E0607,
                &format!(
                    "must lie between {} and {}, found {number}",
                    range.start(),
                    range.end()
                ),
            )),
            Some(number) => return Some(Sourced::new(number, child.origin())),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::raw::read;
    use super::*;

    fn with<T>(
        text: &str,
        schema: Schema,
        look: impl FnOnce(&At<'_>, &mut Diagnostics) -> T,
    ) -> (T, Vec<String>) {
        let node = match read("f.yaml", text, schema) {
            Ok(node) => node,
            Err(error) => panic!("{error:?}"),
        };
        let mut problems = Diagnostics::new();
        let found = look(&At::top(&node, schema), &mut problems);
        let messages = problems
            .into_sorted()
            .into_iter()
            .map(|problem| format!("{} | {}", problem.message, problem.notes.join(" | ")))
            .collect();
        (found, messages)
    }

    #[test]
    fn python_switches_follow_python_truth() {
        let text = "a: no\nb: 0\nc: ''\nd:\ne: 'no'\nf: [1]\ng: {}\nh: only_for_reauth\n";
        for (key, expected) in [
            ("a", Some(false)),
            ("b", Some(false)),
            ("c", Some(false)),
            ("d", Some(false)),
            ("e", Some(true)),
            ("f", Some(true)),
            ("g", Some(false)),
            ("h", Some(true)),
            ("z", None),
        ] {
            let (found, messages) = with(text, Schema::Python, |top, problems| {
                top.switch(key, problems)
            });
            assert_eq!(found.map(|found| found.value), expected, "{key}");
            assert!(messages.is_empty());
        }
    }

    #[test]
    fn core_switches_are_booleans() {
        let (found, messages) = with("a: no", Schema::Core, |top, problems| {
            top.switch("a", problems)
        });
        assert!(found.is_none());
        assert_eq!(
            messages,
            ["`a` must be `true` or `false`, found text | at f.yaml:1:4"]
        );
    }

    #[test]
    fn null_and_falsy_sections_are_absent() {
        for text in ["x:", "x: {}", "x: false", "x: []", "x: ''", "y: 1"] {
            let (found, messages) = with(text, Schema::Python, |top, problems| {
                top.section("x", problems).is_some()
            });
            assert!(!found && messages.is_empty(), "{text}");
        }
        let (_, messages) = with("x: {y: 5}\n", Schema::Core, |top, problems| {
            top.section("x", problems)
                .unwrap()
                .section("y", problems)
                .is_some()
        });
        assert_eq!(
            messages,
            ["`x.y` must be a map, found a number | at f.yaml:1:8"]
        );
    }

    #[test]
    fn python_numbers_become_text_as_python_writes_them() {
        let (found, _) = with("a: 0123", Schema::Python, |top, problems| {
            top.text("a", problems)
        });
        assert_eq!(found.unwrap().value, "83");
        let (found, _) = with("a: yes", Schema::Python, |top, problems| {
            top.text("a", problems)
        });
        assert_eq!(found.unwrap().value, "True");
        let (found, messages) = with("a: 1.10", Schema::Python, |top, problems| {
            top.text("a", problems)
        });
        assert!(found.is_none());
        assert_eq!(
            messages,
            ["`a` must be text, found a number with a fraction | at f.yaml:1:4"]
        );
        let (found, messages) = with("a: 12", Schema::Core, |top, problems| {
            top.text("a", problems)
        });
        assert!(found.is_none());
        assert_eq!(
            messages,
            ["`a` must be text, found a number | at f.yaml:1:4"]
        );
    }

    #[test]
    fn integers_have_a_range() {
        let (found, _) = with("a: '5432'", Schema::Python, |top, problems| {
            top.integer("a", 1..=65535, problems)
        });
        assert_eq!(found.unwrap().value, 5432);
        let (found, messages) = with("a: 0", Schema::Core, |top, problems| {
            top.integer("a", 1..=65535, problems)
        });
        assert!(found.is_none());
        assert_eq!(
            messages,
            ["`a` must lie between 1 and 65535, found 0 | at f.yaml:1:4"]
        );
    }

    #[test]
    fn list_items_have_numbers_in_their_path() {
        let (_, messages) = with("l: [{a: 1}, 2]", Schema::Core, |top, problems| {
            assert_eq!(top.sections("l", problems).len(), 1);
        });
        assert_eq!(
            messages,
            ["`l[1]` must be a map, found a number | at f.yaml:1:13"]
        );
    }
}
