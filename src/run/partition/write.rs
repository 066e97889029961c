//! The rows of a map: written, or counted under what ended them.

use crate::eval::{self, Place, Stop};
use crate::plan::{Frame, Into, IntoCondition, NodeId, Rule, builtin};

use super::super::RowOrigin;
use super::{NONE, Partition, RowFate};

impl<'b> Partition<'b, '_, '_> {
    /// Writes the live rows of a map and counts what became of all.
    pub(super) fn write(&mut self, number: usize, frame: &'b Frame) {
        for member in 0..self.member_count(number) {
            if self.member_fate(number, member) == RowFate::Live {
                self.results.output.begin();
                if let Err(stop) = self.write_row(number, frame, member) {
                    self.results.output.take_back();
                    self.end_row(number, member, stop);
                }
            }
            let fate = self.member_fate(number, member);
            let Some(counts) = self.results.frames.get_mut(number) else {
                continue;
            };
            match fate {
                RowFate::Absent => continue,
                RowFate::Live => counts.written += 1,
                RowFate::Ended { reason, owner } => {
                    let by_reason = if owner {
                        &mut counts.owner
                    } else {
                        &mut counts.ended
                    };
                    if let Some(count) = by_reason.get_mut(reason) {
                        *count += 1;
                    }
                    if owner && let Some(counts) = self.results.reasons.get_mut(reason) {
                        counts.dependents += 1;
                    }
                }
            }
            counts.read += 1;
        }
    }

    fn write_row(&mut self, number: usize, frame: &'b Frame, member: u32) -> Result<(), &'b Stop> {
        let at = Place::single(number, member);
        let mut matched = false;
        for into in &frame.intos {
            if let IntoCondition::When(when) = into.condition {
                if !eval::holds(self.program, self, &at, when)? {
                    continue;
                }
                matched = true;
                self.write_into(&at, into)?;
            } else if into.condition == IntoCondition::Always {
                self.write_into(&at, into)?;
            }
        }
        if matched {
            return Ok(());
        }
        for into in &frame.intos {
            if into.condition == IntoCondition::Otherwise {
                self.write_into(&at, into)?;
            }
        }
        match frame.otherwise {
            Some(fate) => {
                let stop = Stop::new(fate.reason, NodeId::MAX, "");
                Err(self.arena.alloc(stop))
            }
            None => Ok(()),
        }
    }

    fn write_into(&mut self, at: &Place, into: &'b Into) -> Result<(), &'b Stop> {
        let Some(target) = self.program.plan.targets.get(into.target) else {
            return Ok(());
        };
        self.results.output.begin_row(into.target);
        for (rule, column) in into.rules.iter().zip(&target.columns) {
            let (node, written) = match *rule {
                Rule::Copy { slot, column, node } => (
                    node,
                    self.results
                        .output
                        .copy(into.target, self.raw(at, slot, column)),
                ),
                Rule::Value(node) => {
                    let value = eval::evaluate(self.program, self, at, node)?;
                    (
                        node,
                        self.results
                            .output
                            .value(into.target, &column.pg_type, value),
                    )
                }
            };
            if let Err(why) = written {
                let stop = Stop::new(builtin::VALUE_OUT_OF_RANGE, node, why.0);
                return Err(self.arena.alloc(stop));
            }
        }
        self.results.output.end_row(
            into.target,
            u32::try_from(at.frame).unwrap_or(NONE),
            at.member,
        );
        self.record_written(at, into.target);
        Ok(())
    }

    /// Notes where the row comes from that is looked for, if the partition wrote it. Only at its end
    /// does a row keep its number.
    pub(super) fn note_wanted(&mut self) {
        let Some(wanted) = &self.results.wanted else {
            return;
        };
        let (target, row) = (wanted.target, wanted.row);
        let Some((frame, member)) = self.results.output.row_of_partition(target, row) else {
            return;
        };
        let frame = frame as usize;
        let origin = RowOrigin {
            map: self
                .plan_frame(frame)
                .map_or_else(String::new, |frame| frame.name.clone()),
            frame,
            table: super::super::root_table(self.program, frame),
            key: self.row_key(frame, member),
        };
        if let Some(wanted) = &mut self.results.wanted {
            wanted.found = Some(origin);
        }
    }
}
