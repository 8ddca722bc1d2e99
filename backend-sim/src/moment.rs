//! Times as they are typed: `500ms`, `30s`, `2m`, `1h30m`. Invariant: a time has a unit, so that none is
//! guessed.

use std::time::Duration;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MomentError {
    /// A number is missing.
    #[error("`{0}` is not a time: write a whole number and a unit, as `500ms`, `30s`, `2m` or `1h`")]
    NoNumber(String),
    /// The number has no unit.
    #[error("`{0}` has no unit: is it `{0}ms`, `{0}s`, `{0}m` or `{0}h`?")]
    NoUnit(String),
    /// The unit is unknown.
    #[error("`{unit}` in `{text}` is not a unit of time: use `ms`, `s`, `m` or `h`")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// The unit.
        unit: String,
    },
    /// The time is longer than a clock can show.
    #[error("`{0}` is too long: at most 87600h")]
    TooLong(String),
}

/// No run is longer than ten years.
const LONGEST: Duration = Duration::from_secs(87_600 * 3600);

/// Reads a time.
///
/// # Errors
/// The text is not a time. The error says how to write one.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(backend_sim::moment::parse("1m30s"), Ok(Duration::from_secs(90)));
/// ```
pub fn parse(text: &str) -> Result<Duration, MomentError> {
    let too_long = || MomentError::TooLong(text.to_owned());
    let mut sum = Duration::ZERO;
    let mut rest = text;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(MomentError::NoNumber(text.to_owned()));
        }
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "" => return Err(MomentError::NoUnit(text.to_owned())),
            _ => return Err(MomentError::UnknownUnit { text: text.to_owned(), unit: unit.to_owned() }),
        };
        let number: u64 = number.parse().map_err(|_| too_long())?;
        let part = number.checked_mul(millis).map(Duration::from_millis).ok_or_else(too_long)?;
        sum = sum.checked_add(part).filter(|sum| *sum <= LONGEST).ok_or_else(too_long)?;
        if next.is_empty() {
            return Ok(sum);
        }
        rest = next;
    }
}

/// Writes a time as people type it, to the millisecond.
pub fn show(time: Duration) -> String {
    let millis = time.as_millis();
    let parts = [
        (millis / 3_600_000, "h"),
        (millis / 60_000 % 60, "m"),
        (millis / 1000 % 60, "s"),
        (millis % 1000, "ms"),
    ];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// In microseconds.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, millis) in [
            ("500ms", 500),
            ("0s", 0),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1m30s500ms", 90_500),
        ] {
            let time = Duration::from_millis(millis);
            assert_eq!(parse(text), Ok(time), "{text}");
            assert_eq!(show(time), text);
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_reason() {
        let right = "write a whole number and a unit, as `500ms`, `30s`, `2m` or `1h`";
        let unit = "is not a unit of time: use `ms`, `s`, `m` or `h`";
        for (text, expected) in [
            ("", format!("`` is not a time: {right}")),
            ("s", format!("`s` is not a time: {right}")),
            ("-1s", format!("`-1s` is not a time: {right}")),
            ("30", "`30` has no unit: is it `30ms`, `30s`, `30m` or `30h`?".to_owned()),
            ("1m30", "`1m30` has no unit: is it `1m30ms`, `1m30s`, `1m30m` or `1m30h`?".to_owned()),
            ("1.5s", format!("`.` in `1.5s` {unit}")),
            ("3 s", format!("` s` in `3 s` {unit}")),
            ("3d", format!("`d` in `3d` {unit}")),
            ("1H", format!("`H` in `1H` {unit}")),
            ("99999999h", "`99999999h` is too long: at most 87600h".to_owned()),
            ("99999999999999999999999s", "`99999999999999999999999s` is too long: at most 87600h".to_owned()),
        ] {
            assert_eq!(parse(text).map_err(|error| error.to_string()), Err(expected));
        }
    }
}
