//! The untyped tree: what was written, with the place of everything.

use crate::base::{Span, Spanned};

/// A name and its place.
pub type Name = Spanned<String>;

/// One `.map` file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The `//!` lines, without their marks.
    pub docs: String,
    /// The items that could be read, in order.
    pub items: Vec<Item>,
    /// Keyword and name of the items that could not: whoever names them makes no further mistake.
    pub broken: Vec<(String, String)>,
}

/// One item with its documentation.
#[derive(Clone, Debug)]
pub struct Item {
    /// The `///` lines before it, without their marks.
    pub docs: String,
    /// What it is.
    pub kind: ItemKind,
    /// From its keyword to its end.
    pub span: Span,
}

/// The kinds of items.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `mapping NAME`
    Mapping(Name),
    /// `source NAME`
    Source(Name),
    /// `target NAME`
    Target(Name),
    /// `param NAME: TYPE = DEFAULT`
    Param(Param),
    /// `reason NAME SEVERITY "…"`
    Reason(Reason),
    /// `broadcast NAME from SIDE.TABLE limit N`
    Broadcast(Broadcast),
    /// `view NAME from … { … }`
    View(View),
    /// `map NAME from … { … }`
    Map(Map),
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeName,
    /// Its value where none is set.
    pub default: Option<ParamDefault>,
}

/// The default of a parameter.
#[derive(Clone, Debug)]
pub enum ParamDefault {
    /// `error`, `warn` or `quiet`.
    Severity(Name),
    /// `{}`
    EmptyMap(Span),
    /// A constant.
    Expr(Expr),
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct TypeName {
    /// Its word; `map` for a look-up table.
    pub word: Name,
    /// Key and value type of a look-up table.
    pub arguments: Vec<TypeName>,
    /// Whether it ends in `?`.
    pub nullable: bool,
    /// The whole.
    pub span: Span,
}

/// A declared reason.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Its name: the finding's ID.
    pub name: Name,
    /// How much it matters.
    pub severity: ReasonSeverity,
    /// What it means.
    pub meaning: Spanned<String>,
    /// What to do about it.
    pub help: Option<Spanned<String>>,
    /// A query to look or mend with.
    pub sql: Option<Spanned<String>>,
}

/// Where a reason's severity comes from.
#[derive(Clone, Debug)]
pub enum ReasonSeverity {
    /// Written in the file.
    Fixed(Name),
    /// A parameter's value.
    Param(Name),
}

/// A small table that is held whole.
#[derive(Clone, Debug)]
pub struct Broadcast {
    /// The name other blocks use.
    pub name: Name,
    /// `source` or `target`.
    pub side: Name,
    /// The table.
    pub table: Name,
    /// The most rows it may have.
    pub limit: Option<Spanned<u64>>,
}

/// A named relation.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: Name,
    /// Where its rows come from.
    pub relation: Relation,
    /// Rows that do not hold it are left out before grouping.
    pub filter: Option<Expr>,
    /// What the rows are grouped by.
    pub group: Vec<Expr>,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A block that writes rows.
#[derive(Clone, Debug)]
pub struct Map {
    /// Its name.
    pub name: Name,
    /// Where its rows come from.
    pub relation: Relation,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// `from X as x join Y as y on …`
#[derive(Clone, Debug)]
pub struct Relation {
    /// What drives it.
    pub from: Aliased,
    /// What is joined to it, in order.
    pub joins: Vec<Join>,
}

/// A relation under a name of its own.
#[derive(Clone, Debug)]
pub struct Aliased {
    /// Table, view or broadcast relation.
    pub relation: Name,
    /// The name it goes by in the block; its own where no `as` is given.
    pub alias: Name,
}

/// How a relation is joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinKind {
    /// Exactly one partner, or the row ends.
    Inner,
    /// At most one partner.
    Left,
    /// A row for each partner.
    Many,
}

/// A joined relation.
#[derive(Clone, Debug)]
pub struct Join {
    /// How.
    pub kind: JoinKind,
    /// What.
    pub right: Aliased,
    /// On which condition.
    pub on: Expr,
    /// The fate of rows without partner.
    pub otherwise: Option<Fate>,
    /// The fate of rows whose partner was itself skipped or rejected.
    pub skipped: Option<Fate>,
    /// The whole.
    pub span: Span,
}

/// `skip` or `fail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FateKind {
    /// The row is left out.
    Skip,
    /// The row is rejected.
    Fail,
}

/// How a row ends, and why.
#[derive(Clone, Debug)]
pub struct Fate {
    /// How.
    pub kind: FateKind,
    /// The reason's name.
    pub reason: Name,
}

/// A line of a view or map.
#[derive(Clone, Debug)]
pub struct Line {
    /// The `///` lines before it.
    pub docs: String,
    /// What it is.
    pub kind: LineKind,
    /// The whole.
    pub span: Span,
}

/// What a clause does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClauseKind {
    /// The row is left out.
    Skip,
    /// The row is rejected.
    Fail,
    /// The row is counted and goes on.
    Warn,
}

/// The kinds of lines.
#[derive(Clone, Debug)]
pub enum LineKind {
    /// `skip REASON when …`
    Clause {
        /// What it does.
        kind: ClauseKind,
        /// Why.
        reason: Name,
        /// When.
        when: Expr,
    },
    /// `let NAME = …`
    Let {
        /// Its name.
        name: Name,
        /// Its declared type.
        ty: Option<TypeName>,
        /// Its value.
        value: Expr,
    },
    /// `NAME = …` in a view.
    Field {
        /// Its name.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `into TABLE … { … }`
    Into(Into),
    /// `otherwise skip REASON`
    Otherwise(Fate),
}

/// When an `into` writes.
#[derive(Clone, Debug)]
pub enum IntoCondition {
    /// Always.
    Always,
    /// When the condition holds.
    When(Expr),
    /// When no condition of another `into` of the map holds.
    Otherwise(Span),
}

/// A block of rules for one target table.
#[derive(Clone, Debug)]
pub struct Into {
    /// The target table.
    pub table: Name,
    /// When it writes.
    pub condition: IntoCondition,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// The whole.
    pub span: Span,
}

/// `column = expression`
#[derive(Clone, Debug)]
pub struct Rule {
    /// The `///` lines before it.
    pub docs: String,
    /// The target's column.
    pub column: Name,
    /// Its value.
    pub value: Expr,
}

/// An expression and its place.
pub type Expr = Spanned<ExprKind>;

/// Operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
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
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `??`
    Coalesce,
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

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `42`
    Int(i64),
    /// `"text {expr}"`
    Text(Vec<TextPart>),
    /// `x"00ff"`
    Bytes(Vec<u8>),
    /// `t"…"`, in microseconds since 1970.
    Timestamp(i64),
    /// `30d`, in microseconds.
    Duration(i64),
    /// `name` or `alias.name`
    Path(Path),
    /// `path[key]`
    Lookup {
        /// The look-up table.
        table: Path,
        /// The key.
        key: Box<Expr>,
    },
    /// `f(a, b) for table`
    Call {
        /// The function.
        function: Name,
        /// Its arguments.
        arguments: Vec<Expr>,
        /// The table it is for.
        table: Option<Name>,
    },
    /// `first(value by key desc, …)`
    First {
        /// What is taken.
        value: Box<Expr>,
        /// In which order.
        orders: Vec<(Expr, bool)>,
    },
    /// `not x`
    Not(Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// `x is null`, `x is not null`
    IsNull {
        /// The operand.
        operand: Box<Expr>,
        /// Whether it is `is not null`.
        negated: bool,
    },
    /// `a == b`, `a in b`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Its left operand.
        left: Box<Expr>,
        /// Its right operand.
        right: Box<Expr>,
    },
    /// `a and b and c`, `a ?? b`, `a + b - c`: one list of any length, grouped from the left.
    Chain {
        /// The first operand.
        first: Box<Expr>,
        /// The others, each with the operator before it; all of them bind alike.
        rest: Vec<(BinaryOp, Expr)>,
    },
    /// `[a, b]`
    List(Vec<Expr>),
    /// `if c then a else if d then b else e`
    If {
        /// The conditions in order, at least one.
        branches: Vec<Branch>,
        /// The value when none of them holds.
        otherwise: Box<Expr>,
    },
    /// `match x { … }`
    Match {
        /// What is compared.
        subject: Box<Expr>,
        /// Values and what they give.
        arms: Vec<Arm>,
    },
    /// `exists (relation as x on …)`
    Exists {
        /// What is looked for.
        right: Aliased,
        /// On which condition.
        on: Box<Expr>,
    },
    /// `expression else …`
    Handled {
        /// What can fail.
        operand: Box<Expr>,
        /// What happens then.
        handler: Box<Handler>,
    },
    /// What could not be read; reported already.
    Broken,
}

/// A condition of an `if`, and the value where it is the first that holds.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The condition.
    pub condition: Expr,
    /// The value.
    pub then: Expr,
}

/// A dotted path of one or two names.
#[derive(Clone, Debug)]
pub struct Path {
    /// Its names.
    pub names: Vec<Name>,
    /// The whole.
    pub span: Span,
}

impl Path {
    /// As written.
    pub fn text(&self) -> String {
        self.names
            .iter()
            .map(|name| name.node.as_str())
            .collect::<Vec<_>>()
            .join(".")
    }
}

/// A piece of text.
#[derive(Clone, Debug)]
pub enum TextPart {
    /// As it stands.
    Literal(String),
    /// `{…}`
    Expr(Expr),
}

/// An arm of a `match`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The constants it stands for; none for `else`.
    pub values: Vec<Expr>,
    /// What it gives.
    pub result: Expr,
    /// The whole.
    pub span: Span,
}

/// What happens when a call fails.
#[derive(Clone, Debug)]
pub enum Handler {
    /// Another value is taken.
    Value(Expr),
    /// The row is counted under a reason and another value is taken.
    Warn(Name, Expr),
    /// The row ends.
    Fate(Fate),
}
