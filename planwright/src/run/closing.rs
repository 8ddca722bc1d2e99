//! What ends a scheduler from outside.
//!
//! Invariant: the first signal ends it in order; the second one ends it at once, wherever it is. Records are whole
//! either way: what is in one is durable before it is acted on.

use std::io::{self, Write as _};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::StoreKind;

/// The exit code of a scheduler that could not end in order.
const AT_ONCE: i32 = 1;

/// From now on, a signal ends the process: what it waits for may never come.
pub(super) fn leave_at_once(mut signals: Signals, records: StoreKind) {
    tokio::spawn(async move {
        signals.next().await;
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

/// SIGINT, SIGTERM and SIGHUP: each ends it.
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
}
