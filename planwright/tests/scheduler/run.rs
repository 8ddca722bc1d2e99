//! `planwright run`, as a real process, with real tasks and records on disk.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;

use rustix::process::Signal;

use crate::place::{Place, QUICK, until};

#[test]
fn hello_world_runs_until_complete_and_its_tasks_go_on() {
    let place = Place::new();
    let ran = place.planwright(&["run", "specs/hello-world", "--until-complete"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.out.starts_with("listening on http://127.0.0.1:"), "{ran}");
    assert!(ran.out.contains("└─ hello-1:[main] (COMPLETE)"), "{ran}");
    assert!(ran.out.contains("  planwright pod restart hello-0\n"), "{ran}");
    assert!(ran.out.contains("  planwright update specs/hello-world --env SLEEP_DURATION=1001\n"), "{ran}");
    assert!(ran.out.contains("  planwright plan status deploy --watch\n"), "{ran}");
    assert_eq!(
        place.starts("hello-world", 4),
        [["init", "main"], ["init", "main"]],
        "by the tasks' own word"
    );
    assert!(!place.processes().is_empty(), "they go on without a scheduler");
    // The same again: nothing is done.
    let ran = place.planwright(&["run", "specs/hello-world", "--until-complete"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.err.contains("goes on where it was"), "{ran}");
    assert_eq!(place.starts("hello-world", 4), [["init", "main"], ["init", "main"]]);
}

#[test]
fn a_scheduler_that_was_killed_goes_on_with_the_same_processes() {
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    let (starts, processes) = (place.starts("quick", 2), place.processes());
    assert_eq!(starts.len(), 2, "{starts:?}");
    assert!(starts.iter().all(|starts| starts.len() == 1), "{starts:?}");
    scheduler.kill();
    let scheduler = place.run_quick(&[]);
    scheduler.until_err("goes on where it was");
    place.good(&["plan", "status", "--wait"]);
    assert_eq!(place.starts("quick", 2), starts, "nothing is launched again");
    let still: BTreeSet<i32> = place.processes().into_iter().collect();
    assert!(processes.iter().all(|pid| still.contains(pid)), "{processes:?} {still:?}");
    drop(scheduler);
}

#[test]
fn ctrl_c_leaves_the_tasks_and_says_how_to_go_on() {
    let place = Place::new();
    for signal in [Signal::INT, Signal::TERM] {
        let scheduler = place.run_quick(&[]);
        let ran = scheduler.end(signal);
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.out.contains("deploy (serial strategy) (COMPLETE)"), "{ran}");
        assert!(ran.out.contains("the tasks of quick go on running"), "{ran}");
        assert!(ran.out.contains(&format!("planwright run {}\n", place.quick())), "{ran}");
        assert!(ran.out.contains("planwright uninstall"), "{ran}");
    }
    let starts = place.starts("quick", 2);
    assert!(starts.len() == 2 && starts.iter().all(|starts| starts.len() == 1), "{starts:?}");
    assert!(
        !place.data("quick").join("scheduler.json").exists(),
        "nobody is told of a scheduler that has ended"
    );
    let ran = place.planwright(&["plan", "list"]);
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.err.contains("no scheduler runs on this machine"), "{ran}");
}

#[test]
fn another_file_is_an_update() {
    let place = Place::new();
    drop(place.run_quick(&[]).end(Signal::TERM));
    let quick = place.quick();
    let ran = place.planwright(&["run", &quick, "--env", "VALUE=2", "--until-complete"]);
    assert_eq!(ran.code, 0, "{ran}");
    for starts in place.starts("quick", 4) {
        let values: Vec<&str> = starts.iter().filter_map(|start| start.split(' ').nth(1)).collect();
        assert_eq!(values, ["1", "2"]);
    }
    let ran = place.planwright(&["run", &quick, "--until-complete", "--output", "json"]);
    assert_eq!(ran.code, 0, "{ran}");
    let events: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.first().unwrap()["event"], "listening");
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["how"]), (&"ended".into(), &"complete".into()), "{last}");
    assert_eq!(last["plans"][0]["status"], "COMPLETE");
}

#[test]
fn a_folder_has_one_scheduler() {
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    let ran = place.planwright(&["run", &place.quick()]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("another scheduler has the data folder"), "{ran}");
    assert!(ran.err.contains(&format!("process {}", scheduler.pid())), "{ran}");
    assert!(ran.err.contains(&scheduler.url()) && ran.err.contains("--data-dir"), "{ran}");
    // The one that has it is not disturbed.
    place.good(&["plan", "status"]);
}

#[test]
fn a_port_that_is_taken_is_said_before_anything_is_done() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = place.planwright(&["run", &place.quick(), "--listen", &address]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains(&format!("cannot listen on {address}: another program does already")), "{ran}");
    assert!(ran.err.contains("--listen 127.0.0.1:0"), "{ran}");
    assert!(place.starts("quick", 0).is_empty() && place.processes().is_empty());
    let ran = place.planwright(&["run", &place.quick(), "--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.err.contains("other machines") && ran.err.contains("ssh -L"), "{ran}");
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let place = Place::new();
    let file = place.path("file");
    fs::write(&file, "x").unwrap();
    for folder in [format!("{file}/data"), "/proc/planwright".to_owned()] {
        let ran = place.planwright(&["run", &place.quick(), "--data-dir", &folder]);
        assert_eq!(ran.code, 1, "{ran}");
        assert!(
            ran.err.contains(&format!("cannot use `{folder}`")) && ran.err.contains("--data-dir"),
            "{ran}"
        );
    }
    // Damaged records are refused, and left as they are.
    let data = place.path("damaged");
    fs::create_dir_all(&data).unwrap();
    fs::write(format!("{data}/records.redb"), "this is no database").unwrap();
    let ran = place.planwright(&["run", &place.quick(), "--data-dir", &data]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("records.redb"), "{ran}");
    assert_eq!(fs::read_to_string(format!("{data}/records.redb")).unwrap(), "this is no database");
    // Another service's folder does not become this one's.
    let data = place.path("data");
    let ran = place.planwright(&["run", &place.quick(), "--data-dir", &data, "--until-complete"]);
    assert_eq!(ran.code, 0, "{ran}");
    let ran = place.planwright(&["run", "specs/hello-world", "--data-dir", &data]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("is that of the service `quick`"), "{ran}");
    // And no folder at all.
    let ran = place.planwright_in(&["run", &place.quick()], &[("XDG_STATE_HOME", "")]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("no HOME is set"), "{ran}");
}

#[test]
fn a_bad_file_is_refused_before_anything_starts() {
    let place = Place::new();
    let quick = place.quick();
    let service = |change: &dyn Fn(String) -> String| {
        let text = change(QUICK.to_owned());
        fs::write(place.path("quick/svc.yml"), text).unwrap();
    };
    service(&|text| text.replace("goal: RUNNING", "goal: RUNING"));
    let ran = place.planwright(&["run", &quick]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("RUNING") && ran.err.contains("svc.yml:10"), "as `validate` says it: {ran}");
    service(&|text| text.replace("path: data", "path: ../../data"));
    let ran = place.planwright(&["run", &quick]);
    assert_eq!(ran.code, 1, "a volume that escapes: {ran}");
    assert!(ran.err.contains("../../data"), "{ran}");
    service(&|text| text.replace("env: { VALUE: \"{{VALUE}}\" }", "env: { VALUE: \"a\\0b\" }"));
    let ran = place.planwright(&["run", &quick]);
    assert_eq!(ran.code, 1, "an environment with NUL: {ran}");
    assert!(ran.err.to_lowercase().contains("nul"), "{ran}");
    let ran = place.planwright(&["run", &quick, "--plan", "depoly"]);
    assert_ne!(ran.code, 0, "{ran}");
    assert!(place.starts("quick", 0).is_empty() && place.processes().is_empty());
}

#[test]
fn a_command_that_does_not_exist_is_told_and_not_complete() {
    let place = Place::new();
    let text = QUICK.replace("exec sleep 1000", "exec ./no-such-command").replace(
        "resource-set: set\n",
        "resource-set: set\n        readiness-check: { cmd: \"test -e up\", interval: 1, delay: 0, timeout: 1 }\n",
    );
    place.file("quick/svc.yml", &text);
    let scheduler = place.run(&[&place.quick()]);
    let why = || place.planwright(&["pod", "why", "web-0"]).out;
    let told = || {
        let why = why();
        let words = [
            "DELAYED",
            "cleared by",
            "its last end: exit code 127, no such command: ",
            "no-such-command: not found",
        ];
        words.iter().all(|word| why.contains(word))
    };
    until("it waits to be tried again, and says why", told, why);
    let ran = place.planwright(&["plan", "status", "--wait", "--timeout", "1s"]);
    assert_eq!(ran.code, 5, "{ran}");
    drop(scheduler);
}

#[test]
fn in_memory_the_tasks_end_with_the_scheduler() {
    let place = Place::new();
    let ran = place.planwright(&["run", &place.quick(), "--store", "memory", "--until-complete"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.err.contains("the records are in memory"), "{ran}");
    assert_eq!(place.processes(), [0_i32; 0], "nothing runs that nobody knows");
}

#[test]
fn what_was_on_a_lost_node_comes_back_on_another() {
    let place = Place::new();
    let scheduler = place.run_quick(&["--env", "COUNT=1", "--nodes", "2", "--lose-node", "node-0@2s"]);
    assert_eq!(place.starts("quick", 1).len(), 1);
    scheduler.until_err("node-0 is lost, with all that ran on it");
    scheduler.until_err("recovery: COMPLETE");
    assert!(place.good(&["pod", "info", "web-0"]).contains("node-1"));
    assert_eq!(place.good(&["pod", "status", "web-0"]), "web-0\n└─ web-0-server (RUNNING)\n");
    let ran = place.planwright(&["run", "specs/hello-world", "--lose-node", "node-9"]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("no node `node-9`") && ran.err.contains("node-0"), "{ran}");
}

/// A config template may use them, and a task may ask.
#[test]
fn a_task_knows_where_its_scheduler_is() {
    let place = Place::new();
    place.file(
        "asks/svc.yml",
        "name: asks\npods:\n  web:\n    count: 1\n    tasks:\n      server:\n        goal: RUNNING\n        \
         cmd: \"cat url; echo $SCHEDULER_API_HOSTNAME:$SCHEDULER_API_PORT; exec sleep 1000\"\n        cpus: 0.05\n        memory: 32\n        \
         configs: {url: {template: url.txt, dest: url}}\n",
    );
    place.file("asks/url.txt", "http://{{SCHEDULER_API_HOSTNAME}}:{{SCHEDULER_API_PORT}}\n");
    let scheduler = place.run(&[&place.path("asks")]);
    place.good(&["plan", "status", "deploy", "--wait"]);
    let url = scheduler.url();
    let told = format!("{url}\n{}\n", url.trim_start_matches("http://"));
    let logs = || place.planwright(&["pod", "logs", "web-0"]);
    until("it has said it", || logs().out == told, || logs().to_string());
}
