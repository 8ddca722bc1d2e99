//! The table of promises (rows) and backends (columns) for the book's page.
//!
//! Invariant: the page follows from the scenarios and what the subjects say about themselves. Running the scenarios
//! shows that a promise is kept where the page says so.

use std::fmt::Write as _;

use crate::run::{BackendScenario, Played, excuse};
use crate::scenarios::SCENARIOS;
use crate::subject::Subject;

/// The results of the scenarios on a subject, for a terminal: one line for each promise that was kept, and marked lines
/// for the others.
pub fn report(name: &str, played: &[(&'static BackendScenario, Played)]) -> String {
    let mut text = String::new();
    for (scenario, played) in played {
        let _ = match played {
            Played::Kept => writeln!(text, "{name:7} kept     {}", scenario.name),
            Played::NotRun(why) => writeln!(text, "{name:7} NOT RUN  {}: {why}", scenario.name),
            Played::Broken(broken) => {
                writeln!(text, "{name:7} BROKEN   {}: {}\n{broken}", scenario.name, scenario.promise)
            }
        };
    }
    text
}

/// The promises as a table for the book, with the reasons below it.
pub fn table(subjects: &[&dyn Subject]) -> String {
    let mut text = "| promise |".to_owned();
    subjects.iter().for_each(|subject| {
        let _ = write!(text, " {} |", subject.name());
    });
    text.push_str("\n| --- |");
    subjects.iter().for_each(|_| text.push_str(" --- |"));
    text.push('\n');
    let mut reasons: Vec<(&str, &str)> = Vec::new();
    for scenario in SCENARIOS {
        let _ = write!(text, "| *{}*: {} |", scenario.name, scenario.promise);
        for subject in subjects {
            match excuse(*subject, scenario) {
                None => text.push_str(" kept |"),
                Some(why) => {
                    let reason = (subject.name(), why);
                    let known = reasons.iter().position(|other| *other == reason);
                    let nth = known.unwrap_or_else(|| {
                        reasons.push(reason);
                        reasons.len() - 1
                    });
                    let _ = write!(text, " not run ({}) |", nth + 1);
                }
            }
        }
        text.push('\n');
    }
    text.push('\n');
    for (nth, (name, why)) in reasons.iter().enumerate() {
        let _ = writeln!(text, "{}. `{name}`: {why}.", nth + 1);
    }
    text
}
