//! `replay`: replays what a scheduler recorded. Invariant: inputs that are reported as the same were compared, one by
//! one. If the recording is cut off or ended early, that is reported too.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use backend_sim::{Divergence, ReplayError, Replayed, Replayer};
use plan_driver::recording::{Reader, RecordingError};
use serde::Serialize;

use super::Outcome;
use crate::Verdict;
use crate::arguments::Replay;
use crate::problem::Problem;
use crate::ui::Ui;

/// The result of a replay, for programs.
#[derive(Debug, Serialize)]
struct Came {
    services: Vec<Service>,
    /// The first difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    diverged: Option<Diverged>,
}

#[derive(Debug, Serialize)]
struct Service {
    name: String,
    begins: u64,
    inputs: u64,
}

#[derive(Debug, Serialize)]
struct Diverged {
    service: String,
    input: u64,
    differs: Vec<String>,
}

pub(crate) fn replay(ui: &mut Ui, arguments: &Replay) -> io::Result<Verdict> {
    let mut diagnostics = Vec::new();
    let read = read(&arguments.file, &mut diagnostics);
    let (replayed, diverged) = match read {
        Ok(read) => read,
        Err(problem) => {
            diagnostics.push(*problem);
            if ui.is_json() {
                ui.json(&Outcome::<Came> { good: false, result: None, diagnostics })?;
            } else {
                diagnostics.iter().for_each(|problem| ui.problem(problem));
            }
            return Ok(Verdict::Refused);
        }
    };
    // Only the part before the damage was replayed.
    let good = diverged.is_none() && !diagnostics.iter().any(Problem::is_error);
    let services = replayed.services.iter().map(|(name, counts)| Service {
        name: name.to_string(),
        begins: counts.begins,
        inputs: counts.inputs,
    });
    if ui.is_json() {
        let diverged = diverged.map(|of| Diverged {
            service: of.service.to_string(),
            input: of.number,
            differs: of.differs,
        });
        ui.json(&Outcome {
            good,
            result: Some(Came { services: services.collect(), diverged }),
            diagnostics,
        })?;
    } else {
        for Service { name, begins, inputs } in services {
            ui.say(format_args!(
                "{name}: {} the same as recorded, from {}",
                count(inputs, "input"),
                count(begins, "beginning")
            ))?;
        }
        if let Some(diverged) = &diverged {
            ui.say(diverged)?;
        }
        diagnostics.iter().for_each(|problem| ui.problem(problem));
    }
    Ok(if good { Verdict::Good } else { Verdict::Refused })
}

fn count(of: u64, what: &str) -> String {
    format!("{of} {what}{}", if of == 1 { "" } else { "s" })
}

/// Replays as much as can be read, and reports what is wrong with the rest.
fn read(file: &Path, told: &mut Vec<Problem>) -> Result<(Replayed, Option<Box<Divergence>>), Box<Problem>> {
    let shown = file.display().to_string();
    let opened = File::open(file).map_err(|error| Box::new(plan_load::unreadable(file, &error)))?;
    let mut entries = Reader::new(BufReader::new(opened)).map_err(|error| Box::new(wrong(&error, &shown)))?;
    let mut replay = Replayer::default();
    for entry in &mut entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error @ RecordingError::Damaged { .. }) => {
                told.push(wrong(&error, &shown));
                break;
            }
            Err(error) => return Err(Box::new(wrong(&error, &shown))),
        };
        match replay.take(entry) {
            Ok(()) => {}
            Err(ReplayError::Diverged(divergence)) => return Ok((replay.finish(), Some(divergence))),
            Err(error) => return Err(Box::new(wrong(&error, &shown))),
        }
    }
    let replayed = replay.finish();
    if let Some(why) = &replayed.ended {
        told.push(
            Problem::warning(format!("the recording ends before the scheduler did: {why}")).file(&*shown),
        );
    }
    if entries.cut_off() > 0 {
        let what =
            format!("the last {} bytes are no whole entry: the scheduler was killed", entries.cut_off());
        told.push(Problem::warning(what).file(&*shown));
    }
    Ok((replayed, None))
}

fn wrong(error: &dyn std::error::Error, file: &str) -> Problem {
    let mut message = format!("{file}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    Problem::error(message).file(file)
}
