//! `ulid(time, key…)`: identifiers that are the same in every run.
//!
//! The first 48 bits are the time in milliseconds since 1970, as in every ULID; the other 80 are
//! the first ten bytes of SHA-256 over
//! `mapwright ulid 1`, the target table's name, and each key part, every one of them preceded by a
//! letter for its kind and its length as eight bytes, big end first. Equal keys thus mean equal
//! identifiers in every run and release; other keys, another order or other kinds of keys differ.
//! The constant carries a version: a change of this file is a change of every identifier.

use sha2::{Digest, Sha256};

use super::EvalError;
use crate::types::Value;

const DOMAIN: &[u8] = b"mapwright ulid 1";

/// The identifier for a row of `table` made at `micros` (since 1970) with the given key.
///
/// # Errors
/// When the time does not fit into a ULID, or a key part is null.
pub fn ulid(table: &str, micros: i64, key: &[Value<'_>]) -> Result<[u8; 16], EvalError> {
    let millis = u64::try_from(micros.div_euclid(1_000))
        .ok()
        .filter(|millis| *millis < 1 << 48);
    let millis = millis.ok_or(EvalError::new("is a time that fits no ULID"))?;
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    part(&mut hash, b'n', table.as_bytes());
    for value in key {
        match value {
            Value::Null => return Err(EvalError::new("is a key that is null")),
            Value::Bool(value) => part(&mut hash, b'b', &[u8::from(*value)]),
            Value::Int(value) => part(&mut hash, b'i', &value.to_be_bytes()),
            Value::Text(value) => part(&mut hash, b't', value.as_bytes()),
            Value::Bytes(value) | Value::Raw(value) => part(&mut hash, b'x', value),
            Value::Timestamp(value) => part(&mut hash, b'm', &value.to_be_bytes()),
            Value::Duration(value) => part(&mut hash, b'd', &value.to_be_bytes()),
            Value::Uuid(value) => part(&mut hash, b'u', value),
            Value::Inet(value) => part(&mut hash, b'a', value.to_string().as_bytes()),
            Value::Json(value) => part(&mut hash, b'j', value.as_bytes()),
        }
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    for (to, from) in bytes
        .iter_mut()
        .zip(millis.to_be_bytes().iter().skip(2).chain(digest.iter()))
    {
        *to = *from;
    }
    Ok(bytes)
}

fn part(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    let mut head = [kind; 9];
    if let Some((_, length)) = head.split_first_chunk_mut::<1>() {
        length.copy_from_slice(&(bytes.len() as u64).to_be_bytes());
    }
    hash.update(head);
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values were computed a second time, by another program after the description above.
    #[test]
    fn the_bits_are_fixed_for_ever() {
        let id = ulid(
            "users",
            1_700_000_000_123_456,
            &[Value::Text("@ada:example.com")],
        )
        .unwrap();
        insta::assert_snapshot!(::ulid::Ulid::from(u128::from_be_bytes(id)), @"01HF7YAT3VPGXVWE10XY2MP28W");
        let id = ulid(
            "t",
            0,
            &[Value::Int(1), Value::Uuid([7; 16]), Value::Bool(true)],
        )
        .unwrap();
        insta::assert_snapshot!(::ulid::Ulid::from(u128::from_be_bytes(id)), @"0000000000YQJA0ZHGMCWFPR16");
    }

    #[test]
    fn the_time_is_the_first_48_bits() {
        let id = ulid("users", 1_700_000_000_123_999, &[Value::Int(1)]).unwrap();
        assert_eq!(u128::from_be_bytes(id) >> 80, 1_700_000_000_123);
        assert!(ulid("users", -1, &[]).is_err());
        assert!(ulid("users", (1 << 48) * 1_000, &[]).is_err());
        assert!(ulid("users", 0, &[Value::Null]).is_err());
    }

    #[test]
    fn table_kind_number_and_order_of_keys_all_count() {
        let ids = [
            ulid("a", 1, &[Value::Text("x"), Value::Text("y")]),
            ulid("b", 1, &[Value::Text("x"), Value::Text("y")]),
            ulid("a", 1, &[Value::Text("y"), Value::Text("x")]),
            ulid("a", 1, &[Value::Text("xy")]),
            ulid("a", 1, &[Value::Text("x"), Value::Bytes(b"y")]),
            ulid("ax", 1, &[Value::Text("y")]),
        ];
        let distinct: std::collections::HashSet<_> = ids.iter().map(|id| id.unwrap()).collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
