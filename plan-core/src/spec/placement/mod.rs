//! Where instances may go (SDK rules R34 to R38): rules as types.
//!
//! - `text` reads the constraint strings of a file, `error` says what is wrong with one, and `print` writes
//!   a rule as one.
//! - `judge` says whether an instance may go to a node, and why, from the facts and counts in `census`;
//!   `decimal` says when two numbers are the same value.
//!
//! Invariant: a rule is pure data; what it is judged against (the node, where the others are) is handed in.

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
pub use judge::{Judgement, Why};

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
    /// At most so many instances of the pod per value of the field (`MAX_PER`; `UNIQUE` is 1).
    MaxPer(Field, Count),
    /// Instances of the pod are spread evenly over the values of the field; over so many, if given (`GROUP_BY`).
    GroupBy(Field, Option<Count>),
    /// On a node where an instance of this pod is.
    Near(PodName),
    /// Not on a node where an instance of this pod is.
    Apart(PodName),
    /// All of these; none is no condition.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
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

impl Field {
    /// The one text that stands for all equal values of the field. Attributes that are numbers are equal
    /// when they are equal to three decimals (SDK rule R36); all else is equal as text.
    fn canonical<'a>(&self, value: &'a str) -> Cow<'a, str> {
        match self {
            Self::Attribute(_) => decimal::canonical(value),
            Self::Hostname | Self::Region | Self::Zone => Cow::Borrowed(value),
        }
    }
}

/// As in a constraint: `hostname`, `@region`, `@zone`, or the attribute's name.
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
        // Alone first: `a)(?:b` is no pattern, though it would be one inside a group. A pattern that ends
        // in a comment (`(?x)a # b`) would swallow the end of the group, so it gets a line of its own.
        regex::Regex::new(&source)?;
        let compiled = regex::Regex::new(&format!(r"\A(?:{source})\z"))
            .or_else(|_| regex::Regex::new(&format!("\\A(?:{source}\n)\\z")))?;
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
