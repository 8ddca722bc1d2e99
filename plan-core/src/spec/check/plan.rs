//! The rules of plans, phases and steps (SDK rules R39 to R43).

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::graph::cycles;
use super::{Checker, repeated};
use crate::spec::change;
use crate::spec::diagnostic::{Code, Diagnostic, Path};
use crate::spec::gate::{Gate, Gates};
use crate::spec::names::{PhaseName, PlanName, PodName, TaskName};
use crate::spec::plan::{Instances, NamedStep, PhaseSpec, PlanSpec, StepLists, Steps};
use crate::spec::pod::PodSpec;
use crate::spec::strategy::Sequence;
use crate::spec::task::Goal;

/// The largest number of entries of `on-change`. There are fewer fields than that.
const MOST_ENTRIES: usize = 1000;

/// The pod of a phase, with what is known about it.
#[derive(Clone, Copy)]
struct Over<'a> {
    pod: &'a PodSpec,
    pod_name: &'a PodName,
    /// Whether the pod's count was read without an error.
    counted: bool,
    /// Whether the pod's tasks were read without an error.
    tasks_known: bool,
}

impl Checker<'_> {
    pub(super) fn plans(&mut self, path: &Path<'_>) {
        let parts = self.parts;
        if !parts.plans.contains_key(PlanName::DEPLOY) {
            let known: Vec<_> = parts.plans.keys().map(AsRef::as_ref).collect();
            let message = "there are plans, but no `deploy` plan among them";
            let problem = Diagnostic::error(Code::NoDeploy, path, message);
            let help = "call one of them `deploy`, or leave out `plans` and have one made";
            let mut problem = problem.help(help);
            problem.nearest = crate::spec::nearest::nearest(PlanName::DEPLOY, known).map(ToOwned::to_owned);
            self.report(problem);
        }
        for name in parts.plans.keys().filter(|name| name.is_reserved()) {
            let message = format!("the plan `{name}` has the name of one that the engine runs by itself");
            self.error(Code::ReservedPlan, &path.key(name.as_str()), message, "give it another name");
        }
        for (name, plan) in &parts.plans {
            self.plan(&path.key(name.as_str()), plan);
        }
    }

    fn plan(&mut self, path: &Path<'_>, plan: &PlanSpec) {
        let phases = path.key("phases");
        self.phase_dependencies(&phases, plan);
        let on_change = path.key("on-change");
        if plan.on_change.len() > MOST_ENTRIES {
            let message = format!(
                "`on-change` has {} entries, more than the {MOST_ENTRIES} that can be of use",
                plan.on_change.len()
            );
            let help = "name the fields with `*` for names, or by the part that they are below";
            self.error(Code::Limits, &on_change, message, help);
        }
        for (index, entry) in plan.on_change.iter().take(MOST_ENTRIES).enumerate() {
            self.changed(&on_change.index(index), entry);
        }
        for (name, phase) in &plan.phases {
            self.phase(&phases.key(name.as_str()), phase);
        }
    }

    /// Checks an entry of `on-change`: it names a field, and a pod and a task that exist.
    fn changed(&mut self, path: &Path<'_>, entry: &str) {
        if let Err(change::Unmatched { part, nearest, known }) = change::judge(entry) {
            let message =
                format!("`{entry}` names no field that can change: there is nothing called `{part}`");
            let mut problem = Diagnostic::error(Code::UnknownField, path, message);
            problem.help = Some(match &nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None if known.is_empty() => "write a name there, or `*` for any".to_owned(),
                None if entry.contains('.') => format!("known there are: {}", known.join(", ")),
                None => "write a path as `pods.kafka.tasks.*.env`, or one key as `count`".to_owned(),
            });
            problem.nearest = nearest;
            self.report(problem);
            return;
        }
        let mut parts = entry.split('.');
        let (Some("pods"), Some(pod)) = (parts.next(), parts.next()) else { return };
        let root = Path::Root;
        if self.is_broken_below(&root.key("pods")) {
            return;
        }
        let service = self.parts;
        let all: Vec<&str> = service.pods.keys().map(AsRef::as_ref).collect();
        self.named_there(path, entry, "pod", pod, &all);
        let Some("tasks") = parts.next() else { return };
        let pods = service.pods.iter().filter(|(name, _)| pod == "*" || name.as_str() == pod);
        let all: Vec<&str> = pods.flat_map(|(_, pod)| pod.tasks.keys()).map(AsRef::as_ref).collect();
        if let Some(task) = parts.next().filter(|_| !all.is_empty()) {
            self.named_there(path, entry, "task", task, &all);
        }
    }

    /// A name that does not exist is only a warning, as the specification before may have it.
    fn named_there(&mut self, path: &Path<'_>, entry: &str, what: &str, name: &str, all: &[&str]) {
        // A name with dots cannot be told from the keys after it, so it is not checked.
        if name == "*" || all.iter().any(|other| *other == name || other.contains('.')) {
            return;
        }
        let message = format!("`{entry}` is about a {what} `{name}`, and there is none");
        let mut problem =
            Diagnostic::warning(Code::UnknownField, path, message).nearest(name, all.iter().copied());
        problem.help.get_or_insert_with(|| format!("name a {what} of the service, or write `*` for any"));
        self.report(problem);
    }

    fn phase_dependencies(&mut self, phases: &Path<'_>, plan: &PlanSpec) {
        for (name, phase) in plan.phases.iter().filter(|(_, phase)| !phase.depends_on.is_empty()) {
            let at = phases.key(name.as_str());
            let at = at.key("depends-on");
            if plan.strategy.sequence() != Sequence::ByDependency {
                let message = "`depends-on` has no meaning in a plan that is not of `strategy: dependency`";
                self.error(Code::DependsOnStrategy, &at, message, "write `strategy: dependency` at the plan");
            }
            for (index, other) in phase.depends_on.iter().enumerate() {
                if !plan.phases.contains_key(other) {
                    let all = plan.phases.keys().map(AsRef::as_ref).filter(|other| *other != name.as_str());
                    self.unknown_dependency(&at.index(index), "phase", other.as_str(), all);
                }
            }
        }
        let names: Vec<&str> = plan.phases.keys().map(PhaseName::as_str).collect();
        let edges: Vec<Vec<&str>> = plan
            .phases
            .values()
            .map(|phase| phase.depends_on.iter().map(PhaseName::as_str).collect())
            .collect();
        for members in cycles(&names, &edges) {
            let at = phases.key(members[0]);
            self.cycle(&at.key("depends-on"), "phase", &members);
        }
    }

    fn phase(&mut self, path: &Path<'_>, phase: &PhaseSpec) {
        let parts = self.parts;
        let root = Path::Root;
        let pods = root.key("pods");
        let Some((pod_name, pod)) = parts.pods.get_key_value(&phase.pod) else {
            if !self.is_broken(&pods) {
                let message = format!("there is no pod `{}`", phase.pod);
                let problem = Diagnostic::error(Code::UnknownPod, path.key("pod"), message);
                let mut problem = problem.nearest(phase.pod.as_str(), parts.pods.keys().map(AsRef::as_ref));
                let all: Vec<&str> = parts.pods.keys().map(AsRef::as_ref).take(8).collect();
                problem.help.get_or_insert_with(|| format!("the service's pods are: {}", all.join(", ")));
                self.report(problem);
            }
            return;
        };
        let pod_path = pods.key(pod_name.as_str());
        let over = Over {
            pod,
            pod_name,
            counted: !self.is_broken(&pod_path.key("count")),
            tasks_known: !self.is_broken(&pod_path.key("tasks")),
        };
        let launched: Vec<&TaskName> = match &phase.steps {
            Steps::AllTasks => pod.tasks.keys().collect(),
            Steps::Lists(lists) => lists.iter().flat_map(|one| &one.steps).flatten().collect(),
            Steps::Named(steps) => steps.iter().flat_map(|step| &step.tasks).collect(),
        };
        self.gates(&path.key("gates"), over, &phase.gates, "no step of the phase launches", &launched);
        let steps = path.key("steps");
        let takes_names = phase.strategy.sequence() == Sequence::ByDependency;
        match &phase.steps {
            Steps::AllTasks => {
                if takes_names {
                    let message = "a phase of `strategy: dependency` needs steps with names";
                    let help = "write `steps: [{name: …, instance: default, tasks: [[…]], depends-on: []}]`";
                    self.error(Code::DependsOnStrategy, &steps, message, help.replace("[[…]]", "[…]"));
                } else if pod.count > 0 {
                    let all: Vec<&TaskName> = pod.tasks.keys().collect();
                    let tasks = pod_path.key("tasks");
                    let at = if self.origins.generated { &tasks } else { &steps };
                    self.together(at, over, &all, true);
                }
            }
            Steps::Lists(lists) => {
                if takes_names {
                    let message = "steps of a phase of `strategy: dependency` need names";
                    let help = "write each as `{name: …, instance: default, tasks: […], depends-on: […]}`";
                    self.error(Code::DependsOnStrategy, &steps, message, help);
                }
                self.lists(&steps, over, lists);
            }
            Steps::Named(named) => {
                if !takes_names {
                    let message = "steps with names and `depends-on` have no meaning in a phase that is not of `strategy: dependency`";
                    self.error(
                        Code::DependsOnStrategy,
                        &steps,
                        message,
                        "write `strategy: dependency` at the phase",
                    );
                }
                self.named(&steps, over, named);
            }
        }
    }

    fn lists(&mut self, path: &Path<'_>, over: Over<'_>, lists: &[StepLists]) {
        let mut seen: BTreeMap<Option<u32>, usize> = BTreeMap::new();
        let mut all_read = true;
        for (index, entry) in lists.iter().enumerate() {
            let at = path.index(index);
            if self.is_broken(&at) {
                all_read = false;
                continue;
            }
            let (instance, text) = match entry.instance {
                Instances::Index(index) => (Some(index), index.to_string()),
                Instances::Default => (None, "default".to_owned()),
            };
            let at = at.key(&text);
            if seen.insert(instance, index).is_some() {
                let message = format!("the steps of `{text}` are given twice");
                let help = format!("put all into one entry: `- {text}: [[…], […]]`");
                self.error(Code::DuplicateInstance, &at, message, help);
            }
            if let Some(instance) = instance
                && instance >= over.pod.count
                && over.counted
            {
                let message = format!(
                    "the pod `{}` has no instance {instance}, its count is {}: the entry has no effect",
                    over.pod_name, over.pod.count
                );
                let help = "raise the count, or leave the entry out";
                self.report(Diagnostic::warning(Code::IgnoredEntry, at, message).help(help));
            }
            for (step, tasks) in entry.steps.iter().enumerate() {
                let tasks: Vec<&TaskName> = tasks.iter().collect();
                self.together(&at.index(step), over, &tasks, false);
            }
        }
        if !seen.contains_key(&None) && all_read && !self.is_broken_below(path) {
            let missing = (0..over.pod.count).find(|index| !seen.contains_key(&Some(*index)));
            if let Some(missing) = missing {
                let message =
                    format!("the step entry of instance {missing} is missing, and there is no `default`");
                let help =
                    format!("add `- {missing}: [[…]]`, or `- default: [[…]]` for all that have no entry");
                self.error(Code::MissingInstance, path, message, help);
            }
        }
    }

    fn named(&mut self, path: &Path<'_>, over: Over<'_>, steps: &[NamedStep]) {
        let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        let known: BTreeSet<&str> = names.iter().copied().collect();
        let mut by_name: IndexMap<&str, Vec<&str>> = IndexMap::new();
        for (index, step) in steps.iter().enumerate() {
            let at = path.index(index);
            if self.is_broken(&at) {
                continue;
            }
            if let Instances::Index(instance) = step.instance
                && instance >= over.pod.count
                && over.counted
            {
                let message = format!(
                    "the pod `{}` has no instance {instance}, its count is {}",
                    over.pod_name, over.pod.count
                );
                self.error(
                    Code::InstanceOutOfRange,
                    &at.key("instance"),
                    message,
                    "raise the count, or leave the step out",
                );
            }
            let tasks: Vec<&TaskName> = step.tasks.iter().collect();
            self.together(&at.key("tasks"), over, &tasks, false);
            self.gates(&at.key("gates"), over, &step.gates, "the step does not launch", &tasks);
            let depends = at.key("depends-on");
            for (place, other) in step.depends_on.iter().enumerate() {
                if !known.contains(other.as_str()) {
                    let all = names.iter().copied().filter(|other| *other != step.name.as_str());
                    self.unknown_dependency(&depends.index(place), "step", other.as_str(), all);
                }
            }
            let edges = step.depends_on.iter().map(AsRef::as_ref);
            by_name.entry(step.name.as_str()).or_default().extend(edges);
        }
        for (index, earlier) in repeated(&names) {
            let at = path.index(index);
            let message = format!("two steps of the phase are called `{}`", names[index]);
            let help = format!("rename one; the other is entry {earlier} of the list");
            self.error(Code::DuplicateStep, &at.key("name"), message, help);
        }
        let (names, edges): (Vec<&str>, Vec<Vec<&str>>) = by_name.into_iter().unzip();
        for members in cycles(&names, &edges) {
            let first = steps.iter().position(|step| step.name.as_str() == members[0]);
            let at = path.index(first.unwrap_or(0));
            self.cycle(&at.key("depends-on"), "step", &members);
        }
    }

    /// Checks the gates of steps that launch these tasks.
    fn gates(
        &mut self,
        path: &Path<'_>,
        over: Over<'_>,
        gates: &Gates,
        launches_no: &str,
        launched: &[&TaskName],
    ) {
        let Gates { before } = gates;
        let Some(gate) = before else { return };
        let at = path.key("before");
        let Gate { cmd, task, timeout, max_age } = gate;
        if cmd.trim().is_empty() {
            let help = "give a command that exits with 0 when the step may act";
            self.error(Code::Gate, &at.key("cmd"), "the gate has no command", help);
        } else if cmd.contains('\0') {
            let message = "the command holds a NUL character, which no process can be given";
            self.error(Code::Nul, &at.key("cmd"), message, "take it out, or hand it over in a file");
        }
        if timeout.0 == 0 {
            let message = "the gate's command has no time to answer";
            self.error(Code::Gate, &at.key("timeout"), message, "give it a second at least");
        } else if timeout > max_age {
            let message = format!(
                "the gate's command may take {timeout}, and its word would be too old after {max_age}"
            );
            let help = "give a `timeout` that is not above `max-age`";
            self.error(Code::Gate, &at.key("timeout"), message, help);
        }
        if !over.tasks_known {
            return;
        }
        let stays = |name: &TaskName| over.pod.tasks.get(name).is_none_or(|task| task.goal == Goal::Running);
        let running = || {
            let all = over.pod.tasks.iter().filter(|(_, task)| task.goal == Goal::Running);
            let names: Vec<&str> = all.map(|(name, _)| name.as_str()).collect();
            if names.is_empty() {
                "the pod has no task with `goal: RUNNING`: leave the gate out".to_owned()
            } else {
                format!("name one that goes on running, as `task: {}`", names.join("`, `task: "))
            }
        };
        match task {
            Some(task) if !over.pod.tasks.contains_key(task) => {
                let message = format!("the pod `{}` has no task `{task}` to ask beside", over.pod_name);
                let all = over.pod.tasks.keys().map(AsRef::as_ref);
                let mut problem =
                    Diagnostic::error(Code::GateTask, at.key("task"), message).nearest(task.as_str(), all);
                problem.help.get_or_insert_with(running);
                self.report(problem);
            }
            Some(task) if !stays(task) => {
                let message = format!("the gate is asked beside `{task}`, which does not go on running");
                self.error(Code::GateTask, &at.key("task"), message, running());
            }
            None if !launched.iter().any(|task| stays(task)) => {
                let message = format!("the gate has no `task`, and {launches_no} one that goes on running");
                self.error(Code::GateTask, &at, message, running());
            }
            _ => {}
        }
    }

    /// Checks the tasks that one step launches together.
    fn together(&mut self, path: &Path<'_>, over: Over<'_>, tasks: &[&TaskName], whole_pod: bool) {
        let at_task = |index: usize| if whole_pod { path.to_string() } else { path.index(index).to_string() };
        // A pod without tasks has a problem of its own already.
        if tasks.is_empty() && over.tasks_known && !whole_pod {
            self.error(
                Code::EmptyStep,
                path,
                "the step launches no task",
                "name a task, or leave the step out",
            );
        }
        let mut sets = BTreeMap::new();
        let mut prefixes = BTreeMap::new();
        let mut launched = BTreeSet::new();
        for (index, name) in tasks.iter().enumerate() {
            let Some(task) = over.pod.tasks.get(*name) else {
                if over.tasks_known {
                    let message = format!(
                        "the step refers to a task that does not exist: the pod `{}` has no task `{name}`",
                        over.pod_name
                    );
                    let problem = Diagnostic::error(Code::UnknownTask, at_task(index), message);
                    let all: Vec<&str> = over.pod.tasks.keys().map(AsRef::as_ref).collect();
                    let mut problem = problem.nearest(name.as_str(), all.iter().copied());
                    problem.help.get_or_insert_with(|| format!("the pod's tasks are: {}", all.join(", ")));
                    self.report(problem);
                }
                continue;
            };
            if !launched.insert(name) {
                let message = format!("the step launches `{name}` twice");
                self.report(Diagnostic::error(Code::EmptyStep, at_task(index), message).help("name it once"));
                continue;
            }
            let set = &task.resource_set;
            if let Some(other) = sets.insert(set, name) {
                let message = format!(
                    "the step would launch `{other}` and `{name}` together, and both use the resource set `{set}`"
                );
                let help = if whole_pod {
                    format!(
                        "launch them one after the other: `steps: [default: [[{other}], [{name}]]]` in a phase of a plan"
                    )
                } else {
                    format!(
                        "launch them one after the other, as `[{other}], [{name}]`, or give them resource sets of their own"
                    )
                };
                self.report(Diagnostic::error(Code::SharedResourceSet, at_task(index), message).help(help));
            }
            if let Some(discovery) = &task.discovery
                && let Some(other) = prefixes.insert(discovery.prefix.as_str(), name)
            {
                let message = format!(
                    "the step would launch `{other}` and `{name}` together, and both have the discovery prefix `{}`",
                    discovery.prefix
                );
                let help = "launch them one after the other, or give them prefixes of their own";
                self.report(Diagnostic::error(Code::SharedPrefix, at_task(index), message).help(help));
            }
        }
    }

    fn unknown_dependency<'a>(
        &mut self,
        path: &Path<'_>,
        what: &str,
        name: &str,
        all: impl Iterator<Item = &'a str>,
    ) {
        let problem =
            Diagnostic::error(Code::UnknownDependency, path, format!("there is no {what} `{name}`"));
        let mut problem = problem.nearest(name, all);
        problem.help.get_or_insert_with(|| format!("name a {what} that stands beside this one"));
        self.report(problem);
    }

    fn cycle(&mut self, path: &Path<'_>, what: &str, members: &[&str]) {
        let message = match members {
            [one] => format!("the {what} `{one}` depends on itself"),
            many => format!("these {what}s depend on each other in a cycle: `{}`", many.join("`, `")),
        };
        self.error(Code::Cycle, path, message, "leave out one of their `depends-on`");
    }
}
