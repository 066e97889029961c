//! A case as the compiler gets it: the text of the mapping, both catalogs, the parameters.

use std::collections::BTreeMap;
use std::fmt::Write;

use mapwright::catalog::{Catalog, Column, Identity, Key, KeyKind, Table};
use mapwright::types::{OwnedValue, SeverityValue};

use crate::case::{
    Aggregate, Arithmetic, Block, Case, ClauseKind, Expr, Fate, FateKind, Function, Handler, Into,
    JoinKind, Line, On, Op, Part, Relation, Severity, TYPES, Target, Ty, Value, When,
};

/// The text of the mapping.
pub(crate) fn mapping(case: &Case) -> String {
    let mut text = "mapping oracle\nsource s\ntarget t\n".to_owned();
    for ty in TYPES {
        writeln!(text, "param {}: {}", param(ty), type_name(ty)).unwrap();
    }
    text.push_str("param entries: map<text, int>\n");
    for (number, reason) in case.reasons.iter().enumerate() {
        let name = Case::reason(number);
        let severity = match reason.severity {
            Severity::Error => "error",
            Severity::Warn => "warn",
            Severity::Quiet => "quiet",
        };
        if reason.by_param {
            writeln!(
                text,
                "param s{number}: severity\nreason {name} (s{number}) \"\" help \"\""
            )
        } else {
            writeln!(text, "reason {name} {severity} \"\" help \"\"")
        }
        .unwrap();
    }
    for number in 0..case.blocks.len() {
        block(case, number, &mut text);
    }
    text
}

fn block(case: &Case, number: usize, text: &mut String) {
    let block = &case.blocks[number];
    let writer = Writer {
        case,
        block,
        candidate: None,
    };
    let kind = if block.is_map { "map" } else { "view" };
    write!(
        text,
        "{kind} b{number} from {} as a0",
        relation(case, block.driver)
    )
    .unwrap();
    for (place, join) in block.joins.iter().enumerate() {
        let word = match join.kind {
            JoinKind::Inner => "join",
            JoinKind::Left => "left join",
            JoinKind::Many => "join many",
        };
        let alias = format!("a{}", place + 1);
        write!(
            text,
            "\n    {word} {} as {alias} on {}",
            relation(case, join.relation),
            writer.on(&join.on, &alias, join.relation)
        )
        .unwrap();
        if let Some(end) = join.otherwise {
            write!(text, " else {}", fate(end)).unwrap();
        }
        if let Some(end) = join.skipped {
            write!(text, " when skipped {}", fate(end)).unwrap();
        }
    }
    if let Some(filter) = &block.filter {
        write!(text, "\n    where {}", writer.expr(filter)).unwrap();
    }
    if !block.group.is_empty() {
        let keys: Vec<String> = block
            .group
            .iter()
            .map(|key| writer.expr(&Expr::Attr(*key)))
            .collect();
        write!(text, "\n    group by {}", keys.join(", ")).unwrap();
    }
    text.push_str("\n{\n");
    for line in &block.lines {
        match line {
            Line::Local(index) => {
                let local = &block.locals[*index];
                let word = if local.is_field { "" } else { "let " };
                writeln!(text, "    {word}l{index} = {}", writer.expr(&local.value))
            }
            Line::Clause { kind, reason, when } => {
                let word = match kind {
                    ClauseKind::Skip => "skip",
                    ClauseKind::Fail => "fail",
                    ClauseKind::Warn => "warn",
                };
                writeln!(
                    text,
                    "    {word} {} when {}",
                    Case::reason(*reason),
                    writer.expr(when)
                )
            }
        }
        .unwrap();
    }
    for into in &block.intos {
        writer.rules(into, text);
    }
    if let Some(end) = block.otherwise {
        writeln!(text, "    otherwise {}", fate(end)).unwrap();
    }
    text.push_str("}\n");
}

fn relation(case: &Case, relation: Relation) -> String {
    match relation {
        Relation::Table(table) => case.tables[table].name.clone(),
        Relation::View(view) => format!("b{view}"),
    }
}

fn fate(fate: Fate) -> String {
    let word = match fate.kind {
        FateKind::Skip => "skip",
        FateKind::Fail => "fail",
    };
    format!("{word} {}", Case::reason(fate.reason))
}

/// The name of the parameter of a type.
pub(crate) fn param(ty: Ty) -> &'static str {
    match ty {
        Ty::Bool => "p_bool",
        Ty::Int => "p_int",
        Ty::Text => "p_text",
        Ty::Bytes => "p_bytes",
        Ty::Time => "p_time",
        Ty::Uuid => "p_uuid",
    }
}

fn type_name(ty: Ty) -> &'static str {
    match ty {
        Ty::Bool => "bool",
        Ty::Int => "int",
        Ty::Text => "text",
        Ty::Bytes => "bytes",
        Ty::Time => "timestamp",
        Ty::Uuid => "uuid",
    }
}

fn op(op: Op) -> &'static str {
    match op {
        Op::Equal => "==",
        Op::NotEqual => "!=",
        Op::Less => "<",
        Op::AtMost => "<=",
        Op::Greater => ">",
        Op::AtLeast => ">=",
    }
}

fn function(function: Function) -> &'static str {
    match function {
        Function::Length => "length",
        Function::StartsWith => "starts_with",
        Function::EndsWith => "ends_with",
        Function::Contains => "contains",
        Function::Replace => "replace",
        Function::Utf8 => "utf8",
        Function::Hex => "hex",
        Function::Sha256 => "sha256",
        Function::UnixMillis => "unix_millis",
        Function::UnixSeconds => "unix_seconds",
        Function::Before => "before",
        Function::After => "after",
        Function::Substring => "substring",
        Function::ParseInt => "parse_int",
        Function::ParseUuid => "parse_uuid",
        Function::FromMillis => "from_unix_millis",
        Function::FromSeconds => "from_unix_seconds",
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' | '{' | '}' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Text(value) => format!("\"{}\"", escaped(value)),
        Value::Bytes(value) => format!("x\"{}\"", hex(value)),
        Value::Time(micros) => format!(
            "t\"{}\"",
            jiff::Timestamp::from_microsecond(*micros).unwrap()
        ),
        Value::Uuid(_) => unreachable!("the language has no constants of type `uuid`"),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A name as the mapping wants it.
fn name(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !matches!(name, "group" | "from" | "in");
    if plain {
        name.to_owned()
    } else {
        format!("`{name}`")
    }
}

#[derive(Clone)]
struct Writer<'c> {
    case: &'c Case,
    block: &'c Block,
    /// Name and relation of the rows a condition is about.
    candidate: Option<(String, Relation)>,
}

impl Writer<'_> {
    fn attr(&self, of: Relation, index: usize) -> String {
        match of {
            Relation::Table(table) => name(&self.case.tables[table].columns[index].name),
            Relation::View(view) => format!("l{}", self.case.blocks[view].fields()[index]),
        }
    }

    fn on(&self, on: &On, alias: &str, of: Relation) -> String {
        let inner = Writer {
            candidate: Some((alias.to_owned(), of)),
            ..self.clone()
        };
        let mut parts: Vec<String> = on
            .equal
            .iter()
            .enumerate()
            .map(|(place, (left, right))| {
                let (left, right) = (
                    self.expr(left),
                    format!("{alias}.{}", self.attr(of, *right)),
                );
                // Either side may stand first.
                if place % 2 == 0 {
                    format!("{left} == {right}")
                } else {
                    format!("{right} == {left}")
                }
            })
            .collect();
        parts.extend(on.residual.iter().map(|residual| inner.expr(residual)));
        parts.join(" and ")
    }

    fn rules(&self, into: &Into, text: &mut String) {
        let when = match &into.when {
            When::Always => String::new(),
            When::Holds(when) => format!(" when {}", self.expr(when)),
            When::Otherwise => " otherwise".to_owned(),
        };
        writeln!(text, "    into o{}{when} {{", into.target).unwrap();
        for (column, rule) in self.case.targets[into.target]
            .columns
            .iter()
            .zip(&into.rules)
        {
            writeln!(text, "        {} = {}", name(&column.name), self.expr(rule)).unwrap();
        }
        text.push_str("    }\n");
    }

    fn all<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> String {
        let texts: Vec<String> = exprs.into_iter().map(|expr| self.expr(expr)).collect();
        texts.join(", ")
    }

    fn expr(&self, expr: &Expr) -> String {
        match expr {
            Expr::Literal(value) => literal(value),
            Expr::Null(_) => "null".to_owned(),
            Expr::Param(ty) => param(*ty).to_owned(),
            Expr::Attr(attr) => {
                let of = self.block.slots()[attr.slot];
                format!("a{}.{}", attr.slot, self.attr(of, attr.index))
            }
            Expr::Candidate(index) => {
                let (alias, of) = self.candidate.as_ref().unwrap();
                format!("{alias}.{}", self.attr(*of, *index))
            }
            Expr::Local(index) => format!("l{index}"),
            Expr::Not(operand) => format!("(not {})", self.expr(operand)),
            Expr::And(left, right) => format!("({} and {})", self.expr(left), self.expr(right)),
            Expr::Or(left, right) => format!("({} or {})", self.expr(left), self.expr(right)),
            Expr::Compare(compare, _, left, right) => {
                format!(
                    "({} {} {})",
                    self.expr(left),
                    op(*compare),
                    self.expr(right)
                )
            }
            Expr::Arithmetic(arithmetic, left, right) => {
                let sign = match arithmetic {
                    Arithmetic::Add => '+',
                    Arithmetic::Subtract => '-',
                    Arithmetic::Times => '*',
                    Arithmetic::Divide => '/',
                    Arithmetic::Remainder => '%',
                };
                format!("({} {sign} {})", self.expr(left), self.expr(right))
            }
            Expr::Negate(operand) => format!("(-({}))", self.expr(operand)),
            Expr::Shift(moment, micros) => {
                let sign = if *micros < 0 { '-' } else { '+' };
                format!("({} {sign} {}us)", self.expr(moment), micros.unsigned_abs())
            }
            Expr::Gap(compare, left, right, micros) => format!(
                "({} - {} {} {micros}us)",
                self.expr(left),
                self.expr(right),
                op(*compare)
            ),
            Expr::Coalesce(left, right) => {
                format!("({} ?? {})", self.expr(left), self.expr(right))
            }
            Expr::InList {
                negated,
                operand,
                values,
            } => {
                let not = if *negated { "not " } else { "" };
                format!("({} {not}in [{}])", self.expr(operand), self.all(values))
            }
            Expr::InMap { negated, operand } => {
                let not = if *negated { "not " } else { "" };
                format!("({} {not}in entries)", self.expr(operand))
            }
            Expr::If(condition, then, otherwise) => format!(
                "(if {} then ({}) else ({}))",
                self.expr(condition),
                self.expr(then),
                self.expr(otherwise)
            ),
            Expr::Match {
                subject,
                arms,
                otherwise,
            } => {
                let mut texts: Vec<String> = arms
                    .iter()
                    .map(|(values, result)| {
                        let values: Vec<String> = values.iter().map(literal).collect();
                        format!("{} => {}", values.join(" | "), self.expr(result))
                    })
                    .collect();
                if let Some(otherwise) = otherwise {
                    texts.push(format!("else => {}", self.expr(otherwise)));
                }
                format!("(match {} {{ {} }})", self.expr(subject), texts.join(", "))
            }
            Expr::IsNull { negated, operand } => {
                let not = if *negated { "not " } else { "" };
                format!("({} is {not}null)", self.expr(operand))
            }
            Expr::Present { negated, slot } => {
                let not = if *negated { "not " } else { "" };
                format!("(a{slot} is {not}null)")
            }
            Expr::Text(parts) => {
                let mut text = String::from("\"");
                for part in parts {
                    match part {
                        Part::Text(part) => text.push_str(&escaped(part)),
                        Part::Value(value) => {
                            write!(text, "{{{}}}", self.expr(value)).unwrap();
                        }
                    }
                }
                text.push('"');
                text
            }
            Expr::Call(called, arguments) => {
                format!("{}({})", function(*called), self.all(arguments))
            }
            Expr::Lookup(key) => format!("entries[{}]", self.expr(key)),
            Expr::Handled(call, handler) => {
                let call = self.expr(call);
                match handler {
                    Handler::Value(value) => format!("({call} else ({}))", self.expr(value)),
                    Handler::Warn(reason, value) => format!(
                        "({call} else warn {} ({}))",
                        Case::reason(*reason),
                        self.expr(value)
                    ),
                    Handler::Fate(end) => format!("({call} else {})", fate(*end)),
                }
            }
            Expr::Exists {
                relation: of,
                on,
                number,
            } => {
                let alias = format!("x{number}");
                let on = self.on(on, &alias, *of);
                format!("exists ({} as {alias} on {on})", relation(self.case, *of))
            }
            Expr::Aggregate {
                op, value, orders, ..
            } => {
                let value = value
                    .as_ref()
                    .map_or_else(String::new, |value| self.expr(value));
                match op {
                    Aggregate::Min => format!("min({value})"),
                    Aggregate::Max => format!("max({value})"),
                    Aggregate::Count => format!("count({value})"),
                    Aggregate::First => {
                        let orders: Vec<String> = orders
                            .iter()
                            .map(|(key, _, descending)| {
                                let direction = if *descending { " desc" } else { "" };
                                format!("{}{direction}", self.expr(key))
                            })
                            .collect();
                        format!("first({value} by {})", orders.join(", "))
                    }
                }
            }
            Expr::Ulid { target, time, keys } => format!(
                "ulid({}, {}) for o{target}",
                self.expr(time),
                self.all(keys.iter().map(|(key, _)| key))
            ),
        }
    }
}

/// The catalogs of the source and the target.
pub(crate) fn catalogs(case: &Case) -> [Catalog; 2] {
    let source = case.tables.iter().map(|table| {
        let keys = table.keys.iter().enumerate().map(|(number, columns)| Key {
            name: format!("{}_key{number}", table.name),
            kind: if number == 0 {
                KeyKind::Primary
            } else {
                KeyKind::Unique
            },
            columns: columns
                .iter()
                .map(|column| table.columns[*column].name.clone())
                .collect(),
            deferrable: false,
            nulls_not_distinct: false,
            index: false,
        });
        let definition = Table {
            columns: columns(&table.columns),
            keys: keys.collect(),
            ..Table::default()
        };
        (table.name.clone(), definition)
    });
    let target = case.targets.iter().enumerate().map(|(number, table)| {
        let Target { columns: defined } = table;
        let definition = Table {
            columns: columns(defined),
            ..Table::default()
        };
        (format!("o{number}"), definition)
    });
    [
        catalog("s", source.collect()),
        catalog("t", target.collect()),
    ]
}

fn catalog(name: &str, tables: BTreeMap<String, Table>) -> Catalog {
    Catalog {
        catalog: name.to_owned(),
        version: "1".to_owned(),
        title: name.to_owned(),
        identity: Identity::default(),
        extensions: Vec::new(),
        enums: BTreeMap::new(),
        tables,
    }
}

fn columns(columns: &[crate::case::Column]) -> Vec<Column> {
    columns
        .iter()
        .map(|column| Column {
            name: column.name.clone(),
            ty: column.pg.to_owned(),
            nullable: column.nullable,
            default: None,
            generated: false,
            sensitive: false,
        })
        .collect()
}

/// The values of the parameters.
pub(crate) fn params(case: &Case) -> BTreeMap<String, OwnedValue> {
    let mut given: BTreeMap<String, OwnedValue> = TYPES
        .iter()
        .zip(&case.params)
        .map(|(ty, value)| (param(*ty).to_owned(), owned(value)))
        .collect();
    let entries = case
        .entries
        .iter()
        .map(|(key, value)| (key.clone(), OwnedValue::Int(*value)));
    given.insert("entries".to_owned(), OwnedValue::Map(entries.collect()));
    for (number, reason) in case.reasons.iter().enumerate() {
        if reason.by_param {
            let severity = match reason.severity {
                Severity::Error => SeverityValue::Error,
                Severity::Warn => SeverityValue::Warn,
                Severity::Quiet => SeverityValue::Quiet,
            };
            given.insert(format!("s{number}"), OwnedValue::Severity(severity));
        }
    }
    given
}

/// The same value in the program's own form.
pub(crate) fn owned(value: &Value) -> OwnedValue {
    match value {
        Value::Null => OwnedValue::Null,
        Value::Bool(value) => OwnedValue::Bool(*value),
        Value::Int(value) => OwnedValue::Int(*value),
        Value::Text(value) => OwnedValue::Text(value.clone()),
        Value::Bytes(value) => OwnedValue::Bytes(value.clone()),
        Value::Time(micros) => OwnedValue::Timestamp(*micros),
        Value::Uuid(bytes) => OwnedValue::Uuid(*bytes),
    }
}
