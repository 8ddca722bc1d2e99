//! Templates (SDK rule R44): mustache over a flat map of texts, without HTML escaping. Invariant: for every byte of the
//! rendered text the place in the template is known, so that an error in the text can point to the template.

use std::collections::BTreeMap;
use std::ops::Range;

use super::diagnostic::{Code, Diagnostic, Span};

/// How a variable without a value is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A variable without a value is an error.
    Refuse,
    /// A variable without a value is empty.
    Empty,
}

/// A rendered template.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The text. After an error, it is the part that could be rendered.
    pub text: String,
    /// The problems of the template, with their places.
    pub diagnostics: Vec<Diagnostic>,
    /// The variables without a value that the template uses, with their places.
    pub missing: Vec<(String, Span)>,
    pieces: Vec<Piece>,
    template_len: usize,
}

/// A piece: bytes of the text, up to the next piece, that come from one place.
#[derive(Debug, Clone)]
struct Piece {
    out: usize,
    from: Span,
    variable: Option<String>,
}

impl Rendered {
    /// A text that is no template.
    pub(super) fn literal(text: &str) -> Self {
        let whole = Piece { out: 0, from: Span { start: 0, end: text.len() }, variable: None };
        Self {
            text: text.to_owned(),
            diagnostics: Vec::new(),
            missing: Vec::new(),
            pieces: vec![whole],
            template_len: text.len(),
        }
    }

    /// The place in the template that a place in the text comes from. A variable's value comes from its tag.
    pub fn span(&self, text: Span) -> Span {
        let start = match self.piece(text.start) {
            Some(piece) if piece.variable.is_some() => piece.from.start,
            Some(piece) => (piece.from.start + (text.start - piece.out)).min(piece.from.end),
            None => self.template_len,
        };
        // The end belongs to the piece of the last byte, not to the one after it.
        let last = text.end.saturating_sub(1).max(text.start);
        let end = match self.piece(last) {
            Some(piece) if piece.variable.is_some() => piece.from.end,
            Some(piece) => (piece.from.start + (text.end.max(text.start) - piece.out)).min(piece.from.end),
            None => self.template_len,
        };
        Span { start, end: end.max(start) }
    }

    /// The variable whose value is at a place in the text, or at a part of the place.
    pub fn variable(&self, text: Span) -> Option<&str> {
        let first = self.pieces.partition_point(|piece| piece.out <= text.start).saturating_sub(1);
        let end = text.end.max(text.start + 1);
        let touched = self.pieces[first.min(self.pieces.len())..].iter().take_while(|piece| piece.out < end);
        touched.filter_map(|piece| piece.variable.as_deref()).next()
    }

    /// The pieces of the text in order: the place of each, and the variable if it is a variable's value.
    #[cfg(feature = "yaml")]
    pub(super) fn pieces(&self) -> impl Iterator<Item = (Span, Option<&str>)> {
        let ends = self.pieces.iter().skip(1).map(|next| next.out).chain([self.text.len()]);
        self.pieces
            .iter()
            .zip(ends)
            .map(|(piece, end)| (Span { start: piece.out, end }, piece.variable.as_deref()))
    }

    /// The variable without a text whose tag is the value of the key that ends here.
    #[cfg(feature = "yaml")]
    pub(super) fn leaves_empty(&self, key_end: usize) -> Option<&str> {
        let rest = self.text.get(key_end..)?;
        let value = self.text.len() - rest.trim_start_matches([':', ' ', '\t']).len();
        let first = self.pieces.partition_point(|piece| piece.out < key_end);
        let near = self.pieces[first..].iter().take_while(|piece| piece.out <= value);
        near.filter_map(|piece| piece.variable.as_deref()).next()
    }

    fn piece(&self, byte: usize) -> Option<&Piece> {
        self.pieces[..self.pieces.partition_point(|piece| piece.out <= byte)].last()
    }
}

/// Renders a template. Values `true` and `false`, in upper or lower case, are booleans. A section is off if its
/// variable is missing, false or empty.
pub fn render(template: &str, values: &BTreeMap<String, String>, missing: Missing) -> Rendered {
    let mut renderer = Renderer {
        template,
        values,
        strict: missing == Missing::Refuse,
        delimiters: BRACES,
        open: Vec::new(),
        off: 0,
        out: Rendered {
            text: String::with_capacity(template.len()),
            diagnostics: Vec::new(),
            missing: Vec::new(),
            pieces: Vec::new(),
            template_len: template.len(),
        },
    };
    renderer.run();
    renderer.out
}

/// The largest rendered text, in bytes: more than any specification needs. Without it, a small template that uses a
/// large value many times could fill the memory.
const MAX_RENDERED: usize = 64 << 20;
/// The delimiters at the beginning of a template.
const BRACES: (&str, &str) = ("{{", "}}");
/// The longest tag, in bytes. Comments have no bound.
const MAX_TAG: usize = 1024;
/// The deepest nesting of sections.
const MAX_OPEN: usize = 256;
/// The largest number of problems. A text with more is not a template.
const MAX_PROBLEMS: usize = 1000;

struct Renderer<'a> {
    template: &'a str,
    values: &'a BTreeMap<String, String>,
    strict: bool,
    /// What begins a tag, and what ends it.
    delimiters: (&'a str, &'a str),
    open: Vec<Section<'a>>,
    /// How many open sections are off.
    off: usize,
    out: Rendered,
}

struct Section<'a> {
    name: &'a str,
    tag: Range<usize>,
    on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Variable,
    Open,
    OpenInverted,
    Close,
    Comment,
    Delimiters,
}

struct Tag<'a> {
    kind: Kind,
    name: &'a str,
    range: Range<usize>,
}

impl<'a> Renderer<'a> {
    fn run(&mut self) {
        // A byte order mark is not part of the text.
        let mut at = if self.template.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        while let Some(found) = self.template[at..].find(self.delimiters.0) {
            if self.out.diagnostics.len() > MAX_PROBLEMS {
                return;
            }
            let start = at + found;
            let Some(tag) = self.tag(start) else {
                // A delimiter that begins no tag is kept as it is written, and the search goes on after it.
                let after = start + self.delimiters.0.len();
                self.literal(at..after);
                at = after;
                continue;
            };
            let mut next = tag.range.end;
            let mut literal_end = start;
            if tag.kind != Kind::Variable
                && let Some((line_start, line_end)) = self.standalone(&tag.range)
            {
                literal_end = line_start.max(at);
                next = line_end;
            }
            self.literal(at..literal_end);
            self.apply(tag);
            at = next;
            if self.out.text.len() > MAX_RENDERED {
                self.problem(
                    Code::Limits,
                    start..next,
                    format!("the rendered text is larger than {} MB", MAX_RENDERED >> 20),
                    "look for a variable with a very large value",
                );
                return;
            }
            if self.open.len() > MAX_OPEN {
                let message = format!("sections are nested more than {MAX_OPEN} deep");
                self.problem(Code::Section, start..next, message, "close some of them");
                return;
            }
        }
        self.literal(at..self.template.len());
        for section in std::mem::take(&mut self.open) {
            self.problem(
                Code::Section,
                section.tag,
                format!("the section `{}` is not closed", section.name),
                &format!("write `{{{{/{}}}}}` where it ends", section.name),
            );
        }
    }

    /// The tag at `start`, where the opening delimiter stands. Reports a problem and returns `None` if there is no valid tag.
    fn tag(&mut self, start: usize) -> Option<Tag<'a>> {
        let rest = &self.template[start..];
        let triple = self.delimiters == BRACES && rest.starts_with("{{{");
        let (opening, closing) = if triple { ("{{{", "}}}") } else { self.delimiters };
        let body = &rest[opening.len()..];
        let comment = !triple && body.starts_with('!');
        let reach = if comment { body.len() } else { floor(body, MAX_TAG) };
        let found = body[..reach].find(closing).filter(|end| comment || !body[..*end].contains('\n'));
        let Some(end) = found else {
            let shown = &rest[..floor(rest, MAX_TAG)];
            let line_end = shown.find(['\n', '\r']).unwrap_or(shown.len());
            self.problem(
                Code::Tag,
                start..start + line_end,
                format!("the tag is not closed on its line with `{closing}`"),
                "close it; braces that are no tag need a space between them, as in `{ {`, or `{{=<% %>=}}` before them",
            );
            return None;
        };
        let range = start..start + opening.len() + end + closing.len();
        let inner = body[..end].trim();
        let (kind, name) = match inner.chars().next() {
            _ if triple => (Kind::Variable, inner),
            Some('&') => (Kind::Variable, &inner[1..]),
            Some('#') => (Kind::Open, &inner[1..]),
            Some('^') => (Kind::OpenInverted, &inner[1..]),
            Some('/') => (Kind::Close, &inner[1..]),
            Some('!') => return Some(Tag { kind: Kind::Comment, name: "", range }),
            Some('=') => (Kind::Delimiters, inner),
            Some('>') => {
                self.problem(
                    Code::Tag,
                    range,
                    "templates have no `{{>` tags".to_owned(),
                    "variables, sections (`#`, `^`, `/`), comments (`!`) and delimiters (`=`) are all there is",
                );
                return None;
            }
            _ => (Kind::Variable, inner),
        };
        let name = name.trim();
        if name.is_empty() {
            self.problem(Code::Tag, range, "the tag has no name".to_owned(), "write a variable's name in it");
            return None;
        }
        Some(Tag { kind, name, range })
    }

    /// The line of a tag that stands alone on its line. The search stops at the first character that is not blank, so
    /// that a long line of many tags is not read again for each.
    fn standalone(&self, tag: &Range<usize>) -> Option<(usize, usize)> {
        let before = self.template[..tag.start].trim_end_matches([' ', '\t']);
        let rest = &self.template[tag.end..];
        let after = rest.trim_start_matches([' ', '\t']);
        let end = tag.end + (rest.len() - after.len());
        let end = match after.as_bytes() {
            [] => end,
            [b'\n', ..] => end + 1,
            [b'\r', b'\n', ..] => end + 2,
            _ => return None,
        };
        let first = before.is_empty() || before.ends_with('\n') || before == "\u{feff}";
        first.then_some((before.len(), end))
    }

    fn apply(&mut self, tag: Tag<'a>) {
        match tag.kind {
            Kind::Comment => {}
            Kind::Variable => self.variable(tag),
            Kind::Open | Kind::OpenInverted => {
                let on = self.is_on(tag.name) == (tag.kind == Kind::Open);
                self.off += usize::from(!on);
                self.open.push(Section { name: tag.name, tag: tag.range, on });
            }
            Kind::Close => self.close(tag),
            Kind::Delimiters => self.delimit(tag),
        }
    }

    /// Takes other delimiters for the tags that follow. Sections do not matter to them.
    fn delimit(&mut self, tag: Tag<'a>) {
        let inner = tag.name.strip_prefix('=').and_then(|rest| rest.strip_suffix('='));
        let mut words = inner.unwrap_or_default().split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(open), Some(close), None) if !open.contains('=') && !close.contains('=') => {
                self.delimiters = (open, close);
            }
            _ => self.problem(
                Code::Tag,
                tag.range,
                "the tag does not give two delimiters".to_owned(),
                "write them between `=`, with a space between them, as in `{{=<% %>=}}`",
            ),
        }
    }

    fn close(&mut self, tag: Tag<'a>) {
        let Tag { name, range, .. } = tag;
        if self.open.last().is_some_and(|section| section.name == name) {
            self.off -= usize::from(self.open.pop().is_some_and(|section| !section.on));
            return;
        }
        match self.open.iter().rposition(|section| section.name == name) {
            // The inner sections were not closed. Closing them here lets the rest be read.
            Some(index) => {
                let closed = self.open.split_off(index);
                self.off -= closed.iter().filter(|section| !section.on).count();
                for inner in closed.into_iter().skip(1) {
                    self.problem(
                        Code::Section,
                        inner.tag,
                        format!("the section `{}` is not closed before `{{{{/{name}}}}}`", inner.name),
                        &format!("write `{{{{/{}}}}}` before it", inner.name),
                    );
                }
            }
            None => {
                let help = match self.open.last() {
                    Some(section) => format!("the open section is `{}`", section.name),
                    None => format!("no section is open here; one opens with `{{{{#{name}}}}}`"),
                };
                self.problem(Code::Section, range, format!("the section `{name}` was not opened"), &help);
            }
        }
    }

    fn variable(&mut self, tag: Tag<'a>) {
        if !self.taken() {
            return;
        }
        let Tag { name, range, .. } = tag;
        // A boolean is rendered in lower case.
        let value = match self.values.get(name) {
            Some(value) => boolean(value).map_or(value.as_str(), |on| if on { "true" } else { "false" }),
            None => {
                self.out.missing.push((name.to_owned(), range.clone().into()));
                if self.strict {
                    let known = self.values.keys().map(String::as_str);
                    let message = format!("the variable `{name}` has no value");
                    let problem =
                        Diagnostic::error(Code::MissingVariable, "", message).span(Span::from(range.clone()));
                    let help = format!(
                        "give `{name}` a value, or put it in a section `{{{{#{name}}}}}`; \
                         `{{{{=<% %>=}}}}` before them makes braces text"
                    );
                    let mut problem = problem.nearest(name, known);
                    if problem.nearest.is_none() {
                        problem = problem.help(help);
                    }
                    self.out.diagnostics.push(problem);
                }
                ""
            }
        };
        self.out.pieces.push(Piece {
            out: self.out.text.len(),
            from: range.into(),
            variable: Some(name.to_owned()),
        });
        self.out.text.push_str(value);
    }

    fn literal(&mut self, range: Range<usize>) {
        if range.start < range.end && self.taken() {
            let text = &self.template[range.clone()];
            self.out.pieces.push(Piece { out: self.out.text.len(), from: range.into(), variable: None });
            self.out.text.push_str(text);
        }
    }

    fn taken(&self) -> bool {
        self.off == 0
    }

    fn is_on(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| boolean(value).unwrap_or(!value.is_empty()))
    }

    fn problem(&mut self, code: Code, range: Range<usize>, message: String, help: &str) {
        let problem = Diagnostic::error(code, "", message).span(Span::from(range)).help(help);
        self.out.diagnostics.push(problem);
    }
}

/// The greatest character boundary that is not after `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn boolean(value: &str) -> Option<bool> {
    if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
