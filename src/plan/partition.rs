//! Alignment: one column of each scanned table is its partition key, such that every join, `exists`
//! and `group by` equates partition keys. Then all rows that can meet share a key, and one ordered
//! pass over the tables brings them together.

use std::collections::BTreeSet;

use crate::base::Span;
use crate::catalog::Catalog;
use crate::check::ir::{self, Expr, ExprKind, Relation};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::types::{PgType, Ty};

use super::known::Known;

/// The partition key of each scan, by number, and which scans are read in step.
pub(super) struct Alignment {
    /// The key column's number in the scan.
    pub(super) keys: Vec<usize>,
    /// For each scan the number of its component.
    pub(super) component: Vec<usize>,
}

/// A column of a scan.
type ScanColumn = (usize, usize);

/// Something that ties partition keys together: at least one option must hold.
struct Constraint {
    /// The two scans; the same one for a grouping.
    scans: (usize, usize),
    /// Pairs of columns, either of which may be the keys.
    options: Vec<(ScanColumn, ScanColumn)>,
    span: Span,
    what: String,
}

/// Finds the partition keys of a mapping; reports what cannot be aligned.
pub(super) fn align(
    mapping: &mut ir::Mapping,
    known: &Known,
    source: &Catalog,
    diagnostics: &mut Diagnostics,
) -> Option<Alignment> {
    let constraints = constraints(mapping, known);
    let count = mapping.scans.len();
    let mut component: Vec<usize> = (0..count).collect();
    for constraint in &constraints {
        let (left, right) = constraint.scans;
        if let (Some(from), Some(to)) =
            (component.get(left).copied(), component.get(right).copied())
        {
            for entry in &mut component {
                if *entry == from {
                    *entry = to;
                }
            }
        }
    }
    let mut keys: Vec<Option<usize>> = vec![None; count];
    let roots: BTreeSet<usize> = component.iter().copied().collect();
    let mut failed = false;
    for root in roots {
        let members: Vec<usize> = (0..count)
            .filter(|scan| component.get(*scan) == Some(&root))
            .collect();
        let own: Vec<&Constraint> = constraints
            .iter()
            .filter(|constraint| component.get(constraint.scans.0) == Some(&root))
            .collect();
        failed |= !solve(mapping, source, &members, &own, &mut keys, diagnostics);
    }
    let keys: Option<Vec<usize>> = keys.into_iter().collect();
    if failed {
        None
    } else {
        keys.map(|keys| Alignment { keys, component })
    }
}

/// Chooses the keys of one component.
fn solve(
    mapping: &mut ir::Mapping,
    source: &Catalog,
    members: &[usize],
    constraints: &[&Constraint],
    keys: &mut [Option<usize>],
    diagnostics: &mut Diagnostics,
) -> bool {
    let mut candidates: Vec<ScanColumn> = Vec::new();
    for constraint in constraints {
        for (left, right) in &constraint.options {
            for column in [*left, *right] {
                if !candidates.contains(&column) {
                    candidates.push(column);
                }
            }
        }
    }
    if constraints.is_empty() {
        if !mapping.sound {
            // What would tie the table to others may be what is wrong.
            return false;
        }
        return alone(mapping, source, members, keys, diagnostics);
    }
    let mut best: Option<(Vec<usize>, Vec<Option<usize>>)> = None;
    for seed in candidates {
        if !orderable(mapping, seed) {
            continue;
        }
        let mut trial = keys.to_vec();
        let broken = propagate(seed, constraints, &mut trial);
        if broken.is_empty() {
            keys.copy_from_slice(&trial);
            return true;
        }
        if best
            .as_ref()
            .is_none_or(|(least, _)| broken.len() < least.len())
        {
            best = Some((broken, trial));
        }
    }
    let (broken, trial) = best.unwrap_or_else(|| ((0..constraints.len()).collect(), keys.to_vec()));
    for constraint in broken.iter().filter_map(|index| constraints.get(*index)) {
        diagnostics.push(if constraints.len() == 1 && itself(constraint) {
            joins_itself(mapping, constraint)
        } else {
            not_aligned(mapping, constraint, &trial)
        });
    }
    false
}

/// Spreads the choice of one key over a component; gives the constraints that cannot hold.
fn propagate(
    seed: ScanColumn,
    constraints: &[&Constraint],
    keys: &mut [Option<usize>],
) -> Vec<usize> {
    if let Some(key) = keys.get_mut(seed.0) {
        *key = Some(seed.1);
    }
    let mut open: Vec<usize> = (0..constraints.len()).collect();
    let mut broken = Vec::new();
    loop {
        let mut progress = false;
        open.retain(|index| {
            let Some(constraint) = constraints.get(*index) else {
                return false;
            };
            let known = |(scan, column): ScanColumn| {
                let key = keys.get(scan).copied().flatten();
                (key.is_some(), key.is_none_or(|key| key == column))
            };
            let mut chosen = None;
            let mut possible = false;
            for (left, right) in &constraint.options {
                let ((left_known, left_fits), (right_known, right_fits)) =
                    (known(*left), known(*right));
                if !(left_fits && right_fits) {
                    continue;
                }
                possible = true;
                if left_known && right_known {
                    chosen = Some((*left, *right));
                    break;
                }
                if left_known || right_known {
                    chosen = chosen.or(Some((*left, *right)));
                }
            }
            match chosen {
                Some((left, right)) => {
                    for (scan, column) in [left, right] {
                        if let Some(key) = keys.get_mut(scan) {
                            *key = Some(column);
                        }
                    }
                }
                None if possible => return true,
                None => broken.push(*index),
            }
            progress = true;
            false
        });
        if !progress {
            broken.extend(open);
            broken.sort_unstable();
            return broken;
        }
    }
}

/// A table that nothing is joined to: its own key gives the order.
fn alone(
    mapping: &mut ir::Mapping,
    source: &Catalog,
    members: &[usize],
    keys: &mut [Option<usize>],
    diagnostics: &mut Diagnostics,
) -> bool {
    let mut all = true;
    for member in members {
        let Some(scan) = mapping.scans.get_mut(*member) else {
            continue;
        };
        let table = source.tables.get(&scan.table);
        let first_of_key = table.and_then(|table| {
            let key = table.primary_key().or_else(|| table.keys.first())?;
            table.column(key.columns.first()?)
        });
        let any = table.into_iter().flat_map(|table| &table.columns);
        let chosen = first_of_key
            .into_iter()
            .chain(any)
            .find(|column| sortable(&PgType::parse(&column.ty).ty()));
        let Some(chosen) = chosen else {
            let diagnostic = Diagnostic::error(
                codes::E0407,
                format!(
                    "table `{}` has no column that can be a partition key",
                    scan.table
                ),
            )
            .primary(scan.span, "no column of type `text`, `int` or `uuid`")
            .note("each table is read once, in the order of one of its columns");
            diagnostics.push(diagnostic);
            all = false;
            continue;
        };
        let column = ir::Column {
            name: chosen.name.clone(),
            pg_type: PgType::parse(&chosen.ty),
            nullable: chosen.nullable,
        };
        let index = scan
            .columns
            .iter()
            .position(|known| known.name == column.name)
            .unwrap_or_else(|| {
                scan.columns.push(column);
                scan.columns.len() - 1
            });
        if let Some(key) = keys.get_mut(*member) {
            *key = Some(index);
        }
    }
    all
}

fn orderable(mapping: &ir::Mapping, (scan, column): ScanColumn) -> bool {
    let column = mapping
        .scans
        .get(scan)
        .and_then(|scan| scan.columns.get(column));
    column.is_some_and(|column| sortable(&column.pg_type.ty()))
}

fn sortable(ty: &Ty) -> bool {
    matches!(ty, Ty::Text | Ty::Int | Ty::Uuid)
}

/// Whether a table is joined to itself.
fn itself(constraint: &Constraint) -> bool {
    constraint.scans.0 == constraint.scans.1 && constraint.options.iter().any(|(a, b)| a != b)
}

/// A table that is joined to itself by different columns, which nothing else ties.
fn joins_itself(mapping: &ir::Mapping, constraint: &Constraint) -> Diagnostic {
    let scan = mapping.scans.get(constraint.scans.0);
    let table = scan.map_or("", |scan| scan.table.as_str());
    let column = |(_, column): &ScanColumn| {
        let found = scan.and_then(|scan| scan.columns.get(*column));
        format!(
            "`{table}.{}`",
            found.map_or("", |column| column.name.as_str())
        )
    };
    let pair = constraint.options.first();
    let (left, right) = pair.map_or_else(Default::default, |(a, b)| (column(a), column(b)));
    Diagnostic::error(
        codes::E0403,
        format!("{} joins `{table}` to itself by two columns", constraint.what),
    )
    .primary(constraint.span, format!("{left} is not {right}"))
    .note("each table is read once, in the order of one column; rows meet only where those columns are equal")
    .help(format!(
        "declare the table once more, if it is small: `broadcast other from source.{table}`, and join `other`"
    ))
}

fn not_aligned(
    mapping: &ir::Mapping,
    constraint: &Constraint,
    keys: &[Option<usize>],
) -> Diagnostic {
    let describe = |scan: usize| -> Option<String> {
        let table = mapping.scans.get(scan)?;
        let column = table.columns.get(keys.get(scan).copied().flatten()?)?;
        Some(format!("`{}.{}`", table.table, column.name))
    };
    let table = |scan: usize| {
        mapping
            .scans
            .get(scan)
            .map_or("", |scan| scan.table.as_str())
    };
    let (left, right) = constraint.scans;
    let mut diagnostic = Diagnostic::error(
        codes::E0403,
        format!("{} does not equate the partition key", constraint.what),
    )
    .primary(
        constraint.span,
        if left == right {
            format!("`{}` is read in the order of another column", table(left))
        } else {
            format!(
                "`{}` and `{}` cannot be read in step",
                table(left),
                table(right)
            )
        },
    );
    let known: BTreeSet<String> = [describe(left), describe(right)]
        .into_iter()
        .flatten()
        .collect();
    if !known.is_empty() {
        let list: Vec<String> = known.into_iter().collect();
        diagnostic = diagnostic.note(format!(
            "the partition key of the other blocks: {}",
            list.join(" = ")
        ));
    }
    diagnostic
        .note("each table is read once, in the order of one column; rows meet only where those columns are equal")
        .help(if left == right && constraint.what == "`group by`" {
            "group by that column too"
        } else {
            "add the equality of the keys, or declare the table with `broadcast` if it is small"
        })
}

/// What ties the scans of a mapping together.
fn constraints(mapping: &ir::Mapping, known: &Known) -> Vec<Constraint> {
    let mut found = Vec::new();
    for (index, frame) in mapping.frames.iter().enumerate() {
        for join in &frame.joins {
            let name = frame.slots.get(join.slot).map_or("", |slot| &slot.alias);
            tie(
                mapping,
                known,
                index,
                join.slot,
                &join.on,
                &format!("the join of `{name}`"),
                &mut found,
            );
        }
        if let Some(root) = root(mapping, Relation::Frame(index))
            && !frame.group.is_empty()
            && (frame.group.iter()).all(|key| known.value(mapping, index, key))
        {
            let options: Vec<_> = frame
                .group
                .iter()
                .filter_map(|key| base(mapping, index, key))
                .filter(|(scan, _)| *scan == root)
                .map(|column| (column, column))
                .collect();
            let span = frame
                .group
                .iter()
                .map(|key| key.span)
                .reduce(Span::to)
                .unwrap_or(frame.span);
            found.push(Constraint {
                scans: (root, root),
                options,
                span,
                what: "`group by`".to_owned(),
            });
        }
        each_exists(frame, &mut |slot, on| {
            tie(mapping, known, index, slot, on, "`exists`", &mut found)
        });
    }
    found
}

/// Adds the constraint of a condition on `slot` of `frame`.
fn tie(
    mapping: &ir::Mapping,
    known: &Known,
    frame: usize,
    slot: usize,
    on: &ir::Condition,
    what: &str,
    found: &mut Vec<Constraint>,
) {
    let Some(relation) = mapping
        .frames
        .get(frame)
        .and_then(|frame| frame.slots.get(slot))
        .map(|slot| slot.relation)
        .filter(|_| known.condition(mapping, frame, on))
    else {
        return;
    };
    let (Some(left), Some(right)) = (
        root(mapping, Relation::Frame(frame)),
        root(mapping, relation),
    ) else {
        return;
    };
    let options = on
        .equalities
        .iter()
        .filter_map(|(a, b)| Some((base(mapping, frame, a)?, base(mapping, frame, b)?)))
        .filter(|(_, (scan, _))| *scan == right)
        .collect();
    // A column of another joined table will do as well as the driver's: it shares the driver's key.
    found.push(Constraint {
        scans: (left, right),
        options,
        span: on.span,
        what: what.to_owned(),
    });
}

/// The scan whose rows drive a relation; none for broadcast relations.
pub(super) fn root(mapping: &ir::Mapping, relation: Relation) -> Option<usize> {
    match relation {
        Relation::Scan(scan) => Some(scan),
        Relation::Broadcast(_) => None,
        Relation::Frame(frame) => root(mapping, mapping.frames.get(frame)?.slots.first()?.relation),
    }
}

/// The column that an expression is a plain copy of.
pub(super) fn base(mapping: &ir::Mapping, frame: usize, expr: &Expr) -> Option<ScanColumn> {
    let block = mapping.frames.get(frame)?;
    match &expr.kind {
        ExprKind::Column { slot, column } => match block.slots.get(*slot)?.relation {
            Relation::Scan(scan) => Some((scan, *column)),
            Relation::Broadcast(_) | Relation::Frame(_) => None,
        },
        ExprKind::Field { slot, local } => match block.slots.get(*slot)?.relation {
            Relation::Frame(inner) => base(
                mapping,
                inner,
                &mapping.frames.get(inner)?.locals.get(*local)?.value,
            ),
            Relation::Scan(_) | Relation::Broadcast(_) => None,
        },
        ExprKind::Local(local) => base(mapping, frame, &block.locals.get(*local)?.value),
        _ => None,
    }
}

/// Calls `visit` for every `exists` of a frame.
pub(super) fn each_exists<'m>(
    frame: &'m ir::Frame,
    visit: &mut dyn FnMut(usize, &'m ir::Condition),
) {
    let mut visit_expr = |expr: &'m Expr| {
        if let ExprKind::Exists { slot, on } = &expr.kind {
            visit(*slot, on);
        }
    };
    let roots = frame
        .filter
        .iter()
        .chain(frame.locals.iter().map(|local| &local.value))
        .chain(frame.clauses.iter().map(|clause| &clause.when))
        .chain(frame.intos.iter().filter_map(|into| match &into.condition {
            ir::IntoCondition::When(when) => Some(when),
            ir::IntoCondition::Always | ir::IntoCondition::Otherwise => None,
        }))
        .chain(
            frame
                .intos
                .iter()
                .flat_map(|into| into.rules.iter().map(|rule| &rule.value)),
        );
    for root in roots {
        walk(root, &mut visit_expr);
    }
}

/// Calls `visit` for an expression and all in it, except the conditions of `exists`.
fn walk<'m>(expr: &'m Expr, visit: &mut dyn FnMut(&'m Expr)) {
    visit(expr);
    for child in expr.children() {
        walk(child, visit);
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::samples::planned;

    /// `table.key` of every scan, each pass apart.
    fn keys(blocks: &str) -> Vec<Vec<String>> {
        let plan = planned(blocks).unwrap();
        plan.passes
            .iter()
            .map(|pass| {
                let scans = pass.scans.iter().map(|number| &plan.scans[*number]);
                scans
                    .map(|scan| format!("{}.{}", scan.table, scan.columns[scan.key].name))
                    .collect()
            })
            .collect()
    }

    fn not_aligned(blocks: &str) -> Vec<String> {
        let mut messages = planned(blocks).unwrap_err();
        messages.retain(|message| message.starts_with("E0403"));
        messages
    }

    const ORPHAN: &str = "reason orphan warn \"orphan\"\n";

    #[test]
    fn joined_tables_are_read_by_what_joins_them() {
        let text = format!(
            "{ORPHAN}map a from pets as q join people as p on p.id == q.owner else skip orphan {{ into log_lines {{ line = p.name }} }}"
        );
        assert_eq!(keys(&text), [["pets.owner", "people.id"]]);
    }

    #[test]
    fn what_is_never_joined_is_read_by_its_own_key_in_a_pass_of_its_own() {
        let text = "map a from people as p { into log_lines { line = p.name } }
            map b from countries as c { into log_lines { line = c.label } }
            map c from visits as v { into log_lines { line = \"{v.at}\" } }";
        assert_eq!(
            keys(text),
            [["people.id"], ["countries.code"], ["visits.person"]]
        );
    }

    #[test]
    fn of_two_candidates_the_one_that_holds_everywhere_is_the_key() {
        // `pets` could be read by `name` or `owner`; only `owner` is equated with `people.id` too.
        let text = format!(
            "{ORPHAN}
            map a from pets as q join people as p on p.name == q.name and p.id == q.owner else skip orphan {{ into log_lines {{ line = p.name }} }}
            map b from people as p {{
                skip orphan when exists (pets as q on q.owner == p.id)
                into log_lines {{ line = p.name }}
            }}"
        );
        assert_eq!(keys(&text), [["pets.owner", "people.id"]]);
    }

    #[test]
    fn keys_go_through_views_and_values() {
        let text = format!(
            "{ORPHAN}
            view pet from pets as q {{ let o = q.owner holder = o name = q.name }}
            view owners from pet as x group by x.holder {{ holder = x.holder first = min(x.name) }}
            map a from people as p left join owners as o on o.holder == p.id {{ into log_lines {{ line = o.first ?? p.name }} }}
            map b from visits as v join people as p on p.id == v.person else skip orphan {{ into log_lines {{ line = p.name }} }}"
        );
        let mut passes = keys(&text);
        passes[0].sort();
        assert_eq!(passes, [["people.id", "pets.owner", "visits.person"]]);
    }

    #[test]
    fn a_join_that_equates_other_columns_is_an_error() {
        let text = format!(
            "{ORPHAN}
            map a from pets as q join people as p on p.id == q.owner else skip orphan {{ into log_lines {{ line = p.name }} }}
            map b from people as p {{
                skip orphan when exists (pets as q on q.owner == p.id)
                skip orphan when exists (pets as q on q.id == p.boss)
                into log_lines {{ line = p.name }}
            }}"
        );
        assert_eq!(
            not_aligned(&text),
            ["E0403 `exists` does not equate the partition key"]
        );
    }

    #[test]
    fn a_group_must_hold_the_key() {
        let kinds = |by: &str| {
            format!(
                "{ORPHAN}
                view kinds from pets as q group by {by} {{ owner = min(q.owner) kind = count() }}
                map a from kinds as k {{ into log_lines {{ line = \"{{k.owner}}{{k.kind}}\" }} }}
                map b from pets as q join people as p on p.id == q.owner else skip orphan {{ into log_lines {{ line = p.name }} }}
                map c from people as p {{ skip orphan when exists (pets as q on q.owner == p.id) into log_lines {{ line = p.name }} }}"
            )
        };
        assert_eq!(
            not_aligned(&kinds("q.kind")),
            ["E0403 `group by` does not equate the partition key"]
        );
        let both = kinds("q.kind, q.owner");
        assert_eq!(keys(&both), [["pets.owner", "people.id"]]);
    }

    #[test]
    fn broadcast_relations_need_no_key() {
        let text = "broadcast country from source.countries
            map a from people as p left join country as c on c.code == p.country { into log_lines { line = if c is null then \"\" else c.label } }";
        assert_eq!(keys(text), [["people.id"]]);
    }
}
