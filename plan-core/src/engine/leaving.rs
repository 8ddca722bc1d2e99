//! Leaving: instances that leave for good, and finally the service.
//!
//! Invariant: an instance that leaves keeps its record until all that it has is a debt. The service keeps its record
//! until no debt is left.

use super::at::At;
use super::effects::{Command, Event};
use super::reason::Verdict;
use super::record::{DebtCause, Key};
use super::rules::{Question, Whom, eligible};
use super::session::agenda::Item;
use super::session::reconciliation::{Asked, Whose};
use super::transition::Transition;
use super::waker::Waker;

impl Transition<'_> {
    /// Removes the next instance that the target does not have, once the debts of the one before are settled. In an
    /// uninstall it removes all at once.
    pub(super) fn consider_leavers(&mut self) {
        let uninstalling = self.state.service().uninstalling;
        if let Some(at) = self.state.next_leaver() {
            if eligible(&Question::of_leaver(self.state, at), self.session) != Verdict::Allow {
                return;
            }
            self.remove_instance(
                at,
                if uninstalling { DebtCause::Uninstall } else { DebtCause::Decommission },
            );
            self.awaken(Waker::Left, Whom::Leavers);
        } else if let Some(question) = Question::of_farewell(self.state, &self.session.farewell)
            && eligible(&question, self.session) == Verdict::Allow
        {
            self.deregister();
        }
    }

    /// Removes an instance for good: what it has becomes a debt, and its record is deleted.
    fn remove_instance(&mut self, at: At, cause: DebtCause) {
        self.withdraw_where(at, |_| true);
        let slots = self.state.record(at).map(|record| record.slots()).unwrap_or_default();
        let occupants = slots.iter().filter_map(|slot| slot.occupant());
        let asked: Vec<Asked> = occupants.map(|o| (Whose::Instance(at), o.launch, o.task.clone())).collect();
        self.abandon_place(at, cause, None);
        self.mark_changed(at);
        if self.state.leaves(at) {
            self.awaken(Waker::Members, Whom::WaitingFor(at.pod));
        }
        self.session.agenda.take(Item::Recovery(at));
        self.session.kills.spare_all(at);
        self.session.reconciliation.forget(asked.iter());
        // A launch that this same input commanded is dropped, as the debt covers it now.
        let name = self.name(at);
        let launches = |command: &Command| matches!(command, Command::Launch(of) if of.instance == name);
        self.drop_commands(launches);
        self.note_left([at.pod]);
    }

    /// Asks the backend to forget the service, as nothing else of it is left.
    fn deregister(&mut self) {
        self.session.farewell.said(self.now);
        self.command(Command::Deregister);
    }

    /// Deletes all records, once the backend has forgotten the service.
    pub(super) fn dissolve(&mut self) {
        let state = &*self.state;
        let nothing = state.service().uninstalling && state.debts.is_empty() && state.next_leaver().is_none();
        if !nothing || !self.session.farewell.is_said() {
            return;
        }
        let specs = [Some(state.model().hash()), state.previous().as_ref().map(|model| model.hash())];
        let mut keys: Vec<Key> = vec![Key::Clock, Key::Service];
        keys.extend(specs.into_iter().flatten().map(Key::Spec));
        keys.extend(state.confs().keys().map(|&conf| Key::Conf(conf)));
        keys.extend(state.ended().keys().map(|&run| Key::Run(run)));
        keys.extend(state.plans().keys().map(|plan| Key::Plan(plan.clone())));
        keys.extend(state.audit().keys().map(|&number| Key::Audit(number)));
        keys.extend(state.notes().keys().map(|name| Key::Note(name.clone())));
        keys.sort_unstable();
        keys.dedup();
        self.writes.delete_all(keys);
        self.event(Event::Uninstalled);
        self.note_dissolved();
    }
}
