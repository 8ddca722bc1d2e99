//! The bounds that a task runs within: rlimits, memory.

use std::path::PathBuf;

use plan_core::engine::End;
use plan_driver::backend::Backend as _;

use crate::common::{self, Bench, on_runtime, pod, spec, task, until};

/// A limit as `/proc/PID/limits` has it: soft and hard.
fn limit<'a>(limits: &'a str, name: &str) -> Vec<&'a str> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} in {limits}")).split_whitespace().take(2).collect()
}

#[test]
fn rlimits_hold_for_the_task_and_all_that_it_starts() {
    on_runtime(async {
        let limits = "    rlimits:\n      RLIMIT_NOFILE: {soft: 200, hard: 300}\n      RLIMIT_FSIZE: {soft: 8192, hard: 8192}\n      \
                      RLIMIT_CORE: {}\n";
        let cmd = "sh -c 'cat /proc/self/limits'; head -c 20000 /dev/zero > big; wc -c < big; echo end; exec sleep 1000";
        let task = format!("    tasks:\n      t: {{goal: RUNNING, cmd: {cmd:?}, cpus: 0.1, memory: 64}}\n");
        let mut bench = Bench::new(&pod(&format!("{limits}{task}"))).await;
        let (launch, _) = bench.launch(0).await;
        let text = bench.output(0, launch, |text| text.ends_with("end\n")).await;
        assert_eq!(limit(&text, "Max open files"), ["200", "300"]);
        assert_eq!(limit(&text, "Max file size"), ["8192", "8192"]);
        assert_eq!(limit(&text, "Max core file size"), ["unlimited", "unlimited"]);
        // It is the system that keeps them.
        assert!(text.contains("\n8192\nend\n"), "{text}");
        // What the task prints goes by its shim, which is not bound by them.
        let (shim, _) = bench.processes(0, launch).await;
        let shim = std::fs::read_to_string(format!("/proc/{shim}/limits")).unwrap();
        assert_ne!(limit(&shim, "Max file size"), ["8192", "8192"]);
    });
}

/// Whether memory can be bounded here; if not, that is refused, and said loudly.
async fn bounds_memory() -> bool {
    let bench = Bench::new(&task("sleep 1", "")).await;
    let limited = task("sleep 1", "        resource-limits: {memory: 64}\n");
    let refused = bench.local().kind().check(&spec(&limited));
    match refused.iter().find(|one| one.path.ends_with("resource-limits.memory")) {
        Some(one) => {
            common::not_run(&format!("a memory limit that is met: {}", one.message));
            false
        }
        None => true,
    }
}

#[test]
fn a_task_that_uses_more_memory_than_it_may_is_ended_and_told() {
    on_runtime(async {
        if !bounds_memory().await {
            return;
        }
        // `tail` keeps a line without an end in memory, all of it.
        let cmd = "echo up; head -c 300000000 /dev/zero | tail > /dev/null; exit $?";
        let mut bench = Bench::new(&task(cmd, "")).await;
        let (launch, _) = bench.launch(0).await;
        assert_eq!(bench.ended(launch).await, End::Failed);
        let why = bench.why(0, launch);
        assert!(why.contains("exit code 137, out of memory: it may have 64 MB"), "{why}");
    });
}

#[test]
fn memory_is_bounded_by_the_limit_or_by_what_is_asked_for() {
    on_runtime(async {
        if !bounds_memory().await {
            return;
        }
        for (more, bytes) in [
            ("", Some(64 << 20)),
            ("        resource-limits: {memory: 100}\n", Some(100 << 20)),
            ("        resource-limits: {memory: unlimited}\n", None),
        ] {
            let mut bench = Bench::new(&task("exec sleep 1000", more)).await;
            let (launch, _) = bench.launch(0).await;
            let (_, process) = bench.processes(0, launch).await;
            let order = std::fs::read(bench.run_folder(0, launch).join("order.json")).unwrap();
            let order: serde_json::Value = serde_json::from_slice(&order).unwrap();
            let Some(bytes) = bytes else {
                assert!(order["memory"].is_null(), "{order}");
                continue;
            };
            let group = PathBuf::from(order["memory"]["folder"].as_str().unwrap());
            let file = group.join(order["memory"]["limit-file"].as_str().unwrap());
            assert_eq!(std::fs::read_to_string(file).unwrap().trim(), u64::to_string(&bytes));
            until("the task is in its group", || {
                let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
                members.lines().any(|member| member == process.to_string()).then_some(())
            })
            .await;
            bench.kill(0, launch, 0).await;
            assert_eq!(bench.ended(launch).await, End::Killed);
            assert!(!group.exists(), "a group stays behind");
        }
    });
}
