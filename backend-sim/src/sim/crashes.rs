//! Stops the engine, and recovers it.
//!
//! Invariant: an engine that crashed is recovered from the store, under a new epoch, and from nothing else.

use std::collections::BTreeMap;

use plan_core::engine::Input;
use smol_str::SmolStr;

use crate::fault::CrashPoint;
use crate::latency::{RESTART, take};
use crate::queue::Class;
use crate::runtime::Happening;
use crate::trace::What;
use crate::violation::CheckName;

use super::{Fork, Sim};

/// Where the engine crashes, and how far the run is on the way there.
#[derive(Clone)]
pub(super) struct Crashes {
    at: Vec<(CrashPoint, u64)>,
    /// How many points of each kind were passed.
    passed: [u64; CrashPoint::ALL.len()],
}

impl Crashes {
    pub(super) fn new(at: Vec<(CrashPoint, u64)>) -> Self {
        Self { at, passed: [0; CrashPoint::ALL.len()] }
    }

    /// Passes a point. Returns its number among points of its kind, and whether the engine crashes there.
    fn pass(&mut self, point: CrashPoint) -> (u64, bool) {
        let count = &mut self.passed[point as usize];
        *count += 1;
        (*count, self.at.contains(&(point, *count)))
    }

    /// Ends the crashes.
    pub(super) fn end(&mut self) {
        self.at.clear();
    }

    /// How many points of each kind were passed.
    pub(super) fn passed(&self) -> BTreeMap<CrashPoint, u64> {
        CrashPoint::ALL.into_iter().zip(self.passed).collect()
    }
}

impl Sim<'_> {
    /// Passes a point at which the engine can crash.
    pub(super) fn crashes_at(&mut self, point: CrashPoint) -> bool {
        let (nth, crashes) = self.crashes.pass(point);
        if self.forks.is_some() {
            let mut sim = self.fork();
            sim.crash(point, nth);
            if let Some(forks) = &mut self.forks {
                forks.push(Fork { point, nth, sim });
            }
        }
        if !crashes {
            return false;
        }
        self.counts.faults += 1;
        self.crash(point, nth);
        true
    }

    fn crash(&mut self, point: CrashPoint, nth: u64) {
        self.runtime.tell(|| What::Crashed { point: SmolStr::new_static(point.name()), nth });
        self.engine = None;
        self.counts.crashes += 1;
        self.end_session();
        let delay = take(&mut self.runtime.choose, "restart", 0, &RESTART);
        self.runtime.queue.after(delay, Class::Cluster, Happening::Recover);
    }

    pub(crate) fn recover(&mut self) {
        self.epoch = self.store.begin_epoch();
        self.woken = false;
        let first = self.store.is_empty();
        match self.scenario.recover(self.store.records().cloned()) {
            Ok(engine) => self.engine = Some(engine),
            Err(error) => {
                let expected = "an engine can be recovered from the store".to_owned();
                return self.violate(CheckName::RecoverEqualsLive, expected, error.to_string());
            }
        }
        if !first {
            let epoch = self.epoch;
            self.runtime.tell(|| What::Recovered { epoch });
            // Reports that came while the engine was down are lost.
            self.end_session();
            self.backend.session_begins(&mut self.cluster, &mut self.runtime);
            self.feed(Input::SessionLost);
        }
        self.reconcile();
        for nth in 0..self.wishes.len() {
            self.wish(nth);
        }
    }
}
