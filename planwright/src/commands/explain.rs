//! `explain`: what a code means. Invariant: what is said here is what the book says; both come from the code
//! itself.

use std::collections::BTreeMap;
use std::io;

use plan_core::spec::{Code, Diagnostic, Example};
use serde::Serialize;

use super::Outcome;
use crate::Verdict;
use crate::arguments::Explain;
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

impl Rule {
    fn new(code: Code) -> Self {
        let Example { file, values, templates, message } = code.example();
        let (values, templates) = (values.iter().copied().collect(), templates.iter().copied().collect());
        let example = RuleExample { file, values, templates, message };
        let explanation = code.explanation().to_owned();
        Self { code: code.as_str(), summary: code.summary(), explanation, example }
    }
}

pub(crate) fn explain(ui: &mut Ui, arguments: &Explain) -> io::Result<Verdict> {
    let codes = match &arguments.code {
        None => Ok(Code::ALL.to_vec()),
        Some(text) => text.parse().map(|code| vec![code]).map_err(|_| unknown(text)),
    };
    let (codes, diagnostics) = match codes {
        Ok(codes) => (codes, Vec::new()),
        Err(problem) => (Vec::new(), vec![problem]),
    };
    let good = diagnostics.is_empty();
    if ui.is_json() {
        let result = good.then(|| Codes { codes: codes.into_iter().map(Rule::new).collect() });
        ui.json(&Outcome { good, result, diagnostics })?;
    } else if arguments.code.is_none() {
        for code in codes {
            ui.say(format_args!("{code}  {}", code.summary()))?;
        }
    } else {
        diagnostics.iter().for_each(|problem| ui.problem(problem));
        for code in codes {
            ui.say(explanation::page(code))?;
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Refused })
}

fn unknown(text: &str) -> Problem {
    let upper = text.to_ascii_uppercase();
    let known = Code::ALL.iter().map(|code| code.as_str());
    let like = Diagnostic::error(Code::Value, "", "").nearest(&upper, known);
    let help = like.help.unwrap_or_else(|| "`planwright explain` lists all".to_owned());
    Problem::error(format!("there is no code `{text}`")).help(help).nearest(like.nearest)
}
