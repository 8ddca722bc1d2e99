//! What the codes of problems mean, for people: a page for each, and the book's chapter of all. Also the book's tables
//! of what a change of each field does, and of the backends. Invariant: the message of an example is the real one, and
//! the table of fields says what the engine does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use annotate_snippets::Renderer;
use plan_core::spec::change::rules;
use plan_core::spec::{ChangeRule, Code, Example, Files, Lines, ReadOptions, Source, read};
use plan_driver::backend;

use crate::backends::{BackendKind, Backends};
use crate::problem::Problem;

/// The name of an example's file.
const FILE: &str = "svc.yml";
/// The most lines of an example, and the most characters of a line. The rest is left out.
const LINES: usize = 30;
const COLUMNS: usize = 160;

/// A rule that a problem can be about, with its explanation.
#[derive(Debug, Clone, Copy)]
pub enum KnownRule {
    /// A rule of specifications themselves.
    Code(Code),
    /// A rule of a kind of backend.
    OfBackend(&'static backend::BackendRule, &'static str),
}

/// All rules, those of specifications first.
pub fn rules_of(backends: &Backends) -> Vec<KnownRule> {
    let of_files = Code::ALL.iter().map(|code| KnownRule::Code(*code));
    let of_kind = |kind: &dyn BackendKind| {
        let name = kind.name();
        kind.rules().iter().map(move |rule| KnownRule::OfBackend(rule, name))
    };
    of_files.chain(backends.iter().flat_map(of_kind)).collect()
}

impl KnownRule {
    /// Its code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Code(code) => code.as_str(),
            Self::OfBackend(rule, _) => rule.code,
        }
    }

    /// The rule in one line.
    pub fn summary(&self) -> &'static str {
        match self {
            Self::Code(code) => code.summary(),
            Self::OfBackend(rule, _) => rule.summary,
        }
    }

    /// Why there is the rule, and what to do about it, with the options of this program that help.
    pub fn explanation(&self) -> String {
        let (text, options) = match self {
            Self::Code(code) => (code.explanation(), options(*code)),
            Self::OfBackend(rule, _) => (rule.explanation, ""),
        };
        format!("{}{options}", text.trim())
    }

    /// The text of a file that breaks it.
    pub fn file(&self) -> &'static str {
        match self {
            Self::Code(code) => code.example().file,
            Self::OfBackend(rule, _) => rule.example.file,
        }
    }

    /// What belongs to that file, such as values.
    fn given(&self) -> String {
        match self {
            Self::Code(code) => given(&code.example()),
            Self::OfBackend(..) => String::new(),
        }
    }

    /// The message about that file.
    pub fn told(&self) -> String {
        match self {
            Self::Code(code) => told(&code.example()),
            Self::OfBackend(rule, backend) => {
                let (found, file) = (rule.finding().problem(backend), rule.example.file);
                let env = BTreeMap::new();
                let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
                let reading = read(Source { file: FILE, text: file }, &options);
                let place = reading.places().place(rule.example.path);
                let found = match place {
                    Some(place) => found.at(FILE, &Lines::new(file), place.span),
                    None => found.file(FILE),
                };
                crate::problem::render(&found, &Renderer::plain())
            }
        }
    }

    /// The rule's page, as the terminal shows it.
    pub fn page(&self) -> String {
        let said = indented(&self.told());
        format!(
            "{}: {}\n\n{}\n\nFor example, for this file{}:\n\n{}\nthe message is:\n\n{}",
            self.code(),
            self.summary(),
            self.explanation(),
            self.given(),
            indented(&shown(self.file())),
            said.trim_end()
        )
    }
}

/// What this program adds to the explanation of a code.
fn options(code: Code) -> &'static str {
    match code {
        Code::MissingKey => " `planwright schema` prints it.",
        Code::ConfigFile => {
            " `--config-dir` names the other folder, and `--skip-files` leaves templates unread."
        }
        _ => "",
    }
}

/// The book's chapter of all rules.
pub fn chapter(backends: &Backends) -> String {
    let mut text = "# What is wrong with a file: the codes\n\n\
        <!-- Written from the codes themselves: UPDATE_BOOK=1 cargo test -p planwright --test diagnostics -->\n\n\
        Every problem of a file has a code. The code stays the same when the words of the message change. `planwright \
        explain CODE` shows what this page says. Codes with a P are about files, wherever they run. The other codes are \
        about what a backend does not support, and `planwright validate --backend NAME` finds those too.\n\n| code | the rule |\n| --- | --- |\n"
        .to_owned();
    let all = rules_of(backends);
    for rule in &all {
        let code = rule.code();
        push(&mut text, format_args!("| [{code}](#{}) | {} |\n", code.to_lowercase(), rule.summary()));
    }
    let mut backend = None;
    for rule in &all {
        if let KnownRule::OfBackend(_, of) = rule
            && backend.replace(*of) != Some(*of)
        {
            push(
                &mut text,
                format_args!(
                    "\n## What the backend `{of}` does not support\n\nThe messages may depend on the machine. These are \
                     those of a machine that supports little.\n"
                ),
            );
        }
        push(
            &mut text,
            format_args!(
                "\n## {}\n\n*{}.*\n\n{}\n\nFor this file{}:\n\n```yaml\n{}```\n\nthe message is:\n\n```text\n{}\n```\n",
                rule.code(),
                capital(rule.summary()),
                rule.explanation(),
                rule.given(),
                shown(rule.file()),
                rule.told()
            ),
        );
    }
    text
}

/// The book's list of backends.
pub fn backends(backends: &Backends) -> String {
    let mut text =
        "| `--backend` | tasks are | what it does not support | its options |\n| --- | --- | --- | --- |\n"
            .to_owned();
    for kind in backends.iter() {
        let name = match kind.name() {
            name if name == backends.default_name() => format!("`{name}`, the default"),
            name => format!("`{name}`"),
        };
        let rules = match (kind.rules().first(), kind.rules().last()) {
            (Some(first), Some(last)) => {
                format!("[{}](diagnostics.md#{}) to {}", first.code, first.code.to_lowercase(), last.code)
            }
            _ => "nothing".to_owned(),
        };
        let options: Vec<_> =
            kind.options().iter().filter_map(|option| Some(format!("`--{}`", option.get_long()?))).collect();
        let (about, options) = (kind.about(), options.join(", "));
        push(&mut text, format_args!("| {name} | {about} | {rules} | {options} |\n"));
    }
    text
}

/// The book's table of fields: what a change of each does, and why some are refused.
pub fn fields() -> String {
    let mut text = String::new();
    let groups = rules();
    // Resources are in two places, with the same fields.
    let below = |rule: &ChangeRule, prefix: &str| (rule.field[prefix.len()..].to_owned(), rule.verdicts);
    let same = |at: usize, other: usize| {
        let keys = |at: usize| groups[at].rules.iter().map(move |rule| below(rule, groups[at].prefix));
        keys(at).eq(keys(other))
    };
    for (at, group) in groups.iter().enumerate() {
        if at > 0 && same(at, at - 1) {
            continue;
        }
        let mut places = vec![group.prefix];
        let mut titles = vec![group.title.to_owned()];
        for other in groups[at + 1..].iter().enumerate().filter(|(after, _)| same(at, at + 1 + after)) {
            places.push(other.1.prefix);
            titles.push(other.1.title.to_lowercase());
        }
        push(&mut text, format_args!("### {}\n\n", titles.join(", or of ")));
        let places: Vec<_> =
            places.iter().filter(|place| !place.is_empty()).map(|p| format!("`{p}.`")).collect();
        if !places.is_empty() {
            push(&mut text, format_args!("Each field begins with {}.\n\n", places.join(" or ")));
        }
        text.push_str("| field | its change | |\n| --- | --- | --- |\n");
        for rule in group.rules {
            let field = rule.field[group.prefix.len()..].trim_start_matches('.');
            let verdicts: Vec<_> = rule.verdicts.iter().map(ToString::to_string).collect();
            let note = if rule.note.is_empty() { String::new() } else { format!("{} ", rule.note) };
            push(&mut text, format_args!("| `{field}` | {} | {note}|\n", verdicts.join(" or ")));
        }
        text.push('\n');
    }
    text.push_str("### Why it is refused, and what to do instead\n\n");
    let mut whys: Vec<(&str, Vec<&str>)> = Vec::new();
    for rule in groups.iter().flat_map(|group| group.rules) {
        let Some(why) = rule.why else { continue };
        match whys.iter_mut().find(|(known, _)| *known == why) {
            Some((_, fields)) => fields.push(rule.field),
            None => whys.push((why, vec![rule.field])),
        }
    }
    for (why, fields) in whys {
        // Fields below a field are refused for the same reason.
        let top = fields.iter().filter(|field| {
            !fields.iter().any(|other| field.strip_prefix(other).is_some_and(|rest| rest.starts_with('.')))
        });
        let top: Vec<_> = top.map(|field| format!("`{field}`")).collect();
        push(&mut text, format_args!("- {}: {why}.\n", top.join(", ")));
    }
    text
}

/// The messages about an example.
fn told(example: &Example) -> String {
    let (env, templates) = (owned(example.values), owned(example.templates));
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Texts(&templates) };
    let reading = read(Source { file: FILE, text: example.file }, &options);
    let lines = Lines::new(example.file);
    let problems = reading.diagnostics.iter().map(|one| Problem::of(one, FILE, &lines));
    problems
        .map(|problem| crate::problem::render(&problem, &Renderer::plain()))
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What belongs to an example, such as values.
fn given(example: &Example) -> String {
    let values = example.values.iter().map(|(name, value)| format!("`{name}={value}`"));
    let templates = example.templates.iter().map(|(name, _)| format!("`{name}` beside it"));
    let all: Vec<_> = values.chain(templates).collect();
    if all.is_empty() { String::new() } else { format!(", with {}", all.join(", ")) }
}

/// A file's text, up to a useful length.
fn shown(file: &str) -> String {
    let mut text = String::new();
    let lines = file.lines().count();
    for line in file.lines().take(LINES) {
        let line = line.trim_end();
        if line.chars().count() > COLUMNS {
            text.extend(line.chars().take(COLUMNS));
            text.push('…');
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    if lines > LINES {
        push(&mut text, format_args!("# … and {} more lines\n", lines - LINES));
    }
    text
}

fn indented(text: &str) -> String {
    let mut indented = String::new();
    for line in text.lines() {
        push(&mut indented, format_args!("{}\n", format!("    {line}").trim_end()));
    }
    indented
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // To write to a `String` cannot fail.
    let _ = text.write_fmt(more);
}
