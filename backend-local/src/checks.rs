//! Health and readiness checks.
//!
//! Invariant: a check runs again only after its last run has ended, and its message is about its last run. Paused tasks
//! have no checks.

use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::Words;
use plan_core::spec::{HealthCheck, ReadinessCheck, Seconds};
use tokio::time::{Instant, sleep, sleep_until};

use crate::beside::{self, How, Ran};
use crate::blocking::blocking;
use crate::disk;
use crate::inner::Inner;
use crate::kill;
use crate::layout::RunFolder;
use crate::run::{Kill, KillReason, Launched, Order, now};
use crate::state::{CheckKind, Phase, RunKey};

/// The least time between two runs, whatever the file says.
const LEAST_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a task's checks for as long as it is waited for.
pub(crate) async fn keep(
    inner: &Arc<Inner>,
    key: &RunKey,
    folder: &RunFolder,
    order: &Order,
    launched: &Launched,
) {
    if order.paused {
        return std::future::pending().await;
    }
    // The time of the launch on our clock. If the clock was set back, the task seems younger, never older.
    let age = Duration::from_millis(now().saturating_sub(launched.at));
    let began = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
    let health = async {
        match &order.health {
            Some(check) => watch_health(inner, key, folder, order, check, began).await,
            None => std::future::pending().await,
        }
    };
    let readiness = async {
        match &order.readiness {
            Some(check) => watch_readiness(inner, key, folder, order, check, began).await,
            None => std::future::pending::<()>().await,
        }
    };
    tokio::join!(health, readiness);
}

async fn watch_health(
    inner: &Inner,
    key: &RunKey,
    folder: &RunFolder,
    order: &Order,
    check: &HealthCheck,
    began: Instant,
) {
    sleep_until(began + duration(check.delay)).await;
    let most = check.max_consecutive_failures.get();
    let mut failures = 0;
    loop {
        let ran = beside::run(inner, folder, order, &check.cmd, check.timeout).await;
        if ran.passed() {
            failures = 0;
            inner.state().set_check(key, CheckKind::Health, None);
        } else if began.elapsed() < duration(check.grace_period) {
            tracing::debug!(instance = %order.instance, task = %order.task, why = %ran, "health check failed, in its grace period");
        } else {
            failures += 1;
            tracing::info!(instance = %order.instance, task = %order.task, why = %ran, failures, "health check failed");
            inner.state().set_check(key, CheckKind::Health, Words::some(failed(CheckKind::Health, 1, &ran)));
        }
        if failures >= most {
            let words = failed(CheckKind::Health, most, &ran);
            kill::order(folder.clone(), Kill { why: KillReason::Unhealthy, grace: order.grace, words }).await;
            // The task that watches the run sees its end.
            return std::future::pending().await;
        }
        sleep(duration(check.interval).max(LEAST_INTERVAL)).await;
    }
}

async fn watch_readiness(
    inner: &Inner,
    key: &RunKey,
    folder: &RunFolder,
    order: &Order,
    check: &ReadinessCheck,
    began: Instant,
) {
    sleep_until(began + duration(check.delay)).await;
    let mut before = None;
    loop {
        let ran = beside::run(inner, folder, order, &check.cmd, check.timeout).await;
        let ready = ran.passed();
        let words = if ready { None } else { Words::some(failed(CheckKind::Readiness, 1, &ran)) };
        if !ready {
            tracing::debug!(instance = %order.instance, task = %order.task, why = %ran, "readiness check failed");
        }
        let changed = before.replace(ready) != Some(ready);
        if changed {
            let path = folder.ready();
            let noted =
                blocking(move || if ready { disk::claim(&path).map(|_| ()) } else { disk::remove(&path) });
            if let Err(error) = noted.await {
                // The next scheduler runs the check before it relies on anything else.
                tracing::debug!(%error, "readiness is not noted");
            }
        }
        {
            // One observation tells both.
            let mut state = inner.state();
            state.set_check(key, CheckKind::Readiness, words);
            state.set_phase(key, Phase::Running { ready });
        }
        if changed {
            inner.ports_changed.notify_one();
        }
        sleep(duration(check.interval).max(LEAST_INTERVAL)).await;
    }
}

/// The message of a check that did not pass. `times` is how often in a row, if that is known and does not grow.
fn failed(kind: CheckKind, times: u32, ran: &Ran) -> String {
    let times = if times > 1 { format!(" {times} times in a row") } else { String::new() };
    match &ran.how {
        How::TimedOut(_) | How::NotRun(_) if times.is_empty() => format!("{kind} check {ran}"),
        How::TimedOut(_) | How::NotRun(_) => format!("{kind} check failed{times}: it {ran}"),
        How::Code(_) | How::Signal(_) => format!("{kind} check failed{times}: {ran}"),
    }
}

fn duration(seconds: Seconds) -> Duration {
    Duration::from_secs(u64::from(seconds.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_which_it_is_how_often_and_how_it_failed() {
        let ran = |how, last: &str| Ran { how, last: last.to_owned() };
        let (code, limit) = (ran(How::Code(1), "no leader"), ran(How::TimedOut(Seconds(5)), ""));
        let table = [
            (CheckKind::Readiness, 1, &limit, "readiness check timed out after 5 s"),
            (CheckKind::Readiness, 1, &code, "readiness check failed: exit code 1: no leader"),
            (CheckKind::Health, 3, &code, "health check failed 3 times in a row: exit code 1: no leader"),
            (CheckKind::Health, 3, &limit, "health check failed 3 times in a row: it timed out after 5 s"),
        ];
        for (kind, times, ran, text) in table {
            assert_eq!(failed(kind, times, ran), text);
        }
    }
}
