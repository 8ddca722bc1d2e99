//! Runs services in a program of your own, in a few lines: a folder of a specification, a data folder, a backend by name.
//!
//! A [`Host`] has what a scheduler needs: the lock on its data folder, the store with the records, the backend, and the
//! driver that runs the engine of each service. A specification is deployed, and the plan that does it is waited for:
//! [`Run::done`] ends however the plan ends, and says why if it cannot.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use plan_host::Host;
//!
//! fn main() -> ExitCode {
//!     // The backend `local` starts this program again, as the keeper of a task.
//!     if let Some(code) = plan_host::helper() {
//!         return code;
//!     }
//!     let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
//!     match runtime.block_on(run()) {
//!         Ok(()) => ExitCode::SUCCESS,
//!         Err(error) => {
//!             eprintln!("{error}");
//!             ExitCode::FAILURE
//!         }
//!     }
//! }
//!
//! async fn run() -> Result<(), Box<dyn std::error::Error>> {
//!     let spec = plan_load::folder("specs/shop")?.warn(|warning| eprintln!("{warning}"));
//!     let host = Host::builder("data").backend("local").open().await?;
//!     host.service("shop").deploy(spec).await?.done().await?;
//!     host.stop().await; // Tasks go on running; the next host finds them.
//!     Ok(())
//! }
//! ```
//!
//! # The helper of `local`
//!
//! The backend `local` keeps each task in a small process of its own, which outlives the host. It starts that process from
//! the running program. So the first statement of `main` is [`helper`]. A test that uses `local` needs such a `main` too: it
//! is a test with `harness = false` in `Cargo.toml`. `examples/embedded.rs` and `tests/embedded.rs` show both. A program
//! that cannot do that names the program `planwright-shim` in `LocalOptions::shim`, and hands the backend over with
//! [`HostBuilder::opened`].
//!
//! # What counts as failed
//!
//! [`Run::done`] says.
//!
//! # What it leaves out
//!
//! It has no command line and no screen, and does not log where nobody listens. It is not needed by those who bring a store,
//! a backend and a loop of their own: they take `plan-driver`, or `plan-core` alone.

#[cfg(feature = "api")]
mod api;
mod converging;
mod deploy;
mod error;
mod files;
pub mod folder;
mod host;
mod kind;
#[cfg(feature = "local")]
mod local;
mod patience;
pub mod prelude;
mod run;
mod submit;

// What their types are in public signatures: whoever names one needs the same version.
pub use {plan_driver, plan_driver::plan_core, plan_load};

pub use converging::converging;
pub use deploy::{Deploy, Deployable, Start};
pub use error::HostError;
pub use files::{is_alive, replace};
pub use folder::Records;
pub use host::{Host, HostBuilder, HostedService};
pub use kind::{HostedKind, HostedKinds, Leftovers, OneBackend};
#[cfg(feature = "local")]
pub use local::{kind as local_kind, start as start_local};
pub use patience::patiently;
#[cfg(feature = "api")]
pub use plan_api;
pub use run::{NotDone, Run};
pub use submit::{Submission, Submitted, Submitter, submit};

/// Runs as a helper, if the backend `local` has started this process as one. It is the first statement
/// of a program that runs `local`; what it gives is the program's exit code then.
#[cfg(feature = "local")]
pub fn helper() -> Option<std::process::ExitCode> {
    HostedKinds::default().helper()
}

/// The example of the crate's page is compiled as this type's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
