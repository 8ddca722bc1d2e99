//! The rest of the rules of a specification (SDK rules R1 to R43): defaults, bounds, and texts that are barely valid.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use plan_core::spec::{
    Gate, KillSignal, PhaseStrategy, PlanStrategy, PortChoice, RLimit, Seconds, Steps, Visibility, VolumeMode,
};
use spec_support::{check, good, phase, plans, pod, read_with, task};

/// Checks the problems of each text.
fn table(cases: &[(String, &[&str])]) {
    for (text, expected) in cases {
        check(text, expected);
    }
}

fn with(added: &str) -> String {
    task(&format!("goal: RUNNING\ncpus: 0.5\n{added}"))
}

#[test]
fn what_is_left_out_has_its_default() {
    let spec = good(
        &pod(
            "host-volumes: {h: {host-path: /etc, container-path: etc}}\nexternal-volumes: {e: {type: DOCKER, container-path: x, driver-name: d, driver-options: }}\nsecrets: {s: {secret: a/b}, t: {secret: a/b, env-key: T}}",
        ),
        &[],
    );
    let scheduler = spec.scheduler();
    assert_eq!((&scheduler.principal, &scheduler.zookeeper, &scheduler.user), (&None, &None, &None));
    let pod = &spec.pods()["hello"];
    assert!(!pod.allow_decommission && !pod.share_pid_namespace);
    assert!(pod.seccomp.is_none() && pod.ipc_mode.is_none() && pod.shm_size.is_none());
    assert!(pod.pre_reserved_role.is_none() && pod.image.is_none() && pod.uris.is_empty());
    assert_eq!(pod.host_volumes["h"].mode, VolumeMode::Rw);
    assert_eq!(pod.external_volumes["e"].mode, VolumeMode::Rw);
    assert!(pod.external_volumes["e"].options.is_empty() && pod.external_volumes["e"].volume_name.is_none());
    assert_eq!(pod.secrets["s"].target_file(), Some(pod.secrets["s"].secret.as_str()));
    assert_eq!(pod.secrets["t"].target_file(), None);
    assert_eq!((pod.secrets["t"].file.as_deref(), pod.secrets["t"].env_key.as_deref()), (None, Some("T")));
    let task = &pod.tasks["server"];
    assert!(task.essential && task.env.is_empty() && task.configs.is_empty() && task.labels.is_empty());
    assert_eq!((task.kill_grace_period, task.kill_signal), (Seconds(0), KillSignal::SigTerm));
    assert!(task.health_check.is_none() && task.readiness_check.is_none() && task.discovery.is_none());
    let phase = &spec.plans()["deploy"].phases["hello"];
    assert_eq!((phase.strategy, &phase.steps), (PhaseStrategy::Serial, &Steps::AllTasks));
    assert_eq!(spec.plans()["deploy"].strategy, PlanStrategy::Serial);
}

#[test]
fn what_is_null_is_left_out() {
    for empty in [
        "rlimits:",
        "host-volumes:",
        "external-volumes:",
        "secrets:",
        "volume:",
        "resource-sets:",
        "image:",
        "pre-reserved-role:",
        "share-pid-namespace:",
        "allow-decommission:",
        "seccomp-unconfined:",
        "seccomp-profile-name:",
        "ipc-mode:",
        "shm-size:",
    ] {
        assert_eq!(good(&pod(empty), &[]), good(&pod(""), &[]), "{empty}");
    }
    for empty in [
        "env:",
        "configs:",
        "gpus:",
        "memory:",
        "ports:",
        "resource-limits:",
        "volume:",
        "volumes:",
        "resource-set:",
        "health-check:",
        "readiness-check:",
        "discovery:",
        "kill-grace-period:",
        "kill-signal:",
        "transport-encryption:",
        "ipc-mode:",
        "shm-size:",
    ] {
        assert_eq!(good(&with(empty), &[]), good(&with(""), &[]), "{empty}");
    }
    assert_eq!(good(&format!("{}scheduler:\nplans:\n", pod("")), &[]), good(&pod(""), &[]));
}

#[test]
fn defaults_within_a_task() {
    let spec = good(
        &with(
            "discovery: {prefix: d}\nkill-grace-period: 0\nports: {a: {port: 0}, b: {port: 0, vip: {port: 1}, ranges: []}, c: {port: 0, ranges: [{end: 7}, {begin: 7, end: 7}, {begin: 8, end: 0}, {begin: 9}]}}",
        ),
        &[],
    );
    let pod = &spec.pods()["hello"];
    assert_eq!(pod.tasks["server"].discovery.as_ref().unwrap().visibility, Visibility::Cluster);
    let ports = &pod.resource_sets["server-resource-set"].ports.0;
    assert!(ports[0].1.env_key.is_none() && !ports[0].1.advertise && ports[0].1.vip.is_none());
    assert_eq!(ports[1].1.vip.as_ref().unwrap().prefix, "b");
    let PortChoice::Dynamic(ranges) = &ports[2].1.number else { panic!("{ports:?}") };
    let ranges: Vec<_> = ranges.iter().map(|range| (range.begin, range.end)).collect();
    assert_eq!(ranges, [(0, 7), (7, 7), (8, 65535), (9, 65535)]);
}

#[test]
fn pods() {
    let bridge = |ports: &str| pod(&format!("networks: {{mesos-bridge: {{{ports}}}}}"));
    let host = |keys: &str| pod(&format!("host-volumes: {{a: {{{keys}}}}}"));
    let external = |keys: &str| pod(&format!("external-volumes: {{a: {{type: DOCKER, {keys}}}}}"));
    let limit =
        |soft: &str, hard: &str| pod(&format!("rlimits: {{RLIMIT_NOFILE: {{soft: {soft}, hard: {hard}}}}}"));
    table(&[
        (pod("").replace("count: 2", "count:"), &["4 P006 missing required `count`"]),
        (pod("").replace("server:", "'':"), &["6 P009 cannot be empty"]),
        (
            pod("").replace("      server:", "      server: {goal: ONCE, cmd: x, cpus: 1}\n      server:"),
            &["7 P004 duplicate key `server`"],
        ),
        (pod("resource-sets: {a: {cpus: 1}, a: {cpus: 2}}"), &["7 P004 duplicate key `a`"]),
        (pod("resource-sets: {a: {}}"), &["7 P060 there are no resources"]),
        (pod("resource-sets: {a: {volume: {path: a, type: ROOT, size: 1}}}"), &["7 P060 besides volumes"]),
        (pod("resource-sets: {a: {cpus: 1, env: {}}}"), &["7 P005 unknown key `env`"]),
        (pod("shm-size: -1"), &["7 P010 must be at least 1"]),
        (pod("shm-size: 1"), &[]),
        (pod("share-pid-namespace: 'TRUE'"), &[]),
        (pod("seccomp-unconfined: false\nseccomp-profile-name: x"), &[]),
        (limit("0", "0"), &[]),
        (limit("5", "5"), &[]),
        (limit("-1", "-1"), &[]),
        (limit("2", "-1"), &["7 P046 for one of `soft` and `hard` only"]),
        (limit("", ""), &[]),
        (limit("1", ""), &["7 P046 both or not at all"]),
        (bridge("host-ports: [1, 2], container-ports: [3]"), &["7 P044 2 host ports are mapped to 1"]),
        (bridge("container-ports: [3]"), &["7 P044 0 host ports are mapped to 1"]),
        (bridge("host-ports: [65536], container-ports: [1]"), &["7 P010 too large, the most is 65535"]),
        (bridge("host-ports: [65535], container-ports: [65535]"), &[]),
        (bridge(""), &[]),
        (host("container-path: x"), &["7 P006 missing required `host-path`"]),
        (host("host-path: /x"), &["7 P006 missing required `container-path`"]),
        (host("host-path: /x, container-path: y, mode: RW"), &[]),
        (external("driver-name: d"), &["7 P006 missing required `container-path`"]),
        (external("container-path: x"), &["7 P006 missing required `driver-name`"]),
        (
            external("container-path: x, driver-name: d, driver-options: 'a=b=c'"),
            &["7 P048 invalid driver option `a=b=c`"],
        ),
        (external("container-path: x, driver-name: d, driver-options: 'a=b;'"), &[]),
        (external("container-path: x, driver-name: d, volume-mode: RO"), &[]),
        (pod("secrets: {s: {secret: a, path: b}}"), &["7 P005 unknown key `path`"]),
        (pod("secrets: {s: {secret: a, env-key: S}}"), &[]),
        (pod("secrets: {s: {secret: a, file: b/c}}"), &[]),
        (pod("volume: {path: a, type: ROOT, size: 1}\nvolumes: {b: {path: b, type: ROOT, size: 1}}"), &[]),
        (pod("placement: 'hostname:IS'"), &["7 P050 IS"]),
        (pod("placement: 'rack:MAX_PER:x'"), &["7 P050 `x`"]),
        (pod("placement: 'rack:GROUP_BY:x'"), &["7 P050 `x`"]),
        (pod("placement: 'rack:LIKE:('"), &["7 P050 ("]),
        (pod("placement: 'rack:CLUSTER'"), &["7 P050 CLUSTER"]),
        (pod("placement: 'a:IS:b:c'"), &["7 P050 4 entries"]),
        (pod("placement: 'rack:is_not:a\\:b,@zone:group_by'"), &[]),
        (pod("placement: '[\"hostname\", \"MAX_PER\", \"1\"]'"), &[]),
    ]);
    let spec = good(&limit("-1", "-1"), &[]);
    assert_eq!(spec.pods()["hello"].rlimits.values().copied().collect::<Vec<_>>(), [RLimit::Unlimited]);
}

#[test]
fn tasks() {
    let health = "cmd: x, interval: 0, grace-period: 0, max-consecutive-failures: 1, delay: 0, timeout: 0";
    let unhealthy = |key: &str| {
        with(&format!("health-check: {{{}}}", health.replace(&format!("{key}: 0"), &format!("{key}: -1"))))
    };
    table(&[
        (task("goal: running\ncpus: 1"), &[]),
        (task("goal: Finish\ncpus: 1"), &[]),
        (task("goal: unknown\ncpus: 1"), &["8 P071 unsupported goal `unknown`"]),
        (task("goal: RUNNING\ncpus:\nmemory: 1"), &[]),
        (with(&format!("health-check: {{{health}}}")), &[]),
        (unhealthy("interval"), &["10 P010 interval: `-1` is negative"]),
        (unhealthy("grace-period"), &["10 P010 grace-period: `-1` is negative"]),
        (unhealthy("delay"), &["10 P010 delay: `-1` is negative"]),
        (unhealthy("timeout"), &["10 P010 timeout: `-1` is negative"]),
        (with(&format!("health-check: {{{health}, retries: 3}}")), &["10 P005 unknown key `retries`"]),
        (with("readiness-check: {}"), &["10 P006 `cmd`", "10 P006 `interval`", "10 P006 `timeout`"]),
        (with("readiness-check: {cmd: x, interval: 0, timeout: 0, delay: 0}"), &[]),
        (
            with("readiness-check: {cmd: x, interval: 0, timeout: 0, delay: -1}"),
            &["10 P010 delay: `-1` is negative"],
        ),
        (with("readiness-check: {cmd: x, interval: 0, timeout: -1}"), &["10 P010 timeout: `-1` is negative"]),
        (with("discovery: {prefix: d, visibility: FRAMEWORK}"), &[]),
        (with("discovery: {prefix: d, visibility: CLUSTER}"), &[]),
        (with("transport-encryption: [{name: x}]"), &["10 P006 missing required `type`"]),
        (with("transport-encryption: [{name: x, type: TLS}]"), &[]),
        (with("labels: 'a:'"), &[]),
        (with("labels: 'a'"), &["10 P072 illegal label `a`"]),
        (with("essential: 'FALSE'"), &[]),
        (with("shm-size: 0"), &["10 P010 must be at least 1"]),
        (with("ipc-mode: NONE"), &["10 P008 unsupported ipc-mode `NONE`"]),
        (with("env: {'': 1}"), &["10 P009 is not the name of an environment variable"]),
        (with("configs: {a: {template: t}}"), &["10 P006 missing required `dest`"]),
        (
            with("configs: {a: {template: t, dest: d}, a: {template: t, dest: e}}"),
            &["10 P004 duplicate key `a`"],
        ),
        (with("configs: {a: {template: t, dest: d}, b: {template: t, dest: e}}"), &[]),
        (
            format!(
                "{}{}",
                with("discovery: {prefix: d}"),
                "      side: {goal: ONCE, cmd: x, cpus: 1, discovery: {prefix: e}}\n"
            ),
            &[],
        ),
    ]);
}

#[test]
fn resources() {
    let path = |path: &str| with(&format!("volume: {{path: {path}, type: ROOT, size: 1}}"));
    let profile =
        |profile: &str| with(&format!("volume: {{path: a, type: MOUNT, size: 1, profiles: ['{profile}']}}"));
    table(&[
        (path("a-b_C9"), &[]),
        (path("9"), &[]),
        (path("''"), &["10 P066 is not a volume path"]),
        (path("-a"), &["10 P066 `-a` is not a volume path"]),
        (path("_a"), &["10 P066 `_a` is not a volume path"]),
        (path("a/b"), &["10 P066 `a/b` is not a volume path"]),
        (path("'a b'"), &["10 P066 `a b` is not a volume path"]),
        (profile(&"x".repeat(128)), &[]),
        (profile("a.b_c-D"), &[]),
        (profile(&"x".repeat(129)), &["10 P070 is not the name of a disk profile"]),
        (profile(""), &["10 P070 is not the name of a disk profile"]),
        (with("volume: {type: ROOT, size: 1}"), &["10 P006 missing required `path`"]),
        (with("volume: {path: a, size: 1}"), &["10 P006 missing required `type`"]),
        (with("gpus: 0"), &["10 P010 gpus: `0` must be greater than zero"]),
        (with("gpus: 1\nmemory: -5"), &["11 P010 memory: `-5` must be at least 1"]),
        (with("resource-limits: {cpus: unlimited}"), &[]),
        (with("resource-limits: {cpus: 0.5}"), &[]),
        (with("resource-limits: {cpus: 0.499}"), &["10 P061 is less than the requested amount"]),
        (with("ports: {a: {port: }}"), &["10 P006 missing required `port`"]),
        (with("ports: {a: {port: -1}}"), &["10 P010 port: `-1` is negative"]),
        (with("ports: {a: {port: 65535}}"), &[]),
        (with("ports: {a: {port: 65536}}"), &["10 P010 too large, the most is 65535"]),
        (with("ports: {a: {port: 1, vip: {}}}"), &["10 P006 missing required `port`"]),
        (with("ports: {a: {port: 1, vip: {port: 65536}}}"), &["10 P010 too large, the most is 65535"]),
        (with("ports: {a: {port: 1, vip: {port: 1, prefix: a}}}"), &[]),
        (with("ports: {a: {port: 0, ranges: [{begin: 5, end: 65536}]}}"), &["10 P010 too large, the most is 65535"]),
        (with("ports: {a: {port: 1}, a: {port: 2}}"), &["10 P004 duplicate key `a`"]),
        (with("ports: {a: {port: 1, name: b}}"), &["10 P005 unknown key `name`"]),
        (
            "name: s\npods:\n  p: {count: 1, tasks: {t: {goal: ONCE, cmd: x, ports: {a: {port: 80, advertise: true}}}}}\n  \
             q: {count: 1, tasks: {t: {goal: ONCE, cmd: x, ports: {a: {port: 80, advertise: true}}}}}\n".into(),
            &["4 P064 advertised ports of the same name: a"],
        ),
        (
            "name: s\npods:\n  p: {count: 1, tasks: {t: {goal: ONCE, cmd: x, ports: {a: {port: 80, advertise: true}}}}}\n  \
             q: {count: 1, tasks: {t: {goal: ONCE, cmd: x, ports: {a: {port: 80}}}}}\n".into(),
            &[],
        ),
    ]);
}

#[test]
fn plans_and_steps() {
    let strategies = [
        ("serial", PhaseStrategy::Serial),
        ("parallel", PhaseStrategy::Parallel),
        ("serial-canary", PhaseStrategy::SerialCanary),
        ("canary", PhaseStrategy::SerialCanary),
        ("parallel-canary", PhaseStrategy::ParallelCanary),
    ];
    for (word, expected) in strategies {
        let spec = good(&phase(&format!("strategy: {word}\nsteps: [default: [[side]]]")), &[]);
        assert_eq!(spec.plans()["deploy"].phases["one"].strategy, expected);
    }
    let spec = good(&plans("plans: {deploy: {strategy: parallel, phases: {a: {pod: world}}}}"), &[]);
    assert_eq!(spec.plans()["deploy"].strategy, PlanStrategy::Parallel);
    let none = |steps: &str| phase(steps).replace("count: 2", "count: 0");
    table(&[
        (phase("steps: ['0': [[side]], '1': [[side]]]"), &[]),
        (phase("steps: [0: [], 1: []]"), &[]),
        (phase("steps: [0: [[side]]]"), &["17 P084 the step entry of instance 1 is missing"]),
        (phase("steps: [-1: [[side]], default: []]"), &["17 P082 `-1` is neither"]),
        (none("steps: []"), &[]),
        (none("steps: [default: [[side]]]"), &[]),
        (none("steps: [0: [[side]]]"), &["17 P085 no instance 0, its count is 0"]),
        (none("steps: [default: [[sied]]]"), &["17 P081 no task `sied`"]),
        (plans("plans: {deploy: {phases: }}"), &["12 P006 missing required `phases`"]),
        (
            plans("plans: {deploy: {phases: {a: {pod: world}, a: {pod: world}}}}"),
            &["12 P004 duplicate key `a`"],
        ),
        (
            plans("plans: {deploy: {phases: {a: {pod: world}}}, deploy: {phases: {}}}"),
            &["12 P004 duplicate key `deploy`"],
        ),
    ]);
}

#[test]
fn how_many_may_be_down() {
    let of_phase = |value: &str| phase(&format!("steps: [default: [[side]]]\nmax-unavailable: {value}"));
    let of_plan = |value: &str| {
        plans(&format!("plans: {{deploy: {{max-unavailable: {value}, phases: {{a: {{pod: world}}}}}}}}"))
    };
    for (value, of_ten) in [("1", 1), ("'2'", 2), ("25%", 2), ("'100%'", 10), ("'  30% '", 3), ("4%", 1)] {
        let spec = good(&of_phase(value), &[]);
        let most = spec.plans()["deploy"].phases["one"].max_unavailable.unwrap();
        assert_eq!(most.of(10), of_ten, "{value}");
        let spec = good(&of_plan(value), &[]);
        assert_eq!(spec.plans()["deploy"].max_unavailable, Some(most), "{value}");
    }
    for absent in ["", "~"] {
        assert_eq!(good(&of_phase(absent), &[]).plans()["deploy"].phases["one"].max_unavailable, None);
    }
    for (value, why) in [
        ("0", "`0` must be at least 1"),
        ("0%", "`0%` must be at least 1"),
        ("101%", "`101%` is more than 100%"),
        ("-1", "`-1` is neither a whole number nor a percentage"),
        ("1.5", "`1.5` is neither"),
        ("half", "`half` is neither"),
        ("''", "`` is neither"),
        ("4294967296", "`4294967296` is too large"),
    ] {
        table(&[
            (of_phase(value), &[format!("18:26 P010 max-unavailable: {why}").as_str()]),
            (of_plan(value), &[format!("12:35 P010 max-unavailable: {why}").as_str()]),
        ]);
    }
    table(&[
        (of_phase("[1]"), &["18 P007 expected a single value, found a list"]),
        (of_phase("{a: 1}"), &["18 P007 expected a single value, found a mapping"]),
        (of_phase("1\nmax-unavailble: 1"), &["19 P005 unknown key `max-unavailble`"]),
        // A step has no `max-unavailable`. Its phase has.
        (
            phase("strategy: dependency\nsteps: [{name: a, instance: 0, tasks: [side], max-unavailable: 1}]"),
            &["18 P005 unknown key `max-unavailable`"],
        ),
    ]);
}

#[test]
fn gates() {
    let of_phase = |before: &str| phase(&format!("steps: [default: [[init], [main]]]\ngates: {before}"));
    let of_step = |tasks: &str, before: &str| {
        phase(&format!(
            "strategy: dependency\nsteps: [{{name: a, instance: 0, tasks: [{tasks}], gates: {before}}}]"
        ))
    };
    let spec = good(&of_phase("{before: {cmd: ./in-sync}}"), &[]);
    let gates = &spec.plans()["deploy"].phases["one"].gates;
    assert_eq!(gates.before, Some(Gate::new("./in-sync")));
    assert_eq!((Gate::TIMEOUT, Gate::MAX_AGE), (Seconds(10), Seconds(60)));
    let spec = good(&of_step("init", "{before: {cmd: ./in-sync, task: side, timeout: 7, max-age: 7}}"), &[]);
    let Steps::Named(steps) = &spec.plans()["deploy"].phases["one"].steps else { panic!("{spec:?}") };
    let expected = Gate {
        cmd: "./in-sync".to_owned(),
        task: Some("side".parse().unwrap()),
        timeout: Seconds(7),
        max_age: Seconds(7),
    };
    assert_eq!(steps[0].gates.before, Some(expected));
    for absent in ["", "{}", "{before: }"] {
        let spec = good(&of_phase(absent), &[]);
        assert!(spec.plans()["deploy"].phases["one"].gates.is_empty(), "{absent}");
    }
    let unnamed = phase("steps:\n- default: [[side]]\n  gates: {before: {cmd: ./in-sync}}");
    table(&[
        (of_phase("./in-sync"), &["18 P007 expected a mapping, found a single value"]),
        (of_phase("{before: ./in-sync}"), &["18 P007 expected a mapping, found a single value"]),
        (of_phase("{before: [{cmd: x}]}"), &["18 P007 expected a mapping, found a list"]),
        (of_phase("{after: {cmd: x}}"), &["18 P005 unknown key `after`"]),
        (of_phase("{before: {}}"), &["18 P006 missing required `cmd`"]),
        (of_phase("{before: {cmd: [x]}}"), &["18 P007 expected a single value"]),
        (of_phase("{before: {cmd: x, taks: main}}"), &["18 P005 unknown key `taks`"]),
        (of_phase("{before: {cmd: ' '}}"), &["18:31 P096 the gate has no command"]),
        (of_phase("{before: {cmd: \"a\\0b\"}}"), &["18:31 P053 holds a NUL character"]),
        (of_phase("{before: {cmd: x, timeout: 0}}"), &["18 P010 timeout: `0` must be at least 1"]),
        (of_phase("{before: {cmd: x, timeout: 1.5}}"), &["18 P010 timeout: `1.5` is not a whole number"]),
        (of_phase("{before: {cmd: x, max-age: -1}}"), &["18 P010 max-age: `-1` must be at least 1"]),
        (of_phase("{before: {cmd: x, timeout: 61}}"), &["18:43 P096 may take 61 s"]),
        (
            of_phase("{before: {cmd: x, max-age: 9}}"),
            &["18 P096 may take 10 s, and its word would be too old"],
        ),
        (of_phase("{before: {cmd: x, task: mian}}"), &["18:40 P097 the pod `hello` has no task `mian`"]),
        (
            of_phase("{before: {cmd: x, task: init}}"),
            &["18:40 P097 beside `init`, which does not go on running"],
        ),
        (of_phase("{before: {cmd: x, task: a__b}}"), &["18:40 P009 cannot contain \"__\""]),
        (of_phase("{before: {cmd: x, task: [main]}}"), &["18 P007 expected a single value"]),
        (
            phase("steps: [default: [[init]]]\ngates: {before: {cmd: x}}"),
            &["18 P097 no `task`, and no step of the phase launches one that goes on running"],
        ),
        (of_step("main", "{before: {cmd: x}}"), &[]),
        (of_step("init", "{before: {cmd: x, task: side}}"), &[]),
        (
            of_step("init", "{before: {cmd: x}}"),
            &["18 P097 no `task`, and the step does not launch one that goes on running"],
        ),
        (of_step("side", "{before: {cmd: x, task: server}}"), &["18 P097 no task `server`"]),
        (unnamed.clone(), &["18 P082 a map should contain a single entry, but this one has 2"]),
        // A part that is broken already has no further problem.
        (
            of_phase("{before: {cmd: x, task: main}}").replace("main: {goal: RUNNING", "main: {goal: RUN"),
            &["9 P071 `RUN`"],
        ),
    ]);
    let help = read_with(&unnamed, &[]).diagnostics[0].help.clone().unwrap();
    assert!(help.starts_with("put `gates` at the phase"), "{help}");
    let help = read_with(&of_phase("{before: {cmd: x, task: init}}"), &[]).diagnostics[0].help.clone();
    assert_eq!(help.as_deref(), Some("name one that goes on running, as `task: main`, `task: side`"));
}
