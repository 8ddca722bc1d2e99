//! The events to come, by time.
//!
//! Invariant: events leave in the order of (time, class, sequence), and time never goes back. An event for the past
//! happens now.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Which of several events at the same time comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// The backend answers.
    Answer,
    /// Something happens in the cluster.
    Cluster,
    /// An operator acts.
    Operator,
    /// The engine wanted to be woken.
    Timer,
    /// A fault.
    Fault,
}

#[derive(Debug, Clone)]
struct Entry<E> {
    time: u64,
    class: Class,
    seq: u64,
    event: E,
}

impl<E> Entry<E> {
    fn key(&self) -> (u64, Class, u64) {
        (self.time, self.class, self.seq)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

// The heap returns the greatest element first, and we want the earliest.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

/// Events by virtual time, in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    now: u64,
    seq: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::with_capacity(32), now: 0, seq: 0 }
    }
}

impl<E> Queue<E> {
    /// The time of the event that was taken last.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Schedules an event at a time. An event for the past happens now.
    pub(crate) fn at(&mut self, time: u64, class: Class, event: E) {
        self.seq += 1;
        self.heap.push(Entry { time: time.max(self.now), class, seq: self.seq, event });
    }

    /// Schedules an event this much later.
    pub(crate) fn after(&mut self, delay: u64, class: Class, event: E) {
        self.at(self.now.saturating_add(delay), class, event);
    }

    /// When the next event happens.
    pub(crate) fn next_time(&self) -> Option<u64> {
        self.heap.peek().map(|entry| entry.time)
    }

    /// How many events are to happen.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Goes on to the next event.
    pub(crate) fn pop(&mut self) -> Option<E> {
        let entry = self.heap.pop()?;
        self.now = entry.time;
        Some(entry.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_leave_by_time_then_class_then_age() {
        let mut queue = Queue::default();
        queue.at(5, Class::Timer, "timer");
        queue.at(5, Class::Answer, "answer");
        queue.at(5, Class::Timer, "later timer");
        queue.at(1, Class::Fault, "first");
        assert_eq!(queue.pop(), Some("first"));
        queue.at(0, Class::Cluster, "past");
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, ["past", "answer", "timer", "later timer"]);
        assert_eq!(queue.now(), 5);
    }
}
