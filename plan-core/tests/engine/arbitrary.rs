//! Arbitrary inputs from bytes, for a fuzzer and a property test. Most of the inputs make sense, so that the engine
//! makes progress. The rest are stale, foreign, repeated or nonsense.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::*;
use plan_core::plan::Model;
use plan_core::spec::PlanName;

use crate::bench::{check_law_1, installation, instance, model, node, task};

/// A service with everything that orders steps: a canary, parallel chains, named steps, a resource set that tasks take
/// turns in, and side plans over the same slots.
const SERVICE: &str = "
name: everything
replacement-failure-policy: { permanent-failure-timeout-secs: 400, min-replace-delay-secs: 600 }
pods:
  a:
    count: 3
    allow-decommission: true
    placement: 'hostname:MAX_PER:2'
    resource-sets:
      turns: { cpus: 1, memory: 64 }
      own: { cpus: 0.1, memory: 16 }
      third: { cpus: 0.2, memory: 32 }
    tasks:
      init: { goal: ONCE, cmd: ./init, resource-set: turns }
      main: { goal: RUNNING, cmd: ./main, resource-set: turns }
      aide: { goal: RUNNING, essential: false, cmd: ./aide, resource-set: own }
      job: { goal: FINISH, cmd: ./job, resource-set: own }
  b:
    count: 4
    allow-decommission: true
    tasks:
      t: { goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8 }
plans:
  deploy:
    strategy: dependency
    phases:
      first: { pod: a, strategy: parallel, steps: [ { 0: [[init], [main, aide]] }, { default: [[init], [main]] } ] }
      canary: { pod: b, strategy: parallel-canary }
      graph:
        pod: a
        strategy: dependency
        depends-on: [first]
        steps:
          - { name: x, instance: 1, tasks: [job] }
          - { name: y, instance: default, tasks: [aide], depends-on: [x] }
          - { name: z, instance: default, tasks: [job], depends-on: [y] }
  side:
    phases:
      again: { pod: a, steps: [ { default: [[init], [main]] } ] }
  other:
    strategy: parallel
    phases:
      jobs: { pod: a, strategy: parallel, max-unavailable: 1, gates: { before: { cmd: ./ok, task: main } }, steps: [ { default: [[job], [aide]] } ] }
      b: { pod: b, strategy: serial-canary, max-unavailable: 50%, gates: { before: { cmd: ./ok, max-age: 20 } } }
";

/// The targets of the service, one after the other: other commands, fewer and more instances, a pod that comes and
/// goes, a task that goes, a task that replaces another, tasks that change their sets, and an update plan.
pub fn services() -> Vec<Arc<Model>> {
    let aide = "      aide: { goal: RUNNING, essential: false, cmd: ./aide, resource-set: own }\n";
    let no_aide = SERVICE.replace(aide, "").replace("[main, aide]", "[main]").replace(", [aide]", "");
    let no_aide = no_aide
        .replace("tasks: [aide]", "tasks: [job]")
        .replace("tasks: [job], depends-on: [y]", "tasks: [init], depends-on: [y]");
    let c = "  c:\n    count: 2\n    allow-decommission: true\n    tasks:\n      t: { goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8 }\nplans:\n";
    let update = "  update:\n    phases:\n      a: { pod: a, strategy: serial, steps: [ { default: [[init], [main, aide]] } ] }\n      b: { pod: b, strategy: serial-canary }\n";
    let bound = "  update:\n    strategy: parallel\n    max-unavailable: 2\n    phases:\n      a: { pod: a, strategy: parallel, max-unavailable: 1, gates: { before: { cmd: ./ok } }, steps: [ { default: [[init], [main, aide]] } ] }\n      b: { pod: b, strategy: parallel, max-unavailable: 50% }\n";
    let texts = [
        SERVICE.to_owned(),
        SERVICE.replace("./main", "./main2").replace("./t,", "./t2,"),
        SERVICE.replace("count: 4", "count: 2").replace("count: 3", "count: 2"),
        SERVICE.replace("count: 4", "count: 6").replace("./job", "./job2"),
        SERVICE.replace("plans:\n", c),
        SERVICE
            .replace("main: {", "chief: {")
            .replace("task: main }", "task: chief }")
            .replace("[main, aide]", "[chief, aide]")
            .replace("[main]", "[chief]"),
        no_aide,
        SERVICE.replace("./main, resource-set: turns", "./main, resource-set: third"),
        SERVICE
            .replace("./main, resource-set: turns", "./main4, resource-set: own")
            .replace("./aide, resource-set: own", "./aide, resource-set: turns")
            .replace("[main, aide]", "[aide, main]"),
        format!("{SERVICE}{update}").replace("./aide", "./aide2"),
        format!("{SERVICE}{update}").replace("./main", "./main3").replace("MAX_PER:2", "MAX_PER:1"),
        format!("{SERVICE}{bound}").replace("./main", "./main5").replace("./t,", "./t5,"),
        format!("{SERVICE}{bound}").replace("./main", "./main6").replace("./t,", "./t6,"),
    ];
    texts.iter().map(|text| model(text)).collect()
}

/// Bytes, taken from the front; zeros when there are no more.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }
}

/// Gives an engine inputs that are made of bytes, and checks law 1 after each. Returns the number of inputs.
pub fn feed(services: &[Arc<Model>], bytes: &[u8]) -> usize {
    let mut bytes = Bytes(bytes);
    let mut world = World {
        engine: Engine::new(),
        store: BTreeMap::new(),
        now: 0,
        fits: Vec::new(),
        launches: Vec::new(),
        reconciles: Vec::new(),
        serial: 0,
        requests: 0,
        last: None,
        releases: Vec::new(),
        asks: Vec::new(),
        recent: Vec::new(),
        services: services.to_vec(),
    };
    let target = Target::new(services[0].clone(), installation());
    world.input(Input::Target(target));
    let mut inputs = 1;
    while !bytes.0.is_empty() {
        let input = world.choose(&mut bytes);
        world.last = Some(input.clone());
        world.input(input);
        inputs += 1;
    }
    inputs
}

struct World {
    engine: Engine,
    store: BTreeMap<Key, Record>,
    now: u64,
    fits: Vec<Fit>,
    launches: Vec<Launch>,
    reconciles: Vec<(Number, Vec<Incarnation>)>,
    serial: u64,
    requests: u64,
    last: Option<Input>,
    releases: Vec<Number>,
    asks: Vec<Number>,
    recent: Vec<String>,
    services: Vec<Arc<Model>>,
}

impl World {
    fn input(&mut self, input: Input) {
        // A failure shows the inputs before it.
        let words = match &input {
            Input::Target(target) => format!("Target({})", target.model.hash()),
            other => format!("{other:?}"),
        };
        self.recent.push(format!("{} {words}", self.now));
        let effects = self.engine.handle(Wall(self.now), input);
        for write in effects.writes {
            match write {
                Write::Put(record) => drop(self.store.insert(record.key(), record)),
                Write::Delete(key) => drop(self.store.remove(&key)),
            }
        }
        let broken = self.engine.broken_invariants();
        let last = self.recent.len().saturating_sub(12);
        assert!(broken.is_empty(), "{broken:#?} after\n{}", self.recent[last..].join("\n"));
        check_law_1(&self.engine, &self.store);
        for command in effects.commands {
            match command {
                Command::Fit(fit) => self.fits.push(*fit),
                Command::Launch(launch) => self.launches.push(*launch),
                Command::Ask(ask) => self.asks.push(ask.id),
                Command::Release(release) => self.releases.push(release.debt),
                Command::Reconcile { number, expected } => {
                    let expected = expected.into_iter().map(|one| one.of).collect();
                    self.reconciles.push((number, expected));
                }
                _ => {}
            }
        }
    }

    fn choose(&mut self, bytes: &mut Bytes<'_>) -> Input {
        match bytes.below(18) {
            0..=2 => self.fit(bytes),
            3..=7 => self.observed(bytes),
            8 => self.launch(bytes),
            9 => self.snapshot(bytes),
            10..=12 => self.verb(bytes),
            13 => {
                self.now = self.now.wrapping_add(u64::from(bytes.byte()) * 1_000_000);
                Input::Wake
            }
            14 => match bytes.below(4) {
                0 => Input::SessionLost,
                1 => {
                    // A crash: an engine that is recovered from the store takes over.
                    self.engine = Engine::recover(self.store.values().cloned()).unwrap();
                    Input::Wake
                }
                2 => {
                    // The clock is set back.
                    self.now = self.now.saturating_sub(u64::from(bytes.byte()) * 10_000_000);
                    Input::Wake
                }
                _ => Input::Wake,
            },
            15 => self.target(bytes),
            16 if !self.asks.is_empty() && bytes.below(4) > 0 => self.ask(bytes),
            16 => self.release(bytes),
            _ => self.last.clone().unwrap_or(Input::Wake),
        }
    }

    fn target(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let Some(model) = bytes.pick(&self.services).cloned() else { return Input::Wake };
        let mut target = Target::new(model, installation());
        let plans = ["side", "update", "deploy"];
        if bytes.below(4) == 0 {
            target.plan = Some(plans[bytes.below(plans.len())].parse().unwrap());
        }
        Input::Target(target)
    }

    fn release(&mut self, bytes: &mut Bytes<'_>) -> Input {
        if bytes.below(16) == 0 {
            return Input::Outcome(CommandOutcome::Deregistered);
        }
        let Some(&debt) = bytes.pick(&self.releases) else { return Input::Wake };
        let answer = match bytes.below(4) {
            0 => ReleaseAnswer::Retry("not yet".into()),
            _ => ReleaseAnswer::Done,
        };
        Input::Outcome(CommandOutcome::Release { debt, answer })
    }

    fn ask(&mut self, bytes: &mut Bytes<'_>) -> Input {
        // Mostly the latest questions.
        let latest = self.asks.len().saturating_sub(3);
        let from = if bytes.below(8) == 0 { 0 } else { latest };
        let Some(&id) = bytes.pick(&self.asks[from..]) else { return Input::Wake };
        let ruling = match bytes.below(8) {
            0 => Ruling::Deny,
            1 => Ruling::Defer,
            2 => Ruling::Inconclusive,
            _ => Ruling::Allow,
        };
        let age = if bytes.below(4) == 0 { u64::from(bytes.byte()) * 1_000_000 } else { 0 };
        let at = Wall(self.now.saturating_sub(age));
        Input::Outcome(CommandOutcome::Ask {
            id,
            answer: Answer { ruling, words: Words::some("so it is"), at },
        })
    }

    fn fit(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let Some(fit) = bytes.pick(&self.fits).cloned() else { return Input::Wake };
        let name = match &fit.at {
            Some((node, _)) if bytes.below(8) > 0 => node.to_string(),
            _ => format!("node-{}", bytes.below(4)),
        };
        let answer = match bytes.below(8) {
            0 => FitAnswer::Retry("no room".into()),
            1 if bytes.below(8) == 0 => FitAnswer::Never("no such thing".into()),
            1 if bytes.below(4) == 0 => FitAnswer::NodeGone("it was removed".into()),
            2 => FitAnswer::Fitted(
                Grant::new(node(&name), Handle("short".into()))
                    .with_until(Some(Wall(self.now.saturating_sub(1)))),
            ),
            _ => FitAnswer::Fitted(Grant::new(
                node(&name),
                Handle(format!("{}-{}", fit.instance, fit.from.map_or(0, |_| fit.launch)).into()),
            )),
        };
        Input::Outcome(CommandOutcome::Fit { instance: fit.instance, launch: fit.launch, answer })
    }

    fn launch(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let Some(launch) = bytes.pick(&self.launches) else { return Input::Wake };
        let answer = match bytes.below(8) {
            0 | 1 => LaunchAnswer::Unknown,
            2 | 3 => LaunchAnswer::Retry("rescinded".into()),
            4 if bytes.below(8) == 0 => LaunchAnswer::Never("invalid".into()),
            _ => LaunchAnswer::Done,
        };
        Input::Outcome(CommandOutcome::Launch {
            instance: launch.instance.clone(),
            launch: launch.launch,
            answer,
        })
    }

    fn incarnation(&mut self, bytes: &mut Bytes<'_>) -> Option<Incarnation> {
        if bytes.below(32) == 0 {
            return Some(Incarnation {
                installation: InstallationId(["one", "two"][bytes.below(2)].into()),
                instance: instance(["a-0", "a-7", "b-1", "z-0"][bytes.below(4)]),
                task: task(["init", "main", "t"][bytes.below(3)]),
                launch: u64::from(bytes.byte()) % 64,
            });
        }
        // Mostly of the latest launches.
        let latest = self.launches.len().saturating_sub(8);
        let from = if bytes.below(8) == 0 { 0 } else { latest };
        let launch = bytes.pick(&self.launches[from..])?.clone();
        let of = bytes.pick(&launch.tasks)?;
        Some(Incarnation {
            installation: installation(),
            instance: launch.instance,
            task: of.config.task.clone(),
            launch: launch.launch,
        })
    }

    fn seen(bytes: &mut Bytes<'_>) -> Seen {
        match bytes.below(12) {
            0 => Seen::Starting,
            1 => Seen::Running { ready: false },
            2 => Seen::Ended(End::Failed),
            3 => Seen::Ended([End::Killed, End::Unhealthy, End::Lost, End::Gone][bytes.below(4)]),
            4 => Seen::Unreachable,
            5..=7 => Seen::Ended(End::Finished),
            _ => Seen::Running { ready: true },
        }
    }

    fn sighting(bytes: &mut Bytes<'_>) -> Sighting {
        let seen = Sighting::from(Self::seen(bytes));
        match bytes.below(8) {
            0 => seen.saying("exit code 3"),
            1 => seen.saying("no such image").at(Address { host: Some("here".into()), ..Address::default() }),
            _ => seen,
        }
    }

    fn observed(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let Some(of) = self.incarnation(bytes) else { return Input::Wake };
        self.serial += 1;
        let serial = if bytes.below(8) == 0 { u64::from(bytes.byte()) } else { self.serial };
        Input::Observed(Observation::new(of, serial, Self::sighting(bytes)))
    }

    fn snapshot(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let Some((of, expected)) = bytes.pick(&self.reconciles).cloned() else { return Input::Wake };
        let as_of = if bytes.below(4) == 0 { u64::from(bytes.byte()) } else { of };
        let mut found = Vec::new();
        for incarnation in expected {
            match bytes.below(6) {
                0 => {}
                1 => found.push((incarnation, Found::Absent)),
                _ => found.push((incarnation, Found::Seen(Self::sighting(bytes)))),
            }
        }
        if let Some(other) = self.incarnation(bytes).filter(|_| bytes.below(4) == 0) {
            found.push((other, Found::Seen(Self::sighting(bytes))));
        }
        Input::Snapshot(Snapshot::new(of, as_of, found).with_last(bytes.below(4) > 0))
    }

    fn verb(&mut self, bytes: &mut Bytes<'_>) -> Input {
        if bytes.below(3) == 0 {
            return self.pod_verb(bytes);
        }
        let plans = ["deploy", "side", "other", "update", "nothing"];
        let phases = ["first", "canary", "graph", "again", "jobs", "b"];
        let steps = ["#0", "#3", "a-1:[main]", "b-0:[t]"];
        let name = |text: &str| -> PlanName { text.parse().unwrap() };
        let plan = name(plans[bytes.below(plans.len())]);
        let phase = Some(phases[bytes.below(phases.len())].parse().unwrap()).filter(|_| bytes.below(3) > 0);
        let part = match (phase.clone(), bytes.below(2)) {
            (None, _) => Part::Plan,
            (Some(phase), 0) => Part::Phase(phase),
            (Some(phase), _) => Part::Step(phase, steps[bytes.below(steps.len())].to_owned()),
        };
        let verb = match bytes.below(10) {
            0 => Verb::Stop { plan },
            1 => Verb::Interrupt { plan, phase },
            2..=4 => Verb::Continue { plan, phase },
            5 => Verb::ForceComplete { plan, part },
            6 | 7 => Verb::Restart { plan, part },
            _ => Verb::Start { plan, parameters: Parameters::new() },
        };
        self.request(bytes, verb)
    }

    fn pod_verb(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let instances = ["a-0", "a-1", "a-2", "b-0", "b-3", "c-1", "z-9"];
        let instance = instance(instances[bytes.below(instances.len())]);
        let tasks = match bytes.below(4) {
            0 => vec![task(["main", "aide", "job", "t"][bytes.below(4)])],
            _ => Vec::new(),
        };
        let debt = self.engine.debts().nth(bytes.below(4)).map_or(7, |debt| debt.number);
        let verb = match bytes.below(16) {
            0..=3 => Verb::RestartPod { instance, tasks },
            4..=7 => Verb::ReplacePod { instance },
            8..=10 => Verb::PausePod { instance, tasks },
            11..=13 => Verb::ResumePod { instance, tasks },
            14 if bytes.below(4) == 0 => Verb::Uninstall,
            _ => Verb::GiveUp { debt },
        };
        self.request(bytes, verb)
    }

    fn request(&mut self, bytes: &mut Bytes<'_>, verb: Verb) -> Input {
        self.requests += 1;
        let id = if bytes.below(16) == 0 { 1 } else { self.requests };
        Input::Verb(Request { id: format!("{id}").into(), who: "fuzz".into(), verb })
    }
}
