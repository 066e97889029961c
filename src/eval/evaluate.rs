//! One node over one row.

use bumpalo::Bump;

use crate::functions::{EvalError, MAX_ARGUMENTS, ulid};
use crate::plan::{AggregateOp, Fate, Handler, Lookup, Node, NodeId, TextPart, builtin};
use crate::types::{OwnedValue, Value};

use super::operators::{arithmetic, compare, equal};
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

/// The rows around a node.
pub trait Rows<'a> {
    /// Where computed text lives.
    fn arena(&self) -> &'a Bump;
    /// A column of a slot; null where the slot has no row.
    fn column(&mut self, at: Place, slot: usize, column: usize) -> Result<Value<'a>, &'static str>;
    /// A field of a slot's view; null where the slot has no row.
    fn field(&mut self, at: Place, slot: usize, local: usize) -> Result<Value<'a>, Stop>;
    /// A local of the row itself.
    fn local(&mut self, at: Place, local: usize) -> Result<Value<'a>, Stop>;
    /// Whether a slot has a row.
    fn present(&self, at: Place, slot: usize) -> bool;
    /// Whether a look-up finds a row.
    fn exists(&mut self, at: Place, node: NodeId, lookup: &'a Lookup) -> Result<bool, Stop>;
    /// A value over the rows of the group.
    fn aggregate(
        &mut self,
        at: Place,
        op: AggregateOp,
        value: Option<NodeId>,
        orders: &'a [(NodeId, bool)],
    ) -> Result<Value<'a>, Stop>;
    /// Counts the row under a reason.
    fn warn(&mut self, at: Place, reason: usize, node: NodeId) -> Result<(), Stop>;
}

/// Why a node gives no value: a failure that `else` may handle, or the end of the row.
enum Failure {
    Call(EvalError),
    Stop(Stop),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Failure::Stop(stop)
    }
}

/// The value of a node for a row.
///
/// # Errors
/// The end of the row: a handler's, a value's that the row's own owner could not give, or one of
/// the language itself (overflow, a cell that cannot be read).
pub fn evaluate<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: Place,
    node: NodeId,
) -> Result<Value<'a>, Stop> {
    let failed = |why| stop(builtin::VALUE_OUT_OF_RANGE, node, why);
    // Most nodes are leaves, and they are answered here: `attempt` needs room for every kind of node.
    match program.node(node) {
        Some(Node::Column { slot, column }) => rows.column(at, *slot, *column).map_err(failed),
        Some(Node::Field { slot, local }) => rows.field(at, *slot, *local),
        Some(Node::Local(local)) => rows.local(at, *local),
        Some(Node::Literal(value)) => Ok(value.as_value()),
        _ => match attempt(program, rows, at, node) {
            Ok(value) => Ok(value),
            Err(Failure::Stop(stop)) => Err(stop),
            // Calls that can fail are handled, so this is what cannot be: a value outside all ranges.
            Err(Failure::Call(error)) => Err(failed(error.why)),
        },
    }
}

fn stop(reason: usize, node: NodeId, why: &'static str) -> Stop {
    Stop {
        reason,
        node,
        why,
        counted: false,
        owner: false,
    }
}

fn attempt<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: Place,
    id: NodeId,
) -> Result<Value<'a>, Failure> {
    let Some(node) = program.node(id) else {
        return Err(Failure::Call(EvalError::DEFECT));
    };
    Ok(match node {
        Node::Literal(value) => value.as_value(),
        Node::Param(param) => program.param(*param).as_value(),
        Node::Column { slot, column } => match rows.column(at, *slot, *column) {
            Ok(value) => value,
            Err(why) => return Err(Failure::Call(EvalError::new(why))),
        },
        Node::Field { slot, local } => rows.field(at, *slot, *local)?,
        Node::Local(local) => rows.local(at, *local)?,
        Node::Present(slot) => Value::Bool(rows.present(at, *slot)),
        Node::Not(operand) => Value::Bool(!truth(program, rows, at, *operand)?),
        Node::And(left, right) => {
            Value::Bool(truth(program, rows, at, *left)? && truth(program, rows, at, *right)?)
        }
        Node::Or(left, right) => {
            Value::Bool(truth(program, rows, at, *left)? || truth(program, rows, at, *right)?)
        }
        Node::Negate(operand) => match evaluate(program, rows, at, *operand)? {
            Value::Int(number) => Value::Int(number.checked_neg().ok_or_else(|| overflow(id))?),
            Value::Duration(micros) => {
                Value::Duration(micros.checked_neg().ok_or_else(|| overflow(id))?)
            }
            _ => return Err(Failure::Call(EvalError::DEFECT)),
        },
        Node::IsNull(operand) => Value::Bool(evaluate(program, rows, at, *operand)?.is_null()),
        Node::Compare(op, left, right) => {
            let left = evaluate(program, rows, at, *left)?;
            let right = evaluate(program, rows, at, *right)?;
            Value::Bool(compare(*op, &left, &right))
        }
        Node::Arithmetic(op, left, right) => {
            let left = evaluate(program, rows, at, *left)?;
            let right = evaluate(program, rows, at, *right)?;
            arithmetic(*op, left, right)
                .map_err(|error| Failure::Stop(stop(builtin::ARITHMETIC_OVERFLOW, id, error.why)))?
        }
        Node::Coalesce(left, right) => match evaluate(program, rows, at, *left)? {
            Value::Null => evaluate(program, rows, at, *right)?,
            value => value,
        },
        Node::InList(operand, values) => {
            let operand = evaluate(program, rows, at, *operand)?;
            let mut found = false;
            for value in values {
                if equal(&operand, &evaluate(program, rows, at, *value)?) {
                    found = true;
                    break;
                }
            }
            Value::Bool(found)
        }
        Node::InMap(operand, param) => {
            let key = evaluate(program, rows, at, *operand)?;
            Value::Bool(look_up(program, *param, &key).is_some())
        }
        Node::If(condition, then, otherwise) => {
            let branch = if truth(program, rows, at, *condition)? {
                then
            } else {
                otherwise
            };
            evaluate(program, rows, at, *branch)?
        }
        Node::Match {
            subject,
            arms,
            otherwise,
        } => {
            let subject = evaluate(program, rows, at, *subject)?;
            let arm = arms.iter().find(|(values, _)| {
                values
                    .iter()
                    .any(|value| equal(&subject, &value.as_value()))
            });
            match (arm, otherwise) {
                (Some((_, result)), _) | (None, Some(result)) => {
                    evaluate(program, rows, at, *result)?
                }
                (None, None) => return Err(Failure::Call(EvalError::DEFECT)),
            }
        }
        Node::Call { arguments, .. } => call(program, rows, at, id, arguments)?,
        Node::Matches { operand, .. } => {
            match (evaluate(program, rows, at, *operand)?, program.pattern(id)) {
                (Value::Text(text), Some(pattern)) => Value::Bool(pattern.is_match(text)),
                _ => return Err(Failure::Call(EvalError::DEFECT)),
            }
        }
        Node::Ulid { table, time, keys } => identifier(program, rows, at, table, *time, keys)?,
        Node::Lookup { param, key } => {
            let key = evaluate(program, rows, at, *key)?;
            match look_up(program, *param, &key) {
                Some(value) => value.as_value(),
                None => {
                    return Err(Failure::Call(EvalError::new(
                        "is no key of the look-up table",
                    )));
                }
            }
        }
        Node::Text(parts) => Value::Text(text(program, rows, at, parts)?),
        Node::Exists(lookup) => Value::Bool(rows.exists(at, id, lookup)?),
        Node::Aggregate { op, value, orders } => rows.aggregate(at, *op, *value, orders)?,
        Node::Handled { operand, handler } => match attempt(program, rows, at, *operand) {
            Err(Failure::Call(error)) => handled(program, rows, at, id, *handler, error)?,
            other => return other,
        },
    })
}

fn overflow(node: NodeId) -> Failure {
    Failure::Stop(stop(
        builtin::ARITHMETIC_OVERFLOW,
        node,
        "leaves the range of 64 bits",
    ))
}

fn truth<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: Place,
    node: NodeId,
) -> Result<bool, Failure> {
    match evaluate(program, rows, at, node)? {
        Value::Bool(truth) => Ok(truth),
        _ => Err(Failure::Call(EvalError::DEFECT)),
    }
}

fn call<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: Place,
    id: NodeId,
    arguments: &'a [NodeId],
) -> Result<Value<'a>, Failure> {
    let mut values = [Value::Null; MAX_ARGUMENTS];
    for (value, argument) in values.iter_mut().zip(arguments) {
        *value = evaluate(program, rows, at, *argument)?;
    }
    let values = values.get(..arguments.len()).unwrap_or_default();
    match program.function(id) {
        Some(function) => (function.body)(values, rows.arena()).map_err(Failure::Call),
        None => Err(Failure::Call(EvalError::DEFECT)),
    }
}

fn identifier<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: Place,
    table: &str,
    time: NodeId,
    keys: &'a [NodeId],
) -> Result<Value<'a>, Failure> {
    let Value::Timestamp(micros) = evaluate(program, rows, at, time)? else {
        return Err(Failure::Call(EvalError::DEFECT));
    };
    let mut values = [Value::Null; MAX_ARGUMENTS];
    for (value, key) in values.iter_mut().zip(keys) {
        *value = evaluate(program, rows, at, *key)?;
    }
    let values = values.get(..keys.len()).unwrap_or_default();
    ulid::ulid(table, micros, values)
        .map(Value::Uuid)
        .map_err(Failure::Call)
}

fn look_up<'a>(program: &'a Program, param: usize, key: &Value<'_>) -> Option<&'a OwnedValue> {
    match (program.param(param), key) {
        (OwnedValue::Map(entries), Value::Text(key)) => entries.get(*key),
        _ => None,
    }
}

fn text<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: Place,
    parts: &'a [TextPart],
) -> Result<&'a str, Failure> {
    use std::fmt::Write;
    let mut text = bumpalo::collections::String::new_in(rows.arena());
    for part in parts {
        match part {
            TextPart::Literal(literal) => text.push_str(literal),
            TextPart::Value(node) => {
                let value = evaluate(program, rows, at, *node)?;
                // Writing into a String in memory cannot fail.
                let written = match value {
                    Value::Text(part) => text.write_str(part),
                    Value::Int(number) => write!(text, "{number}"),
                    Value::Bool(truth) => write!(text, "{truth}"),
                    Value::Uuid(bytes) => text.write_str(&crate::functions::uuid_text(&bytes)),
                    Value::Inet(inet) => write!(text, "{inet}"),
                    _ => return Err(Failure::Call(EvalError::DEFECT)),
                };
                written.map_err(|_| Failure::Call(EvalError::DEFECT))?;
            }
        }
    }
    Ok(text.into_bump_str())
}

fn handled<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: Place,
    node: NodeId,
    handler: Handler,
    error: EvalError,
) -> Result<Value<'a>, Failure> {
    match handler {
        Handler::Value(value) => Ok(evaluate(program, rows, at, value)?),
        Handler::Warn(reason, value) => {
            rows.warn(at, reason, node)?;
            Ok(evaluate(program, rows, at, value)?)
        }
        Handler::Fate(Fate { reason, .. }) => Err(Failure::Stop(stop(reason, node, error.why))),
    }
}
