//! Foreigners: launches that the backend has and no record names.
//!
//! Invariant: a foreigner is listed until its end is seen, or a snapshot does not show it. Nothing is done about it.

use std::collections::BTreeMap;

use crate::engine::input::{Incarnation, Seen};

/// Launches that no record names, and how they were seen last.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::engine) struct Foreigners(BTreeMap<Incarnation, Seen>);

impl Foreigners {
    /// Notes how a foreigner was seen. Returns whether it is a new one.
    pub(in crate::engine) fn see(&mut self, of: &Incarnation, seen: Seen) -> bool {
        if matches!(seen, Seen::Ended(_)) {
            self.forget(of);
            return false;
        }
        self.0.insert(of.clone(), seen).is_none()
    }

    /// Forgets a foreigner, as it is not there any more.
    pub(in crate::engine) fn forget(&mut self, of: &Incarnation) {
        self.0.remove(of);
    }

    /// The foreigners, and how each was seen last.
    pub(in crate::engine) fn iter(&self) -> impl Iterator<Item = (&Incarnation, &Seen)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::{End, InstallationId};

    #[test]
    fn a_foreigner_is_new_once_and_gone_with_its_end() {
        let of = Incarnation {
            installation: InstallationId("other".into()),
            instance: "kafka-0".parse().unwrap(),
            task: "broker".parse().unwrap(),
            launch: 7,
        };
        let mut foreigners = Foreigners::default();
        assert!(foreigners.see(&of, Seen::Starting) && !foreigners.see(&of, Seen::Unreachable));
        assert_eq!(foreigners.iter().collect::<Vec<_>>(), [(&of, &Seen::Unreachable)]);
        assert!(!foreigners.see(&of, Seen::Ended(End::Finished)));
        assert_eq!(foreigners, Foreigners::default());
        foreigners.see(&of, Seen::Starting);
        foreigners.forget(&of);
        assert_eq!(foreigners, Foreigners::default());
    }
}
