//! Statuses, and how the status of a phase or plan follows from its children (SDK rules R49 to R51).
//!
//! Invariant: [`aggregate`] is total: all counts lead to exactly one status, which is ERROR only if a child is in
//! error.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a step, a phase or a plan (SDK rule R49).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(u8)]
pub enum Status {
    /// Refused for good. Nothing goes on until the specification changes.
    Error,
    /// Interrupted: waits for an operator.
    Waiting,
    /// Not begun, or to be done again.
    Pending,
    /// The act of a step has begun: room is asked for, or the tasks that it displaces are being ended.
    Prepared,
    /// The tasks are launched.
    Starting,
    /// The tasks run, and have not reached their goal.
    Started,
    /// The goal is reached. A parent without children is complete.
    Complete,
    /// A phase or plan has begun and is not complete.
    InProgress,
    /// A task failed, and its wait is not over.
    Delayed,
}

impl Status {
    /// All statuses.
    pub const ALL: [Self; 9] = [
        Self::Error,
        Self::Waiting,
        Self::Pending,
        Self::Prepared,
        Self::Starting,
        Self::Started,
        Self::Complete,
        Self::InProgress,
        Self::Delayed,
    ];

    /// The name, as the API shows it (SDK rule R71).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Waiting => "WAITING",
            Self::Pending => "PENDING",
            Self::Prepared => "PREPARED",
            Self::Starting => "STARTING",
            Self::Started => "STARTED",
            Self::Complete => "COMPLETE",
            Self::InProgress => "IN_PROGRESS",
            Self::Delayed => "DELAYED",
        }
    }

    /// Whether an act of the element has begun and is not over.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Prepared | Self::Starting | Self::Started | Self::InProgress)
    }

    /// Whether a strategy may still pick the element: it is neither complete nor refused (SDK rule R54).
    pub fn is_eligible(self) -> bool {
        !matches!(self, Self::Complete | Self::Error)
    }

    /// The lesser of two statuses in the order of SDK rule R51. The status of a step is the least of its tasks'
    /// statuses.
    pub fn least(self, other: Self) -> Self {
        if self.rank() <= other.rank() { self } else { other }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Error => 0,
            Self::Delayed => 1,
            Self::Pending => 2,
            Self::Waiting => 3,
            Self::Prepared => 4,
            Self::Starting => 5,
            Self::Started => 6,
            Self::InProgress => 7,
            Self::Complete => 8,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How many elements have each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusCounts([u32; 9]);

impl StatusCounts {
    /// No elements.
    pub const NONE: Self = Self([0; 9]);

    /// How many elements have this status.
    pub fn of(&self, status: Status) -> u32 {
        self.0[status as usize]
    }

    /// How many elements there are.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// Adds an element with this status.
    pub fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    /// Removes an element with this status, which must have been counted.
    pub fn remove(&mut self, status: Status) {
        self.0[status as usize] -= 1;
    }

    /// Adds the elements of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// Removes the elements of `other`, which must have been counted.
    pub fn remove_all(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine -= theirs;
        }
    }

    fn any(&self, status: Status) -> bool {
        self.of(status) > 0
    }
}

impl FromIterator<Status> for StatusCounts {
    fn from_iter<I: IntoIterator<Item = Status>>(statuses: I) -> Self {
        let mut counts = Self::NONE;
        statuses.into_iter().for_each(|status| counts.add(status));
        counts
    }
}

/// The status of a phase or plan, from the statuses of its children, the statuses of the children that its strategy
/// allows now, and whether it is interrupted itself (SDK rule R50).
///
/// The order of the rules is the SDK's. The SDK's fifteenth rule, "anything else is an ERROR", applies in normal
/// operation. In its place the status is DELAYED if a child is, else the most advanced status of a child that acts,
/// else PENDING.
pub fn aggregate(children: &StatusCounts, allowed: &StatusCounts, interrupted: bool) -> Status {
    use Status::*;
    let begun = children.any(Complete);
    if children.any(Error) {
        Error
    } else if children.of(Complete) == children.total() {
        Complete
    } else if interrupted {
        Waiting
    } else if children.of(Delayed) == children.total() {
        Delayed
    } else if children.any(Prepared) {
        InProgress
    } else if allowed.any(Waiting) {
        Waiting
    } else if allowed.any(InProgress)
        || begun && (allowed.any(Pending) || allowed.any(Starting) || allowed.any(Started))
    {
        InProgress
    } else if allowed.any(Pending) {
        Pending
    } else if children.any(Waiting) {
        Waiting
    } else if allowed.any(Starting) {
        Starting
    } else if allowed.any(Started) {
        Started
    } else if children.any(Delayed) {
        Delayed
    } else {
        [InProgress, Started, Starting].into_iter().find(|&status| children.any(status)).unwrap_or(Pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SDK's fifteen rules (SDK rule R50) as they stand there, over lists. `None` is the fifteenth.
    fn reference(children: &[Status], allowed: &[Status], interrupted: bool) -> Option<Status> {
        use Status::*;
        let any = |list: &[Status], status| list.contains(&status);
        let all = |list: &[Status], status| list.iter().all(|&s| s == status);
        if any(children, Error) {
            Some(Error)
        } else if all(children, Complete) {
            Some(Complete)
        } else if interrupted {
            Some(Waiting)
        } else if all(allowed, Delayed) && all(children, Delayed) {
            Some(Delayed)
        } else if any(children, Prepared) {
            Some(InProgress)
        } else if any(allowed, Waiting) {
            Some(Waiting)
        } else if any(allowed, InProgress)
            || any(children, Complete) && any(allowed, Pending)
            || any(children, Complete) && any(allowed, Starting)
            || any(children, Complete) && any(allowed, Started)
        {
            Some(InProgress)
        } else if any(allowed, Pending) {
            Some(Pending)
        } else if any(children, Waiting) {
            Some(Waiting)
        } else if any(allowed, Starting) {
            Some(Starting)
        } else if any(allowed, Started) {
            Some(Started)
        } else {
            None
        }
    }

    /// All lists of up to `most` statuses, in order of status.
    fn multisets(most: usize) -> Vec<Vec<Status>> {
        let mut lists = vec![Vec::new()];
        let mut last = lists.clone();
        for _ in 0..most {
            last = last
                .iter()
                .flat_map(|list: &Vec<Status>| {
                    let from = list.last().copied().unwrap_or(Status::Error);
                    Status::ALL
                        .into_iter()
                        .filter(move |&s| s >= from)
                        .map(|s| [list.as_slice(), &[s]].concat())
                })
                .collect();
            lists.extend(last.iter().cloned());
        }
        lists
    }

    #[test]
    fn the_table_is_the_references_but_for_rule_15() {
        let (mut walked, mut mended) = (0, 0);
        for children in multisets(4) {
            // Any child may be interrupted. Then it is not among the allowed children.
            for chosen in 0_u32..1 << children.len() {
                let allowed: Vec<Status> = (0..children.len())
                    .filter(|&i| chosen & 1 << i != 0)
                    .map(|i| children[i])
                    .filter(|status| status.is_eligible())
                    .collect();
                for interrupted in [false, true] {
                    walked += 1;
                    let counts = |list: &[Status]| list.iter().copied().collect::<StatusCounts>();
                    let ours = aggregate(&counts(&children), &counts(&allowed), interrupted);
                    match reference(&children, &allowed, interrupted) {
                        Some(theirs) => assert_eq!(ours, theirs, "{children:?} {allowed:?} {interrupted}"),
                        None => {
                            mended += 1;
                            assert_ne!(ours, Status::Error, "{children:?} {allowed:?}");
                            if children.contains(&Status::Delayed) {
                                assert_eq!(ours, Status::Delayed, "{children:?} {allowed:?}");
                            } else {
                                let advanced = [Status::InProgress, Status::Started, Status::Starting];
                                let expected = advanced.into_iter().find(|s| children.contains(s));
                                assert_eq!(ours, expected.unwrap_or(Status::Pending), "{children:?}");
                            }
                        }
                    }
                }
            }
        }
        assert!(walked > 10_000 && mended > 100, "{walked} {mended}");
    }

    #[test]
    fn the_references_false_errors_are_none() {
        use Status::*;
        let status = |children: &[Status], allowed: &[Status]| {
            aggregate(&children.iter().copied().collect(), &allowed.iter().copied().collect(), false)
        };
        assert_eq!(status(&[Complete, Delayed], &[Delayed]), Delayed);
        assert_eq!(status(&[Delayed, Pending], &[Delayed]), Delayed);
        assert_eq!(status(&[Starting], &[]), Starting);
        assert_eq!(status(&[], &[]), Complete);
    }
}
