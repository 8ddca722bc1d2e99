//! Healing: once all faults ended, the service becomes what it should be, and then nothing is done any more.
//!
//! Invariant: a stage follows the one before it, and each has a deadline.

use plan_core::engine::{Command, Order, OrderStage, Reason, Record, Verb};

use crate::heal::{self, Stage};
use crate::queue::Class;
use crate::runtime::Happening;
use crate::trace::What;
use crate::violation::CheckName;

use super::Sim;

impl Sim<'_> {
    /// Ends all faults. An operator takes interruptions and pauses back: at once, or when all earlier verbs have a reply.
    /// An engine that is recovered later only then takes these verbs up.
    pub(super) fn heal(&mut self) {
        self.runtime.tell(|| What::Healed);
        self.crashes.end();
        self.backend.end_faults();
        self.old = None;
        for node in 0..self.cluster.nodes.len() as u32 {
            self.thaw(node);
            self.back(node);
        }
        let skipped: Vec<u32> = self.backend.skipped.keys().copied().collect();
        for instance in skipped {
            self.backend.unskip(&mut self.cluster, &mut self.runtime, instance);
        }
        self.catch_up();
        self.to_take_back = true;
        self.take_back();
        self.enter_stage(Stage::Converging, heal::bound(self.scenario));
        // The service may already be what it should be, and then no further event comes.
        self.settle();
    }

    /// Takes interruptions and pauses back, once all earlier verbs have a reply.
    pub(super) fn take_back(&mut self) {
        if !self.to_take_back || self.engine.is_none() || self.wishes.unanswered().is_some() {
            return;
        }
        self.to_take_back = false;
        let (mut verbs, mut denied) = (Vec::new(), Vec::new());
        for record in self.store.records() {
            if let Record::Pod(instance, pod) = record
                && pod.tasks().iter().any(|task| task.paused())
            {
                verbs.push(Verb::ResumePod { instance: instance.clone(), tasks: Vec::new() });
            }
            let Record::Run(run) = record else { continue };
            let Some(layout) = self.present.plans().get(&run.plan) else { continue };
            if run.outcome.is_some() {
                continue;
            }
            let plan = run.plan.clone();
            if layout.phases.iter().any(|phase| phase.has_gates()) {
                denied.push(Verb::Continue { plan: plan.clone(), phase: None });
            }
            if run.mark.interrupted {
                verbs.push(Verb::Continue { plan: plan.clone(), phase: None });
            }
            for (&phase, _) in run.phases.iter().filter(|(_, mark)| mark.interrupted) {
                let phase = layout.phases.get(phase as usize).map(|phase| phase.name.clone());
                verbs.push(Verb::Continue { plan: plan.clone(), phase });
            }
        }
        verbs.into_iter().for_each(|verb| self.wish_later(0, verb));
        denied.into_iter().for_each(|verb| self.wish_later(heal::takes_back(), verb));
    }

    fn enter_stage(&mut self, stage: Stage, lasts: u64) {
        self.stage = stage;
        self.runtime.queue.after(lasts, Class::Fault, Happening::Deadline { stage: stage as u32 });
    }

    /// The service is what it should be: from now on nothing is done.
    pub(super) fn settle(&mut self) {
        if self.stage == Stage::Converging && self.is_converged() {
            self.enter_stage(Stage::Settled, heal::SETTLE);
        }
    }

    fn is_converged(&self) -> bool {
        let Some(engine) = &self.engine else { return false };
        // The engine may still react to an answer that is on its way: it gives room back that is not wanted any more.
        let answered = self.wishes.unanswered().is_none() && self.runtime.awaited == 0;
        if !answered || self.to_take_back || self.store.debts().next().is_some() {
            return false;
        }
        // An instance whose tasks have reached their goals may still be about to move.
        let stands = |record: &Record| {
            let Record::Pod(_, pod) = record else { return false };
            let given = |order: &Order| order.stage == OrderStage::Launched;
            pod.relocation().is_some() || !pod.orders().iter().all(given)
        };
        if self.store.records().any(stands) {
            return false;
        }
        let complete = self.is_complete(engine);
        match self.reference {
            Some(reference) => complete && reference.difference(&self.end()).is_none(),
            // If operators act at fixed times, paused tasks wait for them.
            None => {
                let whys = self.whys(engine);
                let paused = whys.iter().all(|why| matches!(why.reason, Reason::Paused(_)));
                let runs = self.checker.meddled || self.scene().is_none_or(|scene| scene.all_runs().is_ok());
                paused && (!whys.is_empty() || (complete && runs))
            }
        }
    }

    /// Once the service is what it should be, nothing is changed.
    pub(super) fn is_still(&mut self, command: &Command) {
        if !matches!(self.stage, Stage::Settled | Stage::Restarted) {
            return;
        }
        if let Some(found) = heal::changes(command) {
            let expected = "once the service is what it should be, nothing is done any more".to_owned();
            self.violate(CheckName::Stable, expected, found);
        }
    }

    pub(super) fn deadline(&mut self, stage: u32) {
        if self.stage as u32 != stage {
            return;
        }
        match self.stage {
            Stage::Converging => {
                let (expected, found) = self.what_is_stuck();
                self.violate(CheckName::Converges, expected, found);
            }
            Stage::Settled => {
                self.enter_stage(Stage::Restarted, heal::SETTLE);
                self.engine = None;
                self.end_session();
                self.recover();
            }
            Stage::Restarted => {
                self.stage = Stage::Over;
                let complete = self.engine.as_ref().is_some_and(|engine| self.is_complete(engine));
                let meddled = self.checker.meddled || !self.scenario.checks.others || !complete;
                if let Some(Err(violation)) = self.scene().filter(|_| !meddled).map(|scene| scene.all_runs())
                {
                    self.violation.get_or_insert(violation);
                }
            }
            Stage::Chaos | Stage::Over => {}
        }
    }

    /// What did not happen within the bound, and what it waits for.
    fn what_is_stuck(&self) -> (String, String) {
        let expected = "the service becomes what it should be".to_owned();
        let Some(engine) = &self.engine else { return (expected, "no engine is there".to_owned()) };
        if let Some(wish) = self.wishes.unanswered() {
            return (expected, format!("the operator's act {wish} has no reply"));
        }
        if let Some(why) = self.whys(engine).into_iter().next() {
            return (expected, format!("{}: {why}", why.instance));
        }
        if let Some(debt) = self.store.debts().next() {
            return (expected, format!("debt {} of {} is not paid: {debt:?}", debt.number, debt.instance));
        }
        let difference = self.reference.and_then(|reference| reference.difference(&self.end()));
        match difference {
            Some((expected, found)) => (expected, found),
            None => (expected, "nothing says what it waits for".to_owned()),
        }
    }
}
