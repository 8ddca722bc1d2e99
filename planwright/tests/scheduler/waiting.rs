//! The commands that ask a scheduler, where it goes on for long, ends, moves, or says nothing.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::place::{PATIENCE, Place, Scheduler, until};

/// A service whose deployment waits for the file `go` in the test's folder, with a plan that nobody starts. Its task
/// prints bytes that are no words.
fn slow(place: &Place) -> String {
    let file = format!(
        r#"
name: slow
pods:
  web:
    count: 1
    tasks:
      server:
        goal: RUNNING
        cmd: "printf '\\033[31mred\\033[0m\\n'; exec sleep 1000"
        cpus: 0.1
        memory: 16
        readiness-check: {{ cmd: "test -e {}", interval: 1, delay: 0, timeout: 10 }}
      extra: {{ goal: FINISH, cmd: "true", cpus: 0.1, memory: 16 }}
plans:
  deploy:
    phases:
      web: {{ pod: web, steps: [default: [[server]]] }}
  side:
    phases:
      web: {{ pod: web, steps: [default: [[extra]]] }}
"#,
        place.path("go")
    );
    place.file("slow/svc.yml", &file);
    place.path("slow")
}

/// Starts it, and waits until its task waits for the file.
fn run_slow(place: &Place) -> Scheduler {
    let scheduler = place.run(&[&slow(place)]);
    // It stays so. A machine that is busy may show none of the statuses before it.
    scheduler.until_err("deploy: STARTED");
    scheduler
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn who_waits_is_told_of_every_end() {
    let place = Place::new();
    let _scheduler = run_slow(&place);
    let ran = place.planwright(&["plan", "status", "side", "--wait"]);
    assert_eq!(ran.code, 5, "{ran}");
    assert!(ran.err.contains("\"side\" plan does not run: `plan start`"), "{ran}");
    let ran = place.planwright(&["plan", "status", "deploy", "--wait", "--timeout", "1s"]);
    assert_eq!(ran.code, 5, "{ran}");
    assert!(ran.err.contains("\"deploy\" plan goes on"), "{ran}");
    let timed = ["plan", "status", "deploy", "--wait", "--timeout", "1s", "--output", "json"];
    let ran = place.planwright(&timed);
    assert_eq!((ran.code, &json(&ran.out)["ended"]["how"]), (5, &"timed-out".into()), "{ran}");

    // Who is interrupted is told once, and waits on.
    let waits = place.begin(&["plan", "status", "deploy", "--wait"]);
    place.good(&["plan", "pause", "deploy"]);
    waits.until_err("note: \"deploy\" plan is interrupted: `planwright plan resume deploy`");
    place.good(&["plan", "stop", "deploy"]);
    let ran = waits.ended();
    assert_eq!(ran.code, 5, "{ran}");
    assert!(ran.err.contains("\"deploy\" plan was stopped"), "{ran}");

    place.good(&["plan", "resume", "deploy"]);
    let waits = place.begin(&["plan", "status", "deploy", "--wait", "--output", "json"]);
    place.file("go", "");
    let ran = waits.ended();
    let told = json(&ran.out);
    assert_eq!((ran.code, &told["ended"]["how"]), (0, &"complete".into()), "{ran}");
    assert_eq!((&told["name"], &told["status"]), (&"deploy".into(), &"COMPLETE".into()), "{ran}");
    let ran = place.planwright(&["plan", "start", "side", "--wait"]);
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn who_pauses_stops_or_resumes_can_wait_until_it_is_so() {
    let place = Place::new();
    let _scheduler = run_slow(&place);
    // What is under way goes on until it is done.
    let paused = place.begin(&["plan", "pause", "deploy", "--wait", "--timeout", "1s"]).ended();
    assert_eq!(paused.code, 5, "{paused}");
    assert!(paused.err.contains("goes on"), "{paused}");
    let stopped = place.planwright(&["plan", "stop", "deploy", "--wait"]);
    assert_eq!(stopped.code, 0, "{stopped}");
    assert!(stopped.err.contains("\"deploy\" plan is stopped"), "{stopped}");
    let paused = place.planwright(&["plan", "pause", "deploy", "--wait"]);
    assert_eq!(paused.code, 0, "{paused}");
    assert!(paused.err.contains("nothing of \"deploy\" plan is under way"), "{paused}");
    place.file("go", "");
    let resumed = place.planwright(&["plan", "resume", "deploy", "--wait"]);
    assert_eq!(resumed.code, 0, "{resumed}");
    assert!(resumed.err.contains("\"deploy\" plan is complete"), "{resumed}");
    // What does not run is stopped.
    assert_eq!(place.planwright(&["plan", "stop", "side", "--wait"]).code, 0);
}

#[test]
fn programs_get_one_object_with_the_answer_and_the_end() {
    let place = Place::new();
    let _scheduler = place.run_quick(&[]);
    let quick = place.quick();
    for command in [
        &["plan", "force-restart", "deploy", "web", "web-0:[server]"][..],
        &["pod", "restart", "web-1"],
        &["update", &quick, "--env", "VALUE=2"],
        &["update", &quick, "--env", "VALUE=2"],
        &["uninstall"],
    ] {
        let told = place.json(&[command, &["--wait"]].concat());
        assert_eq!(told["ended"]["how"], "complete", "{command:?}: {told}");
        assert!(matches!(told["reply"].as_str(), Some("done" | "already-so")), "{command:?}: {told}");
    }
}

#[test]
fn who_waits_follows_a_scheduler_that_comes_back_elsewhere() {
    let place = Place::new();
    let scheduler = run_slow(&place);
    let first = scheduler.url();
    place.good(&["plan", "pause", "deploy"]);
    let waits = place.begin(&["plan", "status", "deploy", "--wait"]);
    waits.until_err("is interrupted");
    scheduler.kill();
    let again = place.run(&[&place.path("slow")]);
    assert_ne!(again.url(), first, "it listens at another port");
    place.good(&["plan", "resume", "deploy"]);
    place.file("go", "");
    let ran = waits.ended();
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn a_scheduler_that_says_nothing_is_not_waited_for_without_end() {
    // Whoever connects is let in by the system, and hears nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let place = Place::new();
    place.file("token", &"0".repeat(64));
    let token = place.path("token");
    let asked = [
        (&["plan", "status", "--wait", "--timeout", "2s"][..], 8),
        (&["plan", "list"], 20),
        (&["pod", "logs", "web-0"], 20),
    ];
    let begun = Instant::now();
    let asked = asked.map(|(command, seconds)| {
        (place.begin(&[command, &["--url", &url, "--token-file", &token]].concat()), command, seconds)
    });
    for (asked, command, seconds) in asked {
        let ran = asked.ended();
        assert!(begun.elapsed() < Duration::from_secs(seconds), "{command:?}: {:?}", begun.elapsed());
        assert_eq!(ran.code, 3, "{command:?}: {ran}");
        assert!(ran.err.contains("does not answer"), "{command:?}: {ran}");
    }
}

#[test]
fn what_has_no_end_ends_when_nobody_reads_it() {
    let place = Place::new();
    let _scheduler = run_slow(&place);
    for command in
        [&["plan", "status", "--watch"][..], &["pod", "logs", "-f", "web-0"], &["pod", "status", "--watch"]]
    {
        let mut child = place.command(command).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{command:?}");
        drop(out);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("{command:?} goes on, and nobody reads it");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(0), "{command:?}");
    }
}

#[test]
fn a_log_is_shown_byte_by_byte() {
    let place = Place::new();
    let _scheduler = run_slow(&place);
    let logs = || place.planwright(&["pod", "logs", "web-0", "server"]);
    until("it has printed", || logs().out == "\u{1b}[31mred\u{1b}[0m\n", || format!("{:?}", logs().out));
    let told = place.good(&["pod", "logs", "web-0", "server", "--output", "json"]);
    assert_eq!(json(&told)["text"], "\u{1b}[31mred\u{1b}[0m\n");
}

#[test]
fn an_uninstallation_is_seen_to_its_end_from_elsewhere() {
    for (store, folder) in [("redb", "quick"), ("memory", ".memory/quick")] {
        let place = Place::new();
        let scheduler = place.run_quick(&["--store", store]);
        let url = scheduler.url().replace("127.0.0.1", "localhost");
        let token = place.data(folder).join("token").display().to_string();
        let watched = place.begin(&["plan", "status", "deploy", "--watch"]);
        until("it is watched", || watched.out().contains("COMPLETE"), || watched.out());
        let elsewhere = [("XDG_STATE_HOME", "/nonexistent")];
        let ran =
            place.planwright_in(&["uninstall", "--wait", "--url", &url, "--token-file", &token], &elsewhere);
        assert_eq!(ran.code, 0, "{store}: {ran}");
        assert!(ran.err.ends_with("uninstalled\n"), "{store}: {ran}");
        assert_eq!(scheduler.ended().code, 0, "{store}");
        let ran = watched.ended();
        assert_eq!((ran.code, ran.err.contains("the service is uninstalled")), (0, true), "{store}: {ran}");
    }
}

#[test]
fn a_scheduler_that_dies_while_it_uninstalls_has_not_uninstalled() {
    let place = Place::new();
    let stubborn = "name: stubborn\npods:\n  web:\n    count: 1\n    tasks:\n      server:\n        goal: RUNNING\n        \
                    cmd: \"trap '' TERM; while true; do sleep 1; done\"\n        kill-grace-period: 30\n        cpus: \
                    0.1\n        memory: 16\n";
    place.file("stubborn/svc.yml", stubborn);
    let scheduler = place.run(&[&place.path("stubborn"), "--store", "memory"]);
    scheduler.until_err("deploy: COMPLETE");
    let waits = place.begin(&["uninstall", "--wait"]);
    until("it has begun", || waits.out().contains("being uninstalled"), || waits.out());
    scheduler.kill();
    let ran = waits.ended();
    assert_eq!(ran.code, 3, "{ran}");
    assert!(!ran.err.contains("uninstalled"), "{ran}");
}

#[test]
fn the_token_is_found_by_any_name_of_the_scheduler_s_address() {
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    let port = scheduler.url().rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost", "LOCALHOST"] {
        let url = format!("http://{host}:{port}");
        let ran = place.planwright_in(&["pod", "list"], &[("PLANWRIGHT_URL", url.as_str())]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "web-0\nweb-1\n"), "{url}: {ran}");
    }
    // What listens at another address of this machine is somebody else.
    let other = format!("http://127.0.0.2:{port}");
    let ran = place.planwright(&["pod", "list", "--url", &other]);
    assert_eq!(ran.code, 3, "{ran}");
    // An address that is not given is none.
    assert_eq!(place.planwright_in(&["pod", "list"], &[("PLANWRIGHT_URL", "")]).code, 0);
    let elsewhere = [("XDG_STATE_HOME", "/nonexistent")];
    let ran = place.planwright_in(&["pod", "list", "--url", &scheduler.url()], &elsewhere);
    assert_eq!(ran.code, 4, "{ran}");
    assert!(ran.err.contains("a token is wanted") && ran.err.contains("--token-file"), "{ran}");
    assert_eq!(scheduler.end(Signal::INT).code, 0);
}

/// A canary that waits for its release, for days perhaps, is no part of what was asked of the instance.
#[test]
fn what_was_asked_of_an_instance_is_waited_for_and_not_what_a_plan_wants_of_it() {
    let place = Place::new();
    place.file(
        "canary.yml",
        "name: canary\npods:\n  web:\n    count: 2\n    tasks:\n      server: {goal: RUNNING, cmd: \"{{CMD}}\", cpus: 0.05, memory: 32}\n\
         plans:\n  deploy: {phases: {web: {pod: web}}}\n  update: {phases: {web: {pod: web, strategy: serial-canary}}}\n",
    );
    let file = place.path("canary.yml");
    let _scheduler = place.run(&[&file, "--env", "CMD=exec sleep 1001"]);
    place.good(&["plan", "status", "deploy", "--wait"]);
    place.good(&["update", &file, "--env", "CMD=exec sleep 1002"]);
    let wait = ["--wait", "--timeout", "60s"];
    for (verb, done) in [("restart", "was restarted"), ("replace", "was replaced")] {
        let ran = place.planwright(&["pod", verb, "web-1", wait[0], wait[1], wait[2]]);
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.err.contains(&format!("\"web-1\" pod {done}")), "{ran}");
        let why = place.good(&["pod", "why", "web-1"]);
        assert!(why.starts_with("update / web / web-1:[server] ("), "the canary still waits: {why}");
    }
}

/// Who waits for an update learns of each failure while it waits, and not only at the end.
#[test]
fn each_failure_is_told_once_while_an_update_is_waited_for() {
    let place = Place::new();
    place.file(
        "failing.yml",
        "name: failing\npods:\n  web:\n    count: 1\n    tasks:\n      server: {goal: RUNNING, cmd: \"{{{CMD}}}\", cpus: 0.05, memory: 32, \
         readiness-check: {cmd: \"true\", interval: 1, delay: 1, timeout: 5}}\n",
    );
    let file = place.path("failing.yml");
    let _scheduler = place.run(&[&file, "--env", "CMD=exec sleep 1001"]);
    place.good(&["plan", "status", "deploy", "--wait"]);
    let update = place.begin(&["update", &file, "--env", "CMD=exit 7", "--wait", "--timeout", "40s"]);
    update.until_err("`server` failed 2 times in a row");
    place.good(&["update", &file, "--env", "CMD=exec sleep 1002"]);
    let ran = update.ended();
    assert_eq!(ran.err.matches("failed 2 times").count(), 1, "{ran}");
}
