//! Times and sizes beside peers, in one run, as ratios. `cargo bench -p planwright-bench --bench peers`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

use petgraph::graph::DiGraph;
use petgraph::visit::Topo;
use plan_core::engine::{Key, Record, Wall};
use plan_core::spec::PhaseStrategy;
use planwright_bench::{Instant, service};

fn main() {
    println!("# planwright, {} build\n", if cfg!(debug_assertions) { "a debug" } else { "an optimised" });
    size();
    status();
    deploy("serial", PhaseStrategy::Serial);
    deploy("parallel", PhaseStrategy::Parallel);
}

/// One status that completes a step and starts none.
fn status() {
    println!("## A status that completes a step and starts none (aim at a million: 2 µs)\n");
    println!("| steps | median | p99 |\n| ---: | ---: | ---: |");
    for steps in [1_000, 100_000, 1_000_000] {
        let mut cluster = Instant::new();
        cluster.launch(&service(steps, PhaseStrategy::Parallel));
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..(steps / 2).min(20_000) {
            let Some(input) = cluster.next_running() else { break };
            let begun = Clock::now();
            let effects = cluster.engine.handle(Wall(0), input);
            times.push(begun.elapsed());
            let _ = black_box(effects);
        }
        times.sort_unstable();
        println!("| {steps} | {:?} | {:?} |", times[times.len() / 2], times[times.len() * 99 / 100]);
    }
    println!();
}

/// 100,000 pods deployed, beside a loop that walks the same graph and clones the same records into the same
/// map.
fn deploy(name: &str, strategy: PhaseStrategy) {
    const PODS: u32 = 100_000;
    let model = service(PODS, strategy);
    let mut ours = Vec::new();
    let mut peers = Vec::new();
    let mut inputs = 0;
    for _ in 0..3 {
        let mut cluster = Instant::new();
        let begun = Clock::now();
        cluster.deploy(&model);
        ours.push(begun.elapsed());
        inputs = cluster.inputs;
        assert!(cluster.engine.is_deployed());
        let records: Vec<Record> =
            cluster.store.into_values().filter(|record| matches!(record, Record::Pod(..))).collect();

        let mut graph = DiGraph::<(), ()>::with_capacity(PODS as usize, PODS as usize);
        let nodes: Vec<_> = records.iter().map(|_| graph.add_node(())).collect();
        if strategy == PhaseStrategy::Serial {
            for pair in nodes.windows(2) {
                graph.add_edge(pair[0], pair[1], ());
            }
        }
        let mut map: BTreeMap<Key, Record> = BTreeMap::new();
        let begun = Clock::now();
        let mut walk = Topo::new(&graph);
        while let Some(node) = walk.next(&graph) {
            // Each instance is written three times: wanted, given, reached.
            for _ in 0..3 {
                let record = deep_clone(&records[node.index()]);
                map.insert(record.key(), record);
            }
        }
        peers.push(begun.elapsed());
        assert_eq!(map.len(), PODS as usize);
    }
    let (ours, peer) = (median(ours), median(peers));
    println!("## {PODS} pods deployed, {name}, records in memory (aim: 2.0)\n");
    println!("| | time | per input | ratio |\n| --- | ---: | ---: | ---: |");
    println!(
        "| engine | {ours:?} | {:?} | {:.2} |",
        ours / inputs as u32,
        ours.as_secs_f64() / peer.as_secs_f64()
    );
    println!("| topological walk and clones | {peer:?} | | 1.00 |\n");
}

/// A clone that shares nothing: what a map that owns its records holds.
fn deep_clone(record: &Record) -> Record {
    match record {
        Record::Pod(name, pod) => Record::Pod(name.clone(), std::sync::Arc::new((**pod).clone())),
        other => other.clone(),
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// What a plan of a million steps takes of memory, with every record in the engine and in the store. Serial, so
/// that the million questions for room that a parallel plan has open at once are not counted with it.
fn size() {
    const STEPS: u32 = 1_000_000;
    let before = resident();
    let model = service(STEPS, PhaseStrategy::Serial);
    let laid_out = resident();
    let mut cluster = Instant::new();
    cluster.deploy(&model);
    let store = std::mem::take(&mut cluster.store);
    let with_store = resident();
    drop(store);
    let after = resident();
    println!("## Bytes per step of a plan of a million (aim: 400)\n");
    println!("| what | bytes |\n| --- | ---: |");
    let per = |bytes: usize| bytes / STEPS as usize;
    println!("| laid out, nothing begun | {} |", per(laid_out - before));
    println!("| deployed: engine, records shared with a store in memory | {} |", per(with_store - before));
    println!("| of these, left when the store's keys are dropped | {} |", per(after - before));
    drop(cluster);
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|line| line.split(' ').nth(1)?.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
