//! Values as constants of the language, the way a mapping writes them.

use std::fmt::Write;

use jiff::Timestamp;

use super::{OwnedValue, SeverityValue};

/// Microseconds in each unit of durations, the largest first.
const UNITS: [(i64, &str); 7] = [
    (604_800_000_000, "w"),
    (86_400_000_000, "d"),
    (3_600_000_000, "h"),
    (60_000_000, "m"),
    (1_000_000, "s"),
    (1_000, "ms"),
    (1, "us"),
];

/// A value as a mapping writes it: `true`, `-5`, `"text"`, `90m`, `t"2026-05-01T02:00:00Z"`, `x"00ff"`,
/// `warn`, `{}`. Kinds of values that no constant stands for are written like text.
pub fn constant(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Null => "null".to_owned(),
        OwnedValue::Bool(truth) => truth.to_string(),
        OwnedValue::Int(number) => number.to_string(),
        OwnedValue::Text(text) | OwnedValue::Json(text) => quoted(text),
        OwnedValue::Bytes(bytes) => format!("x\"{}\"", hexadecimal(bytes)),
        OwnedValue::Timestamp(micros) => match Timestamp::from_microsecond(*micros) {
            Ok(moment) => format!("t\"{moment}\""),
            Err(_) => format!("{micros} us since 1970"),
        },
        OwnedValue::Duration(micros) => duration(*micros),
        OwnedValue::Uuid(bytes) => quoted(&uuid(bytes)),
        OwnedValue::Inet(address) => quoted(&address.to_string()),
        OwnedValue::Severity(severity) => match severity {
            SeverityValue::Error => "error",
            SeverityValue::Warn => "warn",
            SeverityValue::Quiet => "quiet",
        }
        .to_owned(),
        OwnedValue::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), constant(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '{' | '}' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{{{:x}}}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// In the largest unit that leaves nothing over.
fn duration(micros: i64) -> String {
    let unit = UNITS.iter().find(|(size, _)| micros % size == 0);
    match unit {
        Some((size, unit)) if micros != 0 => format!("{}{unit}", micros / size),
        _ => format!("{micros}s"),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn uuid(bytes: &[u8; 16]) -> String {
    let mut digits = hexadecimal(bytes);
    for place in [20, 16, 12, 8] {
        digits.insert(place, '-');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn values_are_written_as_mappings_write_them() {
        for (value, text) in [
            (OwnedValue::Bool(true), "true"),
            (OwnedValue::Int(-5), "-5"),
            (
                OwnedValue::Text("a \"b\" {c}\n".to_owned()),
                r#""a \"b\" \{c\}\n""#,
            ),
            (OwnedValue::Bytes(vec![0, 255]), "x\"00ff\""),
            (
                OwnedValue::Timestamp(1_000_000),
                "t\"1970-01-01T00:00:01Z\"",
            ),
            (OwnedValue::Severity(SeverityValue::Warn), "warn"),
            (OwnedValue::Map([].into()), "{}"),
            (
                OwnedValue::Map([("k".to_owned(), OwnedValue::Int(1))].into()),
                "{\"k\": 1}",
            ),
            (
                OwnedValue::Uuid([0xab; 16]),
                "\"abababab-abab-abab-abab-abababababab\"",
            ),
        ] {
            assert_eq!(constant(&value), text);
        }
        for text in ["90m", "-3h", "2w", "1500ms", "7us", "0s", "61s"] {
            let micros = written::duration(text).unwrap();
            assert_eq!(constant(&OwnedValue::Duration(micros)), text);
        }
    }
}
