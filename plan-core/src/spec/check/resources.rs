//! The rules of a resource set (SDK rules R20 to R24).

use std::collections::BTreeMap;

use super::{Checker, holds_something, repeated};
use crate::spec::diagnostic::{Code, Path};
use crate::spec::resources::{Limit, PortChoice, Ports, ResourceSet, Volume, VolumeKind};

impl Checker<'_> {
    pub(super) fn resource_set(&mut self, path: &Path<'_>, set: &ResourceSet) {
        if !holds_something(set) {
            let message = if set.volumes.is_empty() {
                "there are no resources"
            } else {
                "there are no resources besides volumes"
            };
            self.error(
                Code::NoResources,
                path,
                message,
                "give at least one of `cpus`, `gpus`, `memory` and `ports`",
            );
        }
        self.ports(&path.key("ports"), &set.ports);
        self.volumes(path, &set.volumes);
        let limits = path.key("resource-limits");
        if let (Some(request), Some(Limit::AtMost(limit))) = (set.cpus, set.limits.cpus)
            && limit < request
        {
            let message = format!("the cpus limit, {limit}, is less than the requested amount, {request}");
            self.error(
                Code::LimitBelowRequest,
                &limits.key("cpus"),
                message,
                "raise the limit, or lower `cpus`",
            );
        }
        if let (Some(request), Some(Limit::AtMost(limit))) = (set.memory, set.limits.memory)
            && limit < request
        {
            let message = format!("the memory limit, {limit}, is less than the requested amount, {request}");
            self.error(
                Code::LimitBelowRequest,
                &limits.key("memory"),
                message,
                "raise the limit, or lower `memory`",
            );
        }
    }

    fn ports(&mut self, path: &Path<'_>, ports: &Ports) {
        let mut fixed = BTreeMap::new();
        for (name, port) in ports.iter() {
            let at = path.key(name.as_str());
            match &port.number {
                PortChoice::Static(number) => {
                    if let Some(other) = fixed.insert(*number, name) {
                        let message =
                            format!("the ports `{other}` and `{name}` have the same value {number}");
                        let help = "give one of them another number, or 0 for any free one";
                        self.error(Code::DuplicatePort, &at.key("port"), message, help);
                    }
                }
                PortChoice::Dynamic(ranges) => {
                    let range_list = at.key("ranges");
                    for (index, _) in ranges.iter().enumerate().filter(|(_, range)| range.end == 0) {
                        let help = "give the last port; 65535 is the last that there is";
                        self.error(Code::PortRange, &range_list.index(index), "the range ends at 0", help);
                    }
                    for (index, range) in ranges
                        .iter()
                        .enumerate()
                        .filter(|(_, range)| range.begin > range.end && range.end > 0)
                    {
                        let message =
                            format!("the range begins at {}, after its end, {}", range.begin, range.end);
                        self.error(
                            Code::PortRange,
                            &range_list.index(index),
                            message,
                            "swap `begin` and `end`",
                        );
                    }
                }
            }
            if let Some(vip) = &port.vip {
                let clash = ports.iter().any(|(other, _)| other != name && *other == vip.prefix.as_str());
                if clash {
                    let message = format!("the VIP prefix `{}` is the name of another port", vip.prefix);
                    let help = "choose a prefix that no other port is called, or leave it out";
                    self.error(Code::VipPrefix, &at.key("vip").key("prefix"), message, help);
                } else if vip.prefix.trim().is_empty() {
                    let help = "leave out `prefix`; it is then the port's name";
                    self.error(
                        Code::VipPrefix,
                        &at.key("vip").key("prefix"),
                        "the VIP prefix is empty",
                        help,
                    );
                }
            }
            if port.env_key.as_deref().is_some_and(|key| key.trim().is_empty()) {
                let help = "name an environment variable, or leave out `env-key`";
                self.error(
                    Code::Value,
                    &at.key("env-key"),
                    "the port's environment variable has no name",
                    help,
                );
            }
        }
        let names: Vec<_> = ports.iter().map(|(name, _)| name).collect();
        for (index, _) in repeated(&names) {
            let message = format!("the port `{}` is there twice", names[index]);
            self.error(Code::DuplicateName, &path.key(names[index].as_str()), message, "rename one of them");
        }
    }

    pub(super) fn volumes(&mut self, path: &Path<'_>, volumes: &[Volume]) {
        let list = path.key("volumes");
        let paths: Vec<_> = volumes.iter().map(|volume| &volume.path).collect();
        for (index, _) in repeated(&paths) {
            let message = format!("two volumes have the path `{}`", paths[index]);
            self.error(
                Code::VolumePath,
                &list.index(index).key("path"),
                message,
                "give one of them another path",
            );
        }
        for (index, volume) in volumes.iter().enumerate() {
            let VolumeKind::Mount(profiles) = &volume.kind else { continue };
            let at = list.index(index);
            let at = at.key("profiles");
            for (place, profile) in profiles.iter().enumerate().filter(|(_, profile)| !is_profile(profile)) {
                let message = format!("`{profile}` is not the name of a disk profile");
                let help = "use 1 to 128 letters, digits, `_`, `.` and `-`";
                self.error(Code::Profiles, &at.index(place), message, help);
            }
            for (place, _) in repeated(profiles) {
                let message = format!("the disk profile `{}` is given twice", profiles[place]);
                self.error(Code::Profiles, &at.index(place), message, "leave one of them out");
            }
        }
    }
}

fn is_profile(text: &str) -> bool {
    let profile_char = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(profile_char)
}
