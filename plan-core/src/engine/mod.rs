//! The engine: what to do next, as a pure function of records and inputs.
//!
//! ```text
//! Engine::handle(now, Input) -> Effects { writes, commands, events, reply, wake_at }
//! Engine::recover(records)   -> Engine
//! ```
//!
//! Invariant: after any input, an engine that is recovered from the store equals this one with its session forgotten. A
//! driver makes `writes` durable in one batch, and only then carries `commands` out and gives `reply`. If a batch
//! fails, or its result is unknown, the driver drops the engine and recovers one from the store.

mod answers;
mod ask;
mod at;
mod backoff;
mod bug;
mod codec;
mod confs;
mod debts;
mod derive;
mod digest;
mod effects;
mod finish;
mod gates;
mod held;
mod input;
mod install;
mod invariants;
mod launch;
mod leaving;
mod moves;
mod note;
mod number;
mod observe;
mod orders;
mod places;
mod preview;
mod reason;
mod rebind;
mod reconcile;
mod record;
mod recording;
mod recover;
mod recovery;
mod remedy;
mod removed;
mod reply;
mod room;
mod rules;
mod runs;
mod session;
mod start;
mod state;
mod steps;
mod story;
#[cfg(feature = "zoo")]
mod subjects;
mod target;
mod tell;
mod time;
mod transition;

mod verbs;
mod view;
mod wake;
mod waker;
mod words;
mod work;
mod writes;
mod zoo;

pub use ask::{Answer, Ask, Check, Ruling};
#[cfg(not(feature = "zoo"))]
use bug::Bug;
#[cfg(feature = "zoo")]
pub use bug::Bug;
pub use codec::{CodecError, decode, encode};
pub use digest::Digest;
pub use effects::{Command, Effects, Event, Expected, Fit, Launch, LaunchTask, Release, Write};
pub use held::Held;
pub use input::{
    Author, CommandOutcome, FitAnswer, Found, Grant, Incarnation, Input, LaunchAnswer, Observation, Part,
    ReleaseAnswer, Request, Seen, Sighting, Snapshot, Target, Verb,
};
pub use note::{Note, NoteError, NoteName, NoteText};
pub use preview::{Preview, Restart};
pub use reason::{Reason, StepPath, Verdict, Why};
pub use record::{
    AuditRecord, Cause, DebtCause, DebtRecord, Domains, End, EndedRun, Handle, InstallationId, Key, Launched,
    Mark, Never, Number, Occupant, Order, OrderStage, OrderedTask, Owed, Parameters, Place, Purpose, Reached,
    Record, Relocation, RunKind, RunOutcome, Slot, StepMark, StepRef, StepTime, TaskState, Trouble,
};
pub use recording::{Entry, RECORDING_VERSION, Taken, effect_lines, same_effects};
pub use recover::RecoverError;
pub use remedy::Remedy;
pub use reply::{Refusal, RefusedItem, Reply};
pub use story::Story;
pub use time::{Time, Wall};
pub use view::{PhaseView, PlanView, PodView, RunView, StepView, TaskHistory, TaskView, Tree, TreeLine};
pub use words::{Address, Words};

/// The format on disk: what a [`Record`] holds. A store and a test of the engine need it. Everyone else reads an engine
/// by its views ([`PodView`], [`RunView`], [`PlanView`], [`TaskView`]).
pub mod records {
    pub use super::record::{ClockRecord, PlanRecord, PodRecord, RunRecord, ServiceRecord, TaskRecord};
}

use record::ClockRecord;
use rules::keepers;
use session::Session;
use state::{Instance, State};
use std::time::Duration;
use transition::Transition;

/// A plan engine for one service.
///
/// The engine reads no clock, draws no random number, does no I/O and keeps no thread. Everything comes in through
/// [`Engine::handle`] and goes out as [`Effects`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Engine {
    clock: ClockRecord,
    state: Option<State>,
    session: Session,
    digest: Digest,
    zoo: bug::Switch,
}

impl Engine {
    /// An engine without a service. The first [`Input::Target`] installs one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input, at this time of the machine's clock, and works it off completely.
    pub fn handle(&mut self, wall: Wall, input: Input) -> Effects {
        match input {
            Input::SessionLost => return self.forget_session(wall),
            Input::Target(target) if self.state.is_none() => return self.install(wall, target),
            _ => {}
        }
        let now = self.time(wall);
        let Some(state) = &mut self.state else { return nothing_installed(input) };
        let mut transition =
            Transition::new(now, wall, &mut self.clock, state, &mut self.session, &mut self.digest);
        transition.take(input);
        transition.work_off_agenda();
        if transition.is_dissolved() {
            let effects = transition.finish();
            *self = Self::default();
            return effects;
        }
        transition.finish()
    }

    /// The engine time that belongs to a time of the machine's clock.
    pub fn time(&self, wall: Wall) -> Time {
        self.clock.time.after(Duration::from_micros(wall.0.saturating_sub(self.clock.wall.0)))
    }

    /// The digest of the records without [`ClockRecord`].
    pub fn digest(&self) -> Digest {
        self.digest
    }

    fn forget_session(&mut self, wall: Wall) -> Effects {
        self.session = Session::default();
        let state = self.state.iter_mut().filter(|state| !state.bug(Bug::SessionKept));
        state.flat_map(State::instances_mut).for_each(Instance::forget_seen);
        Effects { wake_at: self.state.is_some().then_some(wall), ..Effects::default() }
    }
}

/// Handles an input before the first target. There is nothing that the input could be about.
fn nothing_installed(input: Input) -> Effects {
    let reply = matches!(input, Input::Verb(_)).then_some(Reply::Refused(Refusal::NoService));
    Effects { reply, ..Effects::default() }
}

impl Transition<'_> {
    fn take(&mut self, input: Input) {
        if self.session.is_superseded() && !self.bug(Bug::SupersededGoesOn) {
            if matches!(input, Input::Verb(_) | Input::Target(_)) {
                self.reply(Reply::Refused(Refusal::Superseded));
            }
            return;
        }
        keepers().for_each(|keeper| keeper.input_comes(self));
        match input {
            Input::Observed(observation) => self.observed(observation),
            Input::Outcome(outcome) => self.answered(outcome),
            Input::Snapshot(snapshot) => self.snapshot(snapshot),
            Input::Note(note) => self.keep_note(note),
            Input::Verb(request) => {
                let reply = self.verb(request);
                self.reply(reply);
            }
            Input::Target(target) => {
                let reply = self.target(target);
                self.reply(reply);
            }
            Input::Wake => self.wake(),
            // A lost session is handled before a transition begins.
            Input::SessionLost => {}
        }
    }

    fn answered(&mut self, outcome: CommandOutcome) {
        match outcome {
            CommandOutcome::Fit { instance, launch, answer } => {
                if let Some(at) = self.state.at(&instance) {
                    self.fit_answered(at, launch, answer);
                }
            }
            CommandOutcome::Launch { instance, launch, answer } => {
                if let Some(at) = self.state.at(&instance) {
                    self.launch_answered(at, launch, answer);
                }
            }
            CommandOutcome::Release { debt, answer } => self.released(debt, &answer),
            CommandOutcome::Ask { id, answer } => self.ask_answered(id, &answer),
            CommandOutcome::Deregistered => self.dissolve(),
        }
    }
}
