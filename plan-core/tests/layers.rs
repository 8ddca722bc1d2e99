//! The engine's files lie in layers ([`LAYERS`]): none calls a function or a method of `Transition` or `State` in a layer
//! above it, and within a layer there is no circle (`docs/decisions/0017-an-engine-with-leaves.md`). This reads the
//! sources and names the calls that go up or round.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the sources are read, and a test that cannot go on fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

/// The layers, from the ground up. Each has files, and folders (with a `/`) for those of their files that no layer names.
const LAYERS: [(&str, &[&str]); 11] = [
    (
        "data",
        &[
            "ask",
            "at",
            "bug",
            "codec",
            "digest",
            "effects",
            "input",
            "note",
            "number",
            "reason",
            "record/",
            "recording",
            "remedy",
            "reply",
            "time",
            "waker",
            "words",
        ],
    ),
    ("leaves", &["session/", "writes"]),
    ("looking", &["room", "state/"]),
    ("ground", &["transition"]),
    ("rules", &["rules/"]),
    ("low", &["backoff", "debts", "places", "tell", "verbs/audit", "zoo"]),
    ("orders", &["derive", "orders", "removed"]),
    (
        "acts",
        &[
            "answers",
            "gates",
            "launch",
            "leaving",
            "moves",
            "observe",
            "rebind",
            "reconcile",
            "recovery",
            "start",
            "steps",
        ],
    ),
    ("plans", &["confs", "runs", "target", "verbs/"]),
    ("roof", &["finish", "install", "mod", "recover", "wake", "work"]),
    ("readers", &["held", "invariants", "preview", "story", "subjects", "view/"]),
];

/// The layer of a file: that of the file itself, or of its folder.
fn layer_of(file: &str) -> Option<usize> {
    let folder = file.split_once('/').map(|(folder, _)| format!("{folder}/"));
    let of = |name: &str| LAYERS.iter().position(|(_, files)| files.contains(&name));
    of(file).or_else(|| of(&folder?))
}

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

/// The parts of a source, each with the type whose functions it defines.
fn parts(source: &str) -> Vec<(&str, &str)> {
    let block = Regex::new(r"(?sm)^impl(?:<[^>]*>)? (\w+)(?:<[^>]*>)? \{$(.*?)^\}$").unwrap();
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

/// The functions of the engine, by their type, or without one: in which file each is defined.
fn functions(sources: &BTreeMap<String, String>) -> BTreeMap<(&str, &str), &str> {
    let method = Regex::new(r"(?m)^    (?:pub(?:\([^)]*\))? )?(?:const )?fn (\w+)").unwrap();
    let free = Regex::new(r"(?m)^pub(?:\([^)]*\))? (?:const )?fn (\w+)").unwrap();
    let mut defined = BTreeMap::new();
    for (file, source) in sources {
        for (of, body) in parts(source) {
            let define = if of.is_empty() { &free } else { &method };
            let names = define.captures_iter(body).map(|found| found.get(1).unwrap().as_str());
            defined.extend(names.map(|name| ((of, name), file.as_str())));
        }
    }
    assert!(defined.len() > 600, "the functions of the engine are found: {}", defined.len());
    defined
}

fn calls(sources: &BTreeMap<String, String>) -> Calls {
    let defined = functions(sources);
    let call = Regex::new(r"\b(self|transition|state)\s*\.\s*(\w+)(?:::<[^>]*>)?\(").unwrap();
    let of_type = Regex::new(r"\b([A-Z]\w+)::([a-z]\w*)\b").unwrap();
    // A free function is named in an import, or by its module.
    let import = Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?use [^;]+;").unwrap();
    let (word, path) = (Regex::new(r"\w+").unwrap(), Regex::new(r"\b[a-z]\w*::([a-z]\w*)\(").unwrap());
    let mut calls = Calls::new();
    for (file, source) in sources {
        let mut note = |of: &str, name: &str| {
            if let Some(&to) = defined.get(&(of, name)).filter(|to| **to != file.as_str()) {
                let names = calls.entry(file.clone()).or_default().entry(to.to_owned()).or_default();
                names.insert(name.to_owned());
            }
        };
        for (of, body) in parts(source) {
            for found in call.captures_iter(body) {
                let of = match &found[1] {
                    "self" => of,
                    "transition" => "Transition",
                    _ => "State",
                };
                note(of, &found[2]);
            }
            for found in of_type.captures_iter(body) {
                note(if &found[1] == "Self" { of } else { found.get(1).unwrap().as_str() }, &found[2]);
            }
        }
        // A facade that only passes a name on calls nothing.
        let body = import.replace_all(source, "");
        let used: BTreeSet<&str> = word.find_iter(&body).map(|name| name.as_str()).collect();
        for found in import.find_iter(source) {
            let names = word.find_iter(found.as_str()).map(|name| name.as_str());
            names.filter(|name| used.contains(name)).for_each(|name| note("", name));
        }
        for found in path.captures_iter(&body) {
            note("", &found[1]);
        }
    }
    calls
}

/// From room to room, with the names that are imported. A room is a folder of the engine, or a file.
fn imports(sources: &BTreeMap<String, String>) -> Calls {
    let room = |file: &str| file.split('/').next().unwrap_or_default().to_owned();
    let rooms: BTreeSet<String> =
        sources.keys().map(|file| room(file)).filter(|room| room != "mod").collect();
    let mut all = Calls::new();
    for (file, source) in sources.iter().filter(|(file, _)| *file != "mod") {
        // `super` leads to the engine from a file of its folder, and from a folder's `mod.rs`.
        let of_engine = !file.contains('/') || file.ends_with("/mod") && file.matches('/').count() == 1;
        let path = if of_engine {
            r"\b(?:super|crate::engine)::(\w+)::(\w+)?"
        } else {
            r"\bcrate::engine::(\w+)::(\w+)?"
        };
        for found in Regex::new(path).unwrap().captures_iter(source) {
            let (from, to) = (room(file), found[1].to_owned());
            if rooms.contains(&to) && from != to {
                let name = found.get(2).map_or("{", |name| name.as_str());
                all.entry(from).or_default().entry(to).or_default().insert(name.to_owned());
            }
        }
    }
    assert!(all.len() > 40, "the imports of the engine are found: {}", all.len());
    all
}

/// The calls from which a way leads back to the caller.
fn circles(mut calls: Calls) -> Calls {
    let mut led_to: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in calls.keys() {
        let (mut all, mut next) = (BTreeSet::new(), vec![file]);
        while let Some(to) = next.pop().and_then(|file| calls.get(file)) {
            next.extend(to.keys().filter(|file| all.insert((*file).clone())));
        }
        led_to.insert(file.clone(), all);
    }
    for (file, to) in &mut calls {
        to.retain(|to, _| led_to.get(to).is_some_and(|led_to| led_to.contains(file)));
    }
    calls.retain(|_, to| !to.is_empty());
    calls
}

#[test]
fn no_file_of_the_engine_calls_one_of_a_layer_above() {
    let sources = sources();
    let nowhere: Vec<_> = sources.keys().filter(|file| layer_of(file).is_none()).collect();
    assert!(nowhere.is_empty(), "these are in no layer: {nowhere:?}");
    for (layer, files) in LAYERS {
        for name in files {
            let there =
                sources.keys().any(|file| file == name || name.ends_with('/') && file.starts_with(name));
            assert!(there, "the layer `{layer}` has no `{name}`");
        }
    }
    let mut up = calls(&sources);
    up.iter_mut().for_each(|(file, to)| to.retain(|to, _| layer_of(to) > layer_of(file)));
    up.retain(|_, to| !to.is_empty());
    assert!(up.is_empty(), "these call a layer above them: {up:#?}");
}

#[test]
fn no_files_of_the_engine_call_each_other() {
    let circles = circles(calls(&sources()));
    let files: Vec<&str> = circles.keys().map(String::as_str).collect();
    assert_eq!(files, ONE_SUBJECT, "these call each other: {circles:#?}");
}

#[test]
fn no_room_of_the_engine_imports_from_one_above_it() {
    let circles = circles(imports(&sources()));
    assert!(circles.is_empty(), "these import from each other: {circles:#?}");
}
