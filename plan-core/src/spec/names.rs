//! Names. Invariant: a value of a name type is a valid name, so no other module checks names again.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty or only spaces.
    #[error("a {what} cannot be empty")]
    Empty {
        /// The kind of name.
        what: &'static str,
    },
    /// The text is longer than any store or orchestrator keeps.
    #[error("a {what} has at most {max} characters, this one has {len}")]
    TooLong {
        /// The kind of name.
        what: &'static str,
        /// The greatest length, in bytes.
        max: usize,
        /// The length found, in bytes.
        len: usize,
    },
    /// The text has a character or a sequence that is not allowed in this kind of name.
    #[error("a {what} cannot contain {found:?}")]
    Character {
        /// The kind of name.
        what: &'static str,
        /// What was found.
        found: String,
    },
    /// The text is not `<pod>-<index>`.
    #[error("`{0}` is not a pod instance: write `<pod>-<index>`, as in `kafka-0`")]
    NotAnInstance(String),
}

fn check(what: &'static str, text: &str, forbidden: &[&str]) -> Result<(), NameError> {
    const MAX: usize = 253;
    if text.trim().is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > MAX {
        return Err(NameError::TooLong { what, max: MAX, len: text.len() });
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(NameError::Character { what, found: control.to_string() });
    }
    match forbidden.iter().find(|pattern| text.contains(**pattern)) {
        Some(found) => Err(NameError::Character { what, found: (*found).to_owned() }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, [$($forbidden:literal),*]) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// Reads a name.
            ///
            /// # Errors
            /// The text is empty, too long, or has a character that is not allowed.
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                check($what, text.as_ref(), &[$($forbidden),*])?;
                Ok(Self(SmolStr::new(text.as_ref())))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        // `Hash`, `Eq` and `Ord` are those of the text, so a map of names can be indexed by a text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = SmolStr::deserialize(deserializer)?;
                check($what, &text, &[$($forbidden),*]).map_err(serde::de::Error::custom)?;
                Ok(Self(text))
            }
        }
    };
}

name!(
    /// A service's name. Slashes make folders, as in `/group/kafka` (SDK rule R6).
    ServiceName, "service name", ["__"]
);
name!(
    /// A pod type's name, as `kafka` in `kafka-0` (SDK rule R9).
    PodName, "pod name", ["__", "/"]
);
name!(
    /// A task's name within its pod.
    TaskName, "task name", ["__", "/"]
);
name!(
    /// A resource set's name within its pod. The set of a task's own resources is called `<task>-resource-set` (SDK
    /// rule R15).
    ResourceSetName, "resource set name", []
);
name!(
    /// A port's name within its resource set.
    PortName, "port name", []
);
name!(
    /// A plan's name.
    PlanName, "plan name", ["/"]
);
name!(
    /// A phase's name within its plan.
    PhaseName, "phase name", []
);
name!(
    /// The name of a step that others can depend on.
    StepName, "step name", []
);
name!(
    /// A node (an agent, a machine) of the cluster, by its host name.
    NodeName, "node name", []
);

/// The names of plans that have a meaning for the engine.
impl PlanName {
    /// The plan that every service has, and that deploys the service first (SDK rule R42).
    pub const DEPLOY: &'static str = "deploy";
    /// The plan that brings later targets about, if there is one and no plan's `on-change` names a change.
    pub const UPDATE: &'static str = "update";
    /// The plan that shows recovery.
    pub const RECOVERY: &'static str = "recovery";
    /// The plan that shows instances that leave.
    pub const DECOMMISSION: &'static str = "decommission";
    /// The plan that shows an uninstall.
    pub const UNINSTALL: &'static str = "uninstall";
    /// The plans that show what the engine does by itself. No file may use one of these names.
    pub const RESERVED: [&'static str; 3] = [Self::RECOVERY, Self::DECOMMISSION, Self::UNINSTALL];

    /// The name [`Self::DEPLOY`].
    pub fn deploy() -> Self {
        Self(SmolStr::new_static(Self::DEPLOY))
    }

    /// Whether the name is one of [`Self::RESERVED`].
    pub fn is_reserved(&self) -> bool {
        Self::RESERVED.contains(&self.as_str())
    }
}

/// One instance of a pod type: `<pod>-<index>`, as `kafka-0`. Its index is its identity and outlives
/// restarts, moves and replacements.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceName {
    /// The pod type.
    pub pod: PodName,
    /// The index, from 0.
    pub index: u32,
}

impl InstanceName {
    /// The instance `index` of `pod`.
    pub fn new(pod: PodName, index: u32) -> Self {
        Self { pod, index }
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pod, self.index)
    }
}

impl fmt::Debug for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for InstanceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::NotAnInstance(text.to_owned());
        let (pod, index) = text.rsplit_once('-').ok_or_else(wrong)?;
        let canonical = index == "0" || !index.starts_with(['0', '+']);
        let index = index.parse().ok().filter(|_| canonical).ok_or_else(wrong)?;
        Ok(Self { pod: PodName::new(pod)?, index })
    }
}

impl Serialize for InstanceName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for InstanceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SmolStr::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_read_as_it_is_written() {
        for text in ["kafka-0", "data-hot-12"] {
            assert_eq!(text.parse::<InstanceName>().unwrap().to_string(), text);
        }
        for text in ["kafka", "kafka-", "-1", "kafka-01", "kafka-+1", "kafka-x", ""] {
            assert!(text.parse::<InstanceName>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_means_something_else_is_no_name() {
        assert_eq!(PodName::new(" "), Err(NameError::Empty { what: "pod name" }));
        assert_eq!(PlanName::new(PlanName::DEPLOY), Ok(PlanName::deploy()));
        assert!(PodName::new("a__b").is_err());
        assert!(TaskName::new("a\nb").is_err());
        assert!(ServiceName::new("/group/kafka").is_ok());
        assert!(PodName::new("x".repeat(254)).is_err());
    }
}
