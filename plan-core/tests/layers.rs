//! The engine's files lie in layers: none calls a method of `Transition` or `State` in a file above it
//! (`docs/decisions/0017-an-engine-with-leaves.md`). This reads the sources and names the calls of every circle.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the sources are read, and a test that cannot go on fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

/// Files that are one subject: a withdrawn order changes a status, and a complete status withdraws orders.
const ONE_SUBJECT: [&str; 3] = ["derive", "orders", "removed"];

/// By name, the sources of the engine without their tests and comments.
fn sources() -> BTreeMap<String, String> {
    fn read(folder: &Path, of: &str, all: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                read(&entry.path(), &format!("{of}{name}/"), all);
            } else if let Some(name) = name.strip_suffix(".rs").filter(|name| *name != "tests") {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
                all.insert(format!("{of}{name}"), lines.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    let mut all = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine"), "", &mut all);
    all
}

/// The parts of a source, each with the type whose methods it defines.
fn parts(source: &str) -> Vec<(&str, &str)> {
    let block = Regex::new(r"(?sm)^impl(?:<[^>]*>)? (Transition|State)(?:<'\w+>)? \{$(.*?)^\}$").unwrap();
    let (mut parts, mut last) = (Vec::new(), 0);
    for found in block.captures_iter(source) {
        let (whole, of, body) = (found.get(0).unwrap(), found.get(1).unwrap(), found.get(2).unwrap());
        parts.push(("", &source[last..whole.start()]));
        parts.push((of.as_str(), body.as_str()));
        last = whole.end();
    }
    parts.push(("", &source[last..]));
    parts
}

/// From file to file, with the calls that lead there.
type Calls = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn calls(sources: &BTreeMap<String, String>) -> Calls {
    let define = Regex::new(r"(?m)^    (?:pub(?:\([^)]*\))? )?(?:const )?fn (\w+)").unwrap();
    let call = Regex::new(r"\b(self|transition|state)\s*\.\s*(\w+)(?:::<[^>]*>)?\(").unwrap();
    let mut defined: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (file, source) in sources {
        for (of, body) in parts(source).into_iter().filter(|(of, _)| !of.is_empty()) {
            let names = define.captures_iter(body).map(|found| found.get(1).unwrap().as_str());
            defined.extend(names.map(|name| ((of, name), file.as_str())));
        }
    }
    assert!(defined.len() > 200, "the methods of the engine are found: {}", defined.len());
    let mut calls = Calls::new();
    for (file, source) in sources {
        for (of, body) in parts(source) {
            for found in call.captures_iter(body) {
                let (receiver, name) = (found.get(1).unwrap().as_str(), found.get(2).unwrap().as_str());
                let of = match receiver {
                    "self" => of,
                    "transition" => "Transition",
                    _ => "State",
                };
                if let Some(&to) = defined.get(&(of, name)).filter(|to| **to != file.as_str()) {
                    let names = calls.entry(file.clone()).or_default().entry(to.to_owned()).or_default();
                    names.insert(name.to_owned());
                }
            }
        }
    }
    calls
}

/// What is left after files that call no other file, or that no other file calls, are removed.
fn circles(mut calls: Calls) -> Calls {
    loop {
        let called: BTreeSet<String> = calls.values().flat_map(BTreeMap::keys).cloned().collect();
        let before = calls.values().map(BTreeMap::len).sum::<usize>();
        let callers: BTreeSet<String> = calls.keys().cloned().collect();
        calls.retain(|file, _| called.contains(file));
        calls.values_mut().for_each(|to| to.retain(|file, _| callers.contains(file)));
        calls.retain(|_, to| !to.is_empty());
        if calls.values().map(BTreeMap::len).sum::<usize>() == before {
            return calls;
        }
    }
}

#[test]
fn no_file_of_the_engine_calls_one_above_it() {
    let circles = circles(calls(&sources()));
    let files: Vec<&str> = circles.keys().map(String::as_str).collect();
    assert_eq!(files, ONE_SUBJECT, "these call each other: {circles:#?}");
}
