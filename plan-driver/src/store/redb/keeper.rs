//! The thread that owns the file.
//!
//! Invariant: jobs are done in the order in which they came, each whole or not at all, and answered when they are on
//! disk. All jobs that wait when the disk is free again are one transaction, and share its syncs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;

use plan_core::spec::ServiceName;
use redb::{Database, ReadableDatabase};
use tokio::sync::oneshot;

use super::medium::{self, Medium};
use super::tables::{self, Fault, Fence};
use crate::store::lines::Line;
use crate::store::{Batch, Epoch, Opened, StoreError};

/// The most jobs in one transaction, so that its memory is bounded.
const GROUP: usize = 512;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A job for the thread.
pub(super) enum Job {
    Open { service: ServiceName, answer: Answer<Opened> },
    Commit { service: ServiceName, epoch: Epoch, batch: Batch, answer: Answer<()> },
    Import { lines: Vec<Line>, answer: Answer<()> },
    Services { answer: Answer<Vec<String>> },
    Export { answer: Answer<Vec<Line>> },
}

/// An answer that waits for the transaction.
enum Pending {
    Opened(ServiceName, Opened, Answer<Opened>),
    Committed(ServiceName, Answer<()>),
    Imported(Answer<()>),
}

/// The store's one user.
pub(super) struct Keeper {
    medium: Box<dyn Medium>,
    /// `None` after a failure: the database is opened anew.
    database: Option<Database>,
}

impl Keeper {
    /// Opens the medium.
    pub(super) fn new(medium: Box<dyn Medium>) -> Result<Self, StoreError> {
        let database = Some(medium::open(&*medium)?);
        Ok(Self { medium, database })
    }

    /// Does jobs until no caller is left.
    pub(super) fn keep(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(next) = jobs.try_recv()
            {
                group.push(next);
            }
            self.carry_out(group);
        }
    }

    fn carry_out(&mut self, group: Vec<Job>) {
        let database = match self.database.take().map_or_else(|| medium::open(&*self.medium), Ok) {
            Ok(database) => database,
            Err(error) => return refuse(group, &error),
        };
        let (mut changing, mut reading) = (Vec::new(), Vec::new());
        for job in group {
            match job {
                Job::Services { .. } | Job::Export { .. } => reading.push(job),
                Job::Open { .. } | Job::Commit { .. } | Job::Import { .. } => changing.push(job),
            }
        }
        let done = catch_unwind(AssertUnwindSafe(|| {
            let changed = changing.is_empty() || change(&database, changing);
            changed && reading.into_iter().all(|job| read(&database, job))
        }));
        match done {
            Ok(true) => self.database = Some(database),
            // redb accepts nothing more after a failure. Callers get "unknown", since the answers are dropped.
            Ok(false) => {}
            Err(_) => tracing::error!(
                store = self.medium.name(),
                "redb has a fault of its own: the store is opened anew"
            ),
        }
    }
}

/// Does jobs in one transaction. Returns false if the database has to be opened anew.
fn change(database: &Database, jobs: Vec<Job>) -> bool {
    let (mut waiting, mut left) = (Vec::new(), jobs.into_iter());
    let made = tables::begin(database).and_then(|transaction| {
        for job in left.by_ref() {
            match job {
                Job::Open { service, answer } => match open(&transaction, &service) {
                    Ok(opened) => waiting.push(Pending::Opened(service, opened, answer)),
                    Err(fault) => {
                        waiting.push(Pending::Opened(
                            service,
                            Opened { epoch: Epoch(0), records: Vec::new() },
                            answer,
                        ));
                        return Err(fault);
                    }
                },
                Job::Commit { service, epoch, batch, answer } => {
                    match tables::apply(&transaction, service.as_str(), epoch, &batch) {
                        Ok(Fence::Passed) => waiting.push(Pending::Committed(service, answer)),
                        Ok(Fence::Closed(latest)) => {
                            let _ = answer.send(Err(StoreError::Fenced { service, held: epoch, latest }));
                        }
                        Err(fault) => {
                            waiting.push(Pending::Committed(service, answer));
                            return Err(fault);
                        }
                    }
                }
                Job::Import { lines, answer } => match import(&transaction, &lines) {
                    Ok(None) => waiting.push(Pending::Imported(answer)),
                    Ok(Some(refusal)) => drop(answer.send(Err(refusal))),
                    Err(fault) => {
                        waiting.push(Pending::Imported(answer));
                        return Err(fault);
                    }
                },
                Job::Services { .. } | Job::Export { .. } => {}
            }
        }
        Ok(transaction)
    });
    let transaction = match made {
        Ok(transaction) => transaction,
        Err(fault) => {
            tracing::warn!(error = %fault, "the store failed before it wrote anything");
            let failed = |what: String| StoreError::Failed { what, source: Box::new(fault.clone()) };
            waiting.into_iter().for_each(|pending| pending.fail(failed));
            left.for_each(|job| refuse_one(job, failed));
            return false;
        }
    };
    if let Err(error) = transaction.commit() {
        let fault = Fault::from(error);
        tracing::warn!(error = %fault, "the store failed while it wrote");
        let unknown = |what: String| StoreError::Unknown { what, source: Box::new(fault.clone()) };
        waiting.into_iter().for_each(|pending| pending.fail(unknown));
        return false;
    }
    waiting.into_iter().for_each(Pending::succeed);
    true
}

fn open(transaction: &redb::WriteTransaction, service: &ServiceName) -> Result<Opened, Fault> {
    let epoch = tables::next_epoch(transaction, service.as_str())?;
    Ok(Opened { epoch, records: tables::records(transaction, service.as_str())? })
}

/// Stores the lines, if their services have no records yet.
fn import(transaction: &redb::WriteTransaction, lines: &[Line]) -> Result<Option<StoreError>, Fault> {
    let mut services: Vec<&str> = lines.iter().map(|line| line.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    for service in &services {
        if tables::has_records(transaction, service)? {
            let source = "records are imported where there are none: use a new file".into();
            return Ok(Some(StoreError::Failed {
                what: format!("import over the records of `{service}`"),
                source,
            }));
        }
    }
    for service in services {
        // Earlier schedulers of the service are fenced.
        let epoch = tables::next_epoch(transaction, service)?;
        let of = lines.iter().filter(|line| line.service.as_str() == service);
        let changes =
            of.map(|line| crate::store::RecordChange::Put(line.key.clone(), line.bytes.clone())).collect();
        tables::apply(transaction, service, epoch, &Batch { changes })?;
    }
    Ok(None)
}

/// Returns false if the database has to be opened anew.
fn read(database: &Database, job: Job) -> bool {
    fn told<T>(read: Result<T, Fault>, what: &str, answer: Answer<T>) -> bool {
        let good = read.is_ok();
        let failed = |fault| StoreError::Failed { what: what.to_owned(), source: Box::new(fault) };
        // The caller may be gone.
        let _ = answer.send(read.map_err(failed));
        good
    }
    let begun = database.begin_read().map_err(Fault::from);
    match job {
        Job::Services { answer } => {
            told(begun.and_then(|transaction| tables::services(&transaction)), "list its services", answer)
        }
        Job::Export { answer } => {
            let lines = begun.and_then(|transaction| {
                let all = tables::everything(&transaction)?.into_iter();
                Ok(all.map(|(service, (key, bytes))| Line { service: service.into(), key, bytes }).collect())
            });
            told(lines, "read all records", answer)
        }
        Job::Open { .. } | Job::Commit { .. } | Job::Import { .. } => true,
    }
}

impl Pending {
    fn succeed(self) {
        // The caller may be gone.
        match self {
            Self::Opened(_, opened, answer) => drop(answer.send(Ok(opened))),
            Self::Committed(_, answer) | Self::Imported(answer) => drop(answer.send(Ok(()))),
        }
    }

    fn fail(self, error: impl Fn(String) -> StoreError) {
        match self {
            Self::Opened(service, _, answer) => drop(answer.send(Err(error(opening(&service))))),
            Self::Committed(service, answer) => drop(answer.send(Err(error(keeping(&service))))),
            Self::Imported(answer) => drop(answer.send(Err(error("import records".to_owned())))),
        }
    }
}

fn opening(service: &ServiceName) -> String {
    format!("open the records of `{service}`")
}

fn keeping(service: &ServiceName) -> String {
    format!("keep the records of `{service}`")
}

fn refuse_one(job: Job, error: impl Fn(String) -> StoreError) {
    match job {
        Job::Open { service, answer } => drop(answer.send(Err(error(opening(&service))))),
        Job::Commit { service, answer, .. } => drop(answer.send(Err(error(keeping(&service))))),
        Job::Import { answer, .. } => drop(answer.send(Err(error("import records".to_owned())))),
        Job::Services { answer } => drop(answer.send(Err(error("list its services".to_owned())))),
        Job::Export { answer } => drop(answer.send(Err(error("read all records".to_owned())))),
    }
}

/// The store cannot be opened. All callers are told why.
fn refuse(group: Vec<Job>, error: &StoreError) {
    tracing::warn!(%error, "the store cannot be opened");
    for job in group {
        refuse_one(job, |what| match error {
            StoreError::Unusable { what } => StoreError::Unusable { what: what.clone() },
            error => {
                let source = crate::error::with_causes(error).into();
                StoreError::Failed { what, source }
            }
        });
    }
}
