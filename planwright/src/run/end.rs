//! What `run` says at its end: the plans as they are then, what goes on, and how to end that.

use std::io;
use std::path::Path;

use plan_core::engine::PlanView;
use serde_json::json;

use super::picture::Picture;
use super::{End, Wanted, ideas};
use crate::Verdict;
use crate::arguments::{Run, StoreKind};
use crate::running::Running;
use crate::ui::Ui;

/// Says it, and what it comes to.
pub(super) fn tell(
    ui: &mut Ui,
    arguments: &Run,
    wanted: &Wanted,
    running: &Running,
    end: &End,
    picture: &Picture,
) -> io::Result<Verdict> {
    let service = &running.service;
    let verdict = match end {
        End::Interrupted | End::Complete | End::Uninstalled => Verdict::Good,
        End::Error | End::Gone(_) => Verdict::Refused,
    };
    if ui.is_json() {
        let (word, why) = match end {
            End::Interrupted => ("interrupted", None),
            End::Complete => ("complete", None),
            End::Error => ("error", None),
            End::Uninstalled => ("uninstalled", None),
            End::Gone(condition) => ("gone", Some(condition.to_string())),
        };
        let plans: Vec<&PlanView> = picture.plans().collect();
        ui.json_line(&json!({ "event": "ended", "how": word, "why": why, "plans": plans }))?;
        return Ok(verdict);
    }
    if *end == End::Uninstalled {
        ui.say("uninstalled")?;
        return Ok(verdict);
    }
    for tree in picture.trees() {
        ui.say("")?;
        ui.tree(&tree)?;
    }
    if picture.main.is_some() {
        ui.say("")?;
    }
    // As it is typed again: what is at the default is left out.
    let again = again(arguments);
    match end {
        End::Gone(condition) => ui.complain(&condition.to_string()),
        End::Error => {
            ui.complain("the plan has an error");
            picture.whys.iter().for_each(|why| ui.note(why));
        }
        End::Interrupted | End::Complete | End::Uninstalled => {}
    }
    if arguments.store == StoreKind::Memory {
        return Ok(verdict);
    }
    if *end == End::Complete {
        ui.say(format_args!(
            "complete: the tasks of {service} go on running, and the scheduler ends. Start it again with"
        ))?;
        ui.say(format_args!("  {again}"))?;
        ui.say("and, while it runs, try from another terminal:")?;
        for idea in ideas::ideas(&wanted.model, &wanted.input, &arguments.file) {
            ui.say(format_args!("  {idea}"))?;
        }
        ui.say("or end all of it with")?;
        ui.say("  planwright uninstall")?;
    } else {
        ui.say(format_args!("the scheduler has ended; the tasks of {service} go on running"))?;
        ui.say(format_args!("to go on with them:  {again}"))?;
        ui.say("to end them:         planwright uninstall, from another terminal, while that runs")?;
    }
    Ok(verdict)
}

/// The command that goes on with the same service.
fn again(arguments: &Run) -> String {
    let quoted = |path: &Path| {
        let text = path.display().to_string();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            text
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    };
    let mut words = vec!["planwright run".to_owned(), quoted(&arguments.file)];
    if let Some(folder) = &arguments.data_dir {
        words.extend(["--data-dir".to_owned(), quoted(folder)]);
    }
    for file in &arguments.reading.env_file {
        words.extend(["--env-file".to_owned(), quoted(file)]);
    }
    for (key, value) in &arguments.reading.env {
        words.extend(["--env".to_owned(), quoted(Path::new(&format!("{key}={value}")))]);
    }
    let nodes = arguments.nodes.nodes;
    if nodes != 1 {
        words.push(format!("--nodes {nodes}"));
    }
    words.join(" ")
}
