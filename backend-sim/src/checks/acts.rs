//! What must hold for a launch, a kill, a release and a deregistration when the command leaves.
//!
//! Invariant: commands are judged by the records and the history of the cluster at that moment.

use plan_core::engine::{DebtRecord, Launch, Number, OrderStage, Release};
use plan_core::spec::{InstanceName, TaskName};

use crate::violation::CheckName;

use super::checker::GivenUp;
use super::scene::{Scene, Verdict};
use super::watch::Watch;

impl Scene<'_> {
    /// A debt that contains a launch.
    pub(super) fn owes(
        &self,
        instance: &InstanceName,
        launch: Number,
        task: &TaskName,
    ) -> Option<&DebtRecord> {
        let mut debts = self.store.debts();
        debts.find(|debt| {
            debt.instance == *instance
                && debt.kill.iter().any(|owed| owed.launch == launch && owed.task == *task)
        })
    }

    /// Each launch is one that a record orders, at the place that the record names, and nothing alive is in its way.
    pub(super) fn launch_is_ordered(&self, launch: &Launch, given_up: &GivenUp, watch: &Watch) -> Verdict {
        let Launch { instance, launch: number, node, handle, tasks, .. } = launch;
        let record = self.pod(instance);
        let order = record.and_then(|record| record.order(*number));
        let same = order.is_some_and(|order| {
            order.stage == OrderStage::Launched
                && order.tasks.len() == tasks.len()
                && order.tasks.iter().zip(tasks).all(|(ordered, task)| {
                    ordered.task == task.config.task
                        && ordered.conf == task.conf
                        && ordered.paused == task.paused
                })
        });
        let place = record.and_then(|record| record.place());
        let there = place.is_some_and(|place| place.handle == *handle && place.node.name == node.name);
        if !same || !there {
            return self.violation(
                CheckName::LaunchOrdered,
                format!("launch {number} of {instance} is what its record orders, at its place"),
                format!("the record says {order:?} at {place:?}"),
            );
        }
        let Some(id) = self.cluster.roster.id(instance) else { return Ok(()) };
        if self.cluster.tasks_of(id).any(|(_, task)| task.launch == *number) {
            return Ok(());
        }
        for task in tasks {
            let (name, set) = (&task.config.task, &task.config.spec.resource_set);
            let mut living = self.cluster.tasks_of(id).filter(|(_, old)| old.lives() && old.lost.is_none());
            let in_the_way = living.find(|(nth, old)| {
                let shared = !old.config.carried.external_volumes.is_empty()
                    && !task.config.carried.external_volumes.is_empty();
                let clash = old.name == *name || old.config.spec.resource_set == *set;
                // The engine only knows what it was told: now, and when the launch became durable. A durable launch is
                // commanded again, even if the node is heard again by then.
                let silent = self.cluster.node_of(*nth).silent
                    || old.believed_silent
                    || watch.was_unheard(*number, old.launch, &old.name);
                // Once the instance went elsewhere, what it left behind may take its time to end.
                let left = || {
                    let mut all = self.cluster.tasks_of(id);
                    all.any(|(_, task)| task.name == old.name && task.launch > old.launch)
                };
                let apart = self.owes(instance, old.launch, &old.name).is_some_and(|_| silent || left());
                let permitted = apart || given_up.launches.contains(&(old.launch, old.name.clone()));
                (shared && old.handle != *handle) || (clash && !permitted)
            });
            if let Some((_, old)) = in_the_way {
                return self.violation(
                    if old.name == *name { CheckName::OneLive } else { CheckName::OneInSet },
                    format!("one task at a time in `{set}` of {instance}"),
                    format!(
                        "{name} is launched (launch {number}) while {} (launch {}) lives",
                        old.name, old.launch
                    ),
                );
            }
        }
        Ok(())
    }

    /// A launch whose end was seen is not given again.
    pub(super) fn launch_is_not_over(&self, launch: &Launch) -> Verdict {
        let Some(id) = self.cluster.roster.id(&launch.instance) else { return Ok(()) };
        let mut tasks = self.cluster.tasks_of(id).filter(|(_, task)| task.launch == launch.launch).peekable();
        if tasks.peek().is_none() || !tasks.all(|(_, task)| task.forgotten) {
            return Ok(());
        }
        self.violation(
            CheckName::LaunchedAgain,
            "a launch is never given again once it was seen ended",
            format!("{} is told to launch {} again", launch.instance, launch.launch),
        )
    }

    /// A task is told to end only if it is in the way of an order, is a debt, or already counts as ended.
    pub(super) fn kill_is_wanted(&self, instance: &InstanceName, launch: Number, task: &TaskName) -> Verdict {
        self.is_ours(instance, launch, task)?;
        let Some(record) = self.pod(instance) else { return Ok(()) };
        let is_it = |slot: &&plan_core::engine::Slot| {
            let mut occupant = slot.occupant().into_iter();
            occupant.any(|o| o.launch == launch && o.task == *task && o.may_live())
        };
        let Some(slot) = record.slots().iter().find(is_it) else { return Ok(()) };
        let clearing = |order: &plan_core::engine::Order| order.stage == OrderStage::Displacing;
        let in_the_way = slot.act().and_then(|act| record.order(act)).is_some_and(clearing);
        let moves = record.relocation().is_some() && record.orders().iter().any(clearing);
        if in_the_way || moves || self.owes(instance, launch, task).is_some() {
            return Ok(());
        }
        self.violation(
            CheckName::KillWanted,
            "what is told to end is in the way of an order, owed, or past",
            format!("{instance}-{task} (launch {launch}) is told to end, and no record wants it"),
        )
    }

    /// A task that is told to end was launched by this service, or is ordered.
    fn is_ours(&self, instance: &InstanceName, launch: Number, task: &TaskName) -> Verdict {
        let carried_out = self.cluster.roster.id(instance).and_then(|id| self.cluster.find(id, launch, task));
        let ordered = self.pod(instance).and_then(|record| record.order(launch));
        if carried_out.is_some() || ordered.is_some() || self.owes(instance, launch, task).is_some() {
            return Ok(());
        }
        self.violation(
            CheckName::OnlyOurs,
            "what is told to end was launched by this service",
            format!("{instance}-{task} (launch {launch}) was not"),
        )
    }

    /// A released place is a debt, and is no instance's place.
    pub(super) fn release_is_owed(&self, release: &Release) -> Verdict {
        let Release { debt: number, instance, handle, .. } = release;
        let debt = self.store.debts().find(|debt| debt.number == *number);
        let owed = debt.is_some_and(|debt| {
            debt.release.as_ref() == Some(handle) && debt.kill.is_empty() && debt.instance == *instance
        });
        let place = self.pod(instance).and_then(|record| record.place());
        if owed && place.is_none_or(|place| place.handle != *handle) {
            return Ok(());
        }
        self.violation(
            CheckName::ReleaseOwed,
            "what is released is owed, nothing of it is to be ended, and nobody lives there",
            format!("{} of {instance} is released for debt {number}: {debt:?}, {place:?}", handle.0),
        )
    }

    /// No task is alive in a released place.
    pub(super) fn release_is_unused(&self, release: &Release) -> Verdict {
        let Some(id) = self.cluster.roster.id(&release.instance) else { return Ok(()) };
        let in_use =
            self.cluster.tasks_of(id).find(|(_, task)| task.lives() && task.handle == release.handle);
        let Some((_, task)) = in_use else { return Ok(()) };
        self.violation(
            CheckName::ReleasedInUse,
            "what is released is not in use",
            format!(
                "{} of {} is released while {} (launch {}) lives in it",
                release.handle.0, release.instance, task.name, task.launch
            ),
        )
    }

    /// A debt that leaves the records is paid.
    pub(super) fn debt_is_paid(&self, debt: &DebtRecord) -> Verdict {
        let Some(id) = self.cluster.roster.id(&debt.instance) else { return Ok(()) };
        let lives = debt.kill.iter().find(|owed| {
            self.cluster
                .find(id, owed.launch, &owed.task)
                .is_some_and(|nth| self.cluster.tasks[nth as usize].lives())
        });
        let held = debt.release.as_ref().filter(|handle| self.tally.place(self.cluster, handle).is_some());
        if lives.is_none() && held.is_none() {
            return Ok(());
        }
        self.violation(
            CheckName::DebtPaid,
            format!("debt {} of {} is paid, or an operator gives it up", debt.number, debt.instance),
            format!("it is forgotten while {lives:?} lives and {held:?} is held"),
        )
    }

    /// When the backend is told to forget the service, nothing of it is left.
    pub(super) fn nothing_is_left(&self, given_up: &GivenUp) -> Verdict {
        for id in 0..self.cluster.roster.len() {
            let name = self.cluster.roster.name(id);
            let mut tasks = self.cluster.tasks_of(id).filter(|(_, task)| task.lives());
            let lives =
                tasks.find(|(_, task)| !given_up.launches.contains(&(task.launch, task.name.clone())));
            let mut places = self.tally.places(self.cluster).filter(|(_, place)| place.instance == *name);
            let held = places.find(|(handle, place)| place.named && !given_up.handles.contains(*handle));
            if lives.is_some() || held.is_some() {
                return self.violation(
                    CheckName::NothingLeft,
                    "the service is taken leave of when nothing of it is left",
                    format!(
                        "of {name}, {:?} lives and {:?} is held",
                        lives.map(|(_, task)| (&task.name, task.launch)),
                        held.map(|(handle, _)| &handle.0)
                    ),
                );
            }
        }
        Ok(())
    }
}
