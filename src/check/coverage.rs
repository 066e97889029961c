//! Whether everything is accounted for: each required column of a target table set once, each row
//! of a map with a fate.

use std::collections::HashMap;

use crate::base::Span;
use crate::catalog::Table;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::syntax::ast;
use crate::types::{OwnedValue, PgType, Ty, Type};

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
        if column_fits(block, &value, column, table, rule.column.span) {
            constants_fit(block, &value, column, table, rule.column.span);
        }
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
            definition,
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
    definition: &Table,
    table: &str,
    place: Span,
    first_place: Span,
    first: &[String],
    columns: &[String],
) {
    let only = |left: &[String], right: &[String]| -> Vec<String> {
        let missing = left.iter().filter(|name| !right.contains(name));
        missing.cloned().collect()
    };
    let (missing_names, extra_names) = (only(first, columns), only(columns, first));
    let quoted = |names: &[String]| {
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    let mut diagnostic = Diagnostic::error(
        codes::E0305,
        format!("two `into {table}` set different columns"),
    )
    .primary(place, "this one")
    .secondary(first_place, "the first one");
    if !missing_names.is_empty() {
        let list = quoted(&missing_names);
        diagnostic = diagnostic.note(format!("set by the first alone: {list}"));
    }
    if !extra_names.is_empty() {
        let list = quoted(&extra_names);
        diagnostic = diagnostic.note(format!("set by this one alone: {list}"));
    }
    let set_once = missing_names.iter().chain(&extra_names);
    let nullable = set_once.map(|name| definition.column(name));
    let all = nullable.flatten().all(|column| column.nullable);
    block.error(diagnostic.help(if all {
        "set them in both; `null` where there is no value"
    } else {
        "set them in both; what is NOT NULL needs a value even where it has a default"
    }));
}

/// Whether a rule's value can stand in its column.
fn column_fits(
    block: &mut BlockChecker<'_, '_, '_>,
    value: &Expr,
    column: &crate::catalog::Column,
    table: &str,
    place: Span,
) -> bool {
    let pg_type = PgType::parse(&column.ty);
    let wanted = if column.nullable {
        Type::nullable(pg_type.ty())
    } else {
        Type::required(pg_type.ty())
    };
    let name = format!("column `{table}.{}`", column.name);
    if let (Ty::Other(found), Ty::Other(kind)) = (&value.ty.ty, &wanted.ty)
        && (found != kind || !is_copy(&block.checker.frames, &block.frame, value))
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
        .note("the language does not compute with this type of PostgreSQL")
        .help("a column can be copied as it stands, through fields of views and `let`s too");
        block.error(diagnostic);
        return false;
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
        return false;
    }
    block.fits(value, &wanted, &name, place);
    fitting
}

/// Whether a value of a frame is a column as it stands, perhaps through names.
fn is_copy(frames: &[ir::Frame], frame: &ir::Frame, value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Column { .. } | ExprKind::Literal(_) => true,
        ExprKind::Local(local) => {
            (frame.locals.get(*local)).is_some_and(|local| is_copy(frames, frame, &local.value))
        }
        ExprKind::Field { slot, local } => match frame.slots.get(*slot).map(|slot| slot.relation) {
            Some(Relation::Frame(inner)) => frames.get(inner).is_some_and(|view| {
                let local = view.locals.get(*local);
                local.is_some_and(|local| is_copy(frames, view, &local.value))
            }),
            Some(Relation::Scan(_) | Relation::Broadcast(_)) | None => false,
        },
        _ => false,
    }
}

/// Reports the constants that a rule may give and that its column cannot hold.
fn constants_fit(
    block: &mut BlockChecker<'_, '_, '_>,
    value: &Expr,
    column: &crate::catalog::Column,
    table: &str,
    place: Span,
) {
    let pg_type = PgType::parse(&column.ty);
    let mut open = vec![value];
    let mut found = Vec::new();
    while let Some(value) = open.pop() {
        match &value.kind {
            ExprKind::Literal(OwnedValue::Int(number)) => {
                let fits = match pg_type {
                    PgType::Int2 => i16::try_from(*number).is_ok(),
                    PgType::Int4 => i32::try_from(*number).is_ok(),
                    _ => true,
                };
                if !fits {
                    found.push((value.span, format!("{number} is outside of `{pg_type}`")));
                }
            }
            ExprKind::Literal(OwnedValue::Text(text)) => {
                let length = text.chars().count();
                if let PgType::Varchar(Some(limit)) = pg_type
                    && length > limit as usize
                {
                    found.push((value.span, format!("has {length} characters")));
                }
            }
            ExprKind::If(branches, otherwise) => {
                open.extend(branches.iter().map(|(_, then)| then));
                open.push(otherwise);
            }
            ExprKind::Match {
                arms, otherwise, ..
            } => {
                open.extend(arms.iter().map(|(_, result)| result));
                open.extend(otherwise.as_deref());
            }
            ExprKind::Coalesce(left, right) => open.extend([&**left, &**right]),
            ExprKind::Handled { handler, .. } => match &**handler {
                ir::Handler::Value(value) | ir::Handler::Warn(_, value) => open.push(value),
                ir::Handler::Fate(_) => {}
            },
            _ => {}
        }
    }
    for (span, label) in found {
        let diagnostic = Diagnostic::error(
            codes::E0213,
            format!("constant does not fit column `{table}.{}`", column.name),
        )
        .primary(span, label)
        .secondary(place, format!("`{pg_type}`"))
        .note("every row with it would be rejected under `value_out_of_range`");
        block.error(diagnostic);
    }
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
