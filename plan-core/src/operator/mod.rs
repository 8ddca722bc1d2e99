//! Custom schedulers: programs that see what happens to a service, and act on it.
//!
//! An [`Operator`] is a value with three methods: [`reconcile`](Operator::reconcile) looks at how things are,
//! [`on_event`](Operator::on_event) takes one event, and [`every`](Operator::every) is called at intervals. Each gets a
//! [`Context`]: the time, the engine to read, and the verbs and targets that the operator says. The same value runs in
//! the simulator (`backend_sim::run_with_operator`) and on the driver (`plan_driver::Service::operate`).
//!
//! Invariant: an operator speaks through the engine's door alone, by requests with ids. The engine never calls one.
//!
//! ```
//! use plan_core::engine::{Engine, Event, InstallationId, Input, Parameters, RunOutcome, Target, Verb, Wall};
//! use plan_core::operator::{Called, Context, Operator};
//!
//! /// Starts the plan `backup` after each deployment.
//! struct Backup;
//!
//! impl Operator for Backup {
//!     fn name(&self) -> &str {
//!         "backup"
//!     }
//!
//!     // The events of a deployment may be lost. The history of its runs is a level.
//!     fn reconcile(&mut self, context: &mut Context<'_>) -> Called {
//!         if let Some(ended) = context.engine().runs("deploy").last() {
//!             let id = format!("after-{}", ended.run);
//!             if ended.outcome == RunOutcome::Complete {
//!                 context.verb(&id, Verb::Start { plan: "backup".parse()?, parameters: Parameters::new() });
//!             }
//!         }
//!         Ok(())
//!     }
//!
//!     fn on_event(&mut self, context: &mut Context<'_>, event: &Event) -> Called {
//!         match event {
//!             Event::RunEnded { plan, .. } if *plan == "deploy" => self.reconcile(context),
//!             _ => Ok(()),
//!         }
//!     }
//! }
//!
//! // A test of an operator needs an engine and nothing else.
//! let engine = Engine::new();
//! let mut context = Context::new(Backup.name(), Wall(0), &engine);
//! Backup.reconcile(&mut context)?;
//! assert!(context.acts().is_empty(), "there is no service yet");
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! # What an operator can rely on
//!
//! - **The first call** is `reconcile`. The engine was read from its records by then. There may be no service yet
//!   ([`Engine::model`](crate::engine::Engine::model) is `None`). The backend may not have said yet what runs
//!   ([`Engine::has_heard`](crate::engine::Engine::has_heard)).
//! - **Events** are told once, in order, and after they are durable. Between two calls of `reconcile` none is missing.
//!   Events are lost when the operator lags behind by more than the driver keeps, when the engine is read from its
//!   records again, when the program starts again, and when a call fails. Each time `reconcile` is the next call.
//! - **The engine** in a context shows all that the events told so far led to, and maybe more. It does not change
//!   during a call.
//! - **Requests** are said in the order in which the operator queued them, until each has a reply. One id is done once,
//!   also where the same id is said by the operator's next process. The engine remembers the last
//!   [`AuditRecord::KEPT`](crate::engine::AuditRecord::KEPT) requests of all who ask. A refusal is remembered too: what
//!   is to be tried again later needs another id.
//! - **A call that fails**, by an error or by a panic, says nothing: what it queued is dropped. The driver logs it, waits,
//!   and calls `reconcile`. The simulator ends the run: it returns the error, and a panic goes on.
//! - **Failures of a task** ([`TaskHistory::failures`](crate::engine::TaskHistory::failures)) are counted in a row, not for
//!   ever. An end that nobody asked for counts, and so does a launch that the backend refuses. The count begins anew
//!   when the task ends after it had its goal for ten minutes, when a task with the goal `ONCE` or `FINISH` finishes,
//!   when a target gives the task another configuration, when its instance goes elsewhere, and when its instance or
//!   its step is restarted, or its instance paused or resumed. Only
//!   [`TaskHistory::never`](crate::engine::TaskHistory::never) stands: the backend will not launch this configuration, until
//!   a target or an operator says otherwise.
//! - **A task with the goal `ONCE`** runs again in each run of a side plan, since a side plan is an act. In the plan that
//!   makes a target so, a launch of the same configuration that finished before counts, and it does not run again.

mod context;

pub use context::{Act, Context};

use std::time::Duration;

use crate::engine::{Event, Reply};

/// What comes of a call of an operator: nothing to say, or an error of any kind.
pub type Called = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A custom scheduler: it sees what happens to a service, and acts on it.
///
/// The [module](self) says what it can rely on.
pub trait Operator {
    /// Its name. It stands in the audit as who asked, and before the id of each request, so that two operators of one
    /// service do not take each other's ids. It does not change.
    fn name(&self) -> &str;

    /// Looks at how things are, and acts on it.
    ///
    /// This is the first call, and the next one whenever events may be lost. What the operator counts or remembers
    /// itself may be out of date by then.
    ///
    /// # Errors
    /// Of the operator's own.
    fn reconcile(&mut self, context: &mut Context<'_>) -> Called;

    /// Takes something that happened.
    ///
    /// # Errors
    /// Of the operator's own.
    fn on_event(&mut self, context: &mut Context<'_>, event: &Event) -> Called {
        let (_, _) = (context, event);
        Ok(())
    }

    /// Takes the reply to what the operator said under this id.
    ///
    /// A target that the backend does not support is refused, item by item.
    ///
    /// # Errors
    /// Of the operator's own.
    fn on_reply(&mut self, context: &mut Context<'_>, id: &str, reply: &Reply) -> Called {
        let (_, _, _) = (context, id, reply);
        Ok(())
    }

    /// How long after one call of [`every`](Self::every) the next one follows; `None` calls it never. It is asked after
    /// each call.
    fn interval(&self) -> Option<Duration> {
        None
    }

    /// Looks at what comes from elsewhere: the time, figures, a calendar.
    ///
    /// While there is no engine, a call is left out.
    ///
    /// # Errors
    /// Of the operator's own.
    fn every(&mut self, context: &mut Context<'_>) -> Called {
        let _ = context;
        Ok(())
    }
}
