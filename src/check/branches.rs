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
        branches: &[ast::Branch],
        otherwise: &ast::Expr,
        span: Span,
    ) -> Expr {
        let facts = self.facts.clone();
        let mut typed: Vec<(Expr, Expr)> = Vec::with_capacity(branches.len());
        let mut result: Option<Type> = None;
        for branch in branches {
            let condition = self.condition(&branch.condition, "`if`");
            let before = self.facts.clone();
            self.facts.learn(&condition, true);
            let outer = self.before_else.replace(branch.then.span);
            let then = self.expr(&branch.then);
            self.before_else = outer;
            self.facts = before;
            self.facts.learn(&condition, false);
            result = Some(self.branch(typed.last(), result, &then));
            typed.push((condition, then));
        }
        let otherwise = self.expr(otherwise);
        self.facts = facts;
        let ty = self.branch(typed.last(), result, &otherwise);
        Expr {
            kind: ExprKind::If(typed, Box::new(otherwise)),
            ty,
            span,
        }
    }

    /// The type of all branches up to one; reports a branch that differs from those before it.
    fn branch(&mut self, before: Option<&(Expr, Expr)>, all: Option<Type>, value: &Expr) -> Type {
        match (before, all) {
            (Some((_, then)), Some(ty)) => {
                let so_far = Expr {
                    kind: ExprKind::Error,
                    ty,
                    span: then.span,
                };
                self.joined(&so_far, value, "branch of `if`")
            }
            _ => value.ty.clone(),
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
                    self.no_constant(value);
                    continue;
                };
                if ty.ty == Ty::Null && subject.ty.is_nullable() {
                    // That the subject may be null is said already.
                    continue;
                }
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
            if !arm.values.is_empty()
                && let Some(other) = &otherwise
            {
                let diagnostic =
                    Diagnostic::error(codes::E0208, "`match` has an arm behind `else`")
                        .primary(arm.span, "looks as if it were never reached")
                        .secondary(other.span, "`else` gives this")
                        .help("put `else` last");
                self.error(diagnostic);
            }
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
        // Of a subject that has no type, its arms tell what it was meant to be.
        let all = (subject.ty.ty == Ty::Bool || subject.ty.is_error())
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

    /// Reports an arm that is no constant: a text with expressions in it, or a sign before what has
    /// none.
    fn no_constant(&mut self, value: &ast::Expr) {
        if let ast::ExprKind::Negate(_) = value.node {
            self.expr(value);
            return;
        }
        let diagnostic = Diagnostic::error(codes::E0211, "arm of `match` is not constant")
            .primary(value.span, "expected a text without `{…}`")
            .help("ask by `if … then … else …` what is no constant; a brace in a text is `\\{`");
        self.error(diagnostic);
    }
}
