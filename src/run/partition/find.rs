//! Finding the rows of a slot: by looking at each of few, by an index over many.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

use crate::eval::{self, Place, Stop, equal};
use crate::plan::{Lookup, Node, NodeId, Relation};

use super::group::hash_value;
use super::{Partition, RowFate, SCAN_LIMIT};

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
struct Search<'b> {
    at: Place,
    lookup: &'b Lookup,
    relation: Relation,
    /// What the columns must be equal to, among those of all look-ups under way.
    wanted: Range<usize>,
    purpose: Purpose,
}

impl<'b> Partition<'b, '_, '_> {
    /// Appends the rows a look-up finds to `self.found`; and gives, where there are none, the reason
    /// of one that would have fitted but ended itself, if that is asked for.
    pub(super) fn find(
        &mut self,
        at: &Place,
        lookup: &'b Lookup,
        purpose: Purpose,
    ) -> Result<Option<usize>, &'b Stop> {
        if lookup.aligned && self.null_key {
            return Ok(None);
        }
        let frame = self.frames.get(at.frame);
        let Some(relation) = frame.and_then(|frame| frame.relations.get(lookup.slot)) else {
            return Ok(None);
        };
        let relation = *relation;
        let before = self.wanted.len();
        let mut outcome = Ok(None);
        if self.want(at, lookup)? {
            let search = Search {
                at: *at,
                lookup,
                relation,
                wanted: before..self.wanted.len(),
                purpose,
            };
            outcome = self.search(&search);
        }
        self.wanted.truncate(before);
        outcome
    }

    /// Appends what the columns of a look-up must be equal to; false where one is null, so that
    /// nothing is.
    fn want(&mut self, at: &Place, lookup: &'b Lookup) -> Result<bool, &'b Stop> {
        let before = self.wanted.len();
        for node in &lookup.left {
            match eval::evaluate(self.program, self, at, *node) {
                Ok(value) if !value.is_null() => self.wanted.push(value),
                other => {
                    self.wanted.truncate(before);
                    return other.map(|_| false);
                }
            }
        }
        Ok(true)
    }

    fn search(&mut self, search: &Search<'b>) -> Result<Option<usize>, &'b Stop> {
        // The first row that is found answers whether there is one; where there is more to ask of a
        // row than equal values, all are looked at, so that what fails does not depend on their order.
        let first_suffices = search.purpose == Purpose::Exists && search.lookup.residual.is_none();
        let before = self.found.len();
        let mut dead = None;
        let count = self.count(search.relation);
        let many = count as usize > SCAN_LIMIT && !search.wanted.is_empty();
        if let Some(candidates) = many.then(|| self.candidates(search)).flatten() {
            for row in candidates {
                self.consider(search, row, &mut dead)?;
                if first_suffices && self.found.len() > before {
                    break;
                }
            }
        } else {
            for row in 0..count {
                self.consider(search, row, &mut dead)?;
                if first_suffices && self.found.len() > before {
                    break;
                }
            }
        }
        Ok(dead.filter(|_| self.found.len() == before))
    }

    /// Adds a row to what is found, if it fits.
    fn consider(
        &mut self,
        search: &Search<'b>,
        row: u32,
        dead: &mut Option<usize>,
    ) -> Result<(), &'b Stop> {
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
        for (place, node) in search.wanted.clone().zip(&lookup.right) {
            // A row that ended is not asked for what would have to be computed: it may lack the rows
            // that it is computed from, and must not fail a second time.
            if ended.is_some() && !self.is_copy(at.frame, *node, Through::Groups) {
                return Ok(());
            }
            // A row whose own value failed has ended for it, and fits nothing.
            let right = eval::evaluate(self.program, self, &bound, *node);
            let wanted = self.wanted.get(place);
            let fits = right.is_ok_and(|right| wanted.is_some_and(|left| equal(left, &right)));
            if !fits {
                return Ok(());
            }
        }
        if let Some(residual) = lookup.residual {
            if ended.is_some() && !self.asks_for_copies(at.frame, lookup.slot, residual) {
                return Ok(());
            }
            match (eval::holds(self.program, self, &bound, residual), ended) {
                (Ok(true), _) => {}
                (Err(stop), None) => return Err(stop),
                (Ok(_) | Err(_), _) => return Ok(()),
            }
        }
        match ended {
            None => self.found.push(row),
            Some(reason) => *dead = Some(reason),
        }
        Ok(())
    }

    /// The rows of a large relation whose values may be equal, by hash; `None` where none of the
    /// values can be indexed.
    fn candidates(&mut self, search: &Search<'b>) -> Option<Vec<u32>> {
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
            let wanted = self.wanted.get(search.wanted.start + value)?;
            hash_value(wanted, &mut hasher);
        }
        Some(
            index
                .rows
                .get(&hasher.finish())
                .cloned()
                .unwrap_or_default(),
        )
    }

    fn index(&mut self, search: &Search<'b>) -> Index {
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
        for row in 0..self.count(search.relation) {
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
                match eval::evaluate(self.program, self, &bound, *node) {
                    Ok(value) if !value.is_null() => {
                        hash_value(&value, &mut hasher);
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

    /// Whether a node asks the row of a slot for such columns alone, and nothing that counts or looks up
    /// rows is in it. What it asks the other rows for may be computed: they live.
    fn asks_for_copies(&self, frame: usize, of: usize, node: NodeId) -> bool {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match self.program.plan.nodes.get(node as usize) {
                Some(Node::Field { slot, .. }) if *slot != of => {}
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
