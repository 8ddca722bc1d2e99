//! The rules of a pod's networks (SDK rule R32).

use super::Checker;
use crate::spec::diagnostic::{Code, Diagnostic, Path};
use crate::spec::pod::PodSpec;

/// The network that maps ports.
pub(in crate::spec) const BRIDGE: &str = "mesos-bridge";
/// The networks that every cluster of the SDK has.
const KNOWN: [&str; 2] = ["dcos", BRIDGE];

impl Checker<'_> {
    pub(super) fn networks(&mut self, path: &Path<'_>, pod: &PodSpec) {
        let networks = path.key("networks");
        for (name, network) in &pod.networks {
            let at = networks.key(name);
            if name != BRIDGE && !network.ports.is_empty() {
                self.error(
                    Code::PortMapping,
                    &at,
                    format!("the network `{name}` does not support port mapping from container to host"),
                    format!("leave out `host-ports` and `container-ports`, or use `{BRIDGE}`"),
                );
            }
            self.labels(&at, network.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())));
            if name.trim().is_empty() {
                let help = "name the network, as `dcos`";
                self.error(Code::UnknownNetwork, &at, "the network has no name", help);
            } else if !KNOWN.contains(&name.as_str()) {
                let message = format!("the network `{name}` is not one of those that are known");
                let warning = Diagnostic::warning(Code::UnknownNetwork, at, message);
                let help = format!("the cluster must have it; known are `{}`", KNOWN.join("`, `"));
                self.report(warning.nearest(name, KNOWN).help(help));
            }
            if network.ports.iter().any(|mapping| mapping.container == 0) {
                let help = "a port of a container is fixed; write its number, 1 to 65535";
                self.error(Code::PortMapping, &at.key("container-ports"), "a container port is 0", help);
            }
        }
    }
}
