//! A set of small numbers whose least member is found in a few steps, however many members there are.
//!
//! Invariant: bit `i` of a level is set when word `i` of the level below is not zero.

/// A set of numbers below a fixed bound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BitTree {
    /// The levels, the lowest first. The last level has one word.
    levels: Vec<Vec<u64>>,
}

impl BitTree {
    /// The empty set, for numbers below `bound`.
    pub fn new(bound: usize) -> Self {
        let mut levels = Vec::new();
        let mut len = bound;
        loop {
            len = len.div_ceil(64).max(1);
            levels.push(vec![0; len]);
            if len == 1 {
                return Self { levels };
            }
        }
    }

    /// Whether the number is a member.
    pub fn contains(&self, number: u32) -> bool {
        let word = self.levels.first().and_then(|level| level.get(number as usize / 64));
        word.is_some_and(|word| word & 1 << (number % 64) != 0)
    }

    /// Adds a number, which must be below the bound.
    pub fn insert(&mut self, number: u32) {
        let mut at = number as usize;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let was_empty = *word == 0;
            *word |= 1 << (at % 64);
            if !was_empty {
                return;
            }
            at /= 64;
        }
    }

    /// Removes a number, which must be below the bound.
    pub fn remove(&mut self, number: u32) {
        let mut at = number as usize;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            *word &= !(1 << (at % 64));
            if *word != 0 {
                return;
            }
            at /= 64;
        }
    }

    /// Adds or removes a number.
    pub fn set(&mut self, number: u32, member: bool) {
        if member {
            self.insert(number);
        } else {
            self.remove(number);
        }
    }

    /// The least member.
    pub fn first(&self) -> Option<u32> {
        self.next(0)
    }

    /// The least member that is not below `from`.
    pub fn next(&self, from: u32) -> Option<u32> {
        let mut at = from as usize;
        for (height, level) in self.levels.iter().enumerate() {
            let rest = level.get(at / 64)? & (u64::MAX << (at % 64));
            if rest != 0 {
                let mut found = at / 64 * 64 + rest.trailing_zeros() as usize;
                for below in self.levels[..height].iter().rev() {
                    found = found * 64 + below[found].trailing_zeros() as usize;
                }
                return u32::try_from(found).ok();
            }
            at = at / 64 + 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(
            changes in prop::collection::vec((0_u32..5000, any::<bool>()), 0..300),
            asked in prop::collection::vec(0_u32..6000, 0..50),
        ) {
            let mut tree = BitTree::new(5000);
            let mut set = BTreeSet::new();
            for (number, member) in changes {
                tree.set(number, member);
                if member { set.insert(number); } else { set.remove(&number); }
                prop_assert_eq!(tree.contains(number), member);
                prop_assert_eq!(tree.first(), set.first().copied());
            }
            for from in asked {
                prop_assert_eq!(tree.next(from), set.range(from..).next().copied());
            }
        }
    }

    #[test]
    fn an_empty_one_has_no_member() {
        assert_eq!(BitTree::new(0).first(), None);
        assert!(!BitTree::new(0).contains(7));
    }
}
