//! The places that a new strategy touches: its own file, the table of keys, and the book.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "it reads our own sources and the book")]

use std::path::{Path, PathBuf};

use plan_core::spec::{PhaseStrategy, PlanStrategy, json_schema};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a line of code names one of the strategies.
fn names_one(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["PlanStrategy::", "PhaseStrategy::"].iter().any(|prefix| {
        code.split(prefix).skip(1).any(|rest| {
            let name: Vec<char> = rest.chars().take(2).collect();
            // A variant, not a constant or a function.
            matches!(name[..], [first, second] if first.is_uppercase() && second.is_lowercase())
        })
    })
}

#[test]
fn one_file_asks_which_strategy_it_is() {
    let mut files = Vec::new();
    for part in ["plan-core", "backend-sim", "backend-local", "plan-driver", "planwright"] {
        sources(&workspace().join(part).join("src"), &mut files);
    }
    let mut naming: Vec<String> = files
        .iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().lines().any(names_one))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    naming.sort_unstable();
    // `strategy.rs` says `Self`.
    assert_eq!(naming, ["keys.rs"], "ask a strategy for its sequence and its canaries");
}

#[test]
fn each_strategy_is_a_word_of_the_file_and_in_the_book() {
    let schema = json_schema();
    let words = |table: &str| -> Vec<String> {
        let words = &schema["$defs"][table]["properties"]["strategy"]["anyOf"][0]["enum"];
        words.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let book = std::fs::read_to_string(workspace().join("docs/src/plan-file.md")).unwrap();
    let row = |of: &str| {
        let start = format!("| {of} | `strategy` |");
        book.lines().find(|line| line.starts_with(&start)).unwrap().to_owned()
    };
    let plans: Vec<&str> = PlanStrategy::ALL.map(PlanStrategy::as_str).to_vec();
    let phases: Vec<&str> = PhaseStrategy::ALL.map(PhaseStrategy::as_str).to_vec();
    for (of, table, names) in [("a plan", "plan", plans), ("a phase", "phase", phases)] {
        let words = words(table);
        assert!(names.iter().all(|name| words.iter().any(|word| word == name)), "{names:?} {words:?}");
        let row = row(of);
        assert!(words.iter().all(|word| row.contains(&format!("`{word}`"))), "{row}");
    }
}
