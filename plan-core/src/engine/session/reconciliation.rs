//! Reconciliation: how far the start of a session is, which questions for states are open, and which launches each asks
//! for.
//!
//! Invariant: the absence of a launch counts only if the launch was asked for and not answered since, and only in a
//! snapshot that is newer than the launch. An open question is asked again until it is answered. What follows from an
//! answer is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::spec::TaskName;

use super::timers::Timers;
use crate::engine::at::At;
use crate::engine::record::Number;
use crate::engine::time::Time;

/// After how long the unanswered launches of a `Reconcile` are asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// After how long launches are asked for again that an answer left open. A backend that knows no more yet is not asked
/// in a tight loop.
const UNSURE_AGAIN: Duration = Duration::from_secs(1);

/// A launch that is asked for: what it belongs to, its number, its task.
pub(in crate::engine) type Asked = (Whose, Number, TaskName);

/// What a launch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Whose {
    /// An instance.
    Instance(At),
    /// A debt, which ends the launch.
    Debt(Number),
}

/// The open questions, and the start of the session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Reconciliation {
    stage: SessionStage,
    /// The open questions by number, each with the launches that no answer has named yet.
    open: BTreeMap<Number, BTreeSet<Asked>>,
    /// For each debt, the question that last asked for its launches.
    of_debt: BTreeMap<Number, Number>,
    /// The question that the start of the session waits for.
    start: Option<Number>,
    /// When the unanswered launches of a question are asked for again.
    again: Timers<Number>,
}

/// How far the start of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum SessionStage {
    /// The start has not begun. The engine asks for a wake at once.
    #[default]
    Fresh,
    /// Instances before this one are asked for, or have nothing to ask for.
    Starting(At),
    /// All instances are.
    Live,
}

/// What a snapshot that shows no trace of a launch is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Absence {
    /// Whether the launch was asked for, and not answered since. An answer to a closed question may be older than what
    /// was done since.
    pub(in crate::engine) asked: bool,
    /// Whether the snapshot is newer than the launch. An older snapshot cannot show the launch.
    pub(in crate::engine) newer: bool,
}

/// A question that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Closed {
    /// The launches that no answer named.
    pub(in crate::engine) rest: BTreeSet<Asked>,
    /// Whether the start of the session waited for this question alone, and is over now.
    pub(in crate::engine) live: bool,
}

impl Reconciliation {
    /// Whether the start of the session has not begun.
    pub(in crate::engine) fn is_fresh(&self) -> bool {
        self.stage == SessionStage::Fresh
    }

    /// Whether all launches were asked for, and each was answered or had its time.
    pub(in crate::engine) fn is_live(&self) -> bool {
        self.stage == SessionStage::Live && self.start.is_none()
    }

    /// Whether all instances are asked for. Answers may still be open.
    pub(in crate::engine) fn all_asked(&self) -> bool {
        self.stage == SessionStage::Live
    }

    /// The start of the session begins.
    pub(in crate::engine) fn begin(&mut self) {
        self.stage = SessionStage::Starting(At::default());
    }

    /// Notes that there is nothing to ask for, as the service is new.
    pub(in crate::engine) fn nothing_to_ask(&mut self) {
        self.stage = SessionStage::Live;
    }

    /// From which instance on the start goes on; `None` if it waits for an answer or is over.
    pub(in crate::engine) fn starts_from(&self) -> Option<At> {
        match self.stage {
            SessionStage::Starting(from) if self.start.is_none() => Some(from),
            _ => None,
        }
    }

    /// Notes that the instances before `next` are asked for; `None` says that all are. `question` is the question that
    /// asks for them, if there is one.
    pub(in crate::engine) fn started(&mut self, next: Option<At>, question: Option<Number>) {
        self.stage = next.map_or(SessionStage::Live, SessionStage::Starting);
        self.start = question;
    }

    /// Asks for launches.
    pub(in crate::engine) fn ask(&mut self, question: Number, launches: BTreeSet<Asked>, now: Time) {
        let debts = launches.iter().filter_map(|(whose, _, _)| match whose {
            Whose::Debt(debt) => Some((*debt, question)),
            Whose::Instance(_) => None,
        });
        self.of_debt.extend(debts);
        self.open.insert(question, launches);
        self.again.set(question, now.after(ASK_AGAIN));
    }

    /// Whether a launch is asked for.
    pub(in crate::engine) fn is_asked(&self, launch: &Asked) -> bool {
        self.open.values().any(|open| open.contains(launch))
    }

    /// Whether one of these launches of a debt is asked for.
    pub(in crate::engine) fn is_debt_asked(
        &self,
        debt: Number,
        mut launches: impl Iterator<Item = Asked>,
    ) -> bool {
        let open = self.of_debt.get(&debt).and_then(|question| self.open.get(question));
        open.is_some_and(|open| launches.any(|launch| open.contains(&launch)))
    }

    /// Notes that a snapshot names a launch. Returns what the absence of the launch would be worth.
    pub(in crate::engine) fn answers(&mut self, question: Number, launch: &Asked, as_of: Number) -> Absence {
        let asked = self.open.get_mut(&question).is_some_and(|open| open.remove(launch));
        Absence { asked, newer: as_of > launch.1 }
    }

    /// Closes a question, as its answer is complete.
    pub(in crate::engine) fn answered(&mut self, question: Number) -> Closed {
        self.again.remove(&question);
        self.close(question)
    }

    /// Asks again soon for launches that an answer left open.
    pub(in crate::engine) fn unsure(&mut self, question: Number, launches: BTreeSet<Asked>, now: Time) {
        if !launches.is_empty() {
            self.open.entry(question).or_default().extend(launches);
            self.again.set(question, now.after(UNSURE_AGAIN));
        }
    }

    /// Closes a question that had no answer for long. Its unanswered launches are to be asked for again.
    pub(in crate::engine) fn due(&mut self, now: Time) -> Option<Closed> {
        let question = self.again.pop_due(now)?;
        Some(self.close(question))
    }

    /// When the first question is asked again.
    pub(in crate::engine) fn first(&self) -> Option<Time> {
        self.again.first()
    }

    /// Takes launches out of the open questions, as their state is known, or as the questions are about an earlier
    /// time.
    pub(in crate::engine) fn forget<'a>(&mut self, launches: impl Iterator<Item = &'a Asked> + Clone) {
        for open in self.open.values_mut() {
            for launch in launches.clone() {
                open.remove(launch);
            }
        }
    }

    /// Takes launches of a debt out of the open questions.
    pub(in crate::engine) fn forget_owed(&mut self, debt: Number, launches: impl Iterator<Item = Asked>) {
        if let Some(open) = self.of_debt.get(&debt).and_then(|question| self.open.get_mut(question)) {
            for launch in launches {
                open.remove(&launch);
            }
        }
    }

    /// Takes a settled debt's launches out of the open questions.
    pub(in crate::engine) fn settled(&mut self, debt: Number, launches: impl Iterator<Item = Asked>) {
        self.forget_owed(debt, launches);
        self.of_debt.remove(&debt);
    }

    /// Gives instances new positions; launches of instances without one are not asked for any more. A start that goes
    /// on begins again with the first instance.
    pub(in crate::engine) fn laid_out(&mut self, place: impl Fn(At) -> Option<At>) {
        for open in self.open.values_mut() {
            let asked = std::mem::take(open).into_iter().filter_map(|(whose, launch, task)| match whose {
                Whose::Instance(at) => Some((Whose::Instance(place(at)?), launch, task)),
                Whose::Debt(_) => Some((whose, launch, task)),
            });
            *open = asked.collect();
        }
        if matches!(self.stage, SessionStage::Starting(_)) {
            self.begin();
        }
    }

    fn close(&mut self, question: Number) -> Closed {
        let started = self.start == Some(question);
        if started {
            self.start = None;
        }
        let rest = self.open.remove(&question).unwrap_or_default();
        Closed { rest, live: started && self.is_live() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn at(index: u32) -> At {
        At { pod: 0, index }
    }

    fn launch(index: u32, launch: Number) -> Asked {
        (Whose::Instance(at(index)), launch, "broker".parse().unwrap())
    }

    fn owed(debt: Number, launch: Number) -> Asked {
        (Whose::Debt(debt), launch, "broker".parse().unwrap())
    }

    fn asking(question: Number, launches: &[Asked]) -> Reconciliation {
        let mut all = Reconciliation::default();
        all.ask(question, launches.iter().cloned().collect(), Time::from_micros(0));
        all
    }

    #[test]
    fn a_launch_is_asked_for_until_an_answer_speaks_of_it() {
        let mut all = asking(9, &[launch(0, 7), launch(1, 8)]);
        assert!(all.is_asked(&launch(0, 7)) && !all.is_asked(&launch(0, 8)));
        assert_eq!(all.answers(9, &launch(0, 7), 9), Absence { asked: true, newer: true });
        // A repeated answer counts for nothing, and neither does the answer to another question.
        assert_eq!(all.answers(9, &launch(0, 7), 9), Absence { asked: false, newer: true });
        assert_eq!(all.answers(5, &launch(1, 8), 8), Absence { asked: false, newer: false });
        assert_eq!(all.answered(9).rest, [launch(1, 8)].into());
        assert!(!all.is_asked(&launch(1, 8)) && all.first().is_none());
    }

    #[test]
    fn what_had_no_answer_is_asked_again_and_what_was_unsure_sooner() {
        let mut all = asking(9, &[launch(0, 7)]);
        assert_eq!(
            (all.first(), all.due(Time::from_micros(29 * SECOND))),
            (Some(Time::from_micros(30 * SECOND)), None)
        );
        assert_eq!(all.due(Time::from_micros(30 * SECOND)).unwrap().rest, [launch(0, 7)].into());
        assert_eq!(all.due(Time::from_micros(99 * SECOND)), None);

        let mut all = asking(9, &[launch(0, 7)]);
        let rest = all.answered(9).rest;
        all.unsure(9, rest, Time::from_micros(SECOND));
        assert!(all.is_asked(&launch(0, 7)));
        assert_eq!(all.due(Time::from_micros(2 * SECOND)).unwrap().rest, [launch(0, 7)].into());
        all.unsure(9, BTreeSet::new(), Time::from_micros(SECOND));
        assert_eq!(all.first(), None);
    }

    #[test]
    fn the_start_goes_on_when_its_question_is_answered_or_was_not_for_long() {
        let mut all = Reconciliation::default();
        assert!(all.is_fresh() && !all.is_live() && all.starts_from().is_none());
        all.begin();
        assert_eq!(all.starts_from(), Some(at(0)));
        all.ask(9, [launch(0, 7)].into(), Time::from_micros(0));
        all.started(Some(at(1)), Some(9));
        assert_eq!((all.starts_from(), all.is_fresh()), (None, false));
        // Another question asks for this launch.
        all.ask(10, [launch(5, 5)].into(), Time::from_micros(0));
        assert!(!all.answered(10).live && all.starts_from().is_none());
        assert!(!all.answered(9).live);
        assert_eq!(all.starts_from(), Some(at(1)));
        all.ask(11, [launch(1, 8)].into(), Time::from_micros(0));
        all.started(None, Some(11));
        assert!(all.all_asked() && !all.is_live());
        assert!(all.due(Time::from_micros(30 * SECOND)).unwrap().live);
        assert!(all.is_live());
    }

    #[test]
    fn a_start_without_anybody_is_live_at_once() {
        let mut all = Reconciliation::default();
        all.nothing_to_ask();
        assert!(all.is_live());
        let mut all = Reconciliation::default();
        all.begin();
        all.started(None, None);
        assert!(all.is_live());
    }

    #[test]
    fn debts_are_asked_for_where_they_were_asked_for_last() {
        let mut all = asking(9, &[owed(3, 7)]);
        assert!(all.is_debt_asked(3, [owed(3, 7)].into_iter()));
        assert!(!all.is_debt_asked(3, [owed(3, 8)].into_iter()));
        assert!(!all.is_debt_asked(4, [owed(4, 7)].into_iter()));
        all.forget_owed(3, [owed(3, 7)].into_iter());
        assert!(!all.is_debt_asked(3, [owed(3, 7)].into_iter()));
        all.ask(10, [owed(3, 7), owed(3, 8)].into(), Time::from_micros(0));
        all.settled(3, [owed(3, 7), owed(3, 8)].into_iter());
        assert!(!all.is_asked(&owed(3, 7)) && !all.is_asked(&owed(3, 8)));
        assert!(all.answered(10).rest.is_empty());
    }

    #[test]
    fn questions_follow_their_instances() {
        let mut all = asking(9, &[launch(0, 7), launch(1, 8), owed(3, 6)]);
        all.begin();
        all.started(Some(at(2)), None);
        all.laid_out(|of| (of.index == 0).then_some(at(5)));
        assert_eq!(all.starts_from(), Some(at(0)));
        assert_eq!(all.answered(9).rest, [launch(5, 7), owed(3, 6)].into());
    }

    #[test]
    fn what_is_known_is_asked_for_nowhere() {
        let mut all = asking(9, &[launch(0, 7), launch(1, 8)]);
        all.ask(10, [launch(0, 7)].into(), Time::from_micros(0));
        all.forget([launch(0, 7)].iter());
        assert!(!all.is_asked(&launch(0, 7)) && all.is_asked(&launch(1, 8)));
    }
}
