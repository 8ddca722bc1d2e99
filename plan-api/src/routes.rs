//! The routes: one table, from which the router and the book's page are made.
//!
//! Invariant: only a row of [`ROUTES`] leads to a handler. Before that come the checks of the client
//! ([`super::guard`]), of the query parameters, and of the size of the body.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, RawPathParams, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use super::call::Call;
use super::held::Held;
use super::problem::Problem;
use super::reply::Answer;
use super::serve::Connection;
use super::{Shared, guard, v1, v2};

type Handler = fn(Call) -> BoxFuture<'static, Answer>;

/// The method of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Get,
    Post,
    Put,
}

/// What a route is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A service. The route also exists below `/v1/service/{service}` or `/v2/service/{service}`.
    Service,
    /// The scheduler.
    Scheduler,
}

/// How much a route receives and sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// Little.
    Small,
    /// A specification comes in.
    Target,
    /// The answer does not end by itself.
    Stream,
}

/// A row of the table.
struct Route {
    how: How,
    path: &'static str,
    of: Of,
    size: Size,
    query: &'static [&'static str],
    handler: Handler,
    about: &'static str,
}

/// A row of the table, as the book shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteView {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// The path; what is in braces is a name.
    pub path: &'static str,
    /// Whether it is there for a named service too.
    pub per_service: bool,
    /// What can stand behind the `?`.
    pub query: &'static [&'static str],
    /// What it gives or does.
    pub about: &'static str,
}

/// The routes.
pub fn route_views() -> Vec<RouteView> {
    let view = |route: &Route| RouteView {
        method: route.how.name(),
        path: route.path,
        per_service: route.of == Of::Service,
        query: route.query,
        about: route.about,
    };
    ROUTES.iter().map(view).collect()
}

macro_rules! routes {
    ($($how:ident $of:ident $size:ident $path:literal [$($query:literal),*] $handler:path, $about:literal;)*) => {
        &[$(Route {
            how: How::$how,
            path: $path,
            of: Of::$of,
            size: Size::$size,
            query: &[$($query),*],
            handler: |call| Box::pin($handler(call)),
            about: $about,
        }),*]
    };
}

static ROUTES: &[Route] = routes! {
    Get Service Small "/v1/plans" [] v1::plans::list, "the names of the plans";
    Get Service Small "/v1/plans/{plan}" [] v1::plans::show, "a plan: 200 complete, 202 not yet, 417 with errors";
    Post Service Small "/v1/plans/{plan}/start" [] v1::plans::start, "begins a run; the body, if any, is its parameters";
    Post Service Small "/v1/plans/{plan}/stop" [] v1::plans::stop, "ends the run; a converging one is set back and interrupted";
    Post Service Small "/v1/plans/{plan}/continue" ["phase"] v1::plans::proceed, "takes an interruption back, or releases a canary";
    Post Service Small "/v1/plans/{plan}/interrupt" ["phase"] v1::plans::interrupt, "no further step begins";
    Post Service Small "/v1/plans/{plan}/forceComplete" ["phase", "step"] v1::plans::force_complete, "counts as complete";
    Post Service Small "/v1/plans/{plan}/restart" ["phase", "step"] v1::plans::restart, "is done again";
    Get Service Small "/v1/plan" [] v1::plans::show, "the plan `deploy`";
    Post Service Small "/v1/plan/continue" ["phase"] v1::plans::proceed, "the same of the plan `deploy`";
    Post Service Small "/v1/plan/interrupt" ["phase"] v1::plans::interrupt, "the same of the plan `deploy`";
    Post Service Small "/v1/plan/forceComplete" ["phase", "step"] v1::plans::force_complete, "the same of the plan `deploy`";
    Post Service Small "/v1/plan/restart" ["phase", "step"] v1::plans::restart, "the same of the plan `deploy`";
    Get Service Small "/v1/pod" [] v1::pods::list, "the names of the instances";
    Get Service Small "/v1/pod/status" [] v1::pods::statuses, "the tasks of all instances, with their states";
    Get Service Small "/v1/pod/{instance}/status" [] v1::pods::status, "the tasks of an instance, with their states";
    Get Service Small "/v1/pod/{instance}/info" [] v1::pods::info, "what was launched last for each task, and its state";
    Post Service Small "/v1/pod/{instance}/restart" [] v1::pods::restart, "its running tasks are launched again where it lives";
    Post Service Small "/v1/pod/{instance}/replace" [] v1::pods::replace, "it goes elsewhere";
    Post Service Small "/v1/pod/{instance}/pause" [] v1::pods::pause, "its tasks wait in place of their commands; the body may list some";
    Post Service Small "/v1/pod/{instance}/resume" [] v1::pods::resume, "takes a pause back; the body may list tasks";
    Get Service Small "/v1/endpoints" [] v1::endpoints::list, "the names of the endpoints";
    Get Service Small "/v1/endpoints/{endpoint}" [] v1::endpoints::show, "where an endpoint is reached";
    Get Service Small "/v1/configurations" [] v1::configurations::list, "the ids of the configurations that are kept";
    Get Service Small "/v1/configurations/target" [] v1::configurations::target, "the target of the service";
    Get Service Small "/v1/configurations/targetId" [] v1::configurations::target_id, "its id";
    Get Service Small "/v1/configurations/{id}" [] v1::configurations::show, "a specification";
    Get Service Small "/v1/state/frameworkId" [] v1::state::framework_id, "the id of the installation";
    Get Service Small "/v1/state/properties" [] v1::state::properties, "the names of what is known of the service as a whole";
    Get Service Small "/v1/state/properties/{property}" [] v1::state::property, "one of them";
    Put Service Small "/v1/state/refresh" [] v1::state::refresh, "refused: there is no cache to refresh";
    Get Service Small "/v1/state/files" [] v1::state::files, "the names of the files that operators keep with the service";
    Get Service Small "/v1/state/files/{file}" [] v1::state::file, "such a file";
    Put Service Small "/v1/state/files/{file}" [] v1::state::keep_file, "keeps a file of at most 1024 bytes: the field `file` of a form, or the body";
    Get Service Small "/v1/state/zone/tasks" [] v1::state::zones, "the zone of each task";
    Get Service Small "/v1/state/zone/tasks/{task}" [] v1::state::zone, "the zone of a task";
    Get Service Small "/v1/state/zone/{pod}/{ip}" [] v1::state::node_zone, "the zone of an instance of a pod on a node";
    Get Service Small "/v1/artifacts/template/{id}/{pod}/{task}/{config}" [] v1::artifacts::template, "a configuration template, as the specification of this id has it";
    Get Service Small "/v1/health" ["verbose", "legacy"] v1::health::show, "how the scheduler is; needs no token";
    Get Service Small "/v1/debug/plans" ["plan", "phase", "step", "sync"] v1::debug::plans, "all plans, and how many instances there should be";
    Get Service Small "/v1/debug/taskStatuses" ["plan", "phase", "step", "sync"] v1::debug::task_statuses, "the state of the tasks of each step";
    Get Service Small "/v1/debug/reservations" [] v1::debug::reservations, "what is held on each node";
    Get Scheduler Small "/v1/multi" [] v1::multi, "the names of the services";
    Get Scheduler Small "/v2/services" [] v2::services::list, "the services, with how their schedulers are";
    Get Service Small "/v2/condition" [] v2::services::condition, "how the scheduler of the service is";
    Get Service Small "/v2/target" [] v2::target::show, "the target of the service, as it is submitted";
    Post Service Target "/v2/target" [] v2::target::submit, "makes this specification the target of the service";
    Post Service Target "/v2/preview" [] v2::target::preview, "what that would lead to; nothing is done";
    Get Service Small "/v2/plans" [] v2::plans::list, "the plans, with their statuses";
    Get Service Small "/v2/plans/{plan}" [] v2::plans::show, "a plan, with what its steps wait for";
    Get Service Small "/v2/plans/{plan}/runs" [] v2::plans::runs, "the runs of a plan: those that ended, and the one that goes on";
    Post Service Small "/v2/plans/{plan}/start" [] v2::plans::start, "begins a run; the body, if any, is its parameters";
    Post Service Small "/v2/plans/{plan}/stop" [] v2::plans::stop, "ends the run; a converging one is set back and interrupted";
    Post Service Small "/v2/plans/{plan}/pause" ["phase"] v2::plans::pause, "no further step begins";
    Post Service Small "/v2/plans/{plan}/resume" ["phase"] v2::plans::resume, "takes a pause back, or releases a canary";
    Post Service Small "/v2/plans/{plan}/force-complete" ["phase", "step"] v2::plans::force_complete, "counts as complete";
    Post Service Small "/v2/plans/{plan}/force-restart" ["phase", "step"] v2::plans::force_restart, "is done again";
    Get Service Small "/v2/pods" [] v2::pods::list, "the instances, each with all that is known of it";
    Get Service Small "/v2/pods/{instance}" [] v2::pods::show, "all that is known of an instance";
    Get Service Small "/v2/pods/{instance}/why" [] v2::pods::why, "what an instance does, or waits for";
    Get Service Stream "/v2/pods/{instance}/logs" ["task", "stream", "tail", "follow"] v2::logs::show, "what a task printed";
    Post Service Small "/v2/pods/{instance}/restart" [] v2::pods::restart, "its running tasks are launched again where it lives; the body may list some";
    Post Service Small "/v2/pods/{instance}/replace" [] v2::pods::replace, "it goes elsewhere";
    Post Service Small "/v2/pods/{instance}/pause" [] v2::pods::pause, "its tasks wait in place of their commands; the body may list some";
    Post Service Small "/v2/pods/{instance}/resume" [] v2::pods::resume, "takes a pause back; the body may list tasks";
    Get Service Small "/v2/audit" [] v2::records::audit, "the verbs and targets that are remembered";
    Get Service Small "/v2/debts" [] v2::records::debts, "what was left behind and is not ended and released";
    Post Service Small "/v2/debts/{debt}/give-up" [] v2::records::give_up, "a debt is not waited for any more";
    Get Service Small "/v2/foreigners" [] v2::records::foreigners, "launches that no record speaks of; they are not touched";
    Post Service Small "/v2/uninstall" [] v2::records::uninstall, "all of the service is ended and released";
    Get Service Stream "/v2/events" [] v2::events::follow, "what happens, as server-sent events";
};

impl How {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
        }
    }
}

/// The path of a route for a named service.
fn of_service(path: &str) -> String {
    let (version, rest) = path.split_at("/v1".len());
    format!("{version}/service/{{service}}{rest}")
}

/// The only path that needs no token.
const HEALTH: &str = "/v1/health";

/// The router of all routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let paths = [Some(route.path.to_owned()), (route.of == Of::Service).then(|| of_service(route.path))];
        for path in paths.into_iter().flatten() {
            let shared = shared.clone();
            let take = move |params: Result<RawPathParams, _>, request: Request| {
                let shared = shared.clone();
                async move {
                    let params = params.map_err(|error: axum::extract::rejection::RawPathParamsRejection| {
                        Problem::bad(format!("the path: {}", error.body_text()))
                    });
                    let answer = match params {
                        Ok(params) => dispatch(route, shared, &params, request).await,
                        Err(problem) => Err(problem),
                    };
                    answer.unwrap_or_else(IntoResponse::into_response)
                }
            };
            router = router.route(&path, on(route.how.filter(), take));
        }
    }
    router
        .fallback(|request: Request| async move {
            Problem::missing("Path", request.uri().path()).hint("the book's chapter on the API has all paths")
        })
        .method_not_allowed_fallback(|request: Request| async move {
            let words = format!("{} cannot be {}", request.uri().path(), verb_of(request.method()));
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, words).hint("the header `Allow` says what it takes")
        })
        .layer(from_fn_with_state(shared, front))
}

fn verb_of(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD => "read: it is a command, send a POST",
        Method::POST => "commanded: it is only read",
        Method::PUT => "put",
        Method::DELETE => "deleted",
        _ => "asked so",
    }
}

/// What every request passes first, and every answer passes last.
async fn front(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Arc<Connection>>().cloned();
    let allowed = guard::local(request.uri(), request.headers(), shared.port).and_then(|()| {
        if request.uri().path() == HEALTH {
            Ok(false)
        } else {
            guard::authorized(request.headers(), &shared.token).map(|()| true)
        }
    });
    let mut response = match allowed {
        Err(problem) => {
            let unauthorized = problem.status() == StatusCode::UNAUTHORIZED;
            let mut response = problem.into_response();
            if unauthorized {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
        Ok(trusted) => {
            // A request for health does not keep its connection from being closed.
            let at_work = connection.map(|of| if trusted { of.work() } else { of.aside() });
            let response = next.run(request).await;
            response.map(|body| Held::body(body, at_work))
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Takes a request apart and hands it to its handler.
async fn dispatch(
    route: &'static Route,
    api: Arc<Shared>,
    params: &RawPathParams,
    request: Request,
) -> Answer {
    let params = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = query(route, &request)?;
    let limits = api.limits;
    let stream = match route.size {
        Size::Stream => Some(api.streams.clone().try_acquire_owned().map_err(|_| {
            let words = format!("{} others follow events and logs already", limits.streams);
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, words).again_in(5)
        })?),
        Size::Small | Size::Target => None,
    };
    let bound = if route.size == Size::Target { limits.target_bytes } else { limits.body_bytes };
    let (parts, body) = request.into_parts();
    let declared =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > bound as u64) {
        return Err(too_large(bound));
    }
    let body = take_in(body, bound, limits.body_time).await?;
    let call = Call { api, headers: parts.headers, params, query, body, stream };
    timeout(limits.answer_time, (route.handler)(call)).await.unwrap_or_else(|_| {
        let words = format!("there was no answer within {} seconds", limits.answer_time.as_secs());
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, words).again_in(5);
        Err(match route.how {
            How::Get => problem,
            How::Post | How::Put => problem
                .hint("it may have been done: say the same again, with the same header Planwright-Request"),
        })
    })
}

fn query(route: &Route, request: &Request) -> Result<Vec<(String, String)>, Problem> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri());
    let Query(query) = query.map_err(|error| Problem::bad(format!("the query: {}", error.body_text())))?;
    for (at, (name, _)) in query.iter().enumerate() {
        if !route.query.contains(&name.as_str()) {
            let known = if route.query.is_empty() { "nothing".to_owned() } else { route.query.join(", ") };
            return Err(Problem::bad(format!("`{name}` means nothing here"))
                .hint(format!("behind the `?` stands: {known}")));
        }
        if query[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(Problem::bad(format!("`{name}` is given twice")));
        }
    }
    Ok(query)
}

async fn take_in(body: Body, bound: usize, time: Duration) -> Result<Bytes, Problem> {
    let taken = timeout(time, Limited::new(body, bound).collect()).await;
    let taken = taken.map_err(|_| {
        let words = format!("the body was not there within {} seconds", time.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, words)
    })?;
    taken.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            too_large(bound)
        } else {
            Problem::bad(format!("the body cannot be read: {}", plan_driver::with_causes(&*error)))
        }
    })
}

fn too_large(bound: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {bound} bytes"))
}
