//! From pest's pairs to the tree: items, relations and lines. Expressions are next door.

use std::ops::Range;

use pest::iterators::{Pair, Pairs};

use crate::base::{FileId, Span, Spanned};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};

use super::ast::*;
use super::error::syntax_error;
use super::grammar::{Rule, parse};
use super::nesting::{self, MAX_NESTING};
use super::scan::trimmed_length;

/// Builds the tree of one file.
pub(super) struct Builder<'d> {
    file: FileId,
    /// Where the chunk being built starts in the file.
    base: usize,
    /// How many levels of expressions are around the one being built.
    depth: usize,
    diagnostics: &'d mut Diagnostics,
}

type Parsed<'t> = Pair<'t, Rule>;

/// An item that could not be read.
pub(super) struct Unread {
    /// Where in the file a text begins that has no end, if that is what is wrong.
    pub(super) text: Option<usize>,
}

impl<'d> Builder<'d> {
    pub(super) fn new(file: FileId, diagnostics: &'d mut Diagnostics) -> Self {
        Self {
            file,
            base: 0,
            depth: 0,
            diagnostics,
        }
    }

    /// The documentation of the file.
    pub(super) fn header(&mut self, text: &str, range: Range<usize>) -> String {
        self.base = range.start;
        let chunk = text.get(range).unwrap_or_default();
        match parse(Rule::header, chunk) {
            Ok(pairs) => {
                let lines = pairs
                    .flatten()
                    .filter(|pair| pair.as_rule() == Rule::file_doc);
                doc_text(lines.map(|pair| pair.as_str()), "//!")
            }
            Err(error) => {
                let (diagnostic, _) = syntax_error(self.file, self.base, chunk, &error);
                self.diagnostics.push(diagnostic);
                String::new()
            }
        }
    }

    /// One item.
    ///
    /// # Errors
    /// What is wrong is reported already; where that is a text without end, it is said again.
    pub(super) fn item(&mut self, text: &str, range: Range<usize>) -> Result<Item, Unread> {
        self.base = range.start;
        self.depth = 0;
        let chunk = text.get(range).unwrap_or_default();
        if let Some(diagnostic) = nesting::check(self.file, self.base, chunk) {
            self.diagnostics.push(diagnostic);
            return Err(Unread { text: None });
        }
        let pairs = parse(Rule::chunk, chunk).map_err(|error| {
            let (diagnostic, quote) = syntax_error(self.file, self.base, chunk, &error);
            self.diagnostics.push(diagnostic);
            Unread {
                text: quote.map(|quote| self.base + quote),
            }
        })?;
        self.read_item(pairs).ok_or(Unread { text: None })
    }

    fn read_item(&mut self, mut pairs: Pairs<'_, Rule>) -> Option<Item> {
        let item = meaningful(pairs.next()?).next()?;
        let (docs, mut rest) = self.docs(item);
        let kind_pair = rest.next()?;
        let span = self.span(&kind_pair);
        let kind = self.item_kind(kind_pair)?;
        Some(Item { docs, kind, span })
    }

    fn item_kind(&mut self, pair: Parsed<'_>) -> Option<ItemKind> {
        let rule = pair.as_rule();
        let mut parts = meaningful(pair);
        Some(match rule {
            Rule::mapping_item => ItemKind::Mapping(self.name(parts.next()?)?),
            Rule::source_item => ItemKind::Source(self.name(parts.next()?)?),
            Rule::target_item => ItemKind::Target(self.name(parts.next()?)?),
            Rule::param_item => {
                let name = self.name(parts.next()?)?;
                let ty = self.type_name(parts.next()?)?;
                let default = match parts.next() {
                    Some(default) => Some(self.param_default(default)?),
                    None => None,
                };
                ItemKind::Param(Param { name, ty, default })
            }
            Rule::reason_item => self.reason(parts)?,
            Rule::broadcast_item => {
                let name = self.name(parts.next()?)?;
                let side = parts.next()?;
                let side = Spanned::new(side.as_str().to_owned(), self.span(&side));
                let table = self.name(parts.next()?)?;
                let limit = parts.next().and_then(|limit| {
                    let span = self.span(&limit);
                    match self.literal(limit) {
                        ExprKind::Int(number) => Some(Spanned::new(
                            u64::try_from(number).unwrap_or(u64::MAX),
                            span,
                        )),
                        _ => None,
                    }
                });
                ItemKind::Broadcast(Broadcast {
                    name,
                    side,
                    table,
                    limit,
                })
            }
            Rule::view_item => self.view(parts)?,
            Rule::map_item => {
                let name = self.name(parts.next()?)?;
                let (relation, rest) = self.relation(parts)?;
                let lines = rest
                    .into_iter()
                    .filter_map(|line| self.line(line))
                    .collect();
                ItemKind::Map(Map {
                    name,
                    relation,
                    lines,
                })
            }
            _ => return None,
        })
    }

    fn param_default(&mut self, pair: Parsed<'_>) -> Option<ParamDefault> {
        let inner = pair.into_inner().next()?;
        Some(match inner.as_rule() {
            Rule::severity_word => {
                ParamDefault::Severity(Spanned::new(inner.as_str().to_owned(), self.span(&inner)))
            }
            Rule::empty_map => ParamDefault::EmptyMap(self.span(&inner)),
            _ => ParamDefault::Expr(self.expr(inner)),
        })
    }

    fn reason<'t>(&mut self, mut parts: impl Iterator<Item = Parsed<'t>>) -> Option<ItemKind> {
        let name = self.name(parts.next()?)?;
        let severity_pair = parts.next()?.into_inner().next()?;
        let severity = if severity_pair.as_rule() == Rule::severity_word {
            ReasonSeverity::Fixed(Spanned::new(
                severity_pair.as_str().to_owned(),
                self.span(&severity_pair),
            ))
        } else {
            ReasonSeverity::Param(self.name(severity_pair)?)
        };
        let meaning = self.plain_string(parts.next()?);
        let (mut help, mut sql) = (None, None);
        for part in parts {
            let rule = part.as_rule();
            let text = part.into_inner().next().map(|text| self.plain_string(text));
            if rule == Rule::reason_help {
                help = text
            } else {
                sql = text
            }
        }
        Some(ItemKind::Reason(Reason {
            name,
            severity,
            meaning,
            help,
            sql,
        }))
    }

    fn view<'t>(&mut self, mut parts: impl Iterator<Item = Parsed<'t>>) -> Option<ItemKind> {
        let name = self.name(parts.next()?)?;
        let (relation, rest) = self.relation(parts)?;
        let (mut filter, mut group, mut lines) = (None, Vec::new(), Vec::new());
        for part in rest {
            match part.as_rule() {
                Rule::where_clause => filter = meaningful(part).next().map(|expr| self.expr(expr)),
                Rule::group_clause => {
                    for path in meaningful(part) {
                        let span = self.span(&path);
                        group.push(Spanned::new(ExprKind::Path(self.path(path)?), span));
                    }
                }
                _ => lines.extend(self.line(part)),
            }
        }
        Some(ItemKind::View(View {
            name,
            relation,
            filter,
            group,
            lines,
        }))
    }

    /// `from … join …`, and the parts after it.
    fn relation<'t>(
        &mut self,
        mut parts: impl Iterator<Item = Parsed<'t>>,
    ) -> Option<(Relation, Vec<Parsed<'t>>)> {
        let from = self.aliased(meaningful(parts.next()?).next()?)?;
        let mut joins = Vec::new();
        let mut rest = Vec::new();
        for part in parts {
            if part.as_rule() == Rule::join {
                joins.push(self.join(part)?);
            } else {
                rest.push(part);
            }
        }
        Some((Relation { from, joins }, rest))
    }

    fn join(&mut self, pair: Parsed<'_>) -> Option<Join> {
        let span = self.span(&pair);
        let mut parts = meaningful(pair);
        let kind = match parts.next()?.into_inner().next()?.as_rule() {
            Rule::left_join => JoinKind::Left,
            Rule::join_many => JoinKind::Many,
            _ => JoinKind::Inner,
        };
        let right = self.aliased(parts.next()?)?;
        let on = self.expr(parts.next()?);
        let (mut otherwise, mut skipped) = (None, None);
        for part in parts {
            let rule = part.as_rule();
            let fate = meaningful(part).find(|part| part.as_rule() == Rule::fate);
            let fate = fate.and_then(|fate| self.fate(fate));
            if rule == Rule::join_else {
                otherwise = fate
            } else {
                skipped = fate
            }
        }
        Some(Join {
            kind,
            right,
            on,
            otherwise,
            skipped,
            span,
        })
    }

    /// `relation as alias`; without `as`, the relation goes by its own name.
    pub(super) fn aliased(&mut self, pair: Parsed<'_>) -> Option<Aliased> {
        let mut parts = meaningful(pair);
        let relation = self.name(parts.next()?)?;
        let alias = match parts.next() {
            Some(alias) => self.name(alias)?,
            None => relation.clone(),
        };
        Some(Aliased { relation, alias })
    }

    pub(super) fn fate(&mut self, pair: Parsed<'_>) -> Option<Fate> {
        let kind = if pair.as_str().starts_with("skip") {
            FateKind::Skip
        } else {
            FateKind::Fail
        };
        let reason = self.name(meaningful(pair).next()?)?;
        Some(Fate { kind, reason })
    }

    fn line(&mut self, pair: Parsed<'_>) -> Option<Line> {
        if !matches!(pair.as_rule(), Rule::view_line | Rule::map_line) {
            return None;
        }
        let (docs, mut rest) = self.docs(pair);
        let pair = rest.next()?;
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let text = pair.as_str();
        let mut parts = meaningful(pair);
        let kind = match rule {
            Rule::clause => {
                let kind = if text.starts_with("skip") {
                    ClauseKind::Skip
                } else if text.starts_with("fail") {
                    ClauseKind::Fail
                } else {
                    ClauseKind::Warn
                };
                let reason = self.name(parts.next()?)?;
                LineKind::Clause {
                    kind,
                    reason,
                    when: self.expr(parts.next()?),
                }
            }
            Rule::let_line => {
                let name = self.name(parts.next()?)?;
                let mut next = parts.next()?;
                let mut ty = None;
                if next.as_rule() == Rule::type_name {
                    ty = self.type_name(next);
                    next = parts.next()?;
                }
                LineKind::Let {
                    name,
                    ty,
                    value: self.expr(next),
                }
            }
            Rule::field => {
                let name = self.name(parts.next()?)?;
                LineKind::Field {
                    name,
                    value: self.expr(parts.next()?),
                }
            }
            Rule::into => LineKind::Into(self.into(span, parts)?),
            Rule::otherwise_line => LineKind::Otherwise(self.fate(parts.next()?)?),
            _ => return None,
        };
        Some(Line { docs, kind, span })
    }

    fn into<'t>(
        &mut self,
        span: Span,
        mut parts: impl Iterator<Item = Parsed<'t>>,
    ) -> Option<Into> {
        let table = self.name(parts.next()?)?;
        let mut condition = IntoCondition::Always;
        let mut rules = Vec::new();
        for part in parts {
            if part.as_rule() == Rule::into_when {
                let place = self.span(&part);
                condition = match meaningful(part).next() {
                    Some(expr) => IntoCondition::When(self.expr(expr)),
                    None => IntoCondition::Otherwise(place),
                };
            } else {
                let (docs, mut rest) = self.docs(part);
                let column = self.name(rest.next()?)?;
                rules.push(super::ast::Rule {
                    docs,
                    column,
                    value: self.expr(rest.next()?),
                });
            }
        }
        Some(Into {
            table,
            condition,
            rules,
            span,
        })
    }

    /// The documentation lines a pair begins with, and its other parts.
    fn docs<'t>(&mut self, pair: Parsed<'t>) -> (String, std::vec::IntoIter<Parsed<'t>>) {
        let (docs, rest): (Vec<_>, Vec<_>) =
            meaningful(pair).partition(|part| part.as_rule() == Rule::doc);
        (
            doc_text(docs.iter().map(|pair| pair.as_str()), "///"),
            rest.into_iter(),
        )
    }

    pub(super) fn type_name(&mut self, pair: Parsed<'_>) -> Option<TypeName> {
        let span = self.span(&pair);
        let inner = pair.into_inner().next()?;
        if inner.as_rule() == Rule::map_type {
            let word = Spanned::new("map".to_owned(), self.span(&inner));
            let arguments = inner
                .into_inner()
                .filter_map(|part| self.type_name(part))
                .collect();
            return Some(TypeName {
                word,
                arguments,
                nullable: false,
                span,
            });
        }
        let mut parts = inner.into_inner();
        let word = parts.next()?;
        let word = Spanned::new(word.as_str().to_owned(), self.span(&word));
        Some(TypeName {
            word,
            arguments: Vec::new(),
            nullable: parts.next().is_some(),
            span,
        })
    }

    pub(super) fn name(&mut self, pair: Parsed<'_>) -> Option<Name> {
        let span = self.span(&pair);
        let text = pair.as_str();
        let text = text
            .strip_prefix('`')
            .and_then(|text| text.strip_suffix('`'))
            .unwrap_or(text);
        (pair.as_rule() == Rule::name).then(|| Spanned::new(text.to_owned(), span))
    }

    pub(super) fn path(&mut self, pair: Parsed<'_>) -> Option<Path> {
        let span = self.span(&pair);
        let names: Vec<Name> = pair
            .into_inner()
            .filter_map(|part| self.name(part))
            .collect();
        (!names.is_empty()).then_some(Path { names, span })
    }

    /// Text without interpolation.
    pub(super) fn plain_string(&mut self, pair: Parsed<'_>) -> Spanned<String> {
        let span = self.span(&pair);
        let mut text = String::new();
        for part in pair.into_inner() {
            if part.as_rule() == Rule::escape {
                text.extend(self.escape(&part));
            } else {
                text.push_str(self.text(&part));
            }
        }
        Spanned::new(text, span)
    }

    /// A piece of text as it stands; U+0000, which PostgreSQL's texts cannot hold, is reported.
    pub(super) fn text<'t>(&mut self, pair: &Parsed<'t>) -> &'t str {
        let text = pair.as_str();
        if let Some(zero) = text.find('\0') {
            let at = self.base + pair.as_span().start() + zero;
            let place = Span::new(self.file, at, at + 1);
            self.report(
                codes::E0002,
                place,
                "U+0000 is no character that a text can hold",
                "a byte of zero",
            );
        }
        text
    }

    pub(super) fn escape(&mut self, pair: &Parsed<'_>) -> Option<char> {
        let code = pair.as_str().strip_prefix('\\')?;
        match code.chars().next()? {
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => {
                let digits = code.get(2..code.len() - 1).unwrap_or_default();
                let found = u32::from_str_radix(digits, 16)
                    .ok()
                    .and_then(char::from_u32)
                    .filter(|c| *c != '\0');
                if found.is_none() {
                    let span = self.span(pair);
                    self.report(
                        codes::E0002,
                        span,
                        format!("`{}` is no character that a text can hold", pair.as_str()),
                        "not a Unicode scalar value, or zero",
                    );
                }
                found
            }
            other => Some(other),
        }
    }

    /// Goes so many levels down; reports and says so where that is too deep.
    pub(super) fn enter(&mut self, levels: usize, place: Span) -> bool {
        if self.depth + levels > MAX_NESTING {
            self.diagnostics.push(nesting::too_deep(place));
            return false;
        }
        self.depth += levels;
        true
    }

    /// Comes back from so many levels.
    pub(super) fn leave(&mut self, levels: usize) {
        self.depth = self.depth.saturating_sub(levels);
    }

    pub(super) fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn report(
        &mut self,
        code: crate::diagnostics::Code,
        span: Span,
        message: impl std::convert::Into<String>,
        label: impl std::convert::Into<String>,
    ) {
        self.diagnostics
            .push(Diagnostic::error(code, message).primary(span, label));
    }

    pub(super) fn span(&self, pair: &Parsed<'_>) -> Span {
        let span = pair.as_span();
        // A rule's span can take in the blanks and comments before its missing optional end.
        let length = trimmed_length(pair.as_str());
        Span::new(
            self.file,
            self.base + span.start(),
            self.base + span.start() + length,
        )
    }
}

/// The parts of a pair without keywords and the end of input.
pub(super) fn meaningful(pair: Parsed<'_>) -> impl Iterator<Item = Parsed<'_>> {
    pair.into_inner().filter(|part| !is_keyword(part.as_rule()))
}

fn is_keyword(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::kw_and
            | Rule::kw_as
            | Rule::kw_broadcast
            | Rule::kw_by
            | Rule::kw_else
            | Rule::kw_exists
            | Rule::kw_fail
            | Rule::kw_from
            | Rule::kw_for
            | Rule::kw_many
            | Rule::kw_group
            | Rule::kw_if
            | Rule::kw_in
            | Rule::kw_into
            | Rule::kw_is
            | Rule::kw_join
            | Rule::kw_left
            | Rule::kw_let
            | Rule::kw_map
            | Rule::kw_mapping
            | Rule::kw_match
            | Rule::kw_not
            | Rule::kw_null
            | Rule::kw_on
            | Rule::kw_or
            | Rule::kw_otherwise
            | Rule::kw_param
            | Rule::kw_reason
            | Rule::kw_skip
            | Rule::kw_source
            | Rule::kw_target
            | Rule::kw_then
            | Rule::kw_view
            | Rule::kw_warn
            | Rule::kw_when
            | Rule::kw_where
            | Rule::EOI
    )
}

/// Documentation without its marks and the blank behind them.
fn doc_text<'t>(lines: impl Iterator<Item = &'t str>, mark: &str) -> String {
    let lines: Vec<&str> = lines
        .map(|line| {
            let text = line.strip_prefix(mark).unwrap_or(line);
            text.strip_prefix(' ').unwrap_or(text).trim_end()
        })
        .collect();
    lines.join("\n")
}
