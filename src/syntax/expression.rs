//! From pest's pairs to the tree: expressions, and what binds tighter than what.

use std::sync::LazyLock;

use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use crate::base::{Span, Spanned};
use crate::diagnostics::codes;

use super::ast::*;
use super::build::{Builder, meaningful};
use super::grammar::Rule;

/// From loose to tight. `??` binds tighter than comparison, so that `a ?? 0 == 1` compares.
static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::or))
        .op(left(Rule::and))
        .op(Op::prefix(Rule::not))
        .op(left(Rule::equal)
            | left(Rule::not_equal)
            | left(Rule::less)
            | left(Rule::at_most)
            | left(Rule::greater)
            | left(Rule::at_least)
            | left(Rule::r#in)
            | left(Rule::not_in))
        .op(Op::postfix(Rule::is_null) | Op::postfix(Rule::is_not_null))
        .op(Op::infix(Rule::coalesce, Assoc::Right))
        .op(left(Rule::add) | left(Rule::subtract))
        .op(left(Rule::times) | left(Rule::divide) | left(Rule::remainder))
        .op(Op::prefix(Rule::minus))
});

impl Builder<'_> {
    /// An expression; what cannot be read is reported and becomes [`ExprKind::Broken`].
    pub(super) fn expr(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let mut tokens = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::operand | Rule::bare_operand => {
                    for piece in part.into_inner() {
                        match piece.as_rule() {
                            Rule::prefix | Rule::postfix => tokens.extend(piece.into_inner()),
                            _ => tokens.push(piece),
                        }
                    }
                }
                Rule::infix => tokens.extend(part.into_inner()),
                _ => {}
            }
        }
        if tokens.is_empty() {
            return Spanned::new(ExprKind::Broken, span);
        }
        // The three closures of the Pratt parser each need the builder; they never run at once.
        let builder = std::cell::RefCell::new(self);
        PRATT
            .map_primary(|pair| builder.borrow_mut().operand(pair))
            .map_prefix(|op, operand| {
                let span = builder.borrow_mut().span(&op).to(operand.span);
                Spanned::new(prefix(op.as_rule(), operand), span)
            })
            .map_postfix(|operand, op| {
                let span = operand.span.to(builder.borrow_mut().span(&op));
                let negated = op.as_rule() == Rule::is_not_null;
                Spanned::new(
                    ExprKind::IsNull {
                        operand: Box::new(operand),
                        negated,
                    },
                    span,
                )
            })
            .map_infix(|left, op, right| {
                let span = left.span.to(right.span);
                let kind = match binary_op(op.as_rule()) {
                    Some(op) => ExprKind::Binary {
                        op,
                        left: Box::new(left),
                        right: Box::new(right),
                    },
                    None => ExprKind::Broken,
                };
                Spanned::new(kind, span)
            })
            .parse(tokens.into_iter())
    }

    fn operand(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        if pair.as_rule() == Rule::primary {
            return self.primary(pair);
        }
        let mut parts = pair.into_inner();
        let Some(primary) = parts.next() else {
            return Spanned::new(ExprKind::Broken, span);
        };
        let operand = self.primary(primary);
        let Some(handler) = parts.next().and_then(|handler| self.handler(handler)) else {
            return operand;
        };
        Spanned::new(
            ExprKind::Handled {
                operand: Box::new(operand),
                handler: Box::new(handler),
            },
            span,
        )
    }

    fn handler(&mut self, pair: Pair<'_, Rule>) -> Option<Handler> {
        let inner = meaningful(pair).next()?;
        Some(match inner.as_rule() {
            Rule::handler_fate => Handler::Fate(self.fate(inner)?),
            Rule::handler_warn => {
                let mut parts = meaningful(inner);
                let reason = self.name(parts.next()?)?;
                Handler::Warn(reason, self.expr(parts.next()?))
            }
            _ => Handler::Value(self.expr(inner)),
        })
    }

    fn primary(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let kind = pair
            .into_inner()
            .next()
            .and_then(|inner| self.primary_kind(inner));
        match kind {
            // Parentheses leave no trace but the place.
            Some(Primary::Paren(expr)) => Spanned::new(expr.node, span),
            Some(Primary::Kind(kind)) => Spanned::new(kind, span),
            None => Spanned::new(ExprKind::Broken, span),
        }
    }

    fn primary_kind(&mut self, pair: Pair<'_, Rule>) -> Option<Primary> {
        let rule = pair.as_rule();
        if rule == Rule::literal {
            return Some(Primary::Kind(self.literal(pair.into_inner().next()?)));
        }
        let mut parts = meaningful(pair.clone());
        let mut expr =
            |this: &mut Self| -> Option<Box<Expr>> { Some(Box::new(this.expr(parts.next()?))) };
        Some(Primary::Kind(match rule {
            Rule::paren => return Some(Primary::Paren(*expr(self)?)),
            Rule::list => ExprKind::List(parts.map(|part| self.expr(part)).collect()),
            Rule::if_expr => ExprKind::If {
                condition: expr(self)?,
                then: expr(self)?,
                otherwise: expr(self)?,
            },
            Rule::match_expr => {
                let subject = expr(self)?;
                ExprKind::Match {
                    subject,
                    arms: parts.filter_map(|arm| self.arm(arm)).collect(),
                }
            }
            Rule::exists => {
                let right = self.aliased(parts.next()?)?;
                ExprKind::Exists {
                    right,
                    on: Box::new(self.expr(parts.next()?)),
                }
            }
            Rule::first => {
                let value = expr(self)?;
                let mut orders = Vec::new();
                for order in parts {
                    let mut order = order.into_inner();
                    let key = self.expr(order.next()?);
                    orders.push((
                        key,
                        order
                            .next()
                            .is_some_and(|direction| direction.as_str() == "desc"),
                    ));
                }
                ExprKind::First { value, orders }
            }
            Rule::call => {
                let function = self.name(parts.next()?)?;
                let (mut arguments, mut table) = (Vec::new(), None);
                for part in parts {
                    if part.as_rule() == Rule::call_for {
                        table = meaningful(part).next().and_then(|name| self.name(name));
                    } else {
                        arguments.push(self.expr(part));
                    }
                }
                ExprKind::Call {
                    function,
                    arguments,
                    table,
                }
            }
            Rule::lookup => {
                let table = self.path(parts.next()?)?;
                ExprKind::Lookup {
                    table,
                    key: Box::new(self.expr(parts.next()?)),
                }
            }
            Rule::path => {
                drop(parts);
                ExprKind::Path(self.path(pair)?)
            }
            _ => return None,
        }))
    }

    fn arm(&mut self, pair: Pair<'_, Rule>) -> Option<Arm> {
        let span = self.span(&pair);
        let mut parts = pair.into_inner();
        let head = parts.next()?;
        let mut values = Vec::new();
        if head.as_rule() == Rule::arm_values {
            for value in head.into_inner() {
                let span = self.span(&value);
                let negative = value.as_str().starts_with('-');
                let literal = value.into_inner().next()?.into_inner().next()?;
                let kind = self.literal(literal);
                let kind = match kind {
                    ExprKind::Int(number) if negative => ExprKind::Int(-number),
                    kind => kind,
                };
                values.push(Spanned::new(kind, span));
            }
        }
        Some(Arm {
            values,
            result: self.expr(parts.next()?),
            span,
        })
    }

    fn literal(&mut self, pair: Pair<'_, Rule>) -> ExprKind {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::null => ExprKind::Null,
            Rule::boolean => ExprKind::Bool(pair.as_str() == "true"),
            Rule::integer => self
                .integer(&pair)
                .map_or(ExprKind::Broken, |number| ExprKind::Int(number.node)),
            Rule::duration => self.duration(pair.as_str(), span),
            Rule::timestamp => {
                let text = pair
                    .into_inner()
                    .next()
                    .map(|text| self.plain_string(text).node)
                    .unwrap_or_default();
                match text.parse::<jiff::Timestamp>() {
                    Ok(moment) => ExprKind::Timestamp(moment.as_microsecond()),
                    Err(_) => {
                        self.report(
                            codes::E0002,
                            span,
                            "timestamp cannot be read",
                            "expected a form such as `t\"2014-01-01T00:00:00Z\"`",
                        );
                        ExprKind::Broken
                    }
                }
            }
            Rule::bytes => {
                let text = pair
                    .into_inner()
                    .next()
                    .map(|text| self.plain_string(text).node)
                    .unwrap_or_default();
                match decode_hex(&text) {
                    Some(bytes) => ExprKind::Bytes(bytes),
                    None => {
                        self.report(
                            codes::E0002,
                            span,
                            "bytes cannot be read",
                            "expected pairs of hexadecimal digits",
                        );
                        ExprKind::Broken
                    }
                }
            }
            Rule::string => ExprKind::Text(self.text_parts(pair)),
            _ => ExprKind::Broken,
        }
    }

    fn duration(&mut self, text: &str, span: Span) -> ExprKind {
        let digits_end = text
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        let scale: i64 = match unit {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => 604_800_000_000,
        };
        let number = digits
            .replace('_', "")
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(scale));
        match number {
            Some(micros) => ExprKind::Duration(micros),
            None => {
                self.report(
                    codes::E0002,
                    span,
                    "duration is too long",
                    "does not fit into 64 bits of microseconds",
                );
                ExprKind::Broken
            }
        }
    }

    fn text_parts(&mut self, pair: Pair<'_, Rule>) -> Vec<TextPart> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::escape => literal.extend(self.escape(&part)),
                Rule::interpolation => {
                    if !literal.is_empty() {
                        parts.push(TextPart::Literal(std::mem::take(&mut literal)));
                    }
                    parts.extend(
                        part.into_inner()
                            .next()
                            .map(|expr| TextPart::Expr(self.expr(expr))),
                    );
                }
                _ => literal.push_str(part.as_str()),
            }
        }
        if !literal.is_empty() || parts.is_empty() {
            parts.push(TextPart::Literal(literal));
        }
        parts
    }
}

enum Primary {
    Paren(Expr),
    Kind(ExprKind),
}

fn prefix(rule: Rule, operand: Expr) -> ExprKind {
    match (rule, operand.node) {
        (Rule::not, node) => ExprKind::Not(Box::new(Spanned::new(node, operand.span))),
        (_, ExprKind::Int(number)) => ExprKind::Int(number.wrapping_neg()),
        (_, node) => ExprKind::Negate(Box::new(Spanned::new(node, operand.span))),
    }
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

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .chars()
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| {
        pairs
            .iter()
            .filter_map(|[high, low]| u8::try_from(high * 16 + low).ok())
            .collect()
    })
}
