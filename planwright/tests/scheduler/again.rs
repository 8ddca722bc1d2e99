//! A service that is run again: what its operators have made of it stays, and what is proposed works as it is typed.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;

use crate::place::{Place, QUICK, Ran, until};

/// The values that an instance's starts had, in their order.
fn values(place: &Place, lines: usize) -> Vec<Vec<String>> {
    let value = |start: &String| start.split(' ').nth(1).unwrap_or_default().to_owned();
    place.starts("quick", lines).iter().map(|starts| starts.iter().map(value).collect()).collect()
}

/// The words of the command behind some text, as a shell takes them (none of them is quoted).
fn command<'a>(said: &'a str, before: &str) -> Vec<&'a str> {
    let line = said.lines().find_map(|line| line.split_once(before));
    let (_, line) = line.unwrap_or_else(|| panic!("`{before}` is not in\n{said}"));
    line.split('`').next().unwrap().split_whitespace().collect()
}

#[test]
fn an_update_outlives_the_scheduler() {
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    let quick = place.quick();
    place.good(&["update", &quick, "--env", "VALUE=2", "--wait"]);
    let ran = scheduler.end(Signal::INT);
    let again = command(&ran.out, "to go on with them:  planwright run ");
    for _ in 0..2 {
        let scheduler = place.run(&again);
        scheduler.until_err("was updated since");
        assert!(scheduler.err().contains(&format!("planwright update {quick}")), "{}", scheduler.err());
        assert!(scheduler.err().contains("by you, at 20"), "{}", scheduler.err());
        scheduler.until_err("deploy: COMPLETE");
        assert_eq!(values(&place, 4), [["1", "2"], ["1", "2"]], "the update is not rolled back");
        scheduler.end(Signal::KILL);
    }
    // A file that has changed is an update, which is said; what it replaces too.
    let ran = place.planwright(&["run", &quick, "--env", "VALUE=3", "--until-complete"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.err.contains("the service becomes what"), "{ran}");
    assert_eq!(values(&place, 6), [["1", "2", "3"], ["1", "2", "3"]]);
    let ran = place.planwright(&["run", &quick, "--until-complete"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(values(&place, 8), [["1", "2", "3", "1"], ["1", "2", "3", "1"]]);
    let ran = place.planwright(&["run", &quick, "--until-complete"]);
    assert!(ran.code == 0 && ran.err.contains("goes on where it was"), "{ran}");
    // What is said of an update, programs are told too.
    let scheduler = place.run_quick(&[]);
    place.good(&["update", &quick, "--env", "VALUE=4", "--wait"]);
    scheduler.end(Signal::TERM);
    let ran = place.planwright(&["run", &quick, "--until-complete", "--output", "json"]);
    assert_eq!(ran.code, 0, "{ran}");
    let kept = ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let kept: Vec<_> = kept.filter(|event| event["event"] == "kept").collect();
    assert_eq!((kept.len(), &kept[0]["by"]), (1, &"you".into()), "{ran}");
    // Nor is it rolled back by a file that is damaged.
    let submitted = place.data("quick").join("submitted.json");
    let right = fs::read(&submitted).unwrap();
    fs::write(&submitted, "{").unwrap();
    let ran = place.planwright(&["run", &quick, "--until-complete"]);
    assert!(
        ran.code == 0 && ran.err.contains("submitted.json") && ran.err.contains("it stays as it is"),
        "{ran}"
    );
    assert!(ran.err.contains(&format!("planwright update {quick}")), "{ran}");
    assert_eq!(values(&place, 10)[0][4..], ["4"]);
    fs::write(&submitted, right).unwrap();
    // An operator can go back by hand.
    let _scheduler = place.run_quick(&[]);
    place.good(&["update", &quick, "--wait"]);
    assert_eq!(values(&place, 12)[0][4..], ["4", "1"]);
}

#[test]
fn a_refused_file_leaves_nobody_without_a_scheduler() {
    let place = Place::new();
    let quick = place.quick();
    place.run_quick(&[]).end(Signal::INT);
    let scheduler = place.run(&[&quick, "--env", "COUNT=1"]);
    scheduler.until_err("is refused");
    scheduler.until_err("deploy: COMPLETE");
    // What is there is kept: a task that is killed comes back.
    let (before, processes) = (values(&place, 2), place.processes());
    assert_eq!(before, [["1"], ["1"]]);
    let pid = place.starts("quick", 2)[0][0].split(' ').next().unwrap().parse::<i32>().unwrap();
    assert!(processes.contains(&pid), "{processes:?} {pid}");
    crate::place::signal(pid, Signal::KILL);
    assert_eq!(values(&place, 3)[0], ["1", "1"]);
    let ran = scheduler.end(Signal::INT);
    assert_eq!(ran.code, 4, "{ran}");
    let ran = place.planwright(&["run", &quick, "--env", "COUNT=1", "--until-complete"]);
    assert_eq!(ran.code, 4, "{ran}");
    // What the backend does not support is no reason to leave it either.
    let image = QUICK.replace("  web:\n    count", "  web:\n    image: nginx\n    count");
    assert_ne!(image, QUICK);
    place.file("quick/svc.yml", &image);
    let scheduler = place.run(&[&quick]);
    scheduler.until_err("deploy: COMPLETE");
    assert!(scheduler.err().contains("error[L002]: there are no containers here"), "{}", scheduler.err());
    let ran = scheduler.end(Signal::INT);
    assert_eq!(ran.code, 4, "{ran}");
    // Where there is nothing yet, there is nothing to keep.
    let ran = place.planwright(&["run", &quick, "--data-dir", &place.path("new")]);
    assert_eq!(ran.code, 1, "{ran}");
}

#[test]
fn what_is_proposed_works_as_it_is_typed() {
    let place = Place::new();
    let quick = place.quick();
    place.file("values", "COUNT=1\n");
    let options = [
        "--listen",
        "127.0.0.2:0",
        "--plan",
        "deploy",
        "--nodes",
        "2",
        "--cpus",
        "1.5",
        "--memory",
        "1024",
        "--disk",
        "2048",
        "--strict",
        "--env",
        "VALUE=7",
    ];
    let values_file = place.path("values");
    let all: Vec<&str> = options.into_iter().chain(["--env-file", &values_file]).collect();
    let scheduler = place.run_quick(&all);
    let ideas = format!("  planwright update {quick}");
    scheduler.until_err(&ideas);
    let update = command(&scheduler.err(), "  planwright update ").join(" ");
    assert!(
        update.contains("--env-file") && update.contains("--env VALUE="),
        "what it was run with stays: {update}"
    );
    let update: Vec<&str> = ["update"].into_iter().chain(update.split(' ')).chain(["--wait"]).collect();
    place.good(&update);
    assert_eq!(place.good(&["pod", "list"]), "web-0\n", "COUNT is still 1");
    let ran = scheduler.end(Signal::INT);
    let again = command(&ran.out, "to go on with them:  planwright run ");
    for option in
        ["--listen", "--plan", "--nodes", "--cpus", "--memory", "--disk", "--strict", "--env-file", "--env"]
    {
        assert!(again.contains(&option), "{option} is not in {again:?}");
    }
    let scheduler = place.run(&again);
    assert!(scheduler.url().starts_with("http://127.0.0.2:"), "{}", scheduler.url());
    // With two schedulers, it is said which.
    place.file("other/svc.yml", &QUICK.replace("name: quick", "name: other"));
    place.file("other/env", "COUNT=1\nVALUE=1\n");
    let other = place.run(&[&place.path("other")]);
    other.until_err("planwright pod restart web-0 --name other");
    let restart = command(&other.err(), "  planwright ").join(" ");
    place.good(&restart.split(' ').collect::<Vec<_>>());
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let place = Place::new();
    let deaf = QUICK.replace("cmd: \"", "kill-grace-period: 600\n        cmd: \"trap '' TERM; ");
    let deaf = deaf.replace("exec sleep 1000", "while :; do sleep 1; done");
    place.file("quick/svc.yml", &deaf);
    let scheduler = place.run_quick(&["--store", "memory", "--env", "COUNT=1"]);
    // It has written that when it is deaf.
    place.starts_in("state/planwright/.memory", 1);
    crate::place::signal(scheduler.pid(), Signal::INT);
    scheduler.until_err("Ctrl-C again");
    let begun = Instant::now();
    // It is pressed again and again, until something happens.
    let press = || crate::place::signal(scheduler.pid(), Signal::INT);
    let at_once = || scheduler.err().contains("at once");
    until("it ends", || at_once() || (press(), false).1, || scheduler.err());
    let ran = scheduler.ended();
    assert!(begun.elapsed().as_secs() < 10, "{:?}: {ran}", begun.elapsed());
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("at once"), "{ran}");
}

#[test]
fn a_process_that_has_the_number_of_a_scheduler_is_none() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let scheduler = place.run_quick(&[]);
    let pid = scheduler.pid();
    let folder = place.data("quick").parent().unwrap().join(".running");
    let entry = folder.join(format!("quick-{pid}.json"));
    let text = fs::read_to_string(&entry).unwrap();
    scheduler.kill();
    // Its number is given again.
    let mut other = std::process::Command::new("sleep").arg("100").spawn().unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut stale: serde_json::Value = serde_json::from_str(&text).unwrap();
    (stale["pid"], stale["url"]) = (other.id().into(), url.into());
    fs::write(&entry, stale.to_string()).unwrap();
    let ran = place.planwright(&["plan", "list"]);
    other.kill().and_then(|()| other.wait()).unwrap();
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.err.contains("no scheduler runs on this machine"), "{ran}");
    assert!(listener.accept().is_err(), "nobody got its token");
}

#[test]
fn the_log_tells_what_happened() {
    let place = Place::new();
    let scheduler = place.run_quick(&["--env", "COUNT=1"]);
    let (pid, url) = (scheduler.pid().to_string(), scheduler.url());
    place.good(&["pod", "restart", "web-0", "--wait"]);
    place.planwright(&["pod", "restart", "web-9"]);
    let ran = scheduler.end(Signal::INT);
    assert_eq!(ran.code, 0, "{ran}");
    let log = fs::read_to_string(place.data("quick").join("scheduler.log")).unwrap();
    let data = place.data("quick").display().to_string();
    // What is asked of this one is told once, also after the next has begun.
    place.run_quick(&["--env", "COUNT=1"]).end(Signal::INT);
    let after = fs::read_to_string(place.data("quick").join("scheduler.log")).unwrap();
    for (log, times) in [(&log, 1), (&after, 1)] {
        assert_eq!(log.matches("pod restart web-0").count(), times, "{log}");
    }
    assert_eq!(after.matches("the scheduler begins").count(), 2, "{after}");
    for word in [
        env!("CARGO_PKG_VERSION"),
        &pid,
        &url,
        &data,
        "target",
        "launched on node-0",
        "pod restart web-0",
        "you",
        "refused: there is no instance",
        "interrupted",
    ] {
        assert!(log.contains(word), "`{word}` is not in\n{log}");
    }
}

#[test]
fn nothing_is_begun_where_it_cannot_listen() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = place.planwright(&["run", &place.quick(), "--listen", &address]);
    assert!(ran.code == 1 && ran.err.contains("already"), "{ran}");
    assert!(!Path::new(&place.path("state/planwright")).exists(), "no folder is made");
    // Who runs a service twice is told that, and not that the port is taken.
    let scheduler = place.run_quick(&[]);
    let address = scheduler.url().replace("http://", "");
    let ran = place.planwright(&["run", &place.quick(), "--listen", &address]);
    assert!(ran.code == 1 && ran.err.contains("another scheduler has the data folder"), "{ran}");
}

#[test]
fn what_is_said_is_so() {
    let place = Place::new();
    let ran = place.planwright(&["run", &place.quick(), "--backend", "mesos"]);
    assert!(ran.code == 2 && ran.err.contains("[possible values: local]"), "{ran}");
    // An empty variable is none.
    let ran = place.planwright_in(&["plan", "list"], &[("PLANWRIGHT_URL", ""), ("PLANWRIGHT_NAME", "")]);
    assert_eq!(ran.code, 3, "{ran}");
    // Of damaged records, it is said once what to do.
    place.file("damaged/records.redb", "this is no database");
    let ran: Ran = place.planwright(&["run", &place.quick(), "--data-dir", &place.path("damaged")]);
    assert_eq!((ran.code, ran.err.matches("not touched").count()), (1, 1), "{ran}");
    // What is said of the beginning is said before the end.
    place.run_quick(&[]).end(Signal::INT);
    let seen = place.spawn_seen(&[&place.quick(), "--until-complete"]).ended().out;
    let at = |words: &str| seen.find(words).unwrap_or_else(|| panic!("`{words}` is not in {seen}"));
    let order =
        ["listening on", "goes on where it was", "deploy (serial strategy)", "the scheduler ends"].map(at);
    assert!(order.is_sorted(), "{order:?} {seen}");
    // Where nothing runs, nothing goes on.
    let place = Place::new();
    let scheduler = place.run(&[&place.quick(), "--env", "COUNT=0"]);
    until("it is there", || place.planwright(&["plan", "list"]).code == 0, || scheduler.err());
    let ran = scheduler.end(Signal::INT);
    assert!(!ran.out.contains("go on running") && ran.out.contains("no task"), "{ran}");
}
