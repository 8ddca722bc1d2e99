//! A run of a plan, and its end.
//!
//! Invariant: a wait for a run ends with the run, whatever the end is: a plan that failed, was stopped or overtaken, a
//! service or a scheduler that is gone.

use std::fmt;
use std::time::Duration;

use plan_core::engine::{Engine, Number, Reason, RunOutcome, Why};
use plan_core::plan::{ContentHash, Status};
use plan_core::spec::PlanName;
use plan_driver::{Condition, Service};
use serde::Serialize;
use tokio::time::timeout;

/// The number of failures in a row after which a task counts as failed for good, by default.
const FAILURES: u32 = 5;

/// A run of a plan. Clones are of the same run.
#[derive(Debug, Clone)]
pub struct Run {
    service: Service,
    plan: PlanName,
    number: Number,
    /// What the service is to become by it; none for a plan that changes nothing of that.
    target: Option<ContentHash>,
    failures: u32,
}

/// Why a run is not done, and will not be by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
#[non_exhaustive]
pub enum NotDone {
    /// It failed for good, as [`Run::done`] says.
    Failed {
        /// The plan.
        plan: PlanName,
        /// The steps that failed, with the last words of their tasks.
        whys: Vec<Why>,
    },
    /// It waits for an operator: it is interrupted, was stopped, or waits at a canary.
    Interrupted {
        /// The plan.
        plan: PlanName,
        /// What waits.
        whys: Vec<Why>,
    },
    /// An operator stopped it.
    Stopped {
        /// The plan.
        plan: PlanName,
    },
    /// Another target took the place of the one that it was for.
    Overtaken {
        /// The plan.
        plan: PlanName,
    },
    /// The service is uninstalled.
    Uninstalled,
    /// The service's scheduler does nothing any more: it has ended, another has taken over, or its records cannot be used.
    Gone(Condition),
    /// It goes on, and was waited for long enough ([`Run::done_within`]).
    TimedOut {
        /// The plan.
        plan: PlanName,
        /// What it waits for.
        whys: Vec<Why>,
    },
}

impl NotDone {
    /// The reasons, step by step. None where the end has no step.
    pub fn whys(&self) -> &[Why] {
        match self {
            Self::Failed { whys, .. } | Self::Interrupted { whys, .. } | Self::TimedOut { whys, .. } => whys,
            Self::Stopped { .. } | Self::Overtaken { .. } | Self::Uninstalled | Self::Gone(_) => &[],
        }
    }
}

/// A line on the end, and one for each reason.
impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { plan, .. } => write!(f, "the plan `{plan}` failed"),
            Self::Interrupted { plan, .. } => write!(f, "the plan `{plan}` waits for an operator"),
            Self::Stopped { plan } => write!(f, "the plan `{plan}` was stopped"),
            Self::Overtaken { plan } => write!(f, "the plan `{plan}` was overtaken by another target"),
            Self::Uninstalled => f.write_str("the service is uninstalled"),
            Self::Gone(condition) => write!(f, "the scheduler does nothing any more: {condition}"),
            Self::TimedOut { plan, .. } => {
                write!(f, "the plan `{plan}` goes on, and was waited for long enough")
            }
        }?;
        self.whys().iter().try_for_each(|why| write!(f, "\n  {why}"))
    }
}

impl std::error::Error for NotDone {}

impl Run {
    pub(crate) fn new(service: Service, plan: PlanName, number: Number, target: Option<ContentHash>) -> Self {
        Self { service, plan, number, target, failures: FAILURES }
    }

    /// The plan.
    pub fn plan(&self) -> &PlanName {
        &self.plan
    }

    /// The number of the run. No other run of the service has it.
    pub fn number(&self) -> Number {
        self.number
    }

    /// The service, for all else that can be asked of it.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The same run, with another number of failures in a row after which a task counts as failed for good; the default is
    /// 5. With `u32::MAX` no number of failures is an end.
    #[must_use]
    pub fn failures(mut self, in_a_row: u32) -> Self {
        self.failures = in_a_row;
        self
    }

    /// Waits for the end of the run. It is done when all steps are complete, or were forced, and the scheduler
    /// has heard of every task that it launched before its last start.
    ///
    /// The engine itself gives up on nothing that may still come: a task that fails is started again, later each time. A
    /// run counts as failed here when
    ///
    /// - a step has the status `ERROR`: its launch was refused for good, and only another specification changes that; or
    /// - a task of a step that is not complete failed 5 times in a row ([`Run::failures`]). The engine goes on trying;
    ///   the wait ends.
    ///
    /// A run that waits for an operator, as at a canary, is an end too: the operator may be the very program that waits. It
    /// lets the plan go on, and waits again. What waits for room, or for a backend that is away, goes on: [`Run::done_within`]
    /// bounds that.
    ///
    /// # Errors
    /// The run is not done, and will not be by itself: why.
    pub async fn done(&self) -> Result<(), NotDone> {
        let gone = || Err(NotDone::Gone(self.service.condition()));
        loop {
            let (run, looked) = (self.clone(), self.clone());
            if self.service.wait(move |engine| run.end(engine).is_some()).await.is_err() {
                return gone();
            }
            match self.service.read(move |engine| looked.end(engine)).await {
                Ok(Some(end)) => return end,
                Err(_) if self.service.condition().is_final() => return gone(),
                // Something has changed since, as a canary that was released: it is waited for again.
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// Waits for the end of the run, at most for this time.
    ///
    /// # Errors
    /// The run is not done: why. After [`NotDone::TimedOut`] it goes on.
    pub async fn done_within(&self, time: Duration) -> Result<(), NotDone> {
        match timeout(time, self.done()).await {
            Ok(end) => end,
            Err(_) => {
                let whys = timeout(Duration::from_secs(1), self.whys()).await.unwrap_or_default();
                Err(NotDone::TimedOut { plan: self.plan.clone(), whys })
            }
        }
    }

    /// What the steps of the plan wait for now, and what they do. Nothing, if the service does not answer.
    pub async fn whys(&self) -> Vec<Why> {
        let run = self.clone();
        self.service.read(move |engine| run.whys_of(engine)).await.unwrap_or_default()
    }

    /// How it ended, if it has.
    fn end(&self, engine: &Engine) -> Option<Result<(), NotDone>> {
        let plan = || self.plan.clone();
        let Some(model) = engine.model() else { return Some(Err(NotDone::Uninstalled)) };
        if engine.run(&self.plan).is_some_and(|run| run.number == self.number) {
            let status = engine.plan_status(self.plan.as_str());
            return match status {
                Some(Status::Error) => {
                    let mut whys = self.whys_of(engine);
                    whys.retain(|why| why.status == Status::Error);
                    Some(Err(NotDone::Failed { plan: plan(), whys }))
                }
                Some(Status::Waiting) => {
                    Some(Err(NotDone::Interrupted { plan: plan(), whys: self.whys_of(engine) }))
                }
                _ => self.fails(engine).map(|whys| Err(NotDone::Failed { plan: plan(), whys })),
            };
        }
        let ended = engine.runs(self.plan.as_str()).iter().find(|ended| ended.run == self.number);
        let overtaken = self.target.is_some_and(|target| model.hash() != target);
        match ended.map(|ended| &ended.outcome) {
            Some(RunOutcome::Complete) => engine.has_heard().then_some(Ok(())),
            Some(RunOutcome::Stopped) => Some(Err(NotDone::Stopped { plan: plan() })),
            Some(RunOutcome::Overtaken) => Some(Err(NotDone::Overtaken { plan: plan() })),
            // It ended so long ago that the end is forgotten, or with the target that it was for.
            None if overtaken => Some(Err(NotDone::Overtaken { plan: plan() })),
            None => Some(Err(NotDone::Stopped { plan: plan() })),
        }
    }

    /// The steps with a task that failed too often in a row.
    fn fails(&self, engine: &Engine) -> Option<Vec<Why>> {
        let often = |failures: u32| failures >= self.failures;
        // Most have none: only they are asked why.
        engine.pods().find(|(_, pod)| pod.tasks().any(|task| often(task.failures())))?;
        let mut whys = self.whys_of(engine);
        whys.retain(|why| matches!(&why.reason, Reason::Backoff { failures, .. } if often(*failures)));
        (!whys.is_empty()).then_some(whys)
    }

    fn whys_of(&self, engine: &Engine) -> Vec<Why> {
        let of_plan = |why: &Why| why.step.as_ref().is_some_and(|step| step.plan == self.plan);
        let instances = engine.model().into_iter().flat_map(|model| {
            let pods = (0..).zip(model.pods());
            pods.flat_map(move |(at, pod)| (0..pod.count).map(move |index| model.instance_name(at, index)))
        });
        instances.flat_map(|instance| engine.why(&instance)).filter(of_plan).collect()
    }
}
