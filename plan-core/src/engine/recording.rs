//! What happened to engines, written down so that it can happen again.
//!
//! Invariant: the engine is a function of its records and its inputs, so a beginning with its records, and every input
//! since with its wall time, say all; the effects are there to compare.
//!
//! Effects are lines of text: one a write, a command, an event, the reply, the time to be woken. They are what a diff
//! shows; their digest is what is compared first. A line says all of what it is about, but for a specification and a
//! task's configuration, whose key is the hash of what they hold.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spec::ServiceName;

use super::codec::{CodecError, encode};
use super::digest::Digest;
use super::effects::{Command, Effects, Event, Write};
use super::input::Input;
use super::reply::Reply;
use super::time::Wall;

/// The version of [`Entry`]'s JSON. What is newer is not read; what is older is, and replays to the same effects but for
/// what the older version did not have yet.
pub const RECORDING_VERSION: u32 = 2;

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
        /// The version of what follows, up to the service's next beginning.
        #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
        version: u32,
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

fn first_version() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_first_version(version: &u32) -> bool {
    *version == first_version()
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

/// Whether effects are what a recording of a version has: the same lines or, of an older version, the same but for what it
/// did not have yet.
pub fn same_effects(version: u32, recorded: &[String], now: &[String]) -> bool {
    fn known(lines: &[String]) -> Vec<(&str, Value)> {
        lines.iter().filter_map(|line| in_version_1(line)).collect()
    }
    recorded == now || version < 2 && known(recorded) == known(now)
}

/// A line without what version 1 did not have: words and addresses of tasks, how one last ended, and what makes a launch
/// self-contained. None of a line that it did not have at all.
fn in_version_1(line: &str) -> Option<(&str, Value)> {
    let parsed =
        line.find(" {").and_then(|at| Some((&line[..at], serde_json::from_str(&line[at + 1..]).ok()?)));
    let Some((about, mut value)) = parsed else { return Some((line, Value::Null)) };
    let mut forget = |path: &[&str], names: &[&str]| {
        for of in at_path(&mut value, path) {
            names.iter().for_each(|name| drop(of.remove(*name)));
        }
    };
    match about {
        "command" => forget(&["launch"], &["ports", "domains", "principal"]),
        "event" => forget(&["ended"], &["words"]),
        _ if about.starts_with("put pod/") => {
            forget(&["record", "place"], &["domains", "principal"]);
            forget(&["record", "slots", "occupant"], &["words", "address"]);
            forget(&["record", "tasks"], &["trouble"]);
        }
        _ => {}
    }
    let said = about == "event" && value.get("said").is_some();
    (!said).then_some((about, value))
}

/// The objects at a path; an array on it stands for each of its items.
fn at_path<'a>(value: &'a mut Value, path: &[&str]) -> Vec<&'a mut serde_json::Map<String, Value>> {
    match (value, path) {
        (Value::Array(items), _) => items.iter_mut().flat_map(|item| at_path(item, path)).collect(),
        (Value::Object(object), []) => vec![object],
        (Value::Object(object), [first, rest @ ..]) => {
            object.get_mut(*first).map(|value| at_path(value, rest)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_is_compared_without_what_it_did_not_have() {
        let lines = |of: &[&str]| of.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let old = lines(&[
            r#"put pod/web-0 {"version":1,"record":{"place":{"node":"n"},"slots":[{"occupant":{"launch":3}}],"tasks":[{"name":"a"}]}}"#,
            r#"command {"launch":{"launch":3,"tasks":[]}}"#,
            "command \"deregister\"",
            r#"event {"ended":{"end":"failed"}}"#,
        ]);
        let new = lines(&[
            r#"put pod/web-0 {"version":1,"record":{"place":{"node":"n","domains":{"zone":true}},"slots":[{"occupant":{"launch":3,"words":"x"}}],"tasks":[{"name":"a","trouble":{"launch":1}}]}}"#,
            r#"command {"launch":{"launch":3,"ports":[["http",80]],"tasks":[]}}"#,
            "command \"deregister\"",
            r#"event {"said":{"words":"x"}}"#,
            r#"event {"ended":{"end":"failed","words":"x"}}"#,
        ]);
        assert!(same_effects(1, &old, &new));
        assert!(!same_effects(2, &old, &new), "of this version all is compared");
        let mut other = new.clone();
        other[1] = other[1].replace(r#""launch":3"#, r#""launch":4"#);
        assert!(!same_effects(1, &old, &other));
    }
}
