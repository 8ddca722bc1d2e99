//! Tells the engine of a session what happened.
//!
//! Invariant: a run is told as it is when its turn comes, with a number above all earlier ones. An end is told in each
//! session until the engine's records have it. Only then may its run be forgotten.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use plan_core::engine::{Observation, Seen, Sighting};
use plan_driver::backend::{BackendReport, Reports};
use tokio::sync::mpsc;

use crate::blocking::blocking;
use crate::inner::Inner;
use crate::room::ServiceKey;
use crate::state::{RunKey, Say};
use crate::{disk, prune};

/// Sends messages until the session is over.
pub(crate) async fn tell(
    inner: Arc<Inner>,
    service: ServiceKey,
    session: u64,
    reports: Reports,
    mut said: mpsc::UnboundedReceiver<Say>,
) {
    let mut ends = FuturesUnordered::new();
    loop {
        let say = tokio::select! {
            say = said.recv() => say,
            Some(durable) = ends.next(), if !ends.is_empty() => {
                if let Some(key) = durable {
                    remember(&inner, key);
                }
                continue;
            }
            () = reports.over() => None,
        };
        let Some(say) = say else { break };
        let (report, end) = match say {
            Say::Outcome(outcome) => (BackendReport::Outcome(outcome), None),
            Say::Snapshot(snapshot) => (BackendReport::Snapshot(snapshot), None),
            Say::Unknown(key, end) => {
                let serial = inner.state().next_serial();
                let observation = Observation::new(
                    key.incarnation(),
                    serial,
                    Sighting::from(Seen::Ended(end)).saying("nothing is known of it"),
                );
                (BackendReport::Observed(observation), None)
            }
            Say::Observe(key) => {
                let turn = {
                    let mut state = inner.state();
                    if !state.sessions.is(&service, session) {
                        break;
                    }
                    state.take_turn(&key)
                };
                let Some((seen, serial)) = turn else { continue };
                let end = matches!(seen.seen, Seen::Ended(_)).then(|| key.clone());
                let report = BackendReport::Observed(Observation::new(key.incarnation(), serial, seen));
                (report, end)
            }
        };
        let Ok(receipt) = reports.tell(report).await else { break };
        if let Some(key) = end {
            ends.push(async move { receipt.durable().await.ok().map(|()| key) });
        }
    }
    inner.state().end_session(&service, session);
}

/// The engine's records have the end of a run.
fn remember(inner: &Arc<Inner>, key: RunKey) {
    let folder = {
        let mut state = inner.state();
        let Some(run) = state.runs.get_mut(&key).filter(|run| !run.told) else { return };
        run.told = true;
        run.folder.clone()
    };
    let shared = inner.clone();
    inner.spawn(async move {
        // If the file cannot be written, the next scheduler tells the end again, which changes nothing.
        let written = blocking(move || disk::claim(&folder.told())).await;
        if let Err(error) = written {
            tracing::debug!(%error, "an end that is known is not noted as such");
        }
        prune::old_runs(&shared, &key).await;
    });
}
