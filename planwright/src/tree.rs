//! Trees, as C§6.9 draws them. Invariant: a tree is lines of text; a status stands in words at the end of its line,
//! and colour only repeats it.

use std::fmt;

use plan_core::engine::PlanView;

/// A node, with all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// What it is.
    pub(crate) label: String,
    /// How it is, if it has a status.
    pub(crate) status: Option<String>,
    /// What it consists of.
    pub(crate) below: Vec<Self>,
}

/// A line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The branches that lead to it.
    pub(crate) stem: String,
    /// What it is.
    pub(crate) label: String,
    /// How it is.
    pub(crate) status: Option<String>,
}

impl Tree {
    /// A node without anything below.
    pub(crate) fn leaf(label: impl Into<String>, status: Option<String>) -> Self {
        Self { label: label.into(), status, below: Vec::new() }
    }

    /// Its lines, from the top.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.add_lines(String::new(), "", &mut lines);
        lines
    }

    fn add_lines(&self, stem: String, below: &str, lines: &mut Vec<Line>) {
        lines.push(Line { stem, label: self.label.clone(), status: self.status.clone() });
        for (nth, node) in self.below.iter().enumerate() {
            let (branch, trunk) =
                if nth + 1 == self.below.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            node.add_lines(format!("{below}{branch}"), &format!("{below}{trunk}"), lines);
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.stem, self.label)?;
        match &self.status {
            Some(status) => write!(f, " ({status})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, line) in self.lines().iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            line.fmt(f)?;
        }
        Ok(())
    }
}

impl Tree {
    /// A plan, or a phase of one.
    pub(crate) fn of_strategy(
        name: &impl fmt::Display,
        strategy: &impl fmt::Display,
        status: &impl fmt::Display,
        below: impl Iterator<Item = Self>,
    ) -> Self {
        Self {
            label: format!("{name} ({strategy} strategy)"),
            status: Some(status.to_string()),
            below: below.collect(),
        }
    }

    /// A step.
    pub(crate) fn of_step(name: &impl fmt::Display, status: &impl fmt::Display, forced: bool) -> Self {
        let forced = if forced { ", forced" } else { "" };
        Self::leaf(name.to_string(), Some(format!("{status}{forced}")))
    }
}

impl From<&PlanView> for Tree {
    fn from(plan: &PlanView) -> Self {
        let phases = plan.phases.iter().map(|phase| {
            let steps = phase.steps.iter().map(|step| Self::of_step(&step.name, &step.status, step.forced));
            Self::of_strategy(&phase.name, &phase.strategy, &phase.status, steps)
        });
        Self::of_strategy(&plan.name, &plan.strategy, &plan.status, phases)
    }
}

#[cfg(test)]
mod tests {
    use plan_core::engine::{PhaseView, StepView};
    use plan_core::plan::Status;

    use super::*;

    #[test]
    fn a_plan_is_drawn_as_the_engine_draws_it() {
        let step = |name: &str, forced| StepView {
            name: name.to_owned(),
            status: Status::Complete,
            forced,
            instance: None,
            tasks: Vec::new(),
        };
        let phase = |name: &str, steps| PhaseView {
            name: name.to_owned(),
            strategy: "parallel",
            status: Status::Pending,
            steps,
        };
        let phases =
            vec![phase("a", vec![step("x", false), step("y", true)]), phase("b", vec![step("z", false)])];
        let plan =
            PlanView { name: "deploy".to_owned(), strategy: "serial", status: Status::InProgress, phases };
        assert_eq!(Tree::from(&plan).to_string(), plan.to_string());
    }
}
