//! `pod`: shows instances, and acts on them.

use std::time::Duration;

use futures::StreamExt;
use plan_core::engine::Tree;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::ended::Ended;
use super::follow::{Notes, wait};
use super::http::Scheduler;
use super::json_lines::JsonLines;
use super::plan::{Why, said};
use super::pod_end::{Act, Known, PodEnd};
use super::trouble::Trouble;
use super::watch::{Seen, Show, show_once, watch};
use super::when::when;
use super::{Came, ask, show, tell};
use crate::Verdict;
use crate::arguments::{PodGroup, PodLogs, PodTasks, PodVerb};
use crate::problem::Problem;
use crate::ui::Ui;

/// How often the command checks whether somebody still reads a log.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Deserialize)]
struct Service {
    service: String,
    pods: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    name: String,
    instances: Vec<Instance>,
}

#[derive(Debug, Deserialize)]
struct Instance {
    name: String,
    tasks: Vec<Task>,
}

#[derive(Debug, Deserialize)]
struct Task {
    name: String,
    status: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl From<Service> for Tree {
    fn from(service: Service) -> Self {
        let pods = service.pods.into_iter().map(|pod| Self {
            label: pod.name,
            status: None,
            below: pod.instances.into_iter().map(Self::from).collect(),
        });
        Self { label: service.service, status: None, below: pods.collect() }
    }
}

impl From<Instance> for Tree {
    fn from(instance: Instance) -> Self {
        let tasks = instance.tasks.into_iter().map(|task| Self {
            label: task.name,
            status: task.status,
            below: task.message.as_deref().map(said).into_iter().collect(),
        });
        Self { label: instance.name, status: None, below: tasks.collect() }
    }
}

pub(crate) fn pod(ui: &mut Ui, group: &PodGroup) -> std::io::Result<Verdict> {
    ask(ui, &group.of, async |ui, scheduler| match &group.verb {
        PodVerb::List => {
            let names: Vec<String> = scheduler.get(&["v1", "pod"]).await?;
            if ui.is_json() {
                ui.json(&names)?;
            } else {
                names.iter().try_for_each(|name| ui.say(name))?;
            }
            Ok(Verdict::Good)
        }
        PodVerb::Status(of) => {
            let watched = Watched(of.pod.as_deref());
            if of.watch {
                return watch(ui, scheduler, &watched).await;
            }
            let seen = watched.show(scheduler).await?;
            if of.json || ui.is_json() {
                ui.json(&seen.value)?;
            } else {
                show_once(ui, &seen)?;
            }
            Ok(Verdict::Good)
        }
        PodVerb::Info(of) => {
            let value: Value = scheduler.get(&["v1", "pod", &of.pod, "info"]).await?;
            show(ui, &value)?;
            Ok(Verdict::Good)
        }
        PodVerb::Restart(of) => act(ui, scheduler, of, Act::Restart).await,
        PodVerb::Pause(of) => act(ui, scheduler, of, Act::Pause).await,
        PodVerb::Resume(of) => act(ui, scheduler, of, Act::Resume).await,
        PodVerb::Replace(of) => {
            let of = PodTasks { pod: of.pod.clone(), task: Vec::new(), waiting: of.waiting.clone() };
            act(ui, scheduler, &of, Act::Replace).await
        }
        PodVerb::Logs(of) => logs(ui, scheduler, of).await,
        PodVerb::Why(of) => why(ui, scheduler, &of.pod).await,
    })
}

/// The tasks of all instances, or of one.
struct Watched<'a>(Option<&'a str>);

impl Show for Watched<'_> {
    async fn show(&self, scheduler: &Scheduler) -> Result<Seen, Trouble> {
        let (value, tree) = match self.0 {
            Some(pod) => {
                let value: Value = scheduler.get(&["v1", "pod", pod, "status"]).await?;
                let tree = Instance::deserialize(&value).map(Tree::from);
                (value, tree)
            }
            None => {
                let value: Value = scheduler.get(&["v1", "pod", "status"]).await?;
                let tree = Service::deserialize(&value).map(Tree::from);
                (value, tree)
            }
        };
        Ok(Seen { value, trees: vec![tree.map_err(Trouble::strange)?], notes: Vec::new() })
    }
}

async fn act(ui: &mut Ui, scheduler: &Scheduler, of: &PodTasks, act: Act) -> Came {
    let body = (!of.task.is_empty()).then_some(&of.task);
    let pod = of.pod.as_str();
    let before = if of.waiting.wait { Known::of(scheduler, pod).await } else { None };
    let answered = scheduler.post(&["v2", "pods", pod, act.verb()], &[], body).await?;
    let tasks = match of.task.as_slice() {
        [] => String::new(),
        [task] => format!(": task \"{task}\""),
        tasks => format!(": tasks \"{}\"", tasks.join("\", \"")),
    };
    if answered.was_so() && !ui.is_json() {
        ui.say(format_args!("\"{pod}\" pod{tasks} {} already", act.doing()))?;
    } else {
        tell(ui, &answered, &format!("\"{pod}\" pod{tasks} {}.", act.doing()), &of.waiting)?;
    }
    if !of.waiting.wait {
        return Ok(Verdict::Good);
    }
    let before = before.filter(|_| !answered.was_so());
    let mut end = PodEnd { pod, act, tasks: &of.task, before, told: Notes::default() };
    let ended = wait(ui, scheduler, &of.waiting, &mut end).await?;
    let done = format!("\"{pod}\" pod{tasks} {}", act.done());
    let what = format!("what was asked of \"{pod}\" pod");
    Ok(ended.tell_wanted(ui, &what, (&[Ended::Complete], &done), answered.whole)?)
}

async fn why(ui: &mut Ui, scheduler: &Scheduler, pod: &str) -> Came {
    let value: Value = scheduler.get(&["v2", "pods", pod, "why"]).await?;
    if ui.is_json() {
        ui.json(&value)?;
        return Ok(Verdict::Good);
    }
    let whys = Vec::<Why>::deserialize(&value).map_err(Trouble::strange)?;
    if whys.is_empty() {
        ui.say(format_args!("\"{pod}\" pod is as it should be: it waits for nothing"))?;
    }
    for why in whys {
        ui.say(why.line())?;
        ui.say(format_args!("  cleared by {}", why.clears))?;
        if let Some(since) = why.since {
            ui.say(format_args!("  since {} UTC", when(since)))?;
        }
    }
    Ok(Verdict::Good)
}

async fn logs(ui: &mut Ui, scheduler: &Scheduler, of: &PodLogs) -> Came {
    let tail = of.tail.map(|lines| lines.to_string());
    let task = of.task.as_deref().map(|task| ("task", task));
    let tail = tail.as_deref().map(|lines| ("tail", lines));
    let follow = of.follow.then_some(("follow", "true"));
    let stream = ("stream", of.stream.as_str());
    let query: Vec<_> = task.into_iter().chain(tail).chain(follow).chain([stream]).collect();
    // One listener for the whole time, so that a Ctrl-C while something is written is heard too.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let path = ["v2", "pods", &of.pod, "logs"];
    let response = tokio::select! {
        response = scheduler.stream(&path, &query) => response?,
        _ = interrupts.recv() => return Ok(Verdict::Good),
    };
    let mut pieces = response.bytes_stream();
    let mut lines = JsonLines::default();
    let mut look = tokio::time::interval(LOOK);
    loop {
        let piece = tokio::select! {
            piece = pieces.next() => piece,
            _ = interrupts.recv() => return Ok(Verdict::Good),
            _ = look.tick() => match ui.is_read() {
                true => continue,
                false => return Ok(Verdict::Good),
            },
        };
        match piece {
            None => break,
            Some(Ok(piece)) if ui.is_json() => {
                lines.take(&piece).into_iter().try_for_each(|text| ui.json_line(&json!({ "text": text })))?;
            }
            Some(Ok(piece)) => ui.bytes(&piece)?,
            Some(Err(error)) => {
                let problem = Problem::error(format!("the log broke off: {error}"));
                return Err(Trouble::Unreachable(
                    problem.help("ask for it again: `--tail` shows its end").into(),
                )
                .into());
            }
        }
    }
    lines.rest().into_iter().try_for_each(|text| ui.json_line(&json!({ "text": text })))?;
    Ok(Verdict::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_backend_says_stands_below_its_task() {
        let instance: Instance = serde_json::from_str(
            r#"{"name": "web-0", "tasks": [
                {"name": "web-0-server", "status": "FAILED", "message": "exit code 3: no disk\nis left"},
                {"name": "web-0-report", "status": "FINISHED"}]}"#,
        )
        .unwrap();
        let drawn = "web-0\n├─ web-0-server (FAILED)\n│  └─ exit code 3: no disk / is left\n└─ web-0-report (FINISHED)";
        assert_eq!(Tree::from(instance).to_string(), drawn);
    }
}
