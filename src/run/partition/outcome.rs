//! What one partition came to, for an observer: rows made for each target, reasons that applied.

use super::Partition;

/// What one partition came to.
#[derive(Clone, Copy, Debug)]
pub struct PartitionOutcome<'a> {
    /// The key that its rows share, in PostgreSQL's binary form; `None` for NULL.
    pub key: Option<&'a [u8]>,
    /// Rows made for each target, by its number in the plan.
    pub written: &'a [u64],
    /// The number of the reason of each row that ended or was counted, in any order; rows that ended
    /// with their owner are not among them.
    pub reasons: &'a [usize],
}

/// What is noted while a partition is worked on.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// The rows made before, by target; afterwards those made.
    written: Vec<u64>,
    /// One number for each event.
    pub(super) reasons: Vec<usize>,
}

impl Partition<'_, '_, '_> {
    /// Notes where the counts stand; before a partition is worked on.
    pub(super) fn note_start(&mut self) {
        self.results.noted.reasons.clear();
        let written = &mut self.results.noted.written;
        self.results.output.totals_into(written);
    }

    /// What the partition came to that was worked on last.
    pub(in super::super) fn outcome(&mut self, scans: &[usize]) -> PartitionOutcome<'_> {
        for (target, before) in self.results.noted.written.iter_mut().enumerate() {
            *before = self.results.output.total(target).saturating_sub(*before);
        }
        let key = if self.null_key {
            None
        } else {
            scans.iter().find_map(|number| {
                let scan = self.program.plan.scans.get(*number)?;
                self.scans.get(*number)?.raw(0, scan.key)
            })
        };
        PartitionOutcome {
            key,
            written: &self.results.noted.written,
            reasons: &self.results.noted.reasons,
        }
    }
}
