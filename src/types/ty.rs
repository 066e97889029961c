//! Types as the compiler sees them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A type without its nullability.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ty {
    /// `true` or `false`.
    Bool,
    /// A 64-bit signed integer; arithmetic on it is checked.
    Int,
    /// Unicode text.
    Text,
    /// A string of bytes.
    Bytes,
    /// A moment, to the microsecond.
    Timestamp,
    /// A length of time, to the microsecond.
    Duration,
    /// 128 bits.
    Uuid,
    /// An IP address, with or without a prefix length.
    Inet,
    /// A JSON document.
    Json,
    /// How much a reason matters: `error`, `warn` or `quiet`. Only parameters have it.
    Severity,
    /// A look-up table; only parameters have it.
    Map(Box<Ty>, Box<Ty>),
    /// A PostgreSQL type that the language does not compute with: its values can only be copied
    /// into a column of the very same type. The text is PostgreSQL's name of it.
    Other(String),
    /// The type of a bare `null`: fits every nullable place.
    Null,
    /// The type of an expression that is wrong already; fits everywhere, so that one mistake is
    /// one message.
    Error,
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Bool => f.write_str("bool"),
            Ty::Int => f.write_str("int"),
            Ty::Text => f.write_str("text"),
            Ty::Bytes => f.write_str("bytes"),
            Ty::Timestamp => f.write_str("timestamp"),
            Ty::Duration => f.write_str("duration"),
            Ty::Uuid => f.write_str("uuid"),
            Ty::Inet => f.write_str("inet"),
            Ty::Json => f.write_str("json"),
            Ty::Severity => f.write_str("severity"),
            Ty::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Ty::Other(name) => write!(f, "{name}"),
            Ty::Null => f.write_str("null"),
            Ty::Error => f.write_str("?"),
        }
    }
}

/// Whether a value can be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nullability {
    /// Never null.
    Required,
    /// May be null.
    Nullable,
}

impl Nullability {
    /// Nullable if either is.
    #[must_use]
    pub fn or(self, other: Nullability) -> Nullability {
        if self == Nullability::Nullable {
            self
        } else {
            other
        }
    }
}

/// A type with its nullability: `text` or `text?`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Type {
    /// What kind of value.
    pub ty: Ty,
    /// Whether it can be absent.
    pub nullability: Nullability,
}

impl Type {
    /// A type whose values are always there.
    pub fn required(ty: Ty) -> Self {
        Self {
            ty,
            nullability: Nullability::Required,
        }
    }

    /// A type whose values may be null.
    pub fn nullable(ty: Ty) -> Self {
        Self {
            ty,
            nullability: Nullability::Nullable,
        }
    }

    /// The type of an expression that is wrong already.
    pub fn error() -> Self {
        Self::required(Ty::Error)
    }

    /// Whether a value of it may be null.
    pub fn is_nullable(&self) -> bool {
        self.nullability == Nullability::Nullable || self.ty == Ty::Null
    }

    /// Whether something about it was reported already.
    pub fn is_error(&self) -> bool {
        self.ty == Ty::Error
    }

    /// The smallest type that holds values of both, if there is one.
    pub fn join(&self, other: &Type) -> Option<Type> {
        let nullability = if self.is_nullable() || other.is_nullable() {
            Nullability::Nullable
        } else {
            Nullability::Required
        };
        let ty = match (&self.ty, &other.ty) {
            (Ty::Error, _) | (_, Ty::Error) => Ty::Error,
            (Ty::Null, ty) | (ty, Ty::Null) => ty.clone(),
            (left, right) if left == right => left.clone(),
            _ => return None,
        };
        Some(Type { ty, nullability })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ty)?;
        if self.nullability == Nullability::Nullable && self.ty != Ty::Null {
            f.write_str("?")?;
        }
        Ok(())
    }
}
