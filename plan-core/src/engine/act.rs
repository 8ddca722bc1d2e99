//! Acts: an order is wanted, room is asked for, what is in the way is ended, the launch is given.
//!
//! Invariant: nothing is ended without an unused grant for its successor; no launch leaves before its order
//! and its handle are durable (engine.md §3).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::plan::{Demand, Status, TaskConfig};
use crate::spec::placement::Census;
use crate::spec::{PortName, ResourceSetName, Seconds, TaskName};

use super::at::At;
use super::bug::Bug;
use super::effects::{Command, Event, Fit, Launch, LaunchTask};
use super::input::{FitAnswer, Grant, LaunchAnswer};
use super::reason::Reason;
use super::record::{
    Cause, DebtCause, Domains, Number, Order, OrderedTask, Place, PodRecord, Purpose, Stage, StepRef,
    TaskState,
};
use super::state::{Run, State};
use super::turn::Turn;
use super::words::Words;

impl State {
    /// The resource sets that these tasks run in, one for each.
    pub(super) fn sets(&self, tasks: &[OrderedTask]) -> Vec<ResourceSetName> {
        let configs = tasks.iter().filter_map(|task| self.confs.get(&task.conf));
        configs.map(|config| config.spec.resource_set.clone()).collect()
    }

    /// Whether a launch serves a step that goes on and is not complete: one from before the step's restart
    /// does not.
    pub(super) fn is_served(&self, step: StepRef, record: &PodRecord, launch: Number) -> bool {
        self.is_incomplete(step)
            && self.run(step.run).is_some_and(|run| launch >= run.record.wanted(Some(record), step).since)
    }

    /// Whether an order gives way to a step, or to recovery: it only asks for room, and is recovery's, the
    /// step's own from before, or wanted no more.
    pub(super) fn gives_way(&self, order: &Order, to: Option<StepRef>) -> bool {
        order.stage == Stage::Wanted
            && match (order.purpose, to) {
                (Purpose::Recovery, to) => to.is_some(),
                (Purpose::Step(step), to) => Some(step) == to || self.still_wanted(order).is_err(),
            }
    }

    /// Whether an order that does not give way launches a task, maybe in another resource set than its last.
    pub(super) fn is_asked(&self, record: &PodRecord, task: &TaskName, by: Option<StepRef>) -> bool {
        let names = |order: &Order| order.tasks.iter().any(|ordered| ordered.task == *task);
        record.standing().any(|order| names(order) && !self.gives_way(order, by))
    }

    /// Whether another order asks for the place that an instance is to have: one takes the whole instance there,
    /// and nothing stands beside it. To a step recovery's does not give way, since it takes there what ran.
    pub(super) fn is_place_asked(&self, record: &PodRecord, by: Purpose) -> bool {
        let in_the_way = |order: &Order| match by {
            Purpose::Step(step) => {
                order.purpose != by
                    && (order.purpose == Purpose::Recovery || !self.gives_way(order, Some(step)))
            }
            Purpose::Recovery => !self.gives_way(order, None),
        };
        (record.place().is_none() || record.permission().is_some()) && record.standing().any(in_the_way)
    }

    /// What a place that an instance takes now is told of the rule that chose it, and under whom it is held.
    fn taken(&self, at: At) -> (Domains, Option<Arc<str>>) {
        let rule = self.pod_model(at.pod).and_then(|pod| pod.placement.as_deref());
        (Domains::of(rule), self.model.spec().scheduler().principal.as_deref().map(Arc::from))
    }

    /// Whether a step goes on and is not complete.
    pub(super) fn is_incomplete(&self, step: StepRef) -> bool {
        self.run(step.run)
            .is_some_and(|run| run.progress.phase(step.phase).step(step.step) != Status::Complete)
    }

    /// Whether what an order is for still wants it.
    pub(super) fn still_wanted(&self, order: &Order) -> Result<(), Reason> {
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
        if !self.may_act(at, step) {
            return;
        }
        let Some(run) = self.state.run(step.run) else { return };
        // What only asks for room where the step acts gives way to it: the rules let nothing else stand.
        for order in self.asking(at, &self.due_tasks(run, at, step)) {
            self.withdraw(at, order, Reason::NotWanted);
        }
        self.withdraw_others(at);
        let Some(run) = self.state.run(step.run) else { return };
        let tasks = self.due_tasks(run, at, step);
        let parameters = run.record.parameters.clone();
        self.begin(at, Purpose::Step(step), tasks, parameters);
        self.count_asking(at, step);
    }

    /// The tasks of a step that are to be launched.
    fn due_tasks(&self, run: &Run, at: At, step: StepRef) -> Vec<OrderedTask> {
        let record = self.state.record(at);
        let since = run.record.wanted(record, step).since;
        let due = run.phase(step.phase).tasks(step.step).iter().filter_map(|&task| {
            let model = self.state.task_model(at.pod, task);
            let status = self.state.task_status(run, record, model, step, since);
            let conf = self.state.wanted_conf(run, record, model);
            let paused =
                || record.and_then(|record| record.task(&model.name)).is_some_and(|task| task.paused());
            (status == Status::Pending).then(|| OrderedTask {
                task: model.name.clone(),
                conf,
                paused: paused(),
            })
        });
        due.collect()
    }

    /// Of an instance that has no place, or goes elsewhere, one order asks for one.
    pub(super) fn withdraw_others(&mut self, at: At) {
        let placed = |record: &&PodRecord| record.place().is_some() && record.permission().is_none();
        if self.state.record(at).is_some_and(|record| !placed(&record)) {
            self.withdraw_where(at, |_| true);
        }
    }

    /// Withdraws orders of an instance that are not given, as far as they stand when it is their turn.
    pub(super) fn withdraw_where(&mut self, at: At, which: impl Fn(&Order) -> bool) {
        let record = self.state.record(at).into_iter();
        let standing: Vec<Number> = record.flat_map(PodRecord::standing).map(|order| order.launch).collect();
        for launch in standing {
            let order = self.state.record(at).and_then(|record| record.order(launch));
            if order.is_some_and(&which) {
                self.withdraw(at, launch, Reason::NotWanted);
            }
        }
    }

    /// The orders that stand in the slots of these tasks.
    pub(super) fn asking(&self, at: At, tasks: &[OrderedTask]) -> BTreeSet<Number> {
        let Some(record) = self.state.record(at) else { return BTreeSet::new() };
        let sets = self.state.sets(tasks);
        let here = sets.iter().filter_map(|set| record.slot(set)?.act());
        // A task is asked for once, whatever set it was in.
        let named = |order: &&Order| {
            let same = |one: &OrderedTask| tasks.iter().any(|task| task.task == one.task);
            order.stage == Stage::Wanted && order.tasks.iter().any(same)
        };
        let elsewhere = record.standing().filter(named).map(|order| order.launch);
        here.chain(elsewhere).collect()
    }

    /// Wants an order: asks for room, and changes nothing yet.
    pub(super) fn begin(
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
        let launch = self.writes.number();
        let at_time = self.now;
        self.event(Event::Asked {
            instance: self.name(at),
            launch,
            tasks: tasks.iter().map(|task| task.task.clone()).collect(),
            what: purpose,
        });
        let order = Order { launch, purpose, stage: Stage::Wanted, tasks, parameters, at: at_time };
        self.record_mut(at).want(order, &sets);
        self.ask_for_room(at, launch);
        if self.bug(Bug::KillFirst) {
            self.clear_at_once(at, launch);
        }
        self.touch(at);
    }

    /// Asks, or asks again, for room for an order.
    pub(super) fn ask_for_room(&mut self, at: At, launch: Number) {
        let Some(fit) = self.fit(at, launch) else { return };
        self.session.fits.ask(launch, at);
        self.effects.commands.push(Command::Fit(Box::new(fit)));
    }

    /// Asks for room under another number, where the question is another now: what is answered to the old one
    /// is given back.
    pub(super) fn renumber(&mut self, at: At, old: Number) -> Number {
        let launch = self.writes.number();
        self.record_mut(at).renumber(old, launch);
        self.session.fits.close(old);
        let instance = self.name(at);
        self.effects.commands.push(Command::Withdraw { instance, launch: old });
        self.ask_for_room(at, launch);
        self.touch(at);
        launch
    }

    fn fit(&self, at: At, launch: Number) -> Option<Fit> {
        let state = &*self.state;
        let record = state.record(at)?;
        let order = record.order(launch)?;
        let instance = self.name(at);
        let place = record.place().filter(|_| record.permission().is_none());
        let Some(place) = place else {
            let pod = state.pod_model(at.pod)?;
            let from = record.place().map(|place| (place.node.name.clone(), place.handle.clone()));
            let (demand, census) = match from {
                None => (pod.footprint.clone(), state.census[at.pod as usize].clone()),
                Some(_) => (state.whole_demand(at, &order.tasks), self.census_elsewhere(at)),
            };
            return Some(Fit {
                instance,
                launch,
                at: None,
                from,
                demand,
                volumes: pod.volumes.clone(),
                configs: state.whole_configs(at, &order.tasks),
                placement: pod.placement.clone(),
                census,
            });
        };
        Some(Fit {
            instance,
            launch,
            at: Some((place.node.name.clone(), place.handle.clone())),
            from: None,
            demand: self.demand(at, &order.tasks),
            volumes: Arc::new([]),
            configs: self.configs(at, &order.tasks),
            placement: None,
            census: Arc::new(Census::default()),
        })
    }

    /// The resource sets of these tasks.
    fn demand(&self, at: At, tasks: &[OrderedTask]) -> Arc<[Demand]> {
        if let [task] = tasks {
            let models = self.state.pod_model(at.pod).map(|pod| pod.tasks.as_slice()).unwrap_or_default();
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

    /// The configurations of these tasks.
    fn configs(&self, at: At, tasks: &[OrderedTask]) -> Arc<[Arc<TaskConfig>]> {
        if let [task] = tasks {
            let models = self.state.pod_model(at.pod).map(|pod| pod.tasks.as_slice()).unwrap_or_default();
            if let Some(model) = models.iter().find(|model| model.conf == task.conf) {
                return model.configs.clone();
            }
        }
        tasks.iter().filter_map(|task| self.state.confs.get(&task.conf).cloned()).collect()
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
                // What was asked in another session is asked again in this one.
                if self.session.fits.granted(launch, grant) {
                    self.advance(at, launch);
                }
            }
            FitAnswer::Retry(why) => {
                // Who has no room keeps nobody waiting.
                self.uncount_asking(at);
                if self.session.fits.refused(launch, &why) {
                    self.event(Event::NoRoom { instance: self.name(at), why });
                }
            }
            FitAnswer::Never(why) => self.never_fits(at, launch, why),
            FitAnswer::NodeGone(why) => {
                let lives = self.state.record(at).is_some_and(|record| record.place().is_some());
                if lives {
                    self.permit(at, Cause::NodeGone);
                } else {
                    self.fit_answered(at, launch, FitAnswer::Retry(why));
                }
            }
        }
    }

    /// Takes the backend's answer to a launch.
    pub(super) fn launch_answered(&mut self, at: At, launch: Number, answer: LaunchAnswer) {
        let Some(record) = self.state.record(at) else { return };
        let of_launch = record.slots().iter().filter_map(|slot| slot.occupant());
        let states: Vec<_> = of_launch.filter(|o| o.launch == launch).map(|o| o.state).collect();
        // What was seen of it since is newer than the answer.
        let unseen = states.iter().all(|state| *state == TaskState::Launching);
        match answer {
            _ if states.is_empty() => {}
            LaunchAnswer::Done => {}
            LaunchAnswer::Retry(why) if unseen => self.refused(at, launch, why, None),
            LaunchAnswer::Never(why) if unseen => self.refused(at, launch, why.clone(), Some(why)),
            LaunchAnswer::Unknown if self.bug(Bug::UnknownNotAsked) => {}
            LaunchAnswer::Unknown | LaunchAnswer::Retry(_) | LaunchAnswer::Never(_) => {
                self.ask_for_instance(at);
            }
        }
    }

    /// A launch was surely not carried out: it ended before it began, and its number is spent.
    fn refused(&mut self, at: At, launch: Number, why: Words, never: Option<Words>) {
        let Some(order) = self.state.record(at).and_then(|record| record.order(launch)) else { return };
        let tasks = order.tasks.clone();
        let (now, for_good) = (self.now, never.is_some());
        self.event(Event::Refused { instance: self.name(at), launch, why: why.clone(), for_good });
        for OrderedTask { task, conf, .. } in &tasks {
            let record = self.record_mut(at);
            record.refuse(launch, task, &why, now);
            match &never {
                Some(why) => record.refuse_for_good(task, *conf, why.clone()),
                None => self.failed(at, task),
            }
            self.goes_down(at, launch, task);
        }
        self.forget_place(at, launch);
        self.touch(at);
        for OrderedTask { task, .. } in &tasks {
            self.session.kills.spare(&(at, launch, task.clone()));
            self.way_is_clear(at, launch, task);
        }
    }

    /// An instance whose first launch was surely not done lives nowhere: what it was granted may be gone, and
    /// nothing of it is there.
    fn forget_place(&mut self, at: At, launch: Number) {
        let Some(record) = self.state.record(at) else { return };
        // By the launch that took the place, and no other; those that merely ask for room there ask anew.
        let untouched = record.place().is_some_and(|place| place.since == launch)
            && record.orders().iter().all(|order| order.launch == launch || order.stage == Stage::Wanted)
            && record.tasks().iter().all(|task| task.last().is_none_or(|last| last.launch <= launch));
        if let Some(place) = record.place().cloned().filter(|_| untouched) {
            self.withdraw_where(at, |_| true);
            self.uncount(at, &place.node);
            self.record_mut(at).forget_place();
            self.effects.commands.push(Command::Withdraw { instance: self.name(at), launch });
        }
    }

    /// Takes an order out that was not given; its number is spent.
    fn spend(&mut self, at: At, launch: Number) {
        self.uncount_asking(at);
        self.session.fits.close(launch);
        // Nothing is ended without a successor.
        for (victim, task) in self.record_mut(at).spend(launch) {
            self.session.kills.spare(&(at, victim, task));
        }
    }

    /// The backend will never have room for an order.
    fn never_fits(&mut self, at: At, launch: Number, why: Words) {
        let Some(order) = self.state.record(at).and_then(|record| record.order(launch)) else { return };
        let tasks = order.tasks.clone();
        self.event(Event::Refused { instance: self.name(at), launch, why: why.clone(), for_good: true });
        self.spend(at, launch);
        let record = self.record_mut(at);
        for OrderedTask { task, conf, .. } in tasks {
            record.refuse_for_good(&task, conf, why.clone());
        }
        self.touch(at);
    }

    /// Gives a question for room, or a grant, back, and forgets its order.
    pub(super) fn withdraw(&mut self, at: At, launch: Number, why: Reason) {
        let instance = self.name(at);
        self.event(Event::Withdrawn { instance: instance.clone(), launch, why });
        self.spend(at, launch);
        let withdraw = Command::Withdraw { instance, launch };
        self.effects.commands.extend(Some(withdraw).filter(|_| !self.bug(Bug::WithdrawUnsaid)));
        self.touch(at);
    }

    /// Goes on with an order for which room is granted.
    pub(super) fn advance(&mut self, at: At, launch: Number) {
        let Some(record) = self.state.record(at) else { return };
        let Some(order) = record.order(launch) else { return };
        // An order acts where all of its slots wait for it.
        if record.slots().iter().filter(|slot| slot.act() == Some(launch)).count() < order.tasks.len() {
            return;
        }
        let Some(grant) = self.session.fits.grant(launch) else { return };
        if !self.state.is_seen(at) {
            return;
        }
        let stage = order.stage;
        let judgement = self.judge(at, grant);
        if stage == Stage::Wanted
            && let Err(why) = self.state.still_wanted(order).and(judgement.clone())
        {
            let misplaced = judgement.is_err();
            let tasks = order.tasks.clone();
            self.withdraw(at, launch, why);
            // A backend that names no better node is asked again more and more seldom.
            if misplaced {
                tasks.iter().for_each(|task| self.failed(at, &task.task));
                self.touch(at);
            }
            return;
        }
        // What is being ended for it has to be launched again: it asks for other room.
        if let Err(why) = judgement {
            let why: Words = why.to_string().into();
            self.event(Event::NoRoom { instance: self.name(at), why: why.clone() });
            let launch = self.renumber(at, launch);
            self.session.fits.refused(launch, &why);
            return;
        }
        if grant.until.is_some_and(|until| self.wall > until) && !self.bug(Bug::ExpiredGrant) {
            return self.ask_for_room(at, launch);
        }
        let victims = self.state.victims(at, record, launch);
        let victims: Vec<(Number, TaskName)> =
            victims.map(|occupant| (occupant.launch, occupant.task.clone())).collect();
        // Nothing was changed for the order yet: what is to hold right before an act is asked once more.
        if let (Stage::Wanted, Purpose::Step(step)) = (stage, order.purpose) {
            if let Some(why) = self.objects_at_last(at, step) {
                // What is answered soon is waited for with the room that there is.
                if !self.session.questions.is_open(step) {
                    self.withdraw(at, launch, why);
                }
                return;
            }
            self.session.questions.forget(step);
        }
        if victims.is_empty() || self.bug(Bug::LaunchInTheWay) {
            return self.give(at, launch);
        }
        if stage == Stage::Wanted {
            self.record_mut(at).clear(launch);
            // Its member counts as down from now on.
            self.session.budgets.asks_no_more(at);
            for (victim, task) in &victims {
                let instance = self.name(at);
                self.event(Event::Displaced { instance, launch: *victim, task: task.clone() });
            }
            self.touch(at);
        }
        for (victim, task) in victims {
            if !self.session.kills.is_told(&(at, victim, task.clone())) {
                self.kill(at, victim, task);
            }
        }
    }

    /// Where the others are, and where those of them will be that are being ended to go elsewhere.
    fn census_elsewhere(&self, at: At) -> Arc<Census> {
        let state = &*self.state;
        let mut census = state.census_without(at);
        let pod = state.pod_model(at.pod);
        let Some((pod, rule)) = pod.and_then(|pod| Some((pod, pod.placement.as_ref()?))) else {
            return census;
        };
        let leaves = |launch: Number, whose: At| {
            let record = state.record(whose).filter(|record| record.permission().is_some());
            let order = record.and_then(|record| record.order(launch));
            order.is_some_and(|order| order.stage == Stage::Clearing)
        };
        for (_, _, grant) in self.session.fits.grants_beside(at).filter(|&(launch, at, _)| leaves(launch, at))
        {
            let census = Arc::make_mut(&mut census);
            for field in rule.fields() {
                if let Some(value) = grant.node.value(&field) {
                    census.add(&field, value);
                }
            }
            if rule.pods().contains(&pod.name) {
                census.add_host(&pod.name, &grant.node.name);
            }
        }
        census
    }

    /// Whether a grant is where the instance may go.
    fn judge(&self, at: At, grant: &Grant) -> Result<(), Reason> {
        let state = &*self.state;
        let record = state.record(at);
        let moves = record.is_some_and(|record| record.permission().is_some());
        let place = record.and_then(|record| record.place());
        let rule = state.pod_model(at.pod).and_then(|pod| pod.placement.as_ref());
        match (place, rule) {
            _ if self.bug(Bug::NotJudged) => Ok(()),
            (Some(_), Some(rule)) if moves => {
                let census = self.census_elsewhere(at);
                let judgement = || Reason::Placement(rule.judge(&grant.node, &census).to_string());
                if rule.allows(&grant.node, &census) { Ok(()) } else { Err(judgement()) }
            }
            (Some(_), _) if moves => Ok(()),
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
        let record = self.state.record(at);
        let grace = record.map(|record| self.grace(at, record, launch, &task)).unwrap_or_default();
        self.session.kills.told((at, launch, task.clone()), self.now);
        self.effects.commands.push(Command::Kill { instance: self.name(at), launch, task, grace });
    }

    /// Commands again the kills whose ends were not seen. Who was told often is asked about: it may have ended
    /// unheard.
    pub(super) fn kill_due(&mut self) {
        while let Some(victim) = self.session.kills.due(self.now) {
            let (at, launch, task) = victim.clone();
            self.kill(at, launch, task.clone());
            if self.session.kills.is_unheard(&victim) {
                self.ask_for_launch(at, launch, task);
            }
        }
    }

    /// How long a launched task may take to end.
    pub(super) fn grace(&self, at: At, record: &PodRecord, launch: Number, task: &TaskName) -> Seconds {
        let order = record.order(launch);
        let conf = order.and_then(|order| order.tasks.iter().find(|ordered| ordered.task == *task));
        // A launch whose order is forgotten gets the time that its task is given now.
        let now = || {
            let models = &self.state.pod_model(at.pod)?.tasks;
            models.iter().find(|model| model.name == *task).map(|model| &model.config)
        };
        let config = conf.and_then(|ordered| self.state.confs.get(&ordered.conf)).or_else(now);
        config.map(|config| config.spec.kill_grace_period).unwrap_or_default()
    }

    /// Gives a launch whose way is clear.
    fn give(&mut self, at: At, launch: Number) {
        let Some(grant) = self.session.fits.close(launch) else { return };
        let Some(order) = self.state.record(at).and_then(|record| record.order(launch)) else { return };
        let tasks = order.tasks.clone();
        self.uncount_asking(at);
        if let Some(from) = self.state.record(at).filter(|record| record.permission().is_some()) {
            let from = from.place().map(|place| place.node.name.clone());
            self.abandon_place(at, DebtCause::Moved, Some(&grant.handle));
            let (instance, to) = (self.name(at), grant.node.name.clone());
            self.effects.events.extend(from.map(|from| Event::Moved { instance, from, to }));
        }
        self.keep(at, &grant.handle);
        // Where it stays, its node may have other facts than when it came.
        let place = self.state.record(at).and_then(|record| record.place().cloned());
        if place.as_ref().is_none_or(|place| place.node != grant.node) {
            if let Some(place) = &place {
                self.uncount(at, &place.node);
            }
            self.state.count_place(at, &grant.node);
        }
        let node = grant.node.clone();
        let sets = self.state.sets(&tasks);
        let now = self.now;
        let same =
            |old: &Place| old.node == grant.node && old.handle == grant.handle && old.ports == grant.ports;
        let place = match place {
            Some(place) if same(&place) => place,
            place => {
                // What chose the node is of the launch that takes the place.
                let since = place.as_ref().map_or(launch, |old| old.since);
                let taken = |old: Arc<Place>| (old.domains, old.principal.clone());
                let (domains, principal) = place.map_or_else(|| self.state.taken(at), taken);
                let Grant { node, ports, handle, .. } = grant;
                Arc::new(Place { node, ports, handle, since, domains, principal })
            }
        };
        self.record_mut(at).give(launch, &sets, place, now);
        let instance = &mut self.state.pods[at.pod as usize][at.index as usize];
        for (nth, slot) in instance.record.iter().flat_map(|record| record.slots().iter().enumerate()) {
            if slot.occupant().is_some_and(|occupant| occupant.launch == launch) {
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
        let (Some(order), Some(place)) = (record.order(launch), &record.place()) else { return };
        let tasks = order.tasks.iter().filter_map(|task| {
            let config = self.state.confs.get(&task.conf)?.clone();
            Some(LaunchTask { conf: task.conf, config, paused: task.paused })
        });
        let tasks: Vec<LaunchTask> = tasks.collect();
        // Those of other sets may be others by the time that this is given again.
        let own = |name: &PortName| {
            tasks.iter().any(|task| task.config.resources.ports.iter().any(|(other, _)| other == name))
        };
        let ports = place.ports.iter().filter(|(name, _)| own(name)).cloned().collect();
        let command = Command::Launch(Box::new(Launch {
            instance,
            launch,
            node: place.node.clone(),
            handle: place.handle.clone(),
            ports,
            domains: place.domains,
            principal: place.principal.clone(),
            tasks,
            parameters: order.parameters.clone(),
        }));
        self.effects.commands.push(command);
    }
}
