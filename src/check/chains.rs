//! Operators that bind alike, one behind the other: `and`, `or`, `??`, arithmetic. They come as lists;
//! those that may be grouped at will are grouped evenly, so that no list makes the tree deep.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes};
use crate::syntax::ast::{self, BinaryOp};
use crate::types::{OwnedValue, Ty, Type};

use super::block::{BlockChecker, copied_only};
use super::ir::{ArithmeticOp, Expr, ExprKind};

impl BlockChecker<'_, '_, '_> {
    pub(super) fn chain(
        &mut self,
        first: &ast::Expr,
        rest: &[(BinaryOp, ast::Expr)],
        span: Span,
    ) -> Expr {
        match rest.first().map(|(op, _)| *op) {
            Some(op @ (BinaryOp::And | BinaryOp::Or)) => self.logic(op, first, rest, span),
            Some(BinaryOp::Coalesce) => self.coalesce(first, rest, span),
            _ => self.arithmetic(first, rest, span),
        }
    }

    /// `and`, `or`: an operand is evaluated only where those before it leave it open, and knows so.
    fn logic(
        &mut self,
        op: BinaryOp,
        first: &ast::Expr,
        rest: &[(BinaryOp, ast::Expr)],
        span: Span,
    ) -> Expr {
        let (name, truth) = if op == BinaryOp::And {
            ("`and`", true)
        } else {
            ("`or`", false)
        };
        let facts = self.facts.clone();
        let first = self.condition(first, name);
        self.facts.learn(&first, truth);
        let mut typed = Vec::with_capacity(rest.len());
        for (_, operand) in rest {
            let operand = self.condition(operand, name);
            self.facts.learn(&operand, truth);
            typed.push(operand);
        }
        self.facts = facts;
        let mut whole = grouped(first, typed, &|left, right| Expr {
            ty: Type::required(Ty::Bool),
            span: left.span.to(right.span),
            kind: if truth {
                ExprKind::And(left, right)
            } else {
                ExprKind::Or(left, right)
            },
        });
        whole.span = span;
        whole
    }

    /// `??`: nullable operands, and at the end one that may be there always.
    fn coalesce(&mut self, first: &ast::Expr, rest: &[(BinaryOp, ast::Expr)], span: Span) -> Expr {
        let first = self.expr(first);
        let mut ty = first.ty.clone();
        let mut before = (first.ty.clone(), first.span);
        let mut typed = Vec::with_capacity(rest.len());
        for (_, operand) in rest {
            let operand = self.expr(operand);
            if !before.0.is_error() && !before.0.is_nullable() {
                let diagnostic =
                    Diagnostic::warning(codes::W0102, "`??` after a value that is never null")
                        .primary(before.1, format!("`{}`", before.0))
                        .help("remove `?? …`");
                self.error(diagnostic);
            }
            let so_far = Expr {
                kind: ExprKind::Error,
                ty,
                span: before.1,
            };
            let joined = self.joined(&so_far, &operand, "default of `??`");
            ty = if so_far.ty.is_nullable() && operand.ty.is_nullable() {
                joined
            } else {
                Type::required(joined.ty)
            };
            before = (operand.ty.clone(), operand.span);
            typed.push(operand);
        }
        let mut whole = grouped(first, typed, &|left, right| Expr {
            ty: Type {
                nullability: right.ty.nullability,
                ty: ty.ty.clone(),
            },
            span: left.span.to(right.span),
            kind: ExprKind::Coalesce(left, right),
        });
        whole.ty = ty;
        whole.span = span;
        whole
    }

    fn arithmetic(
        &mut self,
        first: &ast::Expr,
        rest: &[(BinaryOp, ast::Expr)],
        span: Span,
    ) -> Expr {
        let first = self.expr(first);
        let mut ty = first.ty.clone();
        let mut whole = first.span;
        let mut typed: Vec<(ArithmeticOp, Expr)> = Vec::with_capacity(rest.len());
        let mut wrong = first.ty.is_error();
        let mut left = first.ty.clone();
        // What the constants at the beginning come to.
        let mut constant = number(&first.kind);
        for (op, operand) in rest {
            let op = arithmetic_op(*op);
            let operand = self.expr(operand);
            wrong |= operand.ty.is_error();
            whole = whole.to(operand.span);
            if !wrong {
                match self.computed(op, &left, &operand, whole) {
                    Some(result) => ty = Type::required(result),
                    None => wrong = true,
                }
            }
            if !wrong {
                let first = typed.is_empty().then_some(&first);
                for operand in first.into_iter().chain([&operand]) {
                    if operand.ty.is_nullable() {
                        self.nullable_operand(operand, "arithmetic");
                    }
                }
            }
            left.clone_from(&ty);
            let right = number(&operand.kind);
            let divides = matches!(op, ArithmeticOp::Divide | ArithmeticOp::Remainder);
            if !wrong && divides && right == Some(0) {
                self.outside(whole, "divides by zero");
                wrong = true;
            }
            constant = match constant.zip(right).map(|(a, b)| checked(op, a, b)) {
                Some(None) if !wrong => {
                    self.outside(whole, OUTSIDE);
                    wrong = true;
                    None
                }
                Some(value) => value,
                None => None,
            };
            typed.push((op, operand));
        }
        if wrong {
            return Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            };
        }
        Expr {
            kind: ExprKind::Arithmetic(Box::new(first), typed),
            ty,
            span,
        }
    }

    /// The type of an arithmetic operation; reports what does not go together.
    fn computed(&mut self, op: ArithmeticOp, left: &Type, right: &Expr, span: Span) -> Option<Ty> {
        let result = match (op, &left.ty, &right.ty.ty) {
            (_, Ty::Int, Ty::Int) => Some(Ty::Int),
            (ArithmeticOp::Subtract, Ty::Timestamp, Ty::Timestamp) => Some(Ty::Duration),
            (ArithmeticOp::Add | ArithmeticOp::Subtract, Ty::Timestamp, Ty::Duration)
            | (ArithmeticOp::Add, Ty::Duration, Ty::Timestamp) => Some(Ty::Timestamp),
            (ArithmeticOp::Add | ArithmeticOp::Subtract, Ty::Duration, Ty::Duration)
            | (ArithmeticOp::Times | ArithmeticOp::Divide, Ty::Duration, Ty::Int) => {
                Some(Ty::Duration)
            }
            _ => None,
        };
        if result.is_none() {
            let mut diagnostic = Diagnostic::error(
                codes::E0201,
                format!("no arithmetic of `{left}` and `{}`", right.ty),
            )
            .primary(span, "operands that do not go together")
            .note("there are `int` with `int`, `timestamp` with `duration`, `duration` with `duration` and `int`");
            if left.ty == Ty::Text || right.ty.ty == Ty::Text {
                diagnostic =
                    diagnostic.help("texts are joined by writing them into one: `\"{a}{b}\"`");
            }
            self.error(copied_only(diagnostic, &[&left.ty, &right.ty.ty]));
        }
        result
    }

    /// Reports a constant that has no negative.
    pub(super) fn negated_constant(&mut self, operand: &Expr, span: Span) {
        if number(&operand.kind) == Some(i64::MIN) {
            self.outside(span, OUTSIDE);
        }
    }

    /// Reports an operation of constants that gives no value in any row.
    fn outside(&mut self, span: Span, why: &str) {
        let diagnostic = Diagnostic::error(codes::E0213, "arithmetic of constants gives no value")
            .primary(span, why)
            .note("every row would be rejected under `arithmetic_overflow`");
        self.error(diagnostic);
    }
}

const OUTSIDE: &str = "leaves the range of 64 bits";

/// The number behind a constant that arithmetic knows.
fn number(kind: &ExprKind) -> Option<i64> {
    match kind {
        ExprKind::Literal(
            OwnedValue::Int(number) | OwnedValue::Timestamp(number) | OwnedValue::Duration(number),
        ) => Some(*number),
        _ => None,
    }
}

fn checked(op: ArithmeticOp, left: i64, right: i64) -> Option<i64> {
    match op {
        ArithmeticOp::Add => left.checked_add(right),
        ArithmeticOp::Subtract => left.checked_sub(right),
        ArithmeticOp::Times => left.checked_mul(right),
        ArithmeticOp::Divide => left.checked_div(right),
        ArithmeticOp::Remainder => left.checked_rem(right),
    }
}

fn arithmetic_op(op: BinaryOp) -> ArithmeticOp {
    match op {
        BinaryOp::Subtract => ArithmeticOp::Subtract,
        BinaryOp::Times => ArithmeticOp::Times,
        BinaryOp::Divide => ArithmeticOp::Divide,
        BinaryOp::Remainder => ArithmeticOp::Remainder,
        _ => ArithmeticOp::Add,
    }
}

/// Operands of an operator that may be grouped at will, two and two again and again.
fn grouped(
    mut first: Expr,
    mut rest: Vec<Expr>,
    join: &dyn Fn(Box<Expr>, Box<Expr>) -> Expr,
) -> Expr {
    while !rest.is_empty() {
        let mut open = rest.into_iter();
        if let Some(second) = open.next() {
            first = join(Box::new(first), Box::new(second));
        }
        let mut next = Vec::new();
        while let Some(left) = open.next() {
            next.push(match open.next() {
                Some(right) => join(Box::new(left), Box::new(right)),
                None => left,
            });
        }
        rest = next;
    }
    first
}
