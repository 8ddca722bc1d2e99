//! A deployment with and without a recording, in turns.

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use plan_core::spec::PhaseStrategy;
use plan_driver::Options;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::recording::Recorder;
use plan_driver::store::{MemoryStore, RedbStore, Store};
use planwright_bench::service;

use crate::{deploy, median, start, used};

const ROUNDS: usize = 25;

/// What a deployment took: by the clock, and of the processors.
struct Took {
    wall: Duration,
    processor: Duration,
    bytes: u64,
}

async fn deployment(count: u32, on: &str, recorded: bool) -> Took {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = match on {
        "redb" => Arc::new(RedbStore::open(folder.path().join("store")).await.expect("a store")),
        _ => Arc::new(MemoryStore::new()),
    };
    let file = folder.path().join("recording");
    let record = recorded.then(|| Recorder::create(&file, Recorder::LIMIT).expect("a file"));
    let options = Options::default().with_record(record.clone());
    let (scheduler, kafka) = start(store, Arc::new(PromptBackend::new()), options).await;
    let model = service(count, PhaseStrategy::Serial);
    let (begun, before) = (Clock::now(), used().0);
    deploy(&kafka, &model).await;
    let wall = begun.elapsed();
    scheduler.stop().await;
    if let Some(record) = record {
        record.flush().await;
    }
    // What the recording does behind the deployment is its cost, too.
    let processor = used().0 - before;
    Took { wall, processor, bytes: std::fs::metadata(&file).map_or(0, |about| about.len()) }
}

pub(crate) async fn recording(count: u32) {
    for (on, aim) in [("redb", "2 %"), ("memory", "")] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        // Each pair is of the same moment: what else the machine does is in both, and its ratio is the figure.
        let (mut wall, mut processor) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        for round in 0..ROUNDS {
            let first = round % 2 == 0;
            let one = deployment(count, on, first).await;
            let other = deployment(count, on, !first).await;
            let (recorded, plain) = if first { (one, other) } else { (other, one) };
            wall.push(per_mille(recorded.wall, plain.wall));
            processor.push(per_mille(recorded.processor, plain.processor));
            with.push((recorded.wall, recorded.processor));
            without.push((plain.wall, plain.processor));
            bytes = recorded.bytes;
        }
        let (wall, processor) = (median(&mut wall), median(&mut processor));
        let walls =
            [&with, &without].map(|all| median(&mut all.iter().map(|(wall, _)| *wall).collect::<Vec<_>>()));
        let processors =
            [&with, &without].map(|all| median(&mut all.iter().map(|(_, used)| *used).collect::<Vec<_>>()));
        println!(
            "| a deployment of {count} recorded, on {on}, by the clock | {} | {:.1?}, {:.1?} without; {} KB | {aim} |",
            percent(wall),
            walls[0],
            walls[1],
            bytes / 1024
        );
        println!(
            "| the same, of the processors | {} | {:.1?}, {:.1?} without | |",
            percent(processor),
            processors[0],
            processors[1]
        );
    }
}

/// So much more the first is, in thousandths.
fn per_mille(first: Duration, second: Duration) -> i64 {
    ((first.as_secs_f64() / second.as_secs_f64() - 1.0) * 1000.0).round() as i64
}

fn percent(per_mille: i64) -> String {
    format!("{:+.1} %", per_mille as f64 / 10.0)
}
