//! What a task needs of a node: resource sets, ports, volumes. Invariant: in a checked specification, the values follow
//! SDK rules R20 to R24. So a resource set has at least one resource that is not a volume.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::names::PortName;
use super::units::{Megabytes, PortNumber, Thousandths};

/// Resources that are held together, and used by one task at a time (SDK rule R19). The tasks of a pod that name
/// the same set take turns in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ResourceSet {
    /// Processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Thousandths>,
    /// Graphics processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Thousandths>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Megabytes>,
    /// Ports by name, in declared order.
    #[serde(skip_serializing_if = "Ports::is_empty")]
    pub ports: Ports,
    /// Persistent volumes; no two have the same path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// The limits, if they differ from the request.
    #[serde(skip_serializing_if = "ResourceLimits::is_empty")]
    pub limits: ResourceLimits,
}

/// Ports by name. The type hashes and compares them in declared order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ports(pub Vec<(PortName, Port)>);

impl Ports {
    /// Whether there is no port.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ports with their names, in declared order.
    pub fn iter(&self) -> impl Iterator<Item = &(PortName, Port)> {
        self.0.iter()
    }
}

impl From<IndexMap<PortName, Port>> for Ports {
    fn from(ports: IndexMap<PortName, Port>) -> Self {
        Self(ports.into_iter().collect())
    }
}

/// The limits on what a task may use. `None` is the request itself (SDK rule R21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ResourceLimits {
    /// The limit on processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Limit<Thousandths>>,
    /// The limit on memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Limit<Megabytes>>,
}

impl ResourceLimits {
    /// Whether there is no limit besides the request.
    pub fn is_empty(&self) -> bool {
        self.cpus.is_none() && self.memory.is_none()
    }
}

/// A limit on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit<T> {
    /// There is no limit: `unlimited` in a file.
    Unlimited,
    /// The largest amount.
    AtMost(T),
}

/// A port of a task (SDK rule R22).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Port {
    /// The number that the port gets.
    pub number: PortChoice,
    /// The environment variable that receives the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_key: Option<String>,
    /// Whether the port is listed among the service's endpoints.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advertise: bool,
    /// The virtual address in front of the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vip: Option<Vip>,
}

/// How a port gets its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortChoice {
    /// This number.
    Static(PortNumber),
    /// A free number, from these ranges if there are any. It is picked at the first launch and kept.
    Dynamic(Vec<PortRange>),
}

/// Ports from `begin` to `end`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortRange {
    /// The first.
    pub begin: u16,
    /// The last; not below `begin`.
    pub end: u16,
}

/// A virtual address: `<prefix>.<service>…:<port>` (SDK rule R23).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vip {
    /// The first part of the host name; by default the port's name.
    pub prefix: String,
    /// The port of the address.
    pub port: PortNumber,
}

/// A persistent volume, which outlives the restarts of its task, on its node (SDK rule R24).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Volume {
    /// Where the task sees it: one path component, below its sandbox.
    pub path: VolumePath,
    /// The kind of the volume.
    pub kind: VolumeKind,
    /// The size.
    pub size: Megabytes,
}

/// The kind of a persistent volume.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum VolumeKind {
    /// A folder on the node's own disk.
    Root,
    /// A whole disk, with one of these profiles if there are any.
    Mount(Vec<String>),
}

/// A relative path of one component: letters, digits, `_` and `-`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumePath(String);

/// The text is not a volume path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a volume path: one component of letters, digits, `_` and `-`, with no slash and no dot"
)]
pub struct VolumePathError(pub String);

impl VolumePath {
    /// Reads a path.
    ///
    /// # Errors
    /// The text is not one path component of letters, digits, `_` and `-` that begins with a letter or digit.
    pub fn new(text: impl Into<String>) -> Result<Self, VolumePathError> {
        let text = text.into();
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if first && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            Ok(Self(text))
        } else {
            Err(VolumePathError(text))
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VolumePath {
    type Error = VolumePathError;
    fn try_from(text: String) -> Result<Self, VolumePathError> {
        Self::new(text)
    }
}

impl From<VolumePath> for String {
    fn from(path: VolumePath) -> Self {
        path.0
    }
}

impl std::fmt::Display for VolumePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
