//! Choices by lot, that are the same again.

/// Numbers that look drawn by lot, the same for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Lot(pub(crate) u64);

impl Lot {
    pub(crate) fn draw(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ word >> 31) % below
    }
}
