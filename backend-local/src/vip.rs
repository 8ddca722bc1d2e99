//! Virtual addresses, and the problems with them.
//!
//! Invariant: a problem is logged once, as long as it stays the same.

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

/// The problems with addresses.
#[derive(Debug, Default)]
pub(crate) struct Vips {
    troubles: Mutex<BTreeMap<VipKey, String>>,
}

impl Vips {
    /// Notes that an address works, or why it does not.
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
