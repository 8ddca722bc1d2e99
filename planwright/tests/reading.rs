//! What people and programs see of `render`, and of the options of every command that reads a file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod folder;
mod program;

use folder::Folder;
use program::{planwright, planwright_in, planwright_reading};

const TEMPLATE: &str = "name: {{NAME}}\npods:\n  web:\n    count: 1\n    {{#IMAGE}}\n    image: {{IMAGE}}\n    {{/IMAGE}}\n    \
                        tasks:\n      server: {goal: RUNNING, cmd: ./serve {{ARGUMENTS}}, cpus: 1, memory: 32, \
                        configs: {main: {template: conf/main.xml, dest: main.xml}}}\n";

#[test]
fn a_template_is_rendered() {
    let values = ["--env", "NAME=web", "--env", "IMAGE=a/b", "--env", "ARGUMENTS=<a> & \"b\""];
    let render = |more: &[&str]| {
        let arguments: Vec<&str> = ["render", "-"].iter().chain(more).copied().collect();
        planwright_reading(&arguments, TEMPLATE.as_bytes())
    };
    let ran = render(&values);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let expected = TEMPLATE.replace("    {{#IMAGE}}\n", "").replace("    {{/IMAGE}}\n", "");
    let expected = expected.replace("{{NAME}}", "web").replace("{{IMAGE}}", "a/b");
    assert_eq!(ran.out, expected.replace("{{ARGUMENTS}}", "<a> & \"b\""));
    insta::assert_snapshot!("render_missing", render(&["--env", "NAMES=web"]));
    insta::assert_snapshot!("render_lenient", render(&["--env", "NAMES=web", "--lenient"]));
    insta::assert_snapshot!("render_json", render(&["--env", "NAME=web", "--lenient", "--output", "json"]));
    let open = planwright_reading(&["render", "-"], b"name: {{#A}}x\n");
    assert_eq!((open.code, open.out.as_str()), (1, ""), "{open}");
    // What is rendered need not be a service, nor YAML.
    let other = planwright_reading(&["render", "-", "--env", "A=b"], b"{{A}}: [");
    assert_eq!((other.code, other.out.as_str()), (0, "b: ["), "{other}");
}

#[test]
fn the_process_gives_values_only_on_request_and_beneath_all_others() {
    let text = "{{A}}{{B}}{{C}}{{D}}";
    let folder =
        Folder::new("inherit").file("svc.yml", text).file("env", "B=2\nC=2\nD=2\n").file("more", "C=3\nD=3");
    let (path, more) = (folder.path(""), folder.path("more"));
    let env = [("A", "1"), ("B", "1"), ("C", "1"), ("D", "1")];
    let rest = ["--env-file", &more, "--env", "D=4"];
    let run = |flags: &[&str]| {
        let arguments: Vec<&str> = ["render", &path].iter().chain(&rest).chain(flags).copied().collect();
        planwright_in(&arguments, b"", &env)
    };
    assert_eq!(run(&["--inherit-env"]).out, "1234");
    let without = run(&[]);
    assert_eq!((without.code, without.out.as_str()), (1, ""), "{without}");
    assert!(without.err.contains("`A` has no value"), "{without}");
}

#[test]
fn config_templates_are_beside_the_file_or_where_it_is_said() {
    let folder = Folder::new("config_dir")
        .file("alone/service.yml", TEMPLATE)
        .file("alone/conf/main.xml", "<a/>")
        .file("elsewhere/conf/main.xml", "<b/>")
        .file("bare/service.yml", TEMPLATE)
        .file("bare/conf/man.xml", "<b/>")
        .file("wrong/service.yml", TEMPLATE)
        .file("wrong/conf/main.xml", b"<a>\n\xff</a>");
    let values = ["--env", "NAME=web", "--env", "ARGUMENTS="];
    let alone = folder.path("alone/service.yml");
    let bare = folder.path("bare/service.yml");
    let wrong = folder.path("wrong/service.yml");
    let (elsewhere, nowhere) = (folder.path("elsewhere"), folder.path("nowhere"));
    let told = [
        vec!["validate", &alone],
        vec!["validate", &bare],
        vec!["validate", &bare, "--config-dir", &elsewhere],
        vec!["validate", &alone, "--config-dir", &nowhere],
        vec!["validate", &bare, "--skip-files"],
        vec!["show", &bare, "--skip-files"],
        vec!["graph", &bare, "--config-dir", &elsewhere],
        vec!["validate", &wrong],
    ]
    .map(|arguments| {
        let shown = arguments.join(" ").replace(&folder.path(""), "FOLDER");
        let arguments: Vec<&str> = arguments.iter().chain(&values).copied().collect();
        format!("$ planwright {shown}\n{}", folder.planwright(&arguments))
    });
    insta::assert_snapshot!(told.join("\n"));
    let piped = |more: &[&str]| {
        let arguments: Vec<&str> = ["validate", "-"].iter().chain(&values).chain(more).copied().collect();
        planwright_reading(&arguments, TEMPLATE.as_bytes()).code
    };
    assert_eq!(piped(&[]), 0, "no folder is named: nothing is looked for");
    assert_eq!(piped(&["--config-dir", &folder.path("alone")]), 0);
    assert_eq!(piped(&["--config-dir", &folder.path("bare")]), 1);
}

#[test]
fn strict_takes_warnings_for_errors_and_lenient_leaves_variables_empty() {
    let text = "name: x\npods:\n  web:\n    count: 1\n    networks: {nowhere: {}}\n    tasks:\n      \
                server: {goal: RUNNING, cmd: 'serve {{ARGUMENTS}}', cpus: 1, memory: 32}\n";
    let folder = Folder::new("strict").file("svc.yml", text);
    let path = folder.path("svc.yml");
    let told = [
        vec!["validate", &path, "--lenient"],
        vec!["validate", &path, "--env", "ARGUMENTS="],
        vec!["validate", &path, "--env", "ARGUMENTS=", "--strict"],
        vec!["show", &path, "--env", "ARGUMENTS=", "--strict"],
        vec!["simulate", &path, "--env", "ARGUMENTS=", "--strict", "--output", "json"],
        vec!["validate", &path],
    ]
    .map(|arguments| {
        let shown = arguments.join(" ").replace(&folder.path(""), "FOLDER");
        format!("$ planwright {shown}\n{}", folder.planwright(&arguments))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_contradicts_itself_is_wrong_usage() {
    for arguments in [
        vec!["validate", "x", "--lenient", "--strict"],
        vec!["validate", "x", "--skip-files", "--config-dir", "y"],
        vec!["render"],
        vec!["graph", "x", "--format", "png"],
    ] {
        let ran = planwright(&arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran}");
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}: {ran}");
    }
}
