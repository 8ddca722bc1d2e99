//! Entries of `on-change`. Invariant: an entry that [`judge`] accepts names at least one field of the table, and
//! [`matches`] reads it in the same way.
//!
//! An entry with a dot is a path from the top, as `pods.kafka.tasks.*.env`, where `*` stands for any name. It names
//! everything at this path and below. An entry without a dot is one key, as `count` or `pods`. It names every field
//! whose path contains this key.

use super::rules::rules;
use super::{Change, ChangeRule};
use crate::spec::nearest::nearest;

const ANY: &str = "*";

/// Whether an entry of `on-change` names a change.
///
/// ```
/// use plan_core::spec::{Checked, ServiceSpec, SpecError, changes, matches};
///
/// let with = |heap: &str| {
///     let task = format!("{{goal: RUNNING, cmd: ./run, cpus: 1, memory: 512, env: {{HEAP: '{heap}'}}}}");
///     let text = format!("{{name: kafka, pods: {{kafka: {{count: 1, tasks: {{broker: {task}}}}}}}}}");
///     ServiceSpec::from_yaml(&text).map(Checked::ignore_warnings)
/// };
/// let found = changes(&with("512")?, &with("1024")?);
/// let [change] = &found[..] else { panic!("one change: {found:?}") };
/// assert_eq!(change.path, "pods.kafka.tasks.broker.env.HEAP");
/// for entry in ["pods.kafka", "pods.*.tasks.*.env", "pods.kafka.tasks.*.env.HEAP", "env", "pods"] {
///     assert!(matches(entry, change), "{entry}");
/// }
/// for entry in ["pods.kaf", "pods.*.count", "cmd", "kafka", "*"] {
///     assert!(!matches(entry, change), "{entry}");
/// }
/// # Ok::<(), SpecError>(())
/// ```
pub fn matches(entry: &str, change: &Change) -> bool {
    if entry.contains('.') {
        leads(entry, &change.path, change.field)
    } else {
        keys(change.field).any(|key| key == entry)
    }
}

/// The keys of a field: the parts of its path that are not names.
fn keys(field: &'static str) -> impl Iterator<Item = &'static str> {
    field.split('.').filter(|key| *key != ANY)
}

/// Whether an entry is a path, or a beginning of it. The field says which parts of the path are names, as a name may
/// contain dots.
fn leads(entry: &str, path: &str, field: &str) -> bool {
    let (head, field) = first(field);
    let on = |entry: Option<&str>, path: Option<&str>| match (entry, path, field) {
        (None, ..) => true,
        (Some(entry), Some(path), Some(field)) => leads(entry, path, field),
        _ => false,
    };
    if head != ANY {
        let ((entry, more), (key, path)) = (first(entry), first(path));
        return entry == head && key == head && on(more, path);
    }
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    ends.into_iter().any(|end| {
        let more = after(entry, ANY).or_else(|| after(entry, &path[..end]));
        more.is_some_and(|more| on(more, path.get(end + 1..)))
    })
}

fn first(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)))
}

/// The rest of a path after a beginning that ends at a dot. `Some(None)` if the beginning is the whole path.
fn after<'a>(path: &'a str, beginning: &str) -> Option<Option<&'a str>> {
    match path.strip_prefix(beginning)? {
        "" => Some(None),
        rest => rest.strip_prefix('.').map(Some),
    }
}

/// Why an entry names no field.
#[derive(Debug)]
pub(in crate::spec) struct Unmatched {
    /// The part of the entry that is wrong.
    pub(in crate::spec) part: String,
    /// The entry that was likely meant.
    pub(in crate::spec) nearest: Option<String>,
    /// What may stand in place of the part.
    pub(in crate::spec) known: Vec<&'static str>,
}

/// Whether an entry names a field of the table.
pub(in crate::spec) fn judge(entry: &str) -> Result<(), Unmatched> {
    let all = || rules().iter().flat_map(|group| group.rules);
    if !entry.contains('.') {
        if all().any(|rule| keys(rule.field).any(|key| key == entry)) {
            return Ok(());
        }
        let mut known: Vec<&str> = all().flat_map(|rule| keys(rule.field)).collect();
        known.sort_unstable();
        known.dedup();
        let nearest = nearest(entry, known.iter().copied()).map(ToOwned::to_owned);
        return Err(Unmatched { part: entry.to_owned(), nearest, known });
    }
    let parts: Vec<&str> = entry.split('.').collect();
    // The largest number of parts that the entry shares with a field.
    let far = all().map(|rule| along(&parts, rule)).max().unwrap_or(0);
    if far >= parts.len() {
        return Ok(());
    }
    let mut known: Vec<&'static str> = Vec::new();
    for rule in all().filter(|rule| along(&parts, rule) == far) {
        let next = rule.field.split('.').nth(far).filter(|key| *key != ANY);
        known.extend(next.filter(|key| !known.contains(key)));
    }
    let nearest = nearest(parts[far], known.iter().copied()).map(|key| {
        let mut right = parts.clone();
        right[far] = key;
        right.join(".")
    });
    Err(Unmatched { part: parts[far].to_owned(), nearest, known })
}

/// How many parts of an entry agree with a field. A name may contain dots only if no key can follow it. Elsewhere, the
/// part after a dot could be a misspelled key.
fn along(parts: &[&str], rule: &ChangeRule) -> usize {
    let mut field = rule.field.split('.').peekable();
    for (at, part) in parts.iter().enumerate() {
        let fits = match field.next() {
            Some(ANY) if !part.is_empty() && field.peek().is_none() && is_leaf(rule.field) => {
                return parts.len();
            }
            Some(ANY) => !part.is_empty(),
            Some(key) => key == *part,
            None => false,
        };
        if !fits {
            return at;
        }
    }
    parts.len()
}

/// Whether no field of the table is below this one.
fn is_leaf(field: &str) -> bool {
    let all = rules().iter().flat_map(|group| group.rules);
    all.into_iter().all(|rule| !matches!(after(rule.field, field), Some(Some(_))))
}
