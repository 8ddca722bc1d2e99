//! A plan's tree, as text (C§6.9).
//!
//! Invariant: the text has nothing that the view has not.

use std::fmt;

use crate::plan::Status;

use super::PlanView;

impl PlanView {
    /// The tree without its statuses.
    pub fn without_status(&self) -> impl fmt::Display + '_ {
        Tree { plan: self, status: false }
    }
}

struct Tree<'a> {
    plan: &'a PlanView,
    status: bool,
}

impl fmt::Display for PlanView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Tree { plan: self, status: true }.fmt(f)
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, strategy: Option<&str>, status: Status, forced: bool| {
            if let Some(strategy) = strategy {
                write!(f, " ({strategy} strategy)")?;
            }
            match (self.status, forced) {
                (false, _) => Ok(()),
                (true, false) => write!(f, " ({status})"),
                (true, true) => write!(f, " ({status}, forced)"),
            }
        };
        let PlanView { name, strategy, status, phases } = self.plan;
        f.write_str(name)?;
        line(f, Some(strategy), *status, false)?;
        for (nth, phase) in phases.iter().enumerate() {
            let (branch, stem) = if nth + 1 == phases.len() { ("└─", "  ") } else { ("├─", "│ ") };
            write!(f, "\n{branch} {}", phase.name)?;
            line(f, Some(phase.strategy), phase.status, false)?;
            for (nth, step) in phase.steps.iter().enumerate() {
                let branch = if nth + 1 == phase.steps.len() { "└─" } else { "├─" };
                write!(f, "\n{stem} {branch} {}", step.name)?;
                line(f, None, step.status, step.forced)?;
            }
        }
        Ok(())
    }
}
