//! What happened to engines, written down so that it can happen again.
//!
//! Invariant: the engine is a function of its records and its inputs, so a beginning with its records, and every input
//! since with its wall time, say all; the effects are there to compare.
//!
//! Effects are lines of text: one a write, a command, an event, the reply, the time to be woken. They are what a diff
//! shows; their digest is what is compared first. A line says all of what it is about, but for a specification and a
//! task's configuration, whose key is the hash of what they hold.

use serde::{Deserialize, Serialize};

use crate::spec::ServiceName;

use super::codec::{CodecError, encode};
use super::digest::Digest;
use super::effects::{Command, Effects, Event, Write};
use super::input::Input;
use super::reply::Reply;
use super::time::Wall;

/// The version of [`Entry`]'s JSON. What is newer is not read.
pub const RECORDING_VERSION: u32 = 1;

/// A part of a recording. Services may be mixed; the entries of one are in their order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Entry {
    /// An engine begins from so many records, which follow.
    Begin {
        /// The service.
        service: ServiceName,
        /// When.
        wall: Wall,
        /// How many.
        records: u64,
    },
    /// A record that an engine begins from.
    Record {
        /// The service.
        service: ServiceName,
        /// Its key.
        key: String,
        /// Its bytes, which are text.
        text: String,
    },
    /// An input, and what it led to.
    Input(Box<Taken>),
    /// The recording ends here, and not the scheduler.
    End {
        /// Why.
        why: String,
    },
}

/// An input that was taken, and what it led to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Taken {
    /// The service.
    pub service: ServiceName,
    /// Which input of the service it is, counted from 1 since its scheduler began.
    pub number: u64,
    /// When, by the machine's clock.
    pub wall: Wall,
    /// The input.
    pub input: Input,
    /// The digest of the effects, 32 hexadecimal digits.
    pub digest: String,
    /// The effects.
    pub effects: Vec<String>,
}

impl Taken {
    /// The digest of effects, as [`Taken::digest`] has it.
    pub fn digest_of(effects: &[String]) -> String {
        format!("{:032x}", Digest::of(&effects).0)
    }
}

/// Effects as lines; the writes as they are stored: key and bytes, or the key of what is deleted.
pub fn effect_lines<'a>(
    writes: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    commands: &[Command],
    events: &[Event],
    reply: Option<&Reply>,
    wake_at: Option<Wall>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, bytes) in writes {
        lines.push(match bytes {
            None => format!("delete {key}"),
            // The key says what is in it.
            Some(_) if key.starts_with("spec/") || key.starts_with("conf/") => format!("put {key}"),
            Some(bytes) => format!("put {key} {}", String::from_utf8_lossy(bytes)),
        });
    }
    lines.extend(commands.iter().map(|command| line("command", command)));
    lines.extend(events.iter().map(|event| line("event", event)));
    lines.extend(reply.map(|reply| line("reply", reply)));
    lines.extend(wake_at.map(|at| format!("wake at {}", at.0)));
    lines
}

fn line(what: &str, value: &impl Serialize) -> String {
    // All of them are made of types that JSON can hold.
    let json = serde_json::to_string(value).unwrap_or_else(|error| error.to_string());
    format!("{what} {json}")
}

impl Effects {
    /// The effects as lines, as a recording has them.
    ///
    /// # Errors
    /// As for [`encode`].
    pub fn lines(&self) -> Result<Vec<String>, CodecError> {
        let writes = self.writes.iter().map(|write| match write {
            Write::Put(record) => encode(record).map(|(key, bytes)| (key, Some(bytes))),
            Write::Delete(key) => Ok((key.to_string(), None)),
        });
        let writes = writes.collect::<Result<Vec<_>, _>>()?;
        let writes = writes.iter().map(|(key, bytes)| (key.as_str(), bytes.as_deref()));
        Ok(effect_lines(writes, &self.commands, &self.events, self.reply.as_ref(), self.wake_at))
    }
}
