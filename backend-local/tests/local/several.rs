//! Several tasks at once, tasks that share a resource set, and folders of the machine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use plan_core::engine::{Command, End, LaunchAnswer, Number, Seen};
use plan_core::spec::Seconds;

use crate::common::{self, Bench, identity, instance, lives, name, on_runtime, pod, task, until};

const READY: Seen = Seen::Running { ready: true };

fn sandbox(bench: &Bench, task: &str, launch: Number) -> PathBuf {
    bench.local().sandbox(&identity(), &instance(0), &name(task), Some(launch)).unwrap()
}

async fn output(bench: &Bench, task: &str, launch: Number, expected: &str) {
    let path = sandbox(bench, task, launch).join("stdout");
    let is = || std::fs::read_to_string(&path).ok().filter(|text| text == expected);
    until(&format!("{task} prints {expected:?}"), is).await;
}

async fn process(bench: &Bench, task: &str, launch: Number) -> i32 {
    let path = sandbox(bench, task, launch).with_file_name("launch.json");
    until("processes", || common::processes(&path)).await.1
}

/// Writes what the other one waits for.
fn waits(own: &str, other: &str) -> String {
    format!(
        "echo {own} > shared/{own}; while ! test -e shared/{other}; do sleep 0.02; done; echo both; exec sleep 1000"
    )
}

fn pair(of_two: &str) -> String {
    let task = |name: &str, cmd: &str, more: &str| {
        format!(
            "      {name}:\n        goal: RUNNING\n        cmd: {cmd:?}\n        cpus: 0.1\n        memory: 32\n{more}"
        )
    };
    let (one, two) = (task("one", &waits("one", "two"), ""), task("two", &waits("two", "one"), of_two));
    pod(&format!("    volume: {{path: shared, type: ROOT, size: 10}}\n    tasks:\n{one}{two}"))
}

#[test]
fn the_tasks_of_a_launch_run_side_by_side() {
    on_runtime(async {
        let mut bench = Bench::new(&pair("")).await;
        let (launch, grant) = bench.room(0, None).await;
        let order = bench.launch_of(0, launch, &grant, &["one", "two"]);
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        // Each sees what the other wrote to the volume of their pod, and has a sandbox of its own.
        output(&bench, "one", launch, "both\n").await;
        output(&bench, "two", launch, "both\n").await;
        assert_ne!(sandbox(&bench, "one", launch), sandbox(&bench, "two", launch));
        let (one, two) = (process(&bench, "one", launch).await, process(&bench, "two", launch).await);
        bench.reopen().await;
        // One is ended, and the other goes on.
        let kill = Command::Kill { instance: instance(0), launch, task: name("one"), grace: Seconds(5) };
        bench.command(kill).await;
        bench.task_seen("one", launch, Seen::Ended(End::Killed)).await;
        assert!(!lives(one) && lives(two));
        // It comes back beside the other, in the same place.
        let (again, grant) = bench.room(0, Some(&grant)).await;
        let order = bench.launch_of(0, again, &grant, &["one"]);
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        output(&bench, "one", again, "both\n").await;
        assert!(lives(two));
    });
}

#[test]
fn of_a_launch_that_cannot_be_prepared_nothing_runs() {
    on_runtime(async {
        let missing = "        configs:\n          c: {template: c.conf, dest: c}\n";
        let mut bench = Bench::new(&pair(missing)).await;
        bench.model = common::with_template(&pair(missing), "two", "{{NOT_SET}}");
        let (launch, grant) = bench.room(0, None).await;
        let order = bench.launch_of(0, launch, &grant, &["one", "two"]);
        let answer = bench.give(order).await;
        assert!(matches!(&answer, LaunchAnswer::Never(why) if why.contains("NOT_SET")), "{answer:?}");
        let files = common::walk(&bench.options.root.join("services"));
        assert!(files.iter().all(|path| !path.to_string_lossy().contains("/instances/")), "{files:?}");
    });
}

#[test]
fn tasks_that_share_a_resource_set_find_the_same_volume_and_port() {
    on_runtime(async {
        let sets = "    resource-sets:\n      shared: {cpus: 0.1, memory: 32, ports: {p: {port: 0, env-key: NUMBER}}, volume: \
                    {path: data, type: ROOT, size: 10}}\n";
        let first = "echo $NUMBER > data/number";
        let then = "test $NUMBER = $(cat data/number) && echo same; exec sleep 1000";
        let tasks = format!(
            "    tasks:\n      first: {{goal: ONCE, cmd: {first:?}, resource-set: shared}}\n      then: {{goal: RUNNING, cmd: \
             {then:?}, resource-set: shared}}\n"
        );
        let plans =
            "plans:\n  deploy:\n    phases:\n      a: {pod: a, steps: [default: [[first], [then]]]}\n";
        // There is room for the set once.
        let mut bench = Bench::with(&pod(&format!("{sets}{tasks}{plans}")), |options| {
            options.nodes.truncate(1);
            options.nodes[0].capacity.memory = 32;
        })
        .await;
        let (launch, grant) = bench.room(0, None).await;
        let order = bench.launch_of(0, launch, &grant, &["first"]);
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        bench.task_seen("first", launch, Seen::Ended(End::Finished)).await;
        let (launch, grant) = bench.room(0, Some(&grant)).await;
        let order = bench.launch_of(0, launch, &grant, &["then"]);
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        output(&bench, "then", launch, "same\n").await;
    });
}

#[test]
fn many_instances_are_launched_at_once() {
    on_runtime(async {
        let ports = "        ports:\n          p: {port: 0, env-key: NUMBER}\n";
        let mut bench = Bench::new(&task("echo $NUMBER; exec sleep 1000", ports)).await;
        let mut given = Vec::new();
        for index in 0..12 {
            given.push((index, bench.room(index, None).await));
        }
        for (index, (launch, grant)) in &given {
            let order = bench.launch_of(*index, *launch, grant, &["t"]);
            bench.command(Command::Launch(Box::new(order))).await;
        }
        let mut numbers = BTreeSet::new();
        for (index, (launch, grant)) in &given {
            let text = until("it runs", || {
                let folder =
                    bench.local().sandbox(&identity(), &instance(*index), &name("t"), Some(*launch)).ok()?;
                std::fs::read_to_string(folder.join("stdout")).ok().filter(|text| text.ends_with('\n'))
            })
            .await;
            assert_eq!(text.trim(), grant.ports[0].1.to_string());
            numbers.insert(text);
        }
        assert_eq!(numbers.len(), given.len(), "two have one port: {numbers:?}");
        for (index, (launch, _)) in &given {
            bench.kill(*index, *launch, 0).await;
        }
        let mut left: BTreeSet<Number> = given.iter().map(|(_, (launch, _))| *launch).collect();
        while !left.is_empty() {
            let launch = bench.report("all end", common::an_end).await;
            left.remove(&launch);
        }
    });
}

#[test]
fn a_host_volume_is_the_machines_own_folder() {
    on_runtime(async {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("theirs"), "theirs\n").unwrap();
        let text = |host: &str, at: &str| {
            let volumes = format!(
                "    host-volumes:\n      h: {{host-path: {host}, container-path: {at}, mode: RW}}\n"
            );
            let cmd = format!("cat {at}/theirs; echo ours > {at}/ours; echo end; exec sleep 1000");
            let task =
                format!("    tasks:\n      t: {{goal: RUNNING, cmd: {cmd:?}, cpus: 0.1, memory: 64}}\n");
            pod(&format!("{volumes}{task}"))
        };
        let host = folder.path().to_str().unwrap();
        let mut bench = Bench::new(&text(host, "mnt/host")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let printed = bench.output(0, launch, |text| text.ends_with("end\n")).await;
        assert_eq!(printed, "theirs\nend\n");
        bench.kill(0, launch, 0).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        bench.release(0, &grant).await;
        bench.report("it is released", common::a_release).await;
        // What the instance had is gone; the folder is not its own.
        assert_eq!(std::fs::read_to_string(folder.path().join("ours")).unwrap(), "ours\n");
        assert_eq!(std::fs::read_to_string(folder.path().join("theirs")).unwrap(), "theirs\n");
        // One that is not there may come, and until then it is said what is waited for.
        let mut bench = Bench::new(&text(&format!("{host}/later"), "h")).await;
        let (launch, grant) = bench.room(0, None).await;
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        let answer = bench.give(order).await;
        let why = format!("host volume `h`: there is no `{host}/later`");
        assert_eq!(answer, LaunchAnswer::Retry(why.into()));
        std::fs::create_dir(folder.path().join("later")).unwrap();
        let (launch, _) = bench.launch(0).await;
        bench.output(0, launch, |text| text == "end\n").await;
    });
}
