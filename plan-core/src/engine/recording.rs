//! Recordings: what happened to engines, written down so that it can be replayed.
//!
//! Invariant: the engine is a function of its records and its inputs. So the records at the beginning, and every input
//! since with its wall time, determine everything; the effects are recorded to be compared.
//!
//! Effects are lines of text: one for each write, command and event, for the reply, and for the time of the next wake.
//! Their digest is compared first; a diff shows the lines. A line contains the whole value, except for a specification
//! and a task's configuration: their key is a hash of the value.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spec::ServiceName;

use super::codec::{CodecError, encode};
use super::digest::Digest;
use super::effects::{Command, Effects, Event, Write};
use super::input::Input;
use super::reply::Reply;
use super::time::Wall;

/// The version of [`Entry`]'s JSON. A newer version is not read. An older version is read, and replays to the same
/// effects, except for what that version did not have.
pub const RECORDING_VERSION: u32 = 3;

/// A part of a recording. The entries of several services may be mixed; those of one service are in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Entry {
    /// An engine begins from records. The entries of these records follow.
    Begin {
        /// The service.
        service: ServiceName,
        /// When, by the machine's clock.
        wall: Wall,
        /// The number of records.
        records: u64,
        /// The version of the entries that follow, up to the service's next beginning.
        #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
        version: u32,
    },
    /// A record that an engine begins from.
    Record {
        /// The service.
        service: ServiceName,
        /// The record's key.
        key: String,
        /// The record's bytes, which are text.
        text: String,
    },
    /// An input, with its effects.
    Input(Box<Taken>),
    /// The recording ends here. The scheduler goes on.
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

/// An input that an engine took, with its effects.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Taken {
    /// The service.
    pub service: ServiceName,
    /// The number of the input, counted for each service from 1 since the scheduler began.
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
    /// The digest of effects, in the form of [`Taken::digest`].
    pub fn digest_of(effects: &[String]) -> String {
        format!("{:032x}", Digest::of(&effects).0)
    }
}

/// Effects as lines. A write is its key and bytes as they are stored, or the key of the record that is deleted.
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
            // The key is a hash of the value.
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

/// Whether effects are those of a recording. For an older version, what that version did not have is left out of the
/// comparison. How an audit record words its verb is not compared: `pod restart web-0 (server)` was
/// `pod restart web-0 -t server` before, in the same version.
pub fn same_effects(version: u32, recorded: &[String], now: &[String]) -> bool {
    fn known(version: u32, lines: &[String]) -> Vec<(&str, Value)> {
        lines.iter().filter_map(|line| in_version(version, line)).collect()
    }
    let recorded: Vec<String> = recorded.iter().map(|line| worded_as_now(line)).collect();
    recorded == now || version < RECORDING_VERSION && known(version, &recorded) == known(version, now)
}

/// A line whose audit record words its verb as it is worded now, without the options of a command line.
fn worded_as_now(line: &str) -> String {
    let Some(at) = line.starts_with("put audit/").then(|| line.find("\"verb\":\"")).flatten() else {
        return line.to_owned();
    };
    let (before, words) = line.split_at(at + "\"verb\":\"".len());
    let (words, after) = words.split_at(words.find('"').unwrap_or(words.len()));
    let separator = if words.contains(" -t ") { " -t " } else { " -p " };
    match words.split_once(separator) {
        Some((verb, names)) => format!("{before}{verb} ({}){after}", names.replace(separator, ", ")),
        None => line.to_owned(),
    }
}

/// A line without what a version did not have. Version 2 did not have the configurations that room is asked for.
/// Version 1 also had no words and addresses of tasks, not how a task last ended, and not what makes a launch
/// self-contained. `None` for a line that the version did not have.
fn in_version(version: u32, line: &str) -> Option<(&str, Value)> {
    let parsed =
        line.find(" {").and_then(|at| Some((&line[..at], serde_json::from_str(&line[at + 1..]).ok()?)));
    let Some((about, mut value)) = parsed else { return Some((line, Value::Null)) };
    let mut forget = |path: &[&str], names: &[&str]| {
        for of in at_path(&mut value, path) {
            names.iter().for_each(|name| drop(of.remove(*name)));
        }
    };
    if about == "command" {
        forget(&["fit"], &["configs"]);
    }
    if version > 1 {
        return Some((about, value));
    }
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

/// The objects at a path. An array on the path stands for each of its items.
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
    // All values are made of types that JSON can hold.
    let json = serde_json::to_string(value).unwrap_or_else(|error| error.to_string());
    format!("{what} {json}")
}

impl Effects {
    /// The effects as lines, in the form of a recording.
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
        let audit = |verb: &str| {
            lines(&[&format!(r#"put audit/7 {{"version":1,"record":{{"verb":"{verb}","reply":"done"}}}}"#)])
        };
        for (then, now) in [
            ("pod restart web-0 -t server -t agent", "pod restart web-0 (server, agent)"),
            ("start roll -p KEY", "start roll (KEY)"),
            ("stop roll", "stop roll"),
        ] {
            assert!(same_effects(2, &audit(then), &audit(now)), "{then}");
        }
        assert!(!same_effects(2, &audit("stop roll"), &audit("stop deploy")));
        assert!(!same_effects(2, &old, &new), "this version had all of that");
        let mut other = new.clone();
        other[1] = other[1].replace(r#""launch":3"#, r#""launch":4"#);
        assert!(!same_effects(1, &old, &other));
        let fit = lines(&[r#"command {"fit":{"launch":3}}"#]);
        let with_configs = lines(&[r#"command {"fit":{"launch":3,"configs":["ab"]}}"#]);
        let same = [1, 2, 3].map(|version| same_effects(version, &fit, &with_configs));
        assert_eq!(same, [true, true, false]);
    }
}
