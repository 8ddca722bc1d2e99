//! What a task finds around it: environment, ports, volumes, files, checks, nodes.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::common;
use crate::common::{Bench, identity, instance, lives, name, on_runtime, task, until};
use backend_local::logs::{LogReader, Stream};
use backend_local::options::OutputLimits;
use plan_core::engine::{Command, CommandOutcome, End, FitAnswer, LaunchAnswer, ReleaseAnswer, Seen};
use plan_driver::backend::BackendReport;

const READY: Seen = Seen::Running { ready: true };
const NOT_READY: Seen = Seen::Running { ready: false };

#[test]
fn a_task_has_its_environment_and_no_more() {
    on_runtime(async {
        let more = "        env: {OWN: a b}\n        ports:\n          http: {port: 0, env-key: PORT_HTTP}\n";
        let mut bench =
            Bench::new(&task("pwd; tr '\\0' '\\n' < /proc/$$/environ; echo end=; exec sleep 1000", more))
                .await;
        let parameters = BTreeMap::from([("GIVEN".to_owned(), "by the run".to_owned())]);
        let (launch, answer) = bench.with_parameters(0, parameters).await;
        assert_eq!(answer, LaunchAnswer::Done);
        let sandbox = bench.sandbox(0, launch).display().to_string();
        let text = bench.output(0, launch, |text| text.ends_with("end=\n")).await;
        assert_eq!(text.lines().next(), Some(sandbox.as_str()));
        let env: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        for (name, value) in [
            ("OWN", "a b"),
            ("GIVEN", "by the run"),
            ("FRAMEWORK_NAME", "svc"),
            ("FRAMEWORK_HOST", "svc.localhost"),
            ("POD_INSTANCE_INDEX", "0"),
            ("TASK_NAME", "a-0-t"),
            ("a-0-t", "true"),
            ("MESOS_SANDBOX", &sandbox),
            ("PLACEMENT_REFERENCED_ZONE", "false"),
            ("ZONE", "zone-0"),
            ("PATH", "/usr/bin:/bin"),
        ] {
            assert_eq!(env.get(name), Some(&value), "{name} in {text}");
        }
        assert!(env["PORT_HTTP"].parse::<u16>().is_ok());
        assert!(!env.keys().any(|name| name.starts_with("CARGO")), "{text}");
    });
}

#[test]
fn readiness_passes_late_and_is_lost() {
    on_runtime(async {
        let more = "        readiness-check: {cmd: test -e up, interval: 0, timeout: 5}\n";
        let mut bench = Bench::new(&task("sleep 0.3; touch up; exec sleep 1000", more)).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, NOT_READY).await;
        bench.seen(launch, READY).await;
        bench.reopen().await;
        assert_eq!(bench.is(0, launch, &grant).await, READY);
        std::fs::remove_file(bench.sandbox(0, launch).join("up")).unwrap();
        bench.seen(launch, NOT_READY).await;
    });
}

#[test]
fn a_task_whose_health_check_fails_is_ended() {
    on_runtime(async {
        let more = "        health-check: {cmd: test -e well, interval: 0, grace-period: 0, \
                    max-consecutive-failures: 2, delay: 0, timeout: 5}\n";
        let mut bench = Bench::new(&task("touch well; sleep 0.5; rm well; exec sleep 1000", more)).await;
        let (launch, _) = bench.launch(0).await;
        let (_, process) = bench.processes(0, launch).await;
        assert_eq!(bench.ended(launch).await, End::Unhealthy);
        assert!(!lives(process));
    });
}

#[test]
fn a_check_that_hangs_ends_at_its_timeout() {
    on_runtime(async {
        let more = "        health-check: {cmd: 'echo $$ > check; sleep 1000 & sleep 1000', interval: 0, \
                    grace-period: 0, max-consecutive-failures: 1, delay: 0, timeout: 1}\n";
        let mut bench = Bench::new(&task("exec sleep 1000", more)).await;
        let (launch, _) = bench.launch(0).await;
        assert_eq!(bench.ended(launch).await, End::Unhealthy);
        let check = std::fs::read_to_string(bench.sandbox(0, launch).join("check")).unwrap();
        assert!(!lives(check.trim().parse().unwrap()));
    });
}

#[test]
fn a_paused_task_waits_and_is_not_ready() {
    on_runtime(async {
        let mut bench = Bench::new(&task("echo ran", "")).await;
        let (launch, grant) = bench.room(0, None).await;
        let mut order = bench.launch_of(0, launch, &grant, &["t"]);
        order.tasks[0].paused = true;
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        bench.seen(launch, NOT_READY).await;
        bench.kill(0, launch, 5).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        assert_eq!(bench.output(0, launch, |_| true).await, "");
    });
}

#[test]
fn a_port_is_given_once_and_kept() {
    on_runtime(async {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = other.local_addr().unwrap().port();
        let ports =
            format!("        ports:\n          one: {{port: {number}}}\n          any: {{port: 0}}\n");
        let mut bench = Bench::new(&task("exec sleep 1000", &ports)).await;
        bench.ask(0, 1).await;
        bench.numbers = 1;
        let answer = bench.answer(1).await;
        assert!(matches!(&answer, FitAnswer::Retry(why) if why.contains("another program")), "{answer:?}");
        // The question stands open, and another program's port is looked at again.
        drop(other);
        let FitAnswer::Fitted(grant) = bench.answer(1).await else { panic!("no room") };
        assert_eq!(grant.ports[0].1, number);
        let order = bench.launch_of(0, 1, &grant, &["t"]);
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        bench.seen(1, READY).await;
        // On another node, it is the same machine's.
        bench.ask(1, 2).await;
        let answer = bench.answer(2).await;
        assert!(matches!(&answer, FitAnswer::Retry(why) if why.contains("taken by a-0")), "{answer:?}");
        bench.command(Command::Withdraw { instance: instance(1), launch: 2 }).await;
        // Its own is no hindrance, also after a restart, and stays what it was.
        bench.reopen().await;
        bench.numbers = 2;
        let (_, again) = bench.room(0, Some(&grant)).await;
        assert_eq!((again.ports, again.handle), (grant.ports, grant.handle));
    });
}

#[test]
fn room_is_kept_and_said() {
    on_runtime(async {
        let mut bench = Bench::with(&task("exec sleep 1000", ""), |options| {
            options.nodes[0].capacity.cpus = 250;
            options.nodes.truncate(1);
        })
        .await;
        let (_, first) = bench.launch(0).await;
        bench.launch(1).await;
        let third = bench.next_number();
        bench.ask(2, third).await;
        let answer = bench.answer(third).await;
        assert!(matches!(&answer, FitAnswer::Retry(why) if why.contains("0.100 cpus, 0.050")), "{answer:?}");
        // What was launched is known after a restart.
        bench.reopen().await;
        bench.ask(2, third).await;
        assert!(matches!(bench.answer(third).await, FitAnswer::Retry(_)));
        bench.kill(0, 1, 0).await;
        bench.ended(1).await;
        bench.release(0, &first).await;
        assert!(matches!(bench.answer(third).await, FitAnswer::Fitted(_)));
    });
}

#[test]
fn volumes_live_as_long_as_their_place() {
    on_runtime(async {
        let volume = "        volume: {path: data, type: ROOT, size: 10}\n";
        let cmd = "echo x >> data/starts; wc -l < data/starts; exec sleep 1000";
        let mut bench = Bench::new(&task(cmd, volume)).await;
        let outside = bench.folder.path().join("outside");
        std::fs::write(&outside, "kept").unwrap();
        let (first, grant) = bench.launch(0).await;
        bench.output(0, first, |text| text.trim() == "1").await;
        bench.release(0, &grant).await;
        assert!(matches!(bench.report("a release", common::a_release).await, ReleaseAnswer::Retry(_)));
        bench.kill(0, first, 0).await;
        bench.ended(first).await;
        let (second, grant) = bench.launch_again(0, &grant).await;
        bench.output(0, second, |text| text.trim() == "2").await;
        let starts = std::fs::canonicalize(bench.sandbox(0, second).join("data")).unwrap();
        std::os::unix::fs::symlink(&outside, starts.join("link")).unwrap();
        std::os::unix::fs::symlink(bench.folder.path(), starts.join("folder")).unwrap();
        bench.kill(0, second, 0).await;
        bench.ended(second).await;
        bench.release(0, &grant).await;
        assert_eq!(bench.report("a release", common::a_release).await, ReleaseAnswer::Done);
        // Given again, it is the same.
        bench.release(0, &grant).await;
        assert_eq!(bench.report("a release", common::a_release).await, ReleaseAnswer::Done);
        assert!(!starts.exists());
        assert_eq!(std::fs::read_to_string(&outside).unwrap(), "kept");
        let (third, _) = bench.launch(0).await;
        bench.output(0, third, |text| text.trim() == "1").await;
        bench.kill(0, third, 0).await;
        bench.ended(third).await;
        bench.command(Command::Deregister).await;
        let deregistered = |report: &BackendReport| {
            (*report == BackendReport::Outcome(CommandOutcome::Deregistered)).then_some(())
        };
        bench.report("it is gone", deregistered).await;
        assert!(common::walk(&bench.options.root.join("services")).is_empty());
    });
}

#[test]
fn a_lost_node_is_silent_and_then_gone() {
    on_runtime(async {
        let mut bench = Bench::with(&task("exec sleep 1000", ""), |options| {
            options.gone_after = Duration::from_millis(700);
        })
        .await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let (_, process) = bench.processes(0, launch).await;
        bench.local().lose_node(&grant.node.name).await.unwrap();
        bench.seen(launch, Seen::Unreachable).await;
        until("it is killed", || (!lives(process)).then_some(())).await;
        let next = bench.next_number();
        bench.ask_at(0, next, Some((grant.node.name.clone(), grant.handle.clone()))).await;
        assert!(
            matches!(bench.answer(next).await, FitAnswer::Retry(why) if why.contains("nothing is heard"))
        );
        assert_eq!(bench.ended(launch).await, End::Gone);
        // It is remembered, and avoided.
        bench.reopen().await;
        bench.ask_at(0, next, Some((grant.node.name.clone(), grant.handle.clone()))).await;
        let gone = loop {
            match bench.answer(next).await {
                FitAnswer::NodeGone(_) => break true,
                FitAnswer::Retry(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert!(gone);
        assert_eq!(bench.is(0, launch, &grant).await, Seen::Ended(End::Gone));
        let (_, elsewhere) = bench.room(1, None).await;
        assert_ne!(elsewhere.node.name, grant.node.name);
        assert!(bench.local().lose_node(&"no-such".parse().unwrap()).await.is_err());
    });
}

#[test]
fn output_is_bounded_and_can_be_followed() {
    on_runtime(async {
        let cmd = "i=0; while [ $i -lt 300 ]; do echo line-$i; i=$((i+1)); done; echo done; exec sleep 1000";
        let mut bench = Bench::with(&task(cmd, ""), |options| {
            options.output = OutputLimits { size: 1000, kept: 2 };
        })
        .await;
        let (launch, _) = bench.launch(0).await;
        bench.output(0, launch, |text| text.ends_with("done\n")).await;
        let sandbox = bench.sandbox(0, launch);
        let sizes: Vec<u64> = ["stdout", "stdout.1", "stdout.2"]
            .iter()
            .map(|name| std::fs::metadata(sandbox.join(name)).unwrap().len())
            .collect();
        assert!(sizes.iter().all(|size| *size <= 1000), "{sizes:?}");
        assert!(!sandbox.join("stdout.3").exists());
        let tail = LogReader::open(&sandbox, Stream::Out, Some(2)).unwrap().more().unwrap();
        assert_eq!(String::from_utf8(tail).unwrap(), "line-299\ndone\n");
        assert_eq!(bench.local().sandbox(&identity(), &instance(0), &name("t"), None).unwrap(), sandbox);
    });
}

#[test]
fn a_virtual_address_follows_readiness() {
    on_runtime(async {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let more = format!(
            "        readiness-check: {{cmd: test -e up, interval: 0, timeout: 5}}\n        ports:\n          \
             web: {{port: 0, env-key: WEB, advertise: true, vip: {{prefix: web, port: {free}}}}}\n"
        );
        let mut bench = Bench::new(&task("exec sleep 1000", &more)).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, NOT_READY).await;
        let behind = TcpListener::bind(("127.0.0.1", grant.ports[0].1)).unwrap();
        std::thread::spawn(move || {
            for stream in behind.incoming() {
                stream.unwrap().write_all(b"hello").unwrap();
            }
        });
        assert!(TcpStream::connect(("127.0.0.1", free)).is_err());
        std::fs::write(bench.sandbox(0, launch).join("up"), "").unwrap();
        let seen = bench.sighted(launch, "ready", |seen| seen.seen == READY).await;
        let vips = &seen.address.unwrap().vips;
        assert_eq!(vips, &[("web".parse().unwrap(), format!("web.svc.localhost:{free}").into())]);
        let mut stream = until("somebody listens", || TcpStream::connect(("127.0.0.1", free)).ok()).await;
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        std::fs::remove_file(bench.sandbox(0, launch).join("up")).unwrap();
        bench.seen(launch, NOT_READY).await;
        until("nobody listens", || TcpStream::connect(("127.0.0.1", free)).err()).await;
    });
}
