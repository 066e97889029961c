//! YAML text → tree of values, each with its line: the only user of the YAML parser in `config`.
//!
//! Both readers share one parser (of events, so that plain and quoted scalars can be told apart) and
//! differ in their [`Schema`]. The parser reads YAML 1.2's syntax; what 1.1 meant by plain scalars,
//! merge keys and repeated keys is added here. Messages name file, line, column and key, and never
//! show a value or a line of the file: it may hold a secret.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

pub(super) use super::scalar::{Scalar, Schema};
use crate::diagnostics::{Diagnostic, codes};

/// Nesting beyond this is an error, so that no file can exhaust the stack.
const MAX_DEPTH: usize = 100;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a file.
    File {
        /// The file, as it was named.
        file: Arc<str>,
        /// From 1.
        line: u32,
        /// From 1.
        column: u32,
    },
    /// In an environment variable.
    Variable(Arc<str>),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
        }
    }
}

/// A value and where it stands. Has no `Debug`: it may hold secrets.
#[derive(Clone)]
pub(super) struct Node {
    /// The value.
    pub(super) value: Value,
    /// Its first character.
    pub(super) place: Place,
}

/// A value.
#[derive(Clone)]
pub(super) enum Value {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Arc<Node>>),
    /// Keys and values, every key once, in the order of the file.
    Map(Vec<(String, Arc<Node>)>),
}

/// A whole configuration, kept for those who look at more of it than every command does.
///
/// Its `Debug` form shows nothing: it may hold secrets.
#[derive(Clone)]
pub(super) struct Tree(Arc<Node>);

impl Tree {
    /// Keeps a tree.
    pub(super) fn new(node: Node) -> Self {
        Self(Arc::new(node))
    }

    /// Its top.
    pub(super) fn node(&self) -> &Node {
        &self.0
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").finish_non_exhaustive()
    }
}

impl Node {
    /// An empty map, standing at the start of `file`.
    pub(super) fn empty_map(file: &str) -> Self {
        Self {
            value: Value::Map(Vec::new()),
            place: Place::File {
                file: file.into(),
                line: 1,
                column: 1,
            },
        }
    }
}

/// Reads one document, whose top level must be a map; an empty text is an empty map.
///
/// # Errors
/// E0602, with the place.
pub(super) fn read(file: &str, text: &str, schema: Schema) -> Result<Node, Diagnostic> {
    let Some(top) = document(file, text, schema)? else {
        return Ok(Node::empty_map(file));
    };
    match &top.value {
        Value::Map(_) => Ok(top.as_ref().clone()),
        Value::Scalar(Scalar::Null) => Ok(Node::empty_map(file)),
        Value::Scalar(_) | Value::List(_) => Err(malformed(
            &top.place,
            "is no map of settings at its top level",
        )),
    }
}

/// Reads one document, whatever it is; `None` for an empty text.
///
/// # Errors
/// E0602, with the place.
pub(super) fn document(
    file: &str,
    text: &str,
    schema: Schema,
) -> Result<Option<Arc<Node>>, Diagnostic> {
    let mut builder = Builder {
        file: file.into(),
        schema,
        anchors: HashMap::new(),
        open: Vec::new(),
        done: None,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            malformed(&builder.place(*error.marker()), "is not well-formed YAML")
                .note(error.info().to_owned())
        })?;
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                let place = builder.place(span.start);
                return Err(malformed(&place, "holds a second document").help(
                    "put everything before the second `---` line, or into a file of its own",
                ));
            }
        }
        builder.take(event, span.start)?;
    }
    Ok(builder.done)
}

fn malformed(place: &Place, what: &str) -> Diagnostic {
    let file = match place {
        Place::File { file, .. } => file,
        Place::Variable(name) => name,
    };
    Diagnostic::error(
        codes::E0602,
        format!("the configuration file `{file}` {what}"),
    )
    .note(format!("at {place}"))
}

/// Puts the parser's events together.
struct Builder {
    file: Arc<str>,
    schema: Schema,
    anchors: HashMap<usize, Arc<Node>>,
    open: Vec<Open>,
    done: Option<Arc<Node>>,
}

/// A list or map whose end has not come yet.
struct Open {
    anchor: usize,
    place: Place,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Arc<Node>>),
    Map(MapBuilder),
}

#[derive(Default)]
struct MapBuilder {
    key: Option<Key>,
    entries: Vec<(String, Arc<Node>)>,
    /// What `<<` brought, in order of precedence.
    merged: Vec<(String, Arc<Node>)>,
}

enum Key {
    Name(String, Place),
    Merge(Place),
}

impl Builder {
    fn place(&self, at: Marker) -> Place {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Place::File {
            file: Arc::clone(&self.file),
            line: number(at.line().max(1)),
            column: number(at.col() + 1),
        }
    }

    fn take(&mut self, event: Event<'_>, at: Marker) -> Result<(), Diagnostic> {
        let place = self.place(at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let is_merge = self.schema == Schema::Python
                    && plain
                    && tag.is_none()
                    && text == "<<"
                    && self.expects_key();
                if is_merge {
                    return self.set_key(Key::Merge(place));
                }
                let scalar = self.scalar(&text, plain, tag.as_deref(), &place)?;
                let value = Value::Scalar(scalar);
                self.finish(anchor, Node { value, place })
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), &["seq", "omap", "pairs"], &place)?;
                self.begin(anchor, place, OpenKind::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), &["map", "set"], &place)?;
                self.begin(anchor, place, OpenKind::Map(MapBuilder::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                let value = match open.kind {
                    OpenKind::List(items) => Value::List(items),
                    OpenKind::Map(map) => Value::Map(map.finish()),
                };
                let place = open.place;
                self.finish(open.anchor, Node { value, place })
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let node = Arc::clone(node);
                    self.add(node)
                }
                None => Err(malformed(
                    &place,
                    "uses an alias inside of what it stands for",
                )),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(
        &self,
        text: &str,
        plain: bool,
        tag: Option<&Tag>,
        place: &Place,
    ) -> Result<Scalar, Diagnostic> {
        check_tag(
            tag,
            &[
                "str",
                "int",
                "bool",
                "float",
                "null",
                "timestamp",
                "binary",
                "value",
            ],
            place,
        )?;
        let suffix = tag.map(|tag| tag.suffix.as_str());
        Ok(match suffix {
            _ if tag.is_some_and(is_lone) => Scalar::Text(text.to_owned()),
            Some("str") => Scalar::Text(text.to_owned()),
            Some("binary") => Scalar::Other("binary data"),
            Some(_) => self.schema.resolve(text),
            None if plain => self.schema.resolve(text),
            None => Scalar::Text(text.to_owned()),
        })
    }

    fn begin(&mut self, anchor: usize, place: Place, kind: OpenKind) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            return Err(malformed(&place, "is nested too deeply")
                .note(format!("more than {MAX_DEPTH} levels")));
        }
        self.open.push(Open {
            anchor,
            place,
            kind,
        });
        Ok(())
    }

    fn finish(&mut self, anchor: usize, node: Node) -> Result<(), Diagnostic> {
        let node = Arc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        self.add(node)
    }

    fn expects_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open { kind: OpenKind::Map(map), .. }) if map.key.is_none()
        )
    }

    fn set_key(&mut self, key: Key) -> Result<(), Diagnostic> {
        if let Some(Open {
            kind: OpenKind::Map(map),
            ..
        }) = self.open.last_mut()
        {
            map.key = Some(key);
        }
        Ok(())
    }

    /// Adds a finished value to what is open: as an item, a key, or the value of a key.
    fn add(&mut self, node: Arc<Node>) -> Result<(), Diagnostic> {
        let schema = self.schema;
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => {
                self.done = Some(node);
                Ok(())
            }
            Some(OpenKind::List(items)) => {
                items.push(node);
                Ok(())
            }
            Some(OpenKind::Map(map)) => match map.key.take() {
                None => {
                    map.key = Some(Key::Name(key_name(&node)?, node.place.clone()));
                    Ok(())
                }
                Some(Key::Merge(place)) => map.merge(&node, &place),
                Some(Key::Name(name, place)) => map.insert(name, node, &place, schema),
            },
        }
    }
}

impl MapBuilder {
    fn insert(
        &mut self,
        name: String,
        node: Arc<Node>,
        place: &Place,
        schema: Schema,
    ) -> Result<(), Diagnostic> {
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            None => self.entries.push((name, node)),
            Some((_, known)) if schema == Schema::Python => *known = node,
            Some((_, known)) => {
                return Err(malformed(place, &format!("has the key `{name}` twice"))
                    .note(format!("the value of the first one is at {}", known.place)));
            }
        }
        Ok(())
    }

    fn merge(&mut self, node: &Node, place: &Place) -> Result<(), Diagnostic> {
        let maps: Vec<&Node> = match &node.value {
            Value::Map(_) => vec![node],
            Value::List(items) => items.iter().map(Arc::as_ref).collect(),
            Value::Scalar(_) => Vec::new(),
        };
        if maps.is_empty() {
            return Err(malformed(
                place,
                "merges something that is no map with `<<`",
            ));
        }
        for map in maps {
            let Value::Map(entries) = &map.value else {
                return Err(malformed(
                    place,
                    "merges something that is no map with `<<`",
                ));
            };
            for (name, value) in entries {
                if !self.merged.iter().any(|(known, _)| known == name) {
                    self.merged.push((name.clone(), Arc::clone(value)));
                }
            }
        }
        Ok(())
    }

    /// Own keys go before merged ones.
    fn finish(self) -> Vec<(String, Arc<Node>)> {
        let mut entries = self.entries;
        for (name, value) in self.merged {
            if !entries.iter().any(|(known, _)| *known == name) {
                entries.push((name, value));
            }
        }
        entries
    }
}

fn key_name(node: &Node) -> Result<String, Diagnostic> {
    match &node.value {
        Value::Scalar(Scalar::Text(text)) => Ok(text.clone()),
        Value::Scalar(Scalar::Integer(number)) => Ok(number.to_string()),
        Value::Scalar(Scalar::Bool(value)) => Ok(value.to_string()),
        Value::Scalar(Scalar::Null) => Ok("null".to_owned()),
        // No setting has such a name; it only must not stand in the way.
        Value::Scalar(Scalar::Other(what)) => Ok(format!("({what})")),
        Value::List(_) | Value::Map(_) => {
            Err(malformed(&node.place, "has a key that is no single value"))
        }
    }
}

/// A `!` alone, which means: no other type than the plainest, so text for a scalar.
fn is_lone(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!"
}

fn check_tag(tag: Option<&Tag>, known: &[&str], place: &Place) -> Result<(), Diagnostic> {
    match tag {
        None => Ok(()),
        Some(tag) if tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str()) => Ok(()),
        Some(tag) if is_lone(tag) => Ok(()),
        Some(tag) => Err(malformed(
            place,
            &format!("has the tag `{tag}`, which means nothing here"),
        )
        .help("give the finished file: encrypted or generated values must be filled in")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A compact form: `{a: 1, b: ['x']}`.
    fn show(node: &Node) -> String {
        match &node.value {
            Value::Scalar(Scalar::Null) => "null".to_owned(),
            Value::Scalar(Scalar::Bool(value)) => value.to_string(),
            Value::Scalar(Scalar::Integer(value)) => value.to_string(),
            Value::Scalar(Scalar::Text(text)) => format!("{text:?}"),
            Value::Scalar(Scalar::Other(what)) => format!("<{what}>"),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|item| show(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Map(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", show(value)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn python(text: &str) -> String {
        match read("f.yaml", text, Schema::Python) {
            Ok(node) => show(&node),
            Err(error) => format!("{} | {}", error.message, error.notes.join(" | ")),
        }
    }

    fn core(text: &str) -> String {
        match read("f.yaml", text, Schema::Core) {
            Ok(node) => show(&node),
            Err(error) => format!("{} | {}", error.message, error.notes.join(" | ")),
        }
    }

    #[test]
    fn quotes_make_text_in_both_schemas() {
        let text = "a: no\nb: 'no'\nc: \"on\"\nd: |\n  yes\n";
        assert_eq!(python(text), r#"{a: false, b: "no", c: "on", d: "yes\n"}"#);
        assert_eq!(core(text), r#"{a: "no", b: "no", c: "on", d: "yes\n"}"#);
    }

    #[test]
    fn repeated_keys() {
        assert_eq!(python("a: 1\nb: 2\na: 3"), "{a: 3, b: 2}");
        assert_eq!(
            core("a: 1\nb: 2\na: 3"),
            "the configuration file `f.yaml` has the key `a` twice | at f.yaml:3:1 | the value of the first one is at f.yaml:1:4"
        );
    }

    #[test]
    fn merge_keys_give_way_to_own_keys_wherever_they_stand() {
        let text = "base: &base {x: 1, y: 2}\nmore: &more {y: 3, z: 4}\n\
                    one: {<<: *base, y: 9}\ntwo: {y: 9, <<: *base}\nboth: {<<: [*base, *more]}\n";
        assert_eq!(
            python(text),
            "{base: {x: 1, y: 2}, more: {y: 3, z: 4}, one: {y: 9, x: 1}, two: {y: 9, x: 1}, both: {x: 1, y: 2, z: 4}}"
        );
        assert_eq!(
            core("a: &a {x: 1}\nb: {<<: *a}"),
            "{a: {x: 1}, b: {<<: {x: 1}}}"
        );
        assert_eq!(python("b: {'<<': {x: 1}}"), "{b: {<<: {x: 1}}}");
        assert!(python("b: {<<: 1}").contains("merges something that is no map"));
    }

    #[test]
    fn empty_files_are_empty_maps() {
        for text in [
            "",
            "\n",
            "# nothing\n",
            "---\n",
            "---\n# x\n...\n",
            "~",
            "\u{feff}",
        ] {
            assert_eq!(python(text), "{}", "{text:?}");
            assert_eq!(core(text), "{}", "{text:?}");
        }
        assert_eq!(python("\u{feff}a: 1"), "{a: 1}");
    }

    #[test]
    fn what_is_not_one_map_is_refused() {
        assert!(python("- a").contains("no map of settings at its top level | at f.yaml:1:1"));
        assert!(python("text").contains("no map of settings"));
        assert!(python("a: 1\n---\nb: 2").contains("second document"));
        assert!(
            python("a: [1\nb: 2").starts_with("the configuration file `f.yaml` is not well-formed")
        );
        assert!(python("? [a]\n: 1").contains("has a key that is no single value"));
        assert!(python("a: &a [*a]").contains("alias inside of what it stands for"));
        assert!(python("a: *b").contains("not well-formed"));
    }

    #[test]
    fn tags() {
        assert_eq!(
            python("a: !!str 12\nb: !!int '12'\nc: ! no"),
            r#"{a: "12", b: 12, c: "no"}"#
        );
        assert!(python("a: !vault |\n  abc").contains("tag `!vault`"));
        assert!(python("a: !!python/name:os.system x").contains("means nothing here"));
    }

    #[test]
    fn depth_is_limited() {
        let deep = |depth: usize| format!("a: {}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(python(&deep(99)).starts_with("{a: [["));
        assert!(python(&deep(200)).contains("nested too deeply"));
    }

    #[test]
    fn aliases_are_shared_and_not_copied() {
        let mut text = "a0: &a0 [x, x]\n".to_owned();
        for level in 1..60 {
            let below = level - 1;
            text.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
        }
        // Written out it would have 2^60 items.
        assert!(read("f.yaml", &text, Schema::Python).is_ok());
    }

    #[test]
    fn messages_never_show_values() {
        for text in [
            "password: \"hunter2\n",
            "password: hunter2: x\n",
            "password: [hunter2\n",
            "password: {hunter2\n",
            "password: @hunter2\n",
            "password: hunter2\n password: hunter2\n",
            "password: 'hunter2'hunter2\n",
            "\tpassword: hunter2\n",
            "password: !hunter hunter2\n",
            "password: %hunter2\n",
            "password: *hunter2\n",
            "password: \"\\hunter2\"\n",
        ] {
            let Err(error) = read("f.yaml", text, Schema::Python) else {
                continue;
            };
            assert!(!format!("{error:?}").contains("hunter2"), "{text}");
        }
    }
}
