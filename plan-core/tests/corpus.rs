//! Specifications of the SDK and its services, from outside the project. `PLANWRIGHT_CORPUS` names a folder that has a
//! folder for each package (`*.yml`, and `env` with lines `NAME=value`) and `sdk/expected.tsv`, which says the expected
//! result for each small file. Without the variable, the test says so and tests nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the corpus is handed in by the environment"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plan_core::spec::{Files, Lines, ReadOptions, Reading, ServiceSpec, Source, read};

fn corpus() -> Option<PathBuf> {
    let found = std::env::var("PLANWRIGHT_CORPUS").ok().map(PathBuf::from);
    if found.is_none() {
        eprintln!("NOT RUN: set PLANWRIGHT_CORPUS to the folder of specifications that others wrote");
    }
    found
}

fn env(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn check(path: &Path, env: &BTreeMap<String, String>) -> (Reading, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let file = path.file_name().unwrap().to_string_lossy();
    let options = ReadOptions { env, strict_variables: false, files: Files::Skip };
    let reading = read(Source { file: &file, text: &text }, &options);
    let lines = Lines::new(&text);
    let told = reading.diagnostics.iter().map(|one| {
        let at = lines.position(one.span.unwrap().start);
        let help = one.help.as_deref().unwrap_or("-");
        format!(
            "{file}:{}:{}: {one} ({help})\n    {}\n",
            at.line,
            at.column,
            lines.line(one.span.unwrap().start)
        )
    });
    let told = told.collect();
    (reading, told)
}

fn round_trip(spec: &ServiceSpec, path: &Path) {
    let json = serde_json::to_string(spec).unwrap();
    let again: ServiceSpec =
        serde_json::from_str(&json).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(&again, spec, "{}", path.display());
}

#[test]
fn packages_are_good() {
    let Some(corpus) = corpus() else { return };
    let mut failed = Vec::new();
    for folder in ["helloworld", "hdfs"] {
        let values = env(&corpus.join(folder).join("env"));
        // Every section is on, and every variable inside has a value.
        let mut all_on = values.clone();
        let text = std::fs::read_to_string(corpus.join(folder).join("svc.yml")).unwrap();
        for (index, tag) in text.split("{{").skip(1).enumerate() {
            let name = tag.trim_start_matches(['{', '#', '^', '/']).split('}').next().unwrap();
            let section = text.contains(&format!("{{{{#{name}}}}}"));
            let value = match name {
                _ if section => "true".to_owned(),
                _ if name.ends_with("_PORT") => (20000 + index).to_string(),
                _ if name.ends_with("_SOFT") || name.ends_with("_HARD") => "128000".to_owned(),
                _ if name.ends_with("_LABELS") => "key:value".to_owned(),
                _ => "x".to_owned(),
            };
            all_on.entry(name.to_owned()).or_insert(value);
        }
        for entry in std::fs::read_dir(corpus.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yml") {
                continue;
            }
            for values in [&values, &all_on] {
                let (reading, told) = check(&path, values);
                if !told.is_empty() {
                    eprint!("{told}");
                }
                match reading.spec {
                    Some(spec) => round_trip(&spec, &path),
                    None => failed.push(format!("{}\n{told}", path.display())),
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn small_ones_become_what_is_expected() {
    let Some(corpus) = corpus() else { return };
    let values = BTreeMap::from(
        [("HELLO_CPUS", "0.1"), ("ENABLED", "true"), ("VOL_SIZE", "100")]
            .map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    let table = std::fs::read_to_string(corpus.join("sdk/expected.tsv")).unwrap();
    let mut failed = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(file), Some(outcome)) = (columns.next(), columns.next()) else { continue };
        let what = columns.next().unwrap_or_default();
        let pattern = what.split(';').next().unwrap_or_default();
        let path = corpus.join("sdk").join(file);
        let (reading, told) = check(&path, &values);
        eprint!("{told}");
        // Some rows have a remark in place of a pattern.
        let is_remark = ["generated", "its plans"].iter().any(|remark| what.contains(remark));
        let good = match outcome {
            "ok" => reading.spec.is_some(),
            "not-a-spec" => reading.spec.is_none(),
            _ => {
                let found = regex::RegexBuilder::new(pattern).case_insensitive(true).build().unwrap();
                reading.spec.is_none() && (is_remark || found.is_match(&told))
            }
        };
        if let Some(spec) = &reading.spec {
            round_trip(spec, &path);
        }
        if !good {
            failed.push(format!("{file}: wanted {outcome} {what}\n{told}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
