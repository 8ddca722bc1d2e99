//! Brokers as the operating system knows them: a witness that asks no scheduler.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The JVMs of Kafka that run below a folder.
#[derive(Debug, Clone)]
pub(crate) struct Brokers {
    folder: PathBuf,
}

/// A broker's, or the controller's, JVM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    /// The task, as `kafka-0-broker`.
    pub(crate) task: String,
    pub(crate) process: u32,
    /// The volume.
    pub(crate) folder: PathBuf,
    /// The port that clients connect to; none of the controller.
    pub(crate) port: Option<u16>,
    arguments: Vec<String>,
}

impl Broker {
    /// Ends it as a power failure would.
    pub(crate) fn kill(&self) {
        signal(self.process, Signal::KILL);
    }

    pub(crate) fn has_argument(&self, argument: &str) -> bool {
        self.arguments.iter().any(|one| one == argument)
    }
}

/// Sends a signal to one process. One that has ended is left in peace: what it did is seen elsewhere.
pub(crate) fn signal(process: u32, signal: Signal) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).unwrap();
    let _ = kill_process(pid, signal);
}

impl Brokers {
    pub(crate) fn below(folder: &Path) -> Self {
        Self { folder: folder.canonicalize().unwrap() }
    }

    /// All that run now, by task.
    pub(crate) fn alive(&self) -> Vec<Broker> {
        let processes = std::fs::read_dir("/proc").unwrap();
        let mut all: Vec<Broker> = processes.filter_map(|entry| self.broker(&entry.ok()?.path())).collect();
        all.sort_by(|a, b| a.task.cmp(&b.task));
        all
    }

    /// What this process is, if it is one of them. One that ends meanwhile is none.
    fn broker(&self, process: &Path) -> Option<Broker> {
        let number = process.file_name()?.to_str()?.parse().ok()?;
        let list = |name: &str| -> Option<Vec<String>> {
            let text = std::fs::read(process.join(name)).ok()?;
            Some(
                text.split(|byte| *byte == 0)
                    .map(|part| String::from_utf8_lossy(part).into_owned())
                    .collect(),
            )
        };
        // The script that becomes the JVM has its arguments too, and so have the script's own children.
        if std::fs::read_link(process.join("exe")).ok()?.file_name()? != "java" {
            return None;
        }
        let arguments = list("cmdline")?;
        let sandbox = std::fs::read_link(process.join("cwd")).ok()?;
        if !sandbox.starts_with(&self.folder) || !arguments.iter().any(|one| one == "kafka.Kafka") {
            return None;
        }
        let environment = list("environ")?;
        let variable =
            |name: &str| environment.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        Some(Broker {
            task: variable("TASK_NAME")?.to_owned(),
            process: number,
            folder: sandbox.join("kafka-data").canonicalize().ok()?,
            port: variable("BROKER_PORT").and_then(|port| port.parse().ok()),
            arguments,
        })
    }

    /// So many brokers, the controller left out.
    pub(crate) fn all(&self, count: usize) -> Vec<Broker> {
        let all: Vec<Broker> = self.alive().into_iter().filter(|one| one.port.is_some()).collect();
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    pub(crate) fn controller(&self) -> Broker {
        self.alive().into_iter().find(|one| one.port.is_none()).unwrap()
    }

    /// The process that takes the place of this one.
    pub(crate) fn other_than(&self, gone: &Broker, patience: Duration) -> Broker {
        let until = Instant::now() + patience;
        loop {
            let alive = self.alive();
            let other = alive.iter().find(|one| one.task == gone.task && one.process != gone.process);
            if let Some(broker) = other {
                return broker.clone();
            }
            assert!(Instant::now() < until, "{} is not back: {alive:?}", gone.task);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Looks at the brokers twenty times a second.
pub(crate) struct Witness {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// What a witness saw.
pub(crate) struct Seen {
    /// The fewest brokers at any look.
    pub(crate) least_alive: usize,
    /// The most processes of one broker, or of the controller, at any look.
    pub(crate) most_of_one: usize,
}

impl Witness {
    pub(crate) fn start(brokers: &Brokers) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (brokers, stop) = (brokers.clone(), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut seen = Seen { least_alive: usize::MAX, most_of_one: 0 };
            while !stop.load(Ordering::Relaxed) {
                let alive = brokers.alive();
                let same = alive.chunk_by(|a, b| a.task == b.task);
                seen.most_of_one = seen.most_of_one.max(same.map(<[Broker]>::len).max().unwrap_or(0));
                seen.least_alive =
                    seen.least_alive.min(alive.iter().filter(|one| one.port.is_some()).count());
                std::thread::sleep(Duration::from_millis(50));
            }
            seen
        });
        Self { over, thread }
    }

    pub(crate) fn end(self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
