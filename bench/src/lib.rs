//! Services and an instant backend for the benchmarks.
//!
//! Invariant: a benchmark measures the engine. The cluster here does everything at once, costs as little as
//! it can, and checks nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::{
    Command, CommandOutcome, Effects, Engine, FitAnswer, Grant, Handle, Incarnation, Input, InstallationId,
    Key, Launch, Observation, Record, Request, Seen, Target, Verb, Wall, Write,
};
use plan_core::plan::Model;
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{
    Goal, NodeName, PhaseName, PhaseSpec, PhaseStrategy, PlanName, PlanSpec, PodName, PodSpec, ResourceSet,
    ResourceSetName, ServiceName, ServiceSpec, TaskName, TaskSpec,
};

/// A service of one pod, `count` times, deployed in this order.
pub fn service(count: u32, strategy: PhaseStrategy) -> Arc<Model> {
    service_running(count, strategy, "./broker")
}

/// The same with another command.
pub fn service_running(count: u32, strategy: PhaseStrategy, cmd: &str) -> Arc<Model> {
    let set = ResourceSetName::new("broker-resource-set").expect("a name");
    let resources = ResourceSet {
        cpus: plan_core::spec::Thousandths::from_thousandths(1000),
        memory: plan_core::spec::Megabytes::new(1024),
        ..ResourceSet::default()
    };
    let pod = PodName::new("kafka").expect("a name");
    let task = TaskSpec::new(Goal::Running, cmd, set.clone());
    let pod_spec =
        PodSpec::new(count).resource_set(set, resources).task(TaskName::new("broker").expect("a name"), task);
    let phase = PhaseSpec { strategy, ..PhaseSpec::new(pod.clone()) };
    let plan = PlanSpec {
        phases: [(PhaseName::new("broker").expect("a name"), phase)].into_iter().collect(),
        ..PlanSpec::default()
    };
    let spec = ServiceSpec::builder(ServiceName::new("kafka").expect("a name"))
        .pod(pod, pod_spec)
        .plan(PlanName::new("deploy").expect("a name"), plan)
        .build();
    Arc::new(Model::new(spec.expect("a good service")).expect("a good service"))
}

/// The target of a first deployment.
pub fn target(model: &Arc<Model>) -> Input {
    Input::Target(Target::new(model.clone(), InstallationId("bench".into())))
}

/// A cluster that does at once what it is told, with the records in memory.
pub struct Instant {
    /// The engine.
    pub engine: Engine,
    /// The records.
    pub store: BTreeMap<Key, Record>,
    /// How many inputs the engine was given.
    pub inputs: u64,
    node: Arc<NodeFacts>,
    launched: Vec<Launch>,
    wake: bool,
}

impl Instant {
    /// An empty cluster.
    pub fn new() -> Self {
        let node = NodeFacts {
            name: NodeName::new("node-0").expect("a name"),
            region: None,
            zone: None,
            attributes: BTreeMap::new(),
        };
        Self {
            engine: Engine::new(),
            store: BTreeMap::new(),
            inputs: 0,
            node: Arc::new(node),
            launched: Vec::new(),
            wake: false,
        }
    }

    /// Gives the engine an input, and keeps the records.
    pub fn input(&mut self, input: Input) -> Vec<Command> {
        self.inputs += 1;
        let Effects { writes, commands, wake_at, .. } = self.engine.handle(Wall(0), input);
        for write in writes {
            match write {
                Write::Put(record) => drop(self.store.insert(record.key(), record)),
                Write::Delete(key) => drop(self.store.remove(&key)),
            }
        }
        self.wake = wake_at == Some(Wall(0));
        commands
    }

    /// Deploys a service: every launch runs at once.
    pub fn deploy(&mut self, model: &Arc<Model>) {
        let queue = self.input(target(model));
        self.carry_out(queue, true, u64::MAX);
    }

    /// Launches every task of a service at once; none runs yet.
    pub fn launch(&mut self, model: &Arc<Model>) {
        let queue = self.input(target(model));
        self.carry_out(queue, false, u64::MAX);
    }

    /// Launches the first task of a service whose phase is serial, and interrupts its plan; it does not run yet.
    pub fn launch_first(&mut self, model: &Arc<Model>) {
        let queue = self.input(target(model));
        self.carry_out(queue, false, 0);
        let verb = Verb::Interrupt { plan: PlanName::new("deploy").expect("a name"), phase: None };
        self.input(Input::Verb(Request { id: "1".into(), who: "bench".into(), verb }));
    }

    /// Carries commands out, and wakes the engine so often while it wants to be at once.
    fn carry_out(&mut self, mut queue: Vec<Command>, run: bool, mut wakes: u64) {
        loop {
            while let Some(command) = queue.pop() {
                match command {
                    Command::Fit(fit) => {
                        let grant = Grant::new(self.node.clone(), Handle("room".into()));
                        let answer = FitAnswer::Fitted(grant);
                        let outcome =
                            CommandOutcome::Fit { instance: fit.instance, launch: fit.launch, answer };
                        let wake = self.wake;
                        queue.extend(self.input(Input::Outcome(outcome)));
                        self.wake |= wake;
                    }
                    Command::Launch(launch) if run => {
                        let wake = self.wake;
                        queue.extend(self.input(running(&launch)));
                        self.wake |= wake;
                    }
                    Command::Launch(launch) => self.launched.push(*launch),
                    _ => {}
                }
            }
            if !self.wake || wakes == 0 {
                return;
            }
            wakes -= 1;
            queue.extend(self.input(Input::Wake));
        }
    }

    /// The observation that a launch that stays launched now runs.
    pub fn next_running(&mut self) -> Option<Input> {
        let middle = self.launched.len() / 2;
        (middle < self.launched.len()).then(|| running(&self.launched.swap_remove(middle)))
    }
}

impl Default for Instant {
    fn default() -> Self {
        Self::new()
    }
}

/// The observation that a launch's first task runs and is ready.
pub fn running(launch: &Launch) -> Input {
    Input::Observed(Observation::new(
        Incarnation {
            installation: InstallationId("bench".into()),
            instance: launch.instance.clone(),
            task: launch.tasks[0].config.task.clone(),
            launch: launch.launch,
        },
        1,
        Seen::Running { ready: true },
    ))
}
