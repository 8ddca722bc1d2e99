//! Waiting for what changes.
//!
//! Invariant: an event only says that it is worth looking again; what is shown and decided is what is then read. So a lost
//! event costs time, and nothing else.

use std::io::{self, IsTerminal};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::http::Scheduler;
use super::plan::Plan;
use super::trouble::Trouble;
use super::{Came, Stop};
use crate::Verdict;
use crate::arguments::Waiting;
use crate::problem::Problem;
use crate::screen::{Page, Screen, Wish};
use crate::tree::Tree;
use crate::ui::Ui;

/// Without an event it is looked again after this.
const LOOK: Duration = Duration::from_millis(500);
/// Events that come together are taken together.
const GLANCE: Duration = Duration::from_millis(30);
/// A scheduler that does not answer may be back within this: it is being started again.
const BACK: Duration = Duration::from_secs(10);

/// The events of a scheduler.
pub(super) struct Changes {
    events: Option<BoxStream<'static, reqwest::Result<bytes::Bytes>>>,
}

impl Changes {
    /// Those from now on. Where there are none, it is looked again now and then.
    pub(super) async fn of(scheduler: &Scheduler) -> Self {
        let events = scheduler.stream(&["v2", "events"], &[]).await.ok();
        Self { events: events.map(|response| response.bytes_stream().boxed()) }
    }

    /// Waits until it is worth looking again.
    pub(super) async fn next(&mut self) {
        let Some(events) = &mut self.events else { return sleep(LOOK).await };
        match timeout(LOOK, events.next()).await {
            Ok(Some(Ok(_))) => sleep(GLANCE).await,
            Err(_) => {}
            Ok(Some(Err(_)) | None) => {
                self.events = None;
                sleep(GLANCE).await;
            }
        }
    }
}

/// How something that was waited for ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// All is done.
    Complete,
    /// It was refused for good, and why.
    Error(Vec<String>),
    /// An operator ended it.
    Stopped,
    /// A new target took its place.
    Overtaken,
    /// There is no service any more.
    Uninstalled,
    /// It goes on; it was waited for long enough.
    TimedOut,
}

impl Ended {
    /// Says it, and what it comes to.
    pub(super) fn tell(&self, ui: &mut Ui, what: &str) -> Verdict {
        let (verdict, word) = match self {
            Self::Complete => (Verdict::Good, "is complete"),
            Self::Error(_) => (Verdict::Refused, "has an error"),
            Self::Stopped => (Verdict::InVain, "was stopped"),
            Self::Overtaken => (Verdict::InVain, "was overtaken by another target"),
            Self::Uninstalled => (Verdict::InVain, "is no more: the service is uninstalled"),
            Self::TimedOut => (Verdict::InVain, "goes on, and was waited for long enough"),
        };
        match verdict {
            Verdict::Good => ui.progress(format_args!("{what} {word}")),
            _ => ui.complain(&format!("{what} {word}")),
        }
        if let Self::Error(whys) = self {
            whys.iter().for_each(|why| ui.note(why));
        }
        verdict
    }
}

/// A run of a plan.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    pub(super) run: u64,
    pub(super) begun: u64,
    pub(super) ended: Option<u64>,
    pub(super) outcome: Option<String>,
}

/// A look that decides whether it is over.
pub(super) trait Look {
    /// How it ended, if it has.
    async fn look(&mut self, ui: &mut Ui, scheduler: &Scheduler) -> Result<Option<Ended>, Trouble>;
}

/// Looks until it is over. A scheduler that is started again meanwhile is waited for.
pub(super) async fn wait(
    ui: &mut Ui,
    scheduler: &Scheduler,
    waiting: &Waiting,
    look: &mut impl Look,
) -> Result<Ended, Stop> {
    let until = waiting.timeout.map(|time| Instant::now() + time);
    let mut changes = Changes::of(scheduler).await;
    let mut away: Option<Instant> = None;
    loop {
        match look.look(ui, scheduler).await {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) => away = None,
            Err(Trouble::Unreachable(problem)) => {
                let since = *away.get_or_insert_with(Instant::now);
                if since.elapsed() >= BACK {
                    let gone = Problem::error(format!("the scheduler is gone: {}", problem.message));
                    let help = problem.help.unwrap_or_default();
                    return Err(Trouble::Unreachable(gone.help(help).into()).into());
                }
            }
            Err(trouble) => return Err(trouble.into()),
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Ok(Ended::TimedOut);
        }
        let next = changes.next();
        match until {
            Some(until) => drop(tokio::time::timeout_at(until, next).await),
            None => next.await,
        }
    }
}

/// A run of a plan, until it ends.
pub(super) struct PlanEnd {
    plan: String,
    /// The run that is waited for; none if it is not known.
    run: Option<u64>,
    told: Vec<String>,
}

impl PlanEnd {
    /// The run that goes on now, or the latest.
    pub(super) async fn of(scheduler: &Scheduler, plan: &str) -> Result<Self, Trouble> {
        let runs: Vec<Run> = scheduler.get(&["v2", "plans", plan, "runs"]).await?;
        Ok(Self { plan: plan.to_owned(), run: runs.last().map(|run| run.run), told: Vec::new() })
    }
}

impl Look for PlanEnd {
    async fn look(&mut self, ui: &mut Ui, scheduler: &Scheduler) -> Result<Option<Ended>, Trouble> {
        let plans: Vec<super::plan::Line> = scheduler.get(&["v2", "plans"]).await?;
        if plans.is_empty() {
            return Ok(Some(Ended::Uninstalled));
        }
        let plan: Plan = scheduler.get(&["v2", "plans", &self.plan]).await?;
        if let Some(run) = self.run {
            let runs: Vec<Run> = scheduler.get(&["v2", "plans", &self.plan, "runs"]).await?;
            let of = runs.iter().find(|known| known.run == run);
            match of.and_then(|run| run.outcome.as_deref()) {
                Some("complete") => return Ok(Some(Ended::Complete)),
                Some("stopped") => return Ok(Some(Ended::Stopped)),
                Some("overtaken") => return Ok(Some(Ended::Overtaken)),
                Some(other) => return Err(Trouble::strange(format_args!("a run that is `{other}`"))),
                // It is too old to be remembered: something else took its place.
                None if of.is_none() => return Ok(Some(Ended::Overtaken)),
                None => {}
            }
        }
        let waits = plan.reasons();
        match plan.status.as_str() {
            "COMPLETE" => return Ok(Some(Ended::Complete)),
            "ERROR" => return Ok(Some(Ended::Error(plan.errors()))),
            // Only a person helps on: who waits is told what for.
            "WAITING" if waits != self.told => {
                waits.iter().for_each(|why| ui.note(why));
                self.told = waits;
            }
            _ => {}
        }
        Ok(None)
    }
}

/// What there is to be seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Seen {
    /// For programs.
    pub(super) value: Value,
    /// For people.
    pub(super) trees: Vec<Tree>,
    /// What there is to be said of it.
    pub(super) notes: Vec<String>,
}

impl Seen {
    /// Whether people see the same.
    fn looks_like(&self, other: &Self) -> bool {
        self.trees == other.trees && self.notes == other.notes
    }
}

/// What is shown again and again.
pub(super) trait Show {
    /// What there is to be seen now.
    async fn show(&self, scheduler: &Scheduler) -> Result<Seen, Trouble>;
}

/// Shows something whenever it changes, until it is enough: on a terminal on a screen of its own, else one after the
/// other.
pub(super) async fn watch(ui: &mut Ui, scheduler: &Scheduler, what: &impl Show) -> Came {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    let url = scheduler.found().url.as_str().trim_end_matches('/').to_owned();
    let mut screen =
        if terminal && !dumb && !ui.is_json() { Some(Screen::open(ui.colours())?) } else { None };
    let foot = "q leaves".to_owned();
    let mut page = Page { head: vec![url], foot, ..Page::default() };
    let mut last: Option<Seen> = None;
    let mut changes = Changes::of(scheduler).await;
    let mut away: Option<Instant> = None;
    let gone = loop {
        match what.show(scheduler).await {
            Ok(seen) => {
                away = None;
                page.head.truncate(1);
                (page.trees, page.notes) = (seen.trees.clone(), seen.notes.clone());
                if ui.is_json() && last.as_ref() != Some(&seen) {
                    ui.json_line(&seen.value)?;
                } else if screen.is_none() && last.as_ref().is_none_or(|last| !last.looks_like(&seen)) {
                    if last.is_some() {
                        ui.say("")?;
                    }
                    show_once(ui, &seen)?;
                }
                last = Some(seen);
            }
            Err(Trouble::Unreachable(problem)) => {
                let since = *away.get_or_insert_with(Instant::now);
                if since.elapsed() >= BACK {
                    break Some(Trouble::Unreachable(problem));
                }
                page.head.truncate(1);
                page.head.push("the scheduler does not answer".to_owned());
            }
            Err(trouble) => break Some(trouble),
        }
        match &mut screen {
            Some(screen) => {
                screen.draw(&page)?;
                tokio::select! {
                    () = changes.next() => {}
                    wish = screen.wish() => if wish == Wish::Leave { break None },
                    _ = tokio::signal::ctrl_c() => break None,
                }
            }
            None => tokio::select! {
                () = changes.next() => {}
                _ = tokio::signal::ctrl_c() => break None,
            },
        }
    };
    // What was seen last stays.
    if let (Some(screen), Some(last)) = (screen, &last) {
        drop(screen);
        show_once(ui, last)?;
    }
    match gone {
        Some(trouble) => Err(trouble.into()),
        None => Ok(Verdict::Good),
    }
}

/// Trees and notes, as a command shows them that shows them once.
pub(super) fn show_once(ui: &mut Ui, seen: &Seen) -> io::Result<()> {
    for (nth, tree) in seen.trees.iter().enumerate() {
        if nth > 0 {
            ui.say("")?;
        }
        ui.tree(tree)?;
    }
    if !seen.notes.is_empty() {
        ui.say("")?;
    }
    seen.notes.iter().try_for_each(|note| ui.say(note))?;
    ui.finish()
}
