//! The start of a session: the states of all launches that may live are asked for, and open orders go on.
//!
//! Invariant: no instance leaves, and no launch of a debt is told to end, before all launches were asked for.

use super::at::At;
use super::rules::Whom;
use super::state::State;
use super::tell::MOST_ASKED;
use super::transition::Transition;
use super::waker::Waker;

/// How many instances the start of a session looks at with one input.
const MOST_LOOKED_AT: usize = 1000;

impl Transition<'_> {
    /// Goes on with the start of a session: asks for the launches that may live, and goes on with instances that have
    /// none.
    pub(super) fn go_on_starting(&mut self) {
        let Some(from) = self.session.reconciliation.starts_from() else { return };
        let mut ask = Vec::new();
        let mut next = Some(from);
        for _ in 0..MOST_LOOKED_AT {
            let Some(at) = next.and_then(|at| self.state.first_from(at)) else {
                next = None;
                break;
            };
            next = Some(At { index: at.index + 1, ..at });
            if self.state.is_seen(at) {
                self.take_up(at);
            } else {
                ask.push(at);
                if ask.len() == MOST_ASKED {
                    break;
                }
            }
        }
        let question = self.ask(&ask);
        self.session.reconciliation.started(next, question);
        if self.session.is_live() {
            self.begin_live();
        }
    }

    /// Ends the start of a session: instances that leave are considered, and debts are pursued.
    pub(super) fn begin_live(&mut self) {
        self.awaken(Waker::AllAsked, Whom::Leavers);
        self.session.pursuits.begin(self.state.debts.iter().map(|debt| debt.number), self.now);
    }
}

impl State {
    /// The first instance with a record, from `at` on.
    fn first_from(&self, at: At) -> Option<At> {
        let pods = self.pods().iter().enumerate().skip(at.pod as usize);
        pods.into_iter().find_map(|(pod, instances)| {
            let from = if pod == at.pod as usize { at.index as usize } else { 0 };
            let index = instances.iter().skip(from).position(|instance| instance.is_known())? + from;
            Some(At { pod: pod as u32, index: index as u32 })
        })
    }
}
