//! `simulate`: runs a plan in the simulator, and shows it as a tree and as a history of each instance.
//!
//! Invariant: the output follows from the report alone. Nothing here judges whether a run was good.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use backend_sim::{Choices, Report, Scenario, Shape, SimulationOutcome, TraceEvent, Violation, What};
use plan_core::engine::{End, PlanView, Reason, Reply, Ruling, Story, Time};
use plan_core::plan::{Model, Status};
use plan_core::spec::{InstanceName, PlanName};
use serde::Serialize;

use super::crashes;
use crate::Verdict;
use crate::arguments::Simulate;
use crate::input;
use crate::problem::Problem;
use crate::ui::Ui;

/// If there are more instances than this, only those with a special event are shown.
const FEW: usize = 30;

pub(crate) fn simulate(ui: &mut Ui, arguments: &Simulate) -> io::Result<Verdict> {
    let (file, loaded) = super::load_with(&arguments.file, &arguments.reading, &arguments.then);
    let (models, scenario, mut diagnostics) = match loaded {
        Err(problems) => (Vec::new(), None, problems),
        Ok((models, mut problems)) => {
            let scenario = scenario(&models, arguments, &file).map_err(|more| problems.extend(more)).ok();
            (models, scenario, problems)
        }
    };
    if arguments.crash_points {
        return crashes::try_all(ui, arguments, scenario.as_ref(), diagnostics);
    }
    let report = scenario.and_then(|scenario| {
        let ran = backend_sim::run(&scenario);
        ran.map_err(|error| diagnostics.push(Problem::error(error.to_string()))).ok()
    });
    if let (Some(report), Some(file)) = (&report, &arguments.trace)
        && let Err(error) = write_trace(ui, file, &report.trace)
    {
        diagnostics.push(Problem::error(format!("cannot write `{}`: {error}", file.display())));
    }
    let told = diagnostics.iter().any(Problem::is_error) || report.as_ref().is_some_and(is_target_refused);
    if ui.is_json() {
        let result = report.as_ref().map(|report| Simulated::new(&models, report, arguments));
        let good = !told && result.as_ref().is_some_and(|result| result.outcome == "complete");
        ui.json(&super::Outcome { good, result, diagnostics })?;
    } else {
        diagnostics.iter().for_each(|problem| ui.problem(problem));
        if let Some(report) = &report {
            ui.say(story(&models, report, arguments))?;
        }
    }
    let complete = report.is_some_and(|report| report.outcome.is_complete());
    Ok(if complete && !told { Verdict::Good } else { Verdict::Refused })
}

/// Whether a target of `--then` was refused: the run was complete without what was asked for.
fn is_target_refused(report: &Report) -> bool {
    let refused =
        |(verb, reply): &(String, Reply)| verb.starts_with("target ") && matches!(reply, Reply::Refused(_));
    report.replies.iter().any(refused)
}

/// The scenario of the command line, for the first target and the later ones.
fn scenario(models: &[Arc<Model>], arguments: &Simulate, file: &str) -> Result<Scenario, Vec<Problem>> {
    let Some((model, then)) = models.split_first() else { return Err(Vec::new()) };
    let plan = input::plan(model, arguments.plan.as_deref().unwrap_or(PlanName::DEPLOY), file)?.name.clone();
    let mut scenario = Scenario::new(model.clone());
    scenario.then = then.to_vec();
    scenario.record = false;
    scenario.choices = arguments.seed.map_or(Choices::Benign, Choices::Seed);
    scenario.shape =
        Shape { nodes: arguments.nodes, zones: arguments.zones.unwrap_or(0), ..Shape::default() };
    scenario.faults.clone_from(&arguments.fault);
    scenario.verbs = arguments.acts.iter().map(|act| (act.at, act.verb(&plan))).collect();
    scenario.release_canaries = arguments.release_canaries;
    scenario.heal = arguments.heal;
    scenario.checks.end = arguments.same_end;
    if plan.as_str() != PlanName::DEPLOY {
        scenario.plan = Some((plan, arguments.parameter.iter().cloned().collect()));
    } else if !arguments.parameter.is_empty() {
        let problem =
            Problem::error(format!("`{}` runs by itself, and takes no parameters", PlanName::DEPLOY));
        return Err(vec![problem.help("name a plan of your own with `--plan`, or leave `-p` out")]);
    }
    if let Some(until) = arguments.until {
        scenario.until = until;
    }
    Ok(scenario)
}

fn write_trace(ui: &mut Ui, file: &Path, trace: &[TraceEvent]) -> io::Result<()> {
    if input::is_standard_input(file) {
        return trace.iter().try_for_each(|event| ui.say(event.to_json()));
    }
    let mut to = BufWriter::new(File::create(file)?);
    for event in trace {
        writeln!(to, "{}", event.to_json())?;
    }
    to.flush()
}

/// The result for people.
fn story(models: &[Arc<Model>], report: &Report, arguments: &Simulate) -> String {
    let mut text: Vec<String> = Vec::new();
    for plan in shown_plans(report, arguments) {
        text.push(plan.to_string());
        text.push(String::new());
    }
    let came_to = match &report.outcome {
        SimulationOutcome::Complete if is_target_refused(report) => {
            "complete, without the target that is refused,"
        }
        SimulationOutcome::Complete => "complete",
        SimulationOutcome::Violation(_) => "broken off",
        _ => "not complete",
    };
    let time = report.completed_at.filter(|_| report.outcome.is_complete()).unwrap_or(report.time);
    text.push(format!("{came_to} at {} of virtual time", Time::from_micros(time)));
    let general = general(report);
    if !general.is_empty() {
        text.push(String::new());
        text.extend(general.iter().map(ToString::to_string));
    }
    let mut uneventful = 0;
    let told = instances(models, report);
    let many = told.len() > FEW;
    for one in told {
        if many && one.waits.is_empty() && one.history.iter().all(|event| is_smooth(&event.what)) {
            uneventful += 1;
            continue;
        }
        text.push(String::new());
        text.push(one.name.to_string());
        text.extend(
            one.history.iter().map(|event| format!("  {}  {}", Time::from_micros(event.time), event.what)),
        );
        text.extend(one.waits.iter().map(|wait| format!("  waits: {}", wait.replace('\n', "\n    "))));
    }
    if uneventful > 0 {
        text.push(String::new());
        text.push(format!("{uneventful} more instances were launched and reached their goals"));
    }
    if arguments.why {
        text.push(String::new());
        text.extend(whys(models, report).into_iter().map(|(name, why)| format!("{name}  {why}")));
    }
    if let Some(violation) = report.outcome.violation() {
        text.push(String::new());
        text.push(violation.to_string());
        text.push(match arguments.seed {
            Some(seed) => format!("help: the same command, with `--seed {seed}`, does it again"),
            None => "help: the same command, without a seed, does it again".to_owned(),
        });
    }
    text.join("\n")
}

/// What each instance does or waits for.
fn whys(models: &[Arc<Model>], report: &Report) -> Vec<(InstanceName, String)> {
    let mut told = Vec::new();
    if let Some(model) = models.last() {
        for (nth, pod) in (0..).zip(model.pods()) {
            for name in (0..pod.count).map(|index| model.instance_name(nth, index)) {
                let before = told.len();
                let whys = report.whys.iter().filter(|why| why.instance == name);
                told.extend(whys.map(|why| (name.clone(), why.to_string())));
                if told.len() == before {
                    told.push((name, "waits for nothing".to_owned()));
                }
            }
        }
    }
    let others = report.whys.iter().filter(|why| !told.iter().any(|(name, _)| *name == why.instance));
    let others: Vec<_> = others.map(|why| (why.instance.clone(), why.to_string())).collect();
    told.extend(others);
    told
}

/// The trees: of the plan that was asked for, of the last plan that changed the service, and of other plans that are
/// not complete.
fn shown_plans<'a>(report: &'a Report, arguments: &'a Simulate) -> impl Iterator<Item = &'a PlanView> {
    let asked = arguments.plan.as_deref().unwrap_or(PlanName::DEPLOY);
    let changed = report.plans.get(1).filter(|_| !arguments.then.is_empty()).map(|plan| plan.name.as_str());
    report.plans.iter().filter(move |plan| {
        plan.name == asked || Some(plan.name.as_str()) == changed || plan.status != Status::Complete
    })
}

/// The history of an instance.
#[derive(Debug, Serialize)]
struct InstanceStory<'a> {
    name: &'a InstanceName,
    history: Vec<&'a TraceEvent>,
    waits: Vec<String>,
}

/// All instances with a history, in declared order.
fn instances<'a>(models: &[Arc<Model>], report: &'a Report) -> Vec<InstanceStory<'a>> {
    let mut told: BTreeMap<(usize, u32, u32), InstanceStory<'a>> = BTreeMap::new();
    let at = |name: &InstanceName| {
        let mut pods = models.iter().enumerate();
        let pod = pods.find_map(|(nth, model)| Some((nth, model.pod_index(&name.pod)?)));
        let (nth, pod) = pod.unwrap_or((usize::MAX, u32::MAX));
        (nth, pod, name.index)
    };
    let new = |name| InstanceStory { name, history: Vec::new(), waits: Vec::new() };
    for event in &report.trace {
        if let Some(name) = instance(&event.what) {
            told.entry(at(name)).or_insert_with(|| new(name)).history.push(event);
        }
    }
    if let SimulationOutcome::Incomplete { waits } = &report.outcome {
        for why in waits {
            let one = told.entry(at(&why.instance)).or_insert_with(|| new(&why.instance));
            if let Reason::NoRoom(why) = &why.reason {
                // The instance still waits for this, and the wait is shown there.
                one.history.retain(
                    |event| !matches!(&event.what, What::Engine(Story::NoRoom { why: then, .. }) if **then == **why),
                );
            }
            one.waits.push(why.to_string());
        }
    }
    told.into_values().collect()
}

/// The instance of an event, if the event is a part of the instance's short history.
fn instance(what: &What) -> Option<&InstanceName> {
    match what {
        What::Engine(
            Story::NoRoom { instance, .. }
            | Story::Launched { instance, .. }
            | Story::Displaced { instance, .. }
            | Story::Reached { instance, .. }
            | Story::EndSeen {
                instance,
                expected: false,
                end: End::Failed | End::Killed | End::Unhealthy | End::Lost | End::Gone,
                ..
            }
            | Story::SilenceSeen { instance, .. }
            | Story::Refused { instance, .. }
            | Story::Foreign { instance, .. }
            | Story::MayMove { instance, .. }
            | Story::Stays { instance }
            | Story::Moved { instance, .. }
            | Story::Owes { instance, .. }
            | Story::Settled { instance, .. },
        )
        | What::Again { instance, .. }
        | What::Gate { instance, .. }
        | What::Unanswered { instance, .. } => Some(instance),
        _ => None,
    }
}

/// Whether an event is a part of every instance's history.
fn is_smooth(what: &What) -> bool {
    matches!(
        what,
        What::Engine(Story::Launched { .. } | Story::Reached { .. } | Story::Displaced { .. })
            | What::Gate { ruling: Ruling::Allow, .. }
    )
}

/// The events outside of the instances' histories.
fn general(report: &Report) -> Vec<&TraceEvent> {
    report.trace.iter().filter(|event| is_general(&event.what)).collect()
}

fn is_general(what: &What) -> bool {
    match what {
        What::Engine(Story::RunBegan { plan, .. } | Story::RunEnded { plan, .. }) => {
            plan.as_str() != PlanName::DEPLOY
        }
        What::Verb { .. }
        | What::Idle { .. }
        | What::Fault { .. }
        | What::Silent { .. }
        | What::Back { .. }
        | What::Gone { .. }
        | What::Engine(Story::Uninstalled)
        | What::Second { .. }
        | What::Fenced { .. }
        | What::Healed
        | What::Crashed { .. }
        | What::Recovered { .. } => true,
        _ => false,
    }
}

/// The result for programs.
#[derive(Debug, Serialize)]
struct Simulated<'a> {
    plan: &'a str,
    outcome: &'static str,
    /// Virtual time of the last event, in microseconds.
    time: u64,
    /// Virtual time at which the plan was complete, in microseconds.
    completed_at: Option<u64>,
    seed: Option<u64>,
    plans: &'a [PlanView],
    instances: Vec<InstanceStory<'a>>,
    /// What operators did, and the events of nodes and the engine.
    events: Vec<&'a TraceEvent>,
    faults: Vec<String>,
    verbs: Vec<VerbResult<'a>>,
    /// What each instance does or waits for at the end, if that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    why: Vec<Waits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<&'a Violation>,
}

#[derive(Debug, Serialize)]
struct VerbResult<'a> {
    verb: &'a str,
    reply: String,
}

#[derive(Debug, Serialize)]
struct Waits {
    instance: InstanceName,
    why: String,
}

impl<'a> Simulated<'a> {
    fn new(models: &[Arc<Model>], report: &'a Report, arguments: &'a Simulate) -> Self {
        let (outcome, violation) = (report.outcome.name(), report.outcome.violation());
        let verbs = report.replies.iter().map(|(verb, reply)| VerbResult { verb, reply: reply.to_string() });
        Self {
            plan: arguments.plan.as_deref().unwrap_or(PlanName::DEPLOY),
            outcome,
            time: report.time,
            completed_at: report.completed_at,
            seed: arguments.seed,
            plans: &report.plans,
            instances: instances(models, report),
            events: general(report),
            faults: report.faults.iter().map(ToString::to_string).collect(),
            verbs: verbs.collect(),
            why: whys(models, report)
                .into_iter()
                .filter(|_| arguments.why)
                .map(|(instance, why)| Waits { instance, why })
                .collect(),
            violation,
        }
    }
}

#[cfg(test)]
mod tests {
    use backend_sim::CheckName;
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Verb};
    use crate::input;

    #[test]
    fn a_violation_is_told_in_full_with_the_seed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/kafka");
        let typed = ["planwright", "simulate", folder, "--seed", "7"];
        let Verb::Simulate(arguments) = Arguments::try_parse_from(typed).unwrap().verb else { panic!() };
        let model = input::options(&arguments.reading)
            .and_then(|options| input::load(Path::new(folder), &options))
            .unwrap()
            .check()
            .model
            .unwrap();
        let models = [model];
        let mut report = backend_sim::run(&scenario(&models, &arguments, "svc.yml").unwrap()).unwrap();
        let (expected, found) = ("one launch of kafka-0-broker lives", "launches 2 and 3 do");
        report.outcome =
            SimulationOutcome::Violation(Violation::new(CheckName::OneLive, report.time, expected, found));
        let told = story(&models, &report, &arguments);
        let (_, end) = told.rsplit_once("\n\n").unwrap();
        let end = end.replace(&Time::from_micros(report.time).to_string(), "TIME");
        insta::assert_snapshot!(end);
        let result = serde_json::to_value(Simulated::new(&models, &report, &arguments)).unwrap();
        assert_eq!(result["outcome"], "violation");
        assert_eq!(result["violation"]["check"], "one-live");
    }
}
