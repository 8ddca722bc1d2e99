//! Errors of constraint strings. Invariant: each error says what to write instead, and where in the text the problem
//! is.

use std::ops::Range;

use super::text::OPERATORS;

/// Why a text is not a placement constraint (SDK rule R34). Ranges are in bytes of that text, on character boundaries.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacementError {
    /// The text starts with `[` but is not JSON.
    #[error(
        "the constraint starts with `[` but is not JSON: {reason}, at byte {}; \
         write `[[\"hostname\", \"UNIQUE\"]]` or `hostname:UNIQUE`", range.start
    )]
    Json {
        /// What the JSON reader says.
        reason: String,
        /// Where the JSON reader stopped.
        range: Range<usize>,
    },
    /// The text starts with `{` but is not a stored rule.
    #[error(
        "the constraint starts with `{{` but is no rule: {reason}; write `{{\"apart\": \"<pod>\"}}` or `hostname:UNIQUE`"
    )]
    Rule {
        /// What the JSON reader says.
        reason: String,
        /// The text.
        range: Range<usize>,
    },
    /// The JSON is not a list of texts, or of lists of texts.
    #[error(
        "{found} has no place in a constraint: write `[\"field\", \"OPERATOR\", \"value\"]`, or a list of these"
    )]
    Shape {
        /// What was found.
        found: String,
        /// Where it is in the text.
        range: Range<usize>,
    },
    /// A row does not have 2 or 3 entries.
    #[error(
        "`{row}` has {count} {}: write `field:OPERATOR` or `field:OPERATOR:value`, \
         and a `:` or `,` that belongs to a value as `\\:` or `\\,`",
        if *count == 1 { "entry" } else { "entries" }
    )]
    Entries {
        /// The row, as written.
        row: String,
        /// The number of its entries.
        count: usize,
        /// The row.
        range: Range<usize>,
    },
    /// A row names no field.
    #[error(
        "a field is missing before `{operator}`: write `hostname`, `@region`, `@zone` or the name of an attribute"
    )]
    EmptyField {
        /// The operator that lacks it.
        operator: String,
        /// Where the field is missing.
        range: Range<usize>,
    },
    /// A field starts with `@` and is not known.
    #[error(
        "`{field}` is not a field: write `@hostname`, `@region`, `@zone`, or the name of an attribute without `@`"
    )]
    UnknownField {
        /// The field, as written.
        field: String,
        /// Where it is in the text.
        range: Range<usize>,
    },
    /// There is no such operator.
    #[error("`{operator}` is not an operator: {}", advice(nearest))]
    UnknownOperator {
        /// The operator, as written.
        operator: String,
        /// The operator with the most similar spelling, if it is similar enough.
        nearest: Option<&'static str>,
        /// Where it is in the text.
        range: Range<usize>,
    },
    /// The operator needs a value and got none, or an empty one.
    #[error("{operator} needs a value: write `{field}:{operator}:{}`", example(operator))]
    MissingValue {
        /// The row's field.
        field: String,
        /// The operator.
        operator: &'static str,
        /// The row, or the empty value.
        range: Range<usize>,
    },
    /// The value is not a whole number from 1.
    #[error(
        "`{value}` is not a number for {operator}: write a whole number from 1 to 4294967295{}",
        if *operator == "GROUP_BY" { ", or leave it out" } else { "" }
    )]
    NotACount {
        /// The operator.
        operator: &'static str,
        /// The value, as written.
        value: String,
        /// Where it is in the text.
        range: Range<usize>,
    },
    /// The value is not a regular expression.
    #[error(
        "`{pattern}` is not a regular expression: {}; look-around and back-references are not supported, \
         and a character with a meaning of its own is written after `\\`",
        reason(source)
    )]
    Pattern {
        /// The value, as written.
        pattern: String,
        /// Where it is in the text.
        range: Range<usize>,
        /// What is wrong with it.
        source: super::PatternError,
    },
}

impl PlacementError {
    /// Where in the text the problem is, in bytes.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Json { range, .. }
            | Self::Rule { range, .. }
            | Self::Shape { range, .. }
            | Self::Entries { range, .. }
            | Self::EmptyField { range, .. }
            | Self::UnknownField { range, .. }
            | Self::UnknownOperator { range, .. }
            | Self::MissingValue { range, .. }
            | Self::NotACount { range, .. }
            | Self::Pattern { range, .. } => range.clone(),
        }
    }
}

fn advice(nearest: &Option<&str>) -> String {
    match nearest {
        Some(operator) => format!("did you mean `{operator}`?"),
        None => format!("write one of {}", OPERATORS.map(|(name, _)| name).join(", ")),
    }
}

fn example(operator: &str) -> &'static str {
    match operator {
        "MAX_PER" | "GROUP_BY" => "3",
        "LIKE" | "UNLIKE" => "regex",
        _ => "value",
    }
}

/// The reason without the pattern, which the error of the regex crate shows again over several lines.
fn reason(source: &super::PatternError) -> String {
    let text = source.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// The operator with the spelling most similar to this one, if at most a third of its letters differ.
pub(super) fn nearest(text: &str) -> Option<&'static str> {
    let text: Vec<char> = text.chars().take(32).map(|c| c.to_ascii_uppercase()).collect();
    let near = OPERATORS.iter().filter_map(|(name, _)| {
        let distance = distance(&text, name);
        (distance <= (name.len() / 3).max(1)).then_some((distance, *name))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many letters have to be inserted, deleted or replaced to make one text the other (Levenshtein).
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, cb) in b.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, ca) in a.iter().enumerate() {
            let replaced = diagonal + usize::from(*ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}
