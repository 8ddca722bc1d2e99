//! A verb in words, as the audit keeps it.
//!
//! Invariant: the words never contain the values of parameters.

use std::fmt;

use crate::engine::input::{Part, Verb};
use crate::spec::TaskName;

fn only(tasks: &[TaskName]) -> String {
    tasks.iter().map(|task| format!(" -t {task}")).collect()
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
                write!(f, "start {plan}")?;
                parameters.keys().try_for_each(|name| write!(f, " -p {name}"))
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
            Self::RestartPod { instance, tasks } => write!(f, "pod restart {instance}{}", only(tasks)),
            Self::ReplacePod { instance } => write!(f, "pod replace {instance}"),
            Self::PausePod { instance, tasks } => write!(f, "pod pause {instance}{}", only(tasks)),
            Self::ResumePod { instance, tasks } => write!(f, "pod resume {instance}{}", only(tasks)),
            Self::GiveUp { debt } => write!(f, "give-up {debt}"),
            Self::Uninstall => f.write_str("uninstall"),
        }
    }
}
