//! The shape of a value: which columns it is a copy of, and through what it was made of them.
//!
//! Two values of the same shape are equal only if the columns they were made of are; two of shapes
//! that exclude each other are never equal.

use std::collections::BTreeSet;

use crate::check::ir::{self, Expr, ExprKind, Handler, JoinKind, Relation};
use crate::types::{OwnedValue, Ty};

/// A column of a row that meets in a frame: the way to the row through slots, the scan, the column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowColumn {
    /// The slot of the frame, then the slot of its view, and so on.
    pub(super) row: Vec<usize>,
    pub(super) scan: usize,
    pub(super) column: usize,
}

/// What is known of how a value is made.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// A constant.
    Constant(OwnedValue),
    /// A copy of these columns, which are all equal.
    Columns(BTreeSet<RowColumn>),
    /// `ulid` for a table, over these parts.
    Identifier {
        table: String,
        parts: Vec<(Ty, Form)>,
    },
    /// An injective call; all other arguments are constants.
    Call {
        function: &'static str,
        constants: Vec<Constant>,
        of: Box<Form>,
    },
    /// Text around a single value.
    Text {
        before: String,
        after: String,
        ty: Ty,
        of: Box<Form>,
    },
    /// Anything.
    Unknown,
}

/// An argument that is the same for all rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Literal(OwnedValue),
    Param(usize),
    /// In the place of the argument that the call is injective in.
    Varies,
}

/// Pairs of columns whose values are equal where two values are.
pub(super) type Pairs = Vec<(BTreeSet<RowColumn>, BTreeSet<RowColumn>)>;

/// Whether two values of these forms can be equal; if so, `pairs` holds what is equal then.
pub(super) fn can_be_equal(left: &Form, right: &Form, pairs: &mut Pairs) -> bool {
    match (left, right) {
        (Form::Constant(left), Form::Constant(right)) => left == right,
        (Form::Columns(left), Form::Columns(right)) => {
            pairs.push((left.clone(), right.clone()));
            true
        }
        (
            Form::Identifier { table, parts },
            Form::Identifier {
                table: other_table,
                parts: others,
            },
        ) => {
            table == other_table
                && parts.len() == others.len()
                && parts
                    .iter()
                    .zip(others)
                    .all(|((ty, part), (other_ty, other))| {
                        ty == other_ty && can_be_equal(part, other, pairs)
                    })
        }
        (
            Form::Call {
                function,
                constants,
                of,
            },
            Form::Call {
                function: other,
                constants: other_constants,
                of: other_of,
            },
        ) if function == other && constants == other_constants => can_be_equal(of, other_of, pairs),
        (
            Form::Text {
                before,
                after,
                ty,
                of,
            },
            Form::Text {
                before: other_before,
                after: other_after,
                ty: other_ty,
                of: other_of,
            },
        ) if (before, after, ty) == (other_before, other_after, other_ty) => {
            can_be_equal(of, other_of, pairs)
        }
        _ => true,
    }
}

/// The forms that a value can have, one for each way through its branches; none where it is always
/// null.
pub(super) fn forms(mapping: &ir::Mapping, frame: usize, expr: &Expr) -> Vec<Form> {
    Shapes { mapping }.forms(frame, expr, &mut Vec::new())
}

struct Shapes<'m> {
    mapping: &'m ir::Mapping,
}

impl Shapes<'_> {
    /// `way` leads from the frame that is asked about to `frame`.
    fn forms(&self, frame: usize, expr: &Expr, way: &mut Vec<usize>) -> Vec<Form> {
        let Some(block) = self.mapping.frames.get(frame) else {
            return vec![Form::Unknown];
        };
        match &expr.kind {
            ExprKind::Literal(OwnedValue::Null) => Vec::new(),
            ExprKind::Literal(value) => vec![Form::Constant(value.clone())],
            ExprKind::Local(local) => match block.locals.get(*local) {
                Some(local) => self.forms(frame, &local.value, way),
                None => vec![Form::Unknown],
            },
            ExprKind::Column { .. } => vec![match self.plain(frame, expr, way) {
                Some(column) => Form::Columns(self.widened(frame, column, way)),
                None => Form::Unknown,
            }],
            ExprKind::Field { slot, local } => {
                let inner = match block.slots.get(*slot).map(|slot| slot.relation) {
                    Some(Relation::Frame(inner)) => inner,
                    Some(Relation::Scan(_) | Relation::Broadcast(_)) | None => {
                        return vec![Form::Unknown];
                    }
                };
                let value = self
                    .mapping
                    .frames
                    .get(inner)
                    .and_then(|view| view.locals.get(*local))
                    .map(|local| &local.value);
                let Some(value) = value else {
                    return vec![Form::Unknown];
                };
                way.push(*slot);
                let found = self.forms(inner, value, way);
                way.pop();
                found
                    .into_iter()
                    .map(|form| match form {
                        Form::Columns(columns) => {
                            let wider = columns
                                .into_iter()
                                .flat_map(|column| self.widened(frame, column, way));
                            Form::Columns(wider.collect())
                        }
                        other => other,
                    })
                    .collect()
            }
            ExprKind::Call {
                function,
                arguments,
            } => vec![self.call(frame, function, arguments, way)],
            ExprKind::Ulid { table, keys, .. } => vec![Form::Identifier {
                table: table.clone(),
                parts: keys
                    .iter()
                    .map(|key| (key.ty.ty.clone(), self.single(frame, key, way)))
                    .collect(),
            }],
            ExprKind::Text(parts) => vec![self.text(frame, parts, way)],
            ExprKind::Coalesce(first, second) => self.either(frame, [&**first, &**second], way),
            ExprKind::If(branches, otherwise) => {
                let values = branches.iter().map(|(_, value)| value);
                self.either(frame, values.chain([&**otherwise]), way)
            }
            ExprKind::Match {
                arms, otherwise, ..
            } => {
                let values = arms.iter().map(|(_, value)| value);
                self.either(frame, values.chain(otherwise.as_deref()), way)
            }
            ExprKind::Handled { operand, handler } => match &**handler {
                Handler::Fate(_) => self.forms(frame, operand, way),
                Handler::Value(value) | Handler::Warn(_, value) => {
                    self.either(frame, [&**operand, value], way)
                }
            },
            _ => vec![Form::Unknown],
        }
    }

    fn either<'e>(
        &self,
        frame: usize,
        exprs: impl IntoIterator<Item = &'e Expr>,
        way: &mut Vec<usize>,
    ) -> Vec<Form> {
        exprs
            .into_iter()
            .flat_map(|expr| self.forms(frame, expr, way))
            .collect()
    }

    /// The form of a value that has one alone.
    fn single(&self, frame: usize, expr: &Expr, way: &mut Vec<usize>) -> Form {
        let mut found = self.forms(frame, expr, way);
        match (found.pop(), found.is_empty()) {
            (Some(form), true) => form,
            _ => Form::Unknown,
        }
    }

    fn call(
        &self,
        frame: usize,
        function: &'static crate::functions::Function,
        arguments: &[Expr],
        way: &mut Vec<usize>,
    ) -> Form {
        let Some((at, argument)) = function
            .injective_in
            .and_then(|at| Some((at, arguments.get(at)?)))
        else {
            return Form::Unknown;
        };
        let constants: Option<Vec<Constant>> = arguments
            .iter()
            .enumerate()
            .map(|(place, argument)| match &argument.kind {
                _ if place == at => Some(Constant::Varies),
                ExprKind::Literal(value) => Some(Constant::Literal(value.clone())),
                ExprKind::Param(param) => Some(Constant::Param(*param)),
                _ => None,
            })
            .collect();
        match constants {
            Some(constants) => Form::Call {
                function: function.name,
                constants,
                of: Box::new(self.single(frame, argument, way)),
            },
            None => Form::Unknown,
        }
    }

    fn text(&self, frame: usize, parts: &[ir::TextPart], way: &mut Vec<usize>) -> Form {
        let mut before = String::new();
        let mut after = String::new();
        let mut value = None;
        for part in parts {
            match (part, value) {
                (ir::TextPart::Literal(text), None) => before.push_str(text),
                (ir::TextPart::Literal(text), Some(_)) => after.push_str(text),
                (ir::TextPart::Expr(expr), None) => value = Some(expr),
                (ir::TextPart::Expr(_), Some(_)) => return Form::Unknown,
            }
        }
        match value {
            Some(expr) => Form::Text {
                before,
                after,
                ty: expr.ty.ty.clone(),
                of: Box::new(self.single(frame, expr, way)),
            },
            None => Form::Constant(OwnedValue::Text(before)),
        }
    }

    /// The column that an expression is a plain copy of.
    fn plain(&self, frame: usize, expr: &Expr, way: &[usize]) -> Option<RowColumn> {
        let block = self.mapping.frames.get(frame)?;
        let beyond = |slot: usize| {
            let mut row = way.to_vec();
            row.push(slot);
            row
        };
        match &expr.kind {
            ExprKind::Column { slot, column } => match block.slots.get(*slot)?.relation {
                Relation::Scan(scan) => Some(RowColumn {
                    row: beyond(*slot),
                    scan,
                    column: *column,
                }),
                Relation::Broadcast(_) | Relation::Frame(_) => None,
            },
            ExprKind::Field { slot, local } => match block.slots.get(*slot)?.relation {
                Relation::Frame(inner) => {
                    let value = &self.mapping.frames.get(inner)?.locals.get(*local)?.value;
                    self.plain(inner, value, &beyond(*slot))
                }
                Relation::Scan(_) | Relation::Broadcast(_) => None,
            },
            ExprKind::Local(local) => self.plain(frame, &block.locals.get(*local)?.value, way),
            _ => None,
        }
    }

    /// A column with all that the joins of `frame` make equal to it wherever it is not null.
    fn widened(&self, frame: usize, column: RowColumn, way: &[usize]) -> BTreeSet<RowColumn> {
        let mut equal = BTreeSet::from([column]);
        let Some(block) = self.mapping.frames.get(frame) else {
            return equal;
        };
        loop {
            let before = equal.len();
            for join in &block.joins {
                for (left, right) in &join.on.equalities {
                    let sides = (self.plain(frame, left, way), self.plain(frame, right, way));
                    let (Some(left), Some(right)) = sides else {
                        continue;
                    };
                    if equal.contains(&right) {
                        equal.insert(left);
                    } else if equal.contains(&left) && join.kind != JoinKind::Left {
                        equal.insert(right);
                    }
                }
            }
            if equal.len() == before {
                return equal;
            }
        }
    }
}
