//! Nodes that can fail: calls, look-ups, identifiers; and what handlers make of a failure.

use std::fmt::Write;

use crate::functions::{EvalError, MAX_ARGUMENTS, ulid, uuid_text};
use crate::plan::{Fate, Handler, Node, NodeId, TextPart};
use crate::types::{OwnedValue, Value};

use super::evaluate::{Place, Rows, Stop, evaluate, stop};
use super::program::Program;

/// Why a node gives no value: a failure that `else` may handle, or the end of the row.
pub(super) enum Failure<'a> {
    Call(EvalError),
    Stop(&'a Stop),
}

impl<'a> From<&'a Stop> for Failure<'a> {
    fn from(stop: &'a Stop) -> Self {
        Failure::Stop(stop)
    }
}

impl From<EvalError> for Failure<'_> {
    fn from(error: EvalError) -> Self {
        Failure::Call(error)
    }
}

/// The value of a node whose own failure, though not that of a node in it, can be handled.
pub(super) fn attempt<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    id: NodeId,
) -> Result<Value<'a>, Failure<'a>> {
    match program.node(id) {
        Some(Node::Call { arguments, .. }) => call(program, rows, at, id, arguments),
        Some(Node::Ulid { table, time, keys }) => identifier(program, rows, at, table, *time, keys),
        Some(Node::Lookup { param, key }) => {
            let key = evaluate(program, rows, at, *key)?;
            let found = look_up(program, *param, &key).map(OwnedValue::as_value);
            Ok(found.ok_or(EvalError::new("is no key of the look-up table"))?)
        }
        Some(Node::Text(parts)) => text(program, rows, at, parts),
        // A cell that holds no value is all that can be wrong with a column.
        Some(Node::Column { .. }) => {
            evaluate(program, rows, at, id).map_err(|stop| Failure::Call(EvalError::new(stop.why)))
        }
        _ => Ok(evaluate(program, rows, at, id)?),
    }
}

/// What a handler makes of a failure.
pub(super) fn handled<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    node: NodeId,
    handler: Handler,
    error: EvalError,
) -> Result<Value<'a>, &'a Stop> {
    match handler {
        Handler::Value(value) => evaluate(program, rows, at, value),
        Handler::Warn(reason, value) => {
            rows.warn(at, reason, node)?;
            evaluate(program, rows, at, value)
        }
        Handler::Fate(Fate { reason, .. }) => Err(stop(rows, reason, node, error.why)),
    }
}

/// The entry of a look-up table.
pub(super) fn look_up<'a>(
    program: &'a Program,
    param: usize,
    key: &Value<'_>,
) -> Option<&'a OwnedValue> {
    match (program.param(param), key) {
        (OwnedValue::Map(entries), Value::Text(key)) => entries.get(*key),
        _ => None,
    }
}

fn call<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    id: NodeId,
    arguments: &'a [NodeId],
) -> Result<Value<'a>, Failure<'a>> {
    let mut values = [Value::Null; MAX_ARGUMENTS];
    for (value, argument) in values.iter_mut().zip(arguments) {
        *value = evaluate(program, rows, at, *argument)?;
    }
    let values = values.get(..arguments.len()).unwrap_or_default();
    let function = program.function(id).ok_or(EvalError::DEFECT)?;
    Ok((function.body)(values, rows.arena())?)
}

fn identifier<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    table: &str,
    time: NodeId,
    keys: &'a [NodeId],
) -> Result<Value<'a>, Failure<'a>> {
    let Value::Timestamp(micros) = evaluate(program, rows, at, time)? else {
        return Err(Failure::Call(EvalError::DEFECT));
    };
    let mut values = [Value::Null; MAX_ARGUMENTS];
    for (value, key) in values.iter_mut().zip(keys) {
        *value = evaluate(program, rows, at, *key)?;
    }
    let values = values.get(..keys.len()).unwrap_or_default();
    Ok(Value::Uuid(ulid::ulid(table, micros, values)?))
}

fn text<'a, R: Rows<'a>>(
    program: &'a Program,
    rows: &mut R,
    at: &Place,
    parts: &'a [TextPart],
) -> Result<Value<'a>, Failure<'a>> {
    let mut text = bumpalo::collections::String::new_in(rows.arena());
    for part in parts {
        match part {
            TextPart::Literal(literal) => text.push_str(literal),
            TextPart::Value(node) => {
                // Writing into a String in memory cannot fail.
                let written = match evaluate(program, rows, at, *node)? {
                    Value::Text(part) => text.write_str(part),
                    Value::Int(number) => write!(text, "{number}"),
                    Value::Bool(truth) => write!(text, "{truth}"),
                    Value::Uuid(bytes) => text.write_str(&uuid_text(&bytes)),
                    Value::Inet(inet) => write!(text, "{inet}"),
                    _ => return Err(Failure::Call(EvalError::DEFECT)),
                };
                written.map_err(|_| EvalError::DEFECT)?;
            }
        }
    }
    Ok(Value::Text(text.into_bump_str()))
}
