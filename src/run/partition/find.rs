//! Finding the rows of a slot: by looking at each of few, by an index over many.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use crate::eval::{self, Place, Stop, equal};
use crate::plan::{Lookup, Node, NodeId, Relation};
use crate::types::Value;

use super::{NONE, Partition, RowFate, SCAN_LIMIT, hash};

/// What a look-up is made for, and so which rows it looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// All rows that live.
    Live,
    /// Whether one lives.
    Exists,
    /// All rows that live; and where there are none, one that would have fitted but ended.
    Owner,
}

/// Where a value that counts as a copy may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Through {
    /// Columns alone.
    Columns,
    /// Fields of grouped views, too: groups live, whoever asks them.
    Groups,
}

/// The rows of a relation by the hash of some of a look-up's values: of those that are columns as they
/// stand, so that making the index counts nothing and ends nothing, however many rows it looks at.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Which of the look-up's values.
    values: Vec<usize>,
    rows: HashMap<u64, Vec<u32>>,
}

/// One look-up under way.
struct Search<'b, 's> {
    at: Place,
    lookup: &'b Lookup,
    relation: Relation,
    left: &'s [Value<'b>],
    purpose: Purpose,
}

impl<'b> Partition<'b, '_, '_> {
    /// The rows a look-up finds; and where there are none, the reason of one that would have fitted
    /// but ended itself, if that is asked for.
    pub(super) fn find(
        &mut self,
        at: Place,
        lookup: &'b Lookup,
        purpose: Purpose,
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
        let search = Search {
            at,
            lookup,
            relation,
            left: &left,
            purpose,
        };
        // The first row that is found answers whether there is one; where there is more to ask of a
        // row than equal values, all are looked at, so that what fails does not depend on their order.
        let first_suffices = purpose == Purpose::Exists && lookup.residual.is_none();
        let mut dead = None;
        let count = self.count(relation);
        let candidates = if count > SCAN_LIMIT && !left.is_empty() {
            self.candidates(&search)
        } else {
            None
        };
        if let Some(candidates) = candidates {
            for row in candidates {
                self.consider(&search, row, found, &mut dead)?;
                if first_suffices && !found.is_empty() {
                    break;
                }
            }
        } else {
            for row in 0..u32::try_from(count).unwrap_or(NONE) {
                self.consider(&search, row, found, &mut dead)?;
                if first_suffices && !found.is_empty() {
                    break;
                }
            }
        }
        Ok(if found.is_empty() { dead } else { None })
    }

    /// Adds a row to what is found, if it fits.
    fn consider(
        &mut self,
        search: &Search<'b, '_>,
        row: u32,
        found: &mut Vec<u32>,
        dead: &mut Option<usize>,
    ) -> Result<(), Stop> {
        let ended = match self.fate(search.relation, row) {
            RowFate::Absent => return Ok(()),
            RowFate::Ended { reason, .. } => Some(reason),
            RowFate::Live => None,
        };
        if ended.is_some() && (search.purpose != Purpose::Owner || dead.is_some()) {
            return Ok(());
        }
        let (at, lookup) = (search.at, search.lookup);
        let bound = Place {
            bound: Some((lookup.slot, row)),
            ..at
        };
        for (value, node) in search.left.iter().zip(&lookup.right) {
            // A row that ended is not asked for what would have to be computed: it may lack the rows
            // that it is computed from, and must not fail a second time.
            if ended.is_some() && !self.is_copy(at.frame, *node, Through::Groups) {
                return Ok(());
            }
            // A row whose own value failed has ended for it, and fits nothing.
            let fits = eval::evaluate(self.program, self, bound, *node)
                .is_ok_and(|right| equal(value, &right));
            if !fits {
                return Ok(());
            }
        }
        if let Some(residual) = lookup.residual {
            if ended.is_some() && !self.is_of_copies(at.frame, residual) {
                return Ok(());
            }
            let holds = eval::evaluate(self.program, self, bound, residual);
            match (holds, ended) {
                (Ok(Value::Bool(true)), _) => {}
                (Err(stop), None) => return Err(stop),
                (Ok(_) | Err(_), _) => return Ok(()),
            }
        }
        match ended {
            None => found.push(row),
            Some(reason) => *dead = Some(reason),
        }
        Ok(())
    }

    /// The rows of a large relation whose values may be equal, by hash; `None` where none of the
    /// values can be indexed.
    fn candidates(&mut self, search: &Search<'b, '_>) -> Option<Vec<u32>> {
        let id = std::ptr::from_ref(search.lookup).addr();
        let is_broadcast = matches!(search.relation, Relation::Broadcast(_));
        let known = if is_broadcast {
            self.results.broadcast_indexes.contains_key(&id)
        } else {
            self.indexes.contains_key(&id)
        };
        if !known {
            let index = self.index(search);
            let indexes = if is_broadcast {
                &mut self.results.broadcast_indexes
            } else {
                &mut self.indexes
            };
            indexes.insert(id, index);
        }
        let indexes = if is_broadcast {
            &self.results.broadcast_indexes
        } else {
            &self.indexes
        };
        let index = indexes.get(&id)?;
        if index.values.is_empty() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        for value in &index.values {
            hash(search.left.get(*value)?, &mut hasher);
        }
        Some(
            index
                .rows
                .get(&hasher.finish())
                .cloned()
                .unwrap_or_default(),
        )
    }

    fn index(&mut self, search: &Search<'b, '_>) -> Index {
        let (at, lookup) = (search.at, search.lookup);
        let mut index = Index::default();
        for (place, node) in lookup.right.iter().enumerate() {
            if self.is_copy(at.frame, *node, Through::Columns) {
                index.values.push(place);
            }
        }
        if index.values.is_empty() {
            return index;
        }
        for row in 0..u32::try_from(self.count(search.relation)).unwrap_or(NONE) {
            if self.fate(search.relation, row) == RowFate::Absent {
                continue;
            }
            let bound = Place {
                bound: Some((lookup.slot, row)),
                ..at
            };
            let mut hasher = DefaultHasher::new();
            let nodes = index.values.iter().filter_map(|at| lookup.right.get(*at));
            let complete = nodes.into_iter().all(|node| {
                match eval::evaluate(self.program, self, bound, *node) {
                    Ok(value) if !value.is_null() => {
                        hash(&value, &mut hasher);
                        true
                    }
                    _ => false,
                }
            });
            if complete {
                index.rows.entry(hasher.finish()).or_default().push(row);
            }
        }
        index
    }

    /// Whether a node is a column as it stands, possibly through the fields of views.
    fn is_copy(&self, frame: usize, node: NodeId, through: Through) -> bool {
        let local_is_copy = |frame: usize, local: usize| {
            self.plan_frame(frame)
                .and_then(|frame| frame.locals.get(local))
                .is_some_and(|local| self.is_copy(frame, local.value, through))
        };
        match self.program.plan.nodes.get(node as usize) {
            Some(Node::Literal(_) | Node::Param(_) | Node::Column { .. }) => true,
            Some(Node::Local(local)) => local_is_copy(frame, *local),
            Some(Node::Field { slot, local }) => {
                let slots = self.plan_frame(frame).map(|frame| &frame.slots);
                match slots
                    .and_then(|slots| slots.get(*slot))
                    .map(|slot| slot.relation)
                {
                    Some(Relation::Frame(inner)) => {
                        let grouped = self
                            .plan_frame(inner)
                            .is_some_and(|inner| !inner.group.is_empty());
                        (grouped && through == Through::Groups) || local_is_copy(inner, *local)
                    }
                    Some(Relation::Scan(_) | Relation::Broadcast(_)) | None => false,
                }
            }
            _ => false,
        }
    }

    /// Whether a node is computed of such columns alone, and of nothing that counts or looks up rows.
    fn is_of_copies(&self, frame: usize, node: NodeId) -> bool {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match self.program.plan.nodes.get(node as usize) {
                Some(Node::Field { .. } | Node::Local(_)) => {
                    if !self.is_copy(frame, node, Through::Groups) {
                        return false;
                    }
                }
                Some(
                    Node::Ulid { .. }
                    | Node::Lookup { .. }
                    | Node::Exists(_)
                    | Node::Aggregate { .. }
                    | Node::Handled { .. },
                )
                | None => return false,
                Some(other) => open.extend(other.children()),
            }
        }
        true
    }
}
