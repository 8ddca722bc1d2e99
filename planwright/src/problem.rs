//! Problems, for people and for programs. Invariant: the two forms of a [`Problem`], text and JSON, say the same.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use plan_core::spec::{MarkedLine, Severity};

pub(crate) use plan_core::spec::Problem;

/// The problem in the form of rustc: the code and message, the place, the line with the place marked, the help.
pub(crate) fn render(problem: &Problem, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut title = level.primary_title(problem.message.as_str());
    if let Some(code) = &problem.code {
        title = title.id(&**code);
    }
    let mut group = Group::with_title(title);
    match (problem.marked_line(), &problem.file) {
        (Some(MarkedLine { line, span, cut, .. }), Some(file)) => {
            let note =
                problem.variable.as_ref().map(|variable| format!("the value of the variable `{variable}`"));
            let mark = AnnotationKind::Primary.span(span.range()).label(note);
            let mut snippet = Snippet::source(line.as_str());
            if *cut {
                // The column counts from the beginning of the whole line.
                group = group.element(origin(problem, file));
            } else {
                snippet = snippet.path(file.as_str());
            }
            group = group.element(snippet.line_start(problem.line.unwrap_or(1)).annotation(mark));
        }
        (None, Some(file)) if problem.code.is_some() || problem.line.is_some() => {
            group = group.element(origin(problem, file));
        }
        // The message names the file.
        _ => {}
    }
    if let Some(backend) = &problem.backend {
        group = group.element(Level::NOTE.message(format!("the backend `{backend}` does not support it")));
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

fn origin<'a>(problem: &Problem, file: &'a str) -> Origin<'a> {
    match (problem.line, problem.column) {
        (Some(line), Some(column)) => Origin::path(file).line(line).char_column(column),
        _ => Origin::path(file),
    }
}

#[cfg(test)]
mod tests {
    use plan_core::spec::{Lines, Span};

    use super::*;

    #[test]
    fn of_a_long_line_the_surroundings_of_the_place_are_kept() {
        let text = format!("{}wrong{}", "ä".repeat(100_000), "ö".repeat(100_000));
        let problem = Problem::error("this is wrong");
        let problem = problem.at("f.yml", &Lines::new(&text), Span { start: 200_000, end: 200_005 });
        let told = render(&problem, &Renderer::plain());
        insta::assert_snapshot!(told);
        let whole = problem.at("f.yml", &Lines::new(&text), Span { start: 0, end: text.len() });
        assert!(render(&whole, &Renderer::plain()).len() < 20_000);
    }

    #[test]
    fn of_a_place_over_lines_the_first_is_marked() {
        let text = "ä: b\nçd: {\n  x }\n";
        let problem =
            Problem::error("this is wrong").at("f.yml", &Lines::new(text), Span { start: 10, end: 17 });
        insta::assert_snapshot!(render(&problem.help("mend it"), &Renderer::plain()));
    }
}
