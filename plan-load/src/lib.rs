//! Loads a specification from a folder: `svc.yml`, the values of its variables in `env`, and the config templates that it
//! names.
//!
//! Invariant: all problems are told, and not only the first. Each problem has its file and, where there is one, its line and
//! column. A warning is never lost: what is loaded comes as [`Checked`].
//!
//! ```
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/kafka");
//! let kafka = plan_load::folder(folder)?.warn(|warning| eprintln!("{warning}"));
//! assert!(kafka.spec().plans().contains_key("deploy"));
//! let model = kafka.model(); // What an engine, a driver and the simulator take.
//! # assert_eq!(model.spec(), kafka.spec());
//!
//! let error = plan_load::folder("no/such/folder").expect_err("there is none");
//! assert!(error.to_string().starts_with("error: there is no file `no/such/folder`"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The folder
//!
//! - `svc.yml` declares the service. It is a template over values.
//! - `env` has the values, as lines `KEY=value`. Blank lines and lines that begin with `#` say nothing. The file may be
//!   left out. [`LoadOptions`] gives other values.
//! - Config templates are the files that the service's tasks name. They are read from the folder and from at most 4 levels of
//!   folders in it. No link to a folder is followed, and no file is read that the specification does not name.
//!
//! # What it leaves out
//!
//! It reads no environment: the caller hands in the values of the process ([`LoadOptions::inherit`]). It contacts no
//! backend: a kind of backend says what it does not support, and [`Loaded::located`] adds the place in the file.

mod bytes;
mod file;
mod loaded;
mod options;
mod templates;
mod values;

use std::path::Path;

use plan_core::spec::{Checked, SpecError};

pub use bytes::unreadable;
pub use file::{FileReading, SpecFile};
pub use loaded::Loaded;
pub use options::{Hints, LoadOptions, Rigour};
pub use values::is_key;

/// The file of a folder that declares the service.
const SERVICE: &str = "svc.yml";
/// The file of a folder that gives values to the service's variables.
const VALUES: &str = "env";

/// Loads the specification of a folder. A file can be named too: the values are then those of no `env`, and config
/// templates are beside the file.
///
/// # Errors
/// Something cannot be read, or is wrong: all problems, each with file, line, column and what to do.
pub fn folder(path: impl AsRef<Path>) -> Result<Checked<Loaded>, SpecError> {
    LoadOptions::new().load(path)
}

/// The example of the crate's page is compiled as this type's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "name: shop\npods:\n  web:\n    count: {{COUNT}}\n    tasks:\n      server: {goal: RUNNING, \
                        cmd: ./serve, cpus: 0.1, memory: 32, configs: {main: {template: conf/main.conf, dest: m}}}\n";

    fn place(files: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = place.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        place
    }

    #[test]
    fn a_folder_is_a_specification_with_its_values_and_templates() {
        let place =
            place(&[("svc.yml", SPEC), ("env", "# how many\nCOUNT=2\n"), ("conf/main.conf", "port = 1\n")]);
        let loaded = folder(place.path()).unwrap().strict().unwrap();
        let pod = &loaded.spec().pods()["web"];
        assert_eq!(pod.count, 2);
        assert_eq!(pod.tasks["server"].configs["main"].text.as_deref(), Some("port = 1\n"));
        let more = |options: LoadOptions| {
            options.load(place.path()).unwrap().ignore_warnings().spec().pods()["web"].count
        };
        let inherited = LoadOptions::new().inherit([("COUNT".to_owned(), "9".to_owned())]);
        assert_eq!(more(inherited), 2, "what is inherited is beneath the file");
        std::fs::write(place.path().join("more"), "COUNT=3").unwrap();
        let filed = LoadOptions::new().env_file(place.path().join("more")).unwrap();
        assert_eq!(more(filed.clone()), 3);
        assert_eq!(more(filed.env("COUNT", "4")), 4);
    }

    #[test]
    fn an_error_has_every_problem_with_file_line_and_column() {
        let text = SPEC.replace("RUNNING", "RUNING").replace("cmd:", "cmdd:");
        let place = place(&[("svc.yml", &text), ("env", "COUNT=2")]);
        let error = folder(place.path()).unwrap_err();
        let file = place.path().join("svc.yml");
        assert!(error.problems().len() >= 3, "{error}");
        assert!(error.to_string().contains(&format!("{}:6:22: error[", file.display())), "{error}");
        assert!(error.to_string().contains("there is no config template `conf/main.conf`"), "{error}");
        std::fs::write(place.path().join("env"), "COUNT=2\nexport A=1\nB\n").unwrap();
        let told = folder(place.path()).unwrap_err().to_string();
        assert!(told.contains("env:2:1: error: ") && told.contains("env:3:1: error: "), "{told}");
    }

    #[test]
    fn hints_are_for_those_who_read_them() {
        let place = place(&[("svc.yml", "name: {{NAME}}x\n")]);
        let lenient = LoadOptions::new().rigour(Rigour::Lenient);
        let told = lenient.load(place.path()).unwrap_err().to_string();
        assert!(told.contains("the folder's `env`") && !told.contains("--env"), "{told}");
        let told = lenient.hints(Hints::CommandLine).load(place.path()).unwrap_err().to_string();
        assert!(told.contains("`--env NAME=...`"), "{told}");
    }
}
