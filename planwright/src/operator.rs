//! What an operator does in a simulation: `TIME:VERB[:PHASE[:STEP]]` for a plan, `TIME:VERB:INSTANCE[:TASK,...]` for an
//! instance. Invariant: a verb is accepted only for what it can act on (SDK rules R58 and R60). The plan is not a part
//! of the text.

use std::str::FromStr;
use std::time::Duration;

use backend_sim::moment::{self, MomentError};
use plan_core::engine::{Parameters, Part, Verb};
use plan_core::spec::{Code, Diagnostic, InstanceName, NameError, PhaseName, PlanName, TaskName};

/// A verb at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    /// The text as typed.
    pub(crate) text: String,
    /// When.
    pub(crate) at: Duration,
    /// What.
    pub(crate) deed: Deed,
}

/// What an operator does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A verb for the plan of the simulation.
    OfPlan {
        /// What.
        verb: Word,
        /// The part of the plan.
        part: Part,
    },
    /// A verb for an instance, a debt, or the service.
    Other(Verb),
}

/// The words of verbs that are not for plans.
const OTHERS: [&str; 6] = ["pod-restart", "pod-replace", "pod-pause", "pod-resume", "give-up", "uninstall"];

/// The word of a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Starts a plan.
    Start,
    /// Stops it.
    Stop,
    /// Lets no further step begin.
    Interrupt,
    /// Takes an interruption back, or releases a canary.
    Continue,
    /// Makes it count as complete.
    ForceComplete,
    /// Does its work again.
    Restart,
}

/// The words, including those of the SDK's program (SDK rule R80).
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

/// Why a text is not an act of an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ActError {
    /// The verb is missing.
    #[error("`{0}` has no verb: write `TIME:VERB[:PHASE[:STEP]]`, as `30s:restart:broker:kafka-0:[broker]`")]
    NoVerb(String),
    /// The time cannot be read.
    #[error(transparent)]
    Time(#[from] MomentError),
    /// The verb is unknown.
    #[error("`{word}` is not a verb: {help}")]
    UnknownVerb {
        /// What was written.
        word: String,
        /// What to do.
        help: String,
    },
    /// The name cannot be the name of a phase.
    #[error(transparent)]
    Phase(#[from] NameError),
    /// The name of the step is missing.
    #[error("after the last `:` there is no step: name it, or leave the `:` out")]
    EmptyStep,
    /// The verb needs an instance.
    #[error("`{0}` is of an instance: write `{0}:kafka-0`")]
    NoInstance(&'static str),
    /// The name cannot be the name of an instance.
    #[error("`{name}` is not an instance: {problem}")]
    Instance {
        /// What was written.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The verb is for a whole instance.
    #[error("`{0}` is of a whole instance: leave the tasks out")]
    OnlyInstances(&'static str),
    /// The debt has no number.
    #[error("`{0}` is not the number of a debt: write `give-up:7`")]
    Debt(String),
    /// The verb is for the whole service.
    #[error("`uninstall` is of the whole service: leave the rest out")]
    OnlyService,
    /// The verb is not for a phase.
    #[error("`{0}` is for a whole plan: leave the phase out")]
    OnlyPlans(&'static str),
    /// The verb is not for a step.
    #[error("`{0}` is for a plan or a phase: leave the step out")]
    OnlyPhases(&'static str),
}

impl Word {
    /// The word itself.
    pub(crate) fn as_str(self) -> &'static str {
        WORDS.iter().find(|(_, word)| *word == self).map_or("", |(text, _)| text)
    }
}

impl Act {
    /// The verb, for a plan.
    pub(crate) fn verb(&self, plan: &PlanName) -> Verb {
        let (verb, part) = match &self.deed {
            Deed::Other(verb) => return verb.clone(),
            Deed::OfPlan { verb, part } => (*verb, part),
        };
        let plan = plan.clone();
        let phase = match part {
            Part::Plan => None,
            Part::Phase(phase) | Part::Step(phase, _) => Some(phase.clone()),
        };
        match verb {
            Word::Start => Verb::Start { plan, parameters: Parameters::default() },
            Word::Stop => Verb::Stop { plan },
            Word::Interrupt => Verb::Interrupt { plan, phase },
            Word::Continue => Verb::Continue { plan, phase },
            Word::ForceComplete => Verb::ForceComplete { plan, part: part.clone() },
            Word::Restart => Verb::Restart { plan, part: part.clone() },
        }
    }
}

impl FromStr for Act {
    type Err = ActError;

    fn from_str(text: &str) -> Result<Self, ActError> {
        // A step's name contains colons, so it is the rest of the text.
        let mut parts = text.splitn(4, ':');
        let time = parts.next().unwrap_or_default();
        let word = parts.next().ok_or_else(|| ActError::NoVerb(text.to_owned()))?;
        let at = moment::parse(time)?;
        let deed = match OTHERS.into_iter().find(|known| *known == word) {
            Some(word) => Deed::Other(other(word, parts.next(), parts.next())?),
            None => of_plan(word, parts.next(), parts.next())?,
        };
        Ok(Self { text: text.to_owned(), at, deed })
    }
}

/// A verb for an instance, a debt, or the service.
fn other(word: &'static str, of: Option<&str>, tasks: Option<&str>) -> Result<Verb, ActError> {
    match (word, of) {
        ("uninstall", None) => return Ok(Verb::Uninstall),
        ("uninstall", Some(_)) => return Err(ActError::OnlyService),
        ("give-up", of) => {
            let of = of.unwrap_or_default();
            let debt = of.parse().map_err(|_| ActError::Debt(of.to_owned()))?;
            return Ok(Verb::GiveUp { debt });
        }
        _ => {}
    }
    let name = of.ok_or(ActError::NoInstance(word))?;
    let wrong = |problem: String| ActError::Instance { name: name.to_owned(), problem };
    let instance: InstanceName = name.parse().map_err(|error| wrong(format!("{error}")))?;
    if word == "pod-replace" {
        return match tasks {
            None => Ok(Verb::ReplacePod { instance }),
            Some(_) => Err(ActError::OnlyInstances(word)),
        };
    }
    let tasks = tasks.into_iter().flat_map(|tasks| tasks.split(','));
    let tasks = tasks.map(TaskName::new).collect::<Result<Vec<_>, _>>()?;
    Ok(match word {
        "pod-restart" => Verb::RestartPod { instance, tasks },
        "pod-pause" => Verb::PausePod { instance, tasks },
        _ => Verb::ResumePod { instance, tasks },
    })
}

/// Something to a plan.
fn of_plan(word: &str, phase: Option<&str>, step: Option<&str>) -> Result<Deed, ActError> {
    let verb = WORDS.iter().find(|(known, _)| *known == word).map(|(_, verb)| *verb);
    let verb = verb.ok_or_else(|| unknown(word))?;
    let phase = phase.map(PhaseName::new).transpose()?;
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
        _ => Ok(Deed::OfPlan { verb, part }),
    }
}

fn unknown(word: &str) -> ActError {
    let known: Vec<&str> = WORDS.iter().map(|(text, _)| *text).chain(OTHERS).collect();
    let like = Diagnostic::error(Code::Value, "", "").nearest(word, known.iter().copied());
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
            let deed = Deed::OfPlan { verb, part };
            let act = Act { text: text.to_owned(), at: Duration::from_secs(at), deed };
            assert_eq!(text.parse(), Ok(act), "{text}");
        }
    }

    #[test]
    fn a_phase_may_hold_anything_but_a_colon() {
        let act: Act = "1s:restart:the [first] phase".parse().unwrap();
        let part = Part::Phase(PhaseName::new("the [first] phase").unwrap());
        assert_eq!(act.deed, Deed::OfPlan { verb: Word::Restart, part });
    }

    #[test]
    fn an_act_may_be_of_an_instance_a_debt_or_the_service() {
        let instance: InstanceName = "kafka-0".parse().unwrap();
        let tasks: Vec<TaskName> = ["a", "b"].into_iter().map(|name| TaskName::new(name).unwrap()).collect();
        for (text, verb) in [
            ("1s:pod-restart:kafka-0", Verb::RestartPod { instance: instance.clone(), tasks: Vec::new() }),
            ("1s:pod-replace:kafka-0", Verb::ReplacePod { instance: instance.clone() }),
            ("1s:pod-pause:kafka-0:a,b", Verb::PausePod { instance: instance.clone(), tasks: tasks.clone() }),
            ("1s:pod-resume:kafka-0:a,b", Verb::ResumePod { instance, tasks }),
            ("1s:give-up:7", Verb::GiveUp { debt: 7 }),
            ("1s:uninstall", Verb::Uninstall),
        ] {
            assert_eq!(text.parse().map(|act: Act| act.deed), Ok(Deed::Other(verb)), "{text}");
        }
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
            "30s:pod-restart",
            "30s:pod-restart:kafka",
            "30s:pod-replace:kafka-0:broker",
            "30s:pod-rplace:kafka-0",
            "30s:give-up:all",
            "30s:uninstall:kafka-0",
        ];
        insta::assert_snapshot!(texts.map(told).join("\n"));
    }
}
