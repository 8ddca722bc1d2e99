//! The life of tasks: launched, observed, ended, found again.

use std::time::Duration;

use crate::common::{Bench, change, kill_9, lives, on_runtime, pod, task, until};
use plan_core::engine::{Command, CommandOutcome, End, Found, LaunchAnswer, Seen};
use plan_driver::backend::BackendReport;

const READY: Seen = Seen::Running { ready: true };

/// Says that it started, and goes on.
const STAYS: &str = "echo started $$; exec sleep 1000";

#[test]
fn a_task_is_launched_seen_and_killed() {
    on_runtime(async {
        let mut bench = Bench::new(&task(STAYS, "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        bench.output(0, launch, |text| text.starts_with("started")).await;
        assert_eq!(bench.is(0, launch, &grant).await, READY);
        // Given again, it is the same.
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        let (shim, process) = bench.processes(0, launch).await;
        bench.kill(0, launch, 5).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        until("nothing of it is left", || (!lives(shim) && !lives(process)).then_some(())).await;
        // Who is told to end what has ended is told so.
        bench.kill(0, launch, 5).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        bench.kill(0, 999, 5).await;
        assert_eq!(bench.ended(999).await, End::Lost);
        assert_eq!(bench.output(0, launch, |_| true).await.lines().count(), 1);
    });
}

#[test]
fn ends_are_told_as_they_were() {
    on_runtime(async {
        for (cmd, end) in [
            ("exit 0", End::Finished),
            ("exit 3", End::Failed),
            ("kill -9 $$", End::Failed),
            ("no-such-command", End::Failed),
        ] {
            let mut bench = Bench::new(&task(cmd, "")).await;
            let (launch, _) = bench.launch(0).await;
            assert_eq!(bench.ended(launch).await, end, "{cmd}");
        }
    });
}

#[test]
fn a_failure_is_told_in_the_tasks_own_words() {
    on_runtime(async {
        for (cmd, code, words) in [
            ("./nothere --port 1", "exit code 127, no such command: ", "./nothere: not found"),
            ("exec nothere", "exit code 127, no such command: ", "nothere: not found"),
            (
                "echo > text; exec ./text",
                "exit code 126, the command cannot be run: ",
                "./text: Permission denied",
            ),
            ("echo one >&2; echo 'no disk' >&2; exit 3", "exit code 3: ", "one / no disk"),
            ("exit 4", "exit code 4", ""),
            ("kill -9 $$", "killed by signal 9", ""),
            ("exit 0", "", ""),
        ] {
            let mut bench = Bench::new(&task(cmd, "")).await;
            let (launch, grant) = bench.launch(0).await;
            let (_, why) = bench.last_words(launch).await;
            assert_eq!(why, bench.why(0, launch));
            assert!(why.starts_with(code) && why.ends_with(words), "{cmd}: {why}");
            assert!(!words.is_empty() || why == code, "{cmd}: {why}");
            // The next scheduler says the same.
            bench.reopen().await;
            let Found::Seen(seen) = bench.found(0, launch, &grant).await else {
                panic!("{cmd}: it is absent")
            };
            assert_eq!(seen.words.map(String::from).unwrap_or_default(), why);
        }
    });
}

#[test]
fn who_ignores_the_request_is_made_to_end() {
    on_runtime(async {
        let mut bench = Bench::new(&task("trap '' TERM; echo up; while :; do sleep 0.05; done", "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.output(0, launch, |text| text == "up\n").await;
        let (_, process) = bench.processes(0, launch).await;
        let began = std::time::Instant::now();
        bench.kill(0, launch, 1).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(!lives(process));
    });
}

#[test]
fn who_is_asked_may_put_things_in_order() {
    on_runtime(async {
        let cmd = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done";
        let mut bench = Bench::new(&task(cmd, "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.output(0, launch, |text| text == "up\n").await;
        bench.kill(0, launch, 20).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        assert_eq!(bench.output(0, launch, |_| true).await, "up\nbye\n");
    });
}

#[test]
fn what_a_task_leaves_behind_ends_with_it() {
    on_runtime(async {
        let cmd = "setsid sh -c 'echo $$ > child; exec sleep 1000' & sleep 1000 & \
                   while ! test -s child; do sleep 0.02; done; exit 0";
        let mut bench = Bench::new(&task(cmd, "")).await;
        let (launch, _) = bench.launch(0).await;
        assert_eq!(bench.ended(launch).await, End::Finished);
        let child = std::fs::read_to_string(bench.sandbox(0, launch).join("child")).unwrap();
        assert!(!lives(child.trim().parse().unwrap()));
    });
}

#[test]
fn a_task_that_is_killed_from_outside_has_failed_and_comes_back() {
    on_runtime(async {
        let mut bench = Bench::new(&task(STAYS, "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let (_, process) = bench.processes(0, launch).await;
        kill_9(process);
        assert_eq!(bench.ended(launch).await, End::Failed);
        let (again, _) = bench.launch_again(0, &grant).await;
        bench.seen(again, READY).await;
        assert_ne!(bench.sandbox(0, launch), bench.sandbox(0, again));
    });
}

#[test]
fn a_task_does_not_outlive_its_shim() {
    on_runtime(async {
        let cmd = "sleep 1000 & echo $! > child; while :; do sleep 1; done";
        let mut bench = Bench::new(&task(cmd, "")).await;
        let (launch, _) = bench.launch(0).await;
        let child = bench.sandbox(0, launch).join("child");
        let child: i32 = until("a child", || std::fs::read_to_string(&child).ok()?.trim().parse().ok()).await;
        let (shim, process) = bench.processes(0, launch).await;
        kill_9(shim);
        assert_eq!(bench.ended(launch).await, End::Lost);
        assert!(!lives(process) && !lives(child));
    });
}

#[test]
fn what_runs_is_found_again() {
    on_runtime(async {
        let mut bench = Bench::new(&task(STAYS, "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let processes = bench.processes(0, launch).await;
        bench.reopen().await;
        assert_eq!(bench.is(0, launch, &grant).await, READY);
        assert_eq!(bench.processes(0, launch).await, processes);
        // It is not launched once more, neither by its own number nor by another while it lives.
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        let (next, grant) = bench.room(0, Some(&grant)).await;
        let order = bench.launch_of(0, next, &grant, &["t"]);
        assert!(matches!(bench.give(order).await, LaunchAnswer::Retry(why) if why.contains("still runs")));
        bench.kill(0, launch, 5).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        let (last, _) = bench.launch_again(0, &grant).await;
        bench.seen(last, READY).await;
    });
}

#[test]
fn an_end_while_nobody_was_there_is_told() {
    on_runtime(async {
        let mut bench = Bench::new(&task("while ! test -e go; do sleep 0.02; done; exit 7", "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let folder = bench.run_folder(0, launch);
        bench.close();
        std::fs::write(folder.join("sandbox/go"), "").unwrap();
        until("an end", || folder.join("exit.json").exists().then_some(())).await;
        bench.open().await;
        *bench.durable.get_mut() = false;
        assert_eq!(bench.ended(launch).await, End::Failed);
        // Until the engine's records hold it, it is told in each session.
        bench.open_session().await;
        *bench.durable.get_mut() = true;
        assert_eq!(bench.ended(launch).await, End::Failed);
        until("it is noted", || folder.join("told").exists().then_some(())).await;
        bench.open_session().await;
        assert_eq!(bench.next(Duration::from_millis(200)).await, None);
    });
}

#[test]
fn a_kill_goes_on_without_the_scheduler() {
    on_runtime(async {
        let mut bench = Bench::new(&task("trap '' TERM; echo up; while :; do sleep 0.05; done", "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.output(0, launch, |text| text == "up\n").await;
        let folder = bench.run_folder(0, launch);
        bench.kill(0, launch, 1).await;
        until("it is written down", || folder.join("kill.json").exists().then_some(())).await;
        bench.close();
        until("an end", || folder.join("exit.json").exists().then_some(())).await;
        bench.open().await;
        assert_eq!(bench.ended(launch).await, End::Killed);
    });
}

#[test]
fn a_number_that_was_given_again_is_not_taken_for_the_task() {
    on_runtime(async {
        let mut bench = Bench::new(&task(STAYS, "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let (shim, process) = bench.processes(0, launch).await;
        let path = bench.run_folder(0, launch).join("launch.json");
        bench.close();
        kill_9(shim);
        until("it ends", || (!lives(process)).then_some(())).await;
        // Another process has the shim's number, and one the task's.
        let mut other = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        change(&path, |value| {
            value["shim"]["pid"] = other.id().into();
            value["task"]["pid"] = other.id().into();
        });
        bench.open().await;
        assert_eq!(bench.ended(launch).await, End::Lost);
        assert!(lives(other.id() as i32));
        other.kill().unwrap();
        other.wait().unwrap();
    });
}

#[test]
fn after_a_start_of_the_machine_nothing_lives() {
    on_runtime(async {
        let mut bench = Bench::new(&task(STAYS, "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        let (shim, process) = bench.processes(0, launch).await;
        let path = bench.run_folder(0, launch).join("launch.json");
        bench.close();
        change(&path, |value| value["boot"] = "another".into());
        bench.open().await;
        assert_eq!(bench.ended(launch).await, End::Lost);
        assert_eq!(bench.is(0, launch, &grant).await, Seen::Ended(End::Lost));
        // These are not of this start, as far as is written down: they are not touched.
        assert!(lives(process));
        kill_9(shim);
    });
}

#[test]
fn after_a_reboot_all_comes_back_where_it_was() {
    on_runtime(async {
        let more = "        volume: {path: data, type: ROOT, size: 10}\n        ports:\n          p: {port: 0, env-key: P}\n";
        let cmd = "echo $P >> data/starts; cat data/starts; echo end; exec sleep 1000";
        let mut bench = Bench::new(&task(cmd, more)).await;
        let mut given = Vec::new();
        for index in 0..3 {
            let (launch, grant) = bench.launch(index).await;
            bench.output(index, launch, |text| text.ends_with("end\n")).await;
            given.push((index, launch, grant));
        }
        // The machine stops: nothing is written any more, whatever was underway.
        let mut files = Vec::new();
        for (index, launch, _) in &given {
            let (shim, process) = bench.processes(*index, *launch).await;
            files.push((bench.run_folder(*index, *launch).join("launch.json"), shim, process));
        }
        bench.close();
        for (file, shim, process) in &files {
            kill_9(*shim);
            until("both end", || (!lives(*shim) && !lives(*process)).then_some(())).await;
            change(file, |value| value["boot"] = "before".into());
        }
        // The numbers of the first are another's by now, down to the time since the start of the machine.
        let mut other = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", other.id())).unwrap();
        let start: u64 =
            stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
        change(&files[0].0, |value| {
            for of in ["shim", "task"] {
                value[of] = serde_json::json!({"pid": other.id(), "start": start});
            }
        });
        bench.open().await;
        for (index, launch, grant) in &given {
            assert_eq!(bench.is(*index, *launch, grant).await, Seen::Ended(End::Lost));
            assert_eq!(bench.why(*index, *launch), "the machine was started again");
            let (again, now) = bench.launch_again(*index, grant).await;
            assert_eq!((&now.ports, &now.handle), (&grant.ports, &grant.handle));
            let number = grant.ports[0].1;
            let text = bench.output(*index, again, |text| text.ends_with("end\n")).await;
            assert_eq!(text, format!("{number}\n{number}\nend\n"));
        }
        assert!(lives(other.id() as i32));
        other.kill().unwrap();
        other.wait().unwrap();
    });
}

#[test]
fn a_launch_that_no_shim_claimed_never_runs() {
    on_runtime(async {
        let mut bench = Bench::new(&task(STAYS, "")).await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        bench.kill(0, launch, 0).await;
        bench.ended(launch).await;
        let folder = bench.run_folder(0, launch);
        until("it is noted", || folder.join("told").exists().then_some(())).await;
        bench.close();
        // As if the scheduler had died when it had written the order.
        let order = std::fs::read_to_string(folder.join("order.json")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir_all(folder.join("sandbox")).unwrap();
        std::fs::write(folder.join("order.json"), &order).unwrap();
        bench.open().await;
        assert_eq!(bench.found(0, launch, &grant).await, Found::Absent);
        assert!(!folder.exists());
        // The shim of back then comes too late.
        let nonce: serde_json::Value = serde_json::from_str(&order).unwrap();
        let late = std::process::Command::new(env!("CARGO_BIN_EXE_planwright-shim"))
            .args(["planwright-shim-supervise", folder.to_str().unwrap(), nonce["nonce"].as_str().unwrap()])
            .output()
            .unwrap();
        assert!(!late.status.success());
        // The same number may be given again, and runs once.
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        assert_eq!(bench.give(order).await, LaunchAnswer::Done);
        bench.seen(launch, READY).await;
    });
}

#[test]
fn launches_of_an_instance_are_prepared_at_one_time() {
    let tasks = ["t", "u", "v"]
        .map(|task| format!("      {task}: {{goal: RUNNING, cmd: {STAYS:?}, cpus: 0.1, memory: 32}}\n"));
    on_runtime(async {
        let mut bench = Bench::new(&pod(&format!("    tasks:\n{}", tasks.concat()))).await;
        for index in 0..20 {
            let (first, grant) = bench.room(index, None).await;
            let (second, third) = (bench.next_number(), bench.next_number());
            let mut open = std::collections::BTreeSet::new();
            for (launch, task) in [(first, "t"), (second, "u"), (third, "v")] {
                open.insert(launch);
                let launch = bench.launch_of(index, launch, &grant, &[task]);
                bench.command(Command::Launch(Box::new(launch))).await;
            }
            while !open.is_empty() {
                let (launch, answer) = bench
                    .report("they are answered", |report| match report {
                        BackendReport::Outcome(CommandOutcome::Launch { launch, answer, .. }) => {
                            Some((*launch, answer.clone()))
                        }
                        _ => None,
                    })
                    .await;
                assert_eq!(answer, LaunchAnswer::Done, "instance {index}, launch {launch}");
                open.remove(&launch);
            }
        }
    });
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    on_runtime(async {
        let mut bench = Bench::new(&task("exit 0", "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.ended(launch).await;
        let path = bench.run_folder(0, launch).join("order.json");
        bench.close();
        std::fs::write(&path, "{\"half").unwrap();
        let error = backend_local::Local::start(bench.options.clone()).await.unwrap_err();
        assert!(error.to_string().contains("order.json"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"half");
    });
}
