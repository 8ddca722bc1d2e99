//! Remedies: what clears a reason, or what an operator can do after a refusal.
//!
//! Invariant: a remedy is a value. Its text here is plain words. A program that has commands shows [`Remedy::Say`] as a
//! command.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::{PhaseName, TaskName};

use super::ask::Ruling;
use super::input::{Part, Verb};
use super::reason::{Reason, StepPath, Why};
use super::record::Parameters;
use super::reply::Refusal;

/// Something that clears a reason. If a reason has several remedies, each of them clears it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remedy {
    /// An operator gives this verb.
    Say(Verb),
    /// The service gets another specification.
    Specification,
    /// The service gets a specification with a higher `max-unavailable`.
    HigherBudget,
    /// Time passes.
    Time,
    /// There is room for the order.
    Room,
    /// There is room for the instance's other order.
    RoomForOther,
    /// The phase is complete.
    Phase(PhaseName),
    /// The step is complete.
    Step(String),
    /// The step of the task may act.
    ItsStep,
    /// The task ends.
    End(TaskName),
    /// The step or recovery that wants the task ends.
    EndOfWish(TaskName),
    /// The task becomes ready, or finishes.
    Goal(TaskName),
    /// The backend answers.
    Answer,
    /// The backend reports the task.
    Word(TaskName),
    /// The node is heard of again.
    NodeHeard,
    /// The replacement failure policy moves the instance.
    ReplacementPolicy,
    /// Another member is up again, or is replaced.
    MemberUp,
    /// The gate's command allows the step.
    GateAllows,
    /// The tasks of the debt end.
    EndOfDebt,
    /// The debts of other instances are settled.
    OthersSettled,
    /// The other instances have moved.
    OthersGone,
    /// Another node becomes available.
    AnotherNode,
}

impl Remedy {
    /// Several remedies as one phrase, each worded by `word`: `time, or another specification`.
    pub fn any_of(remedies: &[Self], word: impl Fn(&Self) -> String) -> String {
        let mut words: Vec<String> = remedies.iter().map(word).collect();
        match (words.pop(), &words[..]) {
            (None, _) => "nothing".to_owned(),
            (Some(last), []) => last,
            (Some(last), [first]) => format!("{first}, or {last}"),
            (Some(last), before) => format!("{}, or {last}", before.join(", ")),
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(verb) => saying(f, verb),
            Self::Specification => f.write_str("another specification"),
            Self::HigherBudget => f.write_str("a higher `max-unavailable`"),
            Self::Time => f.write_str("time"),
            Self::Room => f.write_str("room"),
            Self::RoomForOther => f.write_str("room for the other order"),
            Self::Phase(phase) => write!(f, "phase `{phase}` being complete"),
            Self::Step(step) => write!(f, "step `{step}` being complete"),
            Self::ItsStep => f.write_str("its step being allowed to act"),
            Self::End(task) => write!(f, "the end of `{task}`"),
            Self::EndOfWish(task) => write!(f, "the end of the step or recovery that wants `{task}`"),
            Self::Goal(task) => write!(f, "`{task}` being ready, or having finished"),
            Self::Answer => f.write_str("the backend's answer"),
            Self::Word(task) => write!(f, "the backend's report on `{task}`"),
            Self::NodeHeard => f.write_str("its node being heard of"),
            Self::ReplacementPolicy => f.write_str("the replacement failure policy"),
            Self::MemberUp => f.write_str("one of them being up again or replaced"),
            Self::GateAllows => f.write_str("its command allowing it"),
            Self::EndOfDebt => f.write_str("the debt being settled"),
            Self::OthersSettled => f.write_str("the debts of other instances being settled"),
            Self::OthersGone => f.write_str("the other instances having moved"),
            Self::AnotherNode => f.write_str("another node"),
        }
    }
}

impl Why {
    /// What clears the reason: each of these does. If the list is empty, nothing does.
    pub fn remedies(&self) -> Vec<Remedy> {
        let instance = || self.instance.clone();
        let of_step = |verb: fn(&StepPath) -> Verb| self.step.as_ref().map(verb).map(Remedy::Say);
        let continue_plan = |of: &StepPath| Verb::Continue { plan: of.plan.clone(), phase: None };
        let continue_phase =
            |of: &StepPath| Verb::Continue { plan: of.plan.clone(), phase: Some(of.phase.clone()) };
        let restart = |of: &StepPath| Verb::Restart { plan: of.plan.clone(), part: part_of(of) };
        let force = |of: &StepPath| Verb::ForceComplete { plan: of.plan.clone(), part: part_of(of) };
        let restart_task =
            |task: &TaskName| Verb::RestartPod { instance: instance(), tasks: vec![task.clone()] };
        let replace = || Remedy::Say(Verb::ReplacePod { instance: instance() });
        match &self.reason {
            Reason::PlanInterrupted => Vec::from_iter(of_step(continue_plan)),
            Reason::PhaseInterrupted | Reason::Canary(_) => Vec::from_iter(of_step(continue_phase)),
            Reason::PhaseFirst(phase) => vec![Remedy::Phase(phase.clone())],
            Reason::StepFirst(step) => vec![Remedy::Step(step.clone())],
            Reason::NotSeen => vec![Remedy::Answer],
            Reason::PlaceAsked => vec![Remedy::RoomForOther],
            Reason::SlotBusy { task } => vec![Remedy::EndOfWish(task.clone())],
            Reason::Backoff { task, .. } => {
                vec![Remedy::Time, Remedy::Say(restart_task(task)), Remedy::Specification]
            }
            Reason::Never { task, .. } => {
                let again = of_step(restart).unwrap_or_else(|| Remedy::Say(restart_task(task)));
                vec![again, Remedy::Specification]
            }
            Reason::NoRoom(_) | Reason::AskedForRoom => vec![Remedy::Room, Remedy::Specification],
            Reason::Displacing(task) => vec![Remedy::End(task.clone())],
            Reason::Launching(task) => vec![Remedy::Word(task.clone())],
            Reason::NotThereYet(task) => vec![Remedy::Goal(task.clone())],
            Reason::Silent { .. } => vec![Remedy::NodeHeard, Remedy::ReplacementPolicy, replace()],
            Reason::WaitsForItsStep(_) => vec![Remedy::ItsStep],
            Reason::Paused(task) => {
                vec![Remedy::Say(Verb::ResumePod { instance: instance(), tasks: vec![task.clone()] })]
            }
            Reason::Owes { debt, .. } => vec![Remedy::EndOfDebt, Remedy::Say(Verb::GiveUp { debt: *debt })],
            Reason::Leaves => vec![Remedy::OthersSettled],
            Reason::ReplacedLately { .. } => vec![Remedy::OthersGone, Remedy::Time, replace()],
            Reason::Placement(_) => vec![Remedy::AnotherNode],
            Reason::Budget { .. } => {
                let own = [Remedy::MemberUp, Remedy::HigherBudget];
                own.into_iter().chain(of_step(force)).collect()
            }
            Reason::Gate { ruling: Some(Ruling::Deny), .. } => {
                let said = [of_step(restart), of_step(force), of_step(continue_phase)];
                said.into_iter().flatten().chain([Remedy::Specification]).collect()
            }
            Reason::Gate { .. } => [Remedy::GateAllows].into_iter().chain(of_step(force)).collect(),
            Reason::Superseded | Reason::NotWanted => Vec::new(),
        }
    }
}

impl Refusal {
    /// What an operator can do so that the request is not refused again: each of these is enough. The list is empty if
    /// the refusal itself says what to do, or if nothing helps.
    pub fn remedies(&self) -> Vec<Remedy> {
        let verbs = match self {
            Self::Running(plan) => {
                vec![Verb::Continue { plan: plan.clone(), phase: None }, Verb::Stop { plan: plan.clone() }]
            }
            Self::NeverRun(plan) => {
                vec![Verb::Start { plan: plan.clone(), parameters: Parameters::default() }]
            }
            Self::Paused { instance, task } => {
                vec![Verb::ResumePod { instance: instance.clone(), tasks: vec![task.clone()] }]
            }
            _ => Vec::new(),
        };
        verbs.into_iter().map(Remedy::Say).collect()
    }
}

fn part_of(step: &StepPath) -> Part {
    Part::Step(step.phase.clone(), step.step.clone())
}

/// A verb in plain words.
fn saying(f: &mut fmt::Formatter<'_>, verb: &Verb) -> fmt::Result {
    let of_pod =
        |f: &mut fmt::Formatter<'_>, doing: &str, instance: &dyn fmt::Display, tasks: &[TaskName]| {
            write!(f, "{doing} ")?;
            if !tasks.is_empty() {
                let tasks: Vec<_> = tasks.iter().map(|task| format!("`{task}`")).collect();
                write!(f, "{} of ", tasks.join(", "))?;
            }
            write!(f, "`{instance}`")
        };
    let of_plan = |f: &mut fmt::Formatter<'_>, doing: &str, plan: &dyn fmt::Display, part: &Part| match part {
        Part::Plan => write!(f, "{doing} plan `{plan}`"),
        Part::Phase(phase) => write!(f, "{doing} phase `{phase}` of plan `{plan}`"),
        Part::Step(_, step) => write!(f, "{doing} step `{step}`"),
    };
    let part = |phase: &Option<PhaseName>| phase.clone().map_or(Part::Plan, Part::Phase);
    match verb {
        Verb::Start { plan, .. } => of_plan(f, "starting", plan, &Part::Plan),
        Verb::Stop { plan } => of_plan(f, "stopping", plan, &Part::Plan),
        Verb::Interrupt { plan, phase } => of_plan(f, "interrupting", plan, &part(phase)),
        Verb::Continue { plan, phase } => of_plan(f, "continuing", plan, &part(phase)),
        Verb::ForceComplete { plan, part } => of_plan(f, "forcing", plan, part),
        Verb::Restart { plan, part } => of_plan(f, "restarting", plan, part),
        Verb::RestartPod { instance, tasks } => of_pod(f, "restarting", instance, tasks),
        Verb::ReplacePod { instance } => of_pod(f, "replacing", instance, &[]),
        Verb::PausePod { instance, tasks } => of_pod(f, "pausing", instance, tasks),
        Verb::ResumePod { instance, tasks } => of_pod(f, "resuming", instance, tasks),
        Verb::GiveUp { debt } => write!(f, "giving debt {debt} up"),
        Verb::Uninstall => f.write_str("uninstalling the service"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_remedies_are_one_phrase() {
        let told = |remedies: &[Remedy]| Remedy::any_of(remedies, ToString::to_string);
        assert_eq!(told(&[]), "nothing");
        assert_eq!(told(&[Remedy::Time]), "time");
        assert_eq!(told(&[Remedy::Room, Remedy::Specification]), "room, or another specification");
        let pod =
            Verb::RestartPod { instance: "kafka-0".parse().unwrap(), tasks: vec!["broker".parse().unwrap()] };
        let all = [Remedy::Time, Remedy::Say(pod), Remedy::Specification];
        assert_eq!(told(&all), "time, restarting `broker` of `kafka-0`, or another specification");
    }
}
