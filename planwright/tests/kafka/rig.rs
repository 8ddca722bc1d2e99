//! Real Kafka, as `tests/rigs/kafka` installs it: its tools, and the load checker.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// An installed Kafka.
pub(crate) struct Rig {
    /// What `KAFKA_HOME` is to be.
    pub(crate) home: PathBuf,
    /// Where journals are written.
    folder: TempDir,
}

impl Rig {
    /// Installs it, if it is not there. A machine where that cannot be done fails the test.
    pub(crate) fn install() -> Self {
        let script = crate::scheduler::root().join("tests/rigs/kafka/install.sh");
        let mut command = Command::new(script);
        command.args(std::env::var("KAFKA_VERSION").ok()).stderr(Stdio::inherit());
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "Kafka cannot be installed here: {}", ran.status);
        let home = PathBuf::from(String::from_utf8(ran.stdout).unwrap().trim_end());
        println!("Kafka is in {}", home.display());
        Self { home, folder: tempfile::tempdir().unwrap() }
    }

    /// The brokers at these addresses.
    pub(crate) fn cluster(&self, addresses: &[String]) -> Cluster<'_> {
        Cluster { rig: self, servers: addresses.join(",") }
    }

    fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.home.join("bin").join(script));
        // Short lives: neither a heap nor a compiler is worth its start.
        command.env("KAFKA_HEAP_OPTS", "-Xmx192m");
        command.env("KAFKA_JVM_PERFORMANCE_OPTS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1");
        command.args(arguments).stdin(Stdio::null());
        command
    }
}

/// A topic of a test.
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) partitions: u32,
    pub(crate) replicas: u32,
    pub(crate) in_sync: u32,
}

/// Running brokers, asked with Kafka's own tools.
pub(crate) struct Cluster<'a> {
    rig: &'a Rig,
    servers: String,
}

impl Cluster<'_> {
    fn topics(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--bootstrap-server", &self.servers];
        all.extend(arguments);
        let ran = self.rig.command("kafka-topics.sh", &all).output().unwrap();
        assert!(ran.status.success(), "kafka-topics {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    pub(crate) fn create(&self, topic: &Topic) {
        let (partitions, replicas) = (topic.partitions.to_string(), topic.replicas.to_string());
        let in_sync = format!("min.insync.replicas={}", topic.in_sync);
        self.topics(&[
            "--create",
            "--topic",
            topic.name,
            "--partitions",
            &partitions,
            "--replication-factor",
            &replicas,
            "--config",
            &in_sync,
        ]);
    }

    /// Whether each partition has a leader, and all of its replicas in sync, as the brokers say now.
    pub(crate) fn all_in_sync(&self, topic: &Topic) -> bool {
        let text = self.topics(&["--describe", "--topic", topic.name]);
        let count = |line: &str, key: &str| {
            let mut words = line.split_whitespace().skip_while(|word| *word != key).skip(1);
            words.next().unwrap_or_default().split(',').filter(|id| id.parse::<u32>().is_ok()).count() as u32
        };
        let partitions: Vec<&str> = text.lines().filter(|line| line.contains("Partition: ")).collect();
        println!("{text}");
        partitions.len() == topic.partitions as usize
            && partitions
                .iter()
                .all(|line| count(line, "Isr:") == topic.replicas && count(line, "Leader:") == 1)
    }

    /// Gives each partition a leader, also one that has lost what was acknowledged. Of a partition whose only replica is gone
    /// Kafka at times waits for an operator to accept that loss: this is the operator who does.
    pub(crate) fn accept_loss(&self, topic: &Topic) {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let text = self.topics(&["--describe", "--topic", topic.name]);
            let leaderless: Vec<String> = text.lines().filter_map(partition_without_leader).collect();
            if leaderless.is_empty() {
                return;
            }
            assert!(Instant::now() < until, "{}: partitions have no leader:\n{text}", topic.name);
            for partition in leaderless {
                let of = ["--election-type", "unclean", "--topic", topic.name, "--partition", &partition];
                let arguments = [&["--bootstrap-server", &self.servers], &of[..]].concat();
                let ran = self.rig.command("kafka-leader-election.sh", &arguments).output().unwrap();
                println!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            }
        }
    }

    /// Begins to send 200 records a second.
    pub(crate) fn load(&self, topic: &'static Topic, settings: &[&str]) -> Load<'_> {
        let journal = self.journal(topic);
        let mut arguments = vec!["Load", "produce", &self.servers, topic.name, &journal, "200"];
        arguments.extend(settings);
        let log = std::fs::File::create(format!("{journal}.log")).unwrap();
        let mut command = self.rig.command("kafka-run-class.sh", &arguments);
        let process = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Load { cluster: self, topic, journal, process }
    }

    /// Reads all of a topic back.
    pub(crate) fn verify(&self, topic: &Topic) -> Report {
        let journal = self.journal(topic);
        let arguments = ["Load", "verify", &self.servers, topic.name, &journal];
        let ran = self.rig.command("kafka-run-class.sh", &arguments).output().unwrap();
        let text = String::from_utf8(ran.stdout).unwrap();
        let number = |what: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
            let line = line
                .unwrap_or_else(|| panic!("no `{what}` in {text}{}", String::from_utf8_lossy(&ran.stderr)));
            line.parse().unwrap()
        };
        Report {
            acknowledged: number("acknowledged"),
            lost: number("lost"),
            least_in_sync: number("least in sync"),
            exit: ran.status.code().unwrap(),
            text: text.clone(),
        }
    }

    fn journal(&self, topic: &Topic) -> String {
        self.rig.folder.path().join(topic.name).to_str().unwrap().to_owned()
    }
}

/// The number of the partition that a line of `kafka-topics --describe` is about, if that partition has no leader.
fn partition_without_leader(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "Partition:").skip(1);
    let partition = words.next()?;
    let leader = words.skip_while(|word| *word != "Leader:").nth(1)?;
    leader.parse::<u32>().is_err().then(|| partition.to_owned())
}

/// The load checker, at work. It is ended with the test, however that ends.
pub(crate) struct Load<'a> {
    cluster: &'a Cluster<'a>,
    topic: &'static Topic,
    journal: String,
    process: Child,
}

impl Load<'_> {
    /// Waits until so many more records were acknowledged.
    pub(crate) fn acknowledged(&self, count: usize) {
        let (begin, until) = (self.count(), Instant::now() + Duration::from_secs(120));
        while self.count() < begin + count {
            let log = || std::fs::read_to_string(format!("{}.log", self.journal));
            assert!(
                Instant::now() < until,
                "{count} records were not acknowledged in two minutes: {:?}",
                log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn count(&self) -> usize {
        let mut text = String::new();
        let file = std::fs::File::open(&self.journal);
        // Not there before it has begun.
        file.and_then(|mut file| file.read_to_string(&mut text))
            .map_or(0, |_| text.lines().filter(|line| line.starts_with("A ")).count())
    }

    /// Ends it, and reads all back.
    pub(crate) fn end(mut self) -> Report {
        crate::brokers::signal(self.process.id(), rustix::process::Signal::TERM);
        assert!(self.process.wait().unwrap().success());
        self.cluster.verify(self.topic)
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the load checker found.
pub(crate) struct Report {
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
    /// Of the partition that had the fewest replicas in sync while it was looked at: how many.
    pub(crate) least_in_sync: u64,
    pub(crate) exit: i32,
    pub(crate) text: String,
}
