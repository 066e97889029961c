//! Catalogs as YAML files: the only place besides `config` that reads YAML.
//!
//! The form is canonical: [`to_yaml`] writes one line for each column, key and index, and a file
//! written by it reads back to the same catalog and is written again byte for byte. Comments are
//! not kept. The catalogs compiled into the program are in [`SHIPPED`].

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_yaml::Value;

use super::consistency::contradictions;
use super::type_names::canonical;
use super::{Catalog, Identity, SupportedVersions};
use crate::base::{FileId, Files, Span};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};

/// A catalog compiled into the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// The name by which mappings refer to it.
    pub name: &'static str,
    /// The version of the product's schema.
    pub version: &'static str,
    /// The file it was compiled from.
    pub file: &'static str,
    /// The text of that file.
    pub text: &'static str,
}

impl Shipped {
    /// The schema versions that are known to work, read from the head of the file alone.
    pub fn supported(&self) -> Option<SupportedVersions> {
        #[derive(Deserialize)]
        struct Head {
            identity: Identity,
        }
        let head = self.text.split("\ntables:").next()?;
        serde_yaml::from_str::<Head>(head).ok()?.identity.supported
    }
}

macro_rules! shipped {
    ($($name:literal $version:literal),* $(,)?) => {
        &[$(Shipped {
            name: $name,
            version: $version,
            file: concat!("mappings/catalogs/", $name, "-", $version, ".yaml"),
            text: include_str!(concat!(
                "../../mappings/catalogs/", $name, "-", $version, ".yaml"
            )),
        }),*]
    };
}

/// The catalogs compiled into the program; among those of one name the newest stands last.
pub const SHIPPED: &[Shipped] = shipped!["accounts" "1", "mas" "1.23", "synapse" "94"];

/// The newest shipped catalog of that name: what `source NAME` and `target NAME` of a mapping mean
/// unless another catalog is given.
///
/// # Errors
/// E0622 if none of that name is shipped.
pub fn shipped(name: &str) -> Result<Catalog, Diagnostics> {
    let Some(found) = SHIPPED.iter().rev().find(|shipped| shipped.name == name) else {
        let mut known: Vec<_> = SHIPPED
            .iter()
            .map(|shipped| format!("`{}`", shipped.name))
            .collect();
        known.dedup();
        return Err(Diagnostic::error(
            codes::E0622,
            format!("no catalog named `{name}` is shipped"),
        )
        .note(format!("shipped catalogs: {}", known.join(", ")))
        .help("name one of these, or give the catalog as a file, such as `catalog dump` writes")
        .into());
    };
    let mut files = Files::new();
    let file = files.add(found.file, found.text);
    from_yaml(&files, file)
}

/// Reads a catalog from the text of a file and proves that it does not contradict itself.
///
/// # Errors
/// E0620 with the place if the text is no YAML or not of a catalog's shape; E0621, once for each
/// contradiction, if names in it refer to nothing.
pub fn from_yaml(files: &Files, file: FileId) -> Result<Catalog, Diagnostics> {
    let text = files.text(file);
    let mut catalog: Catalog =
        serde_yaml::from_str(text).map_err(|error| unreadable(files, file, &error))?;
    if catalog.title.is_empty() {
        catalog.title = format!("{} {}", catalog.catalog, catalog.version);
    }
    let mut problems = Diagnostics::new();
    for (name, table) in &mut catalog.tables {
        for column in &mut table.columns {
            match canonical(&column.ty) {
                Ok(ty) => column.ty = ty,
                Err(instead) => problems.push(
                    Diagnostic::error(
                        codes::E0621,
                        format!("`{name}.{}`: `{}` is no type", column.name, column.ty),
                    )
                    .note(format!("in the catalog file `{}`", files.name(file)))
                    .help(instead),
                ),
            }
        }
    }
    for contradiction in contradictions(&catalog) {
        problems.push(
            Diagnostic::error(
                codes::E0621,
                format!("the catalog contradicts itself: {contradiction}"),
            )
            .note(format!("in the catalog file `{}`", files.name(file)))
            .help("correct the file, or write it anew with `catalog dump`"),
        );
    }
    if problems.is_empty() {
        Ok(catalog)
    } else {
        Err(problems)
    }
}

/// A catalog as the text of a YAML file, the same for the same catalog.
pub fn to_yaml(catalog: &Catalog) -> String {
    let mut out = String::new();
    line(&mut out, 0, "catalog", &catalog.catalog);
    line(&mut out, 0, "version", &catalog.version);
    line(&mut out, 0, "title", &catalog.title);
    let identity = &catalog.identity;
    if !identity.is_empty() {
        out.push_str("identity:\n");
        if !identity.tables.is_empty() {
            line(&mut out, 2, "tables", &identity.tables);
        }
        if let Some(version) = &identity.version {
            line(&mut out, 2, "version", version);
        }
        if let Some(supported) = &identity.supported {
            line(&mut out, 2, "supported", supported);
        }
    }
    if !catalog.extensions.is_empty() {
        line(&mut out, 0, "extensions", &catalog.extensions);
    }
    if !catalog.enums.is_empty() {
        out.push_str("enums:\n");
        for (name, labels) in &catalog.enums {
            line(&mut out, 2, &scalar(name), labels);
        }
    }
    if catalog.tables.is_empty() {
        out.push_str("tables: {}\n");
        return out;
    }
    out.push_str("tables:\n");
    for (name, table) in &catalog.tables {
        push(&mut out, format_args!("  {}:\n", scalar(name)));
        if table.columns.is_empty() {
            out.push_str("    columns: []\n");
        }
        list(&mut out, "columns", &table.columns);
        list(&mut out, "keys", &table.keys);
        list(&mut out, "foreign_keys", &table.foreign_keys);
        list(&mut out, "checks", &table.checks);
        list(&mut out, "indexes", &table.indexes);
    }
    out
}

/// A map none of whose names stands twice.
///
/// # Errors
/// The name that does.
pub(super) fn by_name<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct ByName<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ByName<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name and what it holds on each line")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut found = BTreeMap::new();
            while let Some(name) = entries.next_key::<String>()? {
                if found.contains_key(&name) {
                    return Err(A::Error::custom(format_args!(
                        "`{name}` stands there twice"
                    )));
                }
                found.insert(name, entries.next_value()?);
            }
            Ok(found)
        }
    }

    deserializer.deserialize_map(ByName(PhantomData))
}

fn unreadable(files: &Files, file: FileId, error: &serde_yaml::Error) -> Diagnostic {
    let mut said = error.to_string();
    let place = error.location();
    if let Some(place) = &place {
        // The label says where, so the message need not.
        let suffix = format!(" at line {} column {}", place.line(), place.column());
        said = said.replace(&suffix, "");
    }
    // What is read into is named after its type in the program.
    let said = said
        .replace(['\n', '\r'], " ")
        .replace("invalid type: ", "unexpected ")
        .replace("unexpected sequence", "unexpected list")
        .replace("unit value", "nothing");
    let mut diagnostic = Diagnostic::error(
        codes::E0620,
        format!(
            "the catalog file `{}` cannot be read: {said}",
            files.name(file)
        ),
    )
    .help("`mapwright catalog show synapse` prints a file of the right form; `catalog dump` writes one off a database");
    if let Some(place) = place {
        let text = files.text(file);
        let start = place.index().min(text.len());
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        diagnostic = diagnostic.primary(Span::new(file, start, start + length), "");
    }
    diagnostic
}

/// `key: value` on a line of its own, the value in flow form.
fn line(out: &mut String, indent: usize, key: &str, value: &impl Serialize) {
    push(
        out,
        format_args!("{:indent$}{key}: {}\n", "", flow(&plain(value))),
    );
}

/// A list of a table, one entry a line; nothing for an empty one.
fn list(out: &mut String, key: &str, entries: &[impl Serialize]) {
    if entries.is_empty() {
        return;
    }
    push(out, format_args!("    {key}:\n"));
    for entry in entries {
        push(out, format_args!("      - {}\n", flow(&plain(entry))));
    }
}

/// INVARIANT: catalogs are structs of texts, numbers and flags, which always have a YAML form.
fn plain(value: &impl Serialize) -> Value {
    serde_yaml::to_value(value).unwrap_or_default()
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // INVARIANT: writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => scalar(text),
        Value::Sequence(entries) => {
            let entries: Vec<_> = entries.iter().map(flow).collect();
            format!("[{}]", entries.join(", "))
        }
        Value::Mapping(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", flow(key), flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Tagged(tagged) => flow(&tagged.value),
    }
}

/// A text as a YAML scalar: plain where every reader of YAML takes it for the same text, else in
/// double quotes.
fn scalar(text: &str) -> String {
    let starts_as_word = text
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let harmless = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '(' | ')' | '.' | '-'))
        && !text.ends_with(' ');
    // Words that one version of YAML or another takes for something else than a text.
    let other = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let word = !other.contains(&text.to_ascii_lowercase().as_str());
    if starts_as_word && harmless && word {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A text in double quotes, with everything escaped that YAML does not let stand in them.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                push(&mut out, format_args!("\\u{:04x}", u32::from(c)));
            }
            c if c.is_control() => push(&mut out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, Table};

    fn read(text: &str) -> Result<Catalog, Vec<Diagnostic>> {
        let mut files = Files::new();
        let file = files.add("test.yaml", text);
        from_yaml(&files, file).map_err(Diagnostics::into_sorted)
    }

    /// `UPDATE=1` rewrites the files in the form that the program writes.
    fn messages(text: &str) -> Vec<String> {
        let mut files = Files::new();
        let file = files.add("test.yaml", text);
        match from_yaml(&files, file) {
            Ok(_) => Vec::new(),
            Err(found) => (found.into_sorted().into_iter())
                .map(|found| format!("{} {}", found.code, found.message))
                .collect(),
        }
    }

    #[test]
    fn the_example_of_the_documentation_is_a_catalog() {
        let page = include_str!("../../mappings/README.md");
        let (_, after) = page.split_once("## The form of a catalog\n").unwrap();
        let example: String = after
            .lines()
            .skip_while(|line| line.is_empty())
            .take_while(|line| line.is_empty() || line.starts_with("    "))
            .map(|line| format!("{}\n", line.get(4..).unwrap_or_default()))
            .collect();
        assert!(example.starts_with("catalog: shop"), "{example}");
        assert_eq!(messages(&example), Vec::<String>::new());
    }

    #[test]
    fn types_may_go_by_their_other_names_and_the_title_may_be_left_out() {
        let mut files = Files::new();
        let file = files.add(
            "test.yaml",
            "catalog: shop\nversion: v7\ntables: {t: {columns: [{name: a, type: int}, {name: b, type: varchar(5)}, {name: c, type: timestamptz}]}}\n",
        );
        let catalog = from_yaml(&files, file).unwrap();
        assert_eq!(catalog.title, "shop v7");
        let types: Vec<&str> = (catalog.tables["t"].columns.iter())
            .map(|column| column.ty.as_str())
            .collect();
        assert_eq!(
            types,
            [
                "integer",
                "character varying(5)",
                "timestamp with time zone"
            ]
        );
    }

    #[test]
    fn what_is_no_catalog_is_told_in_the_words_of_catalogs() {
        for (text, expected) in [
            (
                "catalog: a\nversion: b\ntables: {t: {columns: []}, u: {columns: []}, t: {columns: []}}\n",
                "tables: `t` stands there twice",
            ),
            ("", "missing field `catalog`"),
            ("- a\n", "a catalog: `catalog`, `version` and `tables`"),
            (
                "catalog: a\nversion: b\ntables: {t: {columns: [id]}}\n",
                "a column such as {name: id, type: bigint}",
            ),
            (
                "catalog: a\nversion: b\ntables: {t: {columns: [{name: id, type: serial}]}}\n",
                "E0621 `t.id`: `serial` is no type",
            ),
        ] {
            let found = messages(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(expected), "{found:?}");
            for word in ["struct", "Catalog", "sequence,", "unit value"] {
                assert!(!found[0].contains(word), "{found:?}");
            }
        }
    }

    #[test]
    fn shipped_catalogs_are_consistent_and_written_back_byte_for_byte() {
        for shipped in SHIPPED {
            let catalog = read(shipped.text).unwrap_or_else(|found| panic!("{found:#?}"));
            assert_eq!(catalog.catalog, shipped.name);
            assert_eq!(catalog.version, shipped.version);
            let written = to_yaml(&catalog);
            if std::env::var_os("UPDATE").is_some() {
                let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
                std::fs::write(root.join(shipped.file), &written).unwrap();
            } else {
                assert!(
                    written == shipped.text,
                    "{} is not in canonical form; run this test with UPDATE=1",
                    shipped.file
                );
            }
            assert_eq!(read(&written).unwrap(), catalog);
        }
    }

    #[test]
    fn every_catalog_file_is_shipped() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/catalogs");
        let mut found: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                format!(
                    "mappings/catalogs/{}",
                    entry.unwrap().file_name().to_str().unwrap()
                )
            })
            .collect();
        found.sort();
        let shipped: Vec<_> = SHIPPED.iter().map(|shipped| shipped.file).collect();
        assert_eq!(found, shipped);
    }

    #[test]
    fn a_name_means_the_newest_shipped_catalog() {
        for shipped in SHIPPED {
            assert_eq!(super::shipped(shipped.name).unwrap().catalog, shipped.name);
        }
        let refused = super::shipped("nowhere").unwrap_err().into_sorted();
        assert_eq!(refused[0].code, codes::E0622);
        assert!(refused[0].notes[0].contains(SHIPPED[0].name));
    }

    #[test]
    fn odd_texts_survive() {
        let odd = [
            "",
            " ",
            "a: b",
            "a #b",
            "null",
            "No",
            "12",
            "1.5",
            "0x1f",
            "'q'::text",
            "\"",
            "a\nb",
            "- a",
            "é😀",
            "{a}",
            "a,b",
            "~",
            "\u{0}\r\t\\\u{7f}\u{85}\u{2028}\u{feff}\u{ffff}",
            "a ",
            "2001-01-01",
            ".inf",
            "<<",
        ];
        let mut catalog = Catalog {
            catalog: "a: b".to_owned(),
            version: "007".to_owned(),
            title: "x # y".to_owned(),
            identity: crate::catalog::Identity::default(),
            extensions: odd.map(str::to_owned).to_vec(),
            enums: std::iter::once(("e: #".to_owned(), odd.map(str::to_owned).to_vec())).collect(),
            tables: std::collections::BTreeMap::new(),
        };
        for name in odd {
            let column = Column {
                name: name.to_owned(),
                ty: name.to_owned(),
                nullable: true,
                default: Some(name.to_owned()),
                generated: true,
                sensitive: true,
            };
            let table = Table {
                columns: vec![column],
                ..Table::default()
            };
            catalog.tables.insert(name.to_owned(), table);
        }
        let text = to_yaml(&catalog);
        let back: Catalog = serde_yaml::from_str(&text).unwrap();
        assert_eq!(back, catalog);
    }

    #[test]
    fn an_empty_catalog_survives() {
        let catalog = read("catalog: a\nversion: b\ntitle: c\ntables: {}\n").unwrap();
        assert_eq!(read(&to_yaml(&catalog)).unwrap(), catalog);
    }

    #[test]
    fn an_unknown_key_is_shown_in_its_place() {
        let text = "catalog: a\nversion: b\ntitle: c\ntables:\n  t:\n    columns:\n      - {name: a, type: text, nulable: true}\n";
        let found = read(text).unwrap_err();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].code, codes::E0620);
        let expected = "the catalog file `test.yaml` cannot be read: tables.t.columns[0]: unknown field `nulable`, expected one of `name`, `type`, `nullable`, `default`, `generated`, `sensitive`";
        assert_eq!(found[0].message, expected);
        let label = &found[0].labels[0];
        assert!(text[label.span.range()].starts_with("nulable"));
    }

    #[test]
    fn text_that_is_no_yaml_is_shown_in_its_place() {
        let text = "catalog: [a\nversion: b\n";
        let found = read(text).unwrap_err();
        assert_eq!(found[0].code, codes::E0620);
        assert!(!found[0].message.contains('\n'));
        assert_eq!(found[0].labels.len(), 1);
    }
}
