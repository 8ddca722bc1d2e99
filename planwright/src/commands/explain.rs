//! `explain`: says what a code means. Invariant: it says the same as the book, since both texts come from the rule
//! itself.

use std::collections::BTreeMap;
use std::io;

use plan_core::spec::{Code, Diagnostic, Example};
use serde::Serialize;

use super::Outcome;
use crate::Verdict;
use crate::arguments::Explain;
use crate::backends::Backends;
use crate::explanation;
use crate::problem::Problem;
use crate::ui::Ui;

#[derive(Debug, Serialize)]
struct Codes {
    codes: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Rule {
    code: &'static str,
    summary: &'static str,
    explanation: String,
    example: RuleExample,
}

#[derive(Debug, Serialize)]
struct RuleExample {
    file: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    templates: BTreeMap<&'static str, &'static str>,
    message: &'static str,
}

impl From<&explanation::KnownRule> for Rule {
    fn from(rule: &explanation::KnownRule) -> Self {
        let (values, templates, message) = match rule {
            explanation::KnownRule::Code(code) => {
                let Example { values, templates, message, .. } = code.example();
                (values, templates, message)
            }
            explanation::KnownRule::OfBackend(rule, _) => (&[][..], &[][..], rule.example.message),
        };
        let (values, templates) = (values.iter().copied().collect(), templates.iter().copied().collect());
        let example = RuleExample { file: rule.file(), values, templates, message };
        let explanation = rule.explanation();
        Self { code: rule.code(), summary: rule.summary(), explanation, example }
    }
}

pub(crate) fn explain(ui: &mut Ui, backends: &Backends, arguments: &Explain) -> io::Result<Verdict> {
    let all = explanation::rules_of(backends);
    let found = match &arguments.code {
        None => Ok(all),
        Some(text) => {
            let asked = |rule: &&explanation::KnownRule| rule.code().eq_ignore_ascii_case(text.trim());
            all.iter().find(asked).map(|rule| vec![*rule]).ok_or_else(|| unknown(text, &all))
        }
    };
    let (rules, diagnostics) = match found {
        Ok(rules) => (rules, Vec::new()),
        Err(problem) => (Vec::new(), vec![problem]),
    };
    let good = diagnostics.is_empty();
    if ui.is_json() {
        let result = good.then(|| Codes { codes: rules.iter().map(Rule::from).collect() });
        ui.json(&Outcome { good, result, diagnostics })?;
    } else if arguments.code.is_none() {
        for rule in rules {
            ui.say(format_args!("{}  {}", rule.code(), rule.summary()))?;
        }
    } else {
        diagnostics.iter().for_each(|problem| ui.problem(problem));
        for rule in rules {
            ui.say(rule.page())?;
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Refused })
}

fn unknown(text: &str, all: &[explanation::KnownRule]) -> Problem {
    let upper = text.to_ascii_uppercase();
    let known = all.iter().map(explanation::KnownRule::code);
    let like = Diagnostic::error(Code::Value, "", "").nearest(&upper, known);
    let help = like.help.unwrap_or_else(|| "`planwright explain` lists all".to_owned());
    Problem::error(format!("there is no code `{text}`")).help(help).nearest(like.nearest)
}
