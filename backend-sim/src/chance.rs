//! Random faults, and whether a fault names something that exists.
//!
//! Invariant: a service can survive all random faults: there are never fewer nodes than it needs.

use std::time::Duration;

use plan_core::engine::Verb;
use smol_str::{SmolStr, format_smolstr};

use crate::choose::{Choose, Site};
use crate::cluster::Cluster;
use crate::fault::{CrashPoint, Fault, GateFault, LaunchFault};
use crate::scenario::{Scenario, ScenarioError};

/// Random faults come within this time, at steps of this length.
const CHANCE_STEP: Duration = Duration::from_millis(250);
const CHANCE_STEPS: u32 = 240;
/// Random faults crash the engine at one of this many first points.
const CHANCE_POINTS: u32 = 40;

/// Chooses the kind, the time and the place of random faults.
pub(crate) fn decide(scenario: &Scenario, cluster: &Cluster, choose: &mut dyn Choose) -> Vec<Fault> {
    let mut decided = Vec::with_capacity(scenario.faults.len());
    for fault in &scenario.faults {
        match fault {
            Fault::Random(count) => {
                for nth in 0..u64::from(*count) {
                    let fault = by_chance(scenario, cluster, choose, nth);
                    decided.extend(fault.filter(|fault| can_be_survived(scenario, cluster, &decided, fault)));
                }
            }
            fault => decided.push(fault.clone()),
        }
    }
    decided
}

/// The `nth` random fault. No fault is the benign option.
fn by_chance(scenario: &Scenario, cluster: &Cluster, choose: &mut dyn Choose, nth: u64) -> Option<Fault> {
    let mut pick = |label, options| choose.choose(Site::new(label, nth), options);
    // In a scenario without gates no gate can fail, and the choices of other faults are the same as before gates
    // existed.
    let kind = pick("fault", if scenario.has_gates() { 18 } else { 17 });
    if kind == 0 {
        return None;
    }
    let at = CHANCE_STEP * pick("fault-time", CHANCE_STEPS);
    let instance = match cluster.roster.len() {
        0 => return None,
        instances => pick("fault-instance", instances),
    };
    let name = cluster.roster.name(instance).clone();
    let launch = |answer, count: u32| Some(Fault::Launch { instance: name.clone(), nth: count + 1, answer });
    let crash = |point, count: u32| Some(Fault::Crash { point, nth: u64::from(count) + 1 });
    let node = |nth: u32| SmolStr::new(cluster.nodes[nth as usize].facts.name.as_str());
    match kind {
        1 | 2 => {
            let mut models = scenario.models();
            let pod = models.find_map(|model| Some(&model.pods()[model.pod_index(&name.pod)? as usize]))?;
            let task = pod.tasks.get(pick("fault-task", pod.tasks.len() as u32) as usize)?;
            let ends = [
                plan_core::engine::End::Failed,
                plan_core::engine::End::Finished,
                plan_core::engine::End::Killed,
                plan_core::engine::End::Unhealthy,
                plan_core::engine::End::Lost,
            ];
            let how = ends[pick("fault-end", ends.len() as u32) as usize];
            Some(Fault::End { task: format_smolstr!("{name}-{}", task.name), at, how })
        }
        3 => {
            let node = node(pick("fault-node", cluster.nodes.len() as u32));
            let lasts = Some(CHANCE_STEP * (1 + pick("fault-length", CHANCE_STEPS)));
            Some(Fault::Silent { node, at, lasts })
        }
        4 => launch(LaunchFault::Refuse, pick("fault-launch", 2)),
        5 => launch(LaunchFault::Never, pick("fault-launch", 6)),
        6 => launch(LaunchFault::UnknownDone, pick("fault-launch", 2)),
        7 => launch(LaunchFault::UnknownLost, pick("fault-launch", 2)),
        8 => crash(CrashPoint::BeforeCommit, pick("fault-point", CHANCE_POINTS)),
        9 => crash(CrashPoint::AfterCommit, pick("fault-point", CHANCE_POINTS)),
        10 => crash(CrashPoint::BeforeCommand, pick("fault-point", CHANCE_POINTS)),
        11 => crash(CrashPoint::AfterCommand, pick("fault-point", CHANCE_POINTS)),
        12 => Some(Fault::Gone { node: node(pick("fault-node", cluster.nodes.len() as u32)), at }),
        13 => {
            let node = node(pick("fault-node", cluster.nodes.len() as u32));
            Some(Fault::Freeze { node, at, lasts: CHANCE_STEP * (1 + pick("fault-length", CHANCE_STEPS)) })
        }
        14 => {
            let lasts = CHANCE_STEP * (1 + pick("fault-length", CHANCE_STEPS));
            Some(Fault::Skip { instance: name, at, lasts })
        }
        15 => Some(Fault::Rewind { at }),
        16 => Some(Fault::Second { at, lasts: CHANCE_STEP * (1 + pick("fault-length", CHANCE_STEPS)) }),
        _ => {
            let answers = [GateFault::Defer, GateFault::Inconclusive, GateFault::Unanswered, GateFault::Deny];
            let answer = answers[pick("fault-gate", answers.len() as u32) as usize];
            let lasts = Some(CHANCE_STEP * (1 + pick("fault-length", CHANCE_STEPS)));
            Some(Fault::Gate { who: format_smolstr!("{name}"), at, lasts, answer })
        }
    }
}

/// Whether a service can survive a fault, after those before it. Where all faults have to end, it cannot survive an
/// invalid launch. It survives a node that is gone only where there are more nodes than it needs. It survives a gate
/// that denies only where somebody takes the denial back once all faults ended.
fn can_be_survived(scenario: &Scenario, cluster: &Cluster, before: &[Fault], fault: &Fault) -> bool {
    match fault {
        Fault::Gone { node, .. } => {
            let needed = scenario.models().flat_map(|model| model.pods()).map(|pod| pod.count).max();
            // An instance that is replaced needs one more node.
            let replaces = |(_, verb): &(_, Verb)| matches!(verb, Verb::ReplacePod { .. });
            let needed = needed.unwrap_or_default() + u32::from(scenario.verbs.iter().any(replaces));
            let other = |fault: &&Fault| matches!(fault, Fault::Gone { node: other, .. } if other != node);
            let gone = before.iter().filter(other).count() as u32;
            cluster.nodes.len() as u32 > needed + gone
        }
        Fault::Launch { answer: LaunchFault::Never, .. } => scenario.heal.is_none(),
        Fault::Gate { answer: GateFault::Deny, .. } => scenario.heal.is_some(),
        _ => true,
    }
}

/// Checks that a fault names something that exists.
pub(crate) fn check_names(
    scenario: &Scenario,
    cluster: &Cluster,
    fault: &Fault,
) -> Result<(), ScenarioError> {
    let instances = || (0..cluster.roster.len()).map(|id| cluster.roster.name(id));
    match fault {
        Fault::End { task, .. } | Fault::Undead { task, .. } | Fault::Foreign { task, .. }
            if cluster.named(scenario.models(), task).is_none() =>
        {
            let mut known: Vec<String> = Vec::new();
            for name in instances() {
                for model in scenario.models() {
                    let Some(pod) = model.pod_index(&name.pod) else { continue };
                    let tasks = model.pods()[pod as usize].tasks.iter();
                    let tasks = tasks.map(|task| format!("{name}-{}", task.name));
                    known.extend(tasks.filter(|task| !known.contains(task)).collect::<Vec<_>>());
                }
            }
            Err(ScenarioError::NoTask { fault: fault.to_string(), known })
        }
        Fault::Silent { node, .. } | Fault::Gone { node, .. } | Fault::Freeze { node, .. }
            if cluster.node_id(node).is_none() =>
        {
            let known = cluster.nodes.iter().map(|node| node.facts.name.to_string()).collect();
            Err(ScenarioError::NoNode { fault: fault.to_string(), known })
        }
        Fault::Gate { who, .. }
            if !instances().any(|name| name.to_string() == **who)
                && !cluster.roster.pods().any(|pod| pod.as_str() == who) =>
        {
            let pods = cluster.roster.pods().map(ToString::to_string);
            let known = pods.chain(instances().map(ToString::to_string)).collect();
            Err(ScenarioError::NoMember { fault: fault.to_string(), known })
        }
        Fault::Launch { instance, .. } | Fault::Skip { instance, .. }
            if cluster.roster.id(instance).is_none() =>
        {
            let known = instances().map(ToString::to_string).collect();
            Err(ScenarioError::NoInstance { fault: fault.to_string(), known })
        }
        _ => Ok(()),
    }
}
