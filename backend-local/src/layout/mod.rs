//! Where things are in the data folder.
//!
//! Invariant: every path that this crate writes or removes is made here, below the root. Its names have neither a slash
//! nor dot-dot, so the name of a service, instance or task cannot lead elsewhere.

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

    /// The folder of one installation of a service.
    pub(crate) fn installation(&self, of: &Identity) -> PathBuf {
        self.services().join(file_name(of.service.as_str())).join(file_name(&of.installation.0))
    }

    /// Places of instances, by handle.
    pub(crate) fn places(&self, of: &Identity) -> PathBuf {
        self.installation(of).join("places")
    }

    /// The folder of one place, by its handle.
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

    /// The cache of fetched files.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The folder for what is being removed.
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

    /// The task's sandbox.
    pub(crate) fn sandbox(&self) -> PathBuf {
        self.0.join("sandbox")
    }

    /// The order.
    pub(crate) fn order(&self) -> PathBuf {
        self.0.join("order.json")
    }

    /// The process that creates this file decides whether the task runs.
    pub(crate) fn claim(&self) -> PathBuf {
        self.0.join("claim")
    }

    /// The processes that the task became.
    pub(crate) fn launch(&self) -> PathBuf {
        self.0.join("launch.json")
    }

    /// The request to end the task.
    pub(crate) fn kill(&self) -> PathBuf {
        self.0.join("kill.json")
    }

    /// How the task ended.
    pub(crate) fn exit(&self) -> PathBuf {
        self.0.join("exit.json")
    }

    /// This file exists while the task is ready.
    pub(crate) fn ready(&self) -> PathBuf {
        self.0.join("ready")
    }

    /// This file exists when the engine's records have the end.
    pub(crate) fn told(&self) -> PathBuf {
        self.0.join("told")
    }

    /// Wakes the shim.
    pub(crate) fn bell(&self) -> PathBuf {
        self.0.join("bell")
    }

    /// The log of the shim.
    pub(crate) fn shim_log(&self) -> PathBuf {
        self.0.join("shim.log")
    }
}

/// A file name for a name of the specification. Letters, digits, `-` and `_` stay, and so does a dot that is not the
/// first character. Every other byte is `%` and two digits. Two names never have the same file name.
pub(crate) fn file_name(text: &str) -> String {
    /// Below the limit of 255 of Linux, with room for a suffix.
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
        // The text is ASCII, so every index is at the beginning of a character.
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
