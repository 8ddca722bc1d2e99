//! All records of a store as lines of JSON, to copy, inspect or move a store.
//!
//! Invariant: reading gives the same bytes that were written, or an error that names the line.
//!
//! The first line names the format, `{"planwright-records":1}`. Each further line is a record: its `service`, its
//! `key`, and its bytes, as `record` if they are JSON, or else as `hex`.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use smol_str::SmolStr;

/// The version of the format.
const VERSION: u32 = 1;

/// A record, as a line has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The service.
    pub service: SmolStr,
    /// The record's key.
    pub key: String,
    /// The record's bytes.
    pub bytes: Vec<u8>,
}

/// Why lines cannot be read as records.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinesError {
    /// The lines cannot be read or written.
    #[error("the lines cannot be read or written")]
    Io(#[from] io::Error),
    /// The first line does not name the format.
    #[error("these are no records: the first line is not `{{\"planwright-records\":{VERSION}}}`")]
    NoRecords,
    /// A newer planwright wrote the lines.
    #[error("these are records of version {0}, and this planwright reads {VERSION}: use a newer one")]
    Newer(u32),
    /// A line is no record.
    #[error("line {line} is no record: {why}")]
    NoRecord {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    #[serde(rename = "planwright-records")]
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    service: SmolStr,
    key: String,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    record: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

/// Writes records as lines.
///
/// # Errors
/// The lines cannot be written.
pub fn write_lines(lines: &[Line], mut out: impl Write) -> Result<(), LinesError> {
    let mut write = |line: String| writeln!(out, "{line}");
    write(serde_json::to_string(&First { version: VERSION }).map_err(io::Error::from)?)?;
    for line in lines {
        let record = std::str::from_utf8(&line.bytes).ok();
        // A record must stay on one line, and white space around a value would be lost.
        let record = record.filter(|text| !text.contains(['\n', '\r']) && text.trim().len() == text.len());
        let record = record.and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        let hex = record.is_none().then(|| line.bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        let written = Written { service: line.service.clone(), key: line.key.clone(), record, hex };
        write(serde_json::to_string(&written).map_err(io::Error::from)?)?;
    }
    Ok(())
}

/// Reads records from lines.
///
/// # Errors
/// The first line that is not a record.
pub fn read_lines(from: impl BufRead) -> Result<Vec<Line>, LinesError> {
    let mut lines = from.lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    match serde_json::from_str::<First>(&first) {
        Ok(First { version: VERSION }) => {}
        Ok(First { version }) => return Err(LinesError::Newer(version)),
        Err(_) => return Err(LinesError::NoRecords),
    }
    let mut read = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let line = line?;
        let wrong = |why: String| LinesError::NoRecord { line: number, why };
        let written: Written<'_> = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
        let bytes = match (written.record, written.hex) {
            (Some(record), None) => record.get().as_bytes().to_vec(),
            (None, Some(hex)) => {
                from_hex(&hex).ok_or_else(|| wrong("`hex` is not hexadecimal".to_owned()))?
            }
            _ => return Err(wrong("it needs one of `record` and `hex`".to_owned())),
        };
        read.push(Line { service: written.service, key: written.key, bytes });
    }
    Ok(read)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let (pairs, []) = digits.as_ref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let bytes: [&[u8]; 6] =
            [br#"{"version":1,"record":{"b":1,"a":2}}"#, b" 1", b"{\n}", b"", &[0xff, 0, 10], b"nothing"];
        let lines: Vec<_> = (0..)
            .zip(bytes)
            .map(|(n, bytes)| Line {
                service: "kafka".into(),
                key: format!("key/{n}"),
                bytes: bytes.to_vec(),
            })
            .collect();
        let mut out = Vec::new();
        write_lines(&lines, &mut out).unwrap();
        assert_eq!(read_lines(&out[..]).unwrap(), lines);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(r#""record":{"version":1,"record":{"b":1,"a":2}}}"#), "{text}");
    }

    #[test]
    fn what_is_no_record_is_named() {
        let told = |text: &str| read_lines(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(told(""), "these are no records: the first line is not `{\"planwright-records\":1}`");
        assert!(told("{\"planwright-records\":2}").contains("version 2"));
        let after = |line: &str| told(&format!("{{\"planwright-records\":1}}\n{line}\n"));
        assert_eq!(
            after(r#"{"service":"a","key":"b"}"#),
            "line 2 is no record: it needs one of `record` and `hex`"
        );
        assert_eq!(
            after(r#"{"service":"a","key":"b","hex":"123"}"#),
            "line 2 is no record: `hex` is not hexadecimal"
        );
        assert!(after("{").starts_with("line 2 is no record: "));
    }
}
