//! Targets after the first: rolling updates, reverts, previews.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::{Bench, installation, instance, model};
use crate::deploy::KAFKA;

pub const BROKERS: [&str; 3] = ["kafka-0", "kafka-1", "kafka-2"];

pub fn deployed(yaml: &str) -> Bench {
    let mut bench = Bench::new(yaml);
    for broker in BROKERS {
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench
}

pub fn version(cmd: &str) -> String {
    KAFKA.replace("./broker", cmd)
}

/// Lets the task that was told to end end.
pub fn ends(bench: &mut Bench, name: &str) {
    bench.observe(name, "broker", Seen::Ended(End::Killed));
}

#[test]
fn a_changed_configuration_rolls_one_member_at_a_time() {
    let mut bench = deployed(KAFKA);
    assert_eq!(bench.becomes(&version("./broker2")), Reply::Done);
    for (nth, broker) in BROKERS.into_iter().enumerate() {
        assert_eq!(bench.commands(), [format!("fit {broker}"), format!("kill {broker}-broker")]);
        ends(&mut bench, broker);
        assert_eq!(bench.commands(), [format!("launch {broker}")]);
        bench.observe(broker, "broker", Seen::Running { ready: false });
        assert_eq!(bench.commands(), [""; 0], "the next one waits until it is ready");
        bench.runs(broker, "broker");
        assert_eq!(bench.status("deploy") == Complete, nth == 2);
    }
    assert_eq!(bench.commands(), [""; 0]);
    let outcomes: Vec<_> = bench.engine.runs("deploy").iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [RunOutcome::Complete, RunOutcome::Complete]);
    let confs = bench.store.keys().filter(|key| matches!(key, Key::Conf(_))).count();
    let specs = bench.store.keys().filter(|key| matches!(key, Key::Spec(_))).count();
    assert_eq!((confs, specs), (1, 1), "nothing is kept that nobody names");
}

#[test]
fn only_what_changes_acts() {
    let two = format!(
        "{KAFKA}  side:\n    phases:\n      side: {{ pod: kafka, steps: [ {{ default: [[broker]] }} ] }}\n"
    );
    let mut bench = deployed(&two);
    // Changes of placement and plans are live. New instances are launched, and the others are left alone.
    let more = two.replace("count: 3", "count: 4\n    placement: 'hostname:UNIQUE'");
    assert_eq!(bench.becomes(&more), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-3", "launch kafka-3"]);
    assert_eq!(bench.phase("deploy", "broker").1, [Complete, Complete, Complete, Starting]);
    bench.runs("kafka-3", "broker");
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn the_same_target_changes_nothing_and_a_refused_one_leaves_the_old_one_running() {
    let mut bench = deployed(KAFKA);
    assert_eq!(bench.becomes(KAFKA), Reply::AlreadySo);
    let Reply::Refused(refusal) = bench.becomes(&KAFKA.replace("count: 3", "count: 2")) else { panic!() };
    assert!(refusal.to_string().contains("pods.kafka.count"), "{refusal}");
    let Reply::Refused(refusal) =
        bench.becomes(&KAFKA.replace("size: 5000", "size: 6000").replace("count: 3", "count: 1"))
    else {
        panic!()
    };
    let Refusal::Target(items) = &refusal else { panic!("{refusal:?}") };
    assert_eq!(items.len(), 2, "each item with its reason: {refusal}");
    assert_eq!(bench.commands(), [""; 0]);
    assert_eq!(bench.status("deploy"), Complete);
    assert_eq!(bench.engine.model().unwrap().hash(), model(KAFKA).hash());
}

#[test]
fn a_target_in_the_midst_of_another_takes_its_place() {
    let mut bench = deployed(KAFKA);
    bench.becomes(&version("./broker2"));
    ends(&mut bench, "kafka-0");
    bench.runs("kafka-0", "broker");
    // kafka-1 is being ended for the second target, and is launched with the third.
    assert_eq!(bench.becomes(&version("./broker3")), Reply::Done);
    bench.commands();
    ends(&mut bench, "kafka-1");
    let Some(Command::Launch(launch)) = bench.sent.last() else { panic!("{:?}", bench.sent) };
    assert_eq!(launch.instance, instance("kafka-1"));
    let outcomes: Vec<_> = bench.engine.runs("deploy").iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [RunOutcome::Complete, RunOutcome::Overtaken]);
    for _ in 0..2 {
        for broker in BROKERS {
            let record = bench.engine.pod(&instance(broker)).unwrap();
            if record.standing_orders() > 0 {
                ends(&mut bench, broker);
            }
            bench.runs(broker, "broker");
        }
    }
    assert_eq!(bench.status("deploy"), Complete);
    let confs = bench.store.keys().filter(|key| matches!(key, Key::Conf(_))).count();
    assert_eq!(confs, 1);
}

#[test]
fn a_target_waits_for_no_room_that_the_one_before_asked_for() {
    let mut bench = deployed(KAFKA);
    bench.room = false;
    bench.becomes(&KAFKA.replace("memory: 1024", "memory: 999999"));
    assert_eq!(bench.commands(), ["fit kafka-0"]);
    assert_eq!(bench.status("deploy"), InProgress);
    assert_eq!(bench.becomes(KAFKA), Reply::Done);
    assert_eq!(bench.commands(), ["withdraw kafka-0"]);
    assert_eq!(bench.status("deploy"), Complete, "nothing was touched");
}

#[test]
fn an_interruption_carries_over_and_other_marks_end_with_their_run() {
    let mut bench = deployed(KAFKA);
    bench.becomes(&version("./broker2"));
    bench.say("interrupt deploy broker");
    bench.say("force-complete deploy broker kafka-1:[broker]");
    bench.becomes(&version("./broker3"));
    assert_eq!(bench.phase("deploy", "broker").0, Waiting);
    assert_eq!(bench.phase("deploy", "broker").1[1], Pending);
    // The task that was being ended comes back as it was. Then its step acts.
    bench.commands();
    ends(&mut bench, "kafka-0");
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.commands(), ["launch kafka-0"]);
    bench.say("continue deploy broker");
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    assert_eq!(bench.status("deploy"), InProgress);
}

#[test]
fn broken_members_are_replaced_first_all_of_them_and_only_they() {
    let parallel =
        version("./bad").replace("strategy: serial\n        pod", "strategy: parallel\n        pod");
    let mut bench = deployed(KAFKA);
    // All members get the bad configuration. kafka-0 becomes ready with it, and the others never do.
    bench.becomes(&parallel);
    for broker in BROKERS {
        ends(&mut bench, broker);
    }
    bench.runs("kafka-0", "broker");
    for broker in &BROKERS[1..] {
        bench.observe(broker, "broker", Seen::Running { ready: false });
    }
    bench.commands();
    // The revert is serial. The two members that are down go at once, and the one that is up waits for them.
    bench.becomes(KAFKA);
    let mut commands = bench.commands();
    commands.sort();
    assert_eq!(commands, ["fit kafka-1", "fit kafka-2", "kill kafka-1-broker", "kill kafka-2-broker"]);
    for broker in &BROKERS[1..] {
        ends(&mut bench, broker);
    }
    bench.runs("kafka-2", "broker");
    assert!(!bench.commands().contains(&"fit kafka-0".to_owned()));
    bench.runs("kafka-1", "broker");
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    ends(&mut bench, "kafka-0");
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn a_member_that_fails_during_an_update_comes_back_with_what_it_reached() {
    let mut bench = deployed(KAFKA);
    let old = model(KAFKA).pods()[0].tasks[0].conf;
    bench.becomes(&version("./broker2"));
    ends(&mut bench, "kafka-0");
    bench.commands();
    bench.fails("kafka-2", "broker");
    assert_eq!(bench.launched(), ["kafka-2:[broker]"]);
    let last = bench.engine.pod(&instance("kafka-2")).unwrap().tasks().next().unwrap().last().unwrap();
    assert_eq!(last.conf, old, "its step's turn has not come");
    bench.runs("kafka-2", "broker");
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.commands(), ["fit kafka-1", "kill kafka-1-broker"]);
}

const CANARY: &str = "serial-canary\n        pod";

#[test]
fn a_canary_that_breaks_is_reverted_without_a_release() {
    let canary = KAFKA.replace("serial\n        pod", CANARY);
    let mut bench = Bench::new(&canary);
    bench.say("continue deploy broker");
    bench.runs("kafka-0", "broker");
    bench.say("continue deploy broker");
    bench.runs("kafka-1", "broker");
    bench.runs("kafka-2", "broker");
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench.becomes(&canary.replace("./broker", "./bad"));
    assert_eq!(bench.commands(), [""; 0], "an update waits for its canary's release");
    assert_eq!(bench.phase("deploy", "broker"), (Waiting, vec![Waiting, Waiting, Pending]));
    bench.say("continue deploy broker");
    ends(&mut bench, "kafka-0");
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    bench.commands();
    bench.becomes(&canary);
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    ends(&mut bench, "kafka-0");
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.status("deploy"), Complete);
}

const UPDATE: &str = "  update:
    phases:
      broker: { strategy: parallel, pod: kafka }
  careful:
    phases:
      broker: { strategy: serial-canary, pod: kafka }
";

#[test]
fn update_takes_deploys_place_once_the_service_is_deployed() {
    let with = |cmd: &str| format!("{}{UPDATE}", version(cmd));
    let mut bench = Bench::new(&with("./broker"));
    bench.becomes(&with("./broker2"));
    assert_eq!(bench.status("update"), Waiting, "not before the first deployment");
    for broker in BROKERS {
        if bench.engine.pod(&instance(broker)).is_some_and(|record| record.standing_orders() > 0) {
            ends(&mut bench, broker);
        }
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("deploy"), Complete);
    bench.becomes(&with("./broker3"));
    assert_eq!(bench.status("update"), InProgress);
    assert_eq!(bench.status("deploy"), Complete, "it is the same plan, and was done");
    for broker in BROKERS {
        ends(&mut bench, broker);
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("update"), Complete);
    let mut target = Target::new(model(&with("./broker4")), installation());
    target.plan = Some("careful".parse().unwrap());
    assert_eq!(bench.input(Input::Target(target.clone())), Some(Reply::Done));
    assert_eq!(bench.status("careful"), Waiting);
    target.model = model(&with("./broker5"));
    target.plan = Some("nothing".parse().unwrap());
    let refused = Reply::Refused(Refusal::NoPlan("nothing".parse().unwrap()));
    assert_eq!(bench.input(Input::Target(target)), Some(refused));
}

#[test]
fn a_plan_that_names_what_changes_goes_first() {
    let with = |cmd: &str, memory: &str| {
        let plan =
            UPDATE.replace("  careful:\n", "  careful:\n    on-change: [pods.kafka.tasks.broker.cmd]\n");
        format!("{}{plan}", version(cmd).replace("1024", memory))
    };
    let mut bench = deployed(&with("./broker", "1024"));
    bench.becomes(&with("./broker2", "1024"));
    assert_eq!(bench.status("careful"), Waiting);
    assert!(bench.engine.runs("update").is_empty());
    assert_eq!(bench.phase("careful", "broker").1[0], Waiting);
    bench.becomes(&with("./broker", "1024"));
    bench.becomes(&with("./broker", "2048"));
    assert_eq!(bench.status("update"), InProgress);
}

#[test]
fn a_preview_says_what_would_be_and_changes_nothing() {
    let mut bench = deployed(KAFKA);
    let before = bench.engine.clone();
    let new = version("./broker2").replace("count: 3", "count: 4");
    let target = Target::new(model(&new), installation());
    let preview = bench.engine.preview(&target);
    assert!(bench.engine == before);
    assert_eq!(preview.reply, Reply::Done);
    let paths: Vec<_> = preview.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["pods.kafka.count", "pods.kafka.tasks.broker.cmd"]);
    assert_eq!(preview.joins, [instance("kafka-3")]);
    assert_eq!(preview.leaves, []);
    let restarts: Vec<_> = preview.restarts.iter().map(|restart| restart.instance.to_string()).collect();
    assert_eq!(restarts, BROKERS);
    assert_eq!(preview.restarts[0].fields, ["pods.kafka.tasks.broker.cmd"]);
    assert_eq!(preview.plan.unwrap().phases[0].steps.len(), 4);
    assert_eq!(bench.input(Input::Target(target)), Some(Reply::Done));
    let refused =
        bench.engine.preview(&Target::new(model(&KAFKA.replace("count: 3", "count: 1")), installation()));
    assert!(matches!(refused.reply, Reply::Refused(Refusal::Target(_))), "{refused:?}");
    assert!(refused.plan.is_none() && refused.restarts.is_empty());
}

#[test]
fn a_side_plan_that_runs_goes_on_or_refuses_the_target() {
    let side = "  side:\n    phases:\n      side: { pod: kafka, steps: [ { default: [[broker]] } ] }\n";
    let with = |yaml: &str| format!("{yaml}{side}");
    let mut bench = deployed(&with(KAFKA));
    bench.say("start side");
    bench.commands();
    let Reply::Refused(refusal) = bench.becomes(&with(&KAFKA.replace("count: 3", "count: 4"))) else {
        panic!()
    };
    assert!(refusal.to_string().contains("stop side"), "{refusal}");
    assert_eq!(bench.becomes(&with(&version("./broker2"))), Reply::Done, "its steps are the same");
    assert_ne!(bench.status("side"), Complete);
    for _ in 0..3 {
        for broker in BROKERS {
            if bench.engine.pod(&instance(broker)).unwrap().standing_orders() > 0 {
                ends(&mut bench, broker);
            }
            bench.runs(broker, "broker");
        }
    }
    assert_eq!((bench.status("side"), bench.status("deploy")), (Complete, Complete));
}

#[test]
fn a_task_that_the_target_does_not_have_is_ended_and_one_that_takes_its_place_displaces_it() {
    let two = "
name: hello
pods:
  hello:
    count: 1
    resource-sets: { main: { cpus: 1, memory: 64 }, side: { cpus: 1, memory: 64 } }
    tasks:
      server: { goal: RUNNING, cmd: ./server, resource-set: main }
      agent: { goal: RUNNING, cmd: ./agent, resource-set: side }
";
    let mut bench = Bench::new(two);
    bench.runs("hello-0", "server");
    bench.runs("hello-0", "agent");
    bench.commands();
    let agent = bench.launch_of("hello-0", "agent");
    let without = two.replace("      agent: { goal: RUNNING, cmd: ./agent, resource-set: side }\n", "");
    bench.becomes(&without);
    assert_eq!(bench.commands(), ["kill hello-0-agent"]);
    assert_eq!(bench.owed(), [format!("hello-0 on node-hello-0: kill agent#{agent}")]);
    bench.observe_launch("hello-0", "agent", agent, Seen::Ended(End::Killed));
    assert_eq!(bench.owed(), [""; 0]);
    assert_eq!(bench.commands(), [""; 0], "nobody brings it back");
    // Another task takes the place in the set.
    bench.becomes(&without.replace("server: {", "web: {"));
    assert_eq!(bench.commands(), ["fit hello-0", "kill hello-0-server"]);
    bench.observe("hello-0", "server", Seen::Ended(End::Killed));
    bench.runs("hello-0", "web");
    assert_eq!(bench.status("deploy"), Complete);
    assert_eq!(bench.owed(), [""; 0]);
    bench.pass(1000);
    assert_eq!(bench.launched(), ["hello-0:[web]"]);
}

#[test]
fn previous_is_the_last_target_that_was_reached_unforced() {
    let mut bench = deployed(KAFKA);
    assert_eq!(bench.engine.previous().unwrap().hash(), model(KAFKA).hash());
    bench.becomes(&version("./broker2"));
    bench.say("force-complete deploy");
    assert_eq!(bench.status("deploy"), Complete);
    assert_eq!(bench.engine.previous().unwrap().hash(), model(KAFKA).hash());
    bench.becomes(&version("./broker3"));
    let specs = bench.store.keys().filter(|key| matches!(key, Key::Spec(_))).count();
    assert_eq!(specs, 2);
}

#[test]
fn a_target_said_twice_is_taken_once() {
    let mut bench = deployed(KAFKA);
    let mut target = Target::new(model(&version("./broker2")), installation());
    target.by = Some(Author { id: "one".into(), who: "someone".into() });
    assert_eq!(bench.input(Input::Target(target.clone())), Some(Reply::Done));
    assert_eq!(bench.becomes(KAFKA), Reply::Done);
    // A client that got no reply repeats the request.
    assert_eq!(bench.input(Input::Target(target)), Some(Reply::Done));
    assert_eq!(bench.engine.model().unwrap().hash(), model(KAFKA).hash(), "and nothing is done");
    let last = bench.engine.audit().last().unwrap();
    assert_eq!((last.who.as_str(), last.verb.starts_with("target ")), ("someone", true));
}

#[test]
fn an_ended_run_remembers_when_its_steps_were_done() {
    let mut bench = deployed(KAFKA);
    bench.becomes(&version("./broker2"));
    for broker in BROKERS {
        bench.pass(10);
        ends(&mut bench, broker);
        bench.pass(5);
        bench.runs(broker, "broker");
    }
    let run = bench.engine.runs("deploy").last().unwrap();
    let times: Vec<_> = run
        .steps
        .iter()
        .map(|step| (step.reached.unwrap()).since(step.launched.unwrap()).as_secs())
        .collect();
    assert_eq!(times, [5, 5, 5]);
    assert_eq!(run.steps[0].step, "kafka-0:[broker]");
}

/// The steps of a broken member come first, also if the step before them was forced.
#[test]
fn a_forced_step_makes_the_next_one_of_a_broken_member_urgent() {
    let steps = "
name: hello
pods:
  hello:
    count: 2
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      init: { goal: FINISH, cmd: ./init, resource-set: a }
      server: { goal: RUNNING, cmd: ./server, resource-set: b, readiness-check: { cmd: x, interval: 5, timeout: 10 } }
plans:
  deploy: { phases: { hello: { strategy: serial, pod: hello, steps: [ { default: [[init], [server]] } ] } } }
";
    let version = |nth: u32| {
        let init = steps.replace("./init", &format!("./init{nth}"));
        init.replace("./server", &format!("./server{nth}"))
    };
    let mut bench = Bench::new(steps);
    for hello in ["hello-0", "hello-1"] {
        bench.finishes(hello, "init");
        bench.runs(hello, "server");
    }
    bench.becomes(&version(2));
    for hello in ["hello-0", "hello-1"] {
        bench.finishes(hello, "init");
        bench.observe(hello, "server", Seen::Ended(End::Killed));
        match hello {
            "hello-0" => bench.runs(hello, "server"),
            _ => bench.observe(hello, "server", Seen::Running { ready: false }),
        }
    }
    bench.room = false;
    bench.becomes(&version(3));
    bench.say("interrupt deploy");
    bench.say("force-complete deploy hello #2");
    assert_eq!(bench.phase("deploy", "hello").1, [Pending, Pending, Complete, Pending]);
    bench.commands();
    bench.say("continue deploy");
    assert_eq!(bench.commands(), ["fit hello-1"], "its server is broken");
}

#[test]
fn what_was_reached_before_another_configuration_completes_nothing() {
    let mut bench = deployed(KAFKA);
    bench.becomes(&version("./bad"));
    ends(&mut bench, "kafka-0");
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    // The target returns to the configuration that the member had. Recovery could launch it as well. Either way the
    // member is not up yet.
    bench.becomes(KAFKA);
    ends(&mut bench, "kafka-0");
    assert_eq!(bench.phase("deploy", "broker").1[0], Starting);
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.status("deploy"), InProgress);
    bench.crash();
    for broker in BROKERS {
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("deploy"), Complete);
}
