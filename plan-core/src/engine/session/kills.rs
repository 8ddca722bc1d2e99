//! Tasks that were told to end in this session, and when they are told again.
//!
//! Invariant: who was told is told again until it is spared or its end is seen. Whether it is right to end anyone is
//! not decided here.

use std::time::Duration;

use crate::spec::TaskName;

use super::timers::Timers;
use crate::engine::at::At;
use crate::engine::record::Number;
use crate::engine::time::Time;

/// A kill is commanded again after so long, until the task is seen to have ended.
const KILL_AGAIN: Duration = Duration::from_secs(5);
/// A task is asked about when its kill was commanded again so often, and then twice as often.
const ASK_AFTER: u32 = 3;

/// A launched task that is told to end: whose, the order that launched it, its name.
pub(in crate::engine) type Victim = (At, Number, TaskName);

/// Who was told to end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Kills(Timers<Victim>);

impl Kills {
    /// A task is told to end now, and again later.
    pub(in crate::engine) fn told(&mut self, victim: Victim, now: Time) {
        self.0.set(victim, now.after(KILL_AGAIN));
    }

    /// Whether a task was told.
    pub(in crate::engine) fn is_told(&self, victim: &Victim) -> bool {
        self.0.contains(victim)
    }

    /// A task is told no more: it has ended, or may live.
    pub(in crate::engine) fn spare(&mut self, victim: &Victim) {
        self.0.remove(victim);
    }

    /// Nobody of an instance is told any more.
    pub(in crate::engine) fn spare_all(&mut self, at: At) {
        self.0.retain(|(whose, _, _)| *whose != at);
    }

    /// The first that is to be told again; it is due until it was told or is spared.
    pub(in crate::engine) fn due(&self, now: Time) -> Option<Victim> {
        self.0.first_due(now)
    }

    /// Whether a task was told so often that it is to be asked about: it may have ended unheard.
    pub(in crate::engine) fn is_unheard(&self, victim: &Victim) -> bool {
        let again = self.0.again(victim);
        again.is_multiple_of(ASK_AFTER) && (again / ASK_AFTER).is_power_of_two()
    }

    /// Instances are elsewhere now, or are not there any more.
    pub(in crate::engine) fn laid_out(&mut self, place: impl Fn(At) -> Option<At>) {
        self.0.rename(|(at, launch, task)| Some((place(at)?, launch, task)));
    }

    /// When the first is told again.
    pub(in crate::engine) fn first(&self) -> Option<Time> {
        self.0.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn victim(index: u32, launch: Number) -> Victim {
        (At { pod: 0, index }, launch, "broker".parse().unwrap())
    }

    #[test]
    fn who_was_told_is_told_again_until_spared() {
        let mut kills = Kills::default();
        kills.told(victim(0, 7), Time::from_micros(0));
        assert!(kills.is_told(&victim(0, 7)) && !kills.is_told(&victim(0, 8)));
        assert_eq!(
            (kills.first(), kills.due(Time::from_micros(4 * SECOND))),
            (Some(Time::from_micros(5 * SECOND)), None)
        );
        assert_eq!(kills.due(Time::from_micros(5 * SECOND)), Some(victim(0, 7)));
        // It is due until it was told.
        assert_eq!(kills.due(Time::from_micros(5 * SECOND)), Some(victim(0, 7)));
        kills.told(victim(0, 7), Time::from_micros(5 * SECOND));
        assert_eq!(kills.due(Time::from_micros(9 * SECOND)), None);
        kills.spare(&victim(0, 7));
        assert_eq!((kills.due(Time::from_micros(99 * SECOND)), kills.first()), (None, None));
    }

    #[test]
    fn who_is_told_often_is_asked_about_more_and_more_seldom() {
        let mut kills = Kills::default();
        let asked = (0..40).filter(|_| {
            kills.told(victim(0, 7), Time::from_micros(0));
            kills.is_unheard(&victim(0, 7))
        });
        // It is told a first time, and then again so often.
        assert_eq!(asked.collect::<Vec<_>>(), [3, 6, 12, 24]);
    }

    #[test]
    fn kills_follow_their_instances() {
        let mut kills = Kills::default();
        for victim in [victim(0, 7), victim(1, 8), victim(2, 9)] {
            kills.told(victim, Time::from_micros(0));
        }
        kills.spare_all(At { pod: 0, index: 1 });
        kills.laid_out(|at| (at.index == 0).then_some(At { pod: 3, index: 0 }));
        let told = kills.due(Time::from_micros(9 * SECOND)).unwrap();
        assert_eq!(told, (At { pod: 3, index: 0 }, 7, "broker".parse().unwrap()));
        kills.spare(&told);
        assert_eq!(kills.first(), None);
    }
}
