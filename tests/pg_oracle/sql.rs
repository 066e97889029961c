//! A case as one SQL query, made from the case alone: what should be written, and what should become
//! of every row.
//!
//! Each block is a few common table expressions. Every relation has the columns `ord` (the order of
//! its rows in a partition), `fate` (NULL where the row lives, else the code of what ended it), `c0`, `c1`,
//! … and, for fields that can fail, `f0`, `f1`, …: what a row that asks for the value ends with.

use std::cell::RefCell;
use std::fmt::Write;

use crate::case::{
    Attr, Block, Case, ClauseKind, Expr, Join, JoinKind, Line, Relation, Severity, Ty, When,
};
use crate::scope::Scope;
use crate::sql_expr::{OUT_OF_RANGE, Sql, Translator, first, only_if, type_name, untyped};
use crate::values::EARLIEST;

/// A row that is no row of the view.
const ABSENT: &str = "'-'";

/// The name of a relation's table expression.
pub(crate) fn relation(relation: Relation) -> String {
    match relation {
        Relation::Table(table) => format!("t{table}"),
        Relation::View(view) => format!("b{view}"),
    }
}

/// Whether rows of the relation can have ended.
fn may_end(case: &Case, relation: Relation) -> bool {
    matches!(relation, Relation::View(view) if case.blocks[view].group.is_empty())
}

/// The condition that a row of the relation lives.
pub(crate) fn live(case: &Case, relation: Relation, row: &str) -> String {
    if may_end(case, relation) {
        format!("{row}.fate IS NULL")
    } else {
        "true".to_owned()
    }
}

/// The query of a case. Its rows are: `row`, target, values; `ledger`, block, code, count; `reason`,
/// name, count; `value`, code, for values that fail wherever they are asked for.
pub(crate) fn query(case: &Case) -> String {
    let mut writer = Query {
        case,
        with: Vec::new(),
        results: Vec::new(),
        width: 2.max(
            case.targets
                .iter()
                .map(|target| target.columns.len())
                .max()
                .unwrap_or(0),
        ),
    };
    for number in 0..case.tables.len() {
        writer.table(number);
    }
    for number in 0..case.blocks.len() {
        writer.block(number);
    }
    format!(
        "WITH {}\n{}",
        writer.with.join(",\n"),
        writer.results.join("\nUNION ALL\n")
    )
}

struct Query<'c> {
    case: &'c Case,
    with: Vec<String>,
    results: Vec<String>,
    /// The number of values of a result.
    width: usize,
}

impl Query<'_> {
    fn result(&mut self, kind: &str, name: &str, values: &[String], from: &str) {
        let mut values = values.to_vec();
        values.resize(self.width, "NULL::text".to_owned());
        self.results.push(format!(
            "SELECT '{kind}'::text, '{name}'::text, {} FROM {from}",
            values.join(", ")
        ));
    }

    /// The codes that ended rows.
    fn ends(&mut self, from: &str, code: &str) {
        let ended = format!("{from} WHERE {code} <> {ABSENT}");
        self.result("value", "", &[format!("ltrim({code}, '>')")], &ended);
    }

    fn table(&mut self, number: usize) {
        let table = &self.case.tables[number];
        let names: Vec<String> = (0..table.columns.len()).map(|c| format!("c{c}")).collect();
        let columns: Vec<String> = table
            .columns
            .iter()
            .zip(&names)
            .map(|(column, name)| format!("{name}::{} AS {name}", type_name(column.ty)))
            .collect();
        let rows: Vec<String> = table
            .rows
            .iter()
            .map(|row| {
                let values: Vec<String> = row.iter().map(untyped).collect();
                format!("({})", values.join(", "))
            })
            .collect();
        let from = if rows.is_empty() {
            let nulls = vec!["NULL"; names.len()].join(", ");
            format!("(SELECT {nulls} WHERE false)")
        } else {
            format!("(VALUES {})", rows.join(", "))
        };
        let order: Vec<String> = table.keys[0]
            .iter()
            .map(|column| match table.columns[*column].ty {
                Ty::Text => format!("c{column} COLLATE \"C\""),
                _ => format!("c{column}"),
            })
            .collect();
        self.with.push(format!(
            "t{number} AS MATERIALIZED (SELECT ARRAY[row_number() OVER (ORDER BY {})] AS ord, NULL::text AS fate, t.*\n  FROM (SELECT {} FROM {from} AS v({})) AS t)",
            order.join(", "),
            columns.join(", "),
            names.join(", ")
        ));
    }

    /// The columns of a slot made of the row `from`; `owner` where it is a joined one.
    fn slot(&self, slot: usize, of: Relation, from: &str, owner: bool) -> Vec<(String, String)> {
        let mut columns = Vec::new();
        for index in 0..self.case.width(of) {
            columns.push((format!("a{slot}_{index}"), format!("{from}.c{index}")));
            if self.case.attr_fails(of, index) {
                let code = if owner {
                    format!("'>' || ltrim({from}.f{index}, '>')")
                } else {
                    format!("{from}.f{index}")
                };
                columns.push((format!("f{slot}_{index}"), code));
            }
        }
        columns
    }

    fn block(&mut self, number: usize) {
        let case = self.case;
        let block = &case.blocks[number];
        let slots = block.slots();
        let translator = Translator {
            case,
            block,
            scope: Scope {
                slots: slots.iter().map(|slot| (*slot, false)).collect(),
                ..Scope::default()
            },
            candidate: String::new(),
            aggregates: RefCell::default(),
        };
        let mut columns: Vec<(String, String)> = self.slot(0, block.driver, "d", false);
        let mut names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        let list = |columns: &[(String, String)]| -> String {
            columns
                .iter()
                .map(|(name, value)| format!(", {value} AS {name}"))
                .collect()
        };
        let mut stage = format!("b{number}_0");
        self.with.push(format!(
            "{stage} AS (SELECT d.ord, d.fate{} FROM {} AS d)",
            list(&columns),
            relation(block.driver)
        ));
        for (place, join) in block.joins.iter().enumerate() {
            let slot = place + 1;
            columns = self.slot(slot, join.relation, "q", true);
            columns.push((format!("p{slot}"), "q.ord IS NOT NULL".to_owned()));
            let on = translator.on(&join.on, "q");
            let next = format!("b{number}_{slot}");
            let before: String = names.iter().map(|name| format!(", s.{name}")).collect();
            let ord = if join.kind == JoinKind::Many {
                "s.ord || COALESCE(q.ord, '{}')"
            } else {
                "s.ord"
            };
            let fails = on.fail.as_deref().unwrap_or("NULL");
            self.with.push(format!(
                "{next} AS (SELECT {ord} AS ord, {} AS fate{before}{}\n  FROM {stage} AS s LEFT JOIN {} AS q ON s.fate IS NULL AND ({fails}) IS NULL AND {} AND {})",
                self.join_fate(join, &on),
                list(&columns),
                relation(join.relation),
                live(case, join.relation, "q"),
                on.value
            ));
            names.extend(columns.iter().map(|(name, _)| name.clone()));
            stage = next;
        }
        if !block.group.is_empty() {
            stage = self.group(number, &translator, &stage);
        }
        self.lines(number, &translator, &stage);
    }

    /// What becomes of a row by a join: `s` is the row, `q` its partner.
    fn join_fate(&self, join: &Join, on: &Sql) -> String {
        let mut cases = "WHEN s.fate IS NOT NULL THEN s.fate".to_owned();
        if let Some(fail) = &on.fail {
            write!(cases, " WHEN {fail} IS NOT NULL THEN {fail}").unwrap();
        }
        if join.kind != JoinKind::Left {
            let none = join.otherwise.map_or(ABSENT.to_owned(), |fate| {
                format!("'{}'", Case::reason(fate.reason))
            });
            let ended = may_end(self.case, join.relation).then(|| {
                // The first row that would have fitted, had it not ended itself.
                let dead = format!(
                    "(SELECT q.fate FROM {} AS q WHERE q.fate IS NOT NULL AND {} ORDER BY q.ord LIMIT 1)",
                    relation(join.relation),
                    on.value
                );
                match join.skipped {
                    Some(fate) => format!(
                        "CASE WHEN {dead} IS NOT NULL THEN '{}' END",
                        Case::reason(fate.reason)
                    ),
                    None => format!("'>' || ltrim({dead}, '>')"),
                }
            });
            let end = first([ended, Some(none)]).unwrap();
            write!(cases, " WHEN q.ord IS NULL THEN {end}").unwrap();
        }
        format!("CASE {cases} END")
    }

    /// The fate of a row after `where`.
    fn filtered(block: &Block, translator: &Translator<'_>, fate: &str) -> String {
        let Some(filter) = &block.filter else {
            return fate.to_owned();
        };
        let filter = translator.expr(filter);
        let gone = format!("CASE WHEN {} THEN NULL ELSE {ABSENT} END", filter.value);
        first([Some(fate.to_owned()), filter.fail, Some(gone)]).unwrap()
    }

    fn group(&mut self, number: usize, translator: &Translator<'_>, stage: &str) -> String {
        let block = translator.block;
        // The aggregates come to light where the values that hold them are translated.
        for local in &block.locals {
            translator.expr(&local.value);
        }
        let aggregates = translator.aggregates.take();
        let keys: Vec<Sql> = block
            .group
            .iter()
            .map(|attr| translator.expr(&Expr::Attr(*attr)))
            .collect();
        let fails = keys.iter().map(|key| key.fail.clone());
        let fate = first(
            [Some(Self::filtered(block, translator, "s.fate"))]
                .into_iter()
                .chain(fails),
        )
        .unwrap();
        let mut select = "min(s.ord) AS ord, NULL::text AS fate".to_owned();
        for (key, Attr { slot, index }) in keys.iter().zip(&block.group) {
            write!(select, ", {} AS a{slot}_{index}", key.value).unwrap();
            if key.fail.is_some() {
                write!(select, ", NULL::text AS f{slot}_{index}").unwrap();
            }
        }
        for (place, sql) in aggregates.iter().enumerate() {
            write!(select, ", {} AS g{place}", sql.value).unwrap();
            if let Some(fail) = &sql.fail {
                write!(select, ", {fail} AS h{place}").unwrap();
            }
        }
        let values: Vec<&str> = keys.iter().map(|key| key.value.as_str()).collect();
        let (single, next) = (format!("b{number}_s"), format!("b{number}_g"));
        self.with.push(format!(
            "{single} AS MATERIALIZED (SELECT {fate} AS code, s.* FROM {stage} AS s)"
        ));
        self.with.push(format!(
            "{next} AS (SELECT {select} FROM {single} AS s WHERE code IS NULL GROUP BY {})",
            values.join(", ")
        ));
        self.ends(&single, "code");
        next
    }

    /// Locals and clauses, one after the other; then what other blocks see, or what is written.
    fn lines(&mut self, number: usize, translator: &Translator<'_>, stage: &str) {
        let (case, block) = (self.case, translator.block);
        let mut from = format!("{stage} AS s");
        let mut step = |expression: &str, name: &str| {
            // Not to be drawn together with what uses it: expressions would multiply.
            write!(
                from,
                "\n  CROSS JOIN LATERAL (SELECT {expression} OFFSET 0) AS {name}"
            )
            .unwrap();
        };
        let before = if block.group.is_empty() {
            Self::filtered(block, translator, "s.fate")
        } else {
            "s.fate".to_owned()
        };
        step(&format!("{before} AS fate"), "e");
        let mut fate = "e.fate".to_owned();
        let mut warns = Vec::new();
        for (place, line) in block.lines.iter().enumerate() {
            match line {
                Line::Local(local) => {
                    let (ty, _) = block.locals[*local].ty;
                    let sql = translator.expr(&block.locals[*local].value);
                    let fail = sql.fail.unwrap_or_else(|| "NULL::text".to_owned());
                    // A value that failed is none.
                    let expression = format!(
                        "CASE WHEN x.f IS NULL THEN ({})::{} END AS v, x.f FROM (SELECT {fail} AS f OFFSET 0) AS x",
                        sql.value,
                        type_name(ty)
                    );
                    step(&expression, &format!("l{local}"));
                }
                Line::Clause { kind, reason, when } => {
                    let when = translator.expr(when);
                    let name = Case::reason(*reason);
                    let ends = *kind != ClauseKind::Warn
                        || case.reasons[*reason].severity == Severity::Error;
                    let own = ends.then(|| format!("CASE WHEN {} THEN '{name}' END", when.value));
                    let after = first([Some(fate.clone()), when.fail, own]).unwrap();
                    step(
                        &format!(
                            "{after} AS fate, ({after}) IS NULL AND {} AS warned",
                            when.value
                        ),
                        &format!("e{place}"),
                    );
                    fate = format!("e{place}.fate");
                    if !ends {
                        warns.push((*reason, format!("e{place}.warned")));
                    }
                }
            }
        }
        let mut select = String::new();
        for (place, local) in block.fields().into_iter().enumerate() {
            write!(select, ", l{local}.v AS c{place}").unwrap();
            if block.locals[local].can_fail {
                write!(select, ", l{local}.f AS f{place}").unwrap();
            }
        }
        for (reason, warned) in &warns {
            write!(select, ", {warned} AS w{reason}").unwrap();
        }
        if block.is_map {
            select.push_str(&self.intos(translator, &mut from, &mut fate));
        }
        self.with.push(format!(
            "b{number} AS MATERIALIZED (SELECT * FROM (SELECT s.ord, {fate} AS fate{select}\n  FROM {from}) AS x WHERE fate IS DISTINCT FROM {ABSENT})"
        ));
        let own = format!("b{number}");
        for (reason, _) in warns {
            let name = Case::reason(reason);
            let count = [format!("count(*) FILTER (WHERE w{reason})::text")];
            self.result("reason", &name, &count, &own);
        }
        for (place, local) in block.fields().into_iter().enumerate() {
            if block.locals[local].can_fail {
                let values = [format!("ltrim(f{place}, '>')")];
                let from = format!("{own} WHERE fate IS NULL AND f{place} IS NOT NULL");
                self.result("value", "", &values, &from);
            }
        }
        if !block.is_map {
            self.ends(&own, "fate");
        }
        if block.is_map {
            self.written(number, block);
            let values = [
                "COALESCE(fate, 'written')".to_owned(),
                "count(*)::text".to_owned(),
            ];
            self.result("ledger", &own, &values, &format!("{own} GROUP BY fate"));
        }
        // A code is a reason of one place, so that all rows which it ended are in its block: those that
        // were to be grouped before the grouping.
        let from = if block.group.is_empty() {
            own
        } else {
            format!("{own}_{}", block.joins.len())
        };
        for code in self.own_codes(block) {
            let ended = format!("{from} WHERE fate = '{code}'");
            self.result("reason", &code, &["count(*)::text".to_owned()], &ended);
        }
    }

    /// The reasons that end rows of the block itself and are counted exactly once a row.
    fn own_codes(&self, block: &Block) -> Vec<String> {
        let clauses = block.lines.iter().filter_map(|line| match line {
            Line::Clause { reason, .. } => Some(*reason),
            Line::Local(_) => None,
        });
        let joins = block
            .joins
            .iter()
            .flat_map(|join| [join.otherwise, join.skipped])
            .flatten()
            .map(|fate| fate.reason);
        let last = block.otherwise.map(|fate| fate.reason);
        clauses
            .chain(joins)
            .chain(last)
            .filter(|reason| !self.is_warning(block, *reason))
            .map(Case::reason)
            .collect()
    }

    fn is_warning(&self, block: &Block, reason: usize) -> bool {
        self.case.reasons[reason].severity != Severity::Error
            && block.lines.iter().any(|line| {
                matches!(line, Line::Clause { kind: ClauseKind::Warn, reason: own, .. } if *own == reason)
            })
    }

    /// Extends the fate of a map's row by its conditions and rules, in their order; gives the columns
    /// that hold the conditions and values.
    fn intos(&self, translator: &Translator<'_>, from: &mut String, fate: &mut String) -> String {
        let block = translator.block;
        let mut select = String::new();
        let mut matched = vec!["false".to_owned()];
        let order = |otherwise: bool| {
            let of = move |(_, into): &(usize, &crate::case::Into)| {
                matches!(into.when, When::Otherwise) == otherwise
            };
            block.intos.iter().enumerate().filter(of)
        };
        for (place, into) in order(false).chain(order(true)) {
            let condition = match &into.when {
                When::Always => Sql {
                    value: "true".to_owned(),
                    fail: None,
                },
                When::Holds(when) => translator.expr(when),
                When::Otherwise => Sql {
                    value: format!("NOT ({})", matched.join(" OR ")),
                    fail: None,
                },
            };
            let columns = &self.case.targets[into.target].columns;
            let mut fails = Vec::new();
            for (number, (rule, column)) in into.rules.iter().zip(columns).enumerate() {
                let rule = translator.expr(rule);
                let value = format!("({})::{}", rule.value, type_name(column.ty));
                fails.push(rule.fail);
                let fits = match column.pg {
                    "smallint" => Some(format!("{value} BETWEEN -32768 AND 32767")),
                    "integer" => Some(format!("{value} BETWEEN -2147483648 AND 2147483647")),
                    "character varying(5)" => Some(format!("length({value}) <= 5")),
                    "character varying(9)" => Some(format!("length({value}) <= 9")),
                    "timestamp with time zone" => Some(format!("{value} >= {EARLIEST}")),
                    _ => None,
                };
                fails.push(
                    fits.map(|fits| format!("CASE WHEN NOT ({fits}) THEN {OUT_OF_RANGE} END")),
                );
                write!(select, ", {value} AS i{place}_{number}").unwrap();
            }
            let rules = only_if(&condition.value, first(fails));
            let after = first([Some(fate.clone()), condition.fail, rules]).unwrap();
            write!(
                from,
                "\n  CROSS JOIN LATERAL (SELECT {after} AS fate, {} AS taken OFFSET 0) AS i{place}",
                condition.value
            )
            .unwrap();
            write!(select, ", i{place}.taken AS i{place}").unwrap();
            *fate = format!("i{place}.fate");
            if matches!(into.when, When::Holds(_)) {
                matched.push(format!("i{place}.taken"));
            }
        }
        if let Some(end) = block.otherwise {
            let open = format!("NOT ({})", matched.join(" OR "));
            let code = format!("'{}'", Case::reason(end.reason));
            *fate = first([Some(fate.clone()), only_if(&open, Some(code))]).unwrap();
        }
        select
    }

    fn written(&mut self, number: usize, block: &Block) {
        for (place, into) in block.intos.iter().enumerate() {
            let columns = &self.case.targets[into.target].columns;
            let values: Vec<String> = columns
                .iter()
                .enumerate()
                .map(|(column, definition)| {
                    let value = format!("i{place}_{column}");
                    match definition.ty {
                        Ty::Bytes => format!("encode({value}, 'hex')"),
                        _ => format!("{value}::text"),
                    }
                })
                .collect();
            let from = format!("b{number} WHERE fate IS NULL AND i{place}");
            self.result("row", &format!("o{}", into.target), &values, &from);
        }
    }
}
