//! Arbitrary choices, faults, verbs and targets in the simulator: none of its checks finds a violation.
#![no_main]

#[path = "../../plan-core/tests/engine/arbitrary.rs"]
#[allow(dead_code, reason = "only its services are used here")]
mod arbitrary;
#[path = "../../plan-core/tests/engine/bench.rs"]
#[allow(dead_code, reason = "the bench is shared with the tests, which use all of it")]
mod bench;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use backend_sim::choose::{Choose, Site};
use backend_sim::{SimulationOutcome, Scenario, run_with};
use libfuzzer_sys::fuzz_target;
use plan_core::plan::Model;

static SERVICES: LazyLock<Vec<Arc<Model>>> = LazyLock::new(arbitrary::services);

/// Choices from bytes; the benign one when there are no more.
struct Bytes<'a>(&'a [u8]);

impl Choose for Bytes<'_> {
    fn choose(&mut self, _: Site, options: u32) -> u32 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u32::from(*first) % options.max(1)
    }
}

const VERBS: [&str; 22] = [
    "interrupt deploy",
    "continue deploy",
    "restart deploy",
    "restart deploy graph",
    "force-complete deploy first",
    "continue deploy canary",
    "start side",
    "stop side",
    "start other",
    "interrupt other jobs",
    "continue other jobs",
    "continue other",
    "restart other jobs",
    "restart update a",
    "continue update",
    "pod restart a-0",
    "pod replace a-1",
    "pod replace b-0",
    "pod pause a-0",
    "pod resume a-0",
    "pod restart b-1 t",
    "uninstall",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((head, rest)) = bytes.split_first_chunk::<12>() else { return };
    let mut scenario = Scenario::new(SERVICES[0].clone());
    scenario.release_canaries = true;
    scenario.trace = false;
    scenario.record = false;
    let faults = head[0] % 8;
    scenario.faults = vec![format!("random:{faults}").parse().expect("a fault")];
    for pair in head[1..7].chunks_exact(2) {
        if let Some(words) = VERBS.get(usize::from(pair[0] % 32)) {
            scenario.verbs.push((Duration::from_secs(u64::from(pair[1])), bench::verb(words)));
        }
    }
    scenario.verbs.sort_by_key(|(at, _)| *at);
    for pair in head[7..11].chunks_exact(2) {
        if let Some(model) = SERVICES.get(usize::from(pair[0] % 16)) {
            scenario.targets.push((Duration::from_secs(u64::from(pair[1])), model.clone()));
        }
    }
    scenario.targets.sort_by_key(|(at, _)| *at);
    let report = run_with(&scenario, &mut Bytes(rest)).expect("a scenario that makes sense");
    if let SimulationOutcome::Violation(violation) = report.outcome {
        scenario.trace = true;
        let told = run_with(&scenario, &mut Bytes(rest)).expect("a scenario that makes sense").trace;
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        panic!("{}\n{violation}", told.join("\n"));
    }
});
