//! Commit, then everything else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use plan_core::engine::{
    Command, CommandOutcome, FitAnswer, Grant, Handle, Incarnation, InstallationId, LaunchAnswer,
    Observation, Reply, Seen, Snapshot,
};
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{NodeName, ServiceSpec};
use plan_driver::Scheduler;
use plan_driver::backend::{Backend, BackendError, BackendReport, Finding, Kind, Opening, Reports, Session};

use crate::kit::{Fate, Kit, Log, WatchedStore, model, name, options, restart, settle, within};

/// Answers each command, and notes when the answer is durable.
struct Receipts(Log);

struct Receipt {
    log: Log,
    installation: InstallationId,
    reports: Reports,
}

impl Kind for Receipts {
    fn name(&self) -> &'static str {
        "receipts"
    }

    fn check(&self, _: &ServiceSpec) -> Vec<Finding> {
        Vec::new()
    }
}

#[async_trait]
impl Backend for Receipts {
    fn kind(&self) -> &dyn Kind {
        self
    }

    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(Receipt { log: self.0.clone(), installation: opening.identity.installation, reports }))
    }
}

#[async_trait]
impl Session for Receipt {
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError> {
        for command in commands {
            self.one(command).await?;
        }
        Ok(())
    }
}

impl Receipt {
    async fn one(&mut self, command: Command) -> Result<(), BackendError> {
        let node = Arc::new(NodeFacts {
            name: NodeName::new("node-0").unwrap(),
            region: None,
            zone: None,
            attributes: Default::default(),
        });
        let (what, reports) = match command {
            Command::Fit(fit) => {
                let grant = Grant::new(node, Handle("room".into()));
                let answer = FitAnswer::Fitted(grant);
                let outcome = CommandOutcome::Fit { instance: fit.instance, launch: fit.launch, answer };
                ("fit", vec![BackendReport::Outcome(outcome)])
            }
            Command::Launch(launch) => {
                let (instance, number) = (launch.instance.clone(), launch.launch);
                let of = Incarnation {
                    installation: self.installation.clone(),
                    instance: instance.clone(),
                    task: launch.tasks[0].config.task.clone(),
                    launch: number,
                };
                let answer = LaunchAnswer::Done;
                let runs = Observation::new(of, 1, Seen::Running { ready: true });
                let done =
                    BackendReport::Outcome(CommandOutcome::Launch { instance, launch: number, answer });
                ("launch", vec![done, BackendReport::Observed(runs)])
            }
            Command::Reconcile { number, .. } => {
                let snapshot = Snapshot::new(number, number, Vec::new());
                ("reconcile", vec![BackendReport::Snapshot(snapshot)])
            }
            _ => return Ok(()),
        };
        self.log.note(format!("command {what}"));
        let (log, to) = (self.log.clone(), self.reports.clone());
        tokio::spawn(async move {
            for report in reports {
                to.tell(report).await.unwrap().durable().await.unwrap();
                log.note(format!("receipt {what}"));
            }
        });
        Ok(())
    }
}

/// Nothing leaves between the beginning of a commit and its end, however long that takes.
#[tokio::test(start_paused = true)]
async fn nothing_leaves_before_it_is_durable() {
    let log = Log::default();
    let mut store = WatchedStore::new(&log);
    store.takes = Duration::from_secs(20);
    let scheduler =
        Scheduler::start(Arc::new(store), Arc::new(Receipts(log.clone())), options()).await.unwrap();
    let service = scheduler.service(&name("hello")).await.unwrap();
    let mut events = service.events();
    let heard = log.clone();
    tokio::spawn(async move {
        while events.recv().await.is_ok() {
            heard.note("event");
        }
    });
    let reply = service.target(model("hello", 1), None, None).await.unwrap();
    log.note("reply");
    assert_eq!(reply, Reply::Done);
    let complete = service.wait(|engine| engine.is_deployed());
    within(complete).await.unwrap();
    settle().await;
    let all = log.take();
    let mut committing = false;
    for (at, what) in all.iter().enumerate() {
        match what.as_str() {
            "commit" => committing = true,
            "durable" => committing = false,
            other if other.starts_with("open") => {}
            other => assert!(!committing, "{other} left too early, at {at}: {all:?}"),
        }
    }
    for what in ["reply", "event", "command fit", "receipt fit", "command launch", "receipt launch"] {
        assert!(all.iter().any(|noted| noted == what), "no {what}: {all:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_meanwhile_is_one_batch() {
    let kit = Kit::deployed(1).await;
    kit.store.open_gate.send_replace(false);
    let first = tokio::spawn({
        let service = kit.service.clone();
        async move { service.verb(restart("first")).await }
    });
    kit.noted("commit", 1).await;
    let rest: Vec<_> = (0..10)
        .map(|n| {
            let service = kit.service.clone();
            tokio::spawn(async move { service.verb(crate::kit::interrupt(&n.to_string())).await })
        })
        .collect();
    settle().await;
    assert_eq!(kit.log.count("commit"), 1);
    kit.store.open_gate.send_replace(true);
    first.await.unwrap().unwrap();
    for asked in rest {
        asked.await.unwrap().unwrap();
    }
    let audits = kit.service.read(|engine| engine.audit().count()).await.unwrap();
    assert!(audits >= 11, "{audits} audits");
    let commits = kit.log.count("commit");
    assert!(commits <= 5, "eleven verbs and what came of the first were {commits} commits");
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_batch_orders_never_leaves() {
    let kit = Kit::deployed(1).await;
    kit.store.commits.set([Fate::Fails]);
    let mut events = kit.service.events();
    let error = kit.service.verb(restart("again")).await.unwrap_err();
    assert_eq!(error, plan_driver::DriverError::Unknown);
    assert_eq!(kit.log.count("command"), 0);
    assert!(events.try_recv().is_err());
    kit.until(|condition| *condition == plan_driver::Condition::Running).await;
    let audits = kit.service.read(|engine| engine.audit().count()).await.unwrap();
    assert_eq!(audits, 0, "nothing of it is left");
    // The same again under the same id is done once, now.
    assert_eq!(kit.service.verb(restart("again")).await.unwrap(), Reply::Done);
    kit.noted("command launch", 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_result_is_unknown_is_done_once() {
    for fate in [Fate::DoneUnknown, Fate::LostUnknown, Fate::Hangs, Fate::Panics] {
        let kit = Kit::deployed(1).await;
        kit.store.commits.set([fate]);
        let error = within(kit.service.verb(restart("again"))).await.unwrap_err();
        assert_eq!(error, plan_driver::DriverError::Unknown, "{fate:?}");
        kit.until(|condition| *condition == plan_driver::Condition::Running).await;
        assert_eq!(kit.service.verb(restart("again")).await.unwrap(), Reply::Done, "{fate:?}");
        kit.noted("command launch", 1).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(kit.log.count("command launch"), 1, "{fate:?}: {:?}", kit.log.take());
        let audits = kit.service.read(|engine| engine.audit().count()).await.unwrap();
        assert_eq!(audits, 1, "{fate:?}");
    }
}
