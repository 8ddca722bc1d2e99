//! Fetches a pod's `uris` into a sandbox.
//!
//! Invariant: what is fetched is bounded in size and time, is what its hash says where one is given, and is written
//! nowhere but in the sandbox and the cache. One URL is fetched by one at a time, and once.

mod source;
mod unpack;
#[cfg(feature = "fetch")]
mod web;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bitcoin_hashes::{HashEngine as _, Sha256};

pub(crate) use source::Source;
use source::{Form, Place};

use crate::blocking::blocking;
use crate::disk::DiskError;
use crate::error::Failure;
use crate::options::FetchLimits;

/// Fetches files, and keeps them in a cache.
#[derive(Debug)]
pub(crate) struct Fetcher {
    limits: FetchLimits,
    #[cfg(feature = "fetch")]
    web: web::Web,
}

impl Fetcher {
    /// `cache` is the folder for files from the web.
    #[cfg_attr(not(feature = "fetch"), expect(unused_variables, reason = "nothing comes from the web"))]
    pub(crate) fn new(cache: PathBuf, limits: FetchLimits) -> Self {
        Self {
            limits,
            #[cfg(feature = "fetch")]
            web: web::Web::new(cache, limits),
        }
    }

    /// Brings the file of a URI into a sandbox, unpacked if it is an archive.
    pub(crate) async fn fetch(&self, uri: &str, sandbox: &Path) -> Result<(), Failure> {
        let source = Source::parse(uri).map_err(Failure::Never)?;
        let file = match &source.place {
            Place::File(path) => path.clone(),
            #[cfg(feature = "fetch")]
            Place::Web(url) => self.web.download(url, &source).await?,
        };
        let (sandbox, limits) = (sandbox.to_owned(), self.limits);
        blocking(move || {
            // Files from the web were checked before they were kept.
            if let (true, Some(wanted)) = (source.is_local(), &source.sha256) {
                let found = hash(&file).map_err(DiskError::io("read", &file))?;
                check(&source.shown, wanted, &found)?;
            }
            bring(&source, &file, &sandbox, limits)
        })
        .await
    }
}

fn bring(source: &Source, file: &Path, sandbox: &Path, limits: FetchLimits) -> Result<(), Failure> {
    let open = || std::fs::File::open(file).map_err(DiskError::io("open", file));
    let what = source.shown.as_str();
    match source.form {
        Form::Plain => {
            let to = sandbox.join(&source.name);
            let size = std::fs::metadata(file).map_err(DiskError::io("open", file))?.len();
            if size > limits.size {
                let why = format!("{what} is larger than {} bytes, the most that is fetched", limits.size);
                return Err(Failure::Never(why));
            }
            if to.symlink_metadata().is_ok() {
                return Err(Failure::Never(format!("two things of the task are to be `{}`", source.name)));
            }
            std::fs::copy(file, &to).map_err(DiskError::io("write", &to))?;
            Ok(())
        }
        Form::Tar => unpack::tar(what, open()?, sandbox, limits),
        Form::TarGz => unpack::tar(what, flate2::read::MultiGzDecoder::new(open()?), sandbox, limits),
        Form::Gz => unpack::gz(what, open()?, &sandbox.join(&source.name), limits),
        Form::Zip => unpack::zip(what, open()?, sandbox, limits),
    }
}

fn hash(path: &Path) -> std::io::Result<String> {
    let (mut file, mut hash, mut part) = (std::fs::File::open(path)?, Sha256::engine(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hex(hash.finalize())),
            count => hash.input(&part[..count]),
        }
    }
}

fn hex(hash: Sha256) -> String {
    use std::fmt::Write as _;
    hash.to_byte_array().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn check(what: &str, wanted: &str, found: &str) -> Result<(), Failure> {
    if wanted == found {
        return Ok(());
    }
    Err(Failure::Never(format!(
        "{what} is not what was meant: its SHA-256 is {found}, and {wanted} is expected"
    )))
}
