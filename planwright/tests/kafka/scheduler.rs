//! The program: a scheduler in the background, and the commands that ask it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::brokers::Brokers;
use crate::rig::Rig;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A scheduler of `specs/kafka`, with a state folder of its own, in which the commands find it. It and all that it started
/// end with the test.
pub(crate) struct Scheduler {
    process: Child,
    folder: TempDir,
}

/// The program, at home in this folder.
fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planwright"));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command.env("XDG_STATE_HOME", home).env_remove("PLANWRIGHT_URL").env_remove("PLANWRIGHT_NAME");
    command
}

/// How the specification is read: for one machine, with the Kafka that is installed.
fn reading<'a>(command: &'a mut Command, rig: &Rig) -> &'a mut Command {
    let home = format!("KAFKA_HOME={}", rig.home.display());
    command.args(["--env-file", "specs/kafka/laptop.env", "--env", &home])
}

impl Scheduler {
    pub(crate) fn start(rig: &Rig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command =
            program(folder.path(), &["run", "specs/kafka", "--listen", "127.0.0.1:0", "--no-progress"]);
        let mut process = reading(&mut command, rig).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        loop {
            let line = lines.next().expect("the scheduler ended before it said where it listens").unwrap();
            println!("{line}");
            if line.contains("http://") {
                break;
            }
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| println!("{line}")));
        Self { process, folder }
    }

    /// Below it is all that the scheduler has and starts.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn asked(&self, arguments: &[&str]) -> Output {
        ran(&mut program(self.folder.path(), arguments))
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

    /// Waits until nothing is to be done to an instance any more.
    pub(crate) fn is_up(&self, instance: &str, patience: Duration) {
        let until = Instant::now() + patience;
        loop {
            let whys = self.json(&["pod", "why", instance]);
            if whys.as_array().unwrap().is_empty() {
                return;
            }
            assert!(Instant::now() < until, "{instance} is not up: {whys}");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Gives some values others, and waits until the service is so.
    pub(crate) fn update(&self, rig: &Rig, values: &[&str], patience: Duration) {
        let update = ["update", "specs/kafka", "--wait", "--timeout", &seconds(patience)];
        let mut command = program(self.folder.path(), &update);
        reading(&mut command, rig);
        values.iter().for_each(|value| _ = command.args(["--env", value]));
        ran(&mut command);
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

/// What a command came to that has to go well.
fn ran(command: &mut Command) -> Output {
    let ran = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ran.status.success(), "{command:?}: {}\n{}{}", ran.status, text(&ran.stdout), text(&ran.stderr));
    ran
}

fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs())
}
