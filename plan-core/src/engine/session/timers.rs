//! Timers: times at which something is due, by key.
//!
//! Invariant: each key has one time, and the key that is due first is found first.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::time::Time;

/// Times at which something is due, by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Timers<K> {
    /// The time of each key, and how often the timer was set again since it was added.
    at: BTreeMap<K, (Time, u32)>,
    due: BTreeSet<(Time, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { at: BTreeMap::new(), due: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> FromIterator<(K, Time)> for Timers<K> {
    fn from_iter<I: IntoIterator<Item = (K, Time)>>(timers: I) -> Self {
        let mut all = Self::default();
        timers.into_iter().for_each(|(key, time)| all.set(key, time));
        all
    }
}

impl<K: Ord + Clone> Timers<K> {
    /// Sets the timer of a key, in place of its earlier one.
    pub(in crate::engine) fn set(&mut self, key: K, time: Time) {
        let again = self.at.get(&key).map_or(0, |(_, again)| again.saturating_add(1));
        self.remove(&key);
        self.at.insert(key.clone(), (time, again));
        self.due.insert((time, key));
    }

    /// How often a timer was set again since it was added.
    pub(in crate::engine) fn again(&self, key: &K) -> u32 {
        self.at.get(key).map_or(0, |(_, again)| *again)
    }

    /// Removes a timer.
    pub(in crate::engine) fn remove(&mut self, key: &K) {
        if let Some((time, _)) = self.at.remove(key) {
            self.due.remove(&(time, key.clone()));
        }
    }

    /// Gives each timer another key, or removes it.
    pub(in crate::engine) fn rename(&mut self, name: impl Fn(K) -> Option<K>) {
        let old = std::mem::take(&mut self.at).into_iter();
        *self = old.filter_map(|(key, (time, _))| Some((name(key)?, time))).collect();
    }

    /// Keeps the timers that are wanted.
    pub(in crate::engine) fn retain(&mut self, mut wanted: impl FnMut(&K) -> bool) {
        self.at.retain(|key, _| wanted(key));
        self.due.retain(|(_, key)| self.at.contains_key(key));
    }

    /// Whether there is such a timer.
    pub(in crate::engine) fn contains(&self, key: &K) -> bool {
        self.at.contains_key(key)
    }

    /// When the first timer is due.
    pub(in crate::engine) fn first(&self) -> Option<Time> {
        self.due.first().map(|(time, _)| *time)
    }

    /// The key of the first timer, if it is due.
    pub(in crate::engine) fn first_due(&self, now: Time) -> Option<K> {
        self.due.first().filter(|(time, _)| *time <= now).map(|(_, key)| key.clone())
    }

    /// Takes out the first timer, if it is due.
    pub(in crate::engine) fn pop_due(&mut self, now: Time) -> Option<K> {
        let (time, _) = self.due.first()?;
        if *time > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.at.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers(all: &[(&'static str, u64)]) -> Timers<&'static str> {
        all.iter().map(|&(key, time)| (key, Time::from_micros(time))).collect()
    }

    #[test]
    fn the_first_due_comes_first_and_once() {
        let mut timers = timers(&[("b", 2), ("c", 3), ("a", 2)]);
        assert_eq!(
            (timers.first(), timers.first_due(Time::from_micros(1))),
            (Some(Time::from_micros(2)), None)
        );
        assert_eq!(timers.pop_due(Time::from_micros(1)), None);
        assert_eq!(timers.pop_due(Time::from_micros(2)), Some("a"));
        assert_eq!(timers.first_due(Time::from_micros(2)), Some("b"));
        assert_eq!(timers.pop_due(Time::from_micros(9)), Some("b"));
        assert_eq!(timers.pop_due(Time::from_micros(9)), Some("c"));
        assert_eq!((timers.pop_due(Time::from_micros(9)), timers.first()), (None, None));
    }

    #[test]
    fn a_timer_that_is_set_again_has_one_time_and_counts() {
        let mut timers = timers(&[("a", 1)]);
        assert_eq!(timers.again(&"a"), 0);
        timers.set("a", Time::from_micros(5));
        timers.set("a", Time::from_micros(4));
        assert_eq!((timers.again(&"a"), timers.first()), (2, Some(Time::from_micros(4))));
        assert_eq!(timers.pop_due(Time::from_micros(4)), Some("a"));
        assert_eq!(timers.pop_due(Time::from_micros(9)), None);
        // A removed timer counts from the beginning.
        timers.set("a", Time::from_micros(6));
        assert_eq!(timers.again(&"a"), 0);
    }

    #[test]
    fn what_is_removed_or_not_kept_is_not_due() {
        let mut timers = timers(&[("a", 1), ("b", 2), ("c", 3)]);
        timers.remove(&"a");
        timers.remove(&"nobody");
        timers.retain(|key| *key != "b");
        assert!(!timers.contains(&"a") && !timers.contains(&"b") && timers.contains(&"c"));
        assert_eq!(timers.first(), Some(Time::from_micros(3)));
    }

    #[test]
    fn a_timer_of_another_name_keeps_its_time() {
        let mut timers = timers(&[("a", 1), ("b", 2)]);
        timers.rename(|key| (key == "b").then_some("c"));
        assert_eq!((timers.first(), timers.contains(&"a")), (Some(Time::from_micros(2)), false));
        assert_eq!(timers.pop_due(Time::from_micros(2)), Some("c"));
    }
}
