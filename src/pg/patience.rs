//! How long locks of others are waited for, and who hears of it meanwhile.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::session::Session;

/// Hears, again and again, that something is waited for.
pub type WaitObserver = Arc<dyn Fn(&Waiting<'_>) + Send + Sync>;

/// How long each lock is waited for: not at all unless said otherwise.
///
/// Nobody has to stand in line behind a waiting run: it asks again and again.
#[derive(Clone, Default)]
pub struct Patience {
    wait: Duration,
    observer: Option<WaitObserver>,
}

/// What is waited for.
#[derive(Debug)]
pub struct Waiting<'w> {
    /// Of what, in words: `tables of the source`.
    pub what: &'static str,
    /// Who is in the way, as far as the role may see it.
    pub sessions: &'w [Session],
    /// How much longer it will be waited for at most.
    pub left: Duration,
}

impl Patience {
    /// Waits so long at most.
    pub fn new(wait: Duration, observer: WaitObserver) -> Self {
        Self {
            wait,
            observer: Some(observer),
        }
    }

    /// Begins to wait for something.
    pub(crate) fn begin(&self, what: &'static str) -> Wait<'_> {
        Wait {
            patience: self,
            what,
            begun: Instant::now(),
        }
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience")
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// Waiting for one thing.
#[derive(Debug)]
pub(crate) struct Wait<'p> {
    patience: &'p Patience,
    what: &'static str,
    begun: Instant,
}

impl Wait<'_> {
    /// Whether it goes on; the observer hears who is in the way.
    pub(crate) fn goes_on(&self, sessions: &[Session]) -> bool {
        let left = self.patience.wait.saturating_sub(self.begun.elapsed());
        if left.is_zero() {
            return false;
        }
        if let Some(observer) = &self.patience.observer {
            observer(&Waiting {
                what: self.what,
                sessions,
                left,
            });
        }
        true
    }

    /// How long it was waited for, as a note for whoever has to give up; none if it was not.
    pub(crate) fn note(&self) -> Option<String> {
        (!self.patience.wait.is_zero())
            .then(|| format!("waited for {} s", self.begun.elapsed().as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn without_patience_nothing_is_waited_for() {
        let patience = Patience::default();
        let wait = patience.begin("tables");
        assert!(!wait.goes_on(&[]));
        assert_eq!(wait.note(), None);
    }

    #[test]
    fn the_observer_hears_of_each_look() {
        let heard: Arc<Mutex<Vec<(&'static str, Duration)>>> = Arc::default();
        let hears = Arc::clone(&heard);
        let patience = Patience::new(
            Duration::from_secs(60),
            Arc::new(move |waiting| hears.lock().unwrap().push((waiting.what, waiting.left))),
        );
        let wait = patience.begin("tables");
        assert!(wait.goes_on(&[]) && wait.goes_on(&[]));
        assert_eq!(wait.note().as_deref(), Some("waited for 0 s"));
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), 2);
        for (what, left) in heard.iter() {
            assert_eq!(*what, "tables");
            assert!(*left > Duration::from_secs(50) && *left <= Duration::from_secs(60));
        }
    }
}
