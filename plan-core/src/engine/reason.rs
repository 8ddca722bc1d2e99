//! Why a step, or an instance, does not act.
//!
//! Invariant: a reason is a value. The same value reaches the API, the command line and the simulator.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::Canary;
use crate::spec::{InstanceName, NodeName, PhaseName, PlanName, TaskName};

use super::ask::Ruling;
use super::record::Number;
use super::time::Time;
use super::words::Words;

/// What a rule says about whether something may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may act.
    Allow,
    /// It may not act now. Others may.
    Defer(Reason),
    /// It may not act until an operator changes something.
    Deny(Reason),
}

impl Verdict {
    /// The reason, if it may not act.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Allow => None,
            Self::Defer(reason) | Self::Deny(reason) => Some(reason),
        }
    }
}

/// What a step or an instance waits for. [`Why::remedies`] says what clears the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The plan of the step is interrupted.
    PlanInterrupted,
    /// The phase of the step is interrupted.
    PhaseInterrupted,
    /// Another phase must be complete first.
    PhaseFirst(PhaseName),
    /// A canary waits to be released.
    Canary(Canary),
    /// Another step must be complete first.
    StepFirst(String),
    /// The instance was not seen since this session began.
    NotSeen,
    /// The instance has no place yet, and another of its orders asks for a place.
    PlaceAsked,
    /// The task's resource set is in use.
    SlotBusy {
        /// The task that is in the set, or is about to be launched in it.
        task: TaskName,
    },
    /// The task failed, and is tried again at this time.
    Backoff {
        /// The task.
        task: TaskName,
        /// How often in a row the task failed.
        failures: u32,
        /// When the task is tried again.
        until: Time,
    },
    /// The backend refused the task for good.
    Never {
        /// The task.
        task: TaskName,
        /// The backend's words.
        why: Words,
    },
    /// Room is asked for, and there is none.
    NoRoom(Words),
    /// Room is asked for, and the backend has not answered yet.
    AskedForRoom,
    /// A task that is displaced has not ended yet.
    Displacing(TaskName),
    /// The task is launched, and the backend has not reported it yet.
    Launching(TaskName),
    /// The task runs, but its readiness check has not passed, or it has not finished.
    NotThereYet(TaskName),
    /// Nothing is heard of the task's node.
    Silent {
        /// The task.
        task: TaskName,
        /// Since when.
        since: Time,
    },
    /// The task ended before it ever reached its goal, so only its step brings it back.
    WaitsForItsStep(TaskName),
    /// An operator paused the task.
    Paused(TaskName),
    /// The instance left the target once, and what it left behind is not settled yet.
    Owes {
        /// The debt.
        debt: Number,
        /// The node of the debt.
        node: NodeName,
    },
    /// The instance does not belong to the target, and others leave first.
    Leaves,
    /// The instance has been down for too long. Other such instances move first, as the replacement failure policy
    /// says.
    ReplacedLately {
        /// When the instance may move, if it waits for time alone.
        until: Option<Time>,
    },
    /// The granted node does not fit the placement rule any more, as other instances came first.
    Placement(String),
    /// As many members are down, or are about to be, as `max-unavailable` allows.
    Budget {
        /// How many members may be down.
        most: u32,
        /// The first of the members that are down.
        members: Vec<InstanceName>,
    },
    /// A gate of the step has not allowed the step to act.
    Gate {
        /// The task beside which the gate is asked.
        task: TaskName,
        /// The last answer; `None` if the gate has not answered yet.
        ruling: Option<Ruling>,
        /// The answer in words.
        words: Option<Words>,
        /// When the gate is asked again, if time alone clears this.
        until: Option<Time>,
    },
    /// Another scheduler has taken over.
    Superseded,
    /// The step that the order serves does not want it any more.
    NotWanted,
}

impl Reason {
    /// When the reason ends by itself, if time clears it. The text of a reason contains no time, as every reader shows
    /// times by a clock of its own.
    pub fn until(&self) -> Option<Time> {
        match self {
            Self::Backoff { until, .. } => Some(*until),
            Self::ReplacedLately { until } | Self::Gate { until, .. } => *until,
            _ => None,
        }
    }

    /// Since when the reason holds, if the reason itself has that time.
    pub fn since(&self) -> Option<Time> {
        match self {
            Self::Silent { since, .. } => Some(*since),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlanInterrupted => f.write_str("the plan is interrupted"),
            Self::PhaseInterrupted => f.write_str("the phase is interrupted"),
            Self::PhaseFirst(phase) => write!(f, "phase `{phase}` comes first"),
            Self::Canary(canary) => {
                write!(f, "canary {} of {} waits to be released", canary.released + 1, canary.steps.len())
            }
            Self::StepFirst(step) => write!(f, "step `{step}` comes first"),
            Self::NotSeen => f.write_str("not seen since this scheduler began: the backend is asked"),
            Self::PlaceAsked => f.write_str("another order of this instance asks for its place"),
            Self::SlotBusy { task } => write!(f, "its resources are used by `{task}`"),
            Self::Backoff { task, failures, .. } => {
                write!(f, "`{task}` failed {failures} times in a row: it waits before it is tried again")
            }
            Self::Never { task, why } => write!(f, "`{task}` was refused for good: {why}"),
            Self::NoRoom(why) => write!(f, "no room: {why}"),
            Self::AskedForRoom => f.write_str("room is asked for"),
            Self::Displacing(task) => write!(f, "`{task}` is being ended to make room"),
            Self::Launching(task) => write!(f, "`{task}` is being launched"),
            Self::NotThereYet(task) => write!(f, "`{task}` runs and has not reached its goal"),
            Self::Silent { task, .. } => write!(f, "nothing is heard of the node of `{task}`"),
            Self::WaitsForItsStep(task) => {
                write!(f, "`{task}` never reached its goal: it waits for its step, which may not act")
            }
            Self::Paused(task) => write!(f, "`{task}` is paused"),
            Self::Owes { node, .. } => write!(f, "what it left behind on {node} has not ended"),
            Self::Leaves => f.write_str("it leaves once the debts of other instances are settled"),
            Self::ReplacedLately { .. } => {
                f.write_str("it has been down for too long, and other such instances move first")
            }
            Self::Placement(why) => write!(f, "the node does not fit its placement:\n{why}"),
            Self::Budget { most, members } => {
                let noun = if *most == 1 { "member" } else { "members" };
                write!(f, "at most {most} {noun} may be down, and it waits for ")?;
                let names: Vec<String> = members.iter().map(ToString::to_string).collect();
                f.write_str(&names.join(", "))
            }
            Self::Gate { task, ruling, words, .. } => {
                match ruling {
                    None => write!(f, "its gate is asked beside `{task}`")?,
                    Some(Ruling::Allow) => write!(f, "its gate beside `{task}` allows it")?,
                    Some(Ruling::Defer) => write!(f, "its gate beside `{task}` defers")?,
                    Some(Ruling::Deny) => write!(f, "its gate beside `{task}` denies")?,
                    Some(Ruling::Inconclusive) => {
                        write!(f, "its gate beside `{task}` gives no clear answer")?
                    }
                }
                words.iter().try_for_each(|words| write!(f, ": {words}"))
            }
            Self::Superseded => f.write_str("another scheduler has taken over"),
            Self::NotWanted => f.write_str("it is not wanted any more"),
        }
    }
}

/// Why an instance is in its state: one value for each of its steps and tasks that acts or waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Why {
    /// The instance.
    pub instance: InstanceName,
    /// What of the instance acts or waits: a step's name, or `recovery`.
    pub what: String,
    /// The step, if it is about one.
    pub step: Option<StepPath>,
    /// The status of the step or of recovery.
    pub status: crate::plan::Status,
    /// The reason.
    pub reason: Reason,
    /// The backend's words: about the state of a task that starts, or about the end of a task that failed.
    pub words: Option<Words>,
    /// Since when, if that is known.
    pub since: Option<Time>,
}

/// A step, by names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPath {
    /// The name of the plan.
    pub plan: PlanName,
    /// The name of the phase.
    pub phase: PhaseName,
    /// The name of the step.
    pub step: String,
}

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {} / {}", self.plan, self.phase, self.step)
    }
}

/// Times are shown in engine time.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.what, self.status, self.reason)?;
        self.words.iter().try_for_each(|words| write!(f, ": {words}"))?;
        match (self.reason.until(), self.reason.since()) {
            (Some(until), _) => write!(f, ", until {until}"),
            (None, Some(since)) => write!(f, ", since {since}"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;
    use crate::engine::Remedy;

    /// An example of each reason, and what clears it. The match is exhaustive: a new reason does not compile until it
    /// has a line in the book.
    macro_rules! reasons {
        ($($variant:ident, $example:expr, $source:literal;)+) => {
            fn rows() -> Vec<(Reason, &'static str)> {
                vec![$(($example, $source)),+]
            }

            fn name(reason: &Reason) -> &'static str {
                match reason {
                    $(Reason::$variant { .. } => stringify!($variant)),+
                }
            }

            const NAMES: &[&str] = &[$(stringify!($variant)),+];
        };
    }

    fn task() -> TaskName {
        TaskName::new("broker").unwrap()
    }

    fn gate() -> Reason {
        let (ruling, words) = (Some(Ruling::Defer), Words::some("2 partitions are not in sync"));
        Reason::Gate { task: task(), ruling, words, until: Some(Time::from_micros(80_000_000)) }
    }

    reasons! {
        PlanInterrupted, Reason::PlanInterrupted, "an operator";
        PhaseInterrupted, Reason::PhaseInterrupted, "an operator";
        Canary, Reason::Canary(Canary { steps: vec![0, 1], released: 0 }), "an operator";
        PhaseFirst, Reason::PhaseFirst(PhaseName::new("format").unwrap()), "the plan";
        StepFirst, Reason::StepFirst("kafka-0:[broker]".to_owned()), "the plan";
        SlotBusy, Reason::SlotBusy { task: task() }, "another plan, or recovery";
        WaitsForItsStep, Reason::WaitsForItsStep(task()), "the plan";
        Paused, Reason::Paused(task()), "an operator";
        Backoff, Reason::Backoff { task: task(), failures: 3, until: Time::from_micros(80_000_000) }, "time";
        Never, Reason::Never { task: task(), why: "memory: above the limit".into() }, "an operator, or another file";
        AskedForRoom, Reason::AskedForRoom, "the cluster";
        NoRoom, Reason::NoRoom("node-0: needs 2048 MB of memory, 512 are free".into()), "the cluster";
        Placement, Reason::Placement("no: hostname `node-0` has 1 of at most 1".to_owned()), "the cluster";
        PlaceAsked, Reason::PlaceAsked, "the cluster";
        Displacing, Reason::Displacing(task()), "the cluster";
        Launching, Reason::Launching(task()), "the cluster";
        NotThereYet, Reason::NotThereYet(task()), "the task";
        Silent, Reason::Silent { task: task(), since: Time::from_micros(40_000_000) }, "the node, the policy, or an operator";
        NotSeen, Reason::NotSeen, "the cluster";
        Owes, Reason::Owes { debt: 7, node: NodeName::new("node-1").unwrap() }, "the cluster, or an operator";
        Leaves, Reason::Leaves, "other instances that leave";
        ReplacedLately, Reason::ReplacedLately { until: None }, "other instances, time, or an operator";
        Budget, Reason::Budget { most: 1, members: vec!["kafka-2".parse().unwrap()] }, "another member, another file, or an operator";
        Gate, gate(), "the command, or an operator";
        NotWanted, Reason::NotWanted, "nowhere: it is the reason for a withdrawn order";
        Superseded, Reason::Superseded, "nowhere: ask the other scheduler";
    }

    /// `UPDATE_BOOK=1 cargo test -p plan-core --lib reason` writes the table of the book's chapter anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test reads and writes a page of the book")]
    fn the_book_has_every_reason() {
        let names: Vec<_> = rows().iter().map(|(reason, _)| name(reason)).collect();
        assert_eq!(names, NAMES, "each example is of its reason");
        let mut table =
            "| it says | what clears it | where that comes from |\n| --- | --- | --- |\n".to_owned();
        for (reason, source) in rows() {
            let told = reason.to_string().replace('\n', " ");
            let step = StepPath {
                plan: PlanName::new(PlanName::DEPLOY).unwrap(),
                phase: PhaseName::new("kafka").unwrap(),
                step: "kafka-0:[broker]".to_owned(),
            };
            let why = Why {
                instance: "kafka-0".parse().unwrap(),
                what: step.to_string(),
                step: Some(step),
                status: crate::plan::Status::Pending,
                reason,
                words: None,
                since: None,
            };
            let clears = Remedy::any_of(&why.remedies(), ToString::to_string);
            writeln!(table, "| {told} | {clears} | {source} |").unwrap();
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/why.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (begin, end) = ("<!-- reasons -->\n", "<!-- end of reasons -->\n");
        let (before, rest) = page.split_once(begin).unwrap();
        let (_, after) = rest.split_once(end).unwrap();
        let renewed = format!("{before}{begin}\n{table}\n{end}{after}");
        if std::env::var_os("UPDATE_BOOK").is_some() {
            std::fs::write(&path, &renewed).unwrap();
        }
        assert!(
            std::fs::read_to_string(&path).unwrap() == renewed,
            "the table is not what the engine says\nUPDATE_BOOK=1 cargo test -p plan-core --lib reason   writes it anew"
        );
    }
}
