//! Files that are not specifications: each leads quickly to a clear problem with a line and a column, and never to a
//! panic.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use plan_core::spec::{Files, ReadOptions, Source, read};
use proptest::prelude::*;
use spec_support::{check, env, good, pod, read_with, told};

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    let cases: &[(&str, &str)] = &[
        ("", "1:1 P003 the file is empty"),
        ("# nothing\n", "P003 the file is empty"),
        ("---\n", "P003 the file is empty"),
        ("~\n", "1:1 P003 the file is empty"),
        ("name: x\npods:\n\thello:\n", "3:2 P001 not valid YAML: tabs disallowed"),
        ("name: 'x\npods:\n", "1:7 P001 not valid YAML"),
        ("name: [a, b\npods: x\n", "P001 not valid YAML"),
        ("name: x: y\n", "1:8 P001 not valid YAML"),
        ("name: x\n  pods: y\n", "P001 not valid YAML"),
        ("name: *nowhere\n", "1:7 P001 the alias has no anchor"),
        ("name: a\n---\nname: b\n", "P001 several YAML documents"),
        ("name: \"\\q\"\n", "P001 not valid YAML"),
        ("name: !!int x\n", "P001 not valid YAML"),
        ("? [a]\n: b\n", "P001 a key is a single value"),
        ("\u{0}", "P001 not valid YAML"),
    ];
    for (text, expected) in cases {
        let reading = read_with(text, &[]);
        let found = told(text, &reading);
        let (place, rest) = expected.split_once("P0").unwrap();
        let (code, part) = rest.split_once(' ').unwrap();
        let fits = found.len() == 1
            && found[0].starts_with(place)
            && found[0].contains(&format!(" P0{code} "))
            && found[0].contains(part);
        assert!(fits, "{text:?}: expected {expected}, found {found:#?}");
        assert!(!found[0].contains("Option<") && !found[0].contains(" at line "), "{found:?}");
    }
}

#[test]
fn what_costs_too_much_is_refused() {
    let deep = [
        format!("name: {}", "[".repeat(100_000)),
        format!("name: {}x{}", "[".repeat(80), "]".repeat(80)),
        (0..80).map(|at| format!("{:at$}a:\n", "")).collect(),
        format!("name: {}", "{a: ".repeat(20_000)),
    ];
    for text in &deep {
        let found = told(text, &read_with(text, &[]));
        assert!(found.len() == 1 && found[0].contains("P002"), "{found:?}");
    }
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let alias = format!("*a{}", at - 1);
        bomb += &format!("a{at}: &a{at} [{}]\n", [alias.as_str(); 9].join(", "));
    }
    let found = told(&bomb, &read_with(&bomb, &[]));
    assert!(found.len() == 1 && found[0].contains("P002"), "{found:?}");
    // A template cannot run for long or fill the memory either.
    for template in [
        "{{".repeat(200_000),
        "{{#A}}".repeat(100_000),
        "{{/A}}".repeat(100_000),
        "{{{".repeat(100_000),
        "{{!".repeat(100_000),
    ] {
        assert!(read_with(&template, &[]).spec.is_none());
    }
    let large = "x".repeat(1 << 20);
    let text = "{{X}}\n".repeat(1000);
    let reading = read_with(&text, &[("X", &large)]);
    assert!(told(&text, &reading)[0].contains("P002"));
}

#[test]
fn yaml_as_it_is_pinned() {
    // An upgrade of the YAML reader that changed one of these would change services.
    let env_of = |value: &str| {
        let text = pod("").replace("memory: 32", &format!("memory: 32, env: {{V: {value}}}"));
        good(&text, &[]).pods()["hello"].tasks["server"].env["V"].clone()
    };
    for text in [
        "yes",
        "no",
        "on",
        "y",
        "True",
        "017",
        "1_000",
        "0o17",
        "0b1",
        "1e3",
        "-.inf",
        ".nan",
        "2020-01-01",
        "1.0",
        "-0",
        "+1",
        "~x",
        "0x1F",
        "18446744073709551616",
    ] {
        assert_eq!(env_of(text), text);
    }
    for (value, text) in [
        ("~", ""),
        ("null", ""),
        ("'null'", "null"),
        ("\"a\\tb\"", "a\tb"),
        ("!!str 5", "5"),
        ("!!int \"5\"", "5"),
    ] {
        assert_eq!(env_of(value), text, "{value}");
    }
    check(&pod("").replace("memory: 32", "memory: 32, env: {V: 1, V: 2}"), &["6 P004 duplicate key `V`"]);
    check(&pod("").replace("count: 2", "count: 017"), &["4 P012 read as 17"]);
    check(&pod("").replace("count: 2", "count: 1_0"), &["4:12 P010 `1_0` is not a whole number"]);
    check(&pod("").replace("count: 2", "count: 0x2"), &["4:12 P010 `0x2` is not a whole number"]);
}

#[test]
fn anchors_and_merges_are_understood() {
    let text = "name: s\npods:\n  a: &a\n    count: 1\n    tasks: {t: &t {goal: ONCE, cmd: x, cpus: 1}}\n  b:\n    <<: *a\n    count: 2\n  c:\n    count: 1\n    tasks: {t: *t, u: {<<: *t, cpus: 2}}\n";
    let spec = good(text, &[]);
    assert_eq!(spec.pods()["b"].count, 2);
    assert_eq!(spec.pods()["c"].resource_sets["u-resource-set"].cpus.unwrap().to_string(), "2");
    check(
        &text.replace("goal: ONCE", "goal: TWICE"),
        &["5 P071 `TWICE`", "5 P071 `TWICE`", "5 P071 `TWICE`", "5 P071 `TWICE`"],
    );
}

fn large(pods: usize) -> String {
    let pod = |at| {
        format!(
            "  pod-{at}:\n    count: 3\n    placement: '[[\"hostname\", \"UNIQUE\"]]'\n    tasks:\n      server:\n        goal: RUNNING\n        \
             cmd: ./serve\n        cpus: 0.1\n        memory: 32\n        ports: {{http: {{port: 0, env-key: PORT, vip: {{port: 80}}}}}}\n        \
             env: {{A: 1, B: 2, C: 3}}\n        readiness-check: {{cmd: x, interval: 5, timeout: 10}}\n"
        )
    };
    format!("name: large\npods:\n{}", (0..pods).map(pod).collect::<String>())
}

#[test]
fn ten_thousand_pods_are_read() {
    assert_eq!(good(&large(10_000), &[]).pods().len(), 10_000);
}

#[test]
fn a_thousand_problems_are_told() {
    let text = large(1000).replace("cmd: ./serve", "cdm: ./serve");
    assert_eq!(read_with(&text, &[]).diagnostics.len(), 2000);
    let text = large(1000).replace("cmd: ./serve", "cmd: ./serve\n        kill-grace-period: 4000");
    assert_eq!(read_with(&text, &[]).diagnostics.len(), 1000);
}

#[test]
fn what_is_too_large_or_no_text_is_refused_at_once() {
    let large = "x".repeat(100 << 20);
    let reading = read_with(&large, &[]);
    assert_eq!(
        told(&large, &reading),
        ["1:1 P002 the file has 104857600 bytes, more than the 10 MB that a specification can have"]
    );
    let error = Source::from_bytes("f", large.as_bytes()).unwrap_err();
    assert!(error.message.contains("104857600 bytes"), "{error}");
    let error = Source::from_bytes("f", b"name: x\npods:\n  a\xff: y\n").unwrap_err();
    assert_eq!(error.message, "line 3 is not UTF-8: it has the byte 0xff");
    assert_eq!(error.span.unwrap().range(), 17..18);
    let error = Source::from_bytes("f", b"name: \xc3").unwrap_err();
    assert_eq!(error.span.unwrap().range(), 6..7);
    assert_eq!(Source::from_bytes("f", "name: \u{e9}".as_bytes()).unwrap().text, "name: \u{e9}");
}

#[test]
fn wrong_numbers_and_types_have_their_places() {
    for (value, part) in [
        (".inf", "P010"),
        (".nan", "P010"),
        ("1e999", "P010"),
        ("99999999999999999999999", "P010"),
        ("-0.1", "P010"),
        ("[1]", "P007"),
        ("{a: 1}", "P007"),
    ] {
        let text = pod("").replace("cpus: 0.5", &format!("cpus: {value}"));
        let found = told(&text, &read_with(&text, &[]));
        assert!(
            found.len() == 1 && found[0].starts_with("6:") && found[0].contains(part),
            "{value}: {found:?}"
        );
    }
    check("{{#A}}\nname: x\n", &["1:1 P022 the section `A` is not closed"]);
    check("name: {{A\n", &["1:7 P021 the tag is not closed"]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}|[a-z:{}\\[\\]&*!|>'\"#\\n\\t -]{0,80}") {
        let reading = read(
            Source { file: "x", text: &text },
            &ReadOptions { env: &env(&[]), strict_variables: false, files: Files::Skip },
        );
        prop_assert!(reading.spec.is_none() && !reading.diagnostics.is_empty());
        for one in &reading.diagnostics {
            prop_assert!(text.get(one.span.unwrap().range()).is_some(), "{one}: {:?}", one.span);
        }
    }

    /// A good file with a piece of it changed is read or refused, with places in it.
    #[test]
    fn a_changed_text_is_read_or_refused(at in 0usize..2000, len in 0usize..12, with in "[a-z:{}\\[\\]&*'\"#\\n ,0-9-]{0,6}") {
        let whole = include_str!("specs/hello-world.yml");
        let start = whole.floor_char_boundary(at.min(whole.len()));
        let end = whole.floor_char_boundary((start + len).min(whole.len()));
        let text = format!("{}{with}{}", &whole[..start], &whole[end..]);
        let options = ReadOptions { env: &env(&[]), strict_variables: true, files: Files::Skip };
        let reading = read(Source { file: "x", text: &text }, &options);
        prop_assert_eq!(reading.spec.is_none(), reading.diagnostics.iter().any(|one| one.is_error()));
        for one in &reading.diagnostics {
            prop_assert!(text.get(one.span.unwrap().range()).is_some(), "{one}: {:?}", one.span);
        }
    }
}
