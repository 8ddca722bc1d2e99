//! Targets of a service, and previews.
//!
//! Invariant: a specification has the form of the records, and is checked like one from a file. What the backend does
//! not support is reported before anything is done.

use std::sync::Arc;

use axum::http::StatusCode;
use plan_core::engine::{Author, Engine, InstallationId, PlanView, Preview, Target};
use plan_core::plan::Model;
use plan_core::spec::{Change, InstanceName, PlanName, ServiceSpec, TaskName};
use serde::{Deserialize, Serialize};

use crate::Targets;
use crate::call::{Call, author_word, read};
use crate::problem::Problem;
use crate::reply::{Answer, ReplyBody, ok, replied};
use plan_core::spec::Problem as Diagnostic;

/// The body of the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Asked {
    /// The specification.
    spec: ServiceSpec,
    /// The plan that carries out the target; by default the one that the engine chooses.
    #[serde(default)]
    plan: Option<PlanName>,
    /// As the header `Planwright-Request`.
    #[serde(default)]
    request: Option<String>,
    /// As the header `Planwright-Who`.
    #[serde(default)]
    who: Option<String>,
}

/// The target that a request asks for.
struct Wanted {
    model: Arc<Model>,
    plan: Option<PlanName>,
    by: Author,
}

impl Wanted {
    fn of(call: &Call) -> Result<Self, Problem> {
        let asked: Asked =
            call.json("a target, as {\"spec\": {...}, \"plan\": \"deploy\"}").map_err(|problem| {
                problem.hint("`planwright validate FILE` says more of a specification, with lines")
            })?;
        let mut by = call.author()?;
        if let Some(id) = &asked.request {
            by.id = author_word("request", id)?;
        }
        if let Some(who) = &asked.who {
            by.who = author_word("who", who)?;
        }
        let model = Model::new(asked.spec).map_err(|error| {
            let words = plan_driver::with_causes(&error);
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("the specification cannot be used: {words}"),
            )
        })?;
        let named = call.param("service");
        let name = model.spec().name();
        if !named.is_empty() && named != name.as_str() && named != crate::call::sanitized(name) {
            let words = format!("the specification is of the service `{name}`, and the path names `{named}`");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, words));
        }
        Ok(Self { model: Arc::new(model), plan: asked.plan, by })
    }
}

/// `GET /v2/target`: the target in the form that a `POST` takes.
pub(crate) async fn show(call: Call) -> Answer {
    let service = call.service().await?;
    let model = read(&service, |engine| engine.model().cloned()).await?;
    let none = || Problem::missing("Target", service.name()).hint("submit one: POST /v2/target");
    ok(model.ok_or_else(none)?.spec())
}

/// `POST /v2/target`.
pub(crate) async fn submit(call: Call) -> Answer {
    let Wanted { model, plan, by } = Wanted::of(&call)?;
    let scheduler = &call.api.scheduler;
    // A specification that the backend does not support makes no service.
    scheduler.keeps(&model)?;
    let (name, main) = (model.spec().name(), &call.api.main);
    if call.api.targets == Targets::Known
        && main.as_ref() != Some(name)
        && scheduler.find(name).await.is_none()
    {
        let whose =
            main.as_ref().map(|main| format!("that of `{main}`")).unwrap_or_else(|| "of others".to_owned());
        let words = format!("the specification is of the service `{name}`, and this scheduler is {whose}");
        return Err(Problem::new(StatusCode::CONFLICT, words)
            .hint("a service keeps its name; `planwright run` starts a scheduler of another one"));
    }
    let service = scheduler.service(name).await?;
    replied(&service, service.target(model, plan, Some(by)).await?).await
}

/// What a target would lead to.
#[derive(Debug, Serialize)]
struct PreviewBody {
    /// The answer that the target would get.
    #[serde(flatten)]
    reply: ReplyBody,
    /// The differences from the present target.
    changes: Vec<Change>,
    /// The plan that would run.
    plan: Option<PlanView>,
    restarts: Vec<RestartBody>,
    joins: Vec<InstanceName>,
    ends: Vec<TaskOf>,
    leaves: Vec<InstanceName>,
    /// What the backend does not support.
    diagnostics: Vec<Diagnostic>,
}

#[derive(Debug, Serialize)]
struct RestartBody {
    instance: InstanceName,
    task: TaskName,
    fields: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TaskOf {
    instance: InstanceName,
    task: TaskName,
}

impl PreviewBody {
    fn of(preview: Preview, diagnostics: Vec<Diagnostic>, backend: &str) -> Self {
        let Preview { changes, reply, plan, restarts, joins, ends, leaves } = preview;
        let restarts = restarts.into_iter().map(|one| RestartBody {
            instance: one.instance,
            task: one.task,
            fields: one.fields,
        });
        let mut reply = ReplyBody::from(&reply);
        if diagnostics.iter().any(Diagnostic::is_error) {
            let message = format!("the backend `{backend}` does not support what the specification declares");
            reply = ReplyBody { reply: "refused", message, items: Vec::new() };
        }
        Self {
            reply,
            changes,
            plan,
            restarts: restarts.collect(),
            joins,
            ends: ends.into_iter().map(|(instance, task)| TaskOf { instance, task }).collect(),
            leaves,
            diagnostics,
        }
    }
}

/// `POST /v2/preview`. It is 200 whatever the answer to the target would be.
pub(crate) async fn preview(call: Call) -> Answer {
    let Wanted { model, plan, .. } = Wanted::of(&call)?;
    let backend = call.api.scheduler.kind().name();
    let found = call.api.scheduler.check(&model).into_iter();
    let diagnostics = found.map(|finding| finding.problem(backend)).collect();
    let service = call.api.scheduler.find(model.spec().name()).await;
    let target = Target::new(model, InstallationId("preview".into())).with_plan(plan);
    let preview = match service {
        Some(service) => read(&service, move |engine| engine.preview(&target)).await?,
        None => Engine::new().preview(&target),
    };
    ok(&PreviewBody::of(preview, diagnostics, backend))
}
