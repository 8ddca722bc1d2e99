//! Constraint strings (SDK rule R34): `[["field", "OP", "value"], …]`, `["field", "OP", "value"]`, or
//! `field:OP:value,…` with `\` before a `:` or `,` that belongs to a value.
//!
//! Invariant: a text is read the same way in all forms, and a rule that came from a text prints as a text that reads as
//! the same rule. Each part keeps its place in the text, so that an error can point to it.

use std::ops::Range;

use super::error::nearest;
use super::{Field, Pattern, PlacementError, PlacementRule};
use crate::spec::units::Count;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Unique,
    Cluster,
    GroupBy,
    Like,
    Unlike,
    Is,
    IsNot,
    MaxPer,
}

pub(super) const OPERATORS: [(&str, Operator); 8] = [
    ("UNIQUE", Operator::Unique),
    ("CLUSTER", Operator::Cluster),
    ("GROUP_BY", Operator::GroupBy),
    ("LIKE", Operator::Like),
    ("UNLIKE", Operator::Unlike),
    ("IS", Operator::Is),
    ("IS_NOT", Operator::IsNot),
    ("MAX_PER", Operator::MaxPer),
];

/// One entry of a row: its text, and its place.
pub(super) struct Part {
    pub(super) text: String,
    range: Range<usize>,
}

/// One condition: field, operator, and perhaps a value.
pub(super) struct Row {
    pub(super) parts: Vec<Part>,
    range: Range<usize>,
}

impl PlacementRule {
    /// Reads a constraint string. Several rows must all hold. A blank text and `[]` are no rule. JSON whose quotes are
    /// escaped once too often (`[[\"hostname\",…`) is accepted.
    ///
    /// A rule that rows cannot express is a JSON object, in its stored form: `{"apart": "web"}`, `{"any": […]}`.
    ///
    /// # Errors
    /// The text is not a constraint. The error says what to write, and where.
    pub fn parse(text: &str) -> Result<Option<Self>, PlacementError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text)
                .map(Some)
                .map_err(|error| PlacementError::Rule { reason: error.to_string(), range: 0..text.len() });
        }
        let rows = if text.trim_start().starts_with('[') { json_rows(text)? } else { colon_rows(text) };
        let mut rules = rows.iter().map(|row| rule(row, text)).collect::<Result<Vec<_>, _>>()?;
        Ok(if rules.len() > 1 { Some(Self::All(rules)) } else { rules.pop() })
    }
}

fn rule(row: &Row, text: &str) -> Result<PlacementRule, PlacementError> {
    let (field_part, operator_part, value) = match row.parts.as_slice() {
        [field, operator] => (field, operator, None),
        [field, operator, value] => (field, operator, Some(value)),
        parts => {
            let row_text = text.get(row.range.clone()).unwrap_or_default().to_owned();
            return Err(PlacementError::Entries {
                row: row_text,
                count: parts.len(),
                range: row.range.clone(),
            });
        }
    };
    let field = field(field_part, &operator_part.text)?;
    let (name, operator) = operator(operator_part)?;
    let missing = |range: &Range<usize>| PlacementError::MissingValue {
        field: field_part.text.clone(),
        operator: name,
        range: range.clone(),
    };
    let required = || match value {
        Some(part) if part.text.is_empty() => Err(missing(&part.range)),
        Some(part) => Ok(part),
        None => Err(missing(&row.range)),
    };
    Ok(match operator {
        Operator::Unique => PlacementRule::MaxPer(field, Count::MIN),
        Operator::Cluster | Operator::Is => PlacementRule::Is(field, required()?.text.clone()),
        Operator::IsNot => PlacementRule::IsNot(field, required()?.text.clone()),
        Operator::Like => PlacementRule::Like(field, pattern(required()?)?),
        Operator::Unlike => PlacementRule::Unlike(field, pattern(required()?)?),
        Operator::MaxPer => PlacementRule::MaxPer(field, count(name, required()?)?),
        Operator::GroupBy => PlacementRule::GroupBy(field, value.map(|part| count(name, part)).transpose()?),
    })
}

fn field(part: &Part, operator: &str) -> Result<Field, PlacementError> {
    // Fields that are not attributes are recognized in upper and lower case, as in the SDK.
    match part.text.to_ascii_lowercase().as_str() {
        "hostname" | "@hostname" => return Ok(Field::Hostname),
        "@region" => return Ok(Field::Region),
        "@zone" => return Ok(Field::Zone),
        _ => {}
    }
    match part.text.as_str() {
        "" => Err(PlacementError::EmptyField { operator: operator.to_owned(), range: part.range.clone() }),
        name if name.starts_with('@') => {
            Err(PlacementError::UnknownField { field: name.to_owned(), range: part.range.clone() })
        }
        name => Ok(Field::Attribute(name.to_owned())),
    }
}

fn operator(part: &Part) -> Result<(&'static str, Operator), PlacementError> {
    OPERATORS.into_iter().find(|(name, _)| part.text.eq_ignore_ascii_case(name)).ok_or_else(|| {
        PlacementError::UnknownOperator {
            operator: part.text.clone(),
            nearest: nearest(&part.text),
            range: part.range.clone(),
        }
    })
}

fn pattern(part: &Part) -> Result<Pattern, PlacementError> {
    Pattern::new(&part.text).map_err(|source| PlacementError::Pattern {
        pattern: part.text.clone(),
        range: part.range.clone(),
        source,
    })
}

fn count(operator: &'static str, part: &Part) -> Result<Count, PlacementError> {
    part.text.parse().map_err(|_| PlacementError::NotACount {
        operator,
        value: part.text.clone(),
        range: part.range.clone(),
    })
}

// The colon form.

/// A piece of the text: its characters, each with its byte offset, and the offset of its start, for an empty piece.
struct Piece {
    chars: Vec<(usize, char)>,
    start: usize,
}

impl Piece {
    fn range(&self) -> Range<usize> {
        match (self.chars.first(), self.chars.last()) {
            (Some((start, _)), Some((end, last))) => *start..end + last.len_utf8(),
            _ => self.start..self.start,
        }
    }

    /// Splits at each separator without a `\` before it, and trims the parts. A `\` before any other character stays.
    fn split(&self, separator: char) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut piece = Self { chars: Vec::new(), start: self.start };
        let mut backslash = None;
        for &(at, c) in &self.chars {
            if let Some(before) = backslash.take() {
                if c != separator {
                    piece.chars.push((before, '\\'));
                }
                piece.chars.push((at, c));
            } else if c == '\\' {
                backslash = Some(at);
            } else if c == separator {
                let next = Self { chars: Vec::new(), start: at + c.len_utf8() };
                pieces.push(std::mem::replace(&mut piece, next).trimmed());
            } else {
                piece.chars.push((at, c));
            }
        }
        piece.chars.extend(backslash.map(|at| (at, '\\')));
        pieces.push(piece.trimmed());
        pieces
    }

    fn trimmed(mut self) -> Self {
        let content = |(_, c): &(usize, char)| !c.is_whitespace();
        let end = self.chars.iter().rposition(content).map_or(0, |last| last + 1);
        self.chars.truncate(end);
        let start = self.chars.iter().position(content).unwrap_or(0);
        self.chars.drain(..start);
        self
    }
}

pub(super) fn colon_rows(text: &str) -> Vec<Row> {
    let part =
        |piece: &Piece| Part { text: piece.chars.iter().map(|(_, c)| c).collect(), range: piece.range() };
    let rows = Piece { chars: text.char_indices().collect(), start: 0 }.split(',');
    rows.iter()
        .map(|row| Row { parts: row.split(':').iter().map(part).collect(), range: row.range() })
        .collect()
}

// The JSON forms.

fn json_rows(text: &str) -> Result<Vec<Row>, PlacementError> {
    let error = match check_json(text) {
        Ok(()) => return rows_of_json(text),
        Err(error) => error,
    };
    let unescaped = text.replace("\\\"", "\"");
    if check_json(&unescaped).is_err() {
        return Err(error);
    }
    // An offset in the unescaped text is moved by the number of backslashes before it.
    let removed: Vec<usize> = text.match_indices("\\\"").enumerate().map(|(i, (at, _))| at - i).collect();
    let shift = |at: usize| at + removed.iter().filter(|gone| **gone < at).count();
    let moved = |range: &Range<usize>| shift(range.start)..shift(range.end);
    match rows_of_json(&unescaped) {
        Ok(mut rows) => {
            for row in &mut rows {
                row.range = moved(&row.range);
                row.parts.iter_mut().for_each(|part| part.range = moved(&part.range));
            }
            Ok(rows)
        }
        Err(PlacementError::Shape { found, range }) => {
            Err(PlacementError::Shape { found, range: moved(&range) })
        }
        Err(_) => Err(error),
    }
}

fn check_json(text: &str) -> Result<(), PlacementError> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let line: usize =
                text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let start = text.floor_char_boundary(line + error.column().saturating_sub(1));
            let end = text.ceil_char_boundary((start + 1).min(text.len()));
            Err(json_error(&error, start..end))
        }
    }
}

fn json_error(error: &serde_json::Error, range: Range<usize>) -> PlacementError {
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    PlacementError::Json { reason, range }
}

/// The rows of a text that is JSON.
fn rows_of_json(text: &str) -> Result<Vec<Row>, PlacementError> {
    let shape = |found: &str, range| Err(PlacementError::Shape { found: found.to_owned(), range });
    let bytes = text.as_bytes();
    let mut flat = Row { parts: Vec::new(), range: 0..text.len() };
    let mut rows: Vec<Row> = Vec::new();
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'[' => {
                depth += 1;
                match depth {
                    1 => flat.range.start = start,
                    2 if flat.parts.is_empty() => rows.push(Row { parts: Vec::new(), range: start..at }),
                    2 => return shape("a list beside a text", start..at),
                    _ => return shape("a list in a row", start..at),
                }
            }
            b']' => {
                depth = depth.saturating_sub(1);
                match (depth, rows.last_mut()) {
                    (1, Some(row)) => row.range.end = at,
                    _ => flat.range.end = at,
                }
            }
            b'{' => return shape("an object (`{`)", start..at),
            b',' | b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => {
                at = scalar_end(bytes, start);
                let range = start..at;
                let written = text.get(range.clone()).unwrap_or_default();
                let part = match byte {
                    b'"' => {
                        serde_json::from_str(written).map_err(|error| json_error(&error, range.clone()))?
                    }
                    b'n' => return shape("null", range),
                    // Numbers and booleans are taken as they are written.
                    _ => written.to_owned(),
                };
                match (depth, rows.last_mut()) {
                    (1, Some(_)) => return shape("a text beside a list", range),
                    (_, Some(row)) => row.parts.push(Part { text: part, range }),
                    (_, None) => flat.parts.push(Part { text: part, range }),
                }
            }
        }
    }
    if !flat.parts.is_empty() {
        rows.push(flat);
    }
    Ok(rows)
}

/// The end of the text, number or word that starts here.
fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start + 1..).unwrap_or_default();
    if bytes.get(start) != Some(&b'"') {
        let ends = |b: &u8| matches!(b, b',' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        return start + 1 + rest.iter().position(ends).unwrap_or(rest.len());
    }
    let mut escaped = false;
    let closes = |b: &u8| {
        let closes = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        closes
    };
    start + 1 + rest.iter().position(closes).map_or(rest.len(), |quote| quote + 1)
}
