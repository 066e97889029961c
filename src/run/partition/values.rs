//! What a node asks of the rows around it.

use bumpalo::Bump;

use crate::eval::{self, Place, Rows, Stop, decode, order};
use crate::plan::{AggregateOp, Lookup, NodeId, Relation};
use crate::types::{SeverityValue, Value};

use super::Partition;
use super::find::Purpose;

impl<'b> Rows<'b> for Partition<'b, '_, '_> {
    fn arena(&self) -> &'b Bump {
        self.arena
    }

    fn column(&mut self, at: Place, slot: usize, column: usize) -> Result<Value<'b>, &'static str> {
        let Some((relation, row)) = self.row_of(at, slot) else {
            return Ok(Value::Null);
        };
        let plan = &self.program.plan;
        let (definition, cell) = match relation {
            Relation::Scan(scan) => (
                plan.scans
                    .get(scan)
                    .and_then(|scan| scan.columns.get(column)),
                self.cell(scan, row, column),
            ),
            Relation::Broadcast(broadcast) => (
                plan.broadcasts
                    .get(broadcast)
                    .and_then(|broadcast| broadcast.columns.get(column)),
                self.broadcasts
                    .get(broadcast)
                    .and_then(|table| table.cell(row, column)),
            ),
            Relation::Frame(_) => (None, None),
        };
        match definition {
            Some(definition) => decode(&definition.pg_type, cell).map_err(|why| why.0),
            None => Ok(Value::Null),
        }
    }

    fn field(&mut self, at: Place, slot: usize, local: usize) -> Result<Value<'b>, Stop> {
        let Some((Relation::Frame(frame), row)) = self.row_of(at, slot) else {
            return Ok(Value::Null);
        };
        self.value_of(frame, row, local).map_err(|stop| {
            if !stop.counted && !stop.owner {
                let member = self.first_member(frame, row);
                self.event(frame, member, stop);
            }
            // The driver's own value is the row's; a joined row's belongs to its owner.
            Stop {
                counted: true,
                owner: stop.owner || slot != 0,
                ..stop
            }
        })
    }

    fn local(&mut self, at: Place, local: usize) -> Result<Value<'b>, Stop> {
        self.value_of(at.frame, at.row, local)
    }

    fn present(&self, at: Place, slot: usize) -> bool {
        self.row_of(at, slot).is_some()
    }

    fn exists(&mut self, at: Place, _node: NodeId, lookup: &'b Lookup) -> Result<bool, Stop> {
        // The list may be in use by the look-up that asks.
        let mut found = std::mem::take(&mut self.found);
        let outcome = self.find(at, lookup, Purpose::Exists, &mut found);
        let exists = !found.is_empty();
        self.found = found;
        outcome.map(|_| exists)
    }

    fn aggregate(
        &mut self,
        at: Place,
        op: AggregateOp,
        value: Option<NodeId>,
        orders: &'b [(NodeId, bool)],
    ) -> Result<Value<'b>, Stop> {
        let group = self
            .frames
            .get(at.frame)
            .and_then(|rows| rows.groups.get(at.row as usize));
        let members: &'b [u32] = self
            .arena
            .alloc_slice_copy(group.map(Vec::as_slice).unwrap_or_default());
        let Some(node) = value else {
            return Ok(Value::Int(i64::try_from(members.len()).unwrap_or(i64::MAX)));
        };
        let mut best: Option<(Value<'b>, Vec<Value<'b>>)> = None;
        let mut count = 0;
        for member in members {
            let place = Place {
                member: *member,
                ..at
            };
            let value = eval::evaluate(self.program, self, place, node)?;
            let mut keys = Vec::with_capacity(orders.len());
            for (key, _) in orders {
                keys.push(eval::evaluate(self.program, self, place, *key)?);
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

    fn warn(&mut self, at: Place, reason: usize, node: NodeId) -> Result<(), Stop> {
        let stop = Stop {
            reason,
            node,
            why: "",
            counted: false,
            owner: false,
        };
        if self.program.severity(reason) == SeverityValue::Error {
            return Err(stop);
        }
        self.event(at.frame, at.member, stop);
        Ok(())
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
