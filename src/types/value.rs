//! Values: borrowed ones that rows are evaluated with, owned ones for parameters.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An IP address with the length of its prefix (32 or 128 for a single host).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Inet {
    /// The address.
    pub address: IpAddr,
    /// The length of the network's prefix in bits.
    pub prefix: u8,
}

impl Inet {
    /// A single host.
    pub fn host(address: IpAddr) -> Self {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Self { address, prefix }
    }

    /// Reads PostgreSQL's binary form: family (2 or 3), prefix, a flag, length, the bytes.
    pub fn from_binary(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [2, prefix, _, 4, rest @ ..] => {
                let octets: [u8; 4] = rest.try_into().ok()?;
                Some(Self {
                    address: IpAddr::V4(Ipv4Addr::from(octets)),
                    prefix: *prefix,
                })
            }
            [3, prefix, _, 16, rest @ ..] => {
                let octets: [u8; 16] = rest.try_into().ok()?;
                Some(Self {
                    address: IpAddr::V6(Ipv6Addr::from(octets)),
                    prefix: *prefix,
                })
            }
            _ => None,
        }
    }

    /// Appends PostgreSQL's binary form.
    pub fn to_binary(self, out: &mut impl bytes::BufMut) {
        match self.address {
            IpAddr::V4(address) => {
                out.put_slice(&[2, self.prefix, 0, 4]);
                out.put_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                out.put_slice(&[3, self.prefix, 0, 16]);
                out.put_slice(&address.octets());
            }
        }
    }
}

impl fmt::Display for Inet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix != whole {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

/// A value while a row is evaluated: what is long is borrowed from the row or from the block's
/// arena. `Debug` shows the kind alone, so that no row value reaches a log by accident.
#[derive(Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Microseconds.
    Duration(i64),
    /// The 16 bytes of a UUID.
    Uuid([u8; 16]),
    /// An IP address.
    Inet(Inet),
    /// A JSON document as text.
    Json(&'a str),
    /// The binary form of a value the language does not look into.
    Raw(&'a [u8]),
}

impl Value<'_> {
    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// A copy that borrows nothing.
    pub fn to_owned_value(&self) -> OwnedValue {
        match self {
            Value::Null => OwnedValue::Null,
            Value::Bool(value) => OwnedValue::Bool(*value),
            Value::Int(value) => OwnedValue::Int(*value),
            Value::Text(value) => OwnedValue::Text((*value).to_owned()),
            Value::Bytes(value) | Value::Raw(value) => OwnedValue::Bytes(value.to_vec()),
            Value::Timestamp(value) => OwnedValue::Timestamp(*value),
            Value::Duration(value) => OwnedValue::Duration(*value),
            Value::Uuid(value) => OwnedValue::Uuid(*value),
            Value::Inet(value) => OwnedValue::Inet(*value),
            Value::Json(value) => OwnedValue::Json((*value).to_owned()),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::Timestamp(_) => "timestamp",
            Value::Duration(_) => "duration",
            Value::Uuid(_) => "uuid",
            Value::Inet(_) => "inet",
            Value::Json(_) => "json",
            Value::Raw(_) => "raw",
        })
    }
}

/// A value that owns what it holds: a literal, a parameter, a cell of a fixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnedValue {
    /// No value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Microseconds.
    Duration(i64),
    /// The 16 bytes of a UUID.
    Uuid([u8; 16]),
    /// An IP address.
    Inet(Inet),
    /// A JSON document as text.
    Json(String),
    /// How much a reason matters.
    Severity(SeverityValue),
    /// A look-up table with text keys.
    Map(BTreeMap<String, OwnedValue>),
}

/// The severity of a reason as a value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeverityValue {
    /// The row is rejected and the run fails.
    Error,
    /// Counted and shown.
    Warn,
    /// Counted in the ledger alone.
    Quiet,
}

impl OwnedValue {
    /// The value as rows are evaluated with it; maps and severities have none and give null.
    #[inline]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            OwnedValue::Null | OwnedValue::Severity(_) | OwnedValue::Map(_) => Value::Null,
            OwnedValue::Bool(value) => Value::Bool(*value),
            OwnedValue::Int(value) => Value::Int(*value),
            OwnedValue::Text(value) => Value::Text(value),
            OwnedValue::Bytes(value) => Value::Bytes(value),
            OwnedValue::Timestamp(value) => Value::Timestamp(*value),
            OwnedValue::Duration(value) => Value::Duration(*value),
            OwnedValue::Uuid(value) => Value::Uuid(*value),
            OwnedValue::Inet(value) => Value::Inet(*value),
            OwnedValue::Json(value) => Value::Json(value),
        }
    }
}
