//! Moving: instances that go elsewhere.
//!
//! Invariant: an instance leaves its place only by a recorded permission, and what it had there becomes a debt
//! in the batch that gives it another (engine.md §3).

use std::sync::Arc;
use std::time::Duration;

use crate::plan::{Demand, TaskConfig};
use crate::spec::placement::{Census, NodeFacts};
use crate::spec::{PlacementRule, TaskName};

use super::agenda::{Item, MOST_CONSIDERED};
use super::at::At;
use super::bug::Bug;
use super::effects::Event;
use super::reason::{Reason, Verdict};
use super::record::{Cause, DebtCause, Number, Occupant, OrderedTask, Permission, PodRecord, Stage};
use super::rules::{Question, Waker, eligible};
use super::state::State;
use super::time::Time;
use super::turn::Turn;

/// Who is down for too long, and was not seen in this session, is looked at again after so long.
const UNSEEN_AGAIN: Duration = Duration::from_secs(5);

impl State {
    /// All that an instance needs elsewhere: its pod's footprint, and of the tasks that are launched first what
    /// their configurations say.
    pub(super) fn whole_demand(&self, at: At, tasks: &[OrderedTask]) -> Arc<[Demand]> {
        let footprint = self.pod_model(at.pod).map(|pod| pod.footprint.clone()).unwrap_or_default();
        let mut whole = footprint.to_vec();
        let configs = tasks.iter().filter_map(|task| self.confs.get(&task.conf));
        for config in configs {
            let (set, resources) = (&config.spec.resource_set, &config.resources);
            match whole.iter_mut().find(|demand| demand.set == *set) {
                Some(demand) => demand.resources = resources.clone(),
                None => whole.push(Demand { set: set.clone(), resources: resources.clone() }),
            }
        }
        whole.into()
    }

    /// The configurations that an instance needs room for where it has no place yet: its pod's, and of the tasks that
    /// are launched first their own.
    pub(super) fn whole_configs(&self, at: At, tasks: &[OrderedTask]) -> Arc<[Arc<TaskConfig>]> {
        let declared = self.pod_model(at.pod).map(|pod| pod.configs.clone()).unwrap_or_default();
        let is_declared = |task: &OrderedTask| {
            let models = self.pod_model(at.pod).map(|pod| pod.tasks.as_slice()).unwrap_or_default();
            models.iter().any(|model| model.name == task.task && model.conf == task.conf)
        };
        if tasks.iter().all(is_declared) {
            return declared;
        }
        let own = |name: &TaskName| {
            let ordered = tasks.iter().find(|ordered| ordered.task == *name)?;
            self.confs.get(&ordered.conf).cloned()
        };
        let known = |task: &OrderedTask| declared.iter().any(|config| config.task == task.task);
        let others = tasks.iter().filter(|task| !known(task));
        let others = others.filter_map(|task| self.confs.get(&task.conf).cloned());
        let whole = declared.iter().map(|config| own(&config.task).unwrap_or_else(|| config.clone()));
        whole.chain(others).collect()
    }

    /// Where the others are, for the placement of an instance that goes elsewhere.
    pub(super) fn census_without(&self, at: At) -> Arc<Census> {
        let census = self.census[at.pod as usize].clone();
        let record = self.record(at).filter(|_| !self.bug(Bug::CountsItself));
        let (Some(place), Some(pod)) = (record.and_then(|r| r.place().cloned()), self.pod_model(at.pod))
        else {
            return census;
        };
        let Some(rule) = &pod.placement else { return census };
        let mut others = (*census).clone();
        for field in rule.fields() {
            if let Some(value) = place.node.value(&field) {
                others.remove(&field, value);
            }
        }
        if rule.pods().contains(&pod.name) {
            others.remove_host(&pod.name, &place.node.name);
        }
        Arc::new(others)
    }

    /// Whether an instance has a volume that lives apart from its node: two launches must never have it at
    /// once.
    pub(super) fn has_external_volume(&self, at: At) -> bool {
        let pod = self.pod_model(at.pod).and_then(|pod| self.model.spec().pods().get(&pod.name));
        pod.is_some_and(|pod| !pod.external_volumes.is_empty())
    }

    /// The tasks that are ended before an order is given: those in its slots, or, where the instance goes
    /// elsewhere, all that are heard of.
    pub(super) fn victims<'a>(
        &'a self,
        at: At,
        record: &'a PodRecord,
        launch: Number,
    ) -> impl Iterator<Item = &'a Occupant> {
        let moves = record.permission().is_some();
        let shared = moves && self.has_external_volume(at) && !self.bug(Bug::SharedVolume);
        let stays = moves && self.bug(Bug::MoveAlive);
        let slots = record.slots().iter().filter(move |slot| moves || slot.act() == Some(launch));
        let living = slots.filter_map(|slot| slot.occupant()).filter(|occupant| occupant.may_live());
        living.filter(move |occupant| !stays && (!moves || shared || occupant.silent.is_none()))
    }
}

impl Turn<'_> {
    /// An instance may, and shall, go elsewhere: what it waits for and what was refused of it is forgotten.
    pub(super) fn permit(&mut self, at: At, cause: Cause) {
        let now = self.now;
        let Some(record) = self.state.record(at) else { return };
        if record.place().is_none() {
            return;
        }
        if let Some(known) = record.permission() {
            // The word that is hardest to take back counts; what stands, stands for it too.
            if cause == Cause::Replace && known.cause != Cause::Replace {
                self.record_mut(at).permit(cause, now);
            }
            return;
        }
        let tasks: Vec<_> = record.tasks().iter().map(|task| task.name().clone()).collect();
        // Room at the old place is asked for no more.
        self.withdraw_where(at, |_| true);
        tasks.iter().for_each(|task| self.begin_anew(at, task));
        self.record_mut(at).permit(cause, now);
        self.event(Event::MayMove { instance: self.name(at), cause });
        self.wanted_otherwise(at);
        // Nobody may be left there to say that its tasks have ended.
        if cause == Cause::NodeGone {
            self.ask_for_instance(at);
        }
    }

    /// An instance that was lost, or down for too long, is there again: it stays, unless an operator replaces
    /// it or its tasks are being ended already.
    pub(super) fn may_stay(&mut self, at: At) {
        let Some(record) = self.state.record(at) else { return };
        let for_good = |cause| cause == Cause::Replace && !self.bug(Bug::ReplaceTakenBack);
        let lost = record.permission().is_some_and(|permission| !for_good(permission.cause));
        let down = record.tasks().iter().any(|task| task.down().is_some());
        let down = down || self.bug(Bug::NeverStays);
        if !lost || down || record.standing().any(|order| order.stage == Stage::Clearing) {
            return;
        }
        self.withdraw_where(at, |_| true);
        self.record_mut(at).stay();
        self.event(Event::Stays { instance: self.name(at) });
        self.touch(at);
        self.awaken(Waker::Wanted, at);
    }

    /// Lets go elsewhere who was down for too long, one after the other as the policy wants it.
    pub(super) fn end_patience(&mut self) {
        let now = self.now;
        // Who is asked whether it is there again is not given up yet.
        if !self.session.is_live() || self.session.patience > Some(now) {
            return;
        }
        let may = |turn: &Self, at| eligible(&Question::of_move(turn.state, at, now), turn.session);
        let first = self.state.deadlines.due(now).next().map(|at| may(self, at));
        if matches!(first, Some(Verdict::Defer(Reason::ReplacedLately { .. }))) {
            return;
        }
        let due = self.state.deadlines.due(now);
        let seen: Vec<At> = due.filter(|&at| self.state.is_seen(at)).take(MOST_CONSIDERED).collect();
        let all = seen.len() < MOST_CONSIDERED;
        for at in seen {
            if may(self, at) != Verdict::Allow {
                return;
            }
            self.permit(at, Cause::Timeout);
        }
        // Those who are left were not seen: they are looked at again.
        let unseen = all && self.state.deadlines.first().is_some_and(|due| due <= now);
        self.session.patience = unseen.then(|| now.after(UNSEEN_AGAIN));
    }

    /// When the next that is down for too long may go elsewhere.
    pub(super) fn next_patience(&self) -> Option<Time> {
        if !self.session.is_live() {
            return None;
        }
        let due = self.state.deadlines.first()?;
        Some(due.max(self.state.next_replacement()?).max(self.session.patience.unwrap_or_default()))
    }

    /// What an instance has at its place becomes a debt, and the place is given up.
    pub(super) fn abandon_place(&mut self, at: At, cause: DebtCause, kept: Option<&super::record::Handle>) {
        let Some(record) = self.state.instance(at).record.clone() else { return };
        let Some(place) = record.place().cloned() else { return };
        let living: Vec<Occupant> = record.living().cloned().collect();
        let release = Some(place.handle.clone()).filter(|handle| Some(handle) != kept);
        self.owe(at, &record, cause, living, release);
        self.uncount(at, &place.node);
        let timeout = record.permission().is_some_and(|permission| permission.cause == Cause::Timeout);
        if cause == DebtCause::Moved && timeout {
            let now = self.now;
            self.change_service(|service| service.replaced = Some(now));
        }
        let kept = record.permission().filter(|_| self.bug(Bug::PermissionKept));
        let record = self.record_mut(at);
        record.abandon_place();
        if let Some(Permission { cause, at: since }) = kept {
            record.permit(cause, since);
        }
    }

    /// An instance is there no more: who waits for room because of it is asked for again.
    pub(super) fn uncount(&mut self, at: At, node: &NodeFacts) {
        self.state.uncount_place(at, node);
        let model = self.state.model.clone();
        let Some(name) = model.pods().get(at.pod as usize).map(|pod| &pod.name) else { return };
        for (pod, other) in (0..).zip(model.pods()) {
            let asks = |rule: &Arc<PlacementRule>| pod == at.pod || rule.pods().contains(name);
            if other.placement.as_ref().is_some_and(asks) {
                self.session.agenda.consider(Item::Refit(pod));
            }
        }
    }

    /// Asks the open questions of a pod again, as the others are elsewhere now.
    pub(super) fn ask_anew(&mut self, pod: u32) {
        let open: Vec<(Number, At)> = self.session.fits.open_of(pod).collect();
        for (launch, at) in open {
            let bound = |record: &PodRecord| record.place().is_some() && record.permission().is_none();
            if !self.state.record(at).is_some_and(bound) {
                self.renumber(at, launch);
            }
        }
    }
}
