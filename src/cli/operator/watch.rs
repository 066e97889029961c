//! What watches a run: progress for people, the forecast, the list of rejected rows.

use crate::run::{Observer, PartitionOutcome, Reject};

use super::forecast::Forecast;
use super::progress::Progress;
use super::reject_list::RejectList;

/// Tells of progress, gathers the forecast where there is one to be had, lists rejected rows.
#[derive(Debug)]
pub struct Watch {
    /// Progress.
    pub progress: Progress,
    /// The forecast.
    pub forecast: Option<Forecast>,
    /// The list of rejected rows.
    pub rejects: RejectList,
}

impl Watch {
    /// Ends the line of progress, and counts the forecast together.
    pub fn finish(&mut self) {
        self.progress.finish();
        if let Some(forecast) = &mut self.forecast {
            forecast.finish();
        }
    }
}

impl Observer for Watch {
    fn read(&mut self, scan: usize, rows: u64) {
        self.progress.read(scan, rows);
    }

    fn partition(&mut self, outcome: &PartitionOutcome<'_>) {
        if let Some(forecast) = &mut self.forecast {
            forecast.account(outcome);
        }
    }

    fn wants_rejects(&self) -> bool {
        self.rejects.is_wanted()
    }

    fn rejected(&mut self, reject: &Reject) {
        self.rejects.add(reject);
    }

    fn wrote(&mut self, target: usize, rows: u64, bytes: usize) {
        self.progress.wrote(target, rows, bytes);
    }
}
