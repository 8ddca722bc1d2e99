//! How long a specification takes to be rendered, read and checked. `cargo bench -p planwright-bench --bench file`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant as Clock};

use plan_core::spec::template::{Missing, render};
use plan_core::spec::{Files, ReadOptions, Reading, Source, read};

fn main() {
    println!("# files, {} build\n", if cfg!(debug_assertions) { "a debug" } else { "an optimised" });
    println!("| file | bytes | rendered in | rendered, read and checked in | aim |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    for name in ["hello-world", "kafka"] {
        file(&format!("specs/{name}"), &specs.join(name), "svc.yml", "");
    }
    match std::env::var_os("PLANWRIGHT_CORPUS") {
        Some(corpus) => {
            let corpus = Path::new(&corpus);
            file("corpus: HDFS", &corpus.join("hdfs"), "svc.yml", "5 ms");
            file("corpus: helloworld/svc.yml", &corpus.join("helloworld"), "svc.yml", "150 µs");
        }
        None => println!("| NOT RUN: PLANWRIGHT_CORPUS names no folder with others' files | | | | |"),
    }
    println!("\n| pods | bytes | time | per pod |\n| ---: | ---: | ---: | ---: |");
    for pods in [1_000, 10_000] {
        report(pods, &large(pods, "./serve"), true);
    }
    println!("\n| pods, each with a mistake | bytes | time | per pod |\n| ---: | ---: | ---: | ---: |");
    for pods in [1_000, 10_000] {
        report(pods, &large(pods, "./serve\n        kill-grace-period: 4000"), false);
    }
}

fn file(name: &str, folder: &Path, file: &str, aim: &str) {
    let (Ok(text), Ok(values)) =
        (std::fs::read_to_string(folder.join(file)), std::fs::read_to_string(folder.join("env")))
    else {
        println!("| NOT RUN: {name} cannot be read | | | | |");
        return;
    };
    let env = values.lines().filter_map(|line| line.split_once('='));
    let env: BTreeMap<_, _> = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let rendering = median(200, || {
        black_box(render(&text, &env, Missing::Empty));
    });
    let reading = median(200, || {
        black_box(reading(&text, &env));
    });
    println!("| {name} | {} | {rendering:?} | {reading:?} | {aim} |", text.len());
    assert!(self::reading(&text, &env).spec.is_some(), "{name}");
}

fn report(pods: u32, text: &str, good: bool) {
    let env = BTreeMap::new();
    let time = median(5, || {
        black_box(reading(text, &env));
    });
    assert_eq!(reading(text, &env).spec.is_some(), good);
    println!("| {pods} | {} | {time:?} | {:?} |", text.len(), time / pods);
}

fn reading(text: &str, env: &BTreeMap<String, String>) -> Reading {
    let options = ReadOptions { env, strict_variables: false, files: Files::Skip };
    read(Source { file: "svc.yml", text }, &options)
}

fn large(pods: u32, cmd: &str) -> String {
    let mut text = "name: large\npods:\n".to_owned();
    for pod in 0..pods {
        let lines = format!(
            "  pod-{pod}:\n    count: 3\n    placement: 'hostname:UNIQUE'\n    tasks:\n      server:\n        goal: RUNNING\n        \
             cmd: {cmd}\n        cpus: 0.1\n        memory: 32\n        env:\n          A: x\n          B: 1\n        \
             ports:\n          http: {{port: 0, env-key: PORT_HTTP}}\n"
        );
        let _ = write!(text, "{lines}");
    }
    text
}

/// The median of so many runs, after some that do not count.
fn median(runs: u32, mut run: impl FnMut()) -> Duration {
    for _ in 0..runs / 5 {
        run();
    }
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let begun = Clock::now();
            run();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
