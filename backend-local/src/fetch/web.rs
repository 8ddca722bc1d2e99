//! Fetches files by http and https.
//!
//! Invariant: one URL is fetched by one at a time, and once; what is in the cache is whole, and what its hash says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bitcoin_hashes::{HashEngine as _, Sha256};
use futures::StreamExt as _;
use plan_core::plan::ContentHash;
use reqwest::redirect::{Action, Attempt, Policy};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::source::Source;
use super::{check, hex};
use crate::blocking::blocking;
use crate::disk::{self, DiskError};
use crate::error::Failure;
use crate::options::FetchLimits;

/// The most redirects that are followed.
const MOST_REDIRECTS: usize = 10;

/// Downloads into a cache.
#[derive(Debug)]
pub(super) struct Web {
    cache: PathBuf,
    limits: FetchLimits,
    client: OnceLock<Result<reqwest::Client, String>>,
    underway: Mutex<BTreeMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
}

impl Web {
    pub(super) fn new(cache: PathBuf, limits: FetchLimits) -> Self {
        Self { cache, limits, client: OnceLock::new(), underway: Mutex::default() }
    }

    /// The file of a URL in the cache.
    pub(super) async fn download(&self, url: &reqwest::Url, source: &Source) -> Result<PathBuf, Failure> {
        let key = format!("{url} {}", source.sha256.as_deref().unwrap_or_default());
        let path = self.cache.join(ContentHash::of(key.as_bytes()).to_string());
        let turn = {
            let mut underway = self.underway.lock().unwrap_or_else(PoisonError::into_inner);
            underway.retain(|_, turn| Arc::strong_count(turn) > 1);
            underway.entry(path.clone()).or_default().clone()
        };
        let _mine = turn.lock().await;
        if path.is_file() {
            return Ok(path);
        }
        let cache = self.cache.clone();
        blocking(move || disk::create_folder(&cache)).await?;
        let beside = path.with_extension("part");
        let found = self.receive(url, &source.shown, &beside).await;
        let kept = match (found, &source.sha256) {
            (Ok(found), Some(wanted)) => check(&source.shown, wanted, &found),
            (found, _) => found.map(|_| ()),
        };
        if let Err(failure) = kept {
            let _ = tokio::fs::remove_file(&beside).await;
            return Err(failure);
        }
        tokio::fs::rename(&beside, &path).await.map_err(DiskError::io("write", &path))?;
        Ok(path)
    }

    /// Writes the content of a URL into a file, and returns its SHA-256.
    async fn receive(&self, url: &reqwest::Url, shown: &str, to: &Path) -> Result<String, Failure> {
        let client = self.client.get_or_init(client).as_ref().map_err(|why| Failure::Retry(why.clone()))?;
        let patience = self.limits.patience;
        let silent = |_| Failure::Retry(format!("cannot fetch {shown}: nothing came for {patience:?}"));
        let failed = |error: reqwest::Error| {
            let help = if is_untrusted(&error) { UNTRUSTED } else { "" };
            Failure::Retry(format!("cannot fetch {shown}: {}{help}", chain(&error.without_url())))
        };
        let answer = timeout(patience, client.get(url.clone()).send()).await.map_err(silent)?;
        let answer = answer.and_then(reqwest::Response::error_for_status).map_err(failed)?;
        let mut file = tokio::fs::File::create(to).await.map_err(DiskError::io("create", to))?;
        let (mut parts, mut hash, mut size) = (answer.bytes_stream(), Sha256::engine(), 0_u64);
        while let Some(part) = timeout(patience, parts.next()).await.map_err(silent)? {
            let part = part.map_err(failed)?;
            size = size.saturating_add(part.len() as u64);
            if size > self.limits.size {
                let why =
                    format!("{shown} is larger than {} bytes, the most that is fetched", self.limits.size);
                return Err(Failure::Never(why));
            }
            hash.input(&part);
            file.write_all(&part).await.map_err(DiskError::io("write", to))?;
        }
        // Only `flush` returns the error of the last write.
        let kept = async { file.flush().await.and(file.sync_all().await) };
        kept.await.map_err(DiskError::io("write", to))?;
        Ok(hex(hash.finalize()))
    }
}

fn client() -> Result<reqwest::Client, String> {
    // Another part of the program may have chosen a provider before us; then that is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = concat!("planwright/", env!("CARGO_PKG_VERSION"));
    let made = reqwest::Client::builder().user_agent(agent).redirect(Policy::custom(redirect)).build();
    made.map_err(|error| format!("nothing can be fetched: {}", chain(&error)))
}

/// A request by https is not redirected to http, where anybody on the way could answer.
fn redirect(attempt: Attempt<'_>) -> Action {
    let is_safe = |url: &reqwest::Url| url.scheme() == "https";
    if attempt.previous().iter().any(is_safe) && !is_safe(attempt.url()) {
        attempt.error("it leads from https to http")
    } else if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("it leads from one address to the next without an end")
    } else {
        attempt.follow()
    }
}

/// What helps if a certificate is not trusted.
const UNTRUSTED: &str = "; have the machine trust who issued it, or start the scheduler with SSL_CERT_FILE naming a file of \
                         the authorities to trust in place of the machine's";

/// Whether the server's certificate is the problem.
fn is_untrusted(error: &reqwest::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        // The inner error of an I/O error is not its source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|inner| inner as &dyn std::error::Error).or_else(|| error.source());
    }
    false
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
