//! Records as bytes: JSON in an envelope with the encoding's version.
//!
//! Invariant: a record that was written under any earlier version can be read; a golden set in the tests holds this. A
//! record that is newer than this engine is refused, and nothing is written over it.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plan::{Model, ModelError, TaskConfig};
use crate::spec::{InstanceName, ServiceSpec};

use super::record::{Key, Record};

/// The version of the encoding.
const VERSION: u64 = 1;

/// Why bytes cannot be read as a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// This engine knows no such key.
    #[error("`{0}` is no record's key: was the store written by a newer planwright?")]
    UnknownKey(String),
    /// The record was written by a newer engine.
    #[error("the record `{key}` has version {found}, this planwright reads up to {VERSION}: use a newer one")]
    Newer {
        /// The record's key.
        key: String,
        /// The version that the record was written under.
        found: u64,
    },
    /// The bytes are damaged.
    #[error("the record `{key}` cannot be read: restore the store from a copy")]
    Damaged {
        /// The record's key.
        key: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The record has no version.
    #[error("the record `{key}` has no version: restore the store from a copy")]
    NoVersion {
        /// The record's key.
        key: String,
    },
    /// A stored specification cannot be compiled.
    #[error("the specification in `{key}` cannot be used")]
    Spec {
        /// The record's key.
        key: String,
        /// What is wrong.
        source: ModelError,
    },
    /// The record is not the one that its key names.
    #[error("the record `{key}` is another's, `{found}`: restore the store from a copy")]
    Misplaced {
        /// The record's key.
        key: String,
        /// The key that the record itself has.
        found: String,
    },
}

/// A record's key and bytes.
///
/// # Errors
/// None in practice: all records are made of types that JSON can hold.
pub fn encode(record: &Record) -> Result<(String, Vec<u8>), CodecError> {
    let key = record.key().to_string();
    let bytes = match record {
        Record::Clock(clock) => envelope(clock),
        Record::Service(service) => envelope(&**service),
        Record::Spec(model) => envelope(model.spec()),
        Record::Conf(config) => envelope(&**config),
        Record::Pod(_, pod) => envelope(&**pod),
        Record::Run(run) => envelope(&**run),
        Record::Plan(_, plan) => envelope(&**plan),
        Record::Audit(audit) => envelope(&**audit),
        Record::Debt(debt) => envelope(&**debt),
        Record::Note(_, text) => envelope(text),
    };
    match bytes {
        Ok(bytes) => Ok((key, bytes)),
        Err(source) => Err(CodecError::Damaged { key, source }),
    }
}

fn envelope<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        version: u64,
        record: &'a T,
    }
    serde_json::to_vec(&Envelope { version: VERSION, record: value })
}

/// A record from its key and bytes.
///
/// # Errors
/// The key is not known, or the bytes are damaged or from a newer engine.
pub fn decode(key: &str, bytes: &[u8]) -> Result<Record, CodecError> {
    let unknown = || CodecError::UnknownKey(key.to_owned());
    let (kind, rest) = key.split_once('/').unwrap_or((key, ""));
    let record = match kind {
        "clock" => Record::Clock(open(key, bytes)?),
        "service" => Record::Service(open(key, bytes)?),
        "spec" => {
            let spec: ServiceSpec = open(key, bytes)?;
            let model =
                Model::new(spec).map_err(|source| CodecError::Spec { key: key.to_owned(), source })?;
            Record::Spec(Arc::new(model))
        }
        "conf" => Record::Conf(open::<Arc<TaskConfig>>(key, bytes)?),
        "pod" => Record::Pod(rest.parse::<InstanceName>().map_err(|_| unknown())?, open(key, bytes)?),
        "run" => Record::Run(open(key, bytes)?),
        "plan" => Record::Plan(rest.parse().map_err(|_| unknown())?, open(key, bytes)?),
        "audit" => Record::Audit(open(key, bytes)?),
        "debt" => Record::Debt(open(key, bytes)?),
        "note" => Record::Note(rest.parse().map_err(|_| unknown())?, open(key, bytes)?),
        _ => return Err(unknown()),
    };
    let found = match record.key() {
        Key::Conf(hash) => format!("conf/{hash}"),
        other => other.to_string(),
    };
    if found != key {
        return Err(CodecError::Misplaced { key: key.to_owned(), found });
    }
    Ok(record)
}

fn open<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, CodecError> {
    #[derive(Deserialize)]
    struct Version {
        version: Option<u64>,
    }
    // The record is read from the bytes directly: a map of values in between would lose the declared order of pods and
    // tasks.
    #[derive(Deserialize)]
    struct Envelope<T> {
        record: T,
    }
    let damaged = |source| CodecError::Damaged { key: key.to_owned(), source };
    match serde_json::from_slice::<Version>(bytes).map_err(damaged)?.version {
        None => Err(CodecError::NoVersion { key: key.to_owned() }),
        Some(found) if found > VERSION => Err(CodecError::Newer { key: key.to_owned(), found }),
        Some(_) => Ok(serde_json::from_slice::<Envelope<T>>(bytes).map_err(damaged)?.record),
    }
}
