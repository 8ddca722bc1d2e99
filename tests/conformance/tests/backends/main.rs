//! The suite on the backends of this workspace: the prompt one, the simulator's, and processes. Then on faulty ones, which must not pass.
//!
//! `cargo test -p backend-conformance --test backends NAME` plays the scenarios whose name contains NAME.
//! `UPDATE_BOOK=1 cargo test -p backend-conformance --test backends` writes the table of `docs/src/conformance.md`.
//!
//! Without libtest: this program is also the shim of the tasks that it starts.

mod faults;
mod local;
mod prompt;
mod sim;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use backend_conformance::{Played, Subject, page, play};
use tokio::runtime::{Builder, Runtime};

/// Where the table begins and ends on the page.
const MARKS: [&str; 2] = ["<!-- table -->\n", "<!-- table ends -->\n"];

fn main() -> ExitCode {
    if let Some(code) = backend_local::shim::run_if_asked() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let filter = arguments.into_iter().find(|argument| !argument.starts_with('-')).unwrap_or_default();
    match all(&filter) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("the suite cannot be played: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) {
    // There is nobody to tell if this fails.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn all(filter: &str) -> Result<bool, Box<dyn std::error::Error>> {
    // Time is virtual where nothing real is waited for.
    let paused = || Builder::new_current_thread().enable_time().start_paused(true).build();
    let real = || Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runs: [(&dyn Subject, Runtime); 3] = [
        (&prompt::Prompt { fault: None }, paused()?),
        (&sim::Simulator { fault: None }, paused()?),
        (&local::Processes, real()?),
    ];
    let (mut kept, mut not_run, mut broken) = (0, 0, 0);
    for (subject, runtime) in &runs {
        let began = Instant::now();
        let played = runtime.block_on(play(*subject, filter))?;
        say(&page::report(subject.name(), &played));
        say(&format!("{:7} {:.1?}\n\n", subject.name(), began.elapsed()));
        for (_, played) in &played {
            match played {
                Played::Kept => kept += 1,
                Played::NotRun(_) => not_run += 1,
                Played::Broken(_) => broken += 1,
            }
        }
    }
    let found = faults_are_found(&paused()?, filter)?;
    let subjects = runs.each_ref().map(|(subject, _)| *subject);
    let same = the_page_is_true(&subjects)?;
    let good = broken == 0 && found && same;
    let result = if good { "ok" } else { "FAILED" };
    say(&format!(
        "test result: {result}. {kept} passed; {broken} failed; {not_run} NOT RUN, each with its reason above\n"
    ));
    Ok(good)
}

/// A backend with a fault does not pass.
fn faults_are_found(runtime: &Runtime, filter: &str) -> Result<bool, Box<dyn std::error::Error>> {
    let began = Instant::now();
    let (mut found, mut missed) = (0, 0);
    let simulated = faults::FAULTS.iter().map(|(fault, scenario)| {
        let subject: Box<dyn Subject> = Box::new(sim::Simulator { fault: Some(*fault) });
        (format!("{fault:?}"), subject, *scenario)
    });
    let prompt = prompt::PromptFault::ALL.iter().map(|(fault, scenario)| {
        let subject: Box<dyn Subject> = Box::new(prompt::Prompt { fault: Some(*fault) });
        (format!("{fault:?}"), subject, *scenario)
    });
    for (fault, subject, scenario) in
        simulated.chain(prompt).filter(|(.., scenario)| scenario.contains(filter))
    {
        let played = runtime.block_on(play(&*subject, scenario))?;
        if played.iter().any(|(_, played)| matches!(played, Played::Broken(_))) {
            found += 1;
        } else {
            missed += 1;
            say(&format!("fault   MISSED   {fault}: `{scenario}` does not find it\n"));
        }
    }
    say(&format!(
        "fault   {found} faults of a backend are found, {missed} are missed: {:.1?}\n\n",
        began.elapsed()
    ));
    Ok(missed == 0)
}

/// The book's table is the one that the subjects make.
fn the_page_is_true(subjects: &[&dyn Subject]) -> Result<bool, Box<dyn std::error::Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/conformance.md");
    let text = std::fs::read_to_string(&path)?;
    let parts =
        text.split_once(MARKS[0]).and_then(|(before, rest)| Some((before, rest.split_once(MARKS[1])?)));
    let (before, (old, after)) = parts.ok_or("docs/src/conformance.md has no marks for its table")?;
    let new = format!("\n{}\n", page::table(subjects));
    if old == new {
        return Ok(true);
    }
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(&path, [before, MARKS[0], &new, MARKS[1], after].concat())?;
        return Ok(true);
    }
    say("docs/src/conformance.md is not what the subjects say of themselves:\n\
         UPDATE_BOOK=1 cargo test -p backend-conformance --test backends   writes its table anew\n");
    Ok(false)
}
