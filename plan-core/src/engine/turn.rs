//! One input, run to completion: what it changes is collected here, and leaves as [`Effects`].
//!
//! Invariant: a record that changed is written in the same turn, an instance's once; an index is up to date when
//! the turn ends.

use std::sync::Arc;

use crate::plan::{Changed, Status};
use crate::spec::{InstanceName, PlanName};

use super::agenda::{Bound, Item, Next, Sweep};
use super::at::At;
use super::bug::Bug;
use super::digest::Digest;
use super::effects::{Effects, Event};
use super::note::Note;
use super::reason::Reason;
use super::record::{
    ClockRecord, EndedRun, Key, Number, Order, PlanRecord, PodRecord, Purpose, Record, RunOutcome, RunRecord,
    ServiceRecord, Stage as OrderStage, StepRef,
};
use super::rules::Waker;
use super::session::Session;
use super::state::{Run, State};
use super::time::{Time, Wall};
use super::writes::Writes;

/// What one input is worked off with.
pub(super) struct Turn<'a> {
    pub(super) now: Time,
    pub(super) wall: Wall,
    pub(super) state: &'a mut State,
    pub(super) session: &'a mut Session,
    pub(super) writes: Writes<'a>,
    pub(super) effects: Effects,
    /// Instances whose records changed.
    pub(super) changed: Vec<At>,
    /// Runs whose plans became complete.
    pub(super) completed: Vec<Number>,
    /// Whether nothing of the service is left.
    pub(super) dissolved: bool,
    /// Pods of which an instance went for good.
    pub(super) left: Vec<u32>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        now: Time,
        wall: Wall,
        clock: &'a mut ClockRecord,
        state: &'a mut State,
        session: &'a mut Session,
        digest: &'a mut Digest,
    ) -> Self {
        let writes = Writes::new(clock, digest, state.zoo);
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
}

impl Turn<'_> {
    /// Whether the engine has this fault.
    #[inline(always)]
    pub(super) fn bug(&self, bug: Bug) -> bool {
        self.state.bug(bug)
    }

    /// An instance's record, to be changed.
    pub(super) fn record_mut(&mut self, at: At) -> &mut PodRecord {
        self.mark_changed(at);
        Arc::make_mut(self.state.pods[at.pod as usize][at.index as usize].record.get_or_insert_default())
    }

    /// An instance's record is written when the turn ends.
    #[inline]
    pub(super) fn mark_changed(&mut self, at: At) {
        let instance = &mut self.state.pods[at.pod as usize][at.index as usize];
        if !instance.dirty {
            instance.dirty = true;
            self.changed.push(at);
        }
    }

    pub(super) fn name(&self, at: At) -> InstanceName {
        self.state.name(at)
    }

    pub(super) fn event(&mut self, event: Event) {
        self.effects.events.push(event);
    }

    /// Changes the record of a run that goes on.
    pub(super) fn change_run(&mut self, number: Number, change: impl FnOnce(&mut RunRecord)) {
        let Some(run) = self.state.run_mut(number) else { return };
        let old = Record::Run(run.record.clone()).digest();
        change(Arc::make_mut(&mut run.record));
        self.writes.put(old, Record::Run(run.record.clone()));
    }

    /// Changes what is remembered of a plan's runs.
    pub(super) fn change_plan(&mut self, plan: &PlanName, change: impl FnOnce(&mut PlanRecord)) {
        let known = self.state.plans.get(plan).cloned();
        let old = known.map(|record| Record::Plan(plan.clone(), record).digest()).unwrap_or_default();
        let record = self
            .state
            .plans
            .entry(plan.clone())
            .or_insert_with(|| Arc::new(PlanRecord { latest: 0, ended: Vec::new() }));
        change(Arc::make_mut(record));
        self.writes.put(old, Record::Plan(plan.clone(), record.clone()));
    }

    /// Changes the service's record.
    pub(super) fn change_service(&mut self, change: impl FnOnce(&mut ServiceRecord)) {
        let old = Record::Service(self.state.service.clone()).digest();
        change(Arc::make_mut(&mut self.state.service));
        self.writes.put(old, Record::Service(self.state.service.clone()));
    }

    /// Keeps a backend's note, or forgets it. The same again writes nothing.
    pub(super) fn keep_note(&mut self, note: Note) {
        let Note { name, text } = note;
        let old = self.state.notes.get(&name);
        if old == text.as_ref() {
            return;
        }
        let was = old.map(|old| Record::Note(name.clone(), old.clone()).digest()).unwrap_or_default();
        match text {
            Some(text) => {
                self.state.notes.insert(name.clone(), text.clone());
                self.writes.put(was, Record::Note(name, text));
            }
            None => {
                self.state.notes.remove(&name);
                self.writes.delete(Key::Note(name), was);
            }
        }
    }

    /// Derives anew what an instance's record says: the statuses of the steps that speak of it, and whether
    /// recovery has something to do.
    pub(super) fn touch(&mut self, at: At) {
        for nth in 0..self.state.active.len() {
            let run = &self.state.active[nth];
            let (number, layout) = (run.number(), run.layout.clone());
            for &phase in layout.phases_of(at.pod) {
                for step in layout.phases[phase as usize].steps_of(at.index) {
                    self.derive_step(nth, at, StepRef { run: number, phase, step });
                }
            }
        }
        self.state.index_hurt(at);
        self.state.index_deadline(at);
        if self.state.index_member(at) {
            self.members_are_back(at.pod);
        }
        if self.state.hurt.contains(&at) {
            self.session.agenda.consider(Item::Recovery(at));
        }
    }

    /// The pending steps of an instance may have waited for what changed.
    pub(super) fn consider_steps_of(&mut self, at: At) {
        for run in &self.state.active {
            for &phase in run.layout.phases_of(at.pod) {
                let pending = run
                    .phase(phase)
                    .steps_of(at.index)
                    .filter(|&step| run.progress.phase(phase).step(step) == Status::Pending);
                let items = pending.map(|step| Item::Step(StepRef { run: run.number(), phase, step }));
                self.session.agenda.consider_all(items);
            }
        }
    }

    /// An instance is wanted otherwise: what its record says is derived anew, and all that may act on it is considered.
    pub(super) fn wanted_otherwise(&mut self, at: At) {
        self.touch(at);
        self.awaken(Waker::Wanted, at);
    }

    /// Derives a step's status, and tells its parents and its successors.
    pub(super) fn derive_step(&mut self, nth: usize, at: At, step: StepRef) {
        let run = &self.state.active[nth];
        let status = self.state.step_status(run, at, step);
        let urgent = self.state.is_urgent(run, at, step, status);
        let Run { layout, progress, .. } = &mut self.state.active[nth];
        let held = progress.phase(step.phase).is_held();
        let changed = progress.set_step(layout, step.phase, step.step, status, urgent);
        let released = held && !progress.phase(step.phase).is_held();
        if status == Status::Pending {
            self.session.agenda.consider(Item::Step(step));
        }
        // Who owns what is broken in the instance may have changed.
        if changed.step.0 != changed.step.1 && self.state.hurt.contains(&at) {
            self.session.agenda.consider(Item::Recovery(at));
        }
        self.follow_up(nth, step, changed, released);
    }

    /// What a changed status lets others do.
    fn follow_up(&mut self, nth: usize, step: StepRef, changed: Changed, released: bool) {
        let Changed { step: (old, new), phase, plan, turned } = changed;
        let ((old_phase, new_phase), (old_plan, new_plan)) = (phase, plan);
        if old != new {
            self.event(Event::Step { step, change: (old, new) });
        }
        if old_phase != new_phase {
            let change = (old_phase, new_phase);
            self.event(Event::Phase { run: step.run, phase: step.phase, change });
        }
        if old_plan != new_plan {
            self.event(Event::Plan { run: step.run, change: (old_plan, new_plan) });
            if new_plan == Status::Complete {
                self.completed.push(step.run);
            }
        }
        if old != new && new == Status::Complete {
            self.consider_after(nth, step);
            self.withdraw_done(nth, step);
            self.session.questions.forget(step);
            if !self.state.obsolete.is_empty() {
                let phase = self.state.active[nth].phase(step.phase);
                let index = phase.steps[step.step as usize].instance;
                let at = At { pod: phase.pod, index };
                self.end_removed(at);
            }
        }
        let opened = (old_phase == Status::Complete) != (new_phase == Status::Complete) || released;
        if opened || turned.is_some() {
            self.consider_phases_after(nth, step.phase);
        }
        // What asks for room out of its turn gives way to others of its instance.
        if let Some(Some(before)) = turned {
            let phase = self.state.active[nth].phase(step.phase);
            let at = At { pod: phase.pod, index: phase.steps[before as usize].instance };
            self.consider_steps_of(at);
            self.session.agenda.consider(Item::Recovery(at));
        }
        // A step that became incomplete again closes others, whose broken members recovery takes over.
        if old == Status::Complete && new != old {
            self.consider_hurt();
        }
    }

    /// The steps that a completed one may have let go on.
    fn consider_after(&mut self, nth: usize, step: StepRef) {
        let run = &self.state.active[nth];
        let (layout, progress) = (run.phase(step.phase), run.progress.phase(step.phase));
        let freed = progress.freed_by(layout, step.step);
        self.session.agenda.consider_all(freed.map(|freed| Item::Step(StepRef { step: freed, ..step })));
        if progress.opens_groups(layout, step.step) {
            self.session.agenda.sweep(step.run, [step.phase]);
        }
    }

    /// Who is complete by another launch asks for room no more.
    fn withdraw_done(&mut self, nth: usize, step: StepRef) {
        let phase = self.state.active[nth].phase(step.phase);
        let at = At { pod: phase.pod, index: phase.steps[step.step as usize].instance };
        let asking =
            |order: &&Order| order.stage == OrderStage::Wanted && order.purpose == Purpose::Step(step);
        let order = self.state.record(at).and_then(|record| record.orders().iter().find(asking));
        if let Some(launch) = order.map(|order| order.launch) {
            self.withdraw(at, launch, Reason::NotWanted);
        }
    }

    /// The phases that a completed one may have let go on.
    fn consider_phases_after(&mut self, nth: usize, phase: u32) {
        let run = &self.state.active[nth];
        let number = run.number();
        let sweeps = run.progress.freed_by(&run.layout, phase).chain([phase]);
        self.session.agenda.sweep(number, sweeps);
    }

    /// Whoever has something broken is considered again: who owns it may have changed.
    pub(super) fn consider_hurt(&mut self) {
        self.session.agenda.go_through_hurt();
    }

    /// Considers what is on the agenda, up to a bound.
    pub(super) fn work_off_agenda(&mut self) {
        if self.session.reconciliation.is_fresh() || self.session.superseded {
            return;
        }
        let mut bound = Bound::default();
        while let Some(next) = self.session.agenda.next(&mut bound) {
            match next {
                Next::Item(Item::Leave) => self.consider_leavers(),
                Next::Item(Item::Refit(pod)) => self.ask_anew(pod),
                Next::Item(Item::Recovery(at)) => self.consider_recovery(at),
                Next::Item(Item::Members(pod)) => self.consider_waiting(pod),
                Next::Item(Item::Step(step)) => self.consider_step(step),
                Next::Hurt(from) => {
                    let at = self.state.hurt.range(from..).next().copied();
                    self.session.agenda.hurt_on(at);
                    if let Some(at) = at {
                        self.consider_recovery(at);
                    }
                }
                Next::Sweep(sweep) => {
                    let Sweep { run, phase, from } = sweep;
                    let next = self.next_in_sweep(run, phase, from);
                    self.session.agenda.sweep_on(sweep, next.and_then(|(_, from)| from));
                    if let Some((step, _)) = next {
                        self.consider_step(StepRef { run, phase, step });
                    }
                }
            }
        }
    }

    /// The next step of a sweep, and where the sweep goes on.
    fn next_in_sweep(&self, number: Number, phase: u32, from: u32) -> Option<(u32, Option<u32>)> {
        let run = self.state.run(number)?;
        if run.progress.blocked(&run.layout, phase).is_some() {
            return None;
        }
        run.progress.phase(phase).next_due(run.phase(phase), from)
    }

    /// Ends the turn: ends the runs that became complete, and makes writes of what changed.
    pub(super) fn finish(mut self) -> Effects {
        while let Some(number) = self.completed.pop() {
            if self.state.run(number).is_some_and(|run| run.progress.status() == Status::Complete) {
                self.end_run(number, RunOutcome::Complete);
            }
        }
        if self.dissolved {
            self.effects.writes = self.writes.without_clock();
            return self.effects;
        }
        let mut changed = std::mem::take(&mut self.changed);
        if changed.len() > 1 {
            changed.sort_unstable();
        }
        for at in changed {
            self.write_instance(at);
        }
        if !self.left.is_empty() {
            self.trim();
        }
        self.effects.wake_at = self.wake_at();
        let superseded = self.session.superseded;
        self.effects.writes = self.writes.finish(self.now, self.wall, || !superseded);
        self.effects
    }

    /// Who went for good takes no place any more.
    fn trim(&mut self) {
        for pod in std::mem::take(&mut self.left) {
            self.state.trim(pod);
        }
        let declared = self.state.model.pods().len();
        let empty = |state: &State| {
            state.pods.len() > declared && state.pods.last().is_some_and(|instances| instances.is_empty())
        };
        while empty(self.state) {
            self.state.pods.pop();
            self.change_service(|service| drop(service.leaving.pop()));
        }
    }

    fn write_instance(&mut self, at: At) {
        let marks = self.state.record(at).map(|record| record.steps()).unwrap_or_default();
        // Marks of runs that are forgotten go with the next write.
        let stale = marks.iter().map(|mark| mark.step.run).filter(|&run| !self.state.remembers(run));
        let stale: Vec<Number> = stale.collect();
        let name = self.name(at);
        let instance = &mut self.state.pods[at.pod as usize][at.index as usize];
        instance.dirty = false;
        let Some(record) = &mut instance.record else {
            let old = std::mem::take(&mut instance.digest);
            if old != Digest::default() {
                self.writes.delete(Key::Pod(name), old);
            }
            return;
        };
        if !stale.is_empty() {
            Arc::make_mut(record).forget_marks(&stale);
        }
        instance.digest = self.writes.put(instance.digest, Record::Pod(name, record.clone()));
    }

    /// When the engine wants to be woken.
    fn wake_at(&self) -> Option<Wall> {
        if self.session.superseded {
            return None;
        }
        let more = !self.session.agenda.is_empty() && !self.bug(Bug::BoundDropsWake);
        // The start goes on without an answer of the backend.
        let is_starting = self.session.reconciliation.starts_from().is_some();
        if self.session.reconciliation.is_fresh() || more || is_starting {
            return Some(self.wall);
        }
        let delays = self.state.delays.first().filter(|_| !self.bug(Bug::NoWake)).map(|(until, _)| *until);
        let Session { kills, reconciliation, pursuits, farewell, questions, .. } = &*self.session;
        let waits = [
            delays,
            self.next_patience(),
            kills.first(),
            reconciliation.first(),
            pursuits.first(),
            questions.first_due(),
            *farewell,
        ];
        let next = waits.into_iter().flatten().min()?;
        Some(self.wall.after(next.since(self.now)))
    }

    /// Ends a run.
    pub(super) fn end_run(&mut self, number: Number, outcome: RunOutcome) {
        let now = self.now;
        self.change_run(number, |run| run.outcome = Some(outcome));
        let Some(nth) = self.state.active.iter().position(|run| run.number() == number) else { return };
        let run = self.state.active.remove(nth);
        let plan = run.layout.name.clone();
        let steps = self.state.step_times(&run);
        let ended = EndedRun { run: number, begun: run.record.begun, ended: now, outcome, steps };
        self.change_plan(&plan, |record| {
            record.ended.retain(|old| old.run != number);
            record.ended.push(ended);
            let over = record.ended.len().saturating_sub(PlanRecord::KEPT);
            record.ended.drain(..over);
        });
        self.session.agenda.forget_run(number);
        self.session.budgets.forget_run(number);
        self.session.questions.forget_run(number);
        // Whatever waited for a slot of this run may go on.
        for other in &self.state.active {
            let phases = 0..other.layout.phases.len() as u32;
            self.session.agenda.sweep(other.number(), phases);
        }
        self.state.ended.insert(number, run.record);
        self.event(Event::RunEnded { run: number, plan, outcome });
        if outcome == RunOutcome::Complete && self.state.service.converging == number {
            self.became_target(number);
        }
        self.consider_hurt();
    }
}
