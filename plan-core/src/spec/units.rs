//! Quantities. Invariant: no quantity is a float, so equal texts are equal values and nothing is
//! compared by luck; none of those that must be positive is zero.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A share of processors or of graphics processors, in thousandths: `0.1` is 100. Mesos counts three
/// decimals too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thousandths(NonZeroU64);

/// Why a text is not a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// Not a decimal number.
    #[error("`{0}` is not a decimal number")]
    NotANumber(String),
    /// Zero or negative.
    #[error("`{0}` must be greater than zero")]
    NotPositive(String),
    /// More digits than are kept.
    #[error("`{0}` has more than three decimals; shares are counted in thousandths")]
    TooFine(String),
    /// More than can be counted.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

impl Thousandths {
    /// From a count of thousandths; `None` for zero.
    pub fn from_thousandths(count: u64) -> Option<Self> {
        NonZeroU64::new(count).map(Self)
    }

    /// The count of thousandths.
    pub fn thousandths(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for Thousandths {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let not_a_number = || QuantityError::NotANumber(text.to_owned());
        let trimmed = text.trim();
        let (negative, unsigned) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(not_a_number());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 3 {
            return Err(QuantityError::TooFine(text.to_owned()));
        }
        let too_large = || QuantityError::TooLarge(text.to_owned());
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_large())? };
        let parts: u64 = format!("{fraction:0<3}").parse().map_err(|_| not_a_number())?;
        let count =
            whole.checked_mul(1000).and_then(|count| count.checked_add(parts)).ok_or_else(too_large)?;
        match NonZeroU64::new(count) {
            Some(count) if !negative => Ok(Self(count)),
            _ => Err(QuantityError::NotPositive(text.to_owned())),
        }
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, parts) = (self.0.get() / 1000, self.0.get() % 1000);
        if parts == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{parts:03}").trim_end_matches('0'))
    }
}

/// Memory or disk, in MB (of 2^20 bytes, as Mesos counts them); never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Megabytes(pub NonZeroU64);

impl Megabytes {
    /// From a count of MB; `None` for zero.
    pub fn new(count: u64) -> Option<Self> {
        NonZeroU64::new(count).map(Self)
    }

    /// The count of MB.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Megabytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MB", self.0)
    }
}

/// A time in whole seconds, as specifications give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// A number of members, tries or instances; never zero.
pub type Count = NonZeroU32;

/// A port number, 1 to 65535.
pub type PortNumber = NonZeroU16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (text, count, shown) in [
            ("0.1", 100, "0.1"),
            ("1.10", 1100, "1.1"),
            (".5", 500, "0.5"),
            ("2", 2000, "2"),
            ("+1.", 1000, "1"),
        ] {
            let share: Thousandths = text.parse().unwrap();
            assert_eq!((share.thousandths(), share.to_string().as_str()), (count, shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_share_says_why() {
        let cases = [
            ("0", "must be greater than zero"),
            ("-1", "must be greater than zero"),
            ("0.0001", "more than three decimals"),
            ("NaN", "not a decimal number"),
            (".inf", "not a decimal number"),
            ("1e3", "not a decimal number"),
            ("", "not a decimal number"),
            (".", "not a decimal number"),
            ("99999999999999999999", "too large"),
        ];
        for (text, why) in cases {
            let error = text.parse::<Thousandths>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
