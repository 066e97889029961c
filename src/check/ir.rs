//! The typed tree: every name resolved, every expression with its type. Nothing here is an
//! `Option` because it might be wrong: a tree that was built with errors is thrown away.

use crate::base::Span;
use crate::functions::Function;
use crate::types::{OwnedValue, PgType, SeverityValue, Type};

pub use crate::syntax::ast::{ClauseKind, FateKind, JoinKind};

/// A checked mapping.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Its name.
    pub name: String,
    /// The documentation of its file.
    pub docs: String,
    /// The catalog rows are read from.
    pub source: String,
    /// The catalog rows are written to.
    pub target: String,
    /// What is set from outside.
    pub params: Vec<Param>,
    /// Why rows are left out.
    pub reasons: Vec<Reason>,
    /// The source tables in use.
    pub scans: Vec<Scan>,
    /// The tables that are held whole.
    pub broadcasts: Vec<Broadcast>,
    /// Views and maps, each after what it builds on.
    pub frames: Vec<Frame>,
    /// The target tables that are written.
    pub targets: Vec<Target>,
    /// Whether the checker found no error. If not, parts are missing or [`ExprKind::Error`], and the
    /// mapping is good for finding more that is wrong, not for a plan.
    pub sound: bool,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Its type.
    pub ty: Type,
    /// Its value where none is set.
    pub default: Option<OwnedValue>,
    /// Where it is declared.
    pub span: Span,
}

/// A reason.
#[derive(Clone, Debug)]
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
    /// Where it is declared.
    pub span: Span,
}

/// Where a reason's severity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonSeverity {
    /// Written in the mapping.
    Fixed(SeverityValue),
    /// The value of that parameter.
    Param(usize),
}

/// A source table that is read in the order of the partition key.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Its name.
    pub table: String,
    /// The columns in use.
    pub columns: Vec<Column>,
    /// Where it is first named.
    pub span: Span,
}

/// A column of a relation that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in the database.
    pub pg_type: PgType,
    /// Whether it can be NULL.
    pub nullable: bool,
}

/// The side a table lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Rows are read from it.
    Source,
    /// Rows are written to it.
    Target,
}

/// A small table that is held whole.
#[derive(Clone, Debug)]
pub struct Broadcast {
    /// The name other blocks use.
    pub name: String,
    /// The side it lies on.
    pub side: Side,
    /// The table.
    pub table: String,
    /// The columns in use.
    pub columns: Vec<Column>,
    /// The most rows it may have.
    pub limit: u64,
    /// Where it is declared.
    pub span: Span,
}

/// What a slot is bound to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// A scan, by number.
    Scan(usize),
    /// A broadcast relation, by number.
    Broadcast(usize),
    /// A view, by the number of its frame.
    Frame(usize),
}

/// A relation under the name it goes by in a block.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The name.
    pub alias: String,
    /// What it is bound to.
    pub relation: Relation,
    /// Whether it can be without a row (left join).
    pub optional: bool,
    /// Where it is named.
    pub span: Span,
}

/// A view or a map.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its name.
    pub name: String,
    /// Its documentation.
    pub docs: String,
    /// Where its name stands.
    pub span: Span,
    /// Whether it is a map.
    pub is_map: bool,
    /// The driver (slot 0), the joined relations, and the ones of `exists`.
    pub slots: Vec<Slot>,
    /// The joins, in order.
    pub joins: Vec<Join>,
    /// Rows that do not hold it are no rows of the view.
    pub filter: Option<Expr>,
    /// What rows are grouped by; empty where they are not.
    pub group: Vec<Expr>,
    /// `let`s and fields, each evaluated at most once a row, when first needed.
    pub locals: Vec<Local>,
    /// Clauses in order.
    pub clauses: Vec<Clause>,
    /// What a map writes.
    pub intos: Vec<Into>,
    /// The end of rows that no `into` takes.
    pub otherwise: Option<Fate>,
}

/// A relation joined to those before it.
#[derive(Clone, Debug)]
pub struct Join {
    /// How.
    pub kind: JoinKind,
    /// The slot it fills.
    pub slot: usize,
    /// Equalities and other conditions.
    pub on: Condition,
    /// The end of rows without partner.
    pub otherwise: Option<Fate>,
    /// The end of rows whose partner ended itself.
    pub skipped: Option<Fate>,
    /// The whole.
    pub span: Span,
}

/// When a row of a slot fits.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Equalities: a value of the slots before, a value of the slot's row.
    pub equalities: Vec<(Expr, Expr)>,
    /// What else must hold.
    pub residual: Option<Box<Expr>>,
    /// Whether the checker found no error in it.
    pub sound: bool,
    /// The whole.
    pub span: Span,
}

/// A named value of a block.
#[derive(Clone, Debug)]
pub struct Local {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Expr,
    /// Whether it is a field that other blocks see.
    pub is_field: bool,
    /// Where its name stands.
    pub span: Span,
}

/// `skip`, `fail` or `warn`.
#[derive(Clone, Debug)]
pub struct Clause {
    /// What it does.
    pub kind: ClauseKind,
    /// The reason, by number.
    pub reason: usize,
    /// When.
    pub when: Expr,
    /// The whole.
    pub span: Span,
}

/// How a row ends, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// How.
    pub kind: FateKind,
    /// The reason, by number.
    pub reason: usize,
}

/// A target table that is written.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub table: String,
    /// The columns that are set, in the table's order.
    pub columns: Vec<Column>,
}

/// The rules for one target table.
#[derive(Clone, Debug)]
pub struct Into {
    /// The target, by number.
    pub target: usize,
    /// When it writes.
    pub condition: IntoCondition,
    /// One rule for each of the target's columns, in its order.
    pub rules: Vec<Rule>,
    /// The whole.
    pub span: Span,
}

/// When an `into` writes.
#[derive(Clone, Debug)]
pub enum IntoCondition {
    /// Always.
    Always,
    /// When the condition holds.
    When(Expr),
    /// When no condition of another `into` holds.
    Otherwise,
}

/// `column = expression`
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its value, of the column's type.
    pub value: Expr,
    /// Where the column's name stands.
    pub span: Span,
}

/// A typed expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type.
    pub ty: Type,
    /// Where it stands.
    pub span: Span,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompareOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// Arithmetic; all of it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Times,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// Values computed over the rows of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AggregateOp {
    /// The smallest value that is not null.
    Min,
    /// The greatest value that is not null.
    Max,
    /// How many values are not null; of rows, where there is no argument.
    Count,
    /// The value of the first row in the given order.
    First,
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A constant.
    Literal(OwnedValue),
    /// A parameter.
    Param(usize),
    /// A column of a slot bound to a table.
    Column {
        /// The slot.
        slot: usize,
        /// The column, by number in its scan or broadcast.
        column: usize,
    },
    /// A field of a slot bound to a view.
    Field {
        /// The slot.
        slot: usize,
        /// The local of the view's frame.
        local: usize,
    },
    /// A local of this block.
    Local(usize),
    /// Whether a slot has a row.
    Present(usize),
    /// `not x`
    Not(Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// `x is null`
    IsNull(Box<Expr>),
    /// `a and b`
    And(Box<Expr>, Box<Expr>),
    /// `a or b`
    Or(Box<Expr>, Box<Expr>),
    /// `a == b`; null on either side gives false.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `a + b - c`, computed from the left; there is an operator before each but the first operand.
    Arithmetic(Box<Expr>, Vec<(ArithmeticOp, Expr)>),
    /// `a ?? b`
    Coalesce(Box<Expr>, Box<Expr>),
    /// `x in [a, b]`
    InList(Box<Expr>, Vec<Expr>),
    /// `key in map`
    InMap(Box<Expr>, usize),
    /// `if c then a else if d then b else e`: conditions with their values in order, and the value
    /// where none of them holds.
    If(Vec<(Expr, Expr)>, Box<Expr>),
    /// `match x { … }`
    Match {
        /// What is compared.
        subject: Box<Expr>,
        /// Constants and their result.
        arms: Vec<(Vec<OwnedValue>, Expr)>,
        /// The result for everything else; missing where the arms hold every value.
        otherwise: Option<Box<Expr>>,
    },
    /// A call of a library function.
    Call {
        /// The function.
        function: &'static Function,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// `matches(text, pattern)`
    Matches {
        /// The text.
        operand: Box<Expr>,
        /// A regular expression that compiles.
        pattern: String,
    },
    /// `ulid(time, key…)`
    Ulid {
        /// The target table the identifier is for.
        table: String,
        /// Its time.
        time: Box<Expr>,
        /// Its key.
        keys: Vec<Expr>,
    },
    /// `map[key]`
    Lookup {
        /// The parameter.
        param: usize,
        /// The key.
        key: Box<Expr>,
    },
    /// Text with expressions in it.
    Text(Vec<TextPart>),
    /// `exists (…)`
    Exists {
        /// The slot its condition speaks of.
        slot: usize,
        /// The condition.
        on: Box<Condition>,
    },
    /// A value over the rows of a group.
    Aggregate {
        /// How.
        op: AggregateOp,
        /// Of what; none for `count()`.
        value: Option<Box<Expr>>,
        /// The order of `first`: key, and whether descending.
        orders: Vec<(Expr, bool)>,
    },
    /// What can fail, and what happens then.
    Handled {
        /// What can fail.
        operand: Box<Expr>,
        /// What happens then.
        handler: Box<Handler>,
    },
    /// Wrong; reported already.
    Error,
}

/// A piece of text.
#[derive(Clone, Debug)]
pub enum TextPart {
    /// As it stands.
    Literal(String),
    /// A value.
    Expr(Expr),
}

/// What happens when a call fails.
#[derive(Clone, Debug)]
pub enum Handler {
    /// Another value is taken.
    Value(Expr),
    /// The row is counted and another value is taken.
    Warn(usize, Expr),
    /// The row ends.
    Fate(Fate),
}

impl Expr {
    /// The expressions this one is made of; those in the condition of an `exists` are not among
    /// them.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Literal(_)
            | ExprKind::Param(_)
            | ExprKind::Column { .. }
            | ExprKind::Field { .. }
            | ExprKind::Local(_)
            | ExprKind::Present(_)
            | ExprKind::Exists { .. }
            | ExprKind::Error => Vec::new(),
            ExprKind::Not(operand)
            | ExprKind::Negate(operand)
            | ExprKind::IsNull(operand)
            | ExprKind::InMap(operand, _)
            | ExprKind::Matches { operand, .. }
            | ExprKind::Lookup { key: operand, .. } => vec![operand],
            ExprKind::And(left, right)
            | ExprKind::Or(left, right)
            | ExprKind::Compare(_, left, right)
            | ExprKind::Coalesce(left, right) => vec![left, right],
            ExprKind::Arithmetic(first, rest) => std::iter::once(&**first)
                .chain(rest.iter().map(|(_, operand)| operand))
                .collect(),
            ExprKind::InList(operand, values) => {
                std::iter::once(&**operand).chain(values).collect()
            }
            ExprKind::If(branches, otherwise) => branches
                .iter()
                .flat_map(|(condition, then)| [condition, then])
                .chain([&**otherwise])
                .collect(),
            ExprKind::Match {
                subject,
                arms,
                otherwise,
            } => std::iter::once(&**subject)
                .chain(arms.iter().map(|(_, value)| value))
                .chain(otherwise.as_deref())
                .collect(),
            ExprKind::Call { arguments, .. } => arguments.iter().collect(),
            ExprKind::Ulid { time, keys, .. } => std::iter::once(&**time).chain(keys).collect(),
            ExprKind::Text(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    TextPart::Literal(_) => None,
                    TextPart::Expr(expr) => Some(expr),
                })
                .collect(),
            ExprKind::Aggregate { value, orders, .. } => value
                .as_deref()
                .into_iter()
                .chain(orders.iter().map(|(key, _)| key))
                .collect(),
            ExprKind::Handled { operand, handler } => {
                let rest = match &**handler {
                    Handler::Value(value) | Handler::Warn(_, value) => Some(value),
                    Handler::Fate(_) => None,
                };
                std::iter::once(&**operand).chain(rest).collect()
            }
        }
    }
}
