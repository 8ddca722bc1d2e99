//! Where an instance lives.
//!
//! Invariant: a place is enough to launch there again: nothing that a backend was told of it is elsewhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Number, is_never};
use crate::spec::placement::NodeFacts;
use crate::spec::{Field, PlacementRule, PortName};

/// Where an instance lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// The node.
    pub node: Arc<NodeFacts>,
    /// The ports that it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(PortName, u16)>,
    /// What the backend knows its resources by.
    pub handle: Handle,
    /// The launch that it was taken for.
    #[serde(default, skip_serializing_if = "is_never")]
    pub since: Number,
    /// Which domains the placement rule names that chose it.
    #[serde(default, skip_serializing_if = "Domains::is_none")]
    pub domains: Domains,
    /// The principal under which its resources are held, if the specification names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Arc<str>>,
}

/// Which fault domains a placement rule names. A task is told, since a service that spreads over zones often has to know
/// that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Domains {
    /// Whether it names the region.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub region: bool,
    /// Whether it names the zone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub zone: bool,
}

impl Domains {
    /// Those that a rule names.
    pub fn of(rule: Option<&PlacementRule>) -> Self {
        let names = |field| rule.is_some_and(|rule| rule.mentions(&field));
        Self { region: names(Field::Region), zone: names(Field::Zone) }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(in crate::engine) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A backend's own name for resources that it holds; opaque here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub SmolStr);
