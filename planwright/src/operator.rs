//! What an operator does in a simulation: `TIME:VERB[:PHASE[:STEP]]`. Invariant: a verb is only taken at a
//! level that it has (C§2.8); which plan it is for is not said here.

use std::str::FromStr;
use std::time::Duration;

use backend_sim::moment::{self, MomentError};
use plan_core::engine::{Parameters, Part, Verb};
use plan_core::spec::{Code, Diagnostic, NameError, PhaseName, PlanName};

/// A verb at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Duration,
    /// What.
    pub verb: Word,
    /// Of the plan, what it is for.
    pub part: Part,
}

/// A verb's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Begins a plan.
    Start,
    /// Ends it.
    Stop,
    /// Lets nothing new begin.
    Interrupt,
    /// Takes that back, or releases a canary.
    Continue,
    /// Counts it as complete.
    ForceComplete,
    /// Has it done again.
    Restart,
}

/// The words, those of the SDK's program too (C§6.9).
const WORDS: [(&str, Word); 9] = [
    ("start", Word::Start),
    ("stop", Word::Stop),
    ("interrupt", Word::Interrupt),
    ("pause", Word::Interrupt),
    ("continue", Word::Continue),
    ("resume", Word::Continue),
    ("force-complete", Word::ForceComplete),
    ("restart", Word::Restart),
    ("force-restart", Word::Restart),
];

/// Why a text is no act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// There is no verb.
    #[error("`{0}` has no verb: write `TIME:VERB[:PHASE[:STEP]]`, as `30s:restart:broker:kafka-0:[broker]`")]
    NoVerb(String),
    /// The time is no time.
    #[error(transparent)]
    Time(#[from] MomentError),
    /// The verb is none that is known.
    #[error("`{word}` is not a verb: {help}")]
    UnknownVerb {
        /// What was written.
        word: String,
        /// What to do.
        help: String,
    },
    /// The phase has no name that a phase can have.
    #[error(transparent)]
    Phase(#[from] NameError),
    /// A step without a name.
    #[error("after the last `:` there is no step: name it, or leave the `:` out")]
    EmptyStep,
    /// The verb is not for a phase.
    #[error("`{0}` is for a whole plan: leave the phase out")]
    OnlyPlans(&'static str),
    /// The verb is not for a step.
    #[error("`{0}` is for a plan or a phase: leave the step out")]
    OnlyPhases(&'static str),
}

impl Word {
    /// The word itself.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(_, word)| *word == self).map_or("", |(text, _)| text)
    }
}

impl Act {
    /// The verb, for a plan.
    pub fn verb(&self, plan: &PlanName) -> Verb {
        let plan = plan.clone();
        let phase = match &self.part {
            Part::Plan => None,
            Part::Phase(phase) | Part::Step(phase, _) => Some(phase.clone()),
        };
        match self.verb {
            Word::Start => Verb::Start { plan, parameters: Parameters::default() },
            Word::Stop => Verb::Stop { plan },
            Word::Interrupt => Verb::Interrupt { plan, phase },
            Word::Continue => Verb::Continue { plan, phase },
            Word::ForceComplete => Verb::ForceComplete { plan, part: self.part.clone() },
            Word::Restart => Verb::Restart { plan, part: self.part.clone() },
        }
    }
}

impl FromStr for Act {
    type Err = ActError;

    fn from_str(text: &str) -> Result<Self, ActError> {
        // A step's name holds colons: it is the rest.
        let mut parts = text.splitn(4, ':');
        let time = parts.next().unwrap_or_default();
        let word = parts.next().ok_or_else(|| ActError::NoVerb(text.to_owned()))?;
        let at = moment::parse(time)?;
        let verb = WORDS.iter().find(|(known, _)| *known == word).map(|(_, verb)| *verb);
        let verb = verb.ok_or_else(|| unknown(word))?;
        let phase = parts.next().map(PhaseName::new).transpose()?;
        let step = parts.next();
        let part = match (phase, step) {
            (_, Some("")) => return Err(ActError::EmptyStep),
            (Some(phase), Some(step)) => Part::Step(phase, step.to_owned()),
            (Some(phase), None) => Part::Phase(phase),
            (None, _) => Part::Plan,
        };
        match (verb, &part) {
            (Word::Start | Word::Stop, Part::Phase(_) | Part::Step(..)) => {
                Err(ActError::OnlyPlans(verb.as_str()))
            }
            (Word::Interrupt | Word::Continue, Part::Step(..)) => Err(ActError::OnlyPhases(verb.as_str())),
            _ => Ok(Self { at, verb, part }),
        }
    }
}

fn unknown(word: &str) -> ActError {
    let known = WORDS.map(|(text, _)| text);
    let like = Diagnostic::error(Code::Value, "", "").nearest(word, known);
    let help = like.help.unwrap_or_else(|| format!("use one of {}", known.join(", ")));
    ActError::UnknownVerb { word: word.to_owned(), help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_read() {
        let broker = PhaseName::new("broker").unwrap();
        for (text, at, verb, part) in [
            ("0s:start", 0, Word::Start, Part::Plan),
            ("2m:stop", 120, Word::Stop, Part::Plan),
            ("30s:pause", 30, Word::Interrupt, Part::Plan),
            ("30s:interrupt:broker", 30, Word::Interrupt, Part::Phase(broker.clone())),
            ("1h:resume:broker", 3600, Word::Continue, Part::Phase(broker.clone())),
            ("1s:continue", 1, Word::Continue, Part::Plan),
            ("1s:force-restart", 1, Word::Restart, Part::Plan),
            ("1s:restart:broker", 1, Word::Restart, Part::Phase(broker.clone())),
            (
                "1s:force-complete:broker:kafka-0:[broker]",
                1,
                Word::ForceComplete,
                Part::Step(broker, "kafka-0:[broker]".to_owned()),
            ),
        ] {
            let act = Act { at: Duration::from_secs(at), verb, part };
            assert_eq!(text.parse(), Ok(act), "{text}");
        }
    }

    #[test]
    fn a_phase_may_hold_anything_but_a_colon() {
        let act: Act = "1s:restart:the [first] phase".parse().unwrap();
        assert_eq!(act.part, Part::Phase(PhaseName::new("the [first] phase").unwrap()));
    }

    #[test]
    fn what_is_no_act_is_refused_with_the_reason() {
        let told = |text: &str| text.parse::<Act>().unwrap_err().to_string();
        let texts = [
            "",
            "start",
            "30s",
            "30:start",
            "30s:strat",
            "30s:frobnicate",
            "30s:",
            "30s:stop:broker",
            "30s:continue:broker:kafka-0:[broker]",
            "30s:restart:",
            "30s:restart:broker:",
        ];
        insta::assert_snapshot!(texts.map(told).join("\n"));
    }
}
