//! An order that has room: the tasks in its way are told to end, and then the launch is commanded.
//!
//! Invariant: no task is ended without an unused grant for its successor. No launch is commanded before its order and
//! its handle are durable.

use std::sync::Arc;

use crate::spec::{PortName, TaskName};

use super::at::At;
use super::bug::Bug;
use super::effects::{Command, Event, Launch, LaunchTask};
use super::input::Grant;
use super::record::{DebtCause, Number, OrderStage, Place, Purpose};
use super::rules::keepers;
use super::transition::Transition;
use super::words::Words;

impl Transition<'_> {
    /// Goes on with an order for which room is granted.
    pub(super) fn advance(&mut self, at: At, launch: Number) {
        let Some(record) = self.state.record(at) else { return };
        let Some(order) = record.order(launch) else { return };
        // An order acts only once all of its slots wait for it.
        if record.slots().iter().filter(|slot| slot.act() == Some(launch)).count() < order.tasks.len() {
            return;
        }
        let Some(grant) = self.session.fits.grant(launch) else { return };
        if !self.state.is_seen(at) {
            return;
        }
        let stage = order.stage;
        let judgement = self.state.judge(&self.session.fits, at, grant);
        if stage == OrderStage::Requested
            && let Err(why) = self.state.still_wanted(order).and(judgement.clone())
        {
            let misplaced = judgement.is_err();
            let tasks = order.tasks.clone();
            self.withdraw(at, launch, why);
            // A backend that keeps granting unfit nodes is asked at growing intervals.
            if misplaced {
                tasks.iter().for_each(|task| self.failed(at, &task.task));
                self.touch(at);
            }
            return;
        }
        // Tasks are being ended for the order already, so it must launch: it asks for other room.
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
        // No task was ended for the order yet: the rules that must hold right before an act are asked once more.
        if let (OrderStage::Requested, Purpose::Step(step)) = (stage, order.purpose) {
            if let Some(why) = self.objects_at_last(at, step) {
                if !keepers().any(|keeper| keeper.keeps_room(self.session, step)) {
                    self.withdraw(at, launch, why);
                }
                return;
            }
            keepers().for_each(|keeper| keeper.acts(self, step));
        }
        if victims.is_empty() || self.bug(Bug::LaunchInTheWay) {
            return self.give(at, launch);
        }
        if stage == OrderStage::Requested {
            self.record_mut(at).clear(launch);
            for (victim, task) in &victims {
                let instance = self.name(at);
                self.event(Event::Displaced { instance, launch: *victim, task: task.clone() });
            }
            self.touch(at);
            self.tell(|keeper, transition| keeper.clears(transition, at));
        }
        for (victim, task) in victims {
            if !self.session.kills.is_told(&(at, victim, task.clone())) {
                self.kill(at, victim, task);
            }
        }
    }

    /// Commands the launch of an order, as no task is in its way any more.
    fn give(&mut self, at: At, launch: Number) {
        let Some(mut grant) = self.session.fits.close(launch) else { return };
        let Some(order) = self.state.record(at).and_then(|record| record.order(launch)) else { return };
        let tasks = order.tasks.clone();
        self.tell(|keeper, transition| keeper.asks_no_more(transition, at));
        if let Some(from) = self.state.record(at).filter(|record| record.relocation().is_some()) {
            let from = from.place().map(|place| place.node.name.clone());
            self.abandon_place(at, DebtCause::Moved, Some(&grant.handle));
            let (instance, to) = (self.name(at), grant.node.name.clone());
            if let Some(from) = from {
                self.event(Event::Moved { instance, from, to });
            }
        }
        self.keep(at, &grant.handle);
        // If the instance stays on its node, the node may have other facts now.
        let record = self.state.record(at);
        let place = record.and_then(|record| record.place().cloned());
        if let (Some(record), Some(place)) = (record, place.as_ref().filter(|p| p.handle == grant.handle))
            && place.ports != grant.ports
            && !self.bug(Bug::GrantReplacesPorts)
        {
            grant.ports = self.state.ports_after(at, record, place, (&tasks, &grant.ports));
        }
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
                // Domains and principal belong to the launch that took the place.
                let since = place.as_ref().map_or(launch, |old| old.since);
                let taken = |old: Arc<Place>| (old.domains, old.principal.clone());
                let (domains, principal) = place.map_or_else(|| self.state.taken(at), taken);
                let Grant { node, ports, handle, .. } = grant;
                Arc::new(Place { node, ports, handle, since, domains, principal })
            }
        };
        self.record_mut(at).give(launch, &sets, place, now);
        self.state.instance_mut(at).see_launched(launch);
        self.event(Event::Launched { instance: self.name(at), launch, node: node.name.clone() });
        self.command_launch(at, launch);
        self.touch(at);
    }

    /// Commands the launch of a given order. If it is commanded again, the command has the same bytes.
    pub(super) fn command_launch(&mut self, at: At, launch: Number) {
        let instance = self.name(at);
        let given = |command: &Command| matches!(command, Command::Launch(l) if l.launch == launch);
        if self.commands().iter().any(given) {
            return;
        }
        let Some(record) = self.state.record(at) else { return };
        let (Some(order), Some(place)) = (record.order(launch), &record.place()) else { return };
        let tasks = order.tasks.iter().filter_map(|task| {
            let config = self.state.confs().get(&task.conf)?.clone();
            Some(LaunchTask { conf: task.conf, config, paused: task.paused })
        });
        let tasks: Vec<LaunchTask> = tasks.collect();
        // Ports of other sets are left out: they may have changed when the command is repeated.
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
        self.command(command);
    }

    /// Forgets the place of an instance whose first launch was certainly not carried out: none of its tasks is there,
    /// and the grant may be gone. The backend may have begun to use the place, or hold it since a record names it. So
    /// its release is owed.
    pub(super) fn forget_place(&mut self, at: At, launch: Number) {
        let Some(record) = self.state.record(at) else { return };
        // This holds only if no other launch than the one that took the place was commanded. Orders that only ask for
        // room there ask anew.
        let untouched = record.place().is_some_and(|place| place.since == launch)
            && record
                .orders()
                .iter()
                .all(|order| order.launch == launch || order.stage == OrderStage::Requested)
            && record.tasks().iter().all(|task| task.last().is_none_or(|last| last.launch <= launch));
        if let Some(place) = record.place().cloned().filter(|_| untouched) {
            self.withdraw_where(at, |_| true);
            if let Some(record) = self.state.record(at).cloned() {
                let release = Some(place.handle.clone());
                self.owe(at, &record, DebtCause::NeverLaunched, Vec::new(), release);
            }
            self.uncount(at, &place.node);
            self.record_mut(at).forget_place();
            self.command(Command::Withdraw { instance: self.name(at), launch });
        }
    }

    /// Goes on with the order that waited for the end of this task.
    pub(super) fn way_is_clear(&mut self, at: At, launch: Number, name: &TaskName) {
        let slots = self.state.record(at).map(|record| record.slots()).unwrap_or_default();
        let act = slots
            .iter()
            .find(|slot| slot.occupant().is_some_and(|o| o.launch == launch && o.task == *name))
            .and_then(|slot| slot.act());
        // An instance that moves waits for the ends of all its tasks.
        let moving = || {
            let record = self.state.record(at).filter(|record| record.relocation().is_some())?;
            Some(record.standing().next()?.launch)
        };
        if let Some(act) = act.or_else(moving) {
            self.advance(at, act);
        }
    }
}
