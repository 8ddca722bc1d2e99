//! The comparison of two specifications. Invariant: each type is taken apart without `..`, so that code that forgets a
//! field does not compile. Each place that differs is looked up in the table.

use std::fmt;

use indexmap::IndexMap;

use super::rules::rule;
use super::{Change, ChangeVerdict};
use crate::spec::names::{PodName, TaskName};

/// A place in both specifications: its path, and its field in the table.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    Root,
    /// A key of the file.
    Key(&'a Self, &'static str),
    /// A name that the service gives.
    Name(&'a Self, &'a str),
}

impl<'a> At<'a> {
    pub(super) fn key(&'a self, key: &'static str) -> Self {
        Self::Key(self, key)
    }

    pub(super) fn name(&'a self, name: &'a str) -> Self {
        Self::Name(self, name)
    }

    fn field(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Key(Self::Root, key) => (*key).to_owned(),
            Self::Key(parent, key) => format!("{}.{key}", parent.field()),
            Self::Name(parent, _) => format!("{}.*", parent.field()),
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, part) => f.write_str(part),
            Self::Key(parent, part) => write!(f, "{parent}.{part}"),
            Self::Name(parent, part) => write!(f, "{parent}.{part}"),
        }
    }
}

/// The differences that were found, and the pod and task that the next ones belong to.
#[derive(Debug, Default)]
pub(super) struct Comparer {
    pub(super) found: Vec<Change>,
    pub(super) pod: Option<PodName>,
    pub(super) task: Option<TaskName>,
}

impl Comparer {
    /// Adds a difference, with the usual verdict of its field.
    pub(super) fn put(&mut self, at: &At<'_>, old: Option<String>, new: Option<String>) {
        self.put_as(None, at, old, new);
    }

    /// Adds a difference, with this verdict if one is given.
    pub(super) fn put_as(
        &mut self,
        verdict: Option<ChangeVerdict>,
        at: &At<'_>,
        old: Option<String>,
        new: Option<String>,
    ) {
        let field = at.field();
        let found = rule(&field);
        debug_assert!(found.is_some(), "`{field}` is not in the table");
        // The table has every field; the tests check that.
        let (field, usual, why) =
            found.map_or(("", ChangeVerdict::Refused, None), |rule| (rule.field, rule.verdicts[0], rule.why));
        let verdict = verdict.unwrap_or(usual);
        debug_assert!(found.is_none_or(|rule| rule.verdicts.contains(&verdict)), "`{field}`: {verdict}");
        let (old, new) = shortened(old, new);
        self.found.push(Change {
            path: at.to_string(),
            field,
            pod: self.pod.clone(),
            task: self.task.clone(),
            old,
            new,
            verdict,
            why: why.filter(|_| verdict == ChangeVerdict::Refused).map(ToOwned::to_owned),
        });
    }

    /// Compares a value that both specifications have.
    pub(super) fn value<T: PartialEq + ?Sized>(
        &mut self,
        at: &At<'_>,
        old: &T,
        new: &T,
        show: impl Fn(&T) -> String,
    ) {
        if old != new {
            self.put(at, Some(show(old)), Some(show(new)));
        }
    }

    /// Compares a value that may be absent.
    pub(super) fn maybe<T: PartialEq>(
        &mut self,
        at: &At<'_>,
        old: Option<&T>,
        new: Option<&T>,
        show: impl Fn(&T) -> String,
    ) {
        if old != new {
            self.put(at, old.map(&show), new.map(&show));
        }
    }

    /// Compares a part that may be absent. If both have the part, its fields are compared.
    pub(super) fn part<T: PartialEq>(
        &mut self,
        at: &At<'_>,
        old: Option<&T>,
        new: Option<&T>,
        show: impl Fn(&T) -> String,
        inside: impl FnOnce(&mut Self, &At<'_>, &T, &T),
    ) {
        match (old, new) {
            // Also if both are equal, as the equality of maps ignores their order.
            (Some(old), Some(new)) => inside(self, at, old, new),
            _ => self.maybe(at, old, new, show),
        }
    }

    /// Compares values by name. If both have a value of a name, its fields are compared.
    pub(super) fn named<K: AsRef<str> + Eq + std::hash::Hash, V: PartialEq>(
        &mut self,
        at: &At<'_>,
        old: &IndexMap<K, V>,
        new: &IndexMap<K, V>,
        show: impl Fn(&V) -> String,
        mut inside: impl FnMut(&mut Self, &At<'_>, &V, &V),
    ) {
        for (name, old) in old {
            self.part(&at.name(name.as_ref()), Some(old), new.get(name), &show, &mut inside);
        }
        for (name, new) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            self.put(&at.name(name.as_ref()), None, Some(show(new)));
        }
    }

    /// Compares lists of named values whose order has a meaning.
    pub(super) fn listed<'v, V: PartialEq>(
        &mut self,
        at: &At<'_>,
        old: &'v [(&'v str, &'v V)],
        new: &'v [(&'v str, &'v V)],
        show: impl Fn(&V) -> String,
        mut inside: impl FnMut(&mut Self, &At<'_>, &V, &V),
    ) {
        if old == new {
            return;
        }
        let before = self.found.len();
        let map =
            |list: &'v [(&'v str, &'v V)]| -> IndexMap<&'v str, &'v V> { list.iter().copied().collect() };
        self.named(
            at,
            &map(old),
            &map(new),
            |value| show(value),
            |this, at, old, new| {
                inside(this, at, old, new);
            },
        );
        let names =
            |list: &'v [(&'v str, &'v V)]| -> Vec<&'v str> { list.iter().map(|(name, _)| *name).collect() };
        self.order(at, &names(old), &names(new));
        if self.found.len() == before {
            // A list has a name twice. No file can have that; for a builder, the names are shown as a difference.
            self.put(at, Some(names(old).join(", ")), Some(names(new).join(", ")));
        }
    }

    /// Compares the order of the names that both have.
    pub(super) fn order<K: AsRef<str> + PartialEq>(&mut self, at: &At<'_>, old: &[K], new: &[K]) {
        let common = |of: &[K], other: &[K]| -> Vec<String> {
            of.iter().filter(|name| other.contains(name)).map(|name| name.as_ref().to_owned()).collect()
        };
        let (old, new) = (common(old, new), common(new, old));
        if old != new {
            self.put(at, Some(old.join(", ")), Some(new.join(", ")));
        }
    }
}

/// Two values as they are shown: on one line, and for long values the part in which they differ.
fn shortened(old: Option<String>, new: Option<String>) -> (Option<String>, Option<String>) {
    const LONGEST: usize = 60;
    /// How many characters are shown before the first difference.
    const BEFORE: usize = 16;
    let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().nth(LONGEST).is_some());
    let mut from = 0;
    if let (Some(old), Some(new)) = (&old, &new)
        && (long(&Some(old.clone())) || long(&Some(new.clone())))
    {
        let same = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count();
        from = same.saturating_sub(BEFORE);
    }
    let cut = |text: String| -> String {
        let mut shown = String::new();
        if from > 0 {
            shown.push('…');
        }
        for (at, c) in text.chars().skip(from).enumerate() {
            if at == LONGEST {
                shown.push('…');
                break;
            }
            match c {
                '\n' => shown.push_str("\\n"),
                c if c.is_control() => shown.push(' '),
                c => shown.push(c),
            }
        }
        shown
    };
    (old.map(cut), new.map(cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let both = |old: &str, new: &str| {
            let (old, new) = shortened(Some(old.to_owned()), Some(new.to_owned()));
            (old.unwrap_or_default(), new.unwrap_or_default())
        };
        let as_is = |old: &str, new: &str| (old.to_owned(), new.to_owned());
        assert_eq!(both("a", "b\nc"), as_is("a", "b\\nc"));
        let long = "0123456789".repeat(9);
        let (old, new) = both(&long, &format!("{}é", &long[..80]));
        assert_eq!((old.as_str(), new.as_str()), ("…45678901234567890123456789", "…4567890123456789é"));
        let (old, new) = both(&long, "x");
        assert_eq!((old, new), (format!("{}…", &long[..60]), "x".to_owned()));
    }
}
