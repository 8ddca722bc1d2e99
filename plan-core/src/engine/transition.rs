//! A transition: one input, worked off completely. What it changes is collected here, and leaves as [`Effects`].
//!
//! This file is the lowest layer: it changes records and marks them as changed, collects events, and fills the agenda.
//! It knows no act. Above it lie the commands to the cluster, then orders with what follows from them, then answers,
//! moves, plans and time. At the top are the agenda and the end of the transition (`work`, `finish`).
//!
//! Invariant: every changed record is written by the end of the transition. No file calls one above it, except in the circle
//! of `orders`, `derive` and `removed`, which are one subject.

use std::sync::Arc;

use crate::spec::{InstanceName, PlanName};

use super::at::At;
use super::bug::Bug;
use super::digest::Digest;
use super::effects::{Command, Effects, Event, Write};
use super::note::Note;
use super::record::{ClockRecord, Key, Number, PlanRecord, PodRecord, Record, RunRecord, ServiceRecord};
use super::reply::Reply;
use super::session::Session;
use super::state::State;
use super::time::{Time, Wall};
use super::writes::Writes;

/// The state of a transition. Each open field that can change is a leaf, which owns its state.
pub(super) struct Transition<'a> {
    pub(super) now: Time,
    pub(super) wall: Wall,
    pub(super) state: &'a mut State,
    pub(super) session: &'a mut Session,
    pub(super) writes: Writes<'a>,
    effects: Effects,
    /// The instances whose records changed.
    changed: Vec<At>,
    /// The runs whose plans became complete.
    completed: Vec<Number>,
    /// Whether nothing of the service is left.
    dissolved: bool,
    /// The pods that an instance left for good.
    left: Vec<u32>,
}

impl<'a> Transition<'a> {
    pub(super) fn new(
        now: Time,
        wall: Wall,
        clock: &'a mut ClockRecord,
        state: &'a mut State,
        session: &'a mut Session,
        digest: &'a mut Digest,
    ) -> Self {
        let writes = Writes::new(clock, digest, state.bugs());
        Self {
            now,
            wall,
            state,
            session,
            writes,
            effects: Effects::default(),
            changed: Vec::new(),
            completed: Vec::new(),
            dissolved: false,
            left: Vec::new(),
        }
    }

    /// What the transition does, with the writes that `finish` makes of what was written.
    pub(super) fn into_effects(
        self,
        wake_at: Option<Wall>,
        finish: impl FnOnce(Writes<'a>) -> Vec<Write>,
    ) -> Effects {
        let Self { mut effects, writes, .. } = self;
        (effects.wake_at, effects.writes) = (wake_at, finish(writes));
        effects
    }
}

impl Transition<'_> {
    /// Whether the engine has this fault.
    #[inline(always)]
    pub(super) fn bug(&self, bug: Bug) -> bool {
        self.state.bug(bug)
    }

    /// An instance's record, to be changed. It is written when the transition ends.
    pub(super) fn record_mut(&mut self, at: At) -> &mut PodRecord {
        self.mark_changed(at);
        self.state.instance_mut(at).record_mut()
    }

    /// Has an instance's record written when the transition ends.
    #[inline]
    pub(super) fn mark_changed(&mut self, at: At) {
        if self.state.instance_mut(at).mark_changed() {
            self.changed.push(at);
        }
    }

    /// The instances whose records changed, in their order. None is marked after that.
    pub(super) fn take_changed(&mut self) -> Vec<At> {
        let mut changed = std::mem::take(&mut self.changed);
        if changed.len() > 1 {
            changed.sort_unstable();
        }
        changed
    }

    /// The instances whose records changed so far.
    pub(super) fn changed(&self) -> &[At] {
        &self.changed
    }

    /// Gives the instances whose records changed new positions.
    pub(super) fn laid_out(&mut self, place: impl Fn(At) -> Option<At>) {
        for at in &mut self.changed {
            *at = place(*at).unwrap_or(*at);
        }
    }

    /// Notes that the plan of a run became complete.
    pub(super) fn note_complete(&mut self, run: Number) {
        self.completed.push(run);
    }

    /// Takes out a run whose plan became complete.
    pub(super) fn next_complete(&mut self) -> Option<Number> {
        self.completed.pop()
    }

    /// Notes that an instance left each of these pods for good.
    pub(super) fn note_left(&mut self, pods: impl IntoIterator<Item = u32>) {
        self.left.extend(pods);
    }

    /// Takes out the pods that an instance left for good.
    pub(super) fn take_left(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.left)
    }

    /// Notes that nothing of the service is left.
    pub(super) fn note_dissolved(&mut self) {
        self.dissolved = true;
    }

    /// Whether nothing of the service is left.
    pub(super) fn is_dissolved(&self) -> bool {
        self.dissolved
    }

    /// Gives the backend a command, once the writes are durable.
    pub(super) fn command(&mut self, command: Command) {
        self.effects.commands.push(command);
    }

    /// The commands so far.
    pub(super) fn commands(&self) -> &[Command] {
        &self.effects.commands
    }

    /// Drops commands that are not to be given.
    pub(super) fn drop_commands(&mut self, drop: impl Fn(&Command) -> bool) {
        self.effects.commands.retain(|command| !drop(command));
    }

    /// Answers the request.
    pub(super) fn reply(&mut self, reply: Reply) {
        self.effects.reply = Some(reply);
    }

    pub(super) fn name(&self, at: At) -> InstanceName {
        self.state.name(at)
    }

    pub(super) fn event(&mut self, event: Event) {
        self.effects.events.push(event);
    }

    /// Changes the record of an active run.
    pub(super) fn change_run(&mut self, number: Number, change: impl FnOnce(&mut RunRecord)) {
        let Some(run) = self.state.run_mut(number) else { return };
        let old = Record::Run(run.record.clone()).digest();
        change(Arc::make_mut(&mut run.record));
        self.writes.put(old, Record::Run(run.record.clone()));
    }

    /// Changes a plan's record.
    pub(super) fn change_plan(&mut self, plan: &PlanName, change: impl FnOnce(&mut PlanRecord)) {
        let known = self.state.plans().get(plan).cloned();
        let old = known.map(|record| Record::Plan(plan.clone(), record).digest()).unwrap_or_default();
        let record = self.state.plan_mut(plan);
        change(Arc::make_mut(record));
        self.writes.put(old, Record::Plan(plan.clone(), record.clone()));
    }

    /// Changes the service's record.
    pub(super) fn change_service(&mut self, change: impl FnOnce(&mut ServiceRecord)) {
        let old = Record::Service(self.state.service().clone()).digest();
        change(self.state.service_mut());
        self.writes.put(old, Record::Service(self.state.service().clone()));
    }

    /// Keeps a backend's note, or forgets it. A note that did not change is not written.
    pub(super) fn keep_note(&mut self, note: Note) {
        let Note { name, text } = note;
        let old = self.state.notes().get(&name);
        if old == text.as_ref() {
            return;
        }
        let was = old.map(|old| Record::Note(name.clone(), old.clone()).digest()).unwrap_or_default();
        match text {
            Some(text) => {
                self.state.keep_note(name.clone(), text.clone());
                self.writes.put(was, Record::Note(name, text));
            }
            None => {
                self.state.forget_note(&name);
                self.writes.delete(Key::Note(name), was);
            }
        }
    }

    /// Considers the instances with something broken again, as a step or recovery may own it now.
    pub(super) fn consider_hurt(&mut self) {
        self.session.agenda.go_through_hurt();
    }

    /// Considers the pending steps of all phases of a run that is new, or under a new target.
    pub(super) fn sweep(&mut self, number: Number) {
        let phases = self.state.run(number).map_or(0, |run| run.layout.phases.len() as u32);
        self.session.agenda.sweep(number, 0..phases);
        self.consider_hurt();
    }
}
