//! Choices: whatever could go one way or another is decided here.
//!
//! Invariant: only [`Choose::choose`] decides anything in a run, so a run is its scenario and its list of choices.
//! Option 0 is always the benign one: no fault, the typical latency, the first node.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Where a choice is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// What is chosen.
    pub label: &'static str,
    /// For which instance, node or fault, by number.
    pub entity: u64,
}

impl Site {
    /// A choice of this kind for this entity.
    pub fn new(label: &'static str, entity: u64) -> Self {
        Self { label, entity }
    }
}

/// Makes choices.
pub trait Choose {
    /// Chooses one of `options` options, counted from 0. Option 0 is the benign one. With no option or one option, the
    /// choice is 0.
    fn choose(&mut self, site: Site, options: u32) -> u32;

    /// What was wrong with a replayed list; always `None` for a source that makes its own choices.
    fn mismatch(&self) -> Option<&ChoiceError> {
        None
    }
}

/// Always option 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Benign;

impl Choose for Benign {
    fn choose(&mut self, _: Site, _: u32) -> u32 {
        0
    }
}

/// The source of a run's choices.
#[derive(Debug)]
pub(crate) enum Chooser<'a> {
    /// A source from outside.
    Given(&'a mut dyn Choose),
    /// Always the benign option.
    Benign(Benign),
    /// Random choices.
    Seeded(Seeded),
}

impl Chooser<'_> {
    /// A source that goes on as this one would. In place of a source from outside, it is always benign.
    pub(crate) fn fork(&self) -> Self {
        match self {
            Self::Given(_) | Self::Benign(_) => Self::Benign(Benign),
            Self::Seeded(seeded) => Self::Seeded(seeded.clone()),
        }
    }
}

impl Choose for Chooser<'_> {
    fn choose(&mut self, site: Site, options: u32) -> u32 {
        match self {
            Self::Given(other) => other.choose(site, options),
            Self::Benign(benign) => benign.choose(site, options),
            Self::Seeded(seeded) => seeded.choose(site, options),
        }
    }

    fn mismatch(&self) -> Option<&ChoiceError> {
        match self {
            Self::Given(other) => other.mismatch(),
            Self::Benign(_) | Self::Seeded(_) => None,
        }
    }
}

/// Random choices, from a seed.
///
/// Each choice comes from the hash of the seed, the site and the number of earlier choices at the site. So one more
/// choice at a site does not change the choices at other sites.
#[derive(Debug, Clone)]
pub struct Seeded {
    seed: u64,
    asked: BTreeMap<Site, u64>,
}

impl Seeded {
    /// Choices from this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, asked: BTreeMap::new() }
    }
}

/// SplitMix64's output function (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn mix(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ word >> 31
}

/// SplitMix64's step: the next number after a state.
fn split_mix(state: u64) -> u64 {
    mix(state.wrapping_add(0x9E37_79B9_7F4A_7C15))
}

/// FNV-1a, which is enough to tell a few dozen labels apart.
fn label_hash(label: &str) -> u64 {
    label
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

impl Choose for Seeded {
    fn choose(&mut self, site: Site, options: u32) -> u32 {
        let asked = self.asked.entry(site).or_default();
        let nth = *asked;
        *asked += 1;
        let key = split_mix(
            self.seed ^ split_mix(label_hash(site.label) ^ split_mix(site.entity ^ split_mix(nth))),
        );
        // The high half of a product: unbiased enough for bounds far below 2^32, and without a division.
        let scaled = u128::from(key) * u128::from(options.max(1));
        (scaled >> 64) as u32
    }
}

/// A choice that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What was chosen: [`Site::label`].
    pub site: SmolStr,
    /// For which entity: [`Site::entity`].
    pub entity: u64,
    /// Of how many options.
    pub options: u32,
    /// Which one.
    pub value: u32,
}

/// Records the choices of another source.
#[derive(Debug)]
pub struct Recorded<'a> {
    inner: &'a mut dyn Choose,
    list: Vec<Choice>,
}

impl std::fmt::Debug for dyn Choose + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Choose")
    }
}

impl<'a> Recorded<'a> {
    /// Records the choices of this source.
    pub fn new(inner: &'a mut dyn Choose) -> Self {
        Self { inner, list: Vec::new() }
    }

    /// The choices, in the order in which they were made.
    pub fn into_list(self) -> Vec<Choice> {
        self.list
    }
}

impl Choose for Recorded<'_> {
    fn choose(&mut self, site: Site, options: u32) -> u32 {
        let value = self.inner.choose(site, options);
        self.list.push(Choice { site: SmolStr::new_static(site.label), entity: site.entity, options, value });
        value
    }

    fn mismatch(&self) -> Option<&ChoiceError> {
        self.inner.mismatch()
    }
}

/// Replays the choices of a list, one after the other.
#[derive(Debug, Clone)]
pub struct Listed {
    rest: VecDeque<Choice>,
    at: usize,
    mismatch: Option<ChoiceError>,
}

/// A list of choices belongs to another run: the program, the specification or the scenario differs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// Another choice comes first.
    #[error(
        "choice {at} of the recording is `{}` of {} for {}, but the run asks for `{site}` of {options} for {entity}: \
         it was recorded with another version, specification or scenario",
        recorded.site, recorded.options, recorded.entity
    )]
    Differs {
        /// Its position, counted from 0.
        at: usize,
        /// The choice in the list.
        recorded: Choice,
        /// What is chosen.
        site: SmolStr,
        /// For which entity.
        entity: u64,
        /// Of how many options.
        options: u32,
    },
    /// The list is at its end.
    #[error(
        "the recording ends after {at} choices, but the run asks for `{site}` of {options} for {entity}: \
         it was recorded with another version, specification or scenario"
    )]
    Ended {
        /// How many choices it has.
        at: usize,
        /// What is chosen.
        site: SmolStr,
        /// For which entity.
        entity: u64,
        /// Of how many options.
        options: u32,
    },
    /// A choice is not one of its options.
    #[error("choice {at} of the recording is {value} of {options} options, which are counted from 0")]
    OutOfRange {
        /// Its position, counted from 0.
        at: usize,
        /// What was chosen.
        value: u32,
        /// Of how many options.
        options: u32,
    },
    /// The list goes on after the run's end.
    #[error("the run ended after {at} choices, but the recording has {more} more")]
    Unused {
        /// How many choices the run made.
        at: usize,
        /// How many the list has left.
        more: usize,
    },
}

impl Listed {
    /// Replays a list.
    pub fn new(list: impl IntoIterator<Item = Choice>) -> Self {
        Self { rest: list.into_iter().collect(), at: 0, mismatch: None }
    }

    /// Whether the whole list was used, and each choice at the site where it was recorded.
    ///
    /// # Errors
    /// The first difference.
    pub fn finish(self) -> Result<(), ChoiceError> {
        match self.mismatch {
            Some(error) => Err(error),
            None if self.rest.is_empty() => Ok(()),
            None => Err(ChoiceError::Unused { at: self.at, more: self.rest.len() }),
        }
    }

    fn next(&mut self, site: Site, options: u32) -> Result<u32, ChoiceError> {
        let at = self.at;
        let label = SmolStr::new_static(site.label);
        let Some(recorded) = self.rest.pop_front() else {
            return Err(ChoiceError::Ended { at, site: label, entity: site.entity, options });
        };
        if recorded.site != site.label || recorded.entity != site.entity || recorded.options != options {
            return Err(ChoiceError::Differs { at, recorded, site: label, entity: site.entity, options });
        }
        if recorded.value >= options.max(1) {
            return Err(ChoiceError::OutOfRange { at, value: recorded.value, options });
        }
        self.at += 1;
        Ok(recorded.value)
    }
}

impl Choose for Listed {
    fn choose(&mut self, site: Site, options: u32) -> u32 {
        if self.mismatch.is_some() {
            return 0;
        }
        match self.next(site, options) {
            Ok(value) => value,
            Err(error) => {
                self.mismatch = Some(error);
                0
            }
        }
    }

    fn mismatch(&self) -> Option<&ChoiceError> {
        self.mismatch.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_is_split_mix() {
        // The first numbers of the reference generator from the state 1234567.
        let numbers: Vec<u64> = (0..5)
            .map(|n: u64| split_mix(1_234_567_u64.wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15))))
            .collect();
        let reference = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(numbers, reference);
    }

    #[test]
    fn seeds_are_pinned() {
        // A change here changes the run of every recorded seed.
        let mut seeded = Seeded::new(7);
        let drawn: Vec<u32> = (0..8).map(|nth| seeded.choose(Site::new("start", nth / 2), 1000)).collect();
        assert_eq!(drawn, PINNED);
    }

    const PINNED: [u32; 8] = [294, 76, 488, 527, 58, 433, 522, 418];

    #[test]
    fn one_more_draw_leaves_the_others() {
        let (one, two) = (Site::new("start", 1), Site::new("ready", 1));
        let mut plain = Seeded::new(1);
        let expected: Vec<u32> = (0..4).map(|_| plain.choose(one, 100)).collect();
        let mut mixed = Seeded::new(1);
        let drawn: Vec<u32> = (0..4)
            .map(|_| {
                mixed.choose(two, 9);
                mixed.choose(one, 100)
            })
            .collect();
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_replay_names_the_first_mismatch() {
        let mut seeded = Seeded::new(3);
        let mut recorded = Recorded::new(&mut seeded);
        let first = recorded.choose(Site::new("start", 1), 10);
        recorded.choose(Site::new("ready", 1), 10);
        let list = recorded.into_list();
        let mut replay = Listed::new(list.clone());
        assert_eq!(replay.choose(Site::new("start", 1), 10), first);
        assert_eq!(replay.choose(Site::new("ready", 1), 11), 0);
        assert_eq!(
            replay.mismatch(),
            Some(&ChoiceError::Differs {
                at: 1,
                recorded: list[1].clone(),
                site: "ready".into(),
                entity: 1,
                options: 11
            })
        );
        let mut short = Listed::new(list);
        short.choose(Site::new("start", 1), 10);
        assert_eq!(short.finish(), Err(ChoiceError::Unused { at: 1, more: 1 }));
    }
}
