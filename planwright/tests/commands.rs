//! What people and programs see of `validate`, `show` and `graph`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod folder;
mod program;

use folder::Folder;
use program::{planwright, planwright_reading, root};

const SMALL: &str = "name: {{NAME}}\npods:\n  web:\n    count: {{COUNT}}\n    tasks:\n      \
                     server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, memory: 32}\n";

#[test]
fn shows_a_plan_as_declared() {
    insta::assert_snapshot!("show_hello_world", planwright(&["show", "specs/hello-world"]));
    insta::assert_snapshot!("show_kafka", planwright(&["show", "specs/kafka"]));
    insta::assert_snapshot!(
        "show_side_plan",
        planwright(&["show", "docs/src/examples/side-plan.yml", "backup"])
    );
    insta::assert_snapshot!("show_json", planwright(&["show", "specs/hello-world", "--output", "json"]));
}

#[test]
fn writes_a_plan_as_a_graph() {
    insta::assert_snapshot!("graph_kafka", planwright(&["graph", "specs/kafka"]));
    insta::assert_snapshot!("graph_canary", planwright(&["graph", "docs/src/examples/canary.yml"]));
    insta::assert_snapshot!(
        "graph_json",
        planwright(&["graph", "docs/src/examples/canary.yml", "--output=json"])
    );
}

/// All that a graph can hold, in few words.
const DIVERSE: &str = "name: x\npods:\n  a: &pod\n    count: 2\n    tasks: {t: {goal: RUNNING, cmd: t, cpus: 1}}\n  b: *pod\n  \
                       c: {count: 4, tasks: {t: {goal: RUNNING, cmd: t, cpus: 1}}}\n  \
                       none: {count: 0, tasks: {t: {goal: RUNNING, cmd: t, cpus: 1}}}\n  \
                       many: {count: 3, tasks: {f: {goal: ONCE, cmd: t, cpus: 1}, t: {goal: RUNNING, cmd: t, cpus: 1}}}\n\
                       plans:\n  deploy:\n    strategy: dependency\n    phases:\n      'the \"first\\one\" & <so>': {pod: a}\n      \
                       second: {pod: b, strategy: parallel, depends-on: ['the \"first\\one\" & <so>']}\n      \
                       third: {pod: c, strategy: parallel-canary, depends-on: ['the \"first\\one\" & <so>', second]}\n      \
                       empty: {pod: none, depends-on: [third]}\n      \
                       inner: {pod: many, strategy: dependency, depends-on: [second], steps: [\
                       {name: format, instance: 0, tasks: [f]}, {name: run, instance: default, tasks: [t], depends-on: [format]}]}\n";

#[test]
fn a_graph_has_four_forms_and_escaped_labels() {
    for form in ["dot", "mermaid", "json", "svg"] {
        let arguments = ["graph", "-", "--format", form];
        let ran = planwright_reading(&arguments, DIVERSE.as_bytes());
        assert_eq!(ran.code, 0, "{ran}");
        assert_eq!(ran.out, planwright_reading(&arguments, DIVERSE.as_bytes()).out, "{form}");
        insta::assert_snapshot!(format!("graph_{form}_diverse"), ran);
    }
    let both =
        planwright_reading(&["graph", "-", "--format", "mermaid", "--output", "json"], DIVERSE.as_bytes());
    let both: serde_json::Value = serde_json::from_str(&both.out).unwrap();
    assert!(both["text"].as_str().unwrap().starts_with("flowchart TB\n"));
    assert_eq!((&both["good"], &both["plan"]), (&true.into(), &"deploy".into()));
}

/// A hundred steps stand in rows, not in one line; and no arrow is drawn that follows from others.
#[test]
fn a_picture_of_many_steps_is_about_as_wide_as_a_page() {
    for (strategy, steps) in [("serial", ""), ("parallel", ""), ("parallel-canary", ""), ("serial-canary", "")]
        .into_iter()
        .chain([("parallel", ", steps: [{default: [[f], [t]]}]")])
        .chain([(
            "dependency",
            ", steps: [{name: f, instance: default, tasks: [f]}, {name: t, instance: default, tasks: [t], depends-on: [f]}]",
        )])
    {
        let text = format!(
            "name: x\npods:\n  many: {{count: 100, tasks: {{f: {{goal: ONCE, cmd: t, cpus: 1}}, t: {{goal: RUNNING, cmd: t, cpus: 1}}}}}}\n\
             plans: {{deploy: {{phases: {{all: {{pod: many, strategy: {strategy}{steps}}}}}}}}}\n"
        );
        let ran = planwright_reading(&["graph", "-", "--format", "svg"], text.as_bytes());
        let number = |key: &str| -> u32 {
            let (_, after) = ran.out.split_once(key).unwrap_or_else(|| panic!("{ran}"));
            after.split_once('"').unwrap().0.parse().unwrap()
        };
        let (width, height) = (number(" width=\""), number(" height=\""));
        assert!(width <= 1000 && height <= 2000, "{strategy}{steps}: {width} x {height}");
        assert!(ran.out.matches("<path").count() <= 202, "{strategy}{steps}");
    }
}

#[test]
fn validates_what_is_good() {
    insta::assert_snapshot!(planwright(&["validate", "specs/hello-world", "specs/kafka"]));
}

/// What the machine has does not matter to these: each is judged by its own rules alone.
#[test]
fn tells_what_a_backend_cannot_keep_and_where() {
    let pod = "name: x\npods:\n  web:\n    count: 1\n    image: {{IMAGE}}\n    networks: {dcos: {}}\n    tasks:\n      \
               server:\n        goal: RUNNING\n        cmd: ./serve\n        cpus: 0.1\n        gpus: 1\n        \
               volume: {path: data, type: MOUNT, size: 1}\n        configs:\n          c: {template: c.conf, dest: ../c}\n";
    let folder = Folder::new("tells_what_a_backend").file("image.yml", pod).file("c.conf", "c");
    let file = folder.path("image.yml");
    let local = ["validate", &file, "--env", "IMAGE=nginx", "--backend", "local"];
    insta::assert_snapshot!("validate_backend_text", folder.planwright(&local));
    let json = [&local[..], &["--output", "json"]].concat();
    insta::assert_snapshot!("validate_backend_json", folder.planwright(&json));
    // A file that is refused is judged no further, and one that a backend may not keep may be good.
    let wrong = ["validate", "docs/src/examples/wrong.yml", "--backend", "local"];
    let ran = planwright(&wrong);
    assert!(ran.code == 1 && !ran.err.contains("[L"), "{ran}");
    assert_eq!(planwright(&["validate", &file, "--env", "IMAGE=nginx"]).code, 0);
}

#[test]
fn tells_all_mistakes_of_all_files() {
    let folder = Folder::new("tells_all").file(
        "many.yml",
        "name: x\npods:\n  web:\n    cuont: 2\n    tasks:\n      server: {goal: RUNING, cmd: ./serve, cpus: much, memory: 32}\n\
         plans:\n  deploy:\n    phases:\n      first: {pod: wbe}\n",
    );
    let (many, missing) = (folder.path("many.yml"), folder.path("nothing.yml"));
    insta::assert_snapshot!(
        "tells_all_text",
        folder.planwright(&["validate", "docs/src/examples/wrong.yml", &many, "specs/hello-world", &missing])
    );
    insta::assert_snapshot!(
        "tells_all_json",
        folder.planwright(&["validate", "--output", "json", &many, &missing])
    );
}

#[test]
fn what_is_refused_is_not_shown() {
    insta::assert_snapshot!("refused_show", planwright(&["show", "docs/src/examples/wrong.yml"]));
    insta::assert_snapshot!(
        "refused_graph_json",
        planwright(&["graph", "docs/src/examples/wrong.yml", "--output", "json"])
    );
}

#[test]
fn reads_standard_input() {
    let ran = planwright_reading(&["show", "-", "--env", "NAME=web", "--env", "COUNT=1"], SMALL.as_bytes());
    insta::assert_snapshot!("standard_input", ran);
    let wrong = planwright_reading(&["validate", "-"], b"name: x\npods: 3\n");
    insta::assert_snapshot!("standard_input_wrong", wrong);
}

#[test]
fn values_come_from_env_then_files_then_the_command_line() {
    let folder = Folder::new("values")
        .file("svc.yml", SMALL)
        .file("env", "# values\n\nNAME=web\r\nCOUNT=1\n")
        .file("two", "\u{feff}COUNT=2\n")
        .file("three", "COUNT=3");
    let steps = |more: &[&str]| {
        let path = folder.path("");
        let (two, three) = (folder.path("two"), folder.path("three"));
        let more = more.iter().map(|one| match *one {
            "TWO" => two.as_str(),
            "THREE" => three.as_str(),
            other => other,
        });
        let arguments: Vec<&str> = ["show", &path].into_iter().chain(more).collect();
        let ran = planwright(&arguments);
        assert_eq!(ran.code, 0, "{ran}");
        ran.out.matches("[server]").count()
    };
    assert_eq!(steps(&[]), 1);
    assert_eq!(steps(&["--env-file", "TWO"]), 2);
    assert_eq!(steps(&["--env-file", "TWO", "--env-file", "THREE"]), 3);
    assert_eq!(steps(&["--env", "COUNT=5", "--env-file", "TWO", "--env", "COUNT=4"]), 4);
}

#[test]
fn config_templates_stand_beside_the_file() {
    let service =
        SMALL.replace("memory: 32", "memory: 32, configs: {c: {template: conf/server.xml, dest: s.xml}}");
    let folder = Folder::new("templates").file("svc.yml", service).file("env", "NAME=web\nCOUNT=1\n");
    insta::assert_snapshot!("template_missing", folder.planwright(&["validate", &folder.path("")]));
    let folder = folder.file("conf/server.xml", "<a/>\n");
    insta::assert_snapshot!("template_there", folder.planwright(&["validate", &folder.path("")]));
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = Folder::new("unreadable")
        .file("empty/x", "")
        .file("wrong-env/svc.yml", SMALL)
        .file("wrong-env/env", "NAME=web\nexport COUNT=1\nwords\n")
        .file("bytes.yml", b"name: x\npods: \xff\n")
        .file("svc.yml", SMALL);
    let told = [
        vec!["validate", "nothing.yml"],
        vec!["show", "nothing.yml"],
        vec!["validate", &folder.path("empty")],
        vec!["validate", &folder.path("bytes.yml")],
        vec!["validate", &folder.path("wrong-env")],
        vec!["validate", "--output", "json", &folder.path("wrong-env")],
        vec!["validate", &folder.path("svc.yml"), "--env-file", "nothing.env"],
        vec!["validate", &folder.path("svc.yml"), "--env", "NAME=web"],
        vec!["validate", "--output=json", &folder.path("svc.yml"), "--env-file", "nothing.env"],
    ]
    .map(|arguments| {
        let shown = arguments.join(" ").replace(&folder.path(""), "FOLDER");
        format!("$ planwright {shown}\n{}", folder.planwright(&arguments))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_plan_that_is_not_there_is_refused_with_the_nearest() {
    insta::assert_snapshot!("unknown_plan_near", planwright(&["show", "specs/hello-world", "depoly"]));
    insta::assert_snapshot!("unknown_plan_far", planwright(&["graph", "specs/hello-world", "backup"]));
    insta::assert_snapshot!(
        "unknown_plan_json",
        planwright(&["show", "specs/hello-world", "depoly", "--output", "json"])
    );
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &[][..],
        &["validate"],
        &["frobnicate"],
        &["show"],
        &["show", "a", "b", "c"],
        &["validate", "-", "-"],
        &["validate", "x", "--env", "no-value"],
        &["validate", "x", "--env", "=value"],
        &["validate", "x", "--output", "yaml"],
        &["validate", "x", "--color", "red"],
        &["validate", "x", "--frobnicate"],
    ] {
        let ran = planwright(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran}");
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}: {ran}");
    }
}

#[test]
fn shells_complete_what_can_be_typed() {
    for (shell, word) in
        [("bash", "_planwright"), ("zsh", "#compdef planwright"), ("fish", "complete -c planwright")]
    {
        let ran = planwright(&["completions", shell]);
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.out.contains(word) && ran.out.contains("force-complete"), "{shell}");
    }
    assert_eq!(planwright(&["completions", "ed"]).code, 2);
}

#[test]
fn help_says_all() {
    for verb in [
        "",
        "validate",
        "diff",
        "show",
        "graph",
        "render",
        "simulate",
        "schema",
        "explain",
        "run",
        "plan",
        "plan status",
        "plan start",
        "plan force-complete",
        "pod",
        "pod restart",
        "pod logs",
        "endpoints",
        "update",
        "debug",
        "debug config",
        "uninstall",
        "completions",
    ] {
        let arguments: Vec<&str> = verb.split_whitespace().chain(["--help"]).collect();
        insta::assert_snapshot!(format!("help_{}", verb.replace(' ', "_")), planwright(&arguments));
    }
}

#[test]
fn colour_is_by_request() {
    let wrong = "docs/src/examples/wrong.yml";
    let plain = planwright(&["validate", wrong]);
    let never = planwright(&["validate", wrong, "--color", "never"]);
    let always = planwright(&["validate", wrong, "--color", "always"]);
    assert!(!plain.err.contains('\u{1b}'));
    assert_eq!(plain.err, never.err);
    assert!(always.err.contains("\u{1b}["));
    // Color says nothing that the words do not.
    let mut text = String::new();
    let mut rest = always.err.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(text + rest, plain.err);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::process::{Command, Stdio};
    let text = SMALL.replace("{{NAME}}", "web").replace("{{COUNT}}", "100000");
    let folder = Folder::new("pipe").file("large.yml", text);
    let mut child = Command::new(env!("CARGO_BIN_EXE_planwright"))
        .args(["show", &folder.path("large.yml")])
        .current_dir(root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(done.stderr.is_empty(), "{done:?}");
}

#[test]
fn a_specification_to_begin_with_is_good() {
    let folder = Folder::new("init");
    insta::assert_snapshot!("init", folder.planwright(&["init", &folder.path("my-notes")]));
    // With no warning, and complete.
    let good = folder.planwright(&["validate", "--strict", &folder.path("my-notes")]);
    assert!(good.contains("FOLDER/my-notes/svc.yml: good (service `my-notes`)"), "{good}");
    assert_eq!(planwright(&["simulate", &folder.path("my-notes")]).code, 0);
    // A name of any kind is text in the file.
    for name in ["a: b # c", "true", "{x}", "1"] {
        let odd = folder.path(&format!("odd {name}"));
        assert_eq!(planwright(&["init", &odd, "--name", name]).code, 0, "{name}");
        let good = planwright(&["validate", "--strict", &odd]);
        assert!(good.out.contains(&format!("good (service `{name}`)")), "{good}");
    }
    // Another name is told from the folder's, and nothing is written over.
    let named = folder.planwright(&["init", &folder.path("other"), "--name", "shop", "--output", "json"]);
    assert!(named.contains("\"service\": \"shop\""), "{named}");
    std::fs::remove_file(folder.path("other/svc.yml")).unwrap();
    insta::assert_snapshot!("init_again", folder.planwright(&["init", &folder.path("other")]));
    assert!(!std::path::Path::new(&folder.path("other/svc.yml")).exists());
    insta::assert_snapshot!("init_bad_name", folder.planwright(&["init", &folder.path("no__name")]));
    assert!(!std::path::Path::new(&folder.path("no__name")).exists());
    // A file stands where the folder is to be.
    insta::assert_snapshot!("init_no_folder", folder.planwright(&["init", &folder.path("other/env/a")]));
}

#[test]
fn manual_pages_are_written() {
    let page = planwright(&["man"]);
    assert_eq!(page.code, 0);
    assert!(page.out.contains(".TH planwright 1"), "{page}");
    let folder = Folder::new("man");
    assert_eq!(planwright(&["man", "--dir", &folder.path("man1")]).code, 0);
    for page in ["planwright.1", "planwright-run.1", "planwright-plan-status.1"] {
        let text = std::fs::read_to_string(folder.path(&format!("man1/{page}"))).unwrap();
        assert!(text.starts_with(".ie") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    let folder = folder.file("taken", "");
    insta::assert_snapshot!("man_no_folder", folder.planwright(&["man", "--dir", &folder.path("taken")]));
}
