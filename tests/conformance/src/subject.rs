//! What the author of a backend tells the suite.
//!
//! Invariant: nothing here says what a backend must do. A subject makes clusters, names commands for tasks, and says
//! with a reason what cannot be tested on it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use plan_core::engine::Incarnation;
use plan_core::plan::Model;
use plan_core::spec::NodeName;
use plan_driver::backend::{Backend, BackendError};

/// A backend that the suite tests.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The name of the backend, at the head of its column.
    fn name(&self) -> &'static str;

    /// The command of a task that does this. The default suits backends that run commands with `/bin/sh -c`.
    fn command(&self, does: Does) -> &'static str {
        match does {
            Does::Runs => "exec sleep 1000",
            Does::Finishes => "echo done",
            Does::Fails => "echo 'no space left' >&2; exit 3",
            Does::Stays => "trap '' TERM; while :; do sleep 0.1; done",
            Does::GetsReady => "sleep 0.3; touch ready; exec sleep 1000",
            Does::IsReady => "test -e ready",
            Does::IsRefused => "exec sleep 1001",
        }
    }

    /// Makes a cluster in which nothing runs, for one scenario. Only the suite's service will run there. A node must
    /// have room for one instance of the service's pod `big` (3 processors) and not for two, and there must be 2 to 7
    /// nodes.
    ///
    /// # Errors
    /// The cluster cannot be made.
    async fn cluster(&self, model: &Arc<Model>) -> Result<Box<dyn Cluster>, BackendError>;

    /// What cannot be tested on this backend, each with the reason.
    fn lacks(&self) -> &'static [(Need, &'static str)] {
        &[]
    }

    /// Promises that this backend does not make, by the names of their scenarios, each with the reason.
    fn leaves_out(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// How long the suite waits for something that must happen.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// How long the suite waits for something that must not happen.
    fn quiet(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// How many scenarios may run at the same time, each on a cluster of its own.
    fn at_once(&self) -> usize {
        1
    }
}

/// A cluster of a subject. It outlives the backend.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Starts the backend on this cluster: at first, and again after the one before was completely dropped.
    ///
    /// # Errors
    /// The backend does not start.
    async fn start(&mut self) -> Result<Arc<dyn Backend>, BackendError>;

    /// Makes a task fail, if its command cannot do that.
    async fn fail(&mut self, task: &Incarnation) {
        let _ = task;
    }

    /// Makes a node silent. Called only if the subject has [`Need::Silence`] or [`Need::Loss`].
    async fn silence(&mut self, node: &NodeName) {
        let _ = node;
    }

    /// Makes a silent node heard again, with everything on it.
    async fn hear(&mut self, node: &NodeName) {
        let _ = node;
    }

    /// Makes a node go for good, now or soon.
    async fn lose(&mut self, node: &NodeName) {
        let _ = node;
    }
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Does {
    /// It runs until it is ended, and ends when it is asked to.
    Runs,
    /// It ends with success.
    Finishes,
    /// It ends without success, and leaves a message.
    Fails,
    /// It does not end when it is asked to.
    Stays,
    /// It runs, and its readiness check passes after a while.
    GetsReady,
    /// It is that readiness check.
    IsReady,
    /// It cannot be run on this backend, whatever room there is.
    IsRefused,
}

/// What a scenario needs of a backend or its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Nodes whose room is bounded.
    Room,
    /// Tasks that fail.
    Failure,
    /// Ends that have a message.
    Words,
    /// Tasks that do not end when they are asked to.
    Grace,
    /// Readiness checks.
    Readiness,
    /// Questions about a running task.
    Questions,
    /// Questions whose command is run: its exit code and last line are the answer.
    Commands,
    /// Several installations in one cluster.
    Installations,
    /// Nodes that become silent, and are heard again.
    Silence,
    /// Nodes that are gone for good.
    Loss,
    /// Addresses of tasks.
    Addresses,
    /// Configurations that are refused when room is asked for ([`Does::IsRefused`]).
    Refusals,
    /// Notes of its own in the service's records.
    Notes,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Room => "nodes with bounded room",
            Self::Failure => "tasks that fail",
            Self::Words => "ends with words",
            Self::Grace => "tasks that do not end when asked",
            Self::Readiness => "readiness checks",
            Self::Questions => "questions beside a task",
            Self::Commands => "questions that run their command",
            Self::Installations => "several installations",
            Self::Silence => "nodes that fall silent and come back",
            Self::Loss => "nodes that are gone for good",
            Self::Addresses => "addresses of tasks",
            Self::Refusals => "configurations that are refused for good",
            Self::Notes => "notes of its own",
        })
    }
}
