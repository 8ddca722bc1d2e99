//! Room: the question for an order, and whether a grant is where the instance may go.
//!
//! Invariant: a question is made of records and of the grants of other instances, so a repeated question is the same.

use std::sync::Arc;

use crate::plan::{Demand, TaskConfig};
use crate::spec::placement::Census;
use crate::spec::{PortName, TaskName};

use super::at::At;
use super::bug::Bug;
use super::effects::Fit;
use super::input::Grant;
use super::reason::Reason;
use super::record::{Domains, Launched, Number, OrderStage, OrderedTask, Place, PodRecord};
use super::session::fits::Fits;
use super::state::State;

impl State {
    /// All that an instance needs at a new place: its pod's footprint, but for the tasks of the order what their
    /// configurations say.
    pub(super) fn whole_demand(&self, at: At, tasks: &[OrderedTask]) -> Arc<[Demand]> {
        let footprint = self.pod_model(at.pod).map(|pod| pod.footprint.clone()).unwrap_or_default();
        let mut whole = footprint.to_vec();
        let configs = tasks.iter().filter_map(|task| self.confs().get(&task.conf));
        for config in configs {
            let (set, resources) = (&config.spec.resource_set, &config.resources);
            match whole.iter_mut().find(|demand| demand.set == *set) {
                Some(demand) => demand.resources = resources.clone(),
                None => whole.push(Demand { set: set.clone(), resources: resources.clone() }),
            }
        }
        whole.into()
    }

    /// The resource sets of an instance. Each set is as it was launched last; a set that was never launched is as
    /// declared.
    pub(super) fn demand_as_launched(&self, at: At, record: &PodRecord) -> Arc<[Demand]> {
        let last = record.tasks().iter().filter_map(|task| {
            let Launched { conf, launch, .. } = task.last()?;
            Some((launch, OrderedTask { task: task.name().clone(), conf, paused: false }))
        });
        // Of the tasks that take turns in a set, the one that was launched last decides.
        let mut last: Vec<_> = last.collect();
        last.sort_by_key(|(launch, _)| *launch);
        let tasks: Vec<OrderedTask> = last.into_iter().map(|(_, task)| task).collect();
        self.whole_demand(at, &tasks)
    }

    /// The ports of a place once an order is given there. Ports of the order's sets are the granted ones. Ports of
    /// other sets stay as they are, as only an order for those sets changes them.
    pub(super) fn ports_after(
        &self,
        at: At,
        record: &PodRecord,
        place: &Place,
        (order, granted): (&[OrderedTask], &[(PortName, u16)]),
    ) -> Vec<(PortName, u16)> {
        let names =
            |demand: &Demand, port: &PortName| demand.resources.ports.iter().any(|(name, _)| name == port);
        let had = |port: &PortName| place.ports.iter().find(|(name, _)| name == port).cloned();
        let (own, sets) = (self.demand(at, order), self.sets(order));
        let is_own = |port: &PortName| own.iter().any(|demand| names(demand, port));
        let kept = |(port, number): &(PortName, u16)| match is_own(port) {
            true => Some((port.clone(), *number)),
            false => had(port),
        };
        let mut ports: Vec<(PortName, u16)> = granted.iter().filter_map(kept).collect();
        let others = self.demand_as_launched(at, record);
        let is_others =
            |port: &PortName| others.iter().any(|demand| !sets.contains(&demand.set) && names(demand, port));
        let missing = |(port, _): &&(PortName, u16)| granted.iter().all(|(name, _)| name != port);
        ports.extend(place.ports.iter().filter(missing).filter(|(port, _)| is_others(port)).cloned());
        ports
    }

    /// All that an instance needs where it has no place yet. What comes back as it was before the target changed needs
    /// what it needed then.
    fn first_demand(&self, at: At, tasks: &[OrderedTask]) -> Arc<[Demand]> {
        match self.pod_model(at.pod) {
            Some(pod) if self.bug(Bug::FootprintOfTarget) || self.are_declared(at, tasks) => {
                pod.footprint.clone()
            }
            _ => self.whole_demand(at, tasks),
        }
    }

    /// Whether these tasks are launched as the target has them.
    fn are_declared(&self, at: At, tasks: &[OrderedTask]) -> bool {
        let models = self.pod_model(at.pod).map(|pod| pod.tasks.as_slice()).unwrap_or_default();
        tasks.iter().all(|task| models.iter().any(|model| model.name == task.task && model.conf == task.conf))
    }

    /// The configurations that an instance needs room for at a new place: those of its pod, but for the tasks of the
    /// order their own.
    fn whole_configs(&self, at: At, tasks: &[OrderedTask]) -> Arc<[Arc<TaskConfig>]> {
        let declared = self.pod_model(at.pod).map(|pod| pod.configs.clone()).unwrap_or_default();
        if self.are_declared(at, tasks) {
            return declared;
        }
        let own = |name: &TaskName| {
            let ordered = tasks.iter().find(|ordered| ordered.task == *name)?;
            self.confs().get(&ordered.conf).cloned()
        };
        let known = |task: &OrderedTask| declared.iter().any(|config| config.task == task.task);
        let others = tasks.iter().filter(|task| !known(task));
        let others = others.filter_map(|task| self.confs().get(&task.conf).cloned());
        let whole = declared.iter().map(|config| own(&config.task).unwrap_or_else(|| config.clone()));
        whole.chain(others).collect()
    }

    /// Where the other instances are, for the placement of an instance that moves.
    fn census_without(&self, at: At) -> Arc<Census> {
        let census = self.census(at.pod).clone();
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

    pub(super) fn fit(&self, fits: &Fits, at: At, launch: Number) -> Option<Fit> {
        let state = self;
        let record = state.record(at)?;
        let order = record.order(launch)?;
        let instance = self.name(at);
        let place = record.place().filter(|_| record.relocation().is_none());
        let Some(place) = place else {
            let pod = state.pod_model(at.pod)?;
            let from = record.place().map(|place| (place.node.name.clone(), place.handle.clone()));
            let (demand, census) = match from {
                None => (state.first_demand(at, &order.tasks), state.census(at.pod).clone()),
                Some(_) => (state.whole_demand(at, &order.tasks), self.census_elsewhere(fits, at)),
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
            let models = self.pod_model(at.pod).map(|pod| pod.tasks.as_slice()).unwrap_or_default();
            if let Some(model) = models.iter().find(|model| model.conf == task.conf) {
                return model.demand.clone();
            }
        }
        let configs = tasks.iter().filter_map(|task| self.confs().get(&task.conf));
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
            let models = self.pod_model(at.pod).map(|pod| pod.tasks.as_slice()).unwrap_or_default();
            if let Some(model) = models.iter().find(|model| model.conf == task.conf) {
                return model.configs.clone();
            }
        }
        tasks.iter().filter_map(|task| self.confs().get(&task.conf).cloned()).collect()
    }

    /// Where the other instances are, and where those will be that are being ended to move.
    fn census_elsewhere(&self, fits: &Fits, at: At) -> Arc<Census> {
        let state = self;
        let mut census = state.census_without(at);
        let pod = state.pod_model(at.pod);
        let Some((pod, rule)) = pod.and_then(|pod| Some((pod, pod.placement.as_ref()?))) else {
            return census;
        };
        let leaves = |launch: Number, whose: At| {
            let record = state.record(whose).filter(|record| record.relocation().is_some());
            let order = record.and_then(|record| record.order(launch));
            order.is_some_and(|order| order.stage == OrderStage::Displacing)
        };
        for (_, _, grant) in fits.grants_beside(at).filter(|&(launch, at, _)| leaves(launch, at)) {
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
    pub(super) fn judge(&self, fits: &Fits, at: At, grant: &Grant) -> Result<(), Reason> {
        let state = self;
        let record = state.record(at);
        let moves = record.is_some_and(|record| record.relocation().is_some());
        let place = record.and_then(|record| record.place());
        let rule = state.pod_model(at.pod).and_then(|pod| pod.placement.as_ref());
        match (place, rule) {
            _ if self.bug(Bug::NotJudged) => Ok(()),
            (Some(_), Some(rule)) if moves => {
                let census = self.census_elsewhere(fits, at);
                let judgement = || Reason::Placement(rule.judge(&grant.node, &census).to_string());
                if rule.allows(&grant.node, &census) { Ok(()) } else { Err(judgement()) }
            }
            (Some(_), _) if moves => Ok(()),
            (Some(place), _) if place.node.name != grant.node.name => {
                Err(Reason::Placement(format!("it lives on {}, not on {}", place.node.name, grant.node.name)))
            }
            (None, Some(rule)) if !rule.allows(&grant.node, state.census(at.pod)) => {
                Err(Reason::Placement(rule.judge(&grant.node, state.census(at.pod)).to_string()))
            }
            _ => Ok(()),
        }
    }

    /// The domains and the principal of a place that an instance takes now.
    pub(super) fn taken(&self, at: At) -> (Domains, Option<Arc<str>>) {
        let rule = self.pod_model(at.pod).and_then(|pod| pod.placement.as_deref());
        (Domains::of(rule), self.model().spec().scheduler().principal.as_deref().map(Arc::from))
    }
}
