//! Archives.
//!
//! Invariant: nothing is written outside of the target folder, whatever an archive names or links to, and no archive
//! becomes larger than its bounds.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;

use tar::EntryType;

use crate::error::Failure;
use crate::layout::parent_in;
use crate::options::FetchLimits;

/// The longest target of a link that is read.
const LONGEST_LINK: u64 = 4096;

/// Bytes that come out of an archive, up to a bound.
struct Bounded<R> {
    from: R,
    left: u64,
    exceeded: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(to)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("it becomes larger than it may"));
            }
        }
        Ok(count)
    }
}

fn never(what: &str, why: impl std::fmt::Display) -> Failure {
    Failure::Never(format!("{what} cannot be unpacked: {why}"))
}

/// A full disk is temporary. A damaged archive is not.
fn failed(what: &str) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| {
        let mut root: &dyn std::error::Error = &error;
        while let Some(cause) = root.source() {
            root = cause;
        }
        let system = root.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        match system.or(error.raw_os_error()) {
            Some(_) => Failure::Retry(format!("{what} cannot be unpacked now: {error}")),
            None => never(what, error),
        }
    }
}

fn too_large(what: &str, limits: FetchLimits) -> Failure {
    never(what, format_args!("it becomes more than {} bytes", limits.unpacked))
}

pub(super) fn tar(what: &str, from: impl Read, to: &Path, limits: FetchLimits) -> Result<(), Failure> {
    let mut from = Bounded { from, left: limits.unpacked, exceeded: false };
    let unpacked = untar(what, &mut from, to, limits);
    if from.exceeded { Err(too_large(what, limits)) } else { unpacked }
}

fn untar(what: &str, from: impl Read, to: &Path, limits: FetchLimits) -> Result<(), Failure> {
    let mut archive = tar::Archive::new(from);
    let failed = failed(what);
    let mut count = 0;
    for entry in archive.entries().map_err(&failed)? {
        let mut entry = entry.map_err(&failed)?;
        count += 1;
        if count > limits.entries {
            return Err(never(what, format_args!("it has more than {} entries", limits.entries)));
        }
        let kind = entry.header().entry_type();
        if !matches!(
            kind,
            EntryType::Regular
                | EntryType::Continuous
                | EntryType::GNUSparse
                | EntryType::Directory
                | EntryType::Symlink
                | EntryType::Link
                | EntryType::XGlobalHeader
        ) {
            let path = entry.path().map_err(&failed)?.display().to_string();
            return Err(never(what, format_args!("`{path}` is neither file, folder nor link")));
        }
        let path = entry.path().map_err(&failed)?.into_owned();
        // This refuses entries that would go through a link to the outside.
        if kind != EntryType::XGlobalHeader && !entry.unpack_in(to).map_err(&failed)? {
            return Err(never(what, format_args!("`{}` leads out of the sandbox", path.display())));
        }
    }
    Ok(())
}

pub(super) fn gz(what: &str, from: File, to: &Path, limits: FetchLimits) -> Result<(), Failure> {
    let decoder = flate2::read::MultiGzDecoder::new(from);
    let mut from = Bounded { from: decoder, left: limits.unpacked, exceeded: false };
    let failed = failed(what);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(to).map_err(&failed)?;
    let copied = io::copy(&mut from, &mut file).map_err(&failed);
    if from.exceeded { Err(too_large(what, limits)) } else { copied.map(|_| ()) }
}

pub(super) fn zip(what: &str, from: impl Read + Seek, to: &Path, limits: FetchLimits) -> Result<(), Failure> {
    let failed = failed(what);
    let mut archive = zip::ZipArchive::new(from).map_err(|error| never(what, error))?;
    if archive.len() as u64 > limits.entries {
        return Err(never(what, format_args!("it has more than {} entries", limits.entries)));
    }
    let mut left = limits.unpacked;
    for nth in 0..archive.len() {
        let entry = archive.by_index(nth).map_err(|error| never(what, error))?;
        let name = entry.name().to_owned();
        let (is_folder, is_link, mode) = (entry.is_dir(), entry.is_symlink(), entry.unix_mode());
        if is_folder && name.trim_matches(['/', '.']).is_empty() {
            continue;
        }
        let path = parent_in(to, &[], &name).map_err(|why| never(what, why))?;
        if is_folder {
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(never(what, format_args!("`{name}` is a folder and something else"))),
                Err(_) => fs::create_dir(&path).map_err(&failed)?,
            }
            continue;
        }
        if is_link {
            let mut target = String::new();
            entry.take(LONGEST_LINK).read_to_string(&mut target).map_err(&failed)?;
            symlink(target, &path).map_err(&failed)?;
            continue;
        }
        let mut from = Bounded { from: entry, left, exceeded: false };
        let mode = mode.map_or(0o644, |mode| mode & 0o777 | 0o600);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(&failed)?;
        let copied = io::copy(&mut from, &mut file).and_then(|_| file.flush());
        if from.exceeded {
            return Err(too_large(what, limits));
        }
        copied.map_err(&failed)?;
        left = from.left;
    }
    Ok(())
}
