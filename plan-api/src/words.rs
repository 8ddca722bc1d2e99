//! The engine's messages in the words of the program `planwright`: a verb is shown as the command for it.
//!
//! Invariant: the same reason has the same words everywhere: in the API, on the screen, in a line.

use plan_core::engine::{Part, Reason, Remedy, Verb, Why};

/// The command for a verb, without the program's name.
pub fn command(verb: &Verb) -> String {
    let of_plan = |command: &str, plan: &dyn ToString, part: &Part| {
        let mut words = vec![command.to_owned(), shell(&plan.to_string())];
        match part {
            Part::Plan => {}
            Part::Phase(phase) => words.push(shell(phase.as_str())),
            Part::Step(phase, step) => words.extend([shell(phase.as_str()), shell(step)]),
        }
        words.join(" ")
    };
    let of_pod = |command: &str, instance: &dyn ToString, tasks: &[_]| {
        let tasks =
            tasks.iter().map(|task: &plan_core::spec::TaskName| format!(" --task {}", shell(task.as_str())));
        format!("{command} {}{}", shell(&instance.to_string()), tasks.collect::<String>())
    };
    let part = |phase: &Option<_>| phase.clone().map_or(Part::Plan, Part::Phase);
    match verb {
        Verb::Start { plan, .. } => of_plan("plan start", plan, &Part::Plan),
        Verb::Stop { plan } => of_plan("plan stop", plan, &Part::Plan),
        Verb::Interrupt { plan, phase } => of_plan("plan pause", plan, &part(phase)),
        Verb::Continue { plan, phase } => of_plan("plan resume", plan, &part(phase)),
        Verb::ForceComplete { plan, part: part @ Part::Step(..) } => {
            of_plan("plan force-complete", plan, part)
        }
        Verb::ForceComplete { plan, part } => of_plan("plan force-complete --all", plan, part),
        Verb::Restart { plan, part } => of_plan("plan force-restart", plan, part),
        Verb::RestartPod { instance, tasks } => of_pod("pod restart", instance, tasks),
        Verb::ReplacePod { instance } => of_pod("pod replace", instance, &[]),
        Verb::PausePod { instance, tasks } => of_pod("pod pause", instance, tasks),
        Verb::ResumePod { instance, tasks } => of_pod("pod resume", instance, tasks),
        Verb::GiveUp { debt } => format!("debug debts --give-up {debt}"),
        Verb::Uninstall => "uninstall".to_owned(),
        other => other.kind().to_owned(),
    }
}

/// Any of these remedies. A verb is shown as its command.
pub fn any_of(remedies: &[Remedy]) -> String {
    Remedy::any_of(remedies, |remedy| match remedy {
        Remedy::Say(verb) => format!("`planwright {}`", command(verb)),
        other => other.to_string(),
    })
}

/// A reason, with what the backend said.
pub fn reason(why: &Why) -> String {
    match (&why.reason, &why.words) {
        (reason, None) => reason.to_string(),
        (reason @ (Reason::Backoff { .. } | Reason::WaitsForItsStep(_)), Some(words)) => {
            format!("{reason}; its last end: {words}")
        }
        (reason, Some(words)) => format!("{reason}: {words}"),
    }
}

/// The reason of a wait, in a line, with the command that clears it, if nothing else does.
pub fn line(why: &Why) -> String {
    let line = format!("{} ({}): {}", why.what, why.status, reason(why));
    let remedies = why.remedies();
    match remedies.is_empty() || remedies.iter().any(|remedy| !matches!(remedy, Remedy::Say(_))) {
        true => line,
        false => format!("{line}: {}", any_of(&remedies)),
    }
}

/// The text as one word of a shell.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
