//! Finds room for an order, or says why there is none.
//!
//! Invariant: a grant is held from then on. An order that asks again gets the same grant. An order without a place goes
//! where its placement allows it.

use std::fmt::Write as _;
use std::sync::Arc;

use plan_core::engine::{Fit, FitAnswer, Grant, Handle, Wall};
use plan_core::plan::Demand;
use plan_core::spec::placement::{Census, PlacementRule};
use plan_core::spec::{NodeName, PortName};

use crate::amounts::{Amounts, Lacks};
use crate::book::Book;
use crate::node::{BookNode, Health};
use crate::place::{Change, HeldPlace, Numbers, Owner, When};
use crate::ports::{PortRefusal, Spaces, Wanted};

/// The most nodes that a reason names.
const NAMED: usize = 4;

/// A question for room, with what the backend adds to it.
#[derive(Debug)]
pub struct RoomRequest<'a, O> {
    /// The owner that asks.
    pub owner: &'a O,
    /// What is asked for.
    pub fit: &'a Fit,
    /// When the question was asked, by the count of commands.
    pub asked: u64,
    /// The present moment.
    pub now: When,
    /// The handle of a new place. It was never given before.
    pub fresh: Handle,
    /// Until when the grant may be used; `None` is without an end.
    pub until: Option<Wall>,
}

/// Whether placement is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// A node is good if it has room and the rule allows it.
    Placement,
    /// A node is good if it has room.
    RoomAlone,
}

/// What the book asks of its backend.
pub trait Outside {
    /// Chooses one of these good nodes. The first has the fewest places, and is the default.
    fn choose(&mut self, good: &[&BookNode]) -> usize {
        let _ = good;
        0
    }

    /// Whether a program that the book does not know has a port on a node; by default none does.
    fn has(&self, node: &NodeName, number: u16) -> bool {
        let _ = (node, number);
        false
    }
}

/// Chooses the first node, and no other program has ports.
impl Outside for () {}

/// Why there is no room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoRoom {
    /// Not now.
    Retry(String),
    /// The node is gone for good.
    Gone(String),
}

impl From<NoRoom> for FitAnswer {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::Retry(why) => Self::Retry(why.into()),
            NoRoom::Gone(why) => Self::NodeGone(why.into()),
        }
    }
}

/// What a question is judged by.
struct Judged<'a> {
    wanted: Amounts,
    demand: &'a [Demand],
    rule: Option<&'a PlacementRule>,
    census: Arc<Census>,
    /// The port numbers of any node, if all nodes share them.
    shared: Option<Result<Numbers, PortRefusal>>,
}

impl<O: Owner> Book<O> {
    /// Finds room for a question, and holds it from now on.
    ///
    /// # Errors
    /// There is no room, and why.
    pub fn fit(&mut self, ask: &RoomRequest<'_, O>, outside: &mut impl Outside) -> Result<Grant, NoRoom> {
        let mut grant = match &ask.fit.at {
            None => self.fit_anywhere(ask, outside).map_err(NoRoom::Retry),
            Some((node, handle)) => self.fit_there(ask, node, handle, outside),
        }?;
        grant.until = ask.until;
        if let Some(place) = self.place_mut(ask.owner, &ask.fit.instance, &grant.handle) {
            place.until = ask.until;
        }
        Ok(grant)
    }

    /// Finds room on any node, under a new handle.
    fn fit_anywhere(
        &mut self,
        ask: &RoomRequest<'_, O>,
        outside: &mut impl Outside,
    ) -> Result<Grant, String> {
        let (owner, fit) = (ask.owner, ask.fit);
        let from = fit.from.as_ref().map(|(_, handle)| handle);
        let spare = |place: &HeldPlace| !place.used && Some(&place.handle) != from;
        let granted = self.of_instance(owner, &fit.instance).iter().find(|place| {
            spare(place) && place.granted.contains(&fit.launch) && self.nodes()[place.at].is_heard()
        });
        if let Some(handle) = granted.map(|place| place.handle.clone())
            && let Some(place) = self.place_mut(owner, &fit.instance, &handle)
        {
            place.session = ask.now.session;
            return Ok(place.grant());
        }
        // The grant of an order that is over.
        self.free_of(owner, &fit.instance, spare);
        let at = self.choose_node(ask, outside)?;
        self.reserve(ask, at, ask.fresh.clone(), None, outside)
    }

    /// Finds room where an instance lives.
    fn fit_there(
        &mut self,
        ask: &RoomRequest<'_, O>,
        name: &NodeName,
        handle: &Handle,
        outside: &impl Outside,
    ) -> Result<Grant, NoRoom> {
        let (owner, fit) = (ask.owner, ask.fit);
        let words = self.rules.words;
        let Some(at) = self.position(name) else {
            return Err(NoRoom::Retry(format!("there is no node {name}{}", words.unknown)));
        };
        match self.nodes()[at].health() {
            Health::Gone => return Err(NoRoom::Gone(format!("{name} {}", words.gone))),
            Health::Silent => {
                return Err(NoRoom::Retry(format!("nothing is heard of {name}, where it lives")));
            }
            Health::Heard => {}
        }
        let Some(place) = self.place_mut(owner, &fit.instance, handle).filter(|place| place.at == at) else {
            let firm = Some(ask.now.command);
            return self.reserve(ask, at, handle.clone(), firm, outside).map_err(NoRoom::Retry);
        };
        // From now on, at the latest, a record names the place.
        place.firm.get_or_insert(ask.now.command);
        place.grant_to(fit.launch);
        place.session = ask.now.session;
        if place.has(&fit.demand) {
            let mut stays = place.clone();
            stays.changes.retain(|change| change.launch != fit.launch);
            self.forget_changes(owner, &fit.instance, |place, at| {
                place.handle == *handle && place.changes[at].launch == fit.launch
            });
            return Ok(stays.grant());
        }
        let place = place.clone();
        self.change(ask, place, outside).map_err(NoRoom::Retry)
    }

    /// Grants a place to a launch that changes some of its sets, if its node has the rest.
    fn change(
        &mut self,
        ask: &RoomRequest<'_, O>,
        place: HeldPlace,
        outside: &impl Outside,
    ) -> Result<Grant, String> {
        let (demand, launch) = (ask.fit.demand.clone(), ask.fit.launch);
        let had: Numbers =
            place.changes.iter().flat_map(|change| &change.ports).chain(&place.ports).cloned().collect();
        let own = place.numbers_of(launch, &demand);
        let ports = self
            .find_ports(place.at, &demand, (&had, &own), outside)
            .map_err(|why| self.there(place.at, &why))?;
        let mut becomes = place.clone();
        becomes.changes.retain(|change| change.launch != launch);
        becomes.changes.push(Change { launch, session: ask.now.session, demand, ports });
        let (more, node) = (becomes.needed().minus(place.room), &self.nodes()[place.at]);
        if !node.free().holds(more) {
            return Err(format!("{}: {}", node.facts().name, Lacks { wanted: more, free: node.free() }));
        }
        let grant = becomes.grant();
        self.put(ask.owner, becomes);
        Ok(grant)
    }

    fn reserve(
        &mut self,
        ask: &RoomRequest<'_, O>,
        at: usize,
        handle: Handle,
        firm: Option<u64>,
        outside: &impl Outside,
    ) -> Result<Grant, String> {
        let (fit, node) = (ask.fit, &self.nodes()[at]);
        let (wanted, free) = (Amounts::of(&fit.demand, &fit.volumes), node.free());
        if !free.holds(wanted) {
            return Err(format!("{}: {}", node.facts().name, Lacks { wanted, free }));
        }
        let node = node.facts().clone();
        let ports =
            self.find_ports(at, &fit.demand, (&[], &[]), outside).map_err(|why| self.there(at, &why))?;
        let place = HeldPlace {
            handle,
            instance: fit.instance.clone(),
            node,
            at,
            sets: fit.demand.clone(),
            volumes: fit.volumes.clone(),
            ports,
            changes: Vec::new(),
            launch: fit.launch,
            granted: vec![fit.launch],
            until: ask.until,
            session: ask.now.session,
            firm,
            used: firm.is_some(),
            room: Amounts::default(),
        };
        let grant = place.grant();
        self.put(ask.owner, place);
        Ok(grant)
    }

    /// Finds a node with room that fits the placement.
    fn choose_node(&self, ask: &RoomRequest<'_, O>, outside: &mut impl Outside) -> Result<usize, String> {
        let fit = ask.fit;
        let shared = match self.rules.ports.spaces {
            Spaces::OneMachine if !self.nodes().is_empty() => {
                Some(self.find_ports(0, &fit.demand, (&[], &[]), outside))
            }
            _ => None,
        };
        let judged = Judged {
            wanted: Amounts::of(&fit.demand, &fit.volumes),
            demand: &fit.demand,
            rule: fit.placement.as_deref().filter(|_| self.rules.judge == Judge::Placement),
            census: self.census(ask.owner, fit, ask.asked),
            shared,
        };
        let mut good: Vec<(usize, usize)> = self
            .nodes()
            .iter()
            .enumerate()
            .filter(|(at, _)| self.is_good(*at, &judged, outside))
            .map(|(at, node)| (node.places(), at))
            .collect();
        if good.is_empty() {
            return Err(self.nowhere(&judged, outside));
        }
        good.sort_unstable();
        let nodes: Vec<&BookNode> = good.iter().map(|(_, at)| &self.nodes()[*at]).collect();
        let nth = outside.choose(&nodes).min(good.len() - 1);
        Ok(good[nth].1)
    }

    fn is_good(&self, at: usize, judged: &Judged<'_>, outside: &impl Outside) -> bool {
        let node = &self.nodes()[at];
        node.is_heard()
            && node.is_open()
            && judged.rule.is_none_or(|rule| rule.allows(node.facts(), &judged.census))
            && node.free().holds(judged.wanted)
            && match &judged.shared {
                Some(ports) => ports.is_ok(),
                None => self.find_ports(at, judged.demand, (&[], &[]), outside).is_ok(),
            }
    }

    /// Why no node is good.
    fn nowhere(&self, judged: &Judged<'_>, outside: &impl Outside) -> String {
        let mut why = String::new();
        for (at, node) in self.nodes().iter().enumerate().take(NAMED) {
            let (and, reason) = (if at == 0 { "" } else { "; " }, self.unfit(at, judged, outside));
            // Writing to a string cannot fail.
            let _ = write!(why, "{and}{}: {reason}", node.facts().name);
        }
        if let Some(more) = self.nodes().len().checked_sub(NAMED).filter(|more| *more > 0) {
            let _ = write!(why, "; and {more} more nodes");
        }
        why
    }

    /// Why a node is not good.
    fn unfit(&self, at: usize, judged: &Judged<'_>, outside: &impl Outside) -> String {
        let (node, words) = (&self.nodes()[at], self.rules.words);
        let rule = judged.rule.filter(|rule| !rule.allows(node.facts(), &judged.census));
        match (node.health(), rule) {
            (Health::Gone, _) => format!("it {}", words.gone),
            (Health::Silent, _) => "nothing is heard of it".to_owned(),
            _ if !node.is_open() => words.closed.to_owned(),
            (_, Some(rule)) => rule.judge(node.facts(), &judged.census).to_string(),
            _ if !node.free().holds(judged.wanted) => {
                Lacks { wanted: judged.wanted, free: node.free() }.to_string()
            }
            _ => match &judged.shared {
                Some(ports) => ports.as_ref().err().map(ToString::to_string),
                None => {
                    self.find_ports(at, judged.demand, (&[], &[]), outside).err().map(|why| why.to_string())
                }
            }
            .unwrap_or_else(|| "it would do".to_owned()),
        }
    }

    fn find_ports(
        &self,
        at: usize,
        demand: &[Demand],
        (had, own): (&[(PortName, u16)], &[u16]),
        outside: &impl Outside,
    ) -> Result<Numbers, PortRefusal> {
        let wanted = Wanted { node: at, demand, had, own, whose: self.rules.words.others };
        let name = &self.nodes()[at].facts().name;
        self.ports.find(&wanted, |number| outside.has(name, number))
    }

    /// The reason why a port is not free on a node. It names the node if each node has its own numbers.
    fn there(&self, at: usize, why: &PortRefusal) -> String {
        match self.rules.ports.spaces {
            Spaces::OneMachine => why.to_string(),
            Spaces::PerNode => format!("{}: {why}", self.nodes()[at].facts().name),
        }
    }
}
