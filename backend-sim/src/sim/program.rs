//! An operator that is a program: a custom scheduler, called in virtual time.
//!
//! Invariant: it is called between two inputs, sees what is durable, and speaks as every operator does. After events that it
//! was not told, the next call is `reconcile`.

use std::time::Duration;

use plan_core::engine::{Event, Reply, Wall};
use plan_core::operator::{Act, Called, Context, Operator};

use crate::moment::micros;
use crate::queue::Class;
use crate::runtime::Happening;
use crate::scenario::ScenarioError;

use super::Sim;

/// Two calls at intervals are at least so far apart.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// The program, and how far it is.
pub(super) struct Program<'a> {
    operator: Option<&'a mut (dyn Operator + 'a)>,
    /// Replies that it was not told yet, by the ids that it chose.
    pub(super) answered: Vec<(String, Reply)>,
    /// Whether its next call at an interval is in the queue.
    pub(super) ticks: bool,
    /// Whether it is slow now: it is not called, and events are lost to it.
    pub(super) lags: bool,
    /// A call that failed.
    pub(super) failure: Option<ScenarioError>,
}

impl<'a> Program<'a> {
    pub(super) fn none() -> Self {
        Self { operator: None, answered: Vec::new(), ticks: false, lags: false, failure: None }
    }

    pub(super) fn new(operator: &'a mut (dyn Operator + 'a)) -> Self {
        Self { operator: Some(operator), ..Self::none() }
    }

    pub(super) fn is_there(&self) -> bool {
        self.operator.is_some()
    }
}

impl Sim<'_> {
    /// It was slow, and is called again.
    pub(super) fn catch_up(&mut self) {
        if std::mem::take(&mut self.program.lags) {
            self.reconcile();
        }
    }

    /// Events may be lost: it looks at how things are.
    pub(super) fn reconcile(&mut self) {
        if self.program.lags {
            return;
        }
        self.call(|operator, context| operator.reconcile(context));
        self.show(&[]);
    }

    /// Tells it the replies that it waits for, and what happened.
    pub(super) fn show(&mut self, events: &[Event]) {
        if self.engine.is_none() || self.program.lags {
            return;
        }
        for (id, reply) in std::mem::take(&mut self.program.answered) {
            self.call(|operator, context| operator.on_reply(context, &id, &reply));
        }
        for event in events {
            self.call(|operator, context| operator.on_event(context, event));
        }
    }

    /// Its interval is over.
    pub(super) fn tick(&mut self) {
        self.program.ticks = false;
        if self.program.lags {
            return self.tick_later();
        }
        self.call(|operator, context| operator.every(context));
        self.tick_later();
    }

    fn call(&mut self, call: impl FnOnce(&mut (dyn Operator + '_), &mut Context<'_>) -> Called) {
        let now = self.runtime.now();
        let (Some(operator), Some(engine)) = (&mut self.program.operator, &self.engine) else { return };
        if self.program.failure.is_some() {
            return;
        }
        let name = operator.name().to_owned();
        let mut context = Context::new(&name, Wall(now), engine);
        match call(&mut **operator, &mut context) {
            Ok(()) => {
                for act in context.into_acts() {
                    self.say(act);
                }
            }
            Err(error) => {
                self.program.failure = Some(ScenarioError::Operator { name, why: words(&*error) });
            }
        }
        self.tick_later();
    }

    fn say(&mut self, act: Act) {
        if let Act::Target { model, .. } = &act {
            self.cluster.expect_all_of(model);
        }
        if let Some(nth) = self.wishes.act(act) {
            self.runtime.queue.after(0, Class::Operator, Happening::Operate { nth });
        }
    }

    fn tick_later(&mut self) {
        let interval = self.program.operator.as_ref().and_then(|operator| operator.interval());
        if let Some(interval) = interval.filter(|_| !self.program.ticks) {
            self.program.ticks = true;
            let interval = micros(interval.max(SHORTEST_INTERVAL));
            self.runtime.queue.after(interval, Class::Operator, Happening::Tick);
        }
    }
}

/// An error with its causes.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
