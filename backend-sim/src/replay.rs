//! Replays a recording, and compares the effects.
//!
//! Invariant: a replay gives an engine the recorded inputs, in order, and nothing else. It stops at the first input
//! that leads to other effects, since the rest of the recording does not fit this engine.

use std::collections::BTreeMap;
use std::fmt;

use plan_core::engine::{CodecError, Engine, Entry, Input, RecoverError, Taken, Wall, decode, same_effects};
use plan_core::spec::ServiceName;
use serde_json::Value;

/// The result of a replay that reached its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// The services, each with its inputs.
    pub services: BTreeMap<ServiceName, ReplayCounts>,
    /// Why the recording ends before the scheduler, if it does.
    pub ended: Option<String>,
}

/// How much of a service was replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayCounts {
    /// How often an engine was recovered, or began.
    pub begins: u64,
    /// How many inputs.
    pub inputs: u64,
}

/// Why a replay did not reach its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// An input led to other effects.
    #[error("{0}")]
    Diverged(Box<Divergence>),
    /// The recorded records do not make an engine.
    #[error("the records that `{service}` began from cannot be used")]
    Records {
        /// The service.
        service: ServiceName,
        /// What is wrong.
        #[source]
        source: Box<Unusable>,
    },
    /// Entries are missing, or are not in their order.
    #[error("the recording of `{service}` is not whole: {why}")]
    Gap {
        /// The service.
        service: ServiceName,
        /// What is missing.
        why: String,
    },
}

/// Why records do not make an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// A record cannot be read.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The records do not belong together.
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

/// The first input that led to other effects.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// The service.
    pub service: ServiceName,
    /// The number of the input in the recording.
    pub number: u64,
    /// When it was taken.
    pub wall: Wall,
    /// The input, as JSON. A long one is cut.
    pub input: String,
    /// What differs, in lines. `-` was recorded and is missing now, `+` is new, and `~` is in both and differs at this
    /// place.
    pub differs: Vec<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "input {} of `{}` leads to something else than was recorded", self.number, self.service)?;
        write!(f, "  {}", self.input)?;
        self.differs.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

/// Takes the entries of a recording, one after another.
#[derive(Debug, Default)]
pub struct Replayer {
    engines: BTreeMap<ServiceName, Service>,
    done: Replayed,
}

#[derive(Debug, Default)]
struct Service {
    engine: Engine,
    /// How many records are still to come before the engine begins.
    missing: u64,
    records: Vec<(String, String)>,
    /// The number of the last input.
    last: u64,
    /// The version that recorded it.
    version: u32,
}

/// Replays a recording.
///
/// # Errors
/// The first input that leads to other effects, or the first entry that makes no sense.
pub fn replay(entries: impl IntoIterator<Item = Entry>) -> Result<Replayed, ReplayError> {
    let mut replay = Replayer::default();
    entries.into_iter().try_for_each(|entry| replay.take(entry))?;
    Ok(replay.finish())
}

impl Replayer {
    /// Takes the next entry.
    ///
    /// # Errors
    /// As for [`replay`].
    pub fn take(&mut self, entry: Entry) -> Result<(), ReplayError> {
        match entry {
            Entry::Begin { service, records, version, .. } => {
                let of = self.engines.entry(service.clone()).or_default();
                if of.missing > 0 {
                    return Err(gap(service, format!("{} records are missing", of.missing)));
                }
                *of = Service { missing: records, last: of.last, version, ..Service::default() };
                self.done.services.entry(service).or_default().begins += 1;
            }
            Entry::Record { service, key, text } => {
                let Some(of) = self.engines.get_mut(&service).filter(|of| of.missing > 0) else {
                    return Err(gap(service, format!("`{key}` is one record too many")));
                };
                of.records.push((key, text));
                of.missing -= 1;
                if of.missing == 0 {
                    of.engine = recovered(&std::mem::take(&mut of.records))
                        .map_err(|source| ReplayError::Records { service, source: Box::new(source) })?;
                }
            }
            Entry::Input(taken) => self.input(*taken)?,
            Entry::End { why } => self.done.ended = Some(why),
            // The reader of the recording refuses newer kinds.
            _ => {}
        }
        Ok(())
    }

    /// The result of the replay.
    pub fn finish(self) -> Replayed {
        self.done
    }

    fn input(&mut self, taken: Taken) -> Result<(), ReplayError> {
        let Taken { service, number, wall, input, digest, effects } = taken;
        let Some(of) = self.engines.get_mut(&service) else {
            return Err(gap(service, format!("input {number} comes before its beginning")));
        };
        if of.missing > 0 || number != of.last + 1 {
            let why =
                format!("input {number} comes after input {}, with {} records missing", of.last, of.missing);
            return Err(gap(service, why));
        }
        of.last = number;
        let shown = shown(&input);
        let now = of.engine.handle(wall, input).lines();
        let now = now.map_err(|error| ReplayError::Records {
            service: service.clone(),
            source: Box::new(error.into()),
        })?;
        // The lines too, since a diff shows them.
        if Taken::digest_of(&effects) != digest || !same_effects(of.version, &effects, &now) {
            let differs = differences(&effects, &now);
            let divergence = Divergence { service, number, wall, input: shown, differs };
            return Err(ReplayError::Diverged(Box::new(divergence)));
        }
        self.done.services.entry(service).or_default().inputs += 1;
        Ok(())
    }
}

fn gap(service: ServiceName, why: String) -> ReplayError {
    ReplayError::Gap { service, why }
}

fn recovered(records: &[(String, String)]) -> Result<Engine, Unusable> {
    let records = records.iter().map(|(key, text)| decode(key, text.as_bytes()));
    Ok(Engine::recover(records.collect::<Result<Vec<_>, _>>()?)?)
}

/// An input, as shown to people.
fn shown(input: &Input) -> String {
    const LONGEST: usize = 400;
    let text = serde_json::to_string(input).unwrap_or_else(|error| error.to_string());
    if text.len() <= LONGEST {
        return text;
    }
    format!("{}… ({} bytes)", &text[..text.floor_char_boundary(LONGEST)], text.len())
}

/// What differs between effects, line by line; of two lines about one thing, place by place.
fn differences(recorded: &[String], now: &[String]) -> Vec<String> {
    let (mut gone, mut new): (Vec<&String>, Vec<&String>) = (Vec::new(), now.iter().collect());
    for line in recorded {
        match new.iter().position(|other| *other == line) {
            Some(at) => drop(new.remove(at)),
            None => gone.push(line),
        }
    }
    let mut told = Vec::new();
    for line in gone {
        let (about, old) = parts(line);
        let same = new.iter().position(|other| old.is_some() && parts(other).0 == about);
        match same.map(|at| parts(new.remove(at))) {
            Some((_, Some(present))) => {
                if let Some(old) = old {
                    places(about, &old, &present, &mut told);
                }
            }
            _ => told.push(format!("- {line}")),
        }
    }
    told.extend(new.into_iter().map(|line| format!("+ {line}")));
    if told.is_empty() {
        told.push(if recorded == now {
            "the effects are the same, and their recorded digest is another".to_owned()
        } else {
            "~ the order of the effects".to_owned()
        });
    }
    told
}

/// What a line is about, and what it says about that.
fn parts(line: &str) -> (&str, Option<Value>) {
    match line.find(" {") {
        Some(at) => (&line[..at], serde_json::from_str(&line[at + 1..]).ok()),
        None => (line, None),
    }
}

/// The places at which two values differ, each with both.
fn places(at: &str, old: &Value, new: &Value, told: &mut Vec<String>) {
    let nothing = Value::Null;
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let both = (a.get(key).unwrap_or(&nothing), b.get(key).unwrap_or(&nothing));
                places(&format!("{at} .{key}"), both.0, both.1, told);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                places(&format!("{at} [{n}]"), a, b, told);
            }
        }
        (old, new) if old != new => told.push(format!("~ {at}: was {old}, is {new}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_place_by_place() {
        let lines = |of: &[&str]| of.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let recorded = lines(&[
            r#"put pod/web-0 {"version":1,"record":{"orders":[{"stage":"given"}],"place":1}}"#,
            "put conf/00",
            r#"command {"kill":{"launch":3}}"#,
            r#"reply "done""#,
        ]);
        let now = lines(&[
            r#"put pod/web-0 {"version":1,"record":{"orders":[{"stage":"wanted"}]}}"#,
            "put conf/00",
            r#"reply "already-so""#,
            "wake at 7",
        ]);
        assert_eq!(
            differences(&recorded, &now),
            [
                r#"~ put pod/web-0 .record .orders [0] .stage: was "given", is "wanted""#,
                "~ put pod/web-0 .record .place: was 1, is null",
                r#"- command {"kill":{"launch":3}}"#,
                r#"- reply "done""#,
                r#"+ reply "already-so""#,
                "+ wake at 7",
            ]
        );
        let mut turned = recorded.clone();
        turned.reverse();
        assert_eq!(differences(&recorded, &turned), ["~ the order of the effects"]);
    }
}
