//! Records that no plan or instance shows: the audit, debts, and foreign launches.

use plan_core::engine::{Number, Verb};
use plan_core::spec::{InstanceName, NodeName, TaskName};
use serde::Serialize;

use super::{Millis, Seen};
use crate::call::{Call, read};
use crate::problem::Problem;
use crate::reply::{Answer, ReplyBody, ok, replied};

#[derive(Debug, Serialize)]
struct AuditBody {
    number: Number,
    at: Millis,
    who: String,
    request: String,
    verb: String,
    #[serde(flatten)]
    reply: ReplyBody,
}

/// `GET /v2/audit`: oldest first.
pub(crate) async fn audit(call: Call) -> Answer {
    let service = call.service().await?;
    let now = service.now();
    let bodies = read(&service, move |engine| {
        let seen = Seen { engine, now };
        let bodies = engine.audit().map(|audit| AuditBody {
            number: audit.number,
            at: seen.at(audit.at),
            who: audit.who.to_string(),
            request: audit.request.to_string(),
            verb: audit.verb.clone(),
            reply: ReplyBody::from(&audit.reply),
        });
        bodies.collect::<Vec<_>>()
    });
    ok(&bodies.await?)
}

#[derive(Debug, Serialize)]
struct DebtBody {
    number: Number,
    instance: InstanceName,
    cause: String,
    since: Millis,
    node: NodeName,
    /// Tasks whose end was not seen yet.
    kill: Vec<OwedBody>,
    /// What has to be released after that; `None` if it is still used.
    release: Option<String>,
}

#[derive(Debug, Serialize)]
struct OwedBody {
    task: TaskName,
    launch: Number,
}

/// `GET /v2/debts`.
pub(crate) async fn debts(call: Call) -> Answer {
    let service = call.service().await?;
    let now = service.now();
    let bodies = read(&service, move |engine| {
        let seen = Seen { engine, now };
        let bodies = engine.debts().map(|debt| DebtBody {
            number: debt.number,
            instance: debt.instance.clone(),
            cause: debt.cause.to_string(),
            since: seen.at(debt.since),
            node: debt.node.clone(),
            kill: debt
                .kill
                .iter()
                .map(|owed| OwedBody { task: owed.task.clone(), launch: owed.launch })
                .collect(),
            release: debt.release.as_ref().map(|handle| handle.0.to_string()),
        });
        bodies.collect::<Vec<_>>()
    });
    ok(&bodies.await?)
}

/// `POST /v2/debts/{debt}/give-up`.
pub(crate) async fn give_up(call: Call) -> Answer {
    let service = call.service().await?;
    let text = call.param("debt");
    let debt = text.parse().map_err(|_| Problem::missing("Debt", text).hint("a debt is a number"))?;
    replied(&service, call.say(&service, Verb::GiveUp { debt }).await?).await
}

#[derive(Debug, Serialize)]
struct ForeignerBody {
    installation: String,
    instance: InstanceName,
    task: TaskName,
    launch: Number,
    seen: String,
}

/// `GET /v2/foreigners`.
pub(crate) async fn foreigners(call: Call) -> Answer {
    use plan_core::engine::Seen as State;
    let service = call.service().await?;
    let bodies = read(&service, |engine| {
        let bodies = engine.foreigners().map(|(of, seen)| ForeignerBody {
            installation: of.installation.to_string(),
            instance: of.instance.clone(),
            task: of.task.clone(),
            launch: of.launch,
            seen: match seen {
                State::Starting => "starting".to_owned(),
                State::Running { ready: true } => "running".to_owned(),
                State::Running { ready: false } => "running, not ready".to_owned(),
                State::Ended(end) => end.to_string(),
                State::Unreachable => "silent".to_owned(),
                other => format!("{other:?}"),
            },
        });
        bodies.collect::<Vec<_>>()
    });
    ok(&bodies.await?)
}

/// `POST /v2/uninstall`.
pub(crate) async fn uninstall(call: Call) -> Answer {
    let service = call.service().await?;
    replied(&service, call.say(&service, Verb::Uninstall).await?).await
}
