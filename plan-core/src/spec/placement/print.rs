//! Rules as text. Invariant: a rule that came from a constraint string prints as one that reads as the same rule.

use std::fmt;

use super::PlacementRule;
use super::text::{Row, colon_rows};
use crate::spec::units::Count;

/// The row that expresses a rule, if one row can.
fn row_of(rule: &PlacementRule) -> Option<Vec<String>> {
    let (field, operator, value) = match rule {
        PlacementRule::Is(field, value) => (field, "IS", Some(value.clone())),
        PlacementRule::IsNot(field, value) => (field, "IS_NOT", Some(value.clone())),
        PlacementRule::Like(field, pattern) => (field, "LIKE", Some(pattern.as_str().to_owned())),
        PlacementRule::Unlike(field, pattern) => (field, "UNLIKE", Some(pattern.as_str().to_owned())),
        PlacementRule::MaxPer(field, Count::MIN) => (field, "UNIQUE", None),
        PlacementRule::MaxPer(field, count) => (field, "MAX_PER", Some(count.to_string())),
        PlacementRule::GroupBy(field, count) => (field, "GROUP_BY", count.map(|count| count.to_string())),
        PlacementRule::All(_)
        | PlacementRule::Any(_)
        | PlacementRule::Not(_)
        | PlacementRule::Near(_)
        | PlacementRule::Apart(_) => return None,
    };
    Some([field.to_string(), operator.to_owned()].into_iter().chain(value).collect())
}

/// Writes rows in the colon form, or in the JSON form if the colon form cannot express them: a value that ends in a
/// space or has `\,` in it, or a field that starts with `[` or `{`.
fn write_rows(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let escaped = |part: &String| part.replace(':', "\\:").replace(',', "\\,");
    let line = |row: &Vec<String>| row.iter().map(escaped).collect::<Vec<_>>().join(":");
    let colon = rows.iter().map(line).collect::<Vec<_>>().join(",");
    let parsed = colon_rows(&colon);
    let same = |row: &Row, written: &Vec<String>| row.parts.iter().map(|part| &part.text).eq(written);
    if !colon.starts_with(['[', '{'])
        && parsed.len() == rows.len()
        && parsed.iter().zip(rows).all(|(row, written)| same(row, written))
    {
        return f.write_str(&colon);
    }
    f.write_str(&serde_json::to_string(rows).map_err(|_| fmt::Error)?)
}

impl PlacementRule {
    /// The rule as the text of a file's `placement`: a constraint string, or the JSON that is stored.
    pub fn to_file(&self) -> String {
        let text = self.to_string();
        match Self::parse(&text) {
            Ok(Some(rule)) if rule == *self => text,
            _ => serde_json::to_string(self).unwrap_or_default(),
        }
    }
}

/// Shown as a constraint string, if one can express the rule: `hostname:UNIQUE,@zone:GROUP_BY:3`. Other rules are shown
/// as `all(…)`, `any(…)`, `not(…)`, `near(pod)` or `apart(pod)`.
impl fmt::Display for PlacementRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(rules) => match rules.iter().map(row_of).collect::<Option<Vec<_>>>() {
                Some(rows) if rows.len() > 1 => write_rows(f, &rows),
                _ => write_call(f, "all", rules),
            },
            Self::Any(rules) => write_call(f, "any", rules),
            Self::Not(rule) => write_call(f, "not", std::slice::from_ref(&**rule)),
            Self::Near(pod) => write!(f, "near({pod})"),
            Self::Apart(pod) => write!(f, "apart({pod})"),
            condition => row_of(condition).map_or(Ok(()), |row| write_rows(f, &[row])),
        }
    }
}

fn write_call(f: &mut fmt::Formatter<'_>, name: &str, rules: &[PlacementRule]) -> fmt::Result {
    write!(f, "{name}(")?;
    for (i, rule) in rules.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        match rule {
            PlacementRule::All(rules) => write_call(f, "all", rules)?,
            rule => write!(f, "{rule}")?,
        }
    }
    f.write_str(")")
}
