//! The table of all fields. Invariant: every field of the types and every key of a file is in the table exactly once.
//! Tests check both, and the book prints the table.

use super::ChangeVerdict;
use ChangeVerdict::{Live, Refused, Resizes, Restarts};

/// What a change of one field does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeRule {
    /// The field, as `pods.*.tasks.*.cmd`: `*` stands for a name.
    pub field: &'static str,
    /// The verdicts that a change of the field may get, the usual one first.
    pub verdicts: &'static [ChangeVerdict],
    /// A note on the field; empty if the verdict says enough.
    pub note: &'static str,
    /// Why a change may be refused, and what to do instead.
    pub why: Option<&'static str>,
}

/// The rules of the fields at one place of a file.
#[derive(Debug, Clone, Copy)]
pub struct RuleGroup {
    /// The title of the group.
    pub title: &'static str,
    /// The path of the place: all fields of the group begin with it.
    pub prefix: &'static str,
    /// The rules of the group, in the order of a file.
    pub rules: &'static [ChangeRule],
}

/// All rules, in the order of a file.
pub fn rules() -> &'static [RuleGroup] {
    &GROUPS
}

/// The rule of a field.
pub(super) fn rule(field: &str) -> Option<&'static ChangeRule> {
    GROUPS.iter().flat_map(|group| group.rules).find(|rule| rule.field == field)
}

const fn live(field: &'static str, note: &'static str) -> ChangeRule {
    ChangeRule { field, verdicts: &[Live], note, why: None }
}

const fn restarts(field: &'static str, note: &'static str) -> ChangeRule {
    ChangeRule { field, verdicts: &[Restarts], note, why: None }
}

const fn resizes(field: &'static str, note: &'static str) -> ChangeRule {
    ChangeRule { field, verdicts: &[Resizes], note, why: None }
}

/// A rule of a field whose change may be refused.
const fn refused(
    field: &'static str,
    verdicts: &'static [ChangeVerdict],
    note: &'static str,
    why: &'static str,
) -> ChangeRule {
    ChangeRule { field, verdicts, note, why: Some(why) }
}

static GROUPS: [RuleGroup; 6] = [
    RuleGroup { title: "The service", prefix: "", rules: SERVICE },
    RuleGroup { title: "A pod", prefix: "pods.*", rules: POD },
    RuleGroup { title: "A task", prefix: "pods.*.tasks.*", rules: TASK },
    RuleGroup { title: "Resources of a task", prefix: "pods.*.tasks.*", rules: TASK_RESOURCES },
    RuleGroup { title: "A resource set", prefix: "pods.*.resource-sets.*", rules: SET_RESOURCES },
    RuleGroup { title: "A plan", prefix: "plans.*", rules: PLAN },
];

static SERVICE: &[ChangeRule] = &[
    refused(
        "name",
        &[Refused],
        "",
        "the name is a part of the service's role, of its records and of the names of its tasks: another name \
         is another service; deploy that one beside this one, and then uninstall this one",
    ),
    live("web-url", ""),
    refused(
        "scheduler.principal",
        &[Refused, Live],
        "live if it only spells out the default",
        "what is reserved for the service carries its principal, and a scheduler does not register again under \
         another; keep it, or deploy the service anew under another name",
    ),
    refused(
        "scheduler.zookeeper",
        &[Live, Refused],
        "refused if it leaves no host of the old list, or another path; taken up at the scheduler's next start",
        "the service's records are in this ensemble, and a scheduler that looks into another finds none and \
         deploys everything anew; keep at least one host of the old list, and exchange the others",
    ),
    refused(
        "scheduler.user",
        &[Live, Refused],
        "refused unless it only spells out the default",
        "the files in the volumes belong to the user that the tasks ran as, and another could not read them; \
         keep it, or deploy the service anew under another name",
    ),
    live("replacement-failure-policy.permanent-failure-timeout-secs", ""),
    live("replacement-failure-policy.min-replace-delay-secs", ""),
    live("pods", "their order alone"),
    refused(
        "pods.*",
        &[Live, Refused],
        "a new pod is launched, one that is gone is decommissioned; that is refused unless it had \
         `allow-decommission: true`",
        "the pod would be decommissioned with its volumes, and does not have `allow-decommission: true`; deploy \
         it with that key first, and take it out then",
    ),
    live("plans", "their order alone"),
    live("plans.*", "a plan that is new or gone"),
];

static POD: &[ChangeRule] = &[
    refused(
        "pods.*.count",
        &[Live, Refused],
        "more are launched, fewer decommissioned; that is refused without `allow-decommission: true` in the \
         new file",
        "instances would be decommissioned with their volumes, and the pod does not have `allow-decommission: \
         true`; add the key in the same file",
    ),
    live("pods.*.tasks", "their order alone"),
    live("pods.*.tasks.*", "a new task is launched, one that is gone is ended; those beside it go on"),
    live("pods.*.resource-sets.*", "a new set is reserved when a task of it is launched"),
    live("pods.*.placement", "judged when an instance gets a place; none is moved for it"),
    restarts("pods.*.image", ""),
    refused(
        "pods.*.networks.*",
        &[Restarts, Refused],
        "refused where it changes whether the pod takes ports of its nodes",
        "with the one network the pod takes ports of its nodes, with the other it does not, so that what is \
         reserved for it and where it is found are not the same; deploy a pod with the other network beside \
         this one, and then take this one out",
    ),
    restarts("pods.*.networks.*.host-ports", ""),
    restarts("pods.*.networks.*.container-ports", ""),
    restarts("pods.*.networks.*.labels", ""),
    restarts("pods.*.rlimits.*", ""),
    restarts("pods.*.rlimits.*.soft", ""),
    restarts("pods.*.rlimits.*.hard", ""),
    restarts("pods.*.uris", ""),
    restarts("pods.*.volumes", "their order alone"),
    refused("pods.*.volumes.*", &[Refused], "each is known by its path", VOLUME),
    refused("pods.*.volumes.*.type", &[Refused], "", VOLUME),
    refused("pods.*.volumes.*.profiles", &[Refused], "", VOLUME),
    refused("pods.*.volumes.*.size", &[Refused], "", VOLUME),
    restarts("pods.*.host-volumes.*", ""),
    restarts("pods.*.host-volumes.*.host-path", "what is in the old folder stays there"),
    restarts("pods.*.host-volumes.*.container-path", ""),
    restarts("pods.*.host-volumes.*.mode", ""),
    restarts("pods.*.external-volumes.*", "the driver keeps what is in it"),
    restarts("pods.*.external-volumes.*.container-path", ""),
    restarts("pods.*.external-volumes.*.driver-name", "the old driver keeps what is in the volume"),
    restarts("pods.*.external-volumes.*.driver-options", ""),
    restarts("pods.*.external-volumes.*.volume-name", "the driver keeps the old volume, too"),
    restarts("pods.*.external-volumes.*.volume-mode", ""),
    restarts("pods.*.secrets.*", ""),
    restarts("pods.*.secrets.*.secret", "its path; what the secret store has there is not seen"),
    restarts("pods.*.secrets.*.env-key", ""),
    restarts("pods.*.secrets.*.file", ""),
    refused(
        "pods.*.pre-reserved-role",
        &[Refused],
        "",
        "what the instances hold was taken from the share of this role, and cannot be moved to another's; \
         deploy a pod with the other role beside this one, and then take this one out",
    ),
    restarts("pods.*.share-pid-namespace", ""),
    live("pods.*.allow-decommission", ""),
    restarts("pods.*.seccomp-unconfined", ""),
    restarts("pods.*.seccomp-profile-name", ""),
    restarts("pods.*.ipc-mode", ""),
    restarts("pods.*.shm-size", ""),
];

const VOLUME: &str = "a volume stays on its node with what is in it: it is not resized, added or taken away under \
                      instances that are deployed; deploy a pod with other volumes beside this one, move the \
                      data, and then take this one out";

static TASK: &[ChangeRule] = &[
    restarts("pods.*.tasks.*.goal", "the task is launched as what it is now"),
    restarts("pods.*.tasks.*.essential", ""),
    restarts("pods.*.tasks.*.cmd", ""),
    restarts("pods.*.tasks.*.env.*", "values of `TASKCFG_…` variables too"),
    restarts("pods.*.tasks.*.configs.*", ""),
    restarts("pods.*.tasks.*.configs.*.template", ""),
    restarts("pods.*.tasks.*.configs.*.dest", ""),
    restarts("pods.*.tasks.*.configs.*.render", ""),
    restarts("pods.*.tasks.*.configs.*.text", "what is in the template's file"),
    refused(
        "pods.*.tasks.*.resource-set",
        &[Restarts, Refused],
        "refused if the old set has volumes",
        "the volumes of the old resource set would be left behind; keep the set, or deploy a pod with the other \
         set beside this one, move the data, and then take this one out",
    ),
    restarts("pods.*.tasks.*.health-check", ""),
    restarts("pods.*.tasks.*.health-check.cmd", ""),
    restarts("pods.*.tasks.*.health-check.interval", ""),
    restarts("pods.*.tasks.*.health-check.grace-period", ""),
    restarts("pods.*.tasks.*.health-check.max-consecutive-failures", ""),
    restarts("pods.*.tasks.*.health-check.delay", ""),
    restarts("pods.*.tasks.*.health-check.timeout", ""),
    restarts("pods.*.tasks.*.readiness-check", ""),
    restarts("pods.*.tasks.*.readiness-check.cmd", ""),
    restarts("pods.*.tasks.*.readiness-check.interval", ""),
    restarts("pods.*.tasks.*.readiness-check.delay", ""),
    restarts("pods.*.tasks.*.readiness-check.timeout", ""),
    restarts("pods.*.tasks.*.discovery", ""),
    restarts("pods.*.tasks.*.discovery.prefix", ""),
    restarts("pods.*.tasks.*.discovery.visibility", ""),
    restarts("pods.*.tasks.*.labels.*", ""),
    restarts("pods.*.tasks.*.kill-grace-period", "it holds for launches from then on"),
    restarts("pods.*.tasks.*.kill-signal", "it holds for launches from then on"),
    restarts("pods.*.tasks.*.transport-encryption", ""),
    restarts("pods.*.tasks.*.ipc-mode", ""),
    restarts("pods.*.tasks.*.shm-size", ""),
];

/// The rules of resources, which a file has inside a task or in a named resource set.
macro_rules! resources {
    ($at:literal) => {
        &[
            resizes(concat!($at, ".cpus"), ""),
            resizes(concat!($at, ".gpus"), ""),
            resizes(concat!($at, ".memory"), ""),
            restarts(concat!($at, ".ports"), "their order alone"),
            resizes(concat!($at, ".ports.*"), ""),
            resizes(concat!($at, ".ports.*.port"), ""),
            resizes(concat!($at, ".ports.*.ranges"), ""),
            restarts(concat!($at, ".ports.*.env-key"), ""),
            restarts(concat!($at, ".ports.*.advertise"), ""),
            restarts(concat!($at, ".ports.*.vip"), ""),
            restarts(concat!($at, ".ports.*.vip.port"), ""),
            restarts(concat!($at, ".ports.*.vip.prefix"), ""),
            restarts(concat!($at, ".volumes"), "their order alone"),
            refused(concat!($at, ".volumes.*"), &[Refused], "each is known by its path", VOLUME),
            refused(concat!($at, ".volumes.*.type"), &[Refused], "", VOLUME),
            refused(concat!($at, ".volumes.*.profiles"), &[Refused], "", VOLUME),
            refused(concat!($at, ".volumes.*.size"), &[Refused], "", VOLUME),
            restarts(concat!($at, ".resource-limits.cpus"), ""),
            restarts(concat!($at, ".resource-limits.memory"), ""),
        ]
    };
}

static TASK_RESOURCES: &[ChangeRule] = resources!("pods.*.tasks.*");

static SET_RESOURCES: &[ChangeRule] = resources!("pods.*.resource-sets.*");

static PLAN: &[ChangeRule] = &[
    live("plans.*.strategy", ""),
    live("plans.*.on-change", ""),
    live("plans.*.max-unavailable", "it holds for acts from then on"),
    live("plans.*.phases", "their order alone"),
    live("plans.*.phases.*", ""),
    live("plans.*.phases.*.strategy", ""),
    live("plans.*.phases.*.pod", ""),
    live("plans.*.phases.*.steps", ""),
    live("plans.*.phases.*.depends-on", ""),
    live("plans.*.phases.*.max-unavailable", "it holds for acts from then on"),
    live(
        "plans.*.phases.*.gates.before",
        "it is asked for acts from then on; that of a named step is a part of `steps`",
    ),
    live("plans.*.phases.*.gates.before.cmd", ""),
    live("plans.*.phases.*.gates.before.task", ""),
    live("plans.*.phases.*.gates.before.timeout", ""),
    live("plans.*.phases.*.gates.before.max-age", ""),
];
