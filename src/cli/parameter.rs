//! Values of parameters as they are given on the command line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::functions::{parse_ulid, parse_uuid};
use crate::types::written::{self, Precision};
use crate::types::{OwnedValue, SeverityValue, Ty};

/// Why a text is no value of a parameter; never the text itself, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoValue {
    /// It has not the form of the type.
    Form,
    /// A look-up table has a key twice.
    KeyTwice,
}

/// The value of a type that a text stands for: numbers, durations and bytes as in a mapping,
/// look-up tables as JSON objects.
///
/// # Errors
/// What is wrong with it.
pub(super) fn value(ty: &Ty, text: &str) -> Result<OwnedValue, NoValue> {
    match ty {
        Ty::Map(_, of) => table(of, text),
        _ => simple(ty, text).ok_or(NoValue::Form),
    }
}

fn simple(ty: &Ty, text: &str) -> Option<OwnedValue> {
    Some(match ty {
        Ty::Bool => OwnedValue::Bool(match text {
            "true" => true,
            "false" => false,
            _ => return None,
        }),
        Ty::Int => OwnedValue::Int(written::integer(text)?),
        // PostgreSQL's texts hold no U+0000, and constants of a mapping neither.
        Ty::Text => OwnedValue::Text((!text.contains('\0')).then(|| text.to_owned())?),
        Ty::Bytes => OwnedValue::Bytes(written::bytes(hexadecimal(text))?),
        Ty::Json => {
            serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
            OwnedValue::Json(text.to_owned())
        }
        Ty::Timestamp => OwnedValue::Timestamp(
            written::timestamp(constant(text, 't').unwrap_or(text), Precision::Exact).ok()?,
        ),
        Ty::Duration => OwnedValue::Duration(written::duration(text)?),
        Ty::Uuid => OwnedValue::Uuid(parse_uuid(text).or_else(|| parse_ulid(text))?),
        Ty::Inet => OwnedValue::Inet(written::inet(text)?),
        Ty::Severity => OwnedValue::Severity(match text {
            "error" => SeverityValue::Error,
            "warn" => SeverityValue::Warn,
            "quiet" => SeverityValue::Quiet,
            _ => return None,
        }),
        Ty::Map(..) | Ty::Other(_) | Ty::Null | Ty::Error => return None,
    })
}

/// The digits of bytes: alone, as in a mapping (`x"00ff"`), or as PostgreSQL prints them (`\x00ff`).
fn hexadecimal(text: &str) -> &str {
    constant(text, 'x')
        .or_else(|| text.strip_prefix("\\x"))
        .unwrap_or(text)
}

/// What stands between the quotes of a constant `x"…"`.
fn constant(text: &str, letter: char) -> Option<&str> {
    text.strip_prefix(letter)?
        .strip_prefix('"')?
        .strip_suffix('"')
}

fn table(of: &Ty, text: &str) -> Result<OwnedValue, NoValue> {
    let Members(members) = serde_json::from_str(text).map_err(|_| NoValue::Form)?;
    let mut entries = BTreeMap::new();
    for (key, member) in members {
        let value = entry(of, member).ok_or(NoValue::Form)?;
        if entries.insert(key, value).is_some() {
            return Err(NoValue::KeyTwice);
        }
    }
    Ok(OwnedValue::Map(entries))
}

/// A value of a look-up table: numbers and truth values as JSON has them, everything else in texts.
fn entry(of: &Ty, member: serde_json::Value) -> Option<OwnedValue> {
    match (of, member) {
        (Ty::Json, member) => Some(OwnedValue::Json(member.to_string())),
        (Ty::Bool, serde_json::Value::Bool(truth)) => Some(OwnedValue::Bool(truth)),
        (Ty::Int, serde_json::Value::Number(number)) => number.as_i64().map(OwnedValue::Int),
        (of, serde_json::Value::String(text)) => simple(of, &text),
        _ => None,
    }
}

/// The members of a JSON object in order, each as often as it is written.
struct Members(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
                let mut found = Vec::new();
                while let Some(member) = members.next_entry()? {
                    found.push(member);
                }
                Ok(Members(found))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// How a value of the type is written, for a help line.
pub(super) fn example(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "write `true` or `false`".to_owned(),
        Ty::Int => "write a whole number".to_owned(),
        Ty::Bytes => "write pairs of hexadecimal digits: `00ff`".to_owned(),
        Ty::Timestamp => "write a form such as `2026-05-01T02:00:00Z`".to_owned(),
        Ty::Duration => "write a number and a unit of `us ms s m h d w`: `90m`, `-3h`".to_owned(),
        Ty::Uuid => "write a UUID or a ULID".to_owned(),
        Ty::Inet => "write an address, perhaps with a prefix: `10.0.0.5`, `10.0.0.0/8`".to_owned(),
        Ty::Json => "write a JSON document".to_owned(),
        Ty::Severity => "write `error`, `warn` or `quiet`".to_owned(),
        Ty::Map(_, of) => {
            let value = match &**of {
                Ty::Bool => "true",
                Ty::Int => "1",
                Ty::Json => "[]",
                Ty::Bytes => "\"00ff\"",
                Ty::Timestamp => "\"2026-05-01T02:00:00Z\"",
                Ty::Duration => "\"90m\"",
                Ty::Inet => "\"10.0.0.5\"",
                Ty::Uuid => "\"01234567-89ab-cdef-0123-456789abcdef\"",
                _ => "\"value\"",
            };
            format!("write a JSON object such as `{{\"key\": {value}}}`")
        }
        other => format!("write a value of `{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(of: Ty) -> Ty {
        Ty::Map(Box::new(Ty::Text), Box::new(of))
    }

    #[test]
    fn a_value_of_every_type_can_be_given() {
        for (ty, text, gives) in [
            (Ty::Bool, "false", OwnedValue::Bool(false)),
            (Ty::Int, "-9223372036854775808", OwnedValue::Int(i64::MIN)),
            (Ty::Text, "", OwnedValue::Text(String::new())),
            (Ty::Bytes, "00fF", OwnedValue::Bytes(vec![0, 255])),
            (Ty::Bytes, "x\"00ff\"", OwnedValue::Bytes(vec![0, 255])),
            (Ty::Bytes, "\\x00ff", OwnedValue::Bytes(vec![0, 255])),
            (Ty::Duration, "90m", OwnedValue::Duration(5_400_000_000)),
            (Ty::Duration, "-3h", OwnedValue::Duration(-10_800_000_000)),
            (
                Ty::Timestamp,
                "1970-01-01T00:00:01Z",
                OwnedValue::Timestamp(1_000_000),
            ),
            (
                Ty::Timestamp,
                "t\"1970-01-01T00:00:01Z\"",
                OwnedValue::Timestamp(1_000_000),
            ),
            (
                Ty::Inet,
                "10.0.0.5/8",
                OwnedValue::Inet(written::inet("10.0.0.5/8").unwrap()),
            ),
            (Ty::Json, "[1]", OwnedValue::Json("[1]".to_owned())),
            (
                Ty::Severity,
                "quiet",
                OwnedValue::Severity(SeverityValue::Quiet),
            ),
            (Ty::Uuid, "00000000-0000-0000-0000-000000000007", {
                let mut bytes = [0; 16];
                bytes[15] = 7;
                OwnedValue::Uuid(bytes)
            }),
        ] {
            assert_eq!(value(&ty, text), Ok(gives), "{ty} {text}");
        }
    }

    #[test]
    fn look_up_tables_hold_values_of_every_simple_type() {
        for (of, text, gives) in [
            (Ty::Int, "1", OwnedValue::Int(1)),
            (Ty::Int, "\"1\"", OwnedValue::Int(1)),
            (Ty::Bool, "true", OwnedValue::Bool(true)),
            (Ty::Text, "\"a\"", OwnedValue::Text("a".to_owned())),
            (Ty::Duration, "\"-1s\"", OwnedValue::Duration(-1_000_000)),
            (
                Ty::Json,
                "{\"a\":[1]}",
                OwnedValue::Json("{\"a\":[1]}".to_owned()),
            ),
        ] {
            let text = format!("{{\"k\": {text}}}");
            let gives = OwnedValue::Map(BTreeMap::from([("k".to_owned(), gives)]));
            assert_eq!(value(&map(of), &text), Ok(gives), "{text}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (ty, text) in [
            (Ty::Int, "1.0"),
            (Ty::Int, ""),
            (Ty::Bytes, "0"),
            (Ty::Duration, "3"),
            (Ty::Timestamp, "2026-05-01"),
            (Ty::Inet, "10.0.0.5/33"),
            (Ty::Text, "a\0"),
            (map(Ty::Int), "{\"a\": 1.5}"),
            (map(Ty::Int), "{\"a\": null}"),
            (map(Ty::Text), "{\"a\": 1}"),
            (map(Ty::Text), "[]"),
        ] {
            assert_eq!(value(&ty, text), Err(NoValue::Form), "{ty} {text}");
        }
        assert_eq!(
            value(&map(Ty::Int), "{\"a\": 1, \"a\": 1}"),
            Err(NoValue::KeyTwice)
        );
    }
}
