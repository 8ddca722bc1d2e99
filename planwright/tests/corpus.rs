//! Specifications that others wrote, through the program: `PLANWRIGHT_CORPUS` names a folder with a folder per
//! package (`*.yml`, and `env` with `NAME=value` lines) and `sdk/expected.tsv`, which says what must become of
//! each small one. What is good is shown, drawn, and deployed in the simulator. Without the variable nothing
//! is tested, and it says so.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use program::{Ran, planwright};

fn corpus() -> Option<PathBuf> {
    let found = std::env::var_os("PLANWRIGHT_CORPUS").map(PathBuf::from);
    if found.is_none() {
        // Not by a macro: what those write is kept back of a test that passes.
        let told =
            "\n!!! NOT RUN: set PLANWRIGHT_CORPUS to the folder of specifications that others wrote\n\n";
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
    found
}

/// The paths in a folder, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The packages: every folder with values, and its files.
fn packages(corpus: &Path) -> Vec<(PathBuf, Vec<PathBuf>)> {
    let folders = entries(corpus).into_iter().filter(|folder| folder.join("env").is_file());
    let files = |folder: &Path| {
        let yml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yml");
        entries(folder).into_iter().filter(yml).collect()
    };
    folders.map(|folder| (folder.join("env"), files(&folder))).collect()
}

fn run(command: &str, file: &Path, more: &[String]) -> Ran {
    let mut arguments = vec![command, file.to_str().unwrap(), "--lenient", "--skip-files"];
    arguments.extend(more.iter().map(String::as_str));
    planwright(&arguments)
}

/// Validates, shows, draws and deploys a file; what does not succeed is noted.
fn whole(file: &Path, values: &[String], failed: &mut Vec<String>) {
    for (command, more) in [
        ("validate", &[][..]),
        ("render", &[]),
        ("show", &[]),
        ("graph", &["--format=svg"]),
        ("graph", &["--format=mermaid"]),
        ("simulate", &["--release-canaries"]),
    ] {
        let more = more.iter().map(|one| (*one).to_owned());
        let arguments: Vec<_> = values.iter().cloned().chain(more).collect();
        let ran = run(command, file, &arguments);
        if ran.code != 0 {
            failed.push(format!("planwright {command} {} {arguments:?}: {ran}", file.display()));
            return;
        }
        let tree = ran.out.lines().next().unwrap_or_default();
        if command == "simulate" && !(tree.starts_with("deploy (") && tree.ends_with("(COMPLETE)")) {
            failed.push(format!("{}: {ran}", file.display()));
        }
    }
}

/// Values with which every section of a template is on, and all in it has a value.
fn all_on(file: &Path, given: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let given: BTreeSet<_> = given.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let mut seen = BTreeSet::new();
    let mut values = Vec::new();
    for (index, tag) in text.split("{{").skip(1).enumerate() {
        let name = tag.trim_start_matches(['{', '#', '^', '/']).split('}').next().unwrap().trim();
        if given.contains(name) || !seen.insert(name) {
            continue;
        }
        let value = match name {
            _ if text.contains(&format!("{{{{#{name}}}}}")) => "true".to_owned(),
            _ if name.ends_with("_PORT") => (20000 + index).to_string(),
            _ if name.ends_with("_SOFT") || name.ends_with("_HARD") => "128000".to_owned(),
            _ if name.ends_with("_LABELS") => "key:value".to_owned(),
            _ => "x".to_owned(),
        };
        values.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    values
}

#[test]
fn packages_are_deployed() {
    let Some(corpus) = corpus() else { return };
    let mut failed = Vec::new();
    let mut files = 0;
    for (env, paths) in packages(&corpus) {
        let given = vec!["--env-file".to_owned(), env.to_str().unwrap().to_owned()];
        let known = std::fs::read_to_string(&env).unwrap();
        for file in paths {
            files += 1;
            whole(&file, &given, &mut failed);
            let on = all_on(&file, &known);
            whole(&file, &[given.as_slice(), &on].concat(), &mut failed);
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(files > 0, "there is no package in {}", corpus.display());
}

#[test]
fn small_ones_become_what_is_expected() {
    let Some(corpus) = corpus() else { return };
    let table = std::fs::read_to_string(corpus.join("sdk/expected.tsv")).unwrap();
    let mut failed = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(file), Some(outcome)) = (columns.next(), columns.next()) else { continue };
        let expected = columns.next().unwrap_or_default();
        let file = corpus.join("sdk").join(file);
        let values = |enabled: &str| {
            [("HELLO_CPUS", "0.1"), ("VOL_SIZE", "100"), ("ENABLED", enabled)]
                .iter()
                .flat_map(|(name, value)| ["--env".to_owned(), format!("{name}={value}")])
                .collect::<Vec<_>>()
        };
        if outcome == "ok" {
            whole(&file, &values("true"), &mut failed);
            whole(&file, &values("false"), &mut failed);
        } else {
            // Some rows hold a remark and not a pattern.
            let is_remark = ["generated", "its plans"].iter().any(|remark| expected.contains(remark));
            let pattern = expected.split(';').next().unwrap_or_default();
            let pattern = regex::RegexBuilder::new(pattern).case_insensitive(true).build().unwrap();
            for command in ["validate", "simulate"] {
                let ran = run(command, &file, &values("true"));
                let said = is_remark || pattern.is_match(&ran.err);
                if ran.code != 1 || !ran.err.contains("--> ") || outcome == "rejected" && !said {
                    failed.push(format!("{}: wanted {outcome} {expected}\n{ran}", file.display()));
                }
            }
        }
        if expected.contains("give different commands") {
            let rendered = |enabled| run("render", &file, &values(enabled)).out;
            assert_ne!(rendered("true"), rendered("false"), "{}", file.display());
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
