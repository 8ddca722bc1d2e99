//! The services of `specs/`: good, in every combination of their options, and deployed in the simulator.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use std::collections::{BTreeMap, BTreeSet};

use plan_core::spec::{
    Addresses, Files, ReadOptions, ServiceSpec, Source, TaskPlace, read, render_config, task_environment,
};
use program::{planwright, root};

const TREE: &str = "deploy (serial strategy) (COMPLETE)\n\
                    └─ broker (serial strategy) (COMPLETE)\n   \
                    ├─ kafka-0:[broker] (COMPLETE)\n   \
                    ├─ kafka-1:[broker] (COMPLETE)\n   \
                    └─ kafka-2:[broker] (COMPLETE)\n\n";

const TREE_OF_KRAFT: &str = "deploy (serial strategy) (COMPLETE)\n\
                             ├─ controller (parallel strategy) (COMPLETE)\n\
                             │  ├─ controller-0:[node] (COMPLETE)\n\
                             │  ├─ controller-1:[node] (COMPLETE)\n\
                             │  └─ controller-2:[node] (COMPLETE)\n\
                             └─ broker (serial strategy) (COMPLETE)\n   \
                             ├─ kafka-0:[broker] (COMPLETE)\n   \
                             ├─ kafka-1:[broker] (COMPLETE)\n   \
                             └─ kafka-2:[broker] (COMPLETE)\n\n";

#[test]
fn every_service_is_good_strictly_and_is_deployed() {
    for entry in std::fs::read_dir(root().join("specs")).unwrap() {
        let folder = format!("specs/{}", entry.unwrap().file_name().to_str().unwrap());
        let ran = planwright(&["simulate", &folder, "--strict"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{folder}: {ran}");
    }
}

#[test]
fn kafka_is_deployed_as_the_talk_shows_it() {
    let ran = planwright(&["simulate", "specs/kafka"]);
    assert!(ran.code == 0 && ran.out.starts_with(TREE), "{ran}");
}

/// The options of Kafka, each off and on.
const OPTIONS: [&[&str]; 6] = [
    &["BROKER_TLS=true", "BROKER_TLS_CLIENT_AUTH=required"],
    &["BROKER_DISK_MOUNT=true"],
    &["BROKER_DISK_PROFILES=[\"ssd\", \"nvme\"]"],
    &["KAFKA_KRAFT=true"],
    &["KAFKA_ADVERTISED_HOST=kafka.example.com", "BROKER_PORT=9092"],
    &["KAFKA_URI=https://example.com/kafka_2.13-3.9.1.tgz", "KAFKA_HOME=./kafka_2.13-3.9.1"],
];

fn options(combination: usize) -> Vec<&'static str> {
    let on = OPTIONS.iter().enumerate().filter(|(at, _)| combination >> at & 1 == 1);
    on.flat_map(|(_, values)| values.iter().copied()).collect()
}

#[test]
fn kafka_is_good_strictly_and_is_deployed_with_all_its_options() {
    for combination in 0..1 << OPTIONS.len() {
        let options = options(combination);
        let mut arguments = vec!["simulate", "specs/kafka", "--strict"];
        options.iter().for_each(|value| arguments.extend(["--env", value]));
        let ran = planwright(&arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{options:?}: {ran}");
        let tree = if options.contains(&"KAFKA_KRAFT=true") { TREE_OF_KRAFT } else { TREE };
        assert!(ran.out.starts_with(tree), "{options:?}: {ran}");
    }
}

fn kafka(options: &[&str]) -> ServiceSpec {
    let text = |name: &str| std::fs::read_to_string(root().join("specs/kafka").join(name)).unwrap();
    let (env, service) = (text("env"), text("svc.yml"));
    let lines =
        env.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).chain(options.iter().copied());
    let env: BTreeMap<String, String> = lines
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let templates = ["server.properties", "controller.properties", "start.sh", "in-sync.sh", "in-quorum.sh"];
    let templates = templates.map(|name| (name.to_owned(), text(name))).into_iter().collect();
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Texts(&templates) };
    let reading = read(Source { file: "svc.yml", text: &service }, &options);
    reading.spec.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics))
}

/// A config file of instance 1 of a pod, as its task finds it.
fn config(options: &[&str], pod: &str, task: &str, config: &str) -> String {
    let service = kafka(options);
    let (pod, task) = (pod.parse().unwrap(), task.parse().unwrap());
    let numbers = [("broker", 31092), ("broker-tls", 31093), ("controller", 9094)];
    let ports = numbers.into_iter().map(|(name, number)| (name.parse().unwrap(), number)).collect();
    let place = TaskPlace {
        service: &service,
        pod: &pod,
        index: 1,
        task: &task,
        node: None,
        ports: &ports,
        parameters: &BTreeMap::new(),
        addresses: &Addresses::default(),
    };
    let env = task_environment(&place);
    let rendered = render_config(&service.pods()[&pod].tasks[&task].configs[config], &env);
    assert!(rendered.diagnostics.is_empty(), "{options:?}: {:#?}", rendered.diagnostics);
    rendered.text
}

/// A broker's settings, as its task finds them.
fn properties(options: &[&str]) -> String {
    config(options, "kafka", "broker", "server-properties")
}

#[test]
fn a_brokers_settings_are_whole_with_all_its_options() {
    for combination in 0..1 << OPTIONS.len() {
        let options = options(combination);
        let text = properties(&options);
        let mut keys = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{options:?}: {line}"));
            assert!(!value.is_empty() && keys.insert(key), "{options:?}: {line}");
        }
        for key in ["log.dirs", "listeners", "advertised.listeners", "default.replication.factor"] {
            assert!(keys.contains(key), "{options:?}: no {key}");
        }
        assert_eq!(keys.contains("zookeeper.connect"), !keys.contains("process.roles"), "{options:?}");
    }
    insta::assert_snapshot!("kafka_properties", properties(&[]));
    insta::assert_snapshot!(
        "kafka_properties_tls_kraft",
        properties(&["BROKER_TLS=true", "KAFKA_KRAFT=true", "BROKER_PORT=9092"])
    );
    insta::assert_snapshot!(
        "kafka_properties_controller",
        config(&["KAFKA_KRAFT=true"], "controller", "node", "controller-properties")
    );
}

/// The scripts are templates too: what is left of them is a script, for every shell.
#[test]
fn scripts_of_kafka_are_scripts() {
    for (pod, task, name) in [
        ("kafka", "broker", "start"),
        ("kafka", "broker", "in-sync"),
        ("controller", "node", "start"),
        ("controller", "node", "in-quorum"),
    ] {
        let mut texts = vec![config(&["KAFKA_KRAFT=true"], pod, task, name)];
        if pod == "kafka" {
            texts.push(config(&[], pod, task, name));
        }
        for text in texts {
            let ran = std::process::Command::new("sh").args(["-n", "-c", &text]).output().unwrap();
            assert!(ran.status.success() && !text.contains("{{"), "{name}: {ran:?}\n{text}");
        }
    }
    let asks_who_is_there =
        |options: &[&str]| config(options, "kafka", "broker", "in-sync").contains("api-versions");
    assert!(asks_who_is_there(&[]) && !asks_who_is_there(&["KAFKA_KRAFT=true"]));
}

fn names(env: &str) -> BTreeSet<&str> {
    env.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect()
}

/// The values of one machine are values that the specification has, and it is good with them.
#[test]
fn kafka_is_good_on_one_machine() {
    let text = |name: &str| std::fs::read_to_string(root().join("specs/kafka").join(name)).unwrap();
    let (all, laptop) = (text("env"), text("laptop.env"));
    assert!(names(&laptop).is_subset(&names(&all)), "{laptop}");
    let ran = planwright(&[
        "simulate",
        "specs/kafka",
        "--env-file",
        "specs/kafka/laptop.env",
        "--nodes=1",
        "--strict",
    ]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran}");
    assert!(ran.out.contains("└─ kafka-2:[broker] (COMPLETE)"), "{ran}");
}

/// Whoever sets a value finds in `env` what it is for.
#[test]
fn every_variable_of_kafka_has_a_default() {
    let service = std::fs::read_to_string(root().join("specs/kafka/svc.yml")).unwrap();
    let env = std::fs::read_to_string(root().join("specs/kafka/env")).unwrap();
    let mut used = BTreeSet::new();
    for tag in service.split("{{").skip(1) {
        let name = tag.trim_start_matches(['{', '#', '^', '/']);
        used.insert(&name[..name.find('}').unwrap()]);
    }
    assert_eq!(used, names(&env));
}
