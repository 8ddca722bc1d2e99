//! Verbs at all levels (SDK rule R58).

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::Bench;
use crate::deploy::{HELLO, KAFKA};

#[test]
fn an_interrupted_plan_begins_nothing_and_goes_on_where_it_was() {
    let mut bench = Bench::new(KAFKA);
    assert_eq!(bench.say("interrupt deploy"), Reply::Done);
    assert_eq!(bench.say("interrupt deploy"), Reply::AlreadySo);
    assert_eq!(bench.status("deploy"), Waiting);
    bench.launched();
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.launched(), [""; 0]);
    bench.crash();
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.status("deploy"), Waiting, "an interruption survives");
    assert_eq!(bench.say("continue deploy"), Reply::Done);
    assert_eq!(bench.say("continue deploy"), Reply::AlreadySo);
    assert_eq!(bench.launched(), ["kafka-1:[broker]"]);
}

#[test]
fn room_that_is_asked_for_is_given_back_by_an_interruption() {
    let mut bench = Bench::bare();
    bench.room = false;
    bench.target(crate::bench::model(KAFKA));
    let Some(Command::Fit(fit)) = bench.sent.pop() else { panic!() };
    bench.say("interrupt deploy broker");
    assert_eq!(bench.commands(), ["withdraw kafka-0"]);
    bench.grant(&fit);
    assert_eq!(bench.commands(), ["withdraw kafka-0"], "a grant that crossed it too");
    assert_eq!(bench.phase("deploy", "broker"), (Waiting, vec![Pending, Pending, Pending]));
    bench.room = true;
    bench.say("continue deploy broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn what_is_forced_counts_as_complete_and_is_marked() {
    let mut bench = Bench::new(KAFKA);
    bench.launched();
    assert_eq!(bench.say("force-complete deploy broker kafka-0:[broker]"), Reply::Done);
    assert_eq!(bench.say("force-complete deploy broker #0"), Reply::AlreadySo);
    assert_eq!(bench.launched(), ["kafka-1:[broker]"]);
    assert!(bench.plan("deploy").contains("kafka-0:[broker] (COMPLETE, forced)"));
    assert_eq!(bench.say("force-complete deploy broker"), Reply::Done);
    assert_eq!(bench.status("deploy"), Complete);
    assert_eq!(bench.launched(), [""; 0]);
    assert_eq!(bench.say("force-complete deploy"), Reply::AlreadySo);
}

#[test]
fn a_restart_does_it_again_and_the_later_word_wins() {
    let mut bench = Bench::new(KAFKA);
    bench.say("force-complete deploy");
    assert_eq!(bench.status("deploy"), Complete);
    bench.launched();
    assert_eq!(bench.say("restart deploy broker"), Reply::Done);
    assert_eq!(bench.phase("deploy", "broker").1, [Prepared, Pending, Pending], "newer than the force");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    bench.say("force-complete deploy broker kafka-1:[broker]");
    assert_eq!(bench.phase("deploy", "broker").1, [Starting, Complete, Pending]);
    bench.say("restart deploy broker kafka-1:[broker]");
    assert_eq!(bench.phase("deploy", "broker").1, [Starting, Pending, Pending]);
    assert_eq!(bench.say("restart deploy broker kafka-1:[broker]"), Reply::AlreadySo);
}

#[test]
fn a_single_restarted_step_counts_the_launch_that_is_on_its_way() {
    let mut bench = Bench::new(KAFKA);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    assert_eq!(bench.say("restart deploy broker kafka-0:[broker]"), Reply::Done);
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker").1[0], Complete);
    assert_eq!(bench.launched(), ["kafka-1:[broker]"]);
}

#[test]
fn a_restarted_init_displaces_main_and_its_step_brings_main_back() {
    let mut bench = Bench::new(HELLO);
    bench.finishes("hello-0", "init");
    bench.runs("hello-0", "main");
    bench.launched();
    assert_eq!(bench.say("restart deploy hello-phase hello-0:[init]"), Reply::Done);
    assert_eq!(bench.phase("deploy", "hello-phase").1[..2], [Prepared, Pending]);
    bench.observe("hello-0", "main", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["hello-0:[init]"]);
    bench.finishes("hello-0", "init");
    assert_eq!(bench.launched(), ["hello-0:[main]"]);
    bench.runs("hello-0", "main");
    assert_eq!(bench.phase("deploy", "hello-phase").1[..2], [Complete, Complete]);
}

#[test]
fn stop_ends_a_side_plan_and_interrupts_and_restarts_the_converging_one() {
    let yaml = format!("{KAFKA}  roll:\n    phases:\n      roll: {{ pod: kafka }}\n");
    let mut bench = Bench::new(&yaml);
    for broker in ["kafka-0", "kafka-1"] {
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.say("stop deploy"), Reply::Done);
    assert_eq!(bench.status("deploy"), Waiting);
    assert_eq!(bench.phase("deploy", "broker").1, [Pending, Pending, Pending]);
    bench.runs("kafka-2", "broker");
    assert_eq!(bench.phase("deploy", "broker").1, [Pending, Pending, Pending], "older than the stop");
    bench.say("force-complete deploy");
    bench.commands();
    assert_eq!(bench.say("stop roll"), Reply::AlreadySo);
    assert_eq!(bench.say("start roll"), Reply::Done);
    assert_eq!(bench.commands(), ["fit kafka-0", "kill kafka-0-broker"]);
    assert_eq!(bench.say("stop roll"), Reply::Done);
    assert_eq!(bench.status("roll"), Waiting);
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"], "what was ended is not left down");
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.launched(), [""; 0]);
    assert_eq!(bench.say("continue roll"), Reply::Done, "its run is taken up again");
    assert_eq!(bench.phase("roll", "roll").1, [Complete, Prepared, Pending]);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let mut bench = Bench::new(&format!("{KAFKA}  roll:\n    phases:\n      roll: {{ pod: kafka }}\n"));
    let cases = [
        ("start nothing", "there is no plan `nothing`"),
        ("interrupt deploy nothing", "plan `deploy` has no phase `nothing`"),
        ("restart deploy broker kafka-9:[broker]", "has no step `kafka-9:[broker]`"),
        ("restart deploy broker #3", "has no step `#3`"),
        ("start deploy", "plan `deploy` is running: continue it, or stop it first"),
        ("continue roll", "plan `roll` has no run under this target: start it"),
        ("interrupt roll", "plan `roll` has no run under this target: start it"),
        ("restart roll", "plan `roll` has no run under this target: start it"),
        ("force-complete roll", "plan `roll` has no run under this target: start it"),
    ];
    for (words, why) in cases {
        let Reply::Refused(refusal) = bench.say(words) else { panic!("{words}") };
        assert!(refusal.to_string().contains(why), "{words}: {refusal}");
    }
    let parameters = [("1X".to_owned(), String::new())].into();
    let reply = bench.verb(Verb::Start { plan: "roll".parse().unwrap(), parameters });
    assert_eq!(reply, Reply::Refused(Refusal::Parameter("1X".into())));
}

#[test]
fn steps_of_one_name_are_told_apart_by_their_position() {
    let yaml = KAFKA.replace(
        "        pod: kafka\n",
        "        pod: kafka\n        steps:\n          - default: [[broker], [broker]]\n",
    );
    let mut bench = Bench::new(&yaml);
    let reply = bench.say("restart deploy broker kafka-1:[broker]");
    let Reply::Refused(refusal) = reply else { panic!() };
    assert!(refusal.to_string().contains("`#2`"), "{refusal}");
    assert_eq!(bench.say("force-complete deploy broker #2"), Reply::Done);
    assert_eq!(bench.phase("deploy", "broker").1[2], Complete);
}

#[test]
fn the_same_request_again_gets_the_same_reply_and_does_nothing() {
    let mut bench = Bench::new(KAFKA);
    let request = |id: &str, words: &str| {
        Input::Verb(Request { id: id.into(), who: "me".into(), verb: crate::bench::verb(words) })
    };
    assert_eq!(bench.input(request("a", "interrupt deploy")), Some(Reply::Done));
    assert_eq!(bench.input(request("b", "continue deploy")), Some(Reply::Done));
    assert_eq!(bench.input(request("a", "interrupt deploy")), Some(Reply::Done));
    assert_ne!(bench.status("deploy"), Waiting);
    bench.crash();
    assert_eq!(bench.input(request("a", "interrupt deploy")), Some(Reply::Done), "also after a crash");
    assert_ne!(bench.status("deploy"), Waiting);
}

#[test]
fn two_plans_do_not_act_on_one_slot_at_once() {
    let yaml = format!(
        "{HELLO}  again:\n    phases:\n      again: {{ pod: hello, steps: [ {{ default: [[main]] }} ] }}\n"
    );
    let mut bench = Bench::new(&yaml);
    bench.finishes("hello-0", "init");
    bench.launched();
    // main of hello-0 is launched for deploy, and not complete.
    assert_eq!(bench.say("start again"), Reply::Done);
    assert_eq!(bench.commands(), [""; 0]);
    let why = bench.engine.why(&crate::bench::instance("hello-0"));
    assert!(why.iter().any(|why| matches!(why.reason, Reason::SlotBusy { .. })), "{why:?}");
    bench.runs("hello-0", "main");
    assert_eq!(bench.commands(), ["fit hello-1", "fit hello-0", "launch hello-1", "kill hello-0-main"]);
}

#[test]
fn a_restart_while_room_is_asked_for_leaves_no_second_order() {
    let mut bench = Bench::new(KAFKA);
    bench.runs("kafka-0", "broker");
    bench.room = false;
    bench.say("restart deploy broker kafka-0:[broker]");
    let Some(Command::Fit(first)) = bench.sent.pop() else { panic!() };
    assert_eq!(first.instance.to_string(), "kafka-0");
    // After the restart of the plan, the order that only asks for room is from before the restart.
    bench.say("restart deploy");
    bench.room = true;
    bench.sent.clear();
    bench.grant(&first);
    let living = |bench: &Bench| {
        bench.sent.iter().any(|command| matches!(command, Command::Launch(l) if l.instance.index == 0))
    };
    assert!(!living(&bench), "broker-0 lives still: {:?}", bench.sent);
}

#[test]
fn a_restarted_plan_of_two_tasks_in_one_resource_set_does_not_wait_for_itself() {
    let mut bench = Bench::new(HELLO);
    bench.finishes("hello-0", "init");
    bench.runs("hello-0", "main");
    assert_eq!(bench.say("restart deploy"), Reply::Done);
    bench.observe("hello-0", "main", Seen::Ended(End::Killed));
    bench.finishes("hello-0", "init");
    bench.runs("hello-0", "main");
    assert_eq!(bench.phase("deploy", "hello-phase").1[..2], [Complete, Complete]);
}

#[test]
fn a_step_that_waits_for_another_runs_slot_goes_on_when_that_run_is_forced_or_stopped() {
    for words in ["force-complete deploy", "force-complete deploy broker kafka-0:[broker]"] {
        let mut bench = Bench::new(&format!("{KAFKA}  roll:\n    phases:\n      roll: {{ pod: kafka }}\n"));
        bench.observe("kafka-0", "broker", Seen::Running { ready: false });
        bench.say("start roll");
        bench.commands();
        bench.say(words);
        assert!(bench.commands().contains(&"kill kafka-0-broker".to_owned()), "{words}");
    }
}

#[test]
fn what_was_forced_stays_marked_when_its_run_has_ended() {
    let mut bench = Bench::new(KAFKA);
    bench.say("force-complete deploy");
    assert!(bench.plan("deploy").contains("kafka-0:[broker] (COMPLETE, forced)"), "{}", bench.plan("deploy"));
}

#[test]
fn an_order_that_waits_for_the_end_of_a_launch_goes_on_when_that_is_refused() {
    for answer in [LaunchAnswer::Never("no".into()), LaunchAnswer::Retry("no".into())] {
        let mut bench = Bench::new(KAFKA);
        let first = bench.launch_of("kafka-0", "broker");
        bench.say("restart deploy broker");
        bench.commands();
        bench.launch_answer("kafka-0", first, answer);
        let launched = bench.launch_of("kafka-0", "broker") > first;
        assert!(launched || bench.phase("deploy", "broker").1[0] == Error, "{}", bench.plan("deploy"));
    }
}

#[test]
fn a_restart_after_a_force_does_it_again_also_with_a_launch_on_its_way() {
    let mut bench = Bench::new(KAFKA);
    bench.say("force-complete deploy broker kafka-0:[broker]");
    assert_eq!(bench.say("restart deploy broker kafka-0:[broker]"), Reply::Done);
    assert_ne!(bench.phase("deploy", "broker").1[0], Complete);
}

#[test]
fn continuing_what_was_interrupted_and_stopped_lets_it_go_on() {
    let mut bench = Bench::new(&format!("{KAFKA}  roll:\n    phases:\n      roll: {{ pod: kafka }}\n"));
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    for words in ["start roll", "interrupt roll", "stop roll"] {
        assert_eq!(bench.say(words), Reply::Done, "{words}");
    }
    assert_eq!(bench.say("continue roll"), Reply::Done);
    assert_eq!(bench.phase("roll", "roll").1, [Prepared, Pending, Pending]);
    assert_eq!(bench.say("stop roll"), Reply::Done);
    assert_eq!(bench.say("force-complete roll"), Reply::Done);
    assert_eq!(bench.status("roll"), Complete);
}

#[test]
fn a_phase_that_is_interrupted_says_so() {
    let mut bench = Bench::new(KAFKA);
    bench.events.clear();
    bench.say("interrupt deploy broker");
    assert!(bench.events.iter().any(|event| matches!(event, Event::Phase { change: (_, Waiting), .. })));
}

#[test]
fn a_refused_launch_does_not_complete_the_step_that_it_was_for() {
    let mut bench = Bench::new(HELLO);
    bench.finishes("hello-0", "init");
    bench.runs("hello-0", "main");
    bench.say("restart deploy hello-phase hello-0:[init]");
    bench.observe("hello-0", "main", Seen::Ended(End::Killed));
    bench.finishes("hello-0", "init");
    let launch = bench.launch_of("hello-0", "main");
    bench.launch_answer("hello-0", launch, LaunchAnswer::Retry("no".into()));
    assert_ne!(bench.phase("deploy", "hello-phase").1[1], Complete);
    bench.runs("hello-0", "main");
    assert_eq!(bench.phase("deploy", "hello-phase").1[1], Complete);
}
