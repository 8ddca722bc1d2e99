//! Places: where instances live.
//!
//! Invariant: a place holds all that a backend was told about it, so that tasks can be launched there again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Number, is_never};
use crate::spec::placement::NodeFacts;
use crate::spec::{Field, PlacementRule, PortName};

/// Where an instance lives: its node, handle and ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// The node.
    pub node: Arc<NodeFacts>,
    /// The ports that the instance was granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(PortName, u16)>,
    /// The backend's name for the instance's resources.
    pub handle: Handle,
    /// The launch that took the place.
    #[serde(default, skip_serializing_if = "is_never")]
    pub since: Number,
    /// Which fault domains are named by the placement rule that chose the place.
    #[serde(default, skip_serializing_if = "Domains::is_none")]
    pub domains: Domains,
    /// The principal under which the resources are held, if the specification names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Arc<str>>,
}

/// Which fault domains a placement rule names. The task's environment says this, as a service that is spread over zones
/// often has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Domains {
    /// Whether the rule names the region.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub region: bool,
    /// Whether the rule names the zone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub zone: bool,
}

impl Domains {
    /// The domains that a rule names.
    pub fn of(rule: Option<&PlacementRule>) -> Self {
        let names = |field| rule.is_some_and(|rule| rule.mentions(&field));
        Self { region: names(Field::Region), zone: names(Field::Zone) }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(in crate::engine) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A backend's name for resources that it holds. The engine does not interpret it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub SmolStr);
