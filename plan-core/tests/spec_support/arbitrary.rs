//! Arbitrary services, for property tests.

use plan_core::spec::*;
use proptest::prelude::*;

/// The parts of a service.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// The pods, each with the kind of the phase over it.
    pub(crate) pods: Vec<(PodSpec, u8)>,
    pub(crate) web: bool,
    pub(crate) policy: Option<(u8, u8)>,
    /// Whether the service declares a plan.
    pub(crate) planned: bool,
}

impl Parts {
    /// The service.
    pub(crate) fn build(&self) -> ServiceSpec {
        let mut builder = ServiceSpec::builder("svc".parse().unwrap());
        let on_change = vec!["pods.pod-0".to_owned(), "count".to_owned()];
        let mut plan = PlanSpec { strategy: PlanStrategy::Dependency, on_change, ..PlanSpec::default() };
        plan.max_unavailable = self.policy.map(|(timeout, _)| match Percent::new(timeout) {
            Some(percent) => MaxUnavailable::Percent(percent),
            None => MaxUnavailable::Count(Count::MAX),
        });
        let mut before: Vec<PhaseName> = Vec::new();
        for (at, (pod, kind)) in self.pods.iter().enumerate() {
            let name = format!("pod-{at}");
            let mut phase = phase(&name, *kind, pod.tasks.values().all(|task| task.goal == Goal::Running));
            phase.depends_on = before.clone();
            before.push(name.parse().unwrap());
            plan.phases.insert(name.parse().unwrap(), phase);
            builder = builder.pod(name.parse().unwrap(), pod.clone());
        }
        if self.planned {
            builder = builder.plan("deploy".parse().unwrap(), plan);
        }
        if self.web {
            builder = builder.web_url("http://x/y");
        }
        if let Some((timeout, delay)) = self.policy {
            builder = builder.replacement_failure_policy(ReplacementFailurePolicy {
                permanent_failure_timeout: Seconds(u32::from(timeout) * 120 + 1),
                min_replace_delay: Seconds(u32::from(delay) * 20),
            });
        }
        builder.build().unwrap()
    }
}

prop_compose! {
    pub(crate) fn any_parts()(
        pods in prop::collection::vec((any_pod(), 0..3u8), 1..4), web in any::<bool>(),
        policy in any::<Option<(u8, u8)>>(), planned in any::<bool>(),
    ) -> Parts {
        Parts { pods, web, policy, planned }
    }
}

/// Two services, the second of which shares some parts with the first.
pub(crate) fn any_pair() -> impl Strategy<Value = (ServiceSpec, ServiceSpec)> {
    (any_parts(), any_parts(), any::<[bool; 8]>()).prop_map(|(old, mut new, same)| {
        for ((old, new), whole) in old.pods.iter().zip(&mut new.pods).zip(&same) {
            if *whole {
                new.clone_from(old);
                continue;
            }
            for ((name, task), _) in old.0.tasks.iter().zip(&same[3..]).filter(|(_, keep)| **keep) {
                new.0.tasks.insert(name.clone(), task.clone());
                let set = old.0.resource_sets[&task.resource_set].clone();
                new.0.resource_sets.insert(task.resource_set.clone(), set);
            }
        }
        if same[6] {
            (new.web, new.policy) = (old.web, old.policy);
        }
        new.planned = if same[7] { old.planned } else { new.planned };
        (old.build(), new.build())
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 é\"'{}:#\\\\-]{0,12}",
        "[ \n\t{}a|>~-]{0,9}",
        "\\PC{0,6}|true|null|~|0x1F|[.]inf|[{][{]X[}][}]|1_0"
    ]
}

fn any_set() -> impl Strategy<Value = ResourceSet> {
    let port =
        (any::<Option<u16>>(), any::<bool>(), prop::option::of("[A-Z]{1,8}"), prop::option::of(1..9999u16));
    (
        1..100_000u64,
        prop::option::of(1..100_000u64),
        prop::option::of(port),
        any::<bool>(),
        any::<Option<bool>>(),
    )
        .prop_map(|(cpus, memory, port, volume, limit)| ResourceSet {
            cpus: Thousandths::from_thousandths(cpus),
            gpus: None,
            memory: memory.and_then(Megabytes::new),
            ports: Ports(
                port.map(|(number, _, env_key, vip)| {
                    let number = number.and_then(PortNumber::new);
                    let ranges = vec![PortRange { begin: 1, end: 9 }];
                    let vip = vip.and_then(PortNumber::new).map(|port| Vip { prefix: "v".to_owned(), port });
                    let number = number.map_or(PortChoice::Dynamic(ranges), PortChoice::Static);
                    ("p".parse().unwrap(), Port { number, env_key, advertise: false, vip })
                })
                .into_iter()
                .collect(),
            ),
            volumes: volume
                .then(|| Volume {
                    path: VolumePath::new("v").unwrap(),
                    kind: VolumeKind::Mount(vec!["fast".to_owned()]),
                    size: Megabytes::new(5).unwrap(),
                })
                .into_iter()
                .collect(),
            limits: ResourceLimits {
                cpus: limit.map(|bounded| {
                    if bounded {
                        Limit::AtMost(Thousandths::from_thousandths(cpus + 1).unwrap())
                    } else {
                        Limit::Unlimited
                    }
                }),
                memory: None,
            },
        })
}

prop_compose! {
    pub(crate) fn any_pod()(
        count in 0..9u32, sets in prop::collection::vec((any_set(), text(), text(), any::<bool>(), 0..3600u32), 1..4),
        placement in prop::option::of(prop_oneof![Just("hostname:UNIQUE"), Just("@zone:GROUP_BY:3,rack:LIKE:a.*"), Just(r#"{"any": [{"apart": "x"}, {"not": {"is": ["hostname", "a,b"]}}]}"#)]),
        image in prop::option::of("[a-z]{1,9}"), seccomp in any::<Option<bool>>(), rlimit in any::<Option<(u32, u32)>>(),
        flags in any::<(bool, bool, bool)>(), goal in prop_oneof![Just(Goal::Running), Just(Goal::Finish), Just(Goal::Once)],
    ) -> PodSpec {
        let mut pod = PodSpec::new(count);
        for (at, (set, cmd, value, essential, grace)) in sets.into_iter().enumerate() {
            let name: ResourceSetName = format!("t{at}-resource-set").parse().unwrap();
            let mut task = TaskSpec::new(goal, cmd, name.clone());
            task.essential = essential;
            task.kill_grace_period = Seconds(grace);
            task.kill_signal = if essential { KillSignal::SigTerm } else { KillSignal::SigQuit };
            task.env.insert("VALUE".to_owned(), value);
            if flags.2 {
                task.readiness_check = Some(ReadinessCheck { cmd: "x".to_owned(), interval: Seconds(1), delay: Seconds(grace), timeout: Seconds(2) });
                task.configs.insert("c".to_owned(), ConfigFile { template: "t".to_owned(), dest: "d".to_owned(), render: true, text: Some("x".to_owned()) });
                task.transport_encryption.push(TransportEncryption { name: "n".to_owned(), kind: EncryptionKind::Keystore });
            }
            pod = pod.resource_set(name, set).task(format!("t{at}").parse().unwrap(), task);
        }
        pod.placement = placement.and_then(|text| PlacementRule::parse(text).unwrap());
        pod.image = image;
        pod.seccomp = seccomp.map(|profile| if profile { Seccomp::Profile("p".to_owned()) } else { Seccomp::Unconfined });
        if let Some((soft, more)) = rlimit {
            let hard = u64::from(soft) + u64::from(more);
            pod.rlimits.insert(RLimitName::Nofile, RLimit::Limited { soft: soft.into(), hard });
            pod.rlimits.insert(RLimitName::Core, RLimit::Unlimited);
            pod.networks.insert("mesos-bridge".to_owned(), Network { ports: vec![PortMapping { host: 0, container: 1 }], labels: vec![("a".to_owned(), "b".to_owned())] });
            pod.secrets.insert("s".to_owned(), Secret { secret: "a/b".to_owned(), env_key: None, file: Some("f".to_owned()) });
        }
        (pod.allow_decommission, pod.share_pid_namespace) = (flags.0, flags.1);
        pod
    }
}

/// A phase whose pod has the task `t0`. Its gates are asked beside `t0`, if `t0` is a RUNNING task.
fn phase(pod: &str, kind: u8, runs: bool) -> PhaseSpec {
    let (default, t0): (_, TaskName) = (Instances::Default, "t0".parse().unwrap());
    let mut phase = PhaseSpec::new(pod.parse().unwrap());
    phase.max_unavailable = ["3", "34%"].get(usize::from(kind)).map(|most| most.parse().unwrap());
    let mut gates = Gates::default();
    if runs {
        let gate = Gate { max_age: Seconds(30 + u32::from(kind)), ..Gate::new("{{x}} ./in-sync") };
        gates.before = Some(Gate { task: (kind == 0).then(|| t0.clone()), ..gate });
    }
    match kind {
        0 => phase.gates = gates,
        1 => {
            phase.strategy = PhaseStrategy::ParallelCanary;
            phase.steps =
                Steps::Lists(vec![StepLists { instance: default, steps: vec![vec![t0.clone()], vec![t0]] }]);
        }
        _ => {
            phase.strategy = PhaseStrategy::Dependency;
            let step = |name: &str, depends_on| NamedStep {
                name: name.parse().unwrap(),
                instance: default,
                tasks: vec![t0.clone()],
                depends_on,
                gates: gates.clone(),
            };
            phase.steps = Steps::Named(vec![step("a", vec![]), step("b", vec!["a".parse().unwrap()])]);
        }
    }
    phase
}
