//! What an expression may name at its place, and what is known there not to be null.

use crate::case::{Attr, Case, Expr, Handler, Local, Part, Relation, Severity, Ty};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Attr(Attr),
    Local(usize),
    Present(usize),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// The relations of the slots, and whether a left join made them.
    pub(crate) slots: Vec<(Relation, bool)>,
    pub(crate) locals: Vec<Local>,
    pub(crate) facts: Vec<Fact>,
    /// What rows are grouped by; empty where they are not.
    pub(crate) group: Vec<Attr>,
    pub(crate) in_aggregate: bool,
    /// Inside a condition: nothing that fails, no `exists`.
    pub(crate) candidate: Option<Relation>,
    /// Whether the condition may be asked of rows that ended.
    pub(crate) of_ended: bool,
}

impl Scope {
    /// The slots' attributes that an expression may name here.
    pub(crate) fn attrs(&self, case: &Case) -> Vec<Attr> {
        if !self.group.is_empty() && !self.in_aggregate {
            return self.group.clone();
        }
        let mut attrs = Vec::new();
        for (slot, (relation, _)) in self.slots.iter().enumerate() {
            for index in 0..case.width(*relation) {
                if self.candidate.is_none() || !case.attr_fails(*relation, index) {
                    attrs.push(Attr { slot, index });
                }
            }
        }
        attrs
    }

    pub(crate) fn attr_ty(&self, case: &Case, attr: Attr) -> (Ty, bool) {
        let (relation, optional) = self.slots[attr.slot];
        let (ty, nullable) = case.attr_ty(relation, attr.index);
        if self.facts.contains(&Fact::Attr(attr)) {
            return (ty, false);
        }
        let missing = optional && !self.facts.contains(&Fact::Present(attr.slot));
        (ty, nullable || missing)
    }

    pub(crate) fn local_ty(&self, local: usize) -> (Ty, bool) {
        let (ty, nullable) = self.locals[local].ty;
        (ty, nullable && !self.facts.contains(&Fact::Local(local)))
    }

    /// Adds what follows from a condition being true or false.
    pub(crate) fn learn(&mut self, condition: &Expr, truth: bool) {
        match condition {
            Expr::Not(operand) => self.learn(operand, !truth),
            Expr::And(left, right) if truth => {
                self.learn(left, true);
                self.learn(right, true);
            }
            Expr::Or(left, right) if !truth => {
                self.learn(left, false);
                self.learn(right, false);
            }
            Expr::IsNull { negated, operand } if *negated == truth => match **operand {
                Expr::Attr(attr) => self
                    .facts
                    .extend([Fact::Attr(attr), Fact::Present(attr.slot)]),
                Expr::Local(local) => self.facts.push(Fact::Local(local)),
                _ => {}
            },
            Expr::Present { negated, slot } if *negated == truth => {
                self.facts.push(Fact::Present(*slot));
            }
            _ => {}
        }
    }

    /// Whether evaluating an expression can end the row.
    pub(crate) fn can_fail(&self, case: &Case, expr: &Expr) -> bool {
        let fails = |expr: &Expr| self.can_fail(case, expr);
        match expr {
            Expr::Literal(_)
            | Expr::Null(_)
            | Expr::Param(_)
            | Expr::Candidate(_)
            | Expr::Present { .. } => false,
            Expr::Attr(attr) => case.attr_fails(self.slots[attr.slot].0, attr.index),
            Expr::Local(local) => self.locals[*local].can_fail,
            Expr::Not(operand)
            | Expr::IsNull { operand, .. }
            | Expr::InMap { operand, .. }
            | Expr::Lookup(operand) => fails(operand),
            Expr::And(left, right)
            | Expr::Or(left, right)
            | Expr::Compare(_, _, left, right)
            | Expr::Coalesce(left, right) => fails(left) || fails(right),
            Expr::Arithmetic(..)
            | Expr::Negate(_)
            | Expr::Shift(..)
            | Expr::Gap(..)
            | Expr::Ulid { .. } => true,
            Expr::InList {
                operand, values, ..
            } => fails(operand) || values.iter().any(fails),
            Expr::If(condition, then, otherwise) => {
                fails(condition) || fails(then) || fails(otherwise)
            }
            Expr::Match {
                subject,
                arms,
                otherwise,
            } => {
                fails(subject)
                    || arms.iter().any(|(_, result)| fails(result))
                    || otherwise.as_deref().is_some_and(fails)
            }
            Expr::Text(parts) => parts
                .iter()
                .any(|part| matches!(part, Part::Value(value) if fails(value))),
            Expr::Call(_, arguments) => arguments.iter().any(fails),
            Expr::Handled(call, handler) => {
                fails(call)
                    || match handler {
                        Handler::Value(value) => fails(value),
                        Handler::Warn(reason, value) => {
                            case.reasons[*reason].severity == Severity::Error || fails(value)
                        }
                        Handler::Fate(_) => true,
                    }
            }
            Expr::Exists { on, .. } => on.equal.iter().any(|(left, _)| fails(left)),
            Expr::Aggregate { value, orders, .. } => {
                value.as_deref().is_some_and(fails) || orders.iter().any(|(key, ..)| fails(key))
            }
        }
    }
}
