//! Ends what is left of a task whose shim is gone.
//!
//! Invariant: a run counts as ended only when no process of it is alive. Its processes are known by a variable in their
//! environment, or by the session of a living task. No other process is touched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::disk::{self, DiskError};
use crate::layout::RunFolder;
use crate::memory;
use crate::process;
use crate::run::{Exit, ExitCause, Kill, KillReason, Launched, Order};

/// The variable that marks all processes of a run.
pub(crate) const MARK: &str = "PLANWRIGHT_RUN";

/// The variable with its value for this run, as an environment has it.
pub(crate) fn mark(folder: &Path) -> String {
    format!("{MARK}={}", folder.display())
}

/// The living processes of runs, each with its run's folder. Processes of other users are not seen.
pub(crate) fn marked() -> Vec<(i32, PathBuf)> {
    let living = process::all().into_iter().filter(|(_, stat)| stat.lives());
    living.filter_map(|(pid, _)| Some((pid, process::given(pid, MARK)?.into()))).collect()
}

/// How long until a failure is logged.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(20);

/// Ends all processes of a run, and waits until they have ended, as long as the system takes.
pub(crate) fn end_all(folder: &RunFolder, launched: Option<&Launched>) {
    let mark = mark(folder.path());
    let task = launched.and_then(|launched| launched.task);
    let began = std::time::Instant::now();
    let mut told = false;
    loop {
        let session = task.filter(|task| task.lives()).map(|task| task.pid);
        let mut left = 0;
        for (pid, stat) in process::all() {
            if stat.lives() && (session == Some(stat.session) || process::was_given(pid, &mark)) {
                left += 1;
                if let Some(pid) = Pid::from_raw(pid) {
                    // It may have ended meanwhile.
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
        }
        if left == 0 {
            return;
        }
        if began.elapsed() > PATIENCE && !std::mem::replace(&mut told, true) {
            tracing::warn!(run = %folder.path().display(), left, "processes of an ended task do not end");
        }
        std::thread::sleep(AGAIN);
    }
}

/// How a run whose shim is gone ended. Writes that to disk if the shim could not.
pub(crate) fn settle(folder: &RunFolder, otherwise: ExitCause) -> Result<Exit, DiskError> {
    if let Some(exit) = disk::read::<Exit>(&folder.exit())? {
        return Ok(exit);
    }
    let launched = disk::read::<Launched>(&folder.launch())?;
    end_all(folder, launched.as_ref());
    // The shim would have removed it.
    if let Some(group) = disk::read::<Order>(&folder.order())?.and_then(|order| order.memory) {
        memory::remove(&group);
    }
    // The shim may have written the end before the shim itself ended.
    if let Some(exit) = disk::read::<Exit>(&folder.exit())? {
        return Ok(exit);
    }
    let kill = disk::read::<Kill>(&folder.kill())?.filter(|_| otherwise == ExitCause::Lost);
    let cause = match kill.as_ref().map(|kill| kill.why) {
        Some(KillReason::Ordered) => ExitCause::Killed,
        Some(KillReason::Unhealthy) => ExitCause::Unhealthy,
        None => otherwise,
    };
    let words = kill.map(|kill| kill.words).filter(|words| !words.is_empty());
    let exit = Exit::new(cause, words.as_deref().unwrap_or("its shim is gone, and did not say how it ended"));
    disk::write(&folder.exit(), &exit)?;
    Ok(exit)
}
