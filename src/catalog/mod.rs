//! A catalog: the tables of one side as data, with everything that the compiler proves things by.
//!
//! It comes from a YAML file ([`snapshot`]) or, through `pg::introspect`, from a live database.
//! Nothing here talks to a database.

mod checks;
mod compare;
mod compatible;
mod consistency;
mod ddl;
pub mod diff;
pub mod identify;
pub mod needs;
pub mod snapshot;
mod told;
mod type_names;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use compare::compare;
pub use ddl::ddl;

/// The known tables of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a catalog: `catalog`, `version` and `tables`"
)]
pub struct Catalog {
    /// The name that `source` and `target` of a mapping refer to, such as `synapse`.
    pub catalog: String,
    /// The version of the product's schema this was read from, as the product counts it.
    pub version: String,
    /// What it is, for people: `Synapse, database schema 94`. A file without one has the name and
    /// version there.
    #[serde(default)]
    pub title: String,
    /// How a database of this kind is recognised.
    #[serde(default, skip_serializing_if = "Identity::is_empty")]
    pub identity: Identity,
    /// Extensions the schema needs, such as `pg_trgm`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// Enumeration types of the schema by name, with their labels in order.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "snapshot::by_name"
    )]
    pub enums: BTreeMap<String, Vec<String>>,
    /// The tables by name.
    #[serde(deserialize_with = "snapshot::by_name")]
    pub tables: BTreeMap<String, Table>,
}

impl Catalog {
    /// Takes over what a database does not know about itself from a catalog of the same kind:
    /// name, version, title, identity, and which columns are sensitive.
    pub fn adopt(&mut self, known: &Catalog) {
        self.catalog.clone_from(&known.catalog);
        self.version.clone_from(&known.version);
        self.title.clone_from(&known.title);
        self.identity = known.identity.clone();
        for (name, table) in &mut self.tables {
            let Some(known) = known.tables.get(name) else {
                continue;
            };
            for column in &mut table.columns {
                let known = known.column(&column.name);
                column.sensitive |= known.is_some_and(|known| known.sensitive);
            }
        }
    }
}

/// How a live database is recognised as one of this catalog's kind, and which versions are known
/// to work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`tables`, `version` and `supported`")]
pub struct Identity {
    /// Tables that every database of this kind has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// The table and column that hold the schema's version (the highest value counts).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionColumn>,
    /// The schema versions that are known to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supported: Option<SupportedVersions>,
}

impl Identity {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a database keeps the version of its schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`table` and `column`")]
pub struct VersionColumn {
    /// The table.
    pub table: String,
    /// Its column; an integer.
    pub column: String,
    /// A column that says whether the change that led to a version was carried through; a boolean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
}

/// An inclusive range of schema versions, as [`Identity::version`] counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`oldest` and `newest`")]
pub struct SupportedVersions {
    /// The oldest that has every column which the mappings shipped with this catalog use.
    pub oldest: i64,
    /// The newest that was tested.
    pub newest: i64,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table: `columns`, `keys`, `foreign_keys`, `checks`, `indexes`"
)]
pub struct Table {
    /// The columns in the table's order.
    pub columns: Vec<Column>,
    /// Primary key and unique constraints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// Foreign keys of this table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKey>,
    /// Check constraints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Indexes that no constraint owns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    /// Of a live database: whether other tables inherit from this one, so that reading it gives their
    /// rows too, for which no key of this table holds.
    #[serde(skip)]
    pub inherited: bool,
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The primary key.
    pub fn primary_key(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.kind == KeyKind::Primary)
    }
}

/// What stands in place of a default's expression for an identity column that can be written.
pub const BY_DEFAULT_IDENTITY: &str = "generated by default as identity";

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a column such as {name: id, type: bigint}"
)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as PostgreSQL's `format_type` prints it: `timestamp with time zone`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether it can be NULL.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nullable: bool,
    /// The default's expression, as PostgreSQL prints it; the expression of a generated column.
    /// [`BY_DEFAULT_IDENTITY`] for a column that PostgreSQL numbers when nothing else is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether PostgreSQL alone may fill it: a stored generated column (then `default` is its
    /// expression) or an identity that is always generated (then there is no `default`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generated: bool,
    /// Whether its values must never be shown: tokens, hashes, addresses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// What kind of key a constraint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// A primary key.
    Primary,
    /// A unique constraint or a unique index over plain columns without a condition.
    Unique,
}

/// A primary key or unique constraint that is valid; nulls are distinct unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a key such as {name: shop_pkey, kind: primary, columns: [id]}"
)]
pub struct Key {
    /// The constraint's (or index's) name.
    pub name: String,
    /// Primary or unique.
    pub kind: KeyKind,
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// Whether the check can be put off to the end of a transaction; no proof rests on such a key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferrable: bool,
    /// Whether two NULLs count as equal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nulls_not_distinct: bool,
    /// Whether it is a unique index that no constraint owns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub index: bool,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a foreign key such as {name: n, columns: [a], table: t, references: [id]}"
)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The referring columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub table: String,
    /// The columns referred to.
    pub references: Vec<String>,
    /// What happens to the row when the one it refers to is deleted: `no action`, `cascade`, ….
    #[serde(default = "no_action", skip_serializing_if = "is_no_action")]
    pub on_delete: String,
    /// What happens to the row when the key of the one it refers to changes.
    #[serde(default = "no_action", skip_serializing_if = "is_no_action")]
    pub on_update: String,
    /// Whether the check can be put off to the end of a transaction.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferrable: bool,
    /// Whether rows that were there before it may break it; no proof rests on such a key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_valid: bool,
}

fn no_action() -> String {
    "no action".to_owned()
}

fn is_no_action(action: &String) -> bool {
    action == "no action"
}

/// A check constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a check such as {name: n, expression: (id > 0)}"
)]
pub struct Check {
    /// The constraint's name.
    pub name: String,
    /// Its condition, as PostgreSQL prints it.
    pub expression: String,
    /// Whether rows that were there before it may break it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_valid: bool,
}

/// An index that no constraint owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an index such as {name: n, keys: [id]}"
)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its access method: `btree`, `gin`, ….
    #[serde(default = "btree", skip_serializing_if = "is_btree")]
    pub method: String,
    /// Its keys, columns or expressions with operator class and order, as SQL: names are quoted
    /// where they need it.
    pub keys: Vec<String>,
    /// Columns that are stored but not sorted by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// The condition of a partial index.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Whether it is unique (over an expression, with a condition, or invalid: else it is a
    /// [`Key`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// Whether PostgreSQL holds it for incomplete, as an interrupted `CREATE INDEX CONCURRENTLY`
    /// leaves it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invalid: bool,
}

fn btree() -> String {
    "btree".to_owned()
}

fn is_btree(method: &String) -> bool {
    method == "btree"
}
