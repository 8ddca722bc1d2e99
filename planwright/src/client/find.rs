//! Finds the scheduler to ask.
//!
//! Invariant: a token is sent only to the address that it was made for, or to the one that was typed with it.

use std::path::Path;

use reqwest::Url;

use super::trouble::Trouble;
use crate::arguments::Of;
use crate::problem::Problem;
use crate::running::{Running, folder_name};

/// A scheduler, and what a client needs to ask it.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it listens.
    pub(super) url: Url,
    /// The token.
    pub(super) token: Option<String>,
    /// The service, if the scheduler has several.
    pub(super) service: Option<String>,
    /// The entry of the scheduler, if it runs on this machine.
    pub(super) running: Option<Running>,
}

/// The scheduler that the command line names.
pub(super) fn find(of: &Of) -> Result<Found, Trouble> {
    let all = Running::all();
    // As with other programs, an empty variable counts as unset.
    let given = |text: &&str| !text.is_empty();
    if let Some(text) = of.url.as_deref().filter(given) {
        let typed = parse(text)?;
        let known = all.into_iter().filter_map(|running| Some((same(&typed, &running)?, running)));
        let (url, running) = known
            .min_by_key(|(url, _)| url != &typed)
            .map_or_else(|| (typed.clone(), None), |(url, running)| (url, Some(running)));
        let file = of.token_file.as_deref().or(running.as_ref().map(|running| running.token_file.as_path()));
        let token = file.map(token).transpose()?;
        return Ok(Found { url, token, service: of.name.clone().filter(|name| !name.is_empty()), running });
    }
    let is_meant = |running: &Running| match of.name.as_deref().filter(given) {
        Some(name) => running.service == *name || folder_name(&running.service) == folder_name(name),
        None => true,
    };
    let (mut meant, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_meant);
    match (meant.pop(), meant.is_empty()) {
        (Some(running), true) => {
            let url = parse(&running.url)?;
            let token = Some(token(of.token_file.as_deref().unwrap_or(&running.token_file))?);
            Ok(Found { url, token, service: None, running: Some(running) })
        }
        (Some(last), false) => {
            meant.push(last);
            let problem =
                Problem::error(format!("several schedulers run on this machine:\n{}", list(&meant)));
            Err(Trouble::Misused(
                problem.help("choose one with `--name SERVICE`, or with `--url URL`").into(),
            ))
        }
        (None, _) => Err(Trouble::Unreachable(Box::new(match &of.name {
            Some(name) if !others.is_empty() => {
                let problem = Problem::error(format!("no scheduler of `{name}` runs on this machine"));
                problem.help(format!("these do:\n{}", list(&others)))
            }
            _ => {
                let problem = Problem::error("no scheduler runs on this machine that you have started");
                problem
                    .help("start one with `planwright run PACKAGE`, or name one elsewhere with `--url URL`")
            }
        }))),
    }
}

fn parse(text: &str) -> Result<Url, Trouble> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        let problem = Problem::error(format!("`{text}` is no address of a scheduler"));
        Trouble::Misused(problem.help("write it as `http://127.0.0.1:8080`").into())
    })
}

/// The address of a scheduler of this machine, if it is the one that was typed. `localhost` stands for any address that
/// the scheduler may listen on. The request goes to the address where it listens, since another program may have
/// another address of that name with the same port.
fn same(typed: &Url, running: &Running) -> Option<Url> {
    let known = Url::parse(&running.url).ok()?;
    let same_host = typed.host() == known.host() || typed.host_str() == Some("localhost");
    let same_port = typed.port_or_known_default() == known.port_or_known_default();
    let same_place = typed.scheme() == known.scheme() && typed.path() == known.path();
    (same_host && same_port && same_place).then_some(known)
}

fn token(file: &Path) -> Result<String, Trouble> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let problem = Problem::error(format!("cannot read the token `{}`: {error}", file.display()));
        Trouble::Denied(
            problem.help("name the file `token` of the scheduler's data folder with `--token-file`").into(),
        )
    })?;
    Ok(text.trim().to_owned())
}

fn list(all: &[Running]) -> String {
    let lines: Vec<_> =
        all.iter().map(|one| format!("  {}  {}  process {}", one.service, one.url, one.pid)).collect();
    lines.join("\n")
}
