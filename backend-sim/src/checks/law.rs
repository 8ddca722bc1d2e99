//! What must hold for every engine between two inputs.
//!
//! Invariant: a check asks a copy of the engine, and never the engine that runs.

use plan_core::engine::{Effects, Input, Wall};

use crate::violation::CheckName;

use super::scene::{Scene, Verdict};

impl Scene<'_> {
    /// The first law: state is records.
    pub(crate) fn recover_equals_live(&self) -> Verdict {
        let mut live = self.engine.clone();
        let live_effects = live.handle(Wall(self.time), Input::SessionLost);
        let recovered = match self.scenario.recover(self.store.records().cloned()) {
            Ok(engine) => engine,
            Err(error) => {
                return self.violation(
                    CheckName::RecoverEqualsLive,
                    "an engine can be recovered from the store",
                    error.to_string(),
                );
            }
        };
        if let Some(broken) = self.engine.broken_invariants().into_iter().next() {
            return self.violation(CheckName::Invariant, "what holds between two inputs holds", broken);
        }
        if recovered.digest() != live.digest() {
            return self.violation(
                CheckName::RecoverEqualsLive,
                "the digest of the live engine is that of the recovered one",
                format!("live {:?}, recovered {:?}", live.digest(), recovered.digest()),
            );
        }
        if recovered != live {
            let (live, recovered) = (format!("{live:#?}"), format!("{recovered:#?}"));
            let first = live.lines().zip(recovered.lines()).find(|(live, recovered)| live != recovered);
            let found = first.map_or_else(
                || "one is longer than the other".to_owned(),
                |(live, recovered)| format!("live `{}`, recovered `{}`", live.trim(), recovered.trim()),
            );
            return self.violation(
                CheckName::RecoverEqualsLive,
                "the live engine, its session forgotten, equals the recovered one",
                found,
            );
        }
        let quiet = live_effects.writes.is_empty() && live_effects.commands.is_empty();
        if !quiet || live_effects.wake_at != self.engine.model().map(|_| Wall(self.time)) {
            return self.violation(
                CheckName::RecoverEqualsLive,
                "losing the session writes and commands nothing, and asks for a wake at once",
                format!("{live_effects:?}"),
            );
        }
        Ok(())
    }

    /// A wake that the engine did not ask for has no effect.
    pub(crate) fn waits_for_no_wake(&self, wake_at: Option<Wall>) -> Verdict {
        let now = Wall(self.time);
        if wake_at.is_some_and(|at| at <= now) {
            return Ok(());
        }
        let Effects { writes, commands, .. } = self.engine.clone().handle(now, Input::Wake);
        if writes.is_empty() && commands.is_empty() {
            return Ok(());
        }
        self.violation(
            CheckName::Woken,
            "an engine that has something to do asks to be woken",
            format!("it asks for {wake_at:?}, and writes {writes:?} and commands {commands:?} when it is woken now"),
        )
    }
}
