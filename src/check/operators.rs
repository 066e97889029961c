//! Operators.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes};
use crate::syntax::ast::{self, BinaryOp, ExprKind as Syntax};
use crate::types::{Ty, Type};

use super::block::{BlockChecker, copied_only};
use super::ir::{CompareOp, Expr, ExprKind};

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
                let ty = if self.operand(&operand, &[Ty::Int, Ty::Duration], "`-`") {
                    Type::required(operand.ty.ty.clone())
                } else {
                    Type::error()
                };
                self.negated_constant(&operand, span);
                Expr {
                    kind: ExprKind::Negate(Box::new(operand)),
                    ty,
                    span,
                }
            }
            Syntax::IsNull { operand, negated } => self.is_null(operand, *negated, span),
            Syntax::Binary { op, left, right } => self.binary(*op, left, right, span),
            Syntax::Chain { first, rest } => self.chain(first, rest, span),
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
        if let Some(name) = self.relation_name(operand)
            && let Some(slot) = self.frame.slots.iter().position(|slot| slot.alias == name)
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
        if !operand.ty.is_nullable() {
            let answer = if negated { "true" } else { "false" };
            let diagnostic = Diagnostic::warning(
                codes::W0103,
                format!("question for null that is always {answer}"),
            )
            .primary(operand.span, format!("`{}`, never null", operand.ty))
            .help("remove it");
            self.error(diagnostic);
        }
        let test = Expr {
            kind: ExprKind::IsNull(Box::new(operand)),
            ty,
            span,
        };
        if negated { not(test) } else { test }
    }

    /// The name, where an expression is that of a relation of the block.
    fn relation_name<'e>(&self, expr: &'e ast::Expr) -> Option<&'e str> {
        let Syntax::Path(path) = &expr.node else {
            return None;
        };
        let [name] = path.names.as_slice() else {
            return None;
        };
        let name = name.node.as_str();
        let is_relation = self.frame.slots.iter().any(|slot| slot.alias == name);
        let is_value = self.names.contains_key(name) || self.broken.contains(name);
        (is_relation && !is_value).then_some(name)
    }

    fn binary(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let op = match op {
            BinaryOp::In => return self.member(left, right, false, span),
            BinaryOp::NotIn => return self.member(left, right, true, span),
            BinaryOp::Equal => CompareOp::Equal,
            BinaryOp::NotEqual => CompareOp::NotEqual,
            BinaryOp::Less => CompareOp::Less,
            BinaryOp::AtMost => CompareOp::AtMost,
            BinaryOp::Greater => CompareOp::Greater,
            BinaryOp::AtLeast => CompareOp::AtLeast,
            BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Coalesce
            | BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Times
            | BinaryOp::Divide
            | BinaryOp::Remainder => {
                return Expr {
                    kind: ExprKind::Error,
                    ty: Type::error(),
                    span,
                };
            }
        };
        self.compare(op, left, right, span)
    }

    fn compare(&mut self, op: CompareOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        for (name, other) in [(left, right), (right, left)] {
            if let (Some(alias), Syntax::Null) = (self.relation_name(name), &other.node) {
                let diagnostic = Diagnostic::error(codes::E0202, "nothing is equal to null")
                    .primary(span, "compares with null")
                    .help(format!("write `{alias} is null` or `{alias} is not null`"));
                return self.wrong(diagnostic, span);
            }
        }
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
            return self.wrong(copied_only(diagnostic, &[&left.ty.ty, &right.ty.ty]), span);
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
            return self.wrong(copied_only(diagnostic, &[&left.ty.ty]), span);
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
                    if self.is_wrong_already(&name) {
                        return Expr {
                            kind: ExprKind::Error,
                            ty: Type::error(),
                            span,
                        };
                    }
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

    /// Whether an operand has one of the types; reports it where not, or where it may be null.
    fn operand(&mut self, operand: &Expr, wanted: &[Ty], place: &str) -> bool {
        if operand.ty.is_error() {
            return false;
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
            self.error(copied_only(diagnostic, &[&operand.ty.ty]));
            return false;
        }
        if operand.ty.is_nullable() {
            self.nullable_operand(operand, place);
        }
        true
    }

    /// Whether a name is that of something that was reported.
    fn is_wrong_already(&self, name: &str) -> bool {
        let local = self.names.get(name);
        let local = local.and_then(|index| self.frame.locals.get(*index));
        local.is_some_and(|local| local.value.ty.is_error())
            || self.broken.contains(name)
            || self.checker.broken.contains(name)
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
