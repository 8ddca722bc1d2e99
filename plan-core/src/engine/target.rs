//! Targets: the specification that a service is to have, the first one and each after it.
//!
//! Invariant: a target replaces another in one batch, or not at all. Each order of the old target's run is withdrawn,
//! or goes on for the new target's run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::plan::{Model, PlanLayout, PodModel};
use crate::spec::{Change, ChangeVerdict, PlanName, PodName, change, changes};

use super::at::At;
use super::bug::Bug;
use super::effects::Event;
use super::input::Target;
use super::record::{Key, Mark, Number, Record, RunKind, RunOutcome};
use super::reply::{Refusal, RefusedItem, Reply};
use super::runs::Interrupted;
use super::session::agenda::Item;
use super::state::{Instance, Run, State};
use super::transition::Transition;

impl State {
    /// The plan that brings a target about.
    pub(super) fn converging_plan(
        &self,
        model: &Model,
        named: Option<&PlanName>,
        changes: &[Change],
    ) -> Result<Arc<PlanLayout>, Refusal> {
        if let Some(named) = named {
            let layout = model.plans().get(named).cloned().ok_or_else(|| Refusal::NoPlan(named.clone()))?;
            let early = !self.service().deployed && *named != *PlanName::DEPLOY;
            return if early { Err(Refusal::DeployFirst(named.clone())) } else { Ok(layout) };
        }
        let changed =
            self.service().deployed.then(|| change::converging_plan(model.spec(), changes)).flatten();
        let name = changed.cloned().unwrap_or_else(PlanName::deploy);
        model.plans().get(&name).cloned().ok_or(Refusal::NoPlan(name))
    }

    /// The parts of a target that are refused.
    fn refused_items(&self, model: &Model, changes: &[Change]) -> Vec<RefusedItem> {
        let refused = changes.iter().filter(|change| change.verdict == ChangeVerdict::Refused);
        let mut items: Vec<RefusedItem> = refused
            .map(|change| RefusedItem {
                path: change.path.clone(),
                why: change.why.clone().unwrap_or_else(|| "it cannot be changed".to_owned()),
            })
            .collect();
        for run in self.active().iter().filter(|run| run.record.kind == RunKind::Side) {
            let plan = &run.layout.name;
            if !is_same_plan(self.model(), model, plan) {
                items.push(RefusedItem {
                    path: format!("plans.{plan}"),
                    why: format!(
                        "the plan runs, and the target changes it: wait for its end, or `stop {plan}`"
                    ),
                });
            }
        }
        items
    }

    /// The instances that have a record.
    fn known_instances(&self) -> Vec<At> {
        let pods = (0..).zip(self.pods());
        let all = pods.flat_map(|(pod, instances)| {
            let known = (0..).zip(instances).filter(|(_, instance)| instance.is_known());
            known.map(move |(index, _)| At { pod, index })
        });
        all.collect()
    }
}

/// Whether a plan has the same steps over the same instances and tasks under both targets.
fn is_same_plan(old: &Model, new: &Model, plan: &PlanName) -> bool {
    let (Some(before), Some(after)) = (old.plans().get(plan), new.plans().get(plan)) else { return false };
    let names = |model: &Model, layout: &PlanLayout| {
        let phases = layout.phases.iter().map(|phase| {
            let pod = &model.pods()[phase.pod as usize];
            let groups = phase.groups.iter();
            let tasks = groups.map(|group| {
                let of =
                    |task: u32| (pod.tasks[task as usize].name.clone(), pod.tasks[task as usize].set.clone());
                group.tasks.iter().map(|&task| of(task)).collect::<Vec<_>>()
            });
            (pod.name.clone(), tasks.collect::<Vec<_>>())
        });
        phases.collect::<Vec<_>>()
    };
    before.strategy == after.strategy
        && before.needs == after.needs
        && before.phases == after.phases
        && names(old, before) == names(new, after)
}

/// The interruptions of a run that the next run takes over, by the names of phases.
fn carried_over(run: &Run, next: &PlanLayout) -> Interrupted {
    let mark = |interrupted| Mark { interrupted, ..Mark::default() };
    let marks = run.record.phases.iter().filter(|(_, mark)| mark.interrupted);
    let named: BTreeSet<_> = marks.map(|(&phase, _)| &run.phase(phase).name).collect();
    let phases = (0..).zip(&next.phases).filter(|(_, phase)| named.contains(&phase.name));
    Interrupted {
        plan: mark(run.record.mark.interrupted),
        phases: phases.map(|(at, _)| (at, mark(true))).collect(),
    }
}

impl Transition<'_> {
    /// Takes a target. A repeated request gets the reply of the first.
    pub(super) fn target(&mut self, target: Target) -> Reply {
        let Target { model, plan, by, .. } = target;
        if let Some(earlier) = by.as_ref().and_then(|by| self.said(&by.id)) {
            return earlier;
        }
        let words = format!("target {}", model.hash());
        let reply = self.submit(model, plan.as_ref()).unwrap_or_else(Reply::Refused);
        match by {
            Some(by) => self.note(by, words, reply),
            None => reply,
        }
    }

    fn submit(&mut self, model: Arc<Model>, plan: Option<&PlanName>) -> Result<Reply, Refusal> {
        if self.state.service().uninstalling {
            return Err(Refusal::Uninstalling);
        }
        if model.hash() == self.state.model().hash() {
            return Ok(Reply::AlreadySo);
        }
        let changes = changes(self.state.model().spec(), model.spec());
        let items = self.state.refused_items(&model, &changes);
        if !items.is_empty() {
            return Err(Refusal::Target(items));
        }
        // Changes of the present target that are not brought about yet count as changes of this one too.
        let mut all = changes;
        if let (Some(previous), Some(_)) =
            (self.state.previous(), self.state.run(self.state.service().converging))
        {
            all.extend(self::changes(previous.spec(), model.spec()));
        }
        let layout = self.state.converging_plan(&model, plan, &all)?;
        // A plan that an operator started is not run for the target at the same time.
        if let Some(run) = self.state.run_of(&layout.name).filter(|run| run.record.kind == RunKind::Side) {
            return Err(Refusal::Running(run.layout.name.clone()));
        }
        self.take_on(model, &layout);
        Ok(Reply::Done)
    }

    /// Replaces the present target.
    fn take_on(&mut self, model: Arc<Model>, layout: &Arc<PlanLayout>) {
        let before = self.state.model().clone();
        let (left_runs, interrupted) = self.overtake_runs(layout);
        self.lay_out(&model);
        self.carry_runs(&before);
        let previous = self.state.previous().as_ref().map(|previous| previous.hash());
        if previous != Some(model.hash()) {
            self.writes.put_new(Record::Spec(model.clone()));
        }
        if previous != Some(before.hash()) {
            self.forget_spec(&before);
        }
        self.keep_confs(&model);
        let instances = self.state.known_instances();
        for &at in &instances {
            self.adapt(at, &left_runs);
        }
        let number = self.begin_run(layout, RunKind::Converging, None, interrupted);
        self.change_service(|service| {
            service.target = model.hash();
            service.converging = number;
        });
        self.event(Event::Target { spec: model.hash(), plan: layout.name.clone() });
        for at in self.changed().to_vec() {
            self.touch(at);
        }
        for &at in &instances {
            self.rebind(at, &left_runs);
            self.end_removed(at);
        }
        self.forget_unnamed();
        // Orders that ask for a place ask anew where the question has changed.
        let asks_otherwise = |pod: &PodModel| {
            let old = before.pods().iter().find(|old| old.name == pod.name);
            old.is_some_and(|old| {
                (&old.placement, &old.footprint, &old.volumes)
                    != (&pod.placement, &pod.footprint, &pod.volumes)
            })
        };
        let pods = (0..).zip(model.pods()).filter(|(_, pod)| asks_otherwise(pod));
        self.session.agenda.consider_all(pods.map(|(pod, _)| Item::Refit(pod)));
        self.session.agenda.consider(Item::Leave);
        self.consider_hurt();
    }

    /// Ends the runs that brought the present target about. What an operator interrupted stays interrupted.
    fn overtake_runs(&mut self, next: &PlanLayout) -> (BTreeSet<Number>, Interrupted) {
        let interrupted = self.state.run(self.state.service().converging);
        let interrupted = interrupted.map(|run| carried_over(run, next)).unwrap_or_default();
        let converging = self.state.active().iter().filter(|run| run.record.kind == RunKind::Converging);
        let left: BTreeSet<Number> = converging.map(Run::number).collect();
        let ends = !self.bug(Bug::TwoConverging);
        for &number in left.iter().filter(|_| ends) {
            self.end_run(number, RunOutcome::Overtaken);
        }
        (left, interrupted)
    }

    /// Lays the instances out anew: each keeps its name, and may get another position.
    fn lay_out(&mut self, model: &Arc<Model>) {
        let state = &mut *self.state;
        let mut known: BTreeMap<PodName, (u32, Vec<Instance>)> = BTreeMap::new();
        let old_names = state.model().pods().iter().map(|pod| pod.name.clone());
        let old_names: Vec<PodName> = old_names.chain(state.service().leaving.iter().cloned()).collect();
        for ((at, name), instances) in (0..).zip(&old_names).zip(state.take_pods()) {
            known.insert(name.clone(), (at, instances));
        }
        let mut moved: BTreeMap<u32, u32> = BTreeMap::new();
        let mut pods = Vec::new();
        for (at, pod) in (0..).zip(model.pods()) {
            let (old, mut instances) = known.remove(&pod.name).unzip();
            let instances = instances.get_or_insert_default();
            moved.extend(old.map(|old| (old, at)));
            if instances.len() < pod.count as usize {
                instances.resize_with(pod.count as usize, Instance::default);
            }
            pods.push(std::mem::take(instances));
        }
        let mut leaving = Vec::new();
        // Pods that leave already come first, then pods that leave now, in declared order.
        let declared = state.model().pods().len();
        for name in old_names[declared..].iter().chain(&old_names[..declared]) {
            let Some((old, instances)) = known.remove(name) else { continue };
            if instances.iter().all(|instance| !instance.is_known()) {
                continue;
            }
            moved.insert(old, pods.len() as u32);
            leaving.push(name.clone());
            pods.push(instances);
        }
        state.put_target(model, pods);
        let place = |at: At| moved.get(&at.pod).map(|&pod| At { pod, ..at });
        let session = &mut *self.session;
        session.kills.laid_out(place);
        session.reconciliation.laid_out(place);
        session.fits.laid_out(place);
        session.agenda = Default::default();
        self.tell(|keeper, transition| keeper.laid_out(transition));
        self.laid_out(place);
        self.change_service(|service| service.leaving = leaving);
        for at in self.state.known_instances() {
            if let Some(place) = self.state.record(at).and_then(|record| record.place().cloned()) {
                self.state.count_place(at, &place.node);
            }
        }
    }

    /// Carries the active runs of plans that are the same under both targets over. An ended run is remembered as long
    /// as its plan is the same.
    fn carry_runs(&mut self, before: &Model) {
        let model = self.state.model().clone();
        let plans: Vec<PlanName> = self.state.plans().keys().cloned().collect();
        for plan in plans {
            if is_same_plan(before, &model, &plan) {
                continue;
            }
            self.forget_ended(&plan);
            if !model.plans().contains_key(&plan)
                && let Some(record) = self.state.forget_plan(&plan)
            {
                let old = Record::Plan(plan.clone(), record).digest();
                self.writes.delete(Key::Plan(plan), old);
            }
        }
        let running: Vec<Number> = self.state.active().iter().map(Run::number).collect();
        for number in running {
            self.change_run(number, |run| run.spec = model.hash());
            let Some(record) = self.state.run(number).map(|run| run.record.clone()) else { continue };
            if let Some(layout) = model.plans().get(&record.plan).cloned() {
                let run = self.state.index_run(record, layout);
                self.state.add_run(run);
            }
            self.sweep(number);
        }
    }
}
