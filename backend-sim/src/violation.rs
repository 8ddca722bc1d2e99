//! What can be found wrong in a run, as data.
//!
//! Invariant: a check is a name, and a violation says what was expected and what was found; what looks is elsewhere.

use std::fmt;

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// An engine recovered from the store equals the live one with its session forgotten.
    RecoverEqualsLive,
    /// What holds of an engine between two inputs does (`Engine::broken_invariants`).
    Invariant,
    /// No two launches of one task of an instance live at once, unless the older one is on a silent node, is
    /// owed, and shares no external volume.
    OneLive,
    /// The tasks of a resource set take turns, with the same exception.
    OneInSet,
    /// What is launched is what a record orders, where it says.
    LaunchOrdered,
    /// What is told to end is in the way of an order, owed, or past.
    KillWanted,
    /// What is released is owed, and nothing goes on using it.
    ReleaseOwed,
    /// Nothing lives in what is released.
    ReleasedInUse,
    /// A debt leaves the records only if it is paid or given up.
    DebtPaid,
    /// The service is taken leave of when nothing of it is left.
    NothingLeft,
    /// When nothing more will happen, what is held is what records name.
    Held,
    /// A launch that was seen ended is not given again.
    LaunchedAgain,
    /// Steps and phases keep the order that their strategies declare.
    Order,
    /// Canaries wait until they are released.
    Canary,
    /// A COMPLETE step was done: its launch attained its goal with its configuration.
    CompleteIsTrue,
    /// When nothing more will happen, the engine knows what lives.
    View,
    /// When nothing more will happen, what is not done has a reason that someone else can clear.
    Stuck,
    /// A run ends within its bounds.
    Bounded,
    /// The store takes what the newest engine writes, and nothing of those before it.
    Fenced,
    /// Once all faults ended, the service becomes what it should be within a bound.
    Converges,
    /// Once it is what it should be, nothing is done any more.
    Stable,
    /// A run ends as the one without faults does.
    SameEnd,
    /// No task is launched more often than faults and operators account for.
    Launches,
    /// A request is carried out once.
    Once,
    /// What an operator was told is done is so.
    Obeyed,
    /// What a record says attained its goal did.
    ReachedIsTrue,
    /// Who is down for too long may move, as long as it is, and one after the other.
    Patience,
    /// Those who leave go in their order, one after the other.
    Leaving,
    /// At most one run makes the service what its target says.
    OneRun,
    /// An end that was asked for is no failure.
    Expected,
    /// A launch uses room as long as it is granted.
    Granted,
    /// An instance goes where its placement lets it.
    Placement,
    /// Who waits for room has asked for it, and there is none.
    Room,
    /// Recovery brings back what was good, and all of a group.
    Recovered,
    /// What lives is in a record, or owed.
    Known,
    /// Who is broken goes first, and waits for no canary.
    BrokenFirst,
    /// A wake that the engine did not ask for gives it nothing to do.
    Woken,
    /// A step takes down no more members than its phase and its plan say.
    MaxUnavailable,
    /// A step acts when its gates allow it; a gate that does not answer is asked again.
    Gate,
    /// A step that nothing keeps waiting has begun.
    TakenUp,
    /// What is told to end was launched by this service.
    OnlyOurs,
    /// An engine that knows of another in its place does nothing.
    Superseded,
}

/// Something that must hold did not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which check found it.
    pub check: Check,
    /// When, in microseconds since the run's start.
    pub time: u64,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, time, expected, found } = self;
        let time = plan_core::engine::Time::from_micros(*time);
        write!(f, "violation of {check:?} at t={time}\n  expected: {expected}\n  found:    {found}")
    }
}
