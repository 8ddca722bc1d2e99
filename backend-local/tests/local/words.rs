//! What is said of tasks: why they ended, what their checks say, where they are reached.

use std::net::Ipv4Addr;

use plan_core::engine::{Address, Command, End, Found, LaunchAnswer, Seen};
use plan_core::spec::Seconds;
use plan_driver::backend::BackendReport;

use crate::common::{self, Bench, instance, kill_9, name, on_runtime, task, until};

const READY: Seen = Seen::Running { ready: true };
const NOT_READY: Seen = Seen::Running { ready: false };

fn health(cmd: &str, more: &str) -> String {
    format!("        health-check: {{cmd: {cmd:?}, interval: 0, grace-period: 0, delay: 0, {more}}}\n")
}

#[test]
fn a_task_that_is_not_well_says_which_check_how_often_and_why() {
    on_runtime(async {
        let table = [
            (
                health("echo no leader; exit 1", "timeout: 5, max-consecutive-failures: 3"),
                "health check failed 3 times in a row: exit code 1: no leader",
            ),
            (
                health("echo waiting >&2; sleep 1000", "timeout: 1, max-consecutive-failures: 1"),
                "health check timed out after 1 s: waiting",
            ),
            (
                health("kill -9 $$", "timeout: 5, max-consecutive-failures: 1"),
                "health check failed: killed by signal 9",
            ),
        ];
        for (check, words) in table {
            let mut bench = Bench::new(&task("exec sleep 1000", &check)).await;
            let (launch, grant) = bench.launch(0).await;
            assert_eq!(bench.last_words(launch).await, (End::Unhealthy, words.to_owned()));
            bench.reopen().await;
            let Found::Seen(seen) = bench.found(0, launch, &grant).await else { panic!("{words}") };
            assert_eq!(seen.words.as_deref(), Some(words));
            assert_eq!(seen.address, None);
        }
    });
}

#[test]
fn a_task_that_is_not_ready_says_why_until_it_is() {
    on_runtime(async {
        let check = "        readiness-check: {cmd: 'cat said; test -e up', interval: 0, timeout: 5}\n";
        let mut bench = Bench::new(&task("echo no quorum > said; exec sleep 1000", check)).await;
        let (launch, _) = bench.launch(0).await;
        let words = |words: &'static str| {
            move |seen: &plan_core::engine::Sighting| seen.words.as_deref() == Some(words)
        };
        let why = "readiness check failed: exit code 1: no quorum";
        let seen = bench.sighted(launch, why, words(why)).await;
        assert_eq!(seen.seen, NOT_READY);
        let sandbox = bench.sandbox(0, launch);
        std::fs::write(sandbox.join("said"), "joining\n").unwrap();
        let why = "readiness check failed: exit code 1: joining";
        bench.sighted(launch, why, words(why)).await;
        std::fs::write(sandbox.join("up"), "").unwrap();
        let seen = bench.sighted(launch, "ready", |seen| seen.seen == READY).await;
        assert_eq!(seen.words, None);
    });
}

#[test]
fn words_that_differ_in_a_number_alone_are_told_once() {
    on_runtime(async {
        let cmd = "echo x >> runs; echo lag $(wc -l < runs) at $(date +%N); exit 1";
        let check = format!("        readiness-check: {{cmd: {cmd:?}, interval: 0, timeout: 5}}\n");
        let mut bench = Bench::new(&task("exec sleep 1000", &check)).await;
        let (launch, grant) = bench.launch(0).await;
        bench.sighted(launch, "it says why", |seen| seen.words.is_some()).await;
        let runs = bench.sandbox(0, launch).join("runs");
        until("it ran again", || (std::fs::read(&runs).ok()?.len() > 10).then_some(())).await;
        // What was to be told before is told before the snapshot.
        let Found::Seen(seen) = bench.found(0, launch, &grant).await else { panic!("it is absent") };
        let said = seen.words.unwrap().to_string();
        assert!(said.starts_with("readiness check failed: exit code 1: lag 1 at "), "{said}");
        let told = bench.reports.iter().filter(|report| match report {
            BackendReport::Observed(of) => of.seen.words.is_some(),
            _ => false,
        });
        assert_eq!(told.count(), 1);
    });
}

#[test]
fn what_is_said_is_bounded() {
    on_runtime(async {
        let cmd = "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 3";
        let check = health(
            "head -c 100000 /dev/zero | tr '\\0' y; exit 1",
            "timeout: 5, max-consecutive-failures: 9999999",
        );
        let mut bench = Bench::new(&task("exec sleep 1000", &check)).await;
        let (launch, _) = bench.launch(0).await;
        let seen = bench.sighted(launch, "it says why", |seen| seen.words.is_some()).await;
        let said = seen.words.unwrap();
        assert!(said.starts_with("health check failed: exit code 1: yyy") && said.len() < 600, "{said}");
        let mut bench = Bench::new(&task(cmd, "")).await;
        let (launch, _) = bench.launch(0).await;
        let (end, said) = bench.last_words(launch).await;
        assert!(said.starts_with("exit code 3: xxx") && said.len() < 600, "{said}");
        assert_eq!(end, End::Failed);
    });
}

#[test]
fn what_fails_before_a_process_exists_has_words_too() {
    on_runtime(async {
        let text = task("exec sleep 1000", "        configs:\n          c: {template: rules.yml, dest: c}\n");
        let mut bench = Bench::new(&text).await;
        bench.model = common::with_template(&text, "t", "a\nb: {{B}}\nc: {{C}} {{B}}\n");
        let (launch, grant) = bench.room(0, None).await;
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        let why = "template rules.yml:2: the variable `B` has no value, and neither has `C`; set it in the task's `env`, or \
                   in its command before it calls `./bootstrap`";
        assert_eq!(bench.give(order).await, LaunchAnswer::Never(why.into()));
        let uris = crate::files::with_uris("exec sleep 1000", &["http://127.0.0.1:1/a.tgz".to_owned()]);
        let mut bench = Bench::new(&uris).await;
        let (launch, grant) = bench.room(0, None).await;
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        let answer = bench.give(order).await;
        let LaunchAnswer::Retry(why) = answer else { panic!("{answer:?}") };
        assert!(why.contains("http://127.0.0.1:1/a.tgz") && why.contains("refused"), "{why}");
    });
}

#[test]
fn an_end_that_nobody_saw_is_told_as_such() {
    on_runtime(async {
        let mut bench = Bench::new(&task("exec sleep 1000", "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let (shim, _) = bench.processes(0, launch).await;
        kill_9(shim);
        let why = "its shim is gone, and did not say how it ended".to_owned();
        assert_eq!(bench.last_words(launch).await, (End::Lost, why));
        let kill = Command::Kill { instance: instance(0), launch: 99, task: name("t"), grace: Seconds(1) };
        bench.command(kill).await;
        assert_eq!(bench.last_words(99).await, (End::Lost, "nothing is known of it".to_owned()));
    });
}

#[test]
fn a_node_that_is_lost_is_named() {
    on_runtime(async {
        let mut bench = Bench::with(&task("exec sleep 1000", ""), |options| {
            options.gone_after = std::time::Duration::from_millis(300);
        })
        .await;
        let (launch, grant) = bench.launch(0).await;
        let running = bench.sighted(launch, "ready", |seen| seen.seen == READY).await;
        bench.local().lose_node(&grant.node.name).await.unwrap();
        let silent = bench.sighted(launch, "silent", |seen| seen.seen == Seen::Unreachable).await;
        assert_eq!(silent.words.as_deref(), Some("nothing is heard of node-0"));
        assert_eq!(silent.address, running.address);
        let why = "node-0 was lost, and is gone for good".to_owned();
        assert_eq!(bench.last_words(launch).await, (End::Gone, why));
    });
}

#[test]
fn a_task_that_runs_says_where_it_is_reached() {
    on_runtime(async {
        let ports = "        ports:\n          web: {port: 0, vip: {prefix: front, port: 28180}}\n          admin: {port: 0}\n";
        for (more, host) in
            [("", "a-0-t.svc.localhost"), ("        discovery: {prefix: node}\n", "node-0.svc.localhost")]
        {
            let mut bench = Bench::new(&task("exec sleep 1000", &format!("{ports}{more}"))).await;
            let (launch, grant) = bench.launch(0).await;
            let seen = bench.sighted(launch, "ready", |seen| seen.seen == READY).await;
            let address = Address {
                ip: Some(Ipv4Addr::LOCALHOST.into()),
                host: Some(host.into()),
                ports: grant.ports.clone(),
                vips: vec![("web".parse().unwrap(), "front.svc.localhost:28180".into())],
            };
            assert_eq!(seen.address.as_deref(), Some(&address));
            bench.reopen().await;
            assert_eq!(bench.found(0, launch, &grant).await, Found::Seen(seen));
            bench.kill(0, launch, 5).await;
            let seen =
                bench.sighted(launch, "it has ended", |seen| matches!(seen.seen, Seen::Ended(_))).await;
            assert_eq!((seen.words, seen.address), (None, None));
        }
    });
}
