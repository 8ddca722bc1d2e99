//! Numbers for ports.
//!
//! Invariant: a number is given to one place at a time, on whatever node, for all nodes are this machine; and only
//! if nobody else listens there at that moment.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use plan_core::plan::Demand;
use plan_core::spec::{PortChoice, PortName, PortRange};

/// Numbers that were given for ports.
pub(crate) type Numbers = Vec<(PortName, u16)>;

/// Where ports come from that name no range, as on a Mesos agent.
const DYNAMIC: PortRange = PortRange { begin: 31_000, end: 32_000 };

/// Which numbers are given, and to whom.
#[derive(Debug, Default)]
pub(crate) struct PortTable {
    given: BTreeMap<u16, String>,
    /// Where the next search in the default range begins: a number that was just given back is not given at once.
    next: u16,
}

impl PortTable {
    /// A table whose numbers begin somewhere, so that two schedulers on a machine rarely want the same.
    pub(crate) fn new(seed: u64) -> Self {
        let span = u64::from(DYNAMIC.end - DYNAMIC.begin) + 1;
        Self { given: BTreeMap::new(), next: u16::try_from(seed % span).unwrap_or_default() }
    }

    /// Numbers for the ports of these sets; why not, in words. What is had already is kept where it will do.
    pub(crate) fn find(&mut self, demand: &[Demand], had: &Numbers) -> Result<Numbers, String> {
        let mut found: Numbers = Vec::new();
        for (name, port) in demand.iter().flat_map(|one| one.resources.ports.iter()) {
            let will_do = |number: u16| match &port.number {
                PortChoice::Static(wanted) => wanted.get() == number,
                PortChoice::Dynamic(ranges) => {
                    ranges.is_empty()
                        || ranges.iter().any(|range| (range.begin..=range.end).contains(&number))
                }
            };
            if let Some(&(_, number)) = had.iter().find(|(other, number)| other == name && will_do(*number)) {
                found.push((name.clone(), number));
                continue;
            }
            let taken_here = |number: u16| found.iter().any(|(_, other)| *other == number);
            let free = |number: &u16| {
                !self.given.contains_key(number) && !taken_here(*number) && nobody_listens(*number)
            };
            let number = match &port.number {
                PortChoice::Static(number) => {
                    let number = number.get();
                    if let Some(owner) = self.given.get(&number) {
                        return Err(format!("port {number} (`{name}`) is taken by {owner}"));
                    }
                    if taken_here(number) {
                        return Err(format!("port {number} (`{name}`) is asked for twice by the instance"));
                    }
                    if !nobody_listens(number) {
                        return Err(format!(
                            "port {number} (`{name}`) is taken by another program of this machine"
                        ));
                    }
                    Some(number)
                }
                PortChoice::Dynamic(ranges) if ranges.is_empty() => {
                    let rotated = (DYNAMIC.begin + self.next..=DYNAMIC.end)
                        .chain(DYNAMIC.begin..DYNAMIC.begin + self.next);
                    let number = rotated.into_iter().find(free);
                    if let Some(number) = number {
                        self.next = (number - DYNAMIC.begin + 1) % (DYNAMIC.end - DYNAMIC.begin + 1);
                    }
                    number
                }
                PortChoice::Dynamic(ranges) => {
                    ranges.iter().flat_map(|range| range.begin.max(1)..=range.end).find(free)
                }
            };
            found.push((name.clone(), number.ok_or_else(|| format!("no port is free for `{name}`"))?));
        }
        Ok(found)
    }

    /// Gives numbers to someone.
    pub(crate) fn give(&mut self, numbers: impl IntoIterator<Item = u16>, owner: &str) {
        self.given.extend(numbers.into_iter().map(|number| (number, owner.to_owned())));
    }

    /// Takes numbers back.
    pub(crate) fn take_back(&mut self, numbers: impl IntoIterator<Item = u16>) {
        for number in numbers {
            self.given.remove(&number);
        }
    }

    /// Who has a number.
    pub(crate) fn owner(&self, number: u16) -> Option<&str> {
        self.given.get(&number).map(String::as_str)
    }
}

fn nobody_listens(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_ok()
}
