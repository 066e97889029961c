//! The library of pure functions: each one value that carries its name, parameters, return type,
//! when it fails, and examples; the compiler, the runner, the reference page and the tests all
//! read the same list.

mod addresses;
mod arrays;
mod bytes;
mod documents;
mod error;
mod matrix;
mod secrets;
mod text;
mod time;
pub mod ulid;

use bumpalo::Bump;

use crate::types::{Ty, Type, Value};

pub use addresses::{parse_ulid, parse_uuid, uuid_text};
pub use error::EvalError;
pub use secrets::{is_bcrypt, is_macaroon};

/// The most arguments a call can have.
pub const MAX_ARGUMENTS: usize = 8;

/// What a function computes: its arguments are of the declared types and not null.
pub type Body = for<'a> fn(&[Value<'a>], &'a Bump) -> Result<Value<'a>, EvalError>;

/// One function of the library.
pub struct Function {
    /// The name calls use.
    pub name: &'static str,
    /// Its parameters, all required.
    pub parameters: &'static [Parameter],
    /// What it gives.
    pub returns: Returns,
    /// When it fails, as the end of the sentence "fails …"; `None` where it cannot.
    pub fails: Option<&'static str>,
    /// The parameter that can be told from the result (the others being constant), so that unique
    /// arguments give unique results.
    pub injective_in: Option<usize>,
    /// What it does, one or two sentences.
    pub doc: &'static str,
    /// Calls as written in a mapping, and what they give as written in a mapping; `fails` for a
    /// failure.
    pub examples: &'static [(&'static str, &'static str)],
    /// The computation.
    pub body: Body,
}

/// A parameter of a function.
pub struct Parameter {
    /// Its name, for messages and the reference.
    pub name: &'static str,
    /// Its type.
    pub ty: Kind,
}

/// The simple types as constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `text`
    Text,
    /// `bytes`
    Bytes,
    /// `timestamp`
    Timestamp,
    /// `duration`
    Duration,
    /// `uuid`
    Uuid,
    /// `inet`
    Inet,
    /// `json`
    Json,
    /// `text[]`, which the language only hands on
    TextArray,
}

impl Kind {
    /// The type.
    pub fn ty(self) -> Ty {
        match self {
            Kind::Bool => Ty::Bool,
            Kind::Int => Ty::Int,
            Kind::Text => Ty::Text,
            Kind::Bytes => Ty::Bytes,
            Kind::Timestamp => Ty::Timestamp,
            Kind::Duration => Ty::Duration,
            Kind::Uuid => Ty::Uuid,
            Kind::Inet => Ty::Inet,
            Kind::Json => Ty::Json,
            Kind::TextArray => Ty::Other("text[]".to_owned()),
        }
    }
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// A value that is always there.
    Required(Kind),
    /// A value that may be null.
    Nullable(Kind),
}

impl Returns {
    /// The type.
    pub fn to_type(self) -> Type {
        match self {
            Returns::Required(kind) => Type::required(kind.ty()),
            Returns::Nullable(kind) => Type::nullable(kind.ty()),
        }
    }
}

/// Every function, by group. A plan refers to them by name.
pub static GROUPS: &[(&str, &[Function])] = &[
    ("Time", time::FUNCTIONS),
    ("Text", text::FUNCTIONS),
    ("Bytes", bytes::FUNCTIONS),
    ("Arrays of text", arrays::FUNCTIONS),
    ("Matrix identifiers", matrix::FUNCTIONS),
    ("Addresses and identifiers", addresses::FUNCTIONS),
    ("Passwords and tokens", secrets::FUNCTIONS),
    ("JSON", documents::FUNCTIONS),
];

/// The calls that are part of the language itself: name, form, and what they give.
pub const OF_THE_LANGUAGE: [(&str, &str, &str); 6] = [
    (
        "ulid",
        "ulid(time: timestamp, key…) for TABLE → uuid",
        "An identifier that is the same in every run: the time, then a hash of the table's name and the key.",
    ),
    (
        "matches",
        "matches(text: text, \"pattern\") → bool",
        "Whether the regular expression is found in the text.",
    ),
    (
        "min",
        "min(value)",
        "The smallest value of a group that is not null.",
    ),
    (
        "max",
        "max(value)",
        "The greatest value of a group that is not null.",
    ),
    (
        "count",
        "count() or count(value) → int",
        "How many rows a group has, or values that are not null.",
    ),
    (
        "first",
        "first(value by key desc, …)",
        "The value of the row of a group that comes first in the given order.",
    ),
];

/// All functions.
pub fn all() -> impl Iterator<Item = &'static Function> {
    GROUPS.iter().flat_map(|(_, functions)| functions.iter())
}

/// The function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}()", self.name)
    }
}

/// Shorthand of the function tables.
const fn parameter(name: &'static str, ty: Kind) -> Parameter {
    Parameter { name, ty }
}

/// The text argument at `index`; the compiler has made sure that it is one.
fn text_at<'a>(arguments: &[Value<'a>], index: usize) -> Result<&'a str, EvalError> {
    match arguments.get(index) {
        Some(Value::Text(text) | Value::Json(text)) => Ok(text),
        _ => Err(EvalError::DEFECT),
    }
}

/// The integer argument at `index`.
fn int_at(arguments: &[Value<'_>], index: usize) -> Result<i64, EvalError> {
    match arguments.get(index) {
        Some(Value::Int(number)) => Ok(*number),
        _ => Err(EvalError::DEFECT),
    }
}

/// The bytes argument at `index`.
fn bytes_at<'a>(arguments: &[Value<'a>], index: usize) -> Result<&'a [u8], EvalError> {
    match arguments.get(index) {
        Some(Value::Bytes(bytes)) => Ok(bytes),
        _ => Err(EvalError::DEFECT),
    }
}

/// The timestamp argument at `index`, in microseconds since 1970.
fn time_at(arguments: &[Value<'_>], index: usize) -> Result<i64, EvalError> {
    match arguments.get(index) {
        Some(Value::Timestamp(micros)) => Ok(*micros),
        _ => Err(EvalError::DEFECT),
    }
}
