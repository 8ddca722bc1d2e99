//! Wakers: events after which something may act that a rule kept waiting.
//!
//! Invariant: each is raised where the event happens. `tests/zoo/wakers.rs` shows of each rule that it needs the wakers
//! that it names, and no others.

/// An event after which a rule may allow what it kept waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Waker {
    /// The record of the instance changed (`Transition::touch`).
    Changed,
    /// Other steps of the run changed, or an operator gave a verb on the plan (`Transition::derive_step`, the verbs on
    /// plans).
    Progress,
    /// A run ended (`Transition::end_run`).
    RunEnded,
    /// The instance was seen in this session (`Transition::take_up`).
    Seen,
    /// The session has asked for all launches (`Transition::begin_live`).
    AllAsked,
    /// A debt was settled (`Transition::settle`).
    Settled,
    /// Another instance left for good (`Transition::consider_leavers`).
    Left,
    /// The time has come at which an instance that is down may move (`Transition::wake`).
    Time,
    /// A question was answered or is due to be asked again, or an operator took a denial back.
    Answered,
    /// Fewer members of the pod are down, or about to be.
    Members,
}

impl Waker {
    /// How many wakers there are.
    pub(in crate::engine) const COUNT: usize = Self::Members as usize + 1;

    /// All wakers.
    #[cfg(feature = "zoo")]
    pub(in crate::engine) const ALL: [Self; Self::COUNT] = [
        Self::Changed,
        Self::Progress,
        Self::RunEnded,
        Self::Seen,
        Self::AllAsked,
        Self::Settled,
        Self::Left,
        Self::Time,
        Self::Answered,
        Self::Members,
    ];
}
