//! Why a host did not do something.

use std::path::PathBuf;

use plan_core::engine::Refusal;
use plan_core::spec::{NameError, SpecError};
use plan_driver::DriverError;
use plan_driver::backend::BackendError;
use plan_driver::store::StoreError;

use crate::folder::FolderError;

/// Why a host did not do something. Nothing was changed, but where a variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The host has no backend of this name.
    #[error("there is no backend `{name}`: the host has {}", .known.join(", "))]
    NoBackend {
        /// The name.
        name: String,
        /// The names of those that it has.
        known: Vec<&'static str>,
    },
    /// The backend cannot be used.
    #[error("the backend `{name}` cannot be used")]
    Backend {
        /// The backend.
        name: &'static str,
        /// Why, and what to do.
        source: BackendError,
    },
    /// The store cannot say which services there are.
    #[error("the records in `{}` cannot be used", .folder.display())]
    Store {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// What was given is not the name of a service or a plan.
    #[error("`{text}` is not a name")]
    Name {
        /// What was given.
        text: String,
        /// Why not.
        source: NameError,
    },
    /// The specification is of another service.
    #[error("the specification is of the service `{spec}`, and `{service}` was to be deployed")]
    OtherService {
        /// The service that was named.
        service: String,
        /// The service of the specification.
        spec: String,
    },
    /// The specification cannot be used, or the backend does not support it: all problems, with their places.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The token of the API cannot be used.
    #[cfg(feature = "api")]
    #[error(transparent)]
    Token(#[from] plan_api::TokenError),
    /// The API does not listen.
    #[cfg(feature = "api")]
    #[error(transparent)]
    Listen(#[from] plan_api::ListenError),
    /// The engine refuses, and says why.
    #[error(transparent)]
    Refused(Refusal),
    /// The service does not answer. After [`DriverError::Unknown`] the request may be done or not.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// There is no run of the plan that could be waited for, as another request came between.
    #[error("no run of a plan is to be found: another request came between")]
    NoRun,
}
