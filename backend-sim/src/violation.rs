//! What can be found wrong in a run, as data.
//!
//! Invariant: a check is a name, and a violation says what was expected and what was found. The code of the checks is
//! elsewhere.

use std::fmt;

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckName {
    /// An engine recovered from the store equals the live one with its session forgotten.
    RecoverEqualsLive,
    /// The engine's own invariants hold between two inputs (`Engine::broken_invariants`).
    Invariant,
    /// No two launches of one task of an instance are alive at the same time, unless the older one is on a silent node,
    /// is a debt, and shares no external volume.
    OneLive,
    /// The tasks of a resource set take turns, with the same exception.
    OneInSet,
    /// Each launch is one that a record orders, at the place that the record names.
    LaunchOrdered,
    /// A task is told to end only if it is in the way of an order, is a debt, or already counts as ended.
    KillWanted,
    /// A released place is a debt, and nothing goes on using it.
    ReleaseOwed,
    /// No task is alive in a released place.
    ReleasedInUse,
    /// A debt leaves the records only if it is paid or given up.
    DebtPaid,
    /// The service is deregistered only when nothing of it is left.
    NothingLeft,
    /// When nothing more will happen, the held places are those that records name.
    Held,
    /// A launch whose end was seen is not given again.
    LaunchedAgain,
    /// Steps and phases keep the order that their strategies declare.
    Order,
    /// Canaries wait until they are released.
    Canary,
    /// A COMPLETE step was done: its launch reached its goal with its configuration.
    CompleteIsTrue,
    /// When nothing more will happen, the engine knows what is alive.
    View,
    /// When nothing more will happen, whatever is not done has a reason that someone else can clear.
    Stuck,
    /// A run ends within its bounds.
    Bounded,
    /// The store accepts writes of the newest engine, and none of earlier engines.
    Fenced,
    /// Once all faults ended, the service becomes what it should be within a bound.
    Converges,
    /// Once it is what it should be, nothing is done any more.
    Stable,
    /// A run ends as the run without faults does.
    SameEnd,
    /// No task is launched more often than faults and operators account for.
    Launches,
    /// A request is carried out once.
    Once,
    /// Whatever an operator was told is done, is done.
    Obeyed,
    /// If a record says that a launch reached its goal, it did.
    ReachedIsTrue,
    /// An instance that is down for too long may move, as long as it is down, one instance after the other.
    Patience,
    /// Instances leave in their order, one after the other.
    Leaving,
    /// At most one run makes the service what its target says.
    OneRun,
    /// An end that was asked for is not a failure.
    Expected,
    /// A launch uses room only as long as the room is granted.
    Granted,
    /// An instance goes only where its placement allows it.
    Placement,
    /// An instance that waits for room has asked for it, and there is none.
    Room,
    /// Recovery brings back the last good configuration, and all tasks of a group.
    Recovered,
    /// Whatever is alive is in a record, or is a debt.
    Known,
    /// A broken member goes first, and waits for no canary.
    BrokenFirst,
    /// A wake that the engine did not ask for gives it nothing to do.
    Woken,
    /// A step takes down no more members than its phase and its plan say.
    MaxUnavailable,
    /// A step acts only when its gates allow it. A gate that does not answer is asked again.
    Gate,
    /// A step that waits for nothing has begun.
    TakenUp,
    /// A task that is told to end was launched by this service.
    OnlyOurs,
    /// An engine that knows that another one has replaced it does nothing.
    Superseded,
}

/// Something that must hold did not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// Which check found it.
    pub check: CheckName,
    /// The time, in microseconds since the run's start.
    pub time: u64,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl Violation {
    /// What a check found at a time, in microseconds since the run's start.
    pub fn new(check: CheckName, time: u64, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check, time, expected: expected.into(), found: found.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, time, expected, found } = self;
        let time = plan_core::engine::Time::from_micros(*time);
        write!(f, "violation of {check:?} at t={time}\n  expected: {expected}\n  found:    {found}")
    }
}
