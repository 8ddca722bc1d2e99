//! The canary's six states, as the SDK's integration tests expect them, and what the SDK gets wrong about the canary.

use plan_core::engine::Reply;
use plan_core::plan::Status::*;

use crate::bench::Bench;

fn canary() -> Bench {
    Bench::new(
        "
name: canary
pods:
  hello:
    count: 4
    tasks:
      server: { goal: RUNNING, cmd: ./hello, cpus: 0.1, memory: 32 }
  world:
    count: 4
    tasks:
      server: { goal: RUNNING, cmd: ./world, cpus: 0.1, memory: 32 }
plans:
  deploy:
    strategy: serial
    phases:
      hello-deploy: { strategy: parallel-canary, pod: hello }
      world-deploy: { strategy: serial-canary, pod: world }
",
    )
}

#[test]
fn the_six_states() {
    let mut bench = canary();
    let held = vec![Waiting, Waiting, Pending, Pending];

    // 1. Nothing runs: everything waits.
    assert_eq!(bench.launched(), [""; 0]);
    assert_eq!(bench.status("deploy"), Waiting);
    assert_eq!(bench.phase("deploy", "hello-deploy"), (Waiting, held.clone()));
    assert_eq!(bench.phase("deploy", "world-deploy"), (Waiting, held.clone()));

    // 2. The first canary of hello.
    assert_eq!(bench.say("continue deploy hello-deploy"), Reply::Done);
    assert_eq!(bench.launched(), ["hello-0:[server]"]);
    bench.runs("hello-0", "server");
    assert_eq!(bench.phase("deploy", "hello-deploy"), (Waiting, vec![Complete, Waiting, Pending, Pending]));
    assert_eq!(bench.status("deploy"), Waiting);

    // 3. The plan itself is not interrupted.
    assert_eq!(bench.say("continue deploy"), Reply::AlreadySo);

    // 4. The first canary of world is released, and its phase is not due yet.
    assert_eq!(bench.say("continue deploy world-deploy"), Reply::Done);
    assert_eq!(bench.launched(), [""; 0]);
    assert_eq!(bench.phase("deploy", "world-deploy"), (Pending, vec![Pending, Waiting, Pending, Pending]));
    assert_eq!(bench.status("deploy"), Waiting);

    // 5. The second canary of hello: the rest goes at once, and then the first of world.
    bench.crash();
    assert_eq!(bench.status("deploy"), Waiting, "canary progress survives");
    answer_as_running(&mut bench, &["hello-0"]);
    assert_eq!(bench.say("continue deploy hello-deploy"), Reply::Done);
    assert_eq!(bench.launched(), ["hello-1:[server]", "hello-2:[server]", "hello-3:[server]"]);
    for name in ["hello-3", "hello-1", "hello-2"] {
        bench.runs(name, "server");
    }
    assert_eq!(bench.phase("deploy", "hello-deploy").0, Complete);
    assert_eq!(bench.launched(), ["world-0:[server]"]);
    bench.runs("world-0", "server");
    assert_eq!(bench.phase("deploy", "world-deploy").0, Waiting);

    // 6. The second canary of world: the rest goes one after the other.
    assert_eq!(bench.say("continue deploy world-deploy"), Reply::Done);
    for name in ["world-1", "world-2", "world-3"] {
        assert_eq!(bench.launched(), [format!("{name}:[server]")]);
        bench.runs(name, "server");
    }
    assert_eq!(bench.status("deploy"), Complete);
    assert_eq!(bench.say("continue deploy world-deploy"), Reply::AlreadySo);
}

/// The backend answers the first question of a session: these run.
fn answer_as_running(bench: &mut Bench, names: &[&str]) {
    for name in names {
        bench.runs(name, "server");
    }
    bench.launched();
}

/// Given twice, by hand or by a client without a request id, the verb does not release what nobody has looked at.
#[test]
fn the_next_canary_is_not_released_while_the_first_is_at_work() {
    let mut bench = canary();
    assert_eq!(bench.say("continue deploy hello-deploy"), Reply::Done);
    assert_eq!(bench.launched(), ["hello-0:[server]"]);
    assert_eq!(bench.say("continue deploy hello-deploy"), Reply::AlreadySo);
    assert_eq!(bench.launched(), [""; 0]);
    bench.runs("hello-0", "server");
    assert_eq!(bench.launched(), [""; 0], "it waits for a look at the first");
    assert_eq!(bench.say("continue deploy hello-deploy"), Reply::Done);
    assert_eq!(bench.launched(), ["hello-1:[server]", "hello-2:[server]", "hello-3:[server]"]);
}

#[test]
fn an_interruption_during_the_canary_is_not_ignored() {
    let mut bench = canary();
    assert_eq!(bench.say("interrupt deploy hello-deploy"), Reply::Done);
    assert_eq!(bench.say("continue deploy hello-deploy"), Reply::Done, "takes the interruption back");
    assert_eq!(bench.launched(), [""; 0], "and releases nothing");
    assert_eq!(bench.say("continue deploy hello-deploy"), Reply::Done);
    assert_eq!(bench.launched(), ["hello-0:[server]"]);
}
