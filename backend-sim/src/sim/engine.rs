//! Gives the engine inputs, and carries out the effects.
//!
//! Invariant: a command leaves only after a commit under the newest epoch.

use plan_core::engine::{Command, Digest, Effects, Event, Input, Key, Record, RunOutcome, Wall};

use crate::checks::{Batch, Checker, Scene, Verdict};
use crate::fault::CrashPoint;
use crate::queue::Class;
use crate::runtime::Happening;
use crate::scenario::CheckSet;
use crate::trace::What;
use crate::violation::CheckName;

use super::Sim;

impl Sim<'_> {
    /// Gives the engine an input. Returns whether its effects are durable and the engine is still up.
    pub(super) fn feed(&mut self, input: Input) -> bool {
        self.feed_for(input, None)
    }

    pub(super) fn feed_for(&mut self, input: Input, wish: Option<usize>) -> bool {
        let Some(engine) = &mut self.engine else { return false };
        self.counts.inputs += 1;
        let now = self.runtime.now();
        let verb = match &input {
            Input::Verb(request) => Some(request.verb.clone()),
            _ => None,
        };
        let Effects { writes, commands, events, reply, wake_at } = engine.handle(Wall(now), input);
        let digest = engine.digest();
        self.digest = Digest(self.digest.0.rotate_left(7) ^ digest.0 ^ u128::from(now));
        let deployed = engine.is_deployed();
        let has_writes = !writes.is_empty();
        if has_writes {
            if self.crashes_at(CrashPoint::BeforeCommit) {
                return false;
            }
            self.counts.commits += 1;
            let batch = Batch { writes: &writes, events: &events, verb: verb.as_ref() };
            self.checker.note(&self.store, &batch);
            self.judge(|checker, scene| checker.batch(scene, &batch));
        }
        // Effects without writes also leave only under the newest epoch.
        if (has_writes || !commands.is_empty())
            && let Err(fenced) = self.store.commit(self.epoch, writes)
        {
            self.violate(CheckName::Fenced, "the newest engine may write".to_owned(), fenced.to_string());
            return false;
        }
        if has_writes {
            self.find_present();
            if self.crashes_at(CrashPoint::AfterCommit) {
                return false;
            }
        }
        if let (Some(nth), Some(reply)) = (wish, reply) {
            self.replied(nth, reply);
        }
        let seen = self.program.is_there().then(|| events.clone());
        for event in events {
            self.tell(event);
        }
        for command in commands {
            if self.crashes_at(CrashPoint::BeforeCommand) {
                return false;
            }
            self.carry_out(command);
            if self.crashes_at(CrashPoint::AfterCommand) {
                return false;
            }
        }
        self.wake += 1;
        if let Some(Wall(at)) = wake_at {
            self.runtime.queue.at(at, Class::Timer, Happening::Wake { nth: self.wake });
        }
        self.go_on_with_targets();
        if deployed && !self.plan_started {
            self.start_plan();
        }
        self.watch_canaries();
        if let Some(events) = seen {
            self.show(&events);
        }
        self.check(wake_at);
        self.take_back();
        self.settle();
        self.engine.is_some()
    }

    pub(super) fn scene(&self) -> Option<Scene<'_>> {
        Some(Scene {
            scenario: self.scenario,
            time: self.runtime.now(),
            session: self.runtime.session,
            model: &self.present,
            store: &self.store,
            cluster: &self.cluster,
            backend: &self.backend,
            tally: &self.tally,
            engine: self.engine.as_ref()?,
        })
    }

    /// Makes a check, with the memory of the run so far.
    fn judge(&mut self, check: impl FnOnce(&mut Checker, &Scene<'_>) -> Verdict) {
        if !self.scenario.checks.others {
            return;
        }
        let mut checker = std::mem::take(&mut self.checker);
        let verdict = self.scene().map_or(Ok(()), |scene| check(&mut checker, &scene));
        self.checker = checker;
        if let Err(violation) = verdict {
            self.violation.get_or_insert(violation);
        }
    }

    /// Finds the current target of the service.
    fn find_present(&mut self) {
        let Some(service) = self.store.service() else { return };
        if service.target != self.present.hash()
            && let Some(Record::Spec(model)) = self.store.get(&Key::Spec(service.target))
        {
            self.present = model.clone();
        }
    }

    fn carry_out(&mut self, command: Command) {
        self.counts.commands += 1;
        self.judge(|checker, scene| checker.command(scene, &command));
        match &command {
            Command::Deregister => self.deregistered = true,
            Command::Release(release) => {
                let (instance, debt, node) = (&release.instance, release.debt, &release.node);
                self.runtime.tell(|| What::Released { instance: instance.clone(), debt, node: node.clone() });
            }
            _ => {}
        }
        self.is_still(&command);
        self.tally.command(&command);
        let launch = match &command {
            Command::Launch(launch) => Some((launch.launch, launch.handle.clone())),
            _ => None,
        };
        let before = self.cluster.tasks.len();
        // A command that this simulator does not know yet gets no answer.
        let _ = self.backend.execute(&mut self.cluster, &mut self.runtime, command);
        if let Some((launch, handle)) = launch.filter(|_| self.cluster.tasks.len() > before) {
            self.tally.launched(launch, &handle);
        }
    }

    /// The session with the backend is over.
    pub(super) fn end_session(&mut self) {
        self.runtime.end_session();
        self.backend.session_over();
        self.tally.session_over();
    }

    fn check(&mut self, wake_at: Option<Wall>) {
        let CheckSet { recovery, others, .. } = self.scenario.checks;
        if self.violation.is_some() || self.frugal || !(recovery || others) {
            return;
        }
        let Some(scene) = self.scene() else { return };
        let law = if recovery { scene.recover_equals_live() } else { Ok(()) };
        let wakes = |()| if others { scene.waits_for_no_wake(wake_at) } else { Ok(()) };
        let verdict = law.and_then(wakes);
        let verdict = verdict.and_then(|()| if others { scene.complete_is_true() } else { Ok(()) });
        let waiting = |()| if others { self.checker.waiting(&scene, wake_at) } else { Ok(()) };
        let verdict = verdict.and_then(waiting);
        self.violation = verdict.err();
    }

    fn tell(&mut self, event: Event) {
        if let Event::RunEnded { plan, outcome: RunOutcome::Complete, .. } = &event {
            self.completed.insert(plan.clone(), self.runtime.now());
        }
        if !self.runtime.trace.is_kept() {
            return;
        }
        // The statuses of phases and plans follow from those of their steps.
        if matches!(event, Event::Phase { .. } | Event::Plan { .. }) {
            return;
        }
        // The engine was up a moment ago, when an input led to this.
        let Some(engine) = &self.engine else { return };
        let story = engine.tell(&event);
        self.runtime.tell(|| What::Engine(story));
    }
}
