//! JSON documents.

use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::{EvalError, Function, Kind, Returns, parameter, text_at};
use crate::types::Value;

/// The member of that name of a JSON object; none where the document is no object. Of the other
/// members only the form counts: a number beyond every range spoils nothing. Of two members of one
/// name the last counts, as in PostgreSQL.
fn member(document: &str, name: &str) -> Option<serde_json::Value> {
    let mut reader = serde_json::Deserializer::from_str(document);
    reader.deserialize_map(Member(name)).ok().flatten()
}

struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<serde_json::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = members.next_key::<String>()? {
            if key == self.0 {
                found = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "parse_json",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Json),
        fails: Some("where the text is no JSON"),
        injective_in: None,
        doc: "Reads a JSON document.",
        examples: &[
            (
                "json_text(parse_json(\"\\{\\\"a\\\": \\\"b\\\"\\}\"), \"a\")",
                "\"b\"",
            ),
            ("parse_json(\"\\{\")", "fails"),
        ],
        body: |arguments, _| {
            let text = text_at(arguments, 0)?;
            match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => Ok(Value::Json(text)),
                Err(_) => Err(EvalError::new("is no JSON document")),
            }
        },
    },
    Function {
        name: "json_text",
        parameters: &[
            parameter("document", Kind::Json),
            parameter("member", Kind::Text),
        ],
        returns: Returns::Nullable(Kind::Text),
        fails: None,
        injective_in: None,
        doc: "The text that a JSON object has under the name; null where there is none or it is no text.",
        examples: &[(
            "json_text(parse_json(\"\\{\\\"a\\\": 1\\}\"), \"a\")",
            "null",
        )],
        body: |arguments, arena| match member(text_at(arguments, 0)?, text_at(arguments, 1)?) {
            Some(serde_json::Value::String(text)) => Ok(Value::Text(arena.alloc_str(&text))),
            _ => Ok(Value::Null),
        },
    },
    Function {
        name: "json_int",
        parameters: &[
            parameter("document", Kind::Json),
            parameter("member", Kind::Text),
        ],
        returns: Returns::Nullable(Kind::Int),
        fails: None,
        injective_in: None,
        doc: "The whole number that a JSON object has under the name; null where there is none or it is no whole number of 64 bits.",
        examples: &[
            ("json_int(parse_json(\"\\{\\\"a\\\": 7\\}\"), \"a\")", "7"),
            ("json_int(parse_json(\"[]\"), \"a\")", "null"),
        ],
        body: |arguments, _| {
            let found = member(text_at(arguments, 0)?, text_at(arguments, 1)?);
            Ok(found
                .and_then(|value| value.as_i64())
                .map_or(Value::Null, Value::Int))
        },
    },
    Function {
        name: "json_bool",
        parameters: &[
            parameter("document", Kind::Json),
            parameter("member", Kind::Text),
        ],
        returns: Returns::Nullable(Kind::Bool),
        fails: None,
        injective_in: None,
        doc: "The truth value that a JSON object has under the name; null where there is none or it is no truth value.",
        examples: &[(
            "json_bool(parse_json(\"\\{\\\"a\\\": true\\}\"), \"a\")",
            "true",
        )],
        body: |arguments, _| {
            let found = member(text_at(arguments, 0)?, text_at(arguments, 1)?);
            Ok(found
                .and_then(|value| value.as_bool())
                .map_or(Value::Null, Value::Bool))
        },
    },
];
