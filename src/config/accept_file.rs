//! Which findings an operator has accepted: `--accept ID[=COUNT]`, and files of them that are kept
//! in version control.
//!
//! A file is YAML, a list of maps with `id`, `count` and `note`, bare or under the key `accepted`; or
//! plain lines, each an id, then a count and a note if wanted. `#` begins a comment in both. Whether
//! an id is that of a finding is for the caller to say.

use std::collections::BTreeMap;
use std::path::Path;

use super::environment::{Environment, FileKind};
use super::raw::{self, Node, Schema, Value};
use super::section::At;
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::pg::Origin;

/// One accepted finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptEntry {
    /// The finding's id, as it was written.
    pub id: String,
    /// The highest count that is accepted; any without.
    pub count: Option<u64>,
    /// Why, for people.
    pub note: Option<String>,
    /// Where it stands: a flag, or a file with the line.
    pub origin: String,
}

/// Reads the value of `--accept`.
///
/// # Errors
/// E0615 if it is not `ID` or `ID=COUNT`.
pub fn accept_flag(text: &str) -> Result<AcceptEntry, Box<Diagnostic>> {
    let wrong = || {
        Box::new(
            Diagnostic::error(codes::E0615, format!("`--accept {text}` names no finding"))
                .help("write `--accept ID` or `--accept ID=COUNT`, such as `--accept orphan=7`"),
        )
    };
    let (id, count) = match text.split_once('=') {
        None => (text, None),
        Some((id, count)) => (id, Some(count.trim().parse().map_err(|_| wrong())?)),
    };
    let id = id.trim();
    if !is_id(id) {
        return Err(wrong());
    }
    Ok(AcceptEntry {
        id: id.to_owned(),
        count,
        note: None,
        origin: "`--accept`".to_owned(),
    })
}

/// Reads a file of accepted findings.
///
/// # Errors
/// E0601 to E0607: the file cannot be read, or everything that is wrong in it.
pub fn accept_file(
    path: &Path,
    environment: &Environment,
) -> Result<Vec<AcceptEntry>, Vec<Diagnostic>> {
    let file = path.display().to_string();
    let text = environment
        .files()
        .read(path)
        .map_err(|error| vec![unreadable(&file, &error, "--accept-file")])?;
    entries(&file, &text)
}

/// The notes of the list that `path` holds already, by the findings' ids; none if there is no such
/// file, or what is there keeps nothing, such as a terminal.
///
/// # Errors
/// E0601 if the file cannot be read, E0603 to E0607 if it is no such list, so that writing it anew would
/// lose something else.
pub fn accept_notes(
    path: &Path,
    environment: &Environment,
) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let file = path.display().to_string();
    // Whoever reads a pipe or a terminal waits for what others write.
    if !(environment.files().facts(path)).is_ok_and(|facts| facts.kind == FileKind::File) {
        return Ok(BTreeMap::new());
    }
    let text = match environment.files().read(path) {
        Ok(text) => text,
        Err(error) => return Err(vec![unreadable(&file, &error, "--write-accept-file")]),
    };
    let entries = entries(&file, &text).map_err(|mut problems| {
        problems.push(
            Diagnostic::error(
                codes::E0613,
                format!("`{file}` would be written over, and is no list of accepted findings"),
            )
            .note("it is named by `--write-accept-file`")
            .help("mend the file, or name another one"),
        );
        problems
    })?;
    let notes = entries
        .into_iter()
        .filter_map(|entry| Some((entry.id, entry.note?)));
    Ok(notes.collect())
}

fn unreadable(file: &str, error: &std::io::Error, flag: &str) -> Diagnostic {
    Diagnostic::error(codes::E0601, format!("the file `{file}` cannot be read"))
        .note(error.to_string())
        .note(format!("it is named by `{flag}`"))
}

fn entries(file: &str, text: &str) -> Result<Vec<AcceptEntry>, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new();
    let entries = if is_yaml(text) {
        yaml(file, text, &mut problems)
    } else {
        plain(file, text, &mut problems)
    };
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in &entries {
        if let Some(first) = seen.insert(&entry.id, &entry.origin) {
            let message = format!("{}: `{}` is listed twice", entry.origin, entry.id);
            let diagnostic = Diagnostic::error(codes::E0607, message);
            problems.push(diagnostic.note(format!("first at {first}")));
        }
    }
    if problems.has_errors() {
        return Err(problems.into_sorted());
    }
    Ok(entries)
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Plain lines have neither dashes nor keys at their beginning.
fn is_yaml(text: &str) -> bool {
    text.trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .is_some_and(|line| {
            line.starts_with(['-', '[', '{', '%'])
                || line
                    .split_whitespace()
                    .next()
                    .is_some_and(|word| word.ends_with(':'))
        })
}

fn plain(file: &str, text: &str, problems: &mut Diagnostics) -> Vec<AcceptEntry> {
    let mut entries = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let origin = format!("{file}:{}", number + 1);
        match plain_line(line, origin) {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(*problem),
        }
    }
    entries
}

/// `ID`, `ID=COUNT`, `ID COUNT`, each with a note after it if wanted.
fn plain_line(line: &str, origin: String) -> Result<AcceptEntry, Box<Diagnostic>> {
    let (head, rest) = line
        .split_once(char::is_whitespace)
        .map_or((line, ""), |(head, rest)| (head, rest.trim()));
    let mut entry = accept_flag(head).map_err(|_| {
        Box::new(
            Diagnostic::error(codes::E0607, format!("{origin}: the line names no finding"))
                .help("write an id on each line, then a count and a note if wanted: `orphan 7 left over from 2019`"),
        )
    })?;
    entry.origin = origin;
    let (word, note) = rest
        .split_once(char::is_whitespace)
        .map_or((rest, ""), |(word, note)| (word, note.trim()));
    let note = match word.parse() {
        Ok(count) if entry.count.is_none() => {
            entry.count = Some(count);
            note
        }
        // A count that is misspelt must not turn into "any number".
        Err(_) if entry.count.is_none() && looks_like_a_number(word) => {
            return Err(Box::new(
                Diagnostic::error(
                    codes::E0607,
                    format!("{}: `{word}` is no count", entry.origin),
                )
                .help("write it in digits alone: `orphan 1099`; a note that begins with a digit stands behind a count"),
            ));
        }
        _ => rest,
    };
    entry.note = (!note.is_empty()).then(|| note.to_owned());
    Ok(entry)
}

fn looks_like_a_number(word: &str) -> bool {
    word.trim_start_matches(['-', '+'])
        .starts_with(|c: char| c.is_numeric())
}

fn yaml(file: &str, text: &str, problems: &mut Diagnostics) -> Vec<AcceptEntry> {
    let top = match raw::document(file, text, Schema::Core) {
        Ok(Some(top)) => top,
        Ok(None) => return Vec::new(),
        Err(problem) => {
            problems.push(problem);
            return Vec::new();
        }
    };
    let place = top.place.clone();
    let node = match &top.value {
        Value::Map(_) => top.as_ref().clone(),
        // A bare list is the same as one under the key.
        Value::List(_) | Value::Scalar(_) => Node {
            value: Value::Map(vec![("accepted".to_owned(), top)]),
            place,
        },
    };
    let at = At::top(&node, Schema::Core);
    for (key, value) in at.entries() {
        if key != "accepted" {
            problems.push(unknown_key(&value, "accepted"));
        }
    }
    let mut entries = Vec::new();
    for item in at.items("accepted", problems) {
        let origin = match item.origin() {
            Origin::File { file, line, .. } => format!("{file}:{line}"),
            other => other.to_string(),
        };
        if !item.is_map() {
            let text = item.as_text(problems);
            match text.map(|text| plain_line(&text.value, origin)) {
                Some(Ok(entry)) => entries.push(entry),
                Some(Err(problem)) => problems.push(*problem),
                None => {}
            }
            continue;
        }
        for (key, value) in item.entries() {
            if !["id", "count", "note"].contains(&key) {
                problems.push(unknown_key(&value, "id`, `count` and `note"));
            }
        }
        let id = item.text("id", problems);
        let count = item.integer("count", 0..=i128::from(i64::MAX), problems);
        let note = item.text("note", problems);
        match id.filter(|id| is_id(&id.value)) {
            Some(id) => entries.push(AcceptEntry {
                id: id.value,
                count: count.map(|count| u64::try_from(count.value).unwrap_or(u64::MAX)),
                note: note.map(|note| note.value),
                origin,
            }),
            None => problems.push(
                item.problem(codes::E0604, "has no `id`")
                    .help("name the finding: `id: orphan`"),
            ),
        }
    }
    entries
}

fn unknown_key(value: &At<'_>, known: &str) -> Diagnostic {
    value
        .problem(codes::E0607, "is no key of a file of accepted findings")
        .help(format!("there is `{known}`"))
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, Vec<String>> {
        let environment = environment(&[], &[("/a", text)]);
        match accept_file(Path::new("/a"), &environment) {
            Ok(entries) => Ok(entries
                .iter()
                .map(|entry| {
                    format!(
                        "{} {:?} {:?} {}",
                        entry.id, entry.count, entry.note, entry.origin
                    )
                })
                .collect()),
            Err(problems) => Err(problems
                .iter()
                .map(|problem| format!("{} {}", problem.code, problem.message))
                .collect()),
        }
    }

    #[test]
    fn plain_lines() {
        let text = "# known\n\norphan\nguest 3\ntoken_expired=16  # many\nlong_email 1 it is real\nempty_device_id a bot's\n";
        assert_eq!(
            read(text).unwrap(),
            [
                "orphan None None /a:3",
                "guest Some(3) None /a:4",
                "token_expired Some(16) None /a:5",
                "long_email Some(1) Some(\"it is real\") /a:6",
                "empty_device_id None Some(\"a bot's\") /a:7",
            ]
        );
        assert_eq!(read("# nothing\n").unwrap(), [""; 0]);
        assert_eq!(
            read("orphan 1,099\nguest -1\nlong_email 7.5\norphan 5").unwrap_err(),
            [
                "E0607 /a:1: `1,099` is no count",
                "E0607 /a:2: `-1` is no count",
                "E0607 /a:3: `7.5` is no count",
            ]
        );
        assert_eq!(
            read("orphan 5\nguest\norphan 100").unwrap_err(),
            ["E0607 /a:3: `orphan` is listed twice"]
        );
        assert_eq!(
            read("orphan\nwhat is this?\n!\nguest=many").unwrap_err(),
            [
                "E0607 /a:3: the line names no finding",
                "E0607 /a:4: the line names no finding",
            ]
        );
    }

    #[test]
    fn yaml_bare_and_under_its_key() {
        let expected = [
            "orphan Some(7) Some(\"of 2019\") /a:2",
            "guest None None /a:5",
        ];
        let list = "# c\n- id: orphan\n  count: 7\n  note: of 2019\n- id: guest\n";
        assert_eq!(read(list).unwrap(), expected);
        let keyed = "accepted:\n- {id: orphan, count: 7, note: of 2019}\n\n\n- guest\n";
        assert_eq!(read(keyed).unwrap(), expected);
        assert_eq!(read("accepted:\n").unwrap(), [""; 0]);
        assert_eq!(read("accepted: []\n").unwrap(), [""; 0]);
    }

    #[test]
    fn yaml_that_is_something_else() {
        for (text, code) in [
            ("- id: orphan\n  number: 7\n", "E0607"),
            ("- count: 7\n", "E0604"),
            ("- orphan 1,099\n", "E0607"),
            ("- id: orphan\n- id: guest\n- id: orphan\n", "E0607"),
            ("- id: orphan\n  count: many\n", "E0603"),
            ("- id: orphan\n  count: -1\n", "E0607"),
            ("findings:\n- id: orphan\n", "E0607"),
            ("accepted: 7\n", "E0603"),
            ("- [unclosed\n", "E0602"),
        ] {
            let problems = read(text).unwrap_err();
            assert!(problems[0].starts_with(code), "{text}: {problems:?}");
        }
        let environment = environment(&[], &[]);
        let problems = accept_file(Path::new("/none"), &environment).unwrap_err();
        assert_eq!(problems[0].code, codes::E0601);
    }

    #[test]
    fn flags() {
        let entry = accept_flag("orphan=7").unwrap();
        assert_eq!((entry.id.as_str(), entry.count), ("orphan", Some(7)));
        assert_eq!(accept_flag("orphan").unwrap().count, None);
        for wrong in ["", "=7", "orphan=", "orphan=x", "orphan=-1", "a b"] {
            assert_eq!(accept_flag(wrong).unwrap_err().code, codes::E0615);
        }
    }
}
