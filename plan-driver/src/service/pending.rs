//! A pending batch: inputs that are made durable together, and what leaves after that.
//!
//! Invariant: nothing of a batch leaves before the batch is durable. If the commit fails, requests in the batch are
//! answered "unknown", and the rest is dropped.

use std::sync::Arc;

use plan_core::engine::{
    CodecError, Command, Effects, Engine, Event, Input, Reply, Story, Wall, Write, encode,
};
use plan_core::spec::ServiceName;
use tokio::sync::{oneshot, watch};

use super::Answer;
use super::history::History;
use crate::condition::Condition;
use crate::error::DriverError;
use crate::recording::{Recorder, Took};
use crate::store::{Batch, RecordChange};

/// Tells the listeners.
pub(super) struct Teller {
    pub(super) conditions: Arc<watch::Sender<Condition>>,
    pub(super) changed: watch::Sender<u64>,
    /// How often an engine was recovered. Events in between may be lost.
    pub(super) recovered: watch::Sender<u64>,
    pub(super) history: Arc<History>,
}

impl Teller {
    pub(super) fn condition(&self, condition: Condition) {
        self.conditions.send_if_modified(|now| {
            let differs = *now != condition;
            *now = condition;
            differs
        });
    }
}

/// What waits until its batch is durable.
#[derive(Default)]
pub(super) struct PendingBatch {
    pub(super) batch: Batch,
    pub(super) commands: Vec<Command>,
    events: Vec<(Wall, Event, Story)>,
    replies: Vec<(Answer<Reply>, Reply)>,
    receipts: Vec<oneshot::Sender<()>>,
    /// How many inputs the batch has.
    pub(super) inputs: usize,
    /// The engine has seen a launch of another scheduler, and does nothing any more.
    pub(super) superseded: Option<String>,
}

/// Where an input is recorded, and under which number.
pub(super) struct Record<'a> {
    pub(super) recorder: &'a Recorder,
    pub(super) service: &'a ServiceName,
    pub(super) number: u64,
}

/// The caller that waits for an input's effects.
pub(super) enum Asker {
    Nobody,
    Operator(Answer<Reply>),
    Backend(oneshot::Sender<()>),
}

impl PendingBatch {
    /// Hands one input to the engine. Returns when the engine wants to be woken.
    pub(super) fn take(
        &mut self,
        engine: &mut Engine,
        wall: Wall,
        input: Input,
        asker: Asker,
        record: Option<Record<'_>>,
    ) -> Result<Option<Wall>, CodecError> {
        let recorded = record.map(|record| (record, input.clone()));
        let first = self.batch.changes.len();
        let Effects { writes, commands, events, reply, wake_at } = engine.handle(wall, input);
        for write in writes {
            self.batch.changes.push(match write {
                Write::Put(record) => {
                    let (key, bytes) = encode(&record)?;
                    RecordChange::Put(key, bytes)
                }
                Write::Delete(key) => RecordChange::Delete(key.to_string()),
            });
        }
        if let Some((Record { recorder, service, number }, input)) = recorded {
            recorder.took(Took {
                service: service.clone(),
                number,
                wall,
                input,
                writes: self.batch.changes[first..].to_vec(),
                commands: commands.clone(),
                events: events.clone(),
                reply: reply.clone(),
                wake_at,
            });
        }
        self.commands.extend(commands);
        for event in &events {
            if let Event::Superseded(of) = event {
                let (instance, task, launch) = (&of.instance, &of.task, of.launch);
                self.superseded = Some(format!(
                    "it launched `{task}` of `{instance}` as {launch}, which is not known here"
                ));
            }
        }
        self.events.extend(events.into_iter().map(|event| {
            let story = engine.tell(&event);
            (wall, event, story)
        }));
        match asker {
            Asker::Nobody => {}
            // The engine answers every verb and every target.
            Asker::Operator(answer) => self.replies.push((answer, reply.unwrap_or(Reply::AlreadySo))),
            Asker::Backend(durable) => self.receipts.push(durable),
        }
        self.inputs += 1;
        Ok(wake_at)
    }

    /// The batch is durable. Everything but the commands leaves.
    pub(super) fn durable(&mut self, teller: &mut Teller) {
        // First, so that a caller with a reply or an event knows that there is something to read.
        if self.inputs > 0 {
            teller.changed.send_modify(|count| *count += 1);
        }
        for (answer, reply) in self.replies.drain(..) {
            // The caller may be gone.
            let _ = answer.send(Ok(reply));
        }
        for receipt in self.receipts.drain(..) {
            let _ = receipt.send(());
        }
        for (at, event, story) in self.events.drain(..) {
            teller.history.add(at, event, story);
        }
        self.inputs = 0;
    }

    /// The batch is not durable, or nobody knows. The callers are told so.
    pub(super) fn failed(self, error: &DriverError) {
        for (answer, _) in self.replies {
            let _ = answer.send(Err(error.clone()));
        }
    }
}
