//! A backend whose tasks reach their goals at once: for tests of what is above it.
//!
//! Invariant: every command is answered. There is always room, on one node. A launched task runs and is ready, or has
//! finished, as its goal asks. Other promises of a real backend are not kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use plan_core::engine::{
    Answer, Command, CommandOutcome, End, Fit, FitAnswer, Found, Grant, Handle, Incarnation, InstallationId,
    LaunchAnswer, Note, NoteName, NoteText, Number, Observation, ReleaseAnswer, Ruling, Seen, Snapshot, Wall,
    Words,
};
use plan_core::spec::placement::NodeFacts;
use plan_core::spec::{Goal, NodeName, PortChoice, ServiceSpec, TaskName};
use tokio::sync::mpsc;

use super::{Backend, BackendError, BackendReport, Finding, Identity, Kind, Opening, Reports, Session};

/// Pretends to run every task at once. All clones are one cluster.
#[derive(Debug, Clone, Default)]
pub struct PromptBackend {
    tasks: Arc<Mutex<BTreeMap<InstallationId, Tasks>>>,
    /// The command of the tasks that it refuses.
    refuses: Option<Arc<str>>,
    /// What it keeps in the records of each service.
    note: Option<Note>,
}

type Tasks = BTreeMap<(Number, TaskName), (Incarnation, Seen, u64)>;

impl PromptBackend {
    /// A cluster in which nothing runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same cluster, where a task with this command can never run: room for it is refused for good.
    #[must_use]
    pub fn refusing(mut self, command: impl Into<Arc<str>>) -> Self {
        self.refuses = Some(command.into());
        self
    }

    /// The same cluster, which keeps a note in the records of each service that has none of this name.
    #[must_use]
    pub fn with_note(mut self, name: NoteName, text: NoteText) -> Self {
        self.note = Some(Note { name, text: Some(text) });
        self
    }

    fn refuses(&self, fit: &Fit) -> Option<FitAnswer> {
        let refused = fit.configs.iter().find(|config| self.refuses.as_deref() == Some(&*config.spec.cmd))?;
        Some(FitAnswer::Never(format!("`{}` cannot be run here", refused.spec.cmd).into()))
    }
}

struct Prompt {
    identity: Identity,
    backend: PromptBackend,
    /// A separate task sends the reports in order, so that nothing here waits for the loop.
    said: mpsc::UnboundedSender<BackendReport>,
}

/// It supports every specification, since nothing runs.
impl Kind for PromptBackend {
    fn name(&self) -> &'static str {
        "prompt"
    }

    fn check(&self, _: &ServiceSpec) -> Vec<Finding> {
        Vec::new()
    }
}

#[async_trait]
impl Backend for PromptBackend {
    fn kind(&self) -> &dyn Kind {
        self
    }

    async fn open(&self, opening: Opening, reports: Reports) -> Result<Box<dyn Session>, BackendError> {
        let (said, mut says) = mpsc::unbounded_channel();
        if let Some(note) = self.note.clone().filter(|note| !opening.notes.contains_key(&note.name)) {
            said.send(BackendReport::Note(note)).map_err(|_| BackendError::new("the session is over"))?;
        }
        tokio::spawn(async move {
            while let Some(report) = says.recv().await {
                if reports.tell(report).await.is_err() {
                    return;
                }
            }
        });
        Ok(Box::new(Prompt { identity: opening.identity, backend: self.clone(), said }))
    }
}

#[async_trait]
impl Session for Prompt {
    async fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), BackendError> {
        for command in commands {
            for report in self.reports_of(command)? {
                self.said.send(report).map_err(|_| BackendError::new("the session is over"))?;
            }
        }
        Ok(())
    }
}

impl Prompt {
    fn reports_of(&self, command: Command) -> Result<Vec<BackendReport>, BackendError> {
        // A panic elsewhere leaves the map whole, since no change of the map can panic half-way.
        let mut all = self.backend.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = all.entry(self.identity.installation.clone()).or_default();
        let of = |instance, task, launch| Incarnation {
            installation: self.identity.installation.clone(),
            instance,
            task,
            launch,
        };
        Ok(match command {
            Command::Fit(fit) => {
                let name = NodeName::new("node-0").map_err(|e| BackendError::because("a node's name", e))?;
                let node = NodeFacts { name, region: None, zone: None, attributes: BTreeMap::new() };
                let handle = match &fit.at {
                    Some((_, handle)) => handle.clone(),
                    None => Handle(format!("room-{}", fit.launch).into()),
                };
                let ports = fit
                    .demand
                    .iter()
                    .flat_map(|demand| demand.resources.ports.iter())
                    .map(|(name, port)| (name.clone(), number(&port.number)))
                    .collect();
                let grant = Grant::new(Arc::new(node), handle).with_ports(ports);
                let answer = self.backend.refuses(&fit).unwrap_or(FitAnswer::Fitted(grant));
                vec![BackendReport::Outcome(CommandOutcome::Fit {
                    instance: fit.instance,
                    launch: fit.launch,
                    answer,
                })]
            }
            Command::Launch(launch) => {
                let answer = LaunchAnswer::Done;
                let (instance, number) = (launch.instance.clone(), launch.launch);
                let mut reports =
                    vec![BackendReport::Outcome(CommandOutcome::Launch { instance, launch: number, answer })];
                for task in launch.tasks {
                    let seen = match task.config.spec.goal {
                        _ if task.paused => Seen::Running { ready: false },
                        Goal::Running => Seen::Running { ready: true },
                        Goal::Once | Goal::Finish => Seen::Ended(End::Finished),
                    };
                    let of = of(launch.instance.clone(), task.config.task.clone(), number);
                    let key = (number, of.task.clone());
                    let (of, seen, serial) = tasks.entry(key).or_insert((of, seen, 1));
                    reports.push(observed(of, *seen, *serial));
                }
                reports
            }
            Command::Kill { instance, launch, task, .. } => {
                let gone = (of(instance, task.clone(), launch), Seen::Ended(End::Lost), 1);
                let (of, seen, serial) = tasks.entry((launch, task)).or_insert(gone);
                if !matches!(seen, Seen::Ended(_)) {
                    (*seen, *serial) = (Seen::Ended(End::Killed), *serial + 1);
                }
                vec![observed(of, *seen, *serial)]
            }
            Command::Reconcile { number, expected } => {
                let mut asked = BTreeSet::new();
                let mut found = Vec::new();
                for one in expected {
                    let key = (one.of.launch, one.of.task.clone());
                    found.push((
                        one.of,
                        tasks.get(&key).map_or(Found::Absent, |(_, seen, _)| Found::Seen((*seen).into())),
                    ));
                    asked.insert(key);
                }
                let alive = tasks
                    .iter()
                    .filter(|(key, (_, seen, _))| !asked.contains(key) && !matches!(seen, Seen::Ended(_)));
                found.extend(alive.map(|(_, (of, seen, _))| (of.clone(), Found::Seen((*seen).into()))));
                vec![BackendReport::Snapshot(Snapshot::new(number, number, found))]
            }
            Command::Release(release) => {
                let answer = ReleaseAnswer::Done;
                vec![BackendReport::Outcome(CommandOutcome::Release { debt: release.debt, answer })]
            }
            Command::Deregister => {
                tasks.clear();
                vec![BackendReport::Outcome(CommandOutcome::Deregistered)]
            }
            Command::Ask(ask) => {
                let here = tasks.get(&(ask.launch, ask.task.clone()));
                let runs = here.is_some_and(|(_, seen, _)| matches!(seen, Seen::Running { .. }));
                let (ruling, words) = if runs {
                    (Ruling::Allow, None)
                } else {
                    (Ruling::Inconclusive, Words::some("the launch does not run"))
                };
                let answer = Answer { ruling, words, at: Wall::default() };
                vec![BackendReport::Outcome(CommandOutcome::Ask { id: ask.id, answer })]
            }
            // There is always room: there is none to give back.
            Command::Withdraw { .. } => Vec::new(),
            other => {
                return Err(BackendError::new(format!(
                    "the backend `prompt` does not know this command: {other:?}"
                )));
            }
        })
    }
}

/// Any port will do: nothing listens.
fn number(choice: &PortChoice) -> u16 {
    match choice {
        PortChoice::Static(port) => port.get(),
        PortChoice::Dynamic(ranges) => ranges.first().map_or(20_000, |range| range.begin),
    }
}

fn observed(of: &Incarnation, seen: Seen, serial: u64) -> BackendReport {
    BackendReport::Observed(Observation::new(of.clone(), serial, seen))
}
