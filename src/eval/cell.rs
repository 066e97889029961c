//! Values in PostgreSQL's binary form: read from a cell of a row, written into one.

use bytes::BufMut;

use crate::types::written::PG_EPOCH;
use crate::types::{Inet, PgType, Value};

/// The moments PostgreSQL holds, in its own microseconds: from 4714-11-24 BC to 294276-12-31.
const PG_TIMES: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Why a value cannot be read from or written to a column, without the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unencodable(pub &'static str);

/// The value of a cell.
///
/// # Errors
/// When the bytes are not what the type says, or hold what the language has no value for (an
/// infinite timestamp, an interval with months).
pub fn decode<'a>(ty: &PgType, cell: Option<&'a [u8]>) -> Result<Value<'a>, Unencodable> {
    let Some(bytes) = cell else {
        return Ok(Value::Null);
    };
    Ok(match ty {
        PgType::Bool => Value::Bool(bytes.first().copied().unwrap_or(0) != 0),
        // A live column may be wider or narrower than the catalog says; its length tells.
        PgType::Int2 | PgType::Int4 | PgType::Int8 => Value::Int(match bytes.len() {
            2 => i64::from(i16::from_be_bytes(fixed(bytes)?)),
            4 => i64::from(i32::from_be_bytes(fixed(bytes)?)),
            _ => i64::from_be_bytes(fixed(bytes)?),
        }),
        PgType::Text | PgType::Varchar(_) => Value::Text(text(bytes)?),
        PgType::Bytea => Value::Bytes(bytes),
        PgType::Timestamptz => {
            let micros = i64::from_be_bytes(fixed(bytes)?);
            if !PG_TIMES.contains(&micros) {
                return Err(Unencodable("is an infinite timestamp"));
            }
            // The last thirty years of PostgreSQL's range are beyond what is counted from 1970.
            let since_1970 = micros.checked_add(PG_EPOCH);
            Value::Timestamp(since_1970.ok_or(Unencodable("is a moment after the year 294246"))?)
        }
        PgType::Interval => {
            let (time, rest) = bytes.split_first_chunk::<8>().ok_or(MALFORMED)?;
            let (days, rest) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
            let months = i32::from_be_bytes(fixed(rest)?);
            let days = i64::from(i32::from_be_bytes(*days)).checked_mul(MICROS_PER_DAY);
            let total = days.and_then(|days| i64::from_be_bytes(*time).checked_add(days));
            match (total, months) {
                (Some(total), 0) => Value::Duration(total),
                _ => {
                    return Err(Unencodable(
                        "is an interval with months, whose length depends on the date",
                    ));
                }
            }
        }
        PgType::Uuid => Value::Uuid(fixed(bytes)?),
        PgType::Inet => Value::Inet(Inet::from_binary(bytes).ok_or(MALFORMED)?),
        PgType::Json => Value::Json(text(bytes)?),
        PgType::Jsonb => match bytes.split_first() {
            Some((1, document)) => Value::Json(text(document)?),
            _ => return Err(MALFORMED),
        },
        PgType::Other(_) => Value::Raw(bytes),
    })
}

const MALFORMED: Unencodable = Unencodable("is not in the binary form of its type");

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unencodable> {
    bytes.try_into().map_err(|_| MALFORMED)
}

fn text(bytes: &[u8]) -> Result<&str, Unencodable> {
    std::str::from_utf8(bytes).map_err(|_| Unencodable("is no UTF-8"))
}

/// Appends a value as a cell: its length in 32 bits (-1 for null), then its bytes.
///
/// # Errors
/// When the value does not fit the type; nothing was appended then.
pub fn encode(ty: &PgType, value: Value<'_>, out: &mut impl BufMut) -> Result<(), Unencodable> {
    let wrong = Unencodable("is of another type than its column");
    match (ty, value) {
        (_, Value::Null) => out.put_i32(-1),
        (PgType::Bool, Value::Bool(value)) => put(out, &[u8::from(value)])?,
        (PgType::Int2, Value::Int(value)) => {
            put(
                out,
                &i16::try_from(value)
                    .map_err(|_| Unencodable("does not fit `smallint`"))?
                    .to_be_bytes(),
            )?;
        }
        (PgType::Int4, Value::Int(value)) => {
            put(
                out,
                &i32::try_from(value)
                    .map_err(|_| Unencodable("does not fit `integer`"))?
                    .to_be_bytes(),
            )?;
        }
        (PgType::Int8, Value::Int(value)) => put(out, &value.to_be_bytes())?,
        (PgType::Text, Value::Text(value)) => put(out, no_zero(value)?)?,
        (PgType::Varchar(limit), Value::Text(value)) => {
            if limit.is_some_and(|limit| {
                value.len() > limit as usize && value.chars().count() > limit as usize
            }) {
                return Err(Unencodable("is longer than its column allows"));
            }
            put(out, no_zero(value)?)?;
        }
        (PgType::Bytea, Value::Bytes(value)) => put(out, value)?,
        (PgType::Timestamptz, Value::Timestamp(value)) => {
            let micros = value
                .checked_sub(PG_EPOCH)
                .filter(|micros| PG_TIMES.contains(micros));
            put(
                out,
                &micros
                    .ok_or(Unencodable("is no moment that PostgreSQL holds"))?
                    .to_be_bytes(),
            )?;
        }
        (PgType::Interval, Value::Duration(value)) => {
            out.put_i32(16);
            out.put_i64(value);
            out.put_i64(0);
        }
        (PgType::Uuid, Value::Uuid(value)) => put(out, &value)?,
        (PgType::Inet, Value::Inet(value)) => {
            out.put_i32(if value.address.is_ipv4() { 8 } else { 20 });
            value.to_binary(out);
        }
        (PgType::Json, Value::Json(value)) => put(out, no_zero(value)?)?,
        (PgType::Jsonb, Value::Json(value)) => {
            out.put_i32(length(value.len().checked_add(1))?);
            out.put_u8(1);
            out.put_slice(no_zero(value)?);
        }
        (PgType::Other(_), Value::Raw(value)) => put(out, value)?,
        _ => return Err(wrong),
    }
    Ok(())
}

fn put(out: &mut impl BufMut, bytes: &[u8]) -> Result<(), Unencodable> {
    out.put_i32(length(Some(bytes.len()))?);
    out.put_slice(bytes);
    Ok(())
}

fn length(bytes: Option<usize>) -> Result<i32, Unencodable> {
    bytes
        .and_then(|bytes| i32::try_from(bytes).ok())
        .ok_or(Unencodable("is longer than PostgreSQL allows"))
}

/// PostgreSQL's text holds every character but U+0000.
fn no_zero(text: &str) -> Result<&[u8], Unencodable> {
    if text.as_bytes().contains(&0) {
        return Err(Unencodable(
            "holds the character U+0000, which PostgreSQL's text cannot",
        ));
    }
    Ok(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(ty: &PgType, value: Value<'_>) {
        let mut out = Vec::new();
        encode(ty, value, &mut out).unwrap();
        let (length, bytes) = out.split_at(4);
        let length = i32::from_be_bytes(length.try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), bytes.len());
        assert!(decode(ty, Some(bytes)).unwrap() == value, "{ty}");
    }

    #[test]
    fn values_survive_the_way_there_and_back() {
        round_trip(&PgType::Bool, Value::Bool(true));
        for number in [0, -1, i64::from(i16::MAX), i64::from(i16::MIN)] {
            for ty in [PgType::Int2, PgType::Int4, PgType::Int8] {
                round_trip(&ty, Value::Int(number));
            }
        }
        round_trip(&PgType::Int8, Value::Int(i64::MIN));
        round_trip(&PgType::Text, Value::Text("ä€😀"));
        round_trip(&PgType::Varchar(Some(3)), Value::Text("ä€😀"));
        round_trip(&PgType::Bytea, Value::Bytes(&[0, 255]));
        for micros in [0, -1, 4_133_980_800_000_000, -62_135_596_800_000_000] {
            round_trip(&PgType::Timestamptz, Value::Timestamp(micros));
            round_trip(&PgType::Interval, Value::Duration(micros));
        }
        round_trip(&PgType::Uuid, Value::Uuid([7; 16]));
        round_trip(
            &PgType::Inet,
            Value::Inet(Inet::host("10.0.0.1".parse().unwrap())),
        );
        round_trip(
            &PgType::Inet,
            Value::Inet(Inet {
                address: "2001:db8::".parse().unwrap(),
                prefix: 32,
            }),
        );
        round_trip(&PgType::Json, Value::Json("{}"));
        round_trip(&PgType::Jsonb, Value::Json("{\"a\": 1}"));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_leaves_nothing() {
        let mut out = Vec::new();
        for (ty, value) in [
            (PgType::Int2, Value::Int(32_768)),
            (PgType::Int4, Value::Int(i64::MIN)),
            (PgType::Text, Value::Text("a\0")),
            (PgType::Varchar(Some(2)), Value::Text("äöü")),
            (PgType::Timestamptz, Value::Timestamp(i64::MIN)),
            (PgType::Uuid, Value::Text("x")),
        ] {
            assert!(encode(&ty, value, &mut out).is_err(), "{ty}");
            assert!(out.is_empty(), "{ty}");
        }
    }

    #[test]
    fn cells_that_hold_no_value_are_refused() {
        assert_eq!(
            decode(&PgType::Timestamptz, Some(&i64::MAX.to_be_bytes())),
            Err(Unencodable("is an infinite timestamp"))
        );
        let last = PG_TIMES.end - 1;
        assert_eq!(
            decode(&PgType::Timestamptz, Some(&last.to_be_bytes())),
            Err(Unencodable("is a moment after the year 294246"))
        );
        assert!(decode(&PgType::Text, Some(&[255])).is_err());
        assert!(decode(&PgType::Int4, Some(&[1])).is_err());
        assert!(decode(&PgType::Int4, Some(&7i64.to_be_bytes())).unwrap() == Value::Int(7));
        let mut month = [0; 16];
        month[15] = 1;
        assert!(decode(&PgType::Interval, Some(&month)).is_err());
        assert!(decode(&PgType::Text, None).unwrap().is_null());
    }
}
