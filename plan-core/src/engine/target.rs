//! Targets: what a service shall be, the first one and each after it (engine.md §5).
//!
//! Invariant: a target takes the place of another in one batch, or not at all. What of the old one's run stands
//! is withdrawn, or goes on for the new one's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::plan::{Blocked, ContentHash, Model, PlanLayout, PodModel, Status, TaskModel};
use crate::spec::{
    Change, ChangeVerdict, Goal, InstanceName, PlanName, PodName, ResourceSetName, TaskName, change, changes,
};

use super::digest::Digest;
use super::effects::{Command, Effects, Event, Refusal, RefusedItem, Reply};
use super::input::{Input, Target};
use super::reason::Reason;
use super::record::{
    DebtCause, Key, Mark, Number, Occupant, Order, OrderedTask, PodRecord, Purpose, Record, RunKind,
    RunOutcome, RunRecord, ServiceRecord, Slot, Stage, StepRef,
};
use super::runs::Interrupted;
use super::session::{Item, Stage as SessionStage, Whose};
use super::state::{At, Instance, Run, State};
use super::time::Wall;
use super::turn::Turn;
use super::view::PlanView;
use super::zoo::Bug;
use super::{DEPLOY, Engine};

/// What a target would lead to, from the state at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// What differs from the present target, each with its verdict.
    pub changes: Vec<Change>,
    /// The answer that the target would have.
    pub reply: Reply,
    /// The plan that would run, with what of it is done already; none if the target is refused or the present
    /// one.
    pub plan: Option<PlanView>,
    /// Tasks that would be launched again, and for which fields.
    pub restarts: Vec<Restart>,
    /// Instances that would come.
    pub joins: Vec<InstanceName>,
    /// Tasks of instances that stay which the target does not have: they would end.
    pub ends: Vec<(InstanceName, TaskName)>,
    /// Instances that would go, in their order.
    pub leaves: Vec<InstanceName>,
}

/// A task that a target would launch again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// The instance.
    pub instance: InstanceName,
    /// The task.
    pub task: TaskName,
    /// The fields that differ, as `pods.kafka.tasks.broker.cmd`; none if what runs is of an older target.
    pub fields: Vec<String>,
}

impl Engine {
    /// What a target would lead to. Nothing is changed.
    pub fn preview(&self, target: &Target) -> Preview {
        let mut later = self.clone();
        let changes = match &self.state {
            Some(state) => changes(state.model.spec(), target.model.spec()),
            None => Vec::new(),
        };
        let wall = self.clock.wall;
        let mut target = target.clone();
        target.by = None;
        let reply = later.handle(wall, Input::Target(target)).reply;
        // A target always has an answer.
        let reply = reply.unwrap_or(Reply::AlreadySo);
        let mut preview = Preview {
            changes,
            reply,
            plan: None,
            restarts: Vec::new(),
            joins: Vec::new(),
            ends: Vec::new(),
            leaves: Vec::new(),
        };
        let (Reply::Done, Some(new)) = (&preview.reply, &later.state) else { return preview };
        if let Some(Record::Run(run)) = later.run_record(new.service.converging) {
            preview.plan = later.plan(run.plan.as_str());
        }
        let old = self.state.as_ref();
        let known = |name: &InstanceName| old.and_then(|old| old.record(old.at(name)?));
        for (pod, model) in (0..).zip(new.model.pods()) {
            for index in 0..model.count {
                let name = new.name(At { pod, index });
                let was = old.is_some_and(|old| old.at(&name).is_some_and(|at| !old.is_leaver(at)));
                if !was {
                    preview.joins.push(name);
                    continue;
                }
                let Some(record) = known(&name) else { continue };
                let gone = record.tasks.iter().filter(|task| model.task_index(&task.name).is_none());
                preview.ends.extend(gone.map(|task| (name.clone(), task.name.clone())));
                for task in new.tasks_to_do(At { pod, index }) {
                    if record.task(&task.name).is_none_or(|known| known.last.is_none()) {
                        continue;
                    }
                    let of = |change: &&Change| {
                        change.pod.as_ref() == Some(&model.name)
                            && change.task.as_ref().is_none_or(|of| *of == task.name)
                            && matches!(change.verdict, ChangeVerdict::Restarts | ChangeVerdict::Resizes)
                    };
                    let fields =
                        preview.changes.iter().filter(of).map(|change| change.path.clone()).collect();
                    preview.restarts.push(Restart {
                        instance: name.clone(),
                        task: task.name.clone(),
                        fields,
                    });
                }
            }
        }
        preview.leaves = new.leavers();
        preview
    }

    fn run_record(&self, number: Number) -> Option<Record> {
        let state = self.state.as_ref()?;
        let run = state.run(number).map(|run| run.record.clone());
        run.or_else(|| state.ended.get(&number).cloned()).map(Record::Run)
    }

    /// The first target: makes the service, and begins to deploy it.
    pub(super) fn install(&mut self, wall: Wall, target: Target) -> Effects {
        let Target { model, installation, plan, by } = target;
        let service = ServiceRecord {
            name: model.spec().name().clone(),
            installation,
            target: model.hash(),
            converging: 0,
            deployed: false,
            previous: None,
            leaving: Vec::new(),
            replaced: None,
            uninstalling: false,
        };
        let state = State::new(Arc::new(service), model.clone());
        let layout = match state.converging_plan(&model, plan.as_ref(), &[]) {
            Ok(layout) => layout,
            Err(refusal) => {
                return Effects { reply: Some(Reply::Refused(refusal)), ..Effects::default() };
            }
        };
        self.session.stage = SessionStage::Live;
        let state = self.state.insert(state);
        state.zoo = self.zoo;
        let now = self.clock.time;
        let mut turn = Turn::new(now, wall, &mut self.clock, state, &mut self.session, &mut self.digest);
        turn.put(None, Record::Spec(model.clone()), Digest::of(&model.hash()));
        turn.keep_confs(&model);
        // A service's first digest is of nothing: what is not written yet is not counted.
        let fresh = turn.state.service.clone();
        turn.put(None, Record::Service(fresh.clone()), Digest::of(&*fresh));
        let run = turn.begin_run(&layout, RunKind::Converging, None, Interrupted::default());
        turn.change_service(|service| service.converging = run);
        turn.event(Event::Target { spec: model.hash(), plan: layout.name.clone() });
        let reply = Reply::Done;
        turn.effects.reply = Some(match by {
            Some(by) => turn.note(by, format!("target {}", model.hash()), reply),
            None => reply,
        });
        turn.work_off_agenda();
        turn.finish()
    }
}

impl State {
    /// The instances that leave, in their order.
    pub(super) fn leavers(&self) -> Vec<InstanceName> {
        let declared = self.model.pods().len();
        let pods = (declared..self.pods.len()).chain((0..declared).rev());
        let leavers = pods.flat_map(|pod| {
            let instances = self.pods[pod].iter().enumerate().rev();
            let known = instances.filter(|(_, instance)| instance.record.is_some());
            let known = known.map(move |(index, _)| At { pod: pod as u32, index: index as u32 });
            known.filter(|&at| self.is_leaver(at))
        });
        leavers.map(|at| self.name(at)).collect()
    }

    /// The tasks of an instance that the run which brings the target about has to launch.
    fn tasks_to_do(&self, at: At) -> Vec<&TaskModel> {
        let Some(run) = self.run(self.service.converging) else { return Vec::new() };
        let record = self.record(at);
        let mut due: BTreeSet<u32> = BTreeSet::new();
        for &phase in run.layout.phases_of(at.pod) {
            for step in run.phase(phase).steps_of(at.index) {
                let of = StepRef { run: run.number(), phase, step };
                let since = run.record.wanted(record, of).since;
                let tasks = run.phase(phase).tasks(step).iter().copied();
                due.extend(tasks.filter(|&task| {
                    let model = self.task_model(at.pod, task);
                    self.task_status(run, record, model, of, since) != Status::Complete
                }));
            }
        }
        due.into_iter().map(|task| self.task_model(at.pod, task)).collect()
    }

    /// The plan that makes a target so (engine.md §5).
    fn converging_plan(
        &self,
        model: &Model,
        named: Option<&PlanName>,
        changes: &[Change],
    ) -> Result<Arc<PlanLayout>, Refusal> {
        if let Some(named) = named {
            let layout = model.plans().get(named).cloned().ok_or_else(|| Refusal::NoPlan(named.clone()))?;
            let early = !self.service.deployed && *named != *DEPLOY;
            return if early { Err(Refusal::DeployFirst(named.clone())) } else { Ok(layout) };
        }
        let changed = self.service.deployed.then(|| change::converging_plan(model.spec(), changes)).flatten();
        let name = changed.map_or(DEPLOY, PlanName::as_str);
        let missing = || PlanName::new(name).map_or(Refusal::NoService, Refusal::NoPlan);
        model.plans().get(name).cloned().ok_or_else(missing)
    }

    /// What of a target must not be, item by item.
    fn refused_items(&self, model: &Model, changes: &[Change]) -> Vec<RefusedItem> {
        let refused = changes.iter().filter(|change| change.verdict == ChangeVerdict::Refused);
        let mut items: Vec<RefusedItem> = refused
            .map(|change| RefusedItem {
                path: change.path.clone(),
                why: change.why.clone().unwrap_or_else(|| "it cannot be changed".to_owned()),
            })
            .collect();
        for run in self.active.iter().filter(|run| run.record.kind == RunKind::Side) {
            let plan = &run.layout.name;
            if !is_same_plan(&self.model, model, plan) {
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
}

/// Whether a plan is the same steps over the same instances and tasks in both.
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

/// What of a run is interrupted, for the plan of the next.
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

impl Turn<'_> {
    /// Takes a target, once.
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
        if self.state.service.uninstalling {
            return Err(Refusal::Uninstalling);
        }
        if model.hash() == self.state.model.hash() {
            return Ok(Reply::AlreadySo);
        }
        let changes = changes(self.state.model.spec(), model.spec());
        let items = self.state.refused_items(&model, &changes);
        if !items.is_empty() {
            return Err(Refusal::Target(items));
        }
        // What the present target changed and did not bring about yet is changed by this one too.
        let mut all = changes;
        if let (Some(previous), Some(_)) =
            (&self.state.previous, self.state.run(self.state.service.converging))
        {
            all.extend(self::changes(previous.spec(), model.spec()));
        }
        let layout = self.state.converging_plan(&model, plan, &all)?;
        // A plan that runs at an operator's word is not run for the target at the same time.
        if let Some(run) = self.state.run_of(&layout.name).filter(|run| run.record.kind == RunKind::Side) {
            return Err(Refusal::Running(run.layout.name.clone()));
        }
        self.take_on(model, &layout);
        Ok(Reply::Done)
    }

    /// The target takes the place of the present one.
    fn take_on(&mut self, model: Arc<Model>, layout: &Arc<PlanLayout>) {
        let before = self.state.model.clone();
        let (left_runs, interrupted) = self.overtake_runs(layout);
        self.lay_out(&model);
        self.carry_runs(&before);
        let previous = self.state.previous.as_ref().map(|previous| previous.hash());
        if previous != Some(model.hash()) {
            self.put(None, Record::Spec(model.clone()), Digest::of(&model.hash()));
        }
        if previous != Some(before.hash()) {
            self.forget_spec(before.hash());
        }
        self.keep_confs(&model);
        let instances = self.known_instances();
        for &at in &instances {
            self.adapt(at, &left_runs);
        }
        let number = self.begin_run(layout, RunKind::Converging, None, interrupted);
        self.change_service(|service| {
            service.target = model.hash();
            service.converging = number;
        });
        self.event(Event::Target { spec: model.hash(), plan: layout.name.clone() });
        for at in self.changed.clone() {
            self.touch(at);
        }
        for &at in &instances {
            self.rebind(at, &left_runs);
            self.end_removed(at);
        }
        self.forget_unnamed();
        // Who asks for a place asks for another one now.
        let asks_otherwise = |pod: &PodModel| {
            let old = before.pods().iter().find(|old| old.name == pod.name);
            old.is_some_and(|old| {
                (&old.placement, &old.footprint, &old.volumes)
                    != (&pod.placement, &pod.footprint, &pod.volumes)
            })
        };
        let pods = (0..).zip(model.pods()).filter(|(_, pod)| asks_otherwise(pod));
        self.session.agenda.items.extend(pods.map(|(pod, _)| Item::Refit(pod)));
        self.session.agenda.items.insert(Item::Leave);
        self.consider_hurt();
    }

    /// Ends the runs that made the present target so; what an operator interrupted stays so.
    fn overtake_runs(&mut self, next: &PlanLayout) -> (BTreeSet<Number>, Interrupted) {
        let interrupted = self.state.run(self.state.service.converging);
        let interrupted = interrupted.map(|run| carried_over(run, next)).unwrap_or_default();
        let converging = self.state.active.iter().filter(|run| run.record.kind == RunKind::Converging);
        let left: BTreeSet<Number> = converging.map(Run::number).collect();
        let ends = !self.bug(Bug::TwoConverging);
        for &number in left.iter().filter(|_| ends) {
            self.end_run(number, RunOutcome::Overtaken);
        }
        (left, interrupted)
    }

    /// Lays the instances out anew: each keeps its name, and has another position.
    fn lay_out(&mut self, model: &Arc<Model>) {
        let state = &mut *self.state;
        let mut known: BTreeMap<PodName, (u32, Vec<Instance>)> = BTreeMap::new();
        let old_names = state.model.pods().iter().map(|pod| pod.name.clone());
        let old_names: Vec<PodName> = old_names.chain(state.service.leaving.iter().cloned()).collect();
        for ((at, name), instances) in (0..).zip(&old_names).zip(std::mem::take(&mut state.pods)) {
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
        // Those that leave already go first; then the new ones, as they were declared.
        let declared = state.model.pods().len();
        for name in old_names[declared..].iter().chain(&old_names[..declared]) {
            let Some((old, instances)) = known.remove(name) else { continue };
            if instances.iter().all(|instance| instance.record.is_none()) {
                continue;
            }
            moved.insert(old, pods.len() as u32);
            leaving.push(name.clone());
            pods.push(instances);
        }
        state.pods = pods;
        state.model = model.clone();
        state.census = model.pods().iter().map(|_| Default::default()).collect();
        for pod in 0..state.pods.len() as u32 {
            state.trim(pod);
        }
        let place = |at: At| moved.get(&at.pod).map(|&pod| At { pod, ..at });
        let session = &mut *self.session;
        session.kills.rename(|(at, launch, task)| Some((place(at)?, launch, task)));
        for open in session.asked.values_mut() {
            let asked = std::mem::take(open).into_iter().filter_map(|(whose, launch, task)| match whose {
                Whose::Instance(at) => Some((Whose::Instance(place(at)?), launch, task)),
                Whose::Debt(_) => Some((whose, launch, task)),
            });
            *open = asked.collect();
        }
        for fitting in session.fits.values_mut() {
            fitting.at = place(fitting.at).unwrap_or(fitting.at);
        }
        session.agenda = Default::default();
        if matches!(session.stage, SessionStage::Starting(_)) {
            session.stage = SessionStage::Starting(At::default());
        }
        for at in &mut self.changed {
            *at = place(*at).unwrap_or(*at);
        }
        let state = &mut *self.state;
        (state.hurt, state.obsolete) = Default::default();
        (state.delays, state.deadlines) = Default::default();
        state.pods.iter_mut().flatten().for_each(|instance| instance.deadline = None);
        self.change_service(|service| service.leaving = leaving);
        for at in self.known_instances() {
            if let Some(place) = self.state.record(at).and_then(|record| record.place.clone()) {
                self.state.count_place(at, &place.node);
            }
        }
    }

    /// The instances of which something is known.
    fn known_instances(&self) -> Vec<At> {
        let pods = (0..).zip(&self.state.pods);
        let all = pods.flat_map(|(pod, instances)| {
            let known = (0..).zip(instances).filter(|(_, instance)| instance.record.is_some());
            known.map(move |(index, _)| At { pod, index })
        });
        all.collect()
    }

    /// Runs go on in a plan that is the same under both targets; what ended is remembered as long as its plan
    /// is the same.
    fn carry_runs(&mut self, before: &Model) {
        let model = self.state.model.clone();
        let plans: Vec<PlanName> = self.state.plans.keys().cloned().collect();
        for plan in plans {
            if is_same_plan(before, &model, &plan) {
                continue;
            }
            self.forget_ended(&plan);
            if !model.plans().contains_key(&plan)
                && let Some(record) = self.state.plans.remove(&plan)
            {
                let old = Digest::of(&(&plan, &*record));
                self.delete(Key::Plan(plan), old);
            }
        }
        let running: Vec<Number> = self.state.active.iter().map(Run::number).collect();
        for number in running {
            self.change_run(number, |run| run.spec = model.hash());
            let Some(nth) = self.state.active.iter().position(|run| run.number() == number) else { continue };
            let record = self.state.active[nth].record.clone();
            if let Some(layout) = model.plans().get(&record.plan).cloned() {
                self.state.active[nth] = self.state.index_run(record, layout);
            }
            self.sweep(number);
        }
    }

    /// Keeps the configurations of a target.
    pub(super) fn keep_confs(&mut self, model: &Model) {
        for task in model.pods().iter().flat_map(|pod| &pod.tasks) {
            if self.state.confs.insert(task.conf, task.config.clone()).is_none() {
                self.put(None, Record::Conf(task.config.clone()), Digest::of(&task.conf));
            }
        }
    }

    /// Takes back what stands for the run before, and the waits of configurations that are wanted no more.
    fn adapt(&mut self, at: At, left_runs: &BTreeSet<Number>) {
        let Some(record) = self.state.instance(at).record.clone() else { return };
        let of_run = |purpose| matches!(purpose, Purpose::Step(step) if left_runs.contains(&step.run));
        for order in record.standing().filter(|order| order.stage == Stage::Wanted) {
            if of_run(order.purpose) || self.launches_removed(at, order) {
                self.withdraw(at, order.launch, Reason::NotWanted);
            }
        }
        for task in &record.tasks {
            let model = self.state.pod_model(at.pod);
            let wanted = model.and_then(|pod| Some(pod.tasks[pod.task_index(&task.name)?].conf));
            let other = task.last.is_some_and(|last| Some(last.conf) != wanted);
            if other && (task.failures > 0 || task.delayed_until.is_some()) {
                self.delay(at, &task.name, None);
                self.record_mut(at).task_mut(&task.name).failures = 0;
            }
            if task.never.is_some() {
                self.record_mut(at).task_mut(&task.name).never = None;
            }
        }
        self.state.index_instance(at);
    }

    /// Whether an order of an instance that stays launches a task that the target does not have, and that
    /// nothing will take the place of any more.
    fn launches_removed(&self, at: At, order: &Order) -> bool {
        order.tasks.iter().any(|ordered| self.is_removed(at, &ordered.task))
    }

    /// Whether a task of an instance that stays is not launched again: the target does not have it. As long as
    /// the instance has steps to do it is kept as it was (engine.md §5: one of them may take its place).
    fn is_removed(&self, at: At, task: &TaskName) -> bool {
        let pod = self.state.pod_model(at.pod).filter(|_| !self.state.is_leaver(at));
        pod.is_some_and(|pod| pod.task_index(task).is_none()) && !self.has_steps_to_do(at)
    }

    /// What is being ended for the run before is launched again all the same: for the step of the new run that
    /// may act, or as what was good. What the target does not have is not.
    fn rebind(&mut self, at: At, left_runs: &BTreeSet<Number>) {
        let Some(record) = self.state.instance(at).record.clone() else { return };
        let of_run = |purpose| matches!(purpose, Purpose::Step(step) if left_runs.contains(&step.run));
        for old in record.standing().filter(|order| order.stage == Stage::Clearing) {
            let left = of_run(old.purpose);
            if !left && !self.launches_removed(at, old) {
                continue;
            }
            let (purpose, tasks) =
                if left { self.successor(at, &old.tasks) } else { self.remainder(at, old) };
            self.goes_on_as(at, old, purpose, tasks);
        }
    }

    /// What an order clears the way for is something else now, or nothing.
    pub(super) fn goes_on_as(
        &mut self,
        at: At,
        old: &Order,
        mut purpose: Purpose,
        mut tasks: Vec<OrderedTask>,
    ) {
        let Some(record) = self.state.instance(at).record.clone() else { return };
        // What was told to end for nothing comes back as it was.
        if tasks.len() < old.tasks.len() {
            let known = |one: &OrderedTask| tasks.iter().any(|task| task.task == one.task);
            let spared = self.spared(at, &record, old.launch, &self.state.sets(&tasks));
            let spared: Vec<_> = spared.into_iter().filter(|one| !known(one)).collect();
            tasks.extend(spared);
            purpose = if tasks.is_empty() { purpose } else { Purpose::Recovery };
        }
        let tasks = if self.bug(Bug::ClearingDropped) { Vec::new() } else { tasks };
        let sets = self.state.sets(&tasks);
        // Two orders do not take one slot; what the other would have launched is recovery's again.
        let current = self.state.record(at);
        let others: BTreeSet<Number> = sets.iter().filter_map(|set| current?.slot(set)?.act).collect();
        for other in others.into_iter().filter(|&other| other != old.launch) {
            self.withdraw(at, other, Reason::NotWanted);
        }
        let record = self.record_mut(at);
        for slot in &mut record.slots {
            slot.act = slot.act.filter(|&act| act != old.launch);
        }
        if tasks.is_empty() {
            record.orders.retain(|order| order.launch != old.launch);
            self.session.fits.remove(&old.launch);
            let instance = self.name(at);
            self.effects.commands.push(Command::Withdraw { instance, launch: old.launch });
            self.touch(at);
            return;
        }
        for (set, task) in sets.iter().zip(&tasks) {
            record.slot_mut(set).act = Some(old.launch);
            record.claim(&task.task, old.launch);
        }
        if let Some(order) = record.order_mut(old.launch) {
            (order.purpose, order.tasks) = (purpose, tasks);
        }
        self.renumber(at, old.launch);
    }

    /// The RUNNING tasks that an order was to displace, but for those in sets that are launched in anyway.
    fn spared(
        &self,
        at: At,
        record: &PodRecord,
        launch: Number,
        taken: &[ResourceSetName],
    ) -> Vec<OrderedTask> {
        let slots = record.slots.iter().filter(|slot| slot.act == Some(launch) && !taken.contains(&slot.set));
        let mains = slots.filter_map(|slot| self.state.main_task(record, &slot.set));
        let tasks = mains.filter_map(|main| {
            let conf = self.state.comes_back_as(record, main).or(main.last.map(|last| last.conf))?;
            Some(OrderedTask { task: main.name.clone(), conf, paused: main.paused })
        });
        tasks.filter(|ordered| !self.is_removed(at, &ordered.task)).collect()
    }

    /// An order without the tasks that the target does not have.
    fn remainder(&self, at: At, order: &Order) -> (Purpose, Vec<OrderedTask>) {
        let pod = self.state.pod_model(at.pod);
        let stays = |task: &&OrderedTask| pod.is_some_and(|pod| pod.task_index(&task.task).is_some());
        (order.purpose, order.tasks.iter().filter(stays).cloned().collect())
    }

    /// What takes the place of an order of the run before.
    fn successor(&self, at: At, tasks: &[OrderedTask]) -> (Purpose, Vec<OrderedTask>) {
        let state = &*self.state;
        let record = state.record(at);
        let run = state.run(state.service.converging);
        let step = run.and_then(|run| {
            run.layout.phases_of(at.pod).iter().find_map(|&phase| {
                let mut steps = run.phase(phase).steps_of(at.index);
                let step = steps.find(|&step| {
                    let of = run.phase(phase).tasks(step);
                    let has = |name: &TaskName| of.iter().any(|&t| state.task_model(at.pod, t).name == *name);
                    tasks.iter().all(|ordered| has(&ordered.task)) && self.may_go_on(run, phase, step)
                })?;
                Some(StepRef { run: run.number(), phase, step })
            })
        });
        let successors = tasks.iter().filter_map(|ordered| {
            let pod = state.pod_model(at.pod);
            let model = pod.and_then(|pod| Some(&pod.tasks[pod.task_index(&ordered.task)?]));
            let known = record.and_then(|record| record.task(&ordered.task));
            let good = known.and_then(|task| state.comes_back_as(record?, task));
            let conf = match (step, model) {
                (Some(_), Some(model)) => model.conf,
                // It goes on as it was, until its step may act.
                (None, Some(_)) => good.or_else(|| known?.last.map(|last| last.conf))?,
                (_, None) if state.is_leaver(at) => good?,
                (_, None) => return None,
            };
            Some(OrderedTask { conf, ..ordered.clone() })
        });
        (step.map_or(Purpose::Recovery, Purpose::Step), successors.collect())
    }

    /// Whether a member that is on its way goes on with a step: nothing but the turn of others is against it.
    fn may_go_on(&self, run: &Run, phase: u32, step: u32) -> bool {
        let progress = run.progress.phase(phase);
        let blocked = progress.blocked(run.phase(phase), step);
        progress.step(step) != Status::Complete
            && !run.progress.is_interrupted()
            && !progress.is_interrupted()
            && run.progress.blocked(&run.layout, phase).is_none()
            && blocked != Some(Blocked::Canary)
            && (run.phase(phase).is_serial() || blocked.is_none())
    }

    /// Tasks that the target does not have are ended when the steps of their instance are complete: until then
    /// one of these may take their place, or be their successor.
    pub(super) fn end_removed(&mut self, at: At) {
        if !self.state.obsolete.contains(&at) || self.has_steps_to_do(at) {
            return;
        }
        self.drop_removed(at);
        // What was withdrawn may have been what completed one.
        if self.has_steps_to_do(at) {
            return;
        }
        let Some(record) = self.state.instance(at).record.clone() else { return };
        let Some(pod) = self.state.pod_model(at.pod) else { return };
        let gone = |task: &TaskName| pod.task_index(task).is_none();
        let removed: Vec<TaskName> =
            record.tasks.iter().map(|task| &task.name).filter(|task| gone(task)).cloned().collect();
        // What is being ended for another is ended as that.
        let ends = |slot: &&Slot| slot.act.is_none() && slot.occupant.as_ref().is_some_and(|o| gone(&o.task));
        let ended = record.slots.iter().filter(ends).filter_map(|slot| slot.occupant.clone());
        let ended: Vec<Occupant> = ended.collect();
        let living = ended.iter().filter(|occupant| occupant.may_live()).cloned().collect();
        self.owe(at, &record, DebtCause::TaskRemoved, living, None);
        for task in &removed {
            self.delay(at, task, None);
        }
        let current = self.record_mut(at);
        for slot in &mut current.slots {
            if slot.occupant.as_ref().is_some_and(|occupant| ended.contains(occupant)) {
                slot.occupant = None;
            }
        }
        let here = |slots: &[Slot], task: &TaskName| {
            slots.iter().any(|slot| slot.occupant.as_ref().is_some_and(|o| o.task == *task))
        };
        let PodRecord { tasks, slots, .. } = &mut *current;
        tasks.retain(|task| !removed.contains(&task.name) || here(slots, &task.name));
        current.forget_past_orders();
        self.touch(at);
        self.state.index_instance(at);
    }

    /// Nothing asks for room, or clears the way, for a task that the target does not have.
    fn drop_removed(&mut self, at: At) {
        let removed = |turn: &Self| {
            let record = turn.state.record(at)?;
            record.standing().find(|order| turn.launches_removed(at, order)).cloned()
        };
        while let Some(order) = removed(self) {
            if order.stage == Stage::Wanted {
                self.withdraw(at, order.launch, Reason::NotWanted);
            } else {
                let (purpose, tasks) = self.remainder(at, &order);
                self.goes_on_as(at, &order, purpose, tasks);
            }
        }
    }

    /// Whether the run that brings the target about has incomplete steps of an instance.
    fn has_steps_to_do(&self, at: At) -> bool {
        let Some(run) = self.state.run(self.state.service.converging) else { return false };
        run.layout.phases_of(at.pod).iter().any(|&phase| {
            let mut steps = run.phase(phase).steps_of(at.index);
            steps.any(|step| run.progress.phase(phase).step(step) != Status::Complete)
        })
    }

    /// The service is what it shall be.
    pub(super) fn became_target(&mut self, run: Number) {
        let target = self.state.model.clone();
        let forced = self.state.ended.get(&run).is_some_and(|run| self.is_any_forced(run));
        let reached = !forced && self.is_all_of_target();
        let advance = reached && self.state.service.previous != Some(target.hash());
        if advance || !self.state.service.deployed {
            self.change_service(|service| {
                service.deployed = true;
                if advance {
                    service.previous = Some(target.hash());
                }
            });
        }
        if advance {
            let old = self.state.previous.replace(target.clone());
            if let Some(old) = old.filter(|old| old.hash() != target.hash()) {
                self.forget_spec(old.hash());
            }
        }
        self.forget_unnamed();
    }

    /// Whether an operator's word made a step of a run complete.
    fn is_any_forced(&self, run: &RunRecord) -> bool {
        let Some(layout) = self.state.model.plans().get(&run.plan) else { return false };
        (0..).zip(&layout.phases).any(|(phase, of)| {
            (0..).zip(&of.steps).any(|(step, at)| {
                let record = self.state.record(At { pod: of.pod, index: at.instance });
                run.wanted(record, StepRef { run: run.number, phase, step }).forced
            })
        })
    }

    /// Whether every task that was launched, but for what is done once, was launched last as the target says: a
    /// plan may be complete and leave some out.
    fn is_all_of_target(&self) -> bool {
        (0..).zip(self.state.model.pods()).all(|(pod, model)| {
            (0..model.count).all(|index| {
                let record = self.state.record(At { pod, index });
                let of = |task: &TaskModel| record.and_then(|record| record.task(&task.name)?.last);
                let tasks = model.tasks.iter().filter(|task| task.goal != Goal::Once);
                tasks.into_iter().all(|task| of(task).is_none_or(|last| last.conf == task.conf))
            })
        })
    }

    fn forget_spec(&mut self, spec: ContentHash) {
        self.delete(Key::Spec(spec), Digest::of(&spec));
    }

    /// Configurations and specifications that no record names are not kept.
    fn forget_unnamed(&mut self) {
        let wanted = self.state.model.pods().iter().flat_map(|pod| &pod.tasks).map(|task| task.conf);
        let mut named: BTreeSet<ContentHash> = wanted.collect();
        if named.len() == self.state.confs.len() {
            return;
        }
        for record in self.state.pods.iter().flatten().filter_map(|instance| instance.record.as_ref()) {
            named.extend(record.orders.iter().flat_map(|order| &order.tasks).map(|task| task.conf));
            named.extend(record.tasks.iter().filter_map(|task| task.last).map(|last| last.conf));
            named.extend(record.tasks.iter().filter_map(|task| task.reached).map(|reached| reached.conf));
        }
        let unnamed: Vec<ContentHash> =
            self.state.confs.keys().filter(|conf| !named.contains(conf)).copied().collect();
        for conf in unnamed {
            self.state.confs.remove(&conf);
            self.delete(Key::Conf(conf), Digest::of(&conf));
        }
    }
}
