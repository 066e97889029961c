//! Names, calls and types of expressions.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::functions::{self, MAX_ARGUMENTS};
use crate::syntax::ast::{self, ExprKind as Syntax};
use crate::types::{OwnedValue, Ty, Type};

use super::block::BlockChecker;
use super::facts::Fact;
use super::ir::{AggregateOp, Expr, ExprKind, Handler, Relation, TextPart};
use super::items::constant;

/// The functions that are part of the language.
const BUILTIN_FUNCTIONS: [&str; 6] = ["ulid", "matches", "min", "max", "count", "first"];

impl BlockChecker<'_, '_, '_> {
    /// The typed form of an expression; a mistake is reported and gives [`ExprKind::Error`].
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Expr {
        let span = expr.span;
        if let Some((value, ty)) = constant(expr) {
            let kind = if ty.is_error() {
                ExprKind::Error
            } else {
                ExprKind::Literal(value)
            };
            return Expr { kind, ty, span };
        }
        match &expr.node {
            Syntax::Text(parts) => self.text(parts, span),
            Syntax::Path(path) => self.path(path),
            Syntax::Lookup { .. } | Syntax::Call { .. } => self.fallible(expr, None, span),
            Syntax::Handled { operand, handler } => self.fallible(operand, Some(handler), span),
            Syntax::First { value, orders } => self.first(value, orders, span),
            Syntax::List(_) => self.wrong(
                Diagnostic::error(codes::E0201, "a list stands only behind `in`")
                    .primary(span, "not a value"),
                span,
            ),
            Syntax::If {
                condition,
                then,
                otherwise,
            } => self.if_expr(condition, then, otherwise, span),
            Syntax::Match { subject, arms } => self.match_expr(subject, arms, span),
            Syntax::Exists { right, on } => self.exists(right, on, span),
            Syntax::Not(_) | Syntax::Negate(_) | Syntax::IsNull { .. } | Syntax::Binary { .. } => {
                self.operator(expr)
            }
            Syntax::Null
            | Syntax::Bool(_)
            | Syntax::Int(_)
            | Syntax::Bytes(_)
            | Syntax::Timestamp(_)
            | Syntax::Duration(_)
            | Syntax::Broken => Expr {
                kind: ExprKind::Error,
                ty: Type::error(),
                span,
            },
        }
    }

    /// Reports and gives an expression that is wrong.
    pub(super) fn wrong(&mut self, diagnostic: Diagnostic, span: Span) -> Expr {
        self.error(diagnostic);
        Expr {
            kind: ExprKind::Error,
            ty: Type::error(),
            span,
        }
    }

    fn text(&mut self, parts: &[ast::TextPart], span: Span) -> Expr {
        let mut typed = Vec::new();
        for part in parts {
            match part {
                ast::TextPart::Literal(text) => typed.push(TextPart::Literal(text.clone())),
                ast::TextPart::Expr(expr) => {
                    let value = self.expr(expr);
                    let shown = matches!(
                        value.ty.ty,
                        Ty::Text | Ty::Int | Ty::Bool | Ty::Uuid | Ty::Inet | Ty::Error
                    );
                    if !shown {
                        let diagnostic = Diagnostic::error(
                            codes::E0201,
                            format!("`{}` has no form as text", value.ty),
                        )
                        .primary(value.span, format!("`{}`", value.ty))
                        .note("text can hold values of `text`, `int`, `bool`, `uuid` and `inet`");
                        self.error(diagnostic);
                    } else if value.ty.is_nullable() {
                        self.nullable_operand(&value, "text");
                    }
                    typed.push(TextPart::Expr(value));
                }
            }
        }
        Expr {
            kind: ExprKind::Text(typed),
            ty: Type::required(Ty::Text),
            span,
        }
    }

    /// `name` or `alias.name`.
    fn path(&mut self, path: &ast::Path) -> Expr {
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

    /// A call or look-up, with or without a handler.
    fn fallible(&mut self, expr: &ast::Expr, handler: Option<&ast::Handler>, span: Span) -> Expr {
        let (operand, fails) = match &expr.node {
            Syntax::Call {
                function,
                arguments,
                table,
            } => self.call(function, arguments, table.as_ref(), expr.span),
            Syntax::Lookup { table, key } => self.lookup(table, key, expr.span),
            _ => {
                let value = self.expr(expr);
                let name = "this expression".to_owned();
                (value, Fails::Never(name))
            }
        };
        let Some(handler) = handler else {
            if let (Fails::When(name, when), false) = (&fails, operand.ty.is_error()) {
                let diagnostic = Diagnostic::error(codes::E0204, format!("{name} can fail, and nothing says what happens then"))
                    .primary(span, format!("fails {when}"))
                    .help("say it: `… else value`, `… else warn REASON value`, `… else skip REASON` or `… else fail REASON`");
                self.error(diagnostic);
            }
            return operand;
        };
        if let (Fails::Never(name), false) = (&fails, operand.ty.is_error()) {
            let mut diagnostic = Diagnostic::error(codes::E0205, format!("{name} cannot fail"))
                .primary(expr.span, "never takes the way of `else`");
            diagnostic = if operand.ty.is_nullable() {
                diagnostic.help("null is handled by `??`")
            } else {
                diagnostic.help("remove `else …`")
            };
            self.error(diagnostic);
            // What was meant is unknown; the value of `else` is looked at all the same.
            let mut handled = self.handled(operand, handler, span);
            handled.ty = Type::error();
            return handled;
        }
        self.handled(operand, handler, span)
    }

    fn handled(&mut self, operand: Expr, handler: &ast::Handler, span: Span) -> Expr {
        let (handler, ty) = match handler {
            ast::Handler::Value(value) => {
                let value = self.expr(value);
                let ty = self.joined(&operand, &value, "value of `else`");
                (Handler::Value(value), ty)
            }
            ast::Handler::Warn(reason, value) => {
                let index = self.checker.find_reason(reason);
                let value = self.expr(value);
                let ty = self.joined(&operand, &value, "value of `else`");
                let Some(index) = index else {
                    return Expr {
                        kind: ExprKind::Error,
                        ty,
                        span,
                    };
                };
                self.severity_fits(ast::ClauseKind::Warn, index, reason.span);
                (Handler::Warn(index, value), ty)
            }
            ast::Handler::Fate(fate) => match self.fate(fate) {
                Some(fate) => (Handler::Fate(fate), operand.ty.clone()),
                None => {
                    return Expr {
                        kind: ExprKind::Error,
                        ty: operand.ty,
                        span,
                    };
                }
            },
        };
        if self.in_condition {
            let diagnostic = Diagnostic::error(
                codes::E0210,
                "nothing can be handled inside a join's condition",
            )
            .primary(span, "ends or counts a row that is not made yet")
            .help("compute the value in a view's field, and join by the field");
            return self.wrong(diagnostic, span);
        }
        let kind = ExprKind::Handled {
            operand: Box::new(operand),
            handler: Box::new(handler),
        };
        Expr { kind, ty, span }
    }

    fn lookup(&mut self, table: &ast::Path, key: &ast::Expr, span: Span) -> (Expr, Fails) {
        let key = self.expr(key);
        let error = |ty: Type| {
            (
                Expr {
                    kind: ExprKind::Error,
                    ty,
                    span,
                },
                Fails::Never(String::new()),
            )
        };
        let name = table.text();
        let Some(index) = self
            .checker
            .params
            .iter()
            .position(|param| param.name == name)
        else {
            if self.checker.broken.contains(&name) {
                return error(Type::error());
            }
            let maps = self
                .checker
                .params
                .iter()
                .filter(|param| matches!(param.ty.ty, Ty::Map(..)));
            let mut diagnostic =
                Diagnostic::error(codes::E0103, format!("no look-up table `{name}`"))
                    .primary(table.span, "not a parameter");
            if let Some(help) = suggest::help(&name, maps.map(|param| param.name.as_str())) {
                diagnostic = diagnostic.help(help);
            }
            self.error(diagnostic);
            return error(Type::error());
        };
        self.checker.used.params.insert(index);
        let ty = self
            .checker
            .params
            .get(index)
            .map_or_else(Type::error, |param| param.ty.clone());
        let Ty::Map(_, value_type) = ty.ty else {
            if !ty.is_error() {
                let diagnostic = Diagnostic::error(
                    codes::E0201,
                    format!("`{name}`: expected a look-up table, found `{ty}`"),
                )
                .primary(table.span, format!("`{ty}`"));
                self.error(diagnostic);
            }
            return error(Type::error());
        };
        self.argument(&key, &Type::required(Ty::Text), "key");
        let kind = ExprKind::Lookup {
            param: index,
            key: Box::new(key),
        };
        let expr = Expr {
            kind,
            ty: Type::required(*value_type),
            span,
        };
        (
            expr,
            Fails::When(
                format!("look-up in `{name}`"),
                "where the table has no such key",
            ),
        )
    }

    fn call(
        &mut self,
        name: &ast::Name,
        arguments: &[ast::Expr],
        table: Option<&ast::Name>,
        span: Span,
    ) -> (Expr, Fails) {
        let never = Fails::Never(format!("`{}`", name.node));
        if let Some(table) = table
            && name.node != "ulid"
        {
            let diagnostic =
                Diagnostic::error(codes::E0206, format!("`{}` takes no `for`", name.node))
                    .primary(table.span, "only `ulid` is made for a table");
            self.error(diagnostic);
        }
        match name.node.as_str() {
            "ulid" => return (self.ulid(arguments, table, span), never),
            "matches" => return (self.matches(arguments, span), never),
            "min" => return (self.aggregate(AggregateOp::Min, arguments, span), never),
            "max" => return (self.aggregate(AggregateOp::Max, arguments, span), never),
            "count" => return (self.aggregate(AggregateOp::Count, arguments, span), never),
            "first" => {
                let diagnostic =
                    Diagnostic::error(codes::E0206, "`first` takes a value and an order")
                        .primary(span, "no `by`")
                        .note("it is `first(value by key)`");
                return (self.wrong(diagnostic, span), never);
            }
            _ => {}
        }
        let typed: Vec<Expr> = arguments
            .iter()
            .map(|argument| self.expr(argument))
            .collect();
        let Some(function) = functions::find(&name.node) else {
            let known = functions::all()
                .map(|function| function.name)
                .chain(BUILTIN_FUNCTIONS);
            let mut diagnostic =
                Diagnostic::error(codes::E0104, format!("no function `{}`", name.node))
                    .primary(name.span, "unknown function");
            if let Some(near) = suggest::nearest(&name.node, known) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            } else {
                diagnostic = diagnostic.help("`mapwright functions` lists them");
            }
            return (self.wrong(diagnostic, span), never);
        };
        let wanted: Vec<String> = function
            .parameters
            .iter()
            .map(|parameter| format!("{}: {}", parameter.name, parameter.ty.ty()))
            .collect();
        let signature = format!("{}({})", function.name, wanted.join(", "));
        if typed.len() != function.parameters.len() {
            let diagnostic = Diagnostic::error(
                codes::E0206,
                format!(
                    "`{}` takes {}, found {}",
                    function.name,
                    counted(function.parameters.len()),
                    typed.len()
                ),
            )
            .primary(span, counted(typed.len()))
            .note(format!("it is `{signature}`"));
            return (self.wrong(diagnostic, span), never);
        }
        for (argument, parameter) in typed.iter().zip(function.parameters) {
            self.argument(argument, &Type::required(parameter.ty.ty()), parameter.name);
        }
        let expr = Expr {
            kind: ExprKind::Call {
                function,
                arguments: typed,
            },
            ty: function.returns.to_type(),
            span,
        };
        let fails = match function.fails {
            Some(when) => Fails::When(format!("`{}`", function.name), when),
            None => never,
        };
        (expr, fails)
    }

    /// Whether a value can be an argument; reports it where not.
    fn argument(&mut self, value: &Expr, wanted: &Type, name: &str) {
        if value.ty.is_error() {
            return;
        }
        if value.ty.ty == wanted.ty && value.ty.is_nullable() {
            self.nullable_operand(value, &format!("argument `{name}`"));
        } else if value.ty != *wanted {
            let diagnostic = Diagnostic::error(
                codes::E0201,
                format!(
                    "argument `{name}`: expected `{wanted}`, found `{}`",
                    value.ty
                ),
            )
            .primary(value.span, format!("`{}`", value.ty));
            self.error(diagnostic);
        }
    }

    pub(super) fn nullable_operand(&mut self, value: &Expr, place: &str) {
        let mut diagnostic = Diagnostic::error(
            codes::E0202,
            format!(
                "{place}: expected a value, found `{}`, which may be null",
                value.ty
            ),
        )
        .primary(value.span, "may be null");
        if let Some(origin) = self.nullable_origin(value) {
            diagnostic = diagnostic.note(origin);
        }
        self.error(diagnostic.help("give a default by `… ?? default`, or ask `… is null` first"));
    }

    fn ulid(&mut self, arguments: &[ast::Expr], table: Option<&ast::Name>, span: Span) -> Expr {
        let mut typed: Vec<Expr> = arguments
            .iter()
            .map(|argument| self.expr(argument))
            .collect();
        if typed.len() < 2 || typed.len() > MAX_ARGUMENTS {
            let diagnostic = Diagnostic::error(
                codes::E0206,
                format!(
                    "`ulid` takes a time and 1 to {} key parts, found {}",
                    MAX_ARGUMENTS - 1,
                    counted(typed.len())
                ),
            )
            .primary(span, counted(typed.len()))
            .note("it is `ulid(time, key…)`");
            return self.wrong(diagnostic, span);
        }
        let time = typed.remove(0);
        self.argument(&time, &Type::required(Ty::Timestamp), "time");
        for key in &typed {
            let kind = &key.ty.ty;
            if matches!(kind, Ty::Other(_) | Ty::Null) {
                let diagnostic = Diagnostic::error(
                    codes::E0201,
                    format!("key of `ulid`: `{}` cannot be one", key.ty),
                )
                .primary(key.span, format!("`{}`", key.ty));
                self.error(diagnostic);
            } else if key.ty.is_nullable() {
                self.nullable_operand(key, "key of `ulid`");
            }
        }
        let table = match (table, &self.into_table) {
            (Some(table), _) if self.checker.target.tables.contains_key(&table.node) => {
                table.node.clone()
            }
            (Some(table), _) => {
                let diagnostic = super::items::unknown_table(table, self.checker.target);
                return self.wrong(diagnostic, span);
            }
            (None, Some(table)) => table.clone(),
            (None, None) => {
                let diagnostic = Diagnostic::error(codes::E0406, "`ulid` needs the table that the identifier is for")
                    .primary(span, "outside an `into`")
                    .note("the table's name is part of what is hashed, so that equal keys of two tables differ")
                    .help("write `ulid(…) for TABLE`");
                return self.wrong(diagnostic, span);
            }
        };
        let kind = ExprKind::Ulid {
            table,
            time: Box::new(time),
            keys: typed,
        };
        Expr {
            kind,
            ty: Type::required(Ty::Uuid),
            span,
        }
    }

    fn matches(&mut self, arguments: &[ast::Expr], span: Span) -> Expr {
        let [operand, pattern] = arguments else {
            let diagnostic = Diagnostic::error(
                codes::E0206,
                format!("`matches` takes 2 arguments, found {}", arguments.len()),
            )
            .primary(span, counted(arguments.len()))
            .note("it is `matches(text, \"pattern\")`");
            return self.wrong(diagnostic, span);
        };
        let operand = self.expr(operand);
        self.argument(&operand, &Type::required(Ty::Text), "text");
        let Some((OwnedValue::Text(text), _)) = constant(pattern) else {
            let diagnostic = Diagnostic::error(codes::E0211, "pattern of `matches` is not constant")
                .primary(pattern.span, "expected a text without `{…}`")
                .note("the pattern is compiled once, with the mapping; braces are written `\\{` and `\\}`");
            return self.wrong(diagnostic, span);
        };
        if let Err(error) = regex::Regex::new(&text) {
            let why = match error {
                regex::Error::CompiledTooBig(_) => "is too large".to_owned(),
                other => other
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            };
            let diagnostic = Diagnostic::error(
                codes::E0212,
                "pattern of `matches` is no regular expression",
            )
            .primary(pattern.span, why.trim_start_matches("error: ").to_owned());
            return self.wrong(diagnostic, span);
        }
        let kind = ExprKind::Matches {
            operand: Box::new(operand),
            pattern: text,
        };
        Expr {
            kind,
            ty: Type::required(Ty::Bool),
            span,
        }
    }
}

/// Whether a call can fail: its name, and when.
enum Fails {
    Never(String),
    When(String, &'static str),
}

/// `2 arguments`.
pub(super) fn counted(number: usize) -> String {
    match number {
        0 => "no argument".to_owned(),
        1 => "1 argument".to_owned(),
        more => format!("{more} arguments"),
    }
}

/// Whether two expressions are the same column or field.
pub(crate) fn same_column(left: &Expr, right: &Expr) -> bool {
    match (&left.kind, &right.kind) {
        (ExprKind::Column { slot: a, column: b }, ExprKind::Column { slot: c, column: d })
        | (ExprKind::Field { slot: a, local: b }, ExprKind::Field { slot: c, local: d }) => {
            (a, b) == (c, d)
        }
        _ => false,
    }
}
