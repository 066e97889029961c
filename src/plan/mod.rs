//! The plan: what a mapping does, as plain data without names to resolve.
//!
//! It holds the partition key and the ordered scans of each pass, the joins and groupings inside a
//! partition, the programs of the rules as one flat list of nodes, the reasons rows can end for,
//! the target columns with their types in PostgreSQL, what is proven unique and by what, and for
//! every node the place in the mapping it came from. It can be printed ([`display`]) and written
//! as JSON; [`FORMAT_VERSION`] says in which form.

mod determined;
pub mod display;
mod forms;
mod keys;
mod known;
mod lower;
pub mod needs;
mod partition;
mod programs;
mod reasons;
mod references;
#[cfg(test)]
pub(crate) mod samples;

use serde::{Deserialize, Serialize};

use crate::base::Span;
use crate::types::{OwnedValue, PgType, SeverityValue, Type};

pub use crate::check::ir::{
    AggregateOp, ArithmeticOp, ClauseKind, Column, CompareOp, FateKind, JoinKind, Relation, Side,
};
pub use lower::plan;

/// The version of the plan's serialised form; raised with every change of it.
pub const FORMAT_VERSION: u32 = 1;

/// A node of [`Plan::nodes`].
pub type NodeId = u32;

/// A mapping made ready to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The version of this form.
    pub format_version: u32,
    /// The mapping's name.
    pub mapping: String,
    /// Its documentation.
    pub docs: String,
    /// The files its places refer to, by number.
    pub files: Vec<String>,
    /// The catalog rows are read from.
    pub source: CatalogName,
    /// The catalog rows are written to.
    pub target: CatalogName,
    /// What is set from outside.
    pub params: Vec<Param>,
    /// Why rows end: the ones every plan has, then the mapping's.
    pub reasons: Vec<Reason>,
    /// The source tables, each read once.
    pub scans: Vec<Scan>,
    /// Tables held whole.
    pub broadcasts: Vec<Broadcast>,
    /// Views and maps, each after what it builds on.
    pub frames: Vec<Frame>,
    /// The target tables.
    pub targets: Vec<Target>,
    /// Which scans are read in step, and what is made of them.
    pub passes: Vec<Pass>,
    /// Foreign keys that written columns are subject to.
    pub references: Vec<Reference>,
    /// What is proven unique.
    pub keys: Vec<KeyProof>,
    /// The programs.
    pub nodes: Vec<Node>,
    /// Where each node stands in the mapping.
    pub origins: Vec<Span>,
}

/// A catalog's name and version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogName {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A parameter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// Its value where none is set; one without must be set.
    pub default: Option<OwnedValue>,
}

/// A reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Its name.
    pub name: String,
    /// How much it matters.
    pub severity: ReasonSeverity,
    /// What it means.
    pub meaning: String,
    /// What to do about it.
    pub help: String,
    /// A query to look or mend with.
    pub sql: Option<String>,
    /// Where it is declared; none for those that every plan has.
    pub origin: Option<Span>,
}

/// Where a reason's severity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReasonSeverity {
    /// Fixed.
    Fixed(SeverityValue),
    /// The value of that parameter.
    Param(usize),
}

/// The numbers of the reasons that every plan has.
pub mod builtin {
    /// The row belongs to one that was itself skipped or rejected.
    pub const OWNER_NOT_MIGRATED: usize = 0;
    /// Arithmetic left the range of 64 bits, or divided by zero.
    pub const ARITHMETIC_OVERFLOW: usize = 1;
    /// A value does not fit its column.
    pub const VALUE_OUT_OF_RANGE: usize = 2;
    /// A written row refers to one that was not written.
    pub const DANGLING_REFERENCE: usize = 3;
    /// A join that must find one row found several.
    pub const DUPLICATE_KEY: usize = 4;
    /// How many there are.
    pub const COUNT: usize = 5;
}

/// A source table and how it is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scan {
    /// The table.
    pub table: String,
    /// The columns that are read, in the order of the SELECT.
    pub columns: Vec<ScanColumn>,
    /// The column that is the partition key: rows come in its order.
    pub key: usize,
    /// The columns that tell the rows of a partition apart, and their order.
    pub row_key: Vec<usize>,
    /// Where the mapping first names the table.
    pub origin: Span,
}

/// A column that is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub pg_type: PgType,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Whether its values must never be shown.
    pub sensitive: bool,
}

/// A table that is held whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Broadcast {
    /// The name in the mapping.
    pub name: String,
    /// The side it lies on.
    pub side: Side,
    /// The table.
    pub table: String,
    /// The columns that are read.
    pub columns: Vec<ScanColumn>,
    /// The most rows it may have.
    pub limit: u64,
}

/// A view or a map.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Whether it is a map.
    pub is_map: bool,
    /// The driver (slot 0), the joined relations, and those of `exists`.
    pub slots: Vec<Slot>,
    /// The joins, in order.
    pub joins: Vec<Join>,
    /// Rows that do not hold it are no rows of the view.
    pub filter: Option<NodeId>,
    /// What rows are grouped by.
    pub group: Vec<NodeId>,
    /// Named values, each evaluated at most once a row, when first needed.
    pub locals: Vec<Local>,
    /// Clauses in order.
    pub clauses: Vec<Clause>,
    /// What a map writes.
    pub intos: Vec<Into>,
    /// The end of rows that no `into` takes.
    pub otherwise: Option<Fate>,
    /// Where its name stands.
    pub origin: Span,
}

/// A relation of a frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// The name it goes by; empty for those of `exists`.
    pub alias: String,
    /// What it is.
    pub relation: Relation,
}

/// A relation joined to the slots before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Join {
    /// How.
    pub kind: JoinKind,
    /// How its rows are found.
    pub lookup: Lookup,
    /// The end of rows without partner; without one they are no rows of the view.
    pub otherwise: Option<Fate>,
    /// The end of rows whose partner ended itself; without one they end as `owner_not_migrated`.
    pub skipped: Option<Fate>,
    /// Why the right side is unique, as a sentence; empty for `join many`.
    pub unique_by: String,
    /// The keys of tables that this rests on.
    pub rests_on: Vec<RestsOn>,
    /// Where it stands.
    pub origin: Span,
}

/// How the rows of a slot are found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lookup {
    /// The slot.
    pub slot: usize,
    /// Whether the partition key is among the equalities (it is left out of them then): rows whose
    /// key is null find nothing.
    pub aligned: bool,
    /// The values that must be equal, of the slots before.
    pub left: Vec<NodeId>,
    /// The values that must be equal, of the slot's row.
    pub right: Vec<NodeId>,
    /// What else must hold.
    pub residual: Option<NodeId>,
}

/// A named value of a frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Local {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: NodeId,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// Whether other frames see it.
    pub is_field: bool,
}

/// `skip`, `fail` or `warn`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clause {
    /// What it does.
    pub kind: ClauseKind,
    /// Why.
    pub reason: usize,
    /// When.
    pub when: NodeId,
    /// Where it stands.
    pub origin: Span,
}

/// How a row ends, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// How.
    pub kind: FateKind,
    /// Why.
    pub reason: usize,
}

/// A target table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub table: String,
    /// The columns that are written, in the order of the COPY.
    pub columns: Vec<TargetColumn>,
    /// Which of them are the table's primary key; empty if it has none, or not all of it is written.
    pub key: Vec<usize>,
}

/// A column that is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub pg_type: PgType,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Whether its values must never be shown.
    pub sensitive: bool,
}

/// The rules for one target table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Into {
    /// The target.
    pub target: usize,
    /// When it writes.
    pub condition: IntoCondition,
    /// One rule a column of the target.
    pub rules: Vec<Rule>,
    /// Where it stands.
    pub origin: Span,
}

/// When an `into` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntoCondition {
    /// Always.
    Always,
    /// When the node gives true.
    When(NodeId),
    /// When no condition of another `into` of the map holds.
    Otherwise,
}

/// How a column's value is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The bytes of a source column as they stand.
    Copy {
        /// The slot.
        slot: usize,
        /// Its column.
        column: usize,
        /// Where it stands.
        node: NodeId,
    },
    /// The value of a node.
    Value(NodeId),
}

/// Scans that are read in step, and the frames made of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pass {
    /// The order of the partition key.
    pub key: KeyKind,
    /// The scans.
    pub scans: Vec<usize>,
    /// The frames, in order.
    pub frames: Vec<usize>,
}

/// The order of a partition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Bytes of the text.
    Text,
    /// Value of the integer.
    Int,
    /// Bytes of the UUID.
    Uuid,
}

/// A foreign key whose columns are all written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reference {
    /// The constraint's name.
    pub name: String,
    /// The referring target.
    pub from: usize,
    /// Its columns, by number.
    pub from_columns: Vec<usize>,
    /// What it refers to.
    pub to: ReferenceTo,
}

/// What a foreign key refers to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferenceTo {
    /// A table that the plan writes too.
    Target {
        /// The target.
        target: usize,
        /// Its columns, by number.
        columns: Vec<usize>,
        /// Where the row can be that a row refers to.
        scope: ReferenceScope,
    },
    /// A table that must hold the rows already.
    Table {
        /// The table.
        table: String,
        /// Its columns.
        columns: Vec<String>,
    },
}

/// Where the rows of the plan can be that a foreign key refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferenceScope {
    /// In the partition of the referring row alone: a row without partner is rejected there.
    Partition,
    /// Anywhere; why, as a sentence. What is left open is known at the end of the run.
    Run(String),
    /// Anywhere, and only the database can compare the values; why, as a sentence. The foreign key
    /// itself tells when it is built again.
    Database(String),
}

/// Why a key of a target table will hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyProof {
    /// The target.
    pub target: usize,
    /// The key's name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// What is known.
    pub verdict: KeyVerdict,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyVerdict {
    /// It follows from keys of the source.
    Proven {
        /// The source keys it rests on: table, key name, key columns.
        rests_on: Vec<RestsOn>,
        /// Look-up tables that must not give one value for two keys.
        one_to_one: Vec<usize>,
        /// What else it rests on, in words: a grouping, a column that is always null.
        #[serde(default)]
        others: Vec<String>,
    },
    /// It does not follow; the reason as a sentence.
    Unproven(String),
}

/// A key of the source that a proof rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RestsOn {
    /// The table.
    pub table: String,
    /// The key's name.
    pub key: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// A step of a program. Nodes refer to others by number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// A constant.
    Literal(OwnedValue),
    /// A parameter.
    Param(usize),
    /// A column of a slot.
    Column {
        /// The slot.
        slot: usize,
        /// The column.
        column: usize,
    },
    /// A field of a slot's view.
    Field {
        /// The slot.
        slot: usize,
        /// The local of the view.
        local: usize,
    },
    /// A local of the frame.
    Local(usize),
    /// Whether the slot has a row.
    Present(usize),
    /// Turns a truth value around.
    Not(NodeId),
    /// Turns a number's sign around.
    Negate(NodeId),
    /// Whether the value is null.
    IsNull(NodeId),
    /// Both.
    And(NodeId, NodeId),
    /// Either.
    Or(NodeId, NodeId),
    /// A comparison; false with null.
    Compare(CompareOp, NodeId, NodeId),
    /// Checked arithmetic.
    Arithmetic(ArithmeticOp, NodeId, NodeId),
    /// The second where the first is null.
    Coalesce(NodeId, NodeId),
    /// Whether the value equals one of the others.
    InList(NodeId, Vec<NodeId>),
    /// Whether the look-up table has the key.
    InMap(NodeId, usize),
    /// A branch.
    If(NodeId, NodeId, NodeId),
    /// A choice by constants.
    Match {
        /// What is compared.
        subject: NodeId,
        /// Constants and results.
        arms: Vec<(Vec<OwnedValue>, NodeId)>,
        /// The result otherwise.
        otherwise: Option<NodeId>,
    },
    /// A call of a library function.
    Call {
        /// Its name.
        function: String,
        /// Its arguments.
        arguments: Vec<NodeId>,
    },
    /// Whether a text matches a regular expression.
    Matches {
        /// The text.
        operand: NodeId,
        /// The expression.
        pattern: String,
    },
    /// A deterministic identifier.
    Ulid {
        /// The target table.
        table: String,
        /// The time.
        time: NodeId,
        /// The key.
        keys: Vec<NodeId>,
    },
    /// A look-up in a parameter.
    Lookup {
        /// The parameter.
        param: usize,
        /// The key.
        key: NodeId,
    },
    /// Text put together.
    Text(Vec<TextPart>),
    /// Whether the look-up finds a row.
    Exists(Box<Lookup>),
    /// A value over the rows of a group.
    Aggregate {
        /// How.
        op: AggregateOp,
        /// Of what.
        value: Option<NodeId>,
        /// The order of `first`: key, and whether descending.
        orders: Vec<(NodeId, bool)>,
    },
    /// What can fail, and what happens then.
    Handled {
        /// What can fail.
        operand: NodeId,
        /// What happens then.
        handler: Handler,
    },
}

/// A piece of text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextPart {
    /// As it stands.
    Literal(String),
    /// A value.
    Value(NodeId),
}

/// What happens when a call fails.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handler {
    /// Another value is taken.
    Value(NodeId),
    /// The row is counted and another value is taken.
    Warn(usize, NodeId),
    /// The row ends.
    Fate(Fate),
}

impl Node {
    /// The nodes this one is made of.
    pub fn children(&self) -> Vec<NodeId> {
        match self {
            Node::Literal(_)
            | Node::Param(_)
            | Node::Column { .. }
            | Node::Field { .. }
            | Node::Local(_)
            | Node::Present(_) => Vec::new(),
            Node::Not(operand)
            | Node::Negate(operand)
            | Node::IsNull(operand)
            | Node::InMap(operand, _)
            | Node::Matches { operand, .. }
            | Node::Lookup { key: operand, .. } => vec![*operand],
            Node::And(left, right)
            | Node::Or(left, right)
            | Node::Compare(_, left, right)
            | Node::Arithmetic(_, left, right)
            | Node::Coalesce(left, right) => vec![*left, *right],
            Node::InList(operand, values) => std::iter::once(*operand)
                .chain(values.iter().copied())
                .collect(),
            Node::If(condition, then, otherwise) => vec![*condition, *then, *otherwise],
            Node::Match {
                subject,
                arms,
                otherwise,
            } => {
                let results = arms.iter().map(|(_, result)| *result);
                std::iter::once(*subject)
                    .chain(results)
                    .chain(*otherwise)
                    .collect()
            }
            Node::Call { arguments, .. } => arguments.clone(),
            Node::Ulid { time, keys, .. } => {
                std::iter::once(*time).chain(keys.iter().copied()).collect()
            }
            Node::Text(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    TextPart::Literal(_) => None,
                    TextPart::Value(node) => Some(*node),
                })
                .collect(),
            Node::Exists(lookup) => lookup
                .left
                .iter()
                .chain(&lookup.right)
                .chain(&lookup.residual)
                .copied()
                .collect(),
            Node::Aggregate { value, orders, .. } => value
                .iter()
                .copied()
                .chain(orders.iter().map(|(key, _)| *key))
                .collect(),
            Node::Handled { operand, handler } => {
                let rest = match handler {
                    Handler::Value(value) | Handler::Warn(_, value) => Some(*value),
                    Handler::Fate(_) => None,
                };
                std::iter::once(*operand).chain(rest).collect()
            }
        }
    }
}

impl Plan {
    /// The place of a node in the mapping.
    pub fn origin(&self, node: NodeId) -> Option<Span> {
        self.origins.get(node as usize).copied()
    }

    /// The scan at the root of a frame: the one its driver's driver … reads; none where a broadcast
    /// relation drives it.
    pub fn root_scan(&self, frame: usize) -> Option<usize> {
        match self.frames.get(frame)?.slots.first()?.relation {
            Relation::Scan(scan) => Some(scan),
            Relation::Broadcast(_) => None,
            Relation::Frame(inner) => self.root_scan(inner),
        }
    }
}
