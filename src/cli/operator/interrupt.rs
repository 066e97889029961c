//! SIGINT and SIGTERM: what was begun is rolled back, then the process ends.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::exit::ExitStatus;

/// Tells when the process is asked to end.
#[derive(Clone, Debug)]
pub struct Interrupts {
    asked: watch::Receiver<Option<ExitStatus>>,
}

impl Interrupts {
    /// Listens from now on. Must be called inside the runtime.
    pub fn listen() -> Self {
        let (sender, asked) = watch::channel(None);
        // Here and not in the task: it may begin late, and a signal before it would end the process.
        let handlers = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        );
        tokio::spawn(async move {
            let (Ok(mut interrupt), Ok(mut terminate)) = handlers else {
                // Without handlers the system's own apply: the process dies, the servers roll back.
                std::future::pending::<()>().await;
                return;
            };
            loop {
                let status = tokio::select! {
                    _ = interrupt.recv() => ExitStatus::Interrupted,
                    _ = terminate.recv() => ExitStatus::Terminated,
                };
                sender.send_if_modified(|asked| {
                    let first = asked.is_none();
                    if first {
                        *asked = Some(status);
                    }
                    first
                });
            }
        });
        Self { asked }
    }

    /// Which signal came, if one did.
    pub fn received(&self) -> Option<ExitStatus> {
        *self.asked.borrow()
    }

    /// Waits for a signal.
    pub async fn wait(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.received() {
                return status;
            }
            if self.asked.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
