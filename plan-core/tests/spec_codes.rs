//! Every code has an explanation, and an example that breaks its rule and no other.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use plan_core::spec::{Code, Files};
use spec_support::{env, read_files};

#[test]
fn each_example_breaks_its_rule_alone() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let example = code.example();
        let templates = env(example.templates);
        let reading = read_files(example.file, example.values, Files::Texts(&templates));
        let found: Vec<_> = reading.diagnostics.iter().map(|one| (one.code, one.message.as_str())).collect();
        if found != [(*code, example.message)] {
            wrong.push(format!("{code} {:?}: {found:?}", example.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn codes_differ_and_are_in_order() {
    let texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
    for code in Code::ALL {
        assert!(!code.summary().is_empty() && !code.summary().ends_with('.'), "{code}");
        assert!(code.explanation().ends_with('.') && code.explanation().len() > 40, "{code}");
        assert_eq!(code.as_str().to_lowercase().parse(), Ok(*code));
    }
    let error = "P999".parse::<Code>().unwrap_err();
    assert_eq!(error.to_string(), "there is no code `P999`; codes are written as `P005`");
}
