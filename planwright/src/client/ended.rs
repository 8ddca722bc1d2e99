//! How a wait ended.
//!
//! Invariant: every end has a name for programs, words for people and an exit code, and they always go together.

use serde_json::{Value, json};

use crate::Verdict;
use crate::ui::Ui;

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// Everything is done.
    Complete,
    /// The work was refused for good, and why.
    Error(Vec<String>),
    /// An operator stopped it.
    Stopped,
    /// It does not run, and nobody has started it.
    NotRunning,
    /// A new target took its place.
    Overtaken,
    /// The service is uninstalled.
    Uninstalled,
    /// The work goes on, and the time of the wait is over.
    TimedOut,
}

impl Ended {
    /// Its name for programs.
    fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Error(_) => "error",
            Self::Stopped => "stopped",
            Self::NotRunning => "not-running",
            Self::Overtaken => "overtaken",
            Self::Uninstalled => "uninstalled",
            Self::TimedOut => "timed-out",
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Complete => "is complete",
            Self::Error(_) => "has an error",
            Self::Stopped => "was stopped",
            Self::NotRunning => "does not run: `plan start` begins it",
            Self::Overtaken => "was overtaken by another target",
            Self::Uninstalled => "is no more: the service is uninstalled",
            Self::TimedOut => "goes on, and was waited for long enough",
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Complete => Verdict::Good,
            Self::Error(_) => Verdict::Refused,
            Self::Stopped | Self::NotRunning | Self::Overtaken | Self::Uninstalled | Self::TimedOut => {
                Verdict::InVain
            }
        }
    }

    fn whys(&self) -> &[String] {
        match self {
            Self::Error(whys) => whys,
            _ => &[],
        }
    }

    /// Prints the end, and returns the exit code. For programs it is one object with the API's answer.
    pub(super) fn tell(&self, ui: &mut Ui, what: &str, answer: Value) -> std::io::Result<Verdict> {
        let words = if *self == Self::Complete { format!("{what} is complete") } else { String::new() };
        self.tell_as(ui, what, &words, self.verdict(), answer)
    }

    /// Prints the end. If it is one of these ends, the command asked for it, and it is good, in these words.
    pub(super) fn tell_wanted(
        &self,
        ui: &mut Ui,
        what: &str,
        (wanted, words): (&[Self], &str),
        answer: Value,
    ) -> std::io::Result<Verdict> {
        if wanted.contains(self) {
            self.tell_as(ui, what, words, Verdict::Good, answer)
        } else {
            self.tell_as(ui, what, "", self.verdict(), answer)
        }
    }

    fn tell_as(
        &self,
        ui: &mut Ui,
        what: &str,
        good: &str,
        verdict: Verdict,
        answer: Value,
    ) -> std::io::Result<Verdict> {
        if ui.is_json() {
            ui.json(&self.with(answer))?;
        } else if verdict == Verdict::Good && !good.is_empty() {
            ui.progress(good);
        } else {
            ui.complain(&format!("{what} {}", self.words()));
            self.whys().iter().for_each(|why| ui.note(why));
        }
        Ok(verdict)
    }

    /// The API's answer, with the end as one more member.
    fn with(&self, answer: Value) -> Value {
        let ended = json!({ "how": self.name(), "why": self.whys() });
        match answer {
            Value::Object(mut members) => {
                members.insert("ended".to_owned(), ended);
                Value::Object(members)
            }
            answer => json!({ "answer": answer, "ended": ended }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_the_answer_and_the_end_in_one_object() {
        let ended = Ended::Error(vec!["no such file".to_owned()]);
        assert_eq!(
            ended.with(json!({ "reply": "done" })),
            json!({ "reply": "done", "ended": { "how": "error", "why": ["no such file"] } })
        );
        assert_eq!(Ended::TimedOut.with(json!([]))["ended"]["how"], "timed-out");
    }

    #[test]
    fn each_end_has_a_name_of_its_own_and_only_a_complete_one_is_good() {
        let ends = [
            Ended::Complete,
            Ended::Error(Vec::new()),
            Ended::Stopped,
            Ended::NotRunning,
            Ended::Overtaken,
            Ended::Uninstalled,
            Ended::TimedOut,
        ];
        let names: std::collections::BTreeSet<_> = ends.iter().map(Ended::name).collect();
        assert_eq!(names.len(), ends.len());
        let good: Vec<_> = ends.iter().filter(|end| end.verdict() == Verdict::Good).collect();
        assert_eq!(good, [&Ended::Complete]);
    }
}
