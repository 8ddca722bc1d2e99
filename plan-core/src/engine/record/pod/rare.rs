//! Fields that most records do not need, in a box that is there only if one of them is set.
//!
//! Invariant: there is no box if all fields have their defaults. So two records with the same fields are equal, and on
//! disk and in the digest the fields are the record's own.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Never, Relocation, StepMark, Trouble, is_zero};
use crate::engine::record::{Number, is_never};
use crate::engine::time::Time;

/// Fields with defaults.
pub(super) trait Seldom: Default + PartialEq + 'static {
    /// All defaults.
    const NONE: &'static Self;
}

/// Fields that are boxed, if one of them is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rare<T>(Option<Box<T>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Seldom> Rare<T> {
    fn new(fields: T) -> Self {
        Self((fields != *T::NONE).then(|| Box::new(fields)))
    }

    /// Changes the fields.
    pub(super) fn change<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut fields = self.0.take().map_or_else(T::default, |fields| *fields);
        let result = change(&mut fields);
        *self = Self::new(fields);
        result
    }

    /// Gives fields their defaults. If all have them already, nothing is done.
    #[inline]
    pub(super) fn reset(&mut self, reset: impl FnOnce(&mut T)) {
        if self.0.is_some() {
            self.change(reset);
        }
    }
}

impl<T: Seldom> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::NONE)
    }
}

impl<T: Seldom + Hash> Hash for Rare<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: Seldom + Serialize> Serialize for Rare<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Seldom + Deserialize<'de>> Deserialize<'de> for Rare<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

/// What most instances do not have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct OfPod {
    /// What operators asked for single steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<StepMark>,
    /// The relocation, if the instance may move. With the next launch the instance gives up what it has at its place.
    #[serde(rename = "permission", skip_serializing_if = "Option::is_none")]
    pub(super) relocation: Option<Relocation>,
}

impl Seldom for OfPod {
    const NONE: &'static Self = &Self { steps: Vec::new(), relocation: None };
}

/// What most tasks do not have: what went wrong, and what operators asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct OfTask {
    /// How often in a row the task ended without being asked to.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) failures: u32,
    /// The task is not launched before this time. Only a wake after that time removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delayed_until: Option<Time>,
    /// The backend's refusal for good, if it refused the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) never: Option<Arc<Never>>,
    /// Since when the task does not run as it should, though it ran or was launched. A silent node counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) down: Option<Time>,
    /// The first launch that an operator's restart accepts; 0 accepts any.
    #[serde(skip_serializing_if = "is_never")]
    pub(super) since: Number,
    /// The last launch after `reached` with another configuration than `reached`; 0 is none. If there is one, `reached`
    /// still names the last known good configuration, but completes no step any more.
    #[serde(skip_serializing_if = "is_never")]
    pub(super) other: Number,
    /// Whether an operator wants the task paused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) paused: bool,
    /// How the task last ended without being asked to, or was refused, with the backend's words. It is kept over the
    /// next launches, until the task reaches its goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<Arc<Trouble>>,
}

impl Seldom for OfTask {
    const NONE: &'static Self = &Self {
        failures: 0,
        delayed_until: None,
        never: None,
        down: None,
        since: 0,
        other: 0,
        paused: false,
        trouble: None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::digest::Digest;

    #[test]
    fn defaults_need_no_box_and_fields_are_hashed_as_if_there_were_none() {
        let mut rare = Rare::<OfTask>::default();
        assert_eq!(rare.change(|of| of.failures), 0);
        assert!(rare.0.is_none());
        rare.change(|of| of.failures = 3);
        assert_eq!((rare.failures, Digest::of(&rare)), (3, Digest::of(&*rare)));
        rare.reset(|of| of.failures = 0);
        assert_eq!(rare, Rare::default());
        assert_eq!(Digest::of(&rare), Digest::of(&OfTask::default()));
    }
}
