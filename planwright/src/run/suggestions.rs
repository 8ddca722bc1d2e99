//! Three things to try with a service that has just become what it should be.
//!
//! Invariant: a proposed command works: the instance exists, and the new value was read and compared.

use std::collections::BTreeMap;

use plan_core::plan::{Model, PodModel};
use plan_core::spec::{ChangeVerdict, Goal, PlanName, changes};
use plan_load::SpecFile;

use super::{Wanted, commands};
use crate::arguments::Run;
use crate::input::is_standard_input;
use crate::running::Running;

/// The most variables that are tried.
const MOST: usize = 24;

/// The commands.
pub(super) fn suggestions(arguments: &Run, wanted: &Wanted, running: &Running) -> Vec<String> {
    let kept = |pod: &&PodModel| pod.count > 0 && pod.tasks.iter().any(|task| task.goal == Goal::Running);
    let pod = wanted.model.pods().iter().find(kept);
    let restart = pod.map(|pod| commands::ask(&format!("pod restart {}-0", pod.name), running));
    // A file from a pipe cannot be read again.
    let other = if is_standard_input(&arguments.file) { None } else { another(&wanted.model, &wanted.input) };
    let update = other.map(|(key, value)| commands::update(arguments, Some((&key, &value)), running));
    let plan = wanted.plan.as_ref().map_or(PlanName::DEPLOY, PlanName::as_str);
    let status = commands::ask(&format!("plan status {plan} --watch"), running);
    restart.into_iter().chain(update).chain([status]).collect()
}

/// A variable with another value that the service can get: one that restarts tasks, or else one that changes something.
fn another(model: &Model, input: &SpecFile) -> Option<(String, String)> {
    let numbers = input.env.iter().filter_map(|(key, value)| Some((key, value.parse::<u32>().ok()?)));
    let mut second = None;
    for (key, number) in numbers.take(MOST) {
        let value = (number.saturating_add(1)).to_string();
        let mut input = input.clone();
        input.env = BTreeMap::from_iter(input.env.into_iter().chain([(key.clone(), value.clone())]));
        let Some(later) = input.check().model else { continue };
        let found = changes(model.spec(), later.spec());
        let has = |verdict| found.iter().any(|change| change.verdict == verdict);
        if found.is_empty() || has(ChangeVerdict::Refused) || has(ChangeVerdict::Resizes) {
            continue;
        }
        if has(ChangeVerdict::Restarts) {
            return Some((key.clone(), value));
        }
        second = second.or_else(|| Some((key.clone(), value)));
    }
    second
}
