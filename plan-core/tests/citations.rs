//! A citation leads a reader somewhere: no file of the project cites a text that readers do not have, and every
//! `SDK rule R12` is a rule of `docs/src/sdk-rules.md`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the sources are read, and a test that cannot go on fails"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The folders that hold no text of the project.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// The files of the project that are text, below this folder.
fn texts(folder: &Path, all: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if SKIPPED.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            texts(&path, all);
        } else if kind.is_file()
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            all.push((path, text));
        }
    }
}

#[test]
fn every_citation_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/src/sdk-rules.md")).unwrap();
    let rule = Regex::new(r"(?m)^- \*\*(R[0-9]+)\*\* ").unwrap();
    let listed: Vec<_> = rule.captures_iter(&page).map(|rule| rule[1].to_owned()).collect();
    let rules: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(rules.len(), listed.len(), "a number that stands twice on docs/src/sdk-rules.md");
    assert!(rules.len() > 50, "docs/src/sdk-rules.md has its rules");

    // Spelled so that this file does not cite them.
    let unknown = Regex::new(r"\b[A-Z]\u{a7}|\b(engine|design)\.m[d]\b").unwrap();
    let cited =
        Regex::new(r"SDK rules?\]?(?:\([^)]*\))?[\s/!]+(?:(?:and|to)?[\s/!]*R[0-9]+,?[\s/!]*)+").unwrap();
    let number = Regex::new(r"R[0-9]+").unwrap();

    let mut files = Vec::new();
    texts(root, &mut files);
    let mut wrong = Vec::new();
    for (path, text) in &files {
        let at = |offset: usize| {
            let line = text[..offset].matches('\n').count() + 1;
            format!("{}:{line}", path.strip_prefix(root).unwrap().display())
        };
        for found in unknown.find_iter(text) {
            wrong.push(format!("{}: `{}` leads nowhere", at(found.start()), found.as_str()));
        }
        for citation in cited.find_iter(text) {
            for found in number.find_iter(citation.as_str()).filter(|found| !rules.contains(found.as_str())) {
                let place = at(citation.start());
                wrong.push(format!("{place}: docs/src/sdk-rules.md has no {}", found.as_str()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
