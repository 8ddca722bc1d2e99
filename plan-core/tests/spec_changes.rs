//! The table of changes, compared with the types, with the keys of a file, and with the hashes of configurations, by
//! which the engine decides which tasks to relaunch.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use std::collections::{BTreeMap, BTreeSet};

use plan_core::plan::Model;
use plan_core::spec::change::rules;
use plan_core::spec::{
    Change, ChangeRule, ChangeVerdict, Files, ServiceSpec, changes, converging_plan, json_schema, matches,
};
use proptest::prelude::*;
use serde_json::Value;
use spec_support::arbitrary::{any_pair, any_parts};
use spec_support::read_files;

use ChangeVerdict::{Live, Refused, Resizes, Restarts};

/// A file with every key. No value is the default.
const FULL: &str = include_str!("specs/full.yml");

fn all() -> impl Iterator<Item = &'static ChangeRule> {
    rules().iter().flat_map(|group| group.rules)
}

fn service(text: &str, template: &str) -> ServiceSpec {
    let templates = BTreeMap::from(
        [("broker.tpl", template), ("other.tpl", "other")]
            .map(|(name, text)| (name.to_owned(), text.to_owned())),
    );
    let reading = read_files(text, &[], Files::Texts(&templates));
    reading.spec.clone().unwrap_or_else(|| panic!("{text}\n{:#?}", spec_support::told(text, &reading)))
}

/// The file with one part replaced.
fn edited(from: &str, to: &str) -> String {
    assert_eq!(FULL.matches(from).count(), 1, "`{from}` is not there once");
    FULL.replace(from, to)
}

/// The tasks that both specifications have, as `pod.task`, and whether their configurations differ.
fn tasks(old: &ServiceSpec, new: &ServiceSpec) -> BTreeMap<String, bool> {
    let hashes = |spec: &ServiceSpec| -> BTreeMap<String, _> {
        let model = Model::new(spec.clone()).unwrap();
        let pods = model.pods().iter();
        pods.flat_map(|pod| pod.tasks.iter().map(|task| (format!("{}.{}", pod.name, task.name), task.conf)))
            .collect()
    };
    let (old, new) = (hashes(old), hashes(new));
    old.into_iter()
        .filter_map(|(task, conf)| {
            Some((new.get(&task)?, task, conf)).map(|(new, task, conf)| (task, *new != conf))
        })
        .collect()
}

/// Whether a change is about a task's configuration.
fn affects(change: &Change, new: &ServiceSpec, task: &str) -> bool {
    let (pod, name) = task.split_once('.').unwrap();
    let of_set = || {
        let set = change
            .path
            .strip_prefix(&format!("pods.{pod}.resource-sets."))
            .map(|rest| rest.split('.').next());
        set.is_none_or(|set| set == Some(new.pods()[pod].tasks[name].resource_set.as_str()))
    };
    change.pod.as_ref().is_none_or(|other| other == pod)
        && change.task.as_ref().is_none_or(|other| other == name)
        && of_set()
}

/// Checks that a task is relaunched if and only if a change says so.
fn agrees(old: &ServiceSpec, new: &ServiceSpec, found: &[Change]) {
    for (task, differs) in tasks(old, new) {
        let of_it: Vec<&Change> = found.iter().filter(|change| affects(change, new, &task)).collect();
        let restarts = of_it.iter().any(|change| matches!(change.verdict, Restarts | Resizes));
        let refused = of_it.iter().any(|change| change.verdict == Refused);
        assert!(if differs { restarts || refused } else { !restarts }, "{task}: {differs}\n{of_it:#?}");
    }
    for change in found {
        let rule = all().find(|rule| rule.field == change.field).unwrap_or_else(|| panic!("{change:?}"));
        assert!(rule.verdicts.contains(&change.verdict), "{change}");
        assert_eq!(change.why.is_some(), change.verdict == Refused, "{change}");
        for entry in [change.path.as_str(), change.field, change.field.split('.').next().unwrap()] {
            assert!(matches(entry, change), "`{entry}` and {change}");
        }
        for text in change.old.iter().chain(&change.new) {
            assert!(text.chars().count() <= 62 && !text.contains('\n'), "{text}");
        }
    }
}

/// A part of the file, its replacement, and the changes of that.
type Row = (&'static str, &'static str, &'static [(&'static str, ChangeVerdict)]);

const ROWS: &[Row] = &[
    ("name: svc", "name: other", &[("name", Refused)]),
    ("web-url: http://a/", "web-url: http://b/", &[("web-url", Live)]),
    ("principal: p", "principal: q", &[("scheduler.principal", Refused)]),
    ("principal: p", "principal:", &[("scheduler.principal", Refused)]),
    ("zookeeper: 'a:1,b:1,c:1/x'", "zookeeper: 'd:1,c:1/x/'", &[("scheduler.zookeeper", Live)]),
    ("zookeeper: 'a:1,b:1,c:1/x'", "zookeeper: 'a:1,b:1,c:1/y'", &[("scheduler.zookeeper", Refused)]),
    ("zookeeper: 'a:1,b:1,c:1/x'", "zookeeper: 'd:1,e:1/x'", &[("scheduler.zookeeper", Refused)]),
    ("zookeeper: 'a:1,b:1,c:1/x'", "zookeeper:", &[("scheduler.zookeeper", Refused)]),
    ("user: nobody", "user: somebody", &[("scheduler.user", Refused)]),
    ("user: nobody", "user:", &[("scheduler.user", Refused)]),
    (
        "permanent-failure-timeout-secs: 100",
        "permanent-failure-timeout-secs: 200",
        &[("replacement-failure-policy.permanent-failure-timeout-secs", Live)],
    ),
    (
        "min-replace-delay-secs: 10",
        "min-replace-delay-secs: 20",
        &[("replacement-failure-policy.min-replace-delay-secs", Live)],
    ),
    (
        "replacement-failure-policy: {permanent-failure-timeout-secs: 100, min-replace-delay-secs: 10}",
        "",
        &[
            ("replacement-failure-policy.permanent-failure-timeout-secs", Live),
            ("replacement-failure-policy.min-replace-delay-secs", Live),
        ],
    ),
    // Pods.
    ("count: 3", "count: 4", &[("pods.kafka.count", Live)]),
    ("count: 3", "count: 2", &[("pods.kafka.count", Live)]),
    (
        "    count: 3\n    allow-decommission: true",
        "    count: 2",
        &[("pods.kafka.count", Refused), ("pods.kafka.allow-decommission", Live)],
    ),
    ("count: 5", "count: 4", &[("pods.side.count", Refused)]),
    (
        "count: 5",
        "count: 4\n    allow-decommission: true",
        &[("pods.side.count", Live), ("pods.side.allow-decommission", Live)],
    ),
    ("    allow-decommission: true\n", "", &[("pods.kafka.allow-decommission", Live)]),
    ("placement: hostname:UNIQUE", "placement: hostname:MAX_PER:2", &[("pods.kafka.placement", Live)]),
    ("placement: hostname:UNIQUE", "", &[("pods.kafka.placement", Live)]),
    ("image: a/b:1", "image: a/b:2", &[("pods.kafka.image", Restarts)]),
    ("image: a/b:1", "", &[("pods.kafka.image", Restarts)]),
    ("host-ports: [80]", "host-ports: [81]", &[("pods.kafka.networks.mesos-bridge.host-ports", Restarts)]),
    (
        "container-ports: [8080]",
        "container-ports: [8081]",
        &[("pods.kafka.networks.mesos-bridge.container-ports", Restarts)],
    ),
    ("labels: 'n:1'", "labels: 'n:2'", &[("pods.kafka.networks.mesos-bridge.labels", Restarts)]),
    (
        "networks: {dcos: {}}",
        "networks: {dcos: {}, mesos-bridge: {}}",
        &[("pods.side.networks.mesos-bridge", Refused)],
    ),
    (
        "networks: {dcos: {}}",
        "networks: {mesos-bridge: {}}",
        &[("pods.side.networks.dcos", Refused), ("pods.side.networks.mesos-bridge", Refused)],
    ),
    ("networks: {dcos: {}}", "", &[("pods.side.networks.dcos", Refused)]),
    (
        "networks: {mesos-bridge: {host-ports: [80], container-ports: [8080], labels: 'n:1'}}",
        "",
        &[("pods.kafka.networks.mesos-bridge", Restarts)],
    ),
    ("soft: 1", "soft: 2", &[("pods.kafka.rlimits.RLIMIT_NOFILE.soft", Restarts)]),
    ("hard: 10", "hard: 11", &[("pods.kafka.rlimits.RLIMIT_NOFILE.hard", Restarts)]),
    (
        "{soft: 1, hard: 10}",
        "",
        &[
            ("pods.kafka.rlimits.RLIMIT_NOFILE.soft", Restarts),
            ("pods.kafka.rlimits.RLIMIT_NOFILE.hard", Restarts),
        ],
    ),
    ("rlimits: {RLIMIT_NOFILE: {soft: 1, hard: 10}}", "", &[("pods.kafka.rlimits.RLIMIT_NOFILE", Restarts)]),
    ("uris: [http://a/, http://b/]", "uris: [http://b/, http://a/]", &[("pods.kafka.uris", Restarts)]),
    (
        "one: {path: pod-a, type: ROOT, size: 10}",
        "one: {path: pod-a, type: ROOT, size: 11}",
        &[("pods.kafka.volumes.pod-a.size", Refused)],
    ),
    (
        "one: {path: pod-a, type: ROOT, size: 10}",
        "one: {path: pod-a, type: MOUNT, size: 10}",
        &[("pods.kafka.volumes.pod-a.type", Refused)],
    ),
    ("one: {path: pod-a, type: ROOT, size: 10}", "", &[("pods.kafka.volumes.pod-a", Refused)]),
    (
        "one: {path: pod-a,",
        "one: {path: pod-c,",
        &[("pods.kafka.volumes.pod-a", Refused), ("pods.kafka.volumes.pod-c", Refused)],
    ),
    ("profiles: [p1]", "profiles: [p2]", &[("pods.kafka.volumes.pod-b.profiles", Refused)]),
    (
        "      one: {path: pod-a, type: ROOT, size: 10}\n      two: {path: pod-b, type: MOUNT, profiles: [p1], size: 20}\n",
        "      two: {path: pod-b, type: MOUNT, profiles: [p1], size: 20}\n      one: {path: pod-a, type: ROOT, size: 10}\n",
        &[("pods.kafka.volumes", Restarts)],
    ),
    ("host-path: /etc", "host-path: /usr", &[("pods.kafka.host-volumes.etc.host-path", Restarts)]),
    (
        "container-path: etc,",
        "container-path: usr,",
        &[("pods.kafka.host-volumes.etc.container-path", Restarts)],
    ),
    (", mode: RO", "", &[("pods.kafka.host-volumes.etc.mode", Restarts)]),
    (
        "host-volumes: {etc:",
        "host-volumes: {etd:",
        &[("pods.kafka.host-volumes.etc", Restarts), ("pods.kafka.host-volumes.etd", Restarts)],
    ),
    (
        "container-path: ext,",
        "container-path: ex,",
        &[("pods.kafka.external-volumes.x.container-path", Restarts)],
    ),
    ("driver-name: pxd", "driver-name: rexray", &[("pods.kafka.external-volumes.x.driver-name", Restarts)]),
    (
        "driver-options: a=b",
        "driver-options: a=c",
        &[("pods.kafka.external-volumes.x.driver-options", Restarts)],
    ),
    ("volume-name: v", "volume-name: w", &[("pods.kafka.external-volumes.x.volume-name", Restarts)]),
    (", volume-mode: RO", "", &[("pods.kafka.external-volumes.x.volume-mode", Restarts)]),
    (
        "external-volumes: {x:",
        "external-volumes: {y:",
        &[("pods.kafka.external-volumes.x", Restarts), ("pods.kafka.external-volumes.y", Restarts)],
    ),
    ("secret: a/b", "secret: a/c", &[("pods.kafka.secrets.s.secret", Restarts)]),
    ("env-key: SECRET", "env-key: TOKEN", &[("pods.kafka.secrets.s.env-key", Restarts)]),
    ("file: f", "file: g", &[("pods.kafka.secrets.s.file", Restarts)]),
    (
        "secrets: {s:",
        "secrets: {t:",
        &[("pods.kafka.secrets.s", Restarts), ("pods.kafka.secrets.t", Restarts)],
    ),
    ("pre-reserved-role: role", "pre-reserved-role: '*'", &[("pods.kafka.pre-reserved-role", Refused)]),
    ("share-pid-namespace: true", "", &[("pods.kafka.share-pid-namespace", Restarts)]),
    ("seccomp-profile-name: s", "seccomp-profile-name: t", &[("pods.kafka.seccomp-profile-name", Restarts)]),
    (
        "seccomp-profile-name: s",
        "seccomp-unconfined: true",
        &[("pods.kafka.seccomp-unconfined", Restarts), ("pods.kafka.seccomp-profile-name", Restarts)],
    ),
    ("    ipc-mode: PRIVATE\n    shm-size: 5", "    shm-size: 5", &[("pods.kafka.ipc-mode", Restarts)]),
    ("    shm-size: 5", "    shm-size: 6", &[("pods.kafka.shm-size", Restarts)]),
    // Tasks.
    ("goal: RUNNING, cmd: ./serve", "goal: ONCE, cmd: ./serve", &[("pods.side.tasks.server.goal", Restarts)]),
    ("        essential: false\n", "", &[("pods.kafka.tasks.broker.essential", Restarts)]),
    ("        cmd: ./broker\n", "        cmd: ./broker -v\n", &[("pods.kafka.tasks.broker.cmd", Restarts)]),
    ("HEAP: 512", "HEAP: 1024", &[("pods.kafka.tasks.broker.env.HEAP", Restarts)]),
    (
        "env: {HEAP: 512, A.B: x}",
        "env: {A.B: x, NEW: ''}",
        &[("pods.kafka.tasks.broker.env.HEAP", Restarts), ("pods.kafka.tasks.broker.env.NEW", Restarts)],
    ),
    ("env: {HEAP: 512, A.B: x}", "env: {A.B: x, HEAP: 512}", &[]),
    (
        "template: broker.tpl",
        "template: other.tpl",
        &[
            ("pods.kafka.tasks.broker.configs.server.properties.template", Restarts),
            ("pods.kafka.tasks.broker.configs.server.properties.text", Restarts),
        ],
    ),
    (
        "dest: broker.conf",
        "dest: server.conf",
        &[("pods.kafka.tasks.broker.configs.server.properties.dest", Restarts)],
    ),
    (
        "dest: broker.conf",
        "dest: broker.conf, render: false",
        &[("pods.kafka.tasks.broker.configs.server.properties.render", Restarts)],
    ),
    (
        "configs: {server.properties:",
        "configs: {other:",
        &[
            ("pods.kafka.tasks.broker.configs.server.properties", Restarts),
            ("pods.kafka.tasks.broker.configs.other", Restarts),
        ],
    ),
    (
        "health-check: {cmd: ./healthy,",
        "health-check: {cmd: ./well,",
        &[("pods.kafka.tasks.broker.health-check.cmd", Restarts)],
    ),
    (
        "interval: 1, grace",
        "interval: 7, grace",
        &[("pods.kafka.tasks.broker.health-check.interval", Restarts)],
    ),
    (
        "grace-period: 2,",
        "grace-period: 7,",
        &[("pods.kafka.tasks.broker.health-check.grace-period", Restarts)],
    ),
    (
        "max-consecutive-failures: 3",
        "max-consecutive-failures: 7",
        &[("pods.kafka.tasks.broker.health-check.max-consecutive-failures", Restarts)],
    ),
    (
        "delay: 4, timeout: 5",
        "delay: 7, timeout: 5",
        &[("pods.kafka.tasks.broker.health-check.delay", Restarts)],
    ),
    (
        "delay: 4, timeout: 5",
        "delay: 4, timeout: 7",
        &[("pods.kafka.tasks.broker.health-check.timeout", Restarts)],
    ),
    (
        "health-check: {cmd: ./healthy, interval: 1, grace-period: 2, max-consecutive-failures: 3, delay: 4, timeout: 5}",
        "",
        &[("pods.kafka.tasks.broker.health-check", Restarts)],
    ),
    (
        "readiness-check: {cmd: ./ready,",
        "readiness-check: {cmd: ./here,",
        &[("pods.kafka.tasks.broker.readiness-check.cmd", Restarts)],
    ),
    (
        "interval: 6, delay",
        "interval: 7, delay",
        &[("pods.kafka.tasks.broker.readiness-check.interval", Restarts)],
    ),
    (
        "delay: 7, timeout: 8",
        "delay: 9, timeout: 8",
        &[("pods.kafka.tasks.broker.readiness-check.delay", Restarts)],
    ),
    (
        "delay: 7, timeout: 8",
        "delay: 7, timeout: 9",
        &[("pods.kafka.tasks.broker.readiness-check.timeout", Restarts)],
    ),
    (
        "readiness-check: {cmd: ./ready, interval: 6, delay: 7, timeout: 8}",
        "",
        &[("pods.kafka.tasks.broker.readiness-check", Restarts)],
    ),
    ("prefix: kafka", "prefix: kafca", &[("pods.kafka.tasks.broker.discovery.prefix", Restarts)]),
    (
        "visibility: EXTERNAL",
        "visibility: FRAMEWORK",
        &[("pods.kafka.tasks.broker.discovery.visibility", Restarts)],
    ),
    (
        "discovery: {prefix: kafka, visibility: EXTERNAL}",
        "",
        &[("pods.kafka.tasks.broker.discovery", Restarts)],
    ),
    (
        "labels: 'l:1'",
        "labels: 'l:2,m:3'",
        &[("pods.kafka.tasks.broker.labels.l", Restarts), ("pods.kafka.tasks.broker.labels.m", Restarts)],
    ),
    (
        "kill-grace-period: 9",
        "kill-grace-period: 8",
        &[("pods.kafka.tasks.broker.kill-grace-period", Restarts)],
    ),
    ("kill-signal: SIGINT", "kill-signal: SIGQUIT", &[("pods.kafka.tasks.broker.kill-signal", Restarts)]),
    ("type: TLS", "type: KEYSTORE", &[("pods.kafka.tasks.broker.transport-encryption", Restarts)]),
    ("        ipc-mode: PRIVATE\n", "", &[("pods.kafka.tasks.broker.ipc-mode", Restarts)]),
    ("        shm-size: 6\n", "", &[("pods.kafka.tasks.broker.shm-size", Restarts)]),
    // Tasks that come and go.
    (
        "      gone: {goal: FINISH, cmd: ./gone, resource-set: shared}\n",
        "",
        &[("pods.kafka.tasks.gone", Live)],
    ),
    (
        "    tasks:\n      side:",
        "    tasks:\n      more: {goal: FINISH, cmd: ./more, cpus: 1, volume: {path: m, type: ROOT, size: 1}}\n      side:",
        &[("pods.kafka.tasks.more", Live)],
    ),
    (
        "      side: {goal: ONCE, cmd: ./side, resource-set: shared}\n      next: {goal: FINISH, cmd: ./next, resource-set: shared}\n",
        "      next: {goal: FINISH, cmd: ./next, resource-set: shared}\n      side: {goal: ONCE, cmd: ./side, resource-set: shared}\n",
        &[("pods.kafka.tasks", Live)],
    ),
    (
        "      keeper: {goal: RUNNING, cmd: ./keep, cpus: 1, volume: {path: k, type: ROOT, size: 3}}\n",
        "",
        &[("pods.side.tasks.keeper.volumes.k", Refused), ("pods.side.tasks.keeper", Live)],
    ),
    // Resource sets.
    (
        "cmd: ./next, resource-set: shared",
        "cmd: ./next, resource-set: spare",
        &[("pods.kafka.tasks.next.resource-set", Refused)],
    ),
    (
        "cmd: ./last, resource-set: spare",
        "cmd: ./last, resource-set: shared",
        &[("pods.kafka.tasks.last.resource-set", Restarts)],
    ),
    (
        "cmd: ./last, resource-set: spare",
        "cmd: ./last, cpus: 1",
        &[("pods.kafka.tasks.last.resource-set", Restarts)],
    ),
    (
        "    tasks:\n      server: {goal: RUNNING, cmd: ./serve, cpus: 1}",
        "    resource-sets: {mine: {cpus: 1}}\n    tasks:\n      server: {goal: RUNNING, cmd: ./serve, resource-set: mine}",
        &[("pods.side.resource-sets.mine", Live), ("pods.side.tasks.server.resource-set", Restarts)],
    ),
    (
        "      spare: {cpus: 7}\n",
        "      spare: {cpus: 7}\n      unused: {cpus: 1, volume: {path: x, type: ROOT, size: 1}}\n",
        &[("pods.kafka.resource-sets.unused", Live)],
    ),
    (
        "      unnamed: {cpus: 8, volume: {path: u, type: ROOT, size: 1}}\n",
        "",
        &[
            ("pods.kafka.resource-sets.unnamed", Live),
            ("pods.kafka.resource-sets.unnamed.volumes.u", Refused),
        ],
    ),
    // Pods and plans that come and go.
    (
        "  spare: {count: 1, allow-decommission: true, tasks: {server: {goal: RUNNING, cmd: ./spare, cpus: 1}}}\n",
        "",
        &[("pods.spare", Live)],
    ),
    (
        "  last: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./last, cpus: 1}}}\n",
        "",
        &[("pods.last", Refused)],
    ),
    (
        "plans:\n  deploy",
        "  new: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./new, cpus: 1}}}\nplans:\n  deploy",
        &[("pods.new", Live)],
    ),
    (
        "  spare: {count: 1, allow-decommission: true, tasks: {server: {goal: RUNNING, cmd: ./spare, cpus: 1}}}\n  last: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./last, cpus: 1}}}\n",
        "  last: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./last, cpus: 1}}}\n  spare: {count: 1, allow-decommission: true, tasks: {server: {goal: RUNNING, cmd: ./spare, cpus: 1}}}\n",
        &[("pods", Live)],
    ),
    ("  other: {phases: {side: {pod: side}}}\n", "", &[("plans.other", Live)]),
    (
        "  third: {phases: {side: {pod: side}}}\n  other: {phases: {side: {pod: side}}}\n",
        "  other: {phases: {side: {pod: side}}}\n  third: {phases: {side: {pod: side}}}\n",
        &[("plans", Live)],
    ),
    ("  other: {phases", "  other: {strategy: parallel, phases", &[("plans.other.strategy", Live)]),
    ("on-change: [count]", "on-change: [image]", &[("plans.deploy.on-change", Live)]),
    (
        "strategy: parallel, pod: kafka",
        "strategy: serial, pod: kafka",
        &[("plans.deploy.phases.kafka.strategy", Live)],
    ),
    ("one: {pod: side}", "one: {pod: spare}", &[("plans.deploy.phases.one.pod", Live)]),
    (
        "steps: [default: [[next], [side]]]",
        "steps: [default: [[side], [next]]]",
        &[("plans.deploy.phases.kafka.steps", Live)],
    ),
    ("max-unavailable: 2", "max-unavailable: 3", &[("plans.gated.max-unavailable", Live)]),
    ("    max-unavailable: 2\n", "", &[("plans.gated.max-unavailable", Live)]),
    ("max-unavailable: 50%", "max-unavailable: 5", &[("plans.gated.phases.kafka.max-unavailable", Live)]),
    ("cmd: ./in-sync", "cmd: ./leads", &[("plans.gated.phases.kafka.gates.before.cmd", Live)]),
    ("task: broker,", "", &[("plans.gated.phases.kafka.gates.before.task", Live)]),
    (
        "timeout: 5, max-age: 9",
        "timeout: 6, max-age: 8",
        &[
            ("plans.gated.phases.kafka.gates.before.timeout", Live),
            ("plans.gated.phases.kafka.gates.before.max-age", Live),
        ],
    ),
    (
        "        gates: {before: {cmd: ./in-sync, task: broker, timeout: 5, max-age: 9}}\n",
        "",
        &[("plans.gated.phases.kafka.gates.before", Live)],
    ),
    ("depends-on: [one]", "depends-on: []", &[("plans.deploy.phases.kafka.depends-on", Live)]),
    (
        "      one: {pod: side}\n",
        "      one: {pod: side}\n      two: {pod: last}\n",
        &[("plans.deploy.phases.two", Live)],
    ),
    (
        "      one: {pod: side}\n      kafka: {strategy: parallel, pod: kafka, steps: [default: [[next], [side]]], depends-on: [one]}\n",
        "      kafka: {strategy: parallel, pod: kafka, steps: [default: [[next], [side]]], depends-on: [one]}\n      one: {pod: side}\n",
        &[("plans.deploy.phases", Live)],
    ),
];

/// The keys that a task and a resource set share.
const RESOURCES: &str = "cpus: 0.5
gpus: 1
memory: 64
ports:
  %a: {port: 80, env-key: A, advertise: true, vip: {port: 90, prefix: pa}}
  %b: {port: 0, ranges: [{begin: 10, end: 20}]}
volumes:
  one: {path: va, type: ROOT, size: 10}
  two: {path: vb, type: MOUNT, profiles: [q1], size: 20}
resource-limits: {cpus: 2, memory: unlimited}
";

const RESOURCE_ROWS: &[Row] = &[
    ("cpus: 0.5", "cpus: 0.6", &[("cpus", Resizes)]),
    ("cpus: 0.5", "", &[("cpus", Resizes)]),
    ("gpus: 1", "gpus: 2", &[("gpus", Resizes)]),
    ("memory: 64", "memory: 32", &[("memory", Resizes)]),
    ("port: 80", "port: 81", &[("ports.%a.port", Resizes)]),
    ("port: 80", "port: 0", &[("ports.%a.port", Resizes)]),
    ("env-key: A", "env-key: B", &[("ports.%a.env-key", Restarts)]),
    ("advertise: true, ", "", &[("ports.%a.advertise", Restarts)]),
    ("vip: {port: 90", "vip: {port: 91", &[("ports.%a.vip.port", Restarts)]),
    (", prefix: pa", ", prefix: pb", &[("ports.%a.vip.prefix", Restarts)]),
    (", vip: {port: 90, prefix: pa}", "", &[("ports.%a.vip", Restarts)]),
    ("begin: 10", "begin: 11", &[("ports.%b.ranges", Resizes)]),
    ("  %b: {port: 0, ranges: [{begin: 10, end: 20}]}\n", "", &[("ports.%b", Resizes)]),
    ("  %b: {port: 0", "  %c: {port: 90}\n  %b: {port: 0", &[("ports.%c", Resizes)]),
    (
        "  %a: {port: 80, env-key: A, advertise: true, vip: {port: 90, prefix: pa}}\n  %b: {port: 0, ranges: [{begin: 10, end: 20}]}\n",
        "  %b: {port: 0, ranges: [{begin: 10, end: 20}]}\n  %a: {port: 80, env-key: A, advertise: true, vip: {port: 90, prefix: pa}}\n",
        &[("ports", Restarts)],
    ),
    ("path: va, type: ROOT", "path: va, type: MOUNT", &[("volumes.va.type", Refused)]),
    ("profiles: [q1]", "profiles: [q1, q2]", &[("volumes.vb.profiles", Refused)]),
    ("size: 20", "size: 30", &[("volumes.vb.size", Refused)]),
    ("  one: {path: va, type: ROOT, size: 10}\n", "", &[("volumes.va", Refused)]),
    ("volumes:\n", "volumes:\n  new: {path: vc, type: ROOT, size: 10}\n", &[("volumes.vc", Refused)]),
    ("  one: {path: va", "  new: {path: va", &[]),
    (
        "  one: {path: va, type: ROOT, size: 10}\n  two: {path: vb, type: MOUNT, profiles: [q1], size: 20}\n",
        "  two: {path: vb, type: MOUNT, profiles: [q1], size: 20}\n  one: {path: va, type: ROOT, size: 10}\n",
        &[("volumes", Restarts)],
    ),
    ("cpus: 2", "cpus: unlimited", &[("resource-limits.cpus", Restarts)]),
    ("memory: unlimited", "memory: 65", &[("resource-limits.memory", Restarts)]),
    (
        "resource-limits: {cpus: 2, memory: unlimited}",
        "",
        &[("resource-limits.cpus", Restarts), ("resource-limits.memory", Restarts)],
    ),
];

/// The file, with the resources of its task and of its set filled in.
fn filled(text: &str, of_task: &str, of_set: &str) -> String {
    let block = |text: &str, initial: &str| -> String {
        text.replace('%', initial).lines().map(|line| format!("        {line}\n")).collect()
    };
    text.replace("        # of the task\n", &block(of_task, "t"))
        .replace("        # of the set\n", &block(of_set, "s"))
}

/// Paths, each with the verdict of its change.
type Told = Vec<(String, ChangeVerdict)>;

/// Each row as two files and their changes.
fn rows() -> Vec<(String, String, Told)> {
    let own = |expected: &[(&str, ChangeVerdict)]| -> Told {
        expected.iter().map(|(path, verdict)| ((*path).to_owned(), *verdict)).collect()
    };
    let full = filled(FULL, RESOURCES, RESOURCES);
    let mut all: Vec<_> = ROWS
        .iter()
        .map(|(from, to, expected)| {
            (full.clone(), filled(&edited(from, to), RESOURCES, RESOURCES), own(expected))
        })
        .collect();
    for (from, to, expected) in RESOURCE_ROWS {
        assert_eq!(RESOURCES.matches(from).count(), 1, "`{from}` is not there once");
        let edited = RESOURCES.replace(from, to);
        let at = |prefix: &str, initial: &str| -> Told {
            let expected = expected.iter();
            expected
                .map(|(path, verdict)| (format!("{prefix}.{}", path.replace('%', initial)), *verdict))
                .collect()
        };
        all.push((full.clone(), filled(FULL, &edited, RESOURCES), at("pods.kafka.tasks.broker", "t")));
        all.push((
            full.clone(),
            filled(FULL, RESOURCES, &edited),
            at("pods.kafka.resource-sets.shared", "s"),
        ));
    }
    all
}

#[test]
fn each_field_does_what_the_table_says() {
    let mut covered = BTreeSet::from(["pods.*.tasks.*.configs.*.text"]);
    for (old, new, expected) in rows() {
        let (old, new) = (service(&old, "x"), service(&new, "x"));
        let found = changes(&old, &new);
        let told: Told = found.iter().map(|change| (change.path.clone(), change.verdict)).collect();
        assert_eq!(told, expected, "{found:#?}");
        // The equality of maps ignores their order.
        assert!(!found.is_empty() || old == new);
        agrees(&old, &new, &found);
        covered.extend(found.iter().map(|change| change.field));
        // The reverse changes: an added part is removed.
        let back = changes(&new, &old);
        agrees(&new, &old, &back);
        assert_eq!(back.is_empty(), found.is_empty());
    }
    let rest: Vec<_> = all().filter(|rule| !covered.contains(rule.field)).map(|rule| rule.field).collect();
    assert_eq!(rest, [""; 0], "each field of the table has a row above");
}

#[test]
fn a_template_is_a_part_of_its_task() {
    let full = filled(FULL, RESOURCES, RESOURCES);
    let long = "# a line of a template that is as long as those of templates are\n".repeat(20);
    let (old, new) = (service(&full, &long), service(&full, &format!("{long}port=1\n")));
    let found = changes(&old, &new);
    agrees(&old, &new, &found);
    let [change] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(change.field, "pods.*.tasks.*.configs.*.text");
    assert_eq!(change.new.as_deref(), Some("…f templates are\\nport=1\\n"));
}

/// A default that is spelled out changes nothing that runs.
#[test]
fn defaults_may_be_spelled_out() {
    let text = |scheduler: &str| {
        format!(
            "name: a/b\nscheduler: {{{scheduler}}}\npods: {{web: {{count: 1, tasks: {{t: {{goal: RUNNING, cmd: x, cpus: 1}}}}}}}}\n"
        )
    };
    let plain = service(&text(""), "x");
    for (scheduler, verdict) in [
        ("user: root", Live),
        ("principal: a/b-principal", Live),
        ("zookeeper: 'master.mesos:2181'", Live),
        ("user: other", Refused),
        ("principal: other", Refused),
        ("zookeeper: 'other:2181'", Refused),
    ] {
        let new = service(&text(scheduler), "x");
        let found = changes(&plain, &new);
        assert_eq!(found.iter().map(|change| change.verdict).collect::<Vec<_>>(), [verdict], "{scheduler}");
        agrees(&plain, &new, &found);
    }
}

/// Changes of a generated plan are not listed. Those of its pods are.
#[test]
fn a_generated_plan_follows_its_pods() {
    let text = |more: &str| {
        format!("name: x\npods:\n  a: {{count: 1, tasks: {{t: {{goal: RUNNING, cmd: x, cpus: 1}}}}}}\n{more}")
    };
    let pod = "  b: {count: 1, tasks: {t: {goal: RUNNING, cmd: x, cpus: 1}}}\n";
    let plan = "plans: {deploy: {phases: {a: {pod: a}}}}\n";
    let told = |old: &str, new: &str| -> Vec<String> {
        changes(&service(&text(old), "x"), &service(&text(new), "x"))
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(told("", pod), ["pods.b: none → 1 of t (live)"]);
    assert_eq!(told("", plan), [""; 0]);
    assert_eq!(
        told("", &format!("{pod}{}", plan.replace("{pod: a}}", "{pod: a}, b: {pod: b}}"))),
        ["pods.b: none → 1 of t (live)"]
    );
    assert_eq!(
        told(plan, &format!("{pod}{}", plan.replace("a: {pod: a}", "b: {pod: b}"))),
        [
            "pods.b: none → 1 of t (live)",
            "plans.deploy.phases.a: over a → none (live)",
            "plans.deploy.phases.b: none → over b (live)"
        ]
    );
}

/// The plan is the first in the file whose `on-change` names a change, else `update`, else `deploy`.
#[test]
fn one_plan_brings_changes_about() {
    let text = |count: u32, plans: &str| {
        let phases = "phases: {web: {pod: web}}";
        format!(
            "name: x\npods: {{web: {{count: {count}, tasks: {{t: {{goal: RUNNING, cmd: x, cpus: 1}}}}}}}}\n\
             plans:\n  other: {{{phases}}}\n  deploy: {{{phases}}}\n{}",
            plans.replace("phases", phases)
        )
    };
    let rows = [
        ("", "deploy"),
        ("  update: {phases}\n", "update"),
        ("  update: {phases}\n  a: {phases, on-change: [cmd]}\n", "update"),
        ("  update: {phases}\n  a: {phases, on-change: [cmd, count]}\n", "a"),
        ("  b: {phases, on-change: [pods.web]}\n  a: {phases, on-change: [count]}\n", "b"),
    ];
    for (plans, expected) in rows {
        let (old, new) = (service(&text(1, plans), "x"), service(&text(2, plans), "x"));
        let found = changes(&old, &new);
        assert_eq!(converging_plan(&new, &found).unwrap().as_str(), expected, "{plans}");
    }
}

/// The keys of a file in the form of the table: each key with a value, and each mapping of names.
fn keys(schema: &Value, value: &Value, at: &str, found: &mut BTreeSet<String>) {
    let value = match value["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        Some(name) => &schema["$defs"][name],
        None => value,
    };
    if let Some(any) = value["anyOf"].as_array()
        && any.iter().any(|one| one["type"] == "null")
    {
        return keys(schema, &any[0], at, found);
    }
    if let Some(properties) = value["properties"].as_object() {
        let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        return properties.iter().for_each(|(key, value)| keys(schema, value, &below(key), found));
    }
    found.insert(at.to_owned());
    if value["additionalProperties"].is_object() {
        found.remove(at);
        found.insert(format!("{at}.*"));
        let inner = &value["additionalProperties"];
        if inner["$ref"].is_string() {
            keys(schema, inner, &format!("{at}.*"), found);
        }
    }
}

#[test]
fn each_key_of_a_file_is_in_the_table() {
    let schema = json_schema();
    let mut found = BTreeSet::new();
    keys(&schema, &schema, "", &mut found);
    assert!(found.len() > 100, "{found:#?}");
    let table: BTreeSet<&str> = all().map(|rule| rule.field).collect();
    assert_eq!(table.len(), all().count(), "no field is there twice");
    // Labels are one text of names and values.
    let in_table = |key: &str| table.contains(key) || table.contains(format!("{key}.*").as_str());
    // `volume` is `volumes` with one entry, volumes are compared by their paths, and a type has one value.
    let is_other = |key: &str| {
        key.contains(".volume.")
            || key.ends_with(".volumes.*.path")
            || key == "pods.*.external-volumes.*.type"
    };
    let missing: Vec<_> = found.iter().filter(|key| !in_table(key) && !is_other(key)).collect();
    assert_eq!(missing, [""; 0], "each key of a file has a verdict");
    // Every field of the table is in a file, except the order of names, whole parts, and the text of a template.
    let part = |field: &str| {
        found.iter().any(|key| key.starts_with(&format!("{field}.")) || format!("{key}.*") == *field)
    };
    let extra: Vec<_> = table.iter().filter(|field| !found.contains(**field) && !part(field)).collect();
    assert_eq!(extra, [&"pods.*.tasks.*.configs.*.text"]);
    for group in rules() {
        assert!(group.rules.iter().all(|rule| rule.field.starts_with(group.prefix)), "{}", group.title);
        for rule in group.rules {
            assert_eq!(rule.why.is_some(), rule.verdicts.contains(&Refused), "{}", rule.field);
            assert!(!rule.note.ends_with('.') && rule.verdicts.len() < 3, "{}", rule.field);
        }
    }
}

proptest! {
    #[test]
    fn what_is_told_is_what_differs((old, new) in any_pair()) {
        let found = changes(&old, &new);
        agrees(&old, &new, &found);
        let same = |old: &ServiceSpec, new: &ServiceSpec| {
            old == new
                && old.pods().keys().eq(new.pods().keys())
                && old.pods().values().zip(new.pods().values()).all(|(old, new)| old.tasks.keys().eq(new.tasks.keys()))
                && old.plans().keys().eq(new.plans().keys())
        };
        prop_assert_eq!(found.is_empty(), same(&old, &new), "{:#?}", found);
        let mut paths: Vec<_> = found.iter().map(|change| &change.path).collect();
        paths.sort_unstable();
        let all = paths.len();
        paths.dedup();
        prop_assert_eq!(paths.len(), all, "each place is told of once");
    }

    #[test]
    fn nothing_differs_from_itself(parts in any_parts()) {
        prop_assert_eq!(changes(&parts.build(), &parts.build()), []);
    }
}
