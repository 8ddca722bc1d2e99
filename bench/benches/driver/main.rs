//! What the driver costs, beside what its disk costs. `cargo bench -p planwright-bench --bench driver`; names of
//! parts (`verb`, `restart`, `idle`, `recording`) run these alone.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints its figures")]

mod idle;
mod recording;
mod restart;
mod verb;

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use async_trait::async_trait;
use plan_core::engine::Command;
use plan_core::plan::Model;
use plan_core::spec::{ServiceName, ServiceSpec};
use plan_driver::backend::prompt::PromptBackend;
use plan_driver::backend::{Backend, BackendError, Finding, Kind, Opening, Reports, Session};
use plan_driver::store::Store;
use plan_driver::{Options, Scheduler, Service};
use tokio::sync::mpsc;

fn main() {
    println!("# the driver, {} build\n", if cfg!(debug_assertions) { "a debug" } else { "an optimised" });
    println!("| what | figure | beside it | aim |\n| --- | ---: | ---: | ---: |");
    let named: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    runtime.expect("a runtime").block_on(async {
        if wanted("verb") {
            // As an operator's request is: a task of the runtime.
            tokio::spawn(verb::verb_to_command()).await.expect("it ends");
        }
        if wanted("restart") {
            restart::restart(100_000).await;
        }
        if wanted("idle") {
            idle::idle(1_000).await;
        }
        if wanted("recording") {
            recording::recording(500).await;
        }
    });
}

/// Notes when a command comes, and keeps it from nobody.
struct Timed(PromptBackend, mpsc::UnboundedSender<Clock>);

struct TimedSession(Box<dyn Session>, mpsc::UnboundedSender<Clock>);

impl Kind for Timed {
    fn name(&self) -> &'static str {
        "timed"
    }

    fn check(&self, spec: &ServiceSpec) -> Vec<Finding> {
        self.0.check(spec)
    }
}

#[async_trait]
impl Backend for Timed {
    fn kind(&self) -> &dyn Kind {
        self
    }

    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(TimedSession(self.0.open(opening, reports).await?, self.1.clone())))
    }
}

#[async_trait]
impl Session for TimedSession {
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError> {
        for _ in &commands {
            let _ = self.1.send(Clock::now());
        }
        self.0.carry_out(commands).await
    }
}

async fn start(store: Arc<dyn Store>, backend: Arc<dyn Backend>, options: Options) -> (Scheduler, Service) {
    let scheduler = Scheduler::start(store, backend, options).await.expect("a store");
    let service = scheduler.service(&ServiceName::new("kafka").expect("a name")).await.expect("a service");
    (scheduler, service)
}

async fn deploy(service: &Service, model: &Arc<Model>) {
    service.target(model.clone(), None, None).await.expect("a target");
    service.wait(|engine| engine.is_deployed()).await.expect("deployed");
}

/// Processor time of this process, and its memory in KB.
fn used() -> (Duration, u64) {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let usage = Duration::new(clock.tv_sec.unsigned_abs(), u32::try_from(clock.tv_nsec).unwrap_or(0));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    (usage, line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or(0))
}

fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}
