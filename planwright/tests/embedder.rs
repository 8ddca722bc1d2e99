//! A program that embeds a host serves its API, and the program `planwright` is the client.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use plan_core::spec::ServiceSpec;
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError, Finding, Kind};
use plan_host::{Host, HostedKind, HostedKinds};

use program::{Ran, planwright};

/// The backend of tests: its tasks reach their goals at once.
struct Prompt;

impl Kind for Prompt {
    fn name(&self) -> &'static str {
        "prompt"
    }

    fn check(&self, _: &ServiceSpec) -> Vec<Finding> {
        Vec::new()
    }
}

#[async_trait]
impl HostedKind for Prompt {
    fn about(&self) -> &'static str {
        "tasks that reach their goals at once"
    }

    async fn open(&self, _folder: &Path) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(Arc::new(PromptBackend::new()))
    }
}

/// The service, with so many instances.
fn shop(count: u32) -> ServiceSpec {
    let text = format!(
        "name: shop\npods:\n  web:\n    count: {count}\n    tasks:\n      server: {{goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}}\n"
    );
    ServiceSpec::from_yaml(&text).unwrap().strict().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_talks_to_an_embedded_scheduler() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::with_backends(data.path(), HostedKinds::of(Prompt)).open().await.unwrap();
    host.service("shop").deploy(shop(1)).await.unwrap().done().await.unwrap();
    let mut server = host.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let (url, token) = (format!("http://{}", server.address()), data.path().join("token"));
    let ask = |words: &[&str]| -> Ran {
        let token = token.to_str().unwrap();
        planwright(&[words, &["--url", &url, "--token-file", token]].concat())
    };

    let status = ask(&["plan", "status", "deploy"]);
    assert!(status.code == 0 && status.out.contains("web-0:[server] (COMPLETE)"), "{status}");
    let restart = ask(&["pod", "restart", "web-0"]);
    assert_eq!(restart.code, 0, "{restart}");
    // What the host changes, the client sees.
    host.service("shop").deploy(shop(2)).await.unwrap().done().await.unwrap();
    let pods = ask(&["pod", "list"]);
    assert!(pods.code == 0 && pods.out.contains("web-1"), "{pods}");
    // The API knows only the services of the host.
    let wrong = planwright(&[
        "plan",
        "list",
        "--url",
        &url,
        "--name",
        "other",
        "--token-file",
        token.to_str().unwrap(),
    ]);
    assert_eq!(wrong.code, 4, "{wrong}");

    server.stop().await;
    assert_eq!(ask(&["plan", "list"]).code, 3, "nobody listens any more");
    host.stop().await;
}
