//! Templates (SDK rule R44): the rendered text, the problems, and the origin of each byte.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod spec_support;

use plan_core::spec::template::{Missing, render};
use plan_core::spec::{Lines, Span};
use proptest::prelude::*;
use spec_support::env;

#[test]
fn templates_render() {
    let values = env(&[
        ("X", "a<b>&\"'"),
        ("ON", "true"),
        ("BIG", "TRUE"),
        ("OFF", "False"),
        ("NO", ""),
        ("TEXT", "yes"),
        ("JSON", "[[\"a\"]]"),
    ]);
    let cases = [
        ("", ""),
        ("plain } {x} text", "plain } {x} text"),
        ("a {{X}} b", "a a<b>&\"' b"),
        ("{{{X}}}{{& X }}{{ X }}", "a<b>&\"'a<b>&\"'a<b>&\"'"),
        ("'{{{JSON}}}'", "'[[\"a\"]]'"),
        ("{{BIG}} {{OFF}}", "true false"),
        (
            "{{#ON}}1{{/ON}}{{#BIG}}2{{/BIG}}{{#TEXT}}3{{/TEXT}}{{#OFF}}4{{/OFF}}{{#NO}}5{{/NO}}{{#NONE}}6{{/NONE}}",
            "123",
        ),
        (
            "{{^ON}}1{{/ON}}{{^BIG}}2{{/BIG}}{{^TEXT}}3{{/TEXT}}{{^OFF}}4{{/OFF}}{{^NO}}5{{/NO}}{{^NONE}}6{{/NONE}}",
            "456",
        ),
        ("a\n  {{#ON}}\n  b\n  {{/ON}}\nc\n", "a\n  b\nc\n"),
        ("a\r\n{{#ON}}\r\nb\r\n{{/ON}}\r\nc", "a\r\nb\r\nc"),
        ("a\n{{#OFF}}\nb\n{{/OFF}}\nc", "a\nc"),
        ("{{#ON}}\na\n{{/ON}}", "a\n"),
        ("{{#ON}}\n{{#OFF}}\nx\n{{/OFF}}\n{{^OFF}}\ny\n{{/OFF}}\n{{/ON}}\nz", "y\nz"),
        ("{{#OFF}}\n{{#ON}}\nx {{NONE}}\n{{/ON}}\n{{/OFF}}\nz", "z"),
        ("| {{#ON}} x {{/ON}} |", "|  x  |"),
        ("a\n{{! a comment\nof two lines }}\nb {{! more }}c", "a\nb c"),
        ("a\n  {{TEXT}}\nb", "a\n  yes\nb"),
        ("\u{feff}name: x", "name: x"),
        ("é{{TEXT}}é", "éyesé"),
        // Other delimiters, until they are changed back. A section that is off does not keep them off.
        ("{{=<% %>=}}{{TEXT}} <%TEXT%><%={{ }}=%> {{TEXT}} <%TEXT%>", "{{TEXT}} yes yes <%TEXT%>"),
        ("a\n{{=<% %>=}}\n{{{x}}}<%#OFF%>{{y}}<%={{ }}=%>{{/OFF}}{{TEXT}}", "a\n{{{x}}}yes"),
        ("{{= | | =}}|TEXT| |! words | {{TEXT}}", "yes  {{TEXT}}"),
    ];
    for (template, expected) in cases {
        let rendered = render(template, &values, Missing::Refuse);
        assert_eq!(rendered.text, expected, "{template}");
        assert!(rendered.diagnostics.is_empty(), "{template}: {:?}", rendered.diagnostics);
    }
}

#[test]
fn what_is_wrong_with_a_template_has_a_place() {
    let cases = [
        ("a\nb {{X}} {{Y}}", &["2:3 P020 `X`", "2:9 P020 `Y`"][..]),
        ("{{#S}}{{X}}{{/S}}{{^S}}{{Y}}{{/S}}", &["1:24 P020 `Y`"]),
        ("a\n{{#A}}\nb", &["2:1 P022 the section `A` is not closed"]),
        ("a\n{{/A}}\nb", &["2:1 P022 the section `A` was not opened"]),
        ("{{#A}}{{#B}}{{/A}}", &["1:7 P022 the section `B` is not closed before `{{/A}}`"]),
        ("{{#A}}{{/B}}{{/A}}", &["1:7 P022 the section `B` was not opened"]),
        ("a {{X", &["1:3 P021 not closed on its line"]),
        ("a {{X\n}} {{Y}}", &["1:3 P021 not closed", "2:4 P020 `Y`"]),
        ("{{{X}} b", &["1:1 P021 not closed on its line with `}}}`"]),
        ("{{}}", &["1:1 P021 no name"]),
        ("{{# }}x{{/ }}", &["1:1 P021 no name", "1:8 P021 no name"]),
        (
            "{{> other}}{{=<%=}}{{=<% = %>=}}{{=<%}}",
            &[
                "1:1 P021 no `{{>`",
                "1:12 P021 two delimiters",
                "1:20 P021 two delimiters",
                "1:33 P021 two delimiters",
            ],
        ),
        ("{{=<% %>=}}\n<% x", &["2:1 P021 not closed on its line with `%>`"]),
        ("{{! open", &["1:1 P021 not closed"]),
    ];
    for (template, expected) in cases {
        let rendered = render(template, &env(&[]), Missing::Refuse);
        let lines = Lines::new(template);
        let mut found = rendered.diagnostics.clone();
        found.sort_by_key(|one| one.span.unwrap());
        let found: Vec<_> = found
            .iter()
            .map(|one| {
                let at = lines.position(one.span.unwrap().start);
                format!("{}:{} {} {}", at.line, at.column, one.code, one.message)
            })
            .collect();
        let fits = |(found, expected): (&String, &&str)| {
            let (head, part) = expected.split_at(expected.find(" P0").unwrap() + 5);
            found.starts_with(head) && found.contains(part.trim())
        };
        let all = found.len() == expected.len() && found.iter().zip(expected).all(fits);
        assert!(all, "{template}: {found:#?}");
    }
}

#[test]
fn a_lenient_rendering_leaves_missing_values_empty_and_names_them() {
    let rendered = render("a {{X}}{{#S}}{{Y}}{{/S}}", &env(&[]), Missing::Empty);
    assert_eq!((rendered.text.as_str(), rendered.diagnostics.len()), ("a ", 0));
    assert_eq!(rendered.missing, [("X".to_owned(), Span { start: 2, end: 7 })]);
}

#[test]
fn places_lead_back_to_the_template() {
    let template = "a: {{X}}\n{{#S}}\nb: {{Y}}{{NONE}}\n{{/S}}\nc: d\n";
    let rendered = render(template, &env(&[("X", "12345"), ("Y", "z"), ("S", "on")]), Missing::Empty);
    assert_eq!(rendered.text, "a: 12345\nb: z\nc: d\n");
    let back = |part: &str| {
        let start = rendered.text.find(part).unwrap();
        let span = Span { start, end: start + part.len() };
        (&template[rendered.span(span).range()], rendered.variable(span))
    };
    assert_eq!(back("a"), ("a", None));
    assert_eq!(back("234"), ("{{X}}", Some("X")));
    assert_eq!(back("b: z"), ("b: {{Y}}", Some("Y")));
    assert_eq!(back("d\n"), ("d\n", None));
    let end = rendered.text.len();
    assert_eq!(rendered.span(Span { start: end, end }), Span { start: template.len(), end: template.len() });
}

proptest! {
    #[test]
    fn any_text_is_rendered_or_refused_with_places(
        pieces in prop::collection::vec(prop_oneof![
            "\\PC{0,6}", Just("{{#A}}".to_owned()), Just("{{/A}}".to_owned()), Just("{{^B}}".to_owned()), Just("{{/B}}".to_owned()),
            Just("{{A}}".to_owned()), Just("{{{C}}}".to_owned()), Just("{{!".to_owned()), Just("\n".to_owned()), Just("{{".to_owned()),
            Just("}}".to_owned()), Just("  ".to_owned()),
        ], 0..40),
        a in "(true|false|é|)",
    ) {
        let template = pieces.concat();
        let rendered = render(&template, &env(&[("A", &a), ("C", "x\ny")]), Missing::Refuse);
        for one in &rendered.diagnostics {
            prop_assert!(template.get(one.span.unwrap().range()).is_some());
        }
        let boundaries: Vec<usize> = (0..=rendered.text.len()).filter(|at| rendered.text.is_char_boundary(*at)).collect();
        for pair in boundaries.windows(2) {
            let span = rendered.span(Span { start: pair[0], end: pair[1] });
            let from = template.get(span.range());
            prop_assert!(from.is_some(), "{span:?}");
            if rendered.variable(Span { start: pair[0], end: pair[1] }).is_none() {
                prop_assert_eq!(from.unwrap(), &rendered.text[pair[0]..pair[1]]);
            }
        }
        if !template.contains("{{") {
            prop_assert_eq!(rendered.text, template.trim_start_matches('\u{feff}'));
        }
    }
}
