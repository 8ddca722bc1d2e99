//! Flags as Go's `flag` reads them: one dash or two, `-name`, `-name=value`, and `-name value` for flags that are not
//! switches.
//!
//! Invariant: an unknown flag is refused, never skipped.

use std::time::Duration;

pub(super) const HELP: &str = "\
usage: bootstrap [flags]
  -print-env            print the environment (default true)
  -resolve              wait until names are known (default true)
  -self-resolve         wait for the task's own name (default true)
  -resolve-hosts a,b    wait for these names as well
  -resolve-timeout 5m   give up after so long; 0s is never
  -template             render the config files (default true)
  -template-max-bytes n the largest template (default 1048576)
  -install-certs        refused: there are none here
  -get-task-ip          print the task's address, and nothing else
  -insecure             accepted: nothing is fetched here
  -verbose              say more";

/// What the program has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) print_env: bool,
    pub(super) resolve: bool,
    pub(super) self_resolve: bool,
    pub(super) resolve_hosts: Vec<String>,
    pub(super) resolve_timeout: Duration,
    pub(super) template: bool,
    pub(super) template_max_bytes: u64,
    /// `None` if the flag is not given.
    pub(super) install_certs: Option<bool>,
    pub(super) get_task_ip: bool,
    pub(super) verbose: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            print_env: true,
            resolve: true,
            self_resolve: true,
            resolve_hosts: Vec::new(),
            resolve_timeout: Duration::from_secs(300),
            template: true,
            template_max_bytes: 1 << 20,
            install_certs: None,
            get_task_ip: false,
            verbose: false,
        }
    }
}

/// What the flags ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    Run(Flags),
    Help,
}

impl Flags {
    pub(super) fn parse(arguments: &[String]) -> Result<Parsed, String> {
        let mut flags = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let flag = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
            let Some(flag) = flag.filter(|flag| !flag.is_empty()) else {
                return Err(format!("`{argument}` is not a flag"));
            };
            let (name, value) =
                flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            let switch = |to: &mut bool| switch(name, value).map(|value| *to = value);
            match name {
                "h" | "help" => return Ok(Parsed::Help),
                "print-env" => switch(&mut flags.print_env)?,
                "resolve" => switch(&mut flags.resolve)?,
                "self-resolve" => switch(&mut flags.self_resolve)?,
                "template" => switch(&mut flags.template)?,
                "get-task-ip" => switch(&mut flags.get_task_ip)?,
                "verbose" => switch(&mut flags.verbose)?,
                "insecure" => switch(&mut false)?,
                "install-certs" => switch(flags.install_certs.insert(true))?,
                "resolve-hosts" | "resolve-timeout" | "template-max-bytes" => {
                    let value = match value {
                        Some(value) => value,
                        None => arguments.next().ok_or_else(|| format!("`-{name}` wants a value"))?,
                    };
                    match name {
                        "resolve-hosts" => {
                            let hosts = value.split(',').map(str::trim).filter(|host| !host.is_empty());
                            flags.resolve_hosts = hosts.map(str::to_owned).collect();
                        }
                        "resolve-timeout" => flags.resolve_timeout = duration(value)?,
                        _ => {
                            let wrong =
                                |error| format!("`-{name}`: `{value}` is no number of bytes: {error}");
                            flags.template_max_bytes = value.parse().map_err(wrong)?;
                        }
                    }
                }
                _ => return Err(format!("there is no flag `-{name}`")),
            }
        }
        Ok(Parsed::Run(flags))
    }
}

/// The values that Go takes for a switch.
fn switch(name: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(format!("`-{name}`: `{other}` is neither true nor false")),
    }
}

/// A duration as Go writes it: `5m`, `1h30m`, `1.5s`, `500ms`, `0`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration: write it as `30s`, `5m` or `1h30m`");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut sum) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        sum = sum.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Parsed, String> {
        Flags::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_are_read_as_go_reads_them() {
        let table = [
            ("", Flags::default()),
            ("-resolve=false --template=0", Flags { resolve: false, template: false, ..Flags::default() }),
            (
                "--resolve-hosts a,b -resolve-timeout=1h30m",
                Flags {
                    resolve_hosts: vec!["a".to_owned(), "b".to_owned()],
                    resolve_timeout: Duration::from_secs(5400),
                    ..Flags::default()
                },
            ),
            (
                "-template-max-bytes 10 -verbose",
                Flags { template_max_bytes: 10, verbose: true, ..Flags::default() },
            ),
            ("-install-certs=false", Flags { install_certs: Some(false), ..Flags::default() }),
        ];
        for (line, flags) in table {
            assert_eq!(parse(line), Ok(Parsed::Run(flags)), "{line}");
        }
        for line in [
            "x",
            "-",
            "-unknown",
            "-resolve=maybe",
            "-resolve-timeout",
            "-resolve-timeout 5",
            "-template-max-bytes -1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert_eq!(parse("-h"), Ok(Parsed::Help));
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let table = [("5m", 300_000), ("1h30m", 5_400_000), ("1.5s", 1_500), ("500ms", 500), ("0", 0)];
        for (text, milliseconds) in table {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "5", "m", "5x", "-5m", "1..5s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
