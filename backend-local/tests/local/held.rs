//! What is held is known again after a restart: from records, from orders, from what an earlier version wrote.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use plan_core::engine::{Command, Domains, End, FitAnswer, Launch, LaunchAnswer, Seen};
use serde_json::{Value, json};

use crate::common::{self, Bench, on_runtime, task, until};

const MORE: &str = "        volume: {path: data, type: ROOT, size: 10}\n        ports:\n          p: {port: 0, env-key: P}\n";
const CMD: &str =
    "echo $P $PLACEMENT_REFERENCED_ZONE >> data/starts; cat data/starts; echo end; exec sleep 1000";
const READY: Seen = Seen::Running { ready: true };

/// A bench where one instance has room.
async fn narrow() -> Bench {
    Bench::with(&task(CMD, MORE), |options| {
        options.nodes.truncate(1);
        options.nodes[0].capacity.memory = 100;
    })
    .await
}

async fn why_no_room(bench: &mut Bench) -> String {
    let launch = bench.next_number();
    bench.ask(1, launch).await;
    match bench.answer(launch).await {
        FitAnswer::Retry(why) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

/// What is given again after a restart, as it was: no question for room comes before it.
async fn is_launched_as_it_was(bench: &mut Bench, order: Launch) {
    let (launch, number) = (order.launch, order.ports[0].1);
    assert_eq!(bench.give(order).await, LaunchAnswer::Done);
    let text = bench.output(0, launch, |text| text.ends_with("end\n")).await;
    assert!(text.ends_with(&format!("{number} true\nend\n")), "{text}");
}

#[test]
fn a_launch_needs_no_memory_of_the_question_before_it() {
    on_runtime(async {
        let mut bench = narrow().await;
        let (launch, grant) = bench.room(0, None).await;
        let mut order = bench.launch_of(0, launch, &grant, &["t"]);
        order.domains = Domains { zone: true, ..Domains::default() };
        // The scheduler dies between the batch that orders it and its command: nothing of it is on the disk.
        assert!(
            common::walk(&bench.options.root.join("services"))
                .iter()
                .all(|path| path.ends_with("service.json"))
        );
        bench.held = vec![bench.record_of(0, launch, &grant)];
        bench.reopen().await;
        // Nobody else gets its room.
        assert_eq!(why_no_room(&mut bench).await, "node-0: needs 64 MB of memory, 36 are free");
        is_launched_as_it_was(&mut bench, order).await;
        bench.kill(0, launch, 5).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        // What is not held is not launched.
        bench.release(0, &grant).await;
        bench.report("it is released", common::a_release).await;
        let launch = bench.next_number();
        let order = bench.launch_of(0, launch, &grant, &["t"]);
        let answer = bench.give(order).await;
        assert_eq!(answer, LaunchAnswer::Retry("a-0@1 is not held any more".into()));
    });
}

#[test]
fn the_place_of_a_refused_launch_is_held_until_it_is_released() {
    on_runtime(async {
        let mut bench = narrow().await;
        for restarts in [false, true] {
            let (launch, grant) = bench.room(0, None).await;
            if restarts {
                bench.held = vec![bench.record_of(0, launch, &grant)];
                bench.reopen().await;
            }
            let mut order = bench.launch_of(0, launch, &grant, &["t"]);
            // No process can be given this.
            order.parameters = Some(Arc::new(BTreeMap::from([("A".to_owned(), "x\0y".to_owned())])));
            let answer = bench.give(order).await;
            assert!(matches!(answer, LaunchAnswer::Never(_)), "{answer:?}");
            // A record names the place, so that a withdrawal is not about it.
            bench.command(Command::Withdraw { instance: common::instance(0), launch }).await;
            assert_eq!(why_no_room(&mut bench).await, "node-0: needs 64 MB of memory, 36 are free");
            bench.release(0, &grant).await;
            bench.report("it is released", common::a_release).await;
            let (other, room) = bench.room(1, None).await;
            bench.command(Command::Withdraw { instance: common::instance(1), launch: other }).await;
            assert_ne!(room.handle, grant.handle);
        }
    });
}

#[test]
fn what_a_place_has_is_known_before_its_service_comes() {
    on_runtime(async {
        let mut bench = narrow().await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        for lives in [true, false] {
            if !lives {
                bench.kill(0, launch, 5).await;
                assert_eq!(bench.ended(launch).await, End::Killed);
            }
            // No record is told of it: as if another service came first.
            bench.reopen().await;
            assert_eq!(
                why_no_room(&mut bench).await,
                "node-0: needs 64 MB of memory, 36 are free",
                "{lives}"
            );
            let (_, again) = bench.room(0, Some(&grant)).await;
            assert_eq!(again.ports, grant.ports);
        }
        // Until it is given back.
        bench.release(0, &grant).await;
        bench.report("it is released", common::a_release).await;
        bench.reopen().await;
        let (_, grant) = bench.room(1, None).await;
        assert_eq!(grant.node.name.as_str(), "node-0");
    });
}

#[test]
fn records_say_more_than_orders() {
    on_runtime(async {
        let mut bench = narrow().await;
        let (launch, grant) = bench.launch(0).await;
        bench.seen(launch, READY).await;
        // By the records the place has become smaller since.
        let mut held = bench.record_of(0, launch, &grant);
        let mut demand = held.demand.to_vec();
        Arc::make_mut(&mut demand[0].resources).memory = plan_core::spec::Megabytes::new(10);
        held.demand = demand.into();
        bench.held = vec![held];
        bench.reopen().await;
        bench.room(1, None).await;
    });
}

#[test]
fn a_data_folder_of_before_is_taken_up() {
    on_runtime(async {
        let mut bench = narrow().await;
        let (launch, grant) = bench.launch(0).await;
        bench.output(0, launch, |text| text.ends_with("end\n")).await;
        let run = bench.run_folder(0, launch);
        let services = bench.options.root.join("services");
        let file = common::walk(&services).into_iter().find(|path| path.ends_with("starts")).unwrap();
        let place = file.ancestors().find(|path| path.join("volumes").is_dir()).unwrap().join("place.json");
        assert!(!place.exists(), "it is not written any more");
        // As version 0.1 left it.
        let resources = {
            let order: Value = serde_json::from_slice(&fs::read(run.join("order.json")).unwrap()).unwrap();
            order["resources"].clone()
        };
        common::change(&run.join("order.json"), |value| {
            value.as_object_mut().unwrap().remove("resources").unwrap();
        });
        let old = json!({
            "handle": grant.handle.0,
            "instance": "a-0",
            "node": {"name": "node-0", "zone": "zone-0"},
            "sets": [resources],
            "volumes": [],
            "ports": grant.ports,
            "referenced": {"region": false, "zone": true},
        });
        fs::write(&place, old.to_string()).unwrap();
        bench.reopen().await;
        assert_eq!(why_no_room(&mut bench).await, "node-0: needs 64 MB of memory, 36 are free");
        bench.kill(0, launch, 5).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        until("it is noted", || run.join("told").exists().then_some(())).await;
        // Also where no run of it is kept.
        bench.close();
        fs::remove_dir_all(run.parent().unwrap()).unwrap();
        bench.open().await;
        assert_eq!(why_no_room(&mut bench).await, "node-0: needs 64 MB of memory, 36 are free");
        let (launch, again) = bench.launch_again(0, &grant).await;
        assert_eq!((&again.ports, &again.handle), (&grant.ports, &grant.handle));
        let number = grant.ports[0].1;
        let text = bench.output(0, launch, |text| text.ends_with("end\n")).await;
        assert_eq!(text, format!("{number} false\n{number} false\nend\n"), "its volume is kept");
        bench.kill(0, launch, 5).await;
        bench.ended(launch).await;
        bench.release(0, &grant).await;
        bench.report("it is released", common::a_release).await;
        assert!(!place.exists() && !file.exists());
    });
}
