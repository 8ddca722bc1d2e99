//! Where instances may go (C§1.10): rules as types. [`judge`] says whether an instance may go to a node,
//! and why; [`text`] reads the constraint strings of a file.
//!
//! Invariant: a rule is pure data; what it is judged against (the node, where the others are) is handed in.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names::PodName;
use super::units::Count;

/// A condition on the node that an instance goes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlacementRule {
    /// The field has this value (`IS`, `CLUSTER`).
    Is(Field, String),
    /// The field does not have this value (`IS_NOT`).
    IsNot(Field, String),
    /// The field's whole value matches (`LIKE`).
    Like(Field, Pattern),
    /// The field's whole value does not match (`UNLIKE`).
    Unlike(Field, Pattern),
    /// At most so many instances of the pod per value of the field (`MAX_PER`; `UNIQUE` is 1).
    MaxPer(Field, Count),
    /// Instances of the pod are spread evenly over the values of the field; over so many, if given (`GROUP_BY`).
    GroupBy(Field, Option<Count>),
    /// On a node where an instance of this pod is.
    Near(PodName),
    /// Not on a node where an instance of this pod is.
    Apart(PodName),
    /// All of these; none is no condition.
    All(Vec<PlacementRule>),
    /// At least one of these.
    Any(Vec<PlacementRule>),
    /// Not this.
    Not(Box<PlacementRule>),
}

/// What of a node a rule speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Its name: `hostname`, `@hostname`.
    Hostname,
    /// Its region: `@region`.
    Region,
    /// Its zone: `@zone`.
    Zone,
    /// One of its attributes.
    Attribute(String),
}

/// A regular expression that must match a whole value.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    compiled: regex::Regex,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The text is not a regular expression.
    pub fn new(source: impl Into<String>) -> Result<Self, regex::Error> {
        let source = source.into();
        let compiled = regex::Regex::new(&format!("^(?:{source})$"))?;
        Ok(Self { source, compiled })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it matches the whole of a value.
    pub fn matches(&self, value: &str) -> bool {
        self.compiled.is_match(value)
    }
}

// Two patterns are equal when they were written the same.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl std::hash::Hash for Pattern {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.source.hash(state);
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
