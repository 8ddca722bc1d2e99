//! The book's chapter of codes says what the codes say, its list of backends is the program's, and every code has a paragraph
//! and an example that breaks its rule and no other.
//!
//! `UPDATE_BOOK=1 cargo test -p planwright --test diagnostics` writes the chapter anew; the diff is read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use std::collections::{BTreeMap, BTreeSet};

use plan_core::spec::{Code, Files, ReadOptions, Source, read};
use planwright::backends::Backends;
use planwright::explanation::rules_of;
use program::{planwright, root};

#[test]
fn the_chapter_says_what_the_codes_say() {
    let path = root().join("docs/src/diagnostics.md");
    let chapter = planwright::explanation::chapter(&Backends::default());
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(&path, &chapter).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == chapter,
        "docs/src/diagnostics.md is not what the codes say\n\
         UPDATE_BOOK=1 cargo test -p planwright --test diagnostics   writes it anew"
    );
}

#[test]
fn the_chapter_on_running_has_the_list_of_backends() {
    let path = root().join("docs/src/running.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- backends -->\n", "<!-- end of backends -->\n");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let list = planwright::explanation::backends(&Backends::default());
    let renewed = format!("{before}{begin}\n{list}\n{end}{after}");
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(&path, &renewed).unwrap();
    }
    let help = "UPDATE_BOOK=1 cargo test -p planwright --test diagnostics   writes it anew";
    assert!(std::fs::read_to_string(&path).unwrap() == renewed, "the list is not the program's\n{help}");
}

#[test]
fn every_code_has_a_paragraph_and_an_example() {
    let mut wrong = Vec::new();
    let (mut paragraphs, mut files) = (BTreeSet::new(), BTreeSet::new());
    for &code in Code::ALL {
        let (paragraph, example) = (code.explanation().trim(), code.example());
        if paragraph == code.summary() || paragraph.len() < 40 || !paragraph.ends_with('.') {
            wrong.push(format!("{code} has no paragraph"));
        }
        if !paragraphs.insert(paragraph) {
            wrong.push(format!("{code} has the paragraph of another"));
        }
        if !files.insert((example.file, example.values, example.templates)) {
            wrong.push(format!("{code} has the example of another"));
        }
        let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let (env, templates) = (owned(example.values), owned(example.templates));
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Texts(&templates) };
        let reading = read(Source { file: "svc.yml", text: example.file }, &options);
        match &reading.diagnostics[..] {
            [one] if one.code == code && one.message == example.message => {}
            other => wrong.push(format!("{code}: its example gives {other:#?}")),
        }
    }
    // Of backends, what is said of an example depends on the machine: they try that themselves.
    let backends = Backends::default();
    let mut codes = BTreeSet::new();
    for rule in rules_of(&backends) {
        if !codes.insert(rule.code()) {
            wrong.push(format!("there are two of {}", rule.code()));
        }
    }
    for rule in backends.rules() {
        let (code, paragraph) = (rule.code, rule.explanation.trim());
        if paragraph.len() < 40 || !paragraph.ends_with('.') || !paragraphs.insert(paragraph) {
            wrong.push(format!("{code} has no paragraph of its own"));
        }
        let env = BTreeMap::new();
        let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
        let reading = read(Source { file: "svc.yml", text: rule.example.file }, &options);
        if !reading.diagnostics.is_empty() {
            wrong.push(format!("{code}: its example gives {:#?}", reading.diagnostics));
        }
        if reading.places().place(rule.example.path).is_none() {
            wrong.push(format!("{code}: its example has no place"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_code_is_explained() {
    let ran = planwright(&["explain", "p071"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran}");
    insta::assert_snapshot!("explain_goal", ran);
    let all = planwright(&["explain"]);
    let rules = rules_of(&Backends::default()).len();
    assert_eq!(all.out.lines().count(), rules, "{all}");
    insta::assert_snapshot!("explain_of_a_backend", planwright(&["explain", "L007"]));
    insta::assert_snapshot!("explain_all", all);
    insta::assert_snapshot!("explain_unknown", planwright(&["explain", "P0711"]));
    insta::assert_snapshot!("explain_json", planwright(&["explain", "P071", "--output", "json"]));
    insta::assert_snapshot!("explain_unknown_json", planwright(&["explain", "goal", "--output=json"]));
    let all: serde_json::Value =
        serde_json::from_str(&planwright(&["explain", "--output=json"]).out).unwrap();
    assert_eq!(all["codes"].as_array().unwrap().len(), rules);
}

#[test]
fn the_schema_is_json_in_both_forms() {
    let ran = planwright(&["schema"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran}");
    let schema: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(schema, plan_core::spec::json_schema());
    assert_eq!(planwright(&["schema", "--output", "json"]).out, ran.out);
}
