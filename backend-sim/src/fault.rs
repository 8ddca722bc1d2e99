//! Faults, as data with a text form.
//!
//! Invariant: reading a fault's text gives the same fault. What a fault does is decided elsewhere.
//!
//! | text | what happens |
//! | --- | --- |
//! | `end:kafka-0-broker@30s` | the task ends: `:failed` (the default), `:finished`, `:killed`, `:unhealthy`, `:lost` |
//! | `silent:node-1@20s+60s` | nothing is heard of the node, for a time or for good |
//! | `gone:node-1@20s` | the node is gone for good, with everything on it |
//! | `freeze:node-1@20s+60s` | the observations of the node are held back for a time, and then told |
//! | `skip:kafka-1@20s+60s` | for a time no observation of the instance is told, and then only the latest |
//! | `rewind@20s` | the connection to the backend breaks, and the next one begins with an old state |
//! | `second@20s+60s` | another scheduler takes over, and for a time the old one does not know |
//! | `refuse:kafka-1#1` | the answer to the instance's first launch is "certainly not done" |
//! | `never:kafka-1#1` | the answer to the instance's first launch is "invalid" |
//! | `unknown:kafka-1#1:done` | nobody knows whether the launch was done. It was (`:done`), or was not (`:lost`) |
//! | `crash:before-commit#12` | the engine stops before its 12th commit; also `after-commit`, `before-command`, `after-command` |
//! | `gate:kafka-1@30s+2m:deny` | the gates of the instance deny, for a time or for good; also `:defer`, `:inconclusive`, and `:none`, no answer; `gate:kafka@30s` is for all instances of a pod |
//! | `undead:kafka-1-broker@30s` | the backend says that the task was lost, and the task lives on |
//! | `foreign:kafka-1-broker@30s` | a task of another installation, with this name and number, is seen to run and to end |
//! | `echo:1` | the first answer about a living launch is told once more, a little later |
//! | `random:5` | five faults of any of these kinds, at times and places that the seed determines |
//!
//! Times and durations are as [`moment`] reads them: `500ms`, `30s`, `2m`, `1h30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use plan_core::engine::{End, Words};
use plan_core::spec::InstanceName;
use smol_str::SmolStr;

use crate::moment;

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A task ends, if it lives at that time.
    End {
        /// The task: `INSTANCE-TASK`.
        task: SmolStr,
        /// When.
        at: Duration,
        /// How.
        how: End,
    },
    /// Nothing is heard of a node. What runs on it goes on.
    Silent {
        /// The node.
        node: SmolStr,
        /// When.
        at: Duration,
        /// For how long; `None` is for good.
        lasts: Option<Duration>,
    },
    /// A node is gone for good, with everything on it.
    Gone {
        /// The node.
        node: SmolStr,
        /// When.
        at: Duration,
    },
    /// The observations of a node are held back, and then told.
    Freeze {
        /// The node.
        node: SmolStr,
        /// When.
        at: Duration,
        /// For how long.
        lasts: Duration,
    },
    /// For a time no observation of an instance is told, and then only the latest.
    Skip {
        /// The instance.
        instance: InstanceName,
        /// When.
        at: Duration,
        /// For how long.
        lasts: Duration,
    },
    /// The connection to the backend breaks. The next one shows an old state before the present one.
    Rewind {
        /// When.
        at: Duration,
    },
    /// Another scheduler takes over, and the old one does not know.
    Second {
        /// When.
        at: Duration,
        /// For how long the old scheduler goes on.
        lasts: Duration,
    },
    /// A custom scheduler is slow: for a time it is not called, and the events of that time are lost to it.
    Lag {
        /// When.
        at: Duration,
        /// For how long.
        lasts: Duration,
    },
    /// A launch gets another answer.
    Launch {
        /// The instance.
        instance: InstanceName,
        /// Which of its launches, counted from 1.
        nth: u32,
        /// The answer.
        answer: LaunchFault,
    },
    /// The engine stops, and is recovered from its records a little later.
    Crash {
        /// Where.
        point: CrashPoint,
        /// At which point of this kind in the run, counted from 1.
        nth: u64,
    },
    /// The gates of an instance, or of all instances of a pod, get another answer.
    Gate {
        /// The instance, or the pod.
        who: SmolStr,
        /// When.
        at: Duration,
        /// For how long; `None` is for good.
        lasts: Option<Duration>,
        /// How.
        answer: GateFault,
    },
    /// The backend says that a task was lost, and the task lives on.
    Undead {
        /// The task: `INSTANCE-TASK`.
        task: SmolStr,
        /// When.
        at: Duration,
    },
    /// A task of another installation is seen, and soon its end. It has the name and the launch number of a task of
    /// this installation.
    Foreign {
        /// The task: `INSTANCE-TASK`.
        task: SmolStr,
        /// When.
        at: Duration,
    },
    /// An answer about a living launch is told once more, a little later.
    Echo {
        /// Which of these answers, counted from 1.
        nth: u32,
    },
    /// This many random faults.
    Random(u32),
}

impl Fault {
    /// When it happens, if the fault names a time.
    pub fn at(&self) -> Option<Duration> {
        match self {
            Self::End { at, .. }
            | Self::Silent { at, .. }
            | Self::Gone { at, .. }
            | Self::Freeze { at, .. }
            | Self::Skip { at, .. }
            | Self::Rewind { at }
            | Self::Gate { at, .. }
            | Self::Undead { at, .. }
            | Self::Foreign { at, .. }
            | Self::Lag { at, .. }
            | Self::Second { at, .. } => Some(*at),
            Self::Launch { .. } | Self::Echo { .. } | Self::Crash { .. } | Self::Random(_) => None,
        }
    }
}

/// The answer to a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LaunchFault {
    /// Certainly not done.
    Refuse,
    /// Invalid.
    Never,
    /// Unknown, and the launch was done.
    UnknownDone,
    /// Unknown, and the launch was not done.
    UnknownLost,
}

/// The answer of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GateFault {
    /// Not now.
    Defer,
    /// No.
    Deny,
    /// Nobody knows.
    Inconclusive,
    /// No answer.
    Unanswered,
}

impl GateFault {
    const ALL: [Self; 4] = [Self::Defer, Self::Deny, Self::Inconclusive, Self::Unanswered];

    /// As in a fault's text.
    fn name(self) -> &'static str {
        match self {
            Self::Defer => "defer",
            Self::Deny => "deny",
            Self::Inconclusive => "inconclusive",
            Self::Unanswered => "none",
        }
    }
}

/// Where the engine can stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CrashPoint {
    /// The engine's writes are not durable.
    BeforeCommit,
    /// The engine's writes are durable, and the engine does not know. No command of the batch leaves.
    AfterCommit,
    /// A command, and those after it, do not leave.
    BeforeCommand,
    /// A command has left, and its answer is lost. Those after it do not leave.
    AfterCommand,
}

impl CrashPoint {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::BeforeCommit, Self::AfterCommit, Self::BeforeCommand, Self::AfterCommand];

    /// As in a fault's text.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
            Self::BeforeCommand => "before-command",
            Self::AfterCommand => "after-command",
        }
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is not a fault. The message says how to write one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a fault: {problem}; {right}")]
pub struct FaultError {
    text: String,
    problem: String,
    right: &'static str,
}

const KINDS: &str = "write one of `end:TASK@TIME[:HOW]`, `silent:NODE@TIME[+FOR]`, `gone:NODE@TIME`, \
                     `freeze:NODE@TIME+FOR`, `skip:INSTANCE@TIME+FOR`, `rewind@TIME`, `second@TIME+FOR`, `lag@TIME+FOR`, \
                     `refuse:INSTANCE#N`, `never:INSTANCE#N`, `unknown:INSTANCE#N:done|lost`, `crash:POINT#N`, \
                     `gate:INSTANCE@TIME[+FOR][:ANSWER]`, `undead:TASK@TIME`, `foreign:TASK@TIME`, `echo:N`, `random:N`";
const END: &str = "write `end:kafka-0-broker@30s`, and for another end than `:failed` one of `:finished`, `:killed`, \
                   `:unhealthy`, `:lost` after it";
const SILENT: &str = "write `silent:node-1@20s` for good, or `silent:node-1@20s+60s` for a minute";
const GONE: &str = "write `gone:node-1@20s`";
const FREEZE: &str = "write `freeze:node-1@20s+60s`: the node, when, and for how long";
const SKIP: &str = "write `skip:kafka-1@20s+60s`: the instance, when, and for how long";
const REWIND: &str = "write `rewind@20s`";
const SECOND: &str = "write `second@20s+60s`: when, and for how long the old one goes on";
const LAG: &str = "write `lag@20s+60s`: when, and for how long";
const LAUNCH: &str = "write `refuse:kafka-1#1` or `never:kafka-1#1`: the instance, and which of its launches, \
                      counted from 1";
const UNKNOWN: &str = "write `unknown:kafka-1#1:done` if it was done and `unknown:kafka-1#1:lost` if not";
const CRASH: &str = "write `crash:POINT#N`, where POINT is `before-commit`, `after-commit`, `before-command` or \
                     `after-command`, and N counts such points from 1";
const GATE: &str = "write `gate:kafka-1@30s` for good, or `gate:kafka-1@30s+2m` for two minutes, and for \
                    another answer than `:deny` one of `:defer`, `:inconclusive`, `:none` after it; `gate:kafka@30s` is of all of a pod";
const UNDEAD: &str = "write `undead:kafka-0-broker@30s`";
const FOREIGN: &str = "write `foreign:kafka-0-broker@30s`";
const ECHO: &str = "write `echo:1` for the first of them";
const RANDOM: &str = "write `random:5` for five faults";

/// A time, or what is wrong with it.
fn moment(text: &str) -> Result<Duration, String> {
    moment::parse(text).map_err(|error| error.to_string())
}

fn end_name(end: End) -> &'static str {
    match end {
        End::Finished => "finished",
        End::Failed => "failed",
        End::Killed => "killed",
        End::Unhealthy => "unhealthy",
        End::Lost => "lost",
        End::Refused => "refused",
        End::Gone => "gone",
    }
}

/// What a backend says of a task that ended by a fault.
pub(crate) fn end_words(end: End) -> Words {
    Words::from(match end {
        End::Finished => "exit code 0: a fault",
        End::Failed => "exit code 1: a fault",
        End::Killed => "signal 9: a fault",
        End::Unhealthy => "health check failed: a fault",
        End::Lost => "its node knows nothing of it: a fault",
        End::Refused => "its node refused it: a fault",
        End::Gone => "its node is gone: a fault",
    })
}

/// `WHO#N`.
fn counted<T: FromStr<Err: fmt::Display>, N: FromStr + Default + PartialEq>(
    text: &str,
) -> Result<(T, N), String> {
    let (who, nth) = text.rsplit_once('#').ok_or("there is no `#` with a number")?;
    let who = who.parse().map_err(|error| format!("{error}"))?;
    let nth = nth.parse().ok().filter(|nth| *nth != N::default());
    Ok((who, nth.ok_or("after `#` comes a number from 1 on")?))
}

fn end(rest: &str) -> Result<Fault, String> {
    let (task, rest) = rest.rsplit_once('@').ok_or("there is no `@` with a time")?;
    let (at, how) = rest.split_once(':').unwrap_or((rest, "failed"));
    let ends = [End::Finished, End::Failed, End::Killed, End::Unhealthy, End::Lost, End::Refused];
    let how = ends.into_iter().find(|end| end_name(*end) == how);
    let how = how.ok_or("no task ends like that")?;
    if task.is_empty() {
        return Err("no task is named".to_owned());
    }
    Ok(Fault::End { task: task.into(), at: moment(at)?, how })
}

fn silent(rest: &str) -> Result<Fault, String> {
    let (node, rest) = rest.rsplit_once('@').ok_or("there is no `@` with a time")?;
    let (at, lasts) = match rest.split_once('+') {
        Some((at, lasts)) => (at, Some(moment(lasts)?)),
        None => (rest, None),
    };
    if node.is_empty() {
        return Err("no node is named".to_owned());
    }
    Ok(Fault::Silent { node: node.into(), at: moment(at)?, lasts })
}

/// `WHO@TIME+FOR`, where `WHO` may be empty.
fn lasting(text: &str) -> Result<(&str, Duration, Duration), String> {
    let (who, rest) = text.rsplit_once('@').ok_or("there is no `@` with a time")?;
    let (at, lasts) = rest.split_once('+').ok_or("there is no `+` with a duration")?;
    Ok((who, moment(at)?, moment(lasts)?))
}

fn gone(rest: &str) -> Result<Fault, String> {
    let (node, at) = rest.rsplit_once('@').ok_or("there is no `@` with a time")?;
    let named = Some(node).filter(|node| !node.is_empty()).ok_or("no node is named")?;
    Ok(Fault::Gone { node: named.into(), at: moment(at)? })
}

fn freeze(rest: &str) -> Result<Fault, String> {
    let (node, at, lasts) = lasting(rest)?;
    let named = Some(node).filter(|node| !node.is_empty()).ok_or("no node is named")?;
    Ok(Fault::Freeze { node: named.into(), at, lasts })
}

fn skip(rest: &str) -> Result<Fault, String> {
    let (instance, at, lasts) = lasting(rest)?;
    let instance = instance.parse().map_err(|error| format!("{error}"))?;
    Ok(Fault::Skip { instance, at, lasts })
}

fn gate(rest: &str) -> Result<Fault, String> {
    let (who, rest) = rest.rsplit_once('@').ok_or("there is no `@` with a time")?;
    let (time, answer) = rest.split_once(':').unwrap_or((rest, GateFault::Deny.name()));
    let answer = GateFault::ALL.into_iter().find(|one| one.name() == answer);
    let answer = answer.ok_or("no gate answers like that")?;
    let (at, lasts) = match time.split_once('+') {
        Some((at, lasts)) => (at, Some(moment(lasts)?)),
        None => (time, None),
    };
    let named = Some(who).filter(|who| !who.is_empty()).ok_or("no instance is named")?;
    Ok(Fault::Gate { who: named.into(), at: moment(at)?, lasts, answer })
}

fn rewind(at: &str) -> Result<Fault, String> {
    Ok(Fault::Rewind { at: moment(at)? })
}

fn second(rest: &str) -> Result<Fault, String> {
    let (at, lasts) = rest.split_once('+').ok_or("there is no `+` with a duration")?;
    Ok(Fault::Second { at: moment(at)?, lasts: moment(lasts)? })
}

fn lag(rest: &str) -> Result<Fault, String> {
    let (at, lasts) = rest.split_once('+').ok_or("there is no `+` with a duration")?;
    Ok(Fault::Lag { at: moment(at)?, lasts: moment(lasts)? })
}

/// `TASK@TIME`.
fn task_at(rest: &str) -> Result<(SmolStr, Duration), String> {
    let (task, at) = rest.rsplit_once('@').ok_or("there is no `@` with a time")?;
    let named = Some(task).filter(|task| !task.is_empty()).ok_or("no task is named")?;
    Ok((named.into(), moment(at)?))
}

fn echo(rest: &str) -> Result<Fault, String> {
    let nth = rest.parse().ok().filter(|&nth| nth > 0).ok_or("after `:` comes a number from 1 on")?;
    Ok(Fault::Echo { nth })
}

fn launch(rest: &str, answer: LaunchFault) -> Result<Fault, String> {
    let (instance, nth) = counted(rest)?;
    Ok(Fault::Launch { instance, nth, answer })
}

fn unknown(rest: &str) -> Result<Fault, String> {
    match rest.rsplit_once(':') {
        Some((rest, "done")) => launch(rest, LaunchFault::UnknownDone),
        Some((rest, "lost")) => launch(rest, LaunchFault::UnknownLost),
        _ => Err("it does not say whether it was done".to_owned()),
    }
}

impl FromStr for CrashPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let point = Self::ALL.into_iter().find(|point| point.name() == text);
        point.ok_or_else(|| format!("`{text}` is no point"))
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (kind, rest) = match text.split_once('@') {
            Some((kind @ ("rewind" | "second" | "lag"), rest)) => (kind, rest),
            _ => text.split_once(':').unwrap_or((text, "")),
        };
        let (fault, right) = match kind {
            "rewind" => (rewind(rest), REWIND),
            "second" => (second(rest), SECOND),
            "lag" => (lag(rest), LAG),
            "gone" => (gone(rest), GONE),
            "freeze" => (freeze(rest), FREEZE),
            "skip" => (skip(rest), SKIP),
            "end" => (end(rest), END),
            "silent" => (silent(rest), SILENT),
            "refuse" => (launch(rest, LaunchFault::Refuse), LAUNCH),
            "never" => (launch(rest, LaunchFault::Never), LAUNCH),
            "unknown" => (unknown(rest), UNKNOWN),
            "crash" => (counted(rest).map(|(point, nth)| Self::Crash { point, nth }), CRASH),
            "gate" => (gate(rest), GATE),
            "undead" => (task_at(rest).map(|(task, at)| Self::Undead { task, at }), UNDEAD),
            "foreign" => (task_at(rest).map(|(task, at)| Self::Foreign { task, at }), FOREIGN),
            "echo" => (echo(rest), ECHO),
            "random" => {
                (rest.parse().map(Self::Random).map_err(|_| format!("`{rest}` is no number")), RANDOM)
            }
            _ => (Err(format!("there is no kind `{kind}`")), KINDS),
        };
        fault.map_err(|problem| FaultError { text: text.to_owned(), problem, right })
    }
}

/// As text, so that it can be given to another run.
impl serde::Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End { task, at, how: End::Failed } => write!(f, "end:{task}@{}", moment::show(*at)),
            Self::End { task, at, how } => write!(f, "end:{task}@{}:{}", moment::show(*at), end_name(*how)),
            Self::Silent { node, at, lasts: None } => write!(f, "silent:{node}@{}", moment::show(*at)),
            Self::Silent { node, at, lasts: Some(lasts) } => {
                write!(f, "silent:{node}@{}+{}", moment::show(*at), moment::show(*lasts))
            }
            Self::Gone { node, at } => write!(f, "gone:{node}@{}", moment::show(*at)),
            Self::Freeze { node, at, lasts } => {
                write!(f, "freeze:{node}@{}+{}", moment::show(*at), moment::show(*lasts))
            }
            Self::Skip { instance, at, lasts } => {
                write!(f, "skip:{instance}@{}+{}", moment::show(*at), moment::show(*lasts))
            }
            Self::Rewind { at } => write!(f, "rewind@{}", moment::show(*at)),
            Self::Second { at, lasts } => write!(f, "second@{}+{}", moment::show(*at), moment::show(*lasts)),
            Self::Lag { at, lasts } => write!(f, "lag@{}+{}", moment::show(*at), moment::show(*lasts)),
            Self::Launch { instance, nth, answer } => match answer {
                LaunchFault::Refuse => write!(f, "refuse:{instance}#{nth}"),
                LaunchFault::Never => write!(f, "never:{instance}#{nth}"),
                LaunchFault::UnknownDone => write!(f, "unknown:{instance}#{nth}:done"),
                LaunchFault::UnknownLost => write!(f, "unknown:{instance}#{nth}:lost"),
            },
            Self::Crash { point, nth } => write!(f, "crash:{point}#{nth}"),
            Self::Gate { who, at, lasts, answer } => {
                write!(f, "gate:{who}@{}", moment::show(*at))?;
                lasts.iter().try_for_each(|lasts| write!(f, "+{}", moment::show(*lasts)))?;
                if *answer == GateFault::Deny { Ok(()) } else { write!(f, ":{}", answer.name()) }
            }
            Self::Undead { task, at } => write!(f, "undead:{task}@{}", moment::show(*at)),
            Self::Foreign { task, at } => write!(f, "foreign:{task}@{}", moment::show(*at)),
            Self::Echo { nth } => write!(f, "echo:{nth}"),
            Self::Random(count) => write!(f, "random:{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_the_same() {
        for text in [
            "end:kafka-0-broker@30s",
            "end:kafka-0-broker@1s500ms:finished",
            "end:kafka-0-broker@2m:killed",
            "end:kafka-0-broker@1h:unhealthy",
            "end:kafka-0-broker@0s:lost",
            "silent:node-1@20s",
            "silent:node-1@20s+1m",
            "gone:node-1@20s",
            "freeze:node-1@20s+1m",
            "skip:kafka-1@20s+1m30s",
            "rewind@20s",
            "second@20s+1m",
            "lag@20s+1m",
            "refuse:kafka-1#1",
            "never:kafka-1#2",
            "unknown:kafka-1#1:done",
            "unknown:kafka-1#3:lost",
            "crash:before-commit#12",
            "crash:after-commit#1",
            "crash:before-command#3",
            "crash:after-command#4",
            "gate:kafka-1@30s",
            "gate:kafka-1@30s+2m",
            "gate:kafka@30s:defer",
            "gate:kafka-1@30s+2m:inconclusive",
            "gate:kafka-1@1h:none",
            "undead:kafka-0-broker@20s",
            "foreign:kafka-0-broker@20s",
            "echo:2",
            "random:5",
        ] {
            assert_eq!(text.parse::<Fault>().map(|fault| fault.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("silent:a@1s+60s".parse::<Fault>().unwrap().to_string(), "silent:a@1s+1m");
    }

    #[test]
    fn a_wrong_text_is_told_what_is_right() {
        for (text, told) in [
            ("explode:kafka-0", "there is no kind `explode`; write one of `end:TASK@TIME[:HOW]`"),
            ("end:kafka-0-broker", "there is no `@` with a time; write `end:kafka-0-broker@30s`"),
            ("end:kafka-0-broker@30", "`30` has no unit: is it `30ms`, `30s`, `30m` or `30h`?"),
            ("end:kafka-0-broker@30s:gone", "no task ends like that"),
            ("gone:node-1", "there is no `@` with a time; write `gone:node-1@20s`"),
            ("freeze:node-1@20s", "there is no `+` with a duration; write `freeze:node-1@20s+60s`"),
            ("skip:kafka@1s+1s", "write `skip:kafka-1@20s+60s`"),
            ("rewind", "`` is not a time"),
            ("second@20s", "there is no `+` with a duration; write `second@20s+60s`"),
            ("lag@20s", "there is no `+` with a duration; write `lag@20s+60s`"),
            ("refuse:kafka-1", "there is no `#` with a number"),
            ("refuse:kafka-1#0", "after `#` comes a number from 1 on"),
            ("refuse:kafka#1", "write `refuse:kafka-1#1`"),
            ("unknown:kafka-1#1", "it does not say whether it was done; write `unknown:kafka-1#1:done`"),
            ("crash:now#1", "`now` is no point; write `crash:POINT#N`"),
            ("gate:kafka-1", "there is no `@` with a time; write `gate:kafka-1@30s` for good"),
            ("gate:kafka-1@30s:no", "no gate answers like that; write `gate:kafka-1@30s` for good"),
            ("gate:@30s", "no instance is named"),
            ("gate:kafka-1@30s+:deny", "`` is not a time"),
            ("undead:kafka-0-broker", "there is no `@` with a time; write `undead:kafka-0-broker@30s`"),
            ("foreign:@1s", "no task is named; write `foreign:kafka-0-broker@30s`"),
            ("echo:0", "after `:` comes a number from 1 on; write `echo:1`"),
            ("random:many", "`many` is no number"),
            ("", "write one of"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
