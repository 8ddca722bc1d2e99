//! `render`: writes a template with its variables filled in. Invariant: a template with an error has no result.

use std::io;

use serde::Serialize;

use super::Outcome;
use crate::Verdict;
use crate::arguments::Render;
use crate::input;
use crate::problem::Problem;
use crate::ui::Ui;

#[derive(Debug, Serialize)]
struct RenderedText {
    rendered: String,
}

pub(crate) fn render(ui: &mut Ui, arguments: &Render) -> io::Result<Verdict> {
    let input = input::options(&arguments.reading).and_then(|options| input::load(&arguments.file, &options));
    let (result, diagnostics) = match input {
        Err(problems) => (None, problems),
        Ok(input) => {
            let (rendered, problems) = input.render();
            let good = !problems.iter().any(Problem::is_error);
            (good.then_some(RenderedText { rendered: rendered.text }), problems)
        }
    };
    let good = result.is_some();
    if ui.is_json() {
        ui.json(&Outcome { good, result, diagnostics })?;
    } else {
        diagnostics.iter().for_each(|problem| ui.problem(problem));
        if let Some(result) = result {
            ui.write(&result.rendered)?;
        }
    }
    Ok(if good { Verdict::Good } else { Verdict::Refused })
}
