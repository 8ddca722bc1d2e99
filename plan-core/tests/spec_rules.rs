//! Each rule of a specification (SDK rules R6 to R43), as tables: a text, and all its problems.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use plan_core::spec::{Files, Goal, Limit, PhaseStrategy, PortChoice, RLimit, Seccomp, Steps, VolumeKind};
use spec_support::{check, env, good, phase, plans, pod, read_files, read_with, task, told};

/// Checks the problems of each text.
fn table(cases: &[(String, &[&str])]) {
    for (text, expected) in cases {
        check(text, expected);
    }
}

#[test]
fn the_service() {
    table(&[
        ("pods: {}\n".into(), &["1:1 P006 missing required `name`", "1 P030 no pod"]),
        ("name:\npods:\n".into(), &["1:1 P006 missing required `name`", "2:1 P006 missing required `pods`"]),
        ("nmae: x\n".into(), &["1:1 P005 unknown key `nmae`", "1 P006 `name`", "1 P006 `pods`"]),
        ("- a\n".into(), &["1:1 P007 expected a mapping, found a list"]),
        ("hello\n".into(), &["1:1 P007 expected a mapping, found a single value"]),
        (pod("").replace("name: svc", "name: a__b"), &["1:7 P009 cannot contain \"__\""]),
        (
            pod("").replace("name: svc", &format!("name: {}", "x".repeat(64))),
            &["1:7 P009 at most 63 characters without its slashes, this one has 64"],
        ),
        (pod("").replace("name: svc", &format!("name: /{}/{}", "x".repeat(31), "y".repeat(32))), &[]),
        (pod("").replace("name: svc", "name: ''"), &["1 P009 a service name cannot be empty"]),
        (pod("").replace("name: svc", "name: svc\nname: two"), &["2:1 P004 duplicate key `name`"]),
        (pod("").replace("name: svc", "name: svc\nweb-url: a b"), &["2:10 P032 is not a URL"]),
        (pod("").replace("name: svc", "name: svc\nscheduler: {usr: x}"), &["2:13 P005 unknown key `usr`"]),
        (
            pod("").replace(
                "name: svc",
                "name: svc\nreplacement-failure-policy: {permanent-failure-timeout-secs: 0}",
            ),
            &["2:62 P010 permanent-failure-timeout-secs: `0` must be at least 1"],
        ),
        (
            pod("").replace("name: svc", "name: svc\nreplacement-failure-policy: {min-replace-delay: 1}"),
            &["2:30 P005 unknown key `min-replace-delay`"],
        ),
        (
            pod("").replace("name: svc", "name: svc\nreplacement-failure-policy: 60"),
            &["2:29 P007 expected a mapping"],
        ),
        (pod("").replace("  hello:", "  a/b:"), &["3:3 P009 cannot contain \"/\""]),
    ]);
}

#[test]
fn a_service_in_full() {
    let text = "name: /group/svc\nweb-url: http://web.svc/\nscheduler: {principal: p, zookeeper: 'zk:2181', user: nobody}\n";
    let spec = good(&pod("").replace("name: svc\n", text), &[]);
    assert_eq!(spec.name().as_str(), "/group/svc");
    assert_eq!(spec.web_url(), Some("http://web.svc/"));
    assert_eq!(spec.scheduler().user.as_deref(), Some("nobody"));
    // A value that a template leaves empty is the default.
    let spec = good(
        &pod("").replace("name: svc\n", "name: svc\nweb-url:\nscheduler: {principal: , user: ''}\n"),
        &[],
    );
    assert_eq!((spec.web_url(), spec.scheduler().user.as_deref()), (None, None));
}

#[test]
fn when_lost_instances_are_replaced() {
    let policy = |text: &str| {
        let text = pod("").replace("name: svc\n", &format!("name: svc\nreplacement-failure-policy:{text}\n"));
        let policy = good(&text, &[]).replacement_failure_policy().copied();
        policy.map(|policy| (policy.permanent_failure_timeout.0, policy.min_replace_delay.0))
    };
    assert_eq!(policy(""), None);
    assert_eq!(policy(" {}"), Some((1200, 600)));
    assert_eq!(policy(" {permanent-failure-timeout-secs: 60}"), Some((60, 600)));
    assert_eq!(policy(" {permanent-failure-timeout-secs: , min-replace-delay-secs: '0'}"), Some((1200, 0)));
}

#[test]
fn pods() {
    table(&[
        (
            pod("").replace("count: 2", "cuont: 2"),
            &["3 P006 missing required `count`", "4:5 P005 unknown key `cuont`, it has no effect"],
        ),
        (pod("").replace("count: 2", "count: -1"), &["4:12 P010 `-1` is negative"]),
        (pod("").replace("count: 2", "count: two"), &["4:12 P010 `two` is not a whole number"]),
        (pod("").replace("count: 2", "count: 1.5"), &["4:12 P010 `1.5` is not a whole number"]),
        (pod("").replace("count: 2", "count: 99999999999999999999"), &["4:12 P010 too large"]),
        (pod("").replace("count: 2", "count: 4000000000"), &["4:12 P052 4000000000 instances"]),
        (pod("").replace("count: 2", "count: [2]"), &["4:5 P007 expected a single value, found a list"]),
        ("name: x\npods:\n  a: {count: 1, tasks: }\n".into(), &["3 P006 missing required `tasks`"]),
        ("name: x\npods:\n  a: {count: 1, tasks: {}}\n".into(), &["3 P040 the pod has no task"]),
        ("name: x\npods:\n  a: 3\n".into(), &["3:6 P007 expected a mapping, found a single value"]),
        ("name: x\npods:\n  a:\n".into(), &["3 P006 `count`", "3 P006 `tasks`"]),
        (
            pod("placement: 'hostname:UNIQUE'\n").replace(
                "  hello:",
                "  hello-hot: {count: 1, tasks: {t: {goal: ONCE, cmd: x, cpus: 1}}}\n  hello:",
            ),
            &["8 P102 counts instances of `hello-hot` as ones of `hello`"],
        ),
        (
            pod("placement: 'hostname:IS:a'\n").replace(
                "  hello:",
                "  hello-hot: {count: 1, tasks: {t: {goal: ONCE, cmd: x, cpus: 1}}}\n  hello:",
            ),
            &[],
        ),
        (pod("placement: '{\"apart\": \"hello\"}'"), &[]),
        (pod("placement: '{\"apart\": 3}'"), &["7 P050 is no rule"]),
        (pod("count: 3"), &["7:5 P004 duplicate key `count`"]),
        (pod("").replace("count: 2", "count: 0"), &[]),
        (pod("user: nobody"), &["7:5 P005 unknown key `user`, it has no effect"]),
        (pod("shm-size: 0"), &["7 P010 must be at least 1"]),
        (pod("seccomp-unconfined: true"), &[]),
        (pod("seccomp-unconfined: true\nseccomp-profile-name: ''"), &[]),
        (pod("rlimits: {RLIMIT_NOFILE: {hard: 1}}"), &["7:15 P046 both or not at all"]),
        (pod("networks: {dcos: {labels: , host-ports: []}}"), &[]),
        (pod("networks: {dcos: {port: 1}}"), &["7 P005 unknown key `port`"]),
        (
            pod("networks: {mesos-bridge: {host-ports: [0], container-ports: [0]}}"),
            &["7 P044 a container port is 0"],
        ),
        (
            pod("external-volumes: {a: {container-path: x, driver-name: pxd, volume-mode: RO}}"),
            &["7 P006 missing required `type`"],
        ),
        (
            pod(
                "external-volumes: {a: {type: DOCKER, container-path: x, driver-name: pxd, volume-mode: RX}}",
            ),
            &["7 P008 unsupported volume mode `RX`"],
        ),
        (pod("secrets: {s: {secret: a, env-key: ''}}"), &["7 P049 environment variable has no name"]),
        (pod("image: ''"), &["7:12 P041 the image has no name"]),
        (pod("container: {x: y}"), &["7:5 P005 unknown key `container`, it has no effect"]),
        (pod("uris: ['http://a b']"), &["7:12 P051 `http://a b` is not a URI"]),
        (pod("uris: http://a"), &["7:11 P007 expected a list, found a single value"]),
        (pod("seccomp-unconfined: true\nseccomp-profile-name: x"), &["8 P042 at the same time"]),
        (pod("ipc-mode: SHARE_PARENT"), &["7 P043 cannot be SHARE_PARENT"]),
        (
            pod("ipc-mode: SHARED"),
            &["7 P008 unsupported ipc-mode `SHARED`, expected one of: PRIVATE, SHARE_PARENT"],
        ),
        (pod("share-pid-namespace: yes"), &["7:26 P008 `yes` is neither true nor false"]),
        (pod("placement: 'hostname:UNIQU'"), &["7:26 P050 `UNIQU` is not an operator"]),
        (pod("placement: '[[\"hostname\"]]'"), &["7 P050 1 entry"]),
        (
            pod("rlimits: {RLIMIT_NOFILES: {soft: 1, hard: 2}}"),
            &["7:15 P046 `RLIMIT_NOFILES` is not a limit"],
        ),
        (pod("rlimits: {RLIMIT_NOFILE: {soft: 1}}"), &["7:15 P046 both or not at all"]),
        (
            pod("rlimits: {RLIMIT_NOFILE: {soft: 3, hard: 2}}"),
            &["7 P046 the soft limit 3 of RLIMIT_NOFILE is above"],
        ),
        (pod("rlimits: {RLIMIT_NOFILE: {soft: -1, hard: 2}}"), &["7 P046 for one of `soft` and `hard` only"]),
        (pod("rlimits: {RLIMIT_NOFILE: {soft: -2, hard: 2}}"), &["7 P010 must be at least -1"]),
        (
            pod("networks: {dcos: {host-ports: [1], container-ports: [1]}}"),
            &["7 P044 does not support port mapping"],
        ),
        (pod("networks: {mesos-bridge: {host-ports: [1]}}"), &["7 P044 1 host ports are mapped to 0"]),
        (pod("networks: {dcs: }"), &["7 P045 `dcs` is not one of those that are known"]),
        (pod("networks: {dcos: {labels: 'a'}}"), &["7 P072 illegal label `a`"]),
        (
            pod("host-volumes: {a: {host-path: etc, container-path: /x}}"),
            &["7 P047 `etc` is not absolute", "7 P047 `/x` is absolute"],
        ),
        (
            pod("host-volumes: {a: {host-path: /etc, container-path: x, mode: RX}}"),
            &["7 P008 unsupported host volume mode `RX`"],
        ),
        (
            pod(
                "external-volumes: {a: {type: NFS, container-path: x, driver-name: pxd, driver-options: 'name=x;size'}}",
            ),
            &["7 P008 unsupported external volume type `NFS`", "7 P048 invalid driver option `size`"],
        ),
        (
            pod(
                "external-volumes: {a: {type: DOCKER, container-path: x, driver-name: pxd, driver-options: 'name=x;'}}",
            ),
            &["7 P048 the option `name`"],
        ),
        (pod("secrets: {s: {file: /x}}"), &["7 P006 missing required `secret`"]),
        (pod("secrets: {s: {secret: a/b, file: /x}}"), &["7 P049 `/x` is not a relative path"]),
        (pod("secrets: {s: {secret: ''}}"), &["7 P049 the secret has no path"]),
        (
            pod("volume: {path: a, type: ROOT, size: 1}\nvolumes: {b: {path: a, type: ROOT, size: 1}}"),
            &["8 P066 two volumes have the path `a`"],
        ),
    ]);
}

#[test]
fn a_pod_in_full() {
    let text = pod(
        "placement: '[[\"hostname\", \"UNIQUE\"]]'\nimage: ubuntu\nnetworks: {dcos: , mesos-bridge: {host-ports: [4040], container-ports: [8080], labels: 'a:b,c:d:e'}}\n\
                    rlimits: {RLIMIT_AS: {}, RLIMIT_CORE: {soft: -1, hard: -1}, RLIMIT_NOFILE: {soft: 1, hard: 2}}\nuris: ['http://a/b']\n\
                    volume: {path: one, type: ROOT, size: 10}\nvolumes: {x: {path: two, type: MOUNT, size: 20, profiles: [fast]}}\n\
                    host-volumes: {h: {host-path: /etc, container-path: etc, mode: RO}}\n\
                    external-volumes: {e: {type: DOCKER, container-path: /data, driver-name: pxd, driver-options: 'size=1;shared=true;', volume-name: v}}\n\
                    secrets: {s: {secret: a/b, env-key: S, file: dir/s.txt}, t: {secret: c}}\n\
                    pre-reserved-role: role\nshare-pid-namespace: true\nallow-decommission: 'true'\nseccomp-profile-name: p\nipc-mode: PRIVATE\nshm-size: 64",
    );
    let spec = good(&text, &[]);
    let pod = &spec.pods()["hello"];
    assert!(pod.placement.is_some() && pod.allow_decommission && pod.share_pid_namespace);
    assert_eq!(pod.networks["mesos-bridge"].labels[1], ("c".to_owned(), "d:e".to_owned()));
    assert_eq!(pod.networks["mesos-bridge"].ports[0].host, 4040);
    assert_eq!(
        pod.rlimits.values().copied().collect::<Vec<_>>(),
        [RLimit::Unlimited, RLimit::Unlimited, RLimit::Limited { soft: 1, hard: 2 }]
    );
    assert_eq!(pod.volumes.iter().map(|v| v.path.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(pod.volumes[1].kind, VolumeKind::Mount(vec!["fast".to_owned()]));
    assert_eq!(pod.external_volumes["e"].options.len(), 2);
    assert_eq!(pod.seccomp, Some(Seccomp::Profile("p".to_owned())));
    assert_eq!(pod.shm_size.map(|size| size.get()), Some(64));
    // No rule, and null containers.
    for empty in
        ["placement: ''", "placement: '[]'", "placement:", "uris:", "networks:", "volumes:", "secrets: {}"]
    {
        good(&pod_with(empty), &[]);
    }
}

fn pod_with(added: &str) -> String {
    pod(added)
}

#[test]
fn tasks() {
    let with = |added: &str| task(&format!("goal: RUNNING\ncpus: 0.5\n{added}"));
    table(&[
        (task("cpus: 1"), &["6 P006 missing required `goal`"]),
        (task("goal: FINISHED\ncpus: 1"), &["8:15 P071 unsupported goal `FINISHED`, expected one of: RUNNING, FINISH, ONCE"]),
        (task("goal: UNKNOWN\ncpus: 1"), &["8 P071 unsupported goal `UNKNOWN`"]),
        (task("goal: RUNNING"), &["6 P060 there are no resources"]),
        (task("goal: RUNNING\nvolume: {path: a, type: ROOT, size: 1}"), &["6 P060 besides volumes"]),
        (with("").replace("        cmd: ./serve\n", ""), &["6 P006 missing required `cmd`"]),
        (with("uris: [a]"), &["10:9 P005 unknown key `uris`"]),
        (with("env: [a]"), &["10 P007 expected a mapping, found a list"]),
        (with("env: {A: [1]}"), &["10 P007 expected a single value, found a list"]),
        (with("env: {A: 1, A: 2}"), &["10:21 P004 duplicate key `A`"]),
        (with("essential: maybe"), &["10 P008 `maybe` is neither"]),
        (with("labels: 'a:b,c'"), &["10:17 P072 illegal label `c`"]),
        (with("labels: 'a:1,a:2'"), &["10 P072 the label `a` is given twice"]),
        (with("labels: ''"), &[]),
        (with("labels:"), &[]),
        (with("essential:"), &[]),
        (with("shm-size: 64\nipc-mode: PRIVATE"), &[]),
        (with("env: {'A=B': 1}"), &["10 P009 is not the name of an environment variable"]),
        (with("discovery: {prefix: ''}"), &["10 P077 the discovery prefix is empty"]),
        (with("readiness-check: {cmd: '', interval: 5, timeout: 10}"), &["10 P074 the readiness check has no command"]),
        (with("readiness-check: {cmd: x, interval: -5, timeout: 10}"), &["10 P010 `-5` is negative"]),
        (with("kill-grace-period: 3600"), &[]),
        (with("transport-encryption: [{type: TLS}]"), &["10 P006 missing required `name`"]),
        (with("labels: '  '"), &["10 P072 illegal label `  `"]),
        (with("kill-grace-period: -1"), &["10 P010 kill-grace-period: `-1` is negative"]),
        (with("kill-grace-period: 3601"), &["10:28 P073 a kill-grace-period of 3601 s is above 3600 s"]),
        (with("env: {A: \"x\\0y\", B: \"\\u0001\"}"), &["10 P053 the variable `A` holds a NUL character"]),
        (with("readiness-check: {cmd: \"x\\0\", interval: 5, timeout: 10}"), &["10 P053 the command holds a NUL character"]),
        (with("kill-signal: SIGINT"), &["10:22 P079 no effect without a `kill-grace-period`"]),
        (with("kill-signal: SIGTERM"), &[]),
        (with("kill-grace-period: -1\nkill-signal: SIGINT"), &["10 P010 kill-grace-period: `-1` is negative"]),
        (with("kill-grace-period: 5\nkill-signal: SIGTRM"), &["11 P008 unsupported kill signal `SIGTRM`, expected one of: SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2"]),
        (with("kill-grace-period: 5\nkill-signal: SIGKILL"), &["11 P008 unsupported kill signal `SIGKILL`"]),
        (with("kill-grace-period: 5\nkill-signl: SIGINT"), &["11 P005 unknown key `kill-signl`"]),
        (with("ipc-mode: SHARE_PARENT\nshm-size: 5"), &["11 P043 shm-size does not apply"]),
        (with("health-check: {cmd: x}"), &["10 P006 `interval`", "10 P006 `grace-period`", "10 P006 `max-consecutive-failures`", "10 P006 `delay`", "10 P006 `timeout`"]),
        (with("health-check: {cmd: '', interval: 1, grace-period: 1, max-consecutive-failures: 0, delay: 0, timeout: 1}"), &["10 P010 must be at least 1"]),
        (with("health-check: {cmd: '', interval: 1, grace-period: 1, max-consecutive-failures: 1, delay: 0, timeout: 1}"), &["10 P074 the health check has no command"]),
        (with("readiness-check: {cmd: x, interval: 5, timeout: ten}"), &["10 P010 timeout: `ten`"]),
        (with("discovery: {visibility: ALL}"), &["10 P006 missing required `prefix`", "10 P008 unsupported visibility `ALL`"]),
        (with("transport-encryption: [{name: '', type: TLS}, {name: x, type: SSL}]"), &["10 P078 the certificate has no name", "10 P008 unsupported transport encryption type `SSL`"]),
        (with("configs: {a: {template: t, dest: d}, b: {template: t, dest: d}}"), &["10 P075 two config files of the task go to `d`"]),
        (with("configs: {a: {dest: d}}"), &["10 P006 missing required `template`"]),
        (with("resource-set: x"), &["9 P068 `cpus` has no effect beside `resource-set`", "10 P067 the pod has no resource set `x`"]),
        ("name: s\npods:\n  p:\n    count: 1\n    resource-sets: {a-resource-set: {cpus: 1}}\n    tasks:\n      a: {goal: ONCE, cmd: x, cpus: 1}\n".into(), &["7 P033 as a declared resource set is"]),
        (
            "name: s\npods:\n  p: {count: 1, tasks: {a: {goal: ONCE, cmd: x, cpus: 1, discovery: {prefix: d}}}}\n  \
             q: {count: 1, tasks: {a: {goal: ONCE, cmd: x, cpus: 1, discovery: {prefix: d}}}}\n".into(),
            &["4 P077 tasks in different pods cannot share DNS names"],
        ),
    ]);
}

#[test]
fn a_task_in_full() {
    let text = task(
        "goal: once\nessential: false\nenv: {N: 1000, T: true, V: 1.10, E: , S: 'q', F: .inf, O: 0x1F, U: 1_000, L: 007, Y: yes, B: 99999999999999999999999}\n\
                     cpus: 0.1\nmemory: 32\nlabels: 'a:b:c'\nkill-grace-period: 3600\nkill-signal: SIGUSR2\ndiscovery: {prefix: d, visibility: EXTERNAL}\n\
                     transport-encryption: [{name: n, type: KEYSTORE}]\nipc-mode: SHARE_PARENT\nconfigs: {c: {template: t.mustache, dest: conf/c}}\n\
                     readiness-check: {cmd: x, interval: 5, timeout: 10}\n\
                     health-check: {cmd: x, interval: 5, grace-period: 30, max-consecutive-failures: 3, delay: 0, timeout: 10}",
    );
    let spec = good(&text, &[]);
    let pod = &spec.pods()["hello"];
    let task = &pod.tasks["server"];
    assert_eq!(
        (task.goal, task.essential, task.resource_set.as_str()),
        (Goal::Once, false, "server-resource-set")
    );
    let expected = [
        ("N", "1000"),
        ("T", "true"),
        ("V", "1.10"),
        ("E", ""),
        ("S", "q"),
        ("F", ".inf"),
        ("O", "0x1F"),
        ("U", "1_000"),
        ("L", "007"),
        ("Y", "yes"),
        ("B", "99999999999999999999999"),
    ];
    assert_eq!(task.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    assert_eq!(task.labels["a"], "b:c");
    assert_eq!(task.readiness_check.as_ref().unwrap().delay.0, 0);
    assert_eq!(pod.resource_sets["server-resource-set"].cpus.unwrap().thousandths(), 100);
}

#[test]
fn config_templates_are_handed_in() {
    let text = task(
        "goal: ONCE\ncpus: 1\nconfigs: {a: {template: one.mustache, dest: a}, b: {template: tow.mustache, dest: b}, c: {template: no.mustache, dest: c}}",
    );
    let texts = env(&[("one.mustache", "x={{X}}"), ("two.mustache", "y"), ("no.mustache", " ")]);
    let reading = read_files(&text, &[], Files::Texts(&texts));
    let found = told(&text, &reading);
    assert!(found[0].contains("P054 one.mustache:1: nothing gives the variable `X`"), "{found:?}");
    assert!(found[1].contains("P076 there is no config template `tow.mustache`"), "{found:?}");
    assert!(found[2].contains("P076 the config template `no.mustache` is empty"), "{found:?}");
    assert_eq!(reading.diagnostics[1].nearest.as_deref(), Some("two.mustache"));
    let text = text.replace("tow", "two").replace("no.m", "one.m");
    let spec = read_files(&text, &[], Files::Texts(&texts)).spec.unwrap();
    assert_eq!(spec.pods()["hello"].tasks["server"].configs["a"].text.as_deref(), Some("x={{X}}"));
}

/// Each source of a variable is one that a config template can rely on.
#[test]
fn a_config_template_asks_for_what_its_task_is_given() {
    let text = "name: svc\npods:\n  web:\n    count: 1\n    secrets: {s: {secret: a/b, env-key: SECRET}}\n    tasks:\n      \
                server:\n        {goal: RUNNING, cmd: ./serve, cpus: 1, env: {OWN: ''}, ports: {http: {port: 0, env-key: PORT}}, \
                configs: {a: {template: a, dest: a}, b: {template: b, dest: b, render: false}}}\n";
    let given = ["OWN", "ALL", "SECRET", "PORT", "TASK_NAME", "ZONE", "FRAMEWORK_HOST", "SCHEDULER_API_PORT"];
    let given = given.map(|name| format!("{{{{{name}}}}}")).concat();
    let template = format!(
        "{given}{{{{#OFF}}}}{{{{NOT_ASKED}}}}{{{{/OFF}}}}\n{{{{FRAMEWORK_HOTS}}}}{{{{FRAMEWORK_HOTS}}}}"
    );
    let texts = env(&[("a", &template), ("b", "{{ANY}}")]);
    let reading = read_files(text, &[("TASKCFG_WEB_ALL", "1")], Files::Texts(&texts));
    assert_eq!(told(text, &reading).len(), 1, "{:?}", told(text, &reading));
    assert_eq!(
        reading.diagnostics[0].message,
        "a:2: nothing gives the variable `FRAMEWORK_HOTS` to the task"
    );
    assert_eq!(reading.diagnostics[0].nearest.as_deref(), Some("FRAMEWORK_HOST"));
    assert!(reading.spec.is_some(), "it is a warning");
    // A command that renders by itself sets what it wants before.
    let text = text.replace("cmd: ./serve", "cmd: export FRAMEWORK_HOTS=1 && ./bootstrap && ./serve");
    assert_eq!(told(&text, &read_files(&text, &[], Files::Texts(&texts))).len(), 0);
}

/// What begins with `x-` at the top is a place for anchors.
#[test]
fn notes_have_no_effect() {
    let noted = format!("x-defaults: &small {{cpus: 0.5, memory: 32}}\n{}", pod(""))
        .replace("cpus: 0.5, memory: 32", "<<: *small");
    let noted = noted.replacen("{<<: *small}", "{cpus: 0.5, memory: 32}", 1);
    assert_eq!(good(&noted, &[]), good(&pod(""), &[]));
    check(&pod("").replace("name: svc", "name: svc\nxdefaults: 1"), &["2 P005 unknown key `xdefaults`"]);
}

#[test]
fn resources() {
    let with = |added: &str| task(&format!("goal: RUNNING\ncpus: 0.5\nmemory: 64\n{added}"));
    table(&[
        (task("goal: RUNNING\ncpus: 0"), &["9:15 P010 cpus: `0` must be greater than zero"]),
        (task("goal: RUNNING\ncpus: .inf"), &["9:15 P010 cpus: `.inf` is not a decimal number"]),
        (task("goal: RUNNING\ncpus: 0.00001"), &["9:15 P010 more than three decimals"]),
        (task("goal: RUNNING\ngpus: -1"), &["9:15 P010 gpus: `-1` must be greater than zero"]),
        (task("goal: RUNNING\nmemory: 0"), &["9:17 P010 memory: `0` must be at least 1"]),
        (task("goal: RUNNING\nmemory: 1e3"), &["9:17 P010 memory: `1e3` is not a whole number"]),
        (task("goal: RUNNING\nmem: 3"), &["6 P060 there are no resources", "9:9 P005 unknown key `mem`"]),
        (with("resource-limits: {cpus: 0.4, memory: 63}"), &["11 P061 the cpus limit, 0.4, is less than the requested amount, 0.5", "11 P061 the memory limit, 63 MB"]),
        (with("resource-limits: {cpus: undefined}"), &["11 P010 neither a number nor `unlimited`"]),
        (with("resource-limits: {mem: 1}"), &["11 P005 unknown key `mem`"]),
        (with("volume: {path: a, type: ROOT, size: 1}\nvolumes: {b: {path: b, type: ROOT, size: 1}}"), &["12 P069 both `volume` and `volumes`"]),
        (with("volume: {path: /a, type: ROOT, size: 1}"), &["11 P066 `/a` is not a volume path"]),
        (with("volume: {path: a, type: DISK, size: 0}"), &["11 P008 unsupported volume type `DISK`", "11 P010 size: `0` must be at least 1"]),
        (with("volume: {path: a, type: PATH, size: 5}"), &["11 P100 there are no PATH volumes"]),
        (with("ports: {a: {port: 0, vip: {port: 1}, ranges: [{begin: 8, end: 9}]}}"), &["11 P101 here they count"]),
        (with("resource-limits: {cpus: 0.5, memory: 64}"), &[]),
        (with("resource-limits: {cpus: '', memory: ' '}"), &[]),
        (with("ports: {a: {port: 80, vip: {port: 1, prefix: v}}, b: {port: 81, vip: {port: 2, prefix: v}}}"), &[]),
        (with("ports: {a: {port: 80, vip: {port: 1, prefix: ''}}}"), &["11 P063 the VIP prefix is empty"]),
        (with("volume: {path: a.b, type: ROOT, size: 1}"), &["11 P066 `a.b` is not a volume path"]),
        (with("volume: {path: a, type: ROOT, size: 1.5}"), &["11 P010 `1.5` is not a whole number"]),
        (with("volume: {path: a, type: ROOT}"), &["11 P006 missing required `size`"]),
        (with("volume: {path: a, type: ROOT, size: 1, profiles: [x]}"), &["11 P070 no effect on a ROOT volume"]),
        (with("volume: {path: a, type: MOUNT, size: 1, profiles: [x, 'a b', x]}"), &["11 P070 `a b` is not the name of a disk profile", "11 P070 `x` is given twice"]),
        (with("volumes: {b: {path: a, type: ROOT, size: 1}, c: {path: a, type: MOUNT, size: 1}}"), &["11 P066 two volumes have the path `a`"]),
        (with("ports: {a: {env-key: A}}"), &["11 P006 missing required `port`"]),
        (with("ports: {a: {port: 80800}}"), &["11 P010 too large, the most is 65535"]),
        (with("ports: {a: {port: 80}, b: {port: 80}, c: {port: 0}, d: {port: 0}}"), &["11 P062 the ports `a` and `b` have the same value 80"]),
        (with("ports: {a: {port: 80, vip: {port: 1, prefix: b}}, b: {port: 81, vip: {port: 2, prefix: b}}}"), &["11 P063 the VIP prefix `b` is the name of another port"]),
        (with("ports: {a: {port: 80, vip: {port: 0}}}"), &["11 P010 must be at least 1"]),
        (with("ports: {a: {port: 0, ranges: [{begin: 9, end: 8}]}}"), &["11 P065 begins at 9, after its end, 8"]),
        (with("ports: {a: {port: 80, ranges: [{begin: 8, end: 9}]}}"), &["11 P065 they have no effect"]),
        (
            "name: s\npods:\n  p:\n    count: 1\n    resource-sets:\n      r: {ports: {a: {port: 0, advertise: true}, b: {port: 0}}}\n    tasks:\n      \
             t: {goal: ONCE, cmd: x, ports: {a: {port: 0, advertise: true}, b: {port: 0, advertise: true}}}\n".into(),
            &["8 P064 advertised ports of the same name: a"],
        ),
    ]);
}

#[test]
fn resources_in_full() {
    let text = task(
        "goal: RUNNING\ngpus: 1.0\nmemory: 64.0\nports: {a: {port: 80, env-key: A, advertise: true, vip: {port: 8080}}, b: {port: 0, ranges: [{begin: 10, end: }, {begin: 3, end: 4}]}}\n\
                     volumes: {x: {path: a, type: MOUNT, size: 5}}\nresource-limits: {cpus: , memory: UNLIMITED}",
    );
    let spec = good(&text, &[]);
    let set = &spec.pods()["hello"].resource_sets["server-resource-set"];
    assert_eq!((set.gpus.unwrap().thousandths(), set.memory.unwrap().get()), (1000, 64));
    assert_eq!((set.limits.cpus, set.limits.memory), (None, Some(Limit::Unlimited)));
    assert_eq!(set.ports.0[0].1.vip.as_ref().unwrap().prefix, "a");
    let PortChoice::Dynamic(ranges) = &set.ports.0[1].1.number else { panic!("{set:?}") };
    assert_eq!((ranges[0].begin, ranges[0].end), (10, 65535));
    assert_eq!(set.volumes[0].kind, VolumeKind::Mount(Vec::new()));
}

#[test]
fn plans_and_phases() {
    table(&[
        (plans(""), &["7 P086 launch `init` and `main` together"]),
        (plans("plans: {update: {phases: {a: {pod: world}}}}"), &["12:1 P031 no `deploy` plan"]),
        (
            plans("plans: {deploy: {strategy: seril, phases: {a: {pod: world}}}}"),
            &["12 P008 unsupported plan strategy `seril`, expected one of: serial, parallel, dependency"],
        ),
        (
            plans("plans: {deploy: {strategy: canary, phases: {a: {pod: world}}}}"),
            &["12 P008 unsupported plan strategy `canary`"],
        ),
        (plans("plans: {deploy: {}}"), &["12 P006 missing required `phases`"]),
        (
            plans("plans: {deploy: {phases: {a: {strategy: rolling, pod: world}}}}"),
            &[
                "12 P008 unsupported phase strategy `rolling`, expected one of: serial, parallel, serial-canary",
            ],
        ),
        (plans("plans: {deploy: {phases: {a: {pod: wrld}}}}"), &["12:36 P080 there is no pod `wrld`"]),
        (plans("plans: {deploy: {phases: {a: }}}"), &["12 P006 missing required `pod`"]),
        (plans("plans: {deploy: {phases: {a: {pod: world, pdo: x}}}}"), &["12 P005 unknown key `pdo`"]),
        (
            plans("plans: {deploy: {phases: {a: {pod: world, depends-on: [b]}, b: {pod: world}}}}"),
            &["12 P088 not of `strategy: dependency`"],
        ),
        (
            plans(
                "plans: {deploy: {strategy: dependency, phases: {a: {pod: world, depends-on: [c]}, b: {pod: world, depends-on: [a]}, c: {pod: world, depends-on: [b, d, cc]}, d: {pod: world, depends-on: [d]}}}}",
            ),
            &[
                "12 P090 these phases depend on each other in a cycle: `a`, `b`, `c`",
                "12 P089 there is no phase `cc`",
                "12 P090 the phase `d` depends on itself",
            ],
        ),
    ]);
    let text = plans(
        "plans: {deploy: {strategy: dependency, phases: {a: {pod: world}, b: {pod: world, strategy: canary, depends-on: [a]}}}}",
    );
    let spec = good(&text, &[]);
    assert_eq!(spec.plans()["deploy"].phases["b"].strategy, PhaseStrategy::SerialCanary);
}

#[test]
fn steps_in_lists() {
    table(&[
        (
            phase("steps: [{0: [[side]], 1: [[side]]}]"),
            &["17 P082 a map should contain a single entry, but this one has 2"],
        ),
        (phase("steps: [{}]"), &["17 P082 a map should contain a single entry, but this one has 0"]),
        (phase("steps: [side]"), &["17 P082 expected a mapping with a single entry, found a single value"]),
        (phase("steps: {default: [[side]]}"), &["17 P007 expected a list, found a mapping"]),
        (
            phase("steps: [{first: [[side]]}]"),
            &["17 P082 `first` is neither an instance's index nor `default`"],
        ),
        (phase("steps: [{default: [side]}]"), &["17 P082 expected a list of the tasks"]),
        (
            phase("steps:\n- 0: [[side]]\n- 0: [[main]]\n- 1: []"),
            &["19:11 P083 the steps of `0` are given twice"],
        ),
        (phase("steps:\n- default: []\n- default: []"), &["19 P083 the steps of `default` are given twice"]),
        (phase("steps:\n- 1: [[side]]"), &["17 P084 the step entry of instance 0 is missing"]),
        (phase("steps: []"), &["17 P084 the step entry of instance 0 is missing"]),
        (phase("steps:\n- default: [[sied]]"), &["18 P081 the pod `hello` has no task `sied`"]),
        (phase("steps:\n- default: [[]]"), &["18 P092 the step launches no task"]),
        (phase("steps:\n- default: [[side, side]]"), &["18 P092 launches `side` twice"]),
        (phase("steps:\n- default: [[init, main]]"), &["18:28 P086 both use the resource set `shared`"]),
        (phase("steps:\n- default: [[init]]\n- 2: [[main]]"), &["19 P085 no instance 2, its count is 2"]),
        (phase(""), &["15 P086 launch `init` and `main` together"]),
        (phase("strategy: dependency\nsteps:\n- default: [[init]]"), &["18 P088 need names"]),
    ]);
    good(&phase("steps:\n- 0: [[init], [main, side]]\n- default: []"), &[]);
    good(&phase("steps:\n- 0: [[init], [main]]\n- 1: [[side]]"), &[]);
    let two = "discovery: {prefix: d}, ";
    let text =
        phase("steps:\n- default: [[main, side]]").replace("goal: RUNNING", &format!("{two}goal: RUNNING"));
    let text = text.replace(
        "world: {count: 1, tasks: {server: {discovery: {prefix: d}, ",
        "world: {count: 1, tasks: {server: {",
    );
    check(&text, &["18 P087 both have the discovery prefix `d`"]);
}

#[test]
fn steps_with_names() {
    let named = |steps: &str| phase(&format!("strategy: dependency\nsteps:\n{steps}"));
    table(&[
        (named("- {name: a, instance: 2, tasks: [side]}"), &["19 P091 no instance 2"]),
        (
            named("- {name: a, instance: x, tasks: [side]}\n- {nmae: b, name: b}"),
            &["19 P082 `x` is neither", "20 P006 `instance`", "20 P006 `tasks`", "20 P005 `nmae`"],
        ),
        (named("- {name: a, instance: x, tasks: [side]}"), &["19 P082 `x` is neither"]),
        (named("- {name: a, tasks: [side]}"), &["19 P006 missing required `instance`"]),
        (
            named("- {name: a, instance: 0, tasks: [sied], depends-on: [a, x]}"),
            &[
                "19 P081 no task `sied`",
                "19 P090 the step `a` depends on itself",
                "19 P089 there is no step `x`",
            ],
        ),
        (
            named("- {name: a, instance: 0, tasks: [side]}\n- {name: a, instance: 1, tasks: [side]}"),
            &["20 P093 two steps of the phase are called `a`"],
        ),
        (
            named("- {name: a, instance: 0, tasks: [side]}\n- 1: [[side]]"),
            &["20 P082 a step without a name stands among"],
        ),
        (named("- {name: a, instance: 0, tasks: [init, main]}"), &["19 P086 both use the resource set"]),
        (
            named(
                "- {name: a, instance: 0, tasks: [init], depends-on: [b]}\n- {name: b, instance: default, tasks: [main], depends-on: [a]}",
            ),
            &["19 P090 these steps depend on each other in a cycle: `a`, `b`"],
        ),
        (phase("strategy: dependency"), &["15 P088 needs steps with names"]),
        (phase("steps: [{name: a, instance: 0, tasks: [side]}]"), &["17 P088 not of `strategy: dependency`"]),
    ]);
    let spec = good(
        &named(
            "- {name: a, instance: 0, tasks: [init]}\n- {name: b, instance: default, tasks: [main, side], depends-on: [a]}",
        ),
        &[],
    );
    let Steps::Named(steps) = &spec.plans()["deploy"].phases["one"].steps else { panic!("{spec:?}") };
    assert_eq!(steps[1].depends_on[0].as_str(), "a");
}

#[test]
fn a_service_without_plans_gets_one() {
    for absent in ["", "plans:\n", "plans: {}\n"] {
        let text = format!(
            "{}  world: {{count: 0, tasks: {{a: {{goal: ONCE, cmd: x, cpus: 1}}}}}}\n{absent}",
            pod("")
        );
        let spec = good(&text, &[]);
        let deploy = &spec.plans()["deploy"];
        assert_eq!(deploy.phases.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["hello", "world"]);
        assert!(deploy.phases.values().all(|phase| phase.steps == Steps::AllTasks));
    }
}

#[test]
fn all_problems_are_told_in_one_run() {
    let text = "name: a__b\nscheduler: {user: [x]}\npods:\n  hello:\n    count: -1\n    imgae: x\n    tasks:\n      a: {goal: RUN, cmd: , cpus: x}\n  \
                hello: {}\nplans:\n  deploy:\n    phases:\n      one: {pod: hallo}\n      two: {pod: hello, steps: [{0: [[a, b]]}]}\n";
    check(
        text,
        &[
            "1:7 P009 __",
            "2:13 P007 expected a single value",
            "5 P010 negative",
            "6 P005 `imgae`",
            "8 P071 `RUN`",
            "8 P006 `cmd`",
            "8 P010 cpus",
            "9:3 P004 duplicate key `hello`",
            "13:18 P080 no pod `hallo`",
            "14 P081 no task `b`",
        ],
    );
}

#[test]
fn a_strict_reading_names_each_missing_variable_once() {
    let text = pod("").replace("count: 2", "count: {{HELLO_COUNT}}").replace("cpus: 0.5", "cpus: {{CPU}}");
    let reading = read_with(&text, &[("HELLO_CONT", "1"), ("OTHER", "x")]);
    assert_eq!(
        told(&text, &reading),
        ["4:12 P020 the variable `HELLO_COUNT` has no value", "6:51 P020 the variable `CPU` has no value"]
    );
    assert_eq!(reading.diagnostics[0].nearest.as_deref(), Some("HELLO_CONT"));
    assert!(reading.spec.is_none());
}

#[test]
fn a_place_in_the_rendered_text_is_one_in_the_template() {
    let text = format!(
        "{{{{#LONG}}}}\n# only here\n{{{{/LONG}}}}\n{}",
        pod("image: '{{IMAGE}}'\nplacement: {{{P}}}").replace("count: 2", "count: {{N}}")
    );
    let reading = read_with(&text, &[("N", "minus one"), ("IMAGE", ""), ("P", "\"a:b:c:d:e\"")]);
    let found = told(&text, &reading);
    assert!(found[0].starts_with("7:12 P010"), "{found:?}");
    assert!(found[1].starts_with("10:"), "{found:?}");
    assert!(found[2].starts_with("11:16 P050"), "{found:?}");
    assert_eq!(reading.diagnostics[0].variable.as_deref(), Some("N"));
    let span = reading.diagnostics[0].span.unwrap();
    assert_eq!(&text[span.range()], "{{N}}");
}

#[test]
fn what_is_routed_is_laid_over() {
    let text = "name: s\npods:\n  data: &p {count: 1, tasks: {t: {goal: ONCE, cmd: x, cpus: 1, env: {A: file, B: file}}}}\n  data-hot: *p\n  all: *p\n";
    let routed = [
        ("TASKCFG_ALL_A", "all"),
        ("TASKCFG_DATA_A", "data"),
        ("TASKCFG_DATA_HOT_B", "hot"),
        ("TASKCFG_DATA_", "nothing"),
        ("TASKCFG_NONE_A", "nobody"),
        ("XTASKCFG_ALL_B", "nothing"),
    ];
    let reading = read_with(text, &routed);
    let found = told(text, &reading);
    assert_eq!(
        found,
        [
            "4:3 P024 `TASKCFG_DATA_HOT_B` reaches the pod `data-hot` as `B`, and not a pod whose prefix is `TASKCFG_DATA_`"
        ]
    );
    let spec = reading.spec.unwrap();
    let env = |pod: &str| {
        let env = &spec.pods()[pod].tasks["t"].env;
        env.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([env("data"), env("data-hot"), env("all")], ["A=data B=file", "A=all B=hot", "A=all B=file"]);
}

#[test]
fn strict_makes_warnings_errors() {
    let text = pod("imagee: x\ncontainer: y");
    let reading = read_with(&text, &[]);
    assert!(reading.spec.is_some());
    let reading = reading.strict();
    assert!(reading.spec.is_none() && reading.diagnostics.iter().all(|one| one.is_error()));
    let helps: Vec<_> = reading.diagnostics.iter().map(|one| one.help.as_deref().unwrap()).collect();
    assert_eq!(
        helps[0],
        "did you mean `image`?; it is a warning, and a strict reading takes each warning for an error"
    );
    assert!(read_with(&pod(""), &[]).strict().spec.is_some());
}

#[test]
fn what_a_plan_brings_about() {
    let plan = |entries: &str| {
        let text = "plans:\n  deploy: {phases: {a: {pod: world}}}\n  other:\n    phases: {a: {pod: world}}\n    on-change: ";
        plans(&format!("{text}{entries}"))
    };
    let known = |entries: &str| good(&plan(entries), &[]).plans()["other"].on_change.clone();
    assert_eq!(known(""), [""; 0]);
    assert_eq!(known("[]"), [""; 0]);
    let all = "[count, pods, pods.hello, 'pods.*.tasks.*.cmd', pods.hello.tasks.main.env.A.B, web-url, plans.other, \
               'pods.*.resource-sets.shared.ports.*.vip', scheduler.user, 'pods.*.tasks.*', \
               pods.hello.tasks.main.configs, replacement-failure-policy, env]";
    assert_eq!(known(all).len(), 13);
    table(&[
        (plan("x"), &["16:16 P007 expected a list"]),
        (plan("[[x]]"), &["16:17 P007 expected a single value"]),
        (plan("[cuont]"), &["16:17 P094 nothing called `cuont`"]),
        (plan("['']"), &["16:17 P094 nothing called ``"]),
        (plan("['*']"), &["16:17 P094 nothing called `*`"]),
        (plan("[hello]"), &["16:17 P094 nothing called `hello`"]),
        (plan("[pods.hello.cont]"), &["16:17 P094 nothing called `cont`"]),
        (plan("[pods.hello.count.x]"), &["16:17 P094 nothing called `x`"]),
        (plan("['pods..count']"), &["16:17 P094 nothing called ``"]),
        (plan("['*.hello']"), &["16:17 P094 nothing called `*`"]),
        (
            plan("[pods.hello.tasks.main.cmd, pods.hello.tasks.main.evn.A]"),
            &["16:44 P094 nothing called `evn`"],
        ),
        (plan("[pods.hello.tasks.main.configs.c.txet]"), &["16:17 P094 nothing called `txet`"]),
        (plan("[pods.helo.count]"), &["16:17 P094 about a pod `helo`, and there is none"]),
        (plan("['pods.*.tasks.mian']"), &["16:17 P094 about a task `mian`, and there is none"]),
        (plan("[pods.world.tasks.main.cmd]"), &["16:17 P094 about a task `main`, and there is none"]),
    ]);
    // Many entries do not take longer than a few.
    let reading = read_with(&plan(&format!("[{}x]", "cuont, ".repeat(5_000))), &[]);
    assert_eq!(reading.diagnostics.len(), 1001);
    assert!(
        reading.diagnostics[0].message.contains("5001 entries, more than the 1000"),
        "{}",
        reading.diagnostics[0]
    );
    for (entry, nearest) in [
        ("cuont", "count"),
        ("pods.hello.tasks.main.evn.A", "pods.hello.tasks.main.env.A"),
        ("scheduler.usr", "scheduler.user"),
    ] {
        let reading = read_with(&plan(&format!("[{entry}]")), &[]);
        assert_eq!(reading.diagnostics[0].nearest.as_deref(), Some(nearest), "{entry}");
    }
}
