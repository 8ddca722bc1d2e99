//! Lets faults happen.
//!
//! Invariant: a fault that finds nothing to do does nothing, and the trace says so.

use plan_core::engine::{End, Input, Key, Record, Seen};

use crate::fault::{Fault, end_words};
use crate::heal::Stage;
use crate::latency::{FOREIGN_ENDS, OLD_WAKE};
use crate::moment::micros;
use crate::queue::Class;
use crate::runtime::Happening;
use crate::trace::What;

use super::Sim;
use super::second::Old;

impl Sim<'_> {
    pub(super) fn fault(&mut self, nth: u32) {
        if self.stage != Stage::Chaos {
            return;
        }
        let Some(fault) = self.faults.get(nth as usize).cloned() else { return };
        if self.befalls(&fault) {
            self.counts.faults += 1;
        } else {
            self.runtime.tell(|| What::Idle { fault: fault.to_string() });
        }
    }

    /// Lets a fault happen. Returns whether it found something to do.
    fn befalls(&mut self, fault: &Fault) -> bool {
        let text = || What::Fault { fault: fault.to_string() };
        match fault {
            Fault::End { task, how, .. } => {
                let Some(task) = self.living(task) else { return false };
                self.runtime.tell(text);
                self.ends(task, *how, Some(end_words(*how)));
            }
            Fault::Silent { node, lasts, .. } => {
                let Some(id) = self.cluster.node_id(node) else { return false };
                let at = &self.cluster.nodes[id as usize];
                if !at.is_heard() {
                    return false;
                }
                let name = at.facts.name.clone();
                self.runtime.tell(|| What::Silent { node: name });
                self.backend.silence(&mut self.cluster, &mut self.runtime, id);
                if let Some(lasts) = lasts {
                    self.runtime.queue.after(micros(*lasts), Class::Cluster, Happening::Back { node: id });
                }
            }
            Fault::Gone { node, .. } => {
                let Some(id) = self.cluster.node_id(node) else { return false };
                let at = &self.cluster.nodes[id as usize];
                if at.gone {
                    return false;
                }
                let name = at.facts.name.clone();
                self.runtime.tell(|| What::Gone { node: name });
                self.backend.gone(&mut self.cluster, &mut self.runtime, id);
            }
            Fault::Freeze { node, lasts, .. } => {
                let Some(id) = self.cluster.node_id(node) else { return false };
                let now = self.runtime.now();
                let at = &mut self.cluster.nodes[id as usize];
                if at.frozen.is_some() {
                    return false;
                }
                let until = now.saturating_add(micros(*lasts));
                at.frozen = Some((now, until));
                self.runtime.tell(text);
                self.runtime.queue.at(until, Class::Fault, Happening::Thaw { node: id });
            }
            Fault::Skip { instance, lasts, .. } => {
                let Some(id) = self.cluster.roster.id(instance) else { return false };
                if self.backend.skipped.contains_key(&id) {
                    return false;
                }
                let until = self.runtime.now().saturating_add(micros(*lasts));
                self.backend.skipped.insert(id, until);
                self.runtime.tell(text);
                self.runtime.queue.at(until, Class::Fault, Happening::Unskip { instance: id });
            }
            Fault::Rewind { .. } => {
                self.runtime.tell(text);
                self.backend.rewind(&mut self.runtime);
                if self.engine.is_some() {
                    self.end_session();
                    self.backend.session_begins(&mut self.cluster, &mut self.runtime);
                    self.feed(Input::SessionLost);
                }
            }
            Fault::Second { lasts, .. } => {
                if self.old.is_some() {
                    return false;
                }
                let Some(engine) = self.engine.take() else { return false };
                let (epoch, session, wake) = (self.epoch, self.runtime.session, self.wake);
                let last = match self.store.get(&Key::Clock) {
                    Some(Record::Clock(clock)) => clock.seq,
                    _ => 0,
                };
                self.old = Some(Old { engine, epoch, session, wake, last, knows: false });
                self.runtime.queue.after(OLD_WAKE, Class::Timer, Happening::OldWake { nth: wake });
                self.runtime.queue.after(micros(*lasts), Class::Timer, Happening::OldStops { epoch });
                self.runtime.tell(|| What::Second { epoch: epoch + 1 });
                self.end_session();
                self.recover();
            }
            Fault::Lag { lasts, .. } => {
                if !self.program.is_there() || self.program.lags {
                    return false;
                }
                self.program.lags = true;
                self.runtime.tell(text);
                self.runtime.queue.after(micros(*lasts), Class::Fault, Happening::CatchUp);
            }
            Fault::Gate { who, lasts, answer, .. } => {
                if !self.scenario.has_gates() {
                    return false;
                }
                let until = lasts.map(|lasts| self.runtime.now().saturating_add(micros(lasts)));
                self.runtime.tell(text);
                self.backend.befall_gates(who, until, *answer);
            }
            Fault::Undead { task, .. } => {
                let Some(nth) = self.living(task) else { return false };
                self.runtime.tell(text);
                self.cluster.tasks[nth as usize].lost = Some(self.runtime.session);
                self.backend.lose(&mut self.cluster, &mut self.runtime, nth);
            }
            Fault::Foreign { task, .. } => {
                let Some(task) = self.living(task) else { return false };
                self.runtime.tell(text);
                let ends = Happening::Foreign { task, serial: u64::MAX, seen: Seen::Ended(End::Killed) };
                self.runtime.queue.after(FOREIGN_ENDS, Class::Answer, ends);
                self.foreign(task, u64::MAX - 1, Seen::Running { ready: true });
            }
            Fault::Launch { .. } | Fault::Crash { .. } | Fault::Echo { .. } | Fault::Random(_) => {}
        }
        true
    }

    /// The living task of this name, such as `kafka-0-broker`.
    fn living(&self, text: &str) -> Option<u32> {
        let (id, name) = self.cluster.named(self.scenario.models(), text)?;
        let mut tasks = self.cluster.tasks_of(id).rev();
        tasks.find(|(_, task)| task.name == name && task.lives()).map(|(nth, _)| nth)
    }

    pub(super) fn back(&mut self, node: u32) {
        if self.cluster.nodes[node as usize].silent {
            let name = self.cluster.nodes[node as usize].facts.name.clone();
            self.runtime.tell(|| What::Back { node: name });
            self.backend.back(&mut self.cluster, &mut self.runtime, node);
        }
    }

    /// Tells the observations of a node that were held back, and then the present state, to a later session.
    pub(super) fn thaw(&mut self, node: u32) {
        if self.cluster.nodes[node as usize].frozen.take().is_some() {
            self.backend.thawed(&mut self.cluster, &mut self.runtime, node);
        }
    }
}
