//! From pest's pairs to the tree: constants.

use pest::iterators::Pair;

use crate::base::Spanned;
use crate::diagnostics::{Diagnostic, codes};
use crate::types::written::{self, Precision};

use super::ast::ExprKind;
use super::build::Builder;
use super::grammar::Rule;

impl Builder<'_> {
    /// A constant with a `-` before it or none; the sign of what has none is left for the checker.
    pub(super) fn signed(&mut self, pair: Pair<'_, Rule>, negative: bool) -> ExprKind {
        let span = self.span(&pair);
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{}", pair.as_str());
        match pair.as_rule() {
            Rule::integer => match written::integer(&text) {
                Some(number) => ExprKind::Int(number),
                None => self.unreadable(
                    span,
                    "whole number is too large",
                    "does not fit into 64 bits",
                ),
            },
            Rule::duration => match written::duration(&text) {
                Some(micros) => ExprKind::Duration(micros),
                None => self.unreadable(
                    span,
                    "duration is too long",
                    "does not fit into 64 bits of microseconds",
                ),
            },
            _ => {
                let constant = self.literal(pair);
                if negative {
                    ExprKind::Negate(Box::new(Spanned::new(constant, span)))
                } else {
                    constant
                }
            }
        }
    }

    /// A constant.
    pub(super) fn literal(&mut self, pair: Pair<'_, Rule>) -> ExprKind {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::null => ExprKind::Null,
            Rule::boolean => ExprKind::Bool(pair.as_str() == "true"),
            Rule::integer | Rule::duration => self.signed(pair, false),
            Rule::timestamp => {
                let text = self.inner_text(pair);
                match written::timestamp(&text, Precision::Exact) {
                    Ok(moment) => ExprKind::Timestamp(moment),
                    Err(why) => {
                        let diagnostic =
                            Diagnostic::error(codes::E0002, "timestamp cannot be read")
                                .primary(span, why)
                                .help("write a form such as `t\"2014-01-01T00:00:00Z\"`");
                        self.diagnostic(diagnostic);
                        ExprKind::Broken
                    }
                }
            }
            Rule::bytes => {
                let text = self.inner_text(pair);
                match written::bytes(&text) {
                    Some(bytes) => ExprKind::Bytes(bytes),
                    None => self.unreadable(
                        span,
                        "bytes cannot be read",
                        "expected pairs of hexadecimal digits",
                    ),
                }
            }
            Rule::string => ExprKind::Text(self.text_parts(pair)),
            _ => ExprKind::Broken,
        }
    }

    fn inner_text(&mut self, pair: Pair<'_, Rule>) -> String {
        pair.into_inner()
            .next()
            .map(|text| self.plain_string(text).node)
            .unwrap_or_default()
    }

    fn unreadable(&mut self, span: crate::base::Span, message: &str, label: &str) -> ExprKind {
        self.report(codes::E0002, span, message, label);
        ExprKind::Broken
    }
}
