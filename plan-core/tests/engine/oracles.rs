//! The expectations of the SDK's own tests. The canary's six states are in [`crate::canary`].

use std::collections::BTreeMap;

use plan_core::engine::*;
use plan_core::plan::Status::*;
use plan_core::spec::read::{ReadOptions, Source, read};
use plan_core::spec::{Code, Files};

use crate::bench::{Bench, instance};
use crate::deploy::KAFKA;
use crate::targets::{BROKERS, deployed};

/// The launches of a round, and then the tasks that reach their goals.
type Round = (&'static [&'static str], &'static [(&'static str, &'static str)]);

/// `custom_steps.yml`: a strategy, the steps of all instances, and the rounds.
const CUSTOM_STEPS: [(&str, &str, &[Round]); 5] = [
    (
        "serial",
        "[[first],[second]]",
        &[
            (&["hello-0:[first]"], &[("hello-0", "first")]),
            (&["hello-0:[second]"], &[("hello-0", "second")]),
            (&["hello-1:[first]"], &[("hello-1", "first")]),
            (&["hello-1:[second]"], &[("hello-1", "second")]),
        ],
    ),
    (
        "serial",
        "[[first, second]]",
        &[
            (&["hello-0:[first, second]"], &[("hello-0", "first")]),
            (&[], &[("hello-0", "second")]),
            (&["hello-1:[first, second]"], &[("hello-1", "first"), ("hello-1", "second")]),
        ],
    ),
    (
        "serial",
        "[[first],[second, third]]",
        &[
            (&["hello-0:[first]"], &[("hello-0", "first")]),
            (&["hello-0:[second, third]"], &[("hello-0", "third"), ("hello-0", "second")]),
            (&["hello-1:[first]"], &[("hello-1", "first")]),
            (&["hello-1:[second, third]"], &[("hello-1", "second"), ("hello-1", "third")]),
        ],
    ),
    (
        "parallel",
        "[[first],[second]]",
        &[
            (&["hello-0:[first]", "hello-1:[first]"], &[("hello-1", "first")]),
            (&["hello-1:[second]"], &[("hello-0", "first")]),
            (&["hello-0:[second]"], &[("hello-0", "second"), ("hello-1", "second")]),
        ],
    ),
    (
        "parallel",
        "[[first, second]]",
        &[(
            &["hello-0:[first, second]", "hello-1:[first, second]"],
            &[("hello-0", "first"), ("hello-0", "second"), ("hello-1", "second"), ("hello-1", "first")],
        )],
    ),
];

#[test]
fn custom_steps() {
    let task =
        |name: &str| format!("      {name}: {{ goal: RUNNING, cmd: ./{name}, cpus: 0.1, memory: 32 }}\n");
    let tasks = ["first", "second", "third"].map(task).concat();
    for (strategy, steps, rounds) in CUSTOM_STEPS {
        let mut bench = Bench::new(&format!(
            "name: custom\npods:\n  hello:\n    count: 2\n    tasks:\n{tasks}plans:\n  deploy:\n    phases:\n      \
             deploy: {{ strategy: {strategy}, pod: hello, steps: [ {{ default: {steps} }} ] }}\n"
        ));
        for (launched, attained) in rounds {
            assert_eq!(bench.launched(), *launched, "{strategy} {steps}");
            attained.iter().for_each(|(name, of)| bench.runs(name, of));
        }
        assert_eq!((bench.status("deploy"), bench.launched()), (Complete, vec![]), "{strategy} {steps}");
    }
}

/// `custom-phases.yml`, with three instances: a phase's strategy, its entries, and its steps' tasks in order,
/// instance by instance.
const CUSTOM_PHASES: [(&str, &str, &str, [&[&str]; 3]); 8] = [
    ("server", "serial", "- default: [[server]]", [&["server"]; 3]),
    ("once", "serial", "- default: [[once]]", [&["once"]; 3]),
    ("interleave", "serial", "- default: [[once],[server]]", [&["once", "server"]; 3]),
    ("parallel-tasks", "serial", "- default: [[once, server]]", [&["once, server"]; 3]),
    ("parallel-strategy", "parallel", "- default: [[once, server]]", [&["once, server"]; 3]),
    ("parallel-pods", "parallel", "- default: [[once],[server]]", [&["once", "server"]; 3]),
    (
        "full-custom",
        "serial",
        "- 0: [[once],[server]]\n          - 1: [[server],[once]]\n          - 2: [[server]]",
        [&["once", "server"], &["server", "once"], &["server"]],
    ),
    (
        "partial-custom",
        "serial",
        "- 1: [[once],[server]]\n          - default: [[server],[once]]",
        [&["server", "once"], &["once", "server"], &["server", "once"]],
    ),
];

#[test]
fn custom_phases() {
    for (phase, strategy, entries, instances) in CUSTOM_PHASES {
        let mut bench = Bench::new(&format!(
            "name: custom\npods:\n  hello:\n    count: 3\n    tasks:\n      once: {{ goal: ONCE, cmd: x, cpus: 0.1, \
             memory: 32 }}\n      server: {{ goal: RUNNING, cmd: x, cpus: 0.1, memory: 32 }}\nplans:\n  deploy:\n    \
             phases:\n      {phase}:\n        strategy: {strategy}\n        pod: hello\n        steps:\n          {entries}\n"
        ));
        let each = (0..).zip(instances);
        let steps = each.flat_map(|(at, of)| of.iter().map(move |tasks| format!("hello-{at}:[{tasks}]")));
        let steps: Vec<String> = steps.collect();
        let view = bench.engine.plan("deploy").unwrap();
        let shown: Vec<_> = view.phases[0].steps.iter().map(|step| step.name.clone()).collect();
        assert_eq!(shown, steps, "{phase}");
        // Launches come in this order; of an instance, each step after the one before.
        let mut launched = Vec::new();
        for _ in 0..steps.len() {
            let news = bench.launched();
            assert!(strategy == "parallel" || news.len() <= 1, "{phase}: {news:?}");
            for step in &news {
                let (name, tasks) = step.split_once(':').unwrap();
                for task in tasks.trim_matches(['[', ']']).split(", ") {
                    if task == "once" { bench.finishes(name, task) } else { bench.runs(name, task) }
                }
            }
            launched.extend(news);
        }
        assert_eq!(bench.status("deploy"), Complete, "{phase}");
        if strategy == "serial" {
            assert_eq!(launched, steps, "{phase}");
        }
        for at in 0..3 {
            let of = |names: &[String]| {
                let own = names.iter().filter(|name| name.starts_with(&format!("hello-{at}:")));
                own.cloned().collect::<Vec<_>>()
            };
            assert_eq!(of(&launched), of(&steps), "{phase}");
        }
    }
}

/// `svc.yml`, restarted (`SchedulerRestartServiceTest`). After a restart, the SDK shows a task that is not ready yet as
/// PENDING, and launches it again. Here it is STARTED, before and after the restart.
#[test]
fn a_restarted_scheduler_finds_what_there_was() {
    for (seen, status) in [
        (Seen::Starting, Starting),
        (Seen::Running { ready: false }, Started),
        (Seen::Running { ready: true }, Complete),
    ] {
        let mut bench = Bench::new(KAFKA);
        bench.observe("kafka-0", "broker", seen);
        assert_eq!(bench.phase("deploy", "broker").1[0], status);
        let launch = bench.launch_of("kafka-0", "broker");
        for _ in 0..3 {
            bench.crash();
            assert_eq!(bench.phase("deploy", "broker").1[0], status, "from the records alone");
            bench.observe("kafka-0", "broker", seen);
            assert_eq!(bench.phase("deploy", "broker").1[0], status, "and with the cluster's word");
            assert_eq!(bench.launch_of("kafka-0", "broker"), launch, "it is not launched again");
        }
        bench.observe("kafka-0", "broker", Seen::Running { ready: false });
        let stays = if status == Complete { Complete } else { Started };
        assert_eq!(bench.phase("deploy", "broker").1[0], stays);
    }
}

/// `ServiceTest`: after a failure, recovery is PREPARED. `replace` leads to one recovery phase, which is PREPARED and
/// which a new place completes.
#[test]
fn permanent_after_transient() {
    let mut bench = deployed(KAFKA);
    bench.room = false;
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.shown("recovery"), ["kafka-0:[broker] IN_PROGRESS", "  kafka-0:[broker] PREPARED"]);
    bench.commands();
    bench.say("pod replace kafka-0");
    assert_eq!(bench.shown("recovery"), ["kafka-0:[broker] IN_PROGRESS", "  kafka-0:[broker] PREPARED"]);
    assert_eq!(bench.commands(), ["withdraw kafka-0", "fit kafka-0"]);
    bench.room = true;
    let order = bench.engine.pod(&instance("kafka-0")).unwrap().orders().last().unwrap().launch;
    let grant = Grant::new(crate::bench::node("elsewhere"), Handle("new".into()));
    bench.fit("kafka-0", order, FitAnswer::Fitted(grant));
    assert_eq!(bench.place_of("kafka-0"), "elsewhere");
    bench.runs("kafka-0", "broker");
    assert_eq!(bench.shown("recovery"), [""; 0]);
}

/// `ServiceTest` on offers: room is asked for once for each step that is due, and not at all when everything is done.
#[test]
fn room_is_asked_for_once_for_each_thing_that_is_due() {
    let mut bench = Bench::new(KAFKA);
    for broker in BROKERS {
        bench.runs(broker, "broker");
    }
    let asked = |bench: &mut Bench| {
        let commands = bench.commands();
        commands.into_iter().filter(|command| command.starts_with("fit")).collect::<Vec<_>>()
    };
    assert_eq!(asked(&mut bench), ["fit kafka-0", "fit kafka-1", "fit kafka-2"]);
    bench.fails("kafka-1", "broker");
    bench.runs("kafka-1", "broker");
    bench.say("pod replace kafka-2");
    bench.observe("kafka-2", "broker", Seen::Ended(End::Killed));
    bench.runs("kafka-2", "broker");
    assert_eq!(asked(&mut bench), ["fit kafka-1", "fit kafka-2"]);
    bench.pass(24 * 3600);
    assert_eq!(bench.commands(), [""; 0]);
}

/// A placement rule that cannot be read is refused: no service is installed, or the present one goes on.
#[test]
fn placement_that_cannot_be_read() {
    for placement in
        ["hostname:NEAR:x", "[[\\\"hostname\\\"]]", "[[\\\"hostname\\\", \\\"MAX_PER\\\", \\\"x\\\"]]"]
    {
        let bad = KAFKA.replace("    count: 3\n", &format!("    count: 3\n    placement: \"{placement}\"\n"));
        let options = ReadOptions { env: &BTreeMap::new(), strict_variables: true, files: Files::Skip };
        let reading = read(Source { file: "svc.yml", text: &bad }, &options);
        assert!(reading.spec.is_none(), "{placement}");
        let paths: Vec<_> = reading.diagnostics.iter().map(|one| (one.code, one.path.as_str())).collect();
        assert_eq!(paths, [(Code::Placement, "pods.kafka.placement")], "{placement}");
    }
    // So no engine ever gets the specification. A running engine keeps its target.
    let mut bench = deployed(KAFKA);
    bench.fails("kafka-0", "broker");
    assert_eq!(bench.launched(), ["kafka-0:[broker]"]);
    assert_eq!(bench.status("deploy"), Complete);
    let conf = bench.engine.pod(&instance("kafka-0")).unwrap().tasks().next().unwrap().last().unwrap().conf;
    assert_eq!(conf, bench.engine.model().unwrap().pods()[0].tasks[0].conf);
}
