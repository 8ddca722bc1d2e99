//! The five cases of `custom_steps` (C§8.5), and dependency strategies.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::Bench;

fn custom(strategy: &str, steps: &str) -> Bench {
    let task =
        |name: &str| format!("      {name}: {{ goal: RUNNING, cmd: ./{name}, cpus: 0.1, memory: 32 }}\n");
    Bench::new(&format!(
        "name: custom\npods:\n  hello:\n    count: 2\n    tasks:\n{}{}{}plans:\n  deploy:\n    strategy: serial\n    \
         phases:\n      deploy:\n        strategy: {strategy}\n        pod: hello\n        steps:\n          - default: {steps}\n",
        task("first"),
        task("second"),
        task("third")
    ))
}

#[test]
fn serial_first_then_second() {
    let mut bench = custom("serial", "[[first],[second]]");
    for (name, of) in
        [("hello-0", "first"), ("hello-0", "second"), ("hello-1", "first"), ("hello-1", "second")]
    {
        assert_eq!(bench.launched(), [format!("{name}:[{of}]")]);
        bench.runs(name, of);
    }
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn serial_both_at_once() {
    let mut bench = custom("serial", "[[first, second]]");
    assert_eq!(bench.launched(), ["hello-0:[first, second]"]);
    bench.runs("hello-0", "first");
    assert_eq!(bench.launched(), [""; 0], "only when both run");
    bench.runs("hello-0", "second");
    assert_eq!(bench.launched(), ["hello-1:[first, second]"]);
    bench.runs("hello-1", "first");
    bench.runs("hello-1", "second");
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn serial_first_then_second_and_third() {
    let mut bench = custom("serial", "[[first],[second, third]]");
    assert_eq!(bench.launched(), ["hello-0:[first]"]);
    bench.runs("hello-0", "first");
    assert_eq!(bench.launched(), ["hello-0:[second, third]"]);
    bench.runs("hello-0", "third");
    bench.runs("hello-0", "second");
    assert_eq!(bench.launched(), ["hello-1:[first]"]);
    bench.runs("hello-1", "first");
    assert_eq!(bench.launched(), ["hello-1:[second, third]"]);
}

#[test]
fn parallel_first_then_second_per_instance() {
    let mut bench = custom("parallel", "[[first],[second]]");
    assert_eq!(bench.launched(), ["hello-0:[first]", "hello-1:[first]"]);
    bench.runs("hello-1", "first");
    assert_eq!(bench.launched(), ["hello-1:[second]"], "when its own first runs");
    bench.runs("hello-0", "first");
    assert_eq!(bench.launched(), ["hello-0:[second]"]);
    bench.runs("hello-0", "second");
    bench.runs("hello-1", "second");
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn parallel_all_at_once() {
    let mut bench = custom("parallel", "[[first, second]]");
    assert_eq!(bench.launched(), ["hello-0:[first, second]", "hello-1:[first, second]"]);
    for (name, of) in
        [("hello-0", "first"), ("hello-0", "second"), ("hello-1", "second"), ("hello-1", "first")]
    {
        bench.runs(name, of);
    }
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn named_steps_wait_for_what_they_depend_on() {
    let mut bench = Bench::new(
        "
name: quorum
pods:
  node:
    count: 3
    resource-sets:
      main: { cpus: 1, memory: 64 }
      side: { cpus: 0.1, memory: 16 }
    tasks:
      format: { goal: ONCE, cmd: ./format, resource-set: side }
      join: { goal: ONCE, cmd: ./join, resource-set: side }
      run: { goal: RUNNING, cmd: ./run, resource-set: main }
      seal: { goal: ONCE, cmd: ./seal, resource-set: side }
plans:
  deploy:
    strategy: dependency
    phases:
      nodes:
        strategy: dependency
        pod: node
        steps:
          - { name: format, instance: 0, tasks: [format] }
          - { name: join, instance: default, tasks: [join], depends-on: [format] }
          - { name: run, instance: default, tasks: [run], depends-on: [join] }
          - { name: seal, instance: 0, tasks: [seal], depends-on: [run] }
",
    );
    assert_eq!(bench.launched(), ["node-0:[format]"]);
    bench.finishes("node-0", "format");
    assert_eq!(bench.launched(), ["node-0:[join]", "node-1:[join]", "node-2:[join]"]);
    bench.finishes("node-2", "join");
    assert_eq!(bench.launched(), ["node-2:[run]"], "its own instance's join is enough");
    bench.finishes("node-0", "join");
    bench.finishes("node-1", "join");
    bench.launched();
    bench.runs("node-0", "run");
    bench.runs("node-1", "run");
    assert_eq!(bench.launched(), [""; 0], "seal waits for all");
    bench.runs("node-2", "run");
    assert_eq!(bench.launched(), ["node-0:[seal]"]);
    bench.finishes("node-0", "seal");
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn phases_wait_for_those_that_they_depend_on() {
    let pod = |name: &str| {
        format!(
            "  {name}:\n    count: 1\n    tasks:\n      t: {{ goal: RUNNING, cmd: ./t, cpus: 0.1, memory: 8 }}\n"
        )
    };
    let mut bench = Bench::new(&format!(
        "name: graph\npods:\n{}{}{}{}plans:\n  deploy:\n    strategy: dependency\n    phases:\n      d: {{ pod: d, depends-on: [b, c] }}\n      \
         b: {{ pod: b, depends-on: [a] }}\n      c: {{ pod: c, depends-on: [a] }}\n      a: {{ pod: a }}\n",
        pod("a"),
        pod("b"),
        pod("c"),
        pod("d")
    ));
    assert_eq!(bench.launched(), ["a-0:[t]"]);
    bench.runs("a-0", "t");
    assert_eq!(bench.launched(), ["b-0:[t]", "c-0:[t]"]);
    bench.runs("c-0", "t");
    assert_eq!(bench.launched(), [""; 0]);
    bench.runs("b-0", "t");
    assert_eq!(bench.launched(), ["d-0:[t]"]);
    bench.runs("d-0", "t");
    assert_eq!(bench.status("deploy"), Complete);
}

#[test]
fn a_side_plan_asks_for_an_act_with_its_parameters() {
    let mut bench = Bench::new(
        "
name: sidecar
pods:
  hello:
    count: 2
    resource-sets:
      side: { cpus: 0.1, memory: 16 }
    tasks:
      server: { goal: RUNNING, cmd: ./server, cpus: 1, memory: 64 }
      backup: { goal: ONCE, cmd: ./backup, resource-set: side }
plans:
  deploy:
    phases:
      hello: { pod: hello, steps: [ { default: [[server]] } ] }
  backup:
    strategy: parallel
    phases:
      backup: { pod: hello, strategy: parallel, steps: [ { default: [[backup]] } ] }
",
    );
    assert_eq!(bench.status("backup"), Waiting, "never run");
    bench.runs("hello-0", "server");
    bench.runs("hello-1", "server");
    bench.launched();
    for _ in 0..2 {
        let parameters: Parameters = [("TO".to_owned(), "disk".to_owned())].into();
        let plan = "backup".parse().unwrap();
        assert_eq!(bench.verb(Verb::Start { plan, parameters: parameters.clone() }), Reply::Done);
        assert!(bench.sent.iter().any(
            |command| matches!(command, Command::Launch(l) if l.parameters.as_deref() == Some(&parameters))
        ));
        assert_eq!(bench.launched(), ["hello-0:[backup]", "hello-1:[backup]"]);
        bench.finishes("hello-0", "backup");
        assert_eq!(bench.phase("backup", "backup").1, [Complete, Starting]);
        assert!(matches!(bench.say("start backup"), Reply::Refused(Refusal::Running(_))));
        bench.finishes("hello-1", "backup");
        assert_eq!(bench.status("backup"), Complete);
    }
}
