//! A custom scheduler, on the libraries alone: it reads events and figures, and says verbs and targets.
//!
//! - When a task of `store` fails for the third time, it runs the side plan `repair`.
//! - When `web` uses too much of its memory, it makes a target of the same file with twice as much.
//! - When a disk is about to fail, it replaces the member on it before.
//!
//! Nothing here is a callback inside of the engine: what it says goes through the same door as an operator's
//! words, has a reply, and is noted in the audit.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use backend_sim::{Act, Room, Scenario, Shape, Sight, run_with_operator};
use plan_core::engine::{End, Event, Parameters, Verb};
use plan_core::plan::Model;
use plan_core::spec::{Files, InstanceName, ReadOptions, Source, TaskName, read};

const SERVICE: &str = "
name: shop
pods:
  store:
    count: 3
    placement: hostname:UNIQUE
    resource-sets:
      main: { cpus: 1, memory: 512, volume: { path: data, type: ROOT, size: 1000 } }
      side: { cpus: 0.1, memory: 32 }
    tasks:
      server: { goal: RUNNING, cmd: ./store, resource-set: main }
      check: { goal: ONCE, cmd: ./check-data, resource-set: side }
  web:
    count: 2
    tasks:
      server: { goal: RUNNING, cmd: ./web, cpus: 0.5, memory: {{WEB_MEMORY}} }
plans:
  deploy:
    phases:
      store: { pod: store, steps: [ { default: [[server]] } ] }
      web: { pod: web }
  repair:
    phases:
      check: { pod: store, strategy: parallel, steps: [ { default: [[check]] } ] }
";

/// The service, with so much memory for each `web`, in MB.
fn service(web_memory: u32) -> Result<Arc<Model>, Box<dyn Error>> {
    let env = BTreeMap::from([("WEB_MEMORY".to_owned(), web_memory.to_string())]);
    let options = ReadOptions { env: &env, strict_variables: true, files: Files::Skip };
    let reading = read(Source { file: "shop.yml", text: SERVICE }, &options);
    Ok(Arc::new(Model::new(reading.spec.ok_or("the file is good")?)?))
}

/// What a monitoring system would say: how much memory the busiest `web` uses, in MB.
fn memory_in_use(time: Duration) -> u32 {
    if time < Duration::from_secs(120) { 60 } else { 120 }
}

/// What a prediction would say: whose disk fails within the hour.
fn about_to_fail(time: Duration) -> Option<InstanceName> {
    if time < Duration::from_secs(240) { None } else { "store-1".parse().ok() }
}

/// The scheduler's own state: what it read, and what it did.
struct Scheduler {
    failures: BTreeMap<(InstanceName, TaskName), u32>,
    web_memory: u32,
    replaced: Option<InstanceName>,
    story: Vec<String>,
}

impl Scheduler {
    /// Reads what happened and the figures; what it does about it.
    fn act(&mut self, sight: &Sight<'_>) -> Result<Vec<Act>, Box<dyn Error>> {
        let mut acts = Vec::new();
        for event in sight.events {
            let Event::Ended { instance, task, end: End::Failed, expected: false, .. } = event else {
                continue;
            };
            let failures = self.failures.entry((instance.clone(), task.clone())).or_default();
            *failures += 1;
            if *failures == 3 {
                self.tell(sight, format!("{instance}-{task} failed for the third time: start repair"));
                acts.push(Act::Verb(Verb::Start { plan: "repair".parse()?, parameters: Parameters::new() }));
            }
        }
        let used = memory_in_use(sight.time);
        if used * 10 > self.web_memory * 9 {
            self.web_memory *= 2;
            self.tell(sight, format!("web uses {used} MB: it gets {} MB", self.web_memory));
            acts.push(Act::Target(service(self.web_memory)?));
        }
        let failing = about_to_fail(sight.time).filter(|failing| self.replaced.as_ref() != Some(failing));
        if let Some(failing) = failing {
            self.tell(sight, format!("the disk of {failing} is about to fail: replace it"));
            acts.push(Act::Verb(Verb::ReplacePod { instance: failing.clone() }));
            self.replaced = Some(failing);
        }
        // The figures are read every half minute.
        if sight.events.is_empty() && sight.time < Duration::from_secs(300) {
            acts.push(Act::LookIn(Duration::from_secs(30)));
        }
        Ok(acts)
    }

    fn tell(&mut self, sight: &Sight<'_>, what: String) {
        self.story.push(format!("{:>3} s  {what}", sight.time.as_secs()));
    }
}

/// Runs it in the simulator; what it did, and what was replied.
pub(crate) fn story() -> Result<Vec<String>, Box<dyn Error>> {
    let mut scenario = Scenario::new(service(128)?);
    let capacity = Some(Room { cpus: 4_000, gpus: 0, memory: 2_048, disk: 4_000 });
    scenario.shape = Shape { nodes: Some(4), capacity, ..Shape::default() };
    for at in [20, 40, 60] {
        scenario.faults.push(format!("end:store-2-server@{at}s").parse()?);
    }
    let mut scheduler =
        Scheduler { failures: BTreeMap::new(), web_memory: 128, replaced: None, story: Vec::new() };
    let (mut begun, mut failed) = (false, None);
    let report = run_with_operator(&scenario, &mut |sight| {
        let mut acts = scheduler.act(sight).unwrap_or_else(|error| {
            failed = Some(error);
            Vec::new()
        });
        if !std::mem::replace(&mut begun, true) {
            acts.push(Act::LookIn(Duration::from_secs(30)));
        }
        acts
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let mut story = scheduler.story;
    story.extend(report.replies.iter().map(|(words, reply)| format!("{words}: {reply}")));
    story.extend(
        report.plans.iter().flat_map(|plan| plan.to_string().lines().map(str::to_owned).collect::<Vec<_>>()),
    );
    Ok(story)
}

#[allow(dead_code, reason = "a test takes this file as a module, and does not call `main`")]
fn main() -> Result<(), Box<dyn Error>> {
    story()?.iter().for_each(|line| println!("{line}"));
    Ok(())
}
