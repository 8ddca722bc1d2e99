//! What a service needs, and others have.

use std::net::TcpListener;

use crate::place::{Scheduler, until};
use crate::scene::{PAIRS, Scene, pairs};
use crate::witness::all;

#[test]
fn a_task_waits_for_a_port_that_another_program_has() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let scene = Scene::new(&format!(
        r#"
name: ported
pods:
  node:
    count: 1
    tasks:
      main:
        goal: RUNNING
        cmd: "exec sh $WITNESS/task.sh"
        cpus: 0.1
        memory: 16
        ports: {{ web: {{ port: {port}, env-key: WEB }} }}
        env: {{ WITNESS: "{{{{WITNESS}}}}", VALUE: "{{{{VALUE}}}}" }}
"#
    ));
    let scheduler = scene.run(&[]);
    scene.until_why("node-0", &format!("port {port} (`web`) is taken by another program of this machine"));
    assert_eq!(scene.witness.lines(), []);
    // The one after it waits too, and says the same.
    scheduler.kill();
    let scheduler = scene.run(&[]);
    scene.until_why("node-0", &format!("port {port} (`web`) is taken by another program of this machine"));
    assert_eq!(scene.witness.lines(), []);
    drop(taken);
    scheduler.until_err("deploy: COMPLETE");
    scene.is_right(&all(&["node-0-main"], "1"));
    assert_eq!(scene.witness.begun("node-0-main"), ["1"]);
}

#[test]
fn an_address_that_another_scheduler_has_is_said_to_be_its() {
    let (first, second) = (Scene::new(PAIRS), Scene::new(PAIRS));
    let scheduler = first.run(&[]);
    let address = scheduler.url().strip_prefix("http://").unwrap().to_owned();
    // Another service of the same user, in a folder of its own.
    let folder = second.place.path("data");
    let ran = first.place.planwright(&[
        "run",
        &second.place.path("service"),
        "--data-dir",
        &folder,
        "--listen",
        &address,
    ]);
    assert_eq!(ran.code, 1, "{ran}");
    let who = format!("the scheduler of `witnessed`, process {}", scheduler.pid());
    assert!(ran.err.contains(&format!("cannot listen on {address}: {who}")), "{ran}");
    assert!(ran.err.contains("--listen 127.0.0.1:0"), "{ran}");
    assert_eq!(second.witness.lines(), [], "nothing was begun");
    scheduler.until_err("deploy: COMPLETE");
    first.is_right(&pairs("1", "1"));
}

#[test]
fn of_schedulers_that_want_one_folder_one_has_it() {
    let scene = Scene::new(PAIRS);
    let winner = race(&scene, 4);
    winner.until_err("deploy: COMPLETE");
    scene.is_right(&pairs("1", "1"));
    // It dies, and several want to go on.
    winner.kill();
    let winner = race(&scene, 3);
    winner.until_err("deploy: COMPLETE");
    scene.is_right(&pairs("1", "1"));
    assert_eq!(scene.witness.lines().len(), 6, "{}", scene.witness.tell());
    // Nobody but it can act: a command finds it, and it alone.
    let ran = scene.update(&["--env", "VALUE=2", "--wait"]);
    assert_eq!(ran.code, 0, "{ran}");
    scene.is_right(&pairs("2", "1"));
}

/// Starts several at once; gives the one that has the folder, when all others have said that it does.
fn race(scene: &Scene, count: usize) -> Scheduler {
    let mut all: Vec<Scheduler> = (0..count).map(|_| scene.spawn(&[])).collect();
    let listens = |scheduler: &Scheduler| scheduler.out().contains("listening on ");
    let one = || all.iter().any(listens);
    let said = || all.iter().map(Scheduler::said).collect::<String>();
    until("one of them listens", one, said);
    let place = all.iter().position(listens).unwrap();
    let winner = all.swap_remove(place);
    for other in all {
        let ran = other.ended();
        assert_eq!(ran.code, 1, "{ran}");
        assert!(ran.err.contains("another scheduler has the data folder"), "{ran}");
        assert!(ran.err.contains(&format!("process {}", winner.pid())), "{ran}");
        assert!(!ran.out.contains("listening"), "{ran}");
    }
    winner
}
