//! The comparison of pods, and of what each launch of their tasks carries.

use indexmap::IndexMap;

use super::ChangeVerdict;
use super::compare::{At, Comparer};
use super::service::names;
use crate::spec::check::BRIDGE;
use crate::spec::pod::{
    ExternalVolume, HostVolume, Network, PodSpec, PortMapping, RLimit, RLimitName, Seccomp, Secret,
};
use crate::spec::resources::{Volume, VolumeKind};

impl Comparer {
    pub(super) fn pod(&mut self, at: &At<'_>, old: Option<&PodSpec>, new: Option<&PodSpec>) {
        match (old, new) {
            (Some(old), Some(new)) => self.pod_inside(at, old, new),
            (Some(old), None) => {
                let verdict =
                    if old.allow_decommission { ChangeVerdict::Live } else { ChangeVerdict::Refused };
                self.put_as(Some(verdict), at, Some(members(old)), None);
            }
            _ => self.maybe(at, None, new, members),
        }
    }

    fn pod_inside(&mut self, at: &At<'_>, old: &PodSpec, new: &PodSpec) {
        let PodSpec {
            count,
            tasks,
            resource_sets: _, // `Self::sets` goes through them.
            placement,
            image,
            networks,
            rlimits,
            uris,
            volumes,
            host_volumes,
            external_volumes,
            secrets,
            pre_reserved_role,
            share_pid_namespace,
            allow_decommission,
            seccomp,
            ipc_mode,
            shm_size,
        } = old;
        if *count != new.count {
            let shrinks = new.count < *count && !new.allow_decommission;
            let verdict = if shrinks { ChangeVerdict::Refused } else { ChangeVerdict::Live };
            let (old, new) = (count.to_string(), new.count.to_string());
            self.put_as(Some(verdict), &at.key("count"), Some(old), Some(new));
        }
        self.maybe(&at.key("placement"), placement.as_ref(), new.placement.as_ref(), |rule| rule.to_file());
        self.maybe(&at.key("image"), image.as_ref(), new.image.as_ref(), Clone::clone);
        self.networks(&at.key("networks"), networks, &new.networks);
        self.rlimits(&at.key("rlimits"), rlimits, &new.rlimits);
        self.value(&at.key("uris"), uris, &new.uris, |uris| uris.join(", "));
        self.volumes(&at.key("volumes"), volumes, &new.volumes);
        let host = |volume: &HostVolume| volume.host_path.clone();
        self.named(&at.key("host-volumes"), host_volumes, &new.host_volumes, host, Self::host_volume);
        let driver = |volume: &ExternalVolume| volume.driver.clone();
        let external = at.key("external-volumes");
        self.named(&external, external_volumes, &new.external_volumes, driver, Self::external_volume);
        let path = |secret: &Secret| secret.secret.clone();
        self.named(&at.key("secrets"), secrets, &new.secrets, path, Self::secret);
        let role = at.key("pre-reserved-role");
        self.maybe(&role, pre_reserved_role.as_ref(), new.pre_reserved_role.as_ref(), Clone::clone);
        let flag = bool::to_string;
        self.value(&at.key("share-pid-namespace"), share_pid_namespace, &new.share_pid_namespace, flag);
        self.value(&at.key("allow-decommission"), allow_decommission, &new.allow_decommission, flag);
        self.seccomp(at, seccomp.as_ref(), new.seccomp.as_ref());
        self.maybe(&at.key("ipc-mode"), ipc_mode.as_ref(), new.ipc_mode.as_ref(), super::word);
        self.maybe(&at.key("shm-size"), shm_size.as_ref(), new.shm_size.as_ref(), ToString::to_string);
        self.sets(at, old, new);
        self.tasks(&at.key("tasks"), old, new);
        self.order(&at.key("tasks"), &names(tasks), &names(&new.tasks));
    }

    fn networks(&mut self, at: &At<'_>, old: &IndexMap<String, Network>, new: &IndexMap<String, Network>) {
        let before = self.found.len();
        self.named(at, old, new, super::json, |this, at, old, new| {
            let Network { ports, labels } = old;
            let both = |ports: &[PortMapping]| -> (Vec<u16>, Vec<u16>) {
                ports.iter().map(|PortMapping { host, container }| (*host, *container)).unzip()
            };
            let ((old_host, old_container), (new_host, new_container)) = (both(ports), both(&new.ports));
            this.value(&at.key("host-ports"), &old_host, &new_host, super::json);
            this.value(&at.key("container-ports"), &old_container, &new_container, super::json);
            this.value(&at.key("labels"), labels, &new.labels, |labels| pairs(labels, ':', ","));
        });
        // A pod without networks is on the node's network.
        let takes_ports = |networks: &IndexMap<_, _>| networks.is_empty() || networks.contains_key(BRIDGE);
        if takes_ports(old) != takes_ports(new) {
            let come_or_gone = self.found[before..].iter_mut().filter(|one| one.field == "pods.*.networks.*");
            for one in come_or_gone {
                one.refuse();
            }
        }
    }

    fn rlimits(
        &mut self,
        at: &At<'_>,
        old: &IndexMap<RLimitName, RLimit>,
        new: &IndexMap<RLimitName, RLimit>,
    ) {
        let by_text = |limits: &IndexMap<RLimitName, RLimit>| -> IndexMap<&'static str, RLimit> {
            limits.iter().map(|(name, limit)| (name.as_str(), *limit)).collect()
        };
        let parts = |limit: &RLimit| match limit {
            RLimit::Unlimited => ("-1".to_owned(), "-1".to_owned()),
            RLimit::Limited { soft, hard } => (soft.to_string(), hard.to_string()),
        };
        let shown = |limit: &RLimit| {
            let (soft, hard) = parts(limit);
            format!("{soft}, {hard}")
        };
        self.named(at, &by_text(old), &by_text(new), shown, |this, at, old, new| {
            let ((old_soft, old_hard), (new_soft, new_hard)) = (parts(old), parts(new));
            this.value(&at.key("soft"), &old_soft, &new_soft, Clone::clone);
            this.value(&at.key("hard"), &old_hard, &new_hard, Clone::clone);
        });
    }

    pub(super) fn volumes(&mut self, at: &At<'_>, old: &[Volume], new: &[Volume]) {
        fn by_path(volumes: &[Volume]) -> Vec<(&str, &Volume)> {
            volumes.iter().map(|volume| (volume.path.as_str(), volume)).collect()
        }
        self.listed(at, &by_path(old), &by_path(new), volume, |this, at, old, new| {
            // Volumes are compared by their paths.
            let Volume { path: _, kind, size } = old;
            let parts = |kind: &VolumeKind| match kind {
                VolumeKind::Root => ("ROOT", Vec::new()),
                VolumeKind::Mount(profiles) => ("MOUNT", profiles.clone()),
            };
            let ((old_type, old_profiles), (new_type, new_profiles)) = (parts(kind), parts(&new.kind));
            this.value(&at.key("type"), old_type, new_type, str::to_owned);
            this.value(&at.key("profiles"), &old_profiles, &new_profiles, |all| all.join(", "));
            this.value(&at.key("size"), size, &new.size, ToString::to_string);
        });
    }

    fn host_volume(&mut self, at: &At<'_>, old: &HostVolume, new: &HostVolume) {
        let HostVolume { host_path, container_path, mode } = old;
        self.value(&at.key("host-path"), host_path, &new.host_path, Clone::clone);
        self.value(&at.key("container-path"), container_path, &new.container_path, Clone::clone);
        self.value(&at.key("mode"), mode, &new.mode, super::word);
    }

    fn external_volume(&mut self, at: &At<'_>, old: &ExternalVolume, new: &ExternalVolume) {
        let ExternalVolume { container_path, driver, options, volume_name, mode } = old;
        self.value(&at.key("container-path"), container_path, &new.container_path, Clone::clone);
        self.value(&at.key("driver-name"), driver, &new.driver, Clone::clone);
        self.value(&at.key("driver-options"), options, &new.options, |options| pairs(options, '=', ";"));
        self.maybe(&at.key("volume-name"), volume_name.as_ref(), new.volume_name.as_ref(), Clone::clone);
        self.value(&at.key("volume-mode"), mode, &new.mode, super::word);
    }

    fn secret(&mut self, at: &At<'_>, old: &Secret, new: &Secret) {
        let Secret { secret, env_key, file } = old;
        self.value(&at.key("secret"), secret, &new.secret, Clone::clone);
        self.maybe(&at.key("env-key"), env_key.as_ref(), new.env_key.as_ref(), Clone::clone);
        self.maybe(&at.key("file"), file.as_ref(), new.file.as_ref(), Clone::clone);
    }

    /// Compares the seccomp choice, for which a file has two keys.
    fn seccomp(&mut self, at: &At<'_>, old: Option<&Seccomp>, new: Option<&Seccomp>) {
        let parts = |seccomp: Option<&Seccomp>| match seccomp {
            None => (false, None),
            Some(Seccomp::Unconfined) => (true, None),
            Some(Seccomp::Profile(profile)) => (false, Some(profile.clone())),
        };
        let ((old_none, old_profile), (new_none, new_profile)) = (parts(old), parts(new));
        self.value(&at.key("seccomp-unconfined"), &old_none, &new_none, bool::to_string);
        let profile = at.key("seccomp-profile-name");
        self.maybe(&profile, old_profile.as_ref(), new_profile.as_ref(), Clone::clone);
    }
}

/// A short text for a pod.
fn members(pod: &PodSpec) -> String {
    let tasks: Vec<&str> = pod.tasks.keys().map(AsRef::as_ref).collect();
    format!("{} of {}", pod.count, tasks.join(", "))
}

/// A short text for a volume.
fn volume(volume: &Volume) -> String {
    let kind = match volume.kind {
        VolumeKind::Root => "ROOT",
        VolumeKind::Mount(_) => "MOUNT",
    };
    format!("{kind}, {}", volume.size)
}

fn pairs(pairs: &[(String, String)], between: char, after: &str) -> String {
    pairs.iter().map(|(key, value)| format!("{key}{between}{value}")).collect::<Vec<_>>().join(after)
}
