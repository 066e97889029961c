//! The programs of a plan: each frame's expressions as one flat list of nodes.

use std::collections::BTreeMap;

use crate::base::Span;
use crate::check::ir::{self, Expr, ExprKind};
use crate::types::OwnedValue;

use super::keys::Grounds;
use super::partition::{self, Alignment};
use super::*;

/// Builds the flat programs.
pub(super) struct Lower<'m> {
    pub(super) mapping: &'m ir::Mapping,
    pub(super) alignment: &'m Alignment,
    pub(super) nodes: Vec<Node>,
    pub(super) origins: Vec<Span>,
}

impl Lower<'_> {
    pub(super) fn frame(
        &mut self,
        number: usize,
        unique: &BTreeMap<(usize, usize), Grounds>,
    ) -> Option<Frame> {
        let frame = self.mapping.frames.get(number)?;
        let slots = frame
            .slots
            .iter()
            .map(|slot| Slot {
                alias: slot.alias.clone(),
                relation: slot.relation,
            })
            .collect();
        let mut joins = Vec::new();
        for (place, join) in frame.joins.iter().enumerate() {
            joins.push(Join {
                kind: join.kind,
                lookup: self.lookup(number, join.slot, &join.on),
                otherwise: join.otherwise.map(fate),
                skipped: join.skipped.map(fate),
                unique_by: unique
                    .get(&(number, place))
                    .map(Grounds::describe)
                    .unwrap_or_default(),
                rests_on: unique
                    .get(&(number, place))
                    .map(|grounds| grounds.keys.iter().cloned().collect())
                    .unwrap_or_default(),
                origin: join.span,
            });
        }
        let filter = frame
            .filter
            .as_ref()
            .map(|filter| self.expr(number, filter));
        let group = frame
            .group
            .iter()
            .map(|key| self.expr(number, key))
            .collect();
        let mut locals = Vec::new();
        for local in &frame.locals {
            let value = self.expr(number, &local.value);
            locals.push(Local {
                name: local.name.clone(),
                value,
                ty: local.value.ty.clone(),
                is_field: local.is_field,
            });
        }
        let mut clauses = Vec::new();
        for clause in &frame.clauses {
            let when = self.expr(number, &clause.when);
            clauses.push(Clause {
                kind: clause.kind,
                reason: reason(clause.reason),
                when,
                origin: clause.span,
            });
        }
        let mut intos = Vec::new();
        for into in &frame.intos {
            intos.push(self.into(number, into));
        }
        Some(Frame {
            name: frame.name.clone(),
            docs: frame.docs.clone(),
            is_map: frame.is_map,
            slots,
            joins,
            filter,
            group,
            locals,
            clauses,
            intos,
            otherwise: frame.otherwise.map(fate),
            origin: frame.span,
        })
    }

    fn into(&mut self, frame: usize, into: &ir::Into) -> Into {
        let condition = match &into.condition {
            ir::IntoCondition::Always => IntoCondition::Always,
            ir::IntoCondition::When(when) => IntoCondition::When(self.expr(frame, when)),
            ir::IntoCondition::Otherwise => IntoCondition::Otherwise,
        };
        let columns = self
            .mapping
            .targets
            .get(into.target)
            .map(|target| target.columns.as_slice())
            .unwrap_or_default();
        let mut rules = Vec::new();
        for (rule, column) in into.rules.iter().zip(columns) {
            let node = self.expr(frame, &rule.value);
            let copied = match rule.value.kind {
                ExprKind::Column { slot, column: from } => self
                    .column(frame, slot, from)
                    .map(|from_column| (slot, from, from_column)),
                _ => None,
            };
            rules.push(match copied {
                Some((slot, from, from_column))
                    if column.pg_type.copies_from(&from_column.pg_type) =>
                {
                    Rule::Copy {
                        slot,
                        column: from,
                        node,
                    }
                }
                _ => Rule::Value(node),
            });
        }
        Into {
            target: into.target,
            condition,
            rules,
            origin: into.span,
        }
    }

    fn column(&self, frame: usize, slot: usize, column: usize) -> Option<&ir::Column> {
        match self.mapping.frames.get(frame)?.slots.get(slot)?.relation {
            Relation::Scan(scan) => self.mapping.scans.get(scan)?.columns.get(column),
            Relation::Broadcast(broadcast) => {
                self.mapping.broadcasts.get(broadcast)?.columns.get(column)
            }
            Relation::Frame(_) => None,
        }
    }

    /// The equalities of a condition without the one of the partition keys.
    fn lookup(&mut self, frame: usize, slot: usize, on: &ir::Condition) -> Lookup {
        let mut lookup = Lookup {
            slot,
            aligned: false,
            left: Vec::new(),
            right: Vec::new(),
            residual: None,
        };
        for (left, right) in &on.equalities {
            if self.is_key(frame, left, None) && self.is_key(frame, right, Some(slot)) {
                lookup.aligned = true;
                continue;
            }
            lookup.left.push(self.expr(frame, left));
            lookup.right.push(self.expr(frame, right));
        }
        lookup.residual = on
            .residual
            .as_ref()
            .map(|residual| self.expr(frame, residual));
        lookup
    }

    /// Whether an expression is the partition key of its row and never missing because of a left
    /// join; `at_hand` is the slot whose rows the condition is asked about.
    fn is_key(&self, frame: usize, expr: &Expr, at_hand: Option<usize>) -> bool {
        let base = partition::base(self.mapping, frame, expr);
        base.is_some_and(|(scan, column)| self.alignment.keys.get(scan) == Some(&column))
            && !self.may_miss(frame, expr, at_hand)
    }

    /// Whether the value comes out of a left join on its way.
    fn may_miss(&self, frame: usize, expr: &Expr, at_hand: Option<usize>) -> bool {
        let Some(block) = self.mapping.frames.get(frame) else {
            return true;
        };
        let optional = |slot: usize| {
            Some(slot) != at_hand && block.slots.get(slot).is_none_or(|slot| slot.optional)
        };
        match expr.kind {
            ExprKind::Column { slot, .. } => optional(slot),
            ExprKind::Local(local) => block
                .locals
                .get(local)
                .is_none_or(|local| self.may_miss(frame, &local.value, at_hand)),
            ExprKind::Field { slot, local } => {
                let inner = match block.slots.get(slot).map(|slot| slot.relation) {
                    Some(Relation::Frame(inner)) => inner,
                    _ => return true,
                };
                let value = self
                    .mapping
                    .frames
                    .get(inner)
                    .and_then(|inner| inner.locals.get(local));
                optional(slot) || value.is_none_or(|local| self.may_miss(inner, &local.value, None))
            }
            _ => true,
        }
    }

    fn expr(&mut self, frame: usize, expr: &Expr) -> NodeId {
        let node = match &expr.kind {
            ExprKind::Literal(value) => Node::Literal(value.clone()),
            ExprKind::Param(param) => Node::Param(*param),
            ExprKind::Column { slot, column } => Node::Column {
                slot: *slot,
                column: *column,
            },
            ExprKind::Field { slot, local } => Node::Field {
                slot: *slot,
                local: *local,
            },
            ExprKind::Local(local) => Node::Local(*local),
            ExprKind::Present(slot) => Node::Present(*slot),
            ExprKind::Not(operand) => Node::Not(self.expr(frame, operand)),
            ExprKind::Negate(operand) => Node::Negate(self.expr(frame, operand)),
            ExprKind::IsNull(operand) => Node::IsNull(self.expr(frame, operand)),
            ExprKind::And(left, right) => {
                Node::And(self.expr(frame, left), self.expr(frame, right))
            }
            ExprKind::Or(left, right) => Node::Or(self.expr(frame, left), self.expr(frame, right)),
            ExprKind::Compare(op, left, right) => {
                Node::Compare(*op, self.expr(frame, left), self.expr(frame, right))
            }
            ExprKind::Arithmetic(first, rest) => {
                return self.arithmetic(frame, first, rest, expr.span);
            }
            ExprKind::Coalesce(left, right) => {
                Node::Coalesce(self.expr(frame, left), self.expr(frame, right))
            }
            ExprKind::InList(operand, values) => {
                Node::InList(self.expr(frame, operand), self.all(frame, values))
            }
            ExprKind::InMap(operand, param) => Node::InMap(self.expr(frame, operand), *param),
            ExprKind::If(branches, otherwise) => {
                return self.branches(frame, branches, otherwise, expr.span);
            }
            ExprKind::Match {
                subject,
                arms,
                otherwise,
            } => Node::Match {
                subject: self.expr(frame, subject),
                arms: arms
                    .iter()
                    .map(|(values, result)| (values.clone(), self.expr(frame, result)))
                    .collect(),
                otherwise: otherwise
                    .as_ref()
                    .map(|otherwise| self.expr(frame, otherwise)),
            },
            ExprKind::Call {
                function,
                arguments,
            } => Node::Call {
                function: function.name.to_owned(),
                arguments: self.all(frame, arguments),
            },
            ExprKind::Matches { operand, pattern } => Node::Matches {
                operand: self.expr(frame, operand),
                pattern: pattern.clone(),
            },
            ExprKind::Ulid { table, time, keys } => Node::Ulid {
                table: table.clone(),
                time: self.expr(frame, time),
                keys: self.all(frame, keys),
            },
            ExprKind::Lookup { param, key } => Node::Lookup {
                param: *param,
                key: self.expr(frame, key),
            },
            ExprKind::Text(parts) => Node::Text(
                parts
                    .iter()
                    .map(|part| match part {
                        ir::TextPart::Literal(text) => TextPart::Literal(text.clone()),
                        ir::TextPart::Expr(expr) => TextPart::Value(self.expr(frame, expr)),
                    })
                    .collect(),
            ),
            ExprKind::Exists { slot, on } => Node::Exists(Box::new(self.lookup(frame, *slot, on))),
            ExprKind::Aggregate { op, value, orders } => Node::Aggregate {
                op: *op,
                value: value.as_ref().map(|value| self.expr(frame, value)),
                orders: orders
                    .iter()
                    .map(|(key, descending)| (self.expr(frame, key), *descending))
                    .collect(),
            },
            ExprKind::Handled { operand, handler } => Node::Handled {
                operand: self.expr(frame, operand),
                handler: match &**handler {
                    ir::Handler::Value(value) => Handler::Value(self.expr(frame, value)),
                    ir::Handler::Warn(index, value) => {
                        Handler::Warn(reason(*index), self.expr(frame, value))
                    }
                    ir::Handler::Fate(end) => Handler::Fate(fate(*end)),
                },
            },
            // A tree with errors is never lowered.
            ExprKind::Error => Node::Literal(OwnedValue::Null),
        };
        self.node(node, expr.span)
    }

    fn node(&mut self, node: Node, origin: Span) -> NodeId {
        self.nodes.push(node);
        self.origins.push(origin);
        NodeId::try_from(self.nodes.len() - 1).unwrap_or(NodeId::MAX)
    }

    /// A node for each operation, so that one which leaves its range is named alone.
    fn arithmetic(
        &mut self,
        frame: usize,
        first: &Expr,
        rest: &[(ir::ArithmeticOp, Expr)],
        origin: Span,
    ) -> NodeId {
        let mut so_far = first.span;
        let mut whole = self.expr(frame, first);
        for (number, (op, operand)) in rest.iter().enumerate() {
            so_far = so_far.to(operand.span);
            let is_last = number + 1 == rest.len();
            let right = self.expr(frame, operand);
            let place = if is_last { origin } else { so_far };
            whole = self.node(Node::Arithmetic(*op, whole, right), place);
        }
        whole
    }

    /// Each branch in the `else` of the one before it.
    fn branches(
        &mut self,
        frame: usize,
        branches: &[(Expr, Expr)],
        otherwise: &Expr,
        origin: Span,
    ) -> NodeId {
        let lowered: Vec<(NodeId, NodeId)> = branches
            .iter()
            .map(|(condition, then)| (self.expr(frame, condition), self.expr(frame, then)))
            .collect();
        let mut whole = self.expr(frame, otherwise);
        for (condition, then) in lowered.into_iter().rev() {
            whole = self.node(Node::If(condition, then, whole), origin);
        }
        whole
    }

    fn all(&mut self, frame: usize, exprs: &[Expr]) -> Vec<NodeId> {
        exprs.iter().map(|expr| self.expr(frame, expr)).collect()
    }
}

fn reason(declared: usize) -> usize {
    builtin::COUNT + declared
}

fn fate(fate: ir::Fate) -> Fate {
    Fate {
        kind: fate.kind,
        reason: reason(fate.reason),
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::samples::planned;

    /// For each join, by the alias of its right side: whether it is aligned, and how many equalities
    /// are left.
    fn lookups(blocks: &str) -> Vec<(String, bool, usize)> {
        let plan = planned(blocks).unwrap();
        let frame = plan.frames.iter().find(|frame| frame.name == "a").unwrap();
        frame
            .joins
            .iter()
            .map(|join| {
                (
                    frame.slots[join.lookup.slot].alias.clone(),
                    join.lookup.aligned,
                    join.lookup.left.len(),
                )
            })
            .collect()
    }

    fn expected(lookups: &[(&str, bool, usize)]) -> Vec<(String, bool, usize)> {
        lookups
            .iter()
            .map(|(alias, aligned, rest)| ((*alias).to_owned(), *aligned, *rest))
            .collect()
    }

    #[test]
    fn the_partition_key_is_left_out_of_the_equalities() {
        let text = "reason orphan warn \"orphan\"
            map a from visits as v
                join people as p on p.id == v.person else skip orphan
                left join pets as q on q.owner == v.person and q.id == v.pet
            { into log_lines { line = q.name ?? p.name } }";
        assert_eq!(lookups(text), expected(&[("p", true, 0), ("q", true, 1)]));
    }

    #[test]
    fn a_key_that_a_left_join_may_miss_is_compared() {
        // `p.id` is the partition key of `people`, but null where `p` found no row.
        let text = "map a from visits as v
                left join people as p on p.id == v.person and p.joined == v.at
                left join pets as q on q.owner == p.id and q.id == v.pet
                left join pets as r on r.owner == v.person and r.id == v.pet
            { into log_lines { line = q.name ?? r.name ?? (if p is null then \"\" else p.name) } }";
        assert_eq!(
            lookups(text),
            expected(&[("p", true, 1), ("q", false, 2), ("r", true, 1)])
        );
    }

    #[test]
    fn a_field_that_a_left_join_inside_its_view_may_miss_is_compared() {
        let text = "view visit from visits as v left join people as p on p.id == v.person { person = p.id at = v.at owner = v.person }
            map a from visit as x
                left join pets as q on q.owner == x.person and q.name == \"a\"
                left join pets as r on r.owner == x.owner and r.name == \"a\"
            { into log_lines { line = \"{x.at}{if q is null then 0 else q.id}{if r is null then 0 else r.id}\" } }";
        assert_eq!(lookups(text), expected(&[("q", false, 2), ("r", true, 1)]));
    }
}
