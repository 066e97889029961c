//! Identifiers of the Matrix specification.

use super::{EvalError, Function, Kind, Returns, parameter, text_at};
use crate::types::Value;

fn parts(id: &str) -> Option<(&str, &str)> {
    id.strip_prefix('@')?.split_once(':')
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "matrix_localpart",
        parameters: &[
            parameter("user_id", Kind::Text),
            parameter("server_name", Kind::Text),
        ],
        returns: Returns::Required(Kind::Text),
        fails: Some(
            "where the text is no `@localpart:server`, names another server, or has nothing before the `:`",
        ),
        injective_in: Some(0),
        doc: "What stands between `@` and the first `:` of a Matrix user ID of that very server.",
        examples: &[
            (
                "matrix_localpart(\"@ada:example.com:8448\", \"example.com:8448\")",
                "\"ada\"",
            ),
            (
                "matrix_localpart(\"@ada:elsewhere.org\", \"example.com\")",
                "fails",
            ),
            (
                "matrix_localpart(\"@irc:chan:example.com\", \"example.com\")",
                "fails",
            ),
            ("matrix_localpart(\"ada\", \"example.com\")", "fails"),
            (
                "matrix_localpart(\"@:example.com\", \"example.com\")",
                "fails",
            ),
        ],
        body: |arguments, _| {
            let server_name = text_at(arguments, 1)?;
            match parts(text_at(arguments, 0)?) {
                Some(("", _)) => Err(EvalError::new("is a user ID without a name")),
                Some((localpart, server)) if server == server_name => Ok(Value::Text(localpart)),
                Some(_) => Err(EvalError::new("is a user ID of another server")),
                None => Err(EvalError::new("is no Matrix user ID")),
            }
        },
    },
    Function {
        name: "matrix_server",
        parameters: &[parameter("user_id", Kind::Text)],
        returns: Returns::Required(Kind::Text),
        fails: Some("where the text is no `@localpart:server`"),
        injective_in: None,
        doc: "What stands behind the first `:` of a Matrix user ID.",
        examples: &[
            (
                "matrix_server(\"@ada:example.com:8448\")",
                "\"example.com:8448\"",
            ),
            ("matrix_server(\"ada\")", "fails"),
        ],
        body: |arguments, _| match parts(text_at(arguments, 0)?) {
            Some((_, server)) => Ok(Value::Text(server)),
            None => Err(EvalError::new("is no Matrix user ID")),
        },
    },
];
