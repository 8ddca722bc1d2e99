//! Suggestions for misspelled words. Invariant: a word is suggested only if a typing mistake explains the difference.

use std::borrow::Cow;

/// The candidate that is spelled nearly as `written`: the first of the nearest ones, if it is near enough.
pub(super) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 128;
    if written.len() > LONGEST {
        return None;
    }
    let written = normal(written);
    let bound = 1 + written.chars().count() / 4;
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().filter(|candidate| candidate.len() <= LONGEST) {
        let far = distance(&written, &normal(candidate));
        if far <= bound && far < candidate.chars().count() && best.is_none_or(|(least, _)| far < least) {
            best = Some((far, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A text in which case and the kind of dash do not count, as these are the most common mistakes.
fn normal(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase() || b == b'_') {
        Cow::Owned(text.to_ascii_lowercase().replace('_', "-"))
    } else {
        Cow::Borrowed(text)
    }
}

/// How many characters have to be inserted, deleted, replaced or swapped with a neighbor.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut last = None;
    for (i, a) in left.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (row[j] + usize::from(a != *b)).min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && last == Some(*b) && right[j - 1] == a {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        (before, row, last) = (row, next, Some(a));
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_seen_and_other_words_are_not() {
        let keys = ["count", "tasks", "resource-sets", "placement", "cmd", "cpus"];
        for (written, right) in [
            ("cuont", Some("count")),
            ("task", Some("tasks")),
            ("resource_sets", Some("resource-sets")),
            ("Placement", Some("placement")),
            ("cpu", Some("cpus")),
            ("command", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, keys), right, "{written}");
        }
    }
}
