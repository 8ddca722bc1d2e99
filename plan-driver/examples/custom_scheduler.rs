//! A custom scheduler, run in the simulator and on the driver. It checks the data of `store` after each crash, and doubles
//! the memory of `web` when a figure says so.
use backend_sim::prelude::*;
use plan_driver::prelude::*;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

struct Keeper(UnboundedSender<String>);

impl Operator for Keeper {
    fn name(&self) -> &str {
        "keeper"
    }

    fn reconcile(&mut self, context: &mut Context<'_>) -> Called {
        for (instance, pod) in context.engine().pods() {
            let Some(trouble) = pod.tasks().find_map(|task| task.trouble()) else { continue };
            let verb = Verb::Start { plan: "check".parse()?, parameters: Parameters::new() };
            context.verb(&format!("check {instance} after launch {}", trouble.launch), verb);
        }
        Ok(())
    }

    fn on_event(&mut self, context: &mut Context<'_>, event: &Event) -> Called {
        if let Event::Ended { end: End::Failed, .. } = event { self.reconcile(context) } else { Ok(()) }
    }

    fn on_reply(&mut self, context: &mut Context<'_>, id: &str, reply: &Reply) -> Called {
        Ok(self.0.send(format!("{:>3} s  {id}: {reply}", context.now().since(Wall(0)).as_secs()))?)
    }

    fn interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(30))
    }

    fn every(&mut self, context: &mut Context<'_>) -> Called {
        let Some(model) = context.engine().model() else { return Ok(()) };
        let has = model.spec().pods()["web"].resource_sets["main"].memory.map_or(0, Megabytes::get);
        let used = if context.now() < Wall(120_000_000) { 60 } else { 120 }; // Ask your monitoring.
        if used * 10 > has * 9 {
            let more = Megabytes::new(has * 2);
            let edited = model.spec().edit(|shop| shop.pods["web"].resource_sets["main"].memory = more)?;
            context.target(&format!("web gets {} MB", has * 2), Arc::new(Model::new(edited.strict()?)?));
        }
        Ok(())
    }
}

pub(crate) async fn story() -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
    let (tell, mut told) = unbounded_channel();
    let mut keeper = Keeper(tell);
    let shop = Arc::new(Model::new(ServiceSpec::from_yaml(include_str!("shop.yml"))?.strict()?)?);
    let mut scenario = Scenario::new(shop.clone());
    scenario.until = Duration::from_secs(300);
    scenario.faults.push("end:store-2-server@20s".parse()?);
    run_with_operator(&scenario, &mut keeper)?;
    let mut story: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).collect();
    let options = Options::default().with_clock(Arc::new(TokioClock::new()));
    let (store, backend) = (Arc::new(MemoryStore::new()), Arc::new(PromptBackend::new()));
    let scheduler = Scheduler::start(store, backend, options).await?;
    let service = scheduler.service(&"shop".parse()?).await?;
    service.operate(keeper);
    service.target(shop, None, None).await?;
    story.extend(told.recv().await.map(|line| format!("{line}, on the driver")));
    scheduler.stop().await;
    Ok(story)
}

// The clock of this runtime is paused: time passes when nothing else is to be done.
#[allow(dead_code, clippy::print_stdout, reason = "a test takes this file as a module, and calls `story`")]
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Called {
    story().await?.iter().for_each(|line| println!("{line}"));
    Ok(())
}
