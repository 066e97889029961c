//! The form in which rows are compared where PostgreSQL keeps a value in another form than it was
//! sent: `jsonb`.
//!
//! A `jsonb` comes back with its entries in another order, each once, numbers written out, blanks and
//! escapes its own. Both sides of a comparison are put into one form here, which is the same for
//! documents that PostgreSQL holds for equal. Every other type that a mapping can write comes back as
//! it was sent.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::plan::Target;
use crate::types::PgType;

use super::digest::cells;

/// Which columns of a table are kept in a form of their own.
pub(super) fn documents(target: &Target) -> Vec<usize> {
    target
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.pg_type == PgType::Jsonb)
        .map(|(number, _)| number)
        .collect()
}

/// A tuple with those columns in the form in which they are compared.
pub(super) fn comparable<'t>(documents: &[usize], tuple: &'t [u8]) -> Cow<'t, [u8]> {
    if documents.is_empty() {
        return Cow::Borrowed(tuple);
    }
    let mut out = tuple.get(..2).unwrap_or_default().to_vec();
    for (column, cell) in cells(tuple).enumerate() {
        let cell = cell.map(|cell| match documents.contains(&column) {
            true => document(cell).map_or(Cow::Borrowed(cell), Cow::Owned),
            false => Cow::Borrowed(cell),
        });
        let length = cell
            .as_ref()
            .map_or(-1, |cell| i32::try_from(cell.len()).unwrap_or(i32::MAX));
        out.extend(length.to_be_bytes());
        out.extend(cell.as_deref().unwrap_or_default());
    }
    Cow::Owned(out)
}

/// A cell of a `jsonb` column: its version, then the document. `None` for what is none; it is compared
/// as it is.
fn document(cell: &[u8]) -> Option<Vec<u8>> {
    let (1, text) = cell.split_first()? else {
        return None;
    };
    let mut out = vec![1];
    out.extend(canonical(text)?);
    Some(out)
}

/// What is open while a document is read.
enum Open {
    Array(Vec<u8>),
    /// The entries so far, and the name of the next.
    Object(BTreeMap<Vec<u8>, Vec<u8>>, Option<Vec<u8>>),
}

/// A document with its entries sorted, the last of equal names, and numbers as digits and exponent.
/// Nesting is as deep as it likes: nothing here calls itself.
fn canonical(text: &[u8]) -> Option<Vec<u8>> {
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text;
    loop {
        let (first, after) = rest.trim_ascii_start().split_first()?;
        rest = after;
        let value = match first {
            b'[' => {
                open.push(Open::Array(Vec::new()));
                None
            }
            b'{' => {
                open.push(Open::Object(BTreeMap::new(), None));
                None
            }
            // The end of an empty one, or a separator: what follows is seen to below.
            b',' | b':' => continue,
            b']' | b'}' => Some(closed(open.pop()?)),
            b'"' => {
                let length = string_length(rest)?;
                let (string, after) = rest.split_at_checked(length)?;
                rest = after;
                let string: String = serde_json::from_slice(&[b"\"", string].concat()).ok()?;
                Some(serde_json::to_vec(&string).ok()?)
            }
            first => {
                let end = rest
                    .iter()
                    .position(|byte| b",]} \t\r\n".contains(byte))
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end)?;
                rest = after;
                let word = [&[*first], word].concat();
                Some(match word.as_slice() {
                    b"true" | b"false" | b"null" => word,
                    number => canonical_number(number)?,
                })
            }
        };
        let Some(value) = value else { continue };
        match open.last_mut() {
            None => return rest.trim_ascii().is_empty().then_some(value),
            Some(Open::Array(items)) => {
                items.extend(value);
                items.push(b',');
            }
            Some(Open::Object(entries, name)) => match name.take() {
                None => *name = Some(value),
                Some(name) => {
                    entries.insert(name, value);
                }
            },
        }
    }
}

fn closed(open: Open) -> Vec<u8> {
    match open {
        Open::Array(items) => [b"[", items.as_slice(), b"]"].concat(),
        Open::Object(entries, _) => {
            let mut out = vec![b'{'];
            for (name, value) in entries {
                out.extend(name);
                out.push(b':');
                out.extend(value);
                out.push(b',');
            }
            out.push(b'}');
            out
        }
    }
}

/// The length of a string from behind its first quote, its last one included.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}

/// A number as sign, digits without zeros at either end, and power of ten.
fn canonical_number(number: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(number).ok()?;
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => ("-", text),
        None => ("", text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let short = digits.trim_end_matches('0');
    if short.is_empty() {
        return Some(b"0".to_vec());
    }
    let zeros = i64::try_from(digits.len() - short.len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.checked_sub(places)?.checked_add(zeros)?;
    Some(format!("{sign}{short}e{exponent}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::digest::tests::tuple;

    fn same(one: &str, other: &str) -> bool {
        canonical(one.as_bytes()).unwrap() == canonical(other.as_bytes()).unwrap()
    }

    #[test]
    fn documents_that_jsonb_holds_for_equal_are_one() {
        for (sent, kept) in [
            (r#"{"bb":1,"a":2}"#, r#"{"a": 2, "bb": 1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
            (
                r#"[1e2, 1.50, -0, 0.0010, 12e-1]"#,
                "[100, 1.50, 0, 0.0010, 1.2]",
            ),
            (r#""\u0041\/\ud83d\ude00\n""#, "\"A/😀\\n\""),
            (" [ ] ", "[]"),
            ("{ }", "{}"),
            (
                r#"{"x":{"y":[null,true,{"z":"}],"}]}}"#,
                r#"{"x": {"y": [null, true, {"z": "}],"}]}}"#,
            ),
        ] {
            assert!(same(sent, kept), "{sent}");
        }
    }

    #[test]
    fn others_are_not() {
        for (one, other) in [
            ("1", "\"1\""),
            ("[1, 2]", "[2, 1]"),
            ("[1, [2]]", "[[1], 2]"),
            ("[[]]", "[]"),
            ("10", "1"),
            ("-1", "1"),
            ("0.1", "0.01"),
            (r#"{"a": 1}"#, r#"{"a": 2}"#),
            (r#"{"a": {"b": 1}}"#, r#"{"a": 1, "b": 1}"#),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567891",
            ),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_document_is_compared_as_it_is() {
        for text in [
            "",
            "[",
            "\"",
            "{\"a\"",
            "1 2",
            "nul",
            "1e99999999999999999999",
        ] {
            assert_eq!(canonical(text.as_bytes()), None, "{text}");
        }
        let row = tuple(&[Some("k"), Some("\u{2}{}"), None]);
        assert_eq!(comparable(&[1, 2], &row), row);
    }

    #[test]
    fn depth_is_no_matter() {
        let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(canonical(deep.as_bytes()).is_some());
    }

    #[test]
    fn only_columns_of_documents_are_touched() {
        let (sent, kept) = (
            tuple(&[Some("{ }"), Some("\u{1}{\"b\":1,\"a\":2}"), None]),
            tuple(&[Some("{ }"), Some("\u{1}{\"a\": 2, \"b\": 1}"), None]),
        );
        assert_eq!(comparable(&[1], &sent), comparable(&[1], &kept));
        assert_ne!(comparable(&[], &sent), comparable(&[], &kept));
    }
}
