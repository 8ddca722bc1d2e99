//! A custom scheduler beside a service's loop.
//!
//! Invariant: an operator is called outside of the loop, on a thread that may block, one call at a time. It sees what is
//! durable. Whenever events may be lost, its next call is `reconcile`.

use std::collections::BTreeSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{Engine, Event, InstallationId, Refusal, RefusedItem, Reply, Wall};
use plan_core::operator::{Act, Called, Context, Operator};
use smol_str::SmolStr;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until};

use super::panics::panicked;
use super::{Happened, Service};
use crate::backend::Finding;
use crate::condition::Condition;
use crate::error::{DriverError, with_causes};

/// The shortest time between two calls at intervals.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// An operator that runs beside a service. The operator goes on when its handle is dropped.
#[derive(Debug)]
pub struct OperatorHandle<O> {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<O>,
    troubles: watch::Receiver<Option<String>>,
}

impl<O> OperatorHandle<O> {
    /// Ends the operator after its present call, and returns it; `None` if the runtime ends too.
    ///
    /// A request without a reply may be done or not. When it is sent again under the same id, it is done once.
    pub async fn stop(self) -> Option<O> {
        // It may have ended.
        let _ = self.stop.send(());
        self.ended.await.ok()
    }

    /// Waits until the operator ends, and returns it; `None` if the runtime ends too. An operator ends when the service's
    /// scheduler never acts again.
    pub async fn ended(self) -> Option<O> {
        self.ended.await.ok()
    }

    /// Why the operator's latest call failed, if it did.
    pub fn trouble(&self) -> Option<String> {
        self.troubles.borrow().clone()
    }

    /// The same, for a caller that waits for a change.
    pub fn troubles(&self) -> watch::Receiver<Option<String>> {
        self.troubles.clone()
    }
}

impl Service {
    /// Runs an operator beside this service: a custom scheduler.
    ///
    /// The operator is called on a thread that may block, so a slow operator delays only itself. Each call sees the
    /// engine as it is after all the events that the operator was told. If a call fails or panics, the failure is logged,
    /// the requests of the call are dropped, and [`Operator::reconcile`] is the next call, after a wait. The operator ends with the service's scheduler,
    /// or by [`OperatorHandle::stop`].
    ///
    /// Each round of calls copies the engine between two inputs, for which the loop waits.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn operate<O: Operator + Send + 'static>(&self, operator: O) -> OperatorHandle<O> {
        let (stop, stopped) = oneshot::channel();
        let (gives_back, ended) = oneshot::channel();
        let (troubled, troubles) = watch::channel(None);
        let (says, said) = mpsc::unbounded_channel();
        let (replies, replied) = mpsc::unbounded_channel();
        let speaker = tokio::spawn(speak(self.clone(), said, replies)).abort_handle();
        let beside = Beside {
            of: self.clone(),
            session: None,
            levels: None,
            not_before: None,
            next_tick: None,
            replied,
            answered: Vec::new(),
            says,
            open: BTreeSet::new(),
            failures: 0,
            troubled,
            speaker,
        };
        tokio::spawn(async move {
            let operator = beside.go_on(operator, stopped).await;
            if let Some(operator) = operator {
                // Nobody may wait for it.
                let _ = gives_back.send(operator);
            }
        });
        OperatorHandle { stop, ended, troubles }
    }
}

/// The task that calls an operator.
struct Beside {
    of: Service,
    /// None if events may be lost.
    session: Option<Session>,
    /// The engine, with the number of the batch that it was read at or after.
    levels: Option<(u64, Arc<Engine>)>,
    /// A call failed: the next call is not before this time.
    not_before: Option<Instant>,
    next_tick: Option<Instant>,
    replied: mpsc::UnboundedReceiver<Replied>,
    /// The events that the operator is to be told.
    answered: Vec<(String, Reply)>,
    says: mpsc::UnboundedSender<Said>,
    /// The requests that have no reply.
    open: BTreeSet<SmolStr>,
    /// How many rounds failed in a row.
    failures: u32,
    troubled: watch::Sender<Option<String>>,
    speaker: AbortHandle,
}

/// From one `reconcile` to the next.
struct Session {
    events: broadcast::Receiver<Arc<Happened>>,
    /// How often the engine had been recovered.
    recoveries: u64,
}

/// A request, and the installation that it was meant for.
struct Said(Act, Option<InstallationId>);

/// A reply, with the request's id in the audit and the id that the operator chose.
struct Replied(SmolStr, String, Reply);

/// What an operator is called for, in this order.
struct Round {
    engine: Arc<Engine>,
    now: Wall,
    reconcile: bool,
    replies: Vec<(String, Reply)>,
    events: Vec<Arc<Happened>>,
    tick: bool,
}

/// The result of a round.
struct Came {
    acts: Vec<Act>,
    interval: Option<Duration>,
    trouble: Option<String>,
}

/// Why an operator is called.
enum Woken {
    Lost,
    Event(Arc<Happened>),
    Replied(Option<Replied>),
    Tick,
    Over,
}

impl Beside {
    async fn go_on<O>(mut self, mut operator: O, stopped: oneshot::Receiver<()>) -> Option<O>
    where
        O: Operator + Send + 'static,
    {
        let mut stopped = Box::pin(async move {
            if stopped.await.is_err() {
                pending::<()>().await;
            }
        });
        loop {
            let round = tokio::select! {
                biased;
                () = &mut stopped => None,
                round = self.next() => round,
            };
            let Some(round) = round else {
                self.speaker.abort();
                return Some(operator);
            };
            let (engine, reconciled) = (round.engine.clone(), round.reconcile);
            let called = spawn_blocking(move || {
                let came = round.call(&mut operator);
                (operator, came)
            });
            let Ok((back, came)) = called.await else {
                // The runtime ends.
                self.speaker.abort();
                return None;
            };
            operator = back;
            self.take(came, &engine, reconciled);
        }
    }

    /// Waits until there is a reason to call the operator; `None` if there will never be one.
    async fn next(&mut self) -> Option<Round> {
        if let Some(until) = self.not_before {
            sleep_until(until).await;
            self.not_before = None;
        }
        loop {
            let Some(mut session) = self.session.take() else {
                // It listens before it looks, so that no event is lost between the two.
                let events = self.of.events();
                let (engine, recoveries) = self.look().await?;
                self.session = Some(Session { events, recoveries });
                return Some(self.round(engine, true, Vec::new(), false));
            };
            let (mut events, mut tick) = (Vec::new(), false);
            match self.wait(&mut session).await {
                Woken::Over => return None,
                Woken::Lost => continue,
                Woken::Event(event) => events.push(event),
                Woken::Replied(replied) => self.replied(replied?),
                Woken::Tick => {
                    // While there is no engine, it is left out.
                    self.next_tick = None;
                    tick = true;
                }
            }
            while let Ok(replied) = self.replied.try_recv() {
                self.replied(replied);
            }
            let lost = loop {
                match session.events.try_recv() {
                    Ok(event) => events.push(event),
                    Err(TryRecvError::Empty) => break false,
                    Err(TryRecvError::Lagged(_) | TryRecvError::Closed) => break true,
                }
            };
            if lost {
                continue;
            }
            let (engine, recoveries) = self.look().await?;
            if recoveries == session.recoveries {
                self.session = Some(session);
                return Some(self.round(engine, false, events, tick));
            }
        }
    }

    async fn wait(&mut self, session: &mut Session) -> Woken {
        let mut conditions = self.of.conditions();
        let mut recoveries = self.of.recoveries.clone();
        let tick = self.next_tick;
        tokio::select! {
            biased;
            _ = conditions.wait_for(Condition::is_final) => Woken::Over,
            _ = recoveries.wait_for(|count| *count != session.recoveries) => Woken::Lost,
            replied = self.replied.recv() => Woken::Replied(replied),
            event = session.events.recv() => event.map_or(Woken::Lost, Woken::Event),
            () = async {
                match tick {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            } => Woken::Tick,
        }
    }

    /// The present engine, or the next one if there is none now, and how often it was recovered; `None` if there will
    /// never be one.
    async fn look(&mut self) -> Option<(Arc<Engine>, u64)> {
        let mut failures = 0;
        loop {
            let recoveries = *self.of.recoveries.borrow();
            let batches = *self.of.changes.borrow();
            let mut conditions = self.of.conditions();
            let condition = conditions.borrow_and_update().clone();
            if condition.is_final() {
                return None;
            }
            let acts = matches!(condition, Condition::Running | Condition::BackendAway { .. });
            if let Some((at, engine)) = self.levels.as_ref().filter(|_| acts && self.session.is_some())
                && *at == batches
            {
                return Some((engine.clone(), recoveries));
            }
            match self.of.read(|engine| Arc::new(engine.clone())).await {
                Ok(engine) if *self.of.recoveries.borrow() == recoveries => {
                    self.levels = Some((batches, engine.clone()));
                    return Some((engine, recoveries));
                }
                // It was recovered meanwhile.
                Ok(_) => {}
                Err(_) => {
                    failures += 1;
                    tokio::select! {
                        _ = conditions.changed() => {}
                        () = sleep(self.of.options.retries.after(failures)) => {}
                    }
                }
            }
        }
    }

    fn round(
        &mut self,
        engine: Arc<Engine>,
        reconcile: bool,
        events: Vec<Arc<Happened>>,
        tick: bool,
    ) -> Round {
        let replies = std::mem::take(&mut self.answered);
        Round { engine, now: self.of.now(), reconcile, replies, events, tick }
    }

    fn replied(&mut self, Replied(request, id, reply): Replied) {
        self.open.remove(&request);
        self.answered.push((id, reply));
    }

    /// Sends what the operator requested. The replies go back to the operator, if it takes them.
    fn take(&mut self, came: Came, engine: &Engine, reconciled: bool) {
        for act in came.acts {
            if self.open.insert(act.request().clone()) {
                // The task that sends it ends with this task.
                let _ = self.says.send(Said(act, engine.installation().cloned()));
            }
        }
        let now = Instant::now();
        let interval = came.interval.map(|interval| interval.max(SHORTEST_INTERVAL));
        self.next_tick = self.next_tick.or(interval.map(|interval| now + interval));
        match &came.trouble {
            Some(why) => {
                self.failures = self.failures.saturating_add(1);
                let failures = self.failures;
                tracing::error!(service = %self.of.name, why, failures, "an operator failed");
                self.not_before = Some(now + self.of.options.retries.after(failures));
                self.session = None;
            }
            // What `reconcile` cannot do wrong, the next event may.
            None if !reconciled => self.failures = 0,
            None => {}
        }
        self.troubled.send_if_modified(|trouble| {
            let differs = *trouble != came.trouble;
            *trouble = came.trouble;
            differs
        });
    }
}

impl Round {
    fn call(self, operator: &mut dyn Operator) -> Came {
        let mut came = Came { acts: Vec::new(), interval: None, trouble: None };
        let done = self.calls(operator, &mut came.acts);
        match done.and_then(|()| catch(|| Ok(operator.interval()))) {
            Ok(interval) => came.interval = interval,
            Err(why) => came.trouble = Some(why),
        }
        came
    }

    fn calls(&self, operator: &mut dyn Operator, acts: &mut Vec<Act>) -> Result<(), String> {
        let name = catch(|| Ok(operator.name().to_owned()))?;
        let mut call = |call: &mut dyn FnMut(&mut Context<'_>) -> Called| -> Result<(), String> {
            let mut context = Context::new(&name, self.now, &self.engine);
            catch(|| call(&mut context))?;
            acts.extend(context.into_acts());
            Ok(())
        };
        if self.reconcile {
            call(&mut |context| operator.reconcile(context))?;
        }
        for (id, reply) in &self.replies {
            call(&mut |context| operator.on_reply(context, id, reply))?;
        }
        for event in &self.events {
            let event: &Event = &event.event;
            call(&mut |context| operator.on_event(context, event))?;
        }
        if self.tick {
            call(&mut |context| operator.every(context))?;
        }
        Ok(())
    }
}

/// The result of a call. A panic is an error of the operator.
fn catch<T>(call: impl FnOnce() -> Result<T, Box<dyn std::error::Error + Send + Sync>>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(called) => called.map_err(|error| with_causes(&*error)),
        Err(panic) => Err(panicked(&*panic)),
    }
}

/// Sends what an operator requested, in order, each request until there is a reply.
async fn speak(
    of: Service,
    mut said: mpsc::UnboundedReceiver<Said>,
    replies: mpsc::UnboundedSender<Replied>,
) {
    while let Some(Said(act, installation)) = said.recv().await {
        let reply = say(&of, &act, installation).await;
        if replies.send(Replied(act.request().clone(), act.id().to_owned(), reply)).is_err() {
            return;
        }
    }
}

async fn say(of: &Service, act: &Act, installation: Option<InstallationId>) -> Reply {
    let mut failures = 0;
    loop {
        let said = match act {
            Act::Verb(request) => of.verb(request.clone()).await,
            Act::Target { model, plan, by } => of.target(model.clone(), plan.clone(), Some(by.clone())).await,
        };
        match said {
            Ok(reply) => return reply,
            Err(DriverError::Unsupported { findings, .. }) => return refused(findings),
            Err(_) => failures += 1,
        }
        sleep(of.options.retries.after(failures)).await;
        // The request may be done, and its installation gone since. Sent again, it would make another installation.
        if let (Act::Target { .. }, Some(meant)) = (act, &installation)
            && let Ok(now) = of.read(|engine| engine.installation().cloned()).await
            && now.as_ref() != Some(meant)
        {
            return Reply::Refused(Refusal::NoService);
        }
    }
}

/// What the backend does not support, as a refusal of the engine.
fn refused(findings: Vec<Finding>) -> Reply {
    let errors = findings.into_iter().filter(Finding::is_error);
    let items = errors.map(|finding| {
        let why = match finding.help {
            Some(help) => format!("{}: {help}", finding.message),
            None => finding.message,
        };
        RefusedItem::new(finding.path, why)
    });
    Reply::Refused(Refusal::Target(items.collect()))
}
