//! `simulate --crash-points`: tries every crash of a run, counts them by kind, and prints the command that repeats each
//! one that was not survived.
//!
//! Invariant: a printed command repeats the failure, with nothing to fill in.

use std::io;

use backend_sim::{CrashFailure, CrashPoint, CrashReport, Depth, Fault, Scenario, Violation, crash_points};
use serde::Serialize;

use crate::Verdict;
use crate::arguments::{Reading, Simulate};
use crate::problem::Problem;
use crate::ui::Ui;

/// The most failures that are shown in full.
const TOLD: usize = 5;

pub(super) fn try_all(
    ui: &mut Ui,
    arguments: &Simulate,
    scenario: Option<&Scenario>,
    mut diagnostics: Vec<Problem>,
) -> io::Result<Verdict> {
    let depth = if arguments.pairs { Depth::Double } else { Depth::Single };
    let report = scenario.and_then(|scenario| {
        let tried = crash_points(scenario, depth);
        tried.map_err(|error| diagnostics.push(Problem::error(error.to_string()))).ok()
    });
    let told = diagnostics.iter().any(Problem::is_error);
    let good = !told && report.as_ref().is_some_and(CrashReport::all_survived);
    if ui.is_json() {
        let result = report.as_ref().map(|report| Crashes::new(report, arguments));
        ui.json(&super::Outcome { good, result, diagnostics })?;
    } else {
        diagnostics.iter().for_each(|problem| ui.problem(problem));
        if let Some(report) = &report {
            ui.say(text(report, arguments))?;
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Refused })
}

/// The result for people.
fn text(report: &CrashReport, arguments: &Simulate) -> String {
    let mut text = Vec::new();
    let count = |of: &std::collections::BTreeMap<CrashPoint, u64>, point: CrashPoint| {
        of.get(&point).copied().unwrap_or_default()
    };
    let second = if arguments.pairs { "    and then" } else { "" };
    text.push(format!("{:<16}{:>6}{second}", "the engine stops", "once"));
    for point in CrashPoint::ALL {
        let second =
            if arguments.pairs { format!("{:>12}", count(&report.double, point)) } else { String::new() };
        text.push(format!("{:<16}{:>6}{second}", point.name(), count(&report.single, point)));
    }
    text.push(String::new());
    text.push(format!("{} of {} survived", report.survived, report.runs()));
    for failure in report.failures.iter().take(TOLD) {
        text.push(String::new());
        text.push(failure.violation.to_string());
        text.push(format!("help: {}", again(arguments, failure)));
    }
    if report.failures.len() > TOLD {
        text.push(String::new());
        text.push(format!("and {} more", report.failures.len() - TOLD));
    }
    text.join("\n")
}

/// The result for programs.
#[derive(Debug, Serialize)]
struct Crashes<'a> {
    points: Vec<Points>,
    runs: u64,
    survived: u64,
    failures: Vec<Failure<'a>>,
}

#[derive(Debug, Serialize)]
struct Points {
    point: &'static str,
    single: u64,
    double: u64,
}

#[derive(Debug, Serialize)]
struct Failure<'a> {
    faults: Vec<String>,
    violation: &'a Violation,
    command: String,
}

impl<'a> Crashes<'a> {
    fn new(report: &'a CrashReport, arguments: &Simulate) -> Self {
        let points = CrashPoint::ALL.map(|point| Points {
            point: point.name(),
            single: report.single.get(&point).copied().unwrap_or_default(),
            double: report.double.get(&point).copied().unwrap_or_default(),
        });
        let failures = report.failures.iter().map(|failure| Failure {
            faults: failure.scenario.faults.iter().map(ToString::to_string).collect(),
            violation: &failure.violation,
            command: again(arguments, failure),
        });
        Self {
            points: points.into(),
            runs: report.runs(),
            survived: report.survived,
            failures: failures.collect(),
        }
    }
}

/// The command that repeats a failure.
fn again(arguments: &Simulate, failure: &CrashFailure) -> String {
    let Simulate { file, plan, parameter, seed, nodes, zones, acts, release_canaries, then, .. } = arguments;
    let Reading { env_file, env, inherit_env, lenient, strict, config_dir, skip_files } = &arguments.reading;
    let mut words = vec!["planwright".to_owned(), "simulate".to_owned(), file.display().to_string()];
    let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    plan.iter().for_each(|plan| add("--plan", plan.clone()));
    parameter.iter().for_each(|(key, value)| add("-p", format!("{key}={value}")));
    seed.iter().for_each(|seed| add("--seed", seed.to_string()));
    nodes.iter().for_each(|nodes| add("--nodes", nodes.to_string()));
    zones.iter().for_each(|zones| add("--zones", zones.to_string()));
    then.iter().for_each(|then| add("--then", then.text.clone()));
    acts.iter().for_each(|act| add("--do", act.text.clone()));
    // The same seed gives the same random faults, so they are named only once.
    let given = arguments.fault.iter().map(ToString::to_string);
    let crashes = failure.scenario.faults[arguments.fault.len()..].iter().map(Fault::to_string);
    given.chain(crashes).for_each(|fault| add("--fault", fault));
    env_file.iter().for_each(|file| add("--env-file", file.display().to_string()));
    env.iter().for_each(|(key, value)| add("--env", format!("{key}={value}")));
    config_dir.iter().for_each(|folder| add("--config-dir", folder.display().to_string()));
    for (flag, is) in [
        ("--release-canaries", release_canaries),
        ("--inherit-env", inherit_env),
        ("--lenient", lenient),
        ("--strict", strict),
        ("--skip-files", skip_files),
    ] {
        words.extend(is.then(|| flag.to_owned()));
    }
    words.push("--same-end".to_owned());
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The text as one word of a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@,+#%".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('#') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use backend_sim::CheckName;
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Verb};

    #[test]
    fn a_failure_is_told_with_the_command_that_does_it_again() {
        let typed = [
            "planwright",
            "simulate",
            "specs/hello-world",
            "--crash-points",
            "--then",
            "HELLO_COUNT=3",
            "--do",
            "1s:restart:hello-phase:hello-0:[main]",
            "--fault",
            "gone:node-1@20s",
            "--env",
            "A=b c",
        ];
        let Verb::Simulate(arguments) = Arguments::try_parse_from(typed).unwrap().verb else { panic!() };
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/hello-world");
        let (_, loaded) = crate::commands::load(std::path::Path::new(folder), &Reading::default());
        let mut scenario = Scenario::new(loaded.unwrap().0);
        scenario.faults = arguments.fault.clone();
        let mut report = crash_points(&scenario, Depth::Single).unwrap();
        scenario.faults.push("crash:after-commit#12".parse().unwrap());
        let (expected, found) = ("hello-0-main is ready", "it does not live");
        let violation = Violation::new(CheckName::SameEnd, 42_000_000, expected, found);
        report.survived -= 1;
        report.failures.push(CrashFailure { violation, scenario });
        insta::assert_snapshot!(text(&report, &arguments));
        let result = serde_json::to_value(Crashes::new(&report, &arguments)).unwrap();
        assert_eq!(result["failures"][0]["violation"]["check"], "same-end");
    }
}
