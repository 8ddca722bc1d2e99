//! Questions for room, and their answers.
//!
//! Invariant: a question stands until it is answered with room or given back; a place is held until it is released or
//! its node is gone.

use std::fmt::Write as _;
use std::sync::Arc;

use plan_core::engine::{Fit, FitAnswer, Grant, Handle, Number, Outcome, Wall};
use plan_core::spec::placement::Census;
use plan_core::spec::{InstanceName, NodeFacts};
use smol_str::format_smolstr;

use crate::choose::{Choose as _, Site};
use crate::cluster::{Cluster, Judges, Reservation};
use crate::node::{Lacks, Ports, Room};
use crate::world::World;

use super::Backend;

/// So many nodes are named in a reason.
const NAMED: usize = 4;

/// A question that stands.
#[derive(Clone)]
pub(super) struct Open {
    fit: Box<Fit>,
    instance: u32,
    /// When it was asked, by the backend's count.
    asked: u64,
    told: Option<Refused>,
}

/// Why there is no room.
#[derive(Clone, PartialEq)]
enum Refused {
    /// Not now.
    Retry(String),
    /// Its node is gone for good.
    Gone(String),
}

impl Backend {
    pub(super) fn fit(&mut self, cluster: &mut Cluster, world: &mut World<'_>, fit: Box<Fit>) {
        let Some(instance) = cluster.roster.id(&fit.instance) else { return };
        // A question that is asked again replaces the one before.
        self.open
            .retain(|_, open| open.instance != instance || open.fit.launch == fit.launch || fit.at.is_some());
        let open = Open { fit, instance, asked: self.count, told: None };
        self.consider(cluster, world, open);
    }

    /// Answers a question if there is something new to say, and keeps it if there is no room.
    fn consider(&mut self, cluster: &mut Cluster, world: &mut World<'_>, mut open: Open) {
        let (instance, launch) = (open.instance, open.fit.launch);
        let name = open.fit.instance.clone();
        match self.try_fit(cluster, world, &open) {
            Ok(mut grant) => {
                let until = self.grants.map(|lasts| world.now() + lasts);
                grant.until = until.map(Wall);
                if let Some((held, _)) = cluster.held(instance, &grant.handle) {
                    held.until = until;
                }
                let answer = FitAnswer::Fitted(grant);
                self.answer(world, instance, Outcome::Fit { instance: name, launch, answer });
            }
            Err(why) => {
                if open.told.as_ref() != Some(&why) {
                    let answer = match why.clone() {
                        Refused::Retry(why) => FitAnswer::Retry(why),
                        Refused::Gone(why) => FitAnswer::NodeGone(why),
                    };
                    self.answer(world, instance, Outcome::Fit { instance: name, launch, answer });
                    open.told = Some(why);
                }
                self.open.insert(launch, open);
            }
        }
    }

    fn try_fit(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        open: &Open,
    ) -> Result<Grant, Refused> {
        match &open.fit.at {
            None => self.fit_anywhere(cluster, world, open).map_err(Refused::Retry),
            Some((node, handle)) => self.fit_there(cluster, world, open, node.as_str(), handle),
        }
    }

    /// Room on any node, under a handle of its own.
    fn fit_anywhere(
        &mut self,
        cluster: &mut Cluster,
        world: &mut World<'_>,
        open: &Open,
    ) -> Result<Grant, String> {
        let (fit, id) = (&*open.fit, open.instance);
        let from = fit.from.as_ref().map(|(_, handle)| handle);
        let spare = |held: &Reservation| !held.used && Some(&held.handle) != from;
        let granted = cluster.reservations[id as usize].iter_mut().find(|held| {
            spare(held) && held.launch == fit.launch && cluster.nodes[held.node as usize].is_heard()
        });
        if let Some(held) = granted {
            held.session = world.session;
            return Ok(grant(&cluster.nodes[held.node as usize].facts, &held.handle, held.ports.clone()));
        }
        // What was held for an order that is over.
        self.freed |= cluster.free(id, |held, _| spare(held));
        let node = self.choose_node(cluster, world, open)?;
        let handle = Handle(format_smolstr!("{}@{}", fit.instance, self.count));
        self.reserve(cluster, world, open, node, handle, None)
    }

    /// Room where an instance lives.
    fn fit_there(
        &mut self,
        cluster: &mut Cluster,
        world: &World<'_>,
        open: &Open,
        name: &str,
        handle: &Handle,
    ) -> Result<Grant, Refused> {
        let (fit, id) = (&*open.fit, open.instance);
        let none = || Refused::Retry(format!("there is no node {name}"));
        let node = cluster.node_id(name).ok_or_else(none)?;
        let at = &cluster.nodes[node as usize];
        if at.gone {
            return Err(Refused::Gone(format!("{name} is gone for good")));
        }
        if at.silent {
            return Err(Refused::Retry(format!("nothing is heard of {name}, where it lives")));
        }
        let count = self.count;
        if let Some((held, node)) = cluster.held(id, handle) {
            // The record names it from now on at the latest.
            held.firm.get_or_insert(count);
            held.launch = fit.launch;
            held.session = world.session;
            let ports = held.grant(node, fit.launch, &fit.demand).map_err(Refused::Retry)?;
            return Ok(grant(&node.facts, handle, ports));
        }
        self.reserve(cluster, world, open, node, handle.clone(), Some(count)).map_err(Refused::Retry)
    }

    fn reserve(
        &mut self,
        cluster: &mut Cluster,
        world: &World<'_>,
        open: &Open,
        node: u32,
        handle: Handle,
        firm: Option<u64>,
    ) -> Result<Grant, String> {
        let fit = &open.fit;
        let room = Room::of(&fit.demand, &fit.volumes);
        let at = &cluster.nodes[node as usize];
        if !at.free.holds(room) {
            return Err(format!("{}: {}", at.facts.name, Lacks { wanted: room, free: at.free }));
        }
        let ports = at
            .ports(&fit.demand, &Ports::new())
            .map_err(|port| format!("{}: port {port} is taken", at.facts.name))?;
        let reservation = Reservation {
            handle,
            node,
            sets: fit.demand.clone(),
            volumes: fit.volumes.clone(),
            room,
            ports,
            changes: Vec::new(),
            launch: fit.launch,
            until: None,
            session: world.session,
            firm,
            used: firm.is_some(),
        };
        let grant = grant(&at.facts, &reservation.handle, reservation.ports.clone());
        cluster.reserve(open.instance, reservation);
        Ok(grant)
    }

    /// A node that has room and fits the placement: by default the one with the fewest instances.
    fn choose_node(&self, cluster: &Cluster, world: &mut World<'_>, open: &Open) -> Result<u32, String> {
        let fit = &*open.fit;
        let room = Room::of(&fit.demand, &fit.volumes);
        let census = fit.placement.as_ref().map(|_| self.census(cluster, open));
        let judge = fit.placement.as_deref().filter(|_| self.judges == Judges::Both).zip(census.as_deref());
        let mut good: Vec<(u32, u32)> = Vec::new();
        for (nth, node) in (0..).zip(&cluster.nodes) {
            let fits = node.is_heard()
                && node.free.holds(room)
                && judge.is_none_or(|(rule, census)| rule.allows(&node.facts, census))
                && node.ports(&fit.demand, &Ports::new()).is_ok();
            if fits {
                good.push((node.instances, nth));
            }
        }
        if good.is_empty() {
            return Err(no_room(cluster, fit, room, census.as_deref()));
        }
        good.sort_unstable();
        let nth = world.choose.choose(Site::new("node", u64::from(open.instance)), good.len() as u32);
        Ok(good[nth as usize].1)
    }

    /// Where the others are: what the engine said, and what was granted that it did not know of.
    fn census(&self, cluster: &Cluster, open: &Open) -> Arc<Census> {
        let mut census = open.fit.census.clone();
        let Some(rule) = open.fit.placement.as_deref() else { return census };
        let fields = rule.fields();
        let pods = rule.pods();
        for (id, all) in (0..).zip(&cluster.reservations) {
            if id == open.instance {
                continue;
            }
            for held in all.iter().filter(|held| held.firm.is_none_or(|firm| firm > open.asked)) {
                let name = &cluster.roster.name(id).pod;
                let facts = &cluster.nodes[held.node as usize].facts;
                if *name == open.fit.instance.pod {
                    for field in &fields {
                        if let Some(value) = facts.value(field) {
                            Arc::make_mut(&mut census).add(field, value);
                        }
                    }
                }
                if pods.contains(name) {
                    Arc::make_mut(&mut census).add_host(name, &facts.name);
                }
            }
        }
        census
    }

    pub(super) fn withdraw(&mut self, cluster: &mut Cluster, instance: &InstanceName, launch: Number) {
        let Some(id) = cluster.roster.id(instance) else { return };
        self.open.remove(&launch);
        self.freed |= cluster.free(id, |held, _| held.launch == launch && !held.used);
        for held in &mut cluster.reservations[id as usize] {
            let before = held.room;
            held.forget_change(&mut cluster.nodes[held.node as usize], launch);
            self.freed |= held.room != before;
        }
    }

    /// Room was freed: open questions are looked at again.
    pub(crate) fn look_again(&mut self, cluster: &mut Cluster, world: &mut World<'_>) {
        while std::mem::take(&mut self.freed) {
            for (_, open) in std::mem::take(&mut self.open) {
                self.consider(cluster, world, open);
            }
        }
    }

    /// Whether a question for room of an instance stands.
    pub(crate) fn is_asked(&self, instance: u32) -> bool {
        self.open.values().any(|open| open.instance == instance)
    }

    /// The questions for room that stand, by launch.
    pub(crate) fn questions(&self) -> impl Iterator<Item = &Fit> {
        self.open.values().map(|open| &*open.fit)
    }
}

fn grant(node: &Arc<NodeFacts>, handle: &Handle, ports: Ports) -> Grant {
    Grant { node: node.clone(), ports, handle: handle.clone(), until: None }
}

/// Why no node will do.
fn no_room(cluster: &Cluster, fit: &Fit, room: Room, census: Option<&Census>) -> String {
    let mut why = String::new();
    for (nth, node) in cluster.nodes.iter().enumerate() {
        if nth == NAMED {
            let _ = write!(why, "; and {} more nodes", cluster.nodes.len() - NAMED);
            break;
        }
        let name = &node.facts.name;
        let _ = write!(why, "{}{name}: ", if nth == 0 { "" } else { "; " });
        let rule = fit.placement.as_deref().zip(census);
        let _ = match rule {
            _ if node.gone => write!(why, "it is gone for good"),
            _ if node.silent => write!(why, "nothing is heard of it"),
            Some((rule, census)) if !rule.allows(&node.facts, census) => {
                write!(why, "{}", rule.judge(&node.facts, census))
            }
            _ if !node.free.holds(room) => write!(why, "{}", Lacks { wanted: room, free: node.free }),
            _ => match node.ports(&fit.demand, &Ports::new()) {
                Err(port) => write!(why, "its port for `{port}` is taken"),
                Ok(_) => write!(why, "it would do"),
            },
        };
    }
    why
}
