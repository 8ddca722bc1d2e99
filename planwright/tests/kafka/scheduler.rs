//! The program: a scheduler in the background, and the commands that ask it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::brokers::Brokers;
use crate::rig::Rig;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A scheduler of `specs/kafka`, with a data folder of its own. It and all that it started end with the test.
pub(crate) struct Scheduler {
    process: Child,
    folder: TempDir,
    url: String,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planwright"));
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// How the specification is read: for one machine, with the Kafka that is installed.
fn reading(command: &mut Command, rig: &Rig) {
    command.args(["--env-file", "specs/kafka/laptop.env", "--env"]);
    command.arg(format!("KAFKA_HOME={}", rig.home.display()));
}

impl Scheduler {
    pub(crate) fn start(rig: &Rig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program();
        command.args(["run", "specs/kafka", "--backend", "local", "--listen", "127.0.0.1:0", "--no-progress", "--data-dir"]);
        command.arg(folder.path().join("data"));
        reading(&mut command, rig);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the scheduler ended before it said where it listens").unwrap();
            println!("{line}");
            if let Some(at) = line.find("http://") {
                break line[at..].split_whitespace().next().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| println!("{line}")));
        Self { process, folder, url }
    }

    /// Below it is all that the scheduler has and starts.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn asked(&self, arguments: &[&str]) -> Output {
        let mut command = program();
        command.args(arguments).args(["--url", &self.url]);
        self.ran(command)
    }

    fn ran(&self, mut command: Command) -> Output {
        let token = self.folder.path().join("data/token");
        let ran = command.arg("--token-file").arg(token).output().unwrap();
        assert!(
            ran.status.success(),
            "{command:?}: {}\n{}{}",
            ran.status,
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        ran
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--output", "json"]);
        serde_json::from_slice(&self.asked(&arguments).stdout).unwrap()
    }

    /// Waits until a plan is complete.
    pub(crate) fn complete(&self, plan: &str, patience: Duration) {
        self.asked(&["plan", "status", plan, "--wait", "--timeout", &seconds(patience)]);
    }

    /// The addresses of an endpoint.
    pub(crate) fn endpoints(&self, name: &str) -> Vec<String> {
        let found = self.json(&["endpoints", name]);
        let all = found["address"].as_array().unwrap_or_else(|| panic!("no addresses: {found}"));
        all.iter().map(|address| address.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until all of an instance is as it should be.
    pub(crate) fn is_up(&self, _instance: &str, patience: Duration) {
        self.complete("recovery", patience);
    }

    /// Gives some values others, and waits until the service is so.
    pub(crate) fn update(&self, rig: &Rig, values: &[&str], patience: Duration) {
        let mut command = program();
        command.args(["update", "specs/kafka", "--wait", "--timeout", &seconds(patience), "--url", &self.url]);
        reading(&mut command, rig);
        values.iter().for_each(|value| drop(command.args(["--env", value])));
        self.ran(command);
    }

    /// Gives an instance a new place, without what it had.
    pub(crate) fn replace(&self, instance: &str, patience: Duration) {
        self.asked(&["pod", "replace", instance, "--wait", "--timeout", &seconds(patience)]);
    }

    /// Ends the service.
    pub(crate) fn uninstall(&self, patience: Duration) {
        self.asked(&["uninstall", "--wait", "--timeout", &seconds(patience)]);
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // After a failure the brokers are still there: a scheduler's tasks outlive it.
        Brokers::below(self.folder.path()).alive().iter().for_each(|broker| broker.kill());
    }
}

fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs())
}
