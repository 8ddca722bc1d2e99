//! Questions about a running task, answered by a command beside it.
//!
//! Invariant: an answer is about the launch in the question, and each question is answered once.

use std::sync::Arc;

use plan_core::engine::{Answer, Ask, Check, CommandOutcome, Ruling, Seen, Wall, Words};
use plan_core::spec::Seconds;

use crate::beside::{self, How, Ran};
use crate::inner::Inner;
use crate::layout::RunFolder;
use crate::room::ServiceKey;
use crate::run::{Order, now};
use crate::state::{RunKey, Say};

/// Answers a question.
pub(crate) async fn answer(inner: Arc<Inner>, service: ServiceKey, ask: Ask) {
    let key = RunKey { service: service.clone(), instance: ask.instance, launch: ask.launch, task: ask.task };
    let (ruling, words) = match (runs(&inner, &key), ask.check) {
        (Ok((folder, order)), Check::Command { cmd, timeout }) => {
            // A command without a bound might never be answered, and would be asked again and again.
            let limit = Seconds(timeout.0.max(1));
            said(&beside::run(&inner, &folder, &order, &cmd, limit).await)
        }
        (Ok(_), _) => (Ruling::Inconclusive, Words::some("this backend does not know how to ask this")),
        (Err(why), _) => (Ruling::Inconclusive, Words::some(why)),
    };
    let answer = Answer { ruling, words, at: Wall(now().saturating_mul(1000)) };
    inner.state().sessions.say(&service, Say::Outcome(CommandOutcome::Ask { id: ask.id, answer }));
}

/// The launch in the question if it runs, or why it does not run.
fn runs(inner: &Inner, key: &RunKey) -> Result<(RunFolder, Arc<Order>), String> {
    let of = format!("launch {} of `{}`", key.launch, key.task);
    let state = inner.state();
    let run = state.runs.get(key).ok_or_else(|| format!("{of} is not known"))?;
    match run.seen(&state.book).seen {
        Seen::Running { .. } => Ok((run.folder.clone(), run.order.clone())),
        Seen::Starting => Err(format!("{of} does not run yet")),
        Seen::Ended(_) => Err(format!("{of} has ended")),
        Seen::Unreachable => Err(format!("nothing is heard of {}, where {of} runs", run.node)),
        other => Err(format!("{of} does not run: it is {other:?}")),
    }
}

/// The answer of a command: its exit code, with its last line.
fn said(ran: &Ran) -> (Ruling, Option<Words>) {
    let ruling = match ran.how {
        How::Code(code) => Ruling::of_exit_code(code),
        How::Signal(_) | How::TimedOut(_) | How::NotRun(_) => Ruling::Inconclusive,
    };
    let words = match ruling {
        Ruling::Inconclusive => Words::some(ran.to_string()),
        Ruling::Allow | Ruling::Defer | Ruling::Deny => Words::some(&ran.last),
    };
    (ruling, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_an_answer_and_all_else_is_none() {
        let table = [
            (How::Code(0), "lag 3", Ruling::Allow, Some("lag 3")),
            (How::Code(0), "", Ruling::Allow, None),
            (How::Code(1), "rebalancing", Ruling::Defer, Some("rebalancing")),
            (How::Code(2), "data would be lost", Ruling::Deny, Some("data would be lost")),
            (How::Code(127), "no such", Ruling::Inconclusive, Some("exit code 127: no such")),
            (How::Signal(9), "", Ruling::Inconclusive, Some("killed by signal 9")),
            (How::TimedOut(Seconds(1)), "", Ruling::Inconclusive, Some("timed out after 1 s")),
        ];
        for (how, last, ruling, words) in table {
            let ran = Ran { how, last: last.to_owned() };
            assert_eq!(said(&ran), (ruling, words.map(Words::from)), "{ran}");
        }
    }
}
