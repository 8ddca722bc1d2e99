//! Tasks that were told to end in this session, and when they are told again.
//!
//! Invariant: a task that was told to end is told again until it is spared or its end is seen. Whether a task is to end
//! is not decided here.

use std::time::Duration;

use crate::spec::TaskName;

use super::timers::Timers;
use crate::engine::at::At;
use crate::engine::record::Number;
use crate::engine::time::Time;

/// After how long a kill is commanded again, until the task's end is seen.
const KILL_AGAIN: Duration = Duration::from_secs(5);
/// After how many repeated kills the state of the task is asked for; after that whenever their number has doubled.
const ASK_AFTER: u32 = 3;

/// A launched task that is told to end: its instance, the order that launched it, its name.
pub(in crate::engine) type Victim = (At, Number, TaskName);

/// The tasks that were told to end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Kills(Timers<Victim>);

impl Kills {
    /// Notes that a task is told to end now, and sets the time to tell it again.
    pub(in crate::engine) fn told(&mut self, victim: Victim, now: Time) {
        self.0.set(victim, now.after(KILL_AGAIN));
    }

    /// Whether a task was told to end.
    pub(in crate::engine) fn is_told(&self, victim: &Victim) -> bool {
        self.0.contains(victim)
    }

    /// Forgets a task, as it has ended or may live.
    pub(in crate::engine) fn spare(&mut self, victim: &Victim) {
        self.0.remove(victim);
    }

    /// Forgets all tasks of an instance.
    pub(in crate::engine) fn spare_all(&mut self, at: At) {
        self.0.retain(|(whose, _, _)| *whose != at);
    }

    /// The first task that is to be told again. It stays due until it is told or spared.
    pub(in crate::engine) fn due(&self, now: Time) -> Option<Victim> {
        self.0.first_due(now)
    }

    /// Whether a task was told so often that its state is to be asked for: it may have ended unheard.
    pub(in crate::engine) fn is_unheard(&self, victim: &Victim) -> bool {
        let again = self.0.again(victim);
        again.is_multiple_of(ASK_AFTER) && (again / ASK_AFTER).is_power_of_two()
    }

    /// Gives instances new positions; tasks of instances without one are forgotten.
    pub(in crate::engine) fn laid_out(&mut self, place: impl Fn(At) -> Option<At>) {
        self.0.rename(|(at, launch, task)| Some((place(at)?, launch, task)));
    }

    /// When the first task is to be told again.
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
        // A task is due until it is told.
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
        // The counts leave the first kill out.
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
