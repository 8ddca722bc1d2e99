//! `debug`: shows a scheduler's records.

use serde::Deserialize;
use serde_json::Value;

use super::http::Scheduler;
use super::trouble::Trouble;
use super::when::when;
use super::{Came, ask, show, tell};
use crate::Verdict;
use crate::arguments::{ConfigVerb, DebugGroup, DebugVerb, StateVerb, Waiting};
use crate::table::Table;
use crate::ui::Ui;

#[derive(Debug, Deserialize)]
struct Debt {
    number: u64,
    instance: String,
    cause: String,
    node: String,
    since: u64,
    kill: Vec<Owed>,
    release: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Owed {
    task: String,
}

#[derive(Debug, Deserialize)]
struct Audit {
    at: u64,
    who: String,
    verb: String,
    reply: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Foreigner {
    installation: String,
    instance: String,
    task: String,
    launch: u64,
    seen: String,
}

#[derive(Debug, Deserialize)]
struct Condition {
    service: String,
    backend: String,
    message: String,
}

pub(crate) fn debug(ui: &mut Ui, group: &DebugGroup) -> std::io::Result<Verdict> {
    ask(ui, &group.of, async |ui, scheduler| match &group.verb {
        DebugVerb::Config(config) => {
            let target = ConfigVerb::Target;
            match config.verb.as_ref().unwrap_or(&target) {
                ConfigVerb::List => raw(ui, scheduler, &["v1", "configurations"]).await,
                ConfigVerb::Show { id } => raw(ui, scheduler, &["v1", "configurations", id]).await,
                ConfigVerb::Target => raw(ui, scheduler, &["v1", "configurations", "target"]).await,
                ConfigVerb::TargetId => raw(ui, scheduler, &["v1", "configurations", "targetId"]).await,
            }
        }
        DebugVerb::State(state) => {
            let id = StateVerb::FrameworkId;
            match state.verb.as_ref().unwrap_or(&id) {
                StateVerb::FrameworkId => raw(ui, scheduler, &["v1", "state", "frameworkId"]).await,
                StateVerb::Properties => raw(ui, scheduler, &["v1", "state", "properties"]).await,
                StateVerb::Property { key } => raw(ui, scheduler, &["v1", "state", "properties", key]).await,
            }
        }
        DebugVerb::Debts(debts) => match debts.give_up {
            None => owed(ui, scheduler).await,
            Some(number) => {
                let path = ["v2", "debts", &number.to_string(), "give-up"];
                let answered = scheduler.post(&path, &[], None::<&()>).await?;
                tell(ui, &answered, &format!("debt {number} is waited for no more."), &Waiting::default())?;
                Ok(Verdict::Good)
            }
        },
        DebugVerb::Audit => audit(ui, scheduler).await,
        DebugVerb::Foreigners => foreigners(ui, scheduler).await,
        DebugVerb::Condition => {
            let value: Value = scheduler.get(&["v2", "condition"]).await?;
            if ui.is_json() {
                ui.json(&value)?;
            } else {
                let Condition { service, backend, message } =
                    Condition::deserialize(&value).map_err(Trouble::strange)?;
                ui.say(format_args!("{service} on {backend}: {message}"))?;
            }
            Ok(Verdict::Good)
        }
    })
}

/// A value that has no better form for people than JSON.
async fn raw(ui: &mut Ui, scheduler: &Scheduler, path: &[&str]) -> Came {
    let value: Value = scheduler.get(path).await?;
    show(ui, &value)?;
    Ok(Verdict::Good)
}

/// A list, as a table if it is not empty.
async fn table<T: serde::de::DeserializeOwned>(
    ui: &mut Ui,
    scheduler: &Scheduler,
    (path, none, heads): (&str, &str, &[&str]),
    row: impl Fn(&mut Table, T),
) -> Came {
    let value: Value = scheduler.get(&["v2", path]).await?;
    if ui.is_json() {
        ui.json(&value)?;
        return Ok(Verdict::Good);
    }
    let list: Vec<T> = serde_json::from_value(value).map_err(Trouble::strange)?;
    if list.is_empty() {
        ui.say(none)?;
        return Ok(Verdict::Good);
    }
    let mut table = Table::new(heads);
    list.into_iter().for_each(|item| row(&mut table, item));
    ui.say(table)?;
    Ok(Verdict::Good)
}

async fn owed(ui: &mut Ui, scheduler: &Scheduler) -> Came {
    let heads = ["debt", "instance", "cause", "node", "since (UTC)", "to end", "to release"];
    table(ui, scheduler, ("debts", "nothing is owed", &heads), |table, debt: Debt| {
        let tasks: Vec<_> = debt.kill.into_iter().map(|owed| owed.task).collect();
        table.row([
            debt.number.to_string(),
            debt.instance,
            debt.cause,
            debt.node,
            when(debt.since),
            tasks.join(", "),
            debt.release.unwrap_or_default(),
        ]);
    })
    .await
}

async fn audit(ui: &mut Ui, scheduler: &Scheduler) -> Came {
    let none = "nobody has asked for anything";
    table(ui, scheduler, ("audit", none, &["at (UTC)", "who", "what", "answer"]), |table, audit: Audit| {
        let answer =
            if audit.reply == "refused" { format!("refused: {}", audit.message) } else { audit.reply };
        let answer = answer.lines().next().unwrap_or_default().to_owned();
        table.row([when(audit.at), audit.who, audit.verb, answer]);
    })
    .await
}

async fn foreigners(ui: &mut Ui, scheduler: &Scheduler) -> Came {
    let heads = ["installation", "instance", "task", "launch", "seen"];
    table(ui, scheduler, ("foreigners", "there are none", &heads), |table, of: Foreigner| {
        table.row([of.installation, of.instance, of.task, of.launch.to_string(), of.seen]);
    })
    .await
}
