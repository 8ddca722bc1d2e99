//! Whole specifications, as people write them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use plan_core::spec::{Goal, Instances, PhaseStrategy, PlanStrategy, ServiceSpec, StepLists, Steps};
use spec_support::{good, read_with, told};

fn steps(spec: &ServiceSpec, phase: &str) -> Vec<StepLists> {
    match &spec.plans()["deploy"].phases[phase].steps {
        Steps::Lists(lists) => lists.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hello_world_with_checks() {
    let spec = good(include_str!("specs/hello-world.yml"), &[]);
    let task = &spec.pods()["hello"].tasks["server"];
    let health = task.health_check.as_ref().unwrap();
    assert_eq!(
        (health.cmd.as_str(), health.grace_period.0, health.max_consecutive_failures.get()),
        ("./check-up", 30, 3)
    );
    assert_eq!(task.readiness_check.as_ref().unwrap().timeout.0, 10);
    let deploy = &spec.plans()["deploy"];
    assert_eq!(
        (deploy.strategy, deploy.phases["hello"].strategy),
        (PlanStrategy::Serial, PhaseStrategy::Serial)
    );
}

#[test]
fn init_and_main_take_turns() {
    let text = include_str!("specs/init-main.yml");
    let spec = good(text, &[]);
    let pod = &spec.pods()["hello"];
    assert_eq!((pod.tasks["init"].goal, pod.tasks["main"].goal), (Goal::Once, Goal::Running));
    assert_eq!(pod.resource_sets["hello-resources"].volumes[0].size.get(), 5000);
    let lists = steps(&spec, "hello-phase");
    assert_eq!(lists[0].instance, Instances::Default);
    assert_eq!(lists[0].steps.iter().map(|step| step[0].as_str()).collect::<Vec<_>>(), ["init", "main"]);
    // Both tasks cannot be in one step, as they share a resource set.
    let text = text.replace("[[init], [main]]", "[[init, main]]");
    let found = told(&text, &read_with(&text, &[]));
    assert!(found.len() == 1 && found[0].starts_with("31:30 P086"), "{found:?}");
}

#[test]
fn packages_are_rendered() {
    let simple = [
        ("SERVICE_NAME", "web"),
        ("SERVICE_PRINCIPAL", ""),
        ("SERVICE_USER", "nobody"),
        ("WEB_COUNT", "1"),
        ("WEB_CPUS", "0.1"),
        ("WEB_MEM", "252"),
        ("SECONDS_TO_LIVE", "1000"),
    ];
    let spec = good(include_str!("specs/simple.yml"), &simple);
    assert_eq!(spec.pods()["web"].tasks["server"].env["SECONDS_TO_LIVE"], "1000");
    assert_eq!(spec.scheduler().principal, None);
    // A missing value is one more problem.
    let text = include_str!("specs/simple.yml");
    let found = told(text, &read_with(text, &simple[..6]));
    assert!(
        found.len() == 1 && found[0].starts_with("16:28 P020 the variable `SECONDS_TO_LIVE`"),
        "{found:?}"
    );

    let two = [
        ("SERVICE_NAME", "two"),
        ("FRONT_COUNT", "1"),
        ("FRONT_PLACEMENT", "[[\"hostname\", \"UNIQUE\"]]"),
        ("NOFILE", "128000"),
        ("FRONT_CPUS", "0.1"),
        ("FRONT_MEM", "252"),
        ("DISK", "25"),
        ("FRONT_LABELS", ""),
        ("BACK_COUNT", "2"),
        ("BACK_PLACEMENT", "[]"),
        ("BACK_CPUS", "0.2"),
        ("BACK_MEM", "512"),
        ("READY_INTERVAL", "5"),
        ("READY_DELAY", "0"),
        ("READY_TIMEOUT", "10"),
        ("GRACE", "0"),
    ];
    let spec = good(include_str!("specs/two-pods.yml"), &two);
    let (front, back) = (&spec.pods()["front"], &spec.pods()["back"]);
    assert!(front.placement.is_some() && back.placement.is_none() && back.allow_decommission);
    assert!(front.tasks["server"].labels.is_empty());
    assert!(back.tasks["server"].cmd.starts_with("# a comment of the shell, not of YAML\n"));
    assert_eq!(back.resource_sets["server-resource-set"].volumes.len(), 2);
}

#[test]
fn canaries_and_steps_from_outside() {
    let spec = good(
        include_str!("specs/canary.yml"),
        &[("SERVICE_NAME", "c"), ("FRONT_COUNT", "3"), ("BACK_COUNT", "4")],
    );
    let phases = &spec.plans()["deploy"].phases;
    assert_eq!(
        (phases["front"].strategy, phases["back"].strategy),
        (PhaseStrategy::ParallelCanary, PhaseStrategy::SerialCanary)
    );

    let text = include_str!("specs/custom-steps.yml");
    let from = |steps| [("SERVICE_NAME", "c"), ("DEPLOY_STRATEGY", "parallel"), ("DEPLOY_STEPS", steps)];
    let sizes = |spec: &ServiceSpec| steps(spec, "web")[0].steps.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&good(text, &from("[[first, second, third]]"))), [3]);
    assert_eq!(sizes(&good(text, &from("[[first],[second, third]]"))), [1, 2]);
    assert_eq!(sizes(&good(text, &from(""))), [1, 1, 1]);
    // The place of a wrong value is the variable's tag.
    let reading = read_with(text, &from("[[first],[secnd]]"));
    assert!(told(text, &reading)[0].starts_with("19:22 P081"), "{:?}", told(text, &reading));
    assert_eq!(reading.diagnostics[0].variable.as_deref(), Some("DEPLOY_STEPS"));
}

#[test]
fn both_yaml_readers_see_the_same_values() {
    // serde-saphyr reads specifications. Another YAML reader must read the same values.
    for text in [include_str!("specs/hello-world.yml"), include_str!("specs/init-main.yml")] {
        let spec = good(text, &[]);
        let other: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(other["name"].as_str(), Some(spec.name().as_str()));
        for (name, pod) in spec.pods() {
            let there = &other["pods"][name.as_str()];
            assert_eq!(there["count"].as_u64(), Some(pod.count.into()));
            for (name, task) in &pod.tasks {
                assert_eq!(there["tasks"][name.as_str()]["cmd"].as_str(), Some(task.cmd.as_str()));
            }
        }
    }
}
