//! The cluster and its backend without an engine, in virtual time. Commands go in, and reports of the backend come out.
//!
//! Invariant: all choices are benign. Things happen only by commands, by time, and by the calls here that act on nodes
//! and tasks. Reports of a session that is over are dropped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{
    Command, CommandOutcome, End, Held, Incarnation, InstallationId, Observation, Sighting, Snapshot, Words,
};
use plan_core::plan::Model;

use crate::backend::{Backend, UnknownCommand, go_on, is_unknown};
use crate::choose::{Benign, Chooser};
use crate::cluster::{Cluster, Shape};
use crate::fault::end_words;
use crate::moment::micros;
use crate::queue::{Class, Queue};
use crate::runtime::{Happening, Runtime};
use crate::task::Life;
use crate::trace::Trace;

/// A simulated cluster with its backend, for a caller that gives the commands itself, such as the conformance suite.
pub struct Bench {
    installation: InstallationId,
    cluster: Cluster,
    backend: Backend,
    /// The events to come.
    queue: Queue<Happening>,
    session: u32,
    said: VecDeque<Said>,
}

/// A report of the backend.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The state of a task.
    Observed(Observation),
    /// The answer to a command.
    Outcome(CommandOutcome),
    /// A part of the answer to `Reconcile`.
    Snapshot(Snapshot),
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("now", &self.now()).field("said", &self.said).finish_non_exhaustive()
    }
}

impl Bench {
    /// A cluster of this shape in which no task runs. It only knows the instances of this model.
    pub fn new(model: &Arc<Model>, shape: &Shape, installation: InstallationId) -> Self {
        let cluster = Cluster::new(std::iter::once(model), shape);
        let backend = Backend::new(installation.clone(), &cluster, shape, Vec::new());
        Self { installation, cluster, backend, queue: Queue::default(), session: 0, said: VecDeque::new() }
    }

    /// The virtual time since the beginning.
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.queue.now())
    }

    /// Begins a session, and ends the one before. The caller's records name these places.
    pub fn begin_session(&mut self, held: &[Held]) {
        self.end_session();
        self.backend.take_up(held);
        self.tell(|backend, cluster, runtime| backend.session_begins(cluster, runtime));
    }

    /// Ends the session.
    pub fn end_session(&mut self) {
        self.session += 1;
        self.backend.session_over();
        self.said.clear();
    }

    /// Carries a command out, now.
    ///
    /// # Errors
    /// This simulator does not know the command.
    pub fn execute(&mut self, command: Command) -> Result<(), UnknownCommand> {
        let mut done = Ok(());
        self.tell(|backend, cluster, runtime| done = backend.execute(cluster, runtime, command));
        done
    }

    /// The time of the next event.
    pub fn next(&self) -> Option<Duration> {
        self.queue.next_time().map(Duration::from_micros)
    }

    /// Lets everything happen until a time, and sets the clock to it.
    pub fn pass(&mut self, until: Duration) {
        let until = micros(until);
        while self.queue.next_time().is_some_and(|time| time <= until) {
            let Some(happening) = self.queue.pop() else { break };
            self.happen(happening);
        }
        if until > self.queue.now() {
            // Events move the clock.
            self.queue.at(until, Class::Fault, Happening::Tick);
            self.queue.pop();
        }
    }

    /// The reports of the backend since the last call.
    pub fn said(&mut self) -> Vec<Said> {
        self.said.drain(..).collect()
    }

    /// Confirms the end of a task: the caller's records have it, and it is not reported again.
    pub fn is_durable(&mut self, of: &Incarnation) {
        if let Some(nth) = self.find(of) {
            let task = &mut self.cluster.tasks[nth as usize];
            task.forgotten |= !task.lives();
        }
    }

    /// A task ends.
    pub fn end(&mut self, of: &Incarnation, end: End) {
        if let Some(nth) = self.find(of)
            && self.cluster.tasks[nth as usize].lives()
        {
            self.ends(nth, end, Some(end_words(end)));
        }
    }

    /// Nothing is heard of a node any more.
    pub fn silence(&mut self, node: &str) {
        if let Some(id) = self.cluster.node_id(node) {
            self.tell(|backend, cluster, runtime| backend.silence(cluster, runtime, id));
        }
    }

    /// A silent node is heard again.
    pub fn hear(&mut self, node: &str) {
        if let Some(id) = self.cluster.node_id(node) {
            self.tell(|backend, cluster, runtime| backend.back(cluster, runtime, id));
        }
    }

    /// A node is gone for good.
    pub fn lose(&mut self, node: &str) {
        if let Some(id) = self.cluster.node_id(node) {
            self.tell(|backend, cluster, runtime| backend.gone(cluster, runtime, id));
        }
    }

    /// Calls the backend, with a runtime without a trace and without random choices.
    fn tell(&mut self, what: impl FnOnce(&mut Backend, &mut Cluster, &mut Runtime<'_>)) {
        let mut runtime = Runtime {
            queue: std::mem::take(&mut self.queue),
            choose: Chooser::Benign(Benign),
            trace: Trace { kept: None },
            session: self.session,
            awaited: 0,
        };
        what(&mut self.backend, &mut self.cluster, &mut runtime);
        self.queue = runtime.queue;
    }

    fn find(&self, of: &Incarnation) -> Option<u32> {
        self.cluster.find(self.cluster.roster.id(&of.instance)?, of.launch, &of.task)
    }

    fn happen(&mut self, happening: Happening) {
        let present = self.session;
        match happening {
            Happening::Answer { session, outcome } if session == present => {
                self.said.push_back(Said::Outcome(*outcome));
            }
            Happening::Gate { session, ask, answer } if session == present => {
                self.said.push_back(Said::Outcome(CommandOutcome::Ask { id: ask.id, answer: *answer }));
            }
            Happening::Unknown { session, of, serial } if session == present => {
                let seen = is_unknown(&of);
                self.said.push_back(Said::Observed(Observation::new(*of, serial, seen)));
            }
            Happening::Part { session, snapshot } if session == present => {
                self.said.push_back(Said::Snapshot(*snapshot));
            }
            Happening::Observe { session, task, serial, seen } if session == present => {
                self.observed(task, serial, seen);
            }
            Happening::Life { task, life } if self.cluster.tasks[task as usize].lives() => {
                match life {
                    Life::Ended(end) => self.ends(task, end, None),
                    life => self.enter(task, life),
                }
                self.tell(|_, cluster, runtime| go_on(&cluster.tasks[task as usize], task, runtime));
            }
            Happening::End { task, end } if self.cluster.tasks[task as usize].lives() => {
                self.ends(task, end, None);
            }
            Happening::Expire { session } => {
                self.tell(|backend, cluster, runtime| backend.expire(cluster, runtime, session));
            }
            // All other events belong to a session that is over, or to engines, operators and faults.
            _ => {}
        }
    }

    fn enter(&mut self, nth: u32, life: Life) {
        self.cluster.tasks[nth as usize].enter(life);
        self.tell(|backend, cluster, runtime| backend.observe(cluster, runtime, nth));
    }

    fn ends(&mut self, nth: u32, end: End, words: Option<Words>) {
        self.cluster.tasks[nth as usize].ends(end, words);
        self.tell(|backend, cluster, runtime| backend.observe(cluster, runtime, nth));
    }

    fn observed(&mut self, nth: u32, serial: u64, seen: Sighting) {
        let task = &self.cluster.tasks[nth as usize];
        let of = Incarnation {
            installation: self.installation.clone(),
            instance: self.cluster.roster.name(task.instance).clone(),
            task: task.name.clone(),
            launch: task.launch,
        };
        self.said.push_back(Said::Observed(Observation::new(of, serial, seen)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plan_core::engine::{Ask, Check, Fit, FitAnswer, Launch, LaunchTask, Ruling};
    use plan_core::spec::placement::Census;
    use plan_core::spec::{Files, ReadOptions, Seconds, Source, read};

    use crate::fault::GateFault;

    use super::*;

    fn bench() -> Bench {
        let text = "name: x\npods:\n  a:\n    count: 2\n    tasks:\n      t: {goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8}\n\
                    plans:\n  deploy: {phases: {a: {pod: a}}}\n";
        let env = BTreeMap::new();
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
        let model =
            Arc::new(Model::new(read(Source { file: "svc.yml", text }, &options).spec.unwrap()).unwrap());
        let mut bench = Bench::new(&model, &Shape::default(), InstallationId("ours".into()));
        bench.begin_session(&[]);
        let (instance, pod) = (model.instance_name(0, 0), &model.pods()[0]);
        let task = &pod.tasks[0];
        bench
            .execute(Command::Fit(Box::new(Fit {
                instance: instance.clone(),
                launch: 2,
                at: None,
                from: None,
                demand: pod.footprint.clone(),
                volumes: pod.volumes.clone(),
                configs: task.configs.clone(),
                placement: None,
                census: Arc::new(Census::default()),
            })))
            .unwrap();
        bench.pass(Duration::from_secs(1));
        let said = bench.said();
        let [Said::Outcome(CommandOutcome::Fit { answer: FitAnswer::Fitted(grant), .. })] = &said[..] else {
            panic!("{said:?}")
        };
        bench
            .execute(Command::Launch(Box::new(Launch {
                instance,
                launch: 2,
                node: grant.node.clone(),
                handle: grant.handle.clone(),
                ports: grant.ports.clone(),
                domains: Default::default(),
                principal: None,
                tasks: vec![LaunchTask { conf: task.conf, config: task.config.clone(), paused: false }],
                parameters: None,
            })))
            .unwrap();
        bench.pass(Duration::from_secs(10));
        bench.said();
        bench
    }

    /// The answer of a gate of an instance.
    fn ask(bench: &mut Bench, instance: &str, launch: u64) -> Option<(Ruling, String)> {
        let check = Check::Command { cmd: "./ok".into(), timeout: Seconds(10) };
        let (instance, task) = (instance.parse().unwrap(), "t".parse().unwrap());
        bench.execute(Command::Ask(Box::new(Ask { id: 7, instance, task, launch, check }))).unwrap();
        bench.pass(bench.now() + Duration::from_secs(60));
        match &bench.said()[..] {
            [] => None,
            [Said::Outcome(CommandOutcome::Ask { id: 7, answer })] => {
                assert!(answer.at.0 < micros(bench.now()), "{answer:?}");
                Some((answer.ruling, answer.words.as_deref().unwrap_or_default().to_owned()))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_question_is_answered_as_faults_say_and_allowed_without() {
        let mut bench = bench();
        let said = |ruling, words: &str| Some((ruling, words.to_owned()));
        assert_eq!(ask(&mut bench, "a-0", 2), said(Ruling::Allow, ""));
        assert_eq!(ask(&mut bench, "a-0", 1), said(Ruling::Inconclusive, "launch 1 of t does not run"));
        assert_eq!(ask(&mut bench, "a-1", 2), said(Ruling::Inconclusive, "launch 2 of t does not run"));
        let now = micros(bench.now());
        bench.backend.befall_gates("a", None, GateFault::Defer);
        bench.backend.befall_gates("a-1", None, GateFault::Inconclusive);
        bench.backend.befall_gates("a-0", Some(now + 90_000_000), GateFault::Deny);
        assert_eq!(ask(&mut bench, "a-0", 2), said(Ruling::Deny, "exit code 2: a fault"));
        assert_eq!(ask(&mut bench, "a-0", 2), said(Ruling::Deny, "exit code 2: a fault"));
        assert_eq!(ask(&mut bench, "a-0", 2), said(Ruling::Defer, "exit code 1: a fault"));
        bench.backend.befall_gates("a-0", None, GateFault::Unanswered);
        assert_eq!(ask(&mut bench, "a-0", 2), None);
        bench.backend.end_faults();
        assert_eq!(ask(&mut bench, "a-0", 2), said(Ruling::Allow, ""));
    }
}
