//! What a program with a host needs, in one line: `use plan_host::prelude::*`.
//!
//! It has what `plan_driver::prelude` has, the crate `plan_load` with the types that it hands out, and a host.

pub use plan_driver::prelude::*;
pub use plan_load::{self, LoadOptions, Loaded};

pub use crate::{Host, HostError, HostedKind, HostedKinds, HostedService, NotDone, Records, Run};
