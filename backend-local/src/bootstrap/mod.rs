//! The `bootstrap` of tasks: the program that a command calls first, as in `./bootstrap && exec ./server` (SDK rule
//! R45).
//!
//! Invariant: it does what its flags say, in the order of the SDK: it prints the environment, waits for names, and
//! renders config files. A failure ends it with exit code 1, so the command after `&&` does not run.

mod flags;
mod names;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use plan_core::spec::template::{Missing, render};

use crate::layout::relative;
use flags::{Flags, Parsed};

/// Runs with these arguments, in the environment and folder of the task.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let arguments: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let flags = match Flags::parse(&arguments) {
        Ok(Parsed::Run(flags)) => flags,
        Ok(Parsed::Help) => {
            say(flags::HELP);
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            say(&format!("bootstrap: {why}\n{}", flags::HELP));
            return ExitCode::from(2);
        }
    };
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    match bootstrap(&flags, &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("bootstrap: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn bootstrap(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<(), String> {
    if flags.get_task_ip {
        return print(&format!("{}\n", names::task_ip(environment)));
    }
    if flags.print_env {
        let lines: String = environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        print(&format!("Bootstrapping with the environment:\n{lines}"))?;
    }
    if flags.resolve {
        names::wait(flags, environment)?;
    }
    if flags.template {
        render_all(flags, environment)?;
    }
    if flags.install_certs == Some(true) {
        return Err(
            "`-install-certs`: the local backend gives tasks no certificates; leave the flag out".to_owned()
        );
    }
    Ok(())
}

/// Renders the template that each `CONFIG_TEMPLATE_…` names: `template,dest`, both below the sandbox.
fn render_all(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in environment {
        if !name.starts_with("CONFIG_TEMPLATE_") {
            continue;
        }
        let wrong =
            || format!("{name} is `{value}`, and not a template and a destination with a comma between");
        let (template, dest) =
            value.split_once(',').filter(|(_, dest)| !dest.contains(',')).ok_or_else(wrong)?;
        for path in [template, dest] {
            relative(path).map_err(|why| format!("{name}: `{path}` {why}"))?;
        }
        let text = read(Path::new(template), flags.template_max_bytes)?;
        let rendered = render(&text, environment, Missing::Refuse);
        if !rendered.missing.is_empty() {
            let missing: Vec<&str> = rendered.missing.iter().map(|(name, _)| name.as_str()).collect();
            return Err(format!("{template} uses variables that are not set: {}", missing.join(", ")));
        }
        if let Some(problem) = rendered.diagnostics.first() {
            return Err(format!("{template}: {}", problem.message));
        }
        if let Some(folder) = Path::new(dest).parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        }
        std::fs::write(dest, rendered.text).map_err(|error| format!("cannot write {dest}: {error}"))?;
        if flags.verbose {
            say(&format!("bootstrap: wrote {dest} from {template}"));
        }
    }
    Ok(())
}

fn read(path: &Path, most: u64) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    let size = file.take(most.saturating_add(1)).read_to_string(&mut text).map_err(cannot)?;
    if size as u64 > most {
        return Err(format!("{} is larger than {most} bytes: raise `-template-max-bytes`", path.display()));
    }
    Ok(text)
}

fn print(text: &str) -> Result<(), String> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot print: {error}"))
}

fn say(line: &str) {
    // If this fails, there is no way to report it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
