//! Equal numbers. Invariant: digits are compared as digits, never as floats, so a number of any length has exactly one
//! canonical text.

use std::borrow::Cow;

/// The number of decimals that are kept, as in Mesos.
const DECIMALS: usize = 3;

/// The text of a decimal number with at most three decimals, rounded half to even, without needless zeros or a plus, as
/// in Java's `0.###`. Any other text is returned as it is; `1e3` and `1.2.3` are no decimal numbers.
pub(super) fn canonical(text: &str) -> Cow<'_, str> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
        return Cow::Borrowed(text);
    }
    if whole == text && (whole == "0" || !whole.starts_with('0')) {
        return Cow::Borrowed(text);
    }
    let fraction = fraction.trim_end_matches('0');
    let (kept, rest) = fraction.split_at(fraction.len().min(DECIMALS));
    let mut count = format!("{whole}{kept:0<DECIMALS$}").into_bytes();
    let odd = count.last().is_some_and(|digit| digit % 2 == 1);
    // `rest` has no zeros at its end, so it is more than a half exactly when it sorts after "5".
    if rest > "5" || rest == "5" && odd {
        increment(&mut count);
    }
    let count: String = count.into_iter().map(char::from).collect();
    let (whole, fraction) = count.split_at(count.len() - DECIMALS);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let zero = whole.is_empty() && fraction.is_empty();
    let sign = if text.starts_with('-') && !zero { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Cow::Owned(format!("{sign}{whole}{point}{fraction}"))
}

/// Adds one to a number in ASCII digits.
fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_have_one_text() {
        let cases = [
            ("1", "1"),
            ("1.50", "1.5"),
            ("+1.", "1"),
            (".5", "0.5"),
            ("007", "7"),
            ("0", "0"),
            ("-0.0", "0"),
            ("-0.0001", "0"),
            ("-2.5", "-2.5"),
            ("0.1234", "0.123"),
            ("0.1235", "0.124"),
            ("0.1245", "0.124"),
            ("0.12450001", "0.125"),
            ("9.9996", "10"),
            ("99999999999999999999.9999", "100000000000000000000"),
            ("r1", "r1"),
            ("", ""),
            (".", "."),
            ("-", "-"),
            ("+-1", "+-1"),
            ("1e3", "1e3"),
            ("1.2.3", "1.2.3"),
            ("१", "१"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_text_stays(text in "[-+]?[0-9]{0,3}[.]?[0-9]{0,6}") {
            let once = canonical(&text).into_owned();
            prop_assert_eq!(canonical(&once).into_owned(), once);
        }

        #[test]
        fn zeros_at_the_ends_say_nothing(whole in 0_u32.., parts in 0_u32..1000, left in 0_usize..3, right in 0_usize..3) {
            let padded = format!("{}{whole}.{parts:03}{}", "0".repeat(left), "0".repeat(right));
            prop_assert_eq!(canonical(&padded).into_owned(), canonical(&format!("{whole}.{parts:03}")).into_owned());
        }
    }
}
