//! How long things take: tables of latencies, in microseconds.
//!
//! Invariant: the first entry of a table is the typical one, and a bound on a run follows from the longest.

use crate::choose::{Choose, Site};

/// A thousand microseconds.
const MILLI: u64 = 1000;

/// A latency of a table.
pub(crate) fn take(choose: &mut dyn Choose, label: &'static str, entity: u64, table: &[u64]) -> u64 {
    let nth = choose.choose(Site::new(label, entity), table.len() as u32);
    table.get(nth as usize).copied().unwrap_or_default()
}

/// The longest of a table.
pub(crate) fn most(table: &[u64]) -> u64 {
    table.iter().copied().max().unwrap_or_default()
}

// ---- the backend

/// From a command until its answer is there.
pub(crate) const ANSWER: [u64; 4] = [10 * MILLI, MILLI, 300 * MILLI, 3_000 * MILLI];
/// From what happens until the engine sees it.
pub(crate) const OBSERVE: [u64; 4] = [20 * MILLI, MILLI, 200 * MILLI, 2_000 * MILLI];
/// From the order to release resources until they are.
pub(crate) const RELEASE: [u64; 4] = [50 * MILLI, MILLI, 1_000 * MILLI, 30_000 * MILLI];
/// A silent node, or one that is gone, is noticed after so long.
pub(crate) const NOTICE: [u64; 2] = [10_000 * MILLI, 1_000 * MILLI];
/// A grant of a session that is over is kept for so long.
pub(crate) const HOLD: u64 = 60_000 * MILLI;
/// What is shown of the past is so old.
pub(crate) const BEFORE: [u64; 4] = [5_000 * MILLI, 1_000 * MILLI, 20_000 * MILLI, 60_000 * MILLI];
/// After so long the backend shows the present again.
pub(crate) const CATCHES_UP: u64 = 3_000 * MILLI;
/// A snapshot that is told once more is told after so long.
pub(crate) const ECHO: u64 = 20_000 * MILLI;
/// How long a command runs that is asked beside a task.
pub(crate) const GATE: [u64; 4] = [500 * MILLI, 20 * MILLI, 2_000 * MILLI, 5_000 * MILLI];
/// Between two parts of a snapshot.
pub(crate) const NEXT_PART: u64 = MILLI;

// ---- tasks

/// From the launch until its node has it.
pub(crate) const STARTING: [u64; 4] = [400 * MILLI, 100 * MILLI, 1_500 * MILLI, 6_000 * MILLI];
/// From then until its command runs.
pub(crate) const RUNNING: [u64; 4] = [1_200 * MILLI, 300 * MILLI, 4_000 * MILLI, 30_000 * MILLI];
/// A readiness check passes at one of its first so many runs.
pub(crate) const READY_TRIES: u32 = 4;
/// How long a readiness check runs.
pub(crate) const CHECK: u64 = 200 * MILLI;
/// How long a task that has to end runs.
pub(crate) const FINISHED: [u64; 4] = [2_000 * MILLI, 100 * MILLI, 10_000 * MILLI, 60_000 * MILLI];
/// From the request to end until the end.
pub(crate) const KILLED: [u64; 4] = [800 * MILLI, 50 * MILLI, 3_000 * MILLI, 20_000 * MILLI];

// ---- the engine, and who acts on it

/// From a crash until the engine is back.
pub(crate) const RESTART: [u64; 4] = [2_000 * MILLI, 100 * MILLI, 15_000 * MILLI, 90_000 * MILLI];
/// An operator who watches canaries acts after so long.
pub(crate) const REACTION: u64 = 1_000 * MILLI;
/// An engine that was replaced is woken once so long after.
pub(crate) const OLD_WAKE: u64 = 1_000 * MILLI;
/// From when a task of another installation is seen until it ends.
pub(crate) const FOREIGN_ENDS: u64 = 5_000 * MILLI;
