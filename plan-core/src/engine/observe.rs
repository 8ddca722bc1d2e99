//! Observations of launches. Each one describes a state, not a change.
//!
//! Invariant: an observation changes only the launch that it is about. An older or a repeated observation changes
//! nothing. An end is final.

use crate::plan::ContentHash;
use crate::spec::{Goal, TaskName};

use super::at::At;
use super::bug::Bug;
use super::effects::Event;
use super::input::{Incarnation, Observation, Seen, Sighting};
use super::reason::Reason;
use super::record::{
    Cause, End, Number, Occupant, Occupied, Order, OrderStage, OrderedTask, Purpose, Reached, TaskState,
    Trouble,
};
use super::rules::Whom;
use super::session::reconciliation::Whose;
use super::time::Time;
use super::transition::Transition;
use super::waker::Waker;
use super::words::Words;

/// What a launch is to the engine.
pub(super) enum Known {
    /// A task in a slot, which may live.
    Ours(At, usize),
    /// A launch of an instance that was seen to end.
    Past(At),
    /// A launch of this debt.
    Owed(Number),
    /// No record names the launch.
    Foreign,
    /// The launch is newer than all of this engine's.
    Newer,
}

impl Transition<'_> {
    /// Takes an observation.
    pub(super) fn observed(&mut self, observation: Observation) {
        let Observation { of, serial, seen } = observation;
        match self.known(&of) {
            Known::Newer => self.superseded(of),
            // A task that was seen to end may live after all. As the observation may be old, its state is asked for.
            Known::Past(at) => match seen.seen {
                Seen::Ended(_) => self.session.kills.spare(&(at, of.launch, of.task)),
                Seen::Starting | Seen::Running { .. } => self.ask_for_launch(at, of.launch, of.task),
                Seen::Unreachable => {}
            },
            Known::Owed(debt) => self.owed_seen(debt, &of, seen.seen),
            Known::Foreign => self.foreigner(of, seen.seen),
            Known::Ours(at, slot) => {
                let instance = self.state.instance_mut(at);
                let first = !instance.has_seen(slot, of.launch);
                if instance.see(slot, of.launch, serial) || self.bug(Bug::IgnoreSerial) {
                    self.seen(at, of.launch, &of.task, seen);
                    if first {
                        self.take_up(at);
                    }
                }
            }
        }
    }

    pub(super) fn known(&self, of: &Incarnation) -> Known {
        if of.installation != self.state.service().installation && !self.bug(Bug::AdoptForeigner) {
            return Known::Foreign;
        }
        if of.launch > self.writes.last_number() && !self.bug(Bug::IgnoreNewer) {
            return Known::Newer;
        }
        let debt = self.state.debts.that_owes(of.launch, &of.task);
        if let Some(debt) = debt.filter(|debt| debt.instance == of.instance) {
            return Known::Owed(debt.number);
        }
        let Some(at) = self.state.at(&of.instance) else { return Known::Foreign };
        let Some(record) = self.state.record(at) else { return Known::Foreign };
        for (nth, slot) in record.slots().iter().enumerate() {
            if let Some(occupant) = slot.occupant().filter(|o| o.launch == of.launch && o.task == of.task) {
                let lives = occupant.may_live() || self.bug(Bug::EndNotFinal);
                return if lives { Known::Ours(at, nth) } else { Known::Past(at) };
            }
        }
        // A task leaves its slot only after it was seen to end, and launch numbers grow.
        let last = record.task(&of.task).and_then(|task| task.last());
        if last.is_some_and(|last| of.launch <= last.launch) { Known::Past(at) } else { Known::Foreign }
    }

    /// Takes an observation of a debt's launch. Its end is noted; if it lives, it is told to end.
    pub(super) fn owed_seen(&mut self, debt: Number, of: &Incarnation, seen: Seen) {
        match seen {
            Seen::Ended(_) => self.owed_ended(debt, of.launch, &of.task),
            // The node is heard of again.
            Seen::Starting | Seen::Running { .. } => {
                if self.session.pursuits.is_in_vain(debt) {
                    self.session.pursuits.begin_anew(debt);
                    self.pursue(debt);
                }
            }
            Seen::Unreachable => {}
        }
    }

    pub(super) fn superseded(&mut self, by: Incarnation) {
        self.session.supersede();
        self.event(Event::Superseded(by));
    }

    pub(super) fn foreigner(&mut self, of: Incarnation, seen: Seen) {
        if self.session.foreigners.see(&of, seen) {
            if self.bug(Bug::KillForeigner) {
                self.kill_foreigner(&of);
            }
            self.event(Event::Foreigner(of));
        }
    }

    /// Takes a new observation of a task in a slot.
    pub(super) fn seen(&mut self, at: At, launch: Number, name: &TaskName, sighting: Sighting) {
        let Sighting { seen, words, address } = sighting;
        let Some(record) = self.state.record(at) else { return };
        let mut occupants = record.slots().iter().filter_map(|slot| slot.occupant());
        let Some(occupant) = occupants.find(|o| o.launch == launch && o.task == *name) else { return };
        let (old, silent_since) = (occupant.state, occupant.silent);
        let was_silent = silent_since.is_some();
        if matches!(old, TaskState::Ended(_)) && !self.bug(Bug::EndNotFinal) {
            return;
        }
        let new = match seen {
            Seen::Starting if matches!(old, TaskState::Running { .. }) => old,
            Seen::Starting => TaskState::Starting,
            Seen::Running { ready } => TaskState::Running { ready },
            Seen::Ended(end) => TaskState::Ended(end),
            Seen::Unreachable => old,
        };
        let silent = seen == Seen::Unreachable;
        // A silent task keeps its last words and address.
        let (words, address) = if silent {
            (words.or_else(|| occupant.words.clone()), occupant.address.clone())
        } else {
            (words, address)
        };
        let same = new == old && silent == was_silent;
        let said = words.clone().filter(|_| occupant.words != words);
        if same && occupant.words == words && occupant.address == address {
            return;
        }
        let now = self.now;
        let since = silent.then(|| silent_since.unwrap_or(now));
        let how = Occupied { state: new, silent: since, words: words.clone(), address };
        self.record_mut(at).seen(launch, name, how);
        // The event of an end contains the words.
        if let Some(words) = said.filter(|_| !matches!(new, TaskState::Ended(_))) {
            self.event(Event::Said { instance: self.name(at), task: name.clone(), words });
        }
        if same {
            return;
        }
        let up = new == TaskState::Running { ready: true };
        if silent {
            self.goes_down(at, launch, name);
        } else if up || was_silent && !matches!(new, TaskState::Ended(_)) {
            // A task that was down before it went silent is down until it is up.
            self.comes_up(at, name, silent_since.filter(|_| !up));
        }
        if silent != was_silent {
            self.event(Event::Silent { instance: self.name(at), task: name.clone(), silent });
        }
        match new {
            TaskState::Running { ready: true } => self.may_have_reached(at, launch, name, Goal::Running),
            TaskState::Ended(end) => self.ended(at, launch, name, end, words),
            _ => {}
        }
        self.touch(at);
        // An instance that moves does not wait for the ends of silent tasks.
        let moves = || self.state.record(at).is_some_and(|record| record.relocation().is_some());
        if matches!(new, TaskState::Ended(_)) || silent && moves() {
            self.way_is_clear(at, launch, name);
        }
    }

    /// Notes that a task is up, or is heard of again after a silence since `silent`. In the second case the task stops
    /// being down only if it was that silence that made it so.
    fn comes_up(&mut self, at: At, name: &TaskName, silent: Option<Time>) {
        let record =
            self.state.record(at).filter(|record| record.tasks().iter().any(|task| task.down().is_some()));
        let down = record.and_then(|record| record.task(name)).and_then(|task| task.down());
        if down.is_some() && (silent.is_none() || down == silent) {
            self.record_mut(at).comes_up(name);
            self.may_stay(at);
        }
    }

    /// Notes that a task reached its goal, if `attained` is its goal.
    fn may_have_reached(&mut self, at: At, launch: Number, name: &TaskName, attained: Goal) {
        let order = self.state.record(at).and_then(|record| record.order(launch));
        let Some((goal, conf)) = order.and_then(|order| self.state.goal_of(order, name)) else { return };
        let paused = order.is_some_and(|order| order.tasks.iter().any(|of| of.paused && of.task == *name));
        if (goal == Goal::Running) != (attained == Goal::Running) || paused && !self.bug(Bug::PausedReached) {
            return;
        }
        let now = self.now;
        if !self.record_mut(at).reach(name, Reached { launch, conf, at: now }) {
            return;
        }
        // The failures of a task that ends by its goal are forgotten now. Those of a RUNNING task are forgotten later,
        // if it goes on running.
        if attained != Goal::Running {
            self.record_mut(at).forgive(name);
        }
        self.event(Event::Reached { instance: self.name(at), task: name.clone() });
        self.recover_to(at, name, conf);
    }

    /// Gives a recovery order for a task the configuration that the task just reached, and asks for its room anew.
    fn recover_to(&mut self, at: At, name: &TaskName, conf: ContentHash) {
        let other = |of: &OrderedTask| of.task == *name && of.conf != conf;
        let clears = |order: &&Order| order.purpose == Purpose::Recovery && order.tasks.iter().any(other);
        let old = self.state.record(at).and_then(|record| record.standing().find(clears).cloned());
        let Some(old) = old else { return };
        let mut tasks = old.tasks.to_vec();
        for ordered in tasks.iter_mut().filter(|ordered| ordered.task == *name) {
            ordered.conf = conf;
        }
        self.goes_on_as(at, &old, Purpose::Recovery, tasks);
    }

    fn ended(&mut self, at: At, launch: Number, name: &TaskName, end: End, words: Option<Words>) {
        self.session.kills.spare(&(at, launch, name.clone()));
        self.session.reconciliation.forget([(Whose::Instance(at), launch, name.clone())].iter());
        let Some(record) = self.state.record(at) else { return };
        let here = |o: &Occupant| o.launch == launch && o.task == *name;
        let slot = record.slots().iter().find(|slot| slot.occupant().is_some_and(here));
        let act = slot.and_then(|slot| slot.act()).and_then(|act| record.order(act));
        let clearing = act.filter(|order| order.stage == OrderStage::Displacing);
        let expected = clearing.is_some();
        // A task that is to run again is down from now on, no matter what ended it.
        let again = record.relocation().is_some()
            || clearing.is_some_and(|order| order.tasks.iter().any(|of| of.task == *name && !of.paused));
        // If the instance moves, the end of its task is expected.
        let expected = (expected || record.relocation().is_some()) && !self.bug(Bug::ExpectedEndFails);
        let goal =
            record.order(launch).and_then(|order| self.state.goal_of(order, name)).map(|(goal, _)| goal);
        self.event(Event::Ended {
            instance: self.name(at),
            task: name.clone(),
            end,
            expected,
            words: words.clone(),
        });
        match (goal, end) {
            (Some(Goal::Once | Goal::Finish), End::Finished) => {
                self.may_have_reached(at, launch, name, Goal::Finish);
            }
            _ if expected => {
                self.lasted(at, name);
                if again {
                    self.goes_down(at, launch, name);
                }
            }
            _ => {
                let trouble = Trouble { launch, end, at: self.now, words };
                self.record_mut(at).trouble(name, trouble);
                self.goes_down(at, launch, name);
                self.failed(at, name);
            }
        }
        if end == End::Gone {
            self.allow_relocation(at, Cause::NodeGone);
        }
    }

    /// Goes on with what is open for an instance, as all its launches that may live were seen.
    pub(super) fn take_up(&mut self, at: At) {
        if !self.state.is_seen(at) {
            return;
        }
        let orders = self.state.record(at).map(|record| record.orders()).unwrap_or_default();
        let standing: Vec<Number> = orders
            .iter()
            .filter(|order| order.stage != OrderStage::Launched)
            .map(|order| order.launch)
            .collect();
        for launch in standing {
            let order = self.state.record(at).and_then(|record| record.order(launch));
            if order.is_some_and(|order| {
                order.stage == OrderStage::Requested && self.state.still_wanted(order).is_err()
            }) {
                self.withdraw(at, launch, Reason::NotWanted);
            } else if self.session.fits.is_asked(launch) {
                self.advance(at, launch);
            } else {
                self.ask_for_room(at, launch);
            }
        }
        self.awaken(Waker::Seen, Whom::Instance(at));
    }
}
