//! The backend: carries out commands on the cluster, and reports what it sees there.
//!
//! Invariant: a launch number is carried out at most once. An end is told until the engine's records have it. A task's
//! end frees nothing. A question for room stays open until it is answered with room or withdrawn. A place is held until
//! it is released or its node is gone.
//!
//! `room` answers questions for room, `launches` starts and ends tasks, `releases` gives places back, `gates` answers
//! gates. `seen` tells observations as they happen, and `snapshot` answers questions of the engine. `sessions` ends and
//! begins sessions.

mod gates;
mod launches;
mod releases;
mod room;
mod seen;
mod sessions;
mod snapshot;

use std::collections::BTreeMap;

use plan_core::engine::{Command, CommandOutcome, InstallationId, Number, Release};
use plan_room::{Book, Questions};

use crate::cluster::{Cluster, Shape};
use crate::fault::{GateFault, LaunchFault};
use crate::latency::{ANSWER, take};
use crate::moment::micros;
use crate::runtime::{Happening, Runtime};

use gates::Gates;

pub(crate) use launches::{go_on, is_unknown};
#[cfg(test)]
pub(crate) use room::BookFault;

/// A command that this simulator does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the simulator does not know the command {0}")]
pub struct UnknownCommand(String);

/// The backend of a cluster.
#[derive(Clone)]
pub(crate) struct Backend {
    installation: InstallationId,
    /// The places that are held.
    book: Book<()>,
    questions: Questions,
    /// Counts what the backend does.
    count: u64,
    serial: u64,
    /// How many launches of each instance were given.
    launches: BTreeMap<u32, u32>,
    /// When the last answer about each instance arrives.
    answered: BTreeMap<u32, u64>,
    faults: Vec<(u32, u32, LaunchFault)>,
    gates: Gates,
    /// Releases on silent nodes, with their sessions.
    releases: Vec<(u32, Release)>,
    /// Whether old states are kept, for faults that show them.
    pub(crate) remembers: bool,
    /// When launches were commanded, if old states are kept.
    commanded: Vec<(u64, Number)>,
    /// The time of the old state that the backend shows.
    pub(crate) shows: Option<u64>,
    /// For how long granted room may be used.
    grants: Option<u64>,
    /// The numbers of the answers about living launches that are told once more, a little later.
    pub(crate) echoes: Vec<u32>,
    /// How many such answers there were.
    reconciles: u32,
    /// No observation of these instances is told.
    pub(crate) skipped: BTreeMap<u32, u64>,
    #[cfg(test)]
    book_fault: Option<BookFault>,
}

impl Backend {
    pub(crate) fn new(
        installation: InstallationId,
        cluster: &Cluster,
        shape: &Shape,
        faults: Vec<(u32, u32, LaunchFault)>,
    ) -> Self {
        Self {
            installation,
            book: room::book(cluster, shape.judges),
            questions: Questions::default(),
            count: 0,
            serial: 0,
            launches: BTreeMap::new(),
            answered: BTreeMap::new(),
            faults,
            gates: Gates::default(),
            releases: Vec::new(),
            remembers: false,
            commanded: Vec::new(),
            shows: None,
            grants: shape.grants.map(micros),
            echoes: Vec::new(),
            reconciles: 0,
            skipped: BTreeMap::new(),
            #[cfg(test)]
            book_fault: None,
        }
    }

    pub(crate) fn execute(
        &mut self,
        cluster: &mut Cluster,
        runtime: &mut Runtime<'_>,
        command: Command,
    ) -> Result<(), UnknownCommand> {
        self.count += 1;
        match command {
            Command::Fit(fit) => self.fit(cluster, runtime, fit),
            Command::Withdraw { instance, launch } => self.withdraw(&instance, launch),
            Command::Launch(launch) => self.launch(cluster, runtime, &launch),
            Command::Kill { instance, launch, task, grace } => {
                self.kill(cluster, runtime, &instance, launch, &task, grace);
            }
            Command::Reconcile { number, expected } => self.reconcile(cluster, runtime, number, &expected),
            Command::Release(release) => self.release(cluster, runtime, *release),
            Command::Ask(ask) => self.ask(cluster, runtime, ask),
            Command::Deregister => {
                // Room that was granted and never used goes with the service.
                self.book.forget_grants(&(), u64::MAX);
                let at = runtime.now() + take(&mut runtime.choose, "deregister", 0, &ANSWER);
                let (session, outcome) = (runtime.session, Box::new(CommandOutcome::Deregistered));
                runtime.answer_at(at, Happening::Answer { session, outcome });
            }
            other => return Err(UnknownCommand(format!("{other:?}"))),
        }
        self.look_if_freed(cluster, runtime);
        Ok(())
    }

    /// Ends the faults of launches and gates.
    pub(crate) fn end_faults(&mut self) {
        self.faults.clear();
        self.gates.heal();
    }

    /// From now on, until a time, the gates of an instance, or of all instances of a pod, give this answer.
    pub(crate) fn befall_gates(&mut self, who: &str, until: Option<u64>, answer: GateFault) {
        self.gates.befall(who, until, answer);
    }

    /// Answers about one instance arrive in the order in which they were given, since each replaces the one before.
    fn answer(&mut self, runtime: &mut Runtime<'_>, instance: u32, outcome: CommandOutcome) {
        let delay = take(&mut runtime.choose, "answer", u64::from(instance), &ANSWER);
        let last = self.answered.entry(instance).or_default();
        let at = (runtime.now() + delay).max(*last);
        *last = at;
        let session = runtime.session;
        runtime.answer_at(at, Happening::Answer { session, outcome: Box::new(outcome) });
    }
}
