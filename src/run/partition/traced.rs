//! What becomes of every single row of a partition, written down where that is asked for.

use bytes::Bytes;

use crate::eval::{Place, Stop};

use super::super::trace::{RowEnd, RowFate as Fate, RowNote, TracedRow};
use super::{Partition, RowFate};

impl Partition<'_, '_, '_> {
    /// Notes that a reason applied to a row of a frame.
    pub(super) fn record_event(&mut self, frame: usize, member: u32, stop: &Stop) {
        if self.results.recorder.is_none() {
            return;
        }
        let root = self.root_row(frame, member);
        if let Some(recorder) = &mut self.results.recorder {
            recorder.events.push((
                root,
                RowNote {
                    frame,
                    reason: stop.reason,
                    why: stop.why,
                },
            ));
        }
    }

    /// Keeps the row of a target that was just ended.
    pub(super) fn record_written(&mut self, at: &Place, target: usize) {
        let Some(recorder) = &mut self.results.recorder else {
            return;
        };
        let tuple = Bytes::copy_from_slice(self.results.output.last_row(target));
        recorder.written.push((at.frame, at.member, target, tuple));
    }

    /// Writes down the rows of the partition and how they ended; once all of it was worked on.
    pub(super) fn record_ends(&mut self) {
        let Some(mut recorder) = self.results.recorder.take() else {
            return;
        };
        let plan = &self.program.plan;
        let first = recorder.trace.rows.len();
        let mut starts = vec![first; plan.scans.len()];
        for number in &self.pass.scans {
            let (Some(scan), Some(cells)) = (plan.scans.get(*number), self.scans.get(*number))
            else {
                continue;
            };
            if let Some(start) = starts.get_mut(*number) {
                *start = recorder.trace.rows.len();
            }
            for row in (0..).take(cells.len()) {
                let cell = |column| cells.raw(row, column).map(Bytes::copy_from_slice);
                recorder.trace.rows.push(TracedRow {
                    scan: *number,
                    key: self.scan_row_key(*number, row),
                    cells: (0..scan.columns.len()).map(cell).collect(),
                    ends: Vec::new(),
                    notes: Vec::new(),
                });
            }
        }
        let place = |root: Option<(usize, u32)>| {
            let (scan, row) = root?;
            Some(starts.get(scan)? + row as usize)
        };
        for (root, note) in std::mem::take(&mut recorder.events) {
            if let Some(row) = place(root).and_then(|at| recorder.trace.rows.get_mut(at)) {
                row.notes.push(note);
            }
        }
        let written = std::mem::take(&mut recorder.written);
        for frame in &self.pass.frames {
            if !self.plan_frame(*frame).is_some_and(|frame| frame.is_map) {
                continue;
            }
            for member in 0..self.member_count(*frame) {
                let fate = match self.member_fate(*frame, member) {
                    RowFate::Absent => continue,
                    RowFate::Ended { reason, owner } => Fate::Ended { reason, owner },
                    RowFate::Live => Fate::Written(
                        written
                            .iter()
                            .filter(|(of, row, ..)| (of, row) == (frame, &member))
                            .map(|(_, _, target, tuple)| recorder.trace.write(*target, tuple))
                            .collect(),
                    ),
                };
                let root = self.root_row(*frame, member);
                if let Some(row) = place(root).and_then(|at| recorder.trace.rows.get_mut(at)) {
                    row.ends.push(RowEnd {
                        frame: *frame,
                        fate,
                    });
                }
            }
        }
        self.results.recorder = Some(recorder);
    }
}
