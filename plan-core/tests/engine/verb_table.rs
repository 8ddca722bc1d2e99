//! Every verb and every target in every state: the reply, and the result.
//!
//! `docs/src/verbs.md` is written from the tables below. The test asks an engine for each cell. `UPDATE_BOOK=1 cargo
//! test -p plan-core --test engine verb_table` writes the page anew. If a table is wrong, the test prints the table as
//! the engine has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use plan_core::engine::*;

use crate::bench::{Bench, installation, instance, model, verb};

/// A table of the page.
struct Table {
    title: &'static str,
    intro: &'static str,
    rows: &'static str,
    ask: fn(row: &str, column: &str) -> (Bench, Input),
}

const TABLES: [Table; 4] = [
    Table {
        title: "Plans, phases and steps",
        intro: "The phase and the step are those of the line, or else the first ones. `force` is \
                `force-complete`.",
        rows: PLANS,
        ask: ask_of_plan,
    },
    Table {
        title: "Instances",
        intro: "The instance has two tasks with the goal `RUNNING`, `server` and `agent`, and one with the \
                goal `ONCE`, `init`. A verb can name \
                tasks, as `restart (server)` does. Without a name, it is for all tasks with the goal `RUNNING`.",
        rows: PODS,
        ask: ask_of_pod,
    },
    Table {
        title: "The service",
        intro: "A target is *other* if it changes a task's command. *By `careful`* or *by `roll`* means that \
                it names this plan to bring it about. A target is *forbidden* if it changes something that \
                cannot be changed. It *changes `roll`* if it has other steps for the side plan `roll`.",
        rows: SERVICE,
        ask: ask_of_service,
    },
    Table {
        title: "What is not there",
        intro: "The service is deployed, and has the plans `deploy`, `roll`, `twice` and `careful`.",
        rows: MISSING,
        ask: ask_of_what_is_missing,
    },
];

const PLANS: &str = "
| the plan                             | start        | stop         | interrupt    | interrupt phase | continue     | continue phase | force        | force phase  | force step   | restart      | restart phase | restart step |
| ------------------------------------ | ------------ | ------------ | ------------ | --------------- | ------------ | -------------- | ------------ | ------------ | ------------ | ------------ | ------------- | ------------ |
| of no service                        | NoService    | NoService    | NoService    | NoService       | NoService    | NoService      | NoService    | NoService    | NoService    | NoService    | NoService     | NoService    |
| runs, another phase comes first      | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | so            | so           |
| runs, another step comes first       | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | done          | so           |
| asks for room for the step           | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | done          | done         |
| ends what the step displaces         | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | done          | done         |
| has launched the step                | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | done          | done         |
| waits for the step to be ready       | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | done          | done         |
| has a step that failed and waits     | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | done          | done         |
| has a step that was refused for good | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | done          | done         |
| runs, and the step is complete       | Running      | done         | done         | done            | so           | so             | done         | done         | so           | done         | done          | done         |
| is interrupted                       | Running      | done         | so           | done            | done         | so             | done         | done         | done         | done         | done          | done         |
| has its phase interrupted            | Running      | done         | done         | so              | so           | done           | done         | done         | done         | done         | done          | done         |
| converges, and was stopped           | Running      | so           | so           | done            | done         | so             | done         | done         | done         | done         | so            | so           |
| holds its first canary               | Running      | done         | done         | done            | so           | done           | done         | done         | done         | done         | done          | done         |
| holds its second canary              | Running      | done         | done         | done            | so           | done           | done         | done         | done         | done         | done          | done         |
| is complete                          | done         | so           | so           | so              | so           | so             | so           | so           | so           | done         | done          | done         |
| is complete, as it was forced        | done         | so           | so           | so              | so           | so             | so           | so           | so           | done         | done          | done         |
| was overtaken by a target            | done         | so           | so           | so              | Converging   | Converging     | Converging   | Converging   | Converging   | Converging   | Converging    | Converging   |
| never ran                            | done         | so           | NeverRun     | NeverRun        | NeverRun     | NeverRun       | NeverRun     | NeverRun     | NeverRun     | NeverRun     | NeverRun      | NeverRun     |
| runs on the side                     | Running      | done         | done         | done            | so           | so             | done         | done         | done         | done         | done          | done         |
| runs on the side, interrupted        | Running      | done         | so           | done            | done         | so             | done         | done         | done         | done         | done          | done         |
| was stopped on the side              | done         | so           | so           | so              | done         | done           | done         | done         | done         | done         | done          | done         |
| was complete on the side             | done         | so           | so           | so              | so           | so             | so           | so           | so           | done         | done          | done         |
| of a service that is uninstalled     | Uninstalling | Uninstalling | Uninstalling | Uninstalling    | Uninstalling | Uninstalling   | Uninstalling | Uninstalling | Uninstalling | Uninstalling | Uninstalling  | Uninstalling |
| of a scheduler that was superseded   | Superseded   | Superseded   | Superseded   | Superseded      | Superseded   | Superseded     | Superseded   | Superseded   | Superseded   | Superseded   | Superseded    | Superseded   |
| of a service that is gone            | NoService    | NoService    | NoService    | NoService       | NoService    | NoService      | NoService    | NoService    | NoService    | NoService    | NoService     | NoService    |
";

const PODS: &str = "
| the instance                         | restart       | restart (server)  | restart (init)  | replace       | pause         | pause (agent)  | resume        | resume (agent)  | resume (nothing)  |
| ------------------------------------ | ------------- | ----------------- | --------------- | ------------- | ------------- | -------------- | ------------- | --------------- | ----------------- |
| of no service                        | NoService     | NoService         | NoService       | NoService     | NoService     | NoService      | NoService     | NoService       | NoService         |
| is none                              | NoInstance    | NoInstance        | NoInstance      | NoInstance    | NoInstance    | NoInstance     | NoInstance    | NoInstance      | NoInstance        |
| has not had its turn                 | NeverLaunched | NeverLaunched     | NotRunning      | NeverLaunched | NeverLaunched | NeverLaunched  | NeverLaunched | NeverLaunched   | NoTask            |
| asks for its first place             | NeverLaunched | NeverLaunched     | NotRunning      | NeverLaunched | NeverLaunched | NeverLaunched  | NeverLaunched | NeverLaunched   | NoTask            |
| is being launched for the first time | so            | so                | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| runs, and is not ready               | done          | done              | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| is up                                | done          | done              | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| is being launched again              | so            | so                | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| is being ended for an update         | so            | so                | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| is launched again after a failure    | so            | so                | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| failed, and waits                    | done          | done              | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| was refused for good                 | done          | done              | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| is silent                            | done          | done              | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| is being paused                      | Paused        | Paused            | NotRunning      | done          | so            | so             | done          | done            | NoTask            |
| is paused                            | Paused        | Paused            | NotRunning      | done          | so            | so             | done          | done            | NoTask            |
| has its agent paused                 | Paused        | done              | NotRunning      | done          | done          | so             | done          | done            | NoTask            |
| is being ended to go elsewhere       | so            | so                | NotRunning      | so            | done          | done           | so            | so              | NoTask            |
| lost its node, and there is no room  | so            | so                | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| moved, and owes                      | done          | done              | NotRunning      | done          | done          | done           | so            | so              | NoTask            |
| leaves, and others go first          | Leaving       | Leaving           | Leaving         | Leaving       | Leaving       | Leaving        | Leaving       | Leaving         | Leaving           |
| is leaving                           | Leaving       | Leaving           | Leaving         | Leaving       | Leaving       | Leaving        | Leaving       | Leaving         | Leaving           |
| is to come back, and still owes      | NeverLaunched | NeverLaunched     | NotRunning      | NeverLaunched | NeverLaunched | NeverLaunched  | NeverLaunched | NeverLaunched   | NoTask            |
| of a service that is uninstalled     | Uninstalling  | Uninstalling      | Uninstalling    | Uninstalling  | Uninstalling  | Uninstalling   | Uninstalling  | Uninstalling    | Uninstalling      |
| of a scheduler that was superseded   | Superseded    | Superseded        | Superseded      | Superseded    | Superseded    | Superseded     | Superseded    | Superseded      | Superseded        |
| of a service that is gone            | NoService     | NoService         | NoService       | NoService     | NoService     | NoService      | NoService     | NoService       | NoService         |
";

const SERVICE: &str = "
| the service                       | same target  | same target by careful | other target | other target by careful | other target by roll | target by no plan | forbidden target | target that changes roll | give-up    | uninstall  |
| --------------------------------- | ------------ | ---------------------- | ------------ | ----------------------- | -------------------- | ----------------- | ---------------- | ------------------------ | ---------- | ---------- |
| is none                           | done         | DeployFirst            | done         | DeployFirst             | DeployFirst          | NoPlan            | done             | done                     | NoService  | NoService  |
| is being deployed                 | so           | so                     | done         | DeployFirst             | DeployFirst          | NoPlan            | Target           | done                     | NoDebt     | done       |
| is deployed                       | so           | so                     | done         | done                    | done                 | NoPlan            | Target           | done                     | NoDebt     | done       |
| is being updated                  | so           | so                     | done         | done                    | done                 | NoPlan            | Target           | done                     | NoDebt     | done       |
| is updated, interrupted           | so           | so                     | done         | done                    | done                 | NoPlan            | Target           | done                     | NoDebt     | done       |
| owes                              | so           | so                     | done         | done                    | done                 | NoPlan            | Target           | done                     | done       | done       |
| is deployed, and roll runs        | so           | so                     | done         | done                    | Running              | NoPlan            | Target           | Target                   | NoDebt     | done       |
| is deployed, and roll was stopped | so           | so                     | done         | done                    | done                 | NoPlan            | Target           | done                     | NoDebt     | done       |
| is being uninstalled              | Uninstalling | Uninstalling           | Uninstalling | Uninstalling            | Uninstalling         | Uninstalling      | Uninstalling     | Uninstalling             | done       | so         |
| has another scheduler             | Superseded   | Superseded             | Superseded   | Superseded              | Superseded           | Superseded        | Superseded       | Superseded               | Superseded | Superseded |
| is gone                           | done         | DeployFirst            | done         | DeployFirst             | DeployFirst          | NoPlan            | done             | done                     | NoService  | NoService  |
";

const MISSING: &str = "
| the verb                               | is answered by |
| -------------------------------------- | -------------- |
| start nothing                          | NoPlan         |
| stop nothing                           | NoPlan         |
| interrupt nothing                      | NoPlan         |
| continue nothing                       | NoPlan         |
| force-complete nothing                 | NoPlan         |
| restart nothing                        | NoPlan         |
| interrupt recovery                     | ByItself       |
| interrupt deploy nothing               | NoPhase        |
| continue deploy nothing                | NoPhase        |
| force-complete deploy nothing          | NoPhase        |
| restart deploy nothing                 | NoPhase        |
| restart deploy broker kafka-9:[broker] | NoStep         |
| restart deploy broker #3               | NoStep         |
| force-complete deploy broker #x        | NoStep         |
| force-complete roll nothing            | NeverRun       |
| restart twice twice kafka-0:[broker]   | AmbiguousStep  |
| start roll (1X=a)                      | Parameter      |
| pod restart nobody-0                   | NoInstance     |
| pod replace kafka-3                    | NoInstance     |
| pod pause kafka-0 nothing              | NoTask         |
| give-up 999                            | NoDebt         |
";

const PLANS_FILE: &str = "
name: svc
pods:
  kafka:
    count: 3
    tasks:
      broker:
        goal: RUNNING
        cmd: ./broker
        cpus: 1
        memory: 1024
        readiness-check: { cmd: ./ready, interval: 5, timeout: 10 }
  web: { count: 1, tasks: { server: { goal: RUNNING, cmd: ./web, cpus: 1, memory: 64 } } }
plans:
  deploy:
    strategy: serial
    phases:
      broker: { strategy: serial, pod: kafka }
      web: { pod: web }
  roll: { phases: { roll: { pod: kafka, steps: [ { default: [[broker]] } ] } } }
  twice: { phases: { twice: { pod: kafka, steps: [ { default: [[broker], [broker]] } ] } } }
  careful: { phases: { broker: { strategy: serial-canary, pod: kafka }, web: { pod: web } } }
";

const PODS_FILE: &str = "
name: svc
pods:
  hello:
    count: 3
    allow-decommission: true
    resource-sets:
      main: { cpus: 1, memory: 64, volume: { path: data, type: ROOT, size: 100 } }
      side: { cpus: 0.1, memory: 16 }
    tasks:
      init: { goal: ONCE, cmd: ./init, resource-set: main }
      server: { goal: RUNNING, cmd: ./server, resource-set: main, readiness-check: { cmd: x, interval: 1, timeout: 1 } }
      agent: { goal: RUNNING, essential: false, cmd: ./agent, resource-set: side }
plans:
  deploy: { phases: { hello: { pod: hello, steps: [ { default: [[init], [server, agent]] } ] } } }
";

/// A deployed service with all kinds of plans.
fn deployed(yaml: &str) -> Bench {
    let mut bench = Bench::new(yaml);
    bench.pays = false;
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    bench.runs("web-0", "server");
    bench
}

fn asks(file: &str) -> Bench {
    let mut bench = Bench::bare();
    bench.room = false;
    bench.pays = false;
    bench.becomes(file);
    bench
}

/// A bench on which every verb is refused.
fn out_of_service(row: &str, deployed: impl FnOnce() -> Bench) -> Bench {
    let of = |words: &[&str]| words.iter().any(|word| row.contains(word));
    if of(&["no service", "is none"]) {
        return Bench::bare();
    }
    if of(&["gone"]) {
        let mut bench = asks(PLANS_FILE);
        bench.pays = true;
        bench.say("uninstall");
        assert!(bench.store.is_empty());
        return bench;
    }
    let mut bench = deployed();
    if of(&["uninstalled"]) {
        bench.say("uninstall");
    } else if of(&["superseded", "another scheduler"]) {
        let name = bench.engine.pods().next().unwrap().0.to_string();
        bench.observe_launch(&name, "broker", 1_000, Seen::Starting);
        assert!(bench.engine.is_superseded());
    } else {
        panic!("nothing is said of: {row}");
    }
    bench
}

fn with_plan(yaml: &str, plan: &str) -> Input {
    let mut target = Target::new(model(yaml), installation());
    target.plan = Some(plan.parse().unwrap());
    Input::Target(target)
}

fn ask_of_plan(row: &str, column: &str) -> (Bench, Input) {
    let other = PLANS_FILE.replace("./broker", "./other");
    let mut bench = Bench::bare();
    let begin = |bench: &mut Bench| drop(bench.becomes(PLANS_FILE));
    let (mut plan, mut phase, mut step) = ("deploy", "broker", "#0");
    let say = |bench: &mut Bench, words: &[&str]| {
        words.iter().for_each(|words| assert_eq!(bench.say(words), Reply::Done, "{words}"));
    };
    match row {
        "runs, another phase comes first" => {
            begin(&mut bench);
            phase = "web";
        }
        "runs, another step comes first" => {
            begin(&mut bench);
            step = "kafka-1:[broker]";
        }
        "asks for room for the step" => bench = asks(PLANS_FILE),
        "ends what the step displaces" => {
            bench = deployed(PLANS_FILE);
            bench.becomes(&other);
        }
        "has launched the step" => begin(&mut bench),
        "waits for the step to be ready" => {
            begin(&mut bench);
            bench.observe("kafka-0", "broker", Seen::Running { ready: false });
        }
        "has a step that failed and waits" => {
            begin(&mut bench);
            bench.fails("kafka-0", "broker");
            bench.fails("kafka-0", "broker");
        }
        "has a step that was refused for good" => {
            begin(&mut bench);
            let launch = bench.launch_of("kafka-0", "broker");
            bench.launch_answer("kafka-0", launch, LaunchAnswer::Never("no".into()));
        }
        "runs, and the step is complete" => {
            begin(&mut bench);
            bench.runs("kafka-0", "broker");
        }
        "is interrupted" => {
            begin(&mut bench);
            say(&mut bench, &["interrupt deploy"]);
        }
        "has its phase interrupted" => {
            begin(&mut bench);
            say(&mut bench, &["interrupt deploy broker"]);
        }
        "converges, and was stopped" => {
            begin(&mut bench);
            bench.runs("kafka-0", "broker");
            say(&mut bench, &["stop deploy"]);
        }
        "holds its first canary" | "holds its second canary" => {
            bench = deployed(PLANS_FILE);
            bench.input(with_plan(&other, "careful"));
            plan = "careful";
            if row.contains("second") {
                say(&mut bench, &["continue careful broker"]);
                bench.observe("kafka-0", "broker", Seen::Ended(End::Killed));
                bench.runs("kafka-0", "broker");
                step = "#1";
            }
        }
        "is complete" => bench = deployed(PLANS_FILE),
        "is complete, as it was forced" => {
            begin(&mut bench);
            say(&mut bench, &["force-complete deploy"]);
        }
        "was overtaken by a target" => {
            bench = deployed(PLANS_FILE);
            bench.becomes(&other);
            bench.input(with_plan(&PLANS_FILE.replace("./broker", "./again"), "careful"));
        }
        "never ran"
        | "runs on the side"
        | "runs on the side, interrupted"
        | "was stopped on the side"
        | "was complete on the side" => {
            bench = deployed(PLANS_FILE);
            (plan, phase, step) = ("roll", "roll", "kafka-0:[broker]");
            if row != "never ran" {
                say(&mut bench, &["start roll"]);
            }
            if row.ends_with("interrupted") {
                say(&mut bench, &["interrupt roll"]);
            }
            if row.starts_with("was stopped") {
                say(&mut bench, &["stop roll"]);
            }
            if row.starts_with("was complete") {
                for broker in ["kafka-0", "kafka-1", "kafka-2"] {
                    bench.observe(broker, "broker", Seen::Ended(End::Killed));
                    bench.runs(broker, "broker");
                }
                assert_eq!(bench.status("roll"), plan_core::plan::Status::Complete);
            }
        }
        row => bench = out_of_service(row, || deployed(PLANS_FILE)),
    }
    let (word, level) = column.split_once(' ').unwrap_or((column, ""));
    let word = word.replace("force", "force-complete");
    let words = match level {
        "" => format!("{word} {plan}"),
        "phase" => format!("{word} {plan} {phase}"),
        "step" => format!("{word} {plan} {phase} {step}"),
        level => panic!("no level {level}"),
    };
    (bench, say_once(verb(&words)))
}

fn ask_of_pod(row: &str, column: &str) -> (Bench, Input) {
    let up = |bench: &mut Bench, name: &str| {
        bench.finishes(name, "init");
        bench.runs(name, "server");
        bench.runs(name, "agent");
    };
    let deployed = || {
        let mut bench = Bench::new(PODS_FILE);
        bench.pays = false;
        ["hello-0", "hello-1", "hello-2"].into_iter().for_each(|name| up(&mut bench, name));
        assert_eq!(bench.status("deploy"), plan_core::plan::Status::Complete);
        bench
    };
    let fewer = |count: u32| PODS_FILE.replace("count: 3", &format!("count: {count}"));
    let end = |bench: &mut Bench, how: End| {
        bench.observe("hello-0", "server", Seen::Ended(how));
        bench.observe("hello-0", "agent", Seen::Ended(how));
    };
    let mut bench;
    let mut name = "hello-0";
    match row {
        "is none" => (bench, name) = (deployed(), "hello-7"),
        "has not had its turn" => (bench, name) = (Bench::new(PODS_FILE), "hello-1"),
        "asks for its first place" => bench = asks(PODS_FILE),
        "is being launched for the first time" | "runs, and is not ready" => {
            bench = Bench::new(PODS_FILE);
            bench.finishes("hello-0", "init");
            if row.starts_with("runs") {
                bench.observe("hello-0", "server", Seen::Running { ready: false });
                bench.runs("hello-0", "agent");
            }
        }
        "is up" => bench = deployed(),
        "is being launched again" => {
            bench = deployed();
            bench.say("pod restart hello-0");
            end(&mut bench, End::Killed);
        }
        "is being ended for an update" => {
            bench = deployed();
            let other = PODS_FILE.replace("./server", "./other").replace("./agent", "./other");
            bench.becomes(&other);
        }
        "is launched again after a failure" | "failed, and waits" => {
            bench = deployed();
            bench.fails("hello-0", "server");
            bench.observe("hello-0", "agent", Seen::Ended(End::Killed));
            if row.ends_with("waits") {
                bench.fails("hello-0", "agent");
                bench.fails("hello-0", "server");
                bench.pass(1);
            }
        }
        "was refused for good" => {
            bench = deployed();
            end(&mut bench, End::Failed);
            let launch = bench.launch_of("hello-0", "server");
            bench.launch_answer("hello-0", launch, LaunchAnswer::Never("no".into()));
        }
        "is silent" => {
            bench = deployed();
            bench.observe("hello-0", "server", Seen::Unreachable);
            bench.observe("hello-0", "agent", Seen::Unreachable);
        }
        "is being paused" | "is paused" => {
            bench = deployed();
            bench.say("pod pause hello-0");
            if row == "is paused" {
                end(&mut bench, End::Killed);
                bench.runs("hello-0", "server");
                bench.runs("hello-0", "agent");
            }
        }
        "has its agent paused" => {
            bench = deployed();
            bench.say("pod pause hello-0 agent");
            bench.observe("hello-0", "agent", Seen::Ended(End::Killed));
            bench.runs("hello-0", "agent");
        }
        "is being ended to go elsewhere" => {
            bench = deployed();
            bench.say("pod replace hello-0");
        }
        "lost its node, and there is no room" => {
            bench = deployed();
            bench.room = false;
            end(&mut bench, End::Gone);
        }
        "moved, and owes" => {
            bench = deployed();
            bench.observe("hello-0", "server", Seen::Unreachable);
            bench.observe("hello-0", "agent", Seen::Unreachable);
            bench.say("pod replace hello-0");
            bench.runs("hello-0", "server");
            bench.runs("hello-0", "agent");
            assert_eq!(bench.owed().len(), 1);
        }
        "leaves, and others go first" => {
            (bench, name) = (deployed(), "hello-1");
            bench.becomes(&fewer(1));
        }
        "is leaving" => {
            (bench, name) = (deployed(), "hello-2");
            bench.becomes(&fewer(2));
        }
        "is to come back, and still owes" => {
            (bench, name) = (deployed(), "hello-2");
            bench.becomes(&fewer(2));
            bench.becomes(PODS_FILE);
        }
        row => bench = out_of_service(row, deployed),
    }
    let mut words = column.trim_end_matches(')').split(" (");
    let (word, task) = (words.next().unwrap(), words.next());
    let task = task.map(|task| format!(" {task}")).unwrap_or_default();
    (bench, say_once(verb(&format!("pod {word} {name}{task}"))))
}

fn ask_of_service(row: &str, column: &str) -> (Bench, Input) {
    let other = PLANS_FILE.replace("./broker", "./other");
    let again = PLANS_FILE.replace("./broker", "./again");
    let mut bench;
    let mut present = PLANS_FILE.to_owned();
    match row {
        "is being deployed" => bench = Bench::new(PLANS_FILE),
        "is deployed" => bench = deployed(PLANS_FILE),
        "is being updated" | "is updated, interrupted" => {
            bench = deployed(PLANS_FILE);
            bench.becomes(&other);
            if row.ends_with("interrupted") {
                bench.say("interrupt deploy");
            }
            present = other;
        }
        "owes" => {
            bench = deployed(PLANS_FILE);
            bench.observe("kafka-1", "broker", Seen::Unreachable);
            bench.say("pod replace kafka-1");
            bench.runs("kafka-1", "broker");
        }
        "is deployed, and roll runs" | "is deployed, and roll was stopped" => {
            bench = deployed(PLANS_FILE);
            bench.say("start roll");
            if row.ends_with("stopped") {
                bench.say("stop roll");
            }
        }
        "is being uninstalled" => {
            bench = deployed(PLANS_FILE);
            bench.say("uninstall");
        }
        row => bench = out_of_service(row, || deployed(PLANS_FILE)),
    }
    // The requests come before the uninstall can complete.
    bench.pays = false;
    let named = |plan: &str| once(with_plan(&again, plan));
    let target = |yaml: &str| once(Input::Target(Target::new(model(yaml), installation())));
    let input = match column {
        "same target" => target(&present),
        "same target by careful" => once(with_plan(&present, "careful")),
        "other target" => target(&again),
        "other target by careful" => named("careful"),
        "other target by roll" => named("roll"),
        "target by no plan" => named("nothing"),
        "forbidden target" => target(&present.replace("count: 3", "count: 2")),
        "target that changes roll" => target(
            &present.replace("roll: { pod: kafka, steps", "roll: { strategy: parallel, pod: kafka, steps"),
        ),
        "give-up" => {
            let debt = bench.engine.debts().next().map_or(999, |debt| debt.number);
            say_once(Verb::GiveUp { debt })
        }
        "uninstall" => say_once(Verb::Uninstall),
        column => panic!("no column {column}"),
    };
    (bench, input)
}

fn ask_of_what_is_missing(row: &str, _: &str) -> (Bench, Input) {
    let bench = deployed(PLANS_FILE);
    let said = match row.strip_suffix(" (1X=a)") {
        Some(start) => {
            let Verb::Start { plan, .. } = verb(start) else { panic!("{row}") };
            Verb::Start { plan, parameters: [("1X".to_owned(), "a".to_owned())].into() }
        }
        None => verb(row),
    };
    if row.contains("twice") {
        let mut bench = bench;
        bench.say("start twice");
        return (bench, say_once(said));
    }
    (bench, say_once(said))
}

const REQUEST: &str = "the request";

fn say_once(verb: Verb) -> Input {
    Input::Verb(Request { id: REQUEST.into(), who: "an operator".into(), verb })
}

fn once(input: Input) -> Input {
    let Input::Target(mut target) = input else { return input };
    target.by = Some(Author { id: REQUEST.into(), who: "an operator".into() });
    Input::Target(target)
}

/// The keys of records that differ.
fn changed(before: &BTreeMap<Key, Record>, after: &BTreeMap<Key, Record>) -> Vec<Key> {
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    keys.into_iter().filter(|key| before.get(key) != after.get(key)).cloned().collect()
}

/// The reply to an input. Checks that a reply other than `done` changes nothing but the clock and the audit, and that a
/// repeated request gets the same reply and changes nothing.
fn answer(mut bench: Bench, input: &Input) -> Reply {
    bench.sent.clear();
    let before = bench.store.clone();
    let reply = bench.input(input.clone()).unwrap();
    if reply != Reply::Done {
        let keys = changed(&before, &bench.store);
        let noted = |key: &Key| matches!(key, Key::Clock | Key::Audit(_));
        assert!(keys.iter().all(noted), "{reply}, and it changes {keys:?}");
        assert_eq!(bench.sent, [], "{reply}");
    }
    bench.sent.clear();
    let before = bench.store.clone();
    let audited =
        before.values().any(|record| matches!(record, Record::Audit(audit) if audit.request == REQUEST));
    // A request that the engine does not serve is not remembered.
    let unserved = matches!(reply, Reply::Refused(Refusal::NoService | Refusal::Superseded));
    // A refused first target installs no service.
    assert!(audited || unserved || before.is_empty(), "{input:?}");
    assert_eq!(bench.input(input.clone()).unwrap(), reply, "asked again");
    let keys = changed(&before, &bench.store);
    assert!(keys.iter().all(|key| *key == Key::Clock), "asked again, it changes {keys:?}");
    assert_eq!(bench.sent, [], "asked again");
    reply
}

/// A reply as one word.
fn word(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".to_owned(),
        Reply::AlreadySo => "so".to_owned(),
        Reply::Refused(refusal) => {
            let name = format!("{refusal:?}");
            name.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()
        }
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

fn lines(rows: &str) -> impl Iterator<Item = Vec<&str>> {
    rows.lines().filter(|line| !line.is_empty() && !line.contains("---")).map(cells)
}

#[derive(Default)]
struct Found {
    kinds: BTreeSet<&'static str>,
    refusals: BTreeMap<String, String>,
    tables: String,
    wrong: Vec<String>,
}

fn work_through(table: &Table, found: &mut Found) -> String {
    let mut rows = lines(table.rows);
    let columns = rows.next().unwrap();
    let mut text = format!("\n## {}\n\n{}\n\n", table.title, table.intro);
    let quoted: Vec<_> = columns[1..].iter().map(|column| format!("`{column}`")).collect();
    let heads = if columns.len() > 2 { quoted.join(" | ") } else { columns[1].to_owned() };
    writeln!(text, "| {} | {heads} |\n|{}", columns[0], " --- |".repeat(columns.len())).unwrap();
    for row in rows {
        let mut answers = Vec::new();
        for (nth, column) in columns.iter().enumerate().skip(1) {
            let (bench, input) = (table.ask)(row[0], column);
            if let Input::Verb(request) = &input {
                found.kinds.insert(request.verb.kind());
            }
            let reply = answer(bench, &input);
            let word = word(&reply);
            if let Reply::Refused(refusal) = reply {
                found.refusals.entry(word.clone()).or_insert_with(|| refusal.to_string());
            }
            if row.get(nth) != Some(&word.as_str()) {
                let told = row.get(nth).unwrap_or(&"nothing");
                found.wrong.push(format!("{} / {column}: it is told {told}, and is {word}", row[0]));
            }
            answers.push(word);
        }
        let name = if columns.len() > 2 { row[0].to_owned() } else { format!("`{}`", row[0]) };
        writeln!(text, "| {name} | {} |", answers.join(" | ")).unwrap();
        writeln!(found.tables, "| {} | {} |", row[0], answers.join(" | ")).unwrap();
    }
    text
}

const PAGE: &str = "# Verbs and targets, in every state

<!-- Written from plan-core/tests/engine/verb_table.rs, which asks the engine for each answer:
     UPDATE_BOOK=1 cargo test -p plan-core --test engine verb_table -->

Every verb, and every target, has an answer in every state: `done`, `so` (it is so already), or a refusal with one of
[these words](#refusals). A request that is answered with `so` or refused changes nothing, and is only noted in the audit.
A request that is sent again with the same id gets the same answer and does nothing.
";

#[test]
#[expect(clippy::disallowed_methods, reason = "the test reads and writes a page of the book")]
fn every_verb_in_every_state() {
    let mut found = Found::default();
    let mut page = PAGE.to_owned();
    for table in &TABLES {
        page.push_str(&work_through(table, &mut found));
    }
    page.push_str("\n## Refusals\n\n| the word | the message |\n| --- | --- |\n");
    for (word, told) in &found.refusals {
        writeln!(page, "| `{word}` | {} |", told.replace('\n', " ").replace("   ", " ")).unwrap();
    }
    assert!(found.wrong.is_empty(), "{}\n{}", found.wrong.join("\n"), found.tables);
    assert_eq!(found.kinds, Verb::KINDS.iter().copied().collect(), "each verb has its place in a table");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/verbs.md");
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).ok() == Some(page),
        "docs/src/verbs.md is not what the tables say\n\
         UPDATE_BOOK=1 cargo test -p plan-core --test engine verb_table   writes it anew"
    );
}

/// A request that was refused is not decided again, even if it would be accepted now.
#[test]
fn a_request_has_one_answer_for_ever() {
    let mut bench = Bench::new(PLANS_FILE);
    let input = say_once(verb("pod restart kafka-1"));
    let refused = Reply::Refused(Refusal::NeverLaunched(instance("kafka-1")));
    assert_eq!(bench.input(input.clone()), Some(refused.clone()));
    for broker in ["kafka-0", "kafka-1", "kafka-2"] {
        bench.runs(broker, "broker");
    }
    bench.crash();
    assert_eq!(bench.input(input), Some(refused));
}
