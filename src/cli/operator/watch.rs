//! What watches a run: progress for people, and the forecast.

use crate::run::{Observer, PartitionOutcome};

use super::forecast::Forecast;
use super::progress::Progress;

/// Tells of progress and gathers the forecast, where there is one to be had.
#[derive(Debug)]
pub struct Watch {
    /// Progress.
    pub progress: Progress,
    /// The forecast.
    pub forecast: Option<Forecast>,
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

    fn wrote(&mut self, target: usize, rows: u64, bytes: usize) {
        self.progress.wrote(target, rows, bytes);
    }
}
