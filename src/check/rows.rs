//! Expressions over other rows: `exists`, and the aggregates of a grouped view.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes};
use crate::syntax::ast;
use crate::types::{Ty, Type};

use super::block::BlockChecker;
use super::calls::counted;
use super::ir::{self, AggregateOp, Expr, ExprKind};

impl BlockChecker<'_, '_, '_> {
    pub(super) fn exists(&mut self, right: &ast::Aliased, on: &ast::Expr, span: Span) -> Expr {
        let ty = Type::required(Ty::Bool);
        if let Some(other) = self
            .frame
            .slots
            .iter()
            .find(|slot| slot.alias == right.alias.node)
        {
            let diagnostic = Diagnostic::error(
                codes::E0106,
                format!("`{}` names two relations of the block", right.alias.node),
            )
            .primary(right.alias.span, "named again")
            .secondary(other.span, "first named here")
            .help(format!(
                "give it another name: `{} as …`",
                right.relation.node
            ));
            return self.wrong(diagnostic, span);
        }
        if self.in_condition {
            let diagnostic =
                Diagnostic::error(codes::E0210, "`exists` cannot stand in a join's condition")
                    .primary(span, "not here")
                    .help("compute it in a view's field");
            return self.wrong(diagnostic, span);
        }
        let Some(relation) = self.checker.relation(&right.relation) else {
            return Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            };
        };
        let slot = self.frame.slots.len();
        self.frame.slots.push(ir::Slot {
            alias: right.alias.node.clone(),
            relation,
            optional: false,
            span: right.alias.span,
        });
        let on = self.on_condition(on, slot);
        // The name is known inside the parentheses alone; another `exists` may use it again.
        if let Some(slot) = self.frame.slots.get_mut(slot) {
            slot.alias = String::new();
        }
        Expr {
            kind: ExprKind::Exists {
                slot,
                on: Box::new(on),
            },
            ty,
            span,
        }
    }

    pub(super) fn aggregate(
        &mut self,
        op: AggregateOp,
        arguments: &[ast::Expr],
        span: Span,
    ) -> Expr {
        let name = match op {
            AggregateOp::Min => "min",
            AggregateOp::Max => "max",
            AggregateOp::Count => "count",
            AggregateOp::First => "first",
        };
        if !self.aggregate_allowed(name, span) {
            return Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            };
        }
        let value = match (arguments, op) {
            ([], AggregateOp::Count) => None,
            ([value], _) => Some(Box::new(self.inside_aggregate(value))),
            _ => {
                let diagnostic = Diagnostic::error(
                    codes::E0206,
                    format!("`{name}` takes 1 argument, found {}", arguments.len()),
                )
                .primary(span, counted(arguments.len()))
                .note(format!("it is `{name}(value)`"));
                return self.wrong(diagnostic, span);
            }
        };
        let ty = match (&value, op) {
            (_, AggregateOp::Count) | (None, _) => Type::required(Ty::Int),
            (Some(value), _) => {
                let ordered = matches!(
                    value.ty.ty,
                    Ty::Int
                        | Ty::Text
                        | Ty::Bytes
                        | Ty::Timestamp
                        | Ty::Duration
                        | Ty::Uuid
                        | Ty::Inet
                        | Ty::Error
                );
                if !ordered {
                    let diagnostic = Diagnostic::error(
                        codes::E0201,
                        format!("values of `{}` cannot be put in order", value.ty.ty),
                    )
                    .primary(value.span, format!("`{}`", value.ty));
                    return self.wrong(diagnostic, span);
                }
                value.ty.clone()
            }
        };
        Expr {
            kind: ExprKind::Aggregate {
                op,
                value,
                orders: Vec::new(),
            },
            ty,
            span,
        }
    }

    pub(super) fn first(
        &mut self,
        value: &ast::Expr,
        orders: &[(ast::Expr, bool)],
        span: Span,
    ) -> Expr {
        if !self.aggregate_allowed("first", span) {
            return Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            };
        }
        let value = self.inside_aggregate(value);
        let mut typed = Vec::new();
        for (key, descending) in orders {
            let key = self.inside_aggregate(key);
            let ordered = !matches!(key.ty.ty, Ty::Json | Ty::Other(_) | Ty::Null);
            if !ordered {
                let diagnostic = Diagnostic::error(
                    codes::E0201,
                    format!("values of `{}` cannot be put in order", key.ty.ty),
                )
                .primary(key.span, format!("`{}`", key.ty));
                self.error(diagnostic);
            }
            typed.push((key, *descending));
        }
        let ty = value.ty.clone();
        let kind = ExprKind::Aggregate {
            op: AggregateOp::First,
            value: Some(Box::new(value)),
            orders: typed,
        };
        Expr { kind, ty, span }
    }

    fn aggregate_allowed(&mut self, name: &str, span: Span) -> bool {
        if !self.frame.group.is_empty() && !self.in_aggregate {
            return true;
        }
        let diagnostic = if self.in_aggregate {
            Diagnostic::error(codes::E0210, format!("`{name}` inside an aggregate"))
                .primary(span, "rows are single here")
        } else {
            Diagnostic::error(codes::E0210, format!("`{name}` outside a grouped view"))
                .primary(span, "there are no groups here")
                .help("make a view with `group by`, and join it")
        };
        self.error(diagnostic);
        false
    }

    fn inside_aggregate(&mut self, expr: &ast::Expr) -> Expr {
        self.in_aggregate = true;
        let typed = self.expr(expr);
        self.in_aggregate = false;
        typed
    }
}
