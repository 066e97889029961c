//! Finding the rows of a slot: by looking at each of few, by an index over many.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use crate::eval::{self, Place, Stop, equal};
use crate::plan::{Lookup, Relation};
use crate::types::Value;

use super::{NONE, Partition, RowFate, SCAN_LIMIT, hash};

impl<'b> Partition<'b, '_, '_> {
    /// The rows a look-up finds; and where there are none, the reason of one that would have fitted
    /// but ended itself.
    pub(super) fn find(
        &mut self,
        at: Place,
        lookup: &'b Lookup,
        found: &mut Vec<u32>,
    ) -> Result<Option<usize>, Stop> {
        found.clear();
        if lookup.aligned && self.null_key {
            return Ok(None);
        }
        let Some(relation) = self
            .plan_frame(at.frame)
            .and_then(|frame| frame.slots.get(lookup.slot))
            .map(|slot| slot.relation)
        else {
            return Ok(None);
        };
        let mut left = bumpalo::collections::Vec::with_capacity_in(lookup.left.len(), self.arena);
        for node in &lookup.left {
            let value = eval::evaluate(self.program, self, at, *node)?;
            if value.is_null() {
                return Ok(None);
            }
            left.push(value);
        }
        let mut dead = None;
        let count = self.count(relation);
        if count <= SCAN_LIMIT || left.is_empty() {
            for row in 0..u32::try_from(count).unwrap_or(NONE) {
                self.consider(at, lookup, relation, &left, row, found, &mut dead)?;
            }
        } else {
            let candidates = self.candidates(at, lookup, relation, &left);
            for row in candidates {
                self.consider(at, lookup, relation, &left, row, found, &mut dead)?;
            }
        }
        Ok(if found.is_empty() { dead } else { None })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of `find`, which owns all of these"
    )]
    pub(super) fn consider(
        &mut self,
        at: Place,
        lookup: &'b Lookup,
        relation: Relation,
        left: &[Value<'b>],
        row: u32,
        found: &mut Vec<u32>,
        dead: &mut Option<usize>,
    ) -> Result<(), Stop> {
        let fate = self.fate(relation, row);
        if fate == RowFate::Absent {
            return Ok(());
        }
        let bound = Place {
            bound: Some((lookup.slot, row)),
            ..at
        };
        for (value, node) in left.iter().zip(&lookup.right) {
            // A row whose own value failed has ended for it, and fits nothing.
            let fits = eval::evaluate(self.program, self, bound, *node)
                .is_ok_and(|right| equal(value, &right));
            if !fits {
                return Ok(());
            }
        }
        if let Some(residual) = lookup.residual
            && eval::evaluate(self.program, self, bound, residual)? != Value::Bool(true)
        {
            return Ok(());
        }
        match fate {
            RowFate::Live => found.push(row),
            RowFate::Ended { reason, .. } => *dead = Some(dead.unwrap_or(reason)),
            RowFate::Absent => {}
        }
        Ok(())
    }

    /// The rows of a large relation whose values may be equal, by hash.
    pub(super) fn candidates(
        &mut self,
        at: Place,
        lookup: &'b Lookup,
        relation: Relation,
        left: &[Value<'b>],
    ) -> Vec<u32> {
        let id = std::ptr::from_ref(lookup).addr();
        let is_broadcast = matches!(relation, Relation::Broadcast(_));
        let known = if is_broadcast {
            self.results.broadcast_indexes.contains_key(&id)
        } else {
            self.indexes.contains_key(&id)
        };
        if !known {
            let mut index: HashMap<u64, Vec<u32>> = HashMap::new();
            for row in 0..u32::try_from(self.count(relation)).unwrap_or(NONE) {
                let bound = Place {
                    bound: Some((lookup.slot, row)),
                    ..at
                };
                let mut hasher = DefaultHasher::new();
                let mut complete = true;
                for node in &lookup.right {
                    match eval::evaluate(self.program, self, bound, *node) {
                        Ok(value) if !value.is_null() => hash(&value, &mut hasher),
                        _ => complete = false,
                    }
                }
                if complete {
                    index.entry(hasher.finish()).or_default().push(row);
                }
            }
            let indexes = if is_broadcast {
                &mut self.results.broadcast_indexes
            } else {
                &mut self.indexes
            };
            indexes.insert(id, index);
        }
        let mut hasher = DefaultHasher::new();
        left.iter().for_each(|value| hash(value, &mut hasher));
        let indexes = if is_broadcast {
            &self.results.broadcast_indexes
        } else {
            &self.indexes
        };
        indexes
            .get(&id)
            .and_then(|index| index.get(&hasher.finish()))
            .cloned()
            .unwrap_or_default()
    }
}
