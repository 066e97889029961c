//! IP addresses, UUIDs and ULIDs as text.

use std::net::IpAddr;

use super::{EvalError, Function, Kind, Returns, parameter, text_at};
use crate::types::{Inet, Value};

/// The 16 bytes of a UUID in its hyphenated or plain form.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = match text.len() {
        32 => text.to_owned(),
        36 if [8, 13, 18, 23]
            .iter()
            .all(|at| text.as_bytes().get(*at) == Some(&b'-')) =>
        {
            text.replace('-', "")
        }
        _ => return None,
    };
    let hexadecimal = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal
        .then(|| {
            u128::from_str_radix(&digits, 16)
                .ok()
                .map(u128::to_be_bytes)
        })
        .flatten()
}

/// The 16 bytes of a ULID in its 26 characters. They could hold 130 bits: the first stands for three.
pub fn parse_ulid(text: &str) -> Option<[u8; 16]> {
    if !text.starts_with(|first| matches!(first, '0'..='7')) {
        return None;
    }
    ::ulid::Ulid::from_string(text)
        .ok()
        .map(|ulid| ulid.0.to_be_bytes())
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "parse_inet",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Inet),
        fails: Some("where the text is no IPv4 or IPv6 address"),
        injective_in: None,
        doc: "Reads an IP address.",
        examples: &[
            (
                "inet_text(parse_inet(\"2001:DB8::0:1\"))",
                "\"2001:db8::1\"",
            ),
            ("parse_inet(\"10.0.0.1:443\")", "fails"),
            ("parse_inet(\"-\")", "fails"),
        ],
        body: |arguments, _| match text_at(arguments, 0)?.parse::<IpAddr>() {
            Ok(address) => Ok(Value::Inet(Inet::host(address))),
            Err(_) => Err(EvalError::new("is no IP address")),
        },
    },
    Function {
        name: "parse_uuid",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Uuid),
        fails: Some("where the text is no UUID"),
        injective_in: None,
        doc: "Reads a UUID in its hyphenated form or as 32 digits.",
        examples: &[
            (
                "uuid_text(parse_uuid(\"018F0000000070008000000000000001\"))",
                "\"018f0000-0000-7000-8000-000000000001\"",
            ),
            ("parse_uuid(\"018f0000\")", "fails"),
        ],
        body: |arguments, _| {
            parse_uuid(text_at(arguments, 0)?)
                .map(Value::Uuid)
                .ok_or(EvalError::new("is no UUID"))
        },
    },
    Function {
        name: "parse_ulid",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Uuid),
        fails: Some("where the text is no ULID"),
        injective_in: None,
        doc: "Reads the 26 characters of a ULID; its 128 bits make the UUID.",
        examples: &[
            (
                "uuid_text(parse_ulid(\"01JSHPZHAXC50QBKH67MH33TNF\"))",
                "\"0196636f-c55d-6141-75ce-263d2231eaaf\"",
            ),
            ("parse_ulid(\"01JSHP\")", "fails"),
            ("parse_ulid(\"80000000000000000000000000\")", "fails"),
        ],
        body: |arguments, _| {
            parse_ulid(text_at(arguments, 0)?)
                .map(Value::Uuid)
                .ok_or(EvalError::new("is no ULID"))
        },
    },
    Function {
        name: "inet_text",
        parameters: &[parameter("address", Kind::Inet)],
        returns: Returns::Required(Kind::Text),
        fails: None,
        injective_in: Some(0),
        doc: "An IP address in its shortest form, with the prefix length of a network.",
        examples: &[("inet_text(parse_inet(\"10.1.2.3\"))", "\"10.1.2.3\"")],
        body: |arguments, arena| match arguments.first() {
            Some(Value::Inet(inet)) => Ok(Value::Text(arena.alloc_str(&inet.to_string()))),
            _ => Err(EvalError::DEFECT),
        },
    },
    Function {
        name: "uuid_text",
        parameters: &[parameter("uuid", Kind::Uuid)],
        returns: Returns::Required(Kind::Text),
        fails: None,
        injective_in: Some(0),
        doc: "A UUID in its hyphenated lowercase form.",
        examples: &[(
            "uuid_text(parse_ulid(\"00000000000000000000000001\"))",
            "\"00000000-0000-0000-0000-000000000001\"",
        )],
        body: |arguments, arena| match arguments.first() {
            Some(Value::Uuid(bytes)) => Ok(Value::Text(arena.alloc_str(&uuid_text(bytes)))),
            _ => Err(EvalError::DEFECT),
        },
    },
];

/// The hyphenated lowercase form of a UUID.
pub fn uuid_text(bytes: &[u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(*bytes));
    let mut text = String::with_capacity(36);
    for (index, digit) in digits.chars().enumerate() {
        if [8, 12, 16, 20].contains(&index) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
