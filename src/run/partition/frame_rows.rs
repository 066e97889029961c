//! The rows of one frame in a partition: what their slots are bound to, what became of them, which
//! of their locals are known.

use crate::eval::Stop;
use crate::plan::{Frame, Node, NodeId, Plan, Relation};
use crate::types::Value;

use super::NONE;
use super::group::Groups;

/// What became of a row of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowFate {
    Live,
    /// No row of the view (`where`, a join without `else`).
    Absent,
    /// Ended for a reason; the owner's, where `owner`.
    Ended {
        reason: usize,
        owner: bool,
    },
}

/// A value that is computed at most once.
#[derive(Clone, Copy)]
pub(super) enum Memo<'b> {
    Empty,
    Ready(Value<'b>),
    Ended(&'b Stop),
}

/// What a local is a copy of as it stands: it can be read there, and need not be kept.
#[derive(Clone, Copy)]
pub(super) enum CopyOf {
    Cell {
        slot: usize,
        column: usize,
    },
    Field {
        slot: usize,
        frame: usize,
        local: usize,
    },
    Nothing,
}

impl CopyOf {
    fn of(plan: &Plan, frame: &Frame, value: NodeId) -> Self {
        let relation = |slot: usize| frame.slots.get(slot).map(|slot| slot.relation);
        match plan.nodes.get(value as usize) {
            Some(Node::Column { slot, column }) => Self::Cell {
                slot: *slot,
                column: *column,
            },
            Some(Node::Field { slot, local }) => match relation(*slot) {
                Some(Relation::Frame(inner)) => Self::Field {
                    slot: *slot,
                    frame: inner,
                    local: *local,
                },
                _ => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }
}

/// The rows of a frame.
pub(super) struct FrameRows<'b> {
    /// What each slot is.
    pub(super) relations: Vec<Relation>,
    /// For each single row the rows its slots are bound to.
    pub(super) bindings: Vec<u32>,
    pub(super) members: Vec<RowFate>,
    /// For grouped frames: the single rows of each group.
    pub(super) groups: Groups<'b>,
    /// The locals of each row: of groups where the frame is grouped.
    pub(super) memo: Vec<Memo<'b>>,
    /// For each local what it is a copy of.
    pub(super) locals: Vec<CopyOf>,
    pub(super) grouped: bool,
}

impl<'b> FrameRows<'b> {
    pub(super) fn new(plan: &Plan, frame: &Frame) -> Self {
        let locals = frame.locals.iter();
        Self {
            relations: frame.slots.iter().map(|slot| slot.relation).collect(),
            bindings: Vec::new(),
            members: Vec::new(),
            groups: Groups::default(),
            memo: Vec::new(),
            locals: locals
                .map(|local| CopyOf::of(plan, frame, local.value))
                .collect(),
            grouped: !frame.group.is_empty(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.bindings.clear();
        self.members.clear();
        self.groups.clear();
        self.memo.clear();
    }

    /// How many rows others see.
    pub(super) fn len(&self) -> usize {
        if self.grouped {
            self.groups.len()
        } else {
            self.members.len()
        }
    }

    /// How many single rows there are.
    pub(super) fn member_count(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(NONE)
    }

    /// What became of a single row.
    #[inline]
    pub(super) fn fate(&self, member: u32) -> RowFate {
        let fate = self.members.get(member as usize);
        fate.copied().unwrap_or(RowFate::Absent)
    }

    /// The row a slot of a single row is bound to.
    #[inline]
    pub(super) fn binding(&self, member: u32, slot: usize) -> Option<u32> {
        let at = member as usize * self.relations.len() + slot;
        self.bindings.get(at).copied().filter(|row| *row != NONE)
    }

    pub(super) fn bind(&mut self, member: u32, slot: usize, row: u32) {
        let at = member as usize * self.relations.len() + slot;
        if let Some(binding) = self.bindings.get_mut(at) {
            *binding = row;
        }
    }

    /// Adds a single row of that row of the driver.
    pub(super) fn add(&mut self, driver: u32, fate: RowFate) -> u32 {
        let member = self.member_count();
        self.members.push(fate);
        let slots = self.members.len() * self.relations.len();
        self.bindings.push(driver);
        self.bindings.resize(slots, NONE);
        if !self.grouped {
            let memos = self.members.len() * self.locals.len();
            self.memo.resize(memos, Memo::Empty);
        }
        member
    }

    /// Adds a single row that is bound as another is.
    pub(super) fn add_like(&mut self, other: u32) -> u32 {
        let driver = self.binding(other, 0).unwrap_or(NONE);
        let added = self.add(driver, RowFate::Live);
        for slot in 1..self.relations.len() {
            let row = self.binding(other, slot).unwrap_or(NONE);
            self.bind(added, slot, row);
        }
        added
    }

    /// Where a local of a row is kept.
    #[inline]
    pub(super) fn memo_at(&self, row: u32, local: usize) -> usize {
        row as usize * self.locals.len() + local
    }

    /// A local of a row, if it was computed and did not fail.
    #[inline]
    pub(super) fn memo(&self, row: u32, local: usize) -> Option<&Value<'b>> {
        match self.memo.get(self.memo_at(row, local)) {
            Some(Memo::Ready(value)) => Some(value),
            Some(Memo::Empty | Memo::Ended(_)) | None => None,
        }
    }

    /// The single row that stands for a row: the first of a group.
    #[inline]
    pub(super) fn first_member(&self, row: u32) -> u32 {
        if self.grouped {
            self.groups.members(row).first().copied().unwrap_or(NONE)
        } else {
            row
        }
    }
}
