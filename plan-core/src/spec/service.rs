//! A service. Invariant: whatever a [`ServiceSpec`] refers to is in it; the only way to one is
//! [`ServiceBuilder::build`], which checks it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::names::{PlanName, PodName, ServiceName};
use super::plan::PlanSpec;
use super::pod::PodSpec;

/// What a service is and what is done to it: pods of tasks, and plans (C§1.2). Checked, and unchangeable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServiceSpec {
    name: ServiceName,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_url: Option<String>,
    #[serde(skip_serializing_if = "SchedulerSpec::is_empty")]
    scheduler: SchedulerSpec,
    pods: IndexMap<PodName, PodSpec>,
    plans: IndexMap<PlanName, PlanSpec>,
}

/// How the scheduler presents itself (C§1.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct SchedulerSpec {
    /// The principal; by default `<name>-principal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The ZooKeeper ensemble, `host:port` with commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zookeeper: Option<String>,
    /// The unix user of all tasks; by default `root`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl SchedulerSpec {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ServiceSpec {
    /// The service's name.
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// The page that the orchestrator's own UI links to.
    pub fn web_url(&self) -> Option<&str> {
        self.web_url.as_deref()
    }

    /// How the scheduler presents itself.
    pub fn scheduler(&self) -> &SchedulerSpec {
        &self.scheduler
    }

    /// The pods, in declared order.
    pub fn pods(&self) -> &IndexMap<PodName, PodSpec> {
        &self.pods
    }

    /// The plans, in declared order; there is always a `deploy`.
    pub fn plans(&self) -> &IndexMap<PlanName, PlanSpec> {
        &self.plans
    }
}
