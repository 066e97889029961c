//! The values that cases are made of: few of each type, so that they meet, and odd ones.

use crate::case::{Ty, Value};
use crate::random::Random;

/// The earliest moment PostgreSQL holds, in microseconds since 1970.
pub(crate) const EARLIEST: i64 = -210_866_803_200_000_000;
/// The last moment that `from_unix_millis` and `from_unix_seconds` give.
const END_OF_2100: i64 = 4_133_980_800_000_000;

const TEXTS: [&str; 30] = [
    "",
    "a",
    "A",
    "a ",
    "a  ",
    " a",
    "it's",
    "back\\slash",
    "\\n",
    "\"quoted\"",
    "{x}",
    "ä",
    "a\u{308}",
    "Ä",
    "日本語",
    "😀",
    "\u{200d}",
    "line\nbreak",
    "tab\t",
    "%_",
    "42",
    "-7",
    "+5",
    "007",
    "9223372036854775808",
    "-9223372036854775808",
    "4 2",
    "null",
    "a:b:c",
    "00000000-0000-0000-0000-0000000000ff",
];

const INTS: [i64; 22] = [
    0,
    1,
    -1,
    2,
    3,
    7,
    10,
    -3,
    255,
    1000,
    32_767,
    -32_768,
    32_768,
    2_147_483_647,
    -2_147_483_648,
    2_147_483_648,
    1_700_000_000,
    4_133_980_799,
    4_133_980_800,
    1_700_000_000_123,
    i64::MAX,
    i64::MIN,
];

const TIMES: [i64; 12] = [
    0,
    1,
    -1,
    1_000,
    -999,
    1_700_000_000_123_456,
    1_700_000_000_123_457,
    END_OF_2100 - 1,
    END_OF_2100,
    -62_135_596_800_000_000,
    EARLIEST,
    i64::MAX,
];

/// A value of the type, any.
pub(crate) fn any(random: &mut Random, ty: Ty) -> Value {
    match ty {
        Ty::Bool => Value::Bool(random.chance(50)),
        Ty::Int => Value::Int(if random.chance(50) {
            i64::try_from(random.below(6)).unwrap()
        } else {
            *random.pick(&INTS)
        }),
        Ty::Text => Value::Text(match random.below(400) {
            // Long enough that a few rows make a block of their own.
            0 => "long".repeat(18_000),
            1..=5 => "ß€".repeat(200),
            _ => (*random.pick(&TEXTS)).to_owned(),
        }),
        Ty::Bytes => Value::Bytes(match random.below(5) {
            0 => Vec::new(),
            1 => vec![0],
            2 => vec![255, 0, 92, 39],
            3 => b"ab".to_vec(),
            _ => vec![u8::try_from(random.below(256)).unwrap()],
        }),
        Ty::Time => Value::Time(*random.pick(&TIMES)),
        Ty::Uuid => {
            let mut bytes = [0; 16];
            match random.below(4) {
                0 => {}
                1 => bytes = [255; 16],
                2 => bytes[15] = 255,
                _ => bytes[random.below(16)] = u8::try_from(random.below(256)).unwrap(),
            }
            Value::Uuid(bytes)
        }
    }
}

/// A value that the type of the column can hold.
pub(crate) fn fits(pg: &str, value: &Value) -> bool {
    match (pg, value) {
        ("smallint", Value::Int(value)) => i16::try_from(*value).is_ok(),
        ("integer", Value::Int(value)) => i32::try_from(*value).is_ok(),
        ("character varying(5)", Value::Text(value)) => value.chars().count() <= 5,
        ("character varying(9)", Value::Text(value)) => value.chars().count() <= 9,
        _ => true,
    }
}

/// Whether the language can write the value as a constant, in reasonable length.
pub(crate) fn is_constant(value: &Value) -> bool {
    match value {
        Value::Uuid(_) | Value::Null => false,
        Value::Int(value) => *value != i64::MIN,
        Value::Text(value) => value.len() < 50,
        Value::Time(micros) => (-62_135_596_800_000_000..=END_OF_2100).contains(micros),
        Value::Bool(_) | Value::Bytes(_) => true,
    }
}

/// The PostgreSQL types whose values are of the type.
pub(crate) fn pg_types(ty: Ty) -> &'static [&'static str] {
    match ty {
        Ty::Bool => &["boolean"],
        Ty::Int => &["bigint", "bigint", "integer", "smallint"],
        Ty::Text => &[
            "text",
            "text",
            "character varying",
            "character varying(5)",
            "character varying(9)",
        ],
        Ty::Bytes => &["bytea"],
        Ty::Time => &["timestamp with time zone"],
        Ty::Uuid => &["uuid"],
    }
}
