//! From pest's pairs to the tree: what stands between operators. The operators and the constants are
//! next door.

use pest::iterators::Pair;

use crate::base::Spanned;

use super::ast::*;
use super::build::{Builder, meaningful};
use super::grammar::Rule;

impl Builder<'_> {
    /// What stands between operators: a primary, perhaps with what happens when it fails.
    pub(super) fn operand(&mut self, pair: Pair<'_, Rule>) -> Expr {
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
            Rule::if_expr => {
                let mut branches = vec![Branch {
                    condition: *expr(self)?,
                    then: *expr(self)?,
                }];
                let mut otherwise = None;
                for part in parts {
                    if part.as_rule() == Rule::else_if {
                        let mut parts = meaningful(part);
                        branches.push(Branch {
                            condition: self.expr(parts.next()?),
                            then: self.expr(parts.next()?),
                        });
                    } else {
                        otherwise = Some(Box::new(self.expr(part)));
                    }
                }
                ExprKind::If {
                    branches,
                    otherwise: otherwise?,
                }
            }
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
                values.push(Spanned::new(self.signed(literal, negative), span));
            }
        }
        Some(Arm {
            values,
            result: self.expr(parts.next()?),
            span,
        })
    }

    pub(super) fn text_parts(&mut self, pair: Pair<'_, Rule>) -> Vec<TextPart> {
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
                _ => literal.push_str(self.text(&part)),
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
