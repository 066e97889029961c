//! Alignment: one column of each scanned table is its partition key, such that every join, `exists`
//! and `group by` equates partition keys. Then all rows that can meet share a key, and one ordered
//! pass over the tables brings them together.

use std::collections::BTreeSet;

use crate::base::Span;
use crate::catalog::Catalog;
use crate::check::ir::{self, Expr, ExprKind, Relation};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::types::{PgType, Ty};

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
    source: &Catalog,
    diagnostics: &mut Diagnostics,
) -> Option<Alignment> {
    let constraints = constraints(mapping);
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
        diagnostics.push(not_aligned(mapping, constraint, &trial));
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
            let (left, right) = constraint.scans;
            let known = (
                keys.get(left).copied().flatten(),
                keys.get(right).copied().flatten(),
            );
            if known.0.is_none() && known.1.is_none() {
                return true;
            }
            progress = true;
            let option = constraint.options.iter().find(|((_, a), (_, b))| {
                known.0.is_none_or(|key| key == *a) && known.1.is_none_or(|key| key == *b)
            });
            match option {
                Some(((left, a), (right, b))) => {
                    for (scan, column) in [(left, a), (right, b)] {
                        if let Some(key) = keys.get_mut(*scan) {
                            *key = Some(*column);
                        }
                    }
                }
                None => broken.push(*index),
            }
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
        .help(if left == right {
            "group by that column too"
        } else {
            "add the equality of the keys, or declare the table with `broadcast` if it is small"
        })
}

/// What ties the scans of a mapping together.
fn constraints(mapping: &ir::Mapping) -> Vec<Constraint> {
    let mut found = Vec::new();
    for (index, frame) in mapping.frames.iter().enumerate() {
        for join in &frame.joins {
            let name = frame.slots.get(join.slot).map_or("", |slot| &slot.alias);
            tie(
                mapping,
                index,
                join.slot,
                &join.on,
                &format!("the join of `{name}`"),
                &mut found,
            );
        }
        if let Some(root) = root(mapping, Relation::Frame(index))
            && !frame.group.is_empty()
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
            tie(mapping, index, slot, on, "`exists`", &mut found)
        });
    }
    found
}

/// Adds the constraint of a condition on `slot` of `frame`.
fn tie(
    mapping: &ir::Mapping,
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
        .collect::<Vec<_>>();
    // The driver's own column where it is named; else a column of another joined table, which
    // shares the driver's key.
    let scans = options
        .iter()
        .find(|((scan, _), _)| *scan == left)
        .or(options.first())
        .map_or((left, right), |((a, _), (b, _))| (*a, *b));
    let options: Vec<_> = options
        .into_iter()
        .filter(|((a, _), (b, _))| (*a, *b) == scans)
        .collect();
    found.push(Constraint {
        scans,
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
