//! What a backend does with a book, one case at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_core::engine::{Fit, FitAnswer, Grant, Handle, Number, Wall};
use plan_core::plan::Demand;
use plan_core::spec::placement::{Census, NodeFacts, PlacementRule};
use plan_core::spec::{
    Field, InstanceName, Megabytes, NodeName, Port, PortChoice, PortName, PortNumber, PortRange, Ports,
    ResourceSet, ResourceSetName, Thousandths,
};

use crate::*;

pub(crate) fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

pub(crate) fn facts(name: &str) -> Arc<NodeFacts> {
    Arc::new(NodeFacts { name: node(name), region: None, zone: None, attributes: BTreeMap::new() })
}

pub(crate) fn instance(text: &str) -> InstanceName {
    text.parse().unwrap()
}

pub(crate) fn handle(text: &str) -> Handle {
    Handle(text.into())
}

/// A set with so many thousandths of a processor, and ports; a port 0 is any.
pub(crate) fn set(name: &str, cpus: u64, ports: &[(&str, u16)]) -> Demand {
    let port = |(name, number): &(&str, u16)| {
        let number = match PortNumber::new(*number) {
            Some(number) => PortChoice::Static(number),
            None => PortChoice::Dynamic(Vec::new()),
        };
        (PortName::new(*name).unwrap(), Port { number, env_key: None, advertise: false, vip: None })
    };
    let resources = ResourceSet {
        cpus: Thousandths::from_thousandths(cpus),
        memory: Megabytes::new(64),
        ports: Ports(ports.iter().map(port).collect()),
        ..ResourceSet::default()
    };
    Demand { set: ResourceSetName::new(name).unwrap(), resources: Arc::new(resources) }
}

pub(crate) fn fit(of: &str, launch: Number, demand: &[Demand]) -> Fit {
    Fit {
        instance: instance(of),
        launch,
        at: None,
        from: None,
        demand: demand.into(),
        volumes: Arc::new([]),
        configs: Arc::new([]),
        placement: None,
        census: Arc::new(Census::default()),
    }
}

pub(crate) fn rules(spaces: Spaces, search: Search) -> BookRules {
    BookRules { ports: PortRules { spaces, search }, judge: Judge::Placement, words: ReasonWords::default() }
}

const ROOM: Amounts = Amounts { cpus: 1_000, gpus: 0, memory: 1_024, disk: 0 };
const NOW: When = When { command: 1, session: 1 };

/// Two nodes with one processor each.
fn book() -> Book<()> {
    let mut book = Book::new(rules(Spaces::PerNode, Search::FromTheFirst));
    book.add_node(facts("node-0"), ROOM);
    book.add_node(facts("node-1"), ROOM);
    book.take_freed();
    book
}

fn ask_at(book: &mut Book<()>, fit: &Fit, asked: u64, now: When) -> Result<Grant, NoRoom> {
    let fresh = handle(&format!("{}@{}", fit.instance, fit.launch));
    book.fit(&RoomRequest { owner: &(), fit, asked, now, fresh, until: None }, &mut ())
}

fn ask(book: &mut Book<()>, fit: &Fit) -> Result<Grant, NoRoom> {
    ask_at(book, fit, NOW.command, NOW)
}

fn retry(why: Result<Grant, NoRoom>) -> String {
    match why {
        Err(NoRoom::Retry(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn launch(book: &mut Book<()>, of: &str, grant: &Grant, number: Number) -> bool {
    book.launch(&(), &instance(of), (&grant.node.name, &grant.handle), number, NOW).is_some()
}

fn free(book: &Book<()>, name: &str) -> u64 {
    book.node(&node(name)).unwrap().free().cpus
}

#[test]
fn a_grant_is_held_and_given_again_to_the_order_that_asks_again() {
    let mut book = book();
    let wanted = fit("a-0", 1, &[set("s", 600, &[("web", 0)])]);
    let grant = ask(&mut book, &wanted).unwrap();
    assert_eq!((grant.node.name.as_str(), grant.ports[0].1, free(&book, "node-0")), ("node-0", 31_000, 400));
    assert_eq!(ask(&mut book, &wanted).unwrap(), grant);
    assert_eq!(free(&book, "node-0"), 400);
    // The next instance goes where the fewest are; a later order of this one gets room anew.
    assert_eq!(ask(&mut book, &fit("a-1", 2, &wanted.demand)).unwrap().node.name.as_str(), "node-1");
    assert!(!book.take_freed());
    let later = ask(&mut book, &fit("a-0", 3, &wanted.demand)).unwrap();
    assert_eq!((later.handle, free(&book, "node-0")), (handle("a-0@3"), 400));
    assert!(book.take_freed() && !book.take_freed());
    assert!(book.place(&(), &instance("a-0"), &handle("a-0@1")).is_none());
}

#[test]
fn until_when_a_grant_may_be_used_is_kept_with_it() {
    let mut book = book();
    let wanted = fit("a-0", 1, &[set("s", 600, &[])]);
    for until in [Some(Wall(7)), Some(Wall(9)), None] {
        let ask = RoomRequest { owner: &(), fit: &wanted, asked: 1, now: NOW, fresh: handle("h"), until };
        let grant = book.fit(&ask, &mut ()).unwrap();
        assert_eq!(grant.until, until);
        assert_eq!(book.place(&(), &wanted.instance, &grant.handle).unwrap().until(), until);
    }
}

#[test]
fn why_there_is_no_room_names_four_nodes() {
    let mut book = book();
    (2..7).for_each(|nth| book.add_node(facts(&format!("node-{nth}")), ROOM));
    book.set_health(&node("node-1"), Health::Silent);
    book.set_health(&node("node-2"), Health::Gone);
    let of_3 = PlacementRule::IsNot(Field::Hostname, "node-3".to_owned());
    let wanted = Fit { placement: Some(Arc::new(of_3)), ..fit("a-0", 1, &[set("s", 1_500, &[])]) };
    assert_eq!(
        retry(ask(&mut book, &wanted)),
        "node-0: needs 1.500 cpus, 1.000 are free; node-1: nothing is heard of it; node-2: it is gone for good; \
         node-3: no: hostname is `node-3`; and 3 more nodes"
    );
    // An engine that judges alone is named any node with room.
    let mut book = Book::new(BookRules { judge: Judge::RoomAlone, ..book.rules });
    book.add_node(facts("node-3"), ROOM);
    let wanted = Fit { demand: Arc::new([set("s", 1, &[])]), ..wanted };
    assert_eq!(ask(&mut book, &wanted).unwrap().node.name.as_str(), "node-3");
}

#[test]
fn where_an_instance_lives_there_is_room_or_a_reason() {
    let mut book = book();
    let sets = [set("s", 600, &[])];
    let at = |name: &str| Fit { at: Some((node(name), handle("h"))), ..fit("a-0", 2, &sets) };
    assert_eq!(retry(ask(&mut book, &at("node-9"))), "there is no node node-9");
    // A record names it: it is held, whether it was used before or not, until the question is taken back.
    ask(&mut book, &at("node-0")).unwrap();
    book.withdraw(&(), &instance("a-0"), 3);
    book.forget_grants(&(), u64::MAX);
    assert_eq!(free(&book, "node-0"), 400);
    book.set_health(&node("node-0"), Health::Silent);
    assert_eq!(retry(ask(&mut book, &at("node-0"))), "nothing is heard of node-0, where it lives");
    book.set_health(&node("node-0"), Health::Gone);
    assert_eq!(ask(&mut book, &at("node-0")), Err(NoRoom::Gone("node-0 is gone for good".to_owned())));
    book.clear_node(&node("node-0"));
    assert_eq!(book.places().count(), 0);
}

#[test]
fn a_place_holds_what_it_is_and_what_it_may_become() {
    let mut book = book();
    let grant = ask(&mut book, &fit("a-0", 1, &[set("s", 300, &[("web", 0)]), set("t", 100, &[])])).unwrap();
    assert!(launch(&mut book, "a-0", &grant, 1));
    let there = |launch, cpus, ports: &[(&str, u16)]| Fit {
        at: Some((grant.node.name.clone(), grant.handle.clone())),
        ..fit("a-0", launch, &[set("s", cpus, ports)])
    };
    // More, and a port beside the one that it keeps.
    let more = ask(&mut book, &there(2, 800, &[("web", 0), ("admin", 0)])).unwrap();
    let numbers: Vec<u16> = more.ports.iter().map(|(_, number)| *number).collect();
    assert_eq!((numbers, free(&book, "node-0")), (vec![31_000, 31_001], 100));
    assert_eq!(retry(ask(&mut book, &there(3, 950, &[]))), "node-0: needs 0.150 cpus, 0.100 are free",);
    // It is not wanted any more.
    book.withdraw(&(), &instance("a-0"), 2);
    assert_eq!(free(&book, "node-0"), 600);
    // It is carried out: what it was is free.
    ask(&mut book, &there(4, 100, &[("admin", 0)])).unwrap();
    assert_eq!(free(&book, "node-0"), 600);
    assert!(launch(&mut book, "a-0", &grant, 4));
    assert_eq!((free(&book, "node-0"), book.port_holder(31_000)), (800, None));
    // An order that changes nothing takes back what the same order was granted before.
    ask(&mut book, &there(5, 700, &[("admin", 0)])).unwrap();
    ask(&mut book, &there(5, 100, &[("admin", 0)])).unwrap();
    assert_eq!(free(&book, "node-0"), 800);
    book.release(&(), &instance("a-0"), &grant.handle);
    assert_eq!((free(&book, "node-0"), book.places().count()), (1_000, 0));
}

#[test]
fn two_sets_of_a_place_change_at_once_and_each_keeps_what_it_was_granted() {
    let mut book = book();
    let first = [set("left", 100, &[("in", 0)]), set("right", 100, &[])];
    let grant = ask(&mut book, &fit("a-0", 1, &first)).unwrap();
    launch(&mut book, "a-0", &grant, 1);
    let there = |launch, demand: &[Demand]| Fit {
        at: Some((node("node-0"), grant.handle.clone())),
        ..fit("a-0", launch, demand)
    };
    ask(&mut book, &there(2, &[set("left", 200, &[("in", 0), ("more", 0)])])).unwrap();
    let both = ask(&mut book, &there(3, &[set("right", 300, &[("out", 0)])])).unwrap();
    let names: Vec<&str> = both.ports.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["in", "more", "out"]);
    assert!(launch(&mut book, "a-0", &grant, 3) && launch(&mut book, "a-0", &grant, 2));
    let place = book.place(&(), &instance("a-0"), &grant.handle).unwrap();
    assert_eq!((free(&book, "node-0"), place.ports().len()), (500, 3));
    let same = ask(&mut book, &there(4, &[set("right", 300, &[("out", 0)])])).unwrap();
    assert_eq!(free(&book, "node-0"), 500);
    assert!(same.ports.iter().all(|port| both.ports.contains(port)));
}

#[test]
fn a_port_that_is_renamed_keeps_its_number() {
    let mut book = book();
    let first = [set("s", 100, &[("web", 80), ("log", 514)]), set("t", 100, &[("admin", 81)])];
    let grant = ask(&mut book, &fit("a-0", 1, &first)).unwrap();
    assert!(launch(&mut book, "a-0", &grant, 1));
    let there = |launch, ports: &[(&str, u16)]| Fit {
        at: Some((node("node-0"), grant.handle.clone())),
        ..fit("a-0", launch, &[set("s", 100, ports)])
    };
    let ports = |grant: &Grant| {
        let mut ports: Vec<_> =
            grant.ports.iter().map(|(name, number)| (name.to_string(), *number)).collect();
        ports.sort();
        ports
    };
    let http = ask(&mut book, &there(2, &[("http", 80), ("log", 514)])).unwrap();
    assert_eq!(ports(&http), [("admin".into(), 81), ("http".into(), 80), ("log".into(), 514)]);
    // Not the number of a set that stays, nor of another instance, nor one twice.
    let why = retry(ask(&mut book, &there(3, &[("http", 81)])));
    assert_eq!(why, "node-0: port 81 (`http`) is taken by a-0");
    let why = retry(ask(&mut book, &there(3, &[("web3", 80)])));
    assert_eq!(why, "node-0: port 80 (`web3`) is taken by a-0", "another order has it");
    let why = retry(ask(&mut book, &there(2, &[("http", 80), ("web2", 80)])));
    assert_eq!(why, "node-0: port 80 (`web2`) is taken by a-0", "of two ports one has it");
    let why = retry(ask(
        &mut book,
        &Fit { at: Some((node("node-0"), handle("b"))), ..fit("b-0", 4, &[set("s", 100, &[("http", 80)])]) },
    ));
    assert_eq!(why, "node-0: port 80 (`http`) is taken by a-0");
    // Two ports change their numbers with each other.
    let turned = ask(&mut book, &there(2, &[("web", 514), ("log", 80)])).unwrap();
    assert_eq!(ports(&turned), [("admin".into(), 81), ("log".into(), 80), ("web".into(), 514)]);
    let http = ask(&mut book, &there(2, &[("http", 80)])).unwrap();
    assert!(launch(&mut book, "a-0", &http, 2));
    assert_eq!(book.place(&(), &instance("a-0"), &grant.handle).map(|place| place.ports().len()), Some(2));
    assert_eq!((book.port_holder(80).as_deref(), book.port_holder(514)), (Some("a-0"), None));
    book.release(&(), &instance("a-0"), &grant.handle);
    assert_eq!(book.port_holder(80), None);
}

#[test]
fn a_launch_needs_its_place() {
    let mut book = book();
    let grant = ask(&mut book, &fit("a-0", 1, &[set("s", 300, &[])])).unwrap();
    let mut elsewhere = grant.clone();
    elsewhere.node = facts("node-1");
    assert!(!launch(&mut book, "a-0", &elsewhere, 1), "it is held on another node");
    assert!(launch(&mut book, "a-0", &grant, 1) && launch(&mut book, "a-0", &grant, 1));
    book.release(&(), &instance("a-0"), &grant.handle);
    assert!(!launch(&mut book, "a-0", &grant, 1));
}

#[test]
fn grants_of_earlier_sessions_go_unless_they_are_asked_for_again() {
    let mut book = book();
    let sets = [set("s", 100, &[])];
    for nth in 0..3 {
        ask(&mut book, &fit(&format!("a-{nth}"), nth, &sets)).unwrap();
    }
    let used = ask(&mut book, &fit("a-3", 3, &sets)).unwrap();
    assert!(launch(&mut book, "a-3", &used, 3));
    let at = Some((used.node.name.clone(), used.handle.clone()));
    ask(&mut book, &Fit { at, ..fit("a-3", 4, &[set("s", 900, &[])]) }).unwrap();
    let later = When { command: 9, session: 2 };
    // One asks again, and the record of another names its grant.
    ask_at(&mut book, &fit("a-1", 1, &sets), 9, later).unwrap();
    book.name(&(), &instance("a-2"), &handle("a-2@2"), later);
    book.take_freed();
    book.forget_grants(&(), 2);
    let held: Vec<_> = book.places().map(|(_, place)| place.instance().to_string()).collect();
    assert_eq!(held, ["a-1", "a-2", "a-3"]);
    assert!(book.take_freed());
    assert_eq!(book.of_instance(&(), &instance("a-3"))[0].room().cpus, 100, "what it was to become goes too");
}

#[test]
fn the_census_counts_what_the_engine_does_not_know() {
    let mut book = book();
    let rule = Arc::new(PlacementRule::MaxPer(Field::Hostname, plan_core::spec::Count::new(1).unwrap()));
    let sets = [set("s", 100, &[])];
    let asks = |of: &str, launch| Fit { placement: Some(rule.clone()), ..fit(of, launch, &sets) };
    let first = ask_at(&mut book, &asks("a-0", 1), 1, When { command: 1, session: 1 }).unwrap();
    let second = ask_at(&mut book, &asks("a-1", 2), 2, When { command: 2, session: 1 }).unwrap();
    assert_ne!(first.node, second.node);
    // Asked before the first was named by a record: the engine did not count it, so the book does.
    let now = When { command: 3, session: 1 };
    book.name(&(), &instance("a-0"), &first.handle, now);
    let why = retry(ask_at(&mut book, &asks("a-2", 3), 2, now));
    assert!(why.starts_with("node-0: ") && why.contains("; node-1: "), "{why}");
    // Asked after: the engine's census speaks of it, and this one says that nobody is there.
    assert_eq!(ask_at(&mut book, &asks("a-2", 3), 4, now).unwrap().node, first.node);
    // One of an earlier session was in the records when this session's questions were asked.
    book.name(&(), &instance("a-1"), &second.handle, When { command: 9, session: 2 });
    assert!(book.take_freed());
    assert_eq!(ask_at(&mut book, &asks("a-3", 4), 5, now).unwrap().node, second.node);
}

#[test]
fn a_place_is_taken_up_again_on_a_node_that_is_not_ours() {
    let mut book = book();
    let kept = |of: &str, at: &str| Kept {
        handle: handle(of),
        instance: instance(of),
        node: facts(at),
        sets: Arc::new([set("s", 1_700, &[])]),
        volumes: Arc::new([]),
        ports: vec![(PortName::new("web").unwrap(), 80)],
    };
    book.restore(&(), kept("a-0", "old"));
    assert_eq!(free(&book, "old"), 0);
    let why = retry(ask(&mut book, &fit("b-0", 1, &[set("s", 1_200, &[])])));
    assert!(why.ends_with("old: it takes no new instances"), "{why}");
    assert!(book.place(&(), &instance("a-0"), &handle("a-0")).unwrap().is_used());
    // The node comes after all: what is held there counts.
    book.add_node(facts("old"), Amounts { cpus: 2_000, memory: 1_000, ..ROOM });
    assert_eq!(free(&book, "old"), 300);
    // One number for two places, as files may say: it is free when both gave it back.
    book.restore(&(), kept("a-1", "old"));
    let at = Some((node("old"), handle("c")));
    let wanted = Fit { at, ..fit("c-0", 1, &[set("s", 0, &[("web", 80)])]) };
    assert_eq!(retry(ask(&mut book, &wanted)), "old: port 80 (`web`) is taken by a-0");
    book.release(&(), &instance("a-0"), &handle("a-0"));
    assert_eq!(book.port_holder(80).as_deref(), Some("a-1"));
    book.release(&(), &instance("a-1"), &handle("a-1"));
    assert_eq!(book.port_holder(80), None);
}

#[test]
fn what_is_offered_is_beside_what_is_used() {
    let mut book = book();
    let grant = ask(&mut book, &fit("a-0", 1, &[set("s", 300, &[])])).unwrap();
    let offer = Amounts { cpus: 500, memory: 500, ..Amounts::default() };
    // What is granted is still part of the offer.
    book.offered(&grant.node.name, offer);
    assert_eq!(free(&book, "node-0"), 200);
    // What is launched is not part of the next one.
    assert!(launch(&mut book, "a-0", &grant, 1));
    book.offered(&grant.node.name, offer);
    assert_eq!(free(&book, "node-0"), 500);
    book.offered(&grant.node.name, Amounts::default());
    assert_eq!(free(&book, "node-0"), 0);
}

/// Somebody listens on 31,001 and on 80, and the last of the good nodes is chosen.
struct Taken;

impl Outside for Taken {
    fn choose(&mut self, good: &[&BookNode]) -> usize {
        good.len()
    }

    fn has(&self, _node: &NodeName, number: u16) -> bool {
        number == 31_001 || number == 80
    }
}

#[test]
fn numbers_of_one_machine_are_given_once_and_not_to_those_who_listen() {
    let owner = |name: &str| {
        let service = plan_core::spec::ServiceName::new(name).unwrap();
        (service, plan_core::engine::InstallationId("i".into()))
    };
    let mut book = Book::new(rules(Spaces::OneMachine, Search::Onward { seed: 1_001 * 3 + 1 }));
    book.add_node(facts("node-0"), ROOM);
    book.add_node(facts("node-1"), ROOM);
    let mut ask = |of: &str, launch: Number, ports: &[(&str, u16)]| {
        let (owner, fit) = (owner("svc"), fit(of, launch, &[set("s", 10, ports)]));
        let ask =
            RoomRequest { owner: &owner, fit: &fit, asked: 1, now: NOW, fresh: handle(of), until: None };
        let grant = book.fit(&ask, &mut Taken)?;
        assert_eq!(grant.node.name.as_str(), "node-1", "the last of the good ones");
        Ok(grant.ports.iter().map(|(_, number)| *number).collect::<Vec<_>>())
    };
    // The search begins at 31,001, where somebody listens.
    assert_eq!(ask("a-0", 1, &[("web", 0), ("fixed", 9_000)]), Ok(vec![31_002, 9_000]));
    assert_eq!(ask("a-0", 2, &[("web", 0)]), Ok(vec![31_003]), "not the one that was just given back");
    let table = [
        (&[("web", 31_003)][..], "port 31003 (`web`) is taken by a-0 of svc"),
        (&[("web", 80)], "port 80 (`web`) is taken by another program"),
        (&[("web", 81), ("admin", 81)], "port 81 (`admin`) is asked for twice by the instance"),
    ];
    for (ports, why) in table {
        let expected = format!("node-0: {why}; node-1: {why}");
        assert_eq!(ask("b-0", 2, ports), Err(NoRoom::Retry(expected)));
    }
}

#[test]
fn a_range_that_is_full_has_no_number() {
    let mut book = book();
    let mut ranged = set("s", 10, &[("web", 0)]);
    let resources = Arc::make_mut(&mut ranged.resources);
    resources.ports.0[0].1.number = PortChoice::Dynamic(vec![PortRange { begin: 0, end: 1 }]);
    let numbers: Vec<_> = (0..2)
        .map(|nth| ask(&mut book, &fit(&format!("a-{nth}"), nth, &[ranged.clone()])).unwrap().ports[0].1)
        .collect();
    assert_eq!(numbers, [1, 1], "each node has numbers of its own, and none is 0");
    let why = retry(ask(&mut book, &fit("a-2", 2, &[ranged])));
    assert_eq!(why, "node-0: no port is free for `web`; node-1: no port is free for `web`");
}

#[test]
fn questions_stand_until_there_is_room() {
    let mut questions = Questions::default();
    let mut asks = |of: &str, launch, at: Option<&str>| {
        let at = at.map(|name| (node(name), handle("h")));
        questions.ask(Box::new(Fit { at, ..fit(of, launch, &[]) }), launch);
        questions.orders()
    };
    assert_eq!(asks("a-0", 3, Some("node-0")), [(instance("a-0"), 3)]);
    assert_eq!(asks("a-0", 4, Some("node-0")).len(), 2, "two orders of an instance ask where it lives");
    assert_eq!(asks("b-0", 1, None)[0], (instance("b-0"), 1), "the oldest order first");
    assert_eq!(asks("a-0", 5, None), [(instance("b-0"), 1), (instance("a-0"), 5)], "one that goes elsewhere");
    let mut consider = |launch, why: Result<(), &str>| {
        let grant = Grant::new(facts("n"), handle("h"));
        let room = why.map(|()| grant).map_err(|why| NoRoom::Retry(why.to_owned()));
        let answer = questions.consider(&instance("b-0"), launch, |_| room);
        (answer, questions.iter().count())
    };
    assert_eq!(consider(1, Err("full")), (Some(FitAnswer::Retry("full".into())), 2));
    assert_eq!(consider(1, Err("full")), (None, 2), "it is told once");
    assert_eq!(consider(1, Err("fuller")), (Some(FitAnswer::Retry("fuller".into())), 2));
    assert_eq!(consider(2, Ok(())), (None, 2), "there is no such question");
    assert!(matches!(consider(1, Ok(())), (Some(FitAnswer::Fitted(_)), 1)));
    questions.withdraw(&instance("a-0"), 5);
    assert!(questions.is_empty());
}

#[test]
fn a_place_that_nothing_was_launched_in_goes_with_the_last_order_that_it_is_granted_to() {
    let mut book = book();
    let sets = [set("s", 600, &[])];
    let grant = ask(&mut book, &fit("a-0", 1, &sets)).unwrap();
    let at = Some((grant.node.name.clone(), grant.handle.clone()));
    let there = |launch| Fit { at: at.clone(), ..fit("a-0", launch, &sets) };
    // Order 1 is given, and others ask for room where its instance lives.
    book.name(&(), &instance("a-0"), &grant.handle, NOW);
    for launch in [2, 3] {
        assert_eq!(ask(&mut book, &there(launch)).as_ref(), Ok(&grant));
        book.withdraw(&(), &instance("a-0"), launch);
        let held = book.place(&(), &instance("a-0"), &grant.handle).map(HeldPlace::launch);
        assert_eq!(held, Some(1), "a record names it by order 1, and order {launch} is another");
    }
    book.withdraw(&(), &instance("a-0"), 1);
    assert_eq!(
        (free(&book, "node-0"), book.place(&(), &instance("a-0"), &grant.handle).is_none()),
        (1_000, true)
    );
    // Nothing is held there any more: who asks for it all the same holds it, and leaves nothing behind.
    assert_eq!(ask(&mut book, &there(4)).map(|grant| grant.handle).as_ref(), Ok(&grant.handle));
    assert_eq!(free(&book, "node-0"), 400);
    book.withdraw(&(), &instance("a-0"), 4);
    assert_eq!(free(&book, "node-0"), 1_000);
    // What was launched in is used: that is released, and not given back.
    let used = ask(&mut book, &there(5)).unwrap();
    assert!(launch(&mut book, "a-0", &used, 5));
    book.withdraw(&(), &instance("a-0"), 5);
    assert_eq!(free(&book, "node-0"), 400);
}
