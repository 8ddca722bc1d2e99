//! What is refused before anything starts, and in which words.

use std::collections::BTreeMap;

use plan_core::engine::LaunchAnswer;
use plan_core::spec::Severity;
use plan_driver::backend::Backend as _;

use crate::common::{self, Bench, on_runtime, pod, spec, task};

#[test]
fn what_no_process_can_be_given_is_never_launched() {
    on_runtime(async {
        let mut bench = Bench::new(&task("exec sleep 1000", "")).await;
        for (name, value) in [("A", "x\0y"), ("A\0B", "x"), ("A=B", "x")] {
            let parameters = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let (_, answer) = bench.with_parameters(0, parameters).await;
            assert!(matches!(answer, LaunchAnswer::Never(_)), "{name:?}: {answer:?}");
        }
        assert!(common::walk(&bench.options.root).iter().all(|path| !path.ends_with("order.json")));
    });
}

/// What a specification is refused, or warned of, with where and why.
async fn check(text: &str) -> Vec<(Severity, String, String)> {
    let bench = Bench::new(&task("sleep 1", "")).await;
    let found = bench.local().kind().check(&spec(text)).into_iter();
    found.map(|one| (one.severity, one.path, one.message)).collect()
}

#[test]
fn what_cannot_be_kept_is_said_before_anything_runs() {
    on_runtime(async {
        let tasks = "    tasks:\n      t: {goal: RUNNING, cmd: sleep 1, cpus: 0.1, memory: 32}\n";
        let host = |host: &str, at: &str, mode: &str| {
            format!("    host-volumes:\n      h: {{host-path: {host}, container-path: {at}, mode: {mode}}}\n")
        };
        let table = [
            ("    image: busybox\n".to_owned(), "image", Severity::Error, "there are no containers here"),
            (
                "    uris: [hdfs://x/y]\n".to_owned(),
                "uris[0]",
                Severity::Error,
                "`hdfs` cannot be fetched here",
            ),
            (host("/etc", "h", "RO"), "host-volumes.h.mode", Severity::Error, "it is read-only"),
            (
                host("/etc", "../h", "RW"),
                "host-volumes.h.container-path",
                Severity::Error,
                "`../h` leads out of the sandbox",
            ),
            (
                "    secrets:\n      s: {secret: x/y}\n".to_owned(),
                "secrets.s",
                Severity::Error,
                "no secret store",
            ),
            (
                "    networks:\n      dcos: {}\n".to_owned(),
                "networks.dcos",
                Severity::Warning,
                "this machine's own",
            ),
        ];
        for (more, path, severity, why) in table {
            let found = check(&pod(&format!("{more}{tasks}"))).await;
            let path = format!("pods.a.{path}");
            let said = found
                .iter()
                .any(|(severe, at, words)| *severe == severity && *at == path && words.contains(why));
            assert!(said, "{more}: {found:?}");
        }
        let plain = check(&task("sleep 1", "")).await;
        assert!(plain.iter().all(|(severity, ..)| *severity == Severity::Warning), "{plain:?}");
    });
}

#[test]
fn a_command_that_is_not_there_is_refused() {
    on_runtime(async {
        let health = |kind: &str, cmd: &str| {
            let more = if kind == "health" {
                ", grace-period: 0, max-consecutive-failures: 1, delay: 0"
            } else {
                ""
            };
            format!("        {kind}-check: {{cmd: {cmd}, interval: 1, timeout: 1{more}}}\n")
        };
        let own = "        env: {PATH: /no/such/folder}\n";
        let none = "there is no `no-such-command` on the PATH of the task (/usr/bin:/bin)";
        let table = [
            ("no-such-command --port 1", String::new(), "cmd", Severity::Error, none),
            ("exec no-such-command", String::new(), "cmd", Severity::Error, none),
            ("no-such-command || sleep 1", String::new(), "cmd", Severity::Warning, none),
            (
                "/no/such/command",
                String::new(),
                "cmd",
                Severity::Error,
                "there is no `/no/such/command` on this",
            ),
            ("/etc", String::new(), "cmd", Severity::Error, "`/etc` is a folder"),
            (
                "sleep 1",
                own.to_owned(),
                "cmd",
                Severity::Error,
                "no `sleep` on the PATH of the task (/no/such/folder)",
            ),
            ("sleep 1", health("health", "no-such-command"), "health-check.cmd", Severity::Error, none),
            ("sleep 1", health("readiness", "no-such-command"), "readiness-check.cmd", Severity::Error, none),
        ];
        for (cmd, more, path, severity, why) in table {
            let found = check(&task(cmd, &more)).await;
            let path = format!("pods.a.tasks.t.{path}");
            let said = found
                .iter()
                .any(|(severe, at, words)| *severe == severity && *at == path && words.contains(why));
            assert!(said, "{cmd} {more}: {found:?}");
        }
        // A task before it may bring it, and what is below the sandbox cannot be known.
        let brought = pod(
            "    tasks:\n      get: {goal: ONCE, cmd: sleep 0, cpus: 0.1, memory: 32}\n      t: {goal: RUNNING, cmd: \
             no-such-command, cpus: 0.1, memory: 32}\n",
        );
        for text in [brought, task("./no-such-command", ""), task("$COMMAND", "")] {
            let found = check(&text).await;
            assert!(found.iter().all(|(severity, ..)| *severity == Severity::Warning), "{text}: {found:?}");
        }
    });
}

#[test]
fn what_leads_out_of_the_sandbox_is_refused() {
    on_runtime(async {
        for (dest, why) in [
            ("../../c", "the `dest` of the config `c`, `../../c`, leads out of the sandbox with `..`"),
            (
                "/etc/c",
                "the `dest` of the config `c`, `/etc/c`, is an absolute path, and not one below the sandbox",
            ),
            ("a/../../c", "leads out of the sandbox with `..`"),
        ] {
            let config = format!("        configs:\n          c: {{template: c.conf, dest: {dest}}}\n");
            let text = task("sleep 1", &config);
            let found = check(&text).await;
            let said = found.iter().any(|(severity, path, words)| {
                *severity == Severity::Error && path == "pods.a.tasks.t.configs.c.dest" && words.contains(why)
            });
            assert!(said, "{dest}: {found:?}");
            // Nor is it done if it is ordered all the same.
            let mut bench = Bench::new(&text).await;
            let (launch, grant) = bench.room(0, None).await;
            let order = bench.launch_of(0, launch, &grant, &["t"]);
            let answer = bench.give(order).await;
            assert!(matches!(&answer, LaunchAnswer::Never(words) if words.contains(why)), "{answer:?}");
            assert!(common::walk(&bench.options.root).iter().all(|path| !path.ends_with("order.json")));
        }
    });
}

/// What no file can say is no backend's matter.
#[test]
fn some_is_refused_when_it_is_read() {
    let volume = |path: &str| format!("        volume: {{path: {path}, type: ROOT, size: 10}}\n");
    let table = [
        (volume("../data"), "`../data` is not a volume path"),
        (volume("/data"), "`/data` is not a volume path"),
        (volume("a/b"), "`a/b` is not a volume path"),
        (volume("..").to_owned(), "`..` is not a volume path"),
        ("        env: {A: \"x\\0y\"}\n".to_owned(), "the variable `A` holds a NUL character"),
        ("        env: {\"A\\0\": x}\n".to_owned(), "is not the name of an environment variable"),
    ];
    for (more, why) in table {
        let told = common::problems(&task("sleep 1", &more));
        assert!(told.iter().any(|message| message.contains(why)), "{more}: {told:?}");
    }
}
