//! Requests that are not sent yet: a target for a service, or the start of a plan.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use plan_core::engine::{Author, Parameters, Refusal, Reply, Verb};
use plan_core::plan::Model;
use plan_core::spec::{PlanName, Problem, ServiceSpec, SpecError};
use plan_driver::Service;
use plan_load::Loaded;

use crate::converging::converging;
use crate::error::HostError;
use crate::host::HostedService;
use crate::patience::patiently;
use crate::run::Run;

/// What can be deployed.
#[derive(Debug, Clone)]
pub struct Deployable(What);

#[derive(Debug, Clone)]
enum What {
    Loaded(Box<Loaded>),
    Model(Arc<Model>),
    Spec(Box<ServiceSpec>),
}

impl From<Loaded> for Deployable {
    fn from(loaded: Loaded) -> Self {
        Self(What::Loaded(loaded.into()))
    }
}

impl From<Arc<Model>> for Deployable {
    fn from(model: Arc<Model>) -> Self {
        Self(What::Model(model))
    }
}

impl From<ServiceSpec> for Deployable {
    fn from(spec: ServiceSpec) -> Self {
        Self(What::Spec(spec.into()))
    }
}

impl Deployable {
    fn model(&self) -> Result<Arc<Model>, HostError> {
        match &self.0 {
            What::Loaded(loaded) => Ok(loaded.model().clone()),
            What::Model(model) => Ok(model.clone()),
            What::Spec(spec) => match Model::new((**spec).clone()) {
                Ok(model) => Ok(Arc::new(model)),
                Err(error) => Err(SpecError::new(vec![Problem::error(error.to_string())]).into()),
            },
        }
    }

    /// What the backend does not support is refused. Each problem has its place, if there is a file.
    fn refused(&self, service: &Service, model: &Model) -> Result<(), HostError> {
        let found = service.check(model).into_iter();
        let found: Vec<Problem> = found.map(|finding| finding.problem(service.backend_name())).collect();
        if !found.iter().any(Problem::is_error) {
            return Ok(());
        }
        let found = match &self.0 {
            What::Loaded(loaded) => loaded.located(found),
            _ => found,
        };
        Err(SpecError::new(found).into())
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Run, HostError>> + Send + 'a>>;

/// A specification on its way to a service. It is sent when it is awaited.
#[derive(Debug, Clone)]
#[must_use = "nothing is deployed until it is awaited"]
pub struct Deploy<'a> {
    service: HostedService<'a>,
    what: Deployable,
    plan: Option<String>,
    who: Option<String>,
    request: Option<String>,
}

impl<'a> Deploy<'a> {
    pub(crate) fn new(service: HostedService<'a>, what: Deployable) -> Self {
        Self { service, what, plan: None, who: None, request: None }
    }

    /// By this plan. Without one the engine chooses: `deploy` the first time, then `update` if there is one, or the plan that
    /// is declared for what changes (`on-change`).
    pub fn by(mut self, plan: impl Into<String>) -> Self {
        self.plan = Some(plan.into());
        self
    }

    /// The name in the audit; by default that of the host.
    pub fn who(mut self, who: impl Into<String>) -> Self {
        self.who = Some(who.into());
        self
    }

    /// The request's id. A request that is sent again under the same id is done once. By default it is a new one.
    pub fn request(mut self, id: impl Into<String>) -> Self {
        self.request = Some(id.into());
        self
    }

    async fn send(self) -> Result<Run, HostError> {
        let Self { service: of, what, plan, who, request } = self;
        let model = what.model()?;
        if model.spec().name().as_str() != of.name {
            let spec = model.spec().name().to_string();
            return Err(HostError::OtherService { service: of.name, spec });
        }
        let plan = plan.as_deref().map(plan_name).transpose()?;
        // Said here, too, for a specification that is the target already: it begins no run.
        if let Some(plan) = plan.as_ref().filter(|plan| !model.spec().plans().contains_key(*plan)) {
            return Err(HostError::Refused(Refusal::NoPlan(plan.clone())));
        }
        let of_driver = of.driver().await?;
        let service = &of_driver;
        what.refused(service, &model)?;
        let id = request.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let who = who.unwrap_or_else(|| of.host.who().to_owned());
        let by = Author { id: id.into(), who: who.into() };
        let submit = || service.target(model.clone(), plan.clone(), Some(by.clone()));
        if let Reply::Refused(refusal) = patiently(submit).await? {
            return Err(HostError::Refused(refusal));
        }
        let hash = model.hash();
        let found = patiently(|| {
            service.read(move |engine| {
                let is_it = engine.model().is_some_and(|model| model.hash() == hash);
                converging(engine).filter(|_| is_it)
            })
        });
        let (plan, number) = found.await?.ok_or(HostError::NoRun)?;
        Ok(Run::new(of_driver, plan, number, Some(hash)))
    }
}

impl<'a> IntoFuture for Deploy<'a> {
    type Output = Result<Run, HostError>;
    type IntoFuture = Sending<'a>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A plan on its way to being started. It is sent when it is awaited.
#[derive(Debug, Clone)]
#[must_use = "nothing is started until it is awaited"]
pub struct Start<'a> {
    service: HostedService<'a>,
    plan: String,
    parameters: Parameters,
}

impl<'a> Start<'a> {
    pub(crate) fn new(service: HostedService<'a>, plan: &str) -> Self {
        Self { service, plan: plan.to_owned(), parameters: Parameters::new() }
    }

    /// With this variable for the tasks of its steps.
    pub fn parameter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(key.into(), value.into());
        self
    }

    async fn send(self) -> Result<Run, HostError> {
        let Self { service: of, plan, parameters } = self;
        let plan = plan_name(&plan)?;
        of.verb(Verb::Start { plan: plan.clone(), parameters }).await?;
        let of_driver = of.driver().await?;
        let (service, asked) = (&of_driver, &plan);
        let number = patiently(|| {
            let plan = asked.clone();
            service.read(move |engine| {
                let ended = || engine.runs(plan.as_str()).last().map(|run| run.run);
                engine.run(&plan).map(|run| run.number).or_else(ended)
            })
        });
        let number = number.await?.ok_or(HostError::NoRun)?;
        Ok(Run::new(of_driver, plan, number, None))
    }
}

impl<'a> IntoFuture for Start<'a> {
    type Output = Result<Run, HostError>;
    type IntoFuture = Sending<'a>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

fn plan_name(text: &str) -> Result<PlanName, HostError> {
    PlanName::new(text).map_err(|source| HostError::Name { text: text.to_owned(), source })
}
