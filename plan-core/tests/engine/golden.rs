//! Records as bytes: records of version 1 can be read for ever.
#![expect(clippy::disallowed_methods, reason = "golden records are files")]

use std::path::PathBuf;

use plan_core::engine::*;

use crate::bench::Bench;

/// A service in the middle of its life, with every kind of record, and most of their fields.
fn store() -> Bench {
    let mut bench = Bench::new(
        "
name: golden
scheduler: { user: nobody }
pods:
  hello:
    count: 3
    placement: 'hostname:MAX_PER:1'
    resource-sets:
      turns:
        cpus: 0.5
        memory: 256
        ports: { http: { port: 0, env-key: HTTP, vip: { port: 80 } } }
        volume: { path: data, type: ROOT, size: 5000 }
    tasks:
      init: { goal: ONCE, cmd: ./init, resource-set: turns }
      main:
        goal: RUNNING
        cmd: ./main
        resource-set: turns
        env: { B: two, A: one }
        readiness-check: { cmd: ./ready, interval: 5, timeout: 10 }
plans:
  deploy:
    phases:
      hello: { pod: hello, strategy: serial-canary, steps: [ { default: [[init], [main]] } ] }
  again:
    phases:
      again: { pod: hello, steps: [ { default: [[main]] } ] }
",
    );
    bench.say("continue deploy hello");
    bench.finishes("hello-0", "init");
    bench.say("continue deploy hello");
    bench.runs("hello-0", "main");
    let parameters = [("TO".to_owned(), "disk".to_owned())].into();
    bench.verb(Verb::Start { plan: "again".parse().unwrap(), parameters });
    bench.observe("hello-0", "main", Seen::Ended(End::Killed));
    bench.observe("hello-0", "main", Seen::Unreachable);
    bench.now += 3_000_000;
    bench.fails("hello-1", "init");
    bench.fails("hello-1", "init");
    bench.say("force-complete deploy hello hello-2:[init]");
    bench.say("interrupt again again");
    bench.say("stop again");
    let failed = Sighting::from(Seen::Ended(End::Failed)).saying("exit code 3: no space left on device");
    bench.sight("hello-0", "main", failed);
    let (name, text) = (NoteName::new("framework-id").unwrap(), NoteText::new("f-1").unwrap());
    bench.input(Input::Note(Note { name, text: Some(text) }));
    bench
}

/// A service that had several targets, lost a node, and is losing members: the other fields of records.
fn life() -> Bench {
    let yaml = |cmd: &str, count: u32| {
        format!(
            "
name: life
replacement-failure-policy: {{ permanent-failure-timeout-secs: 60, min-replace-delay-secs: 600 }}
pods:
  old: {{ count: 1, allow-decommission: true, tasks: {{ t: {{ goal: RUNNING, cmd: ./t, cpus: 1, memory: 8 }} }} }}
  kafka:
    count: {count}
    allow-decommission: true
    tasks: {{ broker: {{ goal: RUNNING, cmd: {cmd}, cpus: 1, memory: 8 }} }}
"
        )
    };
    let without_old = |text: String| {
        let lines = text.lines().filter(|line| !line.starts_with("  old"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut bench = Bench::new(&yaml("./one", 4));
    bench.pays = false;
    bench.runs("old-0", "t");
    for broker in ["kafka-0", "kafka-1", "kafka-2", "kafka-3"] {
        bench.runs(broker, "broker");
    }
    bench.observe("kafka-1", "broker", Seen::Unreachable);
    bench.pass(61);
    let address = Address {
        ip: Some([10, 0, 0, 7].into()),
        host: Some("kafka-1.life.local".into()),
        ports: vec![("broker".parse().unwrap(), 9092)],
        vips: vec![("broker".parse().unwrap(), "broker.life.vip:9092".into())],
    };
    let runs = Sighting::from(Seen::Running { ready: true }).saying("health check failed: exit code 1");
    bench.sight("kafka-1", "broker", runs.at(address));
    bench.say("pod pause kafka-2");
    bench.observe("kafka-2", "broker", Seen::Ended(End::Killed));
    bench.room = false;
    bench.say("pod replace kafka-0");
    bench.say("pod restart kafka-3");
    bench.becomes(&without_old(yaml("./two", 3)));
    bench
}

/// The sets that are written now.
fn sets() -> [(&'static str, Bench); 2] {
    [("4", store()), ("life-3", life())]
}

fn folder(set: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(set)
}

#[test]
fn what_was_written_is_read_and_written_the_same() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (set, bench) in sets() {
        let folder = folder(set);
        if update {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
        }
        for record in bench.store.values() {
            let (key, bytes) = encode(record).unwrap();
            let file = folder.join(key.replace('/', "_") + ".json");
            if update {
                std::fs::write(&file, &bytes).unwrap();
            }
            let golden = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(text(&bytes), text(&golden), "{key} is written otherwise than it was");
            assert_eq!(decode(&key, &golden).unwrap(), *record, "{key}");
        }
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, bench.store.len(), "every golden record is still written");
    }
}

/// Golden sets that an earlier planwright wrote. They are never written again.
#[test]
fn what_was_written_before_is_read_for_ever() {
    for set in ["1", "2", "3", "life"] {
        let mut records = Vec::new();
        for file in std::fs::read_dir(folder(set)).unwrap() {
            let path = file.unwrap().path();
            let key = path.file_stem().unwrap().to_str().unwrap().replacen('_', "/", 1);
            records.push(decode(&key, &std::fs::read(&path).unwrap()).unwrap());
        }
        assert!(records.len() > 10, "{set}");
        let mut engine = Engine::recover(records).unwrap();
        let _ = engine.handle(Wall(0), Input::Wake);
        assert_eq!(engine.broken_invariants(), [""; 0], "{set}");
    }
}

#[test]
fn an_engine_is_recovered_from_bytes() {
    for (_, bench) in sets() {
        let records = bench.store.values().map(|record| {
            let (key, bytes) = encode(record).unwrap();
            decode(&key, &bytes).unwrap()
        });
        let recovered = Engine::recover(records).unwrap();
        let mut live = bench.engine.clone();
        let _ = live.handle(Wall(0), Input::SessionLost);
        assert!(recovered == live);
    }
}

#[test]
fn what_is_no_record_says_which_key_and_what_to_do() {
    let bench = store();
    let (_, clock) = encode(&bench.store[&Key::Clock]).unwrap();
    let cases: [(&str, &[u8], &str); 7] = [
        ("nothing/1", b"{}", "`nothing/1` is no record's key"),
        ("pod/kafka", b"{}", "`pod/kafka` is no record's key"),
        ("clock", b"{\"version\":1,\"record\":", "the record `clock` cannot be read"),
        ("clock", b"{\"record\":{}}", "the record `clock` has no version"),
        (
            "clock",
            b"{\"version\":2,\"record\":{}}",
            "version 2, this planwright reads up to 1: use a newer one",
        ),
        ("run/9", b"{\"version\":1,\"record\":{\"number\":1}}", "the record `run/9` cannot be read"),
        ("service", &clock, "the record `service` cannot be read"),
    ];
    for (key, bytes, why) in cases {
        let error = decode(key, bytes).unwrap_err().to_string();
        assert!(error.contains(why), "{key}: {error}");
    }
    let run = bench.store.values().find(|record| matches!(record, Record::Run(_))).unwrap();
    let (_, bytes) = encode(run).unwrap();
    let error = decode("run/9999", &bytes).unwrap_err().to_string();
    assert!(error.contains("the record `run/9999` is another's"), "{error}");
}

#[test]
fn the_digest_is_the_same_on_all_machines() {
    // Pinned, as recordings compare digests.
    let digests: Vec<_> =
        sets().iter().map(|(_, bench)| format!("{:032x}", bench.engine.digest().0)).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(folder("digest"), digests.join("\n") + "\n").unwrap();
    }
    let golden = std::fs::read_to_string(folder("digest")).unwrap();
    assert_eq!(digests, golden.lines().collect::<Vec<_>>());
}
