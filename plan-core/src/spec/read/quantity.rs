//! Numbers, read from their source text. Invariant: no number is ever a float.

use std::num::{NonZeroU16, NonZeroU32};

use super::fields::{Field, Fields, Reader};
use crate::spec::diagnostic::{Code, Diagnostic, Path};
use crate::spec::units::{Megabytes, PortNumber, QuantityError, Seconds, Thousandths};

impl Reader<'_> {
    /// A whole number within bounds. `1.0` counts as a whole number, as in the SDK.
    pub(super) fn whole(
        &mut self,
        path: &Path<'_>,
        field: Field<'_>,
        (least, most): (i64, i64),
    ) -> Option<i64> {
        let text = self.scalar(path, field)?;
        let trimmed = text.trim();
        let (number, zeros) = trimmed.split_once('.').unwrap_or((trimmed, ""));
        let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
        let is_number = !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && zeros.bytes().all(|b| b == b'0');
        let (message, help) = match number.parse::<i64>() {
            Ok(value) if is_number && value < least && least == 0 => {
                (format!("`{text}` is negative"), format!("write a whole number from {least}"))
            }
            Ok(value) if is_number && value < least => {
                (format!("`{text}` must be at least {least}"), format!("write a whole number from {least}"))
            }
            Ok(value) if is_number && value > most => (
                format!("`{text}` is too large, the most is {most}"),
                format!("write a whole number up to {most}"),
            ),
            Ok(value) if is_number => {
                self.leading_zero(path, field, digits, value);
                return Some(value);
            }
            Err(_) if is_number => {
                (format!("`{text}` is too large"), "write a number within bounds".to_owned())
            }
            _ => (format!("`{}` is not a whole number", short(text)), "write digits only".to_owned()),
        };
        // The message names the last key of the path: `kill-grace-period: `-1` is negative`.
        let key = path.to_string();
        let key = key.rsplit('.').next().unwrap_or(&key);
        self.error(Code::Quantity, path, field.place, format!("{key}: {message}"), help);
        None
    }

    /// Warns of a number that begins with `0`, which YAML 1.1 takes for an octal one.
    fn leading_zero(&mut self, path: &Path<'_>, field: Field<'_>, digits: &str, value: i64) {
        if digits.len() > 1 && digits.starts_with('0') {
            let octal = i64::from_str_radix(digits, 8).ok().filter(|octal| *octal != value.abs());
            let other = octal.map_or(String::new(), |octal| format!(", and YAML 1.1 reads it as {octal}"));
            let message = format!("`{digits}` begins with a zero: it is read as {value}{other}");
            let warning = Diagnostic::warning(Code::LeadingZero, path, message).span(field.place);
            self.report(warning.help("leave the zeros at its beginning out"));
        }
    }

    /// A whole number of an optional key, within the bounds that the key declares.
    pub(super) fn number(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<i64> {
        let Some(field) = fields.get(key) else {
            self.left_empty(fields, key);
            return None;
        };
        self.whole(&fields.path.key(key), field, fields.bounds(key))
    }

    /// Seconds of an optional key.
    pub(super) fn seconds(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<Seconds> {
        let number = self.number(fields, key)?;
        u32::try_from(number).ok().map(Seconds)
    }

    /// Seconds of a required key.
    pub(super) fn required_seconds(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<Seconds> {
        self.required(fields, key, "give it in seconds")?;
        self.seconds(fields, key)
    }

    /// Megabytes of an optional key, with 1 as the stand-in.
    pub(super) fn megabytes(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<Megabytes> {
        if fields.get(key).is_none() {
            self.left_empty(fields, key);
            return None;
        }
        let number = self.number(fields, key).unwrap_or(1);
        u64::try_from(number).ok().and_then(Megabytes::new)
    }

    /// A share of an optional key, with the smallest share as the stand-in.
    pub(super) fn share(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<Thousandths> {
        let Some(field) = fields.get(key) else {
            self.left_empty(fields, key);
            return None;
        };
        let at = fields.path.key(key);
        let text = self.scalar(&at, field);
        text.and_then(|text| self.share_of(&at, field, key, text)).or(Thousandths::from_thousandths(1))
    }

    pub(super) fn share_of(
        &mut self,
        path: &Path<'_>,
        field: Field<'_>,
        key: &str,
        text: &str,
    ) -> Option<Thousandths> {
        match text.parse() {
            Ok(share) => Some(share),
            Err(error) => {
                let help = match error {
                    QuantityError::TooFine(_) => "round it to three decimals",
                    _ => "write a decimal number above zero, as `0.5`",
                };
                self.error(Code::Quantity, path, field.place, format!("{key}: {error}"), help);
                None
            }
        }
    }

    /// A port number of an optional key, 1 to 65535.
    pub(super) fn port_number(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<PortNumber> {
        let number = self.number(fields, key)?;
        u16::try_from(number).ok().and_then(NonZeroU16::new)
    }

    /// A number of a required key, at least 1.
    pub(super) fn required_count(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<NonZeroU32> {
        self.required(fields, key, "give a number of 1 or more")?;
        let number = self.number(fields, key)?;
        u32::try_from(number).ok().and_then(NonZeroU32::new)
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
