//! Operators: what binds tighter than what. Operands of operators that bind alike become one list, so
//! that an expression of a hundred thousand of them is no deeper than one of two.

use std::iter::Peekable;
use std::vec::IntoIter;

use pest::iterators::Pair;

use crate::base::{Span, Spanned};

use super::ast::*;
use super::build::Builder;
use super::grammar::Rule;

/// How tightly an operator binds, from loose to tight. `??` binds tighter than comparison, so that
/// `a ?? 0 == 1` compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Compare,
    IsNull,
    Coalesce,
    Add,
    Times,
    Minus,
}

enum Token {
    Not(Span),
    Minus(Span),
    Infix(BinaryOp),
    IsNull { negated: bool, span: Span },
    Operand(Expr),
}

type Tokens = Peekable<IntoIter<Token>>;

impl Builder<'_> {
    /// An expression; what cannot be read is reported and becomes [`ExprKind::Broken`].
    pub(super) fn expr(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let depth = depth(pair.clone());
        if !self.enter(depth, span) {
            return Spanned::new(ExprKind::Broken, span);
        }
        let tokens = self.tokens(pair);
        self.leave(depth);
        climb(&mut tokens.into_iter().peekable(), Level::Or)
            .unwrap_or_else(|| Spanned::new(ExprKind::Broken, span))
    }

    fn tokens(&mut self, pair: Pair<'_, Rule>) -> Vec<Token> {
        let mut tokens = Vec::new();
        for piece in pieces(pair) {
            let span = self.span(&piece);
            let token = match piece.as_rule() {
                Rule::not => Token::Not(span),
                Rule::minus => Token::Minus(span),
                Rule::is_null | Rule::is_not_null => Token::IsNull {
                    negated: piece.as_rule() == Rule::is_not_null,
                    span,
                },
                rule => match binary_op(rule) {
                    Some(op) => Token::Infix(op),
                    None => match (tokens.last(), number(&piece)) {
                        // The sign belongs to the constant: the least number has no positive twin.
                        (Some(Token::Minus(sign)), Some(literal)) => {
                            let span = sign.to(span);
                            tokens.pop();
                            Token::Operand(Spanned::new(self.signed(literal, true), span))
                        }
                        _ => Token::Operand(self.operand(piece)),
                    },
                },
            };
            tokens.push(token);
        }
        tokens
    }
}

/// Operators and operands of an expression, in order.
fn pieces(pair: Pair<'_, Rule>) -> impl Iterator<Item = Pair<'_, Rule>> {
    pair.into_inner().flat_map(|part| match part.as_rule() {
        Rule::operand | Rule::bare_operand => part
            .into_inner()
            .flat_map(|piece| match piece.as_rule() {
                Rule::prefix | Rule::postfix => piece.into_inner().collect(),
                _ => vec![piece],
            })
            .collect(),
        Rule::infix => part.into_inner().collect(),
        _ => Vec::new(),
    })
}

/// The constant that an operand is, if it is a number or a duration.
fn number<'p>(operand: &Pair<'p, Rule>) -> Option<Pair<'p, Rule>> {
    let mut inner = operand.clone();
    while matches!(
        inner.as_rule(),
        Rule::handled | Rule::primary | Rule::literal
    ) {
        let mut parts = inner.into_inner();
        inner = parts.next()?;
        if parts.next().is_some() {
            return None;
        }
    }
    matches!(inner.as_rule(), Rule::integer | Rule::duration).then_some(inner)
}

/// How many levels an expression adds to the tree by itself: one, and one for each operator that
/// takes in what stands behind or before it instead of making a list.
fn depth(pair: Pair<'_, Rule>) -> usize {
    let (mut most, mut current, mut signs) = (0, 0, 0);
    for piece in pieces(pair) {
        match piece.as_rule() {
            Rule::or | Rule::and => (current, signs) = (0, 0),
            Rule::minus | Rule::is_null | Rule::is_not_null => signs += 1,
            Rule::not
            | Rule::equal
            | Rule::not_equal
            | Rule::less
            | Rule::at_most
            | Rule::greater
            | Rule::at_least
            | Rule::r#in
            | Rule::not_in => (current, signs) = (current + 1, 0),
            // Arithmetic and `??` make lists.
            rule if binary_op(rule).is_some() => signs = 0,
            _ => {}
        }
        most = most.max(current + signs);
    }
    most + 1
}

/// Reads operators that bind at least as tightly as `least`.
fn climb(tokens: &mut Tokens, least: Level) -> Option<Expr> {
    let mut left = match tokens.next()? {
        Token::Operand(expr) => expr,
        Token::Not(sign) => {
            let operand = climb(tokens, Level::Not)?;
            let span = sign.to(operand.span);
            Spanned::new(ExprKind::Not(Box::new(operand)), span)
        }
        Token::Minus(sign) => {
            let operand = climb(tokens, Level::Minus)?;
            let span = sign.to(operand.span);
            Spanned::new(negated(operand), span)
        }
        Token::Infix(_) | Token::IsNull { .. } => return None,
    };
    loop {
        let level = match tokens.peek() {
            Some(Token::Infix(op)) => level(*op),
            Some(Token::IsNull { .. }) => Level::IsNull,
            Some(Token::Not(_) | Token::Minus(_) | Token::Operand(_)) | None => return Some(left),
        };
        if level < least {
            return Some(left);
        }
        left = match tokens.next()? {
            Token::IsNull { negated, span } => {
                let span = left.span.to(span);
                let operand = Box::new(left);
                Spanned::new(ExprKind::IsNull { operand, negated }, span)
            }
            Token::Infix(op) => joined(left, op, climb(tokens, above(level))?),
            Token::Not(_) | Token::Minus(_) | Token::Operand(_) => return None,
        };
    }
}

/// The level of a right operand: what binds alike is grouped from the left.
fn above(level: Level) -> Level {
    match level {
        Level::Or => Level::And,
        Level::And => Level::Not,
        Level::Not => Level::Compare,
        Level::Compare => Level::IsNull,
        Level::IsNull => Level::Coalesce,
        Level::Coalesce => Level::Add,
        Level::Add => Level::Times,
        Level::Times | Level::Minus => Level::Minus,
    }
}

fn level(op: BinaryOp) -> Level {
    match op {
        BinaryOp::Or => Level::Or,
        BinaryOp::And => Level::And,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::AtMost
        | BinaryOp::Greater
        | BinaryOp::AtLeast
        | BinaryOp::In
        | BinaryOp::NotIn => Level::Compare,
        BinaryOp::Coalesce => Level::Coalesce,
        BinaryOp::Add | BinaryOp::Subtract => Level::Add,
        BinaryOp::Times | BinaryOp::Divide | BinaryOp::Remainder => Level::Times,
    }
}

/// Two operands; a chain on the left that binds alike takes the right one in.
fn joined(mut left: Expr, op: BinaryOp, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    if level(op) == Level::Compare {
        let (left, right) = (Box::new(left), Box::new(right));
        return Spanned::new(ExprKind::Binary { op, left, right }, span);
    }
    if let ExprKind::Chain { rest, .. } = &mut left.node
        && rest
            .first()
            .is_some_and(|(own, _)| level(*own) == level(op))
    {
        rest.push((op, right));
        left.span = span;
        return left;
    }
    let first = Box::new(left);
    let rest = vec![(op, right)];
    Spanned::new(ExprKind::Chain { first, rest }, span)
}

fn negated(operand: Expr) -> ExprKind {
    let constant = match &operand.node {
        ExprKind::Int(number) => number.checked_neg().map(ExprKind::Int),
        ExprKind::Duration(micros) => micros.checked_neg().map(ExprKind::Duration),
        _ => None,
    };
    constant.unwrap_or_else(|| ExprKind::Negate(Box::new(operand)))
}

fn binary_op(rule: Rule) -> Option<BinaryOp> {
    Some(match rule {
        Rule::or => BinaryOp::Or,
        Rule::and => BinaryOp::And,
        Rule::equal => BinaryOp::Equal,
        Rule::not_equal => BinaryOp::NotEqual,
        Rule::less => BinaryOp::Less,
        Rule::at_most => BinaryOp::AtMost,
        Rule::greater => BinaryOp::Greater,
        Rule::at_least => BinaryOp::AtLeast,
        Rule::r#in => BinaryOp::In,
        Rule::not_in => BinaryOp::NotIn,
        Rule::coalesce => BinaryOp::Coalesce,
        Rule::add => BinaryOp::Add,
        Rule::subtract => BinaryOp::Subtract,
        Rule::times => BinaryOp::Times,
        Rule::divide => BinaryOp::Divide,
        Rule::remainder => BinaryOp::Remainder,
        _ => return None,
    })
}
