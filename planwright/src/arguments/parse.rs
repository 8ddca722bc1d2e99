//! Parses the command line, with what the backends add: their names, and their own options.
//!
//! Invariant: an option of a backend is accepted with that backend, and refused with another.

use std::ffi::OsString;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use super::{Arguments, Verb};
use crate::backends::{BackendKind, Backends};

/// The command line of a program with these backends.
pub(crate) fn command(backends: &Backends) -> Command {
    let named = |arg: Arg| {
        let values = backends.iter().map(|kind| PossibleValue::new(kind.name()));
        arg.value_parser(PossibleValuesParser::new(values))
            .value_name(backends.names())
            .hide_possible_values(true)
    };
    let run = |run: Command| {
        let run = run.mut_arg("backend", |arg| {
            named(arg)
                .required(false)
                .default_value(backends.default_name())
                .help(format!("What runs the tasks: {}", backends.about()))
        });
        let options = backends.iter().flat_map(|kind| {
            let heading = format!("Options of --backend {}", kind.name());
            kind.options().into_iter().map(move |option| option.help_heading(heading.clone()))
        });
        run.args(options)
    };
    Arguments::command()
        .mut_subcommand("run", run)
        .mut_subcommand("validate", |validate| validate.mut_arg("backend", named))
}

impl Arguments {
    /// Reads a command line, whose first word is the program's name.
    ///
    /// # Errors
    /// The usage is wrong, or the command line asks for help.
    pub(crate) fn read(
        backends: &Backends,
        words: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let mut command = command(backends);
        let matches = command.try_get_matches_from_mut(words)?;
        let mut arguments = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if let (Verb::Run(run), Some(given)) = (&mut arguments.verb, matches.subcommand_matches("run")) {
            for kind in backends.iter() {
                let typed = typed(kind, given);
                if kind.name() == run.backend {
                    let again = typed.into_iter().filter(|(id, _)| !kind.of_one_run().contains(&id.as_str()));
                    run.again = again.flat_map(|(_, words)| words).collect();
                } else if let Some((_, words)) = typed.first() {
                    let option = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
                    let (of, with) = (kind.name(), &run.backend);
                    let why =
                        format!("`{option}` is an option of `--backend {of}`, and not of `--backend {with}`");
                    return Err(command.error(ErrorKind::ArgumentConflict, why));
                }
            }
            run.options = given.clone();
        }
        Ok(arguments)
    }
}

/// The options of a backend on the command line, by id, each as typed.
fn typed(kind: &dyn BackendKind, given: &ArgMatches) -> Vec<(String, Vec<OsString>)> {
    let mut typed = Vec::new();
    for option in kind.options() {
        let id = option.get_id().as_str();
        if given.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let name = match (option.get_long(), option.get_short()) {
            (Some(long), _) => format!("--{long}"),
            (None, Some(short)) => format!("-{short}"),
            // A word without a name stays as it is.
            (None, None) => String::new(),
        };
        let name = Some(OsString::from(name)).filter(|name| !name.is_empty());
        let words = if option.get_action().takes_values() {
            let values = given.get_raw_occurrences(id).into_iter().flatten();
            values.flat_map(|values| name.clone().into_iter().chain(values.map(OsString::from))).collect()
        } else {
            // A flag that is given more than once means the same as once.
            Vec::from_iter(name)
        };
        typed.push((id.to_owned(), words));
    }
    typed
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use async_trait::async_trait;
    use plan_core::spec::ServiceSpec;
    use plan_driver::backend::{Backend, BackendError, Finding, Kind};
    use plan_host::HostedKind;

    use super::*;

    struct Far;

    impl Kind for Far {
        fn name(&self) -> &'static str {
            "far"
        }

        fn check(&self, _: &ServiceSpec) -> Vec<Finding> {
            Vec::new()
        }
    }

    #[async_trait]
    impl HostedKind for Far {
        fn about(&self) -> &'static str {
            "tasks far away"
        }

        async fn open(&self, _: &Path) -> Result<Arc<dyn Backend>, BackendError> {
            Err(BackendError::new("it is too far"))
        }
    }

    impl BackendKind for Far {
        fn options(&self) -> Vec<Arg> {
            let flag = Arg::new("slowly").long("slowly").action(clap::ArgAction::SetTrue);
            vec![Arg::new("at").long("at").action(clap::ArgAction::Append), flag]
        }
    }

    fn read(line: &str) -> Result<(String, Vec<OsString>), String> {
        let backends = Backends::default().with(Far);
        let words = line.split(' ').map(OsString::from);
        let arguments = Arguments::read(&backends, words).map_err(|error| error.to_string())?;
        let Verb::Run(run) = arguments.verb else { panic!("{line}") };
        Ok((run.backend, run.again))
    }

    #[test]
    fn the_command_line_is_sound() {
        command(&Backends::default()).debug_assert();
        command(&Backends::default().with(Far)).debug_assert();
    }

    #[test]
    fn an_option_of_a_backend_is_taken_with_it_alone() {
        let given = |backend: &str, words: &[&str]| {
            Ok((backend.to_owned(), words.iter().map(OsString::from).collect::<Vec<_>>()))
        };
        assert_eq!(read("planwright run f"), given("local", &[]));
        assert_eq!(
            read("planwright run f --cpus=2 --nodes 3 --lose-node node-0"),
            given("local", &["--nodes", "3", "--cpus", "2"])
        );
        assert_eq!(
            read("planwright run f --backend far --at a --at=b --slowly"),
            given("far", &["--at", "a", "--at", "b", "--slowly"])
        );
        let other = read("planwright run f --backend far --nodes 3").unwrap_err();
        assert!(other.contains("`--nodes` is an option of `--backend local`"), "{other}");
        let unknown = read("planwright run f --backend fra").unwrap_err();
        assert!(unknown.contains("far") && unknown.contains("local"), "{unknown}");
    }
}
