//! Words, addresses and notes of a backend, and the contents of a launch and of a question for room.

use plan_core::engine::*;

use crate::bench::{Bench, instance, model, task};

const ONE: &str = "
name: words
scheduler: { principal: kafka-principal }
pods:
  a:
    count: 1
    placement: 'hostname:MAX_PER:1'
    resource-sets:
      main: { cpus: 1, memory: 8, ports: { http: { port: 0 } } }
      side: { cpus: 1, memory: 8, ports: { other: { port: 0 } } }
    tasks:
      main: { goal: RUNNING, cmd: ./main, resource-set: main }
      side: { goal: RUNNING, cmd: ./side, resource-set: side, essential: false }
";

fn words(bench: &Bench) -> Vec<String> {
    bench.engine.why(&instance("a-0")).iter().map(ToString::to_string).collect()
}

fn seen(seen: Seen) -> Sighting {
    seen.into()
}

#[test]
fn words_of_a_state_are_recorded_and_told_once() {
    let mut bench = Bench::new(ONE);
    let pulls = || seen(Seen::Starting).saying("ImagePullBackOff: no such image");
    bench.sight("a-0", "main", pulls());
    assert!(
        words(&bench).iter().any(|why| why.ends_with("launched: ImagePullBackOff: no such image")),
        "{:?}",
        words(&bench)
    );
    let said =
        |bench: &Bench| bench.events.iter().filter(|event| matches!(event, Event::Said { .. })).count();
    assert_eq!(said(&bench), 1);
    bench.sight("a-0", "main", pulls());
    assert_eq!(said(&bench), 1, "the same again says nothing new");
    // A restarted scheduler knows the words.
    let records = bench.store.values().cloned();
    let recovered = Engine::recover(records).unwrap();
    let known =
        recovered.pod(&instance("a-0")).unwrap().living().find(|one| one.task == task("main")).unwrap();
    assert_eq!(known.words.as_deref(), Some("ImagePullBackOff: no such image"));
    // Words belong to the latest state.
    bench.sight("a-0", "main", seen(Seen::Starting));
    assert!(words(&bench).iter().all(|why| !why.contains("ImagePull")), "{:?}", words(&bench));
}

#[test]
fn how_a_task_failed_outlives_its_next_launch() {
    let mut bench = Bench::new(ONE);
    bench.runs("a-0", "side");
    for _ in 0..2 {
        bench.sight("a-0", "main", seen(Seen::Ended(End::Failed)).saying("exit code 3: no space left"));
    }
    assert!(
        words(&bench).iter().any(|why| why.contains(": exit code 3: no space left")),
        "{:?}",
        words(&bench)
    );
    bench.pass(60);
    let record = bench.engine.pod(&instance("a-0")).unwrap();
    assert_eq!(
        record.task(&task("main")).unwrap().trouble().unwrap().to_string(),
        "it failed: exit code 3: no space left"
    );
    bench.runs("a-0", "main");
    assert!(bench.engine.pod(&instance("a-0")).unwrap().task(&task("main")).unwrap().trouble().is_none());
}

#[test]
fn an_address_stays_while_nothing_is_heard() {
    let mut bench = Bench::new(ONE);
    let address = Address { host: Some("a-0.words".into()), ..Address::default() };
    bench.sight("a-0", "main", seen(Seen::Running { ready: true }).at(address.clone()));
    bench.sight("a-0", "main", seen(Seen::Unreachable).saying("node lost"));
    let known = |bench: &Bench| {
        let record = bench.engine.pod(&instance("a-0")).unwrap();
        record.living().find(|one| one.task == task("main")).unwrap().clone()
    };
    assert_eq!(known(&bench).address.as_deref(), Some(&address));
    assert_eq!(known(&bench).words.as_deref(), Some("node lost"));
    bench.runs("a-0", "main");
    assert_eq!((known(&bench).address, known(&bench).words), (None, None));
}

#[test]
fn a_question_for_room_names_configurations_and_a_launch_is_whole() {
    let bench = Bench::new(ONE);
    let fits = bench.sent.iter().filter_map(|command| match command {
        Command::Fit(fit) => Some(fit),
        _ => None,
    });
    let first = fits.into_iter().next().unwrap();
    let named: Vec<_> = first.configs.iter().map(|config| config.task.as_str()).collect();
    assert_eq!(named, ["main", "side"], "without a place, all of the pod");
    let launch = bench.sent.iter().find_map(|command| match command {
        Command::Launch(launch) => Some(launch),
        _ => None,
    });
    let launch = launch.unwrap();
    assert_eq!(launch.principal.as_deref(), Some("kafka-principal"));
    assert_eq!(launch.domains, Domains::default());
    let zoned = model(&ONE.replace("'hostname:MAX_PER:1'", "'@zone:GROUP_BY:3'"));
    let domains = Domains::of(zoned.pods()[0].placement.as_deref());
    assert_eq!(domains, Domains { region: false, zone: true });
    let held = bench.engine.held();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].place.principal.as_deref(), Some("kafka-principal"));
    assert_eq!(held[0].demand.len(), 2, "all of the pod is held");
}

#[test]
fn a_note_is_a_record_and_goes_with_the_service() {
    let mut bench = Bench::new(ONE);
    let name = NoteName::new("framework-id").unwrap();
    let note =
        |text: &str| Input::Note(Note { name: name.clone(), text: Some(NoteText::new(text).unwrap()) });
    bench.input(note("f-1"));
    let key = Key::Note(name.clone());
    assert!(bench.store.contains_key(&key));
    let digest = bench.engine.digest();
    bench.input(note("f-1"));
    assert_eq!(bench.engine.digest(), digest);
    bench.input(note("f-2"));
    assert_eq!(bench.engine.notes().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["f-2"]);
    bench.input(Input::Note(Note { name: name.clone(), text: None }));
    assert!(!bench.store.contains_key(&key));
    bench.input(note("f-3"));
    let launch = bench.launch_of("a-0", "main");
    bench.say("uninstall");
    for of in ["main", "side"] {
        bench.observe_launch("a-0", of, launch, Seen::Ended(End::Killed));
    }
    assert!(bench.store.is_empty(), "{:?}", bench.store.keys());
}
