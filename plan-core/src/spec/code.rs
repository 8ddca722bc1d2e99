//! The codes of diagnostics. Invariant: a code, once given, is not given to another rule; its text is what
//! people search for.

use std::fmt;
use std::str::FromStr;

macro_rules! codes {
    ($($variant:ident = $text:literal, $summary:literal;)*) => {
        /// The rule that a diagnostic is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $summary] $variant),* }

        impl Code {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its text, as `P005`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The code of a text, as `P005`; case does not count.
            fn of(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
            }

            /// The rule in one line.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary),* }
            }
        }
    };
}

codes! {
    // The text.
    Yaml = "P001", "the text is YAML";
    Limits = "P002", "the text, as written and as rendered, is within the limits of size, depth and aliases";
    Empty = "P003", "the text is not empty";
    DuplicateKey = "P004", "a key is given once";
    UnknownKey = "P005", "every key is known";
    MissingKey = "P006", "what is required is there";
    WrongType = "P007", "a value is of the type that its key takes";
    Value = "P008", "a value is one of those that its key takes";
    Name = "P009", "a name holds no character that means something else";
    Quantity = "P010", "a quantity is a number within its bounds";
    // The template.
    MissingVariable = "P020", "every variable has a value";
    Tag = "P021", "a template tag is closed and of a known kind";
    Section = "P022", "template sections open and close in pairs";
    Routed = "P024", "a `TASKCFG_…` variable fits one pod";
    // The service.
    NoPods = "P030", "a service has a pod";
    NoDeploy = "P031", "among the plans is one called `deploy`";
    WebUrl = "P032", "the web page's address is a URL";
    DuplicateName = "P033", "a pod or plan is added once";
    // Pods.
    NoTasks = "P040", "a pod has a task";
    Image = "P041", "an image has a name";
    Seccomp = "P042", "a pod has a seccomp profile or none at all, not both";
    SharedMemory = "P043", "inter-process communication and shared memory fit together";
    PortMapping = "P044", "only networks that map ports are given a mapping";
    UnknownNetwork = "P045", "a network is one of those that are known";
    RLimit = "P046", "a limit on processes is one that Linux knows, soft not above hard";
    HostVolume = "P047", "a host volume leads from an absolute path to a relative one";
    ExternalVolume = "P048", "an external volume has a driver and options that it takes";
    Secret = "P049", "a secret has a path, and its file is a relative one";
    Placement = "P050", "a placement constraint can be read";
    Uri = "P051", "what is fetched is a URI";
    Count = "P052", "a pod has a bearable number of instances";
    // Resources.
    NoResources = "P060", "a resource set holds something besides volumes";
    LimitBelowRequest = "P061", "a resource limit is not below the request";
    DuplicatePort = "P062", "the fixed ports of a resource set differ";
    VipPrefix = "P063", "a VIP is not called as another port";
    DuplicateAdvertised = "P064", "advertised ports differ in name across the service";
    PortRange = "P065", "a port range goes upwards and is for a dynamic port";
    VolumePath = "P066", "the volumes of a set have paths of their own";
    UnknownResourceSet = "P067", "a task's resource set is one of its pod";
    IgnoredResources = "P068", "a task has a resource set or resources of its own";
    VolumeAndVolumes = "P069", "`volume` or `volumes`, not both";
    Profiles = "P070", "disk profiles are names, each given once, of a MOUNT volume";
    // Tasks.
    Goal = "P071", "a goal is RUNNING, FINISH or ONCE";
    Labels = "P072", "labels are `key:value` pairs";
    KillGracePeriod = "P073", "a task is given at most an hour to end";
    Check = "P074", "a check has a command and can fail";
    Config = "P075", "the config files of a task have names and places of their own";
    ConfigFile = "P076", "a config template is there and not empty";
    DiscoveryPrefix = "P077", "two pods do not share a discovery prefix";
    Encryption = "P078", "a certificate has a name";
    // Plans.
    UnknownPod = "P080", "a phase is over a pod of the service";
    UnknownTask = "P081", "a step launches tasks of its pod";
    Step = "P082", "a step entry has one key, an instance or `default`";
    DuplicateInstance = "P083", "an instance has one entry";
    MissingInstance = "P084", "every instance has an entry, or there is a `default`";
    IgnoredEntry = "P085", "a step entry is for an instance that is there";
    SharedResourceSet = "P086", "the tasks of one step have resource sets of their own";
    SharedPrefix = "P087", "the tasks of one step have discovery prefixes of their own";
    DependsOnStrategy = "P088", "`depends-on` and named steps come with `strategy: dependency`";
    UnknownDependency = "P089", "`depends-on` names what is there";
    Cycle = "P090", "nothing depends on itself";
    InstanceOutOfRange = "P091", "a named step is for an instance that is there";
    EmptyStep = "P092", "a step launches each of its tasks once, and at least one";
    DuplicateStep = "P093", "the steps of a phase have names of their own";
    // Where the DC/OS SDK reads a file in another way.
    PathVolume = "P100", "a volume is of type ROOT or MOUNT";
    VipRanges = "P101", "a port has a `vip` or `ranges`";
    CountedPrefix = "P102", "where a placement rule counts a pod, no other pod's name begins with its name and `-`";
}

/// The text is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no code `{0}`; codes are written as `P005`")]
pub struct UnknownCode(pub String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::of(text.trim()).ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

/// A file that breaks a rule, for the rule's page: read strictly, with `values` for its variables and
/// `templates` beside it, it has exactly one problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The file's text.
    pub file: &'static str,
    /// The values of its variables.
    pub values: &'static [(&'static str, &'static str)],
    /// The config templates beside it, by name.
    pub templates: &'static [(&'static str, &'static str)],
    /// The message of its problem.
    pub message: &'static str,
}

impl Code {
    /// What the rule is for, and what to do about it: a paragraph.
    pub fn explanation(self) -> &'static str {
        self.summary()
    }

    /// A file that breaks the rule.
    pub fn example(self) -> Example {
        Example { file: "", values: &[], templates: &[], message: "the file is empty" }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_are_in_order() {
        let texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
        assert!(Code::ALL.iter().all(|code| !code.summary().is_empty() && !code.summary().ends_with('.')));
    }
}
