//! Views and maps: their relations, clauses, values and `into`s.

use std::collections::{HashMap, HashSet};

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::syntax::ast::{self, LineKind};
use crate::types::{OwnedValue, SeverityValue, Ty, Type};

use super::coverage;
use super::facts::{Fact, Facts};
use super::ir::{self, ClauseKind, Expr, ExprKind, FateKind, Relation};
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
    /// Whether an `into` was wrong and left out, so that the others say nothing of the block.
    pub(super) into_left_out: bool,
    /// Where the line `otherwise …` stands.
    pub(super) otherwise_place: Option<Span>,
    /// The names of all fields and lets, those further down too.
    pub(super) defined: HashMap<String, Span>,
    /// The `then` of an `if`, whose `else` follows: a call at its end has none of its own.
    pub(super) before_else: Option<Span>,
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
        into_left_out: false,
        otherwise_place: None,
        defined: block.lines().iter().filter_map(definition).collect(),
        before_else: None,
    };
    if !this.slot(&block.relation().from, false) && !is_map {
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
    let (frame, used) = (this.frame, this.used_locals);
    let number = checker.frames.len();
    let used = used.into_iter().map(|local| (number, local));
    checker.used.locals.extend(used);
    checker.frames.push(frame);
}

/// The name that a line gives to a value, and where.
fn definition(line: &ast::Line) -> Option<(String, Span)> {
    match &line.kind {
        LineKind::Let { name, .. } | LineKind::Field { name, .. } => {
            Some((name.node.clone(), name.span))
        }
        LineKind::Clause { .. } | LineKind::Into(_) | LineKind::Otherwise(_) => None,
    }
}

impl<'c> BlockChecker<'_, 'c, '_> {
    pub(super) fn error(&mut self, diagnostic: Diagnostic) {
        self.checker.diagnostics.push(diagnostic);
    }

    fn grouped(&self) -> bool {
        !self.frame.group.is_empty()
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
        if let ExprKind::Literal(OwnedValue::Bool(truth)) = condition.kind {
            let diagnostic = Diagnostic::warning(
                codes::W0103,
                format!("{what}: the condition is always {truth}"),
            )
            .primary(condition.span, "a constant")
            .help("ask for something that rows differ in, or remove the condition");
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

    /// A fate whatever its reason: an unknown one is reported, and the row ends all the same.
    pub(super) fn fate_or_any(&mut self, fate: &ast::Fate) -> ir::Fate {
        let any = ir::Fate {
            kind: fate.kind,
            reason: usize::MAX,
        };
        self.fate(fate).unwrap_or(any)
    }

    /// `fail` wants an error; `skip` and `warn` want none.
    pub(super) fn severity_fits(&mut self, kind: ClauseKind, reason: usize, span: Span) {
        let Some(declared) = self
            .checker
            .reasons
            .get(reason)
            .filter(|_| !self.checker.vague_reasons.contains(&reason))
        else {
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
        .primary(span, format!("its severity is `{}`", word(severity)))
        .secondary(declared.span, "declared here")
        .help(format!("{help}, or change the reason's severity"));
        self.error(diagnostic);
    }

    fn line(&mut self, line: &ast::Line) {
        match &line.kind {
            LineKind::Clause { kind, reason, when } => {
                if self.grouped() {
                    let diagnostic = Diagnostic::error(
                        codes::E0210,
                        "a grouped view has fields and `let`s alone",
                    )
                    .primary(line.span, "rows are groups here")
                    .help("put the condition into a view of the single rows, or into `where`");
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
                if let Some(first) = self.otherwise_place {
                    let diagnostic = Diagnostic::error(codes::E0307, "`otherwise` is given twice")
                        .primary(place, "given again")
                        .secondary(first, "first given here")
                        .help("remove one of the lines");
                    self.error(diagnostic);
                }
                self.otherwise_place = Some(place);
                self.frame.otherwise = Some(self.fate_or_any(fate));
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
        let param = (self.checker.params.iter())
            .find(|param| !is_field && param.name == name.node)
            .map(|param| param.span);
        if let Some(param) = param {
            let diagnostic = Diagnostic::error(
                codes::E0106,
                format!("`{}` is a parameter already", name.node),
            )
            .primary(name.span, "would hide it")
            .secondary(param, "declared here")
            .help("give the value another name");
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
            self.error(copied_only(diagnostic, &[&value.ty.ty, &wanted.ty]));
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
            self.into_left_out = true;
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

/// Adds the rule of types that the language does not compute with, where one of these is such a type.
pub(super) fn copied_only(diagnostic: Diagnostic, types: &[&Ty]) -> Diagnostic {
    let other = types.iter().find_map(|ty| match ty {
        Ty::Other(name) => Some(name),
        _ => None,
    });
    match other {
        Some(name) => diagnostic
            .note(format!(
                "the language does not compute with PostgreSQL's `{name}`"
            ))
            .help(format!(
                "its values can only be copied, into a column of the very type `{name}`"
            )),
        None => diagnostic,
    }
}

/// A severity as it is written.
fn word(severity: SeverityValue) -> &'static str {
    match severity {
        SeverityValue::Error => "error",
        SeverityValue::Warn => "warn",
        SeverityValue::Quiet => "quiet",
    }
}
