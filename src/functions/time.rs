//! Moments and lengths of time.

use super::{EvalError, Function, Kind, Returns, int_at, parameter, text_at, time_at};
use crate::types::Value;
use crate::types::written::{self, Precision};

/// 2101-01-01T00:00:00Z in microseconds: the first moment that no row of a running system holds.
const END_OF_2100: i64 = 4_133_980_800_000_000;

fn moment(micros: Option<i64>) -> Result<Value<'static>, EvalError> {
    match micros {
        Some(micros) if micros > 0 && micros < END_OF_2100 => Ok(Value::Timestamp(micros)),
        _ => Err(EvalError::new(
            "is not a moment after 1970 and up to the year 2100",
        )),
    }
}

const FAILS: &str = "for zero, for negative numbers, and after the year 2100";

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "from_unix_seconds",
        parameters: &[parameter("seconds", Kind::Int)],
        returns: Returns::Required(Kind::Timestamp),
        fails: Some(FAILS),
        injective_in: Some(0),
        doc: "The moment that many seconds after 1970-01-01T00:00:00Z.",
        examples: &[
            ("from_unix_seconds(1)", "t\"1970-01-01T00:00:01Z\""),
            ("from_unix_seconds(0)", "fails"),
            ("from_unix_seconds(4133980799)", "t\"2100-12-31T23:59:59Z\""),
            ("from_unix_seconds(4133980800)", "fails"),
        ],
        body: |arguments, _| moment(int_at(arguments, 0)?.checked_mul(1_000_000)),
    },
    Function {
        name: "from_unix_millis",
        parameters: &[parameter("millis", Kind::Int)],
        returns: Returns::Required(Kind::Timestamp),
        fails: Some(FAILS),
        injective_in: Some(0),
        doc: "The moment that many milliseconds after 1970-01-01T00:00:00Z.",
        examples: &[
            ("from_unix_millis(1500)", "t\"1970-01-01T00:00:01.5Z\""),
            ("from_unix_millis(-1)", "fails"),
            ("from_unix_millis(9223372036854775807)", "fails"),
        ],
        body: |arguments, _| moment(int_at(arguments, 0)?.checked_mul(1_000)),
    },
    Function {
        name: "unix_seconds",
        parameters: &[parameter("moment", Kind::Timestamp)],
        returns: Returns::Required(Kind::Int),
        fails: None,
        injective_in: None,
        doc: "Whole seconds from 1970-01-01T00:00:00Z to the moment, rounded down.",
        examples: &[
            ("unix_seconds(t\"1970-01-01T00:00:01.9Z\")", "1"),
            ("unix_seconds(t\"1969-12-31T23:59:59.5Z\")", "-1"),
        ],
        body: |arguments, _| Ok(Value::Int(time_at(arguments, 0)?.div_euclid(1_000_000))),
    },
    Function {
        name: "unix_millis",
        parameters: &[parameter("moment", Kind::Timestamp)],
        returns: Returns::Required(Kind::Int),
        fails: None,
        injective_in: None,
        doc: "Whole milliseconds from 1970-01-01T00:00:00Z to the moment, rounded down.",
        examples: &[("unix_millis(t\"1970-01-01T00:00:01.9Z\")", "1900")],
        body: |arguments, _| Ok(Value::Int(time_at(arguments, 0)?.div_euclid(1_000))),
    },
    Function {
        name: "parse_timestamp",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Timestamp),
        fails: Some("where the text is no RFC 3339 date and time with an offset, or a leap second"),
        injective_in: None,
        doc: "Reads a date and time such as `2024-05-01T12:00:00Z`; what is finer than a microsecond is cut off.",
        examples: &[
            (
                "parse_timestamp(\"2024-05-01T14:00:00+02:00\")",
                "t\"2024-05-01T12:00:00Z\"",
            ),
            (
                "parse_timestamp(\"9999-12-31T23:59:59.9999999Z\")",
                "t\"9999-12-31T23:59:59.999999Z\"",
            ),
            ("parse_timestamp(\"yesterday\")", "fails"),
            ("parse_timestamp(\"2016-12-31T23:59:60Z\")", "fails"),
        ],
        body: |arguments, _| {
            written::timestamp(text_at(arguments, 0)?, Precision::Cut)
                .map(Value::Timestamp)
                .map_err(EvalError::new)
        },
    },
];
