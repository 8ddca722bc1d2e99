//! A bench for an engine: a store, a cluster that carries commands out, and a check of law 1 after every input.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::*;
use plan_core::plan::{Model, Status};
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::read::{ReadOptions, Source, read};
use plan_core::spec::{Files, InstanceName, NodeName, TaskName};

pub struct Bench {
    pub engine: Engine,
    pub store: BTreeMap<Key, Record>,
    pub now: u64,
    /// All commands so far.
    pub sent: Vec<Command>,
    /// All events so far.
    pub events: Vec<Event>,
    /// Whether questions for room are answered at once, each instance on its own node.
    pub room: bool,
    /// Whether debts are ended and released at once, and the service is deregistered at once.
    pub pays: bool,
    /// What is told of each input before it is given to the engine.
    pub watch: fn(&Engine, Wall, &Input),
    wake_at: Option<Wall>,
    serial: u64,
    requests: u64,
}

pub fn model(yaml: &str) -> Arc<Model> {
    let options = ReadOptions { env: &BTreeMap::new(), strict_variables: true, files: Files::Skip };
    let reading = read(Source { file: "svc.yml", text: yaml }, &options);
    let spec = reading.spec.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics));
    Arc::new(Model::new(spec).unwrap())
}

pub fn installation() -> InstallationId {
    InstallationId("one".into())
}

pub fn node(name: &str) -> Arc<NodeFacts> {
    Arc::new(NodeFacts {
        name: NodeName::new(name).unwrap(),
        region: None,
        zone: None,
        attributes: BTreeMap::new(),
    })
}

pub fn instance(name: &str) -> InstanceName {
    name.parse().unwrap()
}

pub fn task(name: &str) -> TaskName {
    TaskName::new(name).unwrap()
}

/// Checks law 1: the engine that is recovered from the store equals the live one with its session forgotten. Checks too
/// that no invariant is broken.
pub fn check_law_1(engine: &Engine, store: &BTreeMap<Key, Record>) {
    assert_eq!(engine.broken_invariants(), [""; 0]);
    let recovered = Engine::recover(store.values().cloned()).unwrap();
    let mut live = engine.clone();
    let effects = live.handle(Wall(u64::MAX / 2), Input::SessionLost);
    assert!(effects.writes.is_empty() && effects.commands.is_empty());
    if recovered != live {
        let (recovered, live) = (format!("{recovered:#?}"), format!("{live:#?}"));
        let differ = recovered.lines().zip(live.lines()).enumerate().filter(|(_, (a, b))| a != b).take(12);
        let lines: Vec<_> =
            differ.map(|(n, (a, b))| format!("{n}: recovered {a}\n{n}: live      {b}")).collect();
        panic!("recovered differs from live:\n{}", lines.join("\n"));
    }
}

impl Bench {
    pub fn new(yaml: &str) -> Self {
        let mut bench = Self::bare();
        bench.target(model(yaml));
        bench
    }

    pub fn bare() -> Self {
        Self {
            engine: Engine::new(),
            store: BTreeMap::new(),
            now: 1_000_000,
            sent: Vec::new(),
            events: Vec::new(),
            room: true,
            pays: true,
            watch: |_, _, _| {},
            wake_at: None,
            serial: 0,
            requests: 0,
        }
    }

    pub fn target(&mut self, model: Arc<Model>) -> Reply {
        let target = Target::new(model, installation());
        self.input(Input::Target(target)).unwrap()
    }

    /// Gives the engine an input, and carries the effects out until there are none.
    pub fn input(&mut self, input: Input) -> Option<Reply> {
        let reply = self.step(input);
        while self.wake_at.is_some_and(|at| at.0 <= self.now) {
            self.step(Input::Wake);
        }
        reply
    }

    pub fn step(&mut self, input: Input) -> Option<Reply> {
        (self.watch)(&self.engine, Wall(self.now), &input);
        let effects = self.engine.handle(Wall(self.now), input);
        for write in effects.writes {
            match write {
                Write::Put(record) => drop(self.store.insert(record.key(), record)),
                Write::Delete(key) => drop(self.store.remove(&key)),
            }
        }
        check_law_1(&self.engine, &self.store);
        self.wake_at = effects.wake_at;
        self.events.extend(effects.events);
        self.sent.extend(effects.commands.iter().cloned());
        for command in effects.commands {
            match command {
                Command::Fit(fit) if self.room => self.grant(&fit),
                Command::Release(release) if self.pays => self.releases(release.debt),
                Command::Deregister if self.pays => {
                    drop(self.input(Input::Outcome(CommandOutcome::Deregistered)))
                }
                _ => {}
            }
        }
        effects.reply
    }

    /// Answers a question for room.
    pub fn grant(&mut self, fit: &Fit) {
        // An instance that moves gets a node that is named after the order.
        let elsewhere = fit.from.as_ref().map(|_| format!("-{}", fit.launch)).unwrap_or_default();
        let free = || format!("node-{}{elsewhere}", fit.instance);
        let name = fit.at.as_ref().map_or_else(free, |(node, _)| node.to_string());
        let grant = Grant::new(node(&name), Handle(format!("room-{}{elsewhere}", fit.instance).into()));
        self.fit(&fit.instance.to_string(), fit.launch, FitAnswer::Fitted(grant));
    }

    pub fn fit(&mut self, name: &str, launch: Number, answer: FitAnswer) {
        self.input(Input::Outcome(CommandOutcome::Fit { instance: instance(name), launch, answer }));
    }

    pub fn launch_answer(&mut self, name: &str, launch: Number, answer: LaunchAnswer) {
        self.input(Input::Outcome(CommandOutcome::Launch { instance: instance(name), launch, answer }));
    }

    pub fn releases(&mut self, debt: Number) {
        self.input(Input::Outcome(CommandOutcome::Release { debt, answer: ReleaseAnswer::Done }));
    }

    /// The names and statuses of a plan's phases and steps.
    pub fn shown(&self, plan: &str) -> Vec<String> {
        let view = self.engine.plan(plan).unwrap_or_else(|| panic!("no plan {plan}"));
        let phases = view.phases.iter().flat_map(|phase| {
            let steps = phase.steps.iter().map(|step| format!("  {} {}", step.name, step.status));
            [format!("{} {}", phase.name, phase.status)].into_iter().chain(steps)
        });
        phases.collect()
    }

    /// Where an instance lives.
    pub fn place_of(&self, name: &str) -> String {
        let record = self.engine.pod(&instance(name)).unwrap();
        record.place().unwrap().node.name.to_string()
    }

    /// The debts, as `kafka-0 on node-kafka-0: kill broker#3, release`.
    pub fn owed(&self) -> Vec<String> {
        let debts = self.engine.debts().map(|debt| {
            let kills = debt.kill.iter().map(|owed| format!("kill {}#{}", owed.task, owed.launch));
            let all: Vec<_> = kills.chain(debt.release.iter().map(|_| "release".to_owned())).collect();
            format!("{} on {}: {}", debt.instance, debt.node, all.join(", "))
        });
        debts.collect()
    }

    /// The reasons of an instance, as text.
    pub fn why(&self, name: &str) -> Vec<String> {
        self.engine.why(&instance(name)).iter().map(ToString::to_string).collect()
    }

    /// Submits another target.
    pub fn becomes(&mut self, yaml: &str) -> Reply {
        self.target(model(yaml))
    }

    /// Lets this many seconds pass.
    pub fn pass(&mut self, seconds: u64) {
        let until = self.now + seconds * 1_000_000;
        while let Some(at) = self.wake_at.filter(|at| at.0 <= until) {
            self.now = self.now.max(at.0);
            self.step(Input::Wake);
        }
        self.now = until;
    }

    /// Crashes the engine, and recovers another from the store.
    pub fn crash(&mut self) {
        self.engine = Engine::recover(self.store.values().cloned()).unwrap();
        self.sent.clear();
        self.input(Input::SessionLost);
    }

    /// The number of the latest launch of a task.
    pub fn launch_of(&self, name: &str, of: &str) -> Number {
        let record = self.engine.pod(&instance(name)).unwrap();
        record.task(&task(of)).unwrap().last().unwrap().launch
    }

    pub fn incarnation(&self, name: &str, of: &str, launch: Number) -> Incarnation {
        Incarnation { installation: installation(), instance: instance(name), task: task(of), launch }
    }

    pub fn observe_launch(&mut self, name: &str, of: &str, launch: Number, seen: impl Into<Sighting>) {
        self.serial += 1;
        let of = self.incarnation(name, of, launch);
        self.input(Input::Observed(Observation::new(of, self.serial, seen)));
    }

    /// Reports the latest launch of a task, with words and address.
    pub fn sight(&mut self, name: &str, of: &str, seen: Sighting) {
        let launch = self.launch_of(name, of);
        self.observe_launch(name, of, launch, seen);
    }

    /// Reports the latest launch of a task.
    pub fn observe(&mut self, name: &str, of: &str, seen: Seen) {
        let launch = self.launch_of(name, of);
        self.observe_launch(name, of, launch, seen);
    }

    pub fn runs(&mut self, name: &str, of: &str) {
        self.observe(name, of, Seen::Running { ready: true });
    }

    pub fn finishes(&mut self, name: &str, of: &str) {
        self.observe(name, of, Seen::Ended(End::Finished));
    }

    pub fn fails(&mut self, name: &str, of: &str) {
        self.observe(name, of, Seen::Ended(End::Failed));
    }

    pub fn verb(&mut self, verb: Verb) -> Reply {
        self.requests += 1;
        let id = format!("request-{}", self.requests);
        self.input(Input::Verb(Request { id: id.into(), who: "test".into(), verb })).unwrap()
    }

    /// Gives a verb, as `interrupt deploy`, `continue deploy world` or `restart deploy hello hello-0:[server]`.
    pub fn say(&mut self, words: &str) -> Reply {
        self.verb(verb(words))
    }

    /// The orders that were launched since the last call, as `hello-0:[server]`.
    pub fn launched(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        sent.iter()
            .filter_map(|command| match command {
                Command::Launch(launch) => {
                    let tasks: Vec<_> = launch.tasks.iter().map(|task| task.config.task.as_str()).collect();
                    Some(format!("{}:[{}]", launch.instance, tasks.join(", ")))
                }
                _ => None,
            })
            .collect()
    }

    /// The commands since the last call, each with its first word.
    pub fn commands(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        sent.iter()
            .map(|command| match command {
                Command::Fit(fit) => format!("fit {}", fit.instance),
                Command::Withdraw { instance, .. } => format!("withdraw {instance}"),
                Command::Launch(launch) => format!("launch {}", launch.instance),
                Command::Kill { instance, task, .. } => format!("kill {instance}-{task}"),
                Command::Reconcile { expected, .. } => format!("reconcile {}", expected.len()),
                Command::Release(release) => format!("release {} on {}", release.instance, release.node),
                Command::Deregister => "deregister".to_owned(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    pub fn plan(&self, name: &str) -> String {
        self.engine.plan(name).unwrap().to_string()
    }

    pub fn status(&self, plan: &str) -> Status {
        self.engine.plan(plan).unwrap().status
    }

    /// A phase's status, and those of its steps.
    pub fn phase(&self, plan: &str, phase: &str) -> (Status, Vec<Status>) {
        let view = self.engine.plan(plan).unwrap();
        let phase = view.phases.into_iter().find(|known| known.name == phase).unwrap();
        (phase.status, phase.steps.iter().map(|step| step.status).collect())
    }
}

/// A verb from words.
pub fn verb(words: &str) -> Verb {
    if let Some(pod) = words.strip_prefix("pod ") {
        let mut words = pod.split(' ');
        let (name, instance) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        let tasks = words.map(task).collect();
        return match name {
            "restart" => Verb::RestartPod { instance, tasks },
            "replace" => Verb::ReplacePod { instance },
            "pause" => Verb::PausePod { instance, tasks },
            "resume" => Verb::ResumePod { instance, tasks },
            other => panic!("no verb pod {other}"),
        };
    }
    if words == "uninstall" {
        return Verb::Uninstall;
    }
    if let Some(debt) = words.strip_prefix("give-up ") {
        return Verb::GiveUp { debt: debt.parse().unwrap() };
    }
    let mut words = words.splitn(4, ' ');
    let (name, plan) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
    let phase = words.next().map(|phase| phase.parse().unwrap());
    let part = match (phase.clone(), words.next()) {
        (None, _) => Part::Plan,
        (Some(phase), None) => Part::Phase(phase),
        (Some(phase), Some(step)) => Part::Step(phase, step.to_owned()),
    };
    match name {
        "start" => Verb::Start { plan, parameters: Parameters::new() },
        "stop" => Verb::Stop { plan },
        "interrupt" => Verb::Interrupt { plan, phase },
        "continue" => Verb::Continue { plan, phase },
        "force-complete" => Verb::ForceComplete { plan, part },
        "restart" => Verb::Restart { plan, part },
        other => panic!("no verb {other}"),
    }
}
