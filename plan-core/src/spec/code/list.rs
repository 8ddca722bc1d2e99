//! All codes, each with its rule, the reason of the rule, and a file that breaks it. Invariant: each example has
//! exactly one problem, that of its code. `tests/spec_codes.rs` reads all examples.

use super::machinery::codes;

codes! {
    // The text.
    Yaml = "P001", "the text is YAML",
        "The text cannot be parsed, so no other rule is checked. The most frequent causes are the \
         indentation (spaces, never tabs), a quote that is not closed, and a text with `: `, ` #`, `{` or \
         `[` that needs quotes around it. A file is UTF-8, and holds one service.",
        [
            "name: 'hello",
            "pods: {}",
        ],
        [], [],
        "not valid YAML: unclosed quote";
    Limits = "P002", "the text, as written and as rendered, is within the limits of size, depth and aliases",
        "A file may have 10 MB, and 64 MB once it is rendered. Mappings may be nested 32 deep. Aliases may \
         not stand for other aliases many times over. No service needs more. A larger file is a mistake or \
         an attack, and is refused before it costs memory or time.",
        [
            "name: hello",
            "pods: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        ],
        [], [],
        "the file is nested more than 32 deep";
    Empty = "P003", "the text is not empty",
        "The file holds only blanks and comments. If it has template sections, all of them may be off: look \
         at what `render` shows.",
        [
            "# to be written",
        ],
        [], [],
        "the file is empty";
    DuplicateKey = "P004", "a key is given once",
        "If a key is given twice, most readers of YAML keep the last one and say nothing. Here it is an \
         error, since one of the two would have no effect. Remove one of them, or rename it.",
        [
            "name: hello",
            "name: world",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "duplicate key `name`";
    UnknownKey = "P005", "every key is known",
        "A key that is not known is most often misspelled. In a pod it is only a warning: the DC/OS SDK \
         ignores keys of a pod that it does not know, and files that are in use rely on that. Anywhere else \
         it is an error.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    imagee: ubuntu",
        ],
        [], [],
        "unknown key `imagee`, it has no effect";
    MissingKey = "P006", "what is required is there",
        "The key must be given, and may not be null. The JSON Schema of the file says which keys each place \
         requires.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    allow-decommission: true",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "missing required `count`";
    WrongType = "P007", "a value is of the type that its key takes",
        "A single value, a list and a mapping cannot stand for each other. A text that begins with `[` or \
         `{` is taken for a list or a mapping unless it is in quotes; a list of one entry still needs its \
         brackets or its dash.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    uris: http://example.com/a.tgz",
        ],
        [], [],
        "expected a list, found a single value";
    Value = "P008", "a value is one of those that its key takes",
        "The key takes one of a few words, and this is none of them. Upper and lower case count, except in \
         goals and in `true` and `false`.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    ipc-mode: shared",
        ],
        [], [],
        "unsupported ipc-mode `shared`, expected one of: PRIVATE, SHARE_PARENT";
    Name = "P009", "a name holds no character that means something else",
        "Names are put together (`web-0-server`) and become parts of paths, stores and DNS names. So a name \
         is not empty, and has at most 253 bytes. Names of services, pods and tasks have no `__`. Names of \
         pods, tasks and plans have no `/`. A service's name has at most 63 characters, not counting its \
         slashes.",
        [
            "name: hello__world",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "a service name cannot contain \"__\"";
    Quantity = "P010", "a quantity is a number within its bounds",
        "Counts, ports, seconds and megabytes are whole numbers. Shares of processors have up to three \
         decimals. Each quantity has bounds. `1e3`, `0x10` and `.inf` are not accepted: write the digits.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0, memory: 32}",
        ],
        [], [],
        "cpus: `0` must be greater than zero";
    EmptyNumber = "P011", "no variable leaves a number empty",
        "A key without a value counts as left out. A number that is missing because its variable is empty is \
         seldom meant. If it is meant, put the key into a section (`{{#MEMORY}}…{{/MEMORY}}`).",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: {{MEMORY}}}",
        ],
        [("MEMORY", "")], [],
        "the variable `MEMORY` is empty, so that `memory` counts as left out";
    LeadingZero = "P012", "a number does not begin with a zero",
        "YAML 1.1, which the DC/OS SDK reads, takes a number that begins with a zero for an octal number. \
         Here it is a decimal number. It is a warning, since the two numbers can differ.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 010",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "`010` begins with a zero: it is read as 10, and YAML 1.1 reads it as 8";
    // The template.
    MissingVariable = "P020", "every variable has a value",
        "The template names a variable that has no value. A lenient reading takes it as empty. A strict \
         reading makes it an error, since an empty value is seldom meant. Variables inside a section that is \
         off need no value.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: {{WEB_COUNT}}",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "the variable `WEB_COUNT` has no value";
    Tag = "P021", "a template tag is closed and of a known kind",
        "Tags are variables (`{{X}}`, `{{{X}}}`, `{{&X}}`), sections (`{{#X}}…{{/X}}`, `{{^X}}…{{/X}}`), \
         comments (`{{! … }}`) and other delimiters (`{{=<% %>=}}`). There are no partials. A tag ends on \
         the line where it begins, except for comments. Put a space between braces that are not a tag, or \
         choose other delimiters before them.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: {{WEB_COUNT",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "the tag is not closed on its line with `}}`";
    Section = "P022", "template sections open and close in pairs",
        "A section begins with `{{#X}}` or `{{^X}}` and ends with the `{{/X}}` of the same name. A section \
         that begins inside another one ends inside it.",
        [
            "name: hello",
            "{{#WITH_USER}}",
            "scheduler: {user: nobody}",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "the section `WITH_USER` is not closed";
    Routed = "P024", "a `TASKCFG_…` variable fits one pod",
        "`TASKCFG_DATA_HOT_SIZE` could give `HOT_SIZE` to the pod `data`, or `SIZE` to the pod `data-hot`. \
         The DC/OS SDK does both. Here the pod with the longest name gets it, and the other pod gets \
         nothing. In the same way, a pod `all-in` gets `TASKCFG_ALL_IN_X`, which would otherwise go to all \
         pods. It is a warning, because the environment of the tasks differs from the SDK's.",
        [
            "name: hello",
            "pods:",
            "  data: {count: 1, tasks: {node: {goal: RUNNING, cmd: ./serve, memory: 32}}}",
            "  data-hot: {count: 1, tasks: {node: {goal: RUNNING, cmd: ./serve, memory: 32}}}",
        ],
        [("TASKCFG_DATA_HOT_SIZE", "5")], [],
        "`TASKCFG_DATA_HOT_SIZE` reaches the pod `data-hot` as `SIZE`, and not a pod whose prefix is `TASKCFG_DATA_`";
    Altered = "P025", "YAML reads a variable's value as it is written",
        "A value is filled in before the YAML is read. So a `\\` in a value is an escape where its tag stands \
         between double quotes, a quote ends the text, and a `#` outside of quotes begins a comment: the \
         task would find another value than the one that was given. Put the tag between quotes that the \
         value does not have, or give the value as `TASKCFG_ALL_<NAME>`, which reaches tasks as it is, or \
         put it in a config file, which is no YAML.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32, env: {SECRET: \"{{PASSWORD}}\"}}",
        ],
        [("PASSWORD", "a\\b")], [],
        "YAML does not read the value of `PASSWORD` as it is written: `\\` begins an escape between double quotes";
    // The service.
    NoPods = "P030", "a service has a pod",
        "A service without pods has nothing to deploy.",
        [
            "name: hello",
            "pods: {}",
        ],
        [], [],
        "the service has no pod";
    NoDeploy = "P031", "among the plans is one called `deploy`",
        "The plan `deploy` brings a service up, and runs when its configuration changes. If a file has \
         plans, `deploy` is one of them. If it has none, a `deploy` is generated that deploys one pod after \
         another.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  update:",
            "    phases: {web: {pod: web}}",
        ],
        [], [],
        "there are plans, but no `deploy` plan among them";
    WebUrl = "P032", "the web page's address is a URL",
        "The orchestrator's own UI links to the address, so it is a URL: it has no blanks, quotes or braces.",
        [
            "name: hello",
            "web-url: the web page",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "`the web page` is not a URL";
    DuplicateName = "P033", "a pod, a plan or a resource set is there once",
        "A task with resources of its own gets a set called `<task>-resource-set`, so no other set of its \
         pod has that name. In code, a builder refuses a second pod or plan of the same name.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    resource-sets: {server-resource-set: {cpus: 1}}",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1}",
        ],
        [], [],
        "the task's own resources would be called `server-resource-set`, as a declared resource set is";
    // Pods.
    NoTasks = "P040", "a pod has a task",
        "A pod is launched by launching its tasks. Without a task there is nothing to launch.",
        [
            "name: hello",
            "pods:",
            "  web: {count: 1, tasks: {}}",
        ],
        [], [],
        "the pod has no task";
    Image = "P041", "an image has a name",
        "An empty `image` is most often a variable without a value. Leave the key out, in a template \
         section if need be, to run without an image.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    image: ''",
        ],
        [], [],
        "the image has no name";
    Seccomp = "P042", "a pod has a seccomp profile or none at all, not both",
        "`seccomp-unconfined: true` turns the filter of system calls off. `seccomp-profile-name` names a \
         filter. The two exclude each other.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    seccomp-unconfined: true",
            "    seccomp-profile-name: default",
        ],
        [], [],
        "seccomp-unconfined and seccomp-profile-name cannot be given at the same time";
    SharedMemory = "P043", "inter-process communication and shared memory fit together",
        "With `SHARE_PARENT` a task shares the inter-process communication of its pod, including shared \
         memory, so the task has no `shm-size` of its own. A pod has no parent, so it cannot share with one.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    ipc-mode: SHARE_PARENT",
        ],
        [], [],
        "a pod's ipc-mode cannot be SHARE_PARENT";
    PortMapping = "P044", "only networks that map ports are given a mapping",
        "On `mesos-bridge`, `host-ports` and `container-ports` are two lists of the same length, and the \
         entries at one position belong together. On any other network no port is mapped: tasks use \
         addresses of their own, or the node's.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    networks: {dcos: {host-ports: [8080], container-ports: [80]}}",
        ],
        [], [],
        "the network `dcos` does not support port mapping from container to host";
    UnknownNetwork = "P045", "a network is one of those that are known",
        "The networks that every cluster of the SDK has are `dcos` and `mesos-bridge`. Another name is a \
         warning: the cluster may have the network, but it may be misspelled too.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    networks: {dcs: {}}",
        ],
        [], [],
        "the network `dcs` is not one of those that are known";
    RLimit = "P046", "a limit on processes is one that Linux knows, soft not above hard",
        "Limits have the names that setrlimit(2) gives them. `soft` and `hard` are given together or not at \
         all. The value -1 means no limit; if one of the two is -1, both are.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    rlimits: {RLIMIT_NOFILE: {soft: 2048, hard: 1024}}",
        ],
        [], [],
        "the soft limit 2048 of RLIMIT_NOFILE is above the hard one, 1024";
    HostVolume = "P047", "a host volume leads from an absolute path to a relative one",
        "`host-path` is a folder of the node, and begins with `/`. `container-path` is below the task's \
         sandbox, and does not begin with `/`.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    host-volumes: {etc: {host-path: etc, container-path: etc}}",
        ],
        [], [],
        "the host path `etc` is not absolute";
    ExternalVolume = "P048", "an external volume has a driver and options that it takes",
        "Options are written `key=value;key=value`, each key once. The name of the volume is not an option: \
         it is `volume-name`, or is made from the service, the pod and the index.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    external-volumes: {data: {type: DOCKER, container-path: data, driver-name: pxd, driver-options: 'name=x'}}",
        ],
        [], [],
        "the option `name` cannot be given to a volume driver";
    Secret = "P049", "a secret has a path, and its file is a relative one",
        "`secret` is the path in the secret store. `file` is a path below the sandbox: names of letters, \
         digits, `_`, `-` and `.`, with single slashes between them.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    secrets: {password: {secret: hello/password, file: /etc/password}}",
        ],
        [], [],
        "`/etc/password` is not a relative path for a secret's file";
    Placement = "P050", "a placement constraint can be read",
        "A constraint is `field:OPERATOR:value`, and several have commas between them. It can also be \
         written as JSON, `[[\"field\", \"OPERATOR\", \"value\"]]`. Fields are `hostname`, `@region`, \
         `@zone` and the attributes of nodes. Operators are UNIQUE, MAX_PER, GROUP_BY, CLUSTER, IS, IS_NOT, \
         LIKE and UNLIKE.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    placement: 'hostname:UNIQU'",
        ],
        [], [],
        "`UNIQU` is not an operator: did you mean `UNIQUE`?";
    Uri = "P051", "what is fetched is a URI",
        "A URI has no blanks, quotes or braces; write a blank as `%20`. The most frequent cause is a \
         variable with a wrong value.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "    uris: ['http://example.com/a b.tgz']",
        ],
        [], [],
        "`http://example.com/a b.tgz` is not a URI";
    Count = "P052", "a pod has a bearable number of instances",
        "Two million instances are more than any cluster holds. A count above it is a slip of the keyboard.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 4000000000",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "4000000000 instances are more than 2000000, the most that a pod can have";
    Nul = "P053", "what a process is given holds no NUL character",
        "The system hands commands and variables to a process as texts that end with a NUL character. So no \
         such text can have one inside.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        env: {SEPARATOR: \"\\0\"}",
        ],
        [], [],
        "the variable `SEPARATOR` holds a NUL character, which no process can be given";
    ConfigVariable = "P054", "what a config template asks for is given to its task",
        "A config template is filled in with the environment of its task when the task is launched. \
         Variables come from `env`, `TASKCFG_…`, ports, secrets and planwright itself. If none of these \
         gives the variable, the launch is refused. It is a warning, since a side plan can give the variable \
         as a parameter.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        configs: {app: {template: app.mustache, dest: app.conf}}",
        ],
        [], [("app.mustache", "# rules\nlimit={{LIMIT}}\n")],
        "app.mustache:2: nothing gives the variable `LIMIT` to the task";
    ShellName = "P055", "the name of an environment variable is one that a shell knows",
        "A shell runs the command of a task. A shell does not hand on a variable whose name begins with a \
         digit, or has characters other than letters, digits and `_`, so the program would not find it. It \
         is a warning.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32, env: {node.name: a}}",
        ],
        [], [],
        "a shell does not hand the variable `node.name` on to the programs that it starts";
    // Resources.
    NoResources = "P060", "a resource set holds something besides volumes",
        "An orchestrator gives a task a share of a node. So the task, or the set that it names, has at least \
         one of `cpus`, `gpus`, `memory` and `ports`.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve}",
        ],
        [], [],
        "there are no resources";
    LimitBelowRequest = "P061", "a resource limit is not below the request",
        "The request is kept free for the task. The limit is what the task may use at most, so it is not \
         less than the request.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        resource-limits: {memory: 16}",
        ],
        [], [],
        "the memory limit, 16 MB, is less than the requested amount, 32 MB";
    DuplicatePort = "P062", "the fixed ports of a resource set differ",
        "The ports of a set are on one node, where each number is free only once. Give one of the ports \
         another number, or 0 for any free one.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        ports: {http: {port: 8080}, admin: {port: 8080}}",
        ],
        [], [],
        "the ports `http` and `admin` have the same value 8080";
    VipPrefix = "P063", "a VIP is not called as another port",
        "The prefix of a VIP is the name of its port, unless another prefix is given. A prefix that is the \
         name of another port would lead to the wrong port. Several VIPs may share a prefix that is no \
         port's name.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        ports: {http: {port: 8080, vip: {port: 80, prefix: admin}}, admin: {port: 8081}}",
        ],
        [], [],
        "the VIP prefix `admin` is the name of another port";
    DuplicateAdvertised = "P064", "advertised ports differ in name across the service",
        "The service lists its endpoints by the names of ports. So two ports with `advertise: true` do not \
         share a name, even if they are in two pods.",
        [
            "name: hello",
            "pods:",
            "  web: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./serve, ports: {http: {port: 0, advertise: true}}}}}",
            "  api: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./serve, ports: {http: {port: 0, advertise: true}}}}}",
        ],
        [], [],
        "the service has advertised ports of the same name: http";
    PortRange = "P065", "a port range goes upwards and is for a dynamic port",
        "`ranges` say from where the number of a port with `port: 0` is taken, including `begin` and `end`. \
         If `end` is missing, it is 65535. A port with a fixed number ignores `ranges`, which is a warning.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        ports: {http: {port: 0, ranges: [{begin: 9000, end: 8000}]}}",
        ],
        [], [],
        "the range begins at 9000, after its end, 8000";
    VolumePath = "P066", "the volumes of a set have paths of their own",
        "The path of a volume is one name below the sandbox: letters, digits, `_` and `-`, without a slash \
         or a dot. The path identifies the volume, so no other volume of the set has it.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        volume: {path: /var/data, type: ROOT, size: 100}",
        ],
        [], [],
        "`/var/data` is not a volume path: one component of letters, digits, `_` and `-`, with no slash and no dot";
    UnknownResourceSet = "P067", "a task's resource set is one of its pod",
        "The value of `resource-set` is the name of one of the pod's `resource-sets`.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    resource-sets: {shared: {cpus: 1}}",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, resource-set: sharde}",
        ],
        [], [],
        "the pod has no resource set `sharde`";
    IgnoredResources = "P068", "a task has a resource set or resources of its own",
        "If a task names a `resource-set`, the resources that are written at the task have no effect. The \
         SDK says nothing about it; here it is a warning.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    resource-sets: {shared: {cpus: 1}}",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, resource-set: shared, memory: 32}",
        ],
        [], [],
        "`memory` has no effect beside `resource-set`";
    VolumeAndVolumes = "P069", "`volume` or `volumes`, not both",
        "A task or a resource set has one volume, as `volume`, or several, as `volumes`. A pod may have both \
         keys, and then has all of these volumes.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        volume: {path: a, type: ROOT, size: 100}",
            "        volumes: {b: {path: b, type: ROOT, size: 100}}",
        ],
        [], [],
        "both `volume` and `volumes` are given";
    Profiles = "P070", "disk profiles are names, each given once, of a MOUNT volume",
        "A profile is the name of a kind of disk: up to 128 letters, digits, `_`, `.` and `-`. A ROOT volume \
         is a folder on the node's own disk. Profiles have no effect there, which is a warning.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        volume: {path: data, type: MOUNT, size: 100, profiles: [fast, fast]}",
        ],
        [], [],
        "the disk profile `fast` is given twice";
    // Tasks.
    Goal = "P071", "a goal is RUNNING, FINISH or ONCE",
        "A RUNNING task is brought back when it ends. A FINISH task has to end well once for each \
         configuration. A ONCE task has to end well once in the life of the installation. The FINISHED of \
         old files means ONCE.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: FINISHED, cmd: ./serve, cpus: 0.1, memory: 32}",
        ],
        [], [],
        "unsupported goal `FINISHED`, expected one of: RUNNING, FINISH, ONCE";
    Labels = "P072", "labels are `key:value` pairs",
        "Labels are one text: pairs with commas between them. Each pair is split at its first colon, so a \
         value can have colons, but no commas. An empty text is no label.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        labels: 'team'",
        ],
        [], [],
        "illegal label `team`: it is not of the form `key:value`";
    KillGracePeriod = "P073", "a task is given at most an hour to end",
        "`kill-grace-period` is in seconds, from 0 to 3600.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        kill-grace-period: 7200",
        ],
        [], [],
        "a kill-grace-period of 7200 s is above 3600 s";
    Check = "P074", "a check has a command and can fail",
        "A health check ends the task when it fails. A readiness check holds the plan up until it passes. \
         Both need a command that exits with 0 if all is well.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        readiness-check: {cmd: '', interval: 5, timeout: 10}",
        ],
        [], [],
        "the readiness check has no command";
    Config = "P075", "the config files of a task have names and places of their own",
        "Each entry of `configs` renders one template into one file. So no two entries have the same `dest`.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        configs:",
            "          a: {template: a.mustache, dest: app.conf}",
            "          b: {template: b.mustache, dest: app.conf}",
        ],
        [], [("a.mustache", "x"), ("b.mustache", "y")],
        "two config files of the task go to `app.conf`";
    ConfigFile = "P076", "a config template is there and not empty",
        "Config templates are read from the folder of the file, or from another folder that is named for \
         them. They become a part of the specification: a change of a template restarts the tasks that use it.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        configs: {app: {template: app.mustache, dest: app.conf}}",
        ],
        [], [],
        "there is no config template `app.mustache`";
    DiscoveryPrefix = "P077", "two pods do not share a discovery prefix",
        "The DNS name of a task is `<prefix>-<index>`, so the same prefix in two pods would give two tasks \
         one name. Tasks of one pod may share a prefix if they are not launched together.",
        [
            "name: hello",
            "pods:",
            "  web: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./serve, cpus: 1, discovery: {prefix: node}}}}",
            "  api: {count: 1, tasks: {server: {goal: RUNNING, cmd: ./serve, cpus: 1, discovery: {prefix: node}}}}",
        ],
        [], [],
        "tasks in different pods cannot share DNS names: `node` is a prefix in `web` too";
    Encryption = "P078", "a certificate has a name",
        "A certificate's files are called `<name>.crt`, `<name>.key` and `<name>.ca`, or `<name>.keystore` \
         and `<name>.truststore`.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        transport-encryption: [{name: '', type: TLS}]",
        ],
        [], [],
        "the certificate has no name";
    IgnoredKillSignal = "P079", "a task that is asked to end is given time to",
        "Without a `kill-grace-period` a task is killed at once. Then nothing asks the task to end, and \
         `kill-signal` has no effect.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        kill-signal: SIGINT",
        ],
        [], [],
        "`kill-signal` has no effect without a `kill-grace-period`";
    // Plans.
    UnknownPod = "P080", "a phase is over a pod of the service",
        "The value of `pod` is the name of one of the service's pods. Several phases may have the same pod.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases: {web: {pod: wbe}}",
        ],
        [], [],
        "there is no pod `wbe`";
    UnknownTask = "P081", "a step launches tasks of its pod",
        "Each list of a step names tasks of the phase's pod.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        steps: [default: [[sever]]]",
        ],
        [], [],
        "the step refers to a task that does not exist: the pod `web` has no task `sever`";
    Step = "P082", "a step entry has one key, an instance or `default`",
        "`steps` is a list of maps with one entry each. The key is the index of an instance, or `default` \
         for all instances that have no entry. The value lists the tasks that are launched together, as `- \
         default: [[a, b], [c]]`. Steps with names, for `strategy: dependency`, have another form; one list \
         does not mix the two.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        steps: [first: [[server]]]",
        ],
        [], [],
        "malformed step: `first` is neither an instance's index nor `default`";
    DuplicateInstance = "P083", "an instance has one entry",
        "All steps of an instance are in one entry, so that the file shows their order.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        steps:",
            "        - default: [[server]]",
            "        - default: [[server]]",
        ],
        [], [],
        "the steps of `default` are given twice";
    MissingInstance = "P084", "every instance has an entry, or there is a `default`",
        "If `steps` are given, each instance below `count` needs an entry, or there is a `default`. `- \
         default: []` means that all other instances have no steps.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 2",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        steps: [1: [[server]]]",
        ],
        [], [],
        "the step entry of instance 0 is missing, and there is no `default`";
    IgnoredEntry = "P085", "a step entry is for an instance that is there",
        "An entry for an index that is not below `count` has no effect. It is a warning, since files keep \
         such entries for larger counts.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        steps:",
            "        - default: [[server]]",
            "        - 3: []",
        ],
        [], [],
        "the pod `web` has no instance 3, its count is 1: the entry has no effect";
    SharedResourceSet = "P086", "the tasks of one step have resource sets of their own",
        "Tasks that name the same resource set take turns in it, so a step cannot launch two of them \
         together. Launch them one after the other, as `[[init], [server]]`. A generated plan launches all \
         tasks of a pod together, so a pod whose tasks share a set needs a plan of its own.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 2",
            "    resource-sets:",
            "      shared: {cpus: 0.1, memory: 32}",
            "    tasks:",
            "      init: {goal: ONCE, cmd: ./init, resource-set: shared}",
            "      server: {goal: RUNNING, cmd: ./serve, resource-set: shared}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        steps: [default: [[init, server]]]",
        ],
        [], [],
        "the step would launch `init` and `server` together, and both use the resource set `shared`";
    SharedPrefix = "P087", "the tasks of one step have discovery prefixes of their own",
        "Two tasks that run at the same time cannot have the same DNS name.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 1, discovery: {prefix: node}}",
            "      side: {goal: RUNNING, cmd: ./side, cpus: 1, discovery: {prefix: node}}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        steps: [default: [[server, side]]]",
        ],
        [], [],
        "the step would launch `server` and `side` together, and both have the discovery prefix `node`";
    DependsOnStrategy = "P088", "`depends-on` and named steps come with `strategy: dependency`",
        "Under the other strategies the steps follow the order of the file, and `depends-on` would be \
         ignored. Under `dependency` the steps of a phase need names, since other steps name them.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      first: {pod: web}",
            "      second: {pod: web, depends-on: [first]}",
        ],
        [], [],
        "`depends-on` has no meaning in a plan that is not of `strategy: dependency`";
    UnknownDependency = "P089", "`depends-on` names what is there",
        "A phase depends on phases of its own plan, and a step on steps of its own phase.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    strategy: dependency",
            "    phases: {web: {pod: web, depends-on: [wbe]}}",
        ],
        [], [],
        "there is no phase `wbe`";
    Cycle = "P090", "nothing depends on itself",
        "A phase or step that depends on itself, directly or through others, could never begin.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    strategy: dependency",
            "    phases:",
            "      a: {pod: web, depends-on: [b]}",
            "      b: {pod: web, depends-on: [a]}",
        ],
        [], [],
        "these phases depend on each other in a cycle: `a`, `b`";
    InstanceOutOfRange = "P091", "a named step is for an instance that is there",
        "Other steps depend on a named step. So a named step for an index that is not below `count` is an \
         error, and is not ignored.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        strategy: dependency",
            "        steps: [{name: a, instance: 3, tasks: [server]}]",
        ],
        [], [],
        "the pod `web` has no instance 3, its count is 1";
    EmptyStep = "P092", "a step launches each of its tasks once, and at least one",
        "An empty list, `[[]]`, would be a step that does nothing. To have no steps at all, write `default: \
         []`.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        steps: [default: [[]]]",
        ],
        [], [],
        "the step launches no task";
    DuplicateStep = "P093", "the steps of a phase have names of their own",
        "If two steps had one name, `depends-on` would not say which one is meant.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web:",
            "        pod: web",
            "        strategy: dependency",
            "        steps:",
            "        - {name: a, instance: 0, tasks: [server]}",
            "        - {name: a, instance: 0, tasks: [server]}",
        ],
        [], [],
        "two steps of the phase are called `a`";
    UnknownField = "P094", "`on-change` names fields that can change",
        "A plan with `on-change` runs in place of `update` if one of these fields changes. An entry is a \
         path from the top of the file, with `*` for any name, or a single key, as `count`. An entry that \
         can match no field is an error. An entry about a pod or a task that is not there is a warning, \
         since the service may have had it before.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy: {phases: {web: {pod: web}}}",
            "  upgrade: {phases: {web: {pod: web}}, on-change: [pods.web.tasks.*.cdm]}",
        ],
        [], [],
        "`pods.web.tasks.*.cdm` names no field that can change: there is nothing called `cdm`";
    ReservedPlan = "P095", "no plan has the name of one that the engine runs by itself",
        "The engine shows `recovery`, `decommission` and `uninstall` as plans; they follow from the state of \
         the instances. A plan with one of these names could be neither shown nor started.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy: {phases: {web: {pod: web}}}",
            "  recovery: {phases: {web: {pod: web}}}",
        ],
        [], [],
        "the plan `recovery` has the name of one that the engine runs by itself";
    Gate = "P096", "a gate has a command, and its word is not too old when it comes",
        "A gate is a command that is asked before a step acts. Without a command there is nothing to ask. An \
         answer holds for `max-age` seconds. If `timeout` were larger, an answer could be too old when it \
         comes.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web: {pod: web, gates: {before: {cmd: ./in-sync, timeout: 90}}}",
        ],
        [], [],
        "the gate's command may take 90 s, and its word would be too old after 60 s";
    GateTask = "P097", "a gate is asked beside a task of its pod that goes on running",
        "The command of a gate runs beside a task of the member that the step is about to act on: beside the \
         task that `task` names, or beside the first task of the step with `goal: RUNNING`. A task that ends \
         by itself may be gone when the gate is asked, and then every act would be allowed.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}",
            "plans:",
            "  deploy:",
            "    phases:",
            "      web: {pod: web, gates: {before: {cmd: ./in-sync, task: sever}}}",
        ],
        [], [],
        "the pod `web` has no task `sever` to ask beside";
    // Files that the DC/OS SDK reads in another way.
    PathVolume = "P100", "a volume is of type ROOT or MOUNT",
        "The SDK takes `type: PATH` for `type: MOUNT`, which is a whole disk, and says nothing. The same is \
         done here, with a warning.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        volume: {path: data, type: PATH, size: 100}",
        ],
        [], [],
        "there are no PATH volumes: this is a MOUNT volume, as it always was";
    VipRanges = "P101", "a port has a `vip` or `ranges`",
        "The SDK ignores the `ranges` of a dynamic port that has a `vip`, and takes any free port. Here \
         `ranges` count. It is a warning, since a service that moves from the SDK gets another port.",
        [
            "name: hello",
            "pods:",
            "  web:",
            "    count: 1",
            "    tasks:",
            "      server:",
            "        goal: RUNNING",
            "        cmd: ./serve",
            "        cpus: 0.1",
            "        memory: 32",
            "        ports: {http: {port: 0, ranges: [{begin: 8000, end: 8999}], vip: {port: 80}}}",
        ],
        [], [],
        "the DC/OS SDK ignores the `ranges` of a port with a `vip`; here they count";
    CountedPrefix = "P102", "where a placement rule counts a pod, no other pod's name begins with its name and `-`",
        "To count the instances of `data`, the SDK counts all tasks whose names begin with `data-`, which \
         includes those of a pod `data-hot`. Here only the instances of `data` count. It is a warning, since \
         instances may go where the SDK would not put them.",
        [
            "name: hello",
            "pods:",
            "  data:",
            "    count: 1",
            "    placement: 'hostname:UNIQUE'",
            "    tasks: {node: {goal: RUNNING, cmd: ./serve, memory: 32}}",
            "  data-hot: {count: 1, tasks: {node: {goal: RUNNING, cmd: ./serve, memory: 32}}}",
        ],
        [], [],
        "the DC/OS SDK counts instances of `data-hot` as ones of `data`; here they are not";
}
