//! Verbs on instances: restart, pause, resume (SDK rule R60).

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::{Bench, instance, task};
use crate::deploy::KAFKA;

fn deployed() -> Bench {
    let mut bench = Bench::new(KAFKA);
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    bench.commands();
    bench
}

#[test]
fn restart_launches_again_where_it_lives() {
    let mut bench = deployed();
    assert_eq!(bench.say("pod restart kafka-1"), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-1", "kill kafka-1-broker"]);
    bench.observe("kafka-1", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.commands(), ["launch kafka-1"]);
    assert_eq!(bench.say("pod restart kafka-1"), Reply::AlreadySo, "it is being launched");
    bench.runs("kafka-1", "broker");
    assert_eq!(bench.place_of("kafka-1"), "node-kafka-1");
    assert_eq!((bench.status("deploy"), bench.status("recovery")), (Complete, Complete));
    let failures = bench.engine.pod(&instance("kafka-1")).unwrap().tasks().next().unwrap().failures();
    assert_eq!(failures, 0);
}

#[test]
fn a_restart_survives_a_crash_at_once() {
    let mut bench = deployed();
    bench.room = false;
    bench.say("pod restart kafka-1");
    bench.crash();
    bench.room = true;
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.commands().last().unwrap(), "kill kafka-1-broker");
}

#[test]
fn a_restart_ends_a_backoff() {
    let mut bench = deployed();
    for _ in 0..4 {
        bench.fails("kafka-0", "broker");
        if bench.launched().is_empty() {
            break;
        }
    }
    assert_eq!(bench.status("recovery"), Delayed);
    assert_eq!(bench.say("pod restart kafka-0"), Reply::Done);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn verbs_on_what_is_not_there_say_so() {
    let mut bench = Bench::new(KAFKA);
    let name = instance("kafka-7");
    assert_eq!(bench.say("pod restart kafka-7"), Reply::Refused(Refusal::NoInstance(name)));
    let name = instance("kafka-2");
    assert_eq!(bench.say("pod replace kafka-2"), Reply::Refused(Refusal::NeverLaunched(name)));
    let (instance, task) = (instance("kafka-0"), task("brokr"));
    assert_eq!(bench.say("pod pause kafka-0 brokr"), Reply::Refused(Refusal::NoTask { instance, task }));
}

#[test]
fn a_paused_task_is_launched_to_wait_and_comes_back_when_resumed() {
    let mut bench = deployed();
    assert_eq!(bench.say("pod pause kafka-1"), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-1", "kill kafka-1-broker"]);
    bench.observe("kafka-1", "broker", Seen::Ended(End::Killed));
    let Some(Command::Launch(launch)) = bench.sent.last() else { panic!("{:?}", bench.sent) };
    assert!(launch.tasks[0].paused);
    // A paused task has not reached its goal, even if the backend says that it is ready.
    bench.runs("kafka-1", "broker");
    assert_eq!(bench.shown("recovery"), [""; 0]);
    assert_eq!(bench.say("pod pause kafka-1"), Reply::AlreadySo);
    let refused = Refusal::Paused { instance: instance("kafka-1"), task: task("broker") };
    assert_eq!(bench.say("pod restart kafka-1"), Reply::Refused(refused));
    // The task is brought back paused.
    bench.commands();
    bench.fails("kafka-1", "broker");
    let Some(Command::Launch(launch)) = bench.sent.last() else { panic!("{:?}", bench.sent) };
    assert!(launch.tasks[0].paused);
    bench.crash();
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    bench.commands();
    assert_eq!(bench.say("pod resume kafka-1"), Reply::Done);
    assert_eq!(bench.say("pod resume kafka-1"), Reply::AlreadySo);
    bench.observe("kafka-1", "broker", Seen::Ended(End::Killed));
    let Some(Command::Launch(launch)) = bench.sent.last() else { panic!("{:?}", bench.sent) };
    assert!(!launch.tasks[0].paused);
    bench.runs("kafka-1", "broker");
    assert_eq!(bench.say("pod resume kafka-1"), Reply::AlreadySo);
    assert_eq!(bench.status("recovery"), Complete);
}

#[test]
fn a_step_waits_for_a_paused_task_and_says_so() {
    let mut bench = Bench::new(KAFKA);
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    bench.commands();
    bench.say("pod pause kafka-0");
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker").1, [Waiting, Pending, Pending]);
    let why = bench.why("kafka-0");
    assert!(why.iter().any(|why| why.contains("`broker` is paused")), "{why:?}");
    bench.say("pod resume kafka-0");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker").1, [Complete, Starting, Pending]);
}

const SIDECAR: &str = "
name: hello
pods:
  hello:
    count: 1
    tasks:
      server: { goal: RUNNING, cmd: ./server, cpus: 1, memory: 64 }
      agent: { goal: RUNNING, cmd: ./agent, cpus: 1, memory: 64, essential: false }
      init: { goal: ONCE, cmd: ./init, cpus: 1, memory: 64 }
plans:
  deploy: { phases: { hello: { pod: hello, steps: [ { default: [[init], [server, agent]] } ] } } }
";

#[test]
fn one_task_of_an_instance_is_restarted_or_paused_alone() {
    let mut bench = Bench::new(SIDECAR);
    bench.finishes("hello-0", "init");
    bench.runs("hello-0", "server");
    bench.runs("hello-0", "agent");
    bench.commands();
    bench.say("pod restart hello-0 agent");
    assert_eq!(bench.commands(), ["fit hello-0", "kill hello-0-agent"]);
    bench.observe("hello-0", "agent", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["hello-0:[agent]"]);
    bench.runs("hello-0", "agent");
    bench.say("pod pause hello-0 server");
    assert_eq!(bench.commands(), ["fit hello-0", "kill hello-0-server"]);
    bench.observe("hello-0", "server", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["hello-0:[server]"]);
    let refused = Refusal::NotRunning { instance: instance("hello-0"), task: task("init") };
    assert_eq!(bench.say("pod restart hello-0 init"), Reply::Refused(refused));
}

#[test]
fn what_is_paused_or_unheard_of_says_so_though_nothing_waits_for_it() {
    let mut bench = deployed();
    bench.say("pod pause kafka-1");
    bench.observe("kafka-1", "broker", Seen::Ended(End::Killed));
    bench.runs("kafka-1", "broker");
    assert_eq!(bench.why("kafka-1"), ["pause (WAITING): `broker` is paused"]);
    bench.observe("kafka-2", "broker", Seen::Unreachable);
    let why = bench.why("kafka-2");
    assert!(matches!(&why[..], [one] if one.contains("nothing is heard of the node of `broker`")), "{why:?}");
    assert_eq!(bench.why("kafka-0"), [""; 0]);
}

#[test]
fn an_instance_without_a_running_task_is_not_kept_running() {
    let job = "
name: jobs
pods:
  job: { count: 1, tasks: { job: { goal: FINISH, cmd: x, cpus: 1, memory: 64 } } }
";
    let mut bench = Bench::new(job);
    bench.observe("job-0", "job", Seen::Running { ready: true });
    for verb in ["pod replace job-0", "pod restart job-0", "pod pause job-0"] {
        let refused = Refusal::NotRunning { instance: instance("job-0"), task: task("job") };
        assert_eq!(bench.say(verb), Reply::Refused(refused), "{verb}");
    }
}

#[test]
fn a_task_that_is_paused_on_its_steps_way_is_launched_to_wait_whatever_the_step_wants() {
    // Tasks that are paused by two verbs, while their step may act, come back paused.
    let mut bench = Bench::new(KAFKA);
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    bench.say("pod pause kafka-0");
    bench.commands();
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    let Some(Command::Launch(launch)) = bench.sent.last() else { panic!("{:?}", bench.sent) };
    assert!(launch.tasks[0].paused);
    // A paused task that was never ready ends while its plan is interrupted. It is brought back as it was.
    let mut bench = Bench::new(KAFKA);
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    bench.say("interrupt deploy");
    bench.say("pod pause kafka-0");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    bench.runs("kafka-0", "broker");
    bench.commands();
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn what_is_paused_and_waits_for_an_update_goes_elsewhere_when_it_is_replaced() {
    let mut bench = deployed();
    bench.say("pod pause kafka-0");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    bench.runs("kafka-0", "broker");
    bench.becomes(&KAFKA.replace("./broker", "./broker2"));
    bench.commands();
    assert_eq!(bench.say("pod replace kafka-0"), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
}

#[test]
fn what_is_paused_on_its_way_up_waits_with_what_it_reached_before_it_ended() {
    let mut bench = deployed();
    bench.becomes(&KAFKA.replace("cmd: ./broker", "cmd: NEW=1 ./broker"));
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    // Recovery would bring back the configuration from before the new target.
    bench.say("pod pause kafka-0");
    let wanted = bench.engine.model().expect("a service").pods()[0].tasks[0].conf;
    // The task comes up before it ends.
    let launched = bench.launch_of("kafka-0", "broker");
    bench.observe_launch("kafka-0", "broker", launched, Seen::Running { ready: true });
    bench.observe_launch("kafka-0", "broker", launched, Seen::Ended(End::Killed));
    let Some(Command::Launch(launch)) = bench.sent.last() else { panic!("{:?}", bench.sent) };
    assert!(launch.tasks[0].paused);
    assert_eq!(launch.tasks[0].conf, wanted);
    assert_eq!(bench.phase("deploy", "broker").1[0], Complete);
}
