//! A terminal that a test looks at: a pseudo-terminal, and what a person would see on it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::place::{Ran, ended, until};

/// A program on a terminal.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    /// The program's side, so that its modes can be looked at when it has ended.
    slave: Option<File>,
    written: Arc<Mutex<Vec<u8>>>,
    /// Ends when all was read that was written, and nobody has the program's side any more.
    reader: Option<JoinHandle<()>>,
}

/// What is seen on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The screen that is there now, without the blanks at the ends of its lines.
    pub(crate) screen: String,
    /// Whether that is a program's own, which goes when it ends.
    pub(crate) is_own: bool,
}

impl Terminal {
    /// Starts a program on a terminal of so many lines, each of 100 characters.
    pub(crate) fn start(command: &Command, lines: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = File::options().read(true).write(true).open(OsStr::from_bytes(name.to_bytes())).unwrap();
        let mut master = File::from(master);
        // It is the program's controlling terminal: `setsid` becomes the program.
        let mut on_terminal = Command::new("setsid");
        on_terminal.arg("--ctty").arg(command.get_program()).args(command.get_args());
        on_terminal.current_dir(command.get_current_dir().unwrap()).env_clear();
        on_terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        on_terminal.env("TERM", "xterm");
        let side = || Stdio::from(slave.try_clone().unwrap());
        let mut terminal = Self {
            child: on_terminal.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap(),
            master: master.try_clone().unwrap(),
            slave: Some(slave),
            written: Arc::default(),
            reader: None,
        };
        terminal.resize(lines);
        let written = terminal.written.clone();
        terminal.reader = Some(std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        }));
        terminal
    }

    /// Gives it so many lines.
    pub(crate) fn resize(&mut self, lines: u16) {
        let size = Winsize { ws_row: lines, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).unwrap();
    }

    /// Types something.
    pub(crate) fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// What is seen now.
    pub(crate) fn seen(&self) -> Seen {
        seen(&String::from_utf8_lossy(&self.written.lock().unwrap()))
    }

    /// Waits until something is seen.
    pub(crate) fn until(&self, what: &str, is: impl Fn(&Seen) -> bool) {
        until(what, || is(&self.seen()), || format!("{:#?}", self.seen()));
    }

    /// Waits until the program has ended; the terminal is as it was before. What is left to be seen is its output.
    pub(crate) fn ends(mut self) -> Ran {
        let written = self.written.clone();
        let said = || String::from_utf8_lossy(&written.lock().unwrap()).into_owned();
        let code = ended(&mut self.child, said).code().unwrap_or(-1);
        let modes = tcgetattr(self.slave.take().unwrap()).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{modes:?}");
        self.reader.take().unwrap().join().unwrap();
        let seen = self.seen();
        assert!(!seen.is_own, "its own screen is gone: {seen:#?}");
        Ran { code, out: seen.screen, err: String::new() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is seen after this was written: the part of a terminal that the program uses.
fn seen(written: &str) -> Seen {
    let (mut screen, mut other): (Vec<Vec<char>>, Vec<Vec<char>>) = Default::default();
    let (mut row, mut column, mut is_own) = (0, 0, false);
    let mut characters = written.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.next_if_eq(&'[').is_some() => {
                let mut numbers = String::new();
                let end = loop {
                    match characters.next() {
                        Some(end @ '@'..='~') => break end,
                        Some(other) => numbers.push(other),
                        None => break ' ',
                    }
                };
                let number = |nth| numbers.split(';').nth(nth).and_then(|one| one.parse::<usize>().ok());
                match (end, numbers.as_str()) {
                    ('H', _) => (row, column) = (number(0).unwrap_or(1) - 1, number(1).unwrap_or(1) - 1),
                    ('J', "2") => screen.clear(),
                    ('h', "?1049") | ('l', "?1049") => {
                        is_own = end == 'h';
                        std::mem::swap(&mut screen, &mut other);
                        if is_own {
                            screen.clear();
                        } else {
                            (row, column) = (screen.len(), 0);
                        }
                    }
                    // Colors, the cursor's looks.
                    _ => {}
                }
            }
            '\u{1b}' => {}
            '\r' => column = 0,
            '\n' => row += 1,
            shown => {
                let lines = screen.len().max(row + 1);
                screen.resize(lines, Vec::new());
                let line = &mut screen[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = shown;
                column += 1;
            }
        }
    }
    let lines = screen.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned() + "\n");
    Seen { screen: lines.collect(), is_own }
}
