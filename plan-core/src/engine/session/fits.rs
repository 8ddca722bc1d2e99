//! Open questions for room, and grants that are not used yet, by order.
//!
//! Invariant: an order has at most one open question, and each grant is handed out once. Whether a grant is good is not
//! decided here.

use std::collections::BTreeMap;

use crate::engine::at::At;
use crate::engine::input::Grant;
use crate::engine::record::Number;
use crate::engine::words::Words;

/// The questions for room of this session.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::engine) struct Fits(BTreeMap<Number, Fitting>);

/// A question for room.
#[derive(Debug, Clone, PartialEq)]
struct Fitting {
    /// The instance that room is asked for.
    at: At,
    /// Why there is no room, if the backend said so.
    why: Option<Words>,
    /// The grant, if there is one.
    grant: Option<Grant>,
}

impl Fits {
    /// Notes a question for room. It replaces an earlier question of the order.
    pub(in crate::engine) fn ask(&mut self, launch: Number, at: At) {
        self.0.insert(launch, Fitting { at, why: None, grant: None });
    }

    /// Whether room was asked for in this session.
    pub(in crate::engine) fn is_asked(&self, launch: Number) -> bool {
        self.0.contains_key(&launch)
    }

    /// Notes a grant. Returns false if the room was not asked for in this session.
    pub(in crate::engine) fn granted(&mut self, launch: Number, grant: Grant) -> bool {
        let fitting = self.0.get_mut(&launch);
        fitting.map(|fitting| fitting.grant = Some(grant)).is_some()
    }

    /// Notes that there is no room, and drops an earlier grant. Returns whether the answer differs from the last one.
    pub(in crate::engine) fn refused(&mut self, launch: Number, why: &Words) -> bool {
        let Some(fitting) = self.0.get_mut(&launch) else { return false };
        fitting.grant = None;
        let news = fitting.why.as_ref() != Some(why);
        if news {
            fitting.why = Some(why.clone());
        }
        news
    }

    /// The grant of an order, if there is one.
    pub(in crate::engine) fn grant(&self, launch: Number) -> Option<&Grant> {
        self.0.get(&launch)?.grant.as_ref()
    }

    /// Why there is no room for an order, if the backend said so.
    pub(in crate::engine) fn why(&self, launch: Number) -> Option<&Words> {
        self.0.get(&launch)?.why.as_ref()
    }

    /// Closes the question of an order, and returns its grant.
    pub(in crate::engine) fn close(&mut self, launch: Number) -> Option<Grant> {
        self.0.remove(&launch)?.grant
    }

    /// The questions of a pod's instances that have no grant.
    pub(in crate::engine) fn open_of(&self, pod: u32) -> impl Iterator<Item = (Number, At)> {
        let open = self.0.iter().filter(move |(_, fitting)| fitting.at.pod == pod && fitting.grant.is_none());
        open.map(|(&launch, fitting)| (launch, fitting.at))
    }

    /// The grants of the other instances of a pod.
    pub(in crate::engine) fn grants_beside(&self, at: At) -> impl Iterator<Item = (Number, At, &Grant)> {
        let others = self.0.iter().filter(move |(_, fitting)| fitting.at.pod == at.pod && fitting.at != at);
        others.filter_map(|(&launch, fitting)| Some((launch, fitting.at, fitting.grant.as_ref()?)))
    }

    /// Gives instances new positions.
    pub(in crate::engine) fn laid_out(&mut self, place: impl Fn(At) -> Option<At>) {
        for fitting in self.0.values_mut() {
            fitting.at = place(fitting.at).unwrap_or(fitting.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::record::Handle;
    use crate::spec::placement::NodeFacts;

    fn grant(handle: &str) -> Grant {
        let node = NodeFacts {
            name: "node-1".parse().unwrap(),
            region: None,
            zone: None,
            attributes: BTreeMap::new(),
        };
        Grant { node: Arc::new(node), ports: Vec::new(), handle: Handle(handle.into()), until: None }
    }

    fn at(pod: u32, index: u32) -> At {
        At { pod, index }
    }

    #[test]
    fn what_was_granted_is_handed_out_once() {
        let mut fits = Fits::default();
        assert!(!fits.granted(7, grant("a")));
        fits.ask(7, at(0, 0));
        assert!(fits.is_asked(7) && fits.grant(7).is_none());
        assert!(fits.granted(7, grant("a")));
        assert_eq!(fits.grant(7), Some(&grant("a")));
        assert_eq!(fits.close(7), Some(grant("a")));
        assert_eq!(fits.close(7), None);
        assert!(!fits.is_asked(7));
    }

    #[test]
    fn the_same_refusal_is_told_once_and_takes_back_what_was_granted() {
        let mut fits = Fits::default();
        let why: Words = "no cpus".into();
        assert!(!fits.refused(7, &why));
        fits.ask(7, at(0, 0));
        fits.granted(7, grant("a"));
        assert!(fits.refused(7, &why));
        assert_eq!((fits.grant(7), fits.why(7)), (None, Some(&why)));
        assert!(!fits.refused(7, &why) && fits.refused(7, &"no memory".into()));
        // A repeated question forgets the earlier answer.
        fits.ask(7, at(0, 0));
        assert_eq!(fits.why(7), None);
    }

    #[test]
    fn questions_are_found_by_pod() {
        let mut fits = Fits::default();
        for (launch, at) in [(7, at(0, 0)), (8, at(0, 1)), (9, at(1, 0))] {
            fits.ask(launch, at);
        }
        fits.granted(8, grant("b"));
        assert_eq!(fits.open_of(0).collect::<Vec<_>>(), [(7, at(0, 0))]);
        let beside =
            |fits: &Fits, of| fits.grants_beside(of).map(|(launch, at, _)| (launch, at)).collect::<Vec<_>>();
        assert_eq!(beside(&fits, at(0, 0)), [(8, at(0, 1))]);
        assert_eq!(beside(&fits, at(0, 1)), []);
        fits.laid_out(|at| (at.pod == 0).then_some(At { pod: 2, ..at }));
        assert_eq!(fits.open_of(2).collect::<Vec<_>>(), [(7, at(2, 0))]);
        assert_eq!(fits.open_of(1).collect::<Vec<_>>(), [(9, at(1, 0))]);
    }
}
