//! Tells the observer what happens, and stops the run where it was told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::error;
use super::phase::{Phase, TargetEvent, TargetObserver};
use crate::pg::PgError;
use crate::pg::connector::Connect;

/// What the transaction and those who may stop it know of each other.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    over: AtomicBool,
}

/// Where a transaction is in its phases.
pub(super) struct Steps {
    observer: TargetObserver,
    shared: Arc<Shared>,
    current: Option<(Phase, Instant)>,
}

impl Steps {
    pub(super) fn new(observer: TargetObserver) -> Self {
        Self {
            observer,
            shared: Arc::default(),
            current: None,
        }
    }

    /// A phase begins.
    pub(super) fn start(&mut self, phase: Phase) -> Result<(), PgError> {
        self.current = Some((phase, Instant::now()));
        self.tell(&TargetEvent::Started(phase))
    }

    /// The phase that began last is done.
    pub(super) fn end(&mut self) -> Result<(), PgError> {
        match self.current.take() {
            None => Ok(()),
            Some((phase, since)) => self.tell(&TargetEvent::Ended(phase, since.elapsed())),
        }
    }

    /// Something happened; an error if the run is to stop.
    pub(super) fn tell(&mut self, event: &TargetEvent) -> Result<(), PgError> {
        if self.shared.stop.load(Ordering::Acquire) {
            return Err(error::interrupted());
        }
        (self.observer)(event)
    }

    /// Whether somebody wants the run to stop: an error of the server is that request's then.
    pub(super) fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// The transaction has ended or is about to: nobody may stop it any more.
    pub(super) fn over(&mut self) {
        self.shared.over.store(true, Ordering::Release);
    }

    pub(super) fn canceller(&self, backend_pid: i32) -> Canceller {
        Canceller {
            shared: Arc::clone(&self.shared),
            backend_pid,
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.over();
    }
}

/// Stops a target transaction from outside, whatever statement the server is busy with.
#[derive(Clone, Debug)]
pub struct Canceller {
    shared: Arc<Shared>,
    backend_pid: i32,
}

impl Canceller {
    /// Makes the transaction fail with E0675 and roll back, at once or, if no connection can be had
    /// to cancel the statement that the server is busy with, after that statement. Does nothing once
    /// COMMIT is under way. Best awaited together with the transaction (`join!`), which has to be
    /// awaited to its end in any case.
    pub async fn cancel<C: Connect>(&self, connect: &C) {
        /// A cancellation that arrives between two statements is lost, so it is repeated.
        const EVERY: Duration = Duration::from_millis(100);
        /// So often at most: then nobody awaits the transaction, which would see to it itself.
        const TIMES: usize = 30;
        self.shared.stop.store(true, Ordering::Release);
        let Ok(client) = connect.connect().await else {
            return;
        };
        for _ in 0..TIMES {
            if self.shared.over.load(Ordering::Acquire) {
                return;
            }
            let asked = client
                .execute("SELECT pg_cancel_backend($1)", &[&self.backend_pid])
                .await;
            if asked.is_err() {
                return;
            }
            sleep(EVERY).await;
        }
    }
}
