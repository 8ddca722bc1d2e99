//! Operators that are programs: what they can rely on, also when the engine crashes meanwhile.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use backend_sim::{Report, Scenario, ScenarioError, SimulationOutcome, run, run_with_operator};
use common::{brokers, model};
use plan_core::engine::{Event, Parameters, Reply, RunOutcome, Verb};
use plan_core::operator::{Called, Context, Operator};
use plan_core::plan::Model;
use plan_core::spec::InstanceName;

/// An operator that notes its calls, and does on an event what a test says.
struct Noting<F> {
    calls: Vec<String>,
    interval: Option<Duration>,
    on_event: F,
}

fn noting<F: FnMut(&mut Context<'_>, &Event) -> Called>(on_event: F) -> Noting<F> {
    Noting { calls: Vec::new(), interval: None, on_event }
}

fn nothing(_: &mut Context<'_>, _: &Event) -> Called {
    Ok(())
}

impl<F: FnMut(&mut Context<'_>, &Event) -> Called> Operator for Noting<F> {
    fn name(&self) -> &str {
        "noting"
    }

    fn reconcile(&mut self, context: &mut Context<'_>) -> Called {
        let service = if context.engine().model().is_some() { "a service" } else { "no service" };
        let heard = if context.engine().has_heard() { "heard" } else { "not heard" };
        self.calls.push(format!("reconcile: {service}, {heard}"));
        Ok(())
    }

    fn on_event(&mut self, context: &mut Context<'_>, event: &Event) -> Called {
        (self.on_event)(context, event)
    }

    fn on_reply(&mut self, context: &mut Context<'_>, id: &str, reply: &Reply) -> Called {
        assert_eq!(context.reply_to(id), Some(reply));
        self.calls.push(format!("{id}: {reply}"));
        Ok(())
    }

    fn interval(&self) -> Option<Duration> {
        self.interval
    }

    fn every(&mut self, context: &mut Context<'_>) -> Called {
        self.calls.push(format!("every at {} s", context.now().0 / 1_000_000));
        Ok(())
    }
}

fn is_sound(report: &Report) {
    assert!(!matches!(report.outcome, SimulationOutcome::Violation(_)), "{:?}", report.outcome);
}

#[test]
fn an_operator_that_does_nothing_changes_nothing() {
    let scenario = Scenario::new(brokers(3, "one", 64));
    let watched = run_with_operator(&scenario, &mut noting(nothing)).unwrap();
    let alone = run(&scenario).unwrap();
    assert_eq!((watched.digest, watched.time), (alone.digest, alone.time));
}

/// The first call comes before the first target; after a crash the operator looks at how things are.
#[test]
fn it_looks_first_and_after_each_crash() {
    let mut scenario = Scenario::new(brokers(1, "one", 64));
    scenario.faults.push("crash:after-commit#3".parse().unwrap());
    let mut operator = noting(nothing);
    is_sound(&run_with_operator(&scenario, &mut operator).unwrap());
    assert_eq!(operator.calls, ["reconcile: no service, not heard", "reconcile: a service, not heard"]);
}

/// It is called at its interval until the run ends, and a service that is at rest is found to be so.
#[test]
fn it_is_called_at_its_interval_until_the_run_ends() {
    let mut scenario = Scenario::new(brokers(1, "one", 64));
    scenario.until = Duration::from_secs(100);
    let mut operator = noting(nothing);
    operator.interval = Some(Duration::from_secs(40));
    let report = run_with_operator(&scenario, &mut operator).unwrap();
    assert_eq!(operator.calls[1..], ["every at 40 s", "every at 80 s"]);
    assert_eq!(report.outcome, SimulationOutcome::Complete);
}

/// What it says is said again until there is a reply, and counts once.
#[test]
fn what_an_operator_says_survives_a_crash() {
    for point in ["before-commit", "after-commit", "before-command", "after-command"] {
        for nth in 1..40 {
            let mut scenario = Scenario::new(brokers(3, "one", 64));
            scenario.faults.push(format!("crash:{point}#{nth}").parse().unwrap());
            let mut said = false;
            let mut operator = noting(|context: &mut Context<'_>, event: &Event| {
                if matches!(event, Event::Reached { instance, .. } if instance.index == 0) {
                    said = true;
                    context.verb("wait", Verb::Interrupt { plan: "deploy".parse()?, phase: None });
                    context.target("two", brokers(4, "two", 64));
                }
                Ok(())
            });
            is_sound(&run_with_operator(&scenario, &mut operator).unwrap());
            let mut replies = operator.calls;
            replies.retain(|call| !call.starts_with("reconcile"));
            // The target restarts the first broker, which reaches its goal again: the same requests are said again.
            let expected: &[&str] = if said { &["wait: done", "two: done"] } else { &[] };
            assert_eq!(replies[..expected.len()], *expected, "{point} {nth}");
            assert!(replies.iter().all(|reply| reply.ends_with(": done")), "{point} {nth}: {replies:?}");
        }
    }
}

/// One id is one request: said at each event, it is done once, and its reply is told again.
#[test]
fn what_is_said_twice_by_one_id_is_done_once() {
    let mut scenario = Scenario::new(brokers(1, "one", 64));
    scenario.until = Duration::from_secs(3600);
    let mut operator = noting(|context: &mut Context<'_>, event: &Event| {
        if let Event::Reached { .. } = event {
            context.verb(
                "once",
                Verb::RestartPod { instance: InstanceName::new("kafka".parse()?, 0), tasks: Vec::new() },
            );
        }
        Ok(())
    });
    let report = run_with_operator(&scenario, &mut operator).unwrap();
    is_sound(&report);
    assert_eq!(operator.calls[1..], ["once: done", "once: done"]);
    assert_eq!(report.counts.launches, 2, "it is launched, and once more");
}

#[test]
fn a_call_that_fails_ends_the_run() {
    let scenario = Scenario::new(brokers(1, "one", 64));
    let mut operator = noting(|_: &mut Context<'_>, _: &Event| Err("a figure is missing".into()));
    let error = run_with_operator(&scenario, &mut operator).unwrap_err();
    let expected = ScenarioError::Operator { name: "noting".into(), why: "a figure is missing".into() };
    assert_eq!(error, expected);
    assert_eq!(error.to_string(), "the operator `noting` failed: a figure is missing");
}

/// Failures are counted in a row: ten minutes of a task that has its goal end the row.
#[test]
fn failures_are_counted_in_a_row_and_not_for_ever() {
    let mut scenario = Scenario::new(model(
        "name: one\npods:\n  web:\n    count: 1\n    tasks:\n      \
         server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}\n",
    ));
    for at in ["20s", "40s", "60s", "30m", "31m"] {
        scenario.faults.push(format!("end:web-0-server@{at}").parse().unwrap());
    }
    let mut failures = Vec::new();
    let mut operator = noting(|context: &mut Context<'_>, event: &Event| {
        if let Event::Ended { instance, expected: false, .. } = event {
            failures.extend(
                context.engine().pod(instance).and_then(|pod| pod.tasks().next()).map(|task| task.failures()),
            );
        }
        Ok(())
    });
    is_sound(&run_with_operator(&scenario, &mut operator).unwrap());
    assert_eq!(failures, [1, 2, 3, 1, 2]);
}

/// A side plan is an act: what is to be done once is done in each of its runs. A target is not: what was done counts.
#[test]
fn a_once_task_runs_in_each_run_of_a_side_plan() {
    let mut scenario = Scenario::new(with_once("1"));
    scenario.then.push(with_once("2"));
    let (mut finished, mut deployed) = (Vec::new(), 0);
    let mut operator = noting(|context: &mut Context<'_>, event: &Event| {
        match event {
            Event::Reached { task, .. } if *task == "init" => finished.push(deployed),
            Event::RunEnded { plan, outcome: RunOutcome::Complete, .. } => {
                deployed += u32::from(*plan == "deploy");
                let again = finished.len() < 3 && deployed == 2;
                if again {
                    let verb = Verb::Start { plan: "init".parse()?, parameters: Parameters::new() };
                    context.verb(&format!("init {}", finished.len()), verb);
                }
            }
            _ => {}
        }
        Ok(())
    });
    is_sound(&run_with_operator(&scenario, &mut operator).unwrap());
    assert_eq!(
        finished,
        [0, 2, 2],
        "in the first deployment, not in the second, in each run of the side plan"
    );
}

/// A task that runs once, and is in the deployment and in a side plan; `main` is of this version.
fn with_once(version: &str) -> Arc<Model> {
    model(&format!(
        "name: once
pods:
  web:
    count: 1
    resource-sets:
      data: {{cpus: 0.5, memory: 64}}
    tasks:
      init: {{goal: ONCE, cmd: ./init, resource-set: data}}
      main: {{goal: RUNNING, cmd: ./main --version {version}, resource-set: data}}
plans:
  deploy:
    phases:
      web: {{pod: web, steps: [{{default: [[init], [main]]}}]}}
  init:
    phases:
      web: {{pod: web, steps: [{{default: [[init]]}}]}}
"
    ))
}

/// An operator that lags is told no event of that time, and then looks at how things are.
#[test]
fn an_operator_that_lags_looks_again() {
    let mut scenario = Scenario::new(brokers(3, "one", 64));
    let events = |scenario: &Scenario| {
        let mut reached = Vec::new();
        let mut operator = noting(|context: &mut Context<'_>, event: &Event| {
            if let Event::Reached { instance, .. } = event {
                reached.push((instance.index, context.now()));
            }
            Ok(())
        });
        let report = run_with_operator(scenario, &mut operator).unwrap();
        assert_eq!(report.outcome, SimulationOutcome::Complete);
        let calls = operator.calls;
        (calls, reached, report)
    };
    let (calls, reached, plain) = events(&scenario);
    assert_eq!(calls, ["reconcile: no service, not heard"]);
    assert_eq!(reached.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1, 2]);
    // From before the second broker is up until after that.
    let second = reached[1].1.0 / 1000;
    scenario.faults.push(format!("lag@{}ms+200ms", second - 100).parse().unwrap());
    let (calls, reached, report) = events(&scenario);
    assert_eq!(calls, ["reconcile: no service, not heard", "reconcile: a service, heard"]);
    assert_eq!(reached.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!((report.counts.faults, report.digest), (1, plain.digest), "the service goes on as it would");
    // Without an operator that is a program, nobody lags.
    assert_eq!(run(&scenario).unwrap().counts.faults, 0);
}

/// What an operator does with levels comes about whenever it lags.
#[test]
fn an_operator_of_levels_misses_nothing_by_a_lag() {
    struct Backup;
    impl Operator for Backup {
        fn name(&self) -> &str {
            "backup"
        }

        fn reconcile(&mut self, context: &mut Context<'_>) -> Called {
            let deployed = context.engine().runs("deploy").last().map(|run| (run.run, run.outcome));
            if let Some((run, RunOutcome::Complete)) = deployed {
                let stop = Verb::Interrupt { plan: "deploy".parse()?, phase: None };
                context.verb(&format!("after-{run}"), stop);
            }
            Ok(())
        }

        fn on_event(&mut self, context: &mut Context<'_>, event: &Event) -> Called {
            match event {
                Event::RunEnded { .. } => self.reconcile(context),
                _ => Ok(()),
            }
        }
    }
    for at in (0..20).map(|nth| nth * 500) {
        let mut scenario = Scenario::new(brokers(2, "one", 64));
        scenario.faults.push(format!("lag@{at}ms+5s").parse().unwrap());
        let report = run_with_operator(&scenario, &mut Backup).unwrap();
        is_sound(&report);
        assert!(!report.replies.is_empty(), "{at} ms: it never saw that the deployment was complete");
    }
}
