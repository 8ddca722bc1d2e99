//! The rules of this machine for a specification, each with its page.
//!
//! Invariant: no two rules ever have the same code.

use plan_core::spec::Severity;
use plan_driver::backend::{BackendRule, RuleExample};

/// All of them, in order.
pub(super) static ALL: &[&BackendRule] = &[
    &USER,
    &IMAGE,
    &NETWORK,
    &RLIMIT,
    &URI,
    &MOUNT,
    &HOST_VOLUME,
    &EXTERNAL_VOLUME,
    &SECRET,
    &ROLE,
    &SECCOMP,
    &SHARED_MEMORY,
    &GPUS,
    &CPUS,
    &MEMORY,
    &COMMAND,
    &CONFIG,
    &CERTIFICATE,
];

pub(super) static USER: BackendRule = BackendRule {
    code: "L001",
    summary: "tasks run as the user that runs the scheduler",
    explanation: "Only root can start a process as another user, and this backend does nothing that needs \
     root. It ignores `scheduler.user`. Run the scheduler as the user that the tasks should have.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "scheduler: {user: nobody}\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Warning,
        path: "scheduler.user",
        message: "tasks run as the user that runs the scheduler, and not as `nobody`",
        help: None,
    },
};

pub(super) static IMAGE: BackendRule = BackendRule {
    code: "L002",
    summary: "a pod has no image",
    explanation: "Tasks are processes of this machine. A command would not find what its image contains, \
     or would find something else. So the pod is refused.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    image: nginx:1.29\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.image",
        message: "there are no containers here: the commands would run on this machine itself, and not in `nginx:1.29`",
        help: Some("leave the image out, and fetch what it holds with `uris`"),
    },
};

pub(super) static NETWORK: BackendRule = BackendRule {
    code: "L003",
    summary: "tasks are on this machine's network",
    explanation: "The backend makes no network. Tasks see what this machine sees, and their ports are the \
     machine's own. A mapping of a port to another number would not work, and is an error.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    networks: {dcos: {}}\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Warning,
        path: "pods.web.networks.dcos",
        message: "tasks are on this machine's own network",
        help: None,
    },
};

pub(super) static RLIMIT: BackendRule = BackendRule {
    code: "L004",
    summary: "a limit on processes is not above this machine's",
    explanation: "Only root can raise its limits. Lower the limit in the file, or raise that of the \
     scheduler (`ulimit -H`, `LimitNOFILE=` of a unit).",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    rlimits: {RLIMIT_NOFILE: {soft: 1024, hard: 1048576}}\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.rlimits.RLIMIT_NOFILE",
        message: "RLIMIT_NOFILE cannot be 1048576: this machine allows 4096 at most; lower it, or raise the machine's \
         limit",
        help: None,
    },
};

pub(super) static URI: BackendRule = BackendRule {
    code: "L005",
    summary: "a URI has a scheme and a form that this backend knows",
    explanation: "Files come from `http`, `https`, `file` or an absolute path, and archives are tar, \
     tar.gz, gz or zip. Only `sha256=` and the file's checksum can follow `#`.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    uris: ['hdfs://data/model.tgz']\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.uris[0]",
        message: "`hdfs://data/model.tgz`: `hdfs` cannot be fetched here; http, https and file can",
        help: None,
    },
};

pub(super) static MOUNT: BackendRule = BackendRule {
    code: "L006",
    summary: "a MOUNT volume is a folder like any other",
    explanation: "This machine cannot give a volume a disk of its own. The volume is a folder in the \
     scheduler's data folder, and all volumes share its disk. The size is counted and not enforced.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    tasks:\n",
            "      server:\n",
            "        goal: RUNNING\n",
            "        cmd: ./serve\n",
            "        cpus: 0.1\n",
            "        volume: {path: data, type: MOUNT, size: 100}\n",
        ),
        severity: Severity::Warning,
        path: "pods.web.tasks.server.volumes[0].type",
        message: "`data` is a folder on this machine's disk, shared with everything else there, and not a \
         disk of its own",
        help: None,
    },
};

pub(super) static HOST_VOLUME: BackendRule = BackendRule {
    code: "L007",
    summary: "a host volume can be written to, and is below the sandbox",
    explanation: "A host volume is a link in the task's sandbox. Through the link, the task's user can \
     write wherever it may write without the link. So a volume that is declared read-only would not be \
     read-only.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    host-volumes: {etc: {host-path: /etc, container-path: etc, mode: RO}}\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.host-volumes.etc.mode",
        message: "it is read-only, and a task could write there",
        help: Some("declare it `RW`, or leave it out here"),
    },
};

pub(super) static EXTERNAL_VOLUME: BackendRule = BackendRule {
    code: "L008",
    summary: "a pod has no external volumes",
    explanation: "The volume driver of a cluster makes external volumes, and there is none here.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    external-volumes: {data: {type: DOCKER, container-path: data, driver-name: pxd}}\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.external-volumes.data",
        message: "there are no volume drivers here",
        help: Some("use a volume of the pod, or a host volume"),
    },
};

pub(super) static SECRET: BackendRule = BackendRule {
    code: "L009",
    summary: "a pod has no secrets",
    explanation: "Secrets come from a cluster's secret store, and there is none here. Whoever can read the \
     file can read the values in its `env`.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    secrets: {password: {secret: hello/password}}\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.secrets.password",
        message: "there is no secret store here",
        help: Some("give the value in the task's `env`, or as a file by a host volume"),
    },
};

pub(super) static ROLE: BackendRule = BackendRule {
    code: "L010",
    summary: "nothing is reserved for roles",
    explanation: "Roles divide a Mesos cluster among its users. This machine is not divided, and \
     `pre-reserved-role` has no effect.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    pre-reserved-role: analytics\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Warning,
        path: "pods.web.pre-reserved-role",
        message: "there are no roles here: `analytics` has no effect",
        help: None,
    },
};

pub(super) static SECCOMP: BackendRule = BackendRule {
    code: "L011",
    summary: "a pod has no filter of system calls",
    explanation: "Container runtimes install filters of system calls. Without a filter, a task could do \
     what its profile forbids. So the pod is refused.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    seccomp-profile-name: strict.json\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.seccomp-profile-name",
        message: "system calls are not filtered here: `strict.json` would have no effect",
        help: None,
    },
};

pub(super) static SHARED_MEMORY: BackendRule = BackendRule {
    code: "L012",
    summary: "tasks share this machine's inter-process communication and shared memory",
    explanation: "`ipc-mode: PRIVATE` and `shm-size` isolate a task in a container. Here tasks see each \
     other's queues and shared memory, and `/dev/shm` has the size that the machine gives it.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    ipc-mode: PRIVATE\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}\n",
        ),
        severity: Severity::Warning,
        path: "pods.web.ipc-mode",
        message: "tasks share this machine's inter-process communication",
        help: None,
    },
};

pub(super) static GPUS: BackendRule = BackendRule {
    code: "L013",
    summary: "a task asks for no graphics processors",
    explanation: "The backend does not know which graphics processors the machine has, and could give the \
     same one to two tasks.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    tasks:\n",
            "      server:\n",
            "        goal: RUNNING\n",
            "        cmd: ./serve\n",
            "        cpus: 0.1\n",
            "        gpus: 1\n",
        ),
        severity: Severity::Error,
        path: "pods.web.tasks.server.gpus",
        message: "graphics processors are not given out here",
        help: None,
    },
};

pub(super) static CPUS: BackendRule = BackendRule {
    code: "L014",
    summary: "a limit on processors is not enforced",
    explanation: "Shares of processors are counted, so that a node is not given more than it has. No task \
     is limited to its share.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    tasks:\n",
            "      server:\n",
            "        goal: RUNNING\n",
            "        cmd: ./serve\n",
            "        cpus: 0.1\n",
            "        resource-limits: {cpus: 0.5}\n",
        ),
        severity: Severity::Warning,
        path: "pods.web.tasks.server.resource-limits.cpus",
        message: "processors are shared: a task may use more than its limit",
        help: None,
    },
};

pub(super) static MEMORY: BackendRule = BackendRule {
    code: "L015",
    summary: "memory is limited where this machine allows it",
    explanation: "A control group limits the memory of a task. The scheduler can make one as root, or \
     where its control group is delegated to it (`Delegate=yes` of a unit). Where it cannot, \
     `resource-limits.memory` is an error, since the limit would have no effect, and `memory` alone is a \
     warning.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    tasks:\n",
            "      server:\n",
            "        goal: RUNNING\n",
            "        cmd: ./serve\n",
            "        cpus: 0.1\n",
            "        resource-limits: {memory: 64}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.tasks.server.resource-limits.memory",
        message: "this machine lets the scheduler limit no memory (no control groups for memory are mounted)",
        help: Some("run the scheduler where it may make control groups, or leave the limit out"),
    },
};

pub(super) static COMMAND: BackendRule = BackendRule {
    code: "L016",
    summary: "the commands of tasks and checks exist",
    explanation: "A shell that does not find a command ends, and the task with it, again and again. An \
     error is only a command that certainly does not exist on the `PATH` of the task. A command is a \
     warning if the shell may go on without it, or if another task may bring it.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    tasks:\n",
            "      server: {goal: RUNNING, cmd: serve-hello --port 8080, cpus: 0.1}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.tasks.server.cmd",
        message: "there is no `serve-hello` on the PATH of the task (/usr/bin:/bin)",
        help: Some("install it, or fetch it with `uris` and name where it is then"),
    },
};

pub(super) static CONFIG: BackendRule = BackendRule {
    code: "L017",
    summary: "config files are below the sandbox",
    explanation: "A config template is rendered into the task's own folder. A path that leads out of the \
     folder, or begins with `/`, would be a file of this machine.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    tasks:\n",
            "      server:\n",
            "        goal: RUNNING\n",
            "        cmd: ./serve\n",
            "        cpus: 0.1\n",
            "        configs: {hello: {template: hello.conf, dest: /etc/hello.conf}}\n",
        ),
        severity: Severity::Error,
        path: "pods.web.tasks.server.configs.hello.dest",
        message: "the `dest` of the config `hello`, `/etc/hello.conf`, is an absolute path, and not one below the \
         sandbox",
        help: None,
    },
};

pub(super) static CERTIFICATE: BackendRule = BackendRule {
    code: "L018",
    summary: "a task asks for no certificates",
    explanation: "`transport-encryption` asks a cluster's certificate authority for a certificate, and there is none here.",
    example: RuleExample {
        file: concat!(
            "name: hello\n",
            "pods:\n",
            "  web:\n",
            "    count: 1\n",
            "    tasks:\n",
            "      server:\n",
            "        goal: RUNNING\n",
            "        cmd: ./serve\n",
            "        cpus: 0.1\n",
            "        transport-encryption: [{name: hello, type: TLS}]\n",
        ),
        severity: Severity::Error,
        path: "pods.web.tasks.server.transport-encryption",
        message: "no one makes certificates here",
        help: Some("leave it out, and give files by a host volume"),
    },
};
