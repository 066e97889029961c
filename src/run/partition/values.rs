//! What a node asks of the rows around it.

use bumpalo::Bump;

use crate::eval::{self, Place, Rows, Stop, order};
use crate::plan::{AggregateOp, Lookup, NodeId, Relation, builtin};
use crate::types::{SeverityValue, Value};

use super::find::Purpose;
use super::{NONE, Partition};

impl<'b> Rows<'b> for Partition<'b, '_, '_> {
    fn arena(&self) -> &'b Bump {
        self.arena
    }

    fn column(
        &mut self,
        at: &Place,
        node: NodeId,
        slot: usize,
        column: usize,
    ) -> Result<Value<'b>, &'b Stop> {
        let Some((relation, row)) = self.row_of(at, slot) else {
            return Ok(Value::Null);
        };
        let cell = self.cells(relation).map(|cells| cells.value(row, column));
        match cell {
            Some(Ok(value)) => Ok(*value),
            Some(Err(why)) => {
                let stop = Stop::new(builtin::VALUE_OUT_OF_RANGE, node, why.0);
                Err(self.arena.alloc(stop))
            }
            None => Ok(Value::Null),
        }
    }

    fn field(&mut self, at: &Place, slot: usize, local: usize) -> Result<Value<'b>, &'b Stop> {
        let Some((Relation::Frame(frame), row)) = self.row_of(at, slot) else {
            return Ok(Value::Null);
        };
        self.value_of(frame, row, local)
            .map_err(|stop| self.failed_field(slot, frame, row, stop))
    }

    fn local(&mut self, at: &Place, local: usize) -> Result<Value<'b>, &'b Stop> {
        self.value_of(at.frame, at.row, local)
    }

    fn present(&self, at: &Place, slot: usize) -> bool {
        self.row_of(at, slot).is_some()
    }

    fn exists(&mut self, at: &Place, _node: NodeId, lookup: &'b Lookup) -> Result<bool, &'b Stop> {
        let before = self.found.len();
        let outcome = self.find(at, lookup, Purpose::Exists);
        let exists = self.found.len() > before;
        self.found.truncate(before);
        outcome.map(|_| exists)
    }

    fn aggregate(
        &mut self,
        at: &Place,
        op: AggregateOp,
        value: Option<NodeId>,
        orders: &'b [(NodeId, bool)],
    ) -> Result<Value<'b>, &'b Stop> {
        let rows = self.frames.get(at.frame);
        let size = rows.map_or(0, |rows| rows.groups.members(at.row).len());
        let Some(node) = value else {
            return Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)));
        };
        let mut best: Option<(Value<'b>, Vec<Value<'b>>)> = None;
        let mut count = 0;
        for place in 0..size {
            let rows = self.frames.get(at.frame);
            let member = rows.and_then(|rows| rows.groups.members(at.row).get(place));
            let place = Place {
                member: member.copied().unwrap_or(NONE),
                ..*at
            };
            let value = eval::evaluate(self.program, self, &place, node)?;
            let mut keys = Vec::with_capacity(orders.len());
            for (key, _) in orders {
                keys.push(eval::evaluate(self.program, self, &place, *key)?);
            }
            if op != AggregateOp::First && value.is_null() {
                continue;
            }
            count += 1;
            let better = match (&best, op) {
                (None, _) => true,
                (Some((known, _)), AggregateOp::Min) => order(&value, known).is_lt(),
                (Some((known, _)), AggregateOp::Max) => order(&value, known).is_gt(),
                (Some((_, known)), AggregateOp::First) => before(&keys, known, orders),
                (Some(_), AggregateOp::Count) => false,
            };
            if better {
                best = Some((value, keys));
            }
        }
        Ok(match op {
            AggregateOp::Count => Value::Int(count),
            AggregateOp::Min | AggregateOp::Max | AggregateOp::First => {
                best.map_or(Value::Null, |(value, _)| value)
            }
        })
    }

    fn warn(&mut self, at: &Place, reason: usize, node: NodeId) -> Result<(), &'b Stop> {
        let stop = Stop::new(reason, node, "");
        if self.program.severity(reason) == SeverityValue::Error {
            return Err(self.arena.alloc(stop));
        }
        self.event(at.frame, at.member, &stop);
        Ok(())
    }
}

impl<'b> Partition<'b, '_, '_> {
    /// What the failure of a slot's field means to the row that asks for it.
    #[cold]
    fn failed_field(&mut self, slot: usize, frame: usize, row: u32, stop: &Stop) -> &'b Stop {
        if !stop.counted && !stop.owner {
            let member = self.first_member(frame, row);
            self.event(frame, member, stop);
        }
        // The driver's own value is the row's; a joined row's belongs to its owner.
        self.arena.alloc(Stop {
            counted: true,
            owner: stop.owner || slot != 0,
            ..*stop
        })
    }
}

/// Whether a row comes before another in the order of `first`; nulls are last in either direction.
fn before(keys: &[Value<'_>], known: &[Value<'_>], orders: &[(NodeId, bool)]) -> bool {
    for ((left, right), (_, descending)) in keys.iter().zip(known).zip(orders) {
        let forward = order(left, right);
        let ordered = if *descending && !left.is_null() && !right.is_null() {
            forward.reverse()
        } else {
            forward
        };
        if ordered.is_ne() {
            return ordered.is_lt();
        }
    }
    false
}
