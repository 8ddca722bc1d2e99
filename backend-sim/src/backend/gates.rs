//! Gates: questions beside tasks, and their answers.
//!
//! Invariant: an answer is about the launch that was asked about, and says when it was true. Option 0 allows. Only a
//! named fault denies, since a denial stands until an operator takes it back.

use plan_core::engine::{Answer, Ask, Check, Ruling, Wall, Words};

use crate::choose::{Choose as _, Site};
use crate::cluster::Cluster;
use crate::fault::GateFault;
use crate::latency::{ANSWER, GATE, take};
use crate::runtime::{Happening, Runtime};
use crate::task::Life;
use crate::trace::What;

use super::Backend;

/// The random answers of a command. Most allow.
const BY_CHANCE: [Option<GateFault>; 8] = [
    None,
    None,
    None,
    None,
    None,
    Some(GateFault::Defer),
    Some(GateFault::Inconclusive),
    Some(GateFault::Unanswered),
];

/// A fault of gates that is in force.
#[derive(Debug, Clone)]
struct Fault {
    /// An instance, or a pod.
    who: String,
    until: Option<u64>,
    answer: GateFault,
}

/// The faults of gates.
#[derive(Debug, Clone, Default)]
pub(super) struct Gates {
    faults: Vec<Fault>,
    /// Whether all faults ended, so that every command allows.
    healed: bool,
}

impl Gates {
    /// From now on, until a time, the gates of an instance, or of all instances of a pod, give this answer.
    pub(super) fn befall(&mut self, who: &str, until: Option<u64>, answer: GateFault) {
        self.faults.push(Fault { who: who.to_owned(), until, answer });
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
        self.healed = true;
    }

    /// The answer of an instance's gates now, if a fault sets it. The latest fault wins.
    fn fault(&self, ask: &Ask, now: u64) -> Option<GateFault> {
        let of = |fault: &&Fault| {
            fault.until.is_none_or(|until| now < until)
                && (fault.who == ask.instance.to_string() || fault.who == ask.instance.pod.as_str())
        };
        self.faults.iter().rev().find(of).map(|fault| fault.answer)
    }
}

impl Backend {
    pub(super) fn ask(&mut self, cluster: &Cluster, runtime: &mut Runtime<'_>, ask: Box<Ask>) {
        let Some(id) = cluster.roster.id(&ask.instance) else {
            return self.is_nobody(runtime, ask, 0);
        };
        let task = cluster.find(id, ask.launch, &ask.task);
        let runs = |nth: &u32| matches!(cluster.tasks[*nth as usize].life, Life::Running { .. });
        let Some(nth) = task.filter(runs) else {
            return self.is_nobody(runtime, ask, u64::from(id));
        };
        let entity = u64::from(id);
        let by_fault = self.gates.fault(&ask, runtime.now());
        let by_chance = || {
            if self.gates.healed {
                return None;
            }
            let nth = runtime.choose.choose(Site::new("gate", entity), BY_CHANCE.len() as u32);
            BY_CHANCE[nth as usize]
        };
        let silent = cluster.node_of(nth).silent.then_some(GateFault::Unanswered);
        let how = silent.or(by_fault).or_else(by_chance);
        let fault = if by_fault.is_some() { ": a fault" } else { "" };
        let (ruling, code) = match how {
            None => (Ruling::Allow, 0),
            Some(GateFault::Defer) => (Ruling::Defer, 1),
            Some(GateFault::Deny) => (Ruling::Deny, 2),
            Some(GateFault::Inconclusive) => (Ruling::Inconclusive, 3),
            Some(GateFault::Unanswered) => {
                let Ask { instance, task, launch, .. } = *ask;
                return runtime.tell(|| What::Unanswered { instance, task, launch });
            }
        };
        let words = (code > 0).then(|| Words::from(format!("exit code {code}{fault}")));
        // The command ends long before its time is over. A command that takes too long gets no answer.
        let longest = match &ask.check {
            Check::Command { timeout, .. } => u64::from(timeout.0) * 1_000_000 / 2,
            _ => u64::MAX,
        };
        let delay = take(&mut runtime.choose, "gate-answer", entity, &GATE).min(longest);
        self.answer_gate(runtime, ask, entity, Answer { ruling, words, at: Wall(runtime.now() + delay) });
    }

    /// The launch in the question does not run.
    fn is_nobody(&mut self, runtime: &mut Runtime<'_>, ask: Box<Ask>, entity: u64) {
        let words = Words::some(format!("launch {} of {} does not run", ask.launch, ask.task));
        let answer = Answer { ruling: Ruling::Inconclusive, words, at: Wall(runtime.now()) };
        self.answer_gate(runtime, ask, entity, answer);
    }

    fn answer_gate(&mut self, runtime: &mut Runtime<'_>, ask: Box<Ask>, entity: u64, answer: Answer) {
        let at = answer.at.0 + take(&mut runtime.choose, "answer", entity, &ANSWER);
        let (session, answer) = (runtime.session, Box::new(answer));
        runtime.answer_at(at, Happening::Gate { session, ask, answer });
    }
}
