//! A specification that was loaded. Invariant: it has no error, and knows the places of its parts in its file.

use std::sync::Arc;

use plan_core::plan::Model;
use plan_core::spec::{Checked, Problem, ServiceSpec};

use crate::file::{FileReading, SpecFile};

/// A specification that was loaded and is good.
#[derive(Debug, Clone)]
pub struct Loaded {
    model: Arc<Model>,
    file: SpecFile,
    reading: FileReading,
}

impl Loaded {
    /// The specification of a file, if it is good.
    pub(crate) fn of(file: SpecFile) -> Result<Checked<Self>, Vec<Problem>> {
        let mut reading = file.check();
        let problems = std::mem::take(&mut reading.problems);
        match reading.model.clone() {
            Some(model) => Ok(Checked::new(Self { model, file, reading }, problems)),
            None => Err(problems),
        }
    }

    /// The specification.
    pub fn spec(&self) -> &ServiceSpec {
        self.model.spec()
    }

    /// The specification, compiled: what engines, drivers and the simulator take.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The file that it was read from.
    pub fn file(&self) -> &SpecFile {
        &self.file
    }

    /// Problems that others have with the specification, each at its place in the file, in the order of the places.
    /// What a backend does not support is such a problem.
    pub fn located(&self, found: Vec<Problem>) -> Vec<Problem> {
        self.file.located(&self.reading, found)
    }
}
