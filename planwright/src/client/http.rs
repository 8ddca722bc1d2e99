//! Requests to a scheduler.
//!
//! Invariant: a command has one request id, however often it is sent. A command whose answer was lost is sent again,
//! and is not done twice.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use plan_driver::with_causes;
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::find::{Found, find};
use super::trouble::{Said, Trouble};
use crate::arguments::Of;
use crate::problem::Problem;

/// How often a request without an answer is sent in all.
const TRIES: u32 = 5;
/// How long a read may take, and how long until an answer without an end begins. A read can be repeated.
const READ: Duration = Duration::from_secs(10);
/// How long a command may take, with all tries.
const COMMAND: Duration = Duration::from_secs(45);
/// How long one try may take. Then the command is sent again, under the same request id.
const TRY: Duration = Duration::from_secs(15);
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection to a scheduler.
#[derive(Debug)]
pub(super) struct Scheduler {
    client: Client,
    of: Of,
    found: RefCell<Rc<Found>>,
    request: String,
}

/// The result of a command.
#[derive(Debug, Deserialize)]
pub(super) struct Answered {
    /// `done`, `already-so` or `refused`.
    pub(super) reply: String,
    /// The whole answer.
    #[serde(skip)]
    pub(super) whole: Value,
}

impl Answered {
    /// Whether the command changed nothing, since it was so already.
    pub(super) fn was_so(&self) -> bool {
        self.reply == "already-so"
    }
}

/// The path of a request in parts, and its query.
pub(super) type Query<'a> = &'a [(&'a str, &'a str)];

impl Scheduler {
    /// The scheduler that the command line names.
    pub(super) fn find(of: &Of) -> Result<Self, Trouble> {
        let found = find(of)?;
        let mut of = of.clone();
        // Another scheduler that is started meanwhile is not used.
        of.name = of
            .name
            .filter(|name| !name.is_empty())
            .or_else(|| found.running.as_ref().map(|running| running.service.clone()));
        // A second client in a process finds the provider of the first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder().connect_timeout(CONNECT).user_agent("planwright");
        let host = found.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
            // Requests to this machine use no proxy.
            client = client.no_proxy();
        }
        let failed = |error| Trouble::Failed(Problem::error(with_causes(&error)).into());
        let client = client.build().map_err(failed)?;
        let found = RefCell::new(Rc::new(found));
        Ok(Self { client, of, found, request: uuid::Uuid::new_v4().to_string() })
    }

    /// The present address of the same service's scheduler, since a scheduler that was started again may listen
    /// elsewhere. A scheduler that was named by its address keeps it.
    pub(super) fn find_again(&self) {
        if self.of.url.as_ref().is_none_or(String::is_empty)
            && let Ok(found) = find(&self.of)
        {
            self.found.replace(Rc::new(found));
        }
    }

    /// The command's request id.
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    /// The address of the scheduler.
    pub(super) fn found(&self) -> Rc<Found> {
        self.found.borrow().clone()
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Trouble> {
        let text = self.text(path, &[]).await?;
        serde_json::from_str(&text).map_err(Trouble::strange)
    }

    /// Reads a text, even one that comes with an error status of `/v1`.
    pub(super) async fn text(&self, path: &[&str], query: Query<'_>) -> Result<String, Trouble> {
        let response = self.send(Method::GET, path, query, None).await?;
        response.text().await.map_err(|error| self.lost(&error))
    }

    /// Begins to read something that may have no end.
    pub(super) async fn stream(&self, path: &[&str], query: Query<'_>) -> Result<Response, Trouble> {
        let url = self.url(path, query)?;
        match timeout(READ, self.authorized(Method::GET, url).send()).await {
            Ok(sent) => self.good(sent.map_err(|error| self.lost(&error))?).await,
            Err(_) => Err(self.silent()),
        }
    }

    /// Sends a command.
    pub(super) async fn post(
        &self,
        path: &[&str],
        query: Query<'_>,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answered, Trouble> {
        let body = body.map(serde_json::to_vec).transpose().map_err(Trouble::strange)?;
        let response = self.send(Method::POST, path, query, body).await?;
        let text = response.text().await.map_err(|error| self.lost(&error))?;
        let whole: Value = serde_json::from_str(&text).map_err(Trouble::strange)?;
        let answered = Answered::deserialize(&whole).map_err(Trouble::strange)?;
        Ok(Answered { whole, ..answered })
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<Vec<u8>>,
    ) -> Result<Response, Trouble> {
        let url = self.url(path, query)?;
        let (whole, each) = if method == Method::GET { (READ, READ) } else { (COMMAND, TRY) };
        let until = Instant::now() + whole;
        let mut tries = 1;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut request = self.authorized(method.clone(), url.clone()).timeout(each.min(left));
            if let Some(body) = &body {
                request = request.header("content-type", "application/json").body(body.clone());
            }
            let pause = Duration::from_millis(100 << tries);
            let trouble = match request.send().await {
                Ok(response) if is_passing(response.status()) && tries < TRIES => {
                    let after = response.headers().get("retry-after");
                    let passing = after.is_some() || response.status() == StatusCode::INTERNAL_SERVER_ERROR;
                    let refused = self.good(response).await;
                    match refused {
                        Err(trouble) if passing => trouble,
                        other => return other,
                    }
                }
                Ok(response) => return self.good(response).await,
                // No scheduler listens, so the command was not received, and is not sent again.
                Err(error) if error.is_connect() && tries == 1 => return Err(self.lost(&error)),
                Err(error) => self.lost(&error),
            };
            if tries == TRIES || Instant::now() + pause >= until {
                return Err(trouble);
            }
            tries += 1;
            sleep(pause).await;
        }
    }

    fn authorized(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        let who: String = crate::who().chars().filter(char::is_ascii_graphic).take(128).collect();
        let who = if who.is_empty() { "somebody".to_owned() } else { who };
        let request = self.client.request(method, url);
        let request = request.header("planwright-request", &self.request).header("planwright-who", who);
        match &self.found().token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn url(&self, path: &[&str], query: Query<'_>) -> Result<Url, Trouble> {
        let found = self.found();
        let mut url = found.url.clone();
        let (version, rest) = path.split_first().unwrap_or((&"v2", &[]));
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().push(version);
                if let Some(service) = &found.service {
                    segments.extend(["service", service.trim_matches('/').replace('/', "__").as_str()]);
                }
                segments.extend(rest);
            }
            Err(()) => return Err(Trouble::strange("an address without a path")),
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// The answer, if it is a good one.
    async fn good(&self, response: Response) -> Result<Response, Trouble> {
        let status = response.status();
        let again = response.headers().contains_key("retry-after");
        // 417 is a plan with errors (SDK rule R71).
        if status.is_success() || status == StatusCode::EXPECTATION_FAILED {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let mut said = Said::read(&text);
        if said.detail.is_empty() && said.message.is_empty() {
            said.detail = format!("the scheduler answers {status}");
        }
        if status == StatusCode::UNAUTHORIZED {
            let help = match &self.found().token {
                Some(_) => "the token is another scheduler's: name the right one with `--token-file`",
                None => {
                    "name the file `token` of the scheduler's data folder with `--token-file`, or \
                     PLANWRIGHT_TOKEN_FILE"
                }
            };
            said.hint = Some(help.to_owned());
            return Err(Trouble::Denied(said.problem().into()));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE && !again {
            // The scheduler ends, or another one has taken over, so it will never act again.
            return Err(self.unreachable(said.problem()));
        }
        if status.is_server_error() {
            return Err(Trouble::Failed(said.problem().into()));
        }
        match std::mem::take(&mut said.diagnostics) {
            found if found.is_empty() => Err(Trouble::Denied(said.problem().into())),
            found => Err(Trouble::Unsupported { problem: said.problem().into(), found }),
        }
    }

    /// The scheduler has not answered in time.
    pub(super) fn silent(&self) -> Trouble {
        let found = self.found();
        let url = found.url.as_str().trim_end_matches('/');
        self.unreachable(Problem::error(format!("the scheduler at {url} does not answer")))
    }

    fn lost(&self, error: &reqwest::Error) -> Trouble {
        if error.is_timeout() {
            return self.silent();
        }
        let found = self.found();
        let url = found.url.as_str().trim_end_matches('/');
        let words = format!("the scheduler at {url} cannot be reached: {}", cause(error));
        self.unreachable(Problem::error(words))
    }

    fn unreachable(&self, problem: Problem) -> Trouble {
        Trouble::Unreachable(Box::new(match &self.found().running {
            Some(running) => problem.help(format!(
                "its process is {}, and its log {}",
                running.pid,
                running.data_dir.join("scheduler.log").display()
            )),
            None => {
                problem.help("is it running? `planwright run PACKAGE` starts one, and says where it listens")
            }
        }))
    }
}

/// Whether the same request may get another answer a little later.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR)
}

/// The last cause of an error: what the system says.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
