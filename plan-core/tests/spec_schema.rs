//! The JSON Schema for editors: it accepts every good file, and every file that it refuses has an error.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "it reads all files of `specs/`")]

mod spec_support;

use plan_core::spec::template::{Missing, render};
use plan_core::spec::{Code, json_schema};
use serde_json::Value;
use spec_support::{env, phase, plans, pod, read_with, task};

fn validator() -> jsonschema::Validator {
    let schema = json_schema();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// A file as an editor sees it: every mapping's keys as text.
fn json(text: &str) -> Value {
    fn convert(value: serde_yaml::Value) -> Value {
        use serde_yaml::Value as Yaml;
        match value {
            Yaml::Mapping(map) => Value::Object(
                map.into_iter()
                    .map(|(key, value)| {
                        (serde_yaml::to_string(&key).unwrap().trim().to_owned(), convert(value))
                    })
                    .collect(),
            ),
            Yaml::Sequence(values) => values.into_iter().map(convert).collect(),
            Yaml::Tagged(tagged) => convert(tagged.value),
            other => serde_json::to_value(&other).unwrap(),
        }
    }
    convert(serde_yaml::from_str(text).unwrap())
}

fn problems(validator: &jsonschema::Validator, text: &str) -> Vec<String> {
    validator.iter_errors(&json(text)).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_file_of_ours_fits() {
    let validator = validator();
    let specs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let mut seen = 0;
    for entry in std::fs::read_dir(specs).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(folder.join("svc.yml")) else { continue };
        let values = std::fs::read_to_string(folder.join("env")).unwrap_or_default();
        let pairs: Vec<_> = values.lines().filter_map(|line| line.split_once('=')).collect();
        let rendered = render(&text, &env(&pairs), Missing::Empty);
        assert_eq!(problems(&validator, &rendered.text), [""; 0], "{}", folder.display());
        seen += 1;
    }
    assert!(seen >= 2, "there are files in specs/");
    for text in [
        include_str!("specs/hello-world.yml").to_owned(),
        include_str!("specs/init-main.yml").to_owned(),
        pod(
            "networks: {dcos: }\nrlimits: {RLIMIT_AS: , RLIMIT_CORE: {soft: -1, hard: -1}}\nuris:\nallow-decommission: 'true'\ncontainer: x",
        ),
        task(
            "goal: once\ncpus: '0.5'\nmemory: 64.0\nenv: {A: , B: 1, C: true}\nresource-limits: {cpus: , memory: UNLIMITED}\nports: {a: {port: 0, ranges: [{begin: 10, end: }]}}",
        ),
        plans(
            "plans: {deploy: {strategy: parallel, phases: {a: {pod: world, steps: [{0: [[server]]}, {default: []}]}}}}",
        ),
        phase("strategy: dependency\nsteps:\n- {name: a, instance: 0, tasks: [side]}"),
    ] {
        assert_eq!(problems(&validator, &text), [""; 0], "{text}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_of_the_file() {
    let validator = validator();
    let refused = [
        "- a\n".to_owned(),
        "name: x\n".to_owned(),
        pod("").replace("name: svc", "nmae: svc"),
        pod("").replace("count: 2", "count: -1"),
        pod("").replace("count: 2", "count: two"),
        pod("").replace("cpus: 0.5", "cpus: 0"),
        pod("").replace("goal: RUNNING", "goal: FINISHED"),
        pod("uris: x"),
        pod("ipc-mode: SHARED"),
        pod("rlimits: {RLIMIT_NONSENSE: {}}"),
        pod("share-pid-namespace: yes").replace("yes", "'yes'"),
        pod("host-volumes: {a: {host-path: /etc}}"),
        task("goal: RUNNING\ncpus: 1\nports: {a: {port: 80800}}"),
        task("goal: RUNNING\ncpus: 1\nresource-limits: {mem: 1}"),
        plans("plans: {deploy: {strategy: canary, phases: {a: {pod: world}}}}"),
        plans("plans: {deploy: {phases: {a: {pod: world, steps: [{first: [[a]]}]}}}}"),
    ];
    for text in refused {
        assert!(!problems(&validator, &text).is_empty(), "{text}");
        assert!(read_with(&text, &[]).spec.is_none(), "{text}");
    }
    // The same for the examples of all codes: every file that the schema refuses has an error.
    for code in Code::ALL {
        let example = code.example();
        let rendered = render(example.file, &env(example.values), Missing::Empty).text;
        let is_form = matches!(
            code,
            Code::UnknownKey
                | Code::MissingKey
                | Code::WrongType
                | Code::Value
                | Code::Quantity
                | Code::Goal
                | Code::Step
        );
        let Ok(value) = serde_yaml::from_str::<serde_yaml::Value>(&rendered) else { continue };
        let refused = value.is_null() || !problems(&validator, &rendered).is_empty();
        let bad = read_with(example.file, example.values).spec.is_none();
        assert!(bad || !refused, "{code}");
        assert!(refused || !is_form || *code == Code::UnknownKey, "{code}");
    }
}
