//! What happens while no scheduler is there.

use crate::scene::{MAINS, PAIRS, SIDES, Scene, pairs};
use crate::witness::all;

#[test]
fn what_was_killed_meanwhile_comes_back() {
    let scene = Scene::new(PAIRS);
    let scheduler = scene.run_to_complete(&[]);
    scene.is_right(&pairs("1", "1"));
    scheduler.kill();
    scene.witness.kill(MAINS[0]);
    scene.witness.kill_shim(SIDES[1]);
    scene.until_complete(&[]);
    scene.is_right(&pairs("1", "1"));
    let counts: Vec<usize> = scene.witness.counts().into_values().collect();
    assert_eq!(counts, [2, 2, 1, 2, 1, 1], "{}", scene.witness.tell());
}

#[test]
fn what_ended_meanwhile_by_itself_is_known_to_have() {
    let scene = Scene::new(
        r#"
name: ending
pods:
  node:
    count: 1
    tasks:
      once:
        goal: FINISH
        cmd: "exec sh $WITNESS/task.sh"
        cpus: 0.1
        memory: 16
        env: { WITNESS: "{{WITNESS}}", VALUE: "{{VALUE}}" }
      main:
        goal: RUNNING
        cmd: "exec sh $WITNESS/task.sh"
        cpus: 0.1
        memory: 16
        env: { WITNESS: "{{WITNESS}}", VALUE: "{{VALUE}}" }
plans:
  deploy:
    phases:
      node:
        pod: node
        steps:
          - default: [[once], [main]]
"#,
    );
    // It does its work, and nobody looks.
    let scheduler = scene.run(&[]);
    scene.witness.until_begun("node-0-once", 1);
    scheduler.kill();
    scene.witness.leave("node-0-once");
    scene.until_complete(&[]);
    scene.is_right(&all(&["node-0-main"], "1"));
    // What has to run has ended well, and is brought back all the same.
    scene.witness.leave("node-0-main");
    scene.until_complete(&[]);
    scene.is_right(&all(&["node-0-main"], "1"));
    assert_eq!(scene.witness.begun("node-0-once"), ["1"], "it has done its work");
    assert_eq!(scene.witness.begun("node-0-main"), ["1", "1"]);
}

#[test]
fn after_a_reboot_all_come_back_once() {
    let scene = Scene::new(PAIRS);
    let scheduler = scene.run_to_complete(&[]);
    scene.is_right(&pairs("1", "1"));
    scheduler.kill();
    scene.kill_all();
    scene.until_complete(&[]);
    scene.is_right(&pairs("1", "1"));
    let counts: Vec<usize> = scene.witness.counts().into_values().collect();
    assert_eq!(counts, [2; 6], "{}", scene.witness.tell());
}
