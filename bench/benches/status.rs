//! The status that completes a step and starts none, in plans of three sizes: instructions. They are within 1.2 of each
//! other, or this fails. `cargo bench -p planwright-bench --bench status`; it needs `valgrind`.
//!
//! It starts itself under callgrind, once per size. Callgrind counts what one function does, and nothing before or after.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::process::{Command, ExitCode};

use plan_core::engine::{Effects, Engine, Input, Wall};
use plan_core::spec::PhaseStrategy;
use planwright_bench::{Instant, service};

const SIZES: [u32; 3] = [1_000, 100_000, 1_000_000];
/// The largest count may be so many times the least, in tenths.
const APART: u64 = 12;
/// The first argument of the run that is counted. The second is the size.
const COUNTED: &str = "counted";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ran = match arguments.as_slice() {
        [first, steps] if first == COUNTED => {
            steps.parse().map(run).map_err(|_| format!("`{steps}` is no number of steps"))
        }
        _ => compare(),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("status: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Counts at each size.
fn compare() -> Result<(), String> {
    println!("| steps | instructions of a status that completes a step and starts none |\n| ---: | ---: |");
    let mut counts = Vec::new();
    for steps in SIZES {
        let count = count(steps)?;
        println!("| {steps} | {count} |");
        counts.push(count);
    }
    let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
    let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
    if least == 0 || most * 10 > least * APART {
        return Err(format!("from {least} to {most} instructions: the size of the plan shows"));
    }
    Ok(())
}

fn count(steps: u32) -> Result<u64, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder for the counts: {error}"))?;
    let counted = folder.path().join("counted");
    let program = std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--toggle-collect=*completes_a_step*"]);
    valgrind.arg(format!("--callgrind-out-file={}", counted.display()));
    let ran = valgrind.arg(program).args([COUNTED, &steps.to_string()]).output();
    let ran = ran.map_err(|error| format!("valgrind does not start: {error}"))?;
    if !ran.status.success() {
        return Err(format!("valgrind: {}: {}", ran.status, String::from_utf8_lossy(&ran.stderr)));
    }
    let text =
        std::fs::read_to_string(&counted).map_err(|error| format!("valgrind counted nothing: {error}"))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| "valgrind wrote no total".to_owned())
}

fn run(steps: u32) {
    let (engine, input) = launched(steps);
    // Not dropped: under valgrind a plan of a million steps takes its time.
    std::mem::forget(completes_a_step(engine, input));
}

/// A plan whose first task is launched and does not run yet, and the status of it. The rest waits for its
/// turn, and then for an operator: under valgrind a million launches take ten minutes, and change nothing
/// (4,870 instructions for 4,840 at a thousand, when they were made).
fn launched(steps: u32) -> (Engine, Input) {
    let mut cluster = Instant::new();
    cluster.launch_first(&service(steps, PhaseStrategy::Serial));
    let input = cluster.next_running().expect("a launch");
    (cluster.engine, input)
}

/// What is counted. Its name is the one that callgrind is given.
#[inline(never)]
fn completes_a_step(mut engine: Engine, input: Input) -> (Engine, Effects) {
    let effects = engine.handle(Wall(0), black_box(input));
    (engine, black_box(effects))
}
