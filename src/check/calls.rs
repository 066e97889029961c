//! Calls and look-ups, and what happens when they fail.

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::functions::{self, MAX_ARGUMENTS};
use crate::syntax::ast::{self, ExprKind as Syntax};
use crate::types::{OwnedValue, Ty, Type};

use super::block::{BlockChecker, copied_only};
use super::ir::{AggregateOp, Expr, ExprKind, Handler};
use super::items::constant;

/// The functions that are part of the language.
const BUILTIN_FUNCTIONS: [&str; 6] = ["ulid", "matches", "min", "max", "count", "first"];

impl BlockChecker<'_, '_, '_> {
    /// A call or look-up, with or without a handler.
    pub(super) fn fallible(
        &mut self,
        expr: &ast::Expr,
        handler: Option<&ast::Handler>,
        span: Span,
    ) -> Expr {
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
                if self.before_else.is_some_and(|then| then.end == span.end) {
                    let diagnostic = Diagnostic::error(
                        codes::E0204,
                        format!("{name} can fail, and the `else` behind it is that of the `if`"),
                    )
                    .primary(span, format!("fails {when}"))
                    .note("behind `then` an `else` always belongs to the `if`")
                    .help("put the call and an `else` of its own in parentheses: `if … then (… else …) else …`");
                    return self.wrong(diagnostic, span);
                }
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
            self.error(copied_only(diagnostic, &[&value.ty.ty]));
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
                let diagnostic = super::relations::unknown_table(table, self.checker.target);
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
        number => crate::base::counted(number as u64, "argument"),
    }
}
