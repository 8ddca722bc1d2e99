//! What must happen once all faults ended: progress within a bound, and then quiet.
//!
//! Invariant: the bound follows from the specifications and the tables of latencies; nothing in it is guessed.

use plan_core::engine::Command;
use plan_core::spec::Seconds;

use crate::latency::{ANSWER, GATE, HOLD, NOTICE, OBSERVE, RELEASE, RESTART, most};
use crate::scenario::Scenario;
use crate::task::Task;

const SECOND: u64 = 1_000_000;
/// No task waits longer after failures than this (docs/decisions/0006-backoff.md), and no debt is left alone
/// for longer.
const LONGEST_WAIT: u64 = 300 * SECOND;
/// No gate waits for longer before it is asked again (docs/decisions/0018-one-list-of-rules.md), and no answer is
/// waited for so much longer than its command may take.
const LONGEST_GATE: u64 = 60 * SECOND + 5 * SECOND;
/// How long nothing may be done, once all is done. It is longer than any wait of the engine.
pub(crate) const SETTLE: u64 = 4 * LONGEST_WAIT;
/// How many times the longest time is allowed, since earlier faults may have left more than one piece of work.
const SLACK: u64 = 3;

/// The stage of a run that heals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Faults happen.
    Chaos,
    /// The faults ended, and the service becomes what it should be.
    Converging,
    /// The service is what it should be.
    Settled,
    /// The same, and the engine was recovered once more.
    Restarted,
    /// The run is over.
    Over,
}

/// Within what time a service becomes what it should be, in microseconds: all steps of all plans one after the
/// other, each with the longest latencies, a kill before it and the longest wait.
pub(crate) fn bound(scenario: &Scenario) -> u64 {
    let exchange = 4 * (most(&ANSWER) + most(&OBSERVE)) + most(&RELEASE);
    let mut sum = most(&RESTART) + most(&NOTICE) + HOLD + 2 * LONGEST_WAIT;
    // After the last fault an operator takes the denials of gates back.
    sum += takes_back();
    for model in scenario.models() {
        for layout in model.plans().values() {
            for phase in &layout.phases {
                for step in 0..phase.steps.len() as u32 {
                    let tasks = phase.tasks(step).iter();
                    let tasks = tasks.map(|&task| &model.pods()[phase.pod as usize].tasks[task as usize]);
                    sum +=
                        tasks.map(|task| Task::longest(&task.config)).sum::<u64>() + exchange + LONGEST_WAIT;
                    let gates = phase.gates_before(step).iter();
                    let gates = gates.map(|gate| u64::from(gate.timeout.0) * SECOND + LONGEST_GATE);
                    sum += gates.sum::<u64>() + if phase.has_gates() { exchange } else { 0 };
                }
            }
        }
        if let Some(policy) = model.spec().replacement_failure_policy() {
            let instances: u64 = model.pods().iter().map(|pod| u64::from(pod.count)).sum();
            let micros = |seconds: Seconds| u64::from(seconds.0) * SECOND;
            sum += micros(policy.permanent_failure_timeout) + instances * micros(policy.min_replace_delay);
        }
    }
    sum * SLACK
}

/// How long after the end of all faults an operator takes the denials of gates back. By then an answer that was on its
/// way has come.
pub(crate) fn takes_back() -> u64 {
    most(&GATE) + most(&ANSWER) + SECOND
}

/// What a command changes in the cluster, in words; `None` if it only asks.
pub(crate) fn changes(command: &Command) -> Option<String> {
    Some(match command {
        Command::Launch(launch) => format!("{} is launched (launch {})", launch.instance, launch.launch),
        Command::Kill { instance, launch, task, .. } => {
            format!("{instance}-{task} (launch {launch}) is told to end")
        }
        Command::Fit(fit) => format!("room is asked for {} (launch {})", fit.instance, fit.launch),
        Command::Withdraw { instance, launch } => {
            format!("room of {instance} (launch {launch}) is given back")
        }
        Command::Release(release) => format!("{} of {} is released", release.handle.0, release.instance),
        Command::Deregister => "the service is taken leave of".to_owned(),
        _ => return None,
    })
}
