//! Names that a task waits for.
//!
//! Invariant: the service's own names are this machine, whatever a resolver says. All other names are looked up until
//! they are known or the time is over.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs as _;
use std::time::{Duration, Instant};

use super::flags::Flags;

const AGAIN: Duration = Duration::from_millis(500);

/// The address of the task: its machine's loopback.
pub(super) fn task_ip(environment: &BTreeMap<String, String>) -> &str {
    environment.get("MESOS_CONTAINER_IP").map_or("127.0.0.1", String::as_str)
}

/// Waits for the task's own name, and for the names in the flags.
pub(super) fn wait(flags: &Flags, environment: &BTreeMap<String, String>) -> Result<(), String> {
    let of = |name: &str| environment.get(name).map(String::as_str);
    let domain = of("FRAMEWORK_HOST").unwrap_or_default();
    let own = of("TASK_NAME").filter(|_| flags.self_resolve).map(|task| format!("{task}.{domain}"));
    let began = Instant::now();
    for host in own.iter().chain(&flags.resolve_hosts) {
        loop {
            // The port has no effect. The system call needs one.
            let known =
                || (host.as_str(), 0).to_socket_addrs().map(|mut addresses| addresses.next().is_some());
            let error = match if is_ours(host, domain) { Ok(true) } else { known() } {
                Ok(true) => break,
                Ok(false) => "it has no address".to_owned(),
                Err(error) => error.to_string(),
            };
            let over = !flags.resolve_timeout.is_zero() && began.elapsed() >= flags.resolve_timeout;
            if over {
                let waited = flags.resolve_timeout;
                return Err(format!("`{host}` is not known after {waited:?}: {error}"));
            }
            std::thread::sleep(AGAIN);
        }
    }
    Ok(())
}

/// Whether a name is below the service's own domain, which is all this machine.
fn is_ours(host: &str, domain: &str) -> bool {
    !domain.is_empty()
        && (host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_service_are_ours() {
        for (host, ours) in [
            ("a-0-b.kafka.localhost", true),
            ("kafka.localhost", true),
            ("xkafka.localhost", false),
            ("example.org", false),
        ] {
            assert_eq!(is_ours(host, "kafka.localhost"), ours, "{host}");
        }
        assert!(!is_ours("a", ""));
    }
}
