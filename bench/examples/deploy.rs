//! Deploys 5,000 pods in parallel, for a profiler: `valgrind --tool=callgrind target/release/examples/deploy`.
fn main() {
    let model = planwright_bench::service(5_000, plan_core::spec::PhaseStrategy::Parallel);
    let mut cluster = planwright_bench::Instant::new();
    cluster.deploy(&model);
    assert!(cluster.engine.is_deployed());
}
