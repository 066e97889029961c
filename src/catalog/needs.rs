//! What a mapping needs of a live database, as plain data that a plan carries.
//!
//! A mapping is compiled against shipped catalogs; the live database may be older, newer or
//! altered. Needs name only what the mapping uses or rests on, each with the rules that do.
//! `diff` compares them with the database.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Key, Table};

/// One of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The one that is read.
    Source,
    /// The one that is filled.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// What a mapping needs of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Which side.
    pub side: Side,
    /// The tables by name.
    pub tables: BTreeMap<String, TableNeeds>,
}

/// What a mapping needs of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableNeeds {
    /// What uses the table, such as `map users`; for messages.
    pub needed_by: Vec<String>,
    /// The columns that are read or written, by name.
    pub columns: BTreeMap<String, ColumnNeed>,
    /// Keys that proofs rest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyNeed>,
    /// Foreign keys that proofs rest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKeyNeed>,
    /// For a table that rows are written to: the constraints that the compiler knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<KnownConstraints>,
}

/// What the compiler knew of a table that rows are written to. What else the live table has was
/// not proven to hold for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownConstraints {
    /// Primary keys, unique constraints and unique indexes over plain columns.
    pub keys: Vec<Key>,
    /// The columns of each foreign key with the table and columns that they refer to.
    pub foreign_keys: Vec<(Vec<String>, String, Vec<String>)>,
    /// The names of check constraints.
    pub checks: Vec<String>,
    /// The names of unique indexes over expressions or with a condition.
    pub unique_indexes: Vec<String>,
}

impl KnownConstraints {
    /// Those of a table of the catalog that the mapping was compiled against.
    pub fn of(table: &Table) -> Self {
        Self {
            keys: table.keys.clone(),
            foreign_keys: (table.foreign_keys.iter())
                .map(|key| {
                    (
                        key.columns.clone(),
                        key.table.clone(),
                        key.references.clone(),
                    )
                })
                .collect(),
            checks: (table.checks.iter())
                .map(|check| check.name.clone())
                .collect(),
            unique_indexes: (table.indexes.iter())
                .filter(|index| index.unique)
                .map(|index| index.name.clone())
                .collect(),
        }
    }
}

/// What a mapping needs of one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnNeed {
    /// The type that the mapping was compiled with, as PostgreSQL prints it.
    #[serde(rename = "type")]
    pub ty: String,
    /// What is done with the column.
    pub access: ColumnAccess,
    /// The rules that use it, such as `users.username in map users`; for messages.
    pub needed_by: Vec<String>,
}

/// What a mapping does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnAccess {
    /// It is read, and the mapping is ready for NULL.
    ReadNullable,
    /// It is read, and the mapping rests on it being NOT NULL.
    ReadRequired,
    /// It is written, with NULL at times.
    WrittenNullable,
    /// It is written, never with NULL.
    WrittenRequired,
}

/// A key that must hold: no two rows agree in these columns, unless one of them is NULL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNeed {
    /// The columns, in any order. A key over some of them is as good.
    pub columns: Vec<String>,
    /// What rests on it, such as `the join with account in map user_emails`; for messages.
    pub needed_by: Vec<String>,
}

/// A foreign key that must hold for all rows; one that is deferrable does, once they are committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKeyNeed {
    /// The referring columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub table: String,
    /// The columns referred to, each in the place of the one that refers to it.
    pub references: Vec<String>,
    /// What rests on it; for messages.
    pub needed_by: Vec<String>,
}
