//! What is known not to be null at a place: narrowing.

use std::collections::HashSet;

use super::ir::{Expr, ExprKind};

/// Something that is known to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// A slot has a row.
    Present(usize),
    /// A column of a slot is not null.
    Column(usize, usize),
    /// A field of a slot is not null.
    Field(usize, usize),
    /// A local is not null.
    Local(usize),
}

/// All that is known at a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts(HashSet<Fact>);

impl Facts {
    /// Whether it is known.
    pub(super) fn has(&self, fact: Fact) -> bool {
        self.0.contains(&fact)
    }

    /// Adds what follows from `condition` being `truth`.
    pub(super) fn learn(&mut self, condition: &Expr, truth: bool) {
        match (&condition.kind, truth) {
            (ExprKind::Not(operand), _) => self.learn(operand, !truth),
            (ExprKind::And(left, right), true) | (ExprKind::Or(left, right), false) => {
                self.learn(left, truth);
                self.learn(right, truth);
            }
            (ExprKind::IsNull(operand), false) => self.not_null(operand),
            (ExprKind::Present(slot), true) => {
                self.0.insert(Fact::Present(*slot));
            }
            _ => {}
        }
    }

    fn not_null(&mut self, operand: &Expr) {
        match operand.kind {
            // A value that is not null also shows that its slot has a row.
            ExprKind::Column { slot, column } => {
                self.0
                    .extend([Fact::Column(slot, column), Fact::Present(slot)]);
            }
            ExprKind::Field { slot, local } => {
                self.0
                    .extend([Fact::Field(slot, local), Fact::Present(slot)]);
            }
            ExprKind::Local(local) => {
                self.0.insert(Fact::Local(local));
            }
            _ => {}
        }
    }
}
