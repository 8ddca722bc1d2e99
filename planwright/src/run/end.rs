//! What `run` says at its end: the plans, what keeps running, and how to end that.

use std::io;

use plan_core::engine::PlanView;
use serde_json::json;

use super::snapshot::Snapshot;
use super::{End, Standing, Wanted, commands, suggestions};
use crate::Verdict;
use crate::arguments::{Run, StoreKind};
use crate::running::Running;
use crate::ui::Ui;

/// The state of a service at the end of `run`.
pub(super) struct Leftovers<'a> {
    /// How the scheduler ended.
    pub(super) end: &'a End,
    /// The plans at the end.
    pub(super) snapshot: &'a Snapshot,
    /// What became of the file.
    pub(super) standing: Standing,
    /// How many tasks keep running; `None` if nobody knows.
    pub(super) tasks: Option<usize>,
}

/// Prints it, and returns the exit code.
pub(super) fn tell(
    ui: &mut Ui,
    arguments: &Run,
    wanted: &Wanted,
    running: &Running,
    leftovers: &Leftovers<'_>,
) -> io::Result<Verdict> {
    let Leftovers { end, snapshot, standing, tasks } = leftovers;
    let service = &running.service;
    let verdict = match end {
        End::Uninstalled => Verdict::Good,
        End::Interrupted | End::Complete if *standing == Standing::Refused => Verdict::Denied,
        End::Interrupted | End::Complete => Verdict::Good,
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
        let plans: Vec<&PlanView> = snapshot.plans().collect();
        let refused = *standing == Standing::Refused;
        ui.json_line(&json!({
            "event": "ended", "how": word, "why": why, "plans": plans, "refused": refused, "tasks": tasks,
        }))?;
        return Ok(verdict);
    }
    if **end == End::Uninstalled {
        ui.say("uninstalled")?;
        return Ok(verdict);
    }
    for tree in snapshot.trees() {
        ui.say("")?;
        ui.tree(&tree)?;
    }
    if snapshot.main.is_some() {
        ui.say("")?;
    }
    match end {
        End::Gone(condition) => ui.complain(&condition.to_string()),
        End::Error => {
            ui.complain("the plan has an error");
            snapshot.whys.iter().for_each(|why| ui.note(why));
        }
        End::Interrupted | End::Complete | End::Uninstalled => {}
    }
    if *standing == Standing::Refused {
        ui.complain(&format!("`{}` was refused: the service is not what it says", wanted.input.file));
    }
    if arguments.store == StoreKind::Memory {
        return Ok(verdict);
    }
    let again = commands::run(arguments);
    let go_on = match tasks {
        Some(0) => format!("no task of {service} runs"),
        _ => format!("the tasks of {service} go on running"),
    };
    if **end == End::Complete {
        ui.say(format_args!("complete: {go_on}, and the scheduler ends. Start it again with"))?;
        ui.say(format_args!("  {again}"))?;
        ui.say("and, while it runs, try from another terminal:")?;
        let suggestions = if *standing == Standing::AsWanted {
            suggestions::suggestions(arguments, wanted, running)
        } else {
            vec![commands::ask("plan status --watch", running)]
        };
        for suggestion in suggestions {
            ui.say(format_args!("  {suggestion}"))?;
        }
        ui.say("or end all of it with")?;
        ui.say(format_args!("  {}", commands::ask("uninstall", running)))?;
    } else {
        ui.say(format_args!("the scheduler has ended; {go_on}"))?;
        ui.say(format_args!("to go on with them:  {again}"))?;
        let uninstall = commands::ask("uninstall", running);
        ui.say(format_args!("to end them:         {uninstall}, from another terminal, while that runs"))?;
    }
    Ok(verdict)
}
