//! How far a pass is, and how much longer it will take, from counts that grow and estimates that may be
//! wrong or lacking.
//!
//! The tables of a pass are read side by side, in the order of one key: what share of it is done can be
//! told by the tables whose rows are known about, and holds for the others too. A table that turns out to
//! have more rows than was thought tells nothing any more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of so long a time.
const WINDOW: Duration = Duration::from_secs(10);

/// Before that, nothing is said of the time that remains.
const FIRST: Duration = Duration::from_secs(2);

/// One table.
#[derive(Clone, Debug)]
pub struct TableRows {
    /// Its name.
    pub table: String,
    /// Rows read.
    pub read: u64,
    /// How many it has, about; `None` where nobody knows.
    pub estimate: Option<u64>,
}

impl TableRows {
    /// The estimate, unless it has been proven too low.
    pub fn expected(&self) -> Option<u64> {
        self.estimate.filter(|estimate| *estimate >= self.read)
    }
}

/// The share that is done, between 0 and 1; `None` where no table can tell.
pub fn share(tables: &[TableRows]) -> Option<f64> {
    let (mut read, mut expected) = (0, 0);
    for table in tables {
        if let Some(rows) = table.expected() {
            read += table.read;
            expected += rows;
        }
    }
    (expected > 0).then(|| read as f64 / expected as f64)
}

/// Rows a second, of late.
#[derive(Clone, Debug)]
pub struct Rate {
    begun: Instant,
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// A rate of what begins now.
    pub fn begin(now: Instant) -> Self {
        Self {
            begun: now,
            samples: VecDeque::from([(now, 0)]),
        }
    }

    /// So many rows were read in all by now.
    pub fn note(&mut self, now: Instant, rows: u64) {
        self.samples.push_back((now, rows));
        // One that is older than the window stays, so that the whole of it is looked at.
        while let Some((second, _)) = self.samples.get(1)
            && now.duration_since(*second) >= WINDOW
        {
            self.samples.pop_front();
        }
    }

    /// Rows a second.
    pub fn per_second(&self) -> f64 {
        let (Some((since, before)), Some((now, rows))) =
            (self.samples.front(), self.samples.back())
        else {
            return 0.0;
        };
        let seconds = now.duration_since(*since).as_secs_f64();
        if seconds > 0.0 {
            rows.saturating_sub(*before) as f64 / seconds
        } else {
            0.0
        }
    }

    /// How long the rest will take, about; `None` while that cannot be said.
    pub fn remaining(&self, tables: &[TableRows]) -> Option<Duration> {
        /// What would take longer is no statement but a wrong estimate.
        const MOST: f64 = 30.0 * 24.0 * 3600.0;
        let (now, rows) = self.samples.back()?;
        let share = share(tables).filter(|share| *share > 0.0)?;
        let rate = self.per_second();
        if now.duration_since(self.begun) < FIRST || rate <= 0.0 {
            return None;
        }
        let seconds = *rows as f64 * (1.0 - share) / share / rate;
        (seconds <= MOST).then(|| Duration::from_secs_f64(seconds.max(0.0)))
    }
}

/// A time for people: `45 s`, `3:07 min`, `2:03 h`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => {
            let minutes = seconds.div_ceil(60);
            format!("{}:{:02} h", minutes / 60, minutes % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(read: u64, estimate: Option<u64>) -> TableRows {
        TableRows {
            table: "t".to_owned(),
            read,
            estimate,
        }
    }

    /// What remains after so many seconds of reading evenly.
    fn after(seconds: u64, tables: &[TableRows]) -> Option<Duration> {
        let begun = Instant::now();
        let mut rate = Rate::begin(begun);
        let rows: u64 = tables.iter().map(|table| table.read).sum();
        for second in 1..=seconds {
            rate.note(begun + Duration::from_secs(second), rows * second / seconds);
        }
        rate.remaining(tables)
    }

    #[test]
    fn what_is_done_tells_what_remains() {
        let tables = [table(250, Some(1000)), table(0, Some(0))];
        assert_eq!(after(5, &tables), Some(Duration::from_secs(15)));
        // Tables of which nothing is known go on at the pace of the others.
        let tables = [table(500, Some(1000)), table(9_000, None)];
        assert_eq!(after(10, &tables), Some(Duration::from_secs(10)));
        // So do those that have more rows than was thought.
        let tables = [table(500, Some(1000)), table(9_000, Some(10))];
        assert_eq!(after(10, &tables), Some(Duration::from_secs(10)));
        assert_eq!(after(4, &[table(70, Some(70))]), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_said_is_not() {
        for tables in [
            vec![],
            vec![table(0, Some(1000))],
            vec![table(0, None)],
            vec![table(10, None)],
            vec![table(0, Some(0))],
            vec![table(10, Some(0))],
            vec![table(10, Some(9))],
            vec![table(1, Some(u64::MAX))],
        ] {
            assert_eq!(after(5, &tables), None, "{tables:?}");
        }
        let tables = [table(500, Some(1000))];
        assert_eq!(after(1, &tables), None, "too early");
        assert_eq!(Rate::begin(Instant::now()).remaining(&tables), None);
        assert_eq!(Rate::begin(Instant::now()).per_second(), 0.0);
    }

    #[test]
    fn the_rate_is_that_of_late() {
        let begun = Instant::now();
        let mut rate = Rate::begin(begun);
        let mut rows = 0;
        for second in 1..=100 {
            rows += if second <= 50 { 10 } else { 1000 };
            rate.note(begun + Duration::from_secs(second), rows);
        }
        assert_eq!(rate.per_second(), 1000.0);
        assert!(rate.samples.len() <= 12);
        // Nothing came for a while.
        rate.note(begun + Duration::from_secs(200), rows);
        assert_eq!(rate.per_second(), 0.0);
        assert_eq!(rate.remaining(&[table(rows, Some(rows * 2))]), None);
    }

    #[test]
    fn times_are_short() {
        for (seconds, text) in [
            (0.4, "0 s"),
            (59.4, "59 s"),
            (59.6, "1:00 min"),
            (187.0, "3:07 min"),
            (3599.0, "59:59 min"),
            (3600.0, "1:00 h"),
            (7321.0, "2:03 h"),
        ] {
            assert_eq!(clock(Duration::from_secs_f64(seconds)), text);
        }
    }
}
