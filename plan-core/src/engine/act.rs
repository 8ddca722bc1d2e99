//! Acts: an order is wanted, room is asked for, what is in the way is ended, the launch is given.
//!
//! Invariant: nothing is ended without an unused grant for its successor; no launch leaves before its order
//! and its handle are durable (engine.md §3).

use std::sync::Arc;
use std::time::Duration;

use crate::plan::{Demand, Status};
use crate::spec::placement::Census;
use crate::spec::{ResourceSetName, TaskName};

use super::effects::{Cause, Command, Event, Fit, Launch, LaunchTask};
use super::input::{FitAnswer, Grant, LaunchAnswer};
use super::reason::{Reason, Verdict};
use super::record::{
    Launched, Never, Number, Occupant, Order, OrderedTask, Place, Purpose, Slot, Stage, StepRef, TaskState,
};
use super::rules::may_act;
use super::session::{Fitting, Item};
use super::state::{At, Owner, State};
use super::time::Time;
use super::turn::Turn;

/// A kill is commanded again after so long, until the task is seen to have ended.
const KILL_AGAIN: Duration = Duration::from_secs(5);

impl State {
    /// The resource sets that these tasks run in, one for each.
    fn sets(&self, tasks: &[OrderedTask]) -> Vec<ResourceSetName> {
        let configs = tasks.iter().filter_map(|task| self.confs.get(&task.conf));
        configs.map(|config| config.spec.resource_set.clone()).collect()
    }

    /// Whether a step goes on and is not complete.
    pub(super) fn is_incomplete(&self, step: StepRef) -> bool {
        self.run(step.run)
            .is_some_and(|run| run.progress.phase(step.phase).step(step.step) != Status::Complete)
    }

    /// Whether what an order is for still wants it.
    fn still_wanted(&self, order: &Order) -> Result<(), Reason> {
        match order.purpose {
            Purpose::Recovery => Ok(()),
            Purpose::Step(step) => match self.run(step.run) {
                Some(run)
                    if run.progress.allows(&run.layout, step.phase, step.step)
                        && run.progress.phase(step.phase).step(step.step) != Status::Complete =>
                {
                    Ok(())
                }
                _ => Err(Reason::NotWanted),
            },
        }
    }
}

impl Turn<'_> {
    /// Begins a step's act, if it may.
    pub(super) fn consider_step(&mut self, step: StepRef) {
        let Some(run) = self.state.run(step.run) else { return };
        if run.progress.phase(step.phase).step(step.step) != Status::Pending {
            return;
        }
        let layout = run.phase(step.phase);
        let at = At { pod: layout.pod, index: layout.steps[step.step as usize].instance };
        if may_act(self.state, run, at, step) != Verdict::Allow {
            return;
        }
        let record = self.state.record(at);
        let since = run.wanted(record, step).since;
        let pending = layout.tasks(step.step).iter().filter_map(|&task| {
            let model = self.state.task_model(at.pod, task);
            let status = self.state.task_status(run, record, model, step, since);
            let conf = self.state.wanted_conf(run, record, model);
            (status == Status::Pending).then(|| OrderedTask { task: model.name.clone(), conf })
        });
        let tasks: Vec<OrderedTask> = pending.collect();
        let parameters = run.record.parameters.clone();
        for order in self.yielding(at, &tasks) {
            self.withdraw(at, order, Reason::NotWanted);
        }
        self.begin(at, Purpose::Step(step), tasks, parameters);
    }

    /// Orders of recovery that only ask for room in a slot that these tasks want.
    fn yielding(&self, at: At, tasks: &[OrderedTask]) -> Vec<Number> {
        let Some(record) = self.state.record(at) else { return Vec::new() };
        let sets = tasks.iter().filter_map(|task| self.state.confs.get(&task.conf));
        let acts = sets.filter_map(|config| record.slot(&config.spec.resource_set)?.act);
        acts.filter(|&act| record.order(act).is_some_and(|order| order.purpose == Purpose::Recovery))
            .collect()
    }

    /// Brings back what runs no more in an instance and belongs to no step (engine.md §5).
    pub(super) fn consider_recovery(&mut self, at: At) {
        let Some(tasks) = self.recovery_tasks(at) else { return };
        // All of them run by the parameters that they had.
        let record = self.state.record(at);
        let parameters = tasks.iter().find_map(|ordered| {
            let last = record?.task(&ordered.task)?.last?;
            record?.order(last.launch)?.parameters.clone()
        });
        self.begin(at, Purpose::Recovery, tasks, parameters);
    }

    /// What recovery launches now, if anything.
    fn recovery_tasks(&self, at: At) -> Option<Vec<OrderedTask>> {
        let state = &*self.state;
        let record = state.record(at)?;
        if !state.is_seen(at) {
            return None;
        }
        let free = |slot: &&Slot| slot.act.is_none();
        let down = |slot: &&Slot| slot.occupant.as_ref().is_none_or(|occupant| !occupant.may_live());
        let mut tasks = Vec::new();
        let mut essential = false;
        for slot in record.slots.iter().filter(free).filter(down) {
            let Some(main) = state.main_task(record, &slot.set) else { continue };
            let Owner::Recovery(conf) = state.owner(at, slot, main) else { continue };
            if main.never.as_ref().is_some_and(|never| never.conf == conf) {
                continue;
            }
            if main.delayed_until.is_some() {
                return None;
            }
            essential |= state.confs.get(&conf).is_some_and(|config| config.spec.essential);
            tasks.push(OrderedTask { task: main.name.clone(), conf });
        }
        if tasks.is_empty() {
            return None;
        }
        if essential {
            for slot in record.slots.iter().filter(free).filter(|slot| !down(slot)) {
                let Some(main) = state.main_task(record, &slot.set) else { continue };
                let runs = slot.occupant.as_ref().is_some_and(|occupant| occupant.task == main.name);
                if let (true, Some(reached)) = (runs, main.reached) {
                    tasks.push(OrderedTask { task: main.name.clone(), conf: reached.conf });
                }
            }
        }
        Some(tasks)
    }

    /// Wants an order: asks for room, and changes nothing yet.
    fn begin(
        &mut self,
        at: At,
        purpose: Purpose,
        tasks: Vec<OrderedTask>,
        parameters: Option<Arc<super::record::Parameters>>,
    ) {
        let sets = self.state.sets(&tasks);
        if sets.is_empty() {
            return;
        }
        let launch = self.number();
        self.event(Event::Asked {
            instance: self.name(at),
            launch,
            tasks: tasks.iter().map(|task| task.task.clone()).collect(),
            cause: match purpose {
                Purpose::Step(step) => Cause::Step(step),
                Purpose::Recovery => Cause::Recovery,
            },
        });
        let record = self.record_mut(at);
        for (set, task) in sets.iter().zip(&tasks) {
            record.slot_mut(set).act = Some(launch);
            record.task_mut(&task.task);
        }
        record.orders.push(Order { launch, purpose, stage: Stage::Wanted, tasks, parameters });
        self.ask_for_room(at, launch);
        self.touch(at);
    }

    /// Asks, or asks again, for room for an order.
    pub(super) fn ask_for_room(&mut self, at: At, launch: Number) {
        let Some(fit) = self.fit(at, launch) else { return };
        self.session.fits.insert(launch, Fitting { at, why: None, grant: None });
        self.effects.commands.push(Command::Fit(Box::new(fit)));
    }

    fn fit(&self, at: At, launch: Number) -> Option<Fit> {
        let state = &*self.state;
        let pod = &state.model.pods()[at.pod as usize];
        let record = state.record(at)?;
        let order = record.order(launch)?;
        let instance = self.name(at);
        let Some(place) = &record.place else {
            return Some(Fit {
                instance,
                launch,
                at: None,
                demand: pod.footprint.clone(),
                volumes: pod.volumes.clone(),
                placement: pod.placement.clone(),
                census: state.census[at.pod as usize].clone(),
            });
        };
        Some(Fit {
            instance,
            launch,
            at: Some((place.node.name.clone(), place.handle.clone())),
            demand: self.demand(at, &order.tasks),
            volumes: Arc::new([]),
            placement: None,
            census: Arc::new(Census::default()),
        })
    }

    /// The resource sets of these tasks.
    fn demand(&self, at: At, tasks: &[OrderedTask]) -> Arc<[Demand]> {
        if let [task] = tasks {
            let models = &self.state.model.pods()[at.pod as usize].tasks;
            if let Some(model) = models.iter().find(|model| model.conf == task.conf) {
                return model.demand.clone();
            }
        }
        let configs = tasks.iter().filter_map(|task| self.state.confs.get(&task.conf));
        configs
            .map(|config| Demand {
                set: config.spec.resource_set.clone(),
                resources: config.resources.clone(),
            })
            .collect()
    }

    /// Takes the backend's answer to a question for room.
    pub(super) fn fit_answered(&mut self, at: At, launch: Number, answer: FitAnswer) {
        let stage = self.state.record(at).and_then(|record| record.order(launch)).map(|order| order.stage);
        if !matches!(stage, Some(Stage::Wanted | Stage::Clearing)) {
            // The question was withdrawn, or its order was given by an earlier answer: what it grants now is
            // given back, if no record names it.
            if stage.is_none() && matches!(answer, FitAnswer::Fitted(_)) {
                self.effects.commands.push(Command::Withdraw { instance: self.name(at), launch });
            }
            return;
        }
        match answer {
            FitAnswer::Fitted(grant) => {
                let fitting = self.session.fits.entry(launch);
                fitting.or_insert(Fitting { at, why: None, grant: None }).grant = Some(grant);
                self.advance(at, launch);
            }
            FitAnswer::Retry(why) => {
                let why: Arc<str> = why.into();
                let Some(fitting) = self.session.fits.get_mut(&launch) else { return };
                // What was granted before is granted no longer; the question stands open again.
                fitting.grant = None;
                if fitting.why.as_ref() != Some(&why) {
                    fitting.why = Some(why.clone());
                    self.event(Event::NoRoom { instance: self.name(at), why });
                }
            }
            FitAnswer::Never(why) => self.refused_for_good(at, launch, why),
        }
    }

    /// Takes the backend's answer to a launch.
    pub(super) fn launch_answered(&mut self, at: At, launch: Number, answer: LaunchAnswer) {
        let Some(record) = self.state.record(at) else { return };
        let given = record.order(launch).is_some_and(|order| order.stage == Stage::Given);
        let launching = record
            .slots
            .iter()
            .filter_map(|slot| slot.occupant.as_ref())
            .any(|occupant| occupant.launch == launch && occupant.state == TaskState::Launching);
        // What was seen since the launch is newer than its answer.
        if !given || !launching {
            return;
        }
        match answer {
            LaunchAnswer::Done => {}
            LaunchAnswer::Retry(why) => {
                self.event(Event::Refused {
                    instance: self.name(at),
                    launch,
                    why: why.into(),
                    for_good: false,
                });
                let tasks = self.spend(at, launch);
                for task in tasks {
                    self.failed(at, &task);
                }
                self.touch(at);
            }
            LaunchAnswer::Never(why) => self.refused_for_good(at, launch, why),
            LaunchAnswer::Unknown => self.ask_for_instance(at),
        }
    }

    /// Takes an order out that was surely not carried out; its number is spent. Gives its tasks.
    fn spend(&mut self, at: At, launch: Number) -> Vec<TaskName> {
        self.session.fits.remove(&launch);
        let record = self.record_mut(at);
        let mut tasks = Vec::new();
        record.orders.retain(|order| {
            if order.launch == launch {
                tasks.extend(order.tasks.iter().map(|task| task.task.clone()));
            }
            order.launch != launch
        });
        for slot in &mut record.slots {
            if slot.act == Some(launch) {
                slot.act = None;
            }
            if slot.occupant.as_ref().is_some_and(|occupant| occupant.launch == launch) {
                slot.occupant = None;
            }
        }
        record.forget_past_orders();
        tasks
    }

    fn refused_for_good(&mut self, at: At, launch: Number, why: String) {
        let Some(order) = self.state.record(at).and_then(|record| record.order(launch)) else { return };
        let tasks = order.tasks.clone();
        self.event(Event::Refused {
            instance: self.name(at),
            launch,
            why: why.as_str().into(),
            for_good: true,
        });
        self.spend(at, launch);
        let record = self.record_mut(at);
        for OrderedTask { task, conf } in tasks {
            record.task_mut(&task).never = Some(Arc::new(Never { conf, why: why.clone() }));
        }
        self.touch(at);
    }

    /// Gives a question for room, or a grant, back, and forgets its order.
    pub(super) fn withdraw(&mut self, at: At, launch: Number, why: Reason) {
        let instance = self.name(at);
        self.event(Event::Withdrawn { instance: instance.clone(), launch, why });
        self.spend(at, launch);
        self.effects.commands.push(Command::Withdraw { instance, launch });
        self.touch(at);
    }

    /// Goes on with an order for which room is granted.
    pub(super) fn advance(&mut self, at: At, launch: Number) {
        let Some(record) = self.state.record(at) else { return };
        let Some(order) = record.order(launch) else { return };
        let Some(grant) = self.session.fits.get(&launch).and_then(|fitting| fitting.grant.as_ref()) else {
            return;
        };
        if !self.state.is_seen(at) {
            return;
        }
        let stage = order.stage;
        let judgement = self.judge(at, grant);
        if stage == Stage::Wanted
            && let Err(why) = self.state.still_wanted(order).and(judgement.clone())
        {
            return self.withdraw(at, launch, why);
        }
        // What is being ended for it has to be launched again: it goes on asking.
        if judgement.is_err() {
            return self.ask_for_room(at, launch);
        }
        if grant.until.is_some_and(|until| self.wall > until) {
            return self.ask_for_room(at, launch);
        }
        let victims: Vec<(Number, TaskName)> = record
            .slots
            .iter()
            .filter(|slot| slot.act == Some(launch))
            .filter_map(|slot| slot.occupant.as_ref().filter(|occupant| occupant.may_live()))
            .map(|occupant| (occupant.launch, occupant.task.clone()))
            .collect();
        if victims.is_empty() {
            return self.give(at, launch);
        }
        if stage == Stage::Wanted {
            if let Some(order) = self.record_mut(at).order_mut(launch) {
                order.stage = Stage::Clearing;
            }
            for (victim, task) in &victims {
                let instance = self.name(at);
                self.event(Event::Displaced { instance, launch: *victim, task: task.clone() });
            }
            self.touch(at);
        }
        for (victim, task) in victims {
            if !self.session.kills.contains(&(at, victim, task.clone())) {
                self.kill(at, victim, task);
            }
        }
    }

    /// Whether a grant is where the instance may go.
    fn judge(&self, at: At, grant: &Grant) -> Result<(), Reason> {
        let state = &*self.state;
        let place = state.record(at).and_then(|record| record.place.as_ref());
        match (place, &state.model.pods()[at.pod as usize].placement) {
            (Some(place), _) if place.node.name != grant.node.name => {
                Err(Reason::Placement(format!("it lives on {}, not on {}", place.node.name, grant.node.name)))
            }
            (None, Some(rule)) if !rule.allows(&grant.node, &state.census[at.pod as usize]) => {
                Err(Reason::Placement(rule.judge(&grant.node, &state.census[at.pod as usize]).to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Commands a kill, and again from time to time, until its end is seen.
    pub(super) fn kill(&mut self, at: At, launch: Number, task: TaskName) {
        let conf = self.state.record(at).and_then(|record| {
            record
                .order(launch)?
                .tasks
                .iter()
                .find(|ordered| ordered.task == task)
                .map(|ordered| ordered.conf)
        });
        let config = conf.and_then(|conf| self.state.confs.get(&conf));
        let grace = config.map(|config| config.spec.kill_grace_period).unwrap_or_default();
        self.session.kills.set((at, launch, task.clone()), self.now.after(KILL_AGAIN));
        self.effects.commands.push(Command::Kill { instance: self.name(at), launch, task, grace });
    }

    /// Gives a launch whose way is clear.
    fn give(&mut self, at: At, launch: Number) {
        let Some(grant) = self.session.fits.remove(&launch).and_then(|fitting| fitting.grant) else { return };
        let Some(order) = self.state.record(at).and_then(|record| record.order(launch)) else { return };
        let tasks = order.tasks.clone();
        let first = self.state.record(at).is_none_or(|record| record.place.is_none());
        if first {
            self.state.count_place(at, &grant.node);
        }
        let node = grant.node.clone();
        let sets = self.state.sets(&tasks);
        let record = self.record_mut(at);
        let same = record.place.as_ref().is_some_and(|place| {
            place.node == grant.node && place.handle == grant.handle && place.ports == grant.ports
        });
        if !same {
            record.place =
                Some(Arc::new(Place { node: grant.node, ports: grant.ports, handle: grant.handle }));
        }
        for (OrderedTask { task, conf }, set) in tasks.into_iter().zip(sets) {
            let slot = record.slot_mut(&set);
            slot.act = None;
            slot.occupant =
                Some(Occupant { launch, task: task.clone(), state: TaskState::Launching, silent: None });
            record.task_mut(&task).last = Some(Launched { launch, conf });
        }
        if let Some(order) = record.order_mut(launch) {
            order.stage = Stage::Given;
        }
        record.forget_past_orders();
        let instance = &mut self.state.pods[at.pod as usize][at.index as usize];
        for (nth, slot) in instance.record.iter().flat_map(|record| record.slots.iter().enumerate()) {
            if slot.occupant.as_ref().is_some_and(|occupant| occupant.launch == launch) {
                instance.answered.note(nth, launch, 0);
            }
        }
        self.event(Event::Launched { instance: self.name(at), launch, node: node.name.clone() });
        self.command_launch(at, launch);
        self.touch(at);
    }

    /// Commands the launch of an order that is given; again, it is the same to the byte.
    pub(super) fn command_launch(&mut self, at: At, launch: Number) {
        let instance = self.name(at);
        let given = |command: &Command| matches!(command, Command::Launch(l) if l.launch == launch);
        if self.effects.commands.iter().any(given) {
            return;
        }
        let Some(record) = self.state.record(at) else { return };
        let (Some(order), Some(place)) = (record.order(launch), &record.place) else { return };
        let tasks = order.tasks.iter().filter_map(|task| {
            let config = self.state.confs.get(&task.conf)?.clone();
            Some(LaunchTask { conf: task.conf, config })
        });
        let command = Command::Launch(Box::new(Launch {
            instance,
            launch,
            node: place.node.clone(),
            handle: place.handle.clone(),
            tasks: tasks.collect(),
            parameters: order.parameters.clone(),
        }));
        self.effects.commands.push(command);
    }

    /// Counts a failure of a task, and lets it wait longer each time it fails in a row.
    pub(super) fn failed(&mut self, at: At, name: &TaskName) {
        let now = self.now;
        let Some(task) = self.state.record(at).and_then(|record| record.task(name)) else { return };
        let lasted = task.reached.filter(|reached| Some(reached.launch) == task.last.map(|last| last.launch));
        let stable = lasted.is_some_and(|reached| now.since(reached.at) >= STABLE_AFTER);
        let failures = if stable { 1 } else { task.failures.saturating_add(1) };
        let wait = backoff(failures);
        self.record_mut(at).task_mut(name).failures = failures;
        self.delay(at, name, (wait > Duration::ZERO).then(|| now.after(wait)));
    }

    /// Lets a task wait until a time, or no more.
    pub(super) fn delay(&mut self, at: At, name: &TaskName, until: Option<Time>) {
        let old = self.state.record(at).and_then(|record| record.task(name)).and_then(|t| t.delayed_until);
        if old == until {
            return;
        }
        self.record_mut(at).task_mut(name).delayed_until = until;
        if let Some(old) = old {
            let record = self.state.record(at);
            let shared = record.is_some_and(|r| r.tasks.iter().any(|task| task.delayed_until == Some(old)));
            if !shared {
                self.state.delays.remove(&(old, at));
            }
        }
        if let Some(until) = until {
            self.state.delays.insert((until, at));
        }
    }

    /// Ends the waits that are over.
    pub(super) fn end_waits(&mut self, until: Time) {
        while let Some(&(time, at)) = self.state.delays.first() {
            if time > until {
                return;
            }
            self.end_wait(at, time);
        }
    }

    /// Cuts waits that are longer than any wait is: the clock that they were set by ran wild.
    pub(super) fn cut_waits(&mut self) {
        let longest = self.now.after(LONGEST_WAIT);
        while let Some(&(time, at)) = self.state.delays.last() {
            if time <= longest {
                return;
            }
            self.end_wait(at, time);
        }
    }

    fn end_wait(&mut self, at: At, time: Time) {
        self.state.delays.remove(&(time, at));
        let tasks = self.state.record(at).map(|record| record.tasks.as_slice()).unwrap_or_default();
        let over: Vec<TaskName> = tasks
            .iter()
            .filter(|task| task.delayed_until == Some(time))
            .map(|task| task.name.clone())
            .collect();
        for task in over {
            self.record_mut(at).task_mut(&task).delayed_until = None;
        }
        self.touch(at);
        self.session.agenda.items.insert(Item::Recovery(at));
    }
}

/// The first failure in a row is met at once, the next after this.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// No wait is longer.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A task that had its goal for so long begins to count its failures anew.
const STABLE_AFTER: Duration = Duration::from_secs(600);

/// How long a task waits that failed so often in a row.
fn backoff(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => FIRST_WAIT.saturating_mul(1 << (more - 2).min(16)).min(LONGEST_WAIT),
    }
}
