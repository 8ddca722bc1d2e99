//! Scenarios, and their results on a subject.
//!
//! Invariant: a scenario has one of three results, and a scenario that was not run never counts as kept.

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream;

use crate::scenarios::SCENARIOS;
use crate::stage::{Broken, TestBed};
use crate::subject::{Need, Subject};

/// A promise of every backend, and its test.
pub struct BackendScenario {
    /// Its name.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// What the test needs.
    pub needs: &'static [Need],
    /// Runs the test on a cluster of its own.
    pub run: fn(TestBed) -> BoxFuture<'static, Result<(), Broken>>,
}

impl std::fmt::Debug for BackendScenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendScenario").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The result of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// The promise was kept.
    Kept,
    /// The promise was not tested, and why.
    NotRun(&'static str),
    /// The promise was not kept.
    Broken(Broken),
}

/// Why a scenario is not run on a subject, if it is not.
pub fn excuse(subject: &dyn Subject, scenario: &BackendScenario) -> Option<&'static str> {
    let left_out = subject.leaves_out().iter().find(|(name, _)| *name == scenario.name);
    let lacking = || subject.lacks().iter().find(|(need, _)| scenario.needs.contains(need));
    left_out.map(|(_, why)| *why).or_else(|| lacking().map(|(_, why)| *why))
}

/// Runs all scenarios whose name contains a text, in the order of the table.
///
/// # Errors
/// The subject leaves out a scenario that does not exist.
pub async fn play(
    subject: &dyn Subject,
    filter: &str,
) -> Result<Vec<(&'static BackendScenario, Played)>, Broken> {
    let unknown = |name: &str| SCENARIOS.iter().all(|scenario| scenario.name != name);
    if let Some((name, _)) = subject.leaves_out().iter().find(|(name, _)| unknown(name)) {
        return Err(Broken::new(format!(
            "`{}` leaves out the scenario `{name}`, which is not there",
            subject.name()
        )));
    }
    let chosen = SCENARIOS.iter().filter(|scenario| scenario.name.contains(filter));
    let played = stream::iter(chosen).map(|scenario| async move {
        let played = match excuse(subject, scenario) {
            Some(why) => Played::NotRun(why),
            None => match try_one(subject, scenario).await {
                Ok(()) => Played::Kept,
                Err(broken) => Played::Broken(broken),
            },
        };
        (scenario, played)
    });
    Ok(played.buffered(subject.at_once().max(1)).collect().await)
}

async fn try_one(subject: &dyn Subject, scenario: &BackendScenario) -> Result<(), Broken> {
    (scenario.run)(TestBed::new(subject).await?).await
}
