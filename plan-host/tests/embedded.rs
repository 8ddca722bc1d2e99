//! The example of an embedded scheduler, with real processes, and what a host promises of its data folder. It has a `main` of
//! its own: the backend `local` starts this program again as the keeper of each task.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and says what is good"
)]

#[path = "../examples/embedded.rs"]
#[allow(dead_code, reason = "its `main` is this test's own")]
mod embedded;

use std::path::Path;
use std::process::ExitCode;

use plan_core::engine::Refusal;
use plan_core::spec::ServiceSpec;
use plan_host::folder::FolderError;
use plan_host::{Host, HostError, NotDone};

fn main() -> ExitCode {
    if let Some(code) = plan_host::helper() {
        return code;
    }
    let spec = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/hello-world"));
    let data = tempfile::tempdir().unwrap();
    embedded::run(spec, data.path()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(a_plan_that_fails_is_an_end());
    runtime.block_on(what_the_backend_does_not_support_has_a_path());
    println!("embedded: all is good");
    ExitCode::SUCCESS
}

fn spec(command: &str) -> ServiceSpec {
    let text = format!(
        "name: shop\npods:\n  web:\n    count: 1\n    tasks:\n      once: {{goal: ONCE, cmd: {command:?}, cpus: 0.1, memory: 32}}\n"
    );
    ServiceSpec::from_yaml(&text).unwrap().strict().unwrap()
}

async fn a_plan_that_fails_is_an_end() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::builder(data.path()).open().await.unwrap();
    let run = host.service("shop").deploy(spec("echo no disk >&2; exit 3")).await.unwrap();
    let ended = run.clone().failures(2).done().await.unwrap_err();
    assert!(matches!(ended, NotDone::Failed { .. }), "{ended}");
    let told = ended.to_string();
    assert!(told.contains("the plan `deploy` failed") && told.contains("no disk"), "{told}");
    // Another specification takes its place: whoever waits for the first learns of it.
    let good = host.service("shop").deploy(spec("true")).await.unwrap();
    good.done().await.unwrap();
    assert!(matches!(run.done().await, Err(NotDone::Overtaken { .. })));
    // The folder is this host's.
    let other = Host::builder(data.path()).open().await;
    assert!(matches!(other, Err(HostError::Folder(FolderError::Held { .. }))), "{other:?}");
    // A plan that the specification does not have is refused, also where nothing would be to be done.
    let misspelt = host.service("shop").deploy(spec("true")).by("upgrade").await;
    assert!(matches!(misspelt, Err(HostError::Refused(Refusal::NoPlan(_)))), "{misspelt:?}");
    // A service that is only asked about does not begin to exist.
    let nobody = host.service("never").uninstall().await;
    assert!(matches!(nobody, Err(HostError::Refused(Refusal::NoService))), "{nobody:?}");
    assert_eq!(host.services().await.len(), 1);
    host.service("shop").uninstall().await.unwrap();
    assert!(matches!(good.done().await, Err(NotDone::Uninstalled)));
    host.stop().await;
    assert!(matches!(good.done().await, Err(NotDone::Gone(_))));
}

async fn what_the_backend_does_not_support_has_a_path() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::builder(data.path()).backend("local").open().await.unwrap();
    let image = spec("true").edit(|service| service.pods["web"].image = Some("nginx".to_owned()));
    let refused = host.service("shop").deploy(image.unwrap().strict().unwrap()).await.unwrap_err();
    let told = refused.to_string();
    assert!(told.contains("error[L002] pods.web.image: ") && told.contains("the backend `local`"), "{told}");
    let no_backend = Host::builder(data.path()).backend("mars").open().await.unwrap_err();
    assert_eq!(no_backend.to_string(), "there is no backend `mars`: the host has local");
    host.stop().await;
}
