//! The signals that ask a task to end.
//!
//! Invariant: a command begins with each of these signals at its default. A scheduler may be started with some of them
//! ignored, as by `nohup` and in background jobs of a script. A process inherits ignored signals: a shell could not
//! even trap them, and a JVM would not shut down.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use plan_core::spec::KillSignal;
use rustix::process::Signal;

/// The signal of this name.
pub(super) fn signal(name: KillSignal) -> Signal {
    match name {
        KillSignal::SigTerm => Signal::TERM,
        KillSignal::SigInt => Signal::INT,
        KillSignal::SigQuit => Signal::QUIT,
        KillSignal::SigHup => Signal::HUP,
        KillSignal::SigUsr1 => Signal::USR1,
        KillSignal::SigUsr2 => Signal::USR2,
    }
}

/// Makes sure that the program that the calling process becomes ignores none of these signals.
pub(super) fn by_default() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|error| format!("`/proc/self/status` cannot be read: {error}"))?;
    let ignored = ignored(&status).ok_or("`/proc/self/status` does not say which signals are ignored")?;
    for name in KillSignal::ALL {
        let number = signal(*name).as_raw();
        if ignored & 1 << (number - 1) != 0 {
            // A signal that is handled, and not ignored, is at its default after `exec`.
            signal_hook::flag::register(number, Arc::new(AtomicBool::new(false)))
                .map_err(|error| format!("{} stays ignored: {error}", name.as_str()))?;
        }
    }
    Ok(())
}

/// The set of signals that a process ignores: the lowest bit is signal 1.
fn ignored(status: &str) -> Option<u64> {
    let text = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(text.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_ignored_signals_is_read() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001006\nSigCgt:\t0\n";
        let ignored = ignored(status).unwrap();
        let of = |name| ignored & 1 << (signal(name).as_raw() - 1) != 0;
        assert!(of(KillSignal::SigInt) && of(KillSignal::SigQuit));
        assert!(!of(KillSignal::SigHup) && !of(KillSignal::SigTerm));
        assert_eq!(super::ignored("Name:\tx\n"), None);
    }
}
