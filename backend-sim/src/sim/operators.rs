//! Operators: those of a scenario, and what one that is a program says.
//!
//! Invariant: operators act only by verbs and targets.

use plan_core::engine::{
    Author, Input, InstallationId, Key, Record, Refusal, Reply, RunOutcome, Target, Verb,
};
use plan_core::operator::Act;
use plan_core::plan::Status;
use plan_core::spec::{PhaseName, PlanName};
use smol_str::{SmolStr, format_smolstr};

use crate::latency::REACTION;
use crate::queue::Class;
use crate::runtime::Happening;
use crate::trace::What;

use super::wishes::Wanted;
use super::{INSTALLATION, Sim};

impl Sim<'_> {
    /// Sends what an operator wants, if it is time and there was no reply yet.
    pub(super) fn wish(&mut self, nth: usize) {
        let Some(wanted) = self.wishes.open(nth).filter(|_| self.engine.is_some()) else { return };
        let input = match wanted {
            // An installation that is gone does not come back. A target would make another one.
            Wanted::Target(_) | Wanted::Act(Act::Target { .. }) if self.deregistered => {
                let reply = Reply::Refused(Refusal::NoService);
                return self.replied(nth, reply);
            }
            Wanted::Target(of) => {
                let Some(model) = self.scenario.models().nth(*of).cloned() else { return };
                let mut target = Target::new(model, InstallationId(SmolStr::new_static(INSTALLATION)));
                let (id, who) = (format_smolstr!("target-{of}"), SmolStr::new_static("operator"));
                // The first target has no author: the engine knows it by its content.
                target.by = (*of > 0).then_some(Author { id, who });
                Input::Target(target)
            }
            Wanted::Act(Act::Target { model, plan, by }) => {
                let mut target =
                    Target::new(model.clone(), InstallationId(SmolStr::new_static(INSTALLATION)));
                (target.plan, target.by) = (plan.clone(), Some(by.clone()));
                Input::Target(target)
            }
            Wanted::Verb(request) | Wanted::Act(Act::Verb(request)) => {
                // The verb is counted before it is carried out, since its effect may happen at once.
                if let Verb::Continue { plan, phase: Some(phase) } = &request.verb
                    && let Some(Record::Plan(_, plan)) = self.store.get(&Key::Plan(plan.clone()))
                {
                    *self.checker.continued.entry((plan.latest, phase.to_string())).or_default() += 1;
                }
                self.checker.meddled |= matches!(
                    request.verb,
                    Verb::ForceComplete { .. } | Verb::Restart { .. } | Verb::Stop { .. }
                );
                Input::Verb(request.clone())
            }
        };
        if self.old.is_some() {
            self.feed_old(input.clone());
        }
        self.feed_for(input, Some(nth));
    }

    pub(super) fn replied(&mut self, nth: usize, reply: Reply) {
        let words = match self.wishes.wanted(nth) {
            Wanted::Target(0) => {
                let service = self.scenario.model.spec().name().to_string();
                self.runtime.tell(|| What::Submitted { service });
                None
            }
            Wanted::Target(of) => Some(format!("target {}", of + 1)),
            Wanted::Act(act) => {
                self.program.answered.push((act.id().to_owned(), reply.clone()));
                Some(act.to_string())
            }
            Wanted::Verb(request) => Some(request.verb.to_string()),
        };
        if let Some(verb) = words {
            self.runtime.tell(|| What::Verb { verb: verb.clone(), reply: reply.to_string() });
            self.replies.push((verb, reply.clone()));
        }
        self.wishes.answer(nth, reply);
    }

    pub(super) fn wish_later(&mut self, delay: u64, verb: Verb) {
        let nth = self.wishes.verb(verb);
        self.runtime.queue.after(delay, Class::Operator, Happening::Operate { nth });
    }

    /// Submits the next target, once the service is what the last one says.
    pub(super) fn go_on_with_targets(&mut self) {
        if self.next < self.scenario.then.len() && self.is_target_met() && !self.wishes.has_open_target() {
            self.next += 1;
            let nth = self.wishes.at_once(Wanted::Target(self.next));
            self.runtime.queue.after(0, Class::Operator, Happening::Operate { nth });
        }
    }

    /// Whether the run that makes the service what its target says is complete. One that is forgotten is: its plan has
    /// begun once more, which it does only then.
    fn is_target_met(&self) -> bool {
        let Some(service) = self.store.service() else { return false };
        match self.store.get(&Key::Run(service.converging)) {
            Some(Record::Run(run)) => run.outcome == Some(RunOutcome::Complete),
            _ => true,
        }
    }

    pub(super) fn start_plan(&mut self) {
        let Some((plan, parameters)) =
            self.scenario.plan.as_ref().filter(|(plan, _)| *plan != *PlanName::DEPLOY)
        else {
            self.plan_started = true;
            return;
        };
        let (plan, parameters) = (plan.clone(), parameters.clone());
        let told = !self.wishes.has_open_target();
        if self.next == self.scenario.then.len() && told && (self.next == 0 || self.is_target_met()) {
            self.plan_started = true;
            self.wish_later(0, Verb::Start { plan, parameters });
        }
    }

    /// Continues a phase whenever it waits on a canary, as an operator.
    pub(super) fn watch_canaries(&mut self) {
        if !self.scenario.release_canaries || !self.has_canaries {
            return;
        }
        let Some((plan, phase)) = self.waiting_canary() else { return };
        let verb = Verb::Continue { plan, phase: Some(phase) };
        if !self.wishes.has_open_verb(&verb) {
            self.wish_later(REACTION, verb);
        }
    }

    fn waiting_canary(&self) -> Option<(PlanName, PhaseName)> {
        let engine = self.engine.as_ref()?;
        for (name, layout) in self.present.plans() {
            let Some(Record::Plan(_, plan)) = self.store.get(&Key::Plan(name.clone())) else { continue };
            let Some(Record::Run(run)) = self.store.get(&Key::Run(plan.latest)) else { continue };
            if run.spec != self.present.hash()
                || run.outcome.is_some()
                || run.mark.interrupted
                || run.canaries.is_empty()
            {
                continue;
            }
            let Some(view) = engine.plan(name.as_str()) else { continue };
            for (&phase, canary) in &run.canaries {
                let interrupted = run.phases.get(&phase).is_some_and(|mark| mark.interrupted);
                let released = canary.steps.iter().take(canary.released as usize);
                let steps = &view.phases[phase as usize].steps;
                let quiet = released.into_iter().all(|&step| steps[step as usize].status == Status::Complete);
                let earlier = &view.phases[..phase as usize];
                let turn =
                    !layout.is_serial() || earlier.iter().all(|phase| phase.status == Status::Complete);
                if canary.is_holding() && !interrupted && quiet && turn {
                    return Some((name.clone(), layout.phases[phase as usize].name.clone()));
                }
            }
        }
        None
    }
}
