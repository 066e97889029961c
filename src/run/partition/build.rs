//! The rows of a frame: its driver's, joined, filtered, ended by clauses, grouped.

use crate::eval::{self, Place, Rows, Stop};
use crate::plan::{ClauseKind, Frame, Join, JoinKind, NodeId, builtin};

use super::find::Purpose;
use super::{Memo, NONE, Partition, RowFate};

impl<'b> Partition<'b, '_, '_> {
    pub(super) fn build(&mut self, number: usize) {
        let Some(frame) = self.plan_frame(number) else {
            return;
        };
        let Some(rows) = self.frames.get_mut(number) else {
            return;
        };
        rows.clear();
        let Some(driver) = rows.relations.first().copied() else {
            return;
        };
        let count = self.count(driver);
        if count == 0 {
            return;
        }
        for row in 0..count {
            let inherited = self.fate(driver, row);
            if inherited == RowFate::Absent {
                continue;
            }
            let Some(rows) = self.frames.get_mut(number) else {
                return;
            };
            let first = rows.add(row, inherited);
            if inherited != RowFate::Live {
                continue;
            }
            for join in &frame.joins {
                for member in first..self.member_count(number) {
                    self.join(number, member, join);
                }
            }
        }
        for member in 0..self.member_count(number) {
            if self.member_fate(number, member) == RowFate::Live
                && let Err(stop) = self.clauses(number, frame, member)
            {
                self.end_row(number, member, stop);
            }
        }
        if !frame.group.is_empty() {
            self.group(number, frame);
        }
        if frame.is_map {
            self.write(number, frame);
        }
    }

    /// Joins a relation to one row; further partners of `join many` become rows of their own.
    fn join(&mut self, number: usize, member: u32, join: &'b Join) {
        if self.member_fate(number, member) != RowFate::Live {
            return;
        }
        let at = Place::single(number, member);
        let purpose = match join.kind {
            JoinKind::Left => Purpose::Live,
            JoinKind::Inner | JoinKind::Many => Purpose::Owner,
        };
        let before = self.found.len();
        match self.find(&at, &join.lookup, purpose) {
            Err(stop) => self.end_row(number, member, stop),
            Ok(dead) => self.bind_partners(number, member, join, before, dead),
        }
        self.found.truncate(before);
    }

    /// Binds what was found: `self.found` from number `first` on.
    fn bind_partners(
        &mut self,
        number: usize,
        member: u32,
        join: &'b Join,
        first: usize,
        dead: Option<usize>,
    ) {
        let found = self.found.get(first..).unwrap_or_default();
        match (found, join.kind) {
            ([], JoinKind::Left) => {}
            ([], JoinKind::Inner | JoinKind::Many) => {
                let stop = |reason| Stop::new(reason, NodeId::MAX, "");
                match (dead, join.skipped, join.otherwise) {
                    (Some(_), Some(fate), _) | (None, _, Some(fate)) => {
                        self.end_row(number, member, &stop(fate.reason));
                    }
                    (Some(reason), None, _) => {
                        let owner = Stop {
                            owner: true,
                            ..stop(reason)
                        };
                        self.end_row(number, member, &owner);
                    }
                    (None, _, None) => self.set_fate(number, member, RowFate::Absent),
                }
            }
            ([_, _, ..], JoinKind::Inner | JoinKind::Left) => {
                let why = "finds several rows where one was proven";
                let stop = Stop::new(builtin::DUPLICATE_KEY, NodeId::MAX, why);
                self.end_row(number, member, &stop);
            }
            ([row, others @ ..], _) => {
                if let Some(rows) = self.frames.get_mut(number) {
                    rows.bind(member, join.lookup.slot, *row);
                    for other in others {
                        let added = rows.add_like(member);
                        rows.bind(added, join.lookup.slot, *other);
                    }
                }
            }
        }
    }

    /// `where`, then the clauses in order.
    fn clauses(&mut self, number: usize, frame: &'b Frame, member: u32) -> Result<(), &'b Stop> {
        let at = Place::single(number, member);
        if let Some(filter) = frame.filter
            && !eval::holds(self.program, self, &at, filter)?
        {
            self.set_fate(number, member, RowFate::Absent);
            return Ok(());
        }
        for clause in &frame.clauses {
            if !eval::holds(self.program, self, &at, clause.when)? {
                continue;
            }
            match clause.kind {
                ClauseKind::Warn => self.warn(&at, clause.reason, clause.when)?,
                ClauseKind::Skip | ClauseKind::Fail => {
                    let stop = Stop::new(clause.reason, clause.when, "");
                    return Err(self.arena.alloc(stop));
                }
            }
        }
        Ok(())
    }

    /// Gathers the live rows of a grouped frame by their keys.
    fn group(&mut self, number: usize, frame: &'b Frame) {
        let mut key = Vec::new();
        for member in 0..self.member_count(number) {
            if self.member_fate(number, member) != RowFate::Live {
                continue;
            }
            let at = Place {
                row: NONE,
                ..Place::single(number, member)
            };
            key.clear();
            let mut failed = None;
            for node in &frame.group {
                match eval::evaluate(self.program, self, &at, *node) {
                    Ok(value) => key.push(value),
                    Err(stop) => {
                        failed = Some(stop);
                        break;
                    }
                }
            }
            if let Some(stop) = failed {
                self.end_row(number, member, stop);
            } else if let Some(rows) = self.frames.get_mut(number) {
                rows.groups.add(&key, member);
            }
        }
        if let Some(rows) = self.frames.get_mut(number) {
            rows.groups.close();
            let memos = rows.groups.len() * rows.locals.len();
            rows.memo.resize(memos, Memo::Empty);
        }
    }
}
