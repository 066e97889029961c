//! The shapes of password hashes and tokens. Nothing here verifies or prints one.

use super::bytes::decode_url_safe;
use super::{Function, Kind, Returns, parameter, text_at};
use crate::types::Value;

/// Whether a text is a bcrypt hash: `$2a$`, `$2b$` or `$2y$`, two digits of cost, `$`, then 53
/// characters of bcrypt's alphabet.
pub fn is_bcrypt(hash: &str) -> bool {
    let Some(rest) = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|prefix| hash.strip_prefix(prefix))
    else {
        return false;
    };
    let bytes = rest.as_bytes();
    let cost = bytes
        .get(..2)
        .is_some_and(|cost| cost.iter().all(u8::is_ascii_digit));
    let tail = bytes.get(3..).unwrap_or_default();
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    hash.len() == 60 && cost && bytes.get(2) == Some(&b'$') && tail.iter().all(alphabet)
}

/// Whether a text is a macaroon of the first version: URL-safe base64 whose bytes 4 to 12 read
/// `location `.
pub fn is_macaroon(token: &str) -> bool {
    // 24 characters hold 18 bytes: enough to see the field's name without decoding the rest.
    let whole = token
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='));
    let head = token.get(..24);
    whole
        && head
            .and_then(decode_url_safe)
            .is_some_and(|bytes| bytes.get(4..13) == Some(b"location "))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "is_bcrypt",
        parameters: &[parameter("hash", Kind::Text)],
        returns: Returns::Required(Kind::Bool),
        fails: None,
        injective_in: None,
        doc: "Whether the text has the shape of a bcrypt hash (`$2a$`, `$2b$` or `$2y$`, 60 characters).",
        examples: &[
            (
                "is_bcrypt(\"$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW\")",
                "true",
            ),
            (
                "is_bcrypt(\"x$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW\")",
                "false",
            ),
            ("is_bcrypt(\"\\{SSHA\\}abc\")", "false"),
            ("is_bcrypt(\"\")", "false"),
        ],
        body: |arguments, _| Ok(Value::Bool(is_bcrypt(text_at(arguments, 0)?))),
    },
    Function {
        name: "is_macaroon",
        parameters: &[parameter("token", Kind::Text)],
        returns: Returns::Required(Kind::Bool),
        fails: None,
        injective_in: None,
        doc: "Whether the text has the shape of a macaroon: URL-safe base64 whose bytes 4 to 12 read `location `.",
        examples: &[
            (
                "is_macaroon(\"MDAxY2xvY2F0aW9uIGV4YW1wbGUuY29tCg\")",
                "true",
            ),
            ("is_macaroon(\"syt_YWRh_abcdefghijklmnopqrst_1\")", "false"),
            ("is_macaroon(\"\")", "false"),
        ],
        body: |arguments, _| Ok(Value::Bool(is_macaroon(text_at(arguments, 0)?))),
    },
];
