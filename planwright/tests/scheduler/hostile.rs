//! Ten thousand connections that are really open at once, to the real program.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::place::{Place, Scheduler, ask_raw};

const CONNECTIONS: usize = 10_000;

/// The resident memory of a scheduler, in kB.
fn resident(scheduler: &Scheduler) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", scheduler.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn ten_thousand_open_connections_leave_memory_bounded_and_an_honest_client_served() {
    // Each is a file of this process too: its own bound is raised, the scheduler's is not.
    let most = getrlimit(Resource::Nofile).maximum;
    let wanted = CONNECTIONS as u64 + 1_000;
    assert!(
        most.is_none_or(|most| most >= wanted),
        "this process may open {most:?} files at most: raise `ulimit -Hn`"
    );
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: most }).unwrap();
    let (url, before) = (scheduler.url(), resident(&scheduler));
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    let token = std::fs::read_to_string(place.data("quick").join("token")).unwrap();
    let honest = format!(
        "GET /v1/plans HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        token.trim()
    );
    let mut open = Vec::with_capacity(CONNECTIONS);
    for nth in 1..=CONNECTIONS {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))
            .unwrap_or_else(|error| panic!("connection {nth} was not taken: {error}"));
        // It may have been sent away already.
        let _ = stream.write_all(b"GET /v1/plans HTTP/1.1\r\nhost: ");
        open.push(stream);
        if nth % 1_000 == 0 {
            let answer = ask_raw(&url, &honest);
            assert!(answer.starts_with("HTTP/1.1 200"), "behind {nth} others: {answer}");
        }
    }
    assert_eq!(open.len(), CONNECTIONS, "all are open here");
    let grown = resident(&scheduler).saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} kB for {CONNECTIONS} connections");
    let files = std::fs::read_dir(format!("/proc/{}/fd", scheduler.pid())).unwrap().count();
    assert!(files < 1_000, "the scheduler holds {files} files");
    // The first of them had to go for the last.
    open[0].set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut byte = [0];
    assert!(matches!(open[0].read(&mut byte), Ok(0)) || open[0].read(&mut byte).is_err(), "it is closed");
}
