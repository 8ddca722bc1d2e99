//! The faults that tests can put into the engine.
//!
//! Invariant: without the feature `zoo` there is no switch, and [`Switch::has`] is a constant false.

use super::waker::Waker;

/// Lists each fault once: what is wrong, the variant, the name.
macro_rules! bugs {
    ($($wrong:literal $bug:ident $name:literal)*) => {
        /// A fault that can be put into the engine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(not(feature = "zoo"), expect(unreachable_pub, reason = "it is public with the feature"))]
        pub enum Bug { $(#[doc = $wrong] $bug,)* }

        #[cfg(feature = "zoo")]
        impl Bug {
            /// All faults.
            pub const ALL: &'static [Self] = &[$(Self::$bug),*];

            /// The fault's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)* }
            }

            /// What is wrong.
            pub fn wrong(self) -> &'static str {
                match self { $(Self::$bug => $wrong,)* }
            }
        }
    };
}

bugs! {
    // Records and sessions.
    "The changed record of an instance is not written." ForgetPod "forget-pod"
    "The changed record of a run is not written." ForgetRun "forget-run"
    "The changed record of the service is not written." ForgetService "forget-service"
    "A debt is not written." ForgetDebt "forget-debt"
    "The counter and the clocks are not written." ForgetClock "forget-clock"
    "The digest is not updated when a launch of a debt has ended." StaleDigest "stale-digest"
    "Observations of instances outlive the session." SessionKept "session-kept"
    "An instance is acted on before it was seen in this session." ActUnseen "act-unseen"
    "A repeated request is carried out again." RequestTwice "request-twice"
    // What is seen.
    "Launches from before a restart, or from before a run, count." IgnoreSince "ignore-since"
    "An observation is taken though a newer one was taken before." IgnoreSerial "ignore-serial"
    "A launch that ended counts as living again when it is seen to live." EndNotFinal "end-not-final"
    "A launch of another installation is taken for one of this installation." AdoptForeigner "adopt-foreigner"
    "A launch of another installation is told to end." KillForeigner "kill-foreigner"
    "A launch that is newer than all known ones is ignored." IgnoreNewer "ignore-newer"
    "An engine goes on though it knows that another scheduler has taken over." SupersededGoesOn "superseded-goes-on"
    "A snapshot from before a launch counts as showing that the launch is absent." OldAbsence "old-absence"
    "An absence that answers no open question counts." UnaskedAbsence "unasked-absence"
    "A task that was seen to end and shows in a snapshot is left alone." ZombieSpared "zombie-spared"
    "An instance is not taken up when its launch is refused before it was seen." RefusedUnseen "refused-unseen"
    "The state of a launch is not asked for if the backend does not know whether it was carried out." UnknownNotAsked "unknown-not-asked"
    // Acts.
    "A task in the way is told to end before there is room for its successor." KillFirst "kill-first"
    "A launch is commanded before its way is clear." LaunchInTheWay "launch-in-the-way"
    "An expired grant is used." ExpiredGrant "expired-grant"
    "Room is not given back when its order is withdrawn." WithdrawUnsaid "withdraw-unsaid"
    "The grant of an order replaces the ports of its instance's other sets."
        GrantReplacesPorts "grant-replaces-ports"
    "An end that was asked for is a failure." ExpectedEndFails "expected-end-fails"
    "A task that comes back to no place asks for the room that the target's tasks need."
        FootprintOfTarget "footprint-of-target"
    "The node of a grant is not judged." NotJudged "not-judged"
    "An instance that moves is counted at the place that it leaves." CountsItself "counts-itself"
    // Time.
    "A wait is not written." BackoffNotWritten "backoff-not-written"
    "A wait never ends." BackoffForever "backoff-forever"
    "No wake is asked for when a wait ends." NoWake "no-wake"
    "No wake is asked for when one input cannot consider the whole agenda." BoundDropsWake "bound-drops-wake"
    // Moving.
    "An instance that is down for too long does not move." IgnoreTimeout "ignore-timeout"
    "The least time between two replacements is ignored." NoDistance "no-distance"
    "A relocation outlives the move." RelocationKept "relocation-kept"
    "A task that is heard of is not told to end before its instance moves." MoveAlive "move-alive"
    "A move leaves no debt." NoDebtAtMove "no-debt-at-move"
    "A debt is settled before its resources are released." SettleEarly "settle-early"
    "The resources of a debt are released while a task lives in them." ReleaseAlive "release-alive"
    "An external volume moves while its last user is silent." SharedVolume "shared-volume"
    "An instance that is up again moves all the same." NeverStays "never-stays"
    "A replacement that an operator wants is taken back when the instance is up again."
        ReplaceTakenBack "replace-taken-back"
    // Targets, plans and verbs.
    "The run of the target before goes on under a new target." TwoConverging "two-converging"
    "A target drops orders whose way is being cleared." ClearingDropped "clearing-dropped"
    "A step accepts a launch with any configuration." AnyConf "any-conf"
    "The step of a broken member waits for its turn." RevertWaits "revert-waits"
    "Canaries are not held." CanaryNotHeld "canary-not-held"
    "An interruption gets a reply, but nothing is interrupted." InterruptIgnored "interrupt-ignored"
    "A restart of a pod does nothing." RestartUnmarked "restart-unmarked"
    "A paused task is brought back running." PauseForgotten "pause-forgotten"
    "A paused task counts as having reached its goal." PausedReached "paused-reached"
    // Budgets and gates.
    "No step waits for members that are down." BudgetIgnored "budget-ignored"
    "The rule about members that are down is not asked again right before an act." BudgetNotAskedAgain "budget-not-asked-again"
    "A step that waits for members that are down is not considered when one is up again." BudgetNeverWakes "budget-never-wakes"
    "A gate that denies counts as one that allows." GateDenyIgnored "gate-deny-ignored"
    "An answer that allows never becomes too old." GateOldAnswer "gate-old-answer"
    "An answer that allows counts for launches that it is not about." GateOtherLaunch "gate-other-launch"
    "A gate is not asked again when its answer is overdue, or deferred the act." GateOverdueForgotten "gate-overdue-forgotten"
    // Recovery.
    "The other tasks of an instance are left alone when an essential task is brought back." GroupIgnored "group-ignored"
    "Recovery launches the target's configuration, not the last known good one." RecoverTarget "recover-target"
    // Leaving.
    "Of the instances that leave, the lowest index goes first." LowestLeaves "lowest-leaves"
    "All instances that leave go at once." AllLeaveAtOnce "all-leave-at-once"
    "An instance that leaves leaves no debt behind." LeaverForgotten "leaver-forgotten"
    "The place of a launch that was refused is forgotten, and not released." RefusedKept "refused-kept"
    "An instance that comes back does not wait for its old debts." OwedComesBack "owed-comes-back"
    "The service is deregistered while there are debts." EarlyFarewell "early-farewell"
}

/// The fault that is in an engine. It does not count when engines are compared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Switch {
    #[cfg(feature = "zoo")]
    on: Option<Bug>,
    /// The event that wakes nobody.
    #[cfg(feature = "zoo")]
    deaf_to: Option<Waker>,
}

impl PartialEq for Switch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Switch {
    /// The switch for this fault.
    #[cfg(feature = "zoo")]
    pub(super) fn on(bug: Bug) -> Self {
        Self { on: Some(bug), deaf_to: None }
    }

    /// The switch for an engine in which this event wakes nobody.
    #[cfg(feature = "zoo")]
    pub(super) fn deaf_to(waker: Waker) -> Self {
        Self { on: None, deaf_to: Some(waker) }
    }

    /// Whether this event wakes nobody.
    #[cfg(feature = "zoo")]
    pub(super) fn is_deaf_to(self, waker: Waker) -> bool {
        self.deaf_to == Some(waker)
    }

    /// Without the feature every event wakes somebody.
    #[cfg(not(feature = "zoo"))]
    #[inline(always)]
    pub(super) const fn is_deaf_to(self, _: Waker) -> bool {
        false
    }

    /// Whether the engine has this fault.
    #[cfg(feature = "zoo")]
    pub(super) fn has(self, bug: Bug) -> bool {
        self.on == Some(bug)
    }

    /// Without the feature no engine has a fault.
    #[cfg(not(feature = "zoo"))]
    #[inline(always)]
    pub(super) const fn has(self, _: Bug) -> bool {
        false
    }
}

#[cfg(feature = "zoo")]
impl std::fmt::Display for Bug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
