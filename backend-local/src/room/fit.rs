//! Room for an order: where, or why nowhere.
//!
//! Invariant: what is granted is held from then on. An order that asks again is given the same; one without a place goes
//! where its placement allows it, to the node with the fewest instances.

use std::fmt::Write as _;
use std::sync::Arc;

use plan_core::engine::{Fit, Grant, Handle};
use plan_core::plan::Demand;
use plan_core::spec::placement::{Census, NodeFacts};
use plan_core::spec::{Field, NodeName};
use smol_str::format_smolstr;

use super::amounts::{Amounts, Lacks};
use super::place::{Change, Place, Referenced, grant};
use super::{Health, Rooms, ServiceKey};
use crate::ports::Numbers;

/// So many nodes are named in a reason.
const NAMED: usize = 4;

/// Why there is no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Not now.
    Retry(String),
    /// The node is gone for good.
    Gone(String),
}

impl Rooms {
    /// Room for a question, or why there is none. `count` numbers the commands, `asked` is when the question came.
    pub(crate) fn fit(
        &mut self,
        service: &ServiceKey,
        fit: &Fit,
        asked: u64,
        count: u64,
    ) -> Result<Grant, NoRoom> {
        match &fit.at {
            None => self.fit_anywhere(service, fit, asked).map_err(NoRoom::Retry),
            Some((node, handle)) => self.fit_there(service, fit, node, handle, count),
        }
    }

    /// Room on any node, under a handle of its own.
    fn fit_anywhere(&mut self, service: &ServiceKey, fit: &Fit, asked: u64) -> Result<Grant, String> {
        let from = fit.from.as_ref().map(|(_, handle)| handle);
        let granted = self.places.iter().find(|((of, handle), place)| {
            of == service
                && !place.used
                && place.instance == fit.instance
                && place.launch == fit.launch
                && Some(handle) != from
                && self.health(&place.node.name) == Some(Health::Heard)
        });
        if let Some(((_, handle), place)) = granted {
            return Ok(grant(place, handle));
        }
        // What was held for an order that is over.
        self.free(|of, handle, place| {
            of == service && !place.used && place.instance == fit.instance && Some(handle) != from
        });
        let node = self.choose_node(service, fit, asked)?;
        // A launch number is given to one order, and an order has one place.
        let handle = Handle(format_smolstr!("{}@{}", fit.instance, fit.launch));
        self.reserve(service, fit, &node, handle, None)
    }

    /// Room where an instance lives.
    fn fit_there(
        &mut self,
        service: &ServiceKey,
        fit: &Fit,
        name: &NodeName,
        handle: &Handle,
        count: u64,
    ) -> Result<Grant, NoRoom> {
        let Some(node) = self.node(name) else {
            return Err(NoRoom::Retry(format!(
                "there is no node {name}: start the scheduler with the nodes that it had"
            )));
        };
        match node.health {
            Health::Gone => return Err(NoRoom::Gone(format!("{name} was lost, and is gone for good"))),
            Health::Silent => {
                return Err(NoRoom::Retry(format!("nothing is heard of {name}, where it lives")));
            }
            Health::Heard => {}
        }
        let facts = node.facts.clone();
        let key = (service.clone(), handle.clone());
        let Some(place) = self.places.get_mut(&key) else {
            return self.reserve(service, fit, &facts, handle.clone(), Some(count)).map_err(NoRoom::Retry);
        };
        // A record names it from now on at the latest.
        place.firm.get_or_insert(count);
        place.launch = fit.launch;
        let place = place.clone();
        let changed =
            |one: &Demand| place.sets.iter().all(|old| old.set != one.set || old.resources != one.resources);
        if !fit.demand.iter().any(changed) {
            self.forget_change(&key, fit.launch);
            return Ok(grant(&place, handle));
        }
        let others = place.sets.iter().filter(|old| fit.demand.iter().all(|one| one.set != old.set));
        let sets: Arc<[Demand]> = others.chain(fit.demand.iter()).cloned().collect();
        let had =
            place.changes.iter().flat_map(|change| &change.ports).chain(&place.ports).cloned().collect();
        let ports = self.ports.find(&sets, &had).map_err(NoRoom::Retry)?;
        let mut becomes = place.clone();
        becomes.changes.retain(|change| change.launch != fit.launch);
        becomes.changes.push(Change { launch: fit.launch, sets, ports: ports.clone() });
        let (more, free) = (becomes.room().minus(place.room()), self.free_on(name));
        if !free.holds(more) {
            return Err(NoRoom::Retry(format!("{name}: {}", Lacks { wanted: more, free })));
        }
        self.put(key, becomes);
        Ok(Grant { node: facts, ports, handle: handle.clone(), until: None })
    }

    fn reserve(
        &mut self,
        service: &ServiceKey,
        fit: &Fit,
        node: &Arc<NodeFacts>,
        handle: Handle,
        firm: Option<u64>,
    ) -> Result<Grant, String> {
        let (wanted, free) = (Amounts::of(&fit.demand, &fit.volumes), self.free_on(&node.name));
        if !free.holds(wanted) {
            return Err(format!("{}: {}", node.name, Lacks { wanted, free }));
        }
        let ports = self.ports.find(&fit.demand, &Numbers::new())?;
        let mentions = |field| fit.placement.as_ref().is_some_and(|rule| rule.mentions(&field));
        let place = Place {
            instance: fit.instance.clone(),
            node: node.clone(),
            sets: fit.demand.clone(),
            volumes: fit.volumes.clone(),
            ports,
            changes: Vec::new(),
            launch: fit.launch,
            firm,
            used: firm.is_some(),
            referenced: Referenced { region: mentions(Field::Region), zone: mentions(Field::Zone) },
        };
        let grant = grant(&place, &handle);
        self.hold(service, handle, place);
        Ok(grant)
    }

    /// The node with room that fits the placement and has the fewest instances.
    fn choose_node(&mut self, service: &ServiceKey, fit: &Fit, asked: u64) -> Result<Arc<NodeFacts>, String> {
        let wanted = Amounts::of(&fit.demand, &fit.volumes);
        let census = self.census(service, fit, asked);
        // All nodes are this machine: what is free here is free on each.
        let ports = self.ports.find(&fit.demand, &Numbers::new());
        let mut best: Option<(usize, Arc<NodeFacts>)> = None;
        let mut why = String::new();
        let mut unfit = 0;
        for node in &self.nodes {
            let (facts, free) = (&node.facts, self.free_on(&node.facts.name));
            let rule = fit.placement.as_deref().filter(|rule| !rule.allows(facts, &census));
            let reason = match (node.health, rule) {
                (Health::Gone, _) => "it was lost, and is gone for good".to_owned(),
                (Health::Silent, _) => "nothing is heard of it".to_owned(),
                _ if !node.open => {
                    "it takes no new instances: this scheduler was started without it".to_owned()
                }
                (_, Some(rule)) => rule.judge(facts, &census).to_string(),
                _ if !free.holds(wanted) => Lacks { wanted, free }.to_string(),
                _ => match &ports {
                    Err(port) => port.clone(),
                    Ok(_) => {
                        let here = self.places.values().filter(|place| place.node.name == facts.name).count();
                        if best.as_ref().is_none_or(|(fewest, _)| here < *fewest) {
                            best = Some((here, facts.clone()));
                        }
                        continue;
                    }
                },
            };
            unfit += 1;
            if unfit <= NAMED {
                // Writing to a string cannot fail.
                let _ = write!(why, "{}{}: {reason}", if unfit == 1 { "" } else { "; " }, facts.name);
            }
        }
        if unfit > NAMED {
            let _ = write!(why, "; and {} more nodes", unfit - NAMED);
        }
        best.map(|(_, facts)| facts).ok_or(why)
    }

    /// Where the others are: what the engine said, and what was granted that it did not know of.
    fn census(&self, service: &ServiceKey, fit: &Fit, asked: u64) -> Arc<Census> {
        let mut census = fit.census.clone();
        let Some(rule) = fit.placement.as_deref() else { return census };
        let (fields, pods) = (rule.fields(), rule.pods());
        let unknown = |place: &Place| place.firm.is_none_or(|firm| firm > asked);
        for ((of, _), place) in &self.places {
            if of != service || place.instance == fit.instance || !unknown(place) {
                continue;
            }
            let name = &place.instance.pod;
            if *name == fit.instance.pod {
                for field in &fields {
                    if let Some(value) = place.node.value(field) {
                        Arc::make_mut(&mut census).add(field, value);
                    }
                }
            }
            if pods.contains(name) {
                Arc::make_mut(&mut census).add_host(name, &place.node.name);
            }
        }
        census
    }
}
