//! The checker's state over a whole file, and the items that are no blocks: parameters, reasons,
//! broadcast relations.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::base::Span;
use crate::catalog::{Catalog, Table};
use crate::diagnostics::{Diagnostic, Diagnostics, codes, suggest};
use crate::syntax::ast::{self, ItemKind, ParamDefault};
use crate::types::{OwnedValue, SeverityValue, Ty, Type};

use super::block;
use super::ir::{self, Side};
use super::order;
use super::relations::{column, unknown_table};

/// How many rows a broadcast relation may have where no limit is written.
const DEFAULT_BROADCAST_LIMIT: u64 = 100_000;

/// Everything known so far of the file being checked.
pub(super) struct Checker<'c, 'd> {
    pub(super) source: &'c Catalog,
    pub(super) target: &'c Catalog,
    pub(super) diagnostics: &'d mut Diagnostics,
    pub(super) params: Vec<ir::Param>,
    pub(super) reasons: Vec<ir::Reason>,
    pub(super) scans: Vec<ir::Scan>,
    pub(super) broadcasts: Vec<ir::Broadcast>,
    pub(super) frames: Vec<ir::Frame>,
    pub(super) targets: Vec<TargetDraft<'c>>,
    pub(super) used: Used,
    /// Declared names with their first place: relations, parameters and reasons apart.
    declared: [HashMap<String, Span>; 3],
    /// Blocks that could not be checked: naming them is no further mistake.
    pub(super) broken: HashSet<String>,
    /// Reasons whose severity is unknown: using them is no further mistake.
    pub(super) vague_reasons: HashSet<usize>,
}

/// What was used, for the lint.
#[derive(Default)]
pub(super) struct Used {
    pub(super) params: HashSet<usize>,
    pub(super) reasons: HashSet<usize>,
    pub(super) frames: HashSet<usize>,
    pub(super) broadcasts: HashSet<usize>,
    /// Locals of frames.
    pub(super) locals: HashSet<(usize, usize)>,
}

/// A target table while blocks are read: which columns its first `into` sets, and where.
pub(super) struct TargetDraft<'c> {
    pub(super) table: &'c str,
    pub(super) definition: &'c Table,
    pub(super) columns: Vec<String>,
    pub(super) span: Span,
}

#[derive(Clone, Copy)]
enum Space {
    Relations,
    Maps,
    Params,
    Reasons,
}

impl<'c, 'd> Checker<'c, 'd> {
    pub(super) fn new(
        source: &'c Catalog,
        target: &'c Catalog,
        diagnostics: &'d mut Diagnostics,
    ) -> Self {
        Self {
            source,
            target,
            diagnostics,
            params: Vec::new(),
            reasons: Vec::new(),
            scans: Vec::new(),
            broadcasts: Vec::new(),
            frames: Vec::new(),
            targets: Vec::new(),
            used: Used::default(),
            declared: Default::default(),
            broken: HashSet::new(),
            vague_reasons: HashSet::new(),
        }
    }

    /// Checks all items: declarations first, then the blocks in the order they build on each other.
    pub(super) fn items(&mut self, file: &ast::File) {
        // A map's name may be that of a table, which can be read all the same.
        let unread = file.broken.iter().filter(|(word, name)| {
            word != "map" || !self.source.tables.contains_key(name.as_str())
        });
        self.broken.extend(unread.map(|(_, name)| name.clone()));
        for item in &file.items {
            match &item.kind {
                ItemKind::Param(param) => self.param(param, &item.docs),
                ItemKind::Broadcast(broadcast) => self.broadcast(broadcast),
                ItemKind::View(view) => self.declare(Space::Relations, &view.name),
                ItemKind::Map(map) => self.declare(Space::Maps, &map.name),
                ItemKind::Mapping(_)
                | ItemKind::Source(_)
                | ItemKind::Target(_)
                | ItemKind::Reason(_) => {}
            }
        }
        for item in &file.items {
            if let ItemKind::Reason(reason) = &item.kind {
                self.reason(reason);
            }
        }
        let blocks = order::sorted(file, self.diagnostics);
        let sorted: HashSet<&str> = blocks
            .iter()
            .map(|(block, _)| block.name().node.as_str())
            .collect();
        for item in &file.items {
            if let ItemKind::View(view) = &item.kind
                && !sorted.contains(view.name.node.as_str())
            {
                self.broken.insert(view.name.node.clone());
            }
        }
        for (block, docs) in blocks {
            block::check(self, block, docs);
        }
    }

    /// The typed mapping of everything read.
    pub(super) fn finish(self, name: String, docs: String) -> ir::Mapping {
        let targets = self
            .targets
            .iter()
            .map(|draft| ir::Target {
                table: draft.table.to_owned(),
                columns: draft
                    .columns
                    .iter()
                    .filter_map(|name| draft.definition.column(name))
                    .map(column)
                    .collect(),
            })
            .collect();
        ir::Mapping {
            name,
            docs,
            source: self.source.catalog.clone(),
            target: self.target.catalog.clone(),
            params: self.params,
            reasons: self.reasons,
            scans: self.scans,
            broadcasts: self.broadcasts,
            frames: self.frames,
            targets,
            sound: !self.diagnostics.has_errors(),
        }
    }

    fn declare(&mut self, space: Space, name: &ast::Name) {
        // Nothing reads a map, so it can have the name of a table.
        if matches!(space, Space::Relations) && self.source.tables.contains_key(&name.node) {
            let diagnostic = Diagnostic::error(
                codes::E0106,
                format!("`{}` is a table of the source already", name.node),
            )
            .primary(name.span, "needs another name")
            .note(format!(
                "catalog `{}` has a table of that name, which blocks read under it",
                self.source.catalog
            ));
            self.diagnostics.push(diagnostic);
        }
        let [relations, params, reasons] = &mut self.declared;
        let names = match space {
            Space::Relations | Space::Maps => relations,
            Space::Params => params,
            Space::Reasons => reasons,
        };
        let first = *names.entry(name.node.clone()).or_insert(name.span);
        if first != name.span {
            self.diagnostics.push(duplicate(name, first));
        }
    }

    fn param(&mut self, param: &ast::Param, docs: &str) {
        self.declare(Space::Params, &param.name);
        let ty = self.type_of(&param.ty);
        let default = param
            .default
            .as_ref()
            .map(|default| self.param_default(default, &ty));
        self.params.push(ir::Param {
            name: param.name.node.clone(),
            docs: docs.to_owned(),
            ty,
            default,
            span: param.name.span,
        });
    }

    fn param_default(&mut self, default: &ParamDefault, ty: &Type) -> OwnedValue {
        let (value, found, span) = match default {
            ParamDefault::Severity(word) => (
                OwnedValue::Severity(severity(&word.node)),
                Type::required(Ty::Severity),
                word.span,
            ),
            ParamDefault::EmptyMap(span) => (OwnedValue::Map(BTreeMap::new()), ty.clone(), *span),
            ParamDefault::Expr(expr) => match constant(expr) {
                Some((value, found)) => (value, found, expr.span),
                None => {
                    let diagnostic =
                        Diagnostic::error(codes::E0211, "default of a parameter is not constant")
                            .primary(expr.span, "expected a literal");
                    self.diagnostics.push(diagnostic);
                    return OwnedValue::Null;
                }
            },
        };
        let map_for_other = matches!(default, ParamDefault::EmptyMap(_))
            && !matches!(ty.ty, Ty::Map(..) | Ty::Error);
        let fits = ty
            .join(&found)
            .is_some_and(|joined| joined == *ty || joined.is_error())
            && !map_for_other;
        if !fits {
            let found = if map_for_other {
                "a look-up table".to_owned()
            } else {
                format!("`{found}`")
            };
            let diagnostic = Diagnostic::error(
                codes::E0201,
                format!("default of a parameter: expected `{ty}`, found {found}"),
            )
            .primary(span, format!("{found}, not `{ty}`"));
            self.diagnostics.push(diagnostic);
        }
        value
    }

    fn reason(&mut self, reason: &ast::Reason) {
        self.declare(Space::Reasons, &reason.name);
        if let Some(builtin) = BUILTIN_REASONS
            .iter()
            .find(|builtin| **builtin == reason.name.node)
        {
            let diagnostic = Diagnostic::error(
                codes::E0106,
                format!("`{builtin}` is a reason of the language itself"),
            )
            .primary(reason.name.span, "needs another name");
            self.diagnostics.push(diagnostic);
        }
        let severity = match &reason.severity {
            ast::ReasonSeverity::Fixed(word) => ir::ReasonSeverity::Fixed(severity(&word.node)),
            ast::ReasonSeverity::Param(name) => self.severity_param(name).unwrap_or_else(|| {
                self.vague_reasons.insert(self.reasons.len());
                ir::ReasonSeverity::Fixed(SeverityValue::Error)
            }),
        };
        self.reasons.push(ir::Reason {
            name: reason.name.node.clone(),
            severity,
            meaning: reason.meaning.node.clone(),
            help: reason
                .help
                .as_ref()
                .map(|help| help.node.clone())
                .unwrap_or_default(),
            sql: reason.sql.as_ref().map(|sql| sql.node.clone()),
            span: reason.name.span,
        });
    }

    /// The parameter that a reason's severity comes from; reports what is none.
    fn severity_param(&mut self, name: &ast::Name) -> Option<ir::ReasonSeverity> {
        let index = self.params.iter().position(|param| param.name == name.node);
        match index.and_then(|index| Some((index, self.params.get(index)?))) {
            Some((index, param)) if param.ty.ty == Ty::Severity || param.ty.is_error() => {
                self.used.params.insert(index);
                return Some(ir::ReasonSeverity::Param(index));
            }
            Some((_, param)) => {
                let diagnostic = Diagnostic::error(
                    codes::E0201,
                    format!(
                        "expected a parameter of type `severity`, found `{}`",
                        param.ty
                    ),
                )
                .primary(name.span, format!("`{}`", param.ty))
                .secondary(param.span, "declared here");
                self.diagnostics.push(diagnostic);
            }
            None => {
                let candidates = self
                    .params
                    .iter()
                    .filter(|param| param.ty.ty == Ty::Severity);
                let mut diagnostic =
                    Diagnostic::error(codes::E0103, format!("no parameter `{}`", name.node))
                        .primary(name.span, "not declared");
                if let Some(help) =
                    suggest::help(&name.node, candidates.map(|param| param.name.as_str()))
                {
                    diagnostic = diagnostic.help(help);
                }
                self.diagnostics.push(diagnostic);
            }
        }
        None
    }

    fn broadcast(&mut self, broadcast: &ast::Broadcast) {
        self.declare(Space::Relations, &broadcast.name);
        let side = if broadcast.side.node == "source" {
            Side::Source
        } else {
            Side::Target
        };
        let catalog = match side {
            Side::Source => self.source,
            Side::Target => self.target,
        };
        if !catalog.tables.contains_key(&broadcast.table.node) {
            self.diagnostics
                .push(unknown_table(&broadcast.table, catalog));
            self.broken.insert(broadcast.name.node.clone());
        }
        self.broadcasts.push(ir::Broadcast {
            name: broadcast.name.node.clone(),
            side,
            table: broadcast.table.node.clone(),
            columns: Vec::new(),
            limit: broadcast
                .limit
                .as_ref()
                .map_or(DEFAULT_BROADCAST_LIMIT, |limit| limit.node),
            span: broadcast.name.span,
        });
    }

    /// The number of a reason; reports an unknown one.
    pub(super) fn find_reason(&mut self, name: &ast::Name) -> Option<usize> {
        let found = self
            .reasons
            .iter()
            .position(|reason| reason.name == name.node);
        if let Some(index) = found {
            self.used.reasons.insert(index);
            return Some(index);
        }
        if self.broken.contains(&name.node) {
            return None;
        }
        let mut diagnostic = Diagnostic::error(codes::E0105, format!("no reason `{}`", name.node))
            .primary(name.span, "not declared");
        if let Some(help) = suggest::help(
            &name.node,
            self.reasons.iter().map(|reason| reason.name.as_str()),
        ) {
            diagnostic = diagnostic.help(help);
        } else {
            diagnostic = diagnostic.help(format!("declare it: `reason {} warn \"…\"`", name.node));
        }
        self.diagnostics.push(diagnostic);
        None
    }
}

/// The reasons that every plan has, in the order of their numbers.
const BUILTIN_REASONS: [&str; 5] = [
    "owner_not_migrated",
    "arithmetic_overflow",
    "value_out_of_range",
    "dangling_reference",
    "duplicate_key",
];

fn duplicate(name: &ast::Name, first: Span) -> Diagnostic {
    Diagnostic::error(codes::E0106, format!("`{}` is declared twice", name.node))
        .primary(name.span, "declared again")
        .secondary(first, "first declared here")
}

fn severity(word: &str) -> SeverityValue {
    match word {
        "warn" => SeverityValue::Warn,
        "quiet" => SeverityValue::Quiet,
        _ => SeverityValue::Error,
    }
}

/// The value of a literal.
pub(super) fn constant(expr: &ast::Expr) -> Option<(OwnedValue, Type)> {
    Some(match &expr.node {
        ast::ExprKind::Null => (OwnedValue::Null, Type::nullable(Ty::Null)),
        ast::ExprKind::Bool(value) => (OwnedValue::Bool(*value), Type::required(Ty::Bool)),
        ast::ExprKind::Int(value) => (OwnedValue::Int(*value), Type::required(Ty::Int)),
        ast::ExprKind::Bytes(value) => {
            (OwnedValue::Bytes(value.clone()), Type::required(Ty::Bytes))
        }
        ast::ExprKind::Timestamp(value) => {
            (OwnedValue::Timestamp(*value), Type::required(Ty::Timestamp))
        }
        ast::ExprKind::Duration(value) => {
            (OwnedValue::Duration(*value), Type::required(Ty::Duration))
        }
        ast::ExprKind::Text(parts) => match parts.as_slice() {
            [ast::TextPart::Literal(text)] => {
                (OwnedValue::Text(text.clone()), Type::required(Ty::Text))
            }
            _ => return None,
        },
        ast::ExprKind::Broken => (OwnedValue::Null, Type::error()),
        _ => return None,
    })
}
