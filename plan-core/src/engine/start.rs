//! The start of a session: all launches that may live are asked for, and what stands open goes on.
//!
//! Invariant: nobody is told to leave, and nothing that is owed to end, before all were asked.

use super::agenda::Item;
use super::at::At;
use super::reconcile::MOST_ASKED;
use super::record::Number;
use super::session::Stage;
use super::turn::Turn;

/// The start of a session looks at so many instances with one input.
const MOST_LOOKED_AT: usize = 1000;

impl Turn<'_> {
    /// Goes on with the start of a session: asks for launches that may live, and takes up the rest.
    pub(super) fn go_on_starting(&mut self) {
        let from = match self.session.stage {
            Stage::Starting(from) => from,
            Stage::Fresh | Stage::Live => return,
        };
        if self.session.start_asked.is_some() {
            return;
        }
        let mut ask = Vec::new();
        let mut next = Some(from);
        for _ in 0..MOST_LOOKED_AT {
            let Some(at) = next.and_then(|at| self.first_from(at)) else {
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
        self.session.stage = next.map_or(Stage::Live, Stage::Starting);
        if !ask.is_empty() {
            self.session.start_asked = self.ask(&ask);
        }
        self.begin_live();
    }

    /// The first instance with a record, from `at` on.
    fn first_from(&self, at: At) -> Option<At> {
        let pods = self.state.pods.iter().enumerate().skip(at.pod as usize);
        pods.into_iter().find_map(|(pod, instances)| {
            let from = if pod == at.pod as usize { at.index as usize } else { 0 };
            let index = instances.iter().skip(from).position(|instance| instance.record.is_some())? + from;
            Some(At { pod: pod as u32, index: index as u32 })
        })
    }

    /// Nobody is told to leave, and nothing that is owed to end, before all were asked.
    pub(super) fn begin_live(&mut self) {
        if self.session.is_live() {
            self.session.agenda.consider(Item::Leave);
            self.session.pursuits = self.state.debts.keys().map(|&debt| (debt, self.now)).collect();
        }
    }

    /// The start of the session goes on when its question was answered, or was not for long.
    pub(super) fn answer_start(&mut self, number: Number) {
        if self.session.start_asked == Some(number) {
            self.session.start_asked = None;
            self.begin_live();
        }
    }
}
