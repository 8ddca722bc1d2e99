//! Notes: small texts that the engine's store keeps for a backend.
//!
//! Invariant: a note is written in a batch like any record, so it is fenced by the epoch and recovered with the
//! records. The engine never reads a note's text.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Something that a backend wants kept, as a framework id that must be durable before it is used.
///
/// A note is durable when the receipt of its report says so. Each session gets all notes when it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Note {
    /// The note's name.
    pub name: NoteName,
    /// The text to keep; `None` forgets the note.
    pub text: Option<NoteText>,
}

/// A note's name: 1 to 64 characters, which are lower-case letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr", into = "SmolStr")]
pub struct NoteName(SmolStr);

/// A note's text: at most [`NoteText::MOST`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoteText(Arc<str>);

/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// The name is empty, too long, or has other characters.
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
    /// The name is empty, too long, or has other characters.
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
    /// The largest length of a text, in bytes. Notes are not meant for data.
    pub const MOST: usize = 65_536;

    /// A text.
    ///
    /// # Errors
    /// The text is longer than [`NoteText::MOST`].
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
