//! Recovery of tasks that do not run any more.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::{Bench, instance};
use crate::deploy::{HELLO, KAFKA};

fn deployed() -> Bench {
    let mut bench = Bench::new(KAFKA);
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench
}

#[test]
fn a_task_that_ends_comes_back_where_it_was() {
    for end in [End::Failed, End::Finished, End::Killed, End::Unhealthy, End::Lost] {
        let mut bench = deployed();
        bench.observe("kafka-1", "broker", Seen::Ended(end));
        assert_eq!(bench.commands(), ["fit kafka-1", "launch kafka-1"]);
        let place = bench.engine.pod(&instance("kafka-1")).unwrap().place().cloned().unwrap();
        assert_eq!(place.node.name, "node-kafka-1");
        assert_eq!(
            bench.plan("recovery"),
            "recovery (parallel strategy) (STARTING)\n\
             └─ kafka-1:[broker] (serial strategy) (STARTING)\n   \
                └─ kafka-1:[broker] (STARTING)"
        );
        assert_eq!(bench.status("deploy"), Complete, "completion is history");
        bench.observe("kafka-1", "broker", Seen::Running { ready: false });
        assert_eq!(bench.status("recovery"), Started);
        bench.runs("kafka-1", "broker");
        assert_eq!(bench.plan("recovery"), "recovery (parallel strategy) (COMPLETE)");
    }
}

#[test]
fn lost_readiness_makes_a_member_down_not_broken() {
    let mut bench = deployed();
    bench.observe("kafka-1", "broker", Seen::Running { ready: false });
    assert_eq!(bench.commands(), [""; 0]);
    assert_eq!(bench.status("recovery"), Complete);
}

#[test]
fn a_crash_loop_is_slowed_down_and_the_count_survives() {
    let mut bench = deployed();
    let mut waits = Vec::new();
    for _ in 0..8 {
        bench.fails("kafka-0", "broker");
        let mut waited = 0;
        while bench.launched().is_empty() {
            if waited == 5 {
                assert_eq!(bench.status("recovery"), Delayed);
            }
            bench.pass(5);
            waited += 5;
        }
        waits.push(waited);
        bench.runs("kafka-0", "broker");
        // A task that runs for long does not count as looping. Ten seconds are not long enough.
        bench.pass(10);
    }
    assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    bench.pass(600);
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]"], "it had run for ten minutes: counted anew");
}

#[test]
fn an_essential_task_takes_its_neighbours_along_and_another_does_not() {
    let yaml = "
name: pair
pods:
  p:
    count: 1
    tasks:
      main: { goal: RUNNING, cmd: ./main, cpus: 1, memory: 8 }
      aide: { goal: RUNNING, essential: false, cmd: ./aide, cpus: 1, memory: 8 }
";
    let mut bench = Bench::new(yaml);
    bench.runs("p-0", "main");
    bench.runs("p-0", "aide");
    bench.commands();
    bench.fails("p-0", "aide");
    assert_eq!(bench.launched(), ["p-0:[aide]"]);
    bench.runs("p-0", "aide");
    bench.commands();
    bench.fails("p-0", "main");
    assert_eq!(bench.commands(), ["fit p-0", "kill p-0-aide"]);
    bench.observe("p-0", "aide", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["p-0:[main, aide]"]);
    bench.runs("p-0", "aide");
    bench.runs("p-0", "main");
    assert_eq!(bench.status("recovery"), Complete);
    let record = bench.engine.pod(&instance("p-0")).unwrap();
    assert_eq!(record.tasks().nth(1).unwrap().failures(), 1, "an end that was asked for is no failure");
}

#[test]
fn a_broken_member_belongs_to_its_step_while_that_may_act() {
    let mut bench = Bench::new(HELLO);
    bench.finishes("hello-0", "init");
    bench.runs("hello-0", "main");
    bench.finishes("hello-1", "init");
    bench.launched();
    // hello-1's main never reached its goal, so its step brings it back.
    bench.fails("hello-1", "main");
    assert_eq!(bench.launched(), ["hello-1:[main]"]);
    assert_eq!(bench.status("recovery"), Complete);
    // hello-0's step is complete, so recovery brings its task back.
    bench.fails("hello-0", "main");
    assert_eq!(bench.launched(), ["hello-0:[main]"]);
    assert_eq!(bench.status("recovery"), Starting);
    // An interrupted step does not act. Without a known good configuration, recovery does not act either.
    bench.say("interrupt deploy");
    bench.fails("hello-1", "main");
    bench.pass(1000);
    assert_eq!(bench.launched(), [""; 0]);
    let why = bench.engine.why(&instance("hello-1"));
    assert!(why.iter().any(|why| matches!(why.reason, Reason::WaitsForItsStep(_))), "{why:?}");
    bench.say("continue deploy");
    assert_eq!(bench.launched(), ["hello-1:[main]"]);
}

#[test]
fn a_known_good_member_is_brought_back_even_while_its_plan_is_interrupted() {
    let mut bench = deployed();
    assert_eq!(bench.say("restart deploy"), Reply::Done);
    // kafka-0 is being replaced in place; the others wait for their turn.
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    bench.fails("kafka-2", "broker");
    assert_eq!(bench.commands(), ["fit kafka-2", "launch kafka-2"], "its step is not due: recovery");
    bench.say("interrupt deploy");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"], "what was ended for it is launched");
    bench.fails("kafka-0", "broker");
    bench.fails("kafka-1", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]", "kafka-1:[broker]"]);
}

#[test]
fn a_crash_in_the_middle_of_a_displacement_ends_it_rightly() {
    let mut bench = deployed();
    bench.say("restart deploy broker kafka-0:[broker]");
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    bench.crash();
    let asked = bench
        .sent
        .iter()
        .any(|command| matches!(command, Command::Reconcile { expected, .. } if expected.len() == 3));
    assert!(asked, "{:?}", bench.sent);
    assert_eq!(bench.commands(), ["reconcile 3"], "nothing is done to what was not seen");
    // The kill had arrived, and the end is seen only now. The end is expected and no failure, and room is asked for
    // again.
    let old = bench.launch_of("kafka-0", "broker");
    bench.observe_launch("kafka-0", "broker", old, Seen::Ended(End::Killed));
    assert_eq!(bench.commands(), ["fit kafka-0", "launch kafka-0"]);
    assert_eq!(bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap().failures(), 0);
}

#[test]
fn a_kill_is_commanded_again_until_the_end_is_seen() {
    let mut bench = deployed();
    bench.say("restart deploy broker kafka-0:[broker]");
    bench.commands();
    bench.pass(12);
    assert_eq!(bench.commands(), ["kill kafka-0-broker"; 2]);
    bench.pass(3);
    assert_eq!(bench.commands(), ["kill kafka-0-broker", "reconcile 1"], "it may have ended unheard");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    bench.pass(60);
    assert_eq!(bench.commands(), [""; 0]);
}

#[test]
fn an_order_that_only_asks_and_may_not_act_does_not_hold_recovery_up() {
    let mut bench = deployed();
    bench.room = false;
    bench.say("restart deploy broker kafka-0:[broker]");
    bench.say("interrupt deploy");
    bench.room = true;
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn a_stop_reaches_orders_of_an_earlier_session() {
    let yaml = format!("{KAFKA}  roll:\n    phases:\n      roll: {{ pod: kafka }}\n");
    let mut bench = Bench::new(&yaml);
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    bench.room = false;
    bench.say("start roll");
    bench.crash();
    bench.say("stop roll");
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    let record = bench.engine.pod(&instance("kafka-0")).unwrap();
    assert_eq!((record.orders().len(), record.slots()[0].act()), (1, None));
}

#[test]
fn who_was_waited_for_by_its_step_is_recovered_when_the_step_is_forced() {
    let mut bench = Bench::new(HELLO);
    bench.finishes("hello-0", "init");
    bench.say("interrupt deploy");
    bench.fails("hello-0", "main");
    bench.launched();
    bench.say("force-complete deploy hello-phase hello-0:[main]");
    assert_eq!(bench.launched(), ["hello-0:[main]"]);
}

#[test]
fn a_grant_of_an_earlier_session_ends_nothing_in_this_one() {
    let mut bench = deployed();
    bench.room = false;
    bench.say("restart deploy broker kafka-0:[broker]");
    let Some(Command::Fit(fit)) = bench.sent.pop() else { panic!() };
    bench.crash();
    bench.grant(&fit);
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.commands(), ["reconcile 3", "fit kafka-0"], "asked again, and nothing ended");
}

#[test]
fn a_sidecar_that_waits_does_not_hold_its_neighbour_down() {
    let yaml = "
name: pair
pods:
  p:
    count: 1
    tasks:
      main: { goal: RUNNING, cmd: ./main, cpus: 1, memory: 8 }
      aide: { goal: RUNNING, essential: false, cmd: ./aide, cpus: 1, memory: 8 }
";
    let mut bench = Bench::new(yaml);
    bench.runs("p-0", "main");
    bench.runs("p-0", "aide");
    bench.fails("p-0", "aide");
    bench.fails("p-0", "aide");
    bench.launched();
    bench.fails("p-0", "main");
    assert_eq!(bench.launched(), ["p-0:[main]"]);
}

#[test]
fn a_successor_that_never_fits_spares_what_runs() {
    let mut bench = deployed();
    bench.room = false;
    bench.say("restart deploy broker kafka-0:[broker]");
    let Some(Command::Fit(fit)) = bench.sent.pop() else { panic!() };
    bench.grant(&fit);
    assert_eq!(bench.commands(), ["kill kafka-0-broker"]);
    bench.fit("kafka-0", fit.launch, FitAnswer::Never("no".into()));
    bench.pass(60);
    assert_eq!(bench.commands(), [""; 0], "it is not ended again and again");
}

#[test]
fn a_refused_update_does_not_hide_that_the_old_configuration_is_in_backoff() {
    let mut bench = deployed();
    bench.room = false;
    bench.becomes(&KAFKA.replace("./broker", "./broker2"));
    let Some(Command::Fit(fit)) = bench.sent.pop() else { panic!() };
    bench.fit("kafka-0", fit.launch, FitAnswer::Never("no such disk".into()));
    assert_eq!((bench.status("deploy"), bench.status("recovery")), (Error, Complete));
    bench.room = true;
    bench.fails("kafka-0", "broker");
    bench.runs("kafka-0", "broker");
    bench.fails("kafka-0", "broker");
    let whys = bench.engine.why(&instance("kafka-0"));
    let why = whys.iter().find(|why| why.what == "recovery").unwrap();
    assert!(matches!(why.reason, Reason::Backoff { .. }), "{why}");
    assert_eq!((why.status, bench.status("recovery")), (Delayed, Delayed));
    bench.pass(20);
    assert_eq!(bench.status("recovery"), Starting);
}

#[test]
fn who_is_broken_does_not_wait_for_a_slot_that_another_run_holds() {
    let yaml = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a, essential: false }
      side:
        goal: RUNNING
        cmd: ./side
        resource-set: b
        essential: false
        readiness-check: { cmd: ./ready, interval: 5, timeout: 10 }
plans:
  deploy: { phases: { p: { pod: pair, steps: [ { default: [[main], [side]] } ] } } }
  both: { phases: { p: { pod: pair, steps: [ { default: [[main, side]] } ] } } }
";
    let mut bench = Bench::new(yaml);
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "side");
    bench.becomes(&yaml.replace("./side", "./side2"));
    bench.observe("pair-0", "side", Seen::Ended(End::Killed));
    bench.observe("pair-0", "side", Seen::Running { ready: false });
    bench.say("start both");
    bench.commands();
    let why = bench.why("pair-0");
    assert!(why.iter().any(|why| why.starts_with("both") && why.contains("side")), "{why:?}");
    bench.fails("pair-0", "main");
    assert_eq!(bench.launched(), ["pair-0:[main]"]);
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "side");
    assert_eq!(bench.status("deploy"), Complete);
    // Then it is the turn of the other run. For this run main counts as launched, as that was after the run began.
    bench.observe("pair-0", "side", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["pair-0:[side]"]);
}

#[test]
fn a_step_and_recovery_do_not_both_ask_for_a_place() {
    let yaml = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
      side: { goal: RUNNING, cmd: ./side, resource-set: b }
plans:
  deploy: { strategy: parallel, phases: { p: { strategy: parallel, pod: pair, steps: [ { default: [[main], [side]] } ] } } }
";
    // The first launch is refused while no step may act.
    let mut bench = Bench::bare();
    bench.room = false;
    bench.becomes(yaml);
    let asks = |bench: &Bench| bench.engine.pod(&instance("pair-0")).unwrap().standing_orders();
    assert_eq!(asks(&bench), 1);
    let Some(Command::Fit(fit)) = bench.sent.last().cloned() else { panic!("{:?}", bench.sent) };
    bench.grant(&fit);
    bench.say("force-complete deploy p pair-0:[main]");
    bench.launch_answer("pair-0", fit.launch, LaunchAnswer::Retry("the offer is gone".into()));
    bench.pass(60);
    assert!(bench.engine.pod(&instance("pair-0")).unwrap().place().is_none());
    assert_eq!(asks(&bench), 1, "{:?}", bench.why("pair-0"));
    let fit = bench.sent.iter().rev().find_map(|command| match command {
        Command::Fit(fit) => Some(fit.clone()),
        _ => None,
    });
    assert!(fit.unwrap().at.is_none(), "what was granted may be gone");
}

#[test]
fn each_task_that_is_down_says_what_it_waits_for() {
    let yaml = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a, essential: false }
      side: { goal: RUNNING, cmd: ./side, resource-set: b, essential: false }
";
    let mut bench = Bench::new(yaml);
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "side");
    bench.fails("pair-0", "main");
    bench.fails("pair-0", "main");
    bench.room = false;
    bench.fails("pair-0", "side");
    let why = bench.why("pair-0");
    assert_eq!(why.len(), 2, "{why:?}");
    assert!(why[0].contains("`main` failed") && why[1].contains("room is asked for"), "{why:?}");
}
