//! How long things take: tables of latencies, in microseconds.
//!
//! Invariant: the first entry of a table is the typical latency, and a bound on a run follows from the longest.

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
/// From an event until the engine sees it.
pub(crate) const OBSERVE: [u64; 4] = [20 * MILLI, MILLI, 200 * MILLI, 2_000 * MILLI];
/// From the order to release resources until they are released.
pub(crate) const RELEASE: [u64; 4] = [50 * MILLI, MILLI, 1_000 * MILLI, 30_000 * MILLI];
/// From when a node is silent or gone until that is noticed.
pub(crate) const NOTICE: [u64; 2] = [10_000 * MILLI, 1_000 * MILLI];
/// How long a grant of a session that is over is kept.
pub(crate) const HOLD: u64 = 60_000 * MILLI;
/// How old an old state is that the backend shows.
pub(crate) const BEFORE: [u64; 4] = [5_000 * MILLI, 1_000 * MILLI, 20_000 * MILLI, 60_000 * MILLI];
/// How long until the backend shows the present state again.
pub(crate) const CATCHES_UP: u64 = 3_000 * MILLI;
/// How long until a snapshot is told once more.
pub(crate) const ECHO: u64 = 20_000 * MILLI;
/// How long the command of a gate runs.
pub(crate) const GATE: [u64; 4] = [500 * MILLI, 20 * MILLI, 2_000 * MILLI, 5_000 * MILLI];
/// Between two parts of a snapshot.
pub(crate) const NEXT_PART: u64 = MILLI;

// ---- tasks

/// From the launch until its node has it.
pub(crate) const STARTING: [u64; 4] = [400 * MILLI, 100 * MILLI, 1_500 * MILLI, 6_000 * MILLI];
/// From when its node has the launch until its command runs.
pub(crate) const RUNNING: [u64; 4] = [1_200 * MILLI, 300 * MILLI, 4_000 * MILLI, 30_000 * MILLI];
/// At the latest, a readiness check passes at this run.
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
/// From when a canary waits until an operator acts.
pub(crate) const REACTION: u64 = 1_000 * MILLI;
/// From when an engine was replaced until it is woken once.
pub(crate) const OLD_WAKE: u64 = 1_000 * MILLI;
/// From when a task of another installation is seen until it ends.
pub(crate) const FOREIGN_ENDS: u64 = 5_000 * MILLI;
