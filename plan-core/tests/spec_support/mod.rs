//! Helpers of the tests of specifications.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod arbitrary;

use std::collections::BTreeMap;

use plan_core::spec::{Files, Lines, ReadOptions, Reading, ServiceSpec, Source, read};

pub(crate) fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn read_with(text: &str, pairs: &[(&str, &str)]) -> Reading {
    read_files(text, pairs, Files::Skip)
}

pub(crate) fn read_files(text: &str, pairs: &[(&str, &str)], files: Files<'_>) -> Reading {
    let options = ReadOptions { env: &env(pairs), strict_variables: true, files };
    let reading = read(Source { file: "svc.yml", text }, &options);
    for one in &reading.diagnostics {
        let span = one.span.unwrap_or_else(|| panic!("no place: {one}"));
        assert!(span.start <= span.end && span.end <= text.len(), "{one}: {span:?}");
        assert!(one.help.is_some(), "no help: {one}");
        assert!(!one.message.ends_with('.'), "{one}");
    }
    assert_eq!(reading.spec.is_none(), reading.diagnostics.iter().any(|one| one.is_error()));
    reading
}

/// Each problem as `line:column code message`.
pub(crate) fn told(text: &str, reading: &Reading) -> Vec<String> {
    let lines = Lines::new(text);
    let line = |one: &plan_core::spec::Diagnostic| {
        let at = lines.position(one.span.unwrap().start);
        format!("{}:{} {} {}", at.line, at.column, one.code, one.message)
    };
    reading.diagnostics.iter().map(line).collect()
}

/// Reads a text that must be good and without warnings.
pub(crate) fn good(text: &str, pairs: &[(&str, &str)]) -> ServiceSpec {
    let reading = read_with(text, pairs);
    assert!(reading.diagnostics.is_empty(), "{text}\n{:#?}", told(text, &reading));
    reading.spec.unwrap()
}

/// Asserts that a text has exactly these problems. Each is `line P000 part of the message`, or
/// `line:column P000 part`.
pub(crate) fn check(text: &str, expected: &[&str]) {
    let reading = read_with(text, &[]);
    let found = told(text, &reading);
    let fits = |found: &String, expected: &&str| {
        let (place, rest) = expected.split_once(' ').unwrap();
        let (code, part) = rest.split_once(' ').unwrap();
        let (found_place, found_rest) = found.split_once(' ').unwrap();
        let at = found_place == place || found_place.split(':').next() == Some(place);
        at && found_rest.starts_with(code) && found_rest.contains(part)
    };
    let all = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| fits(found, expected));
    assert!(all, "{text}\nexpected {expected:#?}\nfound {found:#?}");
}

/// A service with lines added to its one pod; the first is on line 7.
pub(crate) fn pod(added: &str) -> String {
    let head = "name: svc\npods:\n  hello:\n    count: 2\n    tasks:\n      server: {goal: RUNNING, cmd: ./serve, cpus: 0.5, memory: 32}\n";
    format!("{head}{}", indented(added, 4))
}

/// A service with lines added to its one task; the first is on line 8.
pub(crate) fn task(added: &str) -> String {
    let head = "name: svc\npods:\n  hello:\n    count: 2\n    tasks:\n      server:\n        cmd: ./serve\n";
    format!("{head}{}", indented(added, 8))
}

/// A service of two pods with lines added at its end; the first is on line 12.
pub(crate) fn plans(added: &str) -> String {
    let head = "name: svc\npods:\n  hello:\n    count: 2\n    resource-sets:\n      shared: {cpus: 0.1, memory: 32}\n    tasks:\n      \
                init: {goal: ONCE, cmd: ./init, resource-set: shared}\n      \
                main: {goal: RUNNING, cmd: ./main, resource-set: shared}\n      \
                side: {goal: RUNNING, cmd: ./side, cpus: 0.1}\n  \
                world: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./serve, memory: 32}}}\n";
    format!("{head}{added}\n")
}

/// A service whose `deploy` plan has one phase over `hello` with these lines; the first is on line 16.
pub(crate) fn phase(added: &str) -> String {
    plans(&format!(
        "plans:\n  deploy:\n    phases:\n      one:\n{}",
        indented(&format!("pod: hello\n{added}"), 8)
    ))
}

fn indented(lines: &str, by: usize) -> String {
    lines.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}
