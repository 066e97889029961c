//! From the typed tree to the plan. Fails only for what planning finds: relations that cannot be
//! aligned, joins whose right side is not unique.

use std::collections::BTreeMap;

use crate::base::{Files, Span};
use crate::catalog::{Catalog, Table};
use crate::check::ir::{self, Expr, ExprKind, JoinKind, Relation};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::types::{SeverityValue, Ty};

use super::keys::Prover;
use super::partition::{self, Alignment};
use super::*;

/// Makes the plan of a checked mapping; reports what cannot be planned.
pub fn plan(
    mut mapping: ir::Mapping,
    files: &Files,
    source: &Catalog,
    target: &Catalog,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let alignment = partition::align(&mut mapping, source, diagnostics);
    let prover = Prover {
        mapping: &mapping,
        source,
        target,
    };
    let mut unique: BTreeMap<(usize, usize), String> = BTreeMap::new();
    for (number, frame) in mapping.frames.iter().enumerate() {
        for (place, join) in frame.joins.iter().enumerate() {
            match (
                join.kind,
                prover.join_is_unique(number, join.slot, &join.on),
            ) {
                (JoinKind::Many, _) => {}
                (JoinKind::Inner | JoinKind::Left, Some(grounds)) => {
                    unique.insert((number, place), grounds.describe());
                }
                (JoinKind::Inner | JoinKind::Left, None) => {
                    diagnostics.push(not_unique(&mapping, source, frame, join))
                }
            }
        }
    }
    let keys = prover.target_keys();
    for proof in &keys {
        if let KeyVerdict::Unproven(why) = &proof.verdict {
            diagnostics.push(unproven(&mapping, proof, why));
        }
    }
    let alignment = alignment?;
    if diagnostics.has_errors() {
        return None;
    }
    let mut lower = Lower {
        mapping: &mapping,
        alignment: &alignment,
        nodes: Vec::new(),
        origins: Vec::new(),
    };
    let frames: Vec<Frame> = (0..mapping.frames.len())
        .filter_map(|frame| lower.frame(frame, &unique))
        .collect();
    let (nodes, origins) = (lower.nodes, lower.origins);
    let scans: Vec<Scan> = mapping
        .scans
        .iter()
        .zip(&alignment.keys)
        .map(|(scan, key)| lower_scan(scan, *key, source.tables.get(&scan.table)))
        .collect();
    let passes = passes(&mapping, &alignment, &scans);
    let sensitive = |catalog: &Catalog, table: &str, name: &str| {
        catalog
            .tables
            .get(table)
            .and_then(|table| table.column(name))
            .is_some_and(|column| column.sensitive)
    };
    Some(Plan {
        format_version: FORMAT_VERSION,
        mapping: mapping.name.clone(),
        docs: mapping.docs.clone(),
        files: files.ids().map(|id| files.name(id).to_owned()).collect(),
        source: CatalogName {
            name: source.catalog.clone(),
            version: source.version.clone(),
        },
        target: CatalogName {
            name: target.catalog.clone(),
            version: target.version.clone(),
        },
        params: mapping
            .params
            .iter()
            .map(|param| Param {
                name: param.name.clone(),
                docs: param.docs.clone(),
                ty: param.ty.clone(),
                default: param.default.clone(),
            })
            .collect(),
        reasons: reasons(&mapping),
        scans,
        broadcasts: mapping
            .broadcasts
            .iter()
            .map(|broadcast| {
                let catalog = if broadcast.side == Side::Source {
                    source
                } else {
                    target
                };
                Broadcast {
                    name: broadcast.name.clone(),
                    side: broadcast.side,
                    table: broadcast.table.clone(),
                    columns: broadcast
                        .columns
                        .iter()
                        .map(|column| {
                            scan_column(column, sensitive(catalog, &broadcast.table, &column.name))
                        })
                        .collect(),
                    limit: broadcast.limit,
                }
            })
            .collect(),
        frames,
        references: references(&mapping, target),
        targets: mapping
            .targets
            .iter()
            .map(|written| Target {
                table: written.table.clone(),
                columns: written
                    .columns
                    .iter()
                    .map(|column| TargetColumn {
                        name: column.name.clone(),
                        pg_type: column.pg_type.clone(),
                        nullable: column.nullable,
                        sensitive: sensitive(target, &written.table, &column.name),
                    })
                    .collect(),
            })
            .collect(),
        passes,
        keys,
        nodes,
        origins,
    })
}

fn not_unique(
    mapping: &ir::Mapping,
    source: &Catalog,
    frame: &ir::Frame,
    join: &ir::Join,
) -> Diagnostic {
    let slot = frame.slots.get(join.slot);
    let alias = slot.map_or("", |slot| slot.alias.as_str());
    let table = slot.and_then(|slot| match slot.relation {
        Relation::Scan(scan) => source.tables.get_key_value(&mapping.scans.get(scan)?.table),
        Relation::Broadcast(_) | Relation::Frame(_) => None,
    });
    let message = format!("join of `{alias}` may find several rows");
    let mut diagnostic = Diagnostic::error(codes::E0402, message)
        .primary(join.on.span, "holds no key of the joined relation");
    if let Some((name, table)) = table {
        let keys: Vec<String> = table
            .keys
            .iter()
            .filter(|key| !key.deferrable)
            .map(|key| format!("({})", key.columns.join(", ")))
            .collect();
        diagnostic = diagnostic.note(if keys.is_empty() {
            format!("table `{name}` has no key")
        } else {
            format!("keys of table `{name}`: {}", keys.join(", "))
        });
    }
    diagnostic
        .note("a `join` finds one row at most; that must follow from a unique key in the catalog or from a `group by`")
        .help("make a row for each partner by `join many`, or join a view with `group by` that picks one")
}

fn unproven(mapping: &ir::Mapping, proof: &KeyProof, why: &str) -> Diagnostic {
    let table = mapping
        .targets
        .get(proof.target)
        .map_or("", |target| target.table.as_str());
    let place = mapping
        .frames
        .iter()
        .flat_map(|frame| &frame.intos)
        .find(|into| into.target == proof.target)
        .map_or(Span::new(crate::base::FileId(0), 0, 0), |into| into.span);
    let message = format!(
        "key `{}` of `{table}` ({}) does not follow from the source's keys",
        proof.name,
        proof.columns.join(", ")
    );
    let start = Span {
        end: place.start + 4,
        ..place
    };
    Diagnostic::warning(codes::W0401, message)
        .primary(start, why.to_owned())
        .note("a run finds a violation only when the key is built again at its end; then everything is rolled back")
}

fn reasons(mapping: &ir::Mapping) -> Vec<Reason> {
    let builtin = |name: &str, severity, meaning: &str, help: &str| Reason {
        name: name.to_owned(),
        severity: ReasonSeverity::Fixed(severity),
        meaning: meaning.to_owned(),
        help: help.to_owned(),
        sql: None,
        origin: None,
    };
    let mut reasons = vec![
        builtin(
            "owner_not_migrated",
            SeverityValue::Quiet,
            "the row belongs to one that was itself left out",
            "see the reason of the row it belongs to",
        ),
        builtin(
            "arithmetic_overflow",
            SeverityValue::Error,
            "arithmetic on the row's values leaves the range of 64 bits, or divides by zero",
            "correct the values in the source, or give the rule a way out",
        ),
        builtin(
            "value_out_of_range",
            SeverityValue::Error,
            "a value does not fit the target's column",
            "correct the value in the source, or give the rule a way out",
        ),
        builtin(
            "dangling_reference",
            SeverityValue::Error,
            "a row would refer to one that is not written",
            "make the condition that leaves out the one leave out the other too: put it on the view that both build on",
        ),
        builtin(
            "duplicate_key",
            SeverityValue::Error,
            "a join that must find one row found several",
            "remove the duplicates in the source",
        ),
    ];
    reasons.extend(mapping.reasons.iter().map(|reason| Reason {
        name: reason.name.clone(),
        severity: match reason.severity {
            ir::ReasonSeverity::Fixed(severity) => ReasonSeverity::Fixed(severity),
            ir::ReasonSeverity::Param(param) => ReasonSeverity::Param(param),
        },
        meaning: reason.meaning.clone(),
        help: reason.help.clone(),
        sql: reason.sql.clone(),
        origin: Some(reason.span),
    }));
    reasons
}

fn scan_column(column: &ir::Column, sensitive: bool) -> ScanColumn {
    ScanColumn {
        name: column.name.clone(),
        pg_type: column.pg_type.clone(),
        nullable: column.nullable,
        sensitive,
    }
}

/// The scan with the columns that order the rows of a partition: the primary key, else the first
/// unique key, else all columns that are read.
fn lower_scan(scan: &ir::Scan, key: usize, table: Option<&Table>) -> Scan {
    let sensitive = |name: &str| {
        table
            .and_then(|table| table.column(name))
            .is_some_and(|column| column.sensitive)
    };
    let mut columns: Vec<ScanColumn> = scan
        .columns
        .iter()
        .map(|column| scan_column(column, sensitive(&column.name)))
        .collect();
    let row_key = table.and_then(|table| {
        table
            .primary_key()
            .or_else(|| table.keys.first())
            .zip(Some(table))
    });
    let row_key: Vec<usize> = match row_key {
        Some((unique, table)) => unique
            .columns
            .iter()
            .filter_map(|name| {
                if let Some(index) = columns.iter().position(|column| column.name == *name) {
                    return Some(index);
                }
                let column = table.column(name)?;
                columns.push(ScanColumn {
                    name: name.clone(),
                    pg_type: PgType::parse(&column.ty),
                    nullable: column.nullable,
                    sensitive: column.sensitive,
                });
                Some(columns.len() - 1)
            })
            .collect(),
        None => (0..columns.len()).collect(),
    };
    Scan {
        table: scan.table.clone(),
        columns,
        key,
        row_key,
        origin: scan.span,
    }
}

/// One pass for each group of scans that are read in step, in the order of their first frame.
fn passes(mapping: &ir::Mapping, alignment: &Alignment, scans: &[Scan]) -> Vec<Pass> {
    let mut passes: Vec<(usize, Pass)> = Vec::new();
    for (number, component) in alignment.component.iter().enumerate() {
        let Some(scan) = scans.get(number) else {
            continue;
        };
        let kind = match scan.columns.get(scan.key).map(|column| column.pg_type.ty()) {
            Some(Ty::Int) => KeyKind::Int,
            Some(Ty::Uuid) => KeyKind::Uuid,
            _ => KeyKind::Text,
        };
        match passes.iter_mut().find(|(known, _)| known == component) {
            Some((_, pass)) => pass.scans.push(number),
            None => passes.push((
                *component,
                Pass {
                    key: kind,
                    scans: vec![number],
                    frames: Vec::new(),
                },
            )),
        }
    }
    for number in 0..mapping.frames.len() {
        let root = partition::root(mapping, Relation::Frame(number));
        let component = root.and_then(|root| alignment.component.get(root));
        if let Some((_, pass)) = passes
            .iter_mut()
            .find(|(known, _)| Some(known) == component)
        {
            pass.frames.push(number);
        }
    }
    passes.into_iter().map(|(_, pass)| pass).collect()
}

/// The foreign keys of written tables whose columns are all written.
fn references(mapping: &ir::Mapping, target: &Catalog) -> Vec<Reference> {
    let position = |number: usize, name: &String| {
        mapping
            .targets
            .get(number)?
            .columns
            .iter()
            .position(|column| column.name == *name)
    };
    let mut found = Vec::new();
    for (from, written) in mapping.targets.iter().enumerate() {
        let keys = target
            .tables
            .get(&written.table)
            .map(|table| table.foreign_keys.as_slice())
            .unwrap_or_default();
        for key in keys {
            let columns: Option<Vec<usize>> = key
                .columns
                .iter()
                .map(|name| position(from, name))
                .collect();
            let Some(from_columns) = columns else {
                continue;
            };
            let to = mapping
                .targets
                .iter()
                .position(|target| target.table == key.table)
                .and_then(|to| {
                    let columns: Option<Vec<usize>> = key
                        .references
                        .iter()
                        .map(|name| position(to, name))
                        .collect();
                    Some(ReferenceTo::Target {
                        target: to,
                        columns: columns?,
                    })
                });
            let to = to.unwrap_or_else(|| ReferenceTo::Table {
                table: key.table.clone(),
                columns: key.references.clone(),
            });
            found.push(Reference {
                name: key.name.clone(),
                from,
                from_columns,
                to,
            });
        }
    }
    found
}

/// Builds the flat programs.
struct Lower<'m> {
    mapping: &'m ir::Mapping,
    alignment: &'m Alignment,
    nodes: Vec<Node>,
    origins: Vec<Span>,
}

impl Lower<'_> {
    fn frame(&mut self, number: usize, unique: &BTreeMap<(usize, usize), String>) -> Option<Frame> {
        let frame = self.mapping.frames.get(number)?;
        let slots = frame
            .slots
            .iter()
            .map(|slot| Slot {
                alias: slot.alias.clone(),
                relation: slot.relation,
            })
            .collect();
        let mut joins = Vec::new();
        for (place, join) in frame.joins.iter().enumerate() {
            joins.push(Join {
                kind: join.kind,
                lookup: self.lookup(number, join.slot, &join.on),
                otherwise: join.otherwise.map(fate),
                skipped: join.skipped.map(fate),
                unique_by: unique.get(&(number, place)).cloned().unwrap_or_default(),
                origin: join.span,
            });
        }
        let filter = frame
            .filter
            .as_ref()
            .map(|filter| self.expr(number, filter));
        let group = frame
            .group
            .iter()
            .map(|key| self.expr(number, key))
            .collect();
        let mut locals = Vec::new();
        for local in &frame.locals {
            let value = self.expr(number, &local.value);
            locals.push(Local {
                name: local.name.clone(),
                value,
                ty: local.value.ty.clone(),
                is_field: local.is_field,
            });
        }
        let mut clauses = Vec::new();
        for clause in &frame.clauses {
            let when = self.expr(number, &clause.when);
            clauses.push(Clause {
                kind: clause.kind,
                reason: reason(clause.reason),
                when,
                origin: clause.span,
            });
        }
        let mut intos = Vec::new();
        for into in &frame.intos {
            intos.push(self.into(number, into));
        }
        Some(Frame {
            name: frame.name.clone(),
            docs: frame.docs.clone(),
            is_map: frame.is_map,
            slots,
            joins,
            filter,
            group,
            locals,
            clauses,
            intos,
            otherwise: frame.otherwise.map(fate),
            origin: frame.span,
        })
    }

    fn into(&mut self, frame: usize, into: &ir::Into) -> Into {
        let condition = match &into.condition {
            ir::IntoCondition::Always => IntoCondition::Always,
            ir::IntoCondition::When(when) => IntoCondition::When(self.expr(frame, when)),
            ir::IntoCondition::Otherwise => IntoCondition::Otherwise,
        };
        let columns = self
            .mapping
            .targets
            .get(into.target)
            .map(|target| target.columns.as_slice())
            .unwrap_or_default();
        let mut rules = Vec::new();
        for (rule, column) in into.rules.iter().zip(columns) {
            let node = self.expr(frame, &rule.value);
            let copied = match rule.value.kind {
                ExprKind::Column { slot, column: from } => self
                    .column(frame, slot, from)
                    .map(|from_column| (slot, from, from_column)),
                _ => None,
            };
            rules.push(match copied {
                Some((slot, from, from_column))
                    if column.pg_type.copies_from(&from_column.pg_type) =>
                {
                    Rule::Copy {
                        slot,
                        column: from,
                        node,
                    }
                }
                _ => Rule::Value(node),
            });
        }
        Into {
            target: into.target,
            condition,
            rules,
            origin: into.span,
        }
    }

    fn column(&self, frame: usize, slot: usize, column: usize) -> Option<&ir::Column> {
        match self.mapping.frames.get(frame)?.slots.get(slot)?.relation {
            Relation::Scan(scan) => self.mapping.scans.get(scan)?.columns.get(column),
            Relation::Broadcast(broadcast) => {
                self.mapping.broadcasts.get(broadcast)?.columns.get(column)
            }
            Relation::Frame(_) => None,
        }
    }

    /// The equalities of a condition without the one of the partition keys.
    fn lookup(&mut self, frame: usize, slot: usize, on: &ir::Condition) -> Lookup {
        let mut lookup = Lookup {
            slot,
            aligned: false,
            left: Vec::new(),
            right: Vec::new(),
            residual: None,
        };
        for (left, right) in &on.equalities {
            if self.is_key(frame, left, None) && self.is_key(frame, right, Some(slot)) {
                lookup.aligned = true;
                continue;
            }
            lookup.left.push(self.expr(frame, left));
            lookup.right.push(self.expr(frame, right));
        }
        lookup.residual = on
            .residual
            .as_ref()
            .map(|residual| self.expr(frame, residual));
        lookup
    }

    /// Whether an expression is the partition key of its row and never missing because of a left
    /// join; `at_hand` is the slot whose rows the condition is asked about.
    fn is_key(&self, frame: usize, expr: &Expr, at_hand: Option<usize>) -> bool {
        let base = partition::base(self.mapping, frame, expr);
        base.is_some_and(|(scan, column)| self.alignment.keys.get(scan) == Some(&column))
            && !self.may_miss(frame, expr, at_hand)
    }

    /// Whether the value comes out of a left join on its way.
    fn may_miss(&self, frame: usize, expr: &Expr, at_hand: Option<usize>) -> bool {
        let Some(block) = self.mapping.frames.get(frame) else {
            return true;
        };
        let optional = |slot: usize| {
            Some(slot) != at_hand && block.slots.get(slot).is_none_or(|slot| slot.optional)
        };
        match expr.kind {
            ExprKind::Column { slot, .. } => optional(slot),
            ExprKind::Local(local) => block
                .locals
                .get(local)
                .is_none_or(|local| self.may_miss(frame, &local.value, at_hand)),
            ExprKind::Field { slot, local } => {
                let inner = match block.slots.get(slot).map(|slot| slot.relation) {
                    Some(Relation::Frame(inner)) => inner,
                    _ => return true,
                };
                let value = self
                    .mapping
                    .frames
                    .get(inner)
                    .and_then(|inner| inner.locals.get(local));
                optional(slot) || value.is_none_or(|local| self.may_miss(inner, &local.value, None))
            }
            _ => true,
        }
    }

    fn expr(&mut self, frame: usize, expr: &Expr) -> NodeId {
        let node = match &expr.kind {
            ExprKind::Literal(value) => Node::Literal(value.clone()),
            ExprKind::Param(param) => Node::Param(*param),
            ExprKind::Column { slot, column } => Node::Column {
                slot: *slot,
                column: *column,
            },
            ExprKind::Field { slot, local } => Node::Field {
                slot: *slot,
                local: *local,
            },
            ExprKind::Local(local) => Node::Local(*local),
            ExprKind::Present(slot) => Node::Present(*slot),
            ExprKind::Not(operand) => Node::Not(self.expr(frame, operand)),
            ExprKind::Negate(operand) => Node::Negate(self.expr(frame, operand)),
            ExprKind::IsNull(operand) => Node::IsNull(self.expr(frame, operand)),
            ExprKind::And(left, right) => {
                Node::And(self.expr(frame, left), self.expr(frame, right))
            }
            ExprKind::Or(left, right) => Node::Or(self.expr(frame, left), self.expr(frame, right)),
            ExprKind::Compare(op, left, right) => {
                Node::Compare(*op, self.expr(frame, left), self.expr(frame, right))
            }
            ExprKind::Arithmetic(op, left, right) => {
                Node::Arithmetic(*op, self.expr(frame, left), self.expr(frame, right))
            }
            ExprKind::Coalesce(left, right) => {
                Node::Coalesce(self.expr(frame, left), self.expr(frame, right))
            }
            ExprKind::InList(operand, values) => {
                Node::InList(self.expr(frame, operand), self.all(frame, values))
            }
            ExprKind::InMap(operand, param) => Node::InMap(self.expr(frame, operand), *param),
            ExprKind::If(condition, then, otherwise) => Node::If(
                self.expr(frame, condition),
                self.expr(frame, then),
                self.expr(frame, otherwise),
            ),
            ExprKind::Match {
                subject,
                arms,
                otherwise,
            } => Node::Match {
                subject: self.expr(frame, subject),
                arms: arms
                    .iter()
                    .map(|(values, result)| (values.clone(), self.expr(frame, result)))
                    .collect(),
                otherwise: otherwise
                    .as_ref()
                    .map(|otherwise| self.expr(frame, otherwise)),
            },
            ExprKind::Call {
                function,
                arguments,
            } => Node::Call {
                function: function.name.to_owned(),
                arguments: self.all(frame, arguments),
            },
            ExprKind::Matches { operand, pattern } => Node::Matches {
                operand: self.expr(frame, operand),
                pattern: pattern.clone(),
            },
            ExprKind::Ulid { table, time, keys } => Node::Ulid {
                table: table.clone(),
                time: self.expr(frame, time),
                keys: self.all(frame, keys),
            },
            ExprKind::Lookup { param, key } => Node::Lookup {
                param: *param,
                key: self.expr(frame, key),
            },
            ExprKind::Text(parts) => Node::Text(
                parts
                    .iter()
                    .map(|part| match part {
                        ir::TextPart::Literal(text) => TextPart::Literal(text.clone()),
                        ir::TextPart::Expr(expr) => TextPart::Value(self.expr(frame, expr)),
                    })
                    .collect(),
            ),
            ExprKind::Exists { slot, on } => Node::Exists(Box::new(self.lookup(frame, *slot, on))),
            ExprKind::Aggregate { op, value, orders } => Node::Aggregate {
                op: *op,
                value: value.as_ref().map(|value| self.expr(frame, value)),
                orders: orders
                    .iter()
                    .map(|(key, descending)| (self.expr(frame, key), *descending))
                    .collect(),
            },
            ExprKind::Handled { operand, handler } => Node::Handled {
                operand: self.expr(frame, operand),
                handler: match &**handler {
                    ir::Handler::Value(value) => Handler::Value(self.expr(frame, value)),
                    ir::Handler::Warn(index, value) => {
                        Handler::Warn(reason(*index), self.expr(frame, value))
                    }
                    ir::Handler::Fate(end) => Handler::Fate(fate(*end)),
                },
            },
            // A tree with errors is never lowered.
            ExprKind::Error => Node::Literal(OwnedValue::Null),
        };
        self.nodes.push(node);
        self.origins.push(expr.span);
        NodeId::try_from(self.nodes.len() - 1).unwrap_or(NodeId::MAX)
    }

    fn all(&mut self, frame: usize, exprs: &[Expr]) -> Vec<NodeId> {
        exprs.iter().map(|expr| self.expr(frame, expr)).collect()
    }
}

fn reason(declared: usize) -> usize {
    builtin::COUNT + declared
}

fn fate(fate: ir::Fate) -> Fate {
    Fate {
        kind: fate.kind,
        reason: reason(fate.reason),
    }
}
