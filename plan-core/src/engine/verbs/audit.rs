//! The audit: requests, who made them, and the replies.
//!
//! Invariant: a request is carried out once. A repeated request gets the same reply.

use std::sync::Arc;

use crate::engine::bug::Bug;
use crate::engine::input::Author;
use crate::engine::record::{AuditRecord, Key, Record};
use crate::engine::reply::Reply;
use crate::engine::transition::Transition;

impl Transition<'_> {
    /// The reply to an earlier request with this name.
    pub(in crate::engine) fn said(&self, request: &str) -> Option<Reply> {
        let mut audits = self.state.audit().values().filter(|_| !self.bug(Bug::RequestTwice));
        let earlier = audits.find(|audit| audit.request == request);
        earlier.map(|audit| audit.reply.clone())
    }

    /// Notes a request, who made it, and the reply.
    pub(in crate::engine) fn note(&mut self, by: Author, words: String, reply: Reply) -> Reply {
        let Author { id, who } = by;
        let number = self.writes.number();
        let audit = AuditRecord { number, request: id, who, at: self.now, verb: words, reply: reply.clone() };
        let audit = Arc::new(audit);
        self.writes.put_new(Record::Audit(audit.clone()));
        for oldest in self.state.keep_audit(audit) {
            self.writes.delete(Key::Audit(oldest.number), Record::Audit(oldest).digest());
        }
        reply
    }
}
