//! Any bytes are a specification, or have an error with its place; and what is a specification is written as
//! one that reads the same.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use plan_core::spec::{Files, ReadOptions, Reading, Source, read};

fn check(text: &str, env: &BTreeMap<String, String>, files: Files<'_>) -> Reading {
    let options = ReadOptions { env, strict_variables: true, files };
    let reading = read(Source { file: "svc.yml", text }, &options);
    assert_eq!(reading.spec.is_none(), reading.diagnostics.iter().any(|one| one.is_error()));
    for one in &reading.diagnostics {
        assert!(one.span.is_some_and(|span| text.get(span.range()).is_some()), "{one}: {:?}", one.span);
    }
    reading
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = Source::from_bytes("svc.yml", bytes) else { return };
    let env = [("A", "x"), ("TASKCFG_ALL_A", "1"), ("TASKCFG_A_B", "2"), ("TASKCFG_A_B_C", "3")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    if let Some(spec) = check(source.text, &env, Files::Skip).spec {
        let yaml = spec.to_yaml();
        let templates = spec.config_templates();
        let back = check(&yaml, &BTreeMap::new(), Files::Skip);
        assert!(templates.is_empty());
        assert_eq!(back.spec.as_ref(), Some(&spec), "{yaml}\n{:?}", back.diagnostics);
    }
});
