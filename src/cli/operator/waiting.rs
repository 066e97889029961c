//! Tells that locks are waited for, and for whom: at once, when somebody else is in the way, and every
//! few seconds.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::pg::{Patience, Waiting};

use super::events::{Event, rounded};
use super::progress::{Audience, SAID_EVERY};
use super::remaining::clock;

/// The longest time that may be waited.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How many sessions are named.
const NAMED: usize = 5;

/// Waits so long at most for each lock, and says so.
pub fn patience(wait: Option<Duration>, audience: &Audience<'_>) -> Patience {
    let Some(wait) = wait else {
        return Patience::default();
    };
    let (printer, events) = (audience.printer.clone(), audience.events.clone());
    let last: Mutex<Option<(String, Instant)>> = Mutex::default();
    let tell = move |waiting: &Waiting<'_>| {
        let sessions: Vec<String> = waiting.sessions.iter().map(ToString::to_string).collect();
        // Who it is, whatever they are doing at the moment.
        let pids: Vec<Option<i32>> = waiting.sessions.iter().map(|session| session.pid).collect();
        let who = format!("{} {pids:?}", waiting.what);
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, when)) = &*last
            && *known == who
            && when.elapsed() < SAID_EVERY
        {
            return;
        }
        *last = Some((who, Instant::now()));
        printer.say(&words(waiting.what, &sessions, waiting.left));
        events.tell(&Event::Waiting {
            what: waiting.what,
            sessions: &sessions,
            seconds_left: rounded(waiting.left),
        });
    };
    Patience::new(wait, Arc::new(tell))
}

fn words(what: &str, sessions: &[String], left: Duration) -> String {
    let mut text = format!("waiting for {what}, {} more at most", clock(left));
    for session in sessions.iter().take(NAMED) {
        text.push_str(&format!("\n        {session}"));
    }
    if sessions.len() > NAMED {
        text.push_str(&format!("\n        … and {} more", sessions.len() - NAMED));
    }
    text
}

/// A time of the command line, such as `30s`, `5m`, `1h30m`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_wait(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as `30s`, `5m` or `1h`".to_owned();
    let time = jiff::SignedDuration::from_str(text).map_err(|_| wrong())?;
    let time = Duration::try_from(time).map_err(|_| wrong())?;
    if time > LONGEST {
        return Err("a day is the most that can be waited".to_owned());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("30s", 30),
            ("5m", 300),
            ("1h", 3600),
            ("1h30m", 5400),
            ("0s", 0),
        ] {
            assert_eq!(parse_wait(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "30", "-30s", "soon", "25h", "1d", "5 parsecs"] {
            assert!(parse_wait(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whoever_is_in_the_way_is_named() {
        let many: Vec<String> = (1..=7).map(|pid| format!("process {pid}")).collect();
        let text = words("tables of the source", &many, Duration::from_secs(90));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "waiting for tables of the source, 1:30 min more at most"
        );
        assert_eq!(lines[1], "        process 1");
        assert_eq!(lines[6], "        … and 2 more");
        assert_eq!(lines.len(), 7);
    }
}
