//! Ten thousand clients at one time.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::place::{PATIENCE, Place, ask_raw};

const CROWD: usize = 10_000;

#[test]
fn ten_thousand_connections_at_one_time_keep_nobody_out_and_memory_bounded() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    if limit.maximum.is_some_and(|most| most < CROWD as u64 + 500) {
        let why = format!("this process may have {limit:?} files open, and {CROWD} connections are to be");
        let _ = writeln!(std::io::stderr(), "!!! DID NOT RUN: ten thousand connections: {why}");
        return;
    }
    let place = Place::new();
    let scheduler = place.run_quick(&[]);
    let address = scheduler.url().strip_prefix("http://").unwrap().to_owned();
    let address = address.parse().unwrap();
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", scheduler.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let before = resident();
    let mut crowd = Vec::with_capacity(CROWD);
    for nth in 0..CROWD {
        let stream = TcpStream::connect_timeout(&address, PATIENCE);
        let mut stream = stream.unwrap_or_else(|error| panic!("connection {nth} was not taken: {error}"));
        // Some say nothing, some a little; it may have been sent away already.
        if nth % 2 == 0 {
            let _ =
                stream.write_all(b"POST /v2/target HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9999\r\n");
        }
        crowd.push(stream);
        if nth % 100 == 99 {
            // Its turn comes after all before it: so none of them waits for a place in the system's queue.
            let host = scheduler.url().replace("http://", "Host: ");
            let request = format!("GET /v1/health HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n");
            let answer = ask_raw(&scheduler.url(), &request);
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer} with {nth}");
        }
        if nth % 2_500 == 2_499 {
            // All of them are there, and whoever means well is served at once.
            let begun = Instant::now();
            place.good(&["plan", "status"]);
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?} with {nth}", begun.elapsed());
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} kB for {CROWD} connections");
    // The first had to make room.
    let mut byte = [0];
    crowd[0].set_read_timeout(Some(PATIENCE)).unwrap();
    let closed = crowd[0].read(&mut byte);
    let timed_out = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    assert!(!matches!(&closed, Ok(1..)) && !closed.as_ref().is_err_and(timed_out), "{closed:?}");
    drop(crowd);
    place.good(&["pod", "restart", "web-0", "--wait"]);
}
