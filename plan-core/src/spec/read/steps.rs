//! The steps of a phase: lists of task lists (SDK rule R41), or steps with names.

use super::fields::{Field, Reader};
use super::tree::{Node, Value};
use crate::spec::diagnostic::{Code, Path};
use crate::spec::keys;
use crate::spec::names::{StepName, TaskName};
use crate::spec::plan::{Instances, NamedStep, StepLists, Steps};

const DEFAULT: &str = "default";

impl Reader<'_> {
    /// Reads the steps of a phase. Entries that cannot be read get stand-ins, so that the others keep their index.
    pub(super) fn steps(&mut self, path: &Path<'_>, field: Field<'_>) -> Steps {
        let Some(nodes) = self.list(path, field) else { return Steps::AllTasks };
        // The first entry decides which kind the steps are. An empty list counts as lists.
        if nodes.first().is_some_and(is_named) {
            // All entries are read before one is dropped, so that all problems are reported.
            let entries = nodes.iter().enumerate();
            let steps: Vec<_> = entries.map(|(at, node)| self.named_step(&path.index(at), node)).collect();
            return Steps::Named(steps.into_iter().collect::<Option<_>>().unwrap_or_default());
        }
        let lists = nodes.iter().enumerate().map(|(at, node)| {
            let stand_in = StepLists { instance: Instances::Default, steps: Vec::new() };
            self.step_lists(&path.index(at), node).unwrap_or(stand_in)
        });
        Steps::Lists(lists.collect())
    }

    fn step_lists(&mut self, path: &Path<'_>, node: &Node) -> Option<StepLists> {
        let field = Field::entry(node);
        let help = "write `- default: [[a, b], [c]]`, or `- 0: [[a]]` for instance 0";
        if is_named(node) {
            let message = "a step with a name stands among steps without names";
            self.error(Code::Step, path, node.span, message, "give names to all of them, or to none");
            return None;
        }
        let Value::Map(entries) = &node.value else {
            let message =
                format!("malformed step: expected a mapping with a single entry, found {}", node.kind());
            self.error(Code::Step, path, node.span, message, help);
            return None;
        };
        let entries_read = self.named(path, field);
        let [(key, lists)] = entries_read[..] else {
            let message = format!(
                "malformed step: a map should contain a single entry, but this one has {}",
                entries.len()
            );
            let gated = entries.iter().any(|(key, _)| key.text == "gates");
            let help = if gated {
                "put `gates` at the phase, or give the steps names, for `strategy: dependency`"
            } else {
                help
            };
            self.error(Code::Step, path, node.span, message, help);
            return None;
        };
        let at = path.key(&key.text);
        let Some(instance) = instance(&key.text) else {
            let message =
                format!("malformed step: `{}` is neither an instance's index nor `default`", key.text);
            // The error is at the entry, as the entry itself is broken.
            self.error(Code::Step, path, key.span, message, help);
            return None;
        };
        let mut steps = Vec::new();
        for (index, node) in self.list(&at, lists).unwrap_or_default().iter().enumerate() {
            let at = at.index(index);
            if matches!(node.value, Value::Scalar(_)) {
                let message =
                    "malformed step: expected a list of the tasks that it launches, found a single value";
                self.error(
                    Code::Step,
                    &at,
                    node.span,
                    message,
                    "put it into brackets: each step is a list, as in `[[a], [b]]`",
                );
            }
            let is_list = !matches!(node.value, Value::Scalar(_));
            steps.push(if is_list { self.names::<TaskName>(&at, Field::entry(node)) } else { Vec::new() });
        }
        Some(StepLists { instance, steps })
    }

    fn named_step(&mut self, path: &Path<'_>, node: &Node) -> Option<NamedStep> {
        let field = Field::entry(node);
        if matches!(node.value, Value::Map(_)) && !is_named(node) {
            let message = "a step without a name stands among steps with names";
            self.error(Code::Step, path, node.span, message, "give names to all of them, or to none");
            return None;
        }
        let fields = self.fields(*path, field, &keys::STEP)?;
        let name = self.required_name::<StepName>(&fields, "name", "name the step");
        let at_instance = path.key("instance");
        let index = self.required(&fields, "instance", "write an instance's index, or `default` for all");
        let index = index.and_then(|field| {
            let text = self.scalar(&at_instance, field)?;
            let read = instance(text);
            if read.is_none() {
                let message = format!("`{text}` is neither an instance's index nor `default`");
                let help = "write an instance's index, or `default` for all";
                self.error(Code::Step, &at_instance, field.place, message, help);
            }
            read
        });
        let tasks =
            self.required(&fields, "tasks", "name the tasks that the step launches, as `tasks: [a, b]`");
        let tasks = tasks.map(|field| self.names::<TaskName>(&path.key("tasks"), field));
        let depends_on = fields.get("depends-on");
        let depends_on = depends_on.map(|field| self.names::<StepName>(&path.key("depends-on"), field));
        let gates = self.gates(&fields);
        Some(NamedStep {
            name: name?,
            instance: index.unwrap_or(Instances::Default),
            tasks: tasks.unwrap_or_default(),
            depends_on: depends_on.unwrap_or_default(),
            gates,
        })
    }
}

/// Whether an entry is meant as a named step. An entry of lists has one key, an index or `default`.
fn is_named(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    if entries.iter().any(|(key, _)| instance(&key.text).is_some()) {
        return false;
    }
    entries.iter().any(|(key, value)| {
        keys::STEP.key(&key.text).is_some() && (entries.len() > 1 || !matches!(value.value, Value::List(_)))
    })
}

fn instance(text: &str) -> Option<Instances> {
    if text == DEFAULT {
        return Some(Instances::Default);
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Instances::Index)
}
