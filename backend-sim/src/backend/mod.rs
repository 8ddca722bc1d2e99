//! The backend: carries out commands on the cluster, and says what it sees of it.
//!
//! Invariant: a launch number is carried out at most once; an end is told until the engine's records hold
//! it; a task's end frees nothing; a question for room stands until it is answered with room or given back; a
//! place is held until it is released or its node is gone.
//!
//! `room` answers questions for room, `launches` starts and ends tasks, `releases` gives back, `gates` answers what is
//! asked beside tasks; `seen` is what is told of tasks as it happens, `snapshot` what is told when it is asked for;
//! `sessions` end and begin.

mod gates;
mod launches;
mod releases;
mod room;
mod seen;
mod sessions;
mod snapshot;

use std::collections::BTreeMap;

use plan_core::engine::{Command, InstallationId, Number, Outcome, Release};
use plan_room::{Book, Questions};

use crate::cluster::{Cluster, Shape};
use crate::fault::{GateFault, LaunchFault};
use crate::latency::{ANSWER, take};
use crate::moment::micros;
use crate::world::{Happening, World};

use gates::Gates;

pub(crate) use launches::{go_on, is_unknown};

/// The backend of a cluster.
#[derive(Clone)]
pub(crate) struct Backend {
    installation: InstallationId,
    /// What is held, and for whom.
    book: Book<()>,
    questions: Questions,
    /// Counts what the backend does.
    count: u64,
    serial: u64,
    /// Of each instance, how many launches were told.
    launches: BTreeMap<u32, u32>,
    /// Of each instance, when the last answer arrives.
    answered: BTreeMap<u32, u64>,
    faults: Vec<(u32, u32, LaunchFault)>,
    gates: Gates,
    /// Releases on silent nodes, with their sessions.
    releases: Vec<(u32, Release)>,
    /// Whether the past is kept, for faults that show it.
    pub(crate) remembers: bool,
    /// When launches were commanded, where the past is kept.
    commanded: Vec<(u64, Number)>,
    /// What is shown is how things were then.
    pub(crate) shows: Option<u64>,
    /// For how long room that is granted may be used.
    grants: Option<u64>,
    /// The answers to these questions of what lives are told once more, a little later.
    pub(crate) echoes: Vec<u32>,
    /// How many such questions there were.
    reconciles: u32,
    /// Nothing is told of these instances.
    pub(crate) skipped: BTreeMap<u32, u64>,
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
        }
    }

    pub(crate) fn execute(&mut self, cluster: &mut Cluster, world: &mut World<'_>, command: Command) {
        self.count += 1;
        match command {
            Command::Fit(fit) => self.fit(cluster, world, fit),
            Command::Withdraw { instance, launch } => self.withdraw(&instance, launch),
            Command::Launch(launch) => self.launch(cluster, world, &launch),
            Command::Kill { instance, launch, task, grace } => {
                self.kill(cluster, world, &instance, launch, &task, grace);
            }
            Command::Reconcile { number, expected } => self.reconcile(cluster, world, number, &expected),
            Command::Release(release) => self.release(cluster, world, *release),
            Command::Ask(ask) => self.ask(cluster, world, ask),
            Command::Deregister => {
                // What was granted and never used goes with the service.
                self.book.forget_grants(&(), u64::MAX);
                let at = world.now() + take(&mut world.choose, "deregister", 0, &ANSWER);
                let (session, outcome) = (world.session, Box::new(Outcome::Deregistered));
                world.answer_at(at, Happening::Answer { session, outcome });
            }
            // A command that this simulator does not know yet is not answered.
            _ => {}
        }
        self.look_if_freed(cluster, world);
    }

    /// No launch and no gate is answered otherwise any more.
    pub(crate) fn end_faults(&mut self) {
        self.faults.clear();
        self.gates.heal();
    }

    /// From now on, until a time, this is answered beside an instance, or beside those of a pod.
    pub(crate) fn befall_gates(&mut self, who: &str, until: Option<u64>, answer: GateFault) {
        self.gates.befall(who, until, answer);
    }

    /// Answers about one instance arrive in the order in which they were given: each replaces the one before.
    fn answer(&mut self, world: &mut World<'_>, instance: u32, outcome: Outcome) {
        let delay = take(&mut world.choose, "answer", u64::from(instance), &ANSWER);
        let last = self.answered.entry(instance).or_default();
        let at = (world.now() + delay).max(*last);
        *last = at;
        let session = world.session;
        world.answer_at(at, Happening::Answer { session, outcome: Box::new(outcome) });
    }
}
