//! `diff`, and the book's chapter on new configurations, whose table of fields is the engine's own.
//!
//! `UPDATE_BOOK=1 cargo test -p planwright --test updating` writes the table anew; the diff is read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod folder;
mod program;

use folder::Folder;
use program::{planwright, planwright_reading, root};

#[test]
fn the_chapter_has_the_table_of_fields() {
    let path = root().join("docs/src/updating.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- fields -->\n", "<!-- end of fields -->\n");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let renewed = format!("{before}{begin}\n{}\n{end}{after}", planwright::explanation::fields());
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(&path, &renewed).unwrap();
    }
    let help = "UPDATE_BOOK=1 cargo test -p planwright --test updating   writes it anew";
    assert!(
        std::fs::read_to_string(&path).unwrap() == renewed,
        "the table is not what the engine does\n{help}"
    );
}

const OLD: &str = "name: x\nscheduler: {user: nobody}\npods:\n  web:\n    count: 2\n    tasks:\n      \
                   server: {goal: RUNNING, cmd: ./serve, cpus: 0.1, env: {TEXT: ''}}\n      \
                   side: {goal: RUNNING, cmd: ./side, cpus: 0.1}\n";

#[test]
fn tells_what_differs() {
    let folder = Folder::new("tells_what_differs")
        .file("old.yml", OLD)
        .file("live.yml", OLD.replace("count: 2", "count: 3"))
        .file("restarts.yml", OLD.replace("./serve", "./serve -v").replace("TEXT: ''", "TEXT: x"))
        .file(
            "refused.yml",
            OLD.replace("count: 2", "count: 1").replace("nobody", "root").replace("0.1}", "0.2}"),
        )
        .file("wrong.yml", OLD.replace("RUNNING, cmd: ./side", "RUNING, cmd: ./side"));
    let old = folder.path("old.yml");
    for name in ["old", "live", "restarts", "refused", "wrong"] {
        let new = folder.path(&format!("{name}.yml"));
        let ran = planwright(&["diff", &old, &new]);
        assert_eq!(ran.code, i32::from(["refused", "wrong"].contains(&name)), "{ran}");
        insta::assert_snapshot!(format!("diff_{name}"), folder.planwright(&["diff", &old, &new]));
        let json = planwright(&["diff", &old, &new, "--output", "json"]);
        assert_eq!((json.code, json.err.as_str()), (ran.code, ""), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(value["good"], ran.code == 0, "{json}");
        if name == "refused" {
            insta::assert_snapshot!("diff_refused_json", json.out);
        }
    }
    let wrong = folder.path("wrong.yml");
    let told = planwright(&["diff", &wrong, &wrong]).err;
    assert_eq!(told.matches("unsupported goal").count(), 1, "{told}");
}

#[test]
fn one_file_may_have_two_sets_of_values() {
    let text = OLD.replace("./serve", "{{CMD}}");
    let arguments = ["diff", "-", "--env", "CMD=a", "--then", "CMD=b", "--then", "CMD=c"];
    let ran = planwright_reading(&arguments, text.as_bytes());
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.out.starts_with("restarts  pods.web.tasks.server.cmd: a → c\n"), "{ran}");
    let without = planwright(&["diff", "specs/kafka"]);
    assert_eq!(without.code, 2, "{without}");
    let twice = planwright(&["diff", "-", "-"]);
    assert_eq!(twice.code, 2, "{twice}");
    let same = planwright(&["diff", "specs/kafka", "specs/kafka"]);
    assert_eq!((same.code, same.out.as_str()), (0, "nothing differs (service `kafka`)\n"), "{same}");
}

#[test]
fn the_plan_that_brings_it_about_is_named() {
    let file = "docs/src/examples/change.yml";
    let values = ["--env-file", "docs/src/examples/change.env"];
    for (then, plan) in [("COUNT=4", "update"), ("LIMIT=1", "tune"), ("WATCH_CPUS=1", "tune")] {
        let ran = planwright(&["diff", file, values[0], values[1], "--then", then]);
        assert!(ran.out.contains(&format!("the plan `{plan}` brings this about")), "{then}: {ran}");
    }
}

/// All of them are named, since what they have on their nodes goes with them.
#[test]
fn who_leaves_is_named() {
    let text = "name: a\npods:\n  one: {count: {{N}}, allow-decommission: true, tasks: {t: {goal: RUNNING, cmd: x, cpus: 1}}}\n";
    let told = planwright_reading(&["diff", "-", "--env", "N=4", "--then", "N=2"], text.as_bytes()).out;
    assert!(told.ends_with("\nthese leave for good, with their volumes: one-3, one-2\n"), "{told}");
    let told = planwright_reading(&["diff", "-", "--env", "N=2", "--then", "N=4"], text.as_bytes()).out;
    assert!(!told.contains("leave"), "{told}");
}
