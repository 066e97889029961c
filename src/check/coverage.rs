//! Whether everything is accounted for: each required column of a target table set once, each row
//! of a map with a fate.

use std::collections::HashMap;

use crate::base::Span;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::syntax::ast;
use crate::types::{PgType, Ty, Type};

use super::block::BlockChecker;
use super::ir::{self, Expr, ExprKind, IntoCondition, JoinKind, Relation};

/// Checks the rules of an `into` against its table and adds it to the block.
pub(super) fn into(
    block: &mut BlockChecker<'_, '_, '_>,
    into: &ast::Into,
    target: usize,
    condition: IntoCondition,
    rules: Vec<(&ast::Rule, Expr)>,
) {
    let Some(draft) = block.checker.targets.get(target) else {
        return;
    };
    let (table, definition, first_place) = (draft.table, draft.definition, draft.span);
    let first_columns = draft.columns.clone();
    let mut places: HashMap<&str, Span> = HashMap::new();
    let mut values: HashMap<&str, (Expr, Span)> = HashMap::new();
    for (rule, value) in rules {
        let name = rule.column.node.as_str();
        let Some(column) = definition.column(name) else {
            let mut diagnostic = Diagnostic::error(
                codes::E0102,
                format!("no column `{name}` in target table `{table}`"),
            )
            .primary(rule.column.span, "unknown column");
            if let Some(help) = suggest::help(
                name,
                definition.columns.iter().map(|column| column.name.as_str()),
            ) {
                diagnostic = diagnostic.help(help);
            }
            block.error(diagnostic);
            continue;
        };
        if let Some(first) = places.get(name) {
            let diagnostic = Diagnostic::error(
                codes::E0302,
                format!("column `{table}.{name}` is set twice"),
            )
            .primary(rule.column.span, "set again")
            .secondary(*first, "first set here");
            block.error(diagnostic);
            continue;
        }
        places.insert(name, rule.column.span);
        if column.generated {
            let diagnostic = Diagnostic::error(
                codes::E0306,
                format!("column `{table}.{name}` is filled by the database"),
            )
            .primary(rule.column.span, "cannot be set")
            .help("remove the rule");
            block.error(diagnostic);
            continue;
        }
        column_fits(block, &value, column, table, rule.column.span);
        values.insert(name, (value, rule.column.span));
    }
    let missing: Vec<&str> = definition
        .columns
        .iter()
        .filter(|column| !column.nullable && column.default.is_none() && !column.generated)
        .map(|column| column.name.as_str())
        .filter(|name| !places.contains_key(name))
        .collect();
    if !missing.is_empty() {
        let list: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
        let diagnostic = Diagnostic::error(
            codes::E0301,
            format!("target table `{table}` needs {}", list.join(", ")),
        )
        .primary(into.table.span, "without a rule for what it needs")
        .note("these columns are NOT NULL and have no default")
        .help(format!(
            "add {}",
            missing
                .iter()
                .map(|name| format!("`{name} = …`"))
                .collect::<Vec<_>>()
                .join(", ")
        ));
        block.error(diagnostic);
    }
    if into.rules.is_empty() && missing.is_empty() {
        let diagnostic = Diagnostic::error(
            codes::E0301,
            format!("target table `{table}` needs a rule, whichever"),
        )
        .primary(into.table.span, "sets no column")
        .help("set a column, to `null` if need be, or remove the `into`");
        block.error(diagnostic);
        block.into_left_out = true;
        return;
    }
    let columns: Vec<String> = definition
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| values.contains_key(name))
        .map(str::to_owned)
        .collect();
    if first_columns.is_empty() {
        if let Some(draft) = block.checker.targets.get_mut(target) {
            draft.columns.clone_from(&columns);
        }
    } else if first_columns != columns && missing.is_empty() {
        disagree(
            block,
            table,
            into.table.span,
            first_place,
            &first_columns,
            &columns,
        );
        block.into_left_out = true;
        return;
    }
    let rules = columns
        .iter()
        .filter_map(|name| values.remove(name.as_str()))
        .map(|(value, span)| ir::Rule { value, span })
        .collect();
    block.frame.intos.push(ir::Into {
        target,
        condition,
        rules,
        span: into.span,
    });
}

fn disagree(
    block: &mut BlockChecker<'_, '_, '_>,
    table: &str,
    place: Span,
    first_place: Span,
    first: &[String],
    columns: &[String],
) {
    let only = |left: &[String], right: &[String]| -> Vec<String> {
        left.iter()
            .filter(|name| !right.contains(name))
            .map(|name| format!("`{name}`"))
            .collect()
    };
    let mut diagnostic = Diagnostic::error(
        codes::E0305,
        format!("two `into {table}` set different columns"),
    )
    .primary(place, "this one")
    .secondary(first_place, "the first one");
    let (missing, extra) = (only(first, columns), only(columns, first));
    if !missing.is_empty() {
        diagnostic = diagnostic.note(format!("set by the first alone: {}", missing.join(", ")));
    }
    if !extra.is_empty() {
        diagnostic = diagnostic.note(format!("set by this one alone: {}", extra.join(", ")));
    }
    block.error(diagnostic.help("set them in both; `null` where there is no value"));
}

/// Whether a rule's value can stand in its column.
fn column_fits(
    block: &mut BlockChecker<'_, '_, '_>,
    value: &Expr,
    column: &crate::catalog::Column,
    table: &str,
    place: Span,
) {
    let pg_type = PgType::parse(&column.ty);
    let wanted = if column.nullable {
        Type::nullable(pg_type.ty())
    } else {
        Type::required(pg_type.ty())
    };
    let name = format!("column `{table}.{}`", column.name);
    if let (Ty::Other(found), Ty::Other(kind)) = (&value.ty.ty, &wanted.ty)
        && (found != kind || !is_copy(value))
    {
        let diagnostic = Diagnostic::error(
            codes::E0404,
            format!("{name}: values of `{kind}` can only be copied"),
        )
        .primary(
            value.span,
            if found == kind {
                "computed, not a plain column".to_owned()
            } else {
                format!("`{found}`, not `{kind}`")
            },
        )
        .note("the language does not compute with this type of PostgreSQL");
        block.error(diagnostic);
        return;
    }
    let fitting = value.ty.ty == wanted.ty || value.ty.ty == Ty::Null;
    if value.ty.is_nullable() && !wanted.is_nullable() && fitting {
        let label = match value.ty.ty {
            Ty::Null => "always null".to_owned(),
            _ => format!("`{}`, may be null", value.ty),
        };
        let mut diagnostic =
            Diagnostic::error(codes::E0203, format!("nullable value for required {name}"))
                .primary(value.span, label)
                .secondary(place, format!("`{wanted}`, required by the target"));
        if let Some(origin) = block.nullable_origin(value) {
            diagnostic = diagnostic.note(origin);
        }
        block.error(diagnostic.help(
            "give a default: `… ?? default`, or leave such rows out: `skip REASON when … is null`",
        ));
        return;
    }
    block.fits(value, &wanted, &name, place);
}

/// Whether a value is a column as it stands.
pub(super) fn is_copy(value: &Expr) -> bool {
    matches!(value.kind, ExprKind::Column { .. } | ExprKind::Literal(_))
}

/// Checks that every row of a map ends somewhere: in an `into`, or under a reason.
pub(super) fn fates(block: &mut BlockChecker<'_, '_, '_>) {
    let name = block.frame.name.clone();
    let span = block.frame.span;
    if block.into_left_out {
        chain(block, span);
        return;
    }
    if block.frame.intos.is_empty() {
        let diagnostic = Diagnostic::error(codes::E0308, format!("map `{name}` writes nothing"))
            .primary(span, "has no `into`")
            .help("add `into TABLE { … }`, or make it a `view`");
        block.error(diagnostic);
        return;
    }
    let always = block
        .frame
        .intos
        .iter()
        .any(|into| matches!(into.condition, IntoCondition::Always));
    let conditional = block
        .frame
        .intos
        .iter()
        .filter(|into| matches!(into.condition, IntoCondition::When(_)))
        .count();
    let others: Vec<Span> = block
        .frame
        .intos
        .iter()
        .filter(|into| matches!(into.condition, IntoCondition::Otherwise))
        .map(|into| into.span)
        .collect();
    let ends = block.frame.otherwise.is_some();
    if !others.is_empty() && conditional == 0 {
        for place in &others {
            let diagnostic =
                Diagnostic::error(codes::E0307, "`otherwise` without a condition before it")
                    .primary(*place, "otherwise than what?")
                    .help("give another `into` of the map a `when`, or leave `otherwise` out");
            block.error(diagnostic);
        }
    }
    if ends && (always || !others.is_empty()) {
        let diagnostic = Diagnostic::error(
            codes::E0307,
            format!("no row of map `{name}` is left for `otherwise`"),
        )
        .primary(block.otherwise_place.unwrap_or(span), "never happens")
        .secondary(span, "every row of this map is written already")
        .help("remove the line");
        block.error(diagnostic);
    }
    if !always && others.is_empty() && !ends {
        let diagnostic = Diagnostic::error(
            codes::E0304,
            format!("rows of map `{name}` that match no `when` have no fate"),
        )
        .primary(span, "no `into` takes every row")
        .help("add `otherwise skip REASON`, or `into … otherwise`");
        block.error(diagnostic);
    }
    chain(block, span);
}

/// Follows a map's driver down to its table: on the way no row may vanish without a reason.
fn chain(block: &mut BlockChecker<'_, '_, '_>, place: Span) {
    let mut found = Vec::new();
    lost_rows(&block.frame, &mut found);
    let mut relation = block.frame.slots.first().map(|slot| slot.relation);
    while let Some(Relation::Frame(index)) = relation {
        let Some(frame) = block.checker.frames.get(index) else {
            break;
        };
        if !frame.group.is_empty() {
            // Groups are rows of their own.
            break;
        }
        lost_rows(frame, &mut found);
        relation = frame.slots.first().map(|slot| slot.relation);
    }
    for (span, what, help) in found {
        let diagnostic = Diagnostic::error(codes::E0304, format!("rows that {what} have no fate"))
            .primary(span, "these rows would vanish uncounted")
            .secondary(place, "they drive this map")
            .help(help);
        block.error(diagnostic);
    }
}

fn lost_rows(frame: &ir::Frame, found: &mut Vec<(Span, &'static str, &'static str)>) {
    if let Some(filter) = &frame.filter {
        found.push((
            filter.span,
            "`where` leaves out",
            "use `skip REASON when not …` in place of `where`",
        ));
    }
    for join in &frame.joins {
        if join.kind != JoinKind::Left && join.otherwise.is_none() {
            found.push((
                join.span,
                "find no partner",
                "add `else skip REASON`, or make it a `left join`",
            ));
        }
    }
}
