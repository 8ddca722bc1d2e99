//! Verbs: what operators ask for about plans (SDK rule R58), instances (SDK rule R60) and the service (SDK rule R65).
//!
//! Invariant: every verb has a reply in every state: done, already so, or refused with the reason. A verb that is
//! refused or already so changes nothing but the audit.

mod audit;
mod plans;
mod pods;
mod scope;
mod words;

use super::input::{Author, Request, Verb};
use super::reply::{Refusal, Reply};
use super::transition::Transition;

type Answer = Result<Reply, Refusal>;

impl Transition<'_> {
    /// Carries out a verb. A repeated request gets the reply of the first.
    pub(super) fn verb(&mut self, request: Request) -> Reply {
        let Request { id, who, verb } = request;
        if let Some(earlier) = self.said(&id) {
            return earlier;
        }
        let words = verb.to_string();
        let reply = self.carry_out(verb).unwrap_or_else(Reply::Refused);
        self.note(Author { id, who }, words, reply)
    }

    fn carry_out(&mut self, verb: Verb) -> Answer {
        if self.state.service().uninstalling && !matches!(verb, Verb::GiveUp { .. } | Verb::Uninstall) {
            return Err(Refusal::Uninstalling);
        }
        if let Some(plan) = verb.plan().filter(|plan| !self.state.model().plans().contains_key(*plan)) {
            let refusal = if plan.is_reserved() { Refusal::ByItself } else { Refusal::NoPlan };
            return Err(refusal(plan.clone()));
        }
        match verb {
            Verb::Start { plan, parameters } => self.start(&plan, parameters),
            Verb::Stop { plan } => self.stop(&plan),
            Verb::Interrupt { plan, phase } => self.interrupt(&plan, phase),
            Verb::Continue { plan, phase } => self.proceed(&plan, phase),
            Verb::ForceComplete { plan, part } => self.force_complete(&plan, &part),
            Verb::Restart { plan, part } => self.restart(&plan, &part),
            Verb::RestartPod { instance, tasks } => self.restart_pod(&instance, &tasks),
            Verb::ReplacePod { instance } => self.replace_pod(&instance),
            Verb::PausePod { instance, tasks } => self.pause_pod(&instance, &tasks, true),
            Verb::ResumePod { instance, tasks } => self.pause_pod(&instance, &tasks, false),
            Verb::GiveUp { debt } => self.give_up(debt),
            Verb::Uninstall => self.uninstall(),
        }
    }
}
