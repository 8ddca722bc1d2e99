//! Operators beside a service: what they can rely on.

use std::time::Duration;

use plan_core::engine::{Engine, Event, Reply, Verb};
use plan_core::operator::{Called, Context, Operator};
use plan_driver::Condition;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::kit::{Fate, Kit, model, model_running, name, options, settle, within};

#[path = "../../examples/bare_driver.rs"]
mod bare_driver;
#[path = "../../examples/custom_scheduler.rs"]
mod custom_scheduler;

#[tokio::test(start_paused = true)]
async fn the_custom_scheduler_does_the_same_in_the_simulator_and_on_the_driver() {
    let story = within(custom_scheduler::story()).await.unwrap();
    let expected = [
        " 20 s  check store-2 after launch 4: done",
        "120 s  web gets 256 MB: done",
        "120 s  web gets 256 MB: done, on the driver",
    ];
    assert_eq!(story, expected);
    let page = include_str!("../../../docs/src/embedding.md");
    assert!(page.contains(&expected.join("\n")), "the page shows what it prints");
}

#[tokio::test]
async fn the_bare_driver_deploys_and_restarts() {
    let story = within(bare_driver::story()).await.unwrap().join("\n");
    let page = include_str!("../../../docs/src/embedding.md");
    assert!(page.contains(&format!("```text\n{story}\n```")), "the page shows what it prints:\n{story}");
}

/// Tells a test of each call, and does what the test says.
struct Telling<F> {
    tell: UnboundedSender<String>,
    interval: Option<Duration>,
    then: F,
}

fn telling<F: FnMut(&str, &mut Context<'_>) -> Called>(then: F) -> (Telling<F>, UnboundedReceiver<String>) {
    let (tell, told) = unbounded_channel();
    (Telling { tell, interval: None, then }, told)
}

impl<F: FnMut(&str, &mut Context<'_>) -> Called> Telling<F> {
    fn called(&mut self, call: String, context: &mut Context<'_>) -> Called {
        self.tell.send(call.clone())?;
        (self.then)(&call, context)
    }
}

impl<F: FnMut(&str, &mut Context<'_>) -> Called> Operator for Telling<F> {
    fn name(&self) -> &str {
        "telling"
    }

    fn reconcile(&mut self, context: &mut Context<'_>) -> Called {
        self.called(format!("reconcile {}", instances(context.engine())), context)
    }

    fn on_event(&mut self, context: &mut Context<'_>, event: &Event) -> Called {
        match event {
            Event::Reached { instance, .. } => self.called(format!("reached {instance}"), context),
            _ => Ok(()),
        }
    }

    fn on_reply(&mut self, context: &mut Context<'_>, id: &str, reply: &Reply) -> Called {
        self.called(format!("{id}: {reply}"), context)
    }

    fn interval(&self) -> Option<Duration> {
        self.interval
    }

    fn every(&mut self, context: &mut Context<'_>) -> Called {
        self.called(format!("every at {} s", context.now().0 / 1_000_000), context)
    }
}

/// How many instances there are.
fn instances(engine: &Engine) -> usize {
    engine.pods().count()
}

async fn next(told: &mut UnboundedReceiver<String>) -> String {
    within(told.recv()).await.unwrap()
}

/// The next call that begins so.
async fn until(told: &mut UnboundedReceiver<String>, what: &str) -> String {
    loop {
        let call = next(told).await;
        if call.starts_with(what) {
            return call;
        }
    }
}

fn restart_web(context: &mut Context<'_>, id: &str) -> Called {
    context.verb(id, Verb::RestartPod { instance: "web-0".parse()?, tasks: Vec::new() });
    Ok(())
}

async fn audit(kit: &Kit) -> Vec<(String, String)> {
    let noted = |engine: &Engine| {
        engine.audit().map(|audit| (audit.request.to_string(), audit.reply.to_string())).collect()
    };
    within(kit.service.read(noted)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_looks_first_then_takes_events_and_speaks_until_it_is_replied() {
    let kit = Kit::new().await;
    let (operator, mut told) = telling(|call, context| match call {
        "reached web-1" => {
            context.target("three", model("hello", 3));
            Ok(())
        }
        _ => Ok(()),
    });
    let handle = kit.service.operate(operator);
    assert_eq!(next(&mut told).await, "reconcile 0", "there is no service yet");
    kit.service.target(model("hello", 2), None, None).await.unwrap();
    for expected in ["reached web-0", "reached web-1", "three: done", "reached web-2"] {
        assert_eq!(next(&mut told).await, expected);
    }
    assert_eq!(audit(&kit).await, [("telling/three".to_owned(), "done".to_owned())]);
    assert_eq!(handle.trouble(), None);
    assert!(within(handle.stop()).await.is_some(), "it is given back");
}

#[tokio::test(start_paused = true)]
async fn one_that_begins_late_sees_what_there_is() {
    let kit = Kit::deployed(2).await;
    let (operator, mut told) = telling(|_, _| Ok(()));
    kit.service.operate(operator);
    assert_eq!(next(&mut told).await, "reconcile 2");
}

#[tokio::test(start_paused = true)]
async fn it_is_called_at_its_interval_by_the_runtimes_clock() {
    let kit = Kit::deployed(1).await;
    let (mut operator, mut told) = telling(|_, _| Ok(()));
    operator.interval = Some(Duration::from_secs(40));
    kit.service.operate(operator);
    assert_eq!(next(&mut told).await, "reconcile 1");
    assert_eq!(next(&mut told).await, "every at 40 s");
    assert_eq!(next(&mut told).await, "every at 80 s");
}

/// What an operator that lags was not told, it sees: `reconcile` follows, and no event is told twice.
#[tokio::test(start_paused = true)]
async fn one_that_lags_behind_looks_at_how_things_are() {
    let mut options = options();
    options.limits.events = 4;
    let kit = Kit::with(options).await;
    let (goes_on, waits) = std::sync::mpsc::channel::<()>();
    let (operator, mut told) = telling(move |call, _| {
        if call == "reconcile 0" {
            // It blocks its thread; the engine goes on.
            waits.recv()?;
        }
        Ok(())
    });
    kit.service.operate(operator);
    assert_eq!(next(&mut told).await, "reconcile 0");
    kit.deploy(3).await;
    goes_on.send(()).unwrap();
    assert_eq!(next(&mut told).await, "reconcile 3");
}

/// A batch may be durable and told by nobody: after the engine is recovered, the operator looks.
#[tokio::test(start_paused = true)]
async fn an_engine_that_is_recovered_is_looked_at() {
    let kit = Kit::deployed(1).await;
    let (operator, mut told) = telling(|call, context| match call {
        "reconcile 1" => restart_web(context, "once"),
        _ => Ok(()),
    });
    kit.store.commits.set([Fate::DoneUnknown]);
    kit.service.operate(operator);
    assert_eq!(next(&mut told).await, "reconcile 1");
    // It is said again by itself, and by the operator, who looks once more: under one id it is done once.
    assert_eq!(until(&mut told, "reconcile").await, "reconcile 1");
    assert_eq!(until(&mut told, "once").await, "once: done");
    assert_eq!(audit(&kit).await, [("telling/once".to_owned(), "done".to_owned())]);
    kit.noted("command launch", 1).await;
    settle().await;
    assert_eq!(kit.log.count("command launch"), 1, "{:?}", kit.log.take());
}

/// A panic and an error are told, say nothing, and end neither the service nor the operator.
#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_followed_by_another_look() {
    let kit = Kit::deployed(1).await;
    let mut looks = 0;
    let (operator, mut told) = telling(move |call, context| {
        if call == "reconcile 1" {
            looks += 1;
            match looks {
                1 => {
                    restart_web(context, "not said")?;
                    panic!("the operator panics");
                }
                2 => {
                    restart_web(context, "not said either")?;
                    return Err("a figure is missing".into());
                }
                _ => return restart_web(context, "said"),
            }
        }
        Ok(())
    });
    let handle = kit.service.operate(operator);
    let mut troubles = handle.troubles();
    let mut trouble = async || {
        within(troubles.changed()).await.unwrap();
        troubles.borrow_and_update().clone()
    };
    assert_eq!(
        trouble().await.as_deref(),
        Some("it has a fault of its own (it panicked: the operator panics)")
    );
    assert_eq!(trouble().await.as_deref(), Some("a figure is missing"));
    assert_eq!(trouble().await, None);
    assert_eq!(until(&mut told, "said").await, "said: done");
    assert_eq!(audit(&kit).await, [("telling/said".to_owned(), "done".to_owned())]);
    assert_eq!(kit.service.condition(), Condition::Running);
}

/// The next process says the same under the same id: it is done once, and the reply is the earlier one.
#[tokio::test(start_paused = true)]
async fn what_is_said_again_after_a_restart_is_done_once() {
    let kit = Kit::deployed(1).await;
    let says = |_: &str, context: &mut Context<'_>| match context.reply_to("once") {
        None => restart_web(context, "once"),
        Some(_) => restart_web(context, "once").and_then(|()| restart_web(context, "again")),
    };
    let looks = move |call: &str, context: &mut Context<'_>| match call {
        "reconcile 1" => says(call, context),
        _ => Ok(()),
    };
    let (operator, mut told) = telling(looks);
    let handle = kit.service.operate(operator);
    assert_eq!(until(&mut told, "once").await, "once: done");
    kit.complete().await;
    kit.scheduler.stop().await;
    assert!(within(handle.ended()).await.is_some(), "it ends with the scheduler");

    let scheduler = plan_driver::Scheduler::start(
        std::sync::Arc::new(kit.store.clone()),
        std::sync::Arc::new(kit.backend.clone()),
        options(),
    );
    let kit = Kit { scheduler: scheduler.await.unwrap(), ..kit };
    let service = kit.scheduler.service(&name("hello")).await.unwrap();
    let kit = Kit { service, ..kit };
    let (operator, mut told) = telling(looks);
    kit.service.operate(operator);
    assert_eq!(next(&mut told).await, "reconcile 1");
    assert_eq!(until(&mut told, "once").await, "once: done");
    assert_eq!(until(&mut told, "again").await, "again: done");
    let ids: Vec<_> = audit(&kit).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["telling/once", "telling/again"]);
}

/// The backend does not support a target: the operator gets a refusal, as from the engine.
#[tokio::test(start_paused = true)]
async fn what_a_backend_does_not_support_is_refused() {
    let kit = Kit::deployed(1).await;
    kit.backend.check_panics.store(true, std::sync::atomic::Ordering::Relaxed);
    let (operator, mut told) = telling(|call, context| {
        if call == "reconcile 1" {
            context.target("other", model_running("hello", 1, "./other"));
        }
        Ok(())
    });
    kit.service.operate(operator);
    let reply = until(&mut told, "other").await;
    assert!(reply.starts_with("other: refused: the target is refused"), "{reply}");
}
