//! Operators.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes};
use crate::syntax::ast::{self, BinaryOp, ExprKind as Syntax};
use crate::types::{Ty, Type};

use super::block::BlockChecker;
use super::ir::{ArithmeticOp, CompareOp, Expr, ExprKind};

impl BlockChecker<'_, '_, '_> {
    pub(super) fn operator(&mut self, expr: &ast::Expr) -> Expr {
        let span = expr.span;
        match &expr.node {
            Syntax::Not(operand) => {
                let operand = self.condition(operand, "`not`");
                Expr {
                    kind: ExprKind::Not(Box::new(operand)),
                    ty: Type::required(Ty::Bool),
                    span,
                }
            }
            Syntax::Negate(operand) => {
                let operand = self.expr(operand);
                self.operand(&operand, &[Ty::Int, Ty::Duration], "`-`");
                let ty = operand.ty.clone();
                Expr {
                    kind: ExprKind::Negate(Box::new(operand)),
                    ty,
                    span,
                }
            }
            Syntax::IsNull { operand, negated } => self.is_null(operand, *negated, span),
            Syntax::Binary { op, left, right } => self.binary(*op, left, right, span),
            _ => Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            },
        }
    }

    /// `x is null`; of a relation's name: whether it has a row.
    fn is_null(&mut self, operand: &ast::Expr, negated: bool, span: Span) -> Expr {
        let ty = Type::required(Ty::Bool);
        let not = |expr: Expr| Expr {
            kind: ExprKind::Not(Box::new(expr)),
            ty: Type::required(Ty::Bool),
            span,
        };
        if let Syntax::Path(path) = &operand.node
            && let [name] = path.names.as_slice()
            && !self.names.contains_key(&name.node)
            && let Some(slot) = self
                .frame
                .slots
                .iter()
                .position(|slot| slot.alias == name.node)
            && !self.broken.contains(&name.node)
        {
            self.used_slots.insert(slot);
            let present = Expr {
                kind: ExprKind::Present(slot),
                ty: ty.clone(),
                span,
            };
            return if negated { present } else { not(present) };
        }
        let operand = self.expr(operand);
        if operand.ty.is_error() {
            return Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            };
        }
        let test = Expr {
            kind: ExprKind::IsNull(Box::new(operand)),
            ty,
            span,
        };
        if negated { not(test) } else { test }
    }

    fn binary(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        match op {
            BinaryOp::And | BinaryOp::Or => self.logic(op, left, right, span),
            BinaryOp::Coalesce => self.coalesce(left, right, span),
            BinaryOp::In => self.member(left, right, false, span),
            BinaryOp::NotIn => self.member(left, right, true, span),
            BinaryOp::Equal => self.compare(CompareOp::Equal, left, right, span),
            BinaryOp::NotEqual => self.compare(CompareOp::NotEqual, left, right, span),
            BinaryOp::Less => self.compare(CompareOp::Less, left, right, span),
            BinaryOp::AtMost => self.compare(CompareOp::AtMost, left, right, span),
            BinaryOp::Greater => self.compare(CompareOp::Greater, left, right, span),
            BinaryOp::AtLeast => self.compare(CompareOp::AtLeast, left, right, span),
            BinaryOp::Add => self.arithmetic(ArithmeticOp::Add, left, right, span),
            BinaryOp::Subtract => self.arithmetic(ArithmeticOp::Subtract, left, right, span),
            BinaryOp::Times => self.arithmetic(ArithmeticOp::Times, left, right, span),
            BinaryOp::Divide => self.arithmetic(ArithmeticOp::Divide, left, right, span),
            BinaryOp::Remainder => self.arithmetic(ArithmeticOp::Remainder, left, right, span),
        }
    }

    /// `and`, `or`: the right side is evaluated only where the left leaves it open, and knows so.
    fn logic(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let (name, truth) = if op == BinaryOp::And {
            ("`and`", true)
        } else {
            ("`or`", false)
        };
        let left = self.condition(left, name);
        let facts = self.facts.clone();
        self.facts.learn(&left, truth);
        let right = self.condition(right, name);
        self.facts = facts;
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = if truth {
            ExprKind::And(left, right)
        } else {
            ExprKind::Or(left, right)
        };
        Expr {
            kind,
            ty: Type::required(Ty::Bool),
            span,
        }
    }

    fn compare(&mut self, op: CompareOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let (left, right) = (self.expr(left), self.expr(right));
        let ty = Type::required(Ty::Bool);
        if left.ty.is_error() || right.ty.is_error() {
            return Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            };
        }
        if left.ty.ty == Ty::Null || right.ty.ty == Ty::Null {
            let diagnostic = Diagnostic::error(codes::E0202, "nothing is equal to null")
                .primary(span, "compares with null")
                .help("write `… is null` or `… is not null`");
            return self.wrong(diagnostic, span);
        }
        if left.ty.ty != right.ty.ty {
            let diagnostic = Diagnostic::error(
                codes::E0201,
                format!("cannot compare `{}` with `{}`", left.ty, right.ty),
            )
            .primary(right.span, format!("`{}`", right.ty))
            .secondary(left.span, format!("`{}`", left.ty));
            return self.wrong(diagnostic, span);
        }
        let equality = matches!(op, CompareOp::Equal | CompareOp::NotEqual);
        let possible = match &left.ty.ty {
            Ty::Json | Ty::Other(_) | Ty::Map(..) | Ty::Severity => false,
            Ty::Bool => equality,
            _ => true,
        };
        if !possible {
            let how = if equality { "compared" } else { "put in order" };
            let diagnostic = Diagnostic::error(
                codes::E0201,
                format!("values of `{}` cannot be {how}", left.ty.ty),
            )
            .primary(span, format!("`{}`", left.ty.ty));
            return self.wrong(diagnostic, span);
        }
        if !(self.in_condition && op == CompareOp::Equal) {
            for operand in [&left, &right] {
                if operand.ty.is_nullable() {
                    self.nullable_operand(operand, "comparison");
                }
            }
        }
        Expr {
            kind: ExprKind::Compare(op, Box::new(left), Box::new(right)),
            ty,
            span,
        }
    }

    fn arithmetic(
        &mut self,
        op: ArithmeticOp,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Expr {
        let (left, right) = (self.expr(left), self.expr(right));
        if left.ty.is_error() || right.ty.is_error() {
            return Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            };
        }
        let result = match (op, &left.ty.ty, &right.ty.ty) {
            (_, Ty::Int, Ty::Int) => Some(Ty::Int),
            (ArithmeticOp::Subtract, Ty::Timestamp, Ty::Timestamp) => Some(Ty::Duration),
            (ArithmeticOp::Add | ArithmeticOp::Subtract, Ty::Timestamp, Ty::Duration) => {
                Some(Ty::Timestamp)
            }
            (ArithmeticOp::Add, Ty::Duration, Ty::Timestamp) => Some(Ty::Timestamp),
            (ArithmeticOp::Add | ArithmeticOp::Subtract, Ty::Duration, Ty::Duration) => {
                Some(Ty::Duration)
            }
            (ArithmeticOp::Times | ArithmeticOp::Divide, Ty::Duration, Ty::Int) => {
                Some(Ty::Duration)
            }
            _ => None,
        };
        let Some(result) = result else {
            let mut diagnostic = Diagnostic::error(codes::E0201, format!("no arithmetic of `{}` and `{}`", left.ty, right.ty))
                .primary(span, "operands that do not go together")
                .note("there are `int` with `int`, `timestamp` with `duration`, `duration` with `duration` and `int`");
            if left.ty.ty == Ty::Text || right.ty.ty == Ty::Text {
                diagnostic =
                    diagnostic.help("texts are joined by writing them into one: `\"{a}{b}\"`");
            }
            return self.wrong(diagnostic, span);
        };
        for operand in [&left, &right] {
            if operand.ty.is_nullable() {
                self.nullable_operand(operand, "arithmetic");
            }
        }
        Expr {
            kind: ExprKind::Arithmetic(op, Box::new(left), Box::new(right)),
            ty: Type::required(result),
            span,
        }
    }

    fn coalesce(&mut self, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let (left, right) = (self.expr(left), self.expr(right));
        if !left.ty.is_error() && !left.ty.is_nullable() {
            let diagnostic =
                Diagnostic::warning(codes::W0102, "`??` after a value that is never null")
                    .primary(left.span, format!("`{}`", left.ty))
                    .help("remove `?? …`");
            self.error(diagnostic);
        }
        let mut ty = self.joined(&left, &right, "default of `??`");
        if !right.ty.is_nullable() {
            ty = Type::required(ty.ty);
        }
        Expr {
            kind: ExprKind::Coalesce(Box::new(left), Box::new(right)),
            ty,
            span,
        }
    }

    fn member(&mut self, left: &ast::Expr, right: &ast::Expr, negated: bool, span: Span) -> Expr {
        let operand = self.expr(left);
        let ty = Type::required(Ty::Bool);
        let kind = match &right.node {
            Syntax::List(values) => {
                let values: Vec<Expr> = values.iter().map(|value| self.expr(value)).collect();
                if values.is_empty() {
                    let diagnostic = Diagnostic::error(codes::E0201, "list is empty")
                        .primary(right.span, "nothing is in it");
                    return self.wrong(diagnostic, span);
                }
                for value in &values {
                    let differs = value.ty.ty != operand.ty.ty
                        && !value.ty.is_error()
                        && !operand.ty.is_error();
                    if differs || matches!(value.ty.ty, Ty::Json | Ty::Other(_)) {
                        let diagnostic = Diagnostic::error(
                            codes::E0201,
                            format!("cannot compare `{}` with `{}`", operand.ty, value.ty),
                        )
                        .primary(value.span, format!("`{}`", value.ty))
                        .secondary(operand.span, format!("`{}`", operand.ty));
                        self.error(diagnostic);
                    } else if value.ty.is_nullable() {
                        self.nullable_operand(value, "list");
                    }
                }
                ExprKind::InList(Box::new(operand.clone()), values)
            }
            Syntax::Path(path) => {
                let name = path.text();
                let index = self
                    .checker
                    .params
                    .iter()
                    .position(|param| param.name == name && matches!(param.ty.ty, Ty::Map(..)));
                let Some(index) = index else {
                    let diagnostic = Diagnostic::error(
                        codes::E0201,
                        format!("`{name}` is no list and no look-up table"),
                    )
                    .primary(
                        right.span,
                        "expected `[a, b]` or a parameter of type `map<…>`",
                    );
                    return self.wrong(diagnostic, span);
                };
                self.checker.used.params.insert(index);
                if operand.ty.ty != Ty::Text && !operand.ty.is_error() {
                    self.operand(&operand, &[Ty::Text], "key");
                }
                ExprKind::InMap(Box::new(operand.clone()), index)
            }
            _ => {
                let diagnostic =
                    Diagnostic::error(codes::E0201, "`in` wants a list or a look-up table")
                        .primary(
                            right.span,
                            "expected `[a, b]` or a parameter of type `map<…>`",
                        );
                return self.wrong(diagnostic, span);
            }
        };
        if operand.ty.is_nullable() && !operand.ty.is_error() {
            self.nullable_operand(&operand, "`in`");
        }
        let test = Expr {
            kind,
            ty: ty.clone(),
            span,
        };
        if negated {
            Expr {
                kind: ExprKind::Not(Box::new(test)),
                ty,
                span,
            }
        } else {
            test
        }
    }

    /// Whether an operand has one of the types and is there; reports it where not.
    fn operand(&mut self, operand: &Expr, wanted: &[Ty], place: &str) {
        if operand.ty.is_error() {
            return;
        }
        if !wanted.contains(&operand.ty.ty) {
            let list: Vec<String> = wanted.iter().map(|ty| format!("`{ty}`")).collect();
            let diagnostic = Diagnostic::error(
                codes::E0201,
                format!(
                    "{place}: expected {}, found `{}`",
                    list.join(" or "),
                    operand.ty
                ),
            )
            .primary(operand.span, format!("`{}`", operand.ty));
            self.error(diagnostic);
        } else if operand.ty.is_nullable() {
            self.nullable_operand(operand, place);
        }
    }

    /// The type that holds both values; reports where there is none, that `what` differs.
    pub(super) fn joined(&mut self, left: &Expr, right: &Expr, what: &str) -> Type {
        if let Some(ty) = left.ty.join(&right.ty) {
            return ty;
        }
        let diagnostic = Diagnostic::error(
            codes::E0201,
            format!("{what}: expected `{}`, found `{}`", left.ty.ty, right.ty),
        )
        .primary(right.span, format!("`{}`", right.ty))
        .secondary(left.span, format!("`{}`", left.ty));
        self.error(diagnostic);
        Type::error()
    }
}
