//! Signals that end a scheduler.
//!
//! Invariant: the first signal ends the scheduler in order. Ctrl-C or SIGTERM after that ends it at once, wherever it
//! is. Records are whole either way, since a record is durable before it is acted on. A second SIGHUP is ignored, since
//! closing a terminal sends two.

use std::io::{self, Write as _};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::StoreKind;

/// The exit code of a scheduler that could not end in order.
const AT_ONCE: i32 = 1;

/// A signal within this time after the first is the same one. `timeout`, for example, signals a process and then its
/// group.
const SAME: Duration = Duration::from_millis(300);

/// From now on, a signal ends the process, since it may wait for something that never comes.
pub(super) fn leave_at_once(records: StoreKind) {
    tokio::spawn(async move {
        tokio::time::sleep(SAME).await;
        // These streams do not see signals that came meanwhile.
        let Ok(mut signals) = Signals::new() else { return };
        signals.again().await;
        let tasks = match records {
            StoreKind::Redb => "its records are whole, and tasks go on running",
            StoreKind::Memory => {
                "its tasks may go on running, and no records know them: the next `planwright run --store memory` of \
                 the service says which they are"
            }
        };
        // Nothing can be done about a standard error that is gone.
        let _ = writeln!(io::stderr(), "error: ended at once: {tasks}");
        std::process::exit(AT_ONCE);
    });
}

/// SIGINT, SIGTERM and SIGHUP. Each ends the scheduler.
pub(super) struct Signals([Signal; 3]);

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    pub(super) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Waits for a real second signal, while the scheduler ends.
    async fn again(&mut self) {
        let [interrupt, terminate, _] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
