//! Targets that rename, move and remove running tasks. Reviews found these cases; each test is the shortest one.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::{Bench, instance, model, task};
use crate::deploy::KAFKA;

const SETS: &str = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
";

const PAIR: &str = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
      side: { goal: RUNNING, cmd: ./side, resource-set: b, essential: false }
";

const SETS2: &str = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
      side: { goal: RUNNING, cmd: ./side, resource-set: b, essential: false }
plans:
  deploy: { phases: { p: { pod: pair, steps: [ { default: [[main], [side]] } ] } } }
  again: { phases: { p: { pod: pair, steps: [ { default: [[main]] } ] } } }
";

fn deployed(yaml: &str) -> Bench {
    let mut bench = Bench::new(yaml);
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench
}

fn without_side() -> String {
    PAIR.lines().filter(|line| !line.contains("side:")).collect::<Vec<_>>().join("\n")
}

fn pair() -> Bench {
    let mut bench = Bench::new(PAIR);
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "side");
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench
}

#[test]
fn a_task_that_goes_to_another_set_is_ended_where_it_was() {
    let mut bench = Bench::new(SETS);
    bench.runs("pair-0", "main");
    bench.commands();
    assert_eq!(bench.becomes(&SETS.replace("resource-set: a", "resource-set: b")), Reply::Done);
    assert_eq!(bench.commands(), ["fit pair-0", "kill pair-0-main"]);
}

#[test]
fn recovery_does_not_launch_what_the_target_does_not_have() {
    let mut bench = pair();
    bench.room = false;
    bench.fails("pair-0", "side");
    let Some(Command::Fit(fit)) = bench.sent.last().cloned() else { panic!() };
    bench.commands();
    bench.becomes(&without_side());
    bench.commands();
    bench.grant(&fit);
    assert_eq!(bench.launched(), [""; 0], "the target does not have it");
}

#[test]
fn what_is_being_ended_is_not_launched_again_if_the_target_does_not_have_it() {
    let mut bench = pair();
    let launch = bench.launch_of("pair-0", "side");
    bench.becomes(&PAIR.replace("./side", "./side2"));
    assert_eq!(bench.commands(), ["fit pair-0", "kill pair-0-side"]);
    bench.becomes(&without_side());
    bench.commands();
    bench.observe_launch("pair-0", "side", launch, Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), [""; 0], "the target does not have it");
}

const TURNS: &str = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { turns: { cpus: 1, memory: 64 }, own: { cpus: 1, memory: 64 } }
    tasks:
      init: { goal: ONCE, cmd: ./init, resource-set: turns }
      main: { goal: RUNNING, cmd: ./main, resource-set: turns }
      aide: { goal: RUNNING, cmd: ./aide, resource-set: own, essential: false }
      job: { goal: FINISH, cmd: ./job, resource-set: own }
plans:
  deploy: { phases: { p: { pod: pair, steps: [ { default: [[init], [main], [aide], [job]] } ] } } }
";

/// An instance whose `job` has room, and whose `aide` is told to end for it.
fn turns() -> Bench {
    let mut bench = Bench::new(TURNS);
    bench.finishes("pair-0", "init");
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "aide");
    assert!(bench.commands().contains(&"kill pair-0-aide".to_owned()));
    bench
}

#[test]
fn what_the_target_does_not_have_is_kept_until_the_steps_of_its_instance_are_complete() {
    let mut bench = turns();
    bench.say("interrupt deploy");
    let aide = "      aide: { goal: RUNNING, cmd: ./aide, resource-set: own, essential: false }\n";
    assert_eq!(bench.becomes(&TURNS.replace(aide, "").replace("[aide], ", "")), Reply::Done);
    bench.observe("pair-0", "aide", Seen::Ended(End::Killed));
    let aide = bench.engine.pod(&instance("pair-0")).unwrap().task(&task("aide")).unwrap().failures();
    assert_eq!(aide, 0, "it was told to end");
    assert_eq!(bench.launched(), ["pair-0:[aide]"], "what is to take its place may not act");
    bench.say("continue deploy");
    bench.runs("pair-0", "aide");
    bench.observe("pair-0", "aide", Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["pair-0:[job]"]);
    bench.finishes("pair-0", "job");
    assert_eq!(bench.status("deploy"), Complete);
    let record = bench.engine.pod(&instance("pair-0")).unwrap();
    assert_eq!(record.task(&task("aide")), None);
    assert_eq!(bench.commands(), [""; 0]);
}

#[test]
fn room_for_what_the_target_does_not_have_is_asked_for_no_more_when_all_steps_are_complete() {
    let mut bench = turns();
    bench.observe("pair-0", "aide", Seen::Ended(End::Killed));
    bench.finishes("pair-0", "job");
    bench.runs("pair-0", "aide");
    assert_eq!(bench.status("deploy"), Complete);
    bench.room = false;
    let aide = "      aide: { goal: RUNNING, cmd: ./aide, resource-set: own, essential: false }\n";
    let without = TURNS.replace(aide, "").replace("[aide], ", "").replace("./job", "./job2");
    bench.becomes(&without);
    bench.say("interrupt deploy");
    bench.commands();
    bench.fails("pair-0", "aide");
    assert_eq!(bench.commands(), ["fit pair-0"], "until then it is brought back");
    bench.say("force-complete deploy p pair-0:[job]");
    assert_eq!(bench.commands(), ["withdraw pair-0"]);
}

#[test]
fn a_task_that_is_on_its_way_into_another_set_is_not_brought_back_in_its_old_one() {
    let mut bench = turns();
    bench.observe("pair-0", "aide", Seen::Ended(End::Killed));
    bench.finishes("pair-0", "job");
    bench.say("restart deploy");
    bench.observe("pair-0", "main", Seen::Ended(End::Killed));
    bench.commands();
    let moved = TURNS
        .replace("./main, resource-set: turns", "./main, resource-set: own")
        .replace("./aide, resource-set: own", "./aide, resource-set: turns");
    bench.becomes(&moved);
    bench.commands();
    // The task's old set becomes free before its new one.
    bench.finishes("pair-0", "init");
    assert_eq!(bench.commands(), [""; 0]);
    let why = bench.why("pair-0");
    assert!(why.contains(&"recovery (PENDING): `aide` is being ended to make room".to_owned()), "{why:#?}");
}

#[test]
fn who_waits_for_room_elsewhere_says_so_though_its_task_goes_to_another_set() {
    let mut bench = turns();
    bench.observe("pair-0", "aide", Seen::Ended(End::Killed));
    bench.finishes("pair-0", "job");
    bench.runs("pair-0", "aide");
    bench.room = false;
    bench.say("pod replace pair-0");
    bench.becomes(&TURNS.replace("./main, resource-set: turns", "./main, resource-set: own"));
    let why = bench.why("pair-0");
    let recovery: Vec<_> = why.iter().filter(|why| why.starts_with("recovery")).collect();
    assert_eq!(
        recovery,
        ["recovery, elsewhere: an operator replaces it (PREPARED): room is asked for"],
        "{why:#?}"
    );
}

#[test]
fn a_restart_of_a_task_ends_with_the_task() {
    let mut bench = pair();
    let launch = bench.launch_of("pair-0", "side");
    bench.say("pod restart pair-0 side");
    assert_eq!(bench.commands(), ["fit pair-0", "kill pair-0-side"]);
    bench.becomes(&without_side());
    bench.observe_launch("pair-0", "side", launch, Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), [""; 0], "the target does not have it");
}

#[test]
fn a_canary_that_was_not_released_is_not_gone_around() {
    let with = |cmd: &str, memory: &str| {
        format!(
            "{}  update:
    phases:
      broker: {{ strategy: parallel, pod: kafka }}
  careful:
    on-change: [pods.kafka.tasks.broker.cmd]
    phases:
      broker: {{ strategy: serial-canary, pod: kafka }}
",
            KAFKA.replace("./broker", cmd).replace("1024", memory)
        )
    };
    let mut bench = deployed(&with("./broker", "1024"));
    bench.becomes(&with("./broker2", "1024"));
    assert_eq!(bench.commands(), [""; 0], "a canary waits");
    bench.becomes(&with("./broker2", "2048"));
    assert_eq!(bench.commands(), [""; 0], "the new cmd has not been released");
}

#[test]
fn a_force_that_was_taken_back_is_no_force() {
    let mut bench = deployed(KAFKA);
    let two = KAFKA.replace("./broker", "./broker2");
    bench.becomes(&two);
    bench.commands();
    bench.say("force-complete deploy");
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    bench.runs("kafka-0", "broker");
    bench.say("restart deploy");
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.observe(broker, "broker", Seen::Ended(End::Killed));
        bench.runs(broker, "broker");
    }
    assert_eq!(bench.status("deploy"), Complete);
    assert_eq!(bench.engine.previous().unwrap().hash(), model(&two).hash());
}

#[test]
fn a_renamed_task_goes_when_its_successor_comes() {
    let yaml = "
name: web
pods:
  web: { count: 3, tasks: { server: { goal: RUNNING, cmd: x, cpus: 1, memory: 64 } } }
plans:
  deploy: { phases: { web: { pod: web, strategy: serial-canary } } }
";
    let mut bench = Bench::new(yaml);
    bench.say("continue deploy web");
    bench.runs("web-0", "server");
    bench.say("continue deploy web");
    bench.runs("web-1", "server");
    bench.runs("web-2", "server");
    assert_eq!(bench.status("deploy"), Complete);
    bench.commands();
    bench.becomes(&yaml.replace("server:", "httpd:"));
    let commands = bench.commands();
    assert_eq!(commands, [""; 0], "a canary waits, and nothing has a successor");
}

#[test]
fn a_running_side_plan_refuses_a_target_that_moves_its_task_to_another_set() {
    let mut bench = Bench::new(SETS2);
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "side");
    bench.say("start again");
    let swapped = SETS2
        .replace("./main, resource-set: a", "./main, resource-set: c")
        .replace("b: { cpus: 1, memory: 64 } }", "b: { cpus: 1, memory: 64 }, c: { cpus: 1, memory: 64 } }");
    let Reply::Refused(refusal) = bench.becomes(&swapped) else { panic!() };
    assert!(refusal.to_string().contains("plans.again"), "{refusal}");
}

#[test]
fn orders_that_want_each_others_sets_do_not_lose_each_other() {
    let mut bench = Bench::new(SETS2);
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "side");
    // side is being restarted, and main updated. Then each changes to the other's set.
    bench.say("pod restart pair-0 side");
    bench.becomes(&SETS2.replace("./main", "./main2"));
    let swapped = SETS2
        .replace("./main, resource-set: a", "./main3, resource-set: b")
        .replace("./side, resource-set: b", "./side, resource-set: a");
    bench.becomes(&swapped);
    for _ in 0..4 {
        for task in ["main", "side"] {
            let record = bench.engine.pod(&instance("pair-0")).unwrap();
            let living = record.living().filter(|o| o.task == crate::bench::task(task)).count();
            assert!(living < 2, "{task} lives twice");
            if record.standing_orders() > 0 && living > 0 {
                bench.observe("pair-0", task, Seen::Ended(End::Killed));
            }
        }
        for task in ["main", "side"] {
            bench.runs("pair-0", task);
        }
    }
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn who_is_being_ended_in_an_interrupted_phase_comes_back_as_it_was() {
    let mut bench = Bench::new(KAFKA);
    bench.observe("kafka-0", "broker", Seen::Running { ready: false });
    bench.say("restart deploy broker kafka-0:[broker]");
    bench.say("interrupt deploy broker");
    bench.becomes(&KAFKA.replace("./broker", "./broker2"));
    bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
    let last = bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap().last().unwrap();
    assert_eq!(last.conf, model(KAFKA).pods()[0].tasks[0].conf);
}

#[test]
fn a_preview_speaks_of_what_its_plan_does_and_of_what_ends() {
    let bench = pair();
    let target = Target::new(model(&without_side()), crate::bench::installation());
    let preview = bench.engine.preview(&target);
    assert_eq!(preview.ends, [(instance("pair-0"), task("side"))]);
    assert_eq!(preview.restarts, []);
}

#[test]
fn who_comes_back_to_a_set_waits_until_what_took_its_turn_has_ended() {
    let web = "
name: web
pods:
  web:
    count: 1
    resource-sets: { turns: { cpus: 1, memory: 64 } }
    tasks: { main: { goal: RUNNING, cmd: ./main, resource-set: turns } }
";
    let mut bench = Bench::new(web);
    bench.runs("web-0", "main");
    bench.becomes(&web.replace("main: {", "chief: {"));
    bench.observe("web-0", "main", Seen::Ended(End::Killed));
    let chief = bench.launch_of("web-0", "chief");
    // The old target comes back before the task reached its goal. main's step is complete, and main is not there.
    bench.commands();
    bench.becomes(web);
    assert_eq!(bench.commands(), ["kill web-0-chief"]);
    let why = bench.why("web-0");
    assert!(why[0].contains("has not ended"), "{why:?}");
    bench.observe_launch("web-0", "chief", chief, Seen::Ended(End::Killed));
    assert_eq!(bench.launched(), ["web-0:[main]"]);
}

/// `main` is in `a`, and `side` in `b`. After `swapped` it is the other way round.
const SWAP: &str = "
name: pair
pods:
  pair:
    count: 1
    resource-sets: { a: { cpus: 1, memory: 64 }, b: { cpus: 1, memory: 64 } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: a }
      side: { goal: RUNNING, cmd: ./side, resource-set: b, essential: false }
plans:
  deploy: { strategy: serial, phases: { p: { pod: pair, steps: [ { default: [[main]] } ] }, q: { pod: pair, steps: [ { default: [[side]] } ] } } }
  again: { phases: { p: { pod: pair, steps: [ { default: [[side]] } ] } } }
";

/// `main` has taken the set that `side` has left.
fn swapped() -> Bench {
    let mut bench = Bench::new(SWAP);
    bench.runs("pair-0", "main");
    bench.runs("pair-0", "side");
    assert_eq!(bench.status("deploy"), Complete);
    let swapped = SWAP.replace("./main, resource-set: a", "./main, resource-set: b");
    bench.becomes(&swapped.replace("./side, resource-set: b", "./side, resource-set: a"));
    assert_eq!(bench.say("interrupt deploy q"), Reply::Done);
    for task in ["main", "side"] {
        bench.observe("pair-0", task, Seen::Ended(End::Killed));
    }
    bench.runs("pair-0", "main");
    bench
}

#[test]
fn what_is_on_its_way_for_a_step_is_not_taken_along_with_a_group() {
    let mut bench = swapped();
    bench.commands();
    bench.say("continue deploy q");
    assert_eq!(bench.commands(), ["fit pair-0", "launch pair-0"]);
    bench.fails("pair-0", "main");
    assert_eq!(bench.commands(), ["fit pair-0", "launch pair-0"]);
    bench.runs("pair-0", "side");
    bench.runs("pair-0", "main");
    assert_eq!(bench.status("deploy"), Complete);
    assert_eq!(bench.commands(), [""; 0]);
    // The task that is up comes back with it.
    bench.pass(1000);
    bench.fails("pair-0", "main");
    assert_eq!(bench.commands(), ["fit pair-0", "kill pair-0-side"]);
}

#[test]
fn nothing_comes_back_in_a_set_that_is_anothers_by_now() {
    let mut bench = swapped();
    bench.commands();
    bench.say("continue deploy q");
    bench.say("interrupt deploy q");
    bench.fails("pair-0", "side");
    bench.commands();
    bench.pass(1000);
    assert_eq!(bench.commands(), [""; 0]);
    let why = bench.why("pair-0");
    assert!(why.iter().any(|why| why.contains("interrupted")), "{why:?}");
    bench.say("continue deploy q");
    assert_eq!(bench.launched(), ["pair-0:[side]"]);
}

#[test]
fn a_side_plan_does_not_take_the_set_that_a_task_has_yet_to_leave() {
    let mut bench = swapped();
    bench.commands();
    bench.say("start again");
    assert_eq!(bench.commands(), [""; 0]);
    let why = bench.why("pair-0");
    assert!(why.iter().any(|why| why.contains("again") && why.contains("main")), "{why:?}");
    bench.say("continue deploy q");
    bench.runs("pair-0", "side");
    bench.observe("pair-0", "side", Seen::Ended(End::Killed));
    bench.runs("pair-0", "side");
    assert_eq!((bench.status("deploy"), bench.status("again")), (Complete, Complete));
}

#[test]
fn how_a_task_ended_in_a_set_that_it_left_says_nothing_of_it() {
    let mut bench = Bench::new(SETS);
    let launch = bench.launch_of("pair-0", "main");
    bench.launch_answer("pair-0", launch, LaunchAnswer::Never("invalid".into()));
    bench.becomes(&SETS.replace("resource-set: a", "resource-set: b"));
    bench.runs("pair-0", "main");
    let states: Vec<_> = bench.engine.tasks().iter().map(|view| view.state).collect();
    assert_eq!(states, [Some(TaskState::Running { ready: true })]);
}
