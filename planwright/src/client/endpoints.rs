//! `endpoints`: shows where a service is reached.

use serde_json::Value;

use super::http::Scheduler;
use super::{Came, ask, show};
use crate::Verdict;
use crate::arguments::Endpoints;
use crate::ui::Ui;

pub(crate) fn endpoints(ui: &mut Ui, arguments: &Endpoints) -> std::io::Result<Verdict> {
    ask(ui, &arguments.of, async |ui, scheduler| match arguments.endpoint.as_deref() {
        Some(name) => one(ui, scheduler, name).await,
        None => {
            let names: Vec<String> = scheduler.get(&["v1", "endpoints"]).await?;
            if ui.is_json() {
                ui.json(&names)?;
            } else {
                names.iter().try_for_each(|name| ui.say(name))?;
            }
            Ok(Verdict::Good)
        }
    })
}

async fn one(ui: &mut Ui, scheduler: &Scheduler, name: &str) -> Came {
    let value: Value = scheduler.get(&["v1", "endpoints", name]).await?;
    show(ui, &value)?;
    Ok(Verdict::Good)
}
