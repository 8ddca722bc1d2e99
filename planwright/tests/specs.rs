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
const OPTIONS: [&[&str]; 5] = [
    &["BROKER_TLS=true", "BROKER_TLS_CLIENT_AUTH=required"],
    &["BROKER_DISK_MOUNT=true"],
    &["BROKER_DISK_PROFILES=[\"ssd\", \"nvme\"]"],
    &["KAFKA_KRAFT=true"],
    &["KAFKA_ADVERTISED_HOST=kafka.example.com", "BROKER_PORT=9092"],
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
        let parallel = TREE.replace("broker (serial", "broker (parallel");
        let tree = if options.contains(&"KAFKA_KRAFT=true") { &parallel } else { TREE };
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
    let templates = BTreeMap::from([("server.properties".to_owned(), text("server.properties"))]);
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Texts(&templates) };
    let reading = read(Source { file: "svc.yml", text: &service }, &options);
    reading.spec.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics))
}

/// A broker's settings, as its task finds them.
fn properties(options: &[&str]) -> String {
    let service = kafka(options);
    let (pod, task) = ("kafka".parse().unwrap(), "broker".parse().unwrap());
    let numbers = [("broker", 31092), ("broker-tls", 31093)];
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
    let config = &service.pods()[&pod].tasks[&task].configs["server-properties"];
    let rendered = render_config(config, &env);
    assert!(rendered.diagnostics.is_empty(), "{options:?}: {:#?}", rendered.diagnostics);
    rendered.text
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
}

/// Whoever sets a value finds in `env` what it is for.
#[test]
fn every_variable_of_kafka_has_a_default() {
    let service = std::fs::read_to_string(root().join("specs/kafka/svc.yml")).unwrap();
    let env = std::fs::read_to_string(root().join("specs/kafka/env")).unwrap();
    let known: BTreeSet<&str> = env.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let mut used = BTreeSet::new();
    for tag in service.split("{{").skip(1) {
        let name = tag.trim_start_matches(['{', '#', '^', '/']);
        used.insert(&name[..name.find('}').unwrap()]);
    }
    assert_eq!(used, known.into_iter().filter(|name| !name.starts_with('#')).collect());
}
