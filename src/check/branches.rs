//! `if` and `match`.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes};
use crate::syntax::ast;
use crate::types::{OwnedValue, Ty, Type};

use super::block::BlockChecker;
use super::ir::{Expr, ExprKind};
use super::items::constant;

impl BlockChecker<'_, '_, '_> {
    pub(super) fn if_expr(
        &mut self,
        condition: &ast::Expr,
        then: &ast::Expr,
        otherwise: &ast::Expr,
        span: Span,
    ) -> Expr {
        let condition = self.condition(condition, "`if`");
        let facts = self.facts.clone();
        self.facts.learn(&condition, true);
        let then = self.expr(then);
        self.facts = facts.clone();
        self.facts.learn(&condition, false);
        let otherwise = self.expr(otherwise);
        self.facts = facts;
        let ty = self.joined(&then, &otherwise, "branch of `if`");
        Expr {
            kind: ExprKind::If(Box::new(condition), Box::new(then), Box::new(otherwise)),
            ty,
            span,
        }
    }

    pub(super) fn match_expr(
        &mut self,
        subject: &ast::Expr,
        arms: &[ast::Arm],
        span: Span,
    ) -> Expr {
        let subject = self.expr(subject);
        if subject.ty.is_nullable() && !subject.ty.is_error() {
            self.nullable_operand(&subject, "`match`");
        }
        let mut seen: Vec<(OwnedValue, Span)> = Vec::new();
        let mut typed: Vec<(Vec<OwnedValue>, Expr)> = Vec::new();
        let mut otherwise: Option<Box<Expr>> = None;
        let mut result: Option<Expr> = None;
        for arm in arms {
            let mut values = Vec::new();
            for value in &arm.values {
                let Some((constant, ty)) = constant(value) else {
                    continue;
                };
                if ty.ty != subject.ty.ty && !subject.ty.is_error() && !ty.is_error() {
                    let diagnostic = Diagnostic::error(
                        codes::E0201,
                        format!("cannot compare `{}` with `{ty}`", subject.ty),
                    )
                    .primary(value.span, format!("`{ty}`"))
                    .secondary(subject.span, format!("`{}`", subject.ty));
                    self.error(diagnostic);
                }
                if let Some((_, first)) = seen.iter().find(|(other, _)| *other == constant) {
                    let diagnostic =
                        Diagnostic::error(codes::E0208, "`match` names a constant twice")
                            .primary(value.span, "never reached")
                            .secondary(*first, "first named here");
                    self.error(diagnostic);
                }
                seen.push((constant.clone(), value.span));
                values.push(constant);
            }
            let value = self.expr(&arm.result);
            let ty = match &result {
                Some(before) => self.joined(before, &value, "arm of `match`"),
                None => value.ty.clone(),
            };
            result = Some(Expr {
                kind: ExprKind::Error,
                ty,
                span: value.span,
            });
            if arm.values.is_empty() {
                if let Some(first) = &otherwise {
                    let diagnostic = Diagnostic::error(codes::E0208, "`match` has two arms `else`")
                        .primary(arm.span, "never reached")
                        .secondary(first.span, "the first one gives this");
                    self.error(diagnostic);
                }
                otherwise = Some(Box::new(value));
            } else {
                typed.push((values, value));
            }
        }
        let all = subject.ty.ty == Ty::Bool
            && [true, false].iter().all(|truth| {
                seen.iter()
                    .any(|(value, _)| *value == OwnedValue::Bool(*truth))
            });
        if otherwise.is_none() && !all {
            let diagnostic = Diagnostic::error(
                codes::E0208,
                "`match` does not say what all other values give",
            )
            .primary(span, "no arm `else`")
            .help("add `else => …`");
            return self.wrong(diagnostic, span);
        }
        let ty = result.map_or_else(Type::error, |result| result.ty);
        Expr {
            kind: ExprKind::Match {
                subject: Box::new(subject),
                arms: typed,
                otherwise,
            },
            ty,
            span,
        }
    }
}
