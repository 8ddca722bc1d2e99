//! The only ways in which an instance's record changes.
//!
//! Invariant: the order that a slot waits for is not launched yet. A task of a given order is in its slot until another
//! task takes the slot. Each launch number belongs to one order of the record.
//!
//! These changes keep the record consistent in itself. The callers decide when to change it: nothing here reads a
//! specification, a run or another instance.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::{Occupant, Order, OrderedTask, PodRecord, Slot, TaskRecord};
use crate::engine::record::{
    Cause, End, Launched, Mark, Never, Number, OrderStage, Place, Purpose, Reached, Relocation, StepMark,
    StepRef, TaskState, Trouble,
};
use crate::engine::time::Time;
use crate::engine::words::{Address, Words};
use crate::plan::ContentHash;
use crate::spec::{ResourceSetName, TaskName};

/// Orders, from the moment they are wanted to the end of their tasks.
impl PodRecord {
    /// Adds an order. The slots of its tasks wait for it. So do the slots where one of its tasks lives, so that the
    /// task is ended there first.
    pub(in crate::engine) fn want(&mut self, order: Order, sets: &[ResourceSetName]) {
        for task in &*order.tasks {
            self.task_mut(&task.task);
        }
        self.claim(order.launch, &order.tasks, sets);
        // Most instances have one order, one slot and one task: no room for more is taken in advance.
        self.orders.reserve_exact(1);
        self.orders.push(order);
    }

    /// Gives an order that is not launched yet another purpose, other tasks and other slots.
    pub(in crate::engine) fn want_otherwise(
        &mut self,
        launch: Number,
        purpose: Purpose,
        tasks: Vec<OrderedTask>,
        sets: &[ResourceSetName],
    ) {
        self.unclaim(launch);
        self.claim(launch, &tasks, sets);
        if let Some(order) = self.order_mut(launch) {
            (order.purpose, order.tasks) = (purpose, tasks.into());
        }
    }

    /// Gives an order that is not launched yet another number.
    pub(in crate::engine) fn renumber(&mut self, old: Number, new: Number) {
        for slot in self.slots.iter_mut().filter(|slot| slot.act() == Some(old)) {
            slot.act = NonZeroU64::new(new);
        }
        if let Some(order) = self.order_mut(old) {
            order.launch = new;
        }
    }

    /// Notes that an order has room, and that the tasks in its way are being ended.
    pub(in crate::engine) fn clear(&mut self, launch: Number) {
        if let Some(order) = self.order_mut(launch) {
            order.stage = OrderStage::Displacing;
        }
    }

    /// Removes an order that is not launched yet; no slot waits for it any more. Returns the launches that were to end for
    /// it: those in its slots or, if the instance moves, those in all slots.
    pub(in crate::engine) fn spend(&mut self, launch: Number) -> Vec<(Number, TaskName)> {
        self.orders.retain(|order| order.launch != launch);
        let moves = self.relocation().is_some();
        let mut spared = Vec::new();
        for slot in &mut self.slots {
            let own = slot.act() == Some(launch);
            if own {
                slot.act = None;
            }
            if own || moves {
                spared.extend(slot.occupant.as_ref().map(|o| (o.launch, o.task.clone())));
            }
        }
        spared
    }

    /// Notes that an order is given at a place: each of its tasks is in its own slot and in no other. Tasks that were
    /// in these slots have ended. Orders without a task in a slot are forgotten.
    pub(in crate::engine) fn give(
        &mut self,
        launch: Number,
        sets: &[ResourceSetName],
        place: Arc<Place>,
        now: Time,
    ) {
        self.place = Some(place);
        let Some(order) = self.order_mut(launch) else { return };
        order.stage = OrderStage::Launched;
        let tasks = order.tasks.clone();
        // A task that was in another slot before has ended there, for this launch or earlier.
        for slot in self.slots.iter_mut().filter(|slot| !sets.contains(&slot.set)) {
            let past = |o: &Occupant| !o.may_live() && tasks.iter().any(|ordered| ordered.task == o.task);
            if slot.act() == Some(launch) {
                (slot.act, slot.occupant) = (None, None);
            } else if slot.occupant.as_ref().is_some_and(past) {
                slot.occupant = None;
            }
        }
        for (OrderedTask { task, conf, .. }, set) in tasks.iter().zip(sets) {
            let known = self.task_mut(task);
            known.last = Some(Launched { launch, conf: *conf, at: now });
            if known.reached.is_some_and(|reached| reached.conf != *conf) {
                known.rare.change(|rare| rare.other = launch);
            }
            let slot = self.slot_mut(set);
            slot.act = None;
            slot.occupant = Some(Occupant::new(launch, task.clone()));
        }
        self.forget_past_orders();
    }

    /// Notes that a launch of a task was refused: the task ended before it began.
    pub(in crate::engine) fn refuse(&mut self, launch: Number, task: &TaskName, why: &Words, now: Time) {
        if let Some(occupant) = self.occupant_mut(launch, task) {
            occupant.state = TaskState::Ended(End::Refused);
            occupant.silent = None;
            (occupant.words, occupant.address) = (Some(why.clone()), None);
        }
        let words = Some(why.clone());
        self.trouble(task, Trouble { launch, end: End::Refused, at: now, words });
    }

    /// Removes what the target does not have: these occupants, and the records of these tasks unless a task is in
    /// another slot.
    pub(in crate::engine) fn drop_removed(&mut self, tasks: &[TaskName], occupants: &[Occupant]) {
        for slot in &mut self.slots {
            if slot.occupant.as_ref().is_some_and(|occupant| occupants.contains(occupant)) {
                slot.occupant = None;
            }
        }
        let slots = &self.slots;
        let here = |task: &TaskName| {
            slots.iter().any(|slot| slot.occupant.as_ref().is_some_and(|o| o.task == *task))
        };
        self.tasks.retain(|task| !tasks.contains(&task.name) || here(&task.name));
        self.forget_past_orders();
    }

    /// Makes slots wait for an order: those of its tasks, and those where one of its tasks lives if they wait for no
    /// order.
    fn claim(&mut self, launch: Number, tasks: &[OrderedTask], sets: &[ResourceSetName]) {
        for (OrderedTask { task, .. }, set) in tasks.iter().zip(sets) {
            self.slot_mut(set).act = NonZeroU64::new(launch);
            for slot in self.slots.iter_mut().filter(|slot| slot.act.is_none()) {
                if slot.occupant.as_ref().is_some_and(|o| o.task == *task && o.may_live()) {
                    slot.act = NonZeroU64::new(launch);
                }
            }
        }
    }

    /// Lets no slot wait for an order.
    fn unclaim(&mut self, launch: Number) {
        for slot in &mut self.slots {
            slot.act = slot.act.filter(|act| act.get() != launch);
        }
    }

    /// Forgets given orders whose tasks are in no slot any more.
    fn forget_past_orders(&mut self) {
        let slots = &self.slots;
        self.orders.retain(|order| {
            order.stage != OrderStage::Launched
                || slots.iter().any(|slot| slot.occupant.as_ref().is_some_and(|o| o.launch == order.launch))
        });
    }

    fn order_mut(&mut self, launch: Number) -> Option<&mut Order> {
        self.orders.iter_mut().find(|order| order.launch == launch)
    }

    fn slot_mut(&mut self, set: &ResourceSetName) -> &mut Slot {
        let at = self.slots.iter().position(|slot| slot.set == *set).unwrap_or_else(|| {
            self.slots.push(Slot { set: set.clone(), occupant: None, act: None });
            self.slots.len() - 1
        });
        &mut self.slots[at]
    }

    fn occupant_mut(&mut self, launch: Number, task: &TaskName) -> Option<&mut Occupant> {
        let occupants = self.slots.iter_mut().filter_map(|slot| slot.occupant.as_mut());
        occupants.into_iter().find(|occupant| occupant.launch == launch && occupant.task == *task)
    }
}

/// The place of the instance.
impl PodRecord {
    /// Records a relocation. A relocation that is recorded already keeps its time, and gets this cause.
    pub(in crate::engine) fn allow_relocation(&mut self, cause: Cause, now: Time) {
        let at = self.relocation().map_or(now, |known| known.at);
        self.rare.change(|rare| rare.relocation = Some(Relocation { cause, at }));
    }

    /// Cancels the relocation.
    pub(in crate::engine) fn cancel_relocation(&mut self) {
        self.rare.reset(|rare| rare.relocation = None);
    }

    /// Takes the instance from its place, and all that it has there: after this it has no place, its slots are empty,
    /// no task is down, and the relocation is over.
    pub(in crate::engine) fn abandon_place(&mut self) {
        for slot in &mut self.slots {
            slot.occupant = None;
        }
        self.forget_place();
    }

    /// Notes that the instance never came to its place: it has no place, and no task is down.
    pub(in crate::engine) fn forget_place(&mut self) {
        self.place = None;
        self.cancel_relocation();
        for task in &mut self.tasks {
            task.rare.reset(|rare| rare.down = None);
        }
    }
}

/// The state of its tasks.
impl PodRecord {
    /// Sets the state of a launched task.
    pub(in crate::engine) fn seen(&mut self, launch: Number, task: &TaskName, seen: Occupied) {
        if let Some(occupant) = self.occupant_mut(launch, task) {
            let Occupied { state, silent, words, address } = seen;
            (occupant.state, occupant.silent) = (state, silent);
            (occupant.words, occupant.address) = (words, address);
        }
    }

    /// Notes that a task is down, from now on unless it was down before.
    pub(in crate::engine) fn goes_down(&mut self, task: &TaskName, now: Time) {
        self.task_mut(task).rare.change(|rare| rare.down.get_or_insert(now).to_owned());
    }

    /// Notes that a task is no longer down.
    pub(in crate::engine) fn comes_up(&mut self, task: &TaskName) {
        self.task_mut(task).rare.reset(|rare| rare.down = None);
    }

    /// Notes that a launch reached its task's goal. Returns false, and changes nothing, if a later launch reached it
    /// before.
    pub(in crate::engine) fn reach(&mut self, task: &TaskName, reached: Reached) -> bool {
        let task = self.task_mut(task);
        if task.reached.is_some_and(|known| known.launch >= reached.launch) {
            return false;
        }
        task.reached = Some(reached);
        task.rare.reset(|rare| (rare.other, rare.trouble) = (0, None));
        true
    }

    /// Counts a failure of a task. Returns how often it has failed in a row.
    pub(in crate::engine) fn fail(&mut self, task: &TaskName) -> u32 {
        self.task_mut(task).rare.change(|rare| {
            rare.failures = rare.failures.saturating_add(1);
            rare.failures
        })
    }

    /// Notes how a task ended that was not asked to end.
    pub(in crate::engine) fn trouble(&mut self, task: &TaskName, trouble: Trouble) {
        self.task_mut(task).rare.change(|rare| rare.trouble = Some(Arc::new(trouble)));
    }

    /// Forgets a task's failures in a row.
    pub(in crate::engine) fn forgive(&mut self, task: &TaskName) {
        self.task_mut(task).rare.reset(|rare| rare.failures = 0);
    }

    /// Notes that a task is not to be launched with this configuration any more.
    pub(in crate::engine) fn refuse_for_good(&mut self, task: &TaskName, conf: ContentHash, why: Words) {
        self.task_mut(task).rare.change(|rare| rare.never = Some(Arc::new(Never { conf, why })));
    }

    /// Forgets a refusal for good.
    pub(in crate::engine) fn ask_once_more(&mut self, task: &TaskName) {
        self.task_mut(task).rare.reset(|rare| rare.never = None);
    }

    /// Sets the time before which a task is not launched; `None` is no such time.
    pub(in crate::engine) fn delay(&mut self, task: &TaskName, until: Option<Time>) {
        self.task_mut(task).rare.change(|rare| rare.delayed_until = until);
    }

    fn task_mut(&mut self, name: &TaskName) -> &mut TaskRecord {
        let at = self.tasks.iter().position(|task| task.name == *name).unwrap_or_else(|| {
            self.tasks.reserve_exact(1);
            self.tasks.push(TaskRecord::new(name.clone()));
            self.tasks.len() - 1
        });
        &mut self.tasks[at]
    }
}

/// What operators asked for.
impl PodRecord {
    /// Wants only launches of a task from this number on.
    pub(in crate::engine) fn restart(&mut self, task: &TaskName, since: Number) {
        self.task_mut(task).rare.change(|rare| rare.since = since);
    }

    /// Wants a task paused. A pause does not count as being down.
    pub(in crate::engine) fn pause(&mut self, task: &TaskName) {
        self.task_mut(task).rare.change(|rare| (rare.paused, rare.down) = (true, None));
    }

    /// Wants a task running.
    pub(in crate::engine) fn resume(&mut self, task: &TaskName) {
        self.task_mut(task).rare.reset(|rare| (rare.paused, rare.down) = (false, None));
    }

    /// Changes the mark of a step.
    pub(in crate::engine) fn mark(&mut self, step: StepRef, change: impl FnOnce(&mut Mark)) {
        self.rare.change(|rare| {
            let steps = &mut rare.steps;
            let nth = steps.iter().position(|mark| mark.step == step).unwrap_or_else(|| {
                steps.push(StepMark { step, forced: 0, since: 0 });
                steps.len() - 1
            });
            let own = &mut steps[nth];
            let mut mark = Mark { interrupted: false, forced: own.forced, since: own.since };
            change(&mut mark);
            (own.forced, own.since) = (mark.forced, mark.since);
        });
    }

    /// Forgets the marks of steps of these runs.
    pub(in crate::engine) fn forget_marks(&mut self, runs: &[Number]) {
        self.rare.reset(|rare| rare.steps.retain(|mark| !runs.contains(&mark.step.run)));
    }
}

/// How a launched task was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Occupied {
    /// The state.
    pub(in crate::engine) state: TaskState,
    /// Since when nothing is heard of the task.
    pub(in crate::engine) silent: Option<Time>,
    /// The backend's last words about the task.
    pub(in crate::engine) words: Option<Words>,
    /// Where the task is reached.
    pub(in crate::engine) address: Option<Arc<Address>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::{Handle, Parameters};
    use crate::spec::placement::NodeFacts;

    fn name(task: &str) -> TaskName {
        task.parse().unwrap()
    }

    fn sets(all: &[&str]) -> Vec<ResourceSetName> {
        all.iter().map(|set| set.parse().unwrap()).collect()
    }

    fn conf(nth: u8) -> ContentHash {
        ContentHash::of(&[nth])
    }

    fn order(launch: Number, tasks: &[&str], of: u8) -> Order {
        let task = |task: &&str| OrderedTask { task: name(task), conf: conf(of), paused: false };
        let tasks = tasks.iter().map(task).collect();
        let parameters: Option<Arc<Parameters>> = None;
        Order {
            launch,
            purpose: Purpose::Recovery,
            stage: OrderStage::Requested,
            tasks,
            parameters,
            at: Time::from_micros(1),
        }
    }

    fn place(handle: &str, since: Number) -> Arc<Place> {
        let node = NodeFacts {
            name: "node-1".parse().unwrap(),
            region: None,
            zone: None,
            attributes: Default::default(),
        };
        Arc::new(Place {
            node: Arc::new(node),
            ports: Vec::new(),
            handle: Handle(handle.into()),
            since,
            domains: Default::default(),
            principal: None,
        })
    }

    fn seen(state: TaskState) -> Occupied {
        Occupied { state, silent: None, words: None, address: None }
    }

    /// An instance with a task in each of two sets, by one launch.
    fn running() -> PodRecord {
        let (mut record, sets) = (PodRecord::default(), sets(&["main", "side"]));
        record.want(order(7, &["broker", "logs"], 1), &sets);
        record.give(7, &sets, place("a", 7), Time::from_micros(2));
        record.seen(7, &name("broker"), seen(TaskState::Running { ready: true }));
        record.seen(7, &name("logs"), seen(TaskState::Running { ready: true }));
        record
    }

    /// A slot: what is in it, by which launch, and what it waits for.
    type Shown = (String, Option<(String, Number)>, Option<Number>);

    fn slots(record: &PodRecord) -> Vec<Shown> {
        let slot = |slot: &Slot| {
            let occupant = slot.occupant().map(|o| (o.task.to_string(), o.launch));
            (slot.set().to_string(), occupant, slot.act())
        };
        record.slots().iter().map(slot).collect()
    }

    fn slot(set: &str, of: Option<(&str, Number)>, act: Option<Number>) -> Shown {
        (set.to_owned(), of.map(|(task, launch)| (task.to_owned(), launch)), act)
    }

    #[test]
    fn what_is_wanted_is_waited_for_and_what_is_given_is_in_its_slot() {
        let mut record = PodRecord::default();
        record.want(order(7, &["broker"], 1), &sets(&["main"]));
        assert_eq!(slots(&record), [slot("main", None, Some(7))]);
        assert_eq!((record.standing_orders(), record.task(&name("broker")).unwrap().last()), (1, None));
        record.renumber(7, 8);
        record.clear(8);
        assert_eq!(record.order(8).unwrap().stage, OrderStage::Displacing);
        record.give(8, &sets(&["main"]), place("a", 8), Time::from_micros(2));
        assert_eq!(slots(&record), [slot("main", Some(("broker", 8)), None)]);
        let task = record.task(&name("broker")).unwrap();
        assert_eq!(task.last(), Some(Launched { launch: 8, conf: conf(1), at: Time::from_micros(2) }));
        assert_eq!((record.standing_orders(), record.order(8).unwrap().stage), (0, OrderStage::Launched));
    }

    #[test]
    fn an_order_that_is_spent_spares_what_was_in_its_way() {
        let mut record = running();
        record.want(order(8, &["broker"], 2), &sets(&["main"]));
        assert_eq!(record.spend(8), [(7, name("broker"))]);
        assert_eq!((slots(&record), record.order(8)), (slots(&running()), None));
        // As the instance was permitted to move, all tasks were to end.
        record.want(order(9, &["broker"], 2), &sets(&["main"]));
        record.allow_relocation(Cause::Replace, Time::from_micros(3));
        assert_eq!(record.spend(9), [(7, name("broker")), (7, name("logs"))]);
    }

    #[test]
    fn a_task_is_in_one_slot() {
        let mut record = running();
        // A task that lives in another set is ended there first.
        record.want(order(8, &["broker"], 2), &sets(&["other"]));
        let waits = slot("main", Some(("broker", 7)), Some(8));
        assert_eq!((&slots(&record)[0], &slots(&record)[2]), (&waits, &slot("other", None, Some(8))));
        record.seen(7, &name("broker"), seen(TaskState::Ended(End::Killed)));
        record.give(8, &sets(&["other"]), place("a", 7), Time::from_micros(3));
        let now = [
            slot("main", None, None),
            slot("side", Some(("logs", 7)), None),
            slot("other", Some(("broker", 8)), None),
        ];
        assert_eq!(slots(&record), now);
        // The order of a task that still runs is remembered. An order without tasks is not.
        record.seen(7, &name("logs"), seen(TaskState::Ended(End::Killed)));
        record.want(order(9, &["logs"], 2), &sets(&["side"]));
        record.give(9, &sets(&["side"]), place("a", 7), Time::from_micros(4));
        assert_eq!(record.orders().iter().map(|order| order.launch).collect::<Vec<_>>(), [8, 9]);
    }

    #[test]
    fn an_order_that_is_for_something_else_leaves_its_slots() {
        let mut record = running();
        record.want(order(8, &["broker"], 2), &sets(&["main"]));
        let tasks = order(8, &["logs"], 3).tasks;
        let step = Purpose::Step(StepRef { run: 1, phase: 0, step: 0 });
        record.want_otherwise(8, step, tasks.to_vec(), &sets(&["side"]));
        assert_eq!(slots(&record).iter().map(|(_, _, act)| *act).collect::<Vec<_>>(), [None, Some(8)]);
        let order = record.order(8).unwrap();
        assert_eq!((order.purpose, &order.tasks), (step, &tasks));
    }

    #[test]
    fn what_was_reached_is_kept_and_another_configuration_completes_nothing() {
        let mut record = running();
        let reached = |launch, of, at| Reached { launch, conf: conf(of), at: Time::from_micros(at) };
        assert!(record.reach(&name("broker"), reached(7, 1, 3)));
        assert!(!record.reach(&name("broker"), reached(6, 2, 9)));
        record.want(order(8, &["broker"], 2), &sets(&["main"]));
        record.give(8, &sets(&["main"]), place("a", 7), Time::from_micros(4));
        let task = record.task(&name("broker")).unwrap();
        assert_eq!((task.reached(), task.other()), (Some(reached(7, 1, 3)), 8));
        assert!(record.reach(&name("broker"), reached(8, 2, 5)));
        assert_eq!(record.task(&name("broker")).unwrap().other(), 0);
    }

    #[test]
    fn a_refused_launch_has_ended_before_it_began() {
        let mut record = running();
        record.refuse(7, &name("broker"), &"no such image".into(), Time::from_micros(5));
        record.refuse_for_good(&name("broker"), conf(1), "no such image".into());
        let occupant = record.slot(&sets(&["main"])[0]).unwrap().occupant().unwrap();
        assert_eq!((occupant.state, occupant.may_live()), (TaskState::Ended(End::Refused), false));
        let task = record.task(&name("broker")).unwrap();
        assert_eq!(task.trouble().unwrap().end, End::Refused);
        assert_eq!(task.never().unwrap().conf, conf(1));
        record.ask_once_more(&name("broker"));
        assert_eq!(record.task(&name("broker")).unwrap().never(), None);
    }

    #[test]
    fn who_leaves_its_place_has_nothing_there() {
        let mut record = running();
        record.goes_down(&name("broker"), Time::from_micros(3));
        record.allow_relocation(Cause::Timeout, Time::from_micros(4));
        record.allow_relocation(Cause::Replace, Time::from_micros(9));
        assert_eq!(record.relocation(), Some(Relocation { cause: Cause::Replace, at: Time::from_micros(4) }));
        record.abandon_place();
        assert_eq!((record.place(), record.relocation(), record.living().count()), (None, None, 0));
        assert_eq!(record.task(&name("broker")).unwrap().down(), None);
        let mut record = running();
        record.allow_relocation(Cause::Timeout, Time::from_micros(4));
        record.cancel_relocation();
        assert_eq!((record.relocation(), record.living().count()), (None, 2));
    }

    #[test]
    fn down_is_since_the_first_time() {
        let (mut record, broker) = (running(), name("broker"));
        record.goes_down(&broker, Time::from_micros(3));
        record.goes_down(&broker, Time::from_micros(9));
        assert_eq!(record.task(&broker).unwrap().down(), Some(Time::from_micros(3)));
        record.comes_up(&broker);
        assert_eq!(record.task(&broker).unwrap().down(), None);
    }

    #[test]
    fn failures_are_counted_in_a_row() {
        let (mut record, broker) = (running(), name("broker"));
        assert_eq!((record.fail(&broker), record.fail(&broker)), (1, 2));
        record.delay(&broker, Some(Time::from_micros(9)));
        assert_eq!(record.task(&broker).unwrap().delayed_until(), Some(Time::from_micros(9)));
        record.forgive(&broker);
        assert_eq!(record.fail(&broker), 1);
    }

    #[test]
    fn what_operators_said_is_said_once_of_each() {
        let (mut record, broker) = (running(), name("broker"));
        record.goes_down(&broker, Time::from_micros(3));
        record.pause(&broker);
        let task = record.task(&broker).unwrap();
        assert_eq!((task.paused(), task.down()), (true, None));
        record.resume(&broker);
        record.restart(&broker, 9);
        let task = record.task(&broker).unwrap();
        assert_eq!((task.paused(), task.since()), (false, 9));
        let step = StepRef { run: 1, phase: 0, step: 2 };
        record.mark(step, |mark| mark.forced = 5);
        record.mark(step, |mark| mark.since = 6);
        record.mark(StepRef { run: 2, ..step }, |mark| mark.since = 7);
        let marks = [
            StepMark { step, forced: 5, since: 6 },
            StepMark { step: StepRef { run: 2, ..step }, forced: 0, since: 7 },
        ];
        assert_eq!(record.steps(), marks);
        record.forget_marks(&[1]);
        assert_eq!(record.steps(), &marks[1..]);
    }

    #[test]
    fn what_the_target_does_not_have_goes_where_it_is_in_no_slot() {
        let mut record = running();
        let occupant = record.slots()[0].occupant().cloned().unwrap();
        record.drop_removed(&[name("broker"), name("logs")], &[occupant]);
        assert_eq!(slots(&record), [slot("main", None, None), slot("side", Some(("logs", 7)), None)]);
        assert_eq!(record.tasks().iter().map(|task| task.name().clone()).collect::<Vec<_>>(), [name("logs")]);
    }

    #[test]
    fn its_written_form_is_of_its_fields() {
        let mut record = PodRecord::default();
        assert_eq!(serde_json::to_string(&record).unwrap(), "{}");
        record.want(order(7, &["broker"], 1), &sets(&["main"]));
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(written["slots"], serde_json::json!([{ "set": "main", "act": 7 }]));
        assert_eq!(written["tasks"], serde_json::json!([{ "name": "broker" }]));
        assert_eq!(serde_json::from_value::<PodRecord>(written).unwrap(), record);
    }
}
