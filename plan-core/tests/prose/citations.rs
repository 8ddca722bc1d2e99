//! A citation leads a reader somewhere: no file of the project cites a text that readers do not have, and every
//! `SDK rule R12` is a rule of `docs/src/sdk-rules.md`.

use std::collections::BTreeSet;

use regex::Regex;

use super::texts::{root, texts};

#[test]
fn every_citation_leads_somewhere() {
    let root = root();
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

    let files = texts(&["target", ".git"]);
    let mut wrong = Vec::new();
    for (path, text) in &files {
        let at = |offset: usize| {
            let line = text[..offset].matches('\n').count() + 1;
            format!("{}:{line}", path.strip_prefix(&root).unwrap().display())
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
