//! PostgreSQL's types of columns, as far as rows cross the program in their binary form.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Ty;

/// The type of a column in a database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum PgType {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `text`
    Text,
    /// `character varying`, with its limit in characters if it has one
    Varchar(Option<u32>),
    /// `bytea`
    Bytea,
    /// `timestamp with time zone`
    Timestamptz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `inet`
    Inet,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// Any other, by the name `format_type` gives it: copied, never looked into.
    Other(String),
}

impl PgType {
    /// Reads a type as `format_type` prints it.
    pub fn parse(name: &str) -> PgType {
        match name {
            "boolean" => PgType::Bool,
            "smallint" => PgType::Int2,
            "integer" => PgType::Int4,
            "bigint" => PgType::Int8,
            "text" => PgType::Text,
            "character varying" => PgType::Varchar(None),
            "bytea" => PgType::Bytea,
            "timestamp with time zone" => PgType::Timestamptz,
            "interval" => PgType::Interval,
            "uuid" => PgType::Uuid,
            "inet" => PgType::Inet,
            "json" => PgType::Json,
            "jsonb" => PgType::Jsonb,
            other => other
                .strip_prefix("character varying(")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|limit| limit.parse().ok())
                .map_or_else(
                    || PgType::Other(other.to_owned()),
                    |limit| PgType::Varchar(Some(limit)),
                ),
        }
    }

    /// The type its values have in the language.
    pub fn ty(&self) -> Ty {
        match self {
            PgType::Bool => Ty::Bool,
            PgType::Int2 | PgType::Int4 | PgType::Int8 => Ty::Int,
            PgType::Text | PgType::Varchar(_) => Ty::Text,
            PgType::Bytea => Ty::Bytes,
            PgType::Timestamptz => Ty::Timestamp,
            PgType::Interval => Ty::Duration,
            PgType::Uuid => Ty::Uuid,
            PgType::Inet => Ty::Inet,
            PgType::Json | PgType::Jsonb => Ty::Json,
            PgType::Other(name) => Ty::Other(name.clone()),
        }
    }

    /// Whether PostgreSQL holds a value of this type and one of `other` for equal exactly where the
    /// language does: not so for durations (a month is thirty days), documents and types that are
    /// only copied.
    pub fn is_compared_by_value(&self, other: &PgType) -> bool {
        let known = match self {
            PgType::Bool
            | PgType::Int2
            | PgType::Int4
            | PgType::Int8
            | PgType::Text
            | PgType::Varchar(_)
            | PgType::Bytea
            | PgType::Timestamptz
            | PgType::Uuid
            | PgType::Inet => true,
            PgType::Interval | PgType::Json | PgType::Jsonb | PgType::Other(_) => false,
        };
        known && self.ty() == other.ty()
    }

    /// Whether a value's binary form in `source` can be sent for this type as it stands.
    pub fn copies_from(&self, source: &PgType) -> bool {
        match (self, source) {
            (PgType::Text | PgType::Varchar(None), PgType::Text | PgType::Varchar(_)) => true,
            (PgType::Varchar(Some(limit)), PgType::Varchar(Some(other))) => other <= limit,
            // A live integer column may be of another width than the catalog says.
            (PgType::Int2 | PgType::Int4 | PgType::Int8, _) => false,
            (this, source) => this == source,
        }
    }
}

impl fmt::Display for PgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PgType::Bool => f.write_str("boolean"),
            PgType::Int2 => f.write_str("smallint"),
            PgType::Int4 => f.write_str("integer"),
            PgType::Int8 => f.write_str("bigint"),
            PgType::Text => f.write_str("text"),
            PgType::Varchar(None) => f.write_str("character varying"),
            PgType::Varchar(Some(limit)) => write!(f, "character varying({limit})"),
            PgType::Bytea => f.write_str("bytea"),
            PgType::Timestamptz => f.write_str("timestamp with time zone"),
            PgType::Interval => f.write_str("interval"),
            PgType::Uuid => f.write_str("uuid"),
            PgType::Inet => f.write_str("inet"),
            PgType::Json => f.write_str("json"),
            PgType::Jsonb => f.write_str("jsonb"),
            PgType::Other(name) => f.write_str(name),
        }
    }
}

impl From<PgType> for String {
    fn from(ty: PgType) -> String {
        ty.to_string()
    }
}

impl From<String> for PgType {
    fn from(name: String) -> PgType {
        PgType::parse(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in [
            "boolean",
            "character varying(255)",
            "timestamp with time zone",
            "numeric(10,2)",
            "jsonb",
        ] {
            assert_eq!(PgType::parse(name).to_string(), name);
        }
        assert_eq!(
            PgType::parse("character varying(9)"),
            PgType::Varchar(Some(9))
        );
        assert_eq!(
            PgType::parse("numeric").ty(),
            Ty::Other("numeric".to_owned())
        );
    }

    #[test]
    fn text_is_copied_only_where_it_fits() {
        assert!(PgType::Text.copies_from(&PgType::Varchar(Some(9))));
        assert!(!PgType::Varchar(Some(8)).copies_from(&PgType::Varchar(Some(9))));
        assert!(!PgType::Varchar(Some(8)).copies_from(&PgType::Text));
        assert!(!PgType::Int8.copies_from(&PgType::Int4));
        assert!(!PgType::Jsonb.copies_from(&PgType::Json));
    }
}
