//! How far a run is, while it runs: a line drawn over on a terminal, one every few seconds
//! elsewhere.

use std::time::{Duration, Instant};

use crate::cli::printer::Printer;
use crate::run::Observer;

use super::table::thousands;

/// Tells of rows read and written.
#[derive(Debug)]
pub struct Progress {
    printer: Printer,
    what: &'static str,
    started: Instant,
    last: Instant,
    read: u64,
    wrote: u64,
    bytes: u64,
}

impl Progress {
    /// Progress of `what`, such as `rehearsing`.
    pub fn new(printer: &Printer, what: &'static str) -> Self {
        let now = Instant::now();
        Self {
            printer: printer.clone(),
            what,
            started: now,
            last: now,
            read: 0,
            wrote: 0,
            bytes: 0,
        }
    }

    fn tell(&mut self) {
        let every = if self.printer.live {
            Duration::from_millis(200)
        } else {
            Duration::from_secs(5)
        };
        if self.last.elapsed() < every {
            return;
        }
        self.last = Instant::now();
        let line = self.line();
        if self.printer.live {
            self.printer.live_line(&line);
        } else {
            self.printer.say(&line);
        }
    }

    fn line(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = (self.read as f64 / seconds) as u64;
        let mut line = format!(
            "{}: {} rows read ({} a second)",
            self.what,
            thousands(self.read),
            thousands(rate)
        );
        if self.wrote > 0 {
            line.push_str(&format!(
                ", {} written ({} MiB)",
                thousands(self.wrote),
                self.bytes / (1024 * 1024)
            ));
        }
        line
    }

    /// Ends the line that was drawn over.
    pub fn finish(&self) {
        self.printer.live_line("");
    }
}

impl Observer for Progress {
    fn read(&mut self, _scan: usize, rows: u64) {
        self.read += rows;
        self.tell();
    }

    fn wrote(&mut self, _target: usize, rows: u64, bytes: usize) {
        self.wrote += rows;
        self.bytes += bytes as u64;
        self.tell();
    }
}
