//! Commands to type: the one that continues the service of this one, and those that act on the service.
//!
//! Invariant: a proposed command works in a shell, in this folder, and has the meaning of this command line. It leaves
//! no argument out that matters.

use std::ffi::OsStr;
use std::path::Path;

use clap::parser::ValueSource;

use crate::arguments::{Listen, Reading, Run};
use crate::input::is_standard_input;
use crate::program;
use crate::running::Running;
use plan_api::words::shell;

/// The variable that says where to listen, if the command line does not.
const LISTEN: &str = "PLANWRIGHT_LISTEN";

/// The command that goes on with the same service.
pub(super) fn run(arguments: &Run) -> String {
    let mut words = Words::of("run");
    words.word(arguments.file.as_os_str());
    if let Some(folder) = &arguments.data_dir {
        words.option("--data-dir", folder.as_os_str());
    }
    // A value from the environment will be there again.
    let without = std::env::var(LISTEN).ok().and_then(|value| value.parse().ok());
    if without.unwrap_or(Listen(([127, 0, 0, 1], 8080).into())) != arguments.listen {
        words.option("--listen", arguments.listen.0.to_string().as_ref());
    }
    if let Some(plan) = &arguments.plan {
        words.option("--plan", plan.as_ref());
    }
    if arguments.options.value_source("backend") == Some(ValueSource::CommandLine) {
        words.option("--backend", arguments.backend.as_ref());
    }
    arguments.again.iter().for_each(|word| words.word(word));
    words.reading(&arguments.reading);
    words.end(&arguments.file)
}

/// The command that updates the service to the file, with another value of a variable.
pub(super) fn update(arguments: &Run, with: Option<(&str, &str)>, running: &Running) -> String {
    let mut words = Words::of("update");
    words.word(arguments.file.as_os_str());
    let mut reading = arguments.reading.clone();
    if let Some((key, value)) = with {
        reading.env.retain(|(known, _)| known != key);
        reading.env.push((key.to_owned(), value.to_owned()));
    }
    words.reading(&reading);
    words.service(running);
    words.end(&arguments.file)
}

/// Another command that asks this scheduler.
pub(super) fn ask(command: &str, running: &Running) -> String {
    let mut words = Words::of(command);
    words.service(running);
    words.0
}

/// A command under construction.
struct Words(String);

impl Words {
    fn of(command: &str) -> Self {
        Self(format!("{} {command}", program::name()))
    }

    /// The text as one word of a shell.
    fn word(&mut self, word: &OsStr) {
        self.0.push(' ');
        self.0.push_str(&shell(&word.to_string_lossy()));
    }

    fn option(&mut self, name: &str, value: &OsStr) {
        self.word(name.as_ref());
        self.word(value);
    }

    /// The options for reading the file.
    fn reading(&mut self, reading: &Reading) {
        let Reading { env_file, env, inherit_env, lenient, strict, config_dir, skip_files } = reading;
        env_file.iter().for_each(|file| self.option("--env-file", file.as_os_str()));
        env.iter().for_each(|(key, value)| self.option("--env", format!("{key}={value}").as_ref()));
        let flags = [
            ("--inherit-env", inherit_env),
            ("--lenient", lenient),
            ("--strict", strict),
            ("--skip-files", skip_files),
        ];
        flags.into_iter().filter(|(_, is)| **is).for_each(|(name, _)| self.word(name.as_ref()));
        if let Some(folder) = config_dir {
            self.option("--config-dir", folder.as_os_str());
        }
    }

    /// The option that names the scheduler, if several run.
    fn service(&mut self, running: &Running) {
        if Running::all().iter().any(|other| other.data_dir != running.data_dir) {
            self.option("--name", running.service.as_ref());
        }
    }

    /// The whole command. A file from a pipe has to come from a pipe again.
    fn end(mut self, file: &Path) -> String {
        if is_standard_input(file) {
            self.0.push_str(" < FILE");
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Verb};
    use crate::backends::Backends;

    fn again(line: &[&str]) -> String {
        let words = ["planwright", "run"].iter().chain(line).map(Into::into);
        let Verb::Run(arguments) = Arguments::read(&Backends::default(), words).unwrap().verb else {
            panic!("{line:?} is no `run`");
        };
        // The test is called otherwise.
        run(&arguments).replacen(program::name(), "planwright", 1)
    }

    #[test]
    fn what_was_typed_is_proposed_as_a_shell_takes_it() {
        for (typed, proposed) in [
            (&["a b/it's"][..], r"planwright run 'a b/it'\''s'"),
            (&["-", "--data-dir", "d"], "planwright run - --data-dir d < FILE"),
            (&["f", "--env", "A=1 2", "--env-file", "e"], "planwright run f --env-file e --env 'A=1 2'"),
            (&["f", "--listen", "127.0.0.9:0"], "planwright run f --listen 127.0.0.9:0"),
            (&["f", "--nodes", "3", "--cpus=0.5"], "planwright run f --nodes 3 --cpus 0.5"),
            (&["f", "--backend", "local"], "planwright run f --backend local"),
            (&["f", "--lose-node", "node-0"], "planwright run f"),
            (
                &["f", "--memory", "64", "--disk", "9", "--plan", "p"],
                "planwright run f --plan p --memory 64 --disk 9",
            ),
            (
                &["f", "--config-dir", "c", "--inherit-env", "--lenient"],
                "planwright run f --inherit-env --lenient --config-dir c",
            ),
            (&["f", "--skip-files", "--strict", "--no-progress"], "planwright run f --strict --skip-files"),
        ] {
            assert_eq!(again(typed), proposed);
        }
    }
}
