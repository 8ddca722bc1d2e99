//! Services for tests.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses some of these")]

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::plan::Model;
use plan_core::spec::{Files, ReadOptions, Source, read};

/// A service from its text.
pub(crate) fn model(text: &str) -> Arc<Model> {
    let env = BTreeMap::new();
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
    let reading = read(Source { file: "svc.yml", text }, &options);
    Arc::new(Model::new(reading.spec.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics))).unwrap())
}

/// Three brokers, one on a node, one after the other.
pub(crate) fn kafka() -> Arc<Model> {
    kafka_with("serial")
}

pub(crate) fn kafka_with(strategy: &str) -> Arc<Model> {
    model(&format!(
        "name: kafka
pods:
  kafka:
    count: 3
    placement: 'hostname:UNIQUE'
    tasks:
      broker:
        goal: RUNNING
        cmd: ./broker
        cpus: 1
        memory: 1024
        ports:
          broker: {{port: 9092}}
        volume: {{path: data, type: ROOT, size: 5000}}
        readiness-check: {{cmd: ./ready, interval: 5, delay: 0, timeout: 10}}
        kill-grace-period: 30
plans:
  deploy:
    strategy: serial
    phases:
      broker: {{strategy: {strategy}, pod: kafka}}
  restart:
    strategy: serial
    phases:
      broker: {{strategy: serial, pod: kafka, steps: [{{default: [[broker]]}}]}}
"
    ))
}

/// `init` once, then `main`, on one volume; two pods with dependencies; a side plan that runs a backup.
pub(crate) fn hello() -> Arc<Model> {
    model(
        "name: hello
pods:
  hello:
    count: 2
    resource-sets:
      data: {cpus: 0.5, memory: 256, volume: {path: hello-data, type: ROOT, size: 50}}
      side: {cpus: 0.1, memory: 32}
    tasks:
      init: {goal: ONCE, cmd: ./init, resource-set: data}
      main:
        goal: RUNNING
        cmd: ./main
        resource-set: data
        readiness-check: {cmd: test -e up, interval: 5, delay: 1, timeout: 10}
      backup: {goal: FINISH, cmd: ./backup, resource-set: side}
plans:
  deploy:
    strategy: serial
    phases:
      hello: {strategy: serial, pod: hello, steps: [{default: [[init], [main]]}]}
  backup:
    strategy: serial
    phases:
      backup: {strategy: parallel, pod: hello, steps: [{default: [[backup]]}]}
",
    )
}

pub(crate) fn graph() -> Arc<Model> {
    model(
        "name: graph
pods:
  meta:
    count: 2
    tasks:
      format: {goal: ONCE, cmd: ./format, cpus: 0.1, memory: 64}
      server: {goal: RUNNING, cmd: ./serve, cpus: 0.5, memory: 128}
      agent: {goal: RUNNING, cmd: ./agent, cpus: 0.1, memory: 32, essential: false}
  data:
    count: 3
    placement: 'hostname:MAX_PER:2'
    tasks:
      node: {goal: RUNNING, cmd: ./node, cpus: 0.5, memory: 128}
  web:
    count: 1
    tasks:
      web: {goal: RUNNING, cmd: ./web, cpus: 0.5, memory: 128, ports: {http: {port: 0}}}
plans:
  deploy:
    strategy: dependency
    phases:
      data: {strategy: parallel, pod: data, depends-on: [meta]}
      meta:
        strategy: dependency
        pod: meta
        steps:
          - {name: format, instance: 0, tasks: [format]}
          - {name: server, instance: default, tasks: [server, agent], depends-on: [format]}
      web: {strategy: serial, pod: web, depends-on: [meta, data]}
",
    )
}

pub(crate) fn canary(strategy: &str) -> Arc<Model> {
    model(&format!(
        "name: canary
pods:
  web:
    count: 4
    tasks:
      web: {{goal: RUNNING, cmd: ./web, cpus: 0.5, memory: 128}}
plans:
  deploy:
    strategy: serial
    phases:
      web: {{strategy: {strategy}, pod: web}}
"
    ))
}

/// Brokers, so many, of a version, each with so much memory.
pub(crate) fn brokers(count: u32, version: &str, memory: u32) -> Arc<Model> {
    brokers_with(count, version, memory, "")
}

/// The same, with more lines of the service.
pub(crate) fn brokers_with(count: u32, version: &str, memory: u32, more: &str) -> Arc<Model> {
    model(&format!(
        "name: kafka
{more}pods:
  kafka:
    count: {count}
    allow-decommission: true
    placement: 'hostname:UNIQUE'
    tasks:
      broker:
        goal: RUNNING
        cmd: ./broker
        cpus: 1
        memory: {memory}
        env: {{VERSION: '{version}'}}
        ports:
          broker: {{port: 9092}}
        volume: {{path: data, type: ROOT, size: 5000}}
        readiness-check: {{cmd: ./ready, interval: 5, delay: 0, timeout: 10}}
        kill-grace-period: 30
plans:
  deploy:
    strategy: serial
    phases:
      broker: {{strategy: serial, pod: kafka}}
  update:
    strategy: serial
    phases:
      broker: {{strategy: serial, pod: kafka}}
"
    ))
}

/// `init` once, then `main` with a sidecar, in two sets; of a version.
pub(crate) fn pair(count: u32, version: &str) -> Arc<Model> {
    model(&format!(
        "name: pair
pods:
  pair:
    count: {count}
    allow-decommission: true
    resource-sets:
      data: {{cpus: 0.5, memory: 256, volume: {{path: pair-data, type: ROOT, size: 50}}}}
      side: {{cpus: 0.1, memory: 32}}
    tasks:
      init: {{goal: ONCE, cmd: ./init, resource-set: data}}
      main: {{goal: RUNNING, cmd: ./main, resource-set: data, env: {{VERSION: '{version}'}}}}
      side: {{goal: RUNNING, cmd: ./side, resource-set: side, essential: false}}
plans:
  deploy:
    strategy: serial
    phases:
      pair: {{strategy: serial, pod: pair, steps: [{{default: [[init], [main, side]]}}]}}
  update:
    strategy: serial
    phases:
      pair: {{strategy: serial, pod: pair, steps: [{{default: [[main, side]]}}]}}
"
    ))
}

/// Four members with a sidecar, which are updated at once, as far as these keys of the phase let them; of a version.
pub(crate) fn guarded(version: &str, keys: &str) -> Arc<Model> {
    model(&format!(
        "name: guarded
pods:
  web:
    count: 4
    tasks:
      web:
        goal: RUNNING
        cmd: ./web
        cpus: 0.5
        memory: 128
        env: {{VERSION: '{version}'}}
        readiness-check: {{cmd: ./ready, interval: 5, delay: 10, timeout: 10}}
      aide: {{goal: RUNNING, cmd: ./aide, cpus: 0.1, memory: 16, essential: false}}
plans:
  deploy:
    phases:
      web: {{strategy: parallel, pod: web, steps: [{{default: [[web, aide]]}}]}}
  update:
    phases:
      web: {{strategy: parallel, pod: web, steps: [{{default: [[web]]}}], {keys}}}
"
    ))
}
