//! Placement: rules on where instances may go, as types (SDK rules R34 to R38).
//!
//! - `text` reads the constraint strings of a file, `error` has their errors, and `print` writes a rule as a constraint
//!   string.
//! - `judge` says whether an instance may go to a node, and why, from the facts and counts in `census`. `decimal` says
//!   when two numbers are equal.
//!
//! Invariant: a rule is pure data. The node, and where the other instances are, are arguments of a judgment.

mod census;
mod decimal;
mod error;
mod judge;
mod print;
mod text;

#[cfg(test)]
mod tests;

pub use census::{Census, NodeFacts};
pub use error::PlacementError;
pub use judge::{Judgement, JudgementReason};

use std::borrow::Cow;
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
    /// At most this many instances of the pod for each value of the field (`MAX_PER`; `UNIQUE` is 1).
    MaxPer(Field, Count),
    /// The instances of the pod are spread evenly over the values of the field (`GROUP_BY`). The count, if given, is
    /// the expected number of values.
    GroupBy(Field, Option<Count>),
    /// The node has an instance of this pod.
    Near(PodName),
    /// The node has no instance of this pod.
    Apart(PodName),
    /// All of these hold. An empty list always holds.
    All(Vec<Self>),
    /// At least one of these holds.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
}

/// A field of a node, which a rule compares or counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The name of the node: `hostname`, `@hostname`.
    Hostname,
    /// The region of the node: `@region`.
    Region,
    /// The zone of the node: `@zone`.
    Zone,
    /// An attribute of the node.
    Attribute(String),
}

impl Field {
    /// The canonical text of all equal values of the field. Attributes that are numbers are equal if they are equal to
    /// three decimals (SDK rule R36). Other values are equal if their texts are.
    fn canonical<'a>(&self, value: &'a str) -> Cow<'a, str> {
        match self {
            Self::Attribute(_) => decimal::canonical(value),
            Self::Hostname | Self::Region | Self::Zone => Cow::Borrowed(value),
        }
    }
}

/// Shown as in a constraint: `hostname`, `@region`, `@zone`, or the attribute's name.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hostname => "hostname",
            Self::Region => "@region",
            Self::Zone => "@zone",
            Self::Attribute(name) => name,
        })
    }
}

/// The text is not a regular expression, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct PatternError(regex::Error);

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
    pub fn new(source: impl Into<String>) -> Result<Self, PatternError> {
        let source = source.into();
        // The text is tried alone first: `a)(?:b` is no pattern, though it would be one inside a group. The end of the
        // group stands on a line of its own, as a pattern that ends in a comment (`(?x)a # b`) would swallow it.
        regex::Regex::new(&source).map_err(PatternError)?;
        let compiled = regex::Regex::new(&format!(r"\A(?:{source})\z"))
            .or_else(|_| regex::Regex::new(&format!("\\A(?:{source}\n)\\z")))
            .map_err(PatternError)?;
        Ok(Self { source, compiled })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the pattern matches a whole value.
    pub fn matches(&self, value: &str) -> bool {
        self.compiled.is_match(value)
    }
}

// Two patterns are equal if their texts are equal.
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
