//! The rows of a frame: its driver's, joined, filtered, ended by clauses, grouped.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use crate::eval::{self, Place, Rows, Stop};
use crate::plan::{ClauseKind, Frame, Join, JoinKind, NodeId, builtin};
use crate::types::Value;

use super::find::Purpose;
use super::{Memo, NONE, Partition, RowFate, hash};

impl<'b> Partition<'b, '_, '_> {
    pub(super) fn build(&mut self, number: usize) {
        let Some(frame) = self.plan_frame(number) else {
            return;
        };
        let Some(driver) = frame.slots.first().map(|slot| slot.relation) else {
            return;
        };
        if let Some(rows) = self.frames.get_mut(number) {
            rows.bindings.clear();
            rows.members.clear();
            rows.groups.clear();
            rows.memo.clear();
        }
        for row in 0..u32::try_from(self.count(driver)).unwrap_or(NONE) {
            let inherited = self.fate(driver, row);
            if inherited == RowFate::Absent {
                continue;
            }
            let first = self.add_row(number, frame, row, inherited);
            if inherited != RowFate::Live {
                continue;
            }
            for join in &frame.joins {
                let end = self.frames.get(number).map_or(0, |rows| rows.members.len());
                for member in first..u32::try_from(end).unwrap_or(NONE) {
                    self.join(number, frame, member, join);
                }
            }
        }
        let count = self.frames.get(number).map_or(0, |rows| rows.members.len());
        for member in 0..u32::try_from(count).unwrap_or(NONE) {
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

    pub(super) fn add_row(
        &mut self,
        number: usize,
        frame: &Frame,
        driver: u32,
        fate: RowFate,
    ) -> u32 {
        let Some(rows) = self.frames.get_mut(number) else {
            return NONE;
        };
        let member = u32::try_from(rows.members.len()).unwrap_or(NONE);
        rows.bindings.push(driver);
        rows.bindings
            .resize(rows.bindings.len() + frame.slots.len() - 1, NONE);
        rows.members.push(fate);
        if frame.group.is_empty() {
            rows.memo
                .resize(rows.memo.len() + frame.locals.len(), Memo::Empty);
        }
        member
    }

    /// Joins a relation to one row; further partners of `join many` become rows of their own.
    pub(super) fn join(&mut self, number: usize, frame: &'b Frame, member: u32, join: &'b Join) {
        if self.member_fate(number, member) != RowFate::Live {
            return;
        }
        let at = Place {
            frame: number,
            row: member,
            member,
            bound: None,
        };
        let mut found = std::mem::take(&mut self.found);
        let purpose = match join.kind {
            JoinKind::Left => Purpose::Live,
            JoinKind::Inner | JoinKind::Many => Purpose::Owner,
        };
        let outcome = self.find(at, &join.lookup, purpose, &mut found);
        match outcome {
            Err(stop) => self.end_row(number, member, stop),
            Ok(dead) => self.bind_partners(number, frame, member, join, &found, dead),
        }
        self.found = found;
    }

    pub(super) fn bind(
        &mut self,
        number: usize,
        frame: &Frame,
        member: u32,
        slot: usize,
        row: u32,
    ) {
        let at = member as usize * frame.slots.len() + slot;
        if let Some(binding) = self
            .frames
            .get_mut(number)
            .and_then(|rows| rows.bindings.get_mut(at))
        {
            *binding = row;
        }
    }

    pub(super) fn bind_partners(
        &mut self,
        number: usize,
        frame: &'b Frame,
        member: u32,
        join: &'b Join,
        found: &[u32],
        dead: Option<usize>,
    ) {
        let slot = join.lookup.slot;
        match (found, join.kind) {
            ([row], _) => self.bind(number, frame, member, slot, *row),
            ([], JoinKind::Left) => {}
            ([], JoinKind::Inner | JoinKind::Many) => {
                let stop = |reason| Stop {
                    reason,
                    node: NodeId::MAX,
                    why: "",
                    counted: false,
                    owner: false,
                };
                match (dead, join.skipped, join.otherwise) {
                    (Some(_), Some(fate), _) | (None, _, Some(fate)) => {
                        self.end_row(number, member, stop(fate.reason))
                    }
                    (Some(owner), None, _) => self.end_row(
                        number,
                        member,
                        Stop {
                            owner: true,
                            ..stop(owner)
                        },
                    ),
                    (None, _, None) => self.set_fate(number, member, RowFate::Absent),
                }
            }
            (rows, JoinKind::Many) => {
                let width = frame.slots.len();
                let start = member as usize * width;
                let template: Vec<u32> = self
                    .frames
                    .get(number)
                    .and_then(|rows| rows.bindings.get(start..start + width))
                    .unwrap_or_default()
                    .to_vec();
                for (place, row) in rows.iter().enumerate() {
                    let target = if place == 0 {
                        member
                    } else {
                        let driver = template.first().copied().unwrap_or(NONE);
                        let added = self.add_row(number, frame, driver, RowFate::Live);
                        for (slot, row) in template.iter().enumerate() {
                            self.bind(number, frame, added, slot, *row);
                        }
                        added
                    };
                    self.bind(number, frame, target, slot, *row);
                }
            }
            (_, JoinKind::Inner | JoinKind::Left) => {
                let why = "finds several rows where one was proven";
                let stop = Stop {
                    reason: builtin::DUPLICATE_KEY,
                    node: NodeId::MAX,
                    why,
                    counted: false,
                    owner: false,
                };
                self.end_row(number, member, stop);
            }
        }
    }

    /// `where`, then the clauses in order.
    pub(super) fn clauses(
        &mut self,
        number: usize,
        frame: &'b Frame,
        member: u32,
    ) -> Result<(), Stop> {
        let at = Place {
            frame: number,
            row: member,
            member,
            bound: None,
        };
        if let Some(filter) = frame.filter
            && eval::evaluate(self.program, self, at, filter)? != Value::Bool(true)
        {
            self.set_fate(number, member, RowFate::Absent);
            return Ok(());
        }
        for clause in &frame.clauses {
            if eval::evaluate(self.program, self, at, clause.when)? != Value::Bool(true) {
                continue;
            }
            match clause.kind {
                ClauseKind::Warn => self.warn(at, clause.reason, clause.when)?,
                ClauseKind::Skip | ClauseKind::Fail => {
                    return Err(Stop {
                        reason: clause.reason,
                        node: clause.when,
                        why: "",
                        counted: false,
                        owner: false,
                    });
                }
            }
        }
        Ok(())
    }

    /// Gathers the live rows of a grouped frame by their keys; nulls are equal here.
    pub(super) fn group(&mut self, number: usize, frame: &'b Frame) {
        let count = self.frames.get(number).map_or(0, |rows| rows.members.len());
        let mut keys: Vec<Vec<Value<'b>>> = Vec::new();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
        for member in 0..u32::try_from(count).unwrap_or(NONE) {
            if self.member_fate(number, member) != RowFate::Live {
                continue;
            }
            let at = Place {
                frame: number,
                row: NONE,
                member,
                bound: None,
            };
            let key: Result<Vec<Value<'b>>, Stop> = frame
                .group
                .iter()
                .map(|node| eval::evaluate(self.program, self, at, *node))
                .collect();
            let key = match key {
                Ok(key) => key,
                Err(stop) => {
                    self.end_row(number, member, stop);
                    continue;
                }
            };
            let mut hasher = DefaultHasher::new();
            key.iter().for_each(|value| hash(value, &mut hasher));
            let bucket = by_hash.entry(hasher.finish()).or_default();
            let known = bucket
                .iter()
                .copied()
                .find(|group| keys.get(*group) == Some(&key));
            match known.and_then(|group| groups.get_mut(group)) {
                Some(group) => group.push(member),
                None => {
                    bucket.push(groups.len());
                    groups.push(vec![member]);
                    keys.push(key);
                }
            }
        }
        if let Some(rows) = self.frames.get_mut(number) {
            rows.memo
                .resize(groups.len() * frame.locals.len(), Memo::Empty);
            rows.groups = groups;
        }
    }
}
