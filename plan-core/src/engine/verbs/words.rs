//! A verb in words, as the audit keeps it.
//!
//! Invariant: the words never contain the values of parameters.

use std::fmt;

use crate::engine::input::{Part, Verb};

/// What the verb is limited to, or is given, in parentheses; nothing if there is none.
fn list<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |f: &mut fmt::Formatter<'_>, part: &Part| match part {
            Part::Plan => Ok(()),
            Part::Phase(phase) => write!(f, " {phase}"),
            Part::Step(phase, step) => write!(f, " {phase} {step}"),
        };
        match self {
            Self::Start { plan, parameters } => {
                write!(f, "start {plan}{}", list(parameters.keys()))
            }
            Self::Stop { plan } => write!(f, "stop {plan}"),
            Self::Interrupt { plan, phase: None } => write!(f, "interrupt {plan}"),
            Self::Interrupt { plan, phase: Some(phase) } => write!(f, "interrupt {plan} {phase}"),
            Self::Continue { plan, phase: None } => write!(f, "continue {plan}"),
            Self::Continue { plan, phase: Some(phase) } => write!(f, "continue {plan} {phase}"),
            Self::ForceComplete { plan, part: of } => {
                write!(f, "force-complete {plan}")?;
                part(f, of)
            }
            Self::Restart { plan, part: of } => {
                write!(f, "restart {plan}")?;
                part(f, of)
            }
            Self::RestartPod { instance, tasks } => write!(f, "pod restart {instance}{}", list(tasks)),
            Self::ReplacePod { instance } => write!(f, "pod replace {instance}"),
            Self::PausePod { instance, tasks } => write!(f, "pod pause {instance}{}", list(tasks)),
            Self::ResumePod { instance, tasks } => write!(f, "pod resume {instance}{}", list(tasks)),
            Self::GiveUp { debt } => write!(f, "give-up {debt}"),
            Self::Uninstall => f.write_str("uninstall"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_names_tasks_and_parameters_but_no_values() {
        let tasks = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let restart = |names| Verb::RestartPod { instance: "kafka-0".parse().unwrap(), tasks: tasks(names) };
        assert_eq!(restart(&[]).to_string(), "pod restart kafka-0");
        assert_eq!(restart(&["broker", "agent"]).to_string(), "pod restart kafka-0 (broker, agent)");
        let parameters = [("KEY".to_owned(), "secret".to_owned())].into();
        let start = Verb::Start { plan: "repair".parse().unwrap(), parameters };
        assert_eq!(start.to_string(), "start repair (KEY)");
    }
}
