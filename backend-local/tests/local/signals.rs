//! How a task is asked to end.

use std::os::unix::fs::PermissionsExt as _;

use plan_core::engine::End;
use plan_core::spec::KillSignal;

use crate::common::{Bench, on_runtime, task};

/// Says which signal came, and ends well.
const TRAPS: &str = "for s in TERM INT QUIT HUP USR1 USR2; do trap \"echo SIG$s; exit 0\" $s; done; \
                     echo up; while :; do sleep 0.05; done";

#[test]
fn the_signal_is_the_one_that_the_file_names() {
    on_runtime(async {
        for signal in KillSignal::ALL {
            let more = format!("        kill-signal: {}\n        kill-grace-period: 20\n", signal.as_str());
            let mut bench = Bench::new(&task(TRAPS, &more)).await;
            let (launch, _) = bench.launch(0).await;
            bench.output(0, launch, |text| text == "up\n").await;
            bench.kill(0, launch, 20).await;
            assert_eq!(bench.ended(launch).await, End::Killed);
            let expected = format!("up\n{}\n", signal.as_str());
            assert_eq!(bench.output(0, launch, |_| true).await, expected);
        }
    });
}

#[test]
fn what_is_not_named_is_sigterm() {
    on_runtime(async {
        let mut bench = Bench::new(&task(TRAPS, "")).await;
        let (launch, _) = bench.launch(0).await;
        bench.output(0, launch, |text| text == "up\n").await;
        bench.kill(0, launch, 20).await;
        assert_eq!(bench.ended(launch).await, End::Killed);
        assert_eq!(bench.output(0, launch, |_| true).await, "up\nSIGTERM\n");
    });
}

/// A scheduler that was started with `nohup`, or in the background of a script, ignores signals, and so would all that
/// it starts.
#[test]
fn what_the_scheduler_ignores_reaches_the_task() {
    on_runtime(async {
        for signal in ["SIGINT", "SIGHUP", "SIGQUIT"] {
            let more = format!("        kill-signal: {signal}\n        kill-grace-period: 20\n");
            let folder = tempfile::tempdir().unwrap();
            let deaf = folder.path().join("deaf");
            let shim = env!("CARGO_BIN_EXE_planwright-shim");
            std::fs::write(&deaf, format!("#!/bin/sh\ntrap '' INT HUP QUIT\nexec '{shim}' \"$@\"\n"))
                .unwrap();
            std::fs::set_permissions(&deaf, std::fs::Permissions::from_mode(0o755)).unwrap();
            let mut bench = Bench::with(&task(TRAPS, &more), |options| options.shim = Some(deaf)).await;
            let (launch, _) = bench.launch(0).await;
            bench.output(0, launch, |text| text == "up\n").await;
            bench.kill(0, launch, 20).await;
            assert_eq!(bench.ended(launch).await, End::Killed);
            assert_eq!(bench.output(0, launch, |_| true).await, format!("up\n{signal}\n"));
        }
    });
}
