//! A backend's words about a task or command, and the address of a task.
//!
//! Invariant: words have a largest length, and no control characters except line ends. So records, terminals and logs
//! can take them as they are.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::spec::PortName;

/// What a backend says of a task or of a command, for people: `exit code 3: no space left on device`.
///
/// No decision rests on words. They are recorded with the task or order that they are about, so they outlive the
/// scheduler.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
// A pointer is one word wide this way, and a record has one for each task.
pub struct Words(Arc<Box<str>>);

impl Words {
    /// The largest length, in bytes. A longer text loses its middle: the beginning names the subject, and the end often
    /// has the cause.
    pub const MOST: usize = 1000;

    /// The text as words, cut to [`Words::MOST`] bytes, with control characters replaced. `None` for an empty text.
    pub fn some(text: impl AsRef<str>) -> Option<Self> {
        Some(Self::from(text.as_ref())).filter(|words| !words.is_empty())
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        let text = text.trim();
        let clean = |text: &str| -> String {
            text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
        };
        if text.len() <= Self::MOST {
            return Self(Arc::new(clean(text).into_boxed_str()));
        }
        const GAP: &str = " … ";
        let half = (Self::MOST - GAP.len()) / 2;
        let (begin, end) = (text.floor_char_boundary(half), text.ceil_char_boundary(text.len() - half));
        let cut = format!("{}{GAP}{}", &text[..begin], &text[end..]);
        Self(Arc::new(clean(&cut).into_boxed_str()))
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Words> for String {
    fn from(words: Words) -> Self {
        words.to_string()
    }
}

impl Deref for Words {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// Where a task is reached, as its backend reports it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Address {
    /// The task's IP address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// The name that others resolve, without a port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<SmolStr>,
    /// The numbers of the task's ports at this address. A port that is missing here has the number that its place has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(PortName, u16)>,
    /// The virtual addresses in front of the task's ports, as `host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vips: Vec<(PortName, SmolStr)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bounded_clean_and_whole_characters() {
        assert_eq!(&*Words::from(" exit code 3:\tno\u{1b}[31m space\n"), "exit code 3: no [31m space");
        assert_eq!(&*Words::from("two\nlines"), "two\nlines");
        assert_eq!(Words::some(" \n"), None);
        let long = "ä".repeat(4000) + "the cause";
        let words = Words::from(long.as_str());
        assert!(words.len() <= Words::MOST, "{}", words.len());
        assert!(words.starts_with('ä') && words.contains('…') && words.ends_with("the cause"));
        assert_eq!(Words::from(&*words), words, "what was cut once stays as it is");
        let json = serde_json::to_string(&words).unwrap();
        assert_eq!(serde_json::from_str::<Words>(&json).unwrap(), words);
        // A text that another program wrote is cut when it is read.
        assert!(
            serde_json::from_str::<Words>(&serde_json::to_string(&long).unwrap()).unwrap().len()
                <= Words::MOST
        );
        assert_eq!(size_of::<Option<Words>>(), 8);
    }
}
