//! The project's prose is American English of today: no file has a word that this list holds.

use std::path::Path;

use super::texts::{root, texts};

/// The folders and files that are not the project's own prose: others wrote them, or tools do.
const SKIPPED: [&str; 8] =
    ["target", ".git", "LICENSE", "Cargo.lock", "golden", "corpus", "artifacts", "words.rs"];

/// What no text has, in any case, and what it has in its place.
const WORDS: &[(&str, &str)] = &[("shall", "say what is so, what must be, or what will be")];

/// What comments and Markdown do not have, and what they have in its place. Elsewhere these may be names.
const SPELLINGS: &[(&str, &str)] = &[
    ("colour", "color"),
    ("behaviour", "behavior"),
    ("neighbour", "neighbor"),
    ("licence", "license"),
    ("organis", "organiz"),
    ("serialis", "serializ"),
    ("initialis", "initializ"),
    ("recognis", "recogniz"),
    ("spelt", "spelled"),
];

/// Whether a line is prose in any file of this kind.
fn is_prose(path: &Path, line: &str) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("md") => true,
        Some("rs") => line.trim_start().starts_with("//"),
        Some("toml" | "yml" | "sh") => line.trim_start().starts_with('#'),
        _ => false,
    }
}

#[test]
fn no_word_is_one_that_readers_stumble_over() {
    let root = root();
    let files = texts(&SKIPPED);
    assert!(files.len() > 300, "the project's files are read");
    let mut wrong = Vec::new();
    for (path, text) in &files {
        let small = text.to_ascii_lowercase();
        let part = |next: Option<char>| next.is_some_and(|next| next.is_alphanumeric() || next == '_');
        for (word, instead) in WORDS.iter().chain(SPELLINGS) {
            for (at, _) in small.match_indices(word) {
                let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
                let line = text[begin..].lines().next().unwrap_or_default();
                let is_word = WORDS.iter().any(|(whole, _)| whole == word);
                if part(text[..at].chars().next_back())
                    || (is_word && part(text[at + word.len()..].chars().next()))
                    || !(is_word || is_prose(path, line))
                {
                    continue;
                }
                let number = text[..begin].matches('\n').count() + 1;
                wrong.push(format!(
                    "{}:{number}: `{word}`: {instead}",
                    path.strip_prefix(&root).unwrap().display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
