//! Views and maps: their relations, clauses, values and `into`s.

use std::collections::{HashMap, HashSet};

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::syntax::ast::{self, ExprKind as Syntax, LineKind};
use crate::types::{SeverityValue, Ty, Type};

use super::coverage;
use super::facts::{Fact, Facts};
use super::ir::{self, ClauseKind, Condition, Expr, ExprKind, FateKind, JoinKind, Relation};
use super::items::Checker;
use super::lint;
use super::order::Block;

/// A block while it is checked.
pub(super) struct BlockChecker<'k, 'c, 'd> {
    pub(super) checker: &'k mut Checker<'c, 'd>,
    pub(super) frame: ir::Frame,
    pub(super) facts: Facts,
    /// The locals by name.
    pub(super) names: HashMap<String, usize>,
    pub(super) used_locals: HashSet<usize>,
    pub(super) used_slots: HashSet<usize>,
    /// Names whose relation or value is wrong: using them is no further mistake.
    pub(super) broken: HashSet<String>,
    /// Whether operands of `==` may be null: in the condition of a join.
    pub(super) in_condition: bool,
    /// Whether the expression stands inside an aggregate.
    pub(super) in_aggregate: bool,
    /// The table whose `into` is being checked.
    pub(super) into_table: Option<String>,
}

/// Checks one block and adds it to the checker's frames.
pub(super) fn check(checker: &mut Checker<'_, '_>, block: Block<'_>, docs: &str) {
    let name = block.name();
    let is_map = matches!(block, Block::Map(_));
    let frame = ir::Frame {
        name: name.node.clone(),
        docs: docs.to_owned(),
        span: name.span,
        is_map,
        slots: Vec::new(),
        joins: Vec::new(),
        filter: None,
        group: Vec::new(),
        locals: Vec::new(),
        clauses: Vec::new(),
        intos: Vec::new(),
        otherwise: None,
    };
    let mut this = BlockChecker {
        checker,
        frame,
        facts: Facts::default(),
        names: HashMap::new(),
        used_locals: HashSet::new(),
        used_slots: HashSet::from([0]),
        broken: HashSet::new(),
        in_condition: false,
        in_aggregate: false,
        into_table: None,
    };
    if !this.slot(&block.relation().from, false) {
        this.checker.broken.insert(name.node.clone());
    }
    if let Some(Relation::Broadcast(_)) = this.frame.slots.first().map(|slot| slot.relation) {
        let from = &block.relation().from.relation;
        let diagnostic = Diagnostic::error(
            codes::E0403,
            format!("broadcast relation `{}` drives no rows", from.node),
        )
        .primary(from.span, "is held whole, not read in the order of a key")
        .help("read the table itself, or join the relation to one");
        this.error(diagnostic);
    }
    for join in &block.relation().joins {
        this.join(join);
    }
    if let Block::View(view) = block {
        if let Some(filter) = &view.filter {
            let filter = this.condition(filter, "`where`");
            this.facts.learn(&filter, true);
            this.frame.filter = Some(filter);
        }
        // The keys are values of single rows, so they are read before the block counts as grouped.
        let keys: Vec<Expr> = view.group.iter().map(|key| this.expr(key)).collect();
        for key in keys {
            if key.ty.is_error()
                || matches!(key.kind, ExprKind::Column { .. } | ExprKind::Field { .. })
            {
                this.frame.group.push(key);
            } else {
                let diagnostic =
                    Diagnostic::error(codes::E0210, "rows are grouped by columns and fields")
                        .primary(key.span, "neither a column nor a field");
                this.error(diagnostic);
            }
        }
    }
    for line in block.lines() {
        this.line(line);
    }
    if is_map {
        coverage::fates(&mut this);
    }
    this.unused();
    let frame = this.frame;
    checker.frames.push(frame);
}

impl<'c> BlockChecker<'_, 'c, '_> {
    pub(super) fn error(&mut self, diagnostic: Diagnostic) {
        self.checker.diagnostics.push(diagnostic);
    }

    fn grouped(&self) -> bool {
        !self.frame.group.is_empty()
    }

    /// Binds a relation to a name; says whether it is known.
    fn slot(&mut self, aliased: &ast::Aliased, optional: bool) -> bool {
        let alias = &aliased.alias;
        if let Some(other) = self
            .frame
            .slots
            .iter()
            .find(|slot| slot.alias == alias.node)
        {
            let diagnostic = Diagnostic::error(
                codes::E0106,
                format!("`{}` names two relations of the block", alias.node),
            )
            .primary(alias.span, "named again")
            .secondary(other.span, "first named here")
            .help(format!(
                "give it another name: `{} as …`",
                aliased.relation.node
            ));
            self.error(diagnostic);
        }
        let relation = self.checker.relation(&aliased.relation);
        if relation.is_none() {
            self.broken.insert(alias.node.clone());
        }
        // A slot without relation keeps the numbers of the later ones right.
        self.frame.slots.push(ir::Slot {
            alias: alias.node.clone(),
            relation: relation.unwrap_or(Relation::Scan(usize::MAX)),
            optional,
            span: alias.span,
        });
        relation.is_some()
    }

    fn join(&mut self, join: &ast::Join) {
        let slot = self.frame.slots.len();
        // In its own condition a relation has a row, left join or not: the one that is asked about.
        self.slot(&join.right, false);
        let on = self.on_condition(&join.on, slot);
        if let Some(slot) = self.frame.slots.get_mut(slot) {
            slot.optional = join.kind == JoinKind::Left;
        }
        let otherwise = join.otherwise.as_ref().and_then(|fate| self.fate(fate));
        let skipped = join.skipped.as_ref().and_then(|fate| self.fate(fate));
        if join.kind == JoinKind::Left {
            for fate in [&join.otherwise, &join.skipped].into_iter().flatten() {
                let diagnostic = Diagnostic::error(codes::E0307, "a left join ends no row")
                    .primary(fate.reason.span, "never happens")
                    .note("where a left join finds no partner, the row goes on with nulls")
                    .help("remove it, or write `join` without `left`");
                self.error(diagnostic);
            }
        }
        let is_view = self
            .frame
            .slots
            .get(slot)
            .is_some_and(|slot| matches!(slot.relation, Relation::Frame(_)));
        if let Some(fate) = &join.skipped
            && join.kind != JoinKind::Left
            && !is_view
            && !self.broken.contains(&join.right.alias.node)
        {
            let diagnostic = Diagnostic::error(
                codes::E0307,
                format!("rows of `{}` are never skipped", join.right.relation.node),
            )
            .primary(fate.reason.span, "never happens")
            .note("only rows of a view can have been skipped or rejected by its own clauses")
            .help("remove `when skipped`");
            self.error(diagnostic);
        }
        if join.kind != JoinKind::Left {
            self.used_slots.insert(slot);
        }
        self.frame.joins.push(ir::Join {
            kind: join.kind,
            slot,
            on,
            otherwise,
            skipped,
            span: join.span,
        });
    }

    /// The condition of a join or `exists` on `slot`, taken apart into equalities and the rest.
    pub(super) fn on_condition(&mut self, on: &ast::Expr, slot: usize) -> Condition {
        let outer = std::mem::replace(&mut self.in_condition, true);
        let whole = self.condition(on, "a join's condition");
        self.in_condition = outer;
        let mut condition = Condition {
            equalities: Vec::new(),
            residual: None,
            span: on.span,
        };
        split(whole, slot, &mut condition);
        if condition.equalities.is_empty() && !self.has_broken(on) {
            let alias = self
                .frame
                .slots
                .get(slot)
                .map_or_else(String::new, |slot| slot.alias.clone());
            let diagnostic = Diagnostic::error(
                codes::E0405,
                format!("condition does not tie `{alias}` to the rows before it"),
            )
            .primary(on.span, "no equality between the two sides")
            .note("rows are joined by equal values: `left.column == right.column`");
            self.error(diagnostic);
        }
        condition
    }

    /// Whether a mistake in the expression was reported already.
    fn has_broken(&self, on: &ast::Expr) -> bool {
        match &on.node {
            Syntax::Broken => true,
            Syntax::Path(path) => path
                .names
                .first()
                .is_some_and(|name| self.broken.contains(&name.node)),
            Syntax::Binary { left, right, .. } => self.has_broken(left) || self.has_broken(right),
            _ => !self.broken.is_empty(),
        }
    }

    /// An expression that must be a condition.
    pub(super) fn condition(&mut self, expr: &ast::Expr, what: &str) -> Expr {
        let condition = self.expr(expr);
        if !condition.ty.is_error() && condition.ty != Type::required(Ty::Bool) {
            let found = condition.ty.clone();
            let mut diagnostic = Diagnostic::error(
                codes::E0201,
                format!("{what}: expected `bool`, found `{found}`"),
            )
            .primary(expr.span, format!("`{found}`"));
            if found == Type::nullable(Ty::Bool) {
                diagnostic = diagnostic.help("say what null means: `… ?? false`");
            }
            self.error(diagnostic);
        }
        condition
    }

    /// A fate, with a reason whose severity fits.
    pub(super) fn fate(&mut self, fate: &ast::Fate) -> Option<ir::Fate> {
        let reason = self.checker.find_reason(&fate.reason)?;
        let kind = match fate.kind {
            FateKind::Skip => ClauseKind::Skip,
            FateKind::Fail => ClauseKind::Fail,
        };
        self.severity_fits(kind, reason, fate.reason.span);
        Some(ir::Fate {
            kind: fate.kind,
            reason,
        })
    }

    /// `fail` wants an error; `skip` and `warn` want none.
    pub(super) fn severity_fits(&mut self, kind: ClauseKind, reason: usize, span: Span) {
        let Some(declared) = self.checker.reasons.get(reason) else {
            return;
        };
        let ir::ReasonSeverity::Fixed(severity) = declared.severity else {
            if kind == ClauseKind::Fail {
                let diagnostic = Diagnostic::error(
                    codes::E0209,
                    format!(
                        "`fail` with reason `{}`, whose severity can be set",
                        declared.name
                    ),
                )
                .primary(span, "may be `warn` or `quiet`")
                .secondary(declared.span, "declared here")
                .help("write `skip`: where the severity is `error`, the row is rejected");
                self.error(diagnostic);
            }
            return;
        };
        let (wanted, help) = match (kind, severity) {
            (ClauseKind::Fail, SeverityValue::Warn | SeverityValue::Quiet) => {
                ("`fail` wants a reason of severity `error`", "write `skip`")
            }
            (ClauseKind::Skip, SeverityValue::Error) => (
                "`skip` wants a reason of severity `warn` or `quiet`",
                "write `fail`",
            ),
            (ClauseKind::Warn, SeverityValue::Error) => (
                "`warn` wants a reason of severity `warn` or `quiet`",
                "write `fail`",
            ),
            (ClauseKind::Fail, SeverityValue::Error)
            | (ClauseKind::Skip | ClauseKind::Warn, SeverityValue::Warn | SeverityValue::Quiet) => {
                return;
            }
        };
        let diagnostic = Diagnostic::error(
            codes::E0209,
            format!("reason `{}` does not fit: {wanted}", declared.name),
        )
        .primary(span, "of another severity")
        .secondary(declared.span, "declared here")
        .help(format!("{help}, or change the reason's severity"));
        self.error(diagnostic);
    }

    fn line(&mut self, line: &ast::Line) {
        match &line.kind {
            LineKind::Clause { kind, reason, when } => {
                if self.grouped() {
                    let diagnostic =
                        Diagnostic::error(codes::E0210, "a grouped view has fields alone")
                            .primary(line.span, "rows are groups here")
                            .help(
                                "put the condition into a view of the single rows, or into `where`",
                            );
                    self.error(diagnostic);
                }
                let when = self.condition(when, "`when`");
                if *kind != ClauseKind::Warn {
                    self.facts.learn(&when, false);
                }
                if let Some(index) = self.checker.find_reason(reason) {
                    self.severity_fits(*kind, index, reason.span);
                    self.frame.clauses.push(ir::Clause {
                        kind: *kind,
                        reason: index,
                        when,
                        span: line.span,
                    });
                }
            }
            LineKind::Let { name, ty, value } => {
                let declared = ty.as_ref().map(|ty| (self.checker.type_of(ty), ty.span));
                let mut value = self.expr(value);
                if let Some((declared, span)) = declared {
                    self.fits(&value, &declared, &format!("`{}`", name.node), span);
                    value.ty = declared;
                }
                self.local(name, value, false);
            }
            LineKind::Field { name, value } => {
                let value = self.expr(value);
                self.local(name, value, true);
            }
            LineKind::Into(into) => self.into(into),
            LineKind::Otherwise(fate) => {
                let place = fate.reason.span;
                if self.frame.otherwise.is_some() {
                    let diagnostic = Diagnostic::error(codes::E0307, "`otherwise` is given twice")
                        .primary(place, "given again");
                    self.error(diagnostic);
                }
                self.frame.otherwise = self.fate(fate);
            }
        }
    }

    fn local(&mut self, name: &ast::Name, value: Expr, is_field: bool) {
        if let Some(first) = self
            .names
            .get(&name.node)
            .and_then(|index| self.frame.locals.get(*index))
        {
            let diagnostic =
                Diagnostic::error(codes::E0106, format!("`{}` is defined twice", name.node))
                    .primary(name.span, "defined again")
                    .secondary(first.span, "first defined here");
            self.error(diagnostic);
        }
        if matches!(value.ty.ty, Ty::Null) {
            let diagnostic =
                Diagnostic::error(codes::E0201, format!("`{}` has no type", name.node))
                    .primary(value.span, "null alone")
                    .help(format!("write the type: `let {}: text? = null`", name.node));
            self.error(diagnostic);
        }
        self.names
            .insert(name.node.clone(), self.frame.locals.len());
        self.frame.locals.push(ir::Local {
            name: name.node.clone(),
            value,
            is_field,
            span: name.span,
        });
    }

    /// Whether a value can stand where `wanted` is wanted; reports it where not.
    pub(super) fn fits(&mut self, value: &Expr, wanted: &Type, place: &str, place_span: Span) {
        if value.ty.is_error() || wanted.is_error() {
            return;
        }
        let same = value.ty.ty == wanted.ty || value.ty.ty == Ty::Null;
        if !same {
            let diagnostic = Diagnostic::error(
                codes::E0201,
                format!("{place}: expected `{wanted}`, found `{}`", value.ty),
            )
            .primary(value.span, format!("`{}`", value.ty))
            .secondary(place_span, format!("`{wanted}`"));
            self.error(diagnostic);
        } else if value.ty.is_nullable() && !wanted.is_nullable() {
            let diagnostic = Diagnostic::error(
                codes::E0203,
                format!("nullable value for {place}, which is required"),
            )
            .primary(value.span, format!("`{}`, may be null", value.ty))
            .secondary(place_span, format!("`{wanted}`"))
            .help("give a default: `… ?? default`");
            self.error(diagnostic);
        }
    }

    fn into(&mut self, into: &ast::Into) {
        let Some(target) = self.target(&into.table) else {
            return;
        };
        let facts = self.facts.clone();
        let condition = match &into.condition {
            ast::IntoCondition::Always => ir::IntoCondition::Always,
            ast::IntoCondition::When(when) => {
                let when = self.condition(when, "`when`");
                self.facts.learn(&when, true);
                ir::IntoCondition::When(when)
            }
            ast::IntoCondition::Otherwise(_) => {
                for other in &self.frame.intos {
                    if let ir::IntoCondition::When(when) = &other.condition {
                        self.facts.learn(when, false);
                    }
                }
                ir::IntoCondition::Otherwise
            }
        };
        self.into_table = Some(into.table.node.clone());
        let rules: Vec<(&ast::Rule, Expr)> = into
            .rules
            .iter()
            .map(|rule| (rule, self.expr(&rule.value)))
            .collect();
        self.into_table = None;
        self.facts = facts;
        coverage::into(self, into, target, condition, rules);
    }

    /// The number of the target table, entering it where it is new.
    fn target(&mut self, table: &ast::Name) -> Option<usize> {
        let catalog = self.checker.target;
        let Some((name, definition)) = catalog.tables.get_key_value(&table.node) else {
            let mut diagnostic = Diagnostic::error(
                codes::E0101,
                format!("no table `{}` in catalog `{}`", table.node, catalog.catalog),
            )
            .primary(table.span, format!("{} has no such table", catalog.title));
            if let Some(help) =
                suggest::help(&table.node, catalog.tables.keys().map(String::as_str))
            {
                diagnostic = diagnostic.help(help);
            }
            self.error(diagnostic);
            return None;
        };
        let known = self
            .checker
            .targets
            .iter()
            .position(|draft| draft.table == name);
        Some(known.unwrap_or_else(|| {
            self.checker.targets.push(super::items::TargetDraft {
                table: name,
                definition,
                columns: Vec::new(),
                span: table.span,
            });
            self.checker.targets.len() - 1
        }))
    }

    fn unused(&mut self) {
        let mut found = Vec::new();
        for (index, local) in self.frame.locals.iter().enumerate() {
            if !local.is_field && !self.used_locals.contains(&index) {
                found.push(lint::unused_binding("value", &local.name, local.span));
            }
        }
        for join in &self.frame.joins {
            let Some(slot) = self.frame.slots.get(join.slot) else {
                continue;
            };
            if !self.used_slots.contains(&join.slot) {
                found.push(lint::unused_binding("left join of", &slot.alias, slot.span));
            }
        }
        for diagnostic in found {
            self.error(diagnostic);
        }
    }

    /// Whether something is known to be there.
    pub(super) fn known(&self, fact: Fact) -> bool {
        self.facts.has(fact)
    }
}

/// Takes a condition on `slot` apart: equalities between the slot and what is before it, and the
/// rest.
fn split(condition: Expr, slot: usize, into: &mut Condition) {
    let Expr { kind, ty, span } = condition;
    match kind {
        ExprKind::And(left, right) => {
            split(*left, slot, into);
            split(*right, slot, into);
        }
        ExprKind::Compare(ir::CompareOp::Equal, left, right) => {
            match (side(&left, slot), side(&right, slot)) {
                (Dependence::Before, Dependence::Slot) => into.equalities.push((*left, *right)),
                (Dependence::Slot, Dependence::Before) => into.equalities.push((*right, *left)),
                _ => residual(
                    Expr {
                        kind: ExprKind::Compare(ir::CompareOp::Equal, left, right),
                        ty,
                        span,
                    },
                    into,
                ),
            }
        }
        ExprKind::Error => {}
        kind => residual(Expr { kind, ty, span }, into),
    }
}

fn residual(condition: Expr, into: &mut Condition) {
    into.residual = Some(Box::new(match into.residual.take() {
        None => condition,
        Some(before) => Expr {
            span: before.span.to(condition.span),
            ty: Type::required(Ty::Bool),
            kind: ExprKind::And(before, Box::new(condition)),
        },
    }));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dependence {
    /// On nothing of the slot.
    Before,
    /// On the slot alone.
    Slot,
    /// On both, or on what cannot be told.
    Both,
}

/// What a side of an equality depends on. Only plain values are looked through: a column, a field,
/// a constant, a parameter, a local, a call of those.
fn side(expr: &Expr, slot: usize) -> Dependence {
    match &expr.kind {
        ExprKind::Column { slot: own, .. } | ExprKind::Field { slot: own, .. } => {
            if *own == slot {
                Dependence::Slot
            } else {
                Dependence::Before
            }
        }
        ExprKind::Literal(_) | ExprKind::Param(_) | ExprKind::Local(_) => Dependence::Before,
        ExprKind::Call { arguments, .. } => {
            let mut kinds = arguments.iter().map(|argument| side(argument, slot));
            let first = kinds.next().unwrap_or(Dependence::Before);
            if kinds.all(|kind| kind == first) {
                first
            } else {
                Dependence::Both
            }
        }
        _ => Dependence::Both,
    }
}
