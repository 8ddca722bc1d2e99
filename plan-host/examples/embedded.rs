//! A scheduler inside of a program: a folder of a specification, a data folder, the backend `local`. It deploys a service,
//! waits, updates it with other values, waits again, and takes the service away.
//!
//! The backend `local` keeps each task in a small process of its own, which outlives the scheduler. It starts that process
//! from this very program. So the first statement of `main` is `plan_host::helper()`: in a helper it does the helper's work
//! and gives the exit code. A test that uses `local` needs the same: `harness = false` in `Cargo.toml`, and a `main` that
//! begins so (`tests/embedded.rs`).
//!
//! `cargo run -p plan-host --example embedded -- specs/hello-world /tmp/embedded` runs it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use plan_host::prelude::*;

pub(crate) fn main() -> ExitCode {
    if let Some(code) = plan_host::helper() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [spec, data] = arguments.as_slice() else {
        eprintln!("name the folder of a specification, and a data folder");
        return ExitCode::FAILURE;
    };
    match run(Path::new(spec), Path::new(data)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
pub(crate) async fn run(spec: &Path, data: &Path) -> Result<(), Box<dyn Error>> {
    // An error has every problem, each with file, line and column. A warning is told here.
    let hello = plan_load::folder(spec)?.warn(|warning| eprintln!("{warning}"));
    let name = hello.spec().name().to_string();

    let host = Host::builder(data).backend("local").who("the example").open().await?;
    let run = host.service(&name).deploy(hello).await?;
    // It ends however the plan ends. An error has the reasons, step by step.
    run.done().await?;
    println!("`{name}` is deployed by the plan `{}`", run.plan());

    let more = LoadOptions::new().env("HELLO_COUNT", "3").load(spec)?.strict()?;
    host.service(&name).deploy(more.clone()).by("deploy").await?.done().await?;
    println!("`{name}` has {} pods", pods(&host, &name).await?);

    // The same by code: an edit is held to the rules of a file.
    let less = more.spec().edit(|service| {
        if let Some(hello) = service.pods.get_mut("hello") {
            hello.tasks["main"].env.insert("SLEEP_DURATION".to_owned(), "999".to_owned());
        }
    })?;
    host.service(&name).deploy(less.strict()?).await?.done().await?;
    println!("`{name}` runs its tasks with another value");

    host.service(&name).uninstall().await?;
    host.stop().await;
    Ok(())
}

/// How many pods have a task that lives, as the engine knows it.
async fn pods(host: &Host, name: &str) -> Result<usize, Box<dyn Error>> {
    let service = host.service(name).driver().await?;
    Ok(service.read(|engine| engine.pods().filter(|(_, pod)| pod.living().count() > 0).count()).await?)
}
