//! What of a mapping that did not pass the checker can still be judged: whatever is made of known
//! parts only. In a sound mapping that is everything.

use crate::check::ir::{Condition, Expr, ExprKind, Frame, Join, Mapping, Relation};

/// Which parts of a mapping are known. Made once, a frame after those it builds on, so that no way
/// through the views is gone twice.
pub(super) struct Known {
    sound: bool,
    frames: Vec<KnownFrame>,
}

struct KnownFrame {
    /// Whether it is known which rows it has, and what is in them.
    whole: bool,
    /// Whether each of its locals can be followed to where it comes from.
    locals: Vec<bool>,
}

impl Known {
    /// What is known of a mapping.
    pub(super) fn of(mapping: &Mapping) -> Self {
        let mut known = Self {
            sound: mapping.sound,
            frames: Vec::new(),
        };
        if mapping.sound {
            return known;
        }
        for frame in &mapping.frames {
            let mut locals: Vec<bool> = Vec::new();
            for local in &frame.locals {
                locals.push(known.expr(frame, &locals, &local.value));
            }
            let whole = locals.iter().all(|local| *local)
                && frame
                    .group
                    .iter()
                    .all(|key| known.expr(frame, &locals, key))
                && (frame.slots.iter()).all(|slot| known.relation(mapping, slot.relation));
            known.frames.push(KnownFrame { whole, locals });
        }
        known
    }

    /// Whether a join's condition and the relation it joins are known.
    pub(super) fn join(&self, mapping: &Mapping, frame: usize, join: &Join) -> bool {
        let slots = mapping.frames.get(frame).map(|frame| &frame.slots);
        let slot = slots.and_then(|slots| slots.get(join.slot));
        self.condition(mapping, frame, &join.on)
            && slot.is_some_and(|slot| self.relation(mapping, slot.relation))
    }

    /// Whether both sides of a condition's equalities can be followed to where they come from.
    pub(super) fn condition(&self, mapping: &Mapping, frame: usize, on: &Condition) -> bool {
        let mut sides = on.equalities.iter().flat_map(|(left, right)| [left, right]);
        self.sound || on.sound && sides.all(|side| self.value(mapping, frame, side))
    }

    /// Whether a value of a frame can be followed to where it comes from.
    pub(super) fn value(&self, mapping: &Mapping, frame: usize, expr: &Expr) -> bool {
        let block = mapping.frames.get(frame).zip(self.frames.get(frame));
        self.sound || block.is_some_and(|(frame, known)| self.expr(frame, &known.locals, expr))
    }

    /// Whether it is known which rows a relation has.
    fn relation(&self, mapping: &Mapping, relation: Relation) -> bool {
        self.sound
            || match relation {
                Relation::Scan(scan) => scan < mapping.scans.len(),
                Relation::Broadcast(broadcast) => broadcast < mapping.broadcasts.len(),
                Relation::Frame(frame) => self.frames.get(frame).is_some_and(|known| known.whole),
            }
    }

    fn expr(&self, frame: &Frame, locals: &[bool], expr: &Expr) -> bool {
        let mut open = vec![expr];
        while let Some(expr) = open.pop() {
            let known = match &expr.kind {
                ExprKind::Error => false,
                ExprKind::Local(local) => locals.get(*local).is_some_and(|known| *known),
                ExprKind::Field { slot, local } => {
                    let relation = frame.slots.get(*slot).map(|slot| slot.relation);
                    match relation {
                        Some(Relation::Frame(view)) => self
                            .frames
                            .get(view)
                            .and_then(|view| view.locals.get(*local))
                            .is_some_and(|known| *known),
                        Some(Relation::Scan(_) | Relation::Broadcast(_)) | None => false,
                    }
                }
                _ => true,
            };
            if !known {
                return false;
            }
            open.extend(expr.children());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use crate::base::Files;
    use crate::check::samples::{catalogs, messages};
    use crate::diagnostics::Diagnostics;
    use crate::{check, syntax};

    /// The errors of planning a mapping that the checker may have refused.
    fn errors(blocks: &str) -> Vec<String> {
        let mut files = Files::new();
        let text = format!("mapping m\nsource tiny_source\ntarget tiny_target\n{blocks}");
        let id = files.add("m.map", text);
        let mut found = Diagnostics::new();
        let file = syntax::parse(&files, id, &mut found);
        let [source, target] = catalogs();
        let mapping = check::check(&file, id, &[source.clone(), target.clone()], &mut found);
        if let Some(mapping) = mapping {
            let _ = super::super::plan(mapping, &files, &source, &target, &mut found);
        }
        let mut messages = messages(found);
        messages.retain(|message| message.starts_with('E'));
        messages
    }

    #[test]
    fn no_way_through_the_views_is_gone_twice() {
        // Each view joins the one before it twice, so there are 2^60 ways down to the first.
        let mut blocks = "view v0 from people as p { id = p.id n = p.name }\n".to_owned();
        for number in 1..=60 {
            let below = number - 1;
            writeln!(
                blocks,
                "view v{number} from v{below} as a left join v{below} as b on b.id == a.id {{ id = a.id n = b.n }}"
            )
            .unwrap();
        }
        blocks.push_str("map m from v60 as v { into log_lines { line = v.nn } }\n");
        assert_eq!(errors(&blocks), ["E0102 no field `nn` in view `v60`"]);
    }

    #[test]
    fn what_builds_on_something_unknown_is_not_judged_and_the_rest_is() {
        let errors = errors(
            "reason orphan warn \"orphan\"
            view bad from pets as q { id = q.id name = q.nmae }
            view good from pets as q { id = q.id name = q.name }
            map a from people as p left join bad as b on b.name == p.name { into log_lines { line = p.name } }
            map c from people as p left join good as g on g.id == p.id { into log_lines { line = p.name } }
            map d from people as p left join good as g on g.name == p.name { into log_lines { line = p.name } }",
        );
        assert_eq!(
            errors,
            [
                "E0102 no column `nmae` in table `pets`",
                "E0402 join of `g` may find several rows",
                "E0403 the join of `g` does not equate the partition key",
            ]
        );
    }
}
