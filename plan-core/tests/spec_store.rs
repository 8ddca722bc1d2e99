//! Services that come from code or from a store: they are checked by the rules of a file, with the same messages. A
//! service that is written is read back unchanged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use indexmap::IndexMap;
use plan_core::spec::*;
use proptest::prelude::*;
use spec_support::arbitrary::any_parts;
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

proptest! {
    #[test]
    fn what_is_written_is_read_back(parts in any_parts()) {
        let spec = parts.build();
        let json = serde_json::to_string(&spec).unwrap();
        prop_assert_eq!(json.contains("replacement-failure-policy"), parts.policy.is_some());
        let back: ServiceSpec = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&back, &spec);
        // Order has a meaning, and the equality of maps ignores it.
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
