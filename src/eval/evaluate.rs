//! One node over one row.

use bumpalo::Bump;

use crate::functions::EvalError;
use crate::plan::{AggregateOp, Lookup, Node, NodeId, builtin};
use crate::types::{OwnedValue, Value};

use super::attempt::{Failure, attempt, handled, look_up};
use super::operators::{arithmetic, compare, equal, negate};
use super::program::Program;

/// Why a row ends while a node is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The reason.
    pub reason: usize,
    /// The node that ended it.
    pub node: NodeId,
    /// What was wrong with the value, for reasons of the language itself.
    pub why: &'static str,
    /// Whether it was counted already, where the value was first asked for.
    pub counted: bool,
    /// Whether it was the row this one belongs to that ended.
    pub owner: bool,
}

impl Stop {
    /// The end of a row of its own, not counted yet.
    pub fn new(reason: usize, node: NodeId, why: &'static str) -> Self {
        Self {
            reason,
            node,
            why,
            counted: false,
            owner: false,
        }
    }
}

/// The row a node is evaluated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The frame.
    pub frame: usize,
    /// Its row: of a group where the frame is grouped.
    pub row: u32,
    /// The single row whose slots are read.
    pub member: u32,
    /// A slot that is bound to another row for the moment (in conditions), and that row.
    pub bound: Option<(usize, u32)>,
}

impl Place {
    /// A row that is no group's.
    pub fn single(frame: usize, row: u32) -> Self {
        Self {
            frame,
            row,
            member: row,
            bound: None,
        }
    }
}

/// The rows around a node. Why a row ends lives in the arena, so that a value, the common case, is
/// all that a result has room for.
pub trait Rows<'a> {
    /// Where computed text lives.
    fn arena(&self) -> &'a Bump;
    /// A column of a slot; null where the slot has no row. The node is the one that asks.
    fn column(
        &mut self,
        at: &Place,
        node: NodeId,
        slot: usize,
        column: usize,
    ) -> Result<Value<'a>, &'a Stop>;
    /// A field of a slot's view; null where the slot has no row.
    fn field(&mut self, at: &Place, slot: usize, local: usize) -> Result<Value<'a>, &'a Stop>;
    /// A local of the row itself.
    fn local(&mut self, at: &Place, local: usize) -> Result<Value<'a>, &'a Stop>;
    /// Whether a slot has a row.
    fn present(&self, at: &Place, slot: usize) -> bool;
    /// Whether a look-up finds a row.
    fn exists(&mut self, at: &Place, node: NodeId, lookup: &'a Lookup) -> Result<bool, &'a Stop>;
    /// A value over the rows of the group.
    fn aggregate(
        &mut self,
        at: &Place,
        op: AggregateOp,
        value: Option<NodeId>,
        orders: &'a [(NodeId, bool)],
    ) -> Result<Value<'a>, &'a Stop>;
    /// Counts the row under a reason.
    ///
    /// # Errors
    /// The end of the row, where the reason is an error in this run.
    fn warn(&mut self, at: &Place, reason: usize, node: NodeId) -> Result<(), &'a Stop>;
}

/// The value of a node for a row.
///
/// # Errors
/// The end of the row: a handler's, a value's that the row's own owner could not give, or one of
/// the language itself (overflow, a cell that cannot be read).
#[inline]
pub fn evaluate<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    id: NodeId,
) -> Result<Value<'a>, &'a Stop> {
    // Most nodes only read; they are answered where they are asked for.
    match program.node(id) {
        Some(Node::Column { slot, column }) => rows.column(at, id, *slot, *column),
        Some(Node::Field { slot, local }) => rows.field(at, *slot, *local),
        Some(Node::Local(local)) => rows.local(at, *local),
        Some(node) => compute(program, rows, at, id, node),
        None => Err(defect(rows, id)),
    }
}

fn compute<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    id: NodeId,
    node: &'a Node,
) -> Result<Value<'a>, &'a Stop> {
    match node {
        Node::Column { .. } | Node::Field { .. } | Node::Local(_) => {
            evaluate(program, rows, at, id)
        }
        Node::Literal(value) => Ok(value.as_value()),
        Node::Param(param) => Ok(program.param(*param).as_value()),
        Node::Present(_)
        | Node::Not(_)
        | Node::And(..)
        | Node::Or(..)
        | Node::IsNull(_)
        | Node::Compare(..)
        | Node::InList(..)
        | Node::InMap(..)
        | Node::Matches { .. }
        | Node::Exists(_) => truth(program, rows, at, id).map(Value::Bool),
        Node::Coalesce(left, right) => match evaluate(program, rows, at, *left)? {
            Value::Null => evaluate(program, rows, at, *right),
            value => Ok(value),
        },
        Node::If(..) => {
            let branch = taken(program, rows, at, id)?;
            evaluate(program, rows, at, branch)
        }
        Node::Match {
            subject,
            arms,
            otherwise,
        } => {
            let subject = evaluate(program, rows, at, *subject)?;
            let takes = |value: &OwnedValue| equal(&subject, &value.as_value());
            let arm = arms.iter().find(|(values, _)| values.iter().any(takes));
            match arm.map(|(_, result)| *result).or(*otherwise) {
                Some(result) => evaluate(program, rows, at, result),
                None => Err(defect(rows, id)),
            }
        }
        Node::Negate(operand) => {
            let operand = evaluate(program, rows, at, *operand)?;
            negate(operand).map_err(|error| overflow(rows, id, error))
        }
        Node::Arithmetic(_, left, _) if is_operation(program, *left) => {
            operations(program, rows, at, id)
        }
        Node::Arithmetic(op, left, right) => {
            let left = evaluate(program, rows, at, *left)?;
            let right = evaluate(program, rows, at, *right)?;
            arithmetic(*op, left, right).map_err(|error| overflow(rows, id, error))
        }
        Node::Aggregate { op, value, orders } => rows.aggregate(at, *op, *value, orders),
        // Calls that can fail are handled, so a failure here is what cannot be: a value outside all
        // ranges.
        Node::Call { .. } | Node::Ulid { .. } | Node::Lookup { .. } | Node::Text(_) => {
            attempt(program, rows, at, id).map_err(|failure| match failure {
                Failure::Stop(stop) => stop,
                Failure::Call(error) => unusable(rows, id, error.why),
            })
        }
        Node::Handled { operand, handler } => match attempt(program, rows, at, *operand) {
            Ok(value) => Ok(value),
            Err(Failure::Stop(stop)) => Err(stop),
            Err(Failure::Call(error)) => handled(program, rows, at, id, *handler, error),
        },
    }
}

/// The node whose value an `if` has. There can be more `else if`s than the stack has room for.
fn taken<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    mut id: NodeId,
) -> Result<NodeId, &'a Stop> {
    while let Some(Node::If(condition, then, otherwise)) = program.node(id) {
        let holds = truth(program, rows, at, *condition)?;
        id = if holds { *then } else { *otherwise };
    }
    Ok(id)
}

fn is_operation(program: &Program, id: NodeId) -> bool {
    matches!(program.node(id), Some(Node::Arithmetic(..)))
}

/// Operations whose left operands are operations again. There can be more of them than the stack
/// has room for.
fn operations<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    mut id: NodeId,
) -> Result<Value<'a>, &'a Stop> {
    let mut open = Vec::new();
    while let Some(Node::Arithmetic(op, left, right)) = program.node(id) {
        open.push((id, *op, *right));
        id = *left;
    }
    let mut value = evaluate(program, rows, at, id)?;
    while let Some((id, op, right)) = open.pop() {
        let right = evaluate(program, rows, at, right)?;
        value = arithmetic(op, value, right).map_err(|error| overflow(rows, id, error))?;
    }
    Ok(value)
}

/// Whether a clause or filter applies: null does not.
///
/// # Errors
/// As [`evaluate`].
pub fn holds<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    id: NodeId,
) -> Result<bool, &'a Stop> {
    Ok(condition(program, rows, at, id)? == Some(true))
}

fn truth<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    id: NodeId,
) -> Result<bool, &'a Stop> {
    condition(program, rows, at, id)?.ok_or_else(|| defect(rows, id))
}

/// A truth value; none where a node gives another. It is apart from [`evaluate`] because most nodes
/// are conditions or parts of some, and a truth value is passed on with less work than any value.
fn condition<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    id: NodeId,
) -> Result<Option<bool>, &'a Stop> {
    let holds = match program.node(id) {
        Some(Node::Present(slot)) => rows.present(at, *slot),
        Some(Node::Not(operand)) => !truth(program, rows, at, *operand)?,
        Some(Node::And(left, right)) => {
            truth(program, rows, at, *left)? && truth(program, rows, at, *right)?
        }
        Some(Node::Or(left, right)) => {
            truth(program, rows, at, *left)? || truth(program, rows, at, *right)?
        }
        Some(Node::IsNull(operand)) => evaluate(program, rows, at, *operand)?.is_null(),
        Some(Node::Compare(op, left, right)) => {
            let left = evaluate(program, rows, at, *left)?;
            let right = evaluate(program, rows, at, *right)?;
            compare(*op, &left, &right)
        }
        Some(Node::InList(operand, values)) => in_list(program, rows, at, *operand, values)?,
        Some(Node::InMap(operand, param)) => {
            let key = evaluate(program, rows, at, *operand)?;
            look_up(program, *param, &key).is_some()
        }
        Some(Node::Matches { operand, .. }) => {
            match (evaluate(program, rows, at, *operand)?, program.pattern(id)) {
                (Value::Text(text), Some(pattern)) => pattern.is_match(text),
                _ => return Err(defect(rows, id)),
            }
        }
        Some(Node::Exists(lookup)) => rows.exists(at, id, lookup)?,
        _ => {
            return Ok(match evaluate(program, rows, at, id)? {
                Value::Bool(truth) => Some(truth),
                _ => None,
            });
        }
    };
    Ok(Some(holds))
}

fn in_list<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    operand: NodeId,
    values: &'a [NodeId],
) -> Result<bool, &'a Stop> {
    let operand = evaluate(program, rows, at, operand)?;
    for value in values {
        if equal(&operand, &evaluate(program, rows, at, *value)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The end of a row for a reason of the language itself.
pub(super) fn stop<'a, R: Rows<'a>>(
    rows: &R,
    reason: usize,
    node: NodeId,
    why: &'static str,
) -> &'a Stop {
    rows.arena().alloc(Stop::new(reason, node, why))
}

fn unusable<'a, R: Rows<'a>>(rows: &R, node: NodeId, why: &'static str) -> &'a Stop {
    stop(rows, builtin::VALUE_OUT_OF_RANGE, node, why)
}

fn overflow<'a, R: Rows<'a>>(rows: &R, node: NodeId, error: EvalError) -> &'a Stop {
    stop(rows, builtin::ARITHMETIC_OVERFLOW, node, error.why)
}

fn defect<'a, R: Rows<'a>>(rows: &R, node: NodeId) -> &'a Stop {
    unusable(rows, node, EvalError::DEFECT.why)
}
