//! The last step before a command: sets limits and the like on the process itself.
//!
//! Invariant: the command runs only if all of that could be set. It runs in a session of its own, and the system kills
//! it when its parent ends.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use plan_core::spec::{RLimit, RLimitName};
use rustix::process::{
    Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit, setsid,
};

use super::{say, signals};
use crate::disk;
use crate::layout::RunFolder;
use crate::run::Order;

/// The exit code of shells for a command that was found and could not be run.
const CANNOT: u8 = 126;

pub(super) fn run(parent: &str, folder: Option<&Path>, command: &OsStr) -> ExitCode {
    let why = match prepare(parent, folder) {
        Ok(()) => Command::new("/bin/sh").arg("-c").arg(command).exec().to_string(),
        Err(why) => why,
    };
    say(&format!("planwright: the command was not run: {why}"));
    ExitCode::from(CANNOT)
}

fn prepare(parent: &str, folder: Option<&Path>) -> Result<(), String> {
    setsid().map_err(|error| format!("it gets no session of its own: {error}"))?;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("it cannot be bound to its shim: {error}"))?;
    // If the parent has already ended, no signal comes any more.
    if getppid().map(|pid| pid.as_raw_nonzero().to_string()).as_deref() != Some(parent) {
        return Err("its shim has ended".to_owned());
    }
    signals::by_default()?;
    let Some(folder) = folder else { return Ok(()) };
    let order = disk::read::<Order>(&RunFolder::at(folder.to_owned()).order())
        .map_err(|error| error.to_string())?
        .ok_or("its order is not there")?;
    if let Some(group) = &order.memory {
        let members = group.folder.join("cgroup.procs");
        std::fs::write(&members, std::process::id().to_string())
            .map_err(|error| format!("it cannot join {}: {error}", members.display()))?;
    }
    for (name, limit) in &order.rlimits {
        setrlimit(resource(*name), rlimit(*limit))
            .map_err(|error| format!("{} cannot be set: {error}", name.as_str()))?;
    }
    Ok(())
}

fn rlimit(limit: RLimit) -> Rlimit {
    match limit {
        RLimit::Unlimited => Rlimit { current: None, maximum: None },
        RLimit::Limited { soft, hard } => Rlimit { current: Some(soft), maximum: Some(hard) },
    }
}

pub(crate) fn resource(name: RLimitName) -> Resource {
    match name {
        RLimitName::As => Resource::As,
        RLimitName::Core => Resource::Core,
        RLimitName::Cpu => Resource::Cpu,
        RLimitName::Data => Resource::Data,
        RLimitName::Fsize => Resource::Fsize,
        RLimitName::Locks => Resource::Locks,
        RLimitName::Memlock => Resource::Memlock,
        RLimitName::Msgqueue => Resource::Msgqueue,
        RLimitName::Nice => Resource::Nice,
        RLimitName::Nofile => Resource::Nofile,
        RLimitName::Nproc => Resource::Nproc,
        RLimitName::Rss => Resource::Rss,
        RLimitName::Rtprio => Resource::Rtprio,
        RLimitName::Rttime => Resource::Rttime,
        RLimitName::Sigpending => Resource::Sigpending,
        RLimitName::Stack => Resource::Stack,
    }
}
