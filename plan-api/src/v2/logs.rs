//! What tasks print.
//!
//! Invariant: a log is sent piece by piece as the backend reads it, and is not stored here. A log that fails in the
//! middle breaks the connection off, so that a client does not take it for complete.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use futures::TryStreamExt as _;
use plan_core::spec::{Goal, NameError, TaskName};
use plan_driver::backend::{LogEnd, LogQuery, LogStream};

use crate::call::{Call, read};
use crate::held::Held;
use crate::problem::Problem;
use crate::reply::Answer;
use crate::v1::pods::{exists, tasks_of};

/// `GET /v2/pods/{instance}/logs?task=&stream=&tail=&follow=`.
pub(crate) async fn show(mut call: Call) -> Answer {
    let service = call.service().await?;
    let instance = call.instance()?;
    let stream = match call.query("stream") {
        None | Some("stdout") => LogStream::Stdout,
        Some("stderr") => LogStream::Stderr,
        Some(other) => return Err(Problem::bad(format!("`stream` is `stdout` or `stderr`, not `{other}`"))),
    };
    let tail = call.query("tail").map(|text| {
        text.parse().map_err(|_| Problem::bad(format!("`tail` is a number of lines, not `{text}`")))
    });
    let tail = tail.transpose()?;
    let end = if call.switch("follow")? { LogEnd::Never } else { LogEnd::Now };
    let wanted = call.query("task").map(|text| {
        let short = text.strip_prefix(&format!("{instance}-")).unwrap_or(text);
        short.parse().map_err(|error: NameError| Problem::bad(format!("`task`: {error}")))
    });
    let wanted: Option<TaskName> = wanted.transpose()?;
    let asked = instance.clone();
    let found = read(&service, move |engine| {
        let tasks = exists(engine, &asked).then(|| tasks_of(engine, &asked))?;
        let record = engine.pod(&asked);
        let launch =
            |task: &TaskName| record.and_then(|record| record.task(task)?.last()).map(|last| last.launch);
        Some(tasks.into_iter().map(|(task, goal)| (launch(&task), task, goal)).collect::<Vec<_>>())
    });
    let tasks = found.await?.ok_or_else(|| Problem::missing("Pod", &instance))?;
    let names = || tasks.iter().map(|(_, task, _)| task.as_str()).collect::<Vec<_>>().join(", ");
    let (launch, task) = match &wanted {
        Some(wanted) => {
            let found = tasks.iter().find(|(_, task, _)| task == wanted);
            let (launch, task, _) = found.ok_or_else(|| {
                Problem::missing("Task", wanted).hint(format!("the tasks of {instance} are: {}", names()))
            })?;
            (*launch, task.clone())
        }
        None => {
            let mut running = tasks.iter().filter(|(_, _, goal)| *goal == Goal::Running);
            match (running.next(), running.next(), tasks.as_slice()) {
                (Some((launch, task, _)), None, _) | (None, _, [(launch, task, _)]) => {
                    (*launch, task.clone())
                }
                _ => {
                    return Err(Problem::bad(format!("`{instance}` has several tasks: name one"))
                        .hint(format!("the tasks are: {}", names())));
                }
            }
        }
    };
    let mut query = LogQuery::new(instance, task, launch);
    query.stream = stream;
    query.tail = tail;
    query.end = end;
    let log = service.log(query).await?;
    let body = Held::body(Body::from_stream(log.map_ok(bytes::Bytes::from)), call.stream.take());
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response())
}
