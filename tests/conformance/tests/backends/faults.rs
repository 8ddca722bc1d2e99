//! Faults of a backend: each breaks one promise, and the suite has to find it. A suite that finds none proves nothing.

use std::collections::BTreeSet;

use backend_sim::Said;
use plan_core::engine::{
    Command, CommandOutcome, End, FitAnswer, Found, Grant, LaunchAnswer, Number, ReleaseAnswer, Ruling, Seen,
};
use plan_core::spec::Seconds;

/// What is remembered of what was commanded and said, for faults of the second time.
#[derive(Debug, Default)]
pub(crate) struct Given {
    fits: BTreeSet<Number>,
    launches: BTreeSet<Number>,
    grant: Option<Grant>,
}

macro_rules! faults {
    ($($fault:ident: $scenario:literal;)+) => {
        /// A fault, named for what is wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($fault,)+
        }

        /// All faults, with the scenario that has to find each.
        pub(crate) const FAULTS: &[(Fault, &str)] = &[$((Fault::$fault, $scenario),)+];
    };
}

faults! {
    RoomIsGrantedTwice: "room is held";
    PortsAreShared: "a port has one holder";
    WithdrawalsAreLost: "a question stands open";
    WithdrawalsEndTasks: "withdrawing touches nothing";
    AskedAgainIsAnother: "asked again is asked once";
    PlacesMove: "a place keeps its handle";
    PlacesStay: "another place has another handle";
    PortsAreForgotten: "ports are granted";
    ReleasesAreLost: "a release frees";
    TheUsedIsReleased: "what is in use is not released";
    SerialsDoNotGrow: "a launch runs";
    LaunchesAgainAreRefused: "given again while it lives";
    TasksFallTogether: "two tasks of one launch";
    AllIsReady: "readiness";
    BatchesAreReversed: "commands in their order";
    FailuresAreHidden: "a task fails";
    KillsAreLost: "a kill ends";
    TheEndedAreStarted: "nothing by itself";
    EndsAreToldOnce: "an end is told until its receipt";
    ReceiptsAreLost: "an end with its receipt is told no more";
    TheLivingAreAbsent: "a snapshot answers";
    SnapshotsAreOfTheFuture: "a snapshot is of its time";
    OthersAreNotListed: "a snapshot lists the rest";
    PlacesAreForgotten: "places outlive the backend";
    QuestionsAreLost: "a question is answered";
    AllIsAllowed: "a question of another launch";
    WordsAreLost: "a failure has words";
    TheUnknownIsNotTold: "killing what is unknown";
    AddressesAreForgotten: "a task has an address";
    UnknownCommandsAreIgnored: "a command that is not known";
    TheSilentAreEnded: "a silent node";
    TheGoneAreSilent: "a node that is gone";
}

impl Fault {
    /// What becomes of a command.
    pub(crate) fn command(self, given: &mut Given, mut command: Command) -> Vec<Command> {
        match (self, &mut command) {
            (Self::WithdrawalsAreLost, Command::Withdraw { .. })
            | (Self::KillsAreLost, Command::Kill { .. })
            | (Self::QuestionsAreLost, Command::Ask(_))
            | (Self::UnknownCommandsAreIgnored, Command::Unknown) => return Vec::new(),
            (Self::WithdrawalsEndTasks, Command::Withdraw { instance, launch }) => {
                let Ok(task) = "t".parse() else { return vec![command] };
                let (instance, launch) = (instance.clone(), *launch);
                return vec![Command::Kill { instance, launch, task, grace: Seconds(0) }, command];
            }
            (Self::TasksFallTogether, Command::Kill { instance, launch, grace, .. }) => {
                let Ok(task) = "u".parse() else { return vec![command] };
                let other =
                    Command::Kill { instance: instance.clone(), launch: *launch, task, grace: *grace };
                return vec![command, other];
            }
            (Self::PlacesMove, Command::Fit(fit)) => fit.at = None,
            (Self::PlacesStay, Command::Fit(fit)) => fit.at = fit.from.take(),
            (Self::AskedAgainIsAnother, Command::Fit(fit)) if !given.fits.insert(fit.launch) => {
                let (instance, launch) = (fit.instance.clone(), fit.launch);
                return vec![Command::Withdraw { instance, launch }, command];
            }
            _ => {}
        }
        vec![command]
    }

    /// What becomes of something that is said.
    pub(crate) fn said(self, given: &mut Given, mut said: Said) -> Vec<Said> {
        match (self, &mut said) {
            (Self::ReleasesAreLost, Said::Outcome(CommandOutcome::Release { .. })) => return Vec::new(),
            (Self::TheUsedIsReleased, Said::Outcome(CommandOutcome::Release { answer, .. })) => {
                *answer = ReleaseAnswer::Done;
            }
            (
                Self::PortsAreForgotten,
                Said::Outcome(CommandOutcome::Fit { answer: FitAnswer::Fitted(grant), .. }),
            ) => {
                grant.ports.clear();
            }
            (
                Self::PortsAreShared,
                Said::Outcome(CommandOutcome::Fit { answer: FitAnswer::Fitted(grant), .. }),
            ) => {
                grant.ports.iter_mut().for_each(|(_, number)| *number = 31_000);
            }
            (Self::RoomIsGrantedTwice, Said::Outcome(CommandOutcome::Fit { answer, .. })) => match answer {
                FitAnswer::Fitted(grant) => given.grant = Some(grant.clone()),
                _ => *answer = given.grant.clone().map_or(answer.clone(), FitAnswer::Fitted),
            },
            (Self::LaunchesAgainAreRefused, Said::Outcome(CommandOutcome::Launch { launch, answer, .. }))
                if !given.launches.insert(*launch) =>
            {
                *answer = LaunchAnswer::Retry("it was launched before".into());
            }
            (Self::AllIsAllowed, Said::Outcome(CommandOutcome::Ask { answer, .. })) => {
                answer.ruling = Ruling::Allow;
            }
            (Self::WordsAreLost, Said::Observed(of)) => of.seen.words = None,
            (Self::AddressesAreForgotten, Said::Observed(of)) => of.seen.address = None,
            (Self::TheUnknownIsNotTold, Said::Observed(of)) if of.seen.seen == Seen::Ended(End::Lost) => {
                return Vec::new();
            }
            (Self::SerialsDoNotGrow, Said::Observed(of)) => of.serial = 1,
            (Self::AllIsReady, Said::Observed(of)) if of.seen.seen == (Seen::Running { ready: false }) => {
                of.seen = Seen::Running { ready: true }.into();
            }
            (Self::FailuresAreHidden, Said::Observed(of)) if of.seen.seen == Seen::Ended(End::Failed) => {
                of.seen = Seen::Ended(End::Finished).into();
            }
            (Self::TheEndedAreStarted, Said::Observed(of)) if matches!(of.seen.seen, Seen::Ended(_)) => {
                let mut again = of.clone();
                (again.serial, again.seen) = (of.serial + 1, Seen::Starting.into());
                return vec![said, Said::Observed(again)];
            }
            (Self::TheSilentAreEnded, Said::Observed(of)) if of.seen.seen == Seen::Unreachable => {
                let mut end = of.clone();
                (end.serial, end.seen) = (of.serial + 1, Seen::Ended(End::Lost).into());
                return vec![said, Said::Observed(end)];
            }
            (Self::TheGoneAreSilent, Said::Observed(of)) if of.seen.seen == Seen::Ended(End::Gone) => {
                of.seen = Seen::Unreachable.into();
            }
            (Self::TheLivingAreAbsent, Said::Snapshot(snapshot)) => {
                snapshot.found.iter_mut().for_each(|(_, found)| *found = Found::Absent);
            }
            (Self::SnapshotsAreOfTheFuture, Said::Snapshot(snapshot)) => snapshot.as_of += 1,
            (Self::OthersAreNotListed, Said::Snapshot(snapshot)) => snapshot.found.truncate(1),
            _ => {}
        }
        vec![said]
    }
}
