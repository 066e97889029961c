//! What a case is: tables with rows, views and maps over them, as a model of its own. The text of the
//! mapping is written from it, and so is the SQL; neither knows of the other.

/// The types of the language that cases compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    Bool,
    Int,
    Text,
    Bytes,
    Time,
    Uuid,
}

pub(crate) const TYPES: [Ty; 6] = [Ty::Bool, Ty::Int, Ty::Text, Ty::Bytes, Ty::Time, Ty::Uuid];

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    /// Microseconds since 1970.
    Time(i64),
    Uuid([u8; 16]),
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As the catalog writes it.
    pub(crate) pg: &'static str,
    pub(crate) ty: Ty,
    pub(crate) nullable: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The first is the primary key.
    pub(crate) keys: Vec<Vec<usize>>,
    pub(crate) rows: Vec<Vec<Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Table(usize),
    /// The number of a block.
    View(usize),
}

/// A column of a table or a field of a view, of the relation in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attr {
    pub(crate) slot: usize,
    pub(crate) index: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Many,
}

#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) kind: JoinKind,
    pub(crate) relation: Relation,
    pub(crate) on: On,
    pub(crate) otherwise: Option<Fate>,
    pub(crate) skipped: Option<Fate>,
}

/// A condition: values of the slots before, each equal to an attribute of the relation; and the rest.
#[derive(Clone, Debug)]
pub(crate) struct On {
    pub(crate) equal: Vec<(Expr, usize)>,
    pub(crate) residual: Option<Box<Expr>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FateKind {
    Skip,
    Fail,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) kind: FateKind,
    pub(crate) reason: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Warn,
    Quiet,
}

/// Each is used at one place of the mapping.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    pub(crate) severity: Severity,
    /// Whether the severity is the value of a parameter.
    pub(crate) by_param: bool,
    /// Whether its count does not depend on who asks for a value first.
    pub(crate) counted: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Local {
    /// The type, and whether it may be null.
    pub(crate) ty: (Ty, bool),
    pub(crate) value: Expr,
    pub(crate) is_field: bool,
    pub(crate) can_fail: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Line {
    Local(usize),
    Clause {
        kind: ClauseKind,
        reason: usize,
        when: Expr,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClauseKind {
    Skip,
    Fail,
    Warn,
}

#[derive(Clone, Debug)]
pub(crate) enum When {
    Always,
    Holds(Expr),
    Otherwise,
}

#[derive(Clone, Debug)]
pub(crate) struct Into {
    pub(crate) target: usize,
    pub(crate) when: When,
    pub(crate) rules: Vec<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) is_map: bool,
    pub(crate) driver: Relation,
    pub(crate) joins: Vec<Join>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group: Vec<Attr>,
    pub(crate) locals: Vec<Local>,
    pub(crate) lines: Vec<Line>,
    pub(crate) intos: Vec<Into>,
    pub(crate) otherwise: Option<Fate>,
}

impl Block {
    pub(crate) fn slots(&self) -> Vec<Relation> {
        let joined = self.joins.iter().map(|join| join.relation);
        std::iter::once(self.driver).chain(joined).collect()
    }

    /// The locals that other blocks see.
    pub(crate) fn fields(&self) -> Vec<usize> {
        (0..self.locals.len())
            .filter(|local| self.locals[*local].is_field)
            .collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Times,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Length,
    StartsWith,
    EndsWith,
    Contains,
    Replace,
    Utf8,
    Hex,
    Sha256,
    UnixMillis,
    UnixSeconds,
    // These can fail.
    Before,
    After,
    Substring,
    ParseInt,
    ParseUuid,
    FromMillis,
    FromSeconds,
}

#[derive(Clone, Debug)]
pub(crate) enum Handler {
    Value(Box<Expr>),
    Warn(usize, Box<Expr>),
    Fate(Fate),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Min,
    Max,
    Count,
    First,
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(String),
    Value(Expr),
}

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Literal(Value),
    /// Null where a value of the type could stand.
    Null(Ty),
    /// The parameter of that type.
    Param(Ty),
    Attr(Attr),
    /// An attribute of the relation a condition is about.
    Candidate(usize),
    Local(usize),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Op, Ty, Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    /// A moment and so many microseconds.
    Shift(Box<Expr>, i64),
    /// The time between two moments compared with so many microseconds.
    Gap(Op, Box<Expr>, Box<Expr>, i64),
    Coalesce(Box<Expr>, Box<Expr>),
    InList {
        negated: bool,
        operand: Box<Expr>,
        values: Vec<Expr>,
    },
    InMap {
        negated: bool,
        operand: Box<Expr>,
    },
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Match {
        subject: Box<Expr>,
        arms: Vec<(Vec<Value>, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    IsNull {
        negated: bool,
        operand: Box<Expr>,
    },
    /// Whether a slot has a row.
    Present {
        negated: bool,
        slot: usize,
    },
    Text(Vec<Part>),
    Call(Function, Vec<Expr>),
    Lookup(Box<Expr>),
    Handled(Box<Expr>, Handler),
    Exists {
        relation: Relation,
        on: On,
        /// Makes its name unique.
        number: usize,
    },
    Aggregate {
        op: Aggregate,
        value: Option<Box<Expr>>,
        ty: Ty,
        orders: Vec<(Expr, Ty, bool)>,
    },
    /// `ulid(time, keys…) for` that target.
    Ulid {
        target: usize,
        time: Box<Expr>,
        keys: Vec<(Expr, Ty)>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) columns: Vec<Column>,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) tables: Vec<Table>,
    pub(crate) targets: Vec<Target>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) reasons: Vec<Reason>,
    /// The values of the parameters, one of each type in the order of [`TYPES`].
    pub(crate) params: Vec<Value>,
    /// The look-up table.
    pub(crate) entries: Vec<(String, i64)>,
}

impl Case {
    /// Type and nullability of an attribute of a relation.
    pub(crate) fn attr_ty(&self, relation: Relation, index: usize) -> (Ty, bool) {
        match relation {
            Relation::Table(table) => {
                let column = &self.tables[table].columns[index];
                (column.ty, column.nullable)
            }
            Relation::View(view) => {
                let block = &self.blocks[view];
                block.locals[block.fields()[index]].ty
            }
        }
    }

    /// How many attributes a relation has.
    pub(crate) fn width(&self, relation: Relation) -> usize {
        match relation {
            Relation::Table(table) => self.tables[table].columns.len(),
            Relation::View(view) => self.blocks[view].fields().len(),
        }
    }

    /// Whether reading an attribute can end a row.
    pub(crate) fn attr_fails(&self, relation: Relation, index: usize) -> bool {
        match relation {
            Relation::Table(_) => false,
            Relation::View(view) => {
                let block = &self.blocks[view];
                block.locals[block.fields()[index]].can_fail
            }
        }
    }

    /// Whether a row that ended still has the value. Nothing is promised of the other values of such a
    /// row: it may have ended before the relations that they come from were joined.
    pub(crate) fn is_steady(&self, relation: Relation, index: usize) -> bool {
        let Relation::View(view) = relation else {
            return true;
        };
        let block = &self.blocks[view];
        let value = &block.locals[block.fields()[index]].value;
        !block.group.is_empty()
            || matches!(value, Expr::Attr(Attr { slot: 0, index }) if self.is_steady(block.driver, *index))
    }

    /// The reason's name in the mapping and in the SQL.
    pub(crate) fn reason(reason: usize) -> String {
        format!("r{reason}")
    }
}
