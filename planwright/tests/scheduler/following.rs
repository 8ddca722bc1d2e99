//! `pod logs --follow`: what a task writes is read as it comes.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::process::{Child, Stdio};

use rustix::process::Signal;

use crate::place::{Place, ended, signal, until};

/// A task that says what it is told.
const ECHO: &str = r#"
name: echo
pods:
  web:
    count: 1
    tasks:
      server:
        goal: RUNNING
        cmd: "exec tail -n +1 -f {{FEED}}"
        cpus: 0.1
        memory: 16
"#;

/// Begins to read, into a file.
fn follow(place: &Place, arguments: &[&str], name: &str) -> (Child, String) {
    let out = place.path(name);
    let mut command = place.command(&[&["pod", "logs", "web-0", "--follow"], arguments].concat());
    command.stdout(File::create(&out).unwrap()).stderr(Stdio::null());
    (command.spawn().unwrap(), out)
}

#[test]
fn what_a_task_writes_is_read_as_it_comes() {
    let place = Place::new();
    place.file("echo/svc.yml", ECHO);
    place.file("echo/env", &format!("FEED={}\n", place.path("feed")));
    place.file("feed", "one\ntwo\n");
    let scheduler = place.run(&[&place.path("echo")]);
    scheduler.until_err("deploy: COMPLETE");
    let logs = || place.planwright(&["pod", "logs", "web-0"]);
    until("it has said what it was told", || logs().out == "one\ntwo\n", || logs().to_string());
    let (mut all, all_out) = follow(&place, &[], "all");
    let (mut last, last_out) = follow(&place, &["--tail", "1"], "last");
    let read = |file: &str| std::fs::read_to_string(file).unwrap();
    let are = |all: &str, last: &str| {
        let is = || (read(&all_out), read(&last_out)) == (all.to_owned(), last.to_owned());
        until("they have read it", is, || format!("{:?} {:?}", read(&all_out), read(&last_out)));
    };
    are("one\ntwo\n", "two\n");
    // Half a line is not waited for.
    let mut feed = OpenOptions::new().append(true).open(place.path("feed")).unwrap();
    feed.write_all(b"thr").unwrap();
    are("one\ntwo\nthr", "two\nthr");
    feed.write_all(b"ee\n").unwrap();
    are("one\ntwo\nthree\n", "two\nthree\n");
    // One that has enough leaves; the other one goes on.
    signal(last.id().try_into().unwrap(), Signal::INT);
    assert_eq!(ended(&mut last, || read(&last_out)).code(), Some(0));
    feed.write_all(b"four\n").unwrap();
    are("one\ntwo\nthree\nfour\n", "two\nthree\n");
    // Without a scheduler there is no more to be read, and that is no good end.
    scheduler.kill();
    assert_eq!(ended(&mut all, || read(&all_out)).code(), Some(3));
}
