//! The example of a backend of one's own: a program that has it besides planwright's, with the command line and the API.
//! Invariant: what is tried is the example's `main`, in processes of its own: this program again, without cargo's variables. A
//! process that cargo has not started never tries anything, or each would start others.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and says what is good"
)]

#[path = "../examples/own_backend.rs"]
mod own_backend;
#[allow(dead_code, reason = "of what tests of schedulers share, a part is enough")]
#[path = "scheduler/place.rs"]
mod place;

use std::process::ExitCode;

use place::{Place, until};
use rustix::process::Signal;

fn main() -> ExitCode {
    // The helpers of `local` are this program, too, and have nothing of cargo's either.
    if std::env::var_os("CARGO_MANIFEST_DIR").is_none() {
        return own_backend::main();
    }
    the_command_line_knows_it();
    its_service_is_run_asked_and_updated();
    a_folder_of_one_backend_is_no_others();
    println!("own_backend: all is good");
    ExitCode::SUCCESS
}

fn place() -> Place {
    let mut place = Place::new();
    place.program = std::env::current_exe().unwrap();
    place
}

fn the_command_line_knows_it() {
    let place = place();
    let help = place.good(&["run", "--help"]);
    assert!(help.contains("--backend <local|nowhere>"), "{help}");
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("local (processes of this machine), nowhere (nothing at all)"), "{help}");
    assert!(place.good(&["completions", "bash"]).contains("nowhere"));
    // What one backend does not support, another does.
    place.file(
        "quick/image.yml",
        &place::QUICK.replace("  web:\n    count", "  web:\n    image: nginx\n    count"),
    );
    let image = [place.path("quick/image.yml"), "--env-file".to_owned(), place.path("quick/env")];
    let [file, option, values] = image.each_ref().map(String::as_str);
    let validate =
        |backend: &str| place.planwright(&["validate", file, option, values, "--backend", backend]);
    assert_eq!(validate("nowhere").code, 0);
    let local = validate("local");
    assert!(local.code == 1 && local.err.contains("error[L002]"), "{local}");
    let unknown = validate("everywhere");
    assert!(unknown.code == 2 && unknown.err.contains("[possible values: local, nowhere]"), "{unknown}");
}

fn its_service_is_run_asked_and_updated() {
    let place = place();
    let scheduler = place.run_quick(&["--backend", "nowhere"]);
    let status = place.good(&["plan", "status", "deploy"]);
    assert!(status.contains("web-1:[server] (COMPLETE)"), "{status}");
    let why = place.good(&["pod", "status", "web-0"]);
    assert!(why.contains("server"), "{why}");
    place.good(&["update", &place.quick(), "--env", "VALUE=2", "--wait"]);
    let ran = scheduler.end(Signal::INT);
    assert!(ran.code == 0 && ran.out.contains("--backend nowhere"), "{ran}");
    assert_eq!(place.processes(), [0_i32; 0], "its tasks run nowhere");
    // It is gone on with, and ended.
    let scheduler = place.run(&[&place.quick(), "--backend", "nowhere", "--env", "VALUE=2"]);
    let answers = || place.planwright(&["plan", "list"]).code == 0;
    until("it answers", answers, || scheduler.said());
    place.good(&["uninstall", "--wait"]);
    assert_eq!(scheduler.ended().code, 0);
}

fn a_folder_of_one_backend_is_no_others() {
    let place = place();
    place.run_quick(&["--backend", "nowhere"]).end(Signal::INT);
    let other = place.planwright(&["run", &place.quick(), "--backend", "local"]);
    assert!(other.code == 1 && other.err.contains("is of the backend `nowhere`"), "{other}");
    assert!(other.err.contains("`--backend nowhere`"), "{other}");
    // planwright itself has no such backend.
    let folder = place.data("quick").display().to_string();
    let planwright = Place::new().planwright(&["run", &place.quick(), "--data-dir", &folder]);
    assert!(planwright.code == 1 && planwright.err.contains("has no such backend"), "{planwright}");
    // Once nothing of it is left, another may have the folder.
    let scheduler = place.run(&[&place.quick(), "--backend", "nowhere"]);
    let answers = || place.planwright(&["plan", "list"]).code == 0;
    until("it answers", answers, || scheduler.said());
    place.good(&["uninstall", "--wait"]);
    scheduler.ended();
    place.run_quick(&["--backend", "local"]).end(Signal::INT);
}
