//! Values that YAML reads otherwise than they are written. A value is filled in before the YAML is read, so that its tag's
//! place decides what its characters mean: `\\` begins an escape between double quotes, and stands for itself between
//! single ones. Invariant: such a value is refused, since the task would find another one than the operator gave.

use granit_parser::{Event, Parser, ScalarStyle};

use crate::spec::diagnostic::{Code, Diagnostic, Span};
use crate::spec::template::Rendered;

/// The values of a text that YAML alters, as errors. Their places are in the rendered text.
pub(super) fn altered(rendered: &Rendered) -> Vec<Diagnostic> {
    let (text, values) = neutral(rendered);
    if values.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut values = values.into_iter().peekable();
    let options = granit_parser::options! { emit_comments: false };
    // What follows an error of the text itself is not looked at: the error is reported by the reading.
    let events = Parser::new_from_str_with_options(&text, options).map_while(Result::ok);
    for (event, place) in events {
        let (Event::Scalar(_, style, ..), Some(range)) = (event, place.byte_range()) else { continue };
        while let Some(value) = values.next_if(|value| value.at < range.end) {
            if value.at >= range.start {
                found.extend(value.problem(style, &text));
            }
        }
    }
    found
}

/// A value with characters that mean something in YAML.
struct Suspect<'a> {
    variable: &'a str,
    value: &'a str,
    /// The place of the value in the rendered text.
    place: Span,
    /// Where the stand-in for the value is in the neutral text.
    at: usize,
}

/// The text with a stand-in for every value that means something in YAML, so that the text's own quotes can be told from
/// those of the values.
fn neutral(rendered: &Rendered) -> (String, Vec<Suspect<'_>>) {
    let suspects =
        |text: &str| text.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\'' | b'#' | b'\n' | b'\r'));
    let (mut text, mut values) = (String::new(), Vec::new());
    if !rendered
        .pieces()
        .any(|(place, variable)| variable.is_some() && suspects(&rendered.text[place.range()]))
    {
        return (text, values);
    }
    for (place, variable) in rendered.pieces() {
        let piece = &rendered.text[place.range()];
        match variable.filter(|_| suspects(piece)) {
            Some(variable) => {
                values.push(Suspect { variable, value: piece, place, at: text.len() });
                text.push('x');
            }
            None => text.push_str(piece),
        }
    }
    (text, values)
}

impl Suspect<'_> {
    /// What YAML would make of the value in a scalar of this style; `None` if it leaves the value alone.
    fn problem(&self, style: ScalarStyle, text: &str) -> Option<Diagnostic> {
        let Self { variable, value, place, at } = self;
        let breaks = value.contains(['\n', '\r']);
        let why = match style {
            ScalarStyle::DoubleQuoted if value.contains('\\') => {
                "`\\` begins an escape between double quotes"
            }
            ScalarStyle::DoubleQuoted if value.contains('"') => "`\"` ends a text between double quotes",
            ScalarStyle::SingleQuoted if value.contains('\'') => "`'` ends a text between single quotes",
            ScalarStyle::DoubleQuoted | ScalarStyle::SingleQuoted if breaks => {
                "a line break becomes a space between quotes"
            }
            ScalarStyle::Literal | ScalarStyle::Folded if value.trim_end().contains(['\n', '\r']) => {
                "its second line is not indented as the text is"
            }
            ScalarStyle::Plain if !breaks && begins_comment(value, &text[..*at]) => {
                "`#` begins a comment outside of quotes"
            }
            _ => return None,
        };
        let quoted = match style {
            ScalarStyle::DoubleQuoted if !value.contains('\'') && !breaks => {
                Some("put the tag between single quotes")
            }
            ScalarStyle::SingleQuoted if !value.contains(['"', '\\']) && !breaks => {
                Some("put the tag between double quotes")
            }
            ScalarStyle::Plain => Some("put the tag between quotes"),
            _ => None,
        };
        let intact = format!(
            "give the value as `TASKCFG_ALL_{variable}`, which reaches every task as it is, or in a config file"
        );
        let help = quoted.map_or(intact.clone(), |quoted| format!("{quoted}, or {intact}"));
        let message = format!("YAML does not read the value of `{variable}` as it is written: {why}");
        Some(Diagnostic::error(Code::Altered, "", message).span(*place).help(help))
    }
}

/// Whether a part of a plain value is a comment to YAML. A value that is a list, a mapping or quoted itself is YAML, and is
/// meant to be read as such.
fn begins_comment(value: &str, before: &str) -> bool {
    let yaml = value.trim_start().starts_with(['[', '{', '"', '\'']);
    let at_start = value.starts_with('#') && before.ends_with([' ', '\t', '\n']);
    !yaml && (at_start || value.contains(" #") || value.contains("\t#"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spec::template::{Missing, render};

    fn why(template: &str, value: &str) -> String {
        let values = BTreeMap::from([("V".to_owned(), value.to_owned())]);
        let rendered = render(template, &values, Missing::Refuse);
        let found: Vec<_> = altered(&rendered).into_iter().map(|one| one.message).collect();
        found.join("; ").replace("YAML does not read the value of `V` as it is written: ", "")
    }

    #[test]
    fn what_a_character_means_depends_on_the_quotes_around_its_tag() {
        let escape = "`\\` begins an escape between double quotes";
        let ends = ["`\"` ends a text between double quotes", "`'` ends a text between single quotes"];
        let comment = "`#` begins a comment outside of quotes";
        let space = "a line break becomes a space between quotes";
        let indent = "its second line is not indented as the text is";
        for (template, value, expected) in [
            ("a: \"{{V}}\"", "a\\b", escape),
            ("a: \"x {{V}} y\"", "a\"b", ends[0]),
            ("a: \"{{V}}\"", "it's", ""),
            ("a: '{{V}}'", "it's", ends[1]),
            ("a: '{{V}}'", r#"[["a\b"]]"#, ""),
            ("a: {{V}}", "a\\b \"c\" it's", ""),
            ("a: {{V}}", "a #b", comment),
            ("a: {{V}}", "#b", comment),
            ("a: x{{V}}", "#b", ""),
            ("a: '{{V}}'", "a #b", ""),
            ("a: {{V}}", "[\"a #b\"]", ""),
            ("a: \"{{V}}\"", "a\nb", space),
            ("a: |\n  {{V}}\nb: c", "a\nb", indent),
            ("a: >\n  {{V}}\nb: c", "a \"b\" #c \\ it's\n", ""),
            // A key, a list, and a value that is used twice.
            ("\"{{V}}\": [{{V}}, '{{V}}']", "a\\b", escape),
            // The value itself would end the scalar.
            ("a: \"{{V}}\"\nb: '{{V}}'", "\": {", ends[0]),
        ] {
            assert_eq!(why(template, value), expected, "{template} {value}");
        }
    }
}
