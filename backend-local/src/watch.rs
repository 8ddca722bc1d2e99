//! Watches one run, from the start of its shim to its end.
//!
//! Invariant: a run is told as running only when its processes are on disk, and as ended only when nothing of it is
//! left.

use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::End;

use crate::blocking::blocking;
use crate::checks;
use crate::disk;
use crate::inner::Inner;
use crate::layout::RunFolder;
use crate::reap;
use crate::room::Health;
use crate::run::{Exit, ExitCause, Launched};
use crate::state::{Phase, RunKey};

/// The time in which a shim that has begun writes `launch.json`.
const BEGINS: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(20);
/// How long until a disk that refuses is tried again.
const DISK_AGAIN: Duration = Duration::from_secs(1);

/// Watches a run whose shim was started, by this scheduler or an earlier one.
pub(crate) async fn watch(inner: Arc<Inner>, key: RunKey) {
    let Some((folder, order)) =
        inner.state().runs.get(&key).map(|run| (run.folder.clone(), run.order.clone()))
    else {
        return;
    };
    if let Some(launched) = processes(&folder).await {
        let ready = !order.paused && (order.readiness.is_none() || folder.ready().exists());
        if launched.task.is_some() {
            inner.state().set_phase(&key, Phase::Running { ready });
            inner.ports_changed.notify_one();
        }
        tokio::select! {
            () = launched.shim.ended() => {}
            () = checks::keep(&inner, &key, &folder, &order, &launched) => {}
        }
    }
    let exit = end(&inner, &key, &folder).await;
    tell_why(&key, &exit);
    inner.state().set_ended(&key, &exit);
    inner.ports_changed.notify_one();
}

/// How a run ended, in words for the scheduler's log.
fn tell_why(key: &RunKey, exit: &Exit) {
    let (instance, task, launch, end) = (&key.instance, &key.task, key.launch, exit.end());
    if !matches!(end, End::Finished | End::Killed | End::Gone) {
        tracing::warn!(service = %key.service.0, %instance, %task, launch, why = exit.why, "a task {end}");
    }
}

/// The processes of a run. Waits until that of the task is on disk, or the shim has ended. `None` if there never was a
/// shim.
async fn processes(folder: &RunFolder) -> Option<Launched> {
    let until = tokio::time::Instant::now() + BEGINS;
    loop {
        let path = folder.launch();
        match blocking(move || disk::read::<Launched>(&path)).await {
            Ok(Some(launched)) if launched.task.is_some() || !launched.shim.lives() => return Some(launched),
            Ok(None) if tokio::time::Instant::now() > until => return None,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a run cannot be looked at"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// How a run ended whose shim is gone. Tries until the disk answers.
async fn end(inner: &Arc<Inner>, key: &RunKey, folder: &RunFolder) -> Exit {
    loop {
        let lost = {
            let state = inner.state();
            state
                .runs
                .get(key)
                .is_some_and(|run| !matches!(state.book.health(&run.node), None | Some(Health::Heard)))
        };
        let otherwise = if lost { ExitCause::WithNode } else { ExitCause::Lost };
        let of = folder.clone();
        match blocking(move || reap::settle(&of, otherwise)).await {
            Ok(exit) => return exit,
            Err(error) => tracing::warn!(%error, "how a task ended cannot be written down or read"),
        }
        tokio::time::sleep(DISK_AGAIN).await;
    }
}
