//! The options of an embedder.
//!
//! Invariant: no option changes the meaning of a specification. Options say where things are, and how much of them
//! there is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use plan_core::spec::{Addresses, NodeName};
use smol_str::format_smolstr;

pub use crate::run::OutputLimits;

/// How a [`crate::Local`] is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LocalOptions {
    /// The data folder. The backend writes only below it. It belongs to one scheduler at a time.
    pub root: PathBuf,
    /// The simulated nodes of this machine.
    pub nodes: Vec<NodeSpec>,
    /// The program of the shim. `None` is the running program itself, which must then call
    /// [`crate::shim::run_if_asked`].
    pub shim: Option<PathBuf>,
    /// Variables that every task gets unless it sets them itself: see [`inherited`].
    pub environment: BTreeMap<String, String>,
    /// How the scheduler and its services are reached.
    pub addresses: Addresses,
    /// How much of a task's output is kept.
    pub output: OutputLimits,
    /// How many ended runs of each task are kept, with their sandboxes, for inspection.
    pub kept_runs: u32,
    /// How long until a lost node counts as gone for good.
    pub gone_after: Duration,
    /// Bounds on what is fetched.
    pub fetch: FetchLimits,
}

/// Bounds on what is fetched for one `uris` entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchLimits {
    /// The largest file, in bytes.
    pub size: u64,
    /// The largest unpacked size of an archive, in bytes.
    pub unpacked: u64,
    /// The most files and folders in an archive.
    pub entries: u64,
    /// For how long a server may be silent.
    pub patience: Duration,
}

impl Default for FetchLimits {
    /// 4 GiB, 16 GiB unpacked, a million entries, half a minute of silence.
    fn default() -> Self {
        Self { size: 4 << 30, unpacked: 16 << 30, entries: 1_000_000, patience: Duration::from_secs(30) }
    }
}

/// The capacity of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Processors, in thousandths.
    pub cpus: u64,
    /// Memory, in MB.
    pub memory: u64,
    /// Disk, in MB.
    pub disk: u64,
}

impl Capacity {
    /// The capacity of this machine: its processors, its memory, and the disk of `folder`.
    ///
    /// An amount that the system does not tell counts as unlimited.
    pub fn of_machine(folder: &std::path::Path) -> Self {
        let cpus = std::thread::available_parallelism().map_or(u64::MAX, |count| count.get() as u64 * 1000);
        let memory = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
            line.split_ascii_whitespace().next()?.parse::<u64>().ok()
        });
        let at = folder.ancestors().find(|path| path.exists());
        let disk = at.and_then(|path| rustix::fs::statvfs(path).ok());
        Self {
            cpus,
            memory: memory.map_or(u64::MAX, |kib| kib / 1024),
            disk: disk.map_or(u64::MAX, |disk| disk.f_blocks.saturating_mul(disk.f_frsize) >> 20),
        }
    }
}

/// One of the simulated nodes of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name.
    pub name: NodeName,
    /// Its zone.
    pub zone: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// Its attributes, for placement.
    pub attributes: BTreeMap<String, String>,
    /// Its capacity. In truth the nodes of one machine share it, and nothing keeps them apart.
    pub capacity: Capacity,
}

/// This number of nodes, `node-0` in `zone-0` and so on, each with this capacity; at least one.
pub fn nodes(count: u32, capacity: Capacity) -> Vec<NodeSpec> {
    (0..count.max(1))
        .filter_map(|nth| {
            Some(NodeSpec {
                // It is a name: not empty, short, without control characters.
                name: NodeName::new(format_smolstr!("node-{nth}")).ok()?,
                zone: Some(format!("zone-{nth}")),
                region: None,
                attributes: BTreeMap::new(),
                capacity,
            })
        })
        .collect()
}

impl LocalOptions {
    /// One node that is this machine, and everything else by default.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let nodes = nodes(1, Capacity::of_machine(&root));
        Self {
            root,
            nodes,
            shim: None,
            environment: BTreeMap::new(),
            // Every resolver takes names below `localhost` for this machine.
            addresses: Addresses {
                service_domain: "localhost".to_owned(),
                vip_domain: "localhost".to_owned(),
                ..Addresses::default()
            },
            output: OutputLimits::default(),
            kept_runs: 2,
            gone_after: Duration::from_secs(10),
            fetch: FetchLimits::default(),
        }
    }
}

/// The variables of a scheduler that its tasks get too. They describe the user and the machine, not the service of the
/// scheduler.
pub const INHERITED: &[&str] =
    &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// The variables of an environment that tasks get: [`INHERITED`], and a `PATH` if the environment has none.
pub fn inherited(environment: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut kept: BTreeMap<_, _> =
        environment.into_iter().filter(|(name, _)| INHERITED.contains(&name.as_str())).collect();
    kept.entry("PATH".to_owned())
        .or_insert_with(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    kept
}
