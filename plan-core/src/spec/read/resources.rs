//! Resource sets, inline or named (SDK rules R15, R20 to R24).

use super::fields::{Field, Fields, Flag, Reader};
use crate::spec::diagnostic::{Code, Diagnostic, Path};
use crate::spec::keys::{self, DiskType};
use crate::spec::names::PortName;
use crate::spec::resources::{
    Limit, Port, PortChoice, PortRange, Ports, ResourceLimits, ResourceSet, Vip, Volume, VolumeKind,
    VolumePath,
};
use crate::spec::units::{Megabytes, Thousandths};

impl Reader<'_> {
    /// A named resource set.
    pub(super) fn resource_set(&mut self, path: &Path<'_>, field: Field<'_>) -> ResourceSet {
        match self.fields(*path, field, &keys::RESOURCE_SET) {
            Some(fields) => self.resources(&fields),
            None => ResourceSet::default(),
        }
    }

    /// The resources among the keys of a task or of a named set.
    pub(super) fn resources(&mut self, fields: &Fields<'_, '_>) -> ResourceSet {
        if fields.get("volume").is_some()
            && let Some(field) = fields.get("volumes")
        {
            let message = "both `volume` and `volumes` are given";
            let at = fields.path.key("volumes");
            self.error(
                Code::VolumeAndVolumes,
                &at,
                field.place,
                message,
                "put the one volume among the `volumes`",
            );
        }
        ResourceSet {
            cpus: self.share(fields, "cpus"),
            gpus: self.share(fields, "gpus"),
            memory: self.megabytes(fields, "memory"),
            ports: self.ports(fields),
            volumes: self.volumes(fields),
            limits: self.limits(fields).unwrap_or_default(),
        }
    }

    fn limits(&mut self, fields: &Fields<'_, '_>) -> Option<ResourceLimits> {
        let field = fields.get("resource-limits")?;
        let path = fields.path.key("resource-limits");
        let fields = self.fields(path, field, &keys::LIMITS)?;
        let bounds = fields.bounds("memory");
        let cpus = self.limit::<Thousandths>(&fields, "cpus", |reader, path, field, text| {
            reader.share_of(path, field, "cpus", text)
        });
        let memory = self.limit::<Megabytes>(&fields, "memory", |reader, path, field, _| {
            let number = reader.whole(path, field, bounds)?;
            u64::try_from(number).ok().and_then(Megabytes::new)
        });
        Some(ResourceLimits { cpus, memory })
    }

    fn limit<T>(
        &mut self,
        fields: &Fields<'_, '_>,
        key: &str,
        read: impl FnOnce(&mut Self, &Path<'_>, Field<'_>, &str) -> Option<T>,
    ) -> Option<Limit<T>> {
        let field = fields.get(key)?;
        let at = fields.path.key(key);
        match self.scalar(&at, field)?.trim() {
            "" => None,
            text if text.eq_ignore_ascii_case("unlimited") => Some(Limit::Unlimited),
            text => {
                if !text.bytes().any(|b| b.is_ascii_digit()) {
                    let message = format!("the limit `{text}` is neither a number nor `unlimited`");
                    let help = "write a number, or `unlimited`, or leave it out for the request itself";
                    self.error(Code::Quantity, &at, field.place, message, help);
                    return None;
                }
                read(self, &at, field, text).map(Limit::AtMost)
            }
        }
    }

    fn ports(&mut self, fields: &Fields<'_, '_>) -> Ports {
        let Some(field) = fields.get("ports") else { return Ports::default() };
        let path = fields.path.key("ports");
        let mut ports = Vec::new();
        for (key, field) in self.named(&path, field) {
            let at = path.key(&key.text);
            let Some(name) = self.name::<PortName>(&at, key.span, &key.text) else { continue };
            let port = self.port(&at, &name, field);
            // The stand-in is a dynamic port, so that the set does not count as empty.
            let any =
                Port { number: PortChoice::Dynamic(Vec::new()), env_key: None, advertise: false, vip: None };
            ports.push((name, port.unwrap_or(any)));
        }
        Ports(ports)
    }

    fn port(&mut self, path: &Path<'_>, name: &PortName, field: Field<'_>) -> Option<Port> {
        let fields = self.fields(*path, field, &keys::PORT_TABLE)?;
        self.required(&fields, "port", "give its number, or 0 for any free one");
        let number = self.number(&fields, "port");
        let number = u16::try_from(number.unwrap_or(0)).ok().and_then(crate::spec::PortNumber::new);
        let ranges = self.ranges(&fields);
        if number.is_some()
            && !ranges.is_empty()
            && let Some(field) = fields.get("ranges")
        {
            let help = "write `port: 0`, or leave out `ranges`";
            let message = "`ranges` are for a dynamic port, this one is fixed: they have no effect";
            let warning = Diagnostic::warning(Code::PortRange, path.key("ranges"), message);
            self.report(warning.span(field.place).help(help));
        }
        let vip = self.vip(&fields, name);
        if number.is_none()
            && !ranges.is_empty()
            && vip.is_some()
            && let Some(field) = fields.get("ranges")
        {
            let message = "the DC/OS SDK ignores the `ranges` of a port with a `vip`; here they count";
            let warning = Diagnostic::warning(Code::VipRanges, path.key("ranges"), message);
            self.report(warning.span(field.place).help("leave out `ranges` if any free port will do"));
        }
        Some(Port {
            number: number.map_or(PortChoice::Dynamic(ranges), PortChoice::Static),
            env_key: self.text(&fields, "env-key"),
            advertise: self.flag(&fields, "advertise", Flag::False),
            vip,
        })
    }

    fn ranges(&mut self, fields: &Fields<'_, '_>) -> Vec<PortRange> {
        let Some(field) = fields.get("ranges") else { return Vec::new() };
        let path = fields.path.key("ranges");
        let mut ranges = Vec::new();
        for (index, node) in self.list(&path, field).unwrap_or_default().iter().enumerate() {
            let at = path.index(index);
            let Some(fields) = self.fields(at, Field::entry(node), &keys::RANGE) else {
                continue;
            };
            let mut bound = |key| {
                let number = self.number(&fields, key);
                number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0)
            };
            let (begin, end) = (bound("begin"), bound("end"));
            // A missing or 0 end is the last port, 65535.
            ranges.push(PortRange { begin, end: if end == 0 { u16::MAX } else { end } });
        }
        ranges
    }

    fn vip(&mut self, fields: &Fields<'_, '_>, name: &PortName) -> Option<Vip> {
        let field = fields.get("vip")?;
        let path = fields.path.key("vip");
        let fields = self.fields(path, field, &keys::VIP)?;
        self.required(&fields, "port", "give the port of the virtual address, as `port: 80`")?;
        let port = self.port_number(&fields, "port")?;
        let prefix = self.text(&fields, "prefix").unwrap_or_else(|| name.to_string());
        Some(Vip { prefix, port })
    }

    /// The volumes in `volume` and `volumes`, in this order. The keys of `volumes` have no meaning.
    pub(super) fn volumes(&mut self, fields: &Fields<'_, '_>) -> Vec<Volume> {
        let mut volumes = Vec::new();
        if let Some(field) = fields.get("volume") {
            volumes.extend(self.volume(&fields.path.key("volume"), field));
        }
        if let Some(field) = fields.get("volumes") {
            let path = fields.path.key("volumes");
            for (key, field) in self.named(&path, field) {
                volumes.extend(self.volume(&path.key(&key.text), field));
            }
        }
        volumes
    }

    fn volume(&mut self, path: &Path<'_>, field: Field<'_>) -> Option<Volume> {
        let fields = self.fields(*path, field, &keys::VOLUME)?;
        let volume_path =
            self.required(&fields, "path", "say where the task sees the volume, as `path: data`");
        let volume_path = volume_path.and_then(|field| {
            let at = path.key("path");
            let text = self.scalar(&at, field)?;
            let read = VolumePath::new(text);
            if let Err(error) = &read {
                let help = "it is relative to the sandbox: write one name, as `data`";
                self.error(Code::VolumePath, &at, field.place, error.to_string(), help);
            }
            read.ok()
        });
        let kind = self.required(&fields, "type", "write `type: ROOT` or `type: MOUNT`");
        let kind =
            kind.and_then(|field| self.choice(&path.key("type"), field, "volume type", &keys::DISK_TYPES));
        if kind == Some(DiskType::Path)
            && let Some(field) = fields.get("type")
        {
            let message = "there are no PATH volumes: this is a MOUNT volume, as it always was";
            let warning = Diagnostic::warning(Code::PathVolume, path.key("type"), message).span(field.place);
            self.report(
                warning.help("write `type: MOUNT`, or `type: ROOT` for a folder on the node's own disk"),
            );
        }
        let profiles = self.profiles(&fields);
        if kind == Some(DiskType::Root) && !profiles.is_empty() {
            // Profiles of a `ROOT` volume are ignored, as in the SDK: a template may leave them behind.
            let place = fields.get("profiles").map_or(fields.place, |field| field.place);
            let message = "profiles are for MOUNT volumes, they have no effect on a ROOT volume";
            let warning = Diagnostic::warning(Code::Profiles, path.key("profiles"), message).span(place);
            self.report(warning.help("write `type: MOUNT`, or leave out `profiles`"));
        }
        let kind = match kind {
            Some(DiskType::Root) => Some(VolumeKind::Root),
            Some(DiskType::Mount | DiskType::Path) => Some(VolumeKind::Mount(profiles)),
            None => None,
        };
        self.required(&fields, "size", "give its size in MB, as `size: 5000`");
        let size = self.megabytes(&fields, "size");
        Some(Volume { path: volume_path?, kind: kind?, size: size? })
    }

    fn profiles(&mut self, fields: &Fields<'_, '_>) -> Vec<String> {
        self.texts(fields, "profiles")
    }
}
