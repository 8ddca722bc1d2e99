//! Layouts: a plan laid out over the instances of its pods, with its steps and what each of them waits for.
//!
//! Invariant: a layout never changes. Steps of one instance stand next to each other, in their order. How far a run is
//! stands in [`super::progress`].

use std::fmt;
use std::sync::Arc;

use crate::spec::cycles::cycles;
use crate::spec::{
    Gate, Gates, Goal, Instances, MaxUnavailable, PhaseName, PhaseSpec, PhaseStrategy, PlanName, PlanSpec,
    PlanStrategy, Seconds, Sequence, StepName, Steps, TaskName,
};

use super::model::{Model, ModelError, PodModel};

/// A plan, laid out.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct PlanLayout {
    /// The name.
    pub name: PlanName,
    /// The order of the phases.
    pub strategy: PlanStrategy,
    /// The phases, as declared.
    pub phases: Vec<PhaseLayout>,
    /// How many members the pods of the plan have together.
    pub members: u32,
    /// How many of these members may be down at the same time, as declared.
    pub max_unavailable: Option<MaxUnavailable>,
    /// For each phase, the phases that it waits for. Empty unless the sequence is [`Sequence::ByDependency`].
    pub needs: Vec<Vec<u32>>,
    /// For each phase, the phases that wait for it.
    pub feeds: Vec<Vec<u32>>,
    /// For each pod, the phases over the pod.
    pub of_pod: Vec<Vec<u32>>,
}

/// A phase, laid out.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct PhaseLayout {
    /// The name.
    pub name: PhaseName,
    /// The strategy, as declared.
    pub strategy: PhaseStrategy,
    /// The position of the pod in the specification.
    pub pod: u32,
    /// How many members the pod has.
    pub members: u32,
    /// How many of these members may be down at the same time, as declared.
    pub max_unavailable: Option<MaxUnavailable>,
    /// The steps.
    pub steps: Vec<StepAt>,
    /// The groups of steps, as declared.
    pub groups: Vec<Group>,
    /// For each instance, the position of its first step. The last item is the number of steps.
    first: Vec<u32>,
}

/// A step of a phase: its instance, and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepAt {
    /// The instance's index.
    pub instance: u32,
    /// The position of the group.
    pub group: u32,
}

/// A group: steps that are declared once, for one instance or for all.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Group {
    /// The name, if the steps have one.
    pub name: Option<StepName>,
    /// Whether the group is for a single instance.
    pub single: bool,
    /// The tasks that a step launches together, by their positions in the pod.
    pub tasks: Arc<[u32]>,
    /// The groups whose step of the same instance comes before the step.
    pub own_needs: Vec<u32>,
    /// The groups whose step of the same instance comes after the step.
    pub own_feeds: Vec<u32>,
    /// The groups all of whose steps come before the step.
    pub whole_needs: Vec<u32>,
    /// The groups that come after all steps of this one.
    pub whole_feeds: Vec<u32>,
    /// How many steps the group has.
    pub len: u32,
    /// The gates that are asked right before a step of the group acts: those of the phase, and those of the step
    /// itself.
    pub before: Arc<[GateLayout]>,
}

/// A gate of a step, laid out.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GateLayout {
    /// Whether the gate is the phase's or the step's.
    pub of: GateOf,
    /// The shell command.
    pub cmd: Arc<str>,
    /// The tasks beside which the command may be run, by their positions in the pod. The first of them that runs is
    /// taken.
    pub beside: Arc<[u32]>,
    /// How long the command may run. A command that takes longer is inconclusive.
    pub timeout: Seconds,
    /// How long an answer that allows the act is valid.
    pub max_age: Seconds,
}

/// What declares a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateOf {
    /// The phase, for all its steps.
    Phase,
    /// The step.
    Step,
}

impl PhaseLayout {
    /// The positions of an instance's steps; empty if the phase has no steps of the instance.
    pub fn steps_of(&self, instance: u32) -> std::ops::Range<u32> {
        let at = instance as usize;
        match (self.first.get(at), self.first.get(at + 1)) {
            (Some(&from), Some(&to)) => from..to,
            _ => 0..0,
        }
    }

    /// The step of an instance in a group.
    pub fn step_in_group(&self, instance: u32, group: u32) -> Option<u32> {
        self.steps_of(instance).find(|&step| self.steps[step as usize].group == group)
    }

    /// The tasks that a step launches, by their positions in the pod.
    pub fn tasks(&self, step: u32) -> &Arc<[u32]> {
        &self.groups[self.steps[step as usize].group as usize].tasks
    }

    /// The name of a step, as `kafka-0:[broker, agent]` (SDK rule R52).
    pub fn step_name(&self, model: &Model, step: u32) -> String {
        let instance = model.instance_name(self.pod, self.steps[step as usize].instance);
        step_name(&instance, self.task_names(model, step))
    }

    /// The names of the tasks that a step launches.
    pub fn task_names<'a>(&'a self, model: &'a Model, step: u32) -> impl Iterator<Item = &'a TaskName> {
        let pod = &model.pods()[self.pod as usize];
        self.tasks(step).iter().map(|&task| &pod.tasks[task as usize].name)
    }

    /// The gates that are asked right before a step acts.
    pub fn gates_before(&self, step: u32) -> &Arc<[GateLayout]> {
        &self.groups[self.steps[step as usize].group as usize].before
    }

    /// Whether any step of the phase has a gate.
    pub fn has_gates(&self) -> bool {
        self.groups.iter().any(|group| !group.before.is_empty())
    }

    /// How many members of the phase's pod may be down at the same time; `None` if the file does not say.
    pub fn most_down(&self) -> Option<u32> {
        self.max_unavailable.map(|most| most.of(self.members))
    }

    /// Whether the phase's steps go one after the other.
    pub fn is_serial(&self) -> bool {
        self.strategy.sequence() == Sequence::OneByOne
    }

    /// Whether the first steps wait for an operator.
    pub fn is_canary(&self) -> bool {
        self.strategy.canaries() > 0
    }
}

impl PlanLayout {
    /// Whether the plan's phases go one after the other.
    pub fn is_serial(&self) -> bool {
        self.strategy.sequence() == Sequence::OneByOne
    }

    /// The phases over a pod, which is given by its position in the specification.
    pub fn phases_of(&self, pod: u32) -> &[u32] {
        self.of_pod.get(pod as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many members of the plan's pods may be down at the same time; `None` if the file does not say.
    pub fn most_down(&self) -> Option<u32> {
        self.max_unavailable.map(|most| most.of(self.members))
    }

    /// Whether the plan or one of its phases has `max-unavailable`.
    pub fn has_bounds(&self) -> bool {
        self.max_unavailable.is_some() || self.phases.iter().any(|phase| phase.max_unavailable.is_some())
    }

    /// The pods that the plan has phases over, by their positions in the specification.
    pub fn pods(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.of_pod).filter(|(_, phases)| !phases.is_empty()).map(|(pod, _)| pod)
    }

    /// How many steps the plan has.
    pub fn len(&self) -> usize {
        self.phases.iter().map(|phase| phase.steps.len()).sum()
    }

    /// Whether the plan has no step.
    pub fn is_empty(&self) -> bool {
        self.phases.iter().all(|phase| phase.steps.is_empty())
    }

    pub(super) fn new(name: &PlanName, spec: &PlanSpec, pods: &[PodModel]) -> Result<Self, ModelError> {
        let phases = spec
            .phases
            .iter()
            .map(|(phase, declared)| PhaseLayout::new(name, phase, declared, pods))
            .collect::<Result<Vec<_>, _>>()?;
        let mut needs = vec![Vec::new(); phases.len()];
        let mut feeds = vec![Vec::new(); phases.len()];
        let mut edges = vec![Vec::new(); phases.len()];
        for (phase, declared) in spec.phases.values().enumerate() {
            for dependency in &declared.depends_on {
                let before = spec.phases.get_index_of(dependency).ok_or_else(|| {
                    ModelError::UnknownPhase { plan: name.clone(), phase: dependency.clone() }
                })?;
                if !needs[phase].contains(&index(before)) {
                    needs[phase].push(index(before));
                    feeds[before].push(index(phase));
                    edges[before].push(phase);
                }
            }
        }
        refuse_cycle(&edges, |i| phases[i].name.to_string(), || format!("plan `{name}`"))?;
        let mut of_pod = vec![Vec::new(); pods.len()];
        for (at, phase) in phases.iter().enumerate() {
            of_pod[phase.pod as usize].push(index(at));
        }
        let members = pods.iter().zip(&of_pod).filter(|(_, phases)| !phases.is_empty());
        let members = members.fold(0_u32, |all, (pod, _)| all.saturating_add(pod.count));
        Ok(Self {
            name: name.clone(),
            strategy: spec.strategy,
            phases,
            members,
            max_unavailable: spec.max_unavailable,
            needs,
            feeds,
            of_pod,
        })
    }
}

impl PhaseLayout {
    fn new(
        plan: &PlanName,
        name: &PhaseName,
        spec: &PhaseSpec,
        pods: &[PodModel],
    ) -> Result<Self, ModelError> {
        let unknown_pod = || ModelError::UnknownPod { phase: name.clone(), pod: spec.pod.clone() };
        let at = pods.iter().position(|pod| pod.name == spec.pod).ok_or_else(unknown_pod)?;
        let pod = &pods[at];
        let mut builder =
            Builder { phase: name, pod, gates: &spec.gates, groups: Vec::new(), of_instance: Vec::new() };
        match &spec.steps {
            Steps::AllTasks => {
                let tasks = (0..index(pod.tasks.len())).collect();
                let group = builder.group(None, false, tasks, &Gates::default())?;
                builder.of_instance = vec![vec![group]; pod.count as usize];
            }
            Steps::Lists(entries) => builder.lists(entries, spec.strategy)?,
            Steps::Named(steps) => builder.named(steps, plan)?,
        }
        let Builder { mut groups, of_instance, .. } = builder;
        let mut steps = Vec::with_capacity(of_instance.iter().map(Vec::len).sum());
        let mut first = Vec::with_capacity(of_instance.len() + 1);
        for (instance, of) in of_instance.iter().enumerate() {
            first.push(index(steps.len()));
            for &group in of {
                groups[group as usize].len += 1;
                steps.push(StepAt { instance: index(instance), group });
            }
        }
        first.push(index(steps.len()));
        Ok(Self {
            name: name.clone(),
            strategy: spec.strategy,
            pod: index(at),
            members: pod.count,
            max_unavailable: spec.max_unavailable,
            steps,
            groups,
            first,
        })
    }
}

struct Builder<'a> {
    phase: &'a PhaseName,
    pod: &'a PodModel,
    /// The gates of the phase.
    gates: &'a Gates,
    groups: Vec<Group>,
    /// For each instance, the groups of its steps, in order.
    of_instance: Vec<Vec<u32>>,
}

impl Builder<'_> {
    fn group(
        &mut self,
        name: Option<StepName>,
        single: bool,
        tasks: Arc<[u32]>,
        gates: &Gates,
    ) -> Result<u32, ModelError> {
        let of_phase = self.gates.before.as_ref().map(|gate| self.gate(GateOf::Phase, gate, &tasks));
        let of_step = gates.before.as_ref().map(|gate| self.gate(GateOf::Step, gate, &tasks));
        let before = of_phase.into_iter().chain(of_step).collect::<Result<_, _>>()?;
        self.groups.push(Group {
            name,
            single,
            tasks,
            own_needs: Vec::new(),
            own_feeds: Vec::new(),
            whole_needs: Vec::new(),
            whole_feeds: Vec::new(),
            len: 0,
            before,
        });
        Ok(index(self.groups.len() - 1))
    }

    /// Lays out a gate of steps that launch these tasks.
    fn gate(&self, of: GateOf, gate: &Gate, tasks: &Arc<[u32]>) -> Result<GateLayout, ModelError> {
        let Gate { cmd, task, timeout, max_age } = gate;
        let beside = match task {
            Some(task) => self.tasks(std::slice::from_ref(task))?,
            None => {
                let runs = |task: &u32| self.pod.tasks[*task as usize].goal == Goal::Running;
                tasks.iter().copied().filter(runs).collect()
            }
        };
        Ok(GateLayout { of, cmd: cmd.as_str().into(), beside, timeout: *timeout, max_age: *max_age })
    }

    fn tasks(&self, names: &[TaskName]) -> Result<Arc<[u32]>, ModelError> {
        names
            .iter()
            .map(|task| {
                let at = self.pod.tasks.iter().position(|known| known.name == *task);
                at.map(index).ok_or_else(|| ModelError::UnknownTask {
                    phase: self.phase.clone(),
                    pod: self.pod.name.clone(),
                    task: task.clone(),
                })
            })
            .collect()
    }

    /// Lays out lists, as `- 0: [[a], [b]]` and `- default: [[c]]`: each instance has the lists of its entry, or those
    /// of the default.
    fn lists(
        &mut self,
        entries: &[crate::spec::StepLists],
        strategy: PhaseStrategy,
    ) -> Result<(), ModelError> {
        let mut made: Vec<Vec<u32>> = Vec::new();
        for entry in entries {
            let mut groups: Vec<u32> = Vec::new();
            for tasks in &entry.steps {
                let tasks = self.tasks(tasks)?;
                let group =
                    self.group(None, entry.instance != Instances::Default, tasks, &Gates::default())?;
                // The steps of one instance keep their order, also if instances go at once (SDK rule R57).
                let chained = strategy.sequence() == Sequence::AtOnce;
                if let (true, Some(&before)) = (chained, groups.last()) {
                    self.groups[group as usize].own_needs.push(before);
                    self.groups[before as usize].own_feeds.push(group);
                }
                groups.push(group);
            }
            made.push(groups);
        }
        let default = entries.iter().position(|entry| entry.instance == Instances::Default);
        self.of_instance = (0..self.pod.count)
            .map(|instance| {
                let own = entries.iter().position(|entry| entry.instance == Instances::Index(instance));
                let entry = own
                    .or(default)
                    .ok_or_else(|| ModelError::MissingEntry { phase: self.phase.clone(), instance })?;
                Ok(made[entry].clone())
            })
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Lays out named steps. If a step for all instances depends on another step for all instances, each waits for the
    /// one of its own instance. Every other dependency is on all steps of the name.
    fn named(&mut self, steps: &[crate::spec::NamedStep], plan: &PlanName) -> Result<(), ModelError> {
        self.of_instance = vec![Vec::new(); self.pod.count as usize];
        for step in steps {
            let tasks = self.tasks(&step.tasks)?;
            let single = step.instance != Instances::Default;
            let group = self.group(Some(step.name.clone()), single, tasks, &step.gates)?;
            match step.instance {
                Instances::Default => self.of_instance.iter_mut().for_each(|of| of.push(group)),
                Instances::Index(instance) => {
                    let missing = || ModelError::NoInstance { phase: self.phase.clone(), instance };
                    self.of_instance.get_mut(instance as usize).ok_or_else(missing)?.push(group);
                }
            }
        }
        let mut edges = vec![Vec::new(); steps.len()];
        for (after, step) in steps.iter().enumerate() {
            for dependency in &step.depends_on {
                let before = steps.iter().position(|other| other.name == *dependency).ok_or_else(|| {
                    ModelError::UnknownStep { phase: self.phase.clone(), step: dependency.clone() }
                })?;
                edges[before].push(after);
                let own = !self.groups[before].single && !self.groups[after].single;
                let (needs, feeds) = if own {
                    (&mut self.groups[after].own_needs, index(before))
                } else {
                    (&mut self.groups[after].whole_needs, index(before))
                };
                if !needs.contains(&feeds) {
                    needs.push(feeds);
                    let before = &mut self.groups[before];
                    if own { &mut before.own_feeds } else { &mut before.whole_feeds }.push(index(after));
                }
            }
        }
        refuse_cycle(
            &edges,
            |i| steps[i].name.to_string(),
            || format!("phase `{}` of plan `{plan}`", self.phase),
        )
    }
}

/// The name of a step or order with these tasks of an instance or of a pod, as `kafka-0:[broker, agent]` (SDK rule
/// R52).
pub fn step_name<'a>(of: &impl fmt::Display, tasks: impl IntoIterator<Item = &'a TaskName>) -> String {
    let mut name = format!("{of}:[");
    for (nth, task) in tasks.into_iter().enumerate() {
        name.push_str(if nth == 0 { "" } else { ", " });
        name.push_str(task.as_str());
    }
    name.push(']');
    name
}

/// Refuses a graph with a cycle, with all members of the first one, in declared order.
fn refuse_cycle(
    edges: &[Vec<usize>],
    name: impl Fn(usize) -> String,
    place: impl FnOnce() -> String,
) -> Result<(), ModelError> {
    match cycles(edges).into_iter().next() {
        None => Ok(()),
        Some(members) => {
            let members = members.into_iter().map(name).collect();
            Err(ModelError::Cycle { place: place(), members })
        }
    }
}

/// A position as 32 bits, which is enough: a plan of 2^32 steps would not fit into memory.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spec::{Files, ReadOptions, Source, read};

    fn layout(plan: &str) -> Arc<PlanLayout> {
        let text = format!(
            "name: x\npods:\n  a: {{count: 3, tasks: {{init: {{goal: ONCE, cmd: x, cpus: 1}}, \
             main: {{goal: RUNNING, cmd: x, cpus: 1}}, side: {{goal: RUNNING, cmd: x, cpus: 1}}}}}}\n  \
             b: {{count: 5, tasks: {{main: {{goal: RUNNING, cmd: x, cpus: 1}}}}}}\n  \
             c: {{count: 7, tasks: {{main: {{goal: RUNNING, cmd: x, cpus: 1}}}}}}\nplans:\n  deploy:\n{plan}"
        );
        let env = BTreeMap::new();
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
        let reading = read(Source { file: "svc.yml", text: &text }, &options);
        let spec = reading.spec.unwrap_or_else(|| panic!("{:#?}", reading.diagnostics));
        Model::new(spec).unwrap().plans()["deploy"].clone()
    }

    #[test]
    fn budgets_count_the_members_of_a_phase_or_of_all_its_pods_once() {
        let plan = layout(
            "    max-unavailable: 50%\n    phases:\n      a: {pod: a, max-unavailable: 34%}\n      \
             b: {pod: b}\n      again: {pod: b, max-unavailable: 2}\n",
        );
        assert_eq!((plan.members, plan.most_down()), (8, Some(4)));
        let phases: Vec<_> = plan.phases.iter().map(|phase| (phase.members, phase.most_down())).collect();
        assert_eq!(phases, [(3, Some(1)), (5, None), (5, Some(2))]);
        assert_eq!(layout("    phases: {a: {pod: a}}\n").most_down(), None);
    }

    #[test]
    fn a_step_has_the_gates_of_its_phase_and_its_own() {
        let plan = layout(
            "    phases:\n      \
             whole: {pod: a, gates: {before: {cmd: w}}}\n      \
             lists: {pod: a, gates: {before: {cmd: l, task: side}}, steps: [default: [[init], [main]]]}\n      \
             named:\n        pod: a\n        strategy: dependency\n        gates: {before: {cmd: n, max-age: 20}}\n        \
             steps:\n        - {name: one, instance: 0, tasks: [init], gates: {before: {cmd: s, task: main}}}\n        \
             - {name: two, instance: default, tasks: [side, main]}\n      \
             none: {pod: a}\n",
        );
        let gates = |phase: usize, step: u32| -> Vec<(GateOf, String, Vec<u32>, u32)> {
            let gates = plan.phases[phase].gates_before(step).iter();
            gates.map(|one| (one.of, one.cmd.to_string(), one.beside.to_vec(), one.max_age.0)).collect()
        };
        let gate = |of, cmd: &str, beside: &[u32], age| (of, cmd.to_owned(), beside.to_vec(), age);
        assert_eq!(gates(0, 2), [gate(GateOf::Phase, "w", &[1, 2], 60)]);
        assert_eq!(gates(1, 0), [gate(GateOf::Phase, "l", &[2], 60)]);
        assert_eq!(gates(1, 1), gates(1, 0));
        // A step without RUNNING tasks can only ask beside a task that the gate names.
        assert_eq!(gates(2, 0), [gate(GateOf::Phase, "n", &[], 20), gate(GateOf::Step, "s", &[1], 60)]);
        assert_eq!(gates(2, 1), [gate(GateOf::Phase, "n", &[2, 1], 20)]);
        let has: Vec<_> = plan.phases.iter().map(PhaseLayout::has_gates).collect();
        assert_eq!(has, [true, true, true, false]);
    }
}
