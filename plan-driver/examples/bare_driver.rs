//! A scheduler without a host: a store, a backend, and the driver between them. It deploys a service, restarts an instance, and
//! prints what happens.
use plan_driver::prelude::*;
use std::sync::Arc;

const SHOP: &str = "
name: shop
pods:
  web:
    count: 2
    tasks:
      server: { goal: RUNNING, cmd: ./serve, cpus: 0.5, memory: 64 }
";

pub(crate) async fn story() -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
    // A real program keeps records on disk (`RedbStore`), and has a backend that reaches a cluster.
    let (store, backend) = (Arc::new(MemoryStore::new()), Arc::new(PromptBackend::new()));
    let scheduler = Scheduler::start(store, backend, Options::default()).await?;
    let shop = scheduler.service(&"shop".parse()?).await?;

    let model = Arc::new(Model::new(ServiceSpec::from_yaml(SHOP)?.strict()?)?);
    // The last argument is the name and the id of the request. Without one, the driver makes them.
    shop.target(model, None, None).await?;
    shop.wait(|engine| engine.plan_status("deploy") == Some(Status::Complete)).await?;

    let mut events = shop.events();
    let restart = Verb::RestartPod { instance: "web-1".parse()?, tasks: Vec::new() };
    let request = Request { id: "restart web-1 on Monday".into(), who: "the example".into(), verb: restart };
    let mut story = vec![format!("restart: {}", shop.verb(request.clone()).await?)];
    // The same id is the same request: nothing is restarted twice.
    story.push(format!("said again: {}", shop.verb(request).await?));
    shop.wait(|engine| matches!(engine.plan_status("recovery"), None | Some(Status::Complete))).await?;

    while let Ok(happened) = events.try_recv() {
        story.push(happened.story.to_string());
    }
    scheduler.stop().await;
    Ok(story)
}

#[allow(dead_code, clippy::print_stdout, reason = "a test takes this file as a module, and calls `story`")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    story().await?.iter().for_each(|line| println!("{line}"));
    Ok(())
}
