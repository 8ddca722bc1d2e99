//! Asking a scheduler.
//!
//! Invariant: a command has one request id, however often it is sent: one whose answer was lost is sent again, and is not
//! done twice.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;

use super::find::Found;
use super::trouble::{Said, Trouble};
use crate::problem::Problem;

/// A request that was not answered is sent so often in all.
const TRIES: u32 = 5;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long it may take until somebody listens.
const CONNECT: Duration = Duration::from_secs(5);

/// A scheduler that is asked.
#[derive(Debug)]
pub(super) struct Scheduler {
    client: Client,
    found: Found,
    request: String,
}

/// What came of a command.
#[derive(Debug, Deserialize)]
pub(super) struct Answered {
    /// `done`, `already-so` or `refused`.
    pub(super) reply: String,
    /// All of it.
    #[serde(skip)]
    pub(super) whole: Value,
}

impl Answered {
    /// Whether it was so already.
    pub(super) fn was_so(&self) -> bool {
        self.reply == "already-so"
    }
}

/// What is asked for: the parts of a path, and what stands behind the `?`.
pub(super) type Query<'a> = &'a [(&'a str, &'a str)];

impl Scheduler {
    pub(super) fn new(found: Found) -> Result<Self, Trouble> {
        // The second in a process finds the first one's.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder().connect_timeout(CONNECT).user_agent("planwright");
        let host = found.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
            // No proxy is this machine.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| Trouble::Failed(Problem::error(words(&error)).into()))?;
        Ok(Self { client, found, request: uuid::Uuid::new_v4().to_string() })
    }

    /// The command's request id.
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    /// Where it is asked.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Trouble> {
        let text = self.text(path, &[]).await?;
        serde_json::from_str(&text).map_err(Trouble::strange)
    }

    /// Reads a text, also one that comes with a status of C§6.
    pub(super) async fn text(&self, path: &[&str], query: Query<'_>) -> Result<String, Trouble> {
        let response = self.send(Method::GET, path, query, None).await?;
        response.text().await.map_err(|error| self.lost(&error))
    }

    /// Begins to read something that may have no end.
    pub(super) async fn stream(&self, path: &[&str], query: Query<'_>) -> Result<Response, Trouble> {
        let url = self.url(path, query)?;
        let sent = self.authorized(Method::GET, url).send().await.map_err(|error| self.lost(&error))?;
        self.good(sent).await
    }

    /// Commands something.
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
        let mut tries = 1;
        loop {
            let mut request = self.authorized(method.clone(), url.clone()).timeout(PATIENCE);
            if let Some(body) = &body {
                request = request.header("content-type", "application/json").body(body.clone());
            }
            let wait = Duration::from_millis(100 << tries);
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
                // Nobody listens: what was not heard need not be said again.
                Err(error) if error.is_connect() && tries == 1 => return Err(self.lost(&error)),
                Err(error) => self.lost(&error),
            };
            if tries == TRIES {
                return Err(trouble);
            }
            tries += 1;
            sleep(wait).await;
        }
    }

    fn authorized(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        let who: String = crate::who().chars().filter(char::is_ascii_graphic).take(128).collect();
        let who = if who.is_empty() { "somebody".to_owned() } else { who };
        let request = self.client.request(method, url);
        let request = request.header("planwright-request", &self.request).header("planwright-who", who);
        match &self.found.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn url(&self, path: &[&str], query: Query<'_>) -> Result<Url, Trouble> {
        let mut url = self.found.url.clone();
        let (version, rest) = path.split_first().unwrap_or((&"v2", &[]));
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().push(version);
                if let Some(service) = &self.found.service {
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

    /// The answer, if it is one.
    async fn good(&self, response: Response) -> Result<Response, Trouble> {
        let status = response.status();
        // 417 is a plan that has errors (C§6.1).
        if status.is_success() || status == StatusCode::EXPECTATION_FAILED {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let mut said = Said::read(&text);
        if said.detail.is_empty() && said.message.is_empty() {
            said.detail = format!("the scheduler answers {status}");
        }
        if status == StatusCode::UNAUTHORIZED {
            let help = match (&self.found.token, &self.found.running) {
                (Some(_), _) => "the token is another scheduler's: name the right one with `--token-file`",
                (None, _) => {
                    "name the file `token` of the scheduler's data folder with `--token-file`, or \
                     PLANWRIGHT_TOKEN_FILE"
                }
            };
            said.hint = Some(help.to_owned());
            return Err(Trouble::Denied(said.problem().into()));
        }
        if status.is_server_error() {
            return Err(Trouble::Failed(said.problem().into()));
        }
        Err(Trouble::Denied(said.problem().into()))
    }

    fn lost(&self, error: &reqwest::Error) -> Trouble {
        let url = self.found.url.as_str().trim_end_matches('/');
        let problem = if error.is_timeout() {
            Problem::error(format!("the scheduler at {url} does not answer"))
        } else {
            Problem::error(format!("the scheduler at {url} cannot be reached: {}", cause(error)))
        };
        Trouble::Unreachable(Box::new(match &self.found.running {
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

/// Whether the same may be answered otherwise a little later.
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

fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}
