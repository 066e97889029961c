//! The relations of a block: the names they go by, and the conditions they are joined by.

use crate::diagnostics::{Diagnostic, codes};
use crate::syntax::ast;
use crate::types::{Ty, Type};

use super::block::BlockChecker;
use super::ir::{self, Condition, Expr, ExprKind, JoinKind, Relation};

impl BlockChecker<'_, '_, '_> {
    /// Binds a relation to a name; says whether it is known.
    pub(super) fn slot(&mut self, aliased: &ast::Aliased, optional: bool) -> bool {
        let alias = &aliased.alias;
        if let Some(other) = self
            .frame
            .slots
            .iter()
            .find(|slot| slot.alias == alias.node)
        {
            let diagnostic = Diagnostic::error(
                codes::E0106,
                format!("`{}` names two relations of the block", alias.node),
            )
            .primary(alias.span, "named again")
            .secondary(other.span, "first named here")
            .help(format!(
                "give it another name: `{} as …`",
                aliased.relation.node
            ));
            self.error(diagnostic);
            self.broken.insert(alias.node.clone());
        }
        let relation = self.checker.relation(&aliased.relation);
        if relation.is_none() {
            self.broken.insert(alias.node.clone());
        }
        // A slot without relation keeps the numbers of the later ones right.
        self.frame.slots.push(ir::Slot {
            alias: alias.node.clone(),
            relation: relation.unwrap_or(Relation::Scan(usize::MAX)),
            optional,
            span: alias.span,
        });
        relation.is_some()
    }

    pub(super) fn join(&mut self, join: &ast::Join) {
        let slot = self.frame.slots.len();
        // In its own condition a relation has a row, left join or not: the one that is asked about.
        self.slot(&join.right, false);
        let on = self.on_condition(&join.on, slot);
        if let Some(slot) = self.frame.slots.get_mut(slot) {
            slot.optional = join.kind == JoinKind::Left;
        }
        // Its own condition is no use of a joined relation.
        self.used_slots.remove(&slot);
        let otherwise = join.otherwise.as_ref().map(|fate| self.fate_or_any(fate));
        let skipped = join.skipped.as_ref().map(|fate| self.fate_or_any(fate));
        if join.kind == JoinKind::Left {
            for fate in [&join.otherwise, &join.skipped].into_iter().flatten() {
                let diagnostic = Diagnostic::error(codes::E0307, "a left join ends no row")
                    .primary(fate.reason.span, "never happens")
                    .note("where a left join finds no partner, the row goes on with nulls")
                    .help("remove it, or write `join` without `left`");
                self.error(diagnostic);
            }
        }
        let is_view = self
            .frame
            .slots
            .get(slot)
            .is_some_and(|slot| matches!(slot.relation, Relation::Frame(_)));
        if let Some(fate) = &join.skipped
            && join.kind != JoinKind::Left
            && !is_view
            && !self.broken.contains(&join.right.alias.node)
        {
            let diagnostic = Diagnostic::error(
                codes::E0307,
                format!("rows of `{}` are never skipped", join.right.relation.node),
            )
            .primary(fate.reason.span, "never happens")
            .note("only rows of a view can have been skipped or rejected by its own clauses")
            .help("remove `when skipped`");
            self.error(diagnostic);
        }
        if join.kind != JoinKind::Left {
            self.used_slots.insert(slot);
        }
        self.frame.joins.push(ir::Join {
            kind: join.kind,
            slot,
            on,
            otherwise,
            skipped,
            span: join.span,
        });
    }

    /// The condition of a join or `exists` on `slot`, taken apart into equalities and the rest.
    pub(super) fn on_condition(&mut self, on: &ast::Expr, slot: usize) -> Condition {
        let outer = std::mem::replace(&mut self.in_condition, true);
        // The condition is asked about a row that is at hand, whatever comes of it.
        let facts = self.facts.clone();
        self.facts.present(slot);
        let whole = self.condition(on, "a join's condition");
        self.facts = facts;
        self.in_condition = outer;
        let mut condition = Condition {
            equalities: Vec::new(),
            residual: None,
            sound: !is_wrong(&whole),
            span: on.span,
        };
        split(whole, slot, &mut condition);
        if condition.equalities.is_empty() && condition.sound {
            condition.sound = false;
            let alias = self
                .frame
                .slots
                .get(slot)
                .map_or_else(String::new, |slot| slot.alias.clone());
            let diagnostic = Diagnostic::error(
                codes::E0405,
                format!("condition does not tie `{alias}` to the rows before it"),
            )
            .primary(on.span, "no equality between the two sides")
            .note("rows are joined by equal values: `left.column == right.column`");
            self.error(diagnostic);
        }
        condition
    }
}

/// Whether a mistake in the expression was reported already.
fn is_wrong(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Error) || expr.children().into_iter().any(is_wrong)
}

/// Takes a condition on `slot` apart: equalities between the slot and what is before it, and the
/// rest.
fn split(condition: Expr, slot: usize, into: &mut Condition) {
    let Expr { kind, ty, span } = condition;
    match kind {
        ExprKind::And(left, right) => {
            split(*left, slot, into);
            split(*right, slot, into);
        }
        ExprKind::Compare(ir::CompareOp::Equal, left, right) => {
            match (side(&left, slot), side(&right, slot)) {
                (Dependence::Before, Dependence::Slot) => into.equalities.push((*left, *right)),
                (Dependence::Slot, Dependence::Before) => into.equalities.push((*right, *left)),
                _ => residual(
                    Expr {
                        kind: ExprKind::Compare(ir::CompareOp::Equal, left, right),
                        ty,
                        span,
                    },
                    into,
                ),
            }
        }
        ExprKind::Error => {}
        kind => residual(Expr { kind, ty, span }, into),
    }
}

fn residual(condition: Expr, into: &mut Condition) {
    into.residual = Some(Box::new(match into.residual.take() {
        None => condition,
        Some(before) => Expr {
            span: before.span.to(condition.span),
            ty: Type::required(Ty::Bool),
            kind: ExprKind::And(before, Box::new(condition)),
        },
    }));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dependence {
    /// On nothing of the slot.
    Before,
    /// On the slot alone.
    Slot,
    /// On both, or on what cannot be told.
    Both,
}

/// What a side of an equality depends on. Only plain values are looked through: a column, a field,
/// a constant, a parameter, a local, a call of those.
fn side(expr: &Expr, slot: usize) -> Dependence {
    match &expr.kind {
        ExprKind::Column { slot: own, .. } | ExprKind::Field { slot: own, .. } => {
            if *own == slot {
                Dependence::Slot
            } else {
                Dependence::Before
            }
        }
        ExprKind::Literal(_) | ExprKind::Param(_) | ExprKind::Local(_) => Dependence::Before,
        ExprKind::Call { arguments, .. } => {
            let mut kinds = arguments.iter().map(|argument| side(argument, slot));
            let first = kinds.next().unwrap_or(Dependence::Before);
            if kinds.all(|kind| kind == first) {
                first
            } else {
                Dependence::Both
            }
        }
        _ => Dependence::Both,
    }
}
