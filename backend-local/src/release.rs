//! Gives places back.
//!
//! Invariant: a place is given back when its folder is gone, and only then is the release answered.

use std::sync::Arc;

use plan_core::engine::{CommandOutcome, Release, ReleaseAnswer};
use plan_driver::backend::Identity;

use crate::blocking::blocking;
use crate::inner::Inner;
use crate::prune::throw_away;
use crate::room::ServiceKey;
use crate::state::Say;

/// Gives a place back, with its volumes.
pub(crate) async fn pay(inner: Arc<Inner>, key: ServiceKey, release: Release) {
    let identity = Identity { service: key.0.clone(), installation: key.1.clone() };
    let (layout, folder) = (inner.layout.clone(), inner.layout.place(&identity, &release.handle));
    let removed = blocking(move || throw_away(&layout, &folder)).await;
    let mut state = inner.state();
    let answer = match removed {
        Ok(()) => {
            state.book.release(&key, &release.instance, &release.handle);
            state.look_again();
            ReleaseAnswer::Done
        }
        Err(error) => ReleaseAnswer::Retry(error.to_string().into()),
    };
    state.sessions.say(&key, Say::Outcome(CommandOutcome::Release { debt: release.debt, answer }));
}
