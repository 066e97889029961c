//! Names in expressions: values of the block, parameters, columns and fields.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::syntax::ast;
use crate::types::{Ty, Type};

use super::block::BlockChecker;
use super::expression::same_column;
use super::facts::Fact;
use super::ir::{Expr, ExprKind, Relation};

impl BlockChecker<'_, '_, '_> {
    /// `name` or `alias.name`.
    pub(super) fn path(&mut self, path: &ast::Path) -> Expr {
        let span = path.span;
        match path.names.as_slice() {
            [name] => self.simple_name(name, span),
            [alias, name] => self.qualified(alias, name, span),
            _ => Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            },
        }
    }

    fn simple_name(&mut self, name: &ast::Name, span: Span) -> Expr {
        if self.broken.contains(&name.node) || self.checker.broken.contains(&name.node) {
            return Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            };
        }
        if let Some(index) = self.names.get(&name.node).copied() {
            self.used_locals.insert(index);
            let ty = self
                .frame
                .locals
                .get(index)
                .map_or_else(Type::error, |local| local.value.ty.clone());
            let ty = if self.known(Fact::Local(index)) {
                Type::required(ty.ty)
            } else {
                ty
            };
            return Expr {
                kind: ExprKind::Local(index),
                ty,
                span,
            };
        }
        if let Some(index) = self
            .checker
            .params
            .iter()
            .position(|param| param.name == name.node)
        {
            self.checker.used.params.insert(index);
            let ty = self
                .checker
                .params
                .get(index)
                .map_or_else(Type::error, |param| param.ty.clone());
            if matches!(ty.ty, Ty::Map(..) | Ty::Severity) {
                let diagnostic = Diagnostic::error(codes::E0201, format!("parameter `{}` of type `{ty}` is no value", name.node))
                    .primary(span, format!("`{ty}`"))
                    .note("a look-up table is read by `table[key]` or `key in table`; a severity belongs to a reason");
                return self.wrong(diagnostic, span);
            }
            return Expr {
                kind: ExprKind::Param(index),
                ty,
                span,
            };
        }
        let is_alias = self.frame.slots.iter().any(|slot| slot.alias == name.node);
        let mut diagnostic = Diagnostic::error(codes::E0103, format!("no value `{}`", name.node));
        if is_alias {
            diagnostic = diagnostic
                .primary(span, "a relation, not a value")
                .help(format!(
                    "name a column: `{}.…`, or ask `{} is not null`",
                    name.node, name.node
                ));
            return self.wrong(diagnostic, span);
        }
        if let Some(place) = self.defined.get(&name.node) {
            let diagnostic = Diagnostic::error(
                codes::E0103,
                format!("`{}` is not known yet", name.node),
            )
            .primary(span, "used before its own line has been read")
            .secondary(*place, "defined here")
            .help(if self.in_condition {
                "joins are made before the lines: compute it in a field of a view, and join that"
            } else {
                "fields and `let`s can be used in the lines below them: move the definition up"
            });
            return self.wrong(diagnostic, span);
        }
        diagnostic = diagnostic.primary(span, "neither a value of this block nor a parameter");
        let locals = self.frame.locals.iter().map(|local| local.name.as_str());
        let params = self.checker.params.iter().map(|param| param.name.as_str());
        let owner = self
            .frame
            .slots
            .iter()
            .find(|slot| self.columns_of(slot.relation).contains(&name.node.as_str()));
        if let Some(slot) = owner {
            diagnostic = diagnostic.help(format!(
                "columns are named with their relation: `{}.{}`",
                slot.alias, name.node
            ));
        } else if let Some(near) = suggest::nearest(&name.node, locals.chain(params)) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        self.wrong(diagnostic, span)
    }

    fn qualified(&mut self, alias: &ast::Name, name: &ast::Name, span: Span) -> Expr {
        let error = Expr {
            kind: ExprKind::Error,
            ty: Type::error(),
            span,
        };
        if self.broken.contains(&alias.node) {
            return error;
        }
        let Some(slot) = self
            .frame
            .slots
            .iter()
            .position(|slot| slot.alias == alias.node)
        else {
            let mut diagnostic = Diagnostic::error(
                codes::E0103,
                format!("no relation `{}` in this block", alias.node),
            )
            .primary(alias.span, "not named by `from`, `join` or `exists`");
            if let Some(help) = suggest::help(
                &alias.node,
                self.frame.slots.iter().map(|slot| slot.alias.as_str()),
            ) {
                diagnostic = diagnostic.help(help);
            }
            return self.wrong(diagnostic, span);
        };
        self.used_slots.insert(slot);
        let Some((relation, optional)) = self
            .frame
            .slots
            .get(slot)
            .map(|slot| (slot.relation, slot.optional))
        else {
            return error;
        };
        let (kind, ty, fact) = match relation {
            Relation::Frame(index) => {
                let found = self.checker.frames.get(index).and_then(|frame| {
                    frame
                        .locals
                        .iter()
                        .position(|local| local.is_field && local.name == name.node)
                        .zip(Some(frame))
                });
                match found {
                    Some((local, frame)) => {
                        let ty = frame
                            .locals
                            .get(local)
                            .map_or_else(Type::error, |local| local.value.ty.clone());
                        self.checker.used.locals.insert((index, local));
                        (
                            ExprKind::Field { slot, local },
                            ty,
                            Fact::Field(slot, local),
                        )
                    }
                    None => return self.unknown_column(relation, name, span),
                }
            }
            Relation::Scan(_) | Relation::Broadcast(_) => {
                match self.checker.read_column(relation, &name.node) {
                    Some(column) => (
                        ExprKind::Column { slot, column },
                        self.column_type(relation, column),
                        Fact::Column(slot, column),
                    ),
                    None => return self.unknown_column(relation, name, span),
                }
            }
        };
        let ty = if self.known(fact) {
            Type::required(ty.ty)
        } else if optional && !self.known(Fact::Present(slot)) {
            Type::nullable(ty.ty)
        } else {
            ty
        };
        let expr = Expr { kind, ty, span };
        self.group_key(expr, name)
    }

    fn column_type(&self, relation: Relation, column: usize) -> Type {
        let columns = match relation {
            Relation::Scan(index) => self.checker.scans.get(index).map(|scan| &scan.columns),
            Relation::Broadcast(index) => self
                .checker
                .broadcasts
                .get(index)
                .map(|broadcast| &broadcast.columns),
            Relation::Frame(_) => None,
        };
        columns
            .and_then(|columns| columns.get(column))
            .map_or_else(Type::error, |column| {
                let ty = column.pg_type.ty();
                if column.nullable {
                    Type::nullable(ty)
                } else {
                    Type::required(ty)
                }
            })
    }

    /// In a grouped view, outside aggregates, only what the rows are grouped by has one value.
    fn group_key(&mut self, expr: Expr, name: &ast::Name) -> Expr {
        let grouped = !self.frame.group.is_empty();
        if !grouped
            || self.in_aggregate
            || self.frame.group.iter().any(|key| same_column(key, &expr))
        {
            return expr;
        }
        let span = expr.span;
        let diagnostic = Diagnostic::error(
            codes::E0210,
            format!("`{}` has many values in a group", name.node),
        )
        .primary(span, "not grouped by, and not in an aggregate")
        .help(format!(
            "take one of them: `min(…)`, `max(…)` or `first(… by …)`, or group by `{}` too",
            name.node
        ));
        self.wrong(diagnostic, span)
    }

    fn unknown_column(&mut self, relation: Relation, name: &ast::Name, span: Span) -> Expr {
        let what = match relation {
            Relation::Scan(index) => {
                format!(
                    "table `{}`",
                    self.checker.scans.get(index).map_or("", |scan| &scan.table)
                )
            }
            Relation::Broadcast(index) => {
                format!(
                    "table `{}`",
                    self.checker
                        .broadcasts
                        .get(index)
                        .map_or("", |broadcast| &broadcast.table)
                )
            }
            Relation::Frame(index) => {
                format!(
                    "view `{}`",
                    self.checker
                        .frames
                        .get(index)
                        .map_or("", |frame| &frame.name)
                )
            }
        };
        let noun = if matches!(relation, Relation::Frame(_)) {
            "field"
        } else {
            "column"
        };
        let mut diagnostic =
            Diagnostic::error(codes::E0102, format!("no {noun} `{}` in {what}", name.node))
                .primary(name.span, format!("unknown {noun}"));
        let known = self.columns_of(relation);
        if let Some(help) = suggest::help(&name.node, known.iter().copied()) {
            diagnostic = diagnostic.help(help);
        } else if !known.is_empty() {
            let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            diagnostic = diagnostic.note(format!("{what} has {}", list.join(", ")));
        }
        self.wrong(diagnostic, span)
    }

    /// The names that can stand behind a relation's dot.
    fn columns_of(&self, relation: Relation) -> Vec<&str> {
        let (catalog, table) = match relation {
            Relation::Frame(index) => {
                let fields = self
                    .checker
                    .frames
                    .get(index)
                    .into_iter()
                    .flat_map(|frame| &frame.locals);
                return fields
                    .filter(|local| local.is_field)
                    .map(|local| local.name.as_str())
                    .collect();
            }
            Relation::Scan(index) => (
                self.checker.source,
                self.checker.scans.get(index).map_or("", |scan| &scan.table),
            ),
            Relation::Broadcast(index) => match self.checker.broadcasts.get(index) {
                Some(broadcast) if broadcast.side == super::ir::Side::Target => {
                    (self.checker.target, broadcast.table.as_str())
                }
                Some(broadcast) => (self.checker.source, broadcast.table.as_str()),
                None => return Vec::new(),
            },
        };
        let columns = catalog
            .tables
            .get(table)
            .into_iter()
            .flat_map(|table| &table.columns);
        columns.map(|column| column.name.as_str()).collect()
    }

    /// Where a value's null comes from, for a note.
    pub(super) fn nullable_origin(&self, value: &Expr) -> Option<String> {
        let ExprKind::Column { slot, column } = value.kind else {
            return None;
        };
        let slot = self.frame.slots.get(slot)?;
        if slot.optional {
            return Some(format!("`{}` is joined by a left join", slot.alias));
        }
        let Relation::Scan(index) = slot.relation else {
            return None;
        };
        let scan = self.checker.scans.get(index)?;
        let column = scan.columns.get(column)?;
        Some(format!(
            "`{}.{}` is nullable in catalog `{}`",
            scan.table, column.name, self.checker.source.catalog
        ))
    }
}
