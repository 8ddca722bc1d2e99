//! The service that all scenarios run: a pod for each thing that a task does.
//!
//! Invariant: the suite runs no other service, so a subject knows beforehand everything that its cluster has to run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use plan_core::plan::Model;
use plan_core::spec::{Files, ReadOptions, Source, read};

use crate::stage::Broken;
use crate::subject::{Does, Subject};

/// The service, with the commands of a subject.
pub(crate) fn model(subject: &dyn Subject) -> Result<Arc<Model>, Broken> {
    let text = text(subject);
    let env = BTreeMap::new();
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
    let reading = read(Source { file: "suite.yml", text: &text }, &options);
    let Some(spec) = reading.spec else {
        let why = reading.diagnostics.iter().fold(String::new(), |mut why, diagnostic| {
            let _ = writeln!(why, "{}", diagnostic.message);
            why
        });
        return Err(Broken::new(format!(
            "the suite's service cannot be read with these commands:\n{why}\n{text}"
        )));
    };
    Model::new(spec).map(Arc::new).map_err(|error| Broken::new(error.to_string()))
}

/// A task as it is written: its goal, what it does, and more lines.
fn task(text: &mut String, subject: &dyn Subject, name: &str, does: Does, more: &[&str]) {
    let goal = if does == Does::Finishes { "ONCE" } else { "RUNNING" };
    let command = subject.command(does);
    let _ =
        writeln!(text, "      {name}:\n        goal: {goal}\n        cmd: {command:?}\n        memory: 16");
    if !more.iter().any(|line| line.starts_with("cpus")) {
        text.push_str("        cpus: 0.1\n");
    }
    for line in more {
        let _ = writeln!(text, "        {line}");
    }
}

fn text(subject: &dyn Subject) -> String {
    let mut text = "name: suite\npods:\n".to_owned();
    let mut pod = |name: &str, count: u32, more: &str, tasks: &[(&str, Does, &[&str])]| {
        let _ = writeln!(text, "  {name}:\n    count: {count}{more}\n    tasks:");
        for (name, does, more) in tasks {
            task(&mut text, subject, name, *does, more);
        }
    };
    let grace: &[&str] = &["kill-grace-period: 10"];
    pod("runs", 3, "", &[("t", Does::Runs, grace)]);
    pod("pair", 1, "", &[("t", Does::Runs, grace), ("u", Does::Runs, grace)]);
    pod("once", 1, "", &[("t", Does::Finishes, &[])]);
    pod("fails", 1, "", &[("t", Does::Fails, &[])]);
    pod("stays", 1, "", &[("t", Does::Stays, &["kill-grace-period: 1"])]);
    let check = format!(
        "readiness-check: {{cmd: {:?}, interval: 0, delay: 0, timeout: 5}}",
        subject.command(Does::IsReady)
    );
    pod("ready", 1, "", &[("t", Does::GetsReady, &[&check])]);
    let ports = "ports: {any: {port: 0}, ranged: {port: 0, ranges: [{begin: 24100, end: 24999}]}}";
    pod("never", 1, "", &[("t", Does::IsRefused, &[])]);
    pod("ports", 8, "", &[("t", Does::Runs, &[ports])]);
    pod("big", 8, "", &[("t", Does::Runs, &["cpus: 3"])]);
    pod("apart", 2, "\n    placement: 'hostname:UNIQUE'", &[("t", Does::Runs, &[])]);
    text
}
