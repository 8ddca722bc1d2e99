//! A service that lives: what its tasks do wrong, and what comes of it.

use std::fs;

use crate::place::until;
use crate::scene::{MAINS, PAIRS, SIDES, Scene, health, pairs};
use crate::witness::{What, all};

#[test]
fn a_service_is_deployed_one_instance_after_another() {
    let scene = Scene::new(PAIRS);
    scene.until_complete(&[]);
    scene.is_right(&pairs("1", "1"));
    let lines = scene.witness.lines();
    assert_eq!(lines.len(), 6, "each has begun once, and none has ended: {lines:?}");
    let mains: Vec<_> =
        lines.iter().map(|line| line.task.as_str()).filter(|task| MAINS.contains(task)).collect();
    assert_eq!(mains, MAINS, "each was ready before the next one began");
}

#[test]
fn what_is_ready_late_is_waited_for_also_over_a_restart() {
    let scene = Scene::new(
        r#"
name: late
pods:
  node:
    count: 2
    tasks:
      main:
        goal: RUNNING
        cmd: "exec sh $WITNESS/task.sh"
        cpus: 0.1
        memory: 16
        env: { WITNESS: "{{WITNESS}}", VALUE: "{{VALUE}}" }
        readiness-check: { cmd: "echo >> $WITNESS/asked; test -e $WITNESS/ready-$TASK_NAME", interval: 0, timeout: 10 }
"#,
    );
    let asked = || fs::read_to_string(scene.witness.path("asked")).unwrap_or_default().lines().count();
    let asked_again = || {
        let before = asked();
        until("it is asked again", || asked() > before + 3, || scene.witness.tell());
    };
    let scheduler = scene.run(&[]);
    asked_again();
    assert_eq!(scene.place.json(&["plan", "status", "deploy"])["phases"][0]["steps"][0]["status"], "STARTED");
    assert!(health(&scheduler).contains("deploying"), "{}", health(&scheduler));
    scheduler.kill();
    let scheduler = scene.run(&[]);
    asked_again();
    assert_eq!(scene.witness.begun("node-1-main"), [""; 0], "the first is not ready");
    fs::write(scene.witness.path("ready-node-0-main"), "").unwrap();
    scene.witness.until_begun("node-1-main", 1);
    asked_again();
    assert_eq!(scene.place.json(&["plan", "status", "deploy"])["status"], "IN_PROGRESS");
    fs::write(scene.witness.path("ready-node-1-main"), "").unwrap();
    scheduler.until_err("deploy: COMPLETE");
    scene.is_right(&all(&["node-0-main", "node-1-main"], "1"));
    assert_eq!(scene.witness.lines().len(), 2, "{}", scene.witness.tell());
}

#[test]
fn what_is_ill_is_ended_and_comes_back() {
    // The illness of a task is the number of its process: the next one is well.
    let check = "health-check: { cmd: 'test \"$(cat $WITNESS/ill-$TASK_NAME)\" != \"$(cat $WITNESS/pid-$TASK_NAME)\"', \
                 interval: 0, delay: 0, grace-period: 0, max-consecutive-failures: 2, timeout: 10 }";
    let ill = PAIRS.replace("kill-grace-period: 10", &format!("kill-grace-period: 10\n        {check}"));
    let scene = Scene::new(&ill);
    let scheduler = scene.run_to_complete(&[]);
    scene.is_right(&pairs("1", "1"));
    let falls_ill = |task: &str| {
        let pid = scene.witness.pid(task).to_string();
        fs::write(scene.witness.path(&format!("ill-{task}")), pid).unwrap();
    };
    // The one beside goes alone.
    falls_ill("node-0-side");
    scene.witness.until_begun("node-0-side", 2);
    // The one that the instance is there for takes the other one along.
    falls_ill("node-1-main");
    scene.witness.until_begun("node-1-main", 2);
    scene.witness.until_begun("node-1-side", 2);
    scheduler.until_err("recovery: COMPLETE");
    drop(scheduler);
    scene.until_complete(&[]);
    scene.is_right(&pairs("1", "1"));
    let counts: Vec<usize> = scene.witness.counts().into_values().collect();
    assert_eq!(counts, [1, 2, 2, 2, 1, 1], "{}", scene.witness.tell());
    let ended = scene.witness.lines().iter().filter(|line| line.what == What::End).count();
    assert_eq!(ended, 3, "each was asked to end: {}", scene.witness.tell());
}

#[test]
fn what_is_killed_comes_back() {
    let scene = Scene::new(PAIRS);
    let _scheduler = scene.run_to_complete(&[]);
    scene.is_right(&pairs("1", "1"));
    scene.witness.kill(SIDES[0]);
    scene.witness.until_begun(SIDES[0], 2);
    scene.witness.kill(MAINS[1]);
    scene.witness.until_begun(MAINS[1], 2);
    scene.witness.until_begun(SIDES[1], 2);
    // What looks after a task dies, and the task with it.
    scene.witness.kill_shim(MAINS[2]);
    scene.witness.until_begun(MAINS[2], 2);
    scene.witness.until_begun(SIDES[2], 2);
    scene.is_right(&pairs("1", "1"));
    let counts: Vec<usize> = scene.witness.counts().into_values().collect();
    assert_eq!(counts, [1, 2, 2, 2, 2, 2], "{}", scene.witness.tell());
    scene.place.good(&["plan", "status", "recovery", "--wait"]);
}
