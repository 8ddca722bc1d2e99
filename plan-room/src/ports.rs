//! Port numbers.
//!
//! Invariant: within a space a number is given to one place at a time, and only that place gives it back. Two places
//! that are taken over may have the same number. Then it is free when both gave it back.

use std::collections::BTreeMap;
use std::fmt;

use plan_core::engine::Handle;
use plan_core::plan::Demand;
use plan_core::spec::{InstanceName, PortChoice, PortName, PortRange};

use crate::place::{Numbers, Owner};

/// The range of ports that name no range, as on a Mesos agent.
const DYNAMIC: PortRange = PortRange { begin: 31_000, end: 32_000 };
const SPAN: u64 = (DYNAMIC.end - DYNAMIC.begin) as u64 + 1;

/// How numbers are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRules {
    /// The space in which a number is given once.
    pub spaces: Spaces,
    /// Where a search begins for a port that names no range.
    pub search: Search,
}

/// The space in which a number is given once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spaces {
    /// Each node has numbers of its own.
    PerNode,
    /// All nodes are one machine, and share its numbers.
    OneMachine,
}

/// Where the search for a number begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// At the first.
    FromTheFirst,
    /// After the number that was given last, so that a number is not given again at once. The first search begins at a
    /// number that follows from a seed, so that two schedulers on a machine rarely want the same one.
    Onward {
        /// The seed.
        seed: u64,
    },
}

/// The holder of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder<O> {
    pub(crate) owner: O,
    pub(crate) instance: InstanceName,
    pub(crate) handle: Handle,
}

/// The numbers that are given, and their places.
#[derive(Debug, Clone)]
pub(crate) struct PortTable<O> {
    rules: PortRules,
    spaces: Vec<BTreeMap<u16, Vec<Holder<O>>>>,
    /// Where the next search in the default range begins.
    next: u16,
}

/// Why a port cannot have a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PortRefusal {
    /// A place has it.
    Held { number: u16, port: PortName, by: String },
    /// Two ports of the instance want it.
    Twice { number: u16, port: PortName },
    /// A program that the book does not know has it.
    Outside { number: u16, port: PortName, whose: &'static str },
    /// None of the allowed numbers is free.
    None { port: PortName },
}

impl fmt::Display for PortRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { number, port, by } => write!(f, "port {number} (`{port}`) is taken by {by}"),
            Self::Twice { number, port } => {
                write!(f, "port {number} (`{port}`) is asked for twice by the instance")
            }
            Self::Outside { number, port, whose } => {
                write!(f, "port {number} (`{port}`) is taken by {whose}")
            }
            Self::None { port } => write!(f, "no port is free for `{port}`"),
        }
    }
}

/// The question of a search.
pub(crate) struct Wanted<'a> {
    /// The position of the node.
    pub(crate) node: usize,
    pub(crate) demand: &'a [Demand],
    /// The present numbers. They are kept if they are allowed.
    pub(crate) had: &'a [(PortName, u16)],
    /// Numbers that only ports of these sets have. Another port of these sets may get one.
    pub(crate) own: &'a [u16],
    /// The words for a program that has a number and that the book does not know.
    pub(crate) whose: &'static str,
}

impl<O: Owner> PortTable<O> {
    pub(crate) fn new(rules: PortRules) -> Self {
        let next = match rules.search {
            Search::FromTheFirst => 0,
            Search::Onward { seed } => u16::try_from(seed % SPAN).unwrap_or_default(),
        };
        Self { rules, spaces: Vec::new(), next }
    }

    /// The space of a node's numbers.
    fn space(&self, node: usize) -> usize {
        match self.rules.spaces {
            Spaces::PerNode => node,
            Spaces::OneMachine => 0,
        }
    }

    /// Finds numbers for the ports of these sets. `outside` says whether a program that the book does not know has a
    /// number.
    pub(crate) fn find(
        &self,
        wanted: &Wanted<'_>,
        outside: impl Fn(u16) -> bool,
    ) -> Result<Numbers, PortRefusal> {
        let given = self.spaces.get(self.space(wanted.node));
        let holders = |number: u16| given.and_then(|given| given.get(&number)).map_or(&[][..], Vec::as_slice);
        let holder = |number: u16| holders(number).first();
        let mut found: Numbers = Vec::new();
        for (name, port) in wanted.demand.iter().flat_map(|one| one.resources.ports.iter()) {
            let will_do = |number: u16| match &port.number {
                PortChoice::Static(wanted) => wanted.get() == number,
                PortChoice::Dynamic(ranges) => {
                    ranges.is_empty()
                        || ranges.iter().any(|range| (range.begin..=range.end).contains(&number))
                }
            };
            let twice = |number: u16| found.iter().any(|(_, other)| *other == number);
            let mut had = wanted.had.iter().filter(|(_, number)| will_do(*number) && !twice(*number));
            let had = had.find(|(other, _)| other == name);
            if let Some(&(_, number)) = had {
                found.push((name.clone(), number));
                continue;
            }
            let free = |number: &u16| holder(*number).is_none() && !twice(*number) && !outside(*number);
            // The port that has this number is gone when the new one exists.
            let is_own =
                |number: &u16| wanted.own.contains(number) && holders(*number).len() == 1 && !twice(*number);
            let port_name = || name.clone();
            let number = match &port.number {
                PortChoice::Static(number) if is_own(&number.get()) => Some(number.get()),
                PortChoice::Static(number) => {
                    let number = number.get();
                    if let Some(holder) = holder(number) {
                        let by = holder.owner.label(&holder.instance);
                        return Err(PortRefusal::Held { number, port: port_name(), by });
                    }
                    if twice(number) {
                        return Err(PortRefusal::Twice { number, port: port_name() });
                    }
                    if outside(number) {
                        let whose = wanted.whose;
                        return Err(PortRefusal::Outside { number, port: port_name(), whose });
                    }
                    Some(number)
                }
                PortChoice::Dynamic(ranges) if ranges.is_empty() => {
                    let begin = DYNAMIC.begin + self.next;
                    (begin..=DYNAMIC.end).chain(DYNAMIC.begin..begin).find(free)
                }
                PortChoice::Dynamic(ranges) => {
                    let all = || ranges.iter().flat_map(|range| range.begin.max(1)..=range.end);
                    all().find(free).or_else(|| all().find(is_own))
                }
            };
            found.push((port_name(), number.ok_or_else(|| PortRefusal::None { port: port_name() })?));
        }
        Ok(found)
    }

    /// Gives numbers on a node to a place.
    pub(crate) fn give(&mut self, node: usize, numbers: impl IntoIterator<Item = u16>, holder: &Holder<O>) {
        let space = self.space(node);
        if self.spaces.len() <= space {
            self.spaces.resize_with(space + 1, BTreeMap::new);
        }
        for number in numbers {
            let holders = self.spaces[space].entry(number).or_default();
            if holders.contains(holder) {
                continue;
            }
            holders.push(holder.clone());
            if matches!(self.rules.search, Search::Onward { .. })
                && (DYNAMIC.begin..=DYNAMIC.end).contains(&number)
            {
                self.next = if number == DYNAMIC.end { 0 } else { number - DYNAMIC.begin + 1 };
            }
        }
    }

    /// Takes back those of these numbers on a node that a place has.
    pub(crate) fn take_back(
        &mut self,
        node: usize,
        numbers: impl IntoIterator<Item = u16>,
        holder: &Holder<O>,
    ) {
        let space = self.space(node);
        let Some(given) = self.spaces.get_mut(space) else { return };
        for number in numbers {
            let Some(holders) = given.get_mut(&number) else { continue };
            holders.retain(|one| one != holder);
            if holders.is_empty() {
                given.remove(&number);
            }
        }
    }

    /// The place that has a number, in any space.
    pub(crate) fn holders(&self, number: u16) -> impl Iterator<Item = &Holder<O>> {
        self.spaces.iter().filter_map(move |given| given.get(&number)).flatten()
    }

    /// Every number that is given, with its space and its place.
    #[cfg(test)]
    pub(crate) fn given(&self) -> impl Iterator<Item = (usize, u16, &[Holder<O>])> {
        let spaces = self.spaces.iter().enumerate();
        spaces.flat_map(|(space, given)| given.iter().map(move |(number, of)| (space, *number, &of[..])))
    }
}
