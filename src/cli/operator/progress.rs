//! How far a run is, while it runs: lines drawn over on a terminal, one every few seconds elsewhere, an
//! event a second for programs.
//!
//! Rows are counted where they go by; what is said of them is said by [`Progress::tell_on`], so that
//! something is also said while no row comes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::printer::Printer;
use crate::run::Observer;

use super::events::{Event, Events, ProgressEvent, ReadEvent};
use super::remaining::{Rate, TableRows, clock, share};
use super::table::{counted, thousands};

/// How often lines on a terminal are drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
/// How often a line is said elsewhere.
pub const SAID_EVERY: Duration = Duration::from_secs(5);
/// How often programs are told.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Who is told how far a run is.
#[derive(Clone, Debug)]
pub struct Audience<'a> {
    /// People.
    pub printer: &'a Printer,
    /// Programs.
    pub events: &'a Events,
}

/// Tells of rows read and written; the copies of one count together.
#[derive(Clone, Debug)]
pub struct Progress {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    printer: Printer,
    events: Events,
    what: &'static str,
    phase: &'static str,
    rate: Rate,
    tables: Vec<TableRows>,
    drawn: Option<Instant>,
    said: Instant,
    told: Option<Instant>,
    wrote: u64,
    bytes: u64,
}

impl Progress {
    /// Progress of `what`, such as `rehearsing`, in a phase, over tables by the number of their scan.
    pub fn new(
        audience: &Audience<'_>,
        what: &'static str,
        phase: &'static str,
        tables: Vec<TableRows>,
    ) -> Self {
        let now = Instant::now();
        Self {
            state: Arc::new(Mutex::new(State {
                printer: audience.printer.clone(),
                events: audience.events.clone(),
                what,
                phase,
                rate: Rate::begin(now),
                tables,
                drawn: None,
                said: now,
                told: None,
                wrote: 0,
                bytes: 0,
            })),
        }
    }

    /// Tells how far it is, again and again, for as long as it is polled.
    pub async fn tell_on(&self) -> Infallible {
        let mut ticks = tokio::time::interval(DRAWN_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.with(|state| state.tell(Instant::now()));
        }
    }

    /// Does the work, and tells how far it is meanwhile.
    pub async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.tell_on() => match never {},
        }
    }

    /// Ends the lines that were drawn over; programs hear where it ended.
    pub fn finish(&self) {
        self.with(|state| {
            state.printer.live_lines(&[]);
            state.rate.note(Instant::now(), state.read());
            state.tell_programs();
        });
    }

    fn with(&self, work: impl FnOnce(&mut State)) {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl State {
    fn read(&self) -> u64 {
        self.tables.iter().map(|table| table.read).sum()
    }

    fn tell(&mut self, now: Instant) {
        let due = |last: Option<Instant>, every: Duration| {
            last.is_none_or(|last| now.duration_since(last) >= every)
        };
        self.rate.note(now, self.read());
        if self.printer.live && due(self.drawn, DRAWN_EVERY) {
            self.drawn = Some(now);
            self.printer.live_lines(&self.drawing());
        } else if !self.printer.live && due(Some(self.said), SAID_EVERY) {
            self.said = now;
            self.printer.say(&self.line());
        }
        if self.events.is_wanted() && due(self.told, TOLD_EVERY) {
            self.told = Some(now);
            self.tell_programs();
        }
    }

    fn tell_programs(&self) {
        let read = self.tables.iter().map(|table| ReadEvent {
            table: &table.table,
            rows: table.read,
            expected: table.expected(),
        });
        self.events.tell(&Event::Progress(&ProgressEvent {
            phase: self.phase,
            read: read.collect(),
            rows_read: self.read(),
            rows_written: self.wrote,
            bytes_written: self.bytes,
            rows_per_second: self.rate.per_second() as u64,
            remaining_seconds: self.rate.remaining(&self.tables).map(|time| time.as_secs()),
        }));
    }

    /// All in a line.
    fn line(&self) -> String {
        let left = self
            .left()
            .map_or_else(String::new, |left| format!(", {left}"));
        format!("{}: {}{left}", self.what, self.counts())
    }

    fn counts(&self) -> String {
        let mut counts = format!(
            "{} read ({} a second)",
            counted(self.read(), "row"),
            thousands(self.rate.per_second() as u64)
        );
        if self.wrote > 0 {
            counts.push_str(&format!(
                ", {} written ({} MiB)",
                thousands(self.wrote),
                self.bytes / (1024 * 1024)
            ));
        }
        counts
    }

    fn left(&self) -> Option<String> {
        let time = self.rate.remaining(&self.tables)?;
        Some(format!("about {} left", clock(time)))
    }

    /// What is most asked first, so that 80 columns show it; then a line for each table.
    fn drawing(&self) -> Vec<String> {
        let share = match share(&self.tables) {
            Some(share) => format!("{:>3.0}%", (share * 100.0).floor()),
            None => String::new(),
        };
        let left = self
            .left()
            .map_or_else(String::new, |left| format!(", {left}"));
        let mut lines = vec![
            format!("{share:<4}  {}{left}", self.what),
            format!("      {}", self.counts()),
        ];
        for table in &self.tables {
            let of = match table.expected() {
                Some(rows) => format!(" of about {:>11}", thousands(rows)),
                None => String::new(),
            };
            lines.push(format!(
                "      {:<28} {:>11}{of}",
                table.table,
                thousands(table.read)
            ));
        }
        lines
    }
}

impl Observer for Progress {
    fn read(&mut self, scan: usize, rows: u64) {
        self.with(|state| {
            if let Some(table) = state.tables.get_mut(scan) {
                table.read += rows;
            }
        });
    }

    fn wrote(&mut self, _target: usize, rows: u64, bytes: usize) {
        self.with(|state| {
            state.wrote += rows;
            state.bytes += bytes as u64;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{ColourChoice, OutputFormat};

    fn state(tables: &[(&str, u64, Option<u64>)]) -> State {
        let printer = Printer::new(OutputFormat::Human, ColourChoice::Never, true, 20);
        let audience = Audience {
            printer: &printer,
            events: &Events::default(),
        };
        let tables = tables.iter().map(|(table, read, estimate)| TableRows {
            table: (*table).to_owned(),
            read: *read,
            estimate: *estimate,
        });
        let progress = Progress::new(&audience, "migrating", "copy rows", tables.collect());
        let state = Arc::into_inner(progress.state).unwrap();
        let mut state = state.into_inner().unwrap();
        let now = Instant::now();
        state.rate = Rate::begin(now);
        state.rate.note(now + Duration::from_secs(10), state.read());
        state
    }

    #[test]
    fn a_terminal_shows_each_table() {
        let mut state = state(&[
            ("users", 250_000, Some(1_000_000)),
            ("devices", 700_000, Some(600_000)),
            ("user_threepids", 50_000, None),
            ("dehydrated_devices", 0, Some(0)),
        ]);
        state.wrote = 900_000;
        state.bytes = 80 << 20;
        assert_eq!(
            state.line(),
            "migrating: 1,000,000 rows read (100,000 a second), 900,000 written (80 MiB), about 30 s left"
        );
        assert!(state.drawing().iter().all(|line| line.len() < 80));
        assert_eq!(
            state.drawing(),
            [
                " 25%  migrating, about 30 s left",
                "      1,000,000 rows read (100,000 a second), 900,000 written (80 MiB)",
                "      users                            250,000 of about   1,000,000",
                "      devices                          700,000",
                "      user_threepids                    50,000",
                "      dehydrated_devices                     0 of about           0",
            ]
        );
    }

    #[test]
    fn without_estimates_nothing_is_guessed() {
        let state = state(&[("users", 10, None), ("devices", 20, Some(0))]);
        assert_eq!(
            state.drawing(),
            [
                "      migrating",
                "      30 rows read (3 a second)",
                "      users                                 10",
                "      devices                               20",
            ]
        );
    }

    #[tokio::test]
    async fn something_is_said_while_no_row_comes() {
        let path = std::env::temp_dir().join(format!("mapwright-progress-{}", std::process::id()));
        let printer = Printer::new(OutputFormat::Human, ColourChoice::Never, true, 20);
        let events = Events::begin(Some(&path), &[], "check", false, &printer).unwrap();
        let audience = Audience {
            printer: &printer,
            events: &events,
        };
        let progress = Progress::new(&audience, "rehearsing", "rehearse every row", Vec::new());
        let text = || std::fs::read_to_string(&path).unwrap();
        let told = async {
            while !text().contains("\"event\":\"progress\"") {
                tokio::task::yield_now().await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(30), progress.beside(told)).await;
        assert!(told.is_ok(), "{}", text());
        std::fs::remove_file(&path).unwrap();
    }
}
