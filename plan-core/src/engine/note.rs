//! A backend's own durable words: small texts that the engine's store keeps for it.
//!
//! Invariant: a note is written in a batch like any record, so it is fenced by the epoch and recovered with the rest. The
//! engine never looks into one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Something that a backend wants kept: a framework id, which must be durable before it is used.
///
/// It is durable when the receipt of its report says so. The next session is handed all notes when it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Note {
    /// Its name.
    pub name: NoteName,
    /// What is kept; none forgets it.
    pub text: Option<NoteText>,
}

/// A note's name: 1 to 64 of lower-case letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr", into = "SmolStr")]
pub struct NoteName(SmolStr);

/// A note's text: at most [`NoteText::MOST`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoteText(Arc<str>);

/// Why something is no note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The name is none.
    #[error("`{0}` is no name of a note: it takes 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`")]
    Name(SmolStr),
    /// The text is too long.
    #[error("a note of {0} bytes is too long: {most} are kept at most", most = NoteText::MOST)]
    TooLong(usize),
}

impl NoteName {
    /// A name.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters.
    pub fn new(name: impl Into<SmolStr>) -> Result<Self, NoteError> {
        let name = name.into();
        let good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        if (1..=64).contains(&name.len()) && name.bytes().all(good) {
            Ok(Self(name))
        } else {
            Err(NoteError::Name(name))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NoteText {
    /// So many bytes are kept at most: a note is no place for data.
    pub const MOST: usize = 65_536;

    /// A text.
    ///
    /// # Errors
    /// It is longer than [`NoteText::MOST`].
    pub fn new(text: impl AsRef<str>) -> Result<Self, NoteError> {
        let text = text.as_ref();
        if text.len() > Self::MOST { Err(NoteError::TooLong(text.len())) } else { Ok(Self(text.into())) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<SmolStr> for NoteName {
    type Error = NoteError;

    fn try_from(name: SmolStr) -> Result<Self, NoteError> {
        Self::new(name)
    }
}

impl From<NoteName> for SmolStr {
    fn from(name: NoteName) -> Self {
        name.0
    }
}

impl FromStr for NoteName {
    type Err = NoteError;

    fn from_str(name: &str) -> Result<Self, NoteError> {
        Self::new(name)
    }
}

impl fmt::Display for NoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for NoteText {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        Self::new(text)
    }
}

impl From<NoteText> for String {
    fn from(text: NoteText) -> Self {
        text.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_a_plain_name_and_a_bounded_text() {
        assert_eq!(NoteName::new("framework-id").unwrap().as_str(), "framework-id");
        for bad in ["", "A", "a/b", "a b", &"a".repeat(65)] {
            assert_eq!(NoteName::new(bad), Err(NoteError::Name(bad.into())));
        }
        assert_eq!(NoteText::new("x".repeat(NoteText::MOST)).unwrap().as_str().len(), NoteText::MOST);
        assert_eq!(
            NoteText::new("x".repeat(NoteText::MOST + 1)),
            Err(NoteError::TooLong(NoteText::MOST + 1))
        );
        assert!(serde_json::from_str::<Note>(r#"{"name":"a/b","text":null}"#).is_err());
    }
}
