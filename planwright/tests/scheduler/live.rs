//! What lives: the screen of `run`, and what `--watch` shows.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::place::{Place, ended, signal, until};
use crate::terminal::Terminal;

const COMPLETE: &str = "deploy (serial strategy) (COMPLETE)
└─ web (parallel strategy) (COMPLETE)
   ├─ web-0:[server] (COMPLETE)
   └─ web-1:[server] (COMPLETE)
";

#[test]
fn on_a_terminal_the_tree_lives_until_ctrl_c() {
    let place = Place::new();
    let mut terminal = Terminal::start(&place.command(&["run", &place.quick()]), 30);
    terminal.until("the tree is complete", |seen| seen.is_own && seen.screen.contains(COMPLETE));
    terminal.until("there is more to be seen", |seen| {
        ["quick at http://127.0.0.1:", "data folder: ", "planwright pod restart web-0", "Ctrl-C ends"]
            .iter()
            .all(|text| seen.screen.contains(text))
    });
    // What is done from elsewhere shows.
    place.good(&["update", &place.quick(), "--env", "COUNT=3", "--wait"]);
    terminal.until("there is one more", |seen| seen.screen.contains("web-2:[server] (COMPLETE)"));
    // On a screen that is too small the foot stays, and the rest can be moved.
    terminal.resize(6);
    terminal.until("the top is seen", |seen| {
        seen.screen.contains("quick at")
            && seen.screen.contains("Ctrl-C ends")
            && !seen.screen.contains("web-2:[")
    });
    terminal.types("jjjj");
    terminal.until("what was below is seen", |seen| seen.screen.contains("web-2:["));
    terminal.types("\u{3}");
    let ran = terminal.ends();
    assert_eq!(ran.code, 0, "{ran}");
    assert!(
        ran.out.contains("web-2:[server] (COMPLETE)") && ran.out.contains("the tasks of quick go on running"),
        "{ran}"
    );
    assert_eq!(place.starts("quick", 3).iter().map(Vec::len).sum::<usize>(), 3);
}

#[test]
fn who_watches_a_plan_on_a_terminal_sees_it_change() {
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    let mut terminal = Terminal::start(&place.command(&["plan", "status", "deploy", "--watch"]), 20);
    terminal.until("the tree", |seen| seen.is_own && seen.screen.contains(COMPLETE));
    assert!(terminal.seen().screen.contains("q leaves"), "{:?}", terminal.seen());
    scheduler.kill();
    terminal.until("it is away", |seen| seen.screen.contains("the scheduler does not answer"));
    terminal.types("q");
    let ran = terminal.ends();
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.out.contains(COMPLETE), "what was seen last stays: {ran}");
}

#[test]
fn who_watches_without_a_terminal_reads_each_change() {
    let place = Place::new();
    let _scheduler = place.run_quick(&[]);
    for (form, first) in [
        (&["plan", "status", "deploy", "--watch"][..], COMPLETE),
        (&["pod", "status", "web-0", "--watch"], "web-0\n└─ web-0-server (RUNNING)\n"),
    ] {
        let out = place.path("watched");
        let mut command = place.command(form);
        command.stdout(File::create(&out).unwrap()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let read = || std::fs::read_to_string(&out).unwrap();
        until("it is seen", || read() == first, read);
        // What is watched is looked at after each event. A restart that is over before the look is not seen: another is.
        let seen_again = || read().len() > first.len() && read().ends_with(&format!("\n{first}"));
        let again = || {
            place.good(&["plan", "force-restart", "deploy", "web", "--wait"]);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(2) && !seen_again() {
                std::thread::sleep(Duration::from_millis(20));
            }
            seen_again()
        };
        until("it is seen again", again, read);
        signal(child.id().try_into().unwrap(), Signal::INT);
        assert_eq!(ended(&mut child, read).code(), Some(0), "{form:?}");
    }
}
