//! Values for people: what is personal only where that was asked for, what is secret never, but its
//! shape is told.

use jiff::Timestamp;

use crate::base::one_line;
use crate::eval::decode;
use crate::functions::{is_bcrypt, is_macaroon, uuid_text};
use crate::plan::{Scan, ScanColumn, Target};
use crate::run::trace::{TracedRow, WrittenRow};
use crate::types::Value;

/// Columns with values that are personal, not secret: an operator may ask to see them. Whatever else
/// the catalogs call sensitive is never shown.
const PERSONAL: &[(&str, &str)] = &[
    ("user_threepids", "address"),
    ("user_external_ids", "external_id"),
    ("devices", "ip"),
    ("devices", "user_agent"),
    ("user_unsupported_third_party_ids", "address"),
];

/// Columns with times, and how many milliseconds their unit has.
const TIMES: &[(&str, &str, i64)] = &[
    ("users", "creation_ts", 1000),
    ("account_validity", "expiration_ts_ms", 1),
    ("user_threepids", "added_at", 1),
    ("devices", "last_seen", 1),
    ("access_tokens", "last_validated", 1),
    ("access_tokens", "valid_until_ms", 1),
];

/// What is shown in place of a value that must not be.
const NOT_SHOWN: &str = "(not shown)";

/// Whether personal values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personal {
    /// As they are.
    Shown,
    /// Not.
    Hidden,
}

/// The values of a source row that are not in its key, by column; nulls are left out.
pub(super) fn values(scan: &Scan, row: &TracedRow, personal: Personal) -> Vec<(String, String)> {
    scan.columns
        .iter()
        .zip(&row.cells)
        .enumerate()
        .filter(|(number, (column, _))| {
            let in_key = *number == scan.key || scan.row_key.contains(number);
            column.sensitive || !in_key
        })
        .filter_map(|(_, (column, cell))| {
            let text = value(&scan.table, column, cell.as_deref(), personal)?;
            Some((column.name.clone(), text))
        })
        .collect()
}

fn value(
    table: &str,
    column: &ScanColumn,
    cell: Option<&[u8]>,
    personal: Personal,
) -> Option<String> {
    let value = match decode(&column.pg_type, cell) {
        Ok(Value::Null) => return None,
        Ok(value) => value,
        Err(_) => return Some(NOT_SHOWN.to_owned()),
    };
    match (table, column.name.as_str(), &value) {
        (_, "password_hash", Value::Text(hash)) => return Some(hash_shape(hash)),
        (_, "token", Value::Text(token)) => return Some(token_shape(token).to_owned()),
        _ => {}
    }
    let is_personal = PERSONAL.contains(&(table, column.name.as_str()));
    if column.sensitive && !(is_personal && personal == Personal::Shown) {
        return Some(NOT_SHOWN.to_owned());
    }
    let time = TIMES
        .iter()
        .find(|(of, name, _)| (*of, *name) == (table, column.name.as_str()));
    if let (Some((.., unit)), Value::Int(number)) = (time, &value) {
        return Some(moment(*number, *unit));
    }
    plain(&value)
}

/// A value as it stands; none of a kind that has no short form.
fn plain(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Text("") => Some("\"\"".to_owned()),
        Value::Text(text) => Some(one_line(text)),
        Value::Timestamp(micros) => Timestamp::from_microsecond(*micros)
            .ok()
            .map(|moment| moment.to_string()),
        Value::Uuid(bytes) => Some(uuid_text(bytes)),
        Value::Inet(address) => Some(address.to_string()),
        Value::Null | Value::Bytes(_) | Value::Duration(_) | Value::Json(_) | Value::Raw(_) => None,
    }
}

fn moment(number: i64, unit: i64) -> String {
    let moment = number
        .checked_mul(unit)
        .filter(|_| number != 0)
        .and_then(|millis| Timestamp::from_millisecond(millis).ok());
    match moment {
        Some(moment) => format!("{moment}"),
        None => format!("{number}, which is no time"),
    }
}

/// What a password hash is, without showing it.
pub fn hash_shape(hash: &str) -> String {
    match hash.get(4..6).filter(|_| is_bcrypt(hash)) {
        Some(cost) => format!("bcrypt, cost {}", cost.trim_start_matches('0')),
        None if hash.is_empty() => "empty, which is none".to_owned(),
        None => "no bcrypt hash".to_owned(),
    }
}

/// What a token is, without showing it.
fn token_shape(token: &str) -> &'static str {
    if token.starts_with("syt_") {
        "begins with `syt_`"
    } else if token.starts_with("syr_") {
        "begins with `syr_`"
    } else if is_macaroon(token) {
        "a macaroon"
    } else {
        "of another shape than Synapse's"
    }
}

/// The key of a target's row, as far as it may be shown.
pub(super) fn target_key(target: &Target, row: &WrittenRow, personal: Personal) -> String {
    let parts: Vec<String> = target
        .key
        .iter()
        .filter_map(|number| {
            let column = target.columns.get(*number)?;
            let is_personal = PERSONAL.contains(&(target.table.as_str(), column.name.as_str()));
            if column.sensitive && !(is_personal && personal == Personal::Shown) {
                return None;
            }
            let cell = row.cells.get(*number)?.as_deref();
            let text = plain(&decode(&column.pg_type, cell).ok()?)?;
            Some(if target.key.len() == 1 {
                text
            } else {
                format!("{}={text}", column.name)
            })
        })
        .collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_tokens_are_told_by_their_shape() {
        let hash = "$2b$06$OyNQUV1J2QCAqOsINkqM.e6R3A.XNM.TXfg9A.ffB/EeeMsNHvVue";
        assert_eq!(hash_shape(hash), "bcrypt, cost 6");
        assert_eq!(hash_shape(""), "empty, which is none");
        assert_eq!(hash_shape("{SSHA}abc"), "no bcrypt hash");
        assert_eq!(token_shape("syt_x"), "begins with `syt_`");
        assert_eq!(token_shape("syr_x"), "begins with `syr_`");
        assert_eq!(token_shape("home-made"), "of another shape than Synapse's");
    }

    #[test]
    fn times_are_dates_where_they_are_times() {
        assert_eq!(moment(1_600_000_000, 1000), "2020-09-13T12:26:40Z");
        assert_eq!(moment(1_600_000_000_000, 1), "2020-09-13T12:26:40Z");
        assert_eq!(moment(0, 1), "0, which is no time");
        assert_eq!(
            moment(i64::MAX, 1000),
            format!("{}, which is no time", i64::MAX)
        );
    }
}
