//! `planwright replay` on recordings that are whole, cut off, damaged, and of another engine.
#![expect(clippy::unwrap_used, reason = "what is shared by tests is test code")]

mod program;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use plan_core::plan::{Model, Status};
use plan_core::spec::{Files, ReadOptions, Source, read};
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::recording::Recorder;
use plan_driver::store::MemoryStore;
use plan_driver::{Options, Scheduler};
use program::planwright;

/// Deploys a service, and records it.
async fn record(file: &Path) {
    let text = "name: hello\npods:\n  web:\n    count: 2\n    tasks:\n      \
                server: { goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 64 }\n";
    let values = BTreeMap::new();
    let options = ReadOptions { env: &values, strict_variables: true, files: Files::Skip };
    let spec = read(Source { file: "svc.yml", text }, &options).spec.unwrap();
    let model = Arc::new(Model::new(spec).unwrap());
    let recorder = Recorder::create(file, Recorder::LIMIT).unwrap();
    let options = Options::default().with_record(recorder.clone());
    let store = Arc::new(MemoryStore::new());
    let scheduler = Scheduler::start(store, Arc::new(PromptBackend::new()), options).await.unwrap();
    let hello = scheduler.service(&model.spec().name().clone()).await.unwrap();
    hello.target(model, None, None).await.unwrap();
    hello.wait(|engine| engine.plan_status("deploy") == Some(Status::Complete)).await.unwrap();
    scheduler.stop().await;
    recorder.flush().await;
}

#[tokio::test]
async fn a_recording_is_replayed_and_what_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording");
    record(&file).await;
    let name = file.to_str().unwrap().to_owned();
    let good = planwright(&["replay", &name]);
    assert_eq!((good.code, good.err.as_str()), (0, ""), "{}", good.out);
    assert!(
        good.out.starts_with("hello: ") && good.out.ends_with("the same as recorded, from 1 beginning\n"),
        "{}",
        good.out
    );
    let json = planwright(&["replay", "--output", "json", &name]);
    assert!(json.out.contains("\"good\": true"), "{}", json.out);

    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    let cut = planwright(&["replay", &name]);
    assert_eq!(cut.code, 0);
    assert!(cut.err.contains("the scheduler was killed"), "{}", cut.err);

    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let damaged = planwright(&["replay", &name]);
    assert_eq!(damaged.code, 1);
    assert!(damaged.err.contains("the recording is damaged at byte "), "{}", damaged.err);
    assert!(damaged.out.contains("the same as recorded"), "what is before is replayed: {}", damaged.out);

    std::fs::write(&file, "name: kafka\n").unwrap();
    let other = planwright(&["replay", &name]);
    assert_eq!(other.code, 1);
    assert!(other.err.contains("this is no recording"), "{}", other.err);
    assert_eq!(planwright(&["replay", "/nowhere/at/all"]).code, 1);
}
