//! What an expression means, said in SQL: its value, and the reason that ends the row instead.

use std::cell::RefCell;

use crate::case::{
    Aggregate, Arithmetic, Block, Case, Expr, Function, Handler, On, Op, Part, Severity, Ty, Value,
};
use crate::scope::Scope;

/// The value of an expression and, where it can fail, the code of what ended the row (NULL where
/// nothing did). A code is the name of a reason, behind `>` where it is an owner's.
pub(crate) struct Sql {
    pub(crate) value: String,
    pub(crate) fail: Option<String>,
}

pub(crate) const OVERFLOW: &str = "'arithmetic_overflow'";
pub(crate) const OUT_OF_RANGE: &str = "'value_out_of_range'";

/// Expressions over the row `s` of a block, whose locals are the rows `l0`, `l1`, ….
pub(crate) struct Translator<'c> {
    pub(crate) case: &'c Case,
    pub(crate) block: &'c Block,
    pub(crate) scope: Scope,
    /// The name of the row a condition is about.
    pub(crate) candidate: String,
    /// The aggregates met so far: columns of the grouping query.
    pub(crate) aggregates: RefCell<Vec<Sql>>,
}

fn plain(value: String) -> Sql {
    Sql { value, fail: None }
}

/// The first of the codes that is not null.
pub(crate) fn first(codes: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let codes: Vec<String> = codes.into_iter().flatten().collect();
    match codes.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        more => Some(format!("COALESCE({})", more.join(", "))),
    }
}

/// A code that counts only under a condition.
pub(crate) fn only_if(condition: &str, code: Option<String>) -> Option<String> {
    code.map(|code| format!("CASE WHEN {condition} THEN {code} END"))
}

pub(crate) fn type_name(ty: Ty) -> &'static str {
    match ty {
        Ty::Bool => "boolean",
        Ty::Int | Ty::Time => "bigint",
        Ty::Text => "text",
        Ty::Bytes => "bytea",
        Ty::Uuid => "uuid",
    }
}

pub(crate) fn text(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A value as a constant without type, to be cast.
pub(crate) fn untyped(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => format!("'{value}'"),
        Value::Int(value) | Value::Time(value) => format!("'{value}'"),
        Value::Text(value) => text(value),
        Value::Bytes(value) => format!("E'\\\\x{}'", crate::text::hex(value)),
        Value::Uuid(value) => format!("'{}'", crate::text::hex(value)),
    }
}

pub(crate) fn constant(value: &Value) -> String {
    let ty = match value {
        Value::Null => unreachable!("constants have a type"),
        Value::Bool(_) => Ty::Bool,
        Value::Int(_) => Ty::Int,
        Value::Text(_) => Ty::Text,
        Value::Bytes(_) => Ty::Bytes,
        Value::Time(_) => Ty::Time,
        Value::Uuid(_) => Ty::Uuid,
    };
    format!("{}::{}", untyped(value), type_name(ty))
}

/// Text is in the order of its bytes.
fn ordered(value: &str, ty: Ty) -> String {
    if ty == Ty::Text {
        format!("({value}) COLLATE \"C\"")
    } else {
        format!("({value})")
    }
}

fn op(op: Op) -> &'static str {
    match op {
        Op::Equal => "=",
        Op::NotEqual => "<>",
        Op::Less => "<",
        Op::AtMost => "<=",
        Op::Greater => ">",
        Op::AtLeast => ">=",
    }
}

impl Translator<'_> {
    pub(crate) fn expr(&self, expr: &Expr) -> Sql {
        match expr {
            Expr::Literal(value) => plain(constant(value)),
            Expr::Null(ty) => plain(format!("NULL::{}", type_name(*ty))),
            Expr::Param(ty) => {
                let index = crate::case::TYPES.iter().position(|known| known == ty);
                plain(constant(&self.case.params[index.unwrap()]))
            }
            Expr::Attr(attr) => {
                let of = self.scope.slots[attr.slot].0;
                let name = format!("{}_{}", attr.slot, attr.index);
                Sql {
                    value: format!("s.a{name}"),
                    fail: self
                        .case
                        .attr_fails(of, attr.index)
                        .then(|| format!("s.f{name}")),
                }
            }
            Expr::Candidate(index) => plain(format!("{}.c{index}", self.candidate)),
            Expr::Local(local) => Sql {
                value: format!("l{local}.v"),
                fail: self.block.locals[*local]
                    .can_fail
                    .then(|| format!("l{local}.f")),
            },
            Expr::Not(operand) => {
                let operand = self.expr(operand);
                Sql {
                    value: format!("(NOT {})", operand.value),
                    fail: operand.fail,
                }
            }
            Expr::And(left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                Sql {
                    value: format!("({} AND {})", left.value, right.value),
                    fail: first([left.fail, only_if(&left.value, right.fail)]),
                }
            }
            Expr::Or(left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                let open = format!("NOT {}", left.value);
                Sql {
                    value: format!("({} OR {})", left.value, right.value),
                    fail: first([left.fail, only_if(&open, right.fail)]),
                }
            }
            Expr::Compare(compare, ty, left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                let sides = (ordered(&left.value, *ty), ordered(&right.value, *ty));
                Sql {
                    value: format!("({} {} {})", sides.0, op(*compare), sides.1),
                    fail: first([left.fail, right.fail]),
                }
            }
            Expr::Arithmetic(arithmetic, left, right) => {
                let name = match arithmetic {
                    Arithmetic::Add => "o_add",
                    Arithmetic::Subtract => "o_subtract",
                    Arithmetic::Times => "o_times",
                    Arithmetic::Divide => "o_divide",
                    Arithmetic::Remainder => "o_remainder",
                };
                self.checked(name, vec![self.expr(left), self.expr(right)])
            }
            Expr::Negate(operand) => self.checked("o_negate", vec![self.expr(operand)]),
            Expr::Shift(moment, micros) => {
                let name = if *micros < 0 { "o_subtract" } else { "o_add" };
                let by = plain(format!("{}::bigint", micros.unsigned_abs()));
                self.checked(name, vec![self.expr(moment), by])
            }
            Expr::Gap(compare, left, right, micros) => {
                let gap = self.checked("o_subtract", vec![self.expr(left), self.expr(right)]);
                Sql {
                    value: format!("({} {} {micros})", gap.value, op(*compare)),
                    fail: gap.fail,
                }
            }
            Expr::Coalesce(left, right) => {
                let (left, right) = (self.expr(left), self.expr(right));
                let missing = format!("{} IS NULL", left.value);
                Sql {
                    value: format!("COALESCE({}, {})", left.value, right.value),
                    fail: first([left.fail, only_if(&missing, right.fail)]),
                }
            }
            Expr::InList {
                negated,
                operand,
                values,
            } => self.in_list(*negated, operand, values),
            Expr::InMap { negated, operand } => {
                let operand = self.expr(operand);
                let keys: Vec<String> =
                    self.case.entries.iter().map(|(key, _)| text(key)).collect();
                let found = if keys.is_empty() {
                    "false".to_owned()
                } else {
                    format!("{} IN ({})", operand.value, keys.join(", "))
                };
                let not = if *negated { "NOT " } else { "" };
                Sql {
                    value: format!("({not}({found}))"),
                    fail: operand.fail,
                }
            }
            Expr::If(condition, then, otherwise) => {
                let condition = self.expr(condition);
                let branches = [(condition.value, self.expr(then))];
                self.cases(condition.fail, &branches, Some(self.expr(otherwise)))
            }
            Expr::Match {
                subject,
                arms,
                otherwise,
            } => {
                let subject = self.expr(subject);
                let branches: Vec<(String, Sql)> = arms
                    .iter()
                    .map(|(values, result)| {
                        let values: Vec<String> = values.iter().map(constant).collect();
                        let found = format!("{} IN ({})", subject.value, values.join(", "));
                        (found, self.expr(result))
                    })
                    .collect();
                let otherwise = otherwise.as_ref().map(|otherwise| self.expr(otherwise));
                self.cases(subject.fail, &branches, otherwise)
            }
            Expr::IsNull { negated, operand } => {
                let operand = self.expr(operand);
                let not = if *negated { "NOT " } else { "" };
                Sql {
                    value: format!("({} IS {not}NULL)", operand.value),
                    fail: operand.fail,
                }
            }
            Expr::Present { negated, slot } => {
                let not = if *negated { "" } else { "NOT " };
                plain(format!("({not}s.p{slot})"))
            }
            Expr::Text(parts) => {
                let (mut values, mut fails) = (Vec::new(), Vec::new());
                for part in parts {
                    match part {
                        Part::Text(part) => values.push(text(part)),
                        Part::Value(value) => {
                            let value = self.expr(value);
                            values.push(format!("({})::text", value.value));
                            fails.push(value.fail);
                        }
                    }
                }
                Sql {
                    value: format!("({})", values.join(" || ")),
                    fail: first(fails),
                }
            }
            Expr::Call(..) | Expr::Lookup(_) => self.call(expr),
            Expr::Handled(call, handler) => self.handled(call, handler),
            Expr::Exists { relation, on, .. } => {
                let condition = self.on(on, "q");
                let name = super::sql::relation(*relation);
                let live = super::sql::live(self.case, *relation, "q");
                Sql {
                    value: format!(
                        "EXISTS (SELECT FROM {name} AS q WHERE {live} AND {})",
                        condition.value
                    ),
                    fail: condition.fail,
                }
            }
            Expr::Aggregate {
                op,
                value,
                ty,
                orders,
            } => self.aggregate(*op, value.as_deref(), *ty, orders),
            Expr::Ulid { target, time, keys } => {
                let time = self.expr(time);
                let (mut parts, mut fails) = (Vec::new(), vec![time.fail.clone()]);
                for (key, ty) in keys {
                    let key = self.expr(key);
                    let value = &key.value;
                    parts.push(match ty {
                        Ty::Bool => {
                            format!("o_part('b', CASE WHEN {value} THEN '\\x01'::bytea ELSE '\\x00' END)")
                        }
                        Ty::Int => format!("o_part('i', int8send({value}))"),
                        Ty::Text => format!("o_part('t', convert_to({value}, 'UTF8'))"),
                        Ty::Bytes => format!("o_part('x', {value})"),
                        Ty::Time => format!("o_part('m', int8send({value}))"),
                        Ty::Uuid => format!("o_part('u', uuid_send({value}))"),
                    });
                    fails.push(key.fail);
                }
                let value = format!(
                    "o_ulid('o{target}', {}, {})",
                    time.value,
                    parts.join(" || ")
                );
                fails.push(Some(format!(
                    "CASE WHEN {value} IS NULL THEN {OUT_OF_RANGE} END"
                )));
                Sql {
                    value,
                    fail: first(fails),
                }
            }
        }
    }

    /// A function that gives NULL where the language's arithmetic ends the row.
    fn checked(&self, name: &str, operands: Vec<Sql>) -> Sql {
        let values: Vec<&str> = operands
            .iter()
            .map(|operand| operand.value.as_str())
            .collect();
        let value = format!("{name}({})", values.join(", "));
        let own = format!("CASE WHEN {value} IS NULL THEN {OVERFLOW} END");
        let fails = operands.into_iter().map(|operand| operand.fail);
        Sql {
            fail: first(fails.chain([Some(own)])),
            value,
        }
    }

    fn cases(
        &self,
        before: Option<String>,
        branches: &[(String, Sql)],
        otherwise: Option<Sql>,
    ) -> Sql {
        let (mut values, mut fails) = (String::new(), String::new());
        for (condition, branch) in branches {
            let fail = branch.fail.as_deref().unwrap_or("NULL");
            values.push_str(&format!(" WHEN {condition} THEN {}", branch.value));
            fails.push_str(&format!(" WHEN {condition} THEN {fail}"));
        }
        let mut any = branches.iter().any(|(_, branch)| branch.fail.is_some());
        if let Some(otherwise) = otherwise {
            any |= otherwise.fail.is_some();
            let fail = otherwise.fail.as_deref().unwrap_or("NULL");
            values.push_str(&format!(" ELSE {}", otherwise.value));
            fails.push_str(&format!(" ELSE {fail}"));
        }
        Sql {
            value: format!("(CASE{values} END)"),
            fail: first([before, any.then(|| format!("(CASE{fails} END)"))]),
        }
    }

    fn in_list(&self, negated: bool, operand: &Expr, values: &[Expr]) -> Sql {
        let operand = self.expr(operand);
        let (mut found, mut fails) = (Vec::new(), vec![operand.fail.clone()]);
        // The list is looked through from its start, and only until the value is found.
        for value in values {
            let value = self.expr(value);
            let fail = if found.is_empty() {
                value.fail
            } else {
                only_if(&format!("NOT ({})", found.join(" OR ")), value.fail)
            };
            fails.push(fail);
            found.push(format!("({}) = ({})", operand.value, value.value));
        }
        let not = if negated { "NOT " } else { "" };
        Sql {
            value: format!("({not}({}))", found.join(" OR ")),
            fail: first(fails),
        }
    }

    /// A call; one that can fail gives NULL then.
    fn call(&self, expr: &Expr) -> Sql {
        let (function, arguments) = match expr {
            Expr::Call(function, arguments) => (*function, arguments),
            Expr::Lookup(key) => {
                let key = self.expr(key);
                let entries: Vec<String> = self
                    .case
                    .entries
                    .iter()
                    .map(|(entry, value)| format!("WHEN {} THEN '{value}'::bigint", text(entry)))
                    .collect();
                let value = if entries.is_empty() {
                    "NULL::bigint".to_owned()
                } else {
                    format!("(CASE {} {} END)", key.value, entries.join(" "))
                };
                return Sql {
                    value,
                    fail: key.fail,
                };
            }
            _ => unreachable!("only calls and look-ups are handled"),
        };
        let arguments: Vec<Sql> = arguments
            .iter()
            .map(|argument| self.expr(argument))
            .collect();
        let at = |index: usize| arguments[index].value.as_str();
        let value = match function {
            Function::Length => format!("length({})::bigint", at(0)),
            Function::StartsWith => format!("(left({}, length({})) = {})", at(0), at(1), at(1)),
            Function::EndsWith => format!(
                "(CASE WHEN {1} = '' THEN true ELSE right({0}, length({1})) = {1} END)",
                at(0),
                at(1)
            ),
            Function::Contains => format!("(strpos({}, {}) > 0)", at(0), at(1)),
            Function::Replace => format!("replace({}, {}, {})", at(0), at(1), at(2)),
            Function::Utf8 => format!("convert_to({}, 'UTF8')", at(0)),
            Function::Hex => format!("encode({}, 'hex')", at(0)),
            Function::Sha256 => format!("sha256({})", at(0)),
            Function::UnixMillis => format!("o_unix({}, 1000)", at(0)),
            Function::UnixSeconds => format!("o_unix({}, 1000000)", at(0)),
            Function::Before => format!("o_before({}, {})", at(0), at(1)),
            Function::After => format!("o_after({}, {})", at(0), at(1)),
            Function::Substring => format!("o_substring({}, {}, {})", at(0), at(1), at(2)),
            Function::ParseInt => format!("o_parse_int({})", at(0)),
            Function::ParseUuid => format!("o_parse_uuid({})", at(0)),
            Function::FromMillis => format!("o_moment({}, 1000)", at(0)),
            Function::FromSeconds => format!("o_moment({}, 1000000)", at(0)),
        };
        Sql {
            value,
            fail: first(arguments.into_iter().map(|argument| argument.fail)),
        }
    }

    fn handled(&self, call: &Expr, handler: &Handler) -> Sql {
        let call = self.call(call);
        let failed = format!("{} IS NULL", call.value);
        let (value, fail) = match handler {
            Handler::Value(value) => {
                let value = self.expr(value);
                (Some(value.value), value.fail)
            }
            Handler::Warn(reason, value) => {
                let value = self.expr(value);
                if self.case.reasons[*reason].severity == Severity::Error {
                    (None, Some(format!("'{}'", Case::reason(*reason))))
                } else {
                    (Some(value.value), value.fail)
                }
            }
            Handler::Fate(fate) => (None, Some(format!("'{}'", Case::reason(fate.reason)))),
        };
        Sql {
            fail: first([call.fail, only_if(&failed, fail)]),
            value: match value {
                Some(value) => format!("COALESCE({}, {value})", call.value),
                None => call.value,
            },
        }
    }

    fn aggregate(
        &self,
        op: Aggregate,
        value: Option<&Expr>,
        ty: Ty,
        orders: &[(Expr, Ty, bool)],
    ) -> Sql {
        let over = |fail: &Option<String>| {
            fail.as_ref().map(|fail| {
                format!("(array_agg({fail} ORDER BY s.ord) FILTER (WHERE {fail} IS NOT NULL))[1]")
            })
        };
        let value = value.map(|value| self.expr(value));
        let sql = match (op, value) {
            (_, None) => plain("count(*)".to_owned()),
            (Aggregate::Count, Some(value)) => Sql {
                fail: over(&value.fail),
                value: format!("count({})", value.value),
            },
            (Aggregate::Min | Aggregate::Max, Some(value)) => {
                let direction = if op == Aggregate::Max { " DESC" } else { "" };
                let order = ordered(&value.value, ty);
                let value_of = &value.value;
                Sql {
                    value: format!(
                        "(array_agg({value_of} ORDER BY {order}{direction}) FILTER (WHERE {value_of} IS NOT NULL))[1]"
                    ),
                    fail: over(&value.fail),
                }
            }
            (Aggregate::First, Some(value)) => {
                let mut fails = vec![value.fail];
                let mut keys = Vec::new();
                for (key, ty, descending) in orders {
                    let key = self.expr(key);
                    let direction = if *descending { " DESC" } else { "" };
                    keys.push(format!(
                        "{}{direction} NULLS LAST",
                        ordered(&key.value, *ty)
                    ));
                    fails.push(key.fail);
                }
                keys.push("s.ord".to_owned());
                Sql {
                    value: format!(
                        "(array_agg({} ORDER BY {}))[1]",
                        value.value,
                        keys.join(", ")
                    ),
                    fail: over(&first(fails)),
                }
            }
        };
        let mut aggregates = self.aggregates.borrow_mut();
        let number = aggregates.len();
        let fails = sql.fail.is_some();
        aggregates.push(sql);
        Sql {
            value: format!("s.g{number}"),
            fail: fails.then(|| format!("s.h{number}")),
        }
    }

    /// A condition on the row `candidate`: whether it fits, and what the values before may fail with.
    pub(crate) fn on(&self, on: &On, candidate: &str) -> Sql {
        let inner = Translator {
            candidate: candidate.to_owned(),
            scope: self.scope.clone(),
            aggregates: RefCell::default(),
            ..*self
        };
        let (mut fits, mut fail) = (Vec::new(), None);
        // From the last to the first: a null before ends the look-up, so that nothing behind fails.
        for (left, right) in on.equal.iter().rev() {
            let left = self.expr(left);
            fail = first([
                left.fail,
                only_if(&format!("{} IS NOT NULL", left.value), fail),
            ]);
            fits.push(format!("({}) = {candidate}.c{right}", left.value));
        }
        fits.extend(
            on.residual
                .iter()
                .map(|residual| inner.expr(residual).value),
        );
        Sql {
            value: fits.join(" AND "),
            fail,
        }
    }
}
