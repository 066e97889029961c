//! Which index or foreign key is being made, while it is: a line drawn over on a terminal, one every few
//! seconds elsewhere, two events for programs.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::printer::Printer;
use crate::pg::target::{RebuiltKind, TargetEvent};

use super::events::{Event, Events, rounded};
use super::progress::{Audience, SAID_EVERY};
use super::remaining::clock;
use super::table::counted;

/// How often the line is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(500);

/// What is being made; the copies of one are the same.
#[derive(Clone, Debug)]
pub struct Building {
    printer: Printer,
    events: Events,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// What it is, and since when.
    current: Option<(String, Instant)>,
    said: Instant,
}

impl Building {
    /// Nothing is being made yet.
    pub fn new(audience: &Audience<'_>) -> Self {
        Self {
            printer: audience.printer.clone(),
            events: audience.events.clone(),
            state: Arc::new(Mutex::new(State {
                current: None,
                said: Instant::now(),
            })),
        }
    }

    /// Hears of what begins and ends.
    pub fn hear(&self, event: &TargetEvent) {
        match event {
            TargetEvent::Rebuilding {
                kind,
                name,
                table,
                rows,
                place,
                of,
            } => {
                self.events.tell(&Event::Building {
                    kind: kind_name(*kind),
                    name,
                    table,
                    rows: *rows,
                    place: *place,
                    of: *of,
                });
                let words = words(*kind, name, table, *rows);
                let line = format!("        {place} of {of}: {words}");
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.current = Some((line, Instant::now()));
                self.show(&mut state);
            }
            TargetEvent::Rebuilt {
                kind,
                name,
                took,
                bytes,
            } => {
                self.events.tell(&Event::Built {
                    kind: kind_name(*kind),
                    name,
                    seconds: rounded(*took),
                    bytes: *bytes,
                });
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.current = None;
                self.printer.live_lines(&[]);
            }
            TargetEvent::Started(_) | TargetEvent::Ended(..) => {}
        }
    }

    /// Says what is being made, again and again, for as long as it is polled.
    pub async fn tell_on(&self) -> Infallible {
        let mut ticks = tokio::time::interval(DRAWN_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            self.show(&mut state);
        }
    }

    fn show(&self, state: &mut State) {
        let Some((line, since)) = &state.current else {
            return;
        };
        let line = match since.elapsed() {
            short if short < Duration::from_secs(1) => line.clone(),
            long => format!("{line}, {}", clock(long)),
        };
        if self.printer.live {
            self.printer.live_lines(&[line]);
        } else if state.said.elapsed() >= SAID_EVERY {
            state.said = Instant::now();
            self.printer.say(&line);
        }
    }
}

fn kind_name(kind: RebuiltKind) -> &'static str {
    match kind {
        RebuiltKind::Index => "index",
        RebuiltKind::ForeignKey => "foreign_key",
    }
}

/// What is made, and of how many rows: ``index `users_pkey` of `public.users`, 1,000 rows``.
fn words(kind: RebuiltKind, name: &str, table: &str, rows: Option<u64>) -> String {
    let kind = match kind {
        RebuiltKind::Index => "index",
        RebuiltKind::ForeignKey => "foreign key",
    };
    let rows = match rows {
        Some(rows) => format!(", {}", counted(rows, "row")),
        None => String::new(),
    };
    format!("{kind} `{name}` of `{table}`{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_told_with_its_size() {
        assert_eq!(
            words(
                RebuiltKind::Index,
                "users_pkey",
                "public.users",
                Some(1_000_000)
            ),
            "index `users_pkey` of `public.users`, 1,000,000 rows"
        );
        assert_eq!(
            words(RebuiltKind::ForeignKey, "a_fk", "s.a", None),
            "foreign key `a_fk` of `s.a`"
        );
        assert!(words(RebuiltKind::Index, "i", "t", Some(1)).ends_with(", 1 row"));
    }
}
