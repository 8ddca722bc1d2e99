//! Sessions: carries commands out.
//!
//! Invariant: a command changes the state before the next command is taken, so a snapshot shows all earlier commands.
//! Work that takes time goes on in the background. A launch number is carried out at most once.

use std::sync::Arc;

use async_trait::async_trait;
use plan_core::engine::{Ask, Command, CommandOutcome, End, Launch, Number, Release, ReleaseAnswer};
use plan_core::spec::{InstanceName, Seconds, TaskName};
use plan_driver::backend::{BackendError, Identity, Session};
use tokio::task::AbortHandle;

use crate::blocking::blocking;
use crate::inner::Inner;
use crate::prune::throw_away;
use crate::room::{Health, ServiceKey};
use crate::run::{Kill, KillReason};
use crate::state::{Phase, RunKey, Say};
use crate::{asking, kill, launch, release};

/// A service's session.
pub(crate) struct LocalSession {
    inner: Arc<Inner>,
    identity: Identity,
    key: ServiceKey,
    number: u64,
    /// The questions about tasks. They end with the session, since an answer counts only in its session.
    asked: Vec<AbortHandle>,
}

impl LocalSession {
    pub(crate) fn new(inner: Arc<Inner>, identity: Identity, key: ServiceKey, number: u64) -> Self {
        Self { inner, identity, key, number, asked: Vec::new() }
    }

    /// Begins to carry a command out.
    fn begin(&mut self, command: Command) -> Result<(), BackendError> {
        {
            let mut state = self.inner.state();
            if !state.sessions.is(&self.key, self.number) {
                return Err(BackendError::new("another session of the service has begun"));
            }
            state.count += 1;
        }
        match command {
            Command::Fit(fit) => self.inner.state().ask(&self.key, fit),
            Command::Withdraw { instance, launch } => {
                self.inner.state().withdraw(&self.key, &instance, launch);
            }
            Command::Launch(launch) => self.launch(*launch),
            Command::Kill { instance, launch, task, grace } => self.kill(instance, launch, task, grace),
            Command::Reconcile { number, expected } => {
                self.inner.state().reconcile(&self.key, number, &expected);
            }
            Command::Release(release) => self.release(*release),
            Command::Ask(ask) => self.ask(*ask),
            Command::Deregister => self.deregister(),
            other => {
                return Err(BackendError::new(format!(
                    "the local backend does not know this command: {other:?}"
                )));
            }
        }
        Ok(())
    }

    fn launch(&self, launch: Launch) {
        let (instance, number) = (launch.instance.clone(), launch.launch);
        let answer = match launch::begin(&self.inner, &self.identity, &self.key, launch) {
            launch::Begun::Answer(answer) => answer,
            launch::Begun::Later => return,
        };
        launch::answer(&self.inner, &self.key, instance, number, answer);
    }

    fn kill(&self, instance: InstanceName, launch: Number, task: TaskName, grace: Seconds) {
        let key = RunKey { service: self.key.clone(), instance, launch, task };
        let mut state = self.inner.state();
        let Some(run) = state.runs.get_mut(&key) else {
            // Nothing is left of an unknown launch. If the engine waits for its end, it is told so.
            state.observe_unknown(&key, End::Lost);
            return;
        };
        match run.phase {
            // A kill of an ended task is answered with its end.
            Phase::Ended(_) => state.changed(&key),
            Phase::Preparing => {
                run.cancelled = true;
                run.cancel.notify_one();
            }
            Phase::Starting | Phase::Running { .. } => {
                let folder = run.folder.clone();
                let kill = Kill { why: KillReason::Ordered, grace: grace.0, words: String::new() };
                self.inner.spawn(kill::order(folder, kill));
            }
        }
    }

    fn ask(&mut self, ask: Ask) {
        self.asked.retain(|asked| !asked.is_finished());
        let answered = asking::answer(self.inner.clone(), self.key.clone(), ask);
        self.asked.push(self.inner.spawn_abortable(answered));
    }

    fn release(&self, release: Release) {
        let mut state = self.inner.state();
        if state.book.health(&release.node) == Some(Health::Silent) {
            state.sessions.hold(&self.key, release);
            return;
        }
        let in_use = state
            .runs
            .of_instance(&self.key, &release.instance)
            .find(|(_, run)| run.lives() && run.handle == release.handle);
        if let Some((run, _)) = in_use {
            let why = format!("{} (launch {}) still runs there", run.task, run.launch);
            let answer = ReleaseAnswer::Retry(why.into());
            state
                .sessions
                .say(&self.key, Say::Outcome(CommandOutcome::Release { debt: release.debt, answer }));
            return;
        }
        drop(state);
        self.inner.spawn(release::pay(self.inner.clone(), self.key.clone(), release));
    }

    fn deregister(&self) {
        let (inner, key) = (self.inner.clone(), self.key.clone());
        let folder = inner.layout.installation(&self.identity);
        let living: Vec<RunKey> = {
            let state = inner.state();
            state.runs.of_service(&key).filter(|(_, run)| run.lives()).map(|(key, _)| key).collect()
        };
        if let Some(run) = living.first() {
            tracing::error!(
                service = %key.0, instance = %run.instance, task = %run.task,
                "the service is given up while its tasks run: its folder stays"
            );
        }
        self.inner.spawn(async move {
            if living.is_empty() {
                inner.state().forget_service(&key);
                inner.ports_changed.notify_one();
                let layout = inner.layout.clone();
                let removed = blocking(move || throw_away(&layout, &folder)).await;
                if let Err(error) = removed {
                    tracing::warn!(%error, "the folder of a service that is gone stays");
                }
            }
            inner.state().sessions.say(&key, Say::Outcome(CommandOutcome::Deregistered));
        });
    }
}

#[async_trait]
impl Session for LocalSession {
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError> {
        commands.into_iter().try_for_each(|command| self.begin(command))
    }
}

impl Drop for LocalSession {
    fn drop(&mut self) {
        self.asked.iter().for_each(AbortHandle::abort);
        self.inner.state().end_session(&self.key, self.number);
    }
}
