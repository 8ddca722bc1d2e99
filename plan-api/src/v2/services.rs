//! Services, and the conditions of their schedulers.

use plan_driver::{Condition, Service};
use serde::Serialize;

use super::Millis;
use crate::call::{Call, sanitized};
use crate::reply::{Answer, ok};

/// The condition of a service's scheduler.
#[derive(Debug, Serialize)]
pub(super) struct ConditionBody {
    service: String,
    /// Its name in paths.
    path: String,
    backend: &'static str,
    condition: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Millis>,
}

impl ConditionBody {
    pub(super) fn of(service: &Service, condition: &Condition) -> Self {
        let (word, since) = match condition {
            Condition::Starting => ("starting", None),
            Condition::Running => ("running", None),
            Condition::StoreAway { since, .. } => ("store-away", Some(*since)),
            Condition::BackendAway { since, .. } => ("backend-away", Some(*since)),
            Condition::Unusable { .. } => ("unusable", None),
            Condition::Superseded { .. } => ("superseded", None),
            Condition::Stopped { .. } => ("stopped", None),
            // A later kind of condition. Its words say more.
            _ => ("other", None),
        };
        Self {
            service: service.name().to_string(),
            path: sanitized(service.name()),
            backend: service.backend_name(),
            condition: word,
            message: condition.to_string(),
            since: since.map(Millis::from),
        }
    }
}

/// `GET /v2/services`.
pub(crate) async fn list(call: Call) -> Answer {
    let mut all = Vec::new();
    for name in call.api.scheduler.names().await {
        let service = call.api.scheduler.find(&name).await;
        all.extend(service.map(|service| ConditionBody::of(&service, &service.condition())));
    }
    ok(&all)
}

/// `GET /v2/condition`.
pub(crate) async fn condition(call: Call) -> Answer {
    let service = call.service().await?;
    ok(&ConditionBody::of(&service, &service.condition()))
}
