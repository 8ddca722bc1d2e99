//! Dependency strategies, and side plans.

use plan_core::engine::*;
use plan_core::plan::Status::*;

use crate::bench::Bench;

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
