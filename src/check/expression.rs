//! Expressions: which rule reads which kind, and texts with expressions in them.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes};
use crate::syntax::ast::{self, ExprKind as Syntax};
use crate::types::{Ty, Type};

use super::block::{BlockChecker, copied_only};
use super::ir::{Expr, ExprKind, TextPart};
use super::items::constant;

impl BlockChecker<'_, '_, '_> {
    /// The typed form of an expression; a mistake is reported and gives [`ExprKind::Error`].
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Expr {
        let span = expr.span;
        if let Some((value, ty)) = constant(expr) {
            let kind = if ty.is_error() {
                ExprKind::Error
            } else {
                ExprKind::Literal(value)
            };
            return Expr { kind, ty, span };
        }
        match &expr.node {
            Syntax::Text(parts) => self.text(parts, span),
            Syntax::Path(path) => self.path(path),
            Syntax::Lookup { .. } | Syntax::Call { .. } => self.fallible(expr, None, span),
            Syntax::Handled { operand, handler } => self.fallible(operand, Some(handler), span),
            Syntax::First { value, orders } => self.first(value, orders, span),
            Syntax::List(_) => self.wrong(
                Diagnostic::error(codes::E0201, "a list stands only behind `in`")
                    .primary(span, "not a value"),
                span,
            ),
            Syntax::If {
                branches,
                otherwise,
            } => self.if_expr(branches, otherwise, span),
            Syntax::Match { subject, arms } => self.match_expr(subject, arms, span),
            Syntax::Exists { right, on } => self.exists(right, on, span),
            Syntax::Not(_)
            | Syntax::Negate(_)
            | Syntax::IsNull { .. }
            | Syntax::Binary { .. }
            | Syntax::Chain { .. } => self.operator(expr),
            Syntax::Null
            | Syntax::Bool(_)
            | Syntax::Int(_)
            | Syntax::Bytes(_)
            | Syntax::Timestamp(_)
            | Syntax::Duration(_)
            | Syntax::Broken => Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            },
        }
    }

    /// Reports and gives an expression that is wrong.
    pub(super) fn wrong(&mut self, diagnostic: Diagnostic, span: Span) -> Expr {
        self.error(diagnostic);
        Expr {
            kind: ExprKind::Error,
            ty: Type::error(),
            span,
        }
    }

    fn text(&mut self, parts: &[ast::TextPart], span: Span) -> Expr {
        let mut typed = Vec::new();
        for part in parts {
            match part {
                ast::TextPart::Literal(text) => typed.push(TextPart::Literal(text.clone())),
                ast::TextPart::Expr(expr) => {
                    let value = self.expr(expr);
                    let shown = matches!(
                        value.ty.ty,
                        Ty::Text | Ty::Int | Ty::Bool | Ty::Uuid | Ty::Inet | Ty::Error
                    );
                    if !shown {
                        let diagnostic = Diagnostic::error(
                            codes::E0201,
                            format!("`{}` has no form as text", value.ty),
                        )
                        .primary(value.span, format!("`{}`", value.ty))
                        .note("text can hold values of `text`, `int`, `bool`, `uuid` and `inet`");
                        self.error(copied_only(diagnostic, &[&value.ty.ty]));
                    } else if value.ty.is_nullable() {
                        self.nullable_operand(&value, "text");
                    }
                    typed.push(TextPart::Expr(value));
                }
            }
        }
        Expr {
            kind: ExprKind::Text(typed),
            ty: Type::required(Ty::Text),
            span,
        }
    }
}

/// Whether two expressions are the same column or field.
pub(crate) fn same_column(left: &Expr, right: &Expr) -> bool {
    match (&left.kind, &right.kind) {
        (ExprKind::Column { slot: a, column: b }, ExprKind::Column { slot: c, column: d })
        | (ExprKind::Field { slot: a, local: b }, ExprKind::Field { slot: c, local: d }) => {
            (a, b) == (c, d)
        }
        _ => false,
    }
}
