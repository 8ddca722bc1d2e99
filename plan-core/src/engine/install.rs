//! The first target: the service is installed, and its first run begins.
//!
//! Invariant: a target that is refused leaves no service behind.

use std::sync::Arc;

use super::Engine;
use super::effects::{Effects, Event};
use super::input::Target;
use super::record::{Record, RunKind, ServiceRecord};
use super::reply::Reply;
use super::runs::Interrupted;
use super::state::State;
use super::time::Wall;
use super::transition::Transition;

impl Engine {
    /// Takes the first target: installs the service, and begins to deploy it.
    pub(super) fn install(&mut self, wall: Wall, target: Target) -> Effects {
        let Target { model, installation, plan, by } = target;
        let service = ServiceRecord {
            name: model.spec().name().clone(),
            installation,
            target: model.hash(),
            converging: 0,
            deployed: false,
            previous: None,
            leaving: Vec::new(),
            replaced: None,
            uninstalling: false,
        };
        let state = State::new(Arc::new(service), model.clone());
        let layout = match state.converging_plan(&model, plan.as_ref(), &[]) {
            Ok(layout) => layout,
            Err(refusal) => {
                return Effects { reply: Some(Reply::Refused(refusal)), ..Effects::default() };
            }
        };
        self.session.reconciliation.nothing_to_ask();
        let state = self.state.insert(state);
        state.set_bugs(self.zoo);
        let now = self.clock.time;
        let mut transition =
            Transition::new(now, wall, &mut self.clock, state, &mut self.session, &mut self.digest);
        transition.writes.put_new(Record::Spec(model.clone()));
        transition.keep_confs(&model);
        // The digest of a new service is that of no records: a record that is not written yet is not counted.
        transition.writes.put_new(Record::Service(transition.state.service().clone()));
        let run = transition.begin_run(&layout, RunKind::Converging, None, Interrupted::default());
        transition.change_service(|service| service.converging = run);
        transition.event(Event::Target { spec: model.hash(), plan: layout.name.clone() });
        let reply = Reply::Done;
        let reply = match by {
            Some(by) => transition.note(by, format!("target {}", model.hash()), reply),
            None => reply,
        };
        transition.reply(reply);
        transition.work_off_agenda();
        transition.finish()
    }
}
