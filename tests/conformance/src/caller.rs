//! A caller plays a scheduler for one session. It gives commands, takes reports, and confirms them or not.
//!
//! Invariant: every wait for a report has a bound, and other reports that come meanwhile are kept for later waits. A
//! caller never reads the reports of another session.

use std::sync::Arc;
use std::time::Duration;

use plan_core::engine::{
    Answer, Ask, Check, Command, CommandOutcome, Domains, End, Expected, Fit, FitAnswer, Found, Grant,
    Handle, Held, Incarnation, InstallationId, Launch, LaunchAnswer, LaunchTask, Note, Number, Observation,
    Place, Release, ReleaseAnswer, Seen, Sighting, Snapshot, Words,
};
use plan_core::plan::{Model, PodModel};
use plan_core::spec::{InstanceName, NodeName, Seconds, TaskName};
use plan_driver::backend::{Backend, BackendReport, Opening, Reports, Session, Told};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::stage::{Broken, Shared, locked};

/// A session, and the scheduler at its end.
pub(crate) struct Caller {
    installation: InstallationId,
    model: Arc<Model>,
    records: Shared,
    session: Box<dyn Session>,
    told: mpsc::Receiver<Told>,
    /// Reports that nobody waited for yet.
    pending: Vec<BackendReport>,
    /// All reports, to find the reason of a failure.
    all: Vec<BackendReport>,
    /// Receipts that are kept back; `None` if they are given.
    withheld: Option<Vec<oneshot::Sender<()>>>,
    patience: Duration,
    quiet: Duration,
}

/// Room that was granted.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(crate) instance: InstanceName,
    pub(crate) launch: Number,
    pub(crate) grant: Grant,
}

impl Room {
    /// Where it is.
    pub(crate) fn at(&self) -> (NodeName, Handle) {
        (self.grant.node.name.clone(), self.grant.handle.clone())
    }
}

/// Where room is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Where {
    /// Anywhere.
    Anywhere,
    /// Where the instance lives.
    At(NodeName, Handle),
    /// Anywhere but at this place.
    From(NodeName, Handle),
}

impl Caller {
    pub(crate) async fn open(
        backend: &dyn Backend,
        opening: Opening,
        model: Arc<Model>,
        records: Shared,
        (patience, quiet): (Duration, Duration),
    ) -> Result<Self, Broken> {
        let installation = opening.identity.installation.clone();
        let (reports, told) = Reports::channel(1000);
        let session = backend.open(opening, reports).await;
        let session = session.map_err(|error| Broken::because("no session is opened", &error))?;
        let (pending, all) = (Vec::new(), Vec::new());
        Ok(Self {
            installation,
            model,
            records,
            session,
            told,
            pending,
            all,
            withheld: None,
            patience,
            quiet,
        })
    }

    // ---- commands

    /// Gives commands in one batch.
    pub(crate) async fn commands(&mut self, commands: Vec<Command>) -> Result<(), Broken> {
        let text = format!("{commands:?}");
        let done = self.session.carry_out(commands).await;
        done.map_err(|error| Broken::because(&format!("the session ended at {text}"), &error))
    }

    /// Gives a command that must not be accepted. Returns the error, with its causes.
    pub(crate) async fn refused(&mut self, command: Command) -> Result<String, Broken> {
        let text = format!("{command:?}");
        match self.session.carry_out(vec![command]).await {
            Ok(()) => Err(Broken::new(format!("the command {text} was accepted"))),
            Err(error) => Ok(Broken::because("", &error).to_string()),
        }
    }

    pub(crate) async fn command(&mut self, command: Command) -> Result<(), Broken> {
        self.commands(vec![command]).await
    }

    /// The next number of the one counter.
    pub(crate) fn number(&self) -> Number {
        let mut records = locked(&self.records);
        records.last += 1;
        records.last
    }

    fn pod(&self, instance: &InstanceName) -> Result<&PodModel, Broken> {
        let nth = self.model.pod_index(&instance.pod);
        let pod = nth.and_then(|nth| self.model.pods().get(nth as usize));
        pod.ok_or_else(|| Broken::new(format!("the suite has no pod {}", instance.pod)))
    }

    /// The question for room.
    pub(crate) fn fit(
        &self,
        instance: &InstanceName,
        launch: Number,
        place: Where,
    ) -> Result<Command, Broken> {
        let pod = self.pod(instance)?;
        let (at, from) = match place {
            Where::Anywhere => (None, None),
            Where::At(node, handle) => (Some((node, handle)), None),
            Where::From(node, handle) => (None, Some((node, handle))),
        };
        // An existing place has its volumes.
        let volumes = if at.is_some() { Arc::default() } else { pod.volumes.clone() };
        Ok(Command::Fit(Box::new(Fit {
            instance: instance.clone(),
            launch,
            at,
            from,
            demand: pod.footprint.clone(),
            volumes,
            configs: pod.configs.clone(),
            placement: pod.placement.clone(),
            census: Arc::default(),
        })))
    }

    /// The launch of all tasks of an instance.
    pub(crate) fn launch(&self, room: &Room) -> Result<Command, Broken> {
        let pod = self.pod(&room.instance)?;
        let tasks = pod.tasks.iter();
        let tasks =
            tasks.map(|task| LaunchTask { conf: task.conf, config: task.config.clone(), paused: false });
        Ok(Command::Launch(Box::new(Launch {
            instance: room.instance.clone(),
            launch: room.launch,
            node: room.grant.node.clone(),
            handle: room.grant.handle.clone(),
            ports: room.grant.ports.clone(),
            domains: Domains::of(pod.placement.as_deref()),
            principal: None,
            tasks: tasks.collect(),
            parameters: None,
        })))
    }

    pub(crate) fn kill(&self, of: &Incarnation, grace: u32) -> Command {
        let Incarnation { instance, task, launch, .. } = of.clone();
        Command::Kill { instance, launch, task, grace: Seconds(grace) }
    }

    /// The name of a launch of our installation.
    pub(crate) fn of(
        &self,
        instance: &InstanceName,
        task: &str,
        launch: Number,
    ) -> Result<Incarnation, Broken> {
        let task = TaskName::new(task).map_err(|error| Broken::because("a task's name", &error))?;
        let (installation, instance) = (self.installation.clone(), instance.clone());
        Ok(Incarnation { installation, instance, task, launch })
    }

    /// Records that an instance lives at a place. The next session begins with that.
    pub(crate) fn record(&self, room: &Room) -> Result<(), Broken> {
        let pod = self.pod(&room.instance)?;
        let place = Place {
            node: room.grant.node.clone(),
            ports: room.grant.ports.clone(),
            handle: room.grant.handle.clone(),
            since: room.launch,
            domains: Domains::of(pod.placement.as_deref()),
            principal: None,
        };
        let (instance, demand, volumes) = (room.instance.clone(), pod.footprint.clone(), pod.volumes.clone());
        let held = Held::new(instance, Arc::new(place), demand, volumes);
        locked(&self.records).held.insert((self.installation.clone(), room.instance.clone()), held);
        Ok(())
    }

    // ---- commands with what comes of them

    /// Asks for room, and takes the first answer.
    pub(crate) async fn ask_room(
        &mut self,
        instance: &InstanceName,
        place: Where,
    ) -> Result<(Number, FitAnswer), Broken> {
        let launch = self.number();
        let command = self.fit(instance, launch, place)?;
        self.command(command).await?;
        Ok((launch, self.fitted(launch).await?))
    }

    /// Asks for room that must exist.
    pub(crate) async fn room(&mut self, instance: &InstanceName, place: Where) -> Result<Room, Broken> {
        let launch = self.number();
        let command = self.fit(instance, launch, place)?;
        self.command(command).await?;
        self.granted(instance, launch).await
    }

    /// The grant that answers a question sooner or later.
    pub(crate) async fn granted(&mut self, instance: &InstanceName, launch: Number) -> Result<Room, Broken> {
        loop {
            match self.fitted(launch).await? {
                FitAnswer::Fitted(grant) => return Ok(Room { instance: instance.clone(), launch, grant }),
                FitAnswer::Retry(_) => {}
                other => return Err(Broken::new(format!("room for {instance} was answered with {other:?}"))),
            }
        }
    }

    /// The next answer to a question for room.
    pub(crate) async fn fitted(&mut self, number: Number) -> Result<FitAnswer, Broken> {
        self.report(&format!("an answer to Fit {number}"), |report| match report {
            BackendReport::Outcome(CommandOutcome::Fit { launch, answer, .. }) if *launch == number => {
                Some(answer.clone())
            }
            _ => None,
        })
        .await
    }

    /// The next answer to a launch.
    pub(crate) async fn launch_answer(&mut self, number: Number) -> Result<LaunchAnswer, Broken> {
        self.report(&format!("an answer to Launch {number}"), |report| match report {
            BackendReport::Outcome(CommandOutcome::Launch { launch, answer, .. }) if *launch == number => {
                Some(answer.clone())
            }
            _ => None,
        })
        .await
    }

    /// Launches an instance in its room, and expects `Done`.
    pub(crate) async fn launch_in(&mut self, room: &Room) -> Result<(), Broken> {
        let command = self.launch(room)?;
        self.record(room)?;
        self.command(command).await?;
        match self.launch_answer(room.launch).await? {
            LaunchAnswer::Done => Ok(()),
            other => Err(Broken::new(format!("Launch {} was answered with {other:?}", room.launch))),
        }
    }

    /// Gets room for an instance, launches it, and waits until its tasks run and are ready.
    pub(crate) async fn running(&mut self, instance: &InstanceName) -> Result<Room, Broken> {
        let room = self.room(instance, Where::Anywhere).await?;
        self.launch_in(&room).await?;
        let tasks: Vec<TaskName> = self.pod(instance)?.tasks.iter().map(|task| task.name.clone()).collect();
        for task in tasks {
            let of = self.of(instance, task.as_str(), room.launch)?;
            self.seen(&of, Seen::Running { ready: true }).await?;
        }
        Ok(room)
    }

    /// Waits until a launch is seen in a state.
    pub(crate) async fn seen(&mut self, of: &Incarnation, seen: Seen) -> Result<Observation, Broken> {
        self.report(&format!("{seen:?} of {}", text(of)), |report| match report {
            BackendReport::Observed(observation)
                if observation.of == *of && observation.seen.seen == seen =>
            {
                Some(observation.clone())
            }
            _ => None,
        })
        .await
    }

    /// Waits until a launch has ended.
    pub(crate) async fn ended(&mut self, of: &Incarnation) -> Result<(End, Option<Words>), Broken> {
        self.report(&format!("the end of {}", text(of)), |report| match report {
            BackendReport::Observed(Observation { of: other, seen, .. }) if other == of => match seen.seen {
                Seen::Ended(end) => Some((end, seen.words.clone())),
                _ => None,
            },
            _ => None,
        })
        .await
    }

    /// Ends a task and waits until it has ended.
    pub(crate) async fn end(&mut self, of: &Incarnation) -> Result<End, Broken> {
        let kill = self.kill(of, 10);
        self.command(kill).await?;
        Ok(self.ended(of).await?.0)
    }

    /// Asks for the state of launches. All parts of the answer become one.
    pub(crate) async fn snapshot(&mut self, expected: &[(&Incarnation, &Room)]) -> Result<Snapshot, Broken> {
        let number = self.number();
        let command = reconcile(number, expected);
        self.command(command).await?;
        self.snapshot_of(number).await
    }

    /// The answer to a `Reconcile`.
    pub(crate) async fn snapshot_of(&mut self, number: Number) -> Result<Snapshot, Broken> {
        let mut whole: Option<Snapshot> = None;
        loop {
            let part = self
                .report(&format!("the snapshot {number}"), |report| match report {
                    BackendReport::Snapshot(part) if part.of == number => Some(part.clone()),
                    _ => None,
                })
                .await?;
            let last = part.last;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => {
                    whole.as_of = whole.as_of.min(part.as_of);
                    whole.found.extend(part.found);
                }
            }
            if let (true, Some(whole)) = (last, &whole) {
                return Ok(whole.clone());
            }
        }
    }

    /// What a snapshot says about a launch, once the snapshot is new enough.
    pub(crate) async fn found(&mut self, of: &Incarnation, room: &Room) -> Result<Found, Broken> {
        let until = Instant::now() + self.patience;
        loop {
            let snapshot = self.snapshot(&[(of, room)]).await?;
            let said = snapshot.found.iter().find(|(other, _)| other == of);
            let (_, found) = said.ok_or_else(|| {
                Broken::new(format!("the snapshot says nothing of {}: {:?}", text(of), snapshot.found))
            })?;
            if snapshot.as_of > of.launch || *found != Found::Absent {
                return Ok(found.clone());
            }
            if Instant::now() > until {
                return Err(Broken::new(format!("no snapshot is newer than launch {}", of.launch)));
            }
        }
    }

    /// Expects that a launch is found running.
    pub(crate) async fn runs_on(&mut self, of: &Incarnation, room: &Room) -> Result<(), Broken> {
        match self.found(of, room).await? {
            Found::Seen(seen) if matches!(seen.seen, Seen::Running { .. }) => Ok(()),
            other => Err(Broken::new(format!("{} does not run on: {other:?}", text(of)))),
        }
    }

    /// Gives a place back, and takes the answer.
    pub(crate) async fn release(&mut self, room: &Room) -> Result<ReleaseAnswer, Broken> {
        let number = self.number();
        let (node, handle) = room.at();
        let release = Release { debt: number, instance: room.instance.clone(), node, handle };
        self.command(Command::Release(Box::new(release))).await?;
        let answer = self
            .report(&format!("an answer to Release {number}"), |report| match report {
                BackendReport::Outcome(CommandOutcome::Release { debt, answer }) if *debt == number => {
                    Some(answer.clone())
                }
                _ => None,
            })
            .await?;
        if answer == ReleaseAnswer::Done {
            locked(&self.records).held.remove(&(self.installation.clone(), room.instance.clone()));
        }
        Ok(answer)
    }

    /// Gives a place back, again while the answer is "not yet".
    pub(crate) async fn released(&mut self, room: &Room) -> Result<(), Broken> {
        let until = Instant::now() + self.patience;
        loop {
            match self.release(room).await? {
                ReleaseAnswer::Done => return Ok(()),
                ReleaseAnswer::Retry(why) if Instant::now() > until => {
                    return Err(Broken::new(format!("what nothing uses any more is not released: {why}")));
                }
                ReleaseAnswer::Retry(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                other => return Err(Broken::new(format!("a release is answered with {other:?}"))),
            }
        }
    }

    /// Asks a question about a task, and takes the answer.
    pub(crate) async fn ask(&mut self, of: &Incarnation, cmd: &str) -> Result<Answer, Broken> {
        let number = self.number();
        let Incarnation { instance, task, launch, .. } = of.clone();
        let check = Check::Command { cmd: cmd.to_owned(), timeout: Seconds(5) };
        self.command(Command::Ask(Box::new(Ask { id: number, instance, task, launch, check }))).await?;
        self.report(&format!("an answer to Ask {number}"), |report| match report {
            BackendReport::Outcome(CommandOutcome::Ask { id, answer }) if *id == number => {
                Some(answer.clone())
            }
            _ => None,
        })
        .await
    }

    // ---- reports

    /// From now on receipts are kept back, so no report becomes durable.
    pub(crate) fn withhold_receipts(&mut self) {
        self.withheld.get_or_insert_default();
    }

    /// Forgets the reports until now.
    pub(crate) fn forget(&mut self) {
        while let Ok(told) = self.told.try_recv() {
            self.take(told);
        }
        self.pending.clear();
    }

    /// The first matching report, among those that nobody waited for yet and those to come.
    pub(crate) async fn report<T>(
        &mut self,
        what: &str,
        is: impl Fn(&BackendReport) -> Option<T>,
    ) -> Result<T, Broken> {
        let until = Instant::now() + self.patience;
        let mut next = 0;
        loop {
            while let Some(report) = self.pending.get(next) {
                if let Some(is) = is(report) {
                    self.pending.remove(next);
                    return Ok(is);
                }
                next += 1;
            }
            match tokio::time::timeout_at(until, self.told.recv()).await {
                Ok(Some(told)) => self.take(told),
                Ok(None) => return Err(self.in_vain(what, "the backend ended the session")),
                Err(_) => return Err(self.in_vain(what, "it did not come")),
            }
        }
    }

    /// Expects that no report of a kind comes for a while, and that none came since [`Caller::forget`].
    pub(crate) async fn nothing(
        &mut self,
        what: &str,
        is: impl Fn(&BackendReport) -> bool,
    ) -> Result<(), Broken> {
        let until = Instant::now() + self.quiet;
        while let Ok(Some(told)) = tokio::time::timeout_at(until, self.told.recv()).await {
            self.take(told);
        }
        match self.pending.iter().find(|report| is(report)) {
            Some(report) => Err(Broken::new(format!("{what}: {report:?} was told"))),
            None => Ok(()),
        }
    }

    /// Expects that, after the end of a launch, no other report about the launch or its instance comes for a while.
    pub(crate) async fn ended_for_good(&mut self, of: &Incarnation) -> Result<(), Broken> {
        self.nothing("nothing more is due", |_| false).await?;
        let of_instance = self.all.iter().filter_map(|report| match report {
            BackendReport::Observed(one) if one.of.instance == of.instance => Some(one),
            _ => None,
        });
        let lives = |one: &Observation| !matches!(one.seen.seen, Seen::Ended(_));
        let mut end = None;
        for one in of_instance {
            match end {
                None if one.of == *of && !lives(one) => end = Some(one.serial),
                // A lower serial is a late report of an old state.
                Some(end) if lives(one) && (one.of != *of || one.serial >= end) => {
                    return Err(Broken::new(format!("{} ended, and then {one:?} was told", text(of))));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The last sighting of a launch in a state.
    pub(crate) fn seen_so_far(&self, of: &Incarnation, seen: Seen) -> Option<Sighting> {
        let all = self.observations(of).into_iter();
        all.map(|one| one.seen.clone()).filter(|one| one.seen == seen).last()
    }

    /// All observations of a launch in this session, in their order.
    pub(crate) fn observations(&self, of: &Incarnation) -> Vec<Observation> {
        let observations = self.all.iter().filter_map(|report| match report {
            BackendReport::Observed(observation) if observation.of == *of => Some(observation.clone()),
            _ => None,
        });
        observations.collect()
    }

    fn take(&mut self, told: Told) {
        if let BackendReport::Note(Note { name, text }) = &told.report {
            let mut records = locked(&self.records);
            let notes = records.notes.entry(self.installation.clone()).or_default();
            match text {
                Some(text) => drop(notes.insert(name.clone(), text.clone())),
                None => drop(notes.remove(name)),
            }
        }
        // A note always gets its receipt, since a backend may wait for that before anything else.
        match &mut self.withheld {
            Some(withheld) if !matches!(told.report, BackendReport::Note(_)) => withheld.push(told.durable),
            _ => drop(told.durable.send(())),
        }
        self.pending.push(told.report.clone());
        self.all.push(told.report);
    }

    fn in_vain(&self, what: &str, why: &str) -> Broken {
        Broken::new(format!("waited for {what}: {why}; what was told: {:#?}", self.all))
    }
}

/// The question for the state of launches.
pub(crate) fn reconcile(number: Number, expected: &[(&Incarnation, &Room)]) -> Command {
    let expected = expected.iter();
    let expected =
        expected.map(|(of, room)| Expected { of: (*of).clone(), node: room.grant.node.name.clone() });
    Command::Reconcile { number, expected: expected.collect() }
}

/// A launch, as messages name it.
pub(crate) fn text(of: &Incarnation) -> String {
    format!("{}-{} (launch {}, installation {})", of.instance, of.task, of.launch, of.installation)
}
