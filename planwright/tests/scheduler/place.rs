//! A scheduler that a test starts: a real process, with a state folder of its own, and real tasks.
//!
//! Invariant: nothing that a test has started outlives it: whatever has its working folder in the test's is ended.

use std::cell::Cell;
use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// What takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A service whose tasks are there at once. Each start is a line of the volume's file `starts`.
pub(crate) const QUICK: &str = r#"
name: quick
pods:
  web:
    count: {{COUNT}}
    resource-sets:
      set: { cpus: 0.1, memory: 16, volume: { path: data, type: ROOT, size: 1 } }
    tasks:
      server:
        goal: RUNNING
        cmd: "echo $$ $VALUE >> data/starts; echo value $VALUE; exec sleep 1000"
        resource-set: set
        env: { VALUE: "{{VALUE}}" }
plans:
  deploy:
    phases:
      web: { pod: web, strategy: parallel }
"#;

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code.
    pub(crate) code: i32,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\n--- out\n{}--- err\n{}", self.code, self.out, self.err)
    }
}

/// A test's own place, with the files and the state folder of its schedulers.
pub(crate) struct Place {
    folder: TempDir,
    runs: Cell<u32>,
    /// The program that is run: planwright, or one that is made of it.
    pub(crate) program: PathBuf,
}

impl Place {
    /// One with the service [`QUICK`] in it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_planwright"));
        let place = Self { folder, runs: Cell::new(0), program };
        place.file("quick/svc.yml", QUICK);
        place.file("quick/env", "COUNT=2\nVALUE=1\n");
        place
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file in it.
    pub(crate) fn file(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// The file of the service.
    pub(crate) fn quick(&self) -> String {
        self.path("quick")
    }

    /// The data folder of a service.
    pub(crate) fn data(&self, service: &str) -> PathBuf {
        PathBuf::from(self.path("state/planwright")).join(service)
    }

    /// The program with these arguments, and its files and its state in here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            // As one types it who has installed it.
            .arg0(self.program.file_name().unwrap())
            .args(arguments)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
            .env_clear()
            .env("XDG_STATE_HOME", self.path("state"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PLANWRIGHT_LISTEN", "127.0.0.1:0")
            .env("USER", "you")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn planwright(&self, arguments: &[&str]) -> Ran {
        self.planwright_in(arguments, &[])
    }

    /// Runs it to its end, with these variables too.
    pub(crate) fn planwright_in(&self, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
        let (out, err) = (self.path("out"), self.path("err"));
        let mut command = self.command(arguments);
        command.envs(env.iter().copied());
        let mut child =
            command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).spawn().unwrap();
        let status = ends(&mut child).unwrap_or_else(|| {
            let _ = child.kill();
            panic!("planwright {arguments:?} does not end: {}{}", read(&out), read(&err));
        });
        Ran { code: status.code().unwrap_or(-1), out: read(&out), err: read(&err) }
    }

    /// Runs it, and it must do what it is told.
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let ran = self.planwright(arguments);
        assert_eq!(ran.code, 0, "planwright {arguments:?}: {ran}");
        ran.out
    }

    /// Runs it, and its result is JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--output", "json"]).collect();
        serde_json::from_str(&self.good(&arguments)).unwrap()
    }

    /// Starts a scheduler, and waits until it listens.
    pub(crate) fn run(&self, arguments: &[&str]) -> Scheduler {
        let scheduler = self.spawn(arguments);
        until("it listens", || scheduler.out().contains("listening on "), || scheduler.said());
        scheduler
    }

    /// Starts a scheduler.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Scheduler {
        self.begin(&[&["run"], arguments].concat())
    }

    /// Starts the program, which goes on beside the test.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Scheduler {
        let nth = self.runs.replace(self.runs.get() + 1);
        let (out, err) = (self.path(&format!("run-{nth}.out")), self.path(&format!("run-{nth}.err")));
        let mut command = self.command(arguments);
        let child =
            command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).spawn().unwrap();
        Scheduler { child, out, err }
    }

    /// Starts a scheduler whose outputs are one, in the order in which a person sees them.
    pub(crate) fn spawn_seen(&self, arguments: &[&str]) -> Scheduler {
        let nth = self.runs.replace(self.runs.get() + 1);
        let seen = self.path(&format!("run-{nth}.seen"));
        let file = File::options().create(true).append(true).open(&seen).unwrap();
        let mut command = self.command(&[&["run"], arguments].concat());
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Scheduler { child, out: seen.clone(), err: seen }
    }

    /// Starts the service [`QUICK`], and waits until it is complete.
    pub(crate) fn run_quick(&self, arguments: &[&str]) -> Scheduler {
        let quick = self.quick();
        let scheduler = self.run(&[&[quick.as_str()], arguments].concat());
        scheduler.until_err("deploy: COMPLETE");
        scheduler
    }

    /// The starts of all instances: the lines of all files of this name below the data folder, each file sorted by its
    /// path. A task that runs may not have written its own yet: so many lines are waited for.
    pub(crate) fn starts(&self, service: &str, lines: usize) -> Vec<Vec<String>> {
        self.starts_in(&format!("state/planwright/{service}"), lines)
    }

    /// The same below any folder.
    pub(crate) fn starts_in(&self, folder: &str, lines: usize) -> Vec<Vec<String>> {
        let folder = PathBuf::from(self.path(folder));
        let starts = || {
            let mut files = Vec::new();
            find(&folder, "starts", &mut files);
            files.sort();
            let lines = |file: &PathBuf| read(file).lines().map(ToOwned::to_owned).collect::<Vec<_>>();
            files.iter().map(lines).collect::<Vec<_>>()
        };
        let written = || starts().iter().map(Vec::len).sum::<usize>() >= lines;
        until("the tasks have begun", written, || format!("{:?}", starts()));
        starts()
    }

    /// The processes whose working folder is in this place.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let folder = fs::canonicalize(self.folder.path()).unwrap();
        let entries =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let pids = entries.filter_map(|name| name.parse::<i32>().ok());
        pids.filter(|pid| {
            let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
            cwd.is_ok_and(|cwd| cwd.starts_with(&folder))
        })
        .collect()
    }

    /// Ends by force whatever has its working folder in this place.
    pub(crate) fn end_processes(&self) {
        // A shim may start what it was told to while it is looked at.
        for _ in 0..50 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(|pid| signal(pid, Signal::KILL));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end_processes();
    }
}

/// A scheduler, or another command, that runs.
pub(crate) struct Scheduler {
    child: Child,
    out: String,
    err: String,
}

impl Scheduler {
    pub(crate) fn out(&self) -> String {
        read(&self.out)
    }

    pub(crate) fn err(&self) -> String {
        read(&self.err)
    }

    /// All that it has said.
    pub(crate) fn said(&self) -> String {
        format!("--- out\n{}--- err\n{}", self.out(), self.err())
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        let out = self.out();
        let line = out.lines().find_map(|line| line.strip_prefix("listening on "));
        line.unwrap_or_else(|| panic!("{}", self.said())).to_owned()
    }

    /// Waits until it has said something on its standard error.
    pub(crate) fn until_err(&self, text: &str) {
        until(text, || self.err().contains(text), || self.said());
    }

    /// Ends it by force.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal, and waits for its end.
    pub(crate) fn end(self, signal_: Signal) -> Ran {
        signal(self.pid(), signal_);
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Ran {
        let said = || format!("--- out\n{}--- err\n{}", read(&self.out), read(&self.err));
        let status = ended(&mut self.child, said);
        Ran { code: status.code().unwrap_or(-1), out: self.out(), err: self.err() }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is: impl Fn() -> bool, said: impl Fn() -> String) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}\n{}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the end of a program.
pub(crate) fn ended(child: &mut Child, said: impl FnOnce() -> String) -> ExitStatus {
    ends(child).unwrap_or_else(|| panic!("it does not end: {}", said()))
}

fn ends(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    // It may have ended meanwhile.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

fn read(file: impl AsRef<Path>) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn find(folder: &Path, name: &str, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            find(&path, name, files);
        } else if path.file_name().is_some_and(|file| file == name) {
            files.push(path);
        }
    }
}

/// Asks an address something by hand.
pub(crate) fn ask_raw(url: &str, text: &str) -> String {
    use std::io::Read;
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}
