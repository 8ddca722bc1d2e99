//! Any text renders or has an error at a place in it, and every place in what was rendered comes from a
//! place in the template.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use plan_core::spec::Span;
use plan_core::spec::template::{Missing, render};

fuzz_target!(|text: &str| {
    let values = [("A", "x"), ("B", "true"), ("C", "FALSE"), ("D", ""), ("E", "{{A}}\n- b")];
    let values: BTreeMap<String, String> =
        values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    for missing in [Missing::Refuse, Missing::Empty] {
        let rendered = render(text, &values, missing);
        for one in &rendered.diagnostics {
            assert!(one.span.is_some_and(|span| text.get(span.range()).is_some()), "{one}: {:?}", one.span);
        }
        // Every value is short, so that the text cannot grow by much.
        assert!(rendered.text.len() <= text.len() * 3);
        let ends = rendered.text.char_indices().map(|(at, _)| at).take(200);
        for at in ends {
            for end in [at, at + 1, rendered.text.len()] {
                let span = rendered.span(Span { start: at, end });
                assert!(span.start <= span.end && span.end <= text.len(), "{span:?}");
                let _ = rendered.variable(Span { start: at, end });
            }
        }
    }
});
