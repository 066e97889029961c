//! What of a mapping that did not pass the checker can still be judged: whatever is made of known
//! parts only. In a sound mapping that is everything.

use crate::check::ir::{Condition, Expr, ExprKind, Join, Mapping, Relation};

/// Whether a join's condition and the relation it joins are known.
pub(super) fn join(mapping: &Mapping, frame: usize, join: &Join) -> bool {
    if mapping.sound {
        return true;
    }
    let relation = mapping
        .frames
        .get(frame)
        .and_then(|frame| frame.slots.get(join.slot))
        .map(|slot| slot.relation);
    condition(mapping, frame, &join.on)
        && relation.is_some_and(|relation| self::relation(mapping, relation))
}

/// Whether both sides of a condition's equalities can be followed to where they come from.
pub(super) fn condition(mapping: &Mapping, frame: usize, on: &Condition) -> bool {
    let mut sides = on.equalities.iter().flat_map(|(left, right)| [left, right]);
    mapping.sound || on.sound && sides.all(|side| value(mapping, frame, side))
}

/// Whether values of a frame can be followed to where they come from.
pub(super) fn values(mapping: &Mapping, frame: usize, exprs: &[Expr]) -> bool {
    mapping.sound || exprs.iter().all(|expr| value(mapping, frame, expr))
}

/// Whether it is known which rows a relation has.
fn relation(mapping: &Mapping, relation: Relation) -> bool {
    match relation {
        Relation::Scan(scan) => scan < mapping.scans.len(),
        Relation::Broadcast(broadcast) => broadcast < mapping.broadcasts.len(),
        Relation::Frame(number) => mapping.frames.get(number).is_some_and(|frame| {
            values(mapping, number, &frame.group)
                && frame
                    .locals
                    .iter()
                    .all(|local| value(mapping, number, &local.value))
                && frame
                    .slots
                    .iter()
                    .all(|slot| self::relation(mapping, slot.relation))
        }),
    }
}

fn value(mapping: &Mapping, frame: usize, expr: &Expr) -> bool {
    let Some(block) = mapping.frames.get(frame) else {
        return false;
    };
    let followed = match &expr.kind {
        ExprKind::Error => false,
        ExprKind::Local(local) => block
            .locals
            .get(*local)
            .is_some_and(|local| value(mapping, frame, &local.value)),
        ExprKind::Field { slot, local } => match block.slots.get(*slot).map(|slot| slot.relation) {
            Some(Relation::Frame(inner)) => mapping
                .frames
                .get(inner)
                .and_then(|view| view.locals.get(*local))
                .is_some_and(|local| value(mapping, inner, &local.value)),
            Some(Relation::Scan(_) | Relation::Broadcast(_)) | None => false,
        },
        _ => true,
    };
    followed
        && expr
            .children()
            .into_iter()
            .all(|child| value(mapping, frame, child))
}
