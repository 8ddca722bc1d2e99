//! The commands that ask a scheduler, against a real one with real tasks.

use std::collections::BTreeSet;
use std::fs;

use crate::place::{Place, QUICK, ask_raw, until};

/// The values that an instance's starts had, in their order.
fn values(place: &Place, lines: usize) -> Vec<Vec<String>> {
    let value = |start: &String| start.split(' ').nth(1).unwrap_or_default().to_owned();
    place.starts("quick", lines).iter().map(|starts| starts.iter().map(value).collect()).collect()
}

#[test]
fn plans_are_looked_at_and_acted_on() {
    let place = Place::new();
    let _scheduler = place.run_quick(&[]);
    assert_eq!(place.good(&["plan", "list"]), "deploy (COMPLETE)\nrecovery (COMPLETE)\n");
    let tree = "deploy (serial strategy) (COMPLETE)\n└─ web (parallel strategy) (COMPLETE)\n   ├─ web-0:[server] \
                (COMPLETE)\n   └─ web-1:[server] (COMPLETE)\n";
    for form in [&["plan", "status", "deploy"][..], &["plans", "show"], &["plan", "status", "--wait"]] {
        assert_eq!(place.good(form), tree, "{form:?}");
    }
    let json = place.json(&["plan", "status", "deploy"]);
    assert_eq!(
        (&json["name"], &json["phases"][0]["steps"][1]["status"]),
        (&"deploy".into(), &"COMPLETE".into())
    );
    assert!(place.good(&["plan", "runs"]).contains("complete"));
    assert_eq!(place.json(&["plan", "runs"]).as_array().unwrap().len(), 1);
    assert_eq!(
        place.good(&["plan", "force-restart", "deploy", "web", "web-0:[server]", "--wait"]),
        "\"deploy\" plan: step \"web-0:[server]\" in phase \"web\" has been restarted.\n"
    );
    assert_eq!(values(&place, 3).iter().map(Vec::len).sum::<usize>(), 3, "one of them is done again");
    assert_eq!(
        place.good(&["plan", "pause", "deploy"]),
        "Cannot execute command. Command has already been issued or the plan has completed\n"
    );
    let ran = place.planwright(&["plan", "status", "depoly"]);
    assert_eq!(ran.code, 4, "{ran}");
    assert!(ran.err.contains("Plan depoly not found") && ran.err.contains("deploy, recovery"), "{ran}");
    let ran = place.planwright(&["plan", "start", "deploy", "-p", "1A=b"]);
    assert_ne!(ran.code, 0, "{ran}");
    let ran = place.planwright(&["plan", "restart", "deploy", "web", "web-7:[server]"]);
    assert_eq!(ran.code, 4, "{ran}");
}

#[test]
fn no_more_than_a_step_is_forced_by_a_slip() {
    let place = Place::new();
    let _scheduler = place.run_quick(&[]);
    for few in [&["plan", "force-complete", "deploy"][..], &["plan", "force", "deploy", "web"]] {
        let ran = place.planwright(few);
        assert_eq!(ran.code, 2, "{few:?}: {ran}");
        assert!(ran.err.contains("<PHASE>") || ran.err.contains("<STEP>"), "{few:?}: {ran}");
    }
    let both = ["plan", "force", "deploy", "web", "web-0:[server]", "--all"];
    assert_eq!(place.planwright(&both).code, 2);
    for all in [&["plan", "force", "deploy", "--all"][..], &["plan", "force", "deploy", "web", "--all"]] {
        assert!(place.good(all).contains("has already been issued"), "{all:?}");
    }
}

#[test]
fn why_is_told_in_the_time_of_people() {
    let place = Place::new();
    let failing = "name: failing\npods:\n  web:\n    count: 1\n    tasks:\n      server: { goal: RUNNING, cmd: \
                   \"exit 3\", cpus: 0.1, memory: 16 }\n";
    place.file("failing/svc.yml", failing);
    let _scheduler = place.run(&[&place.path("failing")]);
    let why = || place.planwright(&["pod", "why", "web-0"]).out;
    until("it waits", || why().contains("times in a row"), why);
    let told = why();
    let year = told.split(": at ").nth(1).and_then(|rest| rest.split('-').next());
    assert!(year.is_some_and(|year| year.parse::<u32>().is_ok_and(|year| year > 2000)), "{told}");
    assert!(!told.contains("00:00:"), "{told}");
    let until = place.json(&["pod", "why", "web-0"])[0]["until"].as_u64().unwrap();
    assert!(until > 1_700_000_000_000, "{until}");
    let status = place.json(&["plan", "status", "deploy"]).to_string();
    assert!(!status.contains("00:00:"), "{status}");
}

#[test]
fn pods_are_looked_at_and_acted_on() {
    let place = Place::new();
    let _scheduler = place.run_quick(&[]);
    assert_eq!(place.good(&["pod", "list"]), "web-0\nweb-1\n");
    assert_eq!(
        place.good(&["pods", "status"]),
        "quick\n└─ web\n   ├─ web-0\n   │  └─ web-0-server (RUNNING)\n   └─ web-1\n      └─ web-1-server (RUNNING)\n"
    );
    assert_eq!(place.good(&["pod", "status", "web-1"]), "web-1\n└─ web-1-server (RUNNING)\n");
    assert!(place.good(&["pod", "info", "web-0"]).contains("\"web-0-server\""));
    assert!(place.good(&["pod", "why", "web-0"]).contains("waits for nothing"));
    let logs = || place.planwright(&["pod", "logs", "web-0"]);
    until("it has written its value", || logs().out == "value 1\n", || logs().to_string());
    assert_eq!(place.good(&["pod", "restart", "web-0", "--wait"]), "\"web-0\" pod is being restarted.\n");
    let mut counts: Vec<_> = place.starts("quick", 3).iter().map(Vec::len).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2]);
    place.good(&["pod", "pause", "web-1", "-t", "server", "--wait"]);
    assert_eq!(place.good(&["pod", "status", "web-1"]), "web-1\n└─ web-1-server (PAUSED)\n");
    assert!(place.good(&["pod", "why", "web-1"]).contains("`planwright pod resume web-1"));
    place.good(&["pod", "resume", "web-1", "--wait"]);
    assert_eq!(place.good(&["pod", "status", "web-1"]), "web-1\n└─ web-1-server (RUNNING)\n");
    place.good(&["pod", "replace", "web-0", "--wait"]);
    assert!(place.good(&["pod", "status", "web-0"]).contains("RUNNING"));
    let ran = place.planwright(&["pod", "restart", "web-9"]);
    assert_eq!(ran.code, 4, "{ran}");
    assert!(ran.err.contains("no instance `web-9`"), "{ran}");
    let audit = place.good(&["debug", "audit"]);
    assert!(
        audit.contains("you  pod replace web-0") && audit.contains("refused: there is no instance"),
        "{audit}"
    );
}

#[test]
fn a_service_is_updated_and_previewed() {
    let place = Place::new();
    let _scheduler = place.run_quick(&[]);
    let quick = place.quick();
    let preview = place.good(&["update", &quick, "--env", "VALUE=2", "--preview"]);
    assert!(preview.contains("restarts  pods.web.tasks.server.env.VALUE: 1 → 2"), "{preview}");
    assert!(preview.contains("would restart: web-0-server, web-1-server"), "{preview}");
    assert_eq!(values(&place, 2), [["1"], ["1"]], "a preview does nothing");
    let done = place.planwright(&["update", &quick, "--env", "VALUE=2", "--wait"]);
    assert_eq!(done.code, 0, "{done}");
    assert_eq!(done.out, "the service \"quick\" is being updated, by the plan \"deploy\".\n");
    assert!(done.err.contains("\"deploy\" plan is complete"), "{done}");
    assert_eq!(values(&place, 4), [["1", "2"], ["1", "2"]]);
    let same = place.good(&["update", &quick, "--env", "VALUE=2"]);
    assert_eq!(same, "nothing changes: that is the target already\n");
    // What would be another service, or cannot be, is refused; and what is wrong is told as `validate` tells it.
    let ran = place.planwright(&["update", "specs/hello-world"]);
    assert_eq!(ran.code, 4, "{ran}");
    assert!(ran.err.contains("of the service `hello-world`, and this scheduler's is `quick`"), "{ran}");
    let ran = place.planwright(&["update", &quick, "--env", "COUNT=many"]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.err.contains("svc.yml:5"), "{ran}");
    place.good(&["update", &quick, "--env", "VALUE=2", "--env", "COUNT=3", "--wait"]);
    assert_eq!(place.good(&["pod", "list"]), "web-0\nweb-1\nweb-2\n");
    assert_eq!(place.json(&["debug", "state", "property", "deployed"]), true);
    assert_eq!(place.json(&["debug", "config", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(place.json(&["debug", "config"])["name"], "quick");
}

#[test]
fn an_uninstalled_service_leaves_nothing() {
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    let ran = place.planwright(&["uninstall", "--wait"]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.err.contains("uninstalled"), "{ran}");
    let ran = scheduler.ended();
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.out.ends_with("uninstalled\n"), "{ran}");
    assert_eq!(place.processes(), [0_i32; 0]);
    let left: BTreeSet<String> = fs::read_dir(place.data("quick"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, BTreeSet::from(["lock", "planwright.json", "token"].map(String::from)));
}

#[test]
fn who_has_no_scheduler_or_no_token_is_told_what_to_do() {
    let place = Place::new();
    let ran = place.planwright(&["plan", "list"]);
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.err.contains("`planwright run PACKAGE`") && ran.err.contains("--url"), "{ran}");
    let ran = place.planwright(&["plan", "list", "--url", "http://127.0.0.1:1"]);
    assert_eq!(ran.code, 3, "{ran}");
    assert!(ran.err.contains("cannot be reached"), "{ran}");
    for wrong in ["127.0.0.1", "ftp://127.0.0.1", "x"] {
        assert_eq!(place.planwright(&["plan", "list", "--url", wrong]).code, 2, "{wrong}");
    }
    let scheduler = place.run_quick(&[]);
    let (url, token) = (scheduler.url(), place.path("token"));
    let elsewhere = [("XDG_STATE_HOME", "/nonexistent")];
    let ran = place.planwright_in(&["plan", "list", "--url", &url], &elsewhere);
    assert_eq!(ran.code, 4, "{ran}");
    assert!(ran.err.contains("--token-file"), "{ran}");
    fs::write(&token, "0".repeat(64)).unwrap();
    let ran = place.planwright_in(&["plan", "list", "--url", &url, "--token-file", &token], &elsewhere);
    assert_eq!(ran.code, 4, "{ran}");
    assert!(ran.err.contains("another scheduler's"), "{ran}");
    let right = place.data("quick").join("token").display().to_string();
    let env = [elsewhere[0], ("PLANWRIGHT_URL", url.as_str()), ("PLANWRIGHT_TOKEN_FILE", right.as_str())];
    let ran = place.planwright_in(&["plan", "list"], &env);
    assert_eq!(ran.code, 0, "{ran}");
    let json = place.planwright(&["plan", "status", "nothing", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["good"], &json["diagnostics"][0]["severity"]), (&false.into(), &"error".into()));
    // The API is as closed as the command line says.
    let answer = ask_raw(&url, "GET /v2/plans HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[test]
fn of_several_schedulers_one_is_chosen() {
    let place = Place::new();
    let _quick = place.run_quick(&[]);
    let other = QUICK.replace("name: quick", "name: other");
    let folder = place.path("other");
    fs::create_dir_all(&folder).unwrap();
    fs::write(format!("{folder}/svc.yml"), other).unwrap();
    fs::write(format!("{folder}/env"), "COUNT=1\nVALUE=1\n").unwrap();
    let other = place.run(&[&folder]);
    other.until_err("deploy: COMPLETE");
    let ran = place.planwright(&["pod", "list"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.err.contains("quick") && ran.err.contains("other") && ran.err.contains("--name"), "{ran}");
    assert_eq!(place.good(&["pod", "list", "--name", "other"]), "web-0\n");
    assert_eq!(place.good(&["pod", "list", "--name", "quick"]), "web-0\nweb-1\n");
    // One that was killed is not asked.
    other.kill();
    assert_eq!(place.good(&["pod", "list"]), "web-0\nweb-1\n");
    let ran = place.planwright(&["pod", "list", "--name", "other"]);
    assert_eq!(ran.code, 3, "{ran}");
}
