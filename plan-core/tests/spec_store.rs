//! Services that come from code, or from a store: judged by the rules of a file, in its words; and what is
//! written is read back as it was.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use indexmap::IndexMap;
use plan_core::spec::*;
use proptest::prelude::*;
use spec_support::{good, read_files, read_with, told};

fn set(cpus: &str) -> ResourceSet {
    ResourceSet { cpus: Some(cpus.parse().unwrap()), ..ResourceSet::default() }
}

fn pod() -> PodSpec {
    PodSpec::new(2).resource_set("server-resource-set".parse().unwrap(), set("0.1")).task(
        "server".parse().unwrap(),
        TaskSpec::new(Goal::Running, "./serve", "server-resource-set".parse().unwrap()),
    )
}

fn builder() -> ServiceBuilder {
    ServiceSpec::builder("svc".parse().unwrap())
}

fn found(builder: ServiceBuilder) -> Vec<String> {
    builder.build().unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_builder_makes_what_a_file_makes() {
    let built = builder().pod("hello".parse().unwrap(), pod()).build().unwrap();
    let text =
        "name: svc\npods: {hello: {count: 2, tasks: {server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}}}}\n";
    assert_eq!(built, good(text, &[]));
    let full = builder()
        .pod("hello".parse().unwrap(), pod())
        .web_url("http://x/")
        .replacement_failure_policy(ReplacementFailurePolicy::default())
        .scheduler(SchedulerSpec { user: Some("nobody".to_owned()), ..SchedulerSpec::default() })
        .plan("deploy".parse().unwrap(), PlanSpec { strategy: PlanStrategy::Parallel, ..PlanSpec::default() })
        .build()
        .unwrap();
    assert_eq!(full.replacement_failure_policy(), Some(&ReplacementFailurePolicy::default()));
    assert_eq!((full.web_url(), full.plans()["deploy"].phases.len()), (Some("http://x/"), 0));
}

#[test]
fn a_builder_is_judged_as_a_file_is() {
    assert_eq!(found(builder()), ["error[P030] pods: the service has no pod"]);
    assert_eq!(
        found(builder().pod("a".parse().unwrap(), pod()).pod("a".parse().unwrap(), pod())),
        ["error[P033] pods.a: the pod `a` is added twice"]
    );
    let mut wrong = pod().task("b".parse().unwrap(), TaskSpec::new(Goal::Once, "x", "none".parse().unwrap()));
    wrong.ipc_mode = Some(IpcMode::ShareParent);
    wrong.tasks["server"].kill_grace_period = Seconds(4000);
    let plan = PlanSpec {
        phases: IndexMap::from([("p".parse().unwrap(), PhaseSpec::new("b".parse().unwrap()))]),
        on_change: vec!["kount".to_owned()],
        ..PlanSpec::default()
    };
    assert_eq!(
        found(builder().pod("a".parse().unwrap(), wrong).plan("update".parse().unwrap(), plan)),
        [
            "error[P043] pods.a.ipc-mode: a pod's ipc-mode cannot be SHARE_PARENT",
            "error[P073] pods.a.tasks.server.kill-grace-period: a kill-grace-period of 4000 s is above 3600 s",
            "error[P067] pods.a.tasks.b.resource-set: the pod has no resource set `none`",
            "error[P031] plans: there are plans, but no `deploy` plan among them",
            "error[P094] plans.update.on-change[0]: `kount` names no field that can change: there is nothing called `kount`",
            "error[P080] plans.update.phases.p.pod: there is no pod `b`",
        ]
    );
    let policy = ReplacementFailurePolicy {
        permanent_failure_timeout: Seconds(0),
        ..ReplacementFailurePolicy::default()
    };
    assert_eq!(
        found(builder().pod("a".parse().unwrap(), pod()).replacement_failure_policy(policy)),
        [
            "error[P010] replacement-failure-policy.permanent-failure-timeout-secs: a permanent-failure-timeout-secs \
          of 0 would replace every instance at its first failure"
        ]
    );
    let empty = PodSpec::new(1).resource_set("s".parse().unwrap(), ResourceSet::default());
    assert_eq!(
        found(builder().pod("a".parse().unwrap(), empty)),
        [
            "error[P040] pods.a.tasks: the pod has no task",
            "error[P060] pods.a.resource-sets.s: there are no resources"
        ]
    );
}

#[test]
fn a_stored_service_is_judged_too() {
    let spec = builder().pod("hello".parse().unwrap(), pod()).build().unwrap();
    let json = serde_json::to_string(&spec).unwrap();
    let wrong = json.replace("\"resource-set\":\"server-resource-set\"", "\"resource-set\":\"other\"");
    let error = serde_json::from_str::<ServiceSpec>(&wrong).unwrap_err().to_string();
    assert!(error.contains("P067") && error.contains("pods.hello.tasks.server.resource-set"), "{error}");
    let error = serde_json::from_str::<ServiceSpec>("{\"name\":\"x\",\"pods\":{},\"polds\":1}")
        .unwrap_err()
        .to_string();
    assert!(error.contains("unknown field `polds`"), "{error}");
}

#[test]
fn a_diagnostic_is_data() {
    let text = "name: x\npods: {a: {count: 1, tasks: {t: {goal: RUNING, cmd: x, cpus: 1}}}}\n";
    let reading = read_with(text, &[]);
    let json = serde_json::to_value(&reading.diagnostics[0]).unwrap();
    let expected = serde_json::json!({
        "code": "P071", "severity": "error", "path": "pods.a.tasks.t.goal",
        "message": "unsupported goal `RUNING`, expected one of: RUNNING, FINISH, ONCE",
        "span": {"start": 47, "end": 53}, "help": "did you mean `RUNNING`?", "nearest": "RUNNING",
    });
    assert_eq!(json, expected);
    let lines = Lines::new(text);
    let span = reading.diagnostics[0].span.unwrap();
    assert_eq!((lines.position(span.start), lines.columns(span)), (Position { line: 2, column: 40 }, 40..46));
    assert_eq!(lines.line(span.start), text.lines().nth(1).unwrap());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 é\"'{}:#\\\\-]{0,12}",
        "[ \n\t{}a|>~-]{0,9}",
        "\\PC{0,6}|true|null|~|0x1F|.inf|[{][{]X[}][}]|1_0"
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
    fn any_pod()(
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
            task.env.insert("VALUE".to_owned(), value);
            if flags.2 {
                task.readiness_check = Some(ReadinessCheck { cmd: "x".to_owned(), interval: Seconds(1), delay: Seconds(grace), timeout: Seconds(2) });
                task.configs.insert("c".to_owned(), ConfigFile { template: "t".to_owned(), dest: "d".to_owned(), text: Some("x".to_owned()) });
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

fn phase(pod: &str, kind: u8) -> PhaseSpec {
    let (default, t0): (_, TaskName) = (Instances::Default, "t0".parse().unwrap());
    let mut phase = PhaseSpec::new(pod.parse().unwrap());
    match kind {
        0 => {}
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
            };
            phase.steps = Steps::Named(vec![step("a", vec![]), step("b", vec!["a".parse().unwrap()])]);
        }
    }
    phase
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(pods in prop::collection::vec((any_pod(), 0..3u8), 1..4), web in any::<bool>(), policy in any::<Option<(u8, u8)>>(), planned in any::<bool>()) {
        let mut builder = builder();
        let on_change = vec!["pods.pod-0".to_owned(), "count".to_owned()];
        let mut plan = PlanSpec { strategy: PlanStrategy::Dependency, on_change, ..PlanSpec::default() };
        let mut before: Vec<PhaseName> = Vec::new();
        for (at, (pod, kind)) in pods.into_iter().enumerate() {
            let name = format!("pod-{at}");
            let mut phase = phase(&name, kind);
            phase.depends_on = before.clone();
            before.push(name.parse().unwrap());
            plan.phases.insert(name.parse().unwrap(), phase);
            builder = builder.pod(name.parse().unwrap(), pod);
        }
        if planned {
            builder = builder.plan("deploy".parse().unwrap(), plan);
        }
        if web {
            builder = builder.web_url("http://x/y");
        }
        if let Some((timeout, delay)) = policy {
            builder = builder.replacement_failure_policy(ReplacementFailurePolicy {
                permanent_failure_timeout: Seconds(u32::from(timeout) * 120 + 1),
                min_replace_delay: Seconds(u32::from(delay) * 20),
            });
        }
        let spec = builder.build().unwrap();
        let json = serde_json::to_string(&spec).unwrap();
        prop_assert_eq!(json.contains("replacement-failure-policy"), policy.is_some());
        let back: ServiceSpec = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&back, &spec);
        // Order is meaning, and equality of maps does not see it.
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), json);
        let back: ServiceSpec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
        prop_assert_eq!(&back, &spec);
        let yaml = spec.to_yaml();
        let templates = spec.config_templates();
        let reading = read_files(&yaml, &[], Files::Texts(&templates));
        prop_assert!(reading.spec.is_some(), "{}\n{:?}", yaml, told(&yaml, &reading));
        let back = reading.spec.unwrap();
        prop_assert_eq!(&back, &spec, "{}", yaml);
        prop_assert!(back.pods().keys().eq(spec.pods().keys()) && back.plans().keys().eq(spec.plans().keys()));
        prop_assert_eq!(back.to_yaml(), yaml);
    }
}
