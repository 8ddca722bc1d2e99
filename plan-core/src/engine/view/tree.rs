//! Trees, as the SDK's program draws them (SDK rule R80): of plans, and of anything else that is a tree with statuses.
//!
//! Invariant: this is the only place that draws trees. A tree is lines of text, and a status is a word at the end of
//! its line. The text of a plan shows nothing that its view does not have.

use std::fmt;

use super::PlanView;

/// A node of a tree, with all nodes below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The name of the node.
    pub label: String,
    /// The status of the node, if it has one.
    pub status: Option<String>,
    /// The nodes below this one.
    pub below: Vec<Self>,
}

/// A line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeLine {
    /// The branches that are drawn before the label.
    pub stem: String,
    /// The name of the node.
    pub label: String,
    /// The status of the node, if it has one.
    pub status: Option<String>,
}

impl Tree {
    /// A node without nodes below it.
    pub fn leaf(label: impl Into<String>, status: Option<String>) -> Self {
        Self { label: label.into(), status, below: Vec::new() }
    }

    /// The lines of the tree, from the top.
    pub fn lines(&self) -> Vec<TreeLine> {
        let mut lines = Vec::new();
        self.add_lines(String::new(), "", &mut lines);
        lines
    }

    fn forget_statuses(&mut self) {
        self.status = None;
        self.below.iter_mut().for_each(Self::forget_statuses);
    }

    fn add_lines(&self, stem: String, below: &str, lines: &mut Vec<TreeLine>) {
        lines.push(TreeLine { stem, label: self.label.clone(), status: self.status.clone() });
        for (nth, node) in self.below.iter().enumerate() {
            let (branch, trunk) =
                if nth + 1 == self.below.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            node.add_lines(format!("{below}{branch}"), &format!("{below}{trunk}"), lines);
        }
    }
}

impl fmt::Display for TreeLine {
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
    pub fn of_strategy(
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
    pub fn of_step(name: &impl fmt::Display, status: &impl fmt::Display, forced: bool) -> Self {
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

impl PlanView {
    /// The tree without its statuses.
    pub fn without_status(&self) -> Tree {
        let mut tree = Tree::from(self);
        tree.forget_statuses();
        tree
    }
}

impl fmt::Display for PlanView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Tree::from(self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{PhaseView, StepView};
    use crate::plan::Status;

    #[test]
    fn a_plan_is_a_tree() {
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
        let with = "deploy (serial strategy) (IN_PROGRESS)\n\
                    ├─ a (parallel strategy) (PENDING)\n\
                    │  ├─ x (COMPLETE)\n\
                    │  └─ y (COMPLETE, forced)\n\
                    └─ b (parallel strategy) (PENDING)\n   \
                       └─ z (COMPLETE)";
        assert_eq!(plan.to_string(), with);
        let without = with.lines().map(|line| line.rsplit_once(" (").map_or(line, |(head, _)| head));
        assert_eq!(plan.without_status().to_string(), without.collect::<Vec<_>>().join("\n"));
    }
}
