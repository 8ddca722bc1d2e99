//! Where things are in the data folder.
//!
//! Invariant: every path that this crate writes or removes is made here, below the root, of names that hold neither
//! slash nor dot-dot: a name of a service, instance or task cannot lead elsewhere.

mod within;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use plan_core::engine::{Handle, Number};
use plan_core::plan::ContentHash;
use plan_core::spec::{InstanceName, NodeName, TaskName};
use plan_driver::backend::Identity;

pub(crate) use within::{Linked, parent_in, relative};

/// The data folder.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Services, each with its installations.
    pub(crate) fn services(&self) -> PathBuf {
        self.root.join("services")
    }

    /// All that one installation of a service has here.
    pub(crate) fn installation(&self, of: &Identity) -> PathBuf {
        self.services().join(file_name(of.service.as_str())).join(file_name(&of.installation.0))
    }

    /// Places of instances, by handle.
    pub(crate) fn places(&self, of: &Identity) -> PathBuf {
        self.installation(of).join("places")
    }

    /// What is kept for one handle.
    pub(crate) fn place(&self, of: &Identity, handle: &Handle) -> PathBuf {
        self.places(of).join(file_name(&handle.0))
    }

    /// Instances, each with its runs.
    pub(crate) fn instances(&self, of: &Identity) -> PathBuf {
        self.installation(of).join("instances")
    }

    /// One launch of one task.
    pub(crate) fn run(
        &self,
        of: &Identity,
        instance: &InstanceName,
        task: &TaskName,
        launch: Number,
    ) -> RunFolder {
        let name = format!("{}.{launch}", file_name(task.as_str()));
        RunFolder(self.instances(of).join(file_name(&instance.to_string())).join(name))
    }

    /// Nodes that were lost.
    pub(crate) fn lost(&self) -> PathBuf {
        self.root.join("lost")
    }

    /// One node that was lost.
    pub(crate) fn lost_node(&self, node: &NodeName) -> PathBuf {
        self.lost().join(format!("{}.json", file_name(node.as_str())))
    }

    /// What was fetched.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// What is being removed.
    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }
}

/// The folder of one launch of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What the task sees as its own.
    pub(crate) fn sandbox(&self) -> PathBuf {
        self.0.join("sandbox")
    }

    /// What is to run.
    pub(crate) fn order(&self) -> PathBuf {
        self.0.join("order.json")
    }

    /// Who creates it decides whether the task runs.
    pub(crate) fn claim(&self) -> PathBuf {
        self.0.join("claim")
    }

    /// Which processes it became.
    pub(crate) fn launch(&self) -> PathBuf {
        self.0.join("launch.json")
    }

    /// That it is to end.
    pub(crate) fn kill(&self) -> PathBuf {
        self.0.join("kill.json")
    }

    /// How it ended.
    pub(crate) fn exit(&self) -> PathBuf {
        self.0.join("exit.json")
    }

    /// Is there while the task is ready.
    pub(crate) fn ready(&self) -> PathBuf {
        self.0.join("ready")
    }

    /// Is there when the engine's records hold the end.
    pub(crate) fn told(&self) -> PathBuf {
        self.0.join("told")
    }

    /// Wakes the shim.
    pub(crate) fn bell(&self) -> PathBuf {
        self.0.join("bell")
    }

    /// What the shim has to say.
    pub(crate) fn shim_log(&self) -> PathBuf {
        self.0.join("shim.log")
    }
}

/// A file name for a name of the specification: letters, digits, `-` and `_` are themselves, a dot where it is not
/// the first, and all else is `%` and two digits. Two names never share one.
pub(crate) fn file_name(text: &str) -> String {
    /// Below the 255 of Linux, with room for what is put after it.
    const LONGEST: usize = 180;
    let mut name = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' if at > 0 => name.push('.'),
            b'-' | b'_' => name.push(byte as char),
            _ if byte.is_ascii_alphanumeric() => name.push(byte as char),
            // Writing to a string cannot fail.
            _ => write!(name, "%{byte:02x}").unwrap_or_default(),
        }
    }
    if name.is_empty() {
        name.push('%');
    }
    if name.len() > LONGEST {
        let hash = ContentHash::of(text.as_bytes());
        // Only ASCII is in it, so that every index is at a character's begin.
        name.truncate(LONGEST - 34);
        write!(name, "%~{hash}").unwrap_or_default();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_elsewhere() {
        let long = "x".repeat(253);
        let longer = "/".repeat(253);
        let table = [
            ("kafka-0", "kafka-0"),
            ("/group/kafka", "%2fgroup%2fkafka"),
            ("..", "%2e."),
            (".", "%2e"),
            ("a.b", "a.b"),
            ("a b", "a%20b"),
            ("", "%"),
        ];
        for (text, name) in table {
            assert_eq!(file_name(text), name);
        }
        for text in [long.as_str(), longer.as_str()] {
            let name = file_name(text);
            assert!(name.len() <= 180 && !name.contains('/'), "{name}");
        }
        assert_ne!(file_name(&"/".repeat(252)), file_name(&longer));
    }
}
