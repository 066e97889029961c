//! Bytes and their encodings.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};

use super::{EvalError, Function, Kind, Returns, bytes_at, parameter, text_at};
use crate::types::Value;

/// base64url without padding.
const BARE: GeneralPurpose = url_safe(DecodePaddingMode::RequireNone);
/// base64url with all of its padding.
const PADDED: GeneralPurpose = url_safe(DecodePaddingMode::RequireCanonical);

const fn url_safe(padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, config)
}

/// The bytes of a text in base64url, which has its padding whole or none, and no bits that stand for
/// nothing: bytes have one text of each kind.
pub(super) fn decode_url_safe(text: &str) -> Option<Vec<u8>> {
    let engine = if text.ends_with('=') { &PADDED } else { &BARE };
    engine.decode(text).ok()
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "utf8",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Bytes),
        fails: None,
        injective_in: Some(0),
        doc: "The text's bytes in UTF-8.",
        examples: &[("utf8(\"ä\")", "x\"c3a4\"")],
        body: |arguments, _| Ok(Value::Bytes(text_at(arguments, 0)?.as_bytes())),
    },
    Function {
        name: "hex",
        parameters: &[parameter("bytes", Kind::Bytes)],
        returns: Returns::Required(Kind::Text),
        fails: None,
        injective_in: Some(0),
        doc: "Two lowercase hexadecimal digits for each byte.",
        examples: &[("hex(x\"00FF\")", "\"00ff\"")],
        body: |arguments, arena| {
            let mut text = bumpalo::collections::String::new_in(arena);
            for byte in bytes_at(arguments, 0)? {
                for digit in [byte >> 4, byte & 15] {
                    text.extend(char::from_digit(u32::from(digit), 16));
                }
            }
            Ok(Value::Text(text.into_bump_str()))
        },
    },
    Function {
        name: "base64url_decode",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Bytes),
        fails: Some(
            "where the text is not in the URL-safe alphabet of base64, or ends in part of a byte or of its padding",
        ),
        injective_in: None,
        doc: "The bytes of a text in URL-safe base64, with or without padding.",
        examples: &[
            ("base64url_decode(\"_-4\")", "x\"ffee\""),
            ("base64url_decode(\"_-4=\")", "x\"ffee\""),
            ("base64url_decode(\"_-4==\")", "fails"),
            ("base64url_decode(\"_-5\")", "fails"),
            ("base64url_decode(\"+/4\")", "fails"),
        ],
        body: |arguments, arena| match decode_url_safe(text_at(arguments, 0)?) {
            Some(bytes) => Ok(Value::Bytes(arena.alloc_slice_copy(&bytes))),
            None => Err(EvalError::new("is no URL-safe base64")),
        },
    },
    Function {
        name: "sha256",
        parameters: &[parameter("bytes", Kind::Bytes)],
        returns: Returns::Required(Kind::Bytes),
        fails: None,
        injective_in: Some(0),
        doc: "The SHA-256 hash of the bytes.",
        examples: &[(
            "hex(sha256(utf8(\"abc\")))",
            "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
        )],
        body: |arguments, arena| {
            let hash = Sha256::digest(bytes_at(arguments, 0)?);
            Ok(Value::Bytes(arena.alloc_slice_copy(&hash)))
        },
    },
];
