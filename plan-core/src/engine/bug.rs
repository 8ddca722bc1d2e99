//! The faults that tests can put into the engine.
//!
//! Invariant: without the feature `zoo` there is no switch, and [`Switch::has`] is a constant false.

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
    "What changed of an instance is not written." ForgetPod "forget-pod"
    "What changed of a run is not written." ForgetRun "forget-run"
    "What changed of the service is not written." ForgetService "forget-service"
    "A debt is not written." ForgetDebt "forget-debt"
    "The counter and the clocks are not written." ForgetClock "forget-clock"
    "The digest is not brought up to date when a part of a debt is paid." StaleDigest "stale-digest"
    "What was seen of instances outlives the session." SessionKept "session-kept"
    "An instance is acted on before it was seen in this session." ActUnseen "act-unseen"
    "A request that was carried out is carried out again when it is said again." RequestTwice "request-twice"
    // What is seen.
    "Launches from before a restart, or from before a run, count." IgnoreSince "ignore-since"
    "An observation is taken though a newer one was." IgnoreSerial "ignore-serial"
    "A launch that ended lives again when it is seen to." EndNotFinal "end-not-final"
    "A launch of another installation is taken for ours." AdoptForeigner "adopt-foreigner"
    "A launch of another installation is told to end." KillForeigner "kill-foreigner"
    "A launch that is newer than all of ours means nothing." IgnoreNewer "ignore-newer"
    "An engine that knows of another in its place goes on." SupersededGoesOn "superseded-goes-on"
    "A snapshot from before a launch is believed that it is absent." OldAbsence "old-absence"
    "An absence is believed that answers no open question." UnaskedAbsence "unasked-absence"
    "What is held for ended and shows in a snapshot is left alone." ZombieSpared "zombie-spared"
    "A launch of which nobody knows whether it was done is not asked for." UnknownNotAsked "unknown-not-asked"
    // Acts.
    "What is in the way is told to end before there is room for its successor." KillFirst "kill-first"
    "A launch leaves before its way is clear." LaunchInTheWay "launch-in-the-way"
    "A grant is used whose time is over." ExpiredGrant "expired-grant"
    "Room is not given back when its order is withdrawn." WithdrawUnsaid "withdraw-unsaid"
    "The grant of an order replaces the ports of its instance's other sets."
        GrantReplacesPorts "grant-replaces-ports"
    "An end that was asked for is a failure." ExpectedEndFails "expected-end-fails"
    "Where the backend names a node is not judged." NotJudged "not-judged"
    "Who moves is counted at the place that it leaves." CountsItself "counts-itself"
    // Time.
    "A wait is not written." BackoffNotWritten "backoff-not-written"
    "A wait never ends." BackoffForever "backoff-forever"
    "No wake is asked for when a wait ends." NoWake "no-wake"
    "No wake is asked for when there is more to consider than one input may." BoundDropsWake "bound-drops-wake"
    // Moving.
    "Who is down for too long does not go elsewhere." IgnoreTimeout "ignore-timeout"
    "The time between two replacements is not kept." NoDistance "no-distance"
    "The permission to move outlives the move." PermissionKept "permission-kept"
    "What is reached is not told to end before it is launched elsewhere." MoveAlive "move-alive"
    "What is left behind by a move is not owed." NoDebtAtMove "no-debt-at-move"
    "A debt is settled before it is released." SettleEarly "settle-early"
    "What is owed is released while something lives in it." ReleaseAlive "release-alive"
    "An external volume moves while its last user is silent." SharedVolume "shared-volume"
    "Who is there again goes elsewhere all the same." NeverStays "never-stays"
    "A replacement that an operator wants is taken back when the instance is there again."
        ReplaceTakenBack "replace-taken-back"
    // Targets, plans and verbs.
    "A target leaves the run before it going on." TwoConverging "two-converging"
    "A target drops orders whose way is being cleared." ClearingDropped "clearing-dropped"
    "A step does not look at the configuration that it wants." AnyConf "any-conf"
    "The step of a broken member waits as all do." RevertWaits "revert-waits"
    "Canaries are not held." CanaryNotHeld "canary-not-held"
    "An interruption is answered, and nothing is interrupted." InterruptIgnored "interrupt-ignored"
    "A restart of a pod does nothing." RestartUnmarked "restart-unmarked"
    "What an operator paused is brought back running." PauseForgotten "pause-forgotten"
    "A paused task has attained its goal." PausedReached "paused-reached"
    // Budgets and gates.
    "Nobody waits for members that are down." BudgetIgnored "budget-ignored"
    "How many members are down is not asked again right before an act." BudgetNotAskedAgain "budget-not-asked-again"
    "Who waits for members that are down is not taken up when one is back." BudgetNeverWakes "budget-never-wakes"
    "A gate that denies allows." GateDenyIgnored "gate-deny-ignored"
    "What allows never becomes too old." GateOldAnswer "gate-old-answer"
    "What allows is believed of a launch that it is not about." GateOtherLaunch "gate-other-launch"
    "A gate is not asked again when its answer is overdue, or deferred the act." GateOverdueForgotten "gate-overdue-forgotten"
    // Recovery.
    "The others of a group are left alone when an essential task is brought back." GroupIgnored "group-ignored"
    "Recovery launches what the target wants, not what was good." RecoverTarget "recover-target"
    // Leaving.
    "Of those who leave the lowest goes first." LowestLeaves "lowest-leaves"
    "All who leave go at once." AllLeaveAtOnce "all-leave-at-once"
    "Who leaves owes nothing." LeaverForgotten "leaver-forgotten"
    "Who comes back does not wait until what it had has ended." OwedComesBack "owed-comes-back"
    "The service is taken leave of while something is owed." EarlyFarewell "early-farewell"
}

/// The fault that is in an engine. It does not count when engines are compared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Switch {
    #[cfg(feature = "zoo")]
    on: Option<Bug>,
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
        Self { on: Some(bug) }
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
