//! The data folder: what is in it is planwright's, and nothing else is touched.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;

use crate::place::{Place, Ran, ask_raw};

/// What is in a folder.
fn names(folder: impl AsRef<Path>) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, 1, "{ran}");
    for word in words {
        assert!(ran.err.contains(word), "`{word}` is not in {ran}");
    }
}

#[test]
fn what_planwright_did_not_make_is_neither_taken_nor_removed() {
    let place = Place::new();
    let (quick, project) = (place.quick(), place.path("project"));
    place.file("project/tasks/mine", "mine");
    place.file("project/files/mine", "mine");
    let ran = place.planwright(&["run", &quick, "--data-dir", &project]);
    refused(&ran, &[&project, "is not planwright's", "`files`", "`tasks`", "--data-dir"]);
    assert_eq!(names(&project), BTreeSet::from(["files".to_owned(), "tasks".to_owned()]), "untouched");
    // Nor is what has a name that we have, too: not even to see who has the folder.
    place.file("named/lock", "mine");
    place.file("named/scheduler.log", "mine");
    let (named, taken) = (place.path("named"), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let taken = taken.local_addr().map(|address| (address.to_string(), taken)).unwrap();
    for (listen, word) in [("127.0.0.1:0", "is not planwright's"), (taken.0.as_str(), "127.0.0.1")] {
        refused(&place.planwright(&["run", &quick, "--data-dir", &named, "--listen", listen]), &[word]);
    }
    assert_eq!(names(&named), BTreeSet::from(["lock".to_owned(), "scheduler.log".to_owned()]), "untouched");
    assert_eq!(fs::read_to_string(place.path("named/lock")).unwrap(), "mine");
    // What someone has put into a folder of ours stays, too.
    let data = place.path("data");
    let scheduler = place.run_quick(&["--data-dir", &data]);
    let theirs = ["data/mine", "data/files/mine", "data/tasks/mine"];
    theirs.iter().for_each(|file| place.file(file, "mine"));
    place.file("data/files/quick/key", "kept through the API");
    place.good(&["uninstall"]);
    let ran = scheduler.ended();
    assert_eq!(ran.code, 0, "{ran}");
    for file in theirs {
        assert_eq!(fs::read_to_string(place.path(file)).unwrap(), "mine", "{file}");
    }
    assert_eq!(
        names(&data),
        BTreeSet::from(["files", "lock", "mine", "planwright.json", "tasks", "token"].map(String::from))
    );
    assert!(!names(format!("{data}/files")).contains("quick"), "what was the service's is gone");
    // It is ours still.
    place.run_quick(&["--data-dir", &data]).end(Signal::INT);
}

#[test]
fn a_folder_of_a_newer_planwright_is_left_alone() {
    let place = Place::new();
    place.file("data/planwright.json", "{ \"format\": 99 }");
    let ran = place.planwright(&["run", &place.quick(), "--data-dir", &place.path("data")]);
    refused(&ran, &["planwright.json", "newer planwright", "99"]);
    assert_eq!(names(place.path("data")).len(), 1, "untouched");
}

#[test]
fn records_in_memory_are_never_beside_those_on_disk() {
    let place = Place::new();
    place.run_quick(&[]).end(Signal::INT);
    let (quick, data) = (place.quick(), place.data("quick"));
    let (starts, processes) = (place.starts("quick", 2), place.processes());
    let memory = place.run_quick(&["--store", "memory"]);
    assert!(!memory.out().contains(&format!("data folder: {}\n", data.display())), "{}", memory.out());
    place.good(&["uninstall"]);
    let ran = memory.ended();
    assert_eq!(ran.code, 0, "{ran}");
    let data = data.display().to_string();
    let ran = place.planwright(&["run", &quick, "--store", "memory", "--data-dir", &data]);
    refused(&ran, &[&data, "records.redb", "--store memory", "--data-dir"]);
    // The first installation is as it was.
    assert_eq!(place.processes(), processes);
    let scheduler = place.run_quick(&[]);
    scheduler.until_err("goes on where it was");
    place.good(&["plan", "status", "--wait"]);
    assert_eq!((place.starts("quick", 2), place.processes().len()), (starts, processes.len()));
    drop(scheduler);
}

#[test]
fn a_folder_that_lost_its_records_is_refused() {
    let place = Place::new();
    place.run_quick(&[]).end(Signal::INT);
    let (quick, data) = (place.quick(), place.data("quick"));
    let (starts, processes) = (place.starts("quick", 2), place.processes());
    let records = data.join("records.redb");
    let right = fs::read(&records).unwrap();
    fs::write(&records, "").unwrap();
    let ran = place.planwright(&["run", &quick]);
    refused(&ran, &["records.redb", "is empty", "--data-dir"]);
    assert_eq!(fs::metadata(&records).unwrap().len(), 0, "untouched");
    fs::remove_file(&records).unwrap();
    let ran = place.planwright(&["run", &quick]);
    refused(&ran, &["records.redb", "are gone", "`quick`", "restore", "--data-dir"]);
    assert!(!records.exists() && place.processes() == processes, "untouched");
    let named = |pid: &i32| ran.err.contains(&pid.to_string());
    assert!(processes.iter().any(named), "those that hold the tasks are named: {ran}");
    // Records that know nothing of the tasks are not theirs.
    let other = place.path("other");
    place.run_quick(&["--data-dir", &other]).end(Signal::KILL);
    let theirs = format!("{other}/tasks/services/quick");
    let theirs = format!("{theirs}/{}", names(&theirs).first().unwrap());
    let mine = place.path("elsewhere");
    fs::create_dir_all(format!("{mine}/tasks/services/unknown")).unwrap();
    fs::copy(format!("{other}/planwright.json"), format!("{mine}/planwright.json")).unwrap();
    fs::copy(format!("{other}/records.redb"), format!("{mine}/records.redb")).unwrap();
    fs::create_dir_all(format!("{mine}/tasks/services/unknown/1")).unwrap();
    let whose =
        fs::read_to_string(format!("{theirs}/service.json")).unwrap().replace("\"quick\"", "\"unknown\"");
    fs::write(format!("{mine}/tasks/services/unknown/1/service.json"), whose).unwrap();
    let ran = place.planwright(&["run", &quick, "--data-dir", &mine]);
    refused(&ran, &["do not know them", "`unknown`", "restore"]);
    // With its records back, all goes on.
    fs::write(&records, &right).unwrap();
    let scheduler = place.run_quick(&[]);
    scheduler.until_err("goes on where it was");
    place.good(&["plan", "status", "--wait"]);
    assert_eq!(place.starts("quick", 2), starts);
    drop(scheduler);
}

#[test]
fn records_of_an_earlier_installation_are_refused() {
    let place = Place::new();
    place.run_quick(&[]).end(Signal::INT);
    let records = place.data("quick").join("records.redb");
    let earlier = fs::read(&records).unwrap();
    let scheduler = place.run_quick(&[]);
    place.good(&["uninstall"]);
    assert_eq!(scheduler.ended().code, 0);
    place.run_quick(&[]).end(Signal::INT);
    let (processes, right) = (place.processes(), fs::read(&records).unwrap());
    fs::write(&records, earlier).unwrap();
    let ran = place.planwright(&["run", &place.quick()]);
    refused(&ran, &["do not know them", "`quick`", "restore", "--data-dir"]);
    assert_eq!(place.processes(), processes, "nothing is launched beside them");
    fs::write(&records, right).unwrap();
    let scheduler = place.run_quick(&[]);
    scheduler.until_err("goes on where it was");
    drop(scheduler);
}

#[test]
fn a_scheduler_is_that_of_one_service() {
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    let token = fs::read_to_string(place.data("quick").join("token")).unwrap();
    let url = scheduler.url();
    let ask = |method: &str, body: &str| {
        let (host, length) = (url.strip_prefix("http://").unwrap(), body.len());
        let head = format!(
            "{method} /v2/target HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
            token.trim()
        );
        ask_raw(&url, &(head + body))
    };
    let spec = ask("GET", "");
    let spec = spec.rsplit("\r\n\r\n").next().unwrap().replace("\"name\": \"quick\"", "\"name\": \"other\"");
    let answer = ask("POST", &format!("{{\"spec\":{spec}}}"));
    assert!(
        answer.starts_with("HTTP/1.1 409") && answer.contains("this scheduler is that of `quick`"),
        "{answer}"
    );
    drop(scheduler);
}

#[test]
fn tasks_that_a_killed_scheduler_left_without_records_are_named() {
    let place = Place::new();
    place.run_quick(&["--store", "memory"]).kill();
    let processes = place.processes();
    assert!(!processes.is_empty());
    let ran = place.planwright(&["run", &place.quick(), "--store", "memory"]);
    refused(&ran, &["`quick`", "kill "]);
    assert_eq!(place.processes(), processes, "no second one of any");
    // What it says ends them.
    let kill = ran.err.split('`').find(|word| word.starts_with("kill ")).unwrap().to_owned();
    let ended = std::process::Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(ended.success(), "{kill}");
    crate::place::until("they end", || place.processes().is_empty(), || kill.clone());
    let ran = place.planwright(&["run", &place.quick(), "--store", "memory", "--until-complete"]);
    assert_eq!(ran.code, 0, "what is left runs no more: {ran}");
}

#[test]
fn what_is_in_the_folder_is_its_owners_alone() {
    let place = Place::new();
    let data = place.path("open");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let _scheduler = place.run_quick(&["--data-dir", &data]);
    for name in names(&data) {
        let mode = fs::symlink_metadata(format!("{data}/{name}")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    assert!(names(&data).contains("records.redb"));
}
