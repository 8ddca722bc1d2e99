//! What tasks say themselves of their lives: `task.sh` is what they run.
//!
//! Invariant: two processes of one task that live at one time are certain to be seen, for the later one finds the lock of
//! the earlier one held, or of what that has started; and so is one that is lost, for it does not live.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::place::{Place, signal, until};

/// What a task runs.
const TASK: &str = include_str!("task.sh");

/// Where tasks say how they are.
pub(crate) struct Witness {
    folder: PathBuf,
}

/// What a process says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It has begun.
    Begin,
    /// It was asked to end, or has done its work.
    End,
    /// It has begun while another of this name lived.
    Twice,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) what: What,
    /// `<pod>-<index>-<task>`.
    pub(crate) task: String,
    pub(crate) pid: i32,
    /// In ticks since the machine started: with it, the number is that of one process.
    start: u64,
    /// Its configuration.
    pub(crate) value: String,
}

impl Line {
    fn of(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        // When it was said is for people.
        let &[what, task, pid, start, value, _] = words.as_slice() else { return None };
        let what = match what {
            "begin" => What::Begin,
            "end" => What::End,
            "twice" => What::Twice,
            _ => return None,
        };
        let (task, value) = (task.to_owned(), value.to_owned());
        Some(Self { what, task, pid: pid.parse().ok()?, start: start.parse().ok()?, value })
    }

    /// Whether this very process lives.
    fn lives(&self) -> bool {
        Process::of(self.pid).is_some_and(|process| process.start == self.start && process.lives)
    }
}

/// What the system says of a process.
struct Process {
    lives: bool,
    parent: i32,
    session: i32,
    start: u64,
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold blanks; what follows it begins with field 3.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            lives: !matches!(fields[0], "Z" | "X"),
            parent: fields[1].parse().ok()?,
            session: fields[3].parse().ok()?,
            start: fields[19].parse().ok()?,
        })
    }
}

/// The task that each name stands for, and the configuration that it should have.
pub(crate) type Expected = BTreeMap<String, String>;

impl Witness {
    /// A new one, in a folder that is not there yet.
    pub(crate) fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("task.sh"), TASK).unwrap();
        fs::write(folder.join("log"), "").unwrap();
        Self { folder: folder.to_owned() }
    }

    /// A file that tasks and their checks look at.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// All that was said, in order.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let text = fs::read_to_string(self.folder.join("log")).unwrap();
        // The last line may be on its way.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| Line::of(line).unwrap_or_else(|| panic!("no line: {line}"))).collect()
    }

    /// The configurations that a task has begun with, in order.
    pub(crate) fn begun(&self, task: &str) -> Vec<String> {
        let lines = self.lines().into_iter();
        lines.filter(|line| line.what == What::Begin && line.task == task).map(|line| line.value).collect()
    }

    /// How often each task has begun, by its name.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in self.lines().iter().filter(|line| line.what == What::Begin) {
            *counts.entry(line.task.clone()).or_default() += 1;
        }
        counts
    }

    /// The process that a task began with last.
    pub(crate) fn pid(&self, task: &str) -> i32 {
        self.last(task).unwrap_or_else(|| panic!("{task} has not begun")).pid
    }

    fn last(&self, task: &str) -> Option<Line> {
        self.lines().into_iter().rfind(|line| line.what == What::Begin && line.task == task)
    }

    /// Lets a task end by itself.
    pub(crate) fn leave(&self, task: &str) {
        let fifo = self.path(&format!("leave-{task}-{}", self.pid(task)));
        // It makes it after it has begun.
        until("it waits to leave", || fifo.exists(), || fifo.display().to_string());
        fs::write(fifo, "").unwrap();
    }

    /// Ends a task's process by force.
    pub(crate) fn kill(&self, task: &str) {
        signal(self.pid(task), Signal::KILL);
    }

    /// Ends what looks after a task's process, by force.
    pub(crate) fn kill_shim(&self, task: &str) {
        signal(Process::of(self.pid(task)).unwrap().parent, Signal::KILL);
    }

    /// Waits until a task has begun so often.
    pub(crate) fn until_begun(&self, task: &str, times: usize) {
        let what = format!("{task} has begun {times} times");
        until(&what, || self.begun(task).len() >= times, || self.tell());
    }

    /// Waits until all is as it should be, and asserts that it never was otherwise in a way that counts.
    pub(crate) fn is_right(&self, place: &Place, expected: &Expected) {
        let is = || self.look(place, expected);
        until(
            "one process of each task, and no other",
            || is().is_ok(),
            || format!("{}\n{}", is().err().unwrap_or_default(), self.tell()),
        );
        self.never_twice();
    }

    /// Asserts that no task began while an earlier process of it lived.
    pub(crate) fn never_twice(&self) {
        let twice: Vec<Line> = self.lines().into_iter().filter(|line| line.what == What::Twice).collect();
        assert!(twice.is_empty(), "two processes of one task: {twice:?}\n{}", self.tell());
    }

    /// Why it is not as it should be, now.
    fn look(&self, place: &Place, expected: &Expected) -> Result<(), String> {
        let mut sessions = Vec::new();
        let mut shims = Vec::new();
        for (task, value) in expected {
            let last = self.last(task).ok_or_else(|| format!("{task} has not begun"))?;
            if !last.lives() {
                return Err(format!("{task} is lost: {last:?}"));
            }
            if last.value != *value {
                return Err(format!("{task} has not {value} but {}", last.value));
            }
            let shim = Process::of(last.pid).map(|process| process.parent);
            sessions.push(last.pid);
            shims.push(shim.ok_or_else(|| format!("{task} has just ended"))?);
        }
        for pid in place.processes() {
            let Some(process) = Process::of(pid).filter(|process| process.lives) else { continue };
            if !sessions.contains(&process.session) && !shims.contains(&pid) {
                let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                return Err(format!("{pid} is left: {}", command.replace('\0', " ")));
            }
        }
        Ok(())
    }

    /// All that was said, for who reads why a test failed.
    pub(crate) fn tell(&self) -> String {
        format!("the tasks' own words:\n{}", fs::read_to_string(self.folder.join("log")).unwrap_or_default())
    }
}

/// Each of these tasks should have this configuration.
pub(crate) fn all(tasks: &[&str], value: &str) -> Expected {
    tasks.iter().map(|task| ((*task).to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::place::ended;

    #[test]
    fn what_must_not_be_is_seen() {
        let place = Place::new();
        let witness = Witness::new(place.path("witness").as_ref());
        let told = || witness.tell();
        // Each has a session of its own, as a task has; `setsid` becomes what it starts.
        let start = |program: &[&str]| -> Child {
            let mut command = Command::new("setsid");
            command.args(program).current_dir(place.path("")).stdin(Stdio::null());
            command.env("WITNESS", place.path("witness")).env("TASK_NAME", "a").env("VALUE", "1");
            command.spawn().unwrap()
        };
        let task = || start(&["sh", "witness/task.sh"]);
        let look = |value: &str| witness.look(&place, &all(&["a"], value)).err().unwrap_or_default();
        let twice = || witness.lines().iter().filter(|line| line.what == What::Twice).count();
        assert!(look("1").contains("has not begun"));
        let mut first = task();
        witness.is_right(&place, &all(&["a"], "1"));
        assert!(look("2").contains("has not 2 but 1"));
        // A second one finds the first.
        assert_eq!(ended(&mut task(), told).code(), Some(1));
        assert_eq!(twice(), 1);
        // And what the first has left behind.
        until("it has started something", || place.processes().len() == 2, told);
        first.kill().unwrap();
        first.wait().unwrap();
        assert!(look("1").contains("is lost"), "{}", look("1"));
        assert_eq!(ended(&mut task(), told).code(), Some(1));
        assert_eq!(twice(), 2);
        place.end_processes();
        let mut last = task();
        witness.until_begun("a", 2);
        assert_eq!(look("1"), "");
        let mut stray = start(&["sleep", "1000"]);
        until("it is in the sandbox", || place.processes().len() > 2, told);
        assert!(look("1").contains("is left"), "{}", look("1"));
        place.end_processes();
        let _ = (last.wait(), stray.wait());
    }
}
