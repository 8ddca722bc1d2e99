//! What a placement rule is judged against. Invariant: a count is the exact number of instances of one pod, which is
//! known by its whole name. No count is stored as zero, so equal situations are equal censuses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Field;
use crate::spec::names::{NodeName, PodName};

/// The facts about a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeFacts {
    /// The name.
    pub name: NodeName,
    /// The region, if the node has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The zone, if the node has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl NodeFacts {
    /// The node's value of a field, as the node spells it.
    pub fn value(&self, field: &Field) -> Option<&str> {
        match field {
            Field::Hostname => Some(self.name.as_str()),
            Field::Region => self.region.as_deref(),
            Field::Zone => self.zone.as_deref(),
            Field::Attribute(name) => self.attributes.get(name).map(String::as_str),
        }
    }
}

/// Where the other instances are, as far as a rule asks: see [`PlacementRule::fields`] and [`PlacementRule::pods`].
///
/// Change it with [`add`](Self::add) and [`remove`](Self::remove): they use one key for equal values, as for an
/// attribute that is `1` on one node and `1.0` on another.
///
/// [`PlacementRule::fields`]: super::PlacementRule::fields
/// [`PlacementRule::pods`]: super::PlacementRule::pods
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// The number of instances of the pod that is placed, by field and value. The placed instance itself is not
    /// counted.
    #[serde(default, with = "by_field", skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<Field, BTreeMap<String, u32>>,
    /// The number of instances by pod and host, for `Near` and `Apart`. The placed instance itself is not counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<PodName, BTreeMap<NodeName, u32>>,
}

impl Census {
    /// Counts one more instance of the pod that is placed, at this value of the field.
    pub fn add(&mut self, field: &Field, value: &str) {
        let counts = self.values.entry(field.clone()).or_default();
        let count = counts.entry(field.canonical(value).into_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts one instance fewer at this value of the field. Returns `false` if none was counted there.
    pub fn remove(&mut self, field: &Field, value: &str) -> bool {
        take(&mut self.values, field, &field.canonical(value))
    }

    /// Counts one more instance of a pod on a node.
    pub fn add_host(&mut self, pod: &PodName, node: &NodeName) {
        let count = self.hosts.entry(pod.clone()).or_default().entry(node.clone()).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts one instance of a pod fewer on a node. Returns `false` if none was counted there.
    pub fn remove_host(&mut self, pod: &PodName, node: &NodeName) -> bool {
        take(&mut self.hosts, pod, node.as_str())
    }

    /// The number of instances of the pod that is placed, at this value of the field.
    pub fn count(&self, field: &Field, value: &str) -> u32 {
        let counts = self.values.get(field);
        counts.and_then(|counts| counts.get(&*field.canonical(value))).copied().unwrap_or(0)
    }

    /// The number of instances of a pod on a node.
    pub fn on_host(&self, pod: &PodName, node: &NodeName) -> u32 {
        self.hosts.get(pod).and_then(|hosts| hosts.get(node)).copied().unwrap_or(0)
    }
}

/// Subtracts one from a count, and removes a count that becomes zero.
fn take<K, V>(table: &mut BTreeMap<K, BTreeMap<V, u32>>, key: &K, value: &str) -> bool
where
    K: Ord,
    V: Ord + std::borrow::Borrow<str>,
{
    let Some(counts) = table.get_mut(key) else { return false };
    let Some(count) = counts.get_mut(value) else { return false };
    let found = *count > 0;
    *count = count.saturating_sub(1);
    if *count == 0 {
        counts.remove(value);
    }
    if counts.is_empty() {
        table.remove(key);
    }
    found
}

/// Fields as keys of a JSON object: `hostname`, `region`, `zone`, `attribute:NAME`.
mod by_field {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Field;

    const ATTRIBUTE: &str = "attribute:";

    pub(super) fn serialize<S: Serializer>(
        values: &BTreeMap<Field, BTreeMap<String, u32>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(values.iter().map(|(field, counts)| {
            let key = match field {
                Field::Hostname => "hostname".to_owned(),
                Field::Region => "region".to_owned(),
                Field::Zone => "zone".to_owned(),
                Field::Attribute(name) => format!("{ATTRIBUTE}{name}"),
            };
            (key, counts)
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Field, BTreeMap<String, u32>>, D::Error> {
        let values = BTreeMap::<String, BTreeMap<String, u32>>::deserialize(deserializer)?;
        let field = |key: &str| match (key, key.strip_prefix(ATTRIBUTE)) {
            ("hostname", _) => Ok(Field::Hostname),
            ("region", _) => Ok(Field::Region),
            ("zone", _) => Ok(Field::Zone),
            (_, Some(name)) => Ok(Field::Attribute(name.to_owned())),
            _ => Err(serde::de::Error::custom(format!(
                "`{key}` is not a field: write `hostname`, `region`, `zone` or `attribute:NAME`"
            ))),
        };
        values.into_iter().map(|(key, counts)| Ok((field(&key)?, counts))).collect()
    }
}
