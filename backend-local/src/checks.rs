//! Health and readiness checks: commands that are run beside a task, in its sandbox, with its environment.
//!
//! Invariant: a check never outlives its timeout, nor its scheduler; each runs again only after it has ended. Paused
//! tasks have none.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use plan_core::spec::{HealthCheck, ReadinessCheck, Seconds};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::blocking::blocking;
use crate::disk;
use crate::inner::Inner;
use crate::layout::RunFolder;
use crate::run::{Kill, KillReason, Launched, Order, now};
use crate::state::{Phase, RunKey};
use crate::{kill, shim};

/// Between two runs, whatever the file says.
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
    // When it was launched, on our clock; a clock that was set back makes it younger, never older.
    let age = Duration::from_millis(now().saturating_sub(launched.at));
    let began = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
    let health = async {
        match &order.health {
            Some(check) => watch_health(inner, folder, order, check, began).await,
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

async fn watch_health(inner: &Inner, folder: &RunFolder, order: &Order, check: &HealthCheck, began: Instant) {
    sleep_until(began + duration(check.delay)).await;
    let mut failures = 0;
    loop {
        match run(inner, folder, order, &check.cmd, check.timeout).await {
            Ok(()) => failures = 0,
            Err(why) if began.elapsed() < duration(check.grace_period) => {
                tracing::debug!(instance = %order.instance, task = %order.task, why, "health check failed, in its grace period");
            }
            Err(why) => {
                failures += 1;
                tracing::info!(instance = %order.instance, task = %order.task, why, failures, "health check failed");
            }
        }
        if failures >= check.max_consecutive_failures.get() {
            let kill = Kill { why: KillReason::Unhealthy, grace: order.grace };
            kill::order(folder.clone(), kill).await;
            // Its end is seen by whoever watches it.
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
        let ready = match run(inner, folder, order, &check.cmd, check.timeout).await {
            Ok(()) => true,
            Err(why) => {
                tracing::debug!(instance = %order.instance, task = %order.task, why, "readiness check failed");
                false
            }
        };
        if before.replace(ready) != Some(ready) {
            let path = folder.ready();
            let noted =
                blocking(move || if ready { disk::claim(&path).map(|_| ()) } else { disk::remove(&path) });
            if let Err(error) = noted.await {
                // The next scheduler runs the check before it believes anything else.
                tracing::debug!(%error, "readiness is not noted");
            }
            inner.state().set_phase(key, Phase::Running { ready });
            inner.ports_changed.notify_one();
        }
        sleep(duration(check.interval).max(LEAST_INTERVAL)).await;
    }
}

fn duration(seconds: Seconds) -> Duration {
    Duration::from_secs(u64::from(seconds.0))
}

/// Runs a check once; why it did not pass. A timeout of 0 is none, as in Mesos.
async fn run(
    inner: &Inner,
    folder: &RunFolder,
    order: &Order,
    command: &str,
    limit: Seconds,
) -> Result<(), String> {
    let mut child = Command::new(&inner.shim)
        .arg(shim::EXEC)
        .arg(std::process::id().to_string())
        .arg("-")
        .arg(command)
        .env_clear()
        .envs(&order.environment)
        .current_dir(folder.sandbox())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("it cannot be run: {error}"))?;
    let group = Group(child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw));
    let ended = if limit.0 == 0 {
        child.wait().await
    } else {
        match timeout(duration(limit), child.wait()).await {
            Ok(ended) => ended,
            Err(_) => return Err(format!("it took longer than {limit}")),
        }
    };
    drop(group);
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// The processes of a check, which end with it, whether it ended, was given up, or nobody waits for it any more.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Nothing may be left of it. Its number is not given again while its group lives or it was not waited for.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}
