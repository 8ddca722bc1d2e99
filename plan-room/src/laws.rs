//! Property tests: what holds for a book, whatever is done to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::Fit;
use plan_core::spec::PortName;
use proptest::prelude::*;

use crate::amounts::Sum;
use crate::tests::{facts, fit, handle, instance, node, rules, set};
use crate::*;

const INSTANCES: [&str; 4] = ["a-0", "a-1", "b-0", "b-1"];
const NODES: [&str; 3] = ["node-0", "node-1", "node-2"];

/// The owners of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Of(u8);

impl Owner for Of {
    fn label(&self, instance: &plan_core::spec::InstanceName) -> String {
        format!("{instance} of {}", self.0)
    }
}

#[derive(Debug, Clone)]
enum Act {
    Anywhere { launch: u64, cpus: u64, port: u16 },
    There { launch: u64, node: usize, handle: u8, cpus: u64, port: u16 },
    Withdraw { launch: u64 },
    Name { handle: u8 },
    Launch { launch: u64, node: usize, handle: u8 },
    Release { handle: u8 },
    Session,
    ForgetGrants,
    Forget,
    Health { node: usize, health: Health },
    Clear { node: usize },
    Restore { node: usize, handle: u8, cpus: u64, port: u16 },
}

/// Where places come from.
#[derive(Clone, Copy)]
enum Takes {
    Grants,
    WhatWasBefore,
}

fn acts(takes: Takes) -> impl Strategy<Value = Vec<(u8, usize, Act)>> {
    let port = || prop_oneof![Just(0_u16), 31_000_u16..31_003, 1_u16..3];
    let (launch, handles, nodes, cpus) = (1_u64..6, 0_u8..6, 0..NODES.len(), 0_u64..700);
    let health = prop_oneof![4 => Just(Health::Heard), 1 => Just(Health::Silent), 1 => Just(Health::Gone)];
    let act = prop_oneof![
        8 => (launch.clone(), cpus.clone(), port())
            .prop_map(|(launch, cpus, port)| Act::Anywhere { launch, cpus, port }),
        6 => (launch.clone(), nodes.clone(), handles.clone(), cpus.clone(), port())
            .prop_map(|(launch, node, handle, cpus, port)| Act::There { launch, node, handle, cpus, port }),
        2 => launch.clone().prop_map(|launch| Act::Withdraw { launch }),
        1 => handles.clone().prop_map(|handle| Act::Name { handle }),
        6 => (launch, nodes.clone(), handles.clone())
            .prop_map(|(launch, node, handle)| Act::Launch { launch, node, handle }),
        2 => handles.clone().prop_map(|handle| Act::Release { handle }),
        1 => Just(Act::Session),
        1 => Just(Act::ForgetGrants),
        1 => Just(Act::Forget),
        2 => (nodes.clone(), health).prop_map(|(node, health)| Act::Health { node, health }),
        1 => nodes.clone().prop_map(|node| Act::Clear { node }),
    ];
    let restore = (nodes, handles, cpus, port()).prop_map(|(node, handle, cpus, port)| Act::Restore {
        node,
        handle,
        cpus,
        port,
    });
    let act = match takes {
        Takes::Grants => act.boxed(),
        Takes::WhatWasBefore => prop_oneof![15 => act, 1 => restore].boxed(),
    };
    prop::collection::vec((0_u8..2, 0..INSTANCES.len(), act), 1..60)
}

/// A book that acts are done to.
struct Bench {
    book: Book<Of>,
    now: When,
}

impl Bench {
    fn new(spaces: Spaces, search: Search) -> Self {
        let mut book = Book::new(rules(spaces, search));
        let total = Amounts { cpus: 1_000, memory: 300, ..Amounts::default() };
        NODES.iter().for_each(|name| book.add_node(facts(name), total));
        Self { book, now: When::default() }
    }

    fn fit(&mut self, owner: Of, fit: &Fit) -> Result<plan_core::engine::Grant, NoRoom> {
        // Of the handles that acts name, one that no place of the instance has.
        let mut fresh = (0..=u8::MAX).map(|nth| handle(&nth.to_string()));
        let fresh = fresh.find(|one| self.book.place(&owner, &fit.instance, one).is_none()).unwrap();
        let ask =
            RoomRequest { owner: &owner, fit, asked: self.now.command, now: self.now, fresh, until: None };
        self.book.fit(&ask, &mut ())
    }

    fn act(&mut self, owner: Of, name: &str, act: &Act) {
        self.now.command += 1;
        let of = instance(name);
        let demand = |cpus: u64, port: u16| [set("s", cpus, &[("web", port), ("any", 0)])];
        let named = |nth: &u8| handle(&nth.to_string());
        match act {
            Act::Anywhere { launch, cpus, port } => {
                let wanted = fit(name, *launch, &demand(*cpus, *port));
                if let Ok(grant) = self.fit(owner, &wanted) {
                    assert_eq!(
                        self.fit(owner, &wanted),
                        Ok(grant),
                        "an order that asks again is given the same"
                    );
                }
            }
            Act::There { launch, node: at, handle, cpus, port } => {
                let at = Some((node(NODES[*at]), named(handle)));
                let wanted = Fit { at, ..fit(name, *launch, &demand(*cpus, *port)) };
                if let Ok(grant) = self.fit(owner, &wanted) {
                    assert_eq!(
                        self.fit(owner, &wanted),
                        Ok(grant),
                        "an order that asks again is given the same"
                    );
                }
            }
            Act::Withdraw { launch } => self.book.withdraw(&owner, &of, *launch),
            Act::Name { handle } => self.book.name(&owner, &of, &named(handle), self.now),
            Act::Launch { launch, node: at, handle } => {
                let place = (&node(NODES[*at]), &named(handle));
                self.book.launch(&owner, &of, place, *launch, self.now);
            }
            Act::Release { handle } => self.book.release(&owner, &of, &named(handle)),
            Act::Session => self.now.session += 1,
            Act::ForgetGrants => self.book.forget_grants(&owner, self.now.session),
            Act::Forget => self.book.forget_owner(&owner),
            Act::Health { node: at, health } => self.book.set_health(&node(NODES[*at]), *health),
            Act::Clear { node: at } => self.book.clear_node(&node(NODES[*at])),
            Act::Restore { node: at, handle, cpus, port } => {
                let ports = vec![(PortName::new("web").unwrap(), *port)];
                let (handle, node) = (named(handle), facts(NODES[*at]));
                let (sets, volumes) = (Arc::new(demand(*cpus, *port)), Arc::new([]));
                self.book.restore(&owner, Kept { handle, instance: of, node, sets, volumes, ports });
            }
        }
    }

    /// What is held is the sum of the places.
    fn check(&self, spaces: Spaces) {
        for (at, node) in self.book.nodes().iter().enumerate() {
            let (mut held, mut count) = (Sum::default(), 0);
            for (_, place) in self.book.places().filter(|(_, place)| place.at == at) {
                assert_eq!(place.room(), place.needed());
                assert_eq!(place.node.name, node.facts().name);
                held.add(place.room());
                count += 1;
            }
            assert_eq!((node.held(), node.places()), (held.amounts(), count), "{}", node.facts().name);
        }
        let mut numbers: BTreeMap<(usize, u16), usize> = BTreeMap::new();
        for (_, place) in self.book.places() {
            let space = if spaces == Spaces::OneMachine { 0 } else { place.at };
            let own: std::collections::BTreeSet<u16> = place.numbers().collect();
            own.into_iter().for_each(|number| *numbers.entry((space, number)).or_default() += 1);
        }
        let given = self.book.ports.given().map(|(space, number, of)| ((space, number), of.len())).collect();
        assert_eq!(numbers, given, "a number is given to those that have it");
    }
}

fn tables() -> impl Strategy<Value = (Spaces, Search)> {
    let spaces = prop_oneof![Just(Spaces::PerNode), Just(Spaces::OneMachine)];
    let search =
        prop_oneof![Just(Search::FromTheFirst), any::<u64>().prop_map(|seed| Search::Onward { seed })];
    (spaces, search)
}

proptest! {
    #[test]
    fn no_node_gives_more_than_it_has_and_no_number_twice((spaces, search) in tables(), acts in acts(Takes::Grants)) {
        let mut bench = Bench::new(spaces, search);
        for (owner, at, act) in acts {
            bench.act(Of(owner), INSTANCES[at], &act);
            bench.check(spaces);
            for node in bench.book.nodes() {
                prop_assert!(node.total().holds(node.held()), "{node:?}");
            }
            for (_, number, holders) in bench.book.ports.given() {
                prop_assert_eq!(holders.len(), 1, "{} is held by {:?}", number, holders);
            }
        }
    }

    #[test]
    fn what_is_held_is_what_places_say_and_all_of_it_can_be_given_back(
        (spaces, search) in tables(),
        acts in acts(Takes::WhatWasBefore),
    ) {
        let mut bench = Bench::new(spaces, search);
        for (owner, at, act) in acts {
            bench.act(Of(owner), INSTANCES[at], &act);
            bench.check(spaces);
        }
        for owner in [0, 1] {
            bench.book.forget_owner(&Of(owner));
        }
        prop_assert_eq!(bench.book.places().count(), 0);
        prop_assert_eq!(bench.book.ports.given().count(), 0);
        for node in bench.book.nodes() {
            prop_assert_eq!((node.free(), node.places()), (node.total(), 0));
        }
    }
}
