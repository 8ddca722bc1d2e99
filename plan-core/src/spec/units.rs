//! Quantities. Invariant: no quantity is a float, so equal texts are equal values. A quantity that must be positive is
//! never zero.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of processors or graphics processors, in thousandths: `0.1` is 100. Mesos has three decimals too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thousandths(NonZeroU64);

/// Why a text is not an amount of processors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// The text is not a decimal number.
    #[error("`{0}` is not a decimal number")]
    NotANumber(String),
    /// The number is zero or negative.
    #[error("`{0}` must be greater than zero")]
    NotPositive(String),
    /// The number has more than three decimals.
    #[error("`{0}` has more than three decimals; shares are counted in thousandths")]
    TooFine(String),
    /// The number is too large for its type.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

impl Thousandths {
    /// An amount from a count of thousandths; `None` for zero.
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

/// An amount of memory or disk, in MB of 2^20 bytes, as in Mesos; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Megabytes(pub NonZeroU64);

impl Megabytes {
    /// An amount from a count of MB; `None` for zero.
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

/// A time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// A part of a whole, in percent: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

impl Percent {
    /// A part from a number of percent; `None` below 1 and above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (1..=100).contains(&percent).then_some(Self(percent))
    }

    /// The number of percent.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// How many members may be down at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub enum MaxUnavailable {
    /// A number of members.
    Count(Count),
    /// A part of all members, as `25%`.
    Percent(Percent),
}

impl MaxUnavailable {
    /// The bound for this number of members. A part is rounded down, and is at least 1.
    ///
    /// ```
    /// use plan_core::spec::MaxUnavailable;
    ///
    /// let quarter: MaxUnavailable = "25%".parse()?;
    /// assert_eq!([1, 7, 8, 100].map(|members| quarter.of(members)), [1, 1, 2, 25]);
    /// assert_eq!("3".parse::<MaxUnavailable>()?.of(100), 3);
    /// # Ok::<(), plan_core::spec::MaxUnavailableError>(())
    /// ```
    pub fn of(self, members: u32) -> u32 {
        match self {
            Self::Count(count) => count.get(),
            Self::Percent(percent) => {
                let part = u64::from(members) * u64::from(percent.0) / 100;
                // A part of a number is not greater than the number.
                u32::try_from(part).unwrap_or(members).max(1)
            }
        }
    }
}

/// Why a text is not a `max-unavailable`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MaxUnavailableError {
    /// The text is neither a whole number nor a percentage.
    #[error("`{0}` is neither a whole number nor a percentage")]
    NotANumber(String),
    /// The number is 0: no member might be down, so no step could ever act.
    #[error("`{0}` must be at least 1")]
    Zero(String),
    /// The percentage is above 100.
    #[error("`{0}` is more than 100%")]
    MoreThanAll(String),
    /// The number is too large for its type.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

impl FromStr for MaxUnavailable {
    type Err = MaxUnavailableError;

    fn from_str(text: &str) -> Result<Self, MaxUnavailableError> {
        let trimmed = text.trim();
        let (digits, percent) = match trimmed.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (trimmed, false),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MaxUnavailableError::NotANumber(text.to_owned()));
        }
        // A text of digits fails to parse only if the number is too large.
        let number: Option<u32> = digits.parse().ok();
        if number == Some(0) {
            return Err(MaxUnavailableError::Zero(text.to_owned()));
        }
        if percent {
            let percent = number.and_then(|number| u8::try_from(number).ok()).and_then(Percent::new);
            percent.map(Self::Percent).ok_or_else(|| MaxUnavailableError::MoreThanAll(text.to_owned()))
        } else {
            let count = number.and_then(Count::new);
            count.map(Self::Count).ok_or_else(|| MaxUnavailableError::TooLarge(text.to_owned()))
        }
    }
}

impl fmt::Display for MaxUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{}%", percent.0),
        }
    }
}

/// The JSON form of a [`MaxUnavailable`]: a number, or a text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Count(Count),
    Text(String),
}

impl From<MaxUnavailable> for Written {
    fn from(most: MaxUnavailable) -> Self {
        match most {
            MaxUnavailable::Count(count) => Self::Count(count),
            MaxUnavailable::Percent(_) => Self::Text(most.to_string()),
        }
    }
}

impl TryFrom<Written> for MaxUnavailable {
    type Error = MaxUnavailableError;

    fn try_from(written: Written) -> Result<Self, MaxUnavailableError> {
        match written {
            Written::Count(count) => Ok(Self::Count(count)),
            Written::Text(text) => text.parse(),
        }
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
    fn a_part_of_the_members_is_rounded_down_and_never_none() {
        for (text, members, most) in [
            ("1", 9, 1),
            ("5", 3, 5),
            (" 007 ", 9, 7),
            ("1%", 1, 1),
            ("34%", 3, 1),
            ("67%", 3, 2),
            ("99%", 100, 99),
            ("100%", 3, 3),
            ("100%", u32::MAX, u32::MAX),
            ("100%", 0, 1),
        ] {
            let read: MaxUnavailable = text.parse().unwrap();
            assert_eq!(read.of(members), most, "{text} of {members}");
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<MaxUnavailable>(&json).unwrap(), read, "{json}");
        }
        for (text, why) in [
            ("0", "must be at least 1"),
            ("0%", "must be at least 1"),
            ("101%", "more than 100%"),
            ("99999999999%", "more than 100%"),
            ("4294967296", "too large"),
            ("-1", "neither a whole number nor a percentage"),
            ("1.5", "neither a whole number nor a percentage"),
            ("12.5%", "neither a whole number nor a percentage"),
            ("25 %", "neither a whole number nor a percentage"),
            ("%", "neither a whole number nor a percentage"),
            ("", "neither a whole number nor a percentage"),
            ("half", "neither a whole number nor a percentage"),
        ] {
            let error = text.parse::<MaxUnavailable>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        for json in ["0", "-1", "\"101%\"", "1.5", "null"] {
            assert!(serde_json::from_str::<MaxUnavailable>(json).is_err(), "{json}");
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
