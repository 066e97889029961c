//! What can be told from values: columns, then whole rows, then what those are joined by.
//!
//! From the value of a copy, of an injective call or of `ulid` the columns it was made of can be
//! told again. Columns that hold a key of a table tell its row, and with it all its columns; the
//! equality of a join tells the columns on its other side; a join that finds one row at most tells
//! that row once its left side is told.

use std::collections::BTreeSet;

use crate::check::ir::{self, Expr, ExprKind, FateKind, Handler, JoinKind, Relation};
use crate::types::{OwnedValue, Ty};

use super::ArithmeticOp;
use super::keys::{Attributes, Grounds, Prover};

/// What is told of the rows that meet in a frame, slot by slot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    slots: Vec<SlotTold>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct SlotTold {
    /// Columns of a table, locals of a view.
    attributes: Attributes,
    /// The row, whatever of it is asked for.
    whole: bool,
}

impl Told {
    fn tell(&mut self, slot: usize, attribute: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.attributes.insert(attribute);
        }
    }

    fn is_whole(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot.whole)
    }
}

impl Prover<'_> {
    /// Whether the values tell which row of the frame they are of: no two rows have the same.
    pub(super) fn tell_the_row(
        &self,
        frame: usize,
        values: &[&Expr],
        grounds: &mut Grounds,
    ) -> bool {
        let Some(block) = self.mapping.frames.get(frame) else {
            return false;
        };
        let mut told = self.told(block, values, grounds);
        let many = || {
            let joins = block.joins.iter();
            joins.filter(|join| join.kind == JoinKind::Many)
        };
        self.close(frame, &mut told, grounds, &|told| {
            told.is_whole(0) && many().all(|join| told.is_whole(join.slot))
        })
    }

    /// Whether the values tell the values by which the frame groups.
    pub(super) fn tell_the_group(
        &self,
        frame: usize,
        values: &[&Expr],
        grounds: &mut Grounds,
    ) -> bool {
        let Some(block) = self.mapping.frames.get(frame) else {
            return false;
        };
        let mut told = self.told(block, values, grounds);
        self.close(frame, &mut told, grounds, &|told| {
            block.group.iter().all(|key| computable(block, told, key))
        })
    }

    /// The attributes of a slot that can be told from a value of the frame.
    pub(super) fn slot_attributes(
        &self,
        frame: usize,
        slot: usize,
        expr: &Expr,
        grounds: &mut Grounds,
    ) -> Attributes {
        let Some(block) = self.mapping.frames.get(frame) else {
            return Attributes::new();
        };
        let mut found = Vec::new();
        extract(block, expr, &mut found, grounds);
        found
            .into_iter()
            .filter(|(own, _)| *own == slot)
            .map(|(_, attribute)| attribute)
            .collect()
    }

    fn told(&self, block: &ir::Frame, values: &[&Expr], grounds: &mut Grounds) -> Told {
        let mut told = Told {
            slots: vec![SlotTold::default(); block.slots.len()],
        };
        for value in values {
            let mut found = Vec::new();
            extract(block, value, &mut found, grounds);
            for (slot, attribute) in found {
                told.tell(slot, attribute);
            }
        }
        told
    }

    /// Draws conclusions until the goal is reached or there are no more.
    fn close(
        &self,
        frame: usize,
        told: &mut Told,
        grounds: &mut Grounds,
        goal: &dyn Fn(&Told) -> bool,
    ) -> bool {
        let Some(block) = self.mapping.frames.get(frame) else {
            return false;
        };
        loop {
            // What needs no key first: a proof should rest on few.
            while follow_equalities(block, told) {}
            if goal(told) {
                return true;
            }
            let rows = 0..block.slots.len();
            if !rows
                .into_iter()
                .any(|slot| self.tell_slot(block, slot, told, grounds))
                && !follow_joins(block, told)
            {
                return false;
            }
        }
    }

    /// Tells more of one slot; whether there was more.
    fn tell_slot(
        &self,
        block: &ir::Frame,
        slot: usize,
        told: &mut Told,
        grounds: &mut Grounds,
    ) -> bool {
        let Some(relation) = block.slots.get(slot).map(|slot| slot.relation) else {
            return false;
        };
        let Some(known) = told.slots.get_mut(slot) else {
            return false;
        };
        if known.whole || known.attributes.is_empty() {
            return false;
        }
        if self.unique(relation, &known.attributes, grounds) {
            known.whole = true;
            return true;
        }
        let Relation::Frame(view) = relation else {
            return false;
        };
        let more = self.fields(view, &known.attributes, grounds);
        let before = known.attributes.len();
        known.attributes.extend(more);
        known.attributes.len() > before
    }

    /// The fields of a view that follow from others of the same row.
    fn fields(&self, view: usize, fields: &Attributes, grounds: &mut Grounds) -> Attributes {
        let Some(block) = self.mapping.frames.get(view) else {
            return Attributes::new();
        };
        let values: Vec<&Expr> = fields
            .iter()
            .filter_map(|field| block.locals.get(*field))
            .map(|local| &local.value)
            .collect();
        let mut aside = grounds.clone();
        let mut told = self.told(block, &values, &mut aside);
        while follow_equalities(block, &mut told) {}
        let found: Attributes = block
            .locals
            .iter()
            .enumerate()
            .filter(|(_, local)| computable(block, &told, &local.value))
            .map(|(number, _)| number)
            .collect();
        if !found.is_subset(fields) {
            *grounds = aside;
        }
        found
    }
}

/// Equalities of joins tell one side by the other; whether they told anything new.
fn follow_equalities(block: &ir::Frame, told: &mut Told) -> bool {
    let before = told.clone();
    for join in &block.joins {
        for (left, right) in &join.on.equalities {
            // A row that is told was found, so both sides are equal.
            let known = [(right, left)]
                .into_iter()
                .chain((join.kind != JoinKind::Left).then_some((left, right)));
            for (from, to) in known {
                if computable(block, told, from) {
                    let mut found = Vec::new();
                    let mut aside = Grounds::default();
                    extract(block, to, &mut found, &mut aside);
                    // Whether a look-up table has a value twice is not known here.
                    let is_certain = aside.one_to_one.is_empty();
                    for (slot, attribute) in found.into_iter().filter(|_| is_certain) {
                        told.tell(slot, attribute);
                    }
                }
            }
        }
    }
    *told != before
}

/// A join that finds one row at most tells it once its left side is told.
fn follow_joins(block: &ir::Frame, told: &mut Told) -> bool {
    let mut changed = false;
    for join in &block.joins {
        let follows = join.kind != JoinKind::Many
            && !told.is_whole(join.slot)
            && (join.kind == JoinKind::Inner || join.on.residual.is_none())
            && !join.on.equalities.is_empty()
            && join
                .on
                .equalities
                .iter()
                .all(|(left, _)| computable(block, told, left));
        if follows && let Some(slot) = told.slots.get_mut(join.slot) {
            slot.whole = true;
            changed = true;
        }
    }
    changed
}

/// Whether a value follows from what is told.
fn computable(block: &ir::Frame, told: &Told, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Column {
            slot,
            column: attribute,
        }
        | ExprKind::Field {
            slot,
            local: attribute,
        } => told
            .slots
            .get(*slot)
            .is_some_and(|slot| slot.whole || slot.attributes.contains(attribute)),
        ExprKind::Local(local) => block
            .locals
            .get(*local)
            .is_some_and(|local| computable(block, told, &local.value)),
        ExprKind::Present(slot) => told.is_whole(*slot),
        // These look at other rows.
        ExprKind::Exists { .. } | ExprKind::Aggregate { .. } | ExprKind::Error => false,
        _ => expr
            .children()
            .into_iter()
            .all(|child| computable(block, told, child)),
    }
}

/// What can be told from the value of an expression: slots and their attributes.
fn extract(block: &ir::Frame, expr: &Expr, found: &mut Vec<(usize, usize)>, grounds: &mut Grounds) {
    match &expr.kind {
        ExprKind::Column {
            slot,
            column: attribute,
        }
        | ExprKind::Field {
            slot,
            local: attribute,
        } => found.push((*slot, *attribute)),
        ExprKind::Local(local) => {
            if let Some(local) = block.locals.get(*local) {
                extract(block, &local.value, found, grounds);
            }
        }
        ExprKind::Call {
            function,
            arguments,
        } => {
            let others_are_constant = |(at, argument): (usize, &Expr)| {
                Some(at) == function.injective_in || is_constant(argument)
            };
            if let Some(argument) = function.injective_in.and_then(|at| arguments.get(at))
                && arguments.iter().enumerate().all(others_are_constant)
            {
                extract(block, argument, found, grounds);
            }
        }
        // Arithmetic that leaves its range fails, so it folds nothing.
        ExprKind::Negate(operand) => extract(block, operand, found, grounds),
        ExprKind::Arithmetic(first, rest) => {
            if let Some(operand) = varying_operand(first, rest) {
                extract(block, operand, found, grounds);
            }
        }
        ExprKind::Ulid { keys, .. } => {
            for key in keys {
                extract(block, key, found, grounds);
            }
        }
        ExprKind::Text(parts) if can_be_taken_apart(parts) => {
            for part in parts {
                if let ir::TextPart::Expr(expr) = part {
                    extract(block, expr, found, grounds);
                }
            }
        }
        ExprKind::Lookup { param, key } => {
            let before = found.len();
            extract(block, key, found, grounds);
            if found.len() > before {
                grounds.one_to_one.insert(*param);
            }
        }
        // Rows that fail end, so the others hold the value itself.
        ExprKind::Handled { operand, handler } if matches!(**handler, Handler::Fate(fate) if matches!(fate.kind, FateKind::Skip | FateKind::Fail)) =>
        {
            extract(block, operand, found, grounds);
        }
        _ => {}
    }
}

/// The one operand of a chain that is no constant, if it can be told from the result.
fn varying_operand<'e>(first: &'e Expr, rest: &'e [(ArithmeticOp, Expr)]) -> Option<&'e Expr> {
    let is_factor = |expr: &Expr| matches!(expr.kind, ExprKind::Literal(OwnedValue::Int(number)) if number != 0);
    let mut varying = (!is_constant(first)).then_some(first);
    for (place, (op, operand)) in rest.iter().enumerate() {
        match op {
            ArithmeticOp::Add | ArithmeticOp::Subtract => match (varying, is_constant(operand)) {
                (_, true) => {}
                (None, false) => varying = Some(operand),
                (Some(_), false) => return None,
            },
            ArithmeticOp::Times => match varying {
                Some(_) if is_factor(operand) => {}
                None if place == 0 && is_factor(first) => varying = Some(operand),
                Some(_) | None => return None,
            },
            ArithmeticOp::Divide | ArithmeticOp::Remainder => return None,
        }
    }
    varying
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(_) | ExprKind::Param(_))
}

/// Whether the values can be told from a text they were put into: each but the last ends where it
/// can be seen to end. A number ends before what is no digit, a UUID has one length.
fn can_be_taken_apart(parts: &[ir::TextPart]) -> bool {
    let mut rest = parts.iter().peekable();
    while let Some(part) = rest.next() {
        let ir::TextPart::Expr(expr) = part else {
            continue;
        };
        let ends = match (&expr.ty.ty, rest.peek()) {
            (_, None) | (Ty::Uuid, _) => true,
            (ty, Some(ir::TextPart::Literal(text))) => {
                let is_last = !rest
                    .clone()
                    .any(|part| matches!(part, ir::TextPart::Expr(_)));
                is_last
                    || *ty == Ty::Int && text.chars().next().is_some_and(|c| !c.is_ascii_digit())
            }
            (_, Some(ir::TextPart::Expr(_))) => false,
        };
        if !ends {
            return false;
        }
    }
    true
}

/// The columns of a relation by name.
pub(super) fn names_of<'c>(
    columns: &'c [ir::Column],
    attributes: &Attributes,
) -> BTreeSet<&'c str> {
    attributes
        .iter()
        .filter_map(|index| columns.get(*index))
        .map(|column| column.name.as_str())
        .collect()
}
