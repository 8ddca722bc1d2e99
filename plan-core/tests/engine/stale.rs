//! Observations that are stale, repeated, foreign or out of order change nothing that they should not.

use plan_core::engine::*;

use crate::bench::{Bench, instance, task};
use crate::deploy::{HELLO, KAFKA};

/// Checks that an input changes no record and leads to no command.
fn unchanged(bench: &mut Bench, input: Input) {
    let before = (bench.store.clone(), bench.engine.clone());
    bench.sent.clear();
    bench.input(input);
    assert_eq!(bench.store, before.0);
    assert!(bench.engine == before.1, "the engine changed");
    assert_eq!(bench.sent, []);
}

/// Checks that an input which says that an ended task lives changes no record, and leads to one question for the task's
/// state.
fn only_asked_about(bench: &mut Bench, input: Input) {
    let records = |bench: &Bench| {
        let records = bench.store.iter().filter(|(key, _)| **key != Key::Clock);
        records.map(|(_, record)| record.clone()).collect::<Vec<_>>()
    };
    let before = records(bench);
    bench.sent.clear();
    bench.input(input.clone());
    assert_eq!(records(bench), before);
    assert_eq!(bench.commands(), ["reconcile 1"]);
    unchanged(bench, input);
}

#[test]
fn repeating_an_observation_changes_nothing() {
    let mut bench = Bench::new(KAFKA);
    let of = bench.incarnation("kafka-0", "broker", bench.launch_of("kafka-0", "broker"));
    for seen in [Seen::Starting, Seen::Running { ready: false }, Seen::Running { ready: true }] {
        let observation = Observation::new(of.clone(), 100, seen);
        bench.input(Input::Observed(observation.clone()));
        unchanged(&mut bench, Input::Observed(observation));
    }
}

#[test]
fn a_lower_number_is_dropped() {
    let mut bench = Bench::new(KAFKA);
    let of = bench.incarnation("kafka-0", "broker", bench.launch_of("kafka-0", "broker"));
    bench.input(Input::Observed(Observation::new(of.clone(), 7, Seen::Running { ready: true })));
    for seen in [Seen::Starting, Seen::Running { ready: false }, Seen::Ended(End::Failed), Seen::Unreachable]
    {
        unchanged(&mut bench, Input::Observed(Observation::new(of.clone(), 6, seen)));
    }
}

#[test]
fn an_end_is_final() {
    let mut bench = Bench::new(HELLO);
    let of = bench.incarnation("hello-0", "init", bench.launch_of("hello-0", "init"));
    bench.room = false;
    bench.finishes("hello-0", "init");
    only_asked_about(&mut bench, Input::Observed(Observation::new(of, 1000, Seen::Running { ready: true })));
}

#[test]
fn the_status_of_a_task_that_was_replaced_does_not_complete_its_successor() {
    let mut bench = Bench::new(KAFKA);
    let old = bench.launch_of("kafka-0", "broker");
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.say("restart deploy broker kafka-0:[broker]"), Reply::Done);
    // The running task is asked to end. A late state of it comes in before and after its end.
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker").1[0], plan_core::plan::Status::Prepared);
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    assert!(bench.launch_of("kafka-0", "broker") > old);
    let stale = bench.incarnation("kafka-0", "broker", old);
    only_asked_about(
        &mut bench,
        Input::Observed(Observation::new(stale, 5000, Seen::Running { ready: true })),
    );
    assert_eq!(bench.phase("deploy", "broker").1[0], plan_core::plan::Status::Starting);
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker").1[0], plan_core::plan::Status::Complete);
}

#[test]
fn a_foreigner_is_listed_and_not_touched() {
    let mut bench = Bench::new(KAFKA);
    bench.sent.clear();
    let records = bench.store.clone();
    let foreign = Incarnation {
        installation: InstallationId("another".into()),
        instance: instance("kafka-0"),
        task: task("broker"),
        launch: 1_000,
    };
    let orphan = bench.incarnation("kafka-2", "broker", 1);
    for of in [foreign.clone(), orphan] {
        let seen = Seen::Running { ready: true };
        bench.input(Input::Observed(Observation::new(of, 1, seen)));
    }
    assert_eq!(bench.engine.foreigners().count(), 2);
    assert_eq!((bench.sent.len(), &bench.store), (0, &records));
    bench.input(Input::Observed(Observation::new(foreign, 2, Seen::Ended(End::Killed))));
    assert_eq!(bench.engine.foreigners().count(), 1);
}

#[test]
fn a_launch_newer_than_all_of_ours_means_that_we_are_the_old_scheduler() {
    let mut bench = Bench::new(KAFKA);
    bench.sent.clear();
    let of = bench.incarnation("kafka-1", "broker", 1_000);
    bench.input(Input::Observed(Observation::new(of, 1, Seen::Starting)));
    assert!(bench.engine.is_superseded());
    let records = bench.store.clone();
    bench.runs("kafka-0", "broker");
    bench.fails("kafka-0", "broker");
    bench.pass(1000);
    assert_eq!(bench.sent, [], "it stops, and kills nothing");
    assert_eq!(bench.store, records);
    assert_eq!(bench.say("stop deploy"), Reply::Refused(Refusal::Superseded));
}

#[test]
fn answers_to_questions_that_are_closed_do_nothing_or_give_back() {
    let mut bench = Bench::new(KAFKA);
    let launch = bench.launch_of("kafka-0", "broker");
    let again = FitAnswer::Fitted(Grant::new(crate::bench::node("elsewhere"), Handle("late".into())));
    bench.sent.clear();
    let records = bench.store.clone();
    bench.fit("kafka-0", launch, again.clone());
    bench.fit("kafka-0", launch, FitAnswer::Never("late".into()));
    assert_eq!(bench.sent, [], "the order was given: its record names the handle");
    bench.fit("kafka-0", 77, again);
    assert_eq!(bench.commands(), ["withdraw kafka-0"], "no record names it");
    assert_eq!(bench.store, records);
}

#[test]
fn silence_keeps_the_status_and_ends_with_the_next_word() {
    let mut bench = Bench::new(KAFKA);
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    bench.observe("kafka-0", "broker", Seen::Unreachable);
    assert_eq!(bench.phase("deploy", "broker").1[0], plan_core::plan::Status::Started);
    assert!(matches!(bench.engine.why(&instance("kafka-0"))[0].reason, Reason::Silent { .. }));
    bench.pass(3600);
    assert!(bench.sent.iter().all(|command| !matches!(command, Command::Kill { .. })));
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.phase("deploy", "broker").1[0], plan_core::plan::Status::Complete);
}

#[test]
fn the_late_answer_to_a_closed_question_does_not_end_what_was_launched_since() {
    let mut bench = Bench::new(KAFKA);
    let launch = bench.launch_of("kafka-0", "broker");
    bench.launch_answer("kafka-0", launch, LaunchAnswer::Unknown);
    let Some(Command::Reconcile { number: first, expected }) = bench.sent.pop() else { panic!() };
    bench.pass(31);
    let Some(Command::Reconcile { number: second, .. }) = bench.sent.pop() else { panic!("asked again") };
    bench.sent.clear();
    let absent = |of| Input::Snapshot(Snapshot::new(of, of, vec![(expected[0].of.clone(), Found::Absent)]));
    bench.input(absent(second));
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    bench.runs("kafka-0", "broker");
    bench.sent.clear();
    bench.input(absent(first));
    bench.input(absent(second));
    assert_eq!(bench.phase("deploy", "broker").1[0], plan_core::plan::Status::Complete);
    assert!(!bench.launched().contains(&"kafka-0:[broker]".to_owned()));
}

#[test]
fn what_was_believed_to_have_ended_and_lives_is_ended_by_its_own_number() {
    let mut bench = Bench::new(KAFKA);
    let old = bench.launch_of("kafka-0", "broker");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Lost));
    assert!(bench.launch_of("kafka-0", "broker") > old);
    bench.sent.clear();
    let found = vec![(
        bench.incarnation("kafka-0", "broker", old),
        Found::Seen(Seen::Running { ready: true }.into()),
    )];
    bench.input(Input::Snapshot(Snapshot::new(0, 100, found)));
    assert!(matches!(&bench.sent[..], [Command::Kill { launch, .. }] if *launch == old), "{:?}", bench.sent);
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_time() {
    let mut bench = Bench::new(KAFKA);
    bench.fails("kafka-0", "broker");
    bench.fails("kafka-0", "broker");
    bench.launched();
    bench.now -= 900_000;
    bench.input(Input::Wake);
    bench.pass(10);
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
}

#[test]
fn observations_of_the_tasks_of_one_launch_do_not_shadow_each_other() {
    let task =
        |name: &str| format!("      {name}: {{ goal: RUNNING, cmd: ./{name}, cpus: 0.1, memory: 8 }}\n");
    let mut bench =
        Bench::new(&format!("name: pair\npods:\n  p:\n    count: 1\n    tasks:\n{}{}", task("a"), task("b")));
    let launch = bench.launch_of("p-0", "a");
    for (name, serial) in [("b", 6), ("a", 5)] {
        let of = bench.incarnation("p-0", name, launch);
        bench.input(Input::Observed(Observation::new(of, serial, Seen::Running { ready: true })));
    }
    assert_eq!(bench.status("deploy"), plan_core::plan::Status::Complete);
}

#[test]
fn what_was_displaced_is_no_foreigner() {
    let mut bench = Bench::new(HELLO);
    bench.finishes("hello-0", "init");
    bench.runs("hello-0", "main");
    let main = bench.launch_of("hello-0", "main");
    bench.say("restart deploy hello-phase hello-0:[init]");
    bench.observe("hello-0", "main", Seen::Ended(End::Killed));
    bench.observe_launch("hello-0", "main", main, Seen::Running { ready: true });
    assert_eq!(bench.engine.foreigners().count(), 0);
}

#[test]
fn a_refusal_of_a_launch_that_was_seen_is_not_believed_but_asked() {
    let task =
        |name: &str| format!("      {name}: {{ goal: RUNNING, cmd: ./{name}, cpus: 0.1, memory: 8 }}\n");
    let mut bench =
        Bench::new(&format!("name: pair\npods:\n  p:\n    count: 1\n    tasks:\n{}{}", task("a"), task("b")));
    bench.runs("p-0", "a");
    let launch = bench.launch_of("p-0", "a");
    bench.commands();
    bench.launch_answer("p-0", launch, LaunchAnswer::Retry("no".into()));
    assert_eq!(bench.commands(), ["reconcile 2"]);
}

#[test]
fn a_living_launch_that_was_given_up_is_ended_again_and_again() {
    let mut bench = Bench::new(KAFKA);
    let old = bench.launch_of("kafka-0", "broker");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Lost));
    bench.runs("kafka-0", "broker");
    let of = bench.incarnation("kafka-0", "broker", old);
    let found = vec![(of.clone(), Found::Seen(Seen::Running { ready: true }.into()))];
    bench.sent.clear();
    bench.input(Input::Snapshot(Snapshot::new(0, 100, found)));
    bench.pass(10);
    assert_eq!(bench.commands().iter().filter(|command| *command == "kill kafka-0-broker").count(), 3);
    bench.input(Input::Observed(Observation::new(of, 9000, Seen::Ended(End::Killed))));
    bench.sent.clear();
    bench.pass(60);
    assert_eq!(bench.sent, []);
    assert_eq!(bench.phase("deploy", "broker").1[0], plan_core::plan::Status::Complete);
}

#[test]
fn records_that_name_what_is_not_there_are_refused_and_do_not_panic() {
    let bench = Bench::new(KAFKA);
    let damaged = |change: &dyn Fn(&mut records::RunRecord)| {
        let records = bench.store.values().cloned().map(|record| match record {
            Record::Run(run) => {
                let mut run = (*run).clone();
                change(&mut run);
                Record::Run(std::sync::Arc::new(run))
            }
            other => other,
        });
        Engine::recover(records)
    };
    assert!(matches!(
        damaged(&|run| {
            run.phases.insert(9, Mark::default());
        }),
        Err(RecoverError::Unknown(_))
    ));
    assert!(matches!(
        damaged(&|run| {
            run.canaries.insert(0, plan_core::plan::Canary { steps: vec![99], released: 0 });
        }),
        Err(RecoverError::Unknown(_))
    ));
    let without = |gone: fn(&Key) -> bool| {
        let kept = bench.store.iter().filter(|(key, _)| !gone(key)).map(|(_, record)| record.clone());
        Engine::recover(kept).unwrap_err().to_string()
    };
    assert!(without(|key| matches!(key, Key::Spec(_))).contains("is missing, which `service` names"));
    assert!(without(|key| matches!(key, Key::Conf(_))).contains("is missing, which `pod/kafka-0` names"));
    assert!(without(|key| matches!(key, Key::Service)).contains("and no record `service`"));
}

#[test]
fn what_was_given_up_and_lives_is_ended_once_it_is_sure() {
    let mut bench = Bench::new(KAFKA);
    ["kafka-0", "kafka-1", "kafka-2"].iter().for_each(|name| bench.runs(name, "broker"));
    bench.pays = false;
    let old = bench.launch_of("kafka-1", "broker");
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.say("pod replace kafka-1");
    bench.runs("kafka-1", "broker");
    let debt = bench.engine.debts().next().unwrap().number;
    bench.say(&format!("give-up {debt}"));
    bench.commands();
    bench.observe_launch("kafka-1", "broker", old, Seen::Running { ready: true });
    let Some(Command::Reconcile { number, expected }) = bench.sent.pop() else { panic!("{:?}", bench.sent) };
    assert_eq!(expected[0].of, bench.incarnation("kafka-1", "broker", old));
    let found = vec![(expected[0].of.clone(), Found::Seen(Seen::Running { ready: true }.into()))];
    bench.input(Input::Snapshot(Snapshot::new(number, number, found)));
    assert!(matches!(&bench.sent[..], [Command::Kill { launch, .. }] if *launch == old), "{:?}", bench.sent);
    bench.observe_launch("kafka-1", "broker", old, Seen::Ended(End::Killed));
    bench.commands();
    bench.pass(60);
    assert_eq!(bench.commands(), [""; 0]);
}
