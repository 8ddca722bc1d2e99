//! A scheduler that was replaced, and does not know it.
//!
//! Invariant: this engine gets the reports of its own session and those that every engine gets, and cannot write.

use plan_core::engine::{Effects, Engine, Input, Wall};

use crate::queue::Class;
use crate::runtime::Happening;
use crate::trace::What;
use crate::violation::CheckName;

use super::Sim;

/// An engine that was replaced, and does not know it.
#[derive(Clone)]
pub(super) struct Old {
    pub(super) engine: Engine,
    pub(super) epoch: u64,
    pub(super) session: u32,
    pub(super) wake: u64,
    /// The last number that the engine gave out.
    pub(super) last: u64,
    /// Whether the engine was told of a launch with a higher number.
    pub(super) knows: bool,
}

impl Sim<'_> {
    /// Gives an input to the engine that was replaced. It cannot write, so it does nothing.
    pub(super) fn feed_old(&mut self, input: Input) {
        let Some(old) = &mut self.old else { return };
        old.knows |= matches!(&input, Input::Observed(observation) if observation.of.launch > old.last);
        let knows = old.knows;
        let Effects { writes, commands, wake_at, .. } =
            old.engine.handle(Wall(self.runtime.queue.now()), input);
        let epoch = old.epoch;
        if writes.is_empty() && commands.is_empty() {
            if let Some(Wall(at)) = wake_at {
                old.wake += 1;
                let nth = old.wake;
                self.runtime.queue.at(at, Class::Timer, Happening::OldWake { nth });
            }
            return;
        }
        self.old = None;
        if knows && self.scenario.checks.others {
            let expected =
                "an engine that was told of a launch newer than all of its own does nothing".to_owned();
            let found = format!("it writes {} records and gives {} commands", writes.len(), commands.len());
            self.violate(CheckName::Superseded, expected, found);
        }
        match self.store.commit(epoch, writes) {
            Err(_) => self.runtime.tell(|| What::Fenced { epoch }),
            Ok(()) => {
                let expected = "the store refuses what an engine that was replaced writes".to_owned();
                self.violate(CheckName::Fenced, expected, format!("it took a batch of epoch {epoch}"));
            }
        }
    }
}
