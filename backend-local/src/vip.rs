//! Virtual addresses, and what is wrong with them.
//!
//! Invariant: a trouble is told once, for as long as it is the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::room::ServiceKey;

/// A virtual address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VipKey {
    pub(crate) service: ServiceKey,
    pub(crate) prefix: String,
    pub(crate) port: u16,
}

/// What is wrong with addresses.
#[derive(Debug, Default)]
pub(crate) struct Vips {
    troubles: Mutex<BTreeMap<VipKey, String>>,
}

impl Vips {
    /// An address leads where it should, or does not, and why.
    pub(crate) fn note(&self, key: &VipKey, trouble: Option<String>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            None => drop(troubles.remove(key)),
            Some(why) => {
                if troubles.get(key) != Some(&why) {
                    tracing::warn!(service = %key.service.0, vip = %key.prefix, port = key.port, why, "a virtual address cannot be had");
                    troubles.insert(key.clone(), why);
                }
            }
        }
    }
}
